/* Times of versions; see history.c for the rules. Milliseconds, as in the log. */
#ifndef PLI_DELTA_HISTORY_H
#define PLI_DELTA_HISTORY_H

#include "delta/snapshot.h"

/** Where in-commit timestamps begin, as the newest version says. */
typedef struct pli__time_rule {
    int64_t last;     /**< newest version */
    int64_t ict_from; /**< first version with an in-commit timestamp; INT64_MAX = none */
} pli__time_rule;

pli_status pli__time_rule_open(pli__delta *t, pli__time_rule *out, pli_error *err);
pli_status pli__time_rule_ms(pli__delta *t, const pli__time_rule *rule, int64_t version, int64_t *ms, pli_error *err);
/** Greatest version whose time is at most ms; one less than the oldest commit if there is none. */
pli_status pli__time_rule_find(pli__delta *t, const pli__time_rule *rule, int64_t ms, int64_t *out, pli_error *err);

#endif
