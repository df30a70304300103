/* The table of commands. Commands of one group stand together. */
#include "cli/cmd.h"

static const cli_flag job_flags[] = {CLI_FLAG_CONFIG, CLI_FLAGS_LIMITS, CLI_END};

static const cli_flag run_flags[] = {
    CLI_FLAG_CONFIG,
    {"--once", NULL, "at most one batch", NULL, 0},
    {"--available-now", NULL, "all that is there at the start, in batches (default)", NULL, 0},
    {"--interval", "D", "run every D, for ever", NULL, 0},
    {"--continuous", NULL, "run when something changes, for ever", NULL, 0},
    {"--max-batches", "N", "stop after N batches", NULL, 0},
    {"--until-idle", "N", "stop after N polls in a row that found nothing", NULL, 0},
    {"--on-error", "WHAT", "interval and continuous runs: what to do after a failure", "stop|retry", 0},
    {"--max-retries", "N", "give up after N failures in a row", NULL, 0},
    {"--lock-timeout", "D", "how long to wait for another run of the job; default 0", NULL, 0},
    CLI_FLAGS_LIMITS,
    CLI_END,
};

static const cli_flag plan_flags[] = {
    CLI_FLAG_CONFIG,
    {"--no-schema", NULL, "do not look into the files for schema changes", NULL, 0},
    CLI_FLAGS_LIMITS,
    CLI_END,
};
static const cli_flag batches_flags[] = {CLI_FLAG_CONFIG, {"--limit", "N", "only the newest N", NULL, 0}, CLI_END};
static const cli_flag files_flags[] = {
    CLI_FLAG_CONFIG,
    {"--batch", "N", "only this batch", NULL, 0},
    {"--path", "P", "only paths that are or end with P", NULL, 0},
    CLI_END,
};
static const cli_flag config_flag[] = {CLI_FLAG_CONFIG, CLI_END};
static const cli_flag change_flags[] = {CLI_FLAG_CONFIG, CLI_FLAG_DRY_RUN, CLI_FLAG_YES, CLI_END};
static const cli_flag init_flags[] = {CLI_FLAG_DRY_RUN, CLI_END};

#define FLAGS_AT                                                                                                       \
    {"--version", "N", "this version; default: the newest", NULL, 0},                                                  \
        {"--timestamp", "TS", "the version that was current then (RFC 3339)", NULL, 0},                                \
        {"--ignore-checkpoints", NULL, "replay the JSON commits alone", NULL, 0}
#define FLAGS_ROWS                                                                                                     \
    {"--columns", "A,B", "these columns, in this order", NULL, 0},                                                     \
        {"--where", "SQL", "condition over the columns; files that cannot match are not read", NULL, 0},               \
        {"--limit", "N", "at most N rows", NULL, 0},                                                                   \
        {"--output", "FILE", "write a file; its ending picks parquet, csv, ndjson or json", NULL, 'o'}
static const cli_flag read_flags[] = {FLAGS_AT, FLAGS_ROWS, CLI_FLAGS_LIMITS, CLI_END};
static const cli_flag at_flags[] = {FLAGS_AT, CLI_FLAGS_LIMITS, CLI_END};
static const cli_flag changes_flags[] = {
    {"--from-version", "A", "first version", NULL, 0},
    {"--to-version", "B", "last version; default: the newest", NULL, 0},
    {"--from-timestamp", "TS", "from the first version at or after it", NULL, 0},
    {"--to-timestamp", "TS", "to the last version at or before it", NULL, 0},
    {"--synthesize", NULL, "derive changes where the feed was not enabled, by comparing removed with added files", NULL,
     0},
    FLAGS_ROWS,
    CLI_FLAGS_LIMITS,
    CLI_END,
};
static const cli_flag history_flags[] = {{"--limit", "N", "only the newest N", NULL, 0}, CLI_END};

