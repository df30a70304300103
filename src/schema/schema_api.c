/* pli/schema.h: the planner with JSON in and out. */
#include "pli/schema.h"

#include <stdlib.h>

#include "base/json.h"
#include "schema/columns.h"
#include "schema/plan_impl.h"

/* ---- the request ---- */

typedef struct {
    const pli__type *stored, *given, *batch;
    pli__schema_policy policy;
} request;

static void request_clear(request *r) {
    pli__type_unref(r->stored);
    pli__type_unref(r->given);
    pli__type_unref(r->batch);
}

static pli_status parse_limited(const char *text, const char *what, json_t **out, pli_error *err) {
    if (!text) return pli__error_set(err, PLI_E_ARGUMENT, "%s is missing", what);
    if (strlen(text) > PLI_SCHEMA_MAX)
        return pli__error_set(err, PLI_E_LIMIT, "%s is longer than %zu bytes", what, PLI_SCHEMA_MAX);
    return pli__json_parse(pli__str_of(text), what, out, err);
}

static pli_status read_schema(const json_t *json, const char *key, const char *what, const pli__type **out,
                              pli_error *err) {
    const json_t *list = json_object_get(json, key);
    if (!list || json_is_null(list)) return PLI_OK;
    return pli__columns_parse(list, PLI__NAMING_POLARS, what, out, err);
}

static pli_status check_members(const json_t *json, pli_error *err) {
    static const char *const names[] = {"stored", "explicit", "batch", "mode", "rescue_mode", "rescue_column"};
    const char *key;
    json_t *value;
    if (!json_is_object(json)) return pli__error_set(err, PLI_E_CORRUPT, "a request is a JSON object");
    json_object_foreach((json_t *)(uintptr_t)json, key, value) {
        bool known = false;
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) known = known || strcmp(names[i], key) == 0;
        if (!known) return pli__error_set(err, PLI_E_ARGUMENT, "unknown member '%s' of a request", key);
    }
    return PLI_OK;
}

static pli_status read_request(const json_t *json, request *r, pli_error *err) {
    static const char what[] = "request";
    const char *mode = "strict", *rescue = "none";
    PLI_TRY(check_members(json, err));
    r->policy.package = true;
    PLI_TRY(pli__json_get_str(json, "mode", what, false, &mode, err));
    PLI_TRY(pli__json_get_str(json, "rescue_mode", what, false, &rescue, err));
    PLI_TRY(pli__json_get_str(json, "rescue_column", what, false, &r->policy.rescue_column, err));
    PLI_TRY(pli__schema_mode_parse(mode, &r->policy.mode, err));
    PLI_TRY(pli__schema_rescue_parse(rescue, &r->policy.rescue, err));
    PLI_TRY(read_schema(json, "stored", "the stored schema", &r->stored, err));
    PLI_TRY(read_schema(json, "explicit", "the explicit schema", &r->given, err));
    PLI_TRY(read_schema(json, "batch", "the batch", &r->batch, err));
    return r->batch ? PLI_OK : pli__error_set(err, PLI_E_ARGUMENT, "a request needs the columns of the batch");
}

/* ---- the answer ---- */

static int gravity(pli__decision d) {
    static const int order[] = {[PLI__DECIDE_KEEP] = 0,  [PLI__DECIDE_NULL] = 1, [PLI__DECIDE_ADD] = 2,
                                [PLI__DECIDE_WIDEN] = 3, [PLI__DECIDE_CAST] = 4, [PLI__DECIDE_RESCUE] = 5,
                                [PLI__DECIDE_FAIL] = 6};
    return order[d];
}

/* The gravest decision at or below a node, and whether anything there is checked. */
typedef struct {
    pli__decision decision;
    pli__reason reason;
    bool checked;
} summary;

static void sum_up(const pli__evolve_node *n, summary *s) {
    if (gravity(n->decision) > gravity(s->decision) || n->reason == PLI__REASON_LOSSY) {
        if (gravity(n->decision) > gravity(s->decision)) s->decision = n->decision;
        s->reason = n->reason;
    }
    s->checked = s->checked || n->checked;
    for (size_t i = 0; i < n->n_children; i++) sum_up(&n->children[i], s);
    for (size_t i = 0; i < n->n_extra; i++) sum_up(&n->extra[i], s);
}

static pli_status add_text(json_t *row, const char *key, const char *text, pli_error *err) {
    return json_object_set_new(row, key, text ? json_string(text) : json_null()) < 0 ? pli__error_memory(err) : PLI_OK;
}

static pli_status add_type(json_t *row, const char *key, const pli__type *t, pli_error *err) {
    json_t *value = NULL;
    PLI_TRY(pli__type_json(t, PLI__NAMING_POLARS, &value, err));
    return json_object_set_new(row, key, value) < 0 ? pli__error_memory(err) : PLI_OK;
}

static pli_status add_row(json_t *rows, const char *path, const pli__evolve_node *n, const summary *s, json_t **out,
                          pli_error *err) {
    json_t *row = json_object();
    if (!row || json_array_append_new(rows, row) < 0) return pli__error_memory(err);
    PLI_TRY(add_text(row, "column", path, err));
    PLI_TRY(add_text(row, "source", n->source_name, err));
    PLI_TRY(add_text(row, "decision", pli__decision_name(s->decision), err));
    PLI_TRY(add_text(row, "reason", pli__reason_name(s->reason), err));
    PLI_TRY(add_text(row, "text", pli__reason_text(s->reason), err));
    PLI_TRY(add_type(row, "from", n->from, err));
    PLI_TRY(add_type(row, "to", n->to, err));
    PLI_TRY(add_type(row, "before", n->before, err));
    if (json_object_set_new(row, "checked", json_boolean(s->checked)) < 0) return pli__error_memory(err);
    *out = row;
    return PLI_OK;
}

