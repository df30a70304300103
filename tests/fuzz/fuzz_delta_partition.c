/*
 * Partition values and paths: a text that is accepted for a type is one by another reading of it (libc's), and the other way
 * round for integers; a path that a writer encodes is decoded to what it was; what is resolved never loses its root.
 */
#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "delta/partition.h"
#include "delta/path.h"
#include "delta/path_write.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool ok, const char *what) {
    if (ok) return;
    fprintf(stderr, "fuzz_delta_partition: %s\n", what);
    abort();
}

static bool is_integer(const char *s, size_t len, long long *out) {
    size_t digits = 0;
    for (size_t i = 0; i < len; i++) {
        if (i == 0 && (s[i] == '-' || s[i] == '+')) continue;
        if (!isdigit((unsigned char)s[i])) return false;
        digits++;
    }
    errno = 0;
    *out = strtoll(s, NULL, 10);
    return digits && !errno;
}

static void check_value(pli__type_id id, pli__str text) {
    const pli__type *type = id == PLI__TYPE_DECIMAL ? pli__type_new_decimal(10, 2) : pli__type_new(id);
    const pli__field field = {.name = (char *)(uintptr_t)"p", .type = type, .nullable = true};
    const pli__mapped_column column = {.field = &field, .physical = (char *)(uintptr_t)"p", .is_partition = true};
    const pli__kv kv = {PLI_STR("p"), text};
    pli__str value;
    expect(pli__partition_value(&kv, 1, &column, &value), "a value is not found under its name");
    expect(text.len ? pli__str_eq(value, text) : !value.ptr, "the empty text is null, and nothing else");
    const bool ok = pli__partition_check(&column, value, NULL) == PLI_OK;
    char *copy = pli__str_dup(text);
    long long n = 0;
    const bool integer = is_integer(copy, text.len, &n);
    if (text.len && id == PLI__TYPE_I64) expect(ok == integer, "an integer is not judged as libc does");
    if (text.len && id == PLI__TYPE_I8) expect(ok == (integer && n >= -128 && n <= 127), "the range of a byte");
    if (text.len && id == PLI__TYPE_I32)
        expect(ok == (integer && n >= INT32_MIN && n <= INT32_MAX), "the range of an integer");
    if (ok && text.len && id == PLI__TYPE_BOOLEAN)
        expect(strcasecmp(copy, "true") == 0 || strcasecmp(copy, "false") == 0, "a boolean");
    if (ok && text.len && id == PLI__TYPE_DECIMAL) expect(strspn(copy, "+-0123456789.") == text.len, "a decimal");
    if (ok && text.len && (id == PLI__TYPE_DATE || id == PLI__TYPE_TIMESTAMP))
        expect(text.len >= 8 && strchr(copy, '-') != NULL, "a date");
    free(copy);
    pli__type_unref(type);
}

static void check_path(pli__str text) {
    PLI_AUTO(pli__buf_clear) pli__buf encoded = {0};
    PLI_AUTO(pli__buf_clear) pli__buf decoded = {0};
    PLI_AUTO(pli__buf_clear) pli__buf resolved = {0};
    PLI_AUTO(pli__buf_clear) pli__buf absolute = {0};
    pli__uri_encode(text, &encoded);
    pli__uri_decode(pli__buf_str(&encoded), &decoded);
    expect(pli__str_eq(pli__buf_str(&decoded), text), "a path that was encoded is decoded to another");
    if (pli__uri_resolve("/root/table", text, &resolved, NULL) == PLI_OK) {
        expect(resolved.ptr[0] == '/' && strlen(resolved.ptr) == resolved.len,
               "a path is not absolute, or holds a NUL");
        if (text.len && text.ptr[0] != '/' && !memchr(text.ptr, ':', text.len))
            expect(pli__str_starts(pli__buf_str(&resolved), PLI_STR("/root/table/")), "a relative path left its root");
        expect(text.len > 0, "an empty path was resolved");
    }
    if (text.len && !memchr(text.ptr, 0, text.len)) {
        PLI_AUTO(pli__buf_clear) pli__buf uri = {0};
        pli__buf_addz(&uri, "file:///");
        pli__buf_adds(&uri, pli__buf_str(&encoded));
        if (uri.len < PLI__PATH_MAX) {
            expect(pli__uri_resolve("/root", pli__buf_str(&uri), &absolute, NULL) == PLI_OK,
                   "a file: URI is not resolved");
            expect(absolute.len == text.len + 1 && memcmp(absolute.ptr + 1, text.ptr, text.len) == 0,
                   "a file: URI is resolved to another path");
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const pli__type_id ids[] = {PLI__TYPE_I8,      PLI__TYPE_I32,  PLI__TYPE_I64,       PLI__TYPE_BOOLEAN,
                                       PLI__TYPE_DECIMAL, PLI__TYPE_DATE, PLI__TYPE_TIMESTAMP, PLI__TYPE_F64,
                                       PLI__TYPE_STRING,  PLI__TYPE_I16};
    if (size < 1) return 0;
    const size_t kind = data[0] % 12;
    const pli__str text = {(const char *)data + 1, size - 1};
    if (kind < sizeof ids / sizeof ids[0]) check_value(ids[kind], text);
    else check_path(text);
    return 0;
}
