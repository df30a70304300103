/*
 * `pli run` and `pli ingest`: pull the runs of one or several jobs. Runs that end by themselves go one after the other;
 * interval and continuous runs take turns, each step by step, and the shortest wait decides how long we sleep.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/cmd.h"
#include "cli/text.h"
#include "pli/job.h"

/* One job while it runs. */
typedef struct runner {
    const char *name;
    pli_job *job;
    pli_run *run;
    int64_t files, bytes, rows, rescued, corrupt, version, batches;
    double started, due; /* monotonic seconds; due: not before */
    double batch_started;
    int exit_code;
    bool over;
    pli_error error;
} runner;

static double now_seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static bool start_runner(cli_context *ctx, runner *r, pli_env *env, pli_job_spec *spec, const pli_run_options *o) {
    r->version = -1;
    r->started = now_seconds();
    if (pli_job_open(env, spec, NULL, &r->job, &ctx->error) == PLI_OK &&
        pli_run_new(r->job, o, &r->run, &ctx->error) == PLI_OK)
        return true;
    r->error = ctx->error;
    r->exit_code = cli_fail(ctx);
    r->over = true;
    return false;
}

static void end_runner(runner *r) {
    pli_run_free(r->run);
    pli_job_close(r->job);
    r->run = NULL;
    r->job = NULL;
    r->over = true;
}

/* ", 3 rescued, 1 corrupt"; nothing where there is nothing of the kind. */
static void describe_kept(const pli_step *s, char *out, size_t room) {
    char rescued[32], corrupt[32];
    size_t n = 0;
    out[0] = '\0';
    cli_format_count(s->rescued_rows, rescued);
    cli_format_count(s->corrupt_rows, corrupt);
    if (s->rescued_rows > 0) n = (size_t)snprintf(out, room, ", %s rescued", rescued);
    if (s->corrupt_rows > 0) snprintf(out + n, room - n, ", %s corrupt", corrupt);
}

static void note_commit(cli_context *ctx, runner *r, const pli_step *s) {
    r->batches++;
    if (s->files > 0) r->files += s->files;
    if (s->bytes > 0) r->bytes += s->bytes;
    if (s->rows > 0) r->rows += s->rows;
    if (s->version >= 0) r->version = s->version;
    if (s->rescued_rows > 0) r->rescued += s->rescued_rows;
    if (s->corrupt_rows > 0) r->corrupt += s->corrupt_rows;
    char files[32], rows[32], took[32], kept[100];
    describe_kept(s, kept, sizeof kept);
    cli_format_count(s->files, files);
    cli_format_count(s->rows < 0 ? 0 : s->rows, rows);
    cli_format_duration(now_seconds() - r->batch_started, took);
    cli_progress_hide(ctx);
    if (s->version >= 0)
        cli_say(ctx, "%s: batch %lld: %s files, %s rows%s, version %lld (%s)", r->name, (long long)s->batch_id, files,
                rows, kept, (long long)s->version, took);
    else
        cli_say(ctx, "%s: batch %lld: %s files, %s rows%s (%s)", r->name, (long long)s->batch_id, files, rows, kept,
                took);
}

/* Do one step of a run; afterwards it is over, or due at some time. */
static void step_runner(cli_context *ctx, runner *r) {
    pli_step s = {.size = sizeof s};
    ctx->error = (pli_error){0};
    cli_signal_finishes(ctx, true);
    const pli_status status = pli_run_next(r->run, &s, &ctx->error);
    cli_signal_finishes(ctx, false);
    if (status != PLI_OK) {
        cli_progress_stop(ctx);
        r->error = ctx->error;
        r->exit_code = cli_fail(ctx);
        end_runner(r);
        return;
    }
    if (s.kind == PLI_STEP_PLANNED) r->batch_started = now_seconds();
    if (s.kind == PLI_STEP_COMMITTED) note_commit(ctx, r, &s);
    if (s.kind == PLI_STEP_RETRY) {
        cli_progress_hide(ctx);
        char wait[32];
        cli_format_duration((double)s.wait_us / 1e6, wait);
        cli_say(ctx, "pli: %s: %s; trying again in %s", r->name, s.error.message, wait);
    }
    if (s.kind == PLI_STEP_DONE) {
        cli_progress_stop(ctx);
        end_runner(r);
        return;
    }
    r->due = s.wait_us > 0 ? now_seconds() + (double)s.wait_us / 1e6 : 0;
}

