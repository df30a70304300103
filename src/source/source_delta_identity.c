/*
 * Is the table still the one that the last batch read? A table that was dropped and created again, restored from an older
 * copy, or replaced is told by its id, its newest version and the digest of the commit that was read last; as long as that
 * commit is the same, only what came after it is looked at, and no checkpoint of the log is needed.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "delta/features.h"
#include "delta/log_list.h"
#include "delta/log_read.h"
#include "source/source_delta_impl.h"

/* The handle goes on from the newest version it has seen, one commit after the other, and ends before a missing one. What lies
 * behind a gap is found by listing, whenever the folder has changed. */
static pli_status look_behind(delta_source *s, int64_t *newest, pli_error *err) {
    pli__file_info log;
    PLI_TRY(pli__fs_stat(s->log_dir, &log, err));
    if (log.mtime_ns == s->log_mtime_ns) {
        if (s->listed > *newest) *newest = s->listed;
        return PLI_OK;
    }
    PLI_AUTO(pli__log_listing_clear) pli__log_listing l = {0};
    PLI_TRY(pli__log_list(pli__delta_log(s->table), *newest + 1, &l, err));
    if (pli__log_listing_last(&l) > *newest) *newest = pli__log_listing_last(&l);
    s->listed = *newest;
    s->log_mtime_ns = log.mtime_ns;
    return PLI_OK;
}

pli_status pli__delta_newest(delta_source *s, int64_t *out, pli_error *err) {
    int64_t newest = -1;
    const pli_status status = pli__delta_latest_version(s->table, &newest, err);
    if (status == PLI_E_NOT_A_TABLE) {
        pli__error_clear(err);
        *out = -1;
        return PLI_OK;
    }
    PLI_TRY(status);
    PLI_TRY(look_behind(s, &newest, err));
    *out = newest;
    return PLI_OK;
}

/* ---- what is known of the metadata ---- */

static pli_status keep_id(delta_source *s, int64_t version, pli__str id, delta_feed feed, pli_error *err) {
    char *copy = id.len ? pli__str_dup(id) : NULL;
    if (id.len && !copy) return pli__error_memory(err);
    free(s->id);
    s->id = copy;
    s->id_feed = feed;
    s->id_version = version;
    return PLI_OK;
}

/* The newest metadata at or before a version. */
typedef struct finding {
    delta_source *s;
    int64_t version;
    bool found, protocol;
} finding;

static pli_status see_state(void *arg, const pli__action *a, pli_error *err) {
    finding *f = arg;
    if (a->kind == PLI__ACTION_PROTOCOL && !f->protocol) {
        f->protocol = true;
        return pli__protocol_check_read(&a->protocol, err);
    }
    if (a->kind != PLI__ACTION_METADATA) return PLI_OK;
    f->found = true;
    return keep_id(f->s, f->version, a->metadata.id, pli__delta_has_feed(&a->metadata) ? DELTA_FEED_ON : DELTA_FEED_OFF,
                   err);
}

/* *missing: a commit on the way is not there. */
static pli_status find_backwards(finding *f, int64_t not_before, bool *missing, pli_error *err) {
    const pli__read_what what = {.kinds = PLI__READ_STATE};
    *missing = false;
    for (int64_t v = f->version; v >= not_before && !f->found; v--) {
        PLI_TRY(pli__env_check_cancel(f->s->env, err));
        const pli_status status = pli__log_read(f->s->table, v, what, see_state, f, err);
        if (status == PLI_E_NOT_FOUND) {
            pli__error_clear(err);
            *missing = true;
            return PLI_OK;
        }
        PLI_TRY(status);
    }
    return PLI_OK;
}

/* A log with holes may have no state: then the id is not known, and the planner names what is missing. */
static pli_status find_in_checkpoint(delta_source *s, int64_t version, pli_error *err) {
    PLI_AUTO(pli__snapshot_auto) pli__snapshot *snapshot = NULL;
    const pli_status status = pli__snapshot_open(s->table, version, NULL, &snapshot, err);
    if (status == PLI_E_NOT_FOUND || status == PLI_E_CORRUPT) {
        pli__error_clear(err);
        return keep_id(s, version, (pli__str){0}, DELTA_FEED_UNKNOWN, err);
    }
    PLI_TRY(status);
    const pli__metadata *m = pli__snapshot_metadata(snapshot);
    return keep_id(s, version, m->id, pli__delta_has_feed(m) ? DELTA_FEED_ON : DELTA_FEED_OFF, err);
}

