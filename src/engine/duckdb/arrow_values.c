/* Values of Arrow columns, one kind at a time, each checked to be held exactly. */
#include "engine/duckdb/arrow_values.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/time.h"

#define INLINE_BYTES 12 /* longer strings live outside of DuckDB's string_t */
#define DAY_MS INT64_C(86400000)

/* ---- what a schema says ---- */

static const struct {
    const char *format;
    pli__arrow_kind kind;
    size_t size;
    int64_t multiply, divide;
} layouts[] = {
    {"n", PLI__ARROW_NULL, 0, 1, 1},          {"b", PLI__ARROW_BOOLEAN, 1, 1, 1},
    {"c", PLI__ARROW_PLAIN, 1, 1, 1},         {"C", PLI__ARROW_PLAIN, 1, 1, 1},
    {"s", PLI__ARROW_PLAIN, 2, 1, 1},         {"S", PLI__ARROW_PLAIN, 2, 1, 1},
    {"i", PLI__ARROW_PLAIN, 4, 1, 1},         {"I", PLI__ARROW_PLAIN, 4, 1, 1},
    {"l", PLI__ARROW_PLAIN, 8, 1, 1},         {"L", PLI__ARROW_PLAIN, 8, 1, 1},
    {"f", PLI__ARROW_PLAIN, 4, 1, 1},         {"g", PLI__ARROW_PLAIN, 8, 1, 1},
    {"_pli128", PLI__ARROW_PLAIN, 16, 1, 1},  {"_plu128", PLI__ARROW_PLAIN, 16, 1, 1},
    {"e", PLI__ARROW_HALF, 2, 1, 1},          {"tdD", PLI__ARROW_PLAIN, 4, 1, 1},
    {"tdm", PLI__ARROW_SCALED, 8, 1, DAY_MS}, {"tts", PLI__ARROW_SCALED, 4, 1000000, 1},
    {"ttm", PLI__ARROW_SCALED, 4, 1000, 1},   {"ttu", PLI__ARROW_SCALED, 8, 1, 1},
    {"ttn", PLI__ARROW_SCALED, 8, 1, 1},      {"tss:", PLI__ARROW_PLAIN, 8, 1, 1},
    {"tsm:", PLI__ARROW_PLAIN, 8, 1, 1},      {"tsu:", PLI__ARROW_PLAIN, 8, 1, 1},
    {"tsn:", PLI__ARROW_PLAIN, 8, 1, 1},      {"tDs", PLI__ARROW_INTERVAL, 8, 1000000, 1},
    {"tDm", PLI__ARROW_INTERVAL, 8, 1000, 1}, {"tDu", PLI__ARROW_INTERVAL, 8, 1, 1},
    {"tDn", PLI__ARROW_INTERVAL, 8, 1, 1000}, {"tiM", PLI__ARROW_INTERVAL, 4, 1, 1},
    {"tiD", PLI__ARROW_INTERVAL, 8, 1, 1},    {"tin", PLI__ARROW_INTERVAL, 16, 1, 1000},
    {"u", PLI__ARROW_BYTES, 0, 1, 1},         {"z", PLI__ARROW_BYTES, 0, 1, 1},
    {"U", PLI__ARROW_BYTES, 0, 1, 1},         {"Z", PLI__ARROW_BYTES, 0, 1, 1},
    {"vu", PLI__ARROW_BYTES_VIEW, 0, 1, 1},   {"vz", PLI__ARROW_BYTES_VIEW, 0, 1, 1},
    {"+s", PLI__ARROW_STRUCT, 0, 1, 1},       {"+l", PLI__ARROW_LIST, 0, 1, 1},
    {"+L", PLI__ARROW_LIST, 0, 1, 1},         {"+m", PLI__ARROW_LIST, 0, 1, 1},
    {"+vl", PLI__ARROW_LIST_VIEW, 0, 1, 1},   {"+vL", PLI__ARROW_LIST_VIEW, 0, 1, 1},
};

