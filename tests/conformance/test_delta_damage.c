/* What is broken is reported with the file's name, through the public interface: never rows, never a crash. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
// cmocka wants the ones above
#include <cmocka.h>

#include "pli/table.h"
#include "port/fs.h"
#include "support/delta_fixtures.h"

static char folder[64];
static pli_env *env;

__attribute__((format(printf, 1, 2))) static void shell(const char *format, ...) {
    char command[9000];
    va_list ap;
    va_start(ap, format);
    vsnprintf(command, sizeof command, format, ap);
    va_end(ap);
    assert_int_equal(system(command), 0);
}

static void copy_table(const char *name) {
    char from[4300];
    snprintf(folder, sizeof folder, "/tmp/pli_test_damage_XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(from, sizeof from, "%s/fixtures/delta/%s", fixtures_shared(), name);
    shell("cp -R '%s/.' '%s'", from, folder);
    shell("chmod -R u+w '%s'%s", folder, "");
}

static int set_up(void **state) {
    (void)state;
    folder[0] = 0;
    env = fixtures_env("UTC");
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    pli_env_free(env);
    return folder[0] && pli__fs_remove_tree(folder, NULL) != PLI_OK;
}

static int count_row(void *arg, const char *json, size_t len) {
    (void)json, (void)len;
    ++*(int *)arg;
    return 0;
}

static void assert_read_fails(const pli_read_options *o, pli_status code, const char *text) {
    pli_table *t = NULL;
    pli_error err = {0};
    int rows = 0;
    assert_int_equal(pli_table_open(env, folder, &t, NULL), PLI_OK);
    const pli_status st = pli_table_read_rows(t, o, count_row, &rows, &err);
    if (st == PLI_OK || (code != PLI_OK && st != code))
        fail_msg("%s instead of %s: %s", pli_status_name(st), pli_status_name(code), err.message);
    if (!strstr(err.message, text)) fail_msg("'%s' lacks '%s'", err.message, text);
    assert_int_equal(rows, 0);
    pli_table_close(t);
}

static void test_read__names_a_data_file_that_is_missing(void **state) {
    (void)state;
    copy_table("kernel/table-with-dv-small");
    shell("rm '%s'/part-00000-fae5310a*%s", folder, "");
    assert_read_fails(NULL, PLI_OK, "part-00000-fae5310a");
}

static void test_read__names_a_data_file_that_is_cut_off(void **state) {
    (void)state;
    copy_table("dat/basic_append");
    shell("for f in '%s'/part-00000*; do truncate -s 100 \"$f\"; done%s", folder, "");
    assert_read_fails(NULL, PLI_OK, "part-00000");
}

static void test_read__names_a_deletion_vector_that_is_missing_or_wrong(void **state) {
    (void)state;
    copy_table("kernel/table-with-dv-small");
    shell("printf 'x' | dd of=\"$(ls '%s'/deletion_vector*)\" bs=1 seek=20 conv=notrunc 2>/dev/null%s", folder, "");
    assert_read_fails(NULL, PLI_E_CORRUPT, "checksum");
    shell("rm '%s'/deletion_vector*%s", folder, "");
    assert_read_fails(NULL, PLI_E_NOT_FOUND, "deletion_vector_");
}

static void test_read__refuses_a_gap_and_an_unknown_version(void **state) {
    (void)state;
    copy_table("dat/basic_append");
    const pli_read_options o = {.size = sizeof o, .has_version = true, .version = 77};
    assert_read_fails(&o, PLI_E_NOT_FOUND, "77");
    shell("rm '%s'/_delta_log/00000000000000000001.json%s", folder, "");
    assert_read_fails(NULL, PLI_E_CORRUPT, "commit 1,");
}

static void test_read__names_a_column_that_does_not_exist(void **state) {
    (void)state;
    copy_table("dat/basic_append");
    const char *columns[] = {"lettre"};
    const pli_read_options o = {.size = sizeof o, .n_columns = 1, .columns = columns};
    assert_read_fails(&o, PLI_E_ARGUMENT, "'lettre'");
    const pli_read_options wrong = {.size = sizeof o, .where = "letter = = 3"};
    assert_read_fails(&wrong, PLI_E_SQL, "letter = = 3");
    const pli_read_options unknown = {.size = sizeof o, .where = "lettre = 'a'"};
    assert_read_fails(&unknown, PLI_E_SQL, "lettre");
}

static void test_read__names_the_file_with_a_partition_value_that_is_none(void **state) {
    (void)state;
    copy_table("dat/multi_partitioned");
    shell("sed -i 's/\"date\":\"1970-01-01\"/\"date\":\"long ago\"/' '%s'/_delta_log/*.json%s", folder, "");
    assert_read_fails(NULL, PLI_E_CORRUPT, "long ago");
}

static void test_changes__demand_the_feed_or_synthesis(void **state) {
    pli_table *t = NULL;
    pli_error err = {0};
    int rows = 0;
    (void)state;
    copy_table("dat/basic_append");
    assert_int_equal(pli_table_open(env, folder, &t, NULL), PLI_OK);
    pli_changes_options o = {.size = sizeof o, .has_from_version = true};
    assert_int_equal(pli_table_changes_rows(t, &o, count_row, &rows, &err), PLI_E_NO_FEED);
    assert_non_null(strstr(err.message, "version 0"));
    assert_int_equal(rows, 0);
    o.synthesize = true;
    o.has_to_version = true;
    o.to_version = 1;
    if (pli_table_changes_rows(t, &o, count_row, &rows, &err) != PLI_OK) fail_msg("%s", err.message);
    assert_int_equal(rows, 5);
    o.from_version = 2;
    assert_int_equal(pli_table_changes_rows(t, &o, count_row, &rows, &err), PLI_E_ARGUMENT);
    o.has_from_version = false;
    assert_int_equal(pli_table_changes_rows(t, &o, count_row, &rows, &err), PLI_E_ARGUMENT);
    o.from_timestamp = "2999-01-01T00:00:00Z";
    assert_int_equal(pli_table_changes_rows(t, &o, count_row, &rows, &err), PLI_E_NOT_FOUND);
    o.from_timestamp = "yesterday";
    assert_int_equal(pli_table_changes_rows(t, &o, count_row, &rows, &err), PLI_E_ARGUMENT);
    pli_table_close(t);
}

static int stop_at_once(void *arg, const char *json, size_t len) {
    (void)arg, (void)json, (void)len;
    return 1;
}

static void test_reports__end_when_the_receiver_asks(void **state) {
    pli_table *t = NULL;
    (void)state;
    copy_table("dat/basic_append");
    assert_int_equal(pli_table_open(env, folder, &t, NULL), PLI_OK);
    assert_int_equal(pli_table_files(t, NULL, stop_at_once, NULL, NULL), PLI_E_CANCELLED);
    assert_int_equal(pli_table_history(t, 0, stop_at_once, NULL, NULL), PLI_E_CANCELLED);
    assert_int_equal(pli_table_read_rows(t, NULL, stop_at_once, NULL, NULL), PLI_E_CANCELLED);
    pli_table_close(t);
}

static void test_reports__list_history_newest_first(void **state) {
    pli_table *t = NULL;
    int rows = 0;
    (void)state;
    copy_table("kernel/table-with-dv-small");
    assert_int_equal(pli_table_open(env, folder, &t, NULL), PLI_OK);
    assert_int_equal(pli_table_history(t, 1, count_row, &rows, NULL), PLI_OK);
    assert_int_equal(rows, 1);
    assert_int_equal(pli_table_history(t, 0, count_row, &rows, NULL), PLI_OK);
    assert_int_equal(rows, 3);
    pli_table_close(t);
}

static void test_read__writes_files_of_every_format_or_none(void **state) {
    static const char *const endings[] = {"parquet", "csv", "ndjson", "jsonl", "json"};
    pli_table *t = NULL;
    pli_error err;
    char path[200];
    int64_t rows = 0;
    pli__file_info info;
    (void)state;
    copy_table("dat/nested_types");
    assert_int_equal(pli_table_open(env, folder, &t, NULL), PLI_OK);
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        snprintf(path, sizeof path, "%s/out.%s", folder, endings[i]);
        if (pli_table_read_file(t, NULL, path, &rows, &err) != PLI_OK) fail_msg("%s", err.message);
        assert_int_equal(rows, 5);
        assert_int_equal(pli__fs_stat(path, &info, NULL), PLI_OK);
        assert_int_equal(info.kind, PLI__FILE_REGULAR);
    }
    snprintf(path, sizeof path, "%s/out.xls", folder);
    assert_int_equal(pli_table_read_file(t, NULL, path, &rows, &err), PLI_E_ARGUMENT);
    snprintf(path, sizeof path, "%s/nowhere/out.csv", folder);
    assert_int_not_equal(pli_table_read_file(t, NULL, path, &rows, &err), PLI_OK);
    pli_table_close(t);
}

static void test_read__gives_an_arrow_stream(void **state) {
    pli_table *t = NULL;
    struct ArrowArrayStream s;
    struct ArrowSchema schema;
    struct ArrowArray array;
    pli_error err;
    int64_t rows = 0;
    (void)state;
    copy_table("dat/basic_partitioned");
    assert_int_equal(pli_table_open(env, folder, &t, NULL), PLI_OK);
    const pli_read_options o = {.size = sizeof o, .has_limit = true, .limit = 4};
    if (pli_table_read(t, &o, &s, &err) != PLI_OK) fail_msg("%s", err.message);
    assert_int_equal(s.get_schema(&s, &schema), 0);
    assert_int_equal(schema.n_children, 3);
    assert_string_equal(schema.children[0]->name, "letter");
    schema.release(&schema);
    for (;;) {
        assert_int_equal(s.get_next(&s, &array), 0);
        if (!array.release) break;
        rows += array.length;
        array.release(&array);
    }
    assert_int_equal(rows, 4);
    s.release(&s);
    pli_table_close(t);
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(test_read__names_a_data_file_that_is_missing),
        T(test_read__names_a_data_file_that_is_cut_off),
        T(test_read__names_a_deletion_vector_that_is_missing_or_wrong),
        T(test_read__refuses_a_gap_and_an_unknown_version),
        T(test_read__names_a_column_that_does_not_exist),
        T(test_read__names_the_file_with_a_partition_value_that_is_none),
        T(test_changes__demand_the_feed_or_synthesis),
        T(test_reports__end_when_the_receiver_asks),
        T(test_reports__list_history_newest_first),
        T(test_read__writes_files_of_every_format_or_none),
        T(test_read__gives_an_arrow_stream),
    };
    if (!fixtures_shared()) {
        fprintf(stderr, "skipped: the shared fixtures are not there\n");
        return 0;
    }
    return cmocka_run_group_tests_name("delta_damage", tests, NULL, NULL);
}
