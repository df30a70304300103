/* The table's schema after a merge, and whether the clauses fit it. */
#include <stdlib.h>

#include "delta/identity.h"
#include "delta/merge_impl.h"
#include "delta/metadata_write.h"
#include "delta/protocol_write.h"

static bool has_star(const pli__merge *m) {
    for (size_t i = 0; i < m->n_clauses; i++)
        if (m->clauses[i].star) return true;
    return false;
}

/* The table's columns, then those of the source that it lacks. */
static const pli__type *grown_schema(const pli__merge *m) {
    const pli__type *before = m->now.before;
    pli__type_builder b = {0};
    for (size_t i = 0; i < before->n_fields; i++) {
        const pli__field *f = &before->fields[i];
        pli__type_builder_add(&b, pli__str_of(f->name), pli__type_ref(f->type), f->nullable, f->metadata);
    }
    for (size_t i = 0; i < m->source->n_fields; i++) {
        const pli__field *f = &m->source->fields[i];
        if (m->o.marker && strcmp(f->name, m->o.marker) == 0) continue;
        if (pli__type_find(before, pli__str_of(f->name), false) == -1)
            pli__type_builder_add(&b, pli__str_of(f->name), pli__type_ref(f->type), true, NULL);
    }
    return pli__type_builder_finish(&b);
}

static pli_status change_schema(pli__merge *m, pli_error *err) {
    pli__merge_attempt *now = &m->now;
    PLI_TRY(pli__metadata_with_schema(pli__snapshot_metadata(now->d.snapshot), now->after, &now->arena, &now->metadata,
                                      err));
    PLI_TRY(pli__protocol_derive(&now->metadata, now->after, pli__snapshot_protocol(now->d.snapshot), &now->arena,
                                 &now->protocol, &now->has_protocol, err));
    now->has_metadata = true;
    now->d.metadata = &now->metadata;
    now->d.protocol = &now->protocol;
    return PLI_OK;
}

/* ---- clauses ---- */

static pli_status check_star(const pli__merge *m, pli_error *err) {
    const pli__type *table = m->now.before;
    if (m->o.keep_missing || m->o.merge_schema) return PLI_OK;
    for (size_t i = 0; i < table->n_fields; i++) {
        const pli__field *f = &table->fields[i];
        const bool generated = f->metadata && strstr(f->metadata, "\"delta.generationExpression\"");
        if (generated || pli__identity_is(f) || f->type->id == PLI__TYPE_NULL ||
            pli__type_find(m->source, pli__str_of(f->name), false) >= 0)
            continue;
        const pli_status s = pli__error_set(err, PLI_E_SCHEMA, "the source has no column '%s', which `*` needs",
                                            f->name);
        (void)pli__error_hint(err, "name the columns to set, or allow it with --merge-schema (merge_schema)");
        return s;
    }
    return PLI_OK;
}

static pli_status check_names(const pli__merge *m, pli_error *err) {
    for (size_t k = 0; k < m->n_clauses; k++) {
        const pli_merge_clause *c = &m->clauses[k];
        for (size_t i = 0; i < c->n_set; i++)
            if (pli__type_find(m->now.after, pli__str_of(c->set[i].key), false) < 0)
                return pli__type_no_column(m->now.before, c->set[i].key, err);
    }
    return PLI_OK;
}

pli_status pli__merge_schema(pli__merge *m, pli_error *err) {
    pli__merge_attempt *now = &m->now;
    now->before = pli__snapshot_schema(now->d.snapshot);
    if (has_star(m)) PLI_TRY(check_star(m, err));
    now->after = has_star(m) && m->o.merge_schema ? grown_schema(m) : pli__type_ref(now->before);
    if (!now->after) return pli__error_memory(err);
    if (now->after->n_fields != now->before->n_fields) PLI_TRY(change_schema(m, err));
    PLI_TRY(check_names(m, err));
    return pli__merge_identity_check(m, err);
}
