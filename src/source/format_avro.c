/* The header of an Avro container: "Obj", 1, a map of metadata in blocks, of which avro.schema is JSON. */
#include "source/format_avro.h"

#include <stdlib.h>

#include "base/json.h"
#include "port/fs.h"

#define HEADER_MAX ((size_t)8 << 20)
#define DEPTH_MAX 64

typedef struct header {
    const char *path;
    pli__str bytes;
    size_t at;
} header;

static pli_status no_container(const header *h, pli_error *err) {
    return pli__error_set(err, PLI_E_DATA, "'%s' is no Avro file: its header cannot be read", h->path);
}

/* Zigzag, seven bits a byte. */
static pli_status read_long(header *h, int64_t *out, pli_error *err) {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (h->at >= h->bytes.len) return no_container(h, err);
        const unsigned char byte = (unsigned char)h->bytes.ptr[h->at++];
        value |= (uint64_t)(byte & 127) << shift;
        if (byte & 128) continue;
        *out = (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
        return PLI_OK;
    }
    return no_container(h, err);
}

static pli_status read_bytes(header *h, pli__str *out, pli_error *err) {
    int64_t len = 0;
    PLI_TRY(read_long(h, &len, err));
    if (len < 0 || (uint64_t)len > h->bytes.len - h->at) return no_container(h, err);
    *out = (pli__str){h->bytes.ptr + h->at, (size_t)len};
    h->at += (size_t)len;
    return PLI_OK;
}

static pli_status find_schema(header *h, pli__str *out, pli_error *err) {
    if (!pli__str_starts(h->bytes, PLI_STR("Obj\x01"))) return no_container(h, err);
    h->at = 4;
    for (;;) {
        int64_t n = 0, size = 0;
        PLI_TRY(read_long(h, &n, err));
        if (n == 0 || n == INT64_MIN) return no_container(h, err);
        if (n < 0) PLI_TRY(read_long(h, &size, err));
        for (n = n < 0 ? -n : n; n > 0; n--) {
            pli__str key, value;
            PLI_TRY(read_bytes(h, &key, err));
            PLI_TRY(read_bytes(h, &value, err));
            if (!pli__str_eqz(key, "avro.schema")) continue;
            *out = value;
            return PLI_OK;
        }
    }
}

static const char *unreadable(const json_t *type) {
    static const char *const kinds[] = {"decimal",
                                        "big-decimal",
                                        "duration",
                                        "local-timestamp-millis",
                                        "local-timestamp-micros",
                                        "local-timestamp-nanos"};
    const char *logical = json_string_value(json_object_get(type, "logicalType"));
    for (size_t i = 0; logical && i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(logical, kinds[i]) == 0) return kinds[i];
    return NULL;
}

/* The first type, in a field or below it, that cannot be read; *column is the field nearest to it. */
static const char *find_unreadable(const json_t *type, const char **column, int depth) {
    static const char *const below[] = {"type", "items", "values"};
    const char *found = unreadable(type);
    const json_t *part;
    size_t i;
    if (!type || found || depth > DEPTH_MAX) return found;
    json_array_foreach(type, i, part) if (!found) found = find_unreadable(part, column, depth + 1);
    for (i = 0; i < sizeof below / sizeof *below && !found; i++)
        found = find_unreadable(json_object_get(type, below[i]), column, depth + 1);
    if (found) return found;
    json_array_foreach(json_object_get(type, "fields"), i, part) {
        const char *name = json_string_value(json_object_get(part, "name")), *inner = name;
        found = find_unreadable(json_object_get(part, "type"), &inner, depth + 1);
        if (!found) found = unreadable(part);
        if (found) return *column = inner, found;
    }
    return NULL;
}

pli_status pli__avro_check(const char *path, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf bytes = {0};
    PLI_AUTO(pli__json_unref) json_t *schema = NULL;
    PLI_TRY(pli__fs_read_at(path, 0, HEADER_MAX, &bytes, err));
    header h = {.path = path, .bytes = pli__buf_str(&bytes)};
    pli__str text;
    PLI_TRY(find_schema(&h, &text, err));
    PLI_TRY_IN(pli__json_parse(text, "the schema", &schema, err), err, "'%s'", path);
    const char *column = "";
    const char *kind = find_unreadable(schema, &column, 0);
    if (!kind) return PLI_OK;
    const pli_status status = pli__error_set(err, PLI_E_UNSUPPORTED,
                                             "'%s': column '%s' has Avro's type %s, which cannot be read", path,
                                             column ? column : "", kind);
    (void)pli__error_hint(err, "write it as text, or as a timestamp in UTC");
    return status;
}
