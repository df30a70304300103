/*
 * Glob matching. A path is matched component by component with the set of pattern positions that are possible (one bit
 * each, as for a regular expression), a name with one point to go back to; neither can take exponential time.
 */
#include "port/glob.h"

#include <stdlib.h>

#include "base/utf8.h"

struct pli__glob {
    char *text;
    size_t n;
    pli__str parts[PLI__GLOB_PARTS_MAX + 2]; /* slices of text; one more each for `recursive` and a trailing `**` */
    uint64_t any;                            /* bit i: parts[i] is `**` */
};

/* The character at i and the index behind it. A byte that is not UTF-8 gets a value of its own, as in Python. */
static uint32_t char_at(pli__str s, size_t *i) {
    const pli__str rest = {s.ptr + *i, s.len - *i};
    const size_t step = pli__utf8_step(rest, NULL);
    *i += step ? step : 1;
    return step ? pli__utf8_decode(rest.ptr, step) : 0xDC00u + (unsigned char)rest.ptr[0];
}

/* Index of the ']' that closes the set whose '[' is at i, or 0. A ']' that comes first is a member. */
static size_t set_end(pli__str p, size_t i) {
    size_t j = i + 1;
    if (j < p.len && p.ptr[j] == '!') j++;
    if (j < p.len && p.ptr[j] == ']') j++;
    while (j < p.len && p.ptr[j] != ']') j++;
    return j < p.len ? j : 0;
}

/* Is c in the set p[i..end) (behind the '[' and '!')? An empty range such as z-a has no members. */
static bool in_set(pli__str p, size_t i, size_t end, uint32_t c) {
    const pli__str set = {p.ptr, end};
    while (i < end) {
        const uint32_t lo = char_at(set, &i);
        if (i + 1 < end && p.ptr[i] == '-') {
            i++;
            const uint32_t hi = char_at(set, &i);
            if (lo <= c && c <= hi) return true;
        } else if (lo == c) {
            return true;
        }
    }
    return false;
}

/* Does the single-character pattern at *i match c? Moves *i behind it. */
static bool match_one(pli__str p, size_t *i, uint32_t c) {
    const size_t end = p.ptr[*i] == '[' ? set_end(p, *i) : 0;
    if (end) {
        const bool negated = p.ptr[*i + 1] == '!';
        const bool found = in_set(p, *i + 1 + negated, end, c);
        *i = end + 1;
        return found != negated;
    }
    const bool anything = p.ptr[*i] == '?';
    return char_at(p, i) == c || anything;
}

bool pli__glob_match_name(pli__str p, pli__str name) {
    size_t i = 0, at = 0, star = SIZE_MAX, star_at = 0;
    while (at < name.len) {
        if (i < p.len && p.ptr[i] == '*') {
            star = ++i;
            star_at = at;
            continue;
        }
        size_t next = at;
        const uint32_t c = char_at(name, &next);
        if (i < p.len && match_one(p, &i, c)) {
            at = next;
            continue;
        }
        if (star == SIZE_MAX) return false;
        char_at(name, &star_at); /* the last star takes one character more */
        at = star_at;
        i = star;
    }
    while (i < p.len && p.ptr[i] == '*') i++;
    return i == p.len;
}

/* `**` may stand for no folder at all. */
static uint64_t close_set(const pli__glob *g, uint64_t set) {
    for (size_t i = 0; i < g->n; i++)
        if (set >> i & g->any >> i & 1) set |= UINT64_C(1) << (i + 1);
    return set;
}

static uint64_t advance(const pli__glob *g, uint64_t set, pli__str name) {
    uint64_t next = 0;
    for (size_t i = 0; i < g->n; i++) {
        if (!(set >> i & 1)) continue;
        if (g->any >> i & 1) next |= UINT64_C(1) << i;
        else if (pli__glob_match_name(g->parts[i], name)) next |= UINT64_C(1) << (i + 1);
    }
    return close_set(g, next);
}

