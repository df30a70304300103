/*
 * A checkpoint folder: what a job remembers. Records and their rules: exactly-once.md, python-api.md 7.
 * Opening reads metadata.json and the names of offsets/ and commits/, nothing else; records are read when asked for.
 */
#ifndef PLI_CHECKPOINT_CHECKPOINT_H
#define PLI_CHECKPOINT_CHECKPOINT_H

#include <jansson.h>

#include "base/time.h"
#include "port/lock.h"
#include "port/store.h"

typedef struct pli__checkpoint pli__checkpoint;

typedef struct pli__checkpoint_options {
    const char *source_kind;  /**< "files" or "delta"; NULL = whatever is there (inspection) */
    bool create;              /**< create folder and metadata.json if absent */
    bool take_lock;           /**< hold .lock until closed */
    int64_t lock_timeout_us;  /**< 0 = do not wait, negative = no limit */
    pli_status (*lock_poll)(void *, pli_error *); /**< while waiting; may be NULL */
    void *lock_poll_arg;
    bool relaxed;             /**< records are not fsynced */
    bool read_only;           /**< never finish a marked truncation, never write */
    const pli__clock *clock;  /**< NULL = system */
} pli__checkpoint_options;

/** NOT_FOUND if absent and not create; LOCKED; CORRUPT_RECORD; FOREIGN_RECORD. */
pli_status pli__checkpoint_open(const char *dir, const pli__checkpoint_options *options, pli__checkpoint **out, pli_error *err);
void pli__checkpoint_close(pli__checkpoint *cp);
void pli__checkpoint_auto(pli__checkpoint **cp);

const char *pli__checkpoint_dir(const pli__checkpoint *cp);
const char *pli__checkpoint_id(const pli__checkpoint *cp);
int64_t pli__checkpoint_epoch(const pli__checkpoint *cp);
/** appId of sinks: "<id>" or "<id>-<epoch>". */
const char *pli__checkpoint_app_id(const pli__checkpoint *cp);
const pli__clock *pli__checkpoint_clock(const pli__checkpoint *cp);
pli__store *pli__checkpoint_store(pli__checkpoint *cp);
bool pli__checkpoint_relaxed(const pli__checkpoint *cp);

/** metadata.json as parsed; borrowed, changes only through _update_metadata. */
const json_t *pli__checkpoint_metadata(const pli__checkpoint *cp);
/** Set (or with value NULL remove) members and publish atomically. Reads the file again first, so other keys are kept. @param set object */
pli_status pli__checkpoint_update_metadata(pli__checkpoint *cp, const json_t *set, pli_error *err);

/** Highest ids, -1 if none; lowest ids that still exist (after cleanups). */
int64_t pli__checkpoint_last_offset(const pli__checkpoint *cp);
int64_t pli__checkpoint_last_commit(const pli__checkpoint *cp);
int64_t pli__checkpoint_first_offset(const pli__checkpoint *cp);
/** Pending batch to repeat (lowest offset above the highest commit), -1 if none. An uncommitted offset below a commit: CORRUPT_RECORD. */
pli_status pli__checkpoint_pending(pli__checkpoint *cp, int64_t *out, pli_error *err);
/** Look at the folder again (another process may have written). */
pli_status pli__checkpoint_refresh(pli__checkpoint *cp, pli_error *err);

/** Parsed record (new reference); checks id and epoch. NOT_FOUND, CORRUPT_RECORD, FOREIGN_RECORD. @param sha256 digest of the stored bytes, may be NULL */
pli_status pli__checkpoint_read_offset(pli__checkpoint *cp, int64_t n, json_t **out, char sha256[65], pli_error *err);
pli_status pli__checkpoint_read_commit(pli__checkpoint *cp, int64_t n, json_t **out, pli_error *err);
bool pli__checkpoint_has_commit(const pli__checkpoint *cp, int64_t n);
/** Publish offsets/N.json: adds id, epoch, batch_id, created_at. If another runner was first its record is read and given back
 *  in *stored (*won = false). */
pli_status pli__checkpoint_write_offset(pli__checkpoint *cp, int64_t n, const json_t *body, bool *won, json_t **stored, char sha256[65], pli_error *err);
/** Publish commits/N.json the same way: adds id, epoch, batch_id, committed_at. *won = false: another runner's commit is there (read it). */
pli_status pli__checkpoint_write_commit(pli__checkpoint *cp, int64_t n, const json_t *body, bool *won, pli_error *err);

/** staging/N.ATTEMPT.json */
pli_status pli__checkpoint_write_staged(pli__checkpoint *cp, int64_t n, const char *attempt, const json_t *body, pli_error *err);
pli_status pli__checkpoint_read_staged(pli__checkpoint *cp, int64_t n, const char *attempt, json_t **out, pli_error *err);
/** Remove staged records (and their values) of batches <= n, except attempt `keep` (may be NULL). */
pli_status pli__checkpoint_clear_staged(pli__checkpoint *cp, int64_t n, const char *keep, pli_error *err);

/** schemas/N.json: {version, batch_id, created_at, columns, reason}. Versions that no commit names may be replaced. */
pli_status pli__checkpoint_write_schema(pli__checkpoint *cp, int64_t version, const json_t *body, pli_error *err);
pli_status pli__checkpoint_read_schema(pli__checkpoint *cp, int64_t version, json_t **out, pli_error *err);
/** Schema version named by the newest commit, -1 if none. */
int64_t pli__checkpoint_schema_version(pli__checkpoint *cp);

#endif
