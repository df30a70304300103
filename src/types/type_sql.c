/*
 * SQL type texts: what DuckDB prints (read and written) and what users write (read): DuckDB's aliases, Delta's names,
 * Spark's array<...>, and, where a text has Polars' form such as List(Int64), Polars' own.
 *
 *   type    := primary ('[' [size] ']')*
 *   primary := name | DECIMAL['(' p [',' s] ')'] | STRUCT '(' name type, ... ')' | MAP '(' type ',' type ')'
 *            | ENUM '(' 'text', ... ')' | UNION '(' ... ')' | TIMESTAMP [WITH TIME ZONE] | STRUCT<a: type, ...> ...
 */
#include "base/json.h"
#include "types/type_names.h"
#include "types/type_text.h"

static pli_status parse_type(pli__type_text *t, const pli__type **out, pli_error *err);

static bool word_is(pli__str w, const char *z) { return pli__str_ieqz(w, z); }

/* ---- the simple ones ---- */

static pli_status parse_decimal(pli__type_text *t, const pli__type **out, pli_error *err) {
    int64_t precision = 18, scale = 3;
    const size_t start = t->pos;
    if (pli__type_text_take(t, '(')) {
        scale = 0;
        PLI_TRY(pli__type_text_number(t, 38, &precision, err));
        if (pli__type_text_take(t, ',')) PLI_TRY(pli__type_text_number(t, 38, &scale, err));
        PLI_TRY(pli__type_text_expect(t, ')', err));
    }
    if (precision < 1 || scale > precision) {
        t->pos = start;
        return pli__type_text_fail(t, err, "a decimal has a precision of 1 to 38 and a scale up to it");
    }
    return pli__type_made(pli__type_new_decimal((int)precision, (int)scale), out, err);
}

/* " WITH TIME ZONE" behind TIMESTAMP or TIME. */
static pli_status parse_zone(pli__type_text *t, bool *with_zone, pli_error *err) {
    *with_zone = pli__type_text_take_word(t, "with");
    if (!*with_zone && !pli__type_text_take_word(t, "without")) return PLI_OK;
    if (pli__type_text_take_word(t, "time") && pli__type_text_take_word(t, "zone")) return PLI_OK;
    return pli__type_text_fail(t, err, "'TIME ZONE' is missing");
}

static pli_status parse_timestamp(pli__type_text *t, const pli__type **out, pli_error *err) {
    static const pli__time_unit of_digits[] = {PLI__UNIT_S,  PLI__UNIT_MS, PLI__UNIT_MS, PLI__UNIT_MS, PLI__UNIT_US,
                                               PLI__UNIT_US, PLI__UNIT_US, PLI__UNIT_NS, PLI__UNIT_NS, PLI__UNIT_NS};
    int64_t digits = 6;
    if (pli__type_text_take(t, '(')) {
        PLI_TRY(pli__type_text_number(t, 9, &digits, err));
        PLI_TRY(pli__type_text_expect(t, ')', err));
    }
    bool with_zone;
    PLI_TRY(parse_zone(t, &with_zone, err));
    const pli__type_id id = with_zone ? PLI__TYPE_TIMESTAMP : PLI__TYPE_TIMESTAMP_NTZ;
    return pli__type_made(pli__type_new_time(id, with_zone ? PLI__UNIT_US : of_digits[digits], PLI_STR("")), out, err);
}

static pli_status parse_time(pli__type_text *t, const pli__type **out, pli_error *err) {
    bool with_zone;
    PLI_TRY(parse_zone(t, &with_zone, err));
    if (with_zone) return pli__type_made(pli__type_new_text(PLI__TYPE_OTHER, PLI_STR("TIME WITH TIME ZONE")), out, err);
    return pli__type_made(pli__type_new(PLI__TYPE_TIME), out, err);
}

/* VARCHAR(10): the length means nothing to DuckDB either. */
static pli_status skip_length(pli__type_text *t, pli_error *err) {
    int64_t length;
    if (!pli__type_text_take(t, '(')) return PLI_OK;
    PLI_TRY(pli__type_text_number(t, INT32_MAX, &length, err));
    return pli__type_text_expect(t, ')', err);
}

