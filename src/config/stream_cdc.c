/*
 * Change rows applied to a Delta table in one commit, exactly once with the identity of a batch: rows of the keys that
 * changed leave their files (by deletion vectors, or the files are rewritten), the new rows go into new files. The caller has
 * left one row for each key. A conflict makes it start again on the new version.
 */
#include "config/stream_write.h"
#include "delta/dml_write.h"

#define CHANGES "pli_cdc_changes"
#define STREAM "pli_cdc_stream"
#define DELETED "_pli_delete" /* BOOLEAN column of the changes: the key goes */

typedef struct apply {
    pli__sink *sink;
    const pli__wishes *w;
    const pli__type *changes;
    pli__buf where, join; /* key conditions */
    pli__sink_state state;
    bool repeat;
    int64_t upserts;
} apply;

/* `"a" IN (SELECT "a" FROM changes)`, or of several keys `("a","b") IN (SELECT ("a","b") ...)`. */
static pli_status key_conditions(apply *a, pli_error *err) {
    const json_t *keys = json_object_get(a->w->json, "keys");
    const size_t n = json_array_size(keys);
    PLI_AUTO(pli__buf_clear) pli__buf list = {0};
    if (!n) return pli__error_set(err, PLI_E_ARGUMENT, "changes need at least one key");
    for (size_t i = 0; i < n; i++) {
        const pli__str key = pli__str_of(json_string_value(json_array_get(keys, i)));
        if (!key.len) return pli__error_set(err, PLI_E_ARGUMENT, "keys must be a list of names");
        pli__buf_addz(&list, i ? ", " : "");
        pli__buf_add_sql_name(&list, key);
        pli__buf_addz(&a->join, i ? " AND o." : "o.");
        pli__buf_add_sql_name(&a->join, key);
        pli__buf_addz(&a->join, " = c.");
        pli__buf_add_sql_name(&a->join, key);
    }
    PLI_TRY(pli__buf_status(&list, err));
    pli__buf_addf(&a->where, n == 1 ? "%s IN (SELECT %s FROM " CHANGES ")" : "(%s) IN (SELECT (%s) FROM " CHANGES ")",
                  list.ptr, list.ptr);
    PLI_TRY(pli__buf_status(&a->where, err));
    return pli__buf_status(&a->join, err);
}

/* The rows as they become: a column that the changes lack keeps its old value. */
static pli_status new_rows(const apply *a, const pli__type *schema, const char *old, pli__buf *out, pli_error *err) {
    pli__buf_addz(out, "SELECT ");
    for (size_t i = 0; i < schema->n_fields; i++) {
        const pli__field *f = &schema->fields[i];
        const int at = pli__type_find(a->changes, pli__str_of(f->name), false);
        PLI_AUTO(pli__buf_clear) pli__buf type = {0};
        PLI_TRY(pli__type_to_sql(f->type, &type, err));
        pli__buf_addf(out, "%sCAST(%s.", i ? ", " : "", at < 0 ? "o" : "c");
        pli__buf_add_sql_name(out, pli__str_of(at < 0 ? f->name : a->changes->fields[at].name));
        pli__buf_addf(out, " AS %s) AS ", type.ptr);
        pli__buf_add_sql_name(out, pli__str_of(f->name));
    }
    pli__buf_addf(out, " FROM " CHANGES " c LEFT JOIN %s o ON %s WHERE NOT c." DELETED, old, a->join.ptr);
    return pli__buf_status(out, err);
}

static pli_status write_changes(pli__dml *d, const apply *a, const char *old, const char *new, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0}, columns = {0};
    if (!d->feed) return PLI_OK;
    pli__dml_columns(d, "o.", &columns);
    PLI_TRY(pli__buf_status(&columns, err));
    pli__buf_addf(&sql,
                  "SELECT %s, CASE WHEN c." DELETED
                  " THEN 'delete' ELSE 'update_preimage' END AS \"_change_type\" FROM %s o JOIN " CHANGES " c ON %s",
                  columns.ptr, old, a->join.ptr);
    pli__buf_addf(
        &sql,
        " UNION ALL SELECT c.*, CASE WHEN EXISTS (SELECT 1 FROM %s o WHERE %s) THEN 'update_postimage' ELSE 'insert' END FROM (%s) c",
        old, a->join.ptr, new);
    PLI_TRY(pli__buf_status(&sql, err));
    return pli__dml_write_changes(d, sql.ptr, err);
}

static pli_status write_all(pli__dml *d, const apply *a, const char *old, pli_error *err) {
    PLI_AUTO(pli__file_relation_auto) pli__file_relation *left = NULL;
    PLI_AUTO(pli__buf_clear) pli__buf kept = {0}, new = {0}, all = {0};
    bool any = false;
    if (!d->vectors) PLI_TRY(pli__touched_sql(d->touched, PLI__TOUCHED_LEFT, false, &left, &kept, &any, err));
    PLI_TRY(new_rows(a, pli__snapshot_schema(d->snapshot), old, &new, err));
    if (any) pli__buf_addf(&all, "(%s)", kept.ptr);
    if (any && a->upserts) pli__buf_addz(&all, " UNION ALL ");
    if (a->upserts) pli__buf_addf(&all, "(%s)", new.ptr);
    PLI_TRY(pli__buf_status(&all, err));
    if (all.len) PLI_TRY(pli__dml_write_rows(d, all.ptr, false, err));
    return write_changes(d, a, old, new.ptr, err);
}

