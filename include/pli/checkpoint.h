/*
 * Checkpoints by themselves: look at one, prove it against its sink, clean it up, cut it back; and the records of one, for
 * programs that plan and commit on their own (the Python package's checkpoint classes).
 *
 * Every function that changes something takes the checkpoint's lock (LOCKED when a run holds it), has a dry run that
 * returns what would happen, and may be killed at any time: the next open of any kind finishes or forgets it. None of
 * them creates anything in a folder that does not exist.
 */
#ifndef PLI_CHECKPOINT_H
#define PLI_CHECKPOINT_H

#include "pli/env.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Zero-initialise and set `size`; zero members mean the default. */
typedef struct pli_maintenance_options {
    size_t size;
    bool dry_run;             /**< change nothing, say what would happen */
    bool no_lock;             /**< take no lock (the caller holds it, or locking is switched off) */
    int64_t lock_timeout_us;  /**< 0 = do not wait, negative = no limit */
} pli_maintenance_options;

/** What a cleanup or truncation removed, or would remove. Set `size`. */
typedef struct pli_maintenance_counts {
    size_t size;
    int64_t removed_offsets, removed_commits, kept_offsets, kept_commits;
} pli_maintenance_counts;

/** One row: {"checkpoint", "id", "epoch", "formatVersion", "source", "createdAt", "offsets", "commits", "firstOffset", "latestOffset",
 *  "latestCommit", "pending", "cleanedThrough", "startOffset", "schema", "sink", "staged", "damage"}: counts and highest ids (null if
 *  none), `pending` = number of offsets without commit. Only names are looked at; records may hold anything. A folder that does
 *  not exist has none of all. */
PLI_API pli_status pli_checkpoint_show(const char *dir, pli_row_fn *fn, void *arg, pli_error *err);

/** Prove from records and the sink's log that every planned input landed exactly once. Rows: findings {"kind", "batchId",
 *  "version", "message"} and last a summary {"kind": "summary", "batches", "files", "rows", "checkedCommits", "findings"}.
 *  @param sink path of the Delta table; NULL = the one that the checkpoint is pinned to @param findings their number; PLI_OK also when
 *  there are some */
PLI_API pli_status pli_checkpoint_verify(pli_env *env, const char *dir, const char *sink, pli_row_fn *fn, void *arg,
                                         int64_t *findings, pli_error *err);

/** Remove the records of the oldest batches. What they read stays known (seen/). A batch goes when it is outside the newest
 *  keep_last ids (if > 0) and both its records are older than older_than_us (if >= 0), and all before it went; the newest
 *  commit and everything behind it always stay. Without a condition nothing goes.
 *  @param keep_last 0 = not a condition, negative: INVALID_ARGUMENT @param older_than_us negative = not a condition */
PLI_API pli_status pli_checkpoint_cleanup(const char *dir, int64_t keep_last, int64_t older_than_us,
                                          const pli_maintenance_options *options, pli_maintenance_counts *out,
                                          pli_error *err);
/** Remove the records of all batches behind keep_through (-1 = all): their inputs are planned again, with the next ids and under a
 *  new transaction id. Rows that they wrote stay in the sink; schema copy and state are not rolled back.
 *  INVALID_ARGUMENT below what a cleanup has removed. */
PLI_API pli_status pli_checkpoint_truncate(const char *dir, int64_t keep_through,
                                           const pli_maintenance_options *options, pli_maintenance_counts *out,
                                           pli_error *err);
/** Forget the start position: the next plan decides anew for what was not processed yet. @param old its JSON, malloc'ed (pli_free);
 *  NULL if there was none; may be NULL */
PLI_API pli_status pli_checkpoint_reset_start(const char *dir, const pli_maintenance_options *options, char **old,
                                              pli_error *err);
/** Forget the effective schema: the next batch's becomes the schema. @param old JSON of the stored copy, as above */
PLI_API pli_status pli_checkpoint_reset_schema(const char *dir, const pli_maintenance_options *options, char **old,
                                               pli_error *err);
