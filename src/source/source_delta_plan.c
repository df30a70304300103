/* What comes behind a position: pages of the initial snapshot, then commit after commit. */
#include <inttypes.h>

#include "delta/log_list.h"
#include "source/source_delta_impl.h"

/* ---- pages of the initial snapshot ---- */

static pli_status snapshot_time(delta_source *s, int64_t version, int64_t *ms, pli_error *err) {
    PLI_AUTO(delta_commit_clear) delta_commit c = {0};
    *ms = PLI__DELTA_NO_TIME;
    if (!s->o.read_change_feed) return PLI_OK;
    const pli_status status = pli__delta_commit_read(s->table, version, false, &c, err);
    if (status == PLI_E_NOT_FOUND) return pli__error_clear(err), PLI_OK;
    PLI_TRY(status);
    return pli__delta_commit_time(s->table, &c, ms, err);
}

static pli_status plan_page(delta_source *s, int64_t version, int64_t next, delta_offset *o, pli_error *err) {
    const delta_snapshot *x = &s->snapshot;
    const char *type = s->o.read_change_feed ? "insert" : NULL;
    int64_t ms;
    PLI_TRY(snapshot_time(s, version, &ms, err));
    for (; next < (int64_t)x->n; next++) {
        const delta_page_file *f = &x->files[next];
        if (pli__delta_offset_is_full(o, 1, f->size)) break;
        PLI_TRY(pli__delta_offset_add(o, &(delta_file){.path = f->path, .size = f->size, .mtime_ns = f->mtime_ns},
                                      version, type, ms, err));
        pli__delta_offset_move(o, version, next, next + 1 == (int64_t)x->n);
        o->initial = true;
    }
    return PLI_OK;
}

/* ---- commits ---- */

static pli_status refuse_change(const delta_source *s, const delta_commit *c, pli_error *err) {
    const char *what = c->changes_adds ? "changes or deletes rows" : "deletes rows";
    pli__error_set(err, PLI_E_DATA_LOSS,
                   "version %" PRId64 " of '%s' %s: a source without change feed cannot tell that", c->version,
                   pli__delta_root(s->table), what);
    return pli__error_hint(
        err,
        "read the change feed, or pass over such commits with `skip_change_commits`%s, or read rewritten files as new rows with `ignore_changes`",
        c->changes_adds ? "" : " or `ignore_deletes`");
}

static pli_status refuse_feed(const delta_source *s, const delta_commit *c, pli_error *err) {
    pli__error_set(err, PLI_E_NO_FEED, "version %" PRId64 " of '%s' removes rows, and the change data feed was not on",
                   c->version, pli__delta_root(s->table));
    return pli__error_hint(err, "turn delta.enableChangeDataFeed on, and begin behind this version or with a snapshot");
}

/* Whether the commit's files are taken, passed over, or an error. */
static pli_status judge(delta_plan *p, const delta_commit *c, bool *skip, pli_error *err) {
    delta_source *s = p->s;
    *skip = false;
    if (!c->changes_removes) return PLI_OK;
    if (s->o.read_change_feed) {
        if (c->has_cdc) return PLI_OK;
        if (p->feed == DELTA_FEED_UNKNOWN) PLI_TRY(pli__delta_find_feed(s, c->version, &p->feed, err));
        return p->feed == DELTA_FEED_ON ? PLI_OK : refuse_feed(s, c, err);
    }
    *skip = s->o.skip_change_commits || (s->o.ignore_deletes && !c->changes_adds);
    if (*skip || s->o.ignore_changes) return PLI_OK;
    return refuse_change(s, c, err);
}

/* Adds one by one; the rest is consumed on the way. *more false: a limit was reached. */
static pli_status take_adds(const delta_commit *c, int64_t index, bool skip, delta_offset *o, bool *more,
                            pli_error *err) {
    *more = true;
    for (int64_t i = index + 1; i < (int64_t)c->n_files; i++) {
        const delta_file *f = &c->files[i];
        const bool due = !skip && f->kind == PLI__ACTION_ADD && f->data_change;
        *more = !due || !pli__delta_offset_is_full(o, 1, f->size);
        if (!*more) return PLI_OK;
        if (due) PLI_TRY(pli__delta_offset_add(o, f, c->version, NULL, PLI__DELTA_NO_TIME, err));
        pli__delta_offset_move(o, c->version, i, i + 1 == (int64_t)c->n_files);
    }
    return PLI_OK;
}

