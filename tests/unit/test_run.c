/* Runs: every input once whatever happens between two steps, and a name for every sink that does not fit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/json.h"
#include "run/run_impl.h"
#include "source/source_memory.h"
#include "support/fault_points.h"
#include "support/run_fixture.h"
#include "support/temp_dir.h"

static pli_error err;

static void run_all(run_fixture *f) {
    if (run_fixture_run(f, NULL, -1, &err) != PLI_OK) fail_msg("%s", err.message);
}

/* A run of its own over the same folders, as a new process would make it. */
static pli_status fresh_run(void **state, int files, int steps, bool no_lock) {
    run_fixture f;
    run_fixture_open(&f, temp_dir(*state), files);
    pli_run_options o = {.size = sizeof o, .no_lock = no_lock};
    pli_status status = run_fixture_run(&f, &o, steps, &err);
    run_fixture_close(&f);
    return status;
}

static void expect_rows(void **state, int files) {
    run_fixture f;
    run_fixture_open(&f, temp_dir(*state), 0);
    run_fixture_expect(&f, files);
    run_fixture_close(&f);
}

/* ---- the table of states ---- */

static void test_run__states_change_only_along_the_table(void **state) {
    (void)state;
    int edges = 0;
    for (int a = 0; a < PLI__RUN_STATES; a++)
        for (int b = 0; b < PLI__RUN_STATES; b++)
            edges += pli__run_transition_is_valid((pli__run_state)a, (pli__run_state)b);
    assert_int_equal(edges, 3 + 3 + 5 + 2 + 2 + 2 + 2 + 2 + 2 + PLI__RUN_STATES);
    assert_true(pli__run_transition_is_valid(PLI__RUN_STAGED, PLI__RUN_PUBLISHED));
    assert_false(
        pli__run_transition_is_valid(PLI__RUN_PREPARED, PLI__RUN_PUBLISHED)); /* never published before it is staged */
    assert_false(
        pli__run_transition_is_valid(PLI__RUN_STAGED, PLI__RUN_COMMITTED)); /* never committed before it is published */
    assert_false(pli__run_transition_is_valid(PLI__RUN_DONE, PLI__RUN_OPENED));
    pli_run run = {.state = PLI__RUN_PLANNED};
    assert_int_equal(pli__run_move(&run, PLI__RUN_STAGED, &err), PLI_E_INTERNAL);
    assert_int_equal(run.state, PLI__RUN_PLANNED);
}

/* ---- the sink against the checkpoint ---- */

static pli__sink_verdict judge(const char *write, int64_t pending, const char *sha, pli__sink_state sink) {
    json_t *last = write ? json_loads(write, 0, NULL) : NULL;
    pli__sink_expectation e = {.app_id = "A", .last_write = last, .pending = pending, .pending_sha256 = sha};
    char why[400];
    pli__sink_verdict v = pli__sink_judge(&e, &sink, why);
    json_decref(last);
    return v;
}

