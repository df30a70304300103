/* Checkpoints in their forms, cleaning and compaction of the log, fsck, the version that an open table keeps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <utime.h>
// cmocka wants the ones above
#include <cmocka.h>

#include "base/hash.h"
#include "base/json.h"
#include "delta/checkpoint_parsed.h"
#include "delta/checkpoint_write.h"
#include "delta/dml.h"
#include "delta/fsck.h"
#include "delta/log_maintain.h"
#include "delta/maintain.h"
#include "pli/table_write.h"
#include "support/delta_fixtures.h"
#include "support/delta_write.h"
#include "support/fault_points.h"
#include "support/temp_dir.h"

#define OK(expr)                                                                                                       \
    do {                                                                                                               \
        pli_error err = {0};                                                                                           \
        const pli_status ok_ = (expr);                                                                                 \
        if (ok_ != PLI_OK) fail_msg("%s: %s: %s", #expr, pli_status_name(ok_), err.message);                           \
    } while (0)

/* ---- help ---- */

static const write_table v2 = {.properties = {"delta.checkpointPolicy", "v2", "delta.checkpointInterval", "100000"}};
static const write_table classic = {.properties = {"delta.checkpointInterval", "100000"}};

static void append(write_fixture *f, int n, const write_table *how) {
    static int id;
    for (int i = 0; i < n; i++) {
        char sql[60];
        snprintf(sql, sizeof sql, "SELECT %d::BIGINT AS id", id++);
        must_append(f, sql, how);
    }
}

static pli__delta_checkpoint_result checkpoint(write_fixture *f) {
    pli__delta_checkpoint_result r;
    pli__snapshot *s = write_latest(f);
    OK(pli__delta_checkpoint_write(s, f->table, &r, &err));
    pli__snapshot_unref(s);
    return r;
}

static void shell(const write_fixture *f, const char *command) { fault_shell(temp_dir(f->dir), command); }

/* Number of files that a pattern of the shell matches. */
static int count(const write_fixture *f, const char *pattern) {
    char command[400];
    int n = 0;
    snprintf(command, sizeof command, "find '%s' -path '%s/%s' | wc -l", temp_dir(f->dir), temp_dir(f->dir), pattern);
    FILE *p = popen(command, "r");
    assert_non_null(p);
    assert_int_equal(fscanf(p, "%d", &n), 1);
    pclose(p);
    return n;
}

static void set_property(write_fixture *f, const char *key, const char *value) {
    const pli__kv kv = {pli__str_of(key), pli__str_of(value)};
    int64_t version;
    OK(pli__set_properties(f->table, &kv, 1, &version, &err));
}

/* The same files, seen by a handle that knows nothing yet. */
static void expect_files(write_fixture *f, int64_t n) {
    write_fixture_open(f, "table");
    assert_int_equal(count_files(f), n);
}

/* Commits below a version, and every checksum file. */
static void remove_commits(const write_fixture *f, int below) {
    char command[300];
    snprintf(command, sizeof command,
             "cd table/_delta_log && rm -f *.crc && for i in $(seq 0 %d); do rm -f $(printf %%020d $i).json; done",
             below - 1);
    shell(f, command);
}

/* ---- v2 checkpoints ---- */

static void test_delta_write_log__sidecars_that_nothing_touched_are_used_again(void **state) {
    write_fixture *f = *state;
    append(f, 3, &v2);
    pli__delta_checkpoint_result r = checkpoint(f);
    assert_int_equal(r.sidecars, 1);
    assert_int_equal(r.sidecars_reused, 0);
    assert_int_equal(r.add_files, 3);
    append(f, 2, &v2);
    r = checkpoint(f);
    assert_int_equal(r.sidecars, 2);
    assert_int_equal(r.sidecars_reused, 1);
    assert_int_equal(r.add_files, 5);
    assert_true(r.bytes_written < r.bytes);
    assert_int_equal(count(f, "table/_delta_log/_sidecars/*.parquet"), 2);
    remove_commits(f, 4);
    expect_files(f, 5);
}

