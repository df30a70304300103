/* From the parser's tree to a condition over bounds. Whatever is not provably right is left as NULL. */
#include "delta/skip_condition.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "delta/sql_tree.h"

enum { IN_MAX = 1000, PRECISE_DIGITS = 15, PREFIX_LENGTH = 32 };

void pli__skip_condition_clear(pli__skip_condition *c) {
    for (size_t i = 0; i < c->n_refs; i++) free(c->refs[i].path);
    pli__buf_clear(&c->sql);
    json_decref(c->exact);
}

typedef struct {
    pli__skip_condition *c;
    const pli__mapping *m;
} builder;

static const char *text_of(const json_t *node, const char *key) {
    const char *s = json_string_value(json_object_get(node, key));
    return s ? s : "";
}

/* ---- columns ---- */

/* The reference that a node is, made if it is new; -1 if it is none that bounds are known of. */
static int find_ref(builder *b, const json_t *node) {
    pli__str names[PLI__SQL_NAMES_MAX];
    PLI_AUTO(pli__buf_clear) pli__buf path = {0};
    const size_t n = pli__sql_tree_names(node, names);
    const pli__field *f = n ? pli__mapping_path(b->m, names, n, &path) : NULL;
    if (!f || path.failed || pli__type_is_nested(f->type)) return -1;
    for (size_t i = 0; i < b->c->n_refs; i++)
        if (pli__str_eq((pli__str){b->c->refs[i].path, b->c->refs[i].path_len}, pli__buf_str(&path))) return (int)i;
    if (b->c->n_refs == PLI__SKIP_REFS_MAX) return -1;
    const int column = n == 1 ? pli__mapping_find(b->m, names[0]) : -1;
    const bool partition = column >= 0 && b->m->columns[column].is_partition;
    const size_t len = path.len;
    b->c->refs[b->c->n_refs] = (pli__skip_ref){.type = f->type,
                                               .partition = partition ? column : -1,
                                               .nested = n > 1,
                                               .path = pli__buf_take(&path),
                                               .path_len = len};
    return (int)b->c->n_refs++;
}

/* ---- constants ---- */

typedef enum { FAMILY_NONE, FAMILY_TEXT, FAMILY_NUMBER, FAMILY_TIME, FAMILY_BOOLEAN } family;

static family family_of_name(const char *id) {
    static const struct {
        const char *name;
        family family;
    } names[] = {{"VARCHAR", FAMILY_TEXT},
                 {"TINYINT", FAMILY_NUMBER},
                 {"SMALLINT", FAMILY_NUMBER},
                 {"INTEGER", FAMILY_NUMBER},
                 {"BIGINT", FAMILY_NUMBER},
                 {"FLOAT", FAMILY_NUMBER},
                 {"DOUBLE", FAMILY_NUMBER},
                 {"DECIMAL", FAMILY_NUMBER},
                 {"DATE", FAMILY_TIME},
                 {"TIMESTAMP", FAMILY_TIME},
                 {"TIMESTAMP WITH TIME ZONE", FAMILY_TIME},
                 {"BOOLEAN", FAMILY_BOOLEAN}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(id, names[i].name) == 0) return names[i].family;
    return FAMILY_NONE;
}

static family family_of_type(const pli__type *t) {
    switch (t->id) {
        case PLI__TYPE_STRING: return FAMILY_TEXT;
        case PLI__TYPE_I8:
        case PLI__TYPE_I16:
        case PLI__TYPE_I32:
        case PLI__TYPE_I64:
        case PLI__TYPE_F32:
        case PLI__TYPE_F64:
        case PLI__TYPE_DECIMAL: return FAMILY_NUMBER;
        case PLI__TYPE_DATE:
        case PLI__TYPE_TIMESTAMP:
        case PLI__TYPE_TIMESTAMP_NTZ: return FAMILY_TIME;
        case PLI__TYPE_BOOLEAN: return FAMILY_BOOLEAN;
        default: return FAMILY_NONE;
    }
}

