/*
 * Avro's types as SQL over what the engine's reader gives for them. Types that need nothing have no expression. As in
 * Spark a union of int and long is a long, of float and double a double, and any other of several types a struct
 * member0, member1 … (null does not count), of which one is filled.
 */
#include <stdio.h>
#include <string.h>

#include "source/format_avro.h"

#define DEPTH_MAX 64
#define NAME_MAX_LEN 1024
#define DECIMAL_BYTES 16 /* what the engine's widest integer holds */

typedef struct walk {
    const char *path, *column;
    json_t *named;            /* full name → definition */
    const char *space;        /* the namespace that names without one are in */
    const json_t *open[DEPTH_MAX]; /* types around this one */
    int depth;
} walk;

static pli_status render(walk *w, const json_t *type, const char *e, pli__buf *b, pli_error *err);

static pli_status refuse(const walk *w, const char *kind, const char *hint, pli_error *err) {
    const pli_status status = pli__error_set(
        err, PLI_E_UNSUPPORTED, "'%s': column '%s' has Avro's type %s, which cannot be read", w->path, w->column, kind);
    (void)pli__error_hint(err, "%s", hint);
    return status;
}

/* ---- names ---- */

static const char *kind_of(const json_t *type) {
    const char *kind = json_string_value(type);
    if (json_is_array(type)) return "union";
    return kind ? kind : json_string_value(json_object_get(type, "type"));
}

static bool is_kind(const json_t *type, const char *kind) {
    const char *is = kind_of(type);
    return is && strcmp(is, kind) == 0;
}

static bool is_logical(const json_t *type, const char *logical) {
    const char *is = json_string_value(json_object_get(type, "logicalType"));
    return is && strcmp(is, logical) == 0;
}

static const char *namespace_of(const walk *w, const json_t *type) {
    const char *space = json_string_value(json_object_get(type, "namespace"));
    return space ? space : w->space;
}

static void full_name(const char *space, const char *name, char out[NAME_MAX_LEN]) {
    if (strchr(name, '.') || !space || !*space) (void)snprintf(out, NAME_MAX_LEN, "%s", name);
    else (void)snprintf(out, NAME_MAX_LEN, "%s.%s", space, name);
}

/* A name stands for the type that was defined under it; a definition is noted for those that follow. */
static const json_t *resolve(walk *w, const json_t *type) {
    char name[NAME_MAX_LEN];
    if (json_is_string(type)) {
        full_name(w->space, json_string_value(type), name);
        const json_t *known = json_object_get(w->named, name);
        return known ? known : type;
    }
    const char *own = json_string_value(json_object_get(type, "name"));
    if (!own || !json_is_object(type)) return type;
    full_name(namespace_of(w, type), own, name);
    (void)json_object_set(w->named, name, (json_t *)type);
    return type;
}

static pli_status enter(walk *w, const json_t *type, pli_error *err) {
    for (int i = 0; i < w->depth; i++)
        if (w->open[i] == type)
            return refuse(w, "that contains itself", "write a value of another type, such as JSON in a string", err);
    if (w->depth == DEPTH_MAX) return refuse(w, "nested too deeply", "write it as JSON in a string", err);
    w->open[w->depth++] = type;
    return PLI_OK;
}

/* ---- simple types ---- */

/* Big-endian two's complement, as few bytes as the writer liked, to an exact decimal. */
static pli_status render_decimal(const walk *w, const json_t *type, const char *e, pli__buf *b, pli_error *err) {
    const json_int_t precision = json_integer_value(json_object_get(type, "precision")),
                     scale = json_integer_value(json_object_get(type, "scale"));
    if (precision > 38) return refuse(w, "decimal with more than 38 digits", "write it as text", err);
    if (precision < 1 || scale < 0 || scale > precision) return PLI_OK; /* Avro: then it is its bytes */
    const int p = (int)precision, s = (int)scale;
    pli__buf_addf(
        b,
        "CAST(pli_decimal_%d(CASE WHEN octet_length(%s) > %d"
        " THEN error('a decimal of more than %d bytes') ELSE CAST(CAST(CAST(CAST("
        "repeat(CASE WHEN octet_length(%s) > 0 AND %s >= '\\x80'::BLOB THEN '\\xFF'::BLOB ELSE '\\x00'::BLOB END,"
        " %d - octet_length(%s)) || %s AS BIT) AS HUGEINT) AS DECIMAL(%d,0)) AS VARCHAR) || 'e-%d' END)"
        " AS DECIMAL(%d,%d))",
        s, e, DECIMAL_BYTES, DECIMAL_BYTES, e, e, DECIMAL_BYTES, e, e, p, s, p, s);
    return PLI_OK;
}

/* Digits below a microsecond would be lost. */
static void render_nanos(const char *e, const char *then, pli__buf *b) {
    pli__buf_addf(
        b, "CASE WHEN epoch_ns(%s) %% 1000 <> 0 THEN error('a timestamp has digits below microseconds') ELSE %s%s END",
        e, e, then);
}

