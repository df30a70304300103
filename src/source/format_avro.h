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

/** Append the SELECT list over the engine's reader, with expressions for the columns that it gives as something else than they
 *  are: decimals as their bytes, instants without a zone, unions of several types as what a table cannot hold, names of
 *  pli__avro_mend_names. UNSUPPORTED_FEATURE names the column of a type that cannot be read. */
pli_status pli__avro_columns(const pli__avro_header *h, pli__buf *out, pli_error *err);

enum { PLI__AVRO_NAME_ROOM = 40 };
/** What the i-th field of a record is called for the engine: its name (borrowed), one of ours (in `room`) where the rules forbid
 *  it; NULL where it has none. */
const char *pli__avro_field_name(const json_t *field, size_t i, char room[PLI__AVRO_NAME_ROOM]);
/** How many names of types and fields the rules forbid; changed to ours if `change`. */
size_t pli__avro_mend_names(json_t *schema, bool change);

/** Is the codec, a logical type or a name one that the engine does not take? */
bool pli__avro_needs_copy(const pli__avro_header *h);
/** Write the file to `to` with its blocks unpacked, without such logical types and names. UNSUPPORTED_FEATURE for a codec that is unknown
 *  here too, BAD_DATA for a file that is cut short. */
pli_status pli__avro_copy(const pli__avro_header *h, const char *to, pli_error *err);

#endif
