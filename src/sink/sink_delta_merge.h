/*
 * Mode merge of the Delta sink: the rows of a batch are changes of the table's rows, which keys identify.
 *
 * `_change_type` says what a row is: insert, update_postimage (or update) put a row in its key's place, delete takes it away,
 * update_preimage means nothing; without that column every row is put in place. Of several rows of a key the last counts: by
 * `_commit_version` where it is there (of one version an upsert counts more than a delete: a key that was deleted and inserted
 * again), then by their order in the batch. A column that the rows lack keeps its values.
 */
#ifndef PLI_SINK_SINK_DELTA_MERGE_H
#define PLI_SINK_SINK_DELTA_MERGE_H

#include "delta/merge.h"
#include "sink/sink_delta.h"

typedef struct pli__sink_merge pli__sink_merge;

/** Rows of a query with only the changes that count, as a query; its columns are the data columns, and (with_deletes)
 *  PLI__SINK_MERGE_DELETED. Without deletes: rows as they are in the end. @param columns the data columns; reference
 *  SCHEMA_MISMATCH if a key is not among the columns. */
pli_status pli__sink_merge_changes(const pli__sink_delta *d, const char *sql, const pli__type *schema,
                                   bool with_deletes, pli__buf *out, const pli__type **columns, pli_error *err);
#define PLI__SINK_MERGE_DELETED "_pli_deleted"

/** Write a batch's changes to the sink's table, which exists; nothing is visible, but a change of its types is. */
pli_status pli__sink_merge_new(pli__sink_delta *d, const pli__batch_ref *batch, const char *sql,
                               const pli__type *schema, pli__sink_merge **out, pli_error *err);
/** Rows that the merge reads, one a key, with a value in a column. */
int64_t pli__sink_merge_values(const pli__sink_merge *m, const char *column);
/** {"path", "addedFiles", "rows", …} for the staged record. */
pli_status pli__sink_merge_describe(const pli__sink_merge *m, json_t **out, pli_error *err);
/** COMMIT_CONFLICT: another writer changed rows or files that the merge is about; a new merge sees them. */
pli_status pli__sink_merge_commit(pli__sink_merge *m, const pli__batch_ref *batch, json_t **result, pli_error *err);
/** @param leave_files a commit may refer to them */
void pli__sink_merge_free(pli__sink_merge *m, bool leave_files);

#endif
