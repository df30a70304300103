/*
 * Gaps in what the engine reports about a file it wrote, measured with DuckDB 1.5.5:
 * - has_nan is that of the last row group; but a row group with a NaN has no bounds in the footer;
 * - one row group of nulls alone makes the bounds of the whole column disappear; the footer has them per row group;
 * - nulls of a list or map are mixed with empty ones and null elements: only the column itself tells them apart, which
 *   is looked up for small files only.
 */
#include "delta/stats_plan.h"

#define ONE_ROW_GROUP_ROWS 20000          /* files of that few rows and bytes have one row group */
#define ONE_ROW_GROUP_BYTES (1 << 20)
#define SMALL_FILE_BYTES (16 << 20)

typedef bool wanted_fn(const pli__stats_file *f, const pli__stat_node *n);

static bool wants_footer(const pli__stats_file *f, const pli__stat_node *n) {
    const pli__written_column *c = pli__map_get(f->columns, n->engine_key);
    if (!c || pli__type_is_nested(n->type) || n->type->id == PLI__TYPE_BOOLEAN || n->type->id == PLI__TYPE_BINARY ||
        n->type->id == PLI__TYPE_VARIANT)
        return false;
    if (pli__type_is_float(n->type)) return true;
    return !c->has_min_max && c->has_null_count && c->null_count > 0 && c->null_count < f->file->rows;
}

static bool wants_nulls(const pli__stats_file *f, const pli__stat_node *n) {
    const pli__written_column *c = pli__map_get(f->columns, n->engine_key);
    return c && (n->type->id == PLI__TYPE_LIST || n->type->id == PLI__TYPE_MAP) &&
           (!c->has_null_count || c->null_count > 0);
}

/* The indexed leaves that are wanted, in order. */
static size_t collect(const pli__stats_file *f, const pli__stat_node *n, wanted_fn *wanted, const pli__stat_node **list,
                      size_t at) {
    if (n->indexed && n->engine_key.ptr && wanted(f, n)) list[at++] = n;
    for (size_t i = 0; i < n->n_children; i++) at = collect(f, &n->children[i], wanted, list, at);
    return at;
}

/* The one row of a query whose columns are all texts. */
typedef struct {
    pli__stats_file *f;
    const pli__stat_node **leaves;
    size_t n;
} target;

typedef void store_fn(const target *t, const pli__chunk *c);

static pli_status run(const target *t, pli__engine *engine, pli__buf *sql, store_fn *store, pli_error *err) {
    PLI_AUTO(pli__result_auto) pli__result *r = NULL;
    pli__chunk c;
    PLI_TRY(pli__buf_status(sql, err));
    PLI_TRY(pli__engine_query(engine, sql->ptr, &r, err));
    PLI_TRY(pli__result_next(r, &c, err));
    if (c.rows == 1) store(t, &c);
    return pli__arena_status(t->f->arena, err);
}

static pli__str copy_cell(const target *t, const pli__chunk *c, size_t column) {
    if (pli__chunk_is_null(c, column, 0)) return (pli__str){0};
    return pli__arena_str(t->f->arena, pli__chunk_str(c, column, 0));
}

static void store_footer(const target *t, const pli__chunk *c) {
    for (size_t i = 0; i < t->n; i++) {
        pli__stats_gap *gap = &t->f->gaps[t->leaves[i]->index];
        const bool complete = !pli__chunk_is_null(c, 3 * i, 0) && pli__str_eqz(pli__chunk_str(c, 3 * i, 0), "true");
        gap->has_nan = gap->has_nan || !complete;
        if (!complete) continue;
        gap->min = copy_cell(t, c, 3 * i + 1);
        gap->max = copy_cell(t, c, 3 * i + 2);
    }
}

static pli_status read_footer(const target *t, pli__engine *engine, const char *path, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0}, type = {0};
    pli__buf_addz(&sql, "SELECT ");
    for (size_t i = 0; i < t->n; i++) {
        const long long id = t->leaves[i]->column_id;
        pli__buf_reset(&type);
        PLI_TRY(pli__type_to_sql(t->leaves[i]->type, &type, err));
        pli__buf_addf(
            &sql,
            "%s(bool_and(stats_max_value IS NOT NULL OR stats_null_count = num_values) FILTER (column_id = %lld))::VARCHAR",
            i ? ", " : "", id);
        for (int max = 0; max < 2; max++)
            pli__buf_addf(&sql, ", (%s(CASE WHEN column_id = %lld THEN TRY_CAST(stats_%s_value AS %s) END))::VARCHAR",
                          max ? "max" : "min", id, max ? "max" : "min", type.ptr);
    }
    pli__buf_addz(&sql, " FROM parquet_metadata(");
    pli__buf_add_sql_str(&sql, pli__str_of(path));
    pli__buf_addc(&sql, ')');
    return run(t, engine, &sql, store_footer, err);
}

static void store_nulls(const target *t, const pli__chunk *c) {
    for (size_t i = 0; i < t->n; i++)
        if (!pli__str_to_i64(pli__chunk_str(c, i, 0), &t->f->gaps[t->leaves[i]->index].nulls))
            t->f->gaps[t->leaves[i]->index].nulls = -1;
}

static pli_status count_nulls(const target *t, pli__engine *engine, const char *path, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
    pli__buf_addz(&sql, "SELECT ");
    for (size_t i = 0; i < t->n; i++) {
        pli__buf_addf(&sql, "%s(count(*) FILTER (", i ? ", " : "");
        pli__buf_adds(&sql, t->leaves[i]->sql);
        pli__buf_addz(&sql, " IS NULL))::VARCHAR");
    }
    pli__buf_addz(&sql, " FROM read_parquet(");
    pli__buf_add_sql_str(&sql, pli__str_of(path));
    pli__buf_addz(&sql, ", hive_partitioning = false)");
    return run(t, engine, &sql, store_nulls, err);
}

pli_status pli__stats_fill_gaps(pli__stats_file *f, pli__engine *engine, const char *local_path, pli_error *err) {
    const size_t n = f->plan->n_leaves;
    f->gaps = pli__arena_calloc(f->arena, n + 1, sizeof *f->gaps);
    const pli__stat_node **list = pli__arena_calloc(f->arena, n + 1, sizeof(pli__stat_node *));
    if (!f->gaps || !list) return pli__error_memory(err);
    const bool one_row_group = f->file->rows <= ONE_ROW_GROUP_ROWS && f->file->bytes <= ONE_ROW_GROUP_BYTES;
    for (size_t i = 0; i < n; i++) f->gaps[i].nulls = -1;
    target t = {.f = f, .leaves = list};
    t.n = collect(f, &f->plan->root, wants_footer, list, 0);
    for (size_t i = 0; i < t.n; i++) {
        const pli__written_column *c = pli__map_get(f->columns, list[i]->engine_key);
        f->gaps[list[i]->index].has_nan = c->has_nan || (!one_row_group && !engine);
    }
    if (t.n && engine && !one_row_group) PLI_TRY(read_footer(&t, engine, local_path, err));
    t.n = collect(f, &f->plan->root, wants_nulls, list, 0);
    if (t.n && engine && f->file->bytes <= SMALL_FILE_BYTES) PLI_TRY(count_nulls(&t, engine, local_path, err));
    return PLI_OK;
}