typedef enum feed_pass { FEED_CDC, FEED_DELETES, FEED_INSERTS, FEED_PASSES } feed_pass;

/* The change type of a file in a pass of the feed; false: it does not belong to it. */
static bool belongs(const delta_commit *c, const delta_file *f, feed_pass pass) {
    if (pass == FEED_CDC) return f->kind == PLI__ACTION_CDC;
    if (c->has_cdc || !f->data_change) return false;
    return f->kind == (pass == FEED_DELETES ? PLI__ACTION_REMOVE : PLI__ACTION_ADD);
}

static void measure_changes(const delta_commit *c, int64_t *files, int64_t *bytes) {
    *files = *bytes = 0;
    for (int pass = 0; pass < FEED_PASSES; pass++)
        for (size_t i = 0; i < c->n_files; i++)
            if (belongs(c, &c->files[i], (feed_pass)pass)) (*files)++, *bytes += c->files[i].size;
}

/* A whole commit of the feed, deletes before inserts: a row that was rewritten stays. */
static pli_status take_changes(delta_source *s, const delta_commit *c, delta_offset *o, bool *more, pli_error *err) {
    static const char *const types[FEED_PASSES] = {NULL, "delete", "insert"};
    int64_t files, bytes, ms;
    measure_changes(c, &files, &bytes);
    *more = files == 0 || !pli__delta_offset_is_full(o, files, bytes);
    if (!*more || c->n_files == 0) return PLI_OK;
    PLI_TRY(pli__delta_commit_time(s->table, c, &ms, err));
    for (int pass = 0; pass < FEED_PASSES; pass++)
        for (size_t i = 0; i < c->n_files; i++)
            if (belongs(c, &c->files[i], (feed_pass)pass))
                PLI_TRY(pli__delta_offset_add(o, &c->files[i], c->version, types[pass], ms, err));
    pli__delta_offset_move(o, c->version, (int64_t)c->n_files - 1, true);
    return PLI_OK;
}

static pli_status take_commit(delta_plan *p, const delta_commit *c, int64_t index, delta_offset *o, bool *more,
                              pli_error *err) {
    delta_source *s = p->s;
    bool skip = false;
    if (c->has_metadata) p->feed = c->feed_enabled ? DELTA_FEED_ON : DELTA_FEED_OFF;
    if (!o->counts_only) PLI_TRY(judge(p, c, &skip, err));
    return s->o.read_change_feed ? take_changes(s, c, o, more, err) : take_adds(c, index, skip, o, more, err);
}

/* ---- what is gone ---- */

/* Commits from `from` on that are gone: *next is the first that is there, or one behind the newest. */
static pli_status find_next(delta_source *s, int64_t from, int64_t newest, int64_t *next, pli_error *err) {
    PLI_AUTO(pli__log_listing_clear) pli__log_listing l = {0};
    PLI_TRY(pli__log_list(pli__delta_log(s->table), from, &l, err));
    *next = newest + 1;
    for (size_t i = 0; i < l.n_commits; i++)
        if (l.commits[i] >= from) {
            if (l.commits[i] <= newest) *next = l.commits[i];
            break;
        }
    return PLI_OK;
}

static pli_status pass_gap(delta_plan *p, int64_t from, int64_t *next, delta_offset *o, pli_error *err) {
    PLI_TRY(find_next(p->s, from, p->newest, next, err));
    if (*next == from) return pli__error_set(err, PLI_E_INTERNAL, "commit %" PRId64 " is there and is not", from);
    if (p->s->o.allow_data_loss || o->counts_only) {
        pli__delta_offset_move(o, *next - 1, -1, true);
        return pli__delta_offset_gap(o, from, *next - 1, "the commits are gone from the log", err);
    }
    pli__error_set(err, PLI_E_DATA_LOSS,
                   "versions %" PRId64 " to %" PRId64 " of '%s' are needed and are gone from its log", from, *next - 1,
                   pli__delta_root(p->s->table));
    return pli__error_hint(
        err,
        "restore them, begin a new checkpoint with `start_offset: snapshot`, or accept the gap with `fail_on_data_loss: false`");
}

