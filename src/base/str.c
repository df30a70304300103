/* Slices: comparison, copies, strict numbers, UTF-8, nearest name. Nothing here depends on the locale. */
#include "base/str.h"

#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <strings.h>

#include "base/utf8.h"

pli__str pli__str_of(const char *z) { return z ? (pli__str){z, strlen(z)} : (pli__str){"", 0}; }

bool pli__str_eq(pli__str a, pli__str b) { return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0); }

bool pli__str_eqz(pli__str a, const char *z) { return pli__str_eq(a, pli__str_of(z)); }

static char lower_ascii(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c; }

bool pli__str_ieqz(pli__str a, const char *z) { return pli__str_ieq(a, pli__str_of(z)); }

bool pli__str_ieq(pli__str a, pli__str b) {
    if (a.len != b.len) return false;
    for (size_t i = 0; i < a.len; i++)
        if (lower_ascii(a.ptr[i]) != lower_ascii(b.ptr[i])) return false;
    return true;
}

int pli__str_cmp(pli__str a, pli__str b) {
    const size_t n = a.len < b.len ? a.len : b.len;
    const int c = n ? memcmp(a.ptr, b.ptr, n) : 0;
    if (c) return c;
    return (a.len > b.len) - (a.len < b.len);
}

bool pli__str_starts(pli__str s, pli__str prefix) {
    return s.len >= prefix.len && pli__str_eq((pli__str){s.ptr, prefix.len}, prefix);
}

bool pli__str_ends(pli__str s, pli__str suffix) {
    return s.len >= suffix.len && pli__str_eq((pli__str){s.ptr + (s.len - suffix.len), suffix.len}, suffix);
}

bool pli__str_take_line(pli__str *rest, pli__str *line) {
    if (rest->len == 0) return false;
    const char *end = memchr(rest->ptr, '\n', rest->len);
    size_t n = end ? (size_t)(end - rest->ptr) : rest->len;
    const size_t step = n + (end != NULL);
    if (end && n > 0 && rest->ptr[n - 1] == '\r') n--;
    *line = (pli__str){rest->ptr, n};
    *rest = (pli__str){rest->ptr + step, rest->len - step};
    return true;
}

char *pli__str_dup(pli__str s) {
    char *copy = s.len < SIZE_MAX ? malloc(s.len + 1) : NULL;
    if (!copy) return NULL;
    if (s.len) memcpy(copy, s.ptr, s.len);
    copy[s.len] = 0;
    return copy;
}

char *pli__strz_dup(const char *z) { return z ? pli__str_dup(pli__str_of(z)) : NULL; }

bool pli__str_to_i64(pli__str s, int64_t *out) {
    size_t i = 0;
    const bool negative = s.len && s.ptr[0] == '-';
    if (s.len && (s.ptr[0] == '-' || s.ptr[0] == '+')) i++;
    if (i == s.len) return false;
    const uint64_t limit = (uint64_t)INT64_MAX + negative;
    uint64_t v = 0;
    for (; i < s.len; i++) {
        const unsigned digit = (unsigned)(unsigned char)s.ptr[i] - '0';
        if (digit > 9 || v > (limit - digit) / 10) return false;
        v = v * 10 + digit;
    }
    *out = negative ? (int64_t)(0 - v) : (int64_t)v;
    return true;
}

/* The "C" locale, made once and never changed: strtod alone follows the locale that the embedding program has set. */
static locale_t c_locale;
static pthread_once_t c_locale_once = PTHREAD_ONCE_INIT;
static void make_c_locale(void) { c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0); }

bool pli__str_to_f64(pli__str s, double *out) {
    char text[400];
    if (s.len == 0 || s.len >= sizeof text) return false;
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] == 0 || !strchr("0123456789+-.eE", s.ptr[i])) return false;
    memcpy(text, s.ptr, s.len);
    text[s.len] = 0;
    pthread_once(&c_locale_once, make_c_locale);
    if (!c_locale) return false;
    char *end;
    const double v = strtod_l(text, &end, c_locale);
    if (end != text + s.len || !isfinite(v)) return false;
    *out = v;
    return true;
}

bool pli__str_is_utf8(pli__str s) { return pli__utf8_valid_prefix(s) == s.len; }

enum { NEAREST_MAX = 64 };

/* Edit distance, ASCII case ignored, with one row of the table. */
static size_t edit_distance(pli__str a, pli__str b) {
    size_t row[NEAREST_MAX + 1];
    for (size_t j = 0; j <= b.len; j++) row[j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            const size_t change = diagonal + (lower_ascii(a.ptr[i - 1]) != lower_ascii(b.ptr[j - 1]));
            const size_t shorter = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            diagonal = row[j];
            row[j] = change < shorter ? change : shorter;
        }
    }
    return row[b.len];
}

const char *pli__str_nearest(const char *word, const char *const *names, size_t n) {
    const pli__str w = pli__str_of(word);
    const char *best = NULL;
    if (w.len == 0 || w.len > NEAREST_MAX) return NULL;
    size_t best_distance = 1 + w.len / 3;
    for (size_t i = 0; i < n; i++) {
        const pli__str name = pli__str_of(names[i]);
        if (name.len == 0 || name.len > NEAREST_MAX) continue;
        const size_t d = edit_distance(w, name);
        if (d < best_distance || (d == best_distance && !best)) {
            best_distance = d;
            best = names[i];
        }
    }
    return best;
}

void pli__free_ptr(void *pp) {
    void *p;
    memcpy(&p, pp, sizeof p); /* pp may point to a pointer of any type */
    free(p);
}
