#include "port/memory_file.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "port/fd.h"

/* The descriptor may have been closed by others, and its number may now be another file's. */
static bool is_there(const pli__memory_file *f) {
    struct stat s;
    return f->fd >= 0 && fstat(f->fd, &s) == 0 && (uint64_t)s.st_dev == f->device && (uint64_t)s.st_ino == f->inode;
}

static bool make(pli__memory_file *f, const void *bytes, size_t n) {
    struct stat s;
    PLI_AUTO(pli__fd_auto) int fd = memfd_create("pli", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0 || write(fd, bytes, n) != (ssize_t)n || fstat(fd, &s) != 0 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW) != 0)
        return false;
    *f = (pli__memory_file){.fd = fd, .device = (uint64_t)s.st_dev, .inode = (uint64_t)s.st_ino};
    fd = -1;
    return true;
}

const char *pli__memory_file_path(pli__memory_file *f, const void *bytes, size_t n, char path[PLI__MEMORY_FILE_PATH]) {
    if (!is_there(f) && !make(f, bytes, n)) return NULL;
    snprintf(path, PLI__MEMORY_FILE_PATH, "/proc/self/fd/%d", f->fd);
    return access(path, R_OK) == 0 ? path : NULL;
}
