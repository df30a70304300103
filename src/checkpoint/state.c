/*
 * JobState: named values in files. Three uses of one object: a folder of its own (every write durable at once), a
 * batch (writes are staged under its attempt), and a look into a checkpoint (an unpromoted commit counts as promoted).
 */
#include "checkpoint/state.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "checkpoint/checkpoint_impl.h"

#define MAX_NAME 1024
#define MAX_ENTRIES ((size_t)1 << 20)

/* A value that is not (only) in its place below the root. */
typedef struct entry {
    char *name;
    pli_state_kind kind;
    char *file; /* name in staging/ */
    bool deleted;
} entry;

struct pli_state {
    char *root;
    pli__checkpoint *cp; /* NULL: a folder of its own */
    bool owns_cp;
    bool read_only;
    int64_t batch; /* with attempt: writes are staged */
    char *attempt;
    entry *entries;
    size_t n, cap;
};

static const char *extension(pli_state_kind kind) { return kind == PLI_STATE_JSON ? "json" : "parquet"; }

static pli_status check_name(const char *name, pli_state_kind kind, pli_error *err) {
    if (kind != PLI_STATE_JSON && kind != PLI_STATE_PARQUET)
        return pli__error_set(err, PLI_E_ARGUMENT, "unknown kind of state value");
    bool ok = name && *name && strlen(name) <= MAX_NAME;
    for (const char *p = name; ok && p; p = strchr(p, '/') ? strchr(p, '/') + 1 : NULL) {
        size_t len = strcspn(p, "/");
        ok = len > 0 && !(len == 1 && p[0] == '.') && !(len == 2 && p[0] == '.' && p[1] == '.');
    }
    if (ok && pli__str_is_utf8(pli__str_of(name))) return PLI_OK;
    return pli__error_set(err, PLI_E_ARGUMENT,
                          "'%.200s' is not a name for a state value: it must stay below the state's folder",
                          name ? name : "");
}

/* ---- entries ---- */

static entry *find_entry(const pli_state *s, const char *name, pli_state_kind kind) {
    for (size_t i = 0; i < s->n; i++)
        if (s->entries[i].kind == kind && strcmp(s->entries[i].name, name) == 0) return &s->entries[i];
    return NULL;
}

static pli_status add_entry(pli_state *s, const char *name, pli_state_kind kind, const char *file, entry **out,
                            pli_error *err) {
    if (s->n == s->cap) {
        if (s->n >= MAX_ENTRIES)
            return pli__error_set(err, PLI_E_LIMIT, "more than %zu state values in one batch", MAX_ENTRIES);
        size_t cap = s->cap ? s->cap * 2 : 8;
        entry *grown = realloc(s->entries, cap * sizeof *grown);
        if (!grown) return pli__error_memory(err);
        s->entries = grown;
        s->cap = cap;
    }
    entry e = {pli__strz_dup(name), kind, pli__strz_dup(file), false};
    if (!e.name || !e.file) {
        free(e.name);
        free(e.file);
        return pli__error_memory(err);
    }
    s->entries[s->n] = e;
    *out = &s->entries[s->n++];
    return PLI_OK;
}

/* Entry to write to: the one there is, or a new one with a file name of its own. */
static pli_status entry_for_write(pli_state *s, const char *name, pli_state_kind kind, entry **out, pli_error *err) {
    *out = find_entry(s, name, kind);
    if (*out) return PLI_OK;
    char file[160];
    snprintf(file, sizeof file, "%lld.%s.s%zu", (long long)s->batch, s->attempt, s->n);
    return add_entry(s, name, kind, file, out, err);
}

/* ---- paths ---- */

static pli_status staged_path(const pli__checkpoint *cp, const char *file, char **out, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf b = {0};
    pli__buf_addf(&b, "%s/staging/%s", cp->dir, file);
    *out = pli__buf_take(&b);
    return *out ? PLI_OK : pli__error_memory(err);
}

static pli_status value_path(const char *root, const char *name, pli_state_kind kind, char **out, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf b = {0};
    pli__buf_addf(&b, "%s/%s.%s", root, name, extension(kind));
    *out = pli__buf_take(&b);
    return *out ? PLI_OK : pli__error_memory(err);
}

static pli_status make_parent(const char *path, pli_error *err) {
    PLI_AUTO(pli__free_ptr) char *dir = pli__path_dir(path);
    if (!dir) return pli__error_memory(err);
    return pli__fs_mkdirs(dir, err);
}

