/* Shared by the files of the planner. */
#ifndef PLI_SCHEMA_PLAN_IMPL_H
#define PLI_SCHEMA_PLAN_IMPL_H

#include "base/map.h"
#include "schema/cast.h"
#include "schema/plan.h"

/* A type that a part offers for a column. `part` indexes the input's parts. */
typedef struct pli__candidate {
    const pli__type *type;
    size_t part;
} pli__candidate;

/* What the planning of one batch shares. */
typedef struct pli__planner {
    const pli__evolve_input *in;
    const pli__schema_policy *policy;
    size_t *order;            /* part indexes in the order of their first paths */
    const pli__type **normal; /* schemas of the parts as they are planned with, see pli__plan_normal */
    bool first;               /* no schema before: everything is new, in every mode */
    pli__evolve_plan *plan;
} pli__planner;

/** Names of a struct's fields, exact or without case. */
typedef struct pli__field_index {
    const pli__type *type;
    bool fold;
    pli__map *map; /* folded or exact name -> index + 1 */
    size_t twin;   /* a field whose name is there twice; n_fields if there is none */
} pli__field_index;

pli_status pli__field_index_init(pli__field_index *x, const pli__type *type, bool case_sensitive, pli_error *err);
void pli__field_index_clear(pli__field_index *x);
/** Index of the (first) field of that name, -1 if absent. */
int pli__field_index_find(const pli__field_index *x, const char *name);

/** The type that a column is planned with: in jobs, times in microseconds and categories as text, which is what can be
 *  stored; as it is in the package. New reference. */
pli_status pli__plan_normal(const pli__planner *p, const pli__type *t, const pli__type **out, pli_error *err);

/** The new schema, from plan->base and the parts (plan_merge.c). New reference. */
pli_status pli__plan_merge(pli__planner *p, const pli__type **out, pli_error *err);

/** Does `to` hold every value of type `from` by widening, as far as the policy allows? Not for nested types. */
pli_status pli__plan_holds(const pli__planner *p, const pli__type *from, const pli__type *to, bool *holds, bool *lossy,
                           pli_error *err);

/** Decisions of one part against plan->schema (plan_decide.c). */
pli_status pli__plan_decide(pli__planner *p, size_t part, pli__evolve_node *root, pli_error *err);

/** Type that schema_hints give a top-level column, NULL if none. */
const pli__type *pli__plan_hint(const pli__planner *p, const char *name);

/** May new columns be added? */
static inline bool pli__plan_adds(const pli__planner *p) { return p->first || p->policy->mode != PLI__SCHEMA_STRICT; }

#endif
