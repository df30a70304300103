/*
 * The Delta sink. Prepare: project the rows onto the table, write Parquet files that nothing refers to. Commit: one Delta
 * commit with the files, the txn (appId, batch) and commitInfo.pli = {offsetSha256, attempt, job, files, tableId}; a repeat
 * is recognised by txn and digest, before the first attempt and against every winning commit.
 *
 * The handle and the newest snapshot stay open between batches, so that a batch costs only the commits since the last one.
 */
#include "sink/sink_delta.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "delta/active.h"
#include "delta/adopt.h"
#include "delta/identity.h"
#include "delta/interval.h"
#include "delta/metadata_write.h"
#include "delta/overwrite.h"
#include "delta/project.h"
#include "delta/protocol_write.h"
#include "sink/sink_delta_merge.h"

#define REBASES 20
#define MIN_TXN_RETENTION_US (INT64_C(30) * 86400 * 1000000)

struct pli__prepared {
    pli__arena arena;
    pli__snapshot *snapshot;  /* that the rows were projected onto; NULL: the table is created */
    bool has_metadata;        /* the commit creates or changes the table's metadata */
    pli__metadata metadata;
    pli__written *written;
    pli__overwrite overwrite; /* what a partial overwrite takes away; unused else */
    pli__delta *table;        /* borrowed from the sink */
    char *mark;
    pli__sink_merge *merge;   /* mode merge, into a table that is there: then nothing of the above is used */
};

static bool is_mode(const pli__sink_delta *d, const char *mode) { return strcmp(d->options.mode, mode) == 0; }

/* ---- prepare ---- */

static pli_status check_retention(const pli__sink_delta *d, pli__str text, pli_error *err) {
    int64_t us;
    if (!text.ptr || d->options.allow_short_txn_retention) return PLI_OK;
    if (pli__interval_parse(text, &us) && us >= MIN_TXN_RETENTION_US) return PLI_OK;
    pli__error_set(
        err, PLI_E_UNSUPPORTED,
        "the table forgets transactions after '%.*s' (delta.setTransactionRetentionDuration): a batch could land twice",
        PLI_STR_ARG(text));
    pli__error_hint(err, "set it to 30 days or more, or allow it with `allow_short_txn_retention`");
    return PLI_E_UNSUPPORTED;
}

static pli_status check_partitions(const pli__sink_delta *d, const pli__metadata *m, pli_error *err) {
    bool same = d->options.n_partition_by == m->n_partition_columns;
    for (size_t i = 0; same && i < m->n_partition_columns; i++)
        same = pli__str_ieqz(m->partition_columns[i], d->options.partition_by[i]);
    if (same || !d->options.n_partition_by) return PLI_OK;
    return pli__error_set(err, PLI_E_SCHEMA, "table '%s' is not partitioned by the columns of `partition_by`",
                          pli__delta_root(d->table));
}

static pli_status create_metadata(pli__sink_delta *d, const pli__type *schema, pli__prepared *p, pli_error *err) {
    const size_t n = d->options.n_properties / 2;
    pli__kv *properties = pli__arena_calloc(&p->arena, n + 1, sizeof *properties);
    if (!properties) return pli__error_memory(err);
    for (size_t i = 0; i < n; i++)
        properties[i] = (pli__kv){pli__str_of(d->options.properties[2 * i]),
                                  pli__str_of(d->options.properties[2 * i + 1])};
    const pli__create_options o = {.n_partition_by = d->options.n_partition_by,
                                   .partition_by = d->options.partition_by,
                                   .n_properties = n,
                                   .properties = properties};
    for (size_t i = 0; i < n; i++)
        if (pli__str_eqz(properties[i].key, "delta.setTransactionRetentionDuration"))
            PLI_TRY(check_retention(d, properties[i].value, err));
    p->has_metadata = true;
    return pli__metadata_create(d->env, schema, &o, &p->arena, &p->metadata, err);
}

static bool overwrites_schema(const pli__sink_delta *d) {
    return d->options.overwrite_schema && is_mode(d, "overwrite");
}

