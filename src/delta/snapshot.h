/*
 * Delta tables as read: a table handle, snapshots of versions, streaming access to files. See PROTOCOL.md "Action
 * Reconciliation" and the README of this folder.
 *
 * A snapshot is opened without reading the list of files: it holds the log segment (checkpoint + commits), protocol,
 * metadata, transactions and domains. Files are streamed on demand; memory follows the commits since the checkpoint.
 */
#ifndef PLI_DELTA_SNAPSHOT_H
#define PLI_DELTA_SNAPSHOT_H

#include "delta/action.h"
#include "engine/env.h"
#include "port/store.h"

typedef struct pli__delta pli__delta;       /* an open table: root folder, store, caches of immutable log facts */
typedef struct pli__snapshot pli__snapshot; /* one version */

/** Open a handle; reads nothing. `root` may be a path or file: URI; the table need not exist yet.
 *  @param env borrowed, must outlive the handle */
pli_status pli__delta_open(pli_env *env, const char *root, pli__delta **out, pli_error *err);
/** The same over a given store for `_delta_log` (taken); data files are then unreachable unless root is given. For tests. */
pli_status pli__delta_open_store(pli_env *env, const char *root, pli__store *take_log_store, pli__delta **out,
                                 pli_error *err);
void pli__delta_free(pli__delta *t);
void pli__delta_auto(pli__delta **t);
const char *pli__delta_root(const pli__delta *t);   /* absolute, resolved where it exists */
pli__store *pli__delta_log(const pli__delta *t);    /* store whose top folder is `_delta_log` */
pli_env *pli__delta_env(const pli__delta *t);

/** Newest version by looking only for commits after what the handle has seen; NOT_A_TABLE if there is no commit at all. */
pli_status pli__delta_latest_version(pli__delta *t, int64_t *out, pli_error *err);
/** Oldest version that can be reconstructed. */
pli_status pli__delta_earliest_version(pli__delta *t, int64_t *out, pli_error *err);
/** True if `_delta_log` holds at least one commit or checkpoint. */
pli_status pli__delta_exists(pli__delta *t, bool *out, pli_error *err);
/** Version as of a time in microseconds (in-commit timestamps where enabled, else monotonised mtimes). */
pli_status pli__delta_version_at(pli__delta *t, int64_t time_us, int64_t *out, pli_error *err);
/** Time of a version in microseconds, by the same rules. */
pli_status pli__delta_version_time(pli__delta *t, int64_t version, int64_t *out, pli_error *err);

#define PLI__LATEST ((int64_t)-1)
/** All zero means the defaults. */
typedef struct pli__snapshot_options {
    bool ignore_checkpoints; /**< replay JSON commits only */
    bool limit_checkpoints;  /**< use no checkpoint newer than max_checkpoint */
    int64_t max_checkpoint;  /**< only looked at with limit_checkpoints */
    bool for_write;          /**< also refuse unsupported writer features */
    bool with_files; /**< files will be asked for: take in `files` (PLI__FILES_*) in the same pass over the commits */
    unsigned files;
    bool
        with_totals; /**< only totals will be asked for: as with_files, unless the version's checksum file knows them */
} pli__snapshot_options;

/** Sums over the active files. */
typedef struct pli__totals {
    int64_t files, bytes, deleted_rows; /**< deleted_rows: cardinalities of deletion vectors */
} pli__totals;

/** The state comes from the version's checksum file (.crc) where that may be believed and neither files nor writing are
 *  meant; else from checkpoint, compacted files and commits, what breaks being passed over for something older.
 *  @param version PLI__LATEST or a version @param options NULL = defaults.
 *  Refuses unknown reader features by name (UNSUPPORTED_FEATURE). Snapshots are counted references, immutable. */
pli_status pli__snapshot_open(pli__delta *t, int64_t version, const pli__snapshot_options *options, pli__snapshot **out,
                              pli_error *err);
/** Snapshot of a later version by reading only the new commits. PLI__LATEST allowed; same version gives a new reference. */
pli_status pli__snapshot_advance(pli__snapshot *s, int64_t version, pli__snapshot **out, pli_error *err);
pli__snapshot *pli__snapshot_ref(pli__snapshot *s);
void pli__snapshot_unref(pli__snapshot *s);
void pli__snapshot_auto(pli__snapshot **s);

pli__delta *pli__snapshot_table(const pli__snapshot *s); /* borrowed */
int64_t pli__snapshot_version(const pli__snapshot *s);
int64_t pli__snapshot_checkpoint_version(const pli__snapshot *s); /* -1 = none was used */
const pli__protocol *pli__snapshot_protocol(const pli__snapshot *s);
const pli__metadata *pli__snapshot_metadata(const pli__snapshot *s);
const pli__type *pli__snapshot_schema(const pli__snapshot *s); /* STRUCT, field metadata kept; borrowed */
/** Table property ("delta.…"), ptr NULL if unset. */
pli__str pli__snapshot_property(const pli__snapshot *s, const char *key);
bool pli__snapshot_has_feature(const pli__snapshot *s,
                               const char *feature); /* writer feature supported (lists or legacy versions) */
