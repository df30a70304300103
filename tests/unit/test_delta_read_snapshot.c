/* Snapshots over logs written by hand: reconciliation, incremental reading, refusals and damage. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
// cmocka wants the four above
#include <cmocka.h>

#include "delta/log_read.h"
#include "port/store_memory.h"
#include "support/delta_log.h"

static void assert_files_refused(log_fixture *f, pli_status code, const char *text) {
    pli__snapshot *s = log_fixture_open_at(f, PLI__LATEST);
    pli_error err = {0};
    assert_int_equal(pli__snapshot_removes(s, NULL, NULL, &err), code);
    if (!strstr(err.message, text)) fail_msg("'%s' lacks '%s'", err.message, text);
    pli__snapshot_unref(s);
}

static void test_snapshot__lists_what_was_added_and_not_removed(void **state) {
    log_fixture *f = *state;
    log_fixture_commit(f, 0, LOG_PROTOCOL LOG_METADATA LOG_ADD("a") LOG_ADD("b"));
    log_fixture_commit(f, 1, LOG_REMOVE("a") LOG_ADD("c"));
    pli__snapshot *s = log_fixture_open_at(f, PLI__LATEST);
    assert_int_equal(pli__snapshot_version(s), 1);
    assert_int_equal(pli__snapshot_checkpoint_version(s), -1);
    assert_log_files(f, s, "b,c");
    pli__snapshot_unref(s);
    s = log_fixture_open_at(f, 0);
    assert_log_files(f, s, "a,b");
    pli__snapshot_unref(s);
}

static void test_snapshot__brings_back_a_file_that_was_added_again(void **state) {
    log_fixture *f = *state;
    log_fixture_commit(f, 0, LOG_PROTOCOL LOG_METADATA LOG_ADD("a"));
    log_fixture_commit(f, 1, LOG_REMOVE("a"));
    log_fixture_commit(f, 2, LOG_ADD("a"));
    pli__snapshot *s = log_fixture_open_at(f, PLI__LATEST);
    assert_log_files(f, s, "a");
    pli__snapshot_unref(s);
}

#define WITH_DV(action, id)                                                                                            \
    "{\"" action "\":{\"path\":\"a\",\"partitionValues\":{},\"size\":10,\"modificationTime\":1,\"dataChange\":true,"   \
    "\"deletionVector\":{\"storageType\":\"u\",\"pathOrInlineDv\":\"" id                                               \
    "\",\"offset\":1,\"sizeInBytes\":40,\"cardinality\":2}}}\n"

static void test_snapshot__keys_files_by_path_and_deletion_vector_in_any_order(void **state) {
    log_fixture *f = *state;
    log_fixture_commit(f, 0, LOG_PROTOCOL LOG_METADATA WITH_DV("add", "one"));
    log_fixture_commit(f, 1, WITH_DV("add", "two") WITH_DV("remove", "one"));
    pli__snapshot *s = log_fixture_open_at(f, PLI__LATEST);
    assert_log_files(f, s, "a");
    pli__snapshot_unref(s);
    log_fixture_commit(f, 2, WITH_DV("remove", "two"));
    s = log_fixture_open_at(f, PLI__LATEST);
    assert_log_files(f, s, "");
    pli__snapshot_unref(s);
}

static void test_snapshot__keeps_paths_apart_that_differ_only_in_their_escapes(void **state) {
    log_fixture *f = *state;
    log_fixture_commit(f, 0, LOG_PROTOCOL LOG_METADATA LOG_ADD("a%20b") LOG_ADD("a b"));
    log_fixture_commit(f, 1, LOG_REMOVE("a b"));
    pli__snapshot *s = log_fixture_open_at(f, PLI__LATEST);
    assert_log_files(f, s, "a%20b");
    pli__snapshot_unref(s);
}

static void test_snapshot__takes_the_latest_txn_not_the_greatest(void **state) {
    log_fixture *f = *state;
    log_fixture_commit(f, 0, LOG_PROTOCOL LOG_METADATA "{\"txn\":{\"appId\":\"x\",\"version\":9}}\n");
    log_fixture_commit(
        f, 1,
        "{\"txn\":{\"appId\":\"x\",\"version\":3,\"lastUpdated\":77}}\n{\"txn\":{\"appId\":\"y\",\"version\":1}}\n");
    pli__snapshot *s = log_fixture_open_at(f, PLI__LATEST);
    pli__txn txn;
    assert_true(pli__snapshot_txn(s, PLI_STR("x"), &txn));
    assert_int_equal(txn.version, 3);
    assert_int_equal(txn.last_updated, 77);
    assert_int_equal(pli__snapshot_n_txns(s), 2);
    assert_false(pli__snapshot_txn(s, PLI_STR("z"), &txn));
    pli__snapshot_unref(s);
}

static void test_snapshot__hides_a_removed_domain(void **state) {
    log_fixture *f = *state;
    log_fixture_commit(f, 0,
                       LOG_PROTOCOL LOG_METADATA
                       "{\"domainMetadata\":{\"domain\":\"a\",\"configuration\":\"{\\\"k\\\":1}\",\"removed\":false}}\n"
                       "{\"domainMetadata\":{\"domain\":\"b\",\"configuration\":\"\",\"removed\":false}}\n");
    log_fixture_commit(f, 1, "{\"domainMetadata\":{\"domain\":\"b\",\"configuration\":\"\",\"removed\":true}}\n");
    pli__snapshot *s = log_fixture_open_at(f, PLI__LATEST);
    assert_int_equal(pli__snapshot_n_domains(s), 1);
    assert_true(pli__str_eqz(pli__snapshot_domain_at(s, 0).configuration, "{\"k\":1}"));
    pli__snapshot_unref(s);
}

static void test_snapshot__ignores_unknown_actions_and_members(void **state) {
    log_fixture *f = *state;
    log_fixture_commit(
        f, 0,
        LOG_PROTOCOL LOG_METADATA
        "{\"future\":{\"x\":[1,2]}}\n"
        "{\"add\":{\"path\":\"a\",\"size\":1,\"modificationTime\":2,\"dataChange\":true,\"partitionValues\":{},\"new\":{\"y\":null}}}\n"
        "{\"add\":null,\"txn\":{\"appId\":\"x\",\"version\":1}}\r\n\n");
    pli__snapshot *s = log_fixture_open_at(f, PLI__LATEST);
    assert_log_files(f, s, "a");
    assert_int_equal(pli__snapshot_n_txns(s), 1);
    pli__snapshot_unref(s);
}

static void test_snapshot__advances_by_reading_only_the_new_commits(void **state) {
    log_fixture *f = *state;
    log_fixture_commit(f, 0, LOG_PROTOCOL LOG_METADATA LOG_ADD("a"));
    for (int v = 1; v < 20; v++) log_fixture_commit(f, v, LOG_ADD("b"));
    pli__snapshot *s = log_fixture_open_at(f, PLI__LATEST), *next = NULL;
    assert_log_files(f, s, "a,b");
    log_fixture_commit(f, 20, LOG_REMOVE("b") LOG_ADD("c"));
    const unsigned gets = pli__store_memory_calls(f->store, PLI__STORE_GET);
    assert_int_equal(pli__snapshot_advance(s, PLI__LATEST, &next, NULL), PLI_OK);
    assert_int_equal(pli__snapshot_version(next), 20);
    assert_log_files(f, next, "a,c");
    assert_true(pli__store_memory_calls(f->store, PLI__STORE_GET) - gets <= 2);
    assert_log_files(f, s, "a,b"); /* the older one is as it was */
    pli__snapshot_unref(s);
    assert_log_files(f, next, "a,c");
    pli__snapshot_unref(next);
}

