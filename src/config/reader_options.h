/* Reader options as they stand in job files and on command lines (texts) to what the formats expect. */
#ifndef PLI_CONFIG_READER_OPTIONS_H
#define PLI_CONFIG_READER_OPTIONS_H

#include <jansson.h>

#include "base/error.h"

/** Turn texts into flags and numbers where the option of the format is one, in place, and check names and values.
 *  INVALID_CONFIG with a suggestion. @param options object or NULL @param format name; "auto" = any */
pli_status pli__reader_options_normalise(json_t *options, const char *format, pli_error *err);

#endif
