/*
 * Delta's schema JSON (the protocol's "Schema Serialization Format") in both directions, and the metadata of fields,
 * which is kept as the text it came in: other writers put there what we do not know.
 *
 *   "long" | "decimal(10,2)" | {"type":"struct","fields":[{"name":"a","type":...,"nullable":true,"metadata":{}}, ...]}
 *   {"type":"array","elementType":...,"containsNull":true}
 *   {"type":"map","keyType":...,"valueType":...,"valueContainsNull":true}
 */
#include "base/json.h"
#include "base/json_scan.h"
#include "types/type_names.h"
#include "types/type_text.h"

/* ---- reading ---- */

/* A member of a JSON object; `raw` is its value's text, that of a string without the quotes. */
typedef struct {
    const char *key;
    pli__str raw;
    pli__json_kind kind;
    bool present, escaped;
} member;

static pli_status parse_type(pli__type_text *t, const member *m, const pli__type **out, pli_error *err);

/* A scan over a part of the text, whose errors count bytes from the beginning of the whole. */
static void scan_part(const pli__type_text *t, pli__str part, pli__json_scan *out) {
    pli__json_scan_init(out, part, t->what, (int64_t)(part.ptr - t->text.ptr));
}

static pli_status fail_at(pli__type_text *t, pli__str part, pli_error *err, const char *message) {
    t->pos = (size_t)(part.ptr - t->text.ptr);
    return pli__type_text_fail(t, err, "%s", message);
}

/* Objects and arrays get their text, too. */
static pli_status take_value(pli__json_scan *s, const pli__json_item *item, member *m, pli_error *err) {
    *m = (member){.key = m->key, .raw = item->raw, .kind = item->kind, .present = true, .escaped = item->escaped};
    if (item->kind != PLI__JSON_OBJECT && item->kind != PLI__JSON_ARRAY) return PLI_OK;
    return pli__json_scan_skip(s, &m->raw, err);
}

/* Reads an object to its end and fills the members that are wanted. */
static pli_status read_members(pli__type_text *t, pli__str object, member *wanted, size_t n, pli_error *err) {
    pli__json_scan s;
    pli__json_item item;
    bool more;
    scan_part(t, object, &s);
    PLI_TRY(pli__json_scan_root(&s, &item, err));
    PLI_TRY(pli__json_scan_enter(&s, err));
    for (;;) {
        PLI_TRY(pli__json_scan_next(&s, &item, &more, err));
        if (!more) return pli__json_scan_end(&s, err);
        for (size_t i = 0; i < n; i++)
            if (pli__json_key_is(&item, wanted[i].key)) PLI_TRY(take_value(&s, &item, &wanted[i], err));
    }
}

static pli_status require(pli__type_text *t, pli__str object, const member *m, pli_error *err) {
    if (m->present) return PLI_OK;
    t->pos = (size_t)(object.ptr - t->text.ptr);
    return pli__type_text_fail(t, err, "the member '%s' is missing", m->key);
}

static pli_status read_string(pli__type_text *t, const member *m, pli__buf *out, pli_error *err) {
    if (m->kind != PLI__JSON_STRING) return fail_at(t, m->raw, err, "a string is missing");
    if (m->escaped) pli__json_unescape(m->raw, out);
    else pli__buf_adds(out, m->raw);
    PLI_TRY(pli__buf_status(out, err));
    return out->len && memchr(out->ptr, 0, out->len) ? fail_at(t, m->raw, err, "a zero byte") : PLI_OK;
}

/* A boolean member; absent means true (all of them say "null is allowed"). */
static pli_status read_flag(pli__type_text *t, const member *m, bool *out, pli_error *err) {
    *out = !m->present || m->kind == PLI__JSON_TRUE;
    if (*out || m->kind == PLI__JSON_FALSE) return PLI_OK;
    return fail_at(t, m->raw, err, "this is neither true nor false");
}

