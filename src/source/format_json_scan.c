/* The scanner behind shapes: one pass over a file's bytes, record by record, no tree is built. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/utf8.h"
#include "source/format_impl.h"
#include "source/format_infer.h"
#include "source/format_input.h"
#include "source/format_json_shape.h"

#define CHUNK ((size_t)256 << 10)
#define MAX_DEPTH 100

typedef enum step { DONE, MORE, BAD, NO_MEMORY } step; /* MORE: the text ends before the value does */

typedef struct scanner {
    const char *path;
    pli__arena *arena;
    pli__input *in;
    pli__buf text;     /* from `at` on not consumed */
    size_t at;
    int64_t consumed;  /* bytes before text.ptr */
    bool ended;
    size_t max_record;
    pli__buf key;      /* a key with escapes, decoded */
    bool spans_lines;  /* some record has a line end in it */
    bool too_deep;     /* a value was given up for its depth */
} scanner;

static void scanner_clear(scanner *s) {
    pli__input_close(s->in);
    pli__buf_clear(&s->text);
    pli__buf_clear(&s->key);
}

static pli_status fill(scanner *s, pli_error *err) {
    if (s->at) {
        memmove(s->text.ptr, s->text.ptr + s->at, s->text.len - s->at);
        s->text.len -= s->at;
        s->consumed += (int64_t)s->at;
        s->at = 0;
    }
    if (s->text.len > s->max_record)
        return pli__error_set(err, PLI_E_DATA, "'%s' has a record of more than %zu bytes", s->path, s->max_record);
    size_t want = s->text.len > CHUNK ? s->text.len : CHUNK, got = 0; /* doubling: a long record is scanned few times */
    char *room = pli__buf_room(&s->text, want);
    if (!room) return pli__buf_status(&s->text, err);
    PLI_TRY(pli__input_read(s->in, room, want, &got, err));
    pli__buf_used(&s->text, got);
    s->ended = got == 0;
    return PLI_OK;
}

/* ---- values ---- */

/* What the value scanners share: a cursor over complete text. */
typedef struct cursor {
    scanner *s;
    const char *p, *end;
    const char *wide; /* from before it on, SLACK bytes can be read: the short ways are open; NULL = nowhere */
    bool line_end; /* passed one */
} cursor;

#define SLACK 64

static cursor cursor_of(scanner *s, const char *from, const char *end) {
    return (cursor){s, from, end, end - from > SLACK ? end - SLACK : NULL, false};
}

/* May the next bytes be looked at many at a time? */
static inline bool is_wide(const cursor *c) { return c->p < c->wide; }

static inline bool is_blank(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

static inline void skip_blanks(cursor *c) {
    for (; c->p < c->end && is_blank(*c->p); c->p++) c->line_end |= *c->p == '\n';
}

/* Bytes of x that are equal to c, as 0x80 in their place; right for the lowest one, which is all that is asked for. */
static inline uint64_t bytes_equal(uint64_t x, unsigned char c) {
    const uint64_t ones = 0x0101010101010101u, d = x ^ ones * c;
    return (d - ones) & ~d & ones << 7;
}

/* First quote or backslash; strings are short, so eight bytes at a time beat a call. */
static inline const char *find_quote(const char *p, const char *end) {
    for (; end - p >= 8; p += 8) {
        uint64_t x;
        memcpy(&x, p, 8);
        uint64_t hit = bytes_equal(x, '"') | bytes_equal(x, '\\');
        if (hit) return p + (__builtin_ctzll(hit) >> 3);
    }
    for (; p < end; p++)
        if (*p == '"' || *p == '\\') return p;
    return NULL;
}

/* Behind the opening quote → behind the closing one. *text: what is between; *escaped: it holds a backslash. */
static inline step scan_string(cursor *c, pli__str *text, bool *escaped) {
    const char *begin = c->p;
    *escaped = false;
    for (const char *p = begin;;) {
        p = find_quote(p, c->end);
        if (!p) return MORE;
        if (*p == '"') {
            *text = (pli__str){begin, (size_t)(p - begin)};
            c->p = p + 1;
            return DONE;
        }
        *escaped = true;
        if (c->end - p < 2) return MORE;
        p += 2;
    }
}

static step scan_value(cursor *c, pli__shape *into, int depth);

static uint32_t hex4(const char *p) {
    uint32_t v = 0;
    for (int i = 0; i < 4; i++) {
        char h = p[i];
        v = v << 4 | (uint32_t)(h >= '0' && h <= '9'   ? h - '0'
                                : h >= 'a' && h <= 'f' ? h - 'a' + 10
                                : h >= 'A' && h <= 'F' ? h - 'A' + 10
                                                       : 0);
    }
    return v;
}

/* A key with escapes as the engine will see it. */
static pli__str unescape(pli__buf *b, pli__str text) {
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    pli__buf_reset(b);
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] != '\\' || i + 1 >= text.len) {
            pli__buf_addc(b, text.ptr[i]);
            continue;
        }
        char e = text.ptr[++i];
        const char *simple = e ? strchr(from, e) : NULL;
        if (simple) pli__buf_addc(b, to[simple - from]);
        else if (e == 'u' && i + 4 < text.len) {
            uint32_t u = hex4(text.ptr + i + 1);
            i += 4;
            if (u >= 0xD800 && u < 0xDC00 && i + 6 < text.len && text.ptr[i + 1] == '\\') {
                u = 0x10000 + ((u - 0xD800) << 10) + ((hex4(text.ptr + i + 3) - 0xDC00) & 0x3FF);
                i += 6;
            }
            char out[4];
            pli__buf_add(b, out, pli__utf8_encode(u, out));
        }
    }
    return pli__buf_str(b);
}

