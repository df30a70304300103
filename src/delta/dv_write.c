/* Deletion vectors into files `deletion_vector_<uuid>.bin` (storage type u); the layout is in dv.h. */
#include "delta/dv_write.h"

#include "base/hash.h"
#include "port/fs.h"

#define FILE_MAX ((size_t)64 << 20) /* a new file is begun beyond it */

static void add_u32_be(pli__buf *out, uint32_t v) {
    const unsigned char b[] = {(unsigned char)(v >> 24), (unsigned char)(v >> 16), (unsigned char)(v >> 8),
                               (unsigned char)v};
    pli__buf_add(out, b, sizeof b);
}

static pli_status add_vector(pli__buf *file, pli__dv_item *item, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf data = {0};
    PLI_TRY(pli__rows_serialize(item->rows, &data, err));
    item->dv.offset = (int64_t)file->len;
    item->dv.size = (int64_t)data.len;
    item->dv.cardinality = (int64_t)pli__rows_count(item->rows);
    add_u32_be(file, (uint32_t)data.len);
    pli__buf_adds(file, pli__buf_str(&data));
    add_u32_be(file, pli__crc32(pli__buf_str(&data)));
    return pli__buf_status(file, err);
}

static pli_status publish(const char *root, const pli__buf *file, bool relaxed, pli__arena *arena, pli__str *name,
                          pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf path = {0}, text = {0};
    char uuid[37];
    uint8_t bytes[16];
    pli__uuid_new(uuid);
    (void)pli__uuid_parse(pli__str_of(uuid), bytes);
    pli__z85_encode((pli__str){(const char *)bytes, sizeof bytes}, &text);
    pli__buf_addf(&path, "%s/deletion_vector_%s.bin", root, uuid);
    PLI_TRY(pli__buf_status(&path, err));
    PLI_TRY(pli__buf_status(&text, err));
    *name = pli__arena_str(arena, pli__buf_str(&text));
    PLI_TRY(pli__arena_status(arena, err));
    return pli__fs_publish(path.ptr, pli__buf_str(file), PLI__PUBLISH_NEW | (relaxed ? PLI__PUBLISH_RELAXED : 0), err);
}

pli_status pli__dv_write(const char *root, pli__dv_item *items, size_t n, bool relaxed, pli__arena *arena,
                         pli_error *err) {
    for (size_t from = 0; from < n;) {
        PLI_AUTO(pli__buf_clear) pli__buf file = {0};
        pli__str name;
        size_t to = from;
        pli__buf_addc(&file, 1); /* version of the format */
        for (; to < n && file.len < FILE_MAX; to++) PLI_TRY(add_vector(&file, &items[to], err));
        PLI_TRY(publish(root, &file, relaxed, arena, &name, err));
        for (; from < to; from++) {
            items[from].dv.storage = 'u';
            items[from].dv.path = name;
        }
    }
    return PLI_OK;
}
