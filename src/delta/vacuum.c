/*
 * Deleting what nothing refers to. Kept are: active files and their deletion vectors, files of tombstones within the retention,
 * whatever is younger than the retention or than the oldest writer at work, and all that is not ours (names that begin with '_'
 * or '.', except change data, partition folders and our own unfinished writes).
 */
#include "base/arena.h"
#include "base/map.h"
#include "delta/active.h"
#include "delta/dv.h"
#include "delta/features.h"
#include "delta/interval.h"
#include "delta/maintain.h"
#include "delta/path.h"

#define SAFE_RETENTION_US (INT64_C(7) * 86400 * 1000000)
#define DEPTH_MAX 64
#define OUR_WRITE ".pli-write-"

typedef struct {
    pli__delta *t;
    const pli__vacuum_options *o;
    pli__map *kept;      /* absolute local paths that are referred to */
    int64_t cutoff_ms;   /* younger files stay */
    int64_t tombstones_ms;
    pli__vacuum_fn *fn;
    void *arg;
    pli__vacuum_result result;
    pli__buf path;       /* of the folder at hand */
    size_t root_length;
    int depth;
} vacuumer;

/* ---- what is referred to ---- */

static pli_status keep_path(vacuumer *v, pli__str log_path, const pli__dv *dv, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf path = {0};
    PLI_TRY(pli__uri_resolve(pli__delta_root(v->t), log_path, &path, err));
    if (!pli__map_put(v->kept, pli__buf_str(&path), NULL, NULL)) return pli__error_memory(err);
    if (!dv->storage || dv->storage == 'i') return PLI_OK;
    pli__buf_reset(&path);
    PLI_TRY(pli__dv_path(pli__delta_root(v->t), dv, &path, err));
    return pli__map_put(v->kept, pli__buf_str(&path), NULL, NULL) ? PLI_OK : pli__error_memory(err);
}

static pli_status keep_add(void *arg, const pli__add *a, pli_error *err) {
    return keep_path(arg, a->path, &a->dv, err);
}

static pli_status keep_remove(void *arg, const pli__remove *r, pli_error *err) {
    vacuumer *v = arg;
    if (r->deletion_timestamp < v->tombstones_ms) return PLI_OK;
    return keep_path(v, r->path, &r->dv, err);
}

/* ---- the walk ---- */

static pli_status walk(vacuumer *v, bool unfinished, pli_error *err);

static pli_status see_file(vacuumer *v, bool unfinished, pli_error *err) {
    pli__file_info info;
    PLI_TRY(pli__fs_lstat(v->path.ptr, &info, err));
    if (info.kind != PLI__FILE_REGULAR) return PLI_OK;
    if (info.mtime_ns / 1000000 >= v->cutoff_ms || (!unfinished && pli__map_has(v->kept, pli__buf_str(&v->path)))) {
        v->result.files_kept++;
        return PLI_OK;
    }
    if (v->fn) PLI_TRY(v->fn(v->arg, v->path.ptr + v->root_length + 1, info.size, err));
    if (!v->o->dry_run) PLI_TRY(pli__fs_unlink(v->path.ptr, true, err));
    v->result.files_deleted++;
    v->result.bytes_deleted += info.size;
    return PLI_OK;
}

/* Folders and files that vacuum looks at; hidden ones belong to somebody else. */
static bool is_ours(const char *name, bool folder, bool inside_unfinished) {
    if (inside_unfinished) return true;
    if (folder && (strcmp(name, "_change_data") == 0 || strncmp(name, OUR_WRITE, strlen(OUR_WRITE)) == 0)) return true;
    if (folder && strchr(name, '=')) return true;
    return name[0] != '_' && name[0] != '.';
}

typedef struct {
    vacuumer *v;
    bool unfinished;
} walker;

