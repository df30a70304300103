/* Kinds of texts, by hand-written scanners: inference looks at millions of short texts. */
#include "source/format_infer.h"

#include <string.h>
#include <time.h>

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static size_t digits(pli__str s, size_t at) {
    size_t n = 0;
    while (at + n < s.len && is_digit(s.ptr[at + n])) n++;
    return n;
}

/* ---- numbers ---- */

unsigned pli__integer_kinds(pli__str s) {
    bool negative = s.len && s.ptr[0] == '-';
    size_t n = s.len - negative;
    unsigned kinds = PLI__SEEN_INT;
    int64_t v = 0;
    if (n > 19 || !pli__str_to_i64(s, &v))
        return n <= 38 ? PLI__SEEN_WIDE | PLI__SEEN_BIG | PLI__SEEN_BEYOND_32 | PLI__SEEN_BEYOND_16 | PLI__SEEN_BEYOND_8
                       : PLI__SEEN_TEXT;
    if (v > INT8_MAX || v < INT8_MIN) kinds |= PLI__SEEN_BEYOND_8;
    if (v > INT16_MAX || v < INT16_MIN) kinds |= PLI__SEEN_BEYOND_16;
    if (v > INT32_MAX || v < INT32_MIN) kinds |= PLI__SEEN_BEYOND_32;
    if (v > 9007199254740992 || v < -9007199254740992) kinds |= PLI__SEEN_BIG;
    return kinds;
}

static unsigned number_kinds(pli__str s, char decimal) {
    size_t at = s.ptr[0] == '-', whole = digits(s, at), end = at + whole;
    if (!whole || (whole > 1 && s.ptr[at] == '0')) return PLI__SEEN_TEXT;
    if (end == s.len) return pli__integer_kinds(s);
    if (s.ptr[end] == decimal) {
        size_t fraction = digits(s, end + 1);
        if (!fraction) return PLI__SEEN_TEXT;
        end += 1 + fraction;
    }
    if (end < s.len && (s.ptr[end] == 'e' || s.ptr[end] == 'E')) {
        size_t sign = end + 1 < s.len && (s.ptr[end + 1] == '-' || s.ptr[end + 1] == '+'),
               n = digits(s, end + 1 + sign);
        if (!n || n > 3) return PLI__SEEN_TEXT;
        end += 1 + sign + n;
    }
    return end == s.len ? PLI__SEEN_FLOAT : PLI__SEEN_TEXT;
}

/* ---- dates ---- */

static int two(const char *p) { return (p[0] - '0') * 10 + (p[1] - '0'); }

static inline bool are_digits(const char *p, size_t n) {
    bool all = true;
    for (size_t i = 0; i < n; i++) all &= is_digit(p[i]);
    return all;
}

/* "dddd-dd-": exclusive or with "0000-00-" leaves 0 for a dash and 0..9 for a digit. */
static inline bool is_year_month(const char *p) {
    static const char form[] = "0000-00-", limits[] = {9, 9, 9, 9, 0, 9, 9, 0};
    uint64_t x, f, most;
    memcpy(&x, p, 8);
    memcpy(&f, form, 8);
    memcpy(&most, limits, 8);
    x ^= f;
    const uint64_t highs = UINT64_C(0x8080808080808080);
    return !((x | ~((most | highs) - x)) & highs); /* each byte apart: no borrow as long as x has no high bit */
}

/* YYYY-MM-DD of the civil calendar at the start. */
static bool is_date(pli__str s) {
    const char *p = s.ptr;
    if (s.len < 10 || !is_year_month(p) || !are_digits(p + 8, 2)) return false;
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year = two(p) * 100 + two(p + 2), month = two(p + 5), day = two(p + 8);
    if (year < 1 || month < 1 || month > 12 || day < 1) return false;
    if (day <= 28) return true;
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return day <= lengths[month - 1] + (month == 2 && leap);
}

