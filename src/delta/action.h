/*
 * Delta actions as plain data, as they stand in the log (PROTOCOL.md, "Actions"). Slices are borrowed: from the line
 * being read, from the snapshot's arena, or from the caller who builds an action to be written.
 * Statistics and tags stay raw JSON text until somebody asks (delta/stats.h).
 */
#ifndef PLI_DELTA_ACTION_H
#define PLI_DELTA_ACTION_H

#include "base/str.h"
#include "types/type.h"

#define PLI__NO_ID ((int64_t)-1) /* baseRowId and the like: absent */

/** A partition value: raw text of the log; value.ptr NULL = null. Keys are physical names. */
typedef struct pli__kv {
    pli__str key, value;
} pli__kv;

typedef struct pli__dv {
    char storage;      /**< 'u', 'i', 'p'; 0 = no deletion vector */
    pli__str path;     /**< pathOrInlineDv */
    int64_t offset;    /**< -1 = absent */
    int64_t size;      /**< sizeInBytes */
    int64_t cardinality;
} pli__dv;

/** add */
typedef struct pli__add {
    pli__str path; /**< as in the log: URI-encoded, relative or absolute */
    size_t n_partition_values;
    const pli__kv *partition_values;
    int64_t size;
    int64_t modification_time; /**< ms */
    bool data_change;
    pli__str stats; /**< raw JSON object text (already unescaped); ptr NULL = absent */
    pli__str tags;  /**< raw JSON object; ptr NULL = absent */
    pli__dv dv;
    int64_t base_row_id, default_row_commit_version; /**< PLI__NO_ID = absent */
    pli__str clustering_provider;                     /**< ptr NULL = absent */
} pli__add;

/** remove */
typedef struct pli__remove {
    pli__str path;
    int64_t deletion_timestamp; /**< ms; -1 = absent */
    bool data_change;
    bool extended_file_metadata;
    size_t n_partition_values;
    const pli__kv *partition_values;
    int64_t size; /**< -1 = absent */
    pli__dv dv;
    int64_t base_row_id, default_row_commit_version;
    pli__str stats, tags;
} pli__remove;

/** cdc */
typedef struct pli__cdc_file {
    pli__str path;
    size_t n_partition_values;
    const pli__kv *partition_values;
    int64_t size;
    pli__str tags;
} pli__cdc_file;

typedef struct pli__txn {
    pli__str app_id;
    int64_t version;
    int64_t last_updated; /**< ms; -1 = absent */
} pli__txn;

typedef struct pli__domain {
    pli__str domain, configuration;
    bool removed;
} pli__domain;

/** protocol; feature lists are NULL/0 when the version has none */
typedef struct pli__protocol {
    int32_t min_reader, min_writer;
    bool has_reader_features, has_writer_features;
    size_t n_reader_features, n_writer_features;
    const pli__str *reader_features, *writer_features;
} pli__protocol;

typedef struct pli__metadata {
    pli__str id, name, description; /**< name, description: ptr NULL = absent */
    pli__str format_provider;       /**< "parquet" */
    pli__str schema_string;         /**< Delta schema JSON text */
    size_t n_partition_columns;
    const pli__str *partition_columns; /**< logical names */
    size_t n_configuration;
    const pli__kv *configuration;
    int64_t created_time; /**< ms; -1 = absent */
    pli__str extra; /**< unknown members of the action as a raw JSON object, preserved on rewrite; ptr NULL = none */
} pli__metadata;

typedef enum pli__action_kind {
    PLI__ACTION_ADD,
    PLI__ACTION_REMOVE,
    PLI__ACTION_CDC,
    PLI__ACTION_TXN,
    PLI__ACTION_PROTOCOL,
    PLI__ACTION_METADATA,
    PLI__ACTION_DOMAIN,
    PLI__ACTION_COMMIT_INFO,
    PLI__ACTION_CHECKPOINT_METADATA,
    PLI__ACTION_SIDECAR,
    PLI__ACTION_UNKNOWN /* ignored; `raw` holds it */
} pli__action_kind;

typedef struct pli__action {
    pli__action_kind kind;
    union {
        pli__add add;
        pli__remove remove;
        pli__cdc_file cdc;
        pli__txn txn;
        pli__protocol protocol;
        pli__metadata metadata;
        pli__domain domain;
        struct {
            pli__str path;
            int64_t size;
            int64_t modification_time;
        } sidecar;
    };
    pli__str raw; /**< COMMIT_INFO, CHECKPOINT_METADATA and UNKNOWN: raw JSON of the member's value */
} pli__action;

/** Append the action as one JSON line with newline (delta/action_write.c). Null members are left out; map values of
 *  partitionValues may be null. */
pli_status pli__action_write(const pli__action *a, pli__buf *out, pli_error *err);

#endif
