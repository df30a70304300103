/* Deletion vectors where they are stored: in a file of their own, under an absolute path, or in the log itself. */
#include "delta/dv.h"

#include "base/hash.h"
#include "delta/path.h"
#include "port/fs.h"

enum { UUID_Z85 = 20, FORMAT_VERSION = 1 };

void pli__dv_id(const pli__dv *dv, pli__buf *out) {
    pli__buf_addc(out, dv->storage);
    pli__buf_adds(out, dv->path);
    if (dv->offset >= 0) pli__buf_addf(out, "@%lld", (long long)dv->offset);
}

/* <prefix><20 characters of Z85> names <prefix>/deletion_vector_<uuid>.bin below the table's root. */
static pli_status uuid_path(const char *root, const pli__dv *dv, pli__buf *out, pli_error *err) {
    if (dv->path.len < UUID_Z85 || dv->path.len > PLI__PATH_MAX)
        return pli__error_set(err, PLI_E_CORRUPT, "'%.*s' names no deletion vector", PLI_STR_ARG(dv->path));
    const pli__str prefix = {dv->path.ptr, dv->path.len - UUID_Z85};
    PLI_AUTO(pli__buf_clear) pli__buf id = {0};
    char uuid[37];
    PLI_TRY_IN(pli__z85_decode((pli__str){dv->path.ptr + prefix.len, UUID_Z85}, &id, err), err,
               "deletion vector '%.*s'", PLI_STR_ARG(dv->path));
    pli__uuid_format((const uint8_t *)id.ptr, uuid);
    pli__buf_addf(out, "%s/", root);
    if (prefix.len) {
        pli__buf_adds(out, prefix);
        pli__buf_addc(out, '/');
    }
    pli__buf_addf(out, "deletion_vector_%s.bin", uuid);
    return pli__buf_status(out, err);
}

pli_status pli__dv_path(const char *root, const pli__dv *dv, pli__buf *out, pli_error *err) {
    if (dv->storage == 'u') return uuid_path(root, dv, out, err);
    if (dv->storage == 'p') return pli__uri_resolve(root, dv->path, out, err);
    return pli__error_set(err, PLI_E_UNSUPPORTED, "a deletion vector has the unknown storage type '%c'", dv->storage);
}

static uint32_t big_endian(const char *p) {
    return (uint32_t)(uint8_t)p[0] << 24 | (uint32_t)(uint8_t)p[1] << 16 | (uint32_t)(uint8_t)p[2] << 8 |
           (uint32_t)(uint8_t)p[3];
}

/* size | data | checksum, in `text`, which was read from where the vector begins. */
static pli_status check_frame(pli__str text, size_t size, pli__str *data, pli_error *err) {
    if (text.len < size + 8) return pli__error_set(err, PLI_E_CORRUPT, "the file ends within the deletion vector");
    if (big_endian(text.ptr) != size)
        return pli__error_set(err, PLI_E_CORRUPT,
                              "the deletion vector has %u bytes there, and %zu according to the log",
                              big_endian(text.ptr), size);
    *data = (pli__str){text.ptr + 4, size};
    if (pli__crc32(*data) != big_endian(text.ptr + 4 + size))
        return pli__error_set(err, PLI_E_CORRUPT, "the deletion vector does not match its checksum");
    return PLI_OK;
}

static pli_status read_stored(const char *root, const pli__dv *dv, pli__rows **out, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf path = {0};
    PLI_AUTO(pli__buf_clear) pli__buf text = {0};
    PLI_AUTO(pli__buf_clear) pli__buf version = {0};
    const int64_t offset = dv->offset < 0 ? 0 : dv->offset;
    pli__str data;
    PLI_TRY(pli__dv_path(root, dv, &path, err));
    PLI_TRY_IN(pli__fs_read_at(path.ptr, 0, 1, &version, err), err, "deletion vector of the table '%s'", root);
    if (version.len != 1 || version.ptr[0] != FORMAT_VERSION)
        return pli__error_set(err, PLI_E_CORRUPT, "'%s' has another format than that of deletion vectors, version 1",
                              path.ptr);
    PLI_TRY(pli__fs_read_at(path.ptr, offset, (size_t)dv->size + 8, &text, err));
    PLI_TRY_IN(check_frame(pli__buf_str(&text), (size_t)dv->size, &data, err), err, "'%s' at byte %lld", path.ptr,
               (long long)offset);
    PLI_TRY_IN(pli__rows_parse(data, out, err), err, "'%s' at byte %lld", path.ptr, (long long)offset);
    return PLI_OK;
}

/* Some writers pad a last block of 1 to 3 bytes not with zeros but with leading '#', one for each byte that is missing,
 * before just enough digits for the rest. No true block begins with '#': it would exceed 32 bits. */
static pli_status decode_short_block(pli__str block, size_t missing, pli__buf *out, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf bytes = {0};
    char digits[5] = {'0', '0', '0', '0', '0'};
    for (size_t i = 0; i < missing; i++)
        if (block.ptr[i] != '#')
            return pli__error_set(err, PLI_E_CORRUPT, "Z85 text holds a block of more than 32 bits");
    memcpy(digits + missing, block.ptr + missing, 5 - missing);
    PLI_TRY(pli__z85_decode((pli__str){digits, 5}, &bytes, err));
    pli__buf_add(out, bytes.ptr + missing, 4 - missing);
    return pli__buf_status(out, err);
}

static pli_status decode_inline(pli__str text, size_t size, pli__buf *out, pli_error *err) {
    const size_t missing = (4 - size % 4) % 4;
    const bool short_block = missing && text.len >= 5 && text.len % 5 == 0 && text.ptr[text.len - 5] == '#';
    const pli__str whole = {text.ptr, text.len - (short_block ? 5 : 0)};
    PLI_TRY(pli__z85_decode(whole, out, err));
    if (short_block) PLI_TRY(decode_short_block((pli__str){text.ptr + whole.len, 5}, missing, out, err));
    if (out->len < size || out->len - size > 3)
        return pli__error_set(err, PLI_E_CORRUPT, "%zu bytes where the log says %zu", out->len, size);
    return PLI_OK;
}

static pli_status read_inline(const pli__dv *dv, pli__rows **out, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf data = {0};
    PLI_TRY(decode_inline(dv->path, (size_t)dv->size, &data, err));
    return pli__rows_parse((pli__str){data.ptr, (size_t)dv->size}, out, err);
}

pli_status pli__dv_read(const char *root, const pli__dv *dv, pli__rows **out, pli_error *err) {
    PLI_AUTO(pli__rows_auto) pli__rows *rows = NULL;
    if (dv->size < 0 || (uint64_t)dv->size > PLI__DV_MAX)
        return pli__error_set(err, PLI_E_LIMIT, "a deletion vector has %lld bytes; at most %zu are read",
                              (long long)dv->size, PLI__DV_MAX);
    if (dv->storage == 'i') PLI_TRY_IN(read_inline(dv, &rows, err), err, "inline deletion vector");
    else PLI_TRY(read_stored(root, dv, &rows, err));
    if (dv->cardinality < 0 || pli__rows_count(rows) != (uint64_t)dv->cardinality)
        return pli__error_set(
            err, PLI_E_CORRUPT, "deletion vector '%.*s' holds %llu rows, and %lld according to the log",
            PLI_STR_ARG(dv->path), (unsigned long long)pli__rows_count(rows), (long long)dv->cardinality);
    *out = PLI_TAKE(rows);
    return PLI_OK;
}
