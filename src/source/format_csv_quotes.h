/*
 * Whether a CSV file may end within quotes. DuckDB 1.5 drops the record, and the error, of such a file when one read_csv
 * reads several; alone it reports it. So files that may end that way are read alone.
 */
#ifndef PLI_SOURCE_FORMAT_CSV_QUOTES_H
#define PLI_SOURCE_FORMAT_CSV_QUOTES_H

#include "source/format_csv_scan.h"

/** Reads the whole file, quickly: a compressed one that is damaged or cut short is BAD_DATA, as of pli__input_check.
 *  @param delimiter of the file @param out true also where only the engine could tell */
pli_status pli__csv_may_end_quoted(const char *path, const pli__csv_dialect *dialect, pli__str delimiter, bool *out,
                                   pli_error *err);

/** BAD_DATA if there is a CR that no LF follows: the engine, when it is not strict, would lose the character behind it. */
pli_status pli__csv_check_line_ends(const char *path, pli_error *err);

#endif
