/* The text of one JSON value as the engine hands it over: valid JSON, without blanks outside of strings. */
#ifndef PLI_TYPES_JSON_TEXT_H
#define PLI_TYPES_JSON_TEXT_H

#include "base/str.h"

/** A string without quotes and escapes (into scratch where there are escapes), any other value as spelled.
 *  @param nested_too objects and arrays as their text, else they have none
 *  @return false for null, for nested values that are not wanted and when memory is out */
bool pli__json_text(pli__str json, bool nested_too, pli__buf *scratch, pli__str *out);

#endif
