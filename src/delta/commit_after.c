/*
 * After a commit: the version's checksum file and, by interval, a checkpoint and a cleaning of the log. All of it only makes
 * readers faster, so a failure is logged and the commit stands.
 *
 * The .crc is made only when its numbers are known without listing the table: from the .crc of the version before.
 */
#include <stdio.h>

#include "base/json.h"
#include "base/time.h"
#include "delta/checkpoint_write.h"
#include "delta/latest.h"
#include "delta/log_maintain.h"
#include "delta/transaction_impl.h"

#define CRC_MAX ((size_t)64 << 20)
#define CRC_TXNS_MAX 1000         /* more applications than that are left out of the .crc */
#define DEFAULT_INTERVAL 10 /* Spark's delta.checkpointInterval */
/* A checkpoint of that many files costs at most as much as a commit; a v2 one mostly looks through the sidecars it keeps. */
#define FILES_PER_COMMIT 1000
#define FILES_PER_COMMIT_V2 6400

typedef struct {
    int64_t files, bytes;
} totals;

/* ---- .crc ---- */

static pli_status read_crc(pli__delta *t, int64_t version, totals *out, bool *found, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf text = {0};
    PLI_AUTO(pli__json_unref) json_t *crc = NULL;
    char name[40];
    snprintf(name, sizeof name, "%020lld.crc", (long long)version);
    const pli_status s = pli__store_get(pli__delta_log(t), name, CRC_MAX, &text, err);
    if (s == PLI_E_NOT_FOUND) return pli__error_clear(err), PLI_OK;
    if (s != PLI_OK) return s;
    PLI_TRY(pli__json_parse(pli__buf_str(&text), name, &crc, err));
    PLI_TRY(pli__json_get_i64(crc, "numFiles", name, true, &out->files, err));
    PLI_TRY(pli__json_get_i64(crc, "tableSizeBytes", name, true, &out->bytes, err));
    *found = true;
    return PLI_OK;
}

/* Numbers of our version from those of the one before; false if a removed file's size is not known. */
static bool apply_files(const pli__txn_handle *x, totals *n) {
    for (size_t i = 0; i < x->adds.n; i++) n->bytes += x->adds.at[i].size;
    for (size_t i = 0; i < x->removes.n; i++) {
        if (x->removes.at[i].size < 0) return false;
        n->bytes -= x->removes.at[i].size;
    }
    n->files += (int64_t)x->adds.n - (int64_t)x->removes.n;
    return n->files >= 0 && n->bytes >= 0;
}

/* Append ,"key": and the value inside of an action's line. */
static pli_status add_body(const char *key, const pli__action *a, pli__buf *out, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf line = {0};
    PLI_TRY(pli__action_write(a, &line, err));
    const char *colon = memchr(line.ptr, ':', line.len);
    if (key) pli__buf_addf(out, ",\"%s\":", key);
    pli__buf_add(out, colon + 1, line.len - (size_t)(colon + 1 - line.ptr) - 2);
    return PLI_OK;
}

static pli_status add_lists(pli__snapshot *s, pli__buf *out, pli_error *err) {
    const size_t n_txns = pli__snapshot_n_txns(s);
    if (n_txns <= CRC_TXNS_MAX) {
        pli__buf_addz(out, ",\"setTransactions\":[");
        for (size_t i = 0; i < n_txns; i++) {
            const pli__action a = {.kind = PLI__ACTION_TXN, .txn = pli__snapshot_txn_at(s, i)};
            if (i) pli__buf_addc(out, ',');
            PLI_TRY(add_body(NULL, &a, out, err));
        }
        pli__buf_addc(out, ']');
    }
    pli__buf_addz(out, ",\"domainMetadata\":[");
    for (size_t i = 0; i < pli__snapshot_n_domains(s); i++) {
        const pli__action a = {.kind = PLI__ACTION_DOMAIN, .domain = pli__snapshot_domain_at(s, i)};
        if (i) pli__buf_addc(out, ',');
        PLI_TRY(add_body(NULL, &a, out, err));
    }
    pli__buf_addc(out, ']');
    return PLI_OK;
}

static pli_status write_crc(const pli__txn_handle *x, int64_t version, const totals *n, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf text = {0};
    char name[40];
    const pli__action metadata = {.kind = PLI__ACTION_METADATA, .metadata = *pli__snapshot_metadata(x->after)};
    const pli__action protocol = {.kind = PLI__ACTION_PROTOCOL, .protocol = *pli__snapshot_protocol(x->after)};
    pli__buf_addf(&text,
                  "{\"txnId\":\"%s\",\"tableSizeBytes\":%lld,\"numFiles\":%lld,\"numMetadata\":1,\"numProtocol\":1",
                  x->txn_id, (long long)n->bytes, (long long)n->files);
    const int64_t ict = pli__snapshot_ict_us(x->after);
    if (ict >= 0) pli__buf_addf(&text, ",\"inCommitTimestampOpt\":%lld", (long long)ict / 1000);
    PLI_TRY(add_lists(x->after, &text, err));
    PLI_TRY(add_body("metadata", &metadata, &text, err));
    PLI_TRY(add_body("protocol", &protocol, &text, err));
    pli__buf_addz(&text, "}\n");
    PLI_TRY(pli__buf_status(&text, err));
    snprintf(name, sizeof name, "%020lld.crc", (long long)version);
    return pli__store_put_if_absent(pli__delta_log(x->t), name, pli__buf_str(&text), PLI__STORE_RELAXED, err);
}

