/* What a merge does beside moving rows: stars, schema, files left out, conflicts, repeats, what it refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "delta/dml.h"
#include "delta/merge.h"
#include "support/delta_fixtures.h"
#include "support/delta_write.h"
#include "support/temp_dir.h"

#define ROWS "SELECT i AS id, (i % 3)::INTEGER AS p, 'v' || i AS v FROM range(100) t(i)"
#define COUNT(...) (sizeof(__VA_ARGS__) / sizeof(pli_merge_clause))
#define CLAUSES(...)                                                                                                   \
    .clauses = (const pli_merge_clause[]){__VA_ARGS__}, .n_clauses = COUNT((const pli_merge_clause[]){__VA_ARGS__})
#define UPSERT {.sql = "MATCHED THEN UPDATE SET *"}, {.sql = "NOT MATCHED THEN INSERT *"}
#define ON_ID .on = "source.id = target.id"

static const write_table vectors = {.properties = {"delta.enableDeletionVectors", "true"}};

static pli__merge_result must_merge(write_fixture *f, const char *source, const pli__merge_options *o) {
    pli__merge_result r = {0};
    pli_error err = {0};
    if (pli__merge_run(f->table, source, o, &r, &err) != PLI_OK) fail_msg("%s", err.message);
    return r;
}

static void expect_error(write_fixture *f, const char *source, const pli__merge_options *o, pli_status status,
                         const char *said) {
    pli__merge_result r = {0};
    pli_error err = {0};
    const pli_status got = pli__merge_run(f->table, source, o, &r, &err);
    if (got != status) fail_msg("status %d instead of %d for '%s'", (int)got, (int)status, said);
    if (!strstr(err.message, said)) fail_msg("'%s' is not in '%s'", said, err.message);
}

/* ---- stars and schema ---- */

static void test_delta_merge__stars_take_columns_by_name(void **state) {
    write_fixture *f = *state;
    const pli__merge_options o = {ON_ID, CLAUSES(UPSERT)};
    must_append(f, ROWS, &vectors);
    const pli__merge_result r = must_merge(
        f, "SELECT 'new' AS V, i::INTEGER AS ID, 7 AS p, 'x' AS extra FROM range(95, 105) t(i)", &o);
    assert_int_equal(r.rows_updated, 5);
    assert_int_equal(r.rows_inserted, 5);
    assert_int_equal(r.vectors_added, 1);
    expect_rows(f, "SELECT * FROM (" ROWS ") WHERE id < 95 UNION ALL SELECT i, 7, 'new' FROM range(95, 105) t(i)");
}

static void test_delta_merge__a_star_needs_all_columns_or_leave_to_do_without(void **state) {
    write_fixture *f = *state;
    pli__merge_options o = {ON_ID, CLAUSES(UPSERT)};
    const char *source = "SELECT i AS id, 'new' AS v, 1.5::DOUBLE AS extra FROM range(95, 105) t(i)";
    must_append(f, ROWS, NULL);
    expect_error(f, source, &o, PLI_E_SCHEMA, "the source has no column 'p'");
    o.keep_missing = true;
    must_merge(f, source, &o);
    expect_rows(f,
                "SELECT * FROM (" ROWS ") WHERE id < 95 UNION ALL SELECT i, CASE WHEN i < 100 THEN i % 3 END::INTEGER, "
                "'new' FROM range(95, 105) t(i)");
}

static void test_delta_merge__new_columns_are_added_where_asked(void **state) {
    write_fixture *f = *state;
    const write_table feed = {.properties = {"delta.enableChangeDataFeed", "true"}};
    const pli__merge_options o = {ON_ID, .merge_schema = true, CLAUSES(UPSERT)};
    must_append(f, ROWS, &feed);
    must_merge(f, "SELECT i AS id, 1.5::DOUBLE AS extra FROM range(99, 101) t(i)", &o);
    expect_rows(f, "SELECT *, CASE WHEN id = 99 THEN 1.5 END::DOUBLE AS extra FROM (" ROWS
                   ") UNION ALL SELECT 100, NULL, NULL, 1.5");
    expect_changes(
        f, 1,
        "SELECT 99::BIGINT AS id, 0::INTEGER AS p, 'v99' AS v, NULL::DOUBLE AS extra, 'update_preimage' AS "
        "_change_type, 1::BIGINT AS _commit_version UNION ALL SELECT 99, 0, 'v99', 1.5, 'update_postimage', 1 "
        "UNION ALL SELECT 100, NULL, NULL, 1.5, 'insert', 1");
}

