/* The decisions on one part, against the schema that all parts have led to. */
#include "schema/plan_impl.h"

/* What is being decided: one column of one part. */
typedef struct {
    pli__planner *p;
    const pli__evolve_part *part;
    const pli__type *normal; /* the file's type as it is planned with; NULL if the file lacks the column */
    const pli__type *hint;
    bool in_json;            /* inside a JSON value */
} subject;

static pli_status decide_fields(const subject *s, pli__evolve_node *node, pli_error *err);

static void set(pli__evolve_node *node, pli__decision decision, pli__reason reason, pli__convert convert,
                bool checked) {
    node->decision = decision;
    node->reason = reason;
    node->convert = convert;
    node->checked = checked;
}

/* The mode does not take the column as it is: its values are rescued, or the batch fails. */
static void refuse(const subject *s, pli__evolve_node *node, pli__reason reason) {
    const pli__schema_policy *policy = s->p->policy;
    const bool rescue = policy->rescue && !(policy->package &&
                                            (policy->mode == PLI__SCHEMA_STRICT || policy->mode == PLI__SCHEMA_COERCE));
    set(node, rescue ? PLI__DECIDE_RESCUE : PLI__DECIDE_FAIL, reason, PLI__CONVERT_RESCUE, false);
}

static void decide_missing(const subject *s, pli__evolve_node *node) {
    const bool forbidden = node->before && s->p->policy->mode == PLI__SCHEMA_STRICT && !s->p->first;
    set(node, forbidden ? PLI__DECIDE_FAIL : PLI__DECIDE_NULL, PLI__REASON_MISSING, PLI__CONVERT_NULL, false);
}

static bool is_scalar(const pli__type *t) { return !pli__type_is_nested(t); }

/* A new column is `add`, whatever else is said about it; a known one keeps the decision given. */
static pli__decision unless_new(const pli__evolve_node *node, pli__decision decision) {
    return node->before ? decision : PLI__DECIDE_ADD;
}

/* CSV, and simple types in JSON: values are read as the schema's type, and looked at one by one. */
static void decide_text(const subject *s, pli__evolve_node *node) {
    const pli__type *to = node->to;
    pli__reason reason = PLI__REASON_TEXT;
    if (!node->before)
        reason = s->hint                                 ? PLI__REASON_HINT
                 : pli__type_equal(s->normal, to, false) ? PLI__REASON_NEW
                                                         : PLI__REASON_NEW_COMMON;
    if (s->normal->id == PLI__TYPE_NULL) reason = PLI__REASON_NO_VALUES;
    const bool grown = node->before && !pli__type_equal(node->before, to, false);
    if (grown) reason = PLI__REASON_WIDER;
    const bool plain = to->id == PLI__TYPE_STRING;
    set(node, grown ? PLI__DECIDE_WIDEN : unless_new(node, PLI__DECIDE_KEEP), reason,
        plain && !s->part->json ? PLI__CONVERT_AS_IS : PLI__CONVERT_CAST, !plain);
}

/* JSON into a nested type: rows tell. Fields that the sample has shown are decided one by one, for the report. */
static pli_status decide_json(const subject *s, pli__evolve_node *node, pli_error *err) {
    set(node, unless_new(node, PLI__DECIDE_KEEP), PLI__REASON_TEXT, PLI__CONVERT_FIELDS, true);
    if (s->normal->id == node->to->id) {
        subject inner = *s;
        inner.in_json = true;
        PLI_TRY(decide_fields(&inner, node, err));
        if (!node->before) node->reason = PLI__REASON_NEW;
    }
    if (!s->in_json) node->convert = PLI__CONVERT_JSON;
    return PLI_OK;
}

