/*
 * Conditions that the table puts on its rows. NOT NULL of a simple top-level column costs nothing: the null count of each
 * file shows it (write_files.c). What lies inside of structs, lists and maps, CHECK constraints and invariants are
 * evaluated by the engine in the same pass; a row for which one is not true ends the write.
 */
#include <stdlib.h>

#include "base/json.h"
#include "delta/spark_sql.h"
#include "delta/write_plan.h"

static const pli__str constraint_prefix = {"delta.constraints.", 18};

typedef struct {
    pli__write_plan *p;
    size_t cap;
} builder;

/* @param name what is said when a row breaks it; a failed buffer is reported here */
static pli_status add_check(builder *b, pli__str sql, pli__buf *name, pli_error *err) {
    pli__write_plan *p = b->p;
    if (p->n_checks == b->cap) {
        const size_t cap = b->cap ? b->cap * 2 : 8;
        pli__row_check *more = pli__arena_calloc(&p->arena, cap, sizeof *more);
        if (!more) return pli__error_memory(err);
        if (p->n_checks) memcpy(more, p->checks, p->n_checks * sizeof *more);
        p->checks = more;
        b->cap = cap;
    }
    PLI_TRY(pli__buf_status(name, err));
    p->checks[p->n_checks++] = (pli__row_check){pli__arena_str(&p->arena, pli__buf_str(name)),
                                                pli__arena_str(&p->arena, sql)};
    return pli__arena_status(&p->arena, err);
}

/* ---- NOT NULL below the top ---- */

static bool needs_nested_check(const pli__type *t) {
    for (size_t i = 0; i < t->n_fields; i++) {
        const bool key = t->id == PLI__TYPE_MAP && i == 0; /* the engine's maps have no null keys */
        if (!key && (!t->fields[i].nullable || needs_nested_check(t->fields[i].type))) return true;
    }
    return false;
}

/* A condition that is true where `expr`, which is not null itself, has nulls only where its type allows them. */
static void add_condition(const pli__type *t, pli__str expr, int depth, pli__buf *out);

static void add_field_condition(const pli__field *f, pli__str expr, int depth, pli__buf *out) {
    if (!f->nullable) {
        pli__buf_adds(out, expr);
        pli__buf_addz(out, " IS NOT NULL AND ");
    } else {
        pli__buf_addc(out, '(');
        pli__buf_adds(out, expr);
        pli__buf_addz(out, " IS NULL OR ");
    }
    add_condition(f->type, expr, depth, out);
    if (f->nullable) pli__buf_addc(out, ')');
}

static void add_condition(const pli__type *t, pli__str expr, int depth, pli__buf *out) {
    if (!needs_nested_check(t)) {
        pli__buf_addz(out, "true");
        return;
    }
    if (t->id == PLI__TYPE_STRUCT) {
        pli__buf_addz(out, "(true");
        for (size_t i = 0; i < t->n_fields; i++) {
            PLI_AUTO(pli__buf_clear) pli__buf inner = {0};
            pli__buf_adds(&inner, expr);
            pli__buf_addc(&inner, '.');
            pli__buf_add_sql_name(&inner, pli__str_of(t->fields[i].name));
            pli__buf_addz(out, " AND ");
            add_field_condition(&t->fields[i], pli__buf_str(&inner), depth, out);
        }
        pli__buf_addc(out, ')');
        return;
    }
    PLI_AUTO(pli__buf_clear) pli__buf var = {0};
    pli__buf_addf(&var, "pli_c%d", depth);
    pli__buf_addz(out, t->id == PLI__TYPE_MAP ? "len(list_filter(map_values(" : "len(list_filter((");
    pli__buf_adds(out, expr);
    pli__buf_addf(out, "), lambda %s: NOT (", var.ptr ? var.ptr : "");
    add_field_condition(&t->fields[t->n_fields - 1], pli__buf_str(&var), depth + 1, out);
    pli__buf_addz(out, "))) = 0");
}

static pli_status check_nulls(builder *b, const pli__field *f, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0}, name = {0}, said = {0};
    const bool nested = pli__type_is_nested(f->type);
    if (!nested || (f->nullable && !needs_nested_check(f->type))) return PLI_OK;
    pli__buf_add_sql_name(&name, pli__str_of(f->name));
    PLI_TRY(pli__buf_status(&name, err));
    add_field_condition(f, pli__buf_str(&name), 0, &sql);
    PLI_TRY(pli__buf_status(&sql, err));
    pli__buf_addf(&said, "column '%s' must not be null", f->name);
    return add_check(b, pli__buf_str(&sql), &said, err);
}

/* ---- expressions of the table ---- */

static pli_status check_expression(builder *b, const char *kind, pli__str name, pli__str expression, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0}, said = {0};
    PLI_TRY_IN(pli__spark_sql(expression, &sql, err), err, "%s '%.*s'", kind, PLI_STR_ARG(name));
    pli__buf_addf(&said, "%s '%.*s' (%.*s) is not met by a row", kind, PLI_STR_ARG(name), PLI_STR_ARG(expression));
    return add_check(b, pli__buf_str(&sql), &said, err);
}

/* delta.invariants of a field: {"expression":{"expression":"<sql>"}} */
static pli_status check_invariant(builder *b, const pli__field *f, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf text = {0};
    PLI_AUTO(pli__json_unref) json_t *root = NULL;
    json_t *outer = NULL;
    const char *expression = NULL;
    if (!pli__field_meta_str(f, "delta.invariants", &text)) return PLI_OK;
    PLI_TRY(pli__json_parse(pli__buf_str(&text), "delta.invariants", &root, err));
    PLI_TRY(pli__json_get_obj(root, "expression", "delta.invariants", true, &outer, err));
    PLI_TRY(pli__json_get_str(outer, "expression", "delta.invariants", true, &expression, err));
    return check_expression(b, "invariant of column", pli__str_of(f->name), pli__str_of(expression), err);
}

static pli_status check_generated(builder *b, const pli__field *f, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf text = {0}, sql = {0}, said = {0};
    if (!pli__field_meta_str(f, "delta.generationExpression", &text)) return PLI_OK;
    pli__buf_add_sql_name(&sql, pli__str_of(f->name));
    pli__buf_addz(&sql, " IS NOT DISTINCT FROM (");
    PLI_TRY_IN(pli__spark_sql(pli__buf_str(&text), &sql, err), err, "generated column '%s'", f->name);
    pli__buf_addc(&sql, ')');
    PLI_TRY(pli__buf_status(&sql, err));
    pli__buf_addf(&said, "column '%s' differs from what generates it (%.*s)", f->name,
                  PLI_STR_ARG(pli__buf_str(&text)));
    return add_check(b, pli__buf_str(&sql), &said, err);
}

pli_status pli__write_plan_checks(pli__write_plan *p, pli_error *err) {
    builder b = {.p = p};
    for (size_t i = 0; i < p->table->n_fields; i++) {
        const pli__field *f = &p->table->fields[i];
        PLI_TRY(check_nulls(&b, f, err));
        PLI_TRY(check_invariant(&b, f, err));
        PLI_TRY(check_generated(&b, f, err));
    }
    for (size_t i = 0; i < p->metadata->n_configuration; i++) {
        const pli__kv *kv = &p->metadata->configuration[i];
        if (!pli__str_starts(kv->key, constraint_prefix) || !kv->value.ptr) continue;
        const pli__str name = {kv->key.ptr + constraint_prefix.len, kv->key.len - constraint_prefix.len};
        PLI_TRY(check_expression(&b, "constraint", name, kv->value, err));
    }
    return PLI_OK;
}