#define FLAG_LOCK {"--lock-timeout", "D", "how long to wait for a run that holds the checkpoint; default 0", NULL, 0}
static const cli_flag promote_flags[] = {
    CLI_FLAG_CONFIG,
    {"--as", "NAME", "name of the column; default: the last name of PATH", NULL, 0},
    {"--type", "T", "SQL type of the column; default: the narrowest that takes every value", NULL, 0},
    FLAG_LOCK,
    CLI_FLAG_DRY_RUN,
    CLI_FLAGS_LIMITS,
    CLI_END,
};
#define FLAG_SINK {"--sink", "TABLE", "the sink; default: the one that the checkpoint is pinned to", NULL, 0}
static const cli_flag verify_flags[] = {FLAG_SINK, CLI_FLAGS_LIMITS, CLI_END};
static const cli_flag maintain_flags[] = {FLAG_LOCK, CLI_FLAG_DRY_RUN, CLI_FLAG_YES, CLI_END};
static const cli_flag accept_flags[] = {FLAG_SINK, FLAG_LOCK, CLI_FLAG_DRY_RUN, CLI_FLAG_YES, CLI_END};
static const cli_flag cleanup_flags[] = {
    {"--keep-last", "N", "keep the newest N batches", NULL, 0},
    {"--older-than", "D", "only batches whose records are older", NULL, 0},
    FLAG_LOCK,
    CLI_FLAG_DRY_RUN,
    CLI_FLAG_YES,
    CLI_END,
};
static const cli_flag truncate_flags[] = {
    {"--keep-through", "N", "last batch that stays; -1 for none", NULL, 0},
    FLAG_LOCK,
    CLI_FLAG_DRY_RUN,
    CLI_FLAG_YES,
    CLI_END,
};

#define FLAG_WHERE {"--where", "SQL", "condition over the columns", NULL, 0}
#define FLAG_COPY {"--copy-on-write", NULL, "rewrite files even where the table has deletion vectors", NULL, 0}
#define FLAG_PARTITIONS                                                                                                \
    {"--partition-by", "A,B", "partition columns of a table that is created (or overwritten with its schema)", NULL, 0}
static const cli_flag create_flags[] = {
    {"--schema", "STRUCT(…)", "columns with SQL types, or Delta's schema JSON", NULL, 0},
    FLAG_PARTITIONS,
    {"--property", "KEY=VALUE", "table property", NULL, 0},
    CLI_END,
};
static const cli_flag append_flags[] = {
    {"--merge-schema", NULL, "new columns are added to the table", NULL, 0},
    {"--overwrite", NULL, "replace the rows (all, or those of --where)", NULL, 0},
    {"--dynamic-partitions", NULL, "with --overwrite: replace the partitions that the new rows are in, no others", NULL,
     0},
    {"--overwrite-schema", NULL, "with --overwrite: the files' columns become the table's", NULL, 0},
    FLAG_WHERE,
    FLAG_PARTITIONS,
    CLI_FLAG_DRY_RUN,
    CLI_FLAGS_LIMITS,
    CLI_END,
};
static const cli_flag delete_flags[] = {FLAG_WHERE,   FLAG_COPY,        CLI_FLAG_DRY_RUN,
                                        CLI_FLAG_YES, CLI_FLAGS_LIMITS, CLI_END};
static const cli_flag update_flags[] = {{"--set", "COLUMN=EXPR", "new value; may be given several times", NULL, 0},
                                        FLAG_WHERE,
                                        FLAG_COPY,
                                        CLI_FLAG_DRY_RUN,
                                        CLI_FLAGS_LIMITS,
                                        CLI_END};
static const cli_flag merge_flags[] = {
    {"--on", "SQL", "condition over source. and target. columns", NULL, 0},
    {"--when", "CLAUSE",
     "such as \"MATCHED AND source.op = 'd' THEN DELETE\", \"MATCHED THEN UPDATE SET *\", \"NOT MATCHED THEN INSERT *\"; tried in this order",
     NULL, 0},
    {"--merge-schema", NULL, "columns of the source that the table lacks are added", NULL, 0},
    {"--write-mode", "MODE", "how rows leave their files; default auto: what writes less",
     "auto|deletion_vectors|copy_on_write", 0},
    CLI_FLAG_DRY_RUN,
    CLI_FLAGS_LIMITS,
    CLI_END};