static pli_status parse_simple(pli__type_text *t, pli__str word, size_t start, const pli__type **out, pli_error *err) {
    if (pli__type_name_is_foreign(word)) {
        if (word_is(word, "timetz")) word = PLI_STR("TIME WITH TIME ZONE");
        return pli__type_made(pli__type_new_text(PLI__TYPE_OTHER, word), out, err);
    }
    const pli__type_name *name = pli__type_name_by_sql(word);
    if (!name) {
        t->pos = start;
        if (word.len == 0) return pli__type_text_fail(t, err, "a type is missing");
        const char *near = pli__type_name_nearest(word);
        return pli__type_text_fail(t, err, "there is no type '%.*s'%s%s%s", (int)(word.len < 60 ? word.len : 60),
                                   word.ptr, near ? ", did you mean '" : "", near ? near : "", near ? "'?" : "");
    }
    if (name->id == PLI__TYPE_F64) pli__type_text_take_word(t, "precision");
    if (name->id == PLI__TYPE_STRING) PLI_TRY(skip_length(t, err));
    return pli__type_made(pli__type_new_time(name->id, name->unit, PLI_STR("")), out, err);
}

/* ---- the nested ones ---- */

static pli_status parse_name(pli__type_text *t, pli__buf *out, pli_error *err) {
    const char c = pli__type_text_peek(t);
    if (c == '"' || c == '`') return pli__type_text_quoted(t, out, err);
    const pli__str word = pli__type_text_word(t);
    if (word.len == 0) return pli__type_text_fail(t, err, "the name of a field is missing");
    pli__buf_adds(out, word);
    return pli__buf_status(out, err);
}

static pli_status parse_field(pli__type_text *t, pli__type_builder *b, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf name = {0};
    PLI_TRY(parse_name(t, &name, err));
    (void)pli__type_text_take(t, ':'); /* Spark's struct<a: int> */
    size_t mark;
    PLI_TRY(pli__type_text_push(t, pli__buf_str(&name), &mark, err));
    const pli__type *type = NULL;
    PLI_TRY(parse_type(t, &type, err));
    pli__type_text_pop(t, mark);
    const bool required = t->columns && pli__type_text_take_word(t, "not");
    pli__type_builder_add(b, pli__buf_str(&name), type, !required, NULL);
    if (required && !pli__type_text_take_word(t, "null")) return pli__type_text_fail(t, err, "'NULL' is missing");
    return PLI_OK;
}

static pli_status parse_fields(pli__type_text *t, pli__type_builder *b, pli_error *err) {
    do PLI_TRY(parse_field(t, b, err));
    while (pli__type_text_take(t, ','));
    return PLI_OK;
}

static pli_status parse_struct(pli__type_text *t, char close, const pli__type **out, pli_error *err) {
    PLI_AUTO(pli__type_builder_clear) pli__type_builder b = {0};
    if (!pli__type_text_take(t, close)) {
        PLI_TRY(parse_fields(t, &b, err));
        PLI_TRY(pli__type_text_expect(t, close, err));
    }
    return pli__type_made(pli__type_builder_finish(&b), out, err);
}

static pli_status parse_map(pli__type_text *t, char close, const pli__type **out, pli_error *err) {
    PLI_AUTO(pli__type_auto) const pli__type *key = NULL;
    PLI_AUTO(pli__type_auto) const pli__type *value = NULL;
    size_t mark;
    PLI_TRY(pli__type_text_push(t, PLI_STR("key"), &mark, err));
    PLI_TRY(parse_type(t, &key, err));
    pli__type_text_pop(t, mark);
    PLI_TRY(pli__type_text_expect(t, ',', err));
    PLI_TRY(pli__type_text_push(t, PLI_STR("value"), &mark, err));
    PLI_TRY(parse_type(t, &value, err));
    pli__type_text_pop(t, mark);
    PLI_TRY(pli__type_text_expect(t, close, err));
    return pli__type_made(pli__type_new_map(PLI_TAKE(key), PLI_TAKE(value), true), out, err);
}

/* array<type>; the '<' is consumed. */
static pli_status parse_angle_array(pli__type_text *t, const pli__type **out, pli_error *err) {
    PLI_AUTO(pli__type_auto) const pli__type *element = NULL;
    PLI_TRY(parse_type(t, &element, err));
    PLI_TRY(pli__type_text_expect(t, '>', err));
    return pli__type_made(pli__type_new_list(PLI_TAKE(element), true), out, err);
}

static pli_status parse_enum(pli__type_text *t, const pli__type **out, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf json = {0};
    PLI_AUTO(pli__buf_clear) pli__buf text = {0};
    PLI_TRY(pli__type_text_expect(t, '(', err));
    pli__buf_addc(&json, '[');
    do {
        if (pli__type_text_peek(t) != '\'') return pli__type_text_fail(t, err, "a text in single quotes is missing");
        pli__buf_reset(&text);
        PLI_TRY(pli__type_text_quoted(t, &text, err));
        if (json.len > 1) pli__buf_addc(&json, ',');
        pli__buf_add_json(&json, pli__buf_str(&text));
    } while (pli__type_text_take(t, ','));
    PLI_TRY(pli__type_text_expect(t, ')', err));
    pli__buf_addc(&json, ']');
    PLI_TRY(pli__buf_status(&json, err));
    return pli__type_made(pli__type_new_text(PLI__TYPE_ENUM, pli__buf_str(&json)), out, err);
}