/* One commit, or the gap that begins there: then *v moves on to its last version. */
static pli_status plan_commit(delta_plan *p, int64_t *v, int64_t index, delta_commit *c, delta_offset *o, bool *more,
                              pli_error *err) {
    const pli_status status = pli__delta_commit_read(p->s->table, *v, false, c, err);
    if (status == PLI_E_NOT_FOUND) {
        int64_t next = *v;
        pli__error_clear(err);
        PLI_TRY(pass_gap(p, *v, &next, o, err));
        *v = next - 1;
        return PLI_OK;
    }
    PLI_TRY(status);
    return take_commit(p, c, index, o, more, err);
}

static pli_status plan_commits(delta_plan *p, int64_t version, int64_t index, delta_offset *o, pli_error *err) {
    PLI_AUTO(delta_commit_clear) delta_commit c = {0};
    bool more = true;
    for (int64_t v = version; more && v <= p->newest; v++, index = -1) {
        PLI_TRY(pli__env_check_cancel(p->s->env, err));
        const pli_status status = plan_commit(p, &v, index, &c, o, &more, err);
        if (status != PLI_OK && p->s->o.max_files > 0 && pli__delta_offset_is_full(o, 1, 0)) {
            pli__error_clear(err); /* what is in the batch is right; the next plan says what is wrong behind it */
            return PLI_OK;
        }
        PLI_TRY(status);
    }
    return PLI_OK;
}

/* ---- from the position on ---- */

/* The rest of a snapshot whose version cannot be had any more. */
static pli_status plan_snapshot(delta_plan *p, int64_t version, int64_t next, delta_offset *o, pli_error *err) {
    const pli_status status = pli__delta_snapshot_load(p->s, version, err);
    if (status == PLI_OK) return plan_page(p->s, version, next, o, err);
    if (status != PLI_E_DATA_LOSS || !(p->s->o.allow_data_loss || o->counts_only)) return status;
    pli__error_clear(err);
    pli__delta_offset_move(o, version, next - 1, true);
    return pli__delta_offset_gap(o, version, version, "the log cannot give the rest of the snapshot any more", err);
}

/* Looked up once and kept in the offsets from then on: the commit that turned the feed on may be cleaned away later. */
static pli_status know_feed(delta_plan *p, bool jump, const delta_offset *o, pli_error *err) {
    const int64_t version = jump ? p->first - 1 : p->at.any ? p->at.version : p->newest;
    if (!p->s->o.read_change_feed || o->counts_only || (p->feed != DELTA_FEED_UNKNOWN && !jump)) return PLI_OK;
    if (version < 0 || version > p->newest) return PLI_OK;
    return pli__delta_find_feed(p->s, version, &p->feed, err);
}

pli_status pli__delta_plan_next(delta_plan *p, delta_offset *o, pli_error *err) {
    const delta_position *at = &p->at;
    const bool jump = !p->from_snapshot && (!at->any || p->first > at->version);
    PLI_TRY(know_feed(p, jump, o, err));
    if (jump) return plan_commits(p, p->first, -1, o, err);
    if (!at->any || (at->initial && !at->complete)) {
        PLI_TRY(plan_snapshot(p, at->any ? at->version : p->newest, at->any ? at->index + 1 : 0, o, err));
        if (o->moved || !at->any) {
            if (!o->counts_only) return PLI_OK;
            return plan_commits(p, (at->any ? at->version : p->newest) + 1, -1, o, err);
        }
    }
    if (at->initial || at->complete) return plan_commits(p, at->version + 1, -1, o, err);
    return plan_commits(p, at->version, at->index, o, err);
}
