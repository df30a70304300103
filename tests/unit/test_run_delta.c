/* Real jobs, CSV files to a Delta table: transform, schema, files that misbehave, reports, maintenance, proof. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/json.h"
#include "engine/env.h"
#include "pli/checkpoint.h"
#include "run/transform.h"
#include "support/delta_job.h"
#include "support/temp_dir.h"

static pli_env *env;
static pli_error err;

static int open_env(void **state) {
    (void)state;
    pli_env_options o = {.size = sizeof o, .threads = 1};
    return pli_env_new(&o, &env, &err) == PLI_OK ? 0 : -1;
}

static int close_env(void **state) {
    (void)state;
    pli_env_free(env);
    return 0;
}

static pli_status run(void **state, const char *const *pairs) {
    return delta_job_run(env, temp_dir(*state), pairs, -1, &err);
}

static void must_run(void **state, const char *const *pairs) {
    if (run(state, pairs) != PLI_OK) fail_msg("%s: %s", pli_status_name(err.code), err.message);
}

static void add_files(void **state, int from, int to) {
    for (int i = from; i < to; i++) delta_job_add_file(temp_dir(*state), i);
}

static void expect_ids(void **state, const char *want) {
    char *have = delta_job_ids(env, temp_dir(*state));
    assert_string_equal(have, want);
    free(have);
}

static void shell(void **state, const char *command) {
    char text[2000];
    snprintf(text, sizeof text, "cd '%s' && %s", temp_dir(*state), command);
    if (system(text) != 0) fail_msg("failed: %s", text);
}

/* ---- the transform ---- */

static void assert_hidden(const char *sql, const char *part, bool there) {
    pli__engine *engine = NULL;
    pli__buf out = {0};
    assert_int_equal(pli__env_engine(env, &engine, &err), PLI_OK);
    if (pli__transform_hide_metadata(engine, sql, &out, &err) != PLI_OK) fail_msg("%s: %s", sql, err.message);
    if ((strstr(out.ptr, part) != NULL) != there) fail_msg("%s became %s", sql, out.ptr);
    pli__buf_clear(&out);
}

static void test_run_delta__stars_over_the_input_never_show_metadata(void **state) {
    (void)state;
    assert_hidden("SELECT *, _metadata.file_path FROM input", "EXCLUDE (_metadata)", true);
    assert_hidden("SELECT i.* FROM input i JOIN range(3) r ON true WHERE _metadata.batch_id = 0", "EXCLUDE (_metadata)",
                  true);
    assert_hidden("SELECT * FROM (SELECT *, _metadata.file_name n FROM INPUT)", "EXCLUDE (_metadata)", true);
    assert_hidden("SELECT * FROM other WHERE _metadata IS NULL", "EXCLUDE (_metadata)", false);
    assert_hidden("SELECT * EXCLUDE (_metadata), _metadata.file_name FROM input", "EXCLUDE (_metadata, _metadata)",
                  false);
    assert_hidden("SELECT 18446744073709551615 AS x, 0.1 AS y, _metadata.batch_id FROM input", "18446744073709551615",
                  true);
    assert_hidden("WITH x AS (SELECT * FROM input) SELECT *, '@' FROM x -- _metadata", "EXCLUDE (_metadata)", true);
}

static void test_run_delta__metadata_columns_can_be_selected(void **state) {
    add_files(state, 0, 1);
    static const char *const pairs[] = {
        "transform.sql",
        "SELECT * REPLACE (CASE WHEN _metadata.file_name = 'f000.csv' AND ends_with(_metadata.file_path, '/in/f000.csv') AND _metadata.file_size = 16 "
        "AND _metadata.file_modification_time = TIMESTAMPTZ '2023-11-14 22:13:20+00' AND _metadata.batch_id = 0 THEN id + 100 ELSE -1 END AS id) FROM input; ",
        NULL};
    must_run(state, pairs);
    expect_ids(state, "100 101");
}

static void test_run_delta__sql_errors_say_where(void **state) {
    add_files(state, 0, 1);
    static const char *const unknown[] = {"transform.sql", "SELECT id, nope FROM input", NULL};
    assert_int_equal(run(state, unknown), PLI_E_SQL);
    assert_non_null(strstr(err.message, "nope"));
    assert_in_range(err.position, 11, 13);
    static const char *const broken[] = {"transform.sql", "SELECT id FRM input", NULL};
    assert_int_equal(run(state, broken), PLI_E_SQL);
    must_run(state, NULL);
    expect_ids(state, "0 1");
}

