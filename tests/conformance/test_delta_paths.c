/*
 * A version is the same through any path: with its newest checkpoint, with each older one, from the JSON commits alone, and
 * after every mutation of the hint file and damage to the newest checkpoint. Copies of the shared fixtures are mutated.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
// cmocka wants the ones above
#include <cmocka.h>

#include "delta/log_list.h"
#include "delta/snapshot.h"
#include "pli/table.h"
#include "port/fs.h"
#include "support/delta_fixtures.h"

static const char *const tables[] = {"dat/with_checkpoint",
                                     "dat/no_replay",
                                     "dat/no_stats",
                                     "dat/stats_as_struct",
                                     "kernel/app-txn-checkpoint",
                                     "kernel/v2-checkpoints-json-with-sidecars",
                                     "kernel/v2-checkpoints-parquet-without-sidecars",
                                     "kernel/v2-checkpoints-parquet-with-last-checkpoint",
                                     "kernel/v2-classic-checkpoint-json"};

typedef struct {
    char folder[64];
    char log[256];
    pli_env *env;
    pli__log_listing listing; /* of the unharmed copy */
    pli__buf rows;            /* file with the rows read from the unharmed copy */
    pli__buf state;
} copy;

__attribute__((format(printf, 1, 2))) static void shell(const char *format, ...) {
    char command[9000];
    va_list ap;
    va_start(ap, format);
    vsnprintf(command, sizeof command, format, ap);
    va_end(ap);
    assert_int_equal(system(command), 0);
}

/* State and rows by one way of opening. The state is one line of detail, and the lines of all files, sorted. */
static void read_state(copy *c, const pli__snapshot_options *o, pli__buf *state, char *rows_path) {
    PLI_AUTO(pli__delta_auto) pli__delta *t = NULL;
    PLI_AUTO(pli__snapshot_auto) pli__snapshot *s = NULL;
    PLI_AUTO(pli__scan_auto) pli__scan *scan = NULL;
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
    pli__engine *e;
    pli_error err = {0};
    assert_int_equal(pli__delta_open(c->env, c->folder, &t, NULL), PLI_OK);
    if (pli__snapshot_open(t, PLI__LATEST, o, &s, &err) != PLI_OK) fail_msg("%s", err.message);
    const pli__scan_options with_files = {.with_file_columns = true};
    if (pli__scan_new(s, &with_files, &scan, &err) != PLI_OK) fail_msg("%s", err.message);
    pli__buf_addf(&sql, "COPY (SELECT * FROM (%s) ORDER BY _pli_file, _pli_row) TO '%s' (FORMAT json)",
                  pli__scan_sql(scan), rows_path);
    assert_int_equal(pli__env_engine(c->env, &e, NULL), PLI_OK);
    if (pli__engine_exec(e, sql.ptr, NULL, &err) != PLI_OK) fail_msg("%s", err.message);
    pli__buf_addf(state, "%lld files of version %lld, %zu txns, %zu domains, schema %.*s",
                  (long long)pli__scan_files_total(scan), (long long)pli__snapshot_version(s), pli__snapshot_n_txns(s),
                  pli__snapshot_n_domains(s), PLI_STR_ARG(pli__snapshot_metadata(s)->schema_string));
    for (size_t i = 0; i < pli__snapshot_n_txns(s); i++) {
        pli__txn txn = {0};
        /* the order of transactions is free: ask for each by name */
        if (pli__snapshot_txn(s, pli__snapshot_txn_at(s, i).app_id, &txn))
            pli__buf_addf(state, " +%lld", (long long)txn.version);
    }
}

static void assert_same(copy *c, const pli__snapshot_options *o, const char *how) {
    PLI_AUTO(pli__buf_clear) pli__buf state = {0};
    PLI_AUTO(pli__buf_clear) pli__buf rows = {0};
    char path[300];
    snprintf(path, sizeof path, "%s/rows.json", c->folder);
    read_state(c, o, &state, path);
    assert_int_equal(pli__fs_read(path, 1 << 28, &rows, NULL), PLI_OK);
    if (!pli__str_eq(pli__buf_str(&rows), pli__buf_str(&c->rows))) fail_msg("%s: other rows", how);
    if (c->state.len && strcmp(state.ptr, c->state.ptr) != 0)
        fail_msg("%s:\n%s\ninstead of\n%s", how, state.ptr, c->state.ptr);
}

