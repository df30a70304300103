/*
 * Deletion vectors (PROTOCOL.md, "Deletion Vector Format"): sets of physical row numbers of one data file.
 *
 *   file:   version 1 (u8), then for each vector  size (u32 big-endian) | data | CRC-32 of data (u32 big-endian)
 *   data:   magic 1681511377 (u32 little-endian) | number of buckets (u64 LE) | per bucket: key (u32 LE), 32-bit roaring bitmap
 *   inline: data as Z85 text, padded to a multiple of four bytes
 */
#ifndef PLI_DELTA_DV_H
#define PLI_DELTA_DV_H

#include "delta/action.h"

#define PLI__DV_MAX ((size_t)1 << 30)          /* bytes of one vector */
#define PLI__DV_BUCKETS_MAX ((uint64_t)1 << 20) /* 2^32 rows each */

/** A set of 64-bit row numbers: 32-bit roaring bitmaps by the upper half. */
typedef struct pli__rows pli__rows;

pli__rows *pli__rows_new(void); /**< NULL when memory is out */
void pli__rows_free(pli__rows *r);
void pli__rows_auto(pli__rows **r);
bool pli__rows_add(pli__rows *r, uint64_t row); /**< false when memory is out */
bool pli__rows_has(const pli__rows *r, uint64_t row);
uint64_t pli__rows_count(const pli__rows *r);
/** Greatest row; only if it is not empty. */
uint64_t pli__rows_max(const pli__rows *r);
/** r := r ∪ other, r := r ∖ other. @return false when memory is out */
bool pli__rows_or(pli__rows *r, const pli__rows *other);
bool pli__rows_minus(pli__rows *r, const pli__rows *other);
/** Up to n rows in ascending order, from the first that is >= *next on; *next moves behind the last one. 0 at the end. */
size_t pli__rows_take(const pli__rows *r, uint64_t *next, uint64_t *out, size_t n);

/** The data of a vector (with magic). CORRUPT_RECORD for anything that is not exactly one. */
pli_status pli__rows_parse(pli__str data, pli__rows **out, pli_error *err);
/** Append the data of a vector (with magic). */
pli_status pli__rows_serialize(const pli__rows *r, pli__buf *out, pli_error *err);

/** Read the vector that an add or remove names, wherever it is stored, and check size, checksum and cardinality.
 *  @param root of the table */
pli_status pli__dv_read(const char *root, const pli__dv *dv, pli__rows **out, pli_error *err);
/** Local path of a stored vector ('u' or 'p'). */
pli_status pli__dv_path(const char *root, const pli__dv *dv, pli__buf *out, pli_error *err);
/** storageType + pathOrInlineDv [+ "@" + offset]: what tells two vectors of a file apart. */
void pli__dv_id(const pli__dv *dv, pli__buf *out);

/** Z85 (ZeroMQ RFC 32). Decoding: CORRUPT_RECORD for a wrong length or character, or more than 32 bits. */
pli_status pli__z85_decode(pli__str text, pli__buf *out, pli_error *err);
/** @param data its length must be a multiple of 4 */
void pli__z85_encode(pli__str data, pli__buf *out);

#endif