/* With its schema a table may get other partition columns. */
static pli_status change_metadata(const pli__sink_delta *d, const pli__projection *projection, pli__prepared *p,
                                  pli_error *err) {
    const size_t n = overwrites_schema(d) ? d->options.n_partition_by : 0;
    p->metadata = *pli__snapshot_metadata(p->snapshot);
    p->has_metadata = projection->schema_changed || n;
    if (!p->has_metadata) return PLI_OK;
    if (n)
        PLI_TRY(
            pli__metadata_repartition(&p->metadata, projection->schema, d->options.partition_by, n, &p->arena, err));
    PLI_TRY(pli__metadata_with_schema(&p->metadata, projection->schema, &p->arena, &p->metadata, err));
    if (!projection->types_widened) return PLI_OK;
    return pli__metadata_set(&p->metadata, PLI_STR("delta.enableTypeWidening"), PLI_STR("true"), &p->arena, err);
}

static pli_status project(pli__sink_delta *d, const char *sql, const pli__type *schema, pli__prepared *p,
                          pli__projection *out, pli_error *err) {
    const pli__project_options options = pli__project_options_for(d->snapshot, d->options.merge_schema,
                                                                  d->options.allow_type_widening);
    const pli__type *table = NULL;
    if (d->snapshot) {
        p->snapshot = pli__snapshot_ref(d->snapshot);
        table = overwrites_schema(d) ? NULL : pli__snapshot_schema(p->snapshot);
        if (table) PLI_TRY(check_partitions(d, pli__snapshot_metadata(p->snapshot), err));
        PLI_TRY(check_retention(d, pli__snapshot_property(p->snapshot, "delta.setTransactionRetentionDuration"), err));
    }
    PLI_TRY_IN(pli__project(table, schema, sql, &options, out, err), err, "table '%s'", pli__delta_root(d->table));
    if (!p->snapshot) return create_metadata(d, out->schema, p, err);
    if (!table) out->schema_changed = !pli__type_equal(pli__snapshot_schema(p->snapshot), out->schema, false);
    return change_metadata(d, out, p, err);
}

static pli_status protocol_of(const pli__prepared *p, pli__arena *arena, const pli__type *schema, pli__protocol *out,
                              pli_error *err) {
    bool changed;
    return pli__protocol_derive(&p->metadata, schema, p->snapshot ? pli__snapshot_protocol(p->snapshot) : NULL, arena,
                                out, &changed, err);
}

/* What the rows become: their place in the table, its metadata and protocol afterwards. */
static pli_status begin_prepared(pli__sink_delta *d, const char *sql, const pli__type *schema, pli__prepared *p,
                                 pli__projection *projection, pli__protocol *protocol, pli_error *err) {
    PLI_TRY(pli__sink_delta_refresh(d, err));
    PLI_TRY(project(d, sql, schema, p, projection, err));
    return protocol_of(p, &p->arena, projection->schema, protocol, err);
}

static pli__write_options write_options(const pli__sink_delta *d) {
    return (pli__write_options){.target_file_size = d->options.target_file_size,
                                .relaxed = d->options.relaxed,
                                .projected = true,
                                .table = d->snapshot};
}

/* Identity columns have got values: the table remembers how far. */
static pli_status move_marks(pli__prepared *p, const pli__type *input, pli_error *err) {
    bool moved = false;
    PLI_TRY(pli__identity_advance(&p->metadata, input, pli__written_rows(p->written), &p->arena, &p->metadata, &moved,
                                  err));
    p->has_metadata = p->has_metadata || moved;
    return PLI_OK;
}

static bool overwrites_part(const pli__sink_delta *d) {
    return d->options.dynamic_partitions || d->options.replace_where;
}

/* Find what the new files replace. */
static pli_status replace(const pli__sink_delta *d, pli__prepared *p, pli_error *err) {
    const pli__overwrite_options options = {.where = d->options.replace_where,
                                            .dynamic = d->options.dynamic_partitions,
                                            .schema_changes = p->has_metadata,
                                            .target_file_size = d->options.target_file_size,
                                            .relaxed = d->options.relaxed};
    if (!overwrites_part(d) || !p->snapshot) return PLI_OK;
    return pli__overwrite_prepare(d->table, p->snapshot, &options, p->written, &p->overwrite, err);
}

static pli_status write_new(pli__sink_delta *d, const char *sql, const pli__type *schema, const pli__protocol *protocol,
                            pli__prepared *p, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf guarded = {0};
    const pli__write_options options = write_options(d);
    if (d->options.adopt)
        return pli__adopt_files(d->table, protocol, &p->metadata, schema, d->options.files, d->options.n_files,
                                &options, &p->written, err);
    PLI_TRY(pli__overwrite_guard(d->options.replace_where, pli__str_of(sql), &guarded, err));
    return pli__write_rows(d->table, protocol, &p->metadata, guarded.ptr, &options, NULL, &p->written, err);
}

