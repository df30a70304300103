/* A job's options while they are being set: pli__job_config plus what was set where. */
#ifndef PLI_CONFIG_SPEC_H
#define PLI_CONFIG_SPEC_H

#include "base/arena.h"
#include "config/options.h"

#define PLI__SPEC_MAX_TEXT ((size_t)4 << 20)

struct pli_job_spec {
    pli__arena arena;
    pli__job_config config;
    bool *set;      /* per option: set by the file or the caller */
    char *base_dir; /* relative paths are relative to it; NULL = working folder */
    bool checked;
};

/** The plain data of a checked spec. */
const pli__job_config *pli__job_spec_config(const pli_job_spec *spec);
/** Copy every option that `from` has set and `to` has not. */
pli_status pli__job_spec_inherit(pli_job_spec *to, const pli_job_spec *from, pli_error *err);
/** Set an option whose value is a list or a map of a job file; takes value. */
pli_status pli__job_spec_set_json(pli_job_spec *spec, const pli__option *option, json_t *take_value, pli_error *err);
/** Relative paths of the spec are relative to this folder. */
pli_status pli__job_spec_set_base(pli_job_spec *spec, const char *dir, pli_error *err);

#endif
