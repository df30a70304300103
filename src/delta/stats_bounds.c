/*
 * Single bounds of add.stats, from the engine's text to JSON, as Spark writes them. A bound that cannot be given soundly
 * is left out: a missing bound costs a reader some skipping, a wrong one costs rows.
 */
#include "base/time.h"
#include "base/utf8.h"
#include "delta/stats_write.h"

#define MAX_CODE_POINT 0x10ffffu
#define ENGINE_TEXT_LIMIT 250 /* the engine cuts bounds of strings at 256 bytes, at a character's border */

static size_t units_of(size_t utf8_bytes) { return utf8_bytes == 4 ? 2 : 1; }

/* Bytes of the shortest prefix with at least `units` UTF-16 units; *got is how many it has. */
static size_t prefix_bytes(pli__str s, size_t units, size_t *got) {
    size_t at = 0;
    *got = 0;
    while (at < s.len && *got < units) {
        const size_t step = pli__utf8_step((pli__str){s.ptr + at, s.len - at}, NULL);
        if (!step) return s.len;
        *got += units_of(step);
        at += step;
    }
    return at;
}

bool pli__stats_string_min(pli__str value, size_t prefix_length, pli__buf *out) {
    size_t got;
    if (!prefix_length || !pli__str_is_utf8(value)) return false;
    pli__buf_add(out, value.ptr, prefix_bytes(value, prefix_length, &got));
    return true;
}

bool pli__stats_string_max(pli__str value, size_t prefix_length, pli__buf *out) {
    size_t units;
    if (!prefix_length || !pli__str_is_utf8(value)) return false;
    const bool maybe_cut = value.len >= ENGINE_TEXT_LIMIT;
    size_t at = prefix_bytes(value, prefix_length, &units);
    while (units <= 2 * prefix_length) {
        if (at >= value.len) { /* the whole value fits: it is its own bound, unless the engine has cut it */
            if (maybe_cut) return false;
            pli__buf_adds(out, value);
            return true;
        }
        const size_t step = pli__utf8_step((pli__str){value.ptr + at, value.len - at}, NULL);
        const uint32_t next = pli__utf8_decode(value.ptr + at, step);
        if (next != MAX_CODE_POINT) {
            char tie[4];
            pli__buf_add(out, value.ptr, at);
            pli__buf_add(out, tie, pli__utf8_encode(next < 0x7f ? 0x7f : MAX_CODE_POINT, tie));
            return true;
        }
        at += step;
        units += units_of(step);
    }
    return false;
}

bool pli__stats_time(int64_t us, bool zoned, pli__buf *out) {
    int64_t ms = us / 1000, y;
    if (us % 1000 < 0) ms--;
    int64_t day = ms / 86400000, rest = ms % 86400000;
    if (rest < 0) rest += 86400000, day--;
    unsigned m, d;
    pli__time_civil_from_days(day, &y, &m, &d);
    if (y < 1 || y > 9999) return false;
    const int t = (int)rest;
    pli__buf_addf(out, "%04d-%02u-%02uT%02d:%02d:%02d.%03d%s", (int)y, m, d, t / 3600000, t / 60000 % 60, t / 1000 % 60,
                  t % 1000, zoned ? "Z" : "");
    return true;
}

/* Is the text a JSON number? The engine's "inf" and "nan" are not. */
static bool is_number(pli__str s) {
    size_t i = s.len && s.ptr[0] == '-' ? 1 : 0;
    if (i >= s.len || s.ptr[i] < '0' || s.ptr[i] > '9') return false;
    double ignored;
    return pli__str_to_f64(s, &ignored);
}

static bool write_number(pli__str text, bool is_max, pli__buf *out) {
    if (!is_number(text)) return false;
    /* The zeros are equal to the engine, not to every reader: the bound must hold for both. */
    if (is_max && pli__str_eqz(text, "-0.0")) text = PLI_STR("0.0");
    pli__buf_adds(out, text);
    return true;
}

static bool write_string(pli__str text, bool is_max, size_t prefix_length, pli__buf *out) {
    PLI_AUTO(pli__buf_clear) pli__buf bound = {0};
    const bool ok = is_max ? pli__stats_string_max(text, prefix_length, &bound)
                           : pli__stats_string_min(text, prefix_length, &bound);
    if (!ok || bound.failed) return false;
    pli__buf_add_json(out, bound.ptr ? pli__buf_str(&bound) : PLI_STR(""));
    return true;
}

static bool write_time(pli__str text, bool zoned, pli__buf *out) {
    int64_t us;
    if (!pli__time_parse_iso(text, &us)) return false;
    const size_t before = out->len;
    pli__buf_addc(out, '"');
    if (!pli__stats_time(us, zoned, out)) {
        out->len = before;
        return false;
    }
    pli__buf_addc(out, '"');
    return true;
}

bool pli__stats_bound(const pli__type *type, pli__str text, bool is_max, size_t prefix_length, pli__buf *out) {
    int64_t us;
    switch (type->id) {
        case PLI__TYPE_I8:
        case PLI__TYPE_I16:
        case PLI__TYPE_I32:
        case PLI__TYPE_I64:
        case PLI__TYPE_DECIMAL:
        case PLI__TYPE_F32:
        case PLI__TYPE_F64: return write_number(text, is_max, out);
        case PLI__TYPE_STRING: return write_string(text, is_max, prefix_length, out);
        case PLI__TYPE_TIMESTAMP: return write_time(text, true, out);
        case PLI__TYPE_TIMESTAMP_NTZ: return write_time(text, false, out);
        case PLI__TYPE_DATE:
            if (text.len != 10 || !pli__time_parse_iso(text, &us)) return false;
            pli__buf_add_json(out, text);
            return true;
        default: return false;
    }
}
