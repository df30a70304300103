/*
 * Streams: the records of a batch in the order of the commit protocol, driven step by step by a caller who reads and
 * writes the rows himself. What a run does for jobs (run_batch.c), without a sink of ours.
 */
#include "run/stream.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/json.h"
#include "checkpoint/state.h"

struct pli_stream {
    pli_env *env;
    char *dir, *kind;
    bool create, locked;
    bool peek; /* nothing is written, and what is absent looks empty */
    pli__checkpoint *cp;
    pli__source *source;
    /* the attempt at hand */
    int64_t batch; /* -1 = none */
    char attempt[40], offset_sha256[65];
    json_t *offset;
    pli_state *state;
    int (*poll)(void *);
    void *poll_arg;
};

static pli_status poll_lock(void *arg, pli_error *err) {
    pli_stream *s = arg;
    PLI_TRY(pli__env_check_cancel(s->env, err));
    if (s->poll && s->poll(s->poll_arg))
        return pli__error_set(err, PLI_E_CANCELLED, "stopped while waiting for the lock");
    return PLI_OK;
}

/* Opening again is how a stream takes the lock: nothing that was read before it is trusted. */
static pli_status reopen(pli_stream *s, bool lock, int64_t timeout_us, pli_error *err) {
    const pli__checkpoint_options options = {
        .source_kind = s->kind,
        .create = s->create || s->peek,
        .read_only = !s->create,
        .take_lock = lock,
        .lock_timeout_us = timeout_us,
        .lock_poll = poll_lock,
        .lock_poll_arg = s,
        .clock = pli__env_clock(s->env),
    };
    pli__checkpoint *cp = NULL;
    PLI_TRY(pli__checkpoint_open(s->dir, &options, &cp, err));
    pli_stream_abort(s);
    pli__checkpoint_close(s->cp);
    s->cp = cp;
    s->locked = lock;
    return PLI_OK;
}

static void stream_auto(pli_stream **s) { pli_stream_close(*s); }

static pli_status open_stream(pli_env *env, const char *checkpoint, const char *kind, bool create, bool peek,
                              pli_stream **out, pli_error *err) {
    if (!env || !checkpoint || !out)
        return pli__error_set(err, PLI_E_ARGUMENT, "env, checkpoint and out must not be NULL");
    *out = NULL;
    PLI_AUTO(stream_auto) pli_stream *s = calloc(1, sizeof *s);
    if (!s) return pli__error_memory(err);
    s->env = env;
    s->batch = -1;
    s->create = create;
    s->peek = peek;
    s->dir = pli__strz_dup(checkpoint);
    s->kind = pli__strz_dup(kind);
    if (!s->dir || (kind && !s->kind)) return pli__error_memory(err);
    PLI_TRY(reopen(s, false, 0, err));
    *out = PLI_TAKE(s);
    return PLI_OK;
}

pli_status pli_stream_open(pli_env *env, const char *checkpoint, const char *kind, bool create, pli_stream **out,
                           pli_error *err) {
    return open_stream(env, checkpoint, kind, create, false, out, err);
}

pli_status pli_stream_peek(pli_env *env, const char *checkpoint, const char *kind, pli_stream **out, pli_error *err) {
    return open_stream(env, checkpoint, kind, false, true, out, err);
}

void pli_stream_close(pli_stream *s) {
    if (!s) return;
    pli_stream_abort(s);
    pli__source_free(s->source);
    pli__checkpoint_close(s->cp);
    free(s->dir);
    free(s->kind);
    free(s);
}

void pli_stream_unlock(pli_stream *s) {
    pli_error ignored;
    if (s->locked && reopen(s, false, 0, &ignored) != PLI_OK)
        pli__env_log(s->env, PLI_LOG_WARNING, "could not open checkpoint '%s' again: %s", s->dir, ignored.message);
}

pli_status pli_stream_refresh(pli_stream *s, pli_error *err) {
    return s->locked ? pli__checkpoint_refresh(s->cp, err) : reopen(s, false, 0, err);
}

pli_env *pli__stream_env(pli_stream *s) { return s->env; }

void pli__stream_set_source(pli_stream *s, pli__source *take_source) {
    pli__source_free(s->source);
    s->source = take_source;
}

