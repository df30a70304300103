/* Rows of the Delta source's batches: our own tables, and tables of other writers where the shared fixtures are there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/json.h"
#include "delta/changes.h"
#include "source/source_delta.h"
#include "support/delta_fixtures.h"
#include "support/delta_write.h"
#include "support/temp_dir.h"

/* ---- driving a source ---- */

typedef struct reader {
    pli_env *env;
    pli__checkpoint *cp;
    pli__source *source;
    int64_t batches, parts; /* so far */
} reader;

static void must(pli_status status, const pli_error *err) {
    if (status != PLI_OK) fail_msg("%s: %s", pli_status_name(status), err->message);
}

static pli__delta_options defaults(const char *table) {
    return (pli__delta_options){.path = table, .starting_version = -1, .ending_version = -1};
}

static void reader_open(reader *r, pli_env *env, const char *checkpoint, const pli__delta_options *o) {
    pli_error err = {0};
    *r = (reader){.env = env};
    const pli__checkpoint_options c = {.source_kind = "delta", .create = true, .relaxed = true};
    must(pli__checkpoint_open(checkpoint, &c, &r->cp, &err), &err);
    must(pli__source_delta_new(env, o, &r->source, &err), &err);
}

static void reader_close(reader *r) {
    pli__source_free(r->source);
    pli__checkpoint_close(r->cp);
    *r = (reader){0};
}

static void run_sql(pli_env *env, const char *sql) {
    pli__engine *e = NULL;
    pli_error err = {0};
    must(pli__env_engine(env, &e, &err), &err);
    if (pli__engine_exec(e, sql, NULL, &err) != PLI_OK) fail_msg("%s\n%s", err.message, sql);
}

/* Rows of the batch into the table `got`, by name. */
static void take_rows(reader *r, const pli__relation *rows) {
    for (size_t i = 0; i < rows->n_parts; i++, r->parts++) {
        PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
        pli__buf_addf(&sql, "INSERT INTO got BY NAME SELECT * EXCLUDE (_pli_path) FROM (%s)", rows->parts[i].sql);
        run_sql(r->env, sql.ptr);
    }
}

/* Plan, read and commit one batch. @return false if there is none */
static bool read_next(reader *r) {
    pli_error err = {0};
    bool won = false;
    PLI_AUTO(pli__json_unref) json_t *offset = NULL, *stored = NULL, *body = json_object();
    PLI_AUTO(pli__relation_auto) pli__relation *rows = NULL;
    must(pli__source_plan(r->source, r->cp, &offset, &err), &err);
    if (!offset) return false;
    const int64_t n = pli__checkpoint_last_offset(r->cp) + 1;
    must(pli__checkpoint_write_offset(r->cp, n, offset, &won, &stored, NULL, &err), &err);
    must(pli__source_relation(r->source, stored, &rows, &err), &err);
    take_rows(r, rows);
    must(pli__checkpoint_write_commit(r->cp, n, body, &won, &err), &err);
    r->batches++;
    return true;
}

/* Everything that is there; times of commits are not looked at. */
static void read_all(reader *r, const char *expected) {
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
    pli__buf_addf(
        &sql, "CREATE OR REPLACE TEMP TABLE got AS SELECT *, NULL::TIMESTAMPTZ AS _commit_timestamp FROM (%s) LIMIT 0",
        expected);
    run_sql(r->env, sql.ptr);
    while (read_next(r)) continue;
    assert_same_rows(r->env, "SELECT * EXCLUDE (_commit_timestamp) FROM got", expected);
}

/* ---- tables of our own ---- */

static void read_table(write_fixture *f, const pli__delta_options *o, const char *expected, reader *kept) {
    static int number;
    char name[32];
    reader r;
    snprintf(name, sizeof name, "cp%d", number++);
    reader_open(&r, f->env, temp_path(f->dir, name), o);
    read_all(&r, expected);
    if (kept) *kept = r;
    reader_close(&r);
}

