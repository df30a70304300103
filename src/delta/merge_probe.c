/*
 * Which rows a merge changes: one pass over keys and row numbers of the candidate files finds the pairs of rows that the
 * condition joins (and, if clauses ask for them, rows of the table that are in none); conditions choose the clause that acts.
 */
#include "delta/merge_impl.h"

#include <stdlib.h>

#include "delta/row_ids.h"
#include "delta/rows_stream.h"

/* ---- which clause ---- */

/* The number of the first clause of a kind whose condition is true, NULL if none is. */
static void add_choice(const pli__merge *m, pli_merge_when when, pli__buf *out) {
    bool any = false;
    for (size_t k = 0; k < m->n_clauses; k++) {
        const pli_merge_clause *c = &m->clauses[k];
        if (c->when != when) continue;
        if (!any) pli__buf_addz(out, "CAST(CASE");
        any = true;
        if (c->condition) pli__buf_addf(out, " WHEN (%s\n) THEN %zu", c->condition, k);
        else pli__buf_addf(out, " WHEN true THEN %zu", k);
    }
    pli__buf_addz(out, any ? " END AS INTEGER)" : "CAST(NULL AS INTEGER)");
}

/* ---- which files ---- */

/* One condition of all clauses of a kind; empty if one of them has none. */
static void add_any_condition(const pli__merge *m, pli_merge_when when, pli__buf *out) {
    for (size_t k = 0; k < m->n_clauses; k++) {
        if (m->clauses[k].when != when) continue;
        if (!m->clauses[k].condition) {
            pli__buf_reset(out);
            return;
        }
        pli__buf_addf(out, "%s(%s\n)", out->len ? " OR " : "", m->clauses[k].condition);
    }
}

/* What rows that a NOT MATCHED BY SOURCE clause acts on have in common; empty if nothing is known. */
static pli_status others_condition(pli__merge *m, pli__buf *out, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf any = {0};
    add_any_condition(m, PLI_MERGE_NOT_MATCHED_BY_SOURCE, &any);
    PLI_TRY(pli__buf_status(&any, err));
    return any.len ? pli__merge_own_condition(m, any.ptr, out, err) : PLI_OK;
}

/* How the table is read for the pairs. */
typedef struct reading {
    bool others; /* rows without a match count too */
    bool none;   /* no file needs to be read */
    bool late;   /* rows that deletion vectors leave out may be joined, and are left out of the pairs */
    pli__buf skip; /* the condition that leaves out files */
} reading;

static void reading_clear(reading *r) { pli__buf_clear(&r->skip); }

static pli_status choose_files(pli__merge *m, reading *r, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf pairs = {0}, rest = {0};
    bool unmatched, plain;
    PLI_TRY(pli__merge_candidates(m, &pairs, &unmatched, &plain, err));
    r->none = unmatched && !r->others;
    r->late = plain && !r->others;
    if (r->others) PLI_TRY(others_condition(m, &rest, err));
    if (!r->others) pli__buf_adds(&r->skip, pli__buf_str(&pairs));
    else if (rest.len && unmatched) pli__buf_adds(&r->skip, pli__buf_str(&rest));
    else if (rest.len && pairs.len) pli__buf_addf(&r->skip, "(%s) OR (%s)", pairs.ptr, rest.ptr);
    return pli__buf_status(&r->skip, err);
}

/* ---- reading the table ---- */

static pli_status open_scan(pli__merge *m, const reading *r, pli_error *err) {
    pli__merge_attempt *now = &m->now;
    PLI_AUTO(pli__free_ptr) const char **names = calloc(now->before->n_fields + 1, sizeof *names);
    pli__scan_options o = {
        .with_file_number = true, .late_vectors = r->late, .skip = r->skip.len ? r->skip.ptr : NULL, .columns = names};
    if (!names) return pli__error_memory(err);
    for (size_t i = 0; i < now->before->n_fields; i++)
        if (now->on_columns[i] || (r->others && now->other_columns[i]))
            names[o.n_columns++] = now->before->fields[i].name;
    o.only_file_columns = !o.n_columns;
    return pli__scan_new(now->d.snapshot, &o, &now->scan, err);
}

