/*
 * DuckDB's errors as ours. Connections run with errors_as_json, so an error text is
 * {"exception_type": "IO", "exception_message": "...", "errno": "28", "position": "7", ...}; errors from before a
 * connection exists are plain ("IO Error: ..."). This is the only place that looks into these texts.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/json.h"
#include "engine/duckdb/duckdb_module.h"

/* What can stand behind a type of exception. */
typedef enum {
    KIND_ENGINE,
    KIND_SQL,
    KIND_VALUE,
    KIND_IO,
    KIND_MEMORY,
    KIND_CANCELLED,
    KIND_ACCESS,
    KIND_CONSTRAINT,
    KIND_FATAL
} error_kind;

static const struct {
    const char *type;
    error_kind kind;
} kinds[] = {
    {"Parser", KIND_SQL},
    {"Syntax", KIND_SQL},
    {"Binder", KIND_SQL},
    {"Catalog", KIND_SQL},
    {"Planner", KIND_SQL},
    {"Expression", KIND_SQL},
    {"Not implemented", KIND_SQL},
    {"Settings", KIND_SQL},
    {"Parameter Not Resolved", KIND_SQL},
    {"Parameter Not Allowed", KIND_SQL},
    {"Dependency", KIND_SQL},
    {"TransactionContext", KIND_SQL},
    {"Conversion", KIND_VALUE},
    {"Out of Range", KIND_VALUE},
    {"Mismatch Type", KIND_VALUE},
    {"Decimal", KIND_VALUE},
    {"Divide by Zero", KIND_VALUE},
    {"Invalid Input", KIND_VALUE},
    {"Invalid", KIND_VALUE},
    {"Invalid type", KIND_VALUE},
    {"Object Size", KIND_VALUE},
    {"Serialization", KIND_VALUE},
    {"IO", KIND_IO},
    {"HTTP", KIND_IO},
    {"Out of Memory", KIND_MEMORY},
    {"INTERRUPT", KIND_CANCELLED},
    {"Permission", KIND_ACCESS},
    {"Constraint", KIND_CONSTRAINT},
    {"FATAL", KIND_FATAL},
    {"INTERNAL", KIND_FATAL},
};

typedef struct {
    const char *type, *message;
    int native;       /* errno, 0 if unknown */
    int64_t position; /* byte in the SQL from 1, 0 if unknown */
} parsed_error;

static error_kind kind_of(const char *type) {
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcasecmp(type, kinds[i].type) == 0) return kinds[i].kind;
    return KIND_ENGINE;
}

/* ---- reading the text ---- */

static const char *member(const json_t *object, const char *key) {
    return json_string_value(json_object_get(object, key));
}

/* The value of a member that is a number in a string; -1 if there is none. */
static int64_t number(const json_t *object, const char *key) {
    int64_t value;
    const char *text = member(object, key);
    return text && pli__str_to_i64(pli__str_of(text), &value) ? value : -1;
}

/* Parser errors have a plain prefix before their JSON. */
static json_t *parse_json(const char *text) {
    const char *brace = strchr(text, '{');
    json_t *json = NULL;
    if (brace && pli__json_parse(pli__str_of(brace), "error", &json, NULL) != PLI_OK) return NULL;
    if (json && member(json, "exception_type") && member(json, "exception_message")) return json;
    json_decref(json);
    return NULL;
}

/* "IO Error: message"; the type is copied into a buffer. */
static parsed_error parse_plain(const char *text, char *type, size_t cap) {
    static const char mark[] = " Error: ";
    const char *at = strstr(text, mark);
    const size_t n = at ? (size_t)(at - text) : 0;
    if (!at || n >= cap) return (parsed_error){.type = "", .message = text};
    memcpy(type, text, n);
    type[n] = 0;
    return (parsed_error){.type = type, .message = at + sizeof mark - 1};
}

static parsed_error parse_error(const json_t *json) {
    const int64_t native = number(json, "errno"), position = number(json, "position");
    return (parsed_error){.type = member(json, "exception_type"),
                          .message = member(json, "exception_message"),
                          .native = native > 0 ? (int)native : 0,
                          .position = position + 1};
}

/* ---- choosing the code ---- */

static bool has(const char *message, const char *part) { return strcasestr(message, part) != NULL; }