/* "", "Z", "+02", "+02:00", "-0330" */
static bool is_zone(pli__str s, size_t at) {
    if (at == s.len) return true;
    if (s.ptr[at] == 'Z' || s.ptr[at] == 'z') return at + 1 == s.len;
    if ((s.ptr[at] != '+' && s.ptr[at] != '-') || s.len - at < 3 || digits(s, at + 1) < 2 || two(s.ptr + at + 1) > 15)
        return false;
    at += 3;
    if (at == s.len) return true;
    if (s.ptr[at] == ':') at++;
    return s.len - at == 2 && digits(s, at) == 2 && two(s.ptr + at) < 60;
}

/* What follows the date: [T ]HH:MM[:SS[.f{1,6}]][zone] */
static bool is_time_and_zone(pli__str s, size_t at) {
    if ((s.ptr[at] != 'T' && s.ptr[at] != ' ') || s.len - at < 6 || digits(s, at + 1) != 2 || s.ptr[at + 3] != ':' ||
        digits(s, at + 4) != 2)
        return false;
    if (two(s.ptr + at + 1) > 23 || two(s.ptr + at + 4) > 59) return false;
    at += 6;
    if (at < s.len && s.ptr[at] == ':') {
        if (digits(s, at + 1) != 2 || two(s.ptr + at + 1) > 59) return false;
        at += 3;
        if (at < s.len && s.ptr[at] == '.') {
            size_t n = digits(s, at + 1);
            if (n < 1 || n > 6) return false; /* digits below microseconds would be lost */
            at += 1 + n;
        }
    }
    return is_zone(s, at);
}

/* strptime knows no %f: what is before and behind it are parsed apart. */
static bool fits_format(pli__str s, const char *format) {
    char text[128], part[128];
    const char *fraction = strstr(format, "%f");
    size_t len = fraction ? (size_t)(fraction - format) : strlen(format);
    if (s.len >= sizeof text || len >= sizeof part) return false;
    memcpy(text, s.ptr, s.len);
    text[s.len] = 0;
    memcpy(part, format, len);
    part[len] = 0;
    struct tm tm = {0};
    const char *end = strptime(text, part, &tm);
    if (end && fraction) {
        end += strspn(end, "0123456789");
        if (fraction[2]) end = strptime(end, fraction + 2, &tm);
    }
    return end && !*end;
}

static bool has_zone(pli__str s) {
    for (size_t i = 16; i < s.len; i++)
        if (s.ptr[i] == 'Z' || s.ptr[i] == 'z' || s.ptr[i] == '+' || s.ptr[i] == '-') return true;
    return false;
}

static unsigned date_kinds(pli__str s, const pli__text_rules *r) {
    if (r->timestamp_format && fits_format(s, r->timestamp_format)) return PLI__SEEN_TIMESTAMP;
    if (r->date_format && fits_format(s, r->date_format)) return PLI__SEEN_DATE;
    if (!is_date(s)) return PLI__SEEN_TEXT;
    if (s.len == 10) return r->date_format ? PLI__SEEN_TEXT : PLI__SEEN_DATE;
    if (r->timestamp_format || !is_time_and_zone(s, 10)) return PLI__SEEN_TEXT;
    return has_zone(s) ? PLI__SEEN_TIMESTAMP | PLI__SEEN_ZONED : PLI__SEEN_TIMESTAMP;
}

unsigned pli__string_kinds(pli__str s) {
    static const pli__text_rules iso = {0};
    return s.len >= 10 && s.len <= 40 && is_digit(s.ptr[0]) ? date_kinds(s, &iso) : PLI__SEEN_TEXT;
}

