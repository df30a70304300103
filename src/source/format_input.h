/* The bytes of an input file, decompressed (.gz, .zst by suffix, as the engine does it), read from front to back. */
#ifndef PLI_SOURCE_FORMAT_INPUT_H
#define PLI_SOURCE_FORMAT_INPUT_H

#include "base/str.h"

typedef struct pli__input pli__input;

/** "gzip", "zstd" or "": what the engine's `compression` is to be for the file. */
const char *pli__input_compression(const char *path);
/** NOT_FOUND (kind of the hint) if it is gone. */
pli_status pli__input_open(const char *path, pli__input **out, pli_error *err);
/** The same from an offset; the file must not be compressed. */
pli_status pli__input_open_at(const char *path, int64_t offset, pli__input **out, pli_error *err);
void pli__input_close(pli__input *in);
void pli__input_auto(pli__input **in);
/** Up to cap bytes; *got = 0 at the end. BAD_DATA if the file cannot be decompressed. */
pli_status pli__input_read(pli__input *in, char *to, size_t cap, size_t *got, pli_error *err);

/** Is a compressed file whole? The engine takes one that is cut short for one that ends there, so this must be known before
 *  it reads. BAD_DATA if not. Plain files are not looked at. */
pli_status pli__input_check(const char *path, pli_error *err);

#endif