/* 25 with scale 1 is 2.5 */
static void add_decimal(pli__buf *sql, int64_t value, int64_t scale) {
    char digits[48];
    snprintf(digits, sizeof digits, "%0*" PRId64, (int)scale + 1 + (value < 0), value);
    const size_t len = strlen(digits) - (size_t)scale;
    pli__buf_add(sql, digits, len);
    if (scale) pli__buf_addc(sql, '.');
    pli__buf_addz(sql, digits + len);
}

static family add_plain(const json_t *constant, pli__buf *sql) {
    const json_t *value = json_object_get(json_object_get(constant, "value"), "value");
    const json_t *type = json_object_get(json_object_get(constant, "value"), "type");
    const family f = family_of_name(text_of(type, "id"));
    const json_t *info = json_object_get(type, "type_info");
    const int64_t scale = json_integer_value(json_object_get(info, "scale"));
    if (f == FAMILY_TEXT && json_is_string(value)) {
        pli__buf_add_sql_str(sql, pli__str_of(json_string_value(value)));
        return strlen(json_string_value(value)) == json_string_length(value) ? f : FAMILY_NONE;
    }
    if (f != FAMILY_NUMBER) return FAMILY_NONE;
    if (pli__sql_tree_is(type, "id", "DECIMAL") && json_is_integer(value) && scale >= 0 && scale <= 18) {
        add_decimal(sql, json_integer_value(value), scale);
        return f;
    }
    if (pli__sql_tree_is(type, "id", "DECIMAL")) return FAMILY_NONE;
    if (json_is_integer(value)) pli__buf_addf(sql, "%" PRId64, (int64_t)json_integer_value(value));
    else if (json_is_real(value)) pli__buf_addf(sql, "CAST(%.17g AS DOUBLE)", json_real_value(value));
    else return FAMILY_NONE;
    return f;
}

/* Appends a constant, or a plain text cast to a type, and says how it compares. *literal: it is a text without a type,
 * which takes the type of the other side. */
static family add_constant(const json_t *node, pli__buf *sql, bool *literal) {
    *literal = false;
    if (pli__sql_tree_is(node, "class", "CONSTANT")) {
        const family f = add_plain(node, sql);
        *literal = f == FAMILY_TEXT;
        return f;
    }
    const json_t *child = json_object_get(node, "child"), *type = json_object_get(node, "cast_type");
    if (!pli__sql_tree_is(node, "class", "CAST") || !pli__sql_tree_is(child, "class", "CONSTANT") ||
        json_is_true(json_object_get(node, "try_cast")))
        return FAMILY_NONE;
    const family f = family_of_name(text_of(type, "id"));
    if (f == FAMILY_NONE || f == FAMILY_TEXT || !json_is_null(json_object_get(type, "type_info"))) return FAMILY_NONE;
    pli__buf_addz(sql, "CAST(");
    if (add_plain(child, sql) == FAMILY_NONE) return FAMILY_NONE;
    pli__buf_addf(sql, " AS %s)", text_of(type, "id"));
    return f;
}

/* A comparison is only used where it orders values as the bounds are ordered: texts by bytes, numbers and times by
 * value. A column of texts compared with a number, for one, orders them otherwise. */
static bool constant_for(const pli__type *t, const json_t *node, pli__buf *sql) {
    bool literal;
    const family column = family_of_type(t), constant = add_constant(node, sql, &literal);
    return column != FAMILY_NONE && constant != FAMILY_NONE && !sql->failed && (column == constant || literal);
}

/* ---- comparisons ---- */

typedef enum { OP_EQ, OP_LT, OP_LE, OP_GT, OP_GE, OP_OTHER } comparison;

static comparison comparison_of(const char *type, bool flipped) {
    static const struct {
        const char *name;
        comparison as_is, flipped;
    } names[] = {{"COMPARE_EQUAL", OP_EQ, OP_EQ},
                 {"COMPARE_LESSTHAN", OP_LT, OP_GT},
                 {"COMPARE_LESSTHANOREQUALTO", OP_LE, OP_GE},
                 {"COMPARE_GREATERTHAN", OP_GT, OP_LT},
                 {"COMPARE_GREATERTHANOREQUALTO", OP_GE, OP_LE}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(type, names[i].name) == 0) return flipped ? names[i].flipped : names[i].as_is;
    return OP_OTHER;
}

