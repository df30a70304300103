/*
 * SQL of the transform around SQL of the input. Only a text that mentions `_metadata` is parsed and rewritten (through the
 * engine's own syntax tree); any other text runs as it was written, over an `input` that has no such column.
 */
#include "run/transform.h"

#include <ctype.h>

#include "base/json.h"

#define META "_metadata"

pli__str pli__transform_trim(const char *sql) {
    pli__str s = pli__str_of(sql);
    while (s.len && (isspace((unsigned char)s.ptr[s.len - 1]) || s.ptr[s.len - 1] == ';')) s.len--;
    return s;
}

/* Case-insensitive search from a position; NULL if absent. */
static const char *find_word(const char *text, const char *word) { return strcasestr(text, word); }

bool pli__transform_uses_metadata(const char *sql) { return find_word(sql, META) != NULL; }

/* ---- the syntax tree as JSON ---- */

/* jansson has no unsigned 64-bit integers, the tree has (positions, huge constants): integers of 19 digits and more are
 * carried through as marked strings. */
#define BIG_MARK "@pli-int:"

static void mark_big_integers(pli__str json, pli__buf *out) {
    bool in_string = false;
    for (size_t i = 0; i < json.len; i++) {
        char c = json.ptr[i];
        if (in_string && c == '\\') {
            pli__buf_addc(out, c);
            if (++i < json.len) pli__buf_addc(out, json.ptr[i]);
            continue;
        }
        if (c == '"') in_string = !in_string;
        size_t n = 0;
        if (!in_string && (isdigit((unsigned char)c) || c == '-'))
            while (i + n < json.len && strchr("0123456789-+.eE", json.ptr[i + n])) n++;
        bool integer = n >= 19 && strcspn(json.ptr + i, ".eE") >= n;
        if (integer) pli__buf_addf(out, "\"" BIG_MARK "%.*s\"", (int)n, json.ptr + i);
        else if (n) pli__buf_add(out, json.ptr + i, n);
        else pli__buf_addc(out, c);
        if (n) i += n - 1;
    }
}

static void unmark_big_integers(const char *json, pli__buf *out) {
    static const char quoted[] = "\"" BIG_MARK;
    for (const char *p = json; *p;) {
        if (strncmp(p, quoted, sizeof quoted - 1) != 0) {
            pli__buf_addc(out, *p++);
            continue;
        }
        p += sizeof quoted - 1;
        size_t n = strcspn(p, "\"");
        pli__buf_add(out, p, n);
        p += n + 1;
    }
}

static pli_status parse_failure(const json_t *tree, pli_error *err) {
    const char *message = json_string_value(json_object_get(tree, "error_message"));
    const char *position = json_string_value(json_object_get(tree, "position"));
    pli__error_set(err, PLI_E_SQL, "the transform is not valid SQL: %s",
                   message ? message : "it is not a single SELECT");
    int64_t at = 0;
    if (err && position && pli__str_to_i64(pli__str_of(position), &at)) err->position = at + 1;
    return PLI_E_SQL;
}

static pli_status parse_sql(pli__engine *engine, pli__str sql, json_t **out, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf query = {0}, text = {0}, marked = {0};
    pli__buf_addz(&query, "SELECT json_serialize_sql(");
    pli__buf_add_sql_str(&query, sql);
    pli__buf_addz(&query, "::VARCHAR)::VARCHAR");
    PLI_TRY(pli__buf_status(&query, err));
    PLI_TRY(pli__engine_query_str(engine, query.ptr, &text, err));
    mark_big_integers(pli__buf_str(&text), &marked);
    PLI_TRY(pli__buf_status(&marked, err));
    PLI_AUTO(pli__json_unref) json_t *tree = NULL;
    PLI_TRY(pli__json_parse(pli__buf_str(&marked), "syntax tree", &tree, err));
    if (!json_is_false(json_object_get(tree, "error")) || json_array_size(json_object_get(tree, "statements")) != 1)
        return parse_failure(tree, err);
    *out = PLI_TAKE(tree);
    return PLI_OK;
}

