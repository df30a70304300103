/* The oldest day of a file, by its statistics. */
#include "delta/recent.h"

#include <stdlib.h>

#include "delta/calendar.h"
#include "delta/stats_read.h"

enum { LEAVES_MAX = 64 };

struct pli__recent {
    size_t n;
    pli__stats_leaf leaves[LEAVES_MAX];
    const char *since[LEAVES_MAX]; /* the year from which on all calendars agree */
    pli__arena paths, texts;
};

void pli__recent_free(pli__recent *r) {
    if (!r) return;
    pli__arena_clear(&r->paths);
    pli__arena_clear(&r->texts);
    free(r);
}

void pli__recent_auto(pli__recent **r) { pli__recent_free(*r); }

/* ---- leaves ---- */

/* Adds the leaves of a field that matter; false if there is one that statistics never speak of. */
static bool add_leaves(pli__recent *r, const pli__field *f, const pli__type *read, pli__str path) {
    if (!pli__calendar_concerns(f)) return true;
    if (f->type->id == PLI__TYPE_STRUCT) {
        for (size_t i = 0; i < f->type->n_fields; i++) {
            PLI_AUTO(pli__buf_clear) pli__buf inner = {0};
            pli__buf_adds(&inner, path);
            pli__buf_addc(&inner, 0);
            pli__buf_addz(&inner, read->fields[i].name);
            if (inner.failed || !add_leaves(r, &f->type->fields[i], read->fields[i].type, pli__buf_str(&inner)))
                return false;
        }
        return true;
    }
    if (pli__type_is_nested(f->type) || r->n == LEAVES_MAX) return false;
    r->since[r->n] = f->type->id == PLI__TYPE_TIMESTAMP ? "1901" : "1583";
    r->leaves[r->n++].path = pli__arena_str(&r->paths, path);
    return true;
}

pli_status pli__recent_new(const pli__mapping *m, pli__recent **out, pli_error *err) {
    PLI_AUTO(pli__recent_auto) pli__recent *r = calloc(1, sizeof *r);
    bool all = true;
    if (!r) return pli__error_memory(err);
    for (size_t i = 0; all && i < m->n; i++) {
        const pli__mapped_column *c = &m->columns[i];
        if (!c->is_partition) all = add_leaves(r, c->field, c->read_type, pli__str_of(c->physical));
    }
    PLI_TRY(pli__arena_status(&r->paths, err));
    *out = all && r->n ? PLI_TAKE(r) : NULL;
    return PLI_OK;
}

/* ---- a file ---- */

/* "1999-12-31", "2024-01-01T10:00:00.000Z": years of four digits compare as texts. */
static bool is_since(pli__str least, const char *year) {
    enum { YEAR = 4 };
    if (least.len <= YEAR || least.ptr[YEAR] != '-') return false;
    for (size_t i = 0; i < YEAR; i++)
        if (least.ptr[i] < '0' || least.ptr[i] > '9') return false;
    return memcmp(least.ptr, year, YEAR) >= 0;
}

bool pli__recent_file(pli__recent *r, pli__str stats) {
    pli__stats_bounds bounds[LEAVES_MAX];
    pli__str rows;
    pli__arena_reset(&r->texts);
    pli__stats_read(stats, r->leaves, r->n, &r->texts, &rows, bounds);
    for (size_t i = 0; i < r->n; i++) {
        const bool only_nulls = rows.ptr && bounds[i].null_count.ptr && pli__str_eq(rows, bounds[i].null_count);
        if (!only_nulls && (!bounds[i].min.ptr || !is_since(bounds[i].min, r->since[i]))) return false;
    }
    return !r->texts.failed;
}
