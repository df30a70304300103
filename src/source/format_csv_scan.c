/* A small CSV reader: quotes, escapes, any line ends, delimiters of up to four bytes, three encodings. */
#include "source/format_csv_scan.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/utf8.h"
#include "source/format_input.h"

#define CHUNK ((size_t)64 << 10)

struct pli__csv_scan {
    char *path;
    pli__input *in;
    pli__csv_dialect d;
    char delimiter[5];
    pli__buf text;  /* decoded, not yet consumed from `at` on */
    size_t at;
    char raw[CHUNK + 4];
    size_t raw_len; /* bytes of a character that is not complete */
    bool started, ended, big_endian, too_long;
    int64_t passed; /* lines before the first row */
    bool has_row;
    pli__buf values; /* of the row, one behind the other */
    size_t *ends;
    bool *quoted;
    pli__str *fields;
    size_t n, cap;
};

void pli__csv_close(pli__csv_scan *s) {
    if (!s) return;
    pli__input_close(s->in);
    pli__buf_clear(&s->text);
    pli__buf_clear(&s->values);
    free(s->ends);
    free(s->quoted);
    free(s->fields);
    free(s->path);
    free(s);
}

void pli__csv_auto(pli__csv_scan **s) { pli__csv_close(*s); }

/* ---- bytes to UTF-8 ---- */

static void add_latin1(pli__csv_scan *s) {
    for (size_t i = 0; i < s->raw_len; i++) {
        unsigned char c = (unsigned char)s->raw[i];
        if (c < 0x80) pli__buf_addc(&s->text, (char)c);
        else {
            pli__buf_addc(&s->text, (char)(0xC0 | c >> 6));
            pli__buf_addc(&s->text, (char)(0x80 | (c & 0x3F)));
        }
    }
    s->raw_len = 0;
}

static uint32_t unit_at(const pli__csv_scan *s, size_t i) {
    unsigned char a = (unsigned char)s->raw[i], b = (unsigned char)s->raw[i + 1];
    return s->big_endian ? (uint32_t)a << 8 | b : (uint32_t)b << 8 | a;
}

static void add_utf16(pli__csv_scan *s) {
    size_t i = 0;
    while (i + 2 <= s->raw_len) {
        uint32_t u = unit_at(s, i);
        bool high = u >= 0xD800 && u < 0xDC00;
        if (high && i + 4 > s->raw_len) break;
        if (high) {
            u = 0x10000 + ((u - 0xD800) << 10) + ((unit_at(s, i + 2) - 0xDC00) & 0x3FF);
            i += 2;
        }
        i += 2;
        char out[4];
        pli__buf_add(&s->text, out, pli__utf8_encode(u, out));
    }
    memmove(s->raw, s->raw + i, s->raw_len - i);
    s->raw_len -= i;
}

static void skip_mark(pli__csv_scan *s) {
    size_t n = 0;
    if (s->d.encoding == PLI__CSV_UTF8 && s->raw_len >= 3 && memcmp(s->raw, "\xEF\xBB\xBF", 3) == 0) n = 3;
    if (s->d.encoding == PLI__CSV_UTF16 && s->raw_len >= 2 &&
        (memcmp(s->raw, "\xFF\xFE", 2) == 0 || memcmp(s->raw, "\xFE\xFF", 2) == 0)) {
        s->big_endian = s->raw[0] == '\xFE';
        n = 2;
    }
    memmove(s->raw, s->raw + n, s->raw_len - n);
    s->raw_len -= n;
}

static pli_status too_long(pli__csv_scan *s, pli_error *err) {
    s->too_long = true;
    pli_status status = pli__error_set(err, PLI_E_DATA, "'%s' has a row of more than %zu bytes", s->path, s->d.max_row);
    return err ? pli__error_hint(err, "mend the row, or raise the reader's option `max_line_size`") : status;
}