static pli__shape *field_of(cursor *c, pli__shape *into, pli__str key, size_t *next) {
    pli__shape *f = pli__shape_field(c->s->arena, into, key);
    for (size_t i = 0; f && i < into->n; i++)
        if (into->fields[i] == f) {
            *next = i + 1;
            break;
        }
    return f;
}

/* ---- the short ways: values as they mostly are, without a loop or a call ---- */

static inline bool is_digit(char c) { return c >= '0' && c <= '9'; }

static inline void add_number(pli__shape *into, const char *begin, const char *end, bool integer) {
    const unsigned some = PLI__SEEN_INT | PLI__SEEN_BEYOND_8 | PLI__SEEN_BEYOND_16, all = some | PLI__SEEN_BEYOND_32;
    const bool nothing_new = end - begin <= 9 ? (into->kinds & some) == some
                                              : end - begin <= 15 && (into->kinds & all) == all;
    if (!integer) into->kinds |= PLI__SEEN_FLOAT;
    else if (!nothing_new) into->kinds |= pli__integer_kinds((pli__str){begin, (size_t)(end - begin)});
}

/* Up to 15 digits, a point, up to 15 digits; false for whatever is not just that. */
static inline bool scan_short_number(cursor *c, pli__shape *into) {
    const char *begin = c->p, *whole = begin + (*begin == '-');
    const unsigned n = pli__digits16(whole);
    const char *end = whole + n;
    if (n == 0 || n > 15 || (*whole == '0' && n > 1)) return false;
    const bool integer = *end != '.';
    if (!integer) {
        const unsigned fraction = pli__digits16(end + 1);
        if (fraction == 0 || fraction > 15) return false;
        end += 1 + fraction;
    }
    if (*end == 'e' || *end == 'E') return false;
    c->p = end;
    add_number(into, begin, end, integer);
    return true;
}

static inline bool scan_short_text(cursor *c, pli__shape *into) {
    const char *begin = c->p + 1;
    const unsigned n = pli__quote32(begin);
    if (begin[n] != '"') return false;
    if (!(into->kinds & PLI__SEEN_TEXT)) into->kinds |= pli__string_kinds((pli__str){begin, n});
    c->p = begin + n + 1;
    return true;
}

static inline bool scan_short_word(cursor *c, const char *word, unsigned len, unsigned kind, pli__shape *into) {
    if (memcmp(c->p, word, len) != 0) return false;
    into->kinds |= kind;
    c->p += len;
    return true;
}

