/*
 * Rows of a caller's Arrow stream into a Delta table, in one commit (the Python package's writers). With the identity of a
 * batch the commit is exactly-once: the sink is asked what it shows before anything is written, and again against every
 * winning commit.
 */
#include "config/stream_write.h"

#include <stdio.h>

#include "base/hash.h"
#include "delta/adopt.h"

#define ROWS_NAME "pli_stream_rows"
#define ROWS_SQL "SELECT * FROM " ROWS_NAME

void pli__wishes_clear(pli__wishes *w) {
    json_decref(w->json);
    pli__arena_clear(&w->arena);
}

static const char *text(const json_t *o, const char *key) {
    const char *value = json_string_value(json_object_get(o, key));
    return value ? value : "";
}

static pli_status read_lists(pli__wishes *w, pli_error *err) {
    const json_t *columns = json_object_get(w->json, "partition_by"), *value;
    json_t *properties = json_object_get(w->json, "properties");
    const size_t n = json_array_size(columns);
    const char *key;
    if (n > PLI__WISH_LIST_MAX || 2 * json_object_size(properties) > PLI__WISH_LIST_MAX)
        return pli__error_set(err, PLI_E_LIMIT, "more than %d partition columns or properties", PLI__WISH_LIST_MAX);
    for (size_t i = 0; i < n; i++) {
        const char *name = json_string_value(json_array_get(columns, i));
        if (!name) return pli__error_set(err, PLI_E_ARGUMENT, "partition_by must be a list of names");
        w->lists[0][w->sink.n_partition_by++] = name;
    }
    json_object_foreach(properties, key, value) {
        if (!json_is_string(value))
            return pli__error_set(err, PLI_E_ARGUMENT, "the value of table property '%s' must be a text", key);
        w->lists[1][w->sink.n_properties++] = key;
        w->lists[1][w->sink.n_properties++] = json_string_value(value);
    }
    w->sink.partition_by = w->lists[0];
    w->sink.properties = w->lists[1];
    return PLI_OK;
}

/* One file that the caller has written: {"path", "keys": [text or null]}. */
static pli_status read_file(pli__wishes *w, const json_t *o, pli__adopted_file *out, pli_error *err) {
    const json_t *keys = json_object_get(o, "keys");
    const char **list = pli__arena_calloc(&w->arena, json_array_size(keys) + 1, sizeof *list);
    if (!list) return pli__error_memory(err);
    *out = (pli__adopted_file){.path = text(o, "path"), .n_keys = json_array_size(keys), .keys = list};
    if (!*out->path) return pli__error_set(err, PLI_E_ARGUMENT, "a file of a write has no path");
    for (size_t i = 0; i < out->n_keys; i++) list[i] = json_string_value(json_array_get(keys, i));
    return PLI_OK;
}

static pli_status read_files(pli__wishes *w, pli_error *err) {
    const json_t *files = json_object_get(w->json, "files");
    const size_t n = json_array_size(files);
    if (!files) return PLI_OK;
    if (n > PLI__WISH_FILES_MAX)
        return pli__error_set(err, PLI_E_LIMIT, "a write of more than %d files", PLI__WISH_FILES_MAX);
    pli__adopted_file *list = pli__arena_calloc(&w->arena, n + 1, sizeof *list);
    if (!list) return pli__error_memory(err);
    for (size_t i = 0; i < n; i++) PLI_TRY(read_file(w, json_array_get(files, i), &list[i], err));
    w->sink.adopt = true;
    w->sink.n_files = n;
    w->sink.files = list;
    return PLI_OK;
}

/* A txn of the caller's own stands for its inputs by itself. */
static void make_digest(pli__wishes *w) {
    char name[600];
    snprintf(name, sizeof name, "%s %lld", w->batch.app_id, (long long)w->batch.batch_id);
    pli__sha256_hex(pli__str_of(name), w->digest);
    pli__uuid_new(w->attempt);
    w->batch.offset_sha256 = w->digest;
    w->batch.attempt = w->attempt;
}

pli_status pli__wishes_read(const char *table, const char *options, pli__wishes *w, pli_error *err) {
    PLI_TRY(pli__json_parse(pli__str_of(options), "options of a write", &w->json, err));
    const json_t *txn = json_object_get(w->json, "txn");
    w->sink = (pli__sink_delta_options){
        .path = table,
        .mode = *text(w->json, "mode") ? text(w->json, "mode") : "append",
        .merge_schema = json_is_true(json_object_get(w->json, "merge_schema")),
        .overwrite_schema = json_is_true(json_object_get(w->json, "overwrite_schema")),
        .dynamic_partitions = json_is_true(json_object_get(w->json, "dynamic_partitions")),
        .replace_where = json_string_value(json_object_get(w->json, "replace_where"))};
    w->batch = (pli__batch_ref){.app_id = text(txn, "app_id"),
                                .batch_id = json_integer_value(json_object_get(txn, "version")),
                                .attempt = text(txn, "attempt"),
                                .offset_sha256 = text(txn, "offset_sha256"),
                                .job = text(txn, "job"),
                                .n_files = json_integer_value(json_object_get(txn, "files"))};
    w->expect = json_object_get(w->json, "expect");
    w->batch.anonymous = !*w->batch.app_id;
    w->plain = !*w->batch.offset_sha256;
    if (w->plain) make_digest(w);
    PLI_TRY(read_files(w, err));
    return read_lists(w, err);
}

