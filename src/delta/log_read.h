/* Reading commits: the lines of a commit file as actions. */
#ifndef PLI_DELTA_LOG_READ_H
#define PLI_DELTA_LOG_READ_H

#include "delta/snapshot.h"

/** Kinds of actions to parse; the others are passed over by their first bytes. */
enum {
    PLI__READ_FILES = 1, /**< add, remove */
    PLI__READ_CDC = 2,
    PLI__READ_STATE = 4, /**< protocol, metaData, txn, domainMetadata, sidecar */
    PLI__READ_INFO = 8,  /**< commitInfo */
    PLI__READ_OTHER = 16,
    PLI__READ_ALL = 31
};
typedef struct pli__read_what {
    unsigned kinds;  /**< PLI__READ_* */
    unsigned fields; /**< PLI__FILES_* of add and remove */
} pli__read_what;

/** Actions of a commit that is in memory. @param name names it in errors. CORRUPT_RECORD with the line for what is no
 *  action, for two protocols or two metadata. Slices live until fn returns. */
pli_status pli__actions_read(pli__str text, const char *name, pli__read_what what, pli__action_fn *fn, void *arg,
                             pli_error *err);
/** Actions of a commit of the table, as asked for. Errors name the file. NOT_FOUND if there is no such commit. */
pli_status pli__log_read(pli__delta *t, int64_t version, pli__read_what what, pli__action_fn *fn, void *arg,
                         pli_error *err);
/** In-commit timestamp (ms) in the raw JSON of a commitInfo, -1 if it has none. */
int64_t pli__commit_info_ict(pli__str raw);

#endif
