/* Values of nested columns, field by field: typed ones as they are, JSON by way of a type whose leaves are raw JSON. */
#include <stdio.h>

#include "schema/render_impl.h"

static pli_status value_of_struct(pli__buf *b, const pli__evolve_node *n, pli__rep rep, const char *e, int depth,
                                  pli_error *err);
static pli_status json_value(pli__buf *b, const pli__type *to, const char *e, int depth, pli_error *err);

/* ---- typed ---- */

static pli_status value_of_list(pli__buf *b, const pli__evolve_node *n, pli__rep rep, const char *e, int depth,
                                pli_error *err) {
    char variable[24];
    snprintf(variable, sizeof variable, "pli_x%d", depth);
    pli__buf_addf(b, "list_transform(%s, lambda %s: ", e, variable);
    PLI_TRY(pli__render_value(b, &n->children[0], rep, variable, depth + 1, err));
    pli__buf_addc(b, ')');
    return pli__buf_status(b, err);
}

/* In JSON the key is text already. */
static pli_status value_of_map(pli__buf *b, const pli__evolve_node *n, pli__rep rep, const char *e, int depth,
                               pli_error *err) {
    char key[32], value[32];
    snprintf(key, sizeof key, "pli_x%d.\"key\"", depth);
    snprintf(value, sizeof value, "pli_x%d.\"value\"", depth);
    pli__buf_addf(b, "map_from_entries(list_transform(map_entries(%s), lambda pli_x%d: struct_pack(\"key\" := ", e,
                  depth);
    PLI_TRY(pli__render_value(b, &n->children[0], rep == PLI__REP_JSON ? PLI__REP_TEXT : rep, key, depth + 1, err));
    pli__buf_addz(b, ", \"value\" := ");
    PLI_TRY(pli__render_value(b, &n->children[1], rep, value, depth + 1, err));
    pli__buf_addz(b, ")))");
    return pli__buf_status(b, err);
}

static pli_status value_of_struct(pli__buf *b, const pli__evolve_node *n, pli__rep rep, const char *e, int depth,
                                  pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf field = {0};
    size_t written = 0;
    pli__buf_addf(b, "CASE WHEN %s IS NOT NULL THEN struct_pack(", e);
    for (size_t i = 0; i < n->n_children; i++) {
        const pli__evolve_node *child = &n->children[i];
        if (!pli__has_type(child->to)) continue;
        if (written++) pli__buf_addz(b, ", ");
        pli__buf_add_sql_name(b, pli__str_of(child->name));
        pli__buf_addz(b, " := ");
        PLI_TRY(pli__render_field(&field, e, child->source_name ? child->source_name : child->name, err));
        PLI_TRY(pli__render_value(b, child, rep, field.ptr, depth, err));
    }
    pli__buf_addz(b, ") END");
    return pli__buf_status(b, err);
}

/* Allowed to lose digits, so nothing is a misfit. */
static pli_status cast_lossy(pli__buf *b, const pli__type *to, const char *e, pli_error *err) {
    pli__buf_addf(b, "CAST(%s AS ", e);
    PLI_TRY(pli__render_type(b, to, err));
    pli__buf_addc(b, ')');
    return pli__buf_status(b, err);
}

pli_status pli__render_value(pli__buf *b, const pli__evolve_node *n, pli__rep rep, const char *e, int depth,
                             pli_error *err) {
    switch (n->convert) {
        case PLI__CONVERT_AS_IS: pli__buf_addz(b, e); return pli__buf_status(b, err);
        case PLI__CONVERT_NULL:
            /* The sample of a JSON file lacked it; its rows may not. */
            if (rep == PLI__REP_JSON) return json_value(b, n->to, e, depth, err);
            return pli__render_null(b, n->to, err);
        case PLI__CONVERT_RESCUE: return pli__render_null(b, n->to, err);
        case PLI__CONVERT_CAST:
            return n->reason == PLI__REASON_LOSSY ? cast_lossy(b, n->to, e, err)
                                                  : pli__render_cast(b, rep, n->from, n->to, e, err);
        default: break;
    }
    if (n->n_children == 0) return json_value(b, n->to, e, depth, err);
    if (n->to->id == PLI__TYPE_LIST) return value_of_list(b, n, rep, e, depth, err);
    if (n->to->id == PLI__TYPE_MAP) return value_of_map(b, n, rep, e, depth, err);
    return value_of_struct(b, n, rep, e, depth, err);
}

/* ---- JSON that the sample has not shown: by the type alone ---- */

static pli_status json_struct(pli__buf *b, const pli__type *to, const char *e, int depth, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf field = {0};
    size_t written = 0;
    pli__buf_addf(b, "CASE WHEN %s IS NOT NULL THEN struct_pack(", e);
    for (size_t i = 0; i < to->n_fields; i++) {
        if (!pli__has_type(to->fields[i].type)) continue;
        if (written++) pli__buf_addz(b, ", ");
        pli__buf_add_sql_name(b, pli__str_of(to->fields[i].name));
        pli__buf_addz(b, " := ");
        PLI_TRY(pli__render_field(&field, e, to->fields[i].name, err));
        PLI_TRY(json_value(b, to->fields[i].type, field.ptr, depth, err));
    }
    pli__buf_addz(b, ") END");
    return pli__buf_status(b, err);
}