/* ---- what the table shows ---- */

static pli_status behind(const pli__wishes *w, const char *why, pli_error *err) {
    return pli__error_set(err, PLI_E_SINK_BEHIND,
                          "table '%s' %s, though batch %lld of this checkpoint was committed to it", w->sink.path, why,
                          (long long)json_integer_value(json_object_get(w->expect, "version")));
}

/* Against what the checkpoint's newest commit to this table said. */
static pli_status check_expected(const pli__wishes *w, const pli__sink_state *state, pli_error *err) {
    if (!json_is_object(w->expect)) return PLI_OK;
    const int64_t committed = json_integer_value(json_object_get(w->expect, "version"));
    const char *id = text(w->expect, "table_id");
    if (!state->exists) return behind(w, "is gone", err);
    if (*id && strcmp(id, state->id) != 0) return behind(w, "is another one than before", err);
    if (!state->has_txn || state->txn_version < committed) return behind(w, "does not show it", err);
    return PLI_OK;
}

pli_status pli__wishes_look(pli__sink *sink, const pli__wishes *w, pli__sink_state *state, bool *repeat,
                            pli_error *err) {
    const pli__batch_ref *b = &w->batch;
    *repeat = false;
    *state = (pli__sink_state){.version = -1, .txn_version = -1, .commit_version = -1};
    PLI_TRY(pli__sink_state_of(sink, b->app_id, -1, state, err));
    PLI_TRY(check_expected(w, state, err));
    if (!state->has_txn || state->txn_version < b->batch_id) {
        const json_t *committed = json_object_get(w->expect, "version");
        if (!committed || !state->has_txn || state->txn_version <= json_integer_value(committed)) return PLI_OK;
    }
    if (w->plain) return *repeat = true, PLI_OK;
    *repeat = state->txn_version == b->batch_id && state->commit_version >= 0 &&
              strcmp(state->offset_sha256, b->offset_sha256) == 0;
    if (*repeat) return PLI_OK;
    return pli__error_set(err, PLI_E_SINK_AHEAD,
                          "table '%s' shows batch %lld of this checkpoint%s, where batch %lld is to be written",
                          w->sink.path, (long long)state->txn_version,
                          state->txn_version == b->batch_id ? " with other inputs" : "", (long long)b->batch_id);
}

pli_status pli__wishes_info(const pli__wishes *w, pli__str table_id, pli__buf *out, pli_error *err) {
    const pli__batch_ref *b = &w->batch;
    PLI_AUTO(pli__json_unref)
    json_t *o = json_pack("{s:{s:s, s:s, s:s, s:I, s:s%}}", "pli", "offsetSha256", b->offset_sha256, "attempt",
                          b->attempt, "job", b->job ? b->job : "", "files", (json_int_t)b->n_files, "tableId",
                          table_id.ptr, table_id.len);
    return o ? pli__json_write(o, out, err) : pli__error_memory(err);
}

pli_status pli__wishes_repeat(const pli__wishes *w, const pli__sink_state *state, json_t **out, pli_error *err) {
    *out = json_pack("{s:s, s:s, s:I, s:s, s:b, s:I}", "path", w->sink.path, "tableId", state->id, "version",
                     (json_int_t)(state->commit_version >= 0 ? state->commit_version : state->version), "txnAppId",
                     w->batch.app_id, "repeat", 1, "rows", (json_int_t)0);
    return *out ? PLI_OK : pli__error_memory(err);
}

/* ---- the write ---- */

/* The caller's rows in the engine, as ROWS_NAME, and the sink that they are for. */
typedef struct opened {
    pli__sink *sink; /* NULL: the table has the batch already */
    pli__engine *engine;
    const pli__type *untyped; /* of pli__type_of_stream */
} opened;

static void opened_clear(opened *o) {
    if (o->engine) pli__engine_unregister(o->engine, ROWS_NAME, NULL);
    pli__sink_auto(&o->sink);
    pli__type_unref(o->untyped);
}

static pli_status describe_rows(const opened *o, const pli__type **out, pli_error *err) {
    PLI_AUTO(pli__type_auto) const pli__type *described = NULL;
    PLI_TRY(pli__engine_describe(o->engine, ROWS_SQL, &described, err));
    return pli__type_with_nulls(described, o->untyped, out, err);
}