static void test_snapshot__advance_to_the_same_version_is_a_reference(void **state) {
    log_fixture *f = *state;
    log_fixture_commit(f, 0, LOG_PROTOCOL LOG_METADATA);
    pli__snapshot *s = log_fixture_open_at(f, PLI__LATEST), *same = NULL;
    assert_int_equal(pli__snapshot_advance(s, PLI__LATEST, &same, NULL), PLI_OK);
    assert_ptr_equal(s, same);
    pli__snapshot_unref(s);
    pli__snapshot_unref(same);
}

static void test_snapshot__looks_for_newer_versions_without_listing(void **state) {
    log_fixture *f = *state;
    int64_t version;
    log_fixture_commit(f, 0, LOG_PROTOCOL LOG_METADATA);
    assert_int_equal(pli__delta_latest_version(f->table, &version, NULL), PLI_OK);
    const unsigned lists = pli__store_memory_calls(f->store, PLI__STORE_LIST);
    log_fixture_commit(f, 1, LOG_ADD("a"));
    log_fixture_commit(f, 2, LOG_ADD("b"));
    assert_int_equal(pli__delta_latest_version(f->table, &version, NULL), PLI_OK);
    assert_int_equal(version, 2);
    assert_int_equal(pli__store_memory_calls(f->store, PLI__STORE_LIST), lists);
}

