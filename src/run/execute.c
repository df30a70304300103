/*
 * A batch as one query of the engine: read, evolve, transform, write. Rows never leave the engine. When an input cannot be
 * read and the job allows it, every file is looked at once for itself, and the batch goes on without the bad ones.
 */
#include "base/json.h"
#include "run/bad_files.h"
#include "run/evolve.h"
#include "run/job.h"
#include "run/transform.h"

typedef struct execution {
    const pli__work *work;
    pli__engine *engine;
    pli__prepared **out;
} execution;

/* The query of a planned batch, transformed. */
static pli_status build_query(const execution *x, const pli__evolution *e, pli__buf *sql, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf input = {0};
    PLI_TRY(pli__evolution_render(e, &input, err));
    pli__transform_input in = {input.ptr, e->relation, x->work->batch.batch_id};
    return pli__transform_render(x->engine, x->work->job->config->sql, &in, sql, err);
}

static pli_status describe_query(const execution *x, const char *sql, const pli__type **schema, pli_error *err) {
    pli_error why = {0};
    pli_status status = pli__engine_describe(x->engine, sql, schema, &why);
    if (status == PLI_OK) return PLI_OK;
    pli__transform_locate(x->work->job->config->sql, sql, &why);
    if (err) *err = why;
    return pli__error_prefix(err, status, "in the transform");
}

/* Columns that hold nothing but nulls so far have no type and no place in a table. Where there is no other column there is
 * nothing to write, as long as there are no rows (a file with a header only). */
static pli_status check_untyped(const execution *x, const pli__evolution *e, bool *nothing, bool *learn,
                                pli_error *err) {
    const pli__type *schema = e->plan->schema;
    *nothing = true;
    for (size_t i = 0; i < schema->n_fields; i++) *nothing = *nothing && schema->fields[i].type->id == PLI__TYPE_NULL;
    if (!*nothing || e->plan->policy.rescue || e->plan->policy.corrupt_column) {
        *nothing = false;
        return PLI_OK;
    }
    PLI_AUTO(pli__buf_clear) pli__buf input = {0}, query = {0};
    int64_t rows = 0;
    PLI_TRY(pli__evolution_render(e, &input, err));
    pli__buf_addf(&query, "SELECT count(*) FROM (%s)", input.ptr);
    PLI_TRY(pli__buf_status(&query, err));
    pli_error why = {0};
    pli_status status = pli__evolution_explain(e, pli__engine_query_i64(x->engine, query.ptr, &rows, &why), learn,
                                               &why);
    if (status != PLI_OK && err) *err = why;
    PLI_TRY(status);
    if (rows == 0) return PLI_OK;
    pli__error_set(err, PLI_E_SCHEMA, "no column of the first %lld rows holds a value, so none has a type",
                   (long long)rows);
    pli__error_hint(err, "give types: schema.columns or schema.schema_hints");
    return PLI_E_SCHEMA;
}

/* Rows with something rescued, and records that could not be parsed; what the transform left out counts as none. */
static pli_status count_kept(const execution *x, const pli__schema_policy *policy, json_t *result, pli_error *err) {
    const struct {
        bool on;
        const char *key, *column;
    } kept[] = {{policy->rescue, "rescued_rows", pli__schema_rescue_column(policy)},
                {policy->corrupt_column, "corrupt_rows", PLI__CORRUPT_RECORD}};
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        const int64_t n = kept[i].on ? pli__sink_count_values(x->work->job->sink, *x->out, kept[i].column) : 0;
        if (n >= 0 && json_object_set_new(result, kept[i].key, json_integer(n)) < 0) return pli__error_memory(err);
    }
    return PLI_OK;
}

