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
    bool
        read_only; /**< never finish a marked truncation (its end is assumed), never write to disk: updates of metadata stay in
                                   memory, records are refused. With `create` an absent checkpoint looks like an empty one */
    const pli__clock *clock; /**< NULL = system */
} pli__checkpoint_options;

#define PLI__CHECKPOINT_FORMAT 1 /* metadata.json format_version */
#define PLI__CHECKPOINT_MAX_RECORD ((size_t)512 << 20) /* bytes of one record */

/** NOT_FOUND if absent and not create; LOCKED; CORRUPT_RECORD; FOREIGN_RECORD (records of an id but no metadata.json: a lost one never
 *  gets a new identity); UNSUPPORTED_FEATURE for a higher format; INVALID_ARGUMENT for another kind of source. Holes are not an
 *  error of opening (maintenance must be able to look), but of pli__checkpoint_check and all that plans or writes. */
pli_status pli__checkpoint_open(const char *dir, const pli__checkpoint_options *options, pli__checkpoint **out,
                                pli_error *err);
void pli__checkpoint_close(pli__checkpoint *cp);
void pli__checkpoint_auto(pli__checkpoint **cp);

/** Absolute. */
const char *pli__checkpoint_dir(const pli__checkpoint *cp);
bool pli__checkpoint_read_only(const pli__checkpoint *cp);
/** Records with ids up to this one were cleaned away; -1 = none. What they named is in seen/. */
int64_t pli__checkpoint_cleaned_through(const pli__checkpoint *cp);
/** Damage that the names alone show: a hole among offsets, a commit without offset, an offset without commit below a commit,
 *  cleaned records that seen/ does not cover. CORRUPT_RECORD that names the record. */
pli_status pli__checkpoint_check(pli__checkpoint *cp, pli_error *err);
/** Ids that exist, ascending, those cleaned away left out. Borrowed until the next write or refresh. */
const int64_t *pli__checkpoint_offset_ids(const pli__checkpoint *cp, size_t *n);
const int64_t *pli__checkpoint_commit_ids(const pli__checkpoint *cp, size_t *n);
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
/** What was published in or removed from "offsets", "commits" is so after a power failure too. */
pli_status pli__checkpoint_sync_folder(pli__checkpoint *cp, const char *folder, pli_error *err);
/** Pending batch to repeat (lowest offset above the highest commit), -1 if none. Checks (pli__checkpoint_check) first. */
pli_status pli__checkpoint_pending(pli__checkpoint *cp, int64_t *out, pli_error *err);
/** Look at the folder again (another process may have written). */
pli_status pli__checkpoint_refresh(pli__checkpoint *cp, pli_error *err);

/** Parsed record (new reference); checks id and epoch. NOT_FOUND, CORRUPT_RECORD, FOREIGN_RECORD. @param sha256 digest of the stored bytes, may be NULL */
pli_status pli__checkpoint_read_offset(pli__checkpoint *cp, int64_t n, json_t **out, char sha256[65], pli_error *err);
pli_status pli__checkpoint_read_commit(pli__checkpoint *cp, int64_t n, json_t **out, pli_error *err);
bool pli__checkpoint_has_commit(const pli__checkpoint *cp, int64_t n);
/** Publish offsets/N.json: adds id, epoch, batch_id, created_at. If another runner was first its record is read and given back
 *  in *stored (*won = false). */
pli_status pli__checkpoint_write_offset(pli__checkpoint *cp, int64_t n, const json_t *body, bool *won, json_t **stored,
                                        char sha256[65], pli_error *err);
/** Publish commits/N.json the same way: adds id, epoch, batch_id, committed_at. *won = false: another runner's commit is there (read it). */
pli_status pli__checkpoint_write_commit(pli__checkpoint *cp, int64_t n, const json_t *body, bool *won, pli_error *err);

/** staging/N.ATTEMPT.json */
pli_status pli__checkpoint_write_staged(pli__checkpoint *cp, int64_t n, const char *attempt, const json_t *body,
                                        pli_error *err);
pli_status pli__checkpoint_read_staged(pli__checkpoint *cp, int64_t n, const char *attempt, json_t **out,
                                       pli_error *err);
/** Remove staged records and values of batches <= n, except attempt `keep` (may be NULL). Only after commits/N.json: an attempt
 *  that looks abandoned may be another runner's, about to be named by the sink. */
pli_status pli__checkpoint_clear_staged(pli__checkpoint *cp, int64_t n, const char *keep, pli_error *err);

/** Is anything of batches <= n still staged? Then the tidying after the newest commit was not finished. */
pli_status pli__checkpoint_has_staged(pli__checkpoint *cp, int64_t n, bool *out, pli_error *err);
/** Remove one attempt's record and values. */
pli_status pli__checkpoint_drop_staged(pli__checkpoint *cp, int64_t n, const char *attempt, pli_error *err);

/** schemas/N.json: {version, batch_id, created_at, columns, reason}. Versions that no commit names may be replaced. */
pli_status pli__checkpoint_write_schema(pli__checkpoint *cp, int64_t version, const json_t *body, pli_error *err);
pli_status pli__checkpoint_read_schema(pli__checkpoint *cp, int64_t version, json_t **out, pli_error *err);
/** Schema version named by the newest commit or adopted since, -1 if none or if the schema was reset since. */
pli_status pli__checkpoint_schema_version(pli__checkpoint *cp, int64_t *out, pli_error *err);
/** Between two batches: a version that is current until a later commit names one. @param set further members of metadata.json to
 *  set or (with null) to remove in the same replacement; may be NULL */
pli_status pli__checkpoint_adopt_schema(pli__checkpoint *cp, int64_t version, const json_t *set, pli_error *err);
/** Version for a schema that differs from it: one more than the newest commit names or was adopted since, also after a reset. */
pli_status pli__checkpoint_next_schema_version(pli__checkpoint *cp, int64_t *out, pli_error *err);
/** Forget and return (new reference, NULL if absent) a member of metadata.json. */
pli_status pli__checkpoint_drop_metadata(pli__checkpoint *cp, const char *key, json_t **old, pli_error *err);

#endif
