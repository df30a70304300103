/* Sets of 64-bit row numbers over CRoaring's 32-bit bitmaps, and their serialised form in deletion vectors. */
#include <roaring/roaring.h>
#include <stdlib.h>

#include "delta/dv.h"
#include "delta/roaring_read.h"

#define DV_MAGIC UINT32_C(1681511377)

typedef struct {
    uint32_t key; /* upper half of the rows */
    roaring_bitmap_t *bitmap;
} bucket;

struct pli__rows {
    size_t n, cap;
    bucket *buckets; /* ascending by key; none is NULL */
};

pli__rows *pli__rows_new(void) { return calloc(1, sizeof(pli__rows)); }

void pli__rows_free(pli__rows *r) {
    if (!r) return;
    for (size_t i = 0; i < r->n; i++) roaring_bitmap_free(r->buckets[i].bitmap);
    free(r->buckets);
    free(r);
}

void pli__rows_auto(pli__rows **r) { pli__rows_free(*r); }

/* Position of the first bucket whose key is not smaller. */
static size_t lower_bound(const pli__rows *r, uint32_t key) {
    size_t lo = 0, hi = r->n;
    while (lo < hi) {
        const size_t mid = lo + (hi - lo) / 2;
        if (r->buckets[mid].key < key) lo = mid + 1;
        else hi = mid;
    }
    return lo;
}

static bool insert_bucket(pli__rows *r, size_t at, uint32_t key, roaring_bitmap_t *take) {
    if (!take) return false;
    if (r->n == r->cap) {
        const size_t cap = r->cap ? r->cap * 2 : 1;
        bucket *moved = realloc(r->buckets, cap * sizeof *moved);
        if (!moved) {
            roaring_bitmap_free(take);
            return false;
        }
        r->buckets = moved;
        r->cap = cap;
    }
    memmove(&r->buckets[at + 1], &r->buckets[at], (r->n - at) * sizeof *r->buckets);
    r->buckets[at] = (bucket){key, take};
    r->n++;
    return true;
}

bool pli__rows_add(pli__rows *r, uint64_t row) {
    const uint32_t key = (uint32_t)(row >> 32);
    const size_t at = lower_bound(r, key);
    if ((at == r->n || r->buckets[at].key != key) && !insert_bucket(r, at, key, roaring_bitmap_create())) return false;
    roaring_bitmap_add(r->buckets[at].bitmap, (uint32_t)row);
    return true;
}

bool pli__rows_has(const pli__rows *r, uint64_t row) {
    const size_t at = lower_bound(r, (uint32_t)(row >> 32));
    return at < r->n && r->buckets[at].key == (uint32_t)(row >> 32) &&
           roaring_bitmap_contains(r->buckets[at].bitmap, (uint32_t)row);
}

uint64_t pli__rows_count(const pli__rows *r) {
    uint64_t n = 0;
    for (size_t i = 0; i < r->n; i++) n += roaring_bitmap_get_cardinality(r->buckets[i].bitmap);
    return n;
}

uint64_t pli__rows_max(const pli__rows *r) {
    for (size_t i = r->n; i-- > 0;)
        if (!roaring_bitmap_is_empty(r->buckets[i].bitmap))
            return (uint64_t)r->buckets[i].key << 32 | roaring_bitmap_maximum(r->buckets[i].bitmap);
    return 0;
}

bool pli__rows_or(pli__rows *r, const pli__rows *other) {
    if (r == other) return true; /* the library forbids a bitmap with itself */
    for (size_t i = 0; i < other->n; i++) {
        const uint32_t key = other->buckets[i].key;
        const size_t at = lower_bound(r, key);
        if (at < r->n && r->buckets[at].key == key)
            roaring_bitmap_or_inplace(r->buckets[at].bitmap, other->buckets[i].bitmap);
        else if (!insert_bucket(r, at, key, roaring_bitmap_copy(other->buckets[i].bitmap))) return false;
    }
    return true;
}

bool pli__rows_minus(pli__rows *r, const pli__rows *other) {
    if (r == other) {
        for (size_t i = 0; i < r->n; i++) roaring_bitmap_clear(r->buckets[i].bitmap);
        return true;
    }
    for (size_t i = 0; i < other->n; i++) {
        const size_t at = lower_bound(r, other->buckets[i].key);
        if (at < r->n && r->buckets[at].key == other->buckets[i].key)
            roaring_bitmap_andnot_inplace(r->buckets[at].bitmap, other->buckets[i].bitmap);
    }
    return true;
}

