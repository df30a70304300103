/* A file in memory, and the Parquet file without rows that is one. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
// cmocka wants the ones above
#include <cmocka.h>

#include "engine/empty_parquet.h"
#include "port/fs.h"
#include "support/engine_kit.h"
#include "support/temp_dir.h"

static void assert_content(const char *path, const char *content) {
    PLI_AUTO(pli__buf_clear) pli__buf b = {0};
    assert_non_null(path);
    assert_int_equal(pli__fs_read(path, 100, &b, NULL), PLI_OK);
    assert_string_equal(b.ptr, content);
}

static void test_memory_file__has_one_path_and_cannot_be_changed(void **state) {
    (void)state;
    pli__memory_file f = PLI__MEMORY_FILE_NONE;
    char path[PLI__MEMORY_FILE_PATH], again[PLI__MEMORY_FILE_PATH];
    assert_content(pli__memory_file_path(&f, "abc", 3, path), "abc");
    assert_string_equal(pli__memory_file_path(&f, "abc", 3, again), path);
    assert_int_equal(write(f.fd, "x", 1), -1);
    close(f.fd);
}

static void test_memory_file__is_made_again_where_its_descriptor_was_closed(void **state) {
    pli__memory_file f = PLI__MEMORY_FILE_NONE;
    char path[PLI__MEMORY_FILE_PATH];
    assert_non_null(pli__memory_file_path(&f, "abc", 3, path));
    const int number = f.fd;
    close(number);
    assert_content(pli__memory_file_path(&f, "abc", 3, path), "abc"); /* the same number, another file */
    close(f.fd);
    const int other = open(temp_write(*state, "other", "of others"), O_RDONLY);
    assert_int_equal(other, number);
    assert_content(pli__memory_file_path(&f, "abc", 3, path), "abc");
    assert_int_not_equal(f.fd, other);
    close(other);
    close(f.fd);
}

static void test_empty_parquet__has_no_rows_and_adds_none(void **state) {
    char empty[PLI__MEMORY_FILE_PATH], sql[400];
    pli__engine *e = kit_open();
    assert_non_null(pli__empty_parquet(empty));
    snprintf(sql, sizeof sql, "SELECT num_rows + num_row_groups FROM parquet_file_metadata('%s')", empty);
    assert_int_equal(kit_i64(e, sql), 0);
    const char *rows = temp_path(*state, "rows.parquet");
    snprintf(sql, sizeof sql, "COPY (SELECT i FROM range(5) t(i)) TO '%s' (FORMAT parquet, FIELD_IDS {i: 7})", rows);
    kit_exec(e, sql);
    static const char *const keys[] = {"7", "'i'"}; /* by id and by name, as relation.c asks for columns */
    for (size_t k = 0; k < 2; k++) {
        snprintf(sql, sizeof sql,
                 "SELECT sum(c0 + file_index * 100) FROM read_parquet(['%s', '%s'],"
                 " schema = MAP {%s: {name: 'c0', type: 'BIGINT', default_value: NULL}})",
                 rows, empty, keys[k]);
        assert_int_equal(kit_i64(e, sql), 10);
    }
    pli__engine_close(e);
}

#define IN_FOLDER(f) cmocka_unit_test_setup_teardown(f, temp_dir_setup, temp_dir_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory_file__has_one_path_and_cannot_be_changed),
        IN_FOLDER(test_memory_file__is_made_again_where_its_descriptor_was_closed),
        IN_FOLDER(test_empty_parquet__has_no_rows_and_adds_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