static void test_run_delta__a_batch_without_rows_still_makes_a_commit(void **state) {
    add_files(state, 0, 2);
    static const char *const none[] = {"transform.sql", "SELECT * FROM input WHERE id > 1", NULL};
    must_run(state, none);
    expect_ids(state, "2 3");
    assert_non_null(temp_read(*state, "out/_delta_log/00000000000000000001.json"));
    int64_t findings = -1;
    assert_int_equal(pli_checkpoint_verify(env, temp_path(*state, "cp"), NULL, NULL, NULL, &findings, &err), PLI_OK);
    assert_int_equal(findings, 0);
}

/* ---- schema ---- */

static void test_run_delta__new_columns_are_versioned_with_the_batch_that_brought_them(void **state) {
    add_files(state, 0, 1);
    must_run(state, NULL);
    shell(state, "printf 'id,name,extra\\n2,x,1.5\\n' > in/f001.csv && touch -d '2024-01-01' in/f001.csv");
    static const char *const merge[] = {"sink.merge_schema", "true", NULL};
    must_run(state, merge);
    assert_non_null(strstr(temp_read(*state, "cp/schemas/1.json"), "extra"));
    assert_non_null(strstr(temp_read(*state, "cp/commits/1.json"), "\"schema_version\":1"));
    assert_non_null(strstr(temp_read(*state, "cp/metadata.json"), "extra"));
    add_files(state, 2, 3);
    must_run(state, merge);
    assert_null(temp_read(*state, "cp/schemas/2.json"));
    expect_ids(state, "0 1 2 4 5");
}

static void test_run_delta__a_policy_failure_writes_nothing_and_the_fixed_file_goes_on(void **state) {
    add_files(state, 0, 1);
    must_run(state, NULL);
    shell(state, "printf 'id,name\\nabc,x\\n' > in/f001.csv && touch -d '2024-01-01' in/f001.csv");
    assert_int_equal(run(state, NULL), PLI_E_SCHEMA);
    assert_non_null(strstr(err.message, "f001.csv"));
    assert_null(temp_read(*state, "out/_delta_log/00000000000000000001.json"));
    delta_job_add_file(temp_dir(*state), 1);
    static const char *const reread[] = {"source.on_changed_file", "reread", NULL};
    must_run(state, reread);
    expect_ids(state, "0 1 2 3");
}

/* ---- files that misbehave ---- */

static void test_run_delta__bad_files_fail_are_skipped_or_quarantined(void **state) {
    add_files(state, 0, 3);
    shell(state, "printf 'id,name\\n7,x,y\\n' > in/f001.csv && touch -d '2023-11-20' in/f001.csv");
    static const char *const fail[] = {"source.max_files_per_trigger", "10", NULL};
    assert_int_equal(run(state, fail), PLI_E_DATA);
    assert_non_null(strstr(err.message, "f001.csv"));
    static const char *const quarantine[] = {"source.max_files_per_trigger", "10", "source.on_bad_file", "quarantine",
                                             NULL};
    must_run(state, quarantine);
    expect_ids(state, "0 1 4 5");
    assert_non_null(temp_read(*state, "in/_quarantine/f001.csv"));
    assert_null(temp_read(*state, "in/f001.csv"));
    assert_non_null(strstr(temp_read(*state, "cp/commits/0.json"), "quarantined_files"));
    must_run(state, quarantine);
    expect_ids(state, "0 1 4 5");
    shell(state, "printf 'id,name\\n7,x,y\\n' > in/f009.csv && touch -d '2023-11-20' in/f009.csv");
    static const char *const skip_it[] = {"source.on_bad_file", "skip", NULL};
    must_run(state, skip_it); /* nothing but a bad file: the batch is done, nothing is written */
    expect_ids(state, "0 1 4 5");
    assert_non_null(strstr(temp_read(*state, "cp/commits/1.json"), "\"sinks\":[]"));
    assert_non_null(strstr(temp_read(*state, "cp/commits/1.json"), "\"last_write\""));
    add_files(state, 10, 11);
    must_run(state, skip_it);
    expect_ids(state, "0 1 4 5 20 21");
}

