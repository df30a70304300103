/* What a writer puts down: actions as text, partition values in their three encodings, statistics, protocol. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>

#include "delta/features.h"
#include "delta/metadata_write.h"
#include "delta/path.h"
#include "delta/path_write.h"
#include "delta/protocol_write.h"
#include "delta/spark_sql.h"
#include "delta/stats_write.h"
#include "support/delta_fixtures.h"

/* ---- vectors ---- */

static json_t *vectors(const char *name) {
    const char *shared = fixtures_shared();
    char path[1000];
    if (!shared) return NULL;
    snprintf(path, sizeof path, "%s/spec/delta-vectors.json", shared);
    json_t *root = json_load_file(path, JSON_ALLOW_NUL, NULL), *found = NULL, *set;
    size_t i;
    assert_non_null(root);
    json_array_foreach(json_object_get(root, "sets"), i,
                       set) if (strcmp(json_string_value(json_object_get(set, "name")), name) == 0)
        found = json_incref(json_object_get(set, "vectors"));
    json_decref(root);
    assert_non_null(found);
    return found;
}

#define SKIP_WITHOUT(v)                                                                                                \
    do {                                                                                                               \
        if (!(v)) {                                                                                                    \
            print_message("the shared vectors are not there: skipped\n");                                              \
            skip();                                                                                                    \
        }                                                                                                              \
    } while (0)

static const char *text_of(const json_t *o, const char *key) { return json_string_value(json_object_get(o, key)); }
static pli__str slice_of(const json_t *o, const char *key) {
    const json_t *s = json_object_get(o, key);
    return json_is_string(s) ? (pli__str){json_string_value(s), json_string_length(s)} : (pli__str){0};
}

static void expect_text(const pli__buf *b, const char *expected) {
    assert_string_equal(b->ptr ? b->ptr : "", expected);
}

static void test_delta_write_values__folders_are_escaped_as_in_hive(void **state) {
    (void)state;
    json_t *set = vectors("hiveEscape"), *v;
    size_t i;
    SKIP_WITHOUT(set);
    json_array_foreach(set, i, v) {
        pli__buf out = {0};
        pli__hive_escape(slice_of(v, "text"), &out);
        expect_text(&out, text_of(v, "escaped"));
        pli__buf_clear(&out);
    }
    json_decref(set);
}

/* What the engine prints for pli__partition_sql of the vector's value. */
static pli__str engine_text(const json_t *v, const pli__type *type, char *scratch, size_t cap) {
    const pli__str value = slice_of(v, "value");
    if (!value.ptr) return value;
    if (type->id == PLI__TYPE_TIMESTAMP || type->id == PLI__TYPE_TIMESTAMP_NTZ)
        snprintf(scratch, cap, "%lld", (long long)json_integer_value(json_object_get(v, "micros")));
    else if (type->id == PLI__TYPE_BINARY) snprintf(scratch, cap, "%s", value.ptr + 4);
    else if (type->id == PLI__TYPE_DECIMAL) snprintf(scratch, cap, "%s", text_of(v, "partitionValue"));
    else if (pli__type_is_float(type)) {
        char *end;
        const double d = strtod(value.ptr, &end);
        if (d != d) snprintf(scratch, cap, "nan");
        else if (d > 1e308 * 10 || d < -1e308 * 10) snprintf(scratch, cap, d > 0 ? "inf" : "-inf");
        else snprintf(scratch, cap, strcmp(value.ptr, "5E-324") == 0 ? "5e-324" : "%.17g", d);
    } else return value;
    return pli__str_of(scratch);
}

