/* Casts of simple values in SQL, so that the table of types.md holds: what the engine would round, cut or guess is
 * guarded. Text goes through the exact functions of engine/duckdb/casts.h. */
#include "schema/render_impl.h"

#include <stdio.h>

#include "base/json.h"

static pli_status without_untyped(const pli__type *t, const pli__type **out, pli_error *err) {
    PLI_AUTO(pli__type_builder_clear) pli__type_builder b = {0};
    for (size_t i = 0; i < t->n_fields; i++) {
        const pli__type *inner = NULL;
        if (!pli__has_type(t->fields[i].type)) continue;
        PLI_TRY(without_untyped(t->fields[i].type, &inner, err));
        pli__type_builder_add(&b, pli__str_of(t->fields[i].name), inner, true, NULL);
    }
    if (b.failed) return pli__error_memory(err);
    if (!pli__type_is_nested(t)) *out = pli__type_ref(t);
    else if (t->id == PLI__TYPE_STRUCT) *out = pli__type_builder_finish(&b);
    else if (t->id == PLI__TYPE_MAP)
        *out = pli__type_new_map(pli__type_ref(b.fields[0].type), pli__type_ref(b.fields[1].type), true);
    else
        *out = t->array_size ? pli__type_new_array(pli__type_ref(b.fields[0].type), t->array_size)
                             : pli__type_new_list(pli__type_ref(b.fields[0].type), true);
    return *out ? PLI_OK : pli__error_memory(err);
}

pli_status pli__render_type(pli__buf *b, const pli__type *t, pli_error *err) {
    PLI_AUTO(pli__type_auto) const pli__type *typed = NULL;
    if (pli__type_is_nested(t)) PLI_TRY(without_untyped(t, &typed, err));
    PLI_TRY(pli__type_to_sql(typed ? typed : t, b, err));
    return pli__buf_status(b, err);
}

pli_status pli__render_null(pli__buf *b, const pli__type *t, pli_error *err) {
    pli__buf_addz(b, "CAST(NULL AS ");
    PLI_TRY(pli__render_type(b, t, err));
    pli__buf_addc(b, ')');
    return pli__buf_status(b, err);
}

/* A pattern in which %e is the expression and %t the SQL name of the target type; any other percent sign is SQL's. */
static pli_status fill(pli__buf *b, const char *pattern, const char *e, const pli__type *to, pli_error *err) {
    for (const char *p = pattern; *p; p++) {
        const bool ours = p[0] == '%' && (p[1] == 'e' || p[1] == 't');
        if (!ours) pli__buf_addc(b, *p);
        else if (*++p == 'e') pli__buf_addz(b, e);
        else PLI_TRY(pli__render_type(b, to, err));
    }
    return pli__buf_status(b, err);
}

/* ---- text and JSON ---- */

/* 128-bit integers; shorter ones have functions of their own. */
static pli_status text_to_integer(pli__buf *b, const char *e, const pli__type *to, pli_error *err) {
    pli__buf_addf(b, "CASE WHEN pli_number_fits(%s, %d, 0) THEN ", e, to->id == PLI__TYPE_U64 ? 20 : 39);
    return fill(b, "TRY_CAST(TRY_CAST(%e AS HUGEINT) AS %t) END", e, to, err);
}

static pli_status text_to_decimal(pli__buf *b, const char *e, const pli__type *to, pli_error *err) {
    pli__buf_addf(b, "TRY_CAST(pli_decimal_%d(%s) AS ", to->scale, e);
    PLI_TRY(pli__render_type(b, to, err));
    pli__buf_addc(b, ')');
    return pli__buf_status(b, err);
}

