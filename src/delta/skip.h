/*
 * Which files can hold rows that a filter lets through, by partition values and statistics. The filter is parsed by the
 * engine; what is understood of it becomes a condition over the bounds of each file, in SQL's three-valued logic with
 * NULL for "not known". A file is left out only where the condition is definitely false, so missing, partial, truncated or
 * wide statistics never lose a row.
 *
 *   pli__skip_new(...)                 parse
 *   pli__skip_add(skip, add)           for every file, with the fields of pli__skip_fields
 *   pli__skip_run(skip, keep)          decide, in the order of the files added
 */
#ifndef PLI_DELTA_SKIP_H
#define PLI_DELTA_SKIP_H

#include "delta/mapping.h"

typedef struct pli__skip pli__skip;

/** @param m borrowed @param out NULL if the filter can skip nothing. INVALID_SQL if it cannot be parsed. */
pli_status pli__skip_new(pli_env *env, const pli__mapping *m, const char *where, pli__skip **out, pli_error *err);
void pli__skip_free(pli__skip *s);
void pli__skip_auto(pli__skip **s);
unsigned pli__skip_fields(const pli__skip *s); /**< PLI__FILES_* that it needs of each file */
pli_status pli__skip_add(pli__skip *s, const pli__add *add, pli_error *err);
/** @param keep one for each file added */
pli_status pli__skip_run(pli__skip *s, bool *keep, pli_error *err);

#endif
