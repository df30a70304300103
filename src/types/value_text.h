/*
 * Values from text, by the one definition of casts in types.md, whatever engine runs them: the engine module offers
 * these functions to SQL (engine/duckdb/casts.c), inference classifies samples with them, tests compare against them.
 *
 *   number     [+-]?digits[.digits][e[+-]digits], no blanks; an integer takes it only if nothing is cut off
 *   boolean    true or false, any case
 *   date       YYYY-MM-DD, years 0001 to 9999
 *   timestamp  date, or date, 'T' or one blank, hh:mm[:ss[.fraction]] and Z, +hh, +hhmm, +hh:mm or nothing (UTC);
 *              digits below microseconds must be zero
 *   time       hh:mm[:ss[.fraction]]
 *   duration   [-]P[nW][nD][T[nH][nM][n[.fraction]S]], at least one part; years and months have no fixed length
 *
 * No function allocates. Each returns false for a text that does not fit, and writes *out only on success.
 */
#ifndef PLI_TYPES_VALUE_TEXT_H
#define PLI_TYPES_VALUE_TEXT_H

#include "base/str.h"

bool pli__text_to_i64(pli__str s, int64_t *out);
/** The nearest double; infinite results do not fit, nor does a whole number (spelled without point and exponent) that a
 *  double cannot hold exactly: identifiers never lose digits. */
bool pli__text_to_f64(pli__str s, double *out);
bool pli__text_to_bool(pli__str s, bool *out);
bool pli__text_to_date(pli__str s, int32_t *days);
/** @param zoned whether the text names a zone; may be NULL */
bool pli__text_to_timestamp(pli__str s, int64_t *us, bool *zoned);
bool pli__text_to_time(pli__str s, int64_t *us);
bool pli__text_to_duration(pli__str s, int64_t *us);
#define PLI__DURATION_TEXT_MAX 48
/** "P1DT2H3M4.5S"; "PT0S" for none. */
void pli__duration_to_text(int64_t us, char out[PLI__DURATION_TEXT_MAX]);

/** A number of the grammar as its shape: digits before the point (leading zeros not counted, at least 1) and after it
 *  (trailing zeros not counted), with the exponent applied. DECIMAL(p,s) holds it exactly if fraction <= s and
 *  whole <= p - s. Zero is {1, 0}. */
typedef struct pli__number_shape {
    int32_t whole, fraction;
} pli__number_shape;
bool pli__text_to_shape(pli__str s, pli__number_shape *out);

/** The unscaled value of a decimal, of at most 38 digits, in two's complement. */
typedef struct pli__unscaled {
    uint64_t low;
    int64_t high;
} pli__unscaled;
/** The number times 10^scale; false if that is no whole number or has more than 38 digits. */
bool pli__text_to_decimal(pli__str s, int scale, pli__unscaled *out);

#endif