/* False, and nothing is changed, for what needs the long way. */
static inline bool scan_short(cursor *c, pli__shape *into) {
    const char first = *c->p;
    if (!is_wide(c)) return false;
    if (first == '"') return scan_short_text(c, into);
    if (is_digit(first) || first == '-') return scan_short_number(c, into);
    if (first == 't') return scan_short_word(c, "true", 4, PLI__SEEN_BOOL, into);
    if (first == 'f') return scan_short_word(c, "false", 5, PLI__SEEN_BOOL, into);
    return first == 'n' && scan_short_word(c, "null", 4, PLI__SEEN_NULL, into);
}

/* ---- objects ---- */

/* memcmp for keys: short, and called for each of them. */
static inline bool same_bytes(const char *a, const char *b, size_t n) {
    uint64_t x, y;
    if (n < 8) {
        uint64_t differ = 0;
        for (size_t i = 0; i < n; i++) differ |= (uint64_t)(a[i] ^ b[i]);
        return !differ;
    }
    for (size_t i = 0; i + 8 <= n; i += 8) {
        memcpy(&x, a + i, 8);
        memcpy(&y, b + i, 8);
        if (x != y) return false;
    }
    memcpy(&x, a + n - 8, 8);
    memcpy(&y, b + n - 8, 8);
    return x == y;
}

/* Objects of a file mostly have the same keys in the same order: is the next one there, quote and all? */
static inline bool is_next_key(const cursor *c, const pli__shape *into, size_t next) {
    if (next >= into->n) return false;
    const pli__str name = into->names[next];
    return (size_t)(c->end - c->p) > name.len && c->p[name.len] == '"' && same_bytes(c->p, name.ptr, name.len) &&
           into->fields[next]->plain && !into->crowded;
}

/* The key with its quotes. */
static step scan_key(cursor *c, pli__shape *into, size_t *next, int depth, pli__shape **field) {
    if (is_next_key(c, into, *next)) {
        c->p += into->names[*next].len + 1;
        *field = into->fields[(*next)++];
        return DONE;
    }
    pli__str key;
    bool escaped;
    step st = scan_string(c, &key, &escaped);
    if (st != DONE) return st;
    if (escaped) key = unescape(&c->s->key, key);
    *field = into->crowded && depth > 1 ? into->fields[0] : field_of(c, into, key, next);
    return *field ? DONE : NO_MEMORY;
}

/* The same with its colon, and the common case of all: one comparison. */
static inline bool is_next_lead(const cursor *c, const pli__shape *into, size_t next) {
    if (!is_wide(c) || next >= into->n || into->crowded) return false;
    const pli__shape *f = into->fields[next];
    return f->lead_len && pli__same16(c->p, f->lead, f->lead_len);
}

static step scan_member(cursor *c, pli__shape *into, size_t *next, int depth) {
    if (is_next_lead(c, into, *next)) {
        pli__shape *known = into->fields[(*next)++];
        c->p += known->lead_len;
        return scan_short(c, known) ? DONE : scan_value(c, known, depth);
    }
    skip_blanks(c);
    if (c->p == c->end) return MORE;
    if (*c->p++ != '"') return BAD;
    pli__shape *field = NULL;
    step st = scan_key(c, into, next, depth, &field);
    if (st != DONE) return st;
    skip_blanks(c);
    if (c->p == c->end) return MORE;
    if (*c->p++ != ':') return BAD;
    return scan_value(c, field, depth);
}

static step scan_object(cursor *c, pli__shape *into, int depth) {
    into->object = true;
    skip_blanks(c);
    if (c->p == c->end) return MORE;
    if (*c->p == '}') {
        c->p++;
        return DONE;
    }
    for (size_t next = 0;;) {
        step st = scan_member(c, into, &next, depth);
        if (st != DONE) return st;
        if (is_wide(c) && *c->p == ',') {
            c->p++;
            continue;
        }
        skip_blanks(c);
        if (c->p == c->end) return MORE;
        char sep = *c->p++;
        if (sep == '}') return DONE;
        if (sep != ',') return BAD;
    }
}

