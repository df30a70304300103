/*
 * Which casts there are, and which types have a common wider one: types.md and python-api.md 11.3, independent of the
 * engine that will run them. docs/reference/casts.md is generated from these functions.
 */
#ifndef PLI_SCHEMA_CAST_H
#define PLI_SCHEMA_CAST_H

#include "types/type.h"

typedef enum pli__cast_kind {
    PLI__CAST_NONE,    /**< the pair makes no sense */
    PLI__CAST_CHECKED, /**< some values fit, the others become NULL (and are rescued) */
    PLI__CAST_EXACT    /**< every value fits, nothing is lost */
} pli__cast_kind;

/** Nested types: the worst of their parts, matched by name; a nested type and text: JSON text. */
pli__cast_kind pli__cast_kind_of(const pli__type *from, const pli__type *to);

/** Is there anything to write: a type that is not NULL all through? */
bool pli__has_type(const pli__type *t);

typedef enum pli__widening {
    PLI__WIDEN_NONE,
    PLI__WIDEN_LOSSY, /**< 64-bit (or wider) integer with float: DOUBLE, values beyond 2^53 lose digits */
    PLI__WIDEN_LOSSLESS
} pli__widening;

/** The common type of two types that are not nested, in either order. *out: new reference, NULL with WIDEN_NONE. */
pli_status pli__type_widen(const pli__type *a, const pli__type *b, pli__widening *how, const pli__type **out,
                           pli_error *err);

/** The common type of two types that inference found in text (types of pli__infer_type): what holds the texts of both;
 *  VARCHAR at the worst. New reference. */
pli_status pli__type_join_text(const pli__type *a, const pli__type *b, const pli__type **out, pli_error *err);
/** Does every text that inference takes for `found` fit a column of type `to`, as far as its type tells? */
bool pli__type_text_fits(const pli__type *found, const pli__type *to);

/** Bits and sign of an integer type; 0 bits for others. */
typedef struct pli__integer_shape {
    int bits;
    bool is_signed;
} pli__integer_shape;
pli__integer_shape pli__type_integer_shape(const pli__type *t);

#endif
