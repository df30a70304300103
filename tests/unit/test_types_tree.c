/* The tree of types: building, references, comparison, looking up fields, what can be stored. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pli/arrow.h"
#include "support/alloc_fault.h"
#include "types/type.h"

static const pli__type *sql(const char *text) {
    const pli__type *t = NULL;
    pli_error err = {0};
    if (pli__type_from_sql(pli__str_of(text), &t, &err) != PLI_OK) fail_msg("%s: %s", text, err.message);
    return t;
}

static const pli__type *delta(const char *text) {
    const pli__type *t = NULL;
    pli_error err = {0};
    if (pli__type_from_delta(pli__str_of(text), &t, &err) != PLI_OK) fail_msg("%s: %s", text, err.message);
    return t;
}

static void test_types_tree__simple_types_are_shared_and_cost_nothing(void **state) {
    (void)state;
    const pli__type *a = pli__type_new(PLI__TYPE_I64);
    assert_ptr_equal(a, pli__type_new(PLI__TYPE_I64));
    assert_ptr_equal(a, pli__type_ref(a));
    for (int i = 0; i < 5; i++) pli__type_unref(a);
    assert_int_equal(a->id, PLI__TYPE_I64);
    assert_null(pli__type_new(PLI__TYPE_LIST));
    assert_null(pli__type_new(PLI__TYPE_MAP));
    assert_null(pli__type_new(PLI__TYPE_DECIMAL));
    assert_null(pli__type_new((pli__type_id)1000));
}

static void test_types_tree__decimals_outside_the_limits_are_refused(void **state) {
    (void)state;
    assert_null(pli__type_new_decimal(0, 0));
    assert_null(pli__type_new_decimal(39, 0));
    assert_null(pli__type_new_decimal(5, 6));
    assert_null(pli__type_new_decimal(5, -1));
    const pli__type *t = pli__type_new_decimal(38, 38);
    assert_non_null(t);
    pli__type_unref(t);
}

static void test_types_tree__a_builder_that_was_given_no_type_fails_and_frees_everything(void **state) {
    (void)state;
    pli__type_builder b = {0};
    pli__type_builder_add(&b, PLI_STR("a"), pli__type_new_decimal(10, 2), true, "{\"k\":1}");
    pli__type_builder_add(&b, PLI_STR("b"), NULL, true, NULL);
    pli__type_builder_add(&b, PLI_STR("c"), pli__type_new_decimal(3, 2), true, NULL);
    assert_null(pli__type_builder_finish(&b));
    assert_int_equal(b.n, 0);
    pli__type_builder_clear(&b);
    assert_null(pli__type_new_list(NULL, true));
    assert_null(pli__type_new_map(pli__type_new_decimal(1, 0), NULL, true));
}

static void test_types_tree__a_field_outlives_its_struct_through_a_reference(void **state) {
    (void)state;
    const pli__type *s = sql("STRUCT(a DECIMAL(9,3)[])");
    const pli__type *list = pli__type_ref(s->fields[0].type);
    pli__type_unref(s);
    assert_int_equal(list->fields[0].type->scale, 3);
    pli__type_unref(list);
    pli__type_unref(NULL);
}

static void *ref_many(void *arg) {
    for (int i = 0; i < 20000; i++) pli__type_unref(pli__type_ref(arg));
    return NULL;
}

static void test_types_tree__references_may_be_counted_from_several_threads(void **state) {
    (void)state;
    const pli__type *s = sql("STRUCT(a INTEGER)");
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) assert_int_equal(pthread_create(&threads[i], NULL, ref_many, (void *)s), 0);
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    assert_int_equal(s->refs, 1);
    pli__type_unref(s);
}

static void test_types_tree__equality_ignores_metadata_and_nullability_unless_deep(void **state) {
    (void)state;
    const pli__type *a = delta(
        "{\"type\":\"struct\",\"fields\":[{\"name\":\"a\",\"type\":\"long\",\"nullable\":true,\"metadata\":{\"x\":1}}]}");
    const pli__type *b = delta(
        "{\"type\":\"struct\",\"fields\":[{\"name\":\"a\",\"type\":\"long\",\"nullable\":false,\"metadata\":{}}]}");
    const pli__type *c = delta(
        "{\"type\":\"struct\",\"fields\":[{\"name\":\"A\",\"type\":\"long\",\"nullable\":false,\"metadata\":{}}]}");
    assert_true(pli__type_equal(a, b, false));
    assert_false(pli__type_equal(a, b, true));
    assert_false(pli__type_equal(b, c, false));
    assert_true(pli__type_equal(a, a, true));
    assert_false(pli__type_equal(a, NULL, false));
    pli__type_unref(a);
    pli__type_unref(b);
    pli__type_unref(c);
}

static void test_types_tree__types_that_differ_in_one_property_are_not_equal(void **state) {
    (void)state;
    static const char *const different[] = {"INTEGER",
                                            "BIGINT",
                                            "INTEGER[]",
                                            "INTEGER[2]",
                                            "INTEGER[3]",
                                            "DECIMAL(10,2)",
                                            "DECIMAL(10,3)",
                                            "DECIMAL(11,2)",
                                            "TIMESTAMP",
                                            "TIMESTAMP_NS",
                                            "TIMESTAMPTZ",
                                            "Datetime('us', 'Europe/Berlin')",
                                            "MAP(INTEGER, INTEGER)",
                                            "MAP(INTEGER, BIGINT)",
                                            "STRUCT(a INTEGER)",
                                            "STRUCT(a INTEGER, b INTEGER)",
                                            "ENUM('a')",
                                            "ENUM('a', 'b')",
                                            "BIT",
                                            "BIGNUM"};
    const size_t n = sizeof different / sizeof different[0];
    for (size_t i = 0; i < n; i++) {
        const pli__type *a = sql(different[i]);
        for (size_t j = 0; j < n; j++) {
            const pli__type *b = sql(different[j]);
            assert_int_equal(pli__type_equal(a, b, false), i == j);
            pli__type_unref(b);
        }
        pli__type_unref(a);
    }
}

static void test_types_tree__an_exact_name_wins_over_one_in_another_case(void **state) {
    (void)state;
    const pli__type *s = sql("STRUCT(\"Id\" INTEGER, id INTEGER, \"NAME\" VARCHAR, other VARCHAR)");
    assert_int_equal(pli__type_find(s, PLI_STR("id"), false), 1);
    assert_int_equal(pli__type_find(s, PLI_STR("ID"), false), -2);
    assert_int_equal(pli__type_find(s, PLI_STR("name"), false), 2);
    assert_int_equal(pli__type_find(s, PLI_STR("name"), true), -1);
    assert_int_equal(pli__type_find(s, PLI_STR("nothing"), false), -1);
    pli__type_unref(s);
}

static void test_types_tree__the_classes_of_types(void **state) {
    (void)state;
    assert_true(pli__type_is_integer(pli__type_new(PLI__TYPE_U128)));
    assert_true(pli__type_is_integer(pli__type_new(PLI__TYPE_I8)));
    assert_false(pli__type_is_integer(pli__type_new(PLI__TYPE_F32)));
    assert_false(pli__type_is_integer(pli__type_new(PLI__TYPE_BOOLEAN)));
    assert_true(pli__type_is_float(pli__type_new(PLI__TYPE_F32)));
    assert_true(pli__type_is_nested(pli__type_new(PLI__TYPE_STRUCT)));
    assert_false(pli__type_is_nested(pli__type_new(PLI__TYPE_JSON)));
    const pli__type *deep = sql("STRUCT(a MAP(INTEGER, INTEGER[][]), b INTEGER)");
    assert_int_equal(pli__type_depth(deep), 5);
    pli__type_unref(deep);
}

static void test_types_tree__everything_becomes_what_a_delta_table_can_hold(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"BOOLEAN", "BOOLEAN"},
        {"TINYINT", "TINYINT"},
        {"BIGINT", "BIGINT"},
        {"UTINYINT", "SMALLINT"},
        {"USMALLINT", "INTEGER"},
        {"UINTEGER", "BIGINT"},
        {"UBIGINT", "DECIMAL(20,0)"},
        {"HUGEINT", "DECIMAL(38,0)"},
        {"UHUGEINT", "DECIMAL(38,0)"},
        {"DECIMAL(5,1)", "DECIMAL(5,1)"},
        {"TIME", "VARCHAR"},
        {"INTERVAL", "BIGINT"},
        {"UUID", "VARCHAR"},
        {"ENUM('a', 'b')", "VARCHAR"},
        {"JSON", "VARCHAR"},
        {"VARIANT", "VARIANT"},
        {"Categorical", "VARCHAR"},
        {"TIMESTAMP_NS", "TIMESTAMP"},
        {"TIMESTAMP_MS", "TIMESTAMP"},
        {"TIMESTAMP_S", "TIMESTAMP"},
        {"Datetime('ns', 'Asia/Tokyo')", "TIMESTAMP WITH TIME ZONE"},
        {"UTINYINT[3]", "SMALLINT[]"},
        {"STRUCT(a UTINYINT, b STRUCT(c UUID)[])", "STRUCT(a SMALLINT, b STRUCT(c VARCHAR)[])"},
        {"MAP(UUID, UBIGINT)", "MAP(VARCHAR, DECIMAL(20,0))"},
        {"\"NULL\"", "\"NULL\""},
        {"BLOB", "BLOB"},
        {"DATE", "DATE"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const pli__type *t = sql(cases[i][0]), *stored = NULL;
        pli_error err = {0};
        pli__buf text = {0}, json = {0};
        assert_int_equal(pli__type_to_storable(t, &stored, &err), PLI_OK);
        assert_int_equal(pli__type_to_sql(stored, &text, &err), PLI_OK);
        assert_string_equal(text.ptr, cases[i][1]);
        assert_int_equal(pli__type_to_delta(stored, &json, &err), PLI_OK);
        pli__buf_clear(&text);
        pli__buf_clear(&json);
        pli__type_unref(stored);
        pli__type_unref(t);
    }
}

static void test_types_tree__what_cannot_be_stored_is_named_with_its_path(void **state) {
    (void)state;
    const pli__type *t = sql("STRUCT(a INTEGER, b STRUCT(c BIT[]))"), *stored = NULL;
    pli_error err = {0};
    assert_int_equal(pli__type_to_storable(t, &stored, &err), PLI_E_SCHEMA);
    assert_non_null(strstr(err.message, "BIT"));
    assert_non_null(strstr(err.message, "'b'"));
    assert_non_null(strstr(err.message, "'c'"));
    assert_null(stored);
    pli__type_unref(t);
}

static void test_types_tree__storing_keeps_metadata_and_nullability(void **state) {
    (void)state;
    const pli__type *t = delta(
        "{\"type\":\"struct\",\"fields\":[{\"name\":\"a\",\"type\":{\"type\":\"array\",\"elementType\":\"long\",\"containsNull\":false},"
        "\"nullable\":false,\"metadata\":{\"x\" : 1.50}},{\"name\":\"m\",\"type\":{\"type\":\"map\",\"keyType\":\"long\",\"valueType\":\"long\","
        "\"valueContainsNull\":false},\"nullable\":true,\"metadata\":{}}]}");
    const pli__type *stored = NULL;
    assert_int_equal(pli__type_to_storable(t, &stored, NULL), PLI_OK);
    assert_true(pli__type_equal(t, stored, true));
    pli__type_unref(stored);
    pli__type_unref(t);
}

/* Reads a type, writes it in all languages, and as an Arrow schema that is read again. */
static pli_status use_everything(pli__str text, pli_error *err) {
    PLI_AUTO(pli__type_auto) const pli__type *t = NULL;
    PLI_AUTO(pli__type_auto) const pli__type *stored = NULL;
    PLI_AUTO(pli__type_auto) const pli__type *back = NULL;
    PLI_AUTO(pli__type_auto) const pli__type *arrow = NULL;
    PLI_AUTO(pli__buf_clear) pli__buf out = {0};
    PLI_AUTO(pli__buf_clear) pli__buf json = {0};
    struct ArrowSchema schema;
    PLI_TRY(pli__type_from_sql(text, &t, err));
    PLI_TRY(pli__type_to_sql(t, &out, err));
    PLI_TRY(pli__type_to_polars(t, &out, err));
    PLI_TRY(pli__type_to_storable(t, &stored, err));
    PLI_TRY(pli__type_to_delta(stored, &json, err));
    PLI_TRY(pli__type_from_delta(pli__buf_str(&json), &back, err));
    PLI_TRY(pli__type_to_arrow(t, "x", true, &schema, err));
    const pli_status status = pli__type_from_arrow(&schema, &arrow, err);
    schema.release(&schema);
    return status;
}

