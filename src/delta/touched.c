/* Files that an operation takes rows from. */
#include "delta/touched.h"

#include <stdlib.h>

#include "base/hash.h"
#include "delta/path.h"
#include "delta/stats_read.h"

pli_status pli__touched_new(pli__delta *t, pli__snapshot *s, pli__touched **out, pli_error *err) {
    PLI_AUTO(pli__touched_auto) pli__touched *x = calloc(1, sizeof *x);
    if (!x) return pli__error_memory(err);
    x->table = t;
    x->snapshot = pli__snapshot_ref(s);
    x->index = pli__map_new();
    if (!x->index) return pli__error_memory(err);
    PLI_TRY(pli__mapping_open(s, &x->mapping, err));
    *out = PLI_TAKE(x);
    return PLI_OK;
}

void pli__touched_free(pli__touched *x) {
    if (!x) return;
    for (size_t i = 0; i < x->n; i++) {
        pli__rows_free(x->files[i].gone);
        pli__rows_free(x->files[i].hit);
    }
    free(x->files);
    pli__map_free(x->index);
    pli__mapping_free(x->mapping);
    if (x->snapshot) pli__snapshot_unref(x->snapshot);
    pli__arena_clear(&x->arena);
    free(x);
}

void pli__touched_auto(pli__touched **x) { pli__touched_free(*x); }

static pli_status file_of(pli__touched *x, pli__str path, pli__touched_file **out, pli_error *err) {
    const uintptr_t known = (uintptr_t)pli__map_get(x->index, path);
    if (known) return *out = &x->files[known - 1], PLI_OK;
    if (x->n == x->cap) {
        const size_t cap = x->cap ? x->cap * 2 : 16;
        pli__touched_file *more = realloc(x->files, cap * sizeof *more);
        if (!more) return pli__error_memory(err);
        x->files = more;
        x->cap = cap;
    }
    pli__touched_file *f = &x->files[x->n];
    *f = (pli__touched_file){.hit = pli__rows_new(), .records = -1, .number = -1};
    if (!f->hit) return pli__error_memory(err);
    x->n++;
    if (!pli__map_put(x->index, path, (void *)(uintptr_t)x->n, NULL)) return pli__error_memory(err);
    return *out = f, PLI_OK;
}

/* ---- taking rows ---- */

static pli_status file_of_scan(pli__touched *x, const pli__scan *scan, int64_t number, pli__touched_file **out,
                               pli_error *err) {
    const pli__str path = scan ? pli__scan_path(scan, number) : (pli__str){0};
    if (!path.ptr) return pli__error_set(err, PLI_E_INTERNAL, "the probe found a row of a file that it did not read");
    PLI_TRY(file_of(x, path, out, err));
    (*out)->number = number;
    return PLI_OK;
}

static pli_status take_chunk(pli__touched *x, const pli__scan *scan, const pli__chunk *c, pli_error *err) {
    pli__touched_file *f = NULL;
    for (size_t i = 0; i < c->rows; i++) {
        const int64_t number = pli__chunk_i64(c, 0, i);
        if (!f || f->number != number) PLI_TRY(file_of_scan(x, scan, number, &f, err));
        const uint64_t row = (uint64_t)pli__chunk_i64(c, 1, i);
        if (!pli__rows_has(f->hit, row)) x->hit_rows++;
        if (!pli__rows_add(f->hit, row)) return pli__error_memory(err);
    }
    return PLI_OK;
}

pli_status pli__touched_take(pli__touched *x, const pli__scan *scan, const char *sql, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf text = {0};
    PLI_AUTO(pli__result_auto) pli__result *r = NULL;
    pli__engine *e;
    pli__chunk c;
    PLI_TRY(pli__env_engine(pli__delta_env(x->table), &e, err));
    pli__buf_addf(&text, "SELECT \"_pli_number\", \"_pli_row\"::BIGINT FROM (%s\n) AS pli_probe", sql);
    PLI_TRY(pli__buf_status(&text, err));
    PLI_TRY(pli__engine_query(e, text.ptr, &r, err));
    for (;;) {
        PLI_TRY(pli__result_next(r, &c, err));
        if (!c.rows) return PLI_OK;
        PLI_TRY(take_chunk(x, scan, &c, err));
    }
}

static pli_status take_active(void *arg, const pli__add *add, pli_error *err) {
    return pli__touched_add_file(arg, add, err);
}