static pli_status see_entry(void *arg, const pli__dir_entry *e, pli_error *err) {
    walker *w = arg;
    vacuumer *v = w->v;
    pli__file_info info = {.kind = e->kind};
    const size_t length = v->path.len;
    pli__buf_addc(&v->path, '/');
    pli__buf_addz(&v->path, e->name);
    PLI_TRY(pli__buf_status(&v->path, err));
    if (info.kind == PLI__FILE_NONE) PLI_TRY(pli__fs_lstat(v->path.ptr, &info, err));
    const bool folder = info.kind == PLI__FILE_DIR;
    if (is_ours(e->name, folder, w->unfinished)) {
        if (folder) PLI_TRY(walk(v, w->unfinished || strncmp(e->name, OUR_WRITE, strlen(OUR_WRITE)) == 0, err));
        else PLI_TRY(see_file(v, w->unfinished, err));
    }
    v->path.len = length;
    v->path.ptr[length] = '\0';
    return PLI_OK;
}

/* Folders that became empty go too, unless they are young (somebody may be about to write into them). */
static pli_status drop_empty(vacuumer *v, pli_error *err) {
    pli__file_info info;
    PLI_TRY(pli__fs_lstat(v->path.ptr, &info, err));
    if (v->o->dry_run || info.mtime_ns / 1000000 >= v->cutoff_ms) return PLI_OK;
    pli_error ignored = {0};
    if (pli__fs_rmdir(v->path.ptr, true, &ignored) == PLI_OK) v->result.folders_deleted++;
    return PLI_OK;
}

static pli_status walk(vacuumer *v, bool unfinished, pli_error *err) {
    walker w = {v, unfinished};
    if (v->depth >= DEPTH_MAX)
        return pli__error_set(err, PLI_E_LIMIT, "folders below '%s' are nested more than %d deep",
                              pli__delta_root(v->t), DEPTH_MAX);
    PLI_TRY(pli__env_check_cancel(pli__delta_env(v->t), err));
    v->depth++;
    const pli_status s = pli__fs_list(v->path.ptr, see_entry, &w, err);
    v->depth--;
    if (s != PLI_OK && s != PLI_E_NOT_FOUND) return s;
    return v->depth ? drop_empty(v, err) : PLI_OK;
}

/* ---- ---- */

static pli_status choose_cutoff(vacuumer *v, const pli__snapshot *s, pli_error *err) {
    int64_t retention = v->o->retention_us, oldest;
    const pli__str text = pli__snapshot_property(s, "delta.deletedFileRetentionDuration");
    if (retention < 0 && (!text.ptr || !pli__interval_parse(text, &retention))) retention = SAFE_RETENTION_US;
    if (v->o->retention_us >= 0 && retention < SAFE_RETENTION_US && !v->o->allow_short) {
        pli__error_set(err, PLI_E_ARGUMENT,
                       "a retention below 7 days would take files from readers and from time travel");
        pli__error_hint(err, "say so explicitly if that is what you want");
        return PLI_E_ARGUMENT;
    }
    v->tombstones_ms = (pli__env_now_us(pli__delta_env(v->t)) - retention) / 1000;
    PLI_TRY(pli__active_oldest(v->t, &oldest, err));
    v->cutoff_ms = v->tombstones_ms < oldest ? v->tombstones_ms : oldest;
    return PLI_OK;
}

static pli_status run(vacuumer *v, pli_error *err) {
    PLI_AUTO(pli__snapshot_auto) pli__snapshot *s = NULL;
    PLI_TRY(pli__snapshot_open(v->t, PLI__LATEST, NULL, &s, err));
    PLI_TRY(pli__protocol_check_write(pli__snapshot_protocol(s), err));
    PLI_TRY(choose_cutoff(v, s, err));
    PLI_TRY(pli__snapshot_files(s, PLI__FILES_DV, keep_add, v, err));
    PLI_TRY(pli__snapshot_removes(s, keep_remove, v, err));
    pli__buf_addz(&v->path, pli__delta_root(v->t));
    PLI_TRY(pli__buf_status(&v->path, err));
    v->root_length = v->path.len;
    return walk(v, false, err);
}

pli_status pli__vacuum(pli__delta *t, const pli__vacuum_options *o, pli__vacuum_fn *fn, void *arg,
                       pli__vacuum_result *out, pli_error *err) {
    vacuumer v = {.t = t, .o = o, .kept = pli__map_new(), .fn = fn, .arg = arg};
    const pli_status s = v.kept ? run(&v, err) : pli__error_memory(err);
    pli__map_free(v.kept);
    pli__buf_clear(&v.path);
    if (s == PLI_OK) *out = v.result;
    return s;
}
