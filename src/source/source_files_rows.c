/* Rows of the file index that outlive the statement that gave them. */
#include "source/source_files_rows.h"

#include <stdlib.h>

void pli__files_rows_clear(files_rows *l) {
    free(l->items);
    pli__arena_clear(&l->names);
}

void pli__files_rows_reset(files_rows *l) {
    l->n = 0;
    pli__arena_reset(&l->names);
}

pli_status pli__files_rows_add(void *list, const pli__index_file *f, pli_error *err) {
    files_rows *l = list;
    if (l->n == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 64;
        pli__index_file *items = realloc(l->items, cap * sizeof *items);
        if (!items) return pli__error_memory(err);
        l->items = items;
        l->cap = cap;
    }
    l->items[l->n] = *f;
    l->items[l->n].name = pli__arena_str(&l->names, f->name);
    l->n++;
    return pli__arena_status(&l->names, err);
}
