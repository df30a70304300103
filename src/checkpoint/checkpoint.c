/*
 * Opening a checkpoint and its metadata.json. The order is: lock, metadata, names, unfinished truncation; nothing is
 * read before the lock is held, so that no stale copy can be written back.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "checkpoint/checkpoint_impl.h"

#define MAX_METADATA ((size_t)64 << 20)

json_t *pli__checkpoint_now(const pli__checkpoint *cp) {
    return json_real((double)pli__clock_now_us(&cp->clock) / 1e6);
}

unsigned pli__checkpoint_store_flags(const pli__checkpoint *cp) { return cp->relaxed ? PLI__STORE_RELAXED : 0; }

pli_status pli__checkpoint_may_write(const pli__checkpoint *cp, pli_error *err) {
    if (!cp->read_only) return PLI_OK;
    return pli__error_set(err, PLI_E_STATE, "checkpoint '%s' was opened for reading only", cp->dir);
}

/* ---- metadata.json ---- */

pli_status pli__checkpoint_load_metadata(pli__checkpoint *cp, json_t **out, pli_error *err) {
    *out = NULL;
    PLI_AUTO(pli__buf_clear) pli__buf text = {0};
    pli_status status = pli__store_get(cp->store, "metadata.json", MAX_METADATA, &text, err);
    if (status == PLI_E_NOT_FOUND) {
        pli__error_clear(err);
        return PLI_OK;
    }
    PLI_TRY(status);
    char what[1024];
    snprintf(what, sizeof what, "%s/metadata.json", cp->dir);
    PLI_AUTO(pli__json_unref) json_t *value = NULL;
    status = pli__json_parse(pli__buf_str(&text), what, &value, err);
    if (status == PLI_E_MEMORY) return status;
    if (status != PLI_OK || !json_is_object(value))
        return pli__error_set(err, PLI_E_CORRUPT, "'%s' is not a JSON object (torn or overwritten)", what);
    *out = PLI_TAKE(value);
    return PLI_OK;
}

static pli_status check_format(const pli__checkpoint *cp, const json_t *metadata, pli_error *err) {
    int64_t format = PLI__CHECKPOINT_FORMAT;
    PLI_TRY(pli__json_get_i64(metadata, "format_version", "metadata.json", false, &format, err));
    if (format <= PLI__CHECKPOINT_FORMAT) return PLI_OK;
    pli__error_set(err, PLI_E_UNSUPPORTED, "checkpoint '%s' has format version %lld, this program knows %d", cp->dir,
                   (long long)format, PLI__CHECKPOINT_FORMAT);
    pli__error_hint(err, "use the version of pli that wrote it, or a newer one");
    return PLI_E_UNSUPPORTED;
}

static char *app_id_of(const char *id, int64_t epoch) {
    PLI_AUTO(pli__buf_clear) pli__buf b = {0};
    pli__buf_addz(&b, id);
    if (epoch > 0) pli__buf_addf(&b, "-%lld", (long long)epoch);
    return pli__buf_take(&b);
}

pli_status pli__checkpoint_adopt_metadata(pli__checkpoint *cp, json_t *take, pli_error *err) {
    PLI_AUTO(pli__json_unref) json_t *metadata = take;
    PLI_TRY(check_format(cp, metadata, err));
    const char *id = "";
    int64_t epoch = 0, cleaned = -1;
    PLI_TRY(pli__json_get_str(metadata, "id", "metadata.json", false, &id, err));
    PLI_TRY(pli__json_get_i64(metadata, "epoch", "metadata.json", false, &epoch, err));
    PLI_TRY(pli__json_get_i64(metadata, "cleaned_through", "metadata.json", false, &cleaned, err));
    if (cp->id && *cp->id && strcmp(cp->id, id) != 0)
        return pli__error_set(err, PLI_E_FOREIGN, "'%s/metadata.json' belongs to checkpoint %s, not to %s as before",
                              cp->dir, id, cp->id);
    if (epoch < cp->epoch || epoch < 0)
        return pli__error_set(err, PLI_E_FOREIGN, "'%s/metadata.json' went back from epoch %lld to %lld", cp->dir,
                              (long long)cp->epoch, (long long)epoch);
    PLI_AUTO(pli__free_ptr) char *copy = pli__strz_dup(id);
    PLI_AUTO(pli__free_ptr) char *app = app_id_of(id, epoch);
    if (!copy || !app) return pli__error_memory(err);
    json_decref(cp->metadata);
    free(cp->id);
    free(cp->app_id);
    cp->metadata = PLI_TAKE(metadata);
    cp->id = PLI_TAKE(copy);
    cp->app_id = PLI_TAKE(app);
    cp->epoch = epoch;
    cp->cleaned_through = cleaned < -1 ? -1 : cleaned;
    return PLI_OK;
}

