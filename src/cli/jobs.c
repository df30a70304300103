/* Which jobs a command is about: the job file, found and checked, or the flags of `pli ingest`. */
#include "cli/command.h"

#include <stdlib.h>
#include <string.h>

#include "cli/text.h"

static bool fail_with_problems(cli_context *ctx, const pli_config *config) {
    const size_t n = pli_config_problem_count(config);
    for (size_t i = 1; i < n; i++) {
        int64_t line = 0;
        const char *text = pli_config_problem_at(config, i, &line);
        cli_say(ctx, "pli: %s:%lld: %s", pli_config_path(config), (long long)line, text);
    }
    int64_t line = 0;
    const char *first = pli_config_problem_at(config, 0, &line);
    cli_format_error(&ctx->error, PLI_E_CONFIG, "%s:%lld: %s", pli_config_path(config), (long long)line, first);
    return false;
}

static bool load(cli_context *ctx, const cli_args *args, cli_jobs *out) {
    const char *given = cli_arg(args, "--config");
    char *found = NULL;
    if (!given && pli_config_find(NULL, &found, &ctx->error) != PLI_OK) {
        ctx->error.code = PLI_E_CONFIG;
        return false;
    }
    const pli_status status = pli_config_load(given ? given : found, &out->config, &ctx->error);
    pli_free(found);
    if (status == PLI_E_NOT_FOUND) ctx->error.code = PLI_E_CONFIG;
    if (status != PLI_OK) return false;
    return pli_config_problem_count(out->config) ? fail_with_problems(ctx, out->config) : true;
}

static bool unknown_job(cli_context *ctx, const cli_jobs *jobs, const char *name) {
    const size_t n = pli_config_job_count(jobs->config);
    const char *names[64];
    for (size_t i = 0; i < n && i < 64; i++) names[i] = pli_config_job_name(jobs->config, i);
    cli_format_error(&ctx->error, PLI_E_CONFIG, "there is no job '%s' in '%s'", name, pli_config_path(jobs->config));
    const char *near = cli_nearest(name, names, n < 64 ? n : 64);
    if (near) cli_format_hint(&ctx->error, "did you mean '%s'?", near);
    return false;
}

static bool choose(cli_context *ctx, const cli_args *args, size_t n_words, cli_jobs *out) {
    const size_t n = n_words ? n_words : pli_config_job_count(out->config);
    out->names = calloc(n + 1, sizeof *out->names);
    out->specs = calloc(n + 1, sizeof *out->specs);
    if (!out->names || !out->specs) return cli_format_error(&ctx->error, PLI_E_MEMORY, "out of memory"), false;
    for (size_t i = 0; i < n; i++) {
        const char *name = n_words ? args->words[i] : pli_config_job_name(out->config, i);
        out->specs[i] = pli_config_job(out->config, name);
        if (!out->specs[i]) return unknown_job(ctx, out, name);
        out->names[i] = name;
        out->n++;
    }
    return true;
}

bool cli_jobs_open(cli_context *ctx, const cli_args *args, cli_jobs *out) {
    *out = (cli_jobs){0};
    return load(ctx, args, out) && choose(ctx, args, args->n_words, out);
}

bool cli_job_open(cli_context *ctx, const cli_args *args, cli_jobs *out) {
    *out = (cli_jobs){0};
    return load(ctx, args, out) && choose(ctx, args, 1, out);
}

void cli_jobs_close(cli_jobs *jobs) {
    pli_job_spec_free(jobs->own);
    pli_config_free(jobs->config);
    free(jobs->names);
    free(jobs->specs);
    *jobs = (cli_jobs){0};
}
