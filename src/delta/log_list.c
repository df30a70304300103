/* What lies in `_delta_log`: names into commits and complete checkpoints. */
#include "delta/log_list.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"

enum { VERSION_DIGITS = 20, PART_DIGITS = 10, UUID_LENGTH = 36, HINT_MAX = 64 << 20 };

void pli__log_commit_name(int64_t version, char out[32]) { snprintf(out, 32, "%020" PRId64 ".json", version); }

void pli__log_compaction_name(pli__log_compaction c, char out[64]) {
    snprintf(out, 64, "%020" PRId64 ".%020" PRId64 ".compacted.json", c.from, c.to);
}

/* Exactly n digits at the start of *s, which moves behind them. */
static bool take_digits(pli__str *s, size_t n, int64_t *out) {
    if (s->len < n) return false;
    for (size_t i = 0; i < n; i++)
        if (s->ptr[i] < '0' || s->ptr[i] > '9') return false;
    if (!pli__str_to_i64((pli__str){s->ptr, n}, out)) return false;
    *s = (pli__str){s->ptr + n, s->len - n};
    return true;
}

static bool take(pli__str *s, pli__str prefix) {
    if (!pli__str_starts(*s, prefix)) return false;
    *s = (pli__str){s->ptr + prefix.len, s->len - prefix.len};
    return true;
}

/* A multi-part checkpoint that is being gathered. Its parts come in order, but two of them at one version, with
 * different numbers of parts, interleave. */
typedef struct gathering {
    struct gathering *next;
    int64_t version, count, seen;
    const char **names;
} gathering;

typedef struct {
    pli__log_listing *l;
    gathering *open; /* of the newest version seen */
} listing;

#define PARTS_MAX 100000 /* parts of one checkpoint */

static pli_status grow(void **items, size_t n, size_t *cap, size_t size, pli_error *err) {
    if (n < *cap) return PLI_OK;
    const size_t more = *cap ? *cap * 2 : 64;
    void *moved = realloc(*items, more * size);
    if (!moved) return pli__error_memory(err);
    *items = moved;
    *cap = more;
    return PLI_OK;
}

static pli_status add_commit(pli__log_listing *l, int64_t version, pli_error *err) {
    PLI_TRY(grow((void **)&l->commits, l->n_commits, &l->cap_commits, sizeof *l->commits, err));
    l->commits[l->n_commits++] = version;
    return PLI_OK;
}

static pli_status add_checkpoint(pli__log_listing *l, pli__log_checkpoint_ref ref, pli_error *err) {
    if (!ref.names) return pli__error_memory(err);
    PLI_TRY(grow((void **)&l->checkpoints, l->n_checkpoints, &l->cap_checkpoints, sizeof *l->checkpoints, err));
    l->checkpoints[l->n_checkpoints++] = ref;
    return PLI_OK;
}

static pli_status add_single(pli__log_listing *l, int64_t version, pli__log_checkpoint_kind kind, const char *name,
                             pli_error *err) {
    const char **names = pli__arena_alloc(&l->arena, sizeof *names);
    if (!names) return pli__error_memory(err);
    names[0] = pli__arena_strdup(&l->arena, pli__str_of(name));
    if (!names[0]) return pli__error_memory(err);
    return add_checkpoint(l, (pli__log_checkpoint_ref){version, kind, 1, names}, err);
}

static pli_status begin_gathering(listing *s, int64_t version, int64_t count, pli_error *err) {
    gathering *g = pli__arena_calloc(&s->l->arena, 1, sizeof *g);
    const char **names = pli__arena_alloc(&s->l->arena, sizeof *names * (size_t)count);
    if (!g || !names) return pli__error_memory(err);
    if (s->open && s->open->version != version) s->open = NULL;
    *g = (gathering){.next = s->open, .version = version, .count = count, .names = names};
    s->open = g;
    return PLI_OK;
}

static pli_status add_part(listing *s, int64_t version, int64_t part, int64_t count, const char *name, pli_error *err) {
    if (part == 1 && count >= 1 && count <= PARTS_MAX) PLI_TRY(begin_gathering(s, version, count, err));
    gathering *g = s->open;
    while (g && (g->version != version || g->count != count || g->seen != part - 1)) g = g->next;
    if (!g) return PLI_OK; /* a part before it is missing */
    g->names[g->seen] = pli__arena_strdup(&s->l->arena, pli__str_of(name));
    if (!g->names[g->seen++]) return pli__error_memory(err);
    if (g->seen < count) return PLI_OK;
    return add_checkpoint(
        s->l, (pli__log_checkpoint_ref){version, PLI__CHECKPOINT_MULTI_PART, (uint32_t)count, g->names}, err);
}

