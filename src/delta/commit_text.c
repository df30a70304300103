/*
 * The text of a commit. commitInfo comes first (in-commit timestamps demand it) and is shaped as Spark's: parameters and
 * metrics are maps of strings, because strict readers refuse anything else. Row ids, commit versions and the in-commit
 * timestamp depend on the version, so the text is made anew for every attempt.
 */
#include <stdio.h>

#include "base/json_scan.h"
#include "delta/features.h"
#include "delta/transaction_impl.h"

/* ---- commitInfo ---- */

static void add_metrics(const pli__txn_handle *x, pli__buf *out) {
    pli__buf_addz(out, ",\"operationMetrics\":{");
    for (size_t i = 0; i < x->metrics.n; i++) {
        if (i) pli__buf_addc(out, ',');
        pli__buf_add_json(out, x->metrics.at[i].name);
        pli__buf_addf(out, ":\"%lld\"", (long long)x->metrics.at[i].value);
    }
    pli__buf_addc(out, '}');
}

/* Members of the caller's object, without its braces. */
static void add_members(pli__buf *out, const char *object) {
    pli__str s = pli__str_of(object);
    while (s.len && s.ptr[0] != '{') s = (pli__str){s.ptr + 1, s.len - 1};
    while (s.len && s.ptr[s.len - 1] != '}') s.len--;
    if (s.len <= 2) return;
    pli__buf_addc(out, ',');
    pli__buf_add(out, s.ptr + 1, s.len - 2);
}

static bool has_ict(const pli__txn_handle *x) {
    return pli__txn_property_is(x, "delta.enableInCommitTimestamps", "true");
}

static void add_commit_info(const pli__txn_handle *x, pli__buf *out) {
    pli__buf_addz(out, "{\"commitInfo\":{");
    if (has_ict(x)) pli__buf_addf(out, "\"inCommitTimestamp\":%lld,", (long long)x->timestamp_ms);
    pli__buf_addf(out, "\"timestamp\":%lld,\"operation\":", (long long)x->timestamp_ms);
    pli__buf_add_json(out, pli__str_of(x->options.operation));
    pli__buf_addf(out, ",\"operationParameters\":%s", x->options.operation_params ? x->options.operation_params : "{}");
    if (x->snapshot) pli__buf_addf(out, ",\"readVersion\":%lld", (long long)x->read_version);
    pli__buf_addf(out, ",\"isolationLevel\":\"%s\"",
                  pli__txn_only_rearranges(x) ? "SnapshotIsolation" : "Serializable");
    pli__buf_addf(out, ",\"isBlindAppend\":%s", pli__txn_is_blind_append(x) ? "true" : "false");
    add_metrics(x, out);
    if (x->options.user_metadata) {
        pli__buf_addz(out, ",\"userMetadata\":");
        pli__buf_add_json(out, pli__str_of(x->options.user_metadata));
    }
    if (pli__txn_property_is(x, "delta.enableRowTracking", "true")) /* rows that move take their ids along: row_ids.h */
        pli__buf_addz(out, ",\"tags\":{\"delta.rowTracking.preserved\":\"true\"}");
    pli__buf_addf(out, ",\"engineInfo\":\"polars-incremental/%s\",\"txnId\":\"%s\"", pli_version(), x->txn_id);
    if (x->options.extra_commit_info) add_members(out, x->options.extra_commit_info);
    pli__buf_addz(out, "}}\n");
}

static void set_timestamp(pli__txn_handle *x) {
    x->timestamp_ms = pli__env_now_us(pli__delta_env(x->t)) / 1000;
    if (has_ict(x) && x->last_ict_ms >= x->timestamp_ms) x->timestamp_ms = x->last_ict_ms + 1;
}

/* ---- metaData ---- */

/* In-commit timestamps that begin in the middle of a table's life name the version and time of their beginning. */
static pli_status add_metadata(pli__txn_handle *x, int64_t version, pli__buf *out, pli_error *err) {
    pli__action a = {.kind = PLI__ACTION_METADATA, .metadata = x->metadata};
    pli__kv more[2];
    char at_version[24], at_time[24];
    const bool begins = x->snapshot && has_ict(x) && pli__snapshot_ict_us(x->snapshot) < 0 &&
                        !pli__metadata_property(&x->metadata, "delta.inCommitTimestampEnablementVersion").ptr;
    PLI_AUTO(pli__arena_clear) pli__arena arena = {0};
    if (begins) {
        pli__kv *all = pli__arena_calloc(&arena, x->metadata.n_configuration + 2, sizeof *all);
        if (!all) return pli__error_memory(err);
        snprintf(at_version, sizeof at_version, "%lld", (long long)version);
        snprintf(at_time, sizeof at_time, "%lld", (long long)x->timestamp_ms);
        more[0] = (pli__kv){PLI_STR("delta.inCommitTimestampEnablementVersion"), pli__str_of(at_version)};
        more[1] = (pli__kv){PLI_STR("delta.inCommitTimestampEnablementTimestamp"), pli__str_of(at_time)};
        if (x->metadata.n_configuration)
            memcpy(all, x->metadata.configuration, x->metadata.n_configuration * sizeof *all);
        memcpy(all + x->metadata.n_configuration, more, sizeof more);
        a.metadata.configuration = all;
        a.metadata.n_configuration += 2;
    }
    return pli__action_write(&a, out, err);
}

