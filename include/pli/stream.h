/*
 * A stream: the records of a checkpoint and the planning of a source, for callers who read and write the rows
 * themselves and drive the loop themselves (the Python package). Jobs that libpli runs itself are in pli/job.h.
 *
 *   pli_stream_open(env, "checkpoint", "files", &stream, err)
 *   pli_stream_set_files(stream, &options, err)                  or pli_stream_set_delta
 *   pli_stream_lock(stream, ...)                                 one runner per checkpoint
 *   pli_stream_plan(stream, &batch, err)                         JSON of the pending or the next batch, NULL = nothing to do
 *   pli_stream_write_offset(stream, id, batch, &stored, err)     inputs are fixed from here on
 *   pli_stream_begin(stream, id, err)                            attempt: state, identity for sinks
 *   ... read, transform, write ...
 *   pli_stream_commit(stream, id, body, schema, err)             or pli_stream_abort
 *
 * Records are JSON texts (python-api 7.3): offsets have batch_id, created_at, files, file_info ...; strings handed out are
 * malloc'ed, free them with pli_free. One thread at a time.
 */
#ifndef PLI_STREAM_H
#define PLI_STREAM_H

#include "pli/arrow.h"
#include "pli/env.h"
#include "pli/state.h"
#include "pli/table.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pli_stream pli_stream;

/** Open or create a checkpoint. @param env borrowed @param kind "files" or "delta"; INVALID_STATE if the checkpoint is of the other one
 *  @param create false: NOT_FOUND if it is absent, and nothing is ever written */
PLI_API pli_status pli_stream_open(pli_env *env, const char *checkpoint, const char *kind, bool create,
                                   pli_stream **out, pli_error *err);
/** Look at a checkpoint without ever writing to it; one that is absent looks empty. */
PLI_API pli_status pli_stream_peek(pli_env *env, const char *checkpoint, const char *kind, pli_stream **out,
                                   pli_error *err);
PLI_API void pli_stream_close(pli_stream *stream); /**< NULL is allowed; releases the lock */

/** Take the checkpoint's lock, read its state again, and finish what a dead run left undone behind its newest commit. @param timeout_us 0 = do not wait, negative = no limit
 *  @param poll called about every 50 ms while waiting, may be NULL; non-zero ends the wait with CANCELLED. LOCKED */
PLI_API pli_status pli_stream_lock(pli_stream *stream, int64_t timeout_us, int (*poll)(void *arg), void *arg,
                                   pli_error *err);
PLI_API void pli_stream_unlock(pli_stream *stream);
/** Look at the folder again: another process may have written. */
PLI_API pli_status pli_stream_refresh(pli_stream *stream, pli_error *err);

/** Files under a folder, glob or file. Zero-initialise and set `size`; 0 and NULL mean "no limit" and "not given". */
typedef struct pli_stream_files {
    size_t size;
    const char *path;
    const char *format; /**< parquet csv json ndjson avro excel; NULL = by extension */
    const char *pattern;
    bool recursive;
    int64_t max_files, max_bytes; /**< at least 1 where given */
    const char *start_offset; /**< "earliest", "latest" */
    const char *start_timestamp; /**< seconds as text, or ISO 8601; wins */
    bool allow_overwrites;
    double max_file_age; /**< seconds; 0 = no limit */
    const char *clean_source; /**< "off", "delete", "archive" */
    const char *archive_dir;
    size_t n_exclude_dirs;
    const char *const *exclude_dirs; /**< folders that are never looked into */
} pli_stream_files;
/** Say what is planned from now on. INVALID_ARGUMENT, UNSUPPORTED_FEATURE. Nothing is read; strings are copied. */
PLI_API pli_status pli_stream_set_files(pli_stream *stream, const pli_stream_files *options, pli_error *err);

/** Versions of a Delta table. */
typedef struct pli_stream_delta {
    size_t size;
    const char *path;
    const char *start_offset; /**< "snapshot", "latest", "earliest" */
    int64_t starting_version; /**< -1 = not given */
    const char *starting_timestamp;
    int64_t max_files, max_bytes; /**< 0 = no limit */
    bool ignore_deletes, ignore_changes, read_change_feed;
} pli_stream_delta;
PLI_API pli_status pli_stream_set_delta(pli_stream *stream, const pli_stream_delta *options, pli_error *err);