static pli_status publish_metadata(pli__checkpoint *cp, const json_t *metadata, bool first, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf text = {0};
    PLI_TRY(pli__json_write_pretty(metadata, &text, err));
    if (!first)
        return pli__store_replace(cp->store, "metadata.json", pli__buf_str(&text), pli__checkpoint_store_flags(cp),
                                  err);
    /* never relaxed: a table that outlived the identity would get the same rows again under a new one */
    return pli__store_put_if_absent(cp->store, "metadata.json", pli__buf_str(&text), 0, err);
}

static pli_status may_identify(void *arg, const pli__store_entry *entry, pli_error *err);

/* "Created only while there are no records with an id": a lost metadata.json must not turn into a new identity, with
 * which the sinks would take repeats for news. Reads every record, but only when there is no identity yet. */
static pli_status refuse_lost_identity(pli__checkpoint *cp, pli_error *err) {
    PLI_TRY(pli__store_list(cp->store, "offsets", NULL, false, may_identify,
                            &(void *[]){cp, (void *)(uintptr_t)"offsets"}, err));
    return pli__store_list(cp->store, "commits", NULL, false, may_identify,
                           &(void *[]){cp, (void *)(uintptr_t)"commits"}, err);
}

static pli_status may_identify(void *arg, const pli__store_entry *entry, pli_error *err) {
    void **args = arg;
    pli__checkpoint *cp = args[0];
    const char *folder = args[1];
    int64_t n = 0;
    if (!pli__record_id(entry->name, &n)) return PLI_OK;
    char key[64];
    snprintf(key, sizeof key, "%s/%lld.json", folder, (long long)n);
    PLI_AUTO(pli__json_unref) json_t *record = NULL;
    PLI_TRY(pli__checkpoint_read_json(cp, key, &record, NULL, err));
    const char *id = json_string_value(json_object_get(record, "id"));
    if (!id) return PLI_OK;
    pli__error_set(err, PLI_E_FOREIGN,
                   "'%s' has records of checkpoint %s, but its metadata.json is missing or has no id", cp->dir, id);
    pli__error_hint(err, "restore metadata.json from a copy; a new one would make every sink write again");
    return PLI_E_FOREIGN;
}

/* metadata.json as it is at birth; `old` is one without an id, or NULL. */
static pli_status new_metadata(pli__checkpoint *cp, const char *kind, const json_t *old, json_t **out, pli_error *err) {
    PLI_AUTO(pli__json_unref) json_t *m = old ? json_copy((json_t *)(uintptr_t)old) : json_object();
    char id[37];
    pli__uuid_new(id);
    if (!m || json_object_set_new(m, "format_version", json_integer(PLI__CHECKPOINT_FORMAT)) < 0)
        return pli__error_memory(err);
    if (!json_object_get(m, "created_at") && json_object_set_new(m, "created_at", pli__checkpoint_now(cp)) < 0)
        return pli__error_memory(err);
    if (kind && !json_object_get(m, "source") && json_object_set_new(m, "source", json_string(kind)) < 0)
        return pli__error_memory(err);
    if (json_object_set_new(m, "id", json_string(id)) < 0) return pli__error_memory(err);
    *out = PLI_TAKE(m);
    return PLI_OK;
}

static pli_status create_identity(pli__checkpoint *cp, const char *kind, const json_t *old, pli_error *err) {
    if (!cp->absent) PLI_TRY(refuse_lost_identity(cp, err));
    PLI_AUTO(pli__json_unref) json_t *m = NULL;
    PLI_TRY(new_metadata(cp, kind, old, &m, err));
    if (cp->read_only) return pli__checkpoint_adopt_metadata(cp, PLI_TAKE(m), err);
    pli_error first = {0};
    pli_status status = publish_metadata(cp, m, old == NULL, &first);
    if (status == PLI_E_EXISTS ||
        status == PLI_E_UNKNOWN) { /* somebody was first, or it was us: what is there counts */
        json_decref(PLI_TAKE(m));
        PLI_TRY(pli__checkpoint_load_metadata(cp, &m, err));
        if (m && json_object_get(m, "id")) return pli__checkpoint_adopt_metadata(cp, PLI_TAKE(m), err);
    }
    if (status != PLI_OK) {
        if (err) *err = first;
        return status;
    }
    return pli__checkpoint_adopt_metadata(cp, PLI_TAKE(m), err);
}

