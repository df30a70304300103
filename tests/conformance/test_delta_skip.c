/* Data skipping: with statistics as real writers leave them (cut, partial, missing, without NaN), a filter gives the same
 * rows as without skipping, and leaves out the files it can. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
// cmocka wants the ones above
#include <cmocka.h>

#include "delta/snapshot.h"
#include "port/fs.h"
#include "support/delta_fixtures.h"

enum { FILES = 40, ROWS = 50, FILTERS = 400 };

static char folder[64];
static pli_env *env;
static pli__snapshot *snapshot;
static pli__delta *table;

static void run(const char *sql) {
    pli__engine *e;
    pli_error err;
    assert_int_equal(pli__env_engine(env, &e, NULL), PLI_OK);
    if (pli__engine_exec(e, sql, NULL, &err) != PLI_OK) fail_msg("%s\n%s", err.message, sql);
}

/* File k holds ids from 50 k; every column grows with it, with nulls and odd values strewn in. */
static void write_file(int k) {
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
    pli__buf_addf(
        &sql,
        "COPY (SELECT id, CASE WHEN id %% 7 = 0 THEN NULL ELSE CAST(id AS INTEGER) END AS i,"
        " CASE WHEN %d %% 5 = 0 THEN NULL ELSE repeat(chr(CAST(97 + id %% 3 AS INTEGER)), 34) || printf('%%06d', id) END AS s,"
        " TIMESTAMPTZ '2024-01-01 00:00:00+00' + to_microseconds(id * 1000003) AS ts,"
        " CASE WHEN id %% 49 = 0 THEN CAST('NaN' AS DOUBLE) ELSE id / 3.0 END AS f,"
        " CAST(id AS DECIMAL(20,4)) / 8 AS d, DATE '2024-01-01' + CAST(id // 10 AS INTEGER) AS dt,"
        " CASE WHEN id %% 11 = 0 THEN NULL ELSE {'x': CAST(id AS INTEGER)} END AS st, 'z' || id AS nostats"
        " FROM range(%d, %d) t(id)) TO '%s/f%d.parquet' (FORMAT parquet)",
        k, k * ROWS, (k + 1) * ROWS, folder, k);
    run(sql.ptr);
}

/* Statistics in several styles: full; without upper bounds; with texts cut off plainly; none at all. */
static void stats_of(int k, pli__buf *out) {
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
    const char *cut = k % 4 == 2 ? "left(max(s), 32)" : "max(s)";
    if (k % 13 == 12) return;
    pli__buf_addf(
        &sql,
        "SELECT CAST(to_json({'numRecords': count(*),"
        " 'minValues': {'id': min(id), 'i': min(i), 's': left(min(s), 32), 'ts': strftime(date_trunc('millisecond', min(ts)), '%%Y-%%m-%%dT%%H:%%M:%%S.%%gZ'),"
        "  'f': min(f) FILTER (NOT isnan(f)), 'd': min(d), 'dt': min(dt), 'st': {'x': min(st.x)}},"
        " 'maxValues': {%s'i': max(i), 's': %s, 'ts': strftime(date_trunc('millisecond', max(ts)), '%%Y-%%m-%%dT%%H:%%M:%%S.%%gZ'),"
        "  'f': max(f) FILTER (NOT isnan(f)), 'd': max(d), 'dt': max(dt), 'st': {'x': max(st.x)}},"
        " 'nullCount': {'id': 0, 'i': count(*) - count(i), 's': count(*) - count(s), 'ts': 0, 'f': 0, 'd': 0, 'dt': 0, 'st': {'x': count(*) - count(st.x)}}}) AS VARCHAR)"
        " FROM '%s/f%d.parquet'",
        k % 6 == 5 ? "" : "'id': max(id), ", cut, folder, k);
    fixtures_text(env, sql.ptr, out);
}