/* ---- files and row ids ---- */

typedef struct {
    pli__txn_handle *x;
    pli__buf *out;
    int64_t version;
    bool tracking; /* the table supports row tracking: every file gets ids */
    int64_t next_id;
} file_writer;

static pli_status add_file(file_writer *w, const pli__add *add, pli_error *err) {
    pli__action a = {.kind = PLI__ACTION_ADD, .add = *add};
    if (!a.add.modification_time) a.add.modification_time = w->x->timestamp_ms;
    if (w->tracking && a.add.base_row_id < 0) {
        const int64_t rows = pli__stats_num_records(add->stats);
        if (rows < 0)
            return pli__error_set(err, PLI_E_STATE, "row tracking needs the number of rows of '%.*s'",
                                  PLI_STR_ARG(add->path));
        a.add.base_row_id = w->next_id;
        a.add.default_row_commit_version = w->version;
        w->next_id += rows;
    }
    return pli__action_write(&a, w->out, err);
}

static pli_status add_row_id_mark(const file_writer *w, pli_error *err) {
    char text[64];
    snprintf(text, sizeof text, "{\"rowIdHighWaterMark\":%lld}", (long long)w->next_id - 1);
    const pli__action a = {.kind = PLI__ACTION_DOMAIN,
                           .domain = {PLI_STR(PLI__ROW_TRACKING), pli__str_of(text), false}};
    return pli__action_write(&a, w->out, err);
}

static pli_status add_files(pli__txn_handle *x, int64_t version, pli__buf *out, pli_error *err) {
    file_writer w = {x, out, version, pli__protocol_has_feature(pli__txn_protocol(x), "rowTracking"),
                     x->row_id_mark + 1};
    for (size_t i = 0; i < x->removes.n; i++) {
        pli__action a = {.kind = PLI__ACTION_REMOVE, .remove = x->removes.at[i]};
        if (a.remove.deletion_timestamp < 0) a.remove.deletion_timestamp = x->timestamp_ms;
        PLI_TRY(pli__action_write(&a, out, err));
    }
    for (size_t i = 0; i < x->adds.n; i++) PLI_TRY(add_file(&w, &x->adds.at[i], err));
    for (size_t i = 0; i < x->cdcs.n; i++) {
        const pli__action a = {.kind = PLI__ACTION_CDC, .cdc = x->cdcs.at[i]};
        PLI_TRY(pli__action_write(&a, out, err));
    }
    return x->sets_row_id_mark || w.next_id > x->row_id_mark + 1 ? add_row_id_mark(&w, err) : PLI_OK;
}

static pli_status add_state(pli__txn_handle *x, int64_t version, pli__buf *out, pli_error *err) {
    if (x->has_protocol) {
        const pli__action a = {.kind = PLI__ACTION_PROTOCOL, .protocol = x->protocol};
        PLI_TRY(pli__action_write(&a, out, err));
    }
    if (x->has_metadata) PLI_TRY(add_metadata(x, version, out, err));
    for (size_t i = 0; i < x->txns.n; i++) {
        const pli__action a = {.kind = PLI__ACTION_TXN, .txn = x->txns.at[i]};
        PLI_TRY(pli__action_write(&a, out, err));
    }
    for (size_t i = 0; i < x->domains.n; i++) {
        const pli__action a = {.kind = PLI__ACTION_DOMAIN, .domain = x->domains.at[i]};
        PLI_TRY(pli__action_write(&a, out, err));
    }
    return PLI_OK;
}

pli_status pli__txn_render(pli__txn_handle *x, int64_t version, pli__buf *out, pli_error *err) {
    set_timestamp(x);
    add_commit_info(x, out);
    PLI_TRY(add_state(x, version, out, err));
    PLI_TRY(add_files(x, version, out, err));
    return pli__buf_status(out, err);
}
