/*
 * The shape of a command: one table entry makes the parser, --help, completion, the manual page and the reference.
 * The command uses only the public headers of libpli.
 */
#ifndef PLI_CLI_COMMAND_H
#define PLI_CLI_COMMAND_H

#include <stdbool.h>
#include <stdio.h>

#include "pli/config.h"
#include "pli/env.h"

typedef struct cli_flag {
    const char *name;    /* "--format" */
    const char *arg;     /* name of its value ("FORMAT"), NULL for a switch */
    const char *help;
    const char *choices; /* "a|b" for completion, or NULL */
    char letter;         /* short form, 0 = none */
} cli_flag;

typedef struct cli_value {
    const cli_flag *flag;
    const char *text; /* NULL for a switch */
} cli_value;

/* A parsed command line. */
typedef struct cli_args {
    const char **words; /* positional */
    size_t n_words;
    cli_value *values;
    size_t n_values;
} cli_args;

typedef enum { CLI_TABLE, CLI_JSON, CLI_NDJSON, CLI_CSV } cli_format;

typedef struct cli_context {
    const struct cli_command *command;
    cli_format format;
    bool color, progress, quiet, log_json, dry_run, yes;
    int verbose;
    pli_env *env; /* made by cli_env on first use */
    pli_error error;
} cli_context;

typedef struct cli_command {
    const char *name;    /* "run", "delta read" */
    const char *words;   /* usage of the positional arguments: "[JOB…]" */
    const char *summary; /* one line */
    const char *example; /* shown by --help */
    const cli_flag *flags; /* ended by a NULL name; may be NULL */
    size_t min_words, max_words;
    int (*run)(cli_context *ctx, const cli_args *args); /* @return exit code */
} cli_command;

#define CLI_MANY ((size_t)1 << 20)
#define CLI_END {NULL, NULL, NULL, NULL, 0}

/* commands.c */
const cli_command *cli_commands(size_t *n);
const cli_flag *cli_common_flags(void); /* accepted by every command */

/* args.c */
/** Parse argv behind the command's name. @return false with a USAGE error in ctx */
bool cli_args_parse(cli_context *ctx, int argc, char **argv, cli_args *out);
void cli_args_clear(cli_args *a);
/** Last value of a flag; NULL if it was not given; "" for a switch. */
const char *cli_arg(const cli_args *a, const char *flag);
bool cli_has(const cli_args *a, const char *flag);
/** Next value of a repeatable flag; start with *at = 0. NULL at the end. */
const char *cli_arg_next(const cli_args *a, const char *flag, size_t *at);
/** Value as a number from `least`; *out keeps its value if the flag is absent. @return false with an error in ctx */
bool cli_arg_i64(cli_context *ctx, const cli_args *a, const char *flag, int64_t least, int64_t *out);
/** "a,b,c" split; the array and its texts are one allocation. @return number; *out NULL for none */
size_t cli_split(const char *text, char ***out);
/** Nearest of the names, or NULL. */
const char *cli_nearest(const char *word, const char *const *names, size_t n);

/* output.c */
/** Rows of a report in the format asked for; use cli_rows_add as pli_row_fn. */
typedef struct cli_rows cli_rows;
cli_rows *cli_rows_begin(cli_context *ctx, FILE *to);
/** The columns of a table or CSV, ended by NULL, where the first row may lack some; JSON is not changed. */
bool cli_rows_columns(cli_rows *rows, const char *const *names);
/** Did any row come? */
bool cli_rows_any(const cli_rows *rows);
int cli_rows_add(void *rows, const char *json, size_t len);
/** Print what is buffered and free. @param complete false: the report failed, what is buffered is dropped @return false if writing failed */
bool cli_rows_end(cli_rows *rows, bool complete);
/** One object: as it is in JSON, "key  value" lines in a table. @return exit code */
int cli_print_object(cli_context *ctx, const char *json);

/* report.c */
/** Print ctx->error the way scripts rely on. @return its exit code */
int cli_fail(cli_context *ctx);
__attribute__((format(printf, 2, 3))) int cli_usage(cli_context *ctx, const char *fmt, ...);
/** A line for people on stderr, unless quiet. */
__attribute__((format(printf, 2, 3))) void cli_say(const cli_context *ctx, const char *fmt, ...);
/** The environment with the limits of the spec (may be NULL) and of the flags; signals are routed to it. */
pli_env *cli_env(cli_context *ctx, const pli_job_spec *spec, const cli_args *args);
/** Close the environment before the next one is made. */
void cli_env_close(cli_context *ctx);
/** Ask on a terminal, else demand --yes. @return true to go on; false with an error in ctx */
bool cli_confirm(cli_context *ctx, const char *question);
/** Exit code of a run that a signal stopped (130, 143), 0 if none came. */
int cli_signal_exit(void);
/** Tell whoever sends a signal that the batch at hand is finished first, while there is one. */
void cli_signal_finishes(const cli_context *ctx, bool batch);

/* progress.c */
struct pli_run;
/** Show the progress of a run from now on (a bar on a terminal, nothing elsewhere); stop before the run is freed. */
void cli_progress_start(cli_context *ctx, struct pli_run *run, const char *job);
void cli_progress_stop(cli_context *ctx);
/** Take the bar away, so that a line can be printed; it comes back by itself. */
void cli_progress_hide(cli_context *ctx);

/* jobs.c */
/** A job with its environment, from the job file or the command line. */
typedef struct cli_jobs {
    pli_config *config;
    pli_job_spec *own;      /* ingest: made from flags */
    const char **names;
    pli_job_spec **specs;
    size_t n;
} cli_jobs;
/** The jobs named on the command line, or all of the file. @return false with an error in ctx */
bool cli_jobs_open(cli_context *ctx, const cli_args *args, cli_jobs *out);
/** The one job that the command is about (words[0]). */
bool cli_job_open(cli_context *ctx, const cli_args *args, cli_jobs *out);
void cli_jobs_close(cli_jobs *jobs);
/** Flags that many commands share. */
#define CLI_FLAG_CONFIG {"--config", "FILE", "job file; default: pli.yaml here or in a folder above", NULL, 'c'}
#define CLI_FLAGS_LIMITS                                                                                               \
    {"--memory", "SIZE", "memory that the engine may use", NULL, 0},                                                   \
        {"--threads", "N", "threads that the engine may use", NULL, 0},                                                \
        {"--spill-dir", "DIR", "folder for data that does not fit in memory", NULL, 0},                                \
        {"--timezone", "ZONE", "zone of texts without one; default PLI_TIMEZONE, else UTC", NULL, 0}
#define CLI_FLAG_DRY_RUN {"--dry-run", NULL, "show what would be done, change nothing", NULL, 0}
#define CLI_FLAG_YES {"--yes", NULL, "do not ask", NULL, 'y'}

/* help.c */
int cli_help(const char *topic, FILE *to);
/** True if commands of two words begin with this one. */
bool cli_is_group(const char *topic);
int cli_help_command(const cli_command *c, FILE *to);
int cli_completion(const char *shell, FILE *to);
int cli_manual(FILE *to);

#endif
