/*
 * Delta tables as the source of a stream, and the rows of their batches, for callers who drive the loop themselves (the
 * Python package).
 */
#include <stdlib.h>

#include "base/json.h"
#include "run/stream.h"
#include "source/source_delta.h"

pli_status pli_stream_set_delta(pli_stream *stream, const pli_stream_delta *o, pli_error *err) {
    if (!stream || !o || o->size < sizeof *o || !o->path)
        return pli__error_set(err, PLI_E_ARGUMENT, "stream, options with their size, and a path are needed");
    const pli__delta_options d = {
        .path = o->path,
        .start_offset = o->start_offset,
        .starting_version = o->starting_version,
        .starting_timestamp = o->starting_timestamp,
        .ending_version = -1,
        .max_files = o->max_files,
        .max_bytes = o->max_bytes,
        .ignore_deletes = o->ignore_deletes,
        .ignore_changes = o->ignore_changes,
        .read_change_feed = o->read_change_feed,
    };
    pli__source *source = NULL;
    PLI_TRY(pli__source_delta_new(pli__stream_env(stream), &d, &source, err));
    pli__stream_set_source(stream, source);
    return PLI_OK;
}

/* ---- rows of a batch ---- */

/* The engine's stream with the relation that its SQL depends on, released together. */
typedef struct batch_rows {
    struct ArrowArrayStream inner;
    pli__relation *relation;
    pli__source *source;
} batch_rows;

static void batch_rows_auto(batch_rows **r) {
    if (!*r) return;
    if ((*r)->inner.release) (*r)->inner.release(&(*r)->inner);
    pli__relation_free((*r)->relation);
    pli__source_free((*r)->source);
    free(*r);
}

static int rows_schema(struct ArrowArrayStream *s, struct ArrowSchema *out) {
    batch_rows *r = s->private_data;
    return r->inner.get_schema(&r->inner, out);
}

static int rows_next(struct ArrowArrayStream *s, struct ArrowArray *out) {
    batch_rows *r = s->private_data;
    return r->inner.get_next(&r->inner, out);
}

static const char *rows_error(struct ArrowArrayStream *s) {
    batch_rows *r = s->private_data;
    return r->inner.get_last_error(&r->inner);
}

static void rows_release(struct ArrowArrayStream *s) {
    batch_rows *r = s->private_data;
    batch_rows_auto(&r);
    s->release = NULL;
}

/* Columns and conditions around the parts: the engine carries them into each file. */
static pli_status parts_sql(const pli__relation *r, const pli_read_options *o, pli__buf *sql, pli_error *err) {
    if (r->n_parts == 0) return pli__error_set(err, PLI_E_ARGUMENT, "the batch has no files to read");
    pli__buf_addz(sql, "SELECT ");
    for (size_t i = 0; i < o->n_columns; i++) {
        if (i) pli__buf_addz(sql, ", ");
        pli__buf_add_sql_name(sql, pli__str_of(o->columns[i]));
    }
    if (!o->n_columns) pli__buf_addz(sql, "* EXCLUDE (\"_pli_path\")");
    pli__buf_addz(sql, " FROM (");
    for (size_t i = 0; i < r->n_parts; i++)
        pli__buf_addf(sql, "%s(%s)", i ? " UNION ALL BY NAME " : "", r->parts[i].sql);
    pli__buf_addc(sql, ')');
    if (o->where) pli__buf_addf(sql, " WHERE (%s\n)", o->where);
    if (o->has_limit) pli__buf_addf(sql, " LIMIT %lld", (long long)o->limit);
    return pli__buf_status(sql, err);
}

pli_status pli_delta_batch_read(pli_env *env, const char *table, const char *batch, const pli_read_options *options,
                                struct ArrowArrayStream *out, pli_error *err) {
    static const pli_read_options all = {.size = sizeof all};
    if (!env || !table || !batch || !out)
        return pli__error_set(err, PLI_E_ARGUMENT, "env, table, batch and out must not be NULL");
    PLI_AUTO(pli__json_unref) json_t *offset = NULL;
    PLI_TRY(pli__json_parse(pli__str_of(batch), "a batch", &offset, err));
    PLI_AUTO(batch_rows_auto) batch_rows *r = calloc(1, sizeof *r);
    if (!r) return pli__error_memory(err);
    const pli__delta_options d = {.path = table,
                                  .starting_version = -1,
                                  .ending_version = -1,
                                  .ignore_changes = true,
                                  .read_change_feed = json_is_array(json_object_get(offset, "file_entries"))};
    PLI_TRY(pli__source_delta_new(env, &d, &r->source, err));
    PLI_TRY(pli__source_relation(r->source, offset, &r->relation, err));
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
    PLI_TRY(parts_sql(r->relation, options ? options : &all, &sql, err));
    pli__engine *engine = NULL;
    PLI_TRY(pli__env_engine(env, &engine, err));
    PLI_TRY(pli__engine_query_arrow(engine, sql.ptr, &r->inner, err));
    *out = (struct ArrowArrayStream){rows_schema, rows_next, rows_error, rows_release, PLI_TAKE(r)};
    return PLI_OK;
}