static pli_status fill_prepared(pli__sink_delta *d, const char *sql, const pli__type *schema, pli__prepared *p,
                                pli_error *err) {
    PLI_AUTO(pli__projection_clear) pli__projection projection = {0};
    pli__protocol protocol;
    PLI_TRY(begin_prepared(d, sql, schema, p, &projection, &protocol, err));
    PLI_TRY(pli__active_begin(d->table, &p->mark, err));
    PLI_TRY(write_new(d, projection.sql.ptr, schema, &protocol, p, err));
    PLI_TRY(replace(d, p, err));
    return d->options.adopt ? PLI_OK : move_marks(p, schema, err);
}

/* In mode merge, rows of a table that does not exist yet are simply written, each key once. */
static pli_status fill_merge(pli__sink_delta *d, const pli__batch_ref *batch, const char *sql, const pli__type *schema,
                             pli__prepared *p, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf rows = {0};
    PLI_AUTO(pli__type_auto) const pli__type *columns = NULL;
    PLI_TRY(pli__sink_delta_refresh(d, err));
    if (d->snapshot) {
        const pli__metadata *m = pli__snapshot_metadata(d->snapshot);
        PLI_TRY(check_partitions(d, m, err));
        PLI_TRY(check_retention(d, pli__snapshot_property(d->snapshot, "delta.setTransactionRetentionDuration"), err));
        return pli__sink_merge_new(d, batch, sql, schema, &p->merge, err);
    }
    PLI_TRY(pli__sink_merge_changes(d, sql, schema, false, &rows, &columns, err));
    return fill_prepared(d, rows.ptr, columns, p, err);
}

static void free_prepared(pli__prepared *p) {
    if (!p) return;
    pli__sink_merge_free(p->merge, true);
    pli__overwrite_clear(&p->overwrite, NULL);
    pli__active_end(&p->mark);
    pli__written_free(p->written);
    if (p->snapshot) pli__snapshot_unref(p->snapshot);
    pli__arena_clear(&p->arena);
    free(p);
}

static pli_status prepare(pli__sink *s, const pli__batch_ref *batch, const char *sql, const pli__type *schema,
                          pli__prepared **out, pli_error *err) {
    pli__sink_delta *d = (pli__sink_delta *)s;
    pli__prepared *p = calloc(1, sizeof *p);
    (void)batch;
    if (!p) return pli__error_memory(err);
    p->table = d->table;
    const pli_status status = is_mode(d, "merge") ? fill_merge(d, batch, sql, schema, p, err)
                                                  : fill_prepared(d, sql, schema, p, err);
    if (status != PLI_OK) return free_prepared(p), status;
    *out = p;
    return PLI_OK;
}

/* ---- files of the caller's ---- */

static pli_status answer_layout(const pli__write_plan *plan, json_t **out, pli_error *err) {
    PLI_AUTO(pli__json_unref) json_t *columns = json_array(), *parts = json_array();
    bool ok = columns && parts;
    for (size_t i = 0; ok && i < plan->logical->n_fields; i++)
        ok = json_array_append_new(columns, json_string(plan->logical->fields[i].name)) == 0;
    for (size_t i = 0; ok && i < plan->n_parts; i++)
        ok = json_array_append_new(parts, json_string(plan->parts[i].field->name)) == 0;
    if (ok)
        *out = json_pack("{s:O, s:O, s:s, s:I}", "columns", columns, "partition_by", parts, "codec", plan->codec,
                         "target_size", (json_int_t)plan->target_size);
    return *out ? PLI_OK : pli__error_memory(err);
}

static pli_status layout(pli__sink_delta *d, const pli__type *schema, pli__prepared *p, json_t **out, pli_error *err) {
    PLI_AUTO(pli__projection_clear) pli__projection projection = {0};
    PLI_AUTO(pli__write_plan_auto) pli__write_plan *plan = NULL;
    pli__protocol protocol;
    const pli__write_options options = write_options(d);
    PLI_TRY(begin_prepared(d, "", schema, p, &projection, &protocol, err));
    PLI_TRY(pli__write_plan_new(&protocol, &p->metadata, &options, &plan, err));
    return pli__adopt_fits(plan, schema) && !d->options.replace_where ? answer_layout(plan, out, err) : PLI_OK;
}

pli_status pli__sink_delta_layout(pli__sink *s, const pli__type *schema, json_t **out, pli_error *err) {
    pli__prepared p = {0};
    *out = NULL;
    const pli_status status = layout((pli__sink_delta *)s, schema, &p, out, err);
    if (p.snapshot) pli__snapshot_unref(p.snapshot);
    pli__arena_clear(&p.arena);
    return status;
}

