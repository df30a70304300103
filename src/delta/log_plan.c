/* The way through a range of versions with the fewest files. */
#include "delta/log_plan.h"

#include <stdlib.h>
#include <string.h>

#define PLAN_MAX ((int64_t)10000000) /* versions of a range that compacted files are looked for in */

void pli__log_plan_clear(pli__log_plan *p) {
    free(p->compactions);
    *p = (pli__log_plan){0};
}

/* How each version of the range is best arrived at. */
typedef struct {
    const pli__log_listing *l;
    int64_t from, to;
    size_t *steps;               /* [i]: files read to be at version from - 1 + i, SIZE_MAX = not possible */
    const pli__log_compaction **by; /* [i]: the compacted file that leads there, NULL = the commit */
    size_t next_commit, next_compaction;
} search;

static void search_clear(search *s) {
    free(s->steps);
    free((void *)s->by);
}

static void arrive(search *s, size_t at, size_t steps, const pli__log_compaction *by) {
    if (steps >= s->steps[at]) return;
    s->steps[at] = steps;
    s->by[at] = by;
}

/* From version v - 1, which can be reached, on by commit v and by every compacted file that begins there. */
static void go_on(search *s, int64_t v) {
    const size_t at = (size_t)(v - s->from), steps = s->steps[at];
    const pli__log_listing *l = s->l;
    while (s->next_commit < l->n_commits && l->commits[s->next_commit] < v) s->next_commit++;
    while (s->next_compaction < l->n_compactions && l->compactions[s->next_compaction].from < v) s->next_compaction++;
    if (steps == SIZE_MAX) return;
    if (s->next_commit < l->n_commits && l->commits[s->next_commit] == v) arrive(s, at + 1, steps + 1, NULL);
    for (size_t k = s->next_compaction; k < l->n_compactions && l->compactions[k].from == v; k++)
        if (l->compactions[k].to <= s->to)
            arrive(s, at + (size_t)(l->compactions[k].to - v) + 1, steps + 1, &l->compactions[k]);
}

static pli_status take_way(const search *s, pli__log_plan *out, pli_error *err) {
    const size_t n = (size_t)(s->to - s->from) + 1;
    pli__log_plan p = {0};
    size_t used = 0;
    for (size_t at = n; at > 0;
         used += s->by[at] != NULL, at -= s->by[at] ? (size_t)(s->by[at]->to - s->by[at]->from) + 1 : 1) {}
    if (used && !(p.compactions = malloc(used * sizeof *p.compactions))) return pli__error_memory(err);
    p.n = used;
    for (size_t at = n; at > 0;) {
        const pli__log_compaction *c = s->by[at];
        if (c) p.compactions[--used] = *c;
        at -= c ? (size_t)(c->to - c->from) + 1 : 1;
    }
    *out = p;
    return PLI_OK;
}

static pli_status find_way(const pli__log_listing *l, int64_t from, int64_t to, pli__log_plan *out, bool *found,
                           pli_error *err) {
    const size_t n = (size_t)(to - from) + 1;
    PLI_AUTO(search_clear)
    search s = {.l = l,
                .from = from,
                .to = to,
                .steps = malloc((n + 1) * sizeof *s.steps),
                .by = calloc(n + 1, sizeof(pli__log_compaction *))};
    if (!s.steps || !s.by) return pli__error_memory(err);
    s.steps[0] = 0;
    for (size_t i = 1; i <= n; i++) s.steps[i] = SIZE_MAX;
    for (int64_t v = from; v <= to; v++) go_on(&s, v);
    *found = s.steps[n] != SIZE_MAX;
    return *found ? take_way(&s, out, err) : PLI_OK;
}

static bool any_within(const pli__log_listing *l, int64_t from, int64_t to) {
    for (size_t i = 0; i < l->n_compactions; i++)
        if (l->compactions[i].from >= from && l->compactions[i].to <= to) return true;
    return false;
}

pli_status pli__log_plan_make(const pli__log_listing *l, int64_t from, int64_t to, pli__log_plan_use use,
                              pli__log_plan *out, bool *found, int64_t *missing, pli_error *err) {
    const bool by_commits = pli__log_listing_contiguous(l, from, to, missing);
    *out = (pli__log_plan){0};
    *found = by_commits;
    if (use == PLI__COMPACTIONS_NONE || (by_commits && use == PLI__COMPACTIONS_GAPS)) return PLI_OK;
    if (!any_within(l, from, to) || to - from >= PLAN_MAX) return PLI_OK;
    return find_way(l, from, to, out, found, err);
}

pli_status pli__log_plan_copy(const pli__log_plan *from, pli__log_plan *out, pli_error *err) {
    *out = (pli__log_plan){0};
    if (!from->n) return PLI_OK;
    out->compactions = malloc(from->n * sizeof *out->compactions);
    if (!out->compactions) return pli__error_memory(err);
    memcpy(out->compactions, from->compactions, from->n * sizeof *out->compactions);
    out->n = from->n;
    return PLI_OK;
}

const pli__log_compaction *pli__log_plan_at(const pli__log_plan *p, int64_t version, int64_t most) {
    for (size_t i = 0; i < p->n && p->compactions[i].from <= version; i++)
        if (p->compactions[i].from == version && p->compactions[i].to <= most) return &p->compactions[i];
    return NULL;
}
