/*
 * The state machine of a run: what each state means, and what is behind pli_run, for the files of this folder.
 *
 *                        ┌──────────────── failure: attempt dropped ────────────────┐
 *                        ▼                                                          │
 *   OPENED ──recover──► READY ──plan──► PLANNED ──execute──► PREPARED ──stage──► STAGED ──sink──► PUBLISHED
 *      ▲                 │ ▲               │ └─► CALLED ──report──┘                                │ ▲
 *      │ wait over       │ │ tidy          ├── the sink has it already ────────────────────────────┼─┘
 *   WAITING ◄──nothing───┘ └── COMMITTED ◄─┴── no inputs ─────── commits/N.json ◄──────────────────┘
 *
 * A crash in a state, and what the next run finds and does (exactly-once.md):
 *
 *   state      durable                               next run
 *   OPENED     nothing new                           starts over
 *   READY      nothing new                           starts over
 *   PLANNED    offsets/N.json                        repeats N with the same inputs
 *   CALLED     staged values of JobState             repeats N; the values are swept after its commit
 *   PREPARED   data files that nothing refers to     repeats N; vacuum removes the files
 *   STAGED     staging/N.ATTEMPT.json                the sink does not show ATTEMPT: repeats N under a new attempt
 *   PUBLISHED  the sink's commit (txn N, digest,     the sink shows N with our digest: publishes the staged record of the
 *              attempt)                              attempt that the sink shows, runs nothing
 *   COMMITTED  commits/N.json                        finishes tidying (state, index, clean-up), plans N+1
 *   WAITING    nothing new                           starts over
 *
 * A staged record of another attempt is never removed before commits/N.json: it may be that of a second runner whose
 * sink commit is on its way, and the sink would then show an attempt without a record.
 */
#ifndef PLI_RUN_RUN_IMPL_H
#define PLI_RUN_RUN_IMPL_H

#include <stdatomic.h>

#include "checkpoint/state.h"
#include "port/watch.h"
#include "run/job.h"

typedef enum pli__run_state {
    PLI__RUN_OPENED,    /* the checkpoint is open; what a dead run left and the sink are not looked at yet */
    PLI__RUN_READY,     /* between two batches */
    PLI__RUN_PLANNED,   /* a batch is at hand, its inputs are fixed */
    PLI__RUN_CALLED,    /* the caller executes it */
    PLI__RUN_PREPARED,  /* its rows are written, nobody sees them */
    PLI__RUN_STAGED,    /* its result is recorded */
    PLI__RUN_PUBLISHED, /* its rows are visible */
    PLI__RUN_COMMITTED, /* it is done */
    PLI__RUN_WAITING,   /* nothing to do until a time, or a pause */
    PLI__RUN_DONE,      /* over */
    PLI__RUN_STATES
} pli__run_state;

/** The batch at hand; zeroed between batches. */
typedef struct pli__batch {
    int64_t id;
    json_t *offset;             /* as stored */
    json_t *read_offset;        /* as it was really read, where that differs: NULL = as stored */
    char offset_sha256[65];
    char attempt[40];
    bool repeat;                /* an earlier run planned it */
    char sink_attempt[40];      /* the sink has it already, by this attempt */
    json_t *sink_result;        /* what the sink says about it */
    int64_t files, bytes, rows; /* rows: -1 = unknown */
    pli__prepared *prepared;
    bool sink_tried;            /* the sink's commit was called */
    json_t *staged;             /* body of the staged record */
    json_t *commit;             /* body of the commit */
    pli_state *state;           /* callback jobs */
    char *offset_text, *result_text; /* for the caller's step */
    bool reported;              /* callback jobs: the caller has reported success */
    int64_t started_us;         /* monotonic */
} pli__batch;

