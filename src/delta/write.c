/* Create, append and overwrite: project the query onto the table, write its rows, commit. */
#include "delta/write.h"

#include "delta/active.h"
#include "delta/identity.h"
#include "delta/latest.h"
#include "delta/metadata_write.h"
#include "delta/overwrite.h"
#include "delta/project.h"
#include "delta/protocol_write.h"
#include "delta/write_plan.h"

#define REBASES 20
#define ATTEMPTS 10

/* One attempt; files are kept for the next one as long as they fit the table. */
typedef struct {
    pli__delta *t;
    const pli_write_options *o;
    pli__snapshot *snapshot; /* NULL: created */
    pli__arena arena;
    pli__projection projection;
    bool has_metadata;
    pli__metadata metadata;
    pli__written *written;
    pli__overwrite overwrite; /* what goes */
    char *mark;
    bool committed;
    pli__write_result result;
} writer;

static void writer_clear(writer *w) {
    if (!w->committed) pli__written_delete(w->written, w->t);
    pli__written_free(w->written);
    pli__overwrite_clear(&w->overwrite, w->committed ? NULL : w->t);
    pli__projection_clear(&w->projection);
    if (w->snapshot) pli__snapshot_unref(w->snapshot);
    pli__active_end(&w->mark);
    pli__arena_clear(&w->arena);
}

static pli_status create_metadata(writer *w, pli_error *err) {
    pli__kv *kv = pli__arena_calloc(&w->arena, w->o->n_properties + 1, sizeof *kv);
    if (!kv) return pli__error_memory(err);
    for (size_t i = 0; i < w->o->n_properties; i++)
        kv[i] = (pli__kv){pli__str_of(w->o->properties[i].key),
                          w->o->properties[i].value ? pli__str_of(w->o->properties[i].value) : (pli__str){0}};
    const pli__create_options create = {.n_partition_by = w->o->n_partition_by,
                                        .partition_by = w->o->partition_by,
                                        .n_properties = w->o->n_properties,
                                        .properties = kv};
    w->has_metadata = true;
    return pli__metadata_create(pli__delta_env(w->t), w->projection.schema, &create, &w->arena, &w->metadata, err);
}

static bool overwrites_schema(const writer *w) { return w->snapshot && w->o->overwrite_schema; }

/* Another schema in place of the table's. One that is the same but for what the rows cannot say (generated columns, NOT NULL)
 * is left as it is. */
static bool schema_differs(const writer *w) {
    if (!overwrites_schema(w)) return w->projection.schema_changed;
    return w->o->n_partition_by || !pli__type_equal(pli__snapshot_schema(w->snapshot), w->projection.schema, false);
}

static pli_status choose_metadata(writer *w, pli_error *err) {
    if (!w->snapshot) return create_metadata(w, err);
    w->metadata = *pli__snapshot_metadata(w->snapshot);
    w->has_metadata = schema_differs(w);
    if (!w->has_metadata) return PLI_OK;
    if (overwrites_schema(w) && w->o->n_partition_by)
        PLI_TRY(pli__metadata_repartition(&w->metadata, w->projection.schema, w->o->partition_by, w->o->n_partition_by,
                                          &w->arena, err));
    PLI_TRY(pli__metadata_with_schema(&w->metadata, w->projection.schema, &w->arena, &w->metadata, err));
    if (!w->projection.types_widened) return PLI_OK;
    return pli__metadata_set(&w->metadata, PLI_STR("delta.enableTypeWidening"), PLI_STR("true"), &w->arena, err);
}

static pli_status open_latest(writer *w, pli_error *err) {
    bool exists = false;
    PLI_TRY(pli__delta_exists(w->t, &exists, err));
    if (exists && w->o->mode == PLI_WRITE_ERROR_IF_EXISTS)
        return pli__error_set(err, PLI_E_EXISTS, "there is a table in '%s' already", pli__delta_root(w->t));
    return exists ? pli__latest_open(w->t, &w->snapshot, err) : PLI_OK;
}

/* ---- overwrite ---- */

static bool overwrites(const writer *w) { return w->o->mode == PLI_WRITE_OVERWRITE; }