static step scan_array(cursor *c, pli__shape *into, int depth) {
    into->array = true;
    skip_blanks(c);
    if (c->p == c->end) return MORE;
    if (*c->p == ']') {
        c->p++;
        return DONE;
    }
    if (!into->element && !(into->element = pli__arena_calloc(c->s->arena, 1, sizeof *into->element))) return NO_MEMORY;
    for (;;) {
        step st = scan_value(c, into->element, depth);
        if (st != DONE) return st;
        skip_blanks(c);
        if (c->p == c->end) return MORE;
        char sep = *c->p++;
        if (sep == ']') return DONE;
        if (sep != ',') return BAD;
    }
}

static inline step scan_word(cursor *c, const char *word, size_t len, unsigned kind, pli__shape *into) {
    if ((size_t)(c->end - c->p) < len) return memcmp(c->p, word, (size_t)(c->end - c->p)) == 0 ? MORE : BAD;
    if (memcmp(c->p, word, len) != 0) return BAD;
    c->p += len;
    into->kinds |= kind;
    return DONE;
}

/* -?(0|[1-9][0-9]*)(.[0-9]+)?([eE][+-]?[0-9]+)? */
static step scan_number(cursor *c, pli__shape *into) {
    const char *begin = c->p, *p = c->p + (*c->p == '-');
    const char *whole = p;
    while (p < c->end && is_digit(*p)) p++;
    if (p == c->end && !c->s->ended) return MORE;
    if (p == whole || (*whole == '0' && p - whole > 1)) return BAD;
    bool integer = true;
    if (p < c->end && *p == '.') {
        integer = false;
        const char *fraction = ++p;
        while (p < c->end && is_digit(*p)) p++;
        if (p == c->end) return MORE;
        if (p == fraction) return BAD;
    }
    if (p < c->end && (*p == 'e' || *p == 'E')) {
        integer = false;
        p++;
        if (p < c->end && (*p == '+' || *p == '-')) p++;
        const char *exponent = p;
        while (p < c->end && is_digit(*p)) p++;
        if (p == c->end) return MORE;
        if (p == exponent) return BAD;
    }
    c->p = p;
    add_number(into, begin, p, integer);
    return DONE;
}

static step scan_text(cursor *c, pli__shape *into) {
    pli__str text;
    bool escaped;
    c->p++;
    step st = scan_string(c, &text, &escaped);
    if (st == DONE && !(into->kinds & PLI__SEEN_TEXT))
        into->kinds |= escaped ? PLI__SEEN_TEXT : pli__string_kinds(text);
    return st;
}

static step scan_value(cursor *c, pli__shape *into, int depth) {
    skip_blanks(c);
    if (c->p == c->end) return MORE;
    if (depth > MAX_DEPTH) return c->s->too_deep = true, BAD;
    switch (*c->p) {
        case '{': c->p++; return scan_object(c, into, depth + 1);
        case '[': c->p++; return scan_array(c, into, depth + 1);
        case '"': return scan_text(c, into);
        case 't': return scan_word(c, "true", 4, PLI__SEEN_BOOL, into);
        case 'f': return scan_word(c, "false", 5, PLI__SEEN_BOOL, into);
        case 'n': return scan_word(c, "null", 4, PLI__SEEN_NULL, into);
        default: return *c->p == '-' || is_digit(*c->p) ? scan_number(c, into) : BAD;
    }
}

/* ---- records ---- */

static pli_status line_of(const scanner *s, int64_t offset, int64_t *out, pli_error *err) {
    PLI_AUTO(pli__input_auto) pli__input *in = NULL;
    PLI_AUTO(pli__buf_clear) pli__buf b = {0};
    char *room = pli__buf_room(&b, CHUNK);
    if (!room) return pli__buf_status(&b, err);
    PLI_TRY(pli__input_open(s->path, &in, err));
    int64_t line = 1;
    for (size_t got = 1; offset > 0 && got; offset -= (int64_t)got) {
        PLI_TRY(pli__input_read(in, room, (uint64_t)offset < CHUNK ? (size_t)offset : CHUNK, &got, err));
        for (size_t i = 0; i < got; i++) line += room[i] == '\n';
    }
    *out = line;
    return PLI_OK;
}

