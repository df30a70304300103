/* Inside the Delta source: its object, commits as the planner sees them, and what its files share. */
#ifndef PLI_SOURCE_SOURCE_DELTA_IMPL_H
#define PLI_SOURCE_SOURCE_DELTA_IMPL_H

#include "base/arena.h"
#include "delta/snapshot.h"
#include "source/source_delta.h"

#define PLI__DELTA_COMMIT_MAX ((size_t)1 << 30) /* bytes of one commit file */
#define PLI__DELTA_NO_TIME INT64_MIN /* time of a commit that nothing tells */

/* ---- commits (source_delta_commit.c) ---- */

/** An add, remove or cdc action. */
typedef struct delta_file {
    pli__action_kind kind;
    pli__str path; /**< as in the log */
    int64_t size;
    int64_t mtime_ns; /**< of an add; else 0 */
    bool data_change;
    /* only with `full` */
    size_t n_values;
    const pli__kv *values;
    pli__dv dv;
} delta_file;

/** A commit's file actions in their order, and what it says about the table. Zero-initialise; used again for each commit. */
typedef struct delta_commit {
    int64_t version;
    pli__arena arena;
    delta_file *files; /**< position = index of the offset */
    size_t n_files, cap_files;
    bool full;
    bool has_metadata;
    pli__str table_id; /**< of the metadata; ptr NULL = it has none */
    bool feed_enabled; /**< by the metadata */
    bool has_cdc, changes_adds, changes_removes; /**< kinds of data-changing actions */
    int64_t ict_ms, info_ms; /**< PLI__DELTA_NO_TIME = the commit does not say */
} delta_commit;

void delta_commit_clear(delta_commit *c);
/** Read a commit. NOT_FOUND if there is no such file; UNSUPPORTED_FEATURE if it asks for features that are not implemented.
 *  @param full keep partition values and deletion vectors too */
pli_status pli__delta_commit_read(pli__delta *t, int64_t version, bool full, delta_commit *c, pli_error *err);
/** Milliseconds: in-commit timestamp, else commitInfo.timestamp, else the file's modification time. */
pli_status pli__delta_commit_time(pli__delta *t, const delta_commit *c, int64_t *ms, pli_error *err);
/** Does it turn the change feed on? */
bool pli__delta_has_feed(const pli__metadata *m);
/** Digest of a commit file; "" if it is not there. */
pli_status pli__delta_commit_sha256(pli__delta *t, int64_t version, char out[65], pli_error *err);

/* ---- the object ---- */

/** Files of one version in the order of log paths. */
typedef struct delta_page_file {
    pli__str path;
    int64_t size, mtime_ns;
} delta_page_file;

typedef struct delta_snapshot {
    int64_t version; /**< -1 = none is held */
    pli__arena arena;
    delta_page_file *files;
    size_t n, cap;
} delta_snapshot;

/** Is the change feed on? */
typedef enum delta_feed { DELTA_FEED_UNKNOWN, DELTA_FEED_OFF, DELTA_FEED_ON } delta_feed;

typedef struct delta_source {
    pli__source base;
    pli_env *env;
    pli__arena arena; /* copies of the options */
    pli__delta_options o;
    pli__delta *table;
    char *log_dir;           /* watched for new versions */
    bool bounded;
    int64_t bound;           /* newest version at the start; -1 = there was no table */
    delta_snapshot snapshot; /* of the initial snapshot at hand */
    /* what was seen of the table so far, so that nothing is read twice */
    int64_t id_version;      /* newest version whose metadata is known, -1 = none */
    char *id;                /* table id as of then; NULL = unknown */
    delta_feed id_feed;      /* as of then */
    int64_t log_mtime_ns;    /* of the folder when it was listed last, INT64_MIN = never */
    int64_t listed;          /* newest version then */
    int64_t timed_through;   /* commits up to here are older than starting_timestamp */
} delta_source;