static pli_status no_pairs(pli__merge *m, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
    pli__buf_addf(&sql, "CREATE TEMP TABLE %s (_pli_f BIGINT, _pli_r BIGINT, _pli_s BIGINT, _pli_c INTEGER)", m->t.m);
    return pli__merge_exec(m, &sql, err);
}

/* The table's rows as `target`; where rows without a match count, with the clause that acts on them then. */
static void add_target(const pli__merge *m, bool others, pli__buf *sql) {
    const char *rows = pli__scan_sql(m->now.scan);
    if (!others) {
        pli__buf_addf(sql, "(%s) AS target", rows);
        return;
    }
    pli__buf_addz(sql, "(SELECT *, ");
    add_choice(m, PLI_MERGE_NOT_MATCHED_BY_SOURCE, sql);
    pli__buf_addf(sql, " AS _pli_o FROM (%s) AS target) AS target", rows);
}

static pli_status read_pairs(pli__merge *m, bool others, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
    const char *gone = pli__scan_gone(m->now.scan);
    pli__buf_addf(&sql,
                  "CREATE TEMP TABLE %s AS SELECT * FROM (SELECT target._pli_number AS _pli_f, CAST(target._pli_row AS "
                  "BIGINT) AS _pli_r, source._pli_source AS _pli_s, ",
                  m->t.m);
    if (others) pli__buf_addz(&sql, "CASE WHEN source._pli_source IS NULL THEN target._pli_o ELSE ");
    if (m->now.chooses_by_old) pli__buf_addz(&sql, "CAST(NULL AS INTEGER)");
    else add_choice(m, PLI_MERGE_MATCHED, &sql);
    pli__buf_addf(&sql, "%s AS _pli_c FROM ", others ? " END" : "");
    add_target(m, others, &sql);
    pli__buf_addf(&sql, " %s JOIN %s AS source ON (%s\n)) AS p", others ? "LEFT" : "INNER", m->t.s, m->o.on);
    if (others) pli__buf_addz(&sql, " WHERE p._pli_s IS NOT NULL OR p._pli_c IS NOT NULL");
    else if (gone)
        pli__buf_addf(&sql, " WHERE (p._pli_f << %d | p._pli_r) NOT IN (SELECT k FROM %s)", PLI__ROW_BITS, gone);
    return pli__merge_exec(m, &sql, err);
}

static pli_status find_pairs(pli__merge *m, pli_error *err) {
    PLI_AUTO(reading_clear) reading r = {.others = pli__merge_has(m, PLI_MERGE_NOT_MATCHED_BY_SOURCE)};
    PLI_TRY(choose_files(m, &r, err));
    if (r.none) return no_pairs(m, err);
    PLI_TRY(open_scan(m, &r, err));
    m->now.result.files_total = pli__scan_files_total(m->now.scan);
    m->now.result.files_scanned = pli__scan_files_read(m->now.scan);
    return read_pairs(m, r.others, err);
}

/* ---- rows of the source without a match ---- */

static pli_status find_inserts(pli__merge *m, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
    if (!pli__merge_has(m, PLI_MERGE_NOT_MATCHED)) return PLI_OK;
    pli__buf_addf(&sql, "CREATE TEMP TABLE %s AS SELECT x._pli_s, x._pli_c FROM (SELECT source._pli_source AS _pli_s, ",
                  m->t.i);
    add_choice(m, PLI_MERGE_NOT_MATCHED, &sql);
    pli__buf_addf(
        &sql, " AS _pli_c FROM %s AS source) AS x ANTI JOIN %s AS m ON m._pli_s = x._pli_s WHERE x._pli_c IS NOT NULL",
        m->t.s, m->t.m);
    return pli__merge_exec(m, &sql, err);
}

/* ---- old values ---- */

