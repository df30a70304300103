/* Mode merge of the Delta sink: which changes count, as SQL; delta/merge.h does the rest. */
#include "sink/sink_delta_merge.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "delta/alter.h"
#include "delta/metadata_write.h"
#include "delta/project.h"
#include "delta/stats_read.h"
#include "delta/variant_write.h"
#include "delta/write_plan.h"

#define TYPE_COLUMN "_change_type"
#define VERSION_COLUMN "_commit_version"
#define TIME_COLUMN "_commit_timestamp"
#define ROW "_pli_row"

struct pli__sink_merge {
    pli__sink_delta *d;
    pli__merge *merge;
    pli__buf on;
    pli__sink_delta_repeat repeat; /* its batch is borrowed for a call */
    pli__buf info;
    char table_id[64];
    json_t *added; /* paths of the files in the log */
    int64_t rows_written;
};

/* ---- which changes count ---- */

static bool is_of_the_feed(const char *name) {
    return strcmp(name, TYPE_COLUMN) == 0 || strcmp(name, VERSION_COLUMN) == 0 || strcmp(name, TIME_COLUMN) == 0;
}

static bool has(const pli__type *schema, const char *name) {
    return pli__type_find(schema, pli__str_of(name), true) >= 0;
}

static pli_status data_columns(const pli__sink_delta *d, const pli__type *schema, const pli__type **out,
                               pli_error *err) {
    pli__type_builder b = {0};
    for (size_t i = 0; i < schema->n_fields; i++) {
        const pli__field *f = &schema->fields[i];
        if (!is_of_the_feed(f->name))
            pli__type_builder_add(&b, pli__str_of(f->name), pli__type_ref(f->type), f->nullable, f->metadata);
    }
    PLI_AUTO(pli__type_auto) const pli__type *columns = pli__type_builder_finish(&b);
    if (!columns) return pli__error_memory(err);
    for (size_t i = 0; i < d->options.n_keys; i++)
        if (pli__type_find(columns, pli__str_of(d->options.keys[i]), false) < 0)
            return pli__error_set(err, PLI_E_SCHEMA, "the key '%s' of the merge is no column of the batch",
                                  d->options.keys[i]);
    *out = PLI_TAKE(columns);
    return PLI_OK;
}

static void add_failure(const char *text, const char *more, pli__buf *out) {
    pli__buf_addz(out, "error(");
    pli__buf_add_sql_str(out, pli__str_of(text));
    pli__buf_addf(out, "%s)", more);
}

/* The key columns as the batch spells them, with a text before and one between. */
static void add_keys(const pli__sink_delta *d, const pli__type *columns, const char *between, const char *after,
                     pli__buf *out) {
    for (size_t i = 0; i < d->options.n_keys; i++) {
        const int at = pli__type_find(columns, pli__str_of(d->options.keys[i]), false);
        if (i) pli__buf_addz(out, between);
        pli__buf_add_sql_name(out, pli__str_of(columns->fields[at].name));
        pli__buf_addz(out, after);
    }
}

/* true: the key goes, false: the row takes its place, NULL: the row means nothing. */
static void add_deleted(const pli__sink_delta *d, const pli__type *schema, const pli__type *columns, pli__buf *out) {
    const bool typed = has(schema, TYPE_COLUMN);
    pli__buf_addz(out, "CASE");
    if (typed) pli__buf_addz(out, " WHEN " TYPE_COLUMN " = 'update_preimage' THEN NULL");
    pli__buf_addz(out, " WHEN ");
    add_keys(d, columns, " OR ", " IS NULL", out);
    pli__buf_addz(out, " THEN ");
    add_failure(PLI__CHECK_MARK "a row of the batch has no value in a key column of the merge", "", out);
    if (!typed) {
        pli__buf_addz(out, " ELSE false END");
        return;
    }
    pli__buf_addz(out, " WHEN " TYPE_COLUMN " IN ('insert', 'update_postimage', 'update') THEN false WHEN " TYPE_COLUMN
                       " = 'delete' THEN true ELSE ");
    add_failure(PLI__CHECK_MARK "a row of the batch has the unknown " TYPE_COLUMN " ",
                " || coalesce('''' || " TYPE_COLUMN " || '''', 'NULL')", out);
    pli__buf_addz(out, " END");
}

