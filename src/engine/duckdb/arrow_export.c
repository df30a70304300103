/* A column of an Arrow array grows in up to three buffers (validity, offsets, values) until the array is taken. */
#include "engine/duckdb/arrow_export.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/json.h"
#include "engine/duckdb/duckdb_module.h"

#define FULL_ROWS 65536
#define FULL_BYTES ((size_t)32 << 20)
#define MAX_COLUMN_BYTES ((size_t)1 << 40)

typedef struct column {
    const pli__type *type; /* of a map's pairs: the map */
    bool is_pair;          /* the struct inside of a map */
    const char *name;
    duckdb_type enum_width;
    json_t *labels; /* ENUM */
    pli__buf validity, offsets, values;
    size_t length, nulls;
    struct column *children;
    size_t n_children;
} column;

struct pli__arrow_export {
    column top;
};

/* ---- growing ---- */

static void add_bit(pli__buf *bits, size_t length, bool set) {
    if (length % 8 == 0) pli__buf_addc(bits, 0);
    if (set && !bits->failed) bits->ptr[length / 8] = (char)(bits->ptr[length / 8] | 1 << length % 8);
}

static void add_i64(pli__buf *b, int64_t value) { pli__buf_add(b, &value, sizeof value); }
static void add_i32(pli__buf *b, int32_t value) { pli__buf_add(b, &value, sizeof value); }

static bool is_valid(const uint64_t *validity, idx_t i) { return !validity || (validity[i >> 6] >> (i & 63) & 1); }

static void add_validity(column *c, const uint64_t *validity, idx_t from, idx_t n) {
    for (idx_t i = 0; i < n; i++) {
        const bool valid = is_valid(validity, from + i);
        add_bit(&c->validity, c->length + i, valid);
        c->nulls += !valid;
    }
}

/* ---- values ---- */

/* What a value is read from: a range of a vector. */
typedef struct {
    duckdb_vector vector;
    const void *data;
    const uint64_t *validity;
    idx_t from, n;
} range;

static pli_status refuse(const column *c, const char *why, pli_error *err) {
    return pli__error_set(err, PLI_E_DATA, "column '%s': %s", c->name, why);
}

static size_t plain_width(const pli__type *t) {
    switch (t->id) {
        case PLI__TYPE_I8:
        case PLI__TYPE_U8: return 1;
        case PLI__TYPE_I16:
        case PLI__TYPE_U16: return 2;
        case PLI__TYPE_I32:
        case PLI__TYPE_U32:
        case PLI__TYPE_F32:
        case PLI__TYPE_DATE: return 4;
        case PLI__TYPE_I64:
        case PLI__TYPE_U64:
        case PLI__TYPE_F64:
        case PLI__TYPE_TIME:
        case PLI__TYPE_TIMESTAMP:
        case PLI__TYPE_TIMESTAMP_NTZ: return 8;
        default: return 0;
    }
}

static void add_booleans(column *c, const range *r) {
    for (idx_t i = 0; i < r->n; i++)
        add_bit(&c->values, c->length + i, is_valid(r->validity, r->from + i) && ((const bool *)r->data)[r->from + i]);
}

static int64_t read_decimal(const column *c, const void *data, idx_t i) {
    if (c->type->precision <= 4) return ((const int16_t *)data)[i];
    if (c->type->precision <= 9) return ((const int32_t *)data)[i];
    return ((const int64_t *)data)[i];
}

/* Sixteen bytes each, low word first, as Arrow's decimal128. */
static void add_decimals(column *c, const range *r) {
    for (idx_t i = r->from; i < r->from + r->n; i++) {
        if (c->type->precision > 18) {
            pli__buf_add(&c->values, (const duckdb_hugeint *)r->data + i, sizeof(duckdb_hugeint));
            continue;
        }
        const int64_t value = is_valid(r->validity, i) ? read_decimal(c, r->data, i) : 0;
        add_i64(&c->values, value);
        add_i64(&c->values, value < 0 ? -1 : 0);
    }
}

/* 10^38: the first number that decimal(38,0) cannot hold. */
static const duckdb_uhugeint ten_to_38 = {.lower = UINT64_C(0x098a224000000000), .upper = UINT64_C(0x4b3b4ca85a86c47a)};

static bool is_below(duckdb_uhugeint a, duckdb_uhugeint b) {
    return a.upper < b.upper || (a.upper == b.upper && a.lower < b.lower);
}

