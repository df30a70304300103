/* pli/table.h: the files of a table that any reader of Parquet reads right, so that a caller may take its own. */
#include <inttypes.h>
#include <string.h>

#include "delta/calendar.h"
#include "delta/mapping.h"
#include "delta/path.h"
#include "delta/recent.h"
#include "delta/table_public.h"

typedef struct plain_files {
    const char *root;
    pli_env *env;
    pli__mapping *mapping;
    pli__recent *recent; /* NULL: statistics do not tell */
    pli__arena arena;    /* for calendars */
    pli__buf path;
    pli__buf rows; /* each ends with '\0' */
    int64_t n, max;
    bool plain;
} plain_files;

static void clear(plain_files *p) {
    pli__recent_free(p->recent);
    pli__mapping_free(p->mapping);
    pli__arena_clear(&p->arena);
    pli__buf_clear(&p->path);
    pli__buf_clear(&p->rows);
}

static pli_status is_in_old_calendar(plain_files *p, const pli__add *add, bool *out, pli_error *err) {
    const pli__calendar *calendar = NULL;
    *out = false;
    if (!p->mapping->has_days || (p->recent && pli__recent_file(p->recent, add->stats))) return PLI_OK;
    PLI_TRY(pli__calendar_of(p->env, p->path.ptr, &p->arena, &calendar, err));
    *out = calendar != NULL;
    return PLI_OK;
}

/* CANCELLED ends the walk over the files. */
static pli_status not_plain(plain_files *p, pli_error *err) {
    p->plain = false;
    return pli__error_set(err, PLI_E_CANCELLED, "the files are not plain");
}

static pli_status take_file(void *arg, const pli__add *add, pli_error *err) {
    plain_files *p = arg;
    bool old;
    if (add->dv.storage || ++p->n > p->max) return not_plain(p, err);
    pli__buf_reset(&p->path);
    PLI_TRY(pli__uri_resolve(p->root, add->path, &p->path, err));
    PLI_TRY(pli__buf_status(&p->path, err));
    PLI_TRY(is_in_old_calendar(p, add, &old, err));
    if (old) return not_plain(p, err);
    pli__buf_addz(&p->rows, "{\"path\":");
    pli__buf_add_json(&p->rows, pli__buf_str(&p->path));
    pli__buf_addf(&p->rows, ",\"size\":%" PRId64 ",\"partitionValues\":", add->size);
    pli__table_add_map(&p->rows, add->partition_values, add->n_partition_values);
    pli__buf_add(&p->rows, "}", sizeof "}");
    return pli__buf_status(&p->rows, err);
}

static pli_status collect(plain_files *p, pli__snapshot *s, unsigned fields, pli_error *err) {
    PLI_TRY(pli__mapping_open(s, &p->mapping, err));
    p->plain = p->mapping->mode == PLI__MAPPING_NONE &&
               !pli__mapping_needs_look(p->mapping, pli__env_time_zone(p->env));
    if (!p->plain) return PLI_OK;
    PLI_TRY(pli__recent_new(p->mapping, &p->recent, err));
    const pli_status status = pli__snapshot_files(s, fields, take_file, p, err);
    return p->plain ? status : PLI_OK;
}

static pli_status emit(const plain_files *p, pli_row_fn *fn, void *arg, pli_error *err) {
    for (size_t at = 0; at < p->rows.len;) {
        pli__buf row = {0};
        row.ptr = p->rows.ptr + at;
        row.len = strlen(row.ptr);
        at += row.len + 1;
        PLI_TRY(pli__table_emit(fn, arg, &row, err));
    }
    return PLI_OK;
}

pli_status pli_table_plain_files(pli_table *t, const pli_at *at, int64_t max, pli_row_fn *fn, void *arg,
                                 pli_error *err) {
    const unsigned fields = PLI__FILES_PARTITIONS | PLI__FILES_STATS | PLI__FILES_DV;
    PLI_AUTO(pli__snapshot_auto) pli__snapshot *s = NULL;
    if (!t || !fn) return pli__error_set(err, PLI_E_ARGUMENT, "'t' and 'fn' must not be NULL");
    PLI_AUTO(clear) plain_files p = {.root = pli__delta_root(t->delta), .env = t->env, .max = max};
    PLI_TRY(pli__table_open_at(t, at, &(pli__snapshot_options){.with_files = true, .files = fields}, &s, err));
    PLI_TRY(collect(&p, s, fields, err));
    return p.plain ? emit(&p, fn, arg, err) : PLI_OK;
}
