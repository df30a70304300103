/*
 * Rows in the order of their files. A reader puts files of one layout into one part, wherever they stand in the list; where that
 * changes the order, the list is cut at each change of layout and read piece by piece.
 */
#include <stdlib.h>

#include "base/map.h"
#include "source/format.h"

/* For each file the part that it is in; a file without rows or columns is in none. */
static pli_status parts_of_files(const pli__relation *r, size_t n, const pli__input_file *files, size_t *part,
                                 pli_error *err) {
    PLI_AUTO(pli__map_auto) pli__map *at = pli__map_new();
    if (!at) return pli__error_memory(err);
    for (size_t i = 0; i < r->n_parts; i++)
        for (size_t k = 0; k < r->parts[i].n_files; k++)
            if (!pli__map_put(at, pli__str_of(r->parts[i].files[k].path), (void *)(uintptr_t)(i + 1), NULL))
                return pli__error_memory(err);
    for (size_t i = 0; i < n; i++) part[i] = (uintptr_t)pli__map_get(at, pli__str_of(files[i].path));
    return PLI_OK;
}

static bool ascends(const size_t *part, size_t n) {
    size_t last = 0;
    for (size_t i = 0; i < n; i++) {
        if (part[i] && part[i] < last) return false;
        if (part[i]) last = part[i];
    }
    return true;
}

/* Parts of one relation behind those of another. */
static pli_status append_parts(pli__relation *to, pli__relation *from, pli_error *err) {
    if (!from->n_parts) return PLI_OK;
    pli__part *grown = realloc(to->parts, (to->n_parts + from->n_parts) * sizeof *grown);
    if (!grown) return pli__error_memory(err);
    to->parts = grown;
    memcpy(to->parts + to->n_parts, from->parts, from->n_parts * sizeof *grown);
    to->n_parts += from->n_parts;
    from->n_parts = 0;
    return PLI_OK;
}

static pli_status read_pieces(const pli__read *read, const pli__format *format, size_t n, const pli__input_file *files,
                              const size_t *part, pli__relation **out, pli_error *err) {
    PLI_AUTO(pli__relation_auto) pli__relation *all = calloc(1, sizeof *all);
    if (!all) return pli__error_memory(err);
    for (size_t i = 0, end; i < n; i = end) {
        PLI_AUTO(pli__relation_auto) pli__relation *piece = NULL;
        for (end = i + 1; end < n && part[end] == part[i];) end++;
        PLI_TRY(pli__format_read(read, format, end - i, files + i, &piece, err));
        PLI_TRY(append_parts(all, piece, err));
        piece->kept = all->kept;
        all->kept = PLI_TAKE(piece);
    }
    *out = PLI_TAKE(all);
    return PLI_OK;
}

pli_status pli__format_read_ordered(const pli__read *read, const pli__format *format, size_t n,
                                    const pli__input_file *files, pli__relation **out, pli_error *err) {
    PLI_AUTO(pli__relation_auto) pli__relation *whole = NULL;
    PLI_AUTO(pli__free_ptr) size_t *part = calloc(n + 1, sizeof *part);
    if (!part) return pli__error_memory(err);
    PLI_TRY(pli__format_read(read, format, n, files, &whole, err));
    PLI_TRY(parts_of_files(whole, n, files, part, err));
    if (!ascends(part, n)) return read_pieces(read, format, n, files, part, out, err);
    *out = PLI_TAKE(whole);
    return PLI_OK;
}