static void test_snapshot__keeps_properties_extra_members_and_schema(void **state) {
    log_fixture *f = *state;
    log_fixture_commit(
        f, 0,
        LOG_PROTOCOL LOG_METADATA_WITH("\"configuration\":{\"delta.appendOnly\":\"true\",\"n\":null},\"createdTime\":7,"
                                       "\"future\":{\"x\":\"\\u00e9\"},\"word\":\"a\\\"b\""));
    pli__snapshot *s = log_fixture_open_at(f, PLI__LATEST);
    assert_true(pli__str_eqz(pli__snapshot_property(s, "delta.appendOnly"), "true"));
    assert_null(pli__snapshot_property(s, "delta.none").ptr);
    assert_true(pli__str_eqz(pli__snapshot_metadata(s)->extra, "{\"future\":{\"x\":\"\\u00e9\"},\"word\":\"a\\\"b\"}"));
    assert_int_equal(pli__snapshot_metadata(s)->created_time, 7);
    assert_int_equal(pli__snapshot_schema(s)->n_fields, 1);
    assert_true(pli__snapshot_has_feature(s, "appendOnly"));
    assert_false(pli__snapshot_has_feature(s, "changeDataFeed"));
    pli__snapshot_unref(s);
}

static void test_snapshot__finds_the_in_commit_timestamp(void **state) {
    log_fixture *f = *state;
    log_fixture_commit(
        f, 0,
        "{\"commitInfo\":{\"inCommitTimestamp\":1000,\"operation\":\"x\"}}\n" LOG_PROTOCOL LOG_METADATA_WITH(
            "\"configuration\":{\"delta.enableInCommitTimestamps\":\"true\"}"));
    log_fixture_commit(f, 1, "{\"commitInfo\":{\"inCommitTimestamp\":2000}}\n");
    pli__snapshot *s = log_fixture_open_at(f, PLI__LATEST);
    assert_int_equal(pli__snapshot_ict_us(s), 2000000);
    pli__snapshot_unref(s);
}

static void test_snapshot__refuses_an_unknown_reader_feature_by_name(void **state) {
    log_fixture *f = *state;
    log_fixture_commit(
        f, 0,
        "{\"protocol\":{\"minReaderVersion\":3,\"minWriterVersion\":7,\"readerFeatures\":[\"deletionVectors\",\"holograms\"],"
        "\"writerFeatures\":[\"deletionVectors\",\"holograms\"]}}\n" LOG_METADATA);
    assert_log_refused(f, PLI__LATEST, PLI_E_UNSUPPORTED, "'holograms'");
}

static void test_snapshot__reads_despite_an_unknown_writer_feature_but_does_not_write(void **state) {
    log_fixture *f = *state;
    log_fixture_commit(
        f, 0,
        "{\"protocol\":{\"minReaderVersion\":1,\"minWriterVersion\":7,\"writerFeatures\":[\"holograms\"]}}\n" LOG_METADATA);
    pli__snapshot *s = log_fixture_open_at(f, PLI__LATEST);
    pli__snapshot_unref(s);
    pli_error err;
    const pli__snapshot_options options = {.for_write = true};
    assert_int_equal(pli__snapshot_open(f->table, PLI__LATEST, &options, &s, &err), PLI_E_UNSUPPORTED);
    assert_non_null(strstr(err.message, "'holograms'"));
}

static void test_snapshot__refuses_future_and_senseless_versions(void **state) {
    log_fixture *f = *state;
    log_fixture_commit(f, 0, "{\"protocol\":{\"minReaderVersion\":4,\"minWriterVersion\":7}}\n" LOG_METADATA);
    assert_log_refused(f, PLI__LATEST, PLI_E_UNSUPPORTED, "reader version 4");
    log_fixture_commit(f, 0, "{\"protocol\":{\"minReaderVersion\":3,\"minWriterVersion\":5}}\n" LOG_METADATA);
    assert_log_refused(f, PLI__LATEST, PLI_E_CORRUPT, "(3, 5)");
    log_fixture_commit(f, 0, "{\"protocol\":{}}\n" LOG_METADATA);
    assert_log_refused(f, PLI__LATEST, PLI_E_CORRUPT, "(0, 0)");
}

