/* The inside of a snapshot, shared by snapshot.c (state) and snapshot_files.c (files). */
#ifndef PLI_DELTA_SNAPSHOT_IMPL_H
#define PLI_DELTA_SNAPSHOT_IMPL_H

#include "delta/checkpoint.h"
#include "delta/checksum.h"
#include "delta/log_plan.h"
#include "delta/state.h"
#include "delta/table.h"
#include "delta/tail.h"

struct pli__snapshot {
    int refs;
    pli__delta *table;
    pli__snapshot_options options;
    int64_t version;
    bool
        unplanned; /**< the state came from the version's checksum: checkpoint and plan are chosen when files are asked for */
    pli__log_checkpoint *checkpoint; /**< NULL = none is used */
    pli__log_plan plan; /**< compacted files that are read in place of commits behind the checkpoint */
    pli__state state;
    const pli__type *schema;
    int64_t ict_ms;
    pli__totals totals; /**< from the version's checksum; files -1 = not known */
    pli__tail *
        tail; /**< files of the commits, perhaps of an earlier version only, perhaps shared with its snapshot; NULL = not read yet */
};

/** What a pass over commits gives. */
typedef struct pli__replay {
    pli__state *state; /**< NULL: not wanted */
    pli__tail *tail; /**< NULL: not wanted */
    int64_t ict_ms; /**< of the last version, -1 = not said */
    char broken[64]; /**< name of the compacted file that could not be read; "" = that is not what failed */
} pli__replay;

/** Apply the commits from `from` to the snapshot's version. */
pli_status pli__snapshot_replay(const pli__snapshot *s, int64_t from, pli__replay *r, pli_error *err);
/** Choose checkpoint and plan anew, for a snapshot whose state is known. */
pli_status pli__snapshot_plan(pli__snapshot *s, pli_error *err);
/** Memory is out, or the caller wants to stop: there is no other way to try. */
bool pli__snapshot_gives_up(pli_status st);

#endif