static void test_source_delta_rows__partition_values_and_types_are_the_tables(void **state) {
    write_fixture *f = *state;
    const write_table how = {.partition_by = {"d", "s"}};
    must_append(
        f,
        "SELECT 1::BIGINT AS id, DATE '2024-02-29' AS d, 'a/b c%' AS s, 1.50::DECIMAL(9,2) AS m UNION ALL SELECT 2, NULL, NULL, NULL",
        &how);
    must_append(f, "SELECT 3::BIGINT AS id, DATE '0001-01-01' AS d, 'ä' AS s, 2.25::DECIMAL(9,2) AS m", &how);
    PLI_AUTO(pli__snapshot_auto) pli__snapshot *s = write_latest(f);
    PLI_AUTO(pli__scan_auto) pli__scan *scan = NULL;
    assert_int_equal(pli__scan_new(s, NULL, &scan, NULL), PLI_OK);
    pli__delta_options o = defaults(pli__delta_root(f->table));
    o.max_files = 1;
    read_table(f, &o, pli__scan_sql(scan), NULL);
    o.start_offset = "earliest";
    read_table(f, &o, pli__scan_sql(scan), NULL);
}

static void test_source_delta_rows__files_are_read_with_the_schema_of_their_version(void **state) {
    write_fixture *f = *state;
    const write_table how = {.merge_schema = true};
    must_append(f, "SELECT 1::BIGINT AS id", &how);
    must_append(f, "SELECT 2::BIGINT AS id", &how);
    must_append(f, "SELECT 3::BIGINT AS id, 'x' AS b", &how);
    must_append(f, "SELECT 4::BIGINT AS id, 'y' AS b", &how);
    pli__delta_options o = defaults(pli__delta_root(f->table));
    o.start_offset = "earliest";
    reader r = {0};
    const char *expected =
        "SELECT 1::BIGINT AS id, NULL::VARCHAR AS b UNION ALL SELECT 2, NULL UNION ALL SELECT 3, 'x' UNION ALL SELECT 4, 'y'";
    read_table(f, &o, expected, &r);
    assert_int_equal(r.batches, 1);
    assert_int_equal(r.parts, 2);
    o.read_change_feed = true;
    PLI_AUTO(pli__buf_clear) pli__buf changes = {0};
    pli__buf_addf(&changes, "SELECT *, 'insert' AS _change_type, id - 1 AS _commit_version FROM (%s)", expected);
    read_table(f, &o, changes.ptr, &r);
    assert_int_equal(r.batches, 1);
    assert_int_equal(r.parts, 2);
}

static void test_source_delta_rows__paths_are_those_of_the_files(void **state) {
    write_fixture *f = *state;
    must_append(f, "SELECT 1::BIGINT AS id", NULL);
    const pli__delta_options o = defaults(pli__delta_root(f->table));
    reader r;
    pli_error err = {0};
    reader_open(&r, f->env, temp_path(f->dir, "cp-path"), &o);
    PLI_AUTO(pli__json_unref) json_t *offset = NULL;
    PLI_AUTO(pli__relation_auto) pli__relation *rows = NULL;
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
    PLI_AUTO(pli__buf_clear) pli__buf path = {0};
    must(pli__source_plan(r.source, r.cp, &offset, &err), &err);
    must(pli__source_relation(r.source, offset, &rows, &err), &err);
    pli__buf_addf(&sql, "SELECT _pli_path FROM (%s)", rows->parts[0].sql);
    fixtures_text(f->env, sql.ptr, &path);
    const char *planned = json_string_value(json_array_get(json_object_get(offset, "files"), 0));
    assert_string_equal(path.ptr, planned);
    assert_int_equal(rows->parts[0].n_files, 1);
    assert_string_equal(rows->parts[0].files[0].path, planned);
    reader_close(&r);
}

/* An offset as another program may have written it: positions and paths, nothing more. */
static void test_source_delta_rows__offsets_of_others_are_read(void **state) {
    write_fixture *f = *state;
    for (int i = 1; i <= 3; i++) {
        char sql[64];
        snprintf(sql, sizeof sql, "SELECT %d::BIGINT AS id", i);
        must_append(f, sql, NULL);
    }
    pli__delta_options o = defaults(pli__delta_root(f->table));
    o.start_offset = "earliest";
    reader r;
    pli_error err = {0};
    reader_open(&r, f->env, temp_path(f->dir, "cp-others"), &o);
    PLI_AUTO(pli__json_unref) json_t *offset = NULL;
    must(pli__source_plan(r.source, r.cp, &offset, &err), &err);
    json_object_del(offset, "file_versions");
    json_object_del(offset, "file_info");
    json_object_del(offset, "complete");
    PLI_AUTO(pli__relation_auto) pli__relation *rows = NULL;
    must(pli__source_relation(r.source, offset, &rows, &err), &err);
    run_sql(f->env, "CREATE OR REPLACE TEMP TABLE got (id BIGINT)");
    take_rows(&r, rows);
    assert_same_rows(f->env, "SELECT * FROM got", "SELECT unnest([1, 2, 3])::BIGINT AS id");
    json_array_append_new(json_object_get(offset, "files"), json_string("/no/such/file.parquet"));
    pli__relation *none = NULL;
    assert_int_equal(pli__source_relation(r.source, offset, &none, &err), PLI_E_DATA_LOSS);
    reader_close(&r);
}

