/* Rows written as data files and read back: types, partitions, statistics, constraints, checkpoints. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/hash.h"
#include "delta/checkpoint_write.h"
#include "delta/metadata_write.h"
#include "delta/path_write.h"
#include "delta/project.h"
#include "delta/protocol_write.h"
#include "delta/transaction.h"
#include "support/delta_fixtures.h"
#include "support/delta_write.h"
#include "support/temp_dir.h"

typedef write_fixture fixture;
typedef write_table append_options;

#define OK(expr)                                                                                                       \
    do {                                                                                                               \
        pli_error err = {0};                                                                                           \
        const pli_status ok_ = (expr);                                                                                 \
        if (ok_ != PLI_OK) fail_msg("%s: %s: %s", #expr, pli_status_name(ok_), err.message);                           \
    } while (0)

static void expect_refused(fixture *f, const char *sql, const append_options *o, pli_status code, const char *part) {
    pli_error err = {0};
    assert_int_equal(write_append(f, sql, o, &err), code);
    if (!strstr(err.message, part)) fail_msg("'%s' does not say '%s'", err.message, part);
}

typedef struct {
    json_t *files; /* of objects {path, partitionValues, stats} */
} collector;

static pli_status collect(void *arg, const pli__add *a, pli_error *err) {
    collector *c = arg;
    json_t *values = json_object();
    (void)err;
    for (size_t i = 0; i < a->n_partition_values; i++) {
        char key[100];
        snprintf(key, sizeof key, "%.*s", PLI_STR_ARG(a->partition_values[i].key));
        json_object_set_new(values, key,
                            a->partition_values[i].value.ptr
                                ? json_stringn(a->partition_values[i].value.ptr, a->partition_values[i].value.len)
                                : json_null());
    }
    json_error_t e;
    json_t *stats = json_loadb(a->stats.ptr, a->stats.len, JSON_REJECT_DUPLICATES, &e);
    if (!stats) fail_msg("stats are no JSON: %s: %.*s", e.text, PLI_STR_ARG(a->stats));
    json_array_append_new(c->files, json_pack("{s:s%, s:o, s:o, s:I}", "path", a->path.ptr, a->path.len,
                                              "partitionValues", values, "stats", stats, "size", (json_int_t)a->size));
    return PLI_OK;
}

static json_t *files_of(fixture *f) {
    collector c = {json_array()};
    pli__snapshot *s = write_latest(f);
    OK(pli__snapshot_files(s, PLI__FILES_ALL, collect, &c, &err));
    pli__snapshot_unref(s);
    return c.files;
}

static json_t *only_stats(fixture *f) {
    json_t *files = files_of(f);
    assert_int_equal(json_array_size(files), 1);
    json_t *stats = json_incref(json_object_get(json_array_get(files, 0), "stats"));
    json_decref(files);
    return stats;
}

static void expect_json(const json_t *value, const char *expected) {
    json_t *e = json_loads(expected, JSON_DECODE_ANY, NULL);
    assert_non_null(e);
    if (!value || !json_equal(value, e)) {
        char *text = value ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
        fail_msg("got %s, expected %s", text ? text : "nothing", expected);
    }
    json_decref(e);
}

/* ---- rows and types ---- */

#define ALL_TYPES                                                                                                                              \
    "SELECT i::TINYINT AS b, i::SMALLINT AS s, i::INTEGER AS i, i::BIGINT AS l, (i * 1.5)::FLOAT AS f, (i * 2.5)::DOUBLE AS d, "               \
    "(i * 1.25)::DECIMAL(10,2) AS dec, (i * 1.25)::DECIMAL(38,10) AS big, 'text ' || i AS t, ('x' || i)::BLOB AS bin, i % 2 = 0 AS bool, "     \
    "DATE '2024-01-31' + i::INTEGER AS day, TIMESTAMPTZ '2024-01-31 12:00:00.123456+00' + to_seconds(i) AS ts, "                               \
    "TIMESTAMP '2024-01-31 12:00:00.123456' + to_seconds(i) AS ntz, {'x': i::INTEGER, 'y': {'z': 'z' || i}} AS st, [i::INTEGER, NULL] AS li, " \
    "MAP {'k' || i: i::INTEGER} AS m, [{'q': i::INTEGER}] AS ls FROM range(5) t(i) "                                                           \
    "UNION ALL SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL"

static void test_delta_write_rows__all_types_come_back(void **state) {
    fixture *f = *state;
    must_append(f, ALL_TYPES, NULL);
    expect_rows(f, ALL_TYPES);
    must_append(f, ALL_TYPES, NULL);
    expect_rows(f, "(" ALL_TYPES ") UNION ALL (" ALL_TYPES ")");
}

