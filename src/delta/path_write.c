/* Partition values and file paths: the three encodings of a writer. */
#include "delta/path_write.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/time.h"
#include "base/utf8.h"

static void add_escape(pli__buf *out, unsigned char c) { pli__buf_addf(out, "%%%02X", c); }

void pli__hive_escape(pli__str s, pli__buf *out) {
    for (size_t i = 0; i < s.len; i++) {
        const unsigned char c = (unsigned char)s.ptr[i];
        if (c < 0x20 || c == 0x7f || (c && strchr("\"#%'*/:=?\\{[]^", c))) add_escape(out, c);
        else pli__buf_addc(out, (char)c);
    }
}

void pli__uri_encode(pli__str path, pli__buf *out) {
    for (size_t i = 0; i < path.len; i++) {
        const unsigned char c = (unsigned char)path.ptr[i];
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c >= 0x80;
        if (plain || (c && strchr("-_.!~'()*,;:$&+=@/", c))) pli__buf_addc(out, (char)c);
        else add_escape(out, c);
    }
}

void pli__partition_sql(const pli__type *type, pli__str expr, pli__buf *out) {
    const char *before = "", *after = "::VARCHAR";
    if (type->id == PLI__TYPE_TIMESTAMP || type->id == PLI__TYPE_TIMESTAMP_NTZ)
        before = "epoch_us(", after = ")::VARCHAR";
    if (type->id == PLI__TYPE_BINARY) before = "hex(", after = ")";
    pli__buf_addz(out, before);
    pli__buf_adds(out, expr);
    pli__buf_addz(out, after);
}

static pli_status refuse_value(pli_error *err, const char *why, pli__str text) {
    pli__error_set(err, PLI_E_DATA, "'%.*s' cannot be a partition value: %s", (int)(text.len > 80 ? 80 : text.len),
                   text.ptr, why);
    return PLI_E_DATA;
}

static pli_status text_of_string(pli__str text, pli__buf *out, bool *is_null, pli_error *err) {
    if (memchr(text.ptr, 0, text.len)) return refuse_value(err, "it holds a NUL character", text);
    if (!pli__str_is_utf8(text)) return refuse_value(err, "it is not UTF-8", text);
    *is_null = text.len == 0;
    pli__buf_adds(out, text);
    return PLI_OK;
}

static int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return 0;
}

static pli_status text_of_binary(pli__str hex, pli__buf *out, bool *is_null, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf bytes = {0};
    for (size_t i = 0; i + 1 < hex.len; i += 2)
        pli__buf_addc(&bytes, (char)(hex_value(hex.ptr[i]) * 16 + hex_value(hex.ptr[i + 1])));
    PLI_TRY(pli__buf_status(&bytes, err));
    const pli__str s = bytes.ptr ? pli__buf_str(&bytes) : PLI_STR("");
    if (memchr(s.ptr, 0, s.len) || !pli__str_is_utf8(s)) return refuse_value(err, "its bytes are not text", hex);
    return text_of_string(s, out, is_null, err);
}

/* Digits and decimal exponent of a number as the engine prints it: value = 0.DIGITS * 10^point. */
typedef struct {
    char digits[400];
    size_t n;
    int point;
    bool negative;
} decimal_parts;

static bool split_number(pli__str s, decimal_parts *p) {
    *p = (decimal_parts){0};
    size_t i = 0;
    bool fraction = false;
    if (i < s.len && s.ptr[i] == '-') p->negative = true, i++;
    for (; i < s.len && s.ptr[i] != 'e' && s.ptr[i] != 'E'; i++) {
        if (s.ptr[i] == '.') {
            fraction = true;
            continue;
        }
        if (s.ptr[i] < '0' || s.ptr[i] > '9' || p->n + 1 >= sizeof p->digits) return false;
        if (p->n == 0 && s.ptr[i] == '0') {
            if (fraction) p->point--;
            continue;
        }
        p->digits[p->n++] = s.ptr[i];
        if (!fraction) p->point++;
    }
    if (i < s.len) p->point += (int)strtol(s.ptr + i + 1, NULL, 10); /* the exponent ends the terminated text */
    while (p->n && p->digits[p->n - 1] == '0') p->n--;
    return true;
}

