/*
 * A copy of an Avro file for the engine's reader, which refuses codecs and logical types that it does not know: the header
 * written anew, the blocks behind it as they are or unpacked.
 *
 *   "Obj" 1 | metadata | sync marker | { rows, bytes, data, sync marker } …
 */
#include <string.h>
#include <zstd.h>

#include "base/json.h"
#include "port/fs.h"
#include "source/format_avro.h"
#include "source/format_avro_bytes.h"

#define SYNC_LEN 16
#define PIECE ((size_t)4 << 20)          /* read and written at a time where blocks stay as they are */
#define BLOCK_HEAD_MAX 20                /* two longs */
#define BLOCK_MAX ((size_t)256 << 20)    /* bytes of a block, packed */
#define UNPACKED_MAX ((size_t)1 << 30)

/* ---- is it needed? ---- */

static bool is_among(const char *word, const char *const *known, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(word, known[i]) == 0) return true;
    return false;
}

static bool knows_codec(pli__str codec) {
    return codec.len == 0 || pli__str_eqz(codec, "null") || pli__str_eqz(codec, "deflate") ||
           pli__str_eqz(codec, "snappy");
}

static bool knows_logical(const char *name) {
    static const char *const known[] = {"decimal",
                                        "uuid",
                                        "date",
                                        "time-millis",
                                        "time-micros",
                                        "timestamp-millis",
                                        "timestamp-micros",
                                        "timestamp-nanos",
                                        "local-timestamp-millis"};
    return is_among(name, known, sizeof known / sizeof *known);
}

/* Logical types that the engine does not know, taken out if `drop`; how many there are. The JSON parser limits the depth. */
static size_t unknown_logicals(json_t *type, bool drop) {
    const char *logical = json_string_value(json_object_get(type, "logicalType")), *key;
    size_t n = logical && !knows_logical(logical), i;
    json_t *part;
    json_object_foreach(type, key, part) n += unknown_logicals(part, drop);
    json_array_foreach(type, i, part) n += unknown_logicals(part, drop);
    if (drop && logical && !knows_logical(logical)) (void)json_object_del(type, "logicalType");
    return n;
}

bool pli__avro_needs_copy(const pli__avro_header *h) {
    return !knows_codec(h->codec) || unknown_logicals(h->schema, false) > 0 ||
           pli__avro_mend_names(h->schema, false) > 0;
}

/* ---- header ---- */

static void add_long(pli__buf *b, int64_t n) {
    uint64_t bits = ((uint64_t)n << 1) ^ (uint64_t)(n >> 63);
    for (; bits > 127; bits >>= 7) pli__buf_addc(b, (char)(bits | 128));
    pli__buf_addc(b, (char)bits);
}

static void add_bytes(pli__buf *b, pli__str s) {
    add_long(b, (int64_t)s.len);
    pli__buf_adds(b, s);
}

static pli_status write_header(const pli__avro_header *h, pli__str codec, pli__str sync, const char *to,
                               pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf head = {0};
    PLI_AUTO(pli__json_unref) json_t *schema = json_deep_copy(h->schema);
    if (!schema) return pli__error_memory(err);
    (void)unknown_logicals(schema, true);
    (void)pli__avro_mend_names(schema, true);
    PLI_AUTO(pli__buf_clear) pli__buf text = {0};
    PLI_TRY(pli__json_write(schema, &text, err));
    pli__buf_adds(&head, PLI_STR("Obj\x01"));
    add_long(&head, 2);
    add_bytes(&head, PLI_STR("avro.schema"));
    add_bytes(&head, pli__buf_str(&text));
    add_bytes(&head, PLI_STR("avro.codec"));
    add_bytes(&head, codec.len ? codec : PLI_STR("null"));
    add_long(&head, 0);
    pli__buf_adds(&head, sync);
    PLI_TRY(pli__buf_status(&head, err));
    return pli__fs_append(to, pli__buf_str(&head), err);
}

/* ---- blocks ---- */

static pli_status copy_rest(const char *path, int64_t at, const char *to, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf piece = {0};
    for (;; at += (int64_t)piece.len) {
        pli__buf_reset(&piece);
        PLI_TRY(pli__fs_read_at(path, at, PIECE, &piece, err));
        if (!piece.len) return PLI_OK;
        PLI_TRY(pli__fs_append(to, pli__buf_str(&piece), err));
    }
}

static pli_status bad_block(const char *path, int64_t at, pli_error *err) {
    return pli__error_set(err, PLI_E_DATA, "'%s': the block at byte %lld is cut short or damaged", path, (long long)at);
}