static void test_delta_write_rows__mapped_columns_come_back(void **state) {
    fixture *f = *state;
    for (int i = 0; i < 2; i++) {
        write_fixture_open(f, i ? "by id" : "by name");
        const append_options o = {.properties = {"delta.columnMapping.mode", i ? "id" : "name"},
                                  .partition_by = {"day"}};
        must_append(f, ALL_TYPES, &o);
        expect_rows(f, ALL_TYPES);
        const append_options more = {.merge_schema = true};
        must_append(f, "SELECT 9::TINYINT AS b, {'neu': 1} AS added", &more);
        pli__snapshot *s = write_latest(f);
        assert_int_equal(pli__snapshot_version(s), 1);
        pli__snapshot_unref(s);
    }
}

static void test_delta_write_rows__types_that_delta_lacks_are_mapped(void **state) {
    fixture *f = *state;
    must_append(
        f,
        "SELECT 200::UTINYINT AS u8, 60000::USMALLINT AS u16, 4000000000::UINTEGER AS u32, 18446744073709551615::UBIGINT AS u64, 7::HUGEINT AS h, "
        "TIME '12:30:00' AS t, INTERVAL '1 day 2 seconds' AS iv, '6f1f0a54-5b1b-4f5e-8b1e-1a2b3c4d5e6f'::UUID AS id, TIMESTAMP_NS '2024-01-01 00:00:00.123456' AS ns",
        NULL);
    expect_rows(
        f,
        "SELECT 200::SMALLINT AS u8, 60000::INTEGER AS u16, 4000000000::BIGINT AS u32, 18446744073709551615::DECIMAL(20,0) AS u64, 7::DECIMAL(38,0) AS h, "
        "'12:30:00' AS t, 86402000000::BIGINT AS iv, '6f1f0a54-5b1b-4f5e-8b1e-1a2b3c4d5e6f' AS id, TIMESTAMP '2024-01-01 00:00:00.123456' AS ns");
    pli__snapshot *s = write_latest(f);
    assert_true(pli__snapshot_has_feature(s, "timestampNtz"));
    pli__snapshot_unref(s);
    expect_refused(f, "SELECT TIMESTAMP_NS '2024-01-01 00:00:00.123456789' AS ns", NULL, PLI_E_CONSTRAINT,
                   "below microseconds");
    expect_refused(f, "SELECT INTERVAL '1 month' AS iv", NULL, PLI_E_CONSTRAINT, "months");
}

static void test_delta_write_rows__columns_are_matched_by_name(void **state) {
    fixture *f = *state;
    must_append(f, "SELECT 1::BIGINT AS a, 'x' AS \"B c\"", NULL);
    must_append(f, "SELECT 'y' AS \"b C\", 2::SMALLINT AS A", NULL);
    must_append(f, "SELECT 3::BIGINT AS a", NULL);
    expect_rows(f, "SELECT * FROM (VALUES (1::BIGINT, 'x'), (2, 'y'), (3, NULL)) t(a, \"B c\")");
    expect_refused(f, "SELECT 'no' AS a", NULL, PLI_E_SCHEMA,
                   "column 'a' is VARCHAR in the input, which does not fit the table's BIGINT");
    expect_refused(f, "SELECT 1 AS a, 2 AS extra", NULL, PLI_E_SCHEMA, "column 'extra' (INTEGER) is not in the table");
    expect_refused(f, "SELECT 1.5::DOUBLE AS a", NULL, PLI_E_SCHEMA, "DOUBLE");
}

static void test_delta_write_rows__the_schema_grows_on_request(void **state) {
    fixture *f = *state;
    const append_options merge = {.merge_schema = true};
    must_append(f, "SELECT 1::INTEGER AS a, {'x': 1} AS s", NULL);
    must_append(f, "SELECT 2::INTEGER AS a, {'x': 2, 'y': 'neu'} AS s, 5 AS c", &merge);
    expect_rows(
        f, "SELECT * FROM (VALUES (1, {'x': 1, 'y': NULL::VARCHAR}, NULL), (2, {'x': 2, 'y': 'neu'}, 5)) t(a, s, c)");
    must_append(f, "SELECT 3000000000::BIGINT AS a", &merge);
    expect_rows(
        f,
        "SELECT * FROM (VALUES (1::BIGINT, {'x': 1, 'y': NULL::VARCHAR}, NULL), (2, {'x': 2, 'y': 'neu'}, 5), (3000000000, NULL, NULL)) t(a, s, c)");
    pli__snapshot *s = write_latest(f);
    assert_true(pli__snapshot_has_feature(s, "typeWidening"));
    pli__snapshot_unref(s);
}

