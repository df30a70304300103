/* Opening and closing: settings, the spill folder, further connections, extensions. */
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "engine/duckdb/casts.h"
#include "engine/duckdb/duckdb_module.h"
#include "port/fs.h"
#include "port/process.h"

/* The Arrow functions are unstable in 1.5.x and statistics differ between versions: this is what was tested. */
#define DUCKDB_TESTED_VERSION "v1.5."

struct pli__duckdb_database {
    duckdb_database db;
    int refs; /* atomic: connections may be closed by different threads */
    char *module_dir;
    char *spill_parent; /* to be removed if it is empty; NULL if it was there before us */
    char *spill;        /* DuckDB creates it when it spills */
    pli__duckdb_streams *streams;
    bool failed;   /* atomic: a statement did, while it ran */
    bool extended; /* an extension was loaded */
};

enum { IDLE_MEMORY_MAX = 16 << 20 };

pli__duckdb_streams *pli__duckdb_streams_of(pli__engine *e) { return e->shared->streams; }

/* ---- the spill folder ---- */

/* A private folder below the one that was asked for, so that nobody else's files are ever removed. */
static pli_status choose_spill(pli__duckdb_database *d, const char *wanted, pli_error *err) {
    const char *tmp = NULL;
    PLI_TRY(pli__env_get("TMPDIR", &tmp, err));
    const char *parent = wanted ? wanted : (tmp ? tmp : "/tmp");
    PLI_AUTO(pli__buf_clear) pli__buf path = {0};
    char id[37];
    pli__file_info info;
    PLI_TRY(pli__fs_stat(parent, &info, err));
    if (info.kind == PLI__FILE_NONE) {
        PLI_TRY_IN(pli__fs_mkdirs(parent, err), err, "the spill folder");
        d->spill_parent = pli__strz_dup(parent);
    }
    pli__uuid_new(id);
    pli__buf_addf(&path, "%s/.pli-spill-%lld-%.8s", parent, (long long)pli__process_id(), id);
    d->spill = pli__buf_take(&path);
    return d->spill ? PLI_OK : pli__error_memory(err);
}

static void remove_spill(pli__duckdb_database *d) {
    if (d->spill) (void)pli__fs_remove_tree(d->spill, NULL);
    if (d->spill_parent) (void)pli__fs_rmdir(d->spill_parent, true, NULL); /* fails if it is in use, which is right */
}

/* ---- settings ---- */

static pli_status set(duckdb_config config, const char *name, const char *value, pli_error *err) {
    if (duckdb_set_config(config, name, value) == DuckDBSuccess) return PLI_OK;
    return pli__error_set(err, PLI_E_ARGUMENT, "the engine does not take '%s' for %s", value, name);
}

static pli_status set_limits(duckdb_config config, const pli__engine_options *o, pli_error *err) {
    char text[40];
    if (o->memory_limit > 0) {
        snprintf(text, sizeof text, "%lldB", (long long)o->memory_limit);
        PLI_TRY(set(config, "memory_limit", text, err));
    }
    if (o->threads > 0) {
        snprintf(text, sizeof text, "%d", o->threads);
        PLI_TRY(set(config, "threads", text, err));
    }
    return set(config, "preserve_insertion_order", o->preserve_order ? "true" : "false", err);
}

/* Nothing is fetched, found or kept outside of what the caller names. */
static pli_status set_isolation(duckdb_config config, pli_error *err) {
    PLI_TRY(set(config, "autoinstall_known_extensions", "false", err));
    PLI_TRY(set(config, "autoload_known_extensions", "false", err));
    PLI_TRY(set(config, "allow_community_extensions", "false", err));
    PLI_TRY(set(config, "allow_persistent_secrets", "false", err));
    /* The cache tells files apart by path and time in seconds: a file that was written anew under its path (an overwritten
     * input, a table made again) would be read as a mixture of both. Found by the fault tests. */
    PLI_TRY(set(config, "enable_external_file_cache", "false", err));
    return set(config, "errors_as_json", "true", err);
}

