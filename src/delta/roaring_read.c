/* 32-bit roaring bitmaps out of bytes that nobody vouches for. */
#include "delta/roaring_read.h"

enum {
    COOKIE = 12346,
    COOKIE_RUNS = 12347,
    NO_OFFSETS_BELOW = 4,
    ARRAY_MAX = 4096,
    BITSET_BYTES = 8192,
    CONTAINER_VALUES = 65536
};

typedef struct {
    pli__str rest;
    roaring_bitmap_t *bitmap;
} reader;

static void reader_clear(reader *r) {
    if (r->bitmap) roaring_bitmap_free(r->bitmap);
}

static pli_status too_short(pli_error *err) {
    return pli__error_set(err, PLI_E_CORRUPT, "a bitmap of a deletion vector ends too early");
}

/* The next n bytes; NULL if there are not as many. */
static const char *take(reader *r, size_t n) {
    if (r->rest.len < n) return NULL;
    const char *p = r->rest.ptr;
    r->rest = (pli__str){p + n, r->rest.len - n};
    return p;
}

static uint32_t u16_at(const char *p) { return (uint32_t)(uint8_t)p[0] | (uint32_t)(uint8_t)p[1] << 8; }
static uint32_t u32_at(const char *p) { return u16_at(p) | u16_at(p + 2) << 16; }

static pli_status read_array(reader *r, uint32_t high, uint32_t count, pli_error *err) {
    uint32_t values[ARRAY_MAX];
    const char *p = take(r, count * 2);
    if (!p) return too_short(err);
    for (uint32_t i = 0; i < count; i++) {
        values[i] = high | u16_at(p + i * 2);
        if (i && values[i] <= values[i - 1])
            return pli__error_set(err, PLI_E_CORRUPT, "the values of a deletion vector are not in order");
    }
    roaring_bitmap_add_many(r->bitmap, count, values);
    return PLI_OK;
}

static pli_status read_bitset(reader *r, uint32_t high, uint32_t count, pli_error *err) {
    uint32_t values[64], found = 0;
    const char *p = take(r, BITSET_BYTES);
    if (!p) return too_short(err);
    for (uint32_t byte = 0; byte < BITSET_BYTES; byte += 8) {
        uint32_t n = 0;
        for (uint64_t word = (uint64_t)u32_at(p + byte) | (uint64_t)u32_at(p + byte + 4) << 32; word; word &= word - 1)
            values[n++] = high | (byte * 8 + (uint32_t)__builtin_ctzll(word));
        roaring_bitmap_add_many(r->bitmap, n, values);
        found += n;
    }
    if (found != count)
        return pli__error_set(err, PLI_E_CORRUPT, "a deletion vector holds %u values where it says %u", found, count);
    return PLI_OK;
}

static pli_status read_runs(reader *r, uint32_t high, uint32_t count, pli_error *err) {
    uint32_t found = 0, next = 0; /* smallest value that may follow */
    const char *p = take(r, 2);
    const uint32_t n = p ? u16_at(p) : 0;
    if (!p || !(p = take(r, n * 4))) return too_short(err);
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t start = u16_at(p + i * 4), end = start + u16_at(p + i * 4 + 2);
        if (start < next || end >= CONTAINER_VALUES)
            return pli__error_set(err, PLI_E_CORRUPT, "the runs of a deletion vector are not in order");
        roaring_bitmap_add_range_closed(r->bitmap, high | start, high | end);
        found += end - start + 1;
        next = end + 1;
    }
    if (found != count)
        return pli__error_set(err, PLI_E_CORRUPT, "a deletion vector holds %u values where it says %u", found, count);
    return PLI_OK;
}

/* Number of containers and, with runs, the flags that tell which have them. */
static pli_status read_header(reader *r, uint32_t *n, const char **flags, pli_error *err) {
    const char *p = take(r, 4);
    if (!p) return too_short(err);
    *flags = NULL;
    if (u16_at(p) == COOKIE_RUNS) {
        *n = u16_at(p + 2) + 1;
        *flags = take(r, (*n + 7) / 8);
        return *flags ? PLI_OK : too_short(err);
    }
    if (u32_at(p) != COOKIE)
        return pli__error_set(err, PLI_E_CORRUPT, "a bitmap of a deletion vector begins with %u", u32_at(p));
    if (!(p = take(r, 4))) return too_short(err);
    *n = u32_at(p);
    return *n <= CONTAINER_VALUES
               ? PLI_OK
               : pli__error_set(err, PLI_E_CORRUPT, "a bitmap of a deletion vector has %u containers", *n);
}

static pli_status read_containers(reader *r, uint32_t n, const char *flags, pli_error *err) {
    const char *keys = take(r, n * 4);
    if (!keys || ((!flags || n >= NO_OFFSETS_BELOW) && !take(r, n * 4))) return too_short(err);
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t key = u16_at(keys + i * 4), count = u16_at(keys + i * 4 + 2) + 1;
        if (i && key <= u16_at(keys + i * 4 - 4))
            return pli__error_set(err, PLI_E_CORRUPT, "the containers of a deletion vector are not in order");
        if (flags && flags[i / 8] >> (i % 8) & 1) PLI_TRY(read_runs(r, key << 16, count, err));
        else if (count <= ARRAY_MAX) PLI_TRY(read_array(r, key << 16, count, err));
        else PLI_TRY(read_bitset(r, key << 16, count, err));
    }
    return PLI_OK;
}

pli_status pli__roaring_read(pli__str *rest, roaring_bitmap_t **out, pli_error *err) {
    PLI_AUTO(reader_clear) reader r = {*rest, roaring_bitmap_create()};
    uint32_t n = 0;
    const char *flags = NULL;
    if (!r.bitmap) return pli__error_memory(err);
    PLI_TRY(read_header(&r, &n, &flags, err));
    PLI_TRY(read_containers(&r, n, flags, err));
    *rest = r.rest;
    *out = PLI_TAKE(r.bitmap);
    return PLI_OK;
}