static void test_delta_merge__values_are_cast_and_nothing_is_lost(void **state) {
    write_fixture *f = *state;
    const pli__merge_options o = {ON_ID, CLAUSES(UPSERT)};
    must_append(f, ROWS, NULL);
    must_merge(f, "SELECT '5' AS id, '12' AS p, 34 AS v WHERE false UNION ALL SELECT '5', '12', 34", &o);
    expect_rows(
        f, "SELECT * REPLACE (CASE WHEN id = 5 THEN 12 ELSE p END AS p, CASE WHEN id = 5 THEN '34' ELSE v END AS v) "
           "FROM (" ROWS ")");
    pli__merge_result r;
    assert_int_not_equal(pli__merge_run(f->table, "SELECT 5 AS id, 'x' AS p, 'y' AS v", &o, &r, NULL), PLI_OK);
    assert_int_not_equal(pli__merge_run(f->table, "SELECT 5 AS id, 5000000000 AS p, 'y' AS v", &o, &r, NULL), PLI_OK);
    assert_int_equal(temp_count(f->dir, "table"), 3); /* two files, the log: failures leave nothing */
}

static void test_delta_merge__constraints_hold(void **state) {
    write_fixture *f = *state;
    must_append(f, ROWS, &(write_table){.properties = {"delta.constraints.low", "id < 1000"}});
    const pli__merge_options o = {ON_ID, CLAUSES({.sql = "NOT MATCHED THEN INSERT (id, v) VALUES (source.id, 'a')"})};
    expect_error(f, "SELECT 1000 AS id", &o, PLI_E_CONSTRAINT, "low");
    expect_rows(f, ROWS);
    must_merge(f, "SELECT 999 AS id", &o);
    expect_rows(f, ROWS " UNION ALL SELECT 999, NULL, 'a'");
}

/* ---- rows ---- */

/* Deleted rows are left out before the join or behind it, as the condition allows. */
static void test_delta_merge__rows_that_vectors_took_out_match_nothing(void **state) {
    write_fixture *f = *state;
    const char *const conditions[] = {"source.id = target.id", "source.id = target.id AND target.p + 1 > 0",
                                      "CAST(source.id AS VARCHAR) = CAST(target.id AS VARCHAR)"};
    const char *newest = "SELECT i AS id, 8::INTEGER AS p, 'newest' AS v FROM range(0, 60) t(i)";
    const pli__dml_options gone = {.where = "id >= 40 AND id < 50"};
    pli__dml_result deleted;
    must_append(f, ROWS, &vectors);
    for (size_t i = 0; i < sizeof conditions / sizeof conditions[0]; i++) {
        const pli__merge_options o = {.on = conditions[i],
                                      CLAUSES({.sql = "MATCHED AND target.v <> 'new' THEN UPDATE SET *"},
                                              {.sql = "MATCHED THEN DELETE"}, {.sql = "NOT MATCHED THEN INSERT *"})};
        must_merge(f, "SELECT i AS id, 7 AS p, 'new' AS v FROM range(10, 20) t(i)", &o);
        assert_int_equal(pli__dml_delete(f->table, &gone, &deleted, NULL), PLI_OK);
        pli__merge_result r = must_merge(f, newest, &o);
        assert_int_equal(r.rows_updated, 40);
        assert_int_equal(r.rows_deleted, 10);
        assert_int_equal(r.rows_inserted, 10);
        r = must_merge(f, newest, &o); /* of some keys there are two deleted rows by now */
        assert_int_equal(r.rows_updated, 50);
        assert_int_equal(r.rows_inserted, 10);
        expect_rows(f,
                    "SELECT * FROM (" ROWS ") WHERE id >= 60 UNION ALL SELECT i, 8, 'newest' FROM range(0, 60) t(i)");
    }
}

