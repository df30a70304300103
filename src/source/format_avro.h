/* What an Avro file says of itself in its header: the schema, and of it what the engine cannot read rightly. */
#ifndef PLI_SOURCE_FORMAT_AVRO_H
#define PLI_SOURCE_FORMAT_AVRO_H

#include "base/str.h"

/** UNSUPPORTED_FEATURE for types that the engine would give as something else (decimals: their raw bytes) or does not know (local
 *  timestamps). BAD_DATA if the file is no Avro container. */
pli_status pli__avro_check(const char *path, pli_error *err);

#endif
