/* Reading folders entry by entry. */
#include "port/dirs.h"

#include <errno.h>
#include <sys/stat.h>

#include "port/fd.h"

DIR *pli__dir_open(int parent, const char *name, int flags) {
    int fd = pli__fd_open(parent, name, O_RDONLY | O_DIRECTORY | flags, 0);
    if (fd < 0) return NULL;
    DIR *d = fdopendir(fd);
    if (!d) pli__fd_auto(&fd);
    return d;
}

static bool is_dots(const char *name) { return name[0] == '.' && (name[1] == 0 || (name[1] == '.' && name[2] == 0)); }

struct dirent *pli__dir_next(DIR *d) {
    struct dirent *e;
    do {
        errno = 0;
        e = readdir(d);
    } while (e && is_dots(e->d_name));
    return e;
}

pli__file_kind pli__dir_kind(int dir, const struct dirent *e) {
    struct stat st;
    switch (e->d_type) {
        case DT_REG: return PLI__FILE_REGULAR;
        case DT_DIR: return PLI__FILE_DIR;
        case DT_LNK: return PLI__FILE_LINK;
        case DT_UNKNOWN:
            return fstatat(dir, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 ? pli__fd_kind(st.st_mode) : PLI__FILE_NONE;
        default: return PLI__FILE_OTHER;
    }
}

void pli__dir_close(DIR **d) {
    const int saved = errno;
    if (*d) closedir(*d);
    *d = NULL;
    errno = saved;
}
