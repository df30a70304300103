/* A real job for tests: CSV files in folder/in → Delta table folder/out, checkpoint folder/cp. */
#ifndef TESTS_SUPPORT_DELTA_JOB_H
#define TESTS_SUPPORT_DELTA_JOB_H

#include "base/str.h"
#include "pli/job.h"

/** Write in/f<i>.csv with two rows (ids 2i and 2i+1), old enough to be taken. */
void delta_job_add_file(const char *folder, int i);
/** Run to the end in `env`; one file a batch. @param pairs further options, key, value …, NULL */
pli_status delta_job_run(pli_env *env, const char *folder, const char *const *pairs, int steps, pli_error *err);
/** Run `steps` steps, ask to stop after the batch at hand, and go on until the run ends. */
pli_status delta_job_cancel(pli_env *env, const char *folder, int steps, pli_error *err);
/** Make a column of a rescued field, by a job with these options. */
pli_status delta_job_promote(pli_env *env, const char *folder, const char *const *pairs, const char *path,
                             pli_error *err);
/** Ids in the table, ascending, blank-separated, "none" without a table; malloc'ed. */
char *delta_job_ids(pli_env *env, const char *folder);
/** A SQL expression of each row, ascending by id, blank-separated; malloc'ed. */
char *delta_job_rows(pli_env *env, const char *folder, const char *expression);
/** "0 1 2 … 2n-1"; malloc'ed. */
char *delta_job_expected(int files);

#endif
