/*
 * The interface of sources: plan what a batch reads, give it as a relation. Implementations: files, delta, memory (tests).
 * One conformance suite (tests/conformance/test_source.c) runs over all of them.
 *
 * plan() must be deterministic given the checkpoint: it sees only committed and pending records through the checkpoint,
 * never its own memory. An offset is a JSON object; the run adds batch_id, id, epoch, created_at and publishes it.
 */
#ifndef PLI_SOURCE_SOURCE_H
#define PLI_SOURCE_SOURCE_H

#include <jansson.h>

#include "checkpoint/checkpoint.h"
#include "engine/env.h"
#include "engine/relation.h"

typedef struct pli__source pli__source;

typedef struct pli__source_ops {
    int version; /**< 1; members behind `free` may be left out (NULL) */
    const char *kind; /**< "files", "delta", "memory": metadata.json's `source` */
    /** Next inputs after everything the checkpoint knows; *offset NULL = nothing to do. Stores the start position
     *  (metadata.json start_offset) at the first plan. Implementations may keep one
     *  discovery for many batches (see bound). */
    pli_status (*plan)(pli__source *s, pli__checkpoint *cp, json_t **offset, pli_error *err);
    /** Rows of an offset. Missing, changed or unreadable inputs are errors that name them. */
    pli_status (*relation)(pli__source *s, const json_t *offset, pli__relation **out, pli_error *err);
    /** Just before the sink commit: are the inputs what they were when planned? FILE_CHANGED otherwise. */
    pli_status (*recheck)(pli__source *s, const json_t *offset, pli_error *err);
    /** After commits/N.json: update the index, clean up inputs. Failures are logged by the caller, never fatal; idempotent. */
    pli_status (*committed)(pli__source *s, pli__checkpoint *cp, int64_t batch_id, const json_t *offset,
                            pli_error *err);
    /** Backlog without changing anything: files/bytes/versions waiting, as members of `into` (filesWaiting, bytesWaiting …). */
    pli_status (*backlog)(pli__source *s, pli__checkpoint *cp, json_t *into, pli_error *err);
    void (*free)(pli__source *s);
    /** Optional (NULL: plans are never bounded). on = true: until it is switched off, plans see only what is there now ("all that is
     *  there at the start" of an available-now run); what arrives later waits for a plan without the bound. */
    pli_status (*bound)(pli__source *s, pli__checkpoint *cp, bool on, pli_error *err);
    /** Optional (NULL, or a NULL result: poll): folder whose changes announce new inputs, for continuous runs. Borrowed. */
    const char *(*watch_path)(const pli__source *s);
    /** Optional: columns whose type the checkpoint knows; formats without types (CSV) need not infer them, so that a small batch costs no
     *  sample. Set before relation(); NULL forgets them. The source takes its own reference. */
    void (*set_known)(pli__source *s, const pli__type *known);
    /** Optional: while on, relation() types columns by every row of every file, also those that the checkpoint knows: a value that a sample
     *  had missed did not fit. */
    void (*sample_all)(pli__source *s, bool on);
    /** Optional (NULL: plan, on a checkpoint that was opened for reading only): what the next plan would give, changing nothing. */
    pli_status (*preview)(pli__source *s, pli__checkpoint *cp, json_t **offset, pli_error *err);
    /** Optional (NULL, or 0: there are none). After a plan: wall clock (us) at which the inputs that were there at the begin of the run
     *  and are too young now will all be old enough. A run begins with a call of bound. */
    int64_t (*ready_at)(const pli__source *s);
} pli__source_ops;

struct pli__source {
    const pli__source_ops *ops;
};

pli_status pli__source_plan(pli__source *s, pli__checkpoint *cp, json_t **offset, pli_error *err);
pli_status pli__source_relation(pli__source *s, const json_t *offset, pli__relation **out, pli_error *err);
pli_status pli__source_recheck(pli__source *s, const json_t *offset, pli_error *err);
pli_status pli__source_committed(pli__source *s, pli__checkpoint *cp, int64_t batch_id, const json_t *offset,
                                 pli_error *err);
pli_status pli__source_backlog(pli__source *s, pli__checkpoint *cp, json_t *into, pli_error *err);
pli_status pli__source_preview(pli__source *s, pli__checkpoint *cp, json_t **offset, pli_error *err);
pli_status pli__source_bound(pli__source *s, pli__checkpoint *cp, bool on, pli_error *err);
const char *pli__source_watch_path(const pli__source *s);
int64_t pli__source_ready_at(const pli__source *s);
void pli__source_set_known(pli__source *s, const pli__type *known);
/** @return false if the source has no samples */
bool pli__source_sample_all(pli__source *s, bool on);
void pli__source_free(pli__source *s);
void pli__source_auto(pli__source **s);

#endif
