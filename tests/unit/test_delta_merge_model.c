/*
 * Random merges against an oracle: the engine's own MERGE INTO over a copy of the rows in memory. After each merge the table's rows
 * and the change data are compared.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "delta/changes.h"
#include "delta/merge.h"
#include "support/delta_fixtures.h"
#include "support/delta_write.h"

enum { MERGES = 4, CLAUSES_MAX = 8 };

static const struct {
    const char *name;
    write_table how;
    bool vectors, feed;
} kinds[] = {
    {"plain", {{0}, {0}, false, 0}, false, false},
    {"vectors", {{0}, {"delta.enableDeletionVectors", "true"}, false, 0}, true, false},
    {"feed", {{0}, {"delta.enableChangeDataFeed", "true"}, false, 0}, false, true},
    {"all",
     {{"p"},
      {"delta.enableDeletionVectors", "true", "delta.enableChangeDataFeed", "true", "delta.columnMapping.mode", "name"},
      false,
      0},
     true,
     true},
};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

static uint64_t seed;

static uint64_t random_below(uint64_t n) {
    seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
    return seed % n;
}

static const char *const conditions[] = {
    "source.id = target.id",
    "target.id = source.id AND target.p = source.p",
    "source.k = target.k",
    "target.id = source.id AND target.n > 3",
    "source.id IS NOT DISTINCT FROM target.id",
    "source.id = target.id AND source.day = target.day",
    "target.id = source.id AND source.op <> 'i'",
};

/* Clauses by kind; the last of each needs no condition. */
static const char *const pools[3][6] = {
    {"MATCHED AND source.op = 'd' THEN DELETE",
     "MATCHED AND target.n > 5 THEN UPDATE SET v = source.v, n = target.n + 1",
     "MATCHED AND source.op = 'u' THEN UPDATE SET v = source.v, p = source.p",
     "MATCHED AND target.v LIKE '%3' THEN UPDATE SET s = source.s, n = NULL",
     "MATCHED THEN UPDATE SET v = source.v || coalesce(target.v, '-'), day = source.day", "MATCHED THEN DELETE"},
    {"NOT MATCHED AND source.op <> 'd' THEN INSERT (id, k, p, v) VALUES (source.id, source.k, source.p, upper(source.v))",
     "NOT MATCHED AND source.id IS NULL THEN INSERT (v) VALUES ('none')",
     "NOT MATCHED THEN INSERT (id, n, p) VALUES (source.id + 1000, 7, 2)", NULL, NULL, NULL},
    {"NOT MATCHED BY SOURCE AND target.n > 7 THEN DELETE",
     "NOT MATCHED BY SOURCE AND target.id < 10 THEN UPDATE SET v = 'gone', p = 0",
     "NOT MATCHED BY SOURCE AND target.p = 1 THEN DELETE", "NOT MATCHED BY SOURCE THEN UPDATE SET n = target.n - 1",
     NULL, NULL},
};

static size_t random_clauses(pli_merge_clause *out) {
    size_t n = 0;
    for (size_t kind = 0; kind < 3; kind++) {
        if (kind == 2 && random_below(3)) continue;
        for (size_t i = 0; i < 6 && pools[kind][i]; i++) {
            if (random_below(2)) continue;
            out[n++] = (pli_merge_clause){.sql = pools[kind][i]};
            if (!strstr(pools[kind][i], " AND ")) break;
        }
    }
    if (!n) out[n++] = (pli_merge_clause){.sql = pools[0][0]};
    return n;
}

static void run(write_fixture *f, const pli__buf *sql) {
    pli__engine *e;
    pli_error err = {0};
    assert_false(sql->failed);
    assert_int_equal(pli__env_engine(f->env, &e, NULL), PLI_OK);
    if (pli__engine_exec(e, sql->ptr, NULL, &err) != PLI_OK) fail_msg("%s\n%s", err.message, sql->ptr);
}

#define RUN(...)                                                                                                       \
    do {                                                                                                               \
        PLI_AUTO(pli__buf_clear) pli__buf text_ = {0};                                                                 \
        pli__buf_addf(&text_, __VA_ARGS__);                                                                            \
        run(f, &text_);                                                                                                \
    } while (0)

