/* A store in a local folder: a record is a file, published by link or rename (fs_publish.c). */
#include <stdlib.h>

#include "base/arena.h"
#include "port/store.h"

enum { LIST_MEMORY_MAX = 1 << 30 };

typedef struct {
    pli__store base;
    char *root;
} local_store;

static local_store *local_of(pli__store *s) { return (local_store *)(void *)s; }

static pli_status path_of(pli__store *s, const char *key, char **out, pli_error *err) {
    *out = pli__path_join(local_of(s)->root, key);
    return *out ? PLI_OK : pli__error_memory(err);
}

static pli_status local_get(pli__store *s, const char *key, size_t max, pli__buf *out, pli_error *err) {
    PLI_AUTO(pli__free_ptr) char *path = NULL;
    PLI_TRY(path_of(s, key, &path, err));
    const pli_status status = pli__fs_read(path, max, out, err);
    pli__file_info info;
    if (status == PLI_E_IO && pli__fs_stat(path, &info, NULL) == PLI_OK && info.kind == PLI__FILE_DIR)
        return pli__error_set(err, PLI_E_NOT_FOUND, "'%s' is a folder, not a record", path);
    return status;
}

/* The folder is made only when it turns out to be missing. */
static pli_status publish(pli__store *s, const char *key, pli__str data, unsigned how, pli_error *err) {
    PLI_AUTO(pli__free_ptr) char *path = NULL;
    PLI_TRY(path_of(s, key, &path, err));
    const pli_status status = pli__fs_publish(path, data, how, err);
    if (status != PLI_E_NOT_FOUND) return status;
    PLI_AUTO(pli__free_ptr) char *dir = pli__path_dir(path);
    if (!dir) return pli__error_memory(err);
    PLI_TRY(pli__fs_mkdirs(dir, err));
    return pli__fs_publish(path, data, how, err);
}

static unsigned relaxed(unsigned flags) { return flags & PLI__STORE_RELAXED ? PLI__PUBLISH_RELAXED : 0; }

static pli_status local_put_if_absent(pli__store *s, const char *key, pli__str data, unsigned flags, pli_error *err) {
    return publish(s, key, data, PLI__PUBLISH_NEW | relaxed(flags), err);
}

static pli_status local_replace(pli__store *s, const char *key, pli__str data, unsigned flags, pli_error *err) {
    return publish(s, key, data, PLI__PUBLISH_REPLACE | relaxed(flags), err);
}

/* A listing is collected, sorted and then handed out: folders have no order of their own. */
typedef struct {
    const char *dir;
    const char *from;
    bool with_info;
    pli__arena names;
    pli__store_entry *entries;
    size_t n, cap;
} listing;

static void clear_listing(listing *l) {
    pli__arena_clear(&l->names);
    free(l->entries);
}

static pli_status append_entry(listing *l, pli__store_entry entry, pli_error *err) {
    if (l->n == l->cap) {
        const size_t cap = l->cap ? l->cap * 2 : 64;
        pli__store_entry *bigger = realloc(l->entries, cap * sizeof *bigger);
        if (!bigger) return pli__error_memory(err);
        l->entries = bigger;
        l->cap = cap;
    }
    entry.name = pli__arena_strdup(&l->names, pli__str_of(entry.name));
    if (!entry.name) return pli__arena_status(&l->names, err);
    l->entries[l->n++] = entry;
    return PLI_OK;
}

static pli_status see_entry(void *arg, const pli__dir_entry *e, pli_error *err) {
    listing *l = arg;
    if (e->name[0] == '.' || strcmp(e->name, l->from) < 0) return PLI_OK;
    if (e->kind == PLI__FILE_DIR || e->kind == PLI__FILE_OTHER) return PLI_OK;
    pli__store_entry entry = {e->name, -1, -1};
    if (l->with_info || e->kind != PLI__FILE_REGULAR) {
        PLI_AUTO(pli__free_ptr) char *path = pli__path_join(l->dir, e->name);
        if (!path) return pli__error_memory(err);
        pli__file_info info;
        PLI_TRY(pli__fs_stat(path, &info, err));
        if (info.kind != PLI__FILE_REGULAR) return PLI_OK; /* a link to a folder, or gone meanwhile */
        if (l->with_info) {
            entry.size = info.size;
            entry.mtime_us = info.mtime_ns / 1000 - (info.mtime_ns % 1000 < 0);
        }
    }
    return append_entry(l, entry, err);
}

static int compare_entries(const void *a, const void *b) {
    return strcmp(((const pli__store_entry *)a)->name, ((const pli__store_entry *)b)->name);
}

static pli_status local_list(pli__store *s, const char *dir, const char *from, bool with_info, pli__store_list_fn *fn,
                             void *arg, pli_error *err) {
    PLI_AUTO(pli__free_ptr) char *path = NULL;
    PLI_TRY(path_of(s, dir, &path, err));
    PLI_AUTO(clear_listing)
    listing l = {.dir = path, .from = from, .with_info = with_info, .names = {.max = LIST_MEMORY_MAX}};
    const pli_status status = pli__fs_list(path, see_entry, &l, err);
    if (status == PLI_E_NOT_FOUND) {
        pli__error_clear(err);
        return PLI_OK;
    }
    PLI_TRY(status);
    if (l.n) qsort(l.entries, l.n, sizeof *l.entries, compare_entries);
    for (size_t i = 0; i < l.n; i++) PLI_TRY(fn(arg, &l.entries[i], err));
    return PLI_OK;
}

static pli_status local_stat(pli__store *s, const char *key, pli__file_info *out, pli_error *err) {
    PLI_AUTO(pli__free_ptr) char *path = NULL;
    PLI_TRY(path_of(s, key, &path, err));
    PLI_TRY(pli__fs_stat(path, out, err));
    if (out->kind != PLI__FILE_REGULAR) *out = (pli__file_info){.kind = PLI__FILE_NONE}; /* a folder is no record */
    return PLI_OK;
}

static pli_status local_remove(pli__store *s, const char *key, pli_error *err) {
    PLI_AUTO(pli__free_ptr) char *path = NULL;
    PLI_TRY(path_of(s, key, &path, err));
    const pli_status status = pli__fs_unlink(path, true, err);
    if (status != PLI_E_NOT_FOUND) return status; /* ENOTDIR: a file where the key has a folder, so nothing is there */
    pli__error_clear(err);
    return PLI_OK;
}

static const char *local_path(pli__store *s) { return local_of(s)->root; }

static void local_free(pli__store *s) {
    free(local_of(s)->root);
    free(local_of(s));
}

static const pli__store_ops local_ops = {
    .version = 1,
    .name = "local",
    .get = local_get,
    .put_if_absent = local_put_if_absent,
    .replace = local_replace,
    .list = local_list,
    .stat = local_stat,
    .remove = local_remove,
    .local_path = local_path,
    .free = local_free,
};

pli_status pli__store_local_open(const char *root, pli__store **out, pli_error *err) {
    if (!root || !*root) return pli__error_set(err, PLI_E_ARGUMENT, "the folder of a store is empty");
    local_store *s = calloc(1, sizeof *s);
    if (!s) return pli__error_memory(err);
    s->base.ops = &local_ops;
    s->root = pli__strz_dup(root);
    if (!s->root) {
        free(s);
        return pli__error_memory(err);
    }
    *out = &s->base;
    return PLI_OK;
}
