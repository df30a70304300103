/* The reading half of the shared vectors (delta-vectors.json): partition values, paths, Z85, inline deletion vectors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
// cmocka wants the ones above
#include <cmocka.h>

#include "base/json.h"
#include "delta/dv.h"
#include "delta/partition.h"
#include "delta/path.h"
#include "port/fs.h"
#include "support/delta_fixtures.h"

static json_t *vectors; /* the file */

static int load(void **state) {
    PLI_AUTO(pli__buf_clear) pli__buf text = {0};
    char path[4200];
    (void)state;
    snprintf(path, sizeof path, "%s/spec/delta-vectors.json", fixtures_shared());
    if (pli__fs_read(path, 1 << 24, &text, NULL) != PLI_OK) return -1;
    return pli__json_parse(pli__buf_str(&text), path, &vectors, NULL) == PLI_OK ? 0 : -1;
}

static int unload(void **state) {
    (void)state;
    json_decref(vectors);
    return 0;
}

static json_t *set_named(const char *name) {
    size_t i;
    json_t *set;
    json_array_foreach(json_object_get(vectors, "sets"), i,
                       set) if (strcmp(json_string_value(json_object_get(set, "name")), name) ==
                                0) return json_object_get(set, "vectors");
    fail_msg("no set '%s'", name);
    return NULL;
}

static const char *text(const json_t *v, const char *key) { return json_string_value(json_object_get(v, key)); }

static void unhex(const char *hex, pli__buf *out) {
    for (; hex[0] && hex[1]; hex += 2) {
        const char pair[3] = {hex[0], hex[1], 0};
        pli__buf_addc(out, (char)strtol(pair, NULL, 16));
    }
}

/* The text as a value of the type: what a file with this partition value is read as. "NULL" for null. */
static void read_as(pli_env *env, const char *type_name, pli__str value, pli__buf *out) {
    PLI_AUTO(pli__type_auto) const pli__type *type = NULL;
    PLI_AUTO(pli__buf_clear) pli__buf quoted = {0};
    PLI_AUTO(pli__buf_clear) pli__buf list = {0};
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
    pli__buf_addf(&quoted, "\"%s\"", type_name);
    assert_int_equal(pli__type_from_delta(pli__buf_str(&quoted), &type, NULL), PLI_OK);
    const pli__kv kv = {PLI_STR("p"), value};
    const pli__field field = {.name = (char *)"p", .type = type, .nullable = true};
    const pli__mapped_column column = {.field = &field, .physical = (char *)"p", .is_partition = true};
    pli__str found;
    pli_error err = {0};
    assert_true(pli__partition_value(&kv, 1, &column, &found));
    if (pli__partition_check(&column, found, &err) != PLI_OK) fail_msg("%s", err.message);
    pli__buf_addz(&list, "CAST([");
    if (found.ptr) pli__buf_add_sql_str(&list, found);
    else pli__buf_addz(&list, "NULL");
    pli__buf_addz(&list, "] AS VARCHAR[])");
    pli__buf_addz(&sql, "SELECT coalesce(CAST((");
    pli__partition_sql_list(type, list.ptr, &sql);
    pli__buf_addz(&sql, ")[1] AS VARCHAR), 'NULL')");
    fixtures_text(env, sql.ptr, out);
}

/* The value of a vector as the engine prints it. */
static void expected_as(pli_env *env, const json_t *v, pli__buf *out) {
    PLI_AUTO(pli__type_auto) const pli__type *type = NULL;
    PLI_AUTO(pli__buf_clear) pli__buf quoted = {0};
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
    const char *value = text(v, "value");
    if (!value || !*value || strcmp(value, "hex:") == 0) {
        pli__buf_addz(out, "NULL");
        return;
    }
    pli__buf_addf(&quoted, "\"%s\"", text(v, "type"));
    assert_int_equal(pli__type_from_delta(pli__buf_str(&quoted), &type, NULL), PLI_OK);
    if (strncmp(value, "hex:", 4) == 0) {
        pli__buf_addf(&sql, "SELECT CAST(unhex('%s') AS VARCHAR)", value + 4);
    } else {
        pli__buf_addz(&sql, "SELECT CAST(CAST(");
        pli__buf_add_sql_str(&sql, pli__str_of(value));
        pli__buf_addz(&sql, " AS ");
        assert_int_equal(pli__type_to_sql(type, &sql, NULL), PLI_OK);
        pli__buf_addz(&sql, ") AS VARCHAR)");
    }
    fixtures_text(env, sql.ptr, out);
}

static void check_partition_value(pli_env *env, const json_t *v, pli__str written, const char *zone) {
    PLI_AUTO(pli__buf_clear) pli__buf actual = {0};
    PLI_AUTO(pli__buf_clear) pli__buf expected = {0};
    (void)zone;
    read_as(env, text(v, "type"), written, &actual);
    expected_as(env, v, &expected);
    if (strcmp(actual.ptr, expected.ptr) == 0) return;
    /* the sign of a zero may be lost on the way into the log */
    if (strcmp(expected.ptr, "-0.0") == 0 && strcmp(actual.ptr, "0.0") == 0) return;
    fail_msg("row %lld: '%.*s' is read as %s, not %s", (long long)json_integer_value(json_object_get(v, "row")),
             PLI_STR_ARG(written), actual.ptr, expected.ptr);
}

static bool has_nul(const json_t *v, const char *key) {
    const json_t *s = json_object_get(v, key);
    return json_is_string(s) && strlen(json_string_value(s)) != json_string_length(s);
}

