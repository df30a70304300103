/* Jobs: their life, and what is common to runs and reports. */
#include "run/job.h"

#include <stdlib.h>

#include "base/json.h"

static void parts_free(pli__job_parts *p) {
    pli__source_free(p->source);
    pli__sink_free(p->sink);
}

pli_status pli__job_open_parts(pli_env *env, const pli__job_config *config, pli__job_parts take_parts, pli_job **out,
                               pli_error *err) {
    *out = NULL;
    PLI_AUTO(parts_free) pli__job_parts parts = take_parts;
    if (!config->name || !*config->name) return pli__error_set(err, PLI_E_CONFIG, "a job needs a name");
    if (!config->checkpoint || !*config->checkpoint)
        return pli__error_set(err, PLI_E_CONFIG, "job '%s' needs a checkpoint folder", config->name);
    pli_job *job = calloc(1, sizeof *job);
    if (!job) return pli__error_memory(err);
    *job = (pli_job){.env = env,
                     .config = config,
                     .source = PLI_TAKE(parts.source),
                     .sink = PLI_TAKE(parts.sink),
                     .execute = parts.execute ? parts.execute : pli__execute_sql,
                     .execute_self = parts.execute_self};
    *out = job;
    return PLI_OK;
}

void pli_job_close(pli_job *job) {
    if (!job) return;
    pli__source_free(job->source);
    pli__sink_free(job->sink);
    free(job);
}

const char *pli_job_name(const pli_job *job) { return job->config->name; }

static pli_status poll_cancel(void *env, pli_error *err) { return pli__env_check_cancel(env, err); }

pli_status pli__job_checkpoint(pli_job *job, bool write, bool lock, int64_t lock_timeout_us, pli__checkpoint **out,
                               pli_error *err) {
    pli__checkpoint_options options = {
        .source_kind = job->source->ops->kind,
        .create = true,
        .take_lock = write && lock,
        .lock_timeout_us = lock_timeout_us,
        .lock_poll = poll_cancel,
        .lock_poll_arg = job->env,
        .relaxed = job->config->relaxed,
        .read_only = !write,
        .clock = pli__env_clock(job->env),
    };
    return pli__checkpoint_open(job->config->checkpoint, &options, out, err);
}

void pli__offset_size(const json_t *offset, int64_t *files, int64_t *bytes) {
    const json_t *list = json_object_get(offset, "files");
    if (json_array_size(list) == 0) list = json_object_get(offset, "file_entries");
    *files = (int64_t)json_array_size(list);
    *bytes = 0;
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(offset, "file_info"), i,
                       item) *bytes += json_integer_value(json_array_get(item, 0));
    if (json_object_get(offset, "file_info")) return;
    json_array_foreach(json_object_get(offset, "file_entries"), i,
                       item) *bytes += json_integer_value(json_object_get(item, "size"));
}
