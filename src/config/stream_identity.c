/* The identity of a batch for merges. */
#include "config/stream_identity.h"

pli_status pli__identity_open(pli_env *env, const pli__wishes *w, pli__identity *id, pli_error *err) {
    id->w = w;
    return pli__sink_delta_new(env, &w->sink, &id->sink, err);
}

void pli__identity_clear(pli__identity *id) {
    pli__sink_free(id->sink);
    pli__buf_clear(&id->info);
}

/* Another writer's commit with our txn: look again from the start, by the digest. */
static pli_status on_txn(void *arg, const pli__txn *found, int64_t commit_version, pli_error *err) {
    const pli__identity *id = arg;
    (void)commit_version;
    if (found->version < id->w->batch.batch_id) return PLI_OK;
    return pli__error_set(err, PLI_E_CONFLICT, "another runner has written batch %lld", (long long)found->version);
}

static pli_status identify(void *arg, pli__snapshot *s, pli__merge_identity *out, pli_error *err) {
    pli__identity *id = arg;
    const pli__batch_ref *b = &id->w->batch;
    *out = (pli__merge_identity){.app_id = b->app_id, .txn_version = b->batch_id, .on_txn = on_txn, .on_txn_arg = id};
    PLI_TRY(pli__wishes_look(id->sink, id->w, &id->state, &out->repeat, err));
    pli__buf_reset(&id->info);
    PLI_TRY(pli__wishes_info(id->w, pli__snapshot_metadata(s)->id, &id->info, err));
    out->extra_commit_info = id->info.ptr;
    return PLI_OK;
}

void pli__identity_use(pli__identity *id, pli__merge_options *options) {
    if (id->w->batch.anonymous) return;
    options->identify = identify;
    options->identify_arg = id;
}
