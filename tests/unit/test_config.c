/* Job files and job options: what is accepted, what is refused, with which line and which suggestion. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/spec.h"
#include "pli/config.h"

static char folder[64];

static int make_folder(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/pli-config-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state) {
    (void)state;
    char path[128];
    snprintf(path, sizeof path, "%s/pli.yaml", folder);
    unlink(path);
    return rmdir(folder);
}

static pli_config *load(const char *text) {
    char path[128];
    snprintf(path, sizeof path, "%s/pli.yaml", folder);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    pli_config *c = NULL;
    pli_error e = {0};
    if (pli_config_load(path, &c, &e) != PLI_OK) print_message("%s\n", e.message);
    assert_non_null(c);
    return c;
}

static void assert_problem(const char *text, int64_t line, const char *part) {
    pli_config *c = load(text);
    int64_t found = 0;
    const char *message = pli_config_problem_at(c, 0, &found);
    assert_non_null(message);
    if (!strstr(message, part)) fail_msg("expected '%s' in '%s'", part, message);
    assert_int_equal(found, line);
    pli_config_free(c);
}

#define HEAD "version: 1\njobs:\n  a:\n"
#define GOOD "    source: {path: in, format: csv}\n    sink: {path: out}\n"

static void test_config__a_whole_job_is_read(void **state) {
    (void)state;
    pli_config *c = load(
        "version: 1\ndefaults: {memory: 2GiB, threads: 2}\njobs:\n  events:\n    source:\n      format: CSV\n      path: data/raw\n"
        "      pattern: \"*.csv\"\n      recursive: true\n      options: {header: true, delimiter: \";\", columns: {a: BIGINT}}\n"
        "      max_files_per_trigger: none\n      settle_time: 5m\n      exclude: [\"x*\", \"y*\"]\n    schema: {mode: coerce, rescue: column}\n"
        "    transform: {sql: \"SELECT 1\"}\n    sink: {format: delta, path: /abs/out, merge_schema: yes, partition_by: [day, hour]}\n"
        "    durability: relaxed\n");
    assert_int_equal(pli_config_problem_count(c), 0);
    const pli__job_config *j = pli__job_spec_config(pli_config_job(c, "events"));
    assert_string_equal(j->source.format, "csv");
    assert_true(j->source.recursive);
    assert_true(strstr(j->source.path, "/data/raw") && j->source.path[0] == '/');
    assert_int_equal(j->source.max_files_per_trigger, -1);
    assert_int_equal(j->source.settle_time, 300000000);
    assert_int_equal(j->source.exclude.n, 2);
    assert_string_equal(json_string_value(json_object_get(j->source.options, "delimiter")), ";");
    assert_true(json_is_object(json_object_get(j->source.options, "columns")));
    assert_string_equal(j->schema.rescue_mode, "column");
    assert_string_equal(j->sink.path, "/abs/out");
    assert_true(j->sink.merge_schema);
    assert_string_equal(j->sink.partition_by.items[1], "hour");
    assert_int_equal(j->memory, (int64_t)2 << 30);
    assert_int_equal(j->threads, 2);
    assert_true(j->relaxed);
    assert_string_equal(j->checkpoint, "/abs/out/_checkpoints/events");
    pli_config_free(c);
}

static void test_config__defaults_of_the_table_are_set(void **state) {
    (void)state;
    pli_config *c = load(HEAD GOOD);
    const pli__job_config *j = pli__job_spec_config(pli_config_job(c, "a"));
    assert_int_equal(j->source.max_files_per_trigger, 1000);
    assert_int_equal(j->source.max_bytes_per_trigger, -1);
    assert_int_equal(j->source.settle_time, 2000000);
    assert_int_equal(j->source.exclude.n, 5);
    assert_false(j->relaxed);
    assert_true(j->source.fail_on_data_loss);
    assert_int_equal(j->sink.target_file_size, 128 << 20);
    pli_config_free(c);
}

static void test_config__every_kind_of_error_names_its_line(void **state) {
    (void)state;
    assert_problem("version: 2\njobs: {}\n", 1, "'version' must be 1");
    assert_problem("version: 1\n", 1, "'jobs' is missing");
    assert_problem("version: 1\njobs: {}\nextra: 1\n", 3, "unknown key 'extra'");
    assert_problem(HEAD "    source: {path: in, formt: csv}\n    sink: {path: out}\n", 4,
                   "did you mean 'source.format'");
    assert_problem(HEAD "    source: {path: in, format: cvs}\n    sink: {path: out}\n", 4, "expected one of csv|json");
    assert_problem(HEAD "    source: {path: in}\n    sink:\n      path: out\n      target_file_size: big\n", 7,
                   "a size such as");
    assert_problem(HEAD "    source: {path: in, max_files_per_trigger: 0}\n    sink: {path: out}\n", 4,
                   "a number from 1");
    assert_problem(HEAD "    source: {path: in, recursive: perhaps}\n    sink: {path: out}\n", 4, "true or false");
    assert_problem(HEAD "    source: {path: in, start_timestamp: yesterday}\n    sink: {path: out}\n", 4, "ISO 8601");
    assert_problem(HEAD "    source: {path: in}\n    source: {path: in}\n    sink: {path: out}\n", 5, "given twice");
    assert_problem(HEAD "    sink: {path: out}\n", 3, "'source.path' is missing");
    assert_problem(HEAD "    source: {path: in}\n", 3, "'sink.path' is missing");
    assert_problem(HEAD "    source: {path: in}\n    sink: {path: out, mode: merge}\n", 3, "needs 'sink.keys'");
    assert_problem(HEAD "    source: {path: same}\n    sink: {path: same}\n", 3, "the same folder");
    assert_problem(HEAD "    source: {path: \"${PLI_TEST_SURELY_UNSET}\"}\n    sink: {path: out}\n", 4, "is not set");
    assert_problem("version: 1\njobs:\n  \"a/b\":\n" GOOD, 3, "is not allowed");
    assert_problem("- 1\n", 1, "must be a map");
    assert_problem(HEAD "    source: [1]\n    sink: {path: out}\n", 4, "unknown option 'source'");
}

static void test_config__all_errors_are_collected(void **state) {
    (void)state;
    pli_config *c = load(HEAD
                         "    source: {path: in, x1: 1, x2: 2}\n    sink: {path: out, mode: bad}\n    threads: -1\n");
    assert_int_equal(pli_config_problem_count(c), 4);
    pli_config_free(c);
}

static void test_config__variables_are_replaced_in_values_only(void **state) {
    (void)state;
    setenv("PLI_TEST_ROOT", "/r: {x}", 1);
    pli_config *c = load(
        HEAD "    source: {path: \"${PLI_TEST_ROOT}/in\"}\n    sink: {path: \"${PLI_TEST_NONE:-/d}/out\"}\n");
    assert_int_equal(pli_config_problem_count(c), 0);
    assert_string_equal(pli_job_spec_source_path(pli_config_job(c, "a")), "/r: {x}/in");
    assert_string_equal(pli_job_spec_sink_path(pli_config_job(c, "a")), "/d/out");
    pli_config_free(c);
}

static void test_config__json_of_the_same_shape_is_read(void **state) {
    (void)state;
    pli_config *c = load(
        "{\"version\": 1, \"jobs\": {\"a\": {\"source\": {\"path\": \"in\"}, \"sink\": {\"path\": \"out\"}}}}");
    assert_int_equal(pli_config_problem_count(c), 0);
    assert_int_equal(pli_config_job_count(c), 1);
    pli_config_free(c);
}

static void test_config__what_is_no_yaml_fails_with_its_line(void **state) {
    (void)state;
    char path[128];
    snprintf(path, sizeof path, "%s/pli.yaml", folder);
    FILE *f = fopen(path, "w");
    fputs("version: 1\njobs: [\n", f);
    fclose(f);
    pli_config *c = NULL;
    pli_error e = {0};
    assert_int_equal(pli_config_load(path, &c, &e), PLI_E_CONFIG);
    assert_true(e.position >= 2);
    assert_null(c);
}

static void test_config__aliases_cannot_blow_a_file_up(void **state) {
    (void)state;
    char text[4000] =
        "version: 1\njobs:\n  a:\n    source:\n      path: in\n      options:\n        a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n";
    for (int i = 1; i < 9; i++) {
        char line[200];
        snprintf(line, sizeof line, "        a%d: &a%d [*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d]\n", i, i, i - 1, i - 1,
                 i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
        strncat(text, line, sizeof text - strlen(text) - 1);
    }
    strncat(text, "    sink: {path: out}\n", sizeof text - strlen(text) - 1);
    pli_config *c = load(text);
    assert_true(pli_config_problem_count(c) > 0);
    pli_config_free(c);
}

static void test_spec__setting_options_by_text(void **state) {
    (void)state;
    pli_job_spec *s = NULL;
    pli_error e = {0};
    assert_int_equal(pli_job_spec_new("j", &s, &e), PLI_OK);
    assert_int_equal(pli_job_spec_set(s, "source.path", "/in/events.csv.gz", &e), PLI_OK);
    assert_int_equal(pli_job_spec_set(s, "sink.path", "/out", &e), PLI_OK);
    assert_int_equal(pli_job_spec_set(s, "source.options.header", "true", &e), PLI_OK);
    assert_int_equal(pli_job_spec_set(s, "sink.keys", " a , b ", &e), PLI_OK);
    assert_int_equal(pli_job_spec_set(s, "sink.mode", "MERGE", &e), PLI_OK);
    assert_int_equal(pli_job_spec_set(s, "sink.kyes", "a", &e), PLI_E_CONFIG);
    assert_non_null(strstr(e.hint, "sink.keys"));
    assert_int_equal(pli_job_spec_check(s, &e), PLI_OK);
    const pli__job_config *j = pli__job_spec_config(s);
    assert_string_equal(j->source.format, "csv");
    assert_string_equal(j->sink.mode, "merge");
    assert_string_equal(j->sink.keys.items[1], "b");
    pli_job_spec_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_config__a_whole_job_is_read),
        cmocka_unit_test(test_config__defaults_of_the_table_are_set),
        cmocka_unit_test(test_config__every_kind_of_error_names_its_line),
        cmocka_unit_test(test_config__all_errors_are_collected),
        cmocka_unit_test(test_config__variables_are_replaced_in_values_only),
        cmocka_unit_test(test_config__json_of_the_same_shape_is_read),
        cmocka_unit_test(test_config__what_is_no_yaml_fails_with_its_line),
        cmocka_unit_test(test_config__aliases_cannot_blow_a_file_up),
        cmocka_unit_test(test_spec__setting_options_by_text),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
