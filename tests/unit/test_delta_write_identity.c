/* Identity columns: values that the table makes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "delta/dml.h"
#include "delta/identity.h"
#include "delta/maintain.h"
#include "delta/merge.h"
#include "delta/write.h"
#include "support/delta_write.h"
#include "support/temp_dir.h"

#define OK(expr)                                                                                                       \
    do {                                                                                                               \
        pli_error err = {0};                                                                                           \
        const pli_status ok_ = (expr);                                                                                 \
        if (ok_ != PLI_OK) fail_msg("%s: %s: %s", #expr, pli_status_name(ok_), err.message);                           \
    } while (0)

/* A table (k identity, v long). @param mark as JSON member, or "" */
static void create(write_fixture *f, const char *start, const char *step, const char *explicit_too) {
    PLI_AUTO(pli__type_auto) const pli__type *schema = NULL;
    char text[800];
    const pli_write_options o = {.size = sizeof o, .mode = PLI_WRITE_ERROR_IF_EXISTS};
    pli__write_result r;
    snprintf(text, sizeof text,
             "{\"type\":\"struct\",\"fields\":[{\"name\":\"k\",\"type\":\"long\",\"nullable\":true,\"metadata\":{"
             "\"delta.identity.start\":%s,\"delta.identity.step\":%s,\"delta.identity.allowExplicitInsert\":%s}},"
             "{\"name\":\"v\",\"type\":\"long\",\"nullable\":true,\"metadata\":{}}]}",
             start, step, explicit_too);
    OK(pli__type_from_delta(pli__str_of(text), &schema, &err));
    OK(pli__write_query(f->table, NULL, schema, &o, &r, &err));
}

static pli_status append(pli__delta *t, const char *sql, pli_error *err) {
    const pli_write_options o = {.size = sizeof o};
    pli__write_result r;
    return pli__write_query(t, sql, NULL, &o, &r, err);
}

static void test_delta_write_identity__rows_get_values_that_go_on(void **state) {
    write_fixture *f = *state;
    create(f, "10", "3", "false");
    pli__snapshot *s = write_latest(f);
    assert_int_equal(pli__snapshot_protocol(s)->min_writer, 6);
    pli__snapshot_unref(s);
    OK(append(f->table, "SELECT i AS v FROM range(5) t(i)", &err));
    OK(append(f->table, "SELECT i AS v FROM range(5, 5) t(i)", &err));
    OK(append(f->table, "SELECT i AS v FROM range(5, 8) t(i)", &err));
    expect_rows(f, "SELECT 10 + 3 * i AS k, i AS v FROM range(8) t(i)");
    pli_error refused = {0};
    assert_int_equal(append(f->table, "SELECT 1::BIGINT AS k, 2::BIGINT AS v", &refused), PLI_E_CONSTRAINT);
    assert_non_null(strstr(refused.message, "'k'"));
    const pli__dml_options d = {.where = "v = 0", .copy_on_write = true};
    pli__dml_result deleted;
    OK(pli__dml_delete(f->table, &d, &deleted, &err)); /* rows that move keep their values */
    const pli__optimize_options o = {0};
    pli__optimize_result optimized;
    OK(pli__optimize(f->table, &o, &optimized, &err));
    expect_rows(f, "SELECT 10 + 3 * i AS k, i AS v FROM range(1, 8) t(i)");
}

static void test_delta_write_identity__values_may_go_down_and_come_to_an_end(void **state) {
    write_fixture *f = *state;
    create(f, "-9223372036854775805", "-1", "true");
    OK(append(f->table, "SELECT i AS v FROM range(3) t(i)", &err));
    expect_rows(f, "SELECT -9223372036854775805 - i AS k, i AS v FROM range(3) t(i)");
    OK(append(f->table, "SELECT 7::BIGINT AS k, 9::BIGINT AS v", &err)); /* brings its own */
    assert_true(append(f->table, "SELECT 1::BIGINT AS v UNION ALL SELECT 2", NULL) != PLI_OK);
    OK(append(f->table, "SELECT 1::BIGINT AS v", &err));
    assert_int_equal(append(f->table, "SELECT 1::BIGINT AS v", NULL), PLI_E_LIMIT);
}