static const char *text_pattern(pli__type_id to) {
    switch (to) {
        case PLI__TYPE_BOOLEAN: return "pli_boolean(%e)";
        case PLI__TYPE_I64: return "pli_bigint(%e)";
        case PLI__TYPE_I8:
        case PLI__TYPE_I16:
        case PLI__TYPE_I32:
        case PLI__TYPE_U8:
        case PLI__TYPE_U16:
        case PLI__TYPE_U32: return "TRY_CAST(pli_bigint(%e) AS %t)";
        case PLI__TYPE_F64: return "pli_double(%e)";
        case PLI__TYPE_F32:
            return "CASE WHEN pli_double(%e) IS NOT NULL AND isfinite(TRY_CAST(%e AS FLOAT)) THEN TRY_CAST(%e AS FLOAT) END";
        case PLI__TYPE_STRING: return "%e";
        case PLI__TYPE_BINARY: return "encode(%e)";
        case PLI__TYPE_DATE: return "pli_date(%e)";
        case PLI__TYPE_TIME: return "pli_time(%e)";
        case PLI__TYPE_TIMESTAMP: return "pli_timestamp(%e)";
        case PLI__TYPE_TIMESTAMP_NTZ: return "CAST(pli_timestamp_ntz(%e) AS %t)";
        case PLI__TYPE_DURATION: return "pli_interval(%e)";
        case PLI__TYPE_JSON: return "CASE WHEN json_valid(%e) THEN CAST(%e AS JSON) END";
        default: return "TRY_CAST(%e AS %t)";
    }
}

static pli_status cast_text(pli__buf *b, const char *e, const pli__type *to, pli_error *err) {
    switch (to->id) {
        case PLI__TYPE_U64:
        case PLI__TYPE_I128:
        case PLI__TYPE_U128: return text_to_integer(b, e, to, err);
        case PLI__TYPE_DECIMAL: return text_to_decimal(b, e, to, err);
        default: return fill(b, text_pattern(to->id), e, to, err);
    }
}

static pli_status cast_json(pli__buf *b, const char *e, const pli__type *to, pli_error *err) {
    switch (to->id) {
        case PLI__TYPE_BOOLEAN: return fill(b, "pli_json_boolean(%e)", e, to, err);
        case PLI__TYPE_I64: return fill(b, "pli_json_bigint(%e)", e, to, err);
        case PLI__TYPE_I8:
        case PLI__TYPE_I16:
        case PLI__TYPE_I32: return fill(b, "TRY_CAST(pli_json_bigint(%e) AS %t)", e, to, err);
        case PLI__TYPE_F64: return fill(b, "pli_json_double(%e)", e, to, err);
        case PLI__TYPE_STRING: return fill(b, "pli_json_text(%e)", e, to, err);
        case PLI__TYPE_DATE: return fill(b, "pli_json_date(%e)", e, to, err);
        case PLI__TYPE_TIMESTAMP: return fill(b, "pli_json_timestamp(%e)", e, to, err);
        case PLI__TYPE_TIMESTAMP_NTZ: return fill(b, "CAST(pli_json_timestamp_ntz(%e) AS %t)", e, to, err);
        case PLI__TYPE_JSON: return fill(b, "CAST(%e AS JSON)", e, to, err);
        default: break;
    }
    PLI_AUTO(pli__buf_clear) pli__buf scalar = {0};
    pli__buf_addf(&scalar, "pli_json_scalar(%s)", e);
    PLI_TRY(pli__buf_status(&scalar, err));
    return cast_text(b, scalar.ptr, to, err);
}

/* ---- typed values ---- */

static const char *from_integer(const pli__type *from, const pli__type *to) {
    const bool exact = pli__cast_kind_of(from, to) == PLI__CAST_EXACT;
    if (to->id == PLI__TYPE_BOOLEAN) return "CASE WHEN %e IN (0, 1) THEN %e = 1 END";
    if (!pli__type_is_float(to) || exact) return "TRY_CAST(%e AS %t)";
    /* the engine does not take -2^127 back from a float, though both hold it */
    if (from->id == PLI__TYPE_I128)
        return "CASE WHEN TRY_CAST(CAST(%e AS %t) AS HUGEINT) = %e OR %e = -170141183460469231731687303715884105727 - 1 "
               "THEN CAST(%e AS %t) END";
    return from->id == PLI__TYPE_U128
               ? "CASE WHEN TRY_CAST(CAST(%e AS %t) AS UHUGEINT) = %e THEN CAST(%e AS %t) END"
               : "CASE WHEN TRY_CAST(CAST(%e AS %t) AS HUGEINT) = CAST(%e AS HUGEINT) THEN CAST(%e AS %t) END";
}

