/* What the fast scanner leaves to the engine, told beforehand where a record that the engine refuses must not fail the batch: bytes
 * that are not UTF-8, control characters within strings, escapes that mean nothing. */
#include <string.h>

#include "base/utf8.h"
#include "source/format_json_shape.h"

static bool is_hex4(const char *p, const char *end) {
    for (int i = 0; i < 4; i++)
        if (p + i >= end || !strchr("0123456789abcdefABCDEF", p[i]) || !p[i]) return false;
    return true;
}

static bool is_surrogate(const char *p, char least, char most) {
    const char second = (char)(p[1] | 0x20);
    return (p[0] | 0x20) == 'd' && second >= least && second <= most;
}

/* Behind the backslash → length of the escape, a pair of surrogates as one; 0 if it is none. */
static size_t escape_length(const char *p, const char *end) {
    if (p >= end || !*p) return 0;
    if (*p != 'u') return strchr("\"\\/bfnrt", *p) ? 1 : 0;
    if (!is_hex4(p + 1, end)) return 0;
    const bool digit_8_or_9 = (p[1] | 0x20) == 'd' && (p[2] == '8' || p[2] == '9');
    if (is_surrogate(p + 1, 'c', 'f')) return 0; /* a low one comes second only */
    if (!digit_8_or_9 && !is_surrogate(p + 1, 'a', 'b')) return 5;
    const char *low = p + 5;
    const bool pair = end - low >= 6 && low[0] == '\\' && low[1] == 'u' && is_hex4(low + 2, end) &&
                      is_surrogate(low + 2, 'c', 'f');
    return pair ? 11 : 0;
}

bool pli__json_line_is_sound(pli__str line) {
    if (!pli__str_is_utf8(line)) return false;
    const char *end = line.ptr + line.len;
    bool quoted = false;
    for (const char *p = line.ptr; p < end; p++) {
        if (*p == '"') quoted = !quoted;
        else if (quoted && (unsigned char)*p < 0x20) return false;
        else if (*p == '\\') {
            const size_t n = quoted ? escape_length(p + 1, end) : 0;
            if (!n) return false;
            p += n;
        }
    }
    return !quoted;
}

void pli__add_as_utf8(pli__buf *b, pli__str text) {
    for (size_t at = 0; at < text.len;) {
        const pli__str rest = {text.ptr + at, text.len - at};
        const size_t good = pli__utf8_valid_prefix(rest);
        pli__buf_add(b, rest.ptr, good);
        at += good;
        if (at < text.len) pli__buf_addc(b, '?');
        at += at < text.len;
    }
}