/** Delete the file index; the next plan makes it anew from the records. */
PLI_API pli_status pli_checkpoint_rebuild_index(const char *dir, const pli_maintenance_options *options,
                                                pli_error *err);
/** After a look: take the sink as it is now, ahead or behind. A pending batch that the sink holds with our digest is committed as
 *  the sink shows it; otherwise further batches are written under a new transaction id. One row: {"action": "none"|"commit"|
 *  "new_epoch", "batchId", "sinkVersion", "epoch"}. @param sink as for verify */
PLI_API pli_status pli_checkpoint_accept(pli_env *env, const char *dir, const char *sink,
                                         const pli_maintenance_options *options, pli_row_fn *fn, void *arg,
                                         pli_error *err);
/** Write to another sink from now on (or to one that was made anew): pins it, new transaction id. A sink that does not exist yet is
 *  allowed. The same row. */
PLI_API pli_status pli_checkpoint_rebind(pli_env *env, const char *dir, const char *sink,
                                         const pli_maintenance_options *options, pli_row_fn *fn, void *arg,
                                         pli_error *err);

/* ---- records ---- */

/** An open checkpoint: no lock unless asked, no sink, no source. One thread. */
typedef struct pli_checkpoint pli_checkpoint;

typedef struct pli_checkpoint_options {
    size_t size;
    const char *source;  /**< "files" or "delta"; NULL = whatever is there */
    bool create;         /**< create folder and metadata.json if absent */
    bool lock;
    int64_t lock_timeout_us;
    bool read_only;      /**< write nothing; with create an absent one looks empty */
} pli_checkpoint_options;

typedef enum pli_record { PLI_RECORD_OFFSET, PLI_RECORD_COMMIT } pli_record;

/** @param env its clock is used; NULL = the system's @param out free with pli_checkpoint_close */
PLI_API pli_status pli_checkpoint_open(pli_env *env, const char *dir, const pli_checkpoint_options *options,
                                       pli_checkpoint **out, pli_error *err);
PLI_API void pli_checkpoint_close(pli_checkpoint *cp); /**< NULL is allowed */
/** Id, and the application id of transactions. Borrowed. */
PLI_API const char *pli_checkpoint_id(const pli_checkpoint *cp);
PLI_API const char *pli_checkpoint_app_id(const pli_checkpoint *cp);
/** Look at the folder again. */
PLI_API pli_status pli_checkpoint_refresh(pli_checkpoint *cp, pli_error *err);
/** Ids of the records of a kind, ascending; borrowed until the next call that writes or refreshes. */
PLI_API const int64_t *pli_checkpoint_ids(const pli_checkpoint *cp, pli_record kind, size_t *n);
/** Batch to repeat, -1 = none. CORRUPT_RECORD for holes. */
PLI_API pli_status pli_checkpoint_pending(pli_checkpoint *cp, int64_t *out, pli_error *err);
/** A record as JSON text, malloc'ed (pli_free). NOT_FOUND, CORRUPT_RECORD, FOREIGN_RECORD. */
PLI_API pli_status pli_checkpoint_read(pli_checkpoint *cp, pli_record kind, int64_t n, char **json, pli_error *err);
/** Version N of the effective schema, schemas/N.json: the one that the newest commit names, or that a promotion has made since;
 *  -1 = none. */
PLI_API pli_status pli_checkpoint_schema_version(pli_checkpoint *cp, int64_t *out, pli_error *err);
/** Publish a record if there is none of that id. @param json object; id, epoch, batch_id and time are added
 *  @param won false: another one is there and stays; may be NULL */
PLI_API pli_status pli_checkpoint_write(pli_checkpoint *cp, pli_record kind, int64_t n, const char *json, bool *won,
                                        pli_error *err);
/** metadata.json as JSON text, malloc'ed. */
PLI_API pli_status pli_checkpoint_metadata(pli_checkpoint *cp, char **json, pli_error *err);
/** Set members of metadata.json atomically, keeping all others; null removes. @param json object */
PLI_API pli_status pli_checkpoint_set_metadata(pli_checkpoint *cp, const char *json, pli_error *err);

#ifdef __cplusplus
}
#endif
#endif
