/* Delete and update, over tables with and without deletion vectors, change data feed, partitions and column mapping. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "delta/dml.h"
#include "support/delta_fixtures.h"
#include "support/delta_write.h"
#include "support/temp_dir.h"

#define ROWS "SELECT i AS id, i % 3 AS p, 'v' || i AS v, {'x': i} AS s FROM range(100) t(i)"

static const struct {
    const char *name;
    write_table how;
    bool vectors, feed;
} kinds[] = {
    {"plain", {{0}, {0}, false, 0}, false, false},
    {"vectors", {{0}, {"delta.enableDeletionVectors", "true"}, false, 0}, true, false},
    {"feed", {{0}, {"delta.enableChangeDataFeed", "true"}, false, 0}, false, true},
    {"all",
     {{"p"},
      {"delta.enableDeletionVectors", "true", "delta.enableChangeDataFeed", "true", "delta.columnMapping.mode", "name"},
      false,
      0},
     true,
     true},
    {"mapped", {{"p"}, {"delta.columnMapping.mode", "id"}, false, 0}, false, false},
};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

static pli__dml_result must_delete(write_fixture *f, const char *where) {
    const pli__dml_options o = {.where = where};
    pli__dml_result r = {0};
    pli_error err = {0};
    if (pli__dml_delete(f->table, &o, &r, &err) != PLI_OK) fail_msg("%s", err.message);
    return r;
}

static pli__dml_result must_update(write_fixture *f, const char *where, const char *column, const char *sql) {
    const pli__assignment set = {column, sql};
    const pli__dml_options o = {.where = where, .set = &set, .n_set = 1};
    pli__dml_result r = {0};
    pli_error err = {0};
    if (pli__dml_update(f->table, &o, &r, &err) != PLI_OK) fail_msg("%s", err.message);
    return r;
}

static void test_delta_write_dml__rows_are_deleted(void **state) {
    write_fixture *f = *state;
    for (int k = 0; k < KINDS; k++) {
        write_fixture_open(f, kinds[k].name);
        must_append(f, ROWS, &kinds[k].how);
        pli__dml_result r = must_delete(f, "id % 10 = 3");
        assert_int_equal(r.rows, 10);
        assert_int_equal(r.version, 1);
        assert_int_equal(r.vectors_added > 0, kinds[k].vectors);
        expect_rows(f, "SELECT * FROM (" ROWS ") WHERE id % 10 <> 3");
        r = must_delete(f, "id % 10 = 4 OR id % 10 = 3");
        assert_int_equal(r.rows, 10);
        expect_rows(f, "SELECT * FROM (" ROWS ") WHERE id % 10 NOT IN (3, 4)");
        if (kinds[k].feed)
            expect_changes(
                f, 1,
                "SELECT *, 'delete' AS _change_type, CASE WHEN id % 10 = 3 THEN 1 ELSE 2 END::BIGINT AS _commit_version FROM (" ROWS
                ") WHERE id % 10 IN (3, 4)");
        r = must_delete(f, "id < 0");
        assert_int_equal(r.rows, 0);
        assert_false(r.committed);
        r = must_delete(f, NULL);
        assert_int_equal(r.rows, 80);
        expect_rows(f, "SELECT * FROM (" ROWS ") WHERE false");
        assert_int_equal(count_files(f), 0);
        if (kinds[k].feed)
            expect_changes(f, 3,
                           "SELECT *, 'delete' AS _change_type, 3::BIGINT AS _commit_version FROM (" ROWS
                           ") WHERE id % 10 NOT IN (3, 4)");
    }
}

static void test_delta_write_dml__a_file_without_rows_is_only_removed(void **state) {
    write_fixture *f = *state;
    const write_table how = {.partition_by = {"p"}, .properties = {"delta.enableDeletionVectors", "true"}};
    must_append(f, ROWS, &how);
    const pli__dml_result r = must_delete(f, "p = 1");
    assert_int_equal(r.vectors_added, 0);
    assert_int_equal(r.files_removed, 1);
    assert_int_equal(r.files_added, 0);
    expect_rows(f, "SELECT * FROM (" ROWS ") WHERE p <> 1");
}

static void test_delta_write_dml__rows_are_updated(void **state) {
    write_fixture *f = *state;
    for (int k = 0; k < KINDS; k++) {
        write_fixture_open(f, kinds[k].name);
        must_append(f, ROWS, &kinds[k].how);
        must_delete(f, "id = 7");
        const pli__dml_result r = must_update(f, "id % 10 = 7", "V", "v || '!' || s.x");
        assert_int_equal(r.rows, 9);
        expect_rows(f, "SELECT * REPLACE (CASE WHEN id % 10 = 7 THEN v || '!' || id ELSE v END AS v) FROM (" ROWS
                       ") WHERE id <> 7");
        if (kinds[k].feed)
            expect_changes(f, 2,
                           "SELECT *, 'update_preimage' AS _change_type, 2::BIGINT AS _commit_version FROM (" ROWS
                           ") WHERE id % 10 = 7 AND id <> 7 UNION ALL "
                           "SELECT * REPLACE (v || '!' || id AS v), 'update_postimage', 2 FROM (" ROWS
                           ") WHERE id % 10 = 7 AND id <> 7");
        must_update(f, "id >= 90", "p", "p + 1"); /* rows move to another partition */
        expect_rows(
            f,
            "SELECT * REPLACE (CASE WHEN id % 10 = 7 THEN v || '!' || id ELSE v END AS v, CASE WHEN id >= 90 THEN p + 1 ELSE p END AS p) FROM (" ROWS
            ") WHERE id <> 7");
    }
}