static void test_run__the_sink_is_judged_by_id_version_txn_and_digest(void **state) {
    (void)state;
    static const char *const five =
        "{\"batch_id\": 5, \"sinks\": [{\"tableId\": \"T\", \"version\": 9, \"txnAppId\": \"A\"}]}";
    static const char *const old_life =
        "{\"batch_id\": 5, \"sinks\": [{\"tableId\": \"T\", \"version\": 9, \"txnAppId\": \"B\"}]}";
    pli__sink_state none = {.version = -1, .commit_version = -1};
    pli__sink_state at5 = {
        .exists = true, .id = "T", .version = 9, .has_txn = true, .txn_version = 5, .commit_version = 9};
    pli__sink_state at6 = {.exists = true,
                           .id = "T",
                           .version = 10,
                           .has_txn = true,
                           .txn_version = 6,
                           .commit_version = 10,
                           .attempt = "x",
                           .offset_sha256 = "S"};
    assert_int_equal(judge(NULL, -1, NULL, none), PLI__SINK_AGREES);
    assert_int_equal(judge(NULL, 0, "S", none), PLI__SINK_AGREES);
    assert_int_equal(judge(five, -1, NULL, at5), PLI__SINK_AGREES);
    assert_int_equal(judge(five, 6, "S", at5), PLI__SINK_AGREES);
    assert_int_equal(judge(five, 6, "S", at6), PLI__SINK_REPEATS);
    assert_int_equal(judge(five, 6, "other", at6), PLI__SINK_IS_AHEAD);
    assert_int_equal(judge(five, -1, NULL, at6), PLI__SINK_IS_AHEAD);
    assert_int_equal(judge(five, 7, "S", at6), PLI__SINK_IS_AHEAD);
    pli__sink_state gone = at6;
    gone.commit_version = -1; /* the entry is no longer in the log */
    assert_int_equal(judge(five, 6, "S", gone), PLI__SINK_IS_AHEAD);
    assert_int_equal(judge(five, -1, NULL, none), PLI__SINK_IS_BEHIND);
    pli__sink_state other = at5, lower = at5, forgotten = at5, older = at5;
    snprintf(other.id, sizeof other.id, "U");
    assert_int_equal(judge(five, -1, NULL, other), PLI__SINK_IS_BEHIND);
    lower.version = 8;
    assert_int_equal(judge(five, -1, NULL, lower), PLI__SINK_IS_BEHIND);
    forgotten.has_txn = false;
    assert_int_equal(judge(five, -1, NULL, forgotten), PLI__SINK_IS_BEHIND);
    older.txn_version = 4;
    assert_int_equal(judge(five, -1, NULL, older), PLI__SINK_IS_BEHIND);
    assert_int_equal(judge(old_life, -1, NULL, forgotten),
                     PLI__SINK_AGREES); /* truncated: a new app id knows nothing */
    assert_int_equal(judge(old_life, -1, NULL, lower), PLI__SINK_IS_BEHIND);
}

/* ---- ordinary runs ---- */

static void test_run__every_file_is_written_once_and_the_next_run_is_idle(void **state) {
    run_fixture f;
    run_fixture_open(&f, temp_dir(*state), 5);
    run_all(&f);
    run_fixture_expect(&f, 5);
    assert_int_equal(pli__source_memory_commits(f.source), 5);
    run_all(&f);
    run_fixture_add(&f, "f5");
    run_all(&f);
    run_fixture_expect(&f, 6);
    assert_int_equal(journal_sink_versions(f.sink), 6);
    assert_int_equal(temp_count(*state, "cp/staging"), 0);
    run_fixture_close(&f);
}

static void test_run__limits_of_batches_and_triggers_end_it(void **state) {
    run_fixture f;
    run_fixture_open(&f, temp_dir(*state), 6);
    pli_run_options once = {.size = sizeof once, .trigger = PLI_TRIGGER_ONCE},
                    two = {.size = sizeof two, .max_batches = 2};
    assert_int_equal(run_fixture_run(&f, &once, -1, &err), PLI_OK);
    run_fixture_expect(&f, 1);
    assert_int_equal(run_fixture_run(&f, &two, -1, &err), PLI_OK);
    run_fixture_expect(&f, 3);
    run_fixture_close(&f);
}

static void add_after_first_batch(run_fixture *f, pli_trigger trigger) {
    pli_run_options o = {.size = sizeof o, .trigger = trigger};
    pli_run *run = NULL;
    pli_step step = {.size = sizeof step};
    assert_int_equal(pli_run_new(f->job, &o, &run, &err), PLI_OK);
    while (step.kind != PLI_STEP_TIDIED) assert_int_equal(pli_run_next(run, &step, &err), PLI_OK);
    run_fixture_add(f, "f2");
    while (step.kind != PLI_STEP_DONE) assert_int_equal(pli_run_next(run, &step, &err), PLI_OK);
    pli_run_free(run);
}

