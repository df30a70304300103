/* The table of job options; see options.h. Help texts become docs/reference/job-file.md. */
#include "config/options.h"

#include <stdlib.h>
#include <string.h>

#define AT(member) offsetof(pli__job_config, member)
#define ROW(key, type, kind, choices, def, flag, member, help) {{key, type, choices, def, flag, help}, kind, AT(member)}
#define TEXT(key, def, flag, member, help) ROW(key, "text", PLI__OPT_TEXT, "", def, flag, member, help)
#define PATH(key, flag, member, help) ROW(key, "path", PLI__OPT_PATH, "", "", flag, member, help)
#define FLAG(key, def, flag, member, help) ROW(key, "flag", PLI__OPT_BOOL, "true|false", def, flag, member, help)
#define COUNT(key, def, flag, member, help) ROW(key, "count", PLI__OPT_COUNT, "", def, flag, member, help)
#define NUMBER(key, def, flag, member, help) ROW(key, "number", PLI__OPT_NUMBER, "", def, flag, member, help)
#define SIZE(key, def, flag, member, help) ROW(key, "size", PLI__OPT_SIZE, "", def, flag, member, help)
#define DURATION(key, def, flag, member, help) ROW(key, "duration", PLI__OPT_DURATION, "", def, flag, member, help)
#define CHOICE(key, choices, def, flag, member, help)                                                                  \
    ROW(key, "choice", PLI__OPT_CHOICE, choices, def, flag, member, help)
#define LIST(key, def, flag, member, help) ROW(key, "list", PLI__OPT_TEXTS, "", def, flag, member, help)
#define MAP(key, flag, member, help) ROW(key, "map", PLI__OPT_MAP, "", "", flag, member, help)

