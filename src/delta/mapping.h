/*
 * From a table's schema to what is read from its files: physical names or field ids (PROTOCOL.md, "Column Mapping"),
 * the types to ask the engine for, and the expressions that give the logical columns back.
 *
 * The engine reads every file with one given schema: columns are found by name (case ignored) or by field id, what a
 * file lacks is NULL, what it has in a narrower type is cast. No footer is looked at beforehand.
 */
#ifndef PLI_DELTA_MAPPING_H
#define PLI_DELTA_MAPPING_H

#include "delta/snapshot.h"

typedef enum pli__mapping_mode { PLI__MAPPING_NONE, PLI__MAPPING_NAME, PLI__MAPPING_ID } pli__mapping_mode;

/** How a file differs from what the protocol has today; files of one style are read together. Flags. */
typedef unsigned pli__file_style;
enum {
    PLI__STYLE_VARIANT_BYTES =
        1, /**< variants as structs of bytes without annotation: the engine takes them for structs */
    PLI__STYLE_NAIVE_TIMES =
        2,   /**< instants without a zone (INT96): only told apart where the session's zone is not UTC */
    PLI__FILE_STYLES = 4
};

/** One logical column. */
typedef struct pli__mapped_column {
    const pli__field *field;     /**< of the schema; borrowed */
    char *physical;              /**< name in files, statistics and partition values */
    int64_t field_id;            /**< only with PLI__MAPPING_ID */
    const pli__type *read_type;  /**< physical names inside; what the engine is asked for (ordinary style) */
    bool is_partition, is_void;
} pli__mapped_column;

typedef struct pli__mapping {
    pli__mapping_mode mode;
    const pli__type *schema; /**< reference */
    size_t n;
    pli__mapped_column *columns; /**< in schema order */
    bool binary_as_string;       /**< the table has no binary column: unannotated texts of old writers can be read */
    bool has_variant, has_timestamp;
} pli__mapping;

/** @param s read for schema, partition columns and properties only */
pli_status pli__mapping_open(const pli__snapshot *s, pli__mapping **out, pli_error *err);
void pli__mapping_free(pli__mapping *m);
void pli__mapping_auto(pli__mapping **m);
/** Index of a column by its logical name, case ignored; -1 = none. */
int pli__mapping_find(const pli__mapping *m, pli__str name);
/** Leaf field of a dotted logical path given as names; its physical path is appended to *physical with '\0' between the names. NULL
 *  if there is none. */
const pli__field *pli__mapping_path(const pli__mapping *m, const pli__str *names, size_t n, pli__buf *physical);

/** The `schema = MAP {...}` argument of read_parquet; column i of the mapping comes out as "c<i>". Partition and void
 *  columns are left out. @param extra NULL, or the name of one more text column to read, as "x" */
void pli__mapping_sql_schema(const pli__mapping *m, const char *extra, pli__file_style style, pli__buf *sql);
/** The expression of a data column over "r.c<i>". */
void pli__mapping_sql_column(const pli__mapping *m, size_t i, pli__file_style style, pli__buf *sql);
/** Style of a file with these columns, as the engine describes it. UNSUPPORTED_FEATURE if it mixes them. */
pli_status pli__mapping_style(const pli__mapping *m, const pli__type *file, pli__file_style *out, pli_error *err);
/** SQL type of a logical column as rows have it (variant: struct of two blobs; void: INTEGER). */
void pli__mapping_sql_type(const pli__type *t, pli__buf *sql);

#endif