static pli_status check_kind(const pli__checkpoint *cp, const char *wanted, pli_error *err) {
    const char *kind = json_string_value(json_object_get(cp->metadata, "source"));
    if (!kind) kind = "files";
    if (!wanted || strcmp(kind, wanted) == 0) return PLI_OK;
    pli__error_set(err, PLI_E_ARGUMENT, "checkpoint '%s' belongs to a source of kind '%s' and cannot be used for '%s'",
                   cp->dir, kind, wanted);
    pli__error_hint(err, "give the job a checkpoint folder of its own");
    return PLI_E_ARGUMENT;
}

pli_status pli__checkpoint_update_metadata(pli__checkpoint *cp, const json_t *set, pli_error *err) {
    PLI_AUTO(pli__json_unref) json_t *m = NULL;
    if (cp->read_only) m = json_copy(cp->metadata);
    else PLI_TRY(pli__checkpoint_load_metadata(cp, &m, err));
    if (!m) return pli__error_set(err, PLI_E_CORRUPT, "'%s/metadata.json' is gone", cp->dir);
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)set, key, value) {
        if (json_is_null(value)) json_object_del(m, key);
        else if (json_object_set(m, key, value) < 0) return pli__error_memory(err);
    }
    const char *id = json_string_value(json_object_get(m, "id"));
    if (!id || strcmp(id, cp->id) != 0)
        return pli__error_set(err, PLI_E_FOREIGN, "'%s/metadata.json' was replaced by another one", cp->dir);
    if (!cp->read_only)
        PLI_TRY_IN(publish_metadata(cp, m, false, err), err, "while updating '%s/metadata.json'", cp->dir);
    return pli__checkpoint_adopt_metadata(cp, PLI_TAKE(m), err);
}

pli_status pli__checkpoint_drop_metadata(pli__checkpoint *cp, const char *key, json_t **old, pli_error *err) {
    json_t *value = json_object_get(cp->metadata, key);
    PLI_AUTO(pli__json_unref) json_t *kept = value ? json_incref(value) : NULL;
    if (kept) {
        PLI_AUTO(pli__json_unref) json_t *set = json_pack("{s:n}", key);
        if (!set) return pli__error_memory(err);
        PLI_TRY(pli__checkpoint_update_metadata(cp, set, err));
    }
    if (old) *old = PLI_TAKE(kept);
    return PLI_OK;
}

/* ---- open, close ---- */

static pli_status take_lock(pli__checkpoint *cp, const pli__checkpoint_options *o, pli_error *err) {
    PLI_AUTO(pli__free_ptr) char *path = pli__path_join(cp->dir, ".lock");
    if (!path) return pli__error_memory(err);
    pli_status status = pli__lock_take(path, o->lock_timeout_us, o->lock_poll, o->lock_poll_arg, &cp->lock, err);
    if (status != PLI_E_LOCKED) return status;
    pli__error_set(err, PLI_E_LOCKED, "another run holds the checkpoint '%s'", cp->dir);
    pli__error_hint(err, "wait for it, or use --lock-timeout");
    return status;
}

static pli_status open_folder(pli__checkpoint *cp, const pli__checkpoint_options *o, pli_error *err) {
    pli__file_info info;
    PLI_TRY(pli__fs_stat(cp->dir, &info, err));
    if (info.kind == PLI__FILE_NONE) {
        if (!o->create) return pli__error_set(err, PLI_E_NOT_FOUND, "there is no checkpoint '%s'", cp->dir);
        if (cp->read_only) {
            cp->absent = true;
            return PLI_OK;
        }
        return pli__fs_mkdirs(cp->dir, err);
    }
    if (info.kind != PLI__FILE_DIR) return pli__error_set(err, PLI_E_CORRUPT, "'%s' is not a folder", cp->dir);
    /* that of a run which was killed before its name was durable is settled now */
    return o->create && !cp->read_only ? pli__fs_mkdirs(cp->dir, err) : PLI_OK;
}

