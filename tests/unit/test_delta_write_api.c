/* The public writing half of tables (pli/table_write.h). */
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
#include "pli/table_write.h"
#include "support/delta_fixtures.h"
#include "support/delta_write.h"
#include "support/temp_dir.h"

static pli_table *open_table(write_fixture *f) {
    pli_table *t = NULL;
    assert_int_equal(pli_table_open(f->env, temp_path(f->dir, "table"), &t, NULL), PLI_OK);
    return t;
}

static int keep_row(void *arg, const char *json, size_t len) {
    json_decref(*(json_t **)arg);
    *(json_t **)arg = json_loadb(json, len, 0, NULL);
    return 0;
}

#define DO(expr)                                                                                                       \
    do {                                                                                                               \
        pli_error err = {0};                                                                                           \
        if ((expr) != PLI_OK) fail_msg("%s: %s", #expr, err.message);                                                  \
    } while (0)

static int64_t number(json_t *row, const char *key) {
    assert_true(json_is_integer(json_object_get(row, key)));
    return json_integer_value(json_object_get(row, key));
}

static void test_delta_write_api__a_table_is_created_and_written(void **state) {
    write_fixture *f = *state;
    pli_table *t = open_table(f);
    json_t *row = NULL;
    const char *part[] = {"p"};
    const pli_property cdf = {"delta.enableChangeDataFeed", "true"};
    const pli_write_options create = {
        .size = sizeof create, .partition_by = part, .n_partition_by = 1, .properties = &cdf, .n_properties = 1};
    DO(pli_table_create(t, "STRUCT(id BIGINT, p VARCHAR)", &create, keep_row, &row, &err));
    assert_int_equal(number(row, "version"), 0);
    assert_int_equal(pli_table_create(t, "STRUCT(id BIGINT)", NULL, NULL, NULL, NULL), PLI_E_EXISTS);
    DO(pli_table_write_sql(t, "SELECT i AS id, 'k' || i % 2 AS p FROM range(10) t(i)", NULL, keep_row, &row, &err));
    assert_int_equal(number(row, "rows"), 10);
    assert_int_equal(number(row, "filesAdded"), 2);
    expect_rows(f, "SELECT i AS id, 'k' || i % 2 AS p FROM range(10) t(i)");
    json_decref(row);
    pli_table_close(t);
}

static void test_delta_write_api__an_arrow_stream_is_written_and_consumed(void **state) {
    write_fixture *f = *state;
    pli_table *t = open_table(f);
    pli__engine *e = NULL, *other = NULL;
    struct ArrowArrayStream stream;
    DO(pli__env_engine(f->env, &e, &err));
    for (int i = 0; i < 2; i++) {
        DO(pli__engine_connect(e, &other, &err));
        DO(pli__engine_query_arrow(other, "SELECT i AS id, 'x' || i AS t FROM range(5000) t(i)", &stream, &err));
        DO(pli_table_write(t, &stream, NULL, NULL, NULL, &err));
        pli__engine_close(other);
    }
    expect_rows(f, "SELECT i AS id, 'x' || i AS t FROM range(5000) t(i), range(2)");
    DO(pli__engine_connect(e, &other, &err));
    DO(pli__engine_query_arrow(other, "SELECT 'wrong' AS id", &stream, &err));
    assert_int_equal(pli_table_write(t, &stream, NULL, NULL, NULL, NULL), PLI_E_SCHEMA);
    pli__engine_close(other);
    pli_table_close(t);
}

static void test_delta_write_api__overwrite_replaces_all_or_what_a_condition_names(void **state) {
    write_fixture *f = *state;
    pli_table *t = open_table(f);
    pli_write_options o = {.size = sizeof o, .mode = PLI_WRITE_OVERWRITE};
    pli_error refused = {0};
    DO(pli_table_write_sql(t, "SELECT i AS id FROM range(10) t(i)", &o, NULL, NULL, &err));
    DO(pli_table_write_sql(t, "SELECT i AS id FROM range(20) t(i)", &o, NULL, NULL, &err));
    expect_rows(f, "SELECT i AS id FROM range(20) t(i)");
    o.where = "id >= 15";
    DO(pli_table_write_sql(t, "SELECT i AS id FROM range(100, 103) t(i)", &o, NULL, NULL, &err));
    expect_rows(f, "SELECT i AS id FROM range(15) t(i) UNION ALL SELECT i FROM range(100, 103) t(i)");
    assert_int_equal(pli_table_write_sql(t, "SELECT 3::BIGINT AS id", &o, NULL, NULL, &refused), PLI_E_CONSTRAINT);
    assert_non_null(strstr(refused.message, "condition of the overwrite"));
    expect_rows(f, "SELECT i AS id FROM range(15) t(i) UNION ALL SELECT i FROM range(100, 103) t(i)");
    pli_table_close(t);
}

static void test_delta_write_api__a_partial_overwrite_tells_only_what_changed(void **state) {
    write_fixture *f = *state;
    pli_table *t = open_table(f);
    const pli_property feed = {"delta.enableChangeDataFeed", "true"};
    const pli_write_options create = {.size = sizeof create, .properties = &feed, .n_properties = 1};
    pli_write_options o = {.size = sizeof o, .mode = PLI_WRITE_OVERWRITE, .where = "id >= 8"};
    DO(pli_table_write_sql(t, "SELECT i AS id FROM range(10) t(i)", &create, NULL, NULL, &err));
    DO(pli_table_write_sql(t, "SELECT 20::BIGINT AS id", &o, NULL, NULL, &err));
    expect_rows(f, "SELECT i AS id FROM range(8) t(i) UNION ALL SELECT 20");
    expect_changes(f, 1,
                   "SELECT i AS id, 'delete' AS _change_type, 1::BIGINT AS _commit_version FROM range(8, 10) t(i) "
                   "UNION ALL SELECT 20, 'insert', 1");
    o.where = NULL;
    DO(pli_table_write_sql(t, "SELECT 1::BIGINT AS id", &o, NULL, NULL, &err));
    expect_changes(f, 2,
                   "SELECT i AS id, 'delete' AS _change_type, 2::BIGINT AS _commit_version FROM range(8) t(i) "
                   "UNION ALL SELECT 20, 'delete', 2 UNION ALL SELECT 1, 'insert', 2");
    pli_table_close(t);
}

static void test_delta_write_api__a_dynamic_overwrite_replaces_the_partitions_of_the_new_rows(void **state) {
    write_fixture *f = *state;
    pli_table *t = open_table(f);
    const char *parts[] = {"d", "ts"};
    const pli_write_options create = {.size = sizeof create, .partition_by = parts, .n_partition_by = 2};
    const pli_write_options o = {.size = sizeof o, .mode = PLI_WRITE_OVERWRITE, .dynamic_partitions = true};
    const char *rows = "SELECT i AS id, CASE i % 3 WHEN 0 THEN NULL WHEN 1 THEN 1.50 ELSE 2 END::DECIMAL(9,2) AS d, "
                       "'2024-01-01 10:00:00+00'::TIMESTAMPTZ AS ts FROM range(9) t(i)";
    DO(pli_table_write_sql(t, rows, &create, NULL, NULL, &err));
    DO(pli_table_write_sql(t,
                           "SELECT 100::BIGINT AS id, 1.5::DECIMAL(9,2) AS d, '2024-01-01 12:00:00+02'::TIMESTAMPTZ AS "
                           "ts UNION ALL SELECT 101, NULL, '2024-01-01 10:00:00+00'::TIMESTAMPTZ",
                           &o, NULL, NULL, &err));
    expect_rows(f,
                "SELECT i AS id, d, '2024-01-01 10:00:00+00'::TIMESTAMPTZ AS ts FROM (SELECT i, 2::DECIMAL(9,2) AS d "
                "FROM range(2, 9, 3) t(i) UNION ALL SELECT 100, 1.5 UNION ALL SELECT 101, NULL)");
    /* no rows, no partitions: nothing goes */
    DO(pli_table_write_sql(t, "SELECT 1::BIGINT AS id, 2::DECIMAL(9,2) AS d, now() AS ts WHERE false", &o, NULL, NULL,
                           &err));
    assert_int_equal(count_files(f), 3);
    pli_write_options wrong = o;
    wrong.where = "id = 1";
    assert_int_equal(pli_table_write_sql(t, "SELECT 1::BIGINT AS id", &wrong, NULL, NULL, NULL), PLI_E_ARGUMENT);
    wrong = (pli_write_options){.size = sizeof wrong, .dynamic_partitions = true};
    assert_int_equal(pli_table_write_sql(t, "SELECT 1::BIGINT AS id", &wrong, NULL, NULL, NULL), PLI_E_ARGUMENT);
    pli_table_close(t);
}

static void test_delta_write_api__an_overwrite_may_replace_schema_and_partitioning(void **state) {
    write_fixture *f = *state;
    pli_table *t = open_table(f);
    const char *by_p[] = {"p"}, *by_q[] = {"Q"};
    const pli_property mapped = {"delta.columnMapping.mode", "name"};
    const pli_write_options create = {
        .size = sizeof create, .partition_by = by_p, .n_partition_by = 1, .properties = &mapped, .n_properties = 1};
    pli_write_options o = {.size = sizeof o,
                           .mode = PLI_WRITE_OVERWRITE,
                           .overwrite_schema = true,
                           .partition_by = by_q,
                           .n_partition_by = 1};
    DO(pli_table_write_sql(t, "SELECT i AS id, i % 2 AS p FROM range(4) t(i)", &create, NULL, NULL, &err));
    DO(pli_table_write_sql(t, "SELECT 'x' || i AS id, i % 2 AS q FROM range(4) t(i)", &o, NULL, NULL, &err));
    expect_rows(f, "SELECT 'x' || i AS id, i % 2 AS q FROM range(4) t(i)");
    o.n_partition_by = 0;
    assert_int_equal(pli_table_write_sql(t, "SELECT 1 AS a", &o, NULL, NULL, NULL), PLI_E_SCHEMA); /* q is needed */
    o.mode = PLI_WRITE_APPEND;
    assert_int_equal(pli_table_write_sql(t, "SELECT 1 AS a", &o, NULL, NULL, NULL), PLI_E_ARGUMENT);
    pli_table_close(t);
}

static void test_delta_write_api__rows_are_changed_and_the_table_is_kept_in_shape(void **state) {
    write_fixture *f = *state;
    pli_table *t = open_table(f);
    json_t *row = NULL;
    for (int i = 0; i < 3; i++)
        DO(pli_table_write_sql(t, "SELECT i AS id, 'v' AS v FROM range(10) t(i)", NULL, NULL, NULL, &err));
    const pli_delete_options d = {.size = sizeof d, .where = "id = 3"};
    DO(pli_table_delete(t, &d, keep_row, &row, &err));
    assert_int_equal(number(row, "rows"), 3);
    const pli_property set = {"v", "v || id"};
    const pli_update_options u = {.size = sizeof u, .where = "id = 4", .set = &set, .n_set = 1};
    DO(pli_table_update(t, &u, keep_row, &row, &err));
    assert_int_equal(number(row, "rows"), 3);
    DO(pli_table_write_sql(t, "SELECT 50::BIGINT AS id", NULL, NULL, NULL, &err));
    DO(pli_table_optimize(t, NULL, keep_row, &row, &err));
    assert_int_equal(number(row, "filesAdded"), 1);
    DO(pli_table_checkpoint(t, false, keep_row, &row, &err));
    assert_int_equal(number(row, "addFiles"), 1);
    DO(pli_table_vacuum(t, NULL, keep_row, &row, &err));
    assert_int_equal(number(row, "filesDeleted"), 0);
    const pli_at at = {.size = sizeof at, .has_version = true, .version = 2};
    DO(pli_table_restore(t, &at, false, keep_row, &row, &err));
    expect_rows(f, "SELECT i AS id, 'v' AS v FROM range(10) t(i), range(3)");
    const pli_property property = {"delta.appendOnly", "true"};
    DO(pli_table_set_properties(t, &property, 1, NULL, NULL, &err));
    assert_int_equal(pli_table_delete(t, &d, NULL, NULL, NULL), PLI_E_CONSTRAINT);
    DO(pli_table_add_constraint(t, "c", "id >= 0", NULL, NULL, &err));
    DO(pli_table_drop_constraint(t, "c", NULL, NULL, &err));
    json_decref(row);
    pli_table_close(t);
}

static void test_delta_write_api__wrong_arguments_are_refused(void **state) {
    write_fixture *f = *state;
    pli_table *t = open_table(f);
    const pli_delete_options unsized = {0};
    const pli_vacuum_options odd = {.size = sizeof odd, .retention = "a while"};
    DO(pli_table_write_sql(t, "SELECT 1 AS a", NULL, NULL, NULL, &err));
    assert_int_equal(pli_table_delete(t, &unsized, NULL, NULL, NULL), PLI_E_ARGUMENT);
    assert_int_equal(pli_table_vacuum(t, &odd, NULL, NULL, NULL), PLI_E_ARGUMENT);
    assert_int_equal(pli_table_write_sql(NULL, "SELECT 1", NULL, NULL, NULL, NULL), PLI_E_ARGUMENT);
    assert_int_equal(pli_table_write_sql(t, "SELEKT", NULL, NULL, NULL, NULL), PLI_E_SQL);
    assert_int_equal(pli_table_create(t, "BIGINT", NULL, NULL, NULL, NULL), PLI_E_ARGUMENT);
    pli_table_close(t);
}

#define TEST(name)                                                                                                     \
    cmocka_unit_test_setup_teardown(test_delta_write_api__##name, write_fixture_setup, write_fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_table_is_created_and_written),
        TEST(an_arrow_stream_is_written_and_consumed),
        TEST(overwrite_replaces_all_or_what_a_condition_names),
        TEST(a_partial_overwrite_tells_only_what_changed),
        TEST(a_dynamic_overwrite_replaces_the_partitions_of_the_new_rows),
        TEST(an_overwrite_may_replace_schema_and_partitioning),
        TEST(rows_are_changed_and_the_table_is_kept_in_shape),
        TEST(wrong_arguments_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
