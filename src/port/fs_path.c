/* Paths: joining and splitting as text, and resolution through the file system. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "port/fs.h"

char *pli__path_join(const char *a, const char *b) {
    if (*b == '/' || !*a) return pli__strz_dup(b);
    const size_t n = strlen(a);
    PLI_AUTO(pli__buf_clear) pli__buf out = {0};
    pli__buf_add(&out, a, n);
    if (a[n - 1] != '/') pli__buf_addc(&out, '/');
    pli__buf_addz(&out, b);
    return pli__buf_take(&out);
}

const char *pli__path_base(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

char *pli__path_dir(const char *path) {
    size_t n = (size_t)(pli__path_base(path) - path);
    if (n == 0) return pli__strz_dup(".");
    while (n > 1 && path[n - 1] == '/') n--;
    return pli__str_dup((pli__str){path, n});
}

bool pli__path_inside(const char *path, const char *dir) {
    size_t n = strlen(dir);
    if (strncmp(path, dir, n) != 0) return false;
    return path[n] == 0 || path[n] == '/' || (n > 0 && dir[n - 1] == '/');
}

pli_status pli__fs_real_path(const char *path, char **out, pli_error *err) {
    char *real = realpath(path, NULL);
    if (!real) return pli__error_errno(err, "could not resolve '%s'", path);
    *out = real;
    return PLI_OK;
}

/* Appends the components of path to an absolute clean path: '.' and '' are left out, '..' takes one away. */
static void add_clean(pli__buf *out, pli__str path) {
    for (size_t i = 0; i < path.len;) {
        const char *slash = memchr(path.ptr + i, '/', path.len - i);
        const pli__str part = {path.ptr + i, slash ? (size_t)(slash - path.ptr) - i : path.len - i};
        i += part.len + 1;
        if (part.len == 0 || pli__str_eqz(part, ".")) continue;
        if (!pli__str_eqz(part, "..")) {
            if (out->len == 0 || out->ptr[out->len - 1] != '/') pli__buf_addc(out, '/');
            pli__buf_adds(out, part);
            continue;
        }
        while (out->len > 1 && out->ptr[out->len - 1] != '/') out->len--;
        if (out->len > 1) out->len--;
        if (out->ptr) out->ptr[out->len] = 0;
    }
    if (out->len == 0) pli__buf_addc(out, '/');
}

/* Length of the longest prefix of path (ending before a '/') that exists, with its real path in *real. */
static pli_status resolve_prefix(const char *path, size_t *len, char **real, pli_error *err) {
    PLI_AUTO(pli__free_ptr) char *prefix = pli__strz_dup(path);
    if (!prefix) return pli__error_memory(err);
    size_t n = strlen(prefix);
    for (;;) {
        *real = realpath(n ? prefix : "/", NULL);
        if (*real) break;
        if (errno == ENOMEM) return pli__error_memory(err);
        if ((errno != ENOENT && errno != ENOTDIR) || n == 0)
            return pli__error_errno(err, "could not resolve '%s'", path);
        while (n > 0 && prefix[n - 1] == '/') n--;
        while (n > 0 && prefix[n - 1] != '/') n--;
        while (n > 0 && prefix[n - 1] == '/') n--;
        prefix[n] = 0;
    }
    *len = n;
    return PLI_OK;
}

static pli_status make_absolute(const char *path, char **out, pli_error *err) {
    PLI_AUTO(pli__free_ptr) char *cwd = *path == '/' ? pli__strz_dup("/") : getcwd(NULL, 0);
    if (!cwd) return pli__error_errno(err, "could not find the working folder");
    *out = pli__path_join(cwd, path);
    return *out ? PLI_OK : pli__error_memory(err);
}

pli_status pli__fs_abs_path(const char *path, char **out, pli_error *err) {
    PLI_AUTO(pli__free_ptr) char *absolute = NULL;
    PLI_TRY(make_absolute(path, &absolute, err));
    /* Twice, because a '..' in the part that does not exist may lead back to a part that does. */
    for (int pass = 0; pass < 2; pass++) {
        PLI_AUTO(pli__free_ptr) char *real = NULL;
        PLI_AUTO(pli__buf_clear) pli__buf clean = {0};
        size_t known = 0;
        PLI_TRY(resolve_prefix(absolute, &known, &real, err));
        add_clean(&clean, pli__str_of(real));
        add_clean(&clean, pli__str_of(absolute + known));
        PLI_TRY(pli__buf_status(&clean, err));
        free(absolute);
        absolute = pli__buf_take(&clean);
    }
    *out = PLI_TAKE(absolute);
    return PLI_OK;
}
