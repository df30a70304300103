/* What is behind pli__checkpoint, for the files of this folder. */
#ifndef PLI_CHECKPOINT_CHECKPOINT_IMPL_H
#define PLI_CHECKPOINT_CHECKPOINT_IMPL_H

#include "base/json.h"
#include "checkpoint/checkpoint.h"

/** Ascending ids of the records of one kind. */
typedef struct pli__ids {
    int64_t *items;
    size_t n, cap;
} pli__ids;

struct pli__checkpoint {
    char *dir;
    pli__store *store;
    pli__lock *lock;
    json_t *metadata;
    char *id;
    char *app_id;
    int64_t epoch;
    int64_t cleaned_through;
    pli__ids offsets, commits;
    bool relaxed, read_only;
    bool absent; /* read_only and not there: everything is made up */
    pli__clock clock;
};

/** List the names of offsets/ and commits/; those cleaned away or beyond a marked truncation are left out. */
pli_status pli__checkpoint_list(pli__checkpoint *cp, pli_error *err);
/** Every id in a folder, whatever metadata.json says. */
pli_status pli__checkpoint_list_folder(pli__checkpoint *cp, const char *folder, pli__ids *out, pli_error *err);
bool pli__ids_has(const pli__ids *ids, int64_t n);
pli_status pli__ids_add(pli__ids *ids, int64_t n, pli_error *err);
void pli__ids_clear(pli__ids *ids);
/** Id of a name like "17.json"; false for anything else. */
bool pli__record_id(const char *name, int64_t *out);

/** Take over a parsed metadata.json (reference moves in): checks it and sets id, epoch, app_id, cleaned_through. */
pli_status pli__checkpoint_adopt_metadata(pli__checkpoint *cp, json_t *take, pli_error *err);
/** Parse metadata.json; *out NULL when absent. */
pli_status pli__checkpoint_load_metadata(pli__checkpoint *cp, json_t **out, pli_error *err);
/** Delete what a marked truncation leaves, then the mark. */
pli_status pli__checkpoint_finish_truncation(pli__checkpoint *cp, pli_error *err);
/** Read and parse a record of this checkpoint; NOT_FOUND names it. @param sha256 may be NULL */
pli_status pli__checkpoint_read_json(pli__checkpoint *cp, const char *key, json_t **out, char sha256[65],
                                     pli_error *err);
/** INVALID_STATE for a read-only checkpoint. */
pli_status pli__checkpoint_may_write(const pli__checkpoint *cp, pli_error *err);
unsigned pli__checkpoint_store_flags(const pli__checkpoint *cp);
/** Seconds since the epoch as JSON has them. */
json_t *pli__checkpoint_now(const pli__checkpoint *cp);

#endif