static const pli__option option_table[] = {
    CHOICE("source.format", "csv|json|ndjson|parquet|avro|excel|text|binary|delta|auto", "auto", "--format",
           source.format, "format of the input; auto goes by the extension, a folder with _delta_log is delta"),
    PATH("source.path", "", source.path, "folder, file or glob; for delta the table"),
    TEXT("source.pattern", "", "--pattern", source.pattern,
         "glob that file names must match; default *.<extension of the format>"),
    FLAG("source.recursive", "false", "--recursive", source.recursive, "look into sub-folders too"),
    LIST("source.exclude", ".*,_*,*.tmp,*.part,*.crdownload", "--exclude", source.exclude,
         "globs of names that are left out"),
    MAP("source.options", "--option", source.options, "options of the format's reader (header, delimiter, ...)"),
    COUNT("source.max_files_per_trigger", "1000", "--max-files", source.max_files_per_trigger,
          "files in one batch at most; none lifts it"),
    SIZE("source.max_bytes_per_trigger", "none", "--max-bytes", source.max_bytes_per_trigger,
         "bytes in one batch at most; the first file is always taken"),
    CHOICE(
        "source.start_offset", "earliest|latest|snapshot", "", "--start-offset", source.start_offset,
        "where a new checkpoint begins; files: earliest (default) or latest; delta: snapshot (default), latest, earliest"),
    ROW("source.start_timestamp", "time", PLI__OPT_TIME, "", "", "--start-timestamp", source.start_timestamp,
        "begin with files modified, or versions committed, at or after this time"),
    CHOICE("source.order", "path|modification_time", "path", "--order", source.order, "order in which files are taken"),
    FLAG("source.latest_first", "false", "", source.latest_first, "newest files first"),
    FLAG("source.allow_overwrites", "false", "", source.allow_overwrites,
         "read a known file again when its size or time changed"),
    FLAG("source.file_name_only", "false", "", source.file_name_only,
         "files of the same name are the same file, whatever the folder"),
    FLAG("source.allow_missing", "false", "", source.allow_missing, "a missing source folder is no error"),
    DURATION("source.settle_time", "2s", "--settle-time", source.settle_time,
             "files modified within this time wait for a later batch"),
    DURATION("source.max_file_age", "none", "", source.max_file_age,
             "leave out files older than this, counted from the newest file seen"),
    CHOICE("source.clean_source", "off|delete|archive", "off", "", source.clean_source,
           "what happens to files after their batch is committed"),
    PATH("source.archive_dir", "", source.archive_dir, "folder for clean_source: archive; default <path>/_archive"),
    DURATION("source.clean_after", "0s", "", source.clean_after, "keep files at least this long before clean-up"),
    CHOICE("source.on_missing_file", "fail|skip", "fail", "", source.on_missing_file,
           "a planned file is gone when it is read"),
    CHOICE("source.on_bad_file", "fail|skip|quarantine", "fail", "--on-bad-file", source.on_bad_file,
           "a file cannot be read as its format"),
    PATH("source.quarantine_dir", "", source.quarantine_dir,
         "folder for on_bad_file: quarantine; default <path>/_quarantine"),
    NUMBER("source.bad_file_retries", "0", "", source.bad_file_retries,
           "how often a bad file is tried again before it is skipped"),
    CHOICE("source.on_changed_file", "fail|reread", "fail", "", source.on_changed_file,
           "a file changed between planning and commit"),
    CHOICE("source.discovery", "folders|full", "folders", "", source.discovery,
           "folders skips folders that did not change; full lists everything"),
    DURATION("source.full_scan_interval", "1d", "", source.full_scan_interval, "list everything at least this often"),
    LIST("source.partition_columns", "", "--partition-columns", source.partition_columns,
         "columns from key=value folders: name or name:TYPE"),
    NUMBER("source.sample_rows", "20480", "", source.sample_rows, "rows per file that type inference looks at"),
    NUMBER("source.sample_files", "100", "", source.sample_files, "files per batch that type inference looks at"),
    FLAG("source.infer_types", "true", "", source.infer_types, "false reads every CSV column as text"),
    CHOICE("source.timestamp_type", "utc|ntz", "utc", "", source.timestamp_type, "what text without a zone becomes"),
    NUMBER("source.starting_version", "", "--starting-version", source.starting_version,
           "delta: first version to read"),
    NUMBER("source.ending_version", "", "", source.ending_version, "delta: last version to read"),
    FLAG("source.ignore_deletes", "false", "", source.ignore_deletes, "delta: leave out commits that only delete"),
    FLAG("source.ignore_changes", "false", "", source.ignore_changes, "delta: read rewritten files as new rows"),
    FLAG("source.skip_change_commits", "false", "", source.skip_change_commits,
         "delta: leave out commits that change or delete rows"),
    FLAG("source.read_change_feed", "false", "", source.read_change_feed, "delta: read the change data feed"),
    FLAG("source.fail_on_data_loss", "true", "", source.fail_on_data_loss, "false goes on over a gap and records it"),

    CHOICE("schema.mode", "strict|add_new_columns|coerce|type_widen", "add_new_columns", "--schema-mode", schema.mode,
           "how the schema may change"),
    CHOICE("schema.rescue_mode", "none|column", "none", "--rescue", schema.rescue_mode,
           "column keeps values that do not fit in a column of their own"),
    TEXT("schema.rescue_column", "_rescued_data", "", schema.rescue_column, "name of that column"),
    MAP("schema.columns", "--column", schema.columns, "explicit schema: name: SQL type"),
    MAP("schema.schema_hints", "", schema.hints, "types of some columns, on top of inference"),
    FLAG("schema.case_sensitive", "false", "", schema.case_sensitive,
         "names that differ by case are different columns"),
    FLAG("schema.allow_lossy_widening", "false", "", schema.allow_lossy_widening,
         "allow 64-bit integer with float to become double"),
    FLAG("schema.allow_type_widening", "false", "", schema.allow_type_widening,
         "enable Delta's type widening on the table when a type widens"),
    CHOICE("schema.corrupt_records", "fail|skip|column", "fail", "", schema.corrupt_records,
           "lines that cannot be parsed"),

    ROW("transform.sql", "SQL", PLI__OPT_SQL, "", "", "--sql", sql,
        "a SELECT over input; _metadata.file_path and others can be selected"),

    CHOICE("sink.format", "delta|parquet", "delta", "", sink.format, "kind of the output"),
    PATH("sink.path", "", sink.path, "the table's folder"),
    CHOICE(
        "sink.mode", "append|overwrite|merge", "append", "--mode", sink.mode,
        "append, replace everything per batch, or merge: rows change those with the same keys, as _change_type says"),
    LIST("sink.keys", "", "--keys", sink.keys, "columns that identify a row (mode merge), never NULL"),
    FLAG("sink.merge_schema", "false", "--merge-schema", sink.merge_schema, "new columns are added to the table"),
    FLAG("sink.overwrite_schema", "false", "--overwrite-schema", sink.overwrite_schema,
         "mode overwrite: each batch brings its own schema"),
    FLAG("sink.dynamic_partitions", "false", "--dynamic-partitions", sink.dynamic_partitions,
         "mode overwrite: only the partitions that a batch has rows for are replaced"),
    TEXT("sink.replace_where", "", "--replace-where", sink.replace_where,
         "mode overwrite: only the rows that meet this SQL condition are replaced; new rows must meet it too"),
    LIST("sink.partition_by", "", "--partition-by", sink.partition_by, "partition columns of a table that is created"),
    MAP("sink.properties", "--property", sink.properties, "table properties of a table that is created"),
    SIZE("sink.target_file_size", "128MiB", "--target-size", sink.target_file_size, "size that data files aim at"),
    FLAG("sink.allow_short_txn_retention", "false", "", sink.allow_short_txn_retention,
         "accept a table that forgets transactions within 30 days"),

    PATH("checkpoint", "--checkpoint", checkpoint, "folder of the checkpoint; default <sink.path>/_checkpoints/<job>"),
    ROW("durability", "choice", PLI__OPT_FLAG_CHOICE, "full|relaxed", "full", "--durability", relaxed,
        "relaxed may lose the newest batches at a power failure, never at a crash of the process"),
    SIZE("memory", "", "--memory", memory, "memory that the engine may use"),
    NUMBER("threads", "", "--threads", threads, "threads that the engine may use"),
    PATH("spill_dir", "--spill-dir", spill_dir, "folder for data that does not fit in memory"),
    TEXT("timezone", "", "--timezone", time_zone, "zone of texts without one; default PLI_TIMEZONE, else UTC"),
    DURATION("lock_timeout", "0s", "--lock-timeout", lock_timeout, "how long to wait for another run of the job"),
    CHOICE("on_error", "stop|retry", "retry", "--on-error", on_error,
           "interval and continuous runs: what to do with errors that may pass"),
    NUMBER("max_retries", "", "--max-retries", max_retries,
           "give up after so many failures in a row; default no limit"),
};

