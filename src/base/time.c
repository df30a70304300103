/* Times and sizes: civil dates by days (proleptic Gregorian), ISO 8601 text, durations and sizes with units. */
#include "base/time.h"

#include <stdio.h>
#include <time.h>

static const int64_t SECOND_US = 1000000;
static const int64_t DAY_US = INT64_C(86400000000);

static int64_t read_clock(clockid_t id) {
    struct timespec ts;
    clock_gettime(id, &ts); /* cannot fail for these two clocks */
    return (int64_t)ts.tv_sec * SECOND_US + ts.tv_nsec / 1000;
}

static int64_t system_now_us(void *arg) {
    (void)arg;
    return read_clock(CLOCK_REALTIME);
}

const pli__clock *pli__clock_system(void) {
    static const pli__clock system_clock = {system_now_us, NULL};
    return &system_clock;
}

int64_t pli__clock_now_us(const pli__clock *clock) {
    return clock && clock->now_us ? clock->now_us(clock->arg) : read_clock(CLOCK_REALTIME);
}

int64_t pli__monotonic_us(void) { return read_clock(CLOCK_MONOTONIC); }

/* Both conversions count years from March and eras of 400 years (146,097 days), so that the leap day comes last. */
int64_t pli__time_days_from_civil(int64_t y, unsigned m, unsigned d) {
    y -= m <= 2;
    const int64_t era = (y >= 0 ? y : y - 399) / 400;
    const int64_t year = y - era * 400;
    const int64_t day = (153 * (int64_t)(m > 2 ? m - 3 : m + 9) + 2) / 5 + (int64_t)d - 1;
    return era * 146097 + year * 365 + year / 4 - year / 100 + day - 719468;
}

void pli__time_civil_from_days(int64_t days, int64_t *y, unsigned *m, unsigned *d) {
    const int64_t z = days + 719468;
    const int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    const int64_t doe = z - era * 146097;
    const int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    const int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    const int64_t month = (5 * doy + 2) / 153;
    *d = (unsigned)(doy - (153 * month + 2) / 5 + 1);
    *m = (unsigned)(month < 10 ? month + 3 : month - 9);
    *y = yoe + era * 400 + (*m <= 2);
}

void pli__time_format_iso(int64_t us, char out[40]) {
    int64_t days = us / DAY_US, rest = us % DAY_US;
    if (rest < 0) {
        rest += DAY_US;
        days--;
    }
    int64_t y;
    unsigned m, d;
    pli__time_civil_from_days(days, &y, &m, &d);
    const unsigned sec = (unsigned)(rest / SECOND_US), frac = (unsigned)(rest % SECOND_US);
    int n = snprintf(out, 40, "%04lld-%02u-%02uT%02u:%02u:%02u", (long long)y, m, d, sec / 3600, sec / 60 % 60,
                     sec % 60);
    if (n > 0 && n < 40 && frac) n += snprintf(out + n, (size_t)(40 - n), ".%06u", frac);
    if (n > 0 && n < 39) memcpy(out + n, "Z", 2);
}

/* A cursor over the text that is being parsed. */
typedef struct {
    pli__str s;
    size_t at;
} cursor;

static bool take_char(cursor *c, char want) {
    if (c->at >= c->s.len || c->s.ptr[c->at] != want) return false;
    c->at++;
    return true;
}

static bool is_digit_at(const cursor *c) {
    return c->at < c->s.len && c->s.ptr[c->at] >= '0' && c->s.ptr[c->at] <= '9';
}

/* Exactly n digits. */
static bool take_digits(cursor *c, unsigned n, unsigned *out) {
    unsigned v = 0;
    for (; n > 0; n--) {
        if (!is_digit_at(c)) return false;
        v = v * 10 + (unsigned)(c->s.ptr[c->at++] - '0');
    }
    *out = v;
    return true;
}

