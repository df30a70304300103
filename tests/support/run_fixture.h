/*
 * A job for tests of the run: memory source, journal sink, no engine, frozen clock. The folders survive the fixture's
 * objects, so that a test can "kill" a run by dropping it and start another one.
 */
#ifndef TESTS_SUPPORT_RUN_FIXTURE_H
#define TESTS_SUPPORT_RUN_FIXTURE_H

#include "run/job.h"
#include "support/journal_sink.h"

typedef struct run_fixture {
    pli_env *env;
    pli__job_config config;
    pli_job *job;
    pli__source *source; /* of the job */
    char *checkpoint, *sink;
    int64_t now_us;
    char log[4096];
} run_fixture;

/** A job over folder/cp and folder/sink. @param files names "f0", "f1" … of the source */
void run_fixture_open(run_fixture *f, const char *folder, int files);
/** The same without a sink: a callback job. */
void run_fixture_open_callbacks(run_fixture *f, const char *folder, int files);
void run_fixture_close(run_fixture *f);
void run_fixture_add(run_fixture *f, const char *file);

/** Run until done; at most `steps` steps if it is not negative (then the run is dropped where it is: a kill without the kill).
 *  @param options NULL = available-now */
pli_status run_fixture_run(run_fixture *f, const pli_run_options *options, int steps, pli_error *err);
/** Rows of the sink must be both rows of f0 … f<files-1>, each once. */
void run_fixture_expect(run_fixture *f, int files);
/** Lines of text, sorted, as one text; malloc'ed. */
char *sorted_lines(const char *text);

#endif
