/* The files of one version in the order of their log paths: what the pages of the initial snapshot are cut from. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "delta/features.h"
#include "delta/log_list.h"
#include "delta/log_read.h"
#include "delta/tail.h"
#include "source/source_delta_impl.h"

void pli__delta_snapshot_clear(delta_snapshot *x) {
    pli__arena_clear(&x->arena);
    free(x->files);
    *x = (delta_snapshot){.version = -1};
}

static pli_status take_file(void *arg, const pli__add *a, pli_error *err) {
    delta_snapshot *x = arg;
    if (x->n == x->cap) {
        const size_t cap = x->cap ? x->cap * 2 : 256;
        delta_page_file *moved = realloc(x->files, cap * sizeof *moved);
        if (!moved) return pli__error_memory(err);
        x->files = moved;
        x->cap = cap;
    }
    const int64_t ms = a->modification_time;
    x->files[x->n++] = (delta_page_file){pli__arena_str(&x->arena, a->path), a->size,
                                         ms > 0 && ms < INT64_MAX / 1000000 ? ms * 1000000 : 0};
    return pli__arena_status(&x->arena, err);
}

static int by_path(const void *a, const void *b) {
    return pli__str_cmp(((const delta_page_file *)a)->path, ((const delta_page_file *)b)->path);
}

/* ---- from commits alone: nothing but paths is asked of them, and the engine is not needed ---- */

typedef struct replay {
    pli__tail *tail;
    pli_status protocol; /* of the newest one: can it be read? */
    pli_error why;
} replay;

static void replay_clear(replay *r) { pli__tail_unref(r->tail); }

static pli_status replay_action(void *arg, const pli__action *a, pli_error *err) {
    replay *r = arg;
    if (a->kind == PLI__ACTION_ADD) return pli__tail_add(r->tail, &a->add, err);
    if (a->kind == PLI__ACTION_REMOVE) return pli__tail_remove(r->tail, &a->remove, err);
    if (a->kind == PLI__ACTION_PROTOCOL) r->protocol = pli__protocol_check_read(&a->protocol, &r->why);
    return PLI_OK;
}

/* "<from>.<to>.compacted.json": what the commits of a range leave, for those that are gone. */
typedef struct compacted {
    int64_t from, to; /* to: the greatest that was found, -1 = none */
    int64_t most;
    char name[PLI__LOG_NAME_MAX];
} compacted;

static bool take_version(pli__str *name, int64_t *out) {
    enum { DIGITS = 20 };
    if (name->len <= DIGITS || name->ptr[DIGITS] != '.' || !pli__str_to_i64((pli__str){name->ptr, DIGITS}, out))
        return false;
    *name = (pli__str){name->ptr + DIGITS + 1, name->len - DIGITS - 1};
    return true;
}

static pli_status see_name(void *arg, const pli__store_entry *entry, pli_error *err) {
    compacted *c = arg;
    pli__str rest = pli__str_of(entry->name);
    int64_t from, to;
    (void)err;
    if (rest.len >= sizeof c->name || !take_version(&rest, &from) || !take_version(&rest, &to)) return PLI_OK;
    if (!pli__str_eqz(rest, "compacted.json") || from != c->from || to <= c->to || to > c->most) return PLI_OK;
    c->to = to;
    snprintf(c->name, sizeof c->name, "%s", entry->name);
    return PLI_OK;
}

/* A version that is gone as a commit; *v moves on to the last version that the compacted file covers. NOT_FOUND. */
static pli_status replay_compacted(delta_source *s, pli__read_what what, int64_t *v, int64_t most, replay *r,
                                   pli_error *err) {
    compacted c = {.from = *v, .to = -1, .most = most};
    char from[32];
    PLI_AUTO(pli__buf_clear) pli__buf text = {0};
    snprintf(from, sizeof from, "%020" PRId64 ".", *v);
    PLI_TRY(pli__store_list(pli__delta_log(s->table), "", from, false, see_name, &c, err));
    if (c.to < *v) return pli__error_set(err, PLI_E_NOT_FOUND, "commit %" PRId64 " is gone", *v);
    PLI_TRY(pli__store_get(pli__delta_log(s->table), c.name, PLI__DELTA_COMMIT_MAX, &text, err));
    PLI_TRY(pli__actions_read(pli__buf_str(&text), c.name, what, replay_action, r, err));
    *v = c.to;
    return PLI_OK;
}

