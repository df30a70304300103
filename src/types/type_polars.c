/*
 * Polars' own text of a type, str(dtype), in both directions: Int64, Datetime(time_unit='us', time_zone='UTC'),
 * List(Int64), Struct({'a': Int64}), Array(Int64, shape=(2, 3)) ... Spelling without blanks or without the names of
 * the arguments is read as well. What only Polars has (Float16, Object ...) is kept as OTHER with its text.
 */
#include "base/json.h"
#include "types/python_text.h"
#include "types/type_names.h"
#include "types/type_text.h"

#define MAX_DIMENSIONS 32

static pli_status parse_type(pli__type_text *t, const pli__type **out, pli_error *err);

/* Skips "name=" in front of an argument; any other name is left for what reads the value to complain about. */
static void skip_argument_name(pli__type_text *t, const char *name) {
    const size_t start = t->pos;
    if (!pli__type_text_take_word(t, name) || !pli__type_text_take(t, '=')) t->pos = start;
}

/* ---- types with simple arguments ---- */

static pli_status parse_decimal(pli__type_text *t, const pli__type **out, pli_error *err) {
    int64_t precision = 38, scale = 0;
    const size_t start = t->pos;
    if (pli__type_text_take(t, '(')) {
        skip_argument_name(t, "precision");
        if (!pli__type_text_take_word(t, "None")) PLI_TRY(pli__type_text_number(t, 38, &precision, err));
        if (pli__type_text_take(t, ',')) {
            skip_argument_name(t, "scale");
            PLI_TRY(pli__type_text_number(t, 38, &scale, err));
        }
        PLI_TRY(pli__type_text_expect(t, ')', err));
    }
    if (precision < 1 || scale > precision) {
        t->pos = start;
        return pli__type_text_fail(t, err, "a decimal has a precision of 1 to 38 and a scale up to it");
    }
    return pli__type_made(pli__type_new_decimal((int)precision, (int)scale), out, err);
}

static pli_status parse_unit(pli__type_text *t, pli__time_unit *unit, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf text = {0};
    skip_argument_name(t, "time_unit");
    const size_t start = t->pos;
    PLI_TRY(pli__python_text_parse(t, &text, err));
    if (pli__time_unit_parse(pli__buf_str(&text), unit)) return PLI_OK;
    t->pos = start;
    return pli__type_text_fail(t, err, "a time unit is 'ns', 'us' or 'ms'");
}

static pli_status parse_datetime(pli__type_text *t, const pli__type **out, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf zone = {0};
    pli__time_unit unit = PLI__UNIT_US;
    bool has_zone = false;
    if (pli__type_text_take(t, '(')) {
        PLI_TRY(parse_unit(t, &unit, err));
        if (pli__type_text_take(t, ',')) {
            skip_argument_name(t, "time_zone");
            has_zone = !pli__type_text_take_word(t, "None");
            if (has_zone) PLI_TRY(pli__python_text_parse(t, &zone, err));
        }
        PLI_TRY(pli__type_text_expect(t, ')', err));
    }
    const pli__type_id id = has_zone ? PLI__TYPE_TIMESTAMP : PLI__TYPE_TIMESTAMP_NTZ;
    return pli__type_made(pli__type_new_time(id, unit, pli__buf_str(&zone)), out, err);
}

static pli_status parse_duration(pli__type_text *t, const pli__type **out, pli_error *err) {
    pli__time_unit unit = PLI__UNIT_US;
    if (pli__type_text_take(t, '(')) {
        PLI_TRY(parse_unit(t, &unit, err));
        PLI_TRY(pli__type_text_expect(t, ')', err));
    }
    return pli__type_made(pli__type_new_time(PLI__TYPE_DURATION, unit, PLI_STR("")), out, err);
}

static pli_status parse_enum(pli__type_text *t, const pli__type **out, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf json = {0};
    PLI_AUTO(pli__buf_clear) pli__buf text = {0};
    PLI_TRY(pli__type_text_expect(t, '(', err));
    skip_argument_name(t, "categories");
    PLI_TRY(pli__type_text_expect(t, '[', err));
    pli__buf_addc(&json, '[');
    bool more = pli__type_text_peek(t) != ']';
    while (more) {
        pli__buf_reset(&text);
        PLI_TRY(pli__python_text_parse(t, &text, err));
        if (json.len > 1) pli__buf_addc(&json, ',');
        pli__buf_add_json(&json, pli__buf_str(&text));
        more = pli__type_text_take(t, ',');
    }
    pli__buf_addc(&json, ']');
    PLI_TRY(pli__buf_status(&json, err));
    PLI_TRY(pli__type_text_expect(t, ']', err));
    PLI_TRY(pli__type_text_expect(t, ')', err));
    return pli__type_made(pli__type_new_text(PLI__TYPE_ENUM, pli__buf_str(&json)), out, err);
}

