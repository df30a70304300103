/* `pli schema show|history|diff`: the schema that a job has arrived at, its versions, and what waiting files would change. */
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

/* Version that the newest commit names; -1 = none yet. */
static int64_t current_version(cli_context *ctx, const char *checkpoint) {
    const pli_checkpoint_options o = {.size = sizeof o, .create = true, .read_only = true};
    pli_checkpoint *cp = NULL;
    char *text = NULL;
    int64_t version = -1;
    if (pli_checkpoint_open(NULL, checkpoint, &o, &cp, &ctx->error) != PLI_OK) return -2;
    size_t n = 0;
    const int64_t *ids = pli_checkpoint_ids(cp, PLI_RECORD_COMMIT, &n);
    if (n && pli_checkpoint_read(cp, PLI_RECORD_COMMIT, ids[n - 1], &text, &ctx->error) == PLI_OK) {
        json_t *commit = json_loads(text, 0, NULL);
        json_t *named = json_object_get(commit, "schema_version");
        if (json_is_integer(named)) version = json_integer_value(named);
        json_decref(commit);
    }
    pli_free(text);
    pli_checkpoint_close(cp);
    return version;
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
    cli_rows *rows = cli_rows_begin(ctx, stdout);
    for (int64_t version = 0; rows && version < MAX_VERSIONS; version++) {
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
