/* The Delta source's plans over logs written by hand: no engine is started for any of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/json.h"
#include "engine/env.h"
#include "source/source_delta.h"
#include "support/temp_dir.h"

#define META(id) "{\"metaData\":{\"id\":\"" id "\"}}\n"
#define META_FEED(id) "{\"metaData\":{\"id\":\"" id "\",\"configuration\":{\"delta.enableChangeDataFeed\":\"true\"}}}\n"
#define ADD(path) "{\"add\":{\"path\":\"" path "\",\"size\":10}}\n"
#define ADD_SAME(path) "{\"add\":{\"path\":\"" path "\",\"size\":10,\"dataChange\":false}}\n"
#define REMOVE(path) "{\"remove\":{\"path\":\"" path "\"}}\n"
#define REMOVE_SAME(path) "{\"remove\":{\"path\":\"" path "\",\"dataChange\":false}}\n"
#define CDC(path) "{\"cdc\":{\"path\":\"" path "\",\"size\":3,\"dataChange\":false}}\n"
#define TIME(ms) "{\"commitInfo\":{\"timestamp\":" #ms "}}\n"

typedef struct fixture {
    void *dir;
    pli_env *env;
    pli__checkpoint *cp;
    pli__source *source;
    pli__delta_options o;
    char log[4000];
} fixture;

static void keep_log(void *arg, pli_log_level level, const char *message) {
    fixture *f = arg;
    const size_t used = strlen(f->log);
    if (level <= PLI_LOG_WARNING) snprintf(f->log + used, sizeof f->log - used, "%s\n", message);
}

static void open_checkpoint(fixture *f) {
    pli_error err = {0};
    const pli__checkpoint_options o = {.source_kind = "delta", .create = true};
    pli__checkpoint_close(f->cp);
    if (pli__checkpoint_open(temp_path(f->dir, "cp"), &o, &f->cp, &err) != PLI_OK) fail_msg("%s", err.message);
}

/* A source with the fixture's options, knowing nothing: as a new process would have it. */
static void open_source(fixture *f) {
    pli_error err = {0};
    pli__source_free(f->source);
    f->source = NULL;
    f->o.path = temp_path(f->dir, "table");
    if (pli__source_delta_new(f->env, &f->o, &f->source, &err) != PLI_OK) fail_msg("%s", err.message);
}

static int setup(void **state) {
    fixture *f = calloc(1, sizeof *f);
    if (!f || temp_dir_setup(&f->dir)) return -1;
    const pli_env_options options = {.size = sizeof options, .log = keep_log, .log_arg = f};
    if (pli_env_new(&options, &f->env, NULL) != PLI_OK) return -1;
    f->o = (pli__delta_options){.starting_version = -1, .ending_version = -1};
    open_checkpoint(f);
    open_source(f);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    fixture *f = *state;
    assert_null(pli__env_engine_if_open(f->env));
    pli__source_free(f->source);
    pli__checkpoint_close(f->cp);
    pli_env_free(f->env);
    temp_dir_teardown(&f->dir);
    free(f);
    return 0;
}

static void commit(fixture *f, int64_t version, const char *lines) {
    char name[80];
    snprintf(name, sizeof name, "table/_delta_log/%020lld.json", (long long)version);
    temp_write(f->dir, name, lines);
}

static void drop_commit(fixture *f, int64_t version) {
    char name[80];
    snprintf(name, sizeof name, "table/_delta_log/%020lld.json", (long long)version);
    assert_int_equal(unlink(temp_path(f->dir, name)), 0);
}

