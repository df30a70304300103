/* Strict UTF-8, after table 3-7 of the Unicode standard (well-formed byte sequences). */
#include "base/utf8.h"

static bool in_range(unsigned char c, unsigned lo, unsigned hi) { return c >= lo && c <= hi; }

static size_t fail_after(size_t good, size_t *bad) {
    if (bad) *bad = good;
    return 0;
}

size_t pli__utf8_step(pli__str s, size_t *bad) {
    if (s.len == 0) return fail_after(0, bad);
    const unsigned char *p = (const unsigned char *)s.ptr;
    const unsigned char lead = p[0];
    if (lead < 0x80) return 1;
    if (lead < 0xC2 || lead > 0xF4) return fail_after(1, bad);
    const size_t n = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    const unsigned lo = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    const unsigned hi = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    if (s.len < 2 || !in_range(p[1], lo, hi)) return fail_after(1, bad);
    for (size_t i = 2; i < n; i++)
        if (s.len <= i || !in_range(p[i], 0x80, 0xBF)) return fail_after(i, bad);
    return n;
}

size_t pli__utf8_valid_prefix(pli__str s) {
    size_t i = 0;
    while (i < s.len) {
        uint64_t word;
        while (s.len - i >= sizeof word) {
            memcpy(&word, s.ptr + i, sizeof word);
            if (word & UINT64_C(0x8080808080808080)) break;
            i += sizeof word;
        }
        if (i == s.len) break;
        const size_t step = pli__utf8_step((pli__str){s.ptr + i, s.len - i}, NULL);
        if (step == 0) break;
        i += step;
    }
    return i;
}

uint32_t pli__utf8_decode(const char *p, size_t step) {
    const unsigned char *bytes = (const unsigned char *)p;
    if (step == 1) return bytes[0];
    uint32_t cp = bytes[0] & (0x7Fu >> step);
    for (size_t i = 1; i < step; i++) cp = cp << 6 | (bytes[i] & 0x3Fu);
    return cp;
}

size_t pli__utf8_encode(uint32_t cp, char out[4]) {
    if (cp < 0x80) {
        out[0] = (char)cp;
        return 1;
    }
    const size_t n = cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--, cp >>= 6) out[i] = (char)(0x80 | (cp & 0x3F));
    out[0] = (char)((0xF00u >> n & 0xF0u) | cp);
    return n;
}