static const cli_flag optimize_flags[] = {
    {"--zorder-by", "A,B", "lay rows out by these columns", NULL, 0},
    FLAG_WHERE,
    {"--target-size", "SIZE", "size that files aim at", NULL, 0},
    CLI_FLAG_DRY_RUN,
    CLI_FLAGS_LIMITS,
    CLI_END,
};
static const cli_flag vacuum_flags[] = {
    {"--retention", "D", "keep files that were removed within this time; default the table's, else 168h", NULL, 0},
    {"--allow-short", NULL, "allow a retention below 168h", NULL, 0},
    CLI_FLAG_DRY_RUN,
    CLI_FLAG_YES,
    CLI_END,
};
static const cli_flag restore_flags[] = {{"--version", "N", "this version", NULL, 0},
                                         {"--timestamp", "TS", "the version that was current then", NULL, 0},
                                         CLI_FLAG_DRY_RUN,
                                         CLI_END};
static const cli_flag convert_flags[] = {
    {"--partition-by", "A TYPE,…", "columns whose values the folders 'name=value' give", NULL, 0},
    {"--property", "KEY=VALUE", "table property", NULL, 0},
    {"--no-statistics", NULL, "count rows only; files are then not left out by conditions", NULL, 0},
    CLI_FLAG_DRY_RUN,
    CLI_FLAGS_LIMITS,
    CLI_END,
};
static const cli_flag drop_column_flags[] = {CLI_FLAG_YES, CLI_END};
static const cli_flag checkpoint_flags[] = {CLI_FLAG_DRY_RUN, CLI_FLAGS_LIMITS, CLI_END};
static const cli_flag compact_log_flags[] = {
    {"--from-version", "N", "first version; default the one behind the newest checkpoint", NULL, 0},
    {"--to-version", "N", "last version; default the newest", NULL, 0},
    CLI_FLAG_DRY_RUN,
    CLI_FLAGS_LIMITS,
    CLI_END,
};
static const cli_flag fsck_flags[] = {CLI_FLAG_DRY_RUN, CLI_FLAG_YES, CLI_FLAGS_LIMITS, CLI_END};
static const cli_flag plain_flags[] = {CLI_FLAGS_LIMITS, CLI_END};

