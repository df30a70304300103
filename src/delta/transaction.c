/* Transactions: collecting actions. Everything handed in is copied into the transaction's arena. */
#include <stdlib.h>

#include "base/hash.h"
#include "delta/path.h"
#include "delta/state.h"
#include "delta/transaction_impl.h"

void *pli__list_grow(pli__arena *arena, void **at, size_t *n, size_t *cap, size_t size) {
    if (*n == *cap) {
        const size_t bigger = *cap ? *cap * 2 : 8;
        char *fresh = pli__arena_calloc(arena, bigger, size);
        if (!fresh) return NULL;
        if (*n) memcpy(fresh, *at, *n * size);
        *at = fresh;
        *cap = bigger;
    }
    char *slot = (char *)*at + (*n)++ * size;
    memset(slot, 0, size);
    return slot;
}

static pli__str copy(pli__txn_handle *x, pli__str s) { return s.ptr ? pli__arena_str(&x->arena, s) : s; }

static const pli__kv *copy_kv(pli__txn_handle *x, const pli__kv *kv, size_t n) {
    pli__kv *out = pli__arena_calloc(&x->arena, n ? n : 1, sizeof *out);
    for (size_t i = 0; out && i < n; i++) out[i] = (pli__kv){copy(x, kv[i].key), copy(x, kv[i].value)};
    return out;
}

static const char *copy_z(pli__txn_handle *x, const char *z) {
    return z ? pli__arena_strdup(&x->arena, pli__str_of(z)) : NULL;
}

static pli_status check_open(const pli__txn_handle *x, pli_error *err) {
    if (x->state == PLI__TXN_OPEN) return PLI_OK;
    return pli__error_set(err, PLI_E_STATE, "the transaction has ended already");
}

pli_status pli__txn_begin(pli__delta *t, pli__snapshot *snapshot, const pli__txn_options *options,
                          pli__txn_handle **out, pli_error *err) {
    PLI_AUTO(pli__txn_auto) pli__txn_handle *x = calloc(1, sizeof *x);
    if (!x) return pli__error_memory(err);
    x->t = t;
    x->snapshot = snapshot ? pli__snapshot_ref(snapshot) : NULL;
    x->options = *options;
    x->options.operation = copy_z(x, options->operation);
    x->options.operation_params = copy_z(x, options->operation_params);
    x->options.extra_commit_info = copy_z(x, options->extra_commit_info);
    x->options.user_metadata = copy_z(x, options->user_metadata);
    x->add_paths = pli__map_new();
    x->remove_paths = pli__map_new();
    x->read_paths = pli__map_new();
    if (!x->add_paths || !x->remove_paths || !x->read_paths) return pli__error_memory(err);
    x->read_version = snapshot ? pli__snapshot_version(snapshot) : -1;
    x->row_id_mark = -1;
    pli__uuid_new(x->txn_id);
    PLI_TRY(pli__arena_status(&x->arena, err));
    *out = PLI_TAKE(x);
    return PLI_OK;
}

/* Remember the n-th action of a path; a second one of the same kind is refused. */
static pli_status note_path(pli__map *paths, pli__str path, size_t n, const char *kind, pli_error *err) {
    void *old = NULL;
    if (!pli__map_put(paths, path, (void *)(uintptr_t)n, &old)) return pli__error_memory(err);
    if (old)
        return pli__error_set(err, PLI_E_STATE, "the transaction has two %s actions for '%.*s'", kind,
                              PLI_STR_ARG(path));
    return PLI_OK;
}

pli_status pli__txn_add(pli__txn_handle *x, const pli__add *add, pli_error *err) {
    PLI_TRY(check_open(x, err));
    pli__add *a = PLI__LIST_ADD(&x->arena, x->adds);
    if (!a) return pli__error_memory(err);
    *a = *add;
    a->path = copy(x, add->path);
    a->partition_values = copy_kv(x, add->partition_values, add->n_partition_values);
    a->stats = copy(x, add->stats);
    a->tags = copy(x, add->tags);
    a->dv.path = copy(x, add->dv.path);
    a->clustering_provider = copy(x, add->clustering_provider);
    PLI_TRY(note_path(x->add_paths, a->path, x->adds.n, "add", err));
    return pli__arena_status(&x->arena, err);
}

