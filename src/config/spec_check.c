/* Whether the options of a job fit together, and what follows from them: format by extension, default checkpoint. */
#include <stdio.h>
#include <stdlib.h>

#include "config/reader_options.h"
#include "config/spec.h"
#include "port/fs.h"

static pli_status require(const char *value, const char *key, pli_error *err) {
    if (value && *value) return PLI_OK;
    return pli__error_set(err, PLI_E_CONFIG, "option '%s' is missing", key);
}

static pli_status keep(pli_job_spec *spec, const char *value, const char **out, pli_error *err) {
    *out = pli__arena_strdup(&spec->arena, pli__str_of(value));
    return *out ? PLI_OK : pli__arena_status(&spec->arena, err);
}

/* Words between dots of a file name decide: events.csv.gz is csv. */
static const char *format_of_name(const char *path) {
    static const struct {
        const char *ext, *format;
    } table[] = {{".csv", "csv"},    {".tsv", "csv"},         {".ndjson", "ndjson"}, {".jsonl", "ndjson"},
                 {".json", "json"},  {".parquet", "parquet"}, {".parq", "parquet"},  {".avro", "avro"},
                 {".xlsx", "excel"}, {".xls", "excel"},       {".txt", "text"},      {".log", "text"}};
    const pli__str base = pli__str_of(pli__path_base(path));
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        const size_t n = strlen(table[i].ext);
        for (size_t at = 0; at + n <= base.len; at++) {
            const bool ends = at + n == base.len || base.ptr[at + n] == '.';
            if (ends && pli__str_ieqz((pli__str){base.ptr + at, n}, table[i].ext)) return table[i].format;
        }
    }
    return NULL;
}

static bool is_delta_table(const char *path) {
    PLI_AUTO(pli__free_ptr) char *log = pli__path_join(path, "_delta_log");
    pli__file_info info = {0};
    return log && pli__fs_stat(log, &info, NULL) == PLI_OK && info.kind == PLI__FILE_DIR;
}

struct first_format {
    const char *format;
    size_t looked_at;
};

static pli_status look_at_entry(void *arg, const pli__dir_entry *entry, pli_error *err) {
    struct first_format *f = arg;
    (void)err;
    if (entry->name[0] == '.' || entry->name[0] == '_' || entry->kind == PLI__FILE_DIR) return PLI_OK;
    const char *format = format_of_name(entry->name);
    /* a note beside the data does not decide */
    if (format && (!f->format || strcmp(f->format, "text") == 0)) f->format = format;
    f->looked_at++;
    return (f->format && strcmp(f->format, "text") != 0) || f->looked_at > 1000 ? PLI_E_STATE : PLI_OK;
}

/* auto: pattern, then the name in the path, then what lies in the folder. */
static const char *detect_format(const pli__source_config *s) {
    const char *format = s->pattern ? format_of_name(s->pattern) : NULL;
    if (!format && is_delta_table(s->path)) format = "delta";
    if (!format) format = format_of_name(s->path);
    if (format) return format;
    struct first_format found = {0};
    pli__fs_list(s->path, look_at_entry, &found, NULL);
    return found.format;
}

/* Options that would change what a job reads or removes, and that the other kind of source does not have. */
static const char *const files_only[] = {
    "source.pattern",         "source.recursive",         "source.exclude",          "source.options",
    "source.order",           "source.latest_first",      "source.allow_overwrites", "source.file_name_only",
    "source.max_file_age",    "source.clean_source",      "source.archive_dir",      "source.clean_after",
    "source.on_missing_file", "source.on_bad_file",       "source.quarantine_dir",   "source.bad_file_retries",
    "source.on_changed_file", "source.partition_columns", "source.infer_types",      "source.timestamp_type"};
static const char *const delta_only[] = {
    "source.starting_version",    "source.ending_version",   "source.ignore_deletes",   "source.ignore_changes",
    "source.skip_change_commits", "source.read_change_feed", "source.fail_on_data_loss"};

/* Was it set to something else than its default? */
static bool is_given(const pli_job_spec *spec, const char *key) {
    const char *member;
    const pli__option *o = pli__option_find(key, &member);
    const void *at = (const char *)&spec->config + o->offset;
    if (!spec->set[o - pli__option_table()]) return false;
    switch (o->kind) {
        case PLI__OPT_BOOL: return *(const bool *)at != (strcmp(o->info.def, "true") == 0);
        case PLI__OPT_CHOICE: return strcmp(*(const char *const *)at, o->info.def) != 0;
        default: return true;
    }
}

