/* The change data feed: commits of a range into relations over their files. */
#include "delta/changes.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/map.h"
#include "delta/dv.h"
#include "delta/history.h"
#include "delta/mapping.h"
#include "delta/relation.h"
#include "delta/table.h"

/* A file action of the commit at hand. */
typedef struct {
    pli__str path;
    size_t n_values;
    const pli__kv *values;
    bool has_values;
    pli__dv dv;
    bool paired; /* its counterpart with another deletion vector was found */
} changed_file;

typedef struct {
    changed_file *files;
    size_t n, cap;
} changed_list;

typedef struct {
    pli__rows **rows;
    size_t n, cap;
} row_sets;

struct pli__changes {
    pli__delta *table;
    pli__changes_options options;
    pli__mapping *mapping;
    pli__snapshot *end; /* schema of the rows */
    pli__time_rule rule;
    pli__file_relation *feed; /* everything that needs no comparison */
    pli__file_relation **compared;
    size_t n_compared, cap_compared;
    pli__buf union_sql; /* SELECTs of versions that were compared */
    row_sets sets;      /* alive until the relations have been written */
    const pli__type *schema;
    char *sql;
    /* the commit at hand */
    int64_t version, time_us;
    bool enabled;
    pli__arena arena;
    changed_list added, removed, cdc;
};

void pli__changes_free(pli__changes *c) {
    if (!c) return;
    pli__file_relation_free(c->feed);
    for (size_t i = 0; i < c->n_compared; i++) pli__file_relation_free(c->compared[i]);
    for (size_t i = 0; i < c->sets.n; i++) pli__rows_free(c->sets.rows[i]);
    free(c->sets.rows);
    free(c->compared);
    pli__buf_clear(&c->union_sql);
    pli__mapping_free(c->mapping);
    pli__snapshot_unref(c->end);
    pli__type_unref(c->schema);
    pli__arena_clear(&c->arena);
    free(c->added.files);
    free(c->removed.files);
    free(c->cdc.files);
    pli__delta_free(c->table);
    free(c->sql);
    free(c);
}

void pli__changes_auto(pli__changes **c) { pli__changes_free(*c); }
const char *pli__changes_sql(const pli__changes *c) { return c->sql; }
const pli__type *pli__changes_schema(const pli__changes *c) { return c->schema; }

/* ---- reading a commit ---- */

static pli_status grow(void **items, size_t n, size_t *cap, size_t size, pli_error *err) {
    if (n < *cap) return PLI_OK;
    const size_t more = *cap ? *cap * 2 : 16;
    void *moved = realloc(*items, more * size);
    if (!moved) return pli__error_memory(err);
    *items = moved;
    *cap = more;
    return PLI_OK;
}

static pli_status keep_file(pli__changes *c, changed_list *l, changed_file f, pli_error *err) {
    PLI_TRY(grow((void **)&l->files, l->n, &l->cap, sizeof *l->files, err));
    pli__kv *values = f.n_values ? pli__arena_alloc(&c->arena, f.n_values * sizeof *values) : NULL;
    for (size_t i = 0; values && i < f.n_values; i++)
        values[i] = (pli__kv){pli__arena_str(&c->arena, f.values[i].key),
                              f.values[i].value.ptr ? pli__arena_str(&c->arena, f.values[i].value) : (pli__str){0}};
    f.values = values;
    f.path = pli__arena_str(&c->arena, f.path);
    if (f.dv.storage) f.dv.path = pli__arena_str(&c->arena, f.dv.path);
    l->files[l->n++] = f;
    return pli__arena_status(&c->arena, err);
}

static bool feed_enabled(const pli__kv *configuration, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (pli__str_eqz(configuration[i].key, "delta.enableChangeDataFeed"))
            return pli__str_ieqz(configuration[i].value, "true");
    return false;
}

