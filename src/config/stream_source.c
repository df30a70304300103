/*
 * From the options of a stream to its source: what callers who drive the loop themselves (the Python package) may set,
 * with the defaults of python-api.md, which differ from those of jobs: nothing is excluded by name, a folder may be
 * missing, files need not settle, and batches are in the order of paths.
 */
#include <math.h>

#include "run/stream.h"
#include "source/source_files.h"

static pli_status read_clean(const char *name, pli__clean_mode *out, pli_error *err) {
    static const char *const names[] = {"off", "delete", "archive"};
    *out = PLI__CLEAN_OFF;
    if (!name) return PLI_OK;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(name, names[i]) != 0) continue;
        *out = (pli__clean_mode)i;
        return PLI_OK;
    }
    return pli__error_set(err, PLI_E_ARGUMENT, "clean_source must be off, delete or archive, not '%s'", name);
}

static pli_status check_limits(int64_t max_files, int64_t max_bytes, pli_error *err) {
    if (max_files < 0) return pli__error_set(err, PLI_E_ARGUMENT, "max_files_per_trigger must be at least 1, or none");
    if (max_bytes < 0) return pli__error_set(err, PLI_E_ARGUMENT, "max_bytes_per_trigger must be at least 1, or none");
    return PLI_OK;
}

pli_status pli_stream_set_files(pli_stream *stream, const pli_stream_files *o, pli_error *err) {
    if (!stream || !o || o->size < sizeof *o || !o->path)
        return pli__error_set(err, PLI_E_ARGUMENT, "stream, options with their size, and a path are needed");
    PLI_TRY(check_limits(o->max_files, o->max_bytes, err));
    if (!isfinite(o->max_file_age) || o->max_file_age < 0)
        return pli__error_set(err, PLI_E_ARGUMENT, "max_file_age must be a number of seconds that is not negative");
    pli__files_options f = {
        .path = o->path,
        .literal_path = true,
        .format = o->format,
        .pattern = o->pattern,
        .recursive = o->recursive,
        .n_never = o->n_exclude_dirs,
        .never = o->exclude_dirs,
        .allow_missing = true,
        .max_files = o->max_files,
        .max_bytes = o->max_bytes,
        .start_offset = o->start_offset,
        .start_timestamp = o->start_timestamp,
        .allow_overwrites = o->allow_overwrites,
        .max_age_us = (int64_t)(fmin(o->max_file_age, 1e11) * 1e6),
        .archive_dir = o->archive_dir,
    };
    PLI_TRY(read_clean(o->clean_source, &f.clean, err));
    pli__source *source = NULL;
    PLI_TRY(pli__source_files_new(pli__stream_env(stream), &f, &source, err));
    pli__stream_set_source(stream, source);
    return PLI_OK;
}
