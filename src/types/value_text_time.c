/* Values from text: dates, times and timestamps in ISO 8601's extended form. Fixed positions, so no cursor is needed
 * for the date; nothing is read leniently, nothing below a microsecond is cut. */
#include "types/value_text.h"

#include <stdio.h>

#include "base/time.h"

static const int64_t SECOND_US = 1000000;
static const int64_t DAY_US = INT64_C(86400000000);

/* Two digits at p; above 99 if they are not digits. */
static unsigned two_digits(const char *p) {
    const unsigned tens = (unsigned)(unsigned char)p[0] - '0', ones = (unsigned)(unsigned char)p[1] - '0';
    return tens > 9 || ones > 9 ? 100 : tens * 10 + ones;
}

static bool read_date(const char *p, int64_t *days) {
    static const unsigned char month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const unsigned century = two_digits(p), year = two_digits(p + 2), m = two_digits(p + 5), d = two_digits(p + 8);
    if (century > 99 || year > 99 || p[4] != '-' || p[7] != '-' || m < 1 || m > 12 || d < 1) return false;
    const unsigned y = century * 100 + year;
    const bool leap = y % 4 == 0 && (y % 100 != 0 || y % 400 == 0);
    if (y < 1 || d > month_days[m - 1] + (m == 2 && leap ? 1u : 0u)) return false;
    *days = pli__time_days_from_civil(y, m, d);
    return true;
}

/* Behind the point: at least one digit; from the seventh on zeros only. */
static bool read_fraction(pli__str s, size_t *at, int64_t *us) {
    int64_t v = 0, unit = SECOND_US;
    const size_t start = *at;
    for (; *at < s.len && s.ptr[*at] >= '0' && s.ptr[*at] <= '9'; ++*at) {
        const int digit = s.ptr[*at] - '0';
        unit /= 10;
        if (unit == 0 && digit != 0) return false;
        v += digit * unit;
    }
    *us = v;
    return *at > start;
}

/* hh:mm[:ss[.fraction]] from *at on. */
static bool read_time(pli__str s, size_t *at, int64_t *us) {
    const char *p = s.ptr + *at;
    if (s.len - *at < 5 || p[2] != ':') return false;
    const unsigned h = two_digits(p), m = two_digits(p + 3);
    unsigned sec = 0;
    int64_t fraction = 0;
    *at += 5;
    if (s.len - *at >= 3 && p[5] == ':') {
        sec = two_digits(p + 6);
        *at += 3;
        if (*at < s.len && (s.ptr[*at] == '.' || s.ptr[*at] == ',')) {
            ++*at;
            if (!read_fraction(s, at, &fraction)) return false;
        }
    }
    if (h > 23 || m > 59 || sec > 59) return false;
    *us = (int64_t)(h * 3600 + m * 60 + sec) * SECOND_US + fraction;
    return true;
}

/* Z, +hh, +hhmm, +hh:mm and nothing else up to the end. */
static bool read_zone(pli__str zone, int64_t *us) {
    const char *p = zone.ptr;
    if (zone.len == 1 && (p[0] == 'Z' || p[0] == 'z')) {
        *us = 0;
        return true;
    }
    if ((zone.len != 3 && zone.len != 5 && zone.len != 6) || (p[0] != '+' && p[0] != '-')) return false;
    if (zone.len == 6 && p[3] != ':') return false;
    const unsigned h = two_digits(p + 1), m = zone.len == 3 ? 0 : two_digits(p + zone.len - 2);
    if (h > 23 || m > 59) return false;
    *us = (int64_t)(h * 3600 + m * 60) * SECOND_US * (p[0] == '-' ? -1 : 1);
    return true;
}

bool pli__text_to_date(pli__str s, int32_t *days) {
    int64_t v;
    if (s.len != 10 || !read_date(s.ptr, &v)) return false;
    *days = (int32_t)v;
    return true;
}