static pli_status visit_action(void *arg, const pli__action *a, pli_error *err) {
    pli__changes *c = arg;
    switch (a->kind) {
        case PLI__ACTION_ADD:
            if (!a->add.data_change) return PLI_OK;
            return keep_file(
                c, &c->added,
                (changed_file){a->add.path, a->add.n_partition_values, a->add.partition_values, true, a->add.dv, false},
                err);
        case PLI__ACTION_REMOVE:
            if (!a->remove.data_change) return PLI_OK;
            return keep_file(c, &c->removed,
                             (changed_file){a->remove.path, a->remove.n_partition_values, a->remove.partition_values,
                                            a->remove.n_partition_values > 0, a->remove.dv, false},
                             err);
        case PLI__ACTION_CDC:
            return keep_file(
                c, &c->cdc,
                (changed_file){a->cdc.path, a->cdc.n_partition_values, a->cdc.partition_values, true, {0}, false}, err);
        case PLI__ACTION_METADATA:
            c->enabled = feed_enabled(a->metadata.configuration, a->metadata.n_configuration);
            return PLI_OK;
        default: return PLI_OK;
    }
}

/* ---- partition values that a remove does not repeat ---- */

typedef struct {
    pli__changes *c;
    size_t missing;
} value_search;

static pli_status fill_values(void *arg, const pli__add *add, pli_error *err) {
    value_search *s = arg;
    changed_list *l = &s->c->removed;
    for (size_t i = 0; i < l->n; i++) {
        if (l->files[i].has_values || !pli__str_eq(l->files[i].path, add->path)) continue;
        changed_list one = {0};
        const pli_status st = keep_file(
            s->c, &one,
            (changed_file){add->path, add->n_partition_values, add->partition_values, true, l->files[i].dv, false},
            err);
        if (st == PLI_OK) l->files[i] = one.files[0];
        free(one.files);
        PLI_TRY(st);
        s->missing--;
    }
    return PLI_OK;
}

/* A remove without extendedFileMetadata says nothing of partition values: the version before knows them. */
static pli_status complete_removes(pli__changes *c, pli_error *err) {
    PLI_AUTO(pli__snapshot_auto) pli__snapshot *before = NULL;
    value_search s = {.c = c};
    if (!pli__snapshot_metadata(c->end)->n_partition_columns) return PLI_OK;
    for (size_t i = 0; i < c->removed.n; i++) s.missing += !c->removed.files[i].has_values;
    if (!s.missing) return PLI_OK;
    PLI_TRY(pli__snapshot_open(c->table, c->version - 1, NULL, &before, err));
    PLI_TRY(pli__snapshot_files(before, PLI__FILES_PARTITIONS, fill_values, &s, err));
    if (s.missing)
        return pli__error_set(err, PLI_E_CORRUPT,
                              "version %" PRId64 " removes a file that version %" PRId64 " does not have", c->version,
                              c->version - 1);
    return PLI_OK;
}

/* ---- files into relations ---- */

static pli_status keep_rows(pli__changes *c, pli__rows *take, pli_error *err) {
    PLI_AUTO(pli__rows_auto) pli__rows *rows = take;
    PLI_TRY(grow((void **)&c->sets.rows, c->sets.n, &c->sets.cap, sizeof *c->sets.rows, err));
    c->sets.rows[c->sets.n++] = PLI_TAKE(rows);
    return PLI_OK;
}

static pli_status add_rows(pli__changes *c, pli__file_relation *r, const changed_file *f, const char *type,
                           pli__rows_filter filter, const pli__rows *rows, pli_error *err) {
    return pli__file_relation_add(r,
                                  &(pli__file_relation_file){.log_path = f->path,
                                                             .n_values = f->n_values,
                                                             .values = f->values,
                                                             .filter = filter,
                                                             .rows = rows,
                                                             .change_type = type,
                                                             .version = c->version,
                                                             .time_us = c->time_us},
                                  err);
}

