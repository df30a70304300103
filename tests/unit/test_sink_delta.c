/* The Delta sink beyond what all sinks share: schema, modes, folders, guards, several writers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "delta/active.h"
#include "delta/log_read.h"
#include "delta/snapshot.h"
#include "sink/sink.h"
#include "support/delta_fixtures.h"
#include "support/temp_dir.h"

#define SHA "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

typedef struct {
    void *dir;
    pli_env *env;
    const char *path;
} fixture;

static int setup(void **state) {
    fixture *f = calloc(1, sizeof *f);
    if (temp_dir_setup(&f->dir)) return -1;
    f->env = fixtures_env("UTC");
    f->path = temp_path(f->dir, "table");
    *state = f;
    return 0;
}

static int teardown(void **state) {
    fixture *f = *state;
    pli_env_free(f->env);
    temp_dir_teardown(&f->dir);
    free(f);
    return 0;
}

static pli__sink *open_with(pli_env *env, const pli__sink_delta_options *o) {
    pli__sink *s = NULL;
    pli_error err = {0};
    if (pli__sink_delta_new(env, o, &s, &err) != PLI_OK) fail_msg("%s", err.message);
    return s;
}

static const pli__type *columns_of(pli_env *env, const char *sql) {
    pli__engine *e = NULL;
    const pli__type *t = NULL;
    pli_error err = {0};
    if (pli__env_engine(env, &e, &err) != PLI_OK || pli__engine_describe(e, sql, &t, &err) != PLI_OK)
        fail_msg("%s", err.message);
    return t;
}

static pli__batch_ref batch_of(const char *app, int64_t n) {
    return (pli__batch_ref){
        .app_id = app, .batch_id = n, .attempt = "attempt", .offset_sha256 = SHA, .job = "job", .n_files = 3};
}

/* Prepare and commit one batch. */
static pli_status write_batch(pli_env *env, pli__sink *s, const char *app, int64_t n, const char *sql, json_t **result,
                              pli_error *err) {
    PLI_AUTO(pli__type_auto) const pli__type *t = columns_of(env, sql);
    const pli__batch_ref b = batch_of(app, n);
    pli__prepared *p = NULL;
    json_t *ignored = NULL;
    PLI_TRY(pli__sink_prepare(s, &b, sql, t, &p, err));
    const pli_status status = pli__sink_commit(s, &b, p, result ? result : &ignored, err);
    if (status != PLI_OK) pli__sink_abort(s, p);
    else pli__sink_free_prepared(s, p);
    json_decref(ignored);
    return status;
}

static void must_write(fixture *f, pli__sink *s, int64_t n, const char *sql) {
    pli_error err = {0};
    if (write_batch(f->env, s, "app", n, sql, NULL, &err) != PLI_OK) fail_msg("%s", err.message);
}

static void expect_refused(fixture *f, pli__sink *s, int64_t n, const char *sql, pli_status code, const char *part) {
    pli_error err = {0};
    assert_int_equal(write_batch(f->env, s, "app", n, sql, NULL, &err), code);
    if (!strstr(err.message, part)) fail_msg("'%s' does not say '%s'", err.message, part);
}

static void expect_rows(fixture *f, const char *expected) {
    pli__delta *t = NULL;
    pli__snapshot *s = NULL;
    pli__scan *scan = NULL;
    pli_error err = {0};
    assert_int_equal(pli__delta_open(f->env, f->path, &t, NULL), PLI_OK);
    if (pli__snapshot_open(t, PLI__LATEST, NULL, &s, &err) != PLI_OK) fail_msg("%s", err.message);
    assert_int_equal(pli__scan_new(s, NULL, &scan, NULL), PLI_OK);
    assert_same_rows(f->env, pli__scan_sql(scan), expected);
    pli__scan_free(scan);
    pli__snapshot_unref(s);
    pli__delta_free(t);
}

/* ---- schema and modes ---- */

