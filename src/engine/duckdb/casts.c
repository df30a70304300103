/* Scalar functions that cast text exactly. Each is a tight loop over one vector; the work is in types/value_text.c. */
#include "engine/duckdb/casts.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"
#include "types/json_fit.h"
#include "types/json_path.h"
#include "types/json_text.h"
#include "types/value_text.h"

/* One text argument and the output of a call. DuckDB hands in flat vectors. */
typedef struct {
    idx_t rows;
    duckdb_string_t *texts;
    uint64_t *validity, *out_validity;
    duckdb_vector out;
    void *values;
} call;

static call begin_call(duckdb_data_chunk input, duckdb_vector out) {
    duckdb_vector v = duckdb_data_chunk_get_vector(input, 0);
    return (call){.rows = duckdb_data_chunk_get_size(input),
                  .texts = duckdb_vector_get_data(v),
                  .validity = duckdb_vector_get_validity(v),
                  .out = out,
                  .values = duckdb_vector_get_data(out)};
}

static inline bool is_null(const call *c, idx_t row) {
    return c->validity && !((c->validity[row >> 6] >> (row & 63)) & 1);
}

static inline pli__str text_at(const call *c, idx_t row) {
    duckdb_string_t *t = &c->texts[row];
    const uint32_t len = t->value.inlined.length;
    return (pli__str){len <= sizeof t->value.inlined.inlined ? t->value.inlined.inlined : t->value.pointer.ptr, len};
}

static void set_null(call *c, idx_t row) {
    if (!c->out_validity) {
        duckdb_vector_ensure_validity_writable(c->out);
        c->out_validity = duckdb_vector_get_validity(c->out);
    }
    c->out_validity[row >> 6] &= ~(UINT64_C(1) << (row & 63));
}

/* The text of a JSON value that is not nested; numbers and words are their own text. */
static inline bool simple_json(pli__str json, pli__buf *scratch, pli__str *out) {
    *out = json;
    return json.len && json.ptr[0] != '"' ? true : pli__json_text(json, false, scratch, out);
}

/* Two functions, from text and from raw JSON, to values of type T by `bool parse(pli__str, T *)`. */
#define CAST_FUNCTIONS(name, T, parse)                                                                                 \
    static void name(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector out) {                          \
        (void)info;                                                                                                    \
        call c = begin_call(input, out);                                                                               \
        T *values = c.values;                                                                                          \
        for (idx_t row = 0; row < c.rows; row++)                                                                       \
            if (is_null(&c, row) || !parse(text_at(&c, row), &values[row])) set_null(&c, row);                         \
    }                                                                                                                  \
    static void json_##name(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector out) {                   \
        (void)info;                                                                                                    \
        call c = begin_call(input, out);                                                                               \
        T *values = c.values;                                                                                          \
        PLI_AUTO(pli__buf_clear) pli__buf scratch = {0};                                                               \
        for (idx_t row = 0; row < c.rows; row++) {                                                                     \
            pli__str text;                                                                                             \
            if (is_null(&c, row) || !simple_json(text_at(&c, row), &scratch, &text) || !parse(text, &values[row]))     \
                set_null(&c, row);                                                                                     \
        }                                                                                                              \
    }

static bool parse_timestamp(pli__str s, int64_t *us) { return pli__text_to_timestamp(s, us, NULL); }

CAST_FUNCTIONS(bigint, int64_t, pli__text_to_i64)
CAST_FUNCTIONS(to_double, double, pli__text_to_f64)
CAST_FUNCTIONS(boolean, bool, pli__text_to_bool)
CAST_FUNCTIONS(date, int32_t, pli__text_to_date)
CAST_FUNCTIONS(time_of_day, int64_t, pli__text_to_time)
CAST_FUNCTIONS(timestamp, int64_t, parse_timestamp)