/* The batch that is planned, committed, as "version.index[s][!]: file file"; "-" for none. */
static const char *next(fixture *f) {
    static char text[2000];
    pli_error err = {0};
    PLI_AUTO(pli__json_unref) json_t *offset = NULL, *stored = NULL, *body = json_object();
    if (pli__source_plan(f->source, f->cp, &offset, &err) != PLI_OK)
        fail_msg("%s: %s", pli_status_name(err.code), err.message);
    if (!offset) return "-";
    bool won = false;
    const int64_t n = pli__checkpoint_last_offset(f->cp) + 1;
    assert_int_equal(pli__checkpoint_write_offset(f->cp, n, offset, &won, &stored, NULL, &err), PLI_OK);
    assert_int_equal(pli__checkpoint_write_commit(f->cp, n, body, &won, &err), PLI_OK);
    snprintf(text, sizeof text, "%lld.%lld%s:", json_integer_value(json_object_get(offset, "version")),
             json_integer_value(json_object_get(offset, "index")),
             json_is_true(json_object_get(offset, "is_initial_snapshot")) ? "s" : "");
    size_t i;
    json_t *file;
    json_array_foreach(json_object_get(offset, "files"), i, file) {
        const json_t *entry = json_array_get(json_object_get(offset, "file_entries"), i);
        const char *type = json_string_value(json_object_get(entry, "change_type"));
        const size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, " %s%s%s", strrchr(json_string_value(file), '/') + 1,
                 entry ? "/" : "", entry ? (type ? type : "cdc") : "");
    }
    return text;
}

static const pli_error *plan_error(fixture *f, pli_status code) {
    static pli_error err;
    json_t *offset = NULL;
    err = (pli_error){0};
    const pli_status status = pli__source_plan(f->source, f->cp, &offset, &err);
    json_decref(offset);
    if (status != code) fail_msg("%s instead of %s: %s", pli_status_name(status), pli_status_name(code), err.message);
    return &err;
}

static void fails(fixture *f, pli_status code, const char *part) {
    for (int again = 0; again < 2; again++) {
        const pli_error *err = plan_error(f, code);
        if (!strstr(err->message, part)) fail_msg("'%s' does not say '%s'", err->message, part);
        if (again == 0) open_source(f);
    }
}

static const json_t *start_of(fixture *f) { return json_object_get(pli__checkpoint_metadata(f->cp), "start_offset"); }

static void expect_start(fixture *f, const char *json) {
    PLI_AUTO(pli__json_unref) json_t *expected = json_loads(json, 0, NULL);
    assert_true(json_equal((json_t *)(uintptr_t)start_of(f), expected));
}

/* ---- the initial snapshot ---- */

static void test_source_delta__without_a_table_there_is_nothing_to_do(void **state) {
    fixture *f = *state;
    assert_string_equal(next(f), "-");
    assert_null(start_of(f));
    temp_mkdir(f->dir, "table/_delta_log");
    assert_string_equal(next(f), "-");
    assert_null(start_of(f));
}

static void test_source_delta__a_table_that_must_exist_is_missed(void **state) {
    fixture *f = *state;
    f->o.must_exist = true;
    open_source(f);
    fails(f, PLI_E_NOT_A_TABLE, "not a Delta table");
}

static void test_source_delta__the_snapshot_is_in_the_order_of_log_paths(void **state) {
    fixture *f = *state;
    commit(f, 0, META("a") ADD("b") ADD("a%20c") ADD("z"));
    commit(f, 1, REMOVE("z") ADD("a"));
    assert_string_equal(next(f), "1.2s: a a c b");
    expect_start(f, "{\"mode\":\"snapshot\"}");
    assert_string_equal(next(f), "-");
    commit(f, 2, ADD("0"));
    assert_string_equal(next(f), "2.0: 0");
}

static void test_source_delta__pages_keep_to_their_version(void **state) {
    fixture *f = *state;
    f->o.max_files = 2;
    open_source(f);
    commit(f, 0, META("a") ADD("a") ADD("b") ADD("c"));
    assert_string_equal(next(f), "0.1s: a b");
    commit(f, 1, ADD("d"));
    open_source(f);
    assert_string_equal(next(f), "0.2s: c");
    assert_string_equal(next(f), "1.0: d");
}

