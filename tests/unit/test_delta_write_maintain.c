/* Optimize, vacuum, restore, properties and constraints. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utime.h>

#include <cmocka.h>

#include "delta/active.h"
#include "delta/dml.h"
#include "delta/maintain.h"
#include "delta/write.h"
#include "support/delta_fixtures.h"
#include "support/delta_write.h"
#include "support/temp_dir.h"

#define OK(expr)                                                                                                       \
    do {                                                                                                               \
        pli_error err = {0};                                                                                           \
        const pli_status ok_ = (expr);                                                                                 \
        if (ok_ != PLI_OK) fail_msg("%s: %s: %s", #expr, pli_status_name(ok_), err.message);                           \
    } while (0)

static void append_batches(write_fixture *f, int batches, const write_table *how) {
    for (int i = 0; i < batches; i++) {
        char sql[200];
        snprintf(sql, sizeof sql,
                 "SELECT %d * 100 + i AS id, i %% 4 AS p, hash(i + %d)::VARCHAR AS v FROM range(100) t(i)", i, i);
        must_append(f, sql, how);
    }
}

#define ALL(batches)                                                                                                   \
    "SELECT b * 100 + i AS id, i % 4 AS p, hash(i + b)::VARCHAR AS v FROM range(" #batches ") b(b), range(100) t(i)"

/* ---- optimize ---- */

static void test_delta_write_maintain__small_files_are_put_together(void **state) {
    write_fixture *f = *state;
    const write_table plain = {.properties = {"delta.enableChangeDataFeed", "true"}},
                      partitioned = {.partition_by = {"p"}};
    for (int k = 0; k < 2; k++) {
        write_fixture_open(f, k ? "partitioned" : "plain");
        append_batches(f, 6, k ? &partitioned : &plain);
        assert_int_equal(count_files(f), k ? 24 : 6);
        const pli__optimize_options o = {0};
        pli__optimize_result r;
        OK(pli__optimize(f->table, &o, &r, &err));
        assert_true(r.committed);
        assert_int_equal(r.files_removed, k ? 24 : 6);
        assert_int_equal(r.files_added, k ? 4 : 1);
        assert_int_equal(count_files(f), k ? 4 : 1);
        expect_rows(f, ALL(6));
        if (!k)
            expect_changes(
                f, 6, "SELECT *, 'insert' AS _change_type, 0::BIGINT AS _commit_version FROM (" ALL(6) ") WHERE false");
        OK(pli__optimize(f->table, &o, &r, &err)); /* nothing more to do */
        assert_false(r.committed);
    }
}

static void test_delta_write_maintain__partitions_can_be_chosen(void **state) {
    write_fixture *f = *state;
    const write_table how = {.partition_by = {"p"}};
    append_batches(f, 3, &how);
    const pli__optimize_options o = {.where = "p = 2"};
    pli__optimize_result r;
    OK(pli__optimize(f->table, &o, &r, &err));
    assert_int_equal(r.partitions, 1);
    assert_int_equal(count_files(f), 3 * 3 + 1);
    expect_rows(f, ALL(3));
}

static void test_delta_write_maintain__deleted_rows_are_purged(void **state) {
    write_fixture *f = *state;
    const write_table how = {.properties = {"delta.enableDeletionVectors", "true"}};
    append_batches(f, 1, &how);
    const pli__dml_options d = {.where = "id % 2 = 0"};
    pli__dml_result deleted;
    OK(pli__dml_delete(f->table, &d, &deleted, &err));
    assert_int_equal(deleted.vectors_added, 1);
    const pli__optimize_options o = {0};
    pli__optimize_result r;
    OK(pli__optimize(f->table, &o, &r, &err));
    assert_int_equal(r.files_added, 1);
    expect_rows(f, "SELECT * FROM (" ALL(1) ") WHERE id % 2 <> 0");
}

static pli_status spread(void *arg, const pli__add *a, pli_error *err) {
    (void)err;
    pli__buf *out = arg;
    pli__buf_adds(out, a->stats);
    pli__buf_addc(out, '\n');
    return PLI_OK;
}

