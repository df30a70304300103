/* Rows of a list of data files as one SELECT. */
#include "delta/relation.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/hash.h"
#include "delta/partition.h"
#include "delta/path.h"
#include "delta/rows_stream.h"
#include "delta/table.h"
#include "engine/empty_parquet.h"

enum {
    LITERALS_MAX = 500,       /* files whose values stand in the SQL text */
    ROW_BYTES = 16,           /* of a row in a file, for estimates */
    UNKNOWN_BYTES = 16 << 20, /* of a file */
    LARGE_BYTES = 1 << 20,    /* of a file that may have several row groups */
};

typedef struct {
    pli__rows_filter filter;
    const char *path; /* local */
    pli__str log_path;
    const pli__str *values; /* one for each partition column, in schema order */
    const pli__rows *rows;
    const char *change_type;
    int64_t version, time_us, bytes, number;
    bool recent;
    const pli__calendar *calendar; /* NULL = that of everybody else */
} file_entry;

/* Files whose rows are filtered in the same way and that are read with the same schema. */
typedef struct {
    pli__rows_filter filter;
    bool cdc; /* change files, which have a column _change_type */
    const pli__read_shape *shape; /* NULL = ordinary files */
    file_entry *files;
    size_t n, cap;
} file_list;

struct pli__file_relation {
    pli__delta *table;
    const pli__mapping *m;
    pli__file_relation_options options;
    pli__arena arena;
    size_t n_partitions;
    file_list all;             /* files as they were added */
    file_list *lists;          /* the same, one list for each filter, kind and shape */
    size_t n_lists, cap_lists;
    pli__read_shape **shapes;
    size_t n_shapes, cap_shapes;
    char id[37];                           /* makes the names of temp objects unique */
    size_t n_temp;                         /* temp tables made: <id>_0 ... */
    char gone[64];                         /* late_vectors: the table of rows that are to be left out; empty = none */
    pli__buf drop;                         /* statements that undo what was made */
};

void pli__file_relation_free(pli__file_relation *r) {
    if (!r) return;
    pli__engine *e = pli__env_engine_if_open(r->table->env);
    if (e && r->drop.len && !r->drop.failed) pli__engine_exec(e, r->drop.ptr, NULL, NULL);
    pli__buf_clear(&r->drop);
    for (size_t i = 0; i < r->n_lists; i++) free(r->lists[i].files);
    for (size_t i = 0; i < r->n_shapes; i++) pli__read_shape_free(r->shapes[i]);
    free(r->lists);
    free(r->shapes);
    free(r->all.files);
    pli__arena_clear(&r->arena);
    pli__delta_free(r->table);
    free(r);
}

void pli__file_relation_auto(pli__file_relation **r) { pli__file_relation_free(*r); }

pli_status pli__file_relation_new(pli__delta *t, const pli__mapping *m, const pli__file_relation_options *options,
                                  pli__file_relation **out, pli_error *err) {
    pli__file_relation *r = calloc(1, sizeof *r);
    if (!r) return pli__error_memory(err);
    r->table = pli__delta_ref(t);
    r->m = m;
    if (options) r->options = *options;
    for (size_t i = 0; i < m->n; i++) r->n_partitions += m->columns[i].is_partition;
    pli__uuid_new(r->id);
    for (char *c = r->id; *c; c++)
        if (*c == '-') *c = '_';
    *out = r;
    return PLI_OK;
}

/* ---- taking in files ---- */

static pli_status grow(void **items, size_t n, size_t *cap, size_t size, pli_error *err) {
    if (n < *cap) return PLI_OK;
    const size_t more = *cap ? *cap * 2 : 16;
    void *moved = realloc(*items, more * size);
    if (!moved) return pli__error_memory(err);
    *items = moved;
    *cap = more;
    return PLI_OK;
}

static pli_status add_entry(file_list *l, const file_entry *e, pli_error *err) {
    PLI_TRY(grow((void **)&l->files, l->n, &l->cap, sizeof *l->files, err));
    l->files[l->n++] = *e;
    return PLI_OK;
}

