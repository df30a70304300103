/* JSON records over jansson. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
// cmocka wants the ones above
#include <cmocka.h>

#include "base/json.h"
#include "support/alloc_fault.h"

static json_t *parse(const char *text) {
    json_t *v = NULL;
    pli_error err;
    if (pli__json_parse(pli__str_of(text), "doc.json", &v, &err) != PLI_OK) fail_msg("%s", err.message);
    return v;
}

static void test_json__names_document_and_line_of_an_error(void **state) {
    (void)state;
    json_t *v = NULL;
    pli_error err;
    assert_int_equal(pli__json_parse(PLI_STR("{\"a\": 1,\n \"b\": }"), "offsets/7.json", &v, &err), PLI_E_CORRUPT);
    assert_null(v);
    assert_int_equal(err.position, 2);
    assert_non_null(strstr(err.message, "'offsets/7.json'"));
    const char *const bad[] = {"", "{", "[1,]", "{\"a\":1}x", "nul", "'a'", "\"\xff\"", "{\"a\":99999999999999999999}"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(pli__json_parse(pli__str_of(bad[i]), "d", &v, NULL), PLI_E_CORRUPT);
    assert_null(v);
}

static void test_json__takes_any_value_at_the_top(void **state) {
    (void)state;
    const char *const good[] = {"1", "null", "\"x\"", " [1] ", "{}"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) json_decref(parse(good[i]));
}

static void assert_written(const char *text, const char *want) {
    PLI_AUTO(pli__json_unref) json_t *v = parse(text);
    PLI_AUTO(pli__buf_clear) pli__buf b = {0};
    assert_int_equal(pli__json_write(v, &b, NULL), PLI_OK);
    assert_string_equal(b.ptr, want);
}

static void test_json__writes_compact_text_in_the_order_of_insertion(void **state) {
    (void)state;
    assert_written("{\"z\": [1, 2], \"a\": {\"b\": null, \"c\": true}, \"m\": false}",
                   "{\"z\":[1,2],\"a\":{\"b\":null,\"c\":true},\"m\":false}");
    assert_written("[]", "[]");
    assert_written("\"\\u0000\\u00e4/\"", "\"\\u0000ä/\"");
}

static void test_json__writes_the_shortest_number_that_reads_back(void **state) {
    (void)state;
    assert_written("[0.1, 1.0, -0.0, 1e300, 1e-7, 123456789.125, 0.30000000000000004, 9007199254740993]",
                   "[0.1,1.0,-0.0,1e+300,1e-07,123456789.125,0.30000000000000004,9007199254740993]");
}

static void test_json__indents_by_two(void **state) {
    (void)state;
    PLI_AUTO(pli__json_unref) json_t *v = parse("{\"a\":[1,{}],\"b\":[]}");
    PLI_AUTO(pli__buf_clear) pli__buf b = {0};
    assert_int_equal(pli__json_write_pretty(v, &b, NULL), PLI_OK);
    assert_string_equal(b.ptr, "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": []\n}\n");
}

static void test_json__refuses_a_value_that_is_missing_or_too_deep(void **state) {
    (void)state;
    PLI_AUTO(pli__buf_clear) pli__buf b = {0};
    assert_int_equal(pli__json_write(NULL, &b, NULL), PLI_E_ARGUMENT);
    PLI_AUTO(pli__json_unref) json_t *v = json_array();
    for (int i = 0; i < 1000; i++) {
        json_t *outer = json_array();
        json_array_append_new(outer, v);
        v = outer;
    }
    assert_int_equal(pli__json_write(v, &b, NULL), PLI_E_LIMIT);
}

static void test_json__typed_members(void **state) {
    (void)state;
    PLI_AUTO(pli__json_unref)
    json_t *v = parse("{\"s\":\"text\",\"i\":7,\"f\":1.5,\"b\":true,\"o\":{},\"a\":[],\"n\":null,\"z\":\"a\\u0000b\"}");
    const char *s = NULL;
    int64_t i = 0;
    double f = 0;
    bool b = false;
    json_t *o = NULL, *a = NULL;
    assert_int_equal(pli__json_get_str(v, "s", "d", true, &s, NULL), PLI_OK);
    assert_string_equal(s, "text");
    assert_int_equal(pli__json_get_i64(v, "i", "d", true, &i, NULL), PLI_OK);
    assert_int_equal(i, 7);
    assert_int_equal(pli__json_get_f64(v, "f", "d", true, &f, NULL), PLI_OK);
    assert_true(f == 1.5);
    assert_int_equal(pli__json_get_f64(v, "i", "d", true, &f, NULL), PLI_OK);
    assert_true(f == 7.0);
    assert_int_equal(pli__json_get_bool(v, "b", "d", true, &b, NULL), PLI_OK);
    assert_true(b);
    assert_int_equal(pli__json_get_obj(v, "o", "d", true, &o, NULL), PLI_OK);
    assert_int_equal(pli__json_get_arr(v, "a", "d", true, &a, NULL), PLI_OK);
    assert_true(json_is_object(o) && json_is_array(a));
    assert_int_equal(pli__json_get_str(v, "z", "d", true, &s, NULL), PLI_E_CORRUPT); /* a C string would end early */
}

