/* The table of formats, the table of reader options, and what follows from them: names, suffixes, checks. */
#include "source/format.h"

#include <stdlib.h>

#include "port/fs.h"

static const pli__format formats[] = {
    {PLI__FORMAT_CSV, "csv", "csv", "csv tsv", "text with a delimiter and a header row"},
    {PLI__FORMAT_NDJSON, "ndjson", "ndjson", "ndjson jsonl", "one JSON object a line"},
    {PLI__FORMAT_JSON, "json", "json", "json", "a JSON array of objects, or objects one behind the other"},
    {PLI__FORMAT_PARQUET, "parquet", "parquet", "parquet parq", "Apache Parquet"},
    {PLI__FORMAT_AVRO, "avro", "avro", "avro", "Apache Avro container files"},
    {PLI__FORMAT_EXCEL, "excel", "xlsx", "xlsx xls excel", "one sheet of an Excel workbook (.xlsx)"},
    {PLI__FORMAT_TEXT, "text", "txt", "txt text log", "a row a line: `value`"},
    {PLI__FORMAT_BINARY, "binary", "bin", "bin binary", "a row a file: `path`, `length`, `content`"},
};
enum { N_FORMATS = sizeof formats / sizeof *formats };

const pli__format *pli__formats(size_t *n) {
    *n = N_FORMATS;
    return formats;
}

static bool has_word(const char *words, pli__str word) {
    for (const char *p = words; *p;) {
        size_t len = strcspn(p, " ");
        if (len == word.len && strncasecmp(p, word.ptr, len) == 0) return true;
        p += len + (p[len] == ' ');
    }
    return false;
}

const pli__format *pli__format_of_name(const char *name) {
    if (!name) return NULL;
    for (size_t i = 0; i < N_FORMATS; i++)
        if (pli__str_ieqz(pli__str_of(name), formats[i].name)) return &formats[i];
    for (size_t i = 0; i < N_FORMATS; i++)
        if (has_word(formats[i].suffixes, pli__str_of(name))) return &formats[i];
    return NULL;
}

const pli__format *pli__format_of_path(pli__str path) {
    for (size_t end = path.len; end > 0;) {
        size_t dot = end;
        while (dot > 0 && path.ptr[dot - 1] != '.' && path.ptr[dot - 1] != '/') dot--;
        if (dot == 0 || path.ptr[dot - 1] == '/') return NULL;
        for (size_t i = 0; i < N_FORMATS; i++)
            if (has_word(formats[i].suffixes, (pli__str){path.ptr + dot, end - dot})) return &formats[i];
        end = dot - 1;
    }
    return NULL;
}

/* ---- options ---- */

#define CSV (1u << PLI__FORMAT_CSV)
#define NDJSON (1u << PLI__FORMAT_NDJSON)
#define JSON (1u << PLI__FORMAT_JSON)
#define PARQUET (1u << PLI__FORMAT_PARQUET)
#define EXCEL (1u << PLI__FORMAT_EXCEL)
#define TEXT (1u << PLI__FORMAT_TEXT)

static const pli__reader_option options_table[] = {
    {"header", PLI__OPT_BOOL, CSV | EXCEL, "true", "the first row (after skip_rows) names the columns"},
    {"delimiter", PLI__OPT_TEXT, CSV, "found in the header",
     "text between two values, 1 to 4 bytes; else , ; tab or |, whichever the first line has most"},
    {"quote", PLI__OPT_CHAR, CSV, "\"", "character around values; empty: none"},
    {"escape", PLI__OPT_CHAR, CSV, "the quote", "character before a quote within a quoted value"},
    {"comment", PLI__OPT_CHAR, CSV, "none", "lines that begin with it are passed over"},
    {"skip_rows", PLI__OPT_INT, CSV, "0", "lines before the header (or the first row)"},
    {"encoding", PLI__OPT_TEXT, CSV, "utf-8", "utf-8, utf-16 or latin-1"},
    {"null_strings", PLI__OPT_TEXTS, CSV, "[\"\"]", "texts that mean NULL"},
    {"quoted_nulls", PLI__OPT_BOOL, CSV, "true", "they mean NULL within quotes too"},
    {"null_padding", PLI__OPT_BOOL, CSV, "false", "rows with too few values get NULLs; else they are corrupt"},
    {"strict", PLI__OPT_BOOL, CSV, "true",
     "false reads also files with both LF and CRLF, and leaves out what follows a closing quote"},
    {"date_format", PLI__OPT_TEXT, CSV, "ISO 8601", "strptime format of dates, such as %d.%m.%Y"},
    {"timestamp_format", PLI__OPT_TEXT, CSV, "ISO 8601", "strptime format of timestamps"},
    {"decimal_separator", PLI__OPT_CHAR, CSV, ".", "character before the fraction of numbers: . or ,"},
    {"max_line_size", PLI__OPT_INT, CSV | TEXT, "2000000", "bytes of the longest row"},
    {"ignore_errors", PLI__OPT_BOOL, CSV | NDJSON | JSON, "false",
     "rows that cannot be parsed are left out (the same as corrupt_records: skip)"},
    {"columns", PLI__OPT_COLUMNS, CSV, "from the header",
     "names of the columns with their SQL types, in the order of the file; without a header it names them"},
    {"max_object_size", PLI__OPT_INT, NDJSON | JSON, "16777216", "bytes of the largest record"},
    {"binary_as_string", PLI__OPT_BOOL, PARQUET, "false", "binary columns without a logical type are text"},
    {"sheet", PLI__OPT_SHEET, EXCEL, "the first", "name of the sheet, or its number from 1"},
    {"range", PLI__OPT_TEXT, EXCEL, "what is filled", "cells to read, such as A3:F200"},
    {"all_text", PLI__OPT_BOOL, EXCEL, "false", "every column is text"},
    {"stop_at_empty", PLI__OPT_BOOL, EXCEL, "false", "an empty row ends the table; else empty rows are passed over"},
};
enum { N_OPTIONS = sizeof options_table / sizeof *options_table };

