/* Sheets of Excel workbooks as what a FROM clause reads them with. */
#ifndef PLI_SOURCE_FORMAT_EXCEL_H
#define PLI_SOURCE_FORMAT_EXCEL_H

#include "source/format_impl.h"

/** Append the table function that reads the file's sheet, each column with the type of its first cell.
 *  BAD_DATA, NOT_FOUND: there is no such sheet. */
pli_status pli__excel_from(pli__parts *parts, const pli__input_file *file, pli__buf *b, pli_error *err);

/** A sheet without a filled cell is an error to the engine, and no rows to us. Asked when it has failed. */
bool pli__excel_is_empty(const pli__read *r, pli__engine *e, const pli__input_file *file);

/** Append a subquery of all columns as text if the sheet, read as a whole, has a cell that does not fit the type of its column's first;
 *  nothing appended where each fits.
 *  @param schema what pli__excel_from describes as
 *  @param out what each column's texts stand for: the type of its first cell, or where a cell does not fit it the type that the
 *  checkpoint knows, else text. Set only where something is appended; to be unreferenced */
pli_status pli__excel_mixed(pli__parts *parts, pli__engine *e, const pli__input_file *file, const pli__type *schema,
                            pli__buf *b, const pli__type **out, pli_error *err);

#endif