/* @param all the columns are typed by every row @param learn set when that may help */
static pli_status try_to_write(const execution *x, const json_t *offset, bool all, json_t *result, bool *learn,
                               pli_error *err) {
    PLI_AUTO(pli__evolution_auto) pli__evolution *e = NULL;
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
    PLI_AUTO(pli__type_auto) const pli__type *schema = NULL;
    bool nothing = false;
    PLI_TRY(pli__evolution_new(x->work, offset, all, &e, err));
    PLI_TRY(check_untyped(x, e, &nothing, learn, err));
    if (nothing)
        return json_object_set_new(result, "rows", json_integer(0)) == 0
                   ? pli__evolution_record(e, x->work, result, err)
                   : pli__error_memory(err);
    PLI_TRY(build_query(x, e, &sql, err));
    PLI_TRY(describe_query(x, sql.ptr, &schema, err));
    pli_error why = {0};
    pli_status status = pli__sink_prepare(x->work->job->sink, &x->work->batch, sql.ptr, schema, x->out, &why);
    status = pli__evolution_explain(e, status, learn, &why);
    if (status != PLI_OK && err) *err = why;
    PLI_TRY(status);
    PLI_TRY(count_kept(x, &e->plan->policy, result, err));
    return pli__evolution_record(e, x->work, result, err);
}

/* A value that the sample had missed does not fit: what was prepared is gone, and the batch is planned once more, by every
 * row. */
static pli_status write_rows(const execution *x, const json_t *offset, json_t *result, pli_error *err) {
    bool learn = false, unused = false;
    pli_status status = try_to_write(x, offset, false, result, &learn, err);
    if (status != PLI_E_SCHEMA || !learn) return status;
    pli__error_clear(err);
    return try_to_write(x, offset, true, result, &unused, err);
}

/* Read one file to its end, every column, and throw the rows away. */
static pli_status probe_rows(void *arg, const json_t *offset, pli_error *err) {
    const execution *x = arg;
    PLI_AUTO(pli__evolution_auto) pli__evolution *e = NULL;
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0}, query = {0};
    PLI_TRY(pli__evolution_new(x->work, offset, false, &e, err));
    PLI_TRY(build_query(x, e, &sql, err));
    pli__buf_addf(&query, "SELECT coalesce(bit_xor(hash(pli_t)) & 1, 0)::BIGINT FROM (%s) AS pli_t", sql.ptr);
    PLI_TRY(pli__buf_status(&query, err));
    int64_t unused = 0;
    pli_error why = {0};
    pli_status status = pli__evolution_explain(e, pli__engine_query_i64(x->engine, query.ptr, &unused, &why), NULL,
                                               &why);
    if (status != PLI_OK && err) *err = why;
    return status;
}

static pli_status without_bad_files(const execution *x, const json_t *offset, json_t *result, pli_error *err) {
    PLI_AUTO(pli__json_unref) json_t *rest = NULL;
    PLI_TRY(pli__bad_files_probe(x->work->job, offset, probe_rows, (void *)(uintptr_t)x, result, &rest, err));
    if (json_array_size(json_object_get(rest, "files")) > 0) PLI_TRY(write_rows(x, rest, result, err));
    else if (json_object_set_new(result, "rows", json_integer(0)) < 0) return pli__error_memory(err);
    *x->work->read_offset = PLI_TAKE(rest);
    return PLI_OK;
}

pli_status pli__execute_sql(void *self, const pli__work *work, pli__prepared **out, json_t *result, pli_error *err) {
    (void)self;
    execution x = {.work = work, .out = out};
    PLI_TRY(pli__env_engine(work->job->env, &x.engine, err));
    PLI_AUTO(pli__json_unref) json_t *present = NULL;
    PLI_TRY(pli__bad_files_present(work->job, work->offset, result, &present, err));
    pli_error why = {0};
    pli_status status = write_rows(&x, present, result, &why);
    if (status == PLI_OK) *work->read_offset = PLI_TAKE(present);
    else if (pli__bad_files_may_skip(work->job, status)) return without_bad_files(&x, present, result, err);
    if (status != PLI_OK) pli__bad_files_name(work->job, present, probe_rows, &x, &why);
    if (status != PLI_OK && err) *err = why;
    return status;
}
