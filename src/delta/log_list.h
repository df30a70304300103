/*
 * What lies in `_delta_log`: commits and complete checkpoints by version. Only names are looked at.
 *
 *   00000000000000000007.json                                     commit 7
 *   00000000000000000007.checkpoint.parquet                       checkpoint, one file (its content may be of either form)
 *   00000000000000000007.checkpoint.0000000001.0000000003.parquet part 1 of 3
 *   00000000000000000007.checkpoint.<uuid>.json|parquet           v2 checkpoint
 *   00000000000000000004.00000000000000000006.compacted.json      commits 4 to 6 in one
 * .crc files and everything else are passed over.
 */
#ifndef PLI_DELTA_LOG_LIST_H
#define PLI_DELTA_LOG_LIST_H

#include "base/arena.h"
#include "port/store.h"

#define PLI__LOG_NAME_MAX 160 /* longest name in `_delta_log` that can matter */

/** In order of preference at one version. */
typedef enum pli__log_checkpoint_kind {
    PLI__CHECKPOINT_V2_JSON,
    PLI__CHECKPOINT_V2_PARQUET,
    PLI__CHECKPOINT_MULTI_PART,
    PLI__CHECKPOINT_CLASSIC
} pli__log_checkpoint_kind;

typedef struct pli__log_checkpoint_ref {
    int64_t version;
    pli__log_checkpoint_kind kind;
    uint32_t n_files;         /**< parts of a multi-part checkpoint, else 1 */
    const char *const *names; /**< names in `_delta_log` */
} pli__log_checkpoint_ref;

/** One file that says what the commits of a range leave. */
typedef struct pli__log_compaction {
    int64_t from, to; /**< inclusive */
} pli__log_compaction;

/** Ascending. Zero-initialise; clear with pli__log_listing_clear. */
typedef struct pli__log_listing {
    pli__arena arena;
    size_t n_commits, cap_commits;
    int64_t *commits;
    size_t n_checkpoints, cap_checkpoints;
    pli__log_checkpoint_ref *checkpoints;
    size_t n_compactions, cap_compactions;
    pli__log_compaction *compactions;
} pli__log_listing;

/** List from a version on (0 = everything). */
pli_status pli__log_list(pli__store *log, int64_t from_version, pli__log_listing *out, pli_error *err);
void pli__log_listing_clear(pli__log_listing *l);
/** Greatest version with a commit or a checkpoint, -1 if there is none. */
int64_t pli__log_listing_last(const pli__log_listing *l);
/** Are all commits from `from` to `to` (inclusive) there? If not, *missing is the first that is not. */
bool pli__log_listing_contiguous(const pli__log_listing *l, int64_t from, int64_t to, int64_t *missing);

/** "00000000000000000007.json" */
void pli__log_commit_name(int64_t version, char out[32]);
/** "00000000000000000004.00000000000000000006.compacted.json" */
void pli__log_compaction_name(pli__log_compaction c, char out[64]);
/** Version of a hint file (`_last_checkpoint`), -1 if it is absent or cannot be understood: it is only a hint. */
int64_t pli__log_hint_version(pli__store *log);

#endif
