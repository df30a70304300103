/* Checkpoints: records and their rules, damage that must be named, unfinished truncations, who may open what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/json.h"
#include "checkpoint/checkpoint.h"
#include "support/temp_dir.h"

static pli_error err;

static const pli__checkpoint_options make = {.source_kind = "files", .create = true, .take_lock = true};
static const pli__checkpoint_options look = {.read_only = true};

static pli__checkpoint *open_it(void **state, const pli__checkpoint_options *o) {
    pli__checkpoint *cp = NULL;
    pli_status status = pli__checkpoint_open(temp_path(*state, "cp"), o, &cp, &err);
    if (status != PLI_OK) fail_msg("%s", err.message);
    return cp;
}

static pli_status open_status(void **state, const pli__checkpoint_options *o) {
    pli__checkpoint *cp = NULL;
    pli_status status = pli__checkpoint_open(temp_path(*state, "cp"), o, &cp, &err);
    pli__checkpoint_close(cp);
    return status;
}

static void plan(pli__checkpoint *cp, int64_t n) {
    json_t *body = json_pack("{s:[s]}", "files", "/x"), *stored = NULL;
    bool won = false;
    char sha[65];
    pli_status status = pli__checkpoint_write_offset(cp, n, body, &won, &stored, sha, &err);
    if (status != PLI_OK) fail_msg("%s", err.message);
    assert_true(won);
    assert_int_equal(json_integer_value(json_object_get(stored, "batch_id")), n);
    assert_int_equal(strlen(sha), 64);
    json_decref(body);
    json_decref(stored);
}

static void commit(pli__checkpoint *cp, int64_t n) {
    json_t *body = json_pack("{s:s}", "attempt", "a");
    bool won = false;
    assert_int_equal(pli__checkpoint_write_commit(cp, n, body, &won, &err), PLI_OK);
    assert_true(won);
    json_decref(body);
}

static void fill(void **state, int batches) {
    pli__checkpoint *cp = open_it(state, &make);
    for (int i = 0; i < batches; i++) {
        plan(cp, i);
        commit(cp, i);
    }
    pli__checkpoint_close(cp);
}

static pli_status pending(void **state, int64_t *n) {
    pli__checkpoint *cp = open_it(state, &look);
    pli_status status = pli__checkpoint_pending(cp, n, &err);
    pli__checkpoint_close(cp);
    return status;
}

static void remove_file(void **state, const char *name) { assert_int_equal(unlink(temp_path(*state, name)), 0); }

static void test_checkpoint__opening_makes_the_folder_and_an_identity_that_stays(void **state) {
    char id[64];
    pli__checkpoint *cp = open_it(state, &make);
    snprintf(id, sizeof id, "%s", pli__checkpoint_id(cp));
    assert_int_equal(strlen(id), 36);
    assert_string_equal(pli__checkpoint_app_id(cp), id);
    pli__checkpoint_close(cp);
    cp = open_it(state, &make);
    assert_string_equal(pli__checkpoint_id(cp), id);
    pli__checkpoint_close(cp);
    assert_non_null(strstr(temp_read(*state, "cp/metadata.json"), id));
    assert_int_equal(access(temp_path(*state, "cp/offsets"), F_OK), 0);
    assert_int_equal(access(temp_path(*state, "cp/commits"), F_OK), 0);
}

static void test_checkpoint__looking_at_nothing_creates_nothing(void **state) {
    assert_int_equal(open_status(state, &look), PLI_E_NOT_FOUND);
    pli__checkpoint_options o = {.create = true, .read_only = true, .source_kind = "files"};
    pli__checkpoint *cp = open_it(state, &o);
    json_t *set = json_pack("{s:i}", "x", 1);
    assert_int_equal(pli__checkpoint_update_metadata(cp, set, &err), PLI_OK);
    assert_int_equal(json_integer_value(json_object_get(pli__checkpoint_metadata(cp), "x")), 1);
    json_decref(set);
    pli__checkpoint_close(cp);
    assert_int_not_equal(access(temp_path(*state, "cp"), F_OK), 0);
}

static void test_checkpoint__a_second_one_is_locked_out(void **state) {
    pli__checkpoint *cp = open_it(state, &make);
    assert_int_equal(open_status(state, &make), PLI_E_LOCKED);
    assert_int_equal(open_status(state, &look), PLI_OK);
    pli__checkpoint_close(cp);
    assert_int_equal(open_status(state, &make), PLI_OK);
}

static void test_checkpoint__the_pending_batch_is_the_lowest_without_commit(void **state) {
    fill(state, 3);
    int64_t n = 0;
    assert_int_equal(pending(state, &n), PLI_OK);
    assert_int_equal(n, -1);
    pli__checkpoint *cp = open_it(state, &make);
    plan(cp, 3);
    plan(cp, 4);
    pli__checkpoint_close(cp);
    assert_int_equal(pending(state, &n), PLI_OK);
    assert_int_equal(n, 3);
}

static void test_checkpoint__a_record_that_exists_wins(void **state) {
    pli__checkpoint *a = open_it(state, &make);
    pli__checkpoint_options unlocked = {.create = true};
    pli__checkpoint *b = open_it(state, &unlocked);
    plan(a, 0);
    json_t *body = json_pack("{s:[s]}", "files", "/other"), *stored = NULL;
    bool won = true;
    char sha[65];
    assert_int_equal(pli__checkpoint_write_offset(b, 0, body, &won, &stored, sha, &err), PLI_OK);
    assert_false(won);
    assert_string_equal(json_string_value(json_array_get(json_object_get(stored, "files"), 0)), "/x");
    commit(a, 0);
    won = true;
    assert_int_equal(pli__checkpoint_write_commit(b, 0, body, &won, &err), PLI_OK);
    assert_false(won);
    json_decref(body);
    json_decref(stored);
    pli__checkpoint_close(a);
    pli__checkpoint_close(b);
}

static void test_checkpoint__batches_are_planned_one_after_the_other(void **state) {
    pli__checkpoint *cp = open_it(state, &make);
    json_t *body = json_object(), *stored = NULL;
    bool won;
    char sha[65];
    assert_int_equal(pli__checkpoint_write_offset(cp, 1, body, &won, &stored, sha, &err), PLI_E_STATE);
    assert_int_equal(pli__checkpoint_write_commit(cp, 0, body, &won, &err), PLI_E_STATE);
    json_decref(body);
    pli__checkpoint_close(cp);
}

static void test_checkpoint__holes_are_damage_that_is_named(void **state) {
    int64_t n = 0;
    static const char *const holes[] = {"offsets/1.json", "commits/1.json", "offsets/0.json", "commits/0.json",
                                        "offsets/2.json"};
    for (size_t i = 0; i < sizeof holes / sizeof *holes; i++) {
        void *sub = NULL;
        temp_dir_setup(&sub);
        fill(&sub, 3);
        char path[64];
        snprintf(path, sizeof path, "cp/%s", holes[i]);
        remove_file(&sub, path);
        assert_int_equal(pending(&sub, &n), PLI_E_CORRUPT);
        assert_non_null(strstr(err.message, holes[i]));
        temp_dir_teardown(&sub);
    }
    (void)state;
}

static void test_checkpoint__the_newest_commit_may_be_missing(void **state) {
    fill(state, 3);
    remove_file(state, "cp/commits/2.json");
    int64_t n = 0;
    assert_int_equal(pending(state, &n), PLI_OK);
    assert_int_equal(n, 2);
}

static void test_checkpoint__names_that_are_no_numbers_are_passed_by(void **state) {
    fill(state, 1);
    temp_write(*state, "cp/offsets/readme.json", "x");
    temp_write(*state, "cp/offsets/.7.json.tmp", "x");
    temp_write(*state, "cp/offsets/07.json", "x");
    temp_write(*state, "cp/commits/5.txt", "x");
    pli__checkpoint *cp = open_it(state, &make);
    assert_int_equal(pli__checkpoint_last_offset(cp), 0);
    assert_int_equal(pli__checkpoint_last_commit(cp), 0);
    pli__checkpoint_close(cp);
}

static pli_status read_back(void **state, int64_t n) {
    pli__checkpoint *cp = open_it(state, &look);
    json_t *record = NULL;
    pli_status status = pli__checkpoint_read_offset(cp, n, &record, NULL, &err);
    json_decref(record);
    pli__checkpoint_close(cp);
    return status;
}

static void test_checkpoint__torn_foreign_and_swapped_records_are_refused(void **state) {
    fill(state, 3);
    temp_write(*state, "cp/offsets/0.json", "{\"batch_id\": 0, \"fi");
    assert_int_equal(read_back(state, 0), PLI_E_CORRUPT);
    assert_non_null(strstr(err.message, "offsets/0.json"));
    temp_write(*state, "cp/offsets/0.json", "");
    assert_int_equal(read_back(state, 0), PLI_E_CORRUPT);
    temp_write(*state, "cp/offsets/0.json", "[]");
    assert_int_equal(read_back(state, 0), PLI_E_CORRUPT);
    temp_write(*state, "cp/offsets/0.json", "{\"batch_id\": 0, \"id\": \"someone else\"}");
    assert_int_equal(read_back(state, 0), PLI_E_FOREIGN);
    temp_write(*state, "cp/offsets/0.json", "{\"batch_id\": 0, \"epoch\": 1}");
    assert_int_equal(read_back(state, 0), PLI_E_FOREIGN);
    temp_write(*state, "cp/offsets/0.json", "{\"batch_id\": 1}");
    assert_int_equal(read_back(state, 0), PLI_E_CORRUPT);
    temp_write(*state, "cp/offsets/0.json", "{\"files\": []}");
    assert_int_equal(read_back(state, 0), PLI_OK); /* from before there were ids */
    assert_int_equal(read_back(state, 9), PLI_E_NOT_FOUND);
}