static void test_delta_merge__a_row_changed_twice_is_an_error(void **state) {
    write_fixture *f = *state;
    const char *twice = "SELECT 5 AS id, 1 AS p, 'a' AS v UNION ALL SELECT 5, 2, 'b'";
    must_append(f, ROWS, &vectors);
    expect_error(f, twice, &(pli__merge_options){ON_ID, CLAUSES(UPSERT)}, PLI_E_CONSTRAINT, "more than one row");
    expect_error(f, twice, &(pli__merge_options){ON_ID, CLAUSES({.sql = "MATCHED AND source.p > 0 THEN DELETE"})},
                 PLI_E_CONSTRAINT, "more than one row");
    /* only one of them acts */
    must_merge(f, twice,
               &(pli__merge_options){ON_ID, CLAUSES({.sql = "MATCHED AND source.p = 2 THEN UPDATE SET v = source.v"})});
    expect_rows(f, "SELECT * REPLACE (CASE WHEN id = 5 THEN 'b' ELSE v END AS v) FROM (" ROWS ")");
    const pli__merge_result r = must_merge(f, twice,
                                           &(pli__merge_options){ON_ID, CLAUSES({.sql = "MATCHED THEN DELETE"})});
    assert_int_equal(r.rows_deleted, 1);
    expect_rows(f, "SELECT * FROM (" ROWS ") WHERE id <> 5");
}

static void test_delta_merge__nothing_to_do_is_no_commit(void **state) {
    write_fixture *f = *state;
    pli__merge_options o = {ON_ID, CLAUSES({.sql = "MATCHED THEN DELETE"})};
    must_append(f, ROWS, NULL);
    assert_false(must_merge(f, "SELECT NULL::BIGINT AS id", &o).committed);
    assert_false(must_merge(f, "SELECT 1 AS id WHERE false", &o).committed);
    o.dry_run = true;
    const pli__merge_result r = must_merge(f, "SELECT 1 AS id", &o);
    assert_false(r.committed);
    assert_int_equal(r.rows_deleted, 1);
    expect_rows(f, ROWS);
    assert_int_equal(temp_count(f->dir, "table"), 2);
}

static void test_delta_merge__a_condition_without_keys_joins_all(void **state) {
    write_fixture *f = *state;
    must_append(f, "SELECT 1::BIGINT AS id, 'a' AS v", &vectors);
    must_merge(f, "SELECT 9 AS x",
               &(pli__merge_options){.on = "true", CLAUSES({.sql = "MATCHED THEN UPDATE SET id = x"})});
    expect_rows(f, "SELECT 9::BIGINT AS id, 'a' AS v");
    must_merge(f, "SELECT 9 AS x",
               &(pli__merge_options){.on = "false",
                                     CLAUSES({.sql = "NOT MATCHED THEN INSERT (id) VALUES (x)"},
                                             {.sql = "NOT MATCHED BY SOURCE THEN UPDATE SET v = 'b'"})});
    expect_rows(f, "SELECT 9::BIGINT AS id, 'b' AS v UNION ALL SELECT 9, NULL");
}

static void test_delta_merge__a_nearly_empty_file_is_rewritten(void **state) {
    write_fixture *f = *state;
    pli__merge_options o = {ON_ID, CLAUSES({.sql = "MATCHED THEN DELETE"})};
    must_append(f, "SELECT i AS id FROM range(2000) t(i)", &vectors);
    pli__merge_result r = must_merge(f, "SELECT i AS id FROM range(1000) t(i)", &o);
    assert_int_equal(r.vectors_added, 1);
    r = must_merge(f, "SELECT i AS id FROM range(1999) t(i)", &o);
    assert_int_equal(r.vectors_added, 0);
    assert_int_equal(r.files_rewritten, 1);
    assert_int_equal(r.rows_copied, 1);
    expect_rows(f, "SELECT 1999::BIGINT AS id");
}

/* ---- files ---- */

static int64_t scanned(write_fixture *f, const char *source, const char *on) {
    return must_merge(f, source,
                      &(pli__merge_options){.on = on, .dry_run = true, CLAUSES({.sql = "MATCHED THEN DELETE"})})
        .files_scanned;
}