static void number_fits(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector out) {
    (void)info;
    call c = begin_call(input, out);
    const int32_t *precision = duckdb_vector_get_data(duckdb_data_chunk_get_vector(input, 1));
    const int32_t *scale = duckdb_vector_get_data(duckdb_data_chunk_get_vector(input, 2));
    bool *values = c.values;
    for (idx_t row = 0; row < c.rows; row++) {
        pli__number_shape shape;
        values[row] = !is_null(&c, row) && pli__text_to_shape(text_at(&c, row), &shape) &&
                      shape.fraction <= scale[row] &&
                      shape.whole <= (precision[row] > scale[row] ? precision[row] - scale[row] : 1);
    }
}

/* The scale of the result is the function's own. */
static void decimal(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector out) {
    const int scale = *(const int *)duckdb_scalar_function_get_extra_info(info);
    call c = begin_call(input, out);
    duckdb_hugeint *values = c.values;
    for (idx_t row = 0; row < c.rows; row++) {
        pli__unscaled v;
        if (is_null(&c, row) || !pli__text_to_decimal(text_at(&c, row), scale, &v)) set_null(&c, row);
        else values[row] = (duckdb_hugeint){.lower = v.low, .upper = v.high};
    }
}

static void json_to_text(duckdb_data_chunk input, duckdb_vector out, bool nested_too) {
    call c = begin_call(input, out);
    PLI_AUTO(pli__buf_clear) pli__buf scratch = {0};
    for (idx_t row = 0; row < c.rows; row++) {
        pli__str text;
        if (is_null(&c, row) || !pli__json_text(text_at(&c, row), nested_too, &scratch, &text)) set_null(&c, row);
        else duckdb_vector_assign_string_element_len(out, row, text.ptr, text.len);
    }
}

static void json_text(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector out) {
    (void)info;
    json_to_text(input, out, true);
}

static void json_scalar(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector out) {
    (void)info;
    json_to_text(input, out, false);
}

/* ---- intervals ---- */

static bool parse_interval(pli__str s, duckdb_interval *out) {
    int64_t us;
    if (!pli__text_to_duration(s, &us)) return false;
    *out = (duckdb_interval){.months = 0, .days = 0, .micros = us};
    return true;
}

CAST_FUNCTIONS(interval, duckdb_interval, parse_interval)

/* Months have no fixed length: such an interval has no text here, and is a misfit wherever text is wanted. */
static void interval_text(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector out) {
    (void)info;
    call c = begin_call(input, out);
    const duckdb_interval *intervals = duckdb_vector_get_data(duckdb_data_chunk_get_vector(input, 0));
    for (idx_t row = 0; row < c.rows; row++) {
        char text[PLI__DURATION_TEXT_MAX];
        int64_t us;
        if (is_null(&c, row) || intervals[row].months != 0 ||
            __builtin_mul_overflow((int64_t)intervals[row].days, INT64_C(86400000000), &us) ||
            __builtin_add_overflow(us, intervals[row].micros, &us)) {
            set_null(&c, row);
            continue;
        }
        pli__duration_to_text(us, text);
        duckdb_vector_assign_string_element(out, row, text);
    }
}

/* ---- nested JSON ---- */

/* @param prune the value without its misfits, else the misfits */
static void fit_json(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector out, bool prune) {
    call c = begin_call(input, out);
    PLI_AUTO(pli__json_fit_clear) pli__json_fit fit = {0};
    duckdb_string_t *types = duckdb_vector_get_data(duckdb_data_chunk_get_vector(input, 1));
    pli_error err;
    for (idx_t row = 0; row < c.rows; row++) {
        pli__str text;
        bool wanted = false;
        if (is_null(&c, row)) {
            set_null(&c, row);
            continue;
        }
        call type = {.texts = types};
        pli_status status = row == 0 || !fit.type ? pli__json_fit_init(&fit, text_at(&type, row), &err) : PLI_OK;
        if (status == PLI_OK) status = pli__json_fit_run(&fit, text_at(&c, row), prune, &wanted, &text, &err);
        if (status != PLI_OK) {
            duckdb_scalar_function_set_error(info, err.message);
            return;
        }
        if (wanted) duckdb_vector_assign_string_element_len(out, row, text.ptr, text.len);
        else set_null(&c, row);
    }
}

static void json_misfits(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector out) {
    fit_json(info, input, out, false);
}
static void json_prune(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector out) {
    fit_json(info, input, out, true);
}

/* ---- rescued data ---- */

