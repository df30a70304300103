/* `pli delta`: reading commands over pli/table.h. */
#include <stdlib.h>
#include <string.h>

#include "cli/cmd.h"
#include "cli/text.h"
#include "pli/arrow.h"
#include "pli/table.h"

/* A table opened for one command. */
typedef struct opened {
    pli_table *table;
    char **columns;
} opened;

static bool open_table(cli_context *ctx, const cli_args *args, opened *o) {
    pli_env *env = cli_env(ctx, NULL, args);
    return env && pli_table_open(env, args->words[0], &o->table, &ctx->error) == PLI_OK;
}

static int finish(cli_context *ctx, opened *o, bool ok) {
    const int code = ok ? 0 : cli_fail(ctx);
    pli_table_close(o->table);
    free(o->columns);
    return code;
}

static bool read_at(cli_context *ctx, const cli_args *args, pli_at *at) {
    at->size = sizeof *at;
    at->has_version = cli_has(args, "--version");
    at->timestamp = cli_arg(args, "--timestamp");
    at->ignore_checkpoints = cli_has(args, "--ignore-checkpoints");
    if (at->has_version && at->timestamp) return cli_usage(ctx, "only one of --version and --timestamp"), false;
    return cli_arg_i64(ctx, args, "--version", 0, &at->version);
}

/* ---- rows in the format asked for ---- */

static void free_names(const char **names) {
    for (size_t i = 0; names && names[i]; i++) free((char *)names[i]);
    free(names);
}

/* @return the names of a stream's columns, ended by NULL, for free_names; NULL: memory */
static const char **column_names(struct ArrowArrayStream *stream) {
    struct ArrowSchema schema = {0};
    if (stream->get_schema(stream, &schema) != 0) return NULL;
    const size_t n = (size_t)schema.n_children;
    const char **names = calloc(n + 1, sizeof *names);
    bool ok = names != NULL;
    for (size_t i = 0; ok && i < n; i++) ok = (names[i] = strdup(schema.children[i]->name)) != NULL;
    if (schema.release) schema.release(&schema);
    if (ok) return names;
    free_names(names);
    return NULL;
}

typedef pli_status open_fn(void *self, struct ArrowArrayStream *out, pli_error *err);

/* A CSV has its header also when there are no rows: the names come from a stream of the same columns. */
static pli_status name_columns(cli_rows *rows, open_fn *open, void *self, pli_error *err) {
    struct ArrowArrayStream stream = {0};
    const pli_status status = open(self, &stream, err);
    if (status != PLI_OK) return status;
    const char **names = column_names(&stream);
    stream.release(&stream);
    const bool ok = names && cli_rows_columns(rows, names);
    free_names(names);
    if (!ok) cli_format_error(err, PLI_E_MEMORY, "out of memory");
    return ok ? PLI_OK : PLI_E_MEMORY;
}

/* @param columns NULL = those of the first row
 * @param none NULL, or opens the stream of the same columns without rows */
static bool print_columns(cli_context *ctx, const char *const *columns, open_fn *none,
                          pli_status (*fn)(void *self, pli_row_fn *, void *, pli_error *), void *self) {
    cli_rows *rows = cli_rows_begin(ctx, stdout);
    const bool ready = rows && (!columns || cli_rows_columns(rows, columns));
    pli_status status = ready ? fn(self, cli_rows_add, rows, &ctx->error) : PLI_E_MEMORY;
    if (status == PLI_OK && none && ctx->format == CLI_CSV && !cli_rows_any(rows))
        status = name_columns(rows, none, self, &ctx->error);
    const bool printed = cli_rows_end(rows, status == PLI_OK);
    if (status == PLI_OK && !printed) cli_format_error(&ctx->error, PLI_E_IO, "could not write the output");
    return status == PLI_OK && printed;
}

static bool print_rows(cli_context *ctx, pli_status (*fn)(void *self, pli_row_fn *, void *, pli_error *), void *self) {
    return print_columns(ctx, NULL, NULL, fn, self);
}

/* ---- detail: one object ---- */

static int print_one(void *ctx, const char *json, size_t len) {
    char *text = strndup(json, len);
    const int stop = text ? cli_print_object(ctx, text) : 1;
    free(text);
    return stop;
}

int cli_cmd_delta_detail(cli_context *ctx, const cli_args *args) {
    opened o = {0};
    pli_at at = {0};
    const bool ok = read_at(ctx, args, &at) && open_table(ctx, args, &o) &&
                    pli_table_detail(o.table, &at, print_one, ctx, &ctx->error) == PLI_OK;
    return finish(ctx, &o, ok);
}

/* ---- files and history ---- */

struct files_call {
    pli_table *table;
    pli_at at;
};

static pli_status files_rows(void *self, pli_row_fn *fn, void *arg, pli_error *err) {
    struct files_call *c = self;
    return pli_table_files(c->table, &c->at, fn, arg, err);
}

int cli_cmd_delta_files(cli_context *ctx, const cli_args *args) {
    static const char *const columns[] = {"path",  "size", "modificationTime", "partitionValues", "deletionVector",
                                          "stats", NULL};
    opened o = {0};
    struct files_call c = {0};
    bool ok = read_at(ctx, args, &c.at) && open_table(ctx, args, &o);
    c.table = o.table;
    ok = ok && print_columns(ctx, columns, NULL, files_rows, &c);
    return finish(ctx, &o, ok);
}

