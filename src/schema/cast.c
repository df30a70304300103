/* The table of casts. Rows of simple types are decided by kind (integer, float, decimal ...), not by single type. */
#include "schema/cast.h"

typedef enum {
    K_NULL,
    K_BOOL,
    K_INT,
    K_FLOAT,
    K_DECIMAL,
    K_STRING,
    K_BINARY,
    K_DATE,
    K_TIME,
    K_TIMESTAMP,
    K_DURATION,
    K_NAME,
    K_NESTED,
    K_OTHER
} kind;

static kind kind_of(const pli__type *t) {
    switch (t->id) {
        case PLI__TYPE_NULL: return K_NULL;
        case PLI__TYPE_BOOLEAN: return K_BOOL;
        case PLI__TYPE_F32:
        case PLI__TYPE_F64: return K_FLOAT;
        case PLI__TYPE_DECIMAL: return K_DECIMAL;
        case PLI__TYPE_STRING: return K_STRING;
        case PLI__TYPE_BINARY: return K_BINARY;
        case PLI__TYPE_DATE: return K_DATE;
        case PLI__TYPE_TIME: return K_TIME;
        case PLI__TYPE_TIMESTAMP:
        case PLI__TYPE_TIMESTAMP_NTZ: return K_TIMESTAMP;
        case PLI__TYPE_DURATION: return K_DURATION;
        case PLI__TYPE_STRUCT:
        case PLI__TYPE_LIST:
        case PLI__TYPE_MAP: return K_NESTED;
        case PLI__TYPE_JSON:
        case PLI__TYPE_UUID:
        case PLI__TYPE_ENUM: return K_NAME;
        case PLI__TYPE_VARIANT:
        case PLI__TYPE_OTHER: return K_OTHER;
        default: return K_INT;
    }
}

pli__integer_shape pli__type_integer_shape(const pli__type *t) {
    switch (t->id) {
        case PLI__TYPE_I8: return (pli__integer_shape){8, true};
        case PLI__TYPE_I16: return (pli__integer_shape){16, true};
        case PLI__TYPE_I32: return (pli__integer_shape){32, true};
        case PLI__TYPE_I64: return (pli__integer_shape){64, true};
        case PLI__TYPE_I128: return (pli__integer_shape){128, true};
        case PLI__TYPE_U8: return (pli__integer_shape){8, false};
        case PLI__TYPE_U16: return (pli__integer_shape){16, false};
        case PLI__TYPE_U32: return (pli__integer_shape){32, false};
        case PLI__TYPE_U64: return (pli__integer_shape){64, false};
        case PLI__TYPE_U128: return (pli__integer_shape){128, false};
        default: return (pli__integer_shape){0, false};
    }
}

static pli__cast_kind exact_if(bool exact) { return exact ? PLI__CAST_EXACT : PLI__CAST_CHECKED; }

/* Finer units have higher ranks. */
static int unit_rank(pli__time_unit u) {
    return u == PLI__UNIT_NS ? 3 : u == PLI__UNIT_US ? 2 : u == PLI__UNIT_MS ? 1 : 0;
}

/* Decimal digits that any value of an integer type may need. */
static int digits_of(pli__integer_shape s) {
    switch (s.bits) {
        case 8: return 3;
        case 16: return 5;
        case 32: return 10;
        case 64: return s.is_signed ? 19 : 20;
        default: return 39;
    }
}

static pli__cast_kind cast_integer(const pli__type *from, const pli__type *to) {
    const pli__integer_shape a = pli__type_integer_shape(from), b = pli__type_integer_shape(to);
    switch (kind_of(to)) {
        case K_INT: return exact_if(a.is_signed == b.is_signed ? a.bits <= b.bits : b.is_signed && a.bits < b.bits);
        case K_FLOAT: return exact_if(a.bits <= (to->id == PLI__TYPE_F64 ? 32 : 16));
        case K_DECIMAL: return exact_if(to->precision - to->scale >= digits_of(a));
        case K_BOOL: return PLI__CAST_CHECKED;
        case K_STRING: return PLI__CAST_EXACT;
        default: return PLI__CAST_NONE;
    }
}

static pli__cast_kind cast_float(const pli__type *from, const pli__type *to) {
    switch (kind_of(to)) {
        case K_FLOAT: return exact_if(from->id == to->id || to->id == PLI__TYPE_F64);
        case K_INT:
        case K_DECIMAL:
        case K_BOOL: return PLI__CAST_CHECKED;
        case K_STRING: return PLI__CAST_EXACT;
        default: return PLI__CAST_NONE;
    }
}

static pli__cast_kind cast_decimal(const pli__type *from, const pli__type *to) {
    switch (kind_of(to)) {
        case K_DECIMAL:
            return exact_if(to->scale >= from->scale && to->precision - to->scale >= from->precision - from->scale);
        case K_INT: return PLI__CAST_CHECKED;
        case K_FLOAT: return exact_if(to->id == PLI__TYPE_F64 && from->precision <= 15);
        case K_BOOL: return PLI__CAST_CHECKED;
        case K_STRING: return PLI__CAST_EXACT;
        default: return PLI__CAST_NONE;
    }
}