static void test_snapshot__names_the_missing_commit_of_a_gap(void **state) {
    log_fixture *f = *state;
    log_fixture_commit(f, 0, LOG_PROTOCOL LOG_METADATA);
    log_fixture_commit(f, 2, LOG_ADD("a"));
    assert_log_refused(f, PLI__LATEST, PLI_E_CORRUPT, "commit 1,");
    pli__snapshot *s = log_fixture_open_at(f, 0);
    pli__snapshot_unref(s);
}

static void test_snapshot__is_no_table_without_commits(void **state) {
    log_fixture *f = *state;
    assert_log_refused(f, PLI__LATEST, PLI_E_NOT_A_TABLE, "/table");
    bool exists = true;
    assert_int_equal(pli__delta_exists(f->table, &exists, NULL), PLI_OK);
    assert_false(exists);
}

static void test_snapshot__says_which_version_is_the_newest(void **state) {
    log_fixture *f = *state;
    log_fixture_commit(f, 0, LOG_PROTOCOL LOG_METADATA);
    assert_log_refused(f, 7, PLI_E_NOT_FOUND, "the newest is 0");
    assert_log_refused(f, -5, PLI_E_ARGUMENT, "-5");
}

static void test_snapshot__says_when_an_old_version_is_gone(void **state) {
    log_fixture *f = *state;
    log_fixture_commit(f, 5, LOG_PROTOCOL LOG_METADATA);
    assert_log_refused(f, 3, PLI_E_NOT_FOUND, "no longer available");
    assert_log_refused(f, 5, PLI_E_CORRUPT, "commit 0,");
}

static void test_snapshot__names_file_and_line_of_a_broken_commit(void **state) {
    log_fixture *f = *state;
    log_fixture_commit(f, 0, LOG_PROTOCOL LOG_METADATA LOG_ADD("a"));
    log_fixture_commit(f, 1, "{\"txn\":{\"appId\":\"x\",\"vers");
    assert_log_refused(f, PLI__LATEST, PLI_E_CORRUPT, "00000000000000000001.json");
    log_fixture_commit(f, 1, LOG_ADD("b") "{\"add\":{\"path\":\"c\",\"si}\n");
    assert_files_refused(f, PLI_E_CORRUPT, "00000000000000000001.json");
    log_fixture_commit(f, 1, "");
    assert_log_refused(f, PLI__LATEST, PLI_E_CORRUPT, "is empty");
    log_fixture_commit(f, 1, "[1]\n");
    assert_log_refused(f, PLI__LATEST, PLI_E_CORRUPT, "object");
}

static void test_snapshot__refuses_two_metadata_or_protocols_in_a_commit(void **state) {
    log_fixture *f = *state;
    log_fixture_commit(f, 0, LOG_PROTOCOL LOG_METADATA LOG_METADATA);
    assert_log_refused(f, PLI__LATEST, PLI_E_CORRUPT, "two metaData");
    log_fixture_commit(f, 0, LOG_PROTOCOL LOG_PROTOCOL LOG_METADATA);
    assert_log_refused(f, PLI__LATEST, PLI_E_CORRUPT, "two protocol");
}

static void test_snapshot__refuses_actions_without_what_they_need(void **state) {
    static const char *const lines[] = {"{\"add\":{\"size\":1}}\n",
                                        "{\"add\":{\"path\":7}}\n",
                                        "{\"remove\":{}}\n",
                                        "{\"add\":{\"path\":\"a\",\"size\":\"x\"}}\n",
                                        "{\"add\":[]}\n",
                                        "{\"add\":{\"path\":\"a\",\"deletionVector\":{\"offset\":1}}}\n",
                                        "{\"add\":{\"path\":\"a\",\"partitionValues\":[]}}\n",
                                        "{\"add\":{\"path\":\"a\"},\"remove\":{\"path\":\"b\"}}\n"};
    log_fixture *f = *state;
    log_fixture_commit(f, 0, LOG_PROTOCOL LOG_METADATA);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        log_fixture_commit(f, 1, lines[i]);
        assert_files_refused(f, PLI_E_CORRUPT, "00000000000000000001.json");
    }
}

