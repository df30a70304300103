/* `pli state ls|get|set|rm JOB [KEY]`: the small values that a job keeps. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cmd.h"
#include "cli/text.h"
#include "pli/state.h"

static bool open_state(cli_context *ctx, const cli_args *args, bool read_only, cli_jobs *jobs, pli_state **state) {
    return cli_job_open(ctx, args, jobs) &&
           pli_state_open_checkpoint(pli_job_spec_checkpoint(jobs->specs[0]), read_only, state, &ctx->error) == PLI_OK;
}

static int finish(cli_context *ctx, cli_jobs *jobs, pli_state *state, bool ok) {
    const int code = ok ? 0 : cli_fail(ctx);
    pli_state_close(state);
    cli_jobs_close(jobs);
    return code;
}

static int list_value(void *rows, const char *name, pli_state_kind kind) {
    json_t *o = json_pack("{s:s, s:s}", "key", name, "kind", kind == PLI_STATE_JSON ? "json" : "parquet");
    char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;
    const int stop = text ? cli_rows_add(rows, text, strlen(text)) : 1;
    free(text);
    json_decref(o);
    return stop;
}

int cli_cmd_state_ls(cli_context *ctx, const cli_args *args) {
    cli_jobs jobs = {0};
    pli_state *state = NULL;
    bool ok = open_state(ctx, args, true, &jobs, &state);
    if (ok) {
        cli_rows *rows = cli_rows_begin(ctx, stdout);
        ok = pli_state_list(state, list_value, rows, &ctx->error) == PLI_OK;
        cli_rows_end(rows, ok);
    }
    return finish(ctx, &jobs, state, ok);
}

int cli_cmd_state_get(cli_context *ctx, const cli_args *args) {
    cli_jobs jobs = {0};
    pli_state *state = NULL;
    char *data = NULL;
    size_t len = 0;
    bool ok = open_state(ctx, args, true, &jobs, &state) &&
              pli_state_get(state, args->words[1], PLI_STATE_JSON, &data, &len, &ctx->error) == PLI_OK;
    if (ok && !data) {
        cli_format_error(&ctx->error, PLI_E_NOT_FOUND, "job '%s' has no value '%s'", args->words[0], args->words[1]);
        ok = false;
    }
    if (ok) {
        fwrite(data, 1, len, stdout);
        if (len && data[len - 1] != '\n') putchar('\n');
    }
    free(data);
    return finish(ctx, &jobs, state, ok);
}

/* The value is JSON; a bare word is taken as a text. */
static char *as_json(const char *value, size_t *len) {
    json_t *v = json_loads(value, JSON_DECODE_ANY, NULL);
    if (!v) v = json_string(value);
    char *text = v ? json_dumps(v, JSON_INDENT(2) | JSON_SORT_KEYS | JSON_ENCODE_ANY) : NULL;
    *len = text ? strlen(text) : 0;
    json_decref(v);
    return text;
}

int cli_cmd_state_set(cli_context *ctx, const cli_args *args) {
    cli_jobs jobs = {0};
    pli_state *state = NULL;
    size_t len;
    char *text = as_json(args->words[2], &len);
    bool ok = text != NULL && open_state(ctx, args, ctx->dry_run, &jobs, &state);
    if (!text) cli_usage(ctx, "the value is not valid UTF-8");
    if (ok && ctx->dry_run) printf("%s = %s\n", args->words[1], text);
    else if (ok) ok = pli_state_put(state, args->words[1], PLI_STATE_JSON, text, len, &ctx->error) == PLI_OK;
    free(text);
    return finish(ctx, &jobs, state, ok);
}

int cli_cmd_state_rm(cli_context *ctx, const cli_args *args) {
    cli_jobs jobs = {0};
    pli_state *state = NULL;
    bool removed = false, there = false;
    bool ok = cli_confirm(ctx, "remove the value?") && open_state(ctx, args, ctx->dry_run, &jobs, &state);
    for (int kind = PLI_STATE_JSON; ok && kind <= PLI_STATE_PARQUET; kind++) {
        bool one = false;
        ok = ctx->dry_run ? pli_state_exists(state, args->words[1], (pli_state_kind)kind, &one, &ctx->error) == PLI_OK
                          : pli_state_delete(state, args->words[1], (pli_state_kind)kind, &one, &ctx->error) == PLI_OK;
        if (ctx->dry_run) there = there || one;
        removed = removed || one;
    }
    if (ok && !removed && !there) {
        cli_format_error(&ctx->error, PLI_E_NOT_FOUND, "job '%s' has no value '%s'", args->words[0], args->words[1]);
        ok = false;
    }
    if (ok && ctx->dry_run) printf("would remove %s\n", args->words[1]);
    return finish(ctx, &jobs, state, ok);
}
