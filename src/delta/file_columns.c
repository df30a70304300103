/* Columns of data files: the rows of parquet_schema, in depth-first order, as trees. */
#include "delta/file_columns.h"

#include "base/arena.h"

enum {
    COLUMNS_MAX = 1 << 20, /* rows of one file's schema */
    DEPTH_MAX = 256
};

/* One row of the schema as it stands in the footer. */
typedef struct node {
    pli__file_column column;
    bool is_list, is_map, is_repeated;
    size_t n_children;
} node;

/* Which column of the query holds what. */
enum { NAME, TYPE, REPETITION, N_CHILDREN, CONVERTED, LOGICAL, FIELD_ID };

typedef struct {
    pli__arena arena;
    node *nodes; /* of the present file */
    size_t n, cap, next;
} file_schema;

static void file_schema_clear(file_schema *s) { pli__arena_clear(&s->arena); }

static pli__str text_at(const pli__chunk *c, size_t column, size_t row) {
    return pli__chunk_is_null(c, column, row) ? (pli__str){0} : pli__chunk_str(c, column, row);
}

static int64_t number_at(const pli__chunk *c, size_t column, size_t row, int64_t absent) {
    return pli__chunk_is_null(c, column, row) ? absent : pli__chunk_i64(c, column, row);
}

static bool is_naive(pli__str type, pli__str logical) {
    static const char word[] = "isAdjustedToUTC=0";
    if (pli__str_eqz(type, "INT96")) return true;
    return pli__str_starts(logical, PLI_STR("TimestampType")) && memmem(logical.ptr, logical.len, word, strlen(word));
}

static pli_status add_node(file_schema *s, const pli__chunk *c, size_t row, pli_error *err) {
    const pli__str converted = text_at(c, CONVERTED, row), logical = text_at(c, LOGICAL, row);
    const int64_t children = number_at(c, N_CHILDREN, row, 0);
    if (s->n >= COLUMNS_MAX || children < 0 || children > COLUMNS_MAX)
        return pli__error_set(err, PLI_E_LIMIT, "a data file has more than %d columns", COLUMNS_MAX);
    if (s->n == s->cap) {
        const size_t cap = s->cap ? s->cap * 2 : 64;
        node *moved = pli__arena_alloc(&s->arena, cap * sizeof *moved);
        if (!moved) return pli__error_memory(err);
        if (s->n) memcpy(moved, s->nodes, s->n * sizeof *moved);
        s->nodes = moved;
        s->cap = cap;
    }
    s->nodes[s->n++] = (node){
        .column = {.name = pli__arena_str(&s->arena, text_at(c, NAME, row)),
                   .field_id = number_at(c, FIELD_ID, row, -1),
                   .is_naive_time = is_naive(text_at(c, TYPE, row), logical),
                   .is_date = pli__str_eqz(converted, "DATE") || pli__str_starts(logical, PLI_STR("DateType"))},
        .is_list = pli__str_eqz(converted, "LIST") || pli__str_starts(logical, PLI_STR("ListType")),
        .is_map = pli__str_eqz(converted, "MAP") || pli__str_eqz(converted, "MAP_KEY_VALUE") ||
                  pli__str_starts(logical, PLI_STR("MapType")),
        .is_repeated = pli__str_eqz(text_at(c, REPETITION, row), "REPEATED"),
        .n_children = (size_t)children};
    return pli__arena_status(&s->arena, err);
}

/* ---- trees ---- */

/* The element of a list stands in a repeated group of its own, or is itself what repeats (lists of two levels). */
static bool repeats_itself(const node *list, const node *repeated) {
    PLI_AUTO(pli__buf_clear) pli__buf tuple = {0};
    pli__buf_adds(&tuple, list->column.name);
    pli__buf_addz(&tuple, "_tuple");
    return repeated->n_children != 1 || pli__str_eqz(repeated->column.name, "array") ||
           pli__str_eq(repeated->column.name, pli__buf_str(&tuple));
}

static pli_status build(file_schema *s, unsigned depth, pli__file_column *out, pli_error *err);

static pli_status build_children(file_schema *s, size_t n, unsigned depth, pli__file_column *out, pli_error *err) {
    out->n = n;
    out->children = n ? pli__arena_calloc(&s->arena, n, sizeof *out->children) : NULL;
    if (n && !out->children) return pli__error_memory(err);
    for (size_t i = 0; i < n; i++) PLI_TRY(build(s, depth + 1, &out->children[i], err));
    return PLI_OK;
}

/* The next node and all below it, without the groups that only lists and maps need. */
static pli_status build(file_schema *s, unsigned depth, pli__file_column *out, pli_error *err) {
    if (depth > DEPTH_MAX || s->next >= s->n)
        return pli__error_set(err, PLI_E_CORRUPT, "the schema of a data file cannot be understood");
    const node *self = &s->nodes[s->next++];
    *out = self->column;
    if ((!self->is_list && !self->is_map) || self->n_children != 1 || s->next >= s->n || !s->nodes[s->next].is_repeated)
        return build_children(s, self->n_children, depth, out, err);
    const node *repeated = &s->nodes[s->next];
    if (self->is_list && repeats_itself(self, repeated)) return build_children(s, 1, depth, out, err);
    s->next++;
    return build_children(s, repeated->n_children, depth, out, err);
}