static const char *from_float(const pli__type *from, const pli__type *to) {
    if (pli__type_is_integer(to)) return "CASE WHEN %e = trunc(%e) THEN TRY_CAST(%e AS %t) END";
    if (to->id == PLI__TYPE_BOOLEAN) return "CASE WHEN %e IN (0, 1) THEN %e = 1 END";
    if (to->id == PLI__TYPE_F32)
        return "CASE WHEN CAST(TRY_CAST(%e AS FLOAT) AS DOUBLE) = %e THEN TRY_CAST(%e AS FLOAT) END";
    if (to->id != PLI__TYPE_DECIMAL) return "CAST(%e AS %t)";
    return from->id == PLI__TYPE_F32
               ? "CASE WHEN CAST(TRY_CAST(CAST(%e AS DOUBLE) AS %t) AS FLOAT) = %e THEN TRY_CAST(CAST(%e AS DOUBLE) AS %t) END"
               : "CASE WHEN CAST(TRY_CAST(%e AS %t) AS DOUBLE) = %e THEN TRY_CAST(%e AS %t) END";
}

/* Text is exact, and its casts are guarded already. */
static pli_status from_decimal(pli__buf *b, const char *e, const pli__type *from, const pli__type *to, pli_error *err) {
    if (to->id == PLI__TYPE_STRING || pli__cast_kind_of(from, to) == PLI__CAST_EXACT)
        return fill(b, "CAST(%e AS %t)", e, to, err);
    if (to->id == PLI__TYPE_BOOLEAN) return fill(b, "CASE WHEN %e IN (0, 1) THEN %e = 1 END", e, to, err);
    if (pli__type_is_float(to)) {
        pli__buf_addf(b, "CASE WHEN TRY_CAST(CAST(%s AS %s) AS ", e, to->id == PLI__TYPE_F64 ? "DOUBLE" : "FLOAT");
        PLI_TRY(pli__render_type(b, from, err));
        return fill(b, ") = %e THEN CAST(%e AS %t) END", e, to, err);
    }
    PLI_AUTO(pli__buf_clear) pli__buf text = {0};
    pli__buf_addf(&text, "CAST(%s AS VARCHAR)", e);
    PLI_TRY(pli__buf_status(&text, err));
    return cast_text(b, text.ptr, to, err);
}

/* Instants and wall times read each other as UTC, whatever zone the session has. */
static const char *from_timestamp(const pli__type *from, const pli__type *to) {
    const bool zoned = from->id == PLI__TYPE_TIMESTAMP;
    switch (to->id) {
        case PLI__TYPE_STRING:
            return zoned
                       ? "CASE WHEN epoch_us(%e) % 1000000 = 0 THEN strftime(make_timestamp(epoch_us(%e)), '%Y-%m-%dT%H:%M:%SZ') "
                         "ELSE strftime(make_timestamp(epoch_us(%e)), '%Y-%m-%dT%H:%M:%S.%fZ') END"
                       : "CASE WHEN epoch_us(%e) % 1000000 = 0 THEN strftime(make_timestamp(epoch_us(%e)), '%Y-%m-%dT%H:%M:%S') "
                         "ELSE strftime(make_timestamp(epoch_us(%e)), '%Y-%m-%dT%H:%M:%S.%f') END";
        case PLI__TYPE_DATE:
            return "CASE WHEN epoch_us(%e) % 86400000000 = 0 THEN CAST(make_timestamp(epoch_us(%e)) AS DATE) END";
        case PLI__TYPE_TIMESTAMP:
            return from->unit == PLI__UNIT_NS
                       ? "CASE WHEN epoch_ns(%e) % 1000 = 0 THEN make_timestamptz(epoch_us(%e)) END"
                       : "make_timestamptz(epoch_us(%e))";
        default:
            return from->unit == PLI__UNIT_NS && to->unit != PLI__UNIT_NS
                       ? "CASE WHEN epoch_ns(%e) % 1000 = 0 THEN CAST(make_timestamp(epoch_us(%e)) AS %t) END"
                       : "CAST(make_timestamp(epoch_us(%e)) AS %t)";
    }
}