/* Everything up to the bracket that closes the one at the cursor; quoted texts are understood. */
static pli_status skip_balanced(pli__type_text *t, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf text = {0};
    size_t open = 0;
    do {
        const char c = pli__type_text_peek(t);
        if (c == 0) return pli__type_text_fail(t, err, "a bracket is not closed");
        if (c == '\'' || c == '"') {
            pli__buf_reset(&text);
            PLI_TRY(pli__python_text_parse(t, &text, err));
            continue;
        }
        t->pos++;
        if (strchr("([{", c)) open++;
        if (strchr(")]}", c)) open--;
    } while (open);
    return PLI_OK;
}

/* Categorical, Categorical(Categories("name")): the arguments are Polars' own business. */
static pli_status parse_categorical(pli__type_text *t, const pli__type **out, pli_error *err) {
    if (pli__type_text_peek(t) != '(') return pli__type_made(pli__type_new(PLI__TYPE_ENUM), out, err);
    const size_t start = t->pos;
    PLI_TRY(skip_balanced(t, err));
    const pli__str arguments = {t->text.ptr + start + 1, t->pos - start - 2};
    if (arguments.len == 0 || arguments.ptr[0] == '[')
        return pli__type_text_fail(t, err, "a Categorical has no list of categories");
    return pli__type_made(pli__type_new_text(PLI__TYPE_ENUM, arguments), out, err);
}

static pli_status parse_opaque(pli__type_text *t, size_t start, const pli__type **out, pli_error *err) {
    if (pli__type_text_peek(t) == '(') PLI_TRY(skip_balanced(t, err));
    return pli__type_made(pli__type_new_text(PLI__TYPE_OTHER, (pli__str){t->text.ptr + start, t->pos - start}), out,
                          err);
}

/* ---- nested types ---- */

static pli_status parse_inner(pli__type_text *t, pli__str field, const pli__type **out, pli_error *err) {
    size_t mark;
    PLI_TRY(pli__type_text_push(t, field, &mark, err));
    PLI_TRY(parse_type(t, out, err));
    pli__type_text_pop(t, mark);
    return PLI_OK;
}

static pli_status parse_list(pli__type_text *t, const pli__type **out, pli_error *err) {
    PLI_AUTO(pli__type_auto) const pli__type *element = NULL;
    PLI_TRY(pli__type_text_expect(t, '(', err));
    PLI_TRY(parse_inner(t, PLI_STR("element"), &element, err));
    PLI_TRY(pli__type_text_expect(t, ')', err));
    return pli__type_made(pli__type_new_list(PLI_TAKE(element), true), out, err);
}

static pli_status parse_map(pli__type_text *t, const pli__type **out, pli_error *err) {
    PLI_AUTO(pli__type_auto) const pli__type *key = NULL;
    PLI_AUTO(pli__type_auto) const pli__type *value = NULL;
    PLI_TRY(pli__type_text_expect(t, '(', err));
    PLI_TRY(parse_inner(t, PLI_STR("key"), &key, err));
    PLI_TRY(pli__type_text_expect(t, ',', err));
    PLI_TRY(parse_inner(t, PLI_STR("value"), &value, err));
    PLI_TRY(pli__type_text_expect(t, ')', err));
    return pli__type_made(pli__type_new_map(PLI_TAKE(key), PLI_TAKE(value), true), out, err);
}

/* "3" or "(2, 3)" or "(3,)". */
static pli_status parse_shape(pli__type_text *t, int64_t *dims, size_t *n, pli_error *err) {
    skip_argument_name(t, "shape");
    skip_argument_name(t, "width");
    *n = 0;
    const bool tuple = pli__type_text_take(t, '(');
    do {
        if (tuple && *n && pli__type_text_peek(t) == ')') break;
        if (*n == MAX_DIMENSIONS) return pli__type_text_fail(t, err, "more than %d dimensions", MAX_DIMENSIONS);
        PLI_TRY(pli__type_text_number(t, INT32_MAX, &dims[*n], err));
        ++*n;
    } while (tuple && pli__type_text_take(t, ','));
    return tuple ? pli__type_text_expect(t, ')', err) : PLI_OK;
}

