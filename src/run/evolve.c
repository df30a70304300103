/* Schema evolution of a batch: effective schema in, planner, SQL and schema log out. */
#include "run/evolve.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "schema/columns.h"
#include "schema/promote.h"
#include "schema/render.h"

/* ---- the schema log ---- */

static pli_status read_promoted(const json_t *columns, json_t **out, pli_error *err) {
    PLI_AUTO(pli__json_unref) json_t *promoted = json_object();
    if (!promoted) return pli__error_memory(err);
    for (size_t i = 0; i < json_array_size(columns); i++) {
        const json_t *column = json_array_get(columns, i);
        const char *name = json_string_value(json_object_get(column, "name"));
        json_t *from = json_object_get(column, "from");
        if (name && json_is_string(from) && json_object_set(promoted, name, from) < 0) return pli__error_memory(err);
    }
    *out = PLI_TAKE(promoted);
    return PLI_OK;
}

pli_status pli__schema_current(pli__checkpoint *cp, int64_t *version, const pli__type **schema, json_t **promoted,
                               pli_error *err) {
    PLI_AUTO(pli__json_unref) json_t *record = NULL;
    *schema = NULL;
    *promoted = NULL;
    PLI_TRY(pli__checkpoint_schema_version(cp, version, err));
    if (*version >= 0) PLI_TRY(pli__checkpoint_read_schema(cp, *version, &record, err));
    const json_t *columns = json_object_get(record, "columns");
    PLI_TRY(read_promoted(columns, promoted, err));
    if (!record) return PLI_OK;
    char what[64];
    snprintf(what, sizeof what, "schemas/%lld.json", (long long)*version);
    return pli__columns_parse(columns, PLI__NAMING_SQL, what, schema, err);
}

pli_status pli__schema_columns(const pli__type *schema, const json_t *promoted, json_t **out, pli_error *err) {
    PLI_AUTO(pli__json_unref) json_t *columns = NULL;
    PLI_TRY(pli__columns_json(schema, PLI__NAMING_SQL, &columns, err));
    for (size_t i = 0; i < schema->n_fields; i++) {
        json_t *from = json_object_get(promoted, schema->fields[i].name);
        if (from && json_object_set(json_array_get(columns, i), "from", from) < 0) return pli__error_memory(err);
    }
    *out = PLI_TAKE(columns);
    return PLI_OK;
}

/* ---- the policy ---- */

/* A map "column: SQL type" of the job's options as a schema; *out NULL if it is not given. */
static pli_status schema_of_map(const json_t *map, const char *option, const pli__type **out, pli_error *err) {
    *out = NULL;
    return json_object_size(map) ? pli__columns_parse(map, PLI__NAMING_SQL, option, out, err) : PLI_OK;
}

pli_status pli__schema_policy_of(const pli__job_config *c, pli__schema_policy *out, pli_error *err) {
    *out = (pli__schema_policy){.rescue_column = c->schema.rescue_column,
                                .case_sensitive = c->schema.case_sensitive,
                                .allow_lossy_widening = c->schema.allow_lossy_widening,
                                .ntz = c->source.timestamp_type && strcmp(c->source.timestamp_type, "ntz") == 0};
    PLI_TRY(pli__schema_mode_parse(c->schema.mode, &out->mode, err));
    PLI_TRY(pli__schema_rescue_parse(c->schema.rescue_mode, &out->rescue, err));
    out->corrupt_column = c->schema.corrupt_records && strcmp(c->schema.corrupt_records, "column") == 0;
    return PLI_OK;
}

/* ---- a batch ---- */

void pli__evolution_auto(pli__evolution **e) {
    if (!*e) return;
    pli__relation_free((*e)->relation);
    pli__evolve_plan_free((*e)->plan);
    json_decref((*e)->promoted);
    free(*e);
}

/* What is said about columns beforehand; each may be NULL. */
typedef struct given {
    const pli__type *explicit_schema, *stored, *hints;
} given;

static void given_clear(given *g) {
    pli__type_unref(g->explicit_schema);
    pli__type_unref(g->stored);
    pli__type_unref(g->hints);
}

/* Columns whose type is known, so that the source reads them with it: in the order of authority. */
static pli_status known_columns(const given *g, bool case_sensitive, const pli__type **out, pli_error *err) {
    const pli__type *const sources[] = {g->explicit_schema, g->stored, g->hints};
    pli__type_builder b = {0};
    for (size_t k = 0; k < sizeof sources / sizeof *sources; k++) {
        for (size_t i = 0; sources[k] && i < sources[k]->n_fields; i++) {
            const pli__field *f = &sources[k]->fields[i];
            bool there = false;
            for (size_t j = 0; j < k; j++) {
                int at = sources[j] ? pli__type_find(sources[j], pli__str_of(f->name), case_sensitive) : -1;
                there = there || (at >= 0 && sources[j]->fields[at].type->id != PLI__TYPE_NULL);
            }
            if (!there && f->type->id != PLI__TYPE_NULL)
                pli__type_builder_add(&b, pli__str_of(f->name), pli__type_ref(f->type), true, NULL);
        }
    }
    *out = pli__type_builder_finish(&b);
    return *out ? PLI_OK : pli__error_memory(err);
}

static pli_status read_given(const pli__work *work, pli__evolution *e, given *g, pli_error *err) {
    const pli__job_config *c = work->job->config;
    PLI_TRY(pli__schema_current(work->cp, &e->version, &g->stored, &e->promoted, err));
    PLI_TRY(schema_of_map(c->schema.columns, "schema.columns", &g->explicit_schema, err));
    PLI_TRY(schema_of_map(c->schema.hints, "schema.schema_hints", &g->hints, err));
    PLI_AUTO(pli__type_auto) const pli__type *known = NULL;
    PLI_TRY(known_columns(g, c->schema.case_sensitive, &known, err));
    pli__source_set_known(work->job->source, known);
    return PLI_OK;
}