/* ---- variants ---- */

static bool has_child(const pli__file_column *c, const char *name) {
    for (size_t i = 0; i < c->n; i++)
        if (pli__str_eqz(c->children[i].name, name)) return true;
    return false;
}

static bool may_hold_variants(const pli__file_column *c) {
    if (has_child(c, "metadata") && has_child(c, "value")) return true;
    for (size_t i = 0; i < c->n; i++)
        if (may_hold_variants(&c->children[i])) return true;
    return false;
}

static void mark_variants(pli__file_column *c, const pli__type *t) {
    c->is_variant = t->id == PLI__TYPE_VARIANT;
    for (size_t i = 0; i < c->n && i < t->n_fields; i++) mark_variants(&c->children[i], t->fields[i].type);
}

/* parquet_schema does not show the annotation of a variant; the types that the engine gives the columns do. */
static pli_status find_variants(pli__engine *e, const char *path, pli__file_column *root, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
    PLI_AUTO(pli__type_auto) const pli__type *t = NULL;
    if (!may_hold_variants(root)) return PLI_OK;
    pli__buf_addz(&sql, "SELECT * FROM read_parquet([");
    pli__buf_add_sql_str(&sql, pli__str_of(path));
    pli__buf_addz(&sql, "], hive_partitioning = false)");
    PLI_TRY(pli__buf_status(&sql, err));
    PLI_TRY(pli__engine_describe(e, sql.ptr, &t, err));
    if (t->n_fields == root->n) mark_variants(root, t);
    return PLI_OK;
}

/* ---- reading ---- */

/* A file at a time: rows of several files would come mixed, because the engine keeps no order between its threads. */
static pli_status read_file(pli__engine *e, const char *path, file_schema *s, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
    PLI_AUTO(pli__result_auto) pli__result *rows = NULL;
    pli__chunk chunk;
    pli__buf_addz(&sql, "SELECT name, type, repetition_type, num_children, converted_type, logical_type, field_id"
                        " FROM parquet_schema([");
    pli__buf_add_sql_str(&sql, pli__str_of(path));
    pli__buf_addz(&sql, "])");
    PLI_TRY(pli__buf_status(&sql, err));
    PLI_TRY(pli__engine_query(e, sql.ptr, &rows, err));
    for (;;) {
        PLI_TRY(pli__result_next(rows, &chunk, err));
        if (!chunk.rows) return PLI_OK;
        for (size_t i = 0; i < chunk.rows; i++) PLI_TRY(add_node(s, &chunk, i, err));
    }
}

pli_status pli__file_columns_read(pli__engine *e, const char *const *paths, size_t n, pli__file_columns_fn *fn,
                                  void *arg, pli_error *err) {
    PLI_AUTO(file_schema_clear) file_schema s = {.n = 0};
    for (size_t i = 0; i < n; i++) {
        pli__file_column root;
        PLI_TRY_IN(read_file(e, paths[i], &s, err), err, "file '%s'", paths[i]);
        PLI_TRY_IN(build(&s, 0, &root, err), err, "file '%s'", paths[i]);
        PLI_TRY_IN(find_variants(e, paths[i], &root, err), err, "file '%s'", paths[i]);
        PLI_TRY(fn(arg, i, &root, err));
        pli__arena_reset(&s.arena);
        s = (file_schema){.arena = s.arena};
    }
    return PLI_OK;
}

/* ---- decimals ---- */

pli_status pli__file_refuse_decimal(pli__str column, int64_t digits, pli_error *err) {
    const pli_status status = pli__error_set(
        err, PLI_E_UNSUPPORTED, "column '%.*s' is a decimal of %lld digits, and no more than 38 can be read",
        PLI_STR_ARG(column), (long long)digits);
    (void)pli__error_hint(err, "write it with at most 38 digits, or as text");
    return status;
}

pli_status pli__file_check_decimals(pli__engine *e, const char *path, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
    PLI_AUTO(pli__result_auto) pli__result *rows = NULL;
    pli__chunk c;
    pli__buf_addz(&sql, "SELECT name, \"precision\"::BIGINT FROM parquet_schema([");
    pli__buf_add_sql_str(&sql, pli__str_of(path));
    pli__buf_addz(&sql, "]) WHERE \"precision\" > 38 LIMIT 1");
    PLI_TRY(pli__buf_status(&sql, err));
    PLI_TRY(pli__engine_query(e, sql.ptr, &rows, err));
    PLI_TRY(pli__result_next(rows, &c, err));
    return c.rows ? pli__file_refuse_decimal(pli__chunk_str(&c, 0, 0), pli__chunk_i64(&c, 1, 0), err) : PLI_OK;
}
