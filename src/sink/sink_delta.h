/* The inside of the Delta sink, shared by sink_delta.c (writing) and sink_delta_state.c (what the table says of us). */
#ifndef PLI_SINK_SINK_DELTA_H
#define PLI_SINK_SINK_DELTA_H

#include "base/arena.h"
#include "delta/transaction.h"
#include "sink/sink.h"

typedef struct pli__sink_delta {
    pli__sink base;
    pli_env *env;
    pli__arena arena; /**< copies of the options */
    pli__sink_delta_options options;
    pli__delta *table;
    pli__snapshot *snapshot; /**< newest known version; NULL = not loaded, or there is no table yet */
} pli__sink_delta;

/** Is there a table? NOT_A_TABLE for a folder that holds something else. */
pli_status pli__sink_delta_exists(pli__sink_delta *d, bool *out, pli_error *err);
/** Bring d->snapshot to the newest version; it stays NULL while there is no table. */
pli_status pli__sink_delta_refresh(pli__sink_delta *d, pli_error *err);
/** The sink's `state`. */
pli_status pli__sink_delta_state(pli__sink *s, const char *app_id, int64_t hint_version, pli__sink_state *out,
                                 pli_error *err);
/** txn of an application and commitInfo.pli of one commit, added to *out where they are there; *found: it has a txn of app_id.
 *  NOT_FOUND if there is no such commit. */
pli_status pli__sink_delta_read_commit(pli__sink_delta *d, int64_t version, const char *app_id, pli__sink_state *out,
                                       bool *found, pli_error *err);

/** The test of a commit for being a repeat: pli__txn_options.repeat with its argument. */
typedef struct pli__sink_delta_repeat {
    pli__sink_delta *d;
    const pli__batch_ref *batch;
    pli__sink_state shown; /**< what the table shows for a repeat */
} pli__sink_delta_repeat;
pli_status pli__sink_delta_test_repeat(void *arg, const pli__txn *found, int64_t commit_version, pli_error *err);
/** The identity of a batch for commitInfo: {"pli": {offsetSha256, attempt, …}}. */
pli_status pli__sink_delta_info(const pli__sink_delta *d, const pli__batch_ref *batch, pli__str table_id, pli__buf *out,
                                pli_error *err);

#endif
