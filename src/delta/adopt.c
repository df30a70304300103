/* Taking over data files: do they fit, what is in them, where do they belong. */
#include "delta/adopt.h"

#include <stdlib.h>

#include "delta/stats_footer.h"
#include "delta/written.h"

/* ---- do they fit? ---- */

/* The file must hold the very type of the table: nothing is converted on the way. */
static bool same_type(const pli__type *input, const pli__type *table) {
    if (input->id != table->id || input->array_size || input->unit != PLI__UNIT_US) return false;
    if (!pli__type_is_nested(table)) return pli__type_equal(input, table, false);
    if (table->id == PLI__TYPE_MAP || input->n_fields != table->n_fields) return false;
    for (size_t i = 0; i < table->n_fields; i++) {
        if (!table->fields[i].nullable) return false; /* footers do not tell nulls of lists and structs apart */
        if (table->id == PLI__TYPE_STRUCT && strcmp(input->fields[i].name, table->fields[i].name) != 0) return false;
        if (!same_type(input->fields[i].type, table->fields[i].type)) return false;
    }
    return true;
}

static bool has_column(const pli__type *input, const pli__field *f) {
    const int k = pli__type_find(input, pli__str_of(f->name), true);
    if (k < 0 || strcmp(input->fields[k].name, f->name) != 0) return false;
    return same_type(input->fields[k].type, f->type) && (f->nullable || !pli__type_is_nested(f->type));
}

/* Types whose text is the same to everybody. */
static bool is_plain_key(const pli__type *t) {
    return pli__type_is_integer(t) || t->id == PLI__TYPE_STRING || t->id == PLI__TYPE_DATE ||
           t->id == PLI__TYPE_BOOLEAN;
}

bool pli__adopt_fits(const pli__write_plan *plan, const pli__type *input) {
    if (plan->mapped || plan->n_checks || plan->order_by) return false;
    if (input->n_fields != plan->logical->n_fields + plan->n_parts) return false;
    for (size_t i = 0; i < plan->logical->n_fields; i++)
        if (!has_column(input, &plan->logical->fields[i])) return false;
    for (size_t i = 0; i < plan->n_parts; i++)
        if (!has_column(input, plan->parts[i].field) || !is_plain_key(plan->parts[i].field->type)) return false;
    return true;
}

/* ---- taking them over ---- */

static pli_status adopt_file(pli__placer *p, const pli__adopted_file *f, pli_error *err) {
    PLI_AUTO(pli__arena_clear) pli__arena arena = {0};
    pli__written_file file;
    pli__written_key *keys = pli__arena_calloc(&arena, f->n_keys + 1, sizeof *keys);
    if (!keys) return pli__error_memory(err);
    if (f->n_keys != p->plan->n_parts)
        return pli__error_set(err, PLI_E_ARGUMENT, "file '%s' has %zu partition values where the table has %zu columns",
                              f->path, f->n_keys, p->plan->n_parts);
    for (size_t i = 0; i < f->n_keys; i++) {
        char name[32];
        pli__write_part_name(i, name);
        keys[i].name = pli__str_of(pli__arena_strdup(&arena, pli__str_of(name)));
        if (f->keys[i]) keys[i].value = pli__str_of(f->keys[i]);
    }
    PLI_TRY(pli__arena_status(&arena, err));
    PLI_TRY(pli__stats_read_footer(p->plan->stats, p->engine, f->path, &arena, &file, err));
    /* as young as the mark of this write, so that no vacuum takes it before the commit */
    PLI_TRY(pli__fs_touch(f->path, err));
    return pli__place_file(p, &file, keys, f->n_keys, err);
}

static pli_status adopt_all(pli__placer *p, const pli__type *input, const pli__adopted_file *files, size_t n,
                            pli_error *err) {
    if (!pli__adopt_fits(p->plan, input)) {
        pli__error_set(err, PLI_E_CONFLICT, "table '%s' was changed while its rows were written", p->root);
        pli__error_flag(err, PLI_ERR_CONFLICT | PLI_ERR_RETRIABLE);
        return PLI_E_CONFLICT;
    }
    for (size_t i = 0; i < n; i++) PLI_TRY(adopt_file(p, &files[i], err));
    return PLI_OK;
}

pli_status pli__adopt_files(pli__delta *t, const pli__protocol *protocol, const pli__metadata *metadata,
                            const pli__type *input, const pli__adopted_file *files, size_t n,
                            const pli__write_options *options, pli__written **out, pli_error *err) {
    PLI_AUTO(pli__write_plan_auto) pli__write_plan *plan = NULL;
    PLI_AUTO(pli__map_auto) pli__map *folders = pli__map_new();
    pli__engine *engine = NULL;
    if (!folders) return pli__error_memory(err);
    PLI_TRY(pli__write_plan_new(protocol, metadata, options, &plan, err));
    PLI_TRY(pli__env_engine(pli__delta_env(t), &engine, err));
    pli__written *w = calloc(1, sizeof *w);
    if (!w) return pli__error_memory(err);
    pli__placer p = {
        .plan = plan, .out = w, .engine = engine, .root = pli__delta_root(t), .prefix = "part", .folders = folders};
    const pli_status status = adopt_all(&p, input, files, n, err);
    if (status != PLI_OK) {
        pli__written_delete(w, t);
        pli__written_free(w);
        return status;
    }
    *out = w;
    return PLI_OK;
}
