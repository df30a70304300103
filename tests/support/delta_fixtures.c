/* Where the shared fixtures are, and rows compared as multisets by the engine. */
#include "support/delta_fixtures.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
// cmocka wants the ones above
#include <cmocka.h>

#include "port/fs.h"

const char *fixtures_shared(void) {
    static char path[4096];
    const char *given = getenv("PLI_SHARED"), *source = getenv("PLI_SOURCE_DIR");
    pli__file_info info;
    if (given) snprintf(path, sizeof path, "%s", given);
    else snprintf(path, sizeof path, "%s/../shared", source ? source : PLI_TEST_SOURCE_DIR "/..");
    return pli__fs_stat(path, &info, NULL) == PLI_OK && info.kind == PLI__FILE_DIR ? path : NULL;
}

pli_env *fixtures_env(const char *zone) {
    pli_env *env = NULL;
    const pli_env_options options = {.size = sizeof options, .threads = 2, .time_zone = zone};
    assert_int_equal(pli_env_new(&options, &env, NULL), PLI_OK);
    return env;
}

static pli__engine *engine_of(pli_env *env) {
    pli__engine *e = NULL;
    pli_error err;
    if (pli__env_engine(env, &e, &err) != PLI_OK) fail_msg("%s", err.message);
    return e;
}

void fixtures_text(pli_env *env, const char *sql, pli__buf *out) {
    pli_error err = {0};
    if (pli__engine_query_str(engine_of(env), sql, out, &err) != PLI_OK) fail_msg("%s\n%s", err.message, sql);
}

static void columns_of(pli_env *env, const char *sql, pli__buf *out) {
    const pli__type *t = NULL;
    pli_error err = {0};
    if (pli__engine_describe(engine_of(env), sql, &t, &err) != PLI_OK) fail_msg("%s\n%s", err.message, sql);
    assert_int_equal(pli__type_to_sql(t, out, NULL), PLI_OK);
    pli__type_unref(t);
}

void assert_same_rows(pli_env *env, const char *actual_sql, const char *expected_sql) {
    PLI_AUTO(pli__buf_clear) pli__buf actual = {0};
    PLI_AUTO(pli__buf_clear) pli__buf expected = {0};
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
    PLI_AUTO(pli__buf_clear) pli__buf difference = {0};
    columns_of(env, actual_sql, &actual);
    columns_of(env, expected_sql, &expected);
    assert_string_equal(actual.ptr, expected.ptr);
    /* rows as text: types are equal by now, and text compares NaN, nested values and maps alike */
    pli__buf_addf(
        &sql,
        "WITH a AS (SELECT CAST(x AS VARCHAR) AS row FROM (%s) x), e AS (SELECT CAST(x AS VARCHAR) AS row FROM (%s) x)"
        " SELECT coalesce(string_agg(line, chr(10)), '') FROM (SELECT line FROM (SELECT '+ ' || row AS line FROM (FROM a EXCEPT ALL FROM e)"
        " UNION ALL SELECT '- ' || row FROM (FROM e EXCEPT ALL FROM a)) ORDER BY line LIMIT 10)",
        actual_sql, expected_sql);
    fixtures_text(env, sql.ptr, &difference);
    if (difference.len) fail_msg("rows differ (+ read, - expected):\n%s", difference.ptr);
}
