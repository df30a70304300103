/* Paths are walked with the scanner; what is not on the path is copied as text. */
#include "types/json_path.h"

#include <strings.h>

#include "base/json_scan.h"

/* ---- the path itself ---- */

static pli_status bad_path(pli__str text, const char *why, pli_error *err) {
    return pli__error_set(err, PLI_E_ARGUMENT, "'%.*s' is no path of names joined by dots: %s", PLI_STR_ARG(text), why);
}

/* One name from *at on into the buffer; *at then stands behind it. */
static pli_status read_name(pli__str text, size_t *at, pli__buf *out, pli_error *err) {
    const bool quoted = *at < text.len && text.ptr[*at] == '"';
    const size_t from = out->len;
    if (!quoted) {
        while (*at < text.len && text.ptr[*at] != '.') pli__buf_addc(out, text.ptr[(*at)++]);
    } else {
        for (++*at;; ++*at) {
            if (*at >= text.len) return bad_path(text, "a quote is not closed", err);
            if (text.ptr[*at] == '"' && (*at + 1 >= text.len || text.ptr[*at + 1] != '"')) break;
            if (text.ptr[*at] == '"') ++*at;
            pli__buf_addc(out, text.ptr[*at]);
        }
        ++*at;
    }
    PLI_TRY(pli__buf_status(out, err));
    if (out->len == from) return bad_path(text, "a name is empty", err);
    if (*at < text.len && text.ptr[*at] != '.') return bad_path(text, "a dot is missing behind a quote", err);
    return PLI_OK;
}

static pli_status read_names(pli__str text, pli__json_path *p, size_t ends[PLI__JSON_PATH_MAX], pli_error *err) {
    size_t at = 0;
    for (;; at++) {
        if (p->n == PLI__JSON_PATH_MAX) return bad_path(text, "it is too long", err);
        PLI_TRY(read_name(text, &at, &p->text, err));
        ends[p->n++] = p->text.len;
        if (at >= text.len) return PLI_OK;
    }
}

pli_status pli__json_path_parse(pli__str text, bool fold, pli__json_path *out, pli_error *err) {
    size_t ends[PLI__JSON_PATH_MAX];
    *out = (pli__json_path){.fold = fold};
    const pli_status status = read_names(text, out, ends, err);
    if (status != PLI_OK) return pli__json_path_clear(out), status;
    for (size_t i = 0, from = 0; i < out->n; from = ends[i++])
        out->names[i] = (pli__str){out->text.ptr + from, ends[i] - from};
    return PLI_OK;
}

void pli__json_path_clear(pli__json_path *p) {
    pli__buf_clear(&p->text);
    p->n = 0;
}

/* ---- objects ---- */

static bool is_named(const pli__json_path *p, size_t depth, const pli__json_item *item) {
    PLI_AUTO(pli__buf_clear) pli__buf key = {0};
    pli__str name = item->key;
    if (item->key_escaped) {
        pli__json_unescape(item->key, &key);
        name = pli__buf_str(&key);
    }
    const pli__str wanted = p->names[depth];
    if (!p->fold) return pli__str_eq(name, wanted);
    return name.len == wanted.len && strncasecmp(name.ptr, wanted.ptr, name.len) == 0;
}

/* Text of the item that was delivered last; an object or array is passed over. */
static pli_status text_of(pli__json_scan *s, const pli__json_item *item, pli__str *out) {
    if (item->kind == PLI__JSON_OBJECT || item->kind == PLI__JSON_ARRAY) return pli__json_scan_skip(s, out, NULL);
    *out = item->kind == PLI__JSON_STRING ? (pli__str){item->raw.ptr - 1, item->raw.len + 2} : item->raw;
    return PLI_OK;
}

static pli__str value_at(const pli__json_path *p, size_t depth, pli__json_scan *s) {
    pli__json_item item;
    pli__str text = {0};
    bool more = false;
    if (pli__json_scan_enter(s, NULL) != PLI_OK) return text;
    while (pli__json_scan_next(s, &item, &more, NULL) == PLI_OK && more) {
        if (!is_named(p, depth, &item)) continue;
        if (depth + 1 < p->n) return item.kind == PLI__JSON_OBJECT ? value_at(p, depth + 1, s) : text;
        if (item.kind != PLI__JSON_NULL) (void)text_of(s, &item, &text);
        return text;
    }
    return text;
}

pli__str pli__json_path_at(const pli__json_path *p, pli__str json) {
    pli__json_scan s;
    pli__json_item item;
    pli__json_scan_init(&s, json, "rescued data", 0);
    if (pli__json_scan_root(&s, &item, NULL) != PLI_OK || item.kind != PLI__JSON_OBJECT) return (pli__str){0};
    return value_at(p, 0, &s);
}

/* Members of the object that was delivered last, without what the path names. */
static size_t copy_members(const pli__json_path *p, size_t depth, pli__json_scan *s, pli__buf *out) {
    pli__json_item item;
    bool more = false;
    size_t n = 0;
    pli__buf_addc(out, '{');
    if (pli__json_scan_enter(s, NULL) != PLI_OK) return 0;
    while (pli__json_scan_next(s, &item, &more, NULL) == PLI_OK && more) {
        const size_t mark = out->len;
        const bool named = is_named(p, depth, &item);
        pli__str text = {0};
        if (named && depth + 1 == p->n) continue;
        if (n) pli__buf_addc(out, ',');
        pli__buf_addc(out, '"');
        pli__buf_adds(out, item.key);
        pli__buf_addz(out, "\":");
        if (!named || item.kind != PLI__JSON_OBJECT) {
            if (text_of(s, &item, &text) == PLI_OK) pli__buf_adds(out, text);
        } else if (copy_members(p, depth + 1, s, out) == 0) {
            out->len = mark;
            continue;
        }
        n++;
    }
    pli__buf_addc(out, '}');
    return n;
}

size_t pli__json_path_without(const pli__json_path *p, pli__str json, pli__buf *out) {
    pli__json_scan s;
    pli__json_item item;
    pli__json_scan_init(&s, json, "rescued data", 0);
    if (pli__json_scan_root(&s, &item, NULL) != PLI_OK || item.kind != PLI__JSON_OBJECT)
        return pli__buf_adds(out, json), 1;
    return copy_members(p, 0, &s, out);
}
