/*
 * Files whose rows are written to a table or merged into it. Text has no types of its own: it is read with the table's, and
 * takes every value exactly or not at all (schema/); the engine's readers would make 2 of 1.5. Columns that the table lacks get
 * types by inference. Parquet goes to the table as it is, and so does JSON where the table has variants.
 */
#include <stdlib.h>

#include "delta/project.h"
#include "delta/table_public.h"
#include "delta/variant_write.h"
#include "pli/table_write.h"
#include "port/fs.h"
#include "port/glob.h"
#include "schema/render.h"
#include "source/format.h"

typedef struct {
    pli_table *table;
    const pli__type *known; /* columns of the table; NULL if there is none, or its schema does not matter */
    bool may_widen, has_variants;
    size_t n, cap;
    pli__input_file *files;
    pli__relation *relation;
    pli__evolve_plan *plan; /* NULL: the engine reads them by itself */
    pli__buf sql;
} file_rows;

static void file_rows_clear(file_rows *x) {
    for (size_t i = 0; i < x->n; i++) free(x->files[i].path);
    free(x->files);
    pli__type_unref(x->known);
    pli__evolve_plan_free(x->plan);
    pli__relation_free(x->relation);
    pli__buf_clear(&x->sql);
}

/* ---- which files ---- */

static pli_status add_file(file_rows *x, const char *path, pli_error *err) {
    pli__file_info info;
    PLI_TRY(pli__fs_stat(path, &info, err));
    if (info.kind == PLI__FILE_DIR) {
        pli__error_set(err, PLI_E_ARGUMENT, "'%s' is a folder", path);
        return pli__error_hint(err, "name its files, as in '%s/*.csv'", path), PLI_E_ARGUMENT;
    }
    if (info.kind != PLI__FILE_REGULAR) return pli__error_set(err, PLI_E_NOT_FOUND, "there is no file '%s'", path);
    if (x->n == x->cap) {
        const size_t cap = x->cap ? x->cap * 2 : 8;
        pli__input_file *grown = realloc(x->files, cap * sizeof *grown);
        if (!grown) return pli__error_memory(err);
        x->files = grown;
        x->cap = cap;
    }
    pli__input_file *f = &x->files[x->n];
    *f = (pli__input_file){.size = info.size, .mtime_ns = info.mtime_ns};
    PLI_TRY(pli__fs_abs_path(path, &f->path, err));
    x->n++;
    return PLI_OK;
}

static pli_status add_glob(file_rows *x, const char *pattern, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
    PLI_AUTO(pli__result_auto) pli__result *r = NULL;
    pli__engine *e;
    const size_t before = x->n;
    PLI_TRY(pli__env_engine(x->table->env, &e, err));
    pli__buf_addz(&sql, "SELECT file FROM glob(");
    pli__buf_add_sql_str(&sql, pli__str_of(pattern));
    pli__buf_addz(&sql, ") ORDER BY file");
    PLI_TRY(pli__buf_status(&sql, err));
    PLI_TRY(pli__engine_query(e, sql.ptr, &r, err));
    for (;;) {
        pli__chunk c;
        PLI_TRY(pli__result_next(r, &c, err));
        if (!c.rows) break;
        for (size_t i = 0; i < c.rows; i++) {
            PLI_AUTO(pli__free_ptr) char *path = pli__str_dup(pli__chunk_str(&c, 0, i));
            if (!path) return pli__error_memory(err);
            PLI_TRY(add_file(x, path, err));
        }
    }
    if (x->n == before) return pli__error_set(err, PLI_E_NOT_FOUND, "no file matches '%s'", pattern);
    return PLI_OK;
}

static pli_status add_paths(file_rows *x, const char *const *paths, size_t n, pli_error *err) {
    for (size_t i = 0; i < n; i++) {
        pli__file_info info = {0};
        PLI_TRY(pli__fs_stat(paths[i], &info, err));
        const bool is_glob = info.kind == PLI__FILE_NONE && pli__glob_has_magic(pli__str_of(paths[i]));
        PLI_TRY(is_glob ? add_glob(x, paths[i], err) : add_file(x, paths[i], err));
    }
    return PLI_OK;
}

/* ---- what is known of their columns ---- */

/* Variants take any value; a column without a type says nothing. */
static bool is_known(const pli__type *t) { return t->id != PLI__TYPE_NULL && !pli__type_has_variant(t); }