/* ---- describe ---- */

static json_t *file_list(const pli__prepared *p) {
    json_t *list = json_array();
    for (size_t i = 0; list && i < pli__written_files(p->written); i++) {
        const pli__str path = pli__written_add_at(p->written, i)->path;
        if (json_array_append_new(list, json_stringn(path.ptr, path.len)) < 0) return json_decref(list), NULL;
    }
    return list;
}

static pli_status describe(pli__sink *s, const pli__prepared *p, json_t **out, pli_error *err) {
    if (p->merge) return pli__sink_merge_describe(p->merge, out, err);
    json_t *files = file_list(p);
    if (!files) return pli__error_memory(err);
    *out = json_pack("{s:s, s:o, s:I, s:I}", "path", pli__delta_root(((pli__sink_delta *)s)->table), "addedFiles",
                     files, "rows", (json_int_t)pli__written_rows(p->written), "bytes",
                     (json_int_t)pli__written_bytes(p->written));
    return *out ? PLI_OK : pli__error_memory(err);
}

static int64_t count_values(const pli__prepared *p, const char *column) {
    return p->merge ? pli__sink_merge_values(p->merge, column) : pli__written_values(p->written, column);
}

/* ---- commit ---- */

/* What a partial overwrite replaces, in commitInfo.operationParameters. */
static void add_part(const pli__sink_delta *d, pli__buf *out) {
    if (d->options.dynamic_partitions) pli__buf_addz(out, ",\"isDynamicPartitionOverwrite\":\"true\"");
    if (!d->options.replace_where) return;
    pli__buf_addz(out, ",\"predicate\":");
    pli__buf_add_json(out, pli__str_of(d->options.replace_where));
}

static pli_status build_info(const pli__sink_delta *d, const pli__batch_ref *b, const pli__prepared *p, pli__buf *info,
                             pli__buf *parameters, pli_error *err) {
    if (b->anonymous) {
        pli__buf_addf(parameters, "{\"mode\":\"%s\"", is_mode(d, "overwrite") ? "Overwrite" : "Append");
        add_part(d, parameters);
        pli__buf_addc(parameters, '}');
        return pli__buf_status(parameters, err);
    }
    PLI_TRY(pli__sink_delta_info(d, b, p->metadata.id, info, err));
    pli__buf_addf(parameters, "{\"outputMode\":\"%s\",\"queryId\":", is_mode(d, "overwrite") ? "Complete" : "Append");
    pli__buf_add_json(parameters, pli__str_of(b->app_id));
    pli__buf_addf(parameters, ",\"epochId\":\"%lld\"", (long long)b->batch_id);
    add_part(d, parameters);
    pli__buf_addc(parameters, '}');
    return pli__buf_status(parameters, err);
}

typedef struct {
    pli__txn_handle *x;
    int64_t files;
} remover;

static pli_status remove_file(void *arg, const pli__add *a, pli_error *err) {
    remover *r = arg;
    r->files++;
    return pli__txn_remove_add(r->x, a, true, err);
}

/* The files that go. */
static pli_status remove_old(const pli__sink_delta *d, pli__prepared *p, pli__txn_handle *x, pli_error *err) {
    remover r = {.x = x};
    if (p->overwrite.replaced) {
        r.files = (int64_t)p->overwrite.replaced->n;
        PLI_TRY(pli__overwrite_add_to(&p->overwrite, p->written, x, err));
    } else if (is_mode(d, "overwrite") && p->snapshot)
        PLI_TRY(pli__snapshot_files(p->snapshot, PLI__FILES_ALL, remove_file, &r, err));
    return pli__txn_metric(x, "numRemovedFiles", r.files, err);
}

static pli_status fill_txn(const pli__sink_delta *d, const pli__batch_ref *b, pli__prepared *p, pli__txn_handle *x,
                           pli_error *err) {
    if (p->has_metadata) PLI_TRY(pli__txn_set_metadata(x, &p->metadata, err));
    if (!b->anonymous) PLI_TRY(pli__txn_set_txn(x, pli__str_of(b->app_id), b->batch_id, err));
    PLI_TRY(remove_old(d, p, x, err));
    PLI_TRY(pli__written_add_to(p->written, x, err));
    PLI_TRY(pli__txn_metric(x, "numOutputRows", pli__written_rows(p->written), err));
    PLI_TRY(pli__txn_metric(x, "numOutputBytes", pli__written_bytes(p->written), err));
    return pli__txn_metric(x, "numAddedFiles", (int64_t)pli__written_files(p->written), err);
}

