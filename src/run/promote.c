/*
 * A rescued field becomes a column. The steps, and what a kill behind each of them leaves:
 *
 *   1 metadata.json: promotion = {path, column, type}   a mark; means nothing as long as the table lacks the column
 *   2 one commit of the table: column and back-fill      the same call finds the mark, fills what was rescued since, goes on
 *   3 schemas/N.json                                    nobody names it yet; it is written again
 *   4 metadata.json: version N is current, mark gone     done
 *
 * The job's lock is held from before 1 to the end. In between a batch still rescues the field: nothing is lost, and the repeat
 * moves those values too.
 */
#include <stdarg.h>
#include <stdio.h>

#include "base/json.h"
#include "delta/fill.h"
#include "run/evolve.h"
#include "run/run_impl.h"
#include "schema/columns.h"
#include "schema/promote.h"
#include "types/json_path.h"

#define MARK "promotion" /* in metadata.json */

typedef struct work {
    pli_job *job;
    const pli_promotion *wish;
    pli_run *run;                /* holds lock and checkpoint; NULL in a dry run */
    pli__checkpoint *look;       /* in a dry run */
    pli__checkpoint *cp;         /* the one of the two */
    pli__schema_policy policy;
    int64_t schema_version;
    const pli__type *schema;
    json_t *promoted;
    pli__json_path path;
    const char *column;
    const pli__type *type;
    bool in_table, in_schema;    /* by an earlier call for the same field and column */
    pli__delta *table;
    pli__snapshot *snapshot;
    int64_t held, fits;
    pli__dml_result filled;
    char column_name[300];
} work;

static void work_clear(work *w) {
    if (w->snapshot) pli__snapshot_unref(w->snapshot);
    pli__delta_free(w->table);
    pli__type_unref(w->schema);
    pli__type_unref(w->type);
    json_decref(w->promoted);
    pli__json_path_clear(&w->path);
    pli_run_free(w->run);
    pli__checkpoint_close(w->look);
}

/* ---- may it be done? ---- */

__attribute__((format(printf, 4, 5))) static pli_status refuse(pli_error *err, pli_status code, const char *hint,
                                                               const char *fmt, ...) {
    char message[900];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(message, sizeof message, fmt, ap);
    va_end(ap);
    pli__error_set(err, code, "%s", message);
    pli__error_hint(err, "%s", hint);
    return code;
}

static pli_status check_job(work *w, pli_error *err) {
    const pli_job *job = w->job;
    PLI_TRY(pli__schema_policy_of(job->config, &w->policy, err));
    if (!w->policy.rescue)
        return refuse(err, PLI_E_CONFIG, "`schema: {rescue_mode: column}` keeps what does not fit beside the rows",
                      "job '%s' rescues nothing", job->config->name);
    if (!job->sink || strcmp(job->sink->ops->kind, "delta") != 0)
        return refuse(err, PLI_E_CONFIG, "earlier rows can be filled in a Delta table only",
                      "the sink of job '%s' is no Delta table", job->config->name);
    return PLI_OK;
}

static pli_status read_wish(work *w, pli_error *err) {
    const pli_promotion *wish = w->wish;
    if (!wish->path) return pli__error_set(err, PLI_E_ARGUMENT, "the path of a rescued field is missing");
    PLI_TRY(pli__json_path_parse(pli__str_of(wish->path), !w->policy.case_sensitive, &w->path, err));
    const pli__str last = w->path.names[w->path.n - 1];
    if (wish->column) w->column = wish->column;
    else {
        snprintf(w->column_name, sizeof w->column_name, "%.*s", PLI_STR_ARG(last));
        w->column = w->column_name;
    }
    if (!w->column[0]) return pli__error_set(err, PLI_E_ARGUMENT, "the name of the column is empty");
    if (!wish->type) return PLI_OK;
    PLI_AUTO(pli__type_auto) const pli__type *storable = NULL;
    PLI_TRY(pli__type_from_sql(pli__str_of(wish->type), &w->type, err));
    PLI_TRY(pli__type_to_storable(w->type, &storable, err));
    if (pli__type_is_nested(w->type) || !pli__type_equal(w->type, storable, false) || w->type->id == PLI__TYPE_NULL)
        return refuse(err, PLI_E_ARGUMENT, "VARCHAR takes any value; lists and objects become their JSON text",
                      "a rescued field cannot become a column of type %s", wish->type);
    return PLI_OK;
}

