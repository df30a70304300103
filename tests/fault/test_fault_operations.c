/*
 * Operations on Delta tables under kills and I/O errors at every mutating call: after each fault the table can be read and holds
 * what it held before or what it was to hold, and the operation then succeeds when it is called again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "delta/snapshot.h"
#include "engine/env.h"
#include "pli/table_write.h"
#include "support/fault_points.h"
#include "support/temp_dir.h"

static size_t distinct;
static pli_env *env;

#define OK(expr)                                                                                                       \
    do {                                                                                                               \
        pli_error err = {0};                                                                                           \
        const pli_status ok_ = (expr);                                                                                 \
        if (ok_ != PLI_OK) fail_msg("%s: %s: %s", #expr, pli_status_name(ok_), err.message);                           \
    } while (0)

/* ---- operations; "t" is the table, "m" one with more features, "c" the clone, "p" a folder of Parquet files ---- */

typedef pli_status operation_fn(pli_table *t, const char *work, pli_error *err);

static pli_status do_append(pli_table *t, const char *work, pli_error *err) {
    (void)work;
    return pli_table_write_sql(t, "SELECT i AS id, i % 3 AS p, 'new' AS v FROM range(100, 110) t(i)", NULL, NULL, NULL,
                               err);
}

static pli_status do_overwrite(pli_table *t, const char *work, pli_error *err) {
    (void)work;
    const pli_write_options o = {.size = sizeof o, .mode = PLI_WRITE_OVERWRITE, .where = "id < 15"};
    return pli_table_write_sql(t, "SELECT 7::BIGINT AS id, 1::BIGINT AS p, 'over' AS v", &o, NULL, NULL, err);
}

static pli_status do_dynamic(pli_table *t, const char *work, pli_error *err) {
    (void)work;
    const pli_write_options o = {.size = sizeof o, .mode = PLI_WRITE_OVERWRITE, .dynamic_partitions = true};
    return pli_table_write_sql(t, "SELECT 7::BIGINT AS id, 1::BIGINT AS p, 'over' AS v", &o, NULL, NULL, err);
}

static pli_status do_delete(pli_table *t, const char *work, pli_error *err) {
    (void)work;
    const pli_delete_options o = {.size = sizeof o, .where = "id % 4 = 0"};
    return pli_table_delete(t, &o, NULL, NULL, err);
}

static pli_status do_update(pli_table *t, const char *work, pli_error *err) {
    (void)work;
    const pli_property set = {"v", "v || '!'"};
    const pli_update_options o = {
        .size = sizeof o, .where = "id % 5 = 0", .set = &set, .n_set = 1, .copy_on_write = true};
    return pli_table_update(t, &o, NULL, NULL, err);
}

static pli_status do_merge(pli_table *t, const char *work, pli_error *err) {
    (void)work;
    static const pli_merge_clause clauses[] = {{.sql = "MATCHED AND source.id = 4 THEN DELETE"},
                                               {.sql = "MATCHED THEN UPDATE SET v = source.v"},
                                               {.sql = "NOT MATCHED THEN INSERT *"}};
    const pli_merge_options o = {.size = sizeof o,
                                 .on = "target.id = source.id",
                                 .clauses = clauses,
                                 .n_clauses = sizeof clauses / sizeof *clauses};
    return pli_table_merge_sql(t, "SELECT i * 4 AS id, 1::BIGINT AS p, 'merged' AS v FROM range(1, 12) t(i)", &o, NULL,
                               NULL, err);
}

static pli_status do_optimize(pli_table *t, const char *work, pli_error *err) {
    (void)work;
    return pli_table_optimize(t, NULL, NULL, NULL, err);
}

static pli_status do_vacuum(pli_table *t, const char *work, pli_error *err) {
    (void)work;
    const pli_vacuum_options o = {.size = sizeof o, .retention = "0s", .allow_short = true};
    return pli_table_vacuum(t, &o, NULL, NULL, err);
}

static pli_status do_restore(pli_table *t, const char *work, pli_error *err) {
    (void)work;
    const pli_at at = {.size = sizeof at, .has_version = true, .version = 0};
    return pli_table_restore(t, &at, false, NULL, NULL, err);
}

static pli_status do_rename(pli_table *t, const char *work, pli_error *err) {
    (void)work;
    return pli_table_rename_column(t, "v", "w", NULL, NULL, err);
}

static pli_status do_drop(pli_table *t, const char *work, pli_error *err) {
    (void)work;
    return pli_table_drop_column(t, "v", NULL, NULL, err);
}

static pli_status do_clone(pli_table *t, const char *work, pli_error *err) {
    char path[1100];
    snprintf(path, sizeof path, "%s/c", work);
    return pli_table_clone(t, path, NULL, false, NULL, NULL, err);
}

static pli_status do_convert(pli_table *t, const char *work, pli_error *err) {
    (void)work;
    const pli_convert_options o = {.size = sizeof o, .partition_by = "p INT"};
    return pli_table_convert(t, &o, NULL, NULL, err);
}

