/*
 * Columns of data files as their footers name them. Lists and maps come without the groups that Parquet puts around them,
 * whatever form their writer chose.
 */
#ifndef PLI_DELTA_FILE_COLUMNS_H
#define PLI_DELTA_FILE_COLUMNS_H

#include "engine/engine.h"

typedef struct pli__file_column {
    pli__str name;
    int64_t field_id;   /**< -1 = absent */
    bool is_naive_time; /**< a time without a zone: TIMESTAMP not adjusted to UTC, or INT96 */
    bool is_variant;    /**< annotated as one */
    bool is_date;
    size_t n;
    struct pli__file_column *children; /**< fields of a struct; the element of a list; key and value of a map */
} pli__file_column;

/** @param root its children are the columns of file number `file`; lives until the function returns */
typedef pli_status pli__file_columns_fn(void *arg, size_t file, const pli__file_column *root, pli_error *err);
/** Read the footers of files; they come in any order. */
pli_status pli__file_columns_read(pli__engine *e, const char *const *paths, size_t n, pli__file_columns_fn *fn,
                                  void *arg, pli_error *err);

/** UNSUPPORTED_FEATURE: a decimal of more digits than the engine's. It would give them as other numbers than they are, so
 *  nobody may read such a file. */
pli_status pli__file_refuse_decimal(pli__str column, int64_t digits, pli_error *err);
/** The same if the file has such a column. */
pli_status pli__file_check_decimals(pli__engine *e, const char *path, pli_error *err);

#endif
