/* Columns renamed, dropped, added; column mapping that begins on a table with files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "delta/maintain.h"
#include "support/delta_write.h"

#define OK(expr)                                                                                                       \
    do {                                                                                                               \
        pli_error err = {0};                                                                                           \
        const pli_status ok_ = (expr);                                                                                 \
        if (ok_ != PLI_OK) fail_msg("%s: %s: %s", #expr, pli_status_name(ok_), err.message);                           \
    } while (0)

#define EXPECT(code, expr) assert_int_equal((expr), (code))

static void map_columns(write_fixture *f, const char *mode) {
    const pli__kv kv = {PLI_STR("delta.columnMapping.mode"), pli__str_of(mode)};
    int64_t version;
    OK(pli__set_properties(f->table, &kv, 1, &version, &err));
}

static bool has_property(write_fixture *f, const char *key, const char *value) {
    pli__snapshot *s = write_latest(f);
    const bool same = pli__str_eqz(pli__snapshot_property(s, key), value);
    pli__snapshot_unref(s);
    return same;
}

static void test_delta_write_columns__a_renamed_column_keeps_its_rows(void **state) {
    write_fixture *f = *state;
    const write_table how = {.partition_by = {"p"}};
    int64_t v;
    must_append(f, "SELECT i AS id, i % 2 AS p, 'v' || i AS v FROM range(10) t(i)", &how);
    EXPECT(PLI_E_UNSUPPORTED, pli__rename_column(f->table, "v", "w", &v, NULL));
    map_columns(f, "name");
    OK(pli__rename_column(f->table, "V", "w", &v, &err));
    OK(pli__rename_column(f->table, "p", "part", &v, &err));
    assert_int_equal(v, 3);
    expect_rows(f, "SELECT i AS id, i % 2 AS part, 'v' || i AS w FROM range(10) t(i)");
    must_append(f, "SELECT i AS id, i % 2 AS part, 'v' || i AS w FROM range(10, 20) t(i)", NULL);
    expect_rows(f, "SELECT i AS id, i % 2 AS part, 'v' || i AS w FROM range(20) t(i)");
    EXPECT(PLI_E_EXISTS, pli__rename_column(f->table, "w", "ID", &v, NULL));
    EXPECT(PLI_E_ARGUMENT, pli__rename_column(f->table, "nope", "x", &v, NULL));
    OK(pli__rename_column(f->table, "w", "W", &v, &err)); /* in case alone */
    expect_rows(f, "SELECT i AS id, i % 2 AS part, 'v' || i AS \"W\" FROM range(20) t(i)");
}

static void test_delta_write_columns__a_name_that_comes_back_is_a_new_column(void **state) {
    write_fixture *f = *state;
    int64_t v;
    must_append(f, "SELECT i AS id, 'old' AS v FROM range(3) t(i)", NULL);
    map_columns(f, "name");
    OK(pli__drop_column(f->table, "v", &v, &err));
    expect_rows(f, "SELECT i AS id FROM range(3) t(i)");
    EXPECT(PLI_E_SCHEMA, pli__drop_column(f->table, "id", &v, NULL));
    OK(pli__add_column(f->table, "v", "string", &v, &err));
    EXPECT(PLI_E_EXISTS, pli__add_column(f->table, "V", "string", &v, NULL));
    expect_rows(f, "SELECT i AS id, NULL::VARCHAR AS v FROM range(3) t(i)");
    must_append(f, "SELECT 9::BIGINT AS id, 'new' AS v", NULL);
    expect_rows(f, "SELECT i AS id, NULL::VARCHAR AS v FROM range(3) t(i) UNION ALL SELECT 9, 'new'");
    assert_true(has_property(f, "delta.columnMapping.maxColumnId", "3"));
}

static void test_delta_write_columns__fields_inside_of_structs_lists_and_maps_change_too(void **state) {
    write_fixture *f = *state;
    int64_t v;
    must_append(
        f,
        "SELECT 1 AS id, {'a': 1, 'b': 'x'} AS s, [{'c': 1, 'd': 2}] AS l, MAP {'k': {'e': 1, 'g': 2}} AS m, 7 AS \"x.y\"",
        NULL);
    map_columns(f, "name");
    OK(pli__rename_column(f->table, "s.a", "A2", &v, &err));
    OK(pli__drop_column(f->table, "l.element.d", &v, &err));
    OK(pli__rename_column(f->table, "m.value.e", "e2", &v, &err));
    OK(pli__add_column(f->table, "s.n", "DOUBLE", &v, &err));
    OK(pli__rename_column(f->table, "x.y", "z", &v, &err));
    expect_rows(f, "SELECT 1 AS id, {'A2': 1, 'b': 'x', 'n': NULL::DOUBLE} AS s, [{'c': 1}] AS l, "
                   "MAP {'k': {'e2': 1, 'g': 2}} AS m, 7 AS z");
    EXPECT(PLI_E_ARGUMENT, pli__rename_column(f->table, "l.element", "x", &v, NULL));
    EXPECT(PLI_E_ARGUMENT, pli__drop_column(f->table, "id.a", &v, NULL));
    EXPECT(PLI_E_ARGUMENT, pli__drop_column(f->table, "s..a", &v, NULL));
    EXPECT(PLI_E_SCHEMA, pli__drop_column(f->table, "l.element.c", &v, NULL));
    must_append(
        f,
        "SELECT 2 AS id, {'A2': 5, 'b': 'y', 'n': 0.5::DOUBLE} AS s, [{'c': 3}] AS l, MAP {'k': {'e2': 1, 'g': 2}} AS m, 8 AS z",
        NULL);
    expect_rows(
        f,
        "SELECT 1 AS id, {'A2': 1, 'b': 'x', 'n': NULL::DOUBLE} AS s, [{'c': 1}] AS l, MAP {'k': {'e2': 1, 'g': 2}} AS m, 7 AS z "
        "UNION ALL SELECT 2, {'A2': 5, 'b': 'y', 'n': 0.5}, [{'c': 3}], MAP {'k': {'e2': 1, 'g': 2}}, 8");
}

