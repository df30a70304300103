/*
 * The tree of types: construction, reference counts, comparison. Simple types are static and shared; everything else
 * is one allocation per node that is freed with its last reference. Types are immutable once handed out.
 */
#include "types/type.h"

#include <stdlib.h>

/* A reference of a static type is never counted, so that simple types cost nothing and cannot fail. */
#define STATIC_REFS (-1)

static const pli__type simple_types[] = {
#define SIMPLE(type_id) [type_id] = {.id = (type_id), .refs = STATIC_REFS}
    SIMPLE(PLI__TYPE_NULL),   SIMPLE(PLI__TYPE_BOOLEAN),  SIMPLE(PLI__TYPE_I8),        SIMPLE(PLI__TYPE_I16),
    SIMPLE(PLI__TYPE_I32),    SIMPLE(PLI__TYPE_I64),      SIMPLE(PLI__TYPE_I128),      SIMPLE(PLI__TYPE_U8),
    SIMPLE(PLI__TYPE_U16),    SIMPLE(PLI__TYPE_U32),      SIMPLE(PLI__TYPE_U64),       SIMPLE(PLI__TYPE_U128),
    SIMPLE(PLI__TYPE_F32),    SIMPLE(PLI__TYPE_F64),      SIMPLE(PLI__TYPE_STRING),    SIMPLE(PLI__TYPE_BINARY),
    SIMPLE(PLI__TYPE_DATE),   SIMPLE(PLI__TYPE_TIME),     SIMPLE(PLI__TYPE_TIMESTAMP), SIMPLE(PLI__TYPE_TIMESTAMP_NTZ),
    SIMPLE(PLI__TYPE_STRUCT), SIMPLE(PLI__TYPE_DURATION), SIMPLE(PLI__TYPE_JSON),      SIMPLE(PLI__TYPE_VARIANT),
    SIMPLE(PLI__TYPE_UUID),   SIMPLE(PLI__TYPE_ENUM),     SIMPLE(PLI__TYPE_OTHER),
#undef SIMPLE
};

static pli__type *alloc_type(pli__type_id id) {
    pli__type *t = calloc(1, sizeof *t);
    if (!t) return NULL;
    t->id = id;
    t->refs = 1;
    return t;
}

const pli__type *pli__type_new(pli__type_id id) {
    const size_t n = sizeof simple_types / sizeof simple_types[0];
    if ((size_t)id >= n || simple_types[id].id != id || simple_types[id].refs != STATIC_REFS) return NULL;
    return &simple_types[id];
}

const pli__type *pli__type_new_decimal(int precision, int scale) {
    if (precision < 1 || precision > 38 || scale < 0 || scale > precision) return NULL;
    pli__type *t = alloc_type(PLI__TYPE_DECIMAL);
    if (!t) return NULL;
    t->precision = (uint8_t)precision;
    t->scale = (uint8_t)scale;
    return t;
}

static const pli__type *new_with_text(pli__type_id id, pli__time_unit unit, pli__str text) {
    pli__type *t = alloc_type(id);
    if (!t) return NULL;
    t->unit = unit;
    if (text.len == 0) return t;
    t->text = pli__str_dup(text);
    if (t->text) return t;
    pli__type_unref(t);
    return NULL;
}

const pli__type *pli__type_new_time(pli__type_id id, pli__time_unit unit, pli__str zone) {
    const bool has_zone = id == PLI__TYPE_TIMESTAMP && zone.len && !pli__str_eqz(zone, "UTC");
    if (unit == PLI__UNIT_US && !has_zone) return pli__type_new(id);
    return new_with_text(id, unit, has_zone ? zone : (pli__str){"", 0});
}

const pli__type *pli__type_new_text(pli__type_id id, pli__str text) { return new_with_text(id, PLI__UNIT_US, text); }

/* ---- nested types ---- */

void pli__type_builder_clear(pli__type_builder *b) {
    for (size_t i = 0; i < b->n; i++) {
        free(b->fields[i].name);
        free(b->fields[i].metadata);
        pli__type_unref(b->fields[i].type);
    }
    free(b->fields);
    *b = (pli__type_builder){0};
}

static bool grow_builder(pli__type_builder *b) {
    if (b->n < b->cap) return true;
    const size_t cap = b->cap ? b->cap * 2 : 4;
    pli__field *fields = realloc(b->fields, cap * sizeof *fields);
    if (!fields) return false;
    b->fields = fields;
    b->cap = cap;
    return true;
}

void pli__type_builder_add(pli__type_builder *b, pli__str name, const pli__type *take_type, bool nullable,
                           const char *metadata) {
    if (b->failed || !take_type || !grow_builder(b)) {
        b->failed = true;
        pli__type_unref(take_type);
        return;
    }
    pli__field *f = &b->fields[b->n++];
    *f = (pli__field){
        .name = pli__str_dup(name), .type = take_type, .nullable = nullable, .metadata = pli__strz_dup(metadata)};
    if (!f->name || (metadata && !f->metadata)) b->failed = true;
}

/* Moves the builder's fields into a new type. */
static pli__type *finish_fields(pli__type_builder *b, pli__type_id id) {
    pli__type *t = b->failed ? NULL : alloc_type(id);
    if (!t) {
        pli__type_builder_clear(b);
        return NULL;
    }
    t->fields = b->fields;
    t->n_fields = b->n;
    *b = (pli__type_builder){0};
    return t;
}

const pli__type *pli__type_builder_finish(pli__type_builder *b) { return finish_fields(b, PLI__TYPE_STRUCT); }

