/* Parquet folders that become tables, and clones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "delta/clone.h"
#include "delta/convert.h"
#include "delta/dml.h"
#include "delta/maintain.h"
#include "support/delta_write.h"
#include "support/temp_dir.h"

#define OK(expr)                                                                                                       \
    do {                                                                                                               \
        pli_error err = {0};                                                                                           \
        const pli_status ok_ = (expr);                                                                                 \
        if (ok_ != PLI_OK) fail_msg("%s: %s: %s", #expr, pli_status_name(ok_), err.message);                           \
    } while (0)

/* Write rows of a query as a Parquet file below the fixture's folder "table". */
static void put_parquet(write_fixture *f, const char *name, const char *sql) {
    PLI_AUTO(pli__buf_clear) pli__buf copy = {0};
    char path[400], folder[400];
    pli__engine *e;
    snprintf(path, sizeof path, "%s/%s", pli__delta_root(f->table), name);
    snprintf(folder, sizeof folder, "%s", path);
    *strrchr(folder, '/') = '\0';
    OK(pli__fs_mkdirs(folder, &err));
    pli__buf_addf(&copy, "COPY (%s) TO ", sql);
    pli__buf_add_sql_str(&copy, pli__str_of(path));
    pli__buf_addz(&copy, " (FORMAT parquet)");
    OK(pli__env_engine(f->env, &e, &err));
    OK(pli__engine_exec(e, copy.ptr, NULL, &err));
}

static pli_status convert(write_fixture *f, const char *partition_by, pli__convert_result *r, pli_error *err) {
    const pli__convert_options o = {.partition_by = partition_by};
    return pli__convert(f->table, &o, r, err);
}

static pli_status keep_stats(void *arg, const pli__add *a, pli_error *err) {
    (void)err;
    pli__buf_adds(arg, a->stats);
    pli__buf_addc(arg, '\n');
    return PLI_OK;
}

static void test_delta_write_convert__a_plain_folder_becomes_a_table(void **state) {
    write_fixture *f = *state;
    pli__convert_result r;
    PLI_AUTO(pli__buf_clear) pli__buf stats = {0};
    put_parquet(f, "a.parquet", "SELECT i AS id, 'v' || i AS v, {'x': i} AS s FROM range(5) t(i)");
    put_parquet(f, "sub/b c%.parquet", "SELECT 'w' AS v, 7::BIGINT AS id");
    put_parquet(f, "_tmp/c.parquet", "SELECT 1 AS other");
    put_parquet(f, "notes.txt", "SELECT 1 AS other");
    OK(convert(f, NULL, &r, &err));
    assert_int_equal(r.version, 0);
    assert_int_equal(r.files, 2);
    assert_int_equal(r.rows, 6);
    assert_int_equal(r.files_ignored, 1);
    expect_rows(f, "SELECT i AS id, 'v' || i AS v, {'x': i} AS s FROM range(5) t(i) UNION ALL SELECT 7, 'w', NULL");
    pli__snapshot *s = write_latest(f);
    OK(pli__snapshot_files(s, PLI__FILES_STATS, keep_stats, &stats, &err));
    pli__snapshot_unref(s);
    assert_non_null(strstr(stats.ptr, "{\"numRecords\":5,\"minValues\":{\"id\":0,\"v\":\"v0\",\"s\":{\"x\":0}},"
                                      "\"maxValues\":{\"id\":4,\"v\":\"v4\",\"s\":{\"x\":4}},"
                                      "\"nullCount\":{\"id\":0,\"v\":0,\"s\":{\"x\":0}}}"));
    assert_int_equal(convert(f, NULL, &r, NULL), PLI_E_EXISTS);
    must_append(f, "SELECT 100::BIGINT AS id, 'z' AS v", NULL);
    const pli__dml_options d = {.where = "id < 5"};
    pli__dml_result deleted;
    OK(pli__dml_delete(f->table, &d, &deleted, &err));
    expect_rows(f, "SELECT 7::BIGINT AS id, 'w' AS v, NULL::STRUCT(x BIGINT) AS s UNION ALL SELECT 100, 'z', NULL");
}

