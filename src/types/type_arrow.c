/*
 * Types and the schemas of the Arrow C data interface.
 * https://arrow.apache.org/docs/format/CDataInterface.html#data-type-description-format-strings
 */
#include <stdio.h>
#include <stdlib.h>

#include "pli/arrow.h"
#include "types/type_names.h"

/* ---- reading ---- */

typedef struct {
    pli__buf path;
    int depth;
    size_t fields;
} reader;

static pli_status parse(reader *r, const struct ArrowSchema *s, const pli__type **out, pli_error *err);

static pli_status made(const pli__type *t, const pli__type **out, pli_error *err) {
    if (!t) return pli__error_memory(err);
    *out = t;
    return PLI_OK;
}

static pli_status refuse(const reader *r, const struct ArrowSchema *s, pli_error *err) {
    return pli__error_set(err, PLI_E_UNSUPPORTED, "column '%s' has the Arrow type '%s', which is not supported",
                          r->path.len ? r->path.ptr : "", s->format ? s->format : "");
}

/* The value of a key of the metadata: a count, then length and bytes of each key and value, all int32. */
static pli__str metadata_of(const struct ArrowSchema *s, const char *key) {
    const char *at = s->metadata;
    int32_t n = 0;
    if (at) memcpy(&n, at, sizeof n);
    at += n > 0 ? sizeof n : 0;
    for (int32_t i = 0; i < n; i++) {
        pli__str parts[2];
        for (int k = 0; k < 2; k++) {
            int32_t len;
            memcpy(&len, at, sizeof len);
            parts[k] = (pli__str){at + sizeof len, (size_t)len};
            at += sizeof len + (size_t)len;
        }
        if (pli__str_eqz(parts[0], key)) return parts[1];
    }
    return (pli__str){"", 0};
}

/* A child under its name; PLI__TYPE_MAX_FIELDS of them at most. */
static pli_status parse_child(reader *r, const struct ArrowSchema *child, const char *name, const pli__type **out,
                              pli_error *err) {
    const size_t mark = r->path.len;
    if (++r->fields > PLI__TYPE_MAX_FIELDS)
        return pli__error_set(err, PLI_E_LIMIT, "an Arrow schema has more than %d fields", PLI__TYPE_MAX_FIELDS);
    pli__buf_addf(&r->path, "%s%s", mark ? "." : "", name);
    PLI_TRY(pli__buf_status(&r->path, err));
    PLI_TRY(parse(r, child, out, err));
    r->path.len = mark;
    r->path.ptr[mark] = 0;
    return PLI_OK;
}

static pli_status parse_struct(reader *r, const struct ArrowSchema *s, const pli__type **out, pli_error *err) {
    PLI_AUTO(pli__type_builder_clear) pli__type_builder b = {0};
    for (int64_t i = 0; i < s->n_children; i++) {
        const struct ArrowSchema *child = s->children[i];
        const char *name = child->name ? child->name : "";
        const pli__type *type = NULL;
        if (!pli__str_is_utf8(pli__str_of(name)))
            return pli__error_set(err, PLI_E_ARGUMENT, "the name of column %d is not UTF-8", (int)i + 1);
        PLI_TRY(parse_child(r, child, name, &type, err));
        pli__type_builder_add(&b, pli__str_of(name), type, child->flags & ARROW_FLAG_NULLABLE, NULL);
    }
    return made(pli__type_builder_finish(&b), out, err);
}

static pli_status parse_list(reader *r, const struct ArrowSchema *s, const pli__type **out, pli_error *err) {
    const pli__type *element = NULL;
    int64_t size = 0;
    if (s->n_children != 1) return refuse(r, s, err);
    if (s->format[1] == 'w' && (!pli__str_to_i64(pli__str_of(s->format + 3), &size) || size <= 0))
        return refuse(r, s, err);
    PLI_TRY(parse_child(r, s->children[0], "element", &element, err));
    if (size) return made(pli__type_new_array(element, (size_t)size), out, err);
    return made(pli__type_new_list(element, s->children[0]->flags & ARROW_FLAG_NULLABLE), out, err);
}