static pli_status read_known(file_rows *x, pli_error *err) {
    PLI_AUTO(pli__snapshot_auto) pli__snapshot *s = NULL;
    pli__type_builder b = {0};
    bool exists;
    PLI_TRY(pli__delta_exists(x->table->delta, &exists, err));
    if (!exists) return PLI_OK;
    PLI_TRY(pli__snapshot_open(x->table->delta, PLI__LATEST, NULL, &s, err));
    const pli__type *schema = pli__snapshot_schema(s);
    for (size_t i = 0; i < schema->n_fields; i++) {
        const pli__field *f = &schema->fields[i];
        x->has_variants |= pli__type_has_variant(f->type);
        if (is_known(f->type)) pli__type_builder_add(&b, pli__str_of(f->name), pli__type_ref(f->type), true, NULL);
    }
    x->known = pli__type_builder_finish(&b);
    x->may_widen = pli__project_options_for(s, false, false).allow_type_widening;
    return x->known ? PLI_OK : pli__error_memory(err);
}

/* ---- rows ---- */

static pli_status make_plan(file_rows *x, bool all, pli_error *err) {
    PLI_AUTO(pli__free_ptr) pli__evolve_part *parts = NULL;
    const int64_t sample = all ? INT64_MAX : 0;
    const pli__format_options options = {.sample_rows = sample, .sample_files = sample};
    const pli__read read = {.env = x->table->env, .options = &options, .known = x->known, .relearn = all};
    const pli__schema_policy policy = {.mode = PLI__SCHEMA_ADD};
    PLI_TRY(pli__format_read(&read, NULL, x->n, x->files, &x->relation, err));
    PLI_TRY(pli__evolve_parts(x->relation, &parts, err));
    const pli__evolve_input in = {
        .stored = x->known, .n_parts = x->relation->n_parts, .parts = parts, .policy = &policy};
    PLI_TRY(pli__evolve_plan_new(&in, &x->plan, err));
    return pli__evolve_check(x->plan, err);
}

/* Columns of the table that no file has are left to the table: their defaults, identities and expressions. */
static bool is_in_files(const pli__evolve_plan *plan, size_t column) {
    for (size_t i = 0; i < plan->n_parts; i++)
        if (plan->parts[i].children[column].source_name) return true;
    return false;
}

static pli_status plan_rows(file_rows *x, bool all, pli_error *err) {
    size_t n = 0;
    pli__evolve_plan_free(x->plan);
    pli__relation_free(x->relation);
    x->plan = NULL;
    x->relation = NULL;
    pli__buf_reset(&x->sql);
    PLI_TRY(make_plan(x, all, err));
    pli__buf_addz(&x->sql, "SELECT ");
    for (size_t i = 0; i < x->plan->schema->n_fields; i++) {
        const pli__field *f = &x->plan->schema->fields[i];
        if (f->type->id == PLI__TYPE_NULL || !is_in_files(x->plan, i)) continue;
        if (n++) pli__buf_addz(&x->sql, ", ");
        pli__buf_add_sql_name(&x->sql, pli__str_of(f->name));
    }
    if (!n) return pli__error_set(err, PLI_E_SCHEMA, "'%s' has no column with a value", x->files[0].path);
    pli__buf_addz(&x->sql, " FROM (");
    PLI_TRY(pli__evolve_render(x->plan, x->relation, &x->sql, err));
    pli__buf_addz(&x->sql, ") AS pli_files");
    return pli__buf_status(&x->sql, err);
}

/* How the engine reads the files by itself; NULL = by the planner. Inference would make texts of [1, "x"], which a variant
 * keeps as it is: the engine reads JSON for tables with variants. The format of the first file counts; a name that tells none is
 * Parquet's. */
static const char *engine_reader(const file_rows *x, const char **options) {
    const pli__format *f = pli__format_of_path(pli__str_of(x->files[0].path));
    const pli__format_id id = f ? f->id : PLI__FORMAT_PARQUET;
    *options = id == PLI__FORMAT_PARQUET  ? ", hive_partitioning = false"
               : id == PLI__FORMAT_NDJSON ? ", format = 'newline_delimited'"
                                          : "";
    if (id == PLI__FORMAT_PARQUET) return "read_parquet";
    return x->has_variants && (id == PLI__FORMAT_NDJSON || id == PLI__FORMAT_JSON) ? "read_json" : NULL;
}

