/* explain, version, doctor, completion, help, and the reference pages that are made of the tables. */
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "cli/cmd.h"
#include "cli/text.h"

typedef struct {
    pli_status code;
    const char *name;
} code_row;

static const code_row codes[] = {
#define CODE_ROW(sym, num, name, exitcode, text, hint) {sym, name},
    PLI_ERROR_MAP(CODE_ROW)
#undef CODE_ROW
};
#define N_CODES (sizeof codes / sizeof codes[0])

bool cli_parse_duration(const char *text, int64_t *us) {
    static const struct {
        const char *unit;
        double us;
    } units[] = {{"ms", 1e3}, {"s", 1e6}, {"m", 6e7}, {"h", 3.6e9}, {"d", 8.64e10}, {"w", 6.048e11}};
    double total = 0;
    if (!*text) return false;
    while (*text) {
        char *end;
        const double n = strtod(text, &end);
        if (end == text || n < 0) return false;
        size_t best = 6;
        for (size_t i = 0; i < 6; i++) {
            const size_t len = strlen(units[i].unit);
            if (strncmp(end, units[i].unit, len) == 0 && (best == 6 || len > strlen(units[best].unit))) best = i;
        }
        if (best == 6 && *end) return false;
        total += n * (best == 6 ? 1e6 : units[best].us);
        text = end + (best == 6 ? 0 : strlen(units[best].unit));
    }
    if (total > 9e18) return false;
    *us = (int64_t)total;
    return true;
}

static int explain_all(cli_context *ctx) {
    cli_rows *rows = cli_rows_begin(ctx, stdout);
    for (size_t i = 0; rows && i < N_CODES; i++) {
        char line[600];
        snprintf(line, sizeof line, "{\"code\":\"%s\",\"exitCode\":%d,\"meaning\":\"%s\"}", codes[i].name,
                 pli_status_exit_code(codes[i].code), pli_status_text(codes[i].code));
        cli_rows_add(rows, line, strlen(line));
    }
    return cli_rows_end(rows, true) ? 0 : 1;
}

int cli_cmd_explain(cli_context *ctx, const cli_args *args) {
    if (args->n_words == 0) return explain_all(ctx);
    const pli_status code = pli_status_from_name(args->words[0]);
    if (code == PLI_OK) {
        const char *names[N_CODES];
        for (size_t i = 0; i < N_CODES; i++) names[i] = codes[i].name;
        cli_usage(ctx, "there is no error code '%s'", args->words[0]);
        const char *near = cli_nearest(args->words[0], names, N_CODES);
        if (near) cli_format_hint(&ctx->error, "did you mean '%s'?", near);
        else cli_format_hint(&ctx->error, "`pli explain` lists them all");
        return cli_fail(ctx);
    }
    char *text = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&text, &len);
    if (!f) return 1;
    fprintf(f, "{\"code\":\"%s\",\"exitCode\":%d,\"meaning\":", pli_status_name(code), pli_status_exit_code(code));
    cli_put_json(f, pli_status_text(code));
    fputs(",\"whatToDo\":", f);
    cli_put_json(f, pli_status_hint(code));
    fputs("}", f);
    fclose(f);
    const int result = text ? cli_print_object(ctx, text) : 1;
    free(text);
    return result;
}

int cli_cmd_version(cli_context *ctx, const cli_args *args) {
    (void)args;
    char engine[64] = "";
    pli_error ignored = {0};
    if (pli_engine_version(engine, sizeof engine, &ignored) != PLI_OK) engine[0] = '\0';
    if (ctx->format == CLI_TABLE) {
        printf("pli %s\nDuckDB %s\n", pli_version(), engine[0] ? engine : "not found");
        return 0;
    }
    char line[400];
    snprintf(
        line, sizeof line,
        "{\"pli\":\"%s\",\"libpli\":\"%s\",\"duckdb\":\"%s\",\"formats\":[\"csv\",\"json\",\"ndjson\",\"parquet\",\"avro\",\"excel\",\"text\",\"binary\",\"delta\"]}",
        pli_version(), pli_version(), engine);
    return cli_print_object(ctx, line);
}

/* ---- doctor ---- */

struct checkup {
    cli_rows *rows;
    size_t bad;
};