/* More text behind what is there. What is consumed goes first. */
static pli_status fill(pli__csv_scan *s, pli_error *err) {
    if (s->at) {
        memmove(s->text.ptr, s->text.ptr + s->at, s->text.len - s->at);
        s->text.len -= s->at;
        s->at = 0;
    }
    if (s->text.len > s->d.max_row) return too_long(s, err);
    size_t got = 0;
    PLI_TRY(pli__input_read(s->in, s->raw + s->raw_len, CHUNK - s->raw_len, &got, err));
    s->raw_len += got;
    s->ended = got == 0;
    if (!s->started) skip_mark(s);
    s->started = true;
    if (s->d.encoding == PLI__CSV_LATIN1) add_latin1(s);
    else if (s->d.encoding == PLI__CSV_UTF16) add_utf16(s);
    else {
        pli__buf_add(&s->text, s->raw, s->raw_len);
        s->raw_len = 0;
    }
    return pli__buf_status(&s->text, err);
}

/* At least n bytes ahead, or all there are. */
static pli_status need(pli__csv_scan *s, size_t n, pli_error *err) {
    while (s->text.len - s->at < n && !s->ended) PLI_TRY(fill(s, err));
    return PLI_OK;
}

/* ---- lines ---- */

static bool at_end(const pli__csv_scan *s) { return s->at == s->text.len; }

/* Length of the line end at the position: 0, 1 or 2. */
static size_t line_end(const pli__csv_scan *s, size_t at) {
    if (at >= s->text.len) return 0;
    if (s->text.ptr[at] == '\n') return 1;
    if (s->text.ptr[at] != '\r') return 0;
    return at + 1 < s->text.len && s->text.ptr[at + 1] == '\n' ? 2 : 1;
}

static pli_status skip_line(pli__csv_scan *s, pli_error *err) {
    for (;; s->at++) {
        PLI_TRY(need(s, 2, err));
        if (at_end(s)) return PLI_OK;
        size_t n = line_end(s, s->at);
        if (!n) continue;
        s->at += n;
        s->passed += !s->has_row;
        return PLI_OK;
    }
}

/* Past empty lines and comments. */
static pli_status skip_idle(pli__csv_scan *s, pli_error *err) {
    for (;;) {
        PLI_TRY(need(s, 2, err));
        if (at_end(s)) return PLI_OK;
        bool comment = s->d.comment && s->text.ptr[s->at] == s->d.comment;
        if (!line_end(s, s->at) && !comment) return PLI_OK;
        PLI_TRY(skip_line(s, err));
        s->passed -= comment && !s->has_row; /* the engine does not count them */
    }
}

/* ---- the delimiter ---- */

/* Of the usual ones that which the first line has most, outside quotes. */
static pli_status find_delimiter(pli__csv_scan *s, pli_error *err) {
    static const char usual[] = ",;\t|";
    size_t counts[4] = {0}, best = 0;
    bool quoted = false;
    for (size_t i = s->at;; i++) {
        if (i >= s->text.len && !s->ended) {
            size_t ahead = i - s->at;
            PLI_TRY(fill(s, err));
            i = s->at + ahead;
        }
        if (i >= s->text.len) break;
        char c = s->text.ptr[i];
        if (s->d.quote && c == s->d.quote) quoted = !quoted;
        if (quoted) continue;
        if (c == '\n' || c == '\r') break;
        const char *hit = strchr(usual, c);
        if (hit && c) counts[hit - usual]++;
    }
    for (size_t k = 1; k < 4; k++)
        if (counts[k] > counts[best]) best = k;
    s->delimiter[0] = usual[best];
    s->d.delimiter = (pli__str){s->delimiter, 1};
    return PLI_OK;
}

int64_t pli__csv_lines_before(const pli__csv_scan *s) { return s->passed; }

bool pli__csv_too_long(const pli__csv_scan *s) { return s->too_long; }

pli__str pli__csv_delimiter(const pli__csv_scan *s) { return s->d.delimiter; }

/* ---- rows ---- */