/* ---- checkpoint ---- */

/* Number of files that the newest checkpoint had, 0 if it does not say: good enough to choose an interval by. */
static int64_t files_of_hint(pli__delta *t) {
    PLI_AUTO(pli__buf_clear) pli__buf text = {0};
    PLI_AUTO(pli__json_unref) json_t *hint = NULL;
    int64_t n = 0;
    if (pli__store_get(pli__delta_log(t), "_last_checkpoint", CRC_MAX, &text, NULL) != PLI_OK) return 0;
    if (pli__json_parse(pli__buf_str(&text), "_last_checkpoint", &hint, NULL) != PLI_OK || !json_is_object(hint))
        return 0;
    return pli__json_get_i64(hint, "numOfAddFiles", "_last_checkpoint", false, &n, NULL) == PLI_OK ? n : 0;
}

/* Every 10 commits, or as the table says; without a say of its own a big table waits longer, so that checkpoints take at
 * most about half of the writing time. */
static int64_t checkpoint_interval(const pli__txn_handle *x, int64_t files) {
    int64_t n = 0;
    const pli__str set = pli__snapshot_property(x->after, "delta.checkpointInterval");
    if (set.ptr && pli__str_to_i64(set, &n) && n > 0) return n;
    n = files / (pli__checkpoint_wants_v2(x->after) ? FILES_PER_COMMIT_V2 : FILES_PER_COMMIT);
    return n > DEFAULT_INTERVAL ? n / DEFAULT_INTERVAL * DEFAULT_INTERVAL : DEFAULT_INTERVAL;
}

/* The .crc of our version, if its numbers are known; *known says whether they are. */
static pli_status chain_crc(const pli__txn_handle *x, int64_t version, totals *n, bool *known, pli_error *err) {
    *known = version == 0;
    if (!*known) PLI_TRY(read_crc(x->t, version - 1, n, known, err));
    *known = *known && apply_files(x, n);
    return *known ? write_crc(x, version, n, err) : PLI_OK;
}

/* The snapshot that goes on from here begins at the new checkpoint: going on from the old one, it would hold and read ever more
 * commits. */
static pli_status begin_anew(pli__txn_handle *x, int64_t version, pli_error *err) {
    const pli__snapshot_options for_write = {.for_write = true};
    pli__snapshot *s = NULL;
    PLI_TRY(pli__snapshot_open(x->t, version, &for_write, &s, err));
    pli__snapshot_unref(x->after);
    x->after = s;
    return PLI_OK;
}

/* The snapshot may go back to a checkpoint that somebody has cleaned away since: then it is opened again. */
static pli_status write_checkpoint(pli__txn_handle *x, int64_t version, pli__delta_checkpoint_result *r,
                                   pli_error *err) {
    const pli_status s = pli__delta_checkpoint_write(x->after, x->t, r, err);
    if (s == PLI_OK || s == PLI_E_MEMORY || s == PLI_E_CANCELLED) return s;
    pli__error_clear(err);
    PLI_TRY(begin_anew(x, version, err));
    return pli__delta_checkpoint_write(x->after, x->t, r, err);
}

static pli_status finish(pli__txn_handle *x, int64_t version, pli_error *err) {
    totals n = {0};
    bool known = false;
    pli__delta_checkpoint_result r = {0};
    if (x->snapshot) PLI_TRY(pli__snapshot_advance(x->snapshot, version, &x->after, err));
    else PLI_TRY(pli__snapshot_open(x->t, version, NULL, &x->after, err));
    if (chain_crc(x, version, &n, &known, err) != PLI_OK) {
        pli__env_log(pli__delta_env(x->t), PLI_LOG_WARNING, "could not write the checksum of version %lld: %s",
                     (long long)version, err->message);
        pli__error_clear(err);
    }
    if (version == 0 || version % checkpoint_interval(x, known ? n.files : files_of_hint(x->t)) != 0) return PLI_OK;
    if (!pli__store_local_path(pli__delta_log(x->t))) return PLI_OK;
    PLI_TRY(write_checkpoint(x, version, &r, err));
    if (!known && r.actions) {
        n = (totals){r.add_files, r.table_bytes}; /* a chain of .crc files begins here */
        PLI_TRY(write_crc(x, version, &n, err));
    }
    if (r.actions) PLI_TRY(pli__log_clean(x->after, NULL, err));
    return r.actions ? begin_anew(x, version, err) : PLI_OK;
}

void pli__txn_after_commit(pli__txn_handle *x, int64_t version) {
    pli_error error = {0};
    if (finish(x, version, &error) != PLI_OK)
        pli__env_log(pli__delta_env(x->t), PLI_LOG_WARNING, "version %lld is committed, but its checkpoint is not: %s",
                     (long long)version, error.message);
}
