/* Shapes: collecting, merging, and the types that they lead to. */
#include "source/format_json_shape.h"

#include "base/hash.h"
#include "source/format_impl.h"
#include "source/format_infer.h"

#define FEW_KEYS 16
#define STRUCT_KEYS 2000 /* more keys than this below the top are a map in disguise: kept as JSON */

/* ---- keys ---- */

static bool rehash(pli__arena *arena, pli__shape *s) {
    size_t size = 64;
    while (size < s->cap * 2) size *= 2;
    s->table = pli__arena_calloc(arena, size, sizeof *s->table);
    if (!s->table) return false;
    s->table_size = size;
    for (size_t i = 0; i < s->n; i++) {
        size_t h = pli__hash64(s->names[i]) & (size - 1);
        while (s->table[h]) h = (h + 1) & (size - 1);
        s->table[h] = (uint32_t)i + 1;
    }
    return true;
}

static pli__shape *find(const pli__shape *s, pli__str name) {
    if (!s->table) {
        for (size_t i = 0; i < s->n; i++)
            if (pli__str_eq(s->names[i], name)) return s->fields[i];
        return NULL;
    }
    for (size_t h = pli__hash64(name) & (s->table_size - 1); s->table[h]; h = (h + 1) & (s->table_size - 1))
        if (pli__str_eq(s->names[s->table[h] - 1], name)) return s->fields[s->table[h] - 1];
    return NULL;
}

static bool grow(pli__arena *arena, pli__shape *s) {
    size_t cap = s->cap ? s->cap * 2 : FEW_KEYS;
    pli__str *names = pli__arena_alloc(arena, cap * sizeof *names);
    pli__shape **fields = pli__arena_alloc(arena, cap * sizeof *fields);
    if (!names || !fields) return false;
    if (s->n) memcpy(names, s->names, s->n * sizeof *names);
    if (s->n) memcpy(fields, s->fields, s->n * sizeof *fields);
    s->names = names;
    s->fields = fields;
    s->cap = cap;
    return cap <= FEW_KEYS || rehash(arena, s);
}

static void set_lead(pli__shape *s, pli__str name) {
    s->plain = !name.len || !memchr(name.ptr, '\\', name.len);
    if (!s->plain || name.len + 3 > PLI__SHAPE_LEAD) return;
    s->lead[0] = s->lead[name.len + 1] = '"';
    if (name.len) memcpy(s->lead + 1, name.ptr, name.len);
    s->lead[name.len + 2] = ':';
    s->lead_len = (unsigned char)(name.len + 3);
}

pli__shape *pli__shape_field(pli__arena *arena, pli__shape *s, pli__str name) {
    pli__shape *there = find(s, name);
    if (there) return there;
    if (s->n == s->cap && !grow(arena, s)) return NULL;
    pli__str copy = pli__arena_str(arena, name);
    pli__shape *made = pli__arena_calloc(arena, 1, sizeof *made);
    if (!made || (name.len && !copy.ptr)) return NULL;
    set_lead(made, name);
    s->names[s->n] = copy;
    s->fields[s->n++] = made;
    if (s->table) {
        size_t h = pli__hash64(name) & (s->table_size - 1);
        while (s->table[h]) h = (h + 1) & (s->table_size - 1);
        s->table[h] = (uint32_t)s->n;
    }
    if (s->n > STRUCT_KEYS) s->crowded = true;
    return made;
}

pli_status pli__shape_merge(pli__arena *arena, pli__shape *into, const pli__shape *from, pli_error *err) {
    into->kinds |= from->kinds;
    into->object |= from->object;
    into->array |= from->array;
    into->crowded |= from->crowded;
    for (size_t i = 0; i < from->n; i++) {
        pli__shape *field = pli__shape_field(arena, into, from->names[i]);
        if (!field) return pli__error_memory(err);
        PLI_TRY(pli__shape_merge(arena, field, from->fields[i], err));
    }
    if (!from->element) return PLI_OK;
    if (!into->element && !(into->element = pli__arena_calloc(arena, 1, sizeof *into->element)))
        return pli__error_memory(err);
    return pli__shape_merge(arena, into->element, from->element, err);
}

/* ---- types ---- */

