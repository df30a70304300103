/* What a plan says: a walk over its decisions, the error that stops a batch, and JSON. */
#include <stdio.h>

#include "schema/plan_impl.h"

static const char *const decision_names[] = {
#define DECISION_NAME(sym, name) name,
    PLI__DECISION_MAP(DECISION_NAME)
#undef DECISION_NAME
};
static const char *const reason_names[] = {
#define REASON_NAME(sym, name, text) name,
    PLI__REASON_MAP(REASON_NAME)
#undef REASON_NAME
};
static const char *const reason_texts[] = {
#define REASON_TEXT(sym, name, text) text,
    PLI__REASON_MAP(REASON_TEXT)
#undef REASON_TEXT
};

const char *pli__decision_name(pli__decision d) { return decision_names[d]; }
const char *pli__reason_name(pli__reason r) { return reason_names[r]; }
const char *pli__reason_text(pli__reason r) { return reason_texts[r]; }

/* ---- the walk ---- */

typedef struct {
    const pli__evolve_part *part;
    pli__evolve_visit_fn *fn;
    void *arg;
    pli__buf path;
} walker;

static pli_status walk_nodes(walker *w, const pli__evolve_node *nodes, size_t n, pli_error *err);

static pli_status walk_node(walker *w, const pli__evolve_node *node, pli_error *err) {
    const size_t mark = w->path.len;
    if (mark) pli__buf_addc(&w->path, '.');
    pli__buf_addz(&w->path, node->name);
    PLI_TRY(pli__buf_status(&w->path, err));
    const bool leads = node->n_children && node->decision == PLI__DECIDE_KEEP;
    if (!leads) PLI_TRY(w->fn(w->arg, w->part, pli__buf_str(&w->path), node, err));
    if (node->decision != PLI__DECIDE_ADD) PLI_TRY(walk_nodes(w, node->children, node->n_children, err));
    PLI_TRY(walk_nodes(w, node->extra, node->n_extra, err));
    w->path.len = mark;
    return PLI_OK;
}

static pli_status walk_nodes(walker *w, const pli__evolve_node *nodes, size_t n, pli_error *err) {
    for (size_t i = 0; i < n; i++) PLI_TRY(walk_node(w, &nodes[i], err));
    return PLI_OK;
}

/* Inside an added column only what forbids the batch is of interest. */
static pli_status walk_fails(walker *w, const pli__evolve_node *node, pli_error *err);

static pli_status walk_fails_of(walker *w, const pli__evolve_node *nodes, size_t n, pli_error *err) {
    for (size_t i = 0; i < n; i++) PLI_TRY(walk_fails(w, &nodes[i], err));
    return PLI_OK;
}

static pli_status walk_fails(walker *w, const pli__evolve_node *node, pli_error *err) {
    const size_t mark = w->path.len;
    if (mark) pli__buf_addc(&w->path, '.');
    pli__buf_addz(&w->path, node->name);
    PLI_TRY(pli__buf_status(&w->path, err));
    if (node->decision == PLI__DECIDE_FAIL) PLI_TRY(w->fn(w->arg, w->part, pli__buf_str(&w->path), node, err));
    PLI_TRY(walk_fails_of(w, node->children, node->n_children, err));
    PLI_TRY(walk_fails_of(w, node->extra, node->n_extra, err));
    w->path.len = mark;
    return PLI_OK;
}

static void walker_clear(walker *w) { pli__buf_clear(&w->path); }

static pli_status walk_plan(const pli__evolve_plan *plan, bool fails, pli__evolve_visit_fn *fn, void *arg,
                            pli_error *err) {
    PLI_AUTO(walker_clear) walker w = {.fn = fn, .arg = arg};
    for (size_t i = 0; i < plan->n_parts; i++) {
        const pli__evolve_node *root = &plan->parts[i];
        w.part = &plan->part_infos[i];
        if (fails) {
            PLI_TRY(walk_fails_of(&w, root->children, root->n_children, err));
            PLI_TRY(walk_fails_of(&w, root->extra, root->n_extra, err));
        } else {
            PLI_TRY(walk_nodes(&w, root->children, root->n_children, err));
            PLI_TRY(walk_nodes(&w, root->extra, root->n_extra, err));
        }
    }
    return PLI_OK;
}

pli_status pli__evolve_walk(const pli__evolve_plan *plan, pli__evolve_visit_fn *fn, void *arg, pli_error *err) {
    return walk_plan(plan, false, fn, arg, err);
}

/* ---- the error ---- */

/* The first failure, and the names of the others (each once). */
typedef struct {
    const pli__evolve_plan *plan;
    const pli__evolve_part *part;
    const pli__evolve_node *node;
    pli__buf path, others;
    size_t n;
} failures;

