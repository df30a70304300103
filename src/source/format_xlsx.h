/* Workbooks: are they ones, and the names of their sheets in order (the engine takes sheets by name only). */
#ifndef PLI_SOURCE_FORMAT_XLSX_H
#define PLI_SOURCE_FORMAT_XLSX_H

#include "base/str.h"

/** BAD_DATA if the file is no workbook. */
pli_status pli__xlsx_check(const char *path, pli_error *err);
/** Name of the sheet with this number, from 1, appended to out. BAD_DATA: no workbook; NOT_FOUND: it has fewer sheets. */
pli_status pli__xlsx_sheet_name(const char *path, int64_t number, pli__buf *out, pli_error *err);
/** A sheet's name as the workbook has it, appended to out. NOT_FOUND if there is none of that name, case ignored. */
pli_status pli__xlsx_find_sheet(const char *path, const char *name, pli__buf *out, pli_error *err);

#endif
