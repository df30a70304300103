/*
 * What a job is, as plain data: filled by src/config from job files and flags (one table of options, offsets into this
 * struct), read by src/run. All pointers are owned by the arena of whoever built it and outlive the job.
 * Durations are microseconds, sizes bytes; "no limit" is -1.
 */
#ifndef PLI_RUN_JOB_CONFIG_H
#define PLI_RUN_JOB_CONFIG_H

#include <jansson.h>

#include "base/str.h"

/** A list of texts. */
typedef struct pli__texts {
    size_t n;
    const char *const *items;
} pli__texts;

typedef struct pli__source_config {
    const char *format;       /**< csv json ndjson parquet avro excel text binary delta auto; NULL = auto */
    const char *path;         /**< as given; relative to the job file's folder it was made absolute by config */
    const char *pattern;      /**< NULL = "*.<ext>" for a known format, all files otherwise */
    bool recursive;
    pli__texts exclude;       /**< globs on names */
    json_t *options;          /**< reader options of the format, object; may be NULL */
    int64_t max_files_per_trigger; /**< default 1000 in jobs */
    int64_t max_bytes_per_trigger; /**< default -1 */
    const char *start_offset;      /**< earliest latest snapshot; NULL = default of the source */
    const char *start_timestamp;   /**< ISO 8601; NULL */
    const char *order;             /**< path | modification_time */
    bool latest_first;
    bool allow_overwrites;
    bool file_name_only;
    bool allow_missing;            /**< a missing folder is not an error */
    int64_t settle_time;           /**< us */
    int64_t max_file_age;          /**< us, -1 = no limit */
    const char *clean_source;      /**< off | delete | archive */
    const char *archive_dir;
    int64_t clean_after;           /**< us: retention before clean-up */
    const char *on_missing_file;   /**< fail | skip */
    const char *on_bad_file;       /**< fail | skip | quarantine */
    const char *quarantine_dir;
    int64_t bad_file_retries;
    const char *on_changed_file;   /**< fail | reread */
    const char *discovery;         /**< folders | full */
    int64_t full_scan_interval;    /**< us */
    pli__texts partition_columns;  /**< "name" or "name:TYPE" from key=value folders */
    int64_t sample_rows, sample_files;
    bool infer_types;
    const char *timestamp_type;    /**< utc | ntz: zone-less text */
    /* Delta */
    int64_t starting_version;      /**< -1 = not given */
    int64_t ending_version;        /**< -1 */
    bool ignore_deletes, ignore_changes, skip_change_commits, read_change_feed;
    bool fail_on_data_loss;        /**< default true */
} pli__source_config;

typedef struct pli__schema_config {
    const char *mode;         /**< strict add_new_columns coerce type_widen; NULL = add_new_columns */
    const char *rescue_mode;  /**< none | column */
    const char *rescue_column;
    json_t *columns;          /**< explicit schema: object name → SQL type; NULL */
    json_t *hints;            /**< schema_hints, the same shape; NULL */
    bool case_sensitive;
    bool allow_lossy_widening;
    bool allow_type_widening;
    const char *corrupt_records; /**< fail | skip | column */
} pli__schema_config;

typedef struct pli__sink_config {
    const char *format;       /**< delta | parquet */
    const char *path;
    const char *mode;         /**< append overwrite merge */
    pli__texts keys;
    bool merge_schema;
    bool overwrite_schema, dynamic_partitions; /**< mode overwrite */
    const char *replace_where;                 /**< mode overwrite; NULL = all rows */
    pli__texts partition_by;
    json_t *properties;       /**< object key → text, for a table that is created; may be NULL */
    int64_t target_file_size; /**< 0 = default */
    bool allow_short_txn_retention;
} pli__sink_config;

typedef struct pli__job_config {
    const char *name;
    pli__source_config source;
    pli__schema_config schema;
    const char *sql;          /**< transform over `input`; NULL = SELECT * FROM input */
    pli__sink_config sink;
    const char *checkpoint;   /**< folder */
    bool relaxed;             /**< durability: relaxed */
    int64_t memory;           /**< engine limit, 0 = default */
    int64_t threads;          /**< 0 = all */
    const char *spill_dir;
    const char *time_zone;
    int64_t lock_timeout;     /**< us, 0 = do not wait */
    int64_t max_retries;      /**< of a failing batch in interval/continuous runs; -1 = no limit */
    const char *on_error;     /**< stop | retry */
} pli__job_config;

#endif