static pli_status visit_checkpoint(listing *s, int64_t version, pli__str rest, const char *name, pli_error *err) {
    int64_t part, count;
    if (pli__str_eqz(rest, ".parquet")) return add_single(s->l, version, PLI__CHECKPOINT_CLASSIC, name, err);
    if (!take(&rest, PLI_STR("."))) return PLI_OK;
    pli__str parts = rest;
    if (take_digits(&parts, PART_DIGITS, &part) && take(&parts, PLI_STR(".")) &&
        take_digits(&parts, PART_DIGITS, &count) && pli__str_eqz(parts, ".parquet"))
        return add_part(s, version, part, count, name, err);
    if (rest.len < UUID_LENGTH) return PLI_OK;
    const pli__str ending = {rest.ptr + UUID_LENGTH, rest.len - UUID_LENGTH};
    if (pli__str_eqz(ending, ".json")) return add_single(s->l, version, PLI__CHECKPOINT_V2_JSON, name, err);
    if (pli__str_eqz(ending, ".parquet")) return add_single(s->l, version, PLI__CHECKPOINT_V2_PARQUET, name, err);
    return PLI_OK;
}

/* "<to>.compacted.json" */
static pli_status visit_compaction(listing *s, int64_t from, pli__str rest, pli_error *err) {
    pli__log_listing *l = s->l;
    int64_t to;
    if (!take_digits(&rest, VERSION_DIGITS, &to) || !pli__str_eqz(rest, ".compacted.json") || to <= from) return PLI_OK;
    PLI_TRY(grow((void **)&l->compactions, l->n_compactions, &l->cap_compactions, sizeof *l->compactions, err));
    l->compactions[l->n_compactions++] = (pli__log_compaction){from, to};
    return PLI_OK;
}

static pli_status visit_name(void *arg, const pli__store_entry *entry, pli_error *err) {
    listing *s = arg;
    pli__str rest = pli__str_of(entry->name);
    int64_t version;
    if (rest.len > PLI__LOG_NAME_MAX || !take_digits(&rest, VERSION_DIGITS, &version)) return PLI_OK;
    if (pli__str_eqz(rest, ".json")) return add_commit(s->l, version, err);
    if (take(&rest, PLI_STR(".checkpoint"))) return visit_checkpoint(s, version, rest, entry->name, err);
    if (take(&rest, PLI_STR("."))) return visit_compaction(s, version, rest, err);
    return PLI_OK;
}

static int compare_checkpoints(const void *a, const void *b) {
    const pli__log_checkpoint_ref *x = a, *y = b;
    if (x->version != y->version) return x->version < y->version ? -1 : 1;
    return (int)x->kind - (int)y->kind;
}

pli_status pli__log_list(pli__store *log, int64_t from_version, pli__log_listing *out, pli_error *err) {
    char from[32] = "";
    if (from_version > 0) snprintf(from, sizeof from, "%020" PRId64, from_version);
    PLI_AUTO(pli__log_listing_clear) pli__log_listing l = {0};
    listing s = {.l = &l};
    PLI_TRY(pli__store_list(log, "", from, false, visit_name, &s, err));
    if (l.n_checkpoints) qsort(l.checkpoints, l.n_checkpoints, sizeof *l.checkpoints, compare_checkpoints);
    *out = l;
    l = (pli__log_listing){0};
    return PLI_OK;
}

void pli__log_listing_clear(pli__log_listing *l) {
    pli__arena_clear(&l->arena);
    free(l->commits);
    free(l->checkpoints);
    free(l->compactions);
    *l = (pli__log_listing){0};
}

int64_t pli__log_listing_last(const pli__log_listing *l) {
    const int64_t commit = l->n_commits ? l->commits[l->n_commits - 1] : -1;
    const int64_t checkpoint = l->n_checkpoints ? l->checkpoints[l->n_checkpoints - 1].version : -1;
    return commit > checkpoint ? commit : checkpoint;
}

bool pli__log_listing_contiguous(const pli__log_listing *l, int64_t from, int64_t to, int64_t *missing) {
    size_t lo = 0, hi = l->n_commits;
    while (lo < hi) {
        const size_t mid = lo + (hi - lo) / 2;
        if (l->commits[mid] < from) lo = mid + 1;
        else hi = mid;
    }
    for (int64_t v = from; v <= to; v++, lo++) {
        if (lo < l->n_commits && l->commits[lo] == v) continue;
        *missing = v;
        return false;
    }
    return true;
}

int64_t pli__log_hint_version(pli__store *log) {
    PLI_AUTO(pli__buf_clear) pli__buf text = {0};
    PLI_AUTO(pli__json_unref) json_t *hint = NULL;
    int64_t version = -1;
    if (pli__store_get(log, "_last_checkpoint", HINT_MAX, &text, NULL) != PLI_OK) return -1;
    if (pli__json_parse(pli__buf_str(&text), "_last_checkpoint", &hint, NULL) != PLI_OK) return -1;
    if (pli__json_get_i64(hint, "version", "_last_checkpoint", true, &version, NULL) != PLI_OK) return -1;
    return version < 0 ? -1 : version;
}
