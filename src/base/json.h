/*
 * JSON access for records and configuration, over jansson. For Delta commits (many megabytes) see base/json_scan.h.
 * Errors name the document (`what`, for instance a path) and the line.
 */
#ifndef PLI_BASE_JSON_H
#define PLI_BASE_JSON_H

#include <jansson.h>

#include "base/str.h"

/** Parse one JSON value. Of two equal keys the last one wins; an integer beyond 64 bits is an error (json_scan.h reads
 *  it). @param what names the document in errors. @param out owned reference, json_decref */
pli_status pli__json_parse(pli__str text, const char *what, json_t **out, pli_error *err);
/** Append compact JSON text; key order as inserted, numbers in the shortest form that reads back the same. */
pli_status pli__json_write(const json_t *value, pli__buf *out, pli_error *err);
/** The same, indented by two, newline at the end. */
pli_status pli__json_write_pretty(const json_t *value, pli__buf *out, pli_error *err);

/** Typed members. `required` ones are an error when absent or null; optional ones leave *out at the default given.
 *  A member of another type is always an error that names what and key. Strings are borrowed from obj. */
pli_status pli__json_get_str(const json_t *obj, const char *key, const char *what, bool required, const char **out,
                             pli_error *err);
pli_status pli__json_get_i64(const json_t *obj, const char *key, const char *what, bool required, int64_t *out,
                             pli_error *err);
pli_status pli__json_get_f64(const json_t *obj, const char *key, const char *what, bool required, double *out,
                             pli_error *err);
pli_status pli__json_get_bool(const json_t *obj, const char *key, const char *what, bool required, bool *out,
                              pli_error *err);
pli_status pli__json_get_obj(const json_t *obj, const char *key, const char *what, bool required, json_t **out,
                             pli_error *err);
pli_status pli__json_get_arr(const json_t *obj, const char *key, const char *what, bool required, json_t **out,
                             pli_error *err);

void pli__json_unref(json_t **v); /**< for PLI_AUTO */

#endif
