/*
 * Loads the engine module (libpli-engine.so) on first use and calls through its table of functions. A process loads it
 * at most once and never unloads it: the engine has threads and exit handlers of its own.
 *
 * Searched in this order: $PLI_ENGINE_PATH (a file or a folder); then relative to the file that holds this code (libpli.so,
 * or the executable it is linked into): pli/, ../lib/pli/, ../lib/, the folder itself; then where the build was to be installed.
 */
#include <dlfcn.h>
#include <pthread.h>

#include "engine/engine.h"
#include "port/fs.h"
#include "port/process.h"

#define MODULE_FILE "libpli-engine.so"

/* The one piece of state: which module this process has loaded. */
static const pli__engine_ops *loaded;
static pthread_mutex_t load_lock = PTHREAD_MUTEX_INITIALIZER;

static const pli__engine_ops *loaded_ops(void) { return __atomic_load_n(&loaded, __ATOMIC_ACQUIRE); }

/* ---- finding it ---- */

/* What the search has seen so far, for the message if it fails. */
typedef struct {
    const pli__engine_ops *ops;
    pli__buf places;  /* paths tried, ", " between them */
    pli__buf problem; /* why a module that exists cannot be used; the first one */
} search;

static void note_problem(search *s, const char *path, const char *reason) {
    if (s->problem.len == 0) pli__buf_addf(&s->problem, "'%s': %s", path, reason);
}

static void try_file(search *s, const char *path) {
    pli__file_info info;
    pli__buf_addf(&s->places, "%s%s", s->places.len ? ", " : "", path);
    if (pli__fs_stat(path, &info, NULL) != PLI_OK || info.kind != PLI__FILE_REGULAR) return;
    /* Lazy: binding the engine's 24,000 functions one by one as they are called saves 20 ms at the start. */
    void *handle = dlopen(path, RTLD_LAZY | RTLD_LOCAL);
    if (!handle) {
        const char *reason = dlerror();
        note_problem(s, path, reason ? reason : "cannot be loaded");
        return;
    }
    pli__engine_module_fn *module = NULL;
    *(void **)&module = dlsym(handle, PLI__ENGINE_MODULE_SYMBOL);
    const pli__engine_ops *ops = module ? module() : NULL;
    if (ops && ops->version == PLI__ENGINE_ABI) {
        s->ops = ops;
        return;
    }
    note_problem(s, path, "belongs to another version of this library");
    dlclose(handle);
}

static void try_folder(search *s, const char *folder, const char *below) {
    PLI_AUTO(pli__buf_clear) pli__buf path = {0};
    if (s->ops) return;
    pli__buf_addf(&path, "%s/%s" MODULE_FILE, folder, below);
    if (!path.failed) try_file(s, path.ptr);
}

static void try_environment(search *s) {
    const char *given = NULL;
    pli__file_info info;
    if (pli__env_get("PLI_ENGINE_PATH", &given, NULL) != PLI_OK || !given) return;
    if (pli__fs_stat(given, &info, NULL) == PLI_OK && info.kind == PLI__FILE_DIR) try_folder(s, given, "");
    else try_file(s, given);
}

static void try_beside_this_code(search *s) {
    Dl_info self;
    PLI_AUTO(pli__free_ptr) char *path = NULL;
    PLI_AUTO(pli__free_ptr) char *folder = NULL;
    if (s->ops || !dladdr((const void *)&load_lock, &self) || !self.dli_fname) return;
    /* For an executable the name may be relative to a working folder that has changed since. */
    const bool is_library = strchr(self.dli_fname, '/') && pli__fs_real_path(self.dli_fname, &path, NULL) == PLI_OK;
    if (!is_library && pli__fs_real_path("/proc/self/exe", &path, NULL) != PLI_OK) return;
    folder = pli__path_dir(path);
    if (!folder) return;
    try_folder(s, folder, "pli/");
    try_folder(s, folder, "../lib/pli/");
    try_folder(s, folder, "../lib/");
    try_folder(s, folder, "");
}

static void try_installed(search *s) {
#ifdef PLI_INSTALL_LIBDIR
    try_folder(s, PLI_INSTALL_LIBDIR, "pli/");
#else
    (void)s;
#endif
}

static void clear_search(search *s) {
    pli__buf_clear(&s->places);
    pli__buf_clear(&s->problem);
}

static pli_status load_module(pli_error *err) {
    PLI_AUTO(clear_search) search s = {0};
    try_environment(&s);
    try_beside_this_code(&s);
    try_installed(&s);
    if (s.ops) {
        __atomic_store_n(&loaded, s.ops, __ATOMIC_RELEASE);
        return PLI_OK;
    }
    pli__error_set(err, PLI_E_ENGINE, "the query engine " MODULE_FILE " %s%s",
                   s.problem.len ? "cannot be loaded: " : "was not found", s.problem.ptr ? s.problem.ptr : "");
    return pli__error_hint(err, "set PLI_ENGINE_PATH to its folder; looked at %s", s.places.ptr ? s.places.ptr : "");
}

