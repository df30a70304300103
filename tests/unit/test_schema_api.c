/* pli/schema.h: plans and differences as JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/json.h"
#include "pli/schema.h"

static json_t *plan(const char *request) {
    char *text = NULL;
    json_t *json = NULL;
    pli_error err;
    if (pli_schema_plan(request, &text, &err) != PLI_OK) fail_msg("%s: %s", request, err.message);
    assert_int_equal(pli__json_parse(pli__str_of(text), "plan", &json, NULL), PLI_OK);
    free(text);
    return json;
}

static const char *text_of(const json_t *object, const char *key) {
    return json_string_value(json_object_get(object, key));
}

static const json_t *decision(const json_t *p, const char *column) {
    size_t i;
    json_t *d;
    json_array_foreach(json_object_get(p, "decisions"), i, d) if (strcmp(text_of(d, "column"), column) == 0) return d;
    fail_msg("no decision on %s", column);
    return NULL;
}

static void test_schema_api__first_batch_is_the_schema(void **state) {
    (void)state;
    PLI_AUTO(pli__json_unref)
    json_t *p = plan(
        "{\"batch\":[{\"name\":\"a\",\"dtype\":\"Int64\"},{\"name\":\"b\",\"dtype\":\"Struct({'x': Utf8})\"}]}");
    assert_true(json_is_true(json_object_get(p, "changed")));
    assert_true(json_is_true(json_object_get(p, "first")));
    const json_t *schema = json_object_get(p, "schema");
    assert_int_equal(json_array_size(schema), 2);
    assert_string_equal(text_of(json_array_get(schema, 1), "dtype"), "Struct({'x': String})");
    assert_string_equal(text_of(decision(p, "b"), "decision"), "add");
}

static void test_schema_api__nested_decisions_are_summed_up(void **state) {
    (void)state;
    PLI_AUTO(pli__json_unref)
    json_t *p = plan(
        "{\"stored\":[{\"name\":\"s\",\"dtype\":\"Struct({'x': Int64, 'y': String})\"}],\"mode\":\"coerce\","
        "\"batch\":[{\"name\":\"s\",\"dtype\":\"Struct({'x': String, 'y': String})\"}]}");
    const json_t *d = decision(p, "s");
    assert_string_equal(text_of(d, "decision"), "cast");
    assert_true(json_is_true(json_object_get(d, "checked")));
    assert_int_equal(json_array_size(json_object_get(d, "fields")), 2);
    assert_string_equal(text_of(json_array_get(json_object_get(d, "fields"), 0), "column"), "s.x");
    assert_false(json_is_true(json_object_get(p, "changed")));
}

static void test_schema_api__lossy_widening_is_marked(void **state) {
    (void)state;
    PLI_AUTO(pli__json_unref)
    json_t *p = plan(
        "{\"stored\":[{\"name\":\"a\",\"dtype\":\"Float64\"}],\"mode\":\"type_widen\",\"batch\":[{\"name\":\"a\",\"dtype\":\"Int64\"}]}");
    assert_string_equal(text_of(decision(p, "a"), "reason"), "lossy_type");
    PLI_AUTO(pli__json_unref)
    json_t *q = plan(
        "{\"stored\":[{\"name\":\"a\",\"dtype\":\"Int64\"}],\"mode\":\"type_widen\",\"batch\":[{\"name\":\"a\",\"dtype\":\"Float64\"}]}");
    assert_string_equal(text_of(decision(q, "a"), "to"), "Float64");
    assert_string_equal(text_of(decision(q, "a"), "reason"), "lossy_type");
}

static void refuse(const char *request, pli_status code, const char *part) {
    char *text = (char *)1;
    pli_error err;
    assert_int_equal(pli_schema_plan(request, &text, &err), code);
    assert_null(text);
    if (!strstr(err.message, part)) fail_msg("%s: %s", request, err.message);
}

static void test_schema_api__refuses_what_it_cannot_take(void **state) {
    (void)state;
    refuse(NULL, PLI_E_ARGUMENT, "missing");
    refuse("[", PLI_E_CORRUPT, "request");
    refuse("[]", PLI_E_CORRUPT, "object");
    refuse("{}", PLI_E_ARGUMENT, "columns of the batch");
    refuse("{\"batch\":[],\"moed\":\"strict\"}", PLI_E_ARGUMENT, "moed");
    refuse("{\"batch\":[],\"mode\":\"strikt\"}", PLI_E_ARGUMENT, "strikt");
    refuse("{\"batch\":[],\"rescue_mode\":\"file\"}", PLI_E_ARGUMENT, "file");
    refuse("{\"batch\":[{\"name\":\"a\"}]}", PLI_E_CORRUPT, "the batch");
    refuse("{\"batch\":[{\"name\":\"a\",\"dtype\":\"Int64\"},{\"name\":\"a\",\"dtype\":\"Int64\"}]}", PLI_E_CORRUPT,
           "two columns 'a'");
    refuse(
        "{\"stored\":[{\"name\":\"a\",\"dtype\":\"Int64\"},{\"name\":\"b\",\"dtype\":\"Date\"}],\"batch\":[{\"name\":\"a\",\"dtype\":\"Int32\"}]}",
        PLI_E_SCHEMA, "column 'a' is Int32 in the batch, but Int64 in the schema; also: 'b'");
}

static void test_schema_api__names_differences(void **state) {
    (void)state;
    char *text = NULL;
    assert_int_equal(
        pli_schema_diff(
            "[{\"name\":\"a\",\"type\":\"INTEGER\"},{\"name\":\"s\",\"type\":\"STRUCT(x BIGINT)[]\"},{\"name\":\"gone\",\"type\":\"DATE\"}]",
            "[{\"name\":\"a\",\"type\":\"BIGINT\"},{\"name\":\"s\",\"type\":\"STRUCT(x BIGINT, y DATE)[]\"}]", &text,
            NULL),
        PLI_OK);
    assert_string_equal(text, "[{\"column\":\"a\",\"change\":\"type\",\"from\":\"INTEGER\",\"to\":\"BIGINT\"},"
                              "{\"column\":\"s.element.y\",\"change\":\"added\",\"from\":null,\"to\":\"DATE\"},"
                              "{\"column\":\"gone\",\"change\":\"removed\",\"from\":\"DATE\",\"to\":null}]");
    free(text);
    assert_int_equal(pli_schema_diff(NULL, "[{\"name\":\"a\",\"dtype\":\"Int8\"}]", &text, NULL), PLI_OK);
    assert_string_equal(text, "[{\"column\":\"a\",\"change\":\"added\",\"from\":null,\"to\":\"Int8\"}]");
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_schema_api__first_batch_is_the_schema),
        cmocka_unit_test(test_schema_api__nested_decisions_are_summed_up),
        cmocka_unit_test(test_schema_api__lossy_widening_is_marked),
        cmocka_unit_test(test_schema_api__refuses_what_it_cannot_take),
        cmocka_unit_test(test_schema_api__names_differences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
