/* What tests look at in a memory sink, and the faults they plant. */
#ifndef PLI_SINK_SINK_MEMORY_H
#define PLI_SINK_SINK_MEMORY_H

#include "sink/sink.h"

typedef enum pli__sink_step {
    PLI__SINK_STATE,
    PLI__SINK_PREPARE,
    PLI__SINK_COMMIT_BEFORE,
    PLI__SINK_COMMIT_AFTER,
    PLI__SINK_STEPS
} pli__sink_step;

/** The n-th next call (1 = the next one) of a step fails with status; COMMIT_AFTER: after the commit has taken effect. 0 = never. */
void pli__sink_memory_fail(pli__sink *s, pli__sink_step step, int nth, pli_status status);
/** Commits so far, and the query text that the i-th one wrote; borrowed. */
size_t pli__sink_memory_n(const pli__sink *s);
const char *pli__sink_memory_sql(const pli__sink *s, size_t i);
/** Attempts that were prepared and neither committed nor thrown away. */
size_t pli__sink_memory_open(const pli__sink *s);

#endif
