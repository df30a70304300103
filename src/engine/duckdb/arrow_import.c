/*
 * One function for each kind of column. A column is a tree of nodes that follows the schema; each node is filled from
 * an array and a selection of its rows, so that dictionaries, lists and structs all lead to the same functions.
 */
#include "engine/duckdb/arrow_import.h"

#include <stdlib.h>

#include "base/map.h"
#include "engine/duckdb/arrow_values.h"

/* More elements in the lists of 2048 rows than this would break limits inside DuckDB. */
#define MAX_CHILD_ROWS ((int64_t)1 << 31)

struct pli__arrow_import {
    const pli__type *type;
    pli__arrow_node *columns;
    size_t n;
};

/* ---- which rows ---- */

/* Rows of an array: an index each, or without one, consecutive from `first`. Index -1 is NULL. */
typedef struct {
    const int64_t *index;
    int64_t first;
    size_t n;
} selection;

typedef struct {
    int64_t first_row; /* of the array, in the stream */
    int64_t first;     /* of the selection at the top */
} place;

static bool has_bit(const void *bits, int64_t i) { return ((const uint8_t *)bits)[i >> 3] >> (i & 7) & 1; }

static const void *validity_of(const pli__arrow_node *node, const struct ArrowArray *a) {
    return a->null_count != 0 && a->n_buffers > 0 && node->kind != PLI__ARROW_NULL ? a->buffers[0] : NULL;
}

static void clear_positions(pli__arrow_positions *p) { free(p->at); }

/* Where the values of the selected rows are in the array's buffers, -1 for NULL. */
static pli_status locate(const pli__arrow_node *node, const struct ArrowArray *a, selection rows,
                         pli__arrow_positions *out, pli_error *err) {
    const void *validity = validity_of(node, a);
    *out = (pli__arrow_positions){.first = rows.first + a->offset, .n = rows.n};
    if (!rows.index && rows.first + (int64_t)rows.n > a->length)
        return pli__error_set(err, PLI_E_DATA, "column '%s': an Arrow array is shorter than its parent says",
                              node->path);
    if (!rows.index && !validity && node->kind != PLI__ARROW_NULL) return PLI_OK;
    out->at = malloc((rows.n + 1) * sizeof *out->at);
    if (!out->at) return pli__error_memory(err);
    for (size_t i = 0; i < rows.n; i++) {
        const int64_t row = rows.index ? rows.index[i] : rows.first + (int64_t)i;
        const int64_t at = row + a->offset;
        const bool null = row < 0 || node->kind == PLI__ARROW_NULL || (validity && !has_bit(validity, at));
        if (row >= a->length)
            return pli__error_set(err, PLI_E_DATA, "column '%s': an Arrow index points behind its array", node->path);
        out->at[i] = null ? -1 : at;
        out->has_null = out->has_null || null;
    }
    return PLI_OK;
}

static void write_validity(const pli__arrow_positions *p, duckdb_vector v) {
    if (!p->has_null && !duckdb_vector_get_validity(v)) return;
    duckdb_vector_ensure_validity_writable(v);
    uint64_t *mask = duckdb_vector_get_validity(v);
    for (size_t i = 0; i < p->n; i++) {
        const uint64_t bit = UINT64_C(1) << (i & 63);
        if (p->at && p->at[i] < 0) mask[i >> 6] &= ~bit;
        else mask[i >> 6] |= bit;
    }
}

/* ---- filling ---- */

static pli_status fill(const pli__arrow_node *node, const struct ArrowArray *a, selection rows, const place *top,
                       duckdb_vector v, pli_error *err);

/* Value of an index into a dictionary. */
static int64_t read_index(const pli__arrow_node *node, const void *data, int64_t at) {
    switch (node->index_format) {
        case 'c': return ((const int8_t *)data)[at];
        case 'C': return ((const uint8_t *)data)[at];
        case 's': return ((const int16_t *)data)[at];
        case 'S': return ((const uint16_t *)data)[at];
        case 'i': return ((const int32_t *)data)[at];
        case 'I': return ((const uint32_t *)data)[at];
        default: return ((const int64_t *)data)[at];
    }
}

