/* See iorecord.h. As in iofault.c all calls are raw system calls. */
#include "iorecord.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static int log_fd = -1;

void iorecord_start(const char *log) {
    log_fd = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
}

typedef struct {
    const char *call, *path, *to;
    ino_t inode;
    off_t at;
} record;

/* One call of writev on a file that is appended to: records of threads and processes do not mix. */
static void put(const record *r, void *data, size_t len) {
    char line[2 * PATH_MAX + 100];
    const int n = snprintf(line, sizeof line, "%s\t%llu\t%lld\t%zu\t%s\t%s\n", r->call, (unsigned long long)r->inode,
                           (long long)r->at, len, r->path, r->to ? r->to : "");
    struct iovec parts[] = {{line, (size_t)n}, {data, len}};
    if (syscall(SYS_writev, log_fd, parts, 2) != (long)((size_t)n + len)) abort();
}

void iorecord_fd(const char *call, int fd, const char *path, off_t at) {
    struct stat st;
    const int saved = errno;
    if (log_fd >= 0 && fstat(fd, &st) == 0) put(&(record){call, path, NULL, st.st_ino, at}, NULL, 0);
    errno = saved;
}

/* Opened anew, because fd may be for writing only; through /proc also a file that has no name any more. */
static void *read_back(int fd, off_t at, size_t len) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    const int in = (int)syscall(SYS_openat, AT_FDCWD, link, O_RDONLY | O_CLOEXEC);
    char *data = malloc(len);
    for (size_t got = 0; data && got < len;) {
        const long n = syscall(SYS_pread64, in, data + got, len - got, at + (off_t)got);
        if (n <= 0) abort();
        got += (size_t)n;
    }
    syscall(SYS_close, in);
    return data;
}

void iorecord_write(int fd, const char *path, off_t at, size_t len) {
    struct stat st;
    const int saved = errno;
    if (log_fd >= 0 && len > 0 && fstat(fd, &st) == 0) {
        if (at < 0) at = (off_t)syscall(SYS_lseek, fd, 0, SEEK_CUR) - (off_t)len;
        void *data = read_back(fd, at, len);
        if (!data) abort();
        put(&(record){"write", path, NULL, st.st_ino, at}, data, len);
        free(data);
    }
    errno = saved;
}

void iorecord_names(const char *call, const char *path, const char *to) {
    struct stat st = {0};
    const int saved = errno;
    if (log_fd >= 0) {
        (void)lstat(to ? to : path, &st);
        put(&(record){call, path, to, st.st_ino, 0}, NULL, 0);
    }
    errno = saved;
}
