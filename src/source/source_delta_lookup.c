/* The files of a batch in the log: pages of a snapshot, added files of commits, ranges of the change feed. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/json.h"
#include "source/source_delta_read.h"

static pli_status not_in_log(const delta_read *r, const delta_input *in, int64_t version, pli_error *err) {
    return pli__error_set(err, PLI_E_DATA_LOSS,
                          "version %" PRId64 " of '%s' does not bring '%s', which the batch reads", version,
                          pli__delta_root(r->s->table), in->path);
}

/* ---- pages of a snapshot ---- */

typedef struct page {
    delta_read *r;
    delta_group *group;
    pli__map *wanted; /* local paths; those that were found are taken out */
    bool feed;
    int64_t time_us;
    pli__buf path;
} page;

static void page_clear(page *p) {
    pli__map_free(p->wanted);
    pli__buf_clear(&p->path);
}

static pli_status take_page_file(void *arg, const pli__add *a, pli_error *err) {
    page *p = arg;
    pli__buf_reset(&p->path);
    PLI_TRY(pli__delta_local_path(p->r->s, a->path, &p->path, err));
    if (!pli__map_remove(p->wanted, pli__buf_str(&p->path), NULL)) return PLI_OK;
    const pli__file_relation_file f = {.log_path = a->path,
                                       .n_values = a->n_partition_values,
                                       .values = a->partition_values,
                                       .change_type = p->feed ? "insert" : NULL,
                                       .version = p->r->version,
                                       .time_us = p->time_us};
    return pli__delta_group_add(p->r, p->group, &f, &a->dv, err);
}

/* As `pli delta changes` would tell it; the offset's word where the commit is gone. */
static pli_status page_time(page *p, pli_error *err) {
    const json_t *entry = json_array_get(json_object_get(p->r->offset, "file_entries"), 0);
    if (!p->feed) return PLI_OK;
    const pli_status status = pli__delta_version_time(p->r->s->table, p->r->version, &p->time_us, err);
    if (status != PLI_E_NOT_FOUND) return status;
    pli__error_clear(err);
    p->time_us = json_integer_value(json_object_get(entry, "commit_timestamp")) * 1000;
    return PLI_OK;
}

pli_status pli__delta_read_snapshot(delta_read *r, pli_error *err) {
    PLI_AUTO(page_clear)
    page p = {.r = r, .wanted = pli__map_new(), .feed = json_is_array(json_object_get(r->offset, "file_entries"))};
    if (!p.wanted) return pli__error_memory(err);
    for (size_t i = 0; i < r->n; i++)
        if (!r->inputs[i].gone && !pli__map_put(p.wanted, pli__str_of(r->inputs[i].path), NULL, NULL))
            return pli__error_memory(err);
    PLI_TRY(page_time(&p, err));
    PLI_TRY(pli__delta_group_at(r, r->version, p.feed, &p.group, err));
    p.group->n = r->n;
    PLI_TRY(pli__snapshot_files(p.group->snapshot, PLI__FILES_PARTITIONS | PLI__FILES_DV, take_page_file, &p, err));
    for (size_t i = 0; i < r->n; i++)
        if (pli__map_has(p.wanted, pli__str_of(r->inputs[i].path)))
            return not_in_log(r, &r->inputs[i], r->version, err);
    return PLI_OK;
}

/* ---- added files of commits ---- */

/* Local paths of the commit's adds; values are positions + 1. */
static pli_status index_adds(const delta_read *r, const delta_commit *c, pli__map **out, pli_error *err) {
    PLI_AUTO(pli__map_auto) pli__map *m = pli__map_new();
    PLI_AUTO(pli__buf_clear) pli__buf path = {0};
    if (!m) return pli__error_memory(err);
    for (size_t i = 0; i < c->n_files; i++) {
        if (c->files[i].kind != PLI__ACTION_ADD) continue;
        pli__buf_reset(&path);
        PLI_TRY(pli__delta_local_path(r->s, c->files[i].path, &path, err));
        if (!pli__map_put(m, pli__buf_str(&path), (void *)(uintptr_t)(i + 1), NULL)) return pli__error_memory(err);
    }
    *out = PLI_TAKE(m);
    return PLI_OK;
}

/* Offsets that were not made here do not say which commit brought a file: the newest one that fits, backwards. */
static pli_status find_versions(delta_read *r, pli_error *err) {
    PLI_AUTO(delta_commit_clear) delta_commit c = {0};
    size_t left = r->n;
    for (size_t i = 0; i < r->n; i++)
        if (r->inputs[i].version >= 0) return PLI_OK;
    for (int64_t v = r->version; left && v >= 0; v--) {
        PLI_AUTO(pli__map_auto) pli__map *adds = NULL;
        PLI_TRY(pli__env_check_cancel(r->s->env, err));
        if (pli__delta_commit_read(r->s->table, v, false, &c, err) != PLI_OK) break;
        PLI_TRY(index_adds(r, &c, &adds, err));
        for (; left && pli__map_has(adds, pli__str_of(r->inputs[left - 1].path)); left--)
            r->inputs[left - 1].version = v;
    }
    pli__error_clear(err);
    return left ? not_in_log(r, &r->inputs[left - 1], r->version, err) : PLI_OK;
}

