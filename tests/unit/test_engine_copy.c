/* COPY with statistics: what is reported for each type, for several files, for partitions; callbacks that stop it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "support/engine_kit.h"
#include "support/temp_dir.h"

/* What the callback saw, as text: one line for a file, one for each of its columns and keys. */
typedef struct {
    pli__buf text;
    int files, stop_after;
    int64_t rows, bytes;
} report;

static void add_column(report *r, const pli__written_column *c) {
    pli__buf_addf(&r->text, "  %.*s", PLI_STR_ARG(c->path));
    if (c->has_min_max) pli__buf_addf(&r->text, " [%.*s .. %.*s]", PLI_STR_ARG(c->min), PLI_STR_ARG(c->max));
    if (c->has_null_count) pli__buf_addf(&r->text, " nulls %d", (int)c->null_count);
    pli__buf_addf(&r->text, " of %d%s\n", (int)c->num_values, c->has_nan ? " nan" : "");
}

static pli_status note_file(void *arg, const pli__written_file *f, pli_error *err) {
    report *r = arg;
    assert_true(f->bytes > 0 && f->footer_bytes > 0 && f->footer_bytes < f->bytes);
    assert_true(f->path.len > 0 && f->path.ptr[0] == '/');
    r->files++;
    r->rows += f->rows;
    r->bytes += f->bytes;
    pli__buf_addf(&r->text, "%d rows\n", (int)f->rows);
    for (size_t i = 0; i < f->n_columns; i++) add_column(r, &f->columns[i]);
    for (size_t i = 0; i < f->n_keys; i++)
        pli__buf_addf(&r->text, "  key %.*s=%.*s%s\n", PLI_STR_ARG(f->keys[i].name), PLI_STR_ARG(f->keys[i].value),
                      f->keys[i].value.ptr ? "" : "NULL");
    return r->files == r->stop_after ? pli__error_set(err, PLI_E_CANCELLED, "stopped") : PLI_OK;
}

static pli_status copy(pli__engine *e, report *r, const char *query, const char *to, const char *options,
                       pli_error *err) {
    pli__buf sql = {0};
    pli__buf_addf(&sql, "COPY (%s) TO ", query);
    pli__buf_add_sql_str(&sql, pli__str_of(to));
    pli__buf_addf(&sql, " (FORMAT parquet, RETURN_STATS%s)", options);
    const pli_status status = pli__engine_copy(e, sql.ptr, note_file, r, err);
    pli__buf_clear(&sql);
    return status;
}

static void expect(void *state, const char *query, const char *lines) {
    pli__engine *e = kit_open();
    report r = {0};
    pli_error err = {0};
    if (copy(e, &r, query, temp_path(state, "f.parquet"), "", &err) != PLI_OK) fail_msg("%s", err.message);
    assert_string_equal(r.text.ptr, lines);
    pli__buf_clear(&r.text);
    pli__engine_close(e);
}