static pli_status parse_map(reader *r, const struct ArrowSchema *s, const pli__type **out, pli_error *err) {
    PLI_AUTO(pli__type_auto) const pli__type *key = NULL;
    PLI_AUTO(pli__type_auto) const pli__type *value = NULL;
    if (s->n_children != 1 || s->children[0]->n_children != 2) return refuse(r, s, err);
    const struct ArrowSchema *pair = s->children[0];
    PLI_TRY(parse_child(r, pair->children[0], "key", &key, err));
    PLI_TRY(parse_child(r, pair->children[1], "value", &value, err));
    return made(pli__type_new_map(PLI_TAKE(key), PLI_TAKE(value), pair->children[1]->flags & ARROW_FLAG_NULLABLE), out,
                err);
}

static pli_status parse_nested(reader *r, const struct ArrowSchema *s, const pli__type **out, pli_error *err) {
    static const char *const lists[] = {"+l", "+L", "+vl", "+vL"};
    if (strcmp(s->format, "+s") == 0) return parse_struct(r, s, out, err);
    if (strcmp(s->format, "+m") == 0) return parse_map(r, s, out, err);
    if (strncmp(s->format, "+w:", 3) == 0) return parse_list(r, s, out, err);
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        if (strcmp(s->format, lists[i]) == 0) return parse_list(r, s, out, err);
    return refuse(r, s, err);
}

/* "d:10,2" or "d:10,2,64": precision, scale, bits. */
static pli_status parse_decimal(reader *r, const struct ArrowSchema *s, const pli__type **out, pli_error *err) {
    int precision, scale, bits = 128;
    const int n = sscanf(s->format, "d:%3d,%3d,%3d", &precision, &scale, &bits);
    const bool known_bits = bits == 32 || bits == 64 || bits == 128 || bits == 256;
    if (n < 2 || !known_bits || precision < 1 || precision > 38 || scale < 0 || scale > precision)
        return refuse(r, s, err);
    return made(pli__type_new_decimal(precision, scale), out, err);
}

static const struct {
    char letter;
    pli__time_unit unit;
} unit_letters[] = {{'u', PLI__UNIT_US}, {'n', PLI__UNIT_NS}, {'m', PLI__UNIT_MS}, {'s', PLI__UNIT_S}};

/* "tsu:Europe/Berlin". */
static pli_status parse_timestamp(reader *r, const struct ArrowSchema *s, const pli__type **out, pli_error *err) {
    for (size_t i = 0; i < sizeof unit_letters / sizeof unit_letters[0]; i++)
        if (s->format[2] == unit_letters[i].letter && s->format[3] == ':')
            return made(pli__type_new_time(PLI__TYPE_TIMESTAMP, unit_letters[i].unit, pli__str_of(s->format + 4)), out,
                        err);
    return refuse(r, s, err);
}

/* Formats that are a second spelling of a type. */
static const struct {
    const char *format;
    pli__type_id id;
} more_formats[] = {
    {"e", PLI__TYPE_F32},        {"U", PLI__TYPE_STRING},     {"vu", PLI__TYPE_STRING},    {"Z", PLI__TYPE_BINARY},
    {"vz", PLI__TYPE_BINARY},    {"tdm", PLI__TYPE_DATE},     {"tts", PLI__TYPE_TIME},     {"ttm", PLI__TYPE_TIME},
    {"tiM", PLI__TYPE_DURATION}, {"tiD", PLI__TYPE_DURATION}, {"tin", PLI__TYPE_DURATION}, {"_pli128", PLI__TYPE_I128},
    {"_plu128", PLI__TYPE_U128},
};

static pli_status parse_simple(reader *r, const struct ArrowSchema *s, const pli__type **out, pli_error *err) {
    const pli__str extension = metadata_of(s, "ARROW:extension:name");
    if (strcmp(s->format, "w:16") == 0 && pli__str_eqz(extension, "arrow.uuid"))
        return made(pli__type_new(PLI__TYPE_UUID), out, err);
    if (strncmp(s->format, "w:", 2) == 0) return made(pli__type_new(PLI__TYPE_BINARY), out, err);
    if (strncmp(s->format, "d:", 2) == 0) return parse_decimal(r, s, out, err);
    const pli__type_name *name = pli__type_name_by_arrow(s->format);
    for (size_t i = 0; i < sizeof more_formats / sizeof more_formats[0]; i++) {
        if (strcmp(s->format, more_formats[i].format) != 0) continue;
        const bool is_json = more_formats[i].id == PLI__TYPE_STRING && pli__str_eqz(extension, "arrow.json");
        return made(pli__type_new(is_json ? PLI__TYPE_JSON : more_formats[i].id), out, err);
    }
    if (name && name->id == PLI__TYPE_STRING && pli__str_eqz(extension, "arrow.json"))
        return made(pli__type_new(PLI__TYPE_JSON), out, err);
    if (name) return made(pli__type_new_time(name->id, name->unit, PLI_STR("")), out, err);
    return strncmp(s->format, "ts", 2) == 0 && s->format[2] ? parse_timestamp(r, s, out, err) : refuse(r, s, err);
}

