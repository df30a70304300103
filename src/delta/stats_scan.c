/* One aggregate over a Parquet file for each of its indexed columns. */
#include "delta/stats_scan.h"

#include "delta/stats_plan.h"
#include "port/fs.h"

#define CELLS_OF_A_LEAF 4 /* values that are not null, least, greatest, is there a NaN */

typedef struct {
    const pli__stat_node **leaves;
    size_t n;
} leaf_list;

static void collect(const pli__stat_node *n, leaf_list *list) {
    if (n->indexed) list->leaves[list->n++] = n;
    for (size_t i = 0; i < n->n_children; i++) collect(&n->children[i], list);
}

static bool has_bounds(const pli__type *t) {
    return !pli__type_is_nested(t) && t->id != PLI__TYPE_BOOLEAN && t->id != PLI__TYPE_BINARY &&
           t->id != PLI__TYPE_VARIANT;
}

/* min of floats leaves NaN out by itself (it sorts last); max must not see it. */
static void add_leaf(const pli__stat_node *leaf, pli__buf *sql) {
    const int n = (int)leaf->sql.len;
    const char *c = leaf->sql.ptr;
    pli__buf_addf(sql, ", count(%.*s)::VARCHAR", n, c);
    if (!has_bounds(leaf->type)) pli__buf_addz(sql, ", NULL::VARCHAR, NULL::VARCHAR, 'false'");
    else if (pli__type_is_float(leaf->type))
        pli__buf_addf(sql,
                      ", min(%.*s)::VARCHAR, (max(%.*s) FILTER (NOT isnan(%.*s)))::VARCHAR, "
                      "coalesce(bool_or(isnan(%.*s)), false)::VARCHAR",
                      n, c, n, c, n, c, n, c);
    else pli__buf_addf(sql, ", min(%.*s)::VARCHAR, max(%.*s)::VARCHAR, 'false'", n, c, n, c);
}

static pli__str cell(const pli__chunk *c, size_t column, pli__arena *arena) {
    return pli__chunk_is_null(c, column, 0) ? (pli__str){0} : pli__arena_str(arena, pli__chunk_str(c, column, 0));
}

static void take_leaf(const pli__stat_node *leaf, const pli__chunk *c, size_t at, int64_t rows, pli__arena *arena,
                      pli__written_column *out) {
    int64_t values = 0;
    *out = (pli__written_column){.path = leaf->engine_key, .num_values = rows};
    out->has_null_count = pli__str_to_i64(pli__chunk_str(c, at, 0), &values);
    out->null_count = rows - values;
    out->min = cell(c, at + 1, arena);
    out->max = cell(c, at + 2, arena);
    out->has_min_max = out->min.ptr && out->max.ptr;
    out->has_nan = pli__str_eqz(pli__chunk_str(c, at + 3, 0), "true");
}

pli_status pli__stats_scan(const pli__stats_plan *p, pli__engine *engine, const char *path, pli__arena *arena,
                           pli__written_file *out, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
    PLI_AUTO(pli__result_auto) pli__result *r = NULL;
    leaf_list list = {.leaves = pli__arena_calloc(arena, p->n_leaves + 1, sizeof(pli__stat_node *))};
    pli__written_column *columns = pli__arena_calloc(arena, p->n_leaves + 1, sizeof *columns);
    pli__file_info info;
    pli__chunk c;
    int64_t rows = 0;
    if (!list.leaves || !columns) return pli__error_memory(err);
    collect(&p->root, &list);
    pli__buf_addz(&sql, "SELECT count(*)::VARCHAR");
    for (size_t i = 0; i < list.n; i++) add_leaf(list.leaves[i], &sql);
    pli__buf_addz(&sql, " FROM read_parquet(");
    pli__buf_add_sql_str(&sql, pli__str_of(path));
    pli__buf_addz(&sql, ", hive_partitioning = false)");
    PLI_TRY(pli__buf_status(&sql, err));
    PLI_TRY(pli__engine_query(engine, sql.ptr, &r, err));
    PLI_TRY(pli__result_next(r, &c, err));
    if (c.rows != 1 || !pli__str_to_i64(pli__chunk_str(&c, 0, 0), &rows))
        return pli__error_set(err, PLI_E_INTERNAL, "the engine did not count the rows of '%s'", path);
    for (size_t i = 0; i < list.n; i++)
        take_leaf(list.leaves[i], &c, 1 + i * CELLS_OF_A_LEAF, rows, arena, &columns[i]);
    PLI_TRY(pli__fs_stat(path, &info, err));
    *out = (pli__written_file){
        .path = pli__str_of(pli__arena_strdup(arena, pli__str_of(path))), .rows = rows, .bytes = info.size};
    out->n_columns = list.n;
    out->columns = columns;
    return pli__arena_status(arena, err);
}