pli_status pli__sink_merge_changes(const pli__sink_delta *d, const char *sql, const pli__type *schema,
                                   bool with_deletes, pli__buf *out, const pli__type **columns, pli_error *err) {
    PLI_AUTO(pli__type_auto) const pli__type *data = NULL;
    PLI_TRY(data_columns(d, schema, &data, err));
    pli__buf_addz(out, "SELECT ");
    for (size_t i = 0; i < data->n_fields; i++) {
        pli__buf_addz(out, i ? ", " : "");
        pli__buf_add_sql_name(out, pli__str_of(data->fields[i].name));
    }
    if (with_deletes) pli__buf_addz(out, ", " PLI__SINK_MERGE_DELETED);
    pli__buf_addz(out, " FROM (SELECT * FROM (SELECT *, ");
    add_deleted(d, schema, data, out);
    pli__buf_addf(out,
                  " AS " PLI__SINK_MERGE_DELETED ", row_number() OVER () AS " ROW
                  " FROM (%s\n) AS pli_batch) AS pli_rows WHERE " PLI__SINK_MERGE_DELETED
                  " IS NOT NULL QUALIFY row_number() OVER (PARTITION BY ",
                  sql);
    add_keys(d, data, ", ", "", out);
    pli__buf_addz(out, " ORDER BY ");
    if (has(schema, VERSION_COLUMN))
        pli__buf_addz(out, VERSION_COLUMN " DESC NULLS LAST, " PLI__SINK_MERGE_DELETED ", ");
    pli__buf_addf(out, ROW " DESC) = 1) AS pli_changes%s", with_deletes ? "" : " WHERE NOT " PLI__SINK_MERGE_DELETED);
    PLI_TRY(pli__buf_status(out, err));
    *columns = PLI_TAKE(data);
    return PLI_OK;
}

/* ---- the table's schema ---- */

typedef struct new_schema {
    const pli__type *schema;
    bool widened;
} new_schema;

static pli_status set_schema(pli__alteration *a, const void *arg, pli_error *err) {
    const new_schema *n = arg;
    PLI_TRY(pli__metadata_with_schema(pli__snapshot_metadata(a->snapshot), n->schema, a->arena, &a->metadata, err));
    if (!n->widened) return PLI_OK;
    return pli__metadata_set(&a->metadata, PLI_STR("delta.enableTypeWidening"), PLI_STR("true"), a->arena, err);
}

/* Can the merge add the new columns itself? It takes their types from its rows, which cannot say that a struct is a variant. */
static bool only_adds(const pli__type *before, const pli__type *after) {
    for (size_t i = 0; i < before->n_fields; i++)
        if (!pli__type_equal(before->fields[i].type, after->fields[i].type, false)) return false;
    for (size_t i = before->n_fields; i < after->n_fields; i++)
        if (pli__type_has_variant(after->fields[i].type)) return false;
    return true;
}

/* New columns come with the merge. A change of types becomes the table's in a commit of its own: the merge then finds it there,
 * also the next time if this one does not get so far. @param adds the merge has to add columns */
static pli_status grow_table(pli__sink_delta *d, const pli__type *columns, bool *adds, pli_error *err) {
    const pli__project_options options = pli__project_options_for(d->snapshot, d->options.merge_schema,
                                                                  d->options.allow_type_widening);
    PLI_AUTO(pli__projection_clear) pli__projection p = {0};
    PLI_TRY_IN(pli__project(pli__snapshot_schema(d->snapshot), columns, "", &options, &p, err), err, "table '%s'",
               pli__delta_root(d->table));
    *adds = p.schema_changed && !p.types_widened && only_adds(pli__snapshot_schema(d->snapshot), p.schema);
    if (!p.schema_changed || *adds) return PLI_OK;
    const new_schema n = {p.schema, p.types_widened};
    int64_t version = 0;
    PLI_TRY(pli__alter(d->table, "SET SCHEMA", set_schema, &n, &version, err));
    return pli__sink_delta_refresh(d, err);
}

/* ---- the source of the merge ---- */

static const pli__type *with_marker(const pli__type *columns) {
    pli__type_builder b = {0};
    for (size_t i = 0; i < columns->n_fields; i++) {
        const pli__field *f = &columns->fields[i];
        pli__type_builder_add(&b, pli__str_of(f->name), pli__type_ref(f->type), f->nullable, f->metadata);
    }
    pli__type_builder_add(&b, PLI_STR(PLI__SINK_MERGE_DELETED), pli__type_new(PLI__TYPE_BOOLEAN), true, NULL);
    return pli__type_builder_finish(&b);
}

