/* The new schema: what is known, plus what the parts bring, column by column. Types are combined in an order of their
 * own (texts and floats first), because widening is not associative: INTEGER, UINTEGER and FLOAT have DOUBLE in common,
 * but not by way of BIGINT. */
#include <stdlib.h>

#include "schema/plan_impl.h"

static pli_status merge_column(pli__planner *p, const pli__type *known, pli__candidate *c, size_t n,
                               const pli__type **out, pli_error *err);

static int rank_of(const pli__type *t) { return t->id == PLI__TYPE_STRING ? 0 : pli__type_is_float(t) ? 1 : 2; }

static int compare_candidates(const void *a, const void *b) {
    const pli__type *x = ((const pli__candidate *)a)->type, *y = ((const pli__candidate *)b)->type;
    if (rank_of(x) != rank_of(y)) return rank_of(x) - rank_of(y);
    if (x->id != y->id) return (int)x->id - (int)y->id;
    if (x->precision != y->precision) return x->precision - y->precision;
    if (x->scale != y->scale) return x->scale - y->scale;
    if (x->unit != y->unit) return (int)x->unit - (int)y->unit;
    return strcmp(x->text ? x->text : "", y->text ? y->text : "");
}

static bool is_text(const pli__planner *p, size_t part) { return p->in->parts[part].text || p->in->parts[part].json; }

static pli_status take(const pli__type *made, const pli__type **out, pli_error *err) {
    if (!made) return pli__error_memory(err);
    *out = made;
    return PLI_OK;
}

pli_status pli__plan_holds(const pli__planner *p, const pli__type *from, const pli__type *to, bool *holds, bool *lossy,
                           pli_error *err) {
    pli__widening how;
    PLI_AUTO(pli__type_auto) const pli__type *common = NULL;
    PLI_TRY(pli__type_widen(from, to, &how, &common, err));
    const bool allowed = how == PLI__WIDEN_LOSSLESS ||
                         (how == PLI__WIDEN_LOSSY && (p->policy->package || p->policy->allow_lossy_widening));
    *holds = allowed && pli__type_equal(common, to, false);
    *lossy = how == PLI__WIDEN_LOSSY;
    return PLI_OK;
}

/* ---- simple types ---- */

/* *t grows to hold what the candidate brings, if it can; otherwise it stays, and the decision on the part says so. */
static pli_status grow(const pli__planner *p, const pli__type **t, const pli__candidate *c, bool is_new,
                       pli_error *err) {
    PLI_AUTO(pli__type_auto) const pli__type *common = NULL;
    bool holds, lossy;
    if (is_text(p, c->part)) {
        if (!is_new && pli__type_text_fits(c->type, *t)) return PLI_OK;
        PLI_TRY(pli__type_join_text(*t, c->type, &common, err));
    } else {
        pli__widening how;
        PLI_TRY(pli__type_widen(*t, c->type, &how, &common, err));
    }
    if (!common) return PLI_OK;
    holds = is_new && is_text(p, c->part);
    if (!holds) PLI_TRY(pli__plan_holds(p, *t, common, &holds, &lossy, err));
    if (!holds) return PLI_OK;
    pli__type_unref(*t);
    *t = PLI_TAKE(common);
    return PLI_OK;
}

static pli_status merge_simple(pli__planner *p, const pli__type *known, pli__candidate *c, size_t n,
                               const pli__type **out, pli_error *err) {
    PLI_AUTO(pli__type_auto) const pli__type *t = known ? pli__type_ref(known) : NULL;
    qsort(c, n, sizeof *c, compare_candidates);
    for (size_t i = 0; i < n; i++) {
        if (pli__type_is_nested(c[i].type)) continue;
        if (t) PLI_TRY(grow(p, &t, &c[i], !known, err));
        else t = pli__type_ref(c[i].type);
    }
    *out = PLI_TAKE(t);
    return PLI_OK;
}

/* ---- structs ---- */

/* A column of a struct under construction and what the parts offer for it. */
typedef struct {
    const pli__field *known; /* NULL if new */
    const char *name;
    pli__candidate *c;
    size_t n, cap;
} column;

typedef struct {
    column *items;
    size_t n, cap;
    pli__map *by_name; /* folded name -> index + 1, the new ones too */
    bool fold;
} columns;

static void columns_clear(columns *cs) {
    for (size_t i = 0; i < cs->n; i++) free(cs->items[i].c);
    free(cs->items);
    pli__map_free(cs->by_name);
}

static pli_status fold_name(const char *name, bool fold, pli__buf *out, pli_error *err) {
    pli__buf_reset(out);
    for (const char *s = name; *s; s++) pli__buf_addc(out, fold && *s >= 'A' && *s <= 'Z' ? (char)(*s | 32) : *s);
    if (!*name) pli__buf_addc(out, '\0');
    return pli__buf_status(out, err);
}

static void *as_value(size_t index) { return (void *)(uintptr_t)(index + 1); }

