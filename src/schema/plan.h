/*
 * The planner of schema evolution: (effective schema, schemas of a batch's parts, policy) -> one decision per part and
 * column path, with its reason, and the new effective schema. Plain data, no engine: SQL is rendered from it
 * (schema/render.h), the Python package gets it through pli/schema.h, `pli plan` prints it. There is no other place
 * where a rule of evolution is decided.
 *
 * The result does not depend on the order of the parts: they are looked at in the order of their first file's path,
 * and where types are combined, in an order of the types themselves.
 */
#ifndef PLI_SCHEMA_PLAN_H
#define PLI_SCHEMA_PLAN_H

#include <jansson.h>

#include "base/arena.h"
#include "engine/relation.h"
#include "schema/policy.h"
#include "types/type.h"

#define PLI__DECISION_MAP(X)                                                                                           \
    X(PLI__DECIDE_KEEP, "keep")                                                                                        \
    X(PLI__DECIDE_NULL, "null")                                                                                        \
    X(PLI__DECIDE_ADD, "add")                                                                                          \
    X(PLI__DECIDE_CAST, "cast")                                                                                        \
    X(PLI__DECIDE_WIDEN, "widen")                                                                                      \
    X(PLI__DECIDE_RESCUE, "rescue")                                                                                    \
    X(PLI__DECIDE_FAIL, "fail")

typedef enum pli__decision {
#define PLI__DECISION_ENUM_(sym, name) sym,
    PLI__DECISION_MAP(PLI__DECISION_ENUM_)
#undef PLI__DECISION_ENUM_
} pli__decision;

/** Why: X(symbol, stable name, what a person reads) */
#define PLI__REASON_MAP(X)                                                                                             \
    X(PLI__REASON_SAME, "same_type", "the type is the schema's")                                                       \
    X(PLI__REASON_TEXT, "read_as", "text is read as the type of the schema")                                           \
    X(PLI__REASON_MISSING, "missing", "the file lacks the column")                                                     \
    X(PLI__REASON_NO_VALUES, "no_values", "the column holds nothing but nulls")                                        \
    X(PLI__REASON_NEW, "new_column", "the column is new")                                                              \
    X(PLI__REASON_NEW_COMMON, "new_common_type", "the column is new; files differ, their common type is taken")        \
    X(PLI__REASON_HINT, "hint", "the type comes from schema_hints")                                                    \
    X(PLI__REASON_FIRST_TYPE, "first_type", "the column had no type yet")                                              \
    X(PLI__REASON_OTHER_TYPE, "other_type", "the type is not the schema's")                                            \
    X(PLI__REASON_WIDER, "wider_type", "the common type of schema and file holds the values of both")                  \
    X(PLI__REASON_LOSSY, "lossy_type", "64-bit integers beyond 2^53 lose digits in a DOUBLE")                          \
    X(PLI__REASON_NO_CAST, "no_cast", "there is no cast between the types")                                            \
    X(PLI__REASON_CONFLICT, "conflict", "files bring the same new column with types that have nothing in common")      \
    X(PLI__REASON_AMBIGUOUS, "ambiguous", "two columns differ only by case")                                           \
    X(PLI__REASON_RESERVED, "reserved_name", "the name is that of a column that evolution adds")

typedef enum pli__reason {
#define PLI__REASON_ENUM_(sym, name, text) sym,
    PLI__REASON_MAP(PLI__REASON_ENUM_)
#undef PLI__REASON_ENUM_
} pli__reason;

/** How the values of a column get from a part into the schema. */
typedef enum pli__convert {
    PLI__CONVERT_AS_IS,  /**< same type */
    PLI__CONVERT_NULL,   /**< NULL of the type; nothing is lost */
    PLI__CONVERT_CAST,   /**< by a cast; see `checked` */
    PLI__CONVERT_FIELDS, /**< nested: by the children */
    PLI__CONVERT_RESCUE, /**< NULL; the whole value goes to the rescue column */
    PLI__CONVERT_JSON    /**< raw JSON into a nested type: shape and values are checked row by row */
} pli__convert;