/* The changes with the types that the table has or will have; of its columns only those that are in the batch. */
static pli_status typed_changes(const pli__sink_delta *d, const char *changes, const pli__type *columns, pli__buf *out,
                                pli_error *err) {
    static const pli__project_options keep_marker = {.merge_schema = true};
    PLI_AUTO(pli__type_auto) const pli__type *marked = with_marker(columns);
    PLI_AUTO(pli__projection_clear) pli__projection p = {0};
    const pli__type *table = pli__snapshot_schema(d->snapshot);
    if (!marked) return pli__error_memory(err);
    PLI_TRY(pli__project(table, marked, changes, &keep_marker, &p, err));
    pli__buf_addz(out, "SELECT ");
    for (size_t i = 0; i < p.schema->n_fields; i++) {
        const pli__field *f = &p.schema->fields[i];
        if (f->type->id == PLI__TYPE_NULL || pli__type_find(columns, pli__str_of(f->name), false) < 0) continue;
        pli__buf_add_sql_name(out, pli__str_of(f->name));
        pli__buf_addz(out, ", ");
    }
    pli__buf_addf(out, PLI__SINK_MERGE_DELETED " FROM (%s) AS pli_typed", p.sql.ptr);
    return pli__buf_status(out, err);
}

static pli_status key_condition(pli__sink_merge *m, pli_error *err) {
    const pli__type *table = pli__snapshot_schema(m->d->snapshot);
    for (size_t i = 0; i < m->d->options.n_keys; i++) {
        const int at = pli__type_find(table, pli__str_of(m->d->options.keys[i]), false);
        if (at < 0)
            return pli__error_set(err, PLI_E_SCHEMA, "the key '%s' of the merge is no column of table '%s'",
                                  m->d->options.keys[i], pli__delta_root(m->d->table));
        pli__buf_addz(&m->on, i ? " AND target." : "target.");
        pli__buf_add_sql_name(&m->on, pli__str_of(table->fields[at].name));
        pli__buf_addz(&m->on, " = source.");
        pli__buf_add_sql_name(&m->on, pli__str_of(table->fields[at].name));
    }
    return pli__buf_status(&m->on, err);
}

static pli_status identify(void *arg, pli__snapshot *s, pli__merge_identity *out, pli_error *err) {
    pli__sink_merge *m = arg;
    const pli__batch_ref *b = m->repeat.batch;
    const pli__str id = pli__snapshot_metadata(s)->id;
    snprintf(m->table_id, sizeof m->table_id, "%.*s", PLI_STR_ARG(id));
    if (b->anonymous) return PLI_OK;
    PLI_TRY(pli__sink_delta_info(m->d, b, id, &m->info, err));
    *out = (pli__merge_identity){.app_id = b->app_id,
                                 .txn_version = b->batch_id,
                                 .extra_commit_info = m->info.ptr,
                                 .on_txn = pli__sink_delta_test_repeat,
                                 .on_txn_arg = &m->repeat};
    return PLI_OK;
}

/* ---- the merge ---- */

static void merge_auto(pli__sink_merge **m) { pli__sink_merge_free(*m, false); }

void pli__sink_merge_free(pli__sink_merge *m, bool leave_files) {
    if (!m) return;
    if (leave_files && m->merge) pli__merge_leave_files(m->merge);
    pli__merge_free(m->merge);
    pli__buf_clear(&m->on);
    pli__buf_clear(&m->info);
    json_decref(m->added);
    free(m);
}

/* The order of a batch's rows counts where keys occur more than once. */
static pli_status read_changes(pli__sink_merge *m, const char *source, const pli__merge_options *options,
                               pli_error *err) {
    pli__engine *e = NULL;
    PLI_TRY(pli__env_engine(m->d->env, &e, err));
    const bool ordered = pli__env_engine_options(m->d->env)->preserve_order;
    if (!ordered) PLI_TRY(pli__engine_exec(e, "SET preserve_insertion_order = true", NULL, err));
    const pli_status status = pli__check_failed(pli__merge_new(m->d->table, source, options, &m->merge, err), err);
    if (!ordered) (void)pli__engine_exec(e, "SET preserve_insertion_order = false", NULL, NULL);
    return status;
}

static pli_status note_files(pli__sink_merge *m, pli_error *err) {
    m->added = json_array();
    if (!m->added) return pli__error_memory(err);
    for (size_t i = 0; i < pli__merge_files(m->merge); i++) {
        const pli__add *a = pli__merge_file_at(m->merge, i);
        if (json_array_append_new(m->added, json_stringn(a->path.ptr, a->path.len)) < 0) return pli__error_memory(err);
        m->rows_written += pli__stats_num_records(a->stats);
    }
    return PLI_OK;
}