static void test_sink_delta__merge_schema_adds_columns(void **state) {
    fixture *f = *state;
    const pli__sink_delta_options strict = {.path = f->path}, loose = {.path = f->path, .merge_schema = true};
    pli__sink *s = open_with(f->env, &strict), *m = open_with(f->env, &loose);
    must_write(f, s, 0, "SELECT 1::BIGINT AS a");
    expect_refused(f, s, 1, "SELECT 2::BIGINT AS a, 'x' AS b", PLI_E_SCHEMA,
                   "column 'b' (VARCHAR) is not in the table");
    must_write(f, m, 1, "SELECT 2::BIGINT AS a, 'x' AS b");
    must_write(f, s, 2, "SELECT 'y' AS B, 3::INTEGER AS A");
    expect_rows(f, "SELECT * FROM (VALUES (1::BIGINT, NULL), (2, 'x'), (3, 'y')) t(a, b)");
    expect_refused(f, m, 3, "SELECT 'text' AS a", PLI_E_SCHEMA,
                   "column 'a' is VARCHAR in the input, which does not fit the table's BIGINT");
    pli__sink_free(s);
    pli__sink_free(m);
}

static void test_sink_delta__overwrite_replaces_the_rows(void **state) {
    fixture *f = *state;
    const pli__sink_delta_options o = {.path = f->path, .mode = "overwrite"};
    pli__sink *s = open_with(f->env, &o);
    must_write(f, s, 0, "SELECT i AS a FROM range(10) t(i)");
    must_write(f, s, 1, "SELECT i AS a FROM range(3) t(i)");
    expect_rows(f, "SELECT i AS a FROM range(3) t(i)");
    json_t *r = NULL;
    assert_int_equal(write_batch(f->env, s, "app", 1, "SELECT 7::BIGINT AS a", &r, NULL), PLI_OK);
    assert_true(json_is_true(json_object_get(r, "repeat")));
    json_decref(r);
    expect_rows(f, "SELECT i AS a FROM range(3) t(i)");
    pli__sink_free(s);
}

static void test_sink_delta__an_overwrite_may_replace_a_part(void **state) {
    fixture *f = *state;
    const char *part[] = {"p"};
    const pli__sink_delta_options all = {.path = f->path, .partition_by = part, .n_partition_by = 1},
                                  dynamic = {.path = f->path, .mode = "overwrite", .dynamic_partitions = true},
                                  some = {.path = f->path, .mode = "overwrite", .replace_where = "a >= 20"},
                                  wrong = {.path = f->path, .replace_where = "a >= 20"};
    pli__sink *s = open_with(f->env, &all), *d = open_with(f->env, &dynamic), *w = open_with(f->env, &some);
    pli__sink *none = NULL;
    json_t *r = NULL;
    must_write(f, s, 0, "SELECT i // 10 AS p, i AS a FROM range(30) t(i)");
    must_write(f, d, 1, "SELECT 1::BIGINT AS p, 11::BIGINT AS a");
    expect_rows(f, "SELECT i // 10 AS p, i AS a FROM range(30) t(i) WHERE i // 10 <> 1 OR i = 11");
    assert_int_equal(write_batch(f->env, d, "app", 1, "SELECT 2::BIGINT AS p, 21::BIGINT AS a", &r, NULL), PLI_OK);
    assert_true(json_is_true(json_object_get(r, "repeat")));
    json_decref(r);
    must_write(f, w, 2, "SELECT 1::BIGINT AS p, 25::BIGINT AS a");
    expect_refused(f, w, 3, "SELECT 1::BIGINT AS p, 19::BIGINT AS a", PLI_E_CONSTRAINT,
                   "the condition of the overwrite");
    expect_rows(f,
                "SELECT i // 10 AS p, i AS a FROM range(12) t(i) WHERE i // 10 <> 1 OR i = 11 UNION ALL SELECT 1, 25");
    assert_int_equal(pli__sink_delta_new(f->env, &wrong, &none, NULL), PLI_E_ARGUMENT);
    pli__sink_free(s);
    pli__sink_free(d);
    pli__sink_free(w);
}

