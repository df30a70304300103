/* The hash map and the arena under it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
// cmocka wants the ones above
#include <cmocka.h>

#include "base/arena.h"
#include "base/map.h"
#include "support/alloc_fault.h"

static void *number(size_t n) { return (void *)(uintptr_t)n; }

static pli__str key_of(size_t n, char out[32]) {
    const int len = snprintf(out, 32, "key/%zu", n);
    return (pli__str){out, (size_t)len};
}

static void test_map__holds_what_was_put(void **state) {
    (void)state;
    pli__map *m = pli__map_new();
    void *old = number(9);
    char k[32];
    for (size_t i = 0; i < 10000; i++) assert_true(pli__map_put(m, key_of(i, k), number(i), NULL));
    assert_int_equal(pli__map_size(m), 10000);
    for (size_t i = 0; i < 10000; i++) assert_ptr_equal(pli__map_get(m, key_of(i, k)), number(i));
    assert_false(pli__map_has(m, key_of(10000, k)));
    assert_null(pli__map_get(m, key_of(10000, k)));
    assert_true(pli__map_put(m, key_of(7, k), number(77), &old));
    assert_ptr_equal(old, number(7));
    assert_int_equal(pli__map_size(m), 10000);
    assert_true(pli__map_put(m, PLI_STR("new"), NULL, &old));
    assert_null(old);
    assert_true(pli__map_has(m, PLI_STR("new"))); /* a NULL value is there all the same */
    pli__map_free(m);
}

static void test_map__keys_are_any_bytes(void **state) {
    (void)state;
    PLI_AUTO(pli__map_auto) pli__map *m = pli__map_new();
    assert_true(pli__map_put(m, PLI_STR(""), number(1), NULL));
    assert_true(pli__map_put(m, PLI_STR("a\0b"), number(2), NULL));
    assert_true(pli__map_put(m, PLI_STR("a\0c"), number(3), NULL));
    assert_ptr_equal(pli__map_get(m, (pli__str){NULL, 0}), number(1));
    assert_ptr_equal(pli__map_get(m, PLI_STR("a\0b")), number(2));
    assert_false(pli__map_has(m, PLI_STR("a")));
}

static void test_map__removes_and_finds_the_rest(void **state) {
    (void)state;
    PLI_AUTO(pli__map_auto) pli__map *m = pli__map_new();
    char k[32];
    void *old = NULL;
    /* many rounds in a small map: marks of removal must not fill it up */
    for (size_t round = 0; round < 2000; round++) {
        for (size_t i = 0; i < 9; i++) assert_true(pli__map_put(m, key_of(round * 9 + i, k), number(i + 1), NULL));
        for (size_t i = 0; i < 9; i++) {
            assert_true(pli__map_remove(m, key_of(round * 9 + i, k), &old));
            assert_ptr_equal(old, number(i + 1));
            assert_false(pli__map_remove(m, key_of(round * 9 + i, k), NULL));
        }
    }
    assert_int_equal(pli__map_size(m), 0);
}

static void test_map__iterates_once_over_each_even_while_removing(void **state) {
    (void)state;
    PLI_AUTO(pli__map_auto) pli__map *m = pli__map_new();
    char k[32];
    for (size_t i = 1; i <= 1000; i++) assert_true(pli__map_put(m, key_of(i, k), number(i), NULL));
    size_t it = 0, n = 0, sum = 0;
    pli__str key;
    void *value;
    while (pli__map_next(m, &it, &key, &value)) {
        n++;
        sum += (size_t)(uintptr_t)value;
        assert_true(pli__str_eq(key, key_of((size_t)(uintptr_t)value, k)));
        assert_true(pli__map_remove(m, key, NULL));
    }
    assert_int_equal(n, 1000);
    assert_int_equal(sum, 500500);
    assert_int_equal(pli__map_size(m), 0);
    it = 0;
    assert_false(pli__map_next(m, &it, &key, &value));
    assert_false(pli__map_next(NULL, &it, &key, &value));
}

static void test_map__agrees_with_an_array_under_random_use(void **state) {
    (void)state;
    PLI_AUTO(pli__map_auto) pli__map *m = pli__map_new();
    size_t want[500] = {0}, present = 0;
    const unsigned seed = 20240131;
    unsigned x = seed;
    char k[32];
    for (size_t step = 1; step < 200000; step++) {
        x = x * 1664525u + 1013904223u;
        const size_t i = (x >> 8) % 500;
        if (x >> 31) {
            present += want[i] == 0;
            want[i] = step;
            assert_true(pli__map_put(m, key_of(i, k), number(step), NULL));
        } else {
            assert_int_equal(pli__map_remove(m, key_of(i, k), NULL), want[i] != 0);
            present -= want[i] != 0;
            want[i] = 0;
        }
        assert_ptr_equal(pli__map_get(m, key_of(i, k)), number(want[i]));
    }
    assert_int_equal(pli__map_size(m), present);
}