static void test_run__available_now_takes_what_was_there_at_the_start(void **state) {
    run_fixture f;
    run_fixture_open(&f, temp_dir(*state), 2);
    add_after_first_batch(&f, PLI_TRIGGER_AVAILABLE_NOW);
    run_fixture_expect(&f, 2);
    run_fixture_close(&f);
}

static void test_run__a_drain_takes_what_arrives_meanwhile(void **state) {
    run_fixture f;
    run_fixture_open(&f, temp_dir(*state), 2);
    add_after_first_batch(&f, PLI_TRIGGER_DRAIN);
    run_fixture_expect(&f, 3);
    run_fixture_close(&f);
}

static void test_run__steps_tell_what_was_done(void **state) {
    static const pli_step_kind kinds[] = {PLI_STEP_PLANNED,   PLI_STEP_PREPARED, PLI_STEP_STAGED, PLI_STEP_PUBLISHED,
                                          PLI_STEP_COMMITTED, PLI_STEP_TIDIED,   PLI_STEP_DONE};
    run_fixture f;
    run_fixture_open(&f, temp_dir(*state), 1);
    pli_run *run = NULL;
    pli_step step = {.size = sizeof step};
    pli_progress progress = {.size = sizeof progress};
    assert_int_equal(pli_run_new(f.job, NULL, &run, &err), PLI_OK);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        assert_int_equal(pli_run_next(run, &step, &err), PLI_OK);
        assert_int_equal(step.kind, kinds[i]);
        if (step.kind == PLI_STEP_DONE) break;
        assert_int_equal(step.batch_id, 0);
        assert_int_equal(step.files, 1);
        assert_non_null(strstr(step.offset, "\"f0\""));
        if (step.kind >= PLI_STEP_PREPARED) assert_int_equal(step.rows, 2);
        if (step.kind >= PLI_STEP_PUBLISHED) assert_int_equal(step.version, 0);
        if (step.kind >= PLI_STEP_COMMITTED) assert_non_null(strstr(step.result, "\"sinks\":[{"));
        pli_run_progress(run, &progress);
        assert_int_equal(progress.batch_id, 0);
    }
    pli_run_progress(run, &progress);
    assert_int_equal(progress.batches, 1);
    assert_int_equal(progress.total_rows, 2);
    assert_int_equal(pli_run_next(run, &step, &err), PLI_OK);
    assert_int_equal(step.kind, PLI_STEP_DONE);
    pli_run_free(run);
    run_fixture_close(&f);
}

/* ---- crashes ---- */

static void test_run__dropped_after_any_step_it_goes_on_without_loss_or_doubles(void **state) {
    (void)state;
    for (int steps = 0; steps <= 20; steps++)
        for (int again = 0; again <= 8; again++) {
            void *sub = NULL;
            temp_dir_setup(&sub);
            assert_int_equal(fresh_run(&sub, 3, steps, false), PLI_OK);
            assert_int_equal(fresh_run(&sub, 3, again, false), PLI_OK);
            assert_int_equal(fresh_run(&sub, 3, -1, false), PLI_OK);
            expect_rows(&sub, 3);
            temp_dir_teardown(&sub);
        }
}

static void test_run__a_published_batch_is_recognised_and_not_run_again(void **state) {
    run_fixture f;
    run_fixture_open(&f, temp_dir(*state), 1);
    assert_int_equal(run_fixture_run(&f, NULL, 4, &err), PLI_OK); /* planned, prepared, staged, published */
    assert_null(temp_read(*state, "cp/commits/0.json"));
    pli_run *run = NULL;
    pli_step step = {.size = sizeof step};
    assert_int_equal(pli_run_new(f.job, NULL, &run, &err), PLI_OK);
    assert_int_equal(pli_run_next(run, &step, &err), PLI_OK);
    assert_int_equal(step.kind, PLI_STEP_PLANNED);
    assert_true(step.repeat);
    assert_int_equal(pli_run_next(run, &step, &err), PLI_OK);
    assert_int_equal(step.kind, PLI_STEP_PUBLISHED);
    assert_int_equal(step.rows, 2);
    pli_run_free(run);
    run_all(&f);
    run_fixture_expect(&f, 1);
    assert_int_equal(journal_sink_versions(f.sink), 1);
    assert_non_null(strstr(temp_read(*state, "cp/commits/0.json"), "\"addedFiles\""));
    run_fixture_close(&f);
}