static void set_instant_factors(pli__arrow_node *node) {
    node->kind = node->type->unit == PLI__UNIT_US ? PLI__ARROW_PLAIN : PLI__ARROW_SCALED;
    node->size = 8;
    node->multiply = node->type->unit == PLI__UNIT_S ? 1000000 : node->type->unit == PLI__UNIT_MS ? 1000 : 1;
    node->divide = node->type->unit == PLI__UNIT_NS ? 1000 : 1;
}

static void set_decimal_size(pli__arrow_node *node, const char *format) {
    int precision = 0, scale = 0, bits = 128;
    (void)sscanf(format, "d:%3d,%3d,%3d", &precision, &scale, &bits);
    node->kind = PLI__ARROW_DECIMAL;
    node->size = (size_t)bits / 8;
}

/* "w:16" */
static pli_status set_binary_size(pli__arrow_node *node, const char *format, pli_error *err) {
    int64_t size;
    if (!pli__str_to_i64(pli__str_of(format + 2), &size) || size < 0 || size > INT32_MAX)
        return pli__error_set(err, PLI_E_UNSUPPORTED, "column '%s' has the Arrow type '%s'", node->path, format);
    node->kind = node->type->id == PLI__TYPE_UUID ? PLI__ARROW_UUID : PLI__ARROW_BYTES_FIXED;
    node->size = (size_t)size;
    return PLI_OK;
}

static bool is_wide(const char *format) {
    return strchr("UZ", format[0]) || strcmp(format, "+L") == 0 || strcmp(format, "+vL") == 0;
}

pli_status pli__arrow_node_classify(pli__arrow_node *node, const struct ArrowSchema *s, pli_error *err) {
    const char *format = s->format;
    node->multiply = node->divide = 1;
    if (s->dictionary) {
        node->kind = PLI__ARROW_DICTIONARY;
        node->index_format = format[0];
        if (strchr("cCsSiIlL", format[0]) && !format[1]) return PLI_OK;
        return pli__error_set(err, PLI_E_UNSUPPORTED,
                              "column '%s' has a dictionary with an index of the Arrow type '%s'", node->path, format);
    }
    node->wide_offsets = is_wide(format);
    node->interval_form = strncmp(format, "ti", 2) == 0 ? format[2] : 'd';
    if (node->type->id == PLI__TYPE_TIMESTAMP) set_instant_factors(node);
    if (node->type->id == PLI__TYPE_DECIMAL) set_decimal_size(node, format);
    if (strncmp(format, "w:", 2) == 0) return set_binary_size(node, format, err);
    if (strncmp(format, "+w:", 3) == 0) {
        node->kind = PLI__ARROW_ARRAY;
        node->size = node->type->array_size;
    }
    for (size_t i = 0; i < sizeof layouts / sizeof layouts[0]; i++) {
        if (strcmp(format, layouts[i].format) != 0) continue;
        node->kind = layouts[i].kind;
        node->size = layouts[i].size;
        node->multiply = layouts[i].multiply;
        node->divide = layouts[i].divide;
    }
    return PLI_OK;
}

/* ---- fixed width ---- */

#define COPY_LOOP(T)                                                                                                   \
    do {                                                                                                               \
        const T *from = source;                                                                                        \
        T *to = target;                                                                                                \
        for (size_t i = 0; i < p->n; i++)                                                                              \
            if (p->at[i] >= 0) to[i] = from[p->at[i]];                                                                 \
    } while (0)

typedef struct {
    uint64_t low, high;
} pair64;

static void write_plain(size_t size, const void *source, const pli__arrow_positions *p, void *target) {
    if (!p->at) {
        if (p->n) memcpy(target, (const char *)source + (size_t)p->first * size, p->n * size);
        return;
    }
    switch (size) {
        case 1: COPY_LOOP(uint8_t); return;
        case 2: COPY_LOOP(uint16_t); return;
        case 4: COPY_LOOP(uint32_t); return;
        case 8: COPY_LOOP(uint64_t); return;
        default: COPY_LOOP(pair64); return;
    }
}