static void test_checkpoint__a_lost_metadata_file_gets_no_new_identity(void **state) {
    fill(state, 1);
    remove_file(state, "cp/metadata.json");
    assert_int_equal(open_status(state, &make), PLI_E_FOREIGN);
    assert_int_equal(open_status(state, &look), PLI_E_FOREIGN);
    temp_write(*state, "cp/metadata.json", "{\"format_version\": 1}");
    assert_int_equal(open_status(state, &make), PLI_E_FOREIGN);
    temp_write(*state, "cp/metadata.json", "{\"format_ver");
    assert_int_equal(open_status(state, &make), PLI_E_CORRUPT);
}

static void test_checkpoint__records_without_ids_may_get_an_identity(void **state) {
    temp_write(*state, "cp/offsets/0.json", "{\"batch_id\": 0, \"files\": []}");
    temp_write(*state, "cp/metadata.json", "{\"schema\": []}");
    pli__checkpoint *cp = open_it(state, &make);
    assert_int_equal(strlen(pli__checkpoint_id(cp)), 36);
    assert_non_null(json_object_get(pli__checkpoint_metadata(cp), "schema"));
    pli__checkpoint_close(cp);
}

static void test_checkpoint__another_kind_and_a_newer_format_are_refused(void **state) {
    fill(state, 1);
    pli__checkpoint_options delta = make;
    delta.source_kind = "delta";
    assert_int_equal(open_status(state, &delta), PLI_E_ARGUMENT);
    assert_non_null(strstr(err.message, "files"));
    assert_non_null(strstr(err.message, "delta"));
    temp_write(*state, "cp/metadata.json", "{\"format_version\": 2, \"id\": \"x\"}");
    assert_int_equal(open_status(state, &make), PLI_E_UNSUPPORTED);
}

