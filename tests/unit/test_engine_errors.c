/* Errors of the engine as ours: the right code, a message on one line, the place. */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/engine_kit.h"
#include "support/temp_dir.h"

static int open_engine(void **state) {
    if (temp_dir_setup(state) != 0) return -1;
    void **both = calloc(2, sizeof *both);
    if (!both) return -1;
    both[0] = *state;
    both[1] = kit_open();
    *state = both;
    return 0;
}

static int close_engine(void **state) {
    void **both = *state;
    pli__engine_close(both[1]);
    void *folder = both[0];
    free(both);
    return temp_dir_teardown(&folder);
}

#define FOLDER(state) (((void **)*(state))[0])
#define ENGINE(state) (((void **)*(state))[1])

static const pli_error *expect(void **state, const char *sql, pli_status code, const char *part) {
    const pli_error *err = kit_error(ENGINE(state), sql);
    if (err->code != code) fail_msg("%s: %s: %s", sql, pli_status_name(err->code), err->message);
    if (!strstr(err->message, part)) fail_msg("%s: '%s' does not say '%s'", sql, err->message, part);
    assert_null(strchr(err->message, '\n'));
    assert_null(strstr(err->message, "exception_type"));
    return err;
}

/* A query over a file of the folder. */
static const pli_error *expect_file(void **state, const char *function, const char *file, const char *options,
                                    pli_status code, const char *part) {
    char sql[8192];
    snprintf(sql, sizeof sql, "SELECT * FROM %s('%s'%s)", function, temp_path(FOLDER(state), file), options);
    return expect(state, sql, code, part);
}

static void test_engine_errors__wrong_sql_is_invalid_sql(void **state) {
    expect(state, "SELEC 1", PLI_E_SQL, "syntax error");
    expect(state, "SELECT nope FROM range(3)", PLI_E_SQL, "nope");
    expect(state, "SELECT * FROM nope", PLI_E_SQL, "nope");
    expect(state, "SELECT no_such_function(1)", PLI_E_SQL, "no_such_function");
    expect(state, "SELECT 1 + [1]", PLI_E_SQL, "");
    expect(state, "SELECT sum(i) OVER (", PLI_E_SQL, "");
    expect(state, "SELECT * FROM read_csv('x', no_such_option=1)", PLI_E_SQL, "no_such_option");
    expect(state, "SELECT ?", PLI_E_SQL, "");
}

static void test_engine_errors__a_bad_value_in_the_data_is_bad_data(void **state) {
    expect(state, "SELECT CAST(s AS INTEGER) FROM (SELECT i || 'x' AS s FROM range(3) t(i))", PLI_E_DATA, "'0x'");
    expect(state, "SELECT 9223372036854775807 + i FROM range(1, 3) t(i)", PLI_E_DATA, "overflow");
    expect(state, "SELECT error('stop: ' || i) FROM range(3) t(i)", PLI_E_DATA, "stop: 0");
}

static void test_engine_errors__messages_begin_in_lower_case_and_have_no_full_stop(void **state) {
    const pli_error *err = expect(state, "SELECT CAST(s AS INTEGER) FROM (SELECT i || 'x' AS s FROM range(3) t(i))",
                                  PLI_E_DATA, "could not convert");
    assert_true(islower((unsigned char)err->message[0]));
    assert_int_not_equal(err->message[strlen(err->message) - 1], '.');
}

static void test_engine_errors__a_csv_file_is_named_with_its_line(void **state) {
    temp_write(FOLDER(state), "bad.csv", "a,b\n1,2\n3,x\n");
    const pli_error *err = expect_file(
        state, "read_csv", "bad.csv",
        ", columns={'a': 'INTEGER', 'b': 'INTEGER'}, header=true, auto_detect=false, delim=','", PLI_E_DATA, "bad.csv");
    assert_int_equal(err->position, 3);
    assert_null(strstr(err->message, "Possible solutions"));
    temp_write(FOLDER(state), "short.csv", "a,b\n1,2\n3\n");
    err = expect_file(state, "read_csv", "short.csv",
                      ", columns={'a': 'INTEGER', 'b': 'INTEGER'}, header=true, auto_detect=false, delim=','",
                      PLI_E_DATA, "short.csv");
    assert_int_equal(err->position, 3);
    temp_write(FOLDER(state), "quote.csv", "a,b\n1,\"2\n");
    expect_file(state, "read_csv", "quote.csv",
                ", columns={'a': 'INTEGER', 'b': 'VARCHAR'}, header=true, auto_detect=false, delim=',', quote='\"'",
                PLI_E_DATA, "quote.csv");
}

static void test_engine_errors__a_json_file_is_named_with_its_line(void **state) {
    temp_write(FOLDER(state), "bad.ndjson", "{\"a\":1}\n{\"a\":\n");
    const pli_error *err = expect_file(state, "read_json", "bad.ndjson",
                                       ", format='newline_delimited', columns={'a': 'INTEGER'}", PLI_E_DATA,
                                       "bad.ndjson");
    assert_true(err->position >= 2); /* the engine counts the end of a cut line as one more */
    temp_write(FOLDER(state), "type.ndjson", "{\"a\":1}\n{\"a\":\"x\"}\n");
    err = expect_file(state, "read_json", "type.ndjson", ", format='newline_delimited', columns={'a': 'INTEGER'}",
                      PLI_E_DATA, "type.ndjson");
    assert_int_equal(err->position, 2);
}