static void test_delta_write_maintain__z_order_keeps_neighbours_together(void **state) {
    write_fixture *f = *state;
    must_append(
        f,
        "SELECT (i * 7919) % 1000 AS x, (i * 104729) % 1000 AS y, hash(i)::VARCHAR AS v, hash(i + 1)::VARCHAR AS w FROM range(200000) t(i)",
        NULL);
    const char *columns[] = {"x", "Y"};
    const pli__optimize_options o = {.zorder = columns, .n_zorder = 2, .target_size = 1 << 20};
    pli__optimize_result r;
    OK(pli__optimize(f->table, &o, &r, &err));
    assert_in_range(r.files_added, 3, 100);
    expect_rows(
        f,
        "SELECT (i * 7919) % 1000 AS x, (i * 104729) % 1000 AS y, hash(i)::VARCHAR AS v, hash(i + 1)::VARCHAR AS w FROM range(200000) t(i)");
    /* no file but one in the middle spans both ranges whole */
    PLI_AUTO(pli__buf_clear) pli__buf stats = {0};
    pli__snapshot *s = write_latest(f);
    OK(pli__snapshot_files(s, PLI__FILES_STATS, spread, &stats, &err));
    pli__snapshot_unref(s);
    assert_null(strstr(stats.ptr,
                       "\"minValues\":{\"x\":0,\"y\":0,\"v\":\"0\",\"w\":\"0\"},\"maxValues\":{\"x\":999,\"y\":999"));
    const char *wrong[] = {"nope"};
    const pli__optimize_options bad = {.zorder = wrong, .n_zorder = 1};
    assert_int_equal(pli__optimize(f->table, &bad, &r, NULL), PLI_E_ARGUMENT);
}

#define ODD_ROWS                                                                                                                    \
    "SELECT CASE WHEN i % 3 > 0 THEN 'it''s ' || i % 7 END AS s, CASE WHEN i % 5 > 0 THEN (i / 0.7)::DOUBLE ELSE 'nan' END AS x,"   \
    " [i % 4] AS l, CASE WHEN i % 2 > 0 THEN TIMESTAMPTZ '2024-01-01 00:00:00+00' + INTERVAL (i) SECOND END AS t, NULL::DATE AS d," \
    " encode('b' || i % 9) AS b FROM range(3000) t(i)"

static void test_delta_write_maintain__columns_of_any_type_give_a_z_order(void **state) {
    write_fixture *f = *state;
    const char *columns[] = {"s", "x", "l", "t", "d", "b", "x", "x", "x", "x", "x", "x", "x", "x", "x", "x", "x"};
    must_append(f, ODD_ROWS, NULL);
    for (size_t n = 1; n <= sizeof columns / sizeof columns[0]; n += n < 6 ? 1 : 11) {
        const pli__optimize_options o = {.zorder = columns, .n_zorder = n};
        pli__optimize_result r;
        OK(pli__optimize(f->table, &o, &r, &err));
        expect_rows(f, ODD_ROWS);
    }
    const char *many[33] = {0};
    for (size_t i = 0; i < 33; i++) many[i] = "x";
    const pli__optimize_options too_many = {.zorder = many, .n_zorder = 33};
    pli__optimize_result r;
    assert_int_equal(pli__optimize(f->table, &too_many, &r, NULL), PLI_E_LIMIT);
}

