/*
 * The pull scanner. Strings are searched eight bytes at a time (see find_special); everything else is a byte loop.
 * Skipping an object or array uses no recursion: one bit per level says what is open.
 */
#include "base/json_scan.h"

#include "base/utf8.h"

void pli__json_scan_init(pli__json_scan *s, pli__str text, const char *what, int64_t origin) {
    *s = (pli__json_scan){.text = text, .what = what, .origin = origin};
}

static pli_status error_at(const pli__json_scan *s, size_t at, pli_error *err, pli_status code, const char *message) {
    const long long byte = (long long)(s->origin + (int64_t)at + 1);
    pli__error_set(err, code, "'%s' is not valid: byte %lld: %s", s->what, byte, message);
    if (err) err->position = byte;
    return code;
}

static pli_status syntax_error(const pli__json_scan *s, size_t at, pli_error *err, const char *message) {
    return error_at(s, at, err, PLI_E_CORRUPT, at >= s->text.len ? "the text ends too early" : message);
}

pli_status pli__json_scan_error(const pli__json_scan *s, pli_error *err, const char *message) {
    return error_at(s, s->at, err, PLI_E_CORRUPT, message);
}

static pli_status too_deep(const pli__json_scan *s, pli_error *err) {
    return error_at(s, s->at, err, PLI_E_LIMIT, "objects and arrays are nested too deep");
}

static bool is_at(const pli__json_scan *s, char c) { return s->at < s->text.len && s->text.ptr[s->at] == c; }

static void skip_blanks(pli__json_scan *s) {
    const char *p = s->text.ptr;
    size_t i = s->at;
    while (i < s->text.len && (p[i] == ' ' || p[i] == '\n' || p[i] == '\r' || p[i] == '\t')) i++;
    s->at = i;
}

#define EACH_BYTE(b) (UINT64_C(0x0101010101010101) * (b))

/* High bits of the bytes of w that are below b (b <= 0x80). Exact for the lowest such byte; borrows may mark wrong ones
 * above it, which does not matter to a search for the first. */
static uint64_t bytes_below(uint64_t w, uint64_t b) { return (w - EACH_BYTE(b)) & ~w; }

static uint64_t load_word(const char *p) {
    uint64_t w;
    memcpy(&w, p, sizeof w);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    w = __builtin_bswap64(w);
#endif
    return w;
}

/* Index of the first byte from i on that ends a plain run in a string: quote, backslash, control character and, with
 * `high` all ones, any byte that is not ASCII. The text's length if there is none. */
static size_t find_special(pli__str t, size_t i, uint64_t high) {
    for (; t.len - i >= sizeof(uint64_t); i += sizeof(uint64_t)) {
        const uint64_t w = load_word(t.ptr + i);
        const uint64_t hit = bytes_below(w ^ EACH_BYTE('"'), 1) | bytes_below(w ^ EACH_BYTE('\\'), 1) |
                             bytes_below(w, 0x20) | (w & high);
        if (hit & EACH_BYTE(0x80)) return i + (size_t)__builtin_ctzll(hit & EACH_BYTE(0x80)) / 8;
    }
    for (; i < t.len; i++) {
        const unsigned char c = (unsigned char)t.ptr[i];
        if (c == '"' || c == '\\' || c < 0x20 || (high && c >= 0x80)) break;
    }
    return i;
}

static int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* Value of the "\uXXXX" at the start of s, or -1. */
static int32_t unicode_escape(pli__str s) {
    if (s.len < 6 || s.ptr[0] != '\\' || s.ptr[1] != 'u') return -1;
    int32_t v = 0;
    for (size_t i = 2; i < 6; i++) {
        const int digit = hex_value(s.ptr[i]);
        if (digit < 0) return -1;
        v = v * 16 + digit;
    }
    return v;
}

static pli__str rest_of(pli__str s, size_t i) { return (pli__str){s.ptr + i, s.len - i}; }

/* The escape at the start of s: its length, and its code point in *cp. 0 if it is none. */
static size_t read_escape(pli__str s, uint32_t *cp) {
    static const char from[] = "\"\\/bfnrt";
    static const char to[] = "\"\\/\b\f\n\r\t";
    if (s.len < 2) return 0;
    const char *simple = memchr(from, s.ptr[1], sizeof from - 1);
    if (simple) {
        *cp = (uint32_t)to[simple - from];
        return 2;
    }
    const int32_t first = unicode_escape(s);
    if (first < 0 || (first >= 0xDC00 && first <= 0xDFFF)) return 0;
    *cp = (uint32_t)first;
    if (first < 0xD800 || first > 0xDBFF) return 6;
    const int32_t second = unicode_escape(rest_of(s, 6));
    if (second < 0xDC00 || second > 0xDFFF) return 0;
    *cp = 0x10000 + ((uint32_t)(first - 0xD800) << 10) + (uint32_t)(second - 0xDC00);
    return 12;
}