static void check(struct checkup *c, const char *what, bool ok, const char *found, const char *mend) {
    char *text = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&text, &len);
    if (!f) return;
    fputs("{\"check\":", f);
    cli_put_json(f, what);
    fprintf(f, ",\"status\":\"%s\",\"found\":", ok ? "ok" : "problem");
    cli_put_json(f, found);
    fputs(",\"whatToDo\":", f);
    cli_put_json(f, ok ? "" : mend);
    fputs("}", f);
    fclose(f);
    if (text) cli_rows_add(c->rows, text, len);
    free(text);
    if (!ok) c->bad++;
}

static void check_engine(struct checkup *c) {
    char version[64] = "";
    pli_error e = {0};
    const bool ok = pli_engine_version(version, sizeof version, &e) == PLI_OK;
    check(c, "engine", ok, ok ? version : e.message,
          e.hint[0] ? e.hint : "install the engine beside libpli (make install), or set PLI_ENGINE_PATH");
}

static void check_disk(struct checkup *c, const char *what, const char *path) {
    struct statvfs v;
    char found[80], size[32];
    if (statvfs(path, &v) != 0) {
        check(c, what, false, path, "the folder cannot be looked at");
        return;
    }
    const int64_t bytes = (int64_t)v.f_bavail * (int64_t)v.f_frsize;
    cli_format_size(bytes, size);
    snprintf(found, sizeof found, "%s free", size);
    check(c, what, bytes > (int64_t)1 << 28, found, "free space: less than 256 MiB is left");
}

static void check_clock(struct checkup *c) {
    const time_t now = time(NULL);
    struct tm utc;
    char found[40];
    gmtime_r(&now, &utc);
    strftime(found, sizeof found, "%Y-%m-%dT%H:%M:%SZ", &utc);
    check(c, "clock", now > 1735689600, found,
          "the clock is before 2025: set it, start positions by time depend on it");
}

static void check_config(cli_context *ctx, const cli_args *args, struct checkup *c) {
    const char *given = cli_arg(args, "--config");
    char *found = NULL;
    pli_config *config = NULL;
    pli_error e = {0};
    if (!given && pli_config_find(NULL, &found, &e) != PLI_OK) {
        check(c, "job file", true, "none here", "");
        return;
    }
    const char *path = given ? given : found;
    if (pli_config_load(path, &config, &e) != PLI_OK)
        check(c, "job file", false, e.message, "mend the file; `pli validate` says more");
    else if (pli_config_problem_count(config))
        check(c, "job file", false, pli_config_problem_at(config, 0, NULL),
              "`pli validate` lists all problems with their lines");
    else check(c, "job file", true, path, "");
    for (size_t i = 0; config && i < pli_config_job_count(config); i++) {
        const pli_job_spec *spec = pli_config_job(config, pli_config_job_name(config, i));
        const char *source = pli_job_spec_source_path(spec);
        if (!source || strpbrk(source, "*?[")) continue;
        char what[300];
        snprintf(what, sizeof what, "%s: source", pli_job_spec_name(spec));
        check(c, what, access(source, R_OK) == 0, source, "the source is missing or may not be read");
    }
    (void)ctx;
    pli_free(found);
    pli_config_free(config);
}

int cli_cmd_doctor(cli_context *ctx, const cli_args *args) {
    struct checkup c = {.rows = cli_rows_begin(ctx, stdout)};
    if (!c.rows) return 1;
    check(&c, "library", true, pli_version(), "");
    check_engine(&c);
    check_clock(&c);
    check_disk(&c, "disk of this folder", ".");
    const char *tmp = getenv("TMPDIR");
    tmp = tmp && *tmp ? tmp : "/tmp";
    check_disk(&c, "disk for spilling", tmp);
    check(&c, "spill folder", access(tmp, W_OK) == 0, tmp, "the folder may not be written: set TMPDIR or --spill-dir");
    check_config(ctx, args, &c);
    const size_t bad = c.bad;
    return cli_rows_end(c.rows, true) && bad == 0 ? 0 : 1;
}

int cli_cmd_completion(cli_context *ctx, const cli_args *args) {
    if (cli_completion(args->words[0], stdout) == 0) return 0;
    cli_usage(ctx, "shell '%s' is unknown: expected bash, zsh or fish", args->words[0]);
    return cli_fail(ctx);
}

