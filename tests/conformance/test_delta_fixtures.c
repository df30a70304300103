/* Every case of the shared Delta fixtures (cases.json): rows, changes and state as other implementations wrote them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
// cmocka wants the ones above
#include <cmocka.h>

#include "base/json.h"
#include "delta/changes.h"
#include "delta/snapshot.h"
#include "pli/table.h"
#include "port/fs.h"
#include "support/delta_fixtures.h"

enum { CASES_MAX = 500 };

static char root[4200]; /* <shared>/fixtures/delta */

static const char *member(const json_t *c, const char *key) { return json_string_value(json_object_get(c, key)); }

static int64_t number(const json_t *c, const char *key, int64_t absent) {
    const json_t *v = json_object_get(c, key);
    return json_is_integer(v) ? json_integer_value(v) : absent;
}

static void expected_sql(const json_t *c, pli__buf *sql) {
    PLI_AUTO(pli__buf_clear) pli__buf path = {0};
    pli__buf_addf(&path, "%s/%s", root, member(c, "expected"));
    pli__buf_addz(sql, "SELECT * FROM read_parquet([");
    pli__buf_add_sql_str(sql, pli__buf_str(&path));
    pli__buf_addz(sql, "])");
}

static void check_rows(const json_t *c, pli_env *env) {
    PLI_AUTO(pli__buf_clear) pli__buf table = {0};
    PLI_AUTO(pli__buf_clear) pli__buf expected = {0};
    PLI_AUTO(pli__delta_auto) pli__delta *t = NULL;
    PLI_AUTO(pli__snapshot_auto) pli__snapshot *s = NULL;
    PLI_AUTO(pli__scan_auto) pli__scan *scan = NULL;
    pli_error err = {0};
    const char *names[100];
    const json_t *columns = json_object_get(c, "columns");
    pli__scan_options o = {.columns = names, .n_columns = json_array_size(columns)};
    for (size_t i = 0; i < o.n_columns; i++) names[i] = json_string_value(json_array_get(columns, i));
    pli__buf_addf(&table, "%s/%s", root, member(c, "table"));
    if (pli__delta_open(env, table.ptr, &t, &err) != PLI_OK) fail_msg("%s", err.message);
    if (pli__snapshot_open(t, number(c, "version", PLI__LATEST), NULL, &s, &err) != PLI_OK) fail_msg("%s", err.message);
    if (pli__scan_new(s, &o, &scan, &err) != PLI_OK) fail_msg("%s", err.message);
    expected_sql(c, &expected);
    assert_same_rows(env, pli__scan_sql(scan), expected.ptr);
}

static void check_changes(const json_t *c, pli_env *env) {
    PLI_AUTO(pli__buf_clear) pli__buf table = {0};
    PLI_AUTO(pli__buf_clear) pli__buf actual = {0};
    PLI_AUTO(pli__buf_clear) pli__buf expected = {0};
    PLI_AUTO(pli__delta_auto) pli__delta *t = NULL;
    PLI_AUTO(pli__changes_auto) pli__changes *changes = NULL;
    pli_error err = {0};
    pli__changes_options o = {.from = number(c, "from", 0), .to = number(c, "to", -1)};
    pli__buf_addf(&table, "%s/%s", root, member(c, "table"));
    if (pli__delta_open(env, table.ptr, &t, &err) != PLI_OK) fail_msg("%s", err.message);
    if (o.to < 0 && pli__delta_latest_version(t, &o.to, &err) != PLI_OK) fail_msg("%s", err.message);
    if (pli__changes_new(t, &o, &changes, &err) != PLI_OK) fail_msg("%s", err.message);
    pli__buf_addf(&actual, "SELECT * EXCLUDE (_commit_timestamp) FROM (%s)", pli__changes_sql(changes));
    expected_sql(c, &expected);
    assert_same_rows(env, actual.ptr, expected.ptr);
}

static int keep_row(void *arg, const char *json, size_t len) {
    pli__buf_add(arg, json, len);
    return 0;
}

static int compare_values(const void *a, const void *b) {
    char *x = json_dumps(*(json_t *const *)a, JSON_SORT_KEYS | JSON_ENCODE_ANY),
         *y = json_dumps(*(json_t *const *)b, JSON_SORT_KEYS | JSON_ENCODE_ANY);
    const int order = strcmp(x, y);
    free(x);
    free(y);
    return order;
}

