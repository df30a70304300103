/* Memory limit, spilling, interrupts, progress, full disks; and that closing leaves nothing behind. */
#include <dirent.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/time.h"
#include "port/fs.h"
#include "support/engine_kit.h"
#include "support/temp_dir.h"

#define MB ((int64_t)1 << 20)

static void test_engine_limits__a_query_beyond_the_memory_limit_fails_and_the_engine_goes_on(void **state) {
    pli__engine *e = kit_open_with(
        &(pli__engine_options){.threads = 2, .memory_limit = 60 * MB, .spill_dir = temp_dir(*state)});
    const pli_error *err = kit_error(e, "SELECT len(list(repeat('x', 100) || i)) FROM range(10000000) t(i)");
    assert_int_equal(err->code, PLI_E_MEMORY);
    assert_null(strstr(err->message, "SET memory_limit"));
    assert_int_equal(kit_i64(e, "SELECT 42"), 42);
    pli__engine_close(e);
}

static void test_engine_limits__a_sort_spills_and_the_folder_is_empty_afterwards(void **state) {
    pli__engine *e = kit_open_with(
        &(pli__engine_options){.threads = 2, .memory_limit = 100 * MB, .spill_dir = temp_dir(*state)});
    kit_exec(e, "CREATE TEMP TABLE big AS SELECT md5(i::VARCHAR) AS m, i FROM range(3000000) t(i) ORDER BY m");
    assert_true(temp_count(*state, "") > 0);
    assert_int_equal(kit_i64(e, "SELECT count(DISTINCT i) FROM big"), 3000000);
    pli__engine_close(e);
    assert_int_equal(temp_count(*state, ""), 0);
}

static void test_engine_limits__a_spill_folder_that_we_made_goes_again(void **state) {
    const char *folder = temp_path(*state, "deep/spill");
    pli__engine *e = kit_open_with(&(pli__engine_options){.threads = 2, .memory_limit = 100 * MB, .spill_dir = folder});
    pli__file_info info;
    kit_exec(e, "CREATE TEMP TABLE big AS SELECT md5(i::VARCHAR) AS m FROM range(2500000) t(i) ORDER BY m");
    pli__engine_close(e);
    assert_int_equal(pli__fs_stat(folder, &info, NULL), PLI_OK);
    assert_int_equal(info.kind, PLI__FILE_NONE);
}

static void test_engine_limits__files_of_others_in_the_spill_folder_stay(void **state) {
    temp_write(*state, "keep", "mine");
    pli__engine *e = kit_open_with(&(pli__engine_options){.threads = 1, .spill_dir = temp_dir(*state)});
    kit_exec(e, "SELECT 1");
    pli__engine_close(e);
    assert_string_equal(temp_read(*state, "keep"), "mine");
    assert_int_equal(temp_count(*state, ""), 1);
}

static void test_engine_limits__an_engine_that_does_not_spill_makes_no_folder(void **state) {
    pli__engine *e = kit_open_with(&(pli__engine_options){.threads = 1, .spill_dir = temp_dir(*state)});
    kit_exec(e, "CREATE TABLE t AS SELECT * FROM range(1000)");
    assert_int_equal(temp_count(*state, ""), 0);
    pli__engine_close(e);
}

/* ---- interrupts and progress ---- */

typedef struct {
    pli__engine *engine;
    int delay_us;
    double highest;
    uint64_t total;
    atomic_bool over;
} watcher;

static void *interrupt_later(void *arg) {
    watcher *w = arg;
    /* again and again: one that comes before the call has begun does nothing */
    while (!atomic_load(&w->over)) {
        usleep((useconds_t)w->delay_us);
        pli__engine_interrupt(w->engine);
    }
    return NULL;
}

static void test_engine_limits__an_interrupt_from_another_thread_ends_the_call(void **state) {
    (void)state;
    pli__engine *e = kit_open();
    watcher w = {.engine = e, .delay_us = 200000};
    pthread_t thread;
    pli_error err = {0};
    const int64_t start = pli__monotonic_us();
    assert_int_equal(pthread_create(&thread, NULL, interrupt_later, &w), 0);
    assert_int_equal(
        pli__engine_exec(
            e, "CREATE TABLE t AS SELECT count(*) FROM range(10000000000) a(i), range(1000) b(j) WHERE i * j % 7 = 3",
            NULL, &err),
        PLI_E_CANCELLED);
    atomic_store(&w.over, true);
    pthread_join(thread, NULL);
    assert_true(pli__monotonic_us() - start < 20000000);
    assert_int_equal(kit_i64(e, "SELECT 5"), 5);
    pli__engine_close(e);
}

