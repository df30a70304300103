/* A merge from its source to its commit. */
#include "delta/merge.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "delta/merge_clause.h"
#include "delta/merge_impl.h"
#include "delta/project.h"
#include "delta/row_ids.h"

#define ATTEMPTS 20

/* ---- statements ---- */

pli_status pli__merge_exec(pli__merge *m, const pli__buf *sql, pli_error *err) {
    PLI_TRY(pli__buf_status(sql, err));
    return pli__engine_exec(m->engine, sql->ptr, NULL, err);
}

pli_status pli__merge_count(pli__merge *m, const pli__buf *sql, int64_t *out, pli_error *err) {
    PLI_TRY(pli__buf_status(sql, err));
    return pli__engine_query_i64(m->engine, sql->ptr, out, err);
}

pli_status pli__merge_text(pli__merge *m, const pli__buf *sql, pli__buf *out, pli_error *err) {
    PLI_TRY(pli__buf_status(sql, err));
    return pli__engine_query_str(m->engine, sql->ptr, out, err);
}

bool pli__merge_acts(const pli__merge *m, pli_merge_when when, pli_merge_action action) {
    for (size_t k = 0; k < m->n_clauses; k++)
        if (m->clauses[k].when == when && m->clauses[k].action == action) return true;
    return false;
}

bool pli__merge_has(const pli__merge *m, pli_merge_when when) {
    return pli__merge_acts(m, when, PLI_MERGE_UPDATE) || pli__merge_acts(m, when, PLI_MERGE_DELETE) ||
           pli__merge_acts(m, when, PLI_MERGE_INSERT);
}

static void name_tables(pli__merge_tables *t) {
    char *const names[] = {t->s, t->m, t->a, t->i, t->o, t->r};
    char uuid[37], id[33];
    size_t k = 0;
    pli__uuid_new(uuid);
    for (size_t i = 0; uuid[i]; i++)
        if (uuid[i] != '-') id[k++] = uuid[i];
    id[k] = '\0';
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        snprintf(names[i], sizeof t->s, "pli_merge_%s_%c", id, "smaior"[i]);
}

static void drop(const pli__merge *m, const char *what, const char *name) {
    char sql[100];
    pli__engine *e = pli__env_engine_if_open(pli__delta_env(m->table));
    snprintf(sql, sizeof sql, "DROP %s IF EXISTS %s", what, name);
    if (e) (void)pli__engine_exec(e, sql, NULL, NULL);
}

/* ---- one attempt ---- */

static void forget_attempt(pli__merge *m) {
    pli__merge_attempt *now = &m->now;
    const char *const tables[] = {m->t.m, m->t.i, m->t.o, m->t.r};
    if (!now->d.table) return; /* not begun */
    drop(m, now->chooses_by_old ? "TABLE" : "VIEW", m->t.a);
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) drop(m, "TABLE", tables[i]);
    pli__scan_free(now->scan);
    pli__dml_clear(&now->d);
    pli__type_unref(now->after);
    pli__arena_clear(&now->arena);
    m->now = (pli__merge_attempt){0};
    m->prepared = false;
}

static pli_status check_mode(pli__merge *m, pli_error *err) {
    pli__dml *d = &m->now.d;
    d->vectors_always = m->o.write_mode == PLI_MERGE_DELETION_VECTORS;
    if (!d->vectors_always || d->vectors) return PLI_OK;
    const pli_status s = pli__error_set(err, PLI_E_UNSUPPORTED,
                                        "the table has no deletion vectors, which this merge is to write");
    (void)pli__error_hint(err, "set the table property delta.enableDeletionVectors = true");
    return s;
}

static bool changes_something(const pli__merge *m) {
    return m->now.d.touched->n || m->now.result.rows_inserted || m->now.identity.app_id;
}

static pli_status prepare(pli__merge *m, pli_error *err) {
    pli__merge_attempt *now = &m->now;
    PLI_TRY(pli__dml_open(m->table, m->o.write_mode == PLI_MERGE_COPY_ON_WRITE, m->o.relaxed, &now->d, err));
    now->result.version = pli__snapshot_version(now->d.snapshot);
    now->result.source_rows = m->source_rows;
    if (m->o.identify) PLI_TRY(m->o.identify(m->o.identify_arg, now->d.snapshot, &now->identity, err));
    now->result.repeat = now->identity.repeat;
    if (now->identity.repeat) return PLI_OK;
    now->keeps_ids = pli__row_ids_kept(now->d.snapshot);
    PLI_TRY(check_mode(m, err));
    PLI_TRY(pli__merge_schema(m, err));
    PLI_TRY(pli__merge_refs(m, err));
    PLI_TRY(pli__merge_probe(m, err));
    return m->o.dry_run || !changes_something(m) ? PLI_OK : pli__merge_write(m, err);
}

pli_status pli__merge_prepare(pli__merge *m, pli_error *err) {
    forget_attempt(m);
    const pli_status s = prepare(m, err);
    m->prepared = s == PLI_OK;
    if (s != PLI_OK) forget_attempt(m);
    return s;
}

pli_status pli__merge_commit(pli__merge *m, pli__merge_result *out, pli_error *err) {
    pli__merge_attempt *now = &m->now;
    pli__commit_result r;
    if (!m->prepared) return pli__error_set(err, PLI_E_STATE, "the merge is not prepared");
    if (now->d.txn) {
        PLI_TRY(pli__txn_commit(now->d.txn, &r, err));
        now->result.version = r.version;
        now->result.committed = now->d.result.committed = !r.repeat;
        now->result.repeat = r.repeat;
    }
    *out = now->result;
    forget_attempt(m);
    return PLI_OK;
}

