/* Hashes and ids: SHA-256 (record digests), CRC-32 (deletion vectors), XXH64 (hash maps), UUIDs (random, version 4). */
#ifndef PLI_BASE_HASH_H
#define PLI_BASE_HASH_H

#include "base/str.h"

void pli__sha256_hex(pli__str data, char out[65]);
void pli__md5_hex(pli__str data, char out[33]); /**< only for _last_checkpoint's checksum */
uint32_t pli__crc32(pli__str data);
uint64_t pli__hash64(pli__str data);
void pli__uuid_new(char out[37]); /**< lower case, with hyphens */
bool pli__uuid_parse(pli__str s, uint8_t out[16]);
void pli__uuid_format(const uint8_t in[16], char out[37]);
/** Base64 with padding. */
void pli__base64_add(pli__buf *b, pli__str data);

#endif