static pli_status parse_array(pli__type_text *t, size_t start, const pli__type **out, pli_error *err) {
    PLI_AUTO(pli__type_auto) const pli__type *type = NULL;
    int64_t dims[MAX_DIMENSIONS];
    size_t n;
    PLI_TRY(pli__type_text_expect(t, '(', err));
    PLI_TRY(parse_inner(t, PLI_STR("element"), &type, err));
    PLI_TRY(pli__type_text_expect(t, ',', err));
    PLI_TRY(parse_shape(t, dims, &n, err));
    PLI_TRY(pli__type_text_expect(t, ')', err));
    for (size_t i = 0; i < n; i++)
        if (dims[i] == 0) /* no other engine has arrays without elements */
            return pli__type_made(pli__type_new_text(PLI__TYPE_OTHER, (pli__str){t->text.ptr + start, t->pos - start}),
                                  out, err);
    while (n--) {
        PLI_TRY(pli__type_text_enter(t, err));
        PLI_TRY(pli__type_made(pli__type_new_array(PLI_TAKE(type), (size_t)dims[n]), &type, err));
    }
    *out = PLI_TAKE(type);
    return PLI_OK;
}

/* 'name': type, or Field('name', type). */
static pli_status parse_field(pli__type_text *t, bool is_dict, pli__type_builder *b, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf name = {0};
    if (!is_dict) {
        if (!pli__type_text_take_word(t, "Field")) return pli__type_text_fail(t, err, "'Field' is missing");
        PLI_TRY(pli__type_text_expect(t, '(', err));
    }
    PLI_TRY(pli__python_text_parse(t, &name, err));
    PLI_TRY(pli__type_text_expect(t, is_dict ? ':' : ',', err));
    const pli__type *type = NULL;
    PLI_TRY(parse_inner(t, pli__buf_str(&name), &type, err));
    pli__type_builder_add(b, pli__buf_str(&name), type, true, NULL);
    return is_dict ? PLI_OK : pli__type_text_expect(t, ')', err);
}

static pli_status parse_struct(pli__type_text *t, const pli__type **out, pli_error *err) {
    PLI_AUTO(pli__type_builder_clear) pli__type_builder b = {0};
    PLI_TRY(pli__type_text_expect(t, '(', err));
    const bool is_dict = pli__type_text_take(t, '{');
    if (!is_dict) PLI_TRY(pli__type_text_expect(t, '[', err));
    const char close = is_dict ? '}' : ']';
    bool more = pli__type_text_peek(t) != close;
    while (more) {
        PLI_TRY(parse_field(t, is_dict, &b, err));
        more = pli__type_text_take(t, ',');
    }
    PLI_TRY(pli__type_text_expect(t, close, err));
    PLI_TRY(pli__type_text_expect(t, ')', err));
    return pli__type_made(pli__type_builder_finish(&b), out, err);
}

/* ---- choosing ---- */

static pli_status parse_named(pli__type_text *t, const pli__type **out, pli_error *err) {
    static const char *const opaque[] = {"Float16", "Object", "Unknown", "Extension"};
    (void)pli__type_text_peek(t);
    const size_t start = t->pos;
    const pli__str word = pli__type_text_word(t);
    const pli__type_name *name = pli__type_name_by_polars(word);
    if (name) return pli__type_made(pli__type_new(name->id), out, err);
    if (pli__str_eqz(word, "Decimal")) return parse_decimal(t, out, err);
    if (pli__str_eqz(word, "Datetime")) return parse_datetime(t, out, err);
    if (pli__str_eqz(word, "Duration")) return parse_duration(t, out, err);
    if (pli__str_eqz(word, "List")) return parse_list(t, out, err);
    if (pli__str_eqz(word, "Array")) return parse_array(t, start, out, err);
    if (pli__str_eqz(word, "Struct")) return parse_struct(t, out, err);
    if (pli__str_eqz(word, "Map")) return parse_map(t, out, err);
    if (pli__str_eqz(word, "Enum")) return parse_enum(t, out, err);
    if (pli__str_eqz(word, "Categorical")) return parse_categorical(t, out, err);
    for (size_t i = 0; i < sizeof opaque / sizeof opaque[0]; i++)
        if (pli__str_eqz(word, opaque[i])) return parse_opaque(t, start, out, err);
    t->pos = start;
    return pli__type_text_fail(t, err, "this is not the name of a Polars type");
}

static pli_status parse_type(pli__type_text *t, const pli__type **out, pli_error *err) {
    const int depth = t->depth;
    PLI_TRY(pli__type_text_enter(t, err));
    PLI_TRY(parse_named(t, out, err));
    t->depth = depth;
    return PLI_OK;
}

pli_status pli__type_parse_polars(pli__type_text *t, const pli__type **out, pli_error *err) {
    return parse_type(t, out, err);
}

pli_status pli__type_from_polars(pli__str text, const pli__type **out, pli_error *err) {
    return pli__type_text_whole(text, "Polars type", parse_type, out, err);
}