static const char *const operators[] = {"=", "<", "<=", ">", ">="};

/* Decimals of many digits may have been written through a double: bounds are taken a little wider. */
static bool is_coarse(const pli__type *t) { return t->id == PLI__TYPE_DECIMAL && t->precision > PRECISE_DIGITS; }

/* One side: bound `lo` or `hi` of reference i, which a value compared with `op` must reach. */
static void add_bound(builder *b, int i, bool upper, const char *op, const char *constant) {
    const pli__type *t = b->c->refs[i].type;
    pli__buf *sql = &b->c->sql;
    const char *name = upper ? "hi" : "lo";
    if (is_coarse(t))
        pli__buf_addf(sql, "(CAST(%s%d AS DOUBLE) %s abs(CAST(%s%d AS DOUBLE)) * 1e-14 %s CAST(%s AS DOUBLE))", name, i,
                      upper ? "+" : "-", name, i, op, constant);
    else if (upper &&
             t->id == PLI__TYPE_STRING) /* a bound that was cut off may lack the character that makes it an upper one */
        pli__buf_addf(sql, "(CASE WHEN length(hi%d) >= %d THEN hi%d || chr(1114111) ELSE hi%d END %s %s)", i,
                      PREFIX_LENGTH, i, i, op, constant);
    else if (upper && (t->id == PLI__TYPE_TIMESTAMP || t->id == PLI__TYPE_TIMESTAMP_NTZ)) /* cut to milliseconds */
        pli__buf_addf(sql, "(hi%d + INTERVAL 1 MILLISECOND %s %s)", i, op, constant);
    else pli__buf_addf(sql, "(%s%d %s %s)", name, i, op, constant);
}

/* NaN is greater than every number to the engine, but bounds often leave it out: an upper bound of a float says nothing
 * about what is above it. */
static void add_upper(builder *b, int i, const char *op, const char *constant, bool equality) {
    if (!pli__type_is_float(b->c->refs[i].type)) {
        add_bound(b, i, true, op, constant);
    } else if (equality) {
        pli__buf_addf(&b->c->sql, "(isnan(CAST(%s AS DOUBLE)) OR ", constant);
        add_bound(b, i, true, op, constant);
        pli__buf_addc(&b->c->sql, ')');
    } else {
        pli__buf_addz(&b->c->sql, "NULL");
    }
}

static void add_comparison(builder *b, int i, comparison op, const char *constant) {
    pli__buf *sql = &b->c->sql;
    if (b->c->refs[i].partition >= 0) {
        pli__buf_addf(sql, "(p%d IS NOT NULL AND p%d %s %s)", i, i, operators[op], constant);
        return;
    }
    pli__buf_addf(sql, "((nn%d < n) AND ", i);
    if (op == OP_EQ || op == OP_LT || op == OP_LE) add_bound(b, i, false, op == OP_LT ? "<" : "<=", constant);
    if (op == OP_EQ) pli__buf_addz(sql, " AND ");
    if (op == OP_EQ || op == OP_GT || op == OP_GE) add_upper(b, i, op == OP_GT ? ">" : ">=", constant, op == OP_EQ);
    pli__buf_addc(sql, ')');
}

/* column op constant, or NULL if it is not one that can be judged */
static void add_compare(builder *b, const json_t *column, comparison op, const json_t *constant) {
    PLI_AUTO(pli__buf_clear) pli__buf text = {0};
    const int i = op == OP_OTHER ? -1 : find_ref(b, column);
    if (i >= 0 && constant_for(b->c->refs[i].type, constant, &text)) add_comparison(b, i, op, text.ptr);
    else pli__buf_addz(&b->c->sql, "NULL");
}

