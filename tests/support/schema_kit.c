#include "support/schema_kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

const pli__type *kit_columns(const char *text) {
    PLI_AUTO(pli__buf_clear) pli__buf b = {0};
    const pli__type *t = NULL;
    pli_error err;
    pli__buf_addf(&b, "STRUCT(%s)", text);
    if (pli__type_from_sql(pli__buf_str(&b), &t, &err) != PLI_OK) fail_msg("%s: %s", b.ptr, err.message);
    return t;
}

pli__schema_policy kit_policy(const char *text) {
    pli__schema_policy p = {.rescue = strstr(text, "rescue"),
                            .package = strstr(text, "package"),
                            .allow_lossy_widening = strstr(text, "lossy"),
                            .case_sensitive = strstr(text, "cased"),
                            .corrupt_column = strstr(text, "corrupt")};
    char mode[40];
    assert_int_equal(sscanf(text, "%39s", mode), 1);
    assert_int_equal(pli__schema_mode_parse(mode, &p.mode, NULL), PLI_OK);
    return p;
}

static void fill_part(kit_batch *b, size_t i, const kit_part *from) {
    pli__part *part = &b->parts[i];
    pli__buf sql = {0}, path = {0};
    const bool marked = strncmp(from->columns, "text:", 5) == 0 || strncmp(from->columns, "json:", 5) == 0;
    *part = (pli__part){.text = strncmp(from->columns, "text:", 5) == 0,
                        .json = strncmp(from->columns, "json:", 5) == 0,
                        .n_files = 1,
                        .files = &b->files[i]};
    part->schema = kit_columns(marked ? from->columns + 5 : from->columns);
    part->has_corrupt = strstr(from->sql, "_pli_corrupt") != NULL;
    part->has_line = strstr(from->sql, "_pli_line") != NULL;
    pli__buf_addf(&path, "file%zu", i);
    b->files[i].path = pli__buf_take(&path);
    pli__buf_addf(&sql, "SELECT *, 'file%zu' AS \"_pli_path\" FROM (%s)", i, from->sql);
    part->sql = pli__buf_take(&sql);
}

pli_status kit_plan(kit_batch *b, const char *policy, const pli__type *stored, const kit_part *parts, size_t n,
                    pli_error *err) {
    const pli__schema_policy p = kit_policy(policy);
    PLI_AUTO(pli__free_ptr) pli__evolve_part *infos = NULL;
    *b = (kit_batch){.relation = {.parts = b->parts}};
    for (size_t i = 0; i < n && parts[i].columns; i++) {
        fill_part(b, i, &parts[i]);
        b->relation.n_parts++;
    }
    PLI_TRY(pli__evolve_parts(&b->relation, &infos, err));
    const pli__evolve_input in = {.stored = stored, .n_parts = b->relation.n_parts, .parts = infos, .policy = &p};
    PLI_TRY(pli__evolve_plan_new(&in, &b->plan, err));
    return pli__evolve_check(b->plan, err);
}

void kit_clear(kit_batch *b) {
    for (size_t i = 0; i < b->relation.n_parts; i++) {
        pli__type_unref(b->parts[i].schema);
        free(b->parts[i].sql);
        free(b->files[i].path);
    }
    pli__evolve_plan_free(b->plan);
    *b = (kit_batch){.relation = {.n_parts = 0}};
}

static pli__engine *the_engine;
static void close_engine(void) { pli__engine_close(the_engine); }

pli__engine *kit_engine(void) {
    pli_error err;
    if (the_engine) return the_engine;
    const pli__engine_options options = {.threads = 1, .memory_limit = INT64_C(1) << 29, .preserve_order = true};
    if (pli__engine_open(&options, &the_engine, &err) != PLI_OK) {
        print_message("no engine, so its tests are skipped: %s\n", err.message);
        return NULL;
    }
    atexit(close_engine);
    return the_engine;
}

pli_status kit_rows(pli__engine *e, const kit_batch *b, pli__buf *out, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0}, query = {0};
    PLI_TRY(pli__evolve_render(b->plan, &b->relation, &sql, err));
    pli__buf_addf(
        &query, "SELECT CAST(to_json(kit_row) AS VARCHAR) FROM (SELECT * EXCLUDE (\"_pli_path\") FROM (%s)) AS kit_row",
        sql.ptr);
    PLI_TRY(pli__buf_status(&query, err));
    if (getenv("KIT_SQL")) print_message("%s\n", sql.ptr);
    pli__result *r = NULL;
    pli__chunk chunk;
    PLI_TRY(pli__engine_query(e, query.ptr, &r, err));
    pli_status status;
    while ((status = pli__result_next(r, &chunk, err)) == PLI_OK && chunk.rows > 0) {
        for (size_t i = 0; i < chunk.rows; i++) {
            pli__buf_adds(out, pli__chunk_str(&chunk, 0, i));
            pli__buf_addc(out, '\n');
        }
    }
    pli__result_free(r);
    return status;
}