static pli_status from_commits(delta_source *s, int64_t version, delta_snapshot *x, pli_error *err) {
    const pli__read_what what = {.kinds = PLI__READ_FILES | PLI__READ_STATE};
    PLI_AUTO(replay_clear) replay r = {.tail = pli__tail_new(PLI__FILES_PATHS, -1)};
    if (!r.tail) return pli__error_memory(err);
    for (int64_t v = 0; v <= version; v++) {
        PLI_TRY(pli__env_check_cancel(s->env, err));
        pli_status status = pli__log_read(s->table, v, what, replay_action, &r, err);
        if (status == PLI_E_NOT_FOUND) {
            pli__error_clear(err);
            status = replay_compacted(s, what, &v, version, &r, err);
        }
        PLI_TRY(status);
    }
    if (r.protocol != PLI_OK && err) *err = r.why;
    PLI_TRY_IN(r.protocol, err, "version %" PRId64 " of '%s'", version, pli__delta_root(s->table));
    return pli__tail_each_add(r.tail, take_file, x, err);
}

/* ---- from a checkpoint ---- */

static pli_status from_checkpoint(delta_source *s, int64_t version, delta_snapshot *x, pli_error *err) {
    PLI_AUTO(pli__snapshot_auto) pli__snapshot *snapshot = NULL;
    const pli__snapshot_options options = {.with_files = true, .files = PLI__FILES_PATHS};
    PLI_TRY(pli__snapshot_open(s->table, version, &options, &snapshot, err));
    return pli__snapshot_files(snapshot, PLI__FILES_PATHS, take_file, x, err);
}

static bool has_checkpoint(const pli__log_listing *l, int64_t version) {
    return l->n_checkpoints && l->checkpoints[0].version <= version;
}

static pli_status load(delta_source *s, int64_t version, delta_snapshot *x, pli_error *err) {
    PLI_AUTO(pli__log_listing_clear) pli__log_listing l = {0};
    int64_t missing = 0;
    pli_status status = PLI_E_NOT_FOUND;
    PLI_TRY(pli__log_list(pli__delta_log(s->table), 0, &l, err));
    if (has_checkpoint(&l, version)) status = from_checkpoint(s, version, x, err);
    if (status != PLI_E_CORRUPT && status != PLI_E_NOT_FOUND) return status;
    pli__error_clear(err);
    pli__delta_snapshot_clear(x);
    status = from_commits(s, version, x, err);
    if (status != PLI_E_NOT_FOUND) return status;
    (void)pli__log_listing_contiguous(&l, 0, version, &missing);
    return pli__error_set(err, PLI_E_DATA_LOSS,
                          "the log of '%s' cannot give version %" PRId64 " any more: commit %" PRId64
                          " is gone, and no checkpoint stands for it",
                          pli__delta_root(s->table), version, missing);
}

pli_status pli__delta_snapshot_load(delta_source *s, int64_t version, pli_error *err) {
    if (s->snapshot.version == version) return PLI_OK;
    pli__delta_snapshot_clear(&s->snapshot);
    delta_snapshot x = {.version = -1};
    const pli_status status = load(s, version, &x, err);
    if (status != PLI_OK) return pli__delta_snapshot_clear(&x), status;
    if (x.n) qsort(x.files, x.n, sizeof *x.files, by_path);
    x.version = version;
    s->snapshot = x;
    return PLI_OK;
}
