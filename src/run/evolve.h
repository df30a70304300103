/*
 * Between a source's relation and the transform: the planner's decisions for a batch as SQL, and the schema log. The effective
 * schema is the version that the newest commit names; a batch that changes it writes the next version before its result is
 * staged, and the version counts once its commit does.
 */
#ifndef PLI_RUN_EVOLVE_H
#define PLI_RUN_EVOLVE_H

#include "run/job.h"
#include "schema/plan.h"

/** A batch's relation and what the planner decided about it. */
typedef struct pli__evolution {
    pli__relation *relation;
    pli__evolve_plan *plan;
    int64_t version; /**< of the effective schema so far, -1 = none */
    json_t *promoted; /**< column -> path in the rescued data that it comes from (schema/promote.h) */
} pli__evolution;

/** Read and plan the inputs of an offset. SCHEMA_MISMATCH where the policy forbids them.
 *  @param all type the columns by every row, not by a sample */
pli_status pli__evolution_new(const pli__work *work, const json_t *offset, bool all, pli__evolution **out,
                              pli_error *err);
void pli__evolution_auto(pli__evolution **e);
/** SELECT of the rows over the new schema, and "_pli_path". */
pli_status pli__evolution_render(const pli__evolution *e, pli__buf *sql, pli_error *err);
/** Write a changed schema to the schema log; `result` gets schema_version, schema and schema_changes. */
pli_status pli__evolution_record(const pli__evolution *e, const pli__work *work, json_t *result, pli_error *err);
/** If the engine stopped at a value that does not fit: the error that says so.
 *  @param may_learn set when planning once more by every row may help; may be NULL */
pli_status pli__evolution_explain(const pli__evolution *e, pli_status status, bool *may_learn, pli_error *err);

/** Effective schema of a checkpoint. *schema: NULL without one. *promoted: new reference, an object. */
pli_status pli__schema_current(pli__checkpoint *cp, int64_t *version, const pli__type **schema, json_t **promoted,
                               pli_error *err);
/** "columns" of a schema record. */
pli_status pli__schema_columns(const pli__type *schema, const json_t *promoted, json_t **out, pli_error *err);
/** The job's policy. */
pli_status pli__schema_policy_of(const pli__job_config *c, pli__schema_policy *out, pli_error *err);

#endif