static void test_checkpoint__updating_metadata_keeps_what_others_wrote(void **state) {
    pli__checkpoint *cp = open_it(state, &make);
    pli__checkpoint_options unlocked = {.create = true};
    pli__checkpoint *other = open_it(state, &unlocked);
    json_t *a = json_pack("{s:i, s:i}", "a", 1, "gone", 1), *b = json_pack("{s:i, s:n}", "b", 2, "gone");
    assert_int_equal(pli__checkpoint_update_metadata(other, a, &err), PLI_OK);
    assert_int_equal(pli__checkpoint_update_metadata(cp, b, &err), PLI_OK);
    const json_t *m = pli__checkpoint_metadata(cp);
    assert_int_equal(json_integer_value(json_object_get(m, "a")), 1);
    assert_int_equal(json_integer_value(json_object_get(m, "b")), 2);
    assert_null(json_object_get(m, "gone"));
    json_decref(a);
    json_decref(b);
    pli__checkpoint_close(cp);
    pli__checkpoint_close(other);
}

static void set_metadata(void **state, const char *key, json_t *take) {
    pli__checkpoint *cp = open_it(state, &make);
    json_t *set = json_object();
    json_object_set_new(set, key, take);
    assert_int_equal(pli__checkpoint_update_metadata(cp, set, &err), PLI_OK);
    json_decref(set);
    pli__checkpoint_close(cp);
}

