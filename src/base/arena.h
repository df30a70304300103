/*
 * A bump allocator: many small pieces that are freed together. Blocks are chained and never move, so pointers stay
 * valid until the arena is cleared. Not thread-safe. A failure sticks, so that callers may check once at the end.
 */
#ifndef PLI_BASE_ARENA_H
#define PLI_BASE_ARENA_H

#include "base/str.h"

typedef struct pli__arena_block pli__arena_block;

/** Zero-initialise, or pli__arena_init to set a cap. */
typedef struct pli__arena {
    pli__arena_block *block; /**< newest block */
    size_t used, size;       /**< of the newest block */
    size_t total;            /**< bytes of all blocks */
    size_t max;              /**< cap on total; 0 means none */
    bool failed;             /**< memory ran out */
    bool capped;             /**< the cap was hit */
} pli__arena;

void pli__arena_init(pli__arena *a, size_t max);
void pli__arena_clear(pli__arena *a); /**< frees everything; usable again with the same cap; for PLI_AUTO */
/** Forget all pieces, keep the newest block for reuse. */
void pli__arena_reset(pli__arena *a);
/** n bytes, aligned to 8, not initialised; NULL on failure. n may be 0. */
void *pli__arena_alloc(pli__arena *a, size_t n);
/** n * size bytes of zeros; NULL on failure or overflow. */
void *pli__arena_calloc(pli__arena *a, size_t n, size_t size);
/** A terminated copy, without alignment. */
char *pli__arena_strdup(pli__arena *a, pli__str s);
/** The same as a slice; an empty slice with ptr NULL on failure. */
pli__str pli__arena_str(pli__arena *a, pli__str s);
/** PLI_OK, or OUT_OF_MEMORY/LIMIT_EXCEEDED if anything failed since the last clear or reset. */
pli_status pli__arena_status(const pli__arena *a, pli_error *err);

#endif