static void test_delta_write_log__a_sidecar_with_a_removed_file_is_written_anew(void **state) {
    write_fixture *f = *state;
    pli__dml_result d;
    append(f, 2, &v2);
    checkpoint(f);
    append(f, 2, &v2);
    checkpoint(f);
    const pli__dml_options o = {.where = "id % 2 = 0"};
    OK(pli__dml_delete(f->table, &o, &d, &err));
    pli__delta_checkpoint_result r = checkpoint(f);
    assert_int_equal(r.sidecars_reused, 0); /* each sidecar had an even id */
    assert_int_equal(r.add_files, 2);
    remove_commits(f, 4);
    expect_files(f, 2);
}

static void test_delta_write_log__the_first_one_has_the_classic_name(void **state) {
    write_fixture *f = *state;
    for (int i = 0; i < 3; i++) {
        append(f, 1, &v2);
        checkpoint(f);
    }
    assert_int_equal(count(f, "table/_delta_log/*0.checkpoint.parquet"), 1);
    assert_int_equal(count(f, "table/_delta_log/*.checkpoint.*-*.json"), 2);
    shell(f, "rm table/_delta_log/*.checkpoint.*-*.json table/_delta_log/*.crc");
    remove_commits(f, 0);
    expect_files(f, 3);
}

static void test_delta_write_log__many_small_sidecars_are_put_together(void **state) {
    write_fixture *f = *state;
    pli__delta_checkpoint_result r = {0};
    for (int i = 0; i < 11; i++) {
        append(f, 1, &v2);
        r = checkpoint(f);
        assert_int_equal(r.sidecars, i < 10 ? i + 1 : 1);
    }
    assert_int_equal(r.add_files, 11);
    expect_files(f, 11);
}

static void test_delta_write_log__sidecars_with_other_columns_are_not_mixed(void **state) {
    write_fixture *f = *state;
    append(f, 2, &v2);
    checkpoint(f);
    set_property(f, "delta.checkpoint.writeStatsAsStruct", "true");
    pli__delta_checkpoint_result r = checkpoint(f);
    assert_int_equal(r.sidecars_reused, 0);
    append(f, 1, &v2);
    r = checkpoint(f);
    assert_int_equal(r.sidecars_reused, 1);
    expect_files(f, 3);
}

static void test_delta_write_log__a_lost_sidecar_is_never_named_again(void **state) {
    write_fixture *f = *state;
    pli__snapshot *s;
    pli__delta_checkpoint_result r;
    append(f, 2, &v2);
    checkpoint(f);
    append(f, 1, &v2);
    const pli__snapshot_options for_write = {.for_write = true};
    OK(pli__snapshot_open(f->table, PLI__LATEST, &for_write, &s, &err));
    shell(f, "rm table/_delta_log/_sidecars/*");
    pli_error err = {0};
    assert_int_not_equal(pli__delta_checkpoint_write(s, f->table, &r, &err), PLI_OK);
    pli__snapshot_unref(s);
    assert_int_equal(count(f, "table/_delta_log/*2.checkpoint.*"), 0);
    expect_files(f, 3); /* the commits are all there */
}

static void test_delta_write_log__many_transactions_make_a_manifest_in_parquet(void **state) {
    write_fixture *f = *state;
    append(f, 1, &v2);
    checkpoint(f); /* takes the classic name */
    pli__snapshot *s = write_latest(f);
    pli__txn_handle *x = NULL;
    pli__commit_result c;
    pli__txn found;
    const pli__txn_options o = {.operation = "WRITE", .data_change = true};
    OK(pli__txn_begin(f->table, s, &o, &x, &err));
    for (int i = 0; i <= 10000; i++) {
        char app[20];
        snprintf(app, sizeof app, "app %d", i);
        OK(pli__txn_set_txn(x, pli__str_of(app), i, &err));
    }
    OK(pli__txn_commit(x, &c, &err));
    pli__txn_free(x);
    pli__snapshot_unref(s);
    checkpoint(f);
    assert_int_equal(count(f, "table/_delta_log/*1.checkpoint.*-*.parquet"), 1);
    remove_commits(f, 1);
    write_fixture_open(f, "table");
    s = write_latest(f);
    assert_int_equal(pli__snapshot_n_txns(s), 10001);
    assert_true(pli__snapshot_txn(s, PLI_STR("app 7777"), &found));
    assert_int_equal(found.version, 7777);
    pli__snapshot_unref(s);
    expect_files(f, 1);
}

