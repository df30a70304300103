#include "schema/columns.h"

#include "base/json.h"
#include "base/map.h"

static const char *type_key(pli__naming naming) { return naming == PLI__NAMING_SQL ? "type" : "dtype"; }

static pli_status write_type(const pli__type *t, pli__naming naming, pli__buf *out, pli_error *err) {
    PLI_TRY(naming == PLI__NAMING_SQL ? pli__type_to_sql(t, out, err) : pli__type_to_polars(t, out, err));
    return pli__buf_status(out, err);
}

/* ---- reading ---- */

typedef struct {
    pli__type_builder b;
    pli__map *names;
    pli__naming naming;
    const char *what;
} reader;

static void reader_clear(reader *r) {
    pli__type_builder_clear(&r->b);
    pli__map_free(r->names);
}

static pli_status add_column(reader *r, const char *name, const char *type, pli_error *err) {
    const pli__type *t = NULL;
    void *before = NULL;
    const pli__str key = name ? (pli__str){name, strlen(name) + 1} : (pli__str){0};
    if (!name || !type) return pli__error_set(err, PLI_E_CORRUPT, "%s: a column needs a name and a type", r->what);
    if (pli__map_has(r->names, key))
        return pli__error_set(err, PLI_E_CORRUPT, "%s: there are two columns '%s'", r->what, name);
    if (!pli__map_put(r->names, key, r, &before)) return pli__error_memory(err);
    const pli__str text = pli__str_of(type);
    PLI_TRY_IN(r->naming == PLI__NAMING_SQL ? pli__type_from_sql(text, &t, err) : pli__type_from_polars(text, &t, err),
               err, "%s, column '%s'", r->what, name);
    pli__type_builder_add(&r->b, pli__str_of(name), t, true, NULL);
    return r->b.failed ? pli__error_memory(err) : PLI_OK;
}

static pli_status read_columns(reader *r, const json_t *list, pli_error *err) {
    if (json_is_object(list)) {
        void *it = json_object_iter((json_t *)(uintptr_t)list);
        for (; it; it = json_object_iter_next((json_t *)(uintptr_t)list, it))
            PLI_TRY(add_column(r, json_object_iter_key(it), json_string_value(json_object_iter_value(it)), err));
        return PLI_OK;
    }
    if (!json_is_array(list)) return pli__error_set(err, PLI_E_CORRUPT, "%s: a schema is a list of columns", r->what);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *column = json_array_get(list, i);
        PLI_TRY(add_column(r, json_string_value(json_object_get(column, "name")),
                           json_string_value(json_object_get(column, type_key(r->naming))), err));
    }
    return PLI_OK;
}

pli_status pli__columns_parse(const json_t *list, pli__naming naming, const char *what, const pli__type **out,
                              pli_error *err) {
    PLI_AUTO(reader_clear) reader r = {.names = pli__map_new(), .naming = naming, .what = what};
    if (!r.names) return pli__error_memory(err);
    PLI_TRY(read_columns(&r, list, err));
    const pli__type *t = pli__type_builder_finish(&r.b);
    if (!t) return pli__error_memory(err);
    *out = t;
    return PLI_OK;
}

/* ---- writing ---- */

pli_status pli__type_json(const pli__type *t, pli__naming naming, json_t **out, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf text = {0};
    if (t) PLI_TRY(write_type(t, naming, &text, err));
    json_t *value = t ? json_stringn(text.ptr ? text.ptr : "", text.len) : json_null();
    if (!value) return pli__error_memory(err);
    *out = value;
    return PLI_OK;
}

pli_status pli__columns_json(const pli__type *schema, pli__naming naming, json_t **out, pli_error *err) {
    PLI_AUTO(pli__json_unref) json_t *list = json_array();
    for (size_t i = 0; i < schema->n_fields; i++) {
        json_t *type = NULL;
        PLI_TRY(pli__type_json(schema->fields[i].type, naming, &type, err));
        json_t *column = json_pack("{s:s, s:o}", "name", schema->fields[i].name, type_key(naming), type);
        if (!list || !column || json_array_append_new(list, column) < 0) return pli__error_memory(err);
    }
    if (!list) return pli__error_memory(err);
    *out = PLI_TAKE(list);
    return PLI_OK;
}

/* ---- differences ---- */

typedef struct {
    json_t *rows;
    pli__naming naming;
    pli__buf path;
} differ;

static void differ_clear(differ *d) {
    json_decref(d->rows);
    pli__buf_clear(&d->path);
}

static pli_status add_change(differ *d, const char *change, const pli__type *from, const pli__type *to,
                             pli_error *err) {
    json_t *row = json_object(), *value = NULL;
    if (!row || json_array_append_new(d->rows, row) < 0) return pli__error_memory(err);
    if (json_object_set_new(row, "column", json_stringn(d->path.ptr, d->path.len)) < 0 ||
        json_object_set_new(row, "change", json_string(change)) < 0)
        return pli__error_memory(err);
    PLI_TRY(pli__type_json(from, d->naming, &value, err));
    if (json_object_set_new(row, "from", value) < 0) return pli__error_memory(err);
    PLI_TRY(pli__type_json(to, d->naming, &value, err));
    return json_object_set_new(row, "to", value) < 0 ? pli__error_memory(err) : PLI_OK;
}

static pli_status diff_types(differ *d, const pli__type *a, const pli__type *b, pli_error *err);

/* Field by field: what is on both sides, what is gone, what is new. */
static pli_status diff_fields(differ *d, const pli__type *a, const pli__type *b, pli_error *err) {
    const bool named = b->id == PLI__TYPE_STRUCT;
    const size_t mark = d->path.len;
    for (size_t pass = 0; pass < 2; pass++) {
        const pli__type *here = pass == 0 ? b : a, *there = pass == 0 ? a : b;
        for (size_t i = 0; i < here->n_fields; i++) {
            const int at = named ? pli__type_find(there, pli__str_of(here->fields[i].name), true) : (int)i;
            d->path.len = mark;
            if (mark) pli__buf_addc(&d->path, '.');
            pli__buf_addz(&d->path, here->fields[i].name);
            PLI_TRY(pli__buf_status(&d->path, err));
            if (at >= 0 && pass == 0) PLI_TRY(diff_types(d, there->fields[at].type, here->fields[i].type, err));
            if (at < 0)
                PLI_TRY(add_change(d, pass == 0 ? "added" : "removed", pass == 0 ? NULL : here->fields[i].type,
                                   pass == 0 ? here->fields[i].type : NULL, err));
        }
    }
    d->path.len = mark;
    return PLI_OK;
}

static pli_status diff_types(differ *d, const pli__type *a, const pli__type *b, pli_error *err) {
    if (pli__type_equal(a, b, false)) return PLI_OK;
    if (pli__type_is_nested(a) && a->id == b->id && a->array_size == b->array_size) return diff_fields(d, a, b, err);
    return add_change(d, "type", a, b, err);
}

pli_status pli__columns_diff(const pli__type *before, const pli__type *after, pli__naming naming, json_t **out,
                             pli_error *err) {
    static const pli__type nothing = {.id = PLI__TYPE_STRUCT, .refs = -1};
    PLI_AUTO(differ_clear) differ d = {.rows = json_array(), .naming = naming};
    if (!d.rows) return pli__error_memory(err);
    PLI_TRY(diff_fields(&d, before ? before : &nothing, after, err));
    *out = PLI_TAKE(d.rows);
    return PLI_OK;
}