static pli_status end_field(pli__csv_scan *s, bool quoted, pli_error *err) {
    if (s->n == s->cap) {
        size_t cap = s->cap ? s->cap * 2 : 32;
        size_t *ends = realloc(s->ends, cap * sizeof *ends);
        if (ends) s->ends = ends;
        bool *flags = realloc(s->quoted, cap * sizeof *flags);
        if (flags) s->quoted = flags;
        pli__str *fields = realloc(s->fields, cap * sizeof *fields);
        if (fields) s->fields = fields;
        if (!ends || !flags || !fields) return pli__error_memory(err);
        s->cap = cap;
    }
    s->ends[s->n] = s->values.len;
    s->quoted[s->n++] = quoted;
    return PLI_OK;
}

/* Behind the opening quote, up to behind the closing one. */
static pli_status read_quoted(pli__csv_scan *s, pli_error *err) {
    for (;;) {
        PLI_TRY(need(s, 2, err));
        if (at_end(s)) return pli__error_set(err, PLI_E_DATA, "'%s' ends within quotes", s->path);
        char c = s->text.ptr[s->at++];
        bool more = !at_end(s);
        char next = more ? s->text.ptr[s->at] : 0;
        if (more && s->d.escape && c == s->d.escape && (next == s->d.quote || next == s->d.escape)) {
            pli__buf_addc(&s->values, next);
            s->at++;
        } else if (c == s->d.quote) return PLI_OK;
        else pli__buf_addc(&s->values, c);
        if (s->values.len > s->d.max_row) return too_long(s, err);
    }
}

static bool at_delimiter(const pli__csv_scan *s) {
    return s->text.len - s->at >= s->d.delimiter.len &&
           memcmp(s->text.ptr + s->at, s->d.delimiter.ptr, s->d.delimiter.len) == 0;
}

/* One field; *last = true if its row ends with it. */
static pli_status read_field(pli__csv_scan *s, bool *last, pli_error *err) {
    PLI_TRY(need(s, 4, err));
    bool quoted = s->d.quote && !at_end(s) && s->text.ptr[s->at] == s->d.quote;
    if (quoted) {
        s->at++;
        PLI_TRY(read_quoted(s, err));
    }
    for (;; s->at++) {
        PLI_TRY(need(s, 4, err));
        size_t n = line_end(s, s->at);
        *last = at_end(s) || n;
        if (*last) s->at += n;
        if (*last) break;
        if (at_delimiter(s)) {
            s->at += s->d.delimiter.len;
            break;
        }
        pli__buf_addc(&s->values, s->text.ptr[s->at]);
        if (s->values.len > s->d.max_row) return too_long(s, err);
    }
    return end_field(s, quoted, err);
}

pli_status pli__csv_next(pli__csv_scan *s, pli__csv_row *out, pli_error *err) {
    *out = (pli__csv_row){0};
    for (; s->d.skip_rows > 0; s->d.skip_rows--) PLI_TRY(skip_line(s, err));
    PLI_TRY(skip_idle(s, err));
    if (at_end(s)) return PLI_OK;
    if (!s->d.delimiter.len) PLI_TRY(find_delimiter(s, err));
    s->has_row = true;
    pli__buf_reset(&s->values);
    s->n = 0;
    for (bool last = false; !last;) PLI_TRY(read_field(s, &last, err));
    PLI_TRY(pli__buf_status(&s->values, err));
    for (size_t i = 0, from = 0; i < s->n; from = s->ends[i++])
        s->fields[i] = (pli__str){s->values.ptr ? s->values.ptr + from : "", s->ends[i] - from};
    *out = (pli__csv_row){s->n, s->fields, s->quoted};
    return PLI_OK;
}

pli_status pli__csv_open(const char *path, const pli__csv_dialect *dialect, pli__csv_scan **out, pli_error *err) {
    *out = NULL;
    PLI_AUTO(pli__csv_auto) pli__csv_scan *s = calloc(1, sizeof *s);
    if (!s || !(s->path = pli__strz_dup(path))) return pli__error_memory(err);
    s->d = *dialect;
    pli__buf_init(&s->text, dialect->max_row + 2 * CHUNK);
    memcpy(s->delimiter, dialect->delimiter.ptr ? dialect->delimiter.ptr : "", dialect->delimiter.len);
    s->d.delimiter.ptr = s->delimiter;
    PLI_TRY(pli__input_open(path, &s->in, err));
    *out = PLI_TAKE(s);
    return PLI_OK;
}
