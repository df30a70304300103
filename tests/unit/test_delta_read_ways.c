/* Other ways to a version than commit by commit: compacted files, version checksums, and what happens when they are wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
// cmocka wants those above
#include <cmocka.h>

#include "port/store_memory.h"
#include "support/delta_log.h"

/* ---- compacted logs ---- */

#define COMPACTED(from, to) "0000000000000000000" from ".0000000000000000000" to ".compacted.json"

/* Versions 0 to 5: a to f added, a removed in 3. */
static void put_six_commits(log_fixture *f) {
    log_fixture_commit(f, 0, LOG_PROTOCOL LOG_METADATA LOG_ADD("a"));
    log_fixture_commit(f, 1, LOG_ADD("b"));
    log_fixture_commit(f, 2, LOG_ADD("c"));
    log_fixture_commit(f, 3, LOG_ADD("d") LOG_REMOVE("a"));
    log_fixture_commit(f, 4, LOG_ADD("e"));
    log_fixture_commit(f, 5, LOG_ADD("f"));
    log_fixture_put(f, COMPACTED("1", "3"), LOG_ADD("b") LOG_ADD("c") LOG_ADD("d") LOG_REMOVE("a"));
}

static void remove_commits(log_fixture *f, int64_t from, int64_t to) {
    for (int64_t v = from; v <= to; v++) {
        char name[40];
        snprintf(name, sizeof name, "%020lld.json", (long long)v);
        assert_int_equal(pli__store_remove(f->store, name, NULL), PLI_OK);
    }
}

static unsigned gets_of_opening(log_fixture *f, const pli__snapshot_options *o) {
    const unsigned before = pli__store_memory_calls(f->store, PLI__STORE_GET);
    pli__snapshot *s = NULL;
    assert_int_equal(pli__snapshot_open(f->table, PLI__LATEST, o, &s, NULL), PLI_OK);
    assert_log_files(f, s, "b,c,d,e,f");
    pli__snapshot_unref(s);
    return pli__store_memory_calls(f->store, PLI__STORE_GET) - before;
}

static void test_snapshot__reads_a_compacted_file_in_place_of_its_commits(void **state) {
    log_fixture *f = *state;
    put_six_commits(f);
    const pli__snapshot_options compacted = {.with_files = true},
                                plain = {.with_files = true, .ignore_checkpoints = true};
    assert_true(gets_of_opening(f, &compacted) <= 6); /* the hint, the checksum, 0, 1.3, 4, 5 */
    assert_true(gets_of_opening(f, &plain) >= 6);
}

static void test_snapshot__bridges_removed_commits_with_a_compacted_file(void **state) {
    log_fixture *f = *state;
    put_six_commits(f);
    remove_commits(f, 1, 2);
    pli__snapshot *s = log_fixture_open_at(f, PLI__LATEST);
    assert_log_files(f, s, "b,c,d,e,f");
    pli__snapshot_unref(s);
    const pli__snapshot_options plain = {.ignore_checkpoints = true};
    assert_true(gets_of_opening(f, &plain) > 0);
    assert_log_refused(f, 2, PLI_E_CORRUPT, "needs commit 1");
    s = log_fixture_open_at(f, 0);
    pli__snapshot *later = NULL;
    assert_int_equal(pli__snapshot_advance(s, 4, &later, NULL), PLI_OK);
    assert_log_files(f, later, "b,c,d,e");
    pli__snapshot_unref(s);
    pli__snapshot_unref(later);
}

static void test_snapshot__finds_a_way_where_the_longest_compacted_file_is_a_dead_end(void **state) {
    log_fixture *f = *state;
    put_six_commits(f);
    log_fixture_put(f, COMPACTED("2", "4"), LOG_ADD("c") LOG_ADD("d") LOG_REMOVE("a") LOG_ADD("e"));
    remove_commits(f, 4, 4); /* 1.3 leads nowhere: 4 is gone, but 2.4 has it */
    pli__snapshot *s = log_fixture_open_at(f, PLI__LATEST);
    assert_log_files(f, s, "b,c,d,e,f");
    pli__snapshot_unref(s);
}