static void test_delta_write_rows__no_rows_still_make_a_table(void **state) {
    fixture *f = *state;
    must_append(f, "SELECT 1 AS a, 'x' AS b WHERE false", NULL);
    json_t *files = files_of(f);
    assert_int_equal(json_array_size(files), 0);
    json_decref(files);
    expect_rows(f, "SELECT 1 AS a, 'x' AS b WHERE false");
    assert_int_equal(temp_count(f->dir, "table"), 1); /* nothing but _delta_log */
}

static void test_delta_write_rows__a_broken_query_leaves_nothing(void **state) {
    fixture *f = *state;
    must_append(f, "SELECT 1 AS a", NULL);
    const size_t before = temp_count(f->dir, "table");
    pli_error err = {0};
    assert_int_not_equal(
        write_append(f,
                     "SELECT (CASE WHEN i < 99999 THEN i ELSE error('boom') END)::INTEGER AS a FROM range(100000) t(i)",
                     NULL, &err),
        PLI_OK);
    assert_non_null(strstr(err.message, "boom"));
    assert_int_equal(temp_count(f->dir, "table"), before);
}

/* ---- partitions ---- */

static void test_delta_write_rows__every_partition_value_comes_back(void **state) {
    fixture *f = *state;
    const append_options o = {.partition_by = {"p"}};
#define VALUES_P                                                                                                                         \
    "SELECT CASE WHEN i < 127 THEN 'a' || chr(i::INTEGER) || 'b' WHEN i = 127 THEN NULL WHEN i = 128 THEN '__HIVE_DEFAULT_PARTITION__' " \
    "WHEN i = 129 THEN 'é日本🎵' WHEN i = 130 THEN '100%25' WHEN i = 131 THEN ' ' ELSE 'x' || i END AS p, i AS v FROM range(1, 140) t(i)"
    must_append(f, VALUES_P, &o);
    expect_rows(f, VALUES_P);
    json_t *files = files_of(f);
    assert_int_equal(json_array_size(files), 139);
    json_decref(files);
}

static void test_delta_write_rows__an_empty_text_is_a_null_partition(void **state) {
    fixture *f = *state;
    const append_options o = {.partition_by = {"p"}};
    must_append(f, "SELECT * FROM (VALUES ('', 1), (NULL, 2)) t(p, v)", &o);
    expect_rows(f, "SELECT * FROM (VALUES (NULL::VARCHAR, 1), (NULL, 2)) t(p, v)");
    json_t *files = files_of(f), *file;
    size_t i;
    json_array_foreach(files, i, file) expect_json(json_object_get(file, "partitionValues"), "{\"p\":null}");
    json_decref(files);
}

static void test_delta_write_rows__typed_partitions_come_back(void **state) {
    fixture *f = *state;
    const append_options o = {.partition_by = {"ts", "ntz", "d", "dec", "n", "b", "f", "bin"}};
#define TYPED                                                                                                                                                    \
    "SELECT i AS v, TIMESTAMPTZ '1969-12-31 23:59:59.5+00' + to_seconds(i) AS ts, TIMESTAMP '2024-01-01 10:00:00' + to_milliseconds(i) AS ntz, "                 \
    "DATE '0001-01-01' + i::INTEGER AS d, (i * 1.5)::DECIMAL(10,2) AS dec, (i - 2)::BIGINT AS n, i % 2 = 0 AS b, (i / 3)::DOUBLE AS f, ('x' || i)::BLOB AS bin " \
    "FROM range(4) t(i)"
    must_append(f, TYPED, &o);
    expect_rows(f, TYPED);
    json_t *files = files_of(f);
    bool seen = false;
    json_t *file;
    size_t i;
    json_array_foreach(files, i, file) {
        const json_t *v = json_object_get(file, "partitionValues");
        if (strcmp(json_string_value(json_object_get(v, "n")), "-1") != 0) continue;
        seen = true;
        expect_json(
            v,
            "{\"ts\":\"1970-01-01T00:00:00.500000Z\",\"ntz\":\"2024-01-01 10:00:00.001\",\"d\":\"0001-01-02\",\"dec\":\"1.50\",\"n\":\"-1\",\"b\":\"false\","
            "\"f\":\"0.3333333333333333\",\"bin\":\"x1\"}");
    }
    assert_true(seen);
    json_decref(files);
}

static void test_delta_write_rows__impossible_partition_values_are_refused(void **state) {
    fixture *f = *state;
    const append_options o = {.partition_by = {"p"}};
    expect_refused(f, "SELECT '\\xDE\\xAD\\xBE\\xEF'::BLOB AS p, 1 AS v", &o, PLI_E_DATA, "'p'");
    expect_refused(f, "SELECT {'x': 1} AS p, 1 AS v", &o, PLI_E_SCHEMA, "nested");
    expect_refused(f, "SELECT 1 AS p", &o, PLI_E_SCHEMA, "partition columns alone");
    const append_options absent = {.partition_by = {"nope"}};
    expect_refused(f, "SELECT 1 AS p", &absent, PLI_E_SCHEMA, "'nope'");
}