static pli_status take_values(pli__file_relation *r, const pli__file_relation_file *f, file_entry *e, pli_error *err) {
    pli__str *values = pli__arena_alloc(&r->arena, r->n_partitions * sizeof *values);
    size_t k = 0;
    for (size_t i = 0; values && i < r->m->n; i++) {
        const pli__mapped_column *c = &r->m->columns[i];
        pli__str text;
        if (!c->is_partition) continue;
        pli__partition_value(f->values, f->n_values, c, &text);
        PLI_TRY_IN(pli__partition_check(c, text, err), err, "file '%.*s'", PLI_STR_ARG(f->log_path));
        values[k++] = text.ptr ? pli__arena_str(&r->arena, text) : text;
    }
    e->values = values;
    return pli__arena_status(&r->arena, err);
}

static pli_status take_path(pli__file_relation *r, const pli__file_relation_file *f, file_entry *e, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf path = {0};
    PLI_TRY(pli__uri_resolve(r->table->root, f->log_path, &path, err));
    e->path = pli__arena_strdup(&r->arena, pli__buf_str(&path));
    if (r->options.with_file_columns || r->options.with_file_number)
        e->log_path = pli__arena_str(&r->arena, f->log_path);
    return pli__arena_status(&r->arena, err);
}

pli_status pli__file_relation_add(pli__file_relation *r, const pli__file_relation_file *f, pli_error *err) {
    file_entry e = {.filter = f->filter,
                    .rows = f->rows,
                    .change_type = f->change_type,
                    .version = f->version,
                    .time_us = f->time_us,
                    .bytes = f->bytes,
                    .number = f->number,
                    .recent = f->recent};
    PLI_TRY(take_path(r, f, &e, err));
    PLI_TRY(take_values(r, f, &e, err));
    return add_entry(&r->all, &e, err);
}

/* ---- groups of files that are read alike ---- */

static bool is_cdc(const pli__file_relation *r, const file_entry *e) { return r->options.changes && !e->change_type; }

/* The list of a file, made if need be. */
static pli_status put_in_list(pli__file_relation *r, const file_entry *e, const pli__read_shape *shape,
                              pli_error *err) {
    const pli__rows_filter filter = r->options.late_vectors ? PLI__ROWS_ALL : e->filter;
    size_t i = 0;
    while (i < r->n_lists &&
           (r->lists[i].filter != filter || r->lists[i].cdc != is_cdc(r, e) || r->lists[i].shape != shape))
        i++;
    if (i == r->n_lists) {
        PLI_TRY(grow((void **)&r->lists, r->n_lists, &r->cap_lists, sizeof *r->lists, err));
        r->lists[r->n_lists++] = (file_list){.filter = filter, .cdc = is_cdc(r, e), .shape = shape};
    }
    return add_entry(&r->lists[i], e, err);
}

static pli_status keep_shape(pli__file_relation *r, pli__read_shape *take, const pli__read_shape **out,
                             pli_error *err) {
    PLI_AUTO(pli__read_shape_auto) pli__read_shape *shape = take;
    size_t i = 0;
    while (i < r->n_shapes && !pli__str_eq(pli__buf_str(&r->shapes[i]->key), pli__buf_str(&shape->key))) i++;
    if (i == r->n_shapes) {
        PLI_TRY(grow((void **)&r->shapes, r->n_shapes, &r->cap_shapes, sizeof *r->shapes, err));
        r->shapes[r->n_shapes++] = PLI_TAKE(shape);
    }
    *out = r->shapes[i];
    return PLI_OK;
}

/* Files that are to be looked at, by the numbers that they have among all. */
typedef struct {
    pli__file_relation *r;
    const size_t *files;
} looked_at;

static pli_status group_file(void *arg, size_t file, const pli__file_column *root, pli_error *err) {
    const looked_at *l = arg;
    pli__file_relation *r = l->r;
    const file_entry *e = &r->all.files[l->files[file]];
    pli__read_shape *own = NULL;
    const pli__read_shape *shape = NULL;
    PLI_TRY_IN(pli__mapping_shape(r->m, root, is_cdc(r, e), e->calendar, &own, err), err, "file '%s'", e->path);
    if (own) PLI_TRY(keep_shape(r, own, &shape, err));
    return put_in_list(r, e, shape, err);
}

