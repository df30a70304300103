/* Identity columns in a merge: rows that an INSERT clause adds without a value get the next ones; nothing updates them. */
#include "delta/identity.h"
#include "delta/merge_impl.h"

/* ---- what clauses may do ---- */

/* `*` of a key writes the value that is there. */
static bool is_key(const pli__merge *m, const char *column) {
    for (size_t i = 0; i < m->o.n_keys; i++)
        if (pli__str_ieqz(pli__str_of(column), m->o.keys[i])) return true;
    return false;
}

/* Decided by the columns, not by the rows: as in Spark, so that a job does not run until the first row that is new. */
static pli_status refuse(const pli__field *f, const char *why, pli_error *err) {
    const pli_status status = pli__error_set(err, PLI_E_CONSTRAINT, "column '%s' is an identity column: %s", f->name,
                                             why);
    (void)pli__error_hint(err,
                          "leave the column out of the source of the merge, or name the columns to set without it");
    return status;
}

static pli_status check_clause(const pli__merge *m, const pli_merge_clause *c, const pli__field *f, pli_error *err) {
    if (c->action == PLI_MERGE_DELETE || !pli__merge_gives(m, c, f->name)) return PLI_OK;
    if (c->action == PLI_MERGE_UPDATE && c->star && is_key(m, f->name)) return PLI_OK;
    if (c->action == PLI_MERGE_UPDATE) return refuse(f, "a merge cannot update it", err);
    if (pli__identity_takes_values(f)) return PLI_OK;
    return refuse(f, "the table makes its values, a merge cannot insert them", err);
}

pli_status pli__merge_identity_check(const pli__merge *m, pli_error *err) {
    for (size_t i = 0; i < m->now.before->n_fields; i++) {
        const pli__field *f = &m->now.before->fields[i];
        if (!pli__identity_is(f)) continue;
        for (size_t k = 0; k < m->n_clauses; k++) PLI_TRY(check_clause(m, &m->clauses[k], f, err));
    }
    return PLI_OK;
}

/* ---- values ---- */

/* "SELECT count(*)" of the rows that INSERT clauses before one add without a value. */
static void count_before(const pli__merge *m, size_t clause, const pli__field *f, pli__buf *out) {
    pli__buf_addf(out, "(SELECT count(*) FROM %s WHERE _pli_c IN (-1", m->t.i);
    for (size_t k = 0; k < clause; k++)
        if (m->clauses[k].action == PLI_MERGE_INSERT && !pli__merge_gives(m, &m->clauses[k], f->name))
            pli__buf_addf(out, ", %zu", k);
    pli__buf_addz(out, "))");
}

pli_status pli__merge_identity_sql(const pli__merge *m, size_t k, const pli__field *f, pli__buf *out, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf taken = {0};
    count_before(m, k, f, &taken);
    PLI_TRY(pli__buf_status(&taken, err));
    return pli__identity_sql(f, taken.ptr, out, err);
}

pli_status pli__merge_identity_advance(pli__merge *m, pli_error *err) {
    pli__merge_attempt *now = &m->now;
    const pli__type *schema = now->after;
    const pli__metadata *metadata = now->has_metadata ? &now->metadata : pli__snapshot_metadata(now->d.snapshot);
    int64_t *made = pli__arena_calloc(&now->arena, schema->n_fields + 1, sizeof *made);
    bool changed;
    if (!made) return pli__error_memory(err);
    for (size_t i = 0; now->result.rows_inserted && i < schema->n_fields; i++) {
        PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
        if (!pli__identity_is(&schema->fields[i])) continue;
        count_before(m, m->n_clauses, &schema->fields[i], &sql);
        PLI_TRY(pli__merge_count(m, &sql, &made[i], err));
    }
    PLI_TRY(pli__identity_advance_each(metadata, made, &now->arena, &now->metadata, &changed, err));
    now->has_metadata = now->has_metadata || changed;
    return PLI_OK;
}