static void test_delta_write_rows__files_keep_to_the_target_size(void **state) {
    fixture *f = *state;
    const append_options o = {.partition_by = {"p"}, .target_file_size = 1 << 20};
    must_append(f, "SELECT i % 2 AS p, hash(i)::VARCHAR AS v, hash(i + 1)::VARCHAR AS w FROM range(300000) t(i)", &o);
    json_t *files = files_of(f), *file;
    size_t i;
    int64_t rows = 0;
    assert_true(json_array_size(files) >= 4);
    json_array_foreach(files, i, file) {
        assert_true(json_integer_value(json_object_get(file, "size")) < 3 << 20);
        rows += json_integer_value(json_object_get(json_object_get(file, "stats"), "numRecords"));
    }
    assert_int_equal(rows, 300000);
    json_decref(files);
    expect_rows(f, "SELECT i % 2 AS p, hash(i)::VARCHAR AS v, hash(i + 1)::VARCHAR AS w FROM range(300000) t(i)");
}

/* ---- statistics ---- */

static void test_delta_write_rows__statistics_are_those_of_spark(void **state) {
    fixture *f = *state;
    must_append(
        f,
        "SELECT * FROM (VALUES "
        "(1::TINYINT, 1.5::FLOAT, 2.5::DOUBLE, DATE '2023-01-15', TIMESTAMPTZ '2023-06-15 12:30:00.1239+00', TIMESTAMP '2023-06-15 12:30:00', 'alpha', 123.45::DECIMAL(10,2), true, "
        "'x'::BLOB, [1], MAP {'a': 1}, {'i': 10, 's': 'nested_a'}), "
        "(5, 3.14, 6.28, DATE '2024-06-15', TIMESTAMPTZ '2024-12-25 00:00:00+00', TIMESTAMP '2024-12-25 00:00:00', 'gamma', 999.99, false, 'y', [], MAP {}, {'i': 50, 's': NULL}), "
        "(NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)) "
        "t(b, f, d, day, ts, ntz, t, dec, bool, bin, li, m, st)",
        NULL);
    json_t *stats = only_stats(f);
    expect_json(json_object_get(stats, "numRecords"), "3");
    expect_json(
        json_object_get(stats, "minValues"),
        "{\"b\":1,\"f\":1.5,\"d\":2.5,\"day\":\"2023-01-15\",\"ts\":\"2023-06-15T12:30:00.123Z\",\"ntz\":\"2023-06-15T12:30:00.000\",\"t\":\"alpha\",\"dec\":123.45,"
        "\"st\":{\"i\":10,\"s\":\"nested_a\"}}");
    expect_json(
        json_object_get(stats, "maxValues"),
        "{\"b\":5,\"f\":3.14,\"d\":6.28,\"day\":\"2024-06-15\",\"ts\":\"2024-12-25T00:00:00.000Z\",\"ntz\":\"2024-12-25T00:00:00.000\",\"t\":\"gamma\",\"dec\":999.99,"
        "\"st\":{\"i\":50,\"s\":\"nested_a\"}}");
    expect_json(
        json_object_get(stats, "nullCount"),
        "{\"b\":1,\"f\":1,\"d\":1,\"day\":1,\"ts\":1,\"ntz\":1,\"t\":1,\"dec\":1,\"bool\":1,\"bin\":1,\"li\":1,\"m\":1,\"st\":{\"i\":1,\"s\":2}}");
    json_decref(stats);
}

static void test_delta_write_rows__bounds_that_are_no_numbers_are_left_out(void **state) {
    fixture *f = *state;
    must_append(
        f,
        "SELECT * FROM (VALUES ('nan'::DOUBLE, 'inf'::DOUBLE, '-inf'::FLOAT, NULL::INTEGER), (1, 2, 3, NULL)) t(n, i, m, z)",
        NULL);
    json_t *stats = only_stats(f);
    expect_json(json_object_get(stats, "minValues"), "{\"n\":1.0,\"i\":2.0}");
    expect_json(json_object_get(stats, "maxValues"), "{\"m\":3.0}");
    expect_json(json_object_get(stats, "nullCount"), "{\"n\":0,\"i\":0,\"m\":0,\"z\":2}");
    json_decref(stats);
}