static pli_status give_json(const json_t *value, char **out, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf text = {0};
    PLI_TRY(pli__json_write(value, &text, err));
    *out = pli__buf_take(&text);
    return *out ? PLI_OK : pli__error_memory(err);
}

static pli_status set_new(json_t *o, const char *key, json_t *value, pli_error *err) {
    return value && json_object_set_new(o, key, value) == 0 ? PLI_OK : pli__error_memory(err);
}

pli_status pli_stream_pending(pli_stream *s, int64_t *id, pli_error *err) {
    return pli__checkpoint_pending(s->cp, id, err);
}

pli_status pli_stream_plan(pli_stream *s, char **batch, pli_error *err) {
    *batch = NULL;
    int64_t pending = -1;
    PLI_TRY(pli__checkpoint_pending(s->cp, &pending, err));
    if (pending >= 0) return pli_stream_read_offset(s, pending, batch, err);
    if (!s->source) return pli__error_set(err, PLI_E_STATE, "the stream has no source to plan from");
    PLI_AUTO(pli__json_unref) json_t *offset = NULL;
    PLI_TRY(pli__source_plan(s->source, s->cp, &offset, err));
    if (!offset) return PLI_OK;
    PLI_TRY(set_new(offset, "batch_id", json_integer(pli__checkpoint_last_offset(s->cp) + 1), err));
    PLI_TRY(set_new(offset, "created_at", json_real((double)pli__env_now_us(s->env) / 1e6), err));
    return give_json(offset, batch, err);
}

pli_status pli_stream_preview(pli_stream *s, char **batch, pli_error *err) {
    *batch = NULL;
    int64_t pending = -1;
    PLI_TRY(pli__checkpoint_pending(s->cp, &pending, err));
    if (pending >= 0) return pli_stream_read_offset(s, pending, batch, err);
    if (!s->source) return pli__error_set(err, PLI_E_STATE, "the stream has no source to plan from");
    PLI_AUTO(pli__json_unref) json_t *offset = NULL;
    PLI_TRY(pli__source_preview(s->source, s->cp, &offset, err));
    if (!offset) return PLI_OK;
    PLI_TRY(set_new(offset, "batch_id", json_integer(pli__checkpoint_last_offset(s->cp) + 1), err));
    return give_json(offset, batch, err);
}

pli_status pli_stream_backlog(pli_stream *s, char **json, pli_error *err) {
    *json = NULL;
    if (!s->source) return pli__error_set(err, PLI_E_STATE, "the stream has no source to look at");
    PLI_AUTO(pli__json_unref) json_t *into = json_object();
    if (!into) return pli__error_memory(err);
    PLI_TRY(pli__source_backlog(s->source, s->cp, into, err));
    return give_json(into, json, err);
}

pli_status pli_stream_write_offset(pli_stream *s, int64_t id, const char *batch, char **stored, pli_error *err) {
    if (stored) *stored = NULL;
    PLI_AUTO(pli__json_unref) json_t *body = NULL, *kept = NULL;
    PLI_TRY(pli__json_parse(pli__str_of(batch), "a batch", &body, err));
    bool won = false;
    /* an offset is written once; whoever comes later gets what is there */
    if (id >= 0 && id <= pli__checkpoint_last_offset(s->cp))
        PLI_TRY(pli__checkpoint_read_offset(s->cp, id, &kept, NULL, err));
    else PLI_TRY(pli__checkpoint_write_offset(s->cp, id, body, &won, &kept, NULL, err));
    return stored ? give_json(kept, stored, err) : PLI_OK;
}

pli_status pli_stream_begin(pli_stream *s, int64_t id, pli_error *err) {
    pli_stream_abort(s);
    PLI_TRY(pli__checkpoint_read_offset(s->cp, id, &s->offset, s->offset_sha256, err));
    pli__uuid_new(s->attempt);
    s->batch = id;
    return pli__state_begin(s->cp, id, s->attempt, &s->state, err);
}

void pli_stream_abort(pli_stream *s) {
    if (s->batch < 0) return;
    pli_state_close(s->state);
    json_decref(s->offset);
    s->state = NULL;
    s->offset = NULL;
    /* values of dead attempts are swept after the next commit; a failure here costs space only */
    pli__checkpoint_clear_staged(s->cp, s->batch, NULL, NULL);
    s->batch = -1;
    s->attempt[0] = s->offset_sha256[0] = '\0';
}