/* Almost always no file needs a look at its columns: those get into the lists as they are. */
static pli_status choose_files(pli__file_relation *r, const char **paths, size_t *files, size_t *n, pli_error *err) {
    const bool all = pli__mapping_needs_look(r->m, pli__env_time_zone(r->table->env));
    for (size_t i = 0; i < r->all.n; i++) {
        file_entry *e = &r->all.files[i];
        if (r->m->has_days && !e->recent)
            PLI_TRY_IN(pli__calendar_of(r->table->env, e->path, &r->arena, &e->calendar, err), err, "file '%s'",
                       e->path);
        if (!all && !e->calendar) {
            PLI_TRY(put_in_list(r, e, NULL, err));
            continue;
        }
        paths[*n] = e->path;
        files[(*n)++] = i;
    }
    return PLI_OK;
}

static pli_status group_files(pli__file_relation *r, pli_error *err) {
    pli__engine *engine;
    size_t n = 0;
    PLI_AUTO(pli__free_ptr) const char **paths = calloc(r->all.n + 1, sizeof *paths);
    PLI_AUTO(pli__free_ptr) size_t *files = calloc(r->all.n + 1, sizeof *files);
    if (!paths || !files) return pli__error_memory(err);
    PLI_TRY(choose_files(r, paths, files, &n, err));
    if (!n) return PLI_OK;
    PLI_TRY(pli__env_engine(r->table->env, &engine, err));
    return pli__file_columns_read(engine, paths, n, group_file, &(looked_at){r, files}, err);
}

/* ---- lists of values ---- */

/* What a list is made of. */
typedef enum { OF_PATHS, OF_LOG_PATHS, OF_VALUES, OF_CHANGE_TYPES, OF_VERSIONS, OF_TIMES, OF_NUMBERS } list_kind;

static pli__str text_of(const file_entry *e, list_kind kind, size_t k, char number[24]) {
    switch (kind) {
        case OF_PATHS: return pli__str_of(e->path);
        case OF_LOG_PATHS: return e->log_path;
        case OF_VALUES: return e->values[k];
        case OF_CHANGE_TYPES: return pli__str_of(e->change_type);
        default:
            snprintf(number, 24, "%" PRId64,
                     kind == OF_VERSIONS ? e->version
                     : kind == OF_TIMES  ? e->time_us
                                         : e->number);
            return pli__str_of(number);
    }
}

static void add_literal(pli__buf *sql, pli__str s) {
    if (s.ptr) pli__buf_add_sql_str(sql, s);
    else pli__buf_addz(sql, "NULL");
}

static bool all_same(const file_list *l, list_kind kind, size_t k) {
    char a[24], b[24];
    const pli__str first = text_of(&l->files[0], kind, k, a);
    for (size_t i = 1; i < l->n; i++) {
        const pli__str s = text_of(&l->files[i], kind, k, b);
        if (!s.ptr != !first.ptr || !pli__str_eq(s, first)) return false;
    }
    return true;
}

static pli_status append_texts(pli__engine *e, const file_list *l, list_kind kind, size_t k, const char *table,
                               pli_error *err) {
    enum { STEP = 1024 };
    pli__str rows[STEP];
    char numbers[STEP][24];
    for (size_t i = 0; i < l->n; i += STEP) {
        const size_t n = l->n - i < STEP ? l->n - i : STEP;
        for (size_t j = 0; j < n; j++) rows[j] = text_of(&l->files[i + j], kind, k, numbers[j]);
        PLI_TRY(pli__engine_append_text(e, table, rows, n, 1, err));
    }
    return PLI_OK;
}

/* A long list goes through a temp table into a variable; *out is "getvariable('…')". */
static pli_status make_variable(pli__file_relation *r, const file_list *l, list_kind kind, size_t k, pli__buf *out,
                                pli_error *err) {
    pli__engine *e;
    char name[64];
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
    PLI_TRY(pli__env_engine(r->table->env, &e, err));
    snprintf(name, sizeof name, "pli_%s_%zu", r->id, r->n_temp++);
    pli__buf_addf(&sql, "CREATE TEMP TABLE %s (v VARCHAR)", name);
    PLI_TRY(pli__buf_status(&sql, err));
    PLI_TRY(pli__engine_exec(e, sql.ptr, NULL, err));
    pli__buf_addf(&r->drop, "DROP TABLE IF EXISTS %s; RESET VARIABLE %s;", name, name);
    PLI_TRY(append_texts(e, l, kind, k, name, err));
    pli__buf_reset(&sql);
    pli__buf_addf(&sql, "SET VARIABLE %s = (SELECT list(v ORDER BY rowid) FROM %s); DROP TABLE %s", name, name, name);
    PLI_TRY(pli__buf_status(&sql, err));
    PLI_TRY(pli__engine_exec(e, sql.ptr, NULL, err));
    pli__buf_addf(out, "getvariable('%s')", name);
    return pli__buf_status(out, err);
}

