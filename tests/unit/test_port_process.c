/* Processes, environment, cancellation, sleep. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>
// cmocka wants the ones above
#include <cmocka.h>

#include "base/time.h"
#include "port/process.h"

static void test_process__knows_itself(void **state) {
    (void)state;
    char host[PLI__HOST_NAME_MAX];
    int64_t start = 0, again = 0;
    pli__host_name(host);
    assert_true(strlen(host) > 0);
    assert_int_equal(pli__process_id(), getpid());
    assert_true(pli__process_is_alive(pli__process_id()));
    assert_true(pli__process_start(pli__process_id(), &start));
    assert_true(pli__process_start(pli__process_id(), &again));
    assert_true(start > 0 && start == again);
}

static void test_process__knows_the_dead(void **state) {
    (void)state;
    int64_t start = -1;
    const pid_t child = fork();
    if (child == 0) _exit(0);
    waitpid(child, NULL, 0);
    assert_false(pli__process_is_alive(child));
    assert_false(pli__process_start(child, &start));
    assert_int_equal(start, -1);
    assert_false(pli__process_is_alive(0));
    assert_false(pli__process_is_alive(-1)); /* kill(-1) would mean everybody */
    assert_false(pli__process_is_alive(INT64_MAX));
    assert_true(pli__process_is_alive(1));
}

static void test_process__reads_the_environment_with_a_cap(void **state) {
    (void)state;
    const char *value = "unchanged";
    char *large = malloc(PLI__ENV_MAX + 2);
    memset(large, 'x', PLI__ENV_MAX + 1);
    large[PLI__ENV_MAX + 1] = 0;
    setenv("PLI_TEST_VARIABLE", "text", 1);
    assert_int_equal(pli__env_get("PLI_TEST_VARIABLE", &value, NULL), PLI_OK);
    assert_string_equal(value, "text");
    setenv("PLI_TEST_VARIABLE", large, 1);
    assert_int_equal(pli__env_get("PLI_TEST_VARIABLE", &value, NULL), PLI_E_LIMIT);
    large[PLI__ENV_MAX] = 0;
    setenv("PLI_TEST_VARIABLE", large, 1);
    assert_int_equal(pli__env_get("PLI_TEST_VARIABLE", &value, NULL), PLI_OK);
    setenv("PLI_TEST_VARIABLE", "", 1);
    assert_int_equal(pli__env_get("PLI_TEST_VARIABLE", &value, NULL), PLI_OK);
    assert_null(value);
    unsetenv("PLI_TEST_VARIABLE");
    assert_int_equal(pli__env_get("PLI_TEST_VARIABLE", &value, NULL), PLI_OK);
    assert_null(value);
    free(large);
}

static pli__cancel flag;
static void on_alarm(int sig) {
    (void)sig;
    pli__cancel_request(&flag); /* NOLINT(bugprone-signal-handler): it is made for this */
}

static void arm_alarm(int64_t us, int64_t every_us) {
    const struct itimerval t = {.it_value = {.tv_usec = us}, .it_interval = {.tv_usec = every_us}};
    setitimer(ITIMER_REAL, &t, NULL);
}

static void test_process__a_signal_ends_a_sleep_that_asks(void **state) {
    (void)state;
    pli_error err;
    flag = (pli__cancel){0};
    signal(SIGALRM, on_alarm);
    arm_alarm(30000, 0);
    const int64_t start = pli__monotonic_us();
    assert_int_equal(pli__sleep(INT64_C(60000000), pli__cancel_poll, &flag, &err), PLI_E_CANCELLED);
    assert_true(pli__monotonic_us() - start < 30000000);
    assert_true(pli__cancel_is_requested(&flag));
    assert_int_equal(pli__sleep(0, pli__cancel_poll, &flag, &err), PLI_E_CANCELLED);
    signal(SIGALRM, SIG_DFL);
}

static void test_process__signals_do_not_shorten_a_sleep(void **state) {
    (void)state;
    signal(SIGALRM, on_alarm);
    arm_alarm(5000, 5000);
    const int64_t start = pli__monotonic_us();
    assert_int_equal(pli__sleep(60000, NULL, NULL, NULL), PLI_OK);
    arm_alarm(0, 0);
    assert_true(pli__monotonic_us() - start >= 60000);
    signal(SIGALRM, SIG_DFL);
}

static void test_process__no_flag_is_never_cancelled(void **state) {
    (void)state;
    assert_int_equal(pli__cancel_poll(NULL, NULL), PLI_OK);
    assert_int_equal(pli__sleep(-5, pli__cancel_poll, NULL, NULL), PLI_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_process__knows_itself),
        cmocka_unit_test(test_process__knows_the_dead),
        cmocka_unit_test(test_process__reads_the_environment_with_a_cap),
        cmocka_unit_test(test_process__a_signal_ends_a_sleep_that_asks),
        cmocka_unit_test(test_process__signals_do_not_shorten_a_sleep),
        cmocka_unit_test(test_process__no_flag_is_never_cancelled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
