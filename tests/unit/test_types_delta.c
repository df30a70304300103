/* Delta's schema JSON: round trips, metadata kept byte for byte, real schemas of other writers, broken ones. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cmocka.h>
#include <jansson.h>

#include "types/type.h"

static const pli__type *parse(pli__str text) {
    const pli__type *t = NULL;
    pli_error err = {0};
    if (pli__type_from_delta(text, &t, &err) != PLI_OK) fail_msg("%.*s: %s", (int)text.len, text.ptr, err.message);
    return t;
}

static void expect_same(const char *text) {
    const pli__type *t = parse(pli__str_of(text));
    pli__buf out = {0};
    assert_int_equal(pli__type_to_delta(t, &out, NULL), PLI_OK);
    assert_string_equal(out.ptr, text);
    pli__buf_clear(&out);
    pli__type_unref(t);
}

static void expect_error(const char *text, pli_status code, const char *part) {
    const pli__type *t = NULL;
    pli_error err = {0};
    assert_int_equal(pli__type_from_delta(pli__str_of(text), &t, &err), code);
    assert_null(t);
    if (!strstr(err.message, part)) fail_msg("'%s' does not say '%s'", err.message, part);
}

#define FIELD(name, type, rest) "{\"name\":\"" name "\",\"type\":" type "," rest "}"
#define STRUCT(fields) "{\"type\":\"struct\",\"fields\":[" fields "]}"
#define PLAIN "\"nullable\":true,\"metadata\":{}"

static void test_types_delta__canonical_text_is_printed_alike(void **state) {
    (void)state;
    static const char *const texts[] = {
        "\"long\"",
        "\"void\"",
        "\"variant\"",
        "\"timestamp\"",
        "\"timestamp_ntz\"",
        "\"decimal(38,18)\"",
        STRUCT(""),
        STRUCT(FIELD("a", "\"long\"", PLAIN)),
        STRUCT(FIELD("a", "\"byte\"", "\"nullable\":false,\"metadata\":{}") "," FIELD("b", "\"short\"", PLAIN)),
        STRUCT(FIELD("l", "{\"type\":\"array\",\"elementType\":\"string\",\"containsNull\":false}", PLAIN)),
        STRUCT(FIELD(
            "m",
            "{\"type\":\"map\",\"keyType\":\"string\",\"valueType\":{\"type\":\"array\",\"elementType\":\"date\",\"containsNull\":true},\"valueContainsNull\":false}",
            PLAIN)),
        STRUCT(
            FIELD("s", STRUCT(FIELD("x", "\"binary\"", "\"nullable\":false,\"metadata\":{\"comment\":\"c\"}")), PLAIN)),
        STRUCT(FIELD("a\\\"b\\\\c \xC3\xA9", "\"float\"", PLAIN))};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) expect_same(texts[i]);
}

static void test_types_delta__metadata_is_kept_byte_for_byte(void **state) {
    (void)state;
    expect_same(STRUCT(FIELD(
        "a", "\"long\"",
        "\"nullable\":true,\"metadata\":{ \"z\" : 1.500, \"big\":123456789012345678901234567890,\n\"e\":1E+2,\"u\":\"\\u00e9\\/\", "
        "\"z\":[ null , {} ],\"__CHAR_VARCHAR_TYPE_STRING\":\"varchar(3)\"}")));
}

static void test_types_delta__the_order_of_members_and_unknown_ones_do_not_matter(void **state) {
    (void)state;
    const pli__type *a = parse(PLI_STR(
        " { \"fields\" : [ { \"metadata\" : {} , \"x\" : [1,{\"type\":\"no\"}], \"nullable\" : true , \"type\" : \"long\" , \"name\" : \"a\" } ] , \"y\": null, \"type\" : \"struct\" } "));
    const pli__type *b = parse(PLI_STR(STRUCT(FIELD("a", "\"long\"", PLAIN))));
    assert_true(pli__type_equal(a, b, true));
    pli__type_unref(a);
    pli__type_unref(b);
}

static void test_types_delta__absent_flags_mean_null_is_allowed(void **state) {
    (void)state;
    const pli__type *t = parse(PLI_STR(
        "{\"type\":\"struct\",\"fields\":[{\"name\":\"a\",\"type\":{\"type\":\"array\",\"elementType\":\"long\"}}]}"));
    assert_true(t->fields[0].nullable);
    assert_true(t->fields[0].type->fields[0].nullable);
    assert_null(t->fields[0].metadata);
    pli__type_unref(t);
}

static void test_types_delta__bare_names_need_no_quotes(void **state) {
    (void)state;
    const pli__type *t = parse(PLI_STR("decimal(10, 2)"));
    assert_int_equal(t->precision, 10);
    assert_int_equal(t->scale, 2);
    pli__type_unref(t);
    t = parse(PLI_STR("decimal"));
    assert_int_equal(t->precision, 10);
    assert_int_equal(t->scale, 0);
    pli__type_unref(t);
}

static void test_types_delta__unknown_types_are_kept_by_name_but_not_written(void **state) {
    (void)state;
    static const char *const texts[] = {"\"geometry(OGC:CRS84)\"",
                                        "\"interval day to second\"",
                                        "{\"type\":\"udt\",\"class\":\"X\",\"sqlType\":\"long\"}",
                                        "\"decimal(39,0)\"",
                                        "\"decimal(3,4)\"",
                                        "null"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        const pli__type *t = parse(pli__str_of(texts[i]));
        pli__buf out = {0};
        pli_error err = {0};
        assert_int_equal(t->id, PLI__TYPE_OTHER);
        assert_int_equal(pli__type_to_delta(t, &out, &err), PLI_E_SCHEMA);
        pli__buf_clear(&out);
        pli__type_unref(t);
    }
}

static void test_types_delta__types_that_delta_lacks_are_refused_with_their_field(void **state) {
    (void)state;
    static const char *const texts[] = {"UINTEGER",     "TIME",      "INTERVAL", "UUID",   "INTEGER[3]",
                                        "TIMESTAMP_NS", "ENUM('a')", "JSON",     "HUGEINT"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        const pli__type *t = NULL;
        pli__type_builder b = {0};
        pli__buf out = {0};
        pli_error err = {0};
        assert_int_equal(pli__type_from_sql(pli__str_of(texts[i]), &t, &err), PLI_OK);
        pli__type_builder_add(&b, PLI_STR("the_column"), t, true, NULL);
        t = pli__type_builder_finish(&b);
        assert_int_equal(pli__type_to_delta(t, &out, &err), PLI_E_SCHEMA);
        assert_non_null(strstr(err.message, "the_column"));
        assert_non_null(strstr(err.message, texts[i]));
        pli__buf_clear(&out);
        pli__type_unref(t);
    }
}

static void test_types_delta__broken_schemas_are_named_errors(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"", "schema"},
        {"{", "schema"},
        {"{}", "'type' is missing"},
        {"[]", "string or an object"},
        {"7", "string or an object"},
        {"\"\"", "empty"},
        {"{\"type\":7}", "string is missing"},
        {"{\"type\":\"struct\"}", "'fields' is missing"},
        {"{\"type\":\"struct\",\"fields\":{}}", "not an array"},
        {"{\"type\":\"struct\",\"fields\":[7]}", "not an object"},
        {"{\"type\":\"struct\",\"fields\":[{}]}", "'name' is missing"},
        {"{\"type\":\"struct\",\"fields\":[{\"name\":\"a\"}]}", "'type' is missing"},
        {"{\"type\":\"struct\",\"fields\":[{\"name\":7,\"type\":\"long\"}]}", "string is missing"},
        {STRUCT(FIELD("col", "\"long\"", "\"nullable\":7")), "field col"},
        {STRUCT(FIELD("col", "\"long\"", "\"metadata\":[]")), "not an object"},
        {STRUCT(FIELD("col", "null", PLAIN)), "string or an object"},
        {"{\"type\":\"array\"}", "'elementType' is missing"},
        {"{\"type\":\"map\",\"keyType\":\"long\"}", "'valueType' is missing"},
        {STRUCT(FIELD("a", STRUCT(FIELD("b", "{\"type\":\"array\",\"elementType\":{}}", PLAIN)), PLAIN)),
         "field a.b.element"},
        {STRUCT("") " x", "schema"},
        {STRUCT(FIELD("a\\u0000b", "\"long\"", PLAIN)), "zero byte"},
        {STRUCT(FIELD("a\\ud800b", "\"long\"", PLAIN)), "schema"},
        {"{\"type\":\"struct\",\"fields\":[}", "schema"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) expect_error(cases[i][0], PLI_E_CORRUPT, cases[i][1]);
}

static void test_types_delta__nesting_is_limited(void **state) {
    (void)state;
    static const int depths[] = {PLI__TYPE_MAX_DEPTH - 1, 5000};
    for (int k = 0; k < 2; k++) {
        pli__buf b = {0};
        for (int i = 0; i < depths[k]; i++)
            pli__buf_addz(&b, "{\"type\":\"array\",\"containsNull\":true,\"elementType\":");
        pli__buf_addz(&b, "\"long\"");
        for (int i = 0; i < depths[k]; i++) pli__buf_addz(&b, "}");
        if (k == 0) pli__type_unref(parse(pli__buf_str(&b)));
        else expect_error(b.ptr, PLI_E_LIMIT, "deep");
        pli__buf_clear(&b);
    }
}

static void test_types_delta__metadata_of_fields_can_be_asked_for(void **state) {
    (void)state;
    const pli__type *t = parse(PLI_STR(STRUCT(
        FIELD("a", "\"long\"", "\"nullable\":true,\"metadata\":{\"delta.columnMapping.id\":7,\"delta.columnMapping.physicalName\":\"col-1\",\"f\":1.5}") "," FIELD(
            "b", "\"long\"", PLAIN))));
    pli__buf out = {0};
    int64_t id = 0;
    assert_true(pli__field_meta_str(&t->fields[0], "delta.columnMapping.physicalName", &out));
    assert_string_equal(out.ptr, "col-1");
    assert_true(pli__field_meta_i64(&t->fields[0], "delta.columnMapping.id", &id));
    assert_int_equal(id, 7);
    assert_false(pli__field_meta_i64(&t->fields[0], "f", &id));
    assert_false(pli__field_meta_str(&t->fields[0], "delta.columnMapping.id", &out));
    assert_false(pli__field_meta_str(&t->fields[1], "delta.columnMapping.id", &out));
    assert_false(pli__field_meta_i64(&t->fields[1], "x", &id));
    pli__buf_clear(&out);
    pli__type_unref(t);
}

/* ---- schemas that other writers wrote ---- */