static const char *typed_pattern(const pli__type *from, const pli__type *to) {
    switch (from->id) {
        case PLI__TYPE_NULL: return "CAST(NULL AS %t)";
        case PLI__TYPE_F32:
        case PLI__TYPE_F64: return from_float(from, to);
        case PLI__TYPE_BINARY: return "TRY(decode(%e))";
        case PLI__TYPE_TIMESTAMP:
        case PLI__TYPE_TIMESTAMP_NTZ: return from_timestamp(from, to);
        case PLI__TYPE_DATE:
            return to->id == PLI__TYPE_TIMESTAMP ? "make_timestamptz(epoch_us(CAST(%e AS TIMESTAMP)))"
                                                 : "CAST(%e AS %t)";
        case PLI__TYPE_DURATION: return to->id == PLI__TYPE_STRING ? "pli_interval_text(%e)" : "CAST(%e AS %t)";
        case PLI__TYPE_STRUCT:
        case PLI__TYPE_LIST:
        case PLI__TYPE_MAP: return "CAST(to_json(%e) AS %t)";
        default: return pli__type_is_integer(from) ? from_integer(from, to) : "TRY_CAST(%e AS %t)";
    }
}

pli_status pli__render_cast(pli__buf *b, pli__rep rep, const pli__type *from, const pli__type *to, const char *e,
                            pli_error *err) {
    if (!pli__has_type(to)) {
        pli__buf_addz(b, "NULL");
        return pli__buf_status(b, err);
    }
    if (rep == PLI__REP_TEXT) return cast_text(b, e, to, err);
    if (rep == PLI__REP_JSON) return cast_json(b, e, to, err);
    if (from->id == PLI__TYPE_STRING) return cast_text(b, e, to, err);
    if (from->id == PLI__TYPE_DECIMAL) return from_decimal(b, e, from, to, err);
    return fill(b, typed_pattern(from, to), e, to, err);
}

/* ---- values as JSON ---- */

static pli_status json_of_struct(pli__buf *b, pli__rep rep, const pli__type *t, const char *e, int depth,
                                 pli_error *err) {
    pli__buf_addf(b, "CASE WHEN %s IS NOT NULL THEN concat('{'", e);
    for (size_t i = 0; i < t->n_fields; i++) {
        PLI_AUTO(pli__buf_clear) pli__buf field = {0};
        PLI_TRY(pli__render_field(&field, e, t->fields[i].name, err));
        pli__buf_addz(b, i ? ", ',', " : ", ");
        PLI_TRY(pli__render_key(b, t->fields[i].name, err));
        pli__buf_addz(b, ", coalesce(");
        PLI_TRY(pli__render_json_of(b, rep, t->fields[i].type, field.ptr, depth, err));
        pli__buf_addz(b, ", 'null')");
    }
    pli__buf_addz(b, ", '}') END");
    return pli__buf_status(b, err);
}

static pli_status json_of_list(pli__buf *b, pli__rep rep, const pli__type *t, const char *e, int depth,
                               pli_error *err) {
    char variable[24];
    snprintf(variable, sizeof variable, "pli_j%d", depth);
    pli__buf_addf(b,
                  "CASE WHEN %s IS NOT NULL THEN concat('[', array_to_string(list_transform(%s, lambda %s: coalesce(",
                  e, e, variable);
    PLI_TRY(pli__render_json_of(b, rep, t->fields[0].type, variable, depth + 1, err));
    pli__buf_addz(b, ", 'null')), ','), ']') END");
    return pli__buf_status(b, err);
}

