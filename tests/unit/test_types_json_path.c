/* Paths in JSON objects: what they name, what is left without it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "types/json_path.h"

static const struct {
    const char *path, *json, *value, *without;
    bool fold;
} cases[] = {
    {"a", "{\"a\":1}", "1", "{}", false},
    {"a", "{ \"b\" : 2 , \"a\" : 1.50 , \"c\":\"x\" }", "1.50", "{\"b\":2,\"c\":\"x\"}", false},
    {"a.b", "{\"a\":{\"b\":[1, {\"c\":2}],\"d\":3}}", "[1, {\"c\":2}]", "{\"a\":{\"d\":3}}", false},
    {"a.b", "{\"a\":{\"b\":{}},\"d\":12345678901234567890123}", "{}", "{\"d\":12345678901234567890123}", false},
    {"a.b.c", "{\"a\":{\"b\":{\"c\":true}}}", "true", "{}", false},
    {"a", "{\"A\":\"q\\\"\\u00e9\"}", "\"q\\\"\\u00e9\"", "{}", true},
    {"a", "{\"A\":1}", NULL, "{\"A\":1}", false},
    {"\"a.b\".\"c\"\"d\"", "{\"a.b\":{\"c\\\"d\":0}}", "0", "{}", false},
    {"a", "{\"a\":null,\"b\":1}", NULL, "{\"b\":1}", false},
    {"a.b", "{\"a\":7}", NULL, "{\"a\":7}", false},
    {"b", "{\"a\":{\"b\":1}}", NULL, "{\"a\":{\"b\":1}}", false},
    {"a", "{}", NULL, "{}", false},
    {"a", "[1]", NULL, "[1]", false},
    {"a", "7", NULL, "7", false},
};

static void test_types_json_path__names_a_value_and_takes_it_out(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        PLI_AUTO(pli__json_path_clear) pli__json_path path = {0};
        PLI_AUTO(pli__buf_clear) pli__buf rest = {0};
        const pli__str json = pli__str_of(cases[i].json);
        assert_int_equal(pli__json_path_parse(pli__str_of(cases[i].path), cases[i].fold, &path, NULL), PLI_OK);
        const pli__str value = pli__json_path_at(&path, json);
        if (!value.ptr != !cases[i].value || (value.ptr && !pli__str_eqz(value, cases[i].value)))
            fail_msg("%s of %s is %.*s", cases[i].path, cases[i].json, PLI_STR_ARG(value));
        (void)pli__json_path_without(&path, json, &rest);
        assert_int_equal(pli__buf_status(&rest, NULL), PLI_OK);
        assert_string_equal(rest.ptr, cases[i].without);
    }
}

static void test_types_json_path__what_is_no_path_is_refused(void **state) {
    static const char *const bad[] = {"", ".", "a.", ".a", "a..b", "\"a", "\"a\"b", "\"\""};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        pli__json_path path;
        assert_int_equal(pli__json_path_parse(pli__str_of(bad[i]), false, &path, NULL), PLI_E_ARGUMENT);
    }
    pli__buf deep = {0};
    pli__json_path path;
    for (int i = 0; i < PLI__JSON_PATH_MAX; i++) pli__buf_addz(&deep, "a.");
    pli__buf_addz(&deep, "a");
    assert_int_equal(pli__json_path_parse(pli__buf_str(&deep), false, &path, NULL), PLI_E_ARGUMENT);
    pli__buf_clear(&deep);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types_json_path__names_a_value_and_takes_it_out),
        cmocka_unit_test(test_types_json_path__what_is_no_path_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