static pli_status add_big_integers(column *c, const range *r, pli_error *err) {
    for (idx_t i = r->from; i < r->from + r->n; i++) {
        duckdb_uhugeint magnitude = ((const duckdb_uhugeint *)r->data)[i];
        const bool valid = is_valid(r->validity, i);
        pli__buf_add(&c->values, &magnitude, sizeof magnitude);
        if (c->type->id == PLI__TYPE_I128 && (int64_t)magnitude.upper < 0) {
            magnitude.lower = ~magnitude.lower + 1;
            magnitude.upper = ~magnitude.upper + (magnitude.lower == 0);
        }
        if (valid && !is_below(magnitude, ten_to_38)) return refuse(c, "an integer of more than 38 digits", err);
    }
    return PLI_OK;
}

static pli_status add_durations(column *c, const range *r, pli_error *err) {
    static const int64_t day_us = INT64_C(86400000000);
    for (idx_t i = r->from; i < r->from + r->n; i++) {
        const duckdb_interval value = is_valid(r->validity, i) ? ((const duckdb_interval *)r->data)[i]
                                                               : (duckdb_interval){0};
        int64_t us;
        if (value.months) return refuse(c, "an interval with months has no fixed length", err);
        if (__builtin_add_overflow(value.days * day_us, value.micros, &us))
            return refuse(c, "an interval is too long", err);
        add_i64(&c->values, us);
    }
    return PLI_OK;
}

/* ---- texts ---- */

static void end_text(column *c) { add_i64(&c->offsets, (int64_t)c->values.len); }

static void add_texts(column *c, const range *r) {
    for (idx_t i = r->from; i < r->from + r->n; i++) {
        if (is_valid(r->validity, i)) pli__buf_adds(&c->values, pli__duckdb_str((const duckdb_string_t *)r->data + i));
        end_text(c);
    }
}

static void add_uuids(column *c, const range *r) {
    for (idx_t i = r->from; i < r->from + r->n; i++) {
        const duckdb_hugeint value = ((const duckdb_hugeint *)r->data)[i];
        const uint64_t words[2] = {__builtin_bswap64((uint64_t)value.upper ^ UINT64_C(1) << 63),
                                   __builtin_bswap64(value.lower)};
        uint8_t bytes[16];
        char text[37];
        memcpy(bytes, words, sizeof bytes);
        pli__uuid_format(bytes, text);
        if (is_valid(r->validity, i)) pli__buf_addz(&c->values, text);
        end_text(c);
    }
}

static size_t read_label(const column *c, const void *data, idx_t i) {
    switch (c->enum_width) {
        case DUCKDB_TYPE_UTINYINT: return ((const uint8_t *)data)[i];
        case DUCKDB_TYPE_USMALLINT: return ((const uint16_t *)data)[i];
        default: return ((const uint32_t *)data)[i];
    }
}

/* The width of an enum's numbers is known from its vector only. */
static void add_enums(column *c, const range *r) {
    duckdb_logical_type type = duckdb_vector_get_column_type(r->vector);
    c->enum_width = duckdb_enum_internal_type(type);
    duckdb_destroy_logical_type(&type);
    for (idx_t i = r->from; i < r->from + r->n; i++) {
        const char *label = is_valid(r->validity, i)
                                ? json_string_value(json_array_get(c->labels, read_label(c, r->data, i)))
                                : NULL;
        pli__buf_addz(&c->values, label ? label : "");
        end_text(c);
    }
}

/* ---- nested ---- */

static pli_status add_range(column *c, duckdb_vector v, idx_t from, idx_t n, pli_error *err);

static pli_status add_structs(column *c, const range *r, pli_error *err) {
    for (size_t i = 0; i < c->n_children; i++)
        PLI_TRY(add_range(&c->children[i], duckdb_struct_vector_get_child(r->vector, i), r->from, r->n, err));
    return PLI_OK;
}

/* Elements of neighbouring rows mostly follow each other, and are added at one go. */
static pli_status add_elements(column *c, const range *r, pli_error *err) {
    duckdb_vector elements = duckdb_list_vector_get_child(r->vector);
    const duckdb_list_entry *entries = r->data;
    idx_t from = 0, n = 0;
    for (idx_t i = r->from; i < r->from + r->n; i++) {
        if (!is_valid(r->validity, i) || entries[i].length == 0) continue;
        if (entries[i].offset != from + n) {
            PLI_TRY(add_range(c->children, elements, from, n, err));
            from = entries[i].offset;
            n = 0;
        }
        n += entries[i].length;
    }
    return add_range(c->children, elements, from, n, err);
}

/* Lists have 64-bit offsets, maps 32-bit ones. */
static pli_status add_lists(column *c, const range *r, pli_error *err) {
    const duckdb_list_entry *entries = r->data;
    int64_t end = (int64_t)c->children->length;
    for (idx_t i = r->from; i < r->from + r->n; i++) {
        end += is_valid(r->validity, i) ? (int64_t)entries[i].length : 0;
        if (c->type->id == PLI__TYPE_LIST) add_i64(&c->offsets, end);
        else add_i32(&c->offsets, (int32_t)end);
    }
    if (c->type->id == PLI__TYPE_MAP && end > INT32_MAX)
        return refuse(c, "maps with more than 2^31 entries in one array", err);
    return add_elements(c, r, err);
}