size_t pli__rows_take(const pli__rows *r, uint64_t *next, uint64_t *out, size_t n) {
    size_t taken = 0;
    for (size_t i = lower_bound(r, (uint32_t)(*next >> 32)); i < r->n && taken < n; i++) {
        const uint64_t high = (uint64_t)r->buckets[i].key << 32;
        roaring_uint32_iterator_t it;
        roaring_init_iterator(r->buckets[i].bitmap, &it);
        if (*next > high && !roaring_move_uint32_iterator_equalorlarger(&it, (uint32_t)*next)) continue;
        while (it.has_value && taken < n) {
            out[taken++] = high | it.current_value;
            roaring_advance_uint32_iterator(&it);
        }
    }
    if (taken) *next = out[taken - 1] + 1;
    return taken;
}

/* ---- serialised form ---- */

static uint64_t little_endian(const char *p, size_t n) {
    uint64_t v = 0;
    for (size_t i = n; i-- > 0;) v = v << 8 | (uint8_t)p[i];
    return v;
}

static pli_status parse_bucket(pli__rows *r, pli__str *rest, int64_t *last_key, pli_error *err) {
    if (rest->len < 4) return pli__error_set(err, PLI_E_CORRUPT, "a deletion vector ends within a key");
    const uint32_t key = (uint32_t)little_endian(rest->ptr, 4);
    if ((int64_t)key <= *last_key || key > INT32_MAX)
        return pli__error_set(err, PLI_E_CORRUPT, "the keys of a deletion vector are not in order");
    *last_key = key;
    *rest = (pli__str){rest->ptr + 4, rest->len - 4};
    roaring_bitmap_t *bitmap = NULL;
    PLI_TRY(pli__roaring_read(rest, &bitmap, err));
    return insert_bucket(r, r->n, key, bitmap) ? PLI_OK : pli__error_memory(err);
}

pli_status pli__rows_parse(pli__str data, pli__rows **out, pli_error *err) {
    PLI_AUTO(pli__rows_auto) pli__rows *r = pli__rows_new();
    if (!r) return pli__error_memory(err);
    if (data.len < 12)
        return pli__error_set(err, PLI_E_CORRUPT, "a deletion vector of %zu bytes is too short", data.len);
    if (little_endian(data.ptr, 4) != DV_MAGIC)
        return pli__error_set(err, PLI_E_CORRUPT, "a deletion vector does not begin with its magic number");
    const uint64_t n = little_endian(data.ptr + 4, 8);
    if (n > PLI__DV_BUCKETS_MAX)
        return pli__error_set(err, PLI_E_LIMIT, "a deletion vector has more than %llu buckets",
                              (unsigned long long)PLI__DV_BUCKETS_MAX);
    pli__str rest = {data.ptr + 12, data.len - 12};
    int64_t last_key = -1;
    for (uint64_t i = 0; i < n; i++) PLI_TRY(parse_bucket(r, &rest, &last_key, err));
    if (rest.len) return pli__error_set(err, PLI_E_CORRUPT, "a deletion vector has %zu bytes behind its end", rest.len);
    *out = PLI_TAKE(r);
    return PLI_OK;
}

static void add_little_endian(pli__buf *b, uint64_t v, size_t n) {
    for (size_t i = 0; i < n; i++, v >>= 8) pli__buf_addc(b, (char)v);
}

pli_status pli__rows_serialize(const pli__rows *r, pli__buf *out, pli_error *err) {
    add_little_endian(out, DV_MAGIC, 4);
    add_little_endian(out, r->n, 8);
    for (size_t i = 0; i < r->n; i++) {
        roaring_bitmap_t *b = roaring_bitmap_copy(r->buckets[i].bitmap);
        if (!b) return pli__error_memory(err);
        roaring_bitmap_run_optimize(b);
        add_little_endian(out, r->buckets[i].key, 4);
        const size_t size = roaring_bitmap_portable_size_in_bytes(b);
        char *room = pli__buf_room(out, size);
        if (room) pli__buf_used(out, roaring_bitmap_portable_serialize(b, room));
        roaring_bitmap_free(b);
    }
    return pli__buf_status(out, err);
}