static void test_engine_limits__an_interrupt_while_rows_are_read_ends_the_result(void **state) {
    (void)state;
    pli__engine *e = kit_open();
    pli__result *r = NULL;
    pli__chunk c;
    pli_error err = {0};
    assert_int_equal(pli__engine_query(e, "SELECT i FROM range(10000000000) t(i)", &r, &err), PLI_OK);
    assert_int_equal(pli__result_next(r, &c, &err), PLI_OK);
    pli__engine_interrupt(e);
    pli_status status;
    do status = pli__result_next(r, &c, &err);
    while (status == PLI_OK && c.rows);
    assert_int_equal(status, PLI_E_CANCELLED);
    pli__result_free(r);
    assert_int_equal(kit_i64(e, "SELECT 5"), 5);
    pli__engine_close(e);
}

static void test_engine_limits__an_interrupt_while_idle_does_nothing(void **state) {
    (void)state;
    pli__engine *e = kit_open();
    pli__engine_interrupt(e);
    assert_int_equal(kit_i64(e, "SELECT 5"), 5);
    pli__engine_close(e);
}

static void *watch_progress(void *arg) {
    watcher *w = arg;
    while (!atomic_load(&w->over)) {
        uint64_t done, total;
        const double percent = pli__engine_progress(w->engine, &done, &total);
        if (percent > w->highest) w->highest = percent;
        if (total > w->total) w->total = total;
        usleep(2000);
    }
    return NULL;
}

static void test_engine_limits__progress_can_be_asked_for_from_another_thread(void **state) {
    pli__engine *e = kit_open();
    pli__buf sql = {0};
    assert_true(pli__engine_progress(e, NULL, NULL) == -1);
    pli__buf_addf(
        &sql,
        "COPY (SELECT i, md5(i::VARCHAR) AS m FROM range(2000000) t(i)) TO '%s' (FORMAT parquet, ROW_GROUP_SIZE 20000)",
        temp_path(*state, "in.parquet"));
    kit_exec(e, sql.ptr);
    pli__buf_reset(&sql);
    pli__buf_addf(&sql, "CREATE TABLE t AS SELECT max(md5(md5(md5(m)))) FROM '%s'", temp_path(*state, "in.parquet"));
    watcher w = {.engine = e, .highest = -1};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, watch_progress, &w), 0);
    kit_exec(e, sql.ptr);
    atomic_store(&w.over, true);
    pthread_join(thread, NULL);
    print_message("highest %.1f %%, rows %llu\n", w.highest, (unsigned long long)w.total);
    assert_true(w.highest > 0);
    pli__buf_clear(&sql);
    pli__engine_close(e);
}

/* ---- the disk ---- */

static void test_engine_limits__a_full_disk_is_told_apart(void **state) {
    (void)state;
    if (access("/dev/full", W_OK) != 0) skip();
    pli__engine *e = kit_open();
    const pli_error *err = kit_error(e,
                                     "COPY (SELECT repeat('x', 1000) FROM range(100000)) TO '/dev/full' (FORMAT csv)");
    assert_int_equal(err->code, PLI_E_DISK_FULL);
    assert_true(err->flags & PLI_ERR_RETRIABLE);
    assert_int_not_equal(err->native_code, 0);
    pli__engine_close(e);
}

static void test_engine_limits__the_limit_of_the_spill_folder_is_a_full_disk(void **state) {
    pli__engine *e = kit_open_with(
        &(pli__engine_options){.threads = 2, .memory_limit = 60 * MB, .spill_dir = temp_dir(*state)});
    kit_exec(e, "SET max_temp_directory_size = '10MB'");
    const pli_error *err = kit_error(
        e, "CREATE TEMP TABLE big AS SELECT md5(i::VARCHAR) AS m, i FROM range(3000000) t(i) ORDER BY m");
    assert_int_equal(err->code, PLI_E_DISK_FULL);
    pli__engine_close(e);
    assert_int_equal(temp_count(*state, ""), 0);
}

static void test_engine_limits__a_failed_copy_leaves_no_file(void **state) {
    pli__engine *e = kit_open();
    pli__buf sql = {0};
    pli__buf_addf(
        &sql,
        "COPY (SELECT CASE WHEN i = 900000 THEN error('boom') ELSE i END FROM range(1000000) t(i)) TO '%s' (FORMAT parquet)",
        temp_path(*state, "x.parquet"));
    assert_int_equal(kit_error(e, sql.ptr)->code, PLI_E_DATA);
    assert_int_equal(temp_count(*state, ""), 0);
    pli__buf_clear(&sql);
    pli__engine_close(e);
}

/* ---- used again ---- */

