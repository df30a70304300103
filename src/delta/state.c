/* Protocol, metadata, transactions and domains of a version: the latest of each wins. */
#include "delta/state.h"

#include <stdint.h>
#include <stdlib.h>

static pli__str copy_str(pli__arena *a, pli__str s) { return s.ptr ? pli__arena_str(a, s) : s; }

static const pli__str *copy_strs(pli__arena *a, const pli__str *from, size_t n) {
    pli__str *to = n ? pli__arena_alloc(a, n * sizeof *to) : NULL;
    for (size_t i = 0; to && i < n; i++) to[i] = copy_str(a, from[i]);
    return to;
}

static const pli__kv *copy_kvs(pli__arena *a, const pli__kv *from, size_t n) {
    pli__kv *to = n ? pli__arena_alloc(a, n * sizeof *to) : NULL;
    for (size_t i = 0; to && i < n; i++) to[i] = (pli__kv){copy_str(a, from[i].key), copy_str(a, from[i].value)};
    return to;
}

pli__protocol pli__protocol_copy(pli__arena *a, const pli__protocol *p) {
    pli__protocol c = *p;
    c.reader_features = copy_strs(a, p->reader_features, p->n_reader_features);
    c.writer_features = copy_strs(a, p->writer_features, p->n_writer_features);
    return c;
}

pli__metadata pli__metadata_copy(pli__arena *a, const pli__metadata *m) {
    pli__metadata c = *m;
    c.id = copy_str(a, m->id);
    c.name = copy_str(a, m->name);
    c.description = copy_str(a, m->description);
    c.format_provider = copy_str(a, m->format_provider);
    c.schema_string = copy_str(a, m->schema_string);
    c.partition_columns = copy_strs(a, m->partition_columns, m->n_partition_columns);
    c.configuration = copy_kvs(a, m->configuration, m->n_configuration);
    c.extra = copy_str(a, m->extra);
    return c;
}

void pli__state_clear(pli__state *s) {
    pli__arena_clear(&s->arena);
    pli__map_free(s->txn_index);
    free(s->txns);
    free(s->domains);
    *s = (pli__state){0};
}

static pli_status grow(void **items, size_t n, size_t *cap, size_t size, size_t max, pli_error *err) {
    if (n >= max) return pli__error_set(err, PLI_E_LIMIT, "the table has more than %zu transactions or domains", max);
    if (n < *cap) return PLI_OK;
    const size_t more = *cap ? *cap * 2 : 8;
    void *moved = realloc(*items, more * size);
    if (!moved) return pli__error_memory(err);
    *items = moved;
    *cap = more;
    return PLI_OK;
}

static size_t txn_position(const pli__state *s, pli__str app_id) {
    return s->txn_index ? (size_t)(uintptr_t)pli__map_get(s->txn_index, app_id) : 0;
}

static pli_status apply_txn(pli__state *s, pli__txn txn, pli_error *err) {
    const size_t position = txn_position(s, txn.app_id);
    if (position) {
        txn.app_id = s->txns[position - 1].app_id;
        s->txns[position - 1] = txn;
        return PLI_OK;
    }
    if (!s->txn_index && !(s->txn_index = pli__map_new())) return pli__error_memory(err);
    PLI_TRY(grow((void **)&s->txns, s->n_txns, &s->cap_txns, sizeof *s->txns, PLI__TXNS_MAX, err));
    txn.app_id = copy_str(&s->arena, txn.app_id);
    if (!pli__map_put(s->txn_index, txn.app_id, (void *)(uintptr_t)(s->n_txns + 1), NULL))
        return pli__error_memory(err);
    s->txns[s->n_txns++] = txn;
    return pli__arena_status(&s->arena, err);
}

static pli_status apply_domain(pli__state *s, const pli__domain *d, pli_error *err) {
    size_t i = 0;
    while (i < s->n_domains && !pli__str_eq(s->domains[i].domain, d->domain)) i++;
    if (d->removed) {
        if (i < s->n_domains) s->domains[i] = s->domains[--s->n_domains];
        return PLI_OK;
    }
    if (i == s->n_domains) {
        PLI_TRY(grow((void **)&s->domains, s->n_domains, &s->cap_domains, sizeof *s->domains, PLI__DOMAINS_MAX, err));
        s->domains[s->n_domains++] = (pli__domain){.domain = copy_str(&s->arena, d->domain)};
    }
    s->domains[i].configuration = copy_str(&s->arena, d->configuration);
    return pli__arena_status(&s->arena, err);
}

pli_status pli__state_apply(pli__state *s, const pli__action *a, pli_error *err) {
    switch (a->kind) {
        case PLI__ACTION_PROTOCOL:
            s->protocol = pli__protocol_copy(&s->arena, &a->protocol);
            s->has_protocol = true;
            return pli__arena_status(&s->arena, err);
        case PLI__ACTION_METADATA:
            s->metadata = pli__metadata_copy(&s->arena, &a->metadata);
            s->has_metadata = true;
            return pli__arena_status(&s->arena, err);
        case PLI__ACTION_TXN: return apply_txn(s, a->txn, err);
        case PLI__ACTION_DOMAIN: return apply_domain(s, &a->domain, err);
        default: return PLI_OK;
    }
}

pli_status pli__state_copy(const pli__state *from, pli__state *out, pli_error *err) {
    PLI_AUTO(pli__state_clear) pli__state s = {.has_protocol = from->has_protocol, .has_metadata = from->has_metadata};
    s.protocol = pli__protocol_copy(&s.arena, &from->protocol);
    s.metadata = pli__metadata_copy(&s.arena, &from->metadata);
    for (size_t i = 0; i < from->n_txns; i++) PLI_TRY(apply_txn(&s, from->txns[i], err));
    for (size_t i = 0; i < from->n_domains; i++) PLI_TRY(apply_domain(&s, &from->domains[i], err));
    PLI_TRY(pli__arena_status(&s.arena, err));
    *out = s;
    s = (pli__state){0};
    return PLI_OK;
}

bool pli__state_txn(const pli__state *s, pli__str app_id, pli__txn *out) {
    const size_t position = txn_position(s, app_id);
    if (position) *out = s->txns[position - 1];
    return position > 0;
}