/** The position that the last batch reached. */
typedef struct delta_position {
    bool any; /**< false: no batch yet */
    int64_t version, index;
    bool initial;            /**< in the initial snapshot */
    bool complete;           /**< nothing of `version` is left */
    const char *table_id;    /**< NULL = unknown; borrowed */
    const char *sha256;      /**< of the commit file of `version`, NULL = unknown; borrowed */
} delta_position;

/** What a plan works on. */
typedef struct delta_plan {
    delta_source *s;
    pli__checkpoint *cp;
    bool dry;          /**< nothing may be stored */
    json_t *last;      /**< newest offset; NULL = none */
    delta_position at;
    int64_t newest;    /**< version that is looked at as the newest: bound and ending version are in it */
    delta_feed feed;   /**< as of the commit at hand */
    bool from_snapshot;
    int64_t first;     /**< first version that is read commit by commit, unless the snapshot comes first */
} delta_plan;

/* ---- what plans are made of ---- */

/** Newest version of the table in *out, -1 if there is no table. */
pli_status pli__delta_newest(delta_source *s, int64_t *out, pli_error *err);
/** Is the table the one that the last batch read? TABLE_REPLACED if not. Afterwards s->id is the id at `newest`
 *  (source_delta_identity.c). */
pli_status pli__delta_check_identity(delta_plan *p, int64_t newest, pli_error *err);
/** Is the change feed on as of a version? */
pli_status pli__delta_find_feed(delta_source *s, int64_t version, delta_feed *out, pli_error *err);

/** Where to begin: what is stored, or what is decided now. *ready false: nothing to begin with yet (source_delta_start.c). */
pli_status pli__delta_start(delta_plan *p, bool *ready, pli_error *err);

/** Hold the files of a version (source_delta_snapshot.c). DATA_LOSS if the log cannot give it. */
pli_status pli__delta_snapshot_load(delta_source *s, int64_t version, pli_error *err);
void pli__delta_snapshot_clear(delta_snapshot *x);

/** An offset that is being made (source_delta_offset.c). */
typedef struct delta_offset {
    delta_source *s;
    bool counts_only; /**< nothing is kept, and what would stop a plan is passed over: a backlog */
    json_t *files, *infos, *versions, *entries, *gaps;
    int64_t n, bytes;
    bool moved; /**< the position, which is: */
    int64_t version, index;
    bool initial, complete;
    delta_feed feed;
} delta_offset;
pli_status pli__delta_offset_init(delta_offset *o, delta_source *s, bool counts_only, pli_error *err);
void pli__delta_offset_clear(delta_offset *o);
void pli__delta_offset_move(delta_offset *o, int64_t version, int64_t index, bool complete);
/** Would so many more files and bytes break a limit? */
bool pli__delta_offset_is_full(const delta_offset *o, int64_t files, int64_t bytes);
/** @param change_type NULL: the file tells itself (cdc), or no feed is read @param time_ms PLI__DELTA_NO_TIME = unknown */
pli_status pli__delta_offset_add(delta_offset *o, const delta_file *f, int64_t version, const char *change_type,
                                 int64_t time_ms, pli_error *err);
pli_status pli__delta_offset_gap(delta_offset *o, int64_t from, int64_t to, const char *reason, pli_error *err);
/** *out NULL if the position has not moved. */
pli_status pli__delta_offset_finish(delta_offset *o, json_t **out, pli_error *err);

/** Everything behind the position, as far as limits go, into the offset (source_delta_plan.c). */
pli_status pli__delta_plan_next(delta_plan *p, delta_offset *o, pli_error *err);

/** Rows of an offset (source_delta_read.c). */
pli_status pli__delta_relation(delta_source *s, const json_t *offset, pli__relation **out, pli_error *err);

/** Local path of a path in the log: absolute, resolved. */
pli_status pli__delta_local_path(const delta_source *s, pli__str log_path, pli__buf *out, pli_error *err);

#endif