static void test_delta_write_maintain__files_of_a_clustered_table_get_its_order(void **state) {
    write_fixture *f = *state;
    const write_table how = {.properties = {"delta.columnMapping.mode", "name"}};
    PLI_AUTO(pli__txn_auto) pli__txn_handle *x = NULL;
    PLI_AUTO(pli__buf_clear) pli__buf name = {0}, text = {0};
    const pli__txn_options options = {.operation = "CLUSTER BY", .reads = PLI__READS_NOTHING};
    pli__commit_result committed;
    append_batches(f, 2, &how);
    pli__snapshot *s = write_latest(f);
    assert_true(pli__field_meta_str(&pli__snapshot_schema(s)->fields[2], "delta.columnMapping.physicalName", &name));
    pli__buf_addf(&text, "{\"clusteringColumns\":[[\"%s\"],[\"a\",\"b\"]]}", name.ptr);
    const pli__domain d = {PLI_STR("delta.clustering"), pli__buf_str(&text), false};
    OK(pli__txn_begin(f->table, s, &options, &x, &err));
    OK(pli__txn_set_domain(x, &d, &err));
    OK(pli__txn_commit(x, &committed, &err));
    pli__snapshot_unref(s);
    const char *columns[] = {"id"};
    pli__optimize_options o = {.zorder = columns, .n_zorder = 1};
    pli__optimize_result r;
    assert_int_equal(pli__optimize(f->table, &o, &r, NULL), PLI_E_ARGUMENT);
    o.n_zorder = 0;
    OK(pli__optimize(f->table, &o, &r, &err));
    assert_int_equal(r.files_added, 1);
    expect_rows(f, ALL(2));
    /* rows lie in the order of v */
    PLI_AUTO(pli__scan_auto) pli__scan *scan = NULL;
    const pli__scan_options with_rows = {.with_file_columns = true};
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
    pli__engine *e;
    int64_t inversions = -1;
    s = write_latest(f);
    OK(pli__scan_new(s, &with_rows, &scan, &err));
    pli__buf_addf(&sql, "SELECT count(*) FROM (SELECT v < lag(v) OVER (ORDER BY _pli_row) AS i FROM (%s)) WHERE i",
                  pli__scan_sql(scan));
    OK(pli__env_engine(f->env, &e, &err));
    OK(pli__engine_query_i64(e, sql.ptr, &inversions, &err));
    pli__snapshot_unref(s);
    assert_int_equal(inversions, 0);
}

static bool says(pli__str text, const char *part) { return text.ptr && memmem(text.ptr, text.len, part, strlen(part)); }

static pli_status names_column(void *arg, const pli__add *a, pli_error *err) {
    bool *all = arg;
    (void)err;
    *all = *all && says(a->stats, "\"minValues\":{\"id\":") && says(a->stats, "\"s\":{\"y\":") &&
           !says(a->stats, "\"v\"") && !says(a->stats, "\"x\"");
    return PLI_OK;
}

/* Every active file tells of the first column, and of the one by which the table is clustered, but of no other. */
static void expect_clustered_stats(write_fixture *f) {
    bool all = true;
    pli__snapshot *s = write_latest(f);
    OK(pli__snapshot_files(s, PLI__FILES_STATS, names_column, &all, &err));
    pli__snapshot_unref(s);
    assert_true(all);
}

static void test_delta_write_maintain__columns_that_cluster_have_statistics_wherever_they_stand(void **state) {
    write_fixture *f = *state;
    const write_table how = {.properties = {"delta.dataSkippingNumIndexedCols", "1"}};
    const pli__domain d = {PLI_STR("delta.clustering"), PLI_STR("{\"clusteringColumns\":[[\"s\",\"y\"]]}"), false};
    PLI_AUTO(pli__txn_auto) pli__txn_handle *x = NULL;
    const pli__txn_options options = {.operation = "CLUSTER BY", .reads = PLI__READS_NOTHING};
    pli__commit_result committed;
    must_append(f, "SELECT 1::BIGINT AS id, 'a' AS v, {'x': 1, 'y': 2} AS s WHERE false", &how);
    pli__snapshot *s = write_latest(f);
    OK(pli__txn_begin(f->table, s, &options, &x, &err));
    OK(pli__txn_set_domain(x, &d, &err));
    OK(pli__txn_commit(x, &committed, &err));
    pli__snapshot_unref(s);
    const pli_write_options append = {.size = sizeof append},
                            part = {.size = sizeof part, .mode = PLI_WRITE_OVERWRITE, .where = "id >= 8"};
    pli__write_result w;
    OK(pli__write_query(f->table, "SELECT i AS id, 'v' AS v, {'x': 1, 'y': 2} AS s FROM range(10) t(i)", NULL, &append,
                        &w, &err));
    expect_clustered_stats(f);
    OK(pli__write_query(f->table, "SELECT 9 AS id, 'v' AS v, {'x': 1, 'y': 5} AS s", NULL, &part, &w, &err));
    expect_clustered_stats(f);
    const pli__assignment set = {"v", "'w'"};
    const pli__dml_options update = {.where = "id = 3", .set = &set, .n_set = 1};
    pli__dml_result r;
    OK(pli__dml_update(f->table, &update, &r, &err));
    expect_clustered_stats(f);
    const pli__optimize_options o = {0};
    pli__optimize_result optimized;
    OK(pli__optimize(f->table, &o, &optimized, &err));
    assert_int_equal(optimized.files_added, 1);
    expect_clustered_stats(f);
}