/* The engine's report forgets a NaN of an earlier row group, and bounds where one row group is all null. */
static void test_delta_write_rows__statistics_hold_over_several_row_groups(void **state) {
    fixture *f = *state;
    must_append(
        f,
        "SELECT CASE WHEN i = 5 THEN 'nan'::DOUBLE ELSE i END AS n, i::DOUBLE AS d, CASE WHEN i > 250000 THEN i END AS late, "
        "CASE WHEN i < 4000 THEN 'm' || i END AS t FROM range(300000) t(i)",
        NULL);
    json_t *stats = only_stats(f);
    expect_json(json_object_get(stats, "minValues"), "{\"n\":0.0,\"d\":0.0,\"late\":250001,\"t\":\"m0\"}");
    expect_json(json_object_get(stats, "maxValues"), "{\"d\":299999.0,\"late\":299999,\"t\":\"m999\"}");
    json_decref(stats);
}

static void test_delta_write_rows__long_texts_are_cut(void **state) {
    fixture *f = *state;
    must_append(f, "SELECT repeat('a', 1000) AS t, repeat('b', 33) AS u, repeat('é', 400) AS v", NULL);
    json_t *stats = only_stats(f);
    expect_json(json_object_get(json_object_get(stats, "minValues"), "t"), "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"");
    expect_json(json_object_get(json_object_get(stats, "maxValues"), "t"),
                "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\\u007f\"");
    expect_json(json_object_get(json_object_get(stats, "maxValues"), "u"),
                "\"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\\u007f\"");
    expect_json(json_object_get(stats, "nullCount"), "{\"t\":0,\"u\":0,\"v\":0}");
    json_decref(stats);
}

static json_t *indexed(fixture *f, const char *key, const char *value, const char *name, const char *sql) {
    const append_options o = {.properties = {key, value}};
    write_fixture_open(f, name);
    must_append(f, sql, &o);
    json_t *stats = only_stats(f), *nulls = json_incref(json_object_get(stats, "nullCount"));
    json_decref(stats);
    return nulls;
}

static void test_delta_write_rows__the_indexed_columns_are_chosen(void **state) {
    fixture *f = *state;
    pli__buf sql = {0};
    pli__buf_addz(&sql, "SELECT 1 AS c0, {'x': 1, 'y': 2} AS c1");
    for (int i = 2; i < 40; i++) pli__buf_addf(&sql, ", %d AS c%d", i, i);
    json_t *n = indexed(f, NULL, NULL, "t1", sql.ptr);
    assert_int_equal(json_object_size(n), 31); /* 32 leaves, two of them in one struct */
    assert_non_null(json_object_get(n, "c30"));
    json_decref(n);
    n = indexed(f, "delta.dataSkippingNumIndexedCols", "2", "t2", sql.ptr);
    expect_json(n, "{\"c0\":0,\"c1\":{\"x\":0}}");
    json_decref(n);
    n = indexed(f, "delta.dataSkippingStatsColumns", "c1.Y, `c39`,c2", "t3", sql.ptr);
    expect_json(n, "{\"c1\":{\"y\":0},\"c2\":0,\"c39\":0}");
    json_decref(n);
    n = indexed(f, "delta.dataSkippingStatsColumns", "c1", "t4", sql.ptr);
    expect_json(n, "{\"c1\":{\"x\":0,\"y\":0}}");
    json_decref(n);
    n = indexed(f, "delta.dataSkippingNumIndexedCols", "0", "t5", sql.ptr);
    assert_null(n);
    pli__buf_clear(&sql);
}

static void test_delta_write_rows__spark_s_fixture_gets_the_same_statistics(void **state) {
    fixture *f = *state;
    const char *shared = fixtures_shared();
    if (!shared) {
        print_message("the shared fixtures are not there: skipped\n");
        skip();
    }
    pli__delta *theirs = NULL;
    pli__snapshot *s = NULL;
    pli__written *w = NULL;
    pli__scan *scan = NULL;
    collector c = {json_array()};
    char path[1000];
    snprintf(path, sizeof path, "%s/fixtures/delta/kernel/stats-writing-all-types", shared);
    OK(pli__delta_open(f->env, path, &theirs, &err));
    OK(pli__snapshot_open(theirs, PLI__LATEST, NULL, &s, &err));
    OK(pli__scan_new(s, NULL, &scan, &err));
    OK(pli__snapshot_files(s, PLI__FILES_ALL, collect, &c, &err));
    OK(pli__write_rows(f->table, pli__snapshot_protocol(s), pli__snapshot_metadata(s), pli__scan_sql(scan), NULL, NULL,
                       &w, &err));
    const pli__str ours = pli__written_add_at(w, 0)->stats;
    json_t *got = json_loadb(ours.ptr, ours.len, 0, NULL);
    json_t *file;
    size_t i;
    bool seen = false;
    json_array_foreach(c.files, i, file) {
        const json_t *expected = json_object_get(file, "stats");
        if (json_integer_value(json_object_get(expected, "numRecords")) != 4) continue;
        seen = true;
        char *a = json_dumps(got, JSON_SORT_KEYS), *b = json_dumps(expected, JSON_SORT_KEYS);
        assert_string_equal(a, b);
        free(a);
        free(b);
    }
    assert_true(seen);
    json_decref(got);
    json_decref(c.files);
    pli__written_free(w);
    pli__scan_free(scan);
    pli__snapshot_unref(s);
    pli__delta_free(theirs);
}

/* ---- conditions of the table ---- */

static void test_delta_write_rows__constraints_are_checked(void **state) {
    fixture *f = *state;
    const append_options o = {.properties = {"delta.constraints.positive", "`a` > 0 AND b <=> b"}};
    must_append(f, "SELECT 1 AS a, 'x' AS b", &o);
    expect_refused(f, "SELECT 0 AS a, 'x' AS b", NULL, PLI_E_CONSTRAINT, "constraint 'positive'");
    expect_refused(f, "SELECT NULL::INTEGER AS a, 'x' AS b", NULL, PLI_E_CONSTRAINT, "constraint 'positive'");
    must_append(f, "SELECT 2 AS a, NULL::VARCHAR AS b", NULL);
    expect_rows(f, "SELECT * FROM (VALUES (1, 'x'), (2, NULL)) t(a, b)");
    assert_int_equal(temp_count(f->dir, "table"), 3); /* two files and the log: refused writes left nothing */
}

/* A table whose schema is given, as another writer would make it. */
static void create_table(fixture *f, const char *schema, const char *partition) {
    pli__txn_handle *x = NULL;
    const pli__str columns[] = {pli__str_of(partition)};
    const pli__metadata m = {.id = PLI_STR("t"),
                             .format_provider = PLI_STR("parquet"),
                             .schema_string = pli__str_of(schema),
                             .created_time = 1,
                             .n_partition_columns = partition != NULL,
                             .partition_columns = columns};
    const pli__txn_options o = {.operation = "CREATE TABLE"};
    pli__commit_result r;
    OK(pli__txn_begin(f->table, NULL, &o, &x, &err));
    OK(pli__txn_set_metadata(x, &m, &err));
    OK(pli__txn_commit(x, &r, &err));
    pli__txn_free(x);
}

#define F(name, type, nullable, meta)                                                                                  \
    "{\"name\":\"" name "\",\"type\":" type ",\"nullable\":" nullable ",\"metadata\":" meta "}"

static void test_delta_write_rows__nulls_are_refused_where_the_table_has_none(void **state) {
    fixture *f = *state;
    create_table(
        f,
        "{\"type\":\"struct\",\"fields\":[" F("p", "\"string\"", "false", "{}") "," F(
            "a", "\"integer\"", "false",
            "{}") "," F("s", "{\"type\":\"struct\",\"fields\":[" F("x", "\"integer\"", "false", "{}") "]}", "true",
                        "{}") "," F("l", "{\"type\":\"array\",\"elementType\":\"integer\",\"containsNull\":false}",
                                    "true", "{}") "]}",
        "p");
    must_append(f, "SELECT 'k' AS p, 1 AS a, {'x': 1} AS s, [1] AS l UNION ALL SELECT 'k', 2, NULL, NULL", NULL);
    expect_refused(f, "SELECT 'k' AS p, NULL::INTEGER AS a", NULL, PLI_E_CONSTRAINT, "column 'a' must not be null");
    expect_refused(f, "SELECT 'k' AS p", NULL, PLI_E_SCHEMA, "column 'a' must not be null");
    expect_refused(f, "SELECT '' AS p, 1 AS a", NULL, PLI_E_CONSTRAINT, "column 'p' must not be null");
    expect_refused(f, "SELECT 'k' AS p, 1 AS a, {'x': NULL::INTEGER} AS s", NULL, PLI_E_CONSTRAINT, "column 's'");
    expect_refused(f, "SELECT 'k' AS p, 1 AS a, [1, NULL] AS l", NULL, PLI_E_CONSTRAINT, "column 'l'");
    expect_rows(f, "SELECT 'k' AS p, 1 AS a, {'x': 1} AS s, [1] AS l UNION ALL SELECT 'k', 2, NULL, NULL");
}

static void test_delta_write_rows__generated_and_default_columns_are_filled(void **state) {
    fixture *f = *state;
    create_table(
        f,
        "{\"type\":\"struct\",\"fields\":[" F("a", "\"integer\"", "true", "{}") "," F(
            "g", "\"integer\"", "true",
            "{\"delta.generationExpression\":\"a * 2\"}") "," F("d", "\"string\"", "true",
                                                                "{\"CURRENT_DEFAULT\":\"'none'\"}") "," F("i",
                                                                                                          "\"integer\"",
                                                                                                          "true",
                                                                                                          "{\"delta.invariants\":\"{\\\"expression\\\":{\\\"expression\\\":\\\"i < 10\\\"}}\"}") "]}",
        NULL);
    must_append(f, "SELECT 4 AS a, 1 AS i", NULL);
    must_append(f, "SELECT 5 AS a, 10 AS g, 'x' AS d, 2 AS i", NULL);
    expect_refused(f, "SELECT 5 AS a, 11 AS g, 2 AS i", NULL, PLI_E_CONSTRAINT, "column 'g'");
    expect_refused(f, "SELECT 5 AS a, 10 AS i", NULL, PLI_E_CONSTRAINT, "'i'");
    expect_rows(f, "SELECT * FROM (VALUES (4, 8, 'none', 1), (5, 10, 'x', 2)) t(a, g, d, i)");
}

static void test_delta_write_rows__what_cannot_be_written_is_refused_by_name(void **state) {
    fixture *f = *state;
    create_table(
        f,
        "{\"type\":\"struct\",\"fields\":[" F(
            "a", "\"long\"", "true", "{\"delta.identity.start\":1,\"delta.identity.step\":1}") "," F("b", "\"integer\"",
                                                                                                     "true", "{}") "]}",
        NULL);
    expect_refused(f, "SELECT 5 AS b", NULL, PLI_E_UNSUPPORTED, "identityColumns");
}

/* ---- checkpoints ---- */

static char *state_text(fixture *f) {
    json_t *files = files_of(f);
    pli__snapshot *s = write_latest(f);
    pli__buf out = {0};
    pli__action a = {.kind = PLI__ACTION_METADATA, .metadata = *pli__snapshot_metadata(s)};
    OK(pli__action_write(&a, &out, &err));
    a = (pli__action){.kind = PLI__ACTION_PROTOCOL, .protocol = *pli__snapshot_protocol(s)};
    OK(pli__action_write(&a, &out, &err));
    for (size_t i = 0; i < pli__snapshot_n_txns(s); i++) {
        a = (pli__action){.kind = PLI__ACTION_TXN, .txn = pli__snapshot_txn_at(s, i)};
        OK(pli__action_write(&a, &out, &err));
    }
    char *lines[1000];
    for (size_t i = 0; i < json_array_size(files); i++)
        lines[i] = json_dumps(json_array_get(files, i), JSON_SORT_KEYS | JSON_COMPACT);
    for (size_t i = 0; i < json_array_size(files); i++)
        for (size_t j = i + 1; j < json_array_size(files); j++)
            if (strcmp(lines[i], lines[j]) > 0) {
                char *t = lines[i];
                lines[i] = lines[j];
                lines[j] = t;
            }
    for (size_t i = 0; i < json_array_size(files); i++) {
        pli__buf_addz(&out, lines[i]);
        pli__buf_addc(&out, '\n');
        free(lines[i]);
    }
    json_decref(files);
    pli__snapshot_unref(s);
    return pli__buf_take(&out);
}

static void remove_commits(fixture *f, int64_t through) {
    for (int64_t v = 0; v <= through; v++) {
        char name[80];
        snprintf(name, sizeof name, "table/_delta_log/%020lld.json", (long long)v);
        OK(pli__fs_unlink(temp_path(f->dir, name), false, &err));
    }
}

static void reopen(fixture *f) { write_fixture_open(f, "table"); }

static void test_delta_write_rows__every_tenth_commit_leaves_a_checkpoint_with_the_same_state(void **state) {
    fixture *f = *state;
    const append_options o = {.partition_by = {"p"}, .properties = {"delta.checkpoint.writeStatsAsStruct", "true"}};
    for (int i = 0; i <= 10; i++)
        must_append(
            f, "SELECT i % 3 AS p, i AS v, NULL::VARCHAR AS n, 'é' || i AS t, {'a.b': i} AS s FROM range(10) t(i)", &o);
    assert_non_null(temp_read(f->dir, "table/_delta_log/_last_checkpoint"));
    char *before = state_text(f);
    remove_commits(f, 9);
    reopen(f);
    char *after = state_text(f);
    assert_string_equal(before, after);
    free(before);
    free(after);
    must_append(f, "SELECT 1::BIGINT AS p, 2::BIGINT AS v", NULL);
    pli__snapshot *s = NULL;
    const pli__snapshot_options by_the_log = {.with_files = true};
    assert_int_equal(pli__snapshot_open(f->table, PLI__LATEST, &by_the_log, &s, NULL), PLI_OK);
    assert_int_equal(pli__snapshot_version(s), 11);
    assert_int_equal(pli__snapshot_checkpoint_version(s), 10);
    pli__snapshot_unref(s);
    /* parsed columns have the types of the table */
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0}, got = {0};
    pli__buf_addf(
        &sql,
        "SELECT add.partitionValues_parsed.p || ' ' || add.stats_parsed.maxValues.v || ' ' || add.stats_parsed.nullCount.n "
        "FROM read_parquet('%s') WHERE add IS NOT NULL AND add.partitionValues_parsed.p = 1 LIMIT 1",
        temp_path(f->dir, "table/_delta_log/00000000000000000010.checkpoint.parquet"));
    fixtures_text(f->env, sql.ptr, &got);
    assert_string_equal(got.ptr, "1 7 3");
}

