/* Values from text: numbers. The common spellings (up to 18 digits) take one loop; everything else goes through a
 * slower path that applies the exponent to the digits themselves, so that no rounding can hide. */
#include "types/value_text.h"

#include <float.h>
#include <math.h>
#include <stdio.h>

/* A number taken apart: text slices of its digits and the exponent, saturated far beyond any type's range. */
typedef struct {
    bool negative, spelled_whole; /* neither point nor exponent */
    pli__str whole, fraction;
    int64_t exponent;
} number;

static const int64_t EXPONENT_MAX = 1000000;

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static pli__str take_digits(pli__str s, size_t *at) {
    const size_t start = *at;
    while (*at < s.len && is_digit(s.ptr[*at])) ++*at;
    return (pli__str){s.ptr + start, *at - start};
}

static bool take_exponent(pli__str s, size_t *at, int64_t *out) {
    bool negative = false;
    if (*at < s.len && (s.ptr[*at] == '+' || s.ptr[*at] == '-')) negative = s.ptr[(*at)++] == '-';
    const pli__str digits = take_digits(s, at);
    int64_t v = 0;
    for (size_t i = 0; i < digits.len; i++) {
        v = v * 10 + (digits.ptr[i] - '0');
        if (v > EXPONENT_MAX) v = EXPONENT_MAX;
    }
    *out = negative ? -v : v;
    return digits.len > 0;
}

static bool take_number(pli__str s, number *out) {
    number n = {.spelled_whole = true};
    size_t at = 0;
    if (s.len && (s.ptr[0] == '+' || s.ptr[0] == '-')) n.negative = s.ptr[at++] == '-';
    n.whole = take_digits(s, &at);
    if (n.whole.len == 0) return false;
    if (at < s.len && s.ptr[at] == '.') {
        at++;
        n.fraction = take_digits(s, &at);
        n.spelled_whole = false;
        if (n.fraction.len == 0) return false;
    }
    if (at < s.len && (s.ptr[at] == 'e' || s.ptr[at] == 'E')) {
        at++;
        n.spelled_whole = false;
        if (!take_exponent(s, &at, &n.exponent)) return false;
    }
    if (at != s.len) return false;
    *out = n;
    return true;
}

/* Digit i of whole and fraction put together. */
static int digit_at(const number *n, size_t i) {
    return (i < n->whole.len ? n->whole.ptr[i] : n->fraction.ptr[i - n->whole.len]) - '0';
}

/* The significant digits [*first, *end) of whole and fraction put together; equal for zero. */
static void trim_zeros(const number *n, size_t *first, size_t *end) {
    *first = 0;
    *end = n->whole.len + n->fraction.len;
    while (*first < *end && digit_at(n, *first) == 0) ++*first;
    while (*end > *first && digit_at(n, *end - 1) == 0) --*end;
}

/* Power of ten of digit `end - 1`: value = digits[first, end) * 10^scale. */
static int64_t scale_of(const number *n, size_t end) { return (int64_t)n->whole.len - (int64_t)end + n->exponent; }

static bool number_to_i64(const number *n, int64_t *out) {
    size_t first, end;
    trim_zeros(n, &first, &end);
    const int64_t zeros = scale_of(n, end);
    if (first == end) {
        *out = 0;
        return true;
    }
    if (zeros < 0 || zeros > 18 || (int64_t)(end - first) + zeros > 19) return false;
    const uint64_t limit = (uint64_t)INT64_MAX + n->negative;
    uint64_t v = 0;
    for (size_t i = first; i < end + (size_t)zeros; i++) {
        const unsigned digit = i < end ? (unsigned)digit_at(n, i) : 0;
        if (v > (limit - digit) / 10) return false;
        v = v * 10 + digit;
    }
    *out = n->negative ? (int64_t)(0 - v) : (int64_t)v;
    return true;
}

bool pli__text_to_i64(pli__str s, int64_t *out) {
    size_t at = s.len && (s.ptr[0] == '-' || s.ptr[0] == '+');
    const bool negative = at && s.ptr[0] == '-';
    if (s.len - at >= 1 && s.len - at <= 18) {
        uint64_t v = 0;
        for (; at < s.len; at++) {
            const unsigned digit = (unsigned)(unsigned char)s.ptr[at] - '0';
            if (digit > 9) break;
            v = v * 10 + digit;
        }
        if (at == s.len) {
            *out = negative ? -(int64_t)v : (int64_t)v;
            return true;
        }
    }
    number n;
    return take_number(s, &n) && number_to_i64(&n, out);
}

/* Is the double v exactly the whole number that is spelled? v is integral here, as |v| > 2^53. */
static bool holds_exactly(const number *n, double v) {
    char text[330];
    const int len = snprintf(text, sizeof text, "%.0f", fabs(v));
    pli__str spelled = n->whole;
    while (spelled.len > 1 && spelled.ptr[0] == '0') spelled = (pli__str){spelled.ptr + 1, spelled.len - 1};
    return len > 0 && (size_t)len == spelled.len && memcmp(text, spelled.ptr, spelled.len) == 0;
}