/* The members are checked, but only the text is kept. */
static pli_status parse_union(pli__type_text *t, size_t start, const pli__type **out, pli_error *err) {
    PLI_AUTO(pli__type_auto) const pli__type *members = NULL;
    PLI_TRY(pli__type_text_expect(t, '(', err));
    PLI_TRY(parse_struct(t, ')', &members, err));
    return pli__type_made(pli__type_new_text(PLI__TYPE_OTHER, (pli__str){t->text.ptr + start, t->pos - start}), out,
                          err);
}

/* ---- choosing ---- */

/* True if the word and what follows it can only be Polars' spelling: List(...), Struct({...}), Enum(categories=...). */
static bool is_polars_form(pli__type_text *t, pli__str word) {
    static const char *const always[] = {"List", "Array", "Datetime", "Duration", "Categorical", "Map"};
    static const char *const if_python[] = {"Struct", "Enum", "Decimal"};
    const size_t start = t->pos;
    const bool call = pli__type_text_take(t, '(');
    const char next = pli__type_text_peek(t);
    const bool python = call && (next == '{' || next == '[' || pli__type_text_take_word(t, "categories") ||
                                 pli__type_text_take_word(t, "precision"));
    t->pos = start;
    for (size_t i = 0; i < sizeof always / sizeof always[0]; i++)
        if (call && pli__str_eqz(word, always[i])) return true;
    for (size_t i = 0; i < sizeof if_python / sizeof if_python[0]; i++)
        if (python && pli__str_eqz(word, if_python[i])) return true;
    return false;
}

static pli_status parse_named(pli__type_text *t, const pli__type **out, pli_error *err) {
    (void)pli__type_text_peek(t);
    const size_t start = t->pos;
    const pli__str word = pli__type_text_word(t);
    if (is_polars_form(t, word)) {
        t->pos = start;
        return pli__type_parse_polars(t, out, err);
    }
    if (word_is(word, "decimal") || word_is(word, "numeric") || word_is(word, "dec")) return parse_decimal(t, out, err);
    if (word_is(word, "timestamp")) return parse_timestamp(t, out, err);
    if (word_is(word, "time")) return parse_time(t, out, err);
    if (word_is(word, "enum")) return parse_enum(t, out, err);
    if (word_is(word, "union")) return parse_union(t, start, out, err);
    const bool is_struct = word_is(word, "struct") || word_is(word, "row");
    const bool is_map = word_is(word, "map");
    const bool is_array = word_is(word, "array");
    if ((is_struct || is_map || is_array) && pli__type_text_take(t, '<'))
        return (is_struct ? parse_struct(t, '>', out, err)
                : is_map  ? parse_map(t, '>', out, err)
                          : parse_angle_array(t, out, err));
    if (is_struct || is_map) {
        PLI_TRY(pli__type_text_expect(t, '(', err));
        return is_struct ? parse_struct(t, ')', out, err) : parse_map(t, ')', out, err);
    }
    return parse_simple(t, word, start, out, err);
}

static pli_status parse_quoted_name(pli__type_text *t, const pli__type **out, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf name = {0};
    const size_t start = t->pos;
    PLI_TRY(pli__type_text_quoted(t, &name, err));
    return parse_simple(t, pli__buf_str(&name), start, out, err);
}

/* One '[]' or '[3]' behind *type, which is replaced. */
static pli_status parse_suffix(pli__type_text *t, const pli__type **type, pli_error *err) {
    int64_t size = 0;
    if (pli__type_text_peek(t) != ']') {
        PLI_TRY(pli__type_text_number(t, INT32_MAX, &size, err));
        if (size == 0) return pli__type_text_fail(t, err, "an array of fixed size has at least one element");
    }
    PLI_TRY(pli__type_text_expect(t, ']', err));
    const pli__type *element = PLI_TAKE(*type);
    return pli__type_made(size ? pli__type_new_array(element, (size_t)size) : pli__type_new_list(element, true), type,
                          err);
}

static pli_status parse_type(pli__type_text *t, const pli__type **out, pli_error *err) {
    PLI_AUTO(pli__type_auto) const pli__type *type = NULL;
    PLI_TRY(pli__type_text_enter(t, err));
    PLI_TRY(pli__type_text_peek(t) == '"' ? parse_quoted_name(t, &type, err) : parse_named(t, &type, err));
    int levels = 1;
    while (pli__type_text_take(t, '[')) {
        PLI_TRY(pli__type_text_enter(t, err));
        levels++;
        PLI_TRY(parse_suffix(t, &type, err));
    }
    while (levels--) pli__type_text_leave(t);
    *out = PLI_TAKE(type);
    return PLI_OK;
}

