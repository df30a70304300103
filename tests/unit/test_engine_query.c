/* Statements and results: values of every type, streaming, describing, several statements, the busy engine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "support/engine_kit.h"

static int open_engine(void **state) {
    *state = kit_open();
    return 0;
}

static int close_engine(void **state) {
    pli__engine_close(*state);
    return 0;
}

static pli__result *query(pli__engine *e, const char *sql) {
    pli__result *r = NULL;
    pli_error err = {0};
    if (pli__engine_query(e, sql, &r, &err) != PLI_OK) fail_msg("%s: %s", sql, err.message);
    return r;
}

/* ---- values ---- */

static void test_engine_query__each_type_has_its_storage(void **state) {
    static const struct {
        const char *value;
        pli__vec vec;
        int64_t i64;
    } cases[] = {{"true", PLI__VEC_BOOL, 1},
                 {"(-128)::TINYINT", PLI__VEC_I8, -128},
                 {"(-32768)::SMALLINT", PLI__VEC_I16, -32768},
                 {"(-7)::INTEGER", PLI__VEC_I32, -7},
                 {"9223372036854775807::BIGINT", PLI__VEC_I64, INT64_MAX},
                 {"255::UTINYINT", PLI__VEC_U8, 255},
                 {"65535::USMALLINT", PLI__VEC_U16, 65535},
                 {"4294967295::UINTEGER", PLI__VEC_U32, 4294967295},
                 {"5::UBIGINT", PLI__VEC_U64, 5},
                 {"18446744073709551615::UBIGINT", PLI__VEC_U64, INT64_MAX},
                 {"(-5)::HUGEINT", PLI__VEC_I128, -5},
                 {"170141183460469231731687303715884105727::HUGEINT", PLI__VEC_I128, INT64_MAX},
                 {"(-170141183460469231731687303715884105727)::HUGEINT", PLI__VEC_I128, INT64_MIN},
                 {"(-9223372036854775808)::HUGEINT", PLI__VEC_I128, INT64_MIN},
                 {"DATE '1969-12-31'", PLI__VEC_I32, -1},
                 {"TIMESTAMP '1970-01-01 00:00:01.000002'", PLI__VEC_I64, 1000002},
                 {"TIMESTAMPTZ '1970-01-01 01:00:00+01'", PLI__VEC_I64, 0},
                 {"TIMESTAMP_S '1970-01-01 00:00:07'", PLI__VEC_I64, 7},
                 {"TIMESTAMP_MS '1970-01-01 00:00:07'", PLI__VEC_I64, 7000},
                 {"TIMESTAMP_NS '1970-01-01 00:00:00.000000007'", PLI__VEC_I64, 7},
                 {"TIME '00:00:01'", PLI__VEC_I64, 1000000},
                 {"1.25::DECIMAL(4,2)", PLI__VEC_I16, 125},
                 {"(-1.25)::DECIMAL(9,2)", PLI__VEC_I32, -125},
                 {"1.25::DECIMAL(18,2)", PLI__VEC_I64, 125},
                 {"(-1.25)::DECIMAL(38,2)", PLI__VEC_I128, -125}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        pli__buf sql = {0};
        pli__chunk c;
        pli__buf_addf(&sql, "SELECT %s AS v", cases[i].value);
        pli__result *r = query(*state, sql.ptr);
        assert_int_equal(pli__result_next(r, &c, NULL), PLI_OK);
        assert_int_equal(c.rows, 1);
        assert_int_equal(c.columns[0].vec, cases[i].vec);
        assert_int_equal(pli__chunk_i64(&c, 0, 0), cases[i].i64);
        pli__result_free(r);
        pli__buf_clear(&sql);
    }
}