/* All live rows of a file. */
static pli_status add_whole(pli__changes *c, pli__file_relation *r, const changed_file *f, const char *type,
                            pli_error *err) {
    if (!f->dv.storage) return add_rows(c, r, f, type, PLI__ROWS_ALL, NULL, err);
    pli__rows *rows = NULL;
    PLI_TRY(pli__dv_read(c->table->root, &f->dv, &rows, err));
    PLI_TRY(keep_rows(c, rows, err));
    return add_rows(c, r, f, type, PLI__ROWS_WITHOUT, rows, err);
}

static pli_status read_rows(pli__changes *c, const pli__dv *dv, pli__rows **out, pli_error *err) {
    if (dv->storage) return pli__dv_read(c->table->root, dv, out, err);
    *out = pli__rows_new();
    return *out ? PLI_OK : pli__error_memory(err);
}

/* Rows in `a` and not in `b`, as changes of the type given. */
static pli_status add_difference(pli__changes *c, pli__file_relation *r, const changed_file *f, const pli__dv *a,
                                 const pli__dv *b, const char *type, pli_error *err) {
    PLI_AUTO(pli__rows_auto) pli__rows *rows = NULL;
    PLI_AUTO(pli__rows_auto) pli__rows *other = NULL;
    PLI_TRY(read_rows(c, a, &rows, err));
    PLI_TRY(read_rows(c, b, &other, err));
    if (!pli__rows_minus(rows, other)) return pli__error_memory(err);
    if (!pli__rows_count(rows)) return PLI_OK;
    const pli__rows *kept = rows;
    PLI_TRY(keep_rows(c, PLI_TAKE(rows), err));
    return add_rows(c, r, f, type, PLI__ROWS_ONLY, kept, err);
}

/* Removed files by path; values are positions + 1. */
static pli_status index_removed(const pli__changes *c, pli__map **out, pli_error *err) {
    PLI_AUTO(pli__map_auto) pli__map *m = pli__map_new();
    if (!m) return pli__error_memory(err);
    for (size_t i = 0; i < c->removed.n; i++)
        if (!pli__map_put(m, c->removed.files[i].path, (void *)(uintptr_t)(i + 1), NULL)) return pli__error_memory(err);
    *out = PLI_TAKE(m);
    return PLI_OK;
}

/* Added and removed files of the commit, what goes before what comes: a row that was rewritten is there at the end.
 * @param deleted and @param inserted may be the same relation */
static pli_status add_files(pli__changes *c, pli__file_relation *deleted, pli__file_relation *inserted,
                            pli_error *err) {
    PLI_AUTO(pli__map_auto) pli__map *removed = NULL;
    PLI_TRY(index_removed(c, &removed, err));
    for (size_t i = 0; i < c->added.n; i++) {
        const changed_file *f = &c->added.files[i];
        const size_t at = (size_t)(uintptr_t)pli__map_get(removed, f->path);
        if (!at) continue;
        changed_file *old = &c->removed.files[at - 1];
        old->paired = true;
        PLI_TRY(add_difference(c, deleted, f, &f->dv, &old->dv, "delete", err));
    }
    for (size_t i = 0; i < c->removed.n; i++)
        if (!c->removed.files[i].paired) PLI_TRY(add_whole(c, deleted, &c->removed.files[i], "delete", err));
    for (size_t i = 0; i < c->added.n; i++) {
        const changed_file *f = &c->added.files[i];
        const size_t at = (size_t)(uintptr_t)pli__map_get(removed, f->path);
        if (!at) PLI_TRY(add_whole(c, inserted, f, "insert", err));
        else PLI_TRY(add_difference(c, inserted, f, &c->removed.files[at - 1].dv, &f->dv, "insert", err));
    }
    return PLI_OK;
}

/* ---- versions without the feed ---- */

