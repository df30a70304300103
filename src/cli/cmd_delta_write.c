/* `pli delta`: commands that change a table, over pli/table_write.h. Each is one commit; each prints its report. */
#include <stdlib.h>
#include <string.h>

#include "cli/cmd.h"
#include "cli/text.h"
#include "pli/table_write.h"

#define MAX_PAIRS 200

typedef struct change {
    cli_context *ctx;
    const cli_args *args;
    pli_env *env;
    pli_table *table;
    cli_rows *rows;
    char *texts; /* pairs, cut in place */
    pli_property pairs[MAX_PAIRS];
    size_t n_pairs;
    char **list;
} change;

static bool begin(change *c, cli_context *ctx, const cli_args *args) {
    *c = (change){.ctx = ctx, .args = args};
    c->env = cli_env(ctx, NULL, args);
    if (!c->env || pli_table_open(c->env, args->words[0], &c->table, &ctx->error) != PLI_OK) return false;
    c->rows = cli_rows_begin(ctx, stdout);
    return c->rows != NULL;
}

static int end(change *c, bool ok) {
    if (c->rows) cli_rows_end(c->rows, ok);
    pli_table_close(c->table);
    free(c->texts);
    free(c->list);
    return ok ? 0 : cli_fail(c->ctx);
}

/* KEY=VALUE texts of a repeatable flag, or of the words behind the table; spaces around both are no part of them. */
static bool add_pair(change *c, const char *what, char *text) {
    char *key = text + strspn(text, " "), *eq = strchr(key, '=');
    if (!eq || eq == key) return cli_usage(c->ctx, "%s needs KEY=VALUE, not '%s'", what, text), false;
    if (c->n_pairs == MAX_PAIRS) return cli_usage(c->ctx, "too many values for %s", what), false;
    const char *value = eq + 1 + strspn(eq + 1, " ");
    while (eq > key && eq[-1] == ' ') eq--;
    *eq = '\0';
    c->pairs[c->n_pairs++] = (pli_property){key, value};
    return true;
}

static bool read_pairs(change *c, const char *flag) {
    size_t size = 1, at = 0;
    for (const char *t; (t = cli_arg_next(c->args, flag, &at));) size += strlen(t) + 1;
    for (size_t i = 1; i < c->args->n_words; i++) size += strlen(c->args->words[i]) + 1;
    char *to = c->texts = malloc(size);
    if (!to) return cli_format_error(&c->ctx->error, PLI_E_MEMORY, "out of memory"), false;
    at = 0;
    for (const char *t; (t = cli_arg_next(c->args, flag, &at));) {
        const size_t len = strlen(t) + 1;
        memcpy(to, t, len);
        if (!add_pair(c, flag, to)) return false;
        to += len;
    }
    return true;
}

#define DONE(call) end(&c, ok && (call) == PLI_OK)
#define REPORT cli_rows_add, c.rows, &ctx->error

int cli_cmd_delta_create(cli_context *ctx, const cli_args *args) {
    change c;
    bool ok = begin(&c, ctx, args) && read_pairs(&c, "--property");
    const char *schema = cli_arg(args, "--schema");
    if (ok && !schema)
        ok = (cli_usage(ctx, "option '--schema' is needed, such as 'id BIGINT NOT NULL, name VARCHAR'"), false);
    pli_write_options o = {.size = sizeof o, .n_properties = c.n_pairs, .properties = c.pairs};
    o.n_partition_by = cli_split(cli_arg(args, "--partition-by"), &c.list);
    o.partition_by = (const char *const *)c.list;
    return DONE(pli_table_create(c.table, schema, &o, REPORT));
}