static void test_run_delta__files_without_rows_are_done_and_types_come_later(void **state) {
    shell(
        state,
        "mkdir in && printf 'id,name\\n' > in/a.csv && printf 'id,name\\n' > in/b.csv && touch -d '2023-01-01' in/*.csv");
    must_run(state, NULL);
    expect_ids(state, "none");
    add_files(state, 0, 1);
    shell(state, "printf 'id,name\\n' > in/z.csv && touch -d '2023-01-01' in/z.csv");
    must_run(state, NULL);
    expect_ids(state, "0 1");
    shell(state, "mkdir n && mkdir n/in && printf 'id,name\\n,\\n' > n/in/a.csv && touch -d '2023-01-01' n/in/a.csv");
    assert_int_equal(delta_job_run(env, temp_path(*state, "n"), NULL, -1, &err), PLI_E_SCHEMA);
}

static void test_run_delta__a_file_that_is_gone_fails_or_is_skipped(void **state) {
    add_files(state, 0, 2);
    static const char *const two[] = {"source.max_files_per_trigger", "2", NULL};
    assert_int_equal(delta_job_run(env, temp_dir(*state), two, 1, &err), PLI_OK); /* planned */
    shell(state, "rm in/f000.csv");
    assert_int_not_equal(run(state, two), PLI_OK);
    assert_non_null(strstr(err.message, "f000.csv"));
    static const char *const skip_it[] = {"source.max_files_per_trigger", "2", "source.on_missing_file", "skip", NULL};
    must_run(state, skip_it);
    expect_ids(state, "2 3");
    assert_non_null(strstr(temp_read(*state, "cp/commits/0.json"), "skipped_files"));
}

/* ---- reports ---- */

typedef struct rows {
    json_t *list;
} rows;

static int keep_row(void *arg, const char *json, size_t len) {
    json_array_append_new(((rows *)arg)->list, json_loadb(json, len, 0, NULL));
    return 0;
}

static pli_job_spec *spec;

static pli_job *open_job(void **state) {
    pli_job *job = NULL;
    const char *const pairs[] = {"source.path", temp_path(*state, "in"), "sink.path",     temp_path(*state, "out"),
                                 "checkpoint",  temp_path(*state, "cp"), "source.format", "csv"};
    assert_int_equal(pli_job_spec_new("job", &spec, &err), PLI_OK);
    for (size_t i = 0; i < 8; i += 2) assert_int_equal(pli_job_spec_set(spec, pairs[i], pairs[i + 1], &err), PLI_OK);
    if (pli_job_open(env, spec, NULL, &job, &err) != PLI_OK) fail_msg("%s", err.message);
    return job;
}

static const json_t *member(const rows *r, size_t i, const char *key) {
    return json_object_get(json_array_get(r->list, i), key);
}

static void test_run_delta__reports_tell_what_is_and_change_nothing(void **state) {
    add_files(state, 0, 2);
    must_run(state, NULL);
    add_files(state, 2, 4);
    pli_job *job = open_job(state);
    rows r = {json_array()};
    assert_int_equal(pli_job_status(job, keep_row, &r, &err), PLI_OK);
    assert_int_equal(json_integer_value(member(&r, 0, "batches")), 2);
    assert_int_equal(json_integer_value(json_object_get(member(&r, 0, "lastBatch"), "batchId")), 1);
    assert_true(json_is_null(member(&r, 0, "pendingBatch")));
    assert_int_equal(json_integer_value(json_object_get(member(&r, 0, "backlog"), "filesWaiting")), 2);
    json_array_clear(r.list);
    assert_int_equal(pli_job_batches(job, 1, keep_row, &r, &err), PLI_OK);
    assert_int_equal(json_array_size(r.list), 1);
    assert_int_equal(json_integer_value(member(&r, 0, "rows")), 2);
    assert_int_equal(json_integer_value(member(&r, 0, "version")), 1);
    json_array_clear(r.list);
    assert_int_equal(pli_job_files(job, -1, "f000.csv", keep_row, &r, &err), PLI_OK);
    assert_int_equal(json_array_size(r.list), 1);
    assert_int_equal(json_integer_value(member(&r, 0, "batchId")), 0);
    assert_string_equal(json_string_value(member(&r, 0, "status")), "committed");
    json_array_clear(r.list);
    assert_int_equal(pli_job_plan(job, true, keep_row, &r, &err), PLI_OK);
    assert_int_equal(json_integer_value(member(&r, 0, "numFiles")), 2);
    assert_int_equal(json_integer_value(member(&r, 0, "batchId")), 2);
    assert_int_equal(json_array_size(member(&r, 0, "schemaChanges")), 0);
    json_array_clear(r.list);
    assert_int_equal(pli_job_validate(job, keep_row, &r, &err), PLI_OK);
    assert_int_equal(json_array_size(r.list), 0);
    assert_null(temp_read(*state, "cp/offsets/2.json"));
    json_decref(r.list);
    pli_job_close(job);
    pli_job_spec_free(spec);
}

