/* Reports of the public writing functions. */
#include "delta/table_report.h"

void pli__report_begin(pli__buf *row, const char *operation, int64_t version, bool committed) {
    pli__buf_addf(row, "{\"operation\":\"%s\",\"version\":%lld,\"committed\":%s", operation, (long long)version,
                  committed ? "true" : "false");
}

void pli__report_number(pli__buf *row, const char *key, int64_t value) {
    pli__buf_addf(row, ",\"%s\":%lld", key, (long long)value);
}

pli_status pli__report_end(pli__buf *row, pli_row_fn *fn, void *arg, pli_error *err) {
    pli__buf_addc(row, '}');
    PLI_TRY(pli__buf_status(row, err));
    return fn ? pli__table_emit(fn, arg, row, err) : PLI_OK;
}