static pli_status io_code(const parsed_error *e) {
    switch (e->native) {
        case ENOSPC:
        case EDQUOT: return PLI_E_DISK_FULL;
        case ENOENT:
        case ENOTDIR: return PLI_E_NOT_FOUND;
        case EACCES:
        case EPERM:
        case EROFS: return PLI_E_ACCESS;
        case ENOMEM: return PLI_E_MEMORY;
        default: break;
    }
    if (e->native == 0 && has(e->message, "no files found")) return PLI_E_NOT_FOUND;
    return PLI_E_IO;
}

/* A value that does not fit is the data's fault, unless it stands in the SQL itself: then it shows while binding and no
 * file is named. */
static pli_status value_code(const parsed_error *e, pli__duckdb_phase phase) {
    return phase == PLI__DUCKDB_BINDING && !has(e->message, "file") ? PLI_E_SQL : PLI_E_DATA;
}

static pli_status code_of(const parsed_error *e, pli__duckdb_phase phase) {
    switch (kind_of(e->type)) {
        case KIND_SQL: return PLI_E_SQL;
        case KIND_VALUE: return value_code(e, phase);
        case KIND_IO: return io_code(e);
        case KIND_MEMORY: return has(e->message, "max_temp_directory_size") ? PLI_E_DISK_FULL : PLI_E_MEMORY;
        case KIND_CANCELLED: return PLI_E_CANCELLED;
        case KIND_ACCESS: return PLI_E_ACCESS;
        case KIND_CONSTRAINT: return PLI_E_CONSTRAINT;
        default: return PLI_E_ENGINE;
    }
}

/* ---- the message ---- */

/* Text on one line, without what ends a sentence. */
static void add_line(pli__buf *out, const char *text, size_t n) {
    while (n && strchr(" \n.!", text[n - 1])) n--;
    for (size_t i = 0; i < n; i++) {
        const bool lower = i == 0 && n > 1 && islower((unsigned char)text[1]);
        if (text[i] == '\n') pli__buf_addz(out, "; ");
        else pli__buf_addc(out, lower ? (char)tolower((unsigned char)text[i]) : text[i]);
    }
}

/* Where DuckDB begins to advise about its own settings; the end if it does not. */
static const char *advice_of(const char *message) {
    static const char *const marks[] = {"\n\n", "\nPossible ", "\nTry setting "};
    const char *end = message + strlen(message);
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        const char *at = strstr(message, marks[i]);
        if (at && at < end) end = at;
    }
    return end;
}

/* The number behind "Line: " or "in line ", as in messages about CSV and JSON files. */
static int64_t line_of(const char *message) {
    static const char *const marks[] = {"line: ", "in line "};
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        const char *at = strcasestr(message, marks[i]);
        if (at) return strtoll(at + strlen(marks[i]), NULL, 10);
    }
    return 0;
}

static unsigned flags_of(pli_status code, error_kind kind) {
    if (kind == KIND_FATAL) return PLI_ERR_FATAL;
    return code == PLI_E_IO || code == PLI_E_DISK_FULL ? PLI_ERR_RETRIABLE : 0;
}

pli_status pli__duckdb_error(pli_error *err, const char *text, pli__duckdb_phase phase) {
    char type[40];
    PLI_AUTO(pli__buf_clear) pli__buf message = {0};
    PLI_AUTO(pli__json_unref) json_t *json = parse_json(text ? text : "unknown error");
    const parsed_error e = json ? parse_error(json) : parse_plain(text ? text : "unknown error", type, sizeof type);
    const pli_status code = code_of(&e, phase);
    if (!err) return code;
    const char *hint = pli__duckdb_csv_error(e.message, &message);
    if (!hint) add_line(&message, e.message, (size_t)(advice_of(e.message) - e.message));
    pli__error_set(err, code, "%s", message.ptr ? message.ptr : "");
    if (hint && *hint) pli__error_hint(err, "%s", hint);
    pli__error_flag(err, flags_of(code, kind_of(e.type)));
    err->native_code = e.native;
    err->position = code == PLI_E_SQL ? e.position : line_of(e.message);
    return code;
}

pli_status pli__duckdb_error_data(pli_error *err, duckdb_error_data take_data) {
    pli_status code = PLI_OK;
    if (take_data && duckdb_error_data_has_error(take_data))
        code = pli__duckdb_error(err, duckdb_error_data_message(take_data), PLI__DUCKDB_RUNNING);
    duckdb_destroy_error_data(&take_data);
    return code;
}
