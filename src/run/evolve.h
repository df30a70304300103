/* Between a source's relation and the transform: the batch over the effective schema, and the schema log. */
#ifndef PLI_RUN_EVOLVE_H
#define PLI_RUN_EVOLVE_H

#include "run/job.h"

/** SELECT that gives the relation's rows over the effective schema, and "_pli_path", appended to input_sql.
 *  @param record write a changed schema to the schema log and name it in `result` (schema_version, schema, schema_changes) */
pli_status pli__evolve(const pli__work *work, pli__engine *engine, const pli__relation *relation, bool record, pli__buf *input_sql, json_t *result,
                       pli_error *err);

#endif
