/* Paths of the log: decoded once, resolved against the table's root. */
#include "delta/path.h"

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

void pli__uri_decode(pli__str s, pli__buf *out) {
    size_t i = 0;
    while (i < s.len) {
        const char *esc = memchr(s.ptr + i, '%', s.len - i);
        const size_t end = esc ? (size_t)(esc - s.ptr) : s.len;
        pli__buf_add(out, s.ptr + i, end - i);
        if (!esc) return;
        const int hi = end + 2 < s.len ? hex_digit(s.ptr[end + 1]) : -1;
        const int lo = end + 2 < s.len ? hex_digit(s.ptr[end + 2]) : -1;
        const bool escape = hi >= 0 && lo >= 0;
        pli__buf_addc(out, escape ? (char)(hi * 16 + lo) : '%');
        i = end + (escape ? 3 : 1);
    }
}

/* Length of "scheme:" if the text begins with one that is followed by '/', else 0. A bare colon is no scheme: it may
 * stand in a file name. */
static size_t scheme_length(pli__str s) {
    for (size_t i = 0; i < s.len; i++) {
        const char c = s.ptr[i];
        const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (c == ':') return i > 0 && i + 1 < s.len && s.ptr[i + 1] == '/' ? i + 1 : 0;
        if (!letter && (i == 0 || !((c >= '0' && c <= '9') || c == '+' || c == '.' || c == '-'))) return 0;
    }
    return 0;
}

/* The path of "file:/a", "file:///a" or "file://localhost/a", still encoded. */
static pli_status strip_file_scheme(pli__str uri, size_t scheme, pli__str *out, pli_error *err) {
    if (!pli__str_ieqz((pli__str){uri.ptr, scheme}, "file:"))
        return pli__error_set(err, PLI_E_UNSUPPORTED, "only local files can be read, not '%.*s'", PLI_STR_ARG(uri));
    pli__str rest = {uri.ptr + scheme, uri.len - scheme};
    if (pli__str_starts(rest, PLI_STR("//"))) {
        const char *slash = memchr(rest.ptr + 2, '/', rest.len - 2);
        const pli__str host = {rest.ptr + 2, slash ? (size_t)(slash - rest.ptr) - 2 : rest.len - 2};
        if (!slash || (host.len && !pli__str_ieqz(host, "localhost")))
            return pli__error_set(err, PLI_E_UNSUPPORTED, "only local files can be read, not '%.*s'", PLI_STR_ARG(uri));
        rest = (pli__str){slash, rest.len - (size_t)(slash - rest.ptr)};
    }
    *out = rest;
    return PLI_OK;
}

static pli_status check_decoded(const pli__buf *b, size_t from, pli__str log_path, pli_error *err) {
    PLI_TRY(pli__buf_status(b, err));
    if (memchr(b->ptr + from, 0, b->len - from))
        return pli__error_set(err, PLI_E_CORRUPT, "path '%.*s' holds a NUL character", PLI_STR_ARG(log_path));
    return PLI_OK;
}

pli_status pli__uri_resolve(const char *root, pli__str log_path, pli__buf *out, pli_error *err) {
    if (!log_path.len) return pli__error_set(err, PLI_E_CORRUPT, "a path of the log is empty");
    if (log_path.len > PLI__PATH_MAX)
        return pli__error_set(err, PLI_E_LIMIT, "a path of the log is longer than %zu bytes", PLI__PATH_MAX);
    const size_t from = out->len, scheme = scheme_length(log_path);
    pli__str path = log_path;
    if (scheme) PLI_TRY(strip_file_scheme(log_path, scheme, &path, err));
    if (path.ptr[0] != '/') {
        pli__buf_addz(out, root);
        pli__buf_addc(out, '/');
    }
    pli__uri_decode(path, out);
    return check_decoded(out, from, log_path, err);
}

pli_status pli__uri_root(const char *text, pli__buf *out, pli_error *err) {
    const pli__str s = pli__str_of(text);
    if (!s.len) return pli__error_set(err, PLI_E_ARGUMENT, "the path of the table is empty");
    const size_t scheme = scheme_length(s);
    if (!scheme) {
        pli__buf_adds(out, s);
        return pli__buf_status(out, err);
    }
    pli__str path = s;
    PLI_TRY(strip_file_scheme(s, scheme, &path, err));
    pli__uri_decode(path, out);
    return check_decoded(out, 0, s, err);
}