static const struct operation {
    const char *name, *table; /* that it is called on, and */
    const char *result;       /* whose rows it changes */
    operation_fn *fn;
} operations[] = {
    {"append", "t", "t", do_append}, {"overwrite", "t", "t", do_overwrite}, {"dynamic", "t", "t", do_dynamic},
    {"delete", "t", "t", do_delete}, {"update", "t", "t", do_update},       {"optimize", "t", "t", do_optimize},
    {"vacuum", "t", "t", do_vacuum}, {"restore", "t", "t", do_restore},     {"rename", "t", "t", do_rename},
    {"merge", "t", "t", do_merge},   {"merge_more", "m", "m", do_merge},    {"drop", "t", "t", do_drop},
    {"clone", "t", "c", do_clone},   {"convert", "p", "p", do_convert},
};

static pli_status operate(pli_env *e, const struct operation *o, const char *work, pli_error *err) {
    char path[1100];
    pli_table *t = NULL;
    snprintf(path, sizeof path, "%s/%s", work, o->table);
    pli_status s = pli_table_open(e, path, &t, err);
    if (s == PLI_OK) s = o->fn(t, work, err);
    pli_table_close(t);
    return s;
}

static int child(char **argv) {
    pli_error err = {0};
    pli_env *e = fault_new_env();
    pli_status s = PLI_E_ARGUMENT;
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++)
        if (strcmp(operations[i].name, argv[1]) == 0) s = operate(e, &operations[i], argv[2], &err);
    pli_env_free(e);
    return fault_exit(s, &err);
}

/* ---- what a table holds ---- */

/* Columns and a sum over the rows as text; "none" for a folder that is no table. */
static void fingerprint(const char *folder, const char *table, const char *what, char out[400]) {
    PLI_AUTO(pli__delta_auto) pli__delta *t = NULL;
    PLI_AUTO(pli__snapshot_auto) pli__snapshot *s = NULL;
    PLI_AUTO(pli__scan_auto) pli__scan *scan = NULL;
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
    pli_error err = {0};
    pli__engine *e = NULL;
    int64_t sum = 0;
    char path[1100];
    snprintf(path, sizeof path, "%s/work/%s", folder, table);
    pli_status status = pli__delta_open(env, path, &t, &err);
    if (status == PLI_OK) status = pli__snapshot_open(t, PLI__LATEST, NULL, &s, &err);
    if (status == PLI_E_NOT_A_TABLE) {
        snprintf(out, 400, "none");
        return;
    }
    if (status == PLI_OK) status = pli__scan_new(s, NULL, &scan, &err);
    if (status == PLI_OK) status = pli__env_engine(env, &e, &err);
    if (status == PLI_OK) {
        pli__buf_addf(&sql, "SELECT coalesce(sum(hash(t) %% 1000000007), 0)::BIGINT FROM (%s) AS t",
                      pli__scan_sql(scan));
        status = pli__engine_query_i64(e, sql.ptr, &sum, &err);
    }
    if (status != PLI_OK) fail_msg("%s: cannot be read: %s: %s", what, pli_status_name(status), err.message);
    int n = snprintf(out, 400, "%lld", (long long)sum);
    for (size_t i = 0; i < pli__scan_schema(scan)->n_fields; i++)
        n += snprintf(out + n, 400 - (size_t)n, " %s", pli__scan_schema(scan)->fields[i].name);
}

static const struct operation *current;
static char before[400], after[400];

/* The first check is that of the run without a fault: it says what the operation makes of the table. */
static void check(const char *folder, const char *what, int status) {
    const bool done = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    char have[400], work[1000];
    pli_error err = {0};
    fault_expect_end(what, status);
    fingerprint(folder, current->result, what, have);
    if (!after[0]) {
        if (!done) fail_msg("%s: exit code %d", what, status);
        snprintf(after, sizeof after, "%s", have);
        return;
    }
    if (strcmp(have, after) == 0 && strcmp(before, after) != 0) return;
    if (done && strcmp(have, after) != 0) fail_msg("%s: succeeded, but the table holds %s, not %s", what, have, after);
    if (strcmp(have, before) != 0) fail_msg("%s: the table holds %s, neither %s nor %s", what, have, before, after);
    fault_work_folder(folder, work);
    const pli_status s = operate(env, current, work, &err);
    if (s != PLI_OK) fail_msg("%s: once more: %s: %s", what, pli_status_name(s), err.message);
    fingerprint(folder, current->result, what, have);
    if (strcmp(have, after) != 0) fail_msg("%s: once more: the table holds %s, not %s", what, have, after);
}

/* ---- a table to start with: three appends, a delete with vectors, a file that nobody names ---- */

