/*
 * The names of records: which batches are planned, which are committed, and what their numbers alone prove to be
 * damaged. Only names are listed, never contents: a checkpoint of a thousand batches opens in a millisecond or two.
 */
#include <stdio.h>
#include <stdlib.h>

#include "checkpoint/checkpoint_impl.h"

#define MAX_IDS ((size_t)1 << 26)

bool pli__record_id(const char *name, int64_t *out) {
    pli__str s = pli__str_of(name);
    if (!pli__str_ends(s, PLI_STR(".json"))) return false;
    s.len -= 5;
    if (s.len == 0 || s.len > 18 || (s.len > 1 && s.ptr[0] == '0')) return false;
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] < '0' || s.ptr[i] > '9') return false;
    return pli__str_to_i64(s, out);
}

void pli__ids_clear(pli__ids *ids) {
    free(ids->items);
    *ids = (pli__ids){0};
}

static pli_status ids_reserve(pli__ids *ids, pli_error *err) {
    if (ids->n < ids->cap) return PLI_OK;
    if (ids->n >= MAX_IDS) return pli__error_set(err, PLI_E_LIMIT, "more than %zu records in a checkpoint", MAX_IDS);
    size_t cap = ids->cap ? ids->cap * 2 : 256;
    int64_t *items = realloc(ids->items, cap * sizeof *items);
    if (!items) return pli__error_memory(err);
    ids->items = items;
    ids->cap = cap;
    return PLI_OK;
}

/* Index of the first id that is not below n. */
static size_t ids_lower(const pli__ids *ids, int64_t n) {
    size_t lo = 0, hi = ids->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (ids->items[mid] < n) lo = mid + 1;
        else hi = mid;
    }
    return lo;
}

bool pli__ids_has(const pli__ids *ids, int64_t n) {
    size_t i = ids_lower(ids, n);
    return i < ids->n && ids->items[i] == n;
}

pli_status pli__ids_add(pli__ids *ids, int64_t n, pli_error *err) {
    size_t i = ids_lower(ids, n);
    if (i < ids->n && ids->items[i] == n) return PLI_OK;
    PLI_TRY(ids_reserve(ids, err));
    memmove(ids->items + i + 1, ids->items + i, (ids->n - i) * sizeof *ids->items);
    ids->items[i] = n;
    ids->n++;
    return PLI_OK;
}

typedef struct listing {
    pli__ids *ids;
    int64_t above;   /* cleaned away up to here */
    int64_t through; /* truncated behind here */
} listing;

static pli_status take_name(void *arg, const pli__store_entry *entry, pli_error *err) {
    listing *l = arg;
    int64_t id = 0;
    if (!pli__record_id(entry->name, &id) || id <= l->above || id > l->through) return PLI_OK;
    PLI_TRY(ids_reserve(l->ids, err));
    l->ids->items[l->ids->n++] = id;
    return PLI_OK;
}

