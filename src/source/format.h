/*
 * File formats: which there are, how a file's format is found, what options each reader takes, and how files become the
 * parts of a relation (SQL texts, see relation.h). Nothing is sniffed by the engine: dialects and headers are read here,
 * so that a batch of small files costs microseconds a file.
 */
#ifndef PLI_SOURCE_FORMAT_H
#define PLI_SOURCE_FORMAT_H

#include <jansson.h>

#include "engine/env.h"
#include "engine/relation.h"

typedef enum pli__format_id {
    PLI__FORMAT_CSV,
    PLI__FORMAT_NDJSON,
    PLI__FORMAT_JSON,
    PLI__FORMAT_PARQUET,
    PLI__FORMAT_AVRO,
    PLI__FORMAT_EXCEL,
    PLI__FORMAT_TEXT,
    PLI__FORMAT_BINARY
} pli__format_id;

typedef struct pli__format {
    pli__format_id id;
    const char *name;       /**< "csv" */
    const char *extension;  /**< of the default pattern: "csv" */
    const char *suffixes;   /**< blank-separated suffixes that mean this format: "csv tsv" */
    const char *help;
} pli__format;

/** The formats, in the order of their ids; *n = how many. */
const pli__format *pli__formats(size_t *n);
/** By name or alias (csv, ndjson, jsonl, excel, xlsx, xls …), case ignored; NULL if there is none. */
const pli__format *pli__format_of_name(const char *name);
/** By a suffix of the name ("x.csv.gz" is csv; any suffix counts, the last one first); NULL if none says. */
const pli__format *pli__format_of_path(pli__str path);

/** How values of an option look. */
typedef enum pli__opt_kind {
    PLI__OPT_BOOL,
    PLI__OPT_INT,
    PLI__OPT_TEXT,
    PLI__OPT_CHAR,
    PLI__OPT_TEXTS,
    PLI__OPT_COLUMNS,
    PLI__OPT_SHEET
} pli__opt_kind;
typedef struct pli__reader_option {
    const char *name;
    pli__opt_kind kind;
    unsigned formats;      /**< bit 1 << pli__format_id */
    const char *fallback;  /**< default, as shown in the reference */
    const char *help;      /**< one line */
} pli__reader_option;
/** The one table of reader options; *n = how many. */
const pli__reader_option *pli__reader_options(size_t *n);

/** Rows that cannot be parsed: the batch fails, they are left out, or they are given raw (pli__part.has_corrupt). */
typedef enum { PLI__CORRUPT_FAIL, PLI__CORRUPT_SKIP, PLI__CORRUPT_COLUMN } pli__corrupt_mode;

typedef struct pli__format_options {
    const json_t *options;  /**< object: names of the table above; borrowed */
    bool all_text;          /**< infer_types: false: every CSV column is text */
    int64_t sample_rows;    /**< rows per file that inference looks at; 0 = 20,480 */
    int64_t sample_files;   /**< files it looks at, first, last and evenly between; 0 = 100 */
    bool ntz;               /**< text without a zone becomes timestamp_ntz, not timestamp */
    pli__corrupt_mode corrupt; /**< rows that cannot be parsed */
} pli__format_options;

/** Check names and values. INVALID_ARGUMENT names the option and suggests. @param format NULL: any format's option will do */
pli_status pli__format_check_options(const pli__format *format, const json_t *options, pli_error *err);

/** What reading needs beside the files. */
typedef struct pli__read {
    pli_env *env;
    const pli__format_options *options;
    const pli__type *known; /**< columns whose type the checkpoint knows: they are not inferred; may be NULL */
    bool relearn; /**< but now they are, where inference looks at samples (CSV): a value did not fit */
    size_t n_partition_columns;
    const char *const *partition_columns; /**< "name" or "name:TYPE" */
    const char *root; /**< partition folders are looked for below it */
} pli__read;

/** Files (paths absolute) → parts. @param format NULL: each by its suffix. BAD_DATA names file and line; NOT_FOUND a file
 *  that is gone. The files are copied. */
pli_status pli__format_read(const pli__read *read, const pli__format *format, size_t n, const pli__input_file *files,
                            pli__relation **out, pli_error *err);
/** The same, with the parts in the order of the files (source/format_order.c). */
pli_status pli__format_read_ordered(const pli__read *read, const pli__format *format, size_t n,
                                    const pli__input_file *files, pli__relation **out, pli_error *err);

#endif