pli_status pli__txn_remove(pli__txn_handle *x, const pli__remove *remove, pli_error *err) {
    PLI_TRY(check_open(x, err));
    pli__remove *r = PLI__LIST_ADD(&x->arena, x->removes);
    if (!r) return pli__error_memory(err);
    *r = *remove;
    r->path = copy(x, remove->path);
    r->partition_values = copy_kv(x, remove->partition_values, remove->n_partition_values);
    r->dv.path = copy(x, remove->dv.path);
    r->stats = copy(x, remove->stats);
    r->tags = copy(x, remove->tags);
    PLI_TRY(note_path(x->remove_paths, r->path, x->removes.n, "remove", err));
    return pli__arena_status(&x->arena, err);
}

pli_status pli__txn_remove_add(pli__txn_handle *x, const pli__add *active, bool data_change, pli_error *err) {
    const pli__remove r = {
        .path = active->path,
        .deletion_timestamp = pli__env_now_us(pli__delta_env(x->t)) / 1000,
        .data_change = data_change,
        .extended_file_metadata = true,
        .n_partition_values = active->n_partition_values,
        .partition_values = active->partition_values,
        .size = active->size,
        .dv = active->dv,
        .base_row_id = active->base_row_id,
        .default_row_commit_version = active->default_row_commit_version,
        .tags = active->tags,
    };
    return pli__txn_remove(x, &r, err);
}

pli_status pli__txn_cdc(pli__txn_handle *x, const pli__cdc_file *cdc, pli_error *err) {
    PLI_TRY(check_open(x, err));
    pli__cdc_file *c = PLI__LIST_ADD(&x->arena, x->cdcs);
    if (!c) return pli__error_memory(err);
    *c = *cdc;
    c->path = copy(x, cdc->path);
    c->partition_values = copy_kv(x, cdc->partition_values, cdc->n_partition_values);
    c->tags = copy(x, cdc->tags);
    return pli__arena_status(&x->arena, err);
}

pli_status pli__txn_set_txn(pli__txn_handle *x, pli__str app_id, int64_t version, pli_error *err) {
    PLI_TRY(check_open(x, err));
    for (size_t i = 0; i < x->txns.n; i++)
        if (pli__str_eq(x->txns.at[i].app_id, app_id))
            return pli__error_set(err, PLI_E_STATE, "the transaction has two versions of application '%.*s'",
                                  PLI_STR_ARG(app_id));
    pli__txn *t = PLI__LIST_ADD(&x->arena, x->txns);
    if (!t) return pli__error_memory(err);
    *t = (pli__txn){copy(x, app_id), version, pli__env_now_us(pli__delta_env(x->t)) / 1000};
    return pli__arena_status(&x->arena, err);
}

pli_status pli__txn_set_domain(pli__txn_handle *x, const pli__domain *domain, pli_error *err) {
    PLI_TRY(check_open(x, err));
    if (pli__str_eqz(domain->domain,
                     PLI__ROW_TRACKING)) { /* written with the marks of our own rows, see commit_text.c */
        x->row_id_mark = pli__row_id_mark(domain->configuration);
        x->sets_row_id_mark = true;
        return PLI_OK;
    }
    pli__domain *d = NULL;
    for (size_t i = 0; i < x->domains.n; i++)
        if (pli__str_eq(x->domains.at[i].domain, domain->domain)) d = &x->domains.at[i];
    if (!d) d = PLI__LIST_ADD(&x->arena, x->domains);
    if (!d) return pli__error_memory(err);
    *d = (pli__domain){copy(x, domain->domain), copy(x, domain->configuration), domain->removed};
    return pli__arena_status(&x->arena, err);
}