unsigned pli__text_kinds(pli__str s, const pli__text_rules *r) {
    if (!s.len) return PLI__SEEN_TEXT;
    if (s.len <= 5 && (pli__str_ieqz(s, "true") || pli__str_ieqz(s, "false"))) return PLI__SEEN_BOOL;
    unsigned kinds = s.len > 400                             ? PLI__SEEN_TEXT
                     : is_digit(s.ptr[0]) || s.ptr[0] == '-' ? number_kinds(s, r->decimal ? r->decimal : '.')
                                                             : PLI__SEEN_TEXT;
    if (kinds != PLI__SEEN_TEXT) return kinds;
    bool may_be_date = r->date_format || r->timestamp_format || (is_digit(s.ptr[0]) && s.len >= 10);
    return may_be_date ? date_kinds(s, r) : PLI__SEEN_TEXT;
}

/* ---- types ---- */

const pli__type *pli__kinds_type(unsigned kinds, bool ntz) {
    const unsigned numbers = PLI__SEEN_INT | PLI__SEEN_WIDE | PLI__SEEN_FLOAT,
                   dates = PLI__SEEN_DATE | PLI__SEEN_TIMESTAMP;
    unsigned k = kinds & (PLI__SEEN_BOOL | numbers | dates | PLI__SEEN_TEXT);
    if (!k) return pli__type_new(PLI__TYPE_NULL);
    if (k == PLI__SEEN_BOOL) return pli__type_new(PLI__TYPE_BOOLEAN);
    if (k == PLI__SEEN_INT) return pli__type_new(PLI__TYPE_I64);
    if (!(k & ~(PLI__SEEN_INT | PLI__SEEN_WIDE))) return pli__type_new_decimal(38, 0);
    if (!(k & ~numbers)) return pli__type_new(kinds & PLI__SEEN_BIG ? PLI__TYPE_STRING : PLI__TYPE_F64);
    if (k == PLI__SEEN_DATE) return pli__type_new(PLI__TYPE_DATE);
    if (!(k & ~dates))
        return pli__type_new(ntz && !(kinds & PLI__SEEN_ZONED) ? PLI__TYPE_TIMESTAMP_NTZ : PLI__TYPE_TIMESTAMP);
    return pli__type_new(PLI__TYPE_STRING);
}

bool pli__json_kinds_fit(unsigned kinds, const pli__type *t) {
    const unsigned texts = PLI__SEEN_DATE | PLI__SEEN_TIMESTAMP | PLI__SEEN_TEXT;
    unsigned k = kinds & (PLI__SEEN_BOOL | PLI__SEEN_INT | PLI__SEEN_WIDE | PLI__SEEN_FLOAT | texts);
    bool ints = !(k & ~PLI__SEEN_INT);
    switch (t->id) {
        case PLI__TYPE_NULL: return !k;
        case PLI__TYPE_BOOLEAN: return !(k & ~PLI__SEEN_BOOL);
        case PLI__TYPE_I8: return ints && !(kinds & PLI__SEEN_BEYOND_8);
        case PLI__TYPE_I16: return ints && !(kinds & PLI__SEEN_BEYOND_16);
        case PLI__TYPE_I32: return ints && !(kinds & PLI__SEEN_BEYOND_32);
        case PLI__TYPE_I64: return ints;
        case PLI__TYPE_F64: return !(k & ~(PLI__SEEN_INT | PLI__SEEN_FLOAT)) && !(kinds & PLI__SEEN_BIG);
        case PLI__TYPE_STRING: return !(k & ~texts);
        case PLI__TYPE_DATE: return !(k & ~PLI__SEEN_DATE);
        case PLI__TYPE_TIMESTAMP_NTZ:
            if (kinds & PLI__SEEN_ZONED) return false; /* the engine would drop the zone */
            return !(k & ~(PLI__SEEN_DATE | PLI__SEEN_TIMESTAMP)) && t->unit == PLI__UNIT_US;
        case PLI__TYPE_TIMESTAMP:
            return !(k & ~(PLI__SEEN_DATE | PLI__SEEN_TIMESTAMP)) && t->unit == PLI__UNIT_US && !t->text;
        default: return false;
    }
}
