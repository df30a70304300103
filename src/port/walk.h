/*
 * A walk over a folder tree for the discovery of millions of files: one folder at a time, little memory (the names of
 * the subfolders still to be visited), every call relative to an open folder. Links to folders are not followed, except
 * that the root itself may be one. The order is that of the file system.
 *
 * For each folder: enter (look at its mark, decide) -> entry for every name -> leave; then its subfolders. The mark is
 * taken before the folder is listed, so whatever changes meanwhile shows as another mark next time. A folder that
 * vanishes during the walk is left out; one that cannot be read is an error.
 */
#ifndef PLI_PORT_WALK_H
#define PLI_PORT_WALK_H

#include "port/fs.h"

enum { PLI__WALK_DEPTH_MAX = 200 /**< deeper trees are LIMIT_EXCEEDED; one descriptor is open per level */ };

typedef struct pli__walk pli__walk;

/** The folder at hand; strings are borrowed until the callback returns. */
typedef struct pli__walk_dir {
    const char *path; /**< root as given, "/", rel */
    const char *rel;  /**< below the root; "" for the root */
    unsigned depth;   /**< 0 for the root */
    uint64_t device, inode;
    int64_t mtime_ns, ctime_ns;
} pli__walk_dir;

typedef enum pli__walk_verdict {
    PLI__WALK_LIST,  /**< list it */
    PLI__WALK_KNOWN, /**< do not list it: enter named its subfolders with pli__walk_descend */
    PLI__WALK_PRUNE  /**< pass it by, with all that is below */
} pli__walk_verdict;

/** What is done on the way. A status other than PLI_OK ends the walk with it. */
typedef struct pli__walk_ops {
    /** Before a folder is listed. May be NULL: everything is listed. *verdict is PLI__WALK_LIST at first. */
    pli_status (*enter)(void *arg, pli__walk *w, const pli__walk_dir *dir, pli__walk_verdict *verdict, pli_error *err);
    /** Each entry of a listed folder. Kind LINK is not resolved (pli__walk_stat does). *descend, true at first, may be
     *  set to false for folders. */
    pli_status (*entry)(void *arg, pli__walk *w, const pli__walk_dir *dir, const pli__dir_entry *entry, bool *descend,
                        pli_error *err);
    /** The folder has been listed completely; its subfolders come after this. May be NULL. */
    pli_status (*leave)(void *arg, pli__walk *w, const pli__walk_dir *dir, pli_error *err);
} pli__walk_ops;

/** Walk the tree. NOT_FOUND if root is absent or no folder. */
pli_status pli__walk_tree(const char *root, const pli__walk_ops *ops, void *arg, pli_error *err);
/** Within enter: visit this subfolder of the folder at hand (if it is still there). name is copied. */
pli_status pli__walk_descend(pli__walk *w, const char *name, pli_error *err);
/** Within entry: stat of a name in the folder at hand, links followed. Kind NONE: it is gone, or a link to nothing. */
pli_status pli__walk_stat(pli__walk *w, const char *name, pli__file_info *out, pli_error *err);

#endif