/* The texts of a list as an expression of type VARCHAR[]. */
static pli_status add_texts(pli__file_relation *r, const file_list *l, list_kind kind, size_t k, pli__buf *sql,
                            pli_error *err) {
    char number[24];
    if (l->n > LITERALS_MAX) return make_variable(r, l, kind, k, sql, err);
    pli__buf_addc(sql, '[');
    for (size_t i = 0; i < l->n; i++) {
        if (i) pli__buf_addz(sql, ", ");
        add_literal(sql, text_of(&l->files[i], kind, k, number));
    }
    pli__buf_addc(sql, ']');
    return pli__buf_status(sql, err);
}

/* A value that is constant within a file: one constant if it is the same for all, else picked by the file's index. */
static pli_status add_file_value(pli__file_relation *r, const file_list *l, list_kind kind, size_t k,
                                 const pli__type *t, pli__buf *sql, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf texts = {0};
    char number[24];
    const bool constant = all_same(l, kind, k);
    pli__buf_addc(sql, '(');
    if (constant) {
        pli__buf_addz(&texts, "CAST([");
        add_literal(&texts, text_of(&l->files[0], kind, k, number));
        pli__buf_addz(&texts, "] AS VARCHAR[])");
    } else {
        pli__buf_addz(&texts, "CAST(");
        PLI_TRY(add_texts(r, l, kind, k, &texts, err));
        pli__buf_addz(&texts, " AS VARCHAR[])");
    }
    PLI_TRY(pli__buf_status(&texts, err));
    pli__partition_sql_list(t, texts.ptr, sql);
    pli__buf_addz(sql, constant ? ")[1]" : ")[CAST(r.file_index AS BIGINT) + 1]");
    return pli__buf_status(sql, err);
}

/* ---- one part ---- */

static pli_status add_typed(pli__file_relation *r, const file_list *l, list_kind kind, pli__type_id id,
                            const char *name, pli__buf *sql, pli_error *err) {
    PLI_AUTO(pli__type_auto) const pli__type *t = pli__type_new(id);
    if (!t) return pli__error_memory(err);
    pli__buf_addz(sql, ", ");
    PLI_TRY(add_file_value(r, l, kind, 0, t, sql, err));
    pli__buf_addf(sql, " AS %s", name);
    return PLI_OK;
}

/* Files are numbered through all lists. */
static size_t files_before(const pli__file_relation *r, const file_list *l) {
    size_t n = 0;
    for (const file_list *x = r->lists; x < l; x++) n += x->n;
    return n;
}

static pli_status add_extra_columns(pli__file_relation *r, const file_list *l, pli__buf *sql, pli_error *err) {
    if (r->options.changes) {
        if (l->cdc) pli__buf_addz(sql, ", r.x AS _change_type");
        else PLI_TRY(add_typed(r, l, OF_CHANGE_TYPES, PLI__TYPE_STRING, "_change_type", sql, err));
        PLI_TRY(add_typed(r, l, OF_VERSIONS, PLI__TYPE_I64, "_commit_version", sql, err));
        pli__buf_addz(sql, ", make_timestamptz(");
        PLI_AUTO(pli__type_auto) const pli__type *i64 = pli__type_new(PLI__TYPE_I64);
        if (!i64) return pli__error_memory(err);
        PLI_TRY(add_file_value(r, l, OF_TIMES, 0, i64, sql, err));
        pli__buf_addz(sql, ") AS _commit_timestamp");
    }
    if (r->options.with_file_columns) {
        PLI_TRY(add_typed(r, l, OF_LOG_PATHS, PLI__TYPE_STRING, "_pli_file", sql, err));
        pli__buf_addz(sql, ", r.file_row_number AS _pli_row");
    }
    if (r->options.with_own_number) PLI_TRY(add_typed(r, l, OF_NUMBERS, PLI__TYPE_I64, "_pli_number", sql, err));
    if (r->options.with_path) PLI_TRY(add_typed(r, l, OF_PATHS, PLI__TYPE_STRING, "_pli_path", sql, err));
    if (r->options.with_file_number)
        pli__buf_addf(sql, ", CAST(r.file_index AS BIGINT) + %zu AS _pli_number, r.file_row_number AS _pli_row",
                      files_before(r, l));
    return pli__buf_status(sql, err);
}