/* ---- two runners, no lock ---- */

typedef struct runner {
    run_fixture f;
    pli_run *run;
    bool over;
} runner;

static void runner_open(runner *r, void **state, int files) {
    run_fixture_open(&r->f, temp_dir(*state), files);
    pli_run_options o = {.size = sizeof o, .no_lock = true};
    assert_int_equal(pli_run_new(r->f.job, &o, &r->run, &err), PLI_OK);
    r->over = false;
}

static void runner_step(runner *r) {
    pli_step step = {.size = sizeof step};
    if (r->over) return;
    pli_status status = pli_run_next(r->run, &step, &err);
    if (status != PLI_OK && status != PLI_E_LOCKED) fail_msg("%s: %s", pli_status_name(status), err.message);
    r->over = status != PLI_OK || step.kind == PLI_STEP_DONE;
}

static void runner_close(runner *r) {
    pli_run_free(r->run);
    run_fixture_close(&r->f);
}

static void test_run__two_runners_without_a_lock_write_every_file_once(void **state) {
    (void)state;
    for (unsigned seed = 1; seed <= 150; seed++) {
        void *sub = NULL;
        temp_dir_setup(&sub);
        runner a, b;
        runner_open(&a, &sub, 3);
        runner_open(&b, &sub, 3);
        unsigned random = seed;
        while (!a.over || !b.over) {
            random = random * 1103515245u + 12345u;
            runner_step((random >> 16) & 1 ? &a : &b);
        }
        runner_close(&a);
        runner_close(&b);
        assert_int_equal(fresh_run(&sub, 3, -1, false), PLI_OK);
        expect_rows(&sub, 3);
        temp_dir_teardown(&sub);
    }
}

static void test_run__a_slow_runner_finds_its_batch_finished(void **state) {
    for (int steps = 1; steps <= 4; steps++) {
        void *sub = NULL;
        temp_dir_setup(&sub);
        runner slow;
        runner_open(&slow, &sub, 2);
        for (int i = 0; i < steps; i++) runner_step(&slow);
        assert_int_equal(fresh_run(&sub, 2, -1, true), PLI_OK);
        while (!slow.over) runner_step(&slow);
        runner_close(&slow);
        expect_rows(&sub, 2);
        temp_dir_teardown(&sub);
    }
    (void)state;
}

/* ---- checkpoints and sinks that were copied, restored, dropped ---- */

static void shell(void **state, const char *command) {
    char text[1000];
    snprintf(text, sizeof text, "cd '%s' && %s", temp_dir(*state), command);
    assert_int_equal(system(text), 0);
}

static void test_run__a_copied_checkpoint_that_runs_on_its_own_is_stopped(void **state) {
    assert_int_equal(fresh_run(state, 2, -1, false), PLI_OK);
    shell(state, "cp -r cp copy");
    assert_int_equal(fresh_run(state, 3, -1, false), PLI_OK);
    shell(state, "mv cp original && mv copy cp");
    assert_int_equal(fresh_run(state, 4, -1, false), PLI_E_SINK_AHEAD);
    shell(state, "mv cp copy && mv original cp");
    assert_int_equal(fresh_run(state, 4, -1, false), PLI_OK);
    expect_rows(state, 4);
}