static void test_engine_query__floats_texts_bytes_and_nulls(void **state) {
    pli__result *r = query(
        *state,
        "SELECT 1.5::FLOAT f, 'nan'::DOUBLE d, 'short' s, repeat('\xC3\xA9', 100) l, '\\x00\\xFF'::BLOB b, '{\"a\":1}'::JSON j, NULL::VARCHAR n, '' e, [1] x");
    pli__chunk c;
    assert_int_equal(pli__result_next(r, &c, NULL), PLI_OK);
    assert_true(pli__chunk_f64(&c, 0, 0) == 1.5);
    assert_true(pli__chunk_f64(&c, 1, 0) != pli__chunk_f64(&c, 1, 0));
    assert_true(pli__str_eqz(pli__chunk_str(&c, 2, 0), "short"));
    assert_int_equal(pli__chunk_str(&c, 3, 0).len, 200);
    assert_int_equal(pli__chunk_str(&c, 4, 0).len, 2);
    assert_memory_equal(pli__chunk_str(&c, 4, 0).ptr, "\0\xff", 2);
    assert_true(pli__str_eqz(pli__chunk_str(&c, 5, 0), "{\"a\":1}"));
    assert_true(pli__chunk_is_null(&c, 6, 0));
    assert_false(pli__chunk_is_null(&c, 2, 0));
    assert_int_equal(pli__chunk_str(&c, 7, 0).len, 0);
    assert_int_equal(c.columns[8].vec, PLI__VEC_OTHER);
    assert_int_equal(pli__result_next(r, &c, NULL), PLI_OK);
    assert_int_equal(c.rows, 0);
    assert_int_equal(pli__result_next(r, &c, NULL), PLI_OK);
    assert_int_equal(c.rows, 0);
    pli__result_free(r);
}

static void test_engine_query__the_schema_has_every_type(void **state) {
    static const char *const types[] = {"BOOLEAN",
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
                                        "DECIMAL(4,1)",
                                        "DECIMAL(38,10)",
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
                                        "ENUM('a', 'b''c')",
                                        "INTEGER[]",
                                        "VARCHAR[3][]",
                                        "MAP(VARCHAR, STRUCT(\"x y\" INTEGER, z DATE[]))",
                                        "STRUCT(a INTEGER, b STRUCT(c DECIMAL(9,2)))",
                                        "BIT",
                                        "BIGNUM",
                                        "GEOMETRY",
                                        "TIME WITH TIME ZONE"};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        pli__buf sql = {0}, expected = {0};
        pli__buf_addf(&sql, "SELECT NULL::%s AS c", types[i]);
        pli__buf_addf(&expected, "STRUCT(c %s)", types[i]);
        assert_string_equal(kit_describe(*state, sql.ptr), expected.ptr);
        pli__result *r = query(*state, sql.ptr);
        pli__buf actual = {0};
        assert_int_equal(pli__type_to_sql(pli__result_schema(r), &actual, NULL), PLI_OK);
        assert_string_equal(actual.ptr, expected.ptr);
        pli__result_free(r);
        pli__buf_clear(&sql);
        pli__buf_clear(&expected);
        pli__buf_clear(&actual);
    }
}

static void test_engine_query__single_values(void **state) {
    int64_t i = 0;
    pli__buf text = {0};
    pli_error err = {0};
    assert_int_equal(pli__engine_query_i64(*state, "SELECT 41 + 1", &i, &err), PLI_OK);
    assert_int_equal(i, 42);
    assert_int_equal(pli__engine_query_str(*state, "SELECT 'a' || 'b'", &text, &err), PLI_OK);
    assert_string_equal(text.ptr, "ab");
    assert_int_equal(pli__engine_query_i64(*state, "SELECT 1 WHERE false", &i, &err), PLI_E_NOT_FOUND);
    assert_int_equal(pli__engine_query_i64(*state, "SELECT NULL::INTEGER", &i, &err), PLI_E_NOT_FOUND);
    assert_int_equal(pli__engine_query_i64(*state, "SELECT 'x'", &i, &err), PLI_E_ARGUMENT);
    assert_int_equal(pli__engine_query_str(*state, "SELECT 1", &text, &err), PLI_E_ARGUMENT);
    assert_int_equal(pli__engine_query_i64(*state, "SELECT 5", &i, NULL), PLI_OK);
    pli__buf_clear(&text);
}