static pli_status add_arrays(column *c, const range *r, pli_error *err) {
    return add_range(c->children, duckdb_array_vector_get_child(r->vector), r->from * c->type->array_size,
                     r->n * c->type->array_size, err);
}

/* ---- any column ---- */

static pli_status add_values(column *c, const range *r, pli_error *err) {
    const size_t width = plain_width(c->type);
    if (c->is_pair) return add_structs(c, r, err);
    if (width) {
        pli__buf_add(&c->values, (const char *)r->data + r->from * width, r->n * width);
        return PLI_OK;
    }
    switch (c->type->id) {
        case PLI__TYPE_BOOLEAN: add_booleans(c, r); return PLI_OK;
        case PLI__TYPE_DECIMAL: add_decimals(c, r); return PLI_OK;
        case PLI__TYPE_I128:
        case PLI__TYPE_U128: return add_big_integers(c, r, err);
        case PLI__TYPE_DURATION: return add_durations(c, r, err);
        case PLI__TYPE_UUID: add_uuids(c, r); return PLI_OK;
        case PLI__TYPE_ENUM: add_enums(c, r); return PLI_OK;
        case PLI__TYPE_STRUCT: return add_structs(c, r, err);
        case PLI__TYPE_MAP: return add_lists(c, r, err);
        case PLI__TYPE_LIST: return c->type->array_size ? add_arrays(c, r, err) : add_lists(c, r, err);
        case PLI__TYPE_NULL: return PLI_OK;
        default: add_texts(c, r); return PLI_OK;
    }
}

static pli_status add_range(column *c, duckdb_vector v, idx_t from, idx_t n, pli_error *err) {
    if (n == 0) return PLI_OK;
    const range r = {.vector = v,
                     .data = duckdb_vector_get_data(v),
                     .validity = duckdb_vector_get_validity(v),
                     .from = from,
                     .n = n};
    add_validity(c, r.validity, from, n);
    PLI_TRY(add_values(c, &r, err));
    c->length += n;
    PLI_TRY(pli__buf_status(&c->validity, err));
    PLI_TRY(pli__buf_status(&c->offsets, err));
    return pli__buf_status(&c->values, err);
}

pli_status pli__arrow_export_add(pli__arrow_export *x, duckdb_data_chunk chunk, pli_error *err) {
    const idx_t n = duckdb_data_chunk_get_size(chunk);
    for (size_t i = 0; i < x->top.n_children; i++)
        PLI_TRY(add_range(&x->top.children[i], duckdb_data_chunk_get_vector(chunk, i), 0, n, err));
    x->top.length += n;
    return PLI_OK;
}

static size_t bytes_of(const column *c) {
    size_t bytes = c->validity.len + c->offsets.len + c->values.len;
    for (size_t i = 0; i < c->n_children; i++) bytes += bytes_of(&c->children[i]);
    return bytes;
}

bool pli__arrow_export_is_full(const pli__arrow_export *x) {
    return x->top.length >= FULL_ROWS || bytes_of(&x->top) >= FULL_BYTES;
}

size_t pli__arrow_export_rows(const pli__arrow_export *x) { return x->top.length; }

/* ---- arrays ---- */

/* What an array of ours owns. */
typedef struct {
    const void *buffers[3];
    void *owned[3];
    struct ArrowArray *children;
    struct ArrowArray **pointers;
} array_parts;

static void release_parts(struct ArrowArray *array) {
    array_parts *parts = array->private_data;
    for (int64_t i = 0; i < array->n_children; i++)
        if (parts->children[i].release) parts->children[i].release(&parts->children[i]);
    for (int i = 0; i < 3; i++) free(parts->owned[i]);
    free(parts->children);
    free(parts->pointers);
    free(parts);
    array->release = NULL;
}

/* An empty buffer may be NULL in Arrow, but not every reader knows. */
static void take_buffer(array_parts *parts, int i, pli__buf *b) {
    static const int64_t nothing[2] = {0};
    parts->owned[i] = b->ptr;
    parts->buffers[i] = b->ptr ? b->ptr : (const void *)nothing;
    *b = (pli__buf){.max = b->max};
}

static bool has_offsets(const column *c) {
    switch (c->type->id) {
        case PLI__TYPE_STRING:
        case PLI__TYPE_JSON:
        case PLI__TYPE_UUID:
        case PLI__TYPE_ENUM:
        case PLI__TYPE_BINARY: return true;
        case PLI__TYPE_MAP: return !c->is_pair;
        case PLI__TYPE_LIST: return c->type->array_size == 0;
        default: return false;
    }
}

