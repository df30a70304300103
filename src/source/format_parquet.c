/* Parquet: files with equal footers' schemas become one read_parquet. Folder names never become columns by themselves. */
#include <stdlib.h>

#include "base/arena.h"
#include "base/map.h"
#include "delta/file_columns.h"
#include "delta/mapping.h"
#include "source/format_impl.h"

typedef struct parquet_group {
    const pli__input_file **files;
    size_t n;
    const pli__calendar *calendar; /* NULL: days are counted as everybody does */
} parquet_group;

static void add_read(const pli__read *r, pli__buf *b, size_t n, const pli__input_file *const *files) {
    pli__buf_addz(b, "read_parquet(");
    pli__sql_paths(b, n, files);
    pli__buf_addf(b, ", hive_partitioning=false, union_by_name=false%s, filename='_pli_path')",
                  pli__option_bool(r, "binary_as_string", false) ? ", binary_as_string=true" : "");
}

/* What the engine does not tell: columns that are nothing but null by their logical type, which it calls INTEGER (their names
 * go to `untyped`), and decimals that it cannot read. */
static pli_status look_closer(pli__engine *e, const pli__input_file *file, pli__map *untyped, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
    PLI_AUTO(pli__result_auto) pli__result *result = NULL;
    pli__buf_addz(&sql, "SELECT name, coalesce(\"precision\", 0)::BIGINT FROM parquet_schema(");
    pli__sql_paths(&sql, 1, &file);
    pli__buf_addz(&sql, ") WHERE logical_type = 'NullType()' OR \"precision\" > 38");
    PLI_TRY(pli__buf_status(&sql, err));
    PLI_TRY(pli__engine_query(e, sql.ptr, &result, err));
    for (;;) {
        pli__chunk c;
        PLI_TRY(pli__result_next(result, &c, err));
        if (!c.rows) return PLI_OK;
        for (size_t i = 0; i < c.rows; i++) {
            const int64_t precision = pli__chunk_i64(&c, 1, i);
            if (precision > 38) return pli__file_refuse_decimal(pli__chunk_str(&c, 0, i), precision, err);
            if (!pli__map_put(untyped, pli__chunk_str(&c, 0, i), untyped, NULL)) return pli__error_memory(err);
        }
    }
}

/* Columns of the file: all but the last, which is ours. */
static pli_status describe(const pli__read *r, pli__engine *e, const pli__input_file *file, const pli__type **out,
                           pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
    PLI_AUTO(pli__type_auto) const pli__type *all = NULL;
    pli__buf_addz(&sql, "SELECT * FROM ");
    add_read(r, &sql, 1, &file);
    PLI_TRY(pli__buf_status(&sql, err));
    PLI_AUTO(pli__map_auto) pli__map *untyped = pli__map_new();
    if (!untyped) return pli__error_memory(err);
    PLI_TRY_IN(pli__engine_describe(e, sql.ptr, &all, err), err, "'%s'", file->path);
    PLI_TRY_IN(look_closer(e, file, untyped, err), err, "'%s'", file->path);
    pli__type_builder b = {0};
    for (size_t i = 0; i + 1 < all->n_fields; i++) {
        const pli__field *f = &all->fields[i];
        const bool none = f->type->id == PLI__TYPE_I32 && pli__map_has(untyped, pli__str_of(f->name));
        pli__type_builder_add(&b, pli__str_of(f->name), none ? pli__type_new(PLI__TYPE_NULL) : pli__type_ref(f->type),
                              true, NULL);
    }
    *out = pli__type_builder_finish(&b);
    return *out ? PLI_OK : pli__error_memory(err);
}

/* ---- files in the old calendar (delta/calendar.h) ---- */

/* The engine gives INT96 as times without a zone, as it gives those that are. */
static pli_status find_int96(pli__engine *e, const pli__input_file *file, bool *out, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
    int64_t found = 0;
    pli__buf_addz(&sql, "SELECT count(*) FROM parquet_schema(");
    pli__sql_paths(&sql, 1, &file);
    pli__buf_addz(&sql, ") WHERE type = 'INT96'");
    PLI_TRY(pli__buf_status(&sql, err));
    PLI_TRY(pli__engine_query_i64(e, sql.ptr, &found, err));
    *out = found > 0;
    return PLI_OK;
}

/* An expression for each column that holds dates or times. */
static pli_status convert_columns(pli__engine *e, const parquet_group *g, const pli__type *schema, pli__arena *arena,
                                  const char **columns, pli_error *err) {
    pli__calendar c = *g->calendar;
    bool int96;
    PLI_TRY(find_int96(e, g->files[0], &int96, err));
    c.int96_without_zone = c.int96 && int96;
    for (size_t i = 0; i < schema->n_fields; i++) {
        PLI_AUTO(pli__buf_clear) pli__buf name = {0}, sql = {0};
        const pli__type *t = schema->fields[i].type;
        if (t->id == PLI__TYPE_VARIANT) continue; /* holds no days of its own */
        pli__buf_add_sql_name(&name, pli__str_of(schema->fields[i].name));
        pli__mapping_sql_value(&c, t, t, pli__buf_str(&name), &sql);
        PLI_TRY(pli__buf_status(&name, err));
        PLI_TRY(pli__buf_status(&sql, err));
        if (!pli__str_eq(pli__buf_str(&name), pli__buf_str(&sql)))
            columns[i] = pli__arena_strdup(arena, pli__buf_str(&sql));
    }
    return pli__arena_status(arena, err);
}

