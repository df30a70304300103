/* `pli ingest SRC DEST`: the one-line job. Its flags come from the table of job options. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cmd.h"
#include "cli/text.h"

static const cli_flag own_flags[] = {
    {"--name", "NAME", "name of the job; default: from the absolute path of SRC", NULL, 0},
    {"--once", NULL, "at most one batch", NULL, 0},
    {"--max-batches", "N", "stop after N batches", NULL, 0},
    {"--set", "KEY=VALUE", "any option of the job file, such as source.allow_overwrites=true", NULL, 0},
    {"--dry-run", NULL, "show what would be read, change nothing", NULL, 0},
};

#define N_OWN (sizeof own_flags / sizeof own_flags[0])
#define MAX_FLAGS 96

const cli_flag *cli_ingest_flags(void) {
    static cli_flag flags[MAX_FLAGS];
    if (flags[0].name) return flags;
    size_t n = 0;
    for (size_t i = 0; i < N_OWN; i++) flags[n++] = own_flags[i];
    for (size_t i = 0; i < pli_option_count() && n + 1 < MAX_FLAGS; i++) {
        const pli_option_info *o = pli_option_at(i);
        if (!o->flag[0]) continue;
        const bool is_switch = strcmp(o->type, "flag") == 0;
        const bool is_map = strcmp(o->type, "map") == 0;
        flags[n++] = (cli_flag){o->flag,
                                is_switch ? NULL
                                : is_map  ? "KEY=VALUE"
                                          : "VALUE",
                                o->help, o->choices[0] && !is_switch ? o->choices : NULL, 0};
    }
    return flags;
}

/* "KEY=VALUE" of a map option, or of --set. */
static bool set_pair(cli_context *ctx, pli_job_spec *spec, const char *prefix, const char *flag, const char *pair) {
    const char *eq = strchr(pair, '=');
    char key[300];
    if (!eq || eq == pair || (size_t)(eq - pair) + strlen(prefix) + 2 > sizeof key) {
        cli_usage(ctx, "option '%s' needs KEY=VALUE, not '%s'", flag, pair);
        return false;
    }
    snprintf(key, sizeof key, "%s%s%.*s", prefix, *prefix ? "." : "", (int)(eq - pair), pair);
    return pli_job_spec_set(spec, key, eq + 1, &ctx->error) == PLI_OK;
}

static bool set_from_flags(cli_context *ctx, const cli_args *args, pli_job_spec *spec) {
    for (size_t i = 0; i < pli_option_count(); i++) {
        const pli_option_info *o = pli_option_at(i);
        if (!o->flag[0]) continue;
        size_t at = 0;
        for (const char *text; (text = cli_arg_next(args, o->flag, &at));) {
            const bool is_map = strcmp(o->type, "map") == 0;
            const bool is_switch = strcmp(o->type, "flag") == 0;
            if (is_map && !set_pair(ctx, spec, o->key, o->flag, text)) return false;
            if (!is_map && pli_job_spec_set(spec, o->key, is_switch ? "true" : text, &ctx->error) != PLI_OK)
                return false;
        }
    }
    size_t at = 0;
    for (const char *text; (text = cli_arg_next(args, "--set", &at));)
        if (!set_pair(ctx, spec, "", "--set", text)) return false;
    return true;
}

/* events-1a2b3c4d: readable, and different for folders of the same name. */
static void default_name(const char *path, char out[80]) {
    unsigned hash = 2166136261u;
    for (const char *p = path; *p; p++) hash = (hash ^ (unsigned char)*p) * 16777619u;
    size_t len = strlen(path);
    while (len > 1 && path[len - 1] == '/') len--;
    size_t from = len;
    while (from > 0 && path[from - 1] != '/') from--;
    size_t n = 0;
    for (size_t i = from; i < len && n < 40; i++) {
        const char c = path[i];
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
                           (c == '-' && n) || (c == '.' && n);
        if (plain) out[n++] = c;
    }
    if (n == 0) out[n++] = 's';
    snprintf(out + n, 80 - n, "-%08x", hash);
}

/* The absolute source path decides the default name, so a spec under another name finds it out first. */
static pli_job_spec *make_spec(cli_context *ctx, const cli_args *args) {
    char name[80];
    pli_job_spec *probe = NULL, *spec = NULL;
    const char *given = cli_arg(args, "--name");
    if (!given) {
        if (pli_job_spec_new("probe", &probe, &ctx->error) != PLI_OK) return NULL;
        const bool ok = pli_job_spec_set(probe, "source.path", args->words[0], &ctx->error) == PLI_OK;
        if (ok) default_name(pli_job_spec_source_path(probe), name);
        pli_job_spec_free(probe);
        if (!ok) return NULL;
    }
    if (pli_job_spec_new(given ? given : name, &spec, &ctx->error) != PLI_OK) return NULL;
    if (pli_job_spec_set(spec, "source.path", args->words[0], &ctx->error) == PLI_OK &&
        pli_job_spec_set(spec, "sink.path", args->words[1], &ctx->error) == PLI_OK && set_from_flags(ctx, args, spec) &&
        pli_job_spec_check(spec, &ctx->error) == PLI_OK)
        return spec;
    pli_job_spec_free(spec);
    return NULL;
}

int cli_cmd_ingest(cli_context *ctx, const cli_args *args) {
    pli_run_options o = {.size = sizeof o,
                         .trigger = cli_has(args, "--once") ? PLI_TRIGGER_ONCE : PLI_TRIGGER_AVAILABLE_NOW};
    cli_jobs jobs = {0};
    if (!cli_arg_i64(ctx, args, "--max-batches", 1, &o.max_batches)) return cli_fail(ctx);
    jobs.own = make_spec(ctx, args);
    if (!jobs.own) {
        /* on a command line a wrong value is wrong usage; a job file has a code of its own */
        if (ctx->error.code == PLI_E_CONFIG) ctx->error.code = PLI_E_USAGE;
        return cli_fail(ctx);
    }
    const char *name = pli_job_spec_name(jobs.own);
    const char **names = malloc(sizeof *names);
    pli_job_spec **specs = malloc(sizeof *specs);
    int code = 1;
    if (names && specs) {
        names[0] = name;
        specs[0] = jobs.own;
        jobs.names = names;
        jobs.specs = specs;
        jobs.n = 1;
        code = ctx->dry_run ? cli_plan_jobs(ctx, args, &jobs) : cli_run_jobs(ctx, args, &jobs, &o);
    }
    cli_env_close(ctx);
    cli_jobs_close(&jobs);
    return code;
}
