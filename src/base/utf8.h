/* UTF-8: one strict decoder (no overlong forms, no surrogates, at most U+10FFFF) and an encoder. */
#ifndef PLI_BASE_UTF8_H
#define PLI_BASE_UTF8_H

#include "base/str.h"

/** Length of the code point at the start of s (1-4), or 0 if the bytes are not one. @param bad gets the number of
 *  bytes to replace by one U+FFFD then (the longest prefix of a code point, at least 1); may be NULL */
size_t pli__utf8_step(pli__str s, size_t *bad);
/** Number of bytes at the start of s that are valid UTF-8. */
size_t pli__utf8_valid_prefix(pli__str s);
/** Code point of the 1-4 valid bytes that pli__utf8_step measured. */
uint32_t pli__utf8_decode(const char *p, size_t step);
/** Write a code point (at most U+10FFFF). @return its number of bytes */
size_t pli__utf8_encode(uint32_t cp, char out[4]);

#endif
