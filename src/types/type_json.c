/* A strict JSON reader (RFC 8259) that gives slices of the text instead of a tree. */
#include "types/type_json.h"

#include "base/utf8.h"

#define MAX_JSON_DEPTH 512 /* a type of PLI__TYPE_MAX_DEPTH levels takes three levels of JSON for each */

static bool at_digit(const pli__type_text *t) {
    return t->pos < t->text.len && t->text.ptr[t->pos] >= '0' && t->text.ptr[t->pos] <= '9';
}

static bool at_any(const pli__type_text *t, const char *set, size_t n) {
    return t->pos < t->text.len && memchr(set, t->text.ptr[t->pos], n);
}

static bool skip_digits(pli__type_text *t) {
    const size_t start = t->pos;
    while (at_digit(t)) t->pos++;
    return t->pos > start;
}

static bool skip_number(pli__type_text *t) {
    if (at_any(t, "-", 1)) t->pos++;
    if (at_any(t, "0", 1))
        t->pos++;
    else if (!skip_digits(t))
        return false;
    if (at_any(t, ".", 1)) {
        t->pos++;
        if (!skip_digits(t)) return false;
    }
    if (!at_any(t, "eE", 2)) return true;
    t->pos++;
    if (at_any(t, "+-", 2)) t->pos++;
    return skip_digits(t);
}

/* ---- strings ---- */

static pli_status parse_hex4(pli__type_text *t, uint32_t *out, pli_error *err) {
    uint32_t value = 0;
    for (int i = 0; i < 4; i++) {
        const char c = t->pos < t->text.len ? t->text.ptr[t->pos] : 0;
        const char *digits = "0123456789abcdef0123456789ABCDEF";
        const char *at = c ? strchr(digits, c) : NULL;
        if (!at) return pli__type_text_fail(t, err, "four hexadecimal digits are missing");
        value = value << 4 | (uint32_t)((at - digits) % 16);
        t->pos++;
    }
    *out = value;
    return PLI_OK;
}

/* Behind "\u". Half a surrogate pair is not text. */
static pli_status parse_unicode_escape(pli__type_text *t, pli__buf *out, pli_error *err) {
    uint32_t cp;
    PLI_TRY(parse_hex4(t, &cp, err));
    if (cp >= 0xd800 && cp < 0xdc00 && t->text.len - t->pos >= 2 && memcmp(t->text.ptr + t->pos, "\\u", 2) == 0) {
        uint32_t low;
        t->pos += 2;
        PLI_TRY(parse_hex4(t, &low, err));
        cp = low >= 0xdc00 && low < 0xe000 ? 0x10000 + ((cp - 0xd800) << 10) + (low - 0xdc00) : 0xd800;
    }
    if (cp == 0 || (cp >= 0xd800 && cp < 0xe000)) return pli__type_text_fail(t, err, "the escape is not a character");
    char utf8[4];
    pli__buf_add(out, utf8, pli__utf8_encode(cp, utf8));
    return PLI_OK;
}

static pli_status parse_escape(pli__type_text *t, pli__buf *out, pli_error *err) {
    static const char from[] = "\"\\/bfnrt";
    static const char to[] = "\"\\/\b\f\n\r\t";
    const char c = t->pos < t->text.len ? t->text.ptr[t->pos++] : 0;
    if (c == 'u') return parse_unicode_escape(t, out, err);
    const char *at = c ? strchr(from, c) : NULL;
    if (!at) return pli__type_text_fail(t, err, "an escape that JSON does not have");
    pli__buf_addc(out, to[at - from]);
    return PLI_OK;
}

pli_status pli__type_json_string(pli__type_text *t, pli__buf *out, pli_error *err) {
    if (!pli__type_text_take(t, '"')) return pli__type_text_fail(t, err, "a string is missing");
    for (;;) {
        const size_t start = t->pos;
        while (t->pos < t->text.len && (unsigned char)t->text.ptr[t->pos] >= 0x20 && !at_any(t, "\"\\", 2)) t->pos++;
        pli__buf_add(out, t->text.ptr + start, t->pos - start);
        if (!at_any(t, "\"\\", 2)) return pli__type_text_fail(t, err, "the string is not closed");
        if (t->text.ptr[t->pos++] == '"') return pli__buf_status(out, err);
        PLI_TRY(parse_escape(t, out, err));
    }
}

/* ---- any value ---- */

static pli_status skip_value(pli__type_text *t, pli__buf *scratch, int depth, pli_error *err);

static pli_status skip_string(pli__type_text *t, pli__buf *scratch, pli_error *err) {
    pli__buf_reset(scratch);
    return pli__type_json_string(t, scratch, err);
}

/* The members of an object or array; its opening bracket is consumed. */
static pli_status skip_members(pli__type_text *t, pli__buf *scratch, char close, int depth, pli_error *err) {
    if (pli__type_text_take(t, close)) return PLI_OK;
    do {
        if (close == '}') {
            PLI_TRY(skip_string(t, scratch, err));
            PLI_TRY(pli__type_text_expect(t, ':', err));
        }
        PLI_TRY(skip_value(t, scratch, depth + 1, err));
    } while (pli__type_text_take(t, ','));
    return pli__type_text_expect(t, close, err);
}

static bool skip_literal(pli__type_text *t, pli__str word) {
    if (t->text.len - t->pos < word.len || memcmp(t->text.ptr + t->pos, word.ptr, word.len) != 0) return false;
    t->pos += word.len;
    return true;
}

static pli_status skip_value(pli__type_text *t, pli__buf *scratch, int depth, pli_error *err) {
    if (depth > MAX_JSON_DEPTH)
        return pli__error_set(err, PLI_E_LIMIT, "a %s is nested deeper than the limit of %d levels", t->what, MAX_JSON_DEPTH);
    const char c = pli__type_text_peek(t);
    if (c == '"') return skip_string(t, scratch, err);
    if (c == '{' || c == '[') {
        t->pos++;
        return skip_members(t, scratch, c == '{' ? '}' : ']', depth, err);
    }
    if (skip_literal(t, PLI_STR("true")) || skip_literal(t, PLI_STR("false")) || skip_literal(t, PLI_STR("null")))
        return PLI_OK;
    if (skip_number(t)) return PLI_OK;
    return pli__type_text_fail(t, err, "this is not JSON");
}

pli_status pli__type_json_skip(pli__type_text *t, pli__str *raw, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf scratch = {0};
    (void)pli__type_text_peek(t);
    const size_t start = t->pos;
    PLI_TRY(skip_value(t, &scratch, 0, err));
    if (raw) *raw = (pli__str){t->text.ptr + start, t->pos - start};
    return PLI_OK;
}

pli_status pli__type_json_members(pli__type_text *t, pli__type_json_member *wanted, size_t n, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf key = {0};
    PLI_AUTO(pli__buf_clear) pli__buf scratch = {0};
    for (size_t i = 0; i < n; i++) wanted[i].at = PLI__JSON_ABSENT;
    PLI_TRY(pli__type_text_expect(t, '{', err));
    if (pli__type_text_take(t, '}')) return PLI_OK;
    do {
        PLI_TRY(skip_string(t, &key, err));
        PLI_TRY(pli__type_text_expect(t, ':', err));
        (void)pli__type_text_peek(t);
        for (size_t i = 0; i < n; i++)
            if (pli__str_eqz(pli__buf_str(&key), wanted[i].key)) wanted[i].at = t->pos;
        PLI_TRY(skip_value(t, &scratch, 0, err));
    } while (pli__type_text_take(t, ','));
    return pli__type_text_expect(t, '}', err);
}