static pli_status sum_rows(void *arg, const pli__chunk *c, size_t row, pli_error *err) {
    int64_t *sum = arg;
    *sum += pli__chunk_i64(c, 0, row);
    return *sum > 1000000 ? pli__error_set(err, PLI_E_LIMIT, "enough") : PLI_OK;
}

static void test_engine_query__rows_come_one_by_one_until_the_callback_stops(void **state) {
    int64_t sum = 0;
    pli_error err = {0};
    assert_int_equal(pli__engine_query_rows(*state, "SELECT i FROM range(1000) t(i)", sum_rows, &sum, &err), PLI_OK);
    assert_int_equal(sum, 499500);
    assert_int_equal(pli__engine_query_rows(*state, "SELECT i FROM range(100000) t(i)", sum_rows, &sum, &err),
                     PLI_E_LIMIT);
    assert_int_equal(kit_i64(*state, "SELECT 1"), 1);
}

/* ---- several statements ---- */

static void test_engine_query__exec_runs_all_statements_and_counts_the_last(void **state) {
    int64_t changed = -1;
    pli_error err = {0};
    assert_int_equal(
        pli__engine_exec(
            *state,
            "CREATE TABLE t(a INTEGER); INSERT INTO t VALUES (1), (2), (3); -- nothing\n;DELETE FROM t WHERE a > 1;",
            &changed, &err),
        PLI_OK);
    assert_int_equal(changed, 2);
    assert_int_equal(pli__engine_exec(*state, "", &changed, &err), PLI_OK);
    assert_int_equal(changed, 0);
    assert_int_equal(pli__engine_exec(*state, "INSERT INTO t VALUES (9); INSERT INTO nope VALUES (1)", NULL, &err),
                     PLI_E_SQL);
    assert_int_equal(kit_i64(*state, "SELECT count(*) FROM t"), 2);
}

static void test_engine_query__a_query_is_one_statement(void **state) {
    assert_int_equal(kit_error(*state, "SELECT 1; SELECT 2")->code, PLI_E_SQL);
    assert_int_equal(kit_error(*state, "")->code, PLI_E_SQL);
    assert_int_equal(kit_error(*state, "-- nothing")->code, PLI_E_SQL);
    assert_int_equal(kit_i64(*state, "SELECT 1; -- a comment"), 1);
}

static void test_engine_query__a_pivot_without_values_is_explained(void **state) {
    const pli_error *err = kit_error(*state, "SELECT * FROM (PIVOT (SELECT 1 a, 2 b) ON a USING sum(b))");
    assert_int_equal(err->code, PLI_E_SQL);
    assert_non_null(strstr(err->hint, "IN (value"));
    assert_int_equal(kit_i64(*state, "SELECT * FROM (PIVOT (SELECT 1 a, 2 b) ON a IN (1) USING sum(b))"), 2);
}

/* ---- describing ---- */

static void test_engine_query__describing_runs_nothing(void **state) {
    kit_exec(*state, "CREATE TABLE untouched(a INTEGER)");
    assert_string_equal(kit_describe(*state, "SELECT i, error('run') IS NULL AS e FROM range(3) t(i)"),
                        "STRUCT(i BIGINT, e BOOLEAN)");
    assert_string_equal(kit_describe(*state, "INSERT INTO untouched VALUES (1)"), "STRUCT(Count BIGINT)");
    assert_int_equal(kit_i64(*state, "SELECT count(*) FROM untouched"), 0);
}