static pli_status bad_data(const scanner *s, size_t at, const char *what, pli_error *err) {
    int64_t line = 0;
    PLI_TRY(line_of(s, s->consumed + (int64_t)at, &line, err));
    if (s->too_deep)
        pli__error_set(err, PLI_E_DATA, "'%s', line %" PRId64 ": more than %d levels of nesting", s->path, line,
                       MAX_DEPTH);
    else pli__error_set(err, PLI_E_DATA, "'%s', line %" PRId64 ": %s", s->path, line, what);
    if (err) err->position = line;
    return PLI_E_DATA;
}

/* The line at the position is complete in the text, or the file ends with it. */
static pli_status whole_line(scanner *s, size_t *len, pli_error *err) {
    for (size_t looked = 0;;) {
        const char *from = s->text.ptr + s->at + looked;
        const char *nl = s->at + looked < s->text.len ? memchr(from, '\n', s->text.len - s->at - looked) : NULL;
        if (nl || s->ended) {
            *len = nl ? (size_t)(nl - s->text.ptr) - s->at : s->text.len - s->at;
            return PLI_OK;
        }
        looked = s->text.len - s->at;
        PLI_TRY(fill(s, err));
    }
}

static pli_status keep_record(scanner *s, pli__str text, int64_t line, pli__json_scan_result *out, pli_error *err) {
    if (out->n_bad == out->bad_cap) {
        if (out->n_bad >= PLI__MAX_BAD_RECORDS)
            return pli__error_set(err, PLI_E_LIMIT, "'%s' has more than %d records that cannot be parsed", s->path,
                                  PLI__MAX_BAD_RECORDS);
        size_t cap = out->bad_cap ? out->bad_cap * 2 : 16;
        pli__bad_record *bad = realloc(out->bad, cap * sizeof *bad);
        if (!bad) return pli__error_memory(err);
        out->bad = bad;
        out->bad_cap = cap;
    }
    PLI_AUTO(pli__buf_clear) pli__buf clean = {0};
    pli__add_as_utf8(&clean, text);
    PLI_TRY(pli__buf_status(&clean, err));
    out->bad_bytes |= !pli__str_is_utf8(text);
    out->bad[out->n_bad++] = (pli__bad_record){line, pli__arena_str(s->arena, pli__buf_str(&clean))};
    return pli__arena_status(s->arena, err);
}

/* One record at the position; more text is read as long as it is not complete. */
static pli_status scan_record(scanner *s, pli__shape *root, step *out, pli_error *err) {
    for (;;) {
        cursor c = cursor_of(s, s->text.ptr + s->at, s->text.ptr + s->text.len);
        *out = *c.p == '{' ? scan_value(&c, root, 0) : BAD;
        if (*out == NO_MEMORY) return pli__error_memory(err);
        if (*out == DONE) {
            s->at = (size_t)(c.p - s->text.ptr);
            s->spans_lines |= c.line_end;
        }
        if (*out == MORE && s->ended) *out = BAD;
        if (*out != MORE) return PLI_OK;
        PLI_TRY(fill(s, err));
    }
}

/* Past blanks; *more = false at the end of the file. *line_end: there was one. */
static pli_status next_token(scanner *s, bool *more, bool *line_end, pli_error *err) {
    *line_end = false;
    for (;;) {
        while (s->at < s->text.len && is_blank(s->text.ptr[s->at])) *line_end |= s->text.ptr[s->at++] == '\n';
        *more = s->at < s->text.len;
        if (*more || s->ended) return PLI_OK;
        PLI_TRY(fill(s, err));
    }
}

/* Records that begin before `stop`, an offset in the file. */
static pli_status scan_stream(scanner *s, int64_t stop, pli__shape *root, pli__json_scan_result *out, pli_error *err) {
    bool more = true, line_end = true, together = false;
    for (bool first = true;; first = false) {
        PLI_TRY(next_token(s, &more, &line_end, err));
        if (!more || s->consumed + (int64_t)s->at >= stop) break;
        together |= !first && !line_end;
        step st = BAD;
        PLI_TRY(scan_record(s, root, &st, err));
        if (st != DONE) return bad_data(s, s->at, "not a JSON object", err);
        out->records++;
    }
    out->layout = together || s->spans_lines ? PLI__JSON_STREAM : PLI__JSON_LINES;
    return PLI_OK;
}

