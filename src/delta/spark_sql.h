/*
 * Expressions that tables carry (constraints, generated columns, defaults) are Spark's SQL; the engine speaks another
 * dialect. This translates what is spelled differently but means the same; what the engine does not know shows when it
 * is prepared, before anything is written.
 */
#ifndef PLI_DELTA_SPARK_SQL_H
#define PLI_DELTA_SPARK_SQL_H

#include "base/str.h"

/** Append the engine's spelling of one expression. INVALID_SQL for text that is no expression (unbalanced quotes or brackets, a ';'). */
pli_status pli__spark_sql(pli__str expression, pli__buf *out, pli_error *err);

#endif