/* Sleep until the run that is due first; with several runs in slices, since each watches its own source. */
static void wait_for_next(cli_context *ctx, runner *all, size_t n) {
    runner *first = NULL;
    size_t alive = 0;
    for (size_t i = 0; i < n; i++) {
        if (all[i].over) continue;
        alive++;
        if (!first || all[i].due < first->due) first = &all[i];
    }
    const double left = first ? first->due - now_seconds() : 0;
    if (!first || left <= 0) return;
    int64_t us = (int64_t)(left * 1e6);
    if (alive > 1 && us > 200000) us = 200000;
    bool over = false;
    pli_error ignored = {0};
    if (pli_run_wait(first->run, us, &over, &ignored) != PLI_OK || over) {
        if (ctx->verbose > 1) cli_say(ctx, "pli: %s: woke up", first->name);
        first->due = 0;
    }
}

static void drive(cli_context *ctx, runner *all, size_t n) {
    for (;;) {
        size_t alive = 0, stepped = 0;
        for (size_t i = 0; i < n; i++) {
            if (all[i].over) continue;
            alive++;
            if (all[i].due > now_seconds() && !cli_signal_exit()) continue;
            step_runner(ctx, &all[i]);
            stepped++;
        }
        if (!alive) return;
        if (!stepped) wait_for_next(ctx, all, n);
    }
}

static void report_runner(const runner *r, cli_rows *rows) {
    json_t *o = json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I}", "job", r->name, "status",
                          r->exit_code == 0                  ? "done"
                          : r->error.code == PLI_E_CANCELLED ? "stopped"
                                                             : "failed",
                          "batches", (json_int_t)r->batches, "files", (json_int_t)r->files, "bytes",
                          (json_int_t)r->bytes, "rows", (json_int_t)r->rows, "rescuedRows", (json_int_t)r->rescued,
                          "corruptRows", (json_int_t)r->corrupt);
    json_object_set_new(o, "version", r->version >= 0 ? json_integer(r->version) : json_null());
    json_object_set_new(o, "seconds", json_real((double)(int64_t)((now_seconds() - r->started) * 1000) / 1000));
    json_object_set_new(o, "error", r->exit_code ? json_string(pli_status_name(r->error.code)) : json_null());
    char *text = json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(10));
    if (text) cli_rows_add(rows, text, strlen(text));
    free(text);
    json_decref(o);
}

/* One failed job of one is that failure; some of several is 3. */
static int exit_code_of(const runner *all, size_t n) {
    size_t failed = 0;
    int code = 0;
    for (size_t i = 0; i < n; i++)
        if (all[i].exit_code) failed++, code = all[i].exit_code;
    if (cli_signal_exit()) return cli_signal_exit();
    return failed && failed < n ? 3 : code;
}

static int summarise(cli_context *ctx, runner *all, size_t n) {
    bool any_error = false;
    for (size_t i = 0; i < n; i++) any_error = any_error || all[i].exit_code != 0;
    /* with --json the error object is the result of a run that did nothing else */
    const bool json = ctx->format == CLI_JSON || ctx->format == CLI_NDJSON;
    if (!(json && any_error && n == 1)) {
        cli_rows *rows = cli_rows_begin(ctx, stdout);
        for (size_t i = 0; rows && i < n; i++) report_runner(&all[i], rows);
        cli_rows_end(rows, true);
    }
    return exit_code_of(all, n);
}

