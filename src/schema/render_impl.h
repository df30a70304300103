/* Shared by the files of the SQL renderer. An expression is SQL text; it may be put in several places, so it is small:
 * a column, a field of a column, the variable of a lambda. */
#ifndef PLI_SCHEMA_RENDER_IMPL_H
#define PLI_SCHEMA_RENDER_IMPL_H

#include "schema/cast.h"
#include "schema/render.h"

/** What an expression gives. */
typedef enum pli__rep {
    PLI__REP_TYPED,      /**< values of the file's type */
    PLI__REP_TYPED_JSON, /**< the same, of a JSON file: every number was spelled as one */
    PLI__REP_TEXT,       /**< text of the value (CSV) */
    PLI__REP_JSON        /**< raw JSON of the value */
} pli__rep;

/** Cast of a simple value; NULL where it does not fit (render_cast.c). */
pli_status pli__render_cast(pli__buf *b, pli__rep rep, const pli__type *from, const pli__type *to, const char *e,
                            pli_error *err);
/** A typed value as JSON text that loses no digit: binary as base64, decimals and 64-bit integers as text, of a JSON file as
 *  numbers. NULL for NULL. */
pli_status pli__render_json_of(pli__buf *b, pli__rep rep, const pli__type *t, const char *e, int depth, pli_error *err);
/** "CAST(NULL AS type)" */
pli_status pli__render_null(pli__buf *b, const pli__type *t, pli_error *err);
/** SQL name of a type, without the nested fields that have no type yet. */
pli_status pli__render_type(pli__buf *b, const pli__type *t, pli_error *err);

/** The value of a node from the expression of its column in the file (render_nested.c). */
pli_status pli__render_value(pli__buf *b, const pli__evolve_node *n, pli__rep rep, const char *e, int depth,
                             pli_error *err);
/** Raw JSON e as the nested type whose leaves are raw JSON; where m (the misfits) is not NULL, without the misfits. */
pli_status pli__render_json_read(pli__buf *b, const pli__evolve_node *n, const char *e, const char *m, pli_error *err);
/** The call that gives the misfits of raw JSON as JSON, NULL if all fits. */
pli_status pli__render_json_misfits(pli__buf *b, const pli__evolve_node *n, const char *e, pli_error *err);

/** May a value of the column be a misfit? (render_rescue.c) */
bool pli__may_misfit(const pli__evolve_node *n);
/** Condition: e (in the file) did not fit, v is what became of it. */
pli_status pli__render_misfit(pli__buf *b, const pli__evolve_node *n, const char *e, const char *v, int depth,
                              pli_error *err);
/** JSON text of what did not fit, where the condition holds. @param rep TEXT and JSON: of the top-level column */
pli_status pli__render_rescued(pli__buf *b, const pli__evolve_node *n, pli__rep rep, const char *e, const char *v,
                               int depth, pli_error *err);

/** e."name" into a buffer that is reset first. */
pli_status pli__render_field(pli__buf *b, const char *e, const char *name, pli_error *err);
/** SQL literal of a JSON object key and its colon: '"a":' */
pli_status pli__render_key(pli__buf *b, const char *name, pli_error *err);

#endif