static void test_checkpoint__a_marked_truncation_is_finished_by_the_next_open(void **state) {
    fill(state, 5);
    pli__checkpoint *cp = open_it(state, &make);
    plan(cp, 5);
    json_t *set = json_pack("{s:i, s:i}", "truncate_through", 2, "epoch", 1);
    assert_int_equal(pli__checkpoint_update_metadata(cp, set, &err), PLI_OK);
    json_decref(set);
    pli__checkpoint_close(cp);
    cp = open_it(state, &look); /* who only looks sees the end of it */
    assert_int_equal(pli__checkpoint_last_offset(cp), 2);
    assert_int_equal(pli__checkpoint_last_commit(cp), 2);
    pli__checkpoint_close(cp);
    assert_int_equal(access(temp_path(*state, "cp/offsets/5.json"), F_OK), 0);
    cp = open_it(state, &make);
    char app[80];
    snprintf(app, sizeof app, "%s-1", pli__checkpoint_id(cp));
    assert_string_equal(pli__checkpoint_app_id(cp), app);
    assert_null(json_object_get(pli__checkpoint_metadata(cp), "truncate_through"));
    assert_int_equal(pli__checkpoint_last_offset(cp), 2);
    plan(cp, 3);
    pli__checkpoint_close(cp);
    assert_int_equal(temp_count(*state, "cp/offsets"), 4);
    assert_int_equal(temp_count(*state, "cp/commits"), 3);
}

static void test_checkpoint__cleaned_batches_need_their_seen_files(void **state) {
    fill(state, 5);
    set_metadata(state, "cleaned_through", json_integer(2));
    int64_t n = 0;
    assert_int_equal(pending(state, &n), PLI_E_CORRUPT);
    temp_write(*state, "cp/seen/cleaned-0-1.ndjson.zst", "x");
    assert_int_equal(pending(state, &n), PLI_E_CORRUPT);
    assert_non_null(strstr(err.message, "batch 2"));
    temp_write(*state, "cp/seen/cleaned-2-2.ndjson.zst", "x");
    assert_int_equal(pending(state, &n), PLI_OK);
    remove_file(state, "cp/offsets/0.json"); /* the deleting may be anywhere */
    remove_file(state, "cp/commits/1.json");
    assert_int_equal(pending(state, &n), PLI_OK);
    remove_file(state, "cp/offsets/3.json");
    assert_int_equal(pending(state, &n), PLI_E_CORRUPT);
}

