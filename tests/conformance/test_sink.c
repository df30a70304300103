/* One suite for all sinks: what a job relies on, whatever stands behind the interface. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "delta/snapshot.h"
#include "sink/sink.h"
#include "support/delta_fixtures.h"
#include "support/temp_dir.h"

#define SHA_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define SHA_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

typedef struct {
    const char *kind;
    void *dir;
    pli_env *env;
    pli__sink *sink;
    const pli__type *schema;
} fixture;

static const char *kind_at_hand; /* which implementation the group tests */

static pli__sink *open_sink(fixture *f) {
    pli__sink *s = NULL;
    pli_error err = {0};
    const pli__sink_delta_options delta = {.path = temp_path(f->dir, "sink")};
    const pli_status status = strcmp(f->kind, "delta") == 0 ? pli__sink_delta_new(f->env, &delta, &s, &err)
                              : strcmp(f->kind, "parquet") == 0
                                  ? pli__sink_parquet_new(f->env, temp_path(f->dir, "sink"), false, &s, &err)
                                  : pli__sink_memory_new(&s, &err);
    if (status != PLI_OK) fail_msg("%s", err.message);
    return s;
}

static int setup(void **state) {
    fixture *f = calloc(1, sizeof *f);
    f->kind = kind_at_hand;
    if (temp_dir_setup(&f->dir)) return -1;
    f->env = fixtures_env("UTC");
    f->sink = open_sink(f);
    assert_int_equal(pli__type_from_sql(PLI_STR("STRUCT(id BIGINT, t VARCHAR)"), &f->schema, NULL), PLI_OK);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    fixture *f = *state;
    pli__sink_free(f->sink);
    pli__type_unref(f->schema);
    pli_env_free(f->env);
    temp_dir_teardown(&f->dir);
    free(f);
    return 0;
}

/* A sink that is opened anew, as the next process would; the memory sink lives as long as its process. */
static void reopen(fixture *f) {
    if (strcmp(f->kind, "memory") == 0) return;
    pli__sink_free(f->sink);
    f->sink = open_sink(f);
}

static pli__batch_ref batch_of(int64_t n, const char *attempt, const char *sha) {
    return (pli__batch_ref){
        .app_id = "app-1", .batch_id = n, .attempt = attempt, .offset_sha256 = sha, .job = "j", .n_files = 2};
}

static pli__prepared *prepare(fixture *f, const pli__batch_ref *b, int first, int n) {
    char sql[200];
    pli__prepared *p = NULL;
    pli_error err = {0};
    snprintf(sql, sizeof sql, "SELECT i::BIGINT AS id, 'row ' || i AS t FROM range(%d, %d) t(i)", first, first + n);
    if (pli__sink_prepare(f->sink, b, sql, f->schema, &p, &err) != PLI_OK) fail_msg("%s", err.message);
    return p;
}

static pli_status commit(fixture *f, const pli__batch_ref *b, pli__prepared *p, json_t **result) {
    pli_error err = {0};
    const pli_status s = pli__sink_commit(f->sink, b, p, result, &err);
    pli__sink_free_prepared(f->sink, p);
    return s;
}

static json_t *write_batch(fixture *f, int64_t n, const char *attempt, const char *sha, int first, int rows) {
    const pli__batch_ref b = batch_of(n, attempt, sha);
    json_t *result = NULL;
    assert_int_equal(commit(f, &b, prepare(f, &b, first, rows), &result), PLI_OK);
    return result;
}

static pli__sink_state state_of(fixture *f, int64_t hint) {
    pli__sink_state s;
    pli_error err = {0};
    if (pli__sink_state_of(f->sink, "app-1", hint, &s, &err) != PLI_OK) fail_msg("%s", err.message);
    return s;
}

static void expect_rows(fixture *f, int n) {
    char sql[600], expected[100];
    if (strcmp(f->kind, "memory") == 0) return;
    if (strcmp(f->kind, "parquet") == 0) {
        snprintf(sql, sizeof sql, "SELECT id, t FROM read_parquet('%s/*.parquet')", temp_path(f->dir, "sink"));
        if (n == 0) return;
    } else {
        pli__delta *t = NULL;
        pli__snapshot *s = NULL;
        pli__scan *scan = NULL;
        assert_int_equal(pli__delta_open(f->env, temp_path(f->dir, "sink"), &t, NULL), PLI_OK);
        assert_int_equal(pli__snapshot_open(t, PLI__LATEST, NULL, &s, NULL), PLI_OK);
        assert_int_equal(pli__scan_new(s, NULL, &scan, NULL), PLI_OK);
        snprintf(expected, sizeof expected, "SELECT i::BIGINT AS id, 'row ' || i AS t FROM range(%d) t(i)", n);
        assert_same_rows(f->env, pli__scan_sql(scan), expected);
        pli__scan_free(scan);
        pli__snapshot_unref(s);
        pli__delta_free(t);
        return;
    }
    snprintf(expected, sizeof expected, "SELECT i::BIGINT AS id, 'row ' || i AS t FROM range(%d) t(i)", n);
    assert_same_rows(f->env, sql, expected);
}

/* ---- the suite ---- */

static void test_sink__an_empty_one_knows_nothing(void **state) {
    const pli__sink_state s = state_of(*state, -1);
    assert_false(s.exists);
    assert_false(s.has_txn);
    assert_int_equal(s.version, -1);
    assert_int_equal(s.commit_version, -1);
}