static pli_status check_kind(const pli_job_spec *spec, bool delta, pli_error *err) {
    const char *const *keys = delta ? files_only : delta_only;
    const size_t n = delta ? sizeof files_only / sizeof *files_only : sizeof delta_only / sizeof *delta_only;
    for (size_t i = 0; i < n; i++) {
        if (!is_given(spec, keys[i])) continue;
        const pli_status status = pli__error_set(err, PLI_E_CONFIG, "option '%s' is for %s, and the source is %s",
                                                 keys[i], delta ? "files" : "Delta tables",
                                                 delta ? "a Delta table" : "files");
        if (strcmp(keys[i], "source.on_missing_file") == 0)
            pli__error_hint(err, "`fail_on_data_loss: false` goes on over data files that are gone");
        if (strcmp(keys[i], "source.fail_on_data_loss") == 0)
            pli__error_hint(err, "`on_missing_file: skip` goes on over files that are gone");
        return status;
    }
    return PLI_OK;
}

static pli_status check_source(pli_job_spec *spec, pli_error *err) {
    pli__source_config *s = &spec->config.source;
    PLI_TRY(require(s->path, "source.path", err));
    if (strcmp(s->format, "auto") == 0) {
        const char *format = detect_format(s);
        if (format) s->format = format;
    }
    const bool delta = strcmp(s->format, "delta") == 0;
    if (!delta) PLI_TRY(pli__reader_options_normalise(s->options, s->format, err));
    if (!delta && s->start_offset && strcmp(s->start_offset, "snapshot") == 0)
        return pli__error_set(
            err, PLI_E_CONFIG,
            "option 'source.start_offset' cannot be 'snapshot' for files: expected earliest or latest");
    return check_kind(spec, delta, err);
}

/* A part of the table, or all of it with another schema. */
static pli_status check_overwrite(const pli__sink_config *k, pli_error *err) {
    const char *asked = k->dynamic_partitions ? "sink.dynamic_partitions"
                        : k->replace_where    ? "sink.replace_where"
                        : k->overwrite_schema ? "sink.overwrite_schema"
                                              : NULL;
    if (asked && strcmp(k->mode, "overwrite") != 0)
        return pli__error_set(err, PLI_E_CONFIG, "option '%s' needs 'sink.mode: overwrite'", asked);
    if (k->dynamic_partitions + (k->replace_where != NULL) + k->overwrite_schema > 1)
        return pli__error_set(
            err, PLI_E_CONFIG,
            "only one of 'sink.dynamic_partitions', 'sink.replace_where' and 'sink.overwrite_schema' can be given");
    return PLI_OK;
}

static pli_status check_sink(pli_job_spec *spec, pli_error *err) {
    pli__sink_config *k = &spec->config.sink;
    PLI_TRY(require(k->path, "sink.path", err));
    if (strcmp(k->mode, "merge") == 0 && k->keys.n == 0)
        return pli__error_set(err, PLI_E_CONFIG, "option 'sink.mode' merge needs 'sink.keys'");
    if (strcmp(k->mode, "merge") != 0 && k->keys.n > 0)
        return pli__error_set(err, PLI_E_CONFIG, "option 'sink.keys' needs 'sink.mode: merge'");
    if (strcmp(k->format, "delta") != 0 &&
        (k->merge_schema || k->partition_by.n || k->properties || strcmp(k->mode, "append") != 0))
        return pli__error_set(err, PLI_E_CONFIG,
                              "sink format '%s' has no mode, merge_schema, partition_by or properties", k->format);
    PLI_TRY(check_overwrite(k, err));
    if (strcmp(k->path, spec->config.source.path) == 0)
        return pli__error_set(err, PLI_E_CONFIG, "source and sink are the same folder '%s'", k->path);
    return PLI_OK;
}

static pli_status default_checkpoint(pli_job_spec *spec, pli_error *err) {
    if (spec->config.checkpoint && *spec->config.checkpoint) return PLI_OK;
    PLI_AUTO(pli__buf_clear) pli__buf b = {0};
    pli__buf_addf(&b, "%s/_checkpoints/%s", spec->config.sink.path, spec->config.name);
    PLI_TRY(pli__buf_status(&b, err));
    return keep(spec, b.ptr, &spec->config.checkpoint, err);
}

pli_status pli_job_spec_check(pli_job_spec *spec, pli_error *err) {
    if (!spec) return pli__error_set(err, PLI_E_ARGUMENT, "spec must not be NULL");
    if (spec->checked) return PLI_OK;
    PLI_TRY(check_source(spec, err));
    PLI_TRY(check_sink(spec, err));
    PLI_TRY(default_checkpoint(spec, err));
    spec->checked = true;
    return PLI_OK;
}