static pli_status add_group(pli__parts *parts, pli__engine *e, const parquet_group *g, pli_error *err) {
    PLI_AUTO(pli__type_auto) const pli__type *schema = NULL;
    PLI_AUTO(pli__arena_clear) pli__arena arena = {0};
    PLI_TRY(describe(parts->read, e, g->files[0], &schema, err));
    PLI_AUTO(pli__buf_clear) pli__buf from = {0};
    add_read(parts->read, &from, g->n, g->files);
    PLI_TRY(pli__buf_status(&from, err));
    const char **columns = NULL;
    if (g->calendar) {
        columns = pli__arena_calloc(&arena, schema->n_fields + 1, sizeof *columns);
        if (!columns) return pli__error_memory(err);
        PLI_TRY_IN(convert_columns(e, g, schema, &arena, columns, err), err, "'%s'", g->files[0]->path);
    }
    const pli__part_spec spec = {
        .schema = schema, .from = pli__buf_str(&from), .columns = columns, .n_files = g->n, .files = g->files};
    return pli__parts_add(parts, &spec, err);
}

/* ---- many files: one query tells which footers agree ---- */

typedef struct grouping {
    pli__arena arena;
    pli__map *group_of_path; /* path -> signature (arena text) */
    pli__map *by_signature; /* signature -> parquet_group */
    parquet_group **order;
    size_t n_groups;
    size_t n_files;
} grouping;

static void grouping_clear(grouping *g) {
    pli__map_free(g->group_of_path);
    pli__map_free(g->by_signature);
    pli__arena_clear(&g->arena);
}

static pli_status read_signatures(const pli__read *r, pli__engine *e, grouping *g, size_t n,
                                  const pli__input_file *const *files, pli_error *err) {
    (void)r;
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
    PLI_AUTO(pli__result_auto) pli__result *result = NULL;
    pli__buf_addz(
        &sql,
        "SELECT file_name, md5(string_agg(concat_ws('|', name, type, type_length, repetition_type, num_children, converted_type,"
        " scale, precision, logical_type), chr(10) ORDER BY rn)) FROM (SELECT *, row_number() OVER () AS rn FROM parquet_schema(");
    pli__sql_paths(&sql, n, files);
    pli__buf_addz(&sql, ")) GROUP BY file_name");
    PLI_TRY(pli__buf_status(&sql, err));
    PLI_TRY(pli__engine_query(e, sql.ptr, &result, err));
    for (;;) {
        pli__chunk c;
        PLI_TRY(pli__result_next(result, &c, err));
        if (!c.rows) return PLI_OK;
        for (size_t i = 0; i < c.rows; i++) {
            char *signature = pli__arena_strdup(&g->arena, pli__chunk_str(&c, 1, i));
            if (!signature || !pli__map_put(g->group_of_path, pli__chunk_str(&c, 0, i), signature, NULL))
                return pli__error_memory(err);
        }
    }
}

/* What files that are read together have in common. */
static pli_status write_signature(const grouping *g, const pli__input_file *file, const pli__calendar *calendar,
                                  pli__buf *out, pli_error *err) {
    const char *columns = pli__map_get(g->group_of_path, pli__str_of(file->path));
    pli__buf_addz(out,
                  columns ? columns : file->path); /* the engine spells the path in its own way: a group of its own */
    if (calendar) pli__buf_addf(out, " %d %d %s", calendar->days, calendar->int96, calendar->zone);
    return pli__buf_status(out, err);
}

static pli_status put_file(grouping *g, pli_env *env, const pli__input_file *file, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf text = {0};
    const pli__calendar *calendar = NULL;
    PLI_TRY_IN(pli__calendar_of(env, file->path, &g->arena, &calendar, err), err, "'%s'", file->path);
    PLI_TRY(write_signature(g, file, calendar, &text, err));
    const char *signature = text.ptr;
    parquet_group *group = pli__map_get(g->by_signature, pli__str_of(signature));
    if (!group) {
        group = pli__arena_calloc(&g->arena, 1, sizeof *group);
        if (!group || !(group->files = pli__arena_calloc(&g->arena, g->n_files, sizeof *group->files)))
            return pli__error_memory(err);
        if (!pli__map_put(g->by_signature, pli__str_of(signature), group, NULL)) return pli__error_memory(err);
        group->calendar = calendar;
        g->order[g->n_groups++] = group;
    }
    group->files[group->n++] = file;
    return PLI_OK;
}

pli_status pli__read_parquet(pli__parts *parts, size_t n, const pli__input_file *const *files, pli_error *err) {
    pli__engine *e = NULL;
    PLI_TRY(pli__read_engine(parts->read, NULL, &e, err));
    PLI_AUTO(grouping_clear)
    grouping g = {.group_of_path = pli__map_new(), .by_signature = pli__map_new(), .n_files = n};
    g.order = pli__arena_calloc(&g.arena, n, sizeof *g.order);
    if (!g.group_of_path || !g.by_signature || !g.order) return pli__error_memory(err);
    if (n > 1) PLI_TRY(read_signatures(parts->read, e, &g, n, files, err));
    for (size_t i = 0; i < n; i++) PLI_TRY(put_file(&g, parts->read->env, files[i], err));
    for (size_t i = 0; i < g.n_groups; i++) PLI_TRY(add_group(parts, e, g.order[i], err));
    return PLI_OK;
}
