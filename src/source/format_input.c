/* Reading input files as bytes: plain, gzip (several members too), Zstandard (several frames too). */
#include "source/format_input.h"

#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

#include "port/fs.h"

#define RAW_BYTES ((size_t)256 << 10)

typedef enum compression { PLAIN, GZIP, ZSTD } compression;

struct pli__input {
    char *path;
    pli__fs_reader *file;
    compression how;
    int64_t at;      /* offset of the next raw bytes */
    bool raw_end;
    pli__buf raw;
    size_t raw_used;
    z_stream gz;
    bool gz_open, ended; /* ended: at the end of a gzip member or a zstd frame */
    ZSTD_DStream *zstd;
};

static compression compression_of(const char *path) {
    pli__str p = pli__str_of(path);
    return pli__str_ends(p, PLI_STR(".gz")) ? GZIP : pli__str_ends(p, PLI_STR(".zst")) ? ZSTD : PLAIN;
}

const char *pli__input_compression(const char *path) {
    static const char *const names[] = {"", "gzip", "zstd"};
    return names[compression_of(path)];
}

void pli__input_close(pli__input *in) {
    if (!in) return;
    if (in->gz_open) inflateEnd(&in->gz);
    ZSTD_freeDStream(in->zstd);
    pli__buf_clear(&in->raw);
    pli__fs_reader_close(in->file);
    free(in->path);
    free(in);
}

void pli__input_auto(pli__input **in) { pli__input_close(*in); }

pli_status pli__input_open(const char *path, pli__input **out, pli_error *err) {
    *out = NULL;
    PLI_AUTO(pli__input_auto) pli__input *in = calloc(1, sizeof *in);
    if (!in || !(in->path = pli__strz_dup(path))) return pli__error_memory(err);
    PLI_TRY(pli__fs_reader_open(path, &in->file, err));
    in->how = compression_of(path);
    in->ended = true;
    if (in->how == GZIP) {
        if (inflateInit2(&in->gz, 15 + 16) != Z_OK) return pli__error_memory(err);
        in->gz_open = true;
    }
    if (in->how == ZSTD && !(in->zstd = ZSTD_createDStream())) return pli__error_memory(err);
    *out = PLI_TAKE(in);
    return PLI_OK;
}

pli_status pli__input_open_at(const char *path, int64_t offset, pli__input **out, pli_error *err) {
    PLI_TRY(pli__input_open(path, out, err));
    (*out)->at = offset;
    return PLI_OK;
}

static pli_status fill(pli__input *in, pli_error *err) {
    size_t got;
    if (in->raw_end || in->raw_used < in->raw.len) return PLI_OK;
    pli__buf_reset(&in->raw);
    in->raw_used = 0;
    char *room = pli__buf_room(&in->raw, RAW_BYTES);
    if (!room) return pli__buf_status(&in->raw, err);
    PLI_TRY(pli__fs_reader_read(in->file, in->at, room, RAW_BYTES, &got, err));
    pli__buf_used(&in->raw, got);
    in->at += (int64_t)got;
    in->raw_end = got == 0;
    return PLI_OK;
}

static pli_status read_plain(pli__input *in, char *to, size_t cap, size_t *got, pli_error *err) {
    PLI_TRY(pli__fs_reader_read(in->file, in->at, to, cap, got, err));
    in->at += (int64_t)*got;
    return PLI_OK;
}

static pli_status damaged(const pli__input *in, const char *why, pli_error *err) {
    return pli__error_set(err, PLI_E_DATA, "'%s' cannot be decompressed: %s", in->path,
                          why ? why : "its data is damaged");
}

static pli_status read_gzip(pli__input *in, char *to, size_t cap, size_t *got, pli_error *err) {
    if (in->ended && in->raw_used < in->raw.len && in->gz.total_in) inflateReset(&in->gz);
    in->gz.next_in = (Bytef *)in->raw.ptr + in->raw_used;
    in->gz.avail_in = (uInt)(in->raw.len - in->raw_used);
    in->gz.next_out = (Bytef *)to;
    in->gz.avail_out = (uInt)cap;
    int rc = inflate(&in->gz, Z_NO_FLUSH);
    in->raw_used = in->raw.len - in->gz.avail_in;
    *got = cap - in->gz.avail_out;
    in->ended = rc == Z_STREAM_END;
    return rc == Z_OK || rc == Z_STREAM_END || rc == Z_BUF_ERROR ? PLI_OK : damaged(in, in->gz.msg, err);
}

static pli_status read_zstd(pli__input *in, char *to, size_t cap, size_t *got, pli_error *err) {
    ZSTD_inBuffer src = {in->raw.ptr, in->raw.len, in->raw_used};
    ZSTD_outBuffer dst = {to, cap, 0};
    size_t rc = ZSTD_decompressStream(in->zstd, &dst, &src);
    if (ZSTD_isError(rc)) return damaged(in, ZSTD_getErrorName(rc), err);
    in->raw_used = src.pos;
    in->ended = rc == 0;
    *got = dst.pos;
    return PLI_OK;
}

pli_status pli__input_read(pli__input *in, char *to, size_t cap, size_t *got, pli_error *err) {
    *got = 0;
    if (in->how == PLAIN) return read_plain(in, to, cap, got, err);
    for (;;) {
        PLI_TRY(fill(in, err));
        if (in->raw_used == in->raw.len && in->how != ZSTD && in->ended) return PLI_OK;
        bool nothing_left = in->raw_end && in->raw_used == in->raw.len;
        if (nothing_left && in->ended) return PLI_OK;
        PLI_TRY(in->how == GZIP ? read_gzip(in, to, cap < UINT32_MAX ? cap : UINT32_MAX, got, err)
                                : read_zstd(in, to, cap, got, err));
        if (*got) return PLI_OK;
        if (nothing_left && !in->ended) return damaged(in, "it is cut short", err);
    }
}

pli_status pli__input_check(const char *path, pli_error *err) {
    if (compression_of(path) == PLAIN) return PLI_OK;
    PLI_AUTO(pli__input_auto) pli__input *in = NULL;
    PLI_AUTO(pli__buf_clear) pli__buf b = {0};
    PLI_TRY(pli__input_open(path, &in, err));
    char *room = pli__buf_room(&b, RAW_BYTES);
    if (!room) return pli__buf_status(&b, err);
    for (size_t got = 1; got;) PLI_TRY(pli__input_read(in, room, RAW_BYTES, &got, err));
    return PLI_OK;
}