static void test_source_delta__an_empty_table_moves_no_position(void **state) {
    fixture *f = *state;
    commit(f, 0, META("a"));
    assert_string_equal(next(f), "-");
    commit(f, 1, ADD("a"));
    assert_string_equal(next(f), "1.0s: a");
}

static void test_source_delta__commits_may_lack_nearly_everything(void **state) {
    fixture *f = *state;
    commit(f, 0, "{\"add\":{\"path\":\"a\"}}\n");
    assert_string_equal(next(f), "0.0s: a");
    commit(f, 1, "{\"commitInfo\":{}}\n");
    assert_string_equal(next(f), "-");
    commit(f, 2, "{\"add\":{\"path\":\"b\"}}\n");
    assert_string_equal(next(f), "2.0: b");
}

/* ---- commits ---- */

static void earliest(fixture *f, int64_t max_files) {
    f->o.start_offset = "earliest";
    f->o.max_files = max_files;
    open_source(f);
}

static void test_source_delta__a_batch_may_span_commits_and_end_within_one(void **state) {
    fixture *f = *state;
    earliest(f, 3);
    commit(f, 0, META("a") ADD("a") ADD("b"));
    commit(f, 1, ADD("c") ADD("d") ADD("e"));
    assert_string_equal(next(f), "1.0: a b c");
    open_source(f);
    assert_string_equal(next(f), "1.2: d e");
    assert_string_equal(next(f), "-");
}

static void test_source_delta__bytes_limit_all_but_the_first_file(void **state) {
    fixture *f = *state;
    f->o.max_bytes = 20;
    earliest(f, 0);
    commit(f, 0, META("a") ADD("a") ADD("b") ADD("c") "{\"add\":{\"path\":\"big\",\"size\":100}}\n" ADD("d"));
    assert_string_equal(next(f), "0.1: a b");
    assert_string_equal(next(f), "0.2: c");
    assert_string_equal(next(f), "0.3: big");
    assert_string_equal(next(f), "0.4: d");
}

static void test_source_delta__what_changes_no_data_moves_the_position_only(void **state) {
    fixture *f = *state;
    earliest(f, 0);
    commit(f, 0, META("a") ADD("a") ADD("b"));
    assert_string_equal(next(f), "0.1: a b");
    commit(f, 1, ADD_SAME("ab") REMOVE_SAME("a") REMOVE_SAME("b"));
    assert_string_equal(next(f), "1.2:");
    commit(f, 2, META("a"));
    assert_string_equal(next(f), "-");
    commit(f, 3, ADD_SAME("x") ADD("c"));
    assert_string_equal(next(f), "3.1: c");
}

static void test_source_delta__removes_are_an_error_that_names_the_commit(void **state) {
    fixture *f = *state;
    earliest(f, 0);
    commit(f, 0, META("a") ADD("a"));
    assert_string_equal(next(f), "0.0: a");
    commit(f, 1, REMOVE("a"));
    fails(f, PLI_E_DATA_LOSS, "version 1 ");
    f->o.ignore_deletes = true;
    open_source(f);
    assert_string_equal(next(f), "1.0:");
    commit(f, 2, REMOVE("a") ADD("b"));
    fails(f, PLI_E_DATA_LOSS, "version 2 ");
    f->o.ignore_changes = true;
    open_source(f);
    assert_string_equal(next(f), "2.1: b");
    f->o.ignore_changes = false;
    f->o.skip_change_commits = true;
    open_source(f);
    commit(f, 3, REMOVE("a") ADD("c"));
    assert_string_equal(next(f), "3.1:");
}

static void test_source_delta__a_full_batch_is_given_before_the_error(void **state) {
    fixture *f = *state;
    earliest(f, 1);
    commit(f, 0, META("a") ADD("a"));
    commit(f, 1, REMOVE("a"));
    assert_string_equal(next(f), "0.0: a");
    fails(f, PLI_E_DATA_LOSS, "version 1 ");
}

/* ---- start positions ---- */