static void test_checkpoint__staged_results_are_swept_by_batch_and_attempt(void **state) {
    pli__checkpoint *cp = open_it(state, &make);
    json_t *body = json_pack("{s:i}", "rows", 3), *back = NULL;
    bool left = false;
    assert_int_equal(pli__checkpoint_write_staged(cp, 3, "aaa", body, &err), PLI_OK);
    assert_int_equal(pli__checkpoint_write_staged(cp, 3, "bbb", body, &err), PLI_OK);
    assert_int_equal(pli__checkpoint_write_staged(cp, 4, "ccc", body, &err), PLI_OK);
    assert_int_equal(pli__checkpoint_read_staged(cp, 3, "bbb", &back, &err), PLI_OK);
    assert_true(json_equal(back, body));
    assert_int_equal(pli__checkpoint_write_staged(cp, 3, "../x", body, &err), PLI_E_ARGUMENT);
    assert_int_equal(pli__checkpoint_clear_staged(cp, 3, "bbb", &err), PLI_OK);
    assert_int_equal(temp_count(*state, "cp/staging"), 2);
    assert_int_equal(pli__checkpoint_has_staged(cp, 2, &left, &err), PLI_OK);
    assert_false(left);
    assert_int_equal(pli__checkpoint_clear_staged(cp, 3, NULL, &err), PLI_OK);
    assert_int_equal(temp_count(*state, "cp/staging"), 1);
    json_decref(body);
    json_decref(back);
    pli__checkpoint_close(cp);
}

static void test_checkpoint__a_thousand_batches_open_without_reading_them(void **state) {
    pli__checkpoint_options relaxed = make;
    relaxed.relaxed = true;
    pli__checkpoint *cp = open_it(state, &relaxed);
    for (int i = 0; i < 1000; i++) {
        plan(cp, i);
        commit(cp, i);
    }
    pli__checkpoint_close(cp);
    temp_write(*state, "cp/offsets/500.json", "torn"); /* not looked at */
    int64_t best = INT64_MAX;
    for (int i = 0; i < 20; i++) {
        int64_t start = pli__monotonic_us();
        cp = open_it(state, &make);
        int64_t n = 0;
        assert_int_equal(pli__checkpoint_pending(cp, &n, &err), PLI_OK);
        pli__checkpoint_close(cp);
        int64_t took = pli__monotonic_us() - start;
        best = took < best ? took : best;
    }
    print_message("1,000 batches opened in %lld us\n", (long long)best);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, temp_dir_setup, temp_dir_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_checkpoint__opening_makes_the_folder_and_an_identity_that_stays),
        TEST(test_checkpoint__looking_at_nothing_creates_nothing),
        TEST(test_checkpoint__a_second_one_is_locked_out),
        TEST(test_checkpoint__the_pending_batch_is_the_lowest_without_commit),
        TEST(test_checkpoint__a_record_that_exists_wins),
        TEST(test_checkpoint__batches_are_planned_one_after_the_other),
        TEST(test_checkpoint__holes_are_damage_that_is_named),
        TEST(test_checkpoint__the_newest_commit_may_be_missing),
        TEST(test_checkpoint__names_that_are_no_numbers_are_passed_by),
        TEST(test_checkpoint__torn_foreign_and_swapped_records_are_refused),
        TEST(test_checkpoint__a_lost_metadata_file_gets_no_new_identity),
        TEST(test_checkpoint__records_without_ids_may_get_an_identity),
        TEST(test_checkpoint__another_kind_and_a_newer_format_are_refused),
        TEST(test_checkpoint__updating_metadata_keeps_what_others_wrote),
        TEST(test_checkpoint__a_marked_truncation_is_finished_by_the_next_open),
        TEST(test_checkpoint__cleaned_batches_need_their_seen_files),
        TEST(test_checkpoint__staged_results_are_swept_by_batch_and_attempt),
        TEST(test_checkpoint__a_thousand_batches_open_without_reading_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
