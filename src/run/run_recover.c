/*
 * The start of a run, and the start after every failure: finish what a dead run left undone behind its last commit, then
 * hold the sink against the checkpoint. A sink that is ahead, behind, replaced or restored is named, never trusted by
 * its number alone.
 */
#include <stdio.h>

#include "base/json.h"
#include "run/run_impl.h"

static int64_t member_i64(const json_t *obj, const char *key, int64_t absent) {
    const json_t *v = json_object_get(obj, key);
    return json_is_integer(v) ? json_integer_value(v) : absent;
}

static const char *member_str(const json_t *obj, const char *key) {
    const char *s = json_string_value(json_object_get(obj, key));
    return s ? s : "";
}

/* What the newest write, or a later `accept` or `rebind`, says that the sink must be. */
typedef struct anchor {
    int64_t batch;   /* C, -1 = none under the present app id */
    int64_t writer;  /* batch that wrote last, under any app id; -1 = none */
    const char *table_id;
    int64_t version;
} anchor;

static anchor find_anchor(const pli__sink_expectation *e) {
    const json_t *sink = json_array_get(json_object_get(e->last_write, "sinks"), 0);
    anchor a = {-1, sink ? member_i64(e->last_write, "batch_id", -1) : -1, member_str(sink, "tableId"),
                member_i64(sink, "version", -1)};
    if (sink && strcmp(member_str(sink, "txnAppId"), e->app_id) == 0) a.batch = a.writer;
    if (e->accepted && a.writer <= member_i64(e->accepted, "through_batch", -1)) {
        a.table_id = member_str(e->accepted, "tableId");
        a.version = member_i64(e->accepted, "version", -1);
        if (a.version < 0) a.writer = -1; /* bound to a sink that did not exist yet */
    }
    return a;
}

/* A sink that went back; NULL if it did not. */
static const char *judge_identity(const pli__sink_expectation *e, const anchor *a, const pli__sink_state *s,
                                  char why[400]) {
    const char *pinned = *a->table_id ? a->table_id : e->pinned_id ? e->pinned_id : "";
    if (!s->exists) {
        if (a->writer < 0) return NULL;
        snprintf(why, 400, "the sink does not exist any more, batches up to %lld were written to it",
                 (long long)a->writer);
    } else if (*pinned && *s->id && strcmp(pinned, s->id) != 0) {
        snprintf(why, 400, "the sink has id %s, batches up to %lld were written to %s: it was replaced", s->id,
                 (long long)a->writer, pinned);
    } else if (s->version < a->version) {
        snprintf(why, 400, "the sink is at version %lld, batch %lld was committed to it as version %lld",
                 (long long)s->version, (long long)a->writer, (long long)a->version);
    } else return NULL;
    return why;
}

pli__sink_verdict pli__sink_judge(const pli__sink_expectation *e, const pli__sink_state *s, char why[400]) {
    anchor a = find_anchor(e);
    if (judge_identity(e, &a, s, why)) return PLI__SINK_IS_BEHIND;
    int64_t t = s->exists && s->has_txn ? s->txn_version : -1;
    if (t == a.batch) return PLI__SINK_AGREES;
    if (t < a.batch) {
        snprintf(
            why, 400,
            "the sink knows batches of this checkpoint up to %lld, the checkpoint has committed up to %lld: batches %lld to %lld vanished",
            (long long)t, (long long)a.batch, (long long)t + 1, (long long)a.batch);
        return PLI__SINK_IS_BEHIND;
    }
    if (t == e->pending && s->commit_version >= 0 && e->pending_sha256 &&
        strcmp(s->offset_sha256, e->pending_sha256) == 0 && *s->attempt)
        return PLI__SINK_REPEATS;
    if (t == e->pending)
        snprintf(why, 400,
                 s->commit_version < 0
                     ? "the sink shows batch %lld, and the commit that wrote it is no longer in its log"
                     : "the sink shows batch %lld with other inputs than the checkpoint has planned for it",
                 (long long)t);
    else
        snprintf(why, 400,
                 "the sink shows batch %lld, the checkpoint has committed %lld of the batches that wrote to it",
                 (long long)t, (long long)a.batch);
    return PLI__SINK_IS_AHEAD;
}

