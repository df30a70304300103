/* Arrow in and out, chunk by chunk: a query as an Arrow stream; Arrow arrays as data chunks. */
#include "engine/duckdb/duckdb_arrow.h"

#include <errno.h>
#include <stdlib.h>

/* ---- out: a query as a stream ---- */

typedef struct {
    pli__engine *engine;
    duckdb_result rows;
    duckdb_arrow_options options;
    pli_error error; /* of the last call */
    bool done;
} export_stream;

static void finish_export(export_stream *s) {
    s->done = true;
    if (s->engine->busy == s) s->engine->busy = NULL;
}

static void free_export(export_stream *s) {
    finish_export(s);
    duckdb_destroy_arrow_options(&s->options);
    duckdb_destroy_result(&s->rows);
    free(s);
}

/* errno for an error, as the stream interface wants it. */
static int errno_of(pli_status status) {
    switch (status) {
        case PLI_OK: return 0;
        case PLI_E_MEMORY: return ENOMEM;
        case PLI_E_CANCELLED: return ECANCELED;
        case PLI_E_DISK_FULL: return ENOSPC;
        default: return EIO;
    }
}

static void free_types(duckdb_logical_type *types, idx_t n) {
    for (idx_t i = 0; i < n && types; i++) duckdb_destroy_logical_type(&types[i]);
    free(types);
}

static pli_status make_schema(export_stream *s, struct ArrowSchema *out, pli_error *err) {
    const idx_t n = duckdb_column_count(&s->rows);
    duckdb_logical_type *types = calloc(n + 1, sizeof *types);
    PLI_AUTO(pli__free_ptr) const char **names = calloc(n + 1, sizeof *names);
    pli_status status = PLI_E_MEMORY;
    if (types && names) {
        for (idx_t i = 0; i < n; i++) {
            types[i] = duckdb_column_logical_type(&s->rows, i);
            names[i] = duckdb_column_name(&s->rows, i);
        }
        status = pli__duckdb_error_data(err, duckdb_to_arrow_schema(s->options, types, names, n, out));
    } else {
        pli__error_memory(err);
    }
    free_types(types, n);
    return status;
}

static int export_get_schema(struct ArrowArrayStream *stream, struct ArrowSchema *out) {
    export_stream *s = stream->private_data;
    memset(out, 0, sizeof *out);
    return errno_of(make_schema(s, out, &s->error));
}

static pli_status next_array(export_stream *s, struct ArrowArray *out, pli_error *err) {
    PLI_AUTO(duckdb_destroy_data_chunk) duckdb_data_chunk chunk = NULL;
    PLI_TRY(pli__duckdb_fetch(&s->rows, &chunk, err));
    if (!chunk) return PLI_OK;
    return pli__duckdb_error_data(err, duckdb_data_chunk_to_arrow(s->options, chunk, out));
}

static int export_get_next(struct ArrowArrayStream *stream, struct ArrowArray *out) {
    export_stream *s = stream->private_data;
    memset(out, 0, sizeof *out);
    if (s->done) return 0;
    const pli_status status = next_array(s, out, &s->error);
    if (!out->release) finish_export(s);
    return errno_of(status);
}

static const char *export_get_last_error(struct ArrowArrayStream *stream) {
    const export_stream *s = stream->private_data;
    return s->error.message[0] ? s->error.message : NULL;
}

static void export_release(struct ArrowArrayStream *stream) {
    free_export(stream->private_data);
    stream->release = NULL;
}

pli_status pli__duckdb_query_arrow(pli__engine *e, const char *sql, struct ArrowArrayStream *out, pli_error *err) {
    duckdb_result rows;
    PLI_TRY(pli__duckdb_run_streaming(e, sql, &rows, err));
    export_stream *s = calloc(1, sizeof *s);
    if (!s) {
        duckdb_destroy_result(&rows);
        return pli__error_memory(err);
    }
    s->engine = e;
    s->rows = rows;
    s->options = duckdb_result_get_arrow_options(&s->rows);
    e->busy = s;
    *out = (struct ArrowArrayStream){.get_schema = export_get_schema,
                                     .get_next = export_get_next,
                                     .get_last_error = export_get_last_error,
                                     .release = export_release,
                                     .private_data = s};
    return PLI_OK;
}

/* ---- in: an array without rows, to learn DuckDB's types of a schema ---- */

/* All buffers are NULL; `buffers` is long enough for every layout. */
typedef struct {
    const void *buffers[4];
    struct ArrowArray *children;
    struct ArrowArray **pointers;
    struct ArrowArray dictionary;
} empty_parts;

static void release_empty(struct ArrowArray *array) {
    empty_parts *parts = array->private_data;
    for (int64_t i = 0; i < array->n_children; i++)
        if (parts->children[i].release) parts->children[i].release(&parts->children[i]);
    if (parts->dictionary.release) parts->dictionary.release(&parts->dictionary);
    free(parts->children);
    free(parts->pointers);
    free(parts);
    array->release = NULL;
}