/* To behind the line end that the text from the position on holds first. */
static pli_status pass_line(scanner *s, pli_error *err) {
    size_t len = 0;
    PLI_TRY(whole_line(s, &len, err));
    s->at += len + (s->at + len < s->text.len);
    return PLI_OK;
}

pli_status pli__json_scan_range(const char *path, int64_t from, int64_t stop, size_t max_record, pli__arena *arena,
                                pli__shape *root, pli__json_scan_result *out, pli_error *err) {
    PLI_AUTO(scanner_clear)
    scanner s = {.path = path, .arena = arena, .max_record = max_record, .consumed = from ? from - 1 : 0};
    PLI_TRY(pli__input_open_at(path, s.consumed, &s.in, err));
    PLI_TRY(fill(&s, err));
    if (from) PLI_TRY(pass_line(&s, err));
    return scan_stream(&s, stop, root, out, err);
}

/* A record that cannot be parsed is its line: so records must not span lines here. It says nothing of the columns either, which is why
 * each line is scanned into a trial first. */
static pli_status scan_line_by_line(scanner *s, pli__shape *root, pli__json_scan_result *out, pli_error *err) {
    pli__shape trial = {0};
    int64_t number = 0;
    PLI_TRY(line_of(s, s->consumed + (int64_t)s->at, &number, err));
    for (;; number++) {
        size_t len = 0;
        PLI_TRY(whole_line(s, &len, err));
        if (!len && s->at == s->text.len && s->ended) return PLI_OK;
        cursor c = cursor_of(s, s->text.ptr + s->at, s->text.ptr + s->at + len);
        pli__str text = {c.p, len};
        while (text.len && is_blank(text.ptr[text.len - 1])) text.len--;
        skip_blanks(&c);
        const cursor record = c;
        step st = c.p == c.end ? MORE : *c.p == '{' && pli__json_line_is_sound(text) ? scan_value(&c, &trial, 0) : BAD;
        if (st == DONE) skip_blanks(&c);
        const bool whole = st == DONE && c.p == c.end;
        c = record;
        if (whole) st = scan_value(&c, root, 0);
        if (st == NO_MEMORY) return pli__error_memory(err);
        if (whole) out->records++;
        else if (text.len) PLI_TRY(keep_record(s, text, number, out, err));
        s->at += len + (s->at + len < s->text.len);
    }
}

static pli_status scan_array_file(scanner *s, pli__shape *root, pli__json_scan_result *out, pli_error *err) {
    out->layout = PLI__JSON_ARRAY;
    s->at++;
    for (bool first = true;; first = false) {
        bool more = false, line_end = false;
        PLI_TRY(next_token(s, &more, &line_end, err));
        if (more && s->text.ptr[s->at] == ']') return PLI_OK;
        if (!first) {
            if (!more || s->text.ptr[s->at] != ',')
                return bad_data(s, s->at, "the array has neither ',' nor ']' here", err);
            s->at++;
            PLI_TRY(next_token(s, &more, &line_end, err));
        }
        step st = BAD;
        if (more) PLI_TRY(scan_record(s, root, &st, err));
        if (st != DONE) return bad_data(s, s->at, "not a JSON object", err);
        out->records++;
    }
}

pli_status pli__json_scan_file(const char *path, bool lines, bool keep_bad, size_t max_record, pli__arena *arena,
                               pli__shape *root, pli__json_scan_result *out, pli_error *err) {
    PLI_AUTO(scanner_clear) scanner s = {.path = path, .arena = arena, .max_record = max_record};
    PLI_TRY(pli__input_open(path, &s.in, err));
    PLI_TRY(fill(&s, err));
    if (s.text.len >= 3 && memcmp(s.text.ptr, "\xEF\xBB\xBF", 3) == 0) {
        out->mark = true;
        s.at = 3;
    }
    bool more = false, line_end = false;
    PLI_TRY(next_token(&s, &more, &line_end, err));
    if (!more) return PLI_OK;
    if (!lines && s.text.ptr[s.at] == '[') return scan_array_file(&s, root, out, err);
    return keep_bad ? scan_line_by_line(&s, root, out, err) : scan_stream(&s, INT64_MAX, root, out, err);
}
