/* `pli delta merge`: rows of files or of a table change another table, by the clauses of SQL's MERGE. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/cmd.h"
#include "cli/text.h"
#include "pli/table_write.h"

#define CLAUSES_MAX 100

typedef struct merger {
    cli_context *ctx;
    const cli_args *args;
    pli_table *table, *source; /* source: NULL = files */
    cli_rows *rows;
    pli_merge_clause clauses[CLAUSES_MAX];
    pli_merge_options options;
} merger;

/* A folder with a log is a table; everything else is files. */
static bool is_table(const char *path) {
    char log[4200];
    struct stat st;
    const int n = snprintf(log, sizeof log, "%s/_delta_log", path);
    return n > 0 && (size_t)n < sizeof log && stat(log, &st) == 0;
}

static bool read_clauses(merger *m) {
    size_t at = 0, n = 0;
    for (const char *text; (text = cli_arg_next(m->args, "--when", &at)); n++) {
        if (n == CLAUSES_MAX) return cli_usage(m->ctx, "more than %d clauses", CLAUSES_MAX), false;
        m->clauses[n] = (pli_merge_clause){.sql = text};
    }
    if (!n) return cli_usage(m->ctx, "option '--when' is needed, such as \"MATCHED THEN UPDATE SET *\""), false;
    m->options.clauses = m->clauses;
    m->options.n_clauses = n;
    return true;
}

static bool read_mode(merger *m) {
    static const char *const names[] = {"auto", "deletion_vectors", "copy_on_write"};
    const char *text = cli_arg(m->args, "--write-mode");
    for (int i = 0; text && i < 3; i++)
        if (strcmp(text, names[i]) == 0) return m->options.write_mode = (pli_merge_mode)i, true;
    if (!text) return true;
    cli_usage(m->ctx, "write mode '%s' is unknown: expected auto, deletion_vectors or copy_on_write", text);
    return false;
}

static bool read_options(merger *m) {
    m->options = (pli_merge_options){.size = sizeof m->options,
                                     .on = cli_arg(m->args, "--on"),
                                     .merge_schema = cli_has(m->args, "--merge-schema"),
                                     .dry_run = m->ctx->dry_run};
    if (!m->options.on) return cli_usage(m->ctx, "option '--on' is needed, such as \"source.id = target.id\""), false;
    return read_clauses(m) && read_mode(m);
}

static bool open_tables(merger *m) {
    const char *const *words = (const char *const *)m->args->words;
    pli_env *env = cli_env(m->ctx, NULL, m->args);
    if (!env || pli_table_open(env, words[0], &m->table, &m->ctx->error) != PLI_OK) return false;
    return !is_table(words[1]) || pli_table_open(env, words[1], &m->source, &m->ctx->error) == PLI_OK;
}

static bool merge(merger *m) {
    pli_error *err = &m->ctx->error;
    if (m->source)
        return pli_table_merge_table(m->table, m->source, NULL, &m->options, cli_rows_add, m->rows, err) == PLI_OK;
    const char *const *files = (const char *const *)m->args->words + 1;
    return pli_table_merge_files(m->table, files, 1, &m->options, cli_rows_add, m->rows, err) == PLI_OK;
}

int cli_cmd_delta_merge(cli_context *ctx, const cli_args *args) {
    merger m = {.ctx = ctx, .args = args};
    bool ok = read_options(&m) && open_tables(&m);
    if (ok) ok = (m.rows = cli_rows_begin(ctx, stdout)) != NULL;
    ok = ok && merge(&m);
    if (m.rows) cli_rows_end(m.rows, ok);
    pli_table_close(m.source);
    pli_table_close(m.table);
    return ok ? 0 : cli_fail(ctx);
}
