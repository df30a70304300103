#include "support/engine_kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static char text[100000];

pli__engine *kit_open_with(const pli__engine_options *options) {
    pli__engine *e = NULL;
    pli_error err = {0};
    if (pli__engine_open(options, &e, &err) != PLI_OK) fail_msg("%s (%s)", err.message, err.hint);
    return e;
}

pli__engine *kit_open(void) { return kit_open_with(&(pli__engine_options){.threads = 2, .preserve_order = true}); }

void kit_exec(pli__engine *e, const char *sql) {
    pli_error err = {0};
    if (pli__engine_exec(e, sql, NULL, &err) != PLI_OK) fail_msg("%s: %s", sql, err.message);
}

static pli_status ignore_row(void *arg, const pli__chunk *c, size_t row, pli_error *err) {
    (void)arg, (void)c, (void)row, (void)err;
    return PLI_OK;
}

const pli_error *kit_error(pli__engine *e, const char *sql) {
    static pli_error err;
    err = (pli_error){0};
    const pli_status status = pli__engine_query_rows(e, sql, ignore_row, NULL, &err);
    if (status == PLI_OK) fail_msg("%s: no error", sql);
    assert_int_equal(status, err.code);
    return &err;
}

const char *kit_text(pli__engine *e, const char *sql) {
    pli__buf out = {0}, query = {0};
    pli_error err = {0};
    pli__buf_addf(&query, "SELECT coalesce(CAST((%s) AS VARCHAR), 'NULL')", sql);
    if (pli__engine_query_str(e, query.ptr, &out, &err) != PLI_OK) fail_msg("%s: %s", sql, err.message);
    snprintf(text, sizeof text, "%.*s", (int)out.len, out.len ? out.ptr : "");
    pli__buf_clear(&out);
    pli__buf_clear(&query);
    return text;
}

int64_t kit_i64(pli__engine *e, const char *sql) {
    int64_t value = 0;
    pli_error err = {0};
    if (pli__engine_query_i64(e, sql, &value, &err) != PLI_OK) fail_msg("%s: %s", sql, err.message);
    return value;
}

void kit_same_rows(pli__engine *e, const char *actual, const char *expected) {
    pli__buf sql = {0};
    pli__buf_addf(
        &sql, "SELECT (SELECT count(*) FROM ((%s) EXCEPT ALL (%s))) + (SELECT count(*) FROM ((%s) EXCEPT ALL (%s)))",
        actual, expected, expected, actual);
    const int64_t different = kit_i64(e, sql.ptr);
    pli__buf_clear(&sql);
    if (different) fail_msg("%d rows differ: %s and %s", (int)different, actual, expected);
}

const char *kit_describe(pli__engine *e, const char *sql) {
    const pli__type *t = NULL;
    pli__buf out = {0};
    pli_error err = {0};
    if (pli__engine_describe(e, sql, &t, &err) != PLI_OK) fail_msg("%s: %s", sql, err.message);
    assert_int_equal(pli__type_to_sql(t, &out, &err), PLI_OK);
    snprintf(text, sizeof text, "%s", out.ptr);
    pli__buf_clear(&out);
    pli__type_unref(t);
    return text;
}
