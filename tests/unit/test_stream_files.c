/* Files that the caller of pli_delta_write made itself, and merges with the identity of a batch (pli/stream.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "engine/env.h"
#include "pli/config.h"
#include "pli/stream.h"
#include "port/fs.h"
#include "support/delta_write.h"
#include "support/engine_kit.h"
#include "support/temp_dir.h"

#define ROWS                                                                                                           \
    "SELECT i AS id, 'n' || i AS name, CASE WHEN i = 3 THEN 'nan' ELSE i / 2 END::DOUBLE AS x FROM range(10) t(i)"

typedef pli_status call_fn(pli_env *, const char *, struct ArrowArrayStream *, const char *, char **, pli_error *);

/* Call with the rows of a query; the answer as JSON. */
static pli_status call(write_fixture *f, call_fn *fn, const char *sql, const char *options, json_t **out,
                       pli_error *err) {
    pli__engine *e = NULL, *other = NULL;
    struct ArrowArrayStream stream;
    char *text = NULL;
    assert_int_equal(pli__env_engine(f->env, &e, NULL), PLI_OK);
    assert_int_equal(pli__engine_connect(e, &other, NULL), PLI_OK);
    assert_int_equal(pli__engine_query_arrow(other, sql, &stream, NULL), PLI_OK);
    const pli_status s = fn(f->env, temp_path(f->dir, "table"), &stream, options, &text, err);
    pli__engine_close(other);
    *out = s == PLI_OK ? json_loads(text, 0, NULL) : NULL;
    pli_free(text);
    return s;
}

static json_t *must(write_fixture *f, call_fn *fn, const char *sql, const char *options) {
    pli_error err = {0};
    json_t *out = NULL;
    if (call(f, fn, sql, options, &out, &err) != PLI_OK) fail_msg("%s: %s", options, err.message);
    return out;
}

/* A Parquet file in a folder of the table that no reader looks into. @return options that name it */
static const char *make_file(write_fixture *f, const char *sql, const char *key, const char *more) {
    static char options[2000];
    char path[1000], copy[4000];
    pli__engine *e = NULL;
    assert_int_equal(pli__fs_mkdirs(temp_path(f->dir, "table/.pli-write-test"), NULL), PLI_OK);
    snprintf(path, sizeof path, "%s", temp_path(f->dir, "table/.pli-write-test/0.parquet"));
    snprintf(copy, sizeof copy, "COPY (%s) TO '%s' (FORMAT parquet)", sql, path);
    assert_int_equal(pli__env_engine(f->env, &e, NULL), PLI_OK);
    kit_exec(e, copy);
    snprintf(options, sizeof options, "{\"files\": [{\"path\": \"%s\", \"keys\": [%s]}]%s}", path, key, more);
    return options;
}

static bool may_write_files(write_fixture *f, const char *sql, const char *options) {
    json_t *answer = must(f, pli_delta_layout, sql, options);
    const bool may = json_object_get(answer, "columns") != NULL;
    json_decref(answer);
    return may;
}

static void test_stream_files__files_become_the_table_s_with_statistics_from_their_footers(void **state) {
    write_fixture *f = *state;
    assert_true(may_write_files(f, ROWS, "{}"));
    json_decref(must(f, pli_delta_write, ROWS, make_file(f, ROWS, "", "")));
    expect_rows(f, ROWS);
    pli_table *t = NULL;
    assert_int_equal(pli_table_open(f->env, temp_path(f->dir, "table"), &t, NULL), PLI_OK);
    int64_t rows = 0;
    const pli_read_options none = {.size = sizeof none, .where = "x > 1000"}; /* not a number is greater than all */
    assert_int_equal(pli_table_read_file(t, &none, temp_path(f->dir, "out.csv"), &rows, NULL), PLI_OK);
    assert_int_equal(rows, 1);
    pli_table_close(t);
}

static void test_stream_files__partition_values_come_with_the_files(void **state) {
    write_fixture *f = *state;
    static const char all[] = "SELECT i AS id, 'a b' AS p FROM range(3) t(i)";
    assert_true(may_write_files(f, all, "{\"partition_by\": [\"p\"]}"));
    const char *options = make_file(f, "SELECT i AS id FROM range(3) t(i)", "\"a b\"", ", \"partition_by\": [\"p\"]");
    json_decref(must(f, pli_delta_write, all, options));
    expect_rows(f, all);
}

static void test_stream_files__what_the_writer_must_see_to_is_not_left_to_others(void **state) {
    write_fixture *f = *state;
    assert_false(may_write_files(f, "SELECT 1::UTINYINT AS a", "{}"));
    assert_false(may_write_files(f, "SELECT TIMESTAMP_NS '2024-01-01' AS a", "{}"));
    assert_false(may_write_files(f, ROWS, "{\"properties\": {\"delta.constraints.c\": \"id > 0\"}}"));
    assert_false(may_write_files(f, ROWS, "{\"properties\": {\"delta.columnMapping.mode\": \"name\"}}"));
    must_append(f, "SELECT 1::BIGINT AS id", NULL);
    assert_true(may_write_files(f, "SELECT 1::BIGINT AS id", "{}"));
    assert_false(may_write_files(f, "SELECT 1::INTEGER AS id", "{}"));
    assert_false(may_write_files(f, "SELECT 1::BIGINT AS ID", "{}"));
}