int cli_cmd_delta_append(cli_context *ctx, const cli_args *args) {
    change c;
    bool ok = begin(&c, ctx, args);
    pli_write_options o = {.size = sizeof o,
                           .mode = cli_has(args, "--overwrite") ? PLI_WRITE_OVERWRITE : PLI_WRITE_APPEND,
                           .dynamic_partitions = cli_has(args, "--dynamic-partitions"),
                           .overwrite_schema = cli_has(args, "--overwrite-schema"),
                           .where = cli_arg(args, "--where"),
                           .merge_schema = cli_has(args, "--merge-schema")};
    o.n_partition_by = cli_split(cli_arg(args, "--partition-by"), &c.list);
    o.partition_by = (const char *const *)c.list;
    const char *const *files = (const char *const *)args->words + 1;
    const size_t n = args->n_words - 1;
    if (ok && ctx->dry_run) {
        for (size_t i = 0; i < n; i++) puts(files[i]);
        return end(&c, true);
    }
    return DONE(pli_table_write_files(c.table, files, n, &o, REPORT));
}

int cli_cmd_delta_delete(cli_context *ctx, const cli_args *args) {
    change c;
    bool ok = begin(&c, ctx, args);
    pli_delete_options o = {.size = sizeof o,
                            .where = cli_arg(args, "--where"),
                            .copy_on_write = cli_has(args, "--copy-on-write"),
                            .dry_run = ctx->dry_run};
    if (ok && !o.where) ok = cli_confirm(ctx, "delete all rows?");
    return DONE(pli_table_delete(c.table, &o, REPORT));
}

int cli_cmd_delta_update(cli_context *ctx, const cli_args *args) {
    change c;
    bool ok = begin(&c, ctx, args) && read_pairs(&c, "--set");
    if (ok && c.n_pairs == 0) ok = (cli_usage(ctx, "option '--set' is needed: COLUMN=EXPRESSION"), false);
    pli_update_options o = {.size = sizeof o,
                            .where = cli_arg(args, "--where"),
                            .n_set = c.n_pairs,
                            .set = c.pairs,
                            .copy_on_write = cli_has(args, "--copy-on-write"),
                            .dry_run = ctx->dry_run};
    return DONE(pli_table_update(c.table, &o, REPORT));
}

/* "128MiB" in bytes, by the parser of job options. */
static bool read_size(cli_context *ctx, const char *text, int64_t *out) {
    if (!text) return true;
    pli_job_spec *spec = NULL;
    pli_env_options o = {.size = sizeof o};
    bool ok = pli_job_spec_new("size", &spec, &ctx->error) == PLI_OK &&
              pli_job_spec_set(spec, "memory", text, &ctx->error) == PLI_OK;
    if (ok) {
        pli_job_spec_env_options(spec, &o);
        *out = o.memory_limit;
    } else ctx->error.code = PLI_E_USAGE;
    pli_job_spec_free(spec);
    return ok;
}

int cli_cmd_delta_optimize(cli_context *ctx, const cli_args *args) {
    change c;
    bool ok = begin(&c, ctx, args);
    pli_optimize_options o = {.size = sizeof o, .where = cli_arg(args, "--where"), .dry_run = ctx->dry_run};
    ok = ok && read_size(ctx, cli_arg(args, "--target-size"), &o.target_size);
    o.n_zorder = cli_split(cli_arg(args, "--zorder-by"), &c.list);
    o.zorder = (const char *const *)c.list;
    return DONE(pli_table_optimize(c.table, &o, REPORT));
}

int cli_cmd_delta_vacuum(cli_context *ctx, const cli_args *args) {
    change c;
    bool ok = begin(&c, ctx, args);
    pli_vacuum_options o = {.size = sizeof o,
                            .retention = cli_arg(args, "--retention"),
                            .allow_short = cli_has(args, "--allow-short"),
                            .dry_run = ctx->dry_run};
    ok = ok && cli_confirm(ctx, "delete files that nothing refers to?");
    return DONE(pli_table_vacuum(c.table, &o, REPORT));
}

int cli_cmd_delta_restore(cli_context *ctx, const cli_args *args) {
    change c;
    pli_at at = {
        .size = sizeof at, .has_version = cli_has(args, "--version"), .timestamp = cli_arg(args, "--timestamp")};
    bool ok = begin(&c, ctx, args) && cli_arg_i64(ctx, args, "--version", 0, &at.version);
    if (ok && at.has_version == (at.timestamp != NULL))
        ok = (cli_usage(ctx, "one of --version and --timestamp is needed"), false);
    return DONE(pli_table_restore(c.table, &at, ctx->dry_run, REPORT));
}