static pli_status build_result(const pli__sink_delta *d, const pli__batch_ref *b, const pli__prepared *p,
                               const pli__commit_result *r, const pli__sink_state *shown, json_t **out,
                               pli_error *err) {
    const char *root = pli__delta_root(d->table);
    if (r->repeat) {
        *out = json_pack("{s:s, s:s, s:I, s:s, s:b, s:s}", "path", root, "tableId", r->table_id, "version",
                         (json_int_t)shown->commit_version, "txnAppId", b->app_id, "repeat", 1, "attempt",
                         shown->attempt);
    } else {
        json_t *files = file_list(p);
        if (!files) return pli__error_memory(err);
        *out = json_pack("{s:s, s:s, s:I, s:s, s:o, s:I}", "path", root, "tableId", r->table_id, "version",
                         (json_int_t)r->version, "txnAppId", b->app_id ? b->app_id : "", "addedFiles", files, "rows",
                         (json_int_t)pli__written_rows(p->written));
    }
    return *out ? PLI_OK : pli__error_memory(err);
}

/* One transaction on the snapshot that the rows were projected onto. */
static pli_status commit_once(pli__sink_delta *d, const pli__batch_ref *batch, pli__prepared *p,
                              pli__sink_delta_repeat *test, pli__commit_result *r, pli_error *err) {
    PLI_AUTO(pli__txn_auto) pli__txn_handle *x = NULL;
    PLI_AUTO(pli__buf_clear) pli__buf info = {0}, parameters = {0};
    PLI_TRY(build_info(d, batch, p, &info, &parameters, err));
    const pli__txn_options options = {.operation = batch->anonymous ? "WRITE" : "STREAMING UPDATE",
                                      .operation_params = parameters.ptr,
                                      .extra_commit_info = info.ptr,
                                      .reads = !is_mode(d, "overwrite")                           ? PLI__READS_NOTHING
                                               : p->overwrite.dynamic || d->options.replace_where ? PLI__READS_FILES
                                                                                                  : PLI__READS_TABLE,
                                      .data_change = true,
                                      .relaxed = d->options.relaxed,
                                      .repeat = batch->anonymous ? NULL : pli__sink_delta_test_repeat,
                                      .repeat_arg = test};
    PLI_TRY(pli__txn_begin(d->table, p->snapshot, &options, &x, err));
    PLI_TRY(fill_txn(d, batch, p, x, err));
    PLI_TRY(pli__txn_commit(x, r, err));
    pli__snapshot *after = pli__txn_take_snapshot(x);
    if (after && d->snapshot) pli__snapshot_unref(d->snapshot);
    if (after) d->snapshot = after;
    return PLI_OK;
}

/* After a conflict: the table as it is now, if the files at hand are right for it too. Two jobs that create one table, or
 * add the same column to it, so end with both batches in it. */
static pli_status rebase(pli__sink_delta *d, pli__prepared *p, bool *fits, pli_error *err) {
    *fits = false;
    PLI_TRY(pli__sink_delta_refresh(d, err));
    if (!d->snapshot || !is_mode(d, "append")) return PLI_OK;
    const pli__metadata *now = pli__snapshot_metadata(d->snapshot);
    PLI_TRY(pli__metadata_takes_files(now, &p->metadata, fits, err));
    if (!*fits) return PLI_OK;
    if (p->snapshot) pli__snapshot_unref(p->snapshot);
    p->snapshot = pli__snapshot_ref(d->snapshot);
    p->metadata = *now;
    p->has_metadata = false;
    return PLI_OK;
}

static pli_status commit(pli__sink *s, const pli__batch_ref *batch, pli__prepared *p, json_t **result, pli_error *err) {
    pli__sink_delta *d = (pli__sink_delta *)s;
    pli__sink_delta_repeat test = {.d = d, .batch = batch};
    pli__commit_result r = {0};
    pli_error why = {0};
    if (p->merge) return pli__sink_merge_commit(p->merge, batch, result, err);
    pli_status status = commit_once(d, batch, p, &test, &r, &why);
    for (int i = 0; status == PLI_E_CONFLICT && i < REBASES; i++) {
        bool fits;
        if (rebase(d, p, &fits, NULL) != PLI_OK || !fits) break;
        status = commit_once(d, batch, p, &test, &r, &why);
    }
    if (status != PLI_OK) {
        if (err) *err = why;
        return status;
    }
    pli__active_end(&p->mark);
    return build_result(d, batch, p, &r, &test.shown, result, err);
}

