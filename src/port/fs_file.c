/* Single files and folders: look, read, make, remove, rename, sync. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "port/fd.h"

static pli_status look(const char *path, bool follow, pli__file_info *out, pli_error *err) {
    struct stat st;
    if ((follow ? stat(path, &st) : lstat(path, &st)) == 0) {
        pli__fd_fill_info(&st, out);
        return PLI_OK;
    }
    if (errno != ENOENT && errno != ENOTDIR) return pli__error_errno(err, "could not look at '%s'", path);
    *out = (pli__file_info){.kind = PLI__FILE_NONE};
    return PLI_OK;
}

pli_status pli__fs_stat(const char *path, pli__file_info *out, pli_error *err) { return look(path, true, out, err); }
pli_status pli__fs_lstat(const char *path, pli__file_info *out, pli_error *err) { return look(path, false, out, err); }

/* Opens for reading; a folder is refused here, where read() would only say so later. */
static pli_status open_regular(const char *path, int *fd, struct stat *st, pli_error *err) {
    const int opened = pli__fd_open(AT_FDCWD, path, O_RDONLY, 0);
    if (opened < 0) return pli__error_errno(err, "could not open '%s'", path);
    int problem = fstat(opened, st) < 0 ? errno : S_ISDIR(st->st_mode) ? EISDIR : 0;
    if (problem) {
        close(opened);
        errno = problem;
        return pli__error_errno(err, "could not read '%s'", path);
    }
    *fd = opened;
    return PLI_OK;
}

static pli_status too_large(const char *path, size_t max, pli_error *err) {
    return pli__error_set(err, PLI_E_LIMIT, "'%s' is larger than the limit of %zu bytes", path, max);
}

/* Reads at most n bytes to the end of out; *got is 0 at the end of the file. */
static pli_status read_some(int fd, const char *path, size_t n, pli__buf *out, size_t *got, pli_error *err) {
    char *room = pli__buf_room(out, n);
    if (!room) return pli__buf_status(out, err);
    ssize_t r;
    do r = read(fd, room, n);
    while (r < 0 && errno == EINTR);
    if (r < 0) return pli__error_errno(err, "could not read '%s'", path);
    pli__buf_used(out, (size_t)r);
    *got = (size_t)r;
    return PLI_OK;
}

static void cut_back(pli__buf *out, size_t len) {
    if (!out->ptr) return;
    out->len = len;
    out->ptr[len] = 0;
}

/* The size is a hint only: it is 0 for files of /proc, and a file may grow while it is read. */
static pli_status read_all(int fd, const char *path, size_t hint, size_t max, pli__buf *out, pli_error *err) {
    const size_t start = out->len;
    size_t got = 1;
    while (got > 0) {
        const size_t have = out->len - start;
        const size_t want = have < hint ? hint - have + 1 : 64 << 10;
        PLI_TRY(read_some(fd, path, want, out, &got, err));
        if (out->len - start > max) return too_large(path, max, err);
    }
    return PLI_OK;
}

pli_status pli__fs_read(const char *path, size_t max, pli__buf *out, pli_error *err) {
    PLI_AUTO(pli__fd_auto) int fd = -1;
    struct stat st;
    PLI_TRY(open_regular(path, &fd, &st, err));
    if (st.st_size > 0 && (uint64_t)st.st_size > max) return too_large(path, max, err);
    const size_t start = out->len;
    const pli_status status = read_all(fd, path, (size_t)st.st_size, max, out, err);
    if (status != PLI_OK) cut_back(out, start);
    return status;
}

/* *got is less than len at the end of the file only. */
static pli_status read_fully(int fd, const char *path, int64_t offset, char *to, size_t len, size_t *got,
                             pli_error *err) {
    size_t have = 0;
    while (have < len) {
        const ssize_t n = pread(fd, to + have, len - have, offset + (int64_t)have);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return pli__error_errno(err, "could not read '%s'", path);
        if (n == 0) break;
        have += (size_t)n;
    }
    *got = have;
    return PLI_OK;
}

pli_status pli__fs_read_at(const char *path, int64_t offset, size_t len, pli__buf *out, pli_error *err) {
    PLI_AUTO(pli__fd_auto) int fd = -1;
    struct stat st;
    PLI_TRY(open_regular(path, &fd, &st, err));
    if (offset < 0) offset = offset < -st.st_size ? 0 : st.st_size + offset;
    const int64_t left = offset < st.st_size ? st.st_size - offset : 0;
    if ((uint64_t)left < len) len = (size_t)left;
    char *room = pli__buf_room(out, len);
    if (!room) return pli__buf_status(out, err);
    PLI_TRY(read_fully(fd, path, offset, room, len, &len, err));
    pli__buf_used(out, len);
    return PLI_OK;
}

struct pli__fs_reader {
    int fd;
    char path[]; /* for errors */
};

pli_status pli__fs_reader_open(const char *path, pli__fs_reader **out, pli_error *err) {
    struct stat st;
    *out = NULL;
    PLI_AUTO(pli__free_ptr) pli__fs_reader *r = malloc(sizeof *r + strlen(path) + 1);
    if (!r) return pli__error_memory(err);
    memcpy(r->path, path, strlen(path) + 1);
    PLI_TRY(open_regular(path, &r->fd, &st, err));
    *out = PLI_TAKE(r);
    return PLI_OK;
}