pli_status pli__txn_set_metadata(pli__txn_handle *x, const pli__metadata *metadata, pli_error *err) {
    PLI_TRY(check_open(x, err));
    x->metadata = pli__metadata_copy(&x->arena, metadata);
    x->has_metadata = true;
    return pli__arena_status(&x->arena, err);
}

pli_status pli__txn_set_protocol(pli__txn_handle *x, const pli__protocol *protocol, pli_error *err) {
    PLI_TRY(check_open(x, err));
    x->protocol = pli__protocol_copy(&x->arena, protocol);
    x->has_protocol = true;
    return pli__arena_status(&x->arena, err);
}

pli_status pli__txn_read_file(pli__txn_handle *x, pli__str path, pli_error *err) {
    PLI_TRY(check_open(x, err));
    return pli__map_put(x->read_paths, path, x, NULL) ? PLI_OK : pli__error_memory(err);
}

void pli__txn_read_match(pli__txn_handle *x, pli__txn_match_fn *fn, void *arg) {
    x->match = fn;
    x->match_arg = arg;
}

pli_status pli__txn_metric(pli__txn_handle *x, const char *name, int64_t value, pli_error *err) {
    PLI_TRY(check_open(x, err));
    for (size_t i = 0; i < x->metrics.n; i++)
        if (pli__str_eqz(x->metrics.at[i].name, name)) return x->metrics.at[i].value = value, PLI_OK;
    pli__txn_metric_value *m = PLI__LIST_ADD(&x->arena, x->metrics);
    if (!m) return pli__error_memory(err);
    *m = (pli__txn_metric_value){pli__arena_str(&x->arena, pli__str_of(name)), value};
    return pli__arena_status(&x->arena, err);
}

const pli__metadata *pli__txn_metadata(const pli__txn_handle *x) {
    return x->has_metadata ? &x->metadata : x->snapshot ? pli__snapshot_metadata(x->snapshot) : NULL;
}

const pli__protocol *pli__txn_protocol(const pli__txn_handle *x) {
    return x->has_protocol ? &x->protocol : x->snapshot ? pli__snapshot_protocol(x->snapshot) : NULL;
}

pli__str pli__metadata_property(const pli__metadata *m, const char *key) {
    for (size_t i = 0; m && i < m->n_configuration; i++)
        if (pli__str_eqz(m->configuration[i].key, key)) return m->configuration[i].value;
    return (pli__str){0};
}

bool pli__txn_property_is(const pli__txn_handle *x, const char *key, const char *value) {
    return pli__str_ieqz(pli__metadata_property(pli__txn_metadata(x), key), value);
}

bool pli__txn_only_rearranges(const pli__txn_handle *x) {
    if (x->has_metadata || x->has_protocol || x->txns.n || x->cdcs.n) return false;
    for (size_t i = 0; i < x->domains.n; i++)
        if (!pli__str_eqz(x->domains.at[i].domain, "delta.rowTracking")) return false;
    for (size_t i = 0; i < x->adds.n; i++)
        if (x->adds.at[i].data_change) return false;
    for (size_t i = 0; i < x->removes.n; i++)
        if (x->removes.at[i].data_change) return false;
    return true;
}

bool pli__txn_is_blind_append(const pli__txn_handle *x) {
    return x->options.reads == PLI__READS_NOTHING && x->removes.n == 0 && x->cdcs.n == 0 && x->adds.n > 0;
}

pli__snapshot *pli__txn_take_snapshot(pli__txn_handle *x) { return PLI_TAKE(x->after); }

void pli__txn_free(pli__txn_handle *x) {
    if (!x) return;
    pli__map_free(x->add_paths);
    pli__map_free(x->remove_paths);
    pli__map_free(x->read_paths);
    if (x->snapshot) pli__snapshot_unref(x->snapshot);
    if (x->after) pli__snapshot_unref(x->after);
    pli__arena_clear(&x->arena);
    free(x);
}

void pli__txn_auto(pli__txn_handle **x) { pli__txn_free(*x); }
