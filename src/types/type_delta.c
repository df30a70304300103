/*
 * Delta's schema JSON (the protocol's "Schema Serialization Format") in both directions, and the metadata of fields,
 * which is kept as the text it came in: other writers put there what we do not know.
 *
 *   "long" | "decimal(10,2)" | {"type":"struct","fields":[{"name":"a","type":...,"nullable":true,"metadata":{}}, ...]}
 *   {"type":"array","elementType":...,"containsNull":true}
 *   {"type":"map","keyType":...,"valueType":...,"valueContainsNull":true}
 */
#include "base/json.h"
#include "types/type_json.h"
#include "types/type_names.h"

static pli_status parse_type(pli__type_text *t, const pli__type **out, pli_error *err);

/* ---- reading ---- */

/* Puts the cursor on a member's value, which must be there. */
static pli_status seek_member(pli__type_text *t, const pli__type_json_member *m, pli_error *err) {
    if (m->at == PLI__JSON_ABSENT) return pli__type_text_fail(t, err, "the member '%s' is missing", m->key);
    t->pos = m->at;
    return PLI_OK;
}

/* A boolean member; absent means true (all of them say "null is allowed"). */
static pli_status parse_flag(pli__type_text *t, const pli__type_json_member *m, bool *out, pli_error *err) {
    *out = true;
    if (m->at == PLI__JSON_ABSENT) return PLI_OK;
    t->pos = m->at;
    pli__str raw;
    PLI_TRY(pli__type_json_skip(t, &raw, err));
    *out = pli__str_eqz(raw, "true");
    if (*out || pli__str_eqz(raw, "false")) return PLI_OK;
    t->pos = m->at;
    return pli__type_text_fail(t, err, "'%s' is neither true nor false", m->key);
}

static pli_status parse_member_type(pli__type_text *t, const pli__type_json_member *m, const char *field,
                                    const pli__type **out, pli_error *err) {
    size_t mark;
    PLI_TRY(seek_member(t, m, err));
    PLI_TRY(pli__type_text_push(t, pli__str_of(field), &mark, err));
    PLI_TRY(parse_type(t, out, err));
    pli__type_text_pop(t, mark);
    return PLI_OK;
}

/* "decimal", "decimal(10,2)" or "decimal( 10 , 2 )". False if it is something else. */
static bool parse_decimal(pli__str name, int64_t *precision, int64_t *scale) {
    PLI_AUTO(pli__type_text_clear) pli__type_text t = {.text = name, .what = "decimal", .code = PLI_E_CORRUPT};
    *precision = 10;
    *scale = 0;
    if (!pli__str_eqz(pli__type_text_word(&t), "decimal")) return false;
    if (t.pos == name.len) return true;
    return pli__type_text_take(&t, '(') && pli__type_text_number(&t, 38, precision, NULL) == PLI_OK &&
           pli__type_text_take(&t, ',') && pli__type_text_number(&t, 38, scale, NULL) == PLI_OK &&
           pli__type_text_take(&t, ')') && t.pos == name.len && *precision >= 1 && *scale <= *precision;
}

/* Names that are not known are kept: whoever needs the column can then say which type stands in the way. */
static pli_status parse_name(pli__type_text *t, const pli__type **out, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf text = {0};
    PLI_TRY(pli__type_json_string(t, &text, err));
    const pli__str name = pli__buf_str(&text);
    if (name.len == 0) return pli__type_text_fail(t, err, "the name of a type is empty");
    const pli__type_name *known = pli__type_name_by_delta(name);
    int64_t precision, scale;
    if (known) return pli__type_made(pli__type_new(known->id), out, err);
    if (parse_decimal(name, &precision, &scale))
        return pli__type_made(pli__type_new_decimal((int)precision, (int)scale), out, err);
    return pli__type_made(pli__type_new_text(PLI__TYPE_OTHER, name), out, err);
}

