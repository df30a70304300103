/* Slices, buffers, UTF-8. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
// cmocka wants the ones above
#include <cmocka.h>

#include "base/str.h"
#include "base/utf8.h"
#include "support/alloc_fault.h"

static pli__str s(const char *z) { return pli__str_of(z); }

static void test_str__compares_by_bytes_then_length(void **state) {
    (void)state;
    assert_true(pli__str_eq(s(""), (pli__str){NULL, 0}));
    assert_true(pli__str_eqz(s("abc"), "abc"));
    assert_false(pli__str_eqz(s("abc"), "abd"));
    assert_false(pli__str_eqz(PLI_STR("a\0b"), "a"));
    assert_true(pli__str_ieqz(s("ÄbC"), "ÄBc"));
    assert_false(pli__str_ieqz(s("ä"), "Ä"));
    assert_true(pli__str_cmp(s("a"), s("ab")) < 0);
    assert_true(pli__str_cmp(s("ab"), s("a")) > 0);
    assert_true(pli__str_cmp(s("a\xff"), s("az")) > 0); /* unsigned bytes */
    assert_int_equal(pli__str_cmp(s("ab"), s("ab")), 0);
}

static void test_str__starts_and_ends(void **state) {
    (void)state;
    assert_true(pli__str_starts(s("offsets/7"), s("offsets/")));
    assert_true(pli__str_starts(s("x"), s("")));
    assert_false(pli__str_starts(s("off"), s("offsets")));
    assert_true(pli__str_ends(s("7.json"), s(".json")));
    assert_false(pli__str_ends(s("json"), s(".json")));
    assert_true(pli__str_ends(s(""), s("")));
}

static void test_str__takes_lines_with_any_ending(void **state) {
    (void)state;
    pli__str rest = s("one\ntwo\r\n\n\r\nlast\r"), line;
    const char *const want[] = {"one", "two", "", "", "last\r"};
    for (size_t i = 0; i < 5; i++) {
        assert_true(pli__str_take_line(&rest, &line));
        assert_true(pli__str_eqz(line, want[i]));
    }
    assert_false(pli__str_take_line(&rest, &line));
}

static void test_str__reads_the_whole_range_of_integers_and_nothing_else(void **state) {
    (void)state;
    int64_t v = 0;
    assert_true(pli__str_to_i64(s("9223372036854775807"), &v));
    assert_int_equal(v, INT64_MAX);
    assert_true(pli__str_to_i64(s("-9223372036854775808"), &v));
    assert_true(v == INT64_MIN);
    assert_true(pli__str_to_i64(s("+0007"), &v));
    assert_int_equal(v, 7);
    v = 42;
    const char *const bad[] = {
        "",    "-",   "+",  "9223372036854775808", "-9223372036854775809", "99999999999999999999", " 1", "1 ", "1.0",
        "0x1", "--1", "1e3"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) assert_false(pli__str_to_i64(s(bad[i]), &v));
    assert_int_equal(v, 42);
}

static void test_str__reads_numbers_without_a_locale(void **state) {
    (void)state;
    double v = 0;
    assert_true(pli__str_to_f64(s("-1.5e3"), &v));
    assert_true(v == -1500.0);
    assert_true(pli__str_to_f64((pli__str){"3.25xyz", 4}, &v)); /* not terminated */
    assert_true(v == 3.25);
    const char *const bad[] = {"", "inf", "nan", "0x10", "1,5", " 1", "1 ", "1e999", "1e", "."};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) assert_false(pli__str_to_f64(s(bad[i]), &v));
    assert_false(pli__str_to_f64(PLI_STR("1\0"), &v));
    assert_true(v == 3.25);
}