/** The pending batch as stored (lowest first), else the next one with its id; *batch NULL = nothing to do. Writes no offset, but stores
 *  the start position. DATA_LOSS, TABLE_REPLACED, CORRUPT_RECORD. */
PLI_API pli_status pli_stream_plan(pli_stream *stream, char **batch, pli_error *err);
/** What pli_stream_plan would give, without storing anything (not even a start position). */
PLI_API pli_status pli_stream_preview(pli_stream *stream, char **batch, pli_error *err);
/** What waits beyond the pending batch, as a JSON object (filesWaiting, bytesWaiting …). Stores nothing. */
PLI_API pli_status pli_stream_backlog(pli_stream *stream, char **json, pli_error *err);
/** Id of the batch to repeat (the lowest offset above the highest commit), -1 if there is none. CORRUPT_RECORD for damage. */
PLI_API pli_status pli_stream_pending(pli_stream *stream, int64_t *id, pli_error *err);
/** Publish offsets/ID.json if it is absent. @param stored what is there afterwards (ours or the earlier one); may be NULL */
PLI_API pli_status pli_stream_write_offset(pli_stream *stream, int64_t id, const char *batch, char **stored,
                                           pli_error *err);
/** Begin an attempt at a batch whose offset is stored. An attempt that was open is aborted. */
PLI_API pli_status pli_stream_begin(pli_stream *stream, int64_t id, pli_error *err);
/** The attempt's JobState; NULL when there is none. Borrowed. */
PLI_API pli_state *pli_stream_state(pli_stream *stream);
/** Identity of the attempt for exactly-once sinks; "" when there is none. Borrowed until the next call. */
PLI_API const char *pli_stream_attempt(const pli_stream *stream);
PLI_API const char *pli_stream_offset_sha256(const pli_stream *stream);
/** Publish commits/ID.json, make the attempt's state and schema current, then tidy (index, clean-up of sources; failures are logged).
 *  @param body JSON object with the commit's keys (file_count, metadata, version …) @param schema JSON array
 *  [{"name","dtype"}] that becomes current, or NULL. A commit that is there already is left as it is. */
PLI_API pli_status pli_stream_commit(pli_stream *stream, int64_t id, const char *body, const char *schema,
                                     pli_error *err);
/** Drop the attempt: nothing of it stays visible. */
PLI_API void pli_stream_abort(pli_stream *stream);

/** Rows of a planned Delta batch: deletion vectors, column mapping and partition values of the log applied; with change feed, the
 *  columns _change_type, _commit_version, _commit_timestamp behind the others. @param table folder of the table
 *  @param batch JSON as planned, with at least one file
 *  @param options columns, where and limit count, before which nothing else of a file is read; NULL = everything
 *  @param out the caller releases it, before the environment is freed */
PLI_API pli_status pli_delta_batch_read(pli_env *env, const char *table, const char *batch,
                                        const pli_read_options *options, struct ArrowArrayStream *out, pli_error *err);

/** Write the rows of an Arrow stream to a Delta table, in one commit; creates the table.
 *  @param take released by this call, also on failure
 *  @param options JSON {"mode": "append" or "overwrite", "merge_schema", "overwrite_schema", "dynamic_partitions": flags,
 *  "replace_where": SQL condition, "partition_by": [names], "properties":
 *  {key: text}, "txn": {"app_id", "version", "offset_sha256", "attempt", "files"}, "expect": {"version", "table_id"}}, all optional.
 *  With txn a repeat writes nothing: by application id and version alone, or, with offset_sha256, also by that digest, and
 *  then everything else that the table shows is SINK_AHEAD or SINK_BEHIND. `expect` is what the newest commit of the checkpoint to
 *  this table said.
 *  @param result JSON {"path", "tableId", "version", "rows", "addedFiles": [...], "repeat"}; free it with pli_free
 *  @return SCHEMA_MISMATCH, SINK_AHEAD, SINK_BEHIND, COMMIT_CONFLICT, CONSTRAINT_VIOLATED */