static pli_status sync_parent(const char *path, pli_error *err) {
    PLI_AUTO(pli__free_ptr) char *dir = pli__path_dir(path);
    if (!dir) return pli__error_memory(err);
    return pli__fs_sync_dir(dir, err);
}

/* Where the present value is; *out NULL if there is none. */
static pli_status locate(const pli_state *s, const char *name, pli_state_kind kind, char **out, pli_error *err) {
    *out = NULL;
    const entry *e = find_entry(s, name, kind);
    if (e && e->deleted) return PLI_OK;
    PLI_AUTO(pli__free_ptr) char *path = NULL;
    if (e) PLI_TRY(staged_path(s->cp, e->file, &path, err));
    else PLI_TRY(value_path(s->root, name, kind, &path, err));
    pli__file_info info;
    PLI_TRY(pli__fs_stat(path, &info, err));
    if (info.kind == PLI__FILE_REGULAR) *out = PLI_TAKE(path);
    return PLI_OK;
}

/* ---- opening ---- */

static pli_state *new_state(const char *root) {
    pli_state *s = calloc(1, sizeof *s);
    if (s) s->root = pli__strz_dup(root);
    if (s && s->root) return s;
    free(s);
    return NULL;
}

static void state_auto(pli_state **s) { pli_state_close(*s); }

void pli_state_close(pli_state *s) {
    if (!s) return;
    for (size_t i = 0; i < s->n; i++) {
        free(s->entries[i].name);
        free(s->entries[i].file);
    }
    if (s->owns_cp) pli__checkpoint_close(s->cp);
    free(s->entries);
    free(s->attempt);
    free(s->root);
    free(s);
}

const char *pli_state_root(const pli_state *s) { return s->root; }

pli_status pli_state_open(const char *root, pli_state **out, pli_error *err) {
    *out = NULL;
    if (!root || !*root) return pli__error_set(err, PLI_E_ARGUMENT, "a state needs a folder");
    PLI_AUTO(pli__free_ptr) char *abs = NULL;
    PLI_TRY(pli__fs_abs_path(root, &abs, err));
    PLI_TRY(pli__fs_mkdirs(abs, err));
    *out = new_state(abs);
    return *out ? PLI_OK : pli__error_memory(err);
}

static pli_status new_checkpoint_state(pli__checkpoint *cp, pli_state **out, pli_error *err) {
    PLI_AUTO(pli__free_ptr) char *root = pli__path_join(cp->dir, "state");
    pli_state *s = root ? new_state(root) : NULL;
    if (!s) return pli__error_memory(err);
    s->cp = cp;
    *out = s;
    return PLI_OK;
}

pli_status pli__state_begin(pli__checkpoint *cp, int64_t n, const char *attempt, pli_state **out, pli_error *err) {
    *out = NULL;
    PLI_AUTO(state_auto) pli_state *s = NULL;
    PLI_TRY(new_checkpoint_state(cp, &s, err));
    s->batch = n;
    s->attempt = pli__strz_dup(attempt);
    if (!s->attempt) return pli__error_memory(err);
    *out = PLI_TAKE(s);
    return PLI_OK;
}

static pli_status newest_commit(pli__checkpoint *cp, json_t **out, pli_error *err) {
    int64_t last = pli__checkpoint_last_commit(cp);
    return last < 0 ? PLI_OK : pli__checkpoint_read_commit(cp, last, out, err);
}

/* One member of a commit's "state". */
static pli_status parse_entry(const json_t *item, const char **name, const char **file, pli_state_kind *kind,
                              bool *deleted, pli_error *err) {
    const char *kind_name = NULL;
    PLI_TRY(pli__json_get_str(item, "name", "commit", true, name, err));
    PLI_TRY(pli__json_get_str(item, "file", "commit", true, file, err));
    PLI_TRY(pli__json_get_str(item, "kind", "commit", true, &kind_name, err));
    PLI_TRY(pli__json_get_bool(item, "deleted", "commit", false, deleted, err));
    *kind = strcmp(kind_name, "parquet") == 0 ? PLI_STATE_PARQUET : PLI_STATE_JSON;
    PLI_TRY(check_name(*name, *kind, err));
    if (**file == '.' || strchr(*file, '/'))
        return pli__error_set(err, PLI_E_CORRUPT, "a commit names the staged value '%.100s'", *file);
    return PLI_OK;
}