/* A double or float as Java prints it, which is what partitionValues hold: 0.001 <= |x| < 10^7 plainly, else d.dddE±n. */
static pli_status text_of_float(pli__str text, bool single, pli__buf *out, pli_error *err) {
    if (pli__str_ieqz(text, "nan")) return pli__buf_addz(out, "NaN"), PLI_OK;
    if (pli__str_ieqz(text, "inf") || pli__str_ieqz(text, "infinity")) return pli__buf_addz(out, "Infinity"), PLI_OK;
    if (pli__str_ieqz(text, "-inf") || pli__str_ieqz(text, "-infinity")) return pli__buf_addz(out, "-Infinity"), PLI_OK;
    char number[420];
    decimal_parts p;
    if (text.len >= sizeof number) return refuse_value(err, "it is no number", text);
    memcpy(number, text.ptr, text.len);
    number[text.len] = '\0';
    if (!split_number((pli__str){number, text.len}, &p)) return refuse_value(err, "it is no number", text);
    if (p.n == 0) return pli__buf_addz(out, "0.0"), PLI_OK; /* the sign of zero is dropped, as Spark does */
    if (p.negative) pli__buf_addc(out, '-');
    if (p.n == 1 && p.digits[0] == '5' && p.point == -323 && !single) return pli__buf_addz(out, "4.9E-324"), PLI_OK;
    if (p.n == 1 && p.digits[0] == '1' && p.point == -44 && single) return pli__buf_addz(out, "1.4E-45"), PLI_OK;
    if (p.point >= -2 && p.point <= 7) {
        for (int i = 0; i < p.point; i++) pli__buf_addc(out, (size_t)i < p.n ? p.digits[i] : '0');
        if (p.point <= 0) pli__buf_addc(out, '0');
        pli__buf_addc(out, '.');
        for (int i = p.point; i < 0; i++) pli__buf_addc(out, '0');
        const size_t from = p.point > 0 ? (size_t)p.point : 0;
        if (from >= p.n) pli__buf_addc(out, '0');
        else pli__buf_add(out, p.digits + from, p.n - from);
        return PLI_OK;
    }
    pli__buf_addc(out, p.digits[0]);
    pli__buf_addc(out, '.');
    if (p.n > 1) pli__buf_add(out, p.digits + 1, p.n - 1);
    else pli__buf_addc(out, '0');
    pli__buf_addf(out, "E%d", p.point - 1);
    return PLI_OK;
}

#define US_PER_DAY INT64_C(86400000000)

/* "2024-06-15" + sep + "12:30:45" + fraction: all six digits, or (trim) only those that are not zero at the end. */
static pli_status add_time(int64_t us, char sep, bool trim, pli__buf *out, pli_error *err) {
    int64_t day = us / US_PER_DAY, rest = us % US_PER_DAY, y;
    unsigned m, d;
    if (rest < 0) rest += US_PER_DAY, day--;
    pli__time_civil_from_days(day, &y, &m, &d);
    if (y < 1 || y > 9999)
        return pli__error_set(err, PLI_E_DATA, "a time of the year %lld cannot be a partition value", (long long)y);
    const int seconds = (int)(rest / 1000000), micros = (int)(rest % 1000000);
    pli__buf_addf(out, "%04d-%02u-%02u%c%02d:%02d:%02d", (int)y, m, d, sep, seconds / 3600, seconds / 60 % 60,
                  seconds % 60);
    if (trim && !micros) return PLI_OK;
    char fraction[8];
    snprintf(fraction, sizeof fraction, "%06d", micros);
    size_t n = 6;
    while (trim && n > 1 && fraction[n - 1] == '0') n--;
    pli__buf_addc(out, '.');
    pli__buf_add(out, fraction, n);
    return PLI_OK;
}

static pli_status text_of_micros(const pli__type *type, pli__str text, pli__buf *out, pli_error *err) {
    int64_t us;
    if (!pli__str_to_i64(text, &us)) return refuse_value(err, "it is no time", text);
    if (type->id == PLI__TYPE_TIMESTAMP_NTZ) return add_time(us, ' ', true, out, err);
    PLI_TRY(add_time(us, 'T', false, out, err));
    pli__buf_addc(out, 'Z');
    return PLI_OK;
}

static pli_status text_of_date(pli__str text, pli__buf *out, pli_error *err) {
    int64_t us;
    if (text.len != 10 || !pli__time_parse_iso(text, &us))
        return refuse_value(err, "its year is not between 1 and 9999", text);
    pli__buf_adds(out, text);
    return PLI_OK;
}

pli_status pli__partition_text(const pli__type *type, pli__str engine_text, pli__buf *out, bool *is_null,
                               pli_error *err) {
    *is_null = engine_text.ptr == NULL;
    if (*is_null) return PLI_OK;
    switch (type->id) {
        case PLI__TYPE_STRING: PLI_TRY(text_of_string(engine_text, out, is_null, err)); break;
        case PLI__TYPE_BINARY: PLI_TRY(text_of_binary(engine_text, out, is_null, err)); break;
        case PLI__TYPE_F32: PLI_TRY(text_of_float(engine_text, true, out, err)); break;
        case PLI__TYPE_F64: PLI_TRY(text_of_float(engine_text, false, out, err)); break;
        case PLI__TYPE_TIMESTAMP:
        case PLI__TYPE_TIMESTAMP_NTZ: PLI_TRY(text_of_micros(type, engine_text, out, err)); break;
        case PLI__TYPE_DATE: PLI_TRY(text_of_date(engine_text, out, err)); break;
        case PLI__TYPE_BOOLEAN:
        case PLI__TYPE_I8:
        case PLI__TYPE_I16:
        case PLI__TYPE_I32:
        case PLI__TYPE_I64:
        case PLI__TYPE_DECIMAL: pli__buf_adds(out, engine_text); break;
        default: return pli__error_set(err, PLI_E_SCHEMA, "a column of this type cannot partition a table");
    }
    return pli__buf_status(out, err);
}

pli_status pli__partition_dir_text(const pli__type *type, pli__str log_text, pli__buf *out, pli_error *err) {
    int64_t us;
    if (type->id != PLI__TYPE_TIMESTAMP) return pli__buf_adds(out, log_text), pli__buf_status(out, err);
    if (!pli__time_parse_iso(log_text, &us)) return refuse_value(err, "it is no time", log_text);
    PLI_TRY(add_time(us, ' ', true, out, err));
    return pli__buf_status(out, err);
}
