/*
 * Change rows applied to a Delta table in one commit, exactly once with the identity of a batch: a merge by the keys, of which the
 * caller has left one row each. Columns that the changes lack keep their values.
 */
#include "config/stream_identity.h"

#define CHANGES "pli_cdc_changes"
#define STREAM "pli_cdc_stream"
#define DELETED "_pli_delete" /* BOOLEAN column of the changes: the key goes */

static const pli_merge_clause clauses[] = {{.sql = "MATCHED AND source." DELETED " THEN DELETE"},
                                           {.sql = "MATCHED THEN UPDATE SET *"},
                                           {.sql = "NOT MATCHED AND NOT source." DELETED " THEN INSERT *"}};

static pli_status key_condition(const pli__wishes *w, pli__buf *on, pli_error *err) {
    const json_t *keys = json_object_get(w->json, "keys");
    const size_t n = json_array_size(keys);
    if (!n) return pli__error_set(err, PLI_E_ARGUMENT, "changes need at least one key");
    for (size_t i = 0; i < n; i++) {
        const pli__str key = pli__str_of(json_string_value(json_array_get(keys, i)));
        if (!key.len) return pli__error_set(err, PLI_E_ARGUMENT, "keys must be a list of names");
        pli__buf_addz(on, i ? " AND target." : "target.");
        pli__buf_add_sql_name(on, key);
        pli__buf_addz(on, " = source.");
        pli__buf_add_sql_name(on, key);
    }
    return pli__buf_status(on, err);
}

static pli_status give(const pli__identity *id, pli__delta *t, const pli__merge_result *r, int64_t upserts,
                       json_t **out, pli_error *err) {
    if (r->repeat) return pli__wishes_repeat(id->w, &id->state, out, err);
    PLI_AUTO(pli__snapshot_auto) pli__snapshot *s = NULL;
    PLI_TRY(pli__snapshot_open(t, r->version, NULL, &s, err));
    const pli__str table_id = pli__snapshot_metadata(s)->id;
    *out = json_pack("{s:s, s:s%, s:I, s:s, s:I, s:I, s:I}", "path", pli__delta_root(t), "tableId", table_id.ptr,
                     table_id.len, "version", (json_int_t)r->version, "txnAppId", id->w->batch.app_id, "rows",
                     (json_int_t)upserts, "rowsReplaced", (json_int_t)(r->rows_updated + r->rows_deleted), "filesAdded",
                     (json_int_t)r->files_added);
    return *out ? PLI_OK : pli__error_memory(err);
}

/* The keys as a list; its texts are borrowed. */
static pli_status key_names(const pli__wishes *w, const char ***out, size_t *n, pli_error *err) {
    const json_t *keys = json_object_get(w->json, "keys");
    *n = json_array_size(keys);
    *out = calloc(*n + 1, sizeof **out);
    if (!*out) return pli__error_memory(err);
    for (size_t i = 0; i < *n; i++) (*out)[i] = json_string_value(json_array_get(keys, i));
    return PLI_OK;
}

static pli_status apply_changes(pli_env *env, pli__engine *e, const pli__wishes *w, json_t **out, pli_error *err) {
    PLI_AUTO(pli__identity_clear) pli__identity id = {0};
    PLI_AUTO(pli__delta_auto) pli__delta *t = NULL;
    PLI_AUTO(pli__buf_clear) pli__buf on = {0};
    PLI_AUTO(pli__free_ptr) const char **keys = NULL;
    pli__merge_result r = {0};
    size_t n_keys;
    int64_t upserts;
    PLI_TRY(pli__identity_open(env, w, &id, err));
    PLI_TRY(key_condition(w, &on, err));
    PLI_TRY(key_names(w, &keys, &n_keys, err));
    PLI_TRY(pli__engine_query_i64(e, "SELECT count(*) FROM " CHANGES " WHERE NOT " DELETED, &upserts, err));
    PLI_TRY(pli__delta_open(env, w->sink.path, &t, err));
    pli__merge_options options = {.on = on.ptr,
                                  .n_keys = n_keys,
                                  .keys = keys,
                                  .clauses = clauses,
                                  .n_clauses = sizeof clauses / sizeof clauses[0],
                                  .merge_schema = w->sink.merge_schema,
                                  .marker = DELETED,
                                  .keep_missing = true};
    pli__identity_use(&id, &options);
    PLI_TRY(pli__merge_run(t, "SELECT * FROM " CHANGES, &options, &r, err));
    return give(&id, t, &r, upserts, out, err);
}

static void stream_release(struct ArrowArrayStream **s) {
    if ((*s)->release) (*s)->release(*s);
}

static pli_status with_changes(pli_env *env, struct ArrowArrayStream *take, const pli__wishes *w, json_t **out,
                               pli_error *err) {
    pli__engine *e = NULL;
    PLI_TRY(pli__env_engine(env, &e, err));
    PLI_TRY(pli__engine_register_arrow(e, STREAM, take, err));
    pli_status s = pli__engine_exec(e, "CREATE OR REPLACE TEMP TABLE " CHANGES " AS SELECT * FROM " STREAM, NULL, err);
    pli__engine_unregister(e, STREAM, NULL);
    if (s == PLI_OK) s = apply_changes(env, e, w, out, err);
    pli__engine_exec(e, "DROP TABLE IF EXISTS " CHANGES, NULL, NULL);
    return s;
}

pli_status pli_delta_apply(pli_env *env, const char *table, struct ArrowArrayStream *take, const char *options,
                           char **result, pli_error *err) {
    PLI_AUTO(stream_release) struct ArrowArrayStream *rows = take;
    if (!env || !table || !options || !result)
        return pli__error_set(err, PLI_E_ARGUMENT, "env, table, options and result must not be NULL");
    *result = NULL;
    PLI_AUTO(pli__wishes_clear) pli__wishes w = {0};
    PLI_AUTO(pli__json_unref) json_t *done = NULL;
    PLI_AUTO(pli__buf_clear) pli__buf json = {0};
    PLI_TRY(pli__wishes_read(table, options, &w, err));
    PLI_TRY(with_changes(env, rows, &w, &done, err));
    PLI_TRY(pli__json_write(done, &json, err));
    *result = pli__buf_take(&json);
    return *result ? PLI_OK : pli__error_memory(err);
}
