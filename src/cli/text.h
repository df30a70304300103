/* Small texts of the command: hints, sizes, times, escapes for terminals. */
#ifndef PLI_CLI_TEXT_H
#define PLI_CLI_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

#include "pli/error.h"

/** Fill in the second line of an error. */
__attribute__((format(printf, 2, 3))) void cli_format_hint(pli_error *e, const char *fmt, ...);
/** Fill in an error made by the command itself. */
__attribute__((format(printf, 3, 4))) void cli_format_error(pli_error *e, pli_status code, const char *fmt, ...);
/** "1.2 GiB" */
void cli_format_size(int64_t bytes, char out[32]);
/** "1,234,567" */
void cli_format_count(int64_t n, char out[32]);
/** "3m 12s" */
void cli_format_duration(double seconds, char out[32]);
/** Columns that UTF-8 text takes on a terminal (code points; wide East Asian ones count two). */
size_t cli_width(const char *text);
/** Terminal control characters are shown as '?', so that data cannot drive the terminal. */
void cli_put_safe(FILE *to, const char *text);
/** A JSON string with quotes. */
void cli_put_json(FILE *to, const char *text);

#endif