struct pli_run {
    pli_job *job;
    pli_run_options options;
    pli__checkpoint *cp;
    pli__run_state state;
    pli__batch batch;
    json_t *last_write;   /* {"batch_id", "sinks"} of the newest batch that wrote, NULL = none */
    char app_id[128];
    int64_t batches;      /* counted ones that this run committed */
    int64_t idle_polls;   /* in a row */
    int64_t failures;     /* of the batch at hand, in a row */
    int64_t first_beat_us; /* INTERVAL: monotonic time of the first drain */
    int64_t wait_until_us; /* WAITING: monotonic */
    bool bounded;         /* the source is bound to what was there at the start */
    bool pause_due;
    bool had_error;       /* last_error.json is there */
    pli_error failure;    /* reported by the caller, to be given back */
    pli__watch *watch;
    struct {
        atomic_llong batch_id, batches, files, bytes, total_rows, started_us;
        _Atomic(pli__engine *) engine; /* while a query runs */
    } progress;
};

/** The one place that changes state; an edge that is not in the table is a bug. */
pli_status pli__run_move(pli_run *run, pli__run_state to, pli_error *err);
bool pli__run_transition_is_valid(pli__run_state from, pli__run_state to);
const char *pli__run_state_name(pli__run_state state);

/* ---- steps of a batch (run_batch.c); each leaves the run in the state it names, or fails and leaves it where it was ---- */
pli_status pli__run_plan(pli_run *run, bool *planned, pli_error *err); /* READY -> PLANNED, or nothing to do */
pli_status pli__run_execute(pli_run *run, pli_error *err); /* PLANNED -> PREPARED | CALLED | PUBLISHED | COMMITTED */
pli_status pli__run_stage(pli_run *run, pli_error *err); /* PREPARED -> STAGED */
pli_status pli__run_publish(pli_run *run, pli_error *err); /* STAGED -> PUBLISHED */
pli_status pli__run_commit(pli_run *run, pli_error *err); /* PUBLISHED -> COMMITTED */
bool pli__run_tidy(pli_run *run); /* COMMITTED: see pli__run_tidy_batch */
/** Drop what the attempt at hand made, as far as it is certain that nobody refers to it, and forget the batch. */
void pli__run_abandon(pli_run *run, pli_status failure);
/** Forget the batch at hand. */
void pli__run_forget(pli_run *run);
/** OPENED -> READY: finish tidying, compare the sink (run_recover.c). */
pli_status pli__run_recover(pli_run *run, pli_error *err);
/** What comes after commits/N.json; idempotent. Failures are logged. @return false if the batch's state is not current yet:
 *  nothing may read it before recovery has made it so */
bool pli__run_tidy_batch(pli_run *run, int64_t n, const json_t *offset, const json_t *commit);

/* ---- records (run_result.c) ---- */
pli_status pli__run_make_staged(pli_run *run, const json_t *result, pli_error *err);
/** Body of the commit from a staged record and what the sink says (NULL: `sinks: []` or the staged record's own). */
pli_status pli__run_make_commit(pli_run *run, const json_t *staged, const json_t *sink_result, json_t **out,
                                pli_error *err);
/** {"batch_id", "sinks"} of the newest committed batch that wrote to a sink; *out NULL if none did. */
pli_status pli__run_last_write(pli__checkpoint *cp, json_t **out, pli_error *err);
/** last_error.json, for `pli status`. */
void pli__run_note_error(pli_run *run, const pli_error *error);
void pli__run_forget_error(pli_run *run);

/* ---- the sink against the checkpoint (run_recover.c) ---- */
typedef enum pli__sink_verdict {
    PLI__SINK_AGREES,
    PLI__SINK_REPEATS, /* it has the pending batch already */
    PLI__SINK_IS_AHEAD,
    PLI__SINK_IS_BEHIND /* why says how */
} pli__sink_verdict;
typedef struct pli__sink_expectation {
    const char *app_id;
    const json_t *last_write; /* newest batch that wrote, or NULL */
    const json_t *accepted; /* metadata.json's sink_accepted, or NULL */
    const char *pinned_id; /* metadata.json's sink.tableId, or NULL */
    int64_t pending; /* -1 = none */
    const char *pending_sha256;
} pli__sink_expectation;
/** Pure: what the sink's state means. @param why gets a text for AHEAD and BEHIND */
pli__sink_verdict pli__sink_judge(const pli__sink_expectation *expected, const pli__sink_state *sink, char why[400]);

#endif