static cli_command table[] = {
    {"ingest", "SRC DEST", "read what is new in SRC (files or a Delta table) into the Delta table DEST, then exit",
     "pli ingest data/raw data/delta/events --format csv --partition-by day", NULL, 2, 2, cli_cmd_ingest},
    {"init", "[DIR]", "write a commented pli.yaml and sample data", "pli init shop", init_flags, 0, 1, cli_cmd_init},
    {"validate", "[JOB…]", "check the job file, paths, formats and SQL; every error with its line",
     "pli validate -c pli.yaml", job_flags, 0, CLI_MANY, cli_cmd_validate},
    {"plan", "[JOB…]", "what the next run would read; changes nothing", "pli plan events --json", plan_flags, 0,
     CLI_MANY, cli_cmd_plan},
    {"run", "[JOB…]", "run jobs, all of the file by default", "pli run events --interval 5m", run_flags, 0, CLI_MANY,
     cli_cmd_run},
    {"status", "[JOB…]", "last batch, pending batch, backlog, rates, last error", "pli status --json", config_flag, 0,
     CLI_MANY, cli_cmd_status},
    {"batches", "JOB", "history of the batches of a job", "pli batches events --limit 10", batches_flags, 1, 1,
     cli_cmd_batches},
    {"files", "JOB", "where each file went: discovered, batch, committed at", "pli files events --path 2024-01-01.csv",
     files_flags, 1, 1, cli_cmd_files},
    {"checkpoint show", "DIR", "what a checkpoint holds", "pli checkpoint show data/checkpoints/events", NULL, 1, 1,
     cli_cmd_checkpoint_show},
    {"checkpoint verify", "DIR",
     "prove from checkpoint and table that every planned input landed once (findings: exit 5)",
     "pli checkpoint verify data/checkpoints/events", verify_flags, 1, 1, cli_cmd_checkpoint_verify},
    {"checkpoint cleanup", "DIR", "remove the records of old batches; what they read stays known",
     "pli checkpoint cleanup data/checkpoints/events --keep-last 100 --yes", cleanup_flags, 1, 1,
     cli_cmd_checkpoint_cleanup},
    {"checkpoint truncate", "DIR", "forget the newest batches: their inputs are read again",
     "pli checkpoint truncate data/checkpoints/events --keep-through 41", truncate_flags, 1, 1,
     cli_cmd_checkpoint_truncate},
    {"checkpoint reset-start", "DIR", "forget the start position",
     "pli checkpoint reset-start data/checkpoints/events --yes", maintain_flags, 1, 1, cli_cmd_checkpoint_reset_start},
    {"checkpoint reset-schema", "DIR", "forget the effective schema",
     "pli checkpoint reset-schema data/checkpoints/events --yes", maintain_flags, 1, 1,
     cli_cmd_checkpoint_reset_schema},
    {"checkpoint rebuild-index", "DIR", "make the file index anew from the records",
     "pli checkpoint rebuild-index data/checkpoints/events", maintain_flags, 1, 1, cli_cmd_checkpoint_rebuild_index},
    {"checkpoint accept", "DIR", "take the sink as it is now, ahead or behind",
     "pli checkpoint accept data/checkpoints/events --yes", accept_flags, 1, 1, cli_cmd_checkpoint_accept},
    {"checkpoint rebind", "DIR TABLE", "write to another sink from now on",
     "pli checkpoint rebind data/checkpoints/events data/delta/events2 --yes", maintain_flags, 2, 2,
     cli_cmd_checkpoint_rebind},
    {"schema show", "JOB", "the schema that a job has arrived at", "pli schema show events", config_flag, 1, 1,
     cli_cmd_schema_show},
    {"schema history", "JOB", "versions of the schema, with batch and reason", "pli schema history events --json",
     config_flag, 1, 1, cli_cmd_schema_history},
    {"schema diff", "JOB", "what the files that wait would change", "pli schema diff events", job_flags, 1, 1,
     cli_cmd_schema_diff},
    {"schema promote", "JOB PATH", "make a column of a rescued field, earlier rows included",
     "pli schema promote events address.zip --as zip --type VARCHAR --dry-run", promote_flags, 2, 2,
     cli_cmd_schema_promote},
    {"state ls", "JOB", "list the values of a job's state", "pli state ls events", config_flag, 1, 1, cli_cmd_state_ls},
    {"state get", "JOB KEY", "print a value", "pli state get events watermark", config_flag, 2, 2, cli_cmd_state_get},
    {"state set", "JOB KEY VALUE", "set a value (JSON, or a word)",
     "pli state set events watermark '{\"value\": \"2024-01-01\"}'", change_flags, 3, 3, cli_cmd_state_set},
    {"state rm", "JOB KEY", "remove a value", "pli state rm events watermark --yes", change_flags, 2, 2,
     cli_cmd_state_rm},
    {"delta read", "TABLE", "rows of a Delta table",
     "pli delta read data/delta/events --where \"day >= '2024-05-01'\" -o may.parquet", read_flags, 1, 1,
     cli_cmd_delta_read},
    {"delta changes", "TABLE", "change rows of a range of versions",
     "pli delta changes data/delta/events --from-version 3 --to-version 7", changes_flags, 1, 1, cli_cmd_delta_changes},
    {"delta detail", "TABLE", "version, protocol, schema, properties, size of a table",
     "pli delta detail data/delta/events --json", at_flags, 1, 1, cli_cmd_delta_detail},
    {"delta files", "TABLE", "active files of a table", "pli delta files data/delta/events --format ndjson", at_flags,
     1, 1, cli_cmd_delta_files},
    {"delta history", "TABLE", "commits of a table, newest first", "pli delta history data/delta/events --limit 5",
     history_flags, 1, 1, cli_cmd_delta_history},
    {"delta create", "TABLE", "make an empty table",
     "pli delta create t --schema 'id BIGINT NOT NULL, name VARCHAR' --partition-by name", create_flags, 1, 1,
     cli_cmd_delta_create},
    {"delta append", "TABLE FILE…",
     "add the rows of files (csv, ndjson, json, avro, xlsx, parquet by ending); text is read with the table's types",
     "pli delta append t new.parquet", append_flags, 2, CLI_MANY, cli_cmd_delta_append},
    {"delta delete", "TABLE", "delete rows", "pli delta delete t --where \"day < '2024-01-01'\"", delete_flags, 1, 1,
     cli_cmd_delta_delete},
    {"delta update", "TABLE", "change rows", "pli delta update t --set \"price=price * 1.1\" --where \"kind = 'a'\"",
     update_flags, 1, 1, cli_cmd_delta_update},
    {"delta merge", "TABLE SOURCE",
     "update, delete and insert by the rows of SOURCE (file, glob or Delta table), as SQL's MERGE does",
     "pli delta merge t changes.parquet --on \"source.id = target.id\" --when \"MATCHED THEN UPDATE SET *\" --when \"NOT MATCHED THEN INSERT *\"",
     merge_flags, 2, 2, cli_cmd_delta_merge},
    {"delta optimize", "TABLE", "put small files together", "pli delta optimize t --zorder-by customer,day",
     optimize_flags, 1, 1, cli_cmd_delta_optimize},
    {"delta vacuum", "TABLE", "delete files that nothing refers to", "pli delta vacuum t --retention 168h --dry-run",
     vacuum_flags, 1, 1, cli_cmd_delta_vacuum},
    {"delta restore", "TABLE", "make an older version the newest again", "pli delta restore t --version 12",
     restore_flags, 1, 1, cli_cmd_delta_restore},
    {"delta checkpoint", "TABLE", "write a checkpoint of the newest version, then clean the log by its retention",
     "pli delta checkpoint t", checkpoint_flags, 1, 1, cli_cmd_delta_checkpoint},
    {"delta compact-log", "TABLE", "put the newest commits together in one file beside them, for faster reading",
     "pli delta compact-log t --from-version 100", compact_log_flags, 1, 1, cli_cmd_delta_compact_log},
    {"delta fsck", "TABLE", "take files out of the table that are missing on disk; their rows are lost",
     "pli delta fsck t --dry-run", fsck_flags, 1, 1, cli_cmd_delta_fsck},
    {"delta set", "TABLE KEY=VALUE…", "set table properties", "pli delta set t delta.enableChangeDataFeed=true",
     plain_flags, 2, CLI_MANY, cli_cmd_delta_set},
    {"delta add-constraint", "TABLE NAME SQL", "add a CHECK constraint",
     "pli delta add-constraint t positive 'amount > 0'", plain_flags, 3, 3, cli_cmd_delta_add_constraint},
    {"delta drop-constraint", "TABLE NAME", "drop a CHECK constraint", "pli delta drop-constraint t positive",
     plain_flags, 2, 2, cli_cmd_delta_drop_constraint},
    {"delta add-column", "TABLE NAME TYPE", "add a column, null in all rows",
     "pli delta add-column t price 'DECIMAL(9,2)'", plain_flags, 3, 3, cli_cmd_delta_add_column},
    {"delta rename-column", "TABLE OLD NEW", "rename a column (the table needs delta.columnMapping.mode=name)",
     "pli delta rename-column t address.city town", plain_flags, 3, 3, cli_cmd_delta_rename_column},
    {"delta drop-column", "TABLE NAME", "drop a column (the table needs delta.columnMapping.mode=name)",
     "pli delta drop-column t price --yes", drop_column_flags, 2, 2, cli_cmd_delta_drop_column},
    {"delta convert", "FOLDER", "make a folder of Parquet files a table, in place",
     "pli delta convert data/events --partition-by 'day DATE, region VARCHAR'", convert_flags, 1, 1,
     cli_cmd_delta_convert},
    {"delta clone", "TABLE DEST", "make a table that shares the files of a version of another one",
     "pli delta clone data/delta/events /tmp/trial --version 12", restore_flags, 2, 2, cli_cmd_delta_clone},
    {"doctor", "", "versions, engine, permissions, clock, disk: what is wrong and how to mend it", "pli doctor",
     config_flag, 0, 0, cli_cmd_doctor},
    {"explain", "[CODE]", "what an error code means and what to do", "pli explain SINK_AHEAD", NULL, 0, 1,
     cli_cmd_explain},
    {"version", "", "versions of the command, the library and the engine", "pli version --json", NULL, 0, 0,
     cli_cmd_version},
    {"completion", "SHELL", "completion script for bash, zsh or fish",
     "pli completion bash > ~/.local/share/bash-completion/completions/pli", NULL, 1, 1, cli_cmd_completion},
    {"reference", "PAGE", "reference pages in Markdown (job-file, errors, commands) and the manual page (man)",
     "pli reference job-file", NULL, 1, 1, cli_cmd_reference},
    {"help", "[COMMAND]", "help on a command", "pli help run", NULL, 0, 2, cli_cmd_help},
};

const cli_command *cli_commands(size_t *n) {
    table[0].flags = cli_ingest_flags();
    *n = sizeof table / sizeof table[0];
    return table;
}
