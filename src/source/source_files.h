/*
 * The files source: everything new under a folder, glob or file becomes batches, each file once. Discovery and queue
 * live in the checkpoint's file index; formats turn a batch's files into SQL (source/format.h).
 *
 * Offset: {"files": [path…], "file_info": [[size, mtime_ns]…], "overwritten": [position…] (only where there are some)}.
 */
#ifndef PLI_SOURCE_SOURCE_FILES_H
#define PLI_SOURCE_SOURCE_FILES_H

#include "source/format.h"
#include "source/source.h"

typedef enum { PLI__CLEAN_OFF, PLI__CLEAN_DELETE, PLI__CLEAN_ARCHIVE } pli__clean_mode;

/** Zero-initialise, then set; "no limit" and "not given" are 0 or NULL unless said otherwise. Everything is copied. */
typedef struct pli__files_options {
    const char *path;           /**< folder, file or glob; relative to the working folder */
    bool literal_path;          /**< path is a folder or file even if it holds characters of a glob */
    const char *format; /**< name or alias of format.h's table; NULL or "auto": by extension, see pli__format_resolve */
    const char
        *pattern; /**< files below a folder; NULL = "*.<extension>" of the format ("*" for auto, text and binary) */
    bool
        any_suffix; /**< without a pattern: every name with a suffix of the format, also "x.csv.gz" and "x.tsv" (jobs) */
    bool recursive;
    size_t n_exclude;
    const char *const
        *exclude; /**< globs on names of files and folders; jobs: .* _* *.tmp *.part *.crdownload, Python: none */
    size_t n_never;
    const char *const *never; /**< folders that are never looked into (checkpoint, sink); the archive folder is added */
    bool allow_missing; /**< a path that does not exist has no files; else NOT_FOUND */

    int64_t max_files, max_bytes; /**< per batch, 0 = no limit; the first file is always taken */
    const char *start_offset; /**< earliest (default), latest */
    const char *start_timestamp; /**< ISO 8601 or seconds; wins over start_offset */
    bool by_modification_time; /**< order of files; else by path */
    bool ordered; /**< rows keep the order of their files, which is costly where layouts alternate */
    bool latest_first; /**< newest modification first; implies by_modification_time */
    bool allow_overwrites; /**< a known file whose size or mtime changed is read again */
    bool file_name_only; /**< files of one base name are one file, whatever their folder */
    int64_t settle_us; /**< files modified less than this ago wait */
    int64_t max_age_us; /**< files older than this, counted from the newest, are left out; 0 = no limit */
    bool check_complete; /**< Parquet: files without a footer wait (up to COMPLETE_WAIT after their last change) */
    bool full_discovery; /**< list every folder on every plan (always so on network file systems) */
    int64_t full_scan_interval_us; /**< list every folder at least this often; 0 = never */

    pli__clean_mode clean; /**< once a batch is durable, its files are deleted or moved away */
    const char *archive_dir; /**< NULL = <path>/_archive */
    int64_t clean_after_us; /**< not before this long after the commit */

    pli__format_options read; /**< how the files are read; `format` is filled in */
    size_t n_partition_columns;
    const char *const *partition_columns; /**< "name" or "name:TYPE", from folders named key=value */
} pli__files_options;

/** INVALID_ARGUMENT for options that make no sense, UNSUPPORTED_FEATURE for an unknown format. Does not touch the disk. */
pli_status pli__source_files_new(pli_env *env, const pli__files_options *options, pli__source **out, pli_error *err);
/** The format that was resolved, or NULL as long as `auto` has seen no file. */
const char *pli__source_files_format(const pli__source *s);
/** What the next plan would give, without changing anything; *offset NULL = nothing. */
pli_status pli__source_files_preview(pli__source *s, pli__checkpoint *cp, json_t **offset, pli_error *err);
/** Wall clock (us) at which all files that are too young now will be old enough, so that one batch takes them; 0 = there are
 *  none. Files modified after the first plan since the source was bound, or no longer bound, do not count: one that is
 *  written to all the time cannot hold a run. After a plan or backlog. */
int64_t pli__source_files_settled(const pli__source *s);

#endif