static void test_map__a_failed_put_changes_nothing(void **state) {
    (void)state;
    ALLOC_FAULT_EACH(n) {
        const long before = alloc_fault_live();
        alloc_fault_arm(n);
        pli__map *m = pli__map_new();
        size_t put = 0;
        char k[32];
        while (m && put < 200 && pli__map_put(m, key_of(put, k), number(put), NULL)) put++;
        alloc_fault_disarm();
        if (alloc_fault_struck()) assert_true(put < 200);
        assert_int_equal(pli__map_size(m), put);
        for (size_t i = 0; i < put; i++) assert_true(pli__map_has(m, key_of(i, k)));
        pli__map_free(m);
        assert_int_equal(alloc_fault_live(), before);
    }
}

static void test_arena__pieces_are_aligned_apart_and_keep_their_place(void **state) {
    (void)state;
    PLI_AUTO(pli__arena_clear) pli__arena a = {0};
    char *pieces[3000];
    size_t sizes[3000];
    unsigned x = 1;
    for (size_t i = 0; i < 3000; i++) {
        x = x * 1664525u + 1013904223u;
        sizes[i] = (x >> 8) % (i % 100 == 0 ? 50000 : 60);
        pieces[i] = pli__arena_alloc(&a, sizes[i]);
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] % 8, 0);
        memset(pieces[i], (int)(i & 0xff), sizes[i]);
    }
    for (size_t i = 0; i < 3000; i++)
        for (size_t j = 0; j < sizes[i]; j++) assert_int_equal((unsigned char)pieces[i][j], i & 0xff);
}

static void test_arena__copies_strings(void **state) {
    (void)state;
    PLI_AUTO(pli__arena_clear) pli__arena a = {0};
    char *first = pli__arena_strdup(&a, (pli__str){"abcdef", 3});
    const pli__str second = pli__arena_str(&a, PLI_STR(""));
    uint64_t *zeros = pli__arena_calloc(&a, 100, sizeof *zeros);
    assert_string_equal(first, "abc");
    assert_int_equal(second.len, 0);
    assert_non_null(second.ptr);
    for (size_t i = 0; i < 100; i++) assert_int_equal(zeros[i], 0);
    assert_null(pli__arena_calloc(&a, SIZE_MAX / 2, 3));
    assert_int_equal(pli__arena_status(&a, NULL), PLI_E_MEMORY);
}

static void test_arena__keeps_to_its_cap(void **state) {
    (void)state;
    pli__arena a;
    size_t got = 0;
    pli__arena_init(&a, 100000);
    while (pli__arena_alloc(&a, 1000)) got++;
    assert_true(got >= 90 && got <= 100);
    assert_true(a.total <= 100000);
    assert_int_equal(pli__arena_status(&a, NULL), PLI_E_LIMIT);
    assert_null(pli__arena_alloc(&a, 1)); /* failure sticks */
    pli__arena_reset(&a);
    assert_int_equal(pli__arena_status(&a, NULL), PLI_OK);
    assert_non_null(pli__arena_alloc(&a, 1));
    pli__arena_clear(&a);
    assert_null(pli__arena_alloc(&a, 100001));
    assert_null(pli__arena_alloc(&a, SIZE_MAX));
    pli__arena_clear(&a);
    pli__arena_clear(&a);
}

static void test_arena__reset_reuses_its_memory(void **state) {
    (void)state;
    PLI_AUTO(pli__arena_clear) pli__arena a = {0};
    for (int round = 0; round < 1000; round++) {
        for (int i = 0; i < 100; i++) assert_non_null(pli__arena_alloc(&a, 100));
        pli__arena_reset(&a);
    }
    assert_true(a.total < 100000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_map__holds_what_was_put),
        cmocka_unit_test(test_map__keys_are_any_bytes),
        cmocka_unit_test(test_map__removes_and_finds_the_rest),
        cmocka_unit_test(test_map__iterates_once_over_each_even_while_removing),
        cmocka_unit_test(test_map__agrees_with_an_array_under_random_use),
        cmocka_unit_test(test_map__a_failed_put_changes_nothing),
        cmocka_unit_test(test_arena__pieces_are_aligned_apart_and_keep_their_place),
        cmocka_unit_test(test_arena__copies_strings),
        cmocka_unit_test(test_arena__keeps_to_its_cap),
        cmocka_unit_test(test_arena__reset_reuses_its_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