/* Up to 19 digits as an integer; false if there are more. */
static bool mantissa_of(const number *n, uint64_t *out) {
    uint64_t v = 0;
    if (n->whole.len + n->fraction.len > 19) return false;
    for (size_t i = 0; i < n->whole.len; i++) v = v * 10 + (unsigned)(n->whole.ptr[i] - '0');
    for (size_t i = 0; i < n->fraction.len; i++) v = v * 10 + (unsigned)(n->fraction.ptr[i] - '0');
    *out = v;
    return true;
}

#if LDBL_MANT_DIG == 64
/* A mantissa and a power of ten that a long double of 64 bits holds exactly give a result that is off by at most half
 * of its last bit; rounding it once more to 53 bits is right unless the bits in between lie next to the middle. */
static bool by_long_double(uint64_t mantissa, int64_t power, double *out) {
    static const long double powers[] = {1e0L,  1e1L,  1e2L,  1e3L,  1e4L,  1e5L,  1e6L,  1e7L,  1e8L,  1e9L,
                                         1e10L, 1e11L, 1e12L, 1e13L, 1e14L, 1e15L, 1e16L, 1e17L, 1e18L, 1e19L,
                                         1e20L, 1e21L, 1e22L, 1e23L, 1e24L, 1e25L, 1e26L, 1e27L};
    if (power < -27 || power > 27) return false;
    const long double v = power < 0 ? (long double)mantissa / powers[-power] : (long double)mantissa * powers[power];
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    const uint64_t between = bits & 0x7FF;
    if (between >= 0x3FE && between <= 0x402) return false;
    *out = (double)v;
    return true;
}
#else
static bool by_long_double(uint64_t mantissa, int64_t power, double *out) {
    (void)mantissa;
    (void)power;
    (void)out;
    return false;
}
#endif

/* Where value and power of ten are both exact doubles, one operation gives the correctly rounded result (Clinger,
 * "How to read floating point numbers accurately", 1990). */
static bool quick_f64(const number *n, double *out) {
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    const int64_t power = n->exponent - (int64_t)n->fraction.len;
    uint64_t v;
    double d;
    if (!mantissa_of(n, &v)) return false;
    if (v <= UINT64_C(1) << 53 && power >= -22 && power <= 22)
        d = power < 0 ? (double)v / powers[-power] : (double)v * powers[power];
    else if (n->spelled_whole || !by_long_double(v, power, &d)) return false;
    *out = n->negative ? -d : d;
    return true;
}

static bool number_to_f64(pli__str s, const number *n, double *out) {
    double v;
    if (quick_f64(n, &v)) {
        *out = v;
        return true;
    }
    if (!pli__str_to_f64(s, &v)) return false;
    if (n->spelled_whole && !holds_exactly(n, v)) return false;
    *out = v;
    return true;
}

bool pli__text_to_f64(pli__str s, double *out) {
    number n;
    return take_number(s, &n) && number_to_f64(s, &n, out);
}

bool pli__text_to_shape(pli__str s, pli__number_shape *out) {
    number n;
    size_t first, end;
    if (!take_number(s, &n)) return false;
    trim_zeros(&n, &first, &end);
    const int64_t low = scale_of(&n, end), high = low + (int64_t)(end - first);
    if (first == end || high > INT32_MAX || low < -INT32_MAX) {
        if (first != end) return false;
        *out = (pli__number_shape){1, 0};
        return true;
    }
    *out = (pli__number_shape){high < 1 ? 1 : (int32_t)high, low < 0 ? (int32_t)-low : 0};
    return true;
}

__extension__ typedef unsigned __int128 uint128;

bool pli__text_to_decimal(pli__str s, int scale, pli__unscaled *out) {
    number n;
    size_t first, end;
    if (!take_number(s, &n)) return false;
    trim_zeros(&n, &first, &end);
    const int64_t zeros = scale_of(&n, end) + scale;
    uint128 v = 0;
    if (first < end && (zeros < 0 || zeros > 38 || (int64_t)(end - first) + zeros > 38)) return false;
    for (size_t i = first; i < end; i++) v = v * 10 + (unsigned)digit_at(&n, i);
    for (int64_t i = 0; first < end && i < zeros; i++) v *= 10;
    if (n.negative) v = 0 - v;
    *out = (pli__unscaled){(uint64_t)v, (int64_t)(v >> 64)};
    return true;
}

bool pli__text_to_bool(pli__str s, bool *out) {
    if (s.len != 4 && s.len != 5) return false;
    const bool yes = s.len == 4;
    if (memcmp(s.ptr, yes ? "true" : "false", s.len) != 0 && !pli__str_ieqz(s, yes ? "true" : "false")) return false;
    *out = yes;
    return true;
}