static void test_delta_write_convert__folders_give_the_values_of_partition_columns(void **state) {
    write_fixture *f = *state;
    pli__convert_result r;
    put_parquet(f, "day=2024-01-01/ts=2024-01-01 10%3A00%3A00/a.parquet", "SELECT 1 AS id, 99 AS day");
    put_parquet(f, "day=__HIVE_DEFAULT_PARTITION__/ts=2024-01-02 00%3A00%3A00.5/b.parquet",
                "SELECT 2 AS id, 98 AS day");
    OK(convert(f, "day DATE, ts TIMESTAMP", &r, &err));
    expect_rows(f, "SELECT 1 AS id, '2024-01-01'::DATE AS day, '2024-01-01 10:00:00'::TIMESTAMP AS ts "
                   "UNION ALL SELECT 2, NULL, '2024-01-02 00:00:00.5'::TIMESTAMP");
    must_append(f, "SELECT 3 AS id, '2024-01-01'::DATE AS day, NULL::TIMESTAMP AS ts", NULL);
    assert_int_equal(count_files(f), 3);
}

static void test_delta_write_convert__what_does_not_fit_is_refused_by_name(void **state) {
    write_fixture *f = *state;
    static const struct {
        const char *name, *file, *sql, *partition_by, *said;
        pli_status status;
    } cases[] = {
        {"empty", NULL, NULL, NULL, "no Parquet files", PLI_E_NOT_FOUND},
        {"undeclared", "p=1/a.parquet", "SELECT 1 AS id", NULL, "'p'", PLI_E_SCHEMA},
        {"missing", "a.parquet", "SELECT 1 AS id", "p INT", "'p'", PLI_E_SCHEMA},
        {"order", "b=1/a=2/a.parquet", "SELECT 1 AS id", "a INT, b INT", "'b'", PLI_E_SCHEMA},
        {"value", "p=x/a.parquet", "SELECT 1 AS id", "p INT", "'x'", PLI_E_CORRUPT},
        {"unsigned", "a.parquet", "SELECT 1::UINTEGER AS u", NULL, "'u' is UINTEGER", PLI_E_SCHEMA},
        {"types", "b.parquet", "SELECT 1::INTEGER AS k", NULL, "'k' is INTEGER, but 'k' is BIGINT", PLI_E_SCHEMA},
        {"alone", "p=1/a.parquet", "SELECT 1 AS p", "p INT", "partition columns alone", PLI_E_SCHEMA},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        pli_error refused = {0};
        pli__convert_result r;
        bool exists = true;
        write_fixture_open(f, cases[i].name);
        OK(pli__fs_mkdirs(pli__delta_root(f->table), &err));
        if (strcmp(cases[i].name, "types") == 0) put_parquet(f, "a.parquet", "SELECT 1::BIGINT AS k");
        if (cases[i].file) put_parquet(f, cases[i].file, cases[i].sql);
        assert_int_equal(convert(f, cases[i].partition_by, &r, &refused), cases[i].status);
        if (!strstr(refused.message, cases[i].said)) fail_msg("%s: %s", cases[i].name, refused.message);
        OK(pli__delta_exists(f->table, &exists, &err));
        assert_false(exists);
    }
}