static void test_sink_delta__partitions_and_properties_are_those_of_the_creation(void **state) {
    fixture *f = *state;
    const char *part[] = {"P"}, *other[] = {"a"}, *properties[] = {"delta.enableChangeDataFeed", "true"};
    const pli__sink_delta_options o = {.path = f->path,
                                       .partition_by = part,
                                       .n_partition_by = 1,
                                       .properties = properties,
                                       .n_properties = 2},
                                  wrong = {.path = f->path, .partition_by = other, .n_partition_by = 1};
    pli__sink *s = open_with(f->env, &o), *w = open_with(f->env, &wrong);
    must_write(f, s, 0, "SELECT 'k/1' AS p, 1::BIGINT AS a");
    must_write(f, s, 1, "SELECT 2::BIGINT AS a, 'k/2' AS p");
    expect_refused(f, w, 2, "SELECT 'k' AS p, 1::BIGINT AS a", PLI_E_SCHEMA, "partition_by");
    expect_rows(f, "SELECT * FROM (VALUES ('k/1', 1::BIGINT), ('k/2', 2)) t(p, a)");
    pli__delta *t = NULL;
    pli__snapshot *snapshot = NULL;
    assert_int_equal(pli__delta_open(f->env, f->path, &t, NULL), PLI_OK);
    assert_int_equal(pli__snapshot_open(t, PLI__LATEST, NULL, &snapshot, NULL), PLI_OK);
    assert_true(pli__snapshot_has_feature(snapshot, "changeDataFeed"));
    pli__snapshot_unref(snapshot);
    pli__delta_free(t);
    pli__sink_free(s);
    pli__sink_free(w);
}

/* ---- folders ---- */

static void test_sink_delta__a_folder_with_other_things_is_no_table(void **state) {
    fixture *f = *state;
    temp_write(f->dir, "table/notes.txt", "mine");
    const pli__sink_delta_options o = {.path = f->path};
    pli__sink *s = open_with(f->env, &o);
    pli__sink_state st;
    assert_int_equal(pli__sink_state_of(s, "app", -1, &st, NULL), PLI_E_NOT_A_TABLE);
    expect_refused(f, s, 0, "SELECT 1 AS a", PLI_E_NOT_A_TABLE, "holds something");
    assert_int_equal(temp_count(f->dir, "table"), 1);
    pli__sink_free(s);
}

static void test_sink_delta__checkpoints_alone_leave_a_folder_empty(void **state) {
    fixture *f = *state;
    temp_mkdir(f->dir, "table/_checkpoints/job");
    const pli__sink_delta_options o = {.path = f->path};
    pli__sink *s = open_with(f->env, &o);
    must_write(f, s, 0, "SELECT 1 AS a");
    expect_rows(f, "SELECT 1 AS a");
    pli__sink_free(s);
}

/* ---- guards ---- */

static void test_sink_delta__a_file_that_was_vacuumed_is_never_committed(void **state) {
    fixture *f = *state;
    const pli__sink_delta_options o = {.path = f->path};
    pli__sink *s = open_with(f->env, &o);
    must_write(f, s, 0, "SELECT 1 AS a");
    PLI_AUTO(pli__type_auto) const pli__type *t = columns_of(f->env, "SELECT 2 AS a");
    const pli__batch_ref b = batch_of("app", 1);
    pli__prepared *p = NULL;
    json_t *described = NULL, *result = NULL;
    pli_error err = {0};
    assert_int_equal(pli__sink_prepare(s, &b, "SELECT 2 AS a", t, &p, NULL), PLI_OK);
    assert_int_equal(pli__sink_describe(s, p, &described, NULL), PLI_OK);
    char file[400];
    snprintf(file, sizeof file, "table/%s",
             json_string_value(json_array_get(json_object_get(described, "addedFiles"), 0)));
    assert_int_equal(pli__fs_unlink(temp_path(f->dir, file), false, NULL), PLI_OK);
    assert_int_equal(pli__sink_commit(s, &b, p, &result, &err), PLI_E_NOT_FOUND);
    assert_true(err.flags & PLI_ERR_RETRIABLE);
    pli__sink_abort(s, p);
    json_decref(described);
    expect_rows(f, "SELECT 1 AS a");
    pli__sink_free(s);
}