static pli_status open_checkpoint(work *w, pli_error *err) {
    if (w->wish->dry_run) {
        PLI_TRY(pli__job_checkpoint(w->job, false, false, 0, &w->look, err));
        w->cp = w->look;
        return PLI_OK;
    }
    const pli_run_options options = {.size = sizeof options, .lock_timeout_us = w->wish->lock_timeout_us};
    PLI_TRY(pli_run_new(w->job, &options, &w->run, err));
    PLI_TRY(pli__run_recover(w->run, err));
    w->cp = w->run->cp;
    if (w->run->batch.sink_attempt[0])
        return refuse(err, PLI_E_STATE, "`pli run` finishes it",
                      "a batch of job '%s' is in the table, but not recorded yet", w->job->config->name);
    return PLI_OK;
}

static pli_status read_schema(work *w, pli_error *err) {
    PLI_TRY(pli__schema_current(w->cp, &w->schema_version, &w->schema, &w->promoted, err));
    if (w->schema) return PLI_OK;
    return refuse(err, PLI_E_NOT_FOUND, "run the job first", "job '%s' has no schema yet: no batch is committed",
                  w->job->config->name);
}

/* ---- what an earlier call has done ---- */

static const char *mark_of(const work *w, const char *key) {
    const char *text = json_string_value(json_object_get(json_object_get(pli__checkpoint_metadata(w->cp), MARK), key));
    return text ? text : "";
}

static pli_status exists(const work *w, const char *where, pli_error *err) {
    return refuse(err, PLI_E_EXISTS, "choose another name: --as NAME", "%s has a column '%s' already", where,
                  w->column);
}

/* Another promotion that was interrupted behind its commit must be finished first: the mark has room for one. */
static pli_status check_other_mark(const work *w, const pli__type *table, pli_error *err) {
    const char *path = mark_of(w, "path"), *column = mark_of(w, "column");
    if (!*column || (strcmp(path, w->wish->path) == 0 && strcmp(column, w->column) == 0)) return PLI_OK;
    if (pli__type_find(table, pli__str_of(column), false) < 0) return PLI_OK;
    pli__error_set(err, PLI_E_STATE, "the promotion of '%s' to column '%s' was interrupted", path, column);
    pli__error_hint(err, "finish it first: `pli schema promote %s '%s' --as '%s'`", w->job->config->name, path, column);
    return PLI_E_STATE;
}

static pli_status take_type_of_table(work *w, const pli__type *table, pli_error *err) {
    const int at = pli__type_find(table, pli__str_of(w->column), false);
    const pli__type *there = table->fields[at].type;
    if (w->type && !pli__type_equal(w->type, there, false))
        return refuse(err, PLI_E_EXISTS, "leave --type out, or choose another name: --as NAME",
                      "'%s' was promoted to column '%s' with another type than %s", w->wish->path, w->column,
                      w->wish->type);
    pli__type_unref(w->type);
    w->type = pli__type_ref(there);
    return PLI_OK;
}

