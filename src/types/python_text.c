/* Python's string literals: Polars prints names of fields and categories as Python's repr() does. */
#include "types/python_text.h"

#include "base/utf8.h"

/* Code points from U+0080 that repr() escapes: control, format, separator, private use. (Unassigned ones depend on
 * Python's version and are printed as they are; reading understands both.) */
static const struct {
    uint32_t first, last;
} unprintable[] = {
    {0x80, 0xa0},       {0xad, 0xad},         {0x600, 0x605},     {0x61c, 0x61c},     {0x6dd, 0x6dd},
    {0x70f, 0x70f},     {0x890, 0x891},       {0x8e2, 0x8e2},     {0x1680, 0x1680},   {0x180e, 0x180e},
    {0x2000, 0x200f},   {0x2028, 0x202f},     {0x205f, 0x2064},   {0x2066, 0x206f},   {0x3000, 0x3000},
    {0xe000, 0xf8ff},   {0xfeff, 0xfeff},     {0xfff9, 0xfffb},   {0x110bd, 0x110bd}, {0x110cd, 0x110cd},
    {0x13430, 0x13438}, {0x1bca0, 0x1bca3},   {0x1d173, 0x1d17a}, {0xe0001, 0xe0001}, {0xe0020, 0xe007f},
    {0xf0000, 0xffffd}, {0x100000, 0x10fffd},
};

static bool is_printable(uint32_t cp) {
    if (cp < 0x80) return cp >= 0x20 && cp != 0x7f;
    for (size_t i = 0; i < sizeof unprintable / sizeof unprintable[0]; i++)
        if (cp >= unprintable[i].first && cp <= unprintable[i].last) return false;
    return true;
}

/* ---- reading ---- */

static int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

static pli_status parse_hex(pli__type_text *t, size_t digits, pli__buf *out, pli_error *err) {
    uint32_t cp = 0;
    for (size_t i = 0; i < digits; i++) {
        const int value = t->pos < t->text.len ? hex_value(t->text.ptr[t->pos]) : -1;
        if (value < 0) return pli__type_text_fail(t, err, "%zu hexadecimal digits are missing", digits);
        cp = cp << 4 | (uint32_t)value;
        t->pos++;
    }
    if (cp == 0 || cp > 0x10ffff || (cp >= 0xd800 && cp <= 0xdfff))
        return pli__type_text_fail(t, err, "U+%04X is not a character", (unsigned)cp);
    char utf8[4];
    pli__buf_add(out, utf8, pli__utf8_encode(cp, utf8));
    return PLI_OK;
}

/* The cursor stands behind the backslash. */
static pli_status parse_escape(pli__type_text *t, pli__buf *out, pli_error *err) {
    static const char from[] = "\\'\"abfnrtv";
    static const char to[] = "\\'\"\a\b\f\n\r\t\v";
    const char c = t->pos < t->text.len ? t->text.ptr[t->pos++] : 0;
    const char *at = c ? strchr(from, c) : NULL;
    if (at) {
        pli__buf_addc(out, to[at - from]);
        return PLI_OK;
    }
    if (c == 'x') return parse_hex(t, 2, out, err);
    if (c == 'u') return parse_hex(t, 4, out, err);
    if (c == 'U') return parse_hex(t, 8, out, err);
    return pli__type_text_fail(t, err, "an escape that Python does not have");
}

pli_status pli__python_text_parse(pli__type_text *t, pli__buf *out, pli_error *err) {
    const char quote = pli__type_text_peek(t);
    if (quote != '\'' && quote != '"') return pli__type_text_fail(t, err, "a text in quotes is missing");
    t->pos++;
    while (t->pos < t->text.len && t->text.ptr[t->pos] != quote) {
        const char c = t->text.ptr[t->pos++];
        if (c != '\\') pli__buf_addc(out, c);
        else PLI_TRY(parse_escape(t, out, err));
    }
    PLI_TRY(pli__type_text_expect(t, quote, err));
    return pli__buf_status(out, err);
}

/* ---- writing ---- */

static void add_escaped(pli__buf *b, uint32_t cp) {
    static const char from[] = "\n\r\t";
    static const char to[] = "nrt";
    const char *at = cp < 0x80 ? memchr(from, (int)cp, 3) : NULL;
    if (at) pli__buf_addf(b, "\\%c", to[at - from]);
    else if (cp < 0x100) pli__buf_addf(b, "\\x%02x", (unsigned)cp);
    else if (cp < 0x10000) pli__buf_addf(b, "\\u%04x", (unsigned)cp);
    else pli__buf_addf(b, "\\U%08x", (unsigned)cp);
}

void pli__python_text_add(pli__buf *b, pli__str s) {
    const bool single = s.len && memchr(s.ptr, '\'', s.len);
    const bool both = single && memchr(s.ptr, '"', s.len);
    const char quote = single && !both ? '"' : '\'';
    pli__buf_addc(b, quote);
    for (size_t i = 0; i < s.len;) {
        const size_t step = pli__utf8_step((pli__str){s.ptr + i, s.len - i}, NULL);
        const size_t n = step ? step : 1;
        const uint32_t cp = step ? pli__utf8_decode(s.ptr + i, step) : (unsigned char)s.ptr[i];
        if (cp == '\\' || cp == (uint32_t)quote) {
            pli__buf_addc(b, '\\');
            pli__buf_addc(b, (char)cp);
        } else if (is_printable(cp)) {
            pli__buf_add(b, s.ptr + i, n);
        } else {
            add_escaped(b, cp);
        }
        i += n;
    }
    pli__buf_addc(b, quote);
}