static pli_status add_columns(pli__file_relation *r, const file_list *l, pli__buf *sql, pli_error *err) {
    size_t partition = 0;
    for (size_t i = 0; i < r->m->n; i++) {
        const pli__mapped_column *c = &r->m->columns[i];
        if (i) pli__buf_addz(sql, ", ");
        if (c->is_partition) PLI_TRY(add_file_value(r, l, OF_VALUES, partition++, c->field->type, sql, err));
        else if (c->is_void) pli__buf_addz(sql, "CAST(NULL AS INTEGER)");
        else pli__mapping_sql_column(r->m, i, l->shape, sql);
        pli__buf_addz(sql, " AS ");
        pli__buf_add_sql_name(sql, pli__str_of(c->field->name));
    }
    return pli__buf_status(sql, err);
}

/* Row sets of a list, each under its file's index in the list and what is added to it. */
static pli_status take_row_sets(const file_list *l, size_t add, pli__file_rows *out, size_t *n, pli_error *err) {
    for (size_t i = 0; i < l->n; i++) {
        const pli__rows *rows = l->files[i].rows;
        if (!rows) continue;
        if (pli__rows_count(rows) && pli__rows_max(rows) >> PLI__ROW_BITS)
            return pli__error_set(err, PLI_E_LIMIT, "a deletion vector of '%s' speaks of a row beyond 2^%d",
                                  l->files[i].path, PLI__ROW_BITS);
        out[(*n)++] = (pli__file_rows){(int64_t)(i + add), rows};
    }
    return PLI_OK;
}

/* A temp table of the keys of row sets. */
static pli_status make_row_table(pli__file_relation *r, const pli__file_rows *files, size_t n, char name[64],
                                 pli_error *err) {
    pli__engine *e;
    char stream_name[80];
    struct ArrowArrayStream stream;
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
    PLI_TRY(pli__env_engine(r->table->env, &e, err));
    snprintf(name, 64, "pli_%s_%zu", r->id, r->n_temp++);
    snprintf(stream_name, sizeof stream_name, "%s_in", name);
    PLI_TRY(pli__rows_stream(files, n, &stream, err));
    PLI_TRY(pli__engine_register_arrow(e, stream_name, &stream, err));
    pli__buf_addf(&sql, "CREATE TEMP TABLE %s AS SELECT k FROM %s", name, stream_name);
    pli_status st = pli__buf_status(&sql, err);
    if (st == PLI_OK) st = pli__engine_exec(e, sql.ptr, NULL, err);
    pli__engine_unregister(e, stream_name, NULL);
    PLI_TRY(st);
    pli__buf_addf(&r->drop, "DROP TABLE IF EXISTS %s;", name);
    return PLI_OK;
}

/* With a schema given the engine looks into no file and would think them nearly empty: then joins would keep the table, not the
 * other side, in memory. */
static int64_t guess_rows(const file_list *l) {
    int64_t bytes = 0;
    for (size_t i = 0; i < l->n; i++) bytes += l->files[i].bytes > 0 ? l->files[i].bytes : UNKNOWN_BYTES;
    return bytes / ROW_BYTES + 1;
}

/* A large file is not left to one thread (empty_parquet.h). */
static pli_status add_paths(pli__file_relation *r, const file_list *l, pli__buf *sql, pli_error *err) {
    char path[PLI__MEMORY_FILE_PATH];
    const bool alone = l->n == 1 && (l->files[0].bytes <= 0 || l->files[0].bytes >= LARGE_BYTES);
    const char *empty = alone ? pli__empty_parquet(path) : NULL;
    if (!empty) return add_texts(r, l, OF_PATHS, 0, sql, err);
    pli__buf_addc(sql, '[');
    pli__buf_add_sql_str(sql, pli__str_of(l->files[0].path));
    pli__buf_addf(sql, ", '%s']", empty);
    return pli__buf_status(sql, err);
}