static pli_status add_fields(json_t *rows, const pli__evolve_node *n, pli__buf *path, pli_error *err) {
    const size_t mark = path->len;
    for (size_t i = 0; i < n->n_children + n->n_extra; i++) {
        const pli__evolve_node *child = i < n->n_children ? &n->children[i] : &n->extra[i - n->n_children];
        const summary s = {child->decision, child->reason, child->checked};
        json_t *row;
        path->len = mark;
        pli__buf_addf(path, ".%s", child->name);
        PLI_TRY(pli__buf_status(path, err));
        PLI_TRY(add_row(rows, path->ptr, child, &s, &row, err));
        PLI_TRY(add_fields(rows, child, path, err));
    }
    path->len = mark;
    return PLI_OK;
}

static pli_status add_decision(json_t *rows, const pli__evolve_node *n, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf path = {0};
    summary s = {.decision = n->decision, .reason = n->reason};
    json_t *row = NULL, *fields = NULL;
    sum_up(n, &s);
    PLI_TRY(add_row(rows, n->name, n, &s, &row, err));
    fields = json_array();
    if (!fields || json_object_set_new(row, "fields", fields) < 0) return pli__error_memory(err);
    pli__buf_addz(&path, n->name);
    return add_fields(fields, n, &path, err);
}

static pli_status write_plan(const pli__evolve_plan *plan, pli__buf *out, pli_error *err) {
    PLI_AUTO(pli__json_unref) json_t *decisions = json_array(), *answer = NULL;
    json_t *schema = NULL;
    const pli__evolve_node *root = &plan->parts[0];
    if (!decisions) return pli__error_memory(err);
    for (size_t i = 0; i < root->n_children; i++) PLI_TRY(add_decision(decisions, &root->children[i], err));
    for (size_t i = 0; i < root->n_extra; i++) PLI_TRY(add_decision(decisions, &root->extra[i], err));
    PLI_TRY(pli__columns_json(plan->schema, PLI__NAMING_POLARS, &schema, err));
    answer = json_pack("{s:o, s:b, s:b, s:O}", "schema", schema, "changed", plan->changed, "first", plan->first,
                       "decisions", decisions);
    if (!answer) return pli__error_memory(err);
    return pli__json_write(answer, out, err);
}

static pli_status hand_out(pli__buf *b, char **out, pli_error *err) {
    PLI_TRY(pli__buf_status(b, err));
    char *text = pli__buf_take(b);
    if (!text) return pli__error_memory(err);
    *out = text;
    return PLI_OK;
}

pli_status pli_schema_plan(const char *request_json, char **out, pli_error *err) {
    PLI_AUTO(pli__json_unref) json_t *json = NULL;
    PLI_AUTO(request_clear) request r = {0};
    PLI_AUTO(pli__evolve_plan_auto) pli__evolve_plan *plan = NULL;
    PLI_AUTO(pli__buf_clear) pli__buf text = {0};
    *out = NULL;
    pli__error_clear(err);
    PLI_TRY(parse_limited(request_json, "request", &json, err));
    PLI_TRY(read_request(json, &r, err));
    const pli__evolve_part part = {.schema = r.batch, .file = "", .n_files = 1};
    const pli__evolve_input in = {
        .stored = r.stored, .explicit_schema = r.given, .n_parts = 1, .parts = &part, .policy = &r.policy};
    PLI_TRY(pli__evolve_plan_new(&in, &plan, err));
    PLI_TRY(pli__evolve_check(plan, err));
    PLI_TRY(write_plan(plan, &text, err));
    return hand_out(&text, out, err);
}

/* ---- differences ---- */

/* SQL's names if the first column has them. */
static pli__naming naming_of(const json_t *list) {
    return json_object_get(json_array_get(list, 0), "dtype") ? PLI__NAMING_POLARS : PLI__NAMING_SQL;
}

pli_status pli_schema_diff(const char *before, const char *after, char **out, pli_error *err) {
    PLI_AUTO(pli__json_unref) json_t *old_list = NULL, *new_list = NULL, *rows = NULL;
    PLI_AUTO(pli__type_auto) const pli__type *old_schema = NULL, *new_schema = NULL;
    PLI_AUTO(pli__buf_clear) pli__buf text = {0};
    *out = NULL;
    pli__error_clear(err);
    PLI_TRY(parse_limited(after, "the new schema", &new_list, err));
    PLI_TRY(pli__columns_parse(new_list, naming_of(new_list), "the new schema", &new_schema, err));
    if (before) {
        PLI_TRY(parse_limited(before, "the old schema", &old_list, err));
        PLI_TRY(pli__columns_parse(old_list, naming_of(old_list), "the old schema", &old_schema, err));
    }
    PLI_TRY(pli__columns_diff(old_schema, new_schema, naming_of(new_list), &rows, err));
    PLI_TRY(pli__json_write(rows, &text, err));
    return hand_out(&text, out, err);
}
