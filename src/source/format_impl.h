/* Inside the formats: options by name, parts being built, and the readers. */
#ifndef PLI_SOURCE_FORMAT_IMPL_H
#define PLI_SOURCE_FORMAT_IMPL_H

#include "source/format.h"

/** Limits of what is read from files. */
#define PLI__MAX_COLUMNS 100000
#define PLI__MAX_HEADER ((size_t)16 << 20)

/** Options of the table in format.h; `absent` when not given. */
bool pli__option_bool(const pli__read *r, const char *name, bool absent);
int64_t pli__option_int(const pli__read *r, const char *name, int64_t absent);
const char *pli__option_text(const pli__read *r, const char *name, const char *absent);
const json_t *pli__option_json(const pli__read *r, const char *name);

/** A relation that grows. */
typedef struct pli__parts {
    const pli__read *read;
    pli__relation *relation;
    size_t cap;
} pli__parts;

/** What one part is made of; strings are borrowed for the call. */
typedef struct pli__part_spec {
    const pli__type *schema;  /**< borrowed */
    bool text, json, typed_json, has_line, has_corrupt; /**< as in pli__part */
    pli__str
        from; /**< FROM clause whose columns are those of the schema, "_pli_path", and "_pli_line", "_pli_corrupt" where there */
    const char *const *columns; /**< an expression for each column of the schema; NULL = the column itself */
    size_t n_files;
    const pli__input_file *const *files;
} pli__part_spec;
/** Append a part: SELECT of the columns and what partition_columns add, in one text. */
pli_status pli__parts_add(pli__parts *parts, const pli__part_spec *spec, pli_error *err);

/** ['path', …] */
void pli__sql_paths(pli__buf *b, size_t n, const pli__input_file *const *files);
/** The engine, with an extension loaded. @param extension NULL */
pli_status pli__read_engine(const pli__read *r, const char *extension, pli__engine **out, pli_error *err);

/** Which files inference samples: first, last and evenly between. */
bool pli__is_sampled(const pli__read *r, size_t i, size_t n);

/* Readers: append the parts of these files, all of one format. */
typedef pli_status pli__format_reader(pli__parts *parts, size_t n, const pli__input_file *const *files, pli_error *err);
pli__format_reader pli__read_csv, pli__read_json, pli__read_ndjson, pli__read_parquet, pli__read_avro, pli__read_excel,
    pli__read_text, pli__read_binary;

#endif
