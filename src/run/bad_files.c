/* Inputs that changed, cannot be read or are gone: what is read in their place, and where they go. */
#include "run/bad_files.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "port/fs.h"

#define MAX_NAMED 1000  /* files that are read singly to find a bad one */
#define MAX_NAMES 10000 /* tries for a free name in the quarantine folder */

static bool is(const char *option, const char *word) { return option && strcmp(option, word) == 0; }

static pli_status append(json_t *to, const char *key, json_t *take_item, pli_error *err) {
    PLI_AUTO(pli__json_unref) json_t *item = take_item;
    json_t *list = json_object_get(to, key);
    if (!list) {
        list = json_array();
        if (!list || json_object_set_new(to, key, list) < 0) return pli__error_memory(err);
    }
    return item && json_array_append(list, item) == 0 ? PLI_OK : pli__error_memory(err);
}

/* ---- changed files ---- */

/* Present [size, mtime_ns] of a file; *out NULL when it is what the plan says or is gone. */
static pli_status present_info(const char *path, const json_t *planned, json_t **out, pli_error *err) {
    *out = NULL;
    pli__file_info info;
    PLI_TRY(pli__fs_stat(path, &info, err));
    if (info.kind != PLI__FILE_REGULAR) return PLI_OK;
    if (json_integer_value(json_array_get(planned, 0)) == info.size &&
        json_integer_value(json_array_get(planned, 1)) == info.mtime_ns)
        return PLI_OK;
    *out = json_pack("[I, I]", (json_int_t)info.size, (json_int_t)info.mtime_ns);
    return *out ? PLI_OK : pli__error_memory(err);
}

pli_status pli__bad_files_present(pli_job *job, const json_t *offset, json_t *result, json_t **out, pli_error *err) {
    const json_t *files = json_object_get(offset, "files"), *infos = json_object_get(offset, "file_info");
    const bool of_table = json_object_get(offset, "version") != NULL; /* data files of a table never change */
    if (!is(job->config->source.on_changed_file, "reread") || !json_is_array(infos) || of_table) {
        *out = json_incref((json_t *)(uintptr_t)offset);
        return PLI_OK;
    }
    PLI_AUTO(pli__json_unref) json_t *copy = json_copy((json_t *)(uintptr_t)offset);
    json_t *fresh = json_array();
    if (!copy || !fresh || json_object_set_new(copy, "file_info", fresh) < 0) return pli__error_memory(err);
    for (size_t i = 0; i < json_array_size(files); i++) {
        const char *path = json_string_value(json_array_get(files, i));
        json_t *planned = json_array_get(infos, i), *now = NULL;
        if (path) PLI_TRY(present_info(path, planned, &now, err));
        if (now) PLI_TRY(append(result, "changed_files", json_string(path), err));
        if (json_array_append_new(fresh, now ? now : json_incref(planned)) < 0) return pli__error_memory(err);
    }
    *out = PLI_TAKE(copy);
    return PLI_OK;
}

/* ---- probing ---- */

static bool is_missing(pli_status failure) { return failure == PLI_E_NOT_FOUND || failure == PLI_E_DATA_LOSS; }

bool pli__bad_files_may_skip(const pli_job *job, pli_status failure) {
    const pli__source_config *c = &job->config->source;
    if (failure == PLI_E_DATA) return is(c->on_bad_file, "skip") || is(c->on_bad_file, "quarantine");
    return is_missing(failure) && is(c->on_missing_file, "skip");
}

/* The offset with only the files whose index `keep` says; every array as long as `files` is taken to be parallel to it. */
static json_t *select_files(const json_t *offset, const bool *keep, size_t n) {
    PLI_AUTO(pli__json_unref) json_t *out = json_object();
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)offset, key, value) {
        json_t *member = NULL;
        if (json_is_array(value) && json_array_size(value) == n) {
            member = json_array();
            for (size_t i = 0; member && i < n; i++)
                if (keep[i] && json_array_append(member, json_array_get(value, i)) < 0) return NULL;
        } else member = json_incref(value);
        if (!member || !out || json_object_set_new(out, key, member) < 0) return NULL;
    }
    return PLI_TAKE(out);
}

static pli_status probe_file(const json_t *offset, size_t i, size_t n, int64_t retries, pli__probe_fn *probe, void *arg,
                             pli_error *err) {
    PLI_AUTO(pli__free_ptr) bool *keep = calloc(n, sizeof *keep);
    if (!keep) return pli__error_memory(err);
    keep[i] = true;
    PLI_AUTO(pli__json_unref) json_t *one = select_files(offset, keep, n);
    if (!one) return pli__error_memory(err);
    pli_status status = probe(arg, one, err);
    for (int64_t k = 0; k < retries && status == PLI_E_DATA; k++) {
        pli__error_clear(err);
        status = probe(arg, one, err);
    }
    return status;
}

static pli_status note_bad(const pli_job *job, const char *path, json_t *info, const pli_error *why, json_t *result,
                           pli_error *err) {
    bool quarantine = why->code == PLI_E_DATA && is(job->config->source.on_bad_file, "quarantine");
    pli__env_log(job->env, PLI_LOG_WARNING, "'%s' is %s: %s", path, quarantine ? "quarantined" : "skipped",
                 why->message);
    json_t *item = json_pack("{s:s, s:s, s:s, s:O*}", "path", path, "code", pli_status_name(why->code), "reason",
                             why->message, "info", info);
    return append(result, quarantine ? "quarantined_files" : "skipped_files", item, err);
}

