/*
 * A pull scanner over one JSON text, for Delta commits: files of many megabytes, one action per line, where most of
 * the bytes (statistics) are only carried along. It allocates nothing; keys and values are slices of the text.
 *
 *   pli__json_scan s;
 *   pli__json_item it;
 *   bool more;
 *   pli__json_scan_init(&s, line, path, offset_of_line);
 *   PLI_TRY(pli__json_scan_root(&s, &it, err));                        // the value itself
 *   if (it.kind == PLI__JSON_OBJECT) {
 *       PLI_TRY(pli__json_scan_enter(&s, err));
 *       for (;;) {
 *           PLI_TRY(pli__json_scan_next(&s, &it, &more, err));         // one member
 *           if (!more) break;                                          // the object is closed
 *           if (pli__json_key_is(&it, "add")) PLI_TRY(read_add(&s, err));   // which begins with pli__json_scan_enter
 *       }                                                              // what is not entered is skipped
 *   }
 *   PLI_TRY(pli__json_scan_end(&s, err));
 *
 * Scalars come complete with their item. An object or array comes as its kind alone: enter it, take it as text with
 * pli__json_scan_skip, or call pli__json_scan_next, which skips it. Everything that is passed is checked against the
 * grammar of RFC 8259 (so a text of which the end was reached is valid JSON); errors are CORRUPT_RECORD with the byte.
 * Numbers are text of any length and precision. Lone surrogates are errors. Duplicate keys are delivered as they come:
 * the last one should win. Objects and arrays nested more than PLI__JSON_DEPTH_MAX deep are LIMIT_EXCEEDED.
 */
#ifndef PLI_BASE_JSON_SCAN_H
#define PLI_BASE_JSON_SCAN_H

#include "base/str.h"

enum {
    PLI__JSON_DEPTH_MAX = 512, /**< nesting of a text */
    PLI__JSON_ENTER_MAX = 64   /**< nesting of pli__json_scan_enter */
};

typedef enum pli__json_kind {
    PLI__JSON_NULL,
    PLI__JSON_FALSE,
    PLI__JSON_TRUE,
    PLI__JSON_NUMBER,
    PLI__JSON_STRING,
    PLI__JSON_OBJECT,
    PLI__JSON_ARRAY
} pli__json_kind;

/** A member of an object, an element of an array, or the root. Slices are borrowed from the text. */
typedef struct pli__json_item {
    pli__str key; /**< between its quotes, as written; empty for elements and the root */
    pli__str raw; /**< the value as written: a string without its quotes; empty for objects and arrays */
    pli__json_kind kind;
    bool key_escaped; /**< key holds backslashes: compare with pli__json_key_is, read with pli__json_unescape */
    bool escaped;     /**< raw is a string that holds backslashes */
} pli__json_item;

/** Plain data, to be copied freely: a copy is a place to come back to. */
typedef struct pli__json_scan {
    pli__str text;
    size_t at;       /**< next byte */
    const char *what; /**< names the document in errors */
    int64_t origin;   /**< byte of the document where the text begins; errors count from the document's first byte */
    uint64_t objects; /**< bit n: entered level n is an object, else an array */
    unsigned level;   /**< entered objects and arrays */
    bool fresh;       /**< the innermost was entered just now */
    bool pending;     /**< an object or array begins at `at` and was neither entered nor skipped */
    bool done;        /**< the root has been read */
    bool check_utf8;  /**< option, set after init: bytes of strings that are not UTF-8 are an error */
} pli__json_scan;

/** @param what borrowed for as long as the scan is used */
void pli__json_scan_init(pli__json_scan *s, pli__str text, const char *what, int64_t origin);
/** Read the root value. */
pli_status pli__json_scan_root(pli__json_scan *s, pli__json_item *out, pli_error *err);
/** Enter the object or array that was delivered last. INVALID_STATE if the last item was none. */
pli_status pli__json_scan_enter(pli__json_scan *s, pli_error *err);
/** Next member or element of what was entered last; *more is false when that is closed, and the level is left. */
pli_status pli__json_scan_next(pli__json_scan *s, pli__json_item *out, bool *more, pli_error *err);
/** Pass over the object or array that was delivered last. @param raw gets its text; may be NULL */
pli_status pli__json_scan_skip(pli__json_scan *s, pli__str *raw, pli_error *err);
/** Pass over the rest of what was entered last, and leave it. */
pli_status pli__json_scan_leave(pli__json_scan *s, pli_error *err);
/** The root must be complete (what is open is passed over), with nothing but blanks behind it. */
pli_status pli__json_scan_end(pli__json_scan *s, pli_error *err);
/** An error at the place where the scan stands: "'what' is not valid: byte 17: message". For callers' own checks. */
pli_status pli__json_scan_error(const pli__json_scan *s, pli_error *err, const char *message);

bool pli__json_key_is(const pli__json_item *item, const char *key);
/** Append the text of a string that the scan has delivered, escapes resolved. Failure shows in the buffer's status. */
void pli__json_unescape(pli__str raw, pli__buf *out);
/** The text of a string item: raw itself if it holds no escapes, else put into scratch (which is reset first). */
pli__str pli__json_item_str(const pli__json_item *item, pli__buf *scratch);
/** A number item as an integer. @return false if the item is no number, has a fraction or exponent, or overflows */
bool pli__json_item_i64(const pli__json_item *item, int64_t *out);
/** A number item as a double. @return false if it is no number or too large */
bool pli__json_item_f64(const pli__json_item *item, double *out);
/** true or false. @return false if it is neither */
bool pli__json_item_bool(const pli__json_item *item, bool *out);

#endif
