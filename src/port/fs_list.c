/* Folders as a whole: listing, removal of a tree, and what file system they lie on. */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "port/dirs.h"
#include "port/fd.h"

pli_status pli__fs_list(const char *dir, pli__dir_fn *fn, void *arg, pli_error *err) {
    PLI_AUTO(pli__dir_close) DIR *d = pli__dir_open(AT_FDCWD, dir, 0);
    if (!d) return pli__error_errno(err, "could not list '%s'", dir);
    struct dirent *e;
    while ((e = pli__dir_next(d))) {
        const pli__dir_entry entry = {e->d_name, pli__dir_kind(dirfd(d), e)};
        PLI_TRY(fn(arg, &entry, err));
    }
    return errno ? pli__error_errno(err, "could not list '%s'", dir) : PLI_OK;
}

enum { REMOVE_DEPTH_MAX = 256 };

static pli_status remove_children(int parent, const char *name, const char *path, unsigned depth, pli_error *err);

static pli_status remove_entry(int dir, const struct dirent *e, const char *path, unsigned depth, pli_error *err) {
    if (pli__dir_kind(dir, e) == PLI__FILE_DIR) {
        PLI_TRY(remove_children(dir, e->d_name, path, depth + 1, err));
        if (unlinkat(dir, e->d_name, AT_REMOVEDIR) == 0 || errno == ENOENT) return PLI_OK;
    } else if (unlinkat(dir, e->d_name, 0) == 0 || errno == ENOENT) {
        return PLI_OK;
    }
    return pli__error_errno(err, "could not delete '%s' below '%s'", e->d_name, path);
}

/* Opens with O_NOFOLLOW, relative to the parent: a folder that is swapped for a link meanwhile is not entered. */
static pli_status remove_children(int parent, const char *name, const char *path, unsigned depth, pli_error *err) {
    if (depth > REMOVE_DEPTH_MAX)
        return pli__error_set(err, PLI_E_LIMIT, "'%s' holds folders nested more than %d deep", path, REMOVE_DEPTH_MAX);
    PLI_AUTO(pli__dir_close) DIR *d = pli__dir_open(parent, name, O_NOFOLLOW);
    if (!d) return errno == ENOENT ? PLI_OK : pli__error_errno(err, "could not open '%s' below '%s'", name, path);
    struct dirent *e;
    while ((e = pli__dir_next(d))) PLI_TRY(remove_entry(dirfd(d), e, path, depth, err));
    return errno ? pli__error_errno(err, "could not list '%s' below '%s'", name, path) : PLI_OK;
}

pli_status pli__fs_remove_tree(const char *path, pli_error *err) {
    pli__file_info info;
    PLI_TRY(pli__fs_lstat(path, &info, err));
    if (info.kind == PLI__FILE_NONE) return PLI_OK;
    if (info.kind != PLI__FILE_DIR) return pli__fs_unlink(path, true, err);
    PLI_TRY(remove_children(AT_FDCWD, path, path, 0, err));
    return pli__fs_rmdir(path, true, err);
}

pli_status pli__fs_free_space(const char *path, int64_t *bytes, pli_error *err) {
    struct statvfs v;
    if (statvfs(path, &v) < 0) return pli__error_errno(err, "could not read the free space of '%s'", path);
    *bytes = (int64_t)((uint64_t)v.f_bavail * v.f_frsize);
    return PLI_OK;
}

static bool is_network_magic(uint32_t magic) {
    static const uint32_t magics[] = {
        0x00006969, /* NFS */
        0x0000517B, /* SMB */
        0xFF534D42, /* CIFS */
        0xFE534D42, /* SMB2 */
        0x65735546, /* FUSE, virtiofs: anything may be behind it */
        0x01021997, /* 9P */
        0x00C36400, /* Ceph */
        0x5346414F, /* AFS */
        0x6B414653, /* kAFS */
        0x73757245, /* Coda */
        0x0BD00BD0, /* Lustre */
        0x01161970, /* GFS2 */
        0x7461636F, /* OCFS2 */
        0x47504653, /* GPFS */
        0x19830326, /* BeeGFS */
        0x786F4256, /* VirtualBox shared folders */
        0xBACBACBC, /* VMware shared folders */
    };
    for (size_t i = 0; i < sizeof magics / sizeof magics[0]; i++)
        if (magics[i] == magic) return true;
    return false;
}

bool pli__fs_is_network(const char *path) {
    struct statfs fs;
    PLI_AUTO(pli__free_ptr) char *at = pli__strz_dup(path);
    /* A path that does not exist yet will lie where its nearest parent does. */
    while (at && statfs(at, &fs) < 0) {
        if (errno == EINTR) continue;
        if ((errno != ENOENT && errno != ENOTDIR) || strcmp(at, "/") == 0 || strcmp(at, ".") == 0) return false;
        char *parent = pli__path_dir(at);
        free(at);
        at = parent;
    }
    return at && is_network_magic((uint32_t)fs.f_type);
}
