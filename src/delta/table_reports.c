/* pli/table.h: reports on a table: its state, its files, its history. Rows are JSON objects. */
#include <inttypes.h>
#include <stdio.h>

#include "base/json_scan.h"
#include "base/time.h"
#include "delta/history.h"
#include "delta/log_list.h"
#include "delta/log_read.h"
#include "delta/path.h"
#include "delta/table_public.h"

pli_status pli__table_open_at(pli_table *t, const pli_at *at, const pli__snapshot_options *want, pli__snapshot **out,
                              pli_error *err) {
    static const pli_at newest = {.size = sizeof(pli_at)};
    const pli_at *a = at ? at : &newest;
    int64_t version;
    if (a->size < sizeof *a) return pli__error_set(err, PLI_E_ARGUMENT, "pli_at.size is not set");
    PLI_TRY(pli__table_resolve(t, a->has_version, a->version, a->timestamp, &version, err));
    pli__snapshot_options o = *want;
    o.ignore_checkpoints = a->ignore_checkpoints;
    return pli__snapshot_open(t->delta, version, &o, out, err);
}

/* ---- detail ---- */

static void add_texts(pli__buf *row, const pli__str *texts, size_t n) {
    pli__buf_addc(row, '[');
    for (size_t i = 0; i < n; i++) {
        if (i) pli__buf_addc(row, ',');
        pli__buf_add_json(row, texts[i]);
    }
    pli__buf_addc(row, ']');
}

static void add_text_or_null(pli__buf *row, pli__str s) {
    if (s.ptr) pli__buf_add_json(row, s);
    else pli__buf_addz(row, "null");
}

void pli__table_add_map(pli__buf *row, const pli__kv *kvs, size_t n) {
    pli__buf_addc(row, '{');
    for (size_t i = 0; i < n; i++) {
        if (i) pli__buf_addc(row, ',');
        pli__buf_add_json(row, kvs[i].key);
        pli__buf_addc(row, ':');
        add_text_or_null(row, kvs[i].value);
    }
    pli__buf_addc(row, '}');
}

static void add_protocol(pli__buf *row, const pli__protocol *p) {
    pli__buf_addf(row, ",\"minReaderVersion\":%d,\"minWriterVersion\":%d,\"readerFeatures\":", p->min_reader,
                  p->min_writer);
    add_texts(row, p->reader_features, p->n_reader_features);
    pli__buf_addz(row, ",\"writerFeatures\":");
    add_texts(row, p->writer_features, p->n_writer_features);
}

static void add_metadata(pli__buf *row, const pli__metadata *m) {
    pli__buf_addz(row, ",\"id\":");
    add_text_or_null(row, m->id);
    pli__buf_addz(row, ",\"name\":");
    add_text_or_null(row, m->name);
    pli__buf_addz(row, ",\"schema\":"); /* valid JSON: the snapshot has parsed it */
    pli__buf_adds(row, m->schema_string);
    pli__buf_addz(row, ",\"partitionColumns\":");
    add_texts(row, m->partition_columns, m->n_partition_columns);
    pli__buf_addz(row, ",\"configuration\":");
    pli__table_add_map(row, m->configuration, m->n_configuration);
}

static void add_transactions(pli__buf *row, const pli__snapshot *s) {
    pli__buf_addz(row, ",\"setTransactions\":[");
    for (size_t i = 0; i < pli__snapshot_n_txns(s); i++) {
        const pli__txn txn = pli__snapshot_txn_at(s, i);
        pli__buf_addz(row, i ? ",{\"appId\":" : "{\"appId\":");
        pli__buf_add_json(row, txn.app_id);
        pli__buf_addf(row, ",\"version\":%" PRId64 "}", txn.version);
    }
    pli__buf_addz(row, "],\"domainMetadata\":[");
    for (size_t i = 0; i < pli__snapshot_n_domains(s); i++) {
        const pli__domain d = pli__snapshot_domain_at(s, i);
        pli__buf_addz(row, i ? ",{\"domain\":" : "{\"domain\":");
        pli__buf_add_json(row, d.domain);
        pli__buf_addz(row, ",\"configuration\":");
        add_text_or_null(row, d.configuration);
        pli__buf_addc(row, '}');
    }
    pli__buf_addc(row, ']');
}

