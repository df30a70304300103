/* Avro's binary form, as far as containers need it. */
#ifndef PLI_SOURCE_FORMAT_AVRO_BYTES_H
#define PLI_SOURCE_FORMAT_AVRO_BYTES_H

#include "base/str.h"

/** A long at *at: zigzag, seven bits a byte. False if the bytes end before it does. */
bool pli__avro_long(pli__str bytes, size_t *at, int64_t *out);

#endif
