/* The functions behind the table of commands, and what they share. */
#ifndef PLI_CLI_CMD_H
#define PLI_CLI_CMD_H

#include "cli/command.h"
#include "pli/job.h"

int cli_cmd_run(cli_context *ctx, const cli_args *args);
int cli_cmd_ingest(cli_context *ctx, const cli_args *args);
int cli_cmd_init(cli_context *ctx, const cli_args *args);
int cli_cmd_validate(cli_context *ctx, const cli_args *args);
int cli_cmd_plan(cli_context *ctx, const cli_args *args);
int cli_cmd_status(cli_context *ctx, const cli_args *args);
int cli_cmd_batches(cli_context *ctx, const cli_args *args);
int cli_cmd_files(cli_context *ctx, const cli_args *args);
int cli_cmd_state_ls(cli_context *ctx, const cli_args *args);
int cli_cmd_state_get(cli_context *ctx, const cli_args *args);
int cli_cmd_state_set(cli_context *ctx, const cli_args *args);
int cli_cmd_state_rm(cli_context *ctx, const cli_args *args);
int cli_cmd_delta_read(cli_context *ctx, const cli_args *args);
int cli_cmd_delta_changes(cli_context *ctx, const cli_args *args);
int cli_cmd_delta_detail(cli_context *ctx, const cli_args *args);
int cli_cmd_delta_files(cli_context *ctx, const cli_args *args);
int cli_cmd_delta_history(cli_context *ctx, const cli_args *args);
int cli_cmd_checkpoint_show(cli_context *ctx, const cli_args *args);
int cli_cmd_checkpoint_verify(cli_context *ctx, const cli_args *args);
int cli_cmd_checkpoint_cleanup(cli_context *ctx, const cli_args *args);
int cli_cmd_checkpoint_truncate(cli_context *ctx, const cli_args *args);
int cli_cmd_checkpoint_reset_start(cli_context *ctx, const cli_args *args);
int cli_cmd_checkpoint_reset_schema(cli_context *ctx, const cli_args *args);
int cli_cmd_checkpoint_rebuild_index(cli_context *ctx, const cli_args *args);
int cli_cmd_checkpoint_accept(cli_context *ctx, const cli_args *args);
int cli_cmd_checkpoint_rebind(cli_context *ctx, const cli_args *args);
int cli_cmd_schema_show(cli_context *ctx, const cli_args *args);
int cli_cmd_schema_history(cli_context *ctx, const cli_args *args);
int cli_cmd_schema_diff(cli_context *ctx, const cli_args *args);
int cli_cmd_schema_promote(cli_context *ctx, const cli_args *args);
int cli_cmd_delta_create(cli_context *ctx, const cli_args *args);
int cli_cmd_delta_append(cli_context *ctx, const cli_args *args);
int cli_cmd_delta_delete(cli_context *ctx, const cli_args *args);
int cli_cmd_delta_update(cli_context *ctx, const cli_args *args);
int cli_cmd_delta_merge(cli_context *ctx, const cli_args *args);
int cli_cmd_delta_optimize(cli_context *ctx, const cli_args *args);
int cli_cmd_delta_vacuum(cli_context *ctx, const cli_args *args);
int cli_cmd_delta_restore(cli_context *ctx, const cli_args *args);
int cli_cmd_delta_checkpoint(cli_context *ctx, const cli_args *args);
int cli_cmd_delta_compact_log(cli_context *ctx, const cli_args *args);
int cli_cmd_delta_fsck(cli_context *ctx, const cli_args *args);
int cli_cmd_delta_set(cli_context *ctx, const cli_args *args);
int cli_cmd_delta_add_constraint(cli_context *ctx, const cli_args *args);
int cli_cmd_delta_drop_constraint(cli_context *ctx, const cli_args *args);
int cli_cmd_delta_add_column(cli_context *ctx, const cli_args *args);
int cli_cmd_delta_rename_column(cli_context *ctx, const cli_args *args);
int cli_cmd_delta_drop_column(cli_context *ctx, const cli_args *args);
int cli_cmd_delta_convert(cli_context *ctx, const cli_args *args);
int cli_cmd_delta_clone(cli_context *ctx, const cli_args *args);
int cli_cmd_explain(cli_context *ctx, const cli_args *args);
int cli_cmd_version(cli_context *ctx, const cli_args *args);
int cli_cmd_doctor(cli_context *ctx, const cli_args *args);
int cli_cmd_completion(cli_context *ctx, const cli_args *args);
int cli_cmd_help(cli_context *ctx, const cli_args *args);
int cli_cmd_reference(cli_context *ctx, const cli_args *args);

/** Run these jobs to their end; prints the summary. */
int cli_run_jobs(cli_context *ctx, const cli_args *args, const cli_jobs *jobs, const pli_run_options *options);
/** What the next run of these jobs would read. */
int cli_plan_jobs(cli_context *ctx, const cli_args *args, const cli_jobs *jobs);
/** "30s", "5m", "1h30m" or seconds. */
bool cli_parse_duration(const char *text, int64_t *us);
/** Flags of `pli ingest`: its own and those of the option table. */
const cli_flag *cli_ingest_flags(void);

#endif
