/*
 * The Delta source: versions of a table become batches, each data file once. First the files of one version (the initial
 * snapshot, in pages), then commit after commit. Planned from the log alone; the engine is started only where a checkpoint
 * of the log must be read.
 *
 * Offset: {"files": [path…], "file_info": [[size, mtime_ns]…], "file_versions": [version…], "table_id", "version", "index",
 *          "is_initial_snapshot"}: the batch ends behind action `index` (counting add, remove and cdc from 0) of commit `version`,
 *          or behind file `index` of the snapshot of `version` in the order of log paths.
 *   change feed:      "file_entries" [{"path", "commit_version", "commit_timestamp", "change_type", "size"}…], parallel to files,
 *                     in place of file_info and file_versions
 *   where known:      "change_feed", whether the table records it as of `version`
 *   always:           "complete", whether nothing of `version` is left; "commit_sha256" of its commit file, which tells that
 *                     the table is still the one that was read
 *   lost inputs:      "gaps" [{"from_version", "to_version", "reason"}…], only with fail_on_data_loss off
 */
#ifndef PLI_SOURCE_SOURCE_DELTA_H
#define PLI_SOURCE_SOURCE_DELTA_H

#include "source/source.h"

/** Zero-initialise, then set; "no limit" and "not given" are 0 or NULL unless said otherwise. Texts are copied. */
typedef struct pli__delta_options {
    const char *path;
    const char *start_offset;       /**< snapshot (default), latest, earliest */
    int64_t starting_version;       /**< -1 = not given; wins */
    const char *starting_timestamp; /**< ISO 8601 or seconds; wins over start_offset */
    int64_t ending_version;         /**< last version that is read; -1 = not given */
    int64_t max_files, max_bytes;   /**< per batch, 0 = no limit; the first file is always taken */
    bool ignore_deletes;            /**< commits that only delete are passed over */
    bool ignore_changes;            /**< of commits that delete or change rows the added files are read */
    bool skip_change_commits;       /**< commits that delete or change rows are passed over */
    bool read_change_feed;
    bool allow_data_loss;           /**< what is gone is recorded as a gap and passed over */
    bool must_exist; /**< planning fails with NOT_A_TABLE where there is no table; else there is nothing to do */
} pli__delta_options;

/** INVALID_ARGUMENT for options that make no sense. Does not touch the disk. */
pli_status pli__source_delta_new(pli_env *env, const pli__delta_options *options, pli__source **out, pli_error *err);

#endif
