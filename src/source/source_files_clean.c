/*
 * Clean-up of inputs whose batch is durable: each file is renamed to a private name, compared with what its batch read,
 * and only then deleted or moved to the archive; a file that was overwritten meanwhile goes back to its name. The private
 * name follows from the file's, so that a crash in between is finished by the next clean-up. What fails, or is not due
 * yet, is tried again after a later commit. A file outside the source was reached by a link: the link goes, not the file.
 *
 * An archive on another file system cannot be reached by a rename. There the file is copied to a private name of the archive,
 * the original is deleted, and the copy gets its name: a kill in between leaves one of the two private names, never neither.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/json.h"
#include "checkpoint/index_sync.h"
#include "checkpoint/seen.h"
#include "port/walk.h"
#include "source/source_files_impl.h"

#define BATCHES_PER_CLEAN 1000 /* old batches looked at after one commit */

typedef struct cleaner {
    files_source *s;
    pli__index *x;
    char *root;
    int64_t failed; /* files left for later */
} cleaner;

static void cleaner_clear(cleaner *c) { free(c->root); }

/* Invisible to other readers, the same at every try. */
static pli_status private_name(const char *dir, const char *path, pli__buf *out, pli_error *err) {
    char digest[65];
    pli__sha256_hex(pli__str_of(path), digest);
    pli__buf_addf(out, "%s/" PLI__FILES_PRIVATE_PREFIX "%.32s", dir, digest);
    return pli__buf_status(out, err);
}

static pli_status aside_name(const char *path, pli__buf *out, pli_error *err) {
    PLI_AUTO(pli__free_ptr) char *dir = pli__path_dir(path);
    return dir ? private_name(dir, path, out, err) : pli__error_memory(err);
}

/* name.ext, name_1.ext, name_2.ext … : the first that is free. Renames without replacing, so nobody's file is lost. */
static pli_status rename_into_archive(const files_source *s, const char *from, const char *path, pli_error *err) {
    const char *base = pli__path_base(path), *dot = strrchr(base, '.');
    size_t stem = dot && dot != base ? (size_t)(dot - base) : strlen(base);
    for (int64_t i = 0;; i++) {
        PLI_AUTO(pli__buf_clear) pli__buf to = {0};
        if (i == 0) pli__buf_addf(&to, "%s/%s", s->o.archive_dir, base);
        else pli__buf_addf(&to, "%s/%.*s_%" PRId64 "%s", s->o.archive_dir, (int)stem, base, i, base + stem);
        PLI_TRY(pli__buf_status(&to, err));
        pli_status status = pli__fs_rename_noreplace(from, to.ptr, err);
        if (status != PLI_E_EXISTS) return status;
        pli__error_clear(err);
    }
}

/* A copy whose original is deleted already gets its name in the archive. */
static pli_status finish_copy(const files_source *s, const char *path, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf copy = {0};
    pli__file_info info = {0};
    PLI_TRY(private_name(s->o.archive_dir, path, &copy, err));
    PLI_TRY(pli__fs_lstat(copy.ptr, &info, err));
    return info.kind == PLI__FILE_NONE ? PLI_OK : rename_into_archive(s, copy.ptr, path, err);
}

static pli_status copy_into_archive(const files_source *s, const char *from, const char *path, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf copy = {0};
    PLI_AUTO(pli__free_ptr) char *dir = pli__path_dir(from);
    if (!dir) return pli__error_memory(err);
    PLI_TRY(private_name(s->o.archive_dir, path, &copy, err));
    PLI_TRY(pli__fs_copy(from, copy.ptr, err));
    PLI_TRY(pli__fs_unlink(from, true, err));
    PLI_TRY(pli__fs_sync_dir(dir, err)); /* or a power failure could bring it back, to be archived twice */
    return rename_into_archive(s, copy.ptr, path, err);
}

static pli_status archive(const files_source *s, const char *from, const char *path, pli_error *err) {
    PLI_TRY(pli__fs_mkdirs(s->o.archive_dir, err));
    pli_error why = {0};
    const pli_status status = rename_into_archive(s, from, path, &why);
    if (status != PLI_OK && why.native_code == EXDEV) return copy_into_archive(s, from, path, err);
    if (status != PLI_OK && err) *err = why;
    return status;
}

