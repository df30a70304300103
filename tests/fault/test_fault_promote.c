/*
 * `pli schema promote` under kills and I/O errors at every mutating call. Whatever comes next, a batch that rescues the field or
 * the same promotion once more: in the end every value is in the column or, where it does not fit, in the rescued data.
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

#include "pli/checkpoint.h"
#include "support/delta_job.h"
#include "support/fault_points.h"
#include "support/temp_dir.h"

static const char *const kinds[] = {"kill", "eio", NULL};
static const char *const job[] = {"schema.mode", "strict", "schema.rescue_mode", "column", NULL};
static size_t distinct;
static pli_env *env;

/* ---- the program under test ---- */

static int child(const char *folder) {
    pli_error err = {0};
    env = fault_new_env();
    const pli_status status = delta_job_promote(env, folder, job, "n", &err);
    pli_env_free(env);
    return fault_exit(status, &err);
}

/* ---- checks ---- */

static void must(const char *what, pli_status status, const pli_error *err) {
    if (status != PLI_OK) fail_msg("%s: %s: %s", what, pli_status_name(status), err->message);
}

static void run_job(const char *what, const char *work) {
    pli_error err = {0};
    must(what, delta_job_run(env, work, job, -1, &err), &err);
}

static void promote(const char *what, const char *work) {
    pli_error err = {0};
    must(what, delta_job_promote(env, work, job, "n", &err), &err);
}

static void begin_check(const char *folder, const char *what, int status, char work[1000]) {
    fault_work_folder(folder, work);
    if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL) fail_msg("%s: ended by signal %d", what, WTERMSIG(status));
    if (WIFEXITED(status) && WEXITSTATUS(status) >= 100) fail_msg("%s: exit code %d", what, WEXITSTATUS(status));
}

static void expect_rows(const char *what, const char *work) {
    pli_error err = {0};
    char cp[1200];
    int64_t findings = 0;
    char *have = delta_job_rows(
        env, work,
        "concat_ws('/', id, coalesce(n::VARCHAR, '-'), coalesce(json_extract_string(_rescued_data, '$.n'), '-'))");
    if (strcmp(have, "0/-/- 1/-/- 10/5/- 11/-/x 12/6/- 20/7/- 21/-/y") != 0) fail_msg("%s: rows are %s", what, have);
    free(have);
    snprintf(cp, sizeof cp, "%s/cp", work);
    must(what, pli_checkpoint_verify(env, cp, NULL, NULL, NULL, &findings, &err), &err);
    if (findings) fail_msg("%s: verify finds %lld faults", what, (long long)findings);
}

/* In between a batch comes that knows nothing of the promotion, or all. */
static void check_run_first(const char *folder, const char *what, int status) {
    char work[1000];
    begin_check(folder, what, status, work);
    run_job(what, work);
    promote(what, work);
    expect_rows(what, work);
}

static void check_promote_first(const char *folder, const char *what, int status) {
    char work[1000];
    begin_check(folder, what, status, work);
    promote(what, work);
    run_job(what, work);
    expect_rows(what, work);
}

/* ---- scenarios ---- */

static void add_file(const char *work, const char *name, const char *text) {
    char path[1200];
    snprintf(path, sizeof path, "%s/in/%s", work, name);
    FILE *f = fopen(path, "w");
    if (!f) fail_msg("cannot write %s", path);
    fputs(text, f);
    fclose(f);
    fault_shell(work, "touch -d 2024-01-01 in/*");
}

static void start(const char *folder) {
    char work[1000];
    fault_shell(folder, "rm -rf start work && mkdir work"); /* made where it is used: records hold absolute paths */
    fault_work_folder(folder, work);
    delta_job_add_file(work, 0);
    add_file(work, "g.csv", "id,name,n\n10,a,5\n11,b,x\n12,c,6\n");
    run_job("the first run", work);
    add_file(work, "h.csv", "id,name,n\n20,a,7\n21,b,y\n");
    fault_shell(folder, "mv work start");
}

static void run_scenario(void **state, const char *name, void (*check)(const char *, const char *, int)) {
    char work[1000];
    pli_error err = {0};
    pli_env_options o = {.size = sizeof o, .threads = 1};
    if (!env && pli_env_new(&o, &env, &err) != PLI_OK) fail_msg("%s", err.message);
    fault_work_folder(temp_dir(*state), work);
    const char *argv[] = {fault_self(), "--promote", work, NULL};
    const fault_scenario s = {name, argv, start, check};
    fault_points_skip_or_run(&s, temp_dir(*state), kinds, &distinct);
}

static void test_fault_promote__then_a_batch(void **state) {
    run_scenario(state, "promotion, then a batch", check_run_first);
}

static void test_fault_promote__then_the_same_once_more(void **state) {
    run_scenario(state, "promotion, then the same", check_promote_first);
}

static void test_fault_promote__there_are_at_least_20_distinct_points(void **state) {
    (void)state;
    if (!fault_library()) skip();
    print_message("%zu distinct (system call, step) points\n", distinct);
    assert_true(distinct >= 20);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, temp_dir_setup, temp_dir_teardown)

int main(int argc, char **argv) {
    fault_use_memory();
    if (argc == 3) return child(argv[2]);
    const struct CMUnitTest tests[] = {
        TEST(test_fault_promote__then_a_batch),
        TEST(test_fault_promote__then_the_same_once_more),
        cmocka_unit_test(test_fault_promote__there_are_at_least_20_distinct_points),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    pli_env_free(env);
    return failed;
}
