/*
 * Rescued fields that have become columns: the path in the rescued data, the column, and how values get from one to the other.
 * A column that bears the name of the field in the files is found by the planner like any other. One that does not, or whose
 * field is nested, stands in the schema log with the path that it comes from ("from"), and is filled behind the planner's SELECT:
 * what the planner has rescued there and fits the column is moved into it. The back-fill of a table uses the same SQL.
 */
#ifndef PLI_SCHEMA_PROMOTE_H
#define PLI_SCHEMA_PROMOTE_H

#include "types/type.h"

/** Borrowed members. */
typedef struct pli__promotion {
    const char *path;          /**< in the rescued data: types/json_path.h */
    const char *column;
    const pli__type *type;     /**< not nested */
    const char *rescue_column;
    bool case_sensitive;
} pli__promotion;

/** The rescued value as JSON, NULL where there is none. */
pli_status pli__promotion_held(const pli__promotion *p, pli__buf *sql, pli_error *err);
/** The same as the column's type, NULL where it does not fit. */
pli_status pli__promotion_value(const pli__promotion *p, pli__buf *sql, pli_error *err);
/** The rescued data without it. */
pli_status pli__promotion_rest(const pli__promotion *p, pli__buf *sql, pli_error *err);
/** Replace a SELECT by one that fills the column where it is NULL. */
pli_status pli__promotion_wrap(const pli__promotion *p, pli__buf *sql, pli_error *err);

#endif