pli_status pli__sink_merge_new(pli__sink_delta *d, const pli__batch_ref *batch, const char *sql,
                               const pli__type *schema, pli__sink_merge **out, pli_error *err) {
    static const pli_merge_clause clauses[] = {
        {.when = PLI_MERGE_MATCHED, .action = PLI_MERGE_DELETE, .condition = "source." PLI__SINK_MERGE_DELETED},
        {.when = PLI_MERGE_MATCHED, .action = PLI_MERGE_UPDATE, .star = true},
        {.when = PLI_MERGE_NOT_MATCHED,
         .action = PLI_MERGE_INSERT,
         .condition = "NOT source." PLI__SINK_MERGE_DELETED,
         .star = true}};
    PLI_AUTO(merge_auto) pli__sink_merge *m = calloc(1, sizeof *m);
    PLI_AUTO(pli__buf_clear) pli__buf changes = {0}, source = {0};
    PLI_AUTO(pli__type_auto) const pli__type *columns = NULL;
    bool adds = false;
    if (!m) return pli__error_memory(err);
    m->d = d;
    m->repeat = (pli__sink_delta_repeat){.d = d, .batch = batch};
    PLI_TRY(pli__sink_merge_changes(d, sql, schema, true, &changes, &columns, err));
    PLI_TRY(grow_table(d, columns, &adds, err));
    PLI_TRY(typed_changes(d, changes.ptr, columns, &source, err));
    PLI_TRY(key_condition(m, err));
    const pli__merge_options options = {.on = m->on.ptr,
                                        .n_clauses = sizeof clauses / sizeof *clauses,
                                        .clauses = clauses,
                                        .n_keys = d->options.n_keys,
                                        .keys = (const char *const *)d->options.keys,
                                        .keep_missing = true,
                                        .merge_schema = adds,
                                        .marker = PLI__SINK_MERGE_DELETED,
                                        .relaxed = d->options.relaxed,
                                        .identify = identify,
                                        .identify_arg = m};
    PLI_TRY(read_changes(m, source.ptr, &options, err));
    PLI_TRY(pli__merge_prepare(m->merge, err));
    PLI_TRY(note_files(m, err));
    *out = PLI_TAKE(m);
    return PLI_OK;
}

/* What a merge did to rows, beside the files that it wrote. */
static json_t *numbers(const pli__sink_merge *m, const pli__merge_result *r) {
    return json_pack("{s:s, s:O, s:I, s:I, s:I, s:I, s:I, s:I}", "path", pli__delta_root(m->d->table), "addedFiles",
                     m->added, "rows", (json_int_t)(r->rows_inserted + r->rows_updated + r->rows_deleted),
                     "rowsInserted", (json_int_t)r->rows_inserted, "rowsUpdated", (json_int_t)r->rows_updated,
                     "rowsDeleted", (json_int_t)r->rows_deleted, "rowsWritten", (json_int_t)m->rows_written, "bytes",
                     (json_int_t)r->bytes_added);
}

pli_status pli__sink_merge_describe(const pli__sink_merge *m, json_t **out, pli_error *err) {
    pli__merge_result r;
    pli__merge_state(m->merge, &r);
    *out = numbers(m, &r);
    return *out ? PLI_OK : pli__error_memory(err);
}

int64_t pli__sink_merge_values(const pli__sink_merge *m, const char *column) {
    return pli__merge_source_values(m->merge, column);
}

static json_t *describe_repeat(const pli__sink_merge *m) {
    const pli__sink_state *shown = &m->repeat.shown;
    return json_pack("{s:s, s:s, s:I, s:s, s:b, s:s}", "path", pli__delta_root(m->d->table), "tableId", m->table_id,
                     "version", (json_int_t)shown->commit_version, "txnAppId", m->repeat.batch->app_id, "repeat", 1,
                     "attempt", shown->attempt);
}

pli_status pli__sink_merge_commit(pli__sink_merge *m, const pli__batch_ref *batch, json_t **result, pli_error *err) {
    pli__merge_result r;
    m->repeat.batch = batch;
    PLI_TRY(pli__merge_commit(m->merge, &r, err));
    PLI_AUTO(pli__json_unref) json_t *o = r.repeat ? describe_repeat(m) : numbers(m, &r);
    if (!o) return pli__error_memory(err);
    if (!r.repeat && (json_object_set_new(o, "tableId", json_string(m->table_id)) < 0 ||
                      json_object_set_new(o, "version", json_integer(r.version)) < 0 ||
                      json_object_set_new(o, "txnAppId", json_string(batch->app_id ? batch->app_id : "")) < 0))
        return pli__error_memory(err);
    *result = PLI_TAKE(o);
    return PLI_OK;
}