static pli_status json_value(pli__buf *b, const pli__type *to, const char *e, int depth, pli_error *err) {
    char variable[24], key[40], value[40];
    snprintf(variable, sizeof variable, "pli_x%d", depth);
    switch (to->id) {
        case PLI__TYPE_STRUCT: return json_struct(b, to, e, depth, err);
        case PLI__TYPE_LIST:
            pli__buf_addf(b, "list_transform(%s, lambda %s: ", e, variable);
            PLI_TRY(json_value(b, to->fields[0].type, variable, depth + 1, err));
            pli__buf_addc(b, ')');
            return pli__buf_status(b, err);
        case PLI__TYPE_MAP:
            snprintf(key, sizeof key, "%s.\"key\"", variable);
            snprintf(value, sizeof value, "%s.\"value\"", variable);
            pli__buf_addf(b, "map_from_entries(list_transform(map_entries(%s), lambda %s: struct_pack(\"key\" := ", e,
                          variable);
            PLI_TRY(pli__render_cast(b, PLI__REP_TEXT, NULL, to->fields[0].type, key, err));
            pli__buf_addz(b, ", \"value\" := ");
            PLI_TRY(json_value(b, to->fields[1].type, value, depth + 1, err));
            pli__buf_addz(b, ")))");
            return pli__buf_status(b, err);
        default: return pli__render_cast(b, PLI__REP_JSON, NULL, to, e, err);
    }
}

/* ---- the types that JSON is read by ---- */

static pli_status json_shape(const pli__evolve_node *n, const pli__type *to, bool raw, const pli__type **out,
                             pli_error *err);

static pli_status shape_of(const pli__type *t, const pli__type **out, pli_error *err) {
    if (!t) return pli__error_memory(err);
    *out = t;
    return PLI_OK;
}

/* Fields by the names that the file has. Fields without a type are not read (raw), but looked at (a value is a misfit);
 * those that the plan gives up are read as NULL and unknown to the look, so that their values are misfits. */
static pli_status struct_shape(const pli__evolve_node *n, const pli__type *to, bool raw, const pli__type **out,
                               pli_error *err) {
    PLI_AUTO(pli__type_builder_clear) pli__type_builder b = {0};
    for (size_t i = 0; i < to->n_fields; i++) {
        const pli__evolve_node *child = n && n->n_children ? &n->children[i] : NULL;
        const bool given_up = child && child->convert == PLI__CONVERT_RESCUE;
        const pli__type *t = NULL;
        if (raw ? !pli__has_type(to->fields[i].type) : given_up) continue;
        PLI_TRY(json_shape(child, to->fields[i].type, raw, &t, err));
        pli__type_builder_add(&b, pli__str_of(child && child->source_name ? child->source_name : to->fields[i].name), t,
                              true, NULL);
    }
    return shape_of(pli__type_builder_finish(&b), out, err);
}

static pli_status json_shape(const pli__evolve_node *n, const pli__type *to, bool raw, const pli__type **out,
                             pli_error *err) {
    const pli__type *inner = NULL;
    switch (to->id) {
        case PLI__TYPE_STRUCT: return struct_shape(n, to, raw, out, err);
        case PLI__TYPE_LIST:
            PLI_TRY(json_shape(n && n->n_children ? &n->children[0] : NULL, to->fields[0].type, raw, &inner, err));
            return shape_of(pli__type_new_list(inner, true), out, err);
        case PLI__TYPE_MAP: {
            PLI_TRY(json_shape(n && n->n_children ? &n->children[1] : NULL, to->fields[1].type, raw, &inner, err));
            const pli__type *key = raw ? pli__type_new(PLI__TYPE_STRING) : pli__type_ref(to->fields[0].type);
            return shape_of(pli__type_new_map(key, inner, true), out, err);
        }
        default: return shape_of(raw ? pli__type_new(PLI__TYPE_JSON) : pli__type_ref(to), out, err);
    }
}

static pli_status shape_text(const pli__evolve_node *n, bool raw, pli__buf *out, pli_error *err) {
    PLI_AUTO(pli__type_auto) const pli__type *shape = NULL;
    PLI_TRY(json_shape(n, n->to, raw, &shape, err));
    PLI_TRY(pli__type_to_sql(shape, out, err));
    return pli__buf_status(out, err);
}

pli_status pli__render_json_misfits(pli__buf *b, const pli__evolve_node *n, const char *e, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf shape = {0};
    PLI_TRY(shape_text(n, false, &shape, err));
    pli__buf_addf(b, "pli_json_misfits(%s, ", e);
    pli__buf_add_sql_str(b, pli__buf_str(&shape));
    pli__buf_addc(b, ')');
    return pli__buf_status(b, err);
}

pli_status pli__render_json_read(pli__buf *b, const pli__evolve_node *n, const char *e, const char *m, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf spec = {0}, raw = {0}, quoted = {0};
    PLI_TRY(shape_text(n, false, &spec, err));
    PLI_TRY(shape_text(n, true, &raw, err));
    pli__buf_add_json(&quoted, pli__buf_str(&raw));
    PLI_TRY(pli__buf_status(&quoted, err));
    pli__buf_addf(b, "from_json(CAST(CASE WHEN %s IS NULL THEN CAST(%s AS VARCHAR) ELSE pli_json_prune(%s, ", m, e, e);
    pli__buf_add_sql_str(b, pli__buf_str(&spec));
    pli__buf_addz(b, ") END AS JSON), ");
    pli__buf_add_sql_str(b, pli__buf_str(&quoted));
    pli__buf_addc(b, ')');
    return pli__buf_status(b, err);
}