/* A commit whose values are still staged: look at them there. */
static pli_status overlay_commit(pli_state *s, pli_error *err) {
    PLI_AUTO(pli__json_unref) json_t *commit = NULL;
    PLI_TRY(newest_commit(s->cp, &commit, err));
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(commit, "state"), i, item) {
        const char *name = NULL, *file = NULL;
        pli_state_kind kind = PLI_STATE_JSON;
        bool deleted = false;
        PLI_TRY(parse_entry(item, &name, &file, &kind, &deleted, err));
        PLI_AUTO(pli__free_ptr) char *path = NULL;
        PLI_TRY(staged_path(s->cp, file, &path, err));
        pli__file_info info;
        PLI_TRY(pli__fs_stat(path, &info, err));
        entry *e = NULL;
        if (info.kind == PLI__FILE_NONE) continue;
        PLI_TRY(add_entry(s, name, kind, file, &e, err));
        e->deleted = deleted;
    }
    return PLI_OK;
}

pli_status pli_state_open_checkpoint(const char *checkpoint, bool read_only, pli_state **out, pli_error *err) {
    *out = NULL;
    pli__checkpoint_options options = {.take_lock = !read_only, .read_only = read_only};
    PLI_AUTO(pli__checkpoint_auto) pli__checkpoint *cp = NULL;
    PLI_TRY(pli__checkpoint_open(checkpoint, &options, &cp, err));
    PLI_AUTO(pli__json_unref) json_t *commit = NULL;
    if (!read_only) {
        PLI_TRY(newest_commit(cp, &commit, err));
        PLI_TRY(pli__state_promote(cp, commit, err));
    }
    PLI_AUTO(state_auto) pli_state *s = NULL;
    PLI_TRY(new_checkpoint_state(cp, &s, err));
    cp = NULL;
    s->owns_cp = true;
    s->read_only = read_only;
    if (read_only) PLI_TRY(overlay_commit(s, err));
    *out = PLI_TAKE(s);
    return PLI_OK;
}

/* ---- reading ---- */

pli_status pli_state_get(pli_state *s, const char *name, pli_state_kind kind, char **data, size_t *len,
                         pli_error *err) {
    *data = NULL;
    if (len) *len = 0;
    PLI_TRY(check_name(name, kind, err));
    PLI_AUTO(pli__free_ptr) char *path = NULL;
    PLI_TRY(locate(s, name, kind, &path, err));
    if (!path) return PLI_OK;
    PLI_AUTO(pli__buf_clear) pli__buf bytes = {0};
    PLI_TRY(pli__fs_read(path, PLI_BUF_DEFAULT_MAX - 1, &bytes, err));
    if (!bytes.ptr) pli__buf_add(&bytes, "", 0);
    size_t n = bytes.len;
    char *taken = bytes.ptr ? pli__buf_take(&bytes) : calloc(1, 1);
    if (!taken) return pli__error_memory(err);
    *data = taken;
    if (len) *len = n;
    return PLI_OK;
}

pli_status pli_state_path(pli_state *s, const char *name, pli_state_kind kind, char **path, pli_error *err) {
    *path = NULL;
    PLI_TRY(check_name(name, kind, err));
    char *found = NULL;
    PLI_TRY(locate(s, name, kind, &found, err));
    *path = found ? found : pli__strz_dup("");
    return *path ? PLI_OK : pli__error_memory(err);
}

pli_status pli_state_exists(pli_state *s, const char *name, pli_state_kind kind, bool *out, pli_error *err) {
    *out = false;
    PLI_TRY(check_name(name, kind, err));
    PLI_AUTO(pli__free_ptr) char *path = NULL;
    PLI_TRY(locate(s, name, kind, &path, err));
    *out = path != NULL;
    return PLI_OK;
}

/* ---- writing ---- */

static pli_status may_write(const pli_state *s, const char *name, pli_state_kind kind, pli_error *err) {
    if (s->read_only) return pli__error_set(err, PLI_E_STATE, "the state was opened for reading only");
    return check_name(name, kind, err);
}

/* File that takes the next value, its folder made; marks a staged entry as live. */
static pli_status target_path(pli_state *s, const char *name, pli_state_kind kind, char **out, pli_error *err) {
    PLI_AUTO(pli__free_ptr) char *path = NULL;
    entry *e = NULL;
    if (s->attempt) {
        PLI_TRY(entry_for_write(s, name, kind, &e, err));
        PLI_TRY(staged_path(s->cp, e->file, &path, err));
    } else PLI_TRY(value_path(s->root, name, kind, &path, err));
    PLI_TRY(make_parent(path, err));
    *out = PLI_TAKE(path);
    return PLI_OK;
}

