/* Waiting for changes. Where inotify is not to be had, only the tests that need it are skipped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
// cmocka wants the ones above
#include <cmocka.h>

#include "base/time.h"
#include "port/fs.h"
#include "port/watch.h"
#include "support/temp_dir.h"

static pli__watch *open_watch(const char *folder) {
    pli__watch *w = NULL;
    assert_int_equal(pli__watch_open(&folder, 1, &w, NULL), PLI_OK);
    return w;
}

static bool wakes(pli__watch *w, int64_t timeout_us) {
    bool changed = false;
    assert_int_equal(pli__watch_wait(w, timeout_us, 0, NULL, NULL, &changed, NULL), PLI_OK);
    return changed;
}

enum { LONG = 20000000, SHORT = 20000 };

static void test_watch__wakes_for_a_new_file(void **state) {
    PLI_AUTO(pli__watch_auto) pli__watch *w = open_watch(temp_dir(*state));
    if (!pli__watch_is_active(w)) skip();
    assert_false(wakes(w, SHORT));
    temp_write(*state, "new.csv", "x");
    assert_true(wakes(w, LONG));
    assert_false(wakes(w, SHORT)); /* the change has been told */
}

static void test_watch__wakes_for_changes_in_subfolders_old_and_new(void **state) {
    temp_mkdir(*state, "a/b");
    PLI_AUTO(pli__watch_auto) pli__watch *w = open_watch(temp_dir(*state));
    if (!pli__watch_is_active(w)) skip();
    temp_write(*state, "a/b/file", "x");
    assert_true(wakes(w, LONG));
    temp_mkdir(*state, "c/d");
    assert_true(wakes(w, LONG));
    while (wakes(w, SHORT)) continue;
    temp_write(*state, "c/d/file", "x");
    assert_true(wakes(w, LONG));
}

static void test_watch__wakes_for_a_rename_into_the_folder(void **state) {
    const char *folder = temp_mkdir(*state, "in");
    PLI_AUTO(pli__watch_auto) pli__watch *w = open_watch(folder);
    if (!pli__watch_is_active(w)) skip();
    temp_write(*state, "outside", "x");
    assert_false(wakes(w, SHORT));
    assert_int_equal(rename(temp_path(*state, "outside"), temp_path(*state, "in/file")), 0);
    assert_true(wakes(w, LONG));
}

static void test_watch__survives_the_removal_of_its_folder(void **state) {
    const char *folder = temp_mkdir(*state, "in/sub");
    PLI_AUTO(pli__watch_auto) pli__watch *w = open_watch(folder);
    if (!pli__watch_is_active(w)) skip();
    assert_int_equal(pli__fs_remove_tree(temp_path(*state, "in"), NULL), PLI_OK);
    assert_true(wakes(w, LONG));
    assert_false(wakes(w, SHORT));
    assert_false(pli__watch_is_active(w));
}

static void test_watch__waits_for_time_alone_if_there_is_nothing_to_watch(void **state) {
    PLI_AUTO(pli__watch_auto) pli__watch *w = open_watch(temp_path(*state, "absent"));
    assert_false(pli__watch_is_active(w));
    const int64_t start = pli__monotonic_us();
    assert_false(wakes(w, 30000));
    assert_true(pli__monotonic_us() - start >= 30000);
    pli__watch_close(NULL);
}

static pli_status stop_third(void *arg, pli_error *err) {
    if (++*(int *)arg < 3) return PLI_OK;
    return pli__error_set(err, PLI_E_CANCELLED, "stop");
}

static void test_watch__the_wait_can_be_ended(void **state) {
    PLI_AUTO(pli__watch_auto) pli__watch *w = open_watch(temp_dir(*state));
    int calls = 0;
    bool changed = true;
    assert_int_equal(pli__watch_wait(w, LONG, 0, stop_third, &calls, &changed, NULL), PLI_E_CANCELLED);
    assert_int_equal(calls, 3);
    assert_true(changed); /* not written */
}

static void test_watch__gathers_a_burst(void **state) {
    PLI_AUTO(pli__watch_auto) pli__watch *w = open_watch(temp_dir(*state));
    if (!pli__watch_is_active(w)) skip();
    bool changed = false;
    temp_write(*state, "one", "x");
    const int64_t start = pli__monotonic_us();
    assert_int_equal(pli__watch_wait(w, LONG, 30000, NULL, NULL, &changed, NULL), PLI_OK);
    assert_true(changed);
    assert_true(pli__monotonic_us() - start >= 30000);
}

static void test_watch__keeps_to_its_number_of_folders(void **state) {
    for (int i = 0; i < PLI__WATCH_FOLDERS_MAX + 20; i++) {
        char name[32];
        snprintf(name, sizeof name, "d%d", i);
        temp_mkdir(*state, name);
    }
    PLI_AUTO(pli__watch_auto) pli__watch *w = open_watch(temp_dir(*state));
    if (!pli__watch_is_active(w)) skip();
    temp_write(*state, "top", "x"); /* the root comes first */
    assert_true(wakes(w, LONG));
}

#define IN_FOLDER(f) cmocka_unit_test_setup_teardown(f, temp_dir_setup, temp_dir_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_FOLDER(test_watch__wakes_for_a_new_file),
        IN_FOLDER(test_watch__wakes_for_changes_in_subfolders_old_and_new),
        IN_FOLDER(test_watch__wakes_for_a_rename_into_the_folder),
        IN_FOLDER(test_watch__survives_the_removal_of_its_folder),
        IN_FOLDER(test_watch__waits_for_time_alone_if_there_is_nothing_to_watch),
        IN_FOLDER(test_watch__the_wait_can_be_ended),
        IN_FOLDER(test_watch__gathers_a_burst),
        IN_FOLDER(test_watch__keeps_to_its_number_of_folders),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
