/* The inside of a transaction, shared by transaction.c (collecting), commit.c (publishing), commit_text.c (rendering),
 * conflict.c (winning commits) and commit_after.c (.crc, checkpoint). */
#ifndef PLI_DELTA_TRANSACTION_IMPL_H
#define PLI_DELTA_TRANSACTION_IMPL_H

#include "base/arena.h"
#include "base/map.h"
#include "delta/stats_read.h"
#include "delta/transaction.h"

typedef enum pli__txn_state { PLI__TXN_OPEN, PLI__TXN_COMMITTED, PLI__TXN_FAILED } pli__txn_state;

typedef struct pli__txn_metric_value {
    pli__str name;
    int64_t value;
} pli__txn_metric_value;

/* A list in the arena: doubled when full, so that a million files cost no copy per file. */
#define PLI__LIST(type)                                                                                                \
    struct {                                                                                                           \
        type *at;                                                                                                      \
        size_t n, cap;                                                                                                 \
    }

struct pli__txn_handle {
    pli__delta *t;
    pli__snapshot *snapshot; /**< NULL: the table is created */
    pli__arena arena;
    pli__txn_options options; /**< texts copied into the arena */
    pli__txn_state state;
    PLI__LIST(pli__add) adds;
    PLI__LIST(pli__remove) removes;
    PLI__LIST(pli__cdc_file) cdcs;
    PLI__LIST(pli__txn) txns;
    PLI__LIST(pli__domain) domains;
    PLI__LIST(pli__txn_metric_value) metrics;
    pli__map *add_paths, *remove_paths, *read_paths; /**< path -> action + 1, where there is one */
    bool has_metadata, has_protocol;
    pli__metadata metadata;
    pli__protocol protocol;
    pli__txn_match_fn *match;
    void *match_arg;
    /* of the commit */
    char txn_id[37];
    int64_t read_version;   /**< -1: none */
    int64_t row_id_mark;    /**< delta.rowTracking's high water mark before our rows; -1 = none yet */
    bool sets_row_id_mark;  /**< the mark is written although no row gets an id (it came as a domain) */
    int64_t last_ict_ms;    /**< in-commit timestamp of the version before ours, -1 = none */
    int64_t timestamp_ms;   /**< of the attempt at hand */
    pli__snapshot *after;
};

/** Room for one more element of a list, NULL when memory is out. */
void *pli__list_grow(pli__arena *arena, void **at, size_t *n, size_t *cap, size_t size);
#define PLI__LIST_ADD(arena, list)                                                                                     \
    ((__typeof__((list).at))pli__list_grow((arena), (void **)&(list).at, &(list).n, &(list).cap, sizeof *(list).at))

/** What holds for the version to be committed: ours if set, else the snapshot's. */
const pli__metadata *pli__txn_metadata(const pli__txn_handle *x);
const pli__protocol *pli__txn_protocol(const pli__txn_handle *x);
/** A property of that metadata, ptr NULL if unset. */
pli__str pli__metadata_property(const pli__metadata *m, const char *key);
bool pli__txn_property_is(const pli__txn_handle *x, const char *key, const char *value);
/** No metadata, protocol or data change: nothing that a reader at Serializable could miss. */
bool pli__txn_only_rearranges(const pli__txn_handle *x);
bool pli__txn_is_blind_append(const pli__txn_handle *x);

/** Domain whose configuration says {"rowIdHighWaterMark":n}. */
#define PLI__ROW_TRACKING "delta.rowTracking"
/** The mark that its configuration says, -1 if none. */
int64_t pli__row_id_mark(pli__str configuration);

/** Rules that must hold for any commit, checked before the first attempt; derives the protocol where it is not set. */
pli_status pli__txn_validate(pli__txn_handle *x, pli_error *err);
/** The text of the commit as version. Assigns row ids and the in-commit timestamp. */
pli_status pli__txn_render(pli__txn_handle *x, int64_t version, pli__buf *out, pli_error *err);

/** Hold a winning commit against the transaction. COMMIT_CONFLICT if they cannot stand together. *ours: the commit is the
 *  transaction's own (its answer had been lost). *repeat: options.repeat said so. NOT_FOUND if there is no such commit. */
pli_status pli__conflict_check(pli__txn_handle *x, int64_t version, bool *ours, bool *repeat, pli_error *err);

/** After a commit: .crc and checkpoint. Never fails the commit; problems are logged. */
void pli__txn_after_commit(pli__txn_handle *x, int64_t version);

#endif