static void test_engine_query__describing_wrong_sql_tells_where(void **state) {
    static const struct {
        const char *sql;
        int64_t position;
    } cases[] = {{"SELEC 1", 1},    {"SELECT nope", 8}, {"SELECT 1,,2", 10}, {"SELECT * FROM nope", 15},
                 {"SELECT 1 +", 0}, {"SELECT 'x", 8},   {"SELECT ?", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const pli__type *t = NULL;
        pli_error err = {0};
        assert_int_equal(pli__engine_describe(*state, cases[i].sql, &t, &err), PLI_E_SQL);
        assert_null(t);
        if (cases[i].position) assert_int_equal(err.position, cases[i].position);
        assert_true(err.message[0]);
    }
}

/* ---- streaming and the busy engine ---- */

static void test_engine_query__a_large_result_does_not_live_in_memory(void **state) {
    (void)state;
    pli__engine *e = kit_open_with(&(pli__engine_options){.threads = 2, .memory_limit = 60 << 20});
    pli__result *r = query(e, "SELECT i, repeat('x', 100) || i AS s FROM range(3000000) t(i)");
    int64_t rows = 0;
    for (;;) {
        pli__chunk c;
        pli_error err = {0};
        if (pli__result_next(r, &c, &err) != PLI_OK) fail_msg("%s", err.message);
        if (c.rows == 0) break;
        rows += (int64_t)c.rows;
    }
    assert_int_equal(rows, 3000000);
    pli__result_free(r);
    pli__engine_close(e);
}

static void test_engine_query__an_open_result_keeps_the_engine_busy(void **state) {
    pli__result *r = query(*state, "SELECT i FROM range(1000000) t(i)");
    pli__chunk c;
    pli_error err = {0};
    pli__result *other = NULL;
    assert_int_equal(pli__result_next(r, &c, &err), PLI_OK);
    assert_int_equal(pli__engine_exec(*state, "SELECT 1", NULL, &err), PLI_E_STATE);
    assert_int_equal(pli__engine_query(*state, "SELECT 1", &other, &err), PLI_E_STATE);
    assert_null(other);
    assert_int_equal(pli__engine_append_text(*state, "t", NULL, 0, 1, &err), PLI_E_STATE);
    assert_int_equal(pli__result_next(r, &c, &err), PLI_OK);
    assert_int_equal(pli__chunk_i64(&c, 0, 0), 2048);
    pli__result_free(r);
    assert_int_equal(kit_i64(*state, "SELECT 7"), 7);
}

static void test_engine_query__a_result_read_to_its_end_frees_the_engine(void **state) {
    pli__result *r = query(*state, "SELECT 1");
    pli__chunk c;
    assert_int_equal(pli__result_next(r, &c, NULL), PLI_OK);
    assert_int_equal(pli__result_next(r, &c, NULL), PLI_OK);
    assert_int_equal(kit_i64(*state, "SELECT 7"), 7);
    pli__result_free(r);
}

static void test_engine_query__an_error_in_the_middle_of_the_rows_is_reported(void **state) {
    pli__result *r = query(*state,
                           "SELECT CASE WHEN i = 500000 THEN error('boom') ELSE i END FROM range(1000000) t(i)");
    pli_status status;
    pli__chunk c;
    pli_error err = {0};
    do status = pli__result_next(r, &c, &err);
    while (status == PLI_OK && c.rows);
    assert_int_equal(status, PLI_E_DATA);
    assert_string_equal(err.message, "boom");
    assert_int_equal(pli__result_next(r, &c, &err), PLI_OK);
    assert_int_equal(c.rows, 0);
    pli__result_free(r);
    assert_int_equal(kit_i64(*state, "SELECT 7"), 7);
}

static void test_engine_query__a_further_connection_sees_tables_and_works_beside(void **state) {
    pli__engine *other = NULL;
    pli_error err = {0};
    kit_exec(*state, "CREATE TABLE shared AS SELECT 5 AS a; CREATE TEMP TABLE private AS SELECT 1 AS a");
    assert_int_equal(pli__engine_connect(*state, &other, &err), PLI_OK);
    pli__result *r = query(*state, "SELECT i FROM range(1000000) t(i)");
    assert_int_equal(kit_i64(other, "SELECT a FROM shared"), 5);
    assert_int_equal(kit_error(other, "SELECT a FROM private")->code, PLI_E_SQL);
    assert_string_equal(kit_text(other, "SELECT current_setting('TimeZone')"), "UTC");
    pli__result_free(r);
    pli__engine_close(other);
    assert_int_equal(kit_i64(*state, "SELECT a FROM shared"), 5);
}

static void test_engine_query__a_further_connection_may_outlive_the_first(void **state) {
    (void)state;
    pli__engine *first = kit_open(), *second = NULL;
    assert_int_equal(pli__engine_connect(first, &second, NULL), PLI_OK);
    pli__engine_close(first);
    assert_int_equal(kit_i64(second, "SELECT 3"), 3);
    pli__engine_close(second);
    pli__engine_close(NULL);
}

/* ---- settings ---- */

static void test_engine_query__instants_do_not_depend_on_the_machines_zone(void **state) {
    (void)state;
    static const char sql[] =
        "SELECT TIMESTAMPTZ '2024-07-01 10:00:00' || ' ' || epoch('2024-07-01 10:00:00'::TIMESTAMPTZ)::BIGINT";
    const char *old = getenv("TZ");
    char kept[100];
    (void)snprintf(kept, sizeof kept, "%s", old ? old : "");
    setenv("TZ", "America/New_York", 1);
    pli__engine *utc = kit_open();
    pli__engine *vienna = kit_open_with(&(pli__engine_options){.threads = 1, .time_zone = "Europe/Vienna"});
    assert_string_equal(kit_text(utc, sql), "2024-07-01 10:00:00+00 1719828000");
    assert_string_equal(kit_text(vienna, sql), "2024-07-01 10:00:00+02 1719820800");
    pli__engine_close(utc);
    pli__engine_close(vienna);
    if (old) setenv("TZ", kept, 1);
    else unsetenv("TZ");
}

static void test_engine_query__wrong_settings_are_refused_with_their_value(void **state) {
    (void)state;
    pli__engine *e = NULL;
    pli_error err = {0};
    assert_int_equal(pli__engine_open(&(pli__engine_options){.time_zone = "Mars/Base'1"}, &e, &err), PLI_E_ARGUMENT);
    assert_null(e);
    assert_non_null(strstr(err.message, "Mars/Base'1"));
    assert_int_not_equal(pli__engine_open(&(pli__engine_options){.spill_dir = "/proc/none/at/all"}, &e, &err), PLI_OK);
    assert_null(e);
    assert_non_null(strstr(err.message, "/proc/none"));
}

static void test_engine_query__our_settings_are_in_force(void **state) {
    (void)state;
    pli__engine *e = kit_open_with(&(pli__engine_options){.memory_limit = 123 << 20, .threads = 1});
    assert_string_equal(kit_text(e, "SELECT current_setting('memory_limit')"), "123.0 MiB");
    assert_int_equal(kit_i64(e, "SELECT current_setting('threads')"), 1);
    assert_string_equal(kit_text(e, "SELECT current_setting('preserve_insertion_order')"), "false");
    assert_string_equal(kit_text(e, "SELECT current_setting('autoinstall_known_extensions')"), "false");
    assert_string_equal(kit_text(e, "SELECT current_setting('autoload_known_extensions')"), "false");
    pli__engine_close(e);
    e = kit_open_with(NULL);
    assert_int_equal(kit_i64(e, "SELECT 1"), 1);
    pli__engine_close(e);
}

/* ---- appending, extensions ---- */

static void test_engine_query__texts_are_appended_as_they_are(void **state) {
    kit_exec(*state, "CREATE TEMP TABLE paths(a VARCHAR, b VARCHAR)");
    const pli__str rows[] = {PLI_STR("it's"),     PLI_STR("a longer text, not inlined"),
                             {NULL, 0},           PLI_STR(""),
                             PLI_STR("\xC3\xA9"), {"cut here", 3}};
    pli_error err = {0};
    assert_int_equal(pli__engine_append_text(*state, "paths", rows, 3, 2, &err), PLI_OK);
    assert_string_equal(kit_text(*state, "SELECT string_agg(coalesce(a, 'NULL') || '|' || b, ';') FROM paths"),
                        "it's|a longer text, not inlined;NULL|;\xC3\xA9|cut");
    assert_int_equal(pli__engine_append_text(*state, "nope", rows, 3, 2, &err), PLI_E_NOT_FOUND);
    assert_non_null(strstr(err.message, "nope"));
    const pli__str bad[] = {PLI_STR("ok"), PLI_STR("\xff\xfe")};
    assert_int_equal(pli__engine_append_text(*state, "paths", bad, 1, 2, &err), PLI_E_ARGUMENT);
    assert_int_not_equal(pli__engine_append_text(*state, "paths", bad, 2, 1, &err), PLI_OK);
    assert_int_equal(kit_i64(*state, "SELECT count(*) FROM paths"), 3);
}

static void test_engine_query__appending_many_rows(void **state) {
    const size_t n = 100000;
    pli__str *rows = calloc(n, sizeof *rows);
    pli__buf text = {0};
    for (size_t i = 0; i < n; i++) pli__buf_addf(&text, "%07zu", i);
    for (size_t i = 0; i < n; i++) rows[i] = (pli__str){text.ptr + 7 * i, 7};
    kit_exec(*state, "CREATE TEMP TABLE many(a VARCHAR)");
    assert_int_equal(pli__engine_append_text(*state, "many", rows, n, 1, NULL), PLI_OK);
    assert_int_equal(kit_i64(*state, "SELECT sum(a::BIGINT)::BIGINT FROM many"), 4999950000);
    pli__buf_clear(&text);
    free(rows);
}

static void test_engine_query__extensions_come_from_beside_the_module_only(void **state) {
    pli_error err = {0};
    assert_int_equal(pli__engine_load_extension(*state, "../x", &err), PLI_E_ARGUMENT);
    assert_int_equal(pli__engine_load_extension(*state, "", &err), PLI_E_ARGUMENT);
    assert_int_equal(pli__engine_load_extension(*state, "spatial", &err), PLI_E_ENGINE);
    assert_non_null(strstr(err.message, "spatial"));
    const pli_status status = pli__engine_load_extension(*state, "excel", &err);
    if (status != PLI_OK) {
        print_message("%s: skipped\n", err.message);
        skip();
    }
    assert_int_equal(pli__engine_load_extension(*state, "excel", &err), PLI_OK);
    assert_int_equal(kit_i64(*state, "SELECT count(*) FROM duckdb_functions() WHERE function_name = 'read_xlsx'") > 0,
                     1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_engine_query__each_type_has_its_storage),
        cmocka_unit_test(test_engine_query__floats_texts_bytes_and_nulls),
        cmocka_unit_test(test_engine_query__the_schema_has_every_type),
        cmocka_unit_test(test_engine_query__single_values),
        cmocka_unit_test(test_engine_query__rows_come_one_by_one_until_the_callback_stops),
        cmocka_unit_test(test_engine_query__exec_runs_all_statements_and_counts_the_last),
        cmocka_unit_test(test_engine_query__a_query_is_one_statement),
        cmocka_unit_test(test_engine_query__a_pivot_without_values_is_explained),
        cmocka_unit_test(test_engine_query__describing_runs_nothing),
        cmocka_unit_test(test_engine_query__describing_wrong_sql_tells_where),
        cmocka_unit_test(test_engine_query__a_large_result_does_not_live_in_memory),
        cmocka_unit_test(test_engine_query__an_open_result_keeps_the_engine_busy),
        cmocka_unit_test(test_engine_query__a_result_read_to_its_end_frees_the_engine),
        cmocka_unit_test(test_engine_query__an_error_in_the_middle_of_the_rows_is_reported),
        cmocka_unit_test(test_engine_query__a_further_connection_sees_tables_and_works_beside),
        cmocka_unit_test(test_engine_query__a_further_connection_may_outlive_the_first),
        cmocka_unit_test(test_engine_query__instants_do_not_depend_on_the_machines_zone),
        cmocka_unit_test(test_engine_query__wrong_settings_are_refused_with_their_value),
        cmocka_unit_test(test_engine_query__our_settings_are_in_force),
        cmocka_unit_test(test_engine_query__texts_are_appended_as_they_are),
        cmocka_unit_test(test_engine_query__appending_many_rows),
        cmocka_unit_test(test_engine_query__extensions_come_from_beside_the_module_only),
    };
    return cmocka_run_group_tests(tests, open_engine, close_engine);
}