static void add_node(builder *b, const json_t *node);

static void add_children(builder *b, const json_t *children, const char *word) {
    size_t i;
    const json_t *child;
    pli__buf_addc(&b->c->sql, '(');
    json_array_foreach(children, i, child) {
        if (i) pli__buf_addz(&b->c->sql, word);
        add_node(b, child);
    }
    pli__buf_addc(&b->c->sql, ')');
}

static void add_in(builder *b, const json_t *children) {
    const size_t n = json_array_size(children);
    if (n < 2 || n > IN_MAX) {
        pli__buf_addz(&b->c->sql, "NULL");
        return;
    }
    pli__buf_addc(&b->c->sql, '(');
    for (size_t i = 1; i < n; i++) {
        if (i > 1) pli__buf_addz(&b->c->sql, " OR ");
        add_compare(b, json_array_get(children, 0), OP_EQ, json_array_get(children, i));
    }
    pli__buf_addc(&b->c->sql, ')');
}

/* A struct that is null hides the nulls of its members from some writers' counts, so only top columns are judged. */
static void add_null_test(builder *b, const json_t *column, bool negated) {
    const int i = find_ref(b, column);
    if (i < 0 || b->c->refs[i].nested) pli__buf_addz(&b->c->sql, "NULL");
    else if (b->c->refs[i].partition >= 0) pli__buf_addf(&b->c->sql, "(p%d IS %sNULL)", i, negated ? "NOT " : "");
    else pli__buf_addf(&b->c->sql, negated ? "(nn%d < n)" : "(nn%d > 0)", i);
}

/* text LIKE 'prefix%': the bounds must leave room for a text that begins with it */
static void add_like(builder *b, const json_t *children) {
    const json_t *pattern = json_object_get(json_object_get(json_array_get(children, 1), "value"), "value");
    const char *s = json_string_value(pattern);
    const int i = find_ref(b, json_array_get(children, 0));
    const size_t prefix = s ? strcspn(s, "%_\\") : 0;
    if (i < 0 || !prefix || b->c->refs[i].partition >= 0 || b->c->refs[i].type->id != PLI__TYPE_STRING) {
        pli__buf_addz(&b->c->sql, "NULL");
        return;
    }
    PLI_AUTO(pli__buf_clear) pli__buf text = {0};
    pli__buf_add_sql_str(&text, (pli__str){s, prefix});
    if (text.failed) {
        b->c->sql.failed = true;
        return;
    }
    pli__buf_addf(&b->c->sql, "((nn%d < n) AND ", i);
    add_bound(b, i, true, ">=", text.ptr);
    pli__buf_addf(&b->c->sql, " AND (lo%d <= %s OR starts_with(lo%d, %s)))", i, text.ptr, i, text.ptr);
}

static void add_operator(builder *b, const json_t *node) {
    const json_t *children = json_object_get(node, "children"), *child = json_array_get(children, 0);
    if (pli__sql_tree_is(node, "type", "COMPARE_IN")) add_in(b, children);
    else if (pli__sql_tree_is(node, "type", "OPERATOR_IS_NULL") ||
             pli__sql_tree_is(node, "type", "OPERATOR_IS_NOT_NULL"))
        add_null_test(b, child, pli__sql_tree_is(node, "type", "OPERATOR_IS_NOT_NULL"));
    else if (pli__sql_tree_is(node, "type", "OPERATOR_NOT") && pli__sql_tree_is(child, "type", "OPERATOR_IS_NULL"))
        add_null_test(b, json_array_get(json_object_get(child, "children"), 0), true);
    else pli__buf_addz(&b->c->sql, "NULL");
}

