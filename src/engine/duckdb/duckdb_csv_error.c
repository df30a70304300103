/*
 * What DuckDB says of a bad row of a CSV file, told with the file and the line first. Its message is
 * "CSV Error on Line: N\nOriginal Line: <the row, of any length and with any line ends>\n<reason>\n", advice, and the settings
 * of the reader, among them the file.
 */
#include <stdlib.h>

#include "base/utf8.h"
#include "engine/duckdb/duckdb_module.h"

#define ROW_SHOWN 80 /* bytes of the row that are shown */

/* Reasons by their beginning, how they are told, and how to mend them. A reason with numbers has one behind its beginning and
 * one behind `second`; they are told before `told` and before `told_second`. */
static const struct {
    const char *begins, *second, *told, *told_second, *hint;
} reasons[] = {
    {"Expected Number of Columns: ", " Found: ", " values expected, ", " found",
     "mend the row, or set the option `null_padding` (short rows) or `corrupt_records: skip` or `column`"},
    {"Maximum line size of ", " Size:", " bytes allowed for a row, ", " found",
     "raise the reader's option `max_line_size`"},
    {"Invalid unicode", NULL, "not UTF-8", NULL,
     "convert the file to UTF-8, or, for CSV, set the option `encoding`: latin-1 or utf-16"},
    {"Value with unterminated quote", NULL, "a quote is not closed, or something follows the closing one", NULL,
     "mend the row, or set the option `quote`, or `corrupt_records: skip` or `column`"},
};

static void add_reason(pli__buf *out, pli__str reason, const char **hint) {
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        const size_t n = strlen(reasons[i].begins);
        if (reason.len < n || memcmp(reason.ptr, reasons[i].begins, n) != 0) continue;
        const char *second = reasons[i].second ? strstr(reason.ptr, reasons[i].second) : NULL;
        if (reasons[i].second && !second) continue;
        *hint = reasons[i].hint;
        if (second) pli__buf_addf(out, "%lld", strtoll(reason.ptr + n, NULL, 10));
        pli__buf_addz(out, reasons[i].told);
        if (second)
            pli__buf_addf(out, "%lld%s", strtoll(second + strlen(reasons[i].second), NULL, 10), reasons[i].told_second);
        return;
    }
    pli__buf_add(out, reason.ptr, reason.len);
}

/* The beginning of a row, on one line. */
static void add_row(pli__buf *out, pli__str row) {
    const bool cut = row.len > ROW_SHOWN;
    if (cut) row.len = pli__utf8_valid_prefix((pli__str){row.ptr, ROW_SHOWN});
    for (size_t i = 0; i < row.len; i++) {
        if (row.ptr[i] == '\n') pli__buf_addz(out, "\\n");
        else if (row.ptr[i] == '\r') pli__buf_addz(out, "\\r");
        else pli__buf_addc(out, row.ptr[i]);
    }
    if (cut) pli__buf_addz(out, "...");
}

static pli__str trim_end(const char *begin, const char *end) {
    while (end > begin && strchr(" .\n", end[-1])) end--;
    return (pli__str){begin, (size_t)(end - begin)};
}

const char *pli__duckdb_csv_error(const char *message, pli__buf *out) {
    static const char head[] = "CSV Error on Line: ", row_mark[] = "\nOriginal Line: ", file_mark[] = "\n  file = ";
    const char *row = strstr(message, row_mark), *hint = "";
    if (strstr(message, "CSV Parser state machine reached an invalid state")) { /* no line is told */
        pli__buf_addz(out, "its lines do not all end alike (LF, CRLF, CR), or a value is not as RFC 4180 has it");
        return "give all lines the same end, or set the option `strict: false`";
    }
    if (strncmp(message, head, sizeof head - 1) != 0 || !row) return NULL;
    row += sizeof row_mark - 1;
    const char *file = strstr(row, file_mark), *advice = strstr(row, "\nPossible ");
    const char *end = advice ? advice : file ? file : row + strlen(row);
    const pli__str said = trim_end(row, end);
    const char *reason = said.ptr + said.len;
    while (reason > row && reason[-1] != '\n') reason--;
    if (file) {
        file += sizeof file_mark - 1;
        pli__buf_addf(out, "'%.*s', ", (int)strcspn(file, "\n"), file);
    }
    pli__buf_addf(out, "line %lld: ", strtoll(message + sizeof head - 1, NULL, 10));
    add_reason(out, (pli__str){reason, (size_t)(said.ptr + said.len - reason)}, &hint);
    if (reason == row) return hint;
    pli__buf_addz(out, "; the row: ");
    add_row(out, trim_end(row, reason));
    return hint;
}
