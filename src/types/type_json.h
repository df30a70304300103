/*
 * JSON for schemas, over the cursor of type_text.h: members are found as slices of the text, so that what is not
 * understood (the metadata of fields) can be kept byte for byte. Internal to src/types.
 */
#ifndef PLI_TYPES_TYPE_JSON_H
#define PLI_TYPES_TYPE_JSON_H

#include "types/type_text.h"

/** Skip one value of any kind, checking its syntax. @param raw gets its text, may be NULL */
pli_status pli__type_json_skip(pli__type_text *t, pli__str *raw, pli_error *err);
/** The string at the cursor, unescaped and appended to out. */
pli_status pli__type_json_string(pli__type_text *t, pli__buf *out, pli_error *err);

/** A member that pli__type_json_members looks for; `at` is where its value begins, or PLI__JSON_ABSENT. */
typedef struct pli__type_json_member {
    const char *key;
    size_t at;
} pli__type_json_member;
#define PLI__JSON_ABSENT ((size_t)-1)

/** Read the object at the cursor to its end and note where the wanted members are; others are skipped. */
pli_status pli__type_json_members(pli__type_text *t, pli__type_json_member *wanted, size_t n, pli_error *err);

#endif