static void test_run_delta__a_job_that_never_ran_can_be_looked_at(void **state) {
    add_files(state, 0, 1);
    pli_job *job = open_job(state);
    rows r = {json_array()};
    assert_int_equal(pli_job_status(job, keep_row, &r, &err), PLI_OK);
    assert_int_equal(pli_job_plan(job, true, keep_row, &r, &err), PLI_OK);
    assert_int_equal(json_integer_value(member(&r, 1, "numFiles")), 1);
    assert_int_not_equal(access(temp_path(*state, "cp"), F_OK), 0);
    assert_int_not_equal(access(temp_path(*state, "out"), F_OK), 0);
    json_decref(r.list);
    pli_job_close(job);
    pli_job_spec_free(spec);
}

/* ---- maintenance and proof ---- */

static void expect_findings(void **state, const char *kind) {
    rows r = {json_array()};
    int64_t findings = 0;
    if (pli_checkpoint_verify(env, temp_path(*state, "cp"), NULL, keep_row, &r, &findings, &err) != PLI_OK)
        fail_msg("%s", err.message);
    bool found = false;
    for (size_t i = 0; i < json_array_size(r.list); i++)
        found = found || strcmp(json_string_value(member(&r, i, "kind")), kind) == 0;
    char *text = json_dumps(r.list, 0);
    if (!found) fail_msg("no '%s' among %s", kind, text);
    free(text);
    json_decref(r.list);
}

static void test_run_delta__verify_finds_what_was_planted(void **state) {
    add_files(state, 0, 4);
    must_run(state, NULL);
    expect_findings(state, "summary");
    shell(state, "cp -a cp cp0 && cp -a out out0");
    static const char *const plants[][2] = {
        {"rm cp/commits/2.json", "missing_record"},
        {"rm cp/offsets/1.json", "missing_record"},
        {"rm cp/commits/3.json", "not_committed"},
        {"sed -i 's/f001/f009/' cp/offsets/1.json", "inputs_differ"},
        {"sed -i 's/f001/f009/' cp/offsets/1.json", "offset_changed"},
        {"cp cp/offsets/1.json t && cp cp/offsets/2.json cp/offsets/1.json && mv t cp/offsets/2.json",
         "unreadable_record"},
        {"rm cp/offsets/3.json cp/commits/3.json", "unknown_batch"},
        {"rm out/_delta_log/00000000000000000003.*", "not_in_sink"},
        {"f=$(ls out/*.parquet | head -1) && rm $f", "file_missing"},
        {"f=$(ls out/*.parquet | head -1) && echo x >> $f", "file_changed"},
        {"cp out/_delta_log/00000000000000000003.json out/_delta_log/00000000000000000004.json", "written_twice"},
        {"cp out/_delta_log/00000000000000000003.json out/_delta_log/00000000000000000004.json", "file_twice"},
        {"rm -r out", "sink_missing"},
        {"sed -i 's/\"offset_sha256\":\"[^\"]*\"/\"offset_sha256\":\"x\"/' cp/commits/0.json", "offset_changed"},
        {"sed -i 's/\"rows\":2/\"rows\":3/g' cp/commits/0.json", "rows_differ"},
    };
    for (size_t i = 0; i < sizeof plants / sizeof *plants; i++) {
        shell(state, plants[i][0]);
        expect_findings(state, plants[i][1]);
        shell(state, "rm -rf cp out && cp -a cp0 cp && cp -a out0 out");
    }
    expect_findings(state, "summary");
    int64_t findings = -1;
    assert_int_equal(pli_checkpoint_verify(env, temp_path(*state, "cp"), NULL, NULL, NULL, &findings, &err), PLI_OK);
    assert_int_equal(findings, 0);
}