static pli_status refuse(pli_run *run, pli__sink_verdict verdict, int64_t txn, const char *why, pli_error *err) {
    const char *dir = pli__checkpoint_dir(run->cp);
    if (verdict == PLI__SINK_IS_BEHIND) {
        pli__error_set(err, PLI_E_SINK_BEHIND, "%s", why);
        pli__error_hint(
            err,
            "restore the sink; or `pli checkpoint truncate %s` to the batch it has; or `pli checkpoint rebind` for another sink",
            dir);
        return PLI_E_SINK_BEHIND;
    }
    PLI_TRY(pli__checkpoint_refresh(run->cp, err));
    if (pli__checkpoint_has_commit(run->cp, txn))
        return pli__error_set(err, PLI_E_LOCKED, "another run finished batch %lld of '%s' meanwhile", (long long)txn,
                              dir);
    pli__error_set(err, PLI_E_SINK_AHEAD, "%s", why);
    pli__error_hint(
        err, "is this a copied or restored checkpoint? When the rows are right: `pli checkpoint accept %s --yes`", dir);
    return PLI_E_SINK_AHEAD;
}

static pli_status look_at_sink(pli_run *run, pli__sink_state *out, pli_error *err) {
    const json_t *sink = json_array_get(json_object_get(run->last_write, "sinks"), 0);
    return pli__sink_state_of(run->job->sink, run->app_id, member_i64(sink, "version", -1), out, err);
}

/* Compare, and remember a repeat for the planning step. */
static pli_status compare_sink(pli_run *run, pli_error *err) {
    pli__batch *b = &run->batch;
    PLI_TRY(pli__checkpoint_pending(run->cp, &b->id, err));
    if (b->id >= 0) { /* who planned it may have been killed before it was durable */
        PLI_TRY(pli__checkpoint_read_offset(run->cp, b->id, &b->offset, b->offset_sha256, err));
        PLI_TRY(pli__checkpoint_sync_folder(run->cp, "offsets", err));
    }
    if (!run->job->sink) return PLI_OK;
    const json_t *m = pli__checkpoint_metadata(run->cp);
    pli__sink_expectation expected = {
        .app_id = run->app_id,
        .last_write = run->last_write,
        .accepted = json_object_get(m, "sink_accepted"),
        .pinned_id = json_string_value(json_object_get(json_object_get(m, "sink"), "tableId")),
        .pending = b->id,
        .pending_sha256 = b->id >= 0 ? b->offset_sha256 : NULL};
    pli__sink_state sink = {.commit_version = -1};
    PLI_TRY_IN(look_at_sink(run, &sink, err), err, "while looking at the sink");
    char why[400] = "";
    pli__sink_verdict verdict = pli__sink_judge(&expected, &sink, why);
    if (verdict == PLI__SINK_IS_AHEAD || verdict == PLI__SINK_IS_BEHIND)
        return refuse(run, verdict, sink.txn_version, why, err);
    if (verdict == PLI__SINK_REPEATS) {
        snprintf(b->sink_attempt, sizeof b->sink_attempt, "%s", sink.attempt);
        b->sink_result = json_pack("{s:s, s:I, s:s}", "tableId", sink.id, "version", (json_int_t)sink.commit_version,
                                   "txnAppId", run->app_id);
        if (!b->sink_result) return pli__error_memory(err);
    }
    return PLI_OK;
}

/* Values of the newest batch are current before anything reads them; the rest of the tidying is made up for where traces
 * of it are left. */
static pli_status finish_last_batch(pli_run *run, pli_error *err) {
    int64_t last = pli__checkpoint_last_commit(run->cp);
    if (last < 0) return PLI_OK;
    PLI_AUTO(pli__json_unref) json_t *commit = NULL, *offset = NULL;
    PLI_TRY(pli__checkpoint_read_commit(run->cp, last, &commit, err));
    PLI_TRY(pli__state_promote(run->cp, commit, err));
    bool undone = false;
    PLI_TRY(pli__checkpoint_has_staged(run->cp, last, &undone, err));
    if (!undone) return PLI_OK;
    PLI_TRY(pli__checkpoint_sync_folder(run->cp, "commits", err)); /* who wrote it may have been killed before that */
    PLI_TRY(pli__checkpoint_read_offset(run->cp, last, &offset, NULL, err));
    (void)pli__run_tidy_batch(run, last, offset, commit);
    return PLI_OK;
}

pli_status pli__run_recover(pli_run *run, pli_error *err) {
    pli__run_forget(run);
    PLI_TRY(pli__checkpoint_refresh(run->cp, err));
    PLI_TRY(pli__checkpoint_check(run->cp, err));
    snprintf(run->app_id, sizeof run->app_id, "%s", pli__checkpoint_app_id(run->cp));
    PLI_TRY(finish_last_batch(run, err));
    json_decref(PLI_TAKE(run->last_write));
    PLI_TRY(pli__run_last_write(run->cp, &run->last_write, err));
    PLI_TRY(compare_sink(run, err));
    return pli__run_move(run, PLI__RUN_READY, err);
}
