/* The file index and seen/: a cache that follows the records, whatever happens to it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "checkpoint/index_sync.h"
#include "checkpoint/seen.h"
#include "port/fs.h"
#include "support/temp_dir.h"

#define OK(expr)                                                                                                       \
    do {                                                                                                               \
        pli_error err_ = {0}, *err = &err_;                                                                            \
        if ((expr) != PLI_OK) fail_msg("%s: %s", #expr, err_.message);                                                 \
        (void)err;                                                                                                     \
    } while (0)

static pli__checkpoint *open_checkpoint(void *temp) {
    pli__checkpoint *cp = NULL;
    pli__checkpoint_options o = {.source_kind = "files", .create = true, .relaxed = true};
    OK(pli__checkpoint_open(temp_path(temp, "cp"), &o, &cp, err));
    return cp;
}

static void plan_batch(pli__checkpoint *cp, int64_t n, const char *path, int64_t size) {
    bool won = false;
    json_t *body = json_pack("{s:[s], s:[[I,I]]}", "files", path, "file_info", (json_int_t)size, (json_int_t)7),
           *stored = NULL, *commit = json_object();
    OK(pli__checkpoint_write_offset(cp, n, body, &won, &stored, NULL, err));
    OK(pli__checkpoint_write_commit(cp, n, commit, &won, err));
    json_decref(body);
    json_decref(stored);
    json_decref(commit);
}

/* Batch that took the file, PLI__INDEX_UNKNOWN if it is not known. */
static int64_t batch_of(pli__index *x, const char *folder, const char *name) {
    bool found = false;
    pli__index_folder f = {0};
    pli__index_file file = {0};
    OK(pli__index_folder_get(x, pli__str_of(folder), &found, &f, err));
    if (found) OK(pli__index_file_get(x, f.id, pli__str_of(name), &found, &file, err));
    return found ? file.batch : PLI__INDEX_UNKNOWN;
}

static int64_t batch_in_index(pli__checkpoint *cp, bool look_only, const char *folder, const char *name) {
    pli__index *x = NULL;
    OK(pli__index_open_for(cp, look_only, &x, err));
    int64_t batch = batch_of(x, folder, name);
    pli__index_close(x);
    return batch;
}

static void test_index__knows_what_the_offsets_name(void **state) {
    pli__checkpoint *cp = open_checkpoint(*state);
    plan_batch(cp, 0, "/in/a.csv", 1);
    plan_batch(cp, 1, "/in/sub/b.csv", 1);
    assert_int_equal(batch_in_index(cp, false, "/in", "a.csv"), 0);
    assert_int_equal(batch_in_index(cp, false, "/in/sub", "b.csv"), 1);
    plan_batch(cp, 2, "/in/a.csv", 2); /* read again */
    assert_int_equal(batch_in_index(cp, false, "/in", "a.csv"), 2);
    assert_true(batch_in_index(cp, false, "/in", "c.csv") == PLI__INDEX_UNKNOWN);
    pli__checkpoint_close(cp);
}

static void test_index__is_made_anew_when_lost_or_damaged(void **state) {
    pli__checkpoint *cp = open_checkpoint(*state);
    const char *path = temp_path(*state, "cp/index.db");
    plan_batch(cp, 0, "/in/a.csv", 1);
    assert_int_equal(batch_in_index(cp, false, "/in", "a.csv"), 0);
    OK(pli__index_delete(cp, err));
    assert_int_equal(batch_in_index(cp, false, "/in", "a.csv"), 0);
    temp_write(*state, "cp/index.db",
               "this is no database at all, and long enough to be looked at as one ..............................");
    assert_int_equal(batch_in_index(cp, false, "/in", "a.csv"), 0);
    assert_int_equal(truncate(path, 5000), 0); /* page 2 and later are gone */
    assert_int_equal(batch_in_index(cp, false, "/in", "a.csv"), 0);
    pli__checkpoint_close(cp);
}

static void test_index__follows_a_checkpoint_that_went_back(void **state) {
    pli__checkpoint *cp = open_checkpoint(*state);
    plan_batch(cp, 0, "/in/a.csv", 1);
    plan_batch(cp, 1, "/in/b.csv", 1);
    assert_int_equal(batch_in_index(cp, false, "/in", "b.csv"), 1);
    pli__checkpoint_close(cp);
    assert_int_equal(unlink(temp_path(*state, "cp/offsets/1.json")), 0);
    assert_int_equal(unlink(temp_path(*state, "cp/commits/1.json")), 0);
    cp = open_checkpoint(*state);
    assert_true(batch_in_index(cp, false, "/in", "b.csv") == PLI__INDEX_UNKNOWN);
    plan_batch(cp, 1, "/in/c.csv", 1); /* another history of the same length */
    assert_int_equal(batch_in_index(cp, false, "/in", "c.csv"), 1);
    pli__checkpoint_close(cp);
}

