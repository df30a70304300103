/*
 * Rows of a CSV file as texts: what is needed for headers and samples, by the same dialect that the engine is told. Not the
 * way rows are read.
 */
#ifndef PLI_SOURCE_FORMAT_CSV_SCAN_H
#define PLI_SOURCE_FORMAT_CSV_SCAN_H

#include "base/str.h"

typedef enum pli__csv_encoding { PLI__CSV_UTF8, PLI__CSV_UTF16, PLI__CSV_LATIN1 } pli__csv_encoding;

typedef struct pli__csv_dialect {
    pli__str delimiter;  /**< empty: found in the first row */
    char quote, escape, comment; /**< 0 = none */
    int64_t skip_rows;
    pli__csv_encoding encoding;
    size_t max_row;      /**< bytes of one row, BAD_DATA beyond */
} pli__csv_dialect;

typedef struct pli__csv_scan pli__csv_scan;

typedef struct pli__csv_row {
    size_t n;
    const pli__str *fields;   /**< unquoted, UTF-8; borrowed until the next row */
    const bool *quoted;
} pli__csv_row;

pli_status pli__csv_open(const char *path, const pli__csv_dialect *dialect, pli__csv_scan **out, pli_error *err);
void pli__csv_close(pli__csv_scan *s);
void pli__csv_auto(pli__csv_scan **s);
/** Next row; n = 0 at the end. Empty and comment lines are passed over. */
pli_status pli__csv_next(pli__csv_scan *s, pli__csv_row *out, pli_error *err);
/** Has the last call failed because a row is longer than max_row? */
bool pli__csv_too_long(const pli__csv_scan *s);
/** Lines before the first row that has come, as the engine's `skip` counts them: skipped and empty ones, not comments. */
int64_t pli__csv_lines_before(const pli__csv_scan *s);
/** The delimiter, after the first row. */
pli__str pli__csv_delimiter(const pli__csv_scan *s);

#endif
