/* Scalar functions that cast text exactly. Each is a tight loop over one vector; the work is in types/value_text.c. */
#include "engine/duckdb/casts.h"

#include <stdlib.h>

#include "base/str.h"
#include "engine/duckdb/json_text.h"
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

/* A function from text to values of type T by `bool parse(pli__str, T *)`. */
#define CAST_FUNCTION(name, T, parse)                                                                                 \
    static void name(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector out) {                         \
        (void)info;                                                                                                   \
        call c = begin_call(input, out);                                                                              \
        T *values = c.values;                                                                                         \
        for (idx_t row = 0; row < c.rows; row++)                                                                      \
            if (is_null(&c, row) || !parse(text_at(&c, row), &values[row])) set_null(&c, row);                        \
    }

static bool parse_timestamp(pli__str s, int64_t *us) { return pli__text_to_timestamp(s, us, NULL); }
static bool parse_class(pli__str s, int32_t *bits) {
    *bits = pli__text_class(s);
    return true;
}

CAST_FUNCTION(cast_bigint, int64_t, pli__text_to_i64)
CAST_FUNCTION(cast_double, double, pli__text_to_f64)
CAST_FUNCTION(cast_boolean, bool, pli__text_to_bool)
CAST_FUNCTION(cast_date, int32_t, pli__text_to_date)
CAST_FUNCTION(cast_time, int64_t, pli__text_to_time)
CAST_FUNCTION(cast_timestamp, int64_t, parse_timestamp)
CAST_FUNCTION(text_class, int32_t, parse_class)

static void number_fits(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector out) {
    (void)info;
    call c = begin_call(input, out);
    const int32_t *precision = duckdb_vector_get_data(duckdb_data_chunk_get_vector(input, 1));
    const int32_t *scale = duckdb_vector_get_data(duckdb_data_chunk_get_vector(input, 2));
    bool *values = c.values;
    for (idx_t row = 0; row < c.rows; row++) {
        pli__number_shape shape;
        values[row] = !is_null(&c, row) && pli__text_to_shape(text_at(&c, row), &shape) && shape.fraction <= scale[row] &&
                      shape.whole <= (precision[row] > scale[row] ? precision[row] - scale[row] : 1);
    }
}

static void json_to_text(duckdb_data_chunk input, duckdb_vector out, bool nested_too) {
    call c = begin_call(input, out);
    PLI_AUTO(pli__buf_clear) pli__buf scratch = {0};
    for (idx_t row = 0; row < c.rows; row++) {
        pli__str text;
        if (is_null(&c, row) || !pli__json_text(text_at(&c, row), nested_too, &scratch, &text))
            set_null(&c, row);
        else
            duckdb_vector_assign_string_element_len(out, row, text.ptr, text.len);
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

typedef struct {
    const char *name;
    duckdb_type result;
    int n_integers; /* further parameters */
    duckdb_scalar_function_t run;
} function;

static const function functions[] = {
    {"pli_bigint", DUCKDB_TYPE_BIGINT, 0, cast_bigint},
    {"pli_double", DUCKDB_TYPE_DOUBLE, 0, cast_double},
    {"pli_boolean", DUCKDB_TYPE_BOOLEAN, 0, cast_boolean},
    {"pli_date", DUCKDB_TYPE_DATE, 0, cast_date},
    {"pli_time", DUCKDB_TYPE_TIME, 0, cast_time},
    {"pli_timestamp", DUCKDB_TYPE_TIMESTAMP_TZ, 0, cast_timestamp},
    {"pli_timestamp_ntz", DUCKDB_TYPE_TIMESTAMP, 0, cast_timestamp},
    {"pli_number_fits", DUCKDB_TYPE_BOOLEAN, 2, number_fits},
    {"pli_text_class", DUCKDB_TYPE_INTEGER, 0, text_class},
    {"pli_json_text", DUCKDB_TYPE_VARCHAR, 0, json_text},
    {"pli_json_scalar", DUCKDB_TYPE_VARCHAR, 0, json_scalar},
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
    add_parameter(f, DUCKDB_TYPE_VARCHAR);
    for (int i = 0; i < spec->n_integers; i++) add_parameter(f, DUCKDB_TYPE_INTEGER);
    duckdb_scalar_function_set_return_type(f, result);
    duckdb_scalar_function_set_function(f, spec->run);
    const duckdb_state state = duckdb_register_scalar_function(con, f);
    duckdb_destroy_logical_type(&result);
    duckdb_destroy_scalar_function(&f);
    return state;
}

pli_status pli__duckdb_register_casts(duckdb_connection con, pli_error *err) {
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++)
        if (register_function(con, &functions[i]) != DuckDBSuccess)
            return pli__error_set(err, PLI_E_ENGINE, "could not register the function %s", functions[i].name);
    return PLI_OK;
}
