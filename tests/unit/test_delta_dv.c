/* Deletion vectors: sets of rows, their serialised form, and every way in which a stored one can be wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
// cmocka wants the ones above
#include <cmocka.h>

#include "base/hash.h"
#include "delta/dv.h"
#include "delta/rows_stream.h"
#include "port/fs.h"

static char folder[64];

static int make_folder(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/pli_test_dv_XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state) {
    (void)state;
    return pli__fs_remove_tree(folder, NULL) == PLI_OK ? 0 : -1;
}

static pli__rows *rows_of(const uint64_t *values, size_t n) {
    pli__rows *r = pli__rows_new();
    for (size_t i = 0; i < n; i++) assert_true(pli__rows_add(r, values[i]));
    return r;
}

static void test_rows__are_kept_across_32_bits(void **state) {
    static const uint64_t values[] = {7, 0, UINT64_C(1) << 32, (UINT64_C(1) << 32) + 5, UINT64_C(1) << 40, 4294967295u};
    PLI_AUTO(pli__rows_auto) pli__rows *r = rows_of(values, 6);
    (void)state;
    assert_int_equal(pli__rows_count(r), 6);
    assert_true(pli__rows_max(r) == UINT64_C(1) << 40);
    assert_true(pli__rows_has(r, UINT64_C(1) << 32));
    assert_false(pli__rows_has(r, 1));
    uint64_t next = 0, out[4];
    assert_int_equal(pli__rows_take(r, &next, out, 4), 4);
    assert_true(out[0] == 0 && out[1] == 7 && out[2] == 4294967295u && out[3] == UINT64_C(1) << 32);
    assert_int_equal(pli__rows_take(r, &next, out, 4), 2);
    assert_true(out[1] == UINT64_C(1) << 40);
    assert_int_equal(pli__rows_take(r, &next, out, 4), 0);
}

static void test_rows__union_and_difference(void **state) {
    static const uint64_t a[] = {1, 2, 3, UINT64_C(1) << 33}, b[] = {3, 4, UINT64_C(1) << 33, UINT64_C(1) << 34};
    PLI_AUTO(pli__rows_auto) pli__rows *x = rows_of(a, 4);
    PLI_AUTO(pli__rows_auto) pli__rows *y = rows_of(b, 4);
    (void)state;
    assert_true(pli__rows_minus(x, y));
    assert_int_equal(pli__rows_count(x), 2);
    assert_true(pli__rows_or(x, y));
    assert_int_equal(pli__rows_count(x), 6);
    assert_true(pli__rows_minus(x, x));
    assert_int_equal(pli__rows_count(x), 0);
    assert_int_equal(pli__rows_max(x), 0);
}

static void test_rows__survive_serialisation(void **state) {
    PLI_AUTO(pli__rows_auto) pli__rows *r = pli__rows_new();
    PLI_AUTO(pli__rows_auto) pli__rows *back = NULL;
    PLI_AUTO(pli__buf_clear) pli__buf data = {0};
    (void)state;
    for (uint64_t i = 0; i < 200000; i += (i % 7) + 1) assert_true(pli__rows_add(r, i * 3));
    for (uint64_t i = 0; i < 70000; i++) assert_true(pli__rows_add(r, (UINT64_C(5) << 32) + i));
    assert_int_equal(pli__rows_serialize(r, &data, NULL), PLI_OK);
    assert_int_equal(pli__rows_parse(pli__buf_str(&data), &back, NULL), PLI_OK);
    assert_true(pli__rows_count(back) == pli__rows_count(r));
    assert_true(pli__rows_minus(back, r));
    assert_int_equal(pli__rows_count(back), 0);
}

static void assert_no_rows(const char *bytes, size_t n) {
    PLI_AUTO(pli__rows_auto) pli__rows *r = NULL;
    PLI_AUTO(pli__free_ptr) char *copy = malloc(n ? n : 1); /* its own memory, so that reading beyond it is noticed */
    memcpy(copy, bytes, n);
    const pli_status st = pli__rows_parse((pli__str){copy, n}, &r, NULL);
    assert_true(st == PLI_E_CORRUPT || st == PLI_E_LIMIT);
    assert_null(r);
}

