/*
 * Inputs that do not behave: files that changed since planning, files that cannot be read, files that are gone. What is
 * decided about them is part of the staged result, so that a repeat of the batch decides the same.
 */
#ifndef PLI_RUN_BAD_FILES_H
#define PLI_RUN_BAD_FILES_H

#include "run/job.h"

/** The offset that an execution reads: the plan, with the present size and mtime of files under `on_changed_file: reread`.
 *  New reference; `result` gets changed_files. */
pli_status pli__bad_files_present(pli_job *job, const json_t *offset, json_t *result, json_t **out, pli_error *err);
/** Is a failed execution worth a look at each file (`on_bad_file`, `on_missing_file`)? */
bool pli__bad_files_may_skip(const pli_job *job, pli_status failure);

/** Reads one file for itself. */
typedef pli_status pli__probe_fn(void *arg, const json_t *offset, pli_error *err);
/** Probe every file of an offset singly, once. *out: the offset without the bad ones (new reference); `result` gets skipped_files or
 *  quarantined_files [{path, code, reason}]. An error that does not come from the file's content ends it. */
pli_status pli__bad_files_probe(pli_job *job, const json_t *offset, pli__probe_fn *probe, void *arg, json_t *result,
                                json_t **out, pli_error *err);
/** A failure that names none of the inputs: which file it was is found by reading them singly, and put before the message. */
void pli__bad_files_name(pli_job *job, const json_t *offset, pli__probe_fn *probe, void *arg, pli_error *why);
/** After the commit: move what it lists as quarantined. Idempotent. */
pli_status pli__bad_files_quarantine(pli_job *job, const json_t *commit, pli_error *err);

#endif