static void test_snapshot__ignores_compacted_files_that_reach_too_far_or_are_no_range(void **state) {
    log_fixture *f = *state;
    put_six_commits(f);
    log_fixture_put(f, COMPACTED("4", "9"), LOG_ADD("never"));
    log_fixture_put(f, COMPACTED("5", "5"), LOG_ADD("never"));
    log_fixture_put(f, COMPACTED("3", "2"), LOG_ADD("never"));
    log_fixture_put(f, LOG_V2_NAME("2"), LOG_PROTOCOL LOG_METADATA LOG_ADD("a") LOG_ADD("b") LOG_ADD("c"));
    pli__snapshot *s = log_fixture_open_at(f, PLI__LATEST); /* 1.3 straddles the checkpoint */
    assert_int_equal(pli__snapshot_checkpoint_version(s), 2);
    assert_log_files(f, s, "b,c,d,e,f");
    pli__snapshot_unref(s);
    s = log_fixture_open_at(f, 2);
    assert_log_files(f, s, "a,b,c");
    pli__snapshot_unref(s);
}

static void test_snapshot__falls_back_from_a_broken_compacted_file_and_says_so(void **state) {
    log_fixture *f = *state;
    put_six_commits(f);
    log_fixture_put(f, COMPACTED("1", "3"), LOG_ADD("never") "{\"add\":{\"pa");
    pli__snapshot *s = log_fixture_open_at(f, PLI__LATEST);
    assert_log_files(f, s, "b,c,d,e,f");
    assert_non_null(strstr(f->warnings, COMPACTED("1", "3")));
    pli__snapshot_unref(s);
}

static void test_snapshot__does_not_use_a_compacted_file_that_is_not_reconciled(void **state) {
    log_fixture *f = *state;
    const pli__snapshot_options o = {.with_files = true};
    pli__snapshot *s = NULL;
    put_six_commits(f);
    log_fixture_put(f, COMPACTED("1", "3"), LOG_REMOVE("a") LOG_ADD("d") LOG_ADD("c") LOG_ADD("b") LOG_ADD("a"));
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pli__snapshot_open(f->table, PLI__LATEST, i ? &o : NULL, &s, NULL), PLI_OK);
        assert_log_files(f, s, "b,c,d,e,f");
        pli__snapshot_unref(s);
    }
    assert_non_null(strstr(f->warnings, "two actions of the same file"));
}

static void test_snapshot__names_the_broken_compacted_file_if_nothing_else_is_left(void **state) {
    log_fixture *f = *state;
    put_six_commits(f);
    remove_commits(f, 2, 2);
    log_fixture_put(f, COMPACTED("1", "3"), LOG_ADD("b") "{\"add\":{\"pa");
    assert_log_refused(f, PLI__LATEST, PLI_E_CORRUPT, COMPACTED("1", "3"));
}

static void test_snapshot__oldest_version_may_be_the_end_of_a_compacted_file(void **state) {
    log_fixture *f = *state;
    int64_t version;
    put_six_commits(f);
    log_fixture_put(f, COMPACTED("0", "3"),
                    LOG_PROTOCOL LOG_METADATA LOG_ADD("b") LOG_ADD("c") LOG_ADD("d") LOG_REMOVE("a"));
    remove_commits(f, 0, 3);
    assert_int_equal(pli__delta_earliest_version(f->table, &version, NULL), PLI_OK);
    assert_int_equal(version, 3);
    pli__snapshot *s = log_fixture_open_at(f, 3);
    assert_log_files(f, s, "b,c,d");
    pli__snapshot_unref(s);
    assert_log_refused(f, 2, PLI_E_NOT_FOUND, "no longer available");
}

/* ---- checkpoints that break while their files are listed ---- */

#define BROKEN_ADD "{\"add\":{\"path\":7}}\n" /* shows only when files are asked for */