static void test_index__looking_leaves_nothing_behind(void **state) {
    pli__checkpoint *cp = open_checkpoint(*state);
    plan_batch(cp, 0, "/in/a.csv", 1);
    assert_int_equal(batch_in_index(cp, true, "/in", "a.csv"), 0);
    assert_int_not_equal(access(temp_path(*state, "cp/index.db"), F_OK), 0);
    assert_int_equal(batch_in_index(cp, false, "/in", "a.csv"), 0);
    plan_batch(cp, 1, "/in/b.csv", 1);
    assert_int_equal(batch_in_index(cp, true, "/in", "b.csv"), 1); /* brought up, then dropped */
    pli__checkpoint_close(cp);
}

static void test_index__a_reader_does_not_disturb_a_writer(void **state) {
    pli__checkpoint *cp = open_checkpoint(*state);
    pli__index *writer = NULL, *reader = NULL;
    plan_batch(cp, 0, "/in/a.csv", 1);
    OK(pli__index_open_for(cp, false, &writer, err));
    OK(pli__index_begin(writer, err));
    OK(pli__index_set_i64(writer, "x", 1, err));
    OK(pli__index_open(temp_path(*state, "cp/index.db"), true, &reader, err));
    assert_int_equal(batch_of(reader, "/in", "a.csv"), 0);
    pli__index_close(reader);
    OK(pli__index_commit(writer, err));
    pli__index_close(writer);
    pli__checkpoint_close(cp);
}

static void test_index__a_queue_is_counted_and_bounded(void **state) {
    (void)state;
    pli__index *x = NULL;
    int64_t folder = 0;
    bool found = false, was_waiting = false;
    pli__index_folder f = {0};
    OK(pli__index_open(NULL, false, &x, err));
    OK(pli__index_folder_id(x, PLI_STR("/in"), &folder, err));
    OK(pli__index_folder_waiting(x, folder, 3, PLI_STR("m"), err));
    OK(pli__index_folder_waiting(x, folder, 1, PLI_STR("c"), err));
    OK(pli__index_folder_waiting(x, folder, 1, PLI_STR("x"), err));
    OK(pli__index_folder_get(x, PLI_STR("/in"), &found, &f, err));
    assert_int_equal(f.waiting, 5);
    assert_true(pli__str_eqz(f.first, "c"));
    OK(pli__index_folder_waiting(x, folder, -9, (pli__str){0}, err));
    OK(pli__index_folder_get(x, PLI_STR("/in"), &found, &f, err));
    assert_int_equal(f.waiting, 0);
    pli__index_file file = {.folder = folder,
                            .name = PLI_STR("q"),
                            .size = 1,
                            .mtime_ns = 2,
                            .batch = PLI__INDEX_WAITING,
                            .prev = PLI__INDEX_UNKNOWN};
    OK(pli__index_file_put(x, &file, err));
    file.batch = 4;
    OK(pli__index_file_take(x, &file, &was_waiting, err));
    assert_true(was_waiting);
    OK(pli__index_file_take(x, &file, &was_waiting, err));
    assert_false(was_waiting);
    pli__index_close(x);
}

/* ---- seen ---- */

static pli_status count_seen(void *arg, const pli__seen_file *file, pli_error *err) {
    (void)err;
    pli__buf *b = arg;
    pli__buf_addf(b, "%.*s:%lld:%lld ", PLI_STR_ARG(file->path), (long long)file->size, (long long)file->batch);
    return PLI_OK;
}

