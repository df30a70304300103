/* The cursor that the parsers of type texts share. */
#include "types/type_text.h"

#include <stdio.h>

#include "base/utf8.h"

pli_status pli__type_text_init(pli__type_text *t, pli__str text, const char *what, pli_status code, pli_error *err) {
    *t = (pli__type_text){.text = text, .what = what, .code = code};
    if (text.len > PLI__TYPE_MAX_TEXT)
        return pli__error_set(err, PLI_E_LIMIT, "a %s of %zu bytes is longer than the limit of %zu", what, text.len,
                              PLI__TYPE_MAX_TEXT);
    t->pos = pli__utf8_valid_prefix(text);
    if (t->pos < text.len) return pli__type_text_fail(t, err, "text that is not UTF-8");
    const char *zero = text.len ? memchr(text.ptr, 0, text.len) : NULL;
    if (zero) {
        t->pos = (size_t)(zero - text.ptr);
        return pli__type_text_fail(t, err, "a zero byte");
    }
    t->pos = 0;
    return PLI_OK;
}

void pli__type_text_clear(pli__type_text *t) { pli__buf_clear(&t->path); }

pli_status pli__type_text_fail(const pli__type_text *t, pli_error *err, const char *fmt, ...) {
    char detail[300];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(detail, sizeof detail, fmt, ap);
    va_end(ap);
    const size_t shown = t->text.len < 120 ? t->text.len : 120;
    const size_t whole = pli__utf8_valid_prefix((pli__str){t->text.ptr, shown});
    pli__error_set(err, t->code, "cannot read the %s '%.*s%s'%s%.*s at byte %zu: %s", t->what, (int)whole,
                   whole ? t->text.ptr : "", whole < t->text.len ? "..." : "", t->path.len ? ", field " : "",
                   (int)t->path.len, t->path.len ? t->path.ptr : "", t->pos + 1, detail);
    if (err) err->position = (int64_t)t->pos + 1;
    return t->code;
}

pli_status pli__type_text_enter(pli__type_text *t, pli_error *err) {
    if (++t->depth <= PLI__TYPE_MAX_DEPTH) return PLI_OK;
    return pli__error_set(err, PLI_E_LIMIT, "a %s is nested deeper than the limit of %d levels", t->what,
                          PLI__TYPE_MAX_DEPTH);
}

void pli__type_text_leave(pli__type_text *t) { t->depth--; }

pli_status pli__type_text_push(pli__type_text *t, pli__str field, size_t *mark, pli_error *err) {
    if (++t->fields > PLI__TYPE_MAX_FIELDS)
        return pli__error_set(err, PLI_E_LIMIT, "a %s has more fields than the limit of %d", t->what,
                              PLI__TYPE_MAX_FIELDS);
    *mark = t->path.len;
    if (t->path.len) pli__buf_addc(&t->path, '.');
    pli__buf_adds(&t->path, field);
    return pli__buf_status(&t->path, err);
}

void pli__type_text_pop(pli__type_text *t, size_t mark) {
    if (!t->path.ptr) return;
    t->path.len = mark;
    t->path.ptr[mark] = 0;
}

static void skip_blanks(pli__type_text *t) {
    while (t->pos < t->text.len && memchr(" \t\r\n", t->text.ptr[t->pos], 4)) t->pos++;
}

char pli__type_text_peek(pli__type_text *t) {
    skip_blanks(t);
    return t->pos < t->text.len ? t->text.ptr[t->pos] : 0;
}

bool pli__type_text_take(pli__type_text *t, char c) {
    skip_blanks(t);
    if (t->pos >= t->text.len || t->text.ptr[t->pos] != c) return false;
    t->pos++;
    return true;
}

pli_status pli__type_text_expect(pli__type_text *t, char c, pli_error *err) {
    if (pli__type_text_take(t, c)) return PLI_OK;
    return pli__type_text_fail(t, err, "'%c' is missing", c);
}

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

pli__str pli__type_text_word(pli__type_text *t) {
    skip_blanks(t);
    const size_t start = t->pos;
    if (start < t->text.len && is_letter(t->text.ptr[start]))
        while (t->pos < t->text.len &&
               (is_letter(t->text.ptr[t->pos]) || is_digit(t->text.ptr[t->pos]) || t->text.ptr[t->pos] == '$'))
            t->pos++;
    return (pli__str){t->text.ptr + start, t->pos - start};
}

bool pli__type_text_take_word(pli__type_text *t, const char *z) {
    const size_t start = t->pos;
    if (pli__str_ieqz(pli__type_text_word(t), z)) return true;
    t->pos = start;
    return false;
}

pli_status pli__type_text_number(pli__type_text *t, int64_t max, int64_t *out, pli_error *err) {
    skip_blanks(t);
    const size_t start = t->pos;
    while (t->pos < t->text.len && is_digit(t->text.ptr[t->pos])) t->pos++;
    int64_t value;
    if (!pli__str_to_i64((pli__str){t->text.ptr + start, t->pos - start}, &value) || value > max) {
        t->pos = start;
        return pli__type_text_fail(t, err, "a number from 0 to %lld is missing", (long long)max);
    }
    *out = value;
    return PLI_OK;
}

pli_status pli__type_text_quoted(pli__type_text *t, pli__buf *out, pli_error *err) {
    skip_blanks(t);
    const size_t start = t->pos;
    const char quote = t->text.ptr[t->pos++];
    for (;;) {
        const char *at = t->pos < t->text.len ? memchr(t->text.ptr + t->pos, quote, t->text.len - t->pos) : NULL;
        if (!at) {
            t->pos = start;
            return pli__type_text_fail(t, err, "the quote %c is not closed", quote);
        }
        const size_t n = (size_t)(at - t->text.ptr) - t->pos;
        pli__buf_add(out, t->text.ptr + t->pos, n);
        t->pos += n + 1;
        if (t->pos >= t->text.len || t->text.ptr[t->pos] != quote) return pli__buf_status(out, err);
        pli__buf_addc(out, quote);
        t->pos++;
    }
}

pli_status pli__type_text_end(pli__type_text *t, pli_error *err) {
    skip_blanks(t);
    return t->pos == t->text.len ? PLI_OK : pli__type_text_fail(t, err, "nothing more is expected here");
}

pli_status pli__type_made(const pli__type *p, const pli__type **out, pli_error *err) {
    if (!p) return pli__error_memory(err);
    *out = p;
    return PLI_OK;
}

pli_status pli__type_text_whole(pli__str text, const char *what, pli__type_parser *parse, const pli__type **out,
                                pli_error *err) {
    PLI_AUTO(pli__type_text_clear) pli__type_text t;
    PLI_AUTO(pli__type_auto) const pli__type *type = NULL;
    PLI_TRY(pli__type_text_init(&t, text, what, PLI_E_ARGUMENT, err));
    PLI_TRY(parse(&t, &type, err));
    PLI_TRY(pli__type_text_end(&t, err));
    *out = PLI_TAKE(type);
    return PLI_OK;
}