pli_state *pli_stream_state(pli_stream *s) { return s->state; }
const char *pli_stream_attempt(const pli_stream *s) { return s->attempt; }
const char *pli_stream_offset_sha256(const pli_stream *s) { return s->offset_sha256; }

/* Keys of the commit that are ours: who wrote it, its state, its schema. */
static pli_status complete_commit(pli_stream *s, int64_t id, json_t *commit, const char *schema, pli_error *err) {
    if (s->batch == id) {
        PLI_TRY(set_new(commit, "attempt", json_string(s->attempt), err));
        PLI_TRY(set_new(commit, "offset_sha256", json_string(s->offset_sha256), err));
        json_t *state = NULL;
        PLI_TRY(pli__state_describe(s->state, &state, err));
        if (state) PLI_TRY(set_new(commit, "state", state, err));
    }
    if (!schema) return PLI_OK;
    json_t *columns = NULL;
    PLI_TRY(pli__json_parse(pli__str_of(schema), "a schema", &columns, err));
    return set_new(commit, "schema", columns, err);
}

static void warn(pli_stream *s, int64_t id, const char *what, pli_status status, const pli_error *why) {
    if (status != PLI_OK)
        pli__env_log(s->env, PLI_LOG_WARNING, "batch %lld is committed, but %s failed: %s", (long long)id, what,
                     why->message);
}

/* The schema of the newest commit is the authority; metadata.json holds a copy for people and other programs. */
static pli_status copy_schema(pli_stream *s, int64_t id, const json_t *commit, pli_error *err) {
    json_t *schema = json_object_get(commit, "schema");
    const json_t *m = pli__checkpoint_metadata(s->cp), *copied = json_object_get(m, "schema_batch_id"),
                 *reset = json_object_get(m, "schema_reset_through");
    if (!schema || (json_is_integer(copied) && json_integer_value(copied) >= id)) return PLI_OK;
    if (json_is_integer(reset) && json_integer_value(reset) >= id) return PLI_OK; /* forgotten on purpose */
    PLI_AUTO(pli__json_unref)
    json_t *set = json_pack("{s:O, s:I}", "schema", schema, "schema_batch_id", (json_int_t)id);
    if (!set) return pli__error_memory(err);
    return pli__checkpoint_update_metadata(s->cp, set, err);
}

static void tidy(pli_stream *s, int64_t id, const json_t *commit) {
    pli_error why = {0};
    const pli_status state = pli__state_promote(s->cp, commit, &why);
    warn(s, id, "making its state current", state, &why);
    warn(s, id, "updating metadata.json", copy_schema(s, id, commit, &why), &why);
    PLI_AUTO(pli__json_unref) json_t *offset = NULL;
    if (s->source && pli__checkpoint_read_offset(s->cp, id, &offset, NULL, NULL) == PLI_OK)
        warn(s, id, "updating the source", pli__source_committed(s->source, s->cp, id, offset, &why), &why);
    if (state == PLI_OK)
        warn(s, id, "clearing the staged results", pli__checkpoint_clear_staged(s->cp, id, NULL, &why), &why);
}

/* What a run that died right behind its commit left undone. Before a first commit there is nothing. */
static pli_status finish_newest(pli_stream *s, pli_error *err) {
    const int64_t id = pli__checkpoint_last_commit(s->cp);
    if (!s->create || id < 0) return PLI_OK;
    PLI_AUTO(pli__json_unref) json_t *commit = NULL;
    PLI_TRY(pli__checkpoint_read_commit(s->cp, id, &commit, err));
    PLI_TRY(pli__state_promote(s->cp, commit, err));
    PLI_TRY(copy_schema(s, id, commit, err));
    return pli__checkpoint_clear_staged(s->cp, id, NULL, err);
}

pli_status pli_stream_lock(pli_stream *s, int64_t timeout_us, int (*poll)(void *arg), void *arg, pli_error *err) {
    if (s->locked) return pli__error_set(err, PLI_E_STATE, "the stream holds the lock already");
    s->poll = poll;
    s->poll_arg = arg;
    const pli_status status = reopen(s, true, timeout_us, err);
    s->poll = NULL;
    if (status != PLI_OK) return status;
    const pli_status finished = finish_newest(s, err);
    if (finished != PLI_OK) pli_stream_unlock(s);
    return finished;
}

