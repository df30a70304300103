/*
 * A relation: the rows of a batch, not yet read. Files that have the same columns form one part; the schema planner
 * (schema/) turns the parts into one SELECT over the effective schema.
 */
#ifndef PLI_ENGINE_RELATION_H
#define PLI_ENGINE_RELATION_H

#include <jansson.h>

#include "types/type.h"

typedef struct pli__input_file {
    char *path;
    int64_t size;
    int64_t mtime_ns;
    bool changed; /**< read again because it was overwritten */
} pli__input_file;

/** Files with the same columns. */
typedef struct pli__part {
    const pli__type *
        schema; /**< columns as in the files; for text formats the types that inference found, NULL type = only nulls seen */
    /* How schema/render.h wants the values (measured on 350 MB: reading text and casting it with the engine module's
     * exact functions, engine/duckdb/casts.h, takes as long as DuckDB's typed reading; nothing else is exact). */
    bool text; /**< CSV: the SQL gives every column as VARCHAR (read_csv with explicit columns of VARCHAR) */
    bool json; /**< JSON: the SQL gives every column as the raw JSON of its value (type JSON, e.g. read_json with
                                   maximum_depth = 1, which also makes keys that the sample has not shown an error); SQL NULL for missing and null */
    bool typed_json; /**< typed values of JSON files: rescued numbers are numbers again */
    bool has_line; /**< the SQL gives "_pli_line" BIGINT */
    bool
        has_corrupt; /**< the SQL gives "_pli_corrupt" VARCHAR: raw text of a record that cannot be parsed (all other columns NULL), else NULL */
    char *
        sql; /**< SELECT: the columns of `schema` by name, then "_pli_path" VARCHAR (file), "_pli_line" and "_pli_corrupt" where they are there */
    size_t n_files;
    pli__input_file *files;
} pli__part;

typedef struct pli__relation {
    size_t n_parts;
    pli__part *parts;
    /** Arrow or frame relations (callbacks) have no parts. */
    json_t *gaps; /**< array of inputs that are gone and are left out, for the commit; NULL = none */
    void *owned; /**< what the SQL of the parts refers to; freed with the relation */
    void (*free_owned)(void *owned);
    struct pli__relation *kept; /**< relations whose parts are here now, for what they own; freed with this one */
} pli__relation;

void pli__relation_free(pli__relation *r);
void pli__relation_auto(pli__relation **r);

#endif