/* validity, offsets, values: those that the layout has, in this order. */
static int64_t take_buffers(column *c, array_parts *parts) {
    int n = 0;
    if (c->type->id == PLI__TYPE_NULL) {
        pli__buf_reset(&c->validity);
        return 0;
    }
    take_buffer(parts, n++, &c->validity);
    if (has_offsets(c)) take_buffer(parts, n++, &c->offsets);
    if (!c->n_children) take_buffer(parts, n++, &c->values);
    return n;
}

/* The first offset of a column that has offsets. */
static void begin_offsets(column *c) {
    if (!has_offsets(c)) return;
    if (c->type->id == PLI__TYPE_MAP) add_i32(&c->offsets, 0);
    else add_i64(&c->offsets, 0);
}

/* On failure *out holds what has been moved so far, for the caller to release. */
static pli_status take_column(column *c, struct ArrowArray *out, pli_error *err) {
    array_parts *parts = calloc(1, sizeof *parts);
    if (!parts) return pli__error_memory(err);
    *out = (struct ArrowArray){.length = (int64_t)c->length,
                               .null_count = (int64_t)c->nulls,
                               .buffers = parts->buffers,
                               .release = release_parts,
                               .private_data = parts};
    out->n_buffers = take_buffers(c, parts);
    c->length = c->nulls = 0;
    begin_offsets(c);
    if (!c->n_children) return PLI_OK;
    parts->children = calloc(c->n_children, sizeof *parts->children);
    parts->pointers = calloc(c->n_children, sizeof(struct ArrowArray *));
    if (!parts->children || !parts->pointers) return pli__error_memory(err);
    out->children = parts->pointers;
    for (size_t i = 0; i < c->n_children; i++) {
        parts->pointers[i] = &parts->children[i];
        out->n_children++; /* before it is filled, so that what there is of it is released on failure */
        PLI_TRY(take_column(&c->children[i], &parts->children[i], err));
    }
    return PLI_OK;
}

pli_status pli__arrow_export_take(pli__arrow_export *x, struct ArrowArray *out, pli_error *err) {
    struct ArrowArray array = {0};
    const pli_status status = take_column(&x->top, &array, err);
    if (status == PLI_OK) {
        array.buffers[0] = NULL; /* rows themselves are never null */
        *out = array;
    } else if (array.release) {
        array.release(&array);
    }
    return status;
}

/* ---- construction ---- */

static void clear_column(column *c) {
    for (size_t i = 0; i < c->n_children; i++) clear_column(&c->children[i]);
    free(c->children);
    json_decref(c->labels);
    pli__buf_clear(&c->validity);
    pli__buf_clear(&c->offsets);
    pli__buf_clear(&c->values);
}

static pli_status init_column(column *c, const pli__type *type, const char *name, bool is_pair, pli_error *err);

static pli_status init_children(column *c, const pli__type *type, pli_error *err) {
    const bool is_map = type->id == PLI__TYPE_MAP && !c->is_pair;
    const size_t n = is_map ? 1 : type->n_fields;
    if (n == 0) return PLI_OK;
    c->children = calloc(n, sizeof *c->children);
    if (!c->children) return pli__error_memory(err);
    c->n_children = n;
    for (size_t i = 0; i < n; i++) {
        const bool named = type->id == PLI__TYPE_STRUCT;
        PLI_TRY(init_column(&c->children[i], is_map ? type : type->fields[i].type,
                            named ? type->fields[i].name : c->name, is_map, err));
    }
    return PLI_OK;
}

static pli_status init_column(column *c, const pli__type *type, const char *name, bool is_pair, pli_error *err) {
    *c = (column){.type = type, .is_pair = is_pair, .name = name};
    pli__buf_init(&c->validity, MAX_COLUMN_BYTES);
    pli__buf_init(&c->offsets, MAX_COLUMN_BYTES);
    pli__buf_init(&c->values, MAX_COLUMN_BYTES);
    begin_offsets(c);
    if (type->id == PLI__TYPE_ENUM && type->text)
        PLI_TRY(pli__json_parse(pli__str_of(type->text), "categories", &c->labels, err));
    return init_children(c, type, err);
}

pli_status pli__arrow_export_new(const pli__type *type, pli__arrow_export **out, pli_error *err) {
    pli__arrow_export *x = calloc(1, sizeof *x);
    if (!x) return pli__error_memory(err);
    const pli_status status = init_column(&x->top, type, "", false, err);
    if (status == PLI_OK) *out = x;
    else pli__arrow_export_free(x);
    return status;
}

void pli__arrow_export_free(pli__arrow_export *x) {
    if (!x) return;
    clear_column(&x->top);
    free(x);
}
