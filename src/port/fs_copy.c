/*
 * Copying a file to another file system, for moves that a rename cannot do: written under a temporary name with the mode and
 * the modification time of the original, synced, renamed, the folder synced. A symbolic link is copied as a link.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "port/fd.h"

#define COPY_BYTES ((size_t)1 << 20)

static pli_status copy_bytes(int from, int to, const char *from_path, const char *to_path, pli_error *err) {
    PLI_AUTO(pli__free_ptr) char *block = malloc(COPY_BYTES);
    if (!block) return pli__error_memory(err);
    for (;;) {
        ssize_t n;
        do n = read(from, block, COPY_BYTES);
        while (n < 0 && errno == EINTR);
        if (n < 0) return pli__error_errno(err, "could not read '%s'", from_path);
        if (n == 0) return PLI_OK;
        if (pli__fd_write_all(to, block, (size_t)n) < 0) return pli__error_errno(err, "could not write '%s'", to_path);
    }
}

/* The mode and times of the original, then everything durable. */
static pli_status finish_file(int fd, const struct stat *st, const char *path, pli_error *err) {
    const struct timespec times[2] = {st->st_atim, st->st_mtim};
    if (fchmod(fd, st->st_mode & 07777) < 0 || futimens(fd, times) < 0 || pli__fd_sync(fd) < 0)
        return pli__error_errno(err, "could not make '%s' durable", path);
    return PLI_OK;
}

static pli_status copy_file(const char *from, const char *temp, const struct stat *st, pli_error *err) {
    PLI_AUTO(pli__fd_auto) int in = pli__fd_open(AT_FDCWD, from, O_RDONLY, 0);
    if (in < 0) return pli__error_errno(err, "could not open '%s'", from);
    PLI_AUTO(pli__fd_auto) int out = pli__fd_open(AT_FDCWD, temp, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (out < 0) return pli__error_errno(err, "could not create '%s'", temp);
    PLI_TRY(copy_bytes(in, out, from, temp, err));
    return finish_file(out, st, temp, err);
}

static pli_status copy_link(const char *from, const char *temp, pli_error *err) {
    char target[PATH_MAX];
    const ssize_t n = readlink(from, target, sizeof target - 1);
    if (n < 0) return pli__error_errno(err, "could not read the link '%s'", from);
    target[n] = '\0';
    if ((unlink(temp) < 0 && errno != ENOENT) || symlink(target, temp) < 0)
        return pli__error_errno(err, "could not create '%s'", temp);
    return PLI_OK;
}

pli_status pli__fs_copy(const char *from, const char *to, pli_error *err) {
    struct stat st;
    if (lstat(from, &st) < 0) return pli__error_errno(err, "could not look at '%s'", from);
    PLI_AUTO(pli__free_ptr) char *dir = pli__path_dir(to);
    PLI_AUTO(pli__buf_clear) pli__buf temp = {0};
    if (!dir) return pli__error_memory(err);
    pli__buf_addf(&temp, "%s/.%s.tmp", dir, pli__path_base(to));
    PLI_TRY(pli__buf_status(&temp, err));
    pli_status status = S_ISLNK(st.st_mode) ? copy_link(from, temp.ptr, err) : copy_file(from, temp.ptr, &st, err);
    if (status == PLI_OK) status = pli__fs_rename(temp.ptr, to, err);
    if (status == PLI_OK) return pli__fs_sync_dir(dir, err);
    (void)pli__fs_unlink(temp.ptr, true, NULL);
    return status;
}
