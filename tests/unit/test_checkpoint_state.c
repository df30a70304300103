/* JobState: names, values alone, values of a batch, promotion across a crash. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/json.h"
#include "checkpoint/state.h"
#include "support/temp_dir.h"

static pli_error err;

static void put(pli_state *s, const char *name, const char *text) {
    assert_int_equal(pli_state_put(s, name, PLI_STATE_JSON, text, strlen(text), &err), PLI_OK);
}

static void assert_value(pli_state *s, const char *name, const char *text) {
    char *data = NULL;
    size_t len = 0;
    assert_int_equal(pli_state_get(s, name, PLI_STATE_JSON, &data, &len, &err), PLI_OK);
    if (!text) assert_null(data);
    else {
        assert_non_null(data);
        assert_string_equal(data, text);
        assert_int_equal(len, strlen(text));
    }
    free(data);
}

static pli__checkpoint *open_checkpoint(void **state, bool lock) {
    pli__checkpoint_options o = {.create = true, .take_lock = lock};
    pli__checkpoint *cp = NULL;
    assert_int_equal(pli__checkpoint_open(temp_path(*state, "cp"), &o, &cp, &err), PLI_OK);
    return cp;
}

static int join_name(void *arg, const char *name, pli_state_kind kind) {
    pli__buf_addf(arg, "%s%s ", name, kind == PLI_STATE_PARQUET ? "#" : "");
    return 0;
}

static void assert_names(pli_state *s, const char *names) {
    pli__buf b = {0};
    pli__buf_addz(&b, "");
    assert_int_equal(pli_state_list(s, join_name, &b, &err), PLI_OK);
    assert_string_equal(b.ptr ? b.ptr : "", names);
    pli__buf_clear(&b);
}

static void test_checkpoint_state__alone_it_writes_at_once(void **state) {
    pli_state *s = NULL;
    bool removed = false;
    assert_int_equal(pli_state_open(temp_path(*state, "st"), &s, &err), PLI_OK);
    assert_value(s, "a", NULL);
    put(s, "a", "{}");
    put(s, "sub/b", "[1]");
    assert_int_equal(pli_state_put(s, "a", PLI_STATE_PARQUET, "PAR1", 4, &err), PLI_OK);
    assert_value(s, "sub/b", "[1]");
    assert_string_equal(temp_read(*state, "st/sub/b.json"), "[1]");
    assert_names(s, "a a# sub/b ");
    assert_int_equal(pli_state_delete(s, "a", PLI_STATE_JSON, &removed, &err), PLI_OK);
    assert_true(removed);
    assert_int_equal(pli_state_delete(s, "a", PLI_STATE_JSON, &removed, &err), PLI_OK);
    assert_false(removed);
    assert_names(s, "a# sub/b ");
    pli_state_close(s);
}

static void test_checkpoint_state__names_stay_below_the_root(void **state) {
    pli_state *s = NULL;
    assert_int_equal(pli_state_open(temp_path(*state, "st"), &s, &err), PLI_OK);
    static const char *const bad[] = {"", "/a", "..", "a/../../b", "a//b", "a/", "./a", "a/..", "\xff"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(pli_state_put(s, bad[i], PLI_STATE_JSON, "1", 1, &err), PLI_E_ARGUMENT);
    static const char *const good[] = {"a", "a.b", "..a", "a/b/c", "ä", "with blank"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_int_equal(pli_state_put(s, good[i], PLI_STATE_JSON, "1", 1, &err), PLI_OK);
    pli_state_close(s);
}

static void commit_with(pli__checkpoint *cp, pli_state *s, int64_t n) {
    json_t *list = NULL, *empty = json_object(), *stored = NULL;
    bool won;
    char sha[65];
    assert_int_equal(pli__state_describe(s, &list, &err), PLI_OK);
    assert_int_equal(pli__checkpoint_write_offset(cp, n, empty, &won, &stored, sha, &err), PLI_OK);
    json_t *body = json_pack("{s:o*}", "state", list);
    assert_int_equal(pli__checkpoint_write_commit(cp, n, body, &won, &err), PLI_OK);
    json_decref(body);
    json_decref(empty);
    json_decref(stored);
}

static void promote(pli__checkpoint *cp, int64_t n) {
    json_t *commit = NULL;
    assert_int_equal(pli__checkpoint_read_commit(cp, n, &commit, &err), PLI_OK);
    assert_int_equal(pli__state_promote(cp, commit, &err), PLI_OK);
    json_decref(commit);
}

static void test_checkpoint_state__a_batch_reads_its_own_writes_and_others_do_not(void **state) {
    pli__checkpoint *cp = open_checkpoint(state, true);
    temp_write(*state, "cp/state/old.json", "1");
    temp_write(*state, "cp/state/gone.json", "2");
    pli_state *s = NULL, *outside = NULL;
    assert_int_equal(pli__state_begin(cp, 0, "att", &s, &err), PLI_OK);
    put(s, "old", "10");
    put(s, "old", "11");
    put(s, "new/deep", "12");
    assert_int_equal(pli_state_delete(s, "gone", PLI_STATE_JSON, NULL, &err), PLI_OK);
    assert_value(s, "old", "11");
    assert_value(s, "gone", NULL);
    assert_names(s, "new/deep old ");
    assert_int_equal(pli_state_open_checkpoint(temp_path(*state, "cp"), true, &outside, &err), PLI_OK);
    assert_value(outside, "old", "1");
    assert_value(outside, "gone", "2");
    assert_names(outside, "gone old ");
    pli_state_close(outside);

    commit_with(cp, s, 0); /* a kill here: current, not promoted */
    pli_state_close(s);
    assert_string_equal(temp_read(*state, "cp/state/old.json"), "1");
    assert_int_equal(pli_state_open_checkpoint(temp_path(*state, "cp"), true, &outside, &err), PLI_OK);
    assert_value(outside, "old", "11");
    assert_value(outside, "gone", NULL);
    assert_names(outside, "new/deep old ");
    assert_int_equal(pli_state_put(outside, "x", PLI_STATE_JSON, "1", 1, &err), PLI_E_STATE);
    pli_state_close(outside);

    promote(cp, 0);
    assert_string_equal(temp_read(*state, "cp/state/old.json"), "11");
    assert_string_equal(temp_read(*state, "cp/state/new/deep.json"), "12");
    assert_null(temp_read(*state, "cp/state/gone.json"));
    assert_int_equal(temp_count(*state, "cp/staging"), 0);
    temp_write(*state, "cp/state/old.json", "99");
    promote(cp, 0); /* again: nothing is staged, nothing changes */
    assert_string_equal(temp_read(*state, "cp/state/old.json"), "99");
    pli__checkpoint_close(cp);
}