static void test_source_delta__a_full_batch_is_given_before_a_gap(void **state) {
    fixture *f = *state;
    earliest(f, 1);
    commit(f, 0, META("a") ADD("a"));
    commit(f, 2, ADD("c"));
    assert_string_equal(next(f), "0.0: a");
    fails(f, PLI_E_DATA_LOSS, "versions 1 to 1 ");
}

static void test_source_delta__latest_begins_behind_the_newest_version(void **state) {
    fixture *f = *state;
    f->o.start_offset = "latest";
    open_source(f);
    commit(f, 0, META("a") ADD("a"));
    commit(f, 1, ADD("b"));
    assert_string_equal(next(f), "-");
    expect_start(f, "{\"mode\":\"latest\",\"version\":1}");
    commit(f, 2, ADD("c"));
    assert_string_equal(next(f), "2.0: c");
}

static void test_source_delta__versions_to_come_are_waited_for(void **state) {
    fixture *f = *state;
    f->o.starting_version = 2;
    f->o.start_offset = "latest";
    open_source(f);
    commit(f, 0, META("a") ADD("a"));
    assert_string_equal(next(f), "-");
    expect_start(f, "{\"mode\":\"version\",\"version\":2}");
    commit(f, 1, ADD("b"));
    assert_string_equal(next(f), "-");
    commit(f, 2, ADD("c"));
    assert_string_equal(next(f), "2.0: c");
}

static void test_source_delta__a_timestamp_finds_the_first_commit_at_or_after_it(void **state) {
    fixture *f = *state;
    f->o.starting_timestamp = "3.0";
    open_source(f);
    commit(f, 0, META("a") TIME(1000) ADD("a"));
    commit(f, 1, TIME(2000) ADD("b"));
    assert_string_equal(next(f), "-");
    assert_null(start_of(f));
    commit(f, 2, "{\"commitInfo\":{\"timestamp\":9999,\"inCommitTimestamp\":2999}}\n" ADD("c"));
    assert_string_equal(next(f), "-");
    commit(f, 3, TIME(3000) ADD("d"));
    commit(f, 4, TIME(2000) ADD("e"));
    assert_string_equal(next(f), "4.0: d e");
    expect_start(f, "{\"mode\":\"version\",\"version\":3,\"timestamp\":3.0}");
}

static void test_source_delta__another_start_is_a_warning_the_same_is_not(void **state) {
    fixture *f = *state;
    earliest(f, 0);
    commit(f, 0, META("a") ADD("a"));
    assert_string_equal(next(f), "0.0: a");
    assert_string_equal(next(f), "-");
    f->o.start_offset = NULL;
    open_source(f);
    assert_string_equal(next(f), "-");
    assert_string_equal(f->log, "");
    f->o.starting_version = 3;
    open_source(f);
    assert_string_equal(next(f), "-");
    assert_non_null(strstr(f->log, "start_offset"));
    assert_non_null(strstr(f->log, "\"version\":0"));
}

static void test_source_delta__a_start_that_makes_no_sense_is_refused(void **state) {
    fixture *f = *state;
    f->o.start_offset = "yesterday";
    open_source(f);
    fails(f, PLI_E_ARGUMENT, "'yesterday'");
    f->o.start_offset = NULL;
    f->o.starting_timestamp = "soon";
    open_source(f);
    fails(f, PLI_E_ARGUMENT, "'soon'");
    pli__source *none = NULL;
    f->o.max_files = -1;
    assert_int_equal(pli__source_delta_new(f->env, &f->o, &none, NULL), PLI_E_ARGUMENT);
    assert_null(none);
}

static void test_source_delta__a_new_start_counts_for_what_was_not_read(void **state) {
    fixture *f = *state;
    earliest(f, 1);
    for (int v = 0; v < 4; v++) commit(f, v, v ? ADD("x") : META("a") ADD("a"));
    assert_string_equal(next(f), "0.0: a");
    PLI_AUTO(pli__json_unref) json_t *old = NULL;
    assert_int_equal(pli__checkpoint_drop_metadata(f->cp, "start_offset", &old, NULL), PLI_OK);
    f->o.start_offset = "latest";
    open_source(f);
    assert_string_equal(next(f), "-");
    commit(f, 4, ADD("y"));
    assert_string_equal(next(f), "4.0: y");
}