static void add_node(builder *b, const json_t *node) {
    pli__buf *sql = &b->c->sql;
    if (pli__sql_tree_is(node, "class", "CONJUNCTION")) {
        add_children(b, json_object_get(node, "children"),
                     pli__sql_tree_is(node, "type", "CONJUNCTION_AND") ? " AND " : " OR ");
    } else if (pli__sql_tree_is(node, "class", "COMPARISON")) {
        const json_t *left = json_object_get(node, "left"), *right = json_object_get(node, "right");
        const bool flipped = !pli__sql_tree_is(left, "class", "COLUMN_REF");
        add_compare(b, flipped ? right : left, comparison_of(text_of(node, "type"), flipped), flipped ? left : right);
    } else if (pli__sql_tree_is(node, "class", "BETWEEN")) {
        pli__buf_addc(sql, '(');
        add_compare(b, json_object_get(node, "input"), OP_GE, json_object_get(node, "lower"));
        pli__buf_addz(sql, " AND ");
        add_compare(b, json_object_get(node, "input"), OP_LE, json_object_get(node, "upper"));
        pli__buf_addc(sql, ')');
    } else if (pli__sql_tree_is(node, "class", "OPERATOR")) {
        add_operator(b, node);
    } else if (pli__sql_tree_is(node, "class", "FUNCTION") && pli__sql_tree_is(node, "function_name", "~~")) {
        add_like(b, json_object_get(node, "children"));
    } else {
        pli__buf_addz(sql, "NULL");
    }
}

/* ---- conjuncts over partition columns alone ---- */

static bool is_repeatable(const json_t *node) {
    static const char *const changing[] = {"random", "uuid",    "gen_random_uuid", "uuidv4",
                                           "uuidv7", "nextval", "currval",         "setseed"};
    for (size_t i = 0; i < sizeof changing / sizeof changing[0]; i++)
        if (pli__sql_tree_is(node, "function_name", changing[i])) return false;
    return !pli__sql_tree_is(node, "class", "SUBQUERY") && !pli__sql_tree_is(node, "class", "WINDOW") &&
           !pli__sql_tree_is(node, "class", "STAR");
}

/* Adds the partition columns that a tree speaks of; false if it speaks of others, or may give another value each time. */
static bool only_partitions(builder *b, const json_t *node, size_t *found) {
    if (json_is_array(node)) {
        size_t i;
        const json_t *child;
        json_array_foreach(node, i, child) if (!only_partitions(b, child, found)) return false;
        return true;
    }
    if (!json_is_object(node)) return true;
    if (!is_repeatable(node)) return false;
    if (pli__sql_tree_is(node, "class", "COLUMN_REF")) {
        const int i = find_ref(b, node);
        ++*found;
        return i >= 0 && b->c->refs[i].partition >= 0;
    }
    const char *key;
    const json_t *value;
    void *it = json_object_iter((json_t *)(uintptr_t)node);
    for (; it; it = json_object_iter_next((json_t *)(uintptr_t)node, it)) {
        key = json_object_iter_key(it);
        value = json_object_iter_value(it);
        if (strcmp(key, "value") != 0 && !only_partitions(b, value, found)) return false;
    }
    return true;
}

static pli_status add_conjunct(builder *b, const json_t *node, pli_error *err) {
    size_t found = 0;
    const size_t refs = b->c->n_refs;
    if (only_partitions(b, node, &found) && found)
        return json_array_append(b->c->exact, (json_t *)(uintptr_t)node) == 0 ? PLI_OK : pli__error_memory(err);
    while (b->c->n_refs > refs) free(b->c->refs[--b->c->n_refs].path); /* added on the way to finding that it is not */
    if (b->c->sql.len) pli__buf_addz(&b->c->sql, " AND ");
    add_node(b, node);
    return pli__buf_status(&b->c->sql, err);
}

pli_status pli__skip_condition_build(const json_t *where, const pli__mapping *m, pli__skip_condition *c,
                                     pli_error *err) {
    builder b = {c, m};
    size_t i;
    const json_t *child;
    c->exact = json_array();
    if (!c->exact) return pli__error_memory(err);
    if (!pli__sql_tree_is(where, "type", "CONJUNCTION_AND")) return add_conjunct(&b, where, err);
    json_array_foreach(json_object_get(where, "children"), i, child) PLI_TRY(add_conjunct(&b, child, err));
    return PLI_OK;
}