static pli_status add_part(pli__file_relation *r, const file_list *l, pli__buf *sql, pli_error *err) {
    pli__buf_addz(sql, "SELECT ");
    PLI_TRY(add_columns(r, l, sql, err));
    PLI_TRY(add_extra_columns(r, l, sql, err));
    pli__buf_addz(sql, " FROM read_parquet(");
    PLI_TRY(add_paths(r, l, sql, err));
    pli__buf_addz(sql, ", ");
    pli__mapping_sql_schema(r->m, l->cdc ? "_change_type" : NULL, l->shape, sql);
    pli__buf_addf(sql, ", hive_partitioning = false%s, explicit_cardinality = %" PRId64 ") AS r",
                  r->m->binary_as_string ? ", binary_as_string = true" : "", guess_rows(l));
    if (l->filter == PLI__ROWS_ALL) return pli__buf_status(sql, err);
    char table[64];
    size_t n = 0;
    PLI_AUTO(pli__free_ptr) pli__file_rows *files = calloc(l->n, sizeof *files);
    if (!files) return pli__error_memory(err);
    PLI_TRY(take_row_sets(l, 0, files, &n, err));
    PLI_TRY(make_row_table(r, files, n, table, err));
    pli__buf_addf(sql, " WHERE (CAST(r.file_index AS BIGINT) << %d | r.file_row_number) %s (SELECT k FROM %s)",
                  PLI__ROW_BITS, l->filter == PLI__ROWS_WITHOUT ? "NOT IN" : "IN", table);
    return pli__buf_status(sql, err);
}

/* A SELECT with the right columns and no rows. */
static void add_empty(const pli__file_relation *r, pli__buf *sql) {
    pli__buf_addz(sql, "SELECT ");
    for (size_t i = 0; i < r->m->n; i++) {
        pli__buf_addz(sql, i ? ", CAST(NULL AS " : "CAST(NULL AS ");
        pli__mapping_sql_type(r->m->columns[i].field->type, sql);
        pli__buf_addz(sql, ") AS ");
        pli__buf_add_sql_name(sql, pli__str_of(r->m->columns[i].field->name));
    }
    if (r->options.changes)
        pli__buf_addz(sql, ", CAST(NULL AS VARCHAR) AS _change_type, CAST(NULL AS BIGINT) AS _commit_version,"
                           " CAST(NULL AS TIMESTAMPTZ) AS _commit_timestamp");
    if (r->options.with_file_columns)
        pli__buf_addz(sql, ", CAST(NULL AS VARCHAR) AS _pli_file, CAST(NULL AS BIGINT) AS _pli_row");
    if (r->options.with_own_number) pli__buf_addz(sql, ", CAST(NULL AS BIGINT) AS _pli_number");
    if (r->options.with_path) pli__buf_addz(sql, ", CAST(NULL AS VARCHAR) AS _pli_path");
    if (r->options.with_file_number)
        pli__buf_addz(sql, ", CAST(NULL AS BIGINT) AS _pli_number, CAST(NULL AS BIGINT) AS _pli_row");
    pli__buf_addz(sql, " WHERE false");
}

/* The rows of all sets, by the files' numbers. */
static pli_status make_gone_table(pli__file_relation *r, pli_error *err) {
    size_t n = 0;
    PLI_AUTO(pli__free_ptr) pli__file_rows *files = calloc(r->all.n + 1, sizeof *files);
    if (!files) return pli__error_memory(err);
    for (size_t i = 0; i < r->n_lists; i++)
        PLI_TRY(take_row_sets(&r->lists[i], files_before(r, &r->lists[i]), files, &n, err));
    return n ? make_row_table(r, files, n, r->gone, err) : PLI_OK;
}

pli_status pli__file_relation_sql(pli__file_relation *r, pli__buf *sql, pli_error *err) {
    PLI_TRY(group_files(r, err));
    for (size_t i = 0; i < r->n_lists; i++) {
        if (i) pli__buf_addz(sql, " UNION ALL ");
        PLI_TRY(add_part(r, &r->lists[i], sql, err));
    }
    if (!r->n_lists) add_empty(r, sql);
    if (r->options.late_vectors) PLI_TRY(make_gone_table(r, err));
    return pli__buf_status(sql, err);
}

pli__str pli__file_relation_path(const pli__file_relation *r, int64_t number) {
    for (size_t i = 0; number >= 0 && i < r->n_lists; i++) {
        const size_t before = files_before(r, &r->lists[i]);
        if ((size_t)number < before + r->lists[i].n) return r->lists[i].files[(size_t)number - before].log_path;
    }
    return (pli__str){0};
}

const char *pli__file_relation_gone(const pli__file_relation *r) { return r->gone[0] ? r->gone : NULL; }
