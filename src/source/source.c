/* The interface of sources: wrappers that check arguments and promises before and after every implementation. */
#include "source/source.h"

#include <stdlib.h>

#include "base/error.h"

static pli_status broken(pli_error *err, const pli__source *s, const char *what) {
    return pli__error_set(err, PLI_E_INTERNAL, "source '%s' %s", s->ops->kind, what);
}

pli_status pli__source_plan(pli__source *s, pli__checkpoint *cp, json_t **offset, pli_error *err) {
    *offset = NULL;
    PLI_TRY(s->ops->plan(s, cp, offset, err));
    if (*offset && !json_is_object(*offset)) return broken(err, s, "planned something that is not an object");
    return PLI_OK;
}

pli_status pli__source_relation(pli__source *s, const json_t *offset, pli__relation **out, pli_error *err) {
    *out = NULL;
    if (!json_is_object(offset)) return pli__error_set(err, PLI_E_ARGUMENT, "an offset must be an object");
    PLI_TRY(s->ops->relation(s, offset, out, err));
    return *out ? PLI_OK : broken(err, s, "gave no relation");
}

pli_status pli__source_recheck(pli__source *s, const json_t *offset, pli_error *err) {
    return s->ops->recheck ? s->ops->recheck(s, offset, err) : PLI_OK;
}

pli_status pli__source_committed(pli__source *s, pli__checkpoint *cp, int64_t batch_id, const json_t *offset,
                                 pli_error *err) {
    return s->ops->committed ? s->ops->committed(s, cp, batch_id, offset, err) : PLI_OK;
}

pli_status pli__source_backlog(pli__source *s, pli__checkpoint *cp, json_t *into, pli_error *err) {
    return s->ops->backlog ? s->ops->backlog(s, cp, into, err) : PLI_OK;
}

pli_status pli__source_preview(pli__source *s, pli__checkpoint *cp, json_t **offset, pli_error *err) {
    if (!s->ops->preview) return pli__source_plan(s, cp, offset, err);
    *offset = NULL;
    return s->ops->preview(s, cp, offset, err);
}

pli_status pli__source_bound(pli__source *s, pli__checkpoint *cp, bool on, pli_error *err) {
    return s->ops->bound ? s->ops->bound(s, cp, on, err) : PLI_OK;
}

const char *pli__source_watch_path(const pli__source *s) { return s->ops->watch_path ? s->ops->watch_path(s) : NULL; }

void pli__source_set_known(pli__source *s, const pli__type *known) {
    if (s->ops->set_known) s->ops->set_known(s, known);
}

bool pli__source_sample_all(pli__source *s, bool on) {
    if (s->ops->sample_all) s->ops->sample_all(s, on);
    return s->ops->sample_all != NULL;
}

void pli__source_free(pli__source *s) {
    if (s) s->ops->free(s);
}

void pli__source_auto(pli__source **s) { pli__source_free(*s); }

/* ---- relations ---- */

void pli__relation_free(pli__relation *r) {
    if (!r) return;
    for (size_t i = 0; i < r->n_parts; i++) {
        pli__part *p = &r->parts[i];
        for (size_t k = 0; k < p->n_files; k++) free(p->files[k].path);
        free(p->files);
        free(p->sql);
        pli__type_unref(p->schema);
    }
    free(r->parts);
    json_decref(r->gaps);
    if (r->free_owned) r->free_owned(r->owned);
    pli__relation_free(r->kept);
    free(r);
}

void pli__relation_auto(pli__relation **r) { pli__relation_free(*r); }

int64_t pli__source_ready_at(const pli__source *s) { return s->ops->ready_at ? s->ops->ready_at(s) : 0; }