static void test_rows__refuse_every_cut_and_broken_magic(void **state) {
    static const uint64_t values[] = {1, 5, 900, UINT64_C(1) << 32};
    PLI_AUTO(pli__rows_auto) pli__rows *r = rows_of(values, 4);
    PLI_AUTO(pli__buf_clear) pli__buf data = {0};
    (void)state;
    assert_int_equal(pli__rows_serialize(r, &data, NULL), PLI_OK);
    for (size_t n = 0; n < data.len; n++) assert_no_rows(data.ptr, n);
    pli__buf_addc(&data, 0);
    assert_no_rows(data.ptr, data.len);
    data.len--;
    data.ptr[0] ^= 1;
    assert_no_rows(data.ptr, data.len);
    data.ptr[0] ^= 1;
    memset(data.ptr + 4, 0xff, 8); /* number of buckets */
    assert_no_rows(data.ptr, data.len);
}

/* magic, one bucket, a bitmap of one array container with the two values given */
static void two_values(uint16_t a, uint16_t b, pli__buf *out) {
    const unsigned char bytes[] = {0xd1,
                                   0xd3,
                                   0x39,
                                   0x64,
                                   1,
                                   0,
                                   0,
                                   0,
                                   0,
                                   0,
                                   0,
                                   0,
                                   0,
                                   0,
                                   0,
                                   0,
                                   0x3a,
                                   0x30,
                                   0,
                                   0,
                                   1,
                                   0,
                                   0,
                                   0,
                                   0,
                                   0,
                                   1,
                                   0,
                                   16,
                                   0,
                                   0,
                                   0,
                                   (unsigned char)a,
                                   (unsigned char)(a >> 8),
                                   (unsigned char)b,
                                   (unsigned char)(b >> 8)};
    pli__buf_add(out, bytes, sizeof bytes);
    uint32_t magic = 1681511377;
    for (int i = 0; i < 4; i++) out->ptr[i] = (char)(magic >> (8 * i));
}

static void test_rows__refuse_values_that_are_not_in_order(void **state) {
    PLI_AUTO(pli__buf_clear) pli__buf good = {0};
    PLI_AUTO(pli__buf_clear) pli__buf descending = {0};
    PLI_AUTO(pli__buf_clear) pli__buf twice = {0};
    PLI_AUTO(pli__rows_auto) pli__rows *r = NULL;
    (void)state;
    two_values(3, 9, &good);
    two_values(9, 3, &descending);
    two_values(3, 3, &twice);
    assert_int_equal(pli__rows_parse(pli__buf_str(&good), &r, NULL), PLI_OK);
    assert_int_equal(pli__rows_count(r), 2);
    assert_no_rows(descending.ptr, descending.len);
    assert_no_rows(twice.ptr, twice.len);
}

/* ---- stored vectors ---- */

static void add_big_endian(pli__buf *b, uint32_t v) {
    for (int shift = 24; shift >= 0; shift -= 8) pli__buf_addc(b, (char)(v >> shift));
}

/* A file with one vector of three rows at byte 1; the dv that names it absolutely. */
static pli__dv stored(pli__buf *file, pli__buf *path) {
    static const uint64_t values[] = {0, 7, 100000};
    PLI_AUTO(pli__rows_auto) pli__rows *r = rows_of(values, 3);
    PLI_AUTO(pli__buf_clear) pli__buf data = {0};
    assert_int_equal(pli__rows_serialize(r, &data, NULL), PLI_OK);
    pli__buf_addc(file, 1);
    add_big_endian(file, (uint32_t)data.len);
    pli__buf_adds(file, pli__buf_str(&data));
    add_big_endian(file, pli__crc32(pli__buf_str(&data)));
    pli__buf_addf(path, "%s/a%%20b.bin", folder);
    return (pli__dv){
        .storage = 'p', .path = pli__buf_str(path), .offset = 1, .size = (int64_t)data.len, .cardinality = 3};
}

