/* A sink in memory, for tests: it keeps the text of each query as "the rows", with the same rules for repeats as the others. */
#include "sink/sink_memory.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"

typedef struct {
    char *app_id, *sql;
    int64_t batch;
    char attempt[40], sha[65];
} record;

typedef struct {
    pli__sink base;
    char id[37];
    record *records;
    size_t n, cap, open;
    int fail_in[PLI__SINK_STEPS];
    pli_status fail_with[PLI__SINK_STEPS];
} memory_sink;

struct pli__prepared {
    memory_sink *sink;
    char *sql;
};

void pli__sink_memory_fail(pli__sink *s, pli__sink_step step, int nth, pli_status status) {
    memory_sink *m = (memory_sink *)s;
    m->fail_in[step] = nth;
    m->fail_with[step] = status;
}

size_t pli__sink_memory_n(const pli__sink *s) { return ((const memory_sink *)s)->n; }
const char *pli__sink_memory_sql(const pli__sink *s, size_t i) { return ((const memory_sink *)s)->records[i].sql; }
size_t pli__sink_memory_open(const pli__sink *s) { return ((const memory_sink *)s)->open; }

static pli_status strike(memory_sink *m, pli__sink_step step, pli_error *err) {
    if (!m->fail_in[step] || --m->fail_in[step]) return PLI_OK;
    pli__error_set(err, m->fail_with[step], "a planted fault");
    pli__error_flag(err, PLI_ERR_RETRIABLE);
    return m->fail_with[step];
}

static const record *newest(const memory_sink *m, const char *app_id, int64_t *version) {
    for (size_t i = m->n; i-- > 0;) {
        *version = (int64_t)i;
        if (strcmp(m->records[i].app_id, app_id) == 0) return &m->records[i];
    }
    return NULL;
}

static pli_status state(pli__sink *s, const char *app_id, int64_t hint, pli__sink_state *out, pli_error *err) {
    memory_sink *m = (memory_sink *)s;
    int64_t version;
    (void)hint;
    PLI_TRY(strike(m, PLI__SINK_STATE, err));
    out->exists = m->n > 0;
    out->version = (int64_t)m->n - 1;
    if (out->exists) snprintf(out->id, sizeof out->id, "%s", m->id);
    const record *r = newest(m, app_id, &version);
    if (!r) return PLI_OK;
    out->has_txn = true;
    out->txn_version = r->batch;
    out->commit_version = version;
    snprintf(out->attempt, sizeof out->attempt, "%s", r->attempt);
    snprintf(out->offset_sha256, sizeof out->offset_sha256, "%s", r->sha);
    return PLI_OK;
}

static pli_status prepare(pli__sink *s, const pli__batch_ref *batch, const char *sql, const pli__type *schema,
                          pli__prepared **out, pli_error *err) {
    memory_sink *m = (memory_sink *)s;
    (void)batch;
    (void)schema;
    PLI_TRY(strike(m, PLI__SINK_PREPARE, err));
    pli__prepared *p = calloc(1, sizeof *p);
    if (p) p->sql = pli__strz_dup(sql);
    if (!p || !p->sql) return free(p), pli__error_memory(err);
    p->sink = m;
    m->open++;
    *out = p;
    return PLI_OK;
}

static pli_status describe(pli__sink *s, const pli__prepared *p, json_t **out, pli_error *err) {
    (void)s;
    (void)p;
    *out = json_pack("{s:s, s:[], s:i, s:i}", "path", "memory", "addedFiles", "rows", 0, "bytes", 0);
    return *out ? PLI_OK : pli__error_memory(err);
}

static pli_status add_record(memory_sink *m, const pli__batch_ref *b, const pli__prepared *p, pli_error *err) {
    if (m->n == m->cap) {
        const size_t cap = m->cap ? m->cap * 2 : 8;
        record *more = realloc(m->records, cap * sizeof *more);
        if (!more) return pli__error_memory(err);
        m->records = more;
        m->cap = cap;
    }
    record r = {.app_id = pli__strz_dup(b->app_id), .sql = pli__strz_dup(p->sql), .batch = b->batch_id};
    if (!r.app_id || !r.sql) return free(r.app_id), free(r.sql), pli__error_memory(err);
    snprintf(r.attempt, sizeof r.attempt, "%s", b->attempt);
    snprintf(r.sha, sizeof r.sha, "%s", b->offset_sha256);
    m->records[m->n++] = r;
    return PLI_OK;
}

static pli_status pack_result(const memory_sink *m, const pli__batch_ref *b, int64_t version, const char *repeat_of,
                              json_t **out, pli_error *err) {
    *out = json_pack("{s:s, s:s, s:I, s:s, s:b, s:s*}", "path", "memory", "tableId", m->id, "version",
                     (json_int_t)version, "txnAppId", b->app_id, "repeat", repeat_of != NULL, "attempt", repeat_of);
    return *out ? PLI_OK : pli__error_memory(err);
}

static pli_status commit(pli__sink *s, const pli__batch_ref *b, pli__prepared *p, json_t **result, pli_error *err) {
    memory_sink *m = (memory_sink *)s;
    int64_t version = -1;
    PLI_TRY(strike(m, PLI__SINK_COMMIT_BEFORE, err));
    const record *r = newest(m, b->app_id, &version);
    if (r && r->batch >= b->batch_id) {
        if (r->batch == b->batch_id && strcmp(r->sha, b->offset_sha256) == 0)
            return pack_result(m, b, version, r->attempt, result, err);
        return pli__error_set(err, PLI_E_SINK_AHEAD, "the sink shows batch %lld, where batch %lld is to be written",
                              (long long)r->batch, (long long)b->batch_id);
    }
    PLI_TRY(add_record(m, b, p, err));
    PLI_TRY(strike(m, PLI__SINK_COMMIT_AFTER, err));
    return pack_result(m, b, (int64_t)m->n - 1, NULL, result, err);
}

static void free_prepared(pli__prepared *p) {
    p->sink->open--;
    free(p->sql);
    free(p);
}

static void abort_prepared(pli__sink *s, pli__prepared *take) {
    (void)s;
    free_prepared(take);
}

static void sink_free(pli__sink *s) {
    memory_sink *m = (memory_sink *)s;
    for (size_t i = 0; i < m->n; i++) {
        free(m->records[i].app_id);
        free(m->records[i].sql);
    }
    free(m->records);
    free(m);
}

static const pli__sink_ops ops = {1,      "memory",       state,         prepare,   describe,
                                  commit, abort_prepared, free_prepared, sink_free, NULL};

pli_status pli__sink_memory_new(pli__sink **out, pli_error *err) {
    memory_sink *m = calloc(1, sizeof *m);
    if (!m) return pli__error_memory(err);
    m->base.ops = &ops;
    pli__uuid_new(m->id);
    *out = &m->base;
    return PLI_OK;
}
