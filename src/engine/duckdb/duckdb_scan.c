/*
 * Arrow streams as tables: the table function pli_arrow_stream(id), and a temporary view for each stream that is registered.
 *
 * The registry maps ids to streams; SQL only ever sees ids, so that no text can make us follow a wrong pointer. A stream
 * can be read once: the scan that begins first takes it, by one thread at a time. Arrays are converted in windows of a few
 * thousand rows, since a conversion allocates for all its rows (and decodes a dictionary again each time).
 *
 *   registry ── entry (id, name, schema, stream) <── scan (array in hand, chunk in hand, position in both)
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/duckdb/duckdb_arrow.h"

#define FUNCTION_NAME "pli_arrow_stream"
#define WINDOW_ROWS 16384

typedef struct entry {
    struct entry *next;
    int64_t id;
    int refs; /* the registry's and one per bound scan; under the registry's lock */
    char *name;
    struct ArrowArrayStream stream;
    struct ArrowSchema schema;
    pli__arrow_import *import;
    bool taken; /* a scan has begun */
    struct pli__duckdb_streams *registry;
} entry;

struct pli__duckdb_streams {
    pthread_mutex_t lock;
    duckdb_connection con; /* for conversions, which look at settings of a connection that is not in the middle of a query */
    entry *entries;
    int64_t last_id;
};

/* ---- the registry ---- */

static void free_entry(entry *e) {
    pli__arrow_import_free(e->import);
    if (e->schema.release) e->schema.release(&e->schema);
    if (e->stream.release) e->stream.release(&e->stream);
    free(e->name);
    free(e);
}

static entry *ref_entry(pli__duckdb_streams *s, int64_t id) {
    pthread_mutex_lock(&s->lock);
    entry *e = s->entries;
    while (e && e->id != id) e = e->next;
    if (e) e->refs++;
    pthread_mutex_unlock(&s->lock);
    return e;
}

static void unref_entry(void *arg) {
    entry *e = arg;
    if (!e) return;
    pthread_mutex_t *lock = &e->registry->lock;
    pthread_mutex_lock(lock);
    const bool last = --e->refs == 0;
    pthread_mutex_unlock(lock);
    if (last) free_entry(e);
}

static bool take_entry(entry *e) {
    pthread_mutex_lock(&e->registry->lock);
    const bool first = !e->taken;
    e->taken = true;
    pthread_mutex_unlock(&e->registry->lock);
    return first;
}

static void add_entry(pli__duckdb_streams *s, entry *e) {
    pthread_mutex_lock(&s->lock);
    e->id = ++s->last_id;
    e->refs = 1;
    e->next = s->entries;
    s->entries = e;
    pthread_mutex_unlock(&s->lock);
}

/* Takes the entry of a name out of the list; NULL if there is none. */
static entry *remove_entry(pli__duckdb_streams *s, const char *name) {
    pthread_mutex_lock(&s->lock);
    entry **at = &s->entries;
    while (*at && strcmp((*at)->name, name) != 0) at = &(*at)->next;
    entry *e = *at;
    if (e) *at = e->next;
    pthread_mutex_unlock(&s->lock);
    return e;
}

/* ---- windows of an array ---- */

/* An array of the stream, shared by the windows into it. */
typedef struct {
    struct ArrowArray array;
    int refs; /* atomic: chunks are freed by DuckDB's threads */
} shared_array;

static void unref_array(shared_array *a) {
    if (!a || __atomic_sub_fetch(&a->refs, 1, __ATOMIC_ACQ_REL) > 0) return;
    if (a->array.release) a->array.release(&a->array);
    free(a);
}

typedef struct {
    shared_array *whole;
    struct ArrowArray **children;
    const void *no_validity;
    struct ArrowArray copies[];
} window;

static void release_window(struct ArrowArray *array) {
    window *w = array->private_data;
    unref_array(w->whole);
    free(w->children);
    free(w);
    array->release = NULL;
}

/* Children belong to the whole. */
static void release_nothing(struct ArrowArray *array) { array->release = NULL; }

/* Rows [from, from + n) of the array as an array of its own. */
static pli_status make_window(shared_array *whole, int64_t from, int64_t n, struct ArrowArray *out, pli_error *err) {
    const size_t columns = (size_t)whole->array.n_children;
    window *w = calloc(1, sizeof *w + columns * sizeof w->copies[0]);
    struct ArrowArray **children = calloc(columns + 1, sizeof(struct ArrowArray *));
    if (!w || !children) {
        free(w);
        free(children);
        return pli__error_memory(err);
    }
    w->whole = whole;
    w->children = children;
    for (size_t i = 0; i < columns; i++) {
        w->copies[i] = *whole->array.children[i];
        w->copies[i].offset += whole->array.offset + from;
        w->copies[i].length = n;
        if (w->copies[i].null_count != 0) w->copies[i].null_count = -1;
        w->copies[i].release = release_nothing;
        children[i] = &w->copies[i];
    }
    __atomic_add_fetch(&whole->refs, 1, __ATOMIC_RELAXED);
    *out = (struct ArrowArray){.length = n, .n_buffers = 1, .n_children = (int64_t)columns, .buffers = &w->no_validity,
                               .children = children, .release = release_window, .private_data = w};
    return PLI_OK;
}

