/*
 * The commit protocol under kills and I/O errors at every mutating system call, without the engine: memory source, a sink
 * in a folder, JobState. After each fault the next run must bring the rows to exactly what the model says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "run/job.h"
#include "support/fault_points.h"
#include "support/run_fixture.h"
#include "support/temp_dir.h"

#define FILES 3

static const char *const every_kind[] = {"kill", "kill_after", "eio", "eio_after", "enospc", NULL};
static size_t distinct;

/* ---- the program under test ---- */

static int run_files(const char *folder, int files, int steps) {
    run_fixture f;
    pli_error err = {0};
    run_fixture_open(&f, folder, files);
    pli_status status = run_fixture_run(&f, NULL, steps, &err);
    run_fixture_close(&f);
    return fault_exit(status, &err);
}

/* The work of a callback job: count batches and files in the state, drop a value, write one file per batch. */
static pli_status count_batch(pli_run *run, const pli_step *step, const char *folder, pli_error *err) {
    pli_state *state = pli_run_state(run);
    PLI_AUTO(pli__free_ptr) char *old = NULL;
    char text[64], name[64], path[1200];
    PLI_TRY(pli_state_get(state, "count", PLI_STATE_JSON, &old, NULL, err));
    snprintf(text, sizeof text, "%d", (int)(old ? strtol(old, NULL, 10) : 0) + 1);
    PLI_TRY(pli_state_put(state, "count", PLI_STATE_JSON, text, strlen(text), err));
    snprintf(name, sizeof name, "seen/%lld", (long long)step->batch_id);
    PLI_TRY(pli_state_put(state, name, PLI_STATE_PARQUET, step->offset, strlen(step->offset), err));
    snprintf(name, sizeof name, "seen/%lld", (long long)step->batch_id - 2);
    PLI_TRY(pli_state_delete(state, name, PLI_STATE_PARQUET, NULL, err));
    snprintf(path, sizeof path, "%s/out", folder);
    PLI_TRY(pli__fs_mkdirs(path, err));
    snprintf(path, sizeof path, "%s/out/%lld.txt", folder, (long long)step->batch_id);
    return pli__fs_publish(path, pli__str_of(text), PLI__PUBLISH_REPLACE, err);
}

static int run_state(const char *folder, int files) {
    run_fixture f;
    pli_error err = {0};
    pli_run *run = NULL;
    pli_step step = {.size = sizeof step};
    run_fixture_open_callbacks(&f, folder, files);
    pli_status status = pli_run_new(f.job, NULL, &run, &err);
    while (status == PLI_OK && step.kind != PLI_STEP_DONE) {
        status = pli_run_next(run, &step, &err);
        if (status != PLI_OK || step.kind != PLI_STEP_EXECUTE) continue;
        pli_outcome outcome = {.size = sizeof outcome, .rows = 1};
        outcome.failed = count_batch(run, &step, folder, &outcome.error) != PLI_OK;
        status = pli_run_report(run, &outcome, &err);
    }
    pli_run_free(run);
    run_fixture_close(&f);
    return fault_exit(status, &err);
}

static int child(char **argv) {
    if (strcmp(argv[1], "--run") == 0) return run_files(argv[2], (int)strtol(argv[3], NULL, 10), -1);
    return run_state(argv[2], (int)strtol(argv[3], NULL, 10));
}

/* ---- checks ---- */

static void check_files(const char *folder, const char *what, int status) {
    char work[1000];
    fault_work_folder(folder, work);
    fault_expect_end(what, status);
    int repaired = run_files(work, FILES, -1);
    if (repaired != 0) fail_msg("%s: the next run fails with %s", what, pli_status_name((pli_status)repaired));
    run_fixture f;
    run_fixture_open(&f, work, 0);
    char *rows = journal_sink_rows(f.sink), *have = sorted_lines(rows);
    const char *want = "f0:1\nf0:2\nf1:1\nf1:2\nf2:1\nf2:2\n";
    if (strcmp(have, want) != 0) fail_msg("%s: rows are\n%s", what, have);
    free(rows);
    free(have);
    run_fixture_close(&f);
}

