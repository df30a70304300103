/* Bump allocator over a chain of blocks that double up to 1 MiB; larger pieces get a block of their own. */
#include "base/arena.h"

#include <stdlib.h>

struct pli__arena_block {
    pli__arena_block *next;
    _Alignas(8) char data[];
};

enum { BLOCK_MIN = 4 << 10, BLOCK_MAX = 1 << 20 };

void pli__arena_init(pli__arena *a, size_t max) { *a = (pli__arena){.max = max}; }

static void free_chain(pli__arena_block *block) {
    while (block) {
        pli__arena_block *next = block->next;
        free(block);
        block = next;
    }
}

void pli__arena_clear(pli__arena *a) {
    free_chain(a->block);
    *a = (pli__arena){.max = a->max};
}

void pli__arena_reset(pli__arena *a) {
    if (a->block) {
        free_chain(a->block->next);
        a->block->next = NULL;
        a->total = a->size;
    }
    a->used = 0;
    a->failed = a->capped = false;
}

static pli__arena_block *new_block(pli__arena *a, size_t size) {
    if (a->max && (size > a->max || a->total > a->max - size)) {
        a->failed = a->capped = true;
        return NULL;
    }
    pli__arena_block *block = size < SIZE_MAX - sizeof *block ? malloc(sizeof *block + size) : NULL;
    if (!block) {
        a->failed = true;
        return NULL;
    }
    a->total += size;
    return block;
}

/* The piece does not fit the newest block. A big one goes behind that block, so that its free room stays in use. */
static void *alloc_slow(pli__arena *a, size_t n) {
    size_t size = a->size * 2 < BLOCK_MIN ? BLOCK_MIN : a->size * 2 > BLOCK_MAX ? BLOCK_MAX : a->size * 2;
    const bool big = n > size / 4;
    if (big) size = n;
    if (a->max && !big && a->total <= a->max && size > a->max - a->total) size = n; /* what is left of the cap */
    pli__arena_block *block = new_block(a, size);
    if (!block) return NULL;
    if (big && a->block) {
        block->next = a->block->next;
        a->block->next = block;
        return block->data;
    }
    block->next = a->block;
    a->block = block;
    a->size = size;
    a->used = n;
    return block->data;
}

static void *alloc_from(pli__arena *a, size_t start, size_t n) {
    if (a->failed) return NULL;
    if (!a->block || start > a->size || n > a->size - start) return alloc_slow(a, n);
    a->used = start + n;
    return a->block->data + start;
}

void *pli__arena_alloc(pli__arena *a, size_t n) { return alloc_from(a, (a->used + 7) & ~(size_t)7, n); }

void *pli__arena_calloc(pli__arena *a, size_t n, size_t size) {
    size_t bytes;
    if (__builtin_mul_overflow(n, size, &bytes)) {
        a->failed = true;
        return NULL;
    }
    void *p = pli__arena_alloc(a, bytes);
    if (p) memset(p, 0, bytes);
    return p;
}

char *pli__arena_strdup(pli__arena *a, pli__str s) {
    char *copy = s.len < SIZE_MAX ? alloc_from(a, a->used, s.len + 1) : NULL;
    if (!copy) return NULL;
    if (s.len) memcpy(copy, s.ptr, s.len);
    copy[s.len] = 0;
    return copy;
}

pli__str pli__arena_str(pli__arena *a, pli__str s) {
    char *copy = pli__arena_strdup(a, s);
    return copy ? (pli__str){copy, s.len} : (pli__str){NULL, 0};
}

pli_status pli__arena_status(const pli__arena *a, pli_error *err) {
    if (!a->failed) return PLI_OK;
    if (a->capped) return pli__error_set(err, PLI_E_LIMIT, "more than %zu bytes were to be held in memory", a->max);
    return pli__error_memory(err);
}