static pli_status parse_metadata(pli__type_text *t, const pli__type_json_member *m, char **out, pli_error *err) {
    *out = NULL;
    if (m->at == PLI__JSON_ABSENT) return PLI_OK;
    t->pos = m->at;
    pli__str raw;
    PLI_TRY(pli__type_json_skip(t, &raw, err));
    if (pli__str_eqz(raw, "{}") || pli__str_eqz(raw, "null")) return PLI_OK;
    if (raw.ptr[0] != '{') {
        t->pos = m->at;
        return pli__type_text_fail(t, err, "'metadata' is not an object");
    }
    *out = pli__str_dup(raw);
    return *out ? PLI_OK : pli__error_memory(err);
}

static pli_status parse_field(pli__type_text *t, pli__type_builder *b, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf name = {0};
    PLI_AUTO(pli__free_ptr) char *metadata = NULL;
    pli__type_json_member m[] = {{.key = "name"}, {.key = "type"}, {.key = "nullable"}, {.key = "metadata"}};
    PLI_TRY(pli__type_json_members(t, m, 4, err));
    const size_t end = t->pos;
    PLI_TRY(seek_member(t, &m[0], err));
    PLI_TRY(pli__type_json_string(t, &name, err));
    size_t mark;
    bool nullable;
    PLI_TRY(pli__type_text_push(t, pli__buf_str(&name), &mark, err));
    PLI_TRY(parse_flag(t, &m[2], &nullable, err));
    PLI_TRY(parse_metadata(t, &m[3], &metadata, err));
    const pli__type *type = NULL;
    PLI_TRY(seek_member(t, &m[1], err));
    PLI_TRY(parse_type(t, &type, err));
    pli__type_text_pop(t, mark);
    pli__type_builder_add(b, pli__buf_str(&name), type, nullable, metadata);
    t->pos = end;
    return PLI_OK;
}

static pli_status parse_struct(pli__type_text *t, const pli__type_json_member *fields, const pli__type **out, pli_error *err) {
    PLI_AUTO(pli__type_builder_clear) pli__type_builder b = {0};
    PLI_TRY(seek_member(t, fields, err));
    PLI_TRY(pli__type_text_expect(t, '[', err));
    bool more = pli__type_text_peek(t) != ']';
    while (more) {
        PLI_TRY(parse_field(t, &b, err));
        more = pli__type_text_take(t, ',');
    }
    PLI_TRY(pli__type_text_expect(t, ']', err));
    return pli__type_made(pli__type_builder_finish(&b), out, err);
}

enum { M_TYPE, M_FIELDS, M_ELEMENT, M_CONTAINS_NULL, M_KEY, M_VALUE, M_VALUE_CONTAINS_NULL, M_COUNT };

static pli_status parse_list(pli__type_text *t, const pli__type_json_member *m, const pli__type **out, pli_error *err) {
    const pli__type *element = NULL;
    bool contains_null;
    PLI_TRY(parse_flag(t, &m[M_CONTAINS_NULL], &contains_null, err));
    PLI_TRY(parse_member_type(t, &m[M_ELEMENT], "element", &element, err));
    return pli__type_made(pli__type_new_list(element, contains_null), out, err);
}

static pli_status parse_map(pli__type_text *t, const pli__type_json_member *m, const pli__type **out, pli_error *err) {
    PLI_AUTO(pli__type_auto) const pli__type *key = NULL;
    PLI_AUTO(pli__type_auto) const pli__type *value = NULL;
    bool contains_null;
    PLI_TRY(parse_flag(t, &m[M_VALUE_CONTAINS_NULL], &contains_null, err));
    PLI_TRY(parse_member_type(t, &m[M_KEY], "key", &key, err));
    PLI_TRY(parse_member_type(t, &m[M_VALUE], "value", &value, err));
    return pli__type_made(pli__type_new_map(PLI_TAKE(key), PLI_TAKE(value), contains_null), out, err);
}

