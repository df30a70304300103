/*
 * Upkeep of a Delta log under kills and I/O errors at every mutating call: checkpoints in their forms, cleaning, compaction,
 * fsck. After each fault the table is what it was (or, with fsck, what it is to become), the operation succeeds when it is
 * called again, and the newest checkpoint stands for the commits below it.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "pli/table_write.h"
#include "support/fault_points.h"
#include "support/temp_dir.h"

static const char *const every_kind[] = {"kill", "eio", "enospc", NULL};
static size_t distinct;
static pli_env *env;

#define OK(expr)                                                                                                       \
    do {                                                                                                               \
        pli_error err = {0};                                                                                           \
        const pli_status ok_ = (expr);                                                                                 \
        if (ok_ != PLI_OK) fail_msg("%s: %s: %s", #expr, pli_status_name(ok_), err.message);                           \
    } while (0)

/* ---- the program under test ---- */

static pli_status operate(pli_env *e, const char *what, const char *work, pli_error *err) {
    char path[1100];
    pli_table *t = NULL;
    const pli_compact_log_options compact = {.size = sizeof compact};
    snprintf(path, sizeof path, "%s/t", work);
    pli_status s = pli_table_open(e, path, &t, err);
    if (s != PLI_OK) return s;
    if (strcmp(what, "--checkpoint") == 0) s = pli_table_checkpoint(t, false, NULL, NULL, err);
    else if (strcmp(what, "--compact") == 0) s = pli_table_compact_log(t, &compact, NULL, NULL, err);
    else s = pli_table_fsck(t, false, NULL, NULL, err);
    pli_table_close(t);
    return s;
}

static int child(char **argv) {
    pli_error err = {0};
    pli_env *e = fault_new_env();
    const pli_status s = operate(e, argv[1], argv[2], &err);
    pli_env_free(e);
    return fault_exit(s, &err);
}

/* ---- what a table holds ---- */

static int count_row(void *arg, const char *json, size_t len) {
    (void)json, (void)len;
    ++*(int *)arg;
    return 0;
}

static int files_of(const char *folder, const char *what) {
    char path[1100];
    pli_table *t = NULL;
    pli_error err = {0};
    int n = 0;
    snprintf(path, sizeof path, "%s/work/t", folder);
    pli_status s = pli_table_open(env, path, &t, &err);
    if (s == PLI_OK) s = pli_table_files(t, NULL, count_row, &n, &err);
    if (s != PLI_OK) fail_msg("%s: cannot be read: %s", what, err.message);
    pli_table_close(t);
    return n;
}

static void expect_files(const char *folder, const char *what, int n) {
    const int have = files_of(folder, what);
    if (have != n) fail_msg("%s: %d files, not %d", what, have, n);
}

static void again(const char *folder, const char *what, const char *operation) {
    char work[1000];
    pli_error err = {0};
    snprintf(work, sizeof work, "%s/work", folder);
    const pli_status s = operate(env, operation, work, &err);
    if (s != PLI_OK) fail_msg("%s: once more: %s: %s", what, pli_status_name(s), err.message);
}

/* ---- tables to start with ---- */

static void append(pli_table *t, int rows) {
    char sql[80];
    snprintf(sql, sizeof sql, "SELECT range AS id FROM range(%d)", rows);
    OK(pli_table_write_sql(t, sql, NULL, NULL, NULL, &err));
}

static pli_table *create(const char *folder, const char *policy) {
    char path[1100];
    pli_table *t = NULL;
    const pli_property properties[] = {{"delta.checkpointPolicy", policy}, {"delta.checkpointInterval", "100000"}};
    const pli_write_options o = {.size = sizeof o, .n_properties = 2, .properties = properties};
    fault_shell(folder, "rm -rf start work && mkdir work");
    snprintf(path, sizeof path, "%s/work/t", folder);
    OK(pli_table_open(env, path, &t, &err));
    OK(pli_table_create(t, "STRUCT(id BIGINT)", &o, NULL, NULL, &err));
    return t;
}

/* Six files; checkpoints of versions 2 and 4 in the v2 form, the last file of the first one removed again. */
static pli_table *make(const char *folder, const char *policy) {
    const pli_delete_options one = {.size = sizeof one, .where = "id >= 0 AND id < 1"};
    pli_table *t = create(folder, policy);
    append(t, 1);
    append(t, 2);
    OK(pli_table_checkpoint(t, false, NULL, NULL, &err));
    append(t, 2);
    append(t, 2);
    OK(pli_table_checkpoint(t, false, NULL, NULL, &err));
    append(t, 2);
    append(t, 2);
    OK(pli_table_delete(t, &one, NULL, NULL, &err)); /* the first file goes, the others are written anew */
    return t;
}

