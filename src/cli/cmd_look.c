/* Commands that look at jobs and change nothing: validate, plan, status, batches, files. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cmd.h"
#include "cli/text.h"

/* One look at one job; rows go to `rows`. */
typedef pli_status look_fn(cli_context *ctx, pli_job *job, const cli_args *args, cli_rows *rows);

static bool look_at_job(cli_context *ctx, const cli_args *args, pli_job_spec *spec, look_fn *fn, cli_rows *rows) {
    pli_job *job = NULL;
    cli_env_close(ctx);
    pli_env *env = cli_env(ctx, spec, args);
    const bool ok = env && pli_job_open(env, spec, NULL, &job, &ctx->error) == PLI_OK &&
                    fn(ctx, job, args, rows) == PLI_OK;
    pli_job_close(job);
    return ok;
}

/* Every job is looked at, also behind one that fails. */
static int look_at_jobs(cli_context *ctx, const cli_args *args, const cli_jobs *jobs, look_fn *fn) {
    cli_rows *rows = cli_rows_begin(ctx, stdout);
    size_t failed = 0;
    pli_error first = {0};
    for (size_t i = 0; rows && i < jobs->n; i++)
        if (!look_at_job(ctx, args, jobs->specs[i], fn, rows)) {
            if (jobs->n > 1) cli_say(ctx, "pli: %s: %s", jobs->names[i], ctx->error.message);
            if (!failed++) first = ctx->error;
        }
    const bool printed = cli_rows_end(rows, failed == 0 || jobs->n > 1);
    cli_env_close(ctx);
    if (!failed) return printed ? 0 : 1;
    ctx->error = first;
    const int code = cli_fail(ctx);
    return failed < jobs->n ? 3 : code;
}

static int look(cli_context *ctx, const cli_args *args, bool one, look_fn *fn) {
    cli_jobs jobs = {0};
    const bool ok = one ? cli_job_open(ctx, args, &jobs) : cli_jobs_open(ctx, args, &jobs);
    const int code = ok ? look_at_jobs(ctx, args, &jobs, fn) : cli_fail(ctx);
    cli_jobs_close(&jobs);
    return code;
}

/* A plan has nested members that a table cannot show: the list of files goes below, one per line. */
struct plan_rows {
    cli_context *ctx;
    cli_rows *rows;
};

static void say_files(const cli_context *ctx, const json_t *plan) {
    size_t i;
    json_t *file;
    json_t *files = json_object_get(plan, "files");
    json_array_foreach(files, i, file) {
        char size[32];
        cli_format_size(json_integer_value(json_object_get(file, "size")), size);
        const char *path = json_string_value(json_object_get(file, "path"));
        if (i == 20) {
            cli_say(ctx, "  … and %zu more (--json lists them all)", json_array_size(files) - 20);
            break;
        }
        cli_say(ctx, "  %s  %s", path ? path : "", size);
    }
    json_t *changes = json_object_get(plan, "schemaChanges");
    json_array_foreach(changes, i, file) {
        const char *column = json_string_value(json_object_get(file, "column"));
        const char *decision = json_string_value(json_object_get(file, "decision"));
        const char *reason = json_string_value(json_object_get(file, "reason"));
        cli_say(ctx, "  schema: %s %s: %s", decision ? decision : "", column ? column : "", reason ? reason : "");
    }
}

static int add_plan(void *arg, const char *json, size_t len) {
    struct plan_rows *p = arg;
    if (p->ctx->format != CLI_TABLE) return cli_rows_add(p->rows, json, len);
    json_t *plan = json_loadb(json, len, 0, NULL);
    if (!plan) return 1;
    say_files(p->ctx, plan);
    json_object_del(plan, "files");
    json_object_del(plan, "schemaChanges");
    char *text = json_dumps(plan, JSON_COMPACT);
    const int stop = text ? cli_rows_add(p->rows, text, strlen(text)) : 1;
    free(text);
    json_decref(plan);
    return stop;
}