static bool take_date(cursor *c, int64_t *days) {
    static const unsigned char month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    unsigned y, m, d;
    if (!take_digits(c, 4, &y) || !take_char(c, '-') || !take_digits(c, 2, &m) || !take_char(c, '-') ||
        !take_digits(c, 2, &d))
        return false;
    const bool leap = y % 4 == 0 && (y % 100 != 0 || y % 400 == 0);
    if (y < 1 || m < 1 || m > 12 || d < 1 || d > month_days[m - 1] + (m == 2 && leap ? 1u : 0u)) return false;
    *days = pli__time_days_from_civil(y, m, d);
    return true;
}

/* "." and 1-9 digits; digits below microseconds are read and cut. */
static bool take_fraction(cursor *c, int64_t *us) {
    int64_t v = 0;
    unsigned n = 0;
    while (is_digit_at(c)) {
        const int digit = c->s.ptr[c->at++] - '0';
        if (++n > 9) return false;
        if (n <= 6) v = v * 10 + digit;
    }
    if (n == 0) return false;
    for (; n < 6; n++) v *= 10;
    *us = v;
    return true;
}

/* hh:mm, hh:mm:ss or hh:mm:ss.fraction; 24:00 and leap seconds are refused. */
static bool take_time(cursor *c, int64_t *us) {
    unsigned h, m, s = 0;
    int64_t frac = 0;
    if (!take_digits(c, 2, &h) || !take_char(c, ':') || !take_digits(c, 2, &m)) return false;
    if (take_char(c, ':')) {
        if (!take_digits(c, 2, &s)) return false;
        if ((take_char(c, '.') || take_char(c, ',')) && !take_fraction(c, &frac)) return false;
    }
    if (h > 23 || m > 59 || s > 59) return false;
    *us = (int64_t)(h * 3600 + m * 60 + s) * SECOND_US + frac;
    return true;
}

/* Z, +hh, +hhmm or +hh:mm; nothing means UTC. */
static bool take_zone(cursor *c, int64_t *us) {
    unsigned h, m = 0;
    *us = 0;
    if (c->at == c->s.len || take_char(c, 'Z') || take_char(c, 'z')) return true;
    const bool west = take_char(c, '-');
    if (!west && !take_char(c, '+')) return false;
    if (!take_digits(c, 2, &h)) return false;
    if (take_char(c, ':') ? !take_digits(c, 2, &m) : c->at < c->s.len && !take_digits(c, 2, &m)) return false;
    if (h > 23 || m > 59) return false;
    *us = (int64_t)(h * 3600 + m * 60) * SECOND_US * (west ? -1 : 1);
    return true;
}

bool pli__time_parse_iso(pli__str s, int64_t *us) {
    cursor c = {s, 0};
    int64_t days, time = 0, zone = 0;
    if (!take_date(&c, &days)) return false;
    if (c.at < s.len) {
        if (!take_char(&c, 'T') && !take_char(&c, 't') && !take_char(&c, ' ')) return false;
        if (!take_time(&c, &time) || !take_zone(&c, &zone) || c.at != s.len) return false;
    }
    *us = days * DAY_US + time - zone;
    return true;
}

/* A decimal number times a unit that is found behind it. Exact: the fraction is scaled as an integer, and cut. */
typedef struct {
    int64_t whole;
    int64_t fraction; /* in units of 10^-digits */
    int64_t scale;    /* 10^digits */
} decimal;

static bool take_decimal(cursor *c, decimal *out) {
    decimal v = {0, 0, 1};
    if (!is_digit_at(c)) return false;
    while (is_digit_at(c)) {
        const int digit = c->s.ptr[c->at++] - '0';
        if (__builtin_mul_overflow(v.whole, 10, &v.whole) || __builtin_add_overflow(v.whole, digit, &v.whole))
            return false;
    }
    if (take_char(c, '.')) {
        if (!is_digit_at(c)) return false;
        while (is_digit_at(c)) {
            const int digit = c->s.ptr[c->at++] - '0';
            if (v.scale > 100000000) return false; /* more than nine digits behind the point */
            v.fraction = v.fraction * 10 + digit;
            v.scale *= 10;
        }
    }
    *out = v;
    return true;
}