struct history_call {
    pli_table *table;
    int64_t limit;
};

static pli_status history_rows(void *self, pli_row_fn *fn, void *arg, pli_error *err) {
    struct history_call *c = self;
    return pli_table_history(c->table, c->limit, fn, arg, err);
}

int cli_cmd_delta_history(cli_context *ctx, const cli_args *args) {
    opened o = {0};
    struct history_call c = {0};
    bool ok = cli_arg_i64(ctx, args, "--limit", 1, &c.limit) && open_table(ctx, args, &o);
    c.table = o.table;
    ok = ok && print_rows(ctx, history_rows, &c);
    return finish(ctx, &o, ok);
}

/* ---- read and changes ---- */

struct read_call {
    pli_table *table;
    pli_read_options options;
};

static pli_status read_rows(void *self, pli_row_fn *fn, void *arg, pli_error *err) {
    struct read_call *c = self;
    return pli_table_read_rows(c->table, &c->options, fn, arg, err);
}

static pli_status read_none(void *self, struct ArrowArrayStream *out, pli_error *err) {
    struct read_call *c = self;
    pli_read_options o = c->options;
    o.has_limit = true;
    o.limit = 0;
    return pli_table_read(c->table, &o, out, err);
}

static bool read_read_options(cli_context *ctx, const cli_args *args, opened *o, pli_read_options *r) {
    pli_at at = {0};
    if (!read_at(ctx, args, &at)) return false;
    *r = (pli_read_options){.size = sizeof *r,
                            .has_version = at.has_version,
                            .version = at.version,
                            .timestamp = at.timestamp,
                            .ignore_checkpoints = at.ignore_checkpoints,
                            .where = cli_arg(args, "--where"),
                            .has_limit = cli_has(args, "--limit")};
    r->n_columns = cli_split(cli_arg(args, "--columns"), &o->columns);
    r->columns = (const char *const *)o->columns;
    return cli_arg_i64(ctx, args, "--limit", 0, &r->limit);
}

static bool say_written(cli_context *ctx, const char *file, int64_t rows) {
    char count[32];
    cli_format_count(rows, count);
    cli_say(ctx, "%s rows written to %s", count, file);
    return true;
}

int cli_cmd_delta_read(cli_context *ctx, const cli_args *args) {
    opened o = {0};
    struct read_call c = {0};
    const char *file = cli_arg(args, "--output");
    int64_t rows = 0;
    bool ok = read_read_options(ctx, args, &o, &c.options) && open_table(ctx, args, &o);
    c.table = o.table;
    if (ok && file)
        ok = pli_table_read_file(o.table, &c.options, file, &rows, &ctx->error) == PLI_OK &&
             say_written(ctx, file, rows);
    else if (ok) ok = print_columns(ctx, NULL, read_none, read_rows, &c);
    return finish(ctx, &o, ok);
}

struct changes_call {
    pli_table *table;
    pli_changes_options options;
};

static pli_status changes_rows(void *self, pli_row_fn *fn, void *arg, pli_error *err) {
    struct changes_call *c = self;
    return pli_table_changes_rows(c->table, &c->options, fn, arg, err);
}

static pli_status changes_none(void *self, struct ArrowArrayStream *out, pli_error *err) {
    struct changes_call *c = self;
    pli_changes_options o = c->options;
    o.has_limit = true;
    o.limit = 0;
    return pli_table_changes(c->table, &o, out, err);
}

static bool read_changes_options(cli_context *ctx, const cli_args *args, opened *o, pli_changes_options *c) {
    *c = (pli_changes_options){.size = sizeof *c,
                               .has_from_version = cli_has(args, "--from-version"),
                               .has_to_version = cli_has(args, "--to-version"),
                               .from_timestamp = cli_arg(args, "--from-timestamp"),
                               .to_timestamp = cli_arg(args, "--to-timestamp"),
                               .synthesize = cli_has(args, "--synthesize"),
                               .where = cli_arg(args, "--where"),
                               .has_limit = cli_has(args, "--limit")};
    if (c->has_from_version == (c->from_timestamp != NULL))
        return cli_usage(ctx, "one of --from-version and --from-timestamp is needed"), false;
    if (c->has_to_version && c->to_timestamp)
        return cli_usage(ctx, "only one of --to-version and --to-timestamp"), false;
    c->n_columns = cli_split(cli_arg(args, "--columns"), &o->columns);
    c->columns = (const char *const *)o->columns;
    return cli_arg_i64(ctx, args, "--from-version", 0, &c->from_version) &&
           cli_arg_i64(ctx, args, "--to-version", 0, &c->to_version) && cli_arg_i64(ctx, args, "--limit", 0, &c->limit);
}

int cli_cmd_delta_changes(cli_context *ctx, const cli_args *args) {
    opened o = {0};
    struct changes_call c = {0};
    const char *file = cli_arg(args, "--output");
    int64_t rows = 0;
    bool ok = read_changes_options(ctx, args, &o, &c.options) && open_table(ctx, args, &o);
    c.table = o.table;
    if (ok && file)
        ok = pli_table_changes_file(o.table, &c.options, file, &rows, &ctx->error) == PLI_OK &&
             say_written(ctx, file, rows);
    else if (ok) ok = print_columns(ctx, NULL, changes_none, changes_rows, &c);
    return finish(ctx, &o, ok);
}
