/* SQL type texts: DuckDB's own, what users write, and what is wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "types/type.h"

static void expect(const char *text, const char *printed) {
    const pli__type *t = NULL;
    pli_error err = {0};
    pli__buf out = {0};
    if (pli__type_from_sql(pli__str_of(text), &t, &err) != PLI_OK) fail_msg("%s: %s", text, err.message);
    assert_int_equal(pli__type_to_sql(t, &out, &err), PLI_OK);
    assert_string_equal(out.ptr, printed);
    pli__buf_clear(&out);
    pli__type_unref(t);
}

static void expect_error(const char *text, pli_status code, const char *part, int64_t position) {
    const pli__type *t = NULL;
    pli_error err = {0};
    assert_int_equal(pli__type_from_sql(pli__str_of(text), &t, &err), code);
    assert_null(t);
    if (!strstr(err.message, part)) fail_msg("'%s' does not say '%s'", err.message, part);
    if (position) assert_int_equal(err.position, position);
}

#define LONG_STRUCT                                                                                                    \
    "STRUCT(a INTEGER, \"b c\" VARCHAR[], \"d\"\"e\" INTEGER, \"INTEGER\" INTEGER, \"select\" INTEGER, "               \
    "_x INTEGER, \"9a\" INTEGER, \"A\xC3\xA9\" INTEGER, UPPER INTEGER, \"key\" INTEGER, date INTEGER, \"value\" INTEGER)"

static void test_types_sql__what_duckdb_prints_is_read_and_printed_alike(void **state) {
    (void)state;
    static const char *const texts[] = {"BOOLEAN",
                                        "TINYINT",
                                        "SMALLINT",
                                        "INTEGER",
                                        "BIGINT",
                                        "HUGEINT",
                                        "UTINYINT",
                                        "USMALLINT",
                                        "UINTEGER",
                                        "UBIGINT",
                                        "UHUGEINT",
                                        "FLOAT",
                                        "DOUBLE",
                                        "DECIMAL(18,2)",
                                        "DECIMAL(38,38)",
                                        "VARCHAR",
                                        "BLOB",
                                        "DATE",
                                        "TIME",
                                        "TIME_NS",
                                        "TIMESTAMP",
                                        "TIMESTAMP_S",
                                        "TIMESTAMP_MS",
                                        "TIMESTAMP_NS",
                                        "TIMESTAMP WITH TIME ZONE",
                                        "INTERVAL",
                                        "JSON",
                                        "VARIANT",
                                        "UUID",
                                        "\"NULL\"",
                                        "INTEGER[]",
                                        "INTEGER[3][]",
                                        "MAP(VARCHAR, STRUCT(x INTEGER)[2])",
                                        "ENUM('a', 'b''c', 'x, y')",
                                        "STRUCT(a STRUCT(b STRUCT(c MAP(DATE, BLOB[]))))",
                                        "BIT",
                                        "BIGNUM",
                                        "GEOMETRY",
                                        "TIME WITH TIME ZONE",
                                        "UNION(num INTEGER, str VARCHAR)",
                                        "UNION(num INTEGER, str VARCHAR)[]"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) expect(texts[i], texts[i]);
    expect(LONG_STRUCT, LONG_STRUCT);
}

static void test_types_sql__aliases_case_and_blanks_do_not_matter(void **state) {
    (void)state;
    static const char *const cases[][2] = {{"int", "INTEGER"},
                                           {" Int4 ", "INTEGER"},
                                           {"INT8", "BIGINT"},
                                           {"int8", "BIGINT"},
                                           {"int1", "TINYINT"},
                                           {"bigint", "BIGINT"},
                                           {"numeric(10)", "DECIMAL(10,0)"},
                                           {"decimal", "DECIMAL(18,3)"},
                                           {"Decimal( 10 ,2 )", "DECIMAL(10,2)"},
                                           {"varchar(20)", "VARCHAR"},
                                           {"text", "VARCHAR"},
                                           {"double precision", "DOUBLE"},
                                           {"timestamptz", "TIMESTAMP WITH TIME ZONE"},
                                           {"timestamp  with\ttime\nzone", "TIMESTAMP WITH TIME ZONE"},
                                           {"timestamp without time zone", "TIMESTAMP"},
                                           {"timestamp(3)", "TIMESTAMP_MS"},
                                           {"timestamp(9)", "TIMESTAMP_NS"},
                                           {"timestamp(0)", "TIMESTAMP_S"},
                                           {"time without time zone", "TIME"},
                                           {"timetz", "TIME WITH TIME ZONE"},
                                           {"datetime", "TIMESTAMP"},
                                           {"bytea", "BLOB"},
                                           {"row(a int)", "STRUCT(a INTEGER)"},
                                           {"int [ ] [ 2 ]", "INTEGER[][2]"},
                                           {"null", "\"NULL\""},
                                           {"struct(\"a\" int,b text)", "STRUCT(a INTEGER, b VARCHAR)"},
                                           {"map(text,int)", "MAP(VARCHAR, INTEGER)"},
                                           {"enum( 'x' )", "ENUM('x')"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) expect(cases[i][0], cases[i][1]);
}

static void test_types_sql__names_of_delta_and_spark_are_accepted(void **state) {
    (void)state;
    static const char *const cases[][2] = {{"byte", "TINYINT"},
                                           {"short", "SMALLINT"},
                                           {"integer", "INTEGER"},
                                           {"long", "BIGINT"},
                                           {"float", "FLOAT"},
                                           {"double", "DOUBLE"},
                                           {"string", "VARCHAR"},
                                           {"binary", "BLOB"},
                                           {"boolean", "BOOLEAN"},
                                           {"date", "DATE"},
                                           {"timestamp_ntz", "TIMESTAMP"},
                                           {"timestamp_ltz", "TIMESTAMP WITH TIME ZONE"},
                                           {"decimal(10,2)", "DECIMAL(10,2)"},
                                           {"void", "\"NULL\""},
                                           {"variant", "VARIANT"},
                                           {"array<int>", "INTEGER[]"},
                                           {"map<string,array<long>>", "MAP(VARCHAR, BIGINT[])"},
                                           {"struct<a:int,`b c`:string>", "STRUCT(a INTEGER, \"b c\" VARCHAR)"},
                                           {"struct<>", "STRUCT()"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) expect(cases[i][0], cases[i][1]);
}

static void test_types_sql__names_of_polars_are_accepted(void **state) {
    (void)state;
    static const char *const cases[][2] = {{"Int8", "TINYINT"},
                                           {"Int64", "BIGINT"},
                                           {"UInt8", "UTINYINT"},
                                           {"Float32", "FLOAT"},
                                           {"String", "VARCHAR"},
                                           {"Utf8", "VARCHAR"},
                                           {"Binary", "BLOB"},
                                           {"Datetime(time_unit='us', time_zone='UTC')", "TIMESTAMP WITH TIME ZONE"},
                                           {"Datetime", "TIMESTAMP"},
                                           {"Duration(time_unit='ms')", "INTERVAL"},
                                           {"List(Int8)", "TINYINT[]"},
                                           {"Array(Int64, shape=(2, 3))", "BIGINT[3][2]"},
                                           {"Struct({'a': Int64})", "STRUCT(a BIGINT)"},
                                           {"Decimal(precision=10, scale=2)", "DECIMAL(10,2)"},
                                           {"Enum(categories=['a'])", "ENUM('a')"},
                                           {"Categorical", "VARCHAR"},
                                           {"STRUCT(a List(Int8)[])", "STRUCT(a TINYINT[][])"},
                                           {"Struct(a int)", "STRUCT(a INTEGER)"},
                                           {"Enum('a')", "ENUM('a')"},
                                           {"Decimal(5, 1)", "DECIMAL(5,1)"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) expect(cases[i][0], cases[i][1]);
}

static void test_types_sql__wrong_texts_are_errors_with_a_position(void **state) {
    (void)state;
    static const struct {
        const char *text, *part;
        int64_t position;
    } cases[] = {{"", "a type is missing", 1},
                 {"   ", "a type is missing", 4},
                 {"BIGNIT", "did you mean 'BIGINT'", 1},
                 {"frobnicate", "there is no type 'frobnicate'", 1},
                 {"INTEGER x", "nothing more", 9},
                 {"DECIMAL(39,2)", "0 to 38", 9},
                 {"DECIMAL(0)", "precision", 8},
                 {"DECIMAL(3,4)", "precision", 8},
                 {"DECIMAL(99999999999999999999)", "0 to 38", 9},
                 {"DECIMAL(10,2", "')' is missing", 13},
                 {"STRUCT", "'(' is missing", 7},
                 {"STRUCT(a)", "a type is missing", 9},
                 {"STRUCT(a INTEGER", "')' is missing", 17},
                 {"STRUCT(a INTEGER,)", "name of a field", 18},
                 {"STRUCT(\"a INTEGER)", "not closed", 8},
                 {"MAP(INTEGER)", "',' is missing", 12},
                 {"MAP(INTEGER, INTEGER, INTEGER)", "')' is missing", 21},
                 {"INTEGER[", "a number", 9},
                 {"INTEGER[0]", "at least one", 10},
                 {"INTEGER[-1]", "a number", 9},
                 {"ENUM()", "single quotes", 6},
                 {"ENUM('a'", "')' is missing", 9},
                 {"ENUM('a)", "not closed", 6},
                 {"TIMESTAMP WITH", "TIME ZONE", 0},
                 {"TIMESTAMP(10)", "0 to 9", 11},
                 {"array<int", "'>' is missing", 10},
                 {"List(Int64", "')' is missing", 11},
                 {"\"", "not closed", 1},
                 {"STRUCT(a INTEGER, b STRUCT(c NOPE))", "field b.c", 30},
                 {"\xff", "UTF-8", 1},
                 {"INTEGER\xC3", "UTF-8", 8}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        expect_error(cases[i].text, PLI_E_ARGUMENT, cases[i].part, cases[i].position);
}

static void test_types_sql__a_zero_byte_is_an_error(void **state) {
    (void)state;
    const pli__type *t = NULL;
    pli_error err = {0};
    assert_int_equal(pli__type_from_sql(PLI_STR("INTEGER\0[]"), &t, &err), PLI_E_ARGUMENT);
    assert_int_equal(err.position, 8);
}

static char *nested(const char *open, const char *inner, const char *close, int n) {
    pli__buf b = {0};
    for (int i = 0; i < n; i++) pli__buf_addz(&b, open);
    pli__buf_addz(&b, inner);
    for (int i = 0; i < n; i++) pli__buf_addz(&b, close);
    return pli__buf_take(&b);
}

static void test_types_sql__nesting_is_limited(void **state) {
    (void)state;
    static const char *const forms[][2] = {
        {"STRUCT(a ", ")"}, {"MAP(INTEGER, ", ")"}, {"", "[]"}, {"array<", ">"}, {"List(", ")"}};
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        const char *inner = i == 4 ? "Int8" : "INTEGER";
        char *deep = nested(forms[i][0], inner, forms[i][1], PLI__TYPE_MAX_DEPTH - 2);
        const pli__type *t = NULL;
        pli_error err = {0};
        if (pli__type_from_sql(pli__str_of(deep), &t, &err) != PLI_OK) fail_msg("%s", err.message);
        assert_int_equal(pli__type_depth(t), PLI__TYPE_MAX_DEPTH - 1);
        pli__type_unref(t);
        free(deep);
        deep = nested(forms[i][0], inner, forms[i][1], 100000);
        expect_error(deep, PLI_E_LIMIT, "nested deeper", 0);
        free(deep);
    }
}

static void test_types_sql__the_number_of_fields_is_limited(void **state) {
    (void)state;
    pli__buf b = {0};
    pli__buf_addz(&b, "STRUCT(");
    for (int i = 0; i <= PLI__TYPE_MAX_FIELDS; i++) pli__buf_addf(&b, i ? ", c%d INTEGER" : "c%d INTEGER", i);
    pli__buf_addz(&b, ")");
    expect_error(b.ptr, PLI_E_LIMIT, "more fields", 0);
    pli__buf_clear(&b);
}

/* ---- columns of a table ---- */

