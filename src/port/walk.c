/* The walk: a stack of open folders, each with the names of its subfolders that are still to be visited. */
#include "port/walk.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "port/dirs.h"
#include "port/fd.h"

typedef struct {
    DIR *dir;        /* open as long as subfolders are to be visited from here */
    pli__buf names;  /* subfolders, each with its terminator */
    size_t next;     /* in names */
    size_t path_len; /* of this folder's path */
} level;

struct pli__walk {
    const pli__walk_ops *ops;
    void *arg;
    pli__buf path; /* of the folder at hand */
    size_t root_len;
    level levels[PLI__WALK_DEPTH_MAX];
    unsigned depth; /* levels in use; the folder at hand is the last of them */
};

static level *top_of(pli__walk *w) { return &w->levels[w->depth - 1]; }

static void pop_level(pli__walk *w) {
    level *l = top_of(w);
    pli__dir_close(&l->dir);
    pli__buf_clear(&l->names);
    w->depth--;
}

static void free_walk(pli__walk **walk) {
    pli__walk *w = *walk;
    if (!w) return;
    while (w->depth > 0) pop_level(w);
    pli__buf_clear(&w->path);
    free(w);
}

static const char *rel_of(const pli__walk *w) {
    const char *rel = w->path.ptr + w->root_len;
    while (*rel == '/') rel++;
    return rel;
}

pli_status pli__walk_descend(pli__walk *w, const char *name, pli_error *err) {
    level *l = top_of(w);
    pli__buf_add(&l->names, name, strlen(name) + 1);
    return pli__buf_status(&l->names, err);
}

pli_status pli__walk_stat(pli__walk *w, const char *name, pli__file_info *out, pli_error *err) {
    struct stat st;
    if (fstatat(dirfd(top_of(w)->dir), name, &st, 0) == 0) {
        pli__fd_fill_info(&st, out);
        return PLI_OK;
    }
    /* ELOOP: a link that leads to itself leads to nothing */
    if (errno != ENOENT && errno != ENOTDIR && errno != ELOOP)
        return pli__error_errno(err, "could not look at '%s/%s'", w->path.ptr, name);
    *out = (pli__file_info){.kind = PLI__FILE_NONE};
    return PLI_OK;
}

static pli_status list_folder(pli__walk *w, const pli__walk_dir *dir, pli_error *err) {
    DIR *d = top_of(w)->dir;
    struct dirent *e;
    while ((e = pli__dir_next(d))) {
        const pli__dir_entry entry = {e->d_name, pli__dir_kind(dirfd(d), e)};
        bool descend = true;
        PLI_TRY(w->ops->entry(w->arg, w, dir, &entry, &descend, err));
        if (entry.kind == PLI__FILE_DIR && descend) PLI_TRY(pli__walk_descend(w, entry.name, err));
    }
    if (errno) return pli__error_errno(err, "could not list '%s'", dir->path);
    return w->ops->leave ? w->ops->leave(w->arg, w, dir, err) : PLI_OK;
}

/* Everything about the folder that was pushed last, but its subfolders. */
static pli_status visit(pli__walk *w, pli_error *err) {
    struct stat st;
    if (fstat(dirfd(top_of(w)->dir), &st) < 0) return pli__error_errno(err, "could not look at '%s'", w->path.ptr);
    pli__file_info info;
    pli__fd_fill_info(&st, &info);
    const pli__walk_dir dir = {w->path.ptr, rel_of(w),     w->depth - 1, info.device,
                               info.inode,  info.mtime_ns, info.ctime_ns};
    pli__walk_verdict verdict = PLI__WALK_LIST;
    if (w->ops->enter) PLI_TRY(w->ops->enter(w->arg, w, &dir, &verdict, err));
    if (verdict == PLI__WALK_PRUNE) pli__buf_reset(&top_of(w)->names);
    return verdict == PLI__WALK_LIST ? list_folder(w, &dir, err) : PLI_OK;
}

/* Opens a folder as the new last level. *opened is false if it has vanished. */
static pli_status push_level(pli__walk *w, int parent, const char *name, int flags, bool *opened, pli_error *err) {
    if (w->depth == PLI__WALK_DEPTH_MAX)
        return pli__error_set(err, PLI_E_LIMIT, "folders are nested more than %d deep at '%s'", PLI__WALK_DEPTH_MAX,
                              w->path.ptr);
    DIR *d = pli__dir_open(parent, name, flags);
    *opened = d != NULL;
    if (d) w->levels[w->depth++] = (level){.dir = d, .path_len = w->path.len};
    return PLI_OK;
}

static void cut_path(pli__walk *w, size_t len) {
    w->path.len = len;
    w->path.ptr[len] = 0;
}

static pli_status visit_child(pli__walk *w, const char *name, pli_error *err) {
    const level *parent = top_of(w);
    cut_path(w, parent->path_len);
    if (w->path.len == 0 || w->path.ptr[w->path.len - 1] != '/') pli__buf_addc(&w->path, '/');
    pli__buf_addz(&w->path, name);
    PLI_TRY(pli__buf_status(&w->path, err));
    bool opened;
    PLI_TRY(push_level(w, dirfd(parent->dir), name, O_NOFOLLOW, &opened, err));
    if (opened) return visit(w, err);
    /* Gone, or replaced by a file or a link, since it was listed. */
    if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP) return PLI_OK;
    return pli__error_errno(err, "could not open the folder '%s'", w->path.ptr);
}

static pli_status walk_from(pli__walk *w, const char *root, pli_error *err) {
    bool opened;
    pli__buf_addz(&w->path, root);
    PLI_TRY(pli__buf_status(&w->path, err));
    w->root_len = w->path.len;
    PLI_TRY(push_level(w, AT_FDCWD, root, 0, &opened, err));
    if (!opened) return pli__error_errno(err, "could not open the folder '%s'", root);
    PLI_TRY(visit(w, err));
    while (w->depth > 0) {
        level *l = top_of(w);
        if (l->next == l->names.len) {
            pop_level(w);
            continue;
        }
        const char *name = l->names.ptr + l->next;
        l->next += strlen(name) + 1;
        PLI_TRY(visit_child(w, name, err));
    }
    return PLI_OK;
}

pli_status pli__walk_tree(const char *root, const pli__walk_ops *ops, void *arg, pli_error *err) {
    PLI_AUTO(free_walk) pli__walk *w = calloc(1, sizeof *w);
    if (!w) return pli__error_memory(err);
    w->ops = ops;
    w->arg = arg;
    return walk_from(w, root, err);
}