static pli_status prepare_and_commit(const opened *o, const pli__wishes *w, json_t **out, pli_error *err) {
    PLI_AUTO(pli__type_auto) const pli__type *schema = NULL;
    pli__sink *sink = o->sink;
    PLI_TRY(describe_rows(o, &schema, err));
    pli__prepared *prepared = NULL;
    PLI_TRY(pli__sink_prepare(sink, &w->batch, ROWS_SQL, schema, &prepared, err));
    pli_error why = {0};
    const pli_status status = pli__sink_commit(sink, &w->batch, prepared, out, &why);
    if (status == PLI_OK) {
        pli__sink_free_prepared(sink, prepared);
        return PLI_OK;
    }
    if (err) *err = why;
    /* what was written may be in the table if the outcome is not known */
    if (status == PLI_E_UNKNOWN) pli__sink_free_prepared(sink, prepared);
    else pli__sink_abort(sink, prepared);
    return status;
}

/* *out is set if the table has the batch already. */
static pli_status open_rows(pli_env *env, const pli__wishes *w, struct ArrowArrayStream *take, opened *o, json_t **out,
                            pli_error *err) {
    PLI_AUTO(pli__sink_auto) pli__sink *sink = NULL;
    pli__engine *engine = NULL;
    pli__sink_state state;
    bool repeat = false;
    PLI_TRY(pli__sink_delta_new(env, &w->sink, &sink, err));
    if (!w->batch.anonymous) PLI_TRY(pli__wishes_look(sink, w, &state, &repeat, err));
    if (repeat) return pli__wishes_repeat(w, &state, out, err);
    PLI_TRY(pli__type_of_stream(take, &o->untyped, err));
    PLI_TRY(pli__env_engine(env, &engine, err));
    PLI_TRY(pli__engine_register_arrow(engine, ROWS_NAME, take, err));
    o->engine = engine;
    o->sink = PLI_TAKE(sink);
    return PLI_OK;
}

static pli_status write_rows(pli_env *env, const pli__wishes *w, struct ArrowArrayStream *take, json_t **out,
                             pli_error *err) {
    PLI_AUTO(opened_clear) opened o = {0};
    PLI_TRY(open_rows(env, w, take, &o, out, err));
    if (!o.sink) return PLI_OK;
    const pli_status status = prepare_and_commit(&o, w, out, err);
    if (status != PLI_E_SINK_AHEAD || !w->plain || w->batch.anonymous) return status;
    pli__sink_state state;
    bool repeat = false;
    pli__error_clear(err);
    PLI_TRY(pli__wishes_look(o.sink, w, &state, &repeat, err));
    return pli__wishes_repeat(w, &state, out, err);
}

static void stream_release(struct ArrowArrayStream **s) {
    if ((*s)->release) (*s)->release(*s);
}

/* ---- files that the caller writes ---- */

static pli_status choose_layout(pli_env *env, const pli__wishes *w, struct ArrowArrayStream *take, json_t **out,
                                pli_error *err) {
    PLI_AUTO(opened_clear) opened o = {0};
    PLI_AUTO(pli__type_auto) const pli__type *schema = NULL;
    PLI_TRY(open_rows(env, w, take, &o, out, err));
    if (!o.sink) return PLI_OK;
    PLI_TRY(describe_rows(&o, &schema, err));
    PLI_TRY(pli__sink_delta_layout(o.sink, schema, out, err));
    if (!*out) *out = json_object();
    return *out ? PLI_OK : pli__error_memory(err);
}

typedef pli_status answer_fn(pli_env *env, const pli__wishes *w, struct ArrowArrayStream *take, json_t **out,
                             pli_error *err);

static pli_status answer(pli_env *env, const char *table, struct ArrowArrayStream *take, const char *options,
                         answer_fn *fn, char **result, pli_error *err) {
    PLI_AUTO(stream_release) struct ArrowArrayStream *rows = take;
    if (!env || !table || !options || !result)
        return pli__error_set(err, PLI_E_ARGUMENT, "env, table, options and result must not be NULL");
    *result = NULL;
    PLI_AUTO(pli__wishes_clear) pli__wishes w = {0};
    PLI_AUTO(pli__json_unref) json_t *done = NULL;
    PLI_AUTO(pli__buf_clear) pli__buf json = {0};
    PLI_TRY(pli__wishes_read(table, options, &w, err));
    PLI_TRY(fn(env, &w, rows, &done, err));
    PLI_TRY(pli__json_write(done, &json, err));
    *result = pli__buf_take(&json);
    return *result ? PLI_OK : pli__error_memory(err);
}

pli_status pli_delta_write(pli_env *env, const char *table, struct ArrowArrayStream *take, const char *options,
                           char **result, pli_error *err) {
    return answer(env, table, take, options, write_rows, result, err);
}

pli_status pli_delta_layout(pli_env *env, const char *table, struct ArrowArrayStream *take, const char *options,
                            char **result, pli_error *err) {
    return answer(env, table, take, options, choose_layout, result, err);
}

pli_status pli_delta_merge(pli_env *env, const char *table, struct ArrowArrayStream *take, const char *options,
                           char **result, pli_error *err) {
    return answer(env, table, take, options, pli__stream_merge, result, err);
}