/* A new column of a typed file: the type taken must hold it, or the files are in conflict. */
static pli_status decide_new(const subject *s, pli__evolve_node *node, pli_error *err) {
    const pli__type *to = node->to;
    bool holds = false, lossy = false;
    if (s->hint) {
        const pli__cast_kind kind = pli__cast_kind_of(node->from, to);
        const bool may = kind == PLI__CAST_EXACT ||
                         (kind == PLI__CAST_CHECKED && s->p->policy->mode == PLI__SCHEMA_COERCE);
        if (may) set(node, PLI__DECIDE_ADD, PLI__REASON_HINT, PLI__CONVERT_CAST, kind == PLI__CAST_CHECKED);
        else refuse(s, node, kind == PLI__CAST_NONE ? PLI__REASON_NO_CAST : PLI__REASON_OTHER_TYPE);
        return PLI_OK;
    }
    if (is_scalar(s->normal) && is_scalar(to)) PLI_TRY(pli__plan_holds(s->p, s->normal, to, &holds, &lossy, err));
    if (holds) set(node, PLI__DECIDE_ADD, lossy ? PLI__REASON_LOSSY : PLI__REASON_NEW_COMMON, PLI__CONVERT_CAST, false);
    else set(node, PLI__DECIDE_FAIL, PLI__REASON_CONFLICT, PLI__CONVERT_RESCUE, false);
    return PLI_OK;
}

/* Another type than the schema's, in a typed file. */
static pli_status decide_other(const subject *s, pli__evolve_node *node, pli_error *err) {
    const pli__schema_mode mode = s->p->policy->mode;
    const pli__cast_kind kind = pli__cast_kind_of(s->normal, node->to);
    bool holds = false, lossy = false;
    if (mode == PLI__SCHEMA_WIDEN && is_scalar(s->normal) && is_scalar(node->to))
        PLI_TRY(pli__plan_holds(s->p, s->normal, node->to, &holds, &lossy, err));
    if (mode == PLI__SCHEMA_WIDEN && s->normal->id == PLI__TYPE_LIST && node->to->id == PLI__TYPE_LIST)
        return decide_fields(s, node, err);
    if (holds) set(node, PLI__DECIDE_WIDEN, lossy ? PLI__REASON_LOSSY : PLI__REASON_WIDER, PLI__CONVERT_CAST, false);
    else if (mode == PLI__SCHEMA_COERCE && kind != PLI__CAST_NONE)
        set(node, PLI__DECIDE_CAST, PLI__REASON_OTHER_TYPE, PLI__CONVERT_CAST, kind == PLI__CAST_CHECKED);
    else refuse(s, node, mode == PLI__SCHEMA_COERCE ? PLI__REASON_NO_CAST : PLI__REASON_OTHER_TYPE);
    return PLI_OK;
}

/* The type that the column has now is that of the file. */
static pli_status decide_equal(const subject *s, pli__evolve_node *node, pli_error *err) {
    const bool grown = node->before && !pli__type_equal(node->before, node->to, false);
    bool holds, lossy = false;
    if (grown && is_scalar(node->before) && is_scalar(node->to))
        PLI_TRY(pli__plan_holds(s->p, node->before, node->to, &holds, &lossy, err));
    const bool exact = pli__type_equal(node->from, node->to, false);
    set(node, grown ? PLI__DECIDE_WIDEN : unless_new(node, PLI__DECIDE_KEEP),
        lossy          ? PLI__REASON_LOSSY
        : grown        ? PLI__REASON_WIDER
        : node->before ? PLI__REASON_SAME
        : s->hint      ? PLI__REASON_HINT
                       : PLI__REASON_NEW,
        exact ? PLI__CONVERT_AS_IS : PLI__CONVERT_CAST,
        !exact && pli__cast_kind_of(node->from, node->to) != PLI__CAST_EXACT);
    return PLI_OK;
}

/* Empty lists and structs, in a column that has no type for them yet. */
static void decide_empties(const subject *s, pli__evolve_node *node) {
    const bool kept = s->p->policy->rescue && !s->p->policy->package;
    set(node, unless_new(node, PLI__DECIDE_NULL), PLI__REASON_NO_VALUES, kept ? PLI__CONVERT_RESCUE : PLI__CONVERT_NULL,
        false);
}

/* A column that had empty lists only is none of the table: neither those nor what JSON holds beside them can be put anywhere. */
static bool is_without_place(const subject *s, const pli__type *to) {
    if (s->normal->id == PLI__TYPE_NULL || pli__has_type(to)) return false;
    const bool kept = s->p->policy->rescue && !s->p->policy->package;
    return !pli__has_type(s->normal) || (kept && s->part->json && to->id != PLI__TYPE_NULL);
}

static bool has_untyped(const pli__type *t) {
    for (size_t i = 0; i < t->n_fields; i++)
        if (has_untyped(t->fields[i].type)) return true;
    return t->id == PLI__TYPE_NULL;
}

