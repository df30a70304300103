/*
 * The interface of sinks, two steps: prepare writes rows where nobody sees them, commit makes them visible at once and
 * for ever marks them with (appId, batch, digest of the offset), so that a repeat recognises itself.
 * Implementations: delta, parquet, memory (tests), callback. Conformance: tests/conformance/test_sink.c.
 */
#ifndef PLI_SINK_SINK_H
#define PLI_SINK_SINK_H

#include <jansson.h>

#include "engine/env.h"

typedef struct pli__sink pli__sink;
typedef struct pli__prepared pli__prepared;

/** Identity of the batch that is being written. Borrowed for the call. */
typedef struct pli__batch_ref {
    const char *app_id;        /**< checkpoint id, "<id>-<epoch>" after truncations */
    int64_t batch_id;
    const char *attempt;       /**< uuid of this attempt */
    const char *offset_sha256; /**< hex digest of the stored offsets/N.json */
    const char *job;           /**< name for provenance */
    int64_t n_files;           /**< number of inputs */
    bool anonymous;            /**< Delta: no batch at all, and so nothing of the above; a repeat writes again */
} pli__batch_ref;

/** What the sink says about the newest write of an application. */
typedef struct pli__sink_state {
    bool exists;               /**< the sink itself exists */
    char id[64];               /**< table id */
    int64_t version;           /**< newest version of the sink, -1 if none */
    bool has_txn;
    int64_t txn_version;       /**< T: batch of the newest txn of app_id */
    int64_t commit_version;    /**< version of that commit, -1 if no longer in the log */
    char attempt[40];          /**< commitInfo.pli.attempt of that commit, "" if unknown */
    char offset_sha256[65];    /**< commitInfo.pli.offsetSha256, "" if unknown */
} pli__sink_state;

typedef struct pli__sink_ops {
    int version; /**< 1 */
    const char *kind;
    /** Must not load the engine when the log alone can answer. `hint_version`: version in the newest commit record, -1 = none. */
    pli_status (*state)(pli__sink *s, const char *app_id, int64_t hint_version, pli__sink_state *out, pli_error *err);
    /** Write the rows of a query invisibly. `schema` = columns of sql. Zero rows are allowed. */
    pli_status (*prepare)(pli__sink *s, const pli__batch_ref *batch, const char *sql, const pli__type *schema,
                          pli__prepared **out, pli_error *err);
    /** What was prepared, as the JSON object that goes into staging/N.ATTEMPT.json ({"path", "addedFiles": [...], "rows": n, "bytes": n}). */
    pli_status (*describe)(pli__sink *s, const pli__prepared *p, json_t **out, pli_error *err);
    /** Make it visible. *result: {"path","tableId","version","txnAppId","addedFiles":[…],"rows":n}. If the same batch with the same digest is
     *  there already: PLI_OK with "repeat": true and what the sink shows. SINK_AHEAD if something else is. */
    pli_status (*commit)(pli__sink *s, const pli__batch_ref *batch, pli__prepared *p, json_t **result, pli_error *err);
    /** Throw away what was prepared. */
    void (*abort)(pli__sink *s, pli__prepared *take);
    void (*free_prepared)(pli__prepared *p);
    void (*free)(pli__sink *s);
    /** Rows that were prepared with a value in a top-level column; 0 without such a column, -1 = not known. */
    int64_t (*count_values)(const pli__prepared *p, const char *column);
} pli__sink_ops;

struct pli__sink {
    const pli__sink_ops *ops;
};

pli_status pli__sink_state_of(pli__sink *s, const char *app_id, int64_t hint_version, pli__sink_state *out,
                              pli_error *err);
pli_status pli__sink_prepare(pli__sink *s, const pli__batch_ref *batch, const char *sql, const pli__type *schema,
                             pli__prepared **out, pli_error *err);
pli_status pli__sink_describe(pli__sink *s, const pli__prepared *p, json_t **out, pli_error *err);
pli_status pli__sink_commit(pli__sink *s, const pli__batch_ref *batch, pli__prepared *p, json_t **result,
                            pli_error *err);
void pli__sink_abort(pli__sink *s, pli__prepared *take);
void pli__sink_free_prepared(pli__sink *s, pli__prepared *p);
int64_t pli__sink_count_values(const pli__sink *s, const pli__prepared *p, const char *column);
void pli__sink_free(pli__sink *s);
void pli__sink_auto(pli__sink **s);

/** The Delta sink (sink/sink_delta.c). Strings are copied. */
typedef struct pli__sink_delta_options {
    const char *path;
    bool merge_schema;
    bool overwrite_schema;        /**< in mode overwrite: the rows' schema becomes the table's */
    bool dynamic_partitions;      /**< in mode overwrite: only the partitions that the rows are in are replaced */
    const char
        *replace_where;    /**< in mode overwrite: only the rows that meet the condition; new ones must meet it too */
    bool allow_type_widening;
    size_t n_partition_by;
    const char *const *partition_by;
    size_t n_properties;          /**< key, value pairs for a table that is created */
    const char *const *properties;
    const char *mode;             /**< "append" (default), "overwrite", "merge" */
    size_t n_keys;                /**< for merge */
    const char *const *keys;
    int64_t target_file_size;
    bool relaxed;                 /**< durability: relaxed */
    bool allow_short_txn_retention;
    bool
        adopt; /**< the rows are in Parquet files that the caller wrote, as pli__sink_delta_layout says; they are moved */
    size_t n_files;
    const struct pli__adopted_file *files; /**< delta/adopt.h; borrowed for the life of the sink */
} pli__sink_delta_options;
pli_status pli__sink_delta_new(pli_env *env, const pli__sink_delta_options *options, pli__sink **out, pli_error *err);
/** May the caller write the files of rows with this schema itself? *out: JSON {"columns": in the order of the files, "partition_by",
 *  "codec", "target_size"}, NULL = no. SCHEMA_MISMATCH, as preparing them would say. */
pli_status pli__sink_delta_layout(pli__sink *s, const pli__type *schema, json_t **out, pli_error *err);

/** A folder of Parquet files named by checkpoint id, batch and part: a repeat replaces itself (sink/sink_parquet.c). */
pli_status pli__sink_parquet_new(pli_env *env, const char *path, bool relaxed, pli__sink **out, pli_error *err);
/** In memory, for tests, with plantable faults (sink/sink_memory.c). */
pli_status pli__sink_memory_new(pli__sink **out, pli_error *err);

#endif
