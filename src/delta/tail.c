/* The newest action of each logical file: an open-addressing table of entries that live in one arena. */
#include "delta/tail.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/hash.h"

/* What many files lack. */
typedef struct {
    size_t n_partition_values;
    const pli__kv *partition_values;
    pli__str stats, tags, clustering_provider;
    int64_t base_row_id, default_row_commit_version;
    pli__dv dv;
} details;

typedef struct {
    uint64_t hash;
    pli__str path;
    int64_t size;
    int64_t time; /* modificationTime of an add, deletionTimestamp of a remove */
    const details *more; /* NULL = none of it */
    bool removed, data_change, extended;
} entry;

struct pli__tail {
    int refs;
    unsigned fields;
    int64_t through;
    pli__arena arena;
    entry **slots;
    size_t n_slots, n, replaced; /* n_slots is a power of two */
};

pli__tail *pli__tail_new(unsigned fields, int64_t through) {
    pli__tail *t = calloc(1, sizeof *t);
    if (t) *t = (pli__tail){.refs = 1, .fields = fields, .through = through};
    return t;
}

pli__tail *pli__tail_ref(pli__tail *t) {
    if (t) t->refs++;
    return t;
}

void pli__tail_unref(pli__tail *t) {
    if (!t || --t->refs > 0) return;
    pli__arena_clear(&t->arena);
    free(t->slots);
    free(t);
}

void pli__tail_auto(pli__tail **t) { pli__tail_unref(*t); }
bool pli__tail_is_shared(const pli__tail *t) { return t->refs > 1; }
int64_t pli__tail_through(const pli__tail *t) { return t->through; }
void pli__tail_set_through(pli__tail *t, int64_t version) { t->through = version; }
unsigned pli__tail_fields(const pli__tail *t) { return t->fields; }
size_t pli__tail_size(const pli__tail *t) { return t->n; }
size_t pli__tail_replaced(const pli__tail *t) { return t->replaced; }

uint64_t pli__tail_hash(pli__str path, const pli__dv *dv) {
    uint64_t h = pli__hash64(path);
    if (dv->storage)
        h = (h ^ pli__hash64(dv->path)) * UINT64_C(0x9e3779b97f4a7c15) + (uint64_t)dv->offset + (uint64_t)dv->storage;
    return h;
}

static bool same_dv(const pli__dv *a, const pli__dv *b) {
    if (a->storage != b->storage) return false;
    return !a->storage || (a->offset == b->offset && pli__str_eq(a->path, b->path));
}

static const pli__dv no_dv = {0};

/* The slot of a key: its entry, or the free slot where it belongs. */
static entry **find_slot(const pli__tail *t, uint64_t hash, pli__str path, const pli__dv *dv) {
    for (size_t i = (size_t)hash & (t->n_slots - 1);; i = (i + 1) & (t->n_slots - 1)) {
        const entry *e = t->slots[i];
        if (!e || (e->hash == hash && pli__str_eq(e->path, path) && same_dv(e->more ? &e->more->dv : &no_dv, dv)))
            return &t->slots[i];
    }
}

bool pli__tail_has(const pli__tail *t, pli__str path, const pli__dv *dv) {
    return t->n && *find_slot(t, pli__tail_hash(path, dv), path, dv);
}

static pli_status grow(pli__tail *t, pli_error *err) {
    if ((t->n + 1) * 3 <= t->n_slots * 2) return PLI_OK;
    const size_t n_slots = t->n_slots ? t->n_slots * 2 : 64;
    entry **slots = calloc(n_slots, sizeof *slots);
    if (!slots) return pli__error_memory(err);
    for (size_t i = 0; i < t->n_slots; i++) {
        if (!t->slots[i]) continue;
        size_t k = (size_t)t->slots[i]->hash & (n_slots - 1);
        while (slots[k]) k = (k + 1) & (n_slots - 1);
        slots[k] = t->slots[i];
    }
    free(t->slots);
    t->slots = slots;
    t->n_slots = n_slots;
    return PLI_OK;
}

/* The entry of a key, made if need be; its fields other than the key are to be set. */
static pli_status put_key(pli__tail *t, pli__str path, const pli__dv *dv, entry **out, pli_error *err) {
    PLI_TRY(grow(t, err));
    const uint64_t hash = pli__tail_hash(path, dv);
    entry **slot = find_slot(t, hash, path, dv);
    if (*slot) {
        t->replaced++;
    } else {
        entry *e = pli__arena_alloc(&t->arena, sizeof *e);
        if (!e) return pli__error_memory(err);
        *e = (entry){.hash = hash, .path = pli__arena_str(&t->arena, path)};
        if (!e->path.ptr) return pli__error_memory(err);
        *slot = e;
        t->n++;
    }
    *out = *slot;
    return PLI_OK;
}

static pli__str keep(pli__tail *t, pli__str s) { return s.ptr ? pli__arena_str(&t->arena, s) : s; }

static const pli__kv *keep_values(pli__tail *t, const pli__kv *from, size_t n) {
    pli__kv *to = n ? pli__arena_alloc(&t->arena, n * sizeof *to) : NULL;
    for (size_t i = 0; to && i < n; i++) to[i] = (pli__kv){keep(t, from[i].key), keep(t, from[i].value)};
    return to;
}