static void test_source_delta__the_ending_version_is_the_last(void **state) {
    fixture *f = *state;
    f->o.ending_version = 1;
    earliest(f, 0);
    for (int v = 0; v < 4; v++) commit(f, v, v ? ADD("x") : META("a") ADD("a"));
    assert_string_equal(next(f), "1.0: a x");
    assert_string_equal(next(f), "-");
}

static void test_source_delta__a_bound_hides_what_comes_later(void **state) {
    fixture *f = *state;
    earliest(f, 0);
    commit(f, 0, META("a") ADD("a"));
    assert_int_equal(pli__source_bound(f->source, f->cp, true, NULL), PLI_OK);
    commit(f, 1, ADD("b"));
    assert_string_equal(next(f), "0.0: a");
    assert_string_equal(next(f), "-");
    assert_int_equal(pli__source_bound(f->source, f->cp, false, NULL), PLI_OK);
    assert_string_equal(next(f), "1.0: b");
}

static void test_source_delta__a_bound_without_a_table_hides_the_table(void **state) {
    fixture *f = *state;
    assert_int_equal(pli__source_bound(f->source, f->cp, true, NULL), PLI_OK);
    commit(f, 0, META("a") ADD("a"));
    assert_string_equal(next(f), "-");
    assert_null(start_of(f));
}

/* ---- the table is another one ---- */

static void test_source_delta__another_id_is_noticed_at_the_same_version(void **state) {
    fixture *f = *state;
    commit(f, 0, META("a") ADD("a"));
    assert_string_equal(next(f), "0.0s: a");
    commit(f, 0, META("b") ADD("a"));
    fails(f, PLI_E_TABLE_CHANGED, "id b");
}

static void test_source_delta__another_id_is_noticed_beyond_the_limits(void **state) {
    fixture *f = *state;
    earliest(f, 1);
    commit(f, 0, META("a") ADD("a"));
    assert_string_equal(next(f), "0.0: a");
    commit(f, 1, ADD("b") ADD("c"));
    commit(f, 2, META("b") ADD("d"));
    fails(f, PLI_E_TABLE_CHANGED, "id b");
}

static void test_source_delta__unknown_ids_are_not_compared(void **state) {
    fixture *f = *state;
    commit(f, 0, ADD("a"));
    assert_string_equal(next(f), "0.0s: a");
    commit(f, 1, META("b") ADD("b"));
    assert_string_equal(next(f), "1.0: b");
    commit(f, 0, ADD("a"));
    commit(f, 1, ADD("b"));
    assert_string_equal(next(f), "-");
}

static void test_source_delta__a_version_that_went_back_is_noticed(void **state) {
    fixture *f = *state;
    commit(f, 0, META("a") ADD("a"));
    commit(f, 1, ADD("b"));
    assert_string_equal(next(f), "1.1s: a b");
    drop_commit(f, 1);
    fails(f, PLI_E_TABLE_CHANGED, "went back to version 0");
    drop_commit(f, 0);
    fails(f, PLI_E_TABLE_CHANGED, "no Delta table any more");
}

static void test_source_delta__a_commit_that_was_rewritten_is_noticed(void **state) {
    fixture *f = *state;
    commit(f, 0, META("a") ADD("a"));
    assert_string_equal(next(f), "0.0s: a");
    commit(f, 0, META("a") ADD("b"));
    fails(f, PLI_E_TABLE_CHANGED, "version 0 ");
}

static void test_source_delta__features_that_are_not_implemented_are_refused(void **state) {
    fixture *f = *state;
    commit(
        f, 0,
        "{\"protocol\":{\"minReaderVersion\":3,\"minWriterVersion\":7,\"readerFeatures\":[\"timeTravelToMars\"],\"writerFeatures\":"
        "[\"timeTravelToMars\"]}}\n" META("a") ADD("a"));
    fails(f, PLI_E_UNSUPPORTED, "timeTravelToMars");
}