static void test_snapshot__refuses_a_table_without_protocol_or_metadata(void **state) {
    log_fixture *f = *state;
    log_fixture_commit(f, 0, LOG_METADATA);
    assert_log_refused(f, PLI__LATEST, PLI_E_CORRUPT, "no protocol");
    log_fixture_commit(f, 0, LOG_PROTOCOL);
    assert_log_refused(f, PLI__LATEST, PLI_E_CORRUPT, "no metaData");
}

static void test_snapshot__ignores_hints_that_are_wrong(void **state) {
    static const char *const hints[] = {"",
                                        "{",
                                        "[]",
                                        "{\"version\":99,\"size\":1}",
                                        "{\"version\":1,\"size\":1}",
                                        "{\"version\":-3}",
                                        "{\"version\":\"1\"}"};
    log_fixture *f = *state;
    log_fixture_commit(f, 0, LOG_PROTOCOL LOG_METADATA LOG_ADD("a"));
    log_fixture_commit(f, 1, LOG_ADD("b"));
    for (size_t i = 0; i < sizeof hints / sizeof hints[0]; i++) {
        log_fixture_put(f, "_last_checkpoint", hints[i]);
        pli__snapshot *s = log_fixture_open_at(f, PLI__LATEST);
        assert_log_files(f, s, "a,b");
        pli__snapshot_unref(s);
    }
}

static void test_snapshot__starts_from_a_json_checkpoint(void **state) {
    log_fixture *f = *state;
    log_fixture_put(f, LOG_V2_NAME("2"),
                    "{\"checkpointMetadata\":{\"version\":2}}\n" LOG_PROTOCOL LOG_METADATA LOG_ADD("a") LOG_ADD("b")
                        LOG_REMOVE("z") "{\"txn\":{\"appId\":\"x\",\"version\":4}}\n");
    log_fixture_commit(f, 3, LOG_REMOVE("a") LOG_ADD("c"));
    pli__snapshot *s = log_fixture_open_at(f, PLI__LATEST);
    assert_int_equal(pli__snapshot_checkpoint_version(s), 2);
    assert_log_files(f, s, "b,c");
    assert_int_equal(pli__snapshot_n_txns(s), 1);
    pli__snapshot_unref(s);
    const pli__snapshot_options none = {.ignore_checkpoints = true};
    assert_int_equal(pli__snapshot_open(f->table, PLI__LATEST, &none, &s, NULL), PLI_E_CORRUPT);
}

static void test_snapshot__falls_back_from_a_broken_checkpoint_and_says_so(void **state) {
    log_fixture *f = *state;
    log_fixture_commit(f, 0, LOG_PROTOCOL LOG_METADATA LOG_ADD("a"));
    log_fixture_commit(f, 1, LOG_ADD("b"));
    log_fixture_put(f, LOG_V2_NAME("1"), "{\"protocol\":{\"minRea");
    log_fixture_put(f, LOG_V2_NAME("0"),
                    LOG_PROTOCOL LOG_METADATA LOG_ADD(
                        "a") "{\"sidecar\":{\"path\":\"gone.parquet\",\"sizeInBytes\":1,\"modificationTime\":1}}\n");
    log_fixture_put(f, "_last_checkpoint", "{\"version\":1,\"size\":3}");
    pli__snapshot *s = log_fixture_open_at(f, PLI__LATEST);
    assert_log_files(f, s, "a,b");
    assert_int_equal(pli__snapshot_checkpoint_version(s), -1);
    assert_non_null(strstr(f->warnings, LOG_V2_NAME("1")));
    assert_non_null(strstr(f->warnings, "gone.parquet"));
    pli__snapshot_unref(s);
}

static void test_snapshot__reports_the_broken_checkpoint_if_nothing_else_is_left(void **state) {
    log_fixture *f = *state;
    log_fixture_put(f, LOG_V2_NAME("1"), "{\"protocol\":{\"minRea");
    log_fixture_commit(f, 1, LOG_ADD("b"));
    assert_log_refused(f, PLI__LATEST, PLI_E_CORRUPT, LOG_V2_NAME("1"));
}

