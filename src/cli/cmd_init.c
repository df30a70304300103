/* `pli init`: a commented job file, sample data, and what to run next. Existing files are never overwritten. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cmd.h"
#include "cli/text.h"

static const char job_file[] =
    "# A job reads what is new in its source and appends it to a Delta table, each input exactly once.\n"
    "# `pli validate` checks this file, `pli plan` says what a run would read, `pli run` runs.\n"
    "version: 1\n"
    "\n"
    "defaults:\n"
    "  memory: 2GiB            # the engine spills to disk above this\n"
    "\n"
    "jobs:\n"
    "  orders:\n"
    "    source:\n"
    "      format: csv         # csv json ndjson parquet avro excel text binary delta auto\n"
    "      path: data/orders   # folder, file or glob\n"
    "      options: {header: true, delimiter: \",\"}\n"
    "      max_files_per_trigger: 100\n"
    "    schema:\n"
    "      mode: add_new_columns    # strict add_new_columns coerce type_widen\n"
    "      rescue_mode: column      # values that do not fit go to _rescued_data instead of failing\n"
    "    transform:\n"
    "      sql: SELECT *, amount * 1.2 AS gross, _metadata.file_name AS file FROM input\n"
    "    sink:\n"
    "      format: delta\n"
    "      path: table/orders\n"
    "      merge_schema: true\n"
    "    checkpoint: checkpoint/orders\n";

static const char sample_one[] =
    "order_id,ordered_at,customer,amount\n1,2026-01-01T09:00:00Z,Ada,12.50\n2,2026-01-01T09:05:00Z,Grace,7.25\n"
    "3,2026-01-01T09:30:00Z,Linus,99.90\n";
static const char sample_two[] =
    "order_id,ordered_at,customer,amount\n4,2026-01-02T08:00:00Z,Barbara,3.10\n5,2026-01-02T10:45:00Z,Ada,41.00\n";

static bool make_dir(cli_context *ctx, const char *path) {
    if (mkdir(path, 0777) == 0 || errno == EEXIST) return true;
    cli_format_error(&ctx->error, PLI_E_IO, "could not make folder '%s': %s", path, strerror(errno));
    return false;
}

/* A missing folder is made with those above it. */
static bool make_dirs(cli_context *ctx, const char *path) {
    char part[4096];
    if (strlen(path) >= sizeof part) return cli_usage(ctx, "the path is too long"), false;
    for (size_t i = 1; path[i]; i++) {
        if (path[i] != '/') continue;
        memcpy(part, path, i);
        part[i] = '\0';
        if (!make_dir(ctx, part)) return false;
    }
    return make_dir(ctx, path);
}

static bool write_new(cli_context *ctx, const char *dir, const char *name, const char *text) {
    char path[4400];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0) {
        cli_format_error(&ctx->error, errno == EEXIST ? PLI_E_EXISTS : PLI_E_IO, "could not write '%s': %s", path,
                         strerror(errno));
        return false;
    }
    const size_t n = strlen(text);
    const bool ok = write(fd, text, n) == (ssize_t)n;
    if (!ok) cli_format_error(&ctx->error, PLI_E_IO, "could not write '%s': %s", path, strerror(errno));
    return close(fd) == 0 && ok;
}

int cli_cmd_init(cli_context *ctx, const cli_args *args) {
    const char *dir = args->n_words ? args->words[0] : ".";
    char data[4200];
    snprintf(data, sizeof data, "%.4000s/data/orders", dir);
    if (ctx->dry_run) {
        printf("%s/pli.yaml\n%s/2026-01-01.csv\n%s/2026-01-02.csv\n", dir, data, data);
        return 0;
    }
    if (!make_dirs(ctx, dir) || !write_new(ctx, dir, "pli.yaml", job_file) || !make_dirs(ctx, data) ||
        !write_new(ctx, data, "2026-01-01.csv", sample_one) || !write_new(ctx, data, "2026-01-02.csv", sample_two))
        return cli_fail(ctx);
    printf("made %s/pli.yaml and sample data in %s\n\nnext:\n", dir, data);
    if (strcmp(dir, ".") != 0) printf("  cd %s\n", dir);
    printf("  pli plan\n  pli run\n  pli delta read table/orders\n");
    return 0;
}