pli_status pli__touched_where(pli__touched *x, const char *where, pli_error *err) {
    pli__scan *scan = NULL;
    if (!where || !where[0]) return pli__snapshot_files(x->snapshot, PLI__FILES_ALL, take_active, x, err);
    const pli__scan_options options = {.where = where, .with_file_number = true};
    PLI_TRY(pli__scan_new(x->snapshot, &options, &scan, err));
    x->files_probed = pli__scan_files_read(scan);
    const pli_status s = pli__touched_take(x, scan, pli__scan_sql(scan), err);
    pli__scan_free(scan);
    return s;
}

static pli_status fill_table(pli__touched *x, const pli__scan *scan, const char *table, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
    pli__engine *e;
    PLI_TRY(pli__env_engine(pli__delta_env(x->table), &e, err));
    pli__buf_addf(&sql, "CREATE TEMP TABLE %s AS %s", table, pli__scan_sql(scan));
    PLI_TRY(pli__buf_status(&sql, err));
    PLI_TRY(pli__engine_exec(e, sql.ptr, NULL, err));
    pli__buf_reset(&sql);
    pli__buf_addf(&sql, "SELECT * FROM %s", table);
    PLI_TRY(pli__buf_status(&sql, err));
    return pli__touched_take(x, scan, sql.ptr, err);
}

pli_status pli__touched_collect(pli__touched *x, const char *where, char **table, pli_error *err) {
    const pli__scan_options options = {.where = where, .with_file_number = true};
    pli__scan *scan = NULL;
    char uuid[37], name[64] = "pli_hit_";
    pli__uuid_new(uuid);
    for (size_t i = 0, k = strlen(name); uuid[i]; i++)
        if (uuid[i] != '-') name[k++] = uuid[i], name[k] = '\0';
    *table = pli__strz_dup(name);
    if (!*table) return pli__error_memory(err);
    PLI_TRY(pli__scan_new(x->snapshot, &options, &scan, err));
    x->files_probed = pli__scan_files_read(scan);
    const pli_status s = fill_table(x, scan, name, err);
    pli__scan_free(scan);
    return s;
}

void pli__touched_drop(pli__touched *x, char **table) {
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
    pli__engine *e = x ? pli__env_engine_if_open(pli__delta_env(x->table)) : NULL;
    if (!*table) return;
    pli__buf_addf(&sql, "DROP TABLE IF EXISTS %s", *table);
    if (e && sql.ptr) (void)pli__engine_exec(e, sql.ptr, NULL, NULL);
    free(*table);
    *table = NULL;
}

/* ---- what the log says of them ---- */

static pli_status count_records(pli__touched *x, const pli__add *add, int64_t *out, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf path = {0}, sql = {0};
    pli__engine *e;
    *out = pli__stats_num_records(add->stats);
    if (*out >= 0) return PLI_OK;
    PLI_TRY(pli__uri_resolve(pli__delta_root(x->table), add->path, &path, err));
    PLI_TRY(pli__env_engine(pli__delta_env(x->table), &e, err));
    pli__buf_addz(&sql, "SELECT num_rows::BIGINT FROM parquet_file_metadata(");
    pli__buf_add_sql_str(&sql, pli__buf_str(&path));
    pli__buf_addc(&sql, ')');
    PLI_TRY(pli__buf_status(&sql, err));
    return pli__engine_query_i64(e, sql.ptr, out, err);
}

static pli__str keep(pli__touched *x, pli__str s) { return s.ptr ? pli__arena_str(&x->arena, s) : s; }

static pli_status fill_file(pli__touched *x, pli__touched_file *f, const pli__add *add, pli_error *err) {
    pli__kv *values = pli__arena_calloc(&x->arena, add->n_partition_values + 1, sizeof *values);
    if (!values) return pli__error_memory(err);
    for (size_t i = 0; i < add->n_partition_values; i++)
        values[i] = (pli__kv){keep(x, add->partition_values[i].key), keep(x, add->partition_values[i].value)};
    f->add = *add;
    f->add.path = keep(x, add->path);
    f->add.partition_values = values;
    f->add.stats = keep(x, add->stats);
    f->add.tags = keep(x, add->tags);
    f->add.dv.path = keep(x, add->dv.path);
    f->add.clustering_provider = keep(x, add->clustering_provider);
    PLI_TRY(pli__arena_status(&x->arena, err));
    if (add->dv.storage && !f->gone) PLI_TRY(pli__dv_read(pli__delta_root(x->table), &f->add.dv, &f->gone, err));
    return count_records(x, &f->add, &f->records, err);
}