static void test_snapshot__uses_no_checkpoint_newer_than_allowed(void **state) {
    log_fixture *f = *state;
    log_fixture_commit(f, 0, LOG_PROTOCOL LOG_METADATA LOG_ADD("a"));
    log_fixture_commit(f, 1, LOG_ADD("b"));
    log_fixture_commit(f, 2, LOG_ADD("c"));
    log_fixture_put(f, LOG_V2_NAME("1"), LOG_PROTOCOL LOG_METADATA LOG_ADD("a") LOG_ADD("b"));
    log_fixture_put(f, LOG_V2_NAME("2"), LOG_PROTOCOL LOG_METADATA LOG_ADD("a") LOG_ADD("b") LOG_ADD("c"));
    log_fixture_put(f, "_last_checkpoint", "{\"version\":2}");
    for (int64_t limit = -1; limit <= 2; limit++) {
        const pli__snapshot_options o = {.limit_checkpoints = true, .max_checkpoint = limit};
        pli__snapshot *s = NULL;
        assert_int_equal(pli__snapshot_open(f->table, PLI__LATEST, &o, &s, NULL), PLI_OK);
        assert_int_equal(pli__snapshot_checkpoint_version(s), limit == 0 ? -1 : limit);
        assert_log_files(f, s, "a,b,c");
        pli__snapshot_unref(s);
    }
}

static void test_snapshot__takes_files_in_along_with_the_state_where_asked(void **state) {
    log_fixture *f = *state;
    for (int v = 0; v < 5; v++) log_fixture_commit(f, v, v ? LOG_ADD("a") : LOG_PROTOCOL LOG_METADATA);
    const pli__snapshot_options o = {.with_files = true};
    pli__snapshot *s = NULL;
    assert_int_equal(pli__snapshot_open(f->table, PLI__LATEST, &o, &s, NULL), PLI_OK);
    const unsigned gets = pli__store_memory_calls(f->store, PLI__STORE_GET);
    assert_log_files(f, s, "a");
    assert_int_equal(pli__store_memory_calls(f->store, PLI__STORE_GET), gets);
    pli__snapshot_unref(s);
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, log_fixture_set_up, log_fixture_tear_down)
    const struct CMUnitTest tests[] = {
        T(test_snapshot__lists_what_was_added_and_not_removed),
        T(test_snapshot__brings_back_a_file_that_was_added_again),
        T(test_snapshot__keys_files_by_path_and_deletion_vector_in_any_order),
        T(test_snapshot__keeps_paths_apart_that_differ_only_in_their_escapes),
        T(test_snapshot__takes_the_latest_txn_not_the_greatest),
        T(test_snapshot__hides_a_removed_domain),
        T(test_snapshot__ignores_unknown_actions_and_members),
        T(test_snapshot__advances_by_reading_only_the_new_commits),
        T(test_snapshot__advance_to_the_same_version_is_a_reference),
        T(test_snapshot__looks_for_newer_versions_without_listing),
        T(test_snapshot__keeps_properties_extra_members_and_schema),
        T(test_snapshot__finds_the_in_commit_timestamp),
        T(test_snapshot__refuses_an_unknown_reader_feature_by_name),
        T(test_snapshot__reads_despite_an_unknown_writer_feature_but_does_not_write),
        T(test_snapshot__refuses_future_and_senseless_versions),
        T(test_snapshot__names_the_missing_commit_of_a_gap),
        T(test_snapshot__is_no_table_without_commits),
        T(test_snapshot__says_which_version_is_the_newest),
        T(test_snapshot__says_when_an_old_version_is_gone),
        T(test_snapshot__names_file_and_line_of_a_broken_commit),
        T(test_snapshot__refuses_two_metadata_or_protocols_in_a_commit),
        T(test_snapshot__refuses_actions_without_what_they_need),
        T(test_snapshot__refuses_a_table_without_protocol_or_metadata),
        T(test_snapshot__ignores_hints_that_are_wrong),
        T(test_snapshot__starts_from_a_json_checkpoint),
        T(test_snapshot__falls_back_from_a_broken_checkpoint_and_says_so),
        T(test_snapshot__reports_the_broken_checkpoint_if_nothing_else_is_left),
        T(test_snapshot__uses_no_checkpoint_newer_than_allowed),
        T(test_snapshot__takes_files_in_along_with_the_state_where_asked),
    };
    return cmocka_run_group_tests_name("delta_read_snapshot", tests, NULL, NULL);
}