static void test_delta_write_rows__absent_structs_of_a_checkpoint_are_null(void **state) {
    fixture *f = *state;
    must_append(f, "SELECT 1 AS a", NULL);
    pli__snapshot *s = write_latest(f);
    pli__delta_checkpoint_result r;
    OK(pli__delta_checkpoint_write(s, f->table, &r, &err));
    assert_int_equal(r.actions, 3);
    pli__snapshot_unref(s);
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0}, got = {0};
    pli__buf_addf(
        &sql,
        "SELECT count(*) FILTER (add IS NOT NULL) || ' ' || count(*) FILTER (add.deletionVector IS NOT NULL) || ' ' || count(*) FILTER (remove IS NOT NULL) || ' ' || "
        "count(*) FILTER (protocol.writerFeatures IS NOT NULL) || ' ' || count(*) FILTER (metaData IS NOT NULL) FROM read_parquet('%s')",
        temp_path(f->dir, "table/_delta_log/00000000000000000000.checkpoint.parquet"));
    fixtures_text(f->env, sql.ptr, &got);
    assert_string_equal(got.ptr, "1 0 0 0 1");
}

/* Under a small limit: few files though the rows come mixed, and nothing is left of the first pass. */
static void test_delta_write_rows__partitions_are_written_in_two_passes_where_memory_is_short(void **state) {
    fixture *f = *state;
    const append_options o = {.partition_by = {"p"}};
    write_fixture_open(f, "a [b] *é");
#define MIXED "SELECT (hash(i) % 300)::INTEGER AS p, i AS v, repeat(hash(i)::VARCHAR, 5) AS w FROM range(100000) t(i)"
    must_append(f, MIXED, &o);
    expect_rows(f, MIXED);
    assert_int_equal(count_files(f), 300);
    assert_int_equal(temp_count(f->dir, "a [b] *é"), 301); /* and _delta_log */
    expect_refused(
        f, "SELECT 1 AS p, i AS v, CASE WHEN i < 900 THEN 'w' ELSE error('boom') END AS w FROM range(1000) t(i)", &o,
        PLI_E_DATA, "boom");
    assert_int_equal(temp_count(f->dir, "a [b] *é"), 301);
}

