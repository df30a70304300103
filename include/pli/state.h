/*
 * JobState: small named values that belong to a job, `<root>/<name>.json` and `<root>/<name>.parquet`.
 *
 * Alone (pli_state_open) every write is atomic and durable at once. The state of a batch (pli_run_state, pli/job.h) is
 * transactional: it reads its own writes over what the last committed batch left; they become current with the batch's
 * commit, all or none, and a failed batch leaves none.
 *
 * Names may have '/' parts; a name that would leave the root (absolute, "..", empty parts) is INVALID_ARGUMENT.
 * Not thread-safe.
 */
#ifndef PLI_STATE_H
#define PLI_STATE_H

#include <stdbool.h>

#include "pli/error.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pli_state pli_state;

typedef enum pli_state_kind { PLI_STATE_JSON, PLI_STATE_PARQUET } pli_state_kind;

/** State in a folder of its own; the folder is created. @param out free with pli_state_close */
PLI_API pli_status pli_state_open(const char *root, pli_state **out, pli_error *err);
/** The state of a checkpoint, outside of runs (`pli state`): holds the checkpoint's lock (LOCKED) and finishes what a dead run left
 *  half done first. @param read_only takes no lock, refuses writes, and shows a half promoted batch as promoted */
PLI_API pli_status pli_state_open_checkpoint(const char *checkpoint, bool read_only, pli_state **out, pli_error *err);
PLI_API void pli_state_close(pli_state *state); /**< NULL is allowed; not for a run's state */
/** Folder of the values. Borrowed. */
PLI_API const char *pli_state_root(const pli_state *state);

/** Read a value. @param data malloc'ed bytes with a NUL behind them, free with free(); NULL and PLI_OK when there is none
 *  @param len may be NULL. LIMIT_EXCEEDED above 2 GiB */
PLI_API pli_status pli_state_get(pli_state *state, const char *name, pli_state_kind kind, char **data, size_t *len,
                                 pli_error *err);
/** Path of a file holding the present value, for readers that take files; "" when there is none.
 *  @param path malloc'ed, free with free() */
PLI_API pli_status pli_state_path(pli_state *state, const char *name, pli_state_kind kind, char **path, pli_error *err);
/** Write a value. JSON is not looked at. */
PLI_API pli_status pli_state_put(pli_state *state, const char *name, pli_state_kind kind, const void *data, size_t len,
                                 pli_error *err);
/** Take over a finished file as the value (moved; must be on the file system of the root). */
PLI_API pli_status pli_state_adopt(pli_state *state, const char *name, pli_state_kind kind, const char *file,
                                   pli_error *err);
PLI_API pli_status pli_state_exists(pli_state *state, const char *name, pli_state_kind kind, bool *out, pli_error *err);
/** @param removed whether there was one; may be NULL */
PLI_API pli_status pli_state_delete(pli_state *state, const char *name, pli_state_kind kind, bool *removed,
                                    pli_error *err);
/** Call fn for every value, in byte order of names. Return non-zero from fn to stop. */
typedef int pli_state_fn(void *arg, const char *name, pli_state_kind kind);
PLI_API pli_status pli_state_list(pli_state *state, pli_state_fn *fn, void *arg, pli_error *err);

#ifdef __cplusplus
}
#endif
#endif