void pli__merge_state(const pli__merge *m, pli__merge_result *out) { *out = m->now.result; }

void pli__merge_leave_files(pli__merge *m) { m->now.d.result.committed = true; }

/* Change data lies in a folder of its own, and is no file of the table. */
static size_t data_files(const pli__written *w) {
    const size_t n = pli__written_files(w);
    return n && pli__str_starts(pli__written_add_at(w, 0)->path, PLI_STR("_change_data/")) ? 0 : n;
}

size_t pli__merge_files(const pli__merge *m) {
    size_t n = 0;
    for (size_t i = 0; i < m->now.d.n_written; i++) n += data_files(m->now.d.written[i]);
    return n;
}

const pli__add *pli__merge_file_at(const pli__merge *m, size_t i) {
    for (size_t k = 0; k < m->now.d.n_written; k++) {
        const size_t n = data_files(m->now.d.written[k]);
        if (i < n) return pli__written_add_at(m->now.d.written[k], i);
        i -= n;
    }
    return NULL;
}

/* ---- source and clauses ---- */

static pli_status take_clauses(pli__merge *m, pli_error *err) {
    const pli__merge_options *o = &m->o;
    if (o->n_clauses > PLI__MERGE_CLAUSES_MAX)
        return pli__error_set(err, PLI_E_LIMIT, "a merge has more than %d clauses", PLI__MERGE_CLAUSES_MAX);
    m->clauses = pli__arena_calloc(&m->arena, o->n_clauses + 1, sizeof *m->clauses);
    if (!m->clauses) return pli__error_memory(err);
    for (size_t i = 0; i < o->n_clauses; i++) {
        m->clauses[i] = o->clauses[i];
        if (o->clauses[i].sql) PLI_TRY(pli__merge_clause_parse(o->clauses[i].sql, &m->arena, &m->clauses[i], err));
    }
    m->n_clauses = o->n_clauses;
    return pli__merge_clauses_check(m->clauses, m->n_clauses, err);
}

/* The source once, with the types that Delta stores. */
static pli_status take_source(pli__merge *m, const char *source, pli_error *err) {
    static const pli__project_options plain = {0};
    PLI_AUTO(pli__type_auto) const pli__type *raw = NULL;
    PLI_AUTO(pli__projection_clear) pli__projection p = {0};
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
    PLI_TRY(pli__engine_describe(m->engine, source, &raw, err));
    PLI_TRY(pli__project(NULL, raw, source, &plain, &p, err));
    m->source = pli__type_ref(p.schema);
    pli__buf_addf(&sql, "CREATE TEMP TABLE %s AS SELECT *, row_number() OVER () AS _pli_source FROM (%s)", m->t.s,
                  p.sql.ptr);
    PLI_TRY(pli__merge_exec(m, &sql, err));
    pli__buf_reset(&sql);
    pli__buf_addf(&sql, "SELECT count(*) FROM %s", m->t.s);
    return pli__merge_count(m, &sql, &m->source_rows, err);
}

int64_t pli__merge_source_values(pli__merge *m, const char *column) {
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
    int64_t n = 0;
    if (pli__type_find(m->source, pli__str_of(column), false) < 0) return 0;
    pli__buf_addz(&sql, "SELECT count(");
    pli__buf_add_sql_name(&sql, pli__str_of(column));
    pli__buf_addf(&sql, ") FROM %s", m->t.s);
    return pli__merge_count(m, &sql, &n, NULL) == PLI_OK ? n : -1;
}

pli_status pli__merge_new(pli__delta *t, const char *source, const pli__merge_options *options, pli__merge **out,
                          pli_error *err) {
    PLI_AUTO(pli__merge_auto) pli__merge *m = calloc(1, sizeof *m);
    if (!m) return pli__error_memory(err);
    m->table = t;
    m->o = *options;
    name_tables(&m->t);
    if (!m->o.on || !m->o.on[0]) return pli__error_set(err, PLI_E_ARGUMENT, "a merge needs a condition (on)");
    PLI_TRY(take_clauses(m, err));
    PLI_TRY(pli__env_engine(pli__delta_env(t), &m->engine, err));
    PLI_TRY_IN(take_source(m, source, err), err, "source of the merge");
    *out = PLI_TAKE(m);
    return PLI_OK;
}

void pli__merge_free(pli__merge *m) {
    if (!m) return;
    forget_attempt(m);
    drop(m, "TABLE", m->t.s);
    pli__type_unref(m->source);
    pli__arena_clear(&m->arena);
    free(m);
}

void pli__merge_auto(pli__merge **m) { pli__merge_free(*m); }

pli_status pli__merge_run(pli__delta *t, const char *source, const pli__merge_options *options, pli__merge_result *out,
                          pli_error *err) {
    PLI_AUTO(pli__merge_auto) pli__merge *m = NULL;
    pli_status s = PLI_E_CONFLICT;
    PLI_TRY(pli__merge_new(t, source, options, &m, err));
    for (int i = 0; i < ATTEMPTS && s == PLI_E_CONFLICT; i++) {
        PLI_TRY(pli__env_check_cancel(pli__delta_env(t), err));
        pli__error_clear(err);
        s = pli__merge_prepare(m, err);
        if (s == PLI_OK) s = pli__merge_commit(m, out, err);
    }
    return s;
}
