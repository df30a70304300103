/* `pli checkpoint`: look at checkpoints, prove them, cut them back. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cmd.h"
#include "cli/text.h"
#include "pli/checkpoint.h"

static int print_one(void *ctx, const char *json, size_t len) {
    char *text = strndup(json, len);
    const int stop = text ? cli_print_object(ctx, text) : 1;
    free(text);
    return stop;
}

static bool read_options(cli_context *ctx, const cli_args *args, pli_maintenance_options *o) {
    *o = (pli_maintenance_options){.size = sizeof *o, .dry_run = ctx->dry_run};
    const char *lock = cli_arg(args, "--lock-timeout");
    if (!lock || cli_parse_duration(lock, &o->lock_timeout_us)) return true;
    cli_usage(ctx, "option '--lock-timeout' needs a duration such as 30s, not '%s'", lock);
    return false;
}

static int done(cli_context *ctx, bool ok) { return ok ? 0 : cli_fail(ctx); }

int cli_cmd_checkpoint_show(cli_context *ctx, const cli_args *args) {
    return done(ctx, pli_checkpoint_show(args->words[0], print_one, ctx, &ctx->error) == PLI_OK);
}

int cli_cmd_checkpoint_verify(cli_context *ctx, const cli_args *args) {
    pli_env *env = cli_env(ctx, NULL, args);
    cli_rows *rows = env ? cli_rows_begin(ctx, stdout) : NULL;
    int64_t findings = 0;
    const pli_status status = rows ? pli_checkpoint_verify(env, args->words[0], cli_arg(args, "--sink"), cli_rows_add,
                                                           rows, &findings, &ctx->error)
                                   : PLI_E_MEMORY;
    cli_rows_end(rows, status == PLI_OK);
    if (status != PLI_OK) return cli_fail(ctx);
    if (findings == 0) return 0;
    cli_say(ctx, "%lld finding%s", (long long)findings, findings == 1 ? "" : "s");
    return pli_status_exit_code(PLI_E_DATA_LOSS);
}

static int print_counts(cli_context *ctx, const pli_maintenance_counts *c) {
    char line[300];
    snprintf(
        line, sizeof line,
        "{\"removedOffsets\":%lld,\"removedCommits\":%lld,\"keptOffsets\":%lld,\"keptCommits\":%lld,\"dryRun\":%s}",
        (long long)c->removed_offsets, (long long)c->removed_commits, (long long)c->kept_offsets,
        (long long)c->kept_commits, ctx->dry_run ? "true" : "false");
    return cli_print_object(ctx, line);
}

int cli_cmd_checkpoint_cleanup(cli_context *ctx, const cli_args *args) {
    pli_maintenance_options o;
    pli_maintenance_counts counts = {.size = sizeof counts};
    int64_t keep = 0, age = -1;
    const char *older = cli_arg(args, "--older-than");
    bool ok = read_options(ctx, args, &o) && cli_arg_i64(ctx, args, "--keep-last", 1, &keep);
    if (ok && older && !cli_parse_duration(older, &age)) {
        cli_usage(ctx, "option '--older-than' needs a duration such as 30d, not '%s'", older);
        ok = false;
    }
    ok = ok && cli_confirm(ctx, "remove old records?") &&
         pli_checkpoint_cleanup(args->words[0], keep, age, &o, &counts, &ctx->error) == PLI_OK;
    return ok ? print_counts(ctx, &counts) : cli_fail(ctx);
}

int cli_cmd_checkpoint_truncate(cli_context *ctx, const cli_args *args) {
    pli_maintenance_options o;
    pli_maintenance_counts counts = {.size = sizeof counts};
    int64_t keep = -1;
    bool ok = read_options(ctx, args, &o);
    if (ok && !cli_has(args, "--keep-through")) {
        cli_usage(ctx, "option '--keep-through' is needed: the last batch that stays, -1 for none");
        ok = false;
    }
    ok = ok && cli_arg_i64(ctx, args, "--keep-through", -1, &keep) &&
         cli_confirm(ctx, "forget the batches behind it?") &&
         pli_checkpoint_truncate(args->words[0], keep, &o, &counts, &ctx->error) == PLI_OK;
    if (!ok) return cli_fail(ctx);
    if (!ctx->dry_run) cli_say(ctx, "their inputs will be read again; rows that they wrote stay in the sink");
    return print_counts(ctx, &counts);
}

typedef pli_status reset_fn(const char *dir, const pli_maintenance_options *o, char **old, pli_error *err);

static int reset(cli_context *ctx, const cli_args *args, reset_fn *fn, const char *question) {
    pli_maintenance_options o;
    char *old = NULL;
    const bool ok = read_options(ctx, args, &o) && cli_confirm(ctx, question) &&
                    fn(args->words[0], &o, &old, &ctx->error) == PLI_OK;
    if (!ok) return cli_fail(ctx);
    printf("{\"old\":%s}\n", old ? old : "null");
    pli_free(old);
    return 0;
}

int cli_cmd_checkpoint_reset_start(cli_context *ctx, const cli_args *args) {
    return reset(ctx, args, pli_checkpoint_reset_start, "forget the start position?");
}

int cli_cmd_checkpoint_reset_schema(cli_context *ctx, const cli_args *args) {
    return reset(ctx, args, pli_checkpoint_reset_schema, "forget the schema?");
}

int cli_cmd_checkpoint_rebuild_index(cli_context *ctx, const cli_args *args) {
    pli_maintenance_options o;
    return done(ctx,
                read_options(ctx, args, &o) && pli_checkpoint_rebuild_index(args->words[0], &o, &ctx->error) == PLI_OK);
}

typedef pli_status sink_fn(pli_env *, const char *, const char *, const pli_maintenance_options *, pli_row_fn *, void *,
                           pli_error *);

static int settle_sink(cli_context *ctx, const cli_args *args, const char *sink, sink_fn *fn, const char *question) {
    pli_maintenance_options o;
    pli_env *env = cli_env(ctx, NULL, args);
    return done(ctx, env && read_options(ctx, args, &o) && cli_confirm(ctx, question) &&
                         fn(env, args->words[0], sink, &o, print_one, ctx, &ctx->error) == PLI_OK);
}

int cli_cmd_checkpoint_accept(cli_context *ctx, const cli_args *args) {
    return settle_sink(ctx, args, cli_arg(args, "--sink"), pli_checkpoint_accept, "take the sink as it is now?");
}

int cli_cmd_checkpoint_rebind(cli_context *ctx, const cli_args *args) {
    return settle_sink(ctx, args, args->words[1], pli_checkpoint_rebind, "write to this sink from now on?");
}
