/*
 * From a table's schema to what is read from its files: physical names or field ids (PROTOCOL.md, "Column Mapping"),
 * the types to ask the engine for, and the expressions that give the logical columns back.
 *
 * The engine reads every file with one given schema: columns are found by name (case ignored) or by field id, what a
 * file lacks is NULL, what it has in a narrower type is cast. No footer is looked at beforehand, unless the table lets
 * expect files that differ from each other: variants, instants without a zone, structs under column mapping (the engine
 * finds only whole columns by id, and no struct without a field in common), old days (calendar.h). Those are read in groups
 * of one shape.
 */
#ifndef PLI_DELTA_MAPPING_H
#define PLI_DELTA_MAPPING_H

#include "base/arena.h"
#include "delta/calendar.h"
#include "delta/file_columns.h"
#include "delta/snapshot.h"

typedef enum pli__mapping_mode { PLI__MAPPING_NONE, PLI__MAPPING_NAME, PLI__MAPPING_ID } pli__mapping_mode;

/** One logical column. */
typedef struct pli__mapped_column {
    const pli__field *field;     /**< of the schema; borrowed */
    char *physical;              /**< name in files, statistics and partition values */
    int64_t field_id;            /**< only with PLI__MAPPING_ID */
    const pli__type *read_type;  /**< physical names inside; what the engine is asked for in ordinary files */
    bool is_partition, is_void;
} pli__mapped_column;

typedef struct pli__mapping {
    pli__mapping_mode mode;
    const pli__type *schema; /**< reference */
    size_t n;
    pli__mapped_column *columns; /**< in schema order */
    bool binary_as_string;       /**< the table has no binary column: unannotated texts of old writers can be read */
    bool has_variant, has_timestamp;
    bool may_lose_structs; /**< a file may have structs without any field that they have today */
    bool has_days; /**< columns in files have dates or instants, for which calendars matter */
    bool names_only;       /**< PLI__MAPPING_ID, but a further column has no id: files are asked for names alone */
} pli__mapping;

/** @param s read for schema, partition columns and properties only */
pli_status pli__mapping_open(const pli__snapshot *s, pli__mapping **out, pli_error *err);
/** The same with another schema: the snapshot's and further columns, which need no ids: they are found by their names. */
pli_status pli__mapping_open_as(const pli__snapshot *s, const pli__type *schema, pli__mapping **out, pli_error *err);
void pli__mapping_free(pli__mapping *m);
void pli__mapping_auto(pli__mapping **m);
/** Index of a column by its logical name, case ignored; -1 = none. */
int pli__mapping_find(const pli__mapping *m, pli__str name);
/** Leaf field of a dotted logical path given as names; its physical path is appended to *physical with '\0' between the names. NULL
 *  if there is none. */
const pli__field *pli__mapping_path(const pli__mapping *m, const pli__str *names, size_t n, pli__buf *physical);

/** How the files that are not ordinary are read. */
typedef struct pli__read_shape {
    size_t n;
    pli__str *names;         /**< [i]: the column's name in the files; ptr NULL = by the mapping's key */
    const pli__type **types; /**< [i]: what the engine is asked for; names inside are those of the files */
    const pli__calendar *calendar; /**< NULL, or the one that the files' old days are in; borrowed */
    pli__buf key;            /**< the same for files that can be read together */
    pli__arena arena;
} pli__read_shape;

/** Can files of the table differ from what the schema lets expect, so that each must be looked at?
 *  @param zone of the session: instants without a zone (INT96) can only be told apart from others where it is not UTC */
bool pli__mapping_needs_look(const pli__mapping *m, const char *zone);
/** Shape of a file with these columns; *out is NULL for an ordinary one. CORRUPT_RECORD if the columns have no ids, though
 *  the mapping demands them. @param by_name ask for columns by name even if the mapping has ids @param calendar NULL, or one
 *  that outlives the shape */
pli_status pli__mapping_shape(const pli__mapping *m, const pli__file_column *file, bool by_name,
                              const pli__calendar *calendar, pli__read_shape **out, pli_error *err);
void pli__read_shape_free(pli__read_shape *s);
void pli__read_shape_auto(pli__read_shape **s);

/** The `schema = MAP {...}` argument of read_parquet; column i of the mapping comes out as "c<i>". Partition and void
 *  columns are left out. @param extra NULL, or the name of one more text column to read, as "x" @param shape NULL = ordinary */
void pli__mapping_sql_schema(const pli__mapping *m, const char *extra, const pli__read_shape *shape, pli__buf *sql);
/** The expression of a data column over "r.c<i>". */
void pli__mapping_sql_column(const pli__mapping *m, size_t i, const pli__read_shape *shape, pli__buf *sql);
/** The expression that gives a value of type t from one that the engine has read as `read`. @param calendar NULL = ours */
void pli__mapping_sql_value(const pli__calendar *calendar, const pli__type *t, const pli__type *read, pli__str value,
                            pli__buf *sql);
/** SQL type of a logical column as rows have it (variant: struct of two blobs; void: INTEGER). */
void pli__mapping_sql_type(const pli__type *t, pli__buf *sql);

#endif