/* Logical types that the engine does not know come as their numbers: pli__avro_copy has taken them out. */
static pli_status render_logical(const walk *w, const json_t *type, const char *e, pli__buf *b, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf local = {0};
    const bool is_long = is_kind(type, "long");
    if (is_logical(type, "decimal") && is_kind(type, "bytes")) return render_decimal(w, type, e, b, err);
    if (is_logical(type, "duration") && is_kind(type, "fixed"))
        return refuse(w, "duration", "write it as text or as a number", err);
    if (is_logical(type, "big-decimal") && is_kind(type, "bytes"))
        return refuse(w, "big-decimal", "write it as a decimal with precision and scale, or as text", err);
    if (!is_long) return PLI_OK;
    if (is_logical(type, "timestamp-micros") || is_logical(type, "timestamp-millis"))
        pli__buf_addf(b, "%s AT TIME ZONE 'UTC'", e);
    if (is_logical(type, "timestamp-nanos")) render_nanos(e, " AT TIME ZONE 'UTC'", b);
    if (is_logical(type, "local-timestamp-micros")) pli__buf_addf(b, "make_timestamp(%s)", e);
    if (is_logical(type, "local-timestamp-nanos")) {
        pli__buf_addf(&local, "make_timestamp_ns(%s)", e);
        PLI_TRY(pli__buf_status(&local, err));
        render_nanos(local.ptr, "::TIMESTAMP", b);
    }
    return PLI_OK;
}

/* ---- types with parts ---- */

/* The part `element` below e; nothing appended to b if it needs nothing. */
static pli_status render_part(walk *w, const json_t *type, const char *e, pli__buf *b, pli_error *err) {
    const char *space = w->space;
    const int depth = w->depth;
    const pli_status status = render(w, type, e, b, err);
    w->space = space;
    w->depth = depth;
    return status;
}

static pli_status render_list(walk *w, const json_t *type, const char *e, pli__buf *b, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf part = {0};
    char variable[32];
    (void)snprintf(variable, sizeof variable, "pli_a%d", w->depth);
    PLI_TRY(render_part(w, json_object_get(type, "items"), variable, &part, err));
    if (part.len) pli__buf_addf(b, "list_transform(%s, lambda %s: %s)", e, variable, part.ptr);
    return pli__buf_status(&part, err);
}

static pli_status render_map(walk *w, const json_t *type, const char *e, pli__buf *b, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf part = {0};
    char value[32];
    const int depth = w->depth;
    (void)snprintf(value, sizeof value, "pli_a%d.\"value\"", depth);
    PLI_TRY(render_part(w, json_object_get(type, "values"), value, &part, err));
    if (part.len)
        pli__buf_addf(b,
                      "map_from_entries(list_transform(map_entries(%s), lambda pli_a%d:"
                      " struct_pack(\"key\" := pli_a%d.\"key\", \"value\" := %s)))",
                      e, depth, depth, part.ptr);
    return pli__buf_status(&part, err);
}

/* A member of a struct that is made anew: the expression, or the part as it is. */
static pli_status add_member(walk *w, const json_t *type, pli__str name, const char *e, pli__buf *b, bool *changed,
                             pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf part = {0};
    PLI_TRY(render_part(w, type, e, &part, err));
    pli__buf_add_sql_name(b, name);
    pli__buf_addf(b, " := %s, ", part.len ? part.ptr : e);
    *changed = *changed || part.len > 0;
    return pli__buf_status(&part, err);
}

/* "a := x, b := y, " as a struct that is NULL where e is. */
static void finish_struct(const char *e, const pli__buf *members, pli__buf *b) {
    pli__buf_addf(b, "CASE WHEN %s IS NULL THEN NULL ELSE struct_pack(%.*s) END", e, (int)(members->len - 2),
                  members->ptr);
}

static pli_status render_record(walk *w, const json_t *type, const char *e, pli__buf *b, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf members = {0};
    const json_t *field;
    size_t i;
    bool changed = false;
    w->space = namespace_of(w, type);
    json_array_foreach(json_object_get(type, "fields"), i, field) {
        PLI_AUTO(pli__buf_clear) pli__buf inner = {0};
        char room[PLI__AVRO_NAME_ROOM];
        const pli__str name = pli__str_of(json_string_value(json_object_get(field, "name")));
        const char *given = pli__avro_field_name(field, i, room);
        pli__buf_addf(&inner, "struct_extract(%s, ", e);
        pli__buf_add_sql_str(&inner, pli__str_of(given));
        pli__buf_addc(&inner, ')');
        PLI_TRY(pli__buf_status(&inner, err));
        changed = changed || given == room;
        PLI_TRY(add_member(w, json_object_get(field, "type"), name, inner.ptr, &members, &changed, err));
    }
    PLI_TRY(pli__buf_status(&members, err));
    if (changed) finish_struct(e, &members, b);
    return PLI_OK;
}

