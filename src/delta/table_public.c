/* pli/table.h: opening, and what a version is called by. */
#include "delta/table_public.h"

#include <stdlib.h>

#include "base/time.h"
#include "delta/latest.h"

static void table_auto(pli_table **t) { pli_table_close(*t); }

pli_status pli_table_open(pli_env *env, const char *path, pli_table **out, pli_error *err) {
    if (!env || !path || !out) return pli__error_set(err, PLI_E_ARGUMENT, "'env', 'path' and 'out' must not be NULL");
    *out = NULL;
    PLI_AUTO(table_auto) pli_table *t = calloc(1, sizeof *t);
    if (!t) return pli__error_memory(err);
    t->env = env;
    PLI_TRY(pli__delta_open(env, path, &t->delta, err));
    pli__latest_switch_on(t->delta);
    *out = PLI_TAKE(t);
    return PLI_OK;
}

void pli_table_close(pli_table *t) {
    if (!t) return;
    if (t->delta) pli__latest_forget(t->delta);
    pli__delta_free(t->delta);
    free(t);
}

pli_status pli_table_latest_version(pli_table *t, int64_t *out, pli_error *err) {
    if (!t || !out) return pli__error_set(err, PLI_E_ARGUMENT, "'t' and 'out' must not be NULL");
    return pli__delta_latest_version(t->delta, out, err);
}

static bool has_zone(pli__str s) {
    if (s.len < 11) return false;
    const pli__str tail = {s.ptr + 10, s.len - 10};
    return memchr(tail.ptr, 'Z', tail.len) || memchr(tail.ptr, 'z', tail.len) || memchr(tail.ptr, '+', tail.len) ||
           memchr(tail.ptr, '-', tail.len);
}

/* Only the engine knows the rules of zones with a name. */
static pli_status parse_in_zone(pli_table *t, const char *text, int64_t *us, pli_error *err) {
    pli__engine *e;
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
    PLI_TRY(pli__env_engine(t->env, &e, err));
    pli__buf_addz(&sql, "SELECT epoch_us(CAST(");
    pli__buf_add_sql_str(&sql, pli__str_of(text));
    pli__buf_addz(&sql, " AS TIMESTAMPTZ))");
    PLI_TRY(pli__buf_status(&sql, err));
    return pli__engine_query_i64(e, sql.ptr, us, err);
}

pli_status pli__table_parse_time(pli_table *t, const char *text, int64_t *us, pli_error *err) {
    const pli__str s = pli__str_of(text);
    if (!pli__time_parse_iso(s, us))
        return pli__error_set(err, PLI_E_ARGUMENT, "'%s' is no time: RFC 3339 is expected, as 2024-05-01T12:00:00Z",
                              text);
    if (has_zone(s) || strcmp(pli__env_time_zone(t->env), "UTC") == 0) return PLI_OK;
    return parse_in_zone(t, text, us, err);
}

pli_status pli__table_resolve(pli_table *t, bool has_version, int64_t version, const char *timestamp, int64_t *out,
                              pli_error *err) {
    int64_t us;
    if (has_version && timestamp)
        return pli__error_set(err, PLI_E_ARGUMENT, "a version and a timestamp exclude each other");
    if (has_version && version < 0)
        return pli__error_set(err, PLI_E_ARGUMENT, "version %lld is negative", (long long)version);
    *out = has_version ? version : PLI__LATEST;
    if (!timestamp) return PLI_OK;
    PLI_TRY(pli__table_parse_time(t, timestamp, &us, err));
    return pli__delta_version_at(t->delta, us, out, err);
}

pli_status pli__table_emit(pli_row_fn *fn, void *arg, const pli__buf *row, pli_error *err) {
    PLI_TRY(pli__buf_status(row, err));
    return fn(arg, row->ptr, row->len) ? pli__error_set(err, PLI_E_CANCELLED, "the receiver of the rows asked to stop")
                                       : PLI_OK;
}
