/* What a type becomes in a Delta table (types.md): unsigned -> next signed, fixed arrays -> arrays, time -> text ... */
#include "types/type.h"

typedef struct {
    pli__type_id from, to;
} simple_mapping;

static const simple_mapping simple_mappings[] = {
    {PLI__TYPE_U8, PLI__TYPE_I16},      {PLI__TYPE_U16, PLI__TYPE_I32},      {PLI__TYPE_U32, PLI__TYPE_I64},
    {PLI__TYPE_TIME, PLI__TYPE_STRING}, {PLI__TYPE_DURATION, PLI__TYPE_I64}, {PLI__TYPE_JSON, PLI__TYPE_STRING},
    {PLI__TYPE_UUID, PLI__TYPE_STRING}, {PLI__TYPE_ENUM, PLI__TYPE_STRING},
};

static pli_status made(const pli__type *t, const pli__type **out, pli_error *err) {
    if (!t) return pli__error_memory(err);
    *out = t;
    return PLI_OK;
}

static pli_status map_fields(const pli__type *t, pli__type_builder *b, pli_error *err) {
    for (size_t i = 0; i < t->n_fields; i++) {
        const pli__field *f = &t->fields[i];
        const pli__type *inner = NULL;
        PLI_TRY_IN(pli__type_to_storable(f->type, &inner, err), err, "field '%s'", f->name);
        pli__type_builder_add(b, pli__str_of(f->name), inner, f->nullable, f->metadata);
    }
    return b->failed ? pli__error_memory(err) : PLI_OK;
}

static pli_status map_nested(const pli__type *t, const pli__type **out, pli_error *err) {
    PLI_AUTO(pli__type_builder_clear) pli__type_builder b = {0};
    PLI_TRY(map_fields(t, &b, err));
    if (t->id == PLI__TYPE_STRUCT) return made(pli__type_builder_finish(&b), out, err);
    if (t->id == PLI__TYPE_LIST)
        return made(pli__type_new_list(pli__type_ref(b.fields[0].type), b.fields[0].nullable), out, err);
    return made(
        pli__type_new_map(pli__type_ref(b.fields[0].type), pli__type_ref(b.fields[1].type), b.fields[1].nullable), out,
        err);
}

static pli_status map_simple(const pli__type *t, const pli__type **out, pli_error *err) {
    for (size_t i = 0; i < sizeof simple_mappings / sizeof simple_mappings[0]; i++)
        if (simple_mappings[i].from == t->id) return made(pli__type_new(simple_mappings[i].to), out, err);
    return made(pli__type_ref(t), out, err);
}

pli_status pli__type_to_storable(const pli__type *t, const pli__type **out, pli_error *err) {
    switch (t->id) {
        case PLI__TYPE_STRUCT:
        case PLI__TYPE_LIST:
        case PLI__TYPE_MAP: return map_nested(t, out, err);
        case PLI__TYPE_U64: return made(pli__type_new_decimal(20, 0), out, err);
        case PLI__TYPE_I128:
        case PLI__TYPE_U128: return made(pli__type_new_decimal(38, 0), out, err);
        case PLI__TYPE_TIMESTAMP:
        case PLI__TYPE_TIMESTAMP_NTZ: return made(pli__type_new(t->id), out, err);
        case PLI__TYPE_OTHER:
            return pli__error_set(err, PLI_E_SCHEMA, "a Delta table cannot hold the type %s",
                                  t->text ? t->text : "UNKNOWN");
        default: return map_simple(t, out, err);
    }
}