/* ---- unions ---- */

static bool holds_both(const json_t *type, const char *narrow, const char *wide, size_t *narrow_at, size_t *wide_at) {
    const json_t *branch;
    size_t i, n = 0, narrow_n = 0, wide_n = 0;
    json_array_foreach(type, i, branch) {
        if (is_kind(branch, "null")) continue;
        n++;
        if (json_object_get(branch, "logicalType")) return false;
        if (is_kind(branch, narrow)) narrow_n++, *narrow_at = i;
        if (is_kind(branch, wide)) wide_n++, *wide_at = i;
    }
    return n == 2 && narrow_n == 1 && wide_n == 1;
}

static bool render_widened(const json_t *type, const char *e, pli__buf *b) {
    size_t narrow = 0, wide = 0;
    const bool integers = holds_both(type, "int", "long", &narrow, &wide);
    if (!integers && !holds_both(type, "float", "double", &narrow, &wide)) return false;
    pli__buf_addf(b, "coalesce(CAST(union_extract(%s, 'u%zu') AS %s), union_extract(%s, 'u%zu'))", e, narrow,
                  integers ? "BIGINT" : "DOUBLE", e, wide);
    return true;
}

static pli_status render_union(walk *w, const json_t *type, const char *e, pli__buf *b, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf members = {0};
    const json_t *branch, *only = NULL;
    size_t i, n = 0;
    bool changed = false;
    json_array_foreach(type, i, branch) if (!is_kind(branch, "null")) only = branch, n++;
    if (n < 2) return only ? render_part(w, only, e, b, err) : PLI_OK;
    if (render_widened(type, e, b)) return PLI_OK;
    n = 0;
    json_array_foreach(type, i, branch) {
        PLI_AUTO(pli__buf_clear) pli__buf value = {0};
        char name[32];
        if (is_kind(branch, "null")) continue;
        pli__buf_addf(&value, "union_extract(%s, 'u%zu')", e, i);
        PLI_TRY(pli__buf_status(&value, err));
        (void)snprintf(name, sizeof name, "member%zu", n++);
        PLI_TRY(add_member(w, branch, pli__str_of(name), value.ptr, &members, &changed, err));
    }
    PLI_TRY(pli__buf_status(&members, err));
    finish_struct(e, &members, b);
    return PLI_OK;
}

/* ---- any type ---- */

static pli_status render(walk *w, const json_t *type, const char *e, pli__buf *b, pli_error *err) {
    type = resolve(w, type);
    if (json_is_array(type)) return render_union(w, type, e, b, err);
    if (!json_is_object(type)) return PLI_OK;
    PLI_TRY(enter(w, type, err));
    if (is_kind(type, "record") || is_kind(type, "error")) return render_record(w, type, e, b, err);
    if (is_kind(type, "array")) return render_list(w, type, e, b, err);
    if (is_kind(type, "map")) return render_map(w, type, e, b, err);
    /* {"type": {"type": …}} is another spelling of the inner one */
    const json_t *inner = json_object_get(type, "type");
    if (!json_is_string(inner)) return render_part(w, inner, e, b, err);
    return render_logical(w, type, e, b, err);
}

/* "expression AS name" of a top-level field, or the name alone. */
static pli_status render_column(walk *w, const json_t *field, size_t i, pli__buf *out, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf given = {0}, sql = {0};
    char room[PLI__AVRO_NAME_ROOM];
    pli__buf_add_sql_name(&given, pli__str_of(pli__avro_field_name(field, i, room)));
    PLI_TRY(pli__buf_status(&given, err));
    PLI_TRY(render_part(w, json_object_get(field, "type"), given.ptr, &sql, err));
    pli__buf_addf(out, "%s AS ", sql.len ? sql.ptr : given.ptr);
    pli__buf_add_sql_name(out, pli__str_of(w->column));
    return pli__buf_status(&sql, err);
}

static pli_status render_columns(walk *w, const json_t *schema, pli__buf *out, pli_error *err) {
    const json_t *field, *fields = json_object_get(schema, "fields");
    size_t i;
    (void)resolve(w, schema);
    PLI_TRY(enter(w, schema, err));
    w->space = namespace_of(w, schema);
    json_array_foreach(fields, i, field) {
        w->column = json_string_value(json_object_get(field, "name"));
        if (!w->column) continue; /* the engine says what is wrong with such a schema */
        if (out->len) pli__buf_addz(out, ", ");
        PLI_TRY(render_column(w, field, i, out, err));
    }
    if (!out->len) pli__buf_addc(out, '*');
    return pli__buf_status(out, err);
}

pli_status pli__avro_columns(const pli__avro_header *h, pli__buf *out, pli_error *err) {
    walk w = {.path = h->path, .column = "", .named = json_object()};
    if (!w.named) return pli__error_memory(err);
    const pli_status status = render_columns(&w, h->schema, out, err);
    json_decref(w.named);
    return status;
}