static void test_types_tree__running_out_of_memory_anywhere_is_an_error_and_leaks_nothing(void **state) {
    (void)state;
    if (!alloc_fault_available()) skip();
    ALLOC_FAULT_EACH(n) {
        pli_error err = {0};
        const long before = alloc_fault_live();
        alloc_fault_arm(n);
        const pli_status status = use_everything(
            PLI_STR(
                "STRUCT(a INTEGER[], \"b c\" MAP(VARCHAR, DECIMAL(9,2)), d STRUCT(e UUID[3]), f Datetime('ns', 'Asia/Tokyo'))"),
            &err);
        alloc_fault_disarm();
        if (!alloc_fault_struck()) {
            assert_int_equal(status, PLI_OK);
            continue;
        }
        assert_int_equal(status, PLI_E_MEMORY);
        assert_int_equal(alloc_fault_live(), before);
    }
}

static void test_types_tree__schemas_of_arrow_are_read_as_they_were_written(void **state) {
    (void)state;
    static const char *const cases[][2] = {{"BOOLEAN", ""},
                                           {"TINYINT", ""},
                                           {"UBIGINT", ""},
                                           {"FLOAT", ""},
                                           {"DECIMAL(38,3)", ""},
                                           {"VARCHAR", ""},
                                           {"BLOB", ""},
                                           {"DATE", ""},
                                           {"TIME", ""},
                                           {"TIME_NS", ""},
                                           {"TIMESTAMP", ""},
                                           {"TIMESTAMP_S", ""},
                                           {"TIMESTAMP_MS", ""},
                                           {"TIMESTAMP_NS", ""},
                                           {"TIMESTAMP WITH TIME ZONE", ""},
                                           {"INTERVAL", ""},
                                           {"\"NULL\"", ""},
                                           {"INTEGER[]", ""},
                                           {"INTEGER[3][]", ""},
                                           {"MAP(VARCHAR, STRUCT(\"a b\" INTEGER[]))", ""},
                                           {"STRUCT(a INTEGER, b STRUCT(c DATE))", ""},
                                           {"UUID", "VARCHAR"},
                                           {"JSON", "VARCHAR"},
                                           {"ENUM('a')", "VARCHAR"},
                                           {"HUGEINT", "DECIMAL(38,0)"},
                                           {"UHUGEINT", "DECIMAL(38,0)"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const pli__type *t = sql(cases[i][0]), *back = NULL;
        struct ArrowSchema schema;
        pli_error err = {0};
        pli__buf text = {0};
        assert_int_equal(pli__type_to_arrow(t, "x", true, &schema, &err), PLI_OK);
        assert_string_equal(schema.name, "x");
        if (pli__type_from_arrow(&schema, &back, &err) != PLI_OK) fail_msg("%s: %s", schema.format, err.message);
        assert_int_equal(pli__type_to_sql(back, &text, &err), PLI_OK);
        assert_string_equal(text.ptr, cases[i][1][0] ? cases[i][1] : cases[i][0]);
        schema.release(&schema);
        assert_null(schema.release);
        pli__buf_clear(&text);
        pli__type_unref(back);
        pli__type_unref(t);
    }
}

static void test_types_tree__a_missing_column_is_told_with_what_it_may_have_been(void **state) {
    (void)state;
    pli_error err = {0};
    PLI_AUTO(pli__type_auto) const pli__type *t = sql("STRUCT(id BIGINT, amount DOUBLE)");
    assert_int_equal(pli__type_no_column(t, "amuont", &err), PLI_E_ARGUMENT);
    assert_string_equal(err.message, "the table has no column 'amuont'");
    assert_string_equal(err.hint, "did you mean 'amount'?");
    assert_int_equal(pli__type_no_column(t, "zzzzzzzz", &err), PLI_E_ARGUMENT);
    assert_string_equal(err.hint, "its columns: id, amount");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types_tree__simple_types_are_shared_and_cost_nothing),
        cmocka_unit_test(test_types_tree__decimals_outside_the_limits_are_refused),
        cmocka_unit_test(test_types_tree__a_builder_that_was_given_no_type_fails_and_frees_everything),
        cmocka_unit_test(test_types_tree__a_field_outlives_its_struct_through_a_reference),
        cmocka_unit_test(test_types_tree__references_may_be_counted_from_several_threads),
        cmocka_unit_test(test_types_tree__equality_ignores_metadata_and_nullability_unless_deep),
        cmocka_unit_test(test_types_tree__types_that_differ_in_one_property_are_not_equal),
        cmocka_unit_test(test_types_tree__an_exact_name_wins_over_one_in_another_case),
        cmocka_unit_test(test_types_tree__a_missing_column_is_told_with_what_it_may_have_been),
        cmocka_unit_test(test_types_tree__the_classes_of_types),
        cmocka_unit_test(test_types_tree__everything_becomes_what_a_delta_table_can_hold),
        cmocka_unit_test(test_types_tree__what_cannot_be_stored_is_named_with_its_path),
        cmocka_unit_test(test_types_tree__running_out_of_memory_anywhere_is_an_error_and_leaks_nothing),
        cmocka_unit_test(test_types_tree__schemas_of_arrow_are_read_as_they_were_written),
        cmocka_unit_test(test_types_tree__storing_keeps_metadata_and_nullability),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