static void test_run_delta__a_copied_checkpoint_is_stopped_and_can_be_accepted(void **state) {
    add_files(state, 0, 2);
    must_run(state, NULL);
    shell(state, "cp -a cp copy");
    add_files(state, 2, 3);
    must_run(state, NULL);
    shell(state, "rm -r cp && mv copy cp");
    assert_int_equal(run(state, NULL), PLI_E_SINK_AHEAD);
    rows r = {json_array()};
    const pli_maintenance_options dry = {.size = sizeof dry, .dry_run = true};
    assert_int_equal(pli_checkpoint_accept(env, temp_path(*state, "cp"), NULL, &dry, keep_row, &r, &err), PLI_OK);
    assert_string_equal(json_string_value(member(&r, 0, "action")), "new_epoch");
    assert_int_equal(run(state, NULL), PLI_E_SINK_AHEAD);
    assert_int_equal(pli_checkpoint_accept(env, temp_path(*state, "cp"), NULL, NULL, keep_row, &r, &err), PLI_OK);
    must_run(state, NULL);
    expect_ids(state, "0 1 2 3 4 4 5 5"); /* as accepted: the copy's file comes again */
    json_decref(r.list);
}

static void test_run_delta__a_copy_with_the_pending_batch_commits_what_the_sink_shows(void **state) {
    add_files(state, 0, 1);
    assert_int_equal(delta_job_run(env, temp_dir(*state), NULL, 1, &err), PLI_OK);
    shell(state, "cp -a cp copy");
    must_run(state, NULL);
    shell(state, "rm -r cp && mv copy cp");
    assert_int_equal(run(state, NULL), PLI_E_SINK_AHEAD);
    rows r = {json_array()};
    assert_int_equal(
        pli_checkpoint_accept(env, temp_path(*state, "cp"), temp_path(*state, "out"), NULL, keep_row, &r, &err),
        PLI_OK);
    assert_string_equal(json_string_value(member(&r, 0, "action")), "commit");
    add_files(state, 1, 2);
    must_run(state, NULL);
    expect_ids(state, "0 1 2 3");
    json_decref(r.list);
}

static void test_run_delta__a_dropped_sink_stops_it_until_it_is_bound_anew(void **state) {
    add_files(state, 0, 2);
    must_run(state, NULL);
    shell(state, "rm -r out");
    add_files(state, 2, 3);
    assert_int_equal(run(state, NULL), PLI_E_SINK_BEHIND);
    assert_int_equal(
        pli_checkpoint_rebind(env, temp_path(*state, "cp"), temp_path(*state, "out"), NULL, NULL, NULL, &err), PLI_OK);
    must_run(state, NULL);
    expect_ids(state, "4 5");
    add_files(state, 3, 4);
    must_run(state, NULL);
    expect_ids(state, "4 5 6 7");
}

static void test_run_delta__cleanup_keeps_what_was_read_known(void **state) {
    add_files(state, 0, 5);
    must_run(state, NULL);
    pli_maintenance_counts c = {.size = sizeof c};
    const pli_maintenance_options dry = {.size = sizeof dry, .dry_run = true};
    assert_int_equal(pli_checkpoint_cleanup(temp_path(*state, "cp"), 2, -1, &dry, &c, &err), PLI_OK);
    assert_int_equal(c.removed_offsets, 3);
    assert_int_equal(c.kept_commits, 2);
    assert_int_equal(temp_count(*state, "cp/offsets"), 5);
    assert_int_equal(pli_checkpoint_cleanup(temp_path(*state, "cp"), 2, -1, NULL, &c, &err), PLI_OK);
    assert_int_equal(c.removed_offsets, 3);
    assert_int_equal(temp_count(*state, "cp/offsets"), 2);
    assert_int_equal(pli_checkpoint_cleanup(temp_path(*state, "cp"), 0, -1, NULL, &c, &err), PLI_OK);
    assert_int_equal(c.removed_offsets, 0);
    assert_int_equal(pli_checkpoint_cleanup(temp_path(*state, "cp"), -1, -1, NULL, &c, &err), PLI_E_ARGUMENT);
    assert_int_equal(pli_checkpoint_rebuild_index(temp_path(*state, "cp"), NULL, &err), PLI_OK);
    add_files(state, 5, 6);
    must_run(state, NULL);
    expect_ids(state, "0 1 2 3 4 5 6 7 8 9 10 11");
    assert_int_equal(pli_checkpoint_cleanup(temp_path(*state, "cp"), 1, -1, NULL, &c, &err), PLI_OK);
    assert_int_equal(c.kept_offsets, 1);
    must_run(state, NULL);
    expect_findings(state, "summary");
    shell(state, "rm -r cp/seen cp/index.db*");
    assert_int_equal(run(state, NULL), PLI_E_CORRUPT); /* rather than to read everything again */
}

