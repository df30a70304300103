/*
 * The real thing under kills and I/O errors at every mutating call: CSV files to a Delta table. After each fault the next
 * run must bring the table to exactly the rows of the files, and `verify` must find nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "pli/checkpoint.h"
#include "support/delta_job.h"
#include "support/fault_points.h"
#include "support/temp_dir.h"

static const char *const every_kind[] = {"kill", "eio", "enospc", NULL};
static size_t distinct;
static int files; /* that the table must hold after repair */

/* ---- the program under test ---- */

static int child(char **argv) {
    pli_error err = {0};
    pli_env *env = NULL;
    pli_env_options o = {.size = sizeof o, .threads = 1};
    char cp[1200];
    snprintf(cp, sizeof cp, "%s/cp", argv[2]);
    if (strcmp(argv[1], "--cleanup") == 0) return fault_exit(pli_checkpoint_cleanup(cp, 1, -1, NULL, NULL, &err), &err);
    if (strcmp(argv[1], "--truncate") == 0) return fault_exit(pli_checkpoint_truncate(cp, 0, NULL, NULL, &err), &err);
    pli_status status = pli_env_new(&o, &env, &err);
    if (status == PLI_OK) status = delta_job_run(env, argv[2], NULL, -1, &err);
    pli_env_free(env);
    return fault_exit(status, &err);
}

/* ---- checks ---- */

static pli_env *env;

static int print_finding(void *arg, const char *json, size_t len) {
    (void)arg;
    if (!strstr(json, "\"summary\"")) print_message("%.*s\n", (int)len, json);
    return 0;
}

static void repair(const char *what, const char *work) {
    pli_error err = {0};
    pli_status status = delta_job_run(env, work, NULL, -1, &err);
    if (status != PLI_OK) fail_msg("%s: the next run fails with %s: %s", what, pli_status_name(status), err.message);
}

static void expect_proof(const char *what, const char *work) {
    pli_error err = {0};
    char cp[1200];
    int64_t findings = 0;
    snprintf(cp, sizeof cp, "%s/cp", work);
    if (pli_checkpoint_verify(env, cp, NULL, print_finding, NULL, &findings, &err) != PLI_OK)
        fail_msg("%s: verify fails: %s", what, err.message);
    if (findings) fail_msg("%s: verify finds %lld faults", what, (long long)findings);
}

static void check_rows(const char *folder, const char *what, int status) {
    char work[1000];
    fault_work_folder(folder, work);
    fault_expect_end(what, status);
    repair(what, work);
    char *have = delta_job_ids(env, work), *want = delta_job_expected(files);
    if (strcmp(have, want) != 0) fail_msg("%s: ids are %s, not %s", what, have, want);
    free(have);
    free(want);
    expect_proof(what, work);
}

/* A truncation to batch 0 makes the files of the later batches come again, whole: nothing at all or all of them. */
static void check_truncated(const char *folder, const char *what, int status) {
    char work[1000];
    fault_work_folder(folder, work);
    fault_expect_end(what, status);
    repair(what, work);
    char *have = delta_job_ids(env, work);
    const char *untouched = "0 1 2 3 4 5", *again = "0 1 2 2 3 3 4 4 5 5";
    bool done = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    if (strcmp(have, again) != 0 && (done || strcmp(have, untouched) != 0)) fail_msg("%s: ids are %s", what, have);
    free(have);
}

/* ---- scenarios ---- */

static void start_with(const char *folder, int done, int waiting, int steps) {
    char work[1000];
    pli_error err = {0};
    fault_shell(folder, "rm -rf start work && mkdir work"); /* made where it is used: records hold absolute paths */
    fault_work_folder(folder, work);
    for (int i = 0; i < done; i++) delta_job_add_file(work, i);
    if (done && delta_job_run(env, work, NULL, -1, &err) != PLI_OK) fail_msg("%s", err.message);
    for (int i = done; i < done + waiting; i++) delta_job_add_file(work, i);
    if (steps && delta_job_run(env, work, NULL, steps, &err) != PLI_OK) fail_msg("%s", err.message);
    fault_shell(folder, "mv work start");
}

static void start_new(const char *folder) { start_with(folder, 0, 1, 0); }
static void start_batch(const char *folder) { start_with(folder, 1, 1, 0); }
static void start_published(const char *folder) { start_with(folder, 1, 1, 4); }
static void start_interval(const char *folder) { start_with(folder, 10, 1, 0); } /* version 10 writes a checkpoint */
static void start_three(const char *folder) { start_with(folder, 3, 0, 0); }

static void run_scenario(void **state, const char *name, const char *mode, int n, void (*prepare)(const char *),
                         void (*check)(const char *, const char *, int)) {
    char work[1000];
    pli_error err = {0};
    pli_env_options o = {.size = sizeof o, .threads = 1};
    if (!env && pli_env_new(&o, &env, &err) != PLI_OK) fail_msg("%s", err.message);
    fault_work_folder(temp_dir(*state), work);
    const char *argv[] = {fault_self(), mode, work, NULL};
    files = n;
    fault_scenario s = {name, argv, prepare, check};
    fault_points_skip_or_run(&s, temp_dir(*state), every_kind, &distinct);
}

static void test_fault_delta__creation_of_the_table(void **state) {
    run_scenario(state, "table creation", "--run", 1, start_new, check_rows);
}
static void test_fault_delta__ordinary_batch(void **state) {
    run_scenario(state, "ordinary batch", "--run", 2, start_batch, check_rows);
}
static void test_fault_delta__recovery(void **state) {
    run_scenario(state, "recovery", "--run", 2, start_published, check_rows);
}
static void test_fault_delta__checkpoint_of_the_table(void **state) {
    run_scenario(state, "Delta checkpoint", "--run", 11, start_interval, check_rows);
}
static void test_fault_delta__cleanup(void **state) {
    run_scenario(state, "cleanup", "--cleanup", 3, start_three, check_rows);
}
static void test_fault_delta__truncate(void **state) {
    run_scenario(state, "truncate", "--truncate", 3, start_three, check_truncated);
}

static void test_fault_delta__there_are_at_least_200_distinct_points(void **state) {
    (void)state;
    if (!fault_library()) skip();
    print_message("%zu distinct (system call, step) points\n", distinct);
    assert_true(distinct >= 200);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, temp_dir_setup, temp_dir_teardown)

int main(int argc, char **argv) {
    fault_use_memory();
    if (argc == 3) return child(argv);
    const struct CMUnitTest tests[] = {
        TEST(test_fault_delta__creation_of_the_table),
        TEST(test_fault_delta__ordinary_batch),
        TEST(test_fault_delta__recovery),
        TEST(test_fault_delta__checkpoint_of_the_table),
        TEST(test_fault_delta__cleanup),
        TEST(test_fault_delta__truncate),
        cmocka_unit_test(test_fault_delta__there_are_at_least_200_distinct_points),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    pli_env_free(env);
    return failed;
}
