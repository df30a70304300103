/* The inside of a table handle, shared by the files of this folder that read. */
#ifndef PLI_DELTA_TABLE_H
#define PLI_DELTA_TABLE_H

#include "base/map.h"
#include "delta/log_list.h"
#include "delta/snapshot.h"

#define PLI__COMMIT_MAX ((size_t)1 << 30) /* bytes of one commit file */

/** Times of commits, filled on demand (delta/history.c). */
typedef struct pli__commit_times {
    int64_t first;  /**< version of ms[0] */
    size_t n, cap;
    int64_t *ms;    /**< modification times, made strictly increasing */
} pli__commit_times;

struct pli__delta {
    int refs;
    pli_env *env;
    char *root;
    pli__store *log;
    int64_t known_version;  /**< newest version seen, -1 = none yet */
    pli__engine *reader;    /**< own connection for checkpoints, opened on first use */
    pli__commit_times times;
    pli__buf scratch;       /**< text of the commit being read */
    bool commit_unknown;    /**< nobody knows whether the newest commit took effect: its files must stay */
    bool keeps_latest;      /**< delta/latest.h */
    pli__snapshot *latest;  /**< NULL = none is kept */
    pli__file_info latest_commit; /**< its commit file */
    pli__map *unusable; /**< names of checkpoints and compacted files that broke while they were read; NULL = none */
};

pli__delta *pli__delta_ref(pli__delta *t);
/** A connection of its own to the environment's engine, so that reading a checkpoint does not disturb a running query. */
pli_status pli__delta_reader(pli__delta *t, pli__engine **out, pli_error *err);

/** A checkpoint or compacted file broke while it was read: say so in the log, and pass it over from now on. */
pli_status pli__delta_pass_over(pli__delta *t, const char *name, const char *why, pli_error *err);
/** As pli__log_list, without what is passed over. */
pli_status pli__delta_list(pli__delta *t, int64_t from_version, pli__log_listing *out, pli_error *err);

#endif