static pli_status replace(writer *w, pli_error *err) {
    const pli__overwrite_options options = {.where = w->o->where,
                                            .dynamic = w->o->dynamic_partitions,
                                            .schema_changes = w->has_metadata,
                                            .target_file_size = w->o->target_file_size,
                                            .relaxed = w->o->relaxed};
    if (!overwrites(w) || !w->snapshot) return PLI_OK;
    return pli__overwrite_prepare(w->t, w->snapshot, &options, w->written, &w->overwrite, err);
}

/* ---- one attempt ---- */

/* Identity columns have got values: the table remembers how far. */
static pli_status move_marks(writer *w, const pli__type *input, pli_error *err) {
    bool moved = false;
    PLI_TRY(pli__identity_advance(&w->metadata, input, pli__written_rows(w->written), &w->arena, &w->metadata, &moved,
                                  err));
    w->has_metadata = w->has_metadata || moved;
    return PLI_OK;
}

static pli_status write_files(writer *w, const char *sql, const pli__type *input, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf guarded = {0};
    const pli__write_options options = {
        .target_file_size = w->o->target_file_size, .relaxed = w->o->relaxed, .projected = true, .table = w->snapshot};
    pli__protocol protocol;
    bool changed;
    PLI_TRY(pli__protocol_derive(&w->metadata, w->projection.schema,
                                 w->snapshot ? pli__snapshot_protocol(w->snapshot) : NULL, &w->arena, &protocol,
                                 &changed, err));
    if (!sql) return PLI_OK;
    PLI_TRY(pli__active_begin(w->t, &w->mark, err));
    PLI_TRY(pli__overwrite_guard(overwrites(w) ? w->o->where : NULL, pli__buf_str(&w->projection.sql), &guarded, err));
    PLI_TRY(pli__write_rows(w->t, &protocol, &w->metadata, guarded.ptr, &options, NULL, &w->written, err));
    PLI_TRY(replace(w, err));
    return move_marks(w, input, err);
}

static pli_status add_files(writer *w, pli__txn_handle *x, pli_error *err) {
    const pli__overwrite *o = &w->overwrite;
    if (w->written) PLI_TRY(pli__written_add_to(w->written, x, err));
    if (o->replaced) PLI_TRY(pli__overwrite_add_to(&w->overwrite, w->written, x, err));
    w->result.rows = w->written ? pli__written_rows(w->written) : 0;
    w->result.bytes = w->written ? pli__written_bytes(w->written) : 0;
    w->result.files_added = (w->written ? (int64_t)pli__written_files(w->written) : 0) +
                            (o->left ? (int64_t)pli__written_files(o->left) : 0);
    w->result.files_removed = o->replaced ? (int64_t)o->replaced->n : 0;
    PLI_TRY(pli__txn_metric(x, "numFiles", w->result.files_added, err));
    PLI_TRY(pli__txn_metric(x, "numOutputRows", w->result.rows, err));
    return pli__txn_metric(x, "numOutputBytes", w->result.bytes, err);
}

/* commitInfo.operationParameters, named as Spark names them. */
static pli_status describe(const writer *w, pli__buf *out, pli_error *err) {
    pli__buf_addf(out, "{\"mode\":\"%s\"",
                  overwrites(w)                    ? "Overwrite"
                  : w->o->mode == PLI_WRITE_APPEND ? "Append"
                                                   : "ErrorIfExists");
    if (overwrites(w) && w->o->where) {
        pli__buf_addz(out, ",\"predicate\":");
        pli__buf_add_json(out, pli__str_of(w->o->where));
    }
    if (w->overwrite.dynamic) pli__buf_addz(out, ",\"isDynamicPartitionOverwrite\":\"true\"");
    pli__buf_addc(out, '}');
    return pli__buf_status(out, err);
}

static pli_status commit(writer *w, bool creates_only, pli_error *err) {
    PLI_AUTO(pli__txn_auto) pli__txn_handle *x = NULL;
    PLI_AUTO(pli__buf_clear) pli__buf parameters = {0};
    pli__commit_result r;
    PLI_TRY(describe(w, &parameters, err));
    const pli__txn_options options = {.operation = creates_only ? "CREATE TABLE" : "WRITE",
                                      .operation_params = parameters.ptr,
                                      .user_metadata = w->o->user_metadata,
                                      .reads = !overwrites(w)                        ? PLI__READS_NOTHING
                                               : w->o->where || w->overwrite.dynamic ? PLI__READS_FILES
                                                                                     : PLI__READS_TABLE,
                                      .data_change = true,
                                      .relaxed = w->o->relaxed};
    PLI_TRY(pli__txn_begin(w->t, w->snapshot, &options, &x, err));
    if (w->has_metadata) PLI_TRY(pli__txn_set_metadata(x, &w->metadata, err));
    PLI_TRY(add_files(w, x, err));
    PLI_TRY(pli__txn_commit(x, &r, err));
    w->result.version = r.version;
    w->committed = true;
    return PLI_OK;
}

