/* The planner's entry: order of the parts, columns known before, new schema, decisions. */
#include "schema/plan.h"

#include <stdlib.h>

#include "schema/plan_impl.h"

#define PLAN_MAX_BYTES ((size_t)1 << 30)

/* ---- inputs ---- */

static pli_status made(const pli__type *t, const pli__type **out, pli_error *err) {
    if (!t) return pli__error_memory(err);
    *out = t;
    return PLI_OK;
}

static pli_status normal_nested(const pli__planner *p, const pli__type *t, const pli__type **out, pli_error *err) {
    PLI_AUTO(pli__type_builder_clear) pli__type_builder b = {0};
    for (size_t i = 0; i < t->n_fields; i++) {
        const pli__type *inner = NULL;
        PLI_TRY(pli__plan_normal(p, t->fields[i].type, &inner, err));
        pli__type_builder_add(&b, pli__str_of(t->fields[i].name), inner, true, NULL);
    }
    if (b.failed) return pli__error_memory(err);
    if (t->id == PLI__TYPE_STRUCT) return made(pli__type_builder_finish(&b), out, err);
    if (t->id == PLI__TYPE_LIST) return made(pli__type_new_list(pli__type_ref(b.fields[0].type), true), out, err);
    return made(pli__type_new_map(pli__type_ref(b.fields[0].type), pli__type_ref(b.fields[1].type), true), out, err);
}

pli_status pli__plan_normal(const pli__planner *p, const pli__type *t, const pli__type **out, pli_error *err) {
    if (p->policy->package) return made(pli__type_ref(t), out, err);
    switch (t->id) {
        case PLI__TYPE_STRUCT:
        case PLI__TYPE_LIST:
        case PLI__TYPE_MAP: return normal_nested(p, t, out, err);
        case PLI__TYPE_TIMESTAMP:
        case PLI__TYPE_TIMESTAMP_NTZ:
        case PLI__TYPE_TIME:
        case PLI__TYPE_DURATION: return made(pli__type_new(t->id), out, err);
        case PLI__TYPE_ENUM: return made(pli__type_new(PLI__TYPE_STRING), out, err);
        default: return made(pli__type_ref(t), out, err);
    }
}

static pli_status normalize_parts(pli__planner *p, pli_error *err) {
    for (size_t i = 0; i < p->in->n_parts; i++)
        PLI_TRY(pli__plan_normal(p, p->in->parts[i].schema, &p->normal[i], err));
    return PLI_OK;
}

/* Insertion sort: parts are few, and mostly in order already. */
static void order_parts(pli__planner *p) {
    const pli__evolve_part *parts = p->in->parts;
    for (size_t i = 0; i < p->in->n_parts; i++) {
        size_t at = i;
        const char *file = parts[i].file ? parts[i].file : "";
        for (; at > 0 && strcmp(parts[p->order[at - 1]].file ? parts[p->order[at - 1]].file : "", file) > 0; at--)
            p->order[at] = p->order[at - 1];
        p->order[at] = i;
    }
}

const pli__type *pli__plan_hint(const pli__planner *p, const char *name) {
    if (!p->in->hints) return NULL;
    const int at = pli__type_find(p->in->hints, pli__str_of(name), p->policy->case_sensitive || p->policy->package);
    return at < 0 ? NULL : p->in->hints->fields[at].type;
}

/* ---- what is known ---- */

/* In jobs an explicit type that type_widen has widened stays wide. */
static pli_status explicit_type(const pli__planner *p, const pli__field *f, const pli__type **out, pli_error *err) {
    const pli__type *stored = p->in->stored;
    const int at = stored ? pli__type_find(stored, pli__str_of(f->name), true) : -1;
    bool holds = false, lossy;
    if (at >= 0 && !p->policy->package && p->policy->mode == PLI__SCHEMA_WIDEN && !pli__type_is_nested(f->type) &&
        !pli__type_is_nested(stored->fields[at].type))
        PLI_TRY(pli__plan_holds(p, f->type, stored->fields[at].type, &holds, &lossy, err));
    *out = pli__type_ref(holds ? stored->fields[at].type : f->type);
    return PLI_OK;
}

/* Explicit columns, then further stored ones (python-api.md 11.1). */
static pli_status base_of_both(const pli__planner *p, const pli__type **out, pli_error *err) {
    PLI_AUTO(pli__type_builder_clear) pli__type_builder b = {0};
    const pli__type *given = p->in->explicit_schema, *stored = p->in->stored;
    const bool exact = p->policy->case_sensitive || p->policy->package;
    for (size_t i = 0; i < given->n_fields; i++) {
        const pli__type *t = NULL;
        PLI_TRY(explicit_type(p, &given->fields[i], &t, err));
        pli__type_builder_add(&b, pli__str_of(given->fields[i].name), t, given->fields[i].nullable,
                              given->fields[i].metadata);
    }
    for (size_t i = 0; stored && i < stored->n_fields; i++) {
        const pli__field *f = &stored->fields[i];
        if (pli__type_find(given, pli__str_of(f->name), exact) != -1) continue;
        pli__type_builder_add(&b, pli__str_of(f->name), pli__type_ref(f->type), f->nullable, f->metadata);
    }
    return made(pli__type_builder_finish(&b), out, err);
}

