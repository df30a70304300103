/* The system calls on file descriptors that every other file of this folder shares. */
#include "port/fd.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

int pli__fd_open(int dir, const char *path, int flags, unsigned mode) {
    int fd;
    do fd = openat(dir, path, flags | O_CLOEXEC, (mode_t)mode);
    while (fd < 0 && errno == EINTR);
    return fd;
}

int pli__fd_write_all(int fd, const char *data, size_t len) {
    while (len > 0) {
        const ssize_t n = write(fd, data, len);
        if (n < 0 && errno == EINTR) continue;
        if (n == 0) errno = ENOSPC;
        if (n <= 0) return -1;
        data += n;
        len -= (size_t)n;
    }
    return 0;
}

int pli__fd_sync(int fd) {
    int rc;
    do rc = fsync(fd);
    while (rc < 0 && errno == EINTR); /* an interrupted one has not been carried out, unlike a failed one */
    return rc;
}

int pli__fd_close(int fd) {
    const int rc = close(fd);
    return rc < 0 && errno == EINTR ? 0 : rc;
}

void pli__fd_auto(int *fd) {
    const int saved = errno;
    if (*fd >= 0) close(*fd);
    *fd = -1;
    errno = saved;
}

pli__file_kind pli__fd_kind(unsigned mode) {
    if (S_ISREG(mode)) return PLI__FILE_REGULAR;
    if (S_ISDIR(mode)) return PLI__FILE_DIR;
    if (S_ISLNK(mode)) return PLI__FILE_LINK;
    return PLI__FILE_OTHER;
}

static int64_t ns_of(struct timespec t) { return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec; }

void pli__fd_fill_info(const struct stat *st, pli__file_info *out) {
    *out = (pli__file_info){.kind = pli__fd_kind(st->st_mode),
                            .size = st->st_size,
                            .mtime_ns = ns_of(st->st_mtim),
                            .ctime_ns = ns_of(st->st_ctim),
                            .device = st->st_dev,
                            .inode = st->st_ino};
}