/* The column of that name, appended if it is not there and may be. NULL in *out otherwise. */
static pli_status find_column(columns *cs, const char *name, const pli__field *known, bool may_add, column **out,
                              pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf folded = {0};
    PLI_TRY(fold_name(name, cs->fold, &folded, err));
    const size_t at = (size_t)(uintptr_t)pli__map_get(cs->by_name, pli__buf_str(&folded));
    *out = NULL;
    if (at > 0 && !known) *out = &cs->items[at - 1];
    if (*out || !may_add) return PLI_OK;
    if (cs->n == cs->cap) {
        const size_t cap = cs->cap ? cs->cap * 2 : 16;
        column *items = realloc(cs->items, cap * sizeof *items);
        if (!items) return pli__error_memory(err);
        cs->items = items;
        cs->cap = cap;
    }
    if (at == 0 && !pli__map_put(cs->by_name, pli__buf_str(&folded), as_value(cs->n), NULL))
        return pli__error_memory(err);
    cs->items[cs->n] = (column){.known = known, .name = name};
    *out = &cs->items[cs->n++];
    return PLI_OK;
}

static pli_status add_candidate(column *col, pli__candidate c, pli_error *err) {
    if (col->n == col->cap) {
        const size_t cap = col->cap ? col->cap * 2 : 4;
        pli__candidate *grown = realloc(col->c, cap * sizeof *grown);
        if (!grown) return pli__error_memory(err);
        col->c = grown;
        col->cap = cap;
    }
    col->c[col->n++] = c;
    return PLI_OK;
}

static pli_status collect_columns(pli__planner *p, const pli__type *known, const pli__candidate *c, size_t n,
                                  columns *cs, pli_error *err) {
    column *col;
    for (size_t i = 0; known && i < known->n_fields; i++)
        PLI_TRY(find_column(cs, known->fields[i].name, &known->fields[i], true, &col, err));
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < c[i].type->n_fields; k++) {
            const pli__field *f = &c[i].type->fields[k];
            PLI_TRY(find_column(cs, f->name, NULL, !known || pli__plan_adds(p), &col, err));
            if (col) PLI_TRY(add_candidate(col, (pli__candidate){f->type, c[i].part}, err));
        }
    }
    return PLI_OK;
}

static pli_status merge_struct(pli__planner *p, const pli__type *known, const pli__candidate *c, size_t n, bool top,
                               const pli__type **out, pli_error *err) {
    PLI_AUTO(columns_clear)
    columns cs = {.by_name = pli__map_new(), .fold = !p->policy->case_sensitive && !p->policy->package};
    PLI_AUTO(pli__type_builder_clear) pli__type_builder b = {0};
    if (!cs.by_name) return pli__error_memory(err);
    PLI_TRY(collect_columns(p, known, c, n, &cs, err));
    for (size_t i = 0; i < cs.n; i++) {
        column *col = &cs.items[i];
        const pli__type *before = col->known && col->known->type->id != PLI__TYPE_NULL ? col->known->type : NULL;
        const pli__type *hint = top && !before ? pli__plan_hint(p, col->name) : NULL;
        const pli__type *t = NULL;
        if (hint) t = pli__type_ref(hint);
        else PLI_TRY(merge_column(p, before, col->c, col->n, &t, err));
        pli__type_builder_add(&b, pli__str_of(col->name), t, col->known ? col->known->nullable : true,
                              col->known ? col->known->metadata : NULL);
    }
    return take(pli__type_builder_finish(&b), out, err);
}

/* ---- lists and maps ---- */

/* The candidates' element (which = 0), key (0) or value (1) types. */
static pli_status merge_inner(pli__planner *p, const pli__type *known, const pli__candidate *c, size_t n, size_t which,
                              const pli__type **out, pli_error *err) {
    PLI_AUTO(pli__free_ptr) pli__candidate *inner = calloc(n + 1, sizeof *inner);
    if (!inner) return pli__error_memory(err);
    for (size_t i = 0; i < n; i++) inner[i] = (pli__candidate){c[i].type->fields[which].type, c[i].part};
    const pli__type *before = known && known->fields[which].type->id != PLI__TYPE_NULL ? known->fields[which].type
                                                                                       : NULL;
    return merge_column(p, before, inner, n, out, err);
}

/* The one size that known type and candidates share; 0 (a list) if they differ and may. */
static size_t array_size(const pli__planner *p, const pli__type *known, const pli__candidate *c, size_t n) {
    size_t size = known ? known->array_size : n ? c[0].type->array_size : 0;
    if (known && p->policy->mode != PLI__SCHEMA_WIDEN) return size;
    for (size_t i = 0; i < n; i++)
        if (c[i].type->array_size != size) size = 0;
    return size;
}

static pli_status merge_list(pli__planner *p, const pli__type *known, const pli__candidate *c, size_t n,
                             const pli__type **out, pli_error *err) {
    const pli__type *element = NULL;
    PLI_TRY(merge_inner(p, known, c, n, 0, &element, err));
    const size_t size = array_size(p, known, c, n);
    return take(size ? pli__type_new_array(element, size) : pli__type_new_list(element, true), out, err);
}

