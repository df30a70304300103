/*
 * Rows that move to other files of a table with row tracking keep their ids and commit versions (PROTOCOL.md, "Row Tracking"):
 * two more columns of the files, under names that the table's properties fix, hold what otherwise follows from the file and the
 * row's place in it.
 *
 *   id      = materialised id, else baseRowId of the file + row number
 *   version = materialised version, else defaultRowCommitVersion of the file
 */
#ifndef PLI_DELTA_ROW_IDS_H
#define PLI_DELTA_ROW_IDS_H

#include "delta/touched.h"

/** Does the table track rows? */
bool pli__row_ids_kept(const pli__snapshot *s);
/** The metadata for writing files with the two columns; they get no statistics. */
pli_status pli__row_ids_metadata(const pli__metadata *m, pli__arena *arena, pli__metadata *out, pli_error *err);
/** Append the names of the two columns, each behind a prefix: "prefix.id, prefix.version". */
pli_status pli__row_ids_columns(const pli__metadata *m, const char *prefix, pli__buf *out, pli_error *err);

enum {
    PLI__ROW_IDS_CHANGED = 1, /**< the rows get new contents: their version will be that of the commit */
    PLI__ROW_IDS_PLACES = 2,  /**< "_pli_number" and "_pli_row" behind them, as pli__touched_sql gives them */
};
/** pli__touched_sql with the two columns behind those of the table. @param flags of the above */
pli_status pli__row_ids_sql(pli__touched *x, pli__touched_rows which, unsigned flags, pli__file_relation **relation,
                            pli__buf *sql, bool *any, pli_error *err);

#endif
