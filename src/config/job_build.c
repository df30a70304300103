/* From a configuration to a job: which source, which sink, with which options. The only place that knows implementations. */
#include <stdlib.h>

#include "run/job.h"
#include "source/source_delta.h"
#include "source/source_files.h"

static bool is(const char *option, const char *word) { return option && strcmp(option, word) == 0; }

/* Limits are -1 for "none" in a configuration and 0 in the source's options. */
static int64_t limit_of(int64_t configured) { return configured > 0 ? configured : 0; }

static pli__corrupt_mode corrupt_mode(const char *word) {
    if (is(word, "skip")) return PLI__CORRUPT_SKIP;
    return is(word, "column") ? PLI__CORRUPT_COLUMN : PLI__CORRUPT_FAIL;
}

static pli__files_options files_options(const pli__job_config *c, const char *const *never, size_t n_never) {
    const pli__source_config *s = &c->source;
    return (pli__files_options){
        .path = s->path,
        .format = s->format,
        .pattern = s->pattern,
        .recursive = s->recursive,
        .n_exclude = s->exclude.n,
        .exclude = s->exclude.items,
        .n_never = n_never,
        .never = never,
        .allow_missing = s->allow_missing,
        .max_files = limit_of(s->max_files_per_trigger),
        .max_bytes = limit_of(s->max_bytes_per_trigger),
        .start_offset = s->start_offset,
        .start_timestamp = s->start_timestamp,
        .by_modification_time = is(s->order, "modification_time"),
        .latest_first = s->latest_first,
        .ordered = is(c->sink.mode, "merge"), /* of several rows of a key the last one counts */
        .allow_overwrites = s->allow_overwrites,
        .file_name_only = s->file_name_only,
        .any_suffix = true,
        .settle_us = limit_of(s->settle_time),
        .max_age_us = limit_of(s->max_file_age),
        .check_complete = true,
        .full_discovery = is(s->discovery, "full"),
        .full_scan_interval_us = limit_of(s->full_scan_interval),
        .clean = is(s->clean_source, "delete")    ? PLI__CLEAN_DELETE
                 : is(s->clean_source, "archive") ? PLI__CLEAN_ARCHIVE
                                                  : PLI__CLEAN_OFF,
        .archive_dir = s->archive_dir,
        .clean_after_us = limit_of(s->clean_after),
        .read = {.options = s->options,
                 .all_text = !s->infer_types,
                 .sample_rows = s->sample_rows,
                 .sample_files = s->sample_files,
                 .ntz = is(s->timestamp_type, "ntz"),
                 .corrupt = corrupt_mode(c->schema.corrupt_records)},
        .n_partition_columns = s->partition_columns.n,
        .partition_columns = s->partition_columns.items,
    };
}

static pli_status open_delta_source(pli_env *env, const pli__source_config *c, pli__source **out, pli_error *err) {
    pli__delta_options options = {.path = c->path,
                                  .start_offset = c->start_offset,
                                  .starting_version = c->starting_version,
                                  .starting_timestamp = c->start_timestamp,
                                  .ending_version = c->ending_version,
                                  .max_files = limit_of(c->max_files_per_trigger),
                                  .max_bytes = limit_of(c->max_bytes_per_trigger),
                                  .ignore_deletes = c->ignore_deletes,
                                  .ignore_changes = c->ignore_changes,
                                  .skip_change_commits = c->skip_change_commits,
                                  .read_change_feed = c->read_change_feed,
                                  .allow_data_loss = !c->fail_on_data_loss,
                                  .must_exist = !c->allow_missing};
    return pli__source_delta_new(env, &options, out, err);
}

/* `auto` is a table where there is a log, files otherwise. */
static pli_status is_table(const pli__source_config *c, bool *out, pli_error *err) {
    *out = is(c->format, "delta");
    if (*out || (c->format && !is(c->format, "auto")) || !c->path) return PLI_OK;
    PLI_AUTO(pli__free_ptr) char *log = pli__path_join(c->path, "_delta_log");
    pli__file_info info;
    if (!log) return pli__error_memory(err);
    PLI_TRY(pli__fs_stat(log, &info, err));
    *out = info.kind == PLI__FILE_DIR;
    return PLI_OK;
}

static pli_status open_source(pli_env *env, const pli__job_config *c, pli__source **out, pli_error *err) {
    bool table = false;
    PLI_TRY(is_table(&c->source, &table, err));
    if (table) return open_delta_source(env, &c->source, out, err);
    const char *const all[] = {c->checkpoint, c->sink.path, c->source.quarantine_dir};
    const char *never[3];
    size_t n = 0;
    for (size_t i = 0; i < 3; i++)
        if (all[i]) never[n++] = all[i];
    pli__files_options options = files_options(c, never, n);
    return pli__source_files_new(env, &options, out, err);
}

/* Table properties as key, value, key, value …; the texts are borrowed from the configuration. */
static pli_status property_list(const json_t *map, const char ***out, size_t *n, pli_error *err) {
    *n = json_object_size(map);
    *out = calloc(*n ? *n * 2 : 1, sizeof **out);
    if (!*out) return pli__error_memory(err);
    size_t i = 0;
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)map, key, value) {
        (*out)[i++] = key;
        (*out)[i++] = json_string_value(value);
        if (!json_is_string(value)) return pli__error_set(err, PLI_E_CONFIG, "sink.properties.%s must be a text", key);
    }
    return PLI_OK;
}

static pli_status open_sink(pli_env *env, const pli__job_config *c, pli__sink **out, pli_error *err) {
    if (is(c->sink.format, "parquet")) return pli__sink_parquet_new(env, c->sink.path, c->relaxed, out, err);
    PLI_AUTO(pli__free_ptr) const char **properties = NULL;
    size_t n = 0;
    PLI_TRY(property_list(c->sink.properties, &properties, &n, err));
    pli__sink_delta_options options = {.path = c->sink.path,
                                       .merge_schema = c->sink.merge_schema,
                                       .overwrite_schema = c->sink.overwrite_schema,
                                       .dynamic_partitions = c->sink.dynamic_partitions,
                                       .replace_where = c->sink.replace_where,
                                       .allow_type_widening = c->schema.allow_type_widening,
                                       .n_partition_by = c->sink.partition_by.n,
                                       .partition_by = c->sink.partition_by.items,
                                       .n_properties = 2 * n,
                                       .properties = properties,
                                       .mode = c->sink.mode,
                                       .n_keys = c->sink.keys.n,
                                       .keys = c->sink.keys.items,
                                       .target_file_size = c->sink.target_file_size,
                                       .relaxed = c->relaxed,
                                       .allow_short_txn_retention = c->sink.allow_short_txn_retention};
    return pli__sink_delta_new(env, &options, out, err);
}

pli_status pli__job_open(pli_env *env, const pli__job_config *config, bool callbacks, pli_job **out, pli_error *err) {
    *out = NULL;
    PLI_AUTO(pli__source_auto) pli__source *source = NULL;
    PLI_AUTO(pli__sink_auto) pli__sink *sink = NULL;
    PLI_TRY_IN(open_source(env, config, &source, err), err, "job '%s'", config->name ? config->name : "");
    if (!callbacks) PLI_TRY_IN(open_sink(env, config, &sink, err), err, "job '%s'", config->name ? config->name : "");
    pli__job_parts parts = {.source = PLI_TAKE(source), .sink = PLI_TAKE(sink)};
    return pli__job_open_parts(env, config, parts, out, err);
}
