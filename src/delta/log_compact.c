/*
 * Compacted commits (PROTOCOL.md, "Log Compaction Files"): the actions of a range of commits, reconciled, in one file. What
 * hides something older must stay in it: removes, also of files that the range itself added, and removed domains.
 * commitInfo and cdc are not part of it.
 */
#include <stdio.h>

#include "base/map.h"
#include "delta/features.h"
#include "delta/log_list.h"
#include "delta/log_maintain.h"
#include "delta/log_read.h"
#include "delta/state.h"
#include "delta/table.h"
#include "delta/tail.h"

typedef struct {
    pli__delta *t;
    pli__log_compact_result *r;
    pli__state state;
    pli__tail *tail;
    pli__map *removed; /* domains whose newest action removes them -> configuration (pli__str *) */
    pli__arena arena;
    pli__buf text;
} compactor;

static void compactor_clear(compactor *c) {
    pli__state_clear(&c->state);
    pli__tail_unref(c->tail);
    pli__map_free(c->removed);
    pli__arena_clear(&c->arena);
    pli__buf_clear(&c->text);
}

/* ---- reading ---- */

static pli_status note_domain(compactor *c, const pli__domain *d, pli_error *err) {
    if (!d->removed) {
        pli__map_remove(c->removed, d->domain, NULL);
        return PLI_OK;
    }
    pli__str *configuration = pli__arena_alloc(&c->arena, sizeof *configuration);
    if (!configuration) return pli__error_memory(err);
    *configuration = d->configuration.ptr ? pli__arena_str(&c->arena, d->configuration) : PLI_STR("");
    PLI_TRY(pli__arena_status(&c->arena, err));
    return pli__map_put(c->removed, d->domain, configuration, NULL) ? PLI_OK : pli__error_memory(err);
}

static pli_status take_action(void *arg, const pli__action *a, pli_error *err) {
    compactor *c = arg;
    if (a->kind == PLI__ACTION_ADD) return pli__tail_add(c->tail, &a->add, err);
    if (a->kind == PLI__ACTION_REMOVE) return pli__tail_remove(c->tail, &a->remove, err);
    if (a->kind == PLI__ACTION_DOMAIN) PLI_TRY(note_domain(c, &a->domain, err));
    return pli__state_apply(&c->state, a, err);
}

static pli_status read_commits(compactor *c, pli_error *err) {
    const pli__read_what what = {.kinds = PLI__READ_FILES | PLI__READ_STATE, .fields = PLI__FILES_ALL};
    for (int64_t v = c->r->from; v <= c->r->to; v++) {
        char name[32];
        pli__file_info info;
        PLI_TRY(pli__env_check_cancel(pli__delta_env(c->t), err));
        PLI_TRY(pli__log_read(c->t, v, what, take_action, c, err));
        pli__log_commit_name(v, name);
        PLI_TRY(pli__store_stat(pli__delta_log(c->t), name, &info, err));
        c->r->bytes_before += info.size;
        c->r->commits++;
    }
    return PLI_OK;
}

/* ---- writing ---- */

static pli_status put(compactor *c, const pli__action *a, pli_error *err) {
    c->r->actions++;
    return pli__action_write(a, &c->text, err);
}

static pli_status put_add(void *arg, const pli__add *add, pli_error *err) {
    pli__action a = {.kind = PLI__ACTION_ADD, .add = *add};
    a.add.data_change = false;
    return put(arg, &a, err);
}

static pli_status put_remove(void *arg, const pli__remove *remove, pli_error *err) {
    pli__action a = {.kind = PLI__ACTION_REMOVE, .remove = *remove};
    a.remove.data_change = false;
    return put(arg, &a, err);
}

static pli_status put_domains(compactor *c, pli_error *err) {
    pli__str name;
    void *configuration;
    for (size_t i = 0; i < c->state.n_domains; i++) {
        const pli__action a = {.kind = PLI__ACTION_DOMAIN, .domain = c->state.domains[i]};
        PLI_TRY(put(c, &a, err));
    }
    for (size_t it = 0; pli__map_next(c->removed, &it, &name, &configuration);) {
        const pli__action a = {.kind = PLI__ACTION_DOMAIN, .domain = {name, *(const pli__str *)configuration, true}};
        PLI_TRY(put(c, &a, err));
    }
    return PLI_OK;
}