static pli__cast_kind cast_string(const pli__type *to) {
    switch (kind_of(to)) {
        case K_STRING:
        case K_BINARY: return PLI__CAST_EXACT;
        case K_NESTED:
        case K_OTHER:
        case K_NULL: return PLI__CAST_NONE;
        default: return PLI__CAST_CHECKED;
    }
}

static pli__cast_kind cast_time_like(const pli__type *from, const pli__type *to) {
    const kind k = kind_of(from), target = kind_of(to);
    if (target == K_STRING) return exact_if(k != K_DURATION); /* months have no text */
    if (k == target && k != K_DATE) return exact_if(unit_rank(from->unit) <= unit_rank(to->unit));
    if (k == K_DATE && target == K_TIMESTAMP) return PLI__CAST_EXACT;
    if (k == K_TIMESTAMP && target == K_DATE) return PLI__CAST_CHECKED;
    return PLI__CAST_NONE;
}

static pli__cast_kind worse(pli__cast_kind a, pli__cast_kind b) { return a < b ? a : b; }

static pli__cast_kind cast_nested(const pli__type *from, const pli__type *to) {
    if (to->id == PLI__TYPE_STRING || to->id == PLI__TYPE_JSON) return PLI__CAST_EXACT;
    if (from->id != to->id) return PLI__CAST_NONE;
    pli__cast_kind result = PLI__CAST_EXACT;
    if (to->array_size && to->array_size != from->array_size) result = PLI__CAST_CHECKED;
    for (size_t i = 0; i < to->n_fields; i++) {
        const int at = to->id == PLI__TYPE_STRUCT ? pli__type_find(from, pli__str_of(to->fields[i].name), true)
                                                  : (int)i;
        if (at >= 0) result = worse(result, pli__cast_kind_of(from->fields[at].type, to->fields[i].type));
    }
    return result;
}

pli__cast_kind pli__cast_kind_of(const pli__type *from, const pli__type *to) {
    if (from->id == PLI__TYPE_NULL || pli__type_equal(from, to, false)) return PLI__CAST_EXACT;
    switch (kind_of(from)) {
        case K_BOOL:
            switch (kind_of(to)) {
                case K_INT:
                case K_FLOAT:
                case K_STRING: return PLI__CAST_EXACT;
                case K_DECIMAL: return exact_if(to->precision > to->scale);
                default: return PLI__CAST_NONE;
            }
        case K_INT: return cast_integer(from, to);
        case K_FLOAT: return cast_float(from, to);
        case K_DECIMAL: return cast_decimal(from, to);
        case K_STRING: return cast_string(to);
        case K_BINARY: return to->id == PLI__TYPE_STRING ? PLI__CAST_CHECKED : PLI__CAST_NONE;
        case K_DATE:
        case K_TIME:
        case K_TIMESTAMP:
        case K_DURATION: return cast_time_like(from, to);
        case K_NAME:
            return to->id == PLI__TYPE_STRING ? PLI__CAST_EXACT
                   : to->id == PLI__TYPE_ENUM ? PLI__CAST_CHECKED
                                              : PLI__CAST_NONE;
        case K_NESTED: return cast_nested(from, to);
        default: return PLI__CAST_NONE;
    }
}

/* ---- widening ---- */

static pli_status found(pli__widening how, const pli__type *made, pli__widening *out_how, const pli__type **out,
                        pli_error *err) {
    if (!made) return pli__error_memory(err);
    *out_how = how;
    *out = made;
    return PLI_OK;
}

static const pli__type *integer_of(int bits) {
    return pli__type_new(bits == 16   ? PLI__TYPE_I16
                         : bits == 32 ? PLI__TYPE_I32
                         : bits == 64 ? PLI__TYPE_I64
                                      : PLI__TYPE_I128);
}

static pli_status widen_integers(const pli__type *a, const pli__type *b, pli__widening *how, const pli__type **out,
                                 pli_error *err) {
    const pli__integer_shape x = pli__type_integer_shape(a), y = pli__type_integer_shape(b);
    if (x.is_signed == y.is_signed)
        return found(PLI__WIDEN_LOSSLESS, pli__type_ref(x.bits >= y.bits ? a : b), how, out, err);
    const int signed_bits = x.is_signed ? x.bits : y.bits, unsigned_bits = x.is_signed ? y.bits : x.bits;
    if (unsigned_bits == 128) return PLI_OK;
    return found(PLI__WIDEN_LOSSLESS, integer_of(signed_bits > unsigned_bits ? signed_bits : 2 * unsigned_bits), how,
                 out, err);
}