static void test_checkpoint_state__writing_outside_of_runs_finishes_the_promotion_first(void **state) {
    pli__checkpoint *cp = open_checkpoint(state, true);
    pli_state *s = NULL;
    assert_int_equal(pli__state_begin(cp, 0, "att", &s, &err), PLI_OK);
    put(s, "k", "1");
    commit_with(cp, s, 0);
    pli_state_close(s);
    assert_int_equal(pli_state_open_checkpoint(temp_path(*state, "cp"), false, &s, &err), PLI_E_LOCKED);
    pli__checkpoint_close(cp);
    assert_int_equal(pli_state_open_checkpoint(temp_path(*state, "cp"), false, &s, &err), PLI_OK);
    put(s, "k", "2");
    pli_state_close(s);
    cp = open_checkpoint(state, true);
    promote(cp, 0);
    assert_string_equal(temp_read(*state, "cp/state/k.json"), "2");
    pli__checkpoint_close(cp);
}

static void test_checkpoint_state__a_finished_file_can_be_taken_over(void **state) {
    pli__checkpoint *cp = open_checkpoint(state, true);
    pli_state *s = NULL;
    char *path = NULL;
    assert_int_equal(pli__state_begin(cp, 0, "att", &s, &err), PLI_OK);
    temp_write(*state, "made.parquet", "PAR1");
    assert_int_equal(pli_state_adopt(s, "t", PLI_STATE_PARQUET, temp_path(*state, "made.parquet"), &err), PLI_OK);
    assert_int_equal(pli_state_path(s, "t", PLI_STATE_PARQUET, &path, &err), PLI_OK);
    assert_int_equal(access(path, R_OK), 0);
    free(path);
    commit_with(cp, s, 0);
    pli_state_close(s);
    promote(cp, 0);
    assert_string_equal(temp_read(*state, "cp/state/t.parquet"), "PAR1");
    pli__checkpoint_close(cp);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, temp_dir_setup, temp_dir_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_checkpoint_state__alone_it_writes_at_once),
        TEST(test_checkpoint_state__names_stay_below_the_root),
        TEST(test_checkpoint_state__a_batch_reads_its_own_writes_and_others_do_not),
        TEST(test_checkpoint_state__writing_outside_of_runs_finishes_the_promotion_first),
        TEST(test_checkpoint_state__a_finished_file_can_be_taken_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