/* Metadata as of a version; what is known of an earlier one saves looking further back. */
static pli_status load_metadata(delta_source *s, int64_t version, pli_error *err) {
    if (s->id_version == version || version < 0) return PLI_OK;
    const int64_t known = s->id_version < version ? s->id_version : -1;
    finding f = {.s = s, .version = version};
    bool missing = false;
    PLI_TRY(find_backwards(&f, known + 1, &missing, err));
    if (f.found) return PLI_OK;
    if (missing) return find_in_checkpoint(s, version, err);
    if (known < 0)
        return keep_id(s, version, (pli__str){0}, DELTA_FEED_OFF, err); /* the whole log, and nothing says it */
    s->id_version = version;
    return PLI_OK;
}

pli_status pli__delta_find_feed(delta_source *s, int64_t version, delta_feed *out, pli_error *err) {
    if (s->id_feed == DELTA_FEED_UNKNOWN) s->id_version = -1;
    PLI_TRY(load_metadata(s, version, err));
    *out = s->id_feed;
    return PLI_OK;
}

/* ---- the check ---- */

static pli_status replaced(const delta_plan *p, pli_error *err) {
    pli__error_set(err, PLI_E_TABLE_CHANGED,
                   "the table '%s' has id %s, batches up to version %" PRId64
                   " were read from a table with id %s: it was replaced",
                   pli__delta_root(p->s->table), p->s->id, p->at.version, p->at.table_id);
    return pli__error_hint(err, "begin a new checkpoint for the new table");
}

static pli_status went_back(const delta_plan *p, int64_t newest, pli_error *err) {
    const char *root = pli__delta_root(p->s->table);
    if (newest < 0)
        pli__error_set(err, PLI_E_TABLE_CHANGED, "'%s' is no Delta table any more; it was read up to version %" PRId64,
                       root, p->at.version);
    else
        pli__error_set(err, PLI_E_TABLE_CHANGED,
                       "the table '%s' went back to version %" PRId64 ", it was read up to version %" PRId64, root,
                       newest, p->at.version);
    return pli__error_hint(err, "restore the table, or begin a new checkpoint");
}

/* Is the commit that was read last still there as it was? *known false: nothing to compare with. */
static pli_status compare_commit(const delta_plan *p, bool *known, bool *same, pli_error *err) {
    char now[65] = "";
    *known = *same = false;
    if (!p->at.sha256) return PLI_OK;
    PLI_TRY(pli__delta_commit_sha256(p->s->table, p->at.version, now, err));
    *known = *now != '\0';
    *same = *known && strcmp(now, p->at.sha256) == 0;
    return PLI_OK;
}

pli_status pli__delta_check_identity(delta_plan *p, int64_t newest, pli_error *err) {
    delta_source *s = p->s;
    bool known = false, same = false;
    if (p->at.any && newest < p->at.version) return went_back(p, newest, err);
    if (p->at.any) PLI_TRY(compare_commit(p, &known, &same, err));
    if (same && s->id_version < p->at.version && p->at.table_id) /* the id of then is still the id of then */
        PLI_TRY(keep_id(s, p->at.version, pli__str_of(p->at.table_id), DELTA_FEED_UNKNOWN, err));
    else if (!same) s->id_version = -1;
    PLI_TRY_IN(load_metadata(s, newest, err), err, "while looking at the table");
    if (!p->at.any || !p->at.table_id || !s->id) return PLI_OK;
    if (strcmp(p->at.table_id, s->id) != 0) return replaced(p, err);
    if (!known || same) return PLI_OK;
    pli__error_set(err, PLI_E_TABLE_CHANGED,
                   "version %" PRId64 " of '%s' is not the one that was read: the table was restored or written anew",
                   p->at.version, pli__delta_root(s->table));
    return pli__error_hint(err, "restore the table, or begin a new checkpoint");
}
