/* The engine's parser, through its json_serialize_sql and json_deserialize_sql. */
#include "delta/sql_tree.h"

#include <string.h>

#include "base/json.h"

pli_status pli__sql_tree(pli_env *env, const char *select, const char *what, json_t **out, pli_error *err) {
    PLI_AUTO(pli__json_unref) json_t *tree = NULL;
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0}, json = {0};
    pli__engine *e;
    *out = NULL;
    PLI_TRY(pli__env_engine(env, &e, err));
    /* "no location" is 2^64 - 1, which no JSON integer of ours holds; quotes of the user's own texts are escaped there */
    pli__buf_addz(&sql, "SELECT replace(CAST(json_serialize_sql(CAST(");
    pli__buf_add_sql_str(&sql, pli__str_of(select));
    pli__buf_addz(&sql,
                  " AS VARCHAR)) AS VARCHAR), '\"query_location\":18446744073709551615', '\"query_location\":0')");
    PLI_TRY(pli__buf_status(&sql, err));
    PLI_TRY(pli__engine_query_str(e, sql.ptr, &json, err));
    if (pli__json_parse(pli__buf_str(&json), what, &tree, NULL) != PLI_OK) return PLI_OK; /* a very large number */
    if (json_is_true(json_object_get(tree, "error"))) {
        const char *message = json_string_value(json_object_get(tree, "error_message"));
        return pli__error_set(err, PLI_E_SQL, "%s cannot be parsed: %s", what, message ? message : "syntax error");
    }
    *out = PLI_TAKE(tree);
    return PLI_OK;
}

json_t *pli__sql_tree_select(json_t *tree) {
    return json_object_get(json_array_get(json_object_get(tree, "statements"), 0), "node");
}

pli_status pli__sql_tree_text(pli_env *env, const json_t *tree, pli__buf *out, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf json = {0}, sql = {0};
    pli__engine *e;
    PLI_TRY(pli__json_write(tree, &json, err));
    pli__buf_addz(&sql, "SELECT json_deserialize_sql(CAST(");
    pli__buf_add_sql_str(&sql, pli__buf_str(&json));
    pli__buf_addz(&sql, " AS JSON))");
    PLI_TRY(pli__buf_status(&sql, err));
    PLI_TRY(pli__env_engine(env, &e, err));
    return pli__engine_query_str(e, sql.ptr, out, err);
}

bool pli__sql_tree_is(const json_t *node, const char *key, const char *value) {
    const char *s = json_string_value(json_object_get(node, key));
    return s && strcmp(s, value) == 0;
}

size_t pli__sql_tree_names(const json_t *node, pli__str out[PLI__SQL_NAMES_MAX]) {
    const json_t *names = json_object_get(node, "column_names");
    const size_t n = json_array_size(names);
    if (!pli__sql_tree_is(node, "class", "COLUMN_REF") || n > PLI__SQL_NAMES_MAX) return 0;
    for (size_t i = 0; i < n; i++) out[i] = pli__str_of(json_string_value(json_array_get(names, i)));
    return n;
}