static pli_status fill_dictionary(const pli__arrow_node *node, const struct ArrowArray *a,
                                  const pli__arrow_positions *p, const place *top, duckdb_vector v, pli_error *err) {
    PLI_AUTO(pli__free_ptr) int64_t *index = malloc((p->n + 1) * sizeof *index);
    if (!index) return pli__error_memory(err);
    if (!a->dictionary)
        return pli__error_set(err, PLI_E_DATA, "column '%s': an Arrow array lacks its dictionary", node->path);
    for (size_t i = 0; i < p->n; i++) {
        const int64_t at = pli__arrow_at(p, i);
        index[i] = at < 0 ? -1 : read_index(node, a->buffers[1], at);
        if (at >= 0 && (index[i] < 0 || index[i] >= a->dictionary->length))
            return pli__error_set(err, PLI_E_DATA, "column '%s': an Arrow index points behind its dictionary",
                                  node->path);
    }
    return fill(node->children, a->dictionary, (selection){.index = index, .n = p->n}, top, v, err);
}

static pli_status fill_struct(const pli__arrow_node *node, const struct ArrowArray *a, const pli__arrow_positions *p,
                              const place *top, duckdb_vector v, pli_error *err) {
    const selection rows = {.index = p->at, .first = p->first, .n = p->n};
    for (size_t i = 0; i < node->n_children; i++)
        PLI_TRY(fill(&node->children[i], a->children[i], rows, top, duckdb_struct_vector_get_child(v, i), err));
    return PLI_OK;
}

/* Elements of row i of a list as a range of its child. */
static void range_of(const pli__arrow_node *node, const struct ArrowArray *a, int64_t at, int64_t *from,
                     int64_t *count) {
    const int32_t *narrow = a->buffers[1];
    const int64_t *wide = a->buffers[1];
    *from = node->wide_offsets ? wide[at] : narrow[at];
    if (node->kind == PLI__ARROW_LIST_VIEW)
        *count = node->wide_offsets ? ((const int64_t *)a->buffers[2])[at] : ((const int32_t *)a->buffers[2])[at];
    else *count = (node->wide_offsets ? wide[at + 1] : narrow[at + 1]) - *from;
}

/* Writes the lists' entries; *total gets the number of elements, *first where they begin if they are consecutive, else -1. */
static pli_status write_entries(const pli__arrow_node *node, const struct ArrowArray *a, const pli__arrow_positions *p,
                                duckdb_vector v, int64_t *total, int64_t *first, pli_error *err) {
    duckdb_list_entry *entries = duckdb_vector_get_data(v);
    int64_t next = -1;
    *total = 0;
    *first = 0;
    for (size_t i = 0; i < p->n; i++) {
        const int64_t at = pli__arrow_at(p, i);
        int64_t from = 0, count = 0;
        if (at >= 0) range_of(node, a, at, &from, &count);
        if (from < 0 || count < 0 || from > a->children[0]->length - count || *total > MAX_CHILD_ROWS)
            return pli__error_set(err, PLI_E_DATA, "column '%s': a list's Arrow offsets are wrong or too large",
                                  node->path);
        entries[i] = (duckdb_list_entry){.offset = (uint64_t)*total, .length = (uint64_t)count};
        *total += count;
        if (count == 0) continue;
        if (next == -1) *first = from;
        if (next != -1 && next != from) *first = -1;
        next = next == -1 || *first != -1 ? from + count : next;
    }
    return PLI_OK;
}