/* Nothing below the run may hear a cancel that is not urgent: the work of the batch would be done, and thrown away. */
static void test_run_delta__a_cancel_lets_the_batch_at_hand_commit(void **state) {
    add_files(state, 0, 3);
    for (int steps = 1; steps <= 3; steps++) {
        assert_int_equal(delta_job_cancel(env, temp_dir(*state), steps, &err), PLI_E_CANCELLED);
        PLI_AUTO(pli__free_ptr) char *want = delta_job_expected(steps);
        expect_ids(state, want);
    }
    expect_findings(state, "summary");
}

static void test_run_delta__truncated_batches_are_planned_and_written_again(void **state) {
    add_files(state, 0, 3);
    must_run(state, NULL);
    pli_maintenance_counts c = {.size = sizeof c};
    assert_int_equal(pli_checkpoint_truncate(temp_path(*state, "cp"), 1, NULL, &c, &err), PLI_OK);
    assert_int_equal(c.removed_offsets, 1);
    must_run(state, NULL);
    expect_ids(state, "0 1 2 3 4 4 5 5");
    expect_findings(state, "summary");
    assert_int_equal(pli_checkpoint_truncate(temp_path(*state, "cp"), -1, NULL, &c, &err), PLI_OK);
    assert_int_equal(c.removed_commits, 3);
    must_run(state, NULL);
    expect_ids(state, "0 0 1 1 2 2 3 3 4 4 4 5 5 5");
}

static void test_run_delta__resets_forget_one_thing_each(void **state) {
    add_files(state, 0, 1);
    must_run(state, NULL);
    char *old = NULL;
    assert_int_equal(pli_checkpoint_reset_start(temp_path(*state, "cp"), NULL, &old, &err), PLI_OK);
    assert_non_null(strstr(old, "earliest"));
    free(old);
    assert_int_equal(pli_checkpoint_reset_schema(temp_path(*state, "cp"), NULL, &old, &err), PLI_OK);
    assert_non_null(strstr(old, "Int64"));
    free(old);
    add_files(state, 1, 2);
    must_run(state, NULL);
    expect_ids(state, "0 1 2 3");
    assert_non_null(temp_read(*state, "cp/schemas/1.json"));
    assert_int_equal(pli_checkpoint_reset_schema(temp_path(*state, "nowhere"), NULL, &old, &err), PLI_OK);
    assert_null(old);
    assert_int_not_equal(access(temp_path(*state, "nowhere"), F_OK), 0);
}

/* ---- many at once ---- */

static void test_run_delta__ten_jobs_append_to_one_table(void **state) {
    enum { JOBS = 10, FILES = 5 };
    pid_t pids[JOBS];
    for (int j = 0; j < JOBS; j++)
        for (int i = 0; i < FILES; i++) {
            char folder[300];
            snprintf(folder, sizeof folder, "%s/job%d", temp_dir(*state), j);
            delta_job_add_file(folder, j * FILES + i);
        }
    fflush(NULL);
    for (int j = 0; j < JOBS; j++) {
        pids[j] = fork();
        if (pids[j] != 0) continue;
        pli_env *own = NULL;
        pli_env_options o = {.size = sizeof o, .threads = 1};
        char folder[300], sink[300];
        snprintf(folder, sizeof folder, "%s/job%d", temp_dir(*state), j);
        snprintf(sink, sizeof sink, "%s/out", temp_dir(*state));
        const char *pairs[] = {"sink.path", sink, NULL};
        pli_status status = pli_env_new(&o, &own, &err);
        if (status == PLI_OK) status = delta_job_run(own, folder, pairs, -1, &err);
        if (status != PLI_OK) fprintf(stderr, "job %d: %s\n", j, err.message);
        _exit((int)status);
    }
    for (int j = 0; j < JOBS; j++) {
        int status = 0;
        waitpid(pids[j], &status, 0);
        assert_int_equal(status, 0);
    }
    char *want = delta_job_expected(JOBS * FILES);
    expect_ids(state, want);
    free(want);
    assert_non_null(temp_read(*state, "out/_delta_log/00000000000000000049.json"));
    assert_null(temp_read(*state, "out/_delta_log/00000000000000000050.json"));
}

typedef struct runner {
    pli_env *env;
    pli_job_spec *spec;
    pli_job *job;
    pli_run *run;
    bool over;
} runner;