/* ---- statistics in columns, the hint ---- */

static void test_delta_write_log__long_numbers_of_statistics_are_quoted(void **state) {
    PLI_AUTO(pli__buf_clear) pli__buf out = {0};
    (void)state;
    assert_false(pli__checkpoint_quote_numbers(PLI_STR("{\"a\":123.45,\"b\":\"12345678901234567890\"}"), &out));
    assert_true(pli__checkpoint_quote_numbers(
        PLI_STR("{\"a\":-12345678901234567.89,\"x\\\"y\":\"1234567890123456789\",\"b\":[1,1234567890123456789]}"),
        &out));
    assert_string_equal(
        out.ptr,
        "{\"a\":\"-12345678901234567.89\",\"x\\\"y\":\"1234567890123456789\",\"b\":[1,\"1234567890123456789\"]}");
    assert_true(pli__checkpoint_quote_numbers(PLI_STR("1234567890123456789"), &out));
    assert_false(pli__checkpoint_quote_numbers(PLI_STR("{\"open"), &out));
    assert_false(pli__checkpoint_quote_numbers(PLI_STR(""), &out));
}

static void test_delta_write_log__bounds_of_decimals_keep_their_digits(void **state) {
    write_fixture *f = *state;
    const write_table how = {.properties = {"delta.checkpoint.writeStatsAsStruct", "true"}};
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0}, text = {0};
    must_append(f, "SELECT 12345678901234567890.1234567890::DECIMAL(38,10) AS d, 9007199254740993 AS i", &how);
    checkpoint(f);
    pli__buf_addf(&sql,
                  "SELECT add.stats_parsed.minValues.d::VARCHAR || ' ' || add.stats_parsed.maxValues.i::VARCHAR FROM "
                  "read_parquet('%s/table/_delta_log/*.checkpoint.parquet') WHERE add IS NOT NULL",
                  temp_dir(f->dir));
    fixtures_text(f->env, sql.ptr, &text);
    assert_string_equal(text.ptr, "12345678901234567890.1234567890 9007199254740993");
}

static void test_delta_write_log__the_hint_carries_its_checksum(void **state) {
    write_fixture *f = *state;
    append(f, 2, &classic);
    const pli__delta_checkpoint_result r = checkpoint(f);
    char canonical[300], md5[33];
    snprintf(canonical, sizeof canonical, "\"numOfAddFiles\"=2,\"size\"=4,\"sizeInBytes\"=%lld,\"version\"=1",
             (long long)r.bytes);
    pli__md5_hex(pli__str_of(canonical), md5);
    const char *hint = temp_read(f->dir, "table/_delta_log/_last_checkpoint");
    assert_non_null(hint);
    assert_non_null(strstr(hint, md5));
    assert_non_null(strstr(hint, "\"version\":1,\"size\":4"));
}

/* ---- cleaning ---- */

/* Files of the log through a version, and sidecars, become `days` older. */
static void age(const write_fixture *f, int version, int days) {
    char command[600];
    snprintf(
        command, sizeof command,
        "for x in table/_delta_log/0* table/_delta_log/_sidecars/*; do n=$(basename $x | cut -c1-20); "
        "case $x in table/_delta_log/0*) [ $n -le %d ] || continue;; esac; [ -e $x ] && touch -d \"$(stat -c %%y $x) %d days ago\" $x || true; "
        "done",
        version, days);
    shell(f, command);
}

static pli__log_clean_result clean(write_fixture *f) {
    pli__log_clean_result r;
    write_fixture_open(f, "table");
    pli__snapshot *s = write_latest(f);
    OK(pli__log_clean(s, &r, &err));
    pli__snapshot_unref(s);
    return r;
}