static void test_seen__cleaned_batches_stay_known(void **state) {
    pli__checkpoint *cp = open_checkpoint(*state);
    plan_batch(cp, 0, "/in/a.csv", 1);
    plan_batch(cp, 1, "/in/b \"\xC3\xA9\".csv", 2);
    plan_batch(cp, 2, "/in/c.csv", 3);
    OK(pli__seen_write_cleaned(cp, 0, 1, err));
    OK(pli__seen_write_cleaned(cp, 0, 1, err)); /* a repeat after a crash */
    json_t *set = json_pack("{s:i}", "cleaned_through", 1);
    OK(pli__checkpoint_update_metadata(cp, set, err));
    json_decref(set);
    pli__checkpoint_close(cp);
    for (int i = 0; i < 2; i++) {
        char name[40];
        snprintf(name, sizeof name, "cp/offsets/%d.json", i);
        assert_int_equal(unlink(temp_path(*state, name)), 0);
        snprintf(name, sizeof name, "cp/commits/%d.json", i);
        assert_int_equal(unlink(temp_path(*state, name)), 0);
    }
    cp = open_checkpoint(*state);
    pli__buf seen = {0};
    OK(pli__seen_read(cp, count_seen, &seen, err));
    assert_string_equal(seen.ptr, "/in/a.csv:1:0 /in/b \"\xC3\xA9\".csv:2:1 ");
    pli__buf_clear(&seen);
    assert_int_equal(batch_in_index(cp, false, "/in", "a.csv"), 0);
    assert_int_equal(batch_in_index(cp, false, "/in", "c.csv"), 2);
    pli__checkpoint_close(cp);
}

static void test_seen__a_hole_is_an_error(void **state) {
    pli__checkpoint *cp = open_checkpoint(*state);
    plan_batch(cp, 0, "/in/a.csv", 1);
    plan_batch(cp, 1, "/in/b.csv", 1);
    OK(pli__seen_write_cleaned(cp, 0, 0, err));
    json_t *set = json_pack("{s:i}", "cleaned_through", 0);
    OK(pli__checkpoint_update_metadata(cp, set, err));
    json_decref(set);
    assert_int_equal(unlink(temp_path(*state, "cp/offsets/0.json")), 0);
    assert_int_equal(unlink(temp_path(*state, "cp/commits/0.json")), 0);
    assert_int_equal(unlink(temp_path(*state, "cp/seen/cleaned-0-0.ndjson.zst")), 0);
    pli__checkpoint_close(cp);
    pli__index *x = NULL;
    pli_error err = {0};
    pli__checkpoint_options o = {.source_kind = "files", .relaxed = true};
    pli_status status = pli__checkpoint_open(temp_path(*state, "cp"), &o, &cp, &err);
    if (status == PLI_OK) status = pli__index_open_for(cp, false, &x, &err);
    assert_int_equal(status, PLI_E_CORRUPT);
    pli__index_close(x);
    pli__checkpoint_close(cp);
}

static void test_seen__a_damaged_record_is_an_error(void **state) {
    pli__checkpoint *cp = open_checkpoint(*state);
    json_t *set = json_pack("{s:{s:s,s:f}}", "start_offset", "mode", "latest", "timestamp", 1.5);
    OK(pli__checkpoint_update_metadata(cp, set, err));
    json_decref(set);
    pli__seen_writer *w = NULL;
    const pli__seen_file file = {PLI_STR("/in/a.csv"), 1, 2, -1};
    OK(pli__seen_begin_latest(cp, 1500000, &w, err));
    for (int i = 0; i < 1000; i++) OK(pli__seen_add(w, &file, err));
    OK(pli__seen_publish(w, err));
    pli__seen_writer_free(w);
    assert_int_equal(batch_in_index(cp, false, "/in", "a.csv"), PLI__INDEX_SEEN);
    const char *path = temp_path(*state, "cp/seen/latest-1500000.ndjson.zst");
    pli__file_info info = {0};
    OK(pli__fs_stat(path, &info, err));
    assert_int_equal(truncate(path, info.size - 5), 0);
    pli__buf seen = {0};
    assert_int_equal(pli__seen_read(cp, count_seen, &seen, NULL), PLI_E_CORRUPT);
    pli__buf_clear(&seen);
    pli__checkpoint_close(cp);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, temp_dir_setup, temp_dir_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_index__knows_what_the_offsets_name),         TEST(test_index__is_made_anew_when_lost_or_damaged),
        TEST(test_index__follows_a_checkpoint_that_went_back), TEST(test_index__looking_leaves_nothing_behind),
        TEST(test_index__a_reader_does_not_disturb_a_writer),  TEST(test_index__a_queue_is_counted_and_bounded),
        TEST(test_seen__cleaned_batches_stay_known),           TEST(test_seen__a_hole_is_an_error),
        TEST(test_seen__a_damaged_record_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