/* ---- gaps ---- */

static void test_source_delta__missing_versions_are_named_and_never_passed_over(void **state) {
    fixture *f = *state;
    earliest(f, 0);
    commit(f, 0, META("a") ADD("a"));
    assert_string_equal(next(f), "0.0: a");
    commit(f, 3, ADD("d"));
    fails(f, PLI_E_DATA_LOSS, "versions 1 to 2 ");
    f->o.allow_data_loss = true;
    open_source(f);
    assert_string_equal(next(f), "3.0: d");
    PLI_AUTO(pli__json_unref) json_t *offset = NULL;
    assert_int_equal(pli__checkpoint_read_offset(f->cp, 1, &offset, NULL, NULL), PLI_OK);
    const json_t *gap = json_array_get(json_object_get(offset, "gaps"), 0);
    assert_int_equal(json_integer_value(json_object_get(gap, "from_version")), 1);
    assert_int_equal(json_integer_value(json_object_get(gap, "to_version")), 2);
    assert_non_null(strstr(f->log, "passed over"));
    commit(f, 4, ADD("e"));
    f->o.allow_data_loss = false;
    open_source(f);
    assert_string_equal(next(f), "4.0: e");
}

static void test_source_delta__a_start_that_is_gone_is_named(void **state) {
    fixture *f = *state;
    earliest(f, 0);
    commit(f, 2, ADD("d"));
    fails(f, PLI_E_DATA_LOSS, "versions 0 to 1 ");
}

static void test_source_delta__a_snapshot_with_holes_is_named(void **state) {
    fixture *f = *state;
    commit(f, 0, META("a") ADD("a"));
    commit(f, 2, ADD("d"));
    fails(f, PLI_E_DATA_LOSS, "commit 1 ");
}

static void test_source_delta__a_compacted_log_stands_for_commits_that_are_gone(void **state) {
    fixture *f = *state;
    commit(f, 0, META("a") ADD("a") ADD("b"));
    temp_write(f->dir, "table/_delta_log/00000000000000000001.00000000000000000002.compacted.json", ADD("never"));
    temp_write(f->dir, "table/_delta_log/00000000000000000001.00000000000000000003.compacted.json",
               ADD("c") REMOVE("a"));
    temp_write(f->dir, "table/_delta_log/00000000000000000001.00000000000000000009.compacted.json", ADD("beyond"));
    commit(f, 4, ADD("d"));
    assert_string_equal(next(f), "4.2s: b c d");
}

static void test_source_delta__commits_that_were_read_may_go(void **state) {
    fixture *f = *state;
    earliest(f, 0);
    commit(f, 0, META("a") ADD("a"));
    commit(f, 1, ADD("b"));
    assert_string_equal(next(f), "1.0: a b");
    commit(f, 2, ADD("c"));
    drop_commit(f, 0);
    drop_commit(f, 1);
    open_source(f);
    assert_string_equal(next(f), "2.0: c");
}

static void test_source_delta__the_rest_of_a_commit_that_is_gone_is_missed(void **state) {
    fixture *f = *state;
    earliest(f, 1);
    commit(f, 0, META("a") ADD("a") ADD("b"));
    assert_string_equal(next(f), "0.0: a");
    commit(f, 1, ADD("c"));
    drop_commit(f, 0);
    fails(f, PLI_E_DATA_LOSS, "versions 0 to 0 ");
}

/* ---- the change feed ---- */

static void feed(fixture *f, int64_t max_files) {
    f->o.read_change_feed = true;
    earliest(f, max_files);
}

static void test_source_delta__the_feed_takes_cdc_files_alone_where_there_are_any(void **state) {
    fixture *f = *state;
    feed(f, 0);
    commit(f, 0, META_FEED("a") ADD("a"));
    commit(f, 1, REMOVE("a") ADD("b") CDC("_change_data/c"));
    assert_string_equal(next(f), "1.2: a/insert c/cdc");
}