static void test_run__a_copy_with_a_pending_batch_is_stopped_too(void **state) {
    assert_int_equal(fresh_run(state, 1, 1, false), PLI_OK); /* planned only */
    shell(state, "cp -r cp copy");
    assert_int_equal(fresh_run(state, 1, -1, false), PLI_OK);
    shell(state, "mv cp original && mv copy cp");
    assert_int_equal(fresh_run(state, 1, -1, false), PLI_E_SINK_AHEAD);
    expect_rows(state, 1);
}

static void test_run__a_restored_older_checkpoint_is_stopped(void **state) {
    assert_int_equal(fresh_run(state, 2, -1, false), PLI_OK);
    shell(state, "cp -r cp old");
    assert_int_equal(fresh_run(state, 5, -1, false), PLI_OK);
    shell(state, "rm -r cp && mv old cp");
    assert_int_equal(fresh_run(state, 5, -1, false), PLI_E_SINK_AHEAD);
    expect_rows(state, 5);
}

static void test_run__a_dropped_replaced_or_restored_sink_is_named(void **state) {
    assert_int_equal(fresh_run(state, 2, -1, false), PLI_OK);
    shell(state, "cp -r sink old");
    assert_int_equal(fresh_run(state, 4, -1, false), PLI_OK);
    shell(state, "mv sink new && cp -r old sink");
    assert_int_equal(fresh_run(state, 5, -1, false), PLI_E_SINK_BEHIND);
    shell(state, "rm -r sink");
    assert_int_equal(fresh_run(state, 5, -1, false), PLI_E_SINK_BEHIND);
    shell(state, "cp -r new sink && sed -i 's/\"tableId\": *\"[^\"]*\"/\"tableId\": \"other\"/' sink/*.json");
    assert_int_equal(fresh_run(state, 5, -1, false), PLI_E_SINK_BEHIND);
    shell(state, "rm -r sink && mv new sink");
    assert_int_equal(fresh_run(state, 5, -1, false), PLI_OK);
    expect_rows(state, 5);
}

static void test_run__torn_records_stop_it_and_are_named(void **state) {
    assert_int_equal(fresh_run(state, 2, -1, false), PLI_OK);
    shell(state, "cp -r cp good");
    static const char *const records[] = {"offsets/0.json", "offsets/1.json", "commits/1.json", "metadata.json"};
    for (size_t i = 0; i < sizeof records / sizeof *records; i++) {
        char command[200];
        snprintf(command, sizeof command, "rm -r cp && cp -r good cp && truncate -s 20 cp/%s", records[i]);
        shell(state, command);
        assert_int_equal(fresh_run(state, 3, -1, false), PLI_E_CORRUPT);
        assert_non_null(strstr(err.message, records[i]));
    }
    shell(
        state,
        "rm -r cp && cp -r good cp && mv cp/offsets/0.json t && mv cp/offsets/1.json cp/offsets/0.json && mv t cp/offsets/1.json");
    assert_int_equal(fresh_run(state, 3, -1, false), PLI_E_CORRUPT);
    shell(state, "rm -r cp && cp -r good cp");
    assert_int_equal(fresh_run(state, 3, -1, false), PLI_OK);
    expect_rows(state, 3);
}

static void test_run__a_torn_staged_result_of_a_published_batch_is_named(void **state) {
    assert_int_equal(fresh_run(state, 1, 4, false), PLI_OK);
    shell(state, "truncate -s 10 cp/staging/*.json");
    assert_int_equal(fresh_run(state, 1, -1, false), PLI_E_CORRUPT);
    assert_non_null(strstr(err.message, "staging/0."));
}

static void test_run__a_clock_that_goes_back_changes_nothing(void **state) {
    run_fixture f;
    run_fixture_open(&f, temp_dir(*state), 2);
    run_all(&f);
    f.now_us -= INT64_C(86400000000) * 400;
    run_fixture_add(&f, "f2");
    run_all(&f);
    run_fixture_expect(&f, 3);
    run_fixture_close(&f);
}

