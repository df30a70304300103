/* A table that is written and read through the engine. */
#include "support/delta_write.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
// cmocka wants the ones above
#include <cmocka.h>

#include "delta/changes.h"
#include "delta/metadata_write.h"
#include "delta/project.h"
#include "delta/protocol_write.h"
#include "support/delta_fixtures.h"
#include "support/temp_dir.h"

int write_fixture_setup(void **state) {
    write_fixture *f = calloc(1, sizeof *f);
    if (temp_dir_setup(&f->dir)) return -1;
    f->env = fixtures_env("UTC");
    write_fixture_open(f, "table");
    *state = f;
    return 0;
}

int write_fixture_setup_short_of_memory(void **state) {
    const pli_env_options options = {
        .size = sizeof options, .threads = 2, .time_zone = "UTC", .memory_limit = 512 << 20};
    if (write_fixture_setup(state)) return -1;
    write_fixture *f = *state;
    pli__delta_free(f->table);
    f->table = NULL;
    pli_env_free(f->env);
    assert_int_equal(pli_env_new(&options, &f->env, NULL), PLI_OK);
    write_fixture_open(f, "table");
    return 0;
}

int write_fixture_teardown(void **state) {
    write_fixture *f = *state;
    pli__delta_free(f->table);
    pli_env_free(f->env);
    temp_dir_teardown(&f->dir);
    free(f);
    return 0;
}

void write_fixture_open(write_fixture *f, const char *name) {
    pli_error err = {0};
    pli__delta_free(f->table);
    f->table = NULL;
    if (pli__delta_open(f->env, temp_path(f->dir, name), &f->table, &err) != PLI_OK) fail_msg("%s", err.message);
}

/* Metadata that the rows go to: that of the table, grown where the projection says so, or new. */
static pli_status metadata_for(write_fixture *f, const pli__snapshot *s, const pli__projection *p,
                               const write_table *how, pli__arena *arena, pli__metadata *m, pli_error *err) {
    if (s) {
        *m = *pli__snapshot_metadata(s);
        if (p->schema_changed) PLI_TRY(pli__metadata_with_schema(m, p->schema, arena, m, err));
        return p->types_widened ? pli__metadata_set(m, PLI_STR("delta.enableTypeWidening"), PLI_STR("true"), arena, err)
                                : PLI_OK;
    }
    pli__kv properties[4];
    size_t n = 0;
    for (; n < 4 && how->properties[2 * n]; n++)
        properties[n] = (pli__kv){pli__str_of(how->properties[2 * n]), pli__str_of(how->properties[2 * n + 1])};
    size_t parts = 0;
    while (how->partition_by[parts]) parts++;
    const pli__create_options create = {
        .n_partition_by = parts, .partition_by = how->partition_by, .n_properties = n, .properties = properties};
    return pli__metadata_create(f->env, p->schema, &create, arena, m, err);
}

pli_status write_append(write_fixture *f, const char *sql, const write_table *how, pli_error *err) {
    static const write_table plain = {0};
    PLI_AUTO(pli__snapshot_auto) pli__snapshot *s = NULL;
    PLI_AUTO(pli__txn_auto) pli__txn_handle *x = NULL;
    PLI_AUTO(pli__type_auto) const pli__type *input = NULL;
    PLI_AUTO(pli__projection_clear) pli__projection p = {0};
    PLI_AUTO(pli__arena_clear) pli__arena arena = {0};
    pli__engine *e;
    pli__metadata m;
    pli__protocol protocol;
    pli__written *w = NULL;
    pli__commit_result r;
    bool exists = false, changed;
    if (!how) how = &plain;
    PLI_TRY(pli__env_engine(f->env, &e, err));
    PLI_TRY(pli__engine_describe(e, sql, &input, err));
    PLI_TRY(pli__delta_exists(f->table, &exists, err));
    if (exists) PLI_TRY(pli__snapshot_open(f->table, PLI__LATEST, NULL, &s, err));
    const pli__project_options options = {.merge_schema = how->merge_schema, .allow_type_widening = how->merge_schema};
    PLI_TRY(pli__project(s ? pli__snapshot_schema(s) : NULL, input, sql, &options, &p, err));
    PLI_TRY(metadata_for(f, s, &p, how, &arena, &m, err));
    PLI_TRY(pli__protocol_derive(&m, p.schema, s ? pli__snapshot_protocol(s) : NULL, &arena, &protocol, &changed, err));
    const pli__write_options write = {.target_file_size = how->target_file_size};
    PLI_TRY(pli__write_rows(f->table, &protocol, &m, p.sql.ptr, &write, NULL, &w, err));
    const pli__txn_options txn = {
        .operation = "WRITE", .data_change = true, .operation_params = "{\"mode\":\"Append\"}"};
    pli_status status = pli__txn_begin(f->table, s, &txn, &x, err);
    if (status == PLI_OK && p.schema_changed) status = pli__txn_set_metadata(x, &m, err);
    if (status == PLI_OK) status = pli__written_add_to(w, x, err);
    if (status == PLI_OK) status = pli__txn_commit(x, &r, err);
    pli__written_free(w);
    return status;
}

void must_append(write_fixture *f, const char *sql, const write_table *how) {
    pli_error err = {0};
    if (write_append(f, sql, how, &err) != PLI_OK) fail_msg("%s", err.message);
}

pli__snapshot *write_latest(write_fixture *f) {
    pli__snapshot *s = NULL;
    pli_error err = {0};
    if (pli__snapshot_open(f->table, PLI__LATEST, NULL, &s, &err) != PLI_OK) fail_msg("%s", err.message);
    return s;
}

void expect_rows(write_fixture *f, const char *expected) {
    pli__snapshot *s = write_latest(f);
    pli__scan *scan = NULL;
    pli_error err = {0};
    if (pli__scan_new(s, NULL, &scan, &err) != PLI_OK) fail_msg("%s", err.message);
    assert_same_rows(f->env, pli__scan_sql(scan), expected);
    pli__scan_free(scan);
    pli__snapshot_unref(s);
}

void expect_changes(write_fixture *f, int64_t from, const char *expected) {
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
    pli__changes_options options = {.from = from};
    pli__changes *c = NULL;
    pli_error err = {0};
    assert_int_equal(pli__delta_latest_version(f->table, &options.to, NULL), PLI_OK);
    if (pli__changes_new(f->table, &options, &c, &err) != PLI_OK) fail_msg("%s", err.message);
    pli__buf_addf(&sql, "SELECT * EXCLUDE (_commit_timestamp) FROM (%s)", pli__changes_sql(c));
    assert_same_rows(f->env, sql.ptr, expected);
    pli__changes_free(c);
}

static pli_status count_file(void *arg, const pli__add *add, pli_error *err) {
    (void)add;
    (void)err;
    ++*(int64_t *)arg;
    return PLI_OK;
}

int64_t count_files(write_fixture *f) {
    pli__snapshot *s = write_latest(f);
    int64_t n = 0;
    assert_int_equal(pli__snapshot_files(s, PLI__FILES_PATHS, count_file, &n, NULL), PLI_OK);
    pli__snapshot_unref(s);
    return n;
}