/* The string whose opening quote is at hand: its text without the quotes. */
static pli_status scan_string(pli__json_scan *s, pli__str *out, bool *escaped, pli_error *err) {
    const pli__str t = s->text;
    const size_t start = s->at + 1;
    const uint64_t high = s->check_utf8 ? UINT64_MAX : 0;
    bool any = false;
    size_t i = start;
    for (;;) {
        i = find_special(t, i, high);
        if (i == t.len) return syntax_error(s, i, err, "");
        if (t.ptr[i] == '"') break;
        size_t step = 0;
        if (t.ptr[i] == '\\') {
            uint32_t cp;
            any = true;
            step = i + 1 < t.len && t.ptr[i + 1] == '"' ? 2 : read_escape(rest_of(t, i), &cp);
            if (step == 0) return syntax_error(s, i, err, "this is not an escape sequence");
        } else {
            step = (unsigned char)t.ptr[i] < 0x20 ? 0 : pli__utf8_step(rest_of(t, i), NULL);
            if (step == 0) return syntax_error(s, i, err, "a string holds a control character or is not UTF-8");
        }
        i += step;
    }
    *out = (pli__str){t.ptr + start, i - start};
    *escaped = any;
    s->at = i + 1;
    return PLI_OK;
}

static size_t skip_digits(pli__str t, size_t i) {
    while (i < t.len && t.ptr[i] >= '0' && t.ptr[i] <= '9') i++;
    return i;
}

/* -?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)? */
static pli_status scan_number(pli__json_scan *s, pli__str *out, pli_error *err) {
    const pli__str t = s->text;
    size_t i = s->at + (t.ptr[s->at] == '-');
    size_t digits = i;
    i = i < t.len && t.ptr[i] == '0' ? i + 1 : skip_digits(t, i);
    if (i == digits) return syntax_error(s, i, err, "a digit was expected");
    if (i < t.len && t.ptr[i] == '.') {
        digits = i + 1;
        i = skip_digits(t, digits);
        if (i == digits) return syntax_error(s, i, err, "a digit was expected");
    }
    if (i < t.len && (t.ptr[i] == 'e' || t.ptr[i] == 'E')) {
        digits = i + 1;
        if (digits < t.len && (t.ptr[digits] == '+' || t.ptr[digits] == '-')) digits++;
        i = skip_digits(t, digits);
        if (i == digits) return syntax_error(s, i, err, "a digit was expected");
    }
    *out = (pli__str){t.ptr + s->at, i - s->at};
    s->at = i;
    return PLI_OK;
}

static pli_status scan_word(pli__json_scan *s, const char *word, pli__json_kind kind, pli__json_item *item,
                            pli_error *err) {
    const size_t n = strlen(word);
    if (s->text.len - s->at < n || memcmp(s->text.ptr + s->at, word, n) != 0)
        return syntax_error(s, s->at, err, "a value was expected");
    item->kind = kind;
    item->raw = (pli__str){s->text.ptr + s->at, n};
    s->at += n;
    return PLI_OK;
}

/* The value at hand, blanks before it passed. Of an object or array only the kind is read. */
static pli_status scan_value(pli__json_scan *s, pli__json_item *item, pli_error *err) {
    skip_blanks(s);
    if (s->at == s->text.len) return syntax_error(s, s->at, err, "");
    item->escaped = false;
    switch (s->text.ptr[s->at]) {
        case '"': item->kind = PLI__JSON_STRING; return scan_string(s, &item->raw, &item->escaped, err);
        case '{':
        case '[':
            item->kind = s->text.ptr[s->at] == '{' ? PLI__JSON_OBJECT : PLI__JSON_ARRAY;
            item->raw = (pli__str){s->text.ptr + s->at, 0};
            return PLI_OK;
        case 't': return scan_word(s, "true", PLI__JSON_TRUE, item, err);
        case 'f': return scan_word(s, "false", PLI__JSON_FALSE, item, err);
        case 'n': return scan_word(s, "null", PLI__JSON_NULL, item, err);
        case '-':
        case '0':
        case '1':
        case '2':
        case '3':
        case '4':
        case '5':
        case '6':
        case '7':
        case '8':
        case '9': item->kind = PLI__JSON_NUMBER; return scan_number(s, &item->raw, err);
        default: return syntax_error(s, s->at, err, "a value was expected");
    }
}

