/* Footers of Parquet files as reports of written files: two queries a file, one over its footer, one over its floats. */
#include "delta/stats_footer.h"

#include "delta/stats_plan.h"
#include "port/fs.h"

#define VALUES_OF_A_LEAF 4 /* nulls, values, least, greatest */

typedef struct {
    pli__engine *engine;
    const char *path;
    pli__arena *arena;
    const pli__stat_node **leaves;
    size_t n;
    pli__written_column *columns;
} reader;

static size_t collect(const pli__stat_node *n, const pli__stat_node **list, size_t at) {
    if (n->engine_key.ptr) {
        if (list) list[at] = n;
        at++;
    }
    for (size_t i = 0; i < n->n_children; i++) at = collect(&n->children[i], list, at);
    return at;
}

static bool has_bounds(const pli__stat_node *n) {
    return n->indexed && !pli__type_is_nested(n->type) && n->type->id != PLI__TYPE_BOOLEAN &&
           n->type->id != PLI__TYPE_BINARY;
}

/* ---- the footer ---- */

/* Bounds of a column are known if each of its row groups has them, or nulls alone. */
static pli_status add_bounds(const pli__stat_node *leaf, pli__buf *sql, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf type = {0};
    const long long id = leaf->column_id;
    PLI_TRY(pli__type_to_sql(leaf->type, &type, err));
    for (int max = 0; max < 2; max++) {
        const char *side = max ? "max" : "min";
        pli__buf_addf(
            sql,
            ", CASE WHEN bool_and(stats_%s_value IS NOT NULL OR stats_null_count = num_values) FILTER (column_id = %lld)"
            " THEN (%s(TRY_CAST(stats_%s_value AS %s)) FILTER (column_id = %lld))::VARCHAR END",
            side, id, side, side, type.ptr, id);
    }
    return pli__buf_status(sql, err);
}

static pli_status footer_sql(const reader *r, pli__buf *sql, pli_error *err) {
    pli__buf_addz(sql, "SELECT (SELECT num_rows::VARCHAR FROM parquet_file_metadata(");
    pli__buf_add_sql_str(sql, pli__str_of(r->path));
    pli__buf_addz(sql, "))");
    for (size_t i = 0; i < r->n; i++) {
        const long long id = r->leaves[i]->column_id;
        pli__buf_addf(sql,
                      ", CASE WHEN bool_and(stats_null_count IS NOT NULL) FILTER (column_id = %lld)"
                      " THEN (sum(stats_null_count) FILTER (column_id = %lld))::VARCHAR END"
                      ", (sum(num_values) FILTER (column_id = %lld))::VARCHAR",
                      id, id, id);
        if (has_bounds(r->leaves[i])) PLI_TRY(add_bounds(r->leaves[i], sql, err));
        else pli__buf_addz(sql, ", NULL::VARCHAR, NULL::VARCHAR");
    }
    pli__buf_addz(sql, " FROM parquet_metadata(");
    pli__buf_add_sql_str(sql, pli__str_of(r->path));
    pli__buf_addc(sql, ')');
    return pli__buf_status(sql, err);
}

static bool number(const pli__chunk *c, size_t column, int64_t *out) {
    return !pli__chunk_is_null(c, column, 0) && pli__str_to_i64(pli__chunk_str(c, column, 0), out);
}

static pli__str text(const reader *r, const pli__chunk *c, size_t column) {
    if (pli__chunk_is_null(c, column, 0)) return (pli__str){0};
    return pli__arena_str(r->arena, pli__chunk_str(c, column, 0));
}

static void take_leaf(const reader *r, const pli__chunk *c, size_t i) {
    const size_t at = 1 + i * VALUES_OF_A_LEAF;
    pli__written_column *out = &r->columns[i];
    *out = (pli__written_column){.path = r->leaves[i]->engine_key, .num_values = -1};
    out->has_null_count = number(c, at, &out->null_count);
    (void)number(c, at + 1, &out->num_values);
    out->min = text(r, c, at + 2);
    out->max = text(r, c, at + 3);
    out->has_min_max = out->min.ptr && out->max.ptr;
}