#define SHORT_OF_MEMORY(name)                                                                                          \
    cmocka_unit_test_setup_teardown(test_delta_write_rows__##name, write_fixture_setup_short_of_memory,                \
                                    write_fixture_teardown)
#define TEST(name)                                                                                                     \
    cmocka_unit_test_setup_teardown(test_delta_write_rows__##name, write_fixture_setup, write_fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(all_types_come_back),
        TEST(mapped_columns_come_back),
        TEST(types_that_delta_lacks_are_mapped),
        TEST(columns_are_matched_by_name),
        TEST(the_schema_grows_on_request),
        TEST(no_rows_still_make_a_table),
        TEST(a_broken_query_leaves_nothing),
        TEST(every_partition_value_comes_back),
        TEST(an_empty_text_is_a_null_partition),
        TEST(typed_partitions_come_back),
        TEST(impossible_partition_values_are_refused),
        TEST(files_keep_to_the_target_size),
        SHORT_OF_MEMORY(every_partition_value_comes_back),
        SHORT_OF_MEMORY(an_empty_text_is_a_null_partition),
        SHORT_OF_MEMORY(typed_partitions_come_back),
        SHORT_OF_MEMORY(impossible_partition_values_are_refused),
        SHORT_OF_MEMORY(files_keep_to_the_target_size),
        SHORT_OF_MEMORY(partitions_are_written_in_two_passes_where_memory_is_short),
        SHORT_OF_MEMORY(mapped_columns_come_back),
        SHORT_OF_MEMORY(constraints_are_checked),
        TEST(statistics_are_those_of_spark),
        TEST(bounds_that_are_no_numbers_are_left_out),
        TEST(statistics_hold_over_several_row_groups),
        TEST(long_texts_are_cut),
        TEST(the_indexed_columns_are_chosen),
        TEST(spark_s_fixture_gets_the_same_statistics),
        TEST(constraints_are_checked),
        TEST(nulls_are_refused_where_the_table_has_none),
        TEST(generated_and_default_columns_are_filled),
        TEST(what_cannot_be_written_is_refused_by_name),
        TEST(every_tenth_commit_leaves_a_checkpoint_with_the_same_state),
        TEST(absent_structs_of_a_checkpoint_are_null),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
