/*
 * A job inside the library: its configuration, a source, a sink, and how rows get from one to the other. The run loop
 * knows these interfaces only; src/config/job_build.c makes them from a configuration, tests hand in their own.
 */
#ifndef PLI_RUN_JOB_H
#define PLI_RUN_JOB_H

#include "pli/job.h"
#include "run/job_config.h"
#include "sink/sink.h"
#include "source/source.h"

/** A batch to be executed. Borrowed for the call. */
typedef struct pli__work {
    pli_job *job;
    pli__checkpoint *cp;
    pli__batch_ref batch;
    const json_t *offset;
    json_t **
        read_offset; /**< takes (optional) the offset as it was really read: without skipped files, with present sizes */
} pli__work;

/** Turn the inputs of a batch into something prepared in the job's sink. `result` (an object) takes what belongs into the staged
 *  record: rows, schema_version, skipped_files, quarantined_files, changed_files … *out NULL: there is nothing to write (every
 *  input was skipped). Nothing is left behind on failure. */
typedef pli_status pli__execute_fn(void *self, const pli__work *work, pli__prepared **out, json_t *result,
                                   pli_error *err);

/** Parts of a job; source and sink move in. */
typedef struct pli__job_parts {
    pli__source *source;
    pli__sink *sink; /**< NULL: a callback job */
    pli__execute_fn *execute; /**< NULL: pli__execute_sql */
    void *execute_self;
} pli__job_parts;

struct pli_job {
    pli_env *env; /* borrowed */
    const pli__job_config *config; /* borrowed */
    pli__source *source;
    pli__sink *sink;
    pli__execute_fn *execute;
    void *execute_self;
};

/** @param config borrowed for the job's life @param take_parts moves in, also on failure */
pli_status pli__job_open_parts(pli_env *env, const pli__job_config *config, pli__job_parts take_parts, pli_job **out,
                               pli_error *err);
/** Source and sink of a configuration (config/job_build.c). @param callbacks no sink */
pli_status pli__job_open(pli_env *env, const pli__job_config *config, bool callbacks, pli_job **out, pli_error *err);

/** The built-in way: relation, schema evolution, SQL, sink (run/execute.c). */
pli_status pli__execute_sql(void *self, const pli__work *work, pli__prepared **out, json_t *result, pli_error *err);

/** Open the job's checkpoint. @param write take the lock and create it; otherwise look only */
pli_status pli__job_checkpoint(pli_job *job, bool write, bool lock, int64_t lock_timeout_us, pli__checkpoint **out,
                               pli_error *err);

/** Inputs of an offset: number, and bytes where the offset knows them. */
void pli__offset_size(const json_t *offset, int64_t *files, int64_t *bytes);

#endif