static void test_snapshot__goes_on_by_the_log_where_a_checkpoint_breaks_halfway(void **state) {
    log_fixture *f = *state;
    put_six_commits(f);
    log_fixture_put(f, LOG_V2_NAME("5"), LOG_PROTOCOL LOG_METADATA LOG_ADD("b") LOG_ADD("e") BROKEN_ADD);
    log_fixture_put(f, LOG_V2_NAME("3"), LOG_PROTOCOL LOG_METADATA LOG_ADD("d") LOG_ADD("b") BROKEN_ADD);
    log_fixture_put(f, LOG_V2_NAME("2"), LOG_PROTOCOL LOG_METADATA LOG_ADD("a") LOG_ADD("b") LOG_ADD("c"));
    pli__snapshot *s = log_fixture_open_at(f, PLI__LATEST);
    assert_int_equal(pli__snapshot_checkpoint_version(s), 5);
    assert_log_files(f, s, "b,c,d,e,f"); /* each once */
    assert_int_equal(pli__snapshot_checkpoint_version(s), 2);
    assert_non_null(strstr(f->warnings, LOG_V2_NAME("5")));
    assert_non_null(strstr(f->warnings, LOG_V2_NAME("3")));
    assert_log_files(f, s, "b,c,d,e,f");
    pli__snapshot_unref(s);
    f->warnings[0] = 0;
    s = log_fixture_open_at(f, PLI__LATEST); /* it is not tried again */
    assert_log_files(f, s, "b,c,d,e,f");
    assert_string_equal(f->warnings, "");
    pli__snapshot_unref(s);
}

static void test_snapshot__names_the_checkpoint_that_breaks_where_the_log_has_nothing_else(void **state) {
    log_fixture *f = *state;
    log_fixture_put(f, LOG_V2_NAME("5"), LOG_PROTOCOL LOG_METADATA LOG_ADD("b") BROKEN_ADD);
    log_fixture_commit(f, 6, LOG_ADD("g"));
    pli__snapshot *s = log_fixture_open_at(f, PLI__LATEST);
    pli__totals totals;
    pli_error err = {0};
    assert_int_equal(pli__snapshot_totals(s, &totals, &err), PLI_E_CORRUPT);
    assert_non_null(strstr(err.message, LOG_V2_NAME("5")));
    pli__snapshot_unref(s);
}

static void test_snapshot__refuses_files_of_a_broken_checkpoint_that_the_log_does_not_have(void **state) {
    log_fixture *f = *state;
    put_six_commits(f);
    log_fixture_put(f, LOG_V2_NAME("5"), LOG_PROTOCOL LOG_METADATA LOG_ADD("b") LOG_ADD("ghost") BROKEN_ADD);
    pli__snapshot *s = log_fixture_open_at(f, PLI__LATEST);
    pli__totals totals;
    pli_error err = {0};
    assert_int_equal(pli__snapshot_totals(s, &totals, &err), PLI_E_CORRUPT);
    assert_non_null(strstr(err.message, "1 files which version 5 does not have"));
    pli__snapshot_unref(s);
}

static pli_status stop(void *arg, const pli__add *add, pli_error *err) {
    (void)arg, (void)add;
    return pli__error_set(err, PLI_E_CORRUPT, "enough");
}

static void test_snapshot__what_the_receiver_says_is_no_broken_checkpoint(void **state) {
    log_fixture *f = *state;
    put_six_commits(f);
    log_fixture_put(f, LOG_V2_NAME("2"), LOG_PROTOCOL LOG_METADATA LOG_ADD("a") LOG_ADD("b") LOG_ADD("c"));
    pli__snapshot *s = log_fixture_open_at(f, PLI__LATEST);
    pli_error err = {0};
    assert_int_equal(pli__snapshot_files(s, 0, stop, NULL, &err), PLI_E_CORRUPT);
    assert_string_equal(err.message, "enough");
    assert_string_equal(f->warnings, "");
    pli__snapshot_unref(s);
}

/* ---- version checksums ---- */

#define LOG_INFO(id) "{\"commitInfo\":{\"operation\":\"WRITE\",\"txnId\":\"" id "\"}}\n"
#define CRC_PROTOCOL "\"protocol\":{\"minReaderVersion\":1,\"minWriterVersion\":2}"
#define CRC_METADATA(id)                                                                                               \
    "\"metadata\":{\"id\":\"" id "\",\"format\":{\"provider\":\"parquet\",\"options\":{}},\"schemaString\":"           \
    "\"{\\\"type\\\":\\\"struct\\\",\\\"fields\\\":[{\\\"name\\\":\\\"id\\\",\\\"type\\\":\\\"long\\\","               \
    "\\\"nullable\\\":true,\\\"metadata\\\":{}}]}\",\"partitionColumns\":[],\"configuration\":{}}"