static void expect_partition(const json_t *v) {
    const pli__type *type = NULL;
    char scratch[200], quoted[100];
    pli__buf text = {0}, folder = {0}, path = {0}, dir_text = {0};
    bool is_null = false;
    snprintf(quoted, sizeof quoted, "\"%s\"", text_of(v, "type"));
    assert_int_equal(pli__type_from_delta(pli__str_of(quoted), &type, NULL), PLI_OK);
    const pli_status s = pli__partition_text(type, engine_text(v, type, scratch, sizeof scratch), &text, &is_null,
                                             NULL);
    const bool zoned = text_of(v, "zone") && strcmp(text_of(v, "zone"), "UTC") != 0;
    if (!text_of(v, "directory")) {
        assert_int_equal(s, PLI_E_DATA);
    } else {
        assert_int_equal(s, PLI_OK);
        assert_int_equal(is_null, json_is_null(json_object_get(v, "partitionValue")));
        if (!is_null) expect_text(&text, text_of(v, "partitionValue"));
        pli__buf_addz(&folder, "p=");
        if (is_null) pli__buf_addz(&folder, PLI__HIVE_NULL);
        else {
            assert_int_equal(pli__partition_dir_text(type, pli__buf_str(&text), &dir_text, NULL), PLI_OK);
            pli__hive_escape(pli__buf_str(&dir_text), &folder);
        }
        pli__uri_encode(pli__buf_str(&folder), &path);
        if (!zoned || type->id == PLI__TYPE_TIMESTAMP_NTZ || is_null) { /* our folders are in UTC, whatever the zone */
            expect_text(&folder, text_of(v, "directory"));
            expect_text(&path, text_of(v, "path"));
        }
        pli__buf_reset(&text);
        pli__uri_decode(pli__buf_str(&path), &text);
        expect_text(&text, folder.ptr);
    }
    pli__type_unref(type);
    pli__buf_clear(&text);
    pli__buf_clear(&folder);
    pli__buf_clear(&path);
    pli__buf_clear(&dir_text);
}

static void test_delta_write_values__partition_values_have_three_encodings(void **state) {
    (void)state;
    json_t *set = vectors("partitionEncoding"), *v;
    size_t i;
    SKIP_WITHOUT(set);
    json_array_foreach(set, i, v) expect_partition(v);
    json_decref(set);
}

static void test_delta_write_values__floats_are_printed_as_java_does(void **state) {
    (void)state;
    static const struct {
        const char *engine, *log;
    } rows[] = {{"0.1", "0.1"},
                {"1e-07", "1.0E-7"},
                {"0.001", "0.001"},
                {"0.0009", "9.0E-4"},
                {"1e+22", "1.0E22"},
                {"12345678.9", "1.23456789E7"},
                {"1234567.8", "1234567.8"},
                {"9999999.0", "9999999.0"},
                {"10000000.0", "1.0E7"},
                {"-123.0", "-123.0"},
                {"-0.0", "0.0"},
                {"100.0", "100.0"}};
    const pli__type *t = pli__type_new(PLI__TYPE_F64);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        pli__buf out = {0};
        bool is_null;
        assert_int_equal(pli__partition_text(t, pli__str_of(rows[i].engine), &out, &is_null, NULL), PLI_OK);
        expect_text(&out, rows[i].log);
        pli__buf_clear(&out);
    }
    pli__type_unref(t);
}

static void test_delta_write_values__string_bounds_are_cut_soundly(void **state) {
    (void)state;
    json_t *set = vectors("stringBounds"), *v;
    size_t i;
    SKIP_WITHOUT(set);
    json_array_foreach(set, i, v) {
        pli__buf out = {0};
        const size_t length = (size_t)json_integer_value(json_object_get(v, "prefixLength"));
        const bool max = strcmp(text_of(v, "bound"), "max") == 0;
        const bool ok = max ? pli__stats_string_max(slice_of(v, "value"), length, &out)
                            : pli__stats_string_min(slice_of(v, "value"), length, &out);
        assert_int_equal(ok, text_of(v, "stored") != NULL);
        if (ok) expect_text(&out, text_of(v, "stored"));
        pli__buf_clear(&out);
    }
    json_decref(set);
}

static void test_delta_write_values__timestamps_in_statistics_are_cut_down(void **state) {
    (void)state;
    json_t *set = vectors("timestampStats"), *v;
    size_t i;
    SKIP_WITHOUT(set);
    json_array_foreach(set, i, v) {
        pli__buf a = {0}, b = {0};
        const int64_t us = json_integer_value(json_object_get(v, "micros"));
        assert_true(pli__stats_time(us, true, &a));
        assert_true(pli__stats_time(us, false, &b));
        expect_text(&a, text_of(v, "timestamp"));
        expect_text(&b, text_of(v, "timestamp_ntz"));
        pli__buf_clear(&a);
        pli__buf_clear(&b);
    }
    json_decref(set);
}