static pli_status find_base(pli__planner *p, pli_error *err) {
    const pli__type *stored = p->in->stored;
    if (p->in->explicit_schema) return base_of_both(p, &p->plan->base, err);
    if (stored && stored->n_fields > 0) p->plan->base = pli__type_ref(stored);
    p->first = p->plan->first = !p->plan->base;
    return PLI_OK;
}

/* ---- the plan ---- */

static pli_status copy_input(pli__planner *p, pli_error *err) {
    pli__evolve_plan *plan = p->plan;
    const size_t n = p->in->n_parts;
    plan->policy = *p->policy;
    if (p->policy->rescue_column)
        plan->policy.rescue_column = pli__arena_strdup(&plan->arena, pli__str_of(p->policy->rescue_column));
    plan->part_infos = pli__arena_calloc(&plan->arena, n + 1, sizeof *plan->part_infos);
    plan->parts = pli__arena_calloc(&plan->arena, n + 1, sizeof *plan->parts);
    p->order = pli__arena_calloc(&plan->arena, n + 1, sizeof *p->order);
    p->normal = pli__arena_calloc(&plan->arena, n + 1, sizeof *p->normal);
    PLI_TRY(pli__arena_status(&plan->arena, err));
    for (size_t i = 0; i < n; i++) {
        pli__evolve_part *info = &plan->part_infos[i];
        *info = p->in->parts[i];
        info->schema = pli__type_ref(info->schema);
        info->file = pli__arena_strdup(&plan->arena, pli__str_of(info->file));
        plan->n_parts++;
    }
    return pli__arena_status(&plan->arena, err);
}

static void count_fails(pli__evolve_plan *plan, const pli__evolve_node *node) {
    plan->n_fails += node->decision == PLI__DECIDE_FAIL;
    for (size_t i = 0; i < node->n_children; i++) count_fails(plan, &node->children[i]);
    for (size_t i = 0; i < node->n_extra; i++) count_fails(plan, &node->extra[i]);
}

static pli_status make_plan(pli__planner *p, pli_error *err) {
    pli__evolve_plan *plan = p->plan;
    PLI_TRY(copy_input(p, err));
    order_parts(p);
    PLI_TRY(normalize_parts(p, err));
    PLI_TRY(find_base(p, err));
    PLI_TRY(pli__plan_merge(p, &plan->schema, err));
    for (size_t i = 0; i < plan->n_parts; i++) {
        PLI_TRY(pli__plan_decide(p, i, &plan->parts[i], err));
        count_fails(plan, &plan->parts[i]);
    }
    const pli__type *stored = p->in->stored;
    plan->changed = stored ? !pli__type_equal(stored, plan->schema, false) : plan->schema->n_fields > 0;
    return PLI_OK;
}

pli_status pli__evolve_plan_new(const pli__evolve_input *in, pli__evolve_plan **out, pli_error *err) {
    PLI_AUTO(pli__evolve_plan_auto) pli__evolve_plan *plan = calloc(1, sizeof *plan);
    if (!plan) return pli__error_memory(err);
    pli__arena_init(&plan->arena, PLAN_MAX_BYTES);
    pli__planner p = {.in = in, .policy = in->policy, .plan = plan};
    const pli_status status = make_plan(&p, err);
    for (size_t i = 0; p.normal && i < in->n_parts; i++) pli__type_unref(p.normal[i]);
    PLI_TRY(status);
    *out = PLI_TAKE(plan);
    return PLI_OK;
}

void pli__evolve_plan_free(pli__evolve_plan *plan) {
    if (!plan) return;
    for (size_t i = 0; i < plan->n_parts; i++) pli__type_unref(plan->part_infos[i].schema);
    pli__type_unref(plan->schema);
    pli__type_unref(plan->base);
    pli__arena_clear(&plan->arena);
    free(plan);
}

void pli__evolve_plan_auto(pli__evolve_plan **plan) { pli__evolve_plan_free(*plan); }

pli_status pli__evolve_parts(const pli__relation *r, pli__evolve_part **out, pli_error *err) {
    pli__evolve_part *parts = calloc(r->n_parts + 1, sizeof *parts);
    if (!parts) return pli__error_memory(err);
    for (size_t i = 0; i < r->n_parts; i++) {
        const pli__part *part = &r->parts[i];
        parts[i] = (pli__evolve_part){.schema = part->schema,
                                      .file = part->n_files ? part->files[0].path : "",
                                      .n_files = part->n_files,
                                      .text = part->text,
                                      .json = part->json};
        for (size_t k = 1; k < part->n_files; k++)
            if (strcmp(part->files[k].path, parts[i].file) < 0) parts[i].file = part->files[k].path;
    }
    *out = parts;
    return PLI_OK;
}