static pli_status remove_row(pli__index *x, const char *path, pli_error *err) {
    const char *base = pli__path_base(path);
    bool found = false;
    pli__index_folder folder = {0};
    PLI_TRY(pli__index_folder_get(x, (pli__str){path, base - path > 1 ? (size_t)(base - path) - 1 : 1}, &found, &folder,
                                  err));
    return found ? pli__index_file_remove(x, folder.id, pli__str_of(base), err) : PLI_OK;
}

static bool is_what_was_read(const pli__file_info *info, const pli__seen_file *f) {
    return info->kind == PLI__FILE_REGULAR && info->size == f->size && info->mtime_ns == f->mtime_ns;
}

/* The file is aside, under its private name. */
static pli_status finish_aside(cleaner *c, const char *aside, const char *path, const pli__seen_file *f,
                               pli_error *err) {
    pli__file_info info = {0};
    PLI_TRY(pli__fs_stat(aside, &info, err));
    if (!is_what_was_read(&info, f)) return pli__fs_rename_noreplace(aside, path, err);
    return c->s->o.clean == PLI__CLEAN_DELETE ? pli__fs_unlink(aside, true, err) : archive(c->s, aside, path, err);
}

static pli_status clean_inside(cleaner *c, const char *path, const pli__seen_file *f, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf aside = {0};
    PLI_TRY(aside_name(path, &aside, err));
    pli__file_info info = {0};
    PLI_TRY(pli__fs_stat(aside.ptr, &info, err));
    if (info.kind == PLI__FILE_NONE) {
        if (c->s->o.clean == PLI__CLEAN_ARCHIVE) PLI_TRY(finish_copy(c->s, path, err));
        PLI_TRY(pli__fs_stat(path, &info, err));
        if (info.kind == PLI__FILE_NONE) return remove_row(c->x, path, err);
        if (!is_what_was_read(&info, f)) return PLI_OK; /* new content: not ours to remove */
        PLI_TRY(pli__fs_rename(path, aside.ptr, err));
    }
    pli_status status = finish_aside(c, aside.ptr, path, f, err);
    if (status != PLI_OK) {
        (void)pli__fs_rename_noreplace(aside.ptr, path, NULL);
        return status;
    }
    PLI_TRY(pli__fs_stat(path, &info, err));
    return info.kind == PLI__FILE_NONE ? remove_row(c->x, path, err) : PLI_OK;
}

typedef struct link_finder {
    cleaner *c;
    const char *target;
} link_finder;

static pli_status clean_link(void *arg, pli__walk *w, const pli__walk_dir *dir, const pli__dir_entry *e, bool *descend,
                             pli_error *err) {
    (void)w;
    (void)descend;
    const link_finder *l = arg;
    if (e->kind != PLI__FILE_LINK) return PLI_OK;
    PLI_AUTO(pli__free_ptr) char *link = pli__path_join(dir->path, e->name), *real = NULL;
    if (!link) return pli__error_memory(err);
    if (pli__fs_real_path(link, &real, NULL) != PLI_OK || strcmp(real, l->target) != 0) return PLI_OK;
    return l->c->s->o.clean == PLI__CLEAN_DELETE ? pli__fs_unlink(link, true, err) : archive(l->c->s, link, link, err);
}

static pli_status clean_links_to(cleaner *c, const char *target, pli_error *err) {
    static const pli__walk_ops ops = {NULL, clean_link, NULL};
    link_finder l = {c, target};
    PLI_TRY(pli__walk_tree(c->root, &ops, &l, err));
    return remove_row(c->x, target, err);
}

static pli_status clean_file(cleaner *c, const char *path, const pli__seen_file *f, pli_error *err) {
    if (pli__path_inside(path, c->root)) return clean_inside(c, path, f, err);
    pli__file_info info = {0};
    PLI_TRY(pli__fs_stat(path, &info, err));
    return is_what_was_read(&info, f) ? clean_links_to(c, path, err) : PLI_OK;
}

