/* Version checksums: one JSON object, whose actions are read as those of a commit. */
#include "delta/checksum.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/json_scan.h"
#include "delta/action_read.h"
#include "delta/features.h"
#include "delta/table.h"

#define CHECKSUM_MAX ((size_t)64 << 20) /* bytes of one file */

void pli__checksum_clear(pli__checksum *c) {
    pli__state_clear(&c->state);
    pli__buf_clear(&c->txn_id);
}

static void distrust(const pli__delta *t, int64_t version, const char *why) {
    pli__env_log(t->env, PLI_LOG_WARNING, "the checksum file %020" PRId64 ".crc of '%s' is not used: %s", version,
                 t->root, why);
}

/* ---- reading ---- */

typedef struct {
    pli__json_scan scan;
    pli__action_reader reader;
    pli__checksum *c;
    const char *name;
    int64_t deleted_rows; /* -1 = absent */
} parser;

static void parser_clear(parser *p) { pli__action_reader_clear(&p->reader); }

static pli_status apply(void *arg, const pli__action *a, pli_error *err) { return pli__state_apply(arg, a, err); }

/* The value that was delivered last, as the line of a commit. */
static pli_status read_action(parser *p, const char *kind, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf line = {0};
    pli__str raw;
    PLI_TRY(pli__json_scan_skip(&p->scan, &raw, err));
    pli__buf_addf(&line, "{\"%s\":", kind);
    pli__buf_adds(&line, raw);
    pli__buf_addc(&line, '}');
    PLI_TRY(pli__buf_status(&line, err));
    return pli__action_read_line(&p->reader, pli__buf_str(&line), p->name, 0, apply, &p->c->state, err);
}

static pli_status read_list(parser *p, const char *kind, pli_error *err) {
    pli__json_item it;
    bool more;
    PLI_TRY(pli__json_scan_enter(&p->scan, err));
    for (;;) {
        PLI_TRY(pli__json_scan_next(&p->scan, &it, &more, err));
        if (!more) return PLI_OK;
        if (it.kind != PLI__JSON_OBJECT) return pli__json_scan_error(&p->scan, err, "an action is no object");
        PLI_TRY(read_action(p, kind, err));
    }
}

static pli_status read_number(parser *p, const pli__json_item *it, int64_t *out, pli_error *err) {
    if (it->kind == PLI__JSON_NULL || (pli__json_item_i64(it, out) && *out >= 0)) return PLI_OK;
    return pli__json_scan_error(&p->scan, err, "a whole number that is not negative is expected");
}

static pli_status read_member(parser *p, const pli__json_item *it, pli_error *err) {
    pli__checksum *c = p->c;
    const bool object = it->kind == PLI__JSON_OBJECT, array = it->kind == PLI__JSON_ARRAY;
    if (object && pli__json_key_is(it, "protocol")) return read_action(p, "protocol", err);
    if (object && pli__json_key_is(it, "metadata")) return read_action(p, "metaData", err);
    if (array && pli__json_key_is(it, "setTransactions")) return c->has_txns = true, read_list(p, "txn", err);
    if (array && pli__json_key_is(it, "domainMetadata"))
        return c->has_domains = true, read_list(p, "domainMetadata", err);
    if (pli__json_key_is(it, "numFiles")) return read_number(p, it, &c->totals.files, err);
    if (pli__json_key_is(it, "tableSizeBytes")) return read_number(p, it, &c->totals.bytes, err);
    if (pli__json_key_is(it, "numDeletedRecordsOpt")) return read_number(p, it, &p->deleted_rows, err);
    if (pli__json_key_is(it, "inCommitTimestampOpt")) return read_number(p, it, &c->ict_ms, err);
    if (it->kind == PLI__JSON_STRING && pli__json_key_is(it, "txnId")) pli__json_unescape(it->raw, &c->txn_id);
    return pli__buf_status(&c->txn_id, err);
}

static pli_status parse(pli__str text, const char *name, pli__checksum *c, pli_error *err) {
    PLI_AUTO(parser_clear)
    parser p = {.c = c, .name = name, .reader.what.kinds = PLI__READ_STATE, .deleted_rows = -1};
    pli__json_item it;
    bool more;
    c->ict_ms = c->totals.files = c->totals.bytes = -1;
    pli__json_scan_init(&p.scan, text, name, 0);
    PLI_TRY(pli__json_scan_root(&p.scan, &it, err));
    if (it.kind != PLI__JSON_OBJECT) return pli__json_scan_error(&p.scan, err, "an object is expected");
    PLI_TRY(pli__json_scan_enter(&p.scan, err));
    for (;;) {
        PLI_TRY(pli__json_scan_next(&p.scan, &it, &more, err));
        if (!more) break;
        PLI_TRY(read_member(&p, &it, err));
    }
    PLI_TRY(pli__json_scan_end(&p.scan, err));
    const bool no_vectors = c->state.has_protocol && !pli__protocol_has_feature(&c->state.protocol, "deletionVectors");
    c->totals.deleted_rows = p.deleted_rows < 0 && no_vectors ? 0 : p.deleted_rows;
    if (c->totals.deleted_rows < 0 || c->totals.bytes < 0) c->totals.files = -1;
    return PLI_OK;
}

