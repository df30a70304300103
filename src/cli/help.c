/* Help, completion and the manual page, all from the table of commands. */
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/text.h"

/* An entry of a list: its name, then what it is; long names stand out into the text. */
static void put_entry(const char *left, size_t width, const char *text, FILE *to) {
    const size_t has = cli_width(left);
    fprintf(to, "  %s%*s %s", left, has < width ? (int)(width - has) : 0, "", text);
}

static void put_flags(const cli_flag *flags, FILE *to) {
    for (const cli_flag *f = flags; f && f->name; f++) {
        char left[80];
        if (f->letter)
            snprintf(left, sizeof left, "-%c, %s%s%s", f->letter, f->name, f->arg ? " " : "", f->arg ? f->arg : "");
        else snprintf(left, sizeof left, "%s%s%s", f->name, f->arg ? " " : "", f->arg ? f->arg : "");
        put_entry(left, 30, f->help, to);
        fprintf(to, "%s%s%s\n", f->choices ? " (" : "", f->choices ? f->choices : "", f->choices ? ")" : "");
    }
}

int cli_help_command(const cli_command *c, FILE *to) {
    fprintf(to, "usage: pli %s%s%s [options]\n\n%s\n", c->name, *c->words ? " " : "", c->words, c->summary);
    if (c->flags && c->flags->name) {
        fputs("\noptions:\n", to);
        put_flags(c->flags, to);
    }
    fputs("\ncommon options:\n", to);
    put_flags(cli_common_flags(), to);
    fprintf(to, "\nexample:\n  %s\n", c->example);
    return 0;
}

static void help_all(FILE *to) {
    size_t n;
    const cli_command *all = cli_commands(&n);
    fputs(
        "pli: incremental ingestion into Delta tables, each input exactly once\n\nusage: pli COMMAND [options]\n\ncommands:\n",
        to);
    for (size_t i = 0; i < n; i++) {
        char left[120];
        snprintf(left, sizeof left, "%s %s", all[i].name, all[i].words);
        put_entry(left, 34, all[i].summary, to);
        fputc('\n', to);
    }
    fputs(
        "\n`pli help COMMAND` says more. Exit codes: 0 done, 1 failed, 2 usage, 3 some jobs failed, 4 schema or table feature,\n"
        "5 data-loss gap, 6 locked by another run, 78 invalid job file, 130/143 stopped by a signal.\n",
        to);
}

/* "delta" alone lists what begins with it. */
static int help_group(const char *topic, FILE *to) {
    size_t n, found = 0;
    const cli_command *all = cli_commands(&n);
    const size_t len = strlen(topic);
    for (size_t i = 0; i < n; i++) {
        if (strncmp(all[i].name, topic, len) != 0 || (all[i].name[len] != ' ' && all[i].name[len] != '\0')) continue;
        if (all[i].name[len] == '\0') return cli_help_command(&all[i], to);
        if (!found++) fprintf(to, "usage: pli %s COMMAND [options]\n\n", topic);
        char left[120];
        snprintf(left, sizeof left, "%s %s", all[i].name, all[i].words);
        put_entry(left, 44, all[i].summary, to);
        fputc('\n', to);
    }
    return found ? 0 : 2;
}

bool cli_is_group(const char *topic) {
    size_t n;
    const cli_command *all = cli_commands(&n);
    const size_t len = strlen(topic);
    for (size_t i = 0; i < n; i++)
        if (strncmp(all[i].name, topic, len) == 0 && all[i].name[len] == ' ') return true;
    return false;
}

int cli_help(const char *topic, FILE *to) {
    if (topic && *topic) return help_group(topic, to);
    help_all(to);
    return 0;
}

/* First words of commands, each once, then the second words of groups. */
static void put_words(FILE *to, const char *group) {
    size_t n;
    const cli_command *all = cli_commands(&n);
    const size_t len = strlen(group);
    for (size_t i = 0; i < n; i++) {
        const char *name = all[i].name;
        if (len && (strncmp(name, group, len) != 0 || name[len] != ' ')) continue;
        if (len) name += len + 1;
        const size_t word = strcspn(name, " ");
        const bool repeated = !len && i > 0 && strncmp(all[i - 1].name, name, word) == 0 &&
                              (all[i - 1].name[word] == ' ' || !all[i - 1].name[word]);
        if (!repeated) fprintf(to, "%.*s ", (int)word, name);
    }
}

static void put_flag_words(FILE *to, const cli_command *c) {
    for (const cli_flag *f = c->flags; f && f->name; f++) fprintf(to, "%s ", f->name);
    for (const cli_flag *f = cli_common_flags(); f->name; f++) fprintf(to, "%s ", f->name);
}