static void runner_open(runner *r, void **state) {
    pli_env_options o = {.size = sizeof o, .threads = 1};
    pli_run_options no_lock = {.size = sizeof no_lock, .no_lock = true};
    const char *const pairs[] = {
        "source.path",           temp_path(*state, "in"), "sink.path", temp_path(*state, "out"),       "checkpoint",
        temp_path(*state, "cp"), "source.format",         "csv",       "source.max_files_per_trigger", "1"};
    *r = (runner){0};
    assert_int_equal(pli_env_new(&o, &r->env, &err), PLI_OK);
    assert_int_equal(pli_job_spec_new("job", &r->spec, &err), PLI_OK);
    for (size_t i = 0; i < 10; i += 2)
        assert_int_equal(pli_job_spec_set(r->spec, pairs[i], pairs[i + 1], &err), PLI_OK);
    assert_int_equal(pli_job_open(r->env, r->spec, NULL, &r->job, &err), PLI_OK);
    assert_int_equal(pli_run_new(r->job, &no_lock, &r->run, &err), PLI_OK);
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
    pli_job_close(r->job);
    pli_job_spec_free(r->spec);
    pli_env_free(r->env);
}

static void test_run_delta__two_runners_without_a_lock_write_every_row_once(void **state) {
    (void)state;
    for (unsigned seed = 1; seed <= 12; seed++) {
        void *sub = NULL;
        temp_dir_setup(&sub);
        for (int i = 0; i < 3; i++) delta_job_add_file(temp_dir(sub), i);
        runner a, b;
        runner_open(&a, &sub);
        runner_open(&b, &sub);
        for (unsigned random = seed; !a.over || !b.over;) {
            random = random * 1103515245u + 12345u;
            runner_step((random >> 16) & 1 ? &a : &b);
        }
        runner_close(&a);
        runner_close(&b);
        if (run(&sub, NULL) != PLI_OK) fail_msg("seed %u: %s", seed, err.message);
        expect_ids(&sub, "0 1 2 3 4 5");
        int64_t findings = -1;
        assert_int_equal(pli_checkpoint_verify(env, temp_path(sub, "cp"), NULL, NULL, NULL, &findings, &err), PLI_OK);
        assert_int_equal(findings, 0);
        temp_dir_teardown(&sub);
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, temp_dir_setup, temp_dir_teardown)

int main(void) {
    const struct CMUnitTest first[] = {TEST(test_run_delta__ten_jobs_append_to_one_table)};
    const struct CMUnitTest tests[] = {
        TEST(test_run_delta__stars_over_the_input_never_show_metadata),
        TEST(test_run_delta__metadata_columns_can_be_selected),
        TEST(test_run_delta__sql_errors_say_where),
        TEST(test_run_delta__a_batch_without_rows_still_makes_a_commit),
        TEST(test_run_delta__new_columns_are_versioned_with_the_batch_that_brought_them),
        TEST(test_run_delta__a_policy_failure_writes_nothing_and_the_fixed_file_goes_on),
        TEST(test_run_delta__bad_files_fail_are_skipped_or_quarantined),
        TEST(test_run_delta__files_without_rows_are_done_and_types_come_later),
        TEST(test_run_delta__a_file_that_is_gone_fails_or_is_skipped),
        TEST(test_run_delta__reports_tell_what_is_and_change_nothing),
        TEST(test_run_delta__a_job_that_never_ran_can_be_looked_at),
        TEST(test_run_delta__verify_finds_what_was_planted),
        TEST(test_run_delta__a_copied_checkpoint_is_stopped_and_can_be_accepted),
        TEST(test_run_delta__a_copy_with_the_pending_batch_commits_what_the_sink_shows),
        TEST(test_run_delta__a_dropped_sink_stops_it_until_it_is_bound_anew),
        TEST(test_run_delta__cleanup_keeps_what_was_read_known),
        TEST(test_run_delta__a_cancel_lets_the_batch_at_hand_commit),
        TEST(test_run_delta__truncated_batches_are_planned_and_written_again),
        TEST(test_run_delta__resets_forget_one_thing_each),
        TEST(test_run_delta__two_runners_without_a_lock_write_every_row_once),
    };
    /* The forking test comes before this process has started an engine's threads. */
    int failed = cmocka_run_group_tests_name("concurrent", first, open_env, close_env);
    return failed + cmocka_run_group_tests_name("one", tests, open_env, close_env);
}
