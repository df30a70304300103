/*
 * A folder of Parquet files becomes a table in place: version 0 names them all, with statistics; the files stay what and
 * where they are. Folders "name=value" give the values of partition columns.
 */
#ifndef PLI_DELTA_CONVERT_H
#define PLI_DELTA_CONVERT_H

#include "delta/transaction.h"

typedef struct pli__convert_options {
    const char *partition_by; /**< columns with SQL types, "day DATE, region VARCHAR"; NULL = none */
    size_t n_properties;
    const pli__kv *properties;
    bool no_statistics; /**< only count rows */
    bool dry_run;
} pli__convert_options;

typedef struct pli__convert_result {
    int64_t version;
    bool committed;
    int64_t files, bytes, rows, files_ignored;
} pli__convert_result;

/** ALREADY_EXISTS for a folder that is a table, NOT_FOUND without Parquet files, SCHEMA_MISMATCH for files that do not go
 *  together or whose folders do not fit partition_by. */
pli_status pli__convert(pli__delta *t, const pli__convert_options *o, pli__convert_result *out, pli_error *err);

#endif