pli_status pli__type_parse_sql(pli__type_text *t, const pli__type **out, pli_error *err) {
    return parse_type(t, out, err);
}

pli_status pli__type_from_sql(pli__str text, const pli__type **out, pli_error *err) {
    return pli__type_text_whole(text, "type", parse_type, out, err);
}

/* A column may be called "struct" as well: then no parenthesis follows. */
static bool is_struct_text(pli__type_text *t) {
    const size_t start = t->pos;
    const pli__str word = pli__type_text_word(t);
    const char next = pli__type_text_peek(t);
    t->pos = start;
    return (word_is(word, "struct") || word_is(word, "row")) && (next == '(' || next == '<');
}

static pli_status parse_columns(pli__type_text *t, const pli__type **out, pli_error *err) {
    PLI_AUTO(pli__type_builder_clear) pli__type_builder b = {0};
    t->columns = true;
    if (is_struct_text(t)) return parse_type(t, out, err);
    PLI_TRY(pli__type_text_enter(t, err));
    PLI_TRY(parse_fields(t, &b, err));
    pli__type_text_leave(t);
    return pli__type_made(pli__type_builder_finish(&b), out, err);
}

pli_status pli__type_columns_from_sql(pli__str text, const pli__type **out, pli_error *err) {
    return pli__type_text_whole(text, "columns", parse_columns, out, err);
}

/* ---- writing ---- */

static pli_status add_type(const pli__type *t, pli__buf *out, pli_error *err);

static pli_status add_struct(const pli__type *t, pli__buf *out, pli_error *err) {
    pli__buf_addz(out, "STRUCT(");
    for (size_t i = 0; i < t->n_fields; i++) {
        if (i) pli__buf_addz(out, ", ");
        pli__sql_add_name(out, pli__str_of(t->fields[i].name));
        pli__buf_addc(out, ' ');
        PLI_TRY(add_type(t->fields[i].type, out, err));
    }
    pli__buf_addc(out, ')');
    return PLI_OK;
}

static pli_status add_list(const pli__type *t, pli__buf *out, pli_error *err) {
    PLI_TRY(add_type(t->fields[0].type, out, err));
    if (t->array_size) pli__buf_addf(out, "[%zu]", t->array_size);
    else pli__buf_addz(out, "[]");
    return PLI_OK;
}

static pli_status add_map(const pli__type *t, pli__buf *out, pli_error *err) {
    pli__buf_addz(out, "MAP(");
    PLI_TRY(add_type(t->fields[0].type, out, err));
    pli__buf_addz(out, ", ");
    PLI_TRY(add_type(t->fields[1].type, out, err));
    pli__buf_addc(out, ')');
    return PLI_OK;
}

static pli_status add_enum(const pli__type *t, pli__buf *out, pli_error *err) {
    if (!t->text || t->text[0] != '[' || strcmp(t->text, "[]") == 0) {
        pli__buf_addz(out, "VARCHAR"); /* categories that are not known up front, or none at all */
        return PLI_OK;
    }
    PLI_AUTO(pli__json_unref) json_t *categories = NULL;
    PLI_TRY(pli__json_parse(pli__str_of(t->text), "categories", &categories, err));
    pli__buf_addz(out, "ENUM(");
    for (size_t i = 0; i < json_array_size(categories); i++) {
        if (i) pli__buf_addz(out, ", ");
        pli__buf_add_sql_str(out, pli__str_of(json_string_value(json_array_get(categories, i))));
    }
    pli__buf_addc(out, ')');
    return PLI_OK;
}

static pli_status add_type(const pli__type *t, pli__buf *out, pli_error *err) {
    switch (t->id) {
        case PLI__TYPE_DECIMAL: pli__buf_addf(out, "DECIMAL(%d,%d)", t->precision, t->scale); return PLI_OK;
        case PLI__TYPE_STRUCT: return add_struct(t, out, err);
        case PLI__TYPE_LIST: return add_list(t, out, err);
        case PLI__TYPE_MAP: return add_map(t, out, err);
        case PLI__TYPE_ENUM: return add_enum(t, out, err);
        case PLI__TYPE_OTHER: pli__buf_addz(out, t->text ? t->text : "UNKNOWN"); return PLI_OK;
        default: pli__buf_addz(out, pli__type_name_of(t)->sql); return PLI_OK;
    }
}

pli_status pli__type_to_sql(const pli__type *t, pli__buf *out, pli_error *err) {
    PLI_TRY(add_type(t, out, err));
    return pli__buf_status(out, err);
}
