/*
 * What can be said about a job before it runs: paths, formats, the schema of what waits, the SQL. Every problem is a row;
 * one problem does not hide the others where they are independent.
 */
#include "base/json.h"
#include "run/evolve.h"
#include "run/job.h"
#include "run/transform.h"

typedef struct problems {
    pli_job *job;
    pli_row_fn *fn;
    void *arg;
    bool stop;
} problems;

static pli_status report(problems *p, const pli_error *e, pli_error *err) {
    PLI_AUTO(pli__json_unref)
    json_t *row = json_pack("{s:s, s:s, s:s, s:s, s:I}", "job", p->job->config->name, "code", pli_status_name(e->code),
                            "message", e->message, "hint", *e->hint ? e->hint : pli_status_hint(e->code), "position",
                            (json_int_t)e->position);
    PLI_AUTO(pli__buf_clear) pli__buf text = {0};
    if (!row) return pli__error_memory(err);
    PLI_TRY(pli__json_write(row, &text, err));
    p->stop = p->fn(p->arg, text.ptr, text.len) != 0;
    return PLI_OK;
}

static pli_status check_keys(const pli__job_config *c, const pli__type *schema, pli_error *err) {
    for (size_t i = 0; i < c->sink.keys.n; i++) {
        const char *key = c->sink.keys.items[i];
        if (pli__type_find(schema, pli__str_of(key), false) < 0)
            return pli__error_set(err, PLI_E_SCHEMA, "the key '%s' of the merge is no column of the batch", key);
    }
    return PLI_OK;
}

/* The transform against what waits: a parse even when nothing waits, all of it when there is an input to type it with. */
static pli_status check_sql(pli_job *job, pli__checkpoint *cp, const json_t *offset, pli_error *err) {
    pli__engine *engine = NULL;
    const char *sql = job->config->sql;
    PLI_AUTO(pli__evolution_auto) pli__evolution *e = NULL;
    PLI_AUTO(pli__buf_clear) pli__buf input = {0}, query = {0};
    PLI_AUTO(pli__type_auto) const pli__type *schema = NULL;
    PLI_TRY(pli__env_engine(job->env, &engine, err));
    if (sql && *sql) PLI_TRY(pli__transform_hide_metadata(engine, sql, &query, err));
    int64_t files = 0, bytes = 0;
    pli__offset_size(offset, &files, &bytes);
    if (files == 0) return PLI_OK;
    pli__work work = {.job = job, .cp = cp, .offset = offset};
    PLI_TRY(pli__evolution_new(&work, offset, false, &e, err));
    PLI_TRY(pli__evolution_render(e, &input, err));
    pli__transform_input in = {input.ptr, e->relation, 0};
    pli__buf_reset(&query);
    PLI_TRY(pli__transform_render(engine, sql, &in, &query, err));
    pli_status status = pli__engine_describe(engine, query.ptr, &schema, err);
    pli__transform_locate(sql, query.ptr, err);
    return status == PLI_OK ? check_keys(job->config, schema, err) : status;
}

static pli_status check_sink(pli_job *job, pli_error *err) {
    pli__sink_state state = {.commit_version = -1};
    return job->sink ? pli__sink_state_of(job->sink, "", -1, &state, err) : PLI_OK;
}

pli_status pli_job_validate(pli_job *job, pli_row_fn *fn, void *arg, pli_error *err) {
    problems p = {job, fn, arg, false};
    PLI_AUTO(pli__checkpoint_auto) pli__checkpoint *cp = NULL;
    PLI_AUTO(pli__json_unref) json_t *offset = NULL;
    pli_error why = {0};
    if (check_sink(job, &why) != PLI_OK) PLI_TRY(report(&p, &why, err));
    if (p.stop) return PLI_OK;
    if (pli__job_checkpoint(job, false, false, 0, &cp, &why) != PLI_OK) return report(&p, &why, err);
    if (pli__source_preview(job->source, cp, &offset, &why) != PLI_OK) PLI_TRY(report(&p, &why, err));
    if (p.stop) return PLI_OK;
    if (check_sql(job, cp, offset, &why) != PLI_OK) PLI_TRY(report(&p, &why, err));
    return PLI_OK;
}