static pli_status made(const pli__type *t, const pli__type **out, pli_error *err) {
    *out = t;
    return t ? PLI_OK : pli__error_memory(err);
}

static pli_status struct_type(const pli__shape *s, const pli__type *known, bool ntz, bool *fits, const pli__type **out,
                              pli_error *err) {
    pli__type_builder b = {0};
    for (size_t i = 0; i < s->n; i++) {
        int at = known ? pli__type_find(known, s->names[i], false) : -1;
        const pli__type *t = NULL;
        pli_status status = pli__shape_type(s->fields[i], at >= 0 ? known->fields[at].type : NULL, ntz, fits, &t, err);
        if (status != PLI_OK) {
            pli__type_builder_clear(&b);
            return status;
        }
        pli__type_builder_add(&b, s->names[i], t, true, NULL);
    }
    return made(pli__type_builder_finish(&b), out, err);
}

/* A known MAP takes objects whose values all fit its value type. */
static pli_status map_type(const pli__shape *s, const pli__type *known, bool ntz, bool *fits, const pli__type **out,
                           pli_error *err) {
    bool all = true;
    for (size_t i = 0; i < s->n; i++) {
        PLI_AUTO(pli__type_auto) const pli__type *t = NULL;
        PLI_TRY(pli__shape_type(s->fields[i], known->fields[1].type, ntz, &all, &t, err));
        all = all && pli__type_equal(t, known->fields[1].type, false);
    }
    if (!all) *fits = false;
    return made(pli__type_ref(known), out, err);
}

static pli_status object_type(const pli__shape *s, const pli__type *known, bool ntz, bool *fits, const pli__type **out,
                              pli_error *err) {
    if (known && known->id == PLI__TYPE_MAP && known->fields[0].type->id == PLI__TYPE_STRING)
        return map_type(s, known, ntz, fits, out, err);
    if (known && known->id != PLI__TYPE_STRUCT && known->id != PLI__TYPE_JSON) *fits = false;
    if (s->crowded || s->n == 0 || (known && known->id == PLI__TYPE_JSON)) {
        if (known && known->id == PLI__TYPE_STRUCT) *fits = false;
        return made(pli__type_new(PLI__TYPE_JSON), out, err);
    }
    return struct_type(s, known && known->id == PLI__TYPE_STRUCT ? known : NULL, ntz, fits, out, err);
}

static pli_status array_type(const pli__shape *s, const pli__type *known, bool ntz, bool *fits, const pli__type **out,
                             pli_error *err) {
    bool list = known && known->id == PLI__TYPE_LIST && !known->array_size;
    if (known && known->id == PLI__TYPE_JSON) return made(pli__type_new(PLI__TYPE_JSON), out, err);
    if (known && !list) *fits = false;
    if (!s->element && list) return made(pli__type_ref(known), out, err);
    if (!s->element) *fits = false; /* only empty ones: what they would hold is not known */
    const pli__shape none = {0};
    const pli__type *element = NULL;
    PLI_TRY(pli__shape_type(s->element ? s->element : &none, list ? known->fields[0].type : NULL, ntz, fits, &element,
                            err));
    return made(pli__type_new_list(element, true), out, err);
}

pli_status pli__shape_type(const pli__shape *s, const pli__type *known, bool ntz, bool *fits, const pli__type **out,
                           pli_error *err) {
    if (known && known->id == PLI__TYPE_NULL) known = NULL;
    unsigned scalars = s->kinds & ~(unsigned)PLI__SEEN_NULL;
    int shapes = (scalars != 0) + s->object + s->array;
    if (shapes == 0) return made(known ? pli__type_ref(known) : pli__type_new(PLI__TYPE_NULL), out, err);
    if (shapes > 1) {
        if (known && known->id != PLI__TYPE_JSON) *fits = false;
        return made(pli__type_new(PLI__TYPE_JSON), out, err);
    }
    if (s->object) return object_type(s, known, ntz, fits, out, err);
    if (s->array) return array_type(s, known, ntz, fits, out, err);
    if (known && (known->id == PLI__TYPE_JSON || pli__json_kinds_fit(s->kinds, known)))
        return made(pli__type_ref(known), out, err);
    if (known) *fits = false;
    return made(pli__kinds_type(s->kinds, ntz), out, err);
}
