/* Row tracking: rows keep their ids wherever they move; tables begin to track. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "delta/dml.h"
#include "delta/fill.h"
#include "delta/maintain.h"
#include "delta/merge.h"
#include "delta/row_ids.h"
#include "delta/write.h"
#include "engine/env.h"
#include "support/delta_write.h"

#define OK(expr)                                                                                                       \
    do {                                                                                                               \
        pli_error err = {0};                                                                                           \
        const pli_status ok_ = (expr);                                                                                 \
        if (ok_ != PLI_OK) fail_msg("%s: %s: %s", #expr, pli_status_name(ok_), err.message);                           \
    } while (0)

/* Ids and versions of rows, as protocol readers see them, against a query (id, row_id, row_version). */
static void expect_ids_of(write_fixture *f, const char *where, const char *expected) {
    PLI_AUTO(pli__touched_auto) pli__touched *x = NULL;
    PLI_AUTO(pli__file_relation_auto) pli__file_relation *relation = NULL;
    PLI_AUTO(pli__buf_clear) pli__buf rows = {0}, sql = {0};
    pli__snapshot *s = write_latest(f);
    pli__engine *e;
    bool any;
    int64_t wrong = -1;
    OK(pli__touched_new(f->table, s, &x, &err));
    OK(pli__touched_where(x, NULL, &err));
    OK(pli__row_ids_sql(x, PLI__TOUCHED_HIT, 0, &relation, &rows, &any, &err));
    pli__buf_addf(
        &sql,
        "WITH a AS (SELECT * FROM (SELECT id, \"%s\" AS row_id, \"%s\" AS row_version FROM (%s)) WHERE %s), b "
        "AS (%s) ",
        x->mapping->columns[x->mapping->n - 2].field->name, x->mapping->columns[x->mapping->n - 1].field->name,
        rows.ptr, where, expected);
    pli__buf_addz(&sql, "SELECT count(*) FROM ((FROM a EXCEPT ALL FROM b) UNION ALL (FROM b EXCEPT ALL FROM a))");
    OK(pli__env_engine(f->env, &e, &err));
    OK(pli__engine_query_i64(e, sql.ptr, &wrong, &err));
    pli__snapshot_unref(s);
    assert_int_equal(wrong, 0);
}

static void expect_ids(write_fixture *f, const char *expected) { expect_ids_of(f, "true", expected); }

static void delete_rows(write_fixture *f, const char *where) {
    const pli__dml_options d = {.where = where};
    pli__dml_result r;
    OK(pli__dml_delete(f->table, &d, &r, &err));
}

static int64_t update_rows(write_fixture *f, const char *where) {
    const pli__assignment set = {"v", "v || '!'"};
    const pli__dml_options d = {.where = where, .set = &set, .n_set = 1};
    pli__dml_result r;
    OK(pli__dml_update(f->table, &d, &r, &err));
    return r.version;
}

static void optimize(write_fixture *f) {
    const pli__optimize_options o = {0};
    pli__optimize_result r;
    OK(pli__optimize(f->table, &o, &r, &err));
}

static const char *const modes[][8] = {
    {"delta.enableRowTracking", "true"},
    {"delta.enableRowTracking", "true", "delta.enableDeletionVectors", "true"},
    {"delta.enableRowTracking", "true", "delta.columnMapping.mode", "name", "delta.enableChangeDataFeed", "true"},
    {"delta.enableRowTracking", "true", "delta.columnMapping.mode", "id"},
};