/* The order of features, transactions and domains is free. */
static void sort_list(json_t *object, const char *key) {
    json_t *list = json_object_get(object, key), *items[100];
    const size_t n = json_array_size(list);
    assert_true(n <= 100);
    for (size_t i = 0; i < n; i++) items[i] = json_incref(json_array_get(list, i));
    if (n) qsort(items, n, sizeof items[0], compare_values);
    json_array_clear(list);
    for (size_t i = 0; i < n; i++) json_array_append_new(list, items[i]);
}

static void sort_lists(json_t *detail) {
    static const char *const keys[] = {"readerFeatures", "writerFeatures", "setTransactions", "domainMetadata"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) sort_list(detail, keys[i]);
}

static void check_detail(const json_t *c, pli_env *env) {
    PLI_AUTO(pli__buf_clear) pli__buf table = {0};
    PLI_AUTO(pli__buf_clear) pli__buf path = {0};
    PLI_AUTO(pli__buf_clear) pli__buf text = {0};
    PLI_AUTO(pli__buf_clear) pli__buf row = {0};
    PLI_AUTO(pli__json_unref) json_t *expected = NULL;
    PLI_AUTO(pli__json_unref) json_t *actual = NULL;
    pli_table *t = NULL;
    pli_error err = {0};
    const pli_at at = {.size = sizeof at,
                       .has_version = json_is_integer(json_object_get(c, "version")),
                       .version = number(c, "version", 0)};
    pli__buf_addf(&table, "%s/%s", root, member(c, "table"));
    pli__buf_addf(&path, "%s/%s", root, member(c, "expected"));
    if (pli_table_open(env, table.ptr, &t, &err) != PLI_OK) fail_msg("%s", err.message);
    if (pli_table_detail(t, &at, keep_row, &row, &err) != PLI_OK) fail_msg("%s", err.message);
    pli_table_close(t);
    assert_int_equal(pli__fs_read(path.ptr, 1 << 20, &text, NULL), PLI_OK);
    assert_int_equal(pli__json_parse(pli__buf_str(&text), path.ptr, &expected, NULL), PLI_OK);
    assert_int_equal(pli__json_parse(pli__buf_str(&row), "detail", &actual, NULL), PLI_OK);
    sort_lists(expected);
    sort_lists(actual);
    if (json_equal(expected, actual)) return;
    char *e = json_dumps(expected, JSON_SORT_KEYS), *a = json_dumps(actual, JSON_SORT_KEYS);
    fail_msg("state differs:\n%s\nexpected:\n%s", a, e);
}

static void test_case(void **state) {
    const json_t *c = *state;
    pli_env *env = fixtures_env(member(c, "zone"));
    const char *kind = member(c, "kind");
    if (strcmp(kind, "rows") == 0) check_rows(c, env);
    else if (strcmp(kind, "changes") == 0) check_changes(c, env);
    else if (strcmp(kind, "detail") == 0) check_detail(c, env);
    else fail_msg("unknown kind of case '%s'", kind);
    pli_env_free(env);
}

int main(void) {
    static struct CMUnitTest tests[CASES_MAX];
    const char *shared = fixtures_shared();
    PLI_AUTO(pli__buf_clear) pli__buf text = {0};
    PLI_AUTO(pli__json_unref) json_t *file = NULL;
    if (!shared) {
        fprintf(stderr, "skipped: the shared fixtures are not there\n");
        return 0;
    }
    snprintf(root, sizeof root, "%s/fixtures/delta", shared);
    char path[4300];
    snprintf(path, sizeof path, "%s/cases.json", root);
    if (pli__fs_read(path, 1 << 24, &text, NULL) != PLI_OK) return 1;
    if (pli__json_parse(pli__buf_str(&text), path, &file, NULL) != PLI_OK) return 1;
    json_t *cases = json_object_get(file, "cases");
    const size_t n = json_array_size(cases);
    const char *only = getenv("CASE");
    size_t used = 0;
    for (size_t i = 0; i < n && i < CASES_MAX; i++) {
        json_t *c = json_array_get(cases, i);
        if (only && !strstr(member(c, "id"), only)) continue;
        tests[used++] = (struct CMUnitTest){.name = member(c, "id"), .test_func = test_case, .initial_state = c};
    }
    return _cmocka_run_group_tests("delta_fixtures", tests, used, NULL, NULL);
}
