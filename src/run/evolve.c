/* Schema evolution of a batch: effective schema in, planner, SQL and schema log out. */
#include "run/evolve.h"

#include <stdlib.h>

#include "base/json.h"
#include "schema/render.h"

/* ---- the schema log ---- */

pli_status pli__schema_from_record(const json_t *record, const pli__type **out, pli_error *err) {
    pli__type_builder b = {0};
    size_t i;
    json_t *column;
    json_array_foreach(json_object_get(record, "columns"), i, column) {
        const char *name = json_string_value(json_object_get(column, "name")), *type = json_string_value(json_object_get(column, "type"));
        const pli__type *t = NULL;
        pli_status status = !name || !type ? pli__error_set(err, PLI_E_CORRUPT, "a schema record lacks the name or type of column %zu", i + 1)
                                           : pli__type_from_sql(pli__str_of(type), &t, err);
        if (status != PLI_OK) {
            pli__type_builder_clear(&b);
            return status;
        }
        pli__type_builder_add(&b, pli__str_of(name), t, true, NULL);
    }
    *out = pli__type_builder_finish(&b);
    return *out ? PLI_OK : pli__error_memory(err);
}

pli_status pli__schema_current(pli__checkpoint *cp, int64_t *version, const pli__type **out, pli_error *err) {
    *out = NULL;
    PLI_TRY(pli__checkpoint_schema_version(cp, version, err));
    if (*version < 0) return PLI_OK;
    PLI_AUTO(pli__json_unref) json_t *record = NULL;
    PLI_TRY(pli__checkpoint_read_schema(cp, *version, &record, err));
    return pli__schema_from_record(record, out, err);
}

/* {"name", "type"} (SQL) for the log, {"name", "dtype"} (Polars) for metadata.json. */
static pli_status columns_json(const pli__type *schema, bool polars, json_t **out, pli_error *err) {
    PLI_AUTO(pli__json_unref) json_t *list = json_array();
    for (size_t i = 0; i < schema->n_fields; i++) {
        PLI_AUTO(pli__buf_clear) pli__buf text = {0};
        PLI_TRY((polars ? pli__type_to_polars : pli__type_to_sql)(schema->fields[i].type, &text, err));
        json_t *column = json_pack("{s:s, s:s}", "name", schema->fields[i].name, polars ? "dtype" : "type", text.ptr);
        if (!list || !column || json_array_append_new(list, column) < 0) return pli__error_memory(err);
    }
    if (!list) return pli__error_memory(err);
    *out = PLI_TAKE(list);
    return PLI_OK;
}

/* ---- the policy ---- */

/* A map "column: SQL type" of the job's options as a schema; *out NULL if it is not given. */
static pli_status schema_of_map(const json_t *map, const char *option, const pli__type **out, pli_error *err) {
    *out = NULL;
    if (json_object_size(map) == 0) return PLI_OK;
    pli__type_builder b = {0};
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)map, name, value) {
        const pli__type *t = NULL;
        const char *text = json_string_value(value);
        pli_status status = text ? pli__type_from_sql(pli__str_of(text), &t, err) : pli__error_set(err, PLI_E_CONFIG, "a type is a text");
        if (status != PLI_OK) {
            pli__type_builder_clear(&b);
            return pli__error_prefix(err, status, "%s.%s", option, name);
        }
        pli__type_builder_add(&b, pli__str_of(name), t, true, NULL);
    }
    *out = pli__type_builder_finish(&b);
    return *out ? PLI_OK : pli__error_memory(err);
}

static pli_status policy_of(const pli__job_config *c, pli__schema_policy *out, pli_error *err) {
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
    free(*e);
}