static void test_stream_files__files_for_another_shape_of_the_table_are_a_conflict(void **state) {
    write_fixture *f = *state;
    must_append(f, "SELECT 1 AS id", NULL);
    json_t *out = NULL;
    pli_error err = {0};
    const char *options = make_file(f, "SELECT 2::SMALLINT AS id", "", "");
    assert_int_equal(call(f, pli_delta_write, "SELECT 2::SMALLINT AS id", options, &out, &err), PLI_E_CONFLICT);
    assert_true(err.flags & PLI_ERR_RETRIABLE);
    expect_rows(f, "SELECT 1 AS id");
}

static void test_stream_files__torn_and_missing_files_are_errors(void **state) {
    write_fixture *f = *state;
    json_t *out = NULL;
    const char *options = make_file(f, ROWS, "", "");
    const char *path = temp_path(f->dir, "table/.pli-write-test/0.parquet");
    assert_int_equal(pli__fs_publish(path, PLI_STR("PAR1 torn"), PLI__PUBLISH_REPLACE, NULL), PLI_OK);
    assert_int_not_equal(call(f, pli_delta_write, ROWS, options, &out, NULL), PLI_OK);
    assert_int_equal(pli__fs_unlink(path, false, NULL), PLI_OK);
    assert_int_equal(call(f, pli_delta_write, ROWS, options, &out, NULL), PLI_E_NOT_FOUND);
    assert_int_equal(call(f, pli_delta_write, ROWS, "{\"files\": [{}]}", &out, NULL), PLI_E_ARGUMENT);
}

static void test_stream_files__a_repeat_is_told_before_anything_is_written(void **state) {
    write_fixture *f = *state;
    static const char txn[] = "{\"txn\": {\"app_id\": \"a\", \"version\": 1}}";
    json_decref(must(f, pli_delta_write, ROWS, txn));
    json_t *answer = must(f, pli_delta_layout, ROWS, txn);
    assert_true(json_is_true(json_object_get(answer, "repeat")));
    json_decref(answer);
}

static void test_stream_files__a_merge_is_done_once_for_a_batch(void **state) {
    write_fixture *f = *state;
    static const char options[] =
        "{\"on\": \"target.id = source.id\", \"clauses\": [{\"when\": \"matched\", \"action\": \"update\","
        " \"set\": {\"n\": \"target.n + 1\"}}, {\"when\": \"not_matched\", \"action\": \"insert\", \"set\": \"*\"}],"
        " \"txn\": {\"app_id\": \"a\", \"version\": 1, \"offset_sha256\": \"d\", \"attempt\": \"x\"}}";
    must_append(f, "SELECT 1 AS id, 1 AS n", NULL);
    for (int i = 0; i < 2; i++) {
        json_t *done = must(f, pli_delta_merge, "SELECT i AS id, 7 AS n FROM (VALUES (1), (2)) t(i)", options);
        assert_int_equal(json_is_true(json_object_get(done, "repeat")), i);
        json_decref(done);
    }
    expect_rows(f, "SELECT * FROM (VALUES (1, 2), (2, 7)) t(id, n)");
}

static void test_stream_files__wrong_clauses_of_a_merge_are_named(void **state) {
    write_fixture *f = *state;
    static const char *const wrong[] = {
        "{\"clauses\": []}", "{\"on\": \"true\", \"clauses\": [{\"when\": \"later\", \"action\": \"update\"}]}",
        "{\"on\": \"true\", \"clauses\": [{\"when\": \"matched\", \"action\": \"upsert\"}]}",
        "{\"on\": \"true\", \"clauses\": [{\"when\": \"matched\", \"action\": \"update\", \"set\": 1}]}",
        "{\"on\": \"true\", \"clauses\": [{\"when\": \"matched\", \"action\": \"update\", \"set\": {\"n\": 1}}]}"};
    must_append(f, "SELECT 1 AS id, 1 AS n", NULL);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        json_t *out = NULL;
        assert_int_equal(call(f, pli_delta_merge, "SELECT 1 AS id, 1 AS n", wrong[i], &out, NULL), PLI_E_ARGUMENT);
    }
}

#define TEST(name)                                                                                                     \
    cmocka_unit_test_setup_teardown(test_stream_files__##name, write_fixture_setup, write_fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(files_become_the_table_s_with_statistics_from_their_footers),
        TEST(partition_values_come_with_the_files),
        TEST(what_the_writer_must_see_to_is_not_left_to_others),
        TEST(files_for_another_shape_of_the_table_are_a_conflict),
        TEST(torn_and_missing_files_are_errors),
        TEST(a_repeat_is_told_before_anything_is_written),
        TEST(a_merge_is_done_once_for_a_batch),
        TEST(wrong_clauses_of_a_merge_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