/** Newest txn of an application; false if there is none. */
bool pli__snapshot_txn(pli__snapshot *s, pli__str app_id, pli__txn *out);
size_t pli__snapshot_n_txns(const pli__snapshot *s);
pli__txn pli__snapshot_txn_at(const pli__snapshot *s, size_t i);
size_t pli__snapshot_n_domains(const pli__snapshot *s); /* not removed */
pli__domain pli__snapshot_domain_at(const pli__snapshot *s, size_t i);
/** In-commit timestamp of this version in microseconds, -1 if not enabled. */
int64_t pli__snapshot_ict_us(const pli__snapshot *s);
/** From the checksum file where the snapshot was opened by it, else by listing the files. */
pli_status pli__snapshot_totals(pli__snapshot *s, pli__totals *out, pli_error *err);

/** What to hand to the callback with each file, beside path, size and modification time; the less, the faster. */
enum {
    PLI__FILES_PATHS = 0,
    PLI__FILES_PARTITIONS = 1,
    PLI__FILES_STATS = 2,
    PLI__FILES_DV = 4,
    PLI__FILES_OTHER = 8 /* tags, row ids, clusteringProvider */,
    PLI__FILES_ALL = 0xff
};
/** Active files in no particular order, each once, also where a checkpoint breaks halfway and another way is taken. fn may use the environment's engine, but not read files or removes of this table. Slices live until the callback returns. A status from fn ends it. */
typedef pli_status pli__add_fn(void *arg, const pli__add *add, pli_error *err);
pli_status pli__snapshot_files(pli__snapshot *s, unsigned what, pli__add_fn *fn, void *arg, pli_error *err);
/** Unexpired tombstones (all that the log still has). */
typedef pli_status pli__remove_fn(void *arg, const pli__remove *remove, pli_error *err);
pli_status pli__snapshot_removes(pli__snapshot *s, pli__remove_fn *fn, void *arg, pli_error *err);

/** What the files come from, for the writer of checkpoints: the checkpoint (NULL = none) and the newest action of each
 *  file since, with these fields. Borrowed; the tail until the next call on the snapshot. */
struct pli__log_checkpoint;
struct pli__tail;
pli_status pli__snapshot_layers(pli__snapshot *s, unsigned fields, struct pli__log_checkpoint **checkpoint,
                                const struct pli__tail **tail, pli_error *err);

/** Every action of one commit, in file order (delta/log.c). NOT_FOUND if the commit is not there. commitInfo comes as raw JSON. */
typedef pli_status pli__action_fn(void *arg, const pli__action *action, pli_error *err);
pli_status pli__log_read_commit(pli__delta *t, int64_t version, pli__action_fn *fn, void *arg, pli_error *err);

/* ---- rows as SQL (delta/scan.c): the engine reads the files, deletion vectors, column mapping, widening and partition
 *      values honoured ---- */
typedef struct pli__scan_options {
    const char *where; /**< SQL over logical names, used for skipping files AND applied to rows; NULL = all */
    size_t n_columns; /**< 0 = all columns in schema order */
    const char *const *columns;
    bool with_file_columns; /**< add "_pli_file" (path as in the log) and "_pli_row" (physical row number) */
    const char *skip; /**< condition that only leaves out files, in place of `where`; NULL = none */
    bool with_file_number; /**< add "_pli_number" (of the file, see pli__scan_path) and "_pli_row" */
    bool late_vectors; /**< with_file_number: rows that deletion vectors leave out come too, see pli__scan_gone */
    bool only_file_columns; /**< with_file_columns or with_file_number: no others */
} pli__scan_options;
/** SQL text (a SELECT) giving the rows of the snapshot. It may refer to temp tables that live in the environment's engine until
 *  pli__scan_release(scan). */
typedef struct pli__scan pli__scan;
pli_status pli__scan_new(pli__snapshot *s, const pli__scan_options *options, pli__scan **out, pli_error *err);
const char *pli__scan_sql(const pli__scan *scan);
const pli__type *pli__scan_schema(const pli__scan *scan);
int64_t pli__scan_files_total(const pli__scan *scan);
int64_t pli__scan_files_read(const pli__scan *scan);
/** The path (as in the log) of a "_pli_number"; ptr NULL if there is no such file. */
pli__str pli__scan_path(const pli__scan *scan, int64_t number);
/** With late_vectors: rows to be left out, as a temp table of k = _pli_number << PLI__ROW_BITS | _pli_row; NULL if there are none.
 *  Where a join leaves few rows it costs far less to leave them out afterwards. */
const char *pli__scan_gone(const pli__scan *scan);
void pli__scan_free(pli__scan *scan);
void pli__scan_auto(pli__scan **scan);

/** Resolve add.path (decode once; relative to the table root, absolute or file: URI) to a local path. */
pli_status pli__delta_file_path(const pli__delta *t, pli__str log_path, pli__buf *out, pli_error *err);

#endif