static void test_delta_write_log__what_no_kept_version_needs_is_cleaned(void **state) {
    write_fixture *f = *state;
    append(f, 3, &classic); /* 0 1 2 */
    checkpoint(f);
    append(f, 2, &classic); /* 3 4 */
    checkpoint(f);
    append(f, 2, &classic); /* 5 6 */
    checkpoint(f);
    assert_int_equal(clean(f).before, -1); /* all young */
    age(f, 5, 40);
    const pli__log_clean_result r = clean(f);
    assert_int_equal(r.before, 4); /* version 5 is old too, but needs checkpoint 4 */
    assert_int_equal(r.commits, 4);
    assert_int_equal(r.checkpoints, 1);
    assert_int_equal(count(f, "table/_delta_log/*[0-9].json"), 3);
    assert_int_equal(count(f, "table/_delta_log/*.crc"), 3);
    expect_files(f, 7);
    for (int64_t v = 4; v <= 6; v++) {
        pli__snapshot *s = NULL;
        OK(pli__snapshot_open(f->table, v, NULL, &s, &err));
        pli__snapshot_unref(s);
    }
    assert_int_equal(clean(f).commits, 0); /* nothing more to do */
}

static void test_delta_write_log__a_day_that_is_not_over_is_kept(void **state) {
    write_fixture *f = *state;
    append(f, 2, &classic);
    checkpoint(f);
    append(f, 1, &classic);
    age(f, 1, 30); /* today, 30 days ago: the threshold is that day's midnight */
    assert_int_equal(clean(f).before, -1);
    age(f, 1, 1);
    assert_int_equal(clean(f).before, 1);
}

static void test_delta_write_log__cleaning_can_be_switched_off_and_set(void **state) {
    write_fixture *f = *state;
    append(f, 2, &classic);
    checkpoint(f);
    set_property(f, "delta.enableExpiredLogCleanup", "false");
    age(f, 1, 60);
    assert_int_equal(clean(f).before, -1);
    set_property(f, "delta.enableExpiredLogCleanup", "true");
    set_property(f, "delta.logRetentionDuration", "interval 90 days");
    assert_int_equal(clean(f).before, -1);
    set_property(f, "delta.logRetentionDuration", "interval 1 week");
    assert_int_equal(clean(f).before, 1);
}

static void test_delta_write_log__nothing_is_cleaned_for_a_checkpoint_that_does_not_open(void **state) {
    write_fixture *f = *state;
    append(f, 2, &classic);
    checkpoint(f);
    append(f, 2, &classic);
    checkpoint(f);
    shell(f, "truncate -s 100 table/_delta_log/*3.checkpoint.parquet");
    age(f, 3, 60);
    assert_int_equal(clean(f).before, 1); /* the one before it opens */
    expect_files(f, 4);
    shell(f, "truncate -s 100 table/_delta_log/*1.checkpoint.parquet");
    write_fixture_open(f, "table");
}

static void test_delta_write_log__protected_versions_go_at_once_or_not_at_all(void **state) {
    write_fixture *f = *state;
    append(f, 2, &classic);
    pli__snapshot *s = write_latest(f);
    pli__txn_handle *x = NULL;
    pli__commit_result c;
    const pli__str features[] = {PLI_STR("checkpointProtection")};
    const pli__protocol p = {.min_reader = 1,
                             .min_writer = 7,
                             .has_writer_features = true,
                             .n_writer_features = 1,
                             .writer_features = features};
    const pli__txn_options o = {.operation = "UPGRADE PROTOCOL", .reads = PLI__READS_TABLE};
    OK(pli__txn_begin(f->table, s, &o, &x, &err));
    OK(pli__txn_set_protocol(x, &p, &err));
    OK(pli__txn_commit(x, &c, &err));
    pli__txn_free(x);
    pli__snapshot_unref(s);
    checkpoint(f); /* of version 2 */
    set_property(f, "delta.requireCheckpointProtectionBeforeVersion", "4");
    append(f, 2, &classic);
    age(f, 2, 60);
    assert_int_equal(clean(f).before, -1);
    checkpoint(f); /* of version 5 */
    append(f, 1, &classic);
    age(f, 5, 60);
    assert_int_equal(clean(f).before, 5);
    expect_files(f, 5);
}