static pli__type *new_list(const pli__type *take_element, bool contains_null) {
    pli__type_builder b = {0};
    pli__type_builder_add(&b, PLI_STR("element"), take_element, contains_null, NULL);
    return finish_fields(&b, PLI__TYPE_LIST);
}

const pli__type *pli__type_new_list(const pli__type *take_element, bool contains_null) {
    return new_list(take_element, contains_null);
}

const pli__type *pli__type_new_array(const pli__type *take_element, size_t size) {
    pli__type *t = new_list(take_element, true);
    if (t) t->array_size = size;
    return t;
}

const pli__type *pli__type_new_map(const pli__type *take_key, const pli__type *take_value, bool value_contains_null) {
    pli__type_builder b = {0};
    pli__type_builder_add(&b, PLI_STR("key"), take_key, false, NULL);
    pli__type_builder_add(&b, PLI_STR("value"), take_value, value_contains_null, NULL);
    return finish_fields(&b, PLI__TYPE_MAP);
}

/* ---- references ---- */

/* Only the count of a shared type ever changes; everything else stays const. */
static int *refs_of(const pli__type *t) { return (int *)((uintptr_t)t + offsetof(pli__type, refs)); }

static bool is_static(const pli__type *t) { return __atomic_load_n(&t->refs, __ATOMIC_RELAXED) < 0; }

const pli__type *pli__type_ref(const pli__type *t) {
    if (t && !is_static(t)) __atomic_add_fetch(refs_of(t), 1, __ATOMIC_RELAXED);
    return t;
}

void pli__type_unref(const pli__type *t) {
    if (!t || is_static(t)) return;
    if (__atomic_sub_fetch(refs_of(t), 1, __ATOMIC_ACQ_REL) > 0) return;
    pli__type_builder fields = {.fields = t->fields, .n = t->n_fields};
    pli__type_builder_clear(&fields);
    free(t->text);
    free((void *)(uintptr_t)t);
}

void pli__type_auto(const pli__type **t) { pli__type_unref(*t); }

/* ---- questions ---- */

static bool text_equal(const char *a, const char *b) { return a && b ? strcmp(a, b) == 0 : a == b; }

static bool metadata_equal(const char *a, const char *b) { return strcmp(a ? a : "{}", b ? b : "{}") == 0; }

static bool field_equal(const pli__field *a, const pli__field *b, bool named, bool deep) {
    if (named && strcmp(a->name, b->name) != 0) return false;
    if (deep && (a->nullable != b->nullable || !metadata_equal(a->metadata, b->metadata))) return false;
    return pli__type_equal(a->type, b->type, deep);
}

bool pli__type_equal(const pli__type *a, const pli__type *b, bool deep) {
    if (a == b) return true;
    if (!a || !b || a->id != b->id || a->precision != b->precision || a->scale != b->scale || a->unit != b->unit ||
        a->array_size != b->array_size || a->n_fields != b->n_fields || !text_equal(a->text, b->text))
        return false;
    for (size_t i = 0; i < a->n_fields; i++)
        if (!field_equal(&a->fields[i], &b->fields[i], a->id == PLI__TYPE_STRUCT, deep)) return false;
    return true;
}

bool pli__type_is_nested(const pli__type *t) {
    return t->id == PLI__TYPE_STRUCT || t->id == PLI__TYPE_LIST || t->id == PLI__TYPE_MAP;
}

bool pli__type_is_integer(const pli__type *t) { return t->id >= PLI__TYPE_I8 && t->id <= PLI__TYPE_U128; }

bool pli__type_is_float(const pli__type *t) { return t->id == PLI__TYPE_F32 || t->id == PLI__TYPE_F64; }

int pli__type_find(const pli__type *strct, pli__str name, bool case_sensitive) {
    int found = -1;
    for (size_t i = 0; i < strct->n_fields; i++) {
        if (pli__str_eqz(name, strct->fields[i].name)) return (int)i;
        if (!case_sensitive && pli__str_ieqz(name, strct->fields[i].name)) found = found == -1 ? (int)i : -2;
    }
    return found;
}

static void add_names(const char *const *names, size_t n, pli__buf *out) {
    enum { SHOWN = 20 };
    pli__buf_addz(out, "its columns: ");
    for (size_t i = 0; i < n && i < SHOWN; i++) pli__buf_addf(out, "%s%s", i ? ", " : "", names[i]);
    if (n > SHOWN) pli__buf_addf(out, " and %zu more", n - SHOWN);
}

pli_status pli__type_no_column(const pli__type *strct, const char *name, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf hint = {0};
    PLI_AUTO(pli__free_ptr) const char **names = calloc(strct->n_fields + 1, sizeof *names);
    for (size_t i = 0; names && i < strct->n_fields; i++) names[i] = strct->fields[i].name;
    const char *near = names ? pli__str_nearest(name, names, strct->n_fields) : NULL;
    const pli_status status = pli__error_set(err, PLI_E_ARGUMENT, "the table has no column '%s'", name);
    if (near) pli__buf_addf(&hint, "did you mean '%s'?", near);
    else if (names) add_names(names, strct->n_fields, &hint);
    if (hint.ptr && !hint.failed) (void)pli__error_hint(err, "%s", hint.ptr);
    return status;
}

int pli__type_depth(const pli__type *t) {
    int deepest = 0;
    for (size_t i = 0; i < t->n_fields; i++) {
        const int depth = pli__type_depth(t->fields[i].type);
        if (depth > deepest) deepest = depth;
    }
    return deepest + 1;
}