static int check_schemas_of(const char *path) {
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t cap = 0;
    int found = 0;
    if (!file) return 0;
    while (getline(&line, &cap, file) > 0) {
        json_t *action = json_loads(line, 0, NULL);
        const char *schema = json_string_value(json_object_get(json_object_get(action, "metaData"), "schemaString"));
        if (schema) {
            const pli__type *t = parse(pli__str_of(schema));
            pli__buf out = {0};
            pli_error err = {0};
            pli_status status = pli__type_to_delta(t, &out, &err);
            if (status == PLI_OK) {
                json_t *a = json_loads(schema, 0, NULL), *b = json_loads(out.ptr, 0, NULL);
                if (!json_equal(a, b)) fail_msg("%s: %s became %s", path, schema, out.ptr);
                json_decref(a);
                json_decref(b);
            } else {
                assert_int_equal(status, PLI_E_SCHEMA);
                print_message("%s: %s\n", path, err.message);
            }
            pli__buf_clear(&out);
            pli__type_unref(t);
            found++;
        }
        json_decref(action);
    }
    free(line);
    fclose(file);
    return found;
}

static int check_folder(const char *folder) {
    DIR *dir = opendir(folder);
    int found = 0;
    if (!dir) return 0;
    for (struct dirent *e = readdir(dir); e; e = readdir(dir)) {
        if (e->d_name[0] == '.') continue;
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        struct stat st;
        if (lstat(path, &st) != 0) continue;
        const size_t n = strlen(e->d_name);
        if (S_ISDIR(st.st_mode)) found += check_folder(path);
        else if (n > 5 && strcmp(e->d_name + n - 5, ".json") == 0 && strstr(folder, "_delta_log"))
            found += check_schemas_of(path);
    }
    closedir(dir);
    return found;
}