static void test_delta_write_log__sidecars_go_when_no_checkpoint_names_them(void **state) {
    write_fixture *f = *state;
    pli__dml_result d;
    append(f, 2, &v2);
    checkpoint(f);
    append(f, 1, &v2);
    checkpoint(f); /* names the first sidecar again */
    const pli__dml_options all = {.where = "true"};
    OK(pli__dml_delete(f->table, &all, &d, &err));
    append(f, 1, &v2);
    checkpoint(f); /* names new ones only */
    append(f, 1, &v2);
    shell(f, "touch table/_delta_log/_sidecars/notes.txt && mkdir -p table/_delta_log/.pli-checkpoint-dead && "
             "touch -d '3 days ago' table/_delta_log/.pli-checkpoint-dead");
    age(f, 2, 60);
    pli__log_clean_result r = clean(f);
    assert_int_equal(r.before, 2);
    assert_int_equal(r.sidecars, 0); /* checkpoint 2 still names both */
    age(f, 4, 60);
    shell(f, "touch table/_delta_log/_sidecars/young.parquet");
    r = clean(f);
    assert_int_equal(r.before, 4);
    assert_int_equal(r.sidecars, 2);
    assert_int_equal(count(f, "table/_delta_log/_sidecars/young.parquet"), 1);
    assert_int_equal(count(f, "table/_delta_log/_sidecars/notes.txt"), 1);
    assert_int_equal(count(f, "table/_delta_log/.pli-checkpoint-dead"), 0);
    expect_files(f, 2);
}

/* ---- compaction ---- */

static pli__log_compact_result compact(write_fixture *f, int64_t from, int64_t to, bool dry_run) {
    pli__log_compact_result r;
    const pli__log_compact_options o = {from, to, dry_run};
    OK(pli__log_compact(f->table, &o, &r, &err));
    return r;
}

static void test_delta_write_log__commits_are_compacted(void **state) {
    write_fixture *f = *state;
    append(f, 4, &classic);
    assert_true(compact(f, -1, -1, true).written);
    assert_int_equal(count(f, "table/_delta_log/*.compacted.json"), 0);
    pli__log_compact_result r = compact(f, -1, -1, false);
    assert_int_equal(r.from, 0);
    assert_int_equal(r.to, 3);
    assert_int_equal(r.actions, 2 + 4);
    assert_int_equal(r.commits, 4);
    assert_false(compact(f, 0, 3, false).written); /* there already */
    assert_false(compact(f, 2, 2, false).written); /* one commit */
    const char *text = temp_read(f->dir, "table/_delta_log/00000000000000000000.00000000000000000003.compacted.json");
    assert_non_null(text);
    assert_null(strstr(text, "commitInfo"));
    checkpoint(f);
    append(f, 2, &classic);
    r = compact(f, -1, -1, false);
    assert_int_equal(r.from, 4);
    assert_int_equal(r.to, 5);
    expect_files(f, 6);
}

static void test_delta_write_log__a_compacted_log_keeps_what_hides_something_older(void **state) {
    write_fixture *f = *state;
    pli__dml_result d;
    append(f, 1, &classic);
    pli__txn_handle *x = NULL;
    pli__commit_result c;
    for (int removed = 0; removed < 2; removed++) {
        pli__snapshot *s = write_latest(f);
        const pli__txn_options o = {.operation = "SET DOMAIN", .reads = PLI__READS_TABLE};
        const pli__domain domain = {PLI_STR("user.x"), PLI_STR("{}"), removed};
        OK(pli__txn_begin(f->table, s, &o, &x, &err));
        OK(pli__txn_set_domain(x, &domain, &err));
        OK(pli__txn_commit(x, &c, &err));
        pli__txn_free(x);
        pli__snapshot_unref(s);
    }
    const pli__dml_options all = {.where = "true"};
    OK(pli__dml_delete(f->table, &all, &d, &err));
    compact(f, 2, 3, false);
    const char *text = temp_read(f->dir, "table/_delta_log/00000000000000000002.00000000000000000003.compacted.json");
    assert_non_null(text);
    assert_non_null(strstr(text, "\"removed\":true"));
    assert_non_null(strstr(text, "{\"remove\":"));
    assert_null(strstr(text, "{\"add\":"));
}

