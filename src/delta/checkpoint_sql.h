/*
 * SQL over checkpoint files. Every field is projected by itself, because whole structs would make the engine hold the
 * pages of all statistics; fields that a writer left out are replaced by what their absence means.
 */
#ifndef PLI_DELTA_CHECKPOINT_SQL_H
#define PLI_DELTA_CHECKPOINT_SQL_H

#include "delta/action_read.h"
#include "engine/engine.h"

/** Where in the result each field of a file action stands; -1 = not asked for, or not in the files. */
typedef struct pli__file_columns {
    bool removes;
    int path, size, time, data_change, extended, partition_values, stats, tags, base_row_id, row_commit_version,
        clustering;
    int dv_storage, dv_path, dv_offset, dv_size, dv_cardinality;
} pli__file_columns;

/** "read_parquet([...], ...)" */
void pli__log_checkpoint_sql_source(pli__buf *sql, const char *const *paths, size_t n);
/** Numbers of the rows of one file that hold protocol, metaData, txn, domainMetadata or sidecar: a look at one column of
 *  each, because reading them in full from among a million files costs more. @return false if the file has none of them */
bool pli__log_checkpoint_sql_state_rows(pli__buf *sql, const pli__type *schema, const char *path);
/** Those rows, each as a JSON line. */
void pli__log_checkpoint_sql_state(pli__buf *sql, const pli__type *schema, const char *path, const int64_t *rows,
                                   size_t n);
/** Rows of add or remove. @return false if the files hold none */
bool pli__log_checkpoint_sql_files(pli__buf *sql, const pli__type *schema, const char *const *paths, size_t n,
                                   bool removes, unsigned fields, pli__file_columns *columns);
/** One row of it as an action; slices live until the reader or the chunk moves on. */
pli_status pli__log_checkpoint_sql_row(const pli__chunk *c, size_t row, const pli__file_columns *k,
                                       pli__action_reader *reader, pli__action *out, pli_error *err);

#endif
