/*
 * Strings: pli_str to read (a borrowed slice, not terminated), pli__buf to build (grows, sticky failure, has a cap).
 */
#ifndef PLI_BASE_STR_H
#define PLI_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/error.h"

/** A borrowed run of bytes. */
typedef struct pli__str {
    const char *ptr;
    size_t len;
} pli__str;

/** Slice of a string literal. */
#define PLI_STR(lit) ((pli__str){(lit), sizeof(lit) - 1})
/** printf arguments for "%.*s". */
#define PLI_STR_ARG(s) (int)(s).len, (s).ptr

pli__str pli__str_of(const char *z); /**< NULL gives an empty slice */
bool pli__str_eq(pli__str a, pli__str b);
bool pli__str_eqz(pli__str a, const char *z);
bool pli__str_ieqz(pli__str a, const char *z); /**< ASCII case ignored */
bool pli__str_ieq(pli__str a, pli__str b);     /**< ASCII case ignored */
int pli__str_cmp(pli__str a, pli__str b);      /**< byte order, then length */
bool pli__str_starts(pli__str s, pli__str prefix);
bool pli__str_ends(pli__str s, pli__str suffix);
/** Cut the next line off rest, without its "\n" or "\r\n". @return false when rest is empty */
bool pli__str_take_line(pli__str *rest, pli__str *line);
/** malloc'ed terminated copy; NULL when memory is out. */
char *pli__str_dup(pli__str s);
char *pli__strz_dup(const char *z); /**< NULL gives NULL */
/** Whole slice as a decimal integer. @return false on anything else or overflow */
bool pli__str_to_i64(pli__str s, int64_t *out);
/** Whole slice as a decimal number, independent of the locale: digits, sign, point, exponent; no blanks, hex, inf or nan.
 *  @return false on anything else, on more than 399 characters and on overflow */
bool pli__str_to_f64(pli__str s, double *out);
/** True if the bytes are valid UTF-8. */
bool pli__str_is_utf8(pli__str s);
/** Levenshtein-nearest of n names, for "did you mean"; NULL if none is near. */
const char *pli__str_nearest(const char *word, const char *const *names, size_t n);

/** A growing byte buffer. Zero-initialise, or pli__buf_init to set a cap. ptr is always NUL-terminated when not NULL. */
typedef struct pli__buf {
    char *ptr;
    size_t len;
    size_t cap;
    size_t max;  /**< 0 means the default cap, PLI_BUF_DEFAULT_MAX */
    bool failed; /**< memory ran out or the cap was hit; later appends do nothing */
    bool capped; /**< it was the cap */
} pli__buf;

#define PLI_BUF_DEFAULT_MAX ((size_t)1 << 31)

void pli__buf_init(pli__buf *b, size_t max);
void pli__buf_clear(pli__buf *b); /**< frees; usable again */
void pli__buf_reset(pli__buf *b); /**< length 0, memory kept, failure forgotten */
/** Room for n more bytes (uninitialised, not counted in len); NULL on failure. */
char *pli__buf_room(pli__buf *b, size_t n);
/** Count n bytes that were written to the room (at most as many as were asked for), and terminate. */
void pli__buf_used(pli__buf *b, size_t n);
void pli__buf_add(pli__buf *b, const void *data, size_t n);
void pli__buf_addz(pli__buf *b, const char *z);
void pli__buf_adds(pli__buf *b, pli__str s);
void pli__buf_addc(pli__buf *b, char c);
__attribute__((format(printf, 2, 3))) void pli__buf_addf(pli__buf *b, const char *fmt, ...);
/** The text as a JSON string with quotes and escapes; invalid UTF-8 becomes U+FFFD. */
void pli__buf_add_json(pli__buf *b, pli__str s);
/** A SQL string literal: quotes doubled. */
void pli__buf_add_sql_str(pli__buf *b, pli__str s);
/** A SQL identifier in double quotes. */
void pli__buf_add_sql_name(pli__buf *b, pli__str s);
/** PLI_OK, or OUT_OF_MEMORY/LIMIT_EXCEEDED if anything failed since the last reset. */
pli_status pli__buf_status(const pli__buf *b, pli_error *err);
pli__str pli__buf_str(const pli__buf *b);
/** Hand the memory over (terminated, caller frees); the buffer is empty afterwards. NULL if it had failed. */
char *pli__buf_take(pli__buf *b);

/** Cleanup functions for PLI_AUTO. */
void pli__free_ptr(void *pp); /**< free(*(void **)pp) */

#endif