static void open_copy(copy *c, const char *table) {
    char from[4300], path[300];
    *c = (copy){.env = fixtures_env("UTC")};
    snprintf(c->folder, sizeof c->folder, "/tmp/pli_test_paths_XXXXXX");
    assert_non_null(mkdtemp(c->folder));
    snprintf(from, sizeof from, "%s/fixtures/delta/%s", fixtures_shared(), table);
    shell("cp -R '%s/.' '%s'", from, c->folder);
    shell("chmod -R u+w '%s'%s", c->folder, "");
    snprintf(c->log, sizeof c->log, "%s/_delta_log", c->folder);
    shell("cp -R '%s' '%s/saved_log'", c->log, c->folder);
    PLI_AUTO(pli__store_auto) pli__store *store = NULL;
    assert_int_equal(pli__store_local_open(c->log, &store, NULL), PLI_OK);
    assert_int_equal(pli__log_list(store, 0, &c->listing, NULL), PLI_OK);
    snprintf(path, sizeof path, "%s/rows.json", c->folder);
    read_state(c, NULL, &c->state, path);
    assert_int_equal(pli__fs_read(path, 1 << 28, &c->rows, NULL), PLI_OK);
    assert_true(c->rows.len > 0);
}

static void close_copy(copy *c) {
    pli__log_listing_clear(&c->listing);
    pli__buf_clear(&c->rows);
    pli__buf_clear(&c->state);
    pli_env_free(c->env);
    assert_int_equal(pli__fs_remove_tree(c->folder, NULL), PLI_OK);
}

static void put_hint(copy *c, const char *text) {
    char path[400];
    snprintf(path, sizeof path, "%s/_last_checkpoint", c->log);
    assert_int_equal(pli__fs_publish(path, pli__str_of(text), PLI__PUBLISH_REPLACE | PLI__PUBLISH_RELAXED, NULL),
                     PLI_OK);
}

static bool has_all_commits(const copy *c) {
    int64_t missing;
    return pli__log_listing_contiguous(&c->listing, 0, pli__log_listing_last(&c->listing), &missing);
}

static void check_each_checkpoint(copy *c) {
    for (size_t i = 0; i < c->listing.n_checkpoints; i++) {
        const pli__snapshot_options o = {.limit_checkpoints = true,
                                         .max_checkpoint = c->listing.checkpoints[i].version};
        assert_same(c, &o, c->listing.checkpoints[i].names[0]);
    }
    const pli__snapshot_options none = {.ignore_checkpoints = true};
    if (has_all_commits(c)) assert_same(c, &none, "JSON alone");
}

static void check_each_hint(copy *c) {
    static const char *const hints[] = {"",
                                        " ",
                                        "{",
                                        "null",
                                        "[1]",
                                        "{\"version\":12345678,\"size\":3}",
                                        "{\"version\":0,\"size\":1}",
                                        "{\"version\":1,\"size\":1,\"parts\":7}",
                                        "{\"size\":1}",
                                        "{\"version\":null}",
                                        "\x01\x02"};
    for (size_t i = 0; i < sizeof hints / sizeof hints[0]; i++) {
        put_hint(c, hints[i]);
        assert_same(c, NULL, hints[i]);
    }
    shell("rm '%s/_last_checkpoint'%s", c->log, "");
    assert_same(c, NULL, "no hint");
}

/* Newest checkpoint first: cut off, emptied, gone. What is left must do, where something is left. */
static void check_damage(copy *c) {
    for (size_t i = c->listing.n_checkpoints; i-- > 0;) {
        char path[600];
        if (i == 0 && !has_all_commits(c)) break;
        snprintf(path, sizeof path, "%s/%s", c->log, c->listing.checkpoints[i].names[0]);
        shell("truncate -s -20 '%s'%s", path, "");
        assert_same(c, NULL, "checkpoint cut off");
        shell("truncate -s 0 '%s'%s", path, "");
        assert_same(c, NULL, "checkpoint emptied");
        shell("rm '%s'%s", path, "");
        assert_same(c, NULL, "checkpoint gone");
    }
}

static void check_sidecars(copy *c) {
    char path[400];
    pli__file_info info;
    snprintf(path, sizeof path, "%s/_sidecars", c->log);
    if (pli__fs_stat(path, &info, NULL) != PLI_OK || info.kind != PLI__FILE_DIR || !has_all_commits(c)) return;
    shell("rm '%s'/*%s", path, "");
    assert_same(c, NULL, "sidecars gone");
}

static void test_table(void **state) {
    copy c;
    open_copy(&c, *state);
    check_each_checkpoint(&c);
    check_each_hint(&c);
    shell("cp -R '%s/saved_log/.' '%s'", c.folder, c.log);
    check_sidecars(&c);
    shell("cp -R '%s/saved_log/.' '%s'", c.folder, c.log);
    check_damage(&c);
    close_copy(&c);
}

int main(void) {
    enum { N = sizeof tables / sizeof tables[0] };
    static struct CMUnitTest tests[N];
    if (!fixtures_shared()) {
        fprintf(stderr, "skipped: the shared fixtures are not there\n");
        return 0;
    }
    for (size_t i = 0; i < N; i++)
        tests[i] = (struct CMUnitTest){
            .name = tables[i], .test_func = test_table, .initial_state = (void *)(uintptr_t)tables[i]};
    return _cmocka_run_group_tests("delta_paths", tests, N, NULL, NULL);
}