pli_status pli__checksum_read(pli__delta *t, int64_t version, pli__checksum *out, bool *found, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf text = {0};
    PLI_AUTO(pli__checksum_clear) pli__checksum c = {0};
    pli_error why = {0};
    char name[40];
    *found = false;
    snprintf(name, sizeof name, "%020" PRId64 ".crc", version);
    pli_status st = pli__store_get(t->log, name, CHECKSUM_MAX, &text, &why);
    if (st == PLI_E_NOT_FOUND) return PLI_OK;
    if (st == PLI_OK) st = parse(pli__buf_str(&text), name, &c, &why);
    if (st == PLI_E_MEMORY) return pli__error_memory(err);
    if (st != PLI_OK) return distrust(t, version, why.message), PLI_OK;
    *out = c;
    c = (pli__checksum){0};
    *found = true;
    return PLI_OK;
}

/* ---- trusting ---- */

typedef struct {
    const pli__checksum *c;
    bool same_id;
    int64_t ict_ms;
} commit_facts;

static bool holds_txn_id(pli__str raw, pli__str txn_id) {
    pli__json_scan s;
    pli__json_item it;
    bool more, same = false;
    pli__json_scan_init(&s, raw, "commitInfo", 0);
    if (pli__json_scan_root(&s, &it, NULL) != PLI_OK || it.kind != PLI__JSON_OBJECT ||
        pli__json_scan_enter(&s, NULL) != PLI_OK)
        return false;
    while (pli__json_scan_next(&s, &it, &more, NULL) == PLI_OK && more)
        if (pli__json_key_is(&it, "txnId")) same = it.kind == PLI__JSON_STRING && pli__str_eq(it.raw, txn_id);
    return same;
}

static pli_status look_at_commit(void *arg, const pli__action *a, pli_error *err) {
    commit_facts *f = arg;
    (void)err;
    if (a->kind != PLI__ACTION_COMMIT_INFO) return PLI_OK;
    f->same_id = holds_txn_id(a->raw, pli__buf_str(&f->c->txn_id));
    f->ict_ms = pli__commit_info_ict(a->raw);
    return PLI_OK;
}

pli_status pli__checksum_fits_commit(pli__delta *t, int64_t version, const pli__checksum *c, bool *fits,
                                     int64_t *ict_ms, pli_error *err) {
    commit_facts f = {.c = c, .ict_ms = -1};
    pli_error why = {0};
    *fits = false;
    if (!c->txn_id.len) return PLI_OK; /* nothing ties it to its commit */
    const pli_status st = pli__log_read(t, version, (pli__read_what){.kinds = PLI__READ_INFO}, look_at_commit, &f,
                                        &why);
    if (st == PLI_E_MEMORY) return pli__error_memory(err);
    if (st != PLI_OK) return PLI_OK; /* the way by the log will say what is wrong */
    *fits = f.same_id && f.ict_ms == c->ict_ms;
    if (!*fits) distrust(t, version, "it does not belong to the commit of its version");
    *ict_ms = f.ict_ms;
    return PLI_OK;
}

/* ---- comparing with the log ---- */

static bool same_lists(const pli__str *a, size_t n, const pli__str *b, size_t m) {
    if (n != m) return false;
    for (size_t i = 0; i < n; i++) {
        size_t k = 0;
        while (k < m && !pli__str_eq(a[i], b[k])) k++;
        if (k == m) return false;
    }
    return true;
}

static bool same_protocol(const pli__protocol *a, const pli__protocol *b) {
    return a->min_reader == b->min_reader && a->min_writer == b->min_writer &&
           same_lists(a->reader_features, a->n_reader_features, b->reader_features, b->n_reader_features) &&
           same_lists(a->writer_features, a->n_writer_features, b->writer_features, b->n_writer_features);
}

static bool holds_pair(const pli__metadata *m, const pli__kv *pair) {
    for (size_t i = 0; i < m->n_configuration; i++)
        if (pli__str_eq(m->configuration[i].key, pair->key) && pli__str_eq(m->configuration[i].value, pair->value))
            return true;
    return false;
}

static bool same_metadata(const pli__metadata *a, const pli__metadata *b) {
    if (!pli__str_eq(a->id, b->id) || !pli__str_eq(a->schema_string, b->schema_string)) return false;
    if (a->n_partition_columns != b->n_partition_columns || a->n_configuration != b->n_configuration) return false;
    for (size_t i = 0; i < a->n_partition_columns; i++)
        if (!pli__str_eq(a->partition_columns[i], b->partition_columns[i])) return false;
    for (size_t i = 0; i < a->n_configuration; i++)
        if (!holds_pair(b, &a->configuration[i])) return false;
    return true;
}

bool pli__checksum_fits_state(const pli__delta *t, int64_t version, const pli__checksum *c, const pli__state *state) {
    const char *wrong = NULL;
    if (c->state.has_protocol && !same_protocol(&c->state.protocol, &state->protocol))
        wrong = "its protocol is not the one of the log";
    if (c->state.has_metadata && !same_metadata(&c->state.metadata, &state->metadata))
        wrong = "its metadata is not that of the log";
    if (wrong) distrust(t, version, wrong);
    return !wrong;
}
