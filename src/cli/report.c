/* What every command shares: errors as scripts rely on them, the environment with its signals, questions. */
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/text.h"

/* The handler may only touch these. */
static pli_env *volatile routed_env;
static volatile sig_atomic_t signal_number, signal_count;
static volatile sig_atomic_t has_batches, finishing; /* a run: the first signal lets the batch at hand finish */

static void on_signal(int number) {
    static const char told[] = "\npli: stopping when the batch at hand is finished; once more stops at once\n";
    signal_number = number;
    signal_count = signal_count + 1;
    pli_env *env = routed_env;
    if (env) pli_env_cancel(env, signal_count > 1 || !has_batches);
    if (finishing && signal_count == 1) {
        const ssize_t unused = write(STDERR_FILENO, told, sizeof told - 1);
        (void)unused;
    }
    if (signal_count > 3 || !env) _exit(128 + number);
}

static void route_signals(pli_env *env) {
    routed_env = env;
    struct sigaction sa = {0};
    sa.sa_handler = on_signal;
    sigemptyset(&sa.sa_mask);
    sigaction(SIGINT, &sa, NULL);
    sigaction(SIGTERM, &sa, NULL);
    signal(SIGPIPE, SIG_IGN);
}

void cli_signal_finishes(const cli_context *ctx, bool batch) {
    has_batches = 1;
    finishing = batch && !ctx->quiet && !ctx->log_json;
}

int cli_signal_exit(void) { return signal_number ? 128 + signal_number : 0; }

static void put_log_json(const char *level, const char *message) {
    char at[40];
    const time_t now = time(NULL);
    struct tm utc;
    gmtime_r(&now, &utc);
    strftime(at, sizeof at, "%Y-%m-%dT%H:%M:%SZ", &utc);
    fprintf(stderr, "{\"time\":\"%s\",\"level\":\"%s\",\"message\":", at, level);
    cli_put_json(stderr, message);
    fputs("}\n", stderr);
}

static void on_log(void *arg, pli_log_level level, const char *message) {
    static const char *const names[] = {"error", "warning", "info", "debug"};
    const cli_context *ctx = arg;
    const int shown = ctx->quiet ? PLI_LOG_ERROR : PLI_LOG_WARNING + (ctx->verbose > 2 ? 2 : ctx->verbose);
    if ((int)level > shown) return;
    if (ctx->log_json) put_log_json(names[level], message);
    else fprintf(stderr, "pli: %s: %s\n", names[level], message);
}

void cli_say(const cli_context *ctx, const char *fmt, ...) {
    if (ctx->quiet) return;
    char line[1200];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    if (ctx->log_json) put_log_json("info", line);
    else fprintf(stderr, "%s\n", line);
}

static void print_error_json(const pli_error *e, const char *hint) {
    printf("{\"error\":{\"code\":\"%s\",\"message\":", pli_status_name(e->code));
    cli_put_json(stdout, e->message);
    fputs(",\"hint\":", stdout);
    cli_put_json(stdout, hint);
    printf(",\"retriable\":%s}}\n", e->flags & PLI_ERR_RETRIABLE ? "true" : "false");
}

/* As in `pli delta read T | head`: nobody is left to read what is printed. */
static bool reader_is_gone(void) {
    struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
    return ferror(stdout) && poll(&out, 1, 0) == 1 && out.revents & POLLERR;
}

int cli_fail(cli_context *ctx) {
    enum { AS_ENDED_BY_SIGPIPE = 128 + SIGPIPE };
    if (reader_is_gone()) return AS_ENDED_BY_SIGPIPE;
    pli_error *e = &ctx->error;
    if (e->code == PLI_OK) e->code = PLI_E_INTERNAL;
    const char *hint = e->hint[0] ? e->hint : pli_status_hint(e->code);
    const bool stopped = e->code == PLI_E_CANCELLED;
    if (ctx->format == CLI_JSON || ctx->format == CLI_NDJSON) print_error_json(e, hint);
    if (ctx->log_json) {
        put_log_json("error", e->message);
    } else {
        const char *red = ctx->color ? "\033[31m" : "", *off = ctx->color ? "\033[0m" : "";
        fprintf(stderr, "pli: %serror:%s %s\n", red, off, e->message);
        if (hint[0] && !stopped) fprintf(stderr, "hint: %s\n", hint);
    }
    if (stopped && cli_signal_exit()) return cli_signal_exit();
    return pli_status_exit_code(e->code);
}

int cli_usage(cli_context *ctx, const char *fmt, ...) {
    ctx->error = (pli_error){.code = PLI_E_USAGE};
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(ctx->error.message, sizeof ctx->error.message, fmt, ap);
    va_end(ap);
    return pli_status_exit_code(PLI_E_USAGE);
}

/* Flags of the command line go before the job's own limits. */
static bool limits_from_flags(cli_context *ctx, const cli_args *args, pli_job_spec *scratch, pli_env_options *o) {
    static const char *const flags[][2] = {
        {"--memory", "memory"}, {"--threads", "threads"}, {"--spill-dir", "spill_dir"}, {"--timezone", "timezone"}};
    pli_env_options mine = {.size = sizeof mine};
    bool given[4] = {false};
    for (size_t i = 0; i < 4; i++) {
        const char *value = cli_arg(args, flags[i][0]);
        if (!value) continue;
        if (pli_job_spec_set(scratch, flags[i][1], value, &ctx->error) != PLI_OK) return false;
        given[i] = true;
    }
    pli_job_spec_env_options(scratch, &mine);
    if (given[0]) o->memory_limit = mine.memory_limit;
    if (given[1]) o->threads = mine.threads;
    if (given[2]) o->spill_dir = mine.spill_dir;
    if (given[3]) o->time_zone = mine.time_zone;
    return true;
}

pli_env *cli_env(cli_context *ctx, const pli_job_spec *spec, const cli_args *args) {
    if (ctx->env) return ctx->env;
    pli_env_options o = {.size = sizeof o, .log = on_log, .log_arg = ctx};
    pli_job_spec *scratch = NULL;
    if (spec) pli_job_spec_env_options(spec, &o);
    if (pli_job_spec_new("flags", &scratch, &ctx->error) != PLI_OK) return NULL;
    pli_env *env = NULL;
    if (limits_from_flags(ctx, args, scratch, &o) && pli_env_new(&o, &env, &ctx->error) == PLI_OK) {
        ctx->env = env;
        route_signals(env);
        if (signal_number) pli_env_cancel(env, false);
    }
    pli_job_spec_free(scratch);
    return ctx->env;
}

void cli_env_close(cli_context *ctx) {
    routed_env = NULL;
    pli_env_free(ctx->env);
    ctx->env = NULL;
}

bool cli_confirm(cli_context *ctx, const char *question) {
    if (ctx->yes || ctx->dry_run) return true;
    if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO)) {
        cli_usage(ctx, "%s needs --yes, because it cannot be undone", ctx->command->name);
        return false;
    }
    fprintf(stderr, "%s [y/N] ", question);
    char answer[16] = "";
    if (fgets(answer, sizeof answer, stdin) && (answer[0] == 'y' || answer[0] == 'Y')) return true;
    cli_usage(ctx, "not confirmed");
    return false;
}