static void fill_table(const char *path) {
    const char *parts[] = {"p"};
    const pli_property properties[] = {{"delta.enableDeletionVectors", "true"}, {"delta.columnMapping.mode", "name"}};
    const pli_write_options create = {
        .size = sizeof create, .partition_by = parts, .n_partition_by = 1, .properties = properties, .n_properties = 2};
    const pli_delete_options d = {.size = sizeof d, .where = "id = 1"};
    pli_table *t = NULL;
    OK(pli_table_open(env, path, &t, &err));
    for (int i = 0; i < 3; i++) {
        char sql[120];
        snprintf(sql, sizeof sql, "SELECT i AS id, i %% 3 AS p, 'v' || i AS v FROM range(%d, %d) t(i)", i * 10,
                 i * 10 + 10);
        OK(pli_table_write_sql(t, sql, &create, NULL, NULL, &err));
    }
    OK(pli_table_delete(t, &d, NULL, NULL, &err));
    pli_table_close(t);
}

/* Its rows have ids, values of an identity column and change data. */
static void fill_more(const char *path) {
    static const char schema[] =
        "{\"type\":\"struct\",\"fields\":[{\"name\":\"k\",\"type\":\"long\",\"nullable\":true,\"metadata\":{"
        "\"delta.identity.start\":1,\"delta.identity.step\":1,\"delta.identity.allowExplicitInsert\":false}},"
        "{\"name\":\"id\",\"type\":\"long\",\"nullable\":true,\"metadata\":{}},"
        "{\"name\":\"p\",\"type\":\"long\",\"nullable\":true,\"metadata\":{}},"
        "{\"name\":\"v\",\"type\":\"string\",\"nullable\":true,\"metadata\":{}}]}";
    const pli_property properties[] = {{"delta.enableRowTracking", "true"}, {"delta.enableChangeDataFeed", "true"}};
    const pli_write_options create = {.size = sizeof create, .properties = properties, .n_properties = 2};
    pli_table *t = NULL;
    OK(pli_table_open(env, path, &t, &err));
    OK(pli_table_create(t, schema, &create, NULL, NULL, &err));
    OK(pli_table_write_sql(t, "SELECT i AS id, i % 3 AS p, 'v' AS v FROM range(30) t(i)", NULL, NULL, NULL, &err));
    pli_table_close(t);
}

static void prepare(const char *folder) {
    char work[1000], path[1100], sql[1400];
    pli__engine *e;
    fault_shell(folder,
                "rm -rf start work && mkdir -p work/p/p=1"); /* made where it is used: clones hold absolute paths */
    fault_work_folder(folder, work);
    snprintf(path, sizeof path, "%s/t", work);
    fill_table(path);
    if (strcmp(current->table, "m") == 0) {
        snprintf(path, sizeof path, "%s/m", work);
        fill_more(path);
    }
    snprintf(sql, sizeof sql, "COPY (SELECT 5 AS id) TO '%s/p/p=1/a.parquet' (FORMAT parquet)", work);
    OK(pli__env_engine(env, &e, &err));
    OK(pli__engine_exec(e, sql, NULL, &err));
    fault_shell(folder, "cp work/p/p=1/a.parquet work/t/orphan.parquet && touch -d 2020-01-01 work/t/orphan.parquet");
    fingerprint(folder, current->result, "start", before);
    fault_shell(folder, "mv work start");
}

static void run_operation(void **state, const char *name, const char *const *kinds) {
    char work[1000];
    if (!env) env = fault_new_env();
    assert_non_null(env);
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++)
        if (strcmp(operations[i].name, name) == 0) current = &operations[i];
    after[0] = '\0';
    fault_work_folder(temp_dir(*state), work);
    const char *argv[] = {fault_self(), name, work, NULL};
    const fault_scenario s = {name, argv, prepare, check};
    fault_points_skip_or_run(&s, temp_dir(*state), kinds, &distinct);
}

/* Calls repeat from operation to operation: errors are tried where the calls are new, kills everywhere. */
static const char *const kill_and_error[] = {"kill", "eio", NULL}, *const kill_and_full[] = {"kill", "enospc", NULL},
                         *const kill_only[] = {"kill", NULL};

#define OPERATION(name, kinds)                                                                                         \
    static void test_fault_operations__##name(void **state) { run_operation(state, #name, kinds); }

OPERATION(append, kill_and_full)
OPERATION(overwrite, kill_only)
OPERATION(dynamic, kill_only)
OPERATION(delete, kill_and_error)
OPERATION(update, kill_only)
OPERATION(merge, kill_only)
OPERATION(merge_more, kill_and_full)
OPERATION(optimize, kill_only)
OPERATION(vacuum, kill_and_error)
OPERATION(restore, kill_only)
OPERATION(rename, kill_and_full)
OPERATION(drop, kill_only)
OPERATION(clone, kill_and_error)
OPERATION(convert, kill_and_full)

#define TEST(name) cmocka_unit_test_setup_teardown(test_fault_operations__##name, temp_dir_setup, temp_dir_teardown)

int main(int argc, char **argv) {
    fault_use_memory();
    if (argc == 3) return child(argv);
    const struct CMUnitTest tests[] = {TEST(append), TEST(overwrite),  TEST(dynamic),  TEST(delete), TEST(update),
                                       TEST(merge),  TEST(merge_more), TEST(optimize), TEST(vacuum), TEST(restore),
                                       TEST(rename), TEST(drop),       TEST(clone),    TEST(convert)};
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    pli_env_free(env);
    return failed;
}