static pli_status print_sql(pli__engine *engine, const json_t *tree, pli__buf *out, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf json = {0}, plain = {0}, query = {0};
    PLI_TRY(pli__json_write(tree, &json, err));
    unmark_big_integers(json.ptr, &plain);
    pli__buf_addz(&query, "SELECT json_deserialize_sql(");
    pli__buf_add_sql_str(&query, pli__buf_str(&plain));
    pli__buf_addz(&query, "::JSON)");
    PLI_TRY(pli__buf_status(&query, err));
    return pli__engine_query_str(engine, query.ptr, out, err);
}

/* ---- hiding _metadata from stars ---- */

/* Does a FROM clause hold the table `input` under the given name (NULL or "": any)? Sub-queries see to themselves. */
static bool from_has_input(const json_t *from, const char *name) {
    const char *type = json_string_value(json_object_get(from, "type"));
    if (!type) return false;
    if (strcmp(type, "JOIN") == 0)
        return from_has_input(json_object_get(from, "left"), name) ||
               from_has_input(json_object_get(from, "right"), name);
    const char *table = json_string_value(json_object_get(from, "table_name")),
               *schema = json_string_value(json_object_get(from, "schema_name"));
    if (strcmp(type, "BASE_TABLE") != 0 || !table || strcasecmp(table, "input") != 0 || (schema && *schema))
        return false;
    const char *alias = json_string_value(json_object_get(from, "alias"));
    return !name || !*name || strcasecmp(name, alias && *alias ? alias : table) == 0;
}

static bool is_excluded(const json_t *list) {
    size_t i;
    json_t *item;
    json_array_foreach((json_t *)(uintptr_t)list, i,
                       item) if (json_is_string(item) && strcasecmp(json_string_value(item), META) == 0) return true;
    return false;
}

static pli_status hide_in(json_t *node, const json_t *from, pli_error *err);

static pli_status hide_in_star(json_t *star, const json_t *from, pli_error *err) {
    if (!from_has_input(from, json_string_value(json_object_get(star, "relation_name")))) return PLI_OK;
    json_t *list = json_object_get(star, "exclude_list");
    if (!json_is_array(list)) {
        list = json_array();
        if (!list || json_object_set_new(star, "exclude_list", list) < 0) return pli__error_memory(err);
    }
    if (is_excluded(list)) return PLI_OK;
    return json_array_append_new(list, json_string(META)) == 0 ? PLI_OK : pli__error_memory(err);
}

static pli_status hide_in(json_t *node, const json_t *from, pli_error *err) {
    if (json_is_array(node)) {
        size_t i;
        json_t *item;
        json_array_foreach(node, i, item) PLI_TRY(hide_in(item, from, err));
        return PLI_OK;
    }
    if (!json_is_object(node)) return PLI_OK;
    const char *class = json_string_value(json_object_get(node, "class")),
               *type = json_string_value(json_object_get(node, "type"));
    if (type && strcmp(type, "SELECT_NODE") == 0) from = json_object_get(node, "from_table");
    if (class && strcmp(class, "STAR") == 0) PLI_TRY(hide_in_star(node, from, err));
    const char *key;
    json_t *value;
    json_object_foreach(node, key, value) PLI_TRY(hide_in(value, from, err));
    return PLI_OK;
}

pli_status pli__transform_hide_metadata(pli__engine *engine, const char *user_sql, pli__buf *out, pli_error *err) {
    PLI_AUTO(pli__json_unref) json_t *tree = NULL;
    PLI_TRY(parse_sql(engine, pli__transform_trim(user_sql), &tree, err));
    PLI_TRY(hide_in(tree, NULL, err));
    return print_sql(engine, tree, out, err);
}

/* ---- putting it together ---- */

