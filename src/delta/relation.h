/*
 * Rows of a list of data files as one SELECT: logical columns, partition values, deletion vectors, and for change data the
 * columns that tell the change. Values that are the same for a whole file are picked from lists by the file's index, so
 * nothing is joined; rows of deletion vectors are keyed by (file index, row number).
 *
 *   SELECT r.c0 AS "id", (CAST(['a', 'b'] AS VARCHAR[]))[r.file_index::BIGINT + 1] AS "p", ...
 *   FROM read_parquet(['f1', 'f2'], schema = MAP {...}, ...) r
 *   WHERE (r.file_index::BIGINT << 40 | r.file_row_number) NOT IN (SELECT k FROM <temp table>)
 *   UNION ALL ...          -- one part for each way of filtering rows
 *
 * Short lists stand in the text; long ones and row sets live in variables and temp tables of the environment's engine until
 * the relation is freed.
 */
#ifndef PLI_DELTA_FILE_RELATION_H
#define PLI_DELTA_FILE_RELATION_H

#include "delta/dv.h"
#include "delta/mapping.h"

typedef enum pli__rows_filter {
    PLI__ROWS_ALL,
    PLI__ROWS_WITHOUT, /**< the rows of the set are left out: a deletion vector */
    PLI__ROWS_ONLY,    /**< nothing but the rows of the set: what a deletion vector took away */
    PLI__ROWS_FILTERS
} pli__rows_filter;

typedef struct pli__file_relation_file {
    pli__str log_path; /**< as in the log */
    size_t n_values;
    const pli__kv *values; /**< partition values */
    pli__rows_filter filter;
    const pli__rows *rows; /**< with a filter; borrowed until pli__file_relation_sql */
    int64_t bytes;         /**< size of the file, for the engine's estimates; 0 = not known */
    int64_t number;        /**< with_own_number */
    bool recent;           /**< it is known to hold no old days (recent.h): no need to look for the calendar */
    /* change data only */
    const char *change_type; /**< NULL: the file has a column _change_type (a cdc file) */
    int64_t version, time_us;
} pli__file_relation_file;

typedef struct pli__file_relation_options {
    bool changes;           /**< add _change_type, _commit_version, _commit_timestamp */
    bool with_file_columns; /**< add _pli_file and _pli_row */
    bool with_path;         /**< add _pli_path: the local path */
    bool with_own_number;   /**< add _pli_number: the one that the caller has given the file */
    bool with_file_number; /**< add _pli_number and _pli_row; the path of a number comes with pli__file_relation_path */
    bool late_vectors; /**< rows of sets come out too; pli__file_relation_gone says which they are */
} pli__file_relation_options;

typedef struct pli__file_relation pli__file_relation;

/** @param m borrowed, must outlive the relation */
pli_status pli__file_relation_new(pli__delta *t, const pli__mapping *m, const pli__file_relation_options *options,
                                  pli__file_relation **out, pli_error *err);
void pli__file_relation_free(pli__file_relation *r);
void pli__file_relation_auto(pli__file_relation **r);
/** Texts are copied. CORRUPT_RECORD for a partition value that is none, naming the file. */
pli_status pli__file_relation_add(pli__file_relation *r, const pli__file_relation_file *file, pli_error *err);
/** Append the SELECT; call once, after all files. All columns of the mapping come out, in its order. */
pli_status pli__file_relation_sql(pli__file_relation *r, pli__buf *sql, pli_error *err);
/** Afterwards, with_file_number: the path (as in the log) of a file's number; ptr NULL if there is no such file. A path as a column
 *  would cost a look into a list for each row, before any filter. */
pli__str pli__file_relation_path(const pli__file_relation *r, int64_t number);
/** Afterwards, with_file_number and late_vectors: a temp table with the rows that are to be left out, each as
 *  k = _pli_number << PLI__ROW_BITS | _pli_row; NULL if there are none. */
const char *pli__file_relation_gone(const pli__file_relation *r);

#endif