pli_status pli_table_detail(pli_table *t, const pli_at *at, pli_row_fn *fn, void *arg, pli_error *err) {
    PLI_AUTO(pli__snapshot_auto) pli__snapshot *s = NULL;
    PLI_AUTO(pli__buf_clear) pli__buf row = {0};
    pli__totals n;
    if (!t || !fn) return pli__error_set(err, PLI_E_ARGUMENT, "'t' and 'fn' must not be NULL");
    PLI_TRY(pli__table_open_at(t, at, &(pli__snapshot_options){.with_totals = true}, &s, err));
    PLI_TRY(pli__snapshot_totals(s, &n, err));
    pli__buf_addf(&row, "{\"version\":%" PRId64, pli__snapshot_version(s));
    add_protocol(&row, pli__snapshot_protocol(s));
    add_metadata(&row, pli__snapshot_metadata(s));
    pli__buf_addf(&row, ",\"numFiles\":%" PRId64 ",\"sizeInBytes\":%" PRId64 ",\"numDeletedRows\":%" PRId64, n.files,
                  n.bytes, n.deleted_rows);
    add_transactions(&row, s);
    pli__buf_addc(&row, '}');
    return pli__table_emit(fn, arg, &row, err);
}

/* ---- files ---- */

typedef struct {
    pli_row_fn *fn;
    void *arg;
    pli__buf row, path;
} file_report;

static void file_report_clear(file_report *r) {
    pli__buf_clear(&r->row);
    pli__buf_clear(&r->path);
}

static bool is_json_object(pli__str s) {
    pli__json_scan scan;
    pli__json_item it;
    if (!s.ptr) return false;
    pli__json_scan_init(&scan, s, "stats", 0);
    return pli__json_scan_root(&scan, &it, NULL) == PLI_OK && it.kind == PLI__JSON_OBJECT &&
           pli__json_scan_end(&scan, NULL) == PLI_OK;
}

static void add_dv(pli__buf *row, const pli__dv *dv) {
    pli__buf_addf(row, ",\"deletionVector\":{\"storageType\":\"%c\",\"pathOrInlineDv\":", dv->storage);
    pli__buf_add_json(row, dv->path);
    if (dv->offset >= 0) pli__buf_addf(row, ",\"offset\":%" PRId64, dv->offset);
    pli__buf_addf(row, ",\"sizeInBytes\":%" PRId64 ",\"cardinality\":%" PRId64 "}", dv->size, dv->cardinality);
}

static pli_status report_file(void *arg, const pli__add *add, pli_error *err) {
    file_report *r = arg;
    pli__buf_reset(&r->row);
    pli__buf_reset(&r->path);
    pli__uri_decode(add->path, &r->path);
    pli__buf_addz(&r->row, "{\"path\":");
    pli__buf_add_json(&r->row, pli__buf_str(&r->path));
    pli__buf_addf(&r->row, ",\"size\":%" PRId64 ",\"modificationTime\":%" PRId64 ",\"partitionValues\":", add->size,
                  add->modification_time);
    pli__table_add_map(&r->row, add->partition_values, add->n_partition_values);
    if (add->dv.storage) add_dv(&r->row, &add->dv);
    if (is_json_object(add->stats)) {
        pli__buf_addz(&r->row, ",\"stats\":");
        pli__buf_adds(&r->row, add->stats);
    }
    pli__buf_addc(&r->row, '}');
    if (r->path.failed) return pli__buf_status(&r->path, err);
    return pli__table_emit(r->fn, r->arg, &r->row, err);
}

pli_status pli_table_files(pli_table *t, const pli_at *at, pli_row_fn *fn, void *arg, pli_error *err) {
    const unsigned fields = PLI__FILES_PARTITIONS | PLI__FILES_STATS | PLI__FILES_DV;
    PLI_AUTO(pli__snapshot_auto) pli__snapshot *s = NULL;
    PLI_AUTO(file_report_clear) file_report r = {.fn = fn, .arg = arg};
    if (!t || !fn) return pli__error_set(err, PLI_E_ARGUMENT, "'t' and 'fn' must not be NULL");
    PLI_TRY(pli__table_open_at(t, at, &(pli__snapshot_options){.with_files = true, .files = fields}, &s, err));
    return pli__snapshot_files(s, fields, report_file, &r, err);
}

/* ---- history ---- */

/* Raw JSON of the members of commitInfo that are reported; ptr NULL = absent. */
typedef struct {
    pli__str operation, parameters, metrics, engine, user_metadata;
} commit_facts;

