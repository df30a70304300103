/* Polars' text of types: everything Polars prints survives, other spellings are read, wrong ones are errors. */
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
    if (pli__type_from_polars(pli__str_of(text), &t, &err) != PLI_OK) fail_msg("%s: %s", text, err.message);
    assert_int_equal(pli__type_to_polars(t, &out, &err), PLI_OK);
    assert_string_equal(out.ptr, printed);
    pli__buf_clear(&out);
    pli__type_unref(t);
}

static void test_types_polars__what_polars_prints_is_read_and_printed_alike(void **state) {
    (void)state;
    static const char *const texts[] = {
        "Int8",
        "Int16",
        "Int32",
        "Int64",
        "Int128",
        "UInt8",
        "UInt16",
        "UInt32",
        "UInt64",
        "UInt128",
        "Float16",
        "Float32",
        "Float64",
        "Boolean",
        "String",
        "Binary",
        "Date",
        "Time",
        "Null",
        "Object",
        "Unknown",
        "Categorical",
        "Categorical(Categories(\"foo\"))",
        "Categorical(Categories(name=\"foo\", namespace=\"ns\", physical=pl.UInt8))",
        "Decimal(precision=10, scale=2)",
        "Decimal(precision=38, scale=3)",
        "Datetime(time_unit='us', time_zone=None)",
        "Datetime(time_unit='ns', time_zone='UTC')",
        "Datetime(time_unit='ms', time_zone='Europe/Berlin')",
        "Datetime(time_unit='us', time_zone='*')",
        "Duration(time_unit='ms')",
        "Duration(time_unit='ns')",
        "List(Int64)",
        "List(List(Binary))",
        "Array(Int64, shape=(3,))",
        "Array(Int64, shape=(2, 3))",
        "Array(List(Array(Int8, shape=(2,))), shape=(4,))",
        "Array(Int64, shape=(0,))",
        "Array(Int64, shape=(2, 0))",
        "Struct({})",
        "Map(String, Int64)",
        "Map(String, List(Map(Int8, Binary)))",
        "Extension('my.ext', Int64, 'meta')",
        "Struct({'a': Int64, \"b'c\": List(Struct({'x\\n\"\\'\xC3\xA9\\x01': Datetime(time_unit='us', time_zone='Europe/Berlin')}))})",
        "Struct({'\\u200b\xF0\x9F\x98\x80\\xa0\\x7f\\U000e0001': Int8})",
        "Enum(categories=['a', \"b'c\", 'd\"e', 'x, y', '\xC3\xA9\\n\\\\'])",
        "Enum(categories=[])",
        "List(Array(Enum(categories=['a']), shape=(2,)))"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) expect(texts[i], texts[i]);
}

static void test_types_polars__other_spellings_are_read(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"Utf8", "String"},
        {"Decimal(10, 2)", "Decimal(precision=10, scale=2)"},
        {"Decimal(precision=10,scale=2)", "Decimal(precision=10, scale=2)"},
        {"Decimal(None, 2)", "Decimal(precision=38, scale=2)"},
        {"Decimal(precision=None, scale=2)", "Decimal(precision=38, scale=2)"},
        {"Decimal(5)", "Decimal(precision=5, scale=0)"},
        {"Decimal", "Decimal(precision=38, scale=0)"},
        {"Datetime", "Datetime(time_unit='us', time_zone=None)"},
        {"Datetime('ms')", "Datetime(time_unit='ms', time_zone=None)"},
        {"Datetime(\"us\",\"UTC\")", "Datetime(time_unit='us', time_zone='UTC')"},
        {"Datetime(time_unit='us',time_zone=None)", "Datetime(time_unit='us', time_zone=None)"},
        {"Duration", "Duration(time_unit='us')"},
        {"Duration('ns')", "Duration(time_unit='ns')"},
        {" List ( Int64 ) ", "List(Int64)"},
        {"Array(Int64,3)", "Array(Int64, shape=(3,))"},
        {"Array(Int64, shape=3)", "Array(Int64, shape=(3,))"},
        {"Array(Int64, width=3)", "Array(Int64, shape=(3,))"},
        {"Array(Array(Int64, 3), 2)", "Array(Int64, shape=(2, 3))"},
        {"Struct({\"a\":Int64})", "Struct({'a': Int64})"},
        {"Struct([Field('a', Int64),Field('b', Utf8)])", "Struct({'a': Int64, 'b': String})"},
        {"Struct([])", "Struct({})"},
        {"Enum(['a','b'])", "Enum(categories=['a', 'b'])"},
        {"Struct({'\\u00e9\\t': Null})", "Struct({'\xC3\xA9\\t': Null})"},
        {"Categorical(ordering='physical')", "Categorical(ordering='physical')"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) expect(cases[i][0], cases[i][1]);
}

static void test_types_polars__wrong_texts_are_errors_with_a_position(void **state) {
    (void)state;
    static const struct {
        const char *text, *part;
        int64_t position;
    } cases[] = {{"", "not the name", 1},
                 {"int64", "not the name", 1},
                 {"Int65", "not the name", 1},
                 {"Int64 Int64", "nothing more", 7},
                 {"List", "'(' is missing", 5},
                 {"List()", "not the name", 6},
                 {"Array(Int64)", "',' is missing", 12},
                 {"Struct", "'(' is missing", 7},
                 {"Struct({'a'})", "':' is missing", 12},
                 {"Struct({a: Int64})", "quotes", 9},
                 {"Struct({'a': Int64,})", "quotes", 20},
                 {"Enum", "'(' is missing", 5},
                 {"Enum(['a)", "", 0},
                 {"Datetime('s')", "time unit", 10},
                 {"Datetime(us)", "quotes", 10},
                 {"Datetime('us', UTC)", "quotes", 16},
                 {"Duration('us'", "')' is missing", 14},
                 {"Decimal(39, 0)", "0 to 38", 9},
                 {"Decimal(3, 4)", "precision", 8},
                 {"Struct({'\\x0': Int8})", "hexadecimal", 0},
                 {"Struct({'\\ud800': Int8})", "not a character", 0},
                 {"Struct({'\\x00': Int8})", "not a character", 0},
                 {"Struct({'\\q': Int8})", "escape", 0},
                 {"Categorical(", "not closed", 0},
                 {"Categorical([1])", "no list", 0},
                 {"Object(", "not closed", 0},
                 {"Struct({'a': Struct({'b': Nope})})", "field a.b", 27},
                 {"Extension('a)", "", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const pli__type *t = NULL;
        pli_error err = {0};
        assert_int_equal(pli__type_from_polars(pli__str_of(cases[i].text), &t, &err), PLI_E_ARGUMENT);
        assert_null(t);
        if (!strstr(err.message, cases[i].part)) fail_msg("'%s' does not say '%s'", err.message, cases[i].part);
        if (cases[i].position && cases[i].position != err.position)
            fail_msg("%s: at %d", err.message, (int)err.position);
    }
}

static void test_types_polars__nesting_is_limited(void **state) {
    (void)state;
    pli__buf b = {0};
    for (int i = 0; i < 100000; i++) pli__buf_addz(&b, "Struct({'a': ");
    const pli__type *t = NULL;
    pli_error err = {0};
    assert_int_equal(pli__type_from_polars(pli__buf_str(&b), &t, &err), PLI_E_LIMIT);
    pli__buf_clear(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types_polars__what_polars_prints_is_read_and_printed_alike),
        cmocka_unit_test(test_types_polars__other_spellings_are_read),
        cmocka_unit_test(test_types_polars__wrong_texts_are_errors_with_a_position),
        cmocka_unit_test(test_types_polars__nesting_is_limited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