/* After a conflict of an append: the table as it is now, if the files fit it too. */
static pli_status rebase(writer *w, bool *fits, pli_error *err) {
    PLI_AUTO(pli__snapshot_auto) pli__snapshot *now = NULL;
    *fits = false;
    if (w->o->mode != PLI_WRITE_APPEND) return PLI_OK;
    PLI_TRY(pli__latest_open(w->t, &now, err));
    PLI_TRY(pli__metadata_takes_files(pli__snapshot_metadata(now), &w->metadata, fits, err));
    if (!*fits) return PLI_OK;
    if (w->snapshot) pli__snapshot_unref(w->snapshot);
    w->snapshot = PLI_TAKE(now);
    w->metadata = *pli__snapshot_metadata(w->snapshot);
    w->has_metadata = false;
    return PLI_OK;
}

static pli_status check_options(const pli_write_options *o, pli_error *err) {
    const char *needs_overwrite = o->dynamic_partitions ? "dynamic_partitions"
                                  : o->overwrite_schema ? "overwrite_schema"
                                                        : NULL;
    if (needs_overwrite && o->mode != PLI_WRITE_OVERWRITE)
        return pli__error_set(err, PLI_E_ARGUMENT, "'%s' goes with mode overwrite only", needs_overwrite);
    if (o->dynamic_partitions && o->where)
        return pli__error_set(err, PLI_E_ARGUMENT, "an overwrite is either dynamic or has a condition");
    if (o->overwrite_schema && (o->dynamic_partitions || o->where))
        return pli__error_set(err, PLI_E_ARGUMENT,
                              "the schema can be overwritten only together with all rows: no condition, not dynamic");
    return PLI_OK;
}

static pli_status attempt(pli__delta *t, const char *sql, const pli__type *schema, const pli_write_options *o,
                          pli__write_result *out, pli_error *err) {
    PLI_AUTO(writer_clear) writer w = {.t = t, .o = o};
    PLI_TRY(open_latest(&w, err));
    const pli__project_options options = pli__project_options_for(w.snapshot, o->merge_schema, o->allow_type_widening);
    const pli__type *table = w.snapshot && !o->overwrite_schema ? pli__snapshot_schema(w.snapshot) : NULL;
    if (sql) PLI_TRY(pli__project(table, schema, sql, &options, &w.projection, err));
    else
        PLI_TRY(
            pli__type_to_storable(schema, &w.projection.schema, err)); /* as it is, with all that it says of fields */
    PLI_TRY(choose_metadata(&w, err));
    PLI_TRY(write_files(&w, sql, schema, err));
    pli_status s = commit(&w, !sql, err);
    for (int i = 0; s == PLI_E_CONFLICT && i < REBASES; i++) {
        bool fits;
        if (rebase(&w, &fits, NULL) != PLI_OK || !fits) break;
        pli__error_clear(err);
        s = commit(&w, !sql, err);
    }
    if (s == PLI_OK) *out = w.result;
    return s;
}

pli_status pli__write_query(pli__delta *t, const char *sql, const pli__type *schema, const pli_write_options *o,
                            pli__write_result *out, pli_error *err) {
    PLI_AUTO(pli__type_auto) const pli__type *asked = NULL;
    pli_status s = PLI_E_CONFLICT;
    PLI_TRY(check_options(o, err));
    if (!schema) {
        pli__engine *e;
        PLI_TRY(pli__env_engine(pli__delta_env(t), &e, err));
        PLI_TRY(pli__engine_describe(e, sql, &asked, err));
        schema = asked;
    }
    /* an Arrow stream can be read once: a conflict that needs the rows again is the caller's */
    const int most = asked ? ATTEMPTS : 1;
    for (int i = 0; i < most && s == PLI_E_CONFLICT; i++) {
        pli__error_clear(err);
        s = attempt(t, sql, schema, o, out, err);
    }
    return s;
}
