/*
 * From the condition of a merge to a condition over the table alone, by which files are left out: its conjuncts over columns of
 * the table as they are; of each equality of a column with one of the source the values that the source has, as a list
 * or, of many, as ranges, of numbers and times between the widest gaps, so that keys in a few places open the files of those places.
 */
#include "base/json.h"
#include "delta/merge_impl.h"
#include "delta/sql_tree.h"

enum {
    LISTED_MAX = 300,         /* rows of a source whose values are listed one by one */
    RANGES = 32,
    RANKED_MAX = 5000000,     /* rows of the source; of more only the least and greatest value are taken */
    TEXT_MAX = 1000           /* longest value of a list or range */
};

typedef struct finder {
    pli__merge *m;
    json_t *tree; /* SELECT (condition) */
    pli__buf *where;
    bool alone; /* only the table is there, no source */
    bool none;  /* no row can match */
    bool plain; /* so far only columns are compared, of one type */
    pli_error *err;
} finder;

static void add_and(finder *f) {
    if (f->where->len) pli__buf_addz(f->where, " AND ");
}

/* ---- whose column ---- */

typedef enum { OF_NONE, OF_TARGET, OF_SOURCE } side;

/* A plain column of one side; *at is its index. */
static side column_of(const finder *f, const json_t *node, int *at) {
    pli__str names[PLI__SQL_NAMES_MAX];
    const size_t n = pli__sql_tree_names(node, names);
    const bool target = n == 2 && pli__str_ieqz(names[0], "target"),
               source = n == 2 && pli__str_ieqz(names[0], "source");
    if (!target && !source && n != 1) return OF_NONE;
    const int in_target = pli__type_find(f->m->now.before, names[n - 1], false),
              in_source = f->alone ? -1 : pli__type_find(f->m->source, names[n - 1], false);
    if (in_target >= 0 && (target || (n == 1 && in_source == -1))) return *at = in_target, OF_TARGET;
    if (in_source >= 0 && (source || (n == 1 && in_target == -1))) return *at = in_source, OF_SOURCE;
    return OF_NONE;
}

/* ---- conjuncts over the table alone ---- */

/* Takes `target.` off; false if the tree speaks of anything else than plain columns of the table. */
static bool strip_target(const finder *f, json_t *node) {
    if (json_is_array(node)) {
        size_t i;
        json_t *child;
        json_array_foreach(node, i, child) if (!strip_target(f, child)) return false;
        return true;
    }
    if (!json_is_object(node)) return true;
    if (pli__sql_tree_is(node, "class", "SUBQUERY") || pli__sql_tree_is(node, "class", "STAR") ||
        pli__sql_tree_is(node, "class", "WINDOW"))
        return false;
    if (pli__sql_tree_is(node, "class", "COLUMN_REF")) {
        json_t *names = json_object_get(node, "column_names");
        int at;
        if (column_of(f, node, &at) != OF_TARGET) return false;
        while (json_array_size(names) > 1) json_array_remove(names, 0);
        return true;
    }
    for (void *it = json_object_iter(node); it; it = json_object_iter_next(node, it))
        if (!strip_target(f, json_object_iter_value(it))) return false;
    return true;
}

static pli_status add_own(finder *f, const json_t *node) {
    PLI_AUTO(pli__json_unref) json_t *tree = json_deep_copy(f->tree), *own = json_deep_copy(node);
    PLI_AUTO(pli__buf_clear) pli__buf text = {0};
    const pli__str select = PLI_STR("SELECT ");
    if (!tree || !own) return pli__error_memory(f->err);
    if (!strip_target(f, own)) return PLI_OK;
    if (json_array_set(json_object_get(pli__sql_tree_select(tree), "select_list"), 0, own))
        return pli__error_memory(f->err);
    PLI_TRY(pli__sql_tree_text(pli__delta_env(f->m->table), tree, &text, f->err));
    if (!pli__str_starts(pli__buf_str(&text), select)) return PLI_OK;
    add_and(f);
    pli__buf_addf(f->where, "(%s)", text.ptr + select.len);
    return pli__buf_status(f->where, f->err);
}

/* ---- keys ---- */

/* How values of a type are spelled as constants that skipping understands; NULL = not at all. `k` is the value, `distance` how far
 * along it lies (NULL: no measure). */
