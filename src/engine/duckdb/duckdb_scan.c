/*
 * Arrow streams as tables: the table function pli_arrow_stream(id), and a temporary view for each stream that is registered.
 *
 * The registry maps ids to streams; SQL only ever sees ids, so that no text can make us follow a wrong pointer. A stream
 * can be read once: the scan that begins first takes it, by one thread at a time.
 *
 *   registry ── entry (id, name, schema, stream) <── scan (the array in hand, and the next row of it)
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "engine/duckdb/arrow_import.h"
#include "engine/duckdb/duckdb_module.h"

#define FUNCTION_NAME "pli_arrow_stream"

typedef struct entry {
    struct entry *next;
    int64_t id;
    int refs; /* the registry's and one per bound scan; under the registry's lock */
    char *name;
    struct ArrowArrayStream stream;
    struct ArrowSchema schema;
    pli__arrow_import *import;
    bool taken;             /* a scan has begun */
    const pli__engine *owner; /* who registered it */
    struct pli__duckdb_streams *registry;
} entry;

struct pli__duckdb_streams {
    pthread_mutex_t lock;
    entry *entries;
    int64_t last_id;
    const pli__engine *failed; /* owner of the stream that failed last; its next error is ours */
    pli_error failure;
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

bool pli__duckdb_streams_empty(pli__duckdb_streams *s) {
    pthread_mutex_lock(&s->lock);
    const bool empty = !s->entries;
    pthread_mutex_unlock(&s->lock);
    return empty;
}

/* ---- failures ---- */

/* DuckDB carries only a text from a table function to the statement; code and flags wait here. */
static void note_failure(entry *e, pli_error *err) {
    (void)pli__error_prefix(err, err->code, "while reading the stream '%s'", e->name);
    pthread_mutex_lock(&e->registry->lock);
    e->registry->failed = e->owner;
    e->registry->failure = *err;
    pthread_mutex_unlock(&e->registry->lock);
}

pli_status pli__duckdb_streams_explain(pli__engine *e, pli_status status, pli_error *err) {
    pli__duckdb_streams *s = pli__duckdb_streams_of(e);
    if (status == PLI_OK || !s) return status;
    pthread_mutex_lock(&s->lock);
    if (s->failed == e) {
        status = s->failure.code;
        if (status == PLI_E_CANCELLED) __atomic_store_n(&e->interrupted, 1, __ATOMIC_RELAXED); /* as good as a call */
        if (err) *err = s->failure;
        s->failed = NULL;
    }
    pthread_mutex_unlock(&s->lock);
    return status;
}

void pli__duckdb_streams_forget(pli__engine *e) {
    pli__duckdb_streams *s = pli__duckdb_streams_of(e);
    if (!s) return;
    pthread_mutex_lock(&s->lock);
    if (s->failed == e) s->failed = NULL;
    pthread_mutex_unlock(&s->lock);
}

/* ---- one scan ---- */

typedef struct {
    entry *source;
    struct ArrowArray array; /* the one in hand; empty before the first */
    int64_t next;            /* row of it */
    int64_t rows_before;     /* rows of the arrays before it */
    idx_t *columns;          /* wanted ones, in the order of the output */
    idx_t n_columns;
    bool done;
} scan;

static void release_array(scan *s) {
    s->rows_before += s->array.length;
    if (s->array.release) s->array.release(&s->array);
    s->array = (struct ArrowArray){0};
    s->next = 0;
}

static void free_scan(void *arg) {
    scan *s = arg;
    release_array(s);
    free(s->columns);
    free(s);
}

static pli_status code_of_errno(int code) {
    switch (code) {
        case ENOMEM: return PLI_E_MEMORY;
        case ECANCELED:
        case EINTR: return PLI_E_CANCELLED;
        case ENOSPC: return PLI_E_DISK_FULL;
        default: return PLI_E_IO;
    }
}

static pli_status stream_error(entry *e, int code, pli_error *err) {
    const char *reason = e->stream.get_last_error(&e->stream);
    return pli__error_set(err, code_of_errno(code), "%s", reason && *reason ? reason : strerror(code));
}

/* The next array that has rows; s->done at the end of the stream. */
static pli_status next_array(scan *s, pli_error *err) {
    struct ArrowArrayStream *stream = &s->source->stream;
    do {
        release_array(s);
        const int code = stream->get_next(stream, &s->array);
        if (code != 0) {
            s->array = (struct ArrowArray){0};
            return stream_error(s->source, code, err);
        }
        s->done = !s->array.release;
    } while (!s->done && s->array.length == 0);
    return PLI_OK;
}

static pli_status write_rows(scan *s, duckdb_data_chunk output, size_t n, pli_error *err) {
    const pli__arrow_import *import = s->source->import;
    for (idx_t i = 0; i < s->n_columns; i++) {
        if (s->columns[i] >= pli__arrow_import_count(import)) continue; /* count(*) asks for no column */
        PLI_TRY(pli__arrow_import_column(import, s->columns[i], &s->array, s->next, n, s->rows_before,
                                         duckdb_data_chunk_get_vector(output, i), err));
    }
    return PLI_OK;
}

static pli_status next_rows(scan *s, duckdb_data_chunk output, pli_error *err) {
    if (s->next >= s->array.length && !s->done) PLI_TRY(next_array(s, err));
    const int64_t left = s->done ? 0 : s->array.length - s->next;
    const int64_t n = left < (int64_t)duckdb_vector_size() ? left : (int64_t)duckdb_vector_size();
    if (n) PLI_TRY(write_rows(s, output, (size_t)n, err));
    s->next += n;
    duckdb_data_chunk_set_size(output, (idx_t)n);
    return PLI_OK;
}

/* ---- the table function ---- */

static void add_result_column(duckdb_bind_info info, const entry *e, size_t i) {
    duckdb_logical_type type = pli__duckdb_logical_type(pli__arrow_import_type(e->import, i));
    const char *name = e->schema.children[i]->name;
    if (type) duckdb_bind_add_result_column(info, name ? name : "", type);
    else duckdb_bind_set_error(info, "a column has a type that the engine does not have");
    duckdb_destroy_logical_type(&type);
}

static void bind_scan(duckdb_bind_info info) {
    duckdb_value parameter = duckdb_bind_get_parameter(info, 0);
    entry *e = ref_entry(duckdb_bind_get_extra_info(info), duckdb_get_int64(parameter));
    duckdb_destroy_value(&parameter);
    if (!e) {
        duckdb_bind_set_error(info, "there is no such stream");
        return;
    }
    duckdb_bind_set_bind_data(info, e, unref_entry);
    for (size_t i = 0; i < pli__arrow_import_count(e->import); i++) add_result_column(info, e, i);
}

/* False when memory is out. */
static bool choose_columns(scan *s, duckdb_init_info info) {
    s->n_columns = duckdb_init_get_column_count(info);
    s->columns = calloc(s->n_columns + 1, sizeof *s->columns);
    for (idx_t i = 0; s->columns && i < s->n_columns; i++) s->columns[i] = duckdb_init_get_column_index(info, i);
    return s->columns != NULL;
}

static void init_scan(duckdb_init_info info) {
    entry *e = duckdb_init_get_bind_data(info);
    scan *s = calloc(1, sizeof *s);
    duckdb_init_set_max_threads(info, 1);
    if (!s || !choose_columns(s, info)) {
        free(s);
        duckdb_init_set_error(info, "memory is out");
        return;
    }
    s->source = e;
    duckdb_init_set_init_data(info, s, free_scan);
    if (!take_entry(e)) {
        pli_error err = {0};
        pli__error_set(&err, PLI_E_SQL, "a stream can be read only once, and the query reads it again");
        pli__error_hint(&err, "read it in one place: WITH rows AS MATERIALIZED (SELECT * FROM \"%s\") ...", e->name);
        note_failure(e, &err);
        duckdb_init_set_error(info, err.message);
    }
}

static void run_scan(duckdb_function_info info, duckdb_data_chunk output) {
    scan *s = duckdb_function_get_init_data(info);
    pli_error err = {0};
    if (next_rows(s, output, &err) == PLI_OK) return;
    note_failure(s->source, &err);
    duckdb_function_set_error(info, err.message);
}

static pli_status register_function(pli__duckdb_streams *s, duckdb_connection con, pli_error *err) {
    duckdb_table_function f = duckdb_create_table_function();
    duckdb_logical_type id = duckdb_create_logical_type(DUCKDB_TYPE_BIGINT);
    duckdb_table_function_set_name(f, FUNCTION_NAME);
    duckdb_table_function_add_parameter(f, id);
    duckdb_table_function_set_extra_info(f, s, NULL);
    duckdb_table_function_set_bind(f, bind_scan);
    duckdb_table_function_set_init(f, init_scan);
    duckdb_table_function_set_function(f, run_scan);
    duckdb_table_function_supports_projection_pushdown(f, true);
    const duckdb_state state = duckdb_register_table_function(con, f);
    duckdb_destroy_logical_type(&id);
    duckdb_destroy_table_function(&f);
    return state == DuckDBSuccess ? PLI_OK : pli__error_set(err, PLI_E_ENGINE, "could not register " FUNCTION_NAME);
}

pli_status pli__duckdb_streams_new(duckdb_connection con, pli__duckdb_streams **out, pli_error *err) {
    pli__duckdb_streams *s = calloc(1, sizeof *s);
    if (!s) return pli__error_memory(err);
    pthread_mutex_init(&s->lock, NULL);
    const pli_status status = register_function(s, con, err);
    if (status == PLI_OK) *out = s;
    else pli__duckdb_streams_free(s);
    return status;
}

void pli__duckdb_streams_free(pli__duckdb_streams *s) {
    if (!s) return;
    while (s->entries) unref_entry(remove_entry(s, s->entries->name));
    pthread_mutex_destroy(&s->lock);
    free(s);
}

/* ---- registering ---- */

static pli_status read_schema(entry *e, pli_error *err) {
    const int code = e->stream.get_schema(&e->stream, &e->schema);
    if (code != 0) return stream_error(e, code, err);
    return pli__arrow_import_new(&e->schema, &e->import, err);
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
    *new_entry = (entry){.name = copy, .stream = *take, .owner = e, .registry = pli__duckdb_streams_of(e)};
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
