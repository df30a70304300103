/* `pli schema show|history|diff|promote`: the schema that a job has arrived at, its versions, what waiting files would change, and
 * columns made of rescued fields. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cmd.h"
#include "cli/text.h"
#include "pli/checkpoint.h"

#define MAX_VERSIONS 100000

static int add_row(cli_rows *rows, json_t *take_row) {
    char *text = take_row ? json_dumps(take_row, JSON_COMPACT) : NULL;
    const int stop = text ? cli_rows_add(rows, text, strlen(text)) : 1;
    free(text);
    json_decref(take_row);
    return stop;
}

static json_t *read_version(const char *checkpoint, int64_t version) {
    char path[4400];
    snprintf(path, sizeof path, "%.4200s/schemas/%lld.json", checkpoint, (long long)version);
    return json_load_file(path, 0, NULL);
}

/* Version that is in force; -1 = none yet, -2 = failed. */
static int64_t current_version(cli_context *ctx, const char *checkpoint) {
    const pli_checkpoint_options o = {.size = sizeof o, .create = true, .read_only = true};
    pli_checkpoint *cp = NULL;
    int64_t version = -1;
    if (pli_checkpoint_open(NULL, checkpoint, &o, &cp, &ctx->error) != PLI_OK) return -2;
    const pli_status status = pli_checkpoint_schema_version(cp, &version, &ctx->error);
    pli_checkpoint_close(cp);
    return status == PLI_OK ? version : -2;
}

static int show(cli_context *ctx, const char *checkpoint) {
    const int64_t version = current_version(ctx, checkpoint);
    if (version == -2) return cli_fail(ctx);
    json_t *schema = version >= 0 ? read_version(checkpoint, version) : NULL;
    cli_rows *rows = cli_rows_begin(ctx, stdout);
    size_t i;
    json_t *column;
    json_array_foreach(json_object_get(schema, "columns"), i, column) add_row(rows, json_incref(column));
    cli_rows_end(rows, true);
    if (!schema) cli_say(ctx, "no batch is committed yet");
    json_decref(schema);
    return 0;
}

static int history(cli_context *ctx, const char *checkpoint) {
    const int64_t last = current_version(ctx, checkpoint);
    if (last == -2) return cli_fail(ctx);
    cli_rows *rows = cli_rows_begin(ctx, stdout);
    for (int64_t version = 0; rows && version <= last && version < MAX_VERSIONS; version++) {
        json_t *schema = read_version(checkpoint, version);
        if (!schema) break;
        if (ctx->format == CLI_TABLE) {
            json_object_set_new(schema, "numColumns",
                                json_integer((json_int_t)json_array_size(json_object_get(schema, "columns"))));
            json_object_del(schema, "columns");
        }
        add_row(rows, schema);
    }
    return cli_rows_end(rows, true) ? 0 : 1;
}

int cli_cmd_schema_show(cli_context *ctx, const cli_args *args) {
    cli_jobs jobs = {0};
    const int code = cli_job_open(ctx, args, &jobs) ? show(ctx, pli_job_spec_checkpoint(jobs.specs[0])) : cli_fail(ctx);
    cli_jobs_close(&jobs);
    return code;
}

int cli_cmd_schema_history(cli_context *ctx, const cli_args *args) {
    cli_jobs jobs = {0};
    const int code = cli_job_open(ctx, args, &jobs) ? history(ctx, pli_job_spec_checkpoint(jobs.specs[0]))
                                                    : cli_fail(ctx);
    cli_jobs_close(&jobs);
    return code;
}

/* The plan of the next batch names its schema changes; here they are the rows. */
static int add_changes(void *arg, const char *json, size_t len) {
    json_t *plan = json_loadb(json, len, 0, NULL);
    size_t i;
    json_t *change;
    json_array_foreach(json_object_get(plan, "schemaChanges"), i, change) add_row(arg, json_incref(change));
    json_decref(plan);
    return 0;
}

int cli_cmd_schema_diff(cli_context *ctx, const cli_args *args) {
    cli_jobs jobs = {0};
    pli_job *job = NULL;
    bool ok = cli_job_open(ctx, args, &jobs);
    pli_env *env = ok ? cli_env(ctx, jobs.specs[0], args) : NULL;
    cli_rows *rows = env ? cli_rows_begin(ctx, stdout) : NULL;
    ok = rows && pli_job_open(env, jobs.specs[0], NULL, &job, &ctx->error) == PLI_OK &&
         pli_job_plan(job, true, add_changes, rows, &ctx->error) == PLI_OK;
    cli_rows_end(rows, ok);
    pli_job_close(job);
    cli_env_close(ctx);
    cli_jobs_close(&jobs);
    return ok ? 0 : cli_fail(ctx);
}

int cli_cmd_schema_promote(cli_context *ctx, const cli_args *args) {
    pli_promotion p = {.size = sizeof p,
                       .path = args->words[1],
                       .column = cli_arg(args, "--as"),
                       .type = cli_arg(args, "--type"),
                       .dry_run = ctx->dry_run};
    const char *lock = cli_arg(args, "--lock-timeout");
    cli_jobs jobs = {0};
    pli_job *job = NULL;
    if (lock && !cli_parse_duration(lock, &p.lock_timeout_us))
        return cli_usage(ctx, "option '--lock-timeout' needs a duration such as 30s, not '%s'", lock), cli_fail(ctx);
    bool ok = cli_job_open(ctx, args, &jobs);
    pli_env *env = ok ? cli_env(ctx, jobs.specs[0], args) : NULL;
    ok = env && pli_job_open(env, jobs.specs[0], NULL, &job, &ctx->error) == PLI_OK;
    cli_rows *rows = ok ? cli_rows_begin(ctx, stdout) : NULL;
    ok = rows && pli_job_promote(job, &p, cli_rows_add, rows, &ctx->error) == PLI_OK;
    cli_rows_end(rows, ok);
    pli_job_close(job);
    cli_env_close(ctx);
    cli_jobs_close(&jobs);
    return ok ? 0 : cli_fail(ctx);
}
