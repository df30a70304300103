/*
 * Deletion vectors: bytes that are taken as one are a set in order, the one that the roaring library reads (which is safe
 * with bytes that were checked), and give the same set when they are written and read again; an inline text is what its Z85
 * says; rows are found where they are listed.
 */
#include <roaring/roaring.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "delta/dv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROWS_MAX = 200000 };

static void expect(bool ok, const char *what) {
    if (ok) return;
    fprintf(stderr, "fuzz_delta_dv: %s\n", what);
    abort();
}

static uint64_t walk(const pli__rows *r) {
    uint64_t next = 0, out[256], last = 0, total = 0;
    size_t n;
    while ((n = pli__rows_take(r, &next, out, 256)) > 0) {
        for (size_t i = 0; i < n; i++) {
            expect(total == 0 || out[i] > last, "rows are not in order");
            expect(pli__rows_has(r, out[i]), "a row that is listed is not found");
            last = out[i];
            total++;
        }
        if (total > ROWS_MAX) return total;
    }
    expect(total == pli__rows_count(r), "the number of rows is not how many there are");
    expect(total == 0 || last == pli__rows_max(r), "the last row is not the greatest");
    return total;
}

/* Bytes that were accepted, as the library reads them. */
static void check_library(pli__str data, const pli__rows *r) {
    uint64_t count = 0;
    size_t at = 12;
    while (at + 4 < data.len) {
        uint32_t key, values[256], n;
        memcpy(&key, data.ptr + at, 4);
        at += 4;
        roaring_bitmap_t *b = roaring_bitmap_portable_deserialize_safe(data.ptr + at, data.len - at);
        expect(b != NULL, "the library refuses what was accepted");
        at += roaring_bitmap_portable_deserialize_size(data.ptr + at, data.len - at);
        roaring_uint32_iterator_t it;
        roaring_init_iterator(b, &it);
        while ((n = roaring_read_uint32_iterator(&it, values, 256)) > 0 && count < ROWS_MAX) {
            for (uint32_t i = 0; i < n; i++)
                expect(pli__rows_has(r, (uint64_t)key << 32 | values[i]), "the library reads other rows");
            count += n;
        }
        roaring_bitmap_free(b);
    }
    expect(count >= ROWS_MAX || count == pli__rows_count(r), "the library reads another number of rows");
}

static void check_set(pli__str data) {
    PLI_AUTO(pli__rows_auto) pli__rows *r = NULL;
    PLI_AUTO(pli__rows_auto) pli__rows *again = NULL;
    PLI_AUTO(pli__rows_auto) pli__rows *both = NULL;
    PLI_AUTO(pli__buf_clear) pli__buf written = {0};
    if (pli__rows_parse(data, &r, NULL) != PLI_OK) return;
    walk(r);
    check_library(data, r);
    expect(pli__rows_serialize(r, &written, NULL) == PLI_OK, "a set cannot be written");
    expect(pli__rows_parse(pli__buf_str(&written), &again, NULL) == PLI_OK, "a set that was written cannot be read");
    expect(pli__rows_count(r) == pli__rows_count(again), "a set that was written is another one");
    expect(pli__rows_minus(again, r) && pli__rows_count(again) == 0, "a set minus itself is not empty");
    both = pli__rows_new();
    expect(both && pli__rows_or(both, r) && pli__rows_or(both, again) && pli__rows_count(both) == pli__rows_count(r),
           "a union is wrong");
}

static void check_inline(pli__str text) {
    PLI_AUTO(pli__buf_clear) pli__buf decoded = {0};
    PLI_AUTO(pli__buf_clear) pli__buf encoded = {0};
    PLI_AUTO(pli__rows_auto) pli__rows *r = NULL;
    if (pli__z85_decode(text, &decoded, NULL) == PLI_OK) {
        pli__z85_encode(pli__buf_str(&decoded), &encoded);
        expect(pli__str_eq(pli__buf_str(&encoded), text) || !text.len, "Z85 text is not what its bytes are written as");
        check_set(pli__buf_str(&decoded));
    }
    const pli__dv dv = {
        .storage = 'i', .path = text, .offset = -1, .size = text.len / 5 * 4 - (text.len % 3), .cardinality = 1};
    if (pli__dv_read("/", &dv, &r, NULL) == PLI_OK) expect(walk(r) == 1, "the cardinality was not checked");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (!size) return 0;
    const pli__str rest = {(const char *)data + 1, size - 1};
    if (data[0] & 1) check_inline(rest);
    else check_set(rest);
    return 0;
}