int cli_cmd_delta_checkpoint(cli_context *ctx, const cli_args *args) {
    change c;
    bool ok = begin(&c, ctx, args);
    return DONE(pli_table_checkpoint(c.table, ctx->dry_run, REPORT));
}

int cli_cmd_delta_compact_log(cli_context *ctx, const cli_args *args) {
    change c;
    pli_compact_log_options o = {.size = sizeof o,
                                 .has_from = cli_has(args, "--from-version"),
                                 .has_to = cli_has(args, "--to-version"),
                                 .dry_run = ctx->dry_run};
    bool ok = begin(&c, ctx, args) && cli_arg_i64(ctx, args, "--from-version", 0, &o.from) &&
              cli_arg_i64(ctx, args, "--to-version", 0, &o.to);
    return DONE(pli_table_compact_log(c.table, &o, REPORT));
}

int cli_cmd_delta_fsck(cli_context *ctx, const cli_args *args) {
    change c;
    bool ok = begin(&c, ctx, args) && cli_confirm(ctx, "take files that are missing out of the table?");
    return DONE(pli_table_fsck(c.table, ctx->dry_run, REPORT));
}

int cli_cmd_delta_set(cli_context *ctx, const cli_args *args) {
    change c;
    bool ok = begin(&c, ctx, args) && read_pairs(&c, "--property");
    char *to = c.texts;
    for (size_t i = 1; ok && i < args->n_words; i++) {
        const size_t len = strlen(args->words[i]) + 1;
        memcpy(to, args->words[i], len);
        ok = add_pair(&c, "set", to);
        to += len;
    }
    return DONE(pli_table_set_properties(c.table, c.pairs, c.n_pairs, REPORT));
}

int cli_cmd_delta_add_constraint(cli_context *ctx, const cli_args *args) {
    change c;
    bool ok = begin(&c, ctx, args);
    return DONE(pli_table_add_constraint(c.table, args->words[1], args->words[2], REPORT));
}

int cli_cmd_delta_drop_constraint(cli_context *ctx, const cli_args *args) {
    change c;
    bool ok = begin(&c, ctx, args);
    return DONE(pli_table_drop_constraint(c.table, args->words[1], REPORT));
}

int cli_cmd_delta_add_column(cli_context *ctx, const cli_args *args) {
    change c;
    bool ok = begin(&c, ctx, args);
    return DONE(pli_table_add_column(c.table, args->words[1], args->words[2], REPORT));
}

int cli_cmd_delta_rename_column(cli_context *ctx, const cli_args *args) {
    change c;
    bool ok = begin(&c, ctx, args);
    return DONE(pli_table_rename_column(c.table, args->words[1], args->words[2], REPORT));
}

int cli_cmd_delta_drop_column(cli_context *ctx, const cli_args *args) {
    change c;
    bool ok = begin(&c, ctx, args) && cli_confirm(ctx, "drop the column?");
    return DONE(pli_table_drop_column(c.table, args->words[1], REPORT));
}

int cli_cmd_delta_convert(cli_context *ctx, const cli_args *args) {
    change c;
    bool ok = begin(&c, ctx, args) && read_pairs(&c, "--property");
    const pli_convert_options o = {.size = sizeof o,
                                   .partition_by = cli_arg(args, "--partition-by"),
                                   .n_properties = c.n_pairs,
                                   .properties = c.pairs,
                                   .no_statistics = cli_has(args, "--no-statistics"),
                                   .dry_run = ctx->dry_run};
    return DONE(pli_table_convert(c.table, &o, REPORT));
}

int cli_cmd_delta_clone(cli_context *ctx, const cli_args *args) {
    change c;
    pli_at at = {
        .size = sizeof at, .has_version = cli_has(args, "--version"), .timestamp = cli_arg(args, "--timestamp")};
    bool ok = begin(&c, ctx, args) && cli_arg_i64(ctx, args, "--version", 0, &at.version);
    return DONE(pli_table_clone(c.table, args->words[1], &at, ctx->dry_run, REPORT));
}
