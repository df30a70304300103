/*
 * Hash map: open addressing with linear probing over a power of two of slots, at most 3/4 in use. A removed slot keeps
 * a mark (hash 1) until the next growth, so an iteration may remove what it sees. Keys live in an arena.
 *
 *   slots:  hash 0 = free | hash 1 = removed | else the key's hash, its copy and the value
 */
#include "base/map.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/hash.h"

enum { HASH_FREE = 0, HASH_REMOVED = 1, SLOTS_MIN = 16 };

typedef struct {
    uint64_t hash;
    pli__str key;
    void *value;
} slot;

struct pli__map {
    slot *slots;
    size_t mask;  /* number of slots - 1 */
    size_t size;  /* entries */
    size_t taken; /* entries and marks of removal */
    pli__arena keys;
};

pli__map *pli__map_new(void) {
    pli__map *m = calloc(1, sizeof *m);
    if (!m) return NULL;
    m->slots = calloc(SLOTS_MIN, sizeof *m->slots);
    if (!m->slots) {
        free(m);
        return NULL;
    }
    m->mask = SLOTS_MIN - 1;
    return m;
}

void pli__map_free(pli__map *m) {
    if (!m) return;
    free(m->slots);
    pli__arena_clear(&m->keys);
    free(m);
}

void pli__map_auto(pli__map **m) { pli__map_free(*m); }

size_t pli__map_size(const pli__map *m) { return m ? m->size : 0; }

static uint64_t hash_of(pli__str key) {
    const uint64_t h = pli__hash64(key);
    return h > HASH_REMOVED ? h : h + 2;
}

static slot *find(const pli__map *m, pli__str key, uint64_t hash) {
    for (size_t i = (size_t)hash & m->mask;; i = (i + 1) & m->mask) {
        slot *s = &m->slots[i];
        if (s->hash == HASH_FREE) return NULL;
        if (s->hash == hash && pli__str_eq(s->key, key)) return s;
    }
}

/* First slot of the probe sequence that is free or removed. */
static slot *find_room(slot *slots, size_t mask, uint64_t hash) {
    size_t i = (size_t)hash & mask;
    while (slots[i].hash > HASH_REMOVED) i = (i + 1) & mask;
    return &slots[i];
}

static bool make_room(pli__map *m) {
    const size_t n = m->mask + 1;
    if (m->taken + 1 <= n / 4 * 3) return true;
    const size_t bigger = m->size + 1 > n / 2 ? n * 2 : n; /* many removals: the same size again, without the marks */
    slot *slots = calloc(bigger, sizeof *slots);
    if (!slots) return false;
    for (size_t i = 0; i < n; i++)
        if (m->slots[i].hash > HASH_REMOVED) *find_room(slots, bigger - 1, m->slots[i].hash) = m->slots[i];
    free(m->slots);
    m->slots = slots;
    m->mask = bigger - 1;
    m->taken = m->size;
    return true;
}

void *pli__map_get(const pli__map *m, pli__str key) {
    const slot *s = m ? find(m, key, hash_of(key)) : NULL;
    return s ? s->value : NULL;
}

bool pli__map_has(const pli__map *m, pli__str key) { return m && find(m, key, hash_of(key)); }

bool pli__map_put(pli__map *m, pli__str key, void *value, void **old) {
    const uint64_t hash = hash_of(key);
    slot *s = find(m, key, hash);
    if (s) {
        if (old) *old = s->value;
        s->value = value;
        return true;
    }
    if (!make_room(m)) return false;
    const pli__str copy = pli__arena_str(&m->keys, key);
    if (!copy.ptr) return false;
    s = find_room(m->slots, m->mask, hash);
    m->taken += s->hash == HASH_FREE;
    m->size++;
    *s = (slot){hash, copy, value};
    if (old) *old = NULL;
    return true;
}

bool pli__map_remove(pli__map *m, pli__str key, void **old) {
    slot *s = m ? find(m, key, hash_of(key)) : NULL;
    if (!s) return false;
    if (old) *old = s->value;
    *s = (slot){.hash = HASH_REMOVED};
    m->size--;
    return true;
}

bool pli__map_next(const pli__map *m, size_t *it, pli__str *key, void **value) {
    while (m && *it <= m->mask) {
        const slot *s = &m->slots[(*it)++];
        if (s->hash <= HASH_REMOVED) continue;
        if (key) *key = s->key;
        if (value) *value = s->value;
        return true;
    }
    return false;
}