static void test_sink__a_batch_is_seen_with_its_attempt_and_digest(void **state) {
    fixture *f = *state;
    json_t *r = write_batch(f, 0, "attempt-0", SHA_A, 0, 10);
    const json_int_t version = json_integer_value(json_object_get(r, "version"));
    assert_string_equal(json_string_value(json_object_get(r, "txnAppId")), "app-1");
    for (int i = 0; i < 3; i++) {
        if (i == 1) reopen(f);
        const pli__sink_state s = state_of(f, i == 0 ? -1 : i == 1 ? version : 7); /* a hint may be wrong */
        assert_true(s.exists);
        assert_true(s.has_txn);
        assert_int_equal(s.txn_version, 0);
        assert_int_equal(s.version, version);
        assert_int_equal(s.commit_version, version);
        assert_string_equal(s.attempt, "attempt-0");
        assert_string_equal(s.offset_sha256, SHA_A);
        assert_string_equal(s.id, json_string_value(json_object_get(r, "tableId")));
    }
    json_decref(r);
    expect_rows(f, 10);
}

static void test_sink__what_is_prepared_is_not_visible(void **state) {
    fixture *f = *state;
    json_decref(write_batch(f, 0, "a0", SHA_A, 0, 10));
    const pli__batch_ref b = batch_of(1, "a1", SHA_B);
    pli__prepared *p = prepare(f, &b, 10, 5);
    json_t *described = NULL;
    assert_int_equal(pli__sink_describe(f->sink, p, &described, NULL), PLI_OK);
    assert_non_null(json_object_get(described, "path"));
    json_decref(described);
    expect_rows(f, 10);
    pli__sink_abort(f->sink, p);
    expect_rows(f, 10);
    assert_int_equal(state_of(f, -1).txn_version, 0);
}

static void test_sink__a_repeat_changes_nothing_and_says_so(void **state) {
    fixture *f = *state;
    json_decref(write_batch(f, 0, "a0", SHA_A, 0, 10));
    reopen(f);
    json_t *r = write_batch(f, 0, "a1", SHA_A, 0, 10);
    assert_true(json_is_true(json_object_get(r, "repeat")));
    json_decref(r);
    expect_rows(f, 10);
    assert_string_equal(state_of(f, -1).attempt, "a0");
}

static void test_sink__another_batch_under_the_same_number_is_refused(void **state) {
    fixture *f = *state;
    json_decref(write_batch(f, 0, "a0", SHA_A, 0, 10));
    json_decref(write_batch(f, 1, "a1", SHA_A, 10, 10));
    for (int64_t n = 0; n <= 1; n++) { /* an older number, and the same one with other inputs */
        const pli__batch_ref b = batch_of(n, "a2", SHA_B);
        json_t *r = NULL;
        assert_int_equal(commit(f, &b, prepare(f, &b, 50, 5), &r), PLI_E_SINK_AHEAD);
        assert_null(r);
    }
    expect_rows(f, 20);
}

static void test_sink__batches_follow_each_other(void **state) {
    fixture *f = *state;
    for (int i = 0; i < 12; i++) {
        char attempt[20];
        snprintf(attempt, sizeof attempt, "a%d", i);
        json_decref(write_batch(f, i, attempt, i % 2 ? SHA_A : SHA_B, i * 10, 10));
        if (i % 5 == 4) reopen(f);
    }
    expect_rows(f, 120);
    assert_int_equal(state_of(f, -1).txn_version, 11);
}

static void test_sink__a_batch_without_rows_counts(void **state) {
    fixture *f = *state;
    json_decref(write_batch(f, 0, "a0", SHA_A, 0, 0));
    expect_rows(f, 0);
    const pli__sink_state s = state_of(f, -1);
    assert_true(s.exists);
    assert_int_equal(s.txn_version, 0);
    json_decref(write_batch(f, 1, "a1", SHA_B, 0, 3));
    expect_rows(f, 3);
}

static void test_sink__applications_do_not_see_each_other(void **state) {
    fixture *f = *state;
    json_decref(write_batch(f, 5, "a0", SHA_A, 0, 10));
    pli__sink_state s;
    assert_int_equal(pli__sink_state_of(f->sink, "app-2", -1, &s, NULL), PLI_OK);
    assert_true(s.exists);
    assert_false(s.has_txn);
}

static void test_sink__wrong_arguments_are_refused(void **state) {
    fixture *f = *state;
    pli__prepared *p = NULL;
    pli__batch_ref b = batch_of(0, "a", "short");
    assert_int_equal(pli__sink_prepare(f->sink, &b, "SELECT 1", f->schema, &p, NULL), PLI_E_ARGUMENT);
    b = batch_of(-1, "a", SHA_A);
    assert_int_equal(pli__sink_prepare(f->sink, &b, "SELECT 1", f->schema, &p, NULL), PLI_E_ARGUMENT);
    b = batch_of(0, "a", SHA_A);
    assert_int_equal(pli__sink_prepare(f->sink, &b, "", f->schema, &p, NULL), PLI_E_ARGUMENT);
    assert_int_equal(pli__sink_prepare(f->sink, &b, "SELECT 1", NULL, &p, NULL), PLI_E_ARGUMENT);
    assert_null(p);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_sink__##name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(an_empty_one_knows_nothing),
        TEST(a_batch_is_seen_with_its_attempt_and_digest),
        TEST(what_is_prepared_is_not_visible),
        TEST(a_repeat_changes_nothing_and_says_so),
        TEST(another_batch_under_the_same_number_is_refused),
        TEST(batches_follow_each_other),
        TEST(a_batch_without_rows_counts),
        TEST(applications_do_not_see_each_other),
        TEST(wrong_arguments_are_refused),
    };
    static const char *const kinds[] = {"memory", "parquet", "delta"};
    int failed = 0;
    for (size_t i = 0; i < 3; i++) {
        kind_at_hand = kinds[i];
        failed += cmocka_run_group_tests_name(kinds[i], tests, NULL, NULL);
    }
    return failed;
}