static unsigned publish_flags(const pli_state *s) {
    return PLI__PUBLISH_REPLACE | (s->cp && s->cp->relaxed ? PLI__PUBLISH_RELAXED : 0u);
}

static void mark(pli_state *s, const char *name, pli_state_kind kind, bool deleted) {
    entry *e = s->attempt ? find_entry(s, name, kind) : NULL;
    if (e) e->deleted = deleted;
}

pli_status pli_state_put(pli_state *s, const char *name, pli_state_kind kind, const void *data, size_t len,
                         pli_error *err) {
    PLI_TRY(may_write(s, name, kind, err));
    PLI_AUTO(pli__free_ptr) char *path = NULL;
    PLI_TRY(target_path(s, name, kind, &path, err));
    PLI_TRY_IN(pli__fs_publish(path, (pli__str){data, len}, publish_flags(s), err), err, "while storing state '%s'",
               name);
    mark(s, name, kind, false);
    return PLI_OK;
}

pli_status pli_state_adopt(pli_state *s, const char *name, pli_state_kind kind, const char *file, pli_error *err) {
    PLI_TRY(may_write(s, name, kind, err));
    PLI_AUTO(pli__free_ptr) char *path = NULL;
    PLI_TRY(target_path(s, name, kind, &path, err));
    bool synced = !(publish_flags(s) & PLI__PUBLISH_RELAXED);
    if (synced) PLI_TRY(pli__fs_sync_file(file, err));
    PLI_TRY(pli__fs_rename(file, path, err));
    if (synced) PLI_TRY(sync_parent(path, err));
    mark(s, name, kind, false);
    return PLI_OK;
}

pli_status pli_state_delete(pli_state *s, const char *name, pli_state_kind kind, bool *removed, pli_error *err) {
    if (removed) *removed = false;
    PLI_TRY(may_write(s, name, kind, err));
    PLI_AUTO(pli__free_ptr) char *path = NULL;
    PLI_TRY(locate(s, name, kind, &path, err));
    if (!path) return PLI_OK;
    if (s->attempt) {
        PLI_AUTO(pli__free_ptr) char *staged = NULL; /* an empty file stands for the deletion until it is promoted */
        PLI_TRY(target_path(s, name, kind, &staged, err));
        PLI_TRY(pli__fs_publish(staged, (pli__str){"", 0}, publish_flags(s), err));
        mark(s, name, kind, true);
    } else {
        PLI_TRY(pli__fs_unlink(path, true, err));
        PLI_TRY(sync_parent(path, err));
    }
    if (removed) *removed = true;
    return PLI_OK;
}

/* ---- the batch ---- */

pli_status pli__state_describe(const pli_state *s, json_t **out, pli_error *err) {
    *out = NULL;
    if (s->n == 0) return PLI_OK;
    PLI_AUTO(pli__json_unref) json_t *list = json_array();
    for (size_t i = 0; i < s->n; i++) {
        const entry *e = &s->entries[i];
        PLI_AUTO(pli__json_unref)
        json_t *item = json_pack("{s:s, s:s, s:s}", "name", e->name, "kind", extension(e->kind), "file", e->file);
        if (!list || !item) return pli__error_memory(err);
        if (e->deleted && json_object_set_new(item, "deleted", json_true()) < 0) return pli__error_memory(err);
        if (json_array_append(list, item) < 0) return pli__error_memory(err);
    }
    *out = PLI_TAKE(list);
    return PLI_OK;
}

static pli_status promote_one(pli__checkpoint *cp, const json_t *item, pli_error *err) {
    const char *name = NULL, *file = NULL;
    pli_state_kind kind = PLI_STATE_JSON;
    bool deleted = false;
    PLI_TRY(parse_entry(item, &name, &file, &kind, &deleted, err));
    PLI_AUTO(pli__free_ptr) char *root = pli__path_join(cp->dir, "state");
    if (!root) return pli__error_memory(err);
    PLI_AUTO(pli__free_ptr) char *from = NULL, *to = NULL;
    PLI_TRY(staged_path(cp, file, &from, err));
    PLI_TRY(value_path(root, name, kind, &to, err));
    pli__file_info info;
    PLI_TRY(pli__fs_stat(from, &info, err));
    if (info.kind == PLI__FILE_NONE) return PLI_OK;
    PLI_TRY(make_parent(to, err));
    if (deleted) PLI_TRY(pli__fs_unlink(to, true, err));
    else PLI_TRY(pli__fs_rename(from, to, err));
    if (!cp->relaxed) PLI_TRY(sync_parent(to, err));
    return deleted ? pli__fs_unlink(from, true, err) : PLI_OK;
}