/* The child's rows one by one, for lists that are not consecutive. */
static int64_t *list_index(const pli__arrow_node *node, const struct ArrowArray *a, const pli__arrow_positions *p,
                           int64_t total) {
    int64_t *index = malloc(((size_t)total + 1) * sizeof *index);
    size_t n = 0;
    for (size_t i = 0; index && i < p->n; i++) {
        const int64_t at = pli__arrow_at(p, i);
        int64_t from = 0, count = 0;
        if (at >= 0) range_of(node, a, at, &from, &count);
        for (int64_t k = 0; k < count; k++) index[n++] = from + k;
    }
    return index;
}

static pli_status fill_list(const pli__arrow_node *node, const struct ArrowArray *a, const pli__arrow_positions *p,
                            const place *top, duckdb_vector v, pli_error *err) {
    PLI_AUTO(pli__free_ptr) int64_t *index = NULL;
    int64_t total, first;
    PLI_TRY(write_entries(node, a, p, v, &total, &first, err));
    if (first < 0) {
        index = list_index(node, a, p, total);
        if (!index) return pli__error_memory(err);
    }
    duckdb_list_vector_reserve(v, (idx_t)total);
    duckdb_list_vector_set_size(v, (idx_t)total);
    const selection elements = {.index = index, .first = first, .n = (size_t)total};
    PLI_TRY(fill(node->children, a->children[0], elements, top, duckdb_list_vector_get_child(v), err));
    if (node->type->id != PLI__TYPE_MAP || total == 0) return PLI_OK;
    duckdb_vector keys = duckdb_struct_vector_get_child(duckdb_list_vector_get_child(v), 0);
    const uint64_t *validity = duckdb_vector_get_validity(keys);
    for (int64_t i = 0; validity && i < total; i++)
        if (!(validity[i >> 6] >> (i & 63) & 1))
            return pli__error_set(err, PLI_E_DATA, "column '%s': a key of a map is NULL", node->path);
    return PLI_OK;
}

static pli_status fill_array(const pli__arrow_node *node, const struct ArrowArray *a, const pli__arrow_positions *p,
                             const place *top, duckdb_vector v, pli_error *err) {
    const int64_t size = (int64_t)node->size;
    const size_t total = p->n * node->size;
    duckdb_vector child = duckdb_array_vector_get_child(v);
    if (!p->at)
        return fill(node->children, a->children[0], (selection){.first = p->first * size, .n = total}, top, child, err);
    PLI_AUTO(pli__free_ptr) int64_t *index = malloc((total + 1) * sizeof *index);
    if (!index) return pli__error_memory(err);
    for (size_t i = 0; i < p->n; i++)
        for (int64_t k = 0; k < size; k++) index[i * node->size + (size_t)k] = p->at[i] < 0 ? -1 : p->at[i] * size + k;
    return fill(node->children, a->children[0], (selection){.index = index, .n = total}, top, child, err);
}

static pli_status fill_nested(const pli__arrow_node *node, const struct ArrowArray *a, const pli__arrow_positions *p,
                              const place *top, duckdb_vector v, pli_error *err) {
    switch (node->kind) {
        case PLI__ARROW_STRUCT: return fill_struct(node, a, p, top, v, err);
        case PLI__ARROW_ARRAY: return fill_array(node, a, p, top, v, err);
        default: return fill_list(node, a, p, top, v, err);
    }
}

/* "column 'a.b', row 17: " before the message; the row is known at the top only. */
static pli_status name_place(const pli__arrow_node *node, const place *top, size_t bad, pli_status status,
                             pli_error *err) {
    if (node->nested) return pli__error_prefix(err, status, "column '%s'", node->path);
    return pli__error_prefix(err, status, "column '%s', row %lld", node->path,
                             (long long)(top->first_row + top->first + (int64_t)bad + 1));
}

