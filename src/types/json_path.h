/*
 * A member of a JSON object by its path: names joined by dots, "address.zip"; a name that holds a dot or a quote stands in double
 * quotes (doubled inside), as in SQL. Values are passed on as they are spelled, so no digit is lost.
 */
#ifndef PLI_TYPES_JSON_PATH_H
#define PLI_TYPES_JSON_PATH_H

#include "base/str.h"

#define PLI__JSON_PATH_MAX 32 /**< names of a path */

typedef struct pli__json_path {
    size_t n;
    pli__str names[PLI__JSON_PATH_MAX];
    bool fold;    /**< names are compared without regard to case */
    pli__buf text; /* holds the names */
} pli__json_path;

/** INVALID_ARGUMENT for an empty name, an open quote, more than PLI__JSON_PATH_MAX names. */
pli_status pli__json_path_parse(pli__str text, bool fold, pli__json_path *out, pli_error *err);
void pli__json_path_clear(pli__json_path *p);

/** Text of the value; ptr NULL if it is not there or null, or if the text is no JSON object. */
pli__str pli__json_path_at(const pli__json_path *p, pli__str json);
/** The object without that member, and without the objects that it leaves empty. @param out appended to; its status tells
 *  failures @return members that are left at the top */
size_t pli__json_path_without(const pli__json_path *p, pli__str json, pli__buf *out);

#endif