static void test_delta_write_row_ids__rows_keep_their_ids_when_they_move(void **state) {
    write_fixture *f = *state;
    for (size_t k = 0; k < sizeof modes / sizeof modes[0]; k++) {
        char name[8];
        write_table how = {0};
        snprintf(name, sizeof name, "t%zu", k);
        memcpy(how.properties, modes[k], sizeof modes[k]);
        write_fixture_open(f, name);
        must_append(f, "SELECT i AS id, 'v' || i AS v FROM range(10) t(i)", &how);
        must_append(f, "SELECT i AS id, 'v' || i AS v FROM range(10, 15) t(i)", NULL);
        expect_ids(f, "SELECT i AS id, i, CASE WHEN i < 10 THEN 0 ELSE 1 END FROM range(15) t(i)");
        delete_rows(f, "id % 2 = 0");
        expect_ids(f, "SELECT i AS id, i, CASE WHEN i < 10 THEN 0 ELSE 1 END FROM range(1, 15, 2) t(i)");
        update_rows(f, "id IN (3, 13)");
        expect_ids(f,
                   "SELECT i AS id, i, CASE WHEN i IN (3, 13) THEN 3 WHEN i < 10 THEN 0 ELSE 1 END FROM range(1, 15, "
                   "2) t(i)");
        optimize(f);
        expect_ids(f,
                   "SELECT i AS id, i, CASE WHEN i IN (3, 13) THEN 3 WHEN i < 10 THEN 0 ELSE 1 END FROM range(1, 15, "
                   "2) t(i)");
        char expected[300];
        const long long last = (long long)update_rows(f, "id = 3"); /* out of a file that has ids of its own */
        snprintf(expected, sizeof expected,
                 "SELECT i AS id, i, CASE WHEN i = 3 THEN %lld WHEN i = 13 THEN 3 WHEN i < 10 THEN 0 ELSE 1 END FROM "
                 "range(1, 15, 2) t(i)",
                 last);
        expect_ids(f, expected);
        expect_rows(f, "SELECT i AS id, 'v' || i || CASE i WHEN 3 THEN '!!' WHEN 13 THEN '!' ELSE '' END AS v FROM "
                       "range(1, 15, 2) t(i)");
    }
}

static void test_delta_write_row_ids__a_new_column_that_is_filled_keeps_ids(void **state) {
    write_fixture *f = *state;
    for (size_t k = 0; k < sizeof modes / sizeof modes[0]; k++) {
        char name[8];
        write_table how = {0};
        PLI_AUTO(pli__type_auto) const pli__type *text = pli__type_new(PLI__TYPE_STRING);
        const pli__assignment set = {"w", "v || '?'"};
        const pli__fill_options o = {.operation = "PROMOTE",
                                     .parameters = "{}",
                                     .add = "w",
                                     .add_type = text,
                                     .where = "id > 7",
                                     .set = &set,
                                     .n_set = 1};
        pli__dml_result r;
        snprintf(name, sizeof name, "f%zu", k);
        memcpy(how.properties, modes[k], sizeof modes[k]);
        write_fixture_open(f, name);
        must_append(f, "SELECT i AS id, 'v' || i AS v FROM range(10) t(i)", &how);
        OK(pli__dml_fill(f->table, &o, &r, &err));
        expect_ids(f, "SELECT i AS id, i, CASE WHEN i > 7 THEN 1 ELSE 0 END FROM range(10) t(i)");
        expect_rows(f,
                    "SELECT i AS id, 'v' || i AS v, CASE WHEN i > 7 THEN 'v' || i || '?' END AS w FROM range(10) t(i)");
    }
}

static void test_delta_write_row_ids__a_partial_overwrite_keeps_the_ids_of_what_stays(void **state) {
    write_fixture *f = *state;
    const write_table how = {.properties = {"delta.enableRowTracking", "true"}};
    const pli_write_options o = {.size = sizeof o, .mode = PLI_WRITE_OVERWRITE, .where = "id >= 3"};
    pli__write_result r;
    must_append(f, "SELECT i AS id, 'v' || i AS v FROM range(5) t(i)", &how);
    OK(pli__write_query(f->table, "SELECT 9::BIGINT AS id, 'new' AS v", NULL, &o, &r, &err));
    expect_ids(f, "SELECT i AS id, i, 0 FROM range(3) t(i) UNION ALL SELECT 9, 5, 1");
}