static size_t random_text(unsigned *seed, char *out, size_t points) {
    size_t n = 0;
    for (size_t i = 0; i < points; i++) {
        static const uint32_t edges[] = {'a', 0x7e, 0x7f, 0x80, 0x7ff, 0x800, 0xfffd, 0xffff, 0x10000, 0x10ffff};
        const uint32_t cp = edges[(*seed = *seed * 1103515245u + 12345u) / 65536u % 10];
        if (cp < 0x80) out[n++] = (char)cp;
        else if (cp < 0x800) out[n++] = (char)(0xc0 | cp >> 6), out[n++] = (char)(0x80 | (cp & 63));
        else if (cp < 0x10000)
            out[n++] = (char)(0xe0 | cp >> 12), out[n++] = (char)(0x80 | (cp >> 6 & 63)),
            out[n++] = (char)(0x80 | (cp & 63));
        else
            out[n++] = (char)(0xf0 | cp >> 18), out[n++] = (char)(0x80 | (cp >> 12 & 63)),
            out[n++] = (char)(0x80 | (cp >> 6 & 63)), out[n++] = (char)(0x80 | (cp & 63));
    }
    return n;
}

static void test_delta_write_values__bounds_hold_for_random_texts(void **state) {
    (void)state;
    unsigned seed = 7;
    for (int i = 0; i < 20000; i++) {
        char text[400];
        const size_t points = (seed = seed * 1103515245u + 12345u) / 65536u % 40;
        const pli__str s = {text, random_text(&seed, text, points)};
        const size_t prefix = 1 + seed / 65536u % 8;
        pli__buf low = {0}, high = {0};
        if (pli__stats_string_min(s, prefix, &low)) assert_true(pli__str_cmp(pli__buf_str(&low), s) <= 0);
        if (pli__stats_string_max(s, prefix, &high)) assert_true(pli__str_cmp(pli__buf_str(&high), s) >= 0);
        if (low.ptr) assert_true(pli__str_is_utf8(pli__buf_str(&low)));
        if (high.ptr) assert_true(pli__str_is_utf8(pli__buf_str(&high)));
        pli__buf_clear(&low);
        pli__buf_clear(&high);
    }
}

/* ---- actions ---- */