static pli_status make_plan(const pli__job_config *c, const given *g, pli__evolution *e, pli_error *err) {
    pli__schema_policy policy;
    PLI_AUTO(pli__free_ptr) pli__evolve_part *parts = NULL;
    PLI_TRY(pli__schema_policy_of(c, &policy, err));
    PLI_TRY(pli__evolve_parts(e->relation, &parts, err));
    pli__evolve_input in = {.stored = g->stored,
                            .explicit_schema = g->explicit_schema,
                            .hints = g->hints,
                            .promoted = e->promoted,
                            .n_parts = e->relation->n_parts,
                            .parts = parts,
                            .policy = &policy};
    PLI_TRY(pli__evolve_plan_new(&in, &e->plan, err));
    return pli__evolve_check(e->plan, err);
}

pli_status pli__evolution_new(const pli__work *work, const json_t *offset, bool all, pli__evolution **out,
                              pli_error *err) {
    PLI_AUTO(pli__evolution_auto) pli__evolution *e = calloc(1, sizeof *e);
    PLI_AUTO(given_clear) given g = {0};
    if (!e) return pli__error_memory(err);
    PLI_TRY(read_given(work, e, &g, err));
    if (all) (void)pli__source_sample_all(work->job->source, true);
    pli_status status = pli__source_relation(work->job->source, offset, &e->relation, err);
    if (all) (void)pli__source_sample_all(work->job->source, false);
    PLI_TRY_IN(status, err, "while reading");
    PLI_TRY(make_plan(work->job->config, &g, e, err));
    *out = PLI_TAKE(e);
    return PLI_OK;
}

/* What the planner has rescued at the path of a column goes into the column. */
static pli_status fill_promoted(const pli__evolve_plan *plan, const pli__field *column, const json_t *promoted,
                                pli__buf *sql, pli_error *err) {
    const char *path = json_string_value(json_object_get(promoted, column->name));
    if (!path || strcmp(path, column->name) == 0 || pli__type_is_nested(column->type) ||
        column->type->id == PLI__TYPE_NULL)
        return PLI_OK;
    const pli__promotion p = {path, column->name, column->type, pli__schema_rescue_column(&plan->policy),
                              plan->policy.case_sensitive};
    return pli__promotion_wrap(&p, sql, err);
}

pli_status pli__evolution_render(const pli__evolution *e, pli__buf *sql, pli_error *err) {
    PLI_TRY(pli__evolve_render(e->plan, e->relation, sql, err));
    for (size_t i = 0; e->plan->policy.rescue && i < e->plan->schema->n_fields; i++)
        PLI_TRY(fill_promoted(e->plan, &e->plan->schema->fields[i], e->promoted, sql, err));
    return pli__buf_status(sql, err);
}

static pli_status write_version(const pli__evolution *e, const pli__work *work, const json_t *changes, json_t *result,
                                pli_error *err) {
    json_t *columns = NULL;
    PLI_TRY(pli__schema_columns(e->plan->schema, e->promoted, &columns, err));
    int64_t next = 0;
    PLI_TRY(pli__checkpoint_next_schema_version(work->cp, &next, err));
    double now = (double)pli__env_now_us(work->job->env) / 1e6;
    PLI_AUTO(pli__json_unref)
    json_t *record = json_pack("{s:I, s:I, s:f, s:o, s:s, s:O?}", "version", (json_int_t)next, "batch_id",
                               (json_int_t)work->batch.batch_id, "created_at", now, "columns", columns, "reason",
                               e->plan->first ? "first batch" : "schema evolution", "changes", changes);
    if (!record) return pli__error_memory(err);
    PLI_TRY(pli__checkpoint_write_schema(work->cp, next, record, err));
    return json_object_set_new(result, "schema_version", json_integer(next)) == 0 ? PLI_OK : pli__error_memory(err);
}

pli_status pli__evolution_record(const pli__evolution *e, const pli__work *work, json_t *result, pli_error *err) {
    if (e->version >= 0 && json_object_set_new(result, "schema_version", json_integer(e->version)) < 0)
        return pli__error_memory(err);
    if (e->relation->gaps && json_object_set(result, "gaps", e->relation->gaps) < 0) return pli__error_memory(err);
    if (!e->plan->changed) return PLI_OK;
    PLI_AUTO(pli__json_unref) json_t *changes = NULL, *schema = NULL;
    PLI_TRY(pli__evolve_to_json(e->plan, false, &changes, err));
    PLI_TRY(pli__columns_json(e->plan->schema, PLI__NAMING_POLARS, &schema, err));
    if (!pli__checkpoint_read_only(work->cp))
        PLI_TRY(write_version(e, work, e->plan->first ? NULL : changes, result, err));
    if (json_object_set(result, "schema", schema) < 0) return pli__error_memory(err);
    if (!e->plan->first && json_object_set(result, "schema_changes", changes) < 0) return pli__error_memory(err);
    return PLI_OK;
}

pli_status pli__evolution_explain(const pli__evolution *e, pli_status status, bool *may_learn, pli_error *err) {
    pli__misfit misfit;
    if (status == PLI_OK || !err || !pli__misfit_find(e->plan, err, &misfit)) return status;
    if (may_learn) *may_learn = pli__misfit_may_learn(e->plan, &misfit);
    return pli__misfit_error(e->plan, &misfit, err);
}
