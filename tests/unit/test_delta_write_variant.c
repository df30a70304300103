/* Variants: written as their two binary parts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "delta/dml.h"
#include "delta/maintain.h"
#include "delta/merge.h"
#include "delta/write.h"
#include "support/delta_write.h"

#define OK(expr)                                                                                                       \
    do {                                                                                                               \
        pli_error err = {0};                                                                                           \
        const pli_status ok_ = (expr);                                                                                 \
        if (ok_ != PLI_OK) fail_msg("%s: %s: %s", #expr, pli_status_name(ok_), err.message);                           \
    } while (0)

#define PARTS(v) "CAST(variant_to_parquet_variant(" v ") AS STRUCT(metadata BLOB, \"value\" BLOB))"

static pli_status append(write_fixture *f, const char *sql, pli_error *err) {
    const pli_write_options o = {.size = sizeof o, .merge_schema = true};
    pli__write_result r;
    return pli__write_query(f->table, sql, NULL, &o, &r, err);
}

static pli_status keep_stats(void *arg, const pli__add *a, pli_error *err) {
    (void)err;
    pli__buf_adds(arg, a->stats);
    pli__buf_addc(arg, '\n');
    return PLI_OK;
}

static void test_delta_write_variant__values_of_any_type_become_variants(void **state) {
    write_fixture *f = *state;
    PLI_AUTO(pli__buf_clear) pli__buf stats = {0};
    for (int mapped = 0; mapped < 2; mapped++) {
        const write_table how = {.properties = {"delta.columnMapping.mode", mapped ? "name" : "none"}};
        write_fixture_open(f, mapped ? "mapped" : "plain");
        must_append(f, "SELECT 0 AS id", &how);
        int64_t version;
        OK(pli__add_column(f->table, "v", "VARIANT", &version, &err));
        OK(append(f, "SELECT 1 AS id, {'a': 1, 'b': 'x'}::VARIANT AS v UNION ALL SELECT 2, NULL", &err));
        OK(append(f, "SELECT 3 AS id, '{\"c\": [1, null]}'::JSON AS v", &err));
        OK(append(f, "SELECT 4 AS id, 'text' AS v", &err));
        OK(append(f, "SELECT 5 AS id, " PARTS("7::VARIANT") " AS v", &err));
        const pli__optimize_options o = {0};
        pli__optimize_result r;
        OK(pli__optimize(f->table, &o, &r, &err));
        expect_rows(
            f,
            "SELECT 0 AS id, NULL::STRUCT(metadata BLOB, \"value\" BLOB) AS v UNION ALL "
            "SELECT 1, " PARTS(
                "{'a': 1, 'b': 'x'}::VARIANT") " UNION ALL SELECT 2, NULL UNION ALL "
                                               "SELECT 3, " PARTS(
                                                   "('{\"c\": [1, null]}'::JSON)::VARIANT") " UNION ALL "
                                                                                            "SELECT 4, " PARTS("'text'::VARIANT") " UNION ALL SELECT 5, " PARTS(
                                                                                                "7::VARIANT"));
        pli__snapshot *s = write_latest(f);
        assert_true(pli__snapshot_has_feature(s, "variantType"));
        OK(pli__snapshot_files(s, PLI__FILES_STATS, keep_stats, &stats, &err));
        pli__snapshot_unref(s);
    }
    assert_non_null(strstr(stats.ptr, "\"nullCount\":{\"id\":0,\"v\":2}"));
}

static void test_delta_write_variant__an_update_sets_variants(void **state) {
    write_fixture *f = *state;
    const pli__assignment set[] = {{"id", "id + 1"}, {"v", "{'was': id}"}};
    const pli__dml_options one = {.where = "id < 3", .set = set, .n_set = 2};
    const pli__assignment none = {"v", "NULL"};
    const pli__dml_options last = {.where = "id = 3", .set = &none, .n_set = 1};
    pli__dml_result r;
    OK(append(f, "SELECT i AS id, (i::VARCHAR)::VARIANT AS v FROM range(4) t(i)", &err));
    OK(pli__dml_update(f->table, &one, &r, &err));
    OK(pli__dml_update(f->table, &last, &r, &err));
    expect_rows(f, "SELECT i + 1 AS id, CASE WHEN i < 2 THEN " PARTS(
                       "{'was': i}::VARIANT") " END AS v FROM range(3) t(i) UNION ALL SELECT 3, NULL");
}

/* Structs, lists and maps of variants, and variants inside of each other's neighbours. */
#define NESTED                                                                                                            \
    "SELECT 1 AS id, {'n': 5, 'v': 7::VARIANT} AS s, [{'a': 1}::VARIANT, NULL] AS l, MAP {'k': [1, 2]::VARIANT} AS m, "   \
    "[{'x': 'y'::VARIANT}] AS ls UNION ALL SELECT 2, NULL, NULL, NULL, NULL UNION ALL SELECT 3, {'n': NULL, 'v': NULL}, " \
    "[], MAP {}, [NULL]"