/* ---- vacuum ---- */

/* Make a file of the table n days old. */
static void age(write_fixture *f, const char *name, int days) {
    pli__file_info info;
    OK(pli__fs_stat(temp_path(f->dir, name), &info, &err));
    const time_t then = (time_t)(info.mtime_ns / 1000000000) - days * 86400;
    const struct utimbuf times = {then, then};
    assert_int_equal(utime(temp_path(f->dir, name), &times), 0);
}

static pli_status see_deleted(void *arg, const char *path, int64_t size, pli_error *err) {
    (void)size;
    (void)err;
    pli__buf_addz(arg, path);
    pli__buf_addc(arg, '\n');
    return PLI_OK;
}

static void test_delta_write_maintain__vacuum_takes_only_what_nothing_refers_to(void **state) {
    write_fixture *f = *state;
    const write_table how = {.properties = {"delta.enableDeletionVectors", "true"}};
    append_batches(f, 2, &how);
    temp_write(f->dir, "table/orphan.parquet", "x");
    temp_write(f->dir, "table/young.parquet", "x");
    temp_write(f->dir, "table/_private/file", "x");
    temp_write(f->dir, "table/.hidden", "x");
    temp_write(f->dir, "table/.pli-write-dead/file.parquet", "x");
    temp_write(f->dir, "table/p=1/orphan.parquet", "x");
    const char *old[] = {"table/orphan.parquet", "table/_private/file", "table/.hidden",
                         "table/.pli-write-dead/file.parquet", "table/p=1/orphan.parquet"};
    for (size_t i = 0; i < sizeof old / sizeof old[0]; i++) age(f, old[i], 30);
    pli__vacuum_options o = {.retention_us = -1, .dry_run = true};
    pli__vacuum_result r;
    PLI_AUTO(pli__buf_clear) pli__buf deleted = {0};
    OK(pli__vacuum(f->table, &o, see_deleted, &deleted, &r, &err));
    assert_int_equal(r.files_deleted, 3);
    assert_non_null(temp_read(f->dir, "table/orphan.parquet"));
    o.dry_run = false;
    OK(pli__vacuum(f->table, &o, NULL, NULL, &r, &err));
    assert_int_equal(r.files_deleted, 3);
    assert_null(temp_read(f->dir, "table/orphan.parquet"));
    assert_null(temp_read(f->dir, "table/p=1/orphan.parquet"));
    assert_null(temp_read(f->dir, "table/.pli-write-dead/file.parquet"));
    assert_non_null(temp_read(f->dir, "table/young.parquet"));
    assert_non_null(temp_read(f->dir, "table/_private/file"));
    assert_non_null(temp_read(f->dir, "table/.hidden"));
    expect_rows(f, ALL(2));
}

static void test_delta_write_maintain__vacuum_spares_tombstones_and_writers(void **state) {
    write_fixture *f = *state;
    append_batches(f, 3, NULL);
    const pli__optimize_options z = {0};
    pli__optimize_result optimized;
    OK(pli__optimize(f->table, &z, &optimized, &err));
    pli__vacuum_options o = {.retention_us = 0};
    pli__vacuum_result r;
    assert_int_equal(pli__vacuum(f->table, &o, NULL, NULL, &r, NULL), PLI_E_ARGUMENT); /* too short, and not allowed */
    o.allow_short = true;
    char *mark = NULL;
    OK(pli__active_begin(f->table, &mark, &err));
    temp_write(f->dir, "table/being-written.parquet", "x");
    OK(pli__vacuum(f->table, &o, NULL, NULL, &r, &err));
    assert_non_null(temp_read(f->dir, "table/being-written.parquet"));
    pli__active_end(&mark);
    pli__vacuum_options safe = {.retention_us = -1};
    OK(pli__vacuum(f->table, &safe, NULL, NULL, &r, &err));
    assert_int_equal(r.files_deleted, 0);
    expect_rows(f, ALL(3));
}

/* ---- restore ---- */

