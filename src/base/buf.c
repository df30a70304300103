/* Growing buffers: doubling, a cap, failure that sticks, and the quoting rules of JSON and SQL. */
#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"
#include "base/utf8.h"

void pli__buf_init(pli__buf *b, size_t max) { *b = (pli__buf){.max = max}; }

void pli__buf_clear(pli__buf *b) {
    free(b->ptr);
    *b = (pli__buf){.max = b->max};
}

void pli__buf_reset(pli__buf *b) {
    b->len = 0;
    b->failed = b->capped = false;
    if (b->ptr) b->ptr[0] = 0;
}

static size_t cap_of(const pli__buf *b) { return b->max ? b->max : PLI_BUF_DEFAULT_MAX; }

/* Makes room for n more bytes and the terminator. */
static bool grow(pli__buf *b, size_t n) {
    const size_t max = cap_of(b);
    if (b->failed) return false;
    if (n > max || b->len > max - n) {
        b->failed = b->capped = true;
        return false;
    }
    const size_t need = b->len + n + 1;
    if (need <= b->cap) return true;
    size_t cap = b->cap < 64 ? 64 : b->cap * 2;
    if (cap < need) cap = need;
    if (cap > max + 1) cap = max + 1;
    char *ptr = realloc(b->ptr, cap);
    if (!ptr) {
        b->failed = true;
        return false;
    }
    b->ptr = ptr;
    b->cap = cap;
    return true;
}

char *pli__buf_room(pli__buf *b, size_t n) {
    if (!grow(b, n)) return NULL;
    b->ptr[b->len] = 0;
    b->ptr[b->len + n] = 0;
    return b->ptr + b->len;
}

void pli__buf_used(pli__buf *b, size_t n) {
    if (b->failed || !b->ptr || n >= b->cap - b->len) return;
    b->len += n;
    b->ptr[b->len] = 0;
}

void pli__buf_add(pli__buf *b, const void *data, size_t n) {
    if (!grow(b, n)) return;
    if (n) memcpy(b->ptr + b->len, data, n);
    b->len += n;
    b->ptr[b->len] = 0;
}

void pli__buf_addz(pli__buf *b, const char *z) {
    if (z) pli__buf_add(b, z, strlen(z));
}

void pli__buf_adds(pli__buf *b, pli__str s) { pli__buf_add(b, s.ptr, s.len); }

void pli__buf_addc(pli__buf *b, char c) {
    if (!grow(b, 1)) return;
    b->ptr[b->len++] = c;
    b->ptr[b->len] = 0;
}

void pli__buf_addf(pli__buf *b, const char *fmt, ...) {
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    const int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0) b->failed = true;
    char *room = n < 0 ? NULL : pli__buf_room(b, (size_t)n);
    if (room) {
        vsnprintf(room, (size_t)n + 1, fmt, again);
        b->len += (size_t)n;
    }
    va_end(again);
}

static void add_json_escape(pli__buf *b, unsigned char c) {
    static const char from[] = "\"\\\b\f\n\r\t";
    static const char to[] = "\"\\bfnrt";
    const char *at = memchr(from, c, sizeof from - 1);
    if (at) {
        pli__buf_addc(b, '\\');
        pli__buf_addc(b, to[at - from]);
    } else {
        pli__buf_addf(b, "\\u%04x", c);
    }
}

void pli__buf_add_json(pli__buf *b, pli__str s) {
    pli__buf_addc(b, '"');
    size_t start = 0;
    for (size_t i = 0; i < s.len;) {
        const unsigned char c = (unsigned char)s.ptr[i];
        if (c >= 0x20 && c < 0x80 && c != '"' && c != '\\') {
            i++;
            continue;
        }
        size_t bad = 0;
        const size_t step = c < 0x80 ? 0 : pli__utf8_step((pli__str){s.ptr + i, s.len - i}, &bad);
        if (step) {
            i += step;
            continue;
        }
        pli__buf_add(b, s.ptr + start, i - start);
        if (c < 0x80) {
            add_json_escape(b, c);
            bad = 1;
        } else {
            pli__buf_adds(b, PLI_STR("\xEF\xBF\xBD"));
        }
        i += bad;
        start = i;
    }
    if (s.len > start) pli__buf_add(b, s.ptr + start, s.len - start);
    pli__buf_addc(b, '"');
}

static void add_doubled(pli__buf *b, pli__str s, char quote) {
    pli__buf_addc(b, quote);
    for (size_t i = 0; i < s.len;) {
        const char *at = memchr(s.ptr + i, quote, s.len - i);
        const size_t n = at ? (size_t)(at - s.ptr) + 1 - i : s.len - i;
        pli__buf_add(b, s.ptr + i, n);
        if (at) pli__buf_addc(b, quote);
        i += n;
    }
    pli__buf_addc(b, quote);
}

void pli__buf_add_sql_str(pli__buf *b, pli__str s) { add_doubled(b, s, '\''); }
void pli__buf_add_sql_name(pli__buf *b, pli__str s) { add_doubled(b, s, '"'); }

pli_status pli__buf_status(const pli__buf *b, pli_error *err) {
    if (!b->failed) return PLI_OK;
    if (b->capped) return pli__error_set(err, PLI_E_LIMIT, "a text of more than %zu bytes was to be built", cap_of(b));
    return pli__error_memory(err);
}

pli__str pli__buf_str(const pli__buf *b) { return b->ptr ? (pli__str){b->ptr, b->len} : (pli__str){"", 0}; }

char *pli__buf_take(pli__buf *b) {
    char *ptr = NULL;
    if (pli__buf_room(b, 0)) ptr = PLI_TAKE(b->ptr);
    pli__buf_clear(b);
    return ptr;
}