static void write_booleans(const void *source, const pli__arrow_positions *p, bool *to) {
    const uint8_t *bits = source;
    for (size_t i = 0; i < p->n; i++) {
        const int64_t at = pli__arrow_at(p, i);
        to[i] = at >= 0 && (bits[at >> 3] >> (at & 7) & 1);
    }
}

static float float_of_half(uint16_t half) {
    const uint32_t sign = (uint32_t)(half & 0x8000) << 16;
    const int exponent = half >> 10 & 31;
    uint32_t fraction = half & 1023, bits;
    float value;
    if (exponent == 31) {
        bits = sign | 0x7f800000u | fraction << 13;
    } else if (exponent) {
        bits = sign | (uint32_t)(exponent + 112) << 23 | fraction << 13;
    } else {
        value = (float)fraction / 16777216.0f; /* 2^-24: subnormal halves are normal floats */
        memcpy(&bits, &value, sizeof bits);
        bits |= sign;
    }
    memcpy(&value, &bits, sizeof value);
    return value;
}

static void write_halves(const void *source, const pli__arrow_positions *p, float *to) {
    for (size_t i = 0; i < p->n; i++) {
        const int64_t at = pli__arrow_at(p, i);
        if (at >= 0) to[i] = float_of_half(((const uint16_t *)source)[at]);
    }
}

/* ---- other units ---- */

/* value * multiply / divide, exactly. */
static bool rescale(int64_t value, int64_t multiply, int64_t divide, int64_t *out) {
    if (value % divide != 0) return false;
    return !__builtin_mul_overflow(value / divide, multiply, out);
}

static int64_t read_integer(const void *source, size_t size, int64_t at) {
    return size == 4 ? ((const int32_t *)source)[at] : ((const int64_t *)source)[at];
}

static pli_status refuse_scaled(const pli__arrow_node *node, int64_t value, pli_error *err) {
    char text[40];
    if (node->type->id == PLI__TYPE_TIMESTAMP && node->divide == 1000) {
        pli__time_format_iso(value / 1000, text);
        return pli__error_set(err, PLI_E_DATA, "the timestamp %lld ns (about %s) has digits below microseconds",
                              (long long)value, text);
    }
    if (node->divide == 1000)
        return pli__error_set(err, PLI_E_DATA, "the duration of %lld ns has digits below microseconds",
                              (long long)value);
    return pli__error_set(err, PLI_E_DATA, "the value %lld does not fit", (long long)value);
}

static bool is_time_of_day(const pli__arrow_node *node, int64_t value) {
    const int64_t day = node->type->unit == PLI__UNIT_NS ? DAY_MS * 1000000 : DAY_MS * 1000;
    return value >= 0 && value <= day;
}

static pli_status write_scaled(const pli__arrow_node *node, const void *source, const pli__arrow_positions *p,
                               void *target, size_t *bad, pli_error *err) {
    const bool is_date = node->type->id == PLI__TYPE_DATE, is_time = node->type->id == PLI__TYPE_TIME;
    for (size_t i = 0; i < p->n; i++) {
        const int64_t at = pli__arrow_at(p, i);
        if (at < 0) continue;
        const int64_t value = read_integer(source, node->size, at);
        int64_t scaled = 0;
        *bad = i;
        if (!rescale(value, node->multiply, node->divide, &scaled) || (is_time && !is_time_of_day(node, scaled)) ||
            (is_date && (scaled < INT32_MIN || scaled > INT32_MAX)))
            return refuse_scaled(node, value, err);
        if (is_date) ((int32_t *)target)[i] = (int32_t)scaled;
        else ((int64_t *)target)[i] = scaled;
    }
    return PLI_OK;
}

/* ---- intervals ---- */

/* 'd': a number in a unit; 'M': months; 'D': days and milliseconds; 'n': months, days and nanoseconds. */
static bool read_interval(const pli__arrow_node *node, const void *source, int64_t at, duckdb_interval *out) {
    const int32_t *words = source;
    int64_t nanoseconds;
    *out = (duckdb_interval){0};
    switch (node->interval_form) {
        case 'M': out->months = words[at]; return true;
        case 'D':
            out->days = words[2 * at];
            out->micros = (int64_t)words[2 * at + 1] * 1000;
            return true;
        case 'n':
            memcpy(&nanoseconds, words + 4 * at + 2, sizeof nanoseconds);
            out->months = words[4 * at];
            out->days = words[4 * at + 1];
            return rescale(nanoseconds, 1, 1000, &out->micros);
        default: return rescale(((const int64_t *)source)[at], node->multiply, node->divide, &out->micros);
    }
}