/* Another writer's commit with our txn: look again from the start, by the digest. */
static pli_status other_runner(void *arg, const pli__txn *found, int64_t commit_version, pli_error *err) {
    const apply *a = arg;
    (void)commit_version;
    if (found->version < a->w->batch.batch_id) return PLI_OK;
    return pli__error_set(err, PLI_E_CONFLICT, "another runner has written batch %lld", (long long)found->version);
}

static pli_status begin(pli__delta *t, apply *a, pli__dml *d, pli_error *err) {
    const pli__batch_ref *b = &a->w->batch;
    PLI_AUTO(pli__buf_clear) pli__buf info = {0};
    PLI_TRY(pli__dml_begin(t, "MERGE", "{}", false, false, NULL, d, err));
    if (b->anonymous) return PLI_OK;
    const pli__str id = pli__snapshot_metadata(d->snapshot)->id;
    PLI_AUTO(pli__json_unref)
    json_t *o = json_pack("{s:{s:s, s:s, s:s, s:I, s:s%}}", "pli", "offsetSha256", b->offset_sha256, "attempt",
                          b->attempt, "job", b->job ? b->job : "", "files", (json_int_t)b->n_files, "tableId", id.ptr,
                          id.len);
    if (!o) return pli__error_memory(err);
    PLI_TRY(pli__json_write(o, &info, err));
    const pli__txn_options options = {.operation = "MERGE",
                                      .operation_params = "{}",
                                      .extra_commit_info = info.ptr,
                                      .reads = PLI__READS_FILES,
                                      .data_change = true,
                                      .repeat = other_runner,
                                      .repeat_arg = a};
    pli__txn_free(PLI_TAKE(d->txn));
    PLI_TRY(pli__txn_begin(t, d->snapshot, &options, &d->txn, err));
    return pli__txn_set_txn(d->txn, pli__str_of(b->app_id), b->batch_id, err);
}

static pli_status run(pli__dml *d, apply *a, pli_error *err) {
    char *old = NULL;
    pli_status s = pli__touched_collect(d->touched, a->where.ptr, &old, err);
    if (s == PLI_OK) {
        d->result.rows = d->touched->hit_rows;
        s = d->touched->n ? pli__dml_take_rows(d, err) : PLI_OK;
        if (s == PLI_OK) s = write_all(d, a, old, err);
        if (s == PLI_OK) s = pli__dml_commit(d, err);
    }
    pli__touched_drop(d->touched, &old);
    return s;
}

static pli_status attempt(pli__delta *t, const void *options, pli__dml_result *out, pli_error *err) {
    apply *a = (apply *)(uintptr_t)options;
    PLI_AUTO(pli__dml_clear) pli__dml d = {0};
    if (!a->w->batch.anonymous) PLI_TRY(pli__wishes_look(a->sink, a->w, &a->state, &a->repeat, err));
    if (a->repeat) return PLI_OK;
    PLI_TRY(begin(t, a, &d, err));
    PLI_TRY(run(&d, a, err));
    *out = d.result;
    return PLI_OK;
}

static pli_status give(const apply *a, pli__delta *t, const pli__dml_result *r, json_t **out, pli_error *err) {
    if (a->repeat) return pli__wishes_repeat(a->w, &a->state, out, err);
    char id[65] = "";
    PLI_AUTO(pli__snapshot_auto) pli__snapshot *s = NULL;
    PLI_TRY(pli__snapshot_open(t, r->version, NULL, &s, err));
    const pli__str table_id = pli__snapshot_metadata(s)->id;
    if (table_id.len < sizeof id) memcpy(id, table_id.ptr, table_id.len);
    *out = json_pack("{s:s, s:s, s:I, s:s, s:I, s:I, s:I}", "path", pli__delta_root(t), "tableId", id, "version",
                     (json_int_t)r->version, "txnAppId", a->w->batch.app_id, "rows", (json_int_t)a->upserts,
                     "rowsReplaced", (json_int_t)r->rows, "filesAdded", (json_int_t)r->files_added);
    return *out ? PLI_OK : pli__error_memory(err);
}

static void apply_clear(apply *a) {
    pli__buf_clear(&a->where);
    pli__buf_clear(&a->join);
    pli__type_unref(a->changes);
    pli__sink_free(a->sink);
}

static pli_status apply_changes(pli_env *env, pli__engine *e, const pli__wishes *w, json_t **out, pli_error *err) {
    PLI_AUTO(apply_clear) apply a = {.w = w};
    PLI_AUTO(pli__delta_auto) pli__delta *t = NULL;
    pli__dml_result r = {0};
    PLI_TRY(pli__sink_delta_new(env, &w->sink, &a.sink, err));
    PLI_TRY(key_conditions(&a, err));
    PLI_TRY(pli__engine_describe(e, "SELECT * FROM " CHANGES, &a.changes, err));
    PLI_TRY(pli__engine_query_i64(e, "SELECT count(*) FROM " CHANGES " WHERE NOT " DELETED, &a.upserts, err));
    PLI_TRY(pli__delta_open(env, w->sink.path, &t, err));
    PLI_TRY(pli__dml_retry(t, attempt, &a, &r, err));
    return give(&a, t, &r, out, err);
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