static void expect_line(const pli__action *a, const char *line) {
    pli__buf out = {0};
    assert_int_equal(pli__action_write(a, &out, NULL), PLI_OK);
    assert_string_equal(out.ptr, line);
    json_t *parsed = json_loads(out.ptr, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(parsed);
    json_decref(parsed);
    pli__buf_clear(&out);
}

static void test_delta_write_values__null_members_are_left_out_but_partition_nulls_are_not(void **state) {
    (void)state;
    const pli__kv kv[] = {{PLI_STR("p"), {0}}, {PLI_STR("q\""), PLI_STR("x\n")}};
    const pli__action a = {.kind = PLI__ACTION_ADD,
                           .add = {.path = PLI_STR("a%20b"),
                                   .n_partition_values = 2,
                                   .partition_values = kv,
                                   .size = 5,
                                   .modification_time = 6,
                                   .data_change = true,
                                   .stats = PLI_STR("{\"numRecords\":1}"),
                                   .base_row_id = -1,
                                   .default_row_commit_version = -1}};
    expect_line(
        &a,
        "{\"add\":{\"path\":\"a%20b\",\"partitionValues\":{\"p\":null,\"q\\\"\":\"x\\n\"},\"size\":5,\"modificationTime\":6,\"dataChange\":true,"
        "\"stats\":\"{\\\"numRecords\\\":1}\"}}\n");
}

static void test_delta_write_values__a_remove_keeps_vector_and_row_ids(void **state) {
    (void)state;
    const pli__action a = {.kind = PLI__ACTION_REMOVE,
                           .remove = {.path = PLI_STR("f"),
                                      .deletion_timestamp = 7,
                                      .data_change = false,
                                      .extended_file_metadata = true,
                                      .size = 9,
                                      .dv = {'u', PLI_STR("abc"), 1, 40, 6},
                                      .base_row_id = 0,
                                      .default_row_commit_version = 3}};
    expect_line(
        &a,
        "{\"remove\":{\"path\":\"f\",\"deletionTimestamp\":7,\"dataChange\":false,\"extendedFileMetadata\":true,\"partitionValues\":{},\"size\":9,"
        "\"deletionVector\":{\"storageType\":\"u\",\"pathOrInlineDv\":\"abc\",\"offset\":1,\"sizeInBytes\":40,\"cardinality\":6},"
        "\"baseRowId\":0,\"defaultRowCommitVersion\":3}}\n");
}

static void test_delta_write_values__unknown_members_of_metadata_are_kept(void **state) {
    (void)state;
    const pli__action a = {.kind = PLI__ACTION_METADATA,
                           .metadata = {.id = PLI_STR("i"),
                                        .format_provider = PLI_STR("parquet"),
                                        .schema_string = PLI_STR("{}"),
                                        .created_time = -1,
                                        .extra = PLI_STR("{\"new\":[1]}")}};
    expect_line(
        &a,
        "{\"metaData\":{\"id\":\"i\",\"format\":{\"provider\":\"parquet\",\"options\":{}},\"schemaString\":\"{}\",\"partitionColumns\":[],"
        "\"configuration\":{},\"new\":[1]}}\n");
}

/* ---- protocol ---- */

static void expect_protocol(const char *schema, const pli__kv *config, size_t n, const pli__protocol *base,
                            const char *line) {
    const pli__type *type = NULL;
    pli__arena arena = {0};
    pli__action a = {.kind = PLI__ACTION_PROTOCOL};
    const pli__metadata m = {.configuration = config, .n_configuration = n};
    bool changed;
    pli_error err = {0};
    if (pli__type_from_delta(pli__str_of(schema), &type, &err) != PLI_OK) fail_msg("%s", err.message);
    if (pli__protocol_derive(&m, type, base, &arena, &a.protocol, &changed, &err) != PLI_OK)
        fail_msg("%s", err.message);
    expect_line(&a, line);
    pli__type_unref(type);
    pli__arena_clear(&arena);
}

#define ONE(type, rest) "{\"type\":\"struct\",\"fields\":[{\"name\":\"a\",\"type\":\"" type "\"," rest "}]}"
#define LONG ONE("long", "\"nullable\":true,\"metadata\":{}")

static void test_delta_write_values__a_table_gets_exactly_the_features_it_uses(void **state) {
    (void)state;
    const pli__kv dv = {PLI_STR("delta.enableDeletionVectors"), PLI_STR("true")},
                  cdf = {PLI_STR("delta.enableChangeDataFeed"), PLI_STR("true")},
                  mapping = {PLI_STR("delta.columnMapping.mode"), PLI_STR("name")},
                  check = {PLI_STR("delta.constraints.c"), PLI_STR("a > 1")},
                  rows = {PLI_STR("delta.enableRowTracking"), PLI_STR("true")},
                  asked = {PLI_STR("delta.feature.vacuumProtocolCheck"), PLI_STR("supported")};
    const pli__kv both[] = {dv, cdf};
    expect_protocol(LONG, NULL, 0, NULL, "{\"protocol\":{\"minReaderVersion\":1,\"minWriterVersion\":2}}\n");
    expect_protocol(LONG, &check, 1, NULL, "{\"protocol\":{\"minReaderVersion\":1,\"minWriterVersion\":3}}\n");
    expect_protocol(LONG, &cdf, 1, NULL, "{\"protocol\":{\"minReaderVersion\":1,\"minWriterVersion\":4}}\n");
    expect_protocol(LONG, &mapping, 1, NULL, "{\"protocol\":{\"minReaderVersion\":2,\"minWriterVersion\":5}}\n");
    expect_protocol(
        LONG, &rows, 1, NULL,
        "{\"protocol\":{\"minReaderVersion\":1,\"minWriterVersion\":7,\"writerFeatures\":[\"rowTracking\",\"domainMetadata\"]}}\n");
    expect_protocol(
        LONG, &asked, 1, NULL,
        "{\"protocol\":{\"minReaderVersion\":3,\"minWriterVersion\":7,\"readerFeatures\":[\"vacuumProtocolCheck\"],\"writerFeatures\":[\"vacuumProtocolCheck\"]}}\n");
    expect_protocol(
        ONE("timestamp_ntz", "\"nullable\":true,\"metadata\":{}"), NULL, 0, NULL,
        "{\"protocol\":{\"minReaderVersion\":3,\"minWriterVersion\":7,\"readerFeatures\":[\"timestampNtz\"],\"writerFeatures\":[\"timestampNtz\"]}}\n");
    expect_protocol(
        ONE("timestamp_ntz", "\"nullable\":false,\"metadata\":{}"), NULL, 0, NULL,
        "{\"protocol\":{\"minReaderVersion\":3,\"minWriterVersion\":7,\"readerFeatures\":[\"timestampNtz\"],\"writerFeatures\":[\"invariants\",\"timestampNtz\"]}}\n");
    expect_protocol(
        LONG, both, 2, NULL,
        "{\"protocol\":{\"minReaderVersion\":3,\"minWriterVersion\":7,\"readerFeatures\":[\"deletionVectors\"],"
        "\"writerFeatures\":[\"deletionVectors\",\"changeDataFeed\"]}}\n");
}

static void test_delta_write_values__an_upgrade_lists_what_the_old_versions_implied(void **state) {
    (void)state;
    const pli__protocol old = {.min_reader = 1, .min_writer = 4};
    const pli__kv dv = {PLI_STR("delta.enableDeletionVectors"), PLI_STR("true")};
    expect_protocol(
        LONG, &dv, 1, &old,
        "{\"protocol\":{\"minReaderVersion\":3,\"minWriterVersion\":7,\"readerFeatures\":[\"deletionVectors\"],\"writerFeatures\":[\"deletionVectors\","
        "\"appendOnly\",\"invariants\",\"checkConstraints\",\"changeDataFeed\",\"generatedColumns\"]}}\n");
    expect_protocol(LONG, NULL, 0, &old, "{\"protocol\":{\"minReaderVersion\":1,\"minWriterVersion\":4}}\n");
}

static void test_delta_write_values__unknown_features_are_refused_by_name(void **state) {
    (void)state;
    const pli__kv unknown = {PLI_STR("delta.feature.magic"), PLI_STR("supported")};
    const pli__metadata m = {.configuration = &unknown, .n_configuration = 1};
    const pli__type *type = NULL;
    pli__arena arena = {0};
    pli__protocol p;
    bool changed;
    pli_error err = {0};
    assert_int_equal(pli__type_from_delta(PLI_STR(LONG), &type, NULL), PLI_OK);
    assert_int_equal(pli__protocol_derive(&m, type, NULL, &arena, &p, &changed, &err), PLI_E_UNSUPPORTED);
    assert_non_null(strstr(err.message, "'magic'"));
    pli__type_unref(type);
    pli__arena_clear(&arena);
}

/* ---- metadata ---- */

static void test_delta_write_values__mapped_columns_get_ids_at_every_level(void **state) {
    (void)state;
    pli_env *env = NULL;
    const pli__type *schema = NULL, *back = NULL;
    pli__arena arena = {0};
    pli__metadata m;
    const pli__kv mapping = {PLI_STR("delta.columnMapping.mode"), PLI_STR("name")};
    const pli__create_options options = {.n_properties = 1, .properties = &mapping};
    int64_t id;
    pli__buf name = {0};
    assert_int_equal(pli_env_new(NULL, &env, NULL), PLI_OK);
    assert_int_equal(
        pli__type_from_sql(
            PLI_STR("STRUCT(a INTEGER, s STRUCT(x INTEGER, l STRUCT(y INTEGER)[]), m MAP(VARCHAR, STRUCT(z INTEGER)))"),
            &schema, NULL),
        PLI_OK);
    assert_int_equal(pli__metadata_create(env, schema, &options, &arena, &m, NULL), PLI_OK);
    assert_int_equal(pli__type_from_delta(m.schema_string, &back, NULL), PLI_OK);
    const pli__type *s = back->fields[1].type;
    assert_true(pli__field_meta_i64(&s->fields[1].type->fields[0].type->fields[0], "delta.columnMapping.id", &id));
    assert_true(pli__field_meta_str(&back->fields[2].type->fields[1].type->fields[0],
                                    "delta.columnMapping.physicalName", &name));
    assert_memory_equal(name.ptr, "col-", 4);
    for (size_t i = 0; i < m.n_configuration; i++)
        if (pli__str_eqz(m.configuration[i].key, "delta.columnMapping.maxColumnId"))
            assert_true(pli__str_eqz(m.configuration[i].value, "7"));
    pli__buf_clear(&name);
    pli__type_unref(schema);
    pli__type_unref(back);
    pli__arena_clear(&arena);
    pli_env_free(env);
}

static void test_delta_write_values__names_that_differ_in_case_alone_are_refused(void **state) {
    (void)state;
    const pli__type *t = NULL;
    pli_error err = {0};
    assert_int_equal(pli__type_from_sql(PLI_STR("STRUCT(a STRUCT(\"Xy\" INTEGER, \"xY\" INTEGER))"), &t, NULL), PLI_OK);
    assert_int_equal(pli__schema_check_names(t, &err), PLI_E_SCHEMA);
    pli__type_unref(t);
}

/* ---- Spark's SQL ---- */

static void expect_sql(const char *spark, const char *ours) {
    pli__buf out = {0};
    pli_error err = {0};
    const pli_status s = pli__spark_sql(pli__str_of(spark), &out, &err);
    if (!ours) assert_int_equal(s, PLI_E_SQL);
    else {
        assert_int_equal(s, PLI_OK);
        expect_text(&out, ours);
    }
    pli__buf_clear(&out);
}

static void test_delta_write_values__spark_expressions_are_spelled_for_the_engine(void **state) {
    (void)state;
    expect_sql("`a b` > 1 AND c == \"x'y\"", "\"a b\" > 1 AND c = 'x''y'");
    expect_sql("CAST(a AS STRING) <=> `q``r`", "CAST(a AS VARCHAR)  IS NOT DISTINCT FROM  \"q`r\"");
    expect_sql("string > 'it\\'s'", "string > 'it''s'");
    expect_sql("CAST(at AS DATE) = to AND left(Order, 1) IN (right (x, 1))",
               "CAST(\"at\" AS DATE) = \"to\" AND left(\"Order\", 1) IN (right (x, 1))");
    expect_sql("a > 1; DROP TABLE x", NULL);
    expect_sql("(a > 1", NULL);
    expect_sql("a > 1)", NULL);
    expect_sql("a > 'open", NULL);
    expect_sql("a > 1 -- b", NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_delta_write_values__folders_are_escaped_as_in_hive),
        cmocka_unit_test(test_delta_write_values__partition_values_have_three_encodings),
        cmocka_unit_test(test_delta_write_values__floats_are_printed_as_java_does),
        cmocka_unit_test(test_delta_write_values__string_bounds_are_cut_soundly),
        cmocka_unit_test(test_delta_write_values__timestamps_in_statistics_are_cut_down),
        cmocka_unit_test(test_delta_write_values__bounds_hold_for_random_texts),
        cmocka_unit_test(test_delta_write_values__null_members_are_left_out_but_partition_nulls_are_not),
        cmocka_unit_test(test_delta_write_values__a_remove_keeps_vector_and_row_ids),
        cmocka_unit_test(test_delta_write_values__unknown_members_of_metadata_are_kept),
        cmocka_unit_test(test_delta_write_values__a_table_gets_exactly_the_features_it_uses),
        cmocka_unit_test(test_delta_write_values__an_upgrade_lists_what_the_old_versions_implied),
        cmocka_unit_test(test_delta_write_values__unknown_features_are_refused_by_name),
        cmocka_unit_test(test_delta_write_values__mapped_columns_get_ids_at_every_level),
        cmocka_unit_test(test_delta_write_values__names_that_differ_in_case_alone_are_refused),
        cmocka_unit_test(test_delta_write_values__spark_expressions_are_spelled_for_the_engine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
