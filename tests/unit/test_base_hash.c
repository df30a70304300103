/* Hashes against published vectors, UUIDs, Base64. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
// cmocka wants the ones above
#include <cmocka.h>

#include "base/hash.h"

static void test_hash__sha256_of_the_standard(void **state) {
    (void)state;
    char hex[65];
    pli__sha256_hex(PLI_STR("abc"), hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    pli__sha256_hex((pli__str){NULL, 0}, hex);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    pli__sha256_hex(PLI_STR("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"), hex);
    assert_string_equal(hex, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

static void test_hash__md5_of_the_rfc(void **state) {
    (void)state;
    char hex[33];
    pli__md5_hex(PLI_STR("message digest"), hex);
    assert_string_equal(hex, "f96b697d7cb7938d525a2f31aaf161d0");
    pli__md5_hex((pli__str){NULL, 0}, hex);
    assert_string_equal(hex, "d41d8cd98f00b204e9800998ecf8427e");
}

static void test_hash__crc32_and_xxh64_check_values(void **state) {
    (void)state;
    assert_int_equal(pli__crc32(PLI_STR("123456789")), 0xCBF43926);
    assert_int_equal(pli__crc32((pli__str){NULL, 0}), 0);
    assert_true(pli__hash64((pli__str){NULL, 0}) == UINT64_C(0xEF46DB3751D8E999));
    assert_true(pli__hash64(PLI_STR("a")) != pli__hash64(PLI_STR("b")));
}

static void test_uuid__is_random_lower_case_version_4(void **state) {
    (void)state;
    char a[37], b[37];
    pli__uuid_new(a);
    pli__uuid_new(b);
    assert_string_not_equal(a, b);
    assert_int_equal(strlen(a), 36);
    assert_int_equal(a[14], '4');
    assert_non_null(strchr("89ab", a[19]));
    for (size_t i = 0; i < 36; i++) assert_non_null(strchr("0123456789abcdef-", a[i]));
}

static void test_uuid__parent_and_child_get_different_ones(void **state) {
    (void)state;
    int ends[2];
    char own[37], others[37] = "";
    assert_int_equal(pipe(ends), 0);
    const pid_t child = fork();
    if (child == 0) {
        char id[37];
        pli__uuid_new(id);
        _exit(write(ends[1], id, 37) == 37 ? 0 : 1);
    }
    pli__uuid_new(own);
    assert_int_equal(read(ends[0], others, 37), 37);
    waitpid(child, NULL, 0);
    close(ends[0]);
    close(ends[1]);
    assert_string_not_equal(own, others);
}

static void test_uuid__reads_what_it_writes_and_nothing_else(void **state) {
    (void)state;
    uint8_t id[16];
    char text[37];
    assert_true(pli__uuid_parse(PLI_STR("01234567-89AB-cdef-0123-456789abcdef"), id));
    pli__uuid_format(id, text);
    assert_string_equal(text, "01234567-89ab-cdef-0123-456789abcdef");
    const char *const bad[] = {"",
                               "01234567-89ab-cdef-0123-456789abcde",
                               "01234567-89ab-cdef-0123-456789abcdefa",
                               "0123456789abcdef0123456789abcdef",
                               "g1234567-89ab-cdef-0123-456789abcdef",
                               "01234567+89ab-cdef-0123-456789abcdef"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) assert_false(pli__uuid_parse(pli__str_of(bad[i]), id));
    assert_int_equal(id[15], 0xef);
}

static void test_base64__pads(void **state) {
    (void)state;
    static const char *const pairs[][2] = {{"", ""},
                                           {"f", "Zg=="},
                                           {"fo", "Zm8="},
                                           {"foo", "Zm9v"},
                                           {"foob", "Zm9vYg=="},
                                           {"fooba", "Zm9vYmE="},
                                           {"foobar", "Zm9vYmFy"}};
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        pli__buf b = {0};
        pli__base64_add(&b, pli__str_of(pairs[i][0]));
        assert_true(pli__str_eqz(pli__buf_str(&b), pairs[i][1]));
        pli__buf_clear(&b);
    }
    pli__buf b = {0};
    pli__base64_add(&b, PLI_STR("\xff\xfe\xfd"));
    assert_string_equal(b.ptr, "//79");
    pli__buf_clear(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hash__sha256_of_the_standard),
        cmocka_unit_test(test_hash__md5_of_the_rfc),
        cmocka_unit_test(test_hash__crc32_and_xxh64_check_values),
        cmocka_unit_test(test_uuid__is_random_lower_case_version_4),
        cmocka_unit_test(test_uuid__parent_and_child_get_different_ones),
        cmocka_unit_test(test_uuid__reads_what_it_writes_and_nothing_else),
        cmocka_unit_test(test_base64__pads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