static bool is_container(pli__json_kind kind) { return kind == PLI__JSON_OBJECT || kind == PLI__JSON_ARRAY; }

/* A key and its colon. */
static pli_status scan_key(pli__json_scan *s, pli__str *key, bool *escaped, pli_error *err) {
    skip_blanks(s);
    if (!is_at(s, '"')) return syntax_error(s, s->at, err, "a key was expected");
    PLI_TRY(scan_string(s, key, escaped, err));
    skip_blanks(s);
    if (!is_at(s, ':')) return syntax_error(s, s->at, err, "':' was expected");
    s->at++;
    return PLI_OK;
}

/* Which levels are open while an object or array is skipped. */
typedef struct {
    uint64_t objects[PLI__JSON_DEPTH_MAX / 64];
    unsigned depth;
} open_levels;

static bool in_object(const open_levels *o) { return o->objects[(o->depth - 1) / 64] >> (o->depth - 1) % 64 & 1; }

/* Opens the object or array at hand; *fresh is false again if it is empty, and then closed at once. */
static pli_status open_level(pli__json_scan *s, open_levels *o, bool *fresh, pli_error *err) {
    if (s->level + o->depth >= PLI__JSON_DEPTH_MAX) return too_deep(s, err);
    const bool object = s->text.ptr[s->at] == '{';
    const uint64_t bit = UINT64_C(1) << o->depth % 64;
    uint64_t *word = &o->objects[o->depth / 64];
    *word = object ? *word | bit : *word & ~bit;
    s->at++;
    skip_blanks(s);
    *fresh = !is_at(s, object ? '}' : ']');
    if (*fresh) o->depth++;
    else s->at++;
    return PLI_OK;
}

/* Behind a value: closes levels as long as brackets come, passes a comma. */
static pli_status close_levels(pli__json_scan *s, open_levels *o, pli_error *err) {
    while (o->depth > 0) {
        skip_blanks(s);
        if (is_at(s, ',')) {
            s->at++;
            return PLI_OK;
        }
        const bool object = in_object(o);
        if (!is_at(s, object ? '}' : ']'))
            return syntax_error(s, s->at, err, object ? "',' or '}' was expected" : "',' or ']' was expected");
        s->at++;
        o->depth--;
    }
    return PLI_OK;
}

static pli_status skip_container(pli__json_scan *s, pli_error *err) {
    open_levels o;
    bool fresh;
    o.depth = 0;
    PLI_TRY(open_level(s, &o, &fresh, err));
    while (o.depth > 0) {
        pli__json_item item;
        if (in_object(&o)) PLI_TRY(scan_key(s, &item.key, &item.key_escaped, err));
        PLI_TRY(scan_value(s, &item, err));
        fresh = false;
        if (is_container(item.kind)) PLI_TRY(open_level(s, &o, &fresh, err));
        if (!fresh) PLI_TRY(close_levels(s, &o, err));
    }
    return PLI_OK;
}

static pli_status out_of_order(const pli__json_scan *s, pli_error *err) {
    return pli__error_set(err, PLI_E_STATE, "'%s': the scan has no such value at hand", s->what);
}

pli_status pli__json_scan_root(pli__json_scan *s, pli__json_item *out, pli_error *err) {
    pli__json_item item = {.key = {"", 0}};
    if (s->done) return out_of_order(s, err);
    PLI_TRY(scan_value(s, &item, err));
    s->done = true;
    s->pending = is_container(item.kind);
    *out = item;
    return PLI_OK;
}

pli_status pli__json_scan_enter(pli__json_scan *s, pli_error *err) {
    if (!s->pending) return out_of_order(s, err);
    if (s->level >= PLI__JSON_ENTER_MAX) return too_deep(s, err);
    const uint64_t bit = UINT64_C(1) << s->level;
    s->objects = is_at(s, '{') ? s->objects | bit : s->objects & ~bit;
    s->level++;
    s->at++;
    s->pending = false;
    s->fresh = true;
    return PLI_OK;
}

pli_status pli__json_scan_skip(pli__json_scan *s, pli__str *raw, pli_error *err) {
    if (!s->pending) return out_of_order(s, err);
    const size_t start = s->at;
    PLI_TRY(skip_container(s, err));
    s->pending = false;
    if (raw) *raw = (pli__str){s->text.ptr + start, s->at - start};
    return PLI_OK;
}