static int compare_ids(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static pli_status list_ids(pli__checkpoint *cp, const char *folder, int64_t above, int64_t through, pli__ids *ids,
                           pli_error *err) {
    ids->n = 0;
    if (cp->absent) return PLI_OK;
    listing l = {ids, above, through};
    PLI_TRY(pli__store_list(cp->store, folder, NULL, false, take_name, &l, err));
    if (ids->n) qsort(ids->items, ids->n, sizeof *ids->items, compare_ids);
    return PLI_OK;
}

pli_status pli__checkpoint_list_folder(pli__checkpoint *cp, const char *folder, pli__ids *out, pli_error *err) {
    return list_ids(cp, folder, -1, INT64_MAX, out, err);
}

pli_status pli__checkpoint_list(pli__checkpoint *cp, pli_error *err) {
    int64_t through = INT64_MAX;
    PLI_TRY(pli__json_get_i64(cp->metadata, "truncate_through", "metadata.json", false, &through, err));
    /* Commits first: a runner beside us may add an offset and its commit meanwhile, and a commit that we see must not
     * lack its offset. */
    PLI_TRY(list_ids(cp, "commits", cp->cleaned_through, through, &cp->commits, err));
    return list_ids(cp, "offsets", cp->cleaned_through, through, &cp->offsets, err);
}

static int64_t last_of(const pli__ids *ids) { return ids->n ? ids->items[ids->n - 1] : -1; }

int64_t pli__checkpoint_last_offset(const pli__checkpoint *cp) { return last_of(&cp->offsets); }
int64_t pli__checkpoint_last_commit(const pli__checkpoint *cp) { return last_of(&cp->commits); }
int64_t pli__checkpoint_first_offset(const pli__checkpoint *cp) { return cp->offsets.n ? cp->offsets.items[0] : -1; }
bool pli__checkpoint_has_commit(const pli__checkpoint *cp, int64_t n) { return pli__ids_has(&cp->commits, n); }

const int64_t *pli__checkpoint_offset_ids(const pli__checkpoint *cp, size_t *n) {
    *n = cp->offsets.n;
    return cp->offsets.items;
}

const int64_t *pli__checkpoint_commit_ids(const pli__checkpoint *cp, size_t *n) {
    *n = cp->commits.n;
    return cp->commits.items;
}

static pli_status damaged(pli_error *err, const pli__checkpoint *cp, const char *kind, int64_t id, const char *why) {
    pli__error_set(err, PLI_E_CORRUPT, "checkpoint '%s' is damaged: %s/%lld.json is missing, %s", cp->dir, kind,
                   (long long)id, why);
    pli__error_hint(err, "restore the file from a copy, or see `pli checkpoint verify`");
    return PLI_E_CORRUPT;
}

/* ---- seen/: what cleaned records named is kept as "cleaned-<from>-<to>.ndjson.zst" ---- */

typedef struct span {
    int64_t from, to;
} span;

typedef struct spans {
    span items[4096];
    size_t n;
} spans;

static pli_status take_span(void *arg, const pli__store_entry *entry, pli_error *err) {
    spans *s = arg;
    long long from = 0, to = 0;
    int end = 0;
    if (sscanf(entry->name, "cleaned-%18lld-%18lld%n", &from, &to, &end) != 2 ||
        strcmp(entry->name + end, ".ndjson.zst") != 0)
        return PLI_OK;
    if (s->n == sizeof s->items / sizeof *s->items)
        return pli__error_set(err, PLI_E_LIMIT, "more than %zu files in 'seen'", s->n);
    s->items[s->n++] = (span){from, to};
    return PLI_OK;
}

static pli_status check_cleaned(pli__checkpoint *cp, pli_error *err) {
    const char *kind = json_string_value(json_object_get(cp->metadata, "source"));
    if (cp->cleaned_through < 0 || (kind && strcmp(kind, "files") != 0)) return PLI_OK;
    PLI_AUTO(pli__free_ptr) spans *s = calloc(1, sizeof *s);
    if (!s) return pli__error_memory(err);
    PLI_TRY(pli__store_list(cp->store, "seen", NULL, false, take_span, s, err));
    int64_t next = 0;
    for (bool moved = true; moved && next <= cp->cleaned_through;) {
        moved = false;
        for (size_t i = 0; i < s->n; i++)
            if (s->items[i].from <= next && s->items[i].to >= next) {
                next = s->items[i].to + 1;
                moved = true;
            }
    }
    if (next > cp->cleaned_through) return PLI_OK;
    return pli__error_set(
        err, PLI_E_CORRUPT,
        "checkpoint '%s' is damaged: batches up to %lld were cleaned away, and no file of 'seen' says what batch %lld read",
        cp->dir, (long long)cp->cleaned_through, (long long)next);
}

pli_status pli__checkpoint_check(pli__checkpoint *cp, pli_error *err) {
    int64_t first = cp->cleaned_through + 1;
    for (size_t i = 0; i < cp->offsets.n; i++)
        if (cp->offsets.items[i] != first + (int64_t)i)
            return damaged(err, cp, "offsets", first + (int64_t)i, "and a later one exists");
    for (size_t i = 0; i < cp->commits.n; i++)
        if (cp->commits.items[i] != first + (int64_t)i)
            return damaged(err, cp, "commits", first + (int64_t)i, "and a later batch is committed");
    if (cp->commits.n > cp->offsets.n)
        return damaged(err, cp, "offsets", first + (int64_t)cp->offsets.n, "but the batch is committed");
    return check_cleaned(cp, err);
}

pli_status pli__checkpoint_pending(pli__checkpoint *cp, int64_t *out, pli_error *err) {
    *out = -1;
    PLI_TRY(pli__checkpoint_check(cp, err));
    if (cp->offsets.n > cp->commits.n) *out = cp->offsets.items[cp->commits.n];
    return PLI_OK;
}

pli_status pli__checkpoint_refresh(pli__checkpoint *cp, pli_error *err) {
    if (cp->absent) return PLI_OK;
    json_t *metadata = NULL;
    PLI_TRY(pli__checkpoint_load_metadata(cp, &metadata, err));
    if (!metadata) return pli__error_set(err, PLI_E_CORRUPT, "'%s/metadata.json' is gone", cp->dir);
    PLI_TRY(pli__checkpoint_adopt_metadata(cp, metadata, err));
    return pli__checkpoint_list(cp, err);
}