static void expect_columns(const char *text, const char *nullable) {
    const pli__type *t = NULL;
    pli_error err = {0};
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0}, flags = {0};
    if (pli__type_columns_from_sql(pli__str_of(text), &t, &err) != PLI_OK) fail_msg("%s: %s", text, err.message);
    assert_int_equal(pli__type_to_sql(t, &sql, NULL), PLI_OK);
    for (size_t i = 0; i < t->n_fields; i++) pli__buf_addc(&flags, t->fields[i].nullable ? '?' : '!');
    assert_string_equal(sql.ptr, "STRUCT(a BIGINT, \"struct\" STRUCT(b VARCHAR))");
    assert_string_equal(flags.ptr, nullable);
    assert_int_equal(t->fields[1].type->fields[0].nullable, flags.ptr[0] == '?');
    pli__type_unref(t);
}

static void test_types_sql__columns_are_as_in_create_table(void **state) {
    (void)state;
    expect_columns("a BIGINT, struct STRUCT(b VARCHAR)", "??");
    expect_columns(" STRUCT(a BIGINT, struct STRUCT(b VARCHAR))", "??");
    expect_columns("struct<a: bigint, struct: struct<b: string>>", "??");
    expect_columns("a BIGINT NOT NULL, struct STRUCT(b VARCHAR not null) ", "!?");
    expect_columns("STRUCT(a BIGINT NOT NULL, struct STRUCT(b VARCHAR NOT NULL) NOT NULL)", "!!");
}

