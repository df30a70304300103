/* The header of an Avro container: "Obj", 1, a map of metadata in blocks, of which avro.schema is JSON, avro.codec a name. */
#include "source/format_avro.h"

#include "base/json.h"
#include "port/fs.h"
#include "source/format_avro_bytes.h"

#define HEADER_USUAL ((size_t)64 << 10)
#define HEADER_MAX ((size_t)8 << 20)

static pli_status no_container(const pli__avro_header *h, pli_error *err) {
    return pli__error_set(err, PLI_E_DATA, "'%s' is no Avro file: its header cannot be read", h->path);
}

bool pli__avro_long(pli__str bytes, size_t *at, int64_t *out) {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (*at >= bytes.len) return false;
        const unsigned char byte = (unsigned char)bytes.ptr[(*at)++];
        value |= (uint64_t)(byte & 127) << shift;
        if (byte & 128) continue;
        *out = (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
        return true;
    }
    return false;
}

static bool read_bytes(pli__str bytes, size_t *at, pli__str *out) {
    int64_t len = 0;
    if (!pli__avro_long(bytes, at, &len) || len < 0 || (uint64_t)len > bytes.len - *at) return false;
    *out = (pli__str){bytes.ptr + *at, (size_t)len};
    *at += (size_t)len;
    return true;
}

static bool read_entry(pli__avro_header *h, pli__str *schema) {
    const pli__str bytes = pli__buf_str(&h->bytes);
    pli__str key, value;
    if (!read_bytes(bytes, &h->end, &key) || !read_bytes(bytes, &h->end, &value)) return false;
    if (pli__str_eqz(key, "avro.schema")) *schema = value;
    if (pli__str_eqz(key, "avro.codec")) h->codec = value;
    return true;
}

static bool parse_header(pli__avro_header *h, pli__str *schema) {
    const pli__str bytes = pli__buf_str(&h->bytes);
    *schema = (pli__str){0};
    if (!pli__str_starts(bytes, PLI_STR("Obj\x01"))) return false;
    h->end = 4;
    for (;;) {
        int64_t n = 0, size = 0;
        if (!pli__avro_long(bytes, &h->end, &n) || n == INT64_MIN) return false;
        if (n == 0) return schema->len > 0;
        if (n < 0 && !pli__avro_long(bytes, &h->end, &size)) return false;
        for (n = n < 0 ? -n : n; n > 0; n--)
            if (!read_entry(h, schema)) return false;
    }
}

/* Most headers are small. */
static pli_status load_header(pli__avro_header *h, pli__str *schema, pli_error *err) {
    PLI_TRY(pli__fs_read_at(h->path, 0, HEADER_USUAL, &h->bytes, err));
    if (parse_header(h, schema)) return PLI_OK;
    if (h->bytes.len < HEADER_USUAL) return no_container(h, err);
    pli__buf_reset(&h->bytes);
    PLI_TRY(pli__fs_read_at(h->path, 0, HEADER_MAX, &h->bytes, err));
    return parse_header(h, schema) ? PLI_OK : no_container(h, err);
}

pli_status pli__avro_header_read(const char *path, pli__avro_header *out, pli_error *err) {
    PLI_AUTO(pli__avro_header_clear) pli__avro_header h = {.path = path};
    pli__str schema;
    PLI_TRY(load_header(&h, &schema, err));
    PLI_TRY_IN(pli__json_parse(schema, "the schema", &h.schema, err), err, "'%s'", path);
    *out = h;
    h = (pli__avro_header){0};
    return PLI_OK;
}

void pli__avro_header_clear(pli__avro_header *h) {
    pli__buf_clear(&h->bytes);
    json_decref(h->schema);
    *h = (pli__avro_header){0};
}
