/* The table handle: root folder, log store, newest version seen. */
#include "delta/table.h"

#include <inttypes.h>
#include <stdlib.h>

#include "delta/path.h"

static void drop_handle(pli__delta *t) {
    if (!t || --t->refs > 0) return;
    pli__engine_close(t->reader);
    pli__store_free(t->log);
    pli__buf_clear(&t->scratch);
    pli__map_free(t->unusable);
    free(t->times.ms);
    free(t->root);
    free(t);
}

void pli__delta_free(pli__delta *t) { drop_handle(t); }
void pli__delta_auto(pli__delta **t) { drop_handle(*t); }

pli__delta *pli__delta_ref(pli__delta *t) {
    t->refs++;
    return t;
}

static pli_status new_handle(pli_env *env, const char *root, pli__delta **out, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf path = {0};
    PLI_AUTO(pli__delta_auto) pli__delta *t = calloc(1, sizeof *t);
    if (!t) return pli__error_memory(err);
    t->refs = 1;
    t->env = env;
    t->known_version = -1;
    PLI_TRY(pli__uri_root(root, &path, err));
    PLI_TRY(pli__fs_abs_path(path.ptr, &t->root, err));
    pli__buf_init(&t->scratch, PLI__COMMIT_MAX + 1);
    *out = PLI_TAKE(t);
    return PLI_OK;
}

pli_status pli__delta_open(pli_env *env, const char *root, pli__delta **out, pli_error *err) {
    PLI_AUTO(pli__delta_auto) pli__delta *t = NULL;
    PLI_TRY(new_handle(env, root, &t, err));
    PLI_AUTO(pli__free_ptr) char *log = pli__path_join(t->root, "_delta_log");
    if (!log) return pli__error_memory(err);
    PLI_TRY(pli__store_local_open(log, &t->log, err));
    *out = PLI_TAKE(t);
    return PLI_OK;
}

pli_status pli__delta_open_store(pli_env *env, const char *root, pli__store *take_log_store, pli__delta **out,
                                 pli_error *err) {
    PLI_AUTO(pli__store_auto) pli__store *log = take_log_store;
    PLI_AUTO(pli__delta_auto) pli__delta *t = NULL;
    PLI_TRY(new_handle(env, root ? root : "/", &t, err));
    t->log = PLI_TAKE(log);
    *out = PLI_TAKE(t);
    return PLI_OK;
}

const char *pli__delta_root(const pli__delta *t) { return t->root; }
pli__store *pli__delta_log(const pli__delta *t) { return t->log; }
pli_env *pli__delta_env(const pli__delta *t) { return t->env; }

pli_status pli__delta_reader(pli__delta *t, pli__engine **out, pli_error *err) {
    if (!t->reader) {
        pli__engine *shared;
        PLI_TRY(pli__env_engine(t->env, &shared, err));
        PLI_TRY(pli__engine_connect(shared, &t->reader, err));
    }
    *out = t->reader;
    return PLI_OK;
}

pli_status pli__delta_file_path(const pli__delta *t, pli__str log_path, pli__buf *out, pli_error *err) {
    return pli__uri_resolve(t->root, log_path, out, err);
}

/* ---- files of the log that broke ---- */

pli_status pli__delta_pass_over(pli__delta *t, const char *name, const char *why, pli_error *err) {
    pli__env_log(t->env, PLI_LOG_WARNING, "'%s/_delta_log/%s' cannot be used (%s); falling back to an older state",
                 t->root, name, why);
    if (!t->unusable) t->unusable = pli__map_new();
    if (!t->unusable || !pli__map_put(t->unusable, pli__str_of(name), NULL, NULL)) return pli__error_memory(err);
    return PLI_OK;
}

static void drop_unusable(const pli__map *unusable, pli__log_listing *l) {
    size_t n = 0;
    for (size_t i = 0; i < l->n_checkpoints; i++)
        if (!pli__map_has(unusable, pli__str_of(l->checkpoints[i].names[0]))) l->checkpoints[n++] = l->checkpoints[i];
    l->n_checkpoints = n;
    n = 0;
    for (size_t i = 0; i < l->n_compactions; i++) {
        char name[64];
        pli__log_compaction_name(l->compactions[i], name);
        if (!pli__map_has(unusable, pli__str_of(name))) l->compactions[n++] = l->compactions[i];
    }
    l->n_compactions = n;
}

