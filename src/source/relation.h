/*
 * A relation: the rows of a batch, not yet read. Files that have the same columns form one part; the schema planner
 * (schema/) turns the parts into one SELECT over the effective schema.
 */
#ifndef PLI_SOURCE_RELATION_H
#define PLI_SOURCE_RELATION_H

#include "types/type.h"

typedef struct pli__input_file {
    char *path;
    int64_t size;
    int64_t mtime_ns;
    bool changed; /**< read again because it was overwritten */
} pli__input_file;

/** Files with the same columns. */
typedef struct pli__part {
    const pli__type *schema;  /**< columns as in the files; for text formats the types that inference found, NULL type = only nulls seen */
    bool text;                /**< the SQL gives every column as VARCHAR (CSV): values are to be cast with a guard */
    bool json;                /**< the SQL gives nested/typed columns as JSON text to be cast with a guard */
    char *sql;                /**< SELECT: the columns of `schema` by name, then "_pli_path" VARCHAR (file), and where the format knows it "_pli_line" BIGINT */
    size_t n_files;
    pli__input_file *files;
} pli__part;

typedef struct pli__relation {
    size_t n_parts;
    pli__part *parts;
    /** Arrow or frame relations (callbacks) have no parts. */
} pli__relation;

void pli__relation_free(pli__relation *r);
void pli__relation_auto(pli__relation **r);

#endif
