/* The job for tests of the run. */
#include "support/run_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "source/source_memory.h"

static int64_t frozen_now(void *arg) {
    run_fixture *f = arg;
    return f->now_us += 1000;
}

static void keep_log(void *arg, pli_log_level level, const char *message) {
    run_fixture *f = arg;
    (void)level;
    size_t used = strlen(f->log);
    snprintf(f->log + used, sizeof f->log - used, "%s\n", message);
}

static void must(pli_status status, const pli_error *err) {
    if (status != PLI_OK) fail_msg("%s: %s", pli_status_name(status), err->message);
}

static void open_job(run_fixture *f, const char *folder, int files, bool callbacks) {
    pli_error err = {0};
    *f = (run_fixture){.now_us = INT64_C(1700000000000000)};
    f->checkpoint = pli__path_join(folder, "cp");
    f->sink = pli__path_join(folder, "sink");
    pli_env_options options = {
        .size = sizeof options, .now_us = frozen_now, .now_arg = f, .log = keep_log, .log_arg = f};
    must(pli_env_new(&options, &f->env, &err), &err);
    f->config = (pli__job_config){.name = "test", .checkpoint = f->checkpoint, .max_retries = -1};
    must(pli__source_memory_new(&f->source, &err), &err);
    pli__job_parts parts = {.source = f->source, .execute = journal_execute};
    if (!callbacks) must(journal_sink_new(f->sink, &parts.sink, &err), &err);
    must(pli__job_open_parts(f->env, &f->config, parts, &f->job, &err), &err);
    for (int i = 0; i < files; i++) {
        char name[32];
        snprintf(name, sizeof name, "f%d", i);
        run_fixture_add(f, name);
    }
    pli__source_memory_limit(f->source, 1);
}

void run_fixture_open(run_fixture *f, const char *folder, int files) { open_job(f, folder, files, false); }
void run_fixture_open_callbacks(run_fixture *f, const char *folder, int files) { open_job(f, folder, files, true); }

void run_fixture_add(run_fixture *f, const char *file) {
    pli_error err = {0};
    must(pli__source_memory_add(f->source, file, "SELECT 1 AS a", NULL, &err), &err);
}

void run_fixture_close(run_fixture *f) {
    pli_job_close(f->job);
    pli_env_free(f->env);
    free(f->checkpoint);
    free(f->sink);
}

pli_status run_fixture_run(run_fixture *f, const pli_run_options *options, int steps, pli_error *err) {
    pli_run *run = NULL;
    pli_status status = pli_run_new(f->job, options, &run, err);
    pli_step step = {.size = sizeof step};
    for (int i = 0; status == PLI_OK && (steps < 0 || i < steps) && step.kind != PLI_STEP_DONE; i++)
        status = pli_run_next(run, &step, err);
    pli_run_free(run);
    return status;
}

static int compare_lines(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

char *sorted_lines(const char *text) {
    char *copy = pli__strz_dup(text), *rest = copy, *line, *lines[10000];
    size_t n = 0;
    while ((line = strsep(&rest, "\n")))
        if (*line && n < sizeof lines / sizeof *lines) lines[n++] = line;
    qsort(lines, n, sizeof *lines, compare_lines);
    pli__buf out = {0};
    for (size_t i = 0; i < n; i++) pli__buf_addf(&out, "%s\n", lines[i]);
    free(copy);
    return out.ptr ? pli__buf_take(&out) : calloc(1, 1);
}

void run_fixture_expect(run_fixture *f, int files) {
    pli__buf expected = {0};
    for (int i = 0; i < files; i++) pli__buf_addf(&expected, "f%d:1\nf%d:2\n", i, i);
    char *want = sorted_lines(expected.ptr ? expected.ptr : ""), *rows = journal_sink_rows(f->sink),
         *have = sorted_lines(rows);
    assert_string_equal(have, want);
    free(want);
    free(rows);
    free(have);
    pli__buf_clear(&expected);
}