/* ---- failures and retries ---- */

static void test_run__a_changed_file_fails_the_attempt_and_is_retriable(void **state) {
    run_fixture f;
    run_fixture_open(&f, temp_dir(*state), 1);
    pli_run *run = NULL;
    pli_step step = {.size = sizeof step};
    assert_int_equal(pli_run_new(f.job, NULL, &run, &err), PLI_OK);
    for (int i = 0; i < 3; i++) assert_int_equal(pli_run_next(run, &step, &err), PLI_OK); /* staged */
    pli__source_memory_touch(f.source, "f0");
    assert_int_equal(pli_run_next(run, &step, &err), PLI_E_FILE_CHANGED);
    assert_true(err.flags & PLI_ERR_RETRIABLE);
    assert_int_equal(journal_sink_versions(f.sink), 0);
    assert_non_null(strstr(temp_read(*state, "cp/last_error.json"), "FILE_CHANGED"));
    assert_int_equal(temp_count(*state, "sink"), 0); /* what was prepared is gone */
    pli_run_free(run);
    run_fixture_close(&f);
    assert_int_equal(fresh_run(state, 1, -1, false), PLI_OK); /* as planned again */
    expect_rows(state, 1);
    assert_null(temp_read(*state, "cp/last_error.json"));
}

static void test_run__continuous_runs_retry_with_backoff_and_give_up(void **state) {
    run_fixture f;
    run_fixture_open(&f, temp_dir(*state), 1);
    pli_run_options o = {.size = sizeof o, .trigger = PLI_TRIGGER_CONTINUOUS, .max_retries = 2};
    pli_run *run = NULL;
    pli_step step = {.size = sizeof step};
    assert_int_equal(pli_run_new(f.job, &o, &run, &err), PLI_OK);
    assert_int_equal(pli_run_next(run, &step, &err), PLI_OK);
    pli__source_memory_touch(f.source, "f0");
    for (int k = 1; k <= 2; k++) {
        while (pli_run_next(run, &step, &err) == PLI_OK && step.kind != PLI_STEP_RETRY) continue;
        assert_int_equal(step.kind, PLI_STEP_RETRY);
        assert_int_equal(step.error.code, PLI_E_FILE_CHANGED);
        assert_int_equal(step.batch_id, 0);
        assert_in_range(step.wait_us, k * 900000, k * 1000000);
    }
    pli_status status;
    while ((status = pli_run_next(run, &step, &err)) == PLI_OK) continue;
    assert_int_equal(status, PLI_E_FILE_CHANGED);
    pli_run_free(run);
    run_fixture_close(&f);
}

static void test_run__idle_polls_wait_and_end(void **state) {
    run_fixture f;
    run_fixture_open(&f, temp_dir(*state), 1);
    pli_run_options o = {.size = sizeof o, .trigger = PLI_TRIGGER_INTERVAL, .interval_us = 20000, .until_idle = 3};
    pli_run *run = NULL;
    pli_step step = {.size = sizeof step};
    int idle = 0;
    int64_t start = pli__monotonic_us();
    assert_int_equal(pli_run_new(f.job, &o, &run, &err), PLI_OK);
    while (step.kind != PLI_STEP_DONE) {
        assert_int_equal(pli_run_next(run, &step, &err), PLI_OK);
        if (step.kind != PLI_STEP_IDLE) continue;
        idle++;
        assert_in_range(step.wait_us, 0, 20000);
        for (bool over = false; !over;) assert_int_equal(pli_run_wait(run, 7000, &over, &err), PLI_OK);
    }
    assert_int_equal(idle, 2); /* the third ends it */
    assert_true(pli__monotonic_us() - start >= 40000);
    pli_run_free(run);
    run_fixture_expect(&f, 1);
    run_fixture_close(&f);
}