static void test_types_delta__schemas_of_other_writers_survive(void **state) {
    (void)state;
    const char *shared = getenv("PLI_SHARED");
    char folder[4096];
    snprintf(folder, sizeof folder, "%s/fixtures/delta", shared ? shared : PLI_TEST_SOURCE_DIR "/../../shared");
    const int found = check_folder(folder);
    if (found == 0) {
        print_message("no fixtures at %s: skipped\n", folder);
        skip();
    }
    print_message("%d schemas\n", found);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types_delta__canonical_text_is_printed_alike),
        cmocka_unit_test(test_types_delta__metadata_is_kept_byte_for_byte),
        cmocka_unit_test(test_types_delta__the_order_of_members_and_unknown_ones_do_not_matter),
        cmocka_unit_test(test_types_delta__absent_flags_mean_null_is_allowed),
        cmocka_unit_test(test_types_delta__bare_names_need_no_quotes),
        cmocka_unit_test(test_types_delta__unknown_types_are_kept_by_name_but_not_written),
        cmocka_unit_test(test_types_delta__types_that_delta_lacks_are_refused_with_their_field),
        cmocka_unit_test(test_types_delta__broken_schemas_are_named_errors),
        cmocka_unit_test(test_types_delta__nesting_is_limited),
        cmocka_unit_test(test_types_delta__metadata_of_fields_can_be_asked_for),
        cmocka_unit_test(test_types_delta__schemas_of_other_writers_survive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
