/* Row sets of files as an Arrow stream of one int64 column `k`: file index << 40 | row number. */
#ifndef PLI_DELTA_ROWS_STREAM_H
#define PLI_DELTA_ROWS_STREAM_H

#include "delta/dv.h"
#include "pli/arrow.h"

#define PLI__ROW_BITS 40 /* rows of one file: 2^40 */

typedef struct pli__file_rows {
    int64_t file_index;
    const pli__rows *rows; /**< borrowed until the stream is released */
} pli__file_rows;

/** @param files borrowed until the stream is released */
pli_status pli__rows_stream(const pli__file_rows *files, size_t n, struct ArrowArrayStream *out, pli_error *err);

#endif