typedef struct spelling {
    const char *literal, *distance;
} spelling;

static spelling spelling_of(const pli__type *t) {
    switch (t->id) {
        case PLI__TYPE_I8:
        case PLI__TYPE_I16:
        case PLI__TYPE_I32:
        case PLI__TYPE_I64: return (spelling){"'CAST(''' || k || ''' AS BIGINT)'", "CAST(k AS DOUBLE)"};
        case PLI__TYPE_STRING: return (spelling){"'''' || replace(k, '''', '''''') || ''''", NULL};
        case PLI__TYPE_DATE: return (spelling){"'CAST(''' || k || ''' AS DATE)'", "epoch(k)"};
        case PLI__TYPE_TIMESTAMP: return (spelling){"'CAST(''' || k || ''' AS TIMESTAMP WITH TIME ZONE)'", "epoch(k)"};
        case PLI__TYPE_TIMESTAMP_NTZ: return (spelling){"'CAST(''' || k || ''' AS TIMESTAMP)'", "epoch(k)"};
        default: return (spelling){NULL, NULL};
    }
}

/* The engine compares them as they are, so that bounds of one hold for the other. */
static bool comparable(const pli__type *a, const pli__type *b) {
    return pli__type_equal(a, b, false) || (pli__type_is_integer(a) && pli__type_is_integer(b));
}

/* The values of a column of the source as keys(k). */
static void add_keys(const finder *f, pli__str column, pli__buf *sql) {
    PLI_AUTO(pli__buf_clear) pli__buf name = {0};
    pli__buf_add_sql_name(&name, column);
    if (name.failed) sql->failed = true;
    else
        pli__buf_addf(sql, "(SELECT DISTINCT %s AS k FROM %s WHERE %s IS NOT NULL) AS keys", name.ptr, f->m->t.s,
                      name.ptr);
}

/* "column IN (…)", made by the engine. */
static void list_query(const finder *f, const char *target, pli__str source, spelling s, pli__buf *sql) {
    pli__buf_addz(sql, "SELECT ");
    pli__buf_add_sql_str(sql, pli__str_of(target));
    pli__buf_addf(sql, " || ' IN (' || string_agg(%s, ', ') || ')' FROM ", s.literal);
    add_keys(f, source, sql);
}

/* Ranges lo, hi between the widest gaps. */
static void gap_ranges(const finder *f, pli__str source, const char *distance, pli__buf *sql) {
    pli__buf_addf(
        sql,
        "SELECT k AS lo, coalesce(lead(before) OVER (ORDER BY k), last) AS hi FROM (SELECT k, before, last FROM "
        "(SELECT k, lag(k) OVER w AS before, max(k) OVER () AS last, %s - lag(%s) OVER w AS gap FROM ",
        distance, distance);
    add_keys(f, source, sql);
    pli__buf_addf(sql, " WINDOW w AS (ORDER BY k)) ORDER BY gap DESC NULLS FIRST LIMIT %d)", RANGES);
}

/* Ranges lo, hi of equally many values. */
static void equal_ranges(const finder *f, pli__str source, int ranges, pli__buf *sql) {
    pli__buf_addf(sql, "SELECT min(k) AS lo, max(k) AS hi FROM (SELECT k, ntile(%d) OVER (ORDER BY k) AS part FROM ",
                  ranges);
    add_keys(f, source, sql);
    pli__buf_addz(sql, ") GROUP BY part");
}

static void one_range(const finder *f, pli__str source, pli__buf *sql) {
    pli__buf_addz(sql, "SELECT min(k) AS lo, max(k) AS hi FROM ");
    add_keys(f, source, sql);
}

/* "column BETWEEN … AND … OR …" */
static void range_query(const finder *f, const char *target, pli__str source, spelling s, pli__buf *sql) {
    pli__buf_addz(sql, "SELECT '(' || string_agg(");
    pli__buf_add_sql_str(sql, pli__str_of(target));
    pli__buf_addf(sql,
                  " || ' BETWEEN ' || array_to_string(list_transform([lo, hi], lambda k: %s), ' AND '), ' OR ') || ')' "
                  "FROM (",
                  s.literal);
    if (f->m->source_rows > RANKED_MAX) one_range(f, source, sql);
    else if (s.distance) gap_ranges(f, source, s.distance, sql);
    else equal_ranges(f, source, RANGES, sql);
    pli__buf_addc(sql, ')');
}