/* Rows (as _pli_number, _pli_row) whose old values are needed. */
static void rows_with_old(const pli__merge *m, pli__buf *out) {
    bool any = m->now.chooses_by_old;
    pli__buf_addf(out, "SELECT _pli_f AS _pli_number, _pli_r AS _pli_row FROM %s WHERE %s", m->t.m,
                  any ? "_pli_s IS NOT NULL" : "false");
    for (size_t k = 0; k < m->n_clauses; k++) {
        if (!m->now.needs_old[k]) continue;
        any = true;
        pli__buf_addf(out, " OR _pli_c = %zu", k);
    }
    if (!any) pli__buf_reset(out);
}

static pli_status add_old_columns(const pli__merge *m, pli__buf *out, pli_error *err) {
    const pli__type *before = m->now.before;
    for (size_t i = 0; i < before->n_fields; i++) {
        if (!m->now.old_columns[i]) continue;
        pli__buf_add_sql_name(out, pli__str_of(before->fields[i].name));
        pli__buf_addz(out, ", ");
    }
    if (m->now.keeps_ids) {
        PLI_TRY(pli__row_ids_columns(pli__snapshot_metadata(m->now.d.snapshot), "", out, err));
        pli__buf_addz(out, ", ");
    }
    pli__buf_addz(out, "_pli_number, CAST(_pli_row AS BIGINT) AS _pli_row");
    return pli__buf_status(out, err);
}

static pli_status read_old(pli__merge *m, pli_error *err) {
    PLI_AUTO(pli__touched_auto) pli__touched *x = NULL;
    PLI_AUTO(pli__file_relation_auto) pli__file_relation *relation = NULL;
    PLI_AUTO(pli__buf_clear) pli__buf which = {0}, rows = {0}, sql = {0};
    bool any = false;
    rows_with_old(m, &which);
    PLI_TRY(pli__buf_status(&which, err));
    if (!which.len) return PLI_OK;
    PLI_TRY(pli__touched_new(m->table, m->now.d.snapshot, &x, err));
    PLI_TRY(pli__touched_take(x, m->now.scan, which.ptr, err));
    PLI_TRY(pli__touched_resolve(x, err));
    if (m->now.keeps_ids)
        PLI_TRY(pli__row_ids_sql(x, PLI__TOUCHED_HIT, PLI__ROW_IDS_CHANGED | PLI__ROW_IDS_PLACES, &relation, &rows,
                                 &any, err));
    else PLI_TRY(pli__touched_sql(x, PLI__TOUCHED_HIT, true, &relation, &rows, &any, err));
    if (!any) return PLI_OK;
    pli__buf_addf(&sql, "CREATE TEMP TABLE %s AS SELECT ", m->t.o);
    PLI_TRY(add_old_columns(m, &sql, err));
    pli__buf_addf(&sql, " FROM (%s)", rows.ptr);
    PLI_TRY(pli__merge_exec(m, &sql, err));
    m->now.has_old = true;
    return PLI_OK;
}

/* ---- actions ---- */

static pli_status find_actions(pli__merge *m, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
    pli__buf_addf(&sql, "CREATE TEMP %s %s AS SELECT * FROM ", m->now.chooses_by_old ? "TABLE" : "VIEW", m->t.a);
    if (m->now.chooses_by_old && m->now.has_old) {
        pli__buf_addz(&sql, "(SELECT m._pli_f, m._pli_r, m._pli_s, CASE WHEN m._pli_s IS NULL THEN m._pli_c ELSE ");
        add_choice(m, PLI_MERGE_MATCHED, &sql);
        pli__buf_addf(
            &sql,
            " END AS _pli_c FROM %s AS m LEFT JOIN %s AS source ON source._pli_source = m._pli_s LEFT JOIN %s "
            "AS target ON target._pli_number = m._pli_f AND target._pli_row = m._pli_r)",
            m->t.m, m->t.s, m->t.o);
    } else pli__buf_addz(&sql, m->t.m);
    pli__buf_addz(&sql, " WHERE _pli_c IS NOT NULL");
    return pli__merge_exec(m, &sql, err);
}

/* ---- counts ---- */