static pli_status read_footer(const reader *r, int64_t *rows, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
    PLI_AUTO(pli__result_auto) pli__result *result = NULL;
    pli__chunk c;
    PLI_TRY(footer_sql(r, &sql, err));
    PLI_TRY(pli__engine_query(r->engine, sql.ptr, &result, err));
    PLI_TRY(pli__result_next(result, &c, err));
    if (c.rows != 1 || !number(&c, 0, rows))
        return pli__error_set(err, PLI_E_CORRUPT, "'%s' has no footer that says how many rows it holds", r->path);
    for (size_t i = 0; i < r->n; i++) take_leaf(r, &c, i);
    return pli__arena_status(r->arena, err);
}

/* ---- floats ---- */

static void float_sql(const reader *r, pli__buf *sql, size_t *n) {
    *n = 0;
    pli__buf_addz(sql, "SELECT ");
    for (size_t i = 0; i < r->n; i++) {
        if (!has_bounds(r->leaves[i]) || !pli__type_is_float(r->leaves[i]->type)) continue;
        pli__buf_addz(sql, (*n)++ ? ", (" : "(");
        pli__buf_addz(sql, "coalesce(bool_or(isnan(");
        pli__buf_adds(sql, r->leaves[i]->sql);
        pli__buf_addz(sql, ")), false))::VARCHAR");
    }
    pli__buf_addz(sql, " FROM read_parquet(");
    pli__buf_add_sql_str(sql, pli__str_of(r->path));
    pli__buf_addz(sql, ", hive_partitioning = false)");
}

/* Writers leave values that are not numbers out of their bounds, but say nowhere that there are any. */
static pli_status look_for_nan(const reader *r, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
    PLI_AUTO(pli__result_auto) pli__result *result = NULL;
    pli__chunk c;
    size_t n, column = 0;
    float_sql(r, &sql, &n);
    PLI_TRY(pli__buf_status(&sql, err));
    if (!n) return PLI_OK;
    PLI_TRY(pli__engine_query(r->engine, sql.ptr, &result, err));
    PLI_TRY(pli__result_next(result, &c, err));
    for (size_t i = 0; i < r->n && c.rows == 1; i++)
        if (has_bounds(r->leaves[i]) && pli__type_is_float(r->leaves[i]->type))
            r->columns[i].has_nan = !pli__str_eqz(pli__chunk_str(&c, column++, 0), "false");
    return PLI_OK;
}

pli_status pli__stats_read_footer(const pli__stats_plan *p, pli__engine *engine, const char *path, pli__arena *arena,
                                  pli__written_file *out, pli_error *err) {
    reader r = {.engine = engine, .path = path, .arena = arena, .n = collect(&p->root, NULL, 0)};
    pli__file_info info;
    int64_t rows = 0;
    r.leaves = pli__arena_calloc(arena, r.n + 1, sizeof(pli__stat_node *));
    r.columns = pli__arena_calloc(arena, r.n + 1, sizeof *r.columns);
    const char *copy = pli__arena_strdup(arena, pli__str_of(path));
    if (!r.leaves || !r.columns || !copy) return pli__error_memory(err);
    (void)collect(&p->root, r.leaves, 0);
    PLI_TRY(pli__fs_stat(path, &info, err));
    if (info.kind != PLI__FILE_REGULAR) return pli__error_set(err, PLI_E_NOT_FOUND, "there is no file '%s'", path);
    PLI_TRY(read_footer(&r, &rows, err));
    PLI_TRY(look_for_nan(&r, err));
    *out = (pli__written_file){
        .path = pli__str_of(copy), .rows = rows, .bytes = info.size, .n_columns = r.n, .columns = r.columns};
    return PLI_OK;
}