static pli_status new_relation(pli__changes *c, pli__file_relation **out, pli_error *err) {
    const pli__file_relation_options o = {.changes = true};
    PLI_TRY(grow((void **)&c->compared, c->n_compared, &c->cap_compared, sizeof *c->compared, err));
    PLI_TRY(pli__file_relation_new(c->table, c->mapping, &o, out, err));
    c->compared[c->n_compared++] = *out;
    return PLI_OK;
}

static void add_minus(pli__changes *c, pli__str a, pli__str b, const char *type, pli__buf *sql) {
    pli__buf_addz(sql, "SELECT ");
    for (size_t i = 0; i < c->mapping->n; i++) {
        pli__buf_add_sql_name(sql, pli__str_of(c->mapping->columns[i].field->name));
        pli__buf_addz(sql, ", ");
    }
    pli__buf_addf(
        sql, "'%s' AS _change_type, _commit_version, _commit_timestamp FROM (SELECT * EXCLUDE (_change_type) FROM (",
        type);
    pli__buf_adds(sql, a);
    pli__buf_addz(sql, ") EXCEPT ALL SELECT * EXCLUDE (_change_type) FROM (");
    pli__buf_adds(sql, b);
    pli__buf_addz(sql, "))");
}

/* Rows that were only moved from a removed file to an added one cancel out. */
static pli_status compare_files(pli__changes *c, pli_error *err) {
    pli__file_relation *deleted = NULL, *inserted = NULL;
    PLI_AUTO(pli__buf_clear) pli__buf gone = {0};
    PLI_AUTO(pli__buf_clear) pli__buf come = {0};
    PLI_TRY(new_relation(c, &deleted, err));
    PLI_TRY(new_relation(c, &inserted, err));
    PLI_TRY(add_files(c, deleted, inserted, err));
    PLI_TRY(pli__file_relation_sql(deleted, &gone, err));
    PLI_TRY(pli__file_relation_sql(inserted, &come, err));
    if (c->union_sql.len) pli__buf_addz(&c->union_sql, " UNION ALL ");
    add_minus(c, pli__buf_str(&gone), pli__buf_str(&come), "delete", &c->union_sql);
    pli__buf_addz(&c->union_sql, " UNION ALL ");
    add_minus(c, pli__buf_str(&come), pli__buf_str(&gone), "insert", &c->union_sql);
    return pli__buf_status(&c->union_sql, err);
}

/* ---- the range ---- */

static pli_status add_version(pli__changes *c, pli_error *err) {
    int64_t ms;
    c->added.n = c->removed.n = c->cdc.n = 0;
    pli__arena_reset(&c->arena);
    PLI_TRY(pli__log_read_commit(c->table, c->version, visit_action, c, err));
    if (!c->enabled && !c->options.synthesize) {
        pli__error_set(err, PLI_E_NO_FEED, "the change data feed of '%s' was not enabled in version %" PRId64,
                       c->table->root, c->version);
        return pli__error_hint(
            err,
            "set delta.enableChangeDataFeed=true for the versions to come, or derive the changes with --synthesize");
    }
    PLI_TRY(pli__time_rule_ms(c->table, &c->rule, c->version, &ms, err));
    c->time_us = ms * 1000;
    for (size_t i = 0; i < c->cdc.n; i++)
        PLI_TRY(add_rows(c, c->feed, &c->cdc.files[i], NULL, PLI__ROWS_ALL, NULL, err));
    if (c->cdc.n) return PLI_OK;
    PLI_TRY(complete_removes(c, err));
    return !c->enabled && c->added.n && c->removed.n ? compare_files(c, err) : add_files(c, c->feed, c->feed, err);
}

static pli_status add_range(pli__changes *c, pli_error *err) {
    for (c->version = c->options.from; c->version <= c->options.to; c->version++) {
        PLI_TRY(pli__env_check_cancel(c->table->env, err));
        PLI_TRY_IN(add_version(c, err), err, "changes of version %" PRId64, c->version);
    }
    return PLI_OK;
}