static void test_sink_delta__a_mark_stands_while_a_batch_is_prepared(void **state) {
    fixture *f = *state;
    const pli__sink_delta_options o = {.path = f->path};
    pli__sink *s = open_with(f->env, &o);
    must_write(f, s, 0, "SELECT 1 AS a");
    pli__delta *table = NULL;
    int64_t oldest;
    assert_int_equal(pli__delta_open(f->env, f->path, &table, NULL), PLI_OK);
    assert_int_equal(pli__active_oldest(table, &oldest, NULL), PLI_OK);
    assert_true(oldest == INT64_MAX);
    PLI_AUTO(pli__type_auto) const pli__type *t = columns_of(f->env, "SELECT 2 AS a");
    const pli__batch_ref b = batch_of("app", 1);
    pli__prepared *p = NULL;
    assert_int_equal(pli__sink_prepare(s, &b, "SELECT 2 AS a", t, &p, NULL), PLI_OK);
    assert_int_equal(pli__active_oldest(table, &oldest, NULL), PLI_OK);
    assert_true(oldest < INT64_MAX);
    pli__sink_abort(s, p);
    assert_int_equal(pli__active_oldest(table, &oldest, NULL), PLI_OK);
    assert_true(oldest == INT64_MAX);
    assert_int_equal(temp_count(f->dir, "table"), 2); /* one file, the log */
    pli__delta_free(table);
    pli__sink_free(s);
}

static void test_sink_delta__a_table_that_forgets_transactions_is_refused(void **state) {
    fixture *f = *state;
    const char *properties[] = {"delta.setTransactionRetentionDuration", "interval 7 days"};
    const pli__sink_delta_options o = {.path = f->path, .properties = properties, .n_properties = 2},
                                  allowed = {.path = f->path,
                                             .properties = properties,
                                             .n_properties = 2,
                                             .allow_short_txn_retention = true};
    pli__sink *s = open_with(f->env, &o), *a = open_with(f->env, &allowed);
    expect_refused(f, s, 0, "SELECT 1 AS a", PLI_E_UNSUPPORTED, "interval 7 days");
    must_write(f, a, 0, "SELECT 1 AS a");
    expect_refused(f, s, 1, "SELECT 1 AS a", PLI_E_UNSUPPORTED, "interval 7 days");
    pli__sink_free(s);
    pli__sink_free(a);
}

static void test_sink_delta__wrong_options_are_refused(void **state) {
    fixture *f = *state;
    pli__sink *s = NULL;
    const pli__sink_delta_options none = {0}, odd = {.path = f->path, .n_properties = 1},
                                  mode = {.path = f->path, .mode = "upsert"};
    assert_int_equal(pli__sink_delta_new(f->env, &none, &s, NULL), PLI_E_ARGUMENT);
    assert_int_equal(pli__sink_delta_new(f->env, &odd, &s, NULL), PLI_E_ARGUMENT);
    assert_int_equal(pli__sink_delta_new(f->env, &mode, &s, NULL), PLI_E_ARGUMENT);
    assert_null(s);
}

/* ---- what the commit says ---- */

static pli_status take_info(void *arg, const pli__action *a, pli_error *err) {
    (void)err;
    if (a->kind == PLI__ACTION_COMMIT_INFO) *(json_t **)arg = json_loadb(a->raw.ptr, a->raw.len, 0, NULL);
    return PLI_OK;
}

static void test_sink_delta__the_commit_names_its_batch(void **state) {
    fixture *f = *state;
    const pli__sink_delta_options o = {.path = f->path, .relaxed = true};
    pli__sink *s = open_with(f->env, &o);
    must_write(f, s, 7, "SELECT 1 AS a");
    pli__delta *t = NULL;
    json_t *info = NULL;
    assert_int_equal(pli__delta_open(f->env, f->path, &t, NULL), PLI_OK);
    assert_int_equal(pli__log_read_commit(t, 0, take_info, &info, NULL), PLI_OK);
    const json_t *pli = json_object_get(info, "pli"), *parameters = json_object_get(info, "operationParameters");
    assert_string_equal(json_string_value(json_object_get(pli, "offsetSha256")), SHA);
    assert_string_equal(json_string_value(json_object_get(pli, "job")), "job");
    assert_int_equal(json_integer_value(json_object_get(pli, "files")), 3);
    assert_string_equal(json_string_value(json_object_get(pli, "durability")), "relaxed");
    assert_string_equal(json_string_value(json_object_get(parameters, "queryId")), "app");
    assert_string_equal(json_string_value(json_object_get(parameters, "epochId")), "7");
    assert_string_equal(json_string_value(json_object_get(json_object_get(info, "operationMetrics"), "numOutputRows")),
                        "1");
    json_decref(info);
    pli__delta_free(t);
    pli__sink_free(s);
}

