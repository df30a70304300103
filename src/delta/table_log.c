/* pli/table_write.h: upkeep of the log and repair. Results become rows of a report. */
#include "base/str.h"
#include "delta/checkpoint_write.h"
#include "delta/fsck.h"
#include "delta/log_maintain.h"
#include "delta/table_report.h"
#include "pli/table_write.h"

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
    PLI__NOT_NULL(t);
    PLI_TRY(pli__snapshot_open(t->delta, PLI__LATEST, &for_write, &s, err));
    r.version = pli__snapshot_version(s);
    if (dry_run) {
        PLI_TRY(pli__snapshot_files(s, PLI__FILES_PATHS, count_add, &r, err));
    } else {
        PLI_TRY(pli__delta_checkpoint_write(s, t->delta, &r, err));
        PLI_TRY(pli__log_clean(s, &cleaned, err));
    }
    pli__report_begin(&row, "CHECKPOINT", r.version, r.actions > 0);
    pli__report_number(&row, "actions", r.actions);
    pli__report_number(&row, "addFiles", r.add_files);
    pli__report_number(&row, "bytes", r.bytes);
    pli__report_number(&row, "bytesWritten", r.bytes_written);
    pli__report_number(&row, "sidecars", r.sidecars);
    pli__report_number(&row, "sidecarsReused", r.sidecars_reused);
    pli__report_number(&row, "logFilesDeleted",
                       cleaned.commits + cleaned.checkpoints + cleaned.sidecars + cleaned.others);
    return pli__report_end(&row, fn, arg, err);
}

/* ---- compact-log ---- */

pli_status pli_table_compact_log(pli_table *t, const pli_compact_log_options *options, pli_row_fn *fn, void *arg,
                                 pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf row = {0};
    pli_compact_log_options o = {0};
    pli__log_compact_result r = {0};
    PLI__NOT_NULL(t);
    PLI__COPY_OPTIONS(options, o);
    if ((o.has_from && o.from < 0) || (o.has_to && o.to < 0))
        return pli__error_set(err, PLI_E_ARGUMENT, "a version is not negative");
    const pli__log_compact_options c = {
        .from = o.has_from ? o.from : -1, .to = o.has_to ? o.to : -1, .dry_run = o.dry_run};
    PLI_TRY(pli__log_compact(t->delta, &c, &r, err));
    pli__report_begin(&row, "COMPACT LOG", r.to, r.written && !o.dry_run);
    pli__report_number(&row, "fromVersion", r.from);
    pli__report_number(&row, "toVersion", r.to);
    pli__report_number(&row, "commits", r.commits);
    pli__report_number(&row, "actions", r.actions);
    pli__report_number(&row, "bytesBefore", r.bytes_before);
    pli__report_number(&row, "bytes", r.bytes);
    return pli__report_end(&row, fn, arg, err);
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
    return pli__report_end(&row, r->fn, r->arg, err);
}

pli_status pli_table_fsck(pli_table *t, bool dry_run, pli_row_fn *fn, void *arg, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf row = {0};
    pli__fsck_result r = {0};
    reporter report = {fn, arg};
    PLI__NOT_NULL(t);
    PLI_TRY(pli__fsck(t->delta, dry_run, fn ? report_finding : NULL, &report, &r, err));
    pli__report_begin(&row, "FSCK", r.version, r.committed);
    pli__report_number(&row, "filesChecked", r.files_checked);
    pli__report_number(&row, "filesRemoved", r.files_removed);
    pli__report_number(&row, "dataFilesMissing", r.files_missing);
    pli__report_number(&row, "deletionVectorFilesMissing", r.vectors_missing);
    pli__report_number(&row, "deletionVectorFilesInvalid", r.vectors_invalid);
    return pli__report_end(&row, fn, arg, err);
}
