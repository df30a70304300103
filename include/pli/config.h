/*
 * Job files and job options. Every option of a job stands in one table (pli_option_at): it makes the parser, the
 * defaults, the flags of `pli ingest`, and docs/reference/job-file.md.
 *
 * Two ways to a job:
 *   pli_config_load("pli.yaml", &config, &err) -> pli_config_job(config, "events") -> const pli_job_spec *
 *   pli_job_spec_new("events", &spec, &err) -> pli_job_spec_set(spec, "source.path", "data/raw", &err) ...
 * A spec is then handed to pli_job_open (pli/job.h). All objects belong to one thread at a time.
 */
#ifndef PLI_CONFIG_H
#define PLI_CONFIG_H

#include <stdbool.h>

#include "pli/env.h"

#ifdef __cplusplus
extern "C" {
#endif

/** One option of a job; static data. */
typedef struct pli_option_info {
    const char *key;     /**< "source.max_files_per_trigger" */
    const char *
        type; /**< "text", "path", "flag", "count", "number", "size", "duration", "list", "map", "SQL", "time", "choice" */
    const char *choices; /**< "a|b|c" for a choice, else "" */
    const char *def; /**< default as text; "" if there is none */
    const char *flag; /**< flag of `pli ingest` ("--max-files"), "" if there is none */
    const char *help; /**< one line */
} pli_option_info;

PLI_API size_t pli_option_count(void);
/** @return NULL beyond the end */
PLI_API const pli_option_info *pli_option_at(size_t i);

/** One option of a format's reader (source.options); static data. */
typedef struct pli_reader_option_info {
    const char *name; /**< "delimiter" */
    const char *type; /**< "flag", "number", "text", "character", "list", "map", "text or number" */
    const char *def; /**< what holds without it */
    const char *help; /**< one line */
} pli_reader_option_info;

PLI_API size_t pli_reader_option_count(void);
/** @return false beyond the end */
PLI_API bool pli_reader_option_at(size_t i, pli_reader_option_info *out);
/** Does the reader of a format ("csv") take the option? */
PLI_API bool pli_reader_option_is_for(size_t i, const char *format);

/** A job's options. */
typedef struct pli_job_spec pli_job_spec;

/** @param name of the job: letters, digits, '_', '-', '.'  @param out free with pli_job_spec_free */
PLI_API pli_status pli_job_spec_new(const char *name, pli_job_spec **out, pli_error *err);
/** Set an option from text as it would stand in a job file or on the command line: sizes "128MiB", durations "5m", lists
 *  "a,b", map members by their own key ("source.options.delimiter"). INVALID_CONFIG with a suggestion for an unknown key. */
PLI_API pli_status pli_job_spec_set(pli_job_spec *spec, const char *key, const char *value, pli_error *err);
/** Check that what must be there is there and that options fit together; fills in what follows from others (checkpoint
 *  folder, format by extension). Idempotent. */
PLI_API pli_status pli_job_spec_check(pli_job_spec *spec, pli_error *err);
PLI_API const char *pli_job_spec_name(const pli_job_spec *spec);
/** Borrowed paths of a checked spec. */
PLI_API const char *pli_job_spec_checkpoint(const pli_job_spec *spec);
PLI_API const char *pli_job_spec_sink_path(const pli_job_spec *spec);
PLI_API const char *pli_job_spec_source_path(const pli_job_spec *spec);
/** The job's own limits for an environment (memory, threads, spill folder, zone); strings borrowed from the spec. */
PLI_API void pli_job_spec_env_options(const pli_job_spec *spec, pli_env_options *into);
PLI_API void pli_job_spec_free(pli_job_spec *spec); /**< NULL is allowed */

/** A parsed job file. */
typedef struct pli_config pli_config;

/** Look for pli.yaml, pli.yml or pli.json from the folder upwards. @param dir NULL = working folder
 *  @param path receives the file's path (free with pli_free); NOT_FOUND if there is none */
PLI_API pli_status pli_config_find(const char *dir, char **path, pli_error *err);
/** Read a job file (YAML, or JSON of the same shape; at most 1 MiB). A file with errors in it is loaded all the same and
 *  lists them as problems; only a file that cannot be read or is no YAML at all fails. */
PLI_API pli_status pli_config_load(const char *path, pli_config **out, pli_error *err);
PLI_API const char *pli_config_path(const pli_config *config);
/** Errors in the file, in order of lines. */
PLI_API size_t pli_config_problem_count(const pli_config *config);
/** @param line receives the line, from 1 @return borrowed message; NULL beyond the end */
PLI_API const char *pli_config_problem_at(const pli_config *config, size_t i, int64_t *line);
PLI_API size_t pli_config_job_count(const pli_config *config);
PLI_API const char *pli_config_job_name(const pli_config *config, size_t i);
/** Line on which a job begins. */
PLI_API int64_t pli_config_job_line(const pli_config *config, size_t i);
/** Borrowed; NULL if there is no such job. */
PLI_API pli_job_spec *pli_config_job(const pli_config *config, const char *name);
PLI_API void pli_config_free(pli_config *config); /**< NULL is allowed */

/** Free a string that a function of this library handed over. */
PLI_API void pli_free(void *p);

#ifdef __cplusplus
}
#endif
#endif