pli_status pli__bad_files_probe(pli_job *job, const json_t *offset, pli__probe_fn *probe, void *arg, json_t *result,
                                json_t **out, pli_error *err) {
    const json_t *files = json_object_get(offset, "files");
    size_t n = json_array_size(files);
    PLI_AUTO(pli__free_ptr) bool *keep = calloc(n ? n : 1, sizeof *keep);
    if (!keep) return pli__error_memory(err);
    for (size_t i = 0; i < n; i++) {
        PLI_TRY(pli__env_check_cancel(job->env, err));
        const char *path = json_string_value(json_array_get(files, i));
        pli_error why = {0};
        pli_status status = probe_file(offset, i, n, job->config->source.bad_file_retries, probe, arg, &why);
        keep[i] = status == PLI_OK;
        if (keep[i]) continue;
        if (!pli__bad_files_may_skip(job, status)) {
            if (err) *err = why;
            return status;
        }
        PLI_TRY(note_bad(job, path ? path : "", json_array_get(json_object_get(offset, "file_info"), i), &why, result,
                         err));
    }
    *out = select_files(offset, keep, n);
    return *out ? PLI_OK : pli__error_memory(err);
}

/* ---- names ---- */

static bool names_an_input(const json_t *files, const char *message) {
    const json_t *path;
    size_t i;
    json_array_foreach(files, i, path) if (strstr(message, json_string_value(path))) return true;
    return false;
}

static pli_status find_bad(pli_job *job, const json_t *offset, pli__probe_fn *probe, void *arg, size_t *at) {
    const size_t n = json_array_size(json_object_get(offset, "files"));
    for (size_t i = 0; i < n && n > 1; i++) {
        PLI_TRY(pli__env_check_cancel(job->env, NULL));
        if (probe_file(offset, i, n, 0, probe, arg, NULL) != PLI_E_DATA) continue;
        *at = i;
        return PLI_OK;
    }
    *at = 0;
    return n == 1 ? PLI_OK : PLI_E_NOT_FOUND;
}

void pli__bad_files_name(pli_job *job, const json_t *offset, pli__probe_fn *probe, void *arg, pli_error *why) {
    const json_t *files = json_object_get(offset, "files");
    const bool of_table = json_object_get(offset, "version") != NULL; /* not the user's files */
    size_t at = 0;
    if (of_table || why->code != PLI_E_DATA || json_array_size(files) > MAX_NAMED ||
        names_an_input(files, why->message))
        return;
    if (find_bad(job, offset, probe, arg, &at) == PLI_OK)
        (void)pli__error_prefix(why, why->code, "'%s'", json_string_value(json_array_get(files, at)));
}

/* ---- quarantine ---- */

/* "<dir>/<name>", or with _1, _2 … before the suffix when the name is taken. */
static pli_status move_into(const char *dir, const char *path, pli_error *err) {
    const char *base = pli__path_base(path), *dot = strchr(base + 1, '.');
    int stem = dot ? (int)(dot - base) : (int)strlen(base);
    for (int k = 0; k < MAX_NAMES; k++) {
        PLI_AUTO(pli__buf_clear) pli__buf to = {0};
        pli__buf_addf(&to, "%s/%.*s", dir, stem, base);
        if (k) pli__buf_addf(&to, "_%d", k);
        pli__buf_addz(&to, base + stem);
        PLI_TRY(pli__buf_status(&to, err));
        pli_status status = pli__fs_rename_noreplace(path, to.ptr, err);
        if (status != PLI_E_EXISTS) return status;
    }
    return pli__error_set(err, PLI_E_EXISTS, "no free name for '%s' in '%s'", base, dir);
}

static pli_status quarantine_dir(const pli_job *job, char **out, pli_error *err) {
    const pli__source_config *c = &job->config->source;
    *out = c->quarantine_dir ? pli__strz_dup(c->quarantine_dir) : pli__path_join(c->path, "_quarantine");
    if (!*out) return pli__error_memory(err);
    return pli__fs_mkdirs(*out, err);
}

pli_status pli__bad_files_quarantine(pli_job *job, const json_t *commit, pli_error *err) {
    const json_t *list = json_object_get(commit, "quarantined_files");
    if (json_array_size(list) == 0) return PLI_OK;
    PLI_AUTO(pli__free_ptr) char *dir = NULL;
    PLI_TRY(quarantine_dir(job, &dir, err));
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i), *info = json_object_get(item, "info");
        const char *path = json_string_value(json_object_get(item, "path"));
        pli__file_info now;
        if (!path) continue;
        PLI_TRY(pli__fs_stat(path, &now, err));
        bool same = !info || (json_integer_value(json_array_get(info, 0)) == now.size &&
                              json_integer_value(json_array_get(info, 1)) == now.mtime_ns);
        if (now.kind == PLI__FILE_REGULAR && same)
            PLI_TRY(move_into(dir, path, err)); /* else: moved already, or another file by now */
    }
    return PLI_OK;
}