/* ---- several writers ---- */

enum { WRITERS = 6, BATCHES = 8 };

static int append_all(const char *path, int writer, bool same_app) {
    pli_env *env = fixtures_env("UTC");
    const pli__sink_delta_options o = {.path = path, .relaxed = true};
    pli__sink *s = open_with(env, &o);
    char app[32], sql[200];
    snprintf(app, sizeof app, "app-%d", same_app ? 0 : writer);
    for (int n = 0; n < BATCHES; n++) {
        pli_error err = {0};
        pli_status status;
        snprintf(sql, sizeof sql, "SELECT %d AS w, %d AS n, i FROM range(3) t(i)", same_app ? 0 : writer, n);
        do status = write_batch(env, s, app, n, sql, NULL, &err);
        while (status == PLI_E_CONFLICT);
        if (status == PLI_E_SINK_AHEAD && same_app) continue; /* the other one has finished later batches */
        if (status != PLI_OK) {
            fprintf(stderr, "writer %d, batch %d: %s\n", writer, n, err.message);
            return 1;
        }
    }
    pli__sink_free(s);
    pli_env_free(env);
    return 0;
}

static void run_writers(fixture *f, bool same_app) {
    pid_t pids[WRITERS];
    for (int i = 0; i < WRITERS; i++) {
        pids[i] = fork();
        assert_true(pids[i] >= 0);
        if (pids[i] == 0) _exit(append_all(f->path, i, same_app));
    }
    for (int i = 0; i < WRITERS; i++) {
        int status;
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
    }
}

static int64_t newest(fixture *f) {
    pli__delta *t = NULL;
    int64_t v = -1;
    assert_int_equal(pli__delta_open(f->env, f->path, &t, NULL), PLI_OK);
    assert_int_equal(pli__delta_latest_version(t, &v, NULL), PLI_OK);
    pli__delta_free(t);
    return v;
}

static void test_sink_delta__processes_that_start_together_all_land(void **state) {
    fixture *f = *state;
    char sql[200];
    run_writers(f, false);
    assert_int_equal(newest(f), WRITERS * BATCHES - 1);
    snprintf(sql, sizeof sql,
             "SELECT w::INTEGER AS w, n::INTEGER AS n, i FROM range(%d) a(w), range(%d) b(n), range(3) t(i)", WRITERS,
             BATCHES);
    expect_rows(f, sql);
}

static void test_sink_delta__processes_of_one_checkpoint_land_once(void **state) {
    fixture *f = *state;
    char sql[200];
    run_writers(f, true);
    assert_int_equal(newest(f), BATCHES - 1);
    snprintf(sql, sizeof sql, "SELECT 0 AS w, n::INTEGER AS n, i FROM range(%d) b(n), range(3) t(i)", BATCHES);
    expect_rows(f, sql);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_sink_delta__##name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(processes_that_start_together_all_land), /* first: forks before the engine has threads */
        TEST(processes_of_one_checkpoint_land_once),
        TEST(merge_schema_adds_columns),
        TEST(overwrite_replaces_the_rows),
        TEST(an_overwrite_may_replace_a_part),
        TEST(partitions_and_properties_are_those_of_the_creation),
        TEST(a_folder_with_other_things_is_no_table),
        TEST(checkpoints_alone_leave_a_folder_empty),
        TEST(a_file_that_was_vacuumed_is_never_committed),
        TEST(a_mark_stands_while_a_batch_is_prepared),
        TEST(a_table_that_forgets_transactions_is_refused),
        TEST(wrong_options_are_refused),
        TEST(the_commit_names_its_batch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
