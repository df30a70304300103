/* A hash map from byte strings to pointers (open addressing, keys copied into an arena). */
#ifndef PLI_BASE_MAP_H
#define PLI_BASE_MAP_H

#include "base/str.h"

typedef struct pli__map pli__map;

pli__map *pli__map_new(void); /**< NULL when memory is out */
void pli__map_free(pli__map *m);
void pli__map_auto(pli__map **m); /**< for PLI_AUTO */
size_t pli__map_size(const pli__map *m);
/** Value or NULL; use pli__map_has to tell a NULL value from an absent key. */
void *pli__map_get(const pli__map *m, pli__str key);
bool pli__map_has(const pli__map *m, pli__str key);
/** Insert or replace; *old (if not NULL) gets the previous value. @return false when memory is out */
bool pli__map_put(pli__map *m, pli__str key, void *value, void **old);
/** @return true if it was there */
bool pli__map_remove(pli__map *m, pli__str key, void **old);
/** Iterate in no particular order; start with *it = 0. The key stays valid until the map is freed. */
bool pli__map_next(const pli__map *m, size_t *it, pli__str *key, void **value);

#endif