static pli_status parse(reader *r, const struct ArrowSchema *s, const pli__type **out, pli_error *err) {
    if (++r->depth > PLI__TYPE_MAX_DEPTH)
        return pli__error_set(err, PLI_E_LIMIT, "an Arrow schema is nested deeper than %d levels", PLI__TYPE_MAX_DEPTH);
    if (!s->format) return refuse(r, s, err);
    if (s->dictionary) PLI_TRY(parse(r, s->dictionary, out, err));
    else if (s->format[0] == '+') PLI_TRY(parse_nested(r, s, out, err));
    else PLI_TRY(parse_simple(r, s, out, err));
    r->depth--;
    return PLI_OK;
}

static void clear_reader(reader *r) { pli__buf_clear(&r->path); }

pli_status pli__type_from_arrow(const struct ArrowSchema *schema, const pli__type **out, pli_error *err) {
    PLI_AUTO(clear_reader) reader r = {0};
    return parse(&r, schema, out, err);
}

/* ---- columns without a type ---- */

static bool has_nulls(const pli__type *t) {
    if (t->id == PLI__TYPE_NULL) return true;
    for (size_t i = 0; i < t->n_fields; i++)
        if (has_nulls(t->fields[i].type)) return true;
    return false;
}

static pli_status read_schema(struct ArrowArrayStream *stream, const pli__type **out, pli_error *err) {
    struct ArrowSchema schema = {0};
    if (stream->get_schema(stream, &schema) != 0) {
        const char *why = stream->get_last_error ? stream->get_last_error(stream) : NULL;
        return pli__error_set(err, PLI_E_ARGUMENT, "the stream gives no schema: %s", why ? why : "no reason given");
    }
    const pli_status status = pli__type_from_arrow(&schema, out, err);
    if (schema.release) schema.release(&schema);
    return status;
}

pli_status pli__type_of_stream(struct ArrowArrayStream *stream, const pli__type **out, pli_error *err) {
    PLI_AUTO(pli__type_auto) const pli__type *all = NULL;
    *out = NULL;
    PLI_TRY(read_schema(stream, &all, err));
    if (has_nulls(all)) *out = PLI_TAKE(all);
    return PLI_OK;
}

pli_status pli__type_with_nulls(const pli__type *described, const pli__type *stream, const pli__type **out,
                                pli_error *err) {
    if (!stream || stream->n_fields != described->n_fields) return *out = pli__type_ref(described), PLI_OK;
    pli__type_builder b = {0};
    for (size_t i = 0; i < described->n_fields; i++) {
        const pli__field *f = &described->fields[i];
        const pli__type *own = stream->fields[i].type;
        pli__type_builder_add(&b, pli__str_of(f->name), pli__type_ref(has_nulls(own) ? own : f->type), f->nullable,
                              f->metadata);
    }
    *out = pli__type_builder_finish(&b);
    return *out ? PLI_OK : pli__error_memory(err);
}

/* ---- writing ---- */

/* What a schema of ours owns. */
typedef struct {
    char *format, *name;
    struct ArrowSchema *children;
    struct ArrowSchema **pointers;
} schema_parts;

static void release_schema(struct ArrowSchema *s) {
    schema_parts *parts = s->private_data;
    for (int64_t i = 0; i < s->n_children; i++)
        if (parts->children[i].release) parts->children[i].release(&parts->children[i]);
    free(parts->format);
    free(parts->name);
    free(parts->children);
    free(parts->pointers);
    free(parts);
    s->release = NULL;
}

