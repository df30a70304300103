/* Unquoting of JSON strings. The common case, no escape, gives a slice of the input. */
#include "types/json_text.h"

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if ((c | 32) >= 'a' && (c | 32) <= 'f') return (c | 32) - 'a' + 10;
    return -1;
}

/* Four hex digits at s[at]; -1 if they are not there. */
static int32_t read_unit(pli__str s, size_t at) {
    int32_t v = 0;
    if (s.len - at < 4) return -1;
    for (size_t i = at; i < at + 4; i++) {
        const int digit = hex_digit(s.ptr[i]);
        if (digit < 0) return -1;
        v = v * 16 + digit;
    }
    return v;
}

static void add_utf8(pli__buf *b, uint32_t c) {
    if (c < 0x80) {
        pli__buf_addc(b, (char)c);
    } else if (c < 0x800) {
        pli__buf_addc(b, (char)(0xC0 | c >> 6));
        pli__buf_addc(b, (char)(0x80 | (c & 0x3F)));
    } else if (c < 0x10000) {
        pli__buf_addc(b, (char)(0xE0 | c >> 12));
        pli__buf_addc(b, (char)(0x80 | (c >> 6 & 0x3F)));
        pli__buf_addc(b, (char)(0x80 | (c & 0x3F)));
    } else {
        pli__buf_addc(b, (char)(0xF0 | c >> 18));
        pli__buf_addc(b, (char)(0x80 | (c >> 12 & 0x3F)));
        pli__buf_addc(b, (char)(0x80 | (c >> 6 & 0x3F)));
        pli__buf_addc(b, (char)(0x80 | (c & 0x3F)));
    }
}

/* \uXXXX, or two of them that make a character beyond 16 bits. *at stands behind the 'u'. A lone half is U+FFFD. */
static void add_unit(pli__buf *b, pli__str s, size_t *at) {
    int32_t c = read_unit(s, *at);
    *at += 4;
    if (c >= 0xD800 && c < 0xDC00 && s.len - *at >= 6 && s.ptr[*at] == '\\' && s.ptr[*at + 1] == 'u') {
        const int32_t low = read_unit(s, *at + 2);
        if (low >= 0xDC00 && low < 0xE000) {
            c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
            *at += 6;
        }
    }
    add_utf8(b, c < 0 || (c >= 0xD800 && c < 0xE000) ? 0xFFFD : (uint32_t)c);
}

static void unescape(pli__buf *b, pli__str s) {
    size_t at = 0;
    while (at < s.len) {
        const char *next = memchr(s.ptr + at, '\\', s.len - at);
        const size_t plain = next ? (size_t)(next - s.ptr) - at : s.len - at;
        pli__buf_add(b, s.ptr + at, plain);
        at += plain;
        if (s.len - at < 2) break;
        const char kind = s.ptr[at + 1];
        at += 2;
        if (kind == 'u' && s.len - at >= 4) {
            add_unit(b, s, &at);
            continue;
        }
        static const char codes[] = "b\bf\fn\nr\rt\t";
        const char *code = memchr(codes, kind, sizeof codes - 1);
        pli__buf_addc(b, code && (code - codes) % 2 == 0 ? code[1] : kind);
    }
}

bool pli__json_text(pli__str json, bool nested_too, pli__buf *scratch, pli__str *out) {
    if (json.len == 0 || pli__str_eqz(json, "null")) return false;
    if (json.ptr[0] == '{' || json.ptr[0] == '[' || json.ptr[0] != '"' || json.len < 2) {
        if (!nested_too && (json.ptr[0] == '{' || json.ptr[0] == '[')) return false;
        *out = json;
        return true;
    }
    const pli__str inner = {json.ptr + 1, json.len - 2};
    if (!memchr(inner.ptr, '\\', inner.len)) {
        *out = inner;
        return true;
    }
    pli__buf_reset(scratch);
    unescape(scratch, inner);
    if (scratch->failed) return false;
    *out = pli__buf_str(scratch);
    return true;
}