pli_status pli__touched_add_file(pli__touched *x, const pli__add *add, pli_error *err) {
    pli__touched_file *f = NULL;
    PLI_TRY(file_of(x, add->path, &f, err));
    PLI_TRY(fill_file(x, f, add, err));
    f->all = true;
    x->hit_rows += f->records - (f->gone ? (int64_t)pli__rows_count(f->gone) : 0);
    return PLI_OK;
}

static pli_status resolve_file(void *arg, const pli__add *add, pli_error *err) {
    pli__touched *x = arg;
    const uintptr_t known = (uintptr_t)pli__map_get(x->index, add->path);
    if (!known || x->files[known - 1].records >= 0) return PLI_OK;
    return fill_file(x, &x->files[known - 1], add, err);
}

pli_status pli__touched_resolve(pli__touched *x, pli_error *err) {
    PLI_TRY(pli__snapshot_files(x->snapshot, PLI__FILES_ALL, resolve_file, x, err));
    for (size_t i = 0; i < x->n; i++)
        if (x->files[i].records < 0)
            return pli__error_set(err, PLI_E_INTERNAL, "a file of the probe is not in the snapshot");
    return PLI_OK;
}

bool pli__touched_is_whole(const pli__touched_file *f) {
    return f->all || (int64_t)(pli__rows_count(f->hit) + (f->gone ? pli__rows_count(f->gone) : 0)) >= f->records;
}

int64_t pli__touched_left(const pli__touched *x) {
    int64_t n = 0;
    for (size_t i = 0; i < x->n; i++) {
        const pli__touched_file *f = &x->files[i];
        if (f->vector || pli__touched_is_whole(f)) continue;
        n += f->records - (int64_t)pli__rows_count(f->hit) - (f->gone ? (int64_t)pli__rows_count(f->gone) : 0);
    }
    return n;
}

/* ---- rows as SQL ---- */

/* Rows that are not in the result: deleted ones and those that are hit. */
static pli_status taken_rows(const pli__touched_file *f, pli__rows **out, pli_error *err) {
    PLI_AUTO(pli__rows_auto) pli__rows *all = pli__rows_new();
    if (!all || !pli__rows_or(all, f->hit) || (f->gone && !pli__rows_or(all, f->gone))) return pli__error_memory(err);
    *out = PLI_TAKE(all);
    return PLI_OK;
}

typedef struct {
    pli__rows **rows;
    size_t n;
} row_sets;

static void row_sets_clear(row_sets *r) {
    for (size_t i = 0; r->rows && i < r->n; i++) pli__rows_free(r->rows[i]);
    free(r->rows);
}

pli_status pli__touched_sql(pli__touched *x, pli__touched_rows which, bool with_file_columns,
                            pli__file_relation **relation, pli__buf *sql, bool *any, pli_error *err) {
    PLI_AUTO(row_sets_clear) row_sets sets = {calloc(x->n ? x->n : 1, sizeof(pli__rows *)), x->n};
    PLI_AUTO(pli__file_relation_auto) pli__file_relation *r = NULL;
    const pli__file_relation_options options = {.with_file_columns = with_file_columns,
                                                .with_own_number = with_file_columns};
    *any = false;
    if (!sets.rows) return pli__error_memory(err);
    PLI_TRY(pli__file_relation_new(x->table, x->mapping, &options, &r, err));
    for (size_t i = 0; i < x->n; i++) {
        const pli__touched_file *f = &x->files[i];
        pli__file_relation_file file = {.log_path = f->add.path,
                                        .n_values = f->add.n_partition_values,
                                        .values = f->add.partition_values,
                                        .bytes = f->add.size,
                                        .number = f->number};
        const bool whole = pli__touched_is_whole(f);
        if (which == PLI__TOUCHED_LEFT) {
            if (whole || f->vector) continue;
            PLI_TRY(taken_rows(f, &sets.rows[i], err));
            file.filter = PLI__ROWS_WITHOUT;
            file.rows = sets.rows[i];
        } else if (whole) { /* all that the deletion vector has left */
            file.filter = f->gone ? PLI__ROWS_WITHOUT : PLI__ROWS_ALL;
            file.rows = f->gone;
        } else {
            file.filter = PLI__ROWS_ONLY;
            file.rows = f->hit;
        }
        PLI_TRY(pli__file_relation_add(r, &file, err));
        *any = true;
    }
    if (!*any) return PLI_OK;
    PLI_TRY(pli__file_relation_sql(r, sql, err));
    *relation = PLI_TAKE(r);
    return PLI_OK;
}
