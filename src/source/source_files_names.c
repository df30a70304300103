/* The names of one listed folder: collecting, sorting, and one pass over what the index has. */
#include "source/source_files_names.h"

#include <stdlib.h>

#define NAMES_MAX 1000000 /* names compared with the index at a time */
#define NAME_BYTES_MAX ((size_t)48 << 20)

void pli__names_clear(files_names *l) {
    free(l->text);
    free(l->items);
}

void pli__names_reset(files_names *l) { l->n = l->text_len = 0; }

bool pli__names_are_many(const files_names *l) { return l->n >= NAMES_MAX || l->text_len > NAME_BYTES_MAX; }

pli__str pli__names_at(const files_names *l, size_t i) { return (pli__str){l->text + l->items[i].at, l->items[i].len}; }

static pli_status grow_names(files_names *l, size_t len, pli_error *err) {
    if (l->text_len + len > l->text_cap) {
        size_t cap = l->text_cap ? l->text_cap * 2 : 4096;
        while (cap < l->text_len + len) cap *= 2;
        char *text = realloc(l->text, cap);
        if (!text) return pli__error_memory(err);
        l->text = text;
        l->text_cap = cap;
    }
    if (l->n == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 256;
        listed_name *items = realloc(l->items, cap * sizeof *items);
        if (!items) return pli__error_memory(err);
        l->items = items;
        l->cap = cap;
    }
    return PLI_OK;
}

pli_status pli__names_add(files_names *l, pli__str name, pli_error *err) {
    PLI_TRY(grow_names(l, name.len, err));
    memcpy(l->text + l->text_len, name.ptr, name.len);
    l->items[l->n++] = (listed_name){0, (uint32_t)l->text_len, (uint32_t)name.len};
    l->text_len += name.len;
    return PLI_OK;
}

/* ---- sorting ---- */

static int by_text(const void *a, const void *b, void *arg) {
    const listed_name *x = a, *y = b;
    const char *text = arg;
    return pli__str_cmp((pli__str){text + x->at, x->len}, (pli__str){text + y->at, y->len});
}

/* The eight bytes behind the first `common` ones, as a number. */
static uint64_t key_of(pli__str name, size_t common) {
    uint64_t key = 0;
    for (size_t k = 0; k < 8; k++) key = key << 8 | (common + k < name.len ? (unsigned char)name.ptr[common + k] : 0);
    return key;
}

static size_t common_prefix(const files_names *l) {
    const pli__str first = pli__names_at(l, 0);
    size_t common = first.len;
    for (size_t i = 1; i < l->n && common; i++) {
        const pli__str other = pli__names_at(l, i);
        if (other.len < common) common = other.len;
        if (memcmp(first.ptr, other.ptr, common) == 0) continue;
        for (common = 0; first.ptr[common] == other.ptr[common];) common++;
    }
    return common;
}

static size_t common_suffix(const files_names *l, size_t common) {
    const pli__str first = pli__names_at(l, 0);
    size_t end = first.len - common;
    for (size_t i = 1; i < l->n && end; i++) {
        const pli__str other = pli__names_at(l, i);
        size_t k = 0, top = other.len - common < end ? other.len - common : end;
        while (k < top && first.ptr[first.len - 1 - k] == other.ptr[other.len - 1 - k]) k++;
        end = k;
    }
    return end;
}

/* By key, a byte at a time from the last; bytes in which all keys agree are passed over. */
static void radix_sort(listed_name *names, listed_name *spare, size_t n) {
    listed_name *from = names, *to = spare;
    for (unsigned shift = 0; shift < 64; shift += 8) {
        size_t at[257] = {0};
        for (size_t i = 0; i < n; i++) at[(from[i].key >> shift & 255) + 1]++;
        if (at[(from[0].key >> shift & 255) + 1] == n) continue;
        for (size_t k = 1; k < 257; k++) at[k] += at[k - 1];
        for (size_t i = 0; i < n; i++) to[at[from[i].key >> shift & 255]++] = from[i];
        listed_name *swap = from;
        from = to;
        to = swap;
    }
    if (from != names) memcpy(names, from, n * sizeof *names);
}

/* Most names of a folder begin alike: skip that, and let eight bytes decide nearly every comparison. */
pli_status pli__names_sort(files_names *l, pli_error *err) {
    if (!l->n) return PLI_OK;
    l->common = common_prefix(l);
    l->common_end = common_suffix(l, l->common);
    PLI_AUTO(pli__free_ptr) listed_name *spare = malloc(l->n * sizeof *spare);
    if (!spare) return pli__error_memory(err);
    for (size_t i = 0; i < l->n; i++) l->items[i].key = key_of(pli__names_at(l, i), l->common);
    radix_sort(l->items, spare, l->n);
    for (size_t i = 0, end; i < l->n; i = end) {
        for (end = i + 1; end < l->n && l->items[end].key == l->items[i].key;) end++;
        if (end - i > 1) qsort_r(l->items + i, end - i, sizeof *l->items, by_text, l->text);
    }
    return PLI_OK;
}

/* ---- against the index ---- */

#define KNOWN UINT32_MAX /* .at of a listed name that the index has */
#define AHEAD 16         /* texts are far apart in memory: ask for them early */

typedef struct merger {
    files_names *l;
    pli__str first; /* one of the listed names, which all begin and end alike */
    size_t at;
    files_rows *known;
} merger;

/* Does the index's name begin and end like the listed ones? */
static bool is_alike(const merger *m, pli__str name) {
    const size_t begin = m->l->common, end = m->l->common_end;
    return name.len >= begin + end && memcmp(name.ptr, m->first.ptr, begin) == 0 &&
           memcmp(name.ptr + name.len - end, m->first.ptr + m->first.len - end, end) == 0;
}

static pli_status merge_known(void *arg, const pli__index_file *f, pli_error *err) {
    merger *m = arg;
    files_names *l = m->l;
    if (!is_alike(m, f->name)) return PLI_OK;
    const uint64_t key = key_of(f->name, l->common);
    /* Where the key covers all that is between the common beginning and end, the text need not be looked at. */
    const bool covered = f->name.len <= l->common + 8 + l->common_end;
    /* both sides ascend: what is passed is not in the index */
    for (; m->at < l->n && l->items[m->at].key <= key; m->at++) {
        listed_name *e = &l->items[m->at];
        if (e->key < key) continue;
        if (!covered && m->at + AHEAD < l->n) __builtin_prefetch(l->text + l->items[m->at + AHEAD].at);
        const int c = covered && e->len == f->name.len ? 0 : pli__str_cmp(pli__names_at(l, m->at), f->name);
        if (c < 0) continue;
        if (c > 0) return PLI_OK;
        e->at = KNOWN;
        m->at++;
        return m->known ? pli__files_rows_add(m->known, f, err) : PLI_OK;
    }
    return PLI_OK;
}

pli_status pli__names_drop_known(files_names *l, pli__index *x, int64_t folder, files_rows *known, pli_error *err) {
    if (!l->n) return PLI_OK;
    PLI_AUTO(pli__free_ptr) char *first = pli__str_dup(pli__names_at(l, 0)); /* its place is marked on the way */
    if (!first) return pli__error_memory(err);
    merger m = {.l = l, .first = {first, l->items[0].len}, .known = known};
    PLI_TRY(known ? pli__index_files(x, folder, (pli__str){0}, merge_known, &m, err)
                  : pli__index_names(x, folder, merge_known, &m, err));
    size_t kept = 0;
    for (size_t i = 0; i < l->n; i++)
        if (l->items[i].at != KNOWN) l->items[kept++] = l->items[i];
    l->n = kept;
    return PLI_OK;
}
