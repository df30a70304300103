/* Files and folders. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
// cmocka wants the ones above
#include <cmocka.h>

#include "port/fs.h"
#include "support/temp_dir.h"

static void test_fs__looks_at_files_folders_and_links(void **state) {
    pli__file_info info;
    const char *file = temp_write(*state, "file", "12345");
    const char *link = temp_path(*state, "link");
    assert_int_equal(symlink(file, link), 0);
    assert_int_equal(pli__fs_stat(file, &info, NULL), PLI_OK);
    assert_int_equal(info.kind, PLI__FILE_REGULAR);
    assert_int_equal(info.size, 5);
    assert_true(info.mtime_ns > INT64_C(1600000000000000000) && info.ctime_ns >= info.mtime_ns && info.inode != 0);
    assert_int_equal(pli__fs_stat(link, &info, NULL), PLI_OK);
    assert_int_equal(info.kind, PLI__FILE_REGULAR);
    assert_int_equal(pli__fs_lstat(link, &info, NULL), PLI_OK);
    assert_int_equal(info.kind, PLI__FILE_LINK);
    assert_int_equal(pli__fs_stat(temp_dir(*state), &info, NULL), PLI_OK);
    assert_int_equal(info.kind, PLI__FILE_DIR);
}

static void test_fs__what_is_missing_is_no_error_of_stat(void **state) {
    pli__file_info info = {.kind = PLI__FILE_DIR};
    temp_write(*state, "file", "");
    assert_int_equal(pli__fs_stat(temp_path(*state, "absent"), &info, NULL), PLI_OK);
    assert_int_equal(info.kind, PLI__FILE_NONE);
    assert_int_equal(pli__fs_lstat(temp_path(*state, "file/below"), &info, NULL), PLI_OK);
    assert_int_equal(info.kind, PLI__FILE_NONE);
    assert_int_equal(symlink("nowhere", temp_path(*state, "dangling")), 0);
    assert_int_equal(pli__fs_stat(temp_path(*state, "dangling"), &info, NULL), PLI_OK);
    assert_int_equal(info.kind, PLI__FILE_NONE);
}

static void test_fs__reads_whole_files_behind_what_is_there(void **state) {
    PLI_AUTO(pli__buf_clear) pli__buf b = {0};
    pli_error err;
    pli__buf_addz(&b, "kept:");
    const char *path = temp_write(*state, "file", "content");
    assert_int_equal(pli__fs_read(path, 7, &b, NULL), PLI_OK);
    assert_string_equal(b.ptr, "kept:content");
    assert_int_equal(pli__fs_read(path, 6, &b, &err), PLI_E_LIMIT);
    assert_non_null(strstr(err.message, path));
    assert_int_equal(pli__fs_read(temp_path(*state, "absent"), 100, &b, &err), PLI_E_NOT_FOUND);
    assert_int_equal(pli__fs_read(temp_dir(*state), 100, &b, &err), PLI_E_IO);
    assert_string_equal(b.ptr, "kept:content");
    assert_int_equal(pli__fs_read(temp_write(*state, "empty", ""), 0, &b, NULL), PLI_OK);
    assert_string_equal(b.ptr, "kept:content");
}

static void test_fs__reads_files_whose_size_is_not_known(void **state) {
    (void)state;
    PLI_AUTO(pli__buf_clear) pli__buf b = {0};
    assert_int_equal(pli__fs_read("/proc/self/maps", (size_t)1 << 20, &b, NULL), PLI_OK);
    assert_true(b.len > 1000);
    const size_t before = b.len;
    assert_int_equal(pli__fs_read("/proc/self/maps", 100, &b, NULL), PLI_E_LIMIT);
    assert_int_equal(b.len, before); /* nothing is left of a failed read */
}

static void test_fs__reads_a_large_file(void **state) {
    const size_t n = 3000000;
    char *text = malloc(n + 1);
    PLI_AUTO(pli__buf_clear) pli__buf b = {0};
    for (size_t i = 0; i < n; i++) text[i] = (char)('a' + i % 23);
    text[n] = 0;
    const char *path = temp_write(*state, "large", text);
    assert_int_equal(pli__fs_read(path, n, &b, NULL), PLI_OK);
    assert_int_equal(b.len, n);
    assert_memory_equal(b.ptr, text, n);
    free(text);
}

static void assert_read_at(const char *path, int64_t offset, size_t len, const char *want) {
    PLI_AUTO(pli__buf_clear) pli__buf b = {0};
    assert_int_equal(pli__fs_read_at(path, offset, len, &b, NULL), PLI_OK);
    assert_true(pli__str_eqz(pli__buf_str(&b), want));
}

