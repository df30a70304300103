/*
 * Publication: a finished file appears under its name in one step, or not at all.
 *
 *   open .<name>.<uuid>.tmp ─► write ─► fsync ─► close ─► link (new) or rename (replace) ─► unlink temp ─► fsync folder
 *
 * A kill leaves at most the temporary file, which every listing ignores. The step that publishes is the only one whose
 * lost answer matters; it and a failed fsync of the folder behind it are reported as OUTCOME_UNKNOWN.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "port/fd.h"

enum { NAME_LIMIT = 255, TEMP_EXTRA = 1 + 1 + 36 + 4 }; /* ".", ".", uuid, ".tmp" */

static char *temp_path(const char *dir, const char *base) {
    char id[37];
    pli__uuid_new(id);
    const size_t len = strlen(base);
    const int shown = (int)(len > NAME_LIMIT - TEMP_EXTRA ? NAME_LIMIT - TEMP_EXTRA : len);
    PLI_AUTO(pli__buf_clear) pli__buf b = {0};
    pli__buf_addf(&b, "%s/.%.*s.%s.tmp", dir, shown, base, id);
    return pli__buf_take(&b);
}

/* Removes a temporary file; errno and the result stay those of what went wrong before. */
static void drop_temp(const char *temp) {
    const int saved = errno;
    unlink(temp);
    errno = saved;
}

static int write_and_close(const char *temp, pli__str data, bool durable) {
    int fd = pli__fd_open(AT_FDCWD, temp, O_WRONLY | O_CREAT | O_EXCL, 0666);
    if (fd < 0) return -1;
    if (pli__fd_write_all(fd, data.ptr, data.len) < 0 || (durable && pli__fd_sync(fd) < 0)) {
        pli__fd_auto(&fd);
        return -1;
    }
    return pli__fd_close(fd);
}

/* Errors after which the operation has certainly not been carried out. */
static bool is_definite(int e) {
    switch (e) {
        case EEXIST:
        case ENOENT:
        case ENOTDIR:
        case EISDIR:
        case ENOTEMPTY:
        case EACCES:
        case EPERM:
        case EROFS:
        case ENOSPC:
        case EDQUOT:
        case EMLINK:
        case ELOOP:
        case ENAMETOOLONG:
        case EXDEV:
        case EINVAL:
        case ENOSYS:
        case EOPNOTSUPP:
        case ENOMEM: return true;
        default: return false;
    }
}

static pli_status outcome_unknown(const char *path, int e, pli_error *err) {
    errno = e;
    pli__error_errno(err, "could not learn whether '%s' was published", path);
    if (err) err->code = PLI_E_UNKNOWN;
    pli__error_flag(err, PLI_ERR_RETRIABLE);
    return PLI_E_UNKNOWN;
}

static pli_status not_published(const char *path, int e, pli_error *err) {
    if (!is_definite(e)) return outcome_unknown(path, e, err);
    errno = e;
    const pli_status status = pli__error_errno(err, "could not publish '%s'", path);
    if (e == EEXIST) pli__error_flag(err, PLI_ERR_CONFLICT);
    return status;
}

/* NFS repeats a request whose answer was lost and then finds its own link: the count of links tells. */
static bool is_our_link(const char *temp, const char *path) {
    struct stat a, b;
    return lstat(temp, &a) == 0 && lstat(path, &b) == 0 && a.st_nlink > 1 && a.st_ino == b.st_ino &&
           a.st_dev == b.st_dev;
}

static pli_status publish_new(const char *temp, const char *path, pli_error *err) {
    int e = link(temp, path) == 0 ? 0 : errno;
    if (e == EEXIST && is_our_link(temp, path)) e = 0;
    if (e == EPERM || e == EOPNOTSUPP || e == ENOSYS) {
        /* No hard links here (FAT, some FUSE). rename moves the temporary file, so there is nothing left to unlink. */
        e = renameat2(AT_FDCWD, temp, AT_FDCWD, path, RENAME_NOREPLACE) == 0 ? 0 : errno;
        if (e == 0) return PLI_OK;
        if (e == EINVAL || e == ENOSYS)
            return pli__error_set(err, PLI_E_UNSUPPORTED,
                                  "cannot publish '%s': the file system can neither link nor rename without replacing",
                                  path);
    }
    if (e != 0) return not_published(path, e, err);
    unlink(temp); /* a leftover is harmless, and the record is published */
    return PLI_OK;
}

static pli_status publish_replace(const char *temp, const char *path, pli_error *err) {
    return rename(temp, path) == 0 ? PLI_OK : not_published(path, errno, err);
}

/* The record can be seen but may vanish with the power: unknown, not failed. */
static pli_status sync_published(const char *dir, const char *path, pli_error *err) {
    PLI_AUTO(pli__fd_auto) int fd = pli__fd_open(AT_FDCWD, dir, O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0 || pli__fd_sync(fd) < 0) return outcome_unknown(path, errno, err);
    return PLI_OK;
}

pli_status pli__fs_publish(const char *path, pli__str data, unsigned how, pli_error *err) {
    const bool durable = !(how & PLI__PUBLISH_RELAXED);
    const char *base = pli__path_base(path);
    if (!*base || strcmp(base, ".") == 0 || strcmp(base, "..") == 0)
        return pli__error_set(err, PLI_E_ARGUMENT, "'%s' is not the path of a file", path);
    PLI_AUTO(pli__free_ptr) char *dir = pli__path_dir(path);
    PLI_AUTO(pli__free_ptr) char *temp = dir ? temp_path(dir, base) : NULL;
    if (!temp) return pli__error_memory(err);
    if (write_and_close(temp, data, durable) < 0) {
        drop_temp(temp);
        return pli__error_errno(err, "could not write '%s'", path);
    }
    const pli_status status = how & PLI__PUBLISH_REPLACE ? publish_replace(temp, path, err)
                                                         : publish_new(temp, path, err);
    if (status != PLI_OK) {
        drop_temp(temp);
        return status;
    }
    return durable ? sync_published(dir, path, err) : PLI_OK;
}