static void test_json__absent_and_null_members(void **state) {
    (void)state;
    PLI_AUTO(pli__json_unref) json_t *v = parse("{\"n\":null}");
    const char *s = "default";
    int64_t i = -1;
    pli_error err;
    assert_int_equal(pli__json_get_str(v, "n", "d", false, &s, NULL), PLI_OK);
    assert_int_equal(pli__json_get_i64(v, "x", "d", false, &i, NULL), PLI_OK);
    assert_string_equal(s, "default");
    assert_int_equal(i, -1);
    assert_int_equal(pli__json_get_i64(v, "n", "meta.json", true, &i, &err), PLI_E_CORRUPT);
    assert_string_equal(err.message, "'meta.json': 'n' is missing");
}

static void test_json__another_type_is_always_an_error(void **state) {
    (void)state;
    PLI_AUTO(pli__json_unref) json_t *v = parse("{\"s\":\"1\",\"f\":1.5}");
    const char *s = "kept";
    int64_t i = -1;
    double f = -1;
    bool b = true;
    json_t *o = NULL;
    pli_error err;
    assert_int_equal(pli__json_get_i64(v, "s", "d", false, &i, &err), PLI_E_CORRUPT);
    assert_string_equal(err.message, "'d': 's' must be an integer");
    assert_int_equal(pli__json_get_i64(v, "f", "d", false, &i, NULL), PLI_E_CORRUPT);
    assert_int_equal(pli__json_get_str(v, "f", "d", false, &s, NULL), PLI_E_CORRUPT);
    assert_int_equal(pli__json_get_f64(v, "s", "d", false, &f, NULL), PLI_E_CORRUPT);
    assert_int_equal(pli__json_get_bool(v, "s", "d", false, &b, NULL), PLI_E_CORRUPT);
    assert_int_equal(pli__json_get_obj(v, "s", "d", false, &o, NULL), PLI_E_CORRUPT);
    assert_int_equal(pli__json_get_arr(v, "s", "d", false, &o, NULL), PLI_E_CORRUPT);
    assert_int_equal(i, -1);
    assert_string_equal(s, "kept");
    assert_null(o);
    PLI_AUTO(pli__json_unref) json_t *list = parse("[]");
    assert_int_equal(pli__json_get_i64(list, "x", "d", false, &i, NULL), PLI_E_CORRUPT);
    assert_int_equal(pli__json_get_i64(NULL, "x", "d", false, &i, NULL), PLI_E_CORRUPT);
}

static void test_json__survives_every_allocation_that_fails(void **state) {
    (void)state;
    json_decref(parse("{\"warm\":[1.5,\"up\"]}")); /* jansson seeds its hash once */
    ALLOC_FAULT_EACH(n) {
        const long before = alloc_fault_live();
        json_t *v = NULL;
        pli__buf b = {0};
        alloc_fault_arm(n);
        pli_status status = pli__json_parse(PLI_STR("{\"a\":[1,2.5,\"three\"],\"b\":{\"c\":null}}"), "d", &v, NULL);
        if (status == PLI_OK) status = pli__json_write(v, &b, NULL);
        alloc_fault_disarm();
        /* jansson reports some failures of memory as an error without a code */
        if (alloc_fault_struck()) assert_int_not_equal(status, PLI_OK);
        else assert_int_equal(status, PLI_OK);
        json_decref(v);
        pli__buf_clear(&b);
        assert_int_equal(alloc_fault_live(), before);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json__names_document_and_line_of_an_error),
        cmocka_unit_test(test_json__takes_any_value_at_the_top),
        cmocka_unit_test(test_json__writes_compact_text_in_the_order_of_insertion),
        cmocka_unit_test(test_json__writes_the_shortest_number_that_reads_back),
        cmocka_unit_test(test_json__indents_by_two),
        cmocka_unit_test(test_json__refuses_a_value_that_is_missing_or_too_deep),
        cmocka_unit_test(test_json__typed_members),
        cmocka_unit_test(test_json__absent_and_null_members),
        cmocka_unit_test(test_json__another_type_is_always_an_error),
        cmocka_unit_test(test_json__survives_every_allocation_that_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