/* State at both ends: whether the feed was on at the start, and the schema that the rows get. */
static pli_status open_ends(pli__changes *c, pli_error *err) {
    PLI_AUTO(pli__snapshot_auto) pli__snapshot *start = NULL;
    PLI_TRY(pli__snapshot_open(c->table, c->options.from, NULL, &start, err));
    const pli__metadata *m = pli__snapshot_metadata(start);
    c->enabled = feed_enabled(m->configuration, m->n_configuration);
    PLI_TRY(pli__snapshot_advance(start, c->options.to, &c->end, err));
    return pli__mapping_open(c->end, &c->mapping, err);
}

/* ---- what comes out ---- */

static pli_status add_column(pli__type_builder *b, pli__changes *c, size_t i, pli__buf *sql, pli_error *err) {
    const pli__changes_options *o = &c->options;
    const int at = o->n_columns ? pli__mapping_find(c->mapping, pli__str_of(o->columns[i])) : (int)i;
    if (at < 0) return pli__type_no_column(c->mapping->schema, o->columns[i], err);
    const pli__field *f = c->mapping->columns[at].field;
    pli__buf_add_sql_name(sql, pli__str_of(f->name));
    pli__buf_addz(sql, ", ");
    pli__type_builder_add(b, pli__str_of(f->name), pli__type_ref(f->type), true, f->metadata);
    return PLI_OK;
}

static pli_status add_projection(pli__changes *c, pli__buf *sql, pli_error *err) {
    PLI_AUTO(pli__type_builder_clear) pli__type_builder b = {0};
    const size_t n = c->options.n_columns ? c->options.n_columns : c->mapping->n;
    pli__buf_addz(sql, "SELECT ");
    for (size_t i = 0; i < n; i++) PLI_TRY(add_column(&b, c, i, sql, err));
    pli__buf_addz(sql, "_change_type, _commit_version, _commit_timestamp");
    pli__type_builder_add(&b, PLI_STR("_change_type"), pli__type_new(PLI__TYPE_STRING), true, NULL);
    pli__type_builder_add(&b, PLI_STR("_commit_version"), pli__type_new(PLI__TYPE_I64), true, NULL);
    pli__type_builder_add(&b, PLI_STR("_commit_timestamp"), pli__type_new(PLI__TYPE_TIMESTAMP), true, NULL);
    c->schema = pli__type_builder_finish(&b);
    return c->schema ? PLI_OK : pli__error_memory(err);
}

static pli_status write_sql(pli__changes *c, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
    PLI_TRY(add_projection(c, &sql, err));
    pli__buf_addz(&sql, " FROM (");
    PLI_TRY(pli__file_relation_sql(c->feed, &sql, err));
    if (c->union_sql.len) pli__buf_addf(&sql, " UNION ALL %s", c->union_sql.ptr);
    pli__buf_addz(&sql, ") AS t");
    if (c->options.where) pli__buf_addf(&sql, " WHERE (%s\n)", c->options.where); /* the line end closes a comment */
    PLI_TRY(pli__buf_status(&sql, err));
    c->sql = pli__buf_take(&sql);
    return PLI_OK;
}

pli_status pli__changes_new(pli__delta *t, const pli__changes_options *options, pli__changes **out, pli_error *err) {
    const pli__file_relation_options ro = {.changes = true};
    PLI_AUTO(pli__changes_auto) pli__changes *c = calloc(1, sizeof *c);
    if (!c) return pli__error_memory(err);
    c->table = pli__delta_ref(t);
    c->options = *options;
    PLI_TRY(open_ends(c, err));
    PLI_TRY(pli__time_rule_open(t, &c->rule, err));
    PLI_TRY(pli__file_relation_new(t, c->mapping, &ro, &c->feed, err));
    PLI_TRY(add_range(c, err));
    PLI_TRY(write_sql(c, err));
    *out = PLI_TAKE(c);
    return PLI_OK;
}
