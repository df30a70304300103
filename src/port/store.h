/*
 * A store of small records, the interface under checkpoints and under `_delta_log`: get, put-if-absent,
 * replace, list from a name, delete. A local folder and a memory implementation exist; an object store fits.
 *
 * Keys are relative paths with '/' ("offsets/7.json"); no key begins with '/' or holds "..".
 * Calls go through the wrappers below, which check arguments; implementations are const tables + an instance.
 * One conformance suite (tests/conformance/test_store.c) runs over all implementations.
 */
#ifndef PLI_PORT_STORE_H
#define PLI_PORT_STORE_H

#include "base/str.h"
#include "port/fs.h"

typedef struct pli__store pli__store;

typedef struct pli__store_entry {
    const char *name; /**< last part of the key; borrowed until the callback returns */
    int64_t size;
    int64_t mtime_us; /**< size and mtime are -1 unless asked for (with_info) */
} pli__store_entry;
typedef pli_status pli__store_list_fn(void *arg, const pli__store_entry *entry, pli_error *err);

typedef struct pli__store_ops {
    int version; /**< 1 */
    const char *name;
    pli_status (*get)(pli__store *s, const char *key, size_t max, pli__buf *out, pli_error *err);
    pli_status (*put_if_absent)(pli__store *s, const char *key, pli__str data, unsigned flags, pli_error *err);
    pli_status (*replace)(pli__store *s, const char *key, pli__str data, unsigned flags, pli_error *err);
    pli_status (*list)(pli__store *s, const char *dir, const char *from, bool with_info, pli__store_list_fn *fn,
                       void *arg, pli_error *err);
    pli_status (*stat)(pli__store *s, const char *key, pli__file_info *out, pli_error *err);
    pli_status (*remove)(pli__store *s, const char *key, pli_error *err);
    const char *(*local_path)(pli__store *s); /**< folder on this machine, or NULL */
    void (*free)(pli__store *s);
} pli__store_ops;

/** First member of every implementation's instance. */
struct pli__store {
    const pli__store_ops *ops;
};

enum { PLI__STORE_RELAXED = 1 /**< no fsync: order holds for a process kill only */ };

/** Whole record, appended to out. NOT_FOUND, LIMIT_EXCEEDED. */
pli_status pli__store_get(pli__store *s, const char *key, size_t max, pli__buf *out, pli_error *err);
/** Publish a record that must not exist yet, durably, creating folders. ALREADY_EXISTS (flag CONFLICT) if it does;
 *  OUTCOME_UNKNOWN if the answer was lost: read it and compare. */
pli_status pli__store_put_if_absent(pli__store *s, const char *key, pli__str data, unsigned flags, pli_error *err);
/** Publish atomically over what is there, or as new. */
pli_status pli__store_replace(pli__store *s, const char *key, pli__str data, unsigned flags, pli_error *err);
/** Call fn for each record directly in folder `dir` ("" = top) whose name is >= from (NULL or "": all), in ascending
 *  byte order. Names beginning with '.' and sub-folders are left out. An absent folder has no records. */
pli_status pli__store_list(pli__store *s, const char *dir, const char *from, bool with_info, pli__store_list_fn *fn,
                           void *arg, pli_error *err);
/** Kind NONE when absent. */
pli_status pli__store_stat(pli__store *s, const char *key, pli__file_info *out, pli_error *err);
/** Absent is PLI_OK. */
pli_status pli__store_remove(pli__store *s, const char *key, pli_error *err);
/** The local folder behind it, or NULL. Borrowed. */
const char *pli__store_local_path(pli__store *s);
void pli__store_free(pli__store *s);
void pli__store_auto(pli__store **s);

/** A folder; created on the first put. @param root copied */
pli_status pli__store_local_open(const char *root, pli__store **out, pli_error *err);
/** In memory, for tests; faults can be planted (tests/fault). */
pli_status pli__store_memory_new(pli__store **out, pli_error *err);

#endif