static int64_t buffer_count(const char *format) {
    if (format[0] == 'n' || strncmp(format, "+r", 2) == 0) return 0;
    if (strncmp(format, "+s", 2) == 0 || strncmp(format, "+w", 2) == 0 || strncmp(format, "+us", 3) == 0) return 1;
    if (format[0] == 'u' || format[0] == 'U' || format[0] == 'z' || format[0] == 'Z' || format[0] == 'v') return 3;
    return strncmp(format, "+vl", 3) == 0 || strncmp(format, "+vL", 3) == 0 ? 3 : 2;
}

/* Schemas of PLI__TYPE_MAX_DEPTH levels are enough for everybody; deeper ones are not walked. */
static pli_status make_empty(const struct ArrowSchema *schema, int depth, struct ArrowArray *out, pli_error *err) {
    empty_parts *parts = calloc(1, sizeof *parts);
    const size_t n = (size_t)schema->n_children;
    if (!parts) return pli__error_memory(err);
    *out = (struct ArrowArray){.n_buffers = buffer_count(schema->format), .buffers = parts->buffers, .release = release_empty, .private_data = parts};
    if (depth > PLI__TYPE_MAX_DEPTH) return pli__error_set(err, PLI_E_LIMIT, "the Arrow schema is nested too deep");
    parts->children = calloc(n + 1, sizeof *parts->children);
    parts->pointers = calloc(n + 1, sizeof(struct ArrowArray *));
    if (!parts->children || !parts->pointers) return pli__error_memory(err);
    out->children = parts->pointers;
    for (size_t i = 0; i < n; i++) {
        parts->pointers[i] = &parts->children[i];
        PLI_TRY(make_empty(schema->children[i], depth + 1, &parts->children[i], err));
        out->n_children++;
    }
    if (!schema->dictionary) return PLI_OK;
    out->dictionary = &parts->dictionary;
    return make_empty(schema->dictionary, depth + 1, &parts->dictionary, err);
}

/* ---- in: arrays as chunks ---- */

struct pli__arrow_import {
    duckdb_connection con;
    duckdb_arrow_converted_schema schema;
    duckdb_logical_type *types;
    size_t n;
};

static void release_array(struct ArrowArray *array) {
    if (array->release) array->release(array);
}

pli_status pli__arrow_import_chunk(const pli__arrow_import *import, struct ArrowArray *take, duckdb_data_chunk *out, pli_error *err) {
    const pli_status status = pli__duckdb_error_data(err, duckdb_data_chunk_from_arrow(import->con, take, import->schema, out));
    release_array(take); /* empty if the chunk has taken it over */
    return status;
}

static pli_status learn_types(pli__arrow_import *import, const struct ArrowSchema *schema, pli_error *err) {
    PLI_AUTO(duckdb_destroy_data_chunk) duckdb_data_chunk chunk = NULL;
    struct ArrowArray empty = {0};
    const pli_status made = make_empty(schema, 0, &empty, err);
    if (made != PLI_OK) {
        release_array(&empty);
        return made;
    }
    PLI_TRY(pli__arrow_import_chunk(import, &empty, &chunk, err));
    import->types = calloc((size_t)schema->n_children + 1, sizeof *import->types);
    if (!import->types) return pli__error_memory(err);
    for (; import->n < (size_t)schema->n_children; import->n++)
        import->types[import->n] = duckdb_vector_get_column_type(duckdb_data_chunk_get_vector(chunk, import->n));
    return PLI_OK;
}

pli_status pli__arrow_import_new(duckdb_connection con, const struct ArrowSchema *schema, pli__arrow_import **out, pli_error *err) {
    pli__arrow_import *import = calloc(1, sizeof *import);
    if (!import) return pli__error_memory(err);
    import->con = con;
    struct ArrowSchema *borrowed = (struct ArrowSchema *)(uintptr_t)schema;
    pli_status status = pli__duckdb_error_data(err, duckdb_schema_from_arrow(con, borrowed, &import->schema));
    if (status == PLI_OK) status = learn_types(import, schema, err);
    if (status != PLI_OK) {
        pli__arrow_import_free(import);
        return status;
    }
    *out = import;
    return PLI_OK;
}

void pli__arrow_import_free(pli__arrow_import *import) {
    if (!import) return;
    duckdb_destroy_arrow_converted_schema(&import->schema);
    free_types(import->types, import->n);
    free(import);
}

size_t pli__arrow_import_count(const pli__arrow_import *import) { return import->n; }

duckdb_logical_type pli__arrow_import_type(const pli__arrow_import *import, size_t i) { return import->types[i]; }
