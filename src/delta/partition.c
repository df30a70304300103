/* Partition values: what texts a type allows, and how lists of them become typed. */
#include "delta/partition.h"

#include "base/time.h"

bool pli__partition_value(const pli__kv *values, size_t n, const pli__mapped_column *c, pli__str *out) {
    const bool may_be_empty = c->field->type->id == PLI__TYPE_STRING && !c->field->nullable;
    for (size_t i = 0; i < n; i++) {
        if (!pli__str_eqz(values[i].key, c->physical)) continue;
        *out = values[i].value.len || may_be_empty ? values[i].value : (pli__str){0};
        return true;
    }
    *out = (pli__str){0};
    return false;
}

static bool integer_fits(pli__str s, int64_t min, int64_t max) {
    int64_t v;
    return pli__str_to_i64(s, &v) && v >= min && v <= max;
}

static bool is_decimal(pli__str s) {
    size_t digits = 0, dots = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] >= '0' && s.ptr[i] <= '9') digits++;
        else if (s.ptr[i] == '.') dots++;
        else if (i || (s.ptr[i] != '-' && s.ptr[i] != '+')) return false;
    }
    return digits && dots <= 1;
}

static bool is_float(pli__str s) {
    static const char *const words[] = {"NaN", "Infinity", "-Infinity", "+Infinity", "Inf", "-Inf"};
    double v;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (pli__str_ieqz(s, words[i])) return true;
    return pli__str_to_f64(s, &v);
}

static bool is_date(pli__str s) {
    int64_t us;
    return pli__time_parse_iso(s, &us) && !memchr(s.ptr, ':', s.len);
}

static bool is_readable(const pli__type *t, pli__str s) {
    int64_t us;
    switch (t->id) {
        case PLI__TYPE_I8: return integer_fits(s, INT8_MIN, INT8_MAX);
        case PLI__TYPE_I16: return integer_fits(s, INT16_MIN, INT16_MAX);
        case PLI__TYPE_I32: return integer_fits(s, INT32_MIN, INT32_MAX);
        case PLI__TYPE_I64: return integer_fits(s, INT64_MIN, INT64_MAX);
        case PLI__TYPE_F32:
        case PLI__TYPE_F64: return is_float(s);
        case PLI__TYPE_BOOLEAN: return pli__str_ieqz(s, "true") || pli__str_ieqz(s, "false");
        case PLI__TYPE_DECIMAL: return is_decimal(s);
        case PLI__TYPE_DATE: return is_date(s);
        case PLI__TYPE_TIMESTAMP:
        case PLI__TYPE_TIMESTAMP_NTZ: return pli__time_parse_iso(s, &us);
        default: return true;
    }
}

pli_status pli__partition_check(const pli__mapped_column *c, pli__str text, pli_error *err) {
    if (!text.ptr || is_readable(c->field->type, text)) return PLI_OK;
    return pli__error_set(err, PLI_E_CORRUPT, "the partition value '%.*s' is no value of column '%s'",
                          (int)(text.len > 100 ? 100 : text.len), text.ptr, c->field->name);
}

void pli__partition_sql_list(const pli__type *t, const char *texts, pli__buf *sql) {
    if (t->id == PLI__TYPE_STRING) {
        pli__buf_addz(sql, texts);
        return;
    }
    if (t->id == PLI__TYPE_BINARY) { /* the bytes of the text, not the engine's notation for blobs */
        pli__buf_addf(sql, "list_transform(%s, lambda v: encode(v))", texts);
        return;
    }
    pli__buf_addf(sql, "CAST(%s AS ", texts);
    pli__mapping_sql_type(t, sql);
    pli__buf_addz(sql, "[])");
}