static pli_status parse_inner(pli__type_text *t, const member *m, const char *field, const pli__type **out,
                              pli_error *err) {
    size_t mark;
    PLI_TRY(pli__type_text_push(t, pli__str_of(field), &mark, err));
    PLI_TRY(parse_type(t, m, out, err));
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
static pli_status parse_name(pli__type_text *t, const member *m, const pli__type **out, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf text = {0};
    PLI_TRY(read_string(t, m, &text, err));
    const pli__str name = pli__buf_str(&text);
    if (name.len == 0) return fail_at(t, m->raw, err, "the name of a type is empty");
    const pli__type_name *known = pli__type_name_by_delta(name);
    int64_t precision, scale;
    if (known) return pli__type_made(pli__type_new(known->id), out, err);
    if (parse_decimal(name, &precision, &scale))
        return pli__type_made(pli__type_new_decimal((int)precision, (int)scale), out, err);
    return pli__type_made(pli__type_new_text(PLI__TYPE_OTHER, name), out, err);
}

static pli_status read_metadata(pli__type_text *t, const member *m, char **out, pli_error *err) {
    *out = NULL;
    if (!m->present || m->kind == PLI__JSON_NULL || pli__str_eqz(m->raw, "{}")) return PLI_OK;
    if (m->kind != PLI__JSON_OBJECT) return fail_at(t, m->raw, err, "'metadata' is not an object");
    *out = pli__str_dup(m->raw);
    return *out ? PLI_OK : pli__error_memory(err);
}

static pli_status parse_field(pli__type_text *t, pli__str object, pli__type_builder *b, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf name = {0};
    PLI_AUTO(pli__free_ptr) char *metadata = NULL;
    PLI_AUTO(pli__type_auto) const pli__type *type = NULL;
    member m[] = {{.key = "name"}, {.key = "type"}, {.key = "nullable"}, {.key = "metadata"}};
    PLI_TRY(read_members(t, object, m, 4, err));
    PLI_TRY(require(t, object, &m[0], err));
    PLI_TRY(read_string(t, &m[0], &name, err));
    size_t mark;
    bool nullable;
    PLI_TRY(pli__type_text_push(t, pli__buf_str(&name), &mark, err));
    PLI_TRY(require(t, object, &m[1], err));
    PLI_TRY(read_flag(t, &m[2], &nullable, err));
    PLI_TRY(read_metadata(t, &m[3], &metadata, err));
    PLI_TRY(parse_type(t, &m[1], &type, err));
    pli__type_text_pop(t, mark);
    pli__type_builder_add(b, pli__buf_str(&name), PLI_TAKE(type), nullable, metadata);
    return PLI_OK;
}

static pli_status parse_struct(pli__type_text *t, const member *fields, const pli__type **out, pli_error *err) {
    PLI_AUTO(pli__type_builder_clear) pli__type_builder b = {0};
    pli__json_scan s;
    pli__json_item item;
    bool more;
    if (fields->kind != PLI__JSON_ARRAY) return fail_at(t, fields->raw, err, "'fields' is not an array");
    scan_part(t, fields->raw, &s);
    PLI_TRY(pli__json_scan_root(&s, &item, err));
    PLI_TRY(pli__json_scan_enter(&s, err));
    for (;;) {
        pli__str object;
        PLI_TRY(pli__json_scan_next(&s, &item, &more, err));
        if (!more) break;
        if (item.kind != PLI__JSON_OBJECT) return fail_at(t, fields->raw, err, "a field is not an object");
        PLI_TRY(pli__json_scan_skip(&s, &object, err));
        PLI_TRY(parse_field(t, object, &b, err));
    }
    return pli__type_made(pli__type_builder_finish(&b), out, err);
}

enum { M_TYPE, M_FIELDS, M_ELEMENT, M_CONTAINS_NULL, M_KEY, M_VALUE, M_VALUE_CONTAINS_NULL, M_COUNT };

static pli_status parse_list(pli__type_text *t, pli__str object, const member *m, const pli__type **out,
                             pli_error *err) {
    const pli__type *element = NULL;
    bool contains_null;
    PLI_TRY(require(t, object, &m[M_ELEMENT], err));
    PLI_TRY(read_flag(t, &m[M_CONTAINS_NULL], &contains_null, err));
    PLI_TRY(parse_inner(t, &m[M_ELEMENT], "element", &element, err));
    return pli__type_made(pli__type_new_list(element, contains_null), out, err);
}

static pli_status parse_map(pli__type_text *t, pli__str object, const member *m, const pli__type **out,
                            pli_error *err) {
    PLI_AUTO(pli__type_auto) const pli__type *key = NULL;
    PLI_AUTO(pli__type_auto) const pli__type *value = NULL;
    bool contains_null;
    PLI_TRY(require(t, object, &m[M_KEY], err));
    PLI_TRY(require(t, object, &m[M_VALUE], err));
    PLI_TRY(read_flag(t, &m[M_VALUE_CONTAINS_NULL], &contains_null, err));
    PLI_TRY(parse_inner(t, &m[M_KEY], "key", &key, err));
    PLI_TRY(parse_inner(t, &m[M_VALUE], "value", &value, err));
    return pli__type_made(pli__type_new_map(PLI_TAKE(key), PLI_TAKE(value), contains_null), out, err);
}

static pli_status parse_object(pli__type_text *t, pli__str object, const pli__type **out, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf kind = {0};
    member m[M_COUNT] = {[M_TYPE] = {.key = "type"},
                         [M_FIELDS] = {.key = "fields"},
                         [M_ELEMENT] = {.key = "elementType"},
                         [M_CONTAINS_NULL] = {.key = "containsNull"},
                         [M_KEY] = {.key = "keyType"},
                         [M_VALUE] = {.key = "valueType"},
                         [M_VALUE_CONTAINS_NULL] = {.key = "valueContainsNull"}};
    PLI_TRY(read_members(t, object, m, M_COUNT, err));
    PLI_TRY(require(t, object, &m[M_TYPE], err));
    PLI_TRY(read_string(t, &m[M_TYPE], &kind, err));
    const pli__str name = pli__buf_str(&kind);
    if (pli__str_eqz(name, "struct")) {
        PLI_TRY(require(t, object, &m[M_FIELDS], err));
        return parse_struct(t, &m[M_FIELDS], out, err);
    }
    if (pli__str_eqz(name, "array")) return parse_list(t, object, m, out, err);
    if (pli__str_eqz(name, "map")) return parse_map(t, object, m, out, err);
    /* Spark's user-defined types and whatever comes later. */
    return pli__type_made(pli__type_new_text(PLI__TYPE_OTHER, object), out, err);
}

static pli_status parse_type(pli__type_text *t, const member *m, const pli__type **out, pli_error *err) {
    PLI_TRY(pli__type_text_enter(t, err));
    if (m->kind != PLI__JSON_OBJECT && m->kind != PLI__JSON_STRING)
        return fail_at(t, m->raw, err, "a type is a string or an object");
    PLI_TRY(m->kind == PLI__JSON_OBJECT ? parse_object(t, m->raw, out, err) : parse_name(t, m, out, err));
    pli__type_text_leave(t);
    return PLI_OK;
}

/* The whole text as one value; a bare name may come without its quotes. */
static pli_status read_root(pli__type_text *t, member *out, pli_error *err) {
    if (t->text.len && t->text.ptr[0] >= 'a' && t->text.ptr[0] <= 'z') {
        *out = (member){.raw = t->text, .kind = PLI__JSON_STRING, .present = true};
        return PLI_OK;
    }
    pli__json_scan s;
    pli__json_item item;
    scan_part(t, t->text, &s);
    PLI_TRY(pli__json_scan_root(&s, &item, err));
    PLI_TRY(take_value(&s, &item, out, err));
    return pli__json_scan_end(&s, err);
}

pli_status pli__type_from_delta(pli__str json, const pli__type **out, pli_error *err) {
    PLI_AUTO(pli__type_text_clear) pli__type_text t;
    member root = {0};
    PLI_TRY(pli__type_text_init(&t, json, "schema", PLI_E_CORRUPT, err));
    PLI_TRY(read_root(&t, &root, err));
    return parse_type(&t, &root, out, err);
}

/* ---- writing ---- */

static pli_status add_type(const pli__type *t, pli__buf *out, pli_error *err);

static void add_flag(pli__buf *out, const char *key, bool value) {
    pli__buf_addf(out, ",\"%s\":%s", key, value ? "true" : "false");
}

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

static json_t *metadata_of(const pli__field *f) {
    json_t *metadata = NULL;
    if (f->metadata && pli__json_parse(pli__str_of(f->metadata), "metadata", &metadata, NULL) != PLI_OK) return NULL;
    return metadata;
}

bool pli__field_meta_str(const pli__field *f, const char *key, pli__buf *out) {
    PLI_AUTO(pli__json_unref) json_t *metadata = metadata_of(f);
    const char *value = json_string_value(json_object_get(metadata, key));
    if (!value) return false;
    pli__buf_addz(out, value);
    return true;
}

bool pli__field_meta_i64(const pli__field *f, const char *key, int64_t *out) {
    PLI_AUTO(pli__json_unref) json_t *metadata = metadata_of(f);
    const json_t *value = json_object_get(metadata, key);
    if (!json_is_integer(value)) return false;
    *out = json_integer_value(value);
    return true;
}