static pli_status open_database(pli__duckdb_database *d, const pli__engine_options *o, pli_error *err) {
    PLI_AUTO(duckdb_destroy_config) duckdb_config config = NULL;
    char *problem = NULL;
    if (duckdb_create_config(&config) != DuckDBSuccess) return pli__error_memory(err);
    PLI_TRY(set_limits(config, o, err));
    PLI_TRY(set_isolation(config, err));
    PLI_TRY(set(config, "temp_directory", d->spill, err));
    if (duckdb_open_ext(NULL, &d->db, config, &problem) == DuckDBSuccess) return PLI_OK;
    const pli_status status = pli__duckdb_error(err, problem, PLI__DUCKDB_RUNNING);
    duckdb_free(problem);
    return pli__error_prefix(err, status, "could not open the query engine");
}

/* ---- engines ---- */

static void unref_database(pli__duckdb_database *d) {
    if (!d || __atomic_sub_fetch(&d->refs, 1, __ATOMIC_ACQ_REL) > 0) return;
    pli__duckdb_streams_free(d->streams);
    duckdb_close(&d->db);
    remove_spill(d);
    free(d->spill);
    free(d->spill_parent);
    free(d->module_dir);
    free(d);
}

void pli__duckdb_close(pli__engine *e) {
    if (!e) return;
    duckdb_disconnect(&e->con);
    unref_database(e->shared);
    free(e);
}

static void close_engine(pli__engine **e) { pli__duckdb_close(*e); }

static pli_status connect_engine(pli__engine *e, pli_error *err) {
    if (duckdb_connect(e->shared->db, &e->con) != DuckDBSuccess)
        return pli__error_set(err, PLI_E_ENGINE, "could not connect to the query engine");
    /* Without the progress bar there is no progress to ask for; without the second setting it is printed. */
    return pli__duckdb_exec(e, "SET enable_progress_bar = true; SET enable_progress_bar_print = false", NULL, err);
}

static pli_status new_engine(pli__duckdb_database *shared, pli__engine **out, pli_error *err) {
    PLI_AUTO(close_engine) pli__engine *e = calloc(1, sizeof *e);
    if (!e) return pli__error_memory(err);
    __atomic_add_fetch(&shared->refs, 1, __ATOMIC_RELAXED);
    e->shared = shared;
    PLI_TRY(connect_engine(e, err));
    *out = PLI_TAKE(e);
    return PLI_OK;
}

pli_status pli__duckdb_connect(pli__engine *e, pli__engine **out, pli_error *err) {
    return new_engine(e->shared, out, err);
}

/* What is set or registered once and holds for all connections. */
static pli_status prepare_database(pli__engine *e, const pli__engine_options *o, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
    const char *zone = o->time_zone ? o->time_zone : "UTC";
    pli__buf_addz(&sql, "SET GLOBAL TimeZone = ");
    pli__buf_add_sql_str(&sql, pli__str_of(zone));
    PLI_TRY(pli__buf_status(&sql, err));
    if (pli__duckdb_exec(e, sql.ptr, NULL, err) != PLI_OK)
        return pli__error_set(err, PLI_E_ARGUMENT, "there is no time zone '%s'", zone);
    PLI_TRY(pli__duckdb_register_casts(e->con, err));
    return pli__duckdb_streams_new(e->con, &e->shared->streams, err);
}

static pli_status check_version(pli_error *err) {
    if (strncmp(duckdb_library_version(), DUCKDB_TESTED_VERSION, sizeof DUCKDB_TESTED_VERSION - 1) == 0) return PLI_OK;
    pli__error_set(err, PLI_E_ENGINE, "libduckdb has version %s, not " DUCKDB_TESTED_VERSION "x",
                   duckdb_library_version());
    return pli__error_hint(err, "is another libduckdb.so loaded into this process or found through LD_LIBRARY_PATH?");
}

static void unref_auto(pli__duckdb_database **d) { unref_database(*d); }

