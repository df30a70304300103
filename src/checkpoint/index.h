/*
 * The file index: which files a checkpoint knows, which wait, and how each folder looked when it was listed. A cache:
 * offsets and seen/ say the truth, index_sync.h brings it up to them, and it may be deleted at any time.
 *
 *   folder  id, path, parent, mark (device, inode, mtime, ctime; NULL = to be listed), waiting, first
 *   file    (folder, name) -> size, mtime_ns, batch, found, prev          names stand once, under their folder
 *   meta    key -> value
 *
 * `batch` is the batch that took the file (>= 0) or one of PLI__INDEX_*. `waiting` counts the folder's waiting files,
 * `first` is a lower bound of their names: the queue of a million files is read from there, not searched.
 *
 * Changes go between _begin and _commit. One process writes, others may read; SQLite's WAL keeps that apart.
 */
#ifndef PLI_CHECKPOINT_INDEX_H
#define PLI_CHECKPOINT_INDEX_H

#include "base/str.h"

typedef struct pli__index pli__index;

enum {
    PLI__INDEX_WAITING = -1, /**< found, to be read */
    PLI__INDEX_SEEN = -2,    /**< known without an offset */
    PLI__INDEX_HELD = -3     /**< found, but not to be read as it is now (too young, too old) */
};
#define PLI__INDEX_UNKNOWN INT64_MIN /**< size or mtime that nobody looked at; no previous batch */

typedef struct pli__index_file {
    pli__str name;    /**< borrowed until the next call on the index */
    int64_t folder;
    int64_t size, mtime_ns; /**< PLI__INDEX_UNKNOWN if not looked at */
    int64_t batch;
    int64_t found_ms; /**< when discovery or a record named it first */
    int64_t prev;     /**< waiting again after an overwrite: the batch that took it before; else PLI__INDEX_UNKNOWN */
} pli__index_file;

typedef struct pli__index_folder {
    int64_t id;
    pli__str path;    /**< absolute and resolved; borrowed until the next call on the index */
    int64_t parent;   /**< folder that was listed with this one in it, 0 = none */
    bool marked;
    int64_t device, inode, mtime_ns, ctime_ns;
    int64_t waiting;
    pli__str first;
} pli__index_folder;

/** Open or create. A file that is no index, is damaged or has another version is replaced. @param path NULL = in memory
 *  @param read_only do not create or change the file; NOT_FOUND if it is absent or useless */
pli_status pli__index_open(const char *path, bool read_only, pli__index **out, pli_error *err);
void pli__index_close(pli__index *x);
void pli__index_auto(pli__index **x);
/** Forget everything. */
pli_status pli__index_clear(pli__index *x, pli_error *err);

/** A write transaction; LOCKED if another process holds one for long. */
pli_status pli__index_begin(pli__index *x, pli_error *err);
pli_status pli__index_commit(pli__index *x, pli_error *err);
void pli__index_rollback(pli__index *x); /**< nothing if none is open */
bool pli__index_in_transaction(const pli__index *x);

/** Small values by name. */
pli_status pli__index_get_i64(pli__index *x, const char *key, int64_t absent, int64_t *out, pli_error *err);
pli_status pli__index_set_i64(pli__index *x, const char *key, int64_t value, pli_error *err);
/** Does the stored text equal this one? */
pli_status pli__index_text_is(pli__index *x, const char *key, pli__str text, bool *out, pli_error *err);
pli_status pli__index_set_text(pli__index *x, const char *key, pli__str text, pli_error *err);