static void completion_bash(FILE *to) {
    size_t n;
    const cli_command *all = cli_commands(&n);
    fputs("# bash completion of pli\n_pli() {\n  local cur=${COMP_WORDS[COMP_CWORD]} cmd=\"${COMP_WORDS[1]}\" words=\n"
          "  if [ \"$COMP_CWORD\" -eq 1 ]; then words=\"",
          to);
    put_words(to, "");
    fputs("\"\n  elif [ \"$COMP_CWORD\" -eq 2 ]; then case \"$cmd\" in\n", to);
    static const char *const groups[] = {"delta", "checkpoint", "schema", "state", "completion"};
    for (size_t i = 0; i < 4; i++) {
        fprintf(to, "    %s) words=\"", groups[i]);
        put_words(to, groups[i]);
        fputs("\" ;;\n", to);
    }
    fputs(
        "    completion) words=\"bash zsh fish\" ;;\n  esac; fi\n  case \"$cur\" in -*) case \"$cmd ${COMP_WORDS[2]}\" in\n",
        to);
    for (size_t i = 0; i < n; i++) {
        fprintf(to, "    \"%s\"*) words=\"", all[i].name);
        put_flag_words(to, &all[i]);
        fputs("\" ;;\n", to);
    }
    fputs("  esac ;; esac\n  COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
          "  [ ${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- \"$cur\"))\n}\ncomplete -F _pli pli\n",
          to);
}

static void completion_fish(FILE *to) {
    size_t n;
    const cli_command *all = cli_commands(&n);
    fputs("# fish completion of pli\n", to);
    for (size_t i = 0; i < n; i++) {
        const char *space = strchr(all[i].name, ' ');
        if (space)
            fprintf(to, "complete -c pli -n '__fish_seen_subcommand_from %.*s' -a %s -d \"%s\"\n",
                    (int)(space - all[i].name), all[i].name, space + 1, all[i].summary);
        else fprintf(to, "complete -c pli -n __fish_use_subcommand -a %s -d \"%s\"\n", all[i].name, all[i].summary);
        for (const cli_flag *f = all[i].flags; f && f->name; f++)
            fprintf(to, "complete -c pli -n '__fish_seen_subcommand_from %s' -l %s -d \"%s\"%s\n",
                    space ? space + 1 : all[i].name, f->name + 2, f->help, f->arg ? " -r" : "");
    }
}

int cli_completion(const char *shell, FILE *to) {
    if (strcmp(shell, "bash") == 0) completion_bash(to);
    else if (strcmp(shell, "zsh") == 0) {
        fputs("#compdef pli\nautoload -U +X bashcompinit && bashcompinit\n", to);
        completion_bash(to);
    } else if (strcmp(shell, "fish") == 0) completion_fish(to);
    else return 2;
    return 0;
}

static void put_roff(const char *text, FILE *to) {
    for (const char *p = text; *p; p++) {
        if (*p == '-' || *p == '\\') fputc('\\', to);
        fputc(*p, to);
    }
}

static void manual_flags(const cli_flag *flags, FILE *to) {
    for (const cli_flag *f = flags; f && f->name; f++) {
        fputs(".TP\n.B ", to);
        put_roff(f->name, to);
        fprintf(to, "%s%s\n", f->arg ? " " : "", f->arg ? f->arg : "");
        put_roff(f->help, to);
        fputc('\n', to);
    }
}

int cli_manual(FILE *to) {
    size_t n;
    const cli_command *all = cli_commands(&n);
    fprintf(
        to,
        ".TH PLI 1 \"\" \"polars-incremental %s\" \"User commands\"\n.SH NAME\npli \\- incremental ingestion into Delta tables\n",
        pli_version());
    fputs(".SH SYNOPSIS\n.B pli\nCOMMAND [options]\n.SH COMMANDS\n", to);
    for (size_t i = 0; i < n; i++) {
        fprintf(to, ".SS pli %s ", all[i].name);
        put_roff(all[i].words, to);
        fputc('\n', to);
        put_roff(all[i].summary, to);
        fputs("\n.PP\nExample:\n", to);
        put_roff(all[i].example, to);
        fputc('\n', to);
        manual_flags(all[i].flags, to);
    }
    fputs(".SH COMMON OPTIONS\n", to);
    manual_flags(cli_common_flags(), to);
    fputs(
        ".SH EXIT STATUS\n0 done; 1 failed; 2 usage; 3 some jobs failed; 4 schema policy or table feature; 5 data-loss gap; "
        "6 locked by another run; 78 invalid job file; 130, 143 stopped by a signal\n",
        to);
    return 0;
}