/* ---- one scan ---- */

typedef struct {
    entry *source;
    shared_array *array;
    int64_t next_row; /* of the array */
    duckdb_data_chunk chunk; /* a window, converted */
    idx_t next_in_chunk;
    bool done;
} scan;

static void free_scan(void *arg) {
    scan *s = arg;
    duckdb_destroy_data_chunk(&s->chunk);
    unref_array(s->array);
    free(s);
}

static pli_status stream_error(entry *e, int code, pli_error *err) {
    const char *reason = e->stream.get_last_error(&e->stream);
    return pli__error_set(err, PLI_E_IO, "the stream '%s' failed: %s", e->name, reason ? reason : strerror(code));
}

/* The next array that has rows; s->done at the end of the stream. */
static pli_status next_array(scan *s, pli_error *err) {
    unref_array(s->array);
    s->array = NULL;
    for (;;) {
        shared_array *a = calloc(1, sizeof *a);
        if (!a) return pli__error_memory(err);
        a->refs = 1;
        const int code = s->source->stream.get_next(&s->source->stream, &a->array);
        s->done = code == 0 && !a->array.release;
        if (code == 0 && a->array.release && a->array.length > 0) {
            s->array = a;
            s->next_row = 0;
            return PLI_OK;
        }
        unref_array(a);
        if (code != 0) return stream_error(s->source, code, err);
        if (s->done) return PLI_OK;
    }
}

static pli_status next_chunk(scan *s, pli_error *err) {
    struct ArrowArray rows;
    duckdb_destroy_data_chunk(&s->chunk);
    if (!s->array || s->next_row >= s->array->array.length) PLI_TRY(next_array(s, err));
    if (s->done) return PLI_OK;
    const int64_t left = s->array->array.length - s->next_row;
    const int64_t n = left < WINDOW_ROWS ? left : WINDOW_ROWS;
    PLI_TRY(make_window(s->array, s->next_row, n, &rows, err));
    s->next_row += n;
    s->next_in_chunk = 0;
    return pli__arrow_import_chunk(s->source->import, &rows, &s->chunk, err);
}

/* Lets the output refer to the next rows of the chunk in hand; no values are copied. */
static void emit_rows(scan *s, duckdb_data_chunk output) {
    const idx_t left = duckdb_data_chunk_get_size(s->chunk) - s->next_in_chunk;
    const idx_t n = left < duckdb_vector_size() ? left : duckdb_vector_size();
    duckdb_selection_vector rows = duckdb_create_selection_vector(n);
    sel_t *at = duckdb_selection_vector_get_data_ptr(rows);
    for (idx_t i = 0; i < n; i++) at[i] = (sel_t)(s->next_in_chunk + i);
    for (idx_t c = 0; c < duckdb_data_chunk_get_column_count(output); c++) {
        duckdb_vector to = duckdb_data_chunk_get_vector(output, c);
        duckdb_vector_reference_vector(to, duckdb_data_chunk_get_vector(s->chunk, c));
        duckdb_slice_vector(to, rows, n);
    }
    duckdb_destroy_selection_vector(rows);
    duckdb_data_chunk_set_size(output, n);
    s->next_in_chunk += n;
}

/* ---- the table function ---- */

static void bind_scan(duckdb_bind_info info) {
    duckdb_value parameter = duckdb_bind_get_parameter(info, 0);
    entry *e = ref_entry(duckdb_bind_get_extra_info(info), duckdb_get_int64(parameter));
    duckdb_destroy_value(&parameter);
    if (!e) {
        duckdb_bind_set_error(info, "there is no such stream");
        return;
    }
    duckdb_bind_set_bind_data(info, e, unref_entry);
    for (size_t i = 0; i < pli__arrow_import_count(e->import); i++)
        duckdb_bind_add_result_column(info, e->schema.children[i]->name, pli__arrow_import_type(e->import, i));
}

static void init_scan(duckdb_init_info info) {
    entry *e = duckdb_init_get_bind_data(info);
    scan *s = calloc(1, sizeof *s);
    duckdb_init_set_max_threads(info, 1);
    if (!s) {
        duckdb_init_set_error(info, "memory is out");
        return;
    }
    s->source = e;
    duckdb_init_set_init_data(info, s, free_scan);
    if (!take_entry(e)) duckdb_init_set_error(info, "an Arrow stream can be read only once; the query reads it a second time");
}

static void run_scan(duckdb_function_info info, duckdb_data_chunk output) {
    scan *s = duckdb_function_get_init_data(info);
    pli_error err = {0};
    pli_status status = PLI_OK;
    if (!s->done && (!s->chunk || s->next_in_chunk >= duckdb_data_chunk_get_size(s->chunk))) status = next_chunk(s, &err);
    if (status != PLI_OK) {
        duckdb_function_set_error(info, err.message);
        return;
    }
    if (s->done)
        duckdb_data_chunk_set_size(output, 0);
    else
        emit_rows(s, output);
}

