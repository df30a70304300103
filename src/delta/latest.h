/*
 * The newest version, kept between the operations on an open table: the next one reads only the commits since.
 *
 * A snapshot holds its table, so a table that held one would never end: only an owner who calls pli__latest_forget before he
 * frees the handle may switch it on (pli_table_open).
 */
#ifndef PLI_DELTA_LATEST_H
#define PLI_DELTA_LATEST_H

#include "delta/snapshot.h"

void pli__latest_switch_on(pli__delta *t);
void pli__latest_forget(pli__delta *t);
/** Newest version, fit for writing; a reference of the caller's. */
pli_status pli__latest_open(pli__delta *t, pli__snapshot **out, pli_error *err);
/** Keep a snapshot that is fit for writing; NULL = keep none. Does nothing where it is not switched on. */
void pli__latest_keep(pli__delta *t, pli__snapshot *s);

#endif