/* ---- writing ---- */

static pli_status add_type(const pli__type *t, pli__buf *out, pli_error *err);

static pli_status add_struct(const pli__type *t, pli__buf *out, pli_error *err) {
    pli__buf_addz(out, "Struct({");
    for (size_t i = 0; i < t->n_fields; i++) {
        if (i) pli__buf_addz(out, ", ");
        pli__python_text_add(out, pli__str_of(t->fields[i].name));
        pli__buf_addz(out, ": ");
        PLI_TRY(add_type(t->fields[i].type, out, err));
    }
    pli__buf_addz(out, "})");
    return PLI_OK;
}

/* Arrays in arrays are one type with several dimensions. */
static pli_status add_array(const pli__type *t, pli__buf *out, pli_error *err) {
    const pli__type *inner = t;
    while (inner->id == PLI__TYPE_LIST && inner->array_size) inner = inner->fields[0].type;
    pli__buf_addz(out, "Array(");
    PLI_TRY(add_type(inner, out, err));
    pli__buf_addz(out, ", shape=(");
    for (const pli__type *level = t; level != inner; level = level->fields[0].type)
        pli__buf_addf(out, level == t ? "%zu" : ", %zu", level->array_size);
    pli__buf_addz(out, t->fields[0].type == inner ? ",))" : "))");
    return PLI_OK;
}

static pli_status add_list(const pli__type *t, pli__buf *out, pli_error *err) {
    if (t->array_size) return add_array(t, out, err);
    pli__buf_addz(out, "List(");
    PLI_TRY(add_type(t->fields[0].type, out, err));
    pli__buf_addc(out, ')');
    return PLI_OK;
}

static pli_status add_map(const pli__type *t, pli__buf *out, pli_error *err) {
    pli__buf_addz(out, "Map(");
    PLI_TRY(add_type(t->fields[0].type, out, err));
    pli__buf_addz(out, ", ");
    PLI_TRY(add_type(t->fields[1].type, out, err));
    pli__buf_addc(out, ')');
    return PLI_OK;
}

static pli_status add_enum(const pli__type *t, pli__buf *out, pli_error *err) {
    if (!t->text || t->text[0] != '[') {
        pli__buf_addz(out, "Categorical");
        if (t->text) pli__buf_addf(out, "(%s)", t->text);
        return PLI_OK;
    }
    PLI_AUTO(pli__json_unref) json_t *categories = NULL;
    PLI_TRY(pli__json_parse(pli__str_of(t->text), "categories", &categories, err));
    pli__buf_addz(out, "Enum(categories=[");
    for (size_t i = 0; i < json_array_size(categories); i++) {
        if (i) pli__buf_addz(out, ", ");
        pli__python_text_add(out, pli__str_of(json_string_value(json_array_get(categories, i))));
    }
    pli__buf_addz(out, "])");
    return PLI_OK;
}

static void add_datetime(const pli__type *t, pli__buf *out) {
    pli__buf_addf(out, "Datetime(time_unit='%s', time_zone=", pli__time_unit_name(t->unit));
    if (t->id == PLI__TYPE_TIMESTAMP) pli__python_text_add(out, t->text ? pli__str_of(t->text) : PLI_STR("UTC"));
    else pli__buf_addz(out, "None");
    pli__buf_addc(out, ')');
}

static pli_status add_type(const pli__type *t, pli__buf *out, pli_error *err) {
    switch (t->id) {
        case PLI__TYPE_DECIMAL:
            pli__buf_addf(out, "Decimal(precision=%d, scale=%d)", t->precision, t->scale);
            return PLI_OK;
        case PLI__TYPE_TIMESTAMP:
        case PLI__TYPE_TIMESTAMP_NTZ: add_datetime(t, out); return PLI_OK;
        case PLI__TYPE_DURATION:
            pli__buf_addf(out, "Duration(time_unit='%s')", pli__time_unit_name(t->unit));
            return PLI_OK;
        case PLI__TYPE_STRUCT: return add_struct(t, out, err);
        case PLI__TYPE_LIST: return add_list(t, out, err);
        case PLI__TYPE_MAP: return add_map(t, out, err);
        case PLI__TYPE_ENUM: return add_enum(t, out, err);
        case PLI__TYPE_OTHER: pli__buf_addz(out, t->text ? t->text : "Unknown"); return PLI_OK;
        default: pli__buf_addz(out, pli__type_name_of(t)->polars); return PLI_OK;
    }
}

pli_status pli__type_to_polars(const pli__type *t, pli__buf *out, pli_error *err) {
    PLI_TRY(add_type(t, out, err));
    return pli__buf_status(out, err);
}