pli_status pli__fs_reader_read(pli__fs_reader *r, int64_t offset, char *to, size_t cap, size_t *got, pli_error *err) {
    return read_fully(r->fd, r->path, offset, to, cap, got, err);
}

void pli__fs_reader_close(pli__fs_reader *r) {
    if (r) pli__fd_auto(&r->fd);
    free(r);
}

pli_status pli__fs_append(const char *path, pli__str data, pli_error *err) {
    PLI_AUTO(pli__fd_auto) int fd = pli__fd_open(AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (fd < 0 || pli__fd_write_all(fd, data.ptr, data.len) < 0)
        return pli__error_errno(err, "could not write '%s'", path);
    return PLI_OK;
}

static pli_status sync_path(const char *path, int flags, pli_error *err) {
    PLI_AUTO(pli__fd_auto) int fd = pli__fd_open(AT_FDCWD, path, flags, 0);
    if (fd < 0) return pli__error_errno(err, "could not open '%s' to make it durable", path);
    if (pli__fd_sync(fd) < 0) return pli__error_errno(err, "could not make '%s' durable", path);
    return PLI_OK;
}

pli_status pli__fs_sync_file(const char *path, pli_error *err) { return sync_path(path, O_RDONLY, err); }
pli_status pli__fs_sync_dir(const char *path, pli_error *err) { return sync_path(path, O_RDONLY | O_DIRECTORY, err); }

static pli_status count_entry(void *arg, const pli__dir_entry *entry, pli_error *err) {
    (void)entry;
    (void)err;
    return ++*(size_t *)arg > 1 ? PLI_E_EXISTS : PLI_OK;
}

static pli_status sync_parent(const char *path, pli_error *err) {
    PLI_AUTO(pli__free_ptr) char *parent = pli__path_dir(path);
    return parent ? pli__fs_sync_dir(parent, err) : pli__error_memory(err);
}

/* Nothing is put in a folder before its name is durable. So the name of one that we find with no more than `own` entries may be
 * not: who made it was killed before it could sync the parent. A parent that we may not read was not made by us. */
static pli_status settle_found(const char *path, size_t own, pli_error *err) {
    size_t n = 0;
    pli_error why = {0};
    if (pli__fs_list(path, count_entry, &n, NULL) != PLI_OK || n > own) return PLI_OK;
    const pli_status s = sync_parent(path, &why);
    if (s != PLI_OK && s != PLI_E_ACCESS && err) *err = why;
    return s == PLI_E_ACCESS ? PLI_OK : s;
}

static pli_status check_is_dir(const char *path, int mkdir_errno, pli_error *err) {
    struct stat st;
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) return settle_found(path, 0, err);
    errno = mkdir_errno;
    return pli__error_errno(err, "could not create the folder '%s'", path);
}

/* Makes the parents first only when mkdir says that one is missing: the usual case is that it is there. */
pli_status pli__fs_mkdirs(const char *path, pli_error *err) {
    if (!*path) return pli__error_set(err, PLI_E_ARGUMENT, "the path of a folder is empty");
    int e = mkdir(path, 0777) == 0 ? 0 : errno;
    if (e != 0 && e != ENOENT) return check_is_dir(path, e, err);
    PLI_AUTO(pli__free_ptr) char *parent = pli__path_dir(path);
    if (!parent) return pli__error_memory(err);
    if (e == ENOENT) {
        if (strcmp(parent, path) == 0 || strcmp(parent, ".") == 0) return check_is_dir(path, e, err);
        PLI_TRY(pli__fs_mkdirs(parent, err));
        if (mkdir(path, 0777) < 0) return check_is_dir(path, errno, err);
    } else PLI_TRY(settle_found(parent, 1, err));
    return pli__fs_sync_dir(parent, err);
}

pli_status pli__fs_unlink(const char *path, bool missing_ok, pli_error *err) {
    if (unlink(path) == 0 || (missing_ok && errno == ENOENT)) return PLI_OK;
    return pli__error_errno(err, "could not delete '%s'", path);
}

pli_status pli__fs_touch(const char *path, pli_error *err) {
    return utimensat(AT_FDCWD, path, NULL, 0) == 0 ? PLI_OK
                                                   : pli__error_errno(err, "could not set the time of '%s'", path);
}

pli_status pli__fs_rmdir(const char *path, bool missing_ok, pli_error *err) {
    if (rmdir(path) == 0 || (missing_ok && errno == ENOENT)) return PLI_OK;
    return pli__error_errno(err, "could not delete the folder '%s'", path);
}

pli_status pli__fs_rename(const char *from, const char *to, pli_error *err) {
    if (rename(from, to) == 0) return PLI_OK;
    return pli__error_errno(err, "could not rename '%s' to '%s'", from, to);
}

/* Where the file system cannot do it in one call (EINVAL), a hard link and an unlink come to the same for files. */
static int rename_by_link(const char *from, const char *to) {
    if (link(from, to) < 0) return -1;
    return unlink(from);
}

pli_status pli__fs_rename_noreplace(const char *from, const char *to, pli_error *err) {
    int rc = renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE);
    if (rc < 0 && (errno == EINVAL || errno == ENOSYS)) rc = rename_by_link(from, to);
    if (rc == 0) return PLI_OK;
    const bool exists = errno == EEXIST;
    const pli_status status = pli__error_errno(err, "could not rename '%s' to '%s'", from, to);
    if (exists) pli__error_flag(err, PLI_ERR_CONFLICT);
    return status;
}
