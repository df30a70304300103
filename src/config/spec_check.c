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
    if (!delta && (s->starting_version >= 0 || s->ending_version >= 0 || s->read_change_feed))
        return pli__error_set(
            err, PLI_E_CONFIG,
            "options 'source.starting_version', 'source.ending_version' and 'source.read_change_feed' need format delta");
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