PLI_API pli_status pli_delta_write(pli_env *env, const char *table, struct ArrowArrayStream *take, const char *options,
                                   char **result, pli_error *err);

/** May the caller write the Parquet files of a write itself, because its own engine has the rows? Then they need not cross.
 *  @param take only its schema is looked at; released by this call @param options as for pli_delta_write
 *  @param result JSON. {"columns": [names], "partition_by": [names], "codec", "target_size"}: write files with exactly these columns in
 *  this order, none of the partition's, into a folder ".pli-write-UUID" of the table, then call pli_delta_write with
 *  "files": [{"path": absolute, "keys": [values of the partition as text or null]}] among the options and a stream of the same
 *  schema, whose rows are not read. {}: no, the rows must go through pli_delta_write. {"repeat": true, ...}: the write is in the
 *  table already; this is its result. Free it with pli_free
 *  @return as pli_delta_write; its COMMIT_CONFLICT with files: the table has changed, ask again */
PLI_API pli_status pli_delta_layout(pli_env *env, const char *table, struct ArrowArrayStream *take, const char *options,
                                    char **result, pli_error *err);

/** Apply change rows to a Delta table that is there, in one commit: rows with a key of the changes leave, those not deleted come
 *  back as the changes say; columns that the changes lack keep their values, those that the table lacks are added with "merge_schema".
 *  A conflict with another writer is worked out anew.
 *  @param take at most one row for each key, and a column "_pli_delete" BOOLEAN; released by this call
 *  @param options JSON {"keys": [names], "merge_schema": flag, "txn", "expect"}, the last two as for pli_delta_write
 *  @param result JSON {"path", "tableId", "version", "rows", "rowsReplaced", "filesAdded", "repeat"}; free it with pli_free */
PLI_API pli_status pli_delta_apply(pli_env *env, const char *table, struct ArrowArrayStream *take, const char *options,
                                   char **result, pli_error *err);

/** SQL's MERGE (pli/table_write.h: pli_table_merge), with the identity of a batch.
 *  @param take the source's rows; released by this call
 *  @param options JSON {"on": condition over source. and target., "clauses": [{"when": "matched", "not_matched" or
 *  "not_matched_by_source", "action": "update", "insert" or "delete", "condition": SQL, "set": {column: SQL} or "*"}],
 *  "merge_schema": flag, "txn", "expect"}, the last two as for pli_delta_write
 *  @param result JSON {"path", "tableId", "version", "committed", "rowsInserted", "rowsUpdated", "rowsDeleted", "rowsCopied",
 *  "sourceRows", "filesTotal", "filesScanned", "filesRemoved", "filesAdded", "deletionVectorsAdded", "bytesAdded", "repeat"} */
PLI_API pli_status pli_delta_merge(pli_env *env, const char *table, struct ArrowArrayStream *take, const char *options,
                                   char **result, pli_error *err);

/* ---- looking ---- */
PLI_API const char *pli_stream_dir(const pli_stream *stream);
PLI_API const char *pli_stream_id(const pli_stream *stream);
/** "<id>", from the first truncation on "<id>-<epoch>". */
PLI_API const char *pli_stream_app_id(const pli_stream *stream);
PLI_API int64_t pli_stream_last_offset(const pli_stream *stream); /**< -1 = none */
PLI_API int64_t pli_stream_last_commit(const pli_stream *stream);
/** Ids of commits (or of offsets) in ascending order, as a JSON array. */
PLI_API pli_status pli_stream_ids(pli_stream *stream, bool commits, char **json, pli_error *err);
PLI_API pli_status pli_stream_read_offset(pli_stream *stream, int64_t id, char **json, pli_error *err);
PLI_API pli_status pli_stream_read_commit(pli_stream *stream, int64_t id, char **json, pli_error *err);
/** metadata.json as it is now. */
PLI_API pli_status pli_stream_metadata(pli_stream *stream, char **json, pli_error *err);
/** Set members of metadata.json (a null removes one), keeping all others. */
PLI_API pli_status pli_stream_update_metadata(pli_stream *stream, const char *members, pli_error *err);

#ifdef __cplusplus
}
#endif
#endif
