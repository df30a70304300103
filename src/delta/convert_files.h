/* The Parquet files of a folder and the partition values that their folders say. */
#ifndef PLI_DELTA_CONVERT_FILES_H
#define PLI_DELTA_CONVERT_FILES_H

#include "base/arena.h"
#include "delta/action.h"

typedef struct pli__found_file {
    const char *path;     /**< relative to the folder */
    int64_t size, mtime_ms;
    pli__kv *values;      /**< one for each partition column, in their order; NULL until pli__found_values */
} pli__found_file;

typedef struct pli__found_files {
    pli__arena arena;
    size_t n, cap;
    pli__found_file *at;
    int64_t ignored; /**< files with other endings */
} pli__found_files;

/** All files that end in .parquet below a folder, sorted by path; names that begin with '_' or '.' are passed over. */
pli_status pli__found_list(const char *root, pli__found_files *out, pli_error *err);
/** Partition values of a file. @param columns STRUCT of the partition columns; SCHEMA_MISMATCH if its folders are other ones */
pli_status pli__found_values(pli__found_files *all, pli__found_file *f, const pli__type *columns, pli_error *err);
void pli__found_clear(pli__found_files *all);

#endif