static void test_run__a_cancel_finishes_the_batch_at_hand(void **state) {
    run_fixture f;
    run_fixture_open(&f, temp_dir(*state), 3);
    pli_run *run = NULL;
    pli_step step = {.size = sizeof step};
    assert_int_equal(pli_run_new(f.job, NULL, &run, &err), PLI_OK);
    assert_int_equal(pli_run_next(run, &step, &err), PLI_OK);
    pli_env_cancel(f.env, false);
    pli_status status;
    while ((status = pli_run_next(run, &step, &err)) == PLI_OK) continue;
    assert_int_equal(status, PLI_E_CANCELLED);
    pli_run_free(run);
    run_fixture_expect(&f, 1);
    pli_env_resume(f.env);
    assert_int_equal(pli_run_new(f.job, NULL, &run, &err), PLI_OK);
    assert_int_equal(pli_run_next(run, &step, &err), PLI_OK);
    pli_env_cancel(f.env, true); /* at once */
    assert_int_equal(pli_run_next(run, &step, &err), PLI_E_CANCELLED);
    pli_run_free(run);
    pli_env_resume(f.env);
    run_all(&f);
    run_fixture_expect(&f, 3);
    run_fixture_close(&f);
}

static void test_run__options_that_make_no_sense_are_refused(void **state) {
    run_fixture f;
    run_fixture_open(&f, temp_dir(*state), 0);
    pli_run *run = NULL;
    pli_run_options none = {0}, interval = {.size = sizeof interval, .trigger = PLI_TRIGGER_INTERVAL},
                    negative = {.size = sizeof negative, .max_batches = -1};
    assert_int_equal(pli_run_new(f.job, &none, &run, &err), PLI_E_ARGUMENT);
    assert_int_equal(pli_run_new(f.job, &interval, &run, &err), PLI_E_ARGUMENT);
    assert_int_equal(pli_run_new(f.job, &negative, &run, &err), PLI_E_ARGUMENT);
    assert_null(run);
    run_fixture_close(&f);
}

/* ---- callback jobs ---- */

/* Steps until the caller's turn; false when the run is over. */
static bool until_execute(pli_run *run, pli_step *step) {
    do {
        if (pli_run_next(run, step, &err) != PLI_OK) fail_msg("%s", err.message);
    } while (step->kind != PLI_STEP_EXECUTE && step->kind != PLI_STEP_DONE);
    return step->kind == PLI_STEP_EXECUTE;
}

static void test_run__a_callback_job_hands_out_work_and_keeps_what_is_reported(void **state) {
    run_fixture f;
    run_fixture_open_callbacks(&f, temp_dir(*state), 2);
    pli_run *run = NULL;
    pli_step step = {.size = sizeof step};
    pli_outcome outcome = {.size = sizeof outcome,
                           .rows = 3,
                           .metadata = "{\"rows\": 3}",
                           .sinks = "[{\"path\": \"x\"}]",
                           .schema = "[{\"name\": \"a\", \"dtype\": \"Int64\"}]"};
    assert_int_equal(pli_run_new(f.job, NULL, &run, &err), PLI_OK);
    assert_int_equal(pli_run_report(run, &outcome, &err), PLI_E_STATE); /* nothing to report yet */
    assert_null(pli_run_state(run));
    for (int i = 0; until_execute(run, &step); i++) {
        assert_int_equal(step.batch_id, i);
        assert_int_equal(strlen(pli_run_attempt(run)), 36);
        assert_int_equal(strlen(pli_run_offset_sha256(run)), 64);
        assert_string_equal(pli_run_app_id(run), pli__checkpoint_id(run->cp));
        assert_int_equal(pli_run_next(run, &step, &err), PLI_E_STATE); /* it is the caller's turn */
        assert_int_equal(pli_run_report(run, &outcome, &err), PLI_OK);
        assert_int_equal(pli_run_report(run, &outcome, &err), PLI_E_STATE);
    }
    assert_int_equal(pli_run_batches(run), 2);
    pli_run_free(run);
    assert_non_null(strstr(temp_read(*state, "cp/commits/1.json"), "\"metadata\":{\"rows\":3}"));
    assert_non_null(strstr(temp_read(*state, "cp/commits/1.json"), "\"sinks\":[{\"path\":\"x\"}]"));
    assert_non_null(strstr(temp_read(*state, "cp/metadata.json"), "Int64"));
    run_fixture_close(&f);
}

