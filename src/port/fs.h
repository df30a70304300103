/*
 * Files and folders: the only place with POSIX calls. Every mutating call goes through this file, so that fault tests
 * can interpose. Paths are UTF-8, NUL-terminated; relative paths are relative to the process's working folder.
 *
 * "Durable" publication: write to a temporary name beginning with '.', fsync, link()/rename(), fsync the folder.
 */
#ifndef PLI_PORT_FS_H
#define PLI_PORT_FS_H

#include "base/str.h"

typedef enum { PLI__FILE_NONE, PLI__FILE_REGULAR, PLI__FILE_DIR, PLI__FILE_LINK, PLI__FILE_OTHER } pli__file_kind;

typedef struct pli__file_info {
    pli__file_kind kind; /**< PLI__FILE_NONE: does not exist */
    int64_t size;
    int64_t mtime_ns;
    int64_t ctime_ns;
    uint64_t device, inode;
} pli__file_info;

/** stat (follows links). A missing file is PLI_OK with kind NONE. */
pli_status pli__fs_stat(const char *path, pli__file_info *out, pli_error *err);
/** lstat. */
pli_status pli__fs_lstat(const char *path, pli__file_info *out, pli_error *err);
/** Read a whole file, appended to out. NOT_FOUND if absent, LIMIT_EXCEEDED above max bytes. */
pli_status pli__fs_read(const char *path, size_t max, pli__buf *out, pli_error *err);
/** Read up to len bytes from offset (negative: from the end). *got may be smaller at the end of the file. */
pli_status pli__fs_read_at(const char *path, int64_t offset, size_t len, pli__buf *out, pli_error *err);
/** A file that stays open, for many reads. */
typedef struct pli__fs_reader pli__fs_reader;
pli_status pli__fs_reader_open(const char *path, pli__fs_reader **out, pli_error *err); /**< NOT_FOUND */
/** Up to cap bytes from offset; *got is less only at the end of the file. */
pli_status pli__fs_reader_read(pli__fs_reader *r, int64_t offset, char *to, size_t cap, size_t *got, pli_error *err);
void pli__fs_reader_close(pli__fs_reader *r); /**< NULL is allowed */
pli_status pli__fs_mkdirs(const char *path,
                          pli_error *err); /**< like mkdir -p; syncs the parents of folders it makes */
pli_status pli__fs_unlink(const char *path, bool missing_ok, pli_error *err);
pli_status pli__fs_rmdir(const char *path, bool missing_ok, pli_error *err);
pli_status pli__fs_remove_tree(const char *path, pli_error *err); /**< never follows links */
pli_status pli__fs_rename(const char *from, const char *to, pli_error *err);
pli_status pli__fs_rename_noreplace(const char *from, const char *to, pli_error *err); /**< ALREADY_EXISTS */
/** Copy a file, or a symbolic link as it is, to any file system: complete, durable and with its times, or not there. Replaces
 *  what is at `to`. */
pli_status pli__fs_copy(const char *from, const char *to, pli_error *err);
/** Modification time becomes now. NOT_FOUND if absent. */
pli_status pli__fs_touch(const char *path, pli_error *err);
/** Append to a file, made for the owner alone if absent; neither atomic nor durable: for scratch files. */
pli_status pli__fs_append(const char *path, pli__str data, pli_error *err);
pli_status pli__fs_sync_file(const char *path, pli_error *err);
pli_status pli__fs_sync_dir(const char *path, pli_error *err);

/** How a file is published. */
enum {
    PLI__PUBLISH_NEW = 0, /**< only if absent: ALREADY_EXISTS (flag CONFLICT) otherwise */
    PLI__PUBLISH_REPLACE = 1, /**< atomically over whatever is there */
    PLI__PUBLISH_RELAXED = 2 /**< order of records kept for a process kill, no fsync */
};
/** Publish data under path as described above. OUTCOME_UNKNOWN if the answer of the last step was lost (the caller
 *  reads what is there and compares). Leaves no temporary file behind on failure, except after a kill. */
pli_status pli__fs_publish(const char *path, pli__str data, unsigned how, pli_error *err);

/** Absolute path with symlinks resolved, malloc'ed. The file must exist. */
pli_status pli__fs_real_path(const char *path, char **out, pli_error *err);
/** Absolute, lexically cleaned ('.', '..', '//'), existing prefix resolved through symlinks; need not exist. */
pli_status pli__fs_abs_path(const char *path, char **out, pli_error *err);
/** a + "/" + b, malloc'ed; b alone if it is absolute. NULL when memory is out. */
char *pli__path_join(const char *a, const char *b);
/** Part behind the last '/'. Borrowed. */
const char *pli__path_base(const char *path);
/** Everything before the last '/', malloc'ed ("." if there is none). */
char *pli__path_dir(const char *path);
/** True if path is dir or lies below it (both absolute and clean). */
bool pli__path_inside(const char *path, const char *dir);

/** One entry of a folder. */
typedef struct pli__dir_entry {
    const char *name; /**< borrowed until the callback returns */
    pli__file_kind kind; /**< of the entry itself (LINK is not followed); NONE if the file system does not tell */
} pli__dir_entry;
/** Call fn for every entry but . and .. in the order of the file system; stop when fn returns not PLI_OK. NOT_FOUND if absent. */
typedef pli_status pli__dir_fn(void *arg, const pli__dir_entry *entry, pli_error *err);
pli_status pli__fs_list(const char *dir, pli__dir_fn *fn, void *arg, pli_error *err);

/** Free bytes on the file system of path. */
pli_status pli__fs_free_space(const char *path, int64_t *bytes, pli_error *err);
/** Magic of the file system is a network one (NFS, CIFS, FUSE ...): no folder marks, no local SQLite there. */
bool pli__fs_is_network(const char *path);

#endif