static pli_status parse_object(pli__type_text *t, const pli__type **out, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf kind = {0};
    pli__type_json_member m[M_COUNT] = {[M_TYPE] = {.key = "type"},
                                        [M_FIELDS] = {.key = "fields"},
                                        [M_ELEMENT] = {.key = "elementType"},
                                        [M_CONTAINS_NULL] = {.key = "containsNull"},
                                        [M_KEY] = {.key = "keyType"},
                                        [M_VALUE] = {.key = "valueType"},
                                        [M_VALUE_CONTAINS_NULL] = {.key = "valueContainsNull"}};
    const size_t start = t->pos;
    PLI_TRY(pli__type_json_members(t, m, M_COUNT, err));
    const size_t end = t->pos;
    PLI_TRY(seek_member(t, &m[M_TYPE], err));
    PLI_TRY(pli__type_json_string(t, &kind, err));
    const pli__str name = pli__buf_str(&kind);
    if (pli__str_eqz(name, "struct"))
        PLI_TRY(parse_struct(t, &m[M_FIELDS], out, err));
    else if (pli__str_eqz(name, "array"))
        PLI_TRY(parse_list(t, m, out, err));
    else if (pli__str_eqz(name, "map"))
        PLI_TRY(parse_map(t, m, out, err));
    else /* Spark's user-defined types and whatever comes later */
        PLI_TRY(pli__type_made(pli__type_new_text(PLI__TYPE_OTHER, (pli__str){t->text.ptr + start, end - start}), out, err));
    t->pos = end;
    return PLI_OK;
}

static pli_status parse_type(pli__type_text *t, const pli__type **out, pli_error *err) {
    PLI_TRY(pli__type_text_enter(t, err));
    const char c = pli__type_text_peek(t);
    if (c != '{' && c != '"') return pli__type_text_fail(t, err, "a type is a string or an object");
    PLI_TRY(c == '{' ? parse_object(t, out, err) : parse_name(t, out, err));
    pli__type_text_leave(t);
    return PLI_OK;
}

/* A bare name may come without its quotes. */
static bool is_bare_name(pli__str text) { return text.len && text.ptr[0] >= 'a' && text.ptr[0] <= 'z'; }

static pli_status quote_bare_name(pli__str text, pli__buf *quoted, pli_error *err) {
    pli__buf_add_json(quoted, text);
    return pli__buf_status(quoted, err);
}

pli_status pli__type_from_delta(pli__str json, const pli__type **out, pli_error *err) {
    PLI_AUTO(pli__type_text_clear) pli__type_text t;
    PLI_AUTO(pli__type_auto) const pli__type *type = NULL;
    PLI_AUTO(pli__buf_clear) pli__buf quoted = {0};
    PLI_TRY(pli__type_text_init(&t, json, "schema", PLI_E_CORRUPT, err));
    if (is_bare_name(json)) {
        PLI_TRY(quote_bare_name(json, &quoted, err));
        t.text = pli__buf_str(&quoted);
    }
    PLI_TRY(parse_type(&t, &type, err));
    PLI_TRY(pli__type_text_end(&t, err));
    *out = PLI_TAKE(type);
    return PLI_OK;
}

/* ---- writing ---- */

static pli_status add_type(const pli__type *t, pli__buf *out, pli_error *err);

static void add_flag(pli__buf *out, const char *key, bool value) { pli__buf_addf(out, ",\"%s\":%s", key, value ? "true" : "false"); }

static pli_status add_field(const pli__field *f, pli__buf *out, pli_error *err) {
    pli__buf_addz(out, "{\"name\":");
    pli__buf_add_json(out, pli__str_of(f->name));
    pli__buf_addz(out, ",\"type\":");
    PLI_TRY_IN(add_type(f->type, out, err), err, "field '%s'", f->name);
    add_flag(out, "nullable", f->nullable);
    pli__buf_addz(out, ",\"metadata\":");
    pli__buf_addz(out, f->metadata ? f->metadata : "{}");
    pli__buf_addc(out, '}');
    return PLI_OK;
}