static void test_delta_write_maintain__an_older_version_comes_back(void **state) {
    write_fixture *f = *state;
    const write_table how = {.properties = {"delta.enableDeletionVectors", "true"}}, grow = {.merge_schema = true};
    append_batches(f, 2, &how);
    const pli__dml_options d = {.where = "id % 2 = 0"};
    pli__dml_result deleted;
    OK(pli__dml_delete(f->table, &d, &deleted, &err));
    must_append(f, "SELECT 1::BIGINT AS id, 'neu' AS added", &grow);
    pli__restore_result r;
    OK(pli__restore(f->table, 2, false, &r, &err));
    assert_int_equal(r.version, 4);
    expect_rows(f, "SELECT * FROM (" ALL(2) ") WHERE id % 2 <> 0");
    OK(pli__restore(f->table, 1, false, &r, &err));
    expect_rows(f, ALL(2));
    OK(pli__restore(f->table, 5, false, &r, &err)); /* the newest: nothing to do */
    assert_false(r.committed);
    assert_int_equal(pli__restore(f->table, 99, false, &r, NULL), PLI_E_NOT_FOUND);
}

/* ---- properties and constraints ---- */

static void test_delta_write_maintain__properties_raise_the_protocol(void **state) {
    write_fixture *f = *state;
    int64_t version = -1;
    append_batches(f, 1, NULL);
    const pli__kv set[] = {{PLI_STR("delta.enableDeletionVectors"), PLI_STR("true")},
                           {PLI_STR("my.key"), PLI_STR("x")}};
    OK(pli__set_properties(f->table, set, 2, &version, &err));
    assert_int_equal(version, 1);
    pli__snapshot *s = write_latest(f);
    assert_true(pli__snapshot_has_feature(s, "deletionVectors"));
    assert_true(pli__str_eqz(pli__snapshot_property(s, "my.key"), "x"));
    pli__snapshot_unref(s);
    const pli__kv unset = {PLI_STR("my.key"), {0}};
    OK(pli__set_properties(f->table, &unset, 1, &version, &err));
    s = write_latest(f);
    assert_null(pli__snapshot_property(s, "my.key").ptr);
    pli__snapshot_unref(s);
    const pli__kv unknown = {PLI_STR("delta.feature.magic"), PLI_STR("supported")};
    assert_int_equal(pli__set_properties(f->table, &unknown, 1, &version, NULL), PLI_E_UNSUPPORTED);
}

static void test_delta_write_maintain__constraints_hold_for_old_and_new_rows(void **state) {
    write_fixture *f = *state;
    int64_t version;
    pli_error refused = {0};
    append_batches(f, 1, NULL);
    assert_int_equal(pli__add_constraint(f->table, "small", "id < 50", &version, &refused), PLI_E_CONSTRAINT);
    assert_non_null(strstr(refused.message, "50 rows"));
    OK(pli__add_constraint(f->table, "small", "`id` < 500", &version, &err));
    assert_int_equal(pli__add_constraint(f->table, "small", "id < 9", &version, NULL), PLI_E_EXISTS);
    assert_int_equal(write_append(f, "SELECT 700::BIGINT AS id", NULL, NULL), PLI_E_CONSTRAINT);
    OK(pli__drop_constraint(f->table, "small", &version, &err));
    assert_int_equal(pli__drop_constraint(f->table, "small", &version, NULL), PLI_E_NOT_FOUND);
    must_append(f, "SELECT 700::BIGINT AS id", NULL);
}

#define TEST(name)                                                                                                     \
    cmocka_unit_test_setup_teardown(test_delta_write_maintain__##name, write_fixture_setup, write_fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(small_files_are_put_together),
        TEST(partitions_can_be_chosen),
        TEST(deleted_rows_are_purged),
        TEST(files_of_a_clustered_table_get_its_order),
        TEST(columns_that_cluster_have_statistics_wherever_they_stand),
        TEST(z_order_keeps_neighbours_together),
        TEST(columns_of_any_type_give_a_z_order),
        TEST(vacuum_takes_only_what_nothing_refers_to),
        TEST(vacuum_spares_tombstones_and_writers),
        TEST(an_older_version_comes_back),
        TEST(properties_raise_the_protocol),
        TEST(constraints_hold_for_old_and_new_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