static pli_status merge_map(pli__planner *p, const pli__type *known, const pli__candidate *c, size_t n,
                            const pli__type **out, pli_error *err) {
    PLI_AUTO(pli__type_auto) const pli__type *key = NULL;
    const pli__type *value = NULL;
    PLI_TRY(merge_inner(p, known, c, n, 0, &key, err));
    PLI_TRY(merge_inner(p, known, c, n, 1, &value, err));
    return take(pli__type_new_map(PLI_TAKE(key), value, true), out, err);
}

/* ---- a column ---- */

/* Keeps the candidates of one kind of type (or the nested ones, or those with a type). @return how many are left */
static size_t keep_kind(pli__candidate *c, size_t n, pli__type_id id) {
    size_t left = 0;
    for (size_t i = 0; i < n; i++)
        if (c[i].type->id == id) c[left++] = c[i];
    return left;
}

static size_t drop_null(pli__candidate *c, size_t n) {
    size_t left = 0;
    for (size_t i = 0; i < n; i++)
        if (c[i].type->id != PLI__TYPE_NULL) c[left++] = c[i];
    return left;
}

/* What a new column is when the parts do not agree on its kind: JSON text holds everything that JSON can say; between
 * typed files it is a conflict, which the decisions report against the type taken here. */
static pli_status merge_kinds(pli__planner *p, pli__candidate *c, size_t n, const pli__type **out, pli_error *err) {
    for (size_t i = 0; i < n; i++)
        if (is_text(p, c[i].part)) return take(pli__type_new(PLI__TYPE_STRING), out, err);
    PLI_TRY(merge_simple(p, NULL, c, n, out, err));
    return *out ? PLI_OK : take(pli__type_ref(c[0].type), out, err);
}

/* `known` NULL: a new column, or one without a type so far. The candidates may be put into another order. */
static pli_status merge_column(pli__planner *p, const pli__type *known, pli__candidate *c, size_t n,
                               const pli__type **out, pli_error *err) {
    n = drop_null(c, n);
    if (n == 0) return take(known ? pli__type_ref(known) : pli__type_new(PLI__TYPE_NULL), out, err);
    const pli__type_id id = known ? known->id : c[0].type->id;
    const bool nested = id == PLI__TYPE_STRUCT || id == PLI__TYPE_LIST || id == PLI__TYPE_MAP;
    if (!known) {
        size_t alike = 0;
        for (size_t i = 0; i < n; i++) alike += c[i].type->id == id || (!nested && !pli__type_is_nested(c[i].type));
        if (alike < n) return merge_kinds(p, c, n, out, err);
    }
    if (!nested) {
        if (known && p->policy->mode != PLI__SCHEMA_WIDEN) return take(pli__type_ref(known), out, err);
        return merge_simple(p, known, c, n, out, err);
    }
    n = keep_kind(c, n, id);
    if (id == PLI__TYPE_STRUCT) return merge_struct(p, known, c, n, false, out, err);
    return id == PLI__TYPE_LIST ? merge_list(p, known, c, n, out, err) : merge_map(p, known, c, n, out, err);
}

pli_status pli__plan_merge(pli__planner *p, const pli__type **out, pli_error *err) {
    const size_t n = p->in->n_parts;
    PLI_AUTO(pli__free_ptr) pli__candidate *c = calloc(n + 1, sizeof *c);
    if (!c) return pli__error_memory(err);
    for (size_t i = 0; i < n; i++) c[i] = (pli__candidate){p->normal[p->order[i]], p->order[i]};
    return merge_struct(p, p->plan->base, c, n, true, out, err);
}

/* ---- names of fields ---- */

pli_status pli__field_index_init(pli__field_index *x, const pli__type *type, bool case_sensitive, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf folded = {0};
    *x = (pli__field_index){.type = type, .fold = !case_sensitive, .map = pli__map_new(), .twin = type->n_fields};
    if (!x->map) return pli__error_memory(err);
    for (size_t i = 0; i < type->n_fields; i++) {
        PLI_TRY(fold_name(type->fields[i].name, x->fold, &folded, err));
        if (pli__map_has(x->map, pli__buf_str(&folded))) x->twin = x->twin == type->n_fields ? i : x->twin;
        else if (!pli__map_put(x->map, pli__buf_str(&folded), as_value(i), NULL)) return pli__error_memory(err);
    }
    return PLI_OK;
}

void pli__field_index_clear(pli__field_index *x) { pli__map_free(x->map); }

int pli__field_index_find(const pli__field_index *x, const char *name) {
    PLI_AUTO(pli__buf_clear) pli__buf folded = {0};
    if (fold_name(name, x->fold, &folded, NULL) != PLI_OK) return -1;
    return (int)(intptr_t)pli__map_get(x->map, pli__buf_str(&folded)) - 1;
}