/* Inputs from *next on that the commit brings. */
static pli_status add_commit(delta_read *r, const delta_commit *c, delta_group *g, size_t *next, pli_error *err) {
    PLI_AUTO(pli__map_auto) pli__map *adds = NULL;
    PLI_TRY(index_adds(r, c, &adds, err));
    for (; *next < r->n && r->inputs[*next].version == c->version; (*next)++) {
        const delta_input *in = &r->inputs[*next];
        const size_t at = (size_t)(uintptr_t)pli__map_get(adds, pli__str_of(in->path));
        if (!at) return not_in_log(r, in, c->version, err);
        g->n++;
        if (in->gone) continue;
        const delta_file *f = &c->files[at - 1];
        const pli__file_relation_file file = {.log_path = f->path, .n_values = f->n_values, .values = f->values};
        PLI_TRY(pli__delta_group_add(r, g, &file, &f->dv, err));
    }
    return PLI_OK;
}

static pli_status read_commit(delta_read *r, delta_commit *c, bool *stale, size_t *next, pli_error *err) {
    delta_groups *all = r->groups;
    delta_group *g = all->n ? &all->items[all->n - 1] : NULL;
    *stale |= c->has_metadata;
    if (r->inputs[*next].version != c->version) return PLI_OK;
    if (*stale || !g) {
        const size_t before = all->n;
        PLI_TRY(pli__delta_group_at(r, c->version, false, &g, err));
        if (all->n > before) g->first = *next;
    }
    *stale = false;
    return add_commit(r, c, g, next, err);
}

pli_status pli__delta_read_commits(delta_read *r, pli_error *err) {
    PLI_AUTO(delta_commit_clear) delta_commit c = {0};
    bool stale = true;
    size_t next = 0;
    PLI_TRY(find_versions(r, err));
    for (int64_t v = r->n ? r->inputs[0].version : 0; next < r->n; v++) {
        PLI_TRY(pli__env_check_cancel(r->s->env, err));
        if (v > r->inputs[next].version)
            return not_in_log(r, &r->inputs[next], r->inputs[next].version, err); /* not in order */
        const pli_status status = pli__delta_commit_read(r->s->table, v, true, &c, err);
        if (status == PLI_E_NOT_FOUND && r->inputs[next].version != v) { /* a gap that was accepted */
            pli__error_clear(err);
            stale = true;
            continue;
        }
        if (status == PLI_E_NOT_FOUND) return not_in_log(r, &r->inputs[next], v, err);
        PLI_TRY(status);
        PLI_TRY(read_commit(r, &c, &stale, &next, err));
    }
    return PLI_OK;
}

/* ---- the change feed ---- */

/* One range of versions as a group of its own. */
static pli_status add_range(delta_read *r, int64_t from, int64_t to, size_t first, size_t n, pli_error *err) {
    delta_groups *g = r->groups;
    const pli__changes_options options = {
        .from = from, .to = to, .synthesize = true}; /* what needs the feed was refused by the plan */
    if (g->n == g->cap) {
        const size_t cap = g->cap ? g->cap * 2 : 4;
        delta_group *moved = realloc(g->items, cap * sizeof *moved);
        if (!moved) return pli__error_memory(err);
        g->items = moved;
        g->cap = cap;
    }
    delta_group *made = &g->items[g->n++];
    *made = (delta_group){.first = first, .n = n};
    return pli__changes_new(r->s->table, &options, &made->changes, err);
}

/* May a range that ends with `to` go on to `version`? Commits between must be there, and the schema must stay that of its start. */
static pli_status may_join(const delta_read *r, pli__snapshot *start, int64_t to, int64_t version, bool *out,
                           pli_error *err) {
    PLI_AUTO(delta_commit_clear) delta_commit c = {0};
    bool metadata = false;
    *out = false;
    for (int64_t v = to + 1; v <= version; v++) {
        const pli_status status = pli__delta_commit_read(r->s->table, v, false, &c, err);
        if (status == PLI_E_NOT_FOUND) return pli__error_clear(err), PLI_OK;
        PLI_TRY(status);
        metadata |= c.has_metadata;
    }
    *out = true;
    if (!metadata) return PLI_OK;
    PLI_AUTO(pli__snapshot_auto) pli__snapshot *then = NULL;
    PLI_TRY(pli__snapshot_advance(start, version, &then, err));
    *out = pli__delta_same_schema(start, then);
    return PLI_OK;
}

/* Of a version with a missing file nothing is told: half of its changes would be worse than none. */
static bool is_whole(const delta_read *r, size_t first, size_t *end) {
    bool whole = true;
    for (*end = first; *end < r->n && r->inputs[*end].version == r->inputs[first].version; (*end)++)
        whole &= !r->inputs[*end].gone;
    return whole;
}

pli_status pli__delta_read_feed(delta_read *r, pli_error *err) {
    size_t end = 0;
    for (size_t i = 0; i < r->n; i = end) {
        if (!is_whole(r, i, &end)) continue;
        PLI_AUTO(pli__snapshot_auto) pli__snapshot *start = NULL;
        const int64_t from = r->inputs[i].version;
        int64_t to = from;
        PLI_TRY(pli__snapshot_open(r->s->table, from, NULL, &start, err));
        for (size_t next = end; next < r->n && is_whole(r, next, &next); end = next) {
            bool join = false;
            PLI_TRY(may_join(r, start, to, r->inputs[end].version, &join, err));
            if (!join) break;
            to = r->inputs[end].version;
        }
        PLI_TRY(add_range(r, from, to, i, end - i, err));
    }
    return PLI_OK;
}