static bool same_shape(const pli__type *a, const pli__type *b) {
    return pli__type_is_nested(a) && a->id == b->id && a->array_size == b->array_size;
}

static pli_status decide_column(const subject *s, pli__evolve_node *node, pli_error *err) {
    const bool text = s->part->text || s->part->json;
    if (!s->normal) {
        decide_missing(s, node);
        return PLI_OK;
    }
    if (node->before && node->before->id == PLI__TYPE_NULL) {
        node->before = NULL;
        PLI_TRY(decide_column(s, node, err));
        if (node->decision == PLI__DECIDE_ADD && node->reason == PLI__REASON_NEW) node->reason = PLI__REASON_FIRST_TYPE;
        return PLI_OK;
    }
    if (is_without_place(s, node->to)) {
        decide_empties(s, node);
        return PLI_OK;
    }
    if (text) {
        if (is_scalar(node->to)) decide_text(s, node);
        else if (s->part->json) return decide_json(s, node, err);
        else refuse(s, node, PLI__REASON_NO_CAST);
        return PLI_OK;
    }
    if (s->normal->id == PLI__TYPE_NULL) {
        set(node, unless_new(node, PLI__DECIDE_NULL), PLI__REASON_NO_VALUES, PLI__CONVERT_NULL, false);
        return PLI_OK;
    }
    if (pli__type_equal(s->normal, node->to, false) &&
        (is_scalar(node->to) || (pli__type_equal(node->from, node->to, false) && !has_untyped(node->to))))
        return decide_equal(s, node, err);
    if (same_shape(s->normal, node->to)) return decide_fields(s, node, err);
    return node->before ? decide_other(s, node, err) : decide_new(s, node, err);
}

/* ---- nested ---- */

static pli_status alloc_nodes(const subject *s, size_t n, pli__evolve_node **out, pli_error *err) {
    *out = pli__arena_calloc(&s->p->plan->arena, n + 1, sizeof **out);
    return *out ? PLI_OK : pli__error_memory(err);
}

/* Field i of the node's target type, from field `source` of the file (-1: it has none). */
static pli_status decide_field(const subject *s, const pli__evolve_node *parent, size_t i, int source,
                               const pli__type *before, pli__evolve_node *child, pli_error *err) {
    subject inner = *s;
    child->name = parent->to->fields[i].name;
    child->to = parent->to->fields[i].type;
    child->before = before;
    child->source_name = source < 0 ? NULL : parent->from->fields[source].name;
    child->from = source < 0 ? NULL : parent->from->fields[source].type;
    inner.normal = source < 0 ? NULL : s->normal->fields[source].type;
    return decide_column(&inner, child, err);
}

/* A merged struct keeps the fields that were known, in their order, and appends. */
static const pli__type *type_before(const pli__type *before, size_t i) {
    return before && before->id == PLI__TYPE_STRUCT && i < before->n_fields ? before->fields[i].type : NULL;
}

/* Columns that the schema does not have: only strict gets here, other modes have added them. */
static pli_status decide_extra(const subject *s, pli__evolve_node *node, const bool *used, size_t twin,
                               pli_error *err) {
    PLI_TRY(alloc_nodes(s, node->from->n_fields, &node->extra, err));
    for (size_t i = 0; i < node->from->n_fields; i++) {
        if (used[i]) continue;
        pli__evolve_node *extra = &node->extra[node->n_extra++];
        extra->name = extra->source_name = node->from->fields[i].name;
        extra->from = node->from->fields[i].type;
        refuse(s, extra, PLI__REASON_NEW);
        if (i == twin) set(extra, PLI__DECIDE_FAIL, PLI__REASON_AMBIGUOUS, PLI__CONVERT_RESCUE, false);
    }
    return PLI_OK;
}

/* @return false if neither of the two has a place in the schema */
static bool mark_twin(pli__evolve_node *node, const pli__field_index *index) {
    for (size_t i = 0; i < node->n_children; i++) {
        pli__evolve_node *child = &node->children[i];
        if (pli__field_index_find(index, child->name) !=
            pli__field_index_find(index, index->type->fields[index->twin].name))
            continue;
        child->source_name = index->type->fields[index->twin].name;
        set(child, PLI__DECIDE_FAIL, PLI__REASON_AMBIGUOUS, PLI__CONVERT_RESCUE, false);
        return true;
    }
    return false;
}

