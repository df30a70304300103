/*
 * JobState inside a checkpoint. Values of an attempt are staged as staging/N.ATTEMPT.s<k>; the commit record lists them
 * ("state": [{"name", "kind", "file"} or {…, "deleted": true}]), which makes them current, and promotion then moves them
 * to state/<name>.json|.parquet. Promotion is idempotent: what is no longer staged has been promoted.
 */
#ifndef PLI_CHECKPOINT_STATE_H
#define PLI_CHECKPOINT_STATE_H

#include "checkpoint/checkpoint.h"
#include "pli/state.h"

/** State of an attempt at batch n. The newest commit must have been promoted. @param cp borrowed; free with pli_state_close */
pli_status pli__state_begin(pli__checkpoint *cp, int64_t n, const char *attempt, pli_state **out, pli_error *err);
/** What the attempt has stored, for the staged record and the commit: a JSON array, NULL when there is nothing. */
pli_status pli__state_describe(const pli_state *state, json_t **out, pli_error *err);
/** Move what a commit record lists into place. */
pli_status pli__state_promote(pli__checkpoint *cp, const json_t *commit, pli_error *err);

#endif
