/*
 * The inside of a merge. Temp tables of the environment's engine, named by the merge's id, hold what is between the steps:
 *
 *   s   the source's rows, numbered: its columns, _pli_source
 *   m   pairs that the condition joins: _pli_f, _pli_r (number of the file in the scan, row), _pli_s (row of the source), _pli_c; and rows of
 *       the table without a match that a NOT MATCHED BY SOURCE clause acts on: _pli_s NULL   (merge_probe.c)
 *   a   those of them that a clause acts on, _pli_c being its number
 *   i   rows of the source that a NOT MATCHED clause inserts: _pli_s, _pli_c
 *   o   old values of rows, as far as they are needed: columns, ids of rows if the table tracks them, _pli_number, _pli_row
 *   r   new rows, where change data is written too: columns, _pli_kind, ids of rows      (merge_rows.c)
 */
#ifndef PLI_DELTA_MERGE_IMPL_H
#define PLI_DELTA_MERGE_IMPL_H

#include "base/arena.h"
#include "delta/dml_write.h"
#include "delta/merge.h"

/** Names of the temp tables. */
typedef struct pli__merge_tables {
    char s[48], m[48], a[48], i[48], o[48], r[48];
} pli__merge_tables;

/** One attempt; begun anew after a conflict. */
typedef struct pli__merge_attempt {
    pli__dml d;
    pli__arena arena;
    pli__merge_identity identity;
    const pli__type *before; /**< the table's columns as read; borrowed from the snapshot */
    const pli__type *after;  /**< as they will be; reference */
    pli__metadata metadata;  /**< where the schema changes */
    pli__protocol protocol;
    bool has_metadata, has_protocol;
    bool *on_columns;        /**< columns (of `before`) that the condition reads */
    bool *choice_columns;    /**< that conditions of MATCHED clauses read */
    bool *other_columns;     /**< that conditions and expressions of NOT MATCHED BY SOURCE clauses read */
    bool *old_columns;       /**< all that is needed of old rows: for the choice, new rows, change data */
    bool *needs_old;         /**< for each clause: its new rows, or their change data, need old values */
    bool chooses_by_old;     /**< choice_columns is not empty */
    bool has_old;            /**< table o is there */
    bool keeps_ids;          /**< the table tracks rows: updated and moved ones keep their ids */
    pli__scan *scan;         /**< of the probe; it knows the numbers of files; NULL: no file was read */
    pli__merge_result result;
    int64_t updated_by_source, deleted_by_source; /**< of the result: by NOT MATCHED BY SOURCE clauses */
} pli__merge_attempt;

struct pli__merge {
    pli__delta *table;
    pli__engine *engine;
    pli__merge_options o;
    pli__arena arena;
    size_t n_clauses;
    pli_merge_clause *clauses;
    const pli__type *source; /**< its columns, as Delta stores them */
    int64_t source_rows;
    pli__merge_tables t;
    bool prepared;
    pli__merge_attempt now;
};

pli_status pli__merge_exec(pli__merge *m, const pli__buf *sql, pli_error *err);
pli_status pli__merge_count(pli__merge *m, const pli__buf *sql, int64_t *out, pli_error *err);
pli_status pli__merge_text(pli__merge *m, const pli__buf *sql, pli__buf *out, pli_error *err);
bool pli__merge_has(const pli__merge *m, pli_merge_when when);
/** Clauses that act on rows of one kind; does one of them have this action? */
bool pli__merge_acts(const pli__merge *m, pli_merge_when when, pli_merge_action action);

/** Which columns of the table do conditions and expressions read? INVALID_SQL for what is no expression, columns that are not there
 *  (delta/merge_refs.c). */
pli_status pli__merge_refs(pli__merge *m, pli_error *err);
/** Schema and metadata afterwards; clauses fit them (delta/merge_schema.c). */
pli_status pli__merge_schema(pli__merge *m, pli_error *err);
/** A condition over the table's columns that every row with a match meets; empty if nothing is known. *none: no row has one.
 *  *plain: it compares columns of both for equality as they are, and nothing else (delta/merge_candidates.c). */
pli_status pli__merge_candidates(pli__merge *m, pli__buf *where, bool *none, bool *plain, pli_error *err);
/** The same of a condition over rows of the table alone (`target.` is taken off); empty if it is of another kind. */
pli_status pli__merge_own_condition(pli__merge *m, const char *condition, pli__buf *where, pli_error *err);
/** Tables m, a, i, o; touched files; counts (delta/merge_probe.c). */
pli_status pli__merge_probe(pli__merge *m, pli_error *err);
/** SELECT of the new rows: the columns of `after` that have a type, then _pli_kind, then the ids of rows where they are kept
 *  (delta/merge_rows.c). Empty if there are none. */
pli_status pli__merge_new_rows(pli__merge *m, pli__buf *out, pli_error *err);
/** Names of the columns of `after` that files can hold, each with a prefix; those the table does not have yet as NULL if asked. */
pli_status pli__merge_columns(const pli__merge *m, const char *prefix, bool new_as_null, pli__buf *out, pli_error *err);
/** Does a clause give a column its value by itself, and not its kind of row or the table (delta/merge_rows.c)? */
bool pli__merge_gives(const pli__merge *m, const pli_merge_clause *c, const char *column);
/** Do clauses leave the identity columns alone that they must not write? CONSTRAINT_VIOLATED (delta/merge_identity.c) */
pli_status pli__merge_identity_check(const pli__merge *m, pli_error *err);
/** Append the expression of a column's new values in rows of INSERT clause k. */
pli_status pli__merge_identity_sql(const pli__merge *m, size_t k, const pli__field *f, pli__buf *out, pli_error *err);
/** After the probe: the metadata remembers the values that the merge will have given. */
pli_status pli__merge_identity_advance(pli__merge *m, pli_error *err);
/** Files, vectors, change data, all in the transaction (delta/merge_write.c). */
pli_status pli__merge_write(pli__merge *m, pli_error *err);

#endif