static void test_delta_write_identity__the_next_value_lies_behind_any_mark(void **state) {
    (void)state;
    static const struct {
        const char *metadata, *sql;
    } cases[] = {
        {"{\"delta.identity.start\":1,\"delta.identity.step\":5}", "(1::HUGEINT"},
        {"{\"delta.identity.start\":1,\"delta.identity.step\":5,\"delta.identity.highWaterMark\":1}", "(6::HUGEINT"},
        {"{\"delta.identity.start\":1,\"delta.identity.step\":5,\"delta.identity.highWaterMark\":8}", "(11::HUGEINT"},
        {"{\"delta.identity.start\":1,\"delta.identity.step\":5,\"delta.identity.highWaterMark\":-3}", "(1::HUGEINT"},
        {"{\"delta.identity.start\":-1,\"delta.identity.step\":-2,\"delta.identity.highWaterMark\":-4}",
         "(-5::HUGEINT"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        PLI_AUTO(pli__type_auto) const pli__type *t = pli__type_new(PLI__TYPE_I64);
        PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
        char name[] = "k", metadata[200];
        snprintf(metadata, sizeof metadata, "%s", cases[i].metadata);
        const pli__field f = {name, t, true, metadata};
        OK(pli__identity_sql(&f, NULL, &sql, &err));
        assert_int_equal(strncmp(sql.ptr, cases[i].sql, strlen(cases[i].sql)), 0);
    }
}

static void test_delta_write_identity__two_writers_never_give_a_value_twice(void **state) {
    write_fixture *f = *state;
    PLI_AUTO(pli__delta_auto) pli__delta *other = NULL;
    PLI_AUTO(pli__txn_auto) pli__txn_handle *x = NULL;
    const pli__txn_options options = {.operation = "WRITE", .reads = PLI__READS_NOTHING, .no_file_check = true};
    pli__commit_result r;
    create(f, "0", "1", "false");
    /* a transaction that has its values already, and a commit that comes before it */
    pli__snapshot *s = write_latest(f);
    pli__arena arena = {0};
    pli__metadata m;
    bool changed;
    PLI_AUTO(pli__type_auto) const pli__type *input = NULL;
    OK(pli__type_from_sql(PLI_STR("STRUCT(v BIGINT)"), &input, &err));
    OK(pli__identity_advance(pli__snapshot_metadata(s), input, 5, &arena, &m, &changed, &err));
    assert_true(changed);
    OK(pli__txn_begin(f->table, s, &options, &x, &err));
    OK(pli__txn_set_metadata(x, &m, &err));
    OK(append(f->table, "SELECT i AS v FROM range(3) t(i)", &err));
    assert_int_equal(pli__txn_commit(x, &r, NULL), PLI_E_CONFLICT);
    pli__snapshot_unref(s);
    pli__arena_clear(&arena);
    OK(append(f->table, "SELECT i AS v FROM range(3, 5) t(i)", &err));
    expect_rows(f, "SELECT i AS k, i AS v FROM range(5) t(i)");
}

/* ---- merge ---- */

#define MERGE(...)                                                                                                     \
    (pli__merge_options) {                                                                                             \
        .on = "target.v = source.v", .clauses = (const pli_merge_clause[]){__VA_ARGS__},                               \
        .n_clauses = sizeof((const pli_merge_clause[]){__VA_ARGS__}) / sizeof(pli_merge_clause)                        \
    }

static int64_t mark_of(write_fixture *f) {
    pli__snapshot *s = write_latest(f);
    int64_t mark = -1;
    (void)pli__field_meta_i64(&pli__snapshot_schema(s)->fields[0], "delta.identity.highWaterMark", &mark);
    pli__snapshot_unref(s);
    return mark;
}

static void merge(write_fixture *f, const char *source, const pli__merge_options *o) {
    pli__merge_result r;
    OK(pli__merge_run(f->table, source, o, &r, &err));
}

static void test_delta_write_identity__merged_rows_get_values_that_go_on(void **state) {
    write_fixture *f = *state;
    create(f, "10", "3", "false");
    OK(append(f->table, "SELECT i AS v FROM range(2) t(i)", &err));
    merge(f, "SELECT i AS v FROM range(6) t(i)",
          &MERGE({.sql = "MATCHED AND source.v = 0 THEN DELETE"}, {.sql = "MATCHED THEN UPDATE SET v = source.v + 100"},
                 {.sql = "NOT MATCHED AND source.v % 2 = 0 THEN INSERT (v) VALUES (source.v)"},
                 {.sql = "NOT MATCHED THEN INSERT *"}));
    /* which row of a clause gets which value is nobody's promise; clauses come one after the other */
    expect_rows(f, "SELECT 13::BIGINT AS k, 101::BIGINT AS v UNION ALL SELECT 16, 2 UNION ALL SELECT 19, 4 UNION ALL "
                   "SELECT 22, 3 UNION ALL SELECT 25, 5");
    assert_int_equal(mark_of(f), 25);
    merge(f, "SELECT 4 AS v", &MERGE({.sql = "MATCHED THEN DELETE"}, {.sql = "NOT MATCHED THEN INSERT *"}));
    assert_int_equal(mark_of(f), 25); /* no new row, no new mark */
}

static void test_delta_write_identity__a_merge_writes_no_values_that_the_table_makes(void **state) {
    write_fixture *f = *state;
    static const char *const refused[] = {"MATCHED THEN UPDATE SET k = 1", "MATCHED THEN UPDATE SET *",
                                          "NOT MATCHED THEN INSERT *", "NOT MATCHED THEN INSERT (k, v) VALUES (1, 2)"};
    for (int explicit_too = 0; explicit_too < 2; explicit_too++) {
        write_fixture_open(f, explicit_too ? "by_default" : "always");
        create(f, "0", "1", explicit_too ? "true" : "false");
        OK(append(f->table, "SELECT i AS v FROM range(3) t(i)", &err));
        for (size_t i = 0; i < (explicit_too ? 2 : 4); i++) {
            pli_error err = {0};
            pli__merge_result r;
            assert_int_equal(pli__merge_run(f->table, "SELECT 50 AS k, 1 AS v", &MERGE({.sql = refused[i]}), &r, &err),
                             PLI_E_CONSTRAINT);
            assert_non_null(strstr(err.message, "'k'"));
        }
    }
    merge(f, "SELECT 50 AS k, 9 AS v", &MERGE({.sql = "NOT MATCHED THEN INSERT *"}));
    assert_int_equal(mark_of(f), 2); /* values that rows bring leave the mark alone, as in Spark */
    static const char *const keys[] = {"k"};
    pli__merge_options by_key = MERGE({.sql = "MATCHED THEN UPDATE SET *"});
    by_key.on = "target.k = source.k";
    by_key.keys = keys;
    by_key.n_keys = 1;
    merge(f, "SELECT 50 AS k, 8 AS v", &by_key); /* which says nothing of k */
    expect_rows(f, "SELECT i AS k, i AS v FROM range(3) t(i) UNION ALL SELECT 50, 8");
}

static void test_delta_write_identity__a_merge_that_lost_takes_later_values(void **state) {
    write_fixture *f = *state;
    PLI_AUTO(pli__merge_auto) pli__merge *m = NULL;
    pli__merge_result r;
    create(f, "0", "1", "false");
    OK(append(f->table, "SELECT i AS v FROM range(2) t(i)", &err));
    OK(pli__merge_new(f->table, "SELECT 7 AS v", &MERGE({.sql = "NOT MATCHED THEN INSERT *"}), &m, &err));
    OK(pli__merge_prepare(m, &err));
    OK(append(f->table, "SELECT 2::BIGINT AS v", &err));
    assert_int_equal(pli__merge_commit(m, &r, NULL), PLI_E_CONFLICT);
    OK(pli__merge_prepare(m, &err));
    OK(pli__merge_commit(m, &r, &err));
    expect_rows(f, "SELECT i AS k, i AS v FROM range(3) t(i) UNION ALL SELECT 3, 7");
    assert_int_equal(mark_of(f), 3);
}

#define TEST(name)                                                                                                     \
    cmocka_unit_test_setup_teardown(test_delta_write_identity__##name, write_fixture_setup, write_fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(rows_get_values_that_go_on),           TEST(values_may_go_down_and_come_to_an_end),
        TEST(the_next_value_lies_behind_any_mark),  TEST(two_writers_never_give_a_value_twice),
        TEST(merged_rows_get_values_that_go_on),    TEST(a_merge_writes_no_values_that_the_table_makes),
        TEST(a_merge_that_lost_takes_later_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
