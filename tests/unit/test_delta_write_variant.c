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
    const pli_write_options o = {.size = sizeof o};
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

static void test_delta_write_variant__what_cannot_be_written_is_refused_by_name(void **state) {
    write_fixture *f = *state;
    const pli__assignment set = {"v", "3"};
    const pli__dml_options u = {.set = &set, .n_set = 1};
    pli__dml_result r;
    pli_error err = {0};
    assert_int_equal(append(f, "SELECT 1 AS id, 7::VARIANT AS v", NULL), PLI_OK);
    assert_int_equal(pli__dml_update(f->table, &u, &r, &err), PLI_E_UNSUPPORTED);
    assert_non_null(strstr(err.message, "'v'"));
    const pli__assignment other = {"id", "2"};
    const pli__dml_options fine = {.set = &other, .n_set = 1};
    if (pli__dml_update(f->table, &fine, &r, &err) != PLI_OK) fail_msg("%s", err.message);
    expect_rows(f, "SELECT 2 AS id, " PARTS("7::VARIANT") " AS v");
    write_fixture_open(f, "nested");
    assert_int_equal(append(f, "SELECT 1 AS id, [7::VARIANT] AS l", &err), PLI_E_UNSUPPORTED);
    assert_non_null(strstr(err.message, "'l'"));
}

#define TEST(name)                                                                                                     \
    cmocka_unit_test_setup_teardown(test_delta_write_variant__##name, write_fixture_setup, write_fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(values_of_any_type_become_variants),
        TEST(what_cannot_be_written_is_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