/* The positions of the pattern that are possible behind a path. */
static uint64_t run(const pli__glob *g, const char *path) {
    uint64_t set = close_set(g, 1);
    while (*path && set) {
        const size_t n = strcspn(path, "/");
        set = advance(g, set, (pli__str){path, n});
        path += n + (path[n] == '/');
    }
    return set;
}

bool pli__glob_match(const pli__glob *g, const char *path) { return *path && run(g, path) >> g->n & 1; }

bool pli__glob_may_hold(const pli__glob *g, const char *dir) {
    return (run(g, dir) & ((UINT64_C(1) << g->n) - 1)) != 0;
}

static pli_status bad_pattern(const char *pattern, const char *why, pli_error *err) {
    return pli__error_set(err, PLI_E_ARGUMENT, "the pattern '%.200s' %s", pattern, why);
}

static pli_status add_part(pli__glob *g, pli__str part, const char *pattern, pli_error *err) {
    const bool any = pli__str_eqz(part, "**");
    if (part.len == 0 || pli__str_eqz(part, ".")) return PLI_OK;
    if (pli__str_eqz(part, "..")) return bad_pattern(pattern, "must not hold '..'", err);
    if (any && g->n && g->any >> (g->n - 1) & 1) return PLI_OK; /* two in a row are one */
    if (g->n >= PLI__GLOB_PARTS_MAX) return bad_pattern(pattern, "has too many components", err);
    if (any) g->any |= UINT64_C(1) << g->n;
    g->parts[g->n++] = part;
    return PLI_OK;
}

static pli_status split_pattern(pli__glob *g, const char *pattern, bool recursive, pli_error *err) {
    if (recursive) PLI_TRY(add_part(g, PLI_STR("**"), pattern, err));
    for (const char *p = g->text; *p;) {
        const size_t n = strcspn(p, "/");
        PLI_TRY(add_part(g, (pli__str){p, n}, pattern, err));
        p += n + (p[n] == '/');
    }
    if (g->n == (size_t)recursive && !strstr(pattern, "**")) return bad_pattern(pattern, "is empty", err);
    if (g->any >> (g->n - 1) & 1) g->parts[g->n++] = PLI_STR("*");
    return PLI_OK;
}

pli_status pli__glob_compile(const char *pattern, bool recursive, pli__glob **out, pli_error *err) {
    const size_t len = pattern ? strlen(pattern) : 0;
    if (len == 0) return bad_pattern("", "is empty", err);
    if (len > PLI__GLOB_LEN_MAX) return bad_pattern(pattern, "is too long", err);
    if (pattern[0] == '/') return bad_pattern(pattern, "must be relative", err);
    if (pattern[len - 1] == '/') return bad_pattern(pattern, "ends with '/' and would match folders only", err);
    PLI_AUTO(pli__glob_auto) pli__glob *g = calloc(1, sizeof *g);
    if (!g) return pli__error_memory(err);
    g->text = pli__strz_dup(pattern);
    if (!g->text) return pli__error_memory(err);
    PLI_TRY(split_pattern(g, pattern, recursive, err));
    *out = PLI_TAKE(g);
    return PLI_OK;
}

void pli__glob_free(pli__glob *g) {
    if (!g) return;
    free(g->text);
    free(g);
}

void pli__glob_auto(pli__glob **g) { pli__glob_free(*g); }

bool pli__glob_has_magic(pli__str s) {
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] == '*' || s.ptr[i] == '?' || s.ptr[i] == '[') return true;
    return false;
}

size_t pli__glob_fixed_prefix(pli__str path) {
    size_t fixed = 0;
    if (!pli__glob_has_magic(path)) return path.len;
    for (size_t i = 0; i < path.len; i++) {
        if (path.ptr[i] != '/') continue;
        if (pli__glob_has_magic((pli__str){path.ptr + fixed, i - fixed})) break;
        fixed = i;
    }
    return fixed == 0 && path.ptr[0] == '/' ? 1 : fixed;
}
