/* Errors: names and texts from the one list in pli/error.h, and the helpers that fill a pli_error. */
#include "base/error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

typedef struct {
    pli_status code;
    const char *name;
    int exit_code;
    const char *text;
    const char *hint;
} error_info;

static const error_info error_table[] = {{PLI_OK, "OK", 0, "success", ""},
#define ERROR_ROW(sym, num, name, exitcode, text, hint) {sym, name, exitcode, text, hint},
                                         PLI_ERROR_MAP(ERROR_ROW)
#undef ERROR_ROW
};

static const error_info *find_info(pli_status code) {
    const size_t n = sizeof error_table / sizeof error_table[0];
    for (size_t i = 0; i < n; i++)
        if (error_table[i].code == code) return &error_table[i];
    return &error_table[n - 1];
}

const char *pli_status_name(pli_status code) { return find_info(code)->name; }
const char *pli_status_text(pli_status code) { return find_info(code)->text; }
const char *pli_status_hint(pli_status code) { return find_info(code)->hint; }
int pli_status_exit_code(pli_status code) { return find_info(code)->exit_code; }

pli_status pli_status_from_name(const char *name) {
    for (size_t i = 1; name && i < sizeof error_table / sizeof error_table[0]; i++)
        if (strcasecmp(error_table[i].name, name) == 0) return error_table[i].code;
    return PLI_OK;
}

void pli__error_clear(pli_error *err) {
    if (err) memset(err, 0, sizeof *err);
}

pli_status pli__error_set(pli_error *err, pli_status code, const char *fmt, ...) {
    if (!err) return code;
    pli__error_clear(err);
    err->code = code;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(err->message, sizeof err->message, fmt, ap);
    va_end(ap);
    return code;
}

static pli_status code_of_errno(int e, unsigned *flags) {
    *flags = 0;
    switch (e) {
        case ENOMEM: return PLI_E_MEMORY;
        case ENOSPC:
        case EDQUOT: *flags = PLI_ERR_RETRIABLE; return PLI_E_DISK_FULL;
        case ENOENT:
        case ENOTDIR: return PLI_E_NOT_FOUND;
        case EEXIST: return PLI_E_EXISTS;
        case EACCES:
        case EPERM:
        case EROFS: return PLI_E_ACCESS;
        default: *flags = PLI_ERR_RETRIABLE; return PLI_E_IO;
    }
}

pli_status pli__error_errno(pli_error *err, const char *fmt, ...) {
    const int e = errno;
    unsigned flags;
    const pli_status code = code_of_errno(e, &flags);
    if (!err) return code;
    pli__error_clear(err);
    err->code = code;
    err->flags = flags;
    err->native_code = e;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(err->message, sizeof err->message, fmt, ap);
    va_end(ap);
    const size_t used = strlen(err->message);
    char text[128];
    const char *reason = strerror_r(e, text, sizeof text);
    snprintf(err->message + used, sizeof err->message - used, ": %s", reason);
    return code;
}

pli_status pli__error_memory(pli_error *err) { return pli__error_set(err, PLI_E_MEMORY, "out of memory"); }

pli_status pli__error_prefix(pli_error *err, pli_status code, const char *fmt, ...) {
    if (!err) return code;
    char tail[sizeof err->message];
    memcpy(tail, err->message, sizeof tail);
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(err->message, sizeof err->message, fmt, ap);
    va_end(ap);
    const size_t used = strlen(err->message);
    snprintf(err->message + used, sizeof err->message - used, ": %s", tail);
    return code;
}

pli_status pli__error_hint(pli_error *err, const char *fmt, ...) {
    if (!err) return PLI_E_INTERNAL;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(err->hint, sizeof err->hint, fmt, ap);
    va_end(ap);
    return err->code;
}

void pli__error_flag(pli_error *err, unsigned flags) {
    if (err) err->flags |= flags;
}