static void test_source_delta__removed_files_are_deletes_before_inserts(void **state) {
    fixture *f = *state;
    feed(f, 0);
    commit(f, 0, META_FEED("a") ADD("a"));
    commit(f, 1, ADD("b") REMOVE("a") ADD_SAME("x"));
    assert_string_equal(next(f), "1.2: a/insert a/delete b/insert");
}

static void test_source_delta__removes_without_feed_are_an_error(void **state) {
    fixture *f = *state;
    feed(f, 0);
    commit(f, 0, META("a") ADD("a"));
    assert_string_equal(next(f), "0.0: a/insert");
    commit(f, 1, META_FEED("a"));
    commit(f, 2, REMOVE("a"));
    commit(f, 3, META("a"));
    assert_string_equal(next(f), "2.0: a/delete");
    commit(f, 4, ADD("b") REMOVE_SAME("b"));
    commit(f, 5, REMOVE("b"));
    fails(f, PLI_E_NO_FEED, "version 5 ");
    commit(f, 5, REMOVE("b") CDC("c"));
    assert_string_equal(next(f), "5.1: b/insert c/cdc");
}

static void test_source_delta__versions_of_the_feed_are_whole(void **state) {
    fixture *f = *state;
    feed(f, 2);
    commit(f, 0, META("a") ADD("a"));
    commit(f, 1, ADD("b") ADD("c") ADD("d"));
    commit(f, 2, ADD("e"));
    commit(f, 3, ADD("f"));
    assert_string_equal(next(f), "0.0: a/insert");
    assert_string_equal(next(f), "1.2: b/insert c/insert d/insert");
    assert_string_equal(next(f), "3.0: e/insert f/insert");
}

static void test_source_delta__entries_say_when_and_how_much(void **state) {
    fixture *f = *state;
    feed(f, 0);
    commit(f, 0, META("a") TIME(1234) ADD("a"));
    PLI_AUTO(pli__json_unref) json_t *offset = NULL;
    assert_int_equal(pli__source_plan(f->source, f->cp, &offset, NULL), PLI_OK);
    const json_t *entry = json_array_get(json_object_get(offset, "file_entries"), 0);
    assert_int_equal(json_integer_value(json_object_get(entry, "commit_timestamp")), 1234);
    assert_int_equal(json_integer_value(json_object_get(entry, "commit_version")), 0);
    assert_int_equal(json_integer_value(json_object_get(entry, "size")), 10);
    assert_null(json_object_get(offset, "file_info"));
}

/* ---- looking ---- */

static void test_source_delta__a_preview_stores_nothing(void **state) {
    fixture *f = *state;
    earliest(f, 1);
    commit(f, 0, META("a") ADD("a") ADD("b"));
    PLI_AUTO(pli__json_unref) json_t *offset = NULL;
    assert_int_equal(pli__source_preview(f->source, f->cp, &offset, NULL), PLI_OK);
    assert_int_equal(json_array_size(json_object_get(offset, "files")), 1);
    assert_null(start_of(f));
}

static void expect_backlog(fixture *f, int64_t files, int64_t bytes, int64_t versions) {
    PLI_AUTO(pli__json_unref) json_t *into = json_object();
    pli_error err = {0};
    if (pli__source_backlog(f->source, f->cp, into, &err) != PLI_OK) fail_msg("%s", err.message);
    assert_int_equal(json_integer_value(json_object_get(into, "filesWaiting")), files);
    assert_int_equal(json_integer_value(json_object_get(into, "bytesWaiting")), bytes);
    assert_int_equal(json_integer_value(json_object_get(into, "versionsWaiting")), versions);
}