bool pli__text_to_timestamp(pli__str s, int64_t *us, bool *zoned) {
    int64_t days, time = 0, offset = 0;
    size_t at = 10;
    if (s.len < at || !read_date(s.ptr, &days)) return false;
    if (s.len > at) {
        if (s.ptr[at] != 'T' && s.ptr[at] != ' ' && s.ptr[at] != 't') return false;
        at++;
        if (!read_time(s, &at, &time)) return false;
    }
    const pli__str zone = {s.ptr + at, s.len - at};
    if (zone.len && !read_zone(zone, &offset)) return false;
    if (zoned) *zoned = zone.len > 0;
    *us = days * DAY_US + time - offset;
    return true;
}

bool pli__text_to_time(pli__str s, int64_t *us) {
    size_t at = 0;
    int64_t v;
    if (!read_time(s, &at, &v) || at != s.len) return false;
    *us = v;
    return true;
}

/* ---- durations ---- */

/* Digits, then one of the letters, which only go forward in the list. A fraction is allowed before S alone. */
static bool read_part(pli__str s, size_t *at, const char **units, bool negative, int64_t *total) {
    int64_t n = 0, fraction = 0, size;
    const size_t start = *at;
    for (; *at < s.len && s.ptr[*at] >= '0' && s.ptr[*at] <= '9'; ++*at) {
        if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, s.ptr[*at] - '0', &n)) return false;
    }
    if (*at == start || *at == s.len) return false;
    const bool has_fraction = s.ptr[*at] == '.' || s.ptr[*at] == ',';
    if (has_fraction) {
        ++*at;
        if (!read_fraction(s, at, &fraction) || *at == s.len) return false;
    }
    const char unit = s.ptr[(*at)++];
    const char *found = unit ? strchr(*units, unit) : NULL;
    if (!found || (has_fraction && unit != 'S')) return false;
    *units = found + 1;
    size = unit == 'W' ? 7 * DAY_US : unit == 'D' ? DAY_US : (unit == 'H' ? 3600 : unit == 'M' ? 60 : 1) * SECOND_US;
    if (__builtin_mul_overflow(n, negative ? -size : size, &n)) return false;
    return !__builtin_add_overflow(n, negative ? -fraction : fraction, &n) && !__builtin_add_overflow(*total, n, total);
}

bool pli__text_to_duration(pli__str s, int64_t *us) {
    size_t at = 0, parts = 0;
    int64_t total = 0;
    const char *units = "WD";
    const bool negative = s.len && s.ptr[0] == '-';
    if (s.len && (s.ptr[0] == '-' || s.ptr[0] == '+')) at++;
    if (at == s.len || s.ptr[at++] != 'P') return false;
    bool in_time = false;
    while (at < s.len) {
        if (s.ptr[at] == 'T' && !in_time) {
            in_time = true;
            units = "HMS";
            at++;
            if (at == s.len) return false;
        }
        if (!read_part(s, &at, &units, negative, &total)) return false;
        parts++;
    }
    if (parts == 0) return false;
    *us = total;
    return true;
}

void pli__duration_to_text(int64_t us, char out[PLI__DURATION_TEXT_MAX]) {
    uint64_t rest = us < 0 ? 0 - (uint64_t)us : (uint64_t)us;
    const uint64_t days = rest / (uint64_t)DAY_US;
    rest %= (uint64_t)DAY_US;
    const unsigned seconds = (unsigned)(rest / 1000000), fraction = (unsigned)(rest % 1000000);
    const unsigned h = seconds / 3600, m = seconds / 60 % 60, s = seconds % 60;
    char *p = out;
    char *const end = out + PLI__DURATION_TEXT_MAX;
    p += snprintf(p, (size_t)(end - p), "%sP", us < 0 ? "-" : "");
    if (days) p += snprintf(p, (size_t)(end - p), "%lluD", (unsigned long long)days);
    if (rest || !days) *p++ = 'T';
    if (h) p += snprintf(p, (size_t)(end - p), "%uH", h);
    if (m) p += snprintf(p, (size_t)(end - p), "%uM", m);
    if (fraction) {
        p += snprintf(p, (size_t)(end - p), "%u.%06u", s, fraction);
        while (p[-1] == '0') p--;
        *p++ = 'S';
    } else if (s || (!h && !m && !days)) {
        p += snprintf(p, (size_t)(end - p), "%uS", s);
    }
    *p = 0;
}