const pli__reader_option *pli__reader_options(size_t *n) {
    *n = N_OPTIONS;
    return options_table;
}

static pli_status unknown_option(const pli__format *format, const char *name, pli_error *err) {
    const char *names[N_OPTIONS];
    size_t n = 0;
    for (size_t i = 0; i < N_OPTIONS; i++)
        if (!format || options_table[i].formats & (1u << format->id)) names[n++] = options_table[i].name;
    pli__error_set(err, PLI_E_ARGUMENT, "unknown option '%s' of the format %s", name, format ? format->name : "auto");
    const char *near = pli__str_nearest(name, names, n);
    return near ? pli__error_hint(err, "did you mean '%s'?", near) : PLI_E_ARGUMENT;
}

static bool is_texts(const json_t *v) {
    size_t i;
    json_t *item;
    if (json_is_string(v)) return true;
    if (!json_is_array(v) || json_array_size(v) == 0) return false;
    json_array_foreach(v, i, item) if (!json_is_string(item)) return false;
    return true;
}

static bool is_columns(json_t *v) {
    const char *name;
    json_t *type;
    if (!json_is_object(v) || json_object_size(v) == 0) return false;
    json_object_foreach(v, name, type) if (!json_is_string(type)) return false;
    return true;
}

static bool has_kind(json_t *v, pli__opt_kind kind) {
    switch (kind) {
        case PLI__OPT_BOOL: return json_is_boolean(v);
        case PLI__OPT_INT: return json_is_integer(v) && json_integer_value(v) >= 0;
        case PLI__OPT_TEXT: return json_is_string(v);
        case PLI__OPT_CHAR: return json_is_string(v) && json_string_length(v) <= 1;
        case PLI__OPT_TEXTS: return is_texts(v);
        case PLI__OPT_COLUMNS: return is_columns(v);
        case PLI__OPT_SHEET: return json_is_string(v) || (json_is_integer(v) && json_integer_value(v) >= 1);
    }
    return false;
}

static const char *kind_text(pli__opt_kind kind) {
    static const char *const texts[] = {"true or false",
                                        "a number from 0",
                                        "text",
                                        "one character",
                                        "a text or a list of texts",
                                        "names of columns with their types",
                                        "a name, or a number from 1"};
    return texts[kind];
}

static pli_status check_columns(const json_t *columns, pli_error *err) {
    const char *name;
    json_t *type;
    json_object_foreach((json_t *)(uintptr_t)columns, name, type) {
        const pli__type *t = NULL;
        PLI_TRY_IN(pli__type_from_sql(pli__str_of(json_string_value(type)), &t, err), err,
                   "option 'columns': column '%s'", name);
        pli__type_unref(t);
    }
    return PLI_OK;
}

static pli_status check_value(const char *name, const json_t *v, pli_error *err) {
    const char *text = json_string_value(v);
    size_t len = json_string_length(v);
    if (strcmp(name, "delimiter") == 0 && (len < 1 || len > 4))
        return pli__error_set(err, PLI_E_ARGUMENT, "option 'delimiter' must have 1 to 4 bytes");
    if (strcmp(name, "encoding") == 0 && !has_word("utf-8 utf8 utf-16 latin-1", (pli__str){text, len}))
        return pli__error_set(err, PLI_E_ARGUMENT, "option 'encoding' must be utf-8, utf-16 or latin-1, not '%s'",
                              text);
    if (strcmp(name, "decimal_separator") == 0 && (len != 1 || !strchr(".,", *text)))
        return pli__error_set(err, PLI_E_ARGUMENT, "option 'decimal_separator' must be . or ,");
    return strcmp(name, "columns") == 0 ? check_columns(v, err) : PLI_OK;
}

pli_status pli__format_check_options(const pli__format *format, const json_t *options, pli_error *err) {
    if (!options || json_is_null(options)) return PLI_OK;
    if (!json_is_object(options))
        return pli__error_set(err, PLI_E_ARGUMENT, "the options of a format must be names with values");
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)options, name, value) {
        const pli__reader_option *o = NULL;
        for (size_t i = 0; i < N_OPTIONS && !o; i++)
            if (strcmp(options_table[i].name, name) == 0 && (!format || options_table[i].formats & (1u << format->id)))
                o = &options_table[i];
        if (!o) return unknown_option(format, name, err);
        if (!has_kind(value, o->kind))
            return pli__error_set(err, PLI_E_ARGUMENT, "option '%s' must be %s", name, kind_text(o->kind));
        PLI_TRY(check_value(name, value, err));
    }
    return PLI_OK;
}