static void test_delta_merge__only_files_that_can_hold_keys_are_opened(void **state) {
    write_fixture *f = *state;
    for (int i = 0; i < 10; i++) {
        char sql[300];
        snprintf(
            sql, sizeof sql,
            "SELECT i AS id, 'k' || lpad(i::VARCHAR, 6, '0') AS k, DATE '2024-01-01' + (i // 1000)::INTEGER AS d, (i // 1000)::INTEGER AS p FROM range(%d, %d) t(i)",
            i * 1000, (i + 1) * 1000);
        must_append(f, sql, i ? NULL : &(write_table){.partition_by = {"p"}});
    }
    const char *id = "source.id = target.id";
    assert_int_equal(scanned(f, "SELECT 3500 AS id", id), 1);
    assert_int_equal(scanned(f, "SELECT unnest([-5, 3500, 8100])::BIGINT AS id", id), 2);
    assert_int_equal(scanned(f, "SELECT i AS id FROM range(4200, 4900) t(i)", id), 1);
    assert_int_equal(
        scanned(f, "SELECT i AS id FROM range(1200, 1900) t(i) UNION ALL SELECT i FROM range(8000, 8500) t(i)", id), 2);
    assert_int_equal(scanned(f, "SELECT i AS id FROM range(0, 10000, 10) t(i)", id), 10);
    assert_int_equal(scanned(f, "SELECT i AS id FROM range(20000, 30000) t(i)", id), 0);
    assert_int_equal(scanned(f, "SELECT NULL::BIGINT AS id", id), 0);
    assert_int_equal(scanned(f, "SELECT 'k003500' AS k", "target.k = source.k"), 1);
    assert_int_equal(
        scanned(f, "SELECT 'k' || lpad(i::VARCHAR, 6, '0') AS k FROM range(4200, 4900) t(i)", "target.k = source.k"),
        1);
    assert_int_equal(scanned(f, "SELECT DATE '2024-01-03' AS d", "target.d = source.d"), 1);
    assert_int_equal(
        scanned(f, "SELECT i AS id FROM range(0, 10000, 10) t(i)", "source.id = target.id AND target.p IN (1, 2)"), 2);
    assert_int_equal(scanned(f, "SELECT 5 AS p, 1 AS x", "source.p = target.p AND target.id > source.x"), 1);
    assert_int_equal(scanned(f, "SELECT 3500.0::DOUBLE AS id", id),
                     10); /* compared as doubles: bounds are not looked at */
}

static void test_delta_merge__rows_without_a_source_open_the_files_of_their_condition(void **state) {
    write_fixture *f = *state;
    for (int i = 0; i < 4; i++) {
        char sql[100];
        snprintf(sql, sizeof sql, "SELECT i AS id, 'a' AS v FROM range(%d, %d) t(i)", i * 100, (i + 1) * 100);
        must_append(f, sql, &vectors);
    }
    const pli__merge_options o = {ON_ID, CLAUSES({.sql = "MATCHED THEN UPDATE SET v = 'm'"},
                                                 {.sql = "NOT MATCHED BY SOURCE AND target.id > 390 THEN DELETE"})};
    const pli__merge_result r = must_merge(f, "SELECT 5 AS id UNION ALL SELECT 399", &o);
    assert_int_equal(r.files_scanned, 2);
    assert_int_equal(r.rows_deleted, 8);
    assert_int_equal(r.rows_updated, 2);
    expect_rows(
        f,
        "SELECT i AS id, CASE WHEN i IN (5, 399) THEN 'm' ELSE 'a' END AS v FROM range(400) t(i) WHERE i <= 390 OR i = 399");
}

