/* stats_parsed and partitionValues_parsed of a checkpoint, asked for by `delta.checkpoint.writeStatsAsStruct`. */
#ifndef PLI_DELTA_CHECKPOINT_PARSED_H
#define PLI_DELTA_CHECKPOINT_PARSED_H

#include "delta/snapshot.h"

bool pli__checkpoint_wants_parsed(const pli__snapshot *s);
/** Append both columns as SQL over the columns "stats", "exact" and "pk", "pv" of the stream of checkpoint_rows.c. */
pli_status pli__checkpoint_parsed_sql(const pli__snapshot *s, pli__buf *out, pli_error *err);
/** Statistics with every long number in quotes, because the engine's JSON takes numbers as doubles: the bounds of a
 *  DECIMAL(38, 10) would be wrong ones. @param out replaced @return false if there is no such number */
bool pli__checkpoint_quote_numbers(pli__str stats, pli__buf *out);

#endif