static pli_status decide_struct(const subject *s, pli__evolve_node *node, pli_error *err) {
    PLI_AUTO(pli__field_index_clear) pli__field_index index = {0};
    bool *used = pli__arena_calloc(&s->p->plan->arena, node->from->n_fields + 1, sizeof *used);
    if (!used) return pli__error_memory(err);
    PLI_TRY(pli__field_index_init(&index, node->from, s->p->policy->case_sensitive || s->p->policy->package, err));
    node->n_children = node->to->n_fields;
    PLI_TRY(alloc_nodes(s, node->n_children, &node->children, err));
    for (size_t i = 0; i < node->n_children; i++) {
        const char *name = node->to->fields[i].name;
        const int source = pli__field_index_find(&index, name);
        if (source >= 0) used[source] = true;
        PLI_TRY(decide_field(s, node, i, source, type_before(node->before, i), &node->children[i], err));
    }
    if (index.twin < node->from->n_fields) used[index.twin] = mark_twin(node, &index);
    return decide_extra(s, node, used, index.twin, err);
}

static pli_status decide_fields(const subject *s, pli__evolve_node *node, pli_error *err) {
    const bool grown = node->before && !pli__type_equal(node->before, node->to, false);
    set(node, unless_new(node, PLI__DECIDE_KEEP), grown ? PLI__REASON_WIDER : PLI__REASON_SAME, PLI__CONVERT_FIELDS,
        false);
    if (!node->before) node->reason = PLI__REASON_NEW;
    if (node->to->id == PLI__TYPE_STRUCT) return decide_struct(s, node, err);
    node->n_children = node->to->n_fields;
    PLI_TRY(alloc_nodes(s, node->n_children, &node->children, err));
    const bool known = node->before && node->before->id == node->to->id;
    for (size_t i = 0; i < node->n_children; i++)
        PLI_TRY(decide_field(s, node, i, (int)i, known ? node->before->fields[i].type : NULL, &node->children[i], err));
    return PLI_OK;
}

/* ---- a part ---- */

static bool is_reserved(const pli__schema_policy *policy, const char *name) {
    const pli__str n = pli__str_of(name);
    if (policy->rescue && (policy->package ? pli__str_eqz(n, pli__schema_rescue_column(policy))
                                           : pli__str_ieqz(n, pli__schema_rescue_column(policy))))
        return true;
    return policy->corrupt_column && pli__str_ieqz(n, PLI__CORRUPT_RECORD);
}

/* A rescued field that became a column was never in every file. */
static void allow_missing(const subject *s, pli__evolve_node *node) {
    if (node->source_name || node->decision != PLI__DECIDE_FAIL) return;
    if (json_object_get(s->p->in->promoted, node->name))
        set(node, PLI__DECIDE_NULL, PLI__REASON_MISSING, PLI__CONVERT_NULL, false);
}

pli_status pli__plan_decide(pli__planner *p, size_t part, pli__evolve_node *root, pli_error *err) {
    subject s = {.p = p, .part = &p->plan->part_infos[part], .normal = p->normal[part]};
    *root = (pli__evolve_node){
        .name = "", .source_name = "", .from = s.part->schema, .to = p->plan->schema, .before = p->plan->base};
    PLI_TRY(decide_fields(&s, root, err));
    for (size_t i = 0; i < root->n_children; i++) {
        pli__evolve_node *child = &root->children[i];
        const pli__type *hint = child->before && child->before->id != PLI__TYPE_NULL ? NULL
                                                                                     : pli__plan_hint(p, child->name);
        if (hint && child->from && child->reason != PLI__REASON_AMBIGUOUS) {
            subject hinted = s;
            const int at = pli__type_find(s.part->schema, pli__str_of(child->source_name), true);
            hinted.normal = s.normal->fields[at].type;
            hinted.hint = hint;
            child->n_children = child->n_extra = 0;
            PLI_TRY(decide_column(&hinted, child, err));
        }
        allow_missing(&s, child);
        if (child->source_name && is_reserved(p->policy, child->source_name))
            set(child, PLI__DECIDE_FAIL, PLI__REASON_RESERVED, PLI__CONVERT_RESCUE, false);
    }
    return PLI_OK;
}
