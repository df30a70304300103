/*
 * A 32-bit roaring bitmap in its portable form (the RoaringFormatSpec that deletion vectors refer to), little-endian:
 *
 *   cookie 12346 | number of containers (u32)                      or   cookie 12347 + (containers - 1) << 16 | run flags
 *   per container: key (u16), values - 1 (u16)
 *   per container: offset (u32)        -- left out with run flags and fewer than 4 containers
 *   containers: runs: n (u16), n times start, length - 1 (u16) | array of u16, up to 4096 values | 65536 bits
 *
 * It is read here and not by the library: that trusts what stands in containers, and reads beyond them where it is wrong.
 */
#ifndef PLI_DELTA_ROARING_READ_H
#define PLI_DELTA_ROARING_READ_H

#include <roaring/roaring.h>

#include "base/str.h"

/** Read one bitmap from the start of *rest, which moves behind it. CORRUPT_RECORD unless every value is in order and counted
 *  rightly. @param out free with roaring_bitmap_free */
pli_status pli__roaring_read(pli__str *rest, roaring_bitmap_t **out, pli_error *err);

#endif