static void test_partition_values__of_every_type_are_read_as_they_were_written(void **state) {
    size_t i, k;
    json_t *v, *also;
    (void)state;
    json_array_foreach(set_named("partitionEncoding"), i, v) {
        if (json_is_false(json_object_get(v, "valid")) || has_nul(v, "value")) continue;
        pli_env *env = fixtures_env(text(v, "zone"));
        check_partition_value(env, v, pli__str_of(text(v, "partitionValue")), text(v, "zone"));
        json_array_foreach(json_object_get(v, "alsoWritten"), k, also)
            check_partition_value(env, v, pli__str_of(json_string_value(also)), NULL);
        pli_env_free(env);
    }
}

static void test_paths__decoded_once_are_the_directories_on_disk(void **state) {
    size_t i;
    json_t *v;
    (void)state;
    json_array_foreach(set_named("partitionEncoding"), i, v) {
        PLI_AUTO(pli__buf_clear) pli__buf decoded = {0};
        if (!text(v, "path") || !text(v, "directory")) continue;
        pli__uri_decode(pli__str_of(text(v, "path")), &decoded);
        assert_string_equal(decoded.ptr, text(v, "directory"));
    }
}

static void test_partition_values__are_read_by_type_and_zone(void **state) {
    size_t i;
    json_t *v;
    (void)state;
    json_array_foreach(set_named("partitionRead"), i, v) {
        PLI_AUTO(pli__buf_clear) pli__buf actual = {0};
        PLI_AUTO(pli__buf_clear) pli__buf expected = {0};
        PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
        pli_env *env = fixtures_env(text(v, "zone"));
        const json_t *micros = json_object_get(v, "micros"), *days = json_object_get(v, "days");
        read_as(env, text(v, "type"), pli__str_of(text(v, "text")), &actual);
        if (micros)
            pli__buf_addf(&sql, "SELECT CAST(%s(%lld) AS VARCHAR)",
                          strcmp(text(v, "type"), "timestamp") == 0 ? "make_timestamptz" : "make_timestamp",
                          (long long)json_integer_value(micros));
        else if (days)
            pli__buf_addf(&sql, "SELECT CAST(DATE '1970-01-01' + CAST(%lld AS INTEGER) AS VARCHAR)",
                          (long long)json_integer_value(days));
        if (sql.len) fixtures_text(env, sql.ptr, &expected);
        else pli__buf_addz(&expected, text(v, "value") ? text(v, "value") : "NULL");
        assert_string_equal(actual.ptr, expected.ptr);
        pli_env_free(env);
    }
}

static void test_z85__encodes_and_decodes_the_vectors(void **state) {
    size_t i;
    json_t *v;
    (void)state;
    json_array_foreach(json_object_get(set_named("z85"), "bytes"), i, v) {
        PLI_AUTO(pli__buf_clear) pli__buf bytes = {0};
        PLI_AUTO(pli__buf_clear) pli__buf decoded = {0};
        PLI_AUTO(pli__buf_clear) pli__buf encoded = {0};
        unhex(text(v, "hex"), &bytes);
        assert_int_equal(pli__z85_decode(pli__str_of(text(v, "text")), &decoded, NULL), PLI_OK);
        assert_true(pli__str_eq(pli__buf_str(&bytes), pli__buf_str(&decoded)));
        pli__z85_encode(pli__buf_str(&bytes), &encoded);
        assert_string_equal(encoded.ptr, text(v, "text"));
    }
    json_array_foreach(json_object_get(set_named("z85"), "invalid"), i, v) {
        PLI_AUTO(pli__buf_clear) pli__buf decoded = {0};
        assert_int_equal(pli__z85_decode(pli__str_of(text(v, "text")), &decoded, NULL), PLI_E_CORRUPT);
    }
}

static void test_dv__names_its_file_by_uuid_and_prefix(void **state) {
    size_t i;
    json_t *v;
    (void)state;
    json_array_foreach(json_object_get(set_named("z85"), "files"), i, v) {
        PLI_AUTO(pli__buf_clear) pli__buf path = {0};
        const pli__dv dv = {.storage = 'u', .path = pli__str_of(text(v, "pathOrInlineDv"))};
        assert_int_equal(pli__dv_path("/t", &dv, &path, NULL), PLI_OK);
        assert_string_equal(path.ptr + 3, text(v, "path"));
    }
}

static void test_dv__reads_the_inline_vectors(void **state) {
    size_t i, k;
    json_t *v, *position;
    (void)state;
    json_array_foreach(json_object_get(set_named("z85"), "inline"), i, v) {
        PLI_AUTO(pli__rows_auto) pli__rows *rows = NULL;
        const pli__dv dv = {.storage = 'i',
                            .path = pli__str_of(text(v, "pathOrInlineDv")),
                            .offset = -1,
                            .size = json_integer_value(json_object_get(v, "sizeInBytes")),
                            .cardinality = json_integer_value(json_object_get(v, "cardinality"))};
        assert_int_equal(pli__dv_read("/t", &dv, &rows, NULL), PLI_OK);
        json_array_foreach(json_object_get(v, "positions"), k, position)
            assert_true(pli__rows_has(rows, (uint64_t)json_integer_value(position)));
        assert_int_equal(pli__rows_count(rows), json_array_size(json_object_get(v, "positions")));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_partition_values__of_every_type_are_read_as_they_were_written),
        cmocka_unit_test(test_paths__decoded_once_are_the_directories_on_disk),
        cmocka_unit_test(test_partition_values__are_read_by_type_and_zone),
        cmocka_unit_test(test_z85__encodes_and_decodes_the_vectors),
        cmocka_unit_test(test_dv__names_its_file_by_uuid_and_prefix),
        cmocka_unit_test(test_dv__reads_the_inline_vectors),
    };
    if (!fixtures_shared()) {
        fprintf(stderr, "skipped: the shared vectors are not there\n");
        return 0;
    }
    return cmocka_run_group_tests_name("delta_read_vectors", tests, load, unload);
}