static pli_status fill(const pli__arrow_node *node, const struct ArrowArray *a, selection rows, const place *top,
                       duckdb_vector v, pli_error *err) {
    PLI_AUTO(clear_positions) pli__arrow_positions p = {0};
    size_t bad = 0;
    if (a->n_children < (int64_t)(node->kind == PLI__ARROW_DICTIONARY ? 0 : node->n_children))
        return pli__error_set(err, PLI_E_DATA, "column '%s': an Arrow array lacks children", node->path);
    PLI_TRY(locate(node, a, rows, &p, err));
    if (node->kind == PLI__ARROW_DICTIONARY) return fill_dictionary(node, a, &p, top, v, err);
    write_validity(&p, v);
    if (node->n_children) return fill_nested(node, a, &p, top, v, err);
    const pli_status status = pli__arrow_write_values(node, a, &p, v, &bad, err);
    return status == PLI_OK ? PLI_OK : name_place(node, top, bad, status, err);
}

pli_status pli__arrow_import_column(const pli__arrow_import *import, size_t i, const struct ArrowArray *array,
                                    int64_t first, size_t n, int64_t first_row, duckdb_vector out, pli_error *err) {
    const place top = {.first_row = first_row, .first = first};
    if (array->n_children != (int64_t)import->n)
        return pli__error_set(err, PLI_E_DATA, "an Arrow array has not the columns of its schema");
    return fill(&import->columns[i], array->children[i], (selection){.first = first + array->offset, .n = n}, &top, out,
                err);
}

/* ---- the tree of nodes ---- */

static void free_nodes(pli__arrow_node *nodes, size_t n) {
    for (size_t i = 0; i < n && nodes; i++) {
        free_nodes(nodes[i].children, nodes[i].n_children);
        free(nodes[i].path);
    }
    free(nodes);
}

static pli_status make_node(const struct ArrowSchema *s, const pli__type *type, const char *parent,
                            pli__arrow_node *out, pli_error *err);

static pli_status make_children(const struct ArrowSchema *const *schemas, const pli__type *const *types, size_t n,
                                pli__arrow_node *node, pli_error *err) {
    node->children = calloc(n, sizeof *node->children);
    if (!node->children) return pli__error_memory(err);
    node->n_children = n;
    for (size_t i = 0; i < n; i++) PLI_TRY(make_node(schemas[i], types[i], node->path, &node->children[i], err));
    return PLI_OK;
}

/* The entries of a map: DuckDB has a list of structs there, our type only key and value. */
static pli_status make_pairs(const struct ArrowSchema *entries, const pli__type *map, pli__arrow_node *node,
                             pli_error *err) {
    node->children = calloc(1, sizeof *node->children);
    if (!node->children) return pli__error_memory(err);
    node->n_children = 1;
    pli__arrow_node *pair = node->children;
    *pair = (pli__arrow_node){
        .kind = PLI__ARROW_STRUCT, .type = map, .nested = true, .path = pli__strz_dup(node->path)};
    if (!pair->path) return pli__error_memory(err);
    const struct ArrowSchema *schemas[] = {entries->children[0], entries->children[1]};
    const pli__type *types[] = {map->fields[0].type, map->fields[1].type};
    return make_children(schemas, types, 2, pair, err);
}

static pli_status make_struct_children(const struct ArrowSchema *s, const pli__type *type, pli__arrow_node *node,
                                       pli_error *err) {
    PLI_AUTO(pli__free_ptr) const pli__type **types = calloc(type->n_fields + 1, sizeof *types);
    if (!types) return pli__error_memory(err);
    if (type->n_fields == 0)
        return pli__error_set(err, PLI_E_UNSUPPORTED, "column '%s' is a struct without fields", node->path);
    for (size_t i = 0; i < type->n_fields; i++) types[i] = type->fields[i].type;
    return make_children((const struct ArrowSchema *const *)s->children, types, type->n_fields, node, err);
}