#define CRC_LISTS "\"setTransactions\":[{\"appId\":\"x\",\"version\":9}],\"domainMetadata\":[]"
#define CRC(id, more)                                                                                                  \
    "{\"txnId\":\"" id "\",\"tableSizeBytes\":77,\"numFiles\":7," more "," CRC_PROTOCOL "," CRC_METADATA("t") "}"
#define CRC_NAME(version) "0000000000000000000" version ".crc"

/* Commit 1 is broken: only who does not read it gets by. */
static void put_commits_of_which_one_is_broken(log_fixture *f) {
    log_fixture_commit(f, 0, LOG_PROTOCOL LOG_METADATA LOG_ADD("a"));
    log_fixture_commit(f, 1, "{\"add\":{\"pa");
    log_fixture_commit(f, 2, LOG_INFO("good") LOG_ADD("c"));
}

static void test_snapshot__opens_by_the_checksum_without_reading_older_commits(void **state) {
    log_fixture *f = *state;
    pli__totals totals;
    pli__txn txn;
    put_commits_of_which_one_is_broken(f);
    log_fixture_put(f, CRC_NAME("2"), CRC("good", CRC_LISTS));
    pli__snapshot *s = log_fixture_open_at(f, PLI__LATEST);
    assert_int_equal(pli__snapshot_version(s), 2);
    assert_true(pli__snapshot_txn(s, PLI_STR("x"), &txn));
    assert_int_equal(txn.version, 9);
    assert_int_equal(pli__snapshot_totals(s, &totals, NULL), PLI_OK);
    assert_int_equal(totals.files, 7);
    assert_int_equal(totals.bytes, 77);
    assert_int_equal(totals.deleted_rows, 0);
    pli_error err = {0};
    char files[100];
    assert_int_equal(pli__snapshot_files(s, 0, NULL, files, &err), PLI_E_CORRUPT); /* they need the log */
    assert_non_null(strstr(err.message, "00000000000000000001.json"));
    pli__snapshot_unref(s);
}

static void test_snapshot__lists_files_and_advances_after_opening_by_the_checksum(void **state) {
    log_fixture *f = *state;
    put_six_commits(f);
    log_fixture_commit(f, 6, LOG_INFO("good") LOG_ADD("g"));
    log_fixture_put(f, CRC_NAME("6"), CRC("good", CRC_LISTS));
    pli__snapshot *s = log_fixture_open_at(f, 6), *later = NULL;
    log_fixture_commit(f, 7, LOG_ADD("h"));
    assert_int_equal(pli__snapshot_advance(s, 7, &later, NULL), PLI_OK);
    assert_log_files(f, later, "b,c,d,e,f,g,h");
    assert_log_files(f, s, "b,c,d,e,f,g");
    assert_int_equal(pli__snapshot_n_txns(later), 1);
    pli__snapshot_unref(s);
    pli__snapshot_unref(later);
}

static void test_snapshot__does_not_believe_a_checksum_that_is_not_its_commit_s(void **state) {
    static const struct {
        const char *crc, *warning;
    } cases[] = {{CRC("other", CRC_LISTS), "does not belong to the commit"},
                 {"{\"numFiles\":1," CRC_LISTS "," CRC_PROTOCOL "," CRC_METADATA("t") "}", ""}, /* no id at all */
                 {CRC("good", "\"setTransactions\":null"), ""}, /* not complete */
                 {CRC("good", CRC_LISTS ",\"inCommitTimestampOpt\":5"), "does not belong to the commit"},
                 {"{\"txnId\":\"good\",\"numFi", CRC_NAME("2")},
                 {"[]", CRC_NAME("2")},
                 {"", CRC_NAME("2")},
                 {CRC("good", "\"setTransactions\":[7]"), CRC_NAME("2")},
                 {CRC("good", CRC_LISTS ",\"numFiles\":-1"), CRC_NAME("2")}};
    log_fixture *f = *state;
    put_commits_of_which_one_is_broken(f);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        f->warnings[0] = 0;
        log_fixture_put(f, CRC_NAME("2"), cases[i].crc);
        assert_log_refused(f, PLI__LATEST, PLI_E_CORRUPT, "00000000000000000001.json");
        assert_non_null(strstr(f->warnings, cases[i].warning));
    }
}