static void test_types_sql__wrong_columns_are_errors(void **state) {
    (void)state;
    static const struct {
        const char *text, *said;
    } cases[] = {{"", "the name of a field is missing"},
                 {"BIGINT", "a type is missing"},
                 {"a BIGINT NOT", "'NULL' is missing"},
                 {"a BIGINT,", "the name of a field is missing"},
                 {"a BIGINT)", "byte 9"},
                 {"a wrong", "there is no type 'wrong'"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const pli__type *t = NULL;
        pli_error err = {0};
        assert_int_equal(pli__type_columns_from_sql(pli__str_of(cases[i].text), &t, &err), PLI_E_ARGUMENT);
        if (!strstr(err.message, cases[i].said)) fail_msg("%s: %s", cases[i].text, err.message);
    }
    expect_error("STRUCT(a BIGINT NOT NULL)", PLI_E_ARGUMENT, "')' is missing", 0); /* a type alone has no such thing */
}

static void test_types_sql__a_text_beyond_the_limit_is_not_looked_at(void **state) {
    (void)state;
    const pli__type *t = NULL;
    pli_error err = {0};
    assert_int_equal(pli__type_from_sql((pli__str){"INTEGER", PLI__TYPE_MAX_TEXT + 1}, &t, &err), PLI_E_LIMIT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types_sql__what_duckdb_prints_is_read_and_printed_alike),
        cmocka_unit_test(test_types_sql__aliases_case_and_blanks_do_not_matter),
        cmocka_unit_test(test_types_sql__names_of_delta_and_spark_are_accepted),
        cmocka_unit_test(test_types_sql__names_of_polars_are_accepted),
        cmocka_unit_test(test_types_sql__wrong_texts_are_errors_with_a_position),
        cmocka_unit_test(test_types_sql__a_zero_byte_is_an_error),
        cmocka_unit_test(test_types_sql__nesting_is_limited),
        cmocka_unit_test(test_types_sql__the_number_of_fields_is_limited),
        cmocka_unit_test(test_types_sql__columns_are_as_in_create_table),
        cmocka_unit_test(test_types_sql__wrong_columns_are_errors),
        cmocka_unit_test(test_types_sql__a_text_beyond_the_limit_is_not_looked_at),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
