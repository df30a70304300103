/*
 * Avro beside the engine's reader: what a file says in its header, how the engine's columns become what the schema means, and a
 * copy that the engine can read of a file that it cannot.
 */
#ifndef PLI_SOURCE_FORMAT_AVRO_H
#define PLI_SOURCE_FORMAT_AVRO_H

#include <jansson.h>

#include "base/str.h"

typedef struct pli__avro_header {
    const char *path;
    pli__buf bytes; /* the beginning of the file */
    size_t end;     /* behind the header's metadata, where the sync marker is */
    pli__str codec; /* into `bytes` */
    json_t *schema;
} pli__avro_header;

/** BAD_DATA if the file is no Avro container. */
pli_status pli__avro_header_read(const char *path, pli__avro_header *out, pli_error *err);
void pli__avro_header_clear(pli__avro_header *h);

/** Append "expression AS column, …" for the columns that the engine gives as something else than they are: decimals as their
 *  bytes, instants without a zone, unions of several types as what a table cannot hold. Nothing appended: no such column.
 *  UNSUPPORTED_FEATURE names the column of a type that cannot be read. */
pli_status pli__avro_columns(const pli__avro_header *h, pli__buf *out, pli_error *err);

/** Is the codec, or a logical type, one that the engine does not know? */
bool pli__avro_needs_copy(const pli__avro_header *h);
/** Write the file to `to` with its blocks unpacked and without such logical types. UNSUPPORTED_FEATURE for a codec that is unknown
 *  here too, BAD_DATA for a file that is cut short. */
pli_status pli__avro_copy(const pli__avro_header *h, const char *to, pli_error *err);

#endif
