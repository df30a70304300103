/* Parts united by name. */
#include "run/evolve.h"

pli_status pli__evolve(const pli__work *work, pli__engine *engine, const pli__relation *relation, bool record, pli__buf *input_sql, json_t *result,
                       pli_error *err) {
    (void)work, (void)engine, (void)record, (void)result;
    for (size_t i = 0; i < relation->n_parts; i++)
        pli__buf_addf(input_sql, "%s(%s)", i ? " UNION ALL BY NAME " : "", relation->parts[i].sql);
    return pli__buf_status(input_sql, err);
}
