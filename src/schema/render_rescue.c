/* Misfits and what is kept of them. In a struct each field is looked at for itself; a list or map with a misfit anywhere
 * is kept whole, because positions in it have no name. */
#include <stdio.h>

#include "schema/render_impl.h"

static bool any_may_misfit(const pli__evolve_node *nodes, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (pli__may_misfit(&nodes[i])) return true;
    return false;
}

bool pli__may_misfit(const pli__evolve_node *n) {
    switch (n->convert) {
        case PLI__CONVERT_AS_IS:
        case PLI__CONVERT_NULL: return false;
        case PLI__CONVERT_CAST: return n->checked;
        case PLI__CONVERT_FIELDS:
            return any_may_misfit(n->children, n->n_children) || any_may_misfit(n->extra, n->n_extra);
        default: return true;
    }
}

/* The value's expression of a child; "NULL" where it has none. */
static pli_status child_value(pli__buf *out, const pli__evolve_node *child, const char *v, pli_error *err) {
    pli__buf_reset(out);
    if (child->to && pli__has_type(child->to)) return pli__render_field(out, v, child->name, err);
    pli__buf_addz(out, "NULL");
    return pli__buf_status(out, err);
}

/* ---- the condition ---- */

static pli_status misfit_of_fields(pli__buf *b, const pli__evolve_node *nodes, size_t n, const char *e, const char *v,
                                   int depth, bool *any, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf source = {0}, value = {0};
    for (size_t i = 0; i < n; i++) {
        if (!pli__may_misfit(&nodes[i])) continue;
        PLI_TRY(pli__render_field(&source, e, nodes[i].source_name, err));
        PLI_TRY(child_value(&value, &nodes[i], v, err));
        if (*any) pli__buf_addz(b, " OR ");
        *any = true;
        PLI_TRY(pli__render_misfit(b, &nodes[i], source.ptr, value.ptr, depth, err));
    }
    return pli__buf_status(b, err);
}

static pli_status misfit_of_struct(pli__buf *b, const pli__evolve_node *n, const char *e, const char *v, int depth,
                                   pli_error *err) {
    bool any = false;
    pli__buf_addc(b, '(');
    PLI_TRY(misfit_of_fields(b, n->children, n->n_children, e, v, depth, &any, err));
    PLI_TRY(misfit_of_fields(b, n->extra, n->n_extra, e, v, depth, &any, err));
    pli__buf_addc(b, ')');
    return pli__buf_status(b, err);
}

/* Pairs of what was and what became, element by element. */
static pli_status misfit_of_list(pli__buf *b, const pli__evolve_node *n, const char *e, const char *v, int depth,
                                 pli_error *err) {
    char was[32], is[32];
    snprintf(was, sizeof was, "pli_p%d[1]", depth);
    snprintf(is, sizeof is, "pli_p%d[2]", depth);
    pli__buf_addf(b, "len(list_filter(list_zip(%s, %s), lambda pli_p%d: ", e, v, depth);
    PLI_TRY(pli__render_misfit(b, &n->children[0], was, is, depth + 1, err));
    pli__buf_addz(b, ")) > 0");
    return pli__buf_status(b, err);
}

static pli_status misfit_of_map(pli__buf *b, const pli__evolve_node *n, const char *e, const char *v, int depth,
                                pli_error *err) {
    static const char *const parts[] = {"key", "value"};
    PLI_AUTO(pli__buf_clear) pli__buf was = {0}, is = {0};
    bool any = false;
    pli__buf_addf(b, "len(list_filter(list_zip(map_entries(%s), map_entries(%s)), lambda pli_p%d: ", e, v, depth);
    for (size_t i = 0; i < 2; i++) {
        if (!pli__may_misfit(&n->children[i])) continue;
        pli__buf_reset(&was);
        pli__buf_reset(&is);
        pli__buf_addf(&was, "pli_p%d[1].\"%s\"", depth, parts[i]);
        pli__buf_addf(&is, "pli_p%d[2].\"%s\"", depth, parts[i]);
        PLI_TRY(pli__buf_status(&was, err));
        PLI_TRY(pli__buf_status(&is, err));
        if (any) pli__buf_addz(b, " OR ");
        any = true;
        PLI_TRY(pli__render_misfit(b, &n->children[i], was.ptr, is.ptr, depth + 1, err));
    }
    pli__buf_addz(b, ")) > 0");
    return pli__buf_status(b, err);
}

pli_status pli__render_misfit(pli__buf *b, const pli__evolve_node *n, const char *e, const char *v, int depth,
                              pli_error *err) {
    if (n->convert == PLI__CONVERT_RESCUE || !n->to || !pli__has_type(n->to)) {
        pli__buf_addf(b, "(%s IS NOT NULL)", e);
        return pli__buf_status(b, err);
    }
    if (n->convert != PLI__CONVERT_FIELDS) {
        pli__buf_addf(b, "(%s IS NULL AND %s IS NOT NULL)", v, e);
        return pli__buf_status(b, err);
    }
    if (n->to->id == PLI__TYPE_LIST) return misfit_of_list(b, n, e, v, depth, err);
    return n->to->id == PLI__TYPE_MAP ? misfit_of_map(b, n, e, v, depth, err)
                                      : misfit_of_struct(b, n, e, v, depth, err);
}

/* ---- the values ---- */

static pli_status rescued_of_fields(pli__buf *b, const pli__evolve_node *nodes, size_t n, pli__rep rep, const char *e,
                                    const char *v, int depth, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf source = {0}, value = {0};
    for (size_t i = 0; i < n; i++) {
        if (!pli__may_misfit(&nodes[i])) continue;
        PLI_TRY(pli__render_field(&source, e, nodes[i].source_name, err));
        PLI_TRY(child_value(&value, &nodes[i], v, err));
        pli__buf_addz(b, ", CASE WHEN ");
        PLI_TRY(pli__render_misfit(b, &nodes[i], source.ptr, value.ptr, depth, err));
        pli__buf_addz(b, " THEN ");
        PLI_TRY(pli__render_key(b, nodes[i].source_name, err));
        pli__buf_addz(b, " || ");
        PLI_TRY(pli__render_rescued(b, &nodes[i], rep, source.ptr, value.ptr, depth, err));
        pli__buf_addz(b, " END");
    }
    return pli__buf_status(b, err);
}

pli_status pli__render_rescued(pli__buf *b, const pli__evolve_node *n, pli__rep rep, const char *e, const char *v,
                               int depth, pli_error *err) {
    if (rep == PLI__REP_TEXT) pli__buf_addf(b, "CAST(to_json(%s) AS VARCHAR)", e);
    else if (rep == PLI__REP_JSON) pli__buf_addf(b, "CAST(%s AS VARCHAR)", e);
    else if (n->convert != PLI__CONVERT_FIELDS || n->to->id != PLI__TYPE_STRUCT)
        PLI_TRY(pli__render_json_of(b, rep, n->from, e, depth, err));
    else {
        pli__buf_addz(b, "concat('{', concat_ws(','");
        PLI_TRY(rescued_of_fields(b, n->children, n->n_children, rep, e, v, depth, err));
        PLI_TRY(rescued_of_fields(b, n->extra, n->n_extra, rep, e, v, depth, err));
        pli__buf_addz(b, "), '}')");
    }
    return pli__buf_status(b, err);
}