static pli_status look_at_table(work *w, pli_error *err) {
    PLI_TRY(pli__delta_open(w->job->env, w->job->config->sink.path, &w->table, err));
    PLI_TRY(pli__snapshot_open(w->table, PLI__LATEST, NULL, &w->snapshot, err));
    const pli__type *table = pli__snapshot_schema(w->snapshot);
    const char *rescue = pli__schema_rescue_column(&w->policy);
    const char *done = json_string_value(json_object_get(w->promoted, w->column));
    if (pli__type_find(table, pli__str_of(rescue), false) < 0)
        return refuse(err, PLI_E_NOT_FOUND, "a transform must select it, for example by *",
                      "the table of job '%s' has no column '%s'", w->job->config->name, rescue);
    PLI_TRY(check_other_mark(w, table, err));
    w->in_table = pli__type_find(table, pli__str_of(w->column), false) >= 0;
    w->in_schema = done && strcmp(done, w->wish->path) == 0;
    const bool marked = strcmp(mark_of(w, "path"), w->wish->path) == 0 && strcmp(mark_of(w, "column"), w->column) == 0;
    if (!w->in_schema && pli__type_find(w->schema, pli__str_of(w->column), false) >= 0)
        return exists(w, "the schema of the job", err);
    if (!w->in_table) return PLI_OK;
    return w->in_schema || marked ? take_type_of_table(w, table, err) : exists(w, "the table", err);
}

/* ---- the values ---- */

static pli__promotion promotion_of(const work *w, const pli__type *type) {
    return (pli__promotion){w->wish->path, w->column, type, pli__schema_rescue_column(&w->policy),
                            w->policy.case_sensitive};
}

/* Run "SELECT what FROM rescued data of the table", one row of whole numbers. */
static pli_status ask(work *w, const char *what, int64_t *out, size_t n, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf where = {0}, sql = {0};
    PLI_AUTO(pli__scan_auto) pli__scan *scan = NULL;
    PLI_AUTO(pli__result_auto) pli__result *r = NULL;
    pli__engine *e;
    pli__chunk c;
    const char *column = pli__schema_rescue_column(&w->policy);
    pli__buf_add_sql_name(&where, pli__str_of(column));
    pli__buf_addz(&where, " IS NOT NULL");
    PLI_TRY(pli__buf_status(&where, err));
    const pli__scan_options options = {.where = where.ptr, .n_columns = 1, .columns = &column};
    PLI_TRY(pli__env_engine(w->job->env, &e, err));
    PLI_TRY(pli__scan_new(w->snapshot, &options, &scan, err));
    pli__buf_addf(&sql, "SELECT %s FROM (%s) AS pli_rows", what, pli__scan_sql(scan));
    PLI_TRY(pli__buf_status(&sql, err));
    PLI_TRY(pli__engine_query(e, sql.ptr, &r, err));
    PLI_TRY(pli__result_next(r, &c, err));
    for (size_t i = 0; i < n; i++) out[i] = c.rows ? pli__chunk_i64(&c, i, 0) : 0;
    return PLI_OK;
}

/* The first of these that takes every value there is; text takes all. */
static pli_status choose_type(work *w, pli_error *err) {
    static const pli__type_id ids[] = {PLI__TYPE_BOOLEAN, PLI__TYPE_I64, PLI__TYPE_F64, PLI__TYPE_DATE,
                                       PLI__TYPE_TIMESTAMP};
    enum { N = sizeof ids / sizeof *ids };
    int64_t fits[N + 1];
    PLI_AUTO(pli__buf_clear) pli__buf what = {0};
    pli__promotion p = promotion_of(w, NULL);
    pli__buf_addz(&what, "count(");
    PLI_TRY(pli__promotion_held(&p, &what, err));
    pli__buf_addc(&what, ')');
    for (size_t i = 0; i < N; i++) {
        PLI_AUTO(pli__type_auto) const pli__type *type = pli__type_new(ids[i]);
        if (!type) return pli__error_memory(err);
        p.type = type;
        pli__buf_addz(&what, ", count(");
        PLI_TRY(pli__promotion_value(&p, &what, err));
        pli__buf_addc(&what, ')');
    }
    PLI_TRY(pli__buf_status(&what, err));
    PLI_TRY(ask(w, what.ptr, fits, N + 1, err));
    pli__type_id best = PLI__TYPE_STRING;
    for (size_t i = N; i-- > 0;)
        if (fits[i + 1] == fits[0] && fits[0]) best = ids[i];
    if (best == PLI__TYPE_TIMESTAMP && w->policy.ntz) best = PLI__TYPE_TIMESTAMP_NTZ;
    w->type = pli__type_new(best);
    return w->type ? PLI_OK : pli__error_memory(err);
}