/* Members that say where rescued data come from; alone they are nothing that was rescued. */
static bool is_only_origin(pli__str json, size_t members) {
    const pli__str text = PLI_STR("_file_path"), line = PLI_STR("_line");
    pli__json_path path = {.n = 1, .names = {text}};
    if (members && pli__json_path_at(&path, json).ptr) members--;
    path.names[0] = line;
    if (members && pli__json_path_at(&path, json).ptr) members--;
    return members == 0;
}

/* The path and the flag are the same for all rows of a call. */
static pli_status read_path(duckdb_data_chunk input, pli__json_path *out, pli_error *err) {
    call path = {.texts = duckdb_vector_get_data(duckdb_data_chunk_get_vector(input, 1))};
    const bool *fold = duckdb_vector_get_data(duckdb_data_chunk_get_vector(input, 2));
    if (duckdb_data_chunk_get_size(input) == 0) return *out = (pli__json_path){0}, PLI_OK;
    return pli__json_path_parse(text_at(&path, 0), fold[0], out, err);
}

static void json_at(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector out) {
    call c = begin_call(input, out);
    PLI_AUTO(pli__json_path_clear) pli__json_path path = {0};
    pli_error err;
    if (read_path(input, &path, &err) != PLI_OK) {
        duckdb_scalar_function_set_error(info, err.message);
        return;
    }
    for (idx_t row = 0; row < c.rows; row++) {
        const pli__str value = is_null(&c, row) ? (pli__str){0} : pli__json_path_at(&path, text_at(&c, row));
        if (value.ptr) duckdb_vector_assign_string_element_len(out, row, value.ptr, value.len);
        else set_null(&c, row);
    }
}

static void rescued_without(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector out) {
    call c = begin_call(input, out);
    PLI_AUTO(pli__json_path_clear) pli__json_path path = {0};
    PLI_AUTO(pli__buf_clear) pli__buf rest = {0};
    pli_error err;
    pli_status status = read_path(input, &path, &err);
    for (idx_t row = 0; row < c.rows && status == PLI_OK; row++) {
        if (is_null(&c, row)) {
            set_null(&c, row);
            continue;
        }
        pli__buf_reset(&rest);
        const size_t members = pli__json_path_without(&path, text_at(&c, row), &rest);
        status = pli__buf_status(&rest, &err);
        if (status != PLI_OK) break;
        if (is_only_origin(pli__buf_str(&rest), members)) set_null(&c, row);
        else duckdb_vector_assign_string_element_len(out, row, rest.ptr, rest.len);
    }
    if (status != PLI_OK) duckdb_scalar_function_set_error(info, err.message);
}

/* ---- registration ---- */

#define MAX_PARAMETERS 3

typedef struct {
    const char *name;
    duckdb_type result;
    duckdb_type parameters[MAX_PARAMETERS]; /* up to the first DUCKDB_TYPE_INVALID */
    duckdb_scalar_function_t run;
} function;

