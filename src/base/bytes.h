/*
 * Looking at 16 or 32 bytes at once without a branch for each byte: SSE2, which every x86-64 has.
 * Elsewhere plain loops do the same.
 * All bytes must be readable.
 */
#ifndef PLI_BASE_BYTES_H
#define PLI_BASE_BYTES_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>

static inline __m128i pli__load16(const char *p) { return _mm_loadu_si128((const __m128i *)(const void *)p); }

/** How many of 16 bytes, from the first on, are ASCII digits. */
static inline unsigned pli__digits16(const char *p) {
    /* '0'..'9' become the ten least signed bytes */
    const __m128i low = _mm_add_epi8(pli__load16(p), _mm_set1_epi8((char)(0x80 - '0')));
    const unsigned digits = (unsigned)_mm_movemask_epi8(_mm_cmplt_epi8(low, _mm_set1_epi8(-128 + 10)));
    return (unsigned)__builtin_ctz(~digits);
}

static inline unsigned pli__quotes16(const char *p) {
    const __m128i x = pli__load16(p);
    return (unsigned)_mm_movemask_epi8(
        _mm_or_si128(_mm_cmpeq_epi8(x, _mm_set1_epi8('"')), _mm_cmpeq_epi8(x, _mm_set1_epi8('\\'))));
}

/** Position of the first quote or backslash in 32 bytes; 32 if there is none. */
static inline unsigned pli__quote32(const char *p) {
    const uint64_t hits = pli__quotes16(p) | (uint64_t)pli__quotes16(p + 16) << 16 | UINT64_C(1) << 32;
    return (unsigned)__builtin_ctzll(hits);
}

/** Are the first n (at most 16) of 16 bytes the same? */
static inline bool pli__same16(const char *a, const char *b, unsigned n) {
    const unsigned same = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(pli__load16(a), pli__load16(b)));
    return !(~same & ((1u << n) - 1));
}

#else

static inline unsigned pli__digits16(const char *p) {
    unsigned n = 0;
    while (n < 16 && p[n] >= '0' && p[n] <= '9') n++;
    return n;
}

static inline unsigned pli__quote32(const char *p) {
    unsigned n = 0;
    while (n < 32 && p[n] != '"' && p[n] != '\\') n++;
    return n;
}

static inline bool pli__same16(const char *a, const char *b, unsigned n) { return memcmp(a, b, n) == 0; }

#endif
#endif