static pli_status refuse_interval(const pli__arrow_node *node, const void *source, int64_t at, pli_error *err) {
    if (node->interval_form == 'd') return refuse_scaled(node, ((const int64_t *)source)[at], err);
    return pli__error_set(err, PLI_E_DATA, "the interval has digits below microseconds");
}

static pli_status write_intervals(const pli__arrow_node *node, const void *source, const pli__arrow_positions *p,
                                  duckdb_interval *to, size_t *bad, pli_error *err) {
    for (size_t i = 0; i < p->n; i++) {
        const int64_t at = pli__arrow_at(p, i);
        *bad = i;
        if (at >= 0 && !read_interval(node, source, at, &to[i])) return refuse_interval(node, source, at, err);
    }
    return PLI_OK;
}

/* ---- decimals ---- */

__extension__ typedef __int128 int128;

static int128 power_of_ten(int n) {
    int128 value = 1;
    while (n-- > 0) value *= 10;
    return value;
}

/* False if it does not fit 128 bits. */
static bool read_decimal(const void *source, size_t size, int64_t at, int128 *out) {
    const char *bytes = (const char *)source + (size_t)at * size;
    if (size == 4 || size == 8) {
        *out = read_integer(source, size, at);
        return true;
    }
    memcpy(out, bytes, sizeof *out);
    if (size == 16) return true;
    int128 high;
    memcpy(&high, bytes + 16, sizeof high);
    return high == (*out < 0 ? -1 : 0);
}

static void store_decimal(uint8_t precision, int128 value, void *target, size_t i) {
    if (precision <= 4) ((int16_t *)target)[i] = (int16_t)value;
    else if (precision <= 9) ((int32_t *)target)[i] = (int32_t)value;
    else if (precision <= 18) ((int64_t *)target)[i] = (int64_t)value;
    else memcpy((char *)target + i * sizeof value, &value, sizeof value);
}

static pli_status write_decimals(const pli__arrow_node *node, const void *source, const pli__arrow_positions *p,
                                 void *target, size_t *bad, pli_error *err) {
    const int128 limit = power_of_ten(node->type->precision);
    for (size_t i = 0; i < p->n; i++) {
        const int64_t at = pli__arrow_at(p, i);
        int128 value;
        if (at < 0) continue;
        *bad = i;
        if (!read_decimal(source, node->size, at, &value) || value >= limit || value <= -limit)
            return pli__error_set(err, PLI_E_DATA, "the value has more than the %d digits of its decimal type",
                                  node->type->precision);
        store_decimal(node->type->precision, value, target, i);
    }
    return PLI_OK;
}

/* DuckDB keeps a UUID as a signed number, with the first bit flipped so that it sorts. */
static void write_uuids(const void *source, const pli__arrow_positions *p, duckdb_hugeint *to) {
    for (size_t i = 0; i < p->n; i++) {
        const int64_t at = pli__arrow_at(p, i);
        if (at < 0) continue;
        uint64_t words[2];
        memcpy(words, (const char *)source + at * 16, sizeof words);
        to[i].lower = __builtin_bswap64(words[1]);
        to[i].upper = (int64_t)(__builtin_bswap64(words[0]) ^ UINT64_C(1) << 63);
    }
}

/* ---- texts and bytes ---- */

/* Three ways to say where the bytes of a value are. */
static pli__str bytes_between(const struct ArrowArray *a, bool wide, int64_t at) {
    const int32_t *narrow = a->buffers[1];
    const int64_t *offsets = a->buffers[1];
    const int64_t from = wide ? offsets[at] : narrow[at], to = wide ? offsets[at + 1] : narrow[at + 1];
    return to > from ? (pli__str){(const char *)a->buffers[2] + from, (size_t)(to - from)} : PLI_STR("");
}