/* The module's table. A failure is not remembered: the next call looks again. */
static pli_status require_module(const pli__engine_ops **out, pli_error *err) {
    pli_status status = PLI_OK;
    if (!loaded_ops()) {
        pthread_mutex_lock(&load_lock);
        if (!loaded_ops()) status = load_module(err);
        pthread_mutex_unlock(&load_lock);
    }
    if (status == PLI_OK) *out = loaded_ops();
    return status == PLI_OK ? PLI_OK : PLI_E_ENGINE;
}

/* ---- the module as a file ---- */

static char *module_folder(const pli__engine_ops *ops) {
    Dl_info info;
    PLI_AUTO(pli__free_ptr) char *path = NULL;
    if (!dladdr((const void *)ops, &info) || pli__fs_real_path(info.dli_fname, &path, NULL) != PLI_OK) return NULL;
    return pli__path_dir(path);
}

pli_status pli__engine_location(pli__buf *out, pli_error *err) {
    const pli__engine_ops *ops = NULL;
    PLI_TRY(require_module(&ops, err));
    PLI_AUTO(pli__free_ptr) char *folder = module_folder(ops);
    if (!folder) return pli__error_memory(err);
    pli__buf_addz(out, folder);
    return pli__buf_status(out, err);
}

pli_status pli__engine_version(pli__buf *out, pli_error *err) {
    const pli__engine_ops *ops = NULL;
    PLI_TRY(require_module(&ops, err));
    pli__buf_addz(out, ops->library_version());
    return pli__buf_status(out, err);
}

/* ---- engines ---- */

pli_status pli__engine_open(const pli__engine_options *options, pli__engine **out, pli_error *err) {
    static const pli__engine_options defaults = {0};
    const pli__engine_ops *ops = NULL;
    *out = NULL;
    PLI_TRY(require_module(&ops, err));
    PLI_AUTO(pli__free_ptr) char *folder = module_folder(ops);
    if (!folder) return pli__error_memory(err);
    return ops->open(options ? options : &defaults, folder, out, err);
}

void pli__engine_close(pli__engine *e) {
    if (e) loaded_ops()->close(e);
}

void pli__engine_auto(pli__engine **e) { pli__engine_close(*e); }

pli_status pli__engine_connect(pli__engine *e, pli__engine **out, pli_error *err) {
    *out = NULL;
    return loaded_ops()->connect(e, out, err);
}

pli_status pli__engine_renew(pli__engine *e, pli_error *err) { return loaded_ops()->renew(e, err); }

pli_status pli__engine_exec(pli__engine *e, const char *sql, int64_t *changed, pli_error *err) {
    return loaded_ops()->exec(e, sql, changed, err);
}

pli_status pli__engine_query(pli__engine *e, const char *sql, pli__result **out, pli_error *err) {
    *out = NULL;
    return loaded_ops()->query(e, sql, out, err);
}

pli_status pli__engine_describe(pli__engine *e, const char *sql, const pli__type **out, pli_error *err) {
    *out = NULL;
    return loaded_ops()->describe(e, sql, out, err);
}

pli_status pli__engine_query_arrow(pli__engine *e, const char *sql, struct ArrowArrayStream *out, pli_error *err) {
    return loaded_ops()->query_arrow(e, sql, out, err);
}

pli_status pli__engine_register_arrow(pli__engine *e, const char *name, struct ArrowArrayStream *take, pli_error *err) {
    return loaded_ops()->register_arrow(e, name, take, err);
}

pli_status pli__engine_unregister(pli__engine *e, const char *name, pli_error *err) {
    return loaded_ops()->unregister(e, name, err);
}

pli_status pli__engine_append_text(pli__engine *e, const char *table, const pli__str *rows, size_t n_rows,
                                   size_t n_columns, pli_error *err) {
    return loaded_ops()->append_text(e, table, rows, n_rows, n_columns, err);
}

pli_status pli__engine_copy(pli__engine *e, const char *copy_sql, pli__written_fn *fn, void *arg, pli_error *err) {
    return loaded_ops()->copy(e, copy_sql, fn, arg, err);
}

void pli__engine_interrupt(pli__engine *e) { loaded_ops()->interrupt(e); }

double pli__engine_progress(pli__engine *e, uint64_t *rows_done, uint64_t *rows_total) {
    return loaded_ops()->progress(e, rows_done, rows_total);
}

pli_status pli__engine_load_extension(pli__engine *e, const char *name, pli_error *err) {
    return loaded_ops()->load_extension(e, name, err);
}

/* ---- results ---- */

const pli__type *pli__result_schema(const pli__result *r) { return loaded_ops()->result_schema(r); }

pli_status pli__result_next(pli__result *r, pli__chunk *out, pli_error *err) {
    return loaded_ops()->result_next(r, out, err);
}

void pli__result_free(pli__result *r) {
    if (r) loaded_ops()->result_free(r);
}

pli__str pli__chunk_str(const pli__chunk *c, size_t col, size_t row) { return loaded_ops()->chunk_str(c, col, row); }