static pli_status clean_one(void *arg, const pli__seen_file *f, pli_error *err) {
    cleaner *c = arg;
    PLI_TRY(pli__env_check_cancel(c->s->env, err));
    PLI_AUTO(pli__free_ptr) char *path = pli__str_dup(f->path);
    if (!path) return pli__error_memory(err);
    pli_error why = {0};
    if (f->size == INT64_MIN || clean_file(c, path, f, &why) == PLI_OK) return PLI_OK;
    c->failed++;
    pli__env_log(c->s->env, PLI_LOG_WARNING, "could not clean up '%s', it will be tried again: %s", path, why.message);
    return PLI_OK;
}

/* Files that the batch did not read (skipped, quarantined) are not ours to remove. */
static bool names_path(const json_t *list, pli__str path) {
    size_t i;
    json_t *entry;
    json_array_foreach(list, i, entry) {
        const char *p = json_string_value(json_is_object(entry) ? json_object_get(entry, "path") : entry);
        if (p && pli__str_eqz(path, p)) return true;
    }
    return false;
}

typedef struct batch_cleaner {
    cleaner *c;
    const json_t *skipped, *quarantined;
} batch_cleaner;

static pli_status clean_read_file(void *arg, const pli__seen_file *f, pli_error *err) {
    const batch_cleaner *b = arg;
    if (names_path(b->skipped, f->path) || names_path(b->quarantined, f->path)) return PLI_OK;
    return clean_one(b->c, f, err);
}

/* *due = false: committed too recently. */
static pli_status clean_batch(cleaner *c, pli__checkpoint *cp, int64_t n, bool *due, pli_error *err) {
    PLI_AUTO(pli__json_unref) json_t *commit = NULL, *offset = NULL;
    PLI_TRY(pli__checkpoint_read_commit(cp, n, &commit, err));
    int64_t at_us = llround(json_number_value(json_object_get(commit, "committed_at")) * 1e6);
    int64_t after_us = c->s->o.clean_after_us;
    *due = !after_us || pli__clock_now_us(pli__checkpoint_clock(cp)) - at_us >= after_us;
    if (!*due) return PLI_OK;
    PLI_TRY(pli__checkpoint_read_offset(cp, n, &offset, NULL, err));
    batch_cleaner b = {c, json_object_get(commit, "skipped_files"), json_object_get(commit, "quarantined_files")};
    return pli__offset_files(offset, clean_read_file, &b, err);
}

/* Batches up to "cleaned" are done; a failure in one keeps the mark before it. A rebuilt index begins at the oldest. */
static pli_status clean_due(cleaner *c, pli__checkpoint *cp, int64_t batch_id, int64_t *done, pli_error *err) {
    int64_t first = pli__checkpoint_first_offset(cp), mark = -1;
    PLI_TRY(pli__index_get_i64(c->x, "cleaned", -1, &mark, err));
    *done = mark;
    bool whole = true;
    int64_t n = mark + 1 < first ? first : mark + 1;
    for (int64_t stop = n + BATCHES_PER_CLEAN; n >= 0 && n <= batch_id && n < stop; n++) {
        if (!pli__checkpoint_has_commit(cp, n)) break;
        bool due = false;
        int64_t before = c->failed;
        PLI_TRY(clean_batch(c, cp, n, &due, err));
        if (!due) break;
        whole = whole && c->failed == before;
        if (whole) *done = n;
    }
    return PLI_OK;
}

pli_status pli__files_clean(files_source *s, pli__checkpoint *cp, int64_t batch_id, pli_error *err) {
    if (!s->index || s->cp != cp) {
        pli__index_close(PLI_TAKE(s->index));
        PLI_TRY(pli__index_open_for(cp, false, &s->index, err));
        s->cp = cp;
    }
    PLI_AUTO(cleaner_clear) cleaner c = {.s = s, .x = s->index};
    PLI_TRY(pli__fs_real_path(s->fixed, &c.root, err));
    PLI_TRY(pli__index_begin(c.x, err));
    int64_t done = -1;
    pli_status status = clean_due(&c, cp, batch_id, &done, err);
    if (status == PLI_OK) status = pli__index_set_i64(c.x, "cleaned", done, err);
    if (status == PLI_OK) return pli__index_commit(c.x, err);
    pli__index_rollback(c.x);
    return status;
}