/* Texts beyond any sense are no good as constants. */
static pli_status is_too_long(finder *f, const pli__field *k, bool *out) {
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0}, name = {0};
    int64_t longest;
    if (k->type->id != PLI__TYPE_STRING) return PLI_OK;
    pli__buf_add_sql_name(&name, pli__str_of(k->name));
    PLI_TRY(pli__buf_status(&name, f->err));
    pli__buf_addf(&sql, "SELECT coalesce(max(length(%s)), 0) FROM %s", name.ptr, f->m->t.s);
    PLI_TRY(pli__merge_count(f->m, &sql, &longest, f->err));
    *out = longest > TEXT_MAX;
    return PLI_OK;
}

static pli_status add_values(finder *f, int target, int source) {
    const pli__field *t = &f->m->now.before->fields[target], *k = &f->m->source->fields[source];
    const spelling s = spelling_of(t->type);
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0}, text = {0}, name = {0};
    bool too_long = false;
    f->plain = f->plain && comparable(t->type, k->type);
    if (!s.literal || !comparable(t->type, k->type)) return PLI_OK;
    PLI_TRY(is_too_long(f, k, &too_long));
    if (too_long) return PLI_OK;
    pli__buf_add_sql_name(&name, pli__str_of(t->name));
    PLI_TRY(pli__buf_status(&name, f->err));
    pli__buf_addz(&sql, "SELECT coalesce((");
    if (f->m->source_rows <= LISTED_MAX) list_query(f, name.ptr, pli__str_of(k->name), s, &sql);
    else range_query(f, name.ptr, pli__str_of(k->name), s, &sql);
    pli__buf_addz(&sql, "), '')");
    PLI_TRY(pli__merge_text(f->m, &sql, &text, f->err));
    if (!text.len) return f->none = true, PLI_OK; /* nothing equals NULL */
    add_and(f);
    pli__buf_adds(f->where, pli__buf_str(&text));
    return pli__buf_status(f->where, f->err);
}

/* ---- the condition ---- */

static pli_status add_conjunct(finder *f, const json_t *node) {
    if (pli__sql_tree_is(node, "type", "CONJUNCTION_AND")) {
        size_t i;
        const json_t *child;
        json_array_foreach(json_object_get(node, "children"), i, child) PLI_TRY(add_conjunct(f, child));
        return PLI_OK;
    }
    if (pli__sql_tree_is(node, "type", "COMPARE_EQUAL")) {
        int left, right;
        const side a = column_of(f, json_object_get(node, "left"), &left),
                   b = column_of(f, json_object_get(node, "right"), &right);
        if (a == OF_TARGET && b == OF_SOURCE) return add_values(f, left, right);
        if (a == OF_SOURCE && b == OF_TARGET) return add_values(f, right, left);
    }
    f->plain = false;
    return add_own(f, node);
}

static pli_status run(finder *f, const char *condition, pli_status (*add)(finder *, const json_t *)) {
    PLI_AUTO(pli__json_unref) json_t *tree = NULL;
    PLI_AUTO(pli__buf_clear) pli__buf select = {0};
    pli__buf_addf(&select, "SELECT (%s\n)", condition);
    PLI_TRY(pli__buf_status(&select, f->err));
    PLI_TRY(pli__sql_tree(pli__delta_env(f->m->table), select.ptr, "the condition of the merge", &tree, f->err));
    f->tree = tree;
    f->plain = f->plain && tree;
    return tree ? add(f, json_array_get(json_object_get(pli__sql_tree_select(tree), "select_list"), 0)) : PLI_OK;
}

pli_status pli__merge_candidates(pli__merge *m, pli__buf *where, bool *none, bool *plain, pli_error *err) {
    finder f = {.m = m, .where = where, .err = err, .plain = true};
    if (m->source_rows) PLI_TRY(run(&f, m->o.on, add_conjunct));
    *none = f.none || !m->source_rows;
    *plain = f.plain;
    return PLI_OK;
}

pli_status pli__merge_own_condition(pli__merge *m, const char *condition, pli__buf *where, pli_error *err) {
    finder f = {.m = m, .where = where, .err = err, .alone = true};
    return run(&f, condition, add_own);
}
