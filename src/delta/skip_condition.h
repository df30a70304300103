/*
 * A filter, as the engine's parser gives it, turned into a condition over the bounds of files. What is understood:
 * comparisons of a column with a constant, BETWEEN, IN, IS [NOT] NULL, LIKE 'prefix%', joined by AND and OR; everything
 * else becomes NULL, "not known". Conjuncts over partition columns alone are kept whole, whatever they are made of: they
 * can be evaluated for a file exactly.
 *
 * Columns of the condition, for reference i:  lo<i>  hi<i>  nn<i> (nulls)  n (rows)   or, of a partition column,  p<i>
 */
#ifndef PLI_DELTA_SKIP_CONDITION_H
#define PLI_DELTA_SKIP_CONDITION_H

#include <jansson.h>

#include "delta/mapping.h"

#define PLI__SKIP_REFS_MAX 200 /* columns of one filter that are looked at */

/** A column that the condition speaks of. */
typedef struct pli__skip_ref {
    const pli__type *type; /**< borrowed from the mapping */
    int partition;         /**< index in the mapping, -1 = not a partition column */
    bool nested;
    char *path;            /**< physical path, names separated by '\0' */
    size_t path_len;
} pli__skip_ref;

typedef struct pli__skip_condition {
    size_t n_refs;
    pli__skip_ref refs[PLI__SKIP_REFS_MAX];
    pli__buf sql;       /**< conjuncts joined by AND; empty = nothing is known */
    json_t *exact;      /**< array of conjuncts over partition columns alone; borrowed parts of the tree, counted */
} pli__skip_condition;

/** @param where the tree of the WHERE clause @param c zeroed */
pli_status pli__skip_condition_build(const json_t *where, const pli__mapping *m, pli__skip_condition *c,
                                     pli_error *err);
void pli__skip_condition_clear(pli__skip_condition *c);

#endif
