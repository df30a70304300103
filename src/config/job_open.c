/* From a spec to a job: the public door to the run layer's builder. */
#include "config/spec.h"
#include "pli/job.h"
#include "run/job.h"

pli_status pli_job_open(pli_env *env, pli_job_spec *spec, const pli_job_options *options, pli_job **out,
                        pli_error *err) {
    if (!env || !spec || !out) return pli__error_set(err, PLI_E_ARGUMENT, "env, spec and out must not be NULL");
    *out = NULL;
    if (options && options->size < sizeof *options)
        return pli__error_set(err, PLI_E_ARGUMENT, "pli_job_options.size is not set");
    PLI_TRY(pli_job_spec_check(spec, err));
    return pli__job_open(env, pli__job_spec_config(spec), options && options->callbacks, out, err);
}