size_t pli__option_count(void) { return sizeof option_table / sizeof option_table[0]; }
const pli__option *pli__option_table(void) { return option_table; }

size_t pli_option_count(void) { return pli__option_count(); }
const pli_option_info *pli_option_at(size_t i) { return i < pli__option_count() ? &option_table[i].info : NULL; }

const pli__option *pli__option_find(const char *key, const char **member) {
    *member = NULL;
    for (size_t i = 0; i < pli__option_count(); i++) {
        const pli__option *o = &option_table[i];
        const size_t n = strlen(o->info.key);
        if (strcmp(o->info.key, key) == 0) return o;
        if (o->kind == PLI__OPT_MAP && strncmp(o->info.key, key, n) == 0 && key[n] == '.' && key[n + 1]) {
            *member = key + n + 1;
            return o;
        }
    }
    return NULL;
}

bool pli__option_is_section(const char *prefix) {
    const size_t n = strlen(prefix);
    for (size_t i = 0; i < pli__option_count(); i++)
        if (strncmp(option_table[i].info.key, prefix, n) == 0 && option_table[i].info.key[n] == '.') return true;
    return false;
}

const char *pli__option_nearest(const char *key) {
    const char *names[sizeof option_table / sizeof option_table[0]];
    for (size_t i = 0; i < pli__option_count(); i++) names[i] = option_table[i].info.key;
    return pli__str_nearest(key, names, pli__option_count());
}
