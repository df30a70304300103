/* JSON records over jansson: parsing with the place of an error, a writer of our own, and typed members. */
#include "base/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { WRITE_DEPTH_MAX = 512 };

void pli__json_unref(json_t **v) { json_decref(*v); }

pli_status pli__json_parse(pli__str text, const char *what, json_t **out, pli_error *err) {
    json_error_t e;
    /* NUL in a string is legal JSON and occurs in free text of other writers; pli__json_get_str refuses it. */
    json_t *v = json_loadb(text.ptr ? text.ptr : "", text.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, &e);
    if (v) {
        *out = v;
        return PLI_OK;
    }
    if (json_error_code(&e) == json_error_out_of_memory) return pli__error_memory(err);
    pli__error_set(err, PLI_E_CORRUPT, "'%s' is not valid JSON: line %d, column %d: %s", what, e.line, e.column,
                   e.text);
    if (err) err->position = e.line > 0 ? e.line : 0;
    return PLI_E_CORRUPT;
}

/* The shortest decimal text that reads back as the same number, always with a point or exponent. */
static pli_status write_real(double v, pli__buf *out, pli_error *err) {
    char text[40];
    if (!isfinite(v)) return pli__error_set(err, PLI_E_ARGUMENT, "JSON has no infinite numbers");
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, v);
        if (strtod(text, NULL) == v) break;
    }
    for (char *p = text; *p; p++)
        if (*p == ',') *p = '.'; /* a decimal comma of the embedding program's locale */
    pli__buf_addz(out, text);
    if (!strpbrk(text, ".eE")) pli__buf_addz(out, ".0");
    return PLI_OK;
}

typedef struct {
    pli__buf *out;
    bool pretty;
    unsigned depth;
} writer;

static void start_line(writer *w) {
    if (!w->pretty) return;
    pli__buf_addc(w->out, '\n');
    for (unsigned i = 0; i < w->depth; i++) pli__buf_addz(w->out, "  ");
}

static pli_status write_value(writer *w, const json_t *v, pli_error *err);

static pli_status write_array(writer *w, const json_t *v, pli_error *err) {
    const size_t n = json_array_size(v);
    pli__buf_addc(w->out, '[');
    w->depth++;
    for (size_t i = 0; i < n; i++) {
        if (i) pli__buf_addc(w->out, ',');
        start_line(w);
        PLI_TRY(write_value(w, json_array_get(v, i), err));
    }
    w->depth--;
    if (n) start_line(w);
    pli__buf_addc(w->out, ']');
    return PLI_OK;
}

static pli_status write_object(writer *w, json_t *v, pli_error *err) {
    pli__buf_addc(w->out, '{');
    w->depth++;
    bool first = true;
    for (void *it = json_object_iter(v); it; it = json_object_iter_next(v, it)) {
        if (!first) pli__buf_addc(w->out, ',');
        first = false;
        start_line(w);
        pli__buf_add_json(w->out, pli__str_of(json_object_iter_key(it)));
        pli__buf_addz(w->out, w->pretty ? ": " : ":");
        PLI_TRY(write_value(w, json_object_iter_value(it), err));
    }
    w->depth--;
    if (!first) start_line(w);
    pli__buf_addc(w->out, '}');
    return PLI_OK;
}

static pli_status write_value(writer *w, const json_t *v, pli_error *err) {
    if (!v) return pli__error_set(err, PLI_E_ARGUMENT, "there is no JSON value to write");
    if (w->depth > WRITE_DEPTH_MAX)
        return pli__error_set(err, PLI_E_LIMIT, "a JSON value is nested more than %d deep", WRITE_DEPTH_MAX);
    switch (json_typeof(v)) {
        case JSON_OBJECT: {
            union { /* jansson's iterators take a plain pointer, though they change nothing */
                const json_t *in;
                json_t *out;
            } object = {.in = v};
            return write_object(w, object.out, err);
        }
        case JSON_ARRAY: return write_array(w, v, err);
        case JSON_STRING:
            pli__buf_add_json(w->out, (pli__str){json_string_value(v), json_string_length(v)});
            return PLI_OK;
        case JSON_INTEGER: pli__buf_addf(w->out, "%lld", (long long)json_integer_value(v)); return PLI_OK;
        case JSON_REAL: return write_real(json_real_value(v), w->out, err);
        case JSON_TRUE: pli__buf_addz(w->out, "true"); return PLI_OK;
        case JSON_FALSE: pli__buf_addz(w->out, "false"); return PLI_OK;
        case JSON_NULL: break;
    }
    pli__buf_addz(w->out, "null");
    return PLI_OK;
}