static void test_engine_limits__a_renewed_engine_has_nothing_of_what_was_done_with_it(void **state) {
    (void)state;
    pli__engine *e = kit_open_with(&(pli__engine_options){.threads = 1, .time_zone = "Asia/Tokyo"});
    kit_exec(
        e,
        "CREATE TEMP TABLE t AS SELECT md5(i::VARCHAR) AS m FROM range(1000000) x(i); SET VARIABLE v = 1; SET TimeZone = 'UTC'");
    assert_int_equal(pli__engine_renew(e, NULL), PLI_OK);
    assert_int_equal(kit_i64(e, "SELECT count(*) FROM duckdb_tables()"), 0);
    assert_int_equal(kit_i64(e, "SELECT (getvariable('v') IS NULL)::BIGINT"), 1);
    assert_int_equal(kit_i64(e, "SELECT (current_setting('TimeZone') = 'Asia/Tokyo')::BIGINT"), 1);
    assert_int_equal(kit_i64(e, "SELECT current_setting('threads')::BIGINT"), 1);
    assert_int_equal(kit_i64(e, "SELECT pli_bigint('7')"), 7);
    pli__engine_close(e);
}

static void test_engine_limits__an_engine_is_not_renewed_after_a_failed_statement(void **state) {
    (void)state;
    pli__engine *e = kit_open_with(&(pli__engine_options){.threads = 1}), *other = NULL;
    (void)kit_error(e, "SELECT no_such_column"); /* never ran */
    assert_int_equal(pli__engine_renew(e, NULL), PLI_OK);
    assert_int_equal(pli__engine_connect(e, &other, NULL), PLI_OK);
    assert_int_equal(pli__engine_renew(e, NULL), PLI_E_STATE);
    (void)kit_error(other, "SELECT error('boom')");
    pli__engine_close(other);
    assert_int_equal(pli__engine_renew(e, NULL), PLI_E_STATE);
    assert_int_equal(kit_i64(e, "SELECT 42"), 42);
    pli__engine_close(e);
}

static void test_engine_limits__an_engine_that_has_spilled_is_not_renewed(void **state) {
    pli__engine *e = kit_open_with(
        &(pli__engine_options){.threads = 2, .memory_limit = 100 * MB, .spill_dir = temp_dir(*state)});
    kit_exec(e, "CREATE TEMP TABLE big AS SELECT md5(i::VARCHAR) AS m, i FROM range(3000000) t(i) ORDER BY m");
    assert_int_equal(pli__engine_renew(e, NULL), PLI_E_STATE);
    pli__engine_close(e);
}

static void test_engine_limits__an_engine_with_tables_that_stay_is_not_renewed(void **state) {
    (void)state;
    pli__engine *e = kit_open_with(&(pli__engine_options){.threads = 2});
    kit_exec(e, "CREATE TABLE t AS SELECT md5(i::VARCHAR) AS m FROM range(1000000) x(i)");
    assert_int_equal(pli__engine_renew(e, NULL), PLI_E_STATE);
    pli__engine_close(e);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, temp_dir_setup, temp_dir_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_FOLDER(test_engine_limits__a_query_beyond_the_memory_limit_fails_and_the_engine_goes_on),
        IN_FOLDER(test_engine_limits__a_sort_spills_and_the_folder_is_empty_afterwards),
        IN_FOLDER(test_engine_limits__a_spill_folder_that_we_made_goes_again),
        IN_FOLDER(test_engine_limits__files_of_others_in_the_spill_folder_stay),
        IN_FOLDER(test_engine_limits__an_engine_that_does_not_spill_makes_no_folder),
        cmocka_unit_test(test_engine_limits__an_interrupt_from_another_thread_ends_the_call),
        cmocka_unit_test(test_engine_limits__an_interrupt_while_rows_are_read_ends_the_result),
        cmocka_unit_test(test_engine_limits__an_interrupt_while_idle_does_nothing),
        IN_FOLDER(test_engine_limits__progress_can_be_asked_for_from_another_thread),
        cmocka_unit_test(test_engine_limits__a_full_disk_is_told_apart),
        IN_FOLDER(test_engine_limits__the_limit_of_the_spill_folder_is_a_full_disk),
        IN_FOLDER(test_engine_limits__a_failed_copy_leaves_no_file),
        cmocka_unit_test(test_engine_limits__a_renewed_engine_has_nothing_of_what_was_done_with_it),
        cmocka_unit_test(test_engine_limits__an_engine_is_not_renewed_after_a_failed_statement),
        IN_FOLDER(test_engine_limits__an_engine_that_has_spilled_is_not_renewed),
        cmocka_unit_test(test_engine_limits__an_engine_with_tables_that_stay_is_not_renewed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