static pli_status widen_decimals(const pli__type *a, const pli__type *b, pli__widening *how, const pli__type **out,
                                 pli_error *err) {
    const int whole_a = a->precision - a->scale, whole_b = b->precision - b->scale;
    const int scale = a->scale > b->scale ? a->scale : b->scale, whole = whole_a > whole_b ? whole_a : whole_b;
    if (whole + scale > 38) return PLI_OK;
    return found(PLI__WIDEN_LOSSLESS, pli__type_new_decimal(whole + scale, scale), how, out, err);
}

/* The same kind of time in two units, or two zones (the common one is UTC). */
static pli_status widen_units(const pli__type *a, const pli__type *b, pli__widening *how, const pli__type **out,
                              pli_error *err) {
    const pli__time_unit unit = unit_rank(a->unit) >= unit_rank(b->unit) ? a->unit : b->unit;
    const bool same_zone = a->text == b->text || (a->text && b->text && strcmp(a->text, b->text) == 0);
    const pli__str zone = same_zone ? pli__str_of(a->text) : PLI_STR("UTC");
    return found(PLI__WIDEN_LOSSLESS,
                 pli__type_new_time(a->id, unit, a->id == PLI__TYPE_TIMESTAMP ? zone : (pli__str){0}), how, out, err);
}

/* kind_of(a) <= kind_of(b) */
static pli_status widen_ordered(const pli__type *a, const pli__type *b, pli__widening *how, const pli__type **out,
                                pli_error *err) {
    const kind x = kind_of(a), y = kind_of(b);
    if (x == K_NULL) return found(PLI__WIDEN_LOSSLESS, pli__type_ref(b), how, out, err);
    if (x == K_INT && y == K_INT) return widen_integers(a, b, how, out, err);
    if (x == K_FLOAT && y == K_FLOAT)
        return found(PLI__WIDEN_LOSSLESS, pli__type_ref(a->id == PLI__TYPE_F64 ? a : b), how, out, err);
    if (x == K_INT && y == K_FLOAT)
        return found(pli__type_integer_shape(a).bits > 32 ? PLI__WIDEN_LOSSY : PLI__WIDEN_LOSSLESS,
                     pli__type_new(PLI__TYPE_F64), how, out, err);
    if (x == K_BOOL && y == K_INT) return found(PLI__WIDEN_LOSSLESS, pli__type_ref(b), how, out, err);
    if (x == K_BOOL && y == K_FLOAT) return found(PLI__WIDEN_LOSSLESS, pli__type_new(PLI__TYPE_F64), how, out, err);
    if (y == K_STRING && (x == K_BOOL || x == K_INT || x == K_FLOAT))
        return found(PLI__WIDEN_LOSSLESS, pli__type_ref(b), how, out, err);
    if (x == K_DECIMAL && y == K_DECIMAL) return widen_decimals(a, b, how, out, err);
    if (x == K_DATE && y == K_TIMESTAMP) return found(PLI__WIDEN_LOSSLESS, pli__type_ref(b), how, out, err);
    if (a->id == b->id && (x == K_TIMESTAMP || x == K_DURATION || x == K_TIME)) return widen_units(a, b, how, out, err);
    return PLI_OK;
}

pli_status pli__type_widen(const pli__type *a, const pli__type *b, pli__widening *how, const pli__type **out,
                           pli_error *err) {
    *how = PLI__WIDEN_NONE;
    *out = NULL;
    if (pli__type_equal(a, b, false)) return found(PLI__WIDEN_LOSSLESS, pli__type_ref(a), how, out, err);
    return kind_of(a) <= kind_of(b) ? widen_ordered(a, b, how, out, err) : widen_ordered(b, a, how, out, err);
}

/* ---- text ---- */

bool pli__type_text_fits(const pli__type *from, const pli__type *to) {
    const kind x = kind_of(from), y = kind_of(to);
    if (x == K_NULL || y == K_STRING || pli__type_equal(from, to, false)) return true;
    if (x == K_INT) return y == K_INT || y == K_FLOAT || y == K_DECIMAL;
    if (x == K_DECIMAL) return y == K_DECIMAL;
    if (x == K_FLOAT) return y == K_FLOAT || y == K_DECIMAL;
    return (x == K_DATE && y == K_TIMESTAMP) || (x == K_TIMESTAMP && to->id == PLI__TYPE_TIMESTAMP);
}

pli_status pli__type_join_text(const pli__type *a, const pli__type *b, const pli__type **out, pli_error *err) {
    const pli__type *made;
    if (pli__type_text_fits(a, b)) made = pli__type_ref(b);
    else if (pli__type_text_fits(b, a)) made = pli__type_ref(a);
    else made = pli__type_new(PLI__TYPE_STRING);
    if (!made) return pli__error_memory(err);
    *out = made;
    return PLI_OK;
}

bool pli__has_type(const pli__type *t) {
    if (t->id == PLI__TYPE_MAP) return pli__has_type(t->fields[0].type) && pli__has_type(t->fields[1].type);
    if (!pli__type_is_nested(t)) return t->id != PLI__TYPE_NULL;
    for (size_t i = 0; i < t->n_fields; i++)
        if (pli__has_type(t->fields[i].type)) return true;
    return false;
}