static pli_status count_values(work *w, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf what = {0};
    int64_t counts[2];
    if (!w->type) PLI_TRY(choose_type(w, err));
    const pli__promotion p = promotion_of(w, w->type);
    pli__buf_addz(&what, "count(");
    PLI_TRY(pli__promotion_held(&p, &what, err));
    pli__buf_addz(&what, "), count(");
    PLI_TRY(pli__promotion_value(&p, &what, err));
    pli__buf_addc(&what, ')');
    PLI_TRY(pli__buf_status(&what, err));
    PLI_TRY(ask(w, what.ptr, counts, 2, err));
    w->held = counts[0];
    w->fits = counts[1];
    if (w->held || w->in_table) return PLI_OK;
    return refuse(err, PLI_E_NOT_FOUND, "rescued fields are the keys of the JSON in that column",
                  "field '%s' is nowhere in column '%s' of the table", w->wish->path, p.rescue_column);
}

/* ---- the steps ---- */

static pli_status write_mark(work *w, pli_error *err) {
    PLI_AUTO(pli__json_unref)
    json_t *set = json_pack("{s:{s:s, s:s}}", MARK, "path", w->wish->path, "column", w->column);
    return set ? pli__checkpoint_update_metadata(w->cp, set, err) : pli__error_memory(err);
}

static pli_status parameters_of(const work *w, pli__buf *out, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf type = {0};
    PLI_TRY(pli__type_to_sql(w->type, &type, err));
    PLI_AUTO(pli__json_unref)
    json_t *o = json_pack("{s:s, s:s, s:s, s:s}", "path", w->wish->path, "column", w->column, "type", type.ptr, "job",
                          w->job->config->name);
    return o ? pli__json_write(o, out, err) : pli__error_memory(err);
}

static pli_status fill_table(work *w, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf parameters = {0}, value = {0}, rest = {0}, where = {0};
    const pli__promotion p = promotion_of(w, w->type);
    PLI_TRY(parameters_of(w, &parameters, err));
    PLI_TRY(pli__promotion_value(&p, &value, err));
    PLI_TRY(pli__promotion_rest(&p, &rest, err));
    pli__buf_add_sql_name(&where, pli__str_of(p.rescue_column));
    pli__buf_addf(&where, " IS NOT NULL AND (%s) IS NOT NULL", value.ptr);
    if (w->in_table) {
        pli__buf_addz(&where, " AND ");
        pli__buf_add_sql_name(&where, pli__str_of(w->column));
        pli__buf_addz(&where, " IS NULL");
    }
    PLI_TRY(pli__buf_status(&where, err));
    const pli__assignment set[] = {{w->column, value.ptr}, {p.rescue_column, rest.ptr}};
    const pli__fill_options options = {.operation = "PROMOTE",
                                       .parameters = parameters.ptr,
                                       .add = w->in_table ? NULL : w->column,
                                       .add_type = w->type,
                                       .where = where.ptr,
                                       .n_set = 2,
                                       .set = set,
                                       .relaxed = w->job->config->relaxed,
                                       .dry_run = w->wish->dry_run};
    return pli__dml_fill(w->table, &options, &w->filled, err);
}

static pli_status add_column(const work *w, const pli__type **out, pli_error *err) {
    PLI_AUTO(pli__type_builder_clear) pli__type_builder b = {0};
    for (size_t i = 0; i < w->schema->n_fields; i++) {
        const pli__field *f = &w->schema->fields[i];
        pli__type_builder_add(&b, pli__str_of(f->name), pli__type_ref(f->type), true, NULL);
    }
    pli__type_builder_add(&b, pli__str_of(w->column), pli__type_ref(w->type), true, NULL);
    *out = pli__type_builder_finish(&b);
    return *out ? PLI_OK : pli__error_memory(err);
}