static void test_delta_write_dml__all_rows_can_be_updated(void **state) {
    write_fixture *f = *state;
    must_append(f, ROWS, NULL);
    assert_int_equal(must_update(f, NULL, "id", "id + 1").rows, 100);
    expect_rows(f, "SELECT * REPLACE (id + 1 AS id) FROM (" ROWS ")");
}

static void test_delta_write_dml__wrong_updates_are_refused(void **state) {
    write_fixture *f = *state;
    const write_table how = {.properties = {"delta.constraints.small", "id < 1000"}};
    const pli__assignment unknown = {"nope", "1"}, twice[] = {{"id", "1"}, {"ID", "2"}}, broken = {"id", "1 +"},
                          large = {"id", "id + 1000"};
    pli__dml_options o = {.set = &unknown, .n_set = 1};
    pli__dml_result r;
    must_append(f, ROWS, &how);
    assert_int_equal(pli__dml_update(f->table, &o, &r, NULL), PLI_E_ARGUMENT);
    o = (pli__dml_options){.set = twice, .n_set = 2};
    assert_int_equal(pli__dml_update(f->table, &o, &r, NULL), PLI_E_ARGUMENT);
    o = (pli__dml_options){.set = &broken, .n_set = 1};
    assert_int_equal(pli__dml_update(f->table, &o, &r, NULL), PLI_E_SQL);
    pli_error err = {0};
    o = (pli__dml_options){.set = &large, .n_set = 1};
    assert_int_equal(pli__dml_update(f->table, &o, &r, &err), PLI_E_CONSTRAINT);
    o = (pli__dml_options){.where = "nope > 1"};
    assert_int_equal(pli__dml_delete(f->table, &o, &r, NULL), PLI_E_SQL);
    expect_rows(f, ROWS);
    assert_int_equal(temp_count(f->dir, "table"), 2); /* one file, the log */
}

static void test_delta_write_dml__a_dry_run_changes_nothing(void **state) {
    write_fixture *f = *state;
    must_append(f, ROWS, NULL);
    const pli__dml_options o = {.where = "id < 5", .dry_run = true};
    pli__dml_result r;
    assert_int_equal(pli__dml_delete(f->table, &o, &r, NULL), PLI_OK);
    assert_int_equal(r.rows, 5);
    assert_false(r.committed);
    expect_rows(f, ROWS);
}

static void test_delta_write_dml__an_append_only_table_is_left_alone(void **state) {
    write_fixture *f = *state;
    const write_table how = {.properties = {"delta.appendOnly", "true"}};
    must_append(f, ROWS, &how);
    const pli__dml_options o = {.where = "id < 5"};
    pli__dml_result r;
    assert_int_equal(pli__dml_delete(f->table, &o, &r, NULL), PLI_E_CONSTRAINT);
    expect_rows(f, ROWS);
    assert_int_equal(temp_count(f->dir, "table"), 2);
}

#define TEST(name)                                                                                                     \
    cmocka_unit_test_setup_teardown(test_delta_write_dml__##name, write_fixture_setup, write_fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(rows_are_deleted),
        TEST(a_file_without_rows_is_only_removed),
        TEST(rows_are_updated),
        TEST(all_rows_can_be_updated),
        TEST(wrong_updates_are_refused),
        TEST(a_dry_run_changes_nothing),
        TEST(an_append_only_table_is_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