static bool runs_forever(const pli_run_options *o) {
    return o->trigger == PLI_TRIGGER_INTERVAL || o->trigger == PLI_TRIGGER_CONTINUOUS;
}

int cli_run_jobs(cli_context *ctx, const cli_args *args, const cli_jobs *jobs, const pli_run_options *options) {
    runner *all = calloc(jobs->n ? jobs->n : 1, sizeof *all);
    if (!all) return cli_format_error(&ctx->error, PLI_E_MEMORY, "out of memory"), cli_fail(ctx);
    const bool together = runs_forever(options) && jobs->n > 1;
    for (size_t i = 0; i < jobs->n; i++) {
        all[i].name = jobs->names[i];
        if (!together) cli_env_close(ctx);
        pli_env *env = cli_env(ctx, jobs->specs[i], args);
        if (!env) {
            all[i].exit_code = cli_fail(ctx);
            all[i].over = true;
            continue;
        }
        if (!start_runner(ctx, &all[i], env, jobs->specs[i], options)) end_runner(&all[i]);
        if (together || all[i].over) continue;
        cli_progress_start(ctx, all[i].run, all[i].name);
        drive(ctx, &all[i], 1);
        cli_progress_stop(ctx);
    }
    if (together) drive(ctx, all, jobs->n);
    const int code = summarise(ctx, all, jobs->n);
    free(all);
    return code;
}

static bool read_trigger(cli_context *ctx, const cli_args *args, pli_run_options *o) {
    static const struct {
        const char *flag;
        pli_trigger trigger;
    } triggers[] = {{"--once", PLI_TRIGGER_ONCE},
                    {"--available-now", PLI_TRIGGER_AVAILABLE_NOW},
                    {"--interval", PLI_TRIGGER_INTERVAL},
                    {"--continuous", PLI_TRIGGER_CONTINUOUS}};
    size_t given = 0;
    for (size_t i = 0; i < 4; i++)
        if (cli_has(args, triggers[i].flag)) o->trigger = triggers[i].trigger, given++;
    if (given > 1) return cli_usage(ctx, "only one of --once, --available-now, --interval and --continuous"), false;
    const char *interval = cli_arg(args, "--interval");
    if (interval && !cli_parse_duration(interval, &o->interval_us))
        return cli_usage(ctx, "option '--interval' needs a duration such as 30s, not '%s'", interval), false;
    const char *on_error = cli_arg(args, "--on-error");
    if (on_error && strcmp(on_error, "stop") != 0 && strcmp(on_error, "retry") != 0)
        return cli_usage(ctx, "option '--on-error' needs stop or retry, not '%s'", on_error), false;
    if (on_error) o->on_error = strcmp(on_error, "stop") == 0 ? PLI_ON_ERROR_STOP : PLI_ON_ERROR_RETRY;
    const char *lock = cli_arg(args, "--lock-timeout");
    if (lock && !cli_parse_duration(lock, &o->lock_timeout_us))
        return cli_usage(ctx, "option '--lock-timeout' needs a duration such as 30s, not '%s'", lock), false;
    return cli_arg_i64(ctx, args, "--max-batches", 1, &o->max_batches) &&
           cli_arg_i64(ctx, args, "--until-idle", 1, &o->until_idle) &&
           cli_arg_i64(ctx, args, "--max-retries", 1, &o->max_retries);
}

int cli_cmd_run(cli_context *ctx, const cli_args *args) {
    pli_run_options o = {.size = sizeof o};
    cli_jobs jobs = {0};
    int code;
    if (!read_trigger(ctx, args, &o) || !cli_jobs_open(ctx, args, &jobs)) code = cli_fail(ctx);
    else code = cli_run_jobs(ctx, args, &jobs, &o);
    cli_env_close(ctx);
    cli_jobs_close(&jobs);
    return code;
}