/* Copies what was asked for; *out stays NULL where the file has none of it. */
static pli_status keep_details(pli__tail *t, details d, const details **out, pli_error *err) {
    if (!(t->fields & PLI__FILES_PARTITIONS)) d.n_partition_values = 0;
    if (!(t->fields & PLI__FILES_STATS)) d.stats = (pli__str){0};
    if (!(t->fields & PLI__FILES_OTHER)) {
        d.tags = d.clustering_provider = (pli__str){0};
        d.base_row_id = d.default_row_commit_version = PLI__NO_ID;
    }
    const bool any = d.n_partition_values || d.stats.ptr || d.tags.ptr || d.clustering_provider.ptr || d.dv.storage ||
                     d.base_row_id != PLI__NO_ID || d.default_row_commit_version != PLI__NO_ID;
    *out = NULL;
    if (!any) return PLI_OK;
    details *kept = pli__arena_alloc(&t->arena, sizeof *kept);
    if (!kept) return pli__error_memory(err);
    *kept = d;
    kept->partition_values = keep_values(t, d.partition_values, d.n_partition_values);
    kept->stats = keep(t, d.stats);
    kept->tags = keep(t, d.tags);
    kept->clustering_provider = keep(t, d.clustering_provider);
    kept->dv.path = keep(t, d.dv.path);
    *out = kept;
    return pli__arena_status(&t->arena, err);
}

pli_status pli__tail_add(pli__tail *t, const pli__add *a, pli_error *err) {
    entry *e;
    const details *more;
    const details d = {a->n_partition_values, a->partition_values,           a->stats, a->tags, a->clustering_provider,
                       a->base_row_id,        a->default_row_commit_version, a->dv};
    PLI_TRY(keep_details(t, d, &more, err));
    PLI_TRY(put_key(t, a->path, &a->dv, &e, err));
    e->more = more;
    e->size = a->size;
    e->time = a->modification_time;
    e->data_change = a->data_change;
    e->removed = e->extended = false;
    return PLI_OK;
}

pli_status pli__tail_remove(pli__tail *t, const pli__remove *r, pli_error *err) {
    entry *e;
    const details *more;
    const details d = {r->n_partition_values, r->partition_values,           r->stats, r->tags, {0},
                       r->base_row_id,        r->default_row_commit_version, r->dv};
    PLI_TRY(keep_details(t, d, &more, err));
    PLI_TRY(put_key(t, r->path, &r->dv, &e, err));
    e->more = more;
    e->size = r->size;
    e->time = r->deletion_timestamp;
    e->data_change = r->data_change;
    e->extended = r->extended_file_metadata;
    e->removed = true;
    return PLI_OK;
}

static const details no_details = {.base_row_id = PLI__NO_ID, .default_row_commit_version = PLI__NO_ID};

pli_status pli__tail_each_add(const pli__tail *t, pli__add_fn *fn, void *arg, pli_error *err) {
    for (size_t i = 0; i < t->n_slots; i++) {
        const entry *e = t->slots[i];
        if (!e || e->removed) continue;
        const details *d = e->more ? e->more : &no_details;
        const pli__add add = {.path = e->path,
                              .n_partition_values = d->n_partition_values,
                              .partition_values = d->partition_values,
                              .size = e->size,
                              .modification_time = e->time,
                              .data_change = e->data_change,
                              .stats = d->stats,
                              .tags = d->tags,
                              .dv = d->dv,
                              .base_row_id = d->base_row_id,
                              .default_row_commit_version = d->default_row_commit_version,
                              .clustering_provider = d->clustering_provider};
        PLI_TRY(fn(arg, &add, err));
    }
    return PLI_OK;
}

pli_status pli__tail_each_remove(const pli__tail *t, pli__remove_fn *fn, void *arg, pli_error *err) {
    for (size_t i = 0; i < t->n_slots; i++) {
        const entry *e = t->slots[i];
        if (!e || !e->removed) continue;
        const details *d = e->more ? e->more : &no_details;
        const pli__remove r = {.path = e->path,
                               .deletion_timestamp = e->time,
                               .data_change = e->data_change,
                               .extended_file_metadata = e->extended,
                               .n_partition_values = d->n_partition_values,
                               .partition_values = d->partition_values,
                               .size = e->size,
                               .dv = d->dv,
                               .base_row_id = d->base_row_id,
                               .default_row_commit_version = d->default_row_commit_version,
                               .stats = d->stats,
                               .tags = d->tags};
        PLI_TRY(fn(arg, &r, err));
    }
    return PLI_OK;
}

static pli_status copy_add(void *arg, const pli__add *add, pli_error *err) { return pli__tail_add(arg, add, err); }
static pli_status copy_remove(void *arg, const pli__remove *remove, pli_error *err) {
    return pli__tail_remove(arg, remove, err);
}

pli_status pli__tail_copy(const pli__tail *from, pli__tail **out, pli_error *err) {
    PLI_AUTO(pli__tail_auto) pli__tail *t = pli__tail_new(from->fields, from->through);
    if (!t) return pli__error_memory(err);
    PLI_TRY(pli__tail_each_add(from, copy_add, t, err));
    PLI_TRY(pli__tail_each_remove(from, copy_remove, t, err));
    *out = PLI_TAKE(t);
    return PLI_OK;
}
