/*
 * For every table of the shared fixtures: our checkpoint is written into a copy, classic and v2, everything older in the log is
 * removed, and state and files are what they were. The same with a compacted log beside the commits.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
// cmocka wants the ones above
#include <cmocka.h>

#include "base/json.h"
#include "pli/table_write.h"
#include "port/fs.h"
#include "support/delta_fixtures.h"
#include "support/fault_points.h"
#include "support/temp_dir.h"

enum { TABLES_MAX = 100, ROWS_MAX = 2000 };

static char root[4200]; /* <shared>/fixtures/delta */
static pli_env *env;

#define OK(expr)                                                                                                       \
    do {                                                                                                               \
        pli_error err = {0};                                                                                           \
        const pli_status ok_ = (expr);                                                                                 \
        if (ok_ != PLI_OK) fail_msg("%s: %s: %s", #expr, pli_status_name(ok_), err.message);                           \
    } while (0)

/* ---- state of a table as sorted lines ---- */

typedef struct {
    char *rows[ROWS_MAX];
    size_t n;
} lines;

static int keep_row(void *arg, const char *json, size_t len) {
    lines *l = arg;
    assert_true(l->n < ROWS_MAX);
    l->rows[l->n++] = pli__str_dup((pli__str){json, len});
    return 0;
}

static int compare_rows(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

/* The order of lists in the state is free: their members count. */
static int keep_members(void *arg, const char *json, size_t len) {
    PLI_AUTO(pli__json_unref) json_t *state = NULL;
    const char *key;
    json_t *value;
    assert_int_equal(pli__json_parse((pli__str){json, len}, "detail", &state, NULL), PLI_OK);
    json_object_foreach(state, key, value) {
        size_t i;
        json_t *item;
        if (!json_is_array(value)) value = json_pack("[O]", value);
        else json_incref(value);
        json_array_foreach(value, i, item) {
            char *text = json_dumps(item, JSON_SORT_KEYS | JSON_ENCODE_ANY), row[8000];
            snprintf(row, sizeof row, "%s=%s", key, text);
            keep_row(arg, row, strlen(row));
            free(text);
        }
        json_decref(value);
    }
    return 0;
}

static lines state_of(const char *path) {
    lines l = {.n = 0};
    pli_table *t = NULL;
    OK(pli_table_open(env, path, &t, &err));
    OK(pli_table_detail(t, NULL, keep_members, &l, &err));
    OK(pli_table_files(t, NULL, keep_row, &l, &err));
    pli_table_close(t);
    qsort(l.rows, l.n, sizeof l.rows[0], compare_rows);
    return l;
}

static void drop(lines *l) {
    for (size_t i = 0; i < l->n; i++) free(l->rows[i]);
}

static void expect_state(const char *path, lines *before, const char *what) {
    lines now = state_of(path);
    for (size_t i = 0; i < before->n && i < now.n; i++)
        if (strcmp(before->rows[i], now.rows[i]) != 0)
            fail_msg("%s:\n  %s\nwas\n  %s", what, now.rows[i], before->rows[i]);
    if (now.n != before->n) fail_msg("%s: %zu facts, there were %zu", what, now.n, before->n);
    drop(&now);
}

/* ---- one table ---- */

/* A new version, so that there is no checkpoint of it yet. false: the table is one that we cannot write. */
static bool set_properties(pli_table *t, const pli_property *set, size_t n) {
    pli_error err = {0};
    const pli_status s = pli_table_set_properties(t, set, n, NULL, NULL, &err);
    if (s == PLI_E_UNSUPPORTED) return false;
    if (s != PLI_OK) fail_msg("properties: %s: %s", pli_status_name(s), err.message);
    return true;
}

/* Everything in the log but what makes up the newest version's checkpoint. */
static void remove_older(const char *folder, int64_t version) {
    char command[300];
    snprintf(command, sizeof command,
             "find t/_delta_log -maxdepth 1 -type f ! -name '%020lld*' ! -name _last_checkpoint -delete && "
             "find t/_delta_log -name '*.crc' -delete",
             (long long)version);
    fault_shell(folder, command);
}

static void check_checkpoint(void **state, pli_table *t, const char *path, const char *what) {
    int64_t version = 0;
    OK(pli_table_latest_version(t, &version, &err));
    lines before = state_of(path);
    OK(pli_table_checkpoint(t, false, NULL, NULL, &err));
    expect_state(path, &before, what);
    remove_older(temp_dir(*state), version);
    expect_state(path, &before, what);
    drop(&before);
}

static bool wants_no_stats(const char *path) {
    lines l = state_of(path);
    bool found = false;
    for (size_t i = 0; i < l.n; i++)
        found = found || (strncmp(l.rows[i], "configuration=", 14) == 0 &&
                          strstr(l.rows[i], "\"delta.checkpoint.writeStatsAsJson\": \"false\"") &&
                          !strstr(l.rows[i], "\"delta.checkpoint.writeStatsAsStruct\": \"true\""));
    drop(&l);
    return found;
}

/* dat/no_stats asks for checkpoints without statistics, and would get them. */
#define KEEP_STATS {"delta.checkpoint.writeStatsAsJson", "true"}

static void check_classic(void **state, const char *path) {
    const pli_property set[] = {
        {"delta.checkpointPolicy", "classic"}, {"delta.checkpointInterval", "100000"}, KEEP_STATS};
    pli_table *t = NULL;
    OK(pli_table_open(env, path, &t, &err));
    if (set_properties(t, set, wants_no_stats(path) ? 3 : 2)) check_checkpoint(state, t, path, "classic checkpoint");
    else print_message("not writable for us\n");
    pli_table_close(t);
}

/* Two checkpoints: the second one goes on using the first one's sidecars. */
static void check_v2(void **state, const char *path) {
    pli_property set[] = {{"delta.checkpointPolicy", "v2"},
                          {"delta.checkpoint.writeStatsAsStruct", "true"},
                          {"delta.checkpointInterval", "100000"},
                          {"delta.enableExpiredLogCleanup", "false"},
                          KEEP_STATS};
    pli_table *t = NULL;
    OK(pli_table_open(env, path, &t, &err));
    if (set_properties(t, set, 5)) {
        check_checkpoint(state, t, path, "v2 checkpoint");
        set[2].value = "100001";
        assert_true(set_properties(t, set, 5));
        check_checkpoint(state, t, path, "v2 checkpoint with old sidecars");
    }
    pli_table_close(t);
}

static void check_compacted(void **state, const char *path) {
    const pli_property set[] = {{"delta.checkpointInterval", "100000"}};
    const pli_property again[] = {{"delta.checkpointInterval", "100001"}};
    const pli_compact_log_options o = {.size = sizeof o};
    pli_table *t = NULL;
    OK(pli_table_open(env, path, &t, &err));
    fault_shell(temp_dir(*state), "find t -name '*.compacted.json' -delete");
    if (set_properties(t, set, 1) && set_properties(t, again, 1)) {
        lines before = state_of(path);
        OK(pli_table_compact_log(t, &o, NULL, NULL, &err));
        fault_shell(temp_dir(*state), "ls t/_delta_log/*.compacted.json > /dev/null && rm -f t/_delta_log/*.crc");
        expect_state(path, &before, "compacted log");
        drop(&before);
    }
    pli_table_close(t);
}

static void test_table(void **state) {
    static void (*const checks[])(void **, const char *) = {check_classic, check_v2, check_compacted};
    const char *name = *state;
    void *dir = NULL;
    assert_int_equal(temp_dir_setup(&dir), 0);
    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++) {
        char command[5000];
        snprintf(command, sizeof command, "rm -rf t && cp -r '%s/%s' t && chmod -R u+w t", root, name);
        fault_shell(temp_dir(dir), command);
        checks[i](&dir, temp_path(dir, "t"));
    }
    temp_dir_teardown(&dir);
}

int main(void) {
    static struct CMUnitTest tests[TABLES_MAX];
    const char *shared = fixtures_shared();
    PLI_AUTO(pli__buf_clear) pli__buf text = {0};
    PLI_AUTO(pli__json_unref) json_t *file = NULL;
    size_t n = 0;
    if (!shared) {
        fprintf(stderr, "skipped: the shared fixtures are not there\n");
        return 0;
    }
    snprintf(root, sizeof root, "%s/fixtures/delta", shared);
    char path[4300];
    snprintf(path, sizeof path, "%s/cases.json", root);
    if (pli__fs_read(path, 1 << 24, &text, NULL) != PLI_OK) return 1;
    if (pli__json_parse(pli__buf_str(&text), path, &file, NULL) != PLI_OK) return 1;
    env = fixtures_env("UTC");
    size_t i;
    json_t *c;
    json_array_foreach(json_object_get(file, "cases"), i, c) {
        const char *table = json_string_value(json_object_get(c, "table"));
        bool known = false;
        for (size_t k = 0; k < n; k++) known = known || strcmp(tests[k].name, table) == 0;
        if (known || n == TABLES_MAX) continue;
        tests[n++] = (struct CMUnitTest){
            .name = table, .test_func = test_table, .initial_state = (void *)(uintptr_t)table};
    }
    const int failed = _cmocka_run_group_tests("delta_checkpoints", tests, n, NULL, NULL);
    pli_env_free(env);
    return failed;
}