static void write_stored(const pli__buf *file) {
    char path[128];
    snprintf(path, sizeof path, "%s/a b.bin", folder);
    assert_int_equal(pli__fs_publish(path, pli__buf_str(file), PLI__PUBLISH_REPLACE | PLI__PUBLISH_RELAXED, NULL),
                     PLI_OK);
}

static void assert_dv(const pli__dv *dv, pli_status expected, const char *message) {
    PLI_AUTO(pli__rows_auto) pli__rows *r = NULL;
    pli_error err = {0};
    const pli_status st = pli__dv_read("/t", dv, &r, &err);
    if (st != expected || (message && !strstr(err.message, message)))
        fail_msg("status %d, '%s' instead of %d, '%s'", st, err.message, expected, message ? message : "");
    assert_true((st == PLI_OK) == (r != NULL));
}

static void test_dv__is_read_from_an_absolute_path_that_is_decoded(void **state) {
    PLI_AUTO(pli__buf_clear) pli__buf file = {0};
    PLI_AUTO(pli__buf_clear) pli__buf path = {0};
    pli__dv dv = stored(&file, &path);
    (void)state;
    write_stored(&file);
    assert_dv(&dv, PLI_OK, NULL);
}

static void test_dv__says_what_is_wrong_with_a_stored_vector(void **state) {
    PLI_AUTO(pli__buf_clear) pli__buf file = {0};
    PLI_AUTO(pli__buf_clear) pli__buf path = {0};
    pli__dv dv = stored(&file, &path), changed;
    (void)state;
    changed = dv;
    changed.path = PLI_STR("/nowhere/x.bin");
    assert_dv(&changed, PLI_E_NOT_FOUND, "/nowhere/x.bin");
    file.ptr[20] ^= 4;
    write_stored(&file);
    assert_dv(&dv, PLI_E_CORRUPT, "checksum");
    file.ptr[20] ^= 4;
    file.ptr[0] = 2;
    write_stored(&file);
    assert_dv(&dv, PLI_E_CORRUPT, "version 1");
    file.ptr[0] = 1;
    write_stored(&file);
    changed = dv;
    changed.cardinality = 4;
    assert_dv(&changed, PLI_E_CORRUPT, "4 according to the log");
    changed = dv;
    changed.size--;
    assert_dv(&changed, PLI_E_CORRUPT, "according to the log");
    changed = dv;
    changed.offset = 3;
    assert_dv(&changed, PLI_E_CORRUPT, NULL);
    changed = dv;
    changed.offset = 1 << 20;
    assert_dv(&changed, PLI_E_CORRUPT, "ends within");
    changed = dv;
    changed.storage = 'x';
    assert_dv(&changed, PLI_E_UNSUPPORTED, "'x'");
    changed = dv;
    changed.size = INT64_MAX;
    assert_dv(&changed, PLI_E_LIMIT, NULL);
    file.len -= 5;
    write_stored(&file);
    assert_dv(&dv, PLI_E_CORRUPT, "ends within");
}

static void test_dv__refuses_bad_names_and_inline_texts(void **state) {
    (void)state;
    assert_dv(&(pli__dv){.storage = 'u', .path = PLI_STR("short"), .size = 10}, PLI_E_CORRUPT, "short");
    assert_dv(&(pli__dv){.storage = 'u', .path = PLI_STR("aaaaaaaaaaaaaaaaaaa\""), .size = 10}, PLI_E_CORRUPT,
              "alphabet");
    assert_dv(&(pli__dv){.storage = 'i', .path = PLI_STR("0000"), .size = 4}, PLI_E_CORRUPT, "multiple of 5");
    assert_dv(&(pli__dv){.storage = 'i', .path = PLI_STR("#####"), .size = 4}, PLI_E_CORRUPT, "32 bits");
    assert_dv(&(pli__dv){.storage = 'i', .path = PLI_STR("00000"), .size = 9}, PLI_E_CORRUPT, "9");
    assert_dv(&(pli__dv){.storage = 'i', .path = PLI_STR("00000"), .size = 0}, PLI_E_CORRUPT, NULL);
}

