/* Single values from Arrow's buffers into DuckDB's vectors: what arrow_import.c does for columns without children. */
#ifndef PLI_ENGINE_DUCKDB_ARROW_VALUES_H
#define PLI_ENGINE_DUCKDB_ARROW_VALUES_H

#include <duckdb.h>

#include "pli/arrow.h"
#include "types/type.h"

/** Layouts of an Arrow array, as far as they must be told apart. */
typedef enum pli__arrow_kind {
    PLI__ARROW_NULL,
    PLI__ARROW_BOOLEAN,
    PLI__ARROW_PLAIN,    /* fixed width, the same in DuckDB */
    PLI__ARROW_HALF,     /* 16-bit float */
    PLI__ARROW_SCALED,   /* an integer that DuckDB has in another unit or width */
    PLI__ARROW_DECIMAL,
    PLI__ARROW_INTERVAL, /* durations and calendar intervals */
    PLI__ARROW_UUID,
    PLI__ARROW_BYTES,    /* offsets of 32 or 64 bits */
    PLI__ARROW_BYTES_VIEW,
    PLI__ARROW_BYTES_FIXED,
    PLI__ARROW_STRUCT,
    PLI__ARROW_LIST,     /* and maps */
    PLI__ARROW_LIST_VIEW,
    PLI__ARROW_ARRAY,    /* lists of fixed size */
    PLI__ARROW_DICTIONARY
} pli__arrow_kind;

typedef struct pli__arrow_node {
    pli__arrow_kind kind;
    const pli__type *type; /* borrowed */
    char *path;            /* dotted, for errors */
    bool nested;           /* below another column */
    bool wide_offsets;     /* BYTES, LIST, LIST_VIEW: 64 bits */
    char index_format;     /* DICTIONARY */
    char interval_form;    /* INTERVAL: 'd' duration, or the last letter of tiM, tiD, tin */
    size_t size;           /* PLAIN, SCALED, DECIMAL, BYTES_FIXED: bytes of a value; ARRAY: elements */
    int64_t multiply, divide; /* SCALED, durations: factors to DuckDB's unit; exactly one of them is not 1, or none */
    struct pli__arrow_node *children; /* of DICTIONARY: the values */
    size_t n_children;
} pli__arrow_node;

/** Where the values of n rows are: positions in the buffers, -1 for NULL; without `at`, consecutive from `first`. */
typedef struct pli__arrow_positions {
    int64_t *at;
    int64_t first;
    size_t n;
    bool has_null;
} pli__arrow_positions;

static inline int64_t pli__arrow_at(const pli__arrow_positions *p, size_t i) {
    return p->at ? p->at[i] : p->first + (int64_t)i;
}

/** Sets kind, sizes and factors from the schema. */
pli_status pli__arrow_node_classify(pli__arrow_node *node, const struct ArrowSchema *s, pli_error *err);
/** Writes the values (not their validity) of a column without children. @param bad gets the row of a bad value, from 0 */
pli_status pli__arrow_write_values(const pli__arrow_node *node, const struct ArrowArray *a,
                                   const pli__arrow_positions *p, duckdb_vector v, size_t *bad, pli_error *err);

#endif