/* Sizes and times need a table of the batch's files; paths and batch ids do not. */
static bool needs_file_table(const char *sql) {
    for (const char *p = find_word(sql, META); p; p = find_word(p, META)) {
        p += sizeof META - 1;
        if (*p == '"') p++;
        if (*p != '.') return true;
        if (strncasecmp(p + 1, "file_path", 9) != 0 && strncasecmp(p + 1, "file_name", 9) != 0 &&
            strncasecmp(p + 1, "batch_id", 8) != 0)
            return true;
    }
    return false;
}

static void add_file_table(const pli__relation *r, pli__buf *out) {
    bool first = true;
    pli__buf_addz(out, " LEFT JOIN (VALUES ");
    for (size_t i = 0; i < r->n_parts; i++)
        for (size_t k = 0; k < r->parts[i].n_files; k++) {
            const pli__input_file *f = &r->parts[i].files[k];
            pli__buf_addz(out, first ? "(" : ", (");
            pli__buf_add_sql_str(out, pli__str_of(f->path));
            pli__buf_addf(out, ", %lld::BIGINT, %lld::BIGINT)", (long long)f->size, (long long)(f->mtime_ns / 1000));
            first = false;
        }
    if (first) pli__buf_addz(out, "(NULL::VARCHAR, NULL::BIGINT, NULL::BIGINT)");
    pli__buf_addz(out, ") AS pli_f(p, s, m) ON pli_i._pli_path = pli_f.p");
}

static void add_input(const pli__transform_input *in, const char *user_sql, bool metadata, pli__buf *out) {
    bool table = metadata && in->relation && needs_file_table(user_sql);
    pli__buf_addz(out, "SELECT pli_i.* EXCLUDE (_pli_path)");
    if (metadata)
        pli__buf_addf(out,
                      ", {'file_path': pli_i._pli_path, 'file_name': parse_filename(pli_i._pli_path), 'file_size': %s, "
                      "'file_modification_time': %s, 'batch_id': %lld::BIGINT} AS " META,
                      table ? "pli_f.s" : "NULL::BIGINT",
                      table ? "to_timestamp(pli_f.m / 1000000.0)" : "NULL::TIMESTAMPTZ", (long long)in->batch_id);
    pli__buf_addf(out, " FROM (%s) AS pli_i", in->sql);
    if (table) add_file_table(in->relation, out);
}

pli_status pli__transform_render(pli__engine *engine, const char *user_sql, const pli__transform_input *in,
                                 pli__buf *out, pli_error *err) {
    if (!user_sql || !*user_sql) {
        add_input(in, "", false, out);
        return pli__buf_status(out, err);
    }
    if (strlen(user_sql) > PLI__TRANSFORM_MAX_SQL)
        return pli__error_set(err, PLI_E_LIMIT, "the transform is longer than %zu bytes", PLI__TRANSFORM_MAX_SQL);
    bool metadata = pli__transform_uses_metadata(user_sql);
    PLI_AUTO(pli__buf_clear) pli__buf rewritten = {0};
    if (metadata) PLI_TRY(pli__transform_hide_metadata(engine, user_sql, &rewritten, err));
    pli__str body = metadata ? pli__transform_trim(rewritten.ptr) : pli__transform_trim(user_sql);
    pli__buf_addz(out, "WITH input AS (");
    add_input(in, user_sql, metadata, out);
    pli__buf_addz(out, ") SELECT * FROM (\n");
    pli__buf_adds(out, body);
    pli__buf_addz(out, "\n)"); /* the newline ends a comment on the last line */
    return pli__buf_status(out, err);
}

void pli__transform_locate(const char *user_sql, const char *rendered, pli_error *err) {
    if (!err || err->code != PLI_E_SQL || err->position <= 0 || !user_sql) return;
    PLI_AUTO(pli__free_ptr) char *body = pli__str_dup(pli__transform_trim(user_sql));
    const char *at = body && *body ? strstr(rendered, body) : NULL;
    int64_t begin = at ? at - rendered : INT64_MAX;
    err->position = err->position > begin && err->position <= begin + (int64_t)strlen(user_sql) + 1
                        ? err->position - begin
                        : 0;
}
