/*
 * What texts look like: the kinds of value found in a column, collected text by text, and the narrowest type that holds
 * them all. The one definition for CSV values and for strings in JSON. Only texts that keep their meaning as numbers
 * count as such: "007" and "+4312" stay text.
 */
#ifndef PLI_SOURCE_FORMAT_INFER_H
#define PLI_SOURCE_FORMAT_INFER_H

#include "types/type.h"

enum {
    PLI__SEEN_NULL = 1,
    PLI__SEEN_BOOL = 2,
    PLI__SEEN_INT = 4,        /**< fits 64 bits */
    PLI__SEEN_WIDE = 8,       /**< an integer of at most 38 digits that does not */
    PLI__SEEN_BIG = 16,       /**< an integer beyond ±2^53 */
    PLI__SEEN_FLOAT = 32,
    PLI__SEEN_DATE = 64,
    PLI__SEEN_TIMESTAMP = 128, /**< date and time, with or without a zone */
    PLI__SEEN_TEXT = 256,
    PLI__SEEN_BEYOND_32 = 512,
    PLI__SEEN_BEYOND_16 = 1024,
    PLI__SEEN_BEYOND_8 = 2048,
    PLI__SEEN_ZONED = 4096    /**< a timestamp that names its zone */
};

/** How texts are to be read; zero-initialised = ISO dates, '.' before fractions. */
typedef struct pli__text_rules {
    const char *date_format, *timestamp_format; /**< strptime formats, NULL = ISO 8601 */
    char decimal;                               /**< 0 = '.' */
} pli__text_rules;

/** Kinds of one text (bits). */
unsigned pli__text_kinds(pli__str s, const pli__text_rules *r);
/** The same where only dates and timestamps count: strings of JSON. */
unsigned pli__string_kinds(pli__str s);
/** Kinds of an integer written as digits with an optional '-'. */
unsigned pli__integer_kinds(pli__str digits);
/** Type of a column with these kinds; NULL type if only nulls were seen. New reference, NULL when memory is out. */
const pli__type *pli__kinds_type(unsigned kinds, bool ntz);
/** Is every value of these kinds, as JSON has them (numbers are numbers, dates are text), a value of the type? */
bool pli__json_kinds_fit(unsigned kinds, const pli__type *type);

#endif