static void failures_clear(failures *f) {
    pli__buf_clear(&f->path);
    pli__buf_clear(&f->others);
}

static pli_status note_failure(void *arg, const pli__evolve_part *part, pli__str path, const pli__evolve_node *node,
                               pli_error *err) {
    enum { OTHERS_MAX = 300 };
    failures *f = arg;
    f->n++;
    if (!f->node) {
        f->part = part;
        f->node = node;
        pli__buf_adds(&f->path, path);
        return pli__buf_status(&f->path, err);
    }
    PLI_AUTO(pli__buf_clear) pli__buf quoted = {0};
    pli__buf_addf(&quoted, "'%.*s'", PLI_STR_ARG(path));
    PLI_TRY(pli__buf_status(&quoted, err));
    if (pli__str_eq(path, pli__buf_str(&f->path)) || (f->others.ptr && strstr(f->others.ptr, quoted.ptr)))
        return PLI_OK;
    if (f->others.len > OTHERS_MAX) return PLI_OK;
    if (f->others.len) pli__buf_addz(&f->others, ", ");
    pli__buf_adds(&f->others, pli__buf_str(&quoted));
    return pli__buf_status(&f->others, err);
}

static pli_status type_text(const pli__evolve_plan *plan, const pli__type *t, pli__buf *out, pli_error *err) {
    pli__buf_reset(out);
    if (!t) return PLI_OK;
    return plan->policy.package ? pli__type_to_polars(t, out, err) : pli__type_to_sql(t, out, err);
}

/* A file that brings the new column with the type that the schema was to take. */
typedef struct {
    pli__str path;
    const pli__type *to;
    const pli__evolve_part *not_this, *found;
    bool exact;
} other_file;

static pli_status find_other(void *arg, const pli__evolve_part *part, pli__str path, const pli__evolve_node *node,
                             pli_error *err) {
    (void)err;
    other_file *o = arg;
    if (part == o->not_this || !node->from || !pli__str_eq(path, o->path)) return PLI_OK;
    if (!o->found || (!o->exact && pli__type_equal(node->from, o->to, false))) {
        o->found = part;
        o->exact = pli__type_equal(node->from, o->to, false);
    }
    return PLI_OK;
}

/* "in 'file'", or "in the batch" where there are no files. */
typedef struct {
    char text[640];
} place;

static place place_of(const pli__evolve_part *part) {
    place p;
    if (part->file && *part->file) snprintf(p.text, sizeof p.text, "in '%.600s'", part->file);
    else snprintf(p.text, sizeof p.text, "in the batch");
    return p;
}

static pli_status say_failure(const failures *f, const char *from, const char *to, pli_error *err) {
    const pli__evolve_node *n = f->node;
    const place here = place_of(f->part);
    const char *path = f->path.ptr, *where = here.text;
    switch (n->reason) {
        case PLI__REASON_MISSING:
            pli__error_set(err, PLI_E_SCHEMA, "column '%s' (%s) is missing %s", path, to, where);
            return pli__error_hint(err, "schema mode 'add_new_columns' fills missing columns with NULL");
        case PLI__REASON_NEW:
            pli__error_set(err, PLI_E_SCHEMA, "column '%s' (%s) %s is not in the schema", path, from, where);
            return pli__error_hint(err, "schema mode 'add_new_columns' adds it%s",
                                   f->plan->policy.package ? ""
                                                           : "; `rescue_mode: column` keeps its values beside the row");
        case PLI__REASON_AMBIGUOUS:
            pli__error_set(err, PLI_E_SCHEMA, "columns '%s' and '%s' %s differ only by case", path, n->source_name,
                           where);
            return pli__error_hint(err, "rename one of them");
        case PLI__REASON_RESERVED:
            pli__error_set(err, PLI_E_SCHEMA, "column '%s' %s has the name of a column that schema evolution adds",
                           path, where);
            return pli__error_hint(err, "choose another name by rescue_column, or rename the column");
        case PLI__REASON_CONFLICT: {
            other_file o = {.path = pli__buf_str(&f->path), .to = n->to, .not_this = f->part};
            PLI_TRY(pli__evolve_walk(f->plan, find_other, &o, err));
            pli__error_set(err, PLI_E_SCHEMA, "new column '%s' is %s %s but %s %s, which have no common type", path,
                           from, where, to, o.found ? place_of(o.found).text : "in another file");
            return pli__error_hint(err, "give the column a type in the schema, or read the files in different batches");
        }
        default:
            pli__error_set(err, PLI_E_SCHEMA, "column '%s' is %s %s, but %s in the schema%s", path, from, where, to,
                           n->reason == PLI__REASON_NO_CAST ? ", and there is no cast between them" : "");
            return pli__error_hint(
                err,
                "schema mode 'type_widen' widens types without loss, 'coerce' casts; `rescue_mode: column` keeps values that do not fit");
    }
}