static void expect_text(const char *what, const char *work, const char *name, const char *text) {
    char path[1200], have[200] = "";
    snprintf(path, sizeof path, "%s/%s", work, name);
    FILE *f = fopen(path, "r");
    if (!f && !text) return;
    if (!f || !text || !fgets(have, sizeof have, f) || strncmp(have, text, strlen(text)) != 0)
        fail_msg("%s: %s is '%s', not '%s'", what, name, have, text ? text : "gone");
    fclose(f);
}

static void check_state(const char *folder, const char *what, int status) {
    char work[1000];
    fault_work_folder(folder, work);
    fault_expect_end(what, status);
    int repaired = run_state(work, FILES);
    if (repaired != 0) fail_msg("%s: the next run fails with %s", what, pli_status_name((pli_status)repaired));
    expect_text(what, work, "cp/state/count.json", "3");
    expect_text(what, work, "out/0.txt", "1");
    expect_text(what, work, "out/2.txt", "3");
    expect_text(what, work, "cp/state/seen/2.parquet", "{");
    expect_text(what, work, "cp/state/seen/0.parquet", NULL);
}

/* ---- scenarios ---- */

static void start_empty(const char *folder) { fault_shell(folder, "rm -rf start && mkdir start"); }

static void start_after(const char *folder, int files, int steps) {
    char start[1000];
    start_empty(folder);
    snprintf(start, sizeof start, "%s/start", folder);
    assert_int_equal(run_files(start, files, steps), 0);
}

static void start_two_done(const char *folder) { start_after(folder, 2, -1); }
static void start_planned(const char *folder) { start_after(folder, FILES, 6 + 1); }
static void start_staged(const char *folder) { start_after(folder, FILES, 6 + 3); }
static void start_published(const char *folder) { start_after(folder, FILES, 6 + 4); }
static void start_committed(const char *folder) { start_after(folder, FILES, 6 + 5); }

static void start_state(const char *folder) {
    char start[1000];
    start_empty(folder);
    snprintf(start, sizeof start, "%s/start", folder);
    assert_int_equal(run_state(start, 1), 0);
}

static void run_scenario(void **state, const char *name, const char *mode, void (*prepare)(const char *),
                         void (*check)(const char *, const char *, int)) {
    char work[1000];
    fault_work_folder(temp_dir(*state), work);
    const char *argv[] = {fault_self(), mode, work, "3", NULL};
    fault_scenario s = {name, argv, prepare, check};
    fault_points_skip_or_run(&s, temp_dir(*state), every_kind, &distinct);
}

static void test_fault_run__first_run_ever(void **state) {
    run_scenario(state, "first run ever", "--run", start_empty, check_files);
}
static void test_fault_run__ordinary_batch(void **state) {
    run_scenario(state, "ordinary batch", "--run", start_two_done, check_files);
}
static void test_fault_run__recovery_of_a_planned_batch(void **state) {
    run_scenario(state, "recovery: planned", "--run", start_planned, check_files);
}
static void test_fault_run__recovery_of_a_staged_batch(void **state) {
    run_scenario(state, "recovery: staged", "--run", start_staged, check_files);
}
static void test_fault_run__recovery_of_a_published_batch(void **state) {
    run_scenario(state, "recovery: published", "--run", start_published, check_files);
}
static void test_fault_run__recovery_of_a_committed_batch(void **state) {
    run_scenario(state, "recovery: committed", "--run", start_committed, check_files);
}
static void test_fault_run__job_state(void **state) {
    run_scenario(state, "job state", "--state", start_state, check_state);
}

static void test_fault_run__there_are_at_least_200_distinct_points(void **state) {
    (void)state;
    if (!fault_library()) skip();
    print_message("%zu distinct (system call, step) points\n", distinct);
    assert_true(distinct >= 200);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, temp_dir_setup, temp_dir_teardown)

int main(int argc, char **argv) {
    fault_use_memory();
    if (argc == 4) return child(argv);
    const struct CMUnitTest tests[] = {
        TEST(test_fault_run__first_run_ever),
        TEST(test_fault_run__ordinary_batch),
        TEST(test_fault_run__recovery_of_a_planned_batch),
        TEST(test_fault_run__recovery_of_a_staged_batch),
        TEST(test_fault_run__recovery_of_a_published_batch),
        TEST(test_fault_run__recovery_of_a_committed_batch),
        TEST(test_fault_run__job_state),
        cmocka_unit_test(test_fault_run__there_are_at_least_200_distinct_points),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