static pli_status register_function(pli__duckdb_streams *s, pli_error *err) {
    duckdb_table_function f = duckdb_create_table_function();
    duckdb_logical_type id = duckdb_create_logical_type(DUCKDB_TYPE_BIGINT);
    duckdb_table_function_set_name(f, FUNCTION_NAME);
    duckdb_table_function_add_parameter(f, id);
    duckdb_table_function_set_extra_info(f, s, NULL);
    duckdb_table_function_set_bind(f, bind_scan);
    duckdb_table_function_set_init(f, init_scan);
    duckdb_table_function_set_function(f, run_scan);
    const duckdb_state state = duckdb_register_table_function(s->con, f);
    duckdb_destroy_logical_type(&id);
    duckdb_destroy_table_function(&f);
    return state == DuckDBSuccess ? PLI_OK : pli__error_set(err, PLI_E_ENGINE, "could not register " FUNCTION_NAME);
}

pli_status pli__duckdb_streams_new(duckdb_database db, pli__duckdb_streams **out, pli_error *err) {
    pli__duckdb_streams *s = calloc(1, sizeof *s);
    if (!s) return pli__error_memory(err);
    pthread_mutex_init(&s->lock, NULL);
    pli_status status = duckdb_connect(db, &s->con) == DuckDBSuccess ? PLI_OK : pli__error_set(err, PLI_E_ENGINE, "could not connect");
    if (status == PLI_OK) status = register_function(s, err);
    if (status != PLI_OK) {
        pli__duckdb_streams_free(s);
        return status;
    }
    *out = s;
    return PLI_OK;
}

void pli__duckdb_streams_free(pli__duckdb_streams *s) {
    if (!s) return;
    while (s->entries) unref_entry(remove_entry(s, s->entries->name));
    duckdb_disconnect(&s->con);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

/* ---- registering ---- */

static pli_status read_schema(entry *e, pli_error *err) {
    const int code = e->stream.get_schema(&e->stream, &e->schema);
    if (code != 0) return stream_error(e, code, err);
    if (!e->schema.format || strcmp(e->schema.format, "+s") != 0)
        return pli__error_set(err, PLI_E_ARGUMENT, "the stream does not hold rows (a struct) but '%s'", e->schema.format ? e->schema.format : "");
    if (e->schema.n_children == 0) return pli__error_set(err, PLI_E_ARGUMENT, "the stream has no columns");
    return pli__arrow_import_new(e->registry->con, &e->schema, &e->import, err);
}

static pli_status create_view(pli__engine *e, const char *name, int64_t id, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
    pli__buf_addz(&sql, "CREATE OR REPLACE TEMP VIEW ");
    pli__buf_add_sql_name(&sql, pli__str_of(name));
    pli__buf_addf(&sql, " AS SELECT * FROM " FUNCTION_NAME "(%lld)", (long long)id);
    PLI_TRY(pli__buf_status(&sql, err));
    return pli__duckdb_exec(e, sql.ptr, NULL, err);
}

static pli_status register_entry(pli__engine *e, entry *take, pli_error *err) {
    pli__duckdb_streams *registry = pli__duckdb_streams_of(e);
    pli_status status = read_schema(take, err);
    if (status != PLI_OK) {
        free_entry(take);
        return status;
    }
    entry *old = remove_entry(registry, take->name);
    add_entry(registry, take);
    unref_entry(old);
    status = create_view(e, take->name, take->id, err);
    if (status != PLI_OK) unref_entry(remove_entry(registry, take->name));
    return status;
}

pli_status pli__duckdb_register_arrow(pli__engine *e, const char *name, struct ArrowArrayStream *take, pli_error *err) {
    entry *new_entry = calloc(1, sizeof *new_entry);
    char *copy = pli__strz_dup(name);
    pli_status status = new_entry && copy ? pli__duckdb_check_idle(e, err) : pli__error_memory(err);
    if (status != PLI_OK) {
        free(new_entry);
        free(copy);
        take->release(take);
        return status;
    }
    *new_entry = (entry){.name = copy, .stream = *take, .registry = pli__duckdb_streams_of(e)};
    take->release = NULL;
    PLI_TRY_IN(register_entry(e, new_entry, err), err, "could not register the stream '%s'", name);
    return PLI_OK;
}

pli_status pli__duckdb_unregister(pli__engine *e, const char *name, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
    PLI_TRY(pli__duckdb_check_idle(e, err));
    pli__buf_addz(&sql, "DROP VIEW IF EXISTS temp.main.");
    pli__buf_add_sql_name(&sql, pli__str_of(name));
    PLI_TRY(pli__buf_status(&sql, err));
    entry *old = remove_entry(pli__duckdb_streams_of(e), name);
    unref_entry(old);
    return pli__duckdb_exec(e, sql.ptr, NULL, err);
}
