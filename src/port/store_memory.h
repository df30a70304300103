/*
 * The memory store for tests: what it does on top of the interface. Faults are planted per operation, hooks run other
 * writers in the gaps, and calls are counted.
 *
 *   pli__store_memory_plant(s, &(pli__store_fault){.op = PLI__STORE_PUT, .nth = 2, .status = PLI_E_UNKNOWN, .took_effect = true});
 *
 * The second put from now on is carried out, but answers OUTCOME_UNKNOWN. All functions are thread-safe.
 */
#ifndef PLI_PORT_STORE_MEMORY_H
#define PLI_PORT_STORE_MEMORY_H

#include "port/store.h"

typedef enum {
    PLI__STORE_ANY = 0,
    PLI__STORE_GET,
    PLI__STORE_PUT, /**< put_if_absent */
    PLI__STORE_REPLACE,
    PLI__STORE_LIST,
    PLI__STORE_STAT,
    PLI__STORE_REMOVE,
    PLI__STORE_OPS
} pli__store_op;

typedef struct pli__store_fault {
    pli__store_op op;
    const char *key_part; /**< only calls whose key (for list: folder) contains it; NULL: all; copied */
    unsigned nth;         /**< 1 (or 0): the next call that fits, 2: the one after, ... */
    pli_status status;    /**< what the call returns; never PLI_OK */
    bool took_effect;     /**< the operation is carried out first: "took effect, but the answer was lost" */
    bool repeat;          /**< every call from the nth on, instead of once */
} pli__store_fault;

/** Plant a fault. At most 32 wait at a time (INVALID_STATE). */
pli_status pli__store_memory_plant(pli__store *s, const pli__store_fault *fault, pli_error *err);
/** Take away all planted faults. */
void pli__store_memory_heal(pli__store *s);
/** Calls of one operation (PLI__STORE_ANY: of all) since the start. */
unsigned pli__store_memory_calls(pli__store *s, pli__store_op op);
/** Called before each operation, outside the store's lock, so that it may itself use the store (without recursion). NULL
 *  takes it away. */
typedef void pli__store_hook(void *arg, pli__store_op op, const char *key);
void pli__store_memory_hook(pli__store *s, pli__store_hook *hook, void *arg);
/** Set the modification time of a record. NOT_FOUND. */
pli_status pli__store_memory_touch(pli__store *s, const char *key, int64_t mtime_us, pli_error *err);

#endif