static void test_run__a_failed_callback_leaves_no_state_and_the_batch_comes_again(void **state) {
    run_fixture f;
    run_fixture_open_callbacks(&f, temp_dir(*state), 1);
    pli_outcome bad = {.size = sizeof bad, .failed = true}, good = {.size = sizeof good, .rows = -1};
    pli_step step = {.size = sizeof step};
    for (int round = 0; round < 2; round++) {
        pli_run *run = NULL;
        bool there = true;
        assert_int_equal(pli_run_new(f.job, NULL, &run, &err), PLI_OK);
        assert_true(until_execute(run, &step));
        assert_int_equal(step.batch_id, 0);
        assert_int_equal(pli_state_exists(pli_run_state(run), "k", PLI_STATE_JSON, &there, &err), PLI_OK);
        assert_false(there);
        assert_int_equal(pli_state_put(pli_run_state(run), "k", PLI_STATE_JSON, "1", 1, &err), PLI_OK);
        assert_int_equal(pli_run_report(run, round ? &good : &bad, &err), PLI_OK);
        if (round == 0) assert_int_equal(pli_run_next(run, &step, &err), PLI_E_STATE);
        else assert_false(until_execute(run, &step));
        pli_run_free(run);
        assert_int_equal(temp_count(*state, "cp/staging"), 0);
    }
    assert_string_equal(temp_read(*state, "cp/state/k.json"), "1");
    run_fixture_close(&f);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, temp_dir_setup, temp_dir_teardown)

int main(void) {
    fault_use_memory();
    const struct CMUnitTest tests[] = {
        TEST(test_run__states_change_only_along_the_table),
        TEST(test_run__the_sink_is_judged_by_id_version_txn_and_digest),
        TEST(test_run__every_file_is_written_once_and_the_next_run_is_idle),
        TEST(test_run__limits_of_batches_and_triggers_end_it),
        TEST(test_run__available_now_takes_what_was_there_at_the_start),
        TEST(test_run__a_drain_takes_what_arrives_meanwhile),
        TEST(test_run__steps_tell_what_was_done),
        TEST(test_run__dropped_after_any_step_it_goes_on_without_loss_or_doubles),
        TEST(test_run__a_published_batch_is_recognised_and_not_run_again),
        TEST(test_run__two_runners_without_a_lock_write_every_file_once),
        TEST(test_run__a_slow_runner_finds_its_batch_finished),
        TEST(test_run__a_copied_checkpoint_that_runs_on_its_own_is_stopped),
        TEST(test_run__a_copy_with_a_pending_batch_is_stopped_too),
        TEST(test_run__a_restored_older_checkpoint_is_stopped),
        TEST(test_run__a_dropped_replaced_or_restored_sink_is_named),
        TEST(test_run__torn_records_stop_it_and_are_named),
        TEST(test_run__a_torn_staged_result_of_a_published_batch_is_named),
        TEST(test_run__a_clock_that_goes_back_changes_nothing),
        TEST(test_run__a_changed_file_fails_the_attempt_and_is_retriable),
        TEST(test_run__continuous_runs_retry_with_backoff_and_give_up),
        TEST(test_run__idle_polls_wait_and_end),
        TEST(test_run__a_cancel_finishes_the_batch_at_hand),
        TEST(test_run__a_callback_job_hands_out_work_and_keeps_what_is_reported),
        TEST(test_run__a_failed_callback_leaves_no_state_and_the_batch_comes_again),
        TEST(test_run__options_that_make_no_sense_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