pli_status pli__delta_list(pli__delta *t, int64_t from_version, pli__log_listing *out, pli_error *err) {
    PLI_TRY(pli__log_list(t->log, from_version, out, err));
    if (t->unusable) drop_unusable(t->unusable, out);
    return PLI_OK;
}

/* ---- newest and oldest version ---- */

static pli_status commit_exists(pli__delta *t, int64_t version, bool *out, pli_error *err) {
    char name[32];
    pli__file_info info;
    pli__log_commit_name(version, name);
    PLI_TRY(pli__store_stat(t->log, name, &info, err));
    *out = info.kind != PLI__FILE_NONE;
    return PLI_OK;
}

enum { PROBES_MAX = 32 /* commits looked for one by one before the folder is listed */ };

/* Goes on from the newest version seen. *found stays false when listing is the better way: the version seen is no
 * longer there, or very many came after it. */
static pli_status probe_newer(pli__delta *t, bool *found, pli_error *err) {
    bool there;
    PLI_TRY(commit_exists(t, t->known_version, &there, err));
    for (int i = 0; there && i < PROBES_MAX; i++) {
        PLI_TRY(commit_exists(t, t->known_version + 1, &there, err));
        if (!there) {
            *found = true;
            return PLI_OK;
        }
        t->known_version++;
    }
    return PLI_OK;
}

static pli_status list_newest(pli__delta *t, pli_error *err) {
    const int64_t hint = pli__log_hint_version(t->log);
    PLI_AUTO(pli__log_listing_clear) pli__log_listing l = {0};
    PLI_TRY(pli__log_list(t->log, hint > 0 ? hint : 0, &l, err));
    int64_t last = pli__log_listing_last(&l);
    if (last < 0 && hint > 0) {
        pli__log_listing_clear(&l);
        PLI_TRY(pli__log_list(t->log, 0, &l, err));
        last = pli__log_listing_last(&l);
    }
    if (last < 0)
        return pli__error_set(err, PLI_E_NOT_A_TABLE, "'%s' is not a Delta table: its _delta_log holds no commit",
                              t->root);
    t->known_version = last;
    return PLI_OK;
}

pli_status pli__delta_latest_version(pli__delta *t, int64_t *out, pli_error *err) {
    bool found = false;
    if (t->known_version >= 0) PLI_TRY(probe_newer(t, &found, err));
    if (!found) PLI_TRY(list_newest(t, err));
    *out = t->known_version;
    return PLI_OK;
}

pli_status pli__delta_exists(pli__delta *t, bool *out, pli_error *err) {
    int64_t version;
    const pli_status st = pli__delta_latest_version(t, &version, err);
    if (st != PLI_OK && st != PLI_E_NOT_A_TABLE) return st;
    pli__error_clear(err);
    *out = st == PLI_OK;
    return PLI_OK;
}

/* Oldest version that a checkpoint, or a compacted file from the very start, stands for; -1 = none. */
static int64_t first_rebuilt(const pli__log_listing *l) {
    int64_t first = l->n_checkpoints ? l->checkpoints[0].version : -1;
    if (l->n_compactions && l->compactions[0].from == 0 && (first < 0 || l->compactions[0].to < first))
        first = l->compactions[0].to;
    return first;
}

pli_status pli__delta_earliest_version(pli__delta *t, int64_t *out, pli_error *err) {
    PLI_AUTO(pli__log_listing_clear) pli__log_listing l = {0};
    PLI_TRY(pli__log_list(t->log, 0, &l, err));
    const int64_t last = pli__log_listing_last(&l);
    if (last < 0)
        return pli__error_set(err, PLI_E_NOT_A_TABLE, "'%s' is not a Delta table: its _delta_log holds no commit",
                              t->root);
    const int64_t first = l.n_commits && l.commits[0] == 0 ? 0 : first_rebuilt(&l);
    if (first < 0)
        return pli__error_set(err, PLI_E_CORRUPT,
                              "the log of '%s' begins with version %" PRId64 " and has no checkpoint", t->root,
                              l.commits[0]);
    *out = first;
    return PLI_OK;
}