#define NESTED_ROWS                                                                                                               \
    "SELECT 1 AS id, {'n': 5, 'v': " PARTS("7::VARIANT") "} AS s, [" PARTS("{'a': 1}::VARIANT") ", NULL] AS l, MAP {'k': " PARTS( \
        "[1, 2]::VARIANT") "} AS m, [{'x': " PARTS("'y'::VARIANT") "}] AS ls UNION ALL SELECT 2, NULL, NULL, NULL, NULL "         \
                                                                   "UNION ALL SELECT 3, {'n': NULL, 'v': NULL}, [], MAP {}, [NULL]"

static void test_delta_write_variant__variants_may_lie_inside_of_other_types(void **state) {
    write_fixture *f = *state;
    static const char *const modes[] = {"none", "name", "id"};
    for (size_t k = 0; k < 3; k++) {
        const write_table how = {.properties = {"delta.columnMapping.mode", modes[k]}};
        write_fixture_open(f, modes[k]);
        must_append(f, "SELECT 1 AS id WHERE false", &how);
        OK(append(f, NESTED, &err));
        expect_rows(f, NESTED_ROWS);
        /* what has become binary parts may come again, and other types of the same shape */
        OK(append(f, NESTED_ROWS, &err));
        OK(append(f, "SELECT 4 AS id, {'n': 1, 'v': 'text'} AS s, [1, 2] AS l", &err));
        expect_rows(f, NESTED_ROWS " UNION ALL " NESTED_ROWS " UNION ALL SELECT 4, {'n': 1, 'v': " PARTS(
                           "'text'::VARIANT") "}, [" PARTS("1::VARIANT") ", " PARTS("2::VARIANT") "], NULL, NULL");
    }
}

static void test_delta_write_variant__a_merge_writes_variants(void **state) {
    write_fixture *f = *state;
    static const char *const feed[] = {"false", "true"};
    const pli_merge_clause clauses[] = {{.sql = "MATCHED AND source.id = 2 THEN UPDATE SET v = [source.w]"},
                                        {.sql = "MATCHED AND source.id = 3 THEN UPDATE SET s = NULL, v = NULL"},
                                        {.sql = "MATCHED THEN UPDATE SET s = source.s"},
                                        {.sql = "NOT MATCHED AND source.id = 5 THEN INSERT (id) VALUES (5)"},
                                        {.sql = "NOT MATCHED THEN INSERT *"}};
    const pli__merge_options o = {.on = "target.id = source.id",
                                  .clauses = clauses,
                                  .n_clauses = sizeof clauses / sizeof *clauses,
                                  .keep_missing = true};
    for (size_t k = 0; k < 2; k++) {
        const write_table how = {
            .properties = {"delta.enableChangeDataFeed", feed[k], "delta.enableRowTracking", feed[k]}};
        pli__merge_result r;
        write_fixture_open(f, feed[k]);
        must_append(f, "SELECT 1::BIGINT AS id WHERE false", &how);
        OK(append(f, "SELECT i AS id, i::VARIANT AS v, {'v': i::VARIANT} AS s FROM range(1, 5) t(i)", &err));
        OK(pli__merge_run(f->table,
                          "SELECT i AS id, 'w' || i AS w, {'v': 'new'::VARIANT} AS s, {'a': i}::VARIANT AS v FROM "
                          "range(2, 7) t(i)",
                          &o, &r, &err));
        expect_rows(
            f,
            "SELECT 1::BIGINT AS id, " PARTS("1::BIGINT::VARIANT") " AS v, {'v': " PARTS("1::BIGINT::VARIANT") "} AS s UNION ALL SELECT 2, " PARTS("['w2']::VARIANT") ", {'v': " PARTS("2::BIGINT::VARIANT") "} UNION ALL SELECT 3, NULL, NULL UNION ALL SELECT 4, " PARTS(
                "4::BIGINT::VARIANT") ", {'v': " PARTS("'new'::VARIANT") "} UNION ALL SELECT 5, NULL, NULL "
                                                                         "UNION ALL SELECT 6, " PARTS("{'a': 6::BIGINT}::VARIANT") ", {'v': " PARTS(
                                                                             "'new'::VARIANT") "}");
    }
}

#define TEST(name)                                                                                                     \
    cmocka_unit_test_setup_teardown(test_delta_write_variant__##name, write_fixture_setup, write_fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(values_of_any_type_become_variants),
        TEST(an_update_sets_variants),
        TEST(variants_may_lie_inside_of_other_types),
        TEST(a_merge_writes_variants),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