static void add_commit(pli__buf *commit) {
    pli__buf_addz(
        commit,
        "{\"protocol\":{\"minReaderVersion\":1,\"minWriterVersion\":2}}\n{\"metaData\":{\"id\":\"t\",\"format\":{\"provider\":\"parquet\"},"
        "\"schemaString\":\"{\\\"type\\\":\\\"struct\\\",\\\"fields\\\":[");
    static const char *const fields[] = {"id", "long",    "i", "integer",       "s",  "string", "ts",      "timestamp",
                                         "f",  "double",  "d", "decimal(20,4)", "dt", "date",   "nostats", "string",
                                         "p",  "integer", "q", "string"};
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i += 2)
        pli__buf_addf(commit,
                      "{\\\"name\\\":\\\"%s\\\",\\\"type\\\":\\\"%s\\\",\\\"nullable\\\":true,\\\"metadata\\\":{}},",
                      fields[i], fields[i + 1]);
    pli__buf_addz(
        commit,
        "{\\\"name\\\":\\\"st\\\",\\\"type\\\":{\\\"type\\\":\\\"struct\\\",\\\"fields\\\":[{\\\"name\\\":\\\"x\\\",\\\"type\\\":\\\"integer\\\","
        "\\\"nullable\\\":true,\\\"metadata\\\":{}}]},\\\"nullable\\\":true,\\\"metadata\\\":{}}]}\",\"partitionColumns\":[\"p\",\"q\"],\"configuration\":{}}}\n");
    for (int k = 0; k < FILES; k++) {
        PLI_AUTO(pli__buf_clear) pli__buf stats = {0};
        write_file(k);
        stats_of(k, &stats);
        pli__buf_addf(commit, "{\"add\":{\"path\":\"f%d.parquet\",\"partitionValues\":{\"p\":\"%d\",\"q\":", k, k / 10);
        pli__buf_addf(commit, k % 10 == 9 ? "null" : "\"w%d\"", k % 3);
        pli__buf_addz(commit, "},\"size\":1,\"modificationTime\":1,\"dataChange\":true");
        if (stats.len) {
            pli__buf_addz(commit, ",\"stats\":");
            pli__buf_add_json(commit, pli__buf_str(&stats));
        }
        pli__buf_addz(commit, "}}\n");
    }
}

static int make_table(void **state) {
    PLI_AUTO(pli__buf_clear) pli__buf commit = {0};
    char path[160];
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/pli_test_skip_XXXXXX");
    if (!mkdtemp(folder)) return -1;
    env = fixtures_env("UTC");
    add_commit(&commit);
    snprintf(path, sizeof path, "%s/_delta_log", folder);
    if (pli__fs_mkdirs(path, NULL) != PLI_OK) return -1;
    snprintf(path, sizeof path, "%s/_delta_log/00000000000000000000.json", folder);
    if (pli__fs_publish(path, pli__buf_str(&commit), PLI__PUBLISH_RELAXED, NULL) != PLI_OK) return -1;
    if (pli__delta_open(env, folder, &table, NULL) != PLI_OK) return -1;
    return pli__snapshot_open(table, PLI__LATEST, NULL, &snapshot, NULL) == PLI_OK ? 0 : -1;
}

static int drop_table(void **state) {
    (void)state;
    pli__snapshot_unref(snapshot);
    pli__delta_free(table);
    pli_env_free(env);
    return pli__fs_remove_tree(folder, NULL) == PLI_OK ? 0 : -1;
}

/* The rows of a filter with skipping are those without; gives the number of files that were read. */
static int64_t check_filter(const char *where) {
    PLI_AUTO(pli__scan_auto) pli__scan *all = NULL;
    PLI_AUTO(pli__scan_auto) pli__scan *some = NULL;
    PLI_AUTO(pli__buf_clear) pli__buf actual = {0};
    PLI_AUTO(pli__buf_clear) pli__buf expected = {0};
    pli_error err;
    const pli__scan_options o = {.where = where};
    if (pli__scan_new(snapshot, NULL, &all, &err) != PLI_OK) fail_msg("%s", err.message);
    if (pli__scan_new(snapshot, &o, &some, &err) != PLI_OK) fail_msg("%s: %s", where, err.message);
    assert_int_equal(pli__scan_files_total(some), FILES);
    pli__buf_addf(&actual, "SELECT count(*) || ' ' || coalesce(sum(id), 0) FROM (%s)", pli__scan_sql(some));
    pli__buf_addf(&expected, "SELECT count(*) || ' ' || coalesce(sum(id), 0) FROM (%s) WHERE (%s\n)",
                  pli__scan_sql(all), where);
    PLI_AUTO(pli__buf_clear) pli__buf a = {0};
    PLI_AUTO(pli__buf_clear) pli__buf e = {0};
    fixtures_text(env, actual.ptr, &a);
    fixtures_text(env, expected.ptr, &e);
    if (strcmp(a.ptr, e.ptr) != 0) fail_msg("WHERE %s: rows and sum %s instead of %s", where, a.ptr, e.ptr);
    return pli__scan_files_read(some);
}