/* Rows that each clause acts on. */
static pli_status count_clauses(pli__merge *m, int64_t *counts, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
    PLI_AUTO(pli__result_auto) pli__result *r = NULL;
    pli__chunk c;
    pli__buf_addf(&sql, "SELECT CAST(_pli_c AS BIGINT), count(*) FROM (SELECT _pli_c FROM %s", m->t.a);
    if (pli__merge_has(m, PLI_MERGE_NOT_MATCHED)) pli__buf_addf(&sql, " UNION ALL SELECT _pli_c FROM %s", m->t.i);
    pli__buf_addz(&sql, ") GROUP BY ALL");
    PLI_TRY(pli__buf_status(&sql, err));
    PLI_TRY(pli__engine_query(m->engine, sql.ptr, &r, err));
    for (;;) {
        PLI_TRY(pli__result_next(r, &c, err));
        if (!c.rows) return PLI_OK;
        for (size_t i = 0; i < c.rows; i++) counts[pli__chunk_i64(&c, 0, i)] = pli__chunk_i64(&c, 1, i);
    }
}

static int64_t rows_of(const pli__merge *m, const int64_t *counts, pli_merge_when when, pli_merge_action action) {
    int64_t n = 0;
    for (size_t k = 0; k < m->n_clauses; k++)
        if (m->clauses[k].when == when && m->clauses[k].action == action) n += counts[k];
    return n;
}

/* Every pair deletes its row, whichever it is: several pairs of one row say the same. */
static bool only_deletes(const pli__merge *m) {
    size_t matched = 0;
    bool plain = false;
    for (size_t k = 0; k < m->n_clauses; k++) {
        if (m->clauses[k].when != PLI_MERGE_MATCHED) continue;
        matched++;
        plain = m->clauses[k].action == PLI_MERGE_DELETE && !m->clauses[k].condition;
    }
    return matched == 1 && plain;
}

static pli_status count_all(pli__merge *m, pli_error *err) {
    pli__merge_result *r = &m->now.result;
    int64_t *counts = pli__arena_calloc(&m->now.arena, m->n_clauses, sizeof *counts);
    if (!counts) return pli__error_memory(err);
    PLI_TRY(count_clauses(m, counts, err));
    m->now.updated_by_source = rows_of(m, counts, PLI_MERGE_NOT_MATCHED_BY_SOURCE, PLI_MERGE_UPDATE);
    m->now.deleted_by_source = rows_of(m, counts, PLI_MERGE_NOT_MATCHED_BY_SOURCE, PLI_MERGE_DELETE);
    r->rows_inserted = rows_of(m, counts, PLI_MERGE_NOT_MATCHED, PLI_MERGE_INSERT);
    const int64_t deletes = rows_of(m, counts, PLI_MERGE_MATCHED, PLI_MERGE_DELETE);
    const int64_t all_updates = rows_of(m, counts, PLI_MERGE_MATCHED, PLI_MERGE_UPDATE) + m->now.updated_by_source;
    r->rows_updated = all_updates;
    r->rows_deleted = m->now.d.touched->hit_rows - all_updates;
    if (r->rows_deleted == deletes + m->now.deleted_by_source || only_deletes(m)) return PLI_OK;
    const pli_status s = pli__error_set(err, PLI_E_CONSTRAINT,
                                        "a row of the table is changed by more than one row of the source");
    (void)pli__error_hint(err, "leave one row of the source for each row that the condition finds");
    return s;
}

static pli_status take_rows(pli__merge *m, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
    pli__buf_addf(&sql, "SELECT _pli_f AS _pli_number, _pli_r AS _pli_row FROM %s", m->t.a);
    PLI_TRY(pli__buf_status(&sql, err));
    return pli__touched_take(m->now.d.touched, m->now.scan, sql.ptr, err);
}

pli_status pli__merge_probe(pli__merge *m, pli_error *err) {
    PLI_TRY(find_pairs(m, err));
    PLI_TRY(find_inserts(m, err));
    PLI_TRY(read_old(m, err));
    PLI_TRY(find_actions(m, err));
    PLI_TRY(take_rows(m, err));
    return count_all(m, err);
}