static pli_status make_node(const struct ArrowSchema *s, const pli__type *type, const char *parent,
                            pli__arrow_node *out, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf path = {0};
    pli__buf_addf(&path, "%s%s%s", parent ? parent : "", parent && *parent && s->name && *s->name ? "." : "",
                  s->name ? s->name : "");
    PLI_TRY(pli__buf_status(&path, err));
    *out = (pli__arrow_node){.type = type, .nested = parent != NULL, .path = pli__buf_take(&path)};
    PLI_TRY(pli__arrow_node_classify(out, s, err));
    if (s->dictionary) {
        const struct ArrowSchema *values = s->dictionary;
        return make_children(&values, &type, 1, out, err);
    }
    switch (type->id) {
        case PLI__TYPE_STRUCT: return make_struct_children(s, type, out, err);
        case PLI__TYPE_MAP: return make_pairs(s->children[0], type, out, err);
        case PLI__TYPE_LIST:
            return make_children((const struct ArrowSchema *const *)s->children, &type->fields[0].type, 1, out, err);
        default: return PLI_OK;
    }
}

/* The name in lower case as a key, ASCII only as in DuckDB. False if it was there or, with *failed, memory is out. */
static bool add_name(pli__map *seen, const char *name, pli__buf *key, bool *failed) {
    pli__buf_reset(key);
    for (const char *c = name; *c; c++) pli__buf_addc(key, *c >= 'A' && *c <= 'Z' ? (char)(*c + 32) : *c);
    void *old = NULL;
    const bool is_new = !pli__map_has(seen, pli__buf_str(key));
    *failed = key->failed || (is_new && !pli__map_put(seen, pli__buf_str(key), NULL, &old));
    return is_new && !*failed;
}

/* DuckDB does not tell names apart by their case, at any depth. */
static pli_status check_names(const pli__type *type, pli_error *err) {
    PLI_AUTO(pli__map_auto) pli__map *seen = pli__map_new();
    PLI_AUTO(pli__buf_clear) pli__buf key = {0};
    if (!seen) return pli__error_memory(err);
    for (size_t i = 0; i < type->n_fields; i++) {
        bool failed = false;
        if (type->id == PLI__TYPE_STRUCT && !add_name(seen, type->fields[i].name, &key, &failed))
            return failed ? pli__error_memory(err)
                          : pli__error_set(err, PLI_E_SCHEMA, "there are two columns '%s', at most differing in case",
                                           type->fields[i].name);
        PLI_TRY(check_names(type->fields[i].type, err));
    }
    return PLI_OK;
}

static pli_status make_columns(pli__arrow_import *import, const struct ArrowSchema *schema, pli_error *err) {
    PLI_TRY(pli__type_from_arrow(schema, &import->type, err));
    if (import->type->id != PLI__TYPE_STRUCT)
        return pli__error_set(err, PLI_E_ARGUMENT, "the stream holds no rows but '%s'", schema->format);
    if (import->type->n_fields == 0) return pli__error_set(err, PLI_E_ARGUMENT, "the stream has no columns");
    PLI_TRY(check_names(import->type, err));
    import->columns = calloc(import->type->n_fields, sizeof *import->columns);
    if (!import->columns) return pli__error_memory(err);
    import->n = import->type->n_fields;
    for (size_t i = 0; i < import->n; i++)
        PLI_TRY(make_node(schema->children[i], import->type->fields[i].type, NULL, &import->columns[i], err));
    return PLI_OK;
}

pli_status pli__arrow_import_new(const struct ArrowSchema *schema, pli__arrow_import **out, pli_error *err) {
    pli__arrow_import *import = calloc(1, sizeof *import);
    if (!import) return pli__error_memory(err);
    const pli_status status = make_columns(import, schema, err);
    if (status == PLI_OK) *out = import;
    else pli__arrow_import_free(import);
    return status;
}

void pli__arrow_import_free(pli__arrow_import *import) {
    if (!import) return;
    free_nodes(import->columns, import->n);
    pli__type_unref(import->type);
    free(import);
}

size_t pli__arrow_import_count(const pli__arrow_import *import) { return import->n; }

const pli__type *pli__arrow_import_type(const pli__arrow_import *import, size_t i) {
    return import->type->fields[i].type;
}