static void test_delta_write_convert__a_clone_shares_files_and_goes_its_own_way(void **state) {
    write_fixture *f = *state;
    const write_table how = {.partition_by = {"p"}, .properties = {"delta.enableDeletionVectors", "true"}};
    PLI_AUTO(pli__delta_auto) pli__delta *clone = NULL;
    pli__clone_result r;
    must_append(f, "SELECT i AS id, 'a b%' || i % 2 AS p FROM range(100) t(i)", &how);
    const pli__dml_options d = {.where = "id < 10"};
    pli__dml_result deleted;
    OK(pli__dml_delete(f->table, &d, &deleted, &err));
    must_append(f, "SELECT 1000::BIGINT AS id, 'x' AS p", NULL);
    OK(pli__delta_open(f->env, temp_path(f->dir, "clone"), &clone, &err));
    OK(pli__clone(f->table, 1, clone, false, &r, &err));
    assert_int_equal(r.source_version, 1);
    assert_int_equal(r.files, 2);
    assert_int_equal(pli__clone(f->table, 1, clone, false, &r, NULL), PLI_E_EXISTS);

    pli__delta *source = f->table;
    f->table = clone;
    expect_rows(f, "SELECT i AS id, 'a b%' || i % 2 AS p FROM range(10, 100) t(i)");
    const pli__dml_options more = {.where = "id < 20"};
    OK(pli__dml_delete(f->table, &more, &deleted, &err));
    assert_int_equal(deleted.vectors_added, 2);
    const pli__optimize_options o = {0};
    pli__optimize_result optimized;
    OK(pli__optimize(f->table, &o, &optimized, &err));
    const pli__vacuum_options v = {.retention_us = 0, .allow_short = true};
    pli__vacuum_result vacuumed;
    OK(pli__vacuum(f->table, &v, NULL, NULL, &vacuumed, &err));
    expect_rows(f, "SELECT i AS id, 'a b%' || i % 2 AS p FROM range(20, 100) t(i)");
    f->table = source;
    expect_rows(f, "SELECT i AS id, 'a b%' || i % 2 AS p FROM range(10, 100) t(i) UNION ALL SELECT 1000, 'x'");
}

static void test_delta_write_convert__a_clone_lies_neither_in_its_source_nor_around_it(void **state) {
    write_fixture *f = *state;
    PLI_AUTO(pli__delta_auto) pli__delta *inside = NULL, *around = NULL;
    pli__clone_result r;
    char path[400];
    must_append(f, "SELECT 1 AS id", NULL);
    snprintf(path, sizeof path, "%s/inner", pli__delta_root(f->table));
    OK(pli__delta_open(f->env, path, &inside, &err));
    OK(pli__delta_open(f->env, temp_path(f->dir, ""), &around, &err));
    assert_int_equal(pli__clone(f->table, PLI__LATEST, inside, false, &r, NULL), PLI_E_ARGUMENT);
    assert_int_equal(pli__clone(f->table, PLI__LATEST, around, false, &r, NULL), PLI_E_ARGUMENT);
}

static void test_delta_write_convert__row_ids_of_a_clone_go_on_where_the_source_was(void **state) {
    write_fixture *f = *state;
    const write_table how = {.properties = {"delta.enableRowTracking", "true"}};
    PLI_AUTO(pli__delta_auto) pli__delta *clone = NULL;
    pli__clone_result r;
    must_append(f, "SELECT i AS id FROM range(100) t(i)", &how);
    OK(pli__delta_open(f->env, temp_path(f->dir, "clone"), &clone, &err));
    OK(pli__clone(f->table, PLI__LATEST, clone, false, &r, &err));
    pli__delta *source = f->table;
    f->table = clone;
    must_append(f, "SELECT 5::BIGINT AS id", NULL);
    pli__snapshot *s = write_latest(f);
    bool found = false;
    for (size_t i = 0; i < pli__snapshot_n_domains(s); i++) {
        const pli__domain d = pli__snapshot_domain_at(s, i);
        if (pli__str_eqz(d.domain, "delta.rowTracking"))
            found = pli__str_eqz(d.configuration, "{\"rowIdHighWaterMark\":100}");
    }
    pli__snapshot_unref(s);
    assert_true(found);
    f->table = source;
}

#define TEST(name)                                                                                                     \
    cmocka_unit_test_setup_teardown(test_delta_write_convert__##name, write_fixture_setup, write_fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_plain_folder_becomes_a_table),
        TEST(folders_give_the_values_of_partition_columns),
        TEST(what_does_not_fit_is_refused_by_name),
        TEST(a_clone_shares_files_and_goes_its_own_way),
        TEST(a_clone_lies_neither_in_its_source_nor_around_it),
        TEST(row_ids_of_a_clone_go_on_where_the_source_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