/* ---- folders ---- */
/** id of a folder, created if absent. */
pli_status pli__index_folder_id(pli__index *x, pli__str path, int64_t *out, pli_error *err);
/** *found = false if it is not known. */
pli_status pli__index_folder_get(pli__index *x, pli__str path, bool *found, pli__index_folder *out, pli_error *err);
/** Set parent and mark (marked = false clears it). */
pli_status pli__index_folder_mark(pli__index *x, const pli__index_folder *f, pli_error *err);
/** Set count and lower bound of what waits. */
pli_status pli__index_folder_queue(pli__index *x, int64_t id, int64_t waiting, pli__str first, pli_error *err);
/** Note one more waiting name, or (delta < 0, name empty) fewer. */
pli_status pli__index_folder_waiting(pli__index *x, int64_t id, int64_t delta, pli__str name, pli_error *err);
typedef pli_status pli__index_folder_fn(void *arg, const pli__index_folder *folder, pli_error *err);
/** Folders whose parent is this one, by path. fn must not change the index. */
pli_status pli__index_subfolders(pli__index *x, int64_t parent, pli__index_folder_fn *fn, void *arg, pli_error *err);
/** Folders where something waits. fn must not change the index. */
pli_status pli__index_waiting_folders(pli__index *x, pli__index_folder_fn *fn, void *arg, pli_error *err);
/** Path of a folder, appended to out. */
pli_status pli__index_folder_path(pli__index *x, int64_t id, pli__buf *out, pli_error *err);
/** Every mark is forgotten: the next discovery lists everything. */
pli_status pli__index_forget_marks(pli__index *x, pli_error *err);
/** Waiting and held files are forgotten, known ones stay; marks are forgotten. */
pli_status pli__index_forget_queue(pli__index *x, pli_error *err);

/* ---- files ---- */
typedef pli_status pli__index_file_fn(void *arg, const pli__index_file *file, pli_error *err);
/** *found = false if the name is not there. */
pli_status pli__index_file_get(pli__index *x, int64_t folder, pli__str name, bool *found, pli__index_file *out,
                               pli_error *err);
/** Insert or replace. Queue counts of the folder are the caller's. */
pli_status pli__index_file_put(pli__index *x, const pli__index_file *f, pli_error *err);
/** A batch takes a file, whatever state it is in. *was_waiting tells the caller's count. */
pli_status pli__index_file_take(pli__index *x, const pli__index_file *f, bool *was_waiting, pli_error *err);
pli_status pli__index_file_remove(pli__index *x, int64_t folder, pli__str name, pli_error *err);
/** Files of a folder in order of name, from a name on. fn must not change this folder. */
pli_status pli__index_files(pli__index *x, int64_t folder, pli__str from, pli__index_file_fn *fn, void *arg,
                            pli_error *err);
/** The names of all of them, in order; the other members are not filled in. */
pli_status pli__index_names(pli__index *x, int64_t folder, pli__index_file_fn *fn, void *arg, pli_error *err);
/** Waiting ones of them only, at most `limit`. */
pli_status pli__index_waiting(pli__index *x, int64_t folder, pli__str from, int64_t limit, pli__index_file_fn *fn,
                              void *arg, pli_error *err);
/** Waiting files of all folders, oldest (or newest) first, those of one time by folder path and name within the folder. */
pli_status pli__index_waiting_by_time(pli__index *x, bool newest_first, pli__index_file_fn *fn, void *arg,
                                      pli_error *err);
/** Held files, youngest first, at most `limit`. */
pli_status pli__index_held(pli__index *x, int64_t limit, pli__index_file_fn *fn, void *arg, pli_error *err);
/** Is the name known (taken or seen) in any folder? The first call builds an index by name. */
pli_status pli__index_name_known(pli__index *x, pli__str name, bool *out, pli_error *err);
/** Files of a batch, or (batch < 0) of one of the states, by folder path and name: fn gets the folder's path. */
typedef pli_status pli__index_path_fn(void *arg, pli__str folder, const pli__index_file *file, pli_error *err);
pli_status pli__index_files_of(pli__index *x, int64_t batch, pli__index_path_fn *fn, void *arg, pli_error *err);
/** Newest mtime of any file, INT64_MIN if there is none. */
pli_status pli__index_newest(pli__index *x, int64_t *out, pli_error *err);
/** Number of files in a state, or (batch = 0) taken by any batch. */
pli_status pli__index_count(pli__index *x, int64_t batch, int64_t *out, pli_error *err);

#endif