static void abort_prepared(pli__sink *s, pli__prepared *take) {
    (void)s;
    pli__sink_merge_free(PLI_TAKE(take->merge), false);
    if (take->written) pli__written_delete(take->written, take->table);
    pli__overwrite_clear(&take->overwrite, take->table);
    free_prepared(take);
}

/* ---- the sink ---- */

static void sink_free(pli__sink *s) {
    pli__sink_delta *d = (pli__sink_delta *)s;
    if (d->snapshot) pli__snapshot_unref(d->snapshot);
    pli__delta_free(d->table);
    pli__arena_clear(&d->arena);
    free(d);
}

static const pli__sink_ops ops = {1,      "delta",        pli__sink_delta_state, prepare,   describe,
                                  commit, abort_prepared, free_prepared,         sink_free, count_values};

static const char *const *copy_list(pli__arena *a, const char *const *list, size_t n) {
    const char **out = pli__arena_calloc(a, n + 1, sizeof(char *));
    for (size_t i = 0; out && i < n; i++) out[i] = pli__arena_strdup(a, pli__str_of(list[i]));
    return out;
}

static pli_status copy_options(pli__sink_delta *d, const pli__sink_delta_options *o, pli_error *err) {
    d->options = *o;
    d->options.path = pli__arena_strdup(&d->arena, pli__str_of(o->path));
    d->options.mode = pli__arena_strdup(&d->arena, pli__str_of(o->mode ? o->mode : "append"));
    if (o->replace_where) d->options.replace_where = pli__arena_strdup(&d->arena, pli__str_of(o->replace_where));
    d->options.partition_by = copy_list(&d->arena, o->partition_by, o->n_partition_by);
    d->options.properties = copy_list(&d->arena, o->properties, o->n_properties);
    d->options.keys = copy_list(&d->arena, o->keys, o->n_keys);
    return pli__arena_status(&d->arena, err);
}

/* A part of the table, or all of it with another schema. */
static pli_status check_overwrite(const pli__sink_delta_options *o, pli_error *err) {
    const char *asked = o->dynamic_partitions ? "dynamic_partitions"
                        : o->replace_where    ? "replace_where"
                        : o->overwrite_schema ? "overwrite_schema"
                                              : NULL;
    if (!asked) return PLI_OK;
    if (!o->mode || strcmp(o->mode, "overwrite") != 0)
        return pli__error_set(err, PLI_E_ARGUMENT, "'%s' goes with mode overwrite only", asked);
    if (o->dynamic_partitions + (o->replace_where != NULL) + o->overwrite_schema > 1)
        return pli__error_set(
            err, PLI_E_ARGUMENT,
            "an overwrite has one of dynamic_partitions, replace_where and overwrite_schema, not several");
    return PLI_OK;
}

static pli_status check_options(const pli__sink_delta_options *o, pli_error *err) {
    PLI_TRY(check_overwrite(o, err));
    if (!o->path || !o->path[0]) return pli__error_set(err, PLI_E_ARGUMENT, "the sink has no path");
    if (o->n_properties % 2)
        return pli__error_set(err, PLI_E_ARGUMENT, "table properties come in pairs of key and value");
    const bool merge = o->mode && strcmp(o->mode, "merge") == 0;
    if (merge != (o->n_keys > 0))
        return pli__error_set(err, PLI_E_ARGUMENT, "mode merge of a Delta sink and its keys need each other");
    if (o->mode && !merge && strcmp(o->mode, "append") != 0 && strcmp(o->mode, "overwrite") != 0)
        return pli__error_set(err, PLI_E_ARGUMENT, "a Delta sink cannot write in the mode '%s'", o->mode);
    return PLI_OK;
}

pli_status pli__sink_delta_new(pli_env *env, const pli__sink_delta_options *options, pli__sink **out, pli_error *err) {
    PLI_TRY(check_options(options, err));
    pli__sink_delta *d = calloc(1, sizeof *d);
    if (!d) return pli__error_memory(err);
    PLI_AUTO(pli__sink_auto) pli__sink *s = &d->base;
    d->base.ops = &ops;
    d->env = env;
    PLI_TRY(copy_options(d, options, err));
    PLI_TRY(pli__delta_open(env, options->path, &d->table, err));
    *out = PLI_TAKE(s);
    return PLI_OK;
}