static void remove_file(const json_t *offset, size_t i) {
    assert_int_equal(unlink(json_string_value(json_array_get(json_object_get(offset, "files"), i))), 0);
}

static void test_source_delta_rows__files_that_are_gone_are_gaps_only_where_allowed(void **state) {
    write_fixture *f = *state;
    must_append(f, "SELECT 1::BIGINT AS id", NULL);
    must_append(f, "SELECT 2::BIGINT AS id", NULL);
    for (int feed = 0; feed < 2; feed++) {
        pli__delta_options o = defaults(pli__delta_root(f->table));
        o.start_offset = "earliest";
        o.read_change_feed = feed;
        reader r;
        pli_error err = {0};
        pli__relation *rows = NULL;
        PLI_AUTO(pli__json_unref) json_t *offset = NULL;
        reader_open(&r, f->env, temp_path(f->dir, feed ? "cp-gone-feed" : "cp-gone"), &o);
        must(pli__source_plan(r.source, r.cp, &offset, &err), &err);
        if (!feed) remove_file(offset, 0);
        assert_int_equal(pli__source_relation(r.source, offset, &rows, &err), PLI_E_DATA_LOSS);
        assert_non_null(strstr(err.message, json_string_value(json_array_get(json_object_get(offset, "files"), 0))));
        reader_close(&r);
        o.allow_data_loss = true;
        reader_open(&r, f->env, temp_path(f->dir, feed ? "cp-gone-feed" : "cp-gone"), &o);
        must(pli__source_relation(r.source, offset, &rows, &err), &err);
        assert_int_equal(json_array_size(rows->gaps), 1);
        assert_int_equal(json_integer_value(json_object_get(json_array_get(rows->gaps, 0), "version")), 0);
        PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
        pli__buf_addf(&sql, "SELECT id FROM (%s)", rows->parts[0].sql);
        assert_same_rows(f->env, sql.ptr, "SELECT 2::BIGINT AS id");
        pli__relation_free(rows);
        reader_close(&r);
    }
}

static void test_source_delta_rows__a_batch_of_nothing_but_gaps_has_the_columns(void **state) {
    write_fixture *f = *state;
    must_append(f, "SELECT 1::BIGINT AS id, 'x' AS s", NULL);
    pli__delta_options o = defaults(pli__delta_root(f->table));
    o.start_offset = "earliest";
    o.allow_data_loss = true;
    for (int feed = 0; feed < 2; feed++) {
        reader r;
        pli_error err = {0};
        PLI_AUTO(pli__relation_auto) pli__relation *rows = NULL;
        PLI_AUTO(pli__json_unref) json_t *offset = NULL;
        o.read_change_feed = feed;
        reader_open(&r, f->env, temp_path(f->dir, feed ? "cp-nothing-feed" : "cp-nothing"), &o);
        must(pli__source_plan(r.source, r.cp, &offset, &err), &err);
        if (!feed) remove_file(offset, 0);
        must(pli__source_relation(r.source, offset, &rows, &err), &err);
        PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
        pli__buf_addf(&sql, "SELECT id, s FROM (%s)", rows->parts[0].sql);
        assert_same_rows(f->env, sql.ptr, "SELECT 1::BIGINT AS id, 'x' AS s LIMIT 0");
        reader_close(&r);
    }
}

/* ---- tables of others ---- */

static char root[4200];

static const char *member(const json_t *c, const char *key) { return json_string_value(json_object_get(c, key)); }

static int64_t number_of(const json_t *c, const char *key, int64_t absent) {
    const json_t *v = json_object_get(c, key);
    return json_is_integer(v) ? json_integer_value(v) : absent;
}

static pli_status see_remove(void *arg, const pli__action *a, pli_error *err) {
    (void)err;
    /* what renames or drops columns makes earlier rows look different too */
    *(bool *)arg |= a->kind == PLI__ACTION_REMOVE;
    return PLI_OK;
}