pli_status pli__duckdb_open(const pli__engine_options *options, const char *module_dir, pli__engine **out,
                            pli_error *err) {
    PLI_TRY(check_version(err));
    PLI_AUTO(unref_auto) pli__duckdb_database *d = calloc(1, sizeof *d); /* this function's reference */
    PLI_AUTO(close_engine) pli__engine *e = NULL;
    if (!d) return pli__error_memory(err);
    d->refs = 1;
    d->module_dir = pli__strz_dup(module_dir);
    if (!d->module_dir) return pli__error_memory(err);
    PLI_TRY(choose_spill(d, options->spill_dir, err));
    PLI_TRY(open_database(d, options, err));
    PLI_TRY(new_engine(d, &e, err));
    PLI_TRY(prepare_database(e, options, err));
    *out = PLI_TAKE(e);
    return PLI_OK;
}

/* ---- used again ---- */

void pli__duckdb_note_failure(pli__engine *e) { __atomic_store_n(&e->shared->failed, true, __ATOMIC_RELAXED); }

static bool is_as_opened(pli__engine *e) {
    pli__duckdb_database *d = e->shared;
    pli__file_info spill;
    return !e->busy && !d->extended && !__atomic_load_n(&d->failed, __ATOMIC_RELAXED) &&
           __atomic_load_n(&d->refs, __ATOMIC_ACQUIRE) == 1 && pli__duckdb_streams_empty(d->streams) &&
           pli__fs_stat(d->spill, &spill, NULL) == PLI_OK && spill.kind == PLI__FILE_NONE;
}

static pli_status memory_held(pli__engine *e, int64_t *out, pli_error *err) {
    PLI_AUTO(duckdb_destroy_result) duckdb_result result = {0};
    PLI_TRY(pli__duckdb_run(e, "SELECT sum(memory_usage_bytes)::BIGINT FROM duckdb_memory()", &result, err));
    PLI_AUTO(duckdb_destroy_data_chunk) duckdb_data_chunk chunk = NULL;
    PLI_TRY(pli__duckdb_fetch(&result, &chunk, err));
    *out = chunk ? ((const int64_t *)duckdb_vector_get_data(duckdb_data_chunk_get_vector(chunk, 0)))[0] : INT64_MAX;
    return PLI_OK;
}

pli_status pli__duckdb_renew(pli__engine *e, pli_error *err) {
    int64_t held;
    if (!is_as_opened(e)) return pli__error_set(err, PLI_E_STATE, "the engine must be opened anew");
    duckdb_disconnect(&e->con);
    PLI_TRY(connect_engine(e, err));
    PLI_TRY(memory_held(e, &held, err));
    return held > IDLE_MEMORY_MAX ? pli__error_set(err, PLI_E_STATE, "the engine holds memory") : PLI_OK;
}

/* ---- extensions ---- */

static bool is_extension_name(const char *name) {
    const size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz_0123456789");
    return n && !name[n];
}

pli_status pli__duckdb_load_extension(pli__engine *e, const char *name, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf path = {0};
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
    pli__file_info info;
    if (!is_extension_name(name))
        return pli__error_set(err, PLI_E_ARGUMENT, "'%s' is not the name of an extension", name);
    pli__buf_addf(&path, "%s/extensions/%s.duckdb_extension", e->shared->module_dir, name);
    pli__buf_addz(&sql, "LOAD ");
    pli__buf_add_sql_str(&sql, pli__buf_str(&path));
    PLI_TRY(pli__buf_status(&path, err));
    PLI_TRY(pli__buf_status(&sql, err));
    PLI_TRY(pli__fs_stat(path.ptr, &info, err));
    if (info.kind == PLI__FILE_NONE)
        return pli__error_set(err, PLI_E_ENGINE, "the extension '%s' is not installed: there is no '%s'", name,
                              path.ptr);
    e->shared->extended = true;
    PLI_TRY_IN(pli__duckdb_exec(e, sql.ptr, NULL, err), err, "could not load the extension '%s'", name);
    return PLI_OK;
}