static void test_delta_write_log__ranges_that_are_not_there_are_refused(void **state) {
    write_fixture *f = *state;
    pli__log_compact_result r;
    pli_error err = {0};
    append(f, 3, &classic);
    const pli__log_compact_options beyond = {0, 7, false}, empty = {2, 1, false};
    assert_int_equal(pli__log_compact(f->table, &beyond, &r, &err), PLI_E_NOT_FOUND);
    assert_int_equal(pli__log_compact(f->table, &empty, &r, &err), PLI_E_ARGUMENT);
    checkpoint(f);
    shell(f, "rm table/_delta_log/00000000000000000001.json");
    const pli__log_compact_options gap = {0, 2, false};
    assert_int_equal(pli__log_compact(f->table, &gap, &r, &err), PLI_E_NOT_FOUND);
    write_fixture_open(f, "no table");
    const pli__log_compact_options any = {-1, -1, false};
    assert_int_equal(pli__log_compact(f->table, &any, &r, &err), PLI_E_NOT_A_TABLE);
}

/* ---- fsck ---- */

typedef struct {
    int n, files, vectors, invalid;
} findings;

static pli_status see_finding(void *arg, const pli__fsck_finding *f, pli_error *err) {
    findings *seen = arg;
    (void)err;
    seen->n++;
    seen->files += f->file_missing;
    seen->vectors += f->vector_missing;
    seen->invalid += f->vector_invalid;
    return PLI_OK;
}

static void test_delta_write_log__fsck_takes_out_what_is_missing(void **state) {
    write_fixture *f = *state;
    const write_table how = {.properties = {"delta.enableDeletionVectors", "true"}};
    pli__fsck_result r;
    pli__dml_result d;
    findings seen = {0};
    must_append(f, "SELECT range AS id FROM range(100)", &how);
    const pli__dml_options odd = {.where = "id % 10 = 1"};
    OK(pli__dml_delete(f->table, &odd, &d, &err));
    must_append(f, "SELECT 1000::BIGINT AS id", NULL);
    OK(pli__fsck(f->table, false, see_finding, &seen, &r, &err));
    assert_false(r.committed); /* nothing wrong: no commit */
    assert_int_equal(r.files_checked, 2);
    shell(f, "for v in table/*.bin; do truncate -s 10 $v; done");
    OK(pli__fsck(f->table, true, see_finding, &seen, &r, &err));
    assert_int_equal(r.vectors_invalid, 1);
    assert_false(r.committed);
    shell(f, "rm table/*.bin");
    OK(pli__fsck(f->table, false, see_finding, &seen, &r, &err));
    assert_int_equal(r.vectors_missing, 1);
    assert_int_equal(r.files_removed, 1);
    assert_true(r.committed);
    expect_rows(f, "SELECT 1000::BIGINT AS id");
    shell(f, "rm table/*.parquet");
    OK(pli__fsck(f->table, false, see_finding, &seen, &r, &err));
    assert_int_equal(r.files_missing, 1);
    assert_int_equal(seen.n, 3);
    assert_int_equal(seen.files + seen.vectors + seen.invalid, 3);
    expect_rows(f, "SELECT 1000::BIGINT AS id WHERE false");
}

static void test_delta_write_log__fsck_leaves_the_change_feed_readable(void **state) {
    write_fixture *f = *state;
    const write_table how = {.properties = {"delta.enableChangeDataFeed", "true"}};
    pli__fsck_result r;
    must_append(f, "SELECT 1::BIGINT AS id", &how);
    must_append(f, "SELECT 2::BIGINT AS id", NULL);
    shell(f, "rm table/*.parquet");
    OK(pli__fsck(f->table, false, NULL, NULL, &r, &err));
    assert_int_equal(r.files_removed, 2);
    expect_changes(f, 2, "SELECT 1::BIGINT AS id, 'delete' AS _change_type, 0::BIGINT AS _commit_version WHERE false");
}

/* ---- the version that an open table keeps ---- */

static void write_one(pli_table *t, int id) {
    char sql[60];
    snprintf(sql, sizeof sql, "SELECT %d::BIGINT AS id", id);
    OK(pli_table_write_sql(t, sql, NULL, NULL, NULL, &err));
}