pli_status pli__state_promote(pli__checkpoint *cp, const json_t *commit, pli_error *err) {
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(commit, "state"), i, item)
        PLI_TRY_IN(promote_one(cp, item, err), err, "while making the state of the newest batch current");
    return PLI_OK;
}

/* ---- listing ---- */

typedef struct names {
    char **items; /* "<name>.json" or "<name>.parquet", relative to the root */
    size_t n, cap;
} names;

static void names_clear(names *l) {
    for (size_t i = 0; i < l->n; i++) free(l->items[i]);
    free(l->items);
}

static pli_status names_add(names *l, char *take, pli_error *err) {
    PLI_AUTO(pli__free_ptr) char *name = take;
    if (!name) return pli__error_memory(err);
    if (l->n == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 16;
        char **grown = realloc(l->items, cap * sizeof *grown);
        if (!grown) return pli__error_memory(err);
        l->items = grown;
        l->cap = cap;
    }
    l->items[l->n++] = PLI_TAKE(name);
    return PLI_OK;
}

typedef struct walk {
    names *found;
    const char *root, *below; /* folder relative to the root, "" at the top */
    int depth;
} walk;

static pli_status walk_entry(void *arg, const pli__dir_entry *e, pli_error *err);

static pli_status walk_folder(walk w, pli_error *err) {
    PLI_AUTO(pli__free_ptr) char *dir = *w.below ? pli__path_join(w.root, w.below) : pli__strz_dup(w.root);
    if (!dir) return pli__error_memory(err);
    pli_status status = pli__fs_list(dir, walk_entry, &w, err);
    if (status != PLI_E_NOT_FOUND) return status;
    pli__error_clear(err);
    return PLI_OK;
}

static pli_status walk_entry(void *arg, const pli__dir_entry *e, pli_error *err) {
    const walk *w = arg;
    PLI_AUTO(pli__free_ptr) char *path = *w->below ? pli__path_join(w->below, e->name) : pli__strz_dup(e->name);
    if (!path) return pli__error_memory(err);
    if (e->kind == PLI__FILE_DIR) {
        if (w->depth >= 64) return PLI_OK; /* names are at most 1,024 bytes; nothing of ours is deeper */
        return walk_folder((walk){w->found, w->root, path, w->depth + 1}, err);
    }
    pli__str s = pli__str_of(path);
    if (e->name[0] == '.' && !pli__str_ends(s, PLI_STR(".json"))) return PLI_OK;
    if (!pli__str_ends(s, PLI_STR(".json")) && !pli__str_ends(s, PLI_STR(".parquet"))) return PLI_OK;
    return names_add(w->found, PLI_TAKE(path), err);
}

static int compare_names(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

/* Names at the root, then those that are only staged. */
static pli_status gather(const pli_state *s, names *found, pli_error *err) {
    PLI_TRY(walk_folder((walk){found, s->root, "", 0}, err));
    for (size_t i = 0; i < s->n; i++) {
        PLI_AUTO(pli__buf_clear) pli__buf b = {0};
        pli__buf_addf(&b, "%s.%s", s->entries[i].name, extension(s->entries[i].kind));
        PLI_TRY(names_add(found, pli__buf_take(&b), err));
    }
    if (found->n) qsort(found->items, found->n, sizeof *found->items, compare_names);
    return PLI_OK;
}

pli_status pli_state_list(pli_state *s, pli_state_fn *fn, void *arg, pli_error *err) {
    PLI_AUTO(names_clear) names found = {0};
    PLI_TRY(gather(s, &found, err));
    for (size_t i = 0; i < found.n; i++) {
        if (i && strcmp(found.items[i], found.items[i - 1]) == 0) continue;
        bool json = pli__str_ends(pli__str_of(found.items[i]), PLI_STR(".json"));
        PLI_AUTO(pli__free_ptr)
        char *name = pli__str_dup((pli__str){found.items[i], strlen(found.items[i]) - (json ? 5 : 8)});
        if (!name) return pli__error_memory(err);
        pli_state_kind kind = json ? PLI_STATE_JSON : PLI_STATE_PARQUET;
        const entry *e = find_entry(s, name, kind);
        if (e && e->deleted) continue;
        if (fn(arg, name, kind)) return PLI_OK;
    }
    return PLI_OK;
}
