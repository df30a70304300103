/*
 * Making errors: set where it happens, prefix where it helps, never replace a code.
 *
 *   if (open(...) < 0) return pli__error_errno(err, "could not open '%s'", path);
 *   PLI_TRY(pli__thing_do(thing, err));                         // early return
 *   PLI_TRY_IN(pli__thing_do(thing, err), err, "while committing batch %lld", n);   // early return with a prefix
 */
#ifndef PLI_BASE_ERROR_H
#define PLI_BASE_ERROR_H

#include <stdarg.h>
#include <stdbool.h>

#include "pli/error.h"

/** Run fn on the variable when it leaves its scope. fn takes a pointer to the variable. */
#define PLI_AUTO(fn) __attribute__((cleanup(fn), unused))
/** Hand a pointer over: evaluates to it and sets the variable to NULL. */
#define PLI_TAKE(p)                                                                                                    \
    __extension__({                                                                                                    \
        __typeof__(p) *pli_take_ = &(p);                                                                               \
        __typeof__(p) pli_value_ = *pli_take_;                                                                         \
        *pli_take_ = NULL;                                                                                             \
        pli_value_;                                                                                                    \
    })
/** Return early with the status of expr unless it is PLI_OK. */
#define PLI_TRY(expr)                                                                                                  \
    do {                                                                                                               \
        pli_status pli_try_ = (expr);                                                                                  \
        if (pli_try_ != PLI_OK) return pli_try_;                                                                       \
    } while (0)
/** PLI_TRY that puts a prefix (printf form) and ": " before the message. */
#define PLI_TRY_IN(expr, err, ...)                                                                                     \
    do {                                                                                                               \
        pli_status pli_try_ = (expr);                                                                                  \
        if (pli_try_ != PLI_OK) return pli__error_prefix(err, pli_try_, __VA_ARGS__);                                  \
    } while (0)

/** Fill err (if not NULL) with a code and a message; flags, position and hint are cleared. @return code */
__attribute__((format(printf, 3, 4))) pli_status pli__error_set(pli_error *err, pli_status code, const char *fmt, ...);
/** pli__error_set for the present errno: picks the code (DISK_FULL, NOT_FOUND, ACCESS_DENIED, ... else IO_ERROR),
 *  appends ": <strerror>", sets native_code, and RETRIABLE where a repeat may help. */
__attribute__((format(printf, 2, 3))) pli_status pli__error_errno(pli_error *err, const char *fmt, ...);
/** Out of memory, without allocating. */
pli_status pli__error_memory(pli_error *err);
/** Put "prefix: " before the message; the code stays. @return code */
__attribute__((format(printf, 3, 4))) pli_status pli__error_prefix(pli_error *err, pli_status code, const char *fmt,
                                                                   ...);
/** Set the second line. Returns the error's code, so that it can end a return statement. */
__attribute__((format(printf, 2, 3))) pli_status pli__error_hint(pli_error *err, const char *fmt, ...);
/** Add PLI_ERR_* flags. NULL is allowed. */
void pli__error_flag(pli_error *err, unsigned flags);
/** Make err empty (PLI_OK). NULL is allowed. */
void pli__error_clear(pli_error *err);

#endif
