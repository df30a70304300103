/*
 * What a version says about the table as a whole: protocol, metadata, transactions, domains. Built by applying actions
 * in the order of versions; everything is copied into the state's own arena.
 */
#ifndef PLI_DELTA_STATE_H
#define PLI_DELTA_STATE_H

#include "base/arena.h"
#include "base/map.h"
#include "delta/action.h"

#define PLI__TXNS_MAX ((size_t)10000000)  /* applications with a transaction in one table */
#define PLI__DOMAINS_MAX ((size_t)100000) /* metadata domains of one table */

/** Zero-initialise. */
typedef struct pli__state {
    pli__arena arena;
    bool has_protocol, has_metadata;
    pli__protocol protocol;
    pli__metadata metadata;
    size_t n_txns, cap_txns;
    pli__txn *txns;
    pli__map *txn_index; /**< appId -> position + 1; NULL while there are none */
    size_t n_domains, cap_domains;
    pli__domain *domains; /**< not removed */
} pli__state;

void pli__state_clear(pli__state *s);
/** Take over an action of a later version; kinds that do not concern the state are ignored. */
pli_status pli__state_apply(pli__state *s, const pli__action *a, pli_error *err);
/** A copy with an arena of its own. @param out zeroed */
pli_status pli__state_copy(const pli__state *from, pli__state *out, pli_error *err);
bool pli__state_txn(const pli__state *s, pli__str app_id, pli__txn *out);

/** Deep copies into an arena; a failure sticks to the arena. */
pli__protocol pli__protocol_copy(pli__arena *a, const pli__protocol *p);
pli__metadata pli__metadata_copy(pli__arena *a, const pli__metadata *m);

#endif