static pli_status write_schema(work *w, const pli__type *schema, int64_t version, pli_error *err) {
    json_t *columns = NULL;
    PLI_TRY(pli__schema_columns(schema, w->promoted, &columns, err));
    PLI_AUTO(pli__json_unref)
    json_t *record = json_pack("{s:I, s:I, s:f, s:o, s:s, s:[{s:s, s:s, s:s}]}", "version", (json_int_t)version,
                               "batch_id", (json_int_t)pli__checkpoint_last_commit(w->cp), "created_at",
                               (double)pli__env_now_us(w->job->env) / 1e6, "columns", columns, "reason", "promoted",
                               "changes", "column", w->column, "decision", "promote", "from", w->wish->path);
    return record ? pli__checkpoint_write_schema(w->cp, version, record, err) : pli__error_memory(err);
}

/* Version and mark change in one replacement of metadata.json. */
static pli_status adopt_schema(work *w, pli_error *err) {
    PLI_AUTO(pli__type_auto) const pli__type *schema = NULL;
    json_t *columns = NULL;
    int64_t version;
    if (json_object_set_new(w->promoted, w->column, json_string(w->wish->path)) < 0) return pli__error_memory(err);
    PLI_TRY(add_column(w, &schema, err));
    PLI_TRY(pli__checkpoint_next_schema_version(w->cp, &version, err));
    PLI_TRY(write_schema(w, schema, version, err));
    PLI_TRY(pli__columns_json(schema, PLI__NAMING_POLARS, &columns, err));
    PLI_AUTO(pli__json_unref)
    json_t *set = json_pack("{s:n, s:o, s:I}", MARK, "schema", columns, "schema_batch_id",
                            (json_int_t)pli__checkpoint_last_commit(w->cp));
    if (!set) return pli__error_memory(err);
    PLI_TRY(pli__checkpoint_adopt_schema(w->cp, version, set, err));
    w->schema_version = version;
    return PLI_OK;
}

static pli_status report(const work *w, pli_row_fn *fn, void *arg, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf type = {0}, text = {0};
    const bool dry = w->wish->dry_run;
    const pli__dml_result *r = &w->filled;
    PLI_TRY(pli__type_to_sql(w->type, &type, err));
    PLI_AUTO(pli__json_unref)
    json_t *row = json_pack(
        "{s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o}", "job", w->job->config->name, "path",
        w->wish->path, "column", w->column, "type", type.ptr, "rowsWithField", (json_int_t)w->held, "rowsFilled",
        (json_int_t)r->rows, "rowsKept", (json_int_t)(w->held - r->rows), "filesRewritten",
        (json_int_t)(r->files_removed + r->vectors_added), "filesAdded", (json_int_t)r->files_added, "bytesAdded",
        (json_int_t)r->bytes_added, "version", dry ? json_null() : json_integer(r->version), "schemaVersion",
        dry ? json_null() : json_integer(w->schema_version));
    if (!row) return pli__error_memory(err);
    PLI_TRY(pli__json_write(row, &text, err));
    if (fn) fn(arg, text.ptr, text.len);
    return PLI_OK;
}

pli_status pli_job_promote(pli_job *job, const pli_promotion *promotion, pli_row_fn *fn, void *arg, pli_error *err) {
    if (promotion->size < sizeof *promotion)
        return pli__error_set(err, PLI_E_ARGUMENT, "pli_promotion.size is not set");
    PLI_AUTO(work_clear) work w = {.job = job, .wish = promotion};
    PLI_TRY(check_job(&w, err));
    PLI_TRY(read_wish(&w, err));
    PLI_TRY(open_checkpoint(&w, err));
    PLI_TRY(read_schema(&w, err));
    PLI_TRY(look_at_table(&w, err));
    PLI_TRY(count_values(&w, err));
    if (!promotion->dry_run && !w.in_schema) PLI_TRY(write_mark(&w, err));
    PLI_TRY(fill_table(&w, err));
    if (!promotion->dry_run && !w.in_schema) PLI_TRY(adopt_schema(&w, err));
    return report(&w, fn, arg, err);
}