static pli_status make_folders(pli__checkpoint *cp, pli_error *err) {
    static const char *const folders[] = {"offsets", "commits"};
    for (size_t i = 0; i < 2; i++) {
        PLI_AUTO(pli__free_ptr) char *path = pli__path_join(cp->dir, folders[i]);
        if (!path) return pli__error_memory(err);
        PLI_TRY(pli__fs_mkdirs(path, err));
    }
    return PLI_OK;
}

static pli_status open_metadata(pli__checkpoint *cp, const pli__checkpoint_options *o, pli_error *err) {
    PLI_AUTO(pli__json_unref) json_t *m = NULL;
    if (!cp->absent) PLI_TRY(pli__checkpoint_load_metadata(cp, &m, err));
    if (m && json_object_get(m, "id")) PLI_TRY(pli__checkpoint_adopt_metadata(cp, PLI_TAKE(m), err));
    else if (o->create) {
        if (m) PLI_TRY(check_format(cp, m, err));
        if (!cp->read_only) PLI_TRY(make_folders(cp, err));
        PLI_TRY(create_identity(cp, o->source_kind, m, err));
    } else if (m) PLI_TRY(pli__checkpoint_adopt_metadata(cp, PLI_TAKE(m), err));
    else {
        PLI_TRY(refuse_lost_identity(cp, err));
        return pli__error_set(err, PLI_E_NOT_FOUND, "'%s' is not a checkpoint: metadata.json is missing", cp->dir);
    }
    return check_kind(cp, o->source_kind, err);
}

pli_status pli__checkpoint_open(const char *dir, const pli__checkpoint_options *options, pli__checkpoint **out,
                                pli_error *err) {
    *out = NULL;
    PLI_AUTO(pli__checkpoint_auto) pli__checkpoint *cp = calloc(1, sizeof *cp);
    if (!cp) return pli__error_memory(err);
    cp->cleaned_through = -1;
    cp->relaxed = options->relaxed;
    cp->read_only = options->read_only;
    cp->clock = options->clock ? *options->clock : *pli__clock_system();
    PLI_TRY(pli__fs_abs_path(dir, &cp->dir, err));
    PLI_TRY(open_folder(cp, options, err));
    if (options->take_lock && !cp->absent) PLI_TRY(take_lock(cp, options, err));
    PLI_TRY(pli__store_local_open(cp->dir, &cp->store, err));
    PLI_TRY(open_metadata(cp, options, err));
    PLI_TRY(pli__checkpoint_list(cp, err));
    if (!cp->read_only) PLI_TRY(pli__checkpoint_finish_truncation(cp, err));
    *out = PLI_TAKE(cp);
    return PLI_OK;
}

void pli__checkpoint_close(pli__checkpoint *cp) {
    if (!cp) return;
    pli__store_free(cp->store);
    pli__lock_release(cp->lock);
    json_decref(cp->metadata);
    pli__ids_clear(&cp->offsets);
    pli__ids_clear(&cp->commits);
    free(cp->id);
    free(cp->app_id);
    free(cp->dir);
    free(cp);
}

void pli__checkpoint_auto(pli__checkpoint **cp) { pli__checkpoint_close(*cp); }

/* ---- accessors ---- */

const char *pli__checkpoint_dir(const pli__checkpoint *cp) { return cp->dir; }
const char *pli__checkpoint_id(const pli__checkpoint *cp) { return cp->id; }
int64_t pli__checkpoint_epoch(const pli__checkpoint *cp) { return cp->epoch; }
const char *pli__checkpoint_app_id(const pli__checkpoint *cp) { return cp->app_id; }
const pli__clock *pli__checkpoint_clock(const pli__checkpoint *cp) { return &cp->clock; }
pli__store *pli__checkpoint_store(pli__checkpoint *cp) { return cp->store; }
bool pli__checkpoint_relaxed(const pli__checkpoint *cp) { return cp->relaxed; }
bool pli__checkpoint_read_only(const pli__checkpoint *cp) { return cp->read_only; }
int64_t pli__checkpoint_cleaned_through(const pli__checkpoint *cp) { return cp->cleaned_through; }
const json_t *pli__checkpoint_metadata(const pli__checkpoint *cp) { return cp->metadata; }
