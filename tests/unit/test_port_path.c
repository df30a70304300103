/* Paths as text and resolved. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
// cmocka wants the ones above
#include <cmocka.h>

#include "port/fs.h"
#include "support/temp_dir.h"

static void assert_join(const char *a, const char *b, const char *want) {
    PLI_AUTO(pli__free_ptr) char *path = pli__path_join(a, b);
    assert_string_equal(path, want);
}

static void test_path__joins(void **state) {
    (void)state;
    assert_join("a", "b", "a/b");
    assert_join("a/", "b", "a/b");
    assert_join("/", "b", "/b");
    assert_join("a", "/b", "/b");
    assert_join("", "b", "b");
    assert_join("a", "", "a/");
}

static void assert_split(const char *path, const char *dir, const char *base) {
    PLI_AUTO(pli__free_ptr) char *got = pli__path_dir(path);
    assert_string_equal(got, dir);
    assert_string_equal(pli__path_base(path), base);
}

static void test_path__splits(void **state) {
    (void)state;
    assert_split("/a/b", "/a", "b");
    assert_split("a/b/c", "a/b", "c");
    assert_split("b", ".", "b");
    assert_split("/b", "/", "b");
    assert_split("/", "/", "");
    assert_split("a//b", "a", "b");
    assert_split("a/", "a", "");
}

static void test_path__knows_what_lies_inside(void **state) {
    (void)state;
    assert_true(pli__path_inside("/a/b", "/a"));
    assert_true(pli__path_inside("/a", "/a"));
    assert_true(pli__path_inside("/a", "/"));
    assert_false(pli__path_inside("/ab", "/a"));
    assert_false(pli__path_inside("/a", "/a/b"));
}

static void assert_abs(const char *path, const char *want) {
    PLI_AUTO(pli__free_ptr) char *got = NULL;
    pli_error err;
    if (pli__fs_abs_path(path, &got, &err) != PLI_OK) fail_msg("%s", err.message);
    assert_string_equal(got, want);
}

static void test_path__resolves_what_exists_and_cleans_the_rest(void **state) {
    temp_mkdir(*state, "real/sub");
    assert_int_equal(symlink("real/sub", temp_path(*state, "link")), 0);
    assert_abs(temp_path(*state, "real/./sub//"), temp_path(*state, "real/sub"));
    assert_abs(temp_path(*state, "link"), temp_path(*state, "real/sub"));
    assert_abs(temp_path(*state, "link/new/file"), temp_path(*state, "real/sub/new/file"));
    assert_abs(temp_path(*state, "link/../x"), temp_path(*state, "real/x")); /* as the kernel sees it */
    assert_abs(temp_path(*state, "new/./a/../b//c/"), temp_path(*state, "new/b/c"));
    assert_abs(temp_path(*state, "new/../link/x"), temp_path(*state, "real/sub/x"));
    assert_abs("/", "/");
    assert_abs("/..", "/");
    assert_abs("/surely/not/here", "/surely/not/here");
    assert_abs("/surely/../../..", "/");
    assert_int_equal(symlink("nowhere/at/all", temp_path(*state, "dangling")), 0);
    assert_abs(temp_path(*state, "dangling"), temp_path(*state, "dangling"));
    temp_write(*state, "file", "");
    assert_abs(temp_path(*state, "file/below"), temp_path(*state, "file/below"));
}

static void test_path__relative_ones_start_at_the_working_folder(void **state) {
    char *before = getcwd(NULL, 0);
    const char *sub = temp_mkdir(*state, "sub");
    assert_int_equal(chdir(sub), 0);
    assert_abs("x", temp_path(*state, "sub/x"));
    assert_abs(".", sub);
    assert_abs("..", temp_dir(*state));
    assert_abs("", sub);
    assert_int_equal(chdir(before), 0);
    free(before);
}

static void test_path__real_paths_must_exist(void **state) {
    PLI_AUTO(pli__free_ptr) char *got = NULL;
    assert_int_equal(pli__fs_real_path(temp_path(*state, "absent"), &got, NULL), PLI_E_NOT_FOUND);
    assert_null(got);
    assert_int_equal(symlink("loop", temp_path(*state, "loop")), 0);
    assert_int_equal(pli__fs_real_path(temp_path(*state, "loop"), &got, NULL), PLI_E_IO);
    assert_int_equal(pli__fs_real_path(temp_path(*state, "./"), &got, NULL), PLI_OK);
    assert_string_equal(got, temp_dir(*state));
}

#define IN_FOLDER(f) cmocka_unit_test_setup_teardown(f, temp_dir_setup, temp_dir_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_path__joins),
        cmocka_unit_test(test_path__splits),
        cmocka_unit_test(test_path__knows_what_lies_inside),
        IN_FOLDER(test_path__resolves_what_exists_and_cleans_the_rest),
        IN_FOLDER(test_path__relative_ones_start_at_the_working_folder),
        IN_FOLDER(test_path__real_paths_must_exist),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