int cli_cmd_help(cli_context *ctx, const cli_args *args) {
    char topic[64] = "";
    if (args->n_words)
        snprintf(topic, sizeof topic, args->n_words > 1 ? "%.30s %.30s" : "%.30s", args->words[0],
                 args->n_words > 1 ? args->words[1] : "");
    if (cli_help(topic, stdout) == 0) return 0;
    cli_usage(ctx, "there is no command '%s'", topic);
    return cli_fail(ctx);
}

/* ---- reference pages ---- */

static void reference_options(void) {
    printf(
        "# Job file reference\n\nMade by `pli reference job-file` from the table of options; do not edit by hand.\n\n"
        "A job file is YAML (or JSON of the same shape): `version: 1`, `defaults:` (options for all jobs), `jobs:` (options by job name).\n"
        "`${VAR}` and `${VAR:-default}` are replaced in values. Relative paths are relative to the file's folder.\n\n"
        "| option | type | default | flag of `pli ingest` | what it does |\n|---|---|---|---|---|\n");
    for (size_t i = 0; i < pli_option_count(); i++) {
        const pli_option_info *o = pli_option_at(i);
        printf("| `%s` | ", o->key);
        for (const char *p = o->choices[0] ? o->choices : o->type; *p; p++)
            fputs(*p == '|' ? ", " : (char[]){*p, '\0'}, stdout);
        printf(" | %s%s%s | %s%s%s | %s |\n", *o->def ? "`" : "", o->def, *o->def ? "`" : "", *o->flag ? "`" : "",
               o->flag, *o->flag ? "`" : "", o->help);
    }
}

static void reference_reader_options(void) {
    static const char *const formats[] = {"csv", "ndjson", "json", "parquet", "avro", "excel", "text", "binary"};
    printf("\n## Options of the readers\n\nMembers of `source.options`, or `--option KEY=VALUE` of `pli ingest`.\n\n"
           "| option | formats | type | default | what it does |\n|---|---|---|---|---|\n");
    pli_reader_option_info o;
    for (size_t i = 0; pli_reader_option_at(i, &o); i++) {
        printf("| `%s` |", o.name);
        const char *between = " ";
        for (size_t k = 0; k < sizeof formats / sizeof formats[0]; k++) {
            if (!pli_reader_option_is_for(i, formats[k])) continue;
            printf("%s%s", between, formats[k]);
            between = ", ";
        }
        printf(" | %s | %s | ", o.type, o.def);
        for (const char *p = o.help; *p; p++) fputs(*p == '|' ? "\\|" : (char[]){*p, '\0'}, stdout);
        puts(" |");
    }
}

static void reference_errors(void) {
    printf(
        "# Error codes\n\nMade by `pli reference errors`; do not edit by hand. `pli explain CODE` shows the same.\n\n"
        "| code | exit | meaning | what to do |\n|---|---|---|---|\n");
    for (size_t i = 0; i < N_CODES; i++)
        printf("| `%s` | %d | %s | %s |\n", codes[i].name, pli_status_exit_code(codes[i].code),
               pli_status_text(codes[i].code), pli_status_hint(codes[i].code));
}

static void reference_commands(void) {
    size_t n;
    const cli_command *all = cli_commands(&n);
    printf("# Commands\n\nMade by `pli reference commands`; do not edit by hand.\n");
    for (size_t i = 0; i < n; i++) {
        printf("\n## pli %s\n\n```\n", all[i].name);
        cli_help_command(&all[i], stdout);
        printf("```\n");
    }
}

int cli_cmd_reference(cli_context *ctx, const cli_args *args) {
    const char *page = args->words[0];
    if (strcmp(page, "job-file") == 0) reference_options(), reference_reader_options();
    else if (strcmp(page, "errors") == 0) reference_errors();
    else if (strcmp(page, "commands") == 0) reference_commands();
    else if (strcmp(page, "man") == 0) return cli_manual(stdout);
    else {
        cli_usage(ctx, "there is no reference page '%s': expected job-file, errors, commands or man", page);
        return cli_fail(ctx);
    }
    return 0;
}