static void test_snapshot__writers_and_those_who_ask_for_the_log_get_the_log(void **state) {
    static const pli__snapshot_options cases[] = {
        {.for_write = true}, {.ignore_checkpoints = true}, {.with_files = true}};
    log_fixture *f = *state;
    put_commits_of_which_one_is_broken(f);
    log_fixture_put(f, CRC_NAME("2"), CRC("good", CRC_LISTS));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        pli__snapshot *s = NULL;
        assert_int_equal(pli__snapshot_open(f->table, PLI__LATEST, &cases[i], &s, NULL), PLI_E_CORRUPT);
    }
}

static void test_snapshot__goes_by_the_log_where_the_checksum_differs_and_says_so(void **state) {
    static const char *const checksums[] = {"{" CRC_PROTOCOL "," CRC_METADATA("another") "}",
                                            "{\"protocol\":{\"minReaderVersion\":1,\"minWriterVersion\":4}}"};
    log_fixture *f = *state;
    const pli__snapshot_options o = {.with_files = true};
    log_fixture_commit(f, 0, LOG_PROTOCOL LOG_METADATA LOG_ADD("a"));
    for (size_t i = 0; i < 2; i++) {
        pli__snapshot *s = NULL;
        f->warnings[0] = 0;
        log_fixture_put(f, CRC_NAME("0"), checksums[i]);
        assert_int_equal(pli__snapshot_open(f->table, PLI__LATEST, &o, &s, NULL), PLI_OK);
        assert_true(pli__str_eqz(pli__snapshot_metadata(s)->id, "t"));
        assert_int_equal(pli__snapshot_protocol(s)->min_writer, 2);
        assert_non_null(strstr(f->warnings, CRC_NAME("0")));
        pli__snapshot_unref(s);
    }
}

static void test_snapshot__a_checksum_does_not_hide_a_gap(void **state) {
    log_fixture *f = *state;
    put_commits_of_which_one_is_broken(f);
    log_fixture_put(f, CRC_NAME("2"), CRC("good", CRC_LISTS));
    remove_commits(f, 1, 1);
    assert_log_refused(f, PLI__LATEST, PLI_E_CORRUPT, "needs commit 1");
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, log_fixture_set_up, log_fixture_tear_down)
    const struct CMUnitTest tests[] = {
        T(test_snapshot__reads_a_compacted_file_in_place_of_its_commits),
        T(test_snapshot__bridges_removed_commits_with_a_compacted_file),
        T(test_snapshot__finds_a_way_where_the_longest_compacted_file_is_a_dead_end),
        T(test_snapshot__ignores_compacted_files_that_reach_too_far_or_are_no_range),
        T(test_snapshot__falls_back_from_a_broken_compacted_file_and_says_so),
        T(test_snapshot__does_not_use_a_compacted_file_that_is_not_reconciled),
        T(test_snapshot__names_the_broken_compacted_file_if_nothing_else_is_left),
        T(test_snapshot__oldest_version_may_be_the_end_of_a_compacted_file),
        T(test_snapshot__goes_on_by_the_log_where_a_checkpoint_breaks_halfway),
        T(test_snapshot__names_the_checkpoint_that_breaks_where_the_log_has_nothing_else),
        T(test_snapshot__refuses_files_of_a_broken_checkpoint_that_the_log_does_not_have),
        T(test_snapshot__what_the_receiver_says_is_no_broken_checkpoint),
        T(test_snapshot__opens_by_the_checksum_without_reading_older_commits),
        T(test_snapshot__lists_files_and_advances_after_opening_by_the_checksum),
        T(test_snapshot__does_not_believe_a_checksum_that_is_not_its_commit_s),
        T(test_snapshot__writers_and_those_who_ask_for_the_log_get_the_log),
        T(test_snapshot__goes_by_the_log_where_the_checksum_differs_and_says_so),
        T(test_snapshot__a_checksum_does_not_hide_a_gap),
    };
#undef T
    return cmocka_run_group_tests_name("delta_read_ways", tests, NULL, NULL);
}