static void test_dv__reads_padding_of_leading_hashes(void **state) {
    /* version 5 of the fixture kernel/cdf-table-with-dv: 34 bytes, the last two as '##' and three digits */
    PLI_AUTO(pli__rows_auto) pli__rows *r = NULL;
    const pli__dv dv = {.storage = 'i',
                        .path = PLI_STR("^Bg9^0rr910000000000iXQKl0rr91000005c8Xg##093"),
                        .offset = -1,
                        .size = 34,
                        .cardinality = 1};
    (void)state;
    assert_int_equal(pli__dv_read("/t", &dv, &r, NULL), PLI_OK);
    assert_true(pli__rows_has(r, 3));
}

static void test_dv__id_tells_vectors_of_a_file_apart(void **state) {
    PLI_AUTO(pli__buf_clear) pli__buf id = {0};
    (void)state;
    pli__dv_id(&(pli__dv){.storage = 'u', .path = PLI_STR("abc"), .offset = 4}, &id);
    assert_string_equal(id.ptr, "uabc@4");
    pli__buf_reset(&id);
    pli__dv_id(&(pli__dv){.storage = 'i', .path = PLI_STR("xyz"), .offset = -1}, &id);
    assert_string_equal(id.ptr, "ixyz");
}

static void test_rows__stream_as_keys_of_file_and_row(void **state) {
    PLI_AUTO(pli__rows_auto) pli__rows *a = pli__rows_new();
    static const uint64_t few[] = {3, 9};
    PLI_AUTO(pli__rows_auto) pli__rows *b = rows_of(few, 2);
    (void)state;
    for (uint64_t i = 0; i < 100000; i++) assert_true(pli__rows_add(a, i * 2));
    const pli__file_rows files[] = {{0, a}, {5, b}};
    struct ArrowArrayStream s;
    struct ArrowSchema schema;
    struct ArrowArray array;
    assert_int_equal(pli__rows_stream(files, 2, &s, NULL), PLI_OK);
    assert_int_equal(s.get_schema(&s, &schema), 0);
    assert_string_equal(schema.children[0]->format, "l");
    schema.release(&schema);
    int64_t total = 0, last = -1;
    for (;;) {
        assert_int_equal(s.get_next(&s, &array), 0);
        if (!array.release) break;
        const int64_t *keys = array.children[0]->buffers[1];
        for (int64_t i = 0; i < array.length; i++) {
            assert_true(keys[i] > last);
            last = keys[i];
        }
        total += array.length;
        array.release(&array);
    }
    assert_int_equal(total, 100002);
    assert_true(last == ((INT64_C(5) << PLI__ROW_BITS) | 9));
    s.release(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows__are_kept_across_32_bits),
        cmocka_unit_test(test_rows__union_and_difference),
        cmocka_unit_test(test_rows__survive_serialisation),
        cmocka_unit_test(test_rows__refuse_every_cut_and_broken_magic),
        cmocka_unit_test(test_rows__refuse_values_that_are_not_in_order),
        cmocka_unit_test(test_dv__is_read_from_an_absolute_path_that_is_decoded),
        cmocka_unit_test(test_dv__says_what_is_wrong_with_a_stored_vector),
        cmocka_unit_test(test_dv__refuses_bad_names_and_inline_texts),
        cmocka_unit_test(test_dv__reads_padding_of_leading_hashes),
        cmocka_unit_test(test_dv__id_tells_vectors_of_a_file_apart),
        cmocka_unit_test(test_rows__stream_as_keys_of_file_and_row),
    };
    return cmocka_run_group_tests_name("delta_dv", tests, make_folder, remove_folder);
}