static void test_fs__reads_parts_from_either_end(void **state) {
    const char *path = temp_write(*state, "file", "0123456789");
    assert_read_at(path, 0, 3, "012");
    assert_read_at(path, 7, 100, "789");
    assert_read_at(path, 10, 5, "");
    assert_read_at(path, 99, 5, "");
    assert_read_at(path, -4, 2, "67");
    assert_read_at(path, -4, 100, "6789");
    assert_read_at(path, -99, 3, "012");
    assert_read_at(path, 2, 0, "");
    assert_read_at(path, INT64_MIN, 2, "01");
    assert_int_equal(pli__fs_read_at(temp_path(*state, "absent"), 0, 1, &(pli__buf){0}, NULL), PLI_E_NOT_FOUND);
}

static void test_fs__makes_folders_with_parents(void **state) {
    pli__file_info info;
    pli_error err;
    const char *deep = temp_path(*state, "a/b/c/d");
    assert_int_equal(pli__fs_mkdirs(deep, NULL), PLI_OK);
    assert_int_equal(pli__fs_mkdirs(deep, NULL), PLI_OK);
    assert_int_equal(pli__fs_mkdirs(temp_path(*state, "a/b/x/"), NULL), PLI_OK);
    assert_int_equal(pli__fs_stat(deep, &info, NULL), PLI_OK);
    assert_int_equal(info.kind, PLI__FILE_DIR);
    temp_write(*state, "file", "");
    assert_int_equal(pli__fs_mkdirs(temp_path(*state, "file"), &err), PLI_E_EXISTS);
    assert_int_equal(pli__fs_mkdirs(temp_path(*state, "file/x"), &err), PLI_E_NOT_FOUND);
    assert_int_equal(pli__fs_mkdirs("", &err), PLI_E_ARGUMENT);
    assert_int_equal(pli__fs_mkdirs("/", &err), PLI_OK);
    assert_int_equal(pli__fs_mkdirs(".", &err), PLI_OK);
}

static void test_fs__makes_relative_folders(void **state) {
    char *before = getcwd(NULL, 0);
    assert_int_equal(chdir(temp_dir(*state)), 0);
    assert_int_equal(pli__fs_mkdirs("one", NULL), PLI_OK);
    assert_int_equal(pli__fs_mkdirs("two/three", NULL), PLI_OK);
    assert_int_equal(chdir(before), 0);
    free(before);
    assert_int_equal(temp_count(*state, ""), 2);
}

static void test_fs__removes_files_and_folders(void **state) {
    const char *file = temp_write(*state, "dir/file", "x"), *dir = temp_path(*state, "dir");
    assert_int_not_equal(pli__fs_rmdir(dir, true, NULL), PLI_OK); /* not empty */
    assert_int_equal(pli__fs_unlink(file, false, NULL), PLI_OK);
    assert_int_equal(pli__fs_unlink(file, false, NULL), PLI_E_NOT_FOUND);
    assert_int_equal(pli__fs_unlink(file, true, NULL), PLI_OK);
    assert_int_equal(pli__fs_rmdir(dir, false, NULL), PLI_OK);
    assert_int_equal(pli__fs_rmdir(dir, false, NULL), PLI_E_NOT_FOUND);
    assert_int_equal(pli__fs_rmdir(dir, true, NULL), PLI_OK);
}

static void test_fs__removes_a_tree_without_following_links(void **state) {
    temp_write(*state, "outside/kept", "x");
    temp_write(*state, "tree/a/b/file", "x");
    temp_write(*state, "tree/.hidden/file", "x");
    assert_int_equal(symlink(temp_path(*state, "outside"), temp_path(*state, "tree/link")), 0);
    assert_int_equal(symlink(temp_path(*state, "tree"), temp_path(*state, "link_to_tree")), 0);
    assert_int_equal(pli__fs_remove_tree(temp_path(*state, "link_to_tree"), NULL), PLI_OK); /* only the link */
    assert_string_equal(temp_read(*state, "tree/a/b/file"), "x");
    assert_int_equal(pli__fs_remove_tree(temp_path(*state, "tree"), NULL), PLI_OK);
    assert_int_equal(pli__fs_remove_tree(temp_path(*state, "tree"), NULL), PLI_OK);
    assert_string_equal(temp_read(*state, "outside/kept"), "x");
    assert_int_equal(temp_count(*state, ""), 1);
}

