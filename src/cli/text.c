/* Small texts of the command; see text.h. */
#include "cli/text.h"

#include <string.h>

void cli_format_hint(pli_error *e, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(e->hint, sizeof e->hint, fmt, ap);
    va_end(ap);
}

void cli_format_error(pli_error *e, pli_status code, const char *fmt, ...) {
    *e = (pli_error){.code = code};
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(e->message, sizeof e->message, fmt, ap);
    va_end(ap);
}

void cli_format_size(int64_t bytes, char out[32]) {
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    double v = (double)bytes;
    size_t u = 0;
    while (v >= 1024 && u < 5) v /= 1024, u++;
    snprintf(out, 32, u == 0 ? "%.0f %s" : "%.1f %s", v, units[u]);
}

void cli_format_count(int64_t n, char out[32]) {
    char digits[24];
    snprintf(digits, sizeof digits, "%lld", (long long)(n < 0 ? -n : n));
    const size_t len = strlen(digits);
    size_t at = 0;
    if (n < 0) out[at++] = '-';
    for (size_t i = 0; i < len; i++) {
        if (i && (len - i) % 3 == 0) out[at++] = ',';
        out[at++] = digits[i];
    }
    out[at] = '\0';
}

void cli_format_duration(double seconds, char out[32]) {
    const long long s = (long long)(seconds + 0.5);
    if (seconds < 10) snprintf(out, 32, "%.1fs", seconds);
    else if (s < 60) snprintf(out, 32, "%llds", s);
    else if (s < 3600) snprintf(out, 32, "%lldm %llds", s / 60, s % 60);
    else snprintf(out, 32, "%lldh %lldm", s / 3600, s / 60 % 60);
}

static bool is_wide(unsigned c) {
    return (c >= 0x1100 && c <= 0x115f) || (c >= 0x2e80 && c <= 0xa4cf) || (c >= 0xac00 && c <= 0xd7a3) ||
           (c >= 0xf900 && c <= 0xfaff) || (c >= 0xfe30 && c <= 0xfe6f) || (c >= 0xff00 && c <= 0xff60) ||
           (c >= 0x1f300 && c <= 0x1faff) || (c >= 0x20000 && c <= 0x3fffd);
}

size_t cli_width(const char *text) {
    size_t width = 0;
    for (const unsigned char *p = (const unsigned char *)text; *p;) {
        unsigned c = *p++;
        if (c >= 0xc0) {
            c &= c >= 0xf0 ? 0x07u : c >= 0xe0 ? 0x0fu : 0x1fu;
            while ((*p & 0xc0) == 0x80) c = c << 6 | (*p++ & 0x3fu);
        }
        width += is_wide(c) ? 2 : 1;
    }
    return width;
}

static bool is_control(char c) { return (unsigned char)c < 0x20 || c == 0x7f; }

void cli_put_safe(FILE *to, const char *text) {
    for (const char *p = text; *p;) {
        const char *from = p;
        while (!is_control(*p)) p++;
        fwrite(from, 1, (size_t)(p - from), to);
        if (*p) fputc('?', to), p++;
    }
}

void cli_put_json(FILE *to, const char *text) {
    fputc('"', to);
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        if (*p == '"' || *p == '\\') fprintf(to, "\\%c", *p);
        else if (*p < 0x20) fprintf(to, "\\u%04x", *p);
        else fputc(*p, to);
    }
    fputc('"', to);
}