static void print_format(const pli__type *t, pli__buf *out) {
    static const char letters[] = {
        [PLI__UNIT_US] = 'u', [PLI__UNIT_NS] = 'n', [PLI__UNIT_MS] = 'm', [PLI__UNIT_S] = 's'};
    switch (t->id) {
        case PLI__TYPE_DECIMAL: pli__buf_addf(out, "d:%d,%d", t->precision, t->scale); return;
        case PLI__TYPE_I128:
        case PLI__TYPE_U128: pli__buf_addz(out, "d:38,0"); return;
        case PLI__TYPE_STRING:
        case PLI__TYPE_JSON:
        case PLI__TYPE_UUID:
        case PLI__TYPE_ENUM: pli__buf_addz(out, "U"); return;
        case PLI__TYPE_BINARY: pli__buf_addz(out, "Z"); return;
        case PLI__TYPE_TIMESTAMP: pli__buf_addf(out, "ts%c:%s", letters[t->unit], t->text ? t->text : "UTC"); return;
        case PLI__TYPE_DURATION: pli__buf_addz(out, "tDu"); return;
        case PLI__TYPE_STRUCT: pli__buf_addz(out, "+s"); return;
        case PLI__TYPE_MAP: pli__buf_addz(out, "+m"); return;
        case PLI__TYPE_LIST:
            if (t->array_size) pli__buf_addf(out, "+w:%zu", t->array_size);
            else pli__buf_addz(out, "+L");
            return;
        default: pli__buf_addz(out, pli__type_name_of(t)->arrow); return;
    }
}

static pli_status write_schema(const pli__type *t, const char *name, int64_t flags, struct ArrowSchema *out,
                               pli_error *err);

static int64_t nullable_flag(bool nullable) { return nullable ? ARROW_FLAG_NULLABLE : 0; }

/* The only child of a map: a struct of keys and values, none of them named in the type. */
static pli_status write_pairs(const pli__type *map, struct ArrowSchema *out, pli_error *err) {
    pli__type_builder b = {0};
    pli__type_builder_add(&b, PLI_STR("key"), pli__type_ref(map->fields[0].type), false, NULL);
    pli__type_builder_add(&b, PLI_STR("value"), pli__type_ref(map->fields[1].type), map->fields[1].nullable, NULL);
    PLI_AUTO(pli__type_auto) const pli__type *pair = pli__type_builder_finish(&b);
    return pair ? write_schema(pair, "entries", 0, out, err) : pli__error_memory(err);
}

static pli_status write_children(const pli__type *t, schema_parts *parts, struct ArrowSchema *out, pli_error *err) {
    const size_t n = t->id == PLI__TYPE_MAP ? 1 : t->n_fields;
    parts->children = calloc(n + 1, sizeof *parts->children);
    parts->pointers = calloc(n + 1, sizeof(struct ArrowSchema *));
    if (!parts->children || !parts->pointers) return pli__error_memory(err);
    out->children = parts->pointers;
    for (size_t i = 0; i < n; i++) {
        const pli__field *f = &t->fields[i];
        parts->pointers[i] = &parts->children[i];
        out->n_children++; /* before it is written, so that what there is of it is released on failure */
        PLI_TRY(t->id == PLI__TYPE_MAP ? write_pairs(t, &parts->children[i], err)
                                       : write_schema(f->type, t->id == PLI__TYPE_LIST ? "item" : f->name,
                                                      nullable_flag(f->nullable), &parts->children[i], err));
    }
    return PLI_OK;
}

/* On failure *out is what has been built so far, for the caller to release. */
static pli_status write_schema(const pli__type *t, const char *name, int64_t flags, struct ArrowSchema *out,
                               pli_error *err) {
    pli__buf format = {0};
    if (t->id == PLI__TYPE_OTHER || t->id == PLI__TYPE_VARIANT)
        return pli__error_set(err, PLI_E_UNSUPPORTED,
                              "column '%s' has the type %s, which Arrow does not have; cast it to VARCHAR or JSON",
                              name, t->text ? t->text : "VARIANT");
    schema_parts *parts = calloc(1, sizeof *parts);
    if (!parts) return pli__error_memory(err);
    print_format(t, &format);
    parts->format = pli__buf_take(&format);
    parts->name = pli__strz_dup(name);
    *out = (struct ArrowSchema){
        .format = parts->format, .name = parts->name, .flags = flags, .release = release_schema, .private_data = parts};
    if (!parts->format || !parts->name) return pli__error_memory(err);
    return write_children(t, parts, out, err);
}

pli_status pli__type_to_arrow(const pli__type *t, const char *name, bool nullable, struct ArrowSchema *out,
                              pli_error *err) {
    struct ArrowSchema schema = {0};
    const pli_status status = write_schema(t, name, nullable_flag(nullable), &schema, err);
    if (status == PLI_OK) *out = schema;
    else if (schema.release) schema.release(&schema);
    return status;
}