static bool has_removes(pli__delta *t, int64_t version) {
    bool found = false;
    for (int64_t v = 0; v <= version && !found; v++)
        if (pli__log_read_commit(t, v, see_remove, &found, NULL) != PLI_OK) return true;
    return found;
}

static void read_case(pli_env *env, void *dir, const pli__delta_options *o, const char *expected) {
    static int number;
    char name[32];
    reader r;
    snprintf(name, sizeof name, "other%d", number++);
    reader_open(&r, env, temp_path(dir, name), o);
    read_all(&r, expected);
    reader_close(&r);
}

static void check_rows(const json_t *c, pli_env *env, void *dir) {
    PLI_AUTO(pli__buf_clear) pli__buf table = {0};
    PLI_AUTO(pli__delta_auto) pli__delta *t = NULL;
    PLI_AUTO(pli__snapshot_auto) pli__snapshot *s = NULL;
    PLI_AUTO(pli__scan_auto) pli__scan *scan = NULL;
    pli_error err = {0};
    pli__buf_addf(&table, "%s/%s", root, member(c, "table"));
    const int64_t version = number_of(c, "version", -1);
    must(pli__delta_open(env, table.ptr, &t, &err), &err);
    must(pli__snapshot_open(t, version, NULL, &s, &err), &err);
    must(pli__scan_new(s, NULL, &scan, &err), &err);
    pli__delta_options o = defaults(table.ptr);
    o.max_files = 2;
    o.ending_version = version;
    read_case(env, dir, &o, pli__scan_sql(scan));
    if (has_removes(t, pli__snapshot_version(s))) return;
    o.start_offset = "earliest";
    read_case(env, dir, &o, pli__scan_sql(scan));
}

static void check_changes(const json_t *c, pli_env *env, void *dir) {
    PLI_AUTO(pli__buf_clear) pli__buf table = {0};
    PLI_AUTO(pli__buf_clear) pli__buf expected = {0};
    pli__buf_addf(&table, "%s/%s", root, member(c, "table"));
    pli__buf_addf(&expected, "SELECT * FROM read_parquet('%s/%s')", root, member(c, "expected"));
    pli__delta_options o = defaults(table.ptr);
    o.read_change_feed = true;
    o.max_files = 1;
    o.starting_version = number_of(c, "from", 0);
    o.ending_version = number_of(c, "to", -1);
    read_case(env, dir, &o, expected.ptr);
}

static void check_case(const json_t *c, void *dir) {
    const char *kind = member(c, "kind"), *zone = member(c, "zone");
    pli_env *env = fixtures_env(zone ? zone : "UTC");
    print_message("%s\n", member(c, "id"));
    if (strcmp(kind, "rows") == 0) check_rows(c, env, dir);
    else if (strcmp(kind, "changes") == 0) check_changes(c, env, dir);
    pli_env_free(env);
}

static void test_source_delta_rows__tables_of_others_are_read_in_batches(void **state) {
    const char *shared = fixtures_shared();
    if (!shared) {
        print_message("the shared fixtures are not there\n");
        skip();
    }
    snprintf(root, sizeof root, "%s/fixtures/delta", shared);
    PLI_AUTO(pli__buf_clear) pli__buf path = {0};
    PLI_AUTO(pli__buf_clear) pli__buf text = {0};
    PLI_AUTO(pli__json_unref) json_t *cases = NULL;
    pli_error err = {0};
    pli__buf_addf(&path, "%s/cases.json", root);
    must(pli__fs_read(path.ptr, (size_t)64 << 20, &text, &err), &err);
    must(pli__json_parse(pli__buf_str(&text), "cases.json", &cases, &err), &err);
    size_t i;
    json_t *c;
    json_array_foreach(json_object_get(cases, "cases"), i, c) check_case(c, *state);
}

#define T(name)                                                                                                        \
    cmocka_unit_test_setup_teardown(test_source_delta_rows__##name, write_fixture_setup, write_fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(partition_values_and_types_are_the_tables),
        T(files_are_read_with_the_schema_of_their_version),
        T(paths_are_those_of_the_files),
        T(offsets_of_others_are_read),
        T(files_that_are_gone_are_gaps_only_where_allowed),
        T(a_batch_of_nothing_but_gaps_has_the_columns),
        cmocka_unit_test_setup_teardown(test_source_delta_rows__tables_of_others_are_read_in_batches, temp_dir_setup,
                                        temp_dir_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