static void test_skip__reads_only_files_that_can_match(void **state) {
    (void)state;
    assert_true(check_filter("id = 1003") <= 4 + 7 + 7);
    assert_int_equal(check_filter("p = 2"), 10);
    assert_int_equal(check_filter("p = 2 AND q = 'w1'"), 3);
    assert_int_equal(check_filter("p % 2 = 1 AND upper(q) = 'W0'"), 6);
    assert_int_equal(check_filter("q IS NULL"), 4);
    assert_int_equal(check_filter("p IN (0, 3) OR false"), 20);
    assert_true(check_filter("i BETWEEN 500 AND 520") < 10);
    assert_true(check_filter("dt = DATE '2024-02-01'") < 10);
    assert_true(check_filter("ts < '2024-01-01 00:00:10Z'") < 10);
    assert_true(check_filter("st.x > 1990") < 10);
    assert_true(check_filter("s LIKE 'zzz%'") < 10);
    assert_true(check_filter("s IS NOT NULL") < FILES);
    assert_int_equal(check_filter("p = 77"), 0);
}

static void test_skip__finds_a_time_below_the_millisecond(void **state) {
    (void)state;
    /* the last row of file 1 is id 99; its microseconds are lost in the statistics */
    check_filter("ts = TIMESTAMPTZ '2024-01-01 00:00:00+00' + to_microseconds(99 * 1000003)");
    check_filter("ts = '2024-01-01 00:01:39.000297+00'");
    check_filter("ts > '2024-01-01 00:01:39.000296+00' AND ts < '2024-01-01 00:01:39.000298+00'");
}

static void test_skip__keeps_nan_which_bounds_leave_out(void **state) {
    (void)state;
    check_filter("f > 1e9");
    check_filter("f = 'NaN'");
    check_filter("isnan(f)");
    check_filter("f >= CAST('NaN' AS DOUBLE)");
}

static void test_skip__finds_a_text_beyond_a_bound_that_was_cut_off(void **state) {
    (void)state;
    /* the last row of file 2 is id 149, whose text begins with 34 times 'c'; its upper bound is 32 of them */
    check_filter("s = 'cccccccccccccccccccccccccccccccccc000149'");
    check_filter("s >= 'cccccccccccccccccccccccccccccccccc000149' AND id < 150");
    check_filter("s LIKE 'cccccccccccccccccccccccccccccccccc00014%'");
}

static void test_skip__says_nothing_about_what_it_does_not_understand(void **state) {
    static const char *const filters[] = {"id + 0 = 7",
                                          "nostats = 'z7'",
                                          "length(s) > 3 AND id % 2 = 0",
                                          "NOT (id < 1900)",
                                          "id IS DISTINCT FROM 3",
                                          "(SELECT max(7)) = id",
                                          "id = 3 -- comment",
                                          "id = i",
                                          "CAST(id AS VARCHAR) = '12'",
                                          "CASE WHEN p = 1 THEN id = 510 ELSE false END",
                                          "random() < 2 AND p = 1",
                                          "i = NULL",
                                          "dt::VARCHAR LIKE '2024-02%'"};
    (void)state;
    for (size_t i = 0; i < sizeof filters / sizeof filters[0]; i++) check_filter(filters[i]);
}

static void test_skip__reports_a_filter_that_is_wrong(void **state) {
    pli__scan *scan = NULL;
    pli_error err;
    (void)state;
    const pli__scan_options o = {.where = "id = = 3"};
    assert_int_equal(pli__scan_new(snapshot, &o, &scan, &err), PLI_E_SQL);
    assert_null(scan);
}