__extension__ typedef __int128 wide;

static bool decimal_times(decimal v, int64_t unit, int64_t *out) {
    int64_t whole;
    if (__builtin_mul_overflow(v.whole, unit, &whole)) return false;
    const wide part = (wide)v.fraction * unit / v.scale;
    return !__builtin_add_overflow(whole, (int64_t)part, out);
}

typedef struct {
    const char *name;
    int64_t size;
} unit;

/* Letters at the cursor as one of the units, ASCII case ignored. */
static bool take_unit(cursor *c, const unit *units, size_t n, int64_t *size) {
    const size_t start = c->at;
    while (c->at < c->s.len && ((c->s.ptr[c->at] | 32) >= 'a' && (c->s.ptr[c->at] | 32) <= 'z')) c->at++;
    const pli__str word = {c->s.ptr + start, c->at - start};
    for (size_t i = 0; i < n; i++) {
        if (!pli__str_ieqz(word, units[i].name)) continue;
        *size = units[i].size;
        return true;
    }
    return false;
}

static pli__str trim(pli__str s) {
    while (s.len && (s.ptr[0] == ' ' || s.ptr[0] == '\t')) s = (pli__str){s.ptr + 1, s.len - 1};
    while (s.len && (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t')) s.len--;
    return s;
}

bool pli__time_parse_duration(pli__str s, int64_t *us) {
    static const unit units[] = {{"us", 1},
                                 {"ms", 1000},
                                 {"s", 1000000},
                                 {"m", INT64_C(60000000)},
                                 {"min", INT64_C(60000000)},
                                 {"h", INT64_C(3600000000)},
                                 {"d", INT64_C(86400000000)},
                                 {"w", INT64_C(604800000000)}};
    cursor c = {trim(s), 0};
    int64_t total = 0, before = INT64_MAX;
    if (c.s.len == 0) return false;
    while (c.at < c.s.len) {
        decimal v;
        int64_t size = SECOND_US, part;
        if (!take_decimal(&c, &v)) return false;
        const bool bare = before == INT64_MAX && c.at == c.s.len;
        if (!bare && !take_unit(&c, units, sizeof units / sizeof units[0], &size)) return false;
        if (size >= before) return false; /* units go down, each at most once: "1m1h" and "1s1s" are slips */
        if (!decimal_times(v, size, &part) || __builtin_add_overflow(total, part, &total)) return false;
        before = size;
    }
    *us = total;
    return true;
}

bool pli__size_parse(pli__str s, int64_t *bytes) {
    static const unit units[] = {
        {"", 1},
        {"b", 1},
        {"k", 1000},
        {"kb", 1000},
        {"ki", INT64_C(1) << 10},
        {"kib", INT64_C(1) << 10},
        {"m", 1000000},
        {"mb", 1000000},
        {"mi", INT64_C(1) << 20},
        {"mib", INT64_C(1) << 20},
        {"g", 1000000000},
        {"gb", 1000000000},
        {"gi", INT64_C(1) << 30},
        {"gib", INT64_C(1) << 30},
        {"t", INT64_C(1000000000000)},
        {"tb", INT64_C(1000000000000)},
        {"ti", INT64_C(1) << 40},
        {"tib", INT64_C(1) << 40},
    };
    cursor c = {trim(s), 0};
    decimal v;
    int64_t size;
    if (!take_decimal(&c, &v)) return false;
    while (take_char(&c, ' ')) continue;
    if (!take_unit(&c, units, sizeof units / sizeof units[0], &size) || c.at != c.s.len) return false;
    return decimal_times(v, size, bytes);
}
