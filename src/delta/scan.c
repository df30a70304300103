/* Rows of a snapshot as SQL: choose the files, take in their deletion vectors, project and filter. */
#include <stdlib.h>

#include "base/arena.h"
#include "delta/dv.h"
#include "delta/mapping.h"
#include "delta/recent.h"
#include "delta/relation.h"
#include "delta/skip.h"
#include "delta/snapshot.h"
#include "delta/table.h"

typedef struct {
    pli__str path;
    size_t n_values;
    const pli__kv *values;
    pli__dv dv;
    int64_t bytes;
    bool recent;
} scan_file;

struct pli__scan {
    pli__snapshot *snapshot;
    pli__mapping *mapping;
    pli__file_relation *relation;
    pli__skip *skip; /* NULL: every file is read */
    pli__recent *recent; /* NULL: statistics do not tell */
    pli__arena arena;
    scan_file *files;
    size_t n_files, cap_files;
    int64_t files_read;
    const pli__type *schema;
    char *sql;
};

void pli__scan_free(pli__scan *s) {
    if (!s) return;
    pli__file_relation_free(s->relation);
    pli__skip_free(s->skip);
    pli__recent_free(s->recent);
    pli__mapping_free(s->mapping);
    pli__snapshot_unref(s->snapshot);
    pli__type_unref(s->schema);
    pli__arena_clear(&s->arena);
    free(s->files);
    free(s->sql);
    free(s);
}

void pli__scan_auto(pli__scan **s) { pli__scan_free(*s); }
const char *pli__scan_sql(const pli__scan *s) { return s->sql; }
const pli__type *pli__scan_schema(const pli__scan *s) { return s->schema; }
pli__str pli__scan_path(const pli__scan *s, int64_t number) { return pli__file_relation_path(s->relation, number); }
const char *pli__scan_gone(const pli__scan *s) { return pli__file_relation_gone(s->relation); }

int64_t pli__scan_files_total(const pli__scan *s) { return (int64_t)s->n_files; }
int64_t pli__scan_files_read(const pli__scan *s) { return s->files_read; }

/* ---- choosing files ---- */

static const pli__kv *keep_values(pli__arena *a, const pli__kv *from, size_t n) {
    pli__kv *to = n ? pli__arena_alloc(a, n * sizeof *to) : NULL;
    for (size_t i = 0; to && i < n; i++)
        to[i] = (pli__kv){pli__arena_str(a, from[i].key),
                          from[i].value.ptr ? pli__arena_str(a, from[i].value) : (pli__str){0}};
    return to;
}

static pli_status take_file(void *arg, const pli__add *add, pli_error *err) {
    pli__scan *s = arg;
    if (s->n_files == s->cap_files) {
        const size_t cap = s->cap_files ? s->cap_files * 2 : 64;
        scan_file *moved = realloc(s->files, cap * sizeof *moved);
        if (!moved) return pli__error_memory(err);
        s->files = moved;
        s->cap_files = cap;
    }
    scan_file *f = &s->files[s->n_files++];
    *f = (scan_file){.path = pli__arena_str(&s->arena, add->path),
                     .n_values = add->n_partition_values,
                     .dv = add->dv,
                     .bytes = add->size,
                     .recent = s->recent && pli__recent_file(s->recent, add->stats)};
    f->values = keep_values(&s->arena, add->partition_values, add->n_partition_values);
    if (add->dv.storage) f->dv.path = pli__arena_str(&s->arena, add->dv.path);
    PLI_TRY(pli__arena_status(&s->arena, err));
    return s->skip ? pli__skip_add(s->skip, add, err) : PLI_OK;
}

static pli_status add_to_relation(pli__scan *s, const scan_file *f, pli__rows **rows, pli_error *err) {
    pli__file_relation_file file = {
        .log_path = f->path, .n_values = f->n_values, .values = f->values, .bytes = f->bytes, .recent = f->recent};
    if (f->dv.storage) {
        PLI_TRY_IN(pli__dv_read(pli__delta_root(pli__snapshot_table(s->snapshot)), &f->dv, rows, err), err,
                   "file '%.*s'", PLI_STR_ARG(f->path));
        file.filter = PLI__ROWS_WITHOUT;
        file.rows = *rows;
    }
    s->files_read++;
    return pli__file_relation_add(s->relation, &file, err);
}

typedef struct {
    pli__rows **rows; /* one for each file, most of them NULL */
    size_t n;
} row_sets;

static void row_sets_clear(row_sets *r) {
    for (size_t i = 0; r->rows && i < r->n; i++) pli__rows_free(r->rows[i]);
    free(r->rows);
}

/* The relation's SELECT over the files that are not skipped. The row sets are in the engine when it returns. */
static pli_status build_relation(pli__scan *s, const bool *keep, pli__buf *sql, pli_error *err) {
    PLI_AUTO(row_sets_clear) row_sets sets = {calloc(s->n_files ? s->n_files : 1, sizeof *sets.rows), s->n_files};
    if (!sets.rows) return pli__error_memory(err);
    for (size_t i = 0; i < s->n_files; i++)
        if (!keep || keep[i]) PLI_TRY(add_to_relation(s, &s->files[i], &sets.rows[i], err));
    return pli__file_relation_sql(s->relation, sql, err);
}