/* With case_sensitive two names may differ only by case; neither the engine nor a table can hold both. */
static pli_status check_twins(const pli__evolve_plan *plan, pli_error *err) {
    PLI_AUTO(pli__field_index_clear) pli__field_index x = {0};
    if (plan->policy.package || !plan->policy.case_sensitive) return PLI_OK;
    PLI_TRY(pli__field_index_init(&x, plan->schema, false, err));
    if (x.twin >= plan->schema->n_fields) return PLI_OK;
    const char *second = plan->schema->fields[x.twin].name;
    const char *first = plan->schema->fields[pli__field_index_find(&x, second)].name;
    pli__error_set(err, PLI_E_SCHEMA, "columns '%s' and '%s' differ only by case, and no table can have both", first,
                   second);
    pli__error_hint(err, "rename one of them");
    return PLI_E_SCHEMA;
}

pli_status pli__evolve_check(const pli__evolve_plan *plan, pli_error *err) {
    PLI_TRY(check_twins(plan, err));
    if (plan->n_fails == 0) return PLI_OK;
    PLI_AUTO(failures_clear) failures f = {.plan = plan};
    PLI_AUTO(pli__buf_clear) pli__buf from = {0};
    PLI_AUTO(pli__buf_clear) pli__buf to = {0};
    PLI_TRY(walk_plan(plan, true, note_failure, &f, err));
    PLI_TRY(type_text(plan, f.node->from, &from, err));
    PLI_TRY(type_text(plan, f.node->to ? f.node->to : f.node->before, &to, err));
    pli_error said;
    pli__error_clear(&said);
    const pli_status status = say_failure(&f, from.ptr ? from.ptr : "", to.ptr ? to.ptr : "", &said);
    if (err) *err = said;
    if (status != PLI_E_SCHEMA || f.others.len == 0) return status;
    if (!err) return status;
    pli__error_set(err, PLI_E_SCHEMA, "%s; also: %s", said.message, f.others.ptr);
    return pli__error_hint(err, "%s", said.hint);
}

/* ---- JSON ---- */

typedef struct {
    const pli__evolve_plan *plan;
    json_t *rows;
    bool all;
} rows;

static pli_status set_text(json_t *row, const char *key, pli__str value, pli_error *err) {
    return json_object_set_new(row, key, json_stringn(value.ptr ? value.ptr : "", value.len)) == 0
               ? PLI_OK
               : pli__error_memory(err);
}

static pli_status set_type(const pli__evolve_plan *plan, json_t *row, const char *key, const pli__type *t,
                           pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf text = {0};
    if (!t) return json_object_set_new(row, key, json_null()) == 0 ? PLI_OK : pli__error_memory(err);
    PLI_TRY(type_text(plan, t, &text, err));
    return set_text(row, key, pli__buf_str(&text), err);
}

static pli_status add_row(void *arg, const pli__evolve_part *part, pli__str path, const pli__evolve_node *node,
                          pli_error *err) {
    rows *r = arg;
    if (!r->all && node->decision == PLI__DECIDE_KEEP) return PLI_OK;
    json_t *row = json_object();
    if (!row || json_array_append_new(r->rows, row) != 0) return pli__error_memory(err);
    PLI_TRY(set_text(row, "column", path, err));
    PLI_TRY(set_text(row, "decision", pli__str_of(pli__decision_name(node->decision)), err));
    PLI_TRY(set_text(row, "reason", pli__str_of(pli__reason_name(node->reason)), err));
    PLI_TRY(set_text(row, "text", pli__str_of(pli__reason_text(node->reason)), err));
    PLI_TRY(set_type(r->plan, row, "from", node->from, err));
    PLI_TRY(set_type(r->plan, row, "to", node->to, err));
    PLI_TRY(set_type(r->plan, row, "before", node->before, err));
    PLI_TRY(set_text(row, "file", pli__str_of(part->file), err));
    return json_object_set_new(row, "files", json_integer((json_int_t)part->n_files)) == 0 ? PLI_OK
                                                                                           : pli__error_memory(err);
}

pli_status pli__evolve_to_json(const pli__evolve_plan *plan, bool all, json_t **out, pli_error *err) {
    rows r = {plan, json_array(), all};
    if (!r.rows) return pli__error_memory(err);
    const pli_status status = pli__evolve_walk(plan, add_row, &r, err);
    if (status != PLI_OK) {
        json_decref(r.rows);
        return status;
    }
    *out = r.rows;
    return PLI_OK;
}
