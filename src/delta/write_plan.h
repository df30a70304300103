/*
 * What writing rows of one table schema means: the columns of the files (physical names and ids under column mapping, no
 * partition columns, no void ones), the partition columns, checks, statistics. write_plan.c makes it, write_sql.c turns it
 * into SQL, write_files.c gives written files their names and actions.
 */
#ifndef PLI_DELTA_WRITE_PLAN_H
#define PLI_DELTA_WRITE_PLAN_H

#include "base/arena.h"
#include "delta/stats_write.h"
#include "delta/transaction.h"

typedef struct pli__part_column {
    const pli__field *field; /**< logical */
    pli__str physical;
} pli__part_column;

/** A condition that every row must meet. */
typedef struct pli__row_check {
    pli__str name; /**< what is said when a row breaks it */
    pli__str sql;  /**< must be true; neither false nor null */
} pli__row_check;

typedef struct pli__write_plan {
    pli__arena arena;
    const pli__type *table;    /**< logical schema */
    const pli__type *columns;  /**< of the files: physical names */
    const pli__type *logical;  /**< the same columns by their logical names */
    bool mapped;               /**< column mapping: field ids are written */
    size_t n_parts;
    pli__part_column *parts;
    size_t n_checks;
    pli__row_check *checks;
    pli__stats_plan *stats;
    const char *codec;         /**< engine's name, "zstd" */
    const char *extension;     /**< ".zstd" */
    int64_t target_size;
    const char *order_by;      /**< borrowed from the options; NULL = none */
    const pli__metadata *metadata; /**< borrowed */
} pli__write_plan;

/** UNSUPPORTED_FEATURE by name for what the table asks for and we cannot do. */
pli_status pli__write_plan_new(const pli__protocol *protocol, const pli__metadata *metadata,
                               const pli__write_options *options, pli__write_plan **out, pli_error *err);
void pli__write_plan_free(pli__write_plan *p);
void pli__write_plan_auto(pli__write_plan **p);
/** Conditions of the rows (delta/write_checks.c): NOT NULL where statistics cannot tell, CHECK constraints, invariants. */
pli_status pli__write_plan_checks(pli__write_plan *p, pli_error *err);

/** Texts of a failed check begin with this; it goes through the engine's error message. */
#define PLI__CHECK_MARK "pli-check: "
/** Such an error of the engine as CONSTRAINT with our own text, which is what the user needs; others as they are. */
pli_status pli__check_failed(pli_status s, pli_error *err);

/** "COPY (...) TO 'dir' (...)" for the rows of a query. */
pli_status pli__write_copy_sql(const pli__write_plan *p, const char *query, const char *dir, pli__buf *out,
                               pli_error *err);
/** The first of two passes of a partitioned write: the rows as they go into files, with the partitions' texts, in folders
 * "dir/__pli_bucket=N" (N < PLI__WRITE_BUCKETS) by a hash of the partition. */
pli_status pli__write_buckets_sql(const pli__write_plan *p, const char *query, const char *dir, pli__buf *out,
                                  pli_error *err);
/** The second: "COPY (...) TO 'dir' (...)" of the files of some buckets. @param files SQL list of paths */
pli_status pli__write_bucket_copy_sql(const pli__write_plan *p, const char *files, const char *dir, pli__buf *out,
                                      pli_error *err);
#define PLI__WRITE_BUCKETS 16
#define PLI__WRITE_BUCKET "__pli_bucket"
/** The same for a file that is larger than the target: cut it into several. */
pli_status pli__write_split_sql(const pli__write_plan *p, const char *file, const char *dir, pli__buf *out,
                                pli_error *err);
/** Name of the n-th partition column in the COPY. */
void pli__write_part_name(size_t n, char out[32]);

#endif