static pli_status engine_rows(file_rows *x, const char *reader, const char *options, pli_error *err) {
    pli__buf_addf(&x->sql, "SELECT * FROM %s([", reader);
    for (size_t i = 0; i < x->n; i++) {
        if (i) pli__buf_addz(&x->sql, ", ");
        pli__buf_add_sql_str(&x->sql, pli__str_of(x->files[i].path));
    }
    pli__buf_addf(&x->sql, "], union_by_name = true%s)", options);
    return pli__buf_status(&x->sql, err);
}

/* ---- what is done with them ---- */

typedef struct {
    const pli_write_options *write; /* NULL with merge */
    const pli_merge_options *merge;
    pli_row_fn *fn;
    void *arg;
} files_task;

static pli_status take_rows(file_rows *x, const files_task *task, pli_error *err) {
    return task->merge ? pli_table_merge_sql(x->table, x->sql.ptr, task->merge, task->fn, task->arg, err)
                       : pli_table_write_sql(x->table, x->sql.ptr, task->write, task->fn, task->arg, err);
}

/* An integer that is too large for its column, in a table whose columns may grow: the column is then read by inference. */
static bool may_grow(const file_rows *x, const pli__evolve_node *column) {
    const pli__type *t = column->before;
    return x->may_widen && t && pli__type_is_integer(t) && t->id != PLI__TYPE_I64;
}

static pli_status forget(file_rows *x, const char *column, pli_error *err) {
    pli__type_builder b = {0};
    for (size_t i = 0; i < x->known->n_fields; i++) {
        const pli__field *f = &x->known->fields[i];
        if (strcmp(f->name, column) != 0)
            pli__type_builder_add(&b, pli__str_of(f->name), pli__type_ref(f->type), true, NULL);
    }
    pli__type_unref(x->known);
    x->known = pli__type_builder_finish(&b);
    return x->known ? PLI_OK : pli__error_memory(err);
}

static pli_status refuse(const file_rows *x, const pli__misfit *misfit, pli_error *err) {
    (void)pli__misfit_error(x->plan, misfit, err);
    pli__error_hint(err, "mend the value; a job (`pli ingest`) can keep such values beside the row");
    return PLI_E_SCHEMA;
}

/* A value that does not fit may also mean that a sample did not tell the column's type: then all rows are looked at. */
static pli_status take_text(file_rows *x, const files_task *task, pli_error *err) {
    for (bool all = false;;) {
        pli__misfit misfit;
        PLI_TRY(plan_rows(x, all, err));
        const pli_status s = take_rows(x, task, err);
        if (s == PLI_OK || !pli__misfit_find(x->plan, err, &misfit)) return s;
        if (may_grow(x, misfit.node)) PLI_TRY(forget(x, misfit.node->name, err));
        else if (!all && pli__misfit_may_learn(x->plan, &misfit)) all = true;
        else return refuse(x, &misfit, err);
        pli__error_clear(err);
    }
}

static pli_status take_files(pli_table *t, const char *const *paths, size_t n, const files_task *task,
                             pli_error *given) {
    PLI_AUTO(file_rows_clear) file_rows x = {.table = t};
    pli_error own = {0}, *err = given ? given : &own; /* what the engine says of a value is needed here */
    if (!t || !paths || !n) return pli__error_set(err, PLI_E_ARGUMENT, "a table and at least one file are needed");
    PLI_TRY(add_paths(&x, paths, n, err));
    if (!task->write || !task->write->overwrite_schema) PLI_TRY(read_known(&x, err));
    const char *options, *reader = engine_reader(&x, &options);
    if (!reader) return take_text(&x, task, err);
    PLI_TRY(engine_rows(&x, reader, options, err));
    return take_rows(&x, task, err);
}

pli_status pli_table_write_files(pli_table *t, const char *const *paths, size_t n, const pli_write_options *options,
                                 pli_row_fn *fn, void *arg, pli_error *err) {
    return take_files(t, paths, n, &(files_task){.write = options, .fn = fn, .arg = arg}, err);
}

pli_status pli_table_merge_files(pli_table *t, const char *const *paths, size_t n, const pli_merge_options *options,
                                 pli_row_fn *fn, void *arg, pli_error *err) {
    if (!options) return pli__error_set(err, PLI_E_ARGUMENT, "a merge needs options");
    return take_files(t, paths, n, &(files_task){.merge = options, .fn = fn, .arg = arg}, err);
}