static pli_status plan_job(cli_context *ctx, pli_job *job, const cli_args *args, cli_rows *rows) {
    (void)args;
    struct plan_rows p = {ctx, rows};
    return pli_job_plan(job, !cli_has(args, "--no-schema"), add_plan, &p, &ctx->error);
}

/* For people: the ends of the nested members, one row a job. */
static json_t *flat_status(const json_t *s) {
    const json_t *last = json_object_get(s, "lastBatch"), *pending = json_object_get(s, "pendingBatch"),
                 *backlog = json_object_get(s, "backlog");
    const struct {
        const char *key;
        json_t *value;
    } cells[] = {
        {"job", json_object_get(s, "job")},
        {"batches", json_object_get(s, "batches")},
        {"lastBatch", json_object_get(last, "batchId")},
        {"committedAt", json_object_get(last, "committedAt")},
        {"version", json_object_get(last, "version")},
        {"pendingBatch", json_object_get(pending, "batchId")},
        {"filesWaiting", json_object_get(backlog, "filesWaiting")},
        {"bytesWaiting", json_object_get(backlog, "bytesWaiting")},
        {"lastError", json_object_get(json_object_get(s, "lastError"), "message")},
        {"checkpoint", json_object_get(s, "checkpoint")},
    };
    json_t *flat = json_object();
    for (size_t i = 0; flat && i < sizeof cells / sizeof cells[0]; i++)
        json_object_set_new(flat, cells[i].key, cells[i].value ? json_incref(cells[i].value) : json_null());
    return flat;
}

static int add_status(void *arg, const char *json, size_t len) {
    struct plan_rows *p = arg;
    if (p->ctx->format != CLI_TABLE) return cli_rows_add(p->rows, json, len);
    json_t *status = json_loadb(json, len, 0, NULL), *flat = status ? flat_status(status) : NULL;
    char *text = flat ? json_dumps(flat, JSON_COMPACT) : NULL;
    const int stop = text ? cli_rows_add(p->rows, text, strlen(text)) : 1;
    free(text);
    json_decref(flat);
    json_decref(status);
    return stop;
}

static pli_status status_of_job(cli_context *ctx, pli_job *job, const cli_args *args, cli_rows *rows) {
    (void)args;
    struct plan_rows p = {ctx, rows};
    return pli_job_status(job, add_status, &p, &ctx->error);
}

static pli_status batches_of_job(cli_context *ctx, pli_job *job, const cli_args *args, cli_rows *rows) {
    int64_t limit = 0;
    if (!cli_arg_i64(ctx, args, "--limit", 1, &limit)) return PLI_E_USAGE;
    return pli_job_batches(job, limit, cli_rows_add, rows, &ctx->error);
}

static pli_status files_of_job(cli_context *ctx, pli_job *job, const cli_args *args, cli_rows *rows) {
    int64_t batch = -1;
    if (!cli_arg_i64(ctx, args, "--batch", 0, &batch)) return PLI_E_USAGE;
    return pli_job_files(job, batch, cli_arg(args, "--path"), cli_rows_add, rows, &ctx->error);
}

int cli_plan_jobs(cli_context *ctx, const cli_args *args, const cli_jobs *jobs) {
    return look_at_jobs(ctx, args, jobs, plan_job);
}
int cli_cmd_plan(cli_context *ctx, const cli_args *args) { return look(ctx, args, false, plan_job); }
int cli_cmd_status(cli_context *ctx, const cli_args *args) { return look(ctx, args, false, status_of_job); }
int cli_cmd_batches(cli_context *ctx, const cli_args *args) { return look(ctx, args, true, batches_of_job); }
int cli_cmd_files(cli_context *ctx, const cli_args *args) { return look(ctx, args, true, files_of_job); }

/* ---- validate: problems of the file first, then of each job that could be read ---- */

struct problems {
    cli_rows *rows;
    size_t n;
    int64_t line; /* of the job */
};

