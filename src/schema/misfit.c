/* Values that do not fit and stop the query: the renderer's error, recognised and told. */
#include <stdlib.h>

#include "base/utf8.h"
#include "schema/render_impl.h"

/* "pli_misfit|part|column|bytes|file|value|": the file's length comes first, because both may hold any character. The
 * engine may put text around it, and the message may be cut at its end. */
static const char mark[] = "pli_misfit|";

static bool take_number(const char **p, size_t *out) {
    char *end;
    if (**p < '0' || **p > '9') return false;
    *out = strtoul(*p, &end, 10);
    if (*end != '|') return false;
    *p = end + 1;
    return true;
}

/* As much as has room, cut between characters. */
static void copy_text(char *out, size_t room, const char *text, size_t len) {
    if (len > room - 1) len = pli__utf8_valid_prefix((pli__str){text, room - 1});
    memcpy(out, text, len);
    out[len] = 0;
}

static const pli__evolve_node *column_of(const pli__evolve_plan *plan, size_t part, size_t column) {
    if (part >= plan->n_parts) return NULL;
    const pli__evolve_node *root = &plan->parts[part];
    if (column < root->n_children) return &root->children[column];
    column -= root->n_children;
    return column < root->n_extra ? &root->extra[column] : NULL;
}

bool pli__misfit_find(const pli__evolve_plan *plan, const pli_error *engine_error, pli__misfit *out) {
    size_t part, column, len;
    const char *p = strstr(engine_error->message, mark);
    if (!p) return false;
    p += sizeof mark - 1;
    if (!take_number(&p, &part) || !take_number(&p, &column) || !take_number(&p, &len)) return false;
    const pli__evolve_node *node = column_of(plan, part, column);
    if (!node) return false;
    pli__misfit m = {.part = part, .node = node};
    const size_t left = strlen(p);
    copy_text(m.file, sizeof m.file, p, len < left ? len : left);
    if (left > len && p[len] == '|') {
        const char *value = p + len + 1, *end = strrchr(value, '|');
        copy_text(m.value, sizeof m.value, value, end ? (size_t)(end - value) : strlen(value));
    }
    *out = m;
    return true;
}

pli_status pli__misfit_error(const pli__evolve_plan *plan, const pli__misfit *misfit, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf to = {0}, from = {0};
    const pli__evolve_node *n = misfit->node;
    const pli__evolve_part *part = &plan->part_infos[misfit->part];
    if (n->to) PLI_TRY(pli__type_to_sql(n->to, &to, err));
    if (part->text) pli__buf_addz(&from, "text");
    else if (part->json) pli__buf_addz(&from, "JSON");
    else if (n->from) PLI_TRY(pli__type_to_sql(n->from, &from, err));
    PLI_TRY(pli__buf_status(&from, err));
    pli__error_set(err, PLI_E_SCHEMA, "column '%s' is %s in the schema, but the value %s (%s) in '%s' does not fit",
                   n->name, to.ptr ? to.ptr : "unknown", misfit->value, from.ptr, misfit->file);
    return pli__error_hint(
        err,
        "`rescue_mode: column` keeps such values beside the row, schema mode 'coerce' makes them NULL, an explicit type in `schema` takes them in");
}

bool pli__misfit_may_learn(const pli__evolve_plan *plan, const pli__misfit *misfit) {
    const pli__evolve_part *part = &plan->part_infos[misfit->part];
    if (!part->text && !part->json) return false;
    return !misfit->node->before || misfit->node->before->id == PLI__TYPE_NULL ||
           plan->policy.mode == PLI__SCHEMA_WIDEN;
}
