/* The command `pli`: finds the command in the table, reads the common flags, runs it. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/text.h"

static const cli_flag common_flags[] = {
    {"--format", "FORMAT", "form of reports on stdout", "table|json|ndjson|csv", 0},
    {"--json", NULL, "short for --format json", NULL, 0},
    {"--quiet", NULL, "only errors on stderr", NULL, 'q'},
    {"--verbose", NULL, "more on stderr; twice for even more", NULL, 'v'},
    {"--no-progress", NULL, "no progress bar", NULL, 0},
    {"--log-format", "FORMAT", "form of lines on stderr", "text|json", 0},
    {"--help", NULL, "show help", NULL, 'h'},
    CLI_END,
};

const cli_flag *cli_common_flags(void) { return common_flags; }

/* The longest name that the words begin with: "delta read" before "delta". */
static const cli_command *find_command(int argc, char **argv, int *used) {
    size_t n;
    const cli_command *all = cli_commands(&n);
    for (int words = argc < 2 ? argc : 2; words > 0; words--) {
        char name[64];
        snprintf(name, sizeof name, words == 2 ? "%.30s %.30s" : "%.30s", argv[0], words == 2 ? argv[1] : "");
        for (size_t i = 0; i < n; i++)
            if (strcmp(all[i].name, name) == 0) {
                *used = words;
                return &all[i];
            }
    }
    return NULL;
}

static int unknown_command(cli_context *ctx, int argc, char **argv) {
    static const cli_command none = {"", "", "", "", NULL, 0, 0, NULL};
    const char *names[80];
    size_t n, count = 0;
    const cli_command *all = cli_commands(&n);
    char word[96];
    const bool group = argc > 1 && cli_is_group(argv[0]);
    snprintf(word, sizeof word, group ? "%.40s %.40s" : "%.40s", argv[0], group ? argv[1] : "");
    for (size_t i = 0; i < n && count < 80; i++) names[count++] = all[i].name;
    ctx->command = &none;
    cli_usage(ctx, "unknown command '%s'", word);
    const char *near = cli_nearest(word, names, count);
    if (near) cli_format_hint(&ctx->error, "did you mean 'pli %s'?", near);
    else cli_format_hint(&ctx->error, "see `pli help`");
    return cli_fail(ctx);
}

static bool read_format(cli_context *ctx, const cli_args *args) {
    static const char *const names[] = {"table", "json", "ndjson", "csv"};
    if (cli_has(args, "--json")) ctx->format = CLI_JSON;
    /* `pli ingest --format csv` names the input's format */
    for (const cli_flag *f = ctx->command->flags; f && f->name; f++)
        if (strcmp(f->name, "--format") == 0) return true;
    const char *text = cli_arg(args, "--format");
    if (!text) return true;
    for (size_t i = 0; i < 4; i++)
        if (strcmp(text, names[i]) == 0) {
            ctx->format = (cli_format)i;
            return true;
        }
    cli_usage(ctx, "format '%s' is unknown: expected table, json, ndjson or csv", text);
    return false;
}

static bool read_common(cli_context *ctx, const cli_args *args) {
    size_t at = 0;
    while (cli_arg_next(args, "--verbose", &at)) ctx->verbose++;
    ctx->quiet = cli_has(args, "--quiet");
    ctx->dry_run = cli_has(args, "--dry-run");
    ctx->yes = cli_has(args, "--yes");
    const char *log = cli_arg(args, "--log-format");
    if (log && strcmp(log, "json") != 0 && strcmp(log, "text") != 0)
        return cli_usage(ctx, "log format '%s' is unknown: expected text or json", log), false;
    ctx->log_json = log && strcmp(log, "json") == 0;
    const char *no_color = getenv("NO_COLOR");
    const bool terminal = isatty(STDERR_FILENO) && !ctx->log_json;
    ctx->color = terminal && isatty(STDOUT_FILENO) && !(no_color && *no_color);
    ctx->progress = terminal && !ctx->quiet && !cli_has(args, "--no-progress");
    return read_format(ctx, args);
}

static int run_command(cli_context *ctx, int argc, char **argv) {
    cli_args args = {0};
    /* errors of the command line itself follow --json too */
    for (int i = 0; i < argc; i++)
        if (strcmp(argv[i], "--json") == 0) ctx->format = CLI_JSON;
    int code;
    if (!cli_args_parse(ctx, argc, argv, &args) || !read_common(ctx, &args)) code = cli_fail(ctx);
    else if (cli_has(&args, "--help")) code = cli_help_command(ctx->command, stdout);
    else code = ctx->command->run(ctx, &args);
    cli_env_close(ctx);
    cli_args_clear(&args);
    if (fflush(stdout) != 0 && code == 0) code = 1;
    return code;
}

int main(int argc, char **argv) {
    cli_context ctx = {0};
    if (argc < 2) {
        cli_help(NULL, stderr);
        return 2;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("pli %s\n", pli_version());
        return 0;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) return cli_help(NULL, stdout);
    int used = 0;
    ctx.command = find_command(argc - 1, argv + 1, &used);
    if (!ctx.command && (argc == 2 || argv[2][0] == '-') && cli_is_group(argv[1]))
        return cli_help(argv[1], argc == 2 ? stderr : stdout), argc == 2 ? 2 : 0;
    if (!ctx.command) return unknown_command(&ctx, argc - 1, argv + 1);
    return run_command(&ctx, argc - 1 - used, argv + 1 + used);
}