/* Keys are JSON strings: text as it is, others as their JSON text in quotes. */
static pli_status json_of_map(pli__buf *b, pli__rep rep, const pli__type *t, const char *e, int depth, pli_error *err) {
    char key[32], value[32];
    snprintf(key, sizeof key, "pli_j%d.\"key\"", depth);
    snprintf(value, sizeof value, "pli_j%d.\"value\"", depth);
    pli__buf_addf(
        b,
        "CASE WHEN %s IS NOT NULL THEN concat('{', array_to_string(list_transform(map_entries(%s), lambda pli_j%d: CAST(to_json(",
        e, e, depth);
    if (t->fields[0].type->id == PLI__TYPE_STRING) pli__buf_addz(b, key);
    else PLI_TRY(pli__render_json_of(b, rep, t->fields[0].type, key, depth + 1, err));
    pli__buf_addz(b, ") AS VARCHAR) || ':' || coalesce(");
    PLI_TRY(pli__render_json_of(b, rep, t->fields[1].type, value, depth + 1, err));
    pli__buf_addz(b, ", 'null')), ','), '}') END");
    return pli__buf_status(b, err);
}

static bool is_long_number(const pli__type *t) {
    return t->id == PLI__TYPE_I64 || t->id == PLI__TYPE_U64 || t->id == PLI__TYPE_I128 || t->id == PLI__TYPE_U128 ||
           t->id == PLI__TYPE_DECIMAL;
}

static const char *json_pattern(pli__rep rep, const pli__type *t) {
    if (rep == PLI__REP_TYPED_JSON && is_long_number(t)) return "CAST(%e AS VARCHAR)";
    switch (t->id) {
        case PLI__TYPE_NULL: return "CAST(NULL AS VARCHAR)";
        case PLI__TYPE_BOOLEAN:
        case PLI__TYPE_I8:
        case PLI__TYPE_I16:
        case PLI__TYPE_I32:
        case PLI__TYPE_U8:
        case PLI__TYPE_U16:
        case PLI__TYPE_U32: return "CAST(%e AS VARCHAR)";
        case PLI__TYPE_F32:
        case PLI__TYPE_F64:
            return "CASE WHEN isfinite(%e) THEN CAST(%e AS VARCHAR) ELSE '\"' || CAST(%e AS VARCHAR) || '\"' END";
        case PLI__TYPE_BINARY: return "'\"' || to_base64(%e) || '\"'";
        case PLI__TYPE_JSON: return "CAST(%e AS VARCHAR)";
        case PLI__TYPE_DURATION: return "'\"' || coalesce(pli_interval_text(%e), CAST(%e AS VARCHAR)) || '\"'";
        default: return "CAST(to_json(CAST(%e AS VARCHAR)) AS VARCHAR)";
    }
}

pli_status pli__render_json_of(pli__buf *b, pli__rep rep, const pli__type *t, const char *e, int depth,
                               pli_error *err) {
    if (t->id == PLI__TYPE_STRUCT) return json_of_struct(b, rep, t, e, depth, err);
    if (t->id == PLI__TYPE_LIST) return json_of_list(b, rep, t, e, depth, err);
    if (t->id == PLI__TYPE_MAP) return json_of_map(b, rep, t, e, depth, err);
    if (t->id != PLI__TYPE_TIMESTAMP && (t->id != PLI__TYPE_TIMESTAMP_NTZ || t->unit == PLI__UNIT_NS))
        return fill(b, json_pattern(rep, t), e, t, err);
    static const pli__type text = {.id = PLI__TYPE_STRING, .refs = -1};
    pli__buf_addz(b, "'\"' || (");
    PLI_TRY(fill(b, from_timestamp(t, &text), e, &text, err));
    pli__buf_addz(b, ") || '\"'");
    return pli__buf_status(b, err);
}

pli_status pli__render_field(pli__buf *b, const char *e, const char *name, pli_error *err) {
    pli__buf_reset(b);
    pli__buf_addf(b, "%s.", e);
    pli__buf_add_sql_name(b, pli__str_of(name));
    return pli__buf_status(b, err);
}

pli_status pli__render_key(pli__buf *b, const char *name, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf key = {0};
    pli__buf_add_json(&key, pli__str_of(name));
    pli__buf_addc(&key, ':');
    PLI_TRY(pli__buf_status(&key, err));
    pli__buf_add_sql_str(b, pli__buf_str(&key));
    return pli__buf_status(b, err);
}
