/* Metadata of tables that are created or change their schema: ids, column mapping, properties that features need. */
#ifndef PLI_DELTA_METADATA_WRITE_H
#define PLI_DELTA_METADATA_WRITE_H

#include "base/arena.h"
#include "delta/action.h"
#include "pli/env.h"

typedef struct pli__create_options {
    const char *name, *description; /**< NULL = none */
    size_t n_partition_by;
    const char *const *partition_by; /**< case ignored */
    size_t n_properties;
    const pli__kv *properties;
} pli__create_options;

/** Metadata of a new table. Slices live in the arena. SCHEMA_MISMATCH for names that occur twice, partition columns that
 *  do not exist, types that Delta lacks. */
pli_status pli__metadata_create(pli_env *env, const pli__type *schema, const pli__create_options *options,
                                pli__arena *arena, pli__metadata *out, pli_error *err);
/** The same metadata with another schema; new fields of a table that maps columns get ids and physical names. */
pli_status pli__metadata_with_schema(const pli__metadata *m, const pli__type *schema, pli__arena *arena,
                                     pli__metadata *out, pli_error *err);
/** After properties were set on a table with files: ids, physical names (those that the columns have) and names of row id
 *  columns, where the properties ask for them now. */
pli_status pli__metadata_upgrade(pli__metadata *m, const pli__type *schema, pli__arena *arena, pli_error *err);
/** The same metadata with other partition columns, which must be in the schema (case ignored). For a table that loses all files. */
pli_status pli__metadata_repartition(pli__metadata *m, const pli__type *schema, const char *const *columns, size_t n,
                                     pli__arena *arena, pli_error *err);
/** The same metadata with a property set (value.ptr NULL = unset). */
pli_status pli__metadata_set(pli__metadata *m, pli__str key, pli__str value, pli__arena *arena, pli_error *err);
/** Are data files that were written for one metadata also right for another (no column mapping, the columns are there with the
 *  same types, what is more is nullable, partitioned alike, no further conditions on rows)? */
pli_status pli__metadata_takes_files(const pli__metadata *now, const pli__metadata *written_for, bool *fits,
                                     pli_error *err);
/** Names that differ at most in case within one struct. */
pli_status pli__schema_check_names(const pli__type *schema, pli_error *err);
/** Append a member to a field's metadata, which is the text of a JSON object or NULL. @param json the value */
void pli__field_meta_add(const char *metadata, const char *key, pli__str json, pli__buf *out);
/** Append the elements of a JSON array to the array that a member of the metadata is, or add the member. */
pli_status pli__field_meta_append(const char *metadata, const char *key, pli__str array, pli__buf *out, pli_error *err);

#endif