static void test_delta_write_row_ids__a_table_begins_to_track_its_rows(void **state) {
    write_fixture *f = *state;
    const pli__kv on = {PLI_STR("delta.enableRowTracking"), PLI_STR("true")};
    const write_table how = {.properties = {"delta.enableDeletionVectors", "true"}};
    int64_t version;
    must_append(f, "SELECT i AS id, 'v' AS v FROM range(10) t(i)", &how);
    must_append(f, "SELECT i AS id, 'v' AS v FROM range(10, 12) t(i)", NULL);
    delete_rows(f, "id = 0");
    OK(pli__set_properties(f->table, &on, 1, &version, &err));
    assert_int_equal(version, 3);
    pli__snapshot *s = write_latest(f);
    assert_true(pli__snapshot_has_feature(s, "rowTracking"));
    pli__snapshot_unref(s);
    must_append(f, "SELECT 50::BIGINT AS id, 'v' AS v", NULL);
    expect_rows(f, "SELECT i AS id, 'v' AS v FROM range(1, 12) t(i) UNION ALL SELECT 50, 'v'");
    optimize(f);
    OK(pli__set_properties(f->table, &on, 1, &version, &err)); /* again: nothing to be done */
    expect_rows(f, "SELECT i AS id, 'v' AS v FROM range(1, 12) t(i) UNION ALL SELECT 50, 'v'");
}

/* Every kind of clause; the first two read nothing of the old row but its id. */
static void test_delta_write_row_ids__a_merge_keeps_the_ids_of_rows_that_it_updates_or_moves(void **state) {
    write_fixture *f = *state;
    const pli_merge_clause clauses[] = {
        {.sql = "MATCHED AND source.w = 'gone' THEN DELETE"},
        {.sql = "MATCHED THEN UPDATE SET id = source.id, v = source.w"},
        {.sql = "NOT MATCHED AND source.w <> 'gone' THEN INSERT (id, v) VALUES (source.id, source.w)"},
        {.sql = "NOT MATCHED BY SOURCE AND target.id = 7 THEN UPDATE SET v = 'alone'"}};
    const pli__merge_options o = {
        .on = "target.id = source.id", .clauses = clauses, .n_clauses = sizeof clauses / sizeof *clauses};
    for (size_t k = 0; k < sizeof modes / sizeof modes[0]; k++) {
        char name[8];
        write_table how = {0};
        pli__merge_result r;
        snprintf(name, sizeof name, "m%zu", k);
        memcpy(how.properties, modes[k], sizeof modes[k]);
        write_fixture_open(f, name);
        must_append(f, "SELECT i AS id, 'v' || i AS v FROM range(10) t(i)", &how);
        must_append(f, "SELECT i AS id, 'v' || i AS v FROM range(10, 15) t(i)", NULL);
        for (int64_t turn = 2; turn < 4; turn++) { /* the second time out of files that have ids of their own */
            char expected[400];
            OK(pli__merge_run(
                f->table,
                "SELECT 3 AS id, 'new' AS w UNION ALL SELECT 4, 'gone' UNION ALL SELECT 12, 'new' UNION ALL "
                "SELECT 20, 'in'",
                &o, &r, &err));
            assert_int_equal(r.version, turn);
            expect_rows(f,
                        "SELECT i AS id, CASE i WHEN 3 THEN 'new' WHEN 12 THEN 'new' WHEN 7 THEN 'alone' ELSE 'v' || i "
                        "END AS v FROM range(15) t(i) WHERE i <> 4 UNION ALL SELECT 20, 'in'");
            snprintf(
                expected, sizeof expected,
                "SELECT i AS id, i, CASE WHEN i IN (3, 7, 12) THEN %lld WHEN i < 10 THEN 0 ELSE 1 END FROM range(15) "
                "t(i) WHERE i <> 4",
                (long long)turn);
            expect_ids_of(f, "id < 20", expected);
        }
        expect_ids_of(f, "id = 20 AND row_id < 15", "SELECT 1, 2, 3 WHERE false"); /* an id of its own */
    }
}

#define TEST(name)                                                                                                     \
    cmocka_unit_test_setup_teardown(test_delta_write_row_ids__##name, write_fixture_setup, write_fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(rows_keep_their_ids_when_they_move),    TEST(a_merge_keeps_the_ids_of_rows_that_it_updates_or_moves),
        TEST(a_new_column_that_is_filled_keeps_ids), TEST(a_partial_overwrite_keeps_the_ids_of_what_stays),
        TEST(a_table_begins_to_track_its_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