static void finish(const char *folder, pli_table *t) {
    pli_table_close(t);
    fault_shell(folder, "rm -f work/t/_delta_log/*.crc && mv work start");
}

static void start_classic(const char *folder) { finish(folder, make(folder, "classic")); }
static void start_v2(const char *folder) { finish(folder, make(folder, "v2")); }

/* The log up to version 4 is old. */
static void start_old(const char *folder) {
    pli_table *t = make(folder, "v2");
    fault_shell(folder, "cd work/t/_delta_log && touch -d '60 days ago' 0*[0-4].json 0*.checkpoint.* _sidecars/*");
    finish(folder, t);
}

static void start_broken(const char *folder) {
    pli_table_close(make(folder, "classic"));
    fault_shell(folder, "rm -f work/t/_delta_log/*.crc work/t/*.parquet && mv work start");
}

/* ---- checks ---- */

static const char *operation;
static int files;

static void check_same(const char *folder, const char *what, int status) {
    fault_expect_end(what, status);
    expect_files(folder, what, files);
    again(folder, what, operation);
    expect_files(folder, what, files);
}

/* The newest checkpoint alone, without the commits that it stands for. */
static void check_checkpoint(const char *folder, const char *what, int status) {
    check_same(folder, what, status);
    fault_shell(folder, "cd work/t/_delta_log && for i in 0 1 2 3 4 5 6; do rm -f $(printf %020d $i).json; done && "
                        "ls 0*7.checkpoint* > /dev/null");
    expect_files(folder, what, files);
}

static void check_fsck(const char *folder, const char *what, int status) {
    fault_expect_end(what, status);
    const int n = files_of(folder, what);
    if (n != files && n != 0) fail_msg("%s: %d files", what, n);
    again(folder, what, operation);
    expect_files(folder, what, 0);
}

static void run_scenario(void **state, const char *name, const char *op, void (*prepare)(const char *),
                         void (*check)(const char *, const char *, int)) {
    char work[1000];
    if (!env) env = fault_new_env();
    assert_non_null(env);
    snprintf(work, sizeof work, "%s/work", temp_dir(*state));
    const char *argv[] = {fault_self(), op, work, NULL};
    operation = op;
    prepare(temp_dir(*state));
    fault_shell(temp_dir(*state), "cp -a start work");
    files = files_of(temp_dir(*state), name);
    fault_scenario s = {name, argv, prepare, check};
    fault_points_skip_or_run(&s, temp_dir(*state), every_kind, &distinct);
}

static void test_fault_log__classic_checkpoint(void **state) {
    run_scenario(state, "classic checkpoint", "--checkpoint", start_classic, check_checkpoint);
}
static void test_fault_log__v2_checkpoint(void **state) {
    run_scenario(state, "v2 checkpoint", "--checkpoint", start_v2, check_checkpoint);
}
static void test_fault_log__cleaning(void **state) {
    run_scenario(state, "cleaning", "--checkpoint", start_old, check_same);
}
static void test_fault_log__compaction(void **state) {
    run_scenario(state, "compaction", "--compact", start_classic, check_same);
}
static void test_fault_log__fsck(void **state) { run_scenario(state, "fsck", "--fsck", start_broken, check_fsck); }

static void test_fault_log__there_are_at_least_40_distinct_points(void **state) {
    (void)state;
    if (!fault_library()) skip();
    print_message("%zu distinct (system call, step) points\n", distinct);
    assert_true(distinct >= 40);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, temp_dir_setup, temp_dir_teardown)

int main(int argc, char **argv) {
    fault_use_memory();
    if (argc == 3) return child(argv);
    const struct CMUnitTest tests[] = {
        TEST(test_fault_log__classic_checkpoint),
        TEST(test_fault_log__v2_checkpoint),
        TEST(test_fault_log__cleaning),
        TEST(test_fault_log__compaction),
        TEST(test_fault_log__fsck),
        cmocka_unit_test(test_fault_log__there_are_at_least_40_distinct_points),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    pli_env_free(env);
    return failed;
}