typedef struct pli__evolve_node pli__evolve_node;
struct pli__evolve_node {
    const char *name;        /**< as in the schema; as in the file for `extra` ones; element, key, value */
    const char *source_name; /**< as in the file; NULL if the file lacks it */
    pli__decision decision;
    pli__reason reason;
    pli__convert convert;
    bool checked;            /**< values may not fit: they become NULL, and are rescued or an error */
    const pli__type *from;   /**< in the file; NULL if the file lacks it */
    const pli__type *to;     /**< in the new schema; NULL for extra columns */
    const pli__type *before; /**< in the schema so far; NULL if new */
    size_t n_children;       /**< STRUCT: parallel to to->fields; LIST 1; MAP 2; only with CONVERT_FIELDS */
    pli__evolve_node *children;
    size_t n_extra;          /**< columns of the file that have no place in the schema */
    pli__evolve_node *extra;
};

/** What the planner wants to know of a part. */
typedef struct pli__evolve_part {
    const pli__type *schema;
    const char *file; /**< its first file, for messages and the order */
    size_t n_files;
    bool text, json;
} pli__evolve_part;

typedef struct pli__evolve_input {
    const pli__type *stored;          /**< effective schema so far; NULL or without columns = none yet */
    const pli__type *explicit_schema; /**< NULL */
    const pli__type *hints;           /**< NULL; top-level columns with the types that inference is to find */
    size_t n_parts;
    const pli__evolve_part *parts;
    const pli__schema_policy *policy;
    const json_t *promoted;           /**< NULL; its keys are columns that files may lack in every mode */
} pli__evolve_input;

typedef struct pli__evolve_plan {
    pli__arena arena; /* nodes and copies of names */
    pli__schema_policy policy;
    const pli__type *schema; /**< the new effective schema, without rescue columns; columns may have type NULL */
    const pli__type *base;   /**< the one before: explicit and stored columns; NULL if there was none */
    bool changed;            /**< it differs from the stored one */
    bool first;              /**< there was none before */
    size_t n_parts;
    pli__evolve_node *parts;       /**< a root (STRUCT, CONVERT_FIELDS) for each part, in the order given */
    pli__evolve_part *part_infos;  /**< copies */
    size_t n_fails;
} pli__evolve_plan;

/** Plan a batch. Decisions that forbid the batch are data too (see pli__evolve_check); errors are only those of the
 *  machine. @param in borrowed for the call; types are referenced by the plan */
pli_status pli__evolve_plan_new(const pli__evolve_input *in, pli__evolve_plan **out, pli_error *err);
void pli__evolve_plan_free(pli__evolve_plan *plan);
void pli__evolve_plan_auto(pli__evolve_plan **plan); /**< for PLI_AUTO */

/** The parts of a relation as input. *out: array of r->n_parts, free() it. */
pli_status pli__evolve_parts(const pli__relation *r, pli__evolve_part **out, pli_error *err);

/** PLI_OK, or SCHEMA_MISMATCH for the first decision that forbids the batch: column, both types, file, how to allow it,
 *  and the further columns concerned. */
pli_status pli__evolve_check(const pli__evolve_plan *plan, pli_error *err);

/** One decision of a plan in a walk: nested paths are dotted, element/key/value for lists and maps. Nodes that only
 *  lead to their children (nested columns that are kept) are left out. */
typedef pli_status pli__evolve_visit_fn(void *arg, const pli__evolve_part *part, pli__str path,
                                        const pli__evolve_node *node, pli_error *err);
pli_status pli__evolve_walk(const pli__evolve_plan *plan, pli__evolve_visit_fn *fn, void *arg, pli_error *err);

/** Decisions as JSON: an array of {"file", "files", "column", "decision", "reason", "text", "from", "to", "before"}
 *  (types in SQL's names, in Polars' with package). @param all false: without keep */
pli_status pli__evolve_to_json(const pli__evolve_plan *plan, bool all, json_t **out, pli_error *err);

const char *pli__decision_name(pli__decision d);
const char *pli__reason_name(pli__reason r);
const char *pli__reason_text(pli__reason r);

#endif
