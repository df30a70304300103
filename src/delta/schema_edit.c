/* Changing single columns of a schema. */
#include "delta/schema_edit.h"

/* ---- paths ---- */

size_t pli__schema_path(const pli__type *schema, pli__str path, pli__buf *names) {
    size_t n = 1;
    bool quoted = false;
    if (pli__type_find(schema, path, false) >= 0) {
        pli__buf_adds(names, path);
    } else {
        for (size_t i = 0; i < path.len; i++) {
            if (path.ptr[i] == '`') {
                quoted = !quoted;
            } else if (path.ptr[i] == '.' && !quoted) {
                pli__buf_addc(names, '\0');
                n++;
            } else {
                pli__buf_addc(names, path.ptr[i]);
            }
        }
    }
    pli__buf_addc(names, '\0');
    return names->failed ? 0 : n;
}

/* ---- edits ---- */

typedef struct {
    const pli__schema_edit *edit;
    const char *name; /* next part of the path */
    size_t left;      /* parts from `name` on */
} editor;

static pli_status edit_type(editor e, const pli__type *t, const pli__type **out, pli_error *err);

static pli_status no_column(const pli__schema_edit *edit, pli_error *err) {
    return pli__error_set(err, PLI_E_ARGUMENT, "the table has no column '%.*s'", PLI_STR_ARG(edit->path));
}

static pli_status edit_inside(editor e, const pli__type *t, const pli__type **out, pli_error *err) {
    const editor inner = {e.edit, e.name + strlen(e.name) + 1, e.left - 1};
    if (inner.left == 0)
        return pli__error_set(err, PLI_E_ARGUMENT, "'%.*s' is not a field of a struct", PLI_STR_ARG(e.edit->path));
    return edit_type(inner, t, out, err);
}

static pli_status edit_field(editor e, const pli__field *f, pli__type_builder *b, pli_error *err) {
    const pli__type *inner = NULL;
    if (e.left > 1) {
        PLI_TRY(edit_inside(e, f->type, &inner, err));
        pli__type_builder_add(b, pli__str_of(f->name), inner, f->nullable, f->metadata);
        return PLI_OK;
    }
    switch (e.edit->kind) {
        case PLI__EDIT_RENAME:
            pli__type_builder_add(b, e.edit->name, pli__type_ref(f->type), f->nullable, f->metadata);
            return PLI_OK;
        case PLI__EDIT_DROP: return PLI_OK;
        default:
            return pli__error_set(err, PLI_E_EXISTS, "the table has a column '%.*s' already",
                                  PLI_STR_ARG(e.edit->path));
    }
}

static pli_status edit_struct(editor e, const pli__type *t, const pli__type **out, pli_error *err) {
    PLI_AUTO(pli__type_builder_clear) pli__type_builder b = {0};
    const int at = pli__type_find(t, pli__str_of(e.name), false);
    const bool adds = e.edit->kind == PLI__EDIT_ADD && e.left == 1;
    if (at < 0 && !adds) return no_column(e.edit, err);
    if (e.edit->kind == PLI__EDIT_RENAME && e.left == 1) {
        const int taken = pli__type_find(t, e.edit->name, false);
        if (taken >= 0 && taken != at)
            return pli__error_set(err, PLI_E_EXISTS, "the table has a column '%.*s' already",
                                  PLI_STR_ARG(e.edit->name));
    }
    for (size_t i = 0; i < t->n_fields; i++) {
        const pli__field *f = &t->fields[i];
        if ((int)i == at) PLI_TRY(edit_field(e, f, &b, err));
        else pli__type_builder_add(&b, pli__str_of(f->name), pli__type_ref(f->type), f->nullable, f->metadata);
    }
    if (at < 0) pli__type_builder_add(&b, pli__str_of(e.name), pli__type_ref(e.edit->type), true, NULL);
    if (!b.failed && b.n == 0)
        return pli__error_set(err, PLI_E_SCHEMA, "'%.*s' is the last one: there must be at least one column",
                              PLI_STR_ARG(e.edit->path));
    *out = pli__type_builder_finish(&b);
    return *out ? PLI_OK : pli__error_memory(err);
}

static pli_status edit_list(editor e, const pli__type *t, const pli__type **out, pli_error *err) {
    const pli__type *element = NULL;
    if (strcmp(e.name, "element") != 0) return no_column(e.edit, err);
    PLI_TRY(edit_inside(e, t->fields[0].type, &element, err));
    *out = pli__type_new_list(element, t->fields[0].nullable);
    return *out ? PLI_OK : pli__error_memory(err);
}

static pli_status edit_map(editor e, const pli__type *t, const pli__type **out, pli_error *err) {
    const bool key = strcmp(e.name, "key") == 0;
    const pli__type *inner = NULL;
    if (!key && strcmp(e.name, "value") != 0) return no_column(e.edit, err);
    PLI_TRY(edit_inside(e, t->fields[key ? 0 : 1].type, &inner, err));
    *out = pli__type_new_map(key ? inner : pli__type_ref(t->fields[0].type),
                             key ? pli__type_ref(t->fields[1].type) : inner, t->fields[1].nullable);
    return *out ? PLI_OK : pli__error_memory(err);
}

static pli_status edit_type(editor e, const pli__type *t, const pli__type **out, pli_error *err) {
    switch (t->id) {
        case PLI__TYPE_STRUCT: return edit_struct(e, t, out, err);
        case PLI__TYPE_LIST: return edit_list(e, t, out, err);
        case PLI__TYPE_MAP: return edit_map(e, t, out, err);
        default: return no_column(e.edit, err);
    }
}

pli_status pli__schema_apply(const pli__type *schema, const pli__schema_edit *edit, const pli__type **out,
                             pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf names = {0};
    const size_t n = pli__schema_path(schema, edit->path, &names);
    if (!n) return pli__error_memory(err);
    for (size_t i = 0, k = 0; k < n; k++, i += strlen(names.ptr + i) + 1)
        if (!names.ptr[i])
            return pli__error_set(err, PLI_E_ARGUMENT, "'%.*s' is no name of a column", PLI_STR_ARG(edit->path));
    return edit_type((editor){edit, names.ptr, n}, schema, out, err);
}