pli_status pli__json_write(const json_t *value, pli__buf *out, pli_error *err) {
    writer w = {.out = out};
    PLI_TRY(write_value(&w, value, err));
    return pli__buf_status(out, err);
}

pli_status pli__json_write_pretty(const json_t *value, pli__buf *out, pli_error *err) {
    writer w = {.out = out, .pretty = true};
    PLI_TRY(write_value(&w, value, err));
    pli__buf_addc(out, '\n');
    return pli__buf_status(out, err);
}

/* Finds a member; *out stays NULL when an optional one is absent or null. */
static pli_status find_member(const json_t *obj, const char *key, const char *what, bool required, json_t **out,
                              pli_error *err) {
    if (!json_is_object(obj))
        return pli__error_set(err, PLI_E_CORRUPT, "'%s': an object was expected around '%s'", what, key);
    json_t *v = json_object_get(obj, key);
    if (v && !json_is_null(v)) *out = v;
    else if (required) return pli__error_set(err, PLI_E_CORRUPT, "'%s': '%s' is missing", what, key);
    return PLI_OK;
}

static pli_status wrong_type(const char *what, const char *key, const char *type, pli_error *err) {
    return pli__error_set(err, PLI_E_CORRUPT, "'%s': '%s' must be %s", what, key, type);
}

pli_status pli__json_get_str(const json_t *obj, const char *key, const char *what, bool required, const char **out,
                             pli_error *err) {
    json_t *v = NULL;
    PLI_TRY(find_member(obj, key, what, required, &v, err));
    if (!v) return PLI_OK;
    if (!json_is_string(v)) return wrong_type(what, key, "a string", err);
    if (strlen(json_string_value(v)) != json_string_length(v))
        return wrong_type(what, key, "a string without NUL characters", err);
    *out = json_string_value(v);
    return PLI_OK;
}

pli_status pli__json_get_i64(const json_t *obj, const char *key, const char *what, bool required, int64_t *out,
                             pli_error *err) {
    json_t *v = NULL;
    PLI_TRY(find_member(obj, key, what, required, &v, err));
    if (!v) return PLI_OK;
    if (!json_is_integer(v)) return wrong_type(what, key, "an integer", err);
    *out = json_integer_value(v);
    return PLI_OK;
}

pli_status pli__json_get_f64(const json_t *obj, const char *key, const char *what, bool required, double *out,
                             pli_error *err) {
    json_t *v = NULL;
    PLI_TRY(find_member(obj, key, what, required, &v, err));
    if (!v) return PLI_OK;
    if (!json_is_number(v)) return wrong_type(what, key, "a number", err);
    *out = json_number_value(v);
    return PLI_OK;
}

pli_status pli__json_get_bool(const json_t *obj, const char *key, const char *what, bool required, bool *out,
                              pli_error *err) {
    json_t *v = NULL;
    PLI_TRY(find_member(obj, key, what, required, &v, err));
    if (!v) return PLI_OK;
    if (!json_is_boolean(v)) return wrong_type(what, key, "true or false", err);
    *out = json_is_true(v);
    return PLI_OK;
}

pli_status pli__json_get_obj(const json_t *obj, const char *key, const char *what, bool required, json_t **out,
                             pli_error *err) {
    json_t *v = NULL;
    PLI_TRY(find_member(obj, key, what, required, &v, err));
    if (!v) return PLI_OK;
    if (!json_is_object(v)) return wrong_type(what, key, "an object", err);
    *out = v;
    return PLI_OK;
}

pli_status pli__json_get_arr(const json_t *obj, const char *key, const char *what, bool required, json_t **out,
                             pli_error *err) {
    json_t *v = NULL;
    PLI_TRY(find_member(obj, key, what, required, &v, err));
    if (!v) return PLI_OK;
    if (!json_is_array(v)) return wrong_type(what, key, "an array", err);
    *out = v;
    return PLI_OK;
}
