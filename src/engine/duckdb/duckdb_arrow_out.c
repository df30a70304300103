/* A query as an Arrow C stream: chunks are fetched as they are asked for, and gathered into larger arrays. */
#include <errno.h>
#include <stdlib.h>

#include "engine/duckdb/arrow_export.h"
#include "engine/duckdb/duckdb_module.h"

typedef struct {
    pli__duckdb_rows rows;
    const pli__type *type;
    pli__arrow_export *gathered;
    pli_error error; /* of the last call that failed */
    bool done;
} stream_state;

static void finish(stream_state *s) {
    s->done = true;
    if (s->rows.engine && s->rows.engine->busy == s) s->rows.engine->busy = NULL;
}

static void free_state(stream_state *s) {
    finish(s);
    pli__arrow_export_free(s->gathered);
    pli__duckdb_rows_clear(&s->rows);
    pli__type_unref(s->type);
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

static int get_schema(struct ArrowArrayStream *stream, struct ArrowSchema *out) {
    stream_state *s = stream->private_data;
    memset(out, 0, sizeof *out);
    return errno_of(pli__type_to_arrow(s->type, "", false, out, &s->error));
}

static pli_status gather(stream_state *s, pli_error *err) {
    while (!s->done && !pli__arrow_export_is_full(s->gathered)) {
        PLI_AUTO(duckdb_destroy_data_chunk) duckdb_data_chunk chunk = NULL;
        PLI_TRY(pli__duckdb_rows_next(&s->rows, &chunk, err));
        if (chunk) PLI_TRY(pli__arrow_export_add(s->gathered, chunk, err));
        else finish(s);
    }
    return PLI_OK;
}

static int get_next(struct ArrowArrayStream *stream, struct ArrowArray *out) {
    stream_state *s = stream->private_data;
    memset(out, 0, sizeof *out);
    pli_status status = gather(s, &s->error);
    if (status == PLI_OK && pli__arrow_export_rows(s->gathered))
        status = pli__arrow_export_take(s->gathered, out, &s->error);
    if (status != PLI_OK) finish(s);
    return errno_of(status);
}

static const char *get_last_error(struct ArrowArrayStream *stream) {
    const stream_state *s = stream->private_data;
    return s->error.message[0] ? s->error.message : NULL;
}

static void release(struct ArrowArrayStream *stream) {
    free_state(stream->private_data);
    stream->release = NULL;
}

/* Types that Arrow does not have are an error now, not when the first array is asked for. */
static pli_status check_schema(const pli__type *type, pli_error *err) {
    struct ArrowSchema schema = {0};
    PLI_TRY(pli__type_to_arrow(type, "", false, &schema, err));
    schema.release(&schema);
    return PLI_OK;
}

static pli_status prepare(stream_state *s, pli_error *err) {
    PLI_TRY(pli__duckdb_result_type(&s->rows.result, &s->type, err));
    PLI_TRY(check_schema(s->type, err));
    return pli__arrow_export_new(s->type, &s->gathered, err);
}

static void free_state_auto(stream_state **s) {
    if (*s) free_state(*s);
}

pli_status pli__duckdb_query_arrow(pli__engine *e, const char *sql, struct ArrowArrayStream *out, pli_error *err) {
    PLI_AUTO(free_state_auto) stream_state *s = calloc(1, sizeof *s);
    if (!s) return pli__error_memory(err);
    PLI_TRY(pli__duckdb_rows_begin(e, sql, &s->rows, err));
    e->busy = s;
    PLI_TRY(prepare(s, err));
    *out = (struct ArrowArrayStream){.get_schema = get_schema,
                                     .get_next = get_next,
                                     .get_last_error = get_last_error,
                                     .release = release,
                                     .private_data = PLI_TAKE(s)};
    return PLI_OK;
}