static void test_source_delta__the_backlog_counts_beyond_limits_and_errors(void **state) {
    fixture *f = *state;
    earliest(f, 1);
    expect_backlog(f, 0, 0, 0);
    commit(f, 0, META("a") ADD("a") ADD("b"));
    commit(f, 1, REMOVE("a") ADD("c"));
    expect_backlog(f, 3, 30, 2);
    assert_null(start_of(f));
    assert_string_equal(next(f), "0.0: a");
    expect_backlog(f, 2, 20, 1);
}

static void test_source_delta__the_backlog_of_a_snapshot_is_its_rest_and_what_follows(void **state) {
    fixture *f = *state;
    f->o.max_files = 1;
    open_source(f);
    commit(f, 0, META("a") ADD("a") ADD("b") ADD("c"));
    expect_backlog(f, 3, 30, 1);
    assert_string_equal(next(f), "0.0s: a");
    commit(f, 1, ADD("d"));
    expect_backlog(f, 3, 30, 1);
}

static void test_source_delta__paths_of_the_log_are_decoded_once(void **state) {
    fixture *f = *state;
    commit(f, 0, META("a") ADD("a%2520b") ADD("file:///x%20y/c") ADD("/abs/d"));
    PLI_AUTO(pli__json_unref) json_t *offset = NULL;
    assert_int_equal(pli__source_plan(f->source, f->cp, &offset, NULL), PLI_OK);
    const json_t *files = json_object_get(offset, "files");
    assert_string_equal(json_string_value(json_array_get(files, 0)), "/abs/d");
    assert_string_equal(strrchr(json_string_value(json_array_get(files, 1)), '/'), "/a%20b");
    assert_string_equal(json_string_value(json_array_get(files, 2)), "/x y/c");
}

#define T(name) cmocka_unit_test_setup_teardown(test_source_delta__##name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(without_a_table_there_is_nothing_to_do),
        T(a_table_that_must_exist_is_missed),
        T(the_snapshot_is_in_the_order_of_log_paths),
        T(pages_keep_to_their_version),
        T(an_empty_table_moves_no_position),
        T(commits_may_lack_nearly_everything),
        T(a_batch_may_span_commits_and_end_within_one),
        T(bytes_limit_all_but_the_first_file),
        T(what_changes_no_data_moves_the_position_only),
        T(removes_are_an_error_that_names_the_commit),
        T(a_full_batch_is_given_before_the_error),
        T(a_full_batch_is_given_before_a_gap),
        T(latest_begins_behind_the_newest_version),
        T(versions_to_come_are_waited_for),
        T(a_timestamp_finds_the_first_commit_at_or_after_it),
        T(another_start_is_a_warning_the_same_is_not),
        T(a_start_that_makes_no_sense_is_refused),
        T(a_new_start_counts_for_what_was_not_read),
        T(the_ending_version_is_the_last),
        T(a_bound_hides_what_comes_later),
        T(a_bound_without_a_table_hides_the_table),
        T(another_id_is_noticed_at_the_same_version),
        T(another_id_is_noticed_beyond_the_limits),
        T(unknown_ids_are_not_compared),
        T(a_version_that_went_back_is_noticed),
        T(a_commit_that_was_rewritten_is_noticed),
        T(features_that_are_not_implemented_are_refused),
        T(missing_versions_are_named_and_never_passed_over),
        T(a_start_that_is_gone_is_named),
        T(a_snapshot_with_holes_is_named),
        T(a_compacted_log_stands_for_commits_that_are_gone),
        T(commits_that_were_read_may_go),
        T(the_rest_of_a_commit_that_is_gone_is_missed),
        T(the_feed_takes_cdc_files_alone_where_there_are_any),
        T(removed_files_are_deletes_before_inserts),
        T(removes_without_feed_are_an_error),
        T(versions_of_the_feed_are_whole),
        T(entries_say_when_and_how_much),
        T(a_preview_stores_nothing),
        T(the_backlog_counts_beyond_limits_and_errors),
        T(the_backlog_of_a_snapshot_is_its_rest_and_what_follows),
        T(paths_of_the_log_are_decoded_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