static void test_delta_merge__many_keys_find_all_their_rows(void **state) {
    write_fixture *f = *state;
    static const char *const keys[] = {"i",
                                       "('k' || i)",
                                       "(DATE '2000-01-01' + i::INTEGER)",
                                       "(TIMESTAMP '2000-01-01' + INTERVAL (i) MINUTE)",
                                       "(TIMESTAMPTZ '2000-01-01 00:00:00+00' + INTERVAL (i) HOUR)",
                                       "(i / 8)::DOUBLE"};
    for (size_t k = 0; k < sizeof keys / sizeof keys[0]; k++) {
        char sql[300], name[20];
        snprintf(name, sizeof name, "many%zu", k);
        write_fixture_open(f, name);
        for (int i = 0; i < 5; i++) {
            snprintf(sql, sizeof sql, "SELECT %s AS k, i AS id FROM range(%d, %d) t(i)", keys[k], i * 400,
                     i * 400 + 400);
            must_append(f, sql, &vectors);
        }
        snprintf(sql, sizeof sql, "SELECT %s AS k FROM range(0, 4000, 3) t(i) WHERE i %% 1000 < 700", keys[k]);
        const pli__merge_options o = {.on = "source.k = target.k", CLAUSES({.sql = "MATCHED THEN DELETE"})};
        assert_int_equal(must_merge(f, sql, &o).rows_deleted, 467);
        snprintf(sql, sizeof sql, "SELECT %s AS k, i AS id FROM range(2000) t(i) WHERE i %% 3 <> 0 OR i %% 1000 >= 700",
                 keys[k]);
        expect_rows(f, sql);
    }
}

/* ---- other writers, repeats ---- */

static void test_delta_merge__a_conflict_is_worked_out_anew(void **state) {
    write_fixture *f = *state;
    const pli__merge_options o = {ON_ID, CLAUSES({.sql = "MATCHED THEN UPDATE SET v = target.v || '!'"},
                                                 {.sql = "NOT MATCHED THEN INSERT (id) VALUES (source.id)"})};
    pli__merge *m = NULL;
    pli__merge_result r;
    pli_error err = {0};
    must_append(f, ROWS, &vectors);
    assert_int_equal(pli__merge_new(f->table, "SELECT unnest([7, 200]) AS id", &o, &m, &err), PLI_OK);
    assert_int_equal(pli__merge_commit(m, &r, NULL), PLI_E_STATE);
    assert_int_equal(pli__merge_prepare(m, &err), PLI_OK);
    must_append(f, "SELECT 200::BIGINT AS id, 0::INTEGER AS p, 'other' AS v", NULL);
    assert_int_equal(pli__merge_commit(m, &r, &err), PLI_E_CONFLICT);
    assert_int_equal(pli__merge_prepare(m, &err), PLI_OK);
    assert_int_equal(pli__merge_commit(m, &r, &err), PLI_OK);
    pli__merge_free(m);
    assert_int_equal(r.version, 2);
    expect_rows(f, "SELECT * REPLACE (CASE WHEN id = 7 THEN 'v7!' ELSE v END AS v) FROM (" ROWS
                   ") UNION ALL SELECT 200, 0, 'other!'");
}

static int see_repeat(void *arg, const char *json, size_t len) {
    (void)len;
    *(bool *)arg = strstr(json, "\"repeat\":true") != NULL;
    return 0;
}

static void test_delta_merge__a_txn_lands_once(void **state) {
    write_fixture *f = *state;
    pli_table *t = NULL;
    bool repeat = true;
    const pli_merge_clause clauses[] = {{.sql = "MATCHED THEN UPDATE SET v = target.v || '!'"}};
    pli_merge_options o = {
        .size = sizeof o, ON_ID, .clauses = clauses, .n_clauses = 1, .txn_app_id = "app", .txn_version = 4};
    must_append(f, ROWS, &vectors);
    assert_int_equal(pli_table_open(f->env, temp_path(f->dir, "table"), &t, NULL), PLI_OK);
    const char *source = "SELECT 7 AS id";
    assert_int_equal(pli_table_merge_sql(t, source, &o, see_repeat, &repeat, NULL), PLI_OK);
    assert_false(repeat);
    assert_int_equal(pli_table_merge_sql(t, source, &o, see_repeat, &repeat, NULL), PLI_OK);
    assert_true(repeat);
    o.txn_version = 3;
    assert_int_equal(pli_table_merge_sql(t, source, &o, see_repeat, &repeat, NULL), PLI_OK);
    assert_true(repeat);
    o.txn_version = 5;
    assert_int_equal(pli_table_merge_sql(t, "SELECT 1000 AS id", &o, see_repeat, &repeat, NULL), PLI_OK);
    assert_false(repeat); /* nothing to change, but the txn is noted */
    assert_int_equal(pli_table_merge_table(
                         t, t, NULL,
                         &(pli_merge_options){
                             .size = sizeof o,
                             ON_ID,
                             .clauses = (const pli_merge_clause[]){{.sql = "MATCHED AND source.id = 8 THEN DELETE"}},
                             .n_clauses = 1},
                         NULL, NULL, NULL),
                     PLI_OK);
    pli_table_close(t);
    expect_rows(f, "SELECT * REPLACE (CASE WHEN id = 7 THEN 'v7!' ELSE v END AS v) FROM (" ROWS ") WHERE id <> 8");
}

