/* Rows of the file index that outlive the statement that gave them. */
#ifndef PLI_SOURCE_SOURCE_FILES_ROWS_H
#define PLI_SOURCE_SOURCE_FILES_ROWS_H

#include "base/arena.h"
#include "checkpoint/index.h"

/** Zero-initialise. */
typedef struct files_rows {
    pli__index_file *items;
    size_t n, cap;
    pli__arena names;
} files_rows;

void pli__files_rows_clear(files_rows *l);
/** Empty, but with its memory. */
void pli__files_rows_reset(files_rows *l);
/** Append a copy; a pli__index_file_fn. @param list files_rows */
pli_status pli__files_rows_add(void *list, const pli__index_file *f, pli_error *err);

#endif