static pli_status make_plan(const pli__job_config *c, const pli__type *stored, pli__evolution *e, pli_error *err) {
    pli__schema_policy policy;
    PLI_AUTO(pli__type_auto) const pli__type *explicit_schema = NULL, *hints = NULL;
    PLI_AUTO(pli__free_ptr) pli__evolve_part *parts = NULL;
    PLI_TRY(policy_of(c, &policy, err));
    PLI_TRY(schema_of_map(c->schema.columns, "schema.columns", &explicit_schema, err));
    PLI_TRY(schema_of_map(c->schema.hints, "schema.schema_hints", &hints, err));
    PLI_TRY(pli__evolve_parts(e->relation, &parts, err));
    pli__evolve_input in = {.stored = stored, .explicit_schema = explicit_schema, .hints = hints, .n_parts = e->relation->n_parts, .parts = parts, .policy = &policy};
    PLI_TRY(pli__evolve_plan_new(&in, &e->plan, err));
    return pli__evolve_check(e->plan, err);
}

pli_status pli__evolution_new(const pli__work *work, const json_t *offset, pli__evolution **out, pli_error *err) {
    PLI_AUTO(pli__evolution_auto) pli__evolution *e = calloc(1, sizeof *e);
    PLI_AUTO(pli__type_auto) const pli__type *stored = NULL;
    if (!e) return pli__error_memory(err);
    PLI_TRY(pli__schema_current(work->cp, &e->version, &stored, err));
    pli__source_set_known(work->job->source, stored);
    PLI_TRY_IN(pli__source_relation(work->job->source, offset, &e->relation, err), err, "while reading");
    PLI_TRY(make_plan(work->job->config, stored, e, err));
    *out = PLI_TAKE(e);
    return PLI_OK;
}

pli_status pli__evolution_render(const pli__evolution *e, pli__buf *sql, pli_error *err) {
    PLI_TRY(pli__evolve_render(e->plan, e->relation, sql, err));
    return pli__buf_status(sql, err);
}

static pli_status write_version(const pli__evolution *e, const pli__work *work, const json_t *changes, json_t *result, pli_error *err) {
    json_t *columns = NULL;
    PLI_TRY(columns_json(e->plan->schema, false, &columns, err));
    int64_t next = 0;
    PLI_TRY(pli__checkpoint_next_schema_version(work->cp, &next, err));
    double now = (double)pli__env_now_us(work->job->env) / 1e6;
    PLI_AUTO(pli__json_unref) json_t *record =
        json_pack("{s:I, s:I, s:f, s:o, s:s, s:O?}", "version", (json_int_t)next, "batch_id", (json_int_t)work->batch.batch_id, "created_at",
                  now, "columns", columns, "reason", e->plan->first ? "first batch" : "schema evolution", "changes", changes);
    if (!record) return pli__error_memory(err);
    PLI_TRY(pli__checkpoint_write_schema(work->cp, next, record, err));
    return json_object_set_new(result, "schema_version", json_integer(next)) == 0 ? PLI_OK : pli__error_memory(err);
}

pli_status pli__evolution_record(const pli__evolution *e, const pli__work *work, json_t *result, pli_error *err) {
    if (e->version >= 0 && json_object_set_new(result, "schema_version", json_integer(e->version)) < 0) return pli__error_memory(err);
    if (!e->plan->changed) return PLI_OK;
    PLI_AUTO(pli__json_unref) json_t *changes = NULL, *schema = NULL;
    PLI_TRY(pli__evolve_to_json(e->plan, false, &changes, err));
    PLI_TRY(columns_json(e->plan->schema, true, &schema, err));
    if (!pli__checkpoint_read_only(work->cp)) PLI_TRY(write_version(e, work, e->plan->first ? NULL : changes, result, err));
    if (json_object_set(result, "schema", schema) < 0) return pli__error_memory(err);
    if (!e->plan->first && json_object_set(result, "schema_changes", changes) < 0) return pli__error_memory(err);
    return PLI_OK;
}

pli_status pli__evolution_explain(const pli__evolution *e, pli_status status, pli_error *err) {
    pli__misfit misfit;
    if (status == PLI_OK || !err || !pli__misfit_find(e->plan, err, &misfit)) return status;
    return pli__misfit_error(e->plan, &misfit, err);
}
