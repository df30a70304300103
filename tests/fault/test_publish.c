/*
 * Publication under every fault at every call: what is there afterwards is the old record, the new one, or none, never a
 * part; the answer is never wrong; and only a kill leaves anything behind.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
// cmocka wants the ones above
#include <cmocka.h>

#include "port/store.h"
#include "support/iofault_run.h"
#include "support/temp_dir.h"

static const char new_text[] = "{\"new\": \"a record that is longer than one byte\"}";

/* The work of the children; the exit code is the status. */
static int child_main(void) {
    pli__store *s = NULL;
    const char *work = iofault_child();
    if (pli__store_local_open(iofault_folder(), &s, NULL) != PLI_OK) return 126;
    const unsigned flags = strstr(work, "relaxed") ? PLI__STORE_RELAXED : 0;
    const pli__str text = pli__str_of(new_text);
    const pli_status status = strstr(work, "replace") ? pli__store_replace(s, "dir/record", text, flags, NULL)
                                                      : pli__store_put_if_absent(s, "dir/record", text, flags, NULL);
    pli__store_free(s);
    return (int)status;
}

static unsigned count_calls(void *temp, const char *work, const char *old) {
    if (old) temp_write(temp, "root/dir/record", old);
    const int ended = iofault_run(temp, work, &(iofault){.log = true});
    assert_true(WIFEXITED(ended) && WEXITSTATUS(ended) == PLI_OK);
    const unsigned n = iofault_calls(temp);
    assert_true(n >= 5);
    return n;
}

static void start_over(void *temp, const char *old) {
    assert_int_equal(pli__fs_remove_tree(temp_path(temp, "root"), NULL), PLI_OK);
    if (old) temp_write(temp, "root/dir/record", old);
}

/* Old, new or nothing, as a whole. */
static bool check_record(void *temp, const char *old) {
    const char *text = temp_read(temp, "root/dir/record");
    const bool is_new = text && strcmp(text, new_text) == 0;
    if (is_new) return true;
    if (old) assert_non_null(text);
    if (text && !old) fail_msg("a part was published: '%s'", text);
    if (text) assert_string_equal(text, old);
    return false;
}

/* An error after which nothing may have been published, or one that says that it is not known. */
static void check_answer(int ended, const char *what, bool is_new, unsigned at) {
    if (strncmp(what, "kill", 4) == 0) {
        assert_true(WIFSIGNALED(ended));
        return;
    }
    assert_true(WIFEXITED(ended));
    const int status = WEXITSTATUS(ended);
    if (status == PLI_OK && !is_new) fail_msg("call %u, %s: success was claimed", at, what);
    if (status != PLI_OK && status != PLI_E_UNKNOWN && is_new)
        fail_msg("call %u, %s: failure was claimed (%d)", at, what, status);
}

/* A temporary file stays after a kill, and where its removal is the call that was struck. */
static void check_leftovers(void *temp, unsigned at, const char *what, size_t left) {
    char unlink_line[32];
    snprintf(unlink_line, sizeof unlink_line, "%u unlink ", at);
    const bool may_stay = strncmp(what, "kill", 4) == 0 || strstr(iofault_log(temp), unlink_line);
    if (left > may_stay) fail_msg("call %u, %s: %zu files were left behind", at, what, left);
}

static void strike_each_call(void *temp, const char *work, const char *old) {
    static const char *const faults[] = {"kill", "kill_after", "eio", "eio_after", "enospc", "short"};
    if (!iofault_available()) skip();
    const unsigned calls = count_calls(temp, work, old);
    for (size_t f = 0; f < sizeof faults / sizeof faults[0]; f++) {
        for (unsigned at = 1; at <= calls; at++) {
            start_over(temp, old);
            const int ended = iofault_run(temp, work, &(iofault){.at = at, .what = faults[f]});
            const bool is_new = check_record(temp, old);
            check_answer(ended, faults[f], is_new, at);
            check_leftovers(temp, at, faults[f], temp_count(temp, "root/dir") - (is_new || old));
            /* the next run succeeds, or finds its own record */
            const int again = iofault_run(temp, work, &(iofault){0});
            assert_true(WIFEXITED(again));
            assert_true(WEXITSTATUS(again) == PLI_OK ||
                        (WEXITSTATUS(again) == PLI_E_EXISTS && !strstr(work, "replace")));
            assert_true(check_record(temp, old));
        }
    }
}

static void test_publish__new_under_every_fault(void **state) { strike_each_call(*state, "put", NULL); }
static void test_publish__new_relaxed_under_every_fault(void **state) { strike_each_call(*state, "put relaxed", NULL); }
static void test_publish__replace_under_every_fault(void **state) { strike_each_call(*state, "replace", "old"); }

/* The publishing step itself: what each lost answer is called. */
static void assert_status(void *temp, const char *work, const char *call, const char *what, int want, bool there) {
    if (!iofault_available()) skip();
    start_over(temp, NULL);
    temp_mkdir(temp, "root/dir");
    const int ended = iofault_run(temp, work, &(iofault){.at = 1, .call = call, .what = what});
    assert_true(WIFEXITED(ended));
    assert_int_equal(WEXITSTATUS(ended), want);
    assert_int_equal(check_record(temp, NULL), there);
    assert_int_equal(temp_count(temp, "root/dir"), there); /* no temporary file */
}

static void test_publish__a_lost_answer_is_unknown_and_a_refusal_is_not(void **state) {
    assert_status(*state, "put", "link", "eio", PLI_E_UNKNOWN, false);
    assert_status(*state, "put", "link", "eio_after", PLI_E_UNKNOWN, true);
    assert_status(*state, "put", "link", "enospc", PLI_E_DISK_FULL, false);
    assert_status(*state, "replace", "rename", "eio", PLI_E_UNKNOWN, false);
    assert_status(*state, "replace", "rename", "eio_after", PLI_E_UNKNOWN, true);
    assert_status(*state, "put", "write", "short", PLI_E_DISK_FULL, false);
    assert_status(*state, "put", "fsync", "eio", PLI_E_IO, false);
}

static void test_publish__an_unsynced_folder_is_unknown(void **state) {
    if (!iofault_available()) skip();
    temp_mkdir(*state, "root/dir");
    const int ended = iofault_run(*state, "put", &(iofault){.at = 2, .call = "fsync", .what = "eio"});
    assert_int_equal(WEXITSTATUS(ended), PLI_E_UNKNOWN);
    assert_true(check_record(*state, NULL));
}

#define IN_FOLDER(f) cmocka_unit_test_setup_teardown(f, temp_dir_setup, temp_dir_teardown)

int main(void) {
    if (iofault_child()) return child_main();
    const struct CMUnitTest tests[] = {
        IN_FOLDER(test_publish__new_under_every_fault),
        IN_FOLDER(test_publish__new_relaxed_under_every_fault),
        IN_FOLDER(test_publish__replace_under_every_fault),
        IN_FOLDER(test_publish__a_lost_answer_is_unknown_and_a_refusal_is_not),
        IN_FOLDER(test_publish__an_unsynced_folder_is_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
