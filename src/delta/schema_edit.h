/*
 * Changing single columns of a schema: rename, drop, add, at the top or inside of structs. Everything else, metadata of fields
 * included, stays byte for byte.
 *
 * A path is a column's name, or names joined by dots ("address.city", "items.element.price"); a part with dots in it stands
 * in backticks. A column at the top whose name is the whole text wins.
 */
#ifndef PLI_DELTA_SCHEMA_EDIT_H
#define PLI_DELTA_SCHEMA_EDIT_H

#include "types/type.h"

typedef enum pli__schema_edit_kind { PLI__EDIT_RENAME, PLI__EDIT_DROP, PLI__EDIT_ADD } pli__schema_edit_kind;

typedef struct pli__schema_edit {
    pli__schema_edit_kind kind;
    pli__str path;
    pli__str name;         /**< RENAME: the new name, without its parents */
    const pli__type *type; /**< ADD: borrowed; the column may be null */
} pli__schema_edit;

/** ARGUMENT for a path that leads nowhere or to a list's element, EXISTS for a name that is taken, SCHEMA_MISMATCH if a struct
 *  would lose its last field. *out is a new reference. */
pli_status pli__schema_apply(const pli__type *schema, const pli__schema_edit *edit, const pli__type **out,
                             pli_error *err);

/** The names of a path, each followed by '\0', in *names. @return their number, 0 if memory is out */
size_t pli__schema_path(const pli__type *schema, pli__str path, pli__buf *names);

#endif