static void take_raw(pli__json_scan *s, const pli__json_item *it, pli__str *out) {
    if (it->kind == PLI__JSON_NULL) return;
    if (it->kind == PLI__JSON_OBJECT || it->kind == PLI__JSON_ARRAY) pli__json_scan_skip(s, out, NULL);
    else if (it->kind == PLI__JSON_STRING) /* with its quotes, which stand around it in the text */
        *out = (pli__str){it->raw.ptr - 1, it->raw.len + 2};
    else *out = it->raw;
}

static void read_facts(pli__str raw, commit_facts *f) {
    pli__json_scan s;
    pli__json_item it;
    bool more;
    pli__json_scan_init(&s, raw, "commitInfo", 0);
    if (pli__json_scan_root(&s, &it, NULL) != PLI_OK || it.kind != PLI__JSON_OBJECT ||
        pli__json_scan_enter(&s, NULL) != PLI_OK)
        return;
    while (pli__json_scan_next(&s, &it, &more, NULL) == PLI_OK && more) {
        if (pli__json_key_is(&it, "operation")) take_raw(&s, &it, &f->operation);
        else if (pli__json_key_is(&it, "operationParameters")) take_raw(&s, &it, &f->parameters);
        else if (pli__json_key_is(&it, "operationMetrics")) take_raw(&s, &it, &f->metrics);
        else if (pli__json_key_is(&it, "engineInfo")) take_raw(&s, &it, &f->engine);
        else if (pli__json_key_is(&it, "userMetadata")) take_raw(&s, &it, &f->user_metadata);
    }
}

typedef struct {
    pli__buf *row;
    int64_t version, ms;
    bool written;
} history_row;

static void add_raw(pli__buf *row, const char *key, pli__str raw) {
    pli__buf_addf(row, ",\"%s\":", key);
    if (raw.ptr) pli__buf_adds(row, raw);
    else pli__buf_addz(row, "null");
}

static pli_status write_history_row(void *arg, const pli__action *a, pli_error *err) {
    history_row *h = arg;
    commit_facts f = {0};
    char time[40];
    if (a && a->kind != PLI__ACTION_COMMIT_INFO) return PLI_OK;
    if (a) read_facts(a->raw, &f);
    pli__time_format_iso(h->ms * 1000, time);
    pli__buf_reset(h->row);
    pli__buf_addf(h->row, "{\"version\":%" PRId64 ",\"timestamp\":\"%s\"", h->version, time);
    add_raw(h->row, "operation", f.operation);
    add_raw(h->row, "parameters", f.parameters);
    add_raw(h->row, "metrics", f.metrics);
    add_raw(h->row, "engine", f.engine);
    add_raw(h->row, "userMetadata", f.user_metadata);
    pli__buf_addc(h->row, '}');
    h->written = true;
    return pli__buf_status(h->row, err);
}

static pli_status report_commit(pli_table *t, const pli__time_rule *rule, int64_t version, pli__buf *row,
                                pli_error *err) {
    history_row h = {.row = row, .version = version};
    PLI_TRY(pli__time_rule_ms(t->delta, rule, version, &h.ms, err));
    PLI_TRY(pli__log_read(t->delta, version, (pli__read_what){.kinds = PLI__READ_INFO}, write_history_row, &h, err));
    return h.written ? PLI_OK : write_history_row(&h, NULL, err);
}

pli_status pli_table_history(pli_table *t, int64_t limit, pli_row_fn *fn, void *arg, pli_error *err) {
    PLI_AUTO(pli__log_listing_clear) pli__log_listing l = {0};
    PLI_AUTO(pli__buf_clear) pli__buf row = {0};
    pli__time_rule rule;
    if (!t || !fn) return pli__error_set(err, PLI_E_ARGUMENT, "'t' and 'fn' must not be NULL");
    PLI_TRY(pli__time_rule_open(t->delta, &rule, err));
    PLI_TRY(pli__log_list(pli__delta_log(t->delta), 0, &l, err));
    for (size_t i = l.n_commits, n = 0; i-- > 0 && (limit <= 0 || n < (size_t)limit); n++) {
        PLI_TRY(report_commit(t, &rule, l.commits[i], &row, err));
        PLI_TRY(pli__table_emit(fn, arg, &row, err));
    }
    return PLI_OK;
}