/* length, then the bytes if they are 12 at most, else a prefix, the number of a buffer and an offset in it */
static pli__str bytes_of_view(const struct ArrowArray *a, int64_t at) {
    const char *view = (const char *)a->buffers[1] + at * 16;
    int32_t words[4];
    memcpy(words, view, sizeof words);
    if (words[0] <= INLINE_BYTES) return (pli__str){view + 4, (size_t)words[0]};
    return (pli__str){(const char *)a->buffers[2 + words[2]] + words[3], (size_t)words[0]};
}

static pli__str bytes_at(const pli__arrow_node *node, const struct ArrowArray *a, int64_t at) {
    switch (node->kind) {
        case PLI__ARROW_BYTES: return bytes_between(a, node->wide_offsets, at);
        case PLI__ARROW_BYTES_VIEW: return bytes_of_view(a, at);
        default: return (pli__str){(const char *)a->buffers[1] + (size_t)at * node->size, node->size};
    }
}

static void store_bytes(duckdb_vector v, duckdb_string_t *to, size_t i, pli__str s) {
    if (s.len > INLINE_BYTES) {
        duckdb_vector_assign_string_element_len(v, i, s.ptr, s.len);
        return;
    }
    memset(&to[i], 0, sizeof to[i]); /* DuckDB compares the unused bytes, too */
    to[i].value.inlined.length = (uint32_t)s.len;
    if (s.len) memcpy(to[i].value.inlined.inlined, s.ptr, s.len);
}

static pli_status write_bytes(const pli__arrow_node *node, const struct ArrowArray *a, const pli__arrow_positions *p,
                              duckdb_vector v, size_t *bad, pli_error *err) {
    const bool is_text = node->type->id != PLI__TYPE_BINARY;
    duckdb_string_t *to = duckdb_vector_get_data(v);
    for (size_t i = 0; i < p->n; i++) {
        const int64_t at = pli__arrow_at(p, i);
        if (at < 0) continue;
        const pli__str s = bytes_at(node, a, at);
        *bad = i;
        if (s.len > INT32_MAX)
            return pli__error_set(err, PLI_E_LIMIT, "a value of %zu bytes is longer than the limit of 2 GiB", s.len);
        if (is_text && !pli__str_is_utf8(s)) return pli__error_set(err, PLI_E_DATA, "the text is not UTF-8");
        store_bytes(v, to, i, s);
    }
    return PLI_OK;
}

/* ---- choosing ---- */

static bool has_values(const pli__arrow_positions *p) {
    for (size_t i = 0; i < p->n; i++)
        if (pli__arrow_at(p, i) >= 0) return true;
    return false;
}

pli_status pli__arrow_write_values(const pli__arrow_node *node, const struct ArrowArray *a,
                                   const pli__arrow_positions *p, duckdb_vector v, size_t *bad, pli_error *err) {
    const void *source = a->n_buffers > 1 ? a->buffers[1] : NULL;
    void *target = duckdb_vector_get_data(v);
    if (node->kind == PLI__ARROW_NULL || p->n == 0) return PLI_OK;
    if (!source) return has_values(p) ? pli__error_set(err, PLI_E_DATA, "the Arrow array lacks its values") : PLI_OK;
    switch (node->kind) {
        case PLI__ARROW_BOOLEAN: write_booleans(source, p, target); return PLI_OK;
        case PLI__ARROW_PLAIN: write_plain(node->size, source, p, target); return PLI_OK;
        case PLI__ARROW_HALF: write_halves(source, p, target); return PLI_OK;
        case PLI__ARROW_UUID: write_uuids(source, p, target); return PLI_OK;
        case PLI__ARROW_SCALED: return write_scaled(node, source, p, target, bad, err);
        case PLI__ARROW_INTERVAL: return write_intervals(node, source, p, target, bad, err);
        case PLI__ARROW_DECIMAL: return write_decimals(node, source, p, target, bad, err);
        default: return write_bytes(node, a, p, v, bad, err);
    }
}
