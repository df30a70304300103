/* Wrappers of the sink interface: arguments are checked here, once, for all implementations. */
#include "sink/sink.h"

static pli_status check_batch(const pli__batch_ref *b, pli_error *err) {
    if (b && b->anonymous) return PLI_OK;
    if (!b || !b->app_id || !b->app_id[0])
        return pli__error_set(err, PLI_E_ARGUMENT, "a batch needs the id of its checkpoint");
    if (b->batch_id < 0)
        return pli__error_set(err, PLI_E_ARGUMENT, "batch %lld has a negative number", (long long)b->batch_id);
    if (!b->attempt || !b->attempt[0] || strlen(b->attempt) >= sizeof((pli__sink_state *)0)->attempt)
        return pli__error_set(err, PLI_E_ARGUMENT, "a batch needs the id of its attempt");
    if (!b->offset_sha256 || strlen(b->offset_sha256) != 64)
        return pli__error_set(err, PLI_E_ARGUMENT, "a batch needs the digest of its offset");
    return PLI_OK;
}

pli_status pli__sink_state_of(pli__sink *s, const char *app_id, int64_t hint_version, pli__sink_state *out,
                              pli_error *err) {
    pli__sink_state state = {.version = -1, .txn_version = -1, .commit_version = -1};
    if (!app_id) return pli__error_set(err, PLI_E_ARGUMENT, "the id of the checkpoint is missing");
    PLI_TRY(s->ops->state(s, app_id, hint_version, &state, err));
    *out = state;
    return PLI_OK;
}

pli_status pli__sink_prepare(pli__sink *s, const pli__batch_ref *batch, const char *sql, const pli__type *schema,
                             pli__prepared **out, pli_error *err) {
    *out = NULL;
    PLI_TRY(check_batch(batch, err));
    if (!sql || !sql[0]) return pli__error_set(err, PLI_E_ARGUMENT, "there is no query to write");
    if (!schema || schema->id != PLI__TYPE_STRUCT)
        return pli__error_set(err, PLI_E_ARGUMENT, "the columns of the query are not given");
    return s->ops->prepare(s, batch, sql, schema, out, err);
}

pli_status pli__sink_describe(pli__sink *s, const pli__prepared *p, json_t **out, pli_error *err) {
    *out = NULL;
    return s->ops->describe(s, p, out, err);
}

pli_status pli__sink_commit(pli__sink *s, const pli__batch_ref *batch, pli__prepared *p, json_t **result,
                            pli_error *err) {
    *result = NULL;
    PLI_TRY(check_batch(batch, err));
    return s->ops->commit(s, batch, p, result, err);
}

void pli__sink_abort(pli__sink *s, pli__prepared *take) {
    if (take) s->ops->abort(s, take);
}

void pli__sink_free_prepared(pli__sink *s, pli__prepared *p) {
    if (p) s->ops->free_prepared(p);
}

int64_t pli__sink_count_values(const pli__sink *s, const pli__prepared *p, const char *column) {
    return p && s->ops->count_values ? s->ops->count_values(p, column) : -1;
}

void pli__sink_free(pli__sink *s) {
    if (s) s->ops->free(s);
}

void pli__sink_auto(pli__sink **s) { pli__sink_free(*s); }
