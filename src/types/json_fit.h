/*
 * Does a JSON value fit a nested type, and if not, what does not? For an object only the fields that do not fit are
 * kept ({"zip": "A-1010"}), among them keys that the type does not have; a list, a map, or a value of another kind is
 * kept whole. The rest, with the misfits as null, is the pruned value.
 *
 * The simple types must fit by the same functions that cast them (types/value_text.h), or a value could get lost.
 */
#ifndef PLI_TYPES_JSON_FIT_H
#define PLI_TYPES_JSON_FIT_H

#include "types/type.h"

typedef struct pli__json_fit {
    const pli__type *type;
    pli__buf misfits, pruned, scratch;
} pli__json_fit;

/** @param sql_type SQL text of the type */
pli_status pli__json_fit_init(pli__json_fit *f, pli__str sql_type, pli_error *err);
void pli__json_fit_clear(pli__json_fit *f);
/** @param prune gives the pruned value (*has is true unless it is null), else the misfits (*has is false if all fits)
 *  @param out borrowed until the next call */
pli_status pli__json_fit_run(pli__json_fit *f, pli__str json, bool prune, bool *has, pli__str *out, pli_error *err);

#endif
