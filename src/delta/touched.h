/*
 * The files that an operation takes rows from: a probe finds the rows (file and physical row number), then the rows that are
 * hit, or those that are left, come back as SQL.
 */
#ifndef PLI_DELTA_TOUCHED_H
#define PLI_DELTA_TOUCHED_H

#include "base/arena.h"
#include "base/map.h"
#include "delta/dv.h"
#include "delta/mapping.h"
#include "delta/relation.h"
#include "delta/snapshot.h"

typedef struct pli__touched_file {
    pli__add add;      /**< as active in the snapshot; in the arena */
    pli__rows *gone;   /**< rows of its deletion vector, NULL = none */
    pli__rows *hit;    /**< rows that the operation takes; disjoint from gone */
    bool all;          /**< every live row is taken (hit stays empty) */
    bool vector;       /**< the rows are taken by a deletion vector: those left stay where they are */
    int64_t records;   /**< physical rows */
    int64_t number;    /**< of the file in the scan that its rows were taken of; -1 */
} pli__touched_file;

typedef struct pli__touched {
    pli__delta *table;
    pli__snapshot *snapshot;
    pli__mapping *mapping;
    pli__arena arena;
    pli__map *index; /**< path -> position + 1 */
    size_t n, cap;
    pli__touched_file *files;
    int64_t hit_rows;
    int64_t files_probed;
} pli__touched;

pli_status pli__touched_new(pli__delta *t, pli__snapshot *s, pli__touched **out, pli_error *err);
void pli__touched_free(pli__touched *x);
void pli__touched_auto(pli__touched **x);
/** Take the rows for which a condition over the logical columns is true; NULL takes all rows. */
pli_status pli__touched_where(pli__touched *x, const char *where, pli_error *err);
/** The same in one pass that keeps the rows: *table (malloc'ed) names a temp table of the environment's engine with all logical
 *  columns, "_pli_number" (of the file) and "_pli_row"; drop it with pli__touched_drop. Needs a condition. */
pli_status pli__touched_collect(pli__touched *x, const char *where, char **table, pli_error *err);
/** Drop the table and free its name; NULL is allowed. */
void pli__touched_drop(pli__touched *x, char **table);
/** Take single rows of a query with the columns "_pli_number" (of files in a scan) and "_pli_row". @param scan NULL: there are none */
pli_status pli__touched_take(pli__touched *x, const pli__scan *scan, const char *sql, pli_error *err);
/** Take a whole active file. */
pli_status pli__touched_add_file(pli__touched *x, const pli__add *add, pli_error *err);
/** Once, after all rows have been taken: fill in what the log says of the files. */
pli_status pli__touched_resolve(pli__touched *x, pli_error *err);
/** Is no row of the file left? */
bool pli__touched_is_whole(const pli__touched_file *f);

/** Rows that PLI__TOUCHED_LEFT gives, after the files are resolved. */
int64_t pli__touched_left(const pli__touched *x);

typedef enum pli__touched_rows {
    PLI__TOUCHED_HIT,  /**< rows that were taken */
    PLI__TOUCHED_LEFT, /**< live rows of the same files that were not, unless the file gets a vector */
} pli__touched_rows;
/** A SELECT of those rows, all logical columns. @param with_file_columns "_pli_file" (path as in the log), "_pli_row" and "_pli_number"
 *  (as in pli__touched_take) behind them. *relation must outlive its use; *any = false: there are none (no SQL then). */
pli_status pli__touched_sql(pli__touched *x, pli__touched_rows which, bool with_file_columns,
                            pli__file_relation **relation, pli__buf *sql, bool *any, pli_error *err);

#endif
