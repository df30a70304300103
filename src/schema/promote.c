/* Promotions as SQL. */
#include "schema/promote.h"

#include "schema/render_impl.h"

static void add_rescue(const pli__promotion *p, pli__buf *sql) {
    pli__buf_add_sql_name(sql, pli__str_of(p->rescue_column));
}

static void add_call(const pli__promotion *p, const char *function, pli__buf *sql) {
    pli__buf_addf(sql, "%s(", function);
    add_rescue(p, sql);
    pli__buf_addz(sql, ", ");
    pli__buf_add_sql_str(sql, pli__str_of(p->path));
    pli__buf_addz(sql, p->case_sensitive ? ", false)" : ", true)");
}

pli_status pli__promotion_held(const pli__promotion *p, pli__buf *sql, pli_error *err) {
    add_call(p, "pli_json_at", sql);
    return pli__buf_status(sql, err);
}

pli_status pli__promotion_value(const pli__promotion *p, pli__buf *sql, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf held = {0};
    PLI_TRY(pli__promotion_held(p, &held, err));
    return pli__render_cast(sql, PLI__REP_JSON, p->type, p->type, held.ptr, err);
}

pli_status pli__promotion_rest(const pli__promotion *p, pli__buf *sql, pli_error *err) {
    add_call(p, "pli_rescued_without", sql);
    return pli__buf_status(sql, err);
}

pli_status pli__promotion_wrap(const pli__promotion *p, pli__buf *sql, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf value = {0}, rest = {0}, column = {0}, out = {0};
    PLI_TRY(pli__promotion_value(p, &value, err));
    PLI_TRY(pli__promotion_rest(p, &rest, err));
    pli__buf_add_sql_name(&column, pli__str_of(p->column));
    PLI_TRY(pli__buf_status(&column, err));
    pli__buf_addz(&out, "SELECT * REPLACE (CASE WHEN ");
    add_rescue(p, &out);
    pli__buf_addf(&out, " IS NULL OR %s IS NOT NULL THEN %s ELSE %s END AS %s, CASE WHEN ", column.ptr, column.ptr,
                  value.ptr, column.ptr);
    add_rescue(p, &out);
    pli__buf_addf(&out, " IS NULL OR %s IS NOT NULL OR (%s) IS NULL THEN ", column.ptr, value.ptr);
    add_rescue(p, &out);
    pli__buf_addf(&out, " ELSE %s END AS ", rest.ptr);
    add_rescue(p, &out);
    pli__buf_addz(&out, ") FROM (");
    pli__buf_adds(&out, pli__buf_str(sql));
    pli__buf_addc(&out, ')');
    PLI_TRY(pli__buf_status(&out, err));
    pli__buf_reset(sql);
    pli__buf_adds(sql, pli__buf_str(&out));
    return pli__buf_status(sql, err);
}