static void test_delta_write_log__an_open_table_sees_other_writers_and_another_table(void **state) {
    write_fixture *f = *state;
    pli_table *t = NULL;
    OK(pli_table_open(f->env, temp_path(f->dir, "table"), &t, &err));
    write_one(t, 1);
    write_one(t, 2);
    append(f, 1, NULL); /* through another handle */
    write_one(t, 3);
    expect_files(f, 4);
    shell(f, "rm -r table");
    OK(pli_table_write_sql(t, "SELECT 'x' AS other", NULL, NULL, NULL, &err)); /* a new table, with other columns */
    write_fixture_open(f, "table");
    expect_rows(f, "SELECT 'x' AS other");
    pli_table_close(t);
}

static void test_delta_write_log__an_open_table_outlives_the_checkpoint_that_it_began_with(void **state) {
    write_fixture *f = *state;
    pli_table *t = NULL;
    append(f, 2, &classic);
    checkpoint(f); /* of version 1 */
    OK(pli_table_open(f->env, temp_path(f->dir, "table"), &t, &err));
    write_one(t, 7); /* goes back to it */
    append(f, 1, NULL);
    checkpoint(f); /* of version 3 */
    shell(f, "cd table/_delta_log && rm 00000000000000000000.* 00000000000000000001.*");
    set_property(f, "delta.checkpointInterval", "5");
    write_one(t, 8); /* version 5 */
    pli_table_close(t);
    assert_int_equal(count(f, "table/_delta_log/*5.checkpoint.parquet"), 1);
    expect_files(f, 5);
}

static void test_delta_write_log__appends_go_on_after_their_checkpoints(void **state) {
    write_fixture *f = *state;
    pli_table *t = NULL;
    OK(pli_table_open(f->env, temp_path(f->dir, "table"), &t, &err));
    for (int i = 0; i < 25; i++) write_one(t, i);
    pli_table_close(t);
    assert_int_equal(count(f, "table/_delta_log/*.checkpoint.parquet"), 2);
    expect_rows(f, "SELECT range AS id FROM range(25)");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, write_fixture_setup, write_fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_delta_write_log__sidecars_that_nothing_touched_are_used_again),
        TEST(test_delta_write_log__a_sidecar_with_a_removed_file_is_written_anew),
        TEST(test_delta_write_log__the_first_one_has_the_classic_name),
        TEST(test_delta_write_log__many_small_sidecars_are_put_together),
        TEST(test_delta_write_log__sidecars_with_other_columns_are_not_mixed),
        TEST(test_delta_write_log__a_lost_sidecar_is_never_named_again),
        TEST(test_delta_write_log__many_transactions_make_a_manifest_in_parquet),
        TEST(test_delta_write_log__long_numbers_of_statistics_are_quoted),
        TEST(test_delta_write_log__bounds_of_decimals_keep_their_digits),
        TEST(test_delta_write_log__the_hint_carries_its_checksum),
        TEST(test_delta_write_log__what_no_kept_version_needs_is_cleaned),
        TEST(test_delta_write_log__a_day_that_is_not_over_is_kept),
        TEST(test_delta_write_log__cleaning_can_be_switched_off_and_set),
        TEST(test_delta_write_log__nothing_is_cleaned_for_a_checkpoint_that_does_not_open),
        TEST(test_delta_write_log__protected_versions_go_at_once_or_not_at_all),
        TEST(test_delta_write_log__sidecars_go_when_no_checkpoint_names_them),
        TEST(test_delta_write_log__commits_are_compacted),
        TEST(test_delta_write_log__a_compacted_log_keeps_what_hides_something_older),
        TEST(test_delta_write_log__ranges_that_are_not_there_are_refused),
        TEST(test_delta_write_log__fsck_takes_out_what_is_missing),
        TEST(test_delta_write_log__fsck_leaves_the_change_feed_readable),
        TEST(test_delta_write_log__an_open_table_sees_other_writers_and_another_table),
        TEST(test_delta_write_log__an_open_table_outlives_the_checkpoint_that_it_began_with),
        TEST(test_delta_write_log__appends_go_on_after_their_checkpoints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