static void test_str__knows_utf8(void **state) {
    (void)state;
    const char *const good[] = {
        "", "abcdefghijklmnop", "ä", "€", "\xF0\x9F\x98\x80", "12345678ä", "\xEF\xBF\xBF", "\xF4\x8F\xBF\xBF"};
    const char *const bad[] = {"\x80",
                               "\xC0\x80",
                               "\xC1\xBF",
                               "\xE0\x80\x80",
                               "\xED\xA0\x80",
                               "\xF4\x90\x80\x80",
                               "\xF5\x80\x80\x80",
                               "abcdefgh\xFF",
                               "\xE2\x82",
                               "\xF0\x9F\x98",
                               "ä\xC3"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) assert_true(pli__str_is_utf8(s(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) assert_false(pli__str_is_utf8(s(bad[i])));
}

static void test_utf8__encodes_what_it_decodes(void **state) {
    (void)state;
    for (uint32_t cp = 0; cp <= 0x10FFFF; cp += cp < 0x3000 ? 1 : 37) {
        char text[4];
        if (cp >= 0xD800 && cp <= 0xDFFF) continue;
        const size_t n = pli__utf8_encode(cp, text);
        assert_int_equal(pli__utf8_step((pli__str){text, n}, NULL), n);
        assert_int_equal(pli__utf8_decode(text, n), cp);
    }
}

static void test_str__finds_the_nearest_name(void **state) {
    (void)state;
    const char *const names[] = {"checkpoint", "max_files", "merge_schema", "path"};
    assert_string_equal(pli__str_nearest("chekpoint", names, 4), "checkpoint");
    assert_string_equal(pli__str_nearest("maxFiles", names, 4), "max_files");
    assert_string_equal(pli__str_nearest("pth", names, 4), "path");
    assert_string_equal(pli__str_nearest("PATH", names, 4), "path");
    assert_null(pli__str_nearest("zzzzzzzz", names, 4));
    assert_null(pli__str_nearest("", names, 4));
    assert_null(
        pli__str_nearest("a name that is longer than any option could ever be, and then some more of it", names, 4));
    assert_null(pli__str_nearest("path", names, 0));
}

static void test_buf__grows_and_stays_terminated(void **state) {
    (void)state;
    pli__buf b = {0};
    assert_int_equal(pli__buf_str(&b).len, 0);
    for (int i = 0; i < 1000; i++) pli__buf_addc(&b, 'x');
    pli__buf_addf(&b, "-%d-%s", 7, "seven");
    pli__buf_adds(&b, PLI_STR("\0nul"));
    assert_int_equal(b.len, 1000 + 8 + 4);
    assert_int_equal(b.ptr[b.len], 0);
    assert_memory_equal(b.ptr + 1000, "-7-seven\0nul", 12);
    char *room = pli__buf_room(&b, 100);
    memset(room, 'r', 100);
    pli__buf_used(&b, 3);
    assert_int_equal(b.len, 1015);
    assert_int_equal(b.ptr[b.len], 0);
    assert_int_equal(pli__buf_status(&b, NULL), PLI_OK);
    pli__buf_reset(&b);
    assert_string_equal(b.ptr, "");
    pli__buf_clear(&b);
}

static void test_buf__failure_sticks_until_reset(void **state) {
    (void)state;
    pli__buf b;
    pli_error err;
    pli__buf_init(&b, 10);
    pli__buf_addz(&b, "1234567890");
    assert_int_equal(pli__buf_status(&b, &err), PLI_OK);
    pli__buf_addc(&b, 'x');
    pli__buf_reset(&b);
    pli__buf_addz(&b, "12345");
    pli__buf_addz(&b, "678901");
    pli__buf_addc(&b, 'x'); /* would fit, but the text would have a hole */
    assert_int_equal(b.len, 5);
    assert_int_equal(pli__buf_status(&b, &err), PLI_E_LIMIT);
    assert_null(pli__buf_room(&b, 1));
    assert_null(pli__buf_take(&b));
    assert_int_equal(pli__buf_status(&b, &err), PLI_OK); /* empty again, with its cap */
    pli__buf_addz(&b, "12345678901");
    assert_int_equal(pli__buf_status(&b, &err), PLI_E_LIMIT);
    pli__buf_addf(&b, "%d", 1);
    assert_int_equal(b.len, 0);
    assert_null(pli__buf_room(&b, SIZE_MAX));
    pli__buf_clear(&b);
}

static void test_buf__hands_its_text_over(void **state) {
    (void)state;
    pli__buf b = {0};
    char *empty = pli__buf_take(&b);
    assert_string_equal(empty, "");
    free(empty);
    pli__buf_addz(&b, "text");
    char *text = pli__buf_take(&b);
    assert_string_equal(text, "text");
    assert_null(b.ptr);
    assert_int_equal(b.len, 0);
    free(text);
}

static void assert_json(const char *text, size_t len, const char *want) {
    pli__buf b = {0};
    pli__buf_add_json(&b, (pli__str){text, len});
    assert_string_equal(b.ptr, want);
    pli__buf_clear(&b);
}

static void test_buf__quotes_json(void **state) {
    (void)state;
    assert_json("", 0, "\"\"");
    assert_json("plain ä", 8, "\"plain ä\"");
    assert_json("\"\\\b\f\n\r\t/", 8, "\"\\\"\\\\\\b\\f\\n\\r\\t/\"");
    assert_json("\0\x01\x1f\x7f", 4, "\"\\u0000\\u0001\\u001f\x7f\"");
    assert_json("a\xFF"
                "b\xE2\x82",
                5,
                "\"a\xEF\xBF\xBD"
                "b\xEF\xBF\xBD\""); /* a cut code point is one replacement */
    assert_json("\xED\xA0\x80", 3, "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"");
}

static void test_buf__quotes_sql(void **state) {
    (void)state;
    pli__buf b = {0};
    pli__buf_add_sql_str(&b, s("it's ''"));
    pli__buf_addc(&b, ' ');
    pli__buf_add_sql_name(&b, s("a\"b'c"));
    pli__buf_add_sql_str(&b, s(""));
    assert_string_equal(b.ptr, "'it''s ''''' \"a\"\"b'c\"''");
    pli__buf_clear(&b);
}

static void test_buf__survives_every_allocation_that_fails(void **state) {
    (void)state;
    ALLOC_FAULT_EACH(n) {
        const long before = alloc_fault_live();
        pli__buf b = {0};
        alloc_fault_arm(n);
        for (int i = 0; i < 100; i++) pli__buf_addf(&b, "%d,", i);
        alloc_fault_disarm();
        assert_int_equal(pli__buf_status(&b, NULL), alloc_fault_struck() ? PLI_E_MEMORY : PLI_OK);
        pli__buf_clear(&b);
        assert_int_equal(alloc_fault_live(), before);
    }
}

static void test_str__copies_are_terminated(void **state) {
    (void)state;
    char *copy = pli__str_dup((pli__str){"abcdef", 3});
    assert_string_equal(copy, "abc");
    free(copy);
    assert_null(pli__strz_dup(NULL));
    PLI_AUTO(pli__free_ptr) char *other = pli__strz_dup("z");
    assert_string_equal(other, "z");
    assert_int_equal(pli__str_of(NULL).len, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_str__compares_by_bytes_then_length),
        cmocka_unit_test(test_str__starts_and_ends),
        cmocka_unit_test(test_str__takes_lines_with_any_ending),
        cmocka_unit_test(test_str__reads_the_whole_range_of_integers_and_nothing_else),
        cmocka_unit_test(test_str__reads_numbers_without_a_locale),
        cmocka_unit_test(test_str__knows_utf8),
        cmocka_unit_test(test_utf8__encodes_what_it_decodes),
        cmocka_unit_test(test_str__finds_the_nearest_name),
        cmocka_unit_test(test_buf__grows_and_stays_terminated),
        cmocka_unit_test(test_buf__failure_sticks_until_reset),
        cmocka_unit_test(test_buf__hands_its_text_over),
        cmocka_unit_test(test_buf__quotes_json),
        cmocka_unit_test(test_buf__quotes_sql),
        cmocka_unit_test(test_buf__survives_every_allocation_that_fails),
        cmocka_unit_test(test_str__copies_are_terminated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
