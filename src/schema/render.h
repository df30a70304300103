/*
 * A plan as SQL: one SELECT over all parts of a batch, in the columns of the new schema. For each part
 *
 *   SELECT values, rescued data, "_pli_path" FROM (SELECT raw and cast columns FROM (part's sql))
 *
 * united by UNION ALL. Columns that cannot misfit are not looked at; for the others a value that is NULL where the raw
 * one is not is a misfit: rescued, NULL (coerce without rescue), or an error that pli__misfit_find recognises.
 *
 * Columns of the result: those of the schema that have a type; the rescue column (text, with policy.rescue);
 * "_corrupt_record" (with policy.corrupt_column); "_pli_path". A schema without any such column gives only these.
 */
#ifndef PLI_SCHEMA_RENDER_H
#define PLI_SCHEMA_RENDER_H

#include "schema/plan.h"

/** Append the SELECT. The plan must have passed pli__evolve_check; r is what it was made for. */
pli_status pli__evolve_render(const pli__evolve_plan *plan, const pli__relation *r, pli__buf *sql, pli_error *err);

/*
 * Misfits: the query stopped because a value does not fit and nothing allows that.
 */
#define PLI__MISFIT_VALUE_MAX 200

typedef struct pli__misfit {
    size_t part;                  /**< index in plan and relation */
    const pli__evolve_node *node; /**< top-level column */
    char value[PLI__MISFIT_VALUE_MAX * 4 + 1]; /**< beginning of the value as it is in the file; UTF-8 */
    char file[600];               /**< where; may be cut at the end */
} pli__misfit;

/** Is the engine's error a misfit of this plan? */
bool pli__misfit_find(const pli__evolve_plan *plan, const pli_error *engine_error, pli__misfit *out);
/** The SCHEMA_MISMATCH that the user gets: column, both types, value, file, how to allow it. @return PLI_E_SCHEMA */
pli_status pli__misfit_error(const pli__evolve_plan *plan, const pli__misfit *misfit, pli_error *err);
/** May looking at the whole column help: is its type one that inference found in a sample, or may it be widened? */
bool pli__misfit_may_learn(const pli__evolve_plan *plan, const pli__misfit *misfit);

#endif
