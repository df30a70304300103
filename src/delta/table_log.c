/* pli/table_write.h: upkeep of the log and repair. Results become rows of a report. */
#include "base/str.h"
#include "delta/checkpoint_write.h"
#include "delta/fsck.h"
#include "delta/log_maintain.h"
#include "delta/table_public.h"
#include "pli/table_write.h"

#define NOT_NULL(expr)                                                                                                 \
    do {                                                                                                               \
        if (!(expr)) return pli__error_set(err, PLI_E_ARGUMENT, "'%s' must not be NULL", #expr);                       \
    } while (0)

static void begin_report(pli__buf *row, const char *operation, int64_t version, bool committed) {
    pli__buf_addf(row, "{\"operation\":\"%s\",\"version\":%lld,\"committed\":%s", operation, (long long)version,
                  committed ? "true" : "false");
}

static void add_number(pli__buf *row, const char *key, int64_t value) {
    pli__buf_addf(row, ",\"%s\":%lld", key, (long long)value);
}

static pli_status end_report(pli__buf *row, pli_row_fn *fn, void *arg, pli_error *err) {
    pli__buf_addc(row, '}');
    PLI_TRY(pli__buf_status(row, err));
    return fn ? pli__table_emit(fn, arg, row, err) : PLI_OK;
}

/* ---- checkpoint ---- */

static pli_status count_add(void *arg, const pli__add *add, pli_error *err) {
    pli__delta_checkpoint_result *r = arg;
    (void)add, (void)err;
    r->add_files++;
    return PLI_OK;
}

pli_status pli_table_checkpoint(pli_table *t, bool dry_run, pli_row_fn *fn, void *arg, pli_error *err) {
    PLI_AUTO(pli__snapshot_auto) pli__snapshot *s = NULL;
    PLI_AUTO(pli__buf_clear) pli__buf row = {0};
    pli__delta_checkpoint_result r = {0};
    pli__log_clean_result cleaned = {.before = -1};
    const pli__snapshot_options for_write = {.for_write = true};
    NOT_NULL(t);
    PLI_TRY(pli__snapshot_open(t->delta, PLI__LATEST, &for_write, &s, err));
    r.version = pli__snapshot_version(s);
    if (dry_run) {
        PLI_TRY(pli__snapshot_files(s, PLI__FILES_PATHS, count_add, &r, err));
    } else {
        PLI_TRY(pli__delta_checkpoint_write(s, t->delta, &r, err));
        PLI_TRY(pli__log_clean(s, &cleaned, err));
    }
    begin_report(&row, "CHECKPOINT", r.version, r.actions > 0);
    add_number(&row, "actions", r.actions);
    add_number(&row, "addFiles", r.add_files);
    add_number(&row, "bytes", r.bytes);
    add_number(&row, "bytesWritten", r.bytes_written);
    add_number(&row, "sidecars", r.sidecars);
    add_number(&row, "sidecarsReused", r.sidecars_reused);
    add_number(&row, "logFilesDeleted", cleaned.commits + cleaned.checkpoints + cleaned.sidecars + cleaned.others);
    return end_report(&row, fn, arg, err);
}

/* ---- compact-log ---- */

pli_status pli_table_compact_log(pli_table *t, const pli_compact_log_options *options, pli_row_fn *fn, void *arg,
                                 pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf row = {0};
    pli_compact_log_options o = {0};
    pli__log_compact_result r = {0};
    NOT_NULL(t);
    if (options && !options->size) return pli__error_set(err, PLI_E_ARGUMENT, "'size' of the options is not set");
    if (options) memcpy(&o, options, options->size < sizeof o ? options->size : sizeof o);
    if ((o.has_from && o.from < 0) || (o.has_to && o.to < 0))
        return pli__error_set(err, PLI_E_ARGUMENT, "a version is not negative");
    const pli__log_compact_options c = {
        .from = o.has_from ? o.from : -1, .to = o.has_to ? o.to : -1, .dry_run = o.dry_run};
    PLI_TRY(pli__log_compact(t->delta, &c, &r, err));
    begin_report(&row, "COMPACT LOG", r.to, r.written && !o.dry_run);
    add_number(&row, "fromVersion", r.from);
    add_number(&row, "toVersion", r.to);
    add_number(&row, "commits", r.commits);
    add_number(&row, "actions", r.actions);
    add_number(&row, "bytesBefore", r.bytes_before);
    add_number(&row, "bytes", r.bytes);
    return end_report(&row, fn, arg, err);
}

/* ---- fsck ---- */

typedef struct {
    pli_row_fn *fn;
    void *arg;
} reporter;

static pli_status report_finding(void *arg, const pli__fsck_finding *f, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf row = {0};
    const reporter *r = arg;
    pli__buf_addz(&row, "{\"dataFilePath\":");
    pli__buf_add_json(&row, f->path);
    pli__buf_addf(&row, ",\"dataFileMissing\":%s,\"deletionVectorPath\":", f->file_missing ? "true" : "false");
    if (f->vector.ptr) pli__buf_add_json(&row, f->vector);
    else pli__buf_addz(&row, "null");
    pli__buf_addf(&row, ",\"deletionVectorFileMissing\":%s,\"deletionVectorFileSizeInvalid\":%s",
                  f->vector_missing ? "true" : "false", f->vector_invalid ? "true" : "false");
    return end_report(&row, r->fn, r->arg, err);
}

pli_status pli_table_fsck(pli_table *t, bool dry_run, pli_row_fn *fn, void *arg, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf row = {0};
    pli__fsck_result r = {0};
    reporter report = {fn, arg};
    NOT_NULL(t);
    PLI_TRY(pli__fsck(t->delta, dry_run, fn ? report_finding : NULL, &report, &r, err));
    begin_report(&row, "FSCK", r.version, r.committed);
    add_number(&row, "filesChecked", r.files_checked);
    add_number(&row, "filesRemoved", r.files_removed);
    add_number(&row, "dataFilesMissing", r.files_missing);
    add_number(&row, "deletionVectorFilesMissing", r.vectors_missing);
    add_number(&row, "deletionVectorFilesInvalid", r.vectors_invalid);
    return end_report(&row, fn, arg, err);
}