/* ---- random filters ---- */

static uint64_t seed;

static int64_t draw(int64_t n) {
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (int64_t)((seed >> 33) % (uint64_t)n);
}

static void add_atom(pli__buf *b) {
    static const char *const ops[] = {"=", "<", "<=", ">", ">=", "<>"};
    const char *op = ops[draw(6)];
    const long long v = draw(FILES * ROWS + 100) - 50;
    switch (draw(14)) {
        case 0: pli__buf_addf(b, "id %s %lld", op, v); break;
        case 1: pli__buf_addf(b, "%lld %s i", v, op); break;
        case 2: pli__buf_addf(b, "s %s repeat('b', 34) || printf('%%06d', %lld)", op, v); break;
        case 3:
            pli__buf_addf(b, "s %s '%c%s%06lld'", op, (char)('a' + draw(4)), "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", v);
            break;
        case 4: pli__buf_addf(b, "ts %s make_timestamptz(1704067200000000 + %lld * 1000003)", op, v); break;
        case 5:
            pli__buf_addf(b, "ts %s '2024-01-01 00:%02lld:%02lld.%06lldZ'", op, (long long)draw(35),
                          (long long)draw(60), (long long)draw(1000000));
            break;
        case 6: pli__buf_addf(b, "f %s %lld.5", op, v / 3); break;
        case 7: pli__buf_addf(b, "d %s %lld.125", op, v / 8); break;
        case 8:
            pli__buf_addf(b, "dt %s DATE '2024-0%lld-1%lld'", op, (long long)(1 + draw(8)), (long long)draw(10));
            break;
        case 9: pli__buf_addf(b, "st.x %s %lld", op, v); break;
        case 10: pli__buf_addf(b, "p %s %lld", op, (long long)draw(5)); break;
        case 11: pli__buf_addf(b, "%s IS %sNULL", draw(2) ? "i" : draw(2) ? "q" : "s", draw(2) ? "NOT " : ""); break;
        case 12: pli__buf_addf(b, "id IN (%lld, %lld, %lld)", v, v / 2, v / 3); break;
        default: pli__buf_addf(b, "i BETWEEN %lld AND %lld", v, v + (long long)draw(200)); break;
    }
}

static void add_filter(pli__buf *b, int depth) {
    if (depth == 0 || draw(3) == 0) {
        add_atom(b);
        return;
    }
    pli__buf_addz(b, draw(8) == 0 ? "NOT (" : "(");
    add_filter(b, depth - 1);
    pli__buf_addz(b, draw(2) ? " AND " : " OR ");
    add_filter(b, depth - 1);
    pli__buf_addc(b, ')');
}

static void test_skip__never_loses_a_row_to_a_random_filter(void **state) {
    const char *given = getenv("PLI_TEST_SEED");
    (void)state;
    seed = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    print_message("seed %llu (PLI_TEST_SEED)\n", (unsigned long long)seed);
    int64_t read = 0;
    for (int i = 0; i < FILTERS; i++) {
        PLI_AUTO(pli__buf_clear) pli__buf where = {0};
        add_filter(&where, 3);
        read += check_filter(where.ptr);
    }
    print_message("%lld of %d files were read\n", (long long)read, FILTERS * FILES);
    assert_true(read < FILTERS * FILES * 9 / 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_skip__reads_only_files_that_can_match),
        cmocka_unit_test(test_skip__finds_a_time_below_the_millisecond),
        cmocka_unit_test(test_skip__keeps_nan_which_bounds_leave_out),
        cmocka_unit_test(test_skip__finds_a_text_beyond_a_bound_that_was_cut_off),
        cmocka_unit_test(test_skip__says_nothing_about_what_it_does_not_understand),
        cmocka_unit_test(test_skip__reports_a_filter_that_is_wrong),
        cmocka_unit_test(test_skip__never_loses_a_row_to_a_random_filter),
    };
    return cmocka_run_group_tests_name("delta_skip", tests, make_table, drop_table);
}