/* Passes the comma before the next item, or the bracket that closes the level. */
static pli_status step_in_level(pli__json_scan *s, bool object, bool *more, pli_error *err) {
    skip_blanks(s);
    if (is_at(s, object ? '}' : ']')) {
        s->at++;
        s->level--;
        s->fresh = false;
        *more = false;
        return PLI_OK;
    }
    if (!s->fresh) {
        if (!is_at(s, ','))
            return syntax_error(s, s->at, err, object ? "',' or '}' was expected" : "',' or ']' was expected");
        s->at++;
    }
    s->fresh = false;
    *more = true;
    return PLI_OK;
}

pli_status pli__json_scan_next(pli__json_scan *s, pli__json_item *out, bool *more, pli_error *err) {
    if (s->pending) PLI_TRY(pli__json_scan_skip(s, NULL, err));
    if (s->level == 0) return out_of_order(s, err);
    const bool object = s->objects >> (s->level - 1) & 1;
    bool any;
    PLI_TRY(step_in_level(s, object, &any, err));
    if (any) {
        pli__json_item item = {.key = {"", 0}};
        if (object) PLI_TRY(scan_key(s, &item.key, &item.key_escaped, err));
        PLI_TRY(scan_value(s, &item, err));
        s->pending = is_container(item.kind);
        *out = item;
    }
    *more = any;
    return PLI_OK;
}

pli_status pli__json_scan_leave(pli__json_scan *s, pli_error *err) {
    pli__json_item item;
    bool more = true;
    while (more) PLI_TRY(pli__json_scan_next(s, &item, &more, err));
    return PLI_OK;
}

pli_status pli__json_scan_end(pli__json_scan *s, pli_error *err) {
    if (!s->done) return out_of_order(s, err);
    if (s->pending) PLI_TRY(pli__json_scan_skip(s, NULL, err));
    while (s->level > 0) PLI_TRY(pli__json_scan_leave(s, err));
    skip_blanks(s);
    if (s->at < s->text.len) return syntax_error(s, s->at, err, "there is something behind the value");
    return PLI_OK;
}

/* Calls for each plain run and each resolved escape are the same to both users of this: a comparison and a buffer. */
static size_t next_piece(pli__str raw, size_t i, char encoded[4], pli__str *piece) {
    if (raw.ptr[i] != '\\') {
        const char *next = memchr(raw.ptr + i, '\\', raw.len - i);
        *piece = (pli__str){raw.ptr + i, next ? (size_t)(next - raw.ptr) - i : raw.len - i};
        return i + piece->len;
    }
    uint32_t cp = 0xFFFD;
    const size_t step = read_escape(rest_of(raw, i), &cp);
    *piece = (pli__str){encoded, pli__utf8_encode(cp, encoded)};
    return i + (step ? step : 1); /* 0 only for text that no scan has delivered */
}

bool pli__json_key_is(const pli__json_item *item, const char *key) {
    if (!item->key_escaped) return pli__str_eqz(item->key, key);
    pli__str want = pli__str_of(key);
    for (size_t i = 0; i < item->key.len;) {
        char encoded[4];
        pli__str piece;
        i = next_piece(item->key, i, encoded, &piece);
        if (!pli__str_starts(want, piece)) return false;
        want = rest_of(want, piece.len);
    }
    return want.len == 0;
}

void pli__json_unescape(pli__str raw, pli__buf *out) {
    pli__buf_add(out, "", 0); /* so that an empty string is an allocated, terminated one */
    for (size_t i = 0; i < raw.len;) {
        char encoded[4];
        pli__str piece;
        i = next_piece(raw, i, encoded, &piece);
        pli__buf_adds(out, piece);
    }
}

pli__str pli__json_item_str(const pli__json_item *item, pli__buf *scratch) {
    if (!item->escaped) return item->raw;
    pli__buf_reset(scratch);
    pli__json_unescape(item->raw, scratch);
    return pli__buf_str(scratch);
}

bool pli__json_item_i64(const pli__json_item *item, int64_t *out) {
    return item->kind == PLI__JSON_NUMBER && pli__str_to_i64(item->raw, out);
}

bool pli__json_item_f64(const pli__json_item *item, double *out) {
    return item->kind == PLI__JSON_NUMBER && pli__str_to_f64(item->raw, out);
}

bool pli__json_item_bool(const pli__json_item *item, bool *out) {
    if (item->kind != PLI__JSON_TRUE && item->kind != PLI__JSON_FALSE) return false;
    *out = item->kind == PLI__JSON_TRUE;
    return true;
}