static void test_engine_copy__minimum_and_maximum_of_each_type_are_the_engines_text(void **state) {
    static const char *const cases[][2] = {
        {"(-5)::TINYINT), (7", "\"v\" [-5 .. 7] nulls 0 of 2"},
        {"9223372036854775807), (-9223372036854775808",
         "\"v\" [-9223372036854775808 .. 9223372036854775807] nulls 0 of 2"},
        {"18446744073709551615::UBIGINT), (0", "\"v\" [0 .. 18446744073709551615] nulls 0 of 2"},
        {"true), (false", "\"v\" [0 .. 1] nulls 0 of 2"},
        {"1.25::DECIMAL(4,2)), (-1", "\"v\" [-1.00 .. 1.25] nulls 0 of 2"},
        {"1.25::DECIMAL(38,2)), (-1", "\"v\" [-1.00 .. 1.25] nulls 0 of 2"},
        {"1.5::FLOAT), (-2.5", "\"v\" [-2.5 .. 1.5] nulls 0 of 2"},
        {"1e300::DOUBLE), (-0.1", "\"v\" [-0.1 .. 1e+300] nulls 0 of 2"},
        {"'nan'::DOUBLE), (1", "\"v\" [1.0 .. 1.0] nulls 0 of 2 nan"},
        {"'nan'::DOUBLE), ('nan'", "\"v\" nulls 0 of 2 nan"},
        {"'infinity'::DOUBLE), ('-infinity'", "\"v\" [-inf .. inf] nulls 0 of 2"},
        {"'b'), ('a\xC3\xA9'", "\"v\" [a\xC3\xA9 .. b] nulls 0 of 2"},
        {"''::VARCHAR), (NULL", "\"v\" [ .. ] nulls 1 of 2"},
        {"'\\x00\\xFF'::BLOB), ('a'", "\"v\" [00FF .. 61] nulls 0 of 2"},
        {"DATE '2024-01-31'), (DATE '0001-01-01'", "\"v\" [0001-01-01 .. 2024-01-31] nulls 0 of 2"},
        {"TIMESTAMP '2024-01-31 12:00:00.123456'), (TIMESTAMP '1900-01-01'",
         "\"v\" [1900-01-01 00:00:00 .. 2024-01-31 12:00:00.123456] nulls 0 of 2"},
        {"TIMESTAMPTZ '2024-01-31 12:00:00.123456+02'), (TIMESTAMPTZ '2024-01-01 00:00:00+00'",
         "\"v\" [2024-01-01 00:00:00+00 .. 2024-01-31 10:00:00.123456+00] nulls 0 of 2"},
        {"TIMESTAMP_NS '2024-01-31 12:00:00.123456789'), (TIMESTAMP_NS '2024-01-01'",
         "\"v\" [2024-01-01 00:00:00 .. 2024-01-31 12:00:00.123456789] nulls 0 of 2"},
        {"TIME '12:00:00.5'), (TIME '01:00:00'", "\"v\" [01:00:00 .. 12:00:00.5] nulls 0 of 2"},
        {"NULL::INTEGER), (NULL", "\"v\" nulls 2 of 2"},
        {"'a'::ENUM('b', 'a')), ('b'::ENUM('b', 'a')", "\"v\" nulls 0 of 2"},
        {"'{\"a\":1}'::JSON), ('[]'", "\"v\" [[] .. {\"a\":1}] nulls 0 of 2"},
        {"5::HUGEINT), (6", "\"v\" nulls 0 of 2"},
        {"'a0000000-0000-0000-0000-00000000000b'::UUID), (NULL",
         "\"v\" [a0000000-0000-0000-0000-00000000000b .. a0000000-0000-0000-0000-00000000000b] nulls 1 of 2"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        pli__buf query = {0}, lines = {0};
        pli__buf_addf(&query, "SELECT v FROM (VALUES (%s)) t(v)", cases[i][0]);
        pli__buf_addf(&lines, "2 rows\n  %s\n", cases[i][1]);
        expect(*state, query.ptr, lines.ptr);
        pli__buf_clear(&query);
        pli__buf_clear(&lines);
    }
}

static void test_engine_copy__leaves_of_nested_columns_are_named_by_their_path(void **state) {
    expect(
        *state, "SELECT {'x': 1, 'y.z': {'q\"r': [1, 2, NULL]}} AS \"a b\", MAP {'k': 5} AS m, [{'p': 1}] AS l",
        "1 rows\n  \"a b\".\"x\" [1 .. 1] nulls 0 of 1\n  \"a b\".\"y.z\".\"q\"\"r\".\"element\" [1 .. 2] nulls 1 of 3\n  \"l\".\"element\".\"p\" [1 .. 1] nulls 0 of 1\n"
        "  \"m\".\"key\" [k .. k] nulls 0 of 1\n  \"m\".\"value\" [5 .. 5] nulls 0 of 1\n");
}

static void test_engine_copy__fields_of_null_structs_count_as_null(void **state) {
    expect(
        *state,
        "SELECT CASE WHEN i % 2 = 0 THEN {'x': CASE WHEN i % 4 = 0 THEN i END, 'y': {'z': i}} END AS s FROM range(10) t(i)",
        "10 rows\n  \"s\".\"x\" [0 .. 8] nulls 7 of 10\n  \"s\".\"y\".\"z\" [0 .. 8] nulls 5 of 10\n");
}

/* A fact about the engine that users of has_nan must know; when it changes, the comment in engine.h may go. */
static void test_engine_copy__a_nan_may_be_forgotten_over_row_groups(void **state) {
    pli__engine *e = kit_open();
    report r = {0};
    assert_int_equal(copy(e, &r, "SELECT CASE WHEN i < 3 THEN 'nan'::DOUBLE ELSE i END AS v FROM range(10000) t(i)",
                          temp_path(*state, "f.parquet"), ", ROW_GROUP_SIZE 2048", NULL),
                     PLI_OK);
    assert_string_equal(r.text.ptr, "10000 rows\n  \"v\" [3.0 .. 9999.0] nulls 0 of 10000\n");
    pli__buf_clear(&r.text);
    pli__engine_close(e);
}

static void test_engine_copy__long_texts_are_cut_with_the_maximum_rounded_up(void **state) {
    pli__engine *e = kit_open();
    report r = {0};
    char expected[2000], as[300];
    assert_int_equal(copy(e, &r, "SELECT repeat('a', 500) AS v", temp_path(*state, "f.parquet"), "", NULL), PLI_OK);
    memset(as, 'a', 256);
    as[256] = 0;
    snprintf(expected, sizeof expected, "1 rows\n  \"v\" [%s .. %.*sb] nulls 0 of 1\n", as, 255, as);
    assert_string_equal(r.text.ptr, expected);
    pli__buf_clear(&r.text);
    pli__engine_close(e);
}

static void test_engine_copy__a_file_without_rows_is_reported(void **state) {
    expect(*state, "SELECT 1 AS v WHERE false", "0 rows\n  \"v\" nulls 0 of 0\n");
}

static void test_engine_copy__several_files_are_reported_one_by_one(void **state) {
    pli__engine *e = kit_open();
    report r = {0};
    pli_error err = {0};
    assert_int_equal(
        copy(e, &r, "SELECT i FROM range(1000000) t(i)", temp_path(*state, "out"), ", FILE_SIZE_BYTES '1MB'", &err),
        PLI_OK);
    assert_true(r.files > 1);
    assert_int_equal(r.rows, 1000000);
    assert_int_equal(temp_count(*state, "out"), r.files);
    pli__buf_clear(&r.text);
    pli__engine_close(e);
}

static void test_engine_copy__partitions_tell_their_keys(void **state) {
    pli__engine *e = kit_open();
    report r = {0};
    pli_error err = {0};
    assert_int_equal(copy(e, &r, "SELECT 1 AS v, NULL::VARCHAR AS p, DATE '2024-01-01' AS \"q r\"",
                          temp_path(*state, "out"), ", PARTITION_BY (p, \"q r\")", &err),
                     PLI_OK);
    assert_string_equal(r.text.ptr, "1 rows\n  \"v\" [1 .. 1] nulls 0 of 1\n  key p=NULL\n  key q r=2024-01-01\n");
    pli__buf_clear(&r.text);
    pli__engine_close(e);
}

static void test_engine_copy__the_callback_may_stop(void **state) {
    pli__engine *e = kit_open();
    report r = {.stop_after = 1};
    pli_error err = {0};
    assert_int_equal(
        copy(e, &r, "SELECT i, i % 5 AS p FROM range(1000) t(i)", temp_path(*state, "out"), ", PARTITION_BY (p)", &err),
        PLI_E_CANCELLED);
    assert_int_equal(r.files, 1);
    assert_int_equal(kit_i64(e, "SELECT 1"), 1);
    pli__buf_clear(&r.text);
    pli__engine_close(e);
}

static void test_engine_copy__other_statements_are_refused(void **state) {
    pli__engine *e = kit_open();
    report r = {0};
    pli_error err = {0};
    pli__buf sql = {0};
    assert_int_equal(pli__engine_copy(e, "SELECT 1", note_file, &r, &err), PLI_E_ARGUMENT);
    pli__buf_addf(&sql, "COPY (SELECT 1) TO '%s' (FORMAT parquet)", temp_path(*state, "x"));
    assert_int_equal(pli__engine_copy(e, sql.ptr, note_file, &r, &err), PLI_E_ARGUMENT);
    assert_int_equal(r.files, 0);
    assert_int_equal(
        pli__engine_copy(e, "COPY (SELECT 1) TO '/no/where/x' (FORMAT parquet, RETURN_STATS)", note_file, &r, &err),
        PLI_E_NOT_FOUND);
    assert_int_equal(
        pli__engine_copy(e, "COPY (SELECT nope) TO 'x' (FORMAT parquet, RETURN_STATS)", note_file, &r, &err),
        PLI_E_SQL);
    assert_int_equal(
        pli__engine_copy(e, "COPY (SELECT 1) TO 'x' (FORMAT parquet, RETURN_STATS, CODEC 'no')", note_file, &r, &err),
        PLI_E_SQL);
    pli__buf_clear(&sql);
    pli__engine_close(e);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, temp_dir_setup, temp_dir_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_FOLDER(test_engine_copy__minimum_and_maximum_of_each_type_are_the_engines_text),
        IN_FOLDER(test_engine_copy__leaves_of_nested_columns_are_named_by_their_path),
        IN_FOLDER(test_engine_copy__fields_of_null_structs_count_as_null),
        IN_FOLDER(test_engine_copy__a_nan_may_be_forgotten_over_row_groups),
        IN_FOLDER(test_engine_copy__long_texts_are_cut_with_the_maximum_rounded_up),
        IN_FOLDER(test_engine_copy__a_file_without_rows_is_reported),
        IN_FOLDER(test_engine_copy__several_files_are_reported_one_by_one),
        IN_FOLDER(test_engine_copy__partitions_tell_their_keys),
        IN_FOLDER(test_engine_copy__the_callback_may_stop),
        IN_FOLDER(test_engine_copy__other_statements_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
