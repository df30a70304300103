/* Change data files of a commit (PROTOCOL.md, "Change Data Files"). */
#ifndef PLI_DELTA_FEED_WRITE_H
#define PLI_DELTA_FEED_WRITE_H

#include "delta/transaction.h"

/** Write the rows of a query, which has the logical columns of `metadata` and "_change_type", below _change_data and name
 *  the files in the transaction. *out belongs to the caller: the files must be deleted if nothing is committed. */
pli_status pli__feed_write(pli__delta *t, const pli__protocol *protocol, const pli__metadata *metadata, const char *sql,
                           bool relaxed, pli__txn_handle *x, pli__written **out, pli_error *err);

#endif