static void add_problem(struct problems *p, const char *job, int64_t line, const char *code, const char *message,
                        const char *hint) {
    json_t *o = json_pack("{s:s?, s:I, s:s, s:s, s:s?}", "job", job, "line", (json_int_t)line, "code", code, "message",
                          message, "hint", hint);
    char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;
    if (text) cli_rows_add(p->rows, text, strlen(text));
    free(text);
    json_decref(o);
    p->n++;
}

static int add_job_problem(void *arg, const char *json, size_t len) {
    struct problems *p = arg;
    json_t *row = json_loadb(json, len, 0, NULL);
    if (!row) return 1;
    const char *code = json_string_value(json_object_get(row, "code"));
    const char *message = json_string_value(json_object_get(row, "message"));
    add_problem(p, json_string_value(json_object_get(row, "job")), p->line, code ? code : "INTERNAL",
                message ? message : "", json_string_value(json_object_get(row, "hint")));
    json_decref(row);
    return 0;
}

static void validate_job(cli_context *ctx, const cli_args *args, const pli_config *config, const char *name,
                         int64_t line, struct problems *p) {
    pli_job_spec *spec = pli_config_job(config, name);
    pli_job *job = NULL;
    p->line = line;
    cli_env_close(ctx);
    pli_env *env = cli_env(ctx, spec, args);
    ctx->error = (pli_error){0};
    if (!env || pli_job_open(env, spec, NULL, &job, &ctx->error) != PLI_OK ||
        pli_job_validate(job, add_job_problem, p, &ctx->error) != PLI_OK)
        add_problem(p, name, line, pli_status_name(ctx->error.code), ctx->error.message,
                    ctx->error.hint[0] ? ctx->error.hint : NULL);
    pli_job_close(job);
}

static bool is_named(const cli_args *args, const char *name) {
    for (size_t i = 0; i < args->n_words; i++)
        if (strcmp(args->words[i], name) == 0) return true;
    return args->n_words == 0;
}

static int validate_config(cli_context *ctx, const cli_args *args, const pli_config *config) {
    for (size_t i = 0; i < args->n_words; i++)
        if (!pli_config_job(config, args->words[i])) {
            cli_format_error(&ctx->error, PLI_E_CONFIG, "there is no job '%s' in '%s'", args->words[i],
                             pli_config_path(config));
            return cli_fail(ctx);
        }
    struct problems p = {.rows = cli_rows_begin(ctx, stdout)};
    if (!p.rows) return 1;
    for (size_t i = 0; i < pli_config_problem_count(config); i++) {
        int64_t line = 0;
        const char *text = pli_config_problem_at(config, i, &line);
        add_problem(&p, NULL, line, "INVALID_CONFIG", text, NULL);
    }
    const bool file_is_fine = p.n == 0;
    for (size_t i = 0; file_is_fine && i < pli_config_job_count(config); i++)
        if (is_named(args, pli_config_job_name(config, i)))
            validate_job(ctx, args, config, pli_config_job_name(config, i), pli_config_job_line(config, i), &p);
    const size_t n = p.n;
    cli_rows_end(p.rows, true);
    cli_env_close(ctx);
    if (n) cli_say(ctx, "%s: %zu problem%s", pli_config_path(config), n, n == 1 ? "" : "s");
    else cli_say(ctx, "%s: no problems", pli_config_path(config));
    return n ? pli_status_exit_code(PLI_E_CONFIG) : 0;
}

int cli_cmd_validate(cli_context *ctx, const cli_args *args) {
    const char *given = cli_arg(args, "--config");
    char *found = NULL;
    pli_config *config = NULL;
    int code;
    if ((!given && pli_config_find(NULL, &found, &ctx->error) != PLI_OK) ||
        pli_config_load(given ? given : found, &config, &ctx->error) != PLI_OK) {
        if (ctx->error.code == PLI_E_NOT_FOUND) ctx->error.code = PLI_E_CONFIG;
        code = cli_fail(ctx);
    } else code = validate_config(ctx, args, config);
    pli_free(found);
    pli_config_free(config);
    return code;
}