static pli_status put_all(compactor *c, pli_error *err) {
    pli__action a = {.kind = PLI__ACTION_PROTOCOL, .protocol = c->state.protocol};
    if (c->state.has_protocol) PLI_TRY(put(c, &a, err));
    a = (pli__action){.kind = PLI__ACTION_METADATA, .metadata = c->state.metadata};
    if (c->state.has_metadata) PLI_TRY(put(c, &a, err));
    for (size_t i = 0; i < c->state.n_txns; i++) {
        a = (pli__action){.kind = PLI__ACTION_TXN, .txn = c->state.txns[i]};
        PLI_TRY(put(c, &a, err));
    }
    PLI_TRY(put_domains(c, err));
    PLI_TRY(pli__tail_each_remove(c->tail, put_remove, c, err));
    PLI_TRY(pli__tail_each_add(c->tail, put_add, c, err));
    return pli__buf_status(&c->text, err);
}

/* ---- the range ---- */

static pli_status choose_range(pli__delta *t, const pli__log_compact_options *o, pli__log_compact_result *r,
                               pli_error *err) {
    PLI_AUTO(pli__log_listing_clear) pli__log_listing l = {0};
    int64_t missing;
    PLI_TRY(pli__log_list(pli__delta_log(t), 0, &l, err));
    if (!l.n_commits)
        return pli__error_set(err, PLI_E_NOT_A_TABLE, "'%s' is not a Delta table: its _delta_log holds no commit",
                              pli__delta_root(t));
    const int64_t last = l.commits[l.n_commits - 1],
                  checkpoint = l.n_checkpoints ? l.checkpoints[l.n_checkpoints - 1].version : -1;
    r->from = o->from >= 0 ? o->from : checkpoint >= l.commits[0] ? checkpoint + 1 : l.commits[0];
    r->to = o->to >= 0 ? o->to : last;
    if (r->to > last)
        return pli__error_set(err, PLI_E_NOT_FOUND, "version %lld does not exist; the newest is %lld", (long long)r->to,
                              (long long)last);
    if ((o->from >= 0 && o->to >= 0) && r->from > r->to)
        return pli__error_set(err, PLI_E_ARGUMENT, "the range %lld to %lld is empty", (long long)r->from,
                              (long long)r->to);
    if (r->from <= r->to && !pli__log_listing_contiguous(&l, r->from, r->to, &missing))
        return pli__error_set(err, PLI_E_NOT_FOUND, "commit %lld is no longer in the log", (long long)missing);
    return PLI_OK;
}

static pli_status is_there(pli__delta *t, const char *name, bool *there, pli_error *err) {
    pli__file_info info;
    PLI_TRY(pli__store_stat(pli__delta_log(t), name, &info, err));
    *there = info.kind != PLI__FILE_NONE;
    return PLI_OK;
}

static pli_status check_may_write(pli__delta *t, int64_t version, pli_error *err) {
    PLI_AUTO(pli__snapshot_auto) pli__snapshot *s = NULL;
    PLI_TRY(pli__snapshot_open(t, version, NULL, &s, err));
    return pli__protocol_check_write(pli__snapshot_protocol(s), err);
}

static pli_status compact(compactor *c, bool dry_run, pli_error *err) {
    char name[64];
    bool there;
    pli__log_compact_result *r = c->r;
    snprintf(name, sizeof name, "%020lld.%020lld.compacted.json", (long long)r->from, (long long)r->to);
    PLI_TRY(is_there(c->t, name, &there, err));
    if (there) return PLI_OK;
    PLI_TRY(check_may_write(c->t, r->to, err));
    PLI_TRY(read_commits(c, err));
    PLI_TRY(put_all(c, err));
    r->written = true;
    if (dry_run) return PLI_OK;
    r->bytes = (int64_t)c->text.len;
    const pli_status s = pli__store_put_if_absent(pli__delta_log(c->t), name, pli__buf_str(&c->text), 0, err);
    if (s != PLI_E_EXISTS) return s;
    pli__error_clear(err); /* somebody else has written the same */
    return PLI_OK;
}

pli_status pli__log_compact(pli__delta *t, const pli__log_compact_options *o, pli__log_compact_result *out,
                            pli_error *err) {
    pli__log_compact_result r = {0};
    PLI_AUTO(compactor_clear)
    compactor c = {.t = t, .r = &r, .tail = pli__tail_new(PLI__FILES_ALL, -1), .removed = pli__map_new()};
    if (!c.tail || !c.removed) return pli__error_memory(err);
    pli__buf_init(&c.text, PLI__COMMIT_MAX);
    PLI_TRY(choose_range(t, o, &r, err));
    if (r.to > r.from)
        PLI_TRY_IN(compact(&c, o->dry_run, err), err, "could not compact versions %lld to %lld of '%s'",
                   (long long)r.from, (long long)r.to, pli__delta_root(t));
    *out = r;
    return PLI_OK;
}