static pli_status choose_files(pli__scan *s, pli__buf *sql, pli_error *err) {
    const unsigned fields = PLI__FILES_PARTITIONS | PLI__FILES_DV | (s->skip ? pli__skip_fields(s->skip) : 0) |
                            (s->recent ? PLI__FILES_STATS : 0);
    PLI_TRY(pli__snapshot_files(s->snapshot, fields, take_file, s, err));
    if (!s->skip) return build_relation(s, NULL, sql, err);
    PLI_AUTO(pli__free_ptr) bool *keep = calloc(s->n_files ? s->n_files : 1, sizeof *keep);
    if (!keep) return pli__error_memory(err);
    PLI_TRY(pli__skip_run(s->skip, keep, err));
    return build_relation(s, keep, sql, err);
}

/* ---- what comes out ---- */

static void add_output(pli__type_builder *b, const pli__field *f, bool first, pli__buf *sql) {
    if (!first) pli__buf_addz(sql, ", ");
    pli__buf_add_sql_name(sql, pli__str_of(f->name));
    pli__type_builder_add(b, pli__str_of(f->name), pli__type_ref(f->type), f->nullable, f->metadata);
}

static pli_status add_projection(pli__scan *s, const pli__scan_options *o, pli__buf *sql, pli_error *err) {
    pli__type_builder b = {0};
    const size_t n = o->only_file_columns ? 0 : o->n_columns ? o->n_columns : s->mapping->n;
    for (size_t i = 0; i < n; i++) {
        const int at = o->n_columns ? pli__mapping_find(s->mapping, pli__str_of(o->columns[i])) : (int)i;
        if (at < 0) {
            pli__type_builder_clear(&b);
            return pli__type_no_column(s->mapping->schema, o->columns[i], err);
        }
        add_output(&b, s->mapping->columns[at].field, i == 0, sql);
    }
    if (o->with_file_columns) {
        pli__buf_addz(sql, n ? ", _pli_file, _pli_row" : "_pli_file, _pli_row");
        pli__type_builder_add(&b, PLI_STR("_pli_file"), pli__type_new(PLI__TYPE_STRING), false, NULL);
        pli__type_builder_add(&b, PLI_STR("_pli_row"), pli__type_new(PLI__TYPE_I64), false, NULL);
    }
    if (o->with_file_number) {
        pli__buf_addz(sql, n ? ", _pli_number, _pli_row" : "_pli_number, _pli_row");
        pli__type_builder_add(&b, PLI_STR("_pli_number"), pli__type_new(PLI__TYPE_I64), false, NULL);
        pli__type_builder_add(&b, PLI_STR("_pli_row"), pli__type_new(PLI__TYPE_I64), false, NULL);
    }
    s->schema = pli__type_builder_finish(&b);
    return s->schema ? PLI_OK : pli__error_memory(err);
}

static pli_status write_sql(pli__scan *s, const pli__scan_options *o, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
    pli__buf_addz(&sql, "SELECT ");
    PLI_TRY(add_projection(s, o, &sql, err));
    pli__buf_addz(&sql, " FROM (");
    PLI_TRY(choose_files(s, &sql, err));
    pli__buf_addz(&sql, ") AS t");
    if (o->where) pli__buf_addf(&sql, " WHERE (%s\n)", o->where); /* the line end closes a comment */
    PLI_TRY(pli__buf_status(&sql, err));
    s->sql = pli__buf_take(&sql);
    return PLI_OK;
}

pli_status pli__scan_new(pli__snapshot *snapshot, const pli__scan_options *options, pli__scan **out, pli_error *err) {
    static const pli__scan_options defaults = {0};
    const pli__scan_options *o = options ? options : &defaults;
    pli__delta *t = pli__snapshot_table(snapshot);
    PLI_AUTO(pli__scan_auto) pli__scan *s = calloc(1, sizeof *s);
    if (!s) return pli__error_memory(err);
    s->snapshot = pli__snapshot_ref(snapshot);
    PLI_TRY_IN(pli__mapping_open(snapshot, &s->mapping, err), err, "table '%s'", pli__delta_root(t));
    if (!s->mapping->n)
        return pli__error_set(err, PLI_E_UNSUPPORTED, "the table '%s' has no columns", pli__delta_root(t));
    const char *skip = o->skip ? o->skip : o->where;
    if (skip) PLI_TRY(pli__skip_new(pli__delta_env(t), s->mapping, skip, &s->skip, err));
    PLI_TRY(pli__recent_new(s->mapping, &s->recent, err));
    const pli__file_relation_options ro = {.with_file_columns = o->with_file_columns,
                                           .with_file_number = o->with_file_number,
                                           .late_vectors = o->late_vectors};
    PLI_TRY(pli__file_relation_new(t, s->mapping, &ro, &s->relation, err));
    PLI_TRY_IN(write_sql(s, o, err), err, "version %lld of '%s'", (long long)pli__snapshot_version(snapshot),
               pli__delta_root(t));
    *out = PLI_TAKE(s);
    return PLI_OK;
}