/* ---- what is refused ---- */

static void test_delta_merge__wrong_merges_change_nothing(void **state) {
    write_fixture *f = *state;
    static const struct {
        const char *source, *on, *clause, *said;
        pli_status status;
    } cases[] = {
        {"SELECT 1 AS id", NULL, "MATCHED THEN DELETE", "needs a condition", PLI_E_ARGUMENT},
        {"SELECT 1 AS id", "source.id = ", "MATCHED THEN DELETE", "the condition of the merge cannot be parsed",
         PLI_E_SQL},
        {"SELECT 1 AS id", "1), (2", "MATCHED THEN DELETE", "is not one expression", PLI_E_SQL},
        {"SELECT 1 AS id", "source.id = target.nope", "MATCHED THEN DELETE", "nope", PLI_E_SQL},
        {"SELECT 1 AS id", "id = 1", "MATCHED THEN DELETE", "mbiguous", PLI_E_SQL},
        {"SELECT 1 AS id", "source.id = target.id", "MATCHED AND x y THEN DELETE", "condition of merge clause 1",
         PLI_E_SQL},
        {"SELECT 1 AS id", "source.id = target.id", "MATCHED THEN UPDATE SET v = 1 +", "expression of merge clause 1",
         PLI_E_SQL},
        {"SELECT 1 AS id", "source.id = target.id", "MATCHED THEN UPDATE SET vv = 1", "has no column 'vv'",
         PLI_E_ARGUMENT},
        {"SELECT 999 AS id", "source.id = target.id", "NOT MATCHED THEN INSERT (id) VALUES (target.id)", "target",
         PLI_E_SQL},
        {"SELECT 1 AS id", "source.id = target.id", "NOT MATCHED BY SOURCE AND source.id = 1 THEN DELETE", "source",
         PLI_E_SQL},
        {"SELEC 1", "source.id = target.id", "MATCHED THEN DELETE", "source of the merge", PLI_E_SQL},
    };
    must_append(f, ROWS, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        expect_error(f, cases[i].source, &(pli__merge_options){.on = cases[i].on, CLAUSES({.sql = cases[i].clause})},
                     cases[i].status, cases[i].said);
    expect_error(
        f, "SELECT 1 AS id",
        &(pli__merge_options){ON_ID, .write_mode = PLI_MERGE_DELETION_VECTORS, CLAUSES({.sql = "MATCHED THEN DELETE"})},
        PLI_E_UNSUPPORTED, "no deletion vectors");
    expect_rows(f, ROWS);
    assert_int_equal(temp_count(f->dir, "table"), 2);
    write_fixture_open(f, "none");
    expect_error(f, "SELECT 1 AS id", &(pli__merge_options){ON_ID, CLAUSES({.sql = "MATCHED THEN DELETE"})},
                 PLI_E_NOT_A_TABLE, "");
}

#define TEST(name)                                                                                                     \
    cmocka_unit_test_setup_teardown(test_delta_merge__##name, write_fixture_setup, write_fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(stars_take_columns_by_name),
        TEST(a_star_needs_all_columns_or_leave_to_do_without),
        TEST(new_columns_are_added_where_asked),
        TEST(values_are_cast_and_nothing_is_lost),
        TEST(constraints_hold),
        TEST(rows_that_vectors_took_out_match_nothing),
        TEST(a_row_changed_twice_is_an_error),
        TEST(nothing_to_do_is_no_commit),
        TEST(a_condition_without_keys_joins_all),
        TEST(a_nearly_empty_file_is_rewritten),
        TEST(only_files_that_can_hold_keys_are_opened),
        TEST(rows_without_a_source_open_the_files_of_their_condition),
        TEST(many_keys_find_all_their_rows),
        TEST(a_conflict_is_worked_out_anew),
        TEST(a_txn_lands_once),
        TEST(wrong_merges_change_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
