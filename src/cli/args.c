/* Command lines: words and flags of one command against its table. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/text.h"

static const cli_flag *find_in(const cli_flag *flags, const char *name, size_t len) {
    for (const cli_flag *f = flags; f && f->name; f++)
        if (strlen(f->name) == len && memcmp(f->name, name, len) == 0) return f;
    return NULL;
}

static const cli_flag *find_letter(const cli_flag *flags, char letter) {
    for (const cli_flag *f = flags; f && f->name; f++)
        if (f->letter == letter) return f;
    return NULL;
}

static const cli_flag *find_flag(const cli_command *c, const char *name, size_t len) {
    const cli_flag *f = find_in(c->flags, name, len);
    return f ? f : find_in(cli_common_flags(), name, len);
}

static bool unknown_flag(cli_context *ctx, const char *flag) {
    const char *names[160];
    size_t n = 0;
    const cli_flag *tables[] = {ctx->command->flags, cli_common_flags()};
    for (size_t t = 0; t < 2; t++)
        for (const cli_flag *f = tables[t]; f && f->name && n < 160; f++) names[n++] = f->name;
    cli_usage(ctx, "unknown option '%s'", flag);
    const char *near = cli_nearest(flag, names, n);
    if (near) cli_format_hint(&ctx->error, "did you mean '%s'?", near);
    else cli_format_hint(&ctx->error, "see `pli help %s`", ctx->command->name);
    return false;
}

static void add_value(cli_args *a, const cli_flag *flag, const char *text) {
    a->values[a->n_values++] = (cli_value){flag, text};
}

/* --name VALUE or --name=VALUE. @return false with an error */
static bool parse_long(cli_context *ctx, int argc, char **argv, int *i, cli_args *a) {
    const char *arg = argv[*i];
    const size_t len = strcspn(arg, "=");
    const cli_flag *f = find_flag(ctx->command, arg, len);
    if (!f) return unknown_flag(ctx, arg);
    if (!f->arg) {
        if (arg[len] == '=') return cli_usage(ctx, "option '%s' takes no value", f->name), false;
        add_value(a, f, "");
        return true;
    }
    if (arg[len] == '=') {
        add_value(a, f, arg + len + 1);
        return true;
    }
    if (*i + 1 >= argc) return cli_usage(ctx, "option '%s' needs a value %s", f->name, f->arg), false;
    add_value(a, f, argv[++*i]);
    return true;
}

/* -v, -vv, -o FILE, -oFILE. */
static bool parse_short(cli_context *ctx, int argc, char **argv, int *i, cli_args *a) {
    for (const char *p = argv[*i] + 1; *p; p++) {
        const cli_flag *f = find_letter(ctx->command->flags, *p);
        if (!f) f = find_letter(cli_common_flags(), *p);
        if (!f) return unknown_flag(ctx, argv[*i]);
        if (!f->arg) {
            add_value(a, f, "");
            continue;
        }
        if (p[1]) {
            add_value(a, f, p + 1);
            return true;
        }
        if (*i + 1 >= argc) return cli_usage(ctx, "option '-%c' needs a value %s", *p, f->arg), false;
        add_value(a, f, argv[++*i]);
    }
    return true;
}

static bool check_words(cli_context *ctx, const cli_args *a) {
    if (cli_has(a, "--help")) return true;
    if (a->n_words < ctx->command->min_words)
        return cli_usage(ctx, "too few arguments: pli %s %s", ctx->command->name, ctx->command->words), false;
    if (a->n_words > ctx->command->max_words)
        return cli_usage(ctx, "unexpected argument '%s'", a->words[ctx->command->max_words]), false;
    return true;
}

bool cli_args_parse(cli_context *ctx, int argc, char **argv, cli_args *out) {
    size_t letters = (size_t)argc + 1;
    for (int i = 0; i < argc; i++) letters += argv[i][0] == '-' && argv[i][1] != '-' ? strlen(argv[i]) : 0;
    out->words = calloc((size_t)argc + 1, sizeof *out->words);
    out->values = calloc(letters, sizeof *out->values);
    if (!out->words || !out->values) return cli_usage(ctx, "out of memory"), false;
    bool only_words = false;
    for (int i = 0; i < argc; i++) {
        const char *arg = argv[i];
        if (!only_words && strcmp(arg, "--") == 0) only_words = true;
        else if (!only_words && arg[0] == '-' && arg[1] == '-') {
            if (!parse_long(ctx, argc, argv, &i, out)) return false;
        } else if (!only_words && arg[0] == '-' && arg[1]) {
            if (!parse_short(ctx, argc, argv, &i, out)) return false;
        } else out->words[out->n_words++] = arg;
    }
    return check_words(ctx, out);
}

void cli_args_clear(cli_args *a) {
    free(a->words);
    free(a->values);
    *a = (cli_args){0};
}

const char *cli_arg(const cli_args *a, const char *flag) {
    for (size_t i = a->n_values; i > 0; i--)
        if (strcmp(a->values[i - 1].flag->name, flag) == 0) return a->values[i - 1].text;
    return NULL;
}

bool cli_has(const cli_args *a, const char *flag) { return cli_arg(a, flag) != NULL; }

const char *cli_arg_next(const cli_args *a, const char *flag, size_t *at) {
    while (*at < a->n_values) {
        const cli_value *v = &a->values[(*at)++];
        if (strcmp(v->flag->name, flag) == 0) return v->text;
    }
    return NULL;
}

bool cli_arg_i64(cli_context *ctx, const cli_args *a, const char *flag, int64_t least, int64_t *out) {
    const char *text = cli_arg(a, flag);
    if (!text) return true;
    char *end;
    errno = 0;
    const long long n = strtoll(text, &end, 10);
    if (errno || *end || end == text || n < least)
        return cli_usage(ctx, "option '%s' needs a number from %lld, not '%s'", flag, (long long)least, text), false;
    *out = n;
    return true;
}

size_t cli_split(const char *text, char ***out) {
    *out = NULL;
    if (!text || !*text) return 0;
    size_t n = 1;
    for (const char *p = text; *p; p++) n += *p == ',';
    const size_t head = n * sizeof(char *);
    char **items = malloc(head + strlen(text) + 1);
    if (!items) return 0;
    char *copy = (char *)items + head;
    memcpy(copy, text, strlen(text) + 1);
    for (size_t i = 0; i < n; i++) {
        const size_t len = strcspn(copy, ",");
        items[i] = copy;
        copy[len] = '\0';
        copy += len + 1;
    }
    *out = items;
    return n;
}

static size_t distance(const char *a, const char *b) {
    size_t row[65];
    const size_t n = strlen(b);
    if (strlen(a) > 64 || n > 64) return 64;
    for (size_t j = 0; j <= n; j++) row[j] = j;
    for (size_t i = 0; a[i]; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < n; j++) {
            const size_t above = row[j + 1];
            size_t best = diagonal + (a[i] != b[j]);
            if (above + 1 < best) best = above + 1;
            if (row[j] + 1 < best) best = row[j] + 1;
            row[j + 1] = best;
            diagonal = above;
        }
    }
    return row[n];
}

const char *cli_nearest(const char *word, const char *const *names, size_t n) {
    const char *best = NULL;
    size_t least = 4;
    for (size_t i = 0; i < n; i++) {
        const size_t d = distance(word, names[i]);
        if (d < least && d * 2 < strlen(names[i])) least = d, best = names[i];
    }
    return best;
}