static void test_delta_write_columns__a_column_that_something_needs_stays(void **state) {
    write_fixture *f = *state;
    const write_table how = {.partition_by = {"p"}, .properties = {"delta.columnMapping.mode", "name"}};
    int64_t v;
    must_append(f, "SELECT 1 AS id, 1 AS p, 2 AS idx, 'a' AS t", &how);
    OK(pli__add_constraint(f->table, "c", "id > 0 AND t <> 'idx'", &v, &err));
    EXPECT(PLI_E_CONSTRAINT, pli__drop_column(f->table, "id", &v, NULL));
    EXPECT(PLI_E_CONSTRAINT, pli__rename_column(f->table, "Id", "x", &v, NULL));
    EXPECT(PLI_E_CONSTRAINT, pli__drop_column(f->table, "p", &v, NULL));
    OK(pli__drop_column(f->table, "idx", &v, &err));
    expect_rows(f, "SELECT 1 AS id, 1 AS p, 'a' AS t");
}

static void test_delta_write_columns__the_list_of_columns_with_statistics_follows(void **state) {
    write_fixture *f = *state;
    const write_table how = {
        .properties = {"delta.columnMapping.mode", "name", "delta.dataSkippingStatsColumns", "a,s.x,b"}};
    int64_t v;
    must_append(f, "SELECT 1 AS a, 2 AS b, {'x': 1, 'y': 2} AS s", &how);
    OK(pli__rename_column(f->table, "s", "t", &v, &err));
    assert_true(has_property(f, "delta.dataSkippingStatsColumns", "a,t.x,b"));
    OK(pli__rename_column(f->table, "t.x", "z", &v, &err));
    OK(pli__drop_column(f->table, "a", &v, &err));
    assert_true(has_property(f, "delta.dataSkippingStatsColumns", "t.z,b"));
}

static void test_delta_write_columns__mapping_begins_but_does_not_end_or_change(void **state) {
    write_fixture *f = *state;
    const pli__kv none = {PLI_STR("delta.columnMapping.mode"), PLI_STR("none")},
                  id = {PLI_STR("delta.columnMapping.mode"), PLI_STR("id")};
    int64_t v;
    must_append(f, "SELECT i AS id, {'a': i} AS s FROM range(5) t(i)", NULL);
    OK(pli__set_properties(f->table, &none, 1, &v, &err)); /* as it is */
    EXPECT(PLI_E_UNSUPPORTED, pli__set_properties(f->table, &id, 1, &v, NULL));
    map_columns(f, "name");
    pli__snapshot *s = write_latest(f);
    assert_int_equal(pli__snapshot_protocol(s)->min_reader, 2);
    assert_int_equal(pli__snapshot_protocol(s)->min_writer, 5);
    PLI_AUTO(pli__buf_clear) pli__buf name = {0};
    assert_true(pli__field_meta_str(&pli__snapshot_schema(s)->fields[1], "delta.columnMapping.physicalName", &name));
    assert_string_equal(name.ptr, "s");
    pli__snapshot_unref(s);
    EXPECT(PLI_E_UNSUPPORTED, pli__set_properties(f->table, &none, 1, &v, NULL));
    EXPECT(PLI_E_UNSUPPORTED, pli__set_properties(f->table, &id, 1, &v, NULL));
    must_append(f, "SELECT i AS id, {'a': i} AS s FROM range(5, 10) t(i)", NULL);
    expect_rows(f, "SELECT i AS id, {'a': i} AS s FROM range(10) t(i)");
}

#define TEST(name)                                                                                                     \
    cmocka_unit_test_setup_teardown(test_delta_write_columns__##name, write_fixture_setup, write_fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_renamed_column_keeps_its_rows),
        TEST(a_name_that_comes_back_is_a_new_column),
        TEST(fields_inside_of_structs_lists_and_maps_change_too),
        TEST(a_column_that_something_needs_stays),
        TEST(the_list_of_columns_with_statistics_follows),
        TEST(mapping_begins_but_does_not_end_or_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
