/*
 * A sink for tests that lives in a folder and survives its process: each commit is one file N.json, published by
 * put-if-absent, with the same rules as a Delta table (txn per application, digest, attempt, retry against winners).
 * Its "SQL" is the text of the rows, one a line.
 */
#ifndef TESTS_SUPPORT_JOURNAL_SINK_H
#define TESTS_SUPPORT_JOURNAL_SINK_H

#include "run/job.h"

pli_status journal_sink_new(const char *dir, pli__sink **out, pli_error *err);
/** Rows of a sink's folder, in order of commits, newline after each; malloc'ed. */
char *journal_sink_rows(const char *dir);
/** Number of commits. */
int64_t journal_sink_versions(const char *dir);

/** An execution for it: rows "<path>:1" and "<path>:2" of every file of the batch; needs no engine. */
pli_status journal_execute(void *self, const pli__work *work, pli__prepared **out, json_t *result, pli_error *err);

#endif