static void test_engine_errors__a_file_that_is_no_parquet_is_bad_data(void **state) {
    temp_write(FOLDER(state), "text.parquet", "this is text and not parquet at all");
    temp_write(FOLDER(state), "empty.parquet", "");
    temp_write(FOLDER(state), "footer.parquet", "PAR1xxxxxxxxxxxxxxxxxxxxxxxxxx\xff\xff\xff\x7fPAR1");
    temp_write(FOLDER(state), "thrift.parquet", "PAR1xxxxxxxxxxxxxxxxxxxxxxxxxx\x10\x01\x01PAR1");
    expect_file(state, "read_parquet", "text.parquet", "", PLI_E_DATA, "text.parquet");
    expect_file(state, "read_parquet", "empty.parquet", "", PLI_E_DATA, "empty.parquet");
    expect_file(state, "read_parquet", "footer.parquet", "", PLI_E_DATA, "footer.parquet");
    expect_file(state, "read_parquet", "thrift.parquet", "", PLI_E_DATA, "");
}

/* The second half of the file is overwritten, or it is cut. */
static void damage(const char *from, const char *to, long keep, bool cut) {
    FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
    assert_true(in && out);
    long at = 0;
    for (int c = getc(in); c != EOF; c = getc(in), at++) {
        if (at >= keep && cut) break;
        putc(at >= keep && at < keep + 3000 ? 0x5a : c, out);
    }
    fclose(in);
    fclose(out);
}

static void test_engine_errors__a_damaged_parquet_file_is_bad_data(void **state) {
    char sql[8192];
    const char *good = temp_path(FOLDER(state), "good.parquet");
    snprintf(sql, sizeof sql, "COPY (SELECT i, md5(i::VARCHAR) AS m FROM range(10000) t(i)) TO '%s' (FORMAT parquet)",
             good);
    kit_exec(ENGINE(state), sql);
    damage(good, temp_path(FOLDER(state), "cut.parquet"), 50000, true);
    damage(good, temp_path(FOLDER(state), "hit.parquet"), 50000, false);
    expect_file(state, "read_parquet", "cut.parquet", "", PLI_E_DATA, "cut.parquet");
    char query[8192];
    snprintf(query, sizeof query, "SELECT max(m), sum(i) FROM read_parquet('%s')",
             temp_path(FOLDER(state), "hit.parquet"));
    expect(state, query, PLI_E_DATA, "");
}

static void test_engine_errors__missing_and_forbidden_files_are_told_apart(void **state) {
    expect(state, "SELECT * FROM read_csv('/no/such/file.csv')", PLI_E_NOT_FOUND, "/no/such/file.csv");
    expect(state, "SELECT * FROM read_parquet('/no/such/*.parquet')", PLI_E_NOT_FOUND, "/no/such");
    expect(state, "SELECT * FROM read_parquet(['/no/such/a.parquet'])", PLI_E_NOT_FOUND, "a.parquet");
    expect(state, "COPY (SELECT 1) TO '/no/such/folder/x.parquet' (FORMAT parquet)", PLI_E_NOT_FOUND,
           "/no/such/folder");
    if (geteuid() == 0) return; /* root may read everything */
    const char *path = temp_write(FOLDER(state), "secret.csv", "a\n1\n");
    assert_int_equal(chmod(path, 0), 0);
    expect_file(state, "read_csv", "secret.csv", "", PLI_E_ACCESS, "secret.csv");
}

static void test_engine_errors__constraints_are_their_own_code(void **state) {
    kit_exec(ENGINE(state), "CREATE TABLE checked(i INTEGER CHECK (i > 0), k INTEGER NOT NULL)");
    expect(state, "INSERT INTO checked VALUES (0, 1)", PLI_E_CONSTRAINT, "checked");
    expect(state, "INSERT INTO checked VALUES (1, NULL)", PLI_E_CONSTRAINT, "k");
}

static void test_engine_errors__the_network_is_never_used(void **state) {
    expect(state, "SELECT * FROM 'https://localhost:1/x.parquet'", PLI_E_ENGINE, "httpfs");
    expect(state, "SELECT * FROM read_parquet('s3://bucket/x.parquet')", PLI_E_ENGINE, "httpfs");
}

static void test_engine_errors__a_caller_may_do_without_the_error(void **state) {
    assert_int_equal(pli__engine_exec(ENGINE(state), "SELEC", NULL, NULL), PLI_E_SQL);
    assert_int_equal(pli__engine_exec(ENGINE(state), "SELECT error('x')", NULL, NULL), PLI_E_DATA);
}

static void test_engine_errors__a_long_message_is_cut_and_stays_text(void **state) {
    const pli_error *err = kit_error(ENGINE(state), "SELECT error(repeat('\xC3\xA9', 5000))");
    assert_int_equal(err->code, PLI_E_DATA);
    assert_true(strlen(err->message) < sizeof err->message);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_engine_errors__wrong_sql_is_invalid_sql),
        cmocka_unit_test(test_engine_errors__a_bad_value_in_the_data_is_bad_data),
        cmocka_unit_test(test_engine_errors__messages_begin_in_lower_case_and_have_no_full_stop),
        cmocka_unit_test(test_engine_errors__a_csv_file_is_named_with_its_line),
        cmocka_unit_test(test_engine_errors__a_json_file_is_named_with_its_line),
        cmocka_unit_test(test_engine_errors__a_file_that_is_no_parquet_is_bad_data),
        cmocka_unit_test(test_engine_errors__a_damaged_parquet_file_is_bad_data),
        cmocka_unit_test(test_engine_errors__missing_and_forbidden_files_are_told_apart),
        cmocka_unit_test(test_engine_errors__constraints_are_their_own_code),
        cmocka_unit_test(test_engine_errors__the_network_is_never_used),
        cmocka_unit_test(test_engine_errors__a_caller_may_do_without_the_error),
        cmocka_unit_test(test_engine_errors__a_long_message_is_cut_and_stays_text),
    };
    return cmocka_run_group_tests(tests, open_engine, close_engine);
}