/* Rows with keys of which some occur several times, some are null. @param alike the rows of one key are one: for a source */
static void make_rows(write_fixture *f, const char *table, int64_t rows, bool alike) {
    RUN("CREATE OR REPLACE TEMP TABLE %s AS SELECT CASE WHEN k = 18 THEN NULL ELSE k END::BIGINT AS id, 'k' || k AS k, "
        "(k %% 4)::INTEGER AS p, 'v' || h AS v, (h %% 11)::INTEGER AS n, DATE '2024-01-01' + (k %% 5)::INTEGER AS day, {'x': h} AS s, "
        "['d', 'u', 'i'][(h %% 3 + 1)::INTEGER] AS op FROM (SELECT %s AS k, (hash(i, %llu) %% 1000)::INTEGER AS h FROM range(%lld) t(i))",
        table, alike ? "i * 3 % 40" : "(hash(i, 'key') % 30)::BIGINT", (unsigned long long)random_below(1000000),
        (long long)rows);
}

static void check_changes(write_fixture *f, int64_t version, const pli__merge_result *r) {
    pli__changes *c = NULL;
    const pli__changes_options options = {.from = version, .to = version};
    pli_error err = {0};
    if (pli__changes_new(f->table, &options, &c, &err) != PLI_OK) fail_msg("%s", err.message);
    RUN("CREATE OR REPLACE TEMP TABLE changes AS SELECT * EXCLUDE (_commit_version, _commit_timestamp) FROM (%s)",
        pli__changes_sql(c));
    pli__changes_free(c);
    assert_same_rows(
        f->env,
        "(FROM before EXCEPT ALL SELECT * EXCLUDE (_change_type) FROM changes WHERE _change_type IN ('delete', "
        "'update_preimage')) UNION ALL SELECT * EXCLUDE (_change_type) FROM changes WHERE _change_type IN "
        "('insert', 'update_postimage')",
        "FROM model");
    PLI_AUTO(pli__buf_clear) pli__buf counts = {0};
    pli__buf_addf(&counts, "SELECT %lld::BIGINT AS i, %lld::BIGINT AS d, %lld::BIGINT AS a, %lld::BIGINT AS b",
                  (long long)r->rows_inserted, (long long)r->rows_deleted, (long long)r->rows_updated,
                  (long long)r->rows_updated);
    assert_same_rows(
        f->env,
        "SELECT count(*) FILTER (_change_type = 'insert') AS i, count(*) FILTER (_change_type = 'delete') AS d, "
        "count(*) FILTER (_change_type = 'update_preimage') AS a, count(*) FILTER (_change_type = "
        "'update_postimage') AS b FROM changes",
        counts.ptr);
}

static void one_merge(write_fixture *f, int kind) {
    pli_merge_clause clauses[CLAUSES_MAX * 2];
    const char *on = conditions[random_below(sizeof conditions / sizeof conditions[0])];
    pli__merge_options o = {.on = on, .clauses = clauses, .n_clauses = random_clauses(clauses)};
    pli__merge_result r = {0};
    pli_error err = {0};
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
    o.write_mode = (pli_merge_mode)random_below(kinds[kind].vectors ? 3 : 1);
    make_rows(f, "src", (int64_t)random_below(30), true);
    RUN("CREATE OR REPLACE TEMP TABLE before AS FROM model");
    pli__buf_addf(&sql, "MERGE INTO model AS target USING src AS source ON (%s)", on);
    for (size_t i = 0; i < o.n_clauses; i++) pli__buf_addf(&sql, " WHEN %s", clauses[i].sql);
    run(f, &sql);
    if (pli__merge_run(f->table, "FROM src", &o, &r, &err) != PLI_OK) fail_msg("%s\n%s", err.message, sql.ptr);
    if (getenv("PLI_TEST_SEED")) print_message("%s mode %d: %s\n", kinds[kind].name, (int)o.write_mode, sql.ptr);
    expect_rows(f, "FROM model");
    if (kinds[kind].feed && r.committed) check_changes(f, r.version, &r);
}

static void test_delta_merge_model__random_merges_agree_with_the_engine(void **state) {
    write_fixture *f = *state;
    const char *given = getenv("PLI_TEST_SEED");
    seed = given ? strtoull(given, NULL, 10) : 20240101;
    print_message("seed %llu (PLI_TEST_SEED)\n", (unsigned long long)seed);
    for (int k = 0; k < KINDS; k++) {
        write_fixture_open(f, kinds[k].name);
        make_rows(f, "start", 60, false);
        RUN("CREATE OR REPLACE TEMP TABLE model AS SELECT * EXCLUDE (op) FROM start");
        must_append(f, "SELECT * FROM model WHERE id <= 12", &kinds[k].how); /* several files, by key */
        must_append(f, "SELECT * FROM model WHERE NOT coalesce(id <= 12, false)", NULL);
        for (int i = 0; i < MERGES; i++) one_merge(f, k);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_delta_merge_model__random_merges_agree_with_the_engine,
                                        write_fixture_setup, write_fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