#define FROM_TEXT(sql, type, c_name)                                                                                   \
    {"pli_" sql, type, {DUCKDB_TYPE_VARCHAR}, c_name}, { "pli_json_" sql, type, {DUCKDB_TYPE_VARCHAR}, json_##c_name }

static const function functions[] = {
    FROM_TEXT("bigint", DUCKDB_TYPE_BIGINT, bigint),
    FROM_TEXT("double", DUCKDB_TYPE_DOUBLE, to_double),
    FROM_TEXT("boolean", DUCKDB_TYPE_BOOLEAN, boolean),
    FROM_TEXT("date", DUCKDB_TYPE_DATE, date),
    FROM_TEXT("time", DUCKDB_TYPE_TIME, time_of_day),
    FROM_TEXT("timestamp", DUCKDB_TYPE_TIMESTAMP_TZ, timestamp),
    FROM_TEXT("timestamp_ntz", DUCKDB_TYPE_TIMESTAMP, timestamp),
    FROM_TEXT("interval", DUCKDB_TYPE_INTERVAL, interval),
    {"pli_interval_text", DUCKDB_TYPE_VARCHAR, {DUCKDB_TYPE_INTERVAL}, interval_text},
    {"pli_number_fits",
     DUCKDB_TYPE_BOOLEAN,
     {DUCKDB_TYPE_VARCHAR, DUCKDB_TYPE_INTEGER, DUCKDB_TYPE_INTEGER},
     number_fits},
    {"pli_json_text", DUCKDB_TYPE_VARCHAR, {DUCKDB_TYPE_VARCHAR}, json_text},
    {"pli_json_scalar", DUCKDB_TYPE_VARCHAR, {DUCKDB_TYPE_VARCHAR}, json_scalar},
    {"pli_json_misfits", DUCKDB_TYPE_VARCHAR, {DUCKDB_TYPE_VARCHAR, DUCKDB_TYPE_VARCHAR}, json_misfits},
    {"pli_json_prune", DUCKDB_TYPE_VARCHAR, {DUCKDB_TYPE_VARCHAR, DUCKDB_TYPE_VARCHAR}, json_prune},
    {"pli_json_at", DUCKDB_TYPE_VARCHAR, {DUCKDB_TYPE_VARCHAR, DUCKDB_TYPE_VARCHAR, DUCKDB_TYPE_BOOLEAN}, json_at},
    {"pli_rescued_without",
     DUCKDB_TYPE_VARCHAR,
     {DUCKDB_TYPE_VARCHAR, DUCKDB_TYPE_VARCHAR, DUCKDB_TYPE_BOOLEAN},
     rescued_without},
};

static void add_parameter(duckdb_scalar_function f, duckdb_type type) {
    duckdb_logical_type t = duckdb_create_logical_type(type);
    duckdb_scalar_function_add_parameter(f, t);
    duckdb_destroy_logical_type(&t);
}

static duckdb_state register_function(duckdb_connection con, const function *spec) {
    duckdb_scalar_function f = duckdb_create_scalar_function();
    duckdb_logical_type result = duckdb_create_logical_type(spec->result);
    duckdb_scalar_function_set_name(f, spec->name);
    for (int i = 0; i < MAX_PARAMETERS && spec->parameters[i] != DUCKDB_TYPE_INVALID; i++)
        add_parameter(f, spec->parameters[i]);
    duckdb_scalar_function_set_return_type(f, result);
    duckdb_scalar_function_set_function(f, spec->run);
    const duckdb_state state = duckdb_register_scalar_function(con, f);
    duckdb_destroy_logical_type(&result);
    duckdb_destroy_scalar_function(&f);
    return state;
}

#define MAX_DIGITS 38

/* pli_decimal_<scale>: a function has one type of result. */
static duckdb_state register_decimal(duckdb_connection con, int scale) {
    static const int scales[] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19,
                                 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38};
    _Static_assert(sizeof scales / sizeof scales[0] == MAX_DIGITS + 1, "one for each function");
    char name[24];
    snprintf(name, sizeof name, "pli_decimal_%d", scale);
    duckdb_scalar_function f = duckdb_create_scalar_function();
    duckdb_logical_type result = duckdb_create_decimal_type(MAX_DIGITS, (uint8_t)scale);
    duckdb_scalar_function_set_name(f, name);
    add_parameter(f, DUCKDB_TYPE_VARCHAR);
    duckdb_scalar_function_set_return_type(f, result);
    duckdb_scalar_function_set_extra_info(f, (void *)(uintptr_t)&scales[scale], NULL);
    duckdb_scalar_function_set_function(f, decimal);
    const duckdb_state state = duckdb_register_scalar_function(con, f);
    duckdb_destroy_logical_type(&result);
    duckdb_destroy_scalar_function(&f);
    return state;
}

pli_status pli__duckdb_register_casts(duckdb_connection con, pli_error *err) {
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++)
        if (register_function(con, &functions[i]) != DuckDBSuccess)
            return pli__error_set(err, PLI_E_ENGINE, "could not register the function %s", functions[i].name);
    for (int scale = 0; scale <= MAX_DIGITS; scale++)
        if (register_decimal(con, scale) != DuckDBSuccess)
            return pli__error_set(err, PLI_E_ENGINE, "could not register the function pli_decimal_%d", scale);
    return PLI_OK;
}