static pli_status unpack(pli__str packed, ZSTD_DCtx *zstd, pli__buf *out, pli_error *err) {
    ZSTD_inBuffer in = {packed.ptr, packed.len, 0};
    size_t left = 1;
    pli__buf_init(out, UNPACKED_MAX);
    (void)ZSTD_DCtx_reset(zstd, ZSTD_reset_session_only);
    while (in.pos < in.size || left) {
        const size_t was = out->len, step = ZSTD_DStreamOutSize();
        char *room = pli__buf_room(out, step);
        if (!room) return pli__buf_status(out, err);
        ZSTD_outBuffer to = {room, step, 0};
        left = ZSTD_decompressStream(zstd, &to, &in);
        if (ZSTD_isError(left)) return PLI_E_DATA;
        pli__buf_used(out, to.pos);
        if (in.pos == in.size && out->len == was && left) return PLI_E_DATA;
    }
    return PLI_OK;
}

/* The packed bytes of the block at `at`, its rows, and the bytes it takes in the file; *size 0 at the end. */
static pli_status read_block(const pli__avro_header *h, int64_t at, pli__str sync, pli__buf *block, int64_t *rows,
                             size_t *size, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf head = {0};
    int64_t len = 0;
    size_t begin = 0;
    *size = 0;
    PLI_TRY(pli__fs_read_at(h->path, at, BLOCK_HEAD_MAX, &head, err));
    if (!head.len) return PLI_OK;
    const pli__str bytes = pli__buf_str(&head);
    if (!pli__avro_long(bytes, &begin, rows) || !pli__avro_long(bytes, &begin, &len) || *rows < 0 || len < 0)
        return bad_block(h->path, at, err);
    if ((uint64_t)len > BLOCK_MAX)
        return pli__error_set(err, PLI_E_LIMIT, "'%s': the block at byte %lld is larger than %zu bytes", h->path,
                              (long long)at, BLOCK_MAX);
    PLI_TRY(pli__fs_read_at(h->path, at + (int64_t)begin, (size_t)len + SYNC_LEN, block, err));
    if (block->len != (size_t)len + SYNC_LEN || memcmp(block->ptr + len, sync.ptr, SYNC_LEN) != 0)
        return bad_block(h->path, at, err);
    block->len = (size_t)len;
    *size = begin + (size_t)len + SYNC_LEN;
    return PLI_OK;
}

/* One block, unpacked; *size 0 at the end of the file. */
static pli_status copy_block(const pli__avro_header *h, int64_t at, pli__str sync, ZSTD_DCtx *zstd, const char *to,
                             size_t *size, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf block = {0}, values = {0}, made = {0};
    int64_t rows = 0;
    PLI_TRY(read_block(h, at, sync, &block, &rows, size, err));
    if (!*size) return PLI_OK;
    const pli_status status = unpack(pli__buf_str(&block), zstd, &values, err);
    if (status != PLI_OK) return status == PLI_E_DATA ? bad_block(h->path, at, err) : status;
    add_long(&made, rows);
    add_bytes(&made, pli__buf_str(&values));
    pli__buf_adds(&made, sync);
    PLI_TRY(pli__buf_status(&made, err));
    return pli__fs_append(to, pli__buf_str(&made), err);
}

static void free_zstd(ZSTD_DCtx **z) { ZSTD_freeDCtx(*z); }

static pli_status copy_unpacked(const pli__avro_header *h, pli__str sync, const char *to, pli_error *err) {
    PLI_AUTO(free_zstd) ZSTD_DCtx *zstd = ZSTD_createDCtx();
    if (!zstd) return pli__error_memory(err);
    int64_t at = (int64_t)h->end + SYNC_LEN;
    for (size_t size = 1; size; at += (int64_t)size) PLI_TRY(copy_block(h, at, sync, zstd, to, &size, err));
    return PLI_OK;
}

static pli_status refuse_codec(const pli__avro_header *h, pli_error *err) {
    const pli_status status = pli__error_set(
        err, PLI_E_UNSUPPORTED, "'%s' is compressed with '%.*s', which cannot be read", h->path, PLI_STR_ARG(h->codec));
    (void)pli__error_hint(err, "write it with the codec zstandard, deflate or snappy");
    return status;
}

pli_status pli__avro_copy(const pli__avro_header *h, const char *to, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf sync = {0};
    const bool packed = pli__str_eqz(h->codec, "zstandard");
    if (!packed && !knows_codec(h->codec)) return refuse_codec(h, err);
    PLI_TRY(pli__fs_read_at(h->path, (int64_t)h->end, SYNC_LEN, &sync, err));
    if (sync.len != SYNC_LEN) return bad_block(h->path, (int64_t)h->end, err);
    PLI_TRY(write_header(h, packed ? PLI_STR("null") : h->codec, pli__buf_str(&sync), to, err));
    return packed ? copy_unpacked(h, pli__buf_str(&sync), to, err)
                  : copy_rest(h->path, (int64_t)h->end + SYNC_LEN, to, err);
}