pli_status pli_stream_commit(pli_stream *s, int64_t id, const char *body, const char *schema, pli_error *err) {
    PLI_AUTO(pli__json_unref) json_t *commit = NULL, *stored = NULL;
    PLI_TRY(pli__json_parse(pli__str_of(body), "a commit", &commit, err));
    if (!json_is_object(commit)) return pli__error_set(err, PLI_E_ARGUMENT, "a commit must be a JSON object");
    PLI_TRY(complete_commit(s, id, commit, schema, err));
    bool won = false;
    PLI_TRY(pli__checkpoint_write_commit(s->cp, id, commit, &won, err));
    PLI_TRY(pli__checkpoint_read_commit(s->cp, id, &stored, err));
    tidy(s, id, stored);
    if (s->batch == id) pli_stream_abort(s);
    return PLI_OK;
}

const char *pli_stream_dir(const pli_stream *s) { return s->dir; }
const char *pli_stream_id(const pli_stream *s) { return pli__checkpoint_id(s->cp); }
const char *pli_stream_app_id(const pli_stream *s) { return pli__checkpoint_app_id(s->cp); }
int64_t pli_stream_last_offset(const pli_stream *s) { return pli__checkpoint_last_offset(s->cp); }
int64_t pli_stream_last_commit(const pli_stream *s) { return pli__checkpoint_last_commit(s->cp); }

static pli_status add_id(void *arg, const pli__store_entry *entry, pli_error *err) {
    json_t *ids = arg;
    pli__str name = pli__str_of(entry->name);
    int64_t id;
    if (!pli__str_ends(name, PLI_STR(".json")) || !pli__str_to_i64((pli__str){name.ptr, name.len - 5}, &id))
        return PLI_OK;
    return json_array_append_new(ids, json_integer(id)) == 0 ? PLI_OK : pli__error_memory(err);
}

static int by_number(const void *a, const void *b) {
    const json_int_t x = *(const json_int_t *)a, y = *(const json_int_t *)b;
    return (x > y) - (x < y);
}

pli_status pli_stream_ids(pli_stream *s, bool commits, char **json, pli_error *err) {
    *json = NULL;
    PLI_AUTO(pli__json_unref) json_t *listed = json_array(), *sorted = json_array();
    PLI_TRY(pli__store_list(pli__checkpoint_store(s->cp), commits ? "commits" : "offsets", NULL, false, add_id, listed,
                            err));
    const size_t n = json_array_size(listed);
    PLI_AUTO(pli__free_ptr) json_int_t *ids = calloc(n + 1, sizeof *ids);
    if (!ids || !sorted) return pli__error_memory(err);
    for (size_t i = 0; i < n; i++) ids[i] = json_integer_value(json_array_get(listed, i));
    qsort(ids, n, sizeof *ids, by_number);
    for (size_t i = 0; i < n; i++)
        if (json_array_append_new(sorted, json_integer(ids[i])) != 0) return pli__error_memory(err);
    return give_json(sorted, json, err);
}

pli_status pli_stream_read_offset(pli_stream *s, int64_t id, char **json, pli_error *err) {
    *json = NULL;
    PLI_AUTO(pli__json_unref) json_t *offset = NULL;
    PLI_TRY(pli__checkpoint_read_offset(s->cp, id, &offset, NULL, err));
    return give_json(offset, json, err);
}

pli_status pli_stream_read_commit(pli_stream *s, int64_t id, char **json, pli_error *err) {
    *json = NULL;
    PLI_AUTO(pli__json_unref) json_t *commit = NULL;
    PLI_TRY(pli__checkpoint_read_commit(s->cp, id, &commit, err));
    return give_json(commit, json, err);
}

pli_status pli_stream_metadata(pli_stream *s, char **json, pli_error *err) {
    *json = NULL;
    return give_json(pli__checkpoint_metadata(s->cp), json, err);
}

pli_status pli_stream_update_metadata(pli_stream *s, const char *members, pli_error *err) {
    PLI_AUTO(pli__json_unref) json_t *set = NULL;
    PLI_TRY(pli__json_parse(pli__str_of(members), "metadata", &set, err));
    return pli__checkpoint_update_metadata(s->cp, set, err);
}