static void test_fs__renames_with_and_without_replacing(void **state) {
    pli_error err;
    const char *a = temp_write(*state, "a", "A"), *b = temp_write(*state, "b", "B"), *c = temp_path(*state, "c");
    assert_int_equal(pli__fs_rename_noreplace(a, b, &err), PLI_E_EXISTS);
    assert_true(err.flags & PLI_ERR_CONFLICT);
    assert_string_equal(temp_read(*state, "b"), "B");
    assert_int_equal(pli__fs_rename_noreplace(a, c, &err), PLI_OK);
    assert_string_equal(temp_read(*state, "c"), "A");
    assert_int_equal(pli__fs_rename(c, b, &err), PLI_OK);
    assert_string_equal(temp_read(*state, "b"), "A");
    assert_int_equal(pli__fs_rename(c, b, &err), PLI_E_NOT_FOUND);
    assert_int_equal(pli__fs_rename_noreplace(c, b, &err), PLI_E_NOT_FOUND);
}

static void test_fs__syncs_files_and_folders(void **state) {
    const char *file = temp_write(*state, "file", "x");
    assert_int_equal(pli__fs_sync_file(file, NULL), PLI_OK);
    assert_int_equal(pli__fs_sync_dir(temp_dir(*state), NULL), PLI_OK);
    assert_int_equal(pli__fs_sync_dir(file, NULL), PLI_E_NOT_FOUND); /* not a folder */
    assert_int_equal(pli__fs_sync_file(temp_path(*state, "absent"), NULL), PLI_E_NOT_FOUND);
}

typedef struct {
    unsigned files, folders, links, others;
    unsigned stop_after;
} seen;

static pli_status see(void *arg, const pli__dir_entry *e, pli_error *err) {
    seen *s = arg;
    assert_string_not_equal(e->name, ".");
    assert_string_not_equal(e->name, "..");
    s->files += e->kind == PLI__FILE_REGULAR;
    s->folders += e->kind == PLI__FILE_DIR;
    s->links += e->kind == PLI__FILE_LINK;
    s->others += e->kind == PLI__FILE_OTHER;
    if (s->stop_after && --s->stop_after == 0) return pli__error_set(err, PLI_E_CANCELLED, "enough");
    return PLI_OK;
}

static void test_fs__lists_every_kind(void **state) {
    seen s = {0};
    temp_write(*state, "file", "");
    temp_write(*state, ".hidden", "");
    temp_mkdir(*state, "dir");
    assert_int_equal(symlink("dir", temp_path(*state, "link")), 0);
    assert_int_equal(mkfifo(temp_path(*state, "fifo"), 0600), 0);
    assert_int_equal(pli__fs_list(temp_dir(*state), see, &s, NULL), PLI_OK);
    assert_int_equal(s.files, 2);
    assert_int_equal(s.folders, 1);
    assert_int_equal(s.links, 1);
    assert_int_equal(s.others, 1);
    s = (seen){.stop_after = 2};
    assert_int_equal(pli__fs_list(temp_dir(*state), see, &s, NULL), PLI_E_CANCELLED);
    assert_int_equal(pli__fs_list(temp_path(*state, "absent"), see, &s, NULL), PLI_E_NOT_FOUND);
    assert_int_equal(pli__fs_list(temp_path(*state, "file"), see, &s, NULL), PLI_E_NOT_FOUND);
}

static void test_fs__knows_its_file_system(void **state) {
    int64_t bytes = -1;
    assert_int_equal(pli__fs_free_space(temp_dir(*state), &bytes, NULL), PLI_OK);
    assert_true(bytes > 0);
    assert_int_equal(pli__fs_free_space(temp_path(*state, "absent"), &bytes, NULL), PLI_E_NOT_FOUND);
    assert_false(pli__fs_is_network("/proc"));
    assert_int_equal(pli__fs_is_network(temp_path(*state, "not/there/yet")), pli__fs_is_network(temp_dir(*state)));
    assert_int_equal(pli__fs_is_network("not/there/yet"), pli__fs_is_network("."));
}

#define IN_FOLDER(f) cmocka_unit_test_setup_teardown(f, temp_dir_setup, temp_dir_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_FOLDER(test_fs__looks_at_files_folders_and_links),
        IN_FOLDER(test_fs__what_is_missing_is_no_error_of_stat),
        IN_FOLDER(test_fs__reads_whole_files_behind_what_is_there),
        IN_FOLDER(test_fs__reads_files_whose_size_is_not_known),
        IN_FOLDER(test_fs__reads_a_large_file),
        IN_FOLDER(test_fs__reads_parts_from_either_end),
        IN_FOLDER(test_fs__makes_folders_with_parents),
        IN_FOLDER(test_fs__makes_relative_folders),
        IN_FOLDER(test_fs__removes_files_and_folders),
        IN_FOLDER(test_fs__removes_a_tree_without_following_links),
        IN_FOLDER(test_fs__renames_with_and_without_replacing),
        IN_FOLDER(test_fs__syncs_files_and_folders),
        IN_FOLDER(test_fs__lists_every_kind),
        IN_FOLDER(test_fs__knows_its_file_system),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
