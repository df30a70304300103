/*
 * Paths of the log: add.path and its like are URIs, relative to the table's root or absolute. They are decoded exactly
 * once, here; what comes out is a local path.
 */
#ifndef PLI_DELTA_PATH_H
#define PLI_DELTA_PATH_H

#include "base/str.h"

#define PLI__PATH_MAX ((size_t)1 << 16) /* longest path of a log that is accepted */

/** Append s with its %XX escapes decoded; a '%' that begins no escape stays as it is. */
void pli__uri_decode(pli__str s, pli__buf *out);
/** Append the local path that a path of the log stands for. UNSUPPORTED_FEATURE for another scheme than file:. */
pli_status pli__uri_resolve(const char *root, pli__str log_path, pli__buf *out, pli_error *err);
/** A table's root as users give it: a plain path as it is, a file: URI decoded. */
pli_status pli__uri_root(const char *text, pli__buf *out, pli_error *err);

#endif