static pli_status add_struct(const pli__type *t, pli__buf *out, pli_error *err) {
    pli__buf_addz(out, "{\"type\":\"struct\",\"fields\":[");
    for (size_t i = 0; i < t->n_fields; i++) {
        if (i) pli__buf_addc(out, ',');
        PLI_TRY(add_field(&t->fields[i], out, err));
    }
    pli__buf_addz(out, "]}");
    return PLI_OK;
}

static pli_status add_list(const pli__type *t, pli__buf *out, pli_error *err) {
    pli__buf_addz(out, "{\"type\":\"array\",\"elementType\":");
    PLI_TRY(add_type(t->fields[0].type, out, err));
    add_flag(out, "containsNull", t->fields[0].nullable);
    pli__buf_addc(out, '}');
    return PLI_OK;
}

static pli_status add_map(const pli__type *t, pli__buf *out, pli_error *err) {
    pli__buf_addz(out, "{\"type\":\"map\",\"keyType\":");
    PLI_TRY(add_type(t->fields[0].type, out, err));
    pli__buf_addz(out, ",\"valueType\":");
    PLI_TRY(add_type(t->fields[1].type, out, err));
    add_flag(out, "valueContainsNull", t->fields[1].nullable);
    pli__buf_addc(out, '}');
    return PLI_OK;
}

static pli_status refuse(const pli__type *t, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf name = {0};
    if (pli__type_to_sql(t, &name, NULL) != PLI_OK) return pli__error_memory(err);
    return pli__error_set(err, PLI_E_SCHEMA, "the type %s does not exist in Delta tables", name.ptr);
}

static pli_status add_simple(const pli__type *t, pli__buf *out, pli_error *err) {
    const pli__type_name *name = pli__type_name_of(t);
    if (!name || !name->delta || t->unit != PLI__UNIT_US || t->text) return refuse(t, err);
    pli__buf_addf(out, "\"%s\"", name->delta);
    return PLI_OK;
}

static pli_status add_type(const pli__type *t, pli__buf *out, pli_error *err) {
    switch (t->id) {
        case PLI__TYPE_STRUCT: return add_struct(t, out, err);
        case PLI__TYPE_LIST: return t->array_size ? refuse(t, err) : add_list(t, out, err);
        case PLI__TYPE_MAP: return add_map(t, out, err);
        case PLI__TYPE_DECIMAL: pli__buf_addf(out, "\"decimal(%d,%d)\"", t->precision, t->scale); return PLI_OK;
        default: return add_simple(t, out, err);
    }
}

pli_status pli__type_to_delta(const pli__type *t, pli__buf *out, pli_error *err) {
    PLI_TRY(add_type(t, out, err));
    return pli__buf_status(out, err);
}

/* ---- metadata of fields ---- */

static json_t *read_metadata(const pli__field *f) {
    json_t *metadata = NULL;
    if (f->metadata && pli__json_parse(pli__str_of(f->metadata), "metadata", &metadata, NULL) != PLI_OK) return NULL;
    return metadata;
}

bool pli__field_meta_str(const pli__field *f, const char *key, pli__buf *out) {
    PLI_AUTO(pli__json_unref) json_t *metadata = read_metadata(f);
    const char *value = json_string_value(json_object_get(metadata, key));
    if (!value) return false;
    pli__buf_addz(out, value);
    return true;
}

bool pli__field_meta_i64(const pli__field *f, const char *key, int64_t *out) {
    PLI_AUTO(pli__json_unref) json_t *metadata = read_metadata(f);
    const json_t *value = json_object_get(metadata, key);
    if (!json_is_integer(value)) return false;
    *out = json_integer_value(value);
    return true;
}
