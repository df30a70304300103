/*
 * Formats, as cases in files: tests/cases/formats/<format>.json, each a list of
 *   {"name", "format", "options", "corrupt", "known", "ntz", "all_text", "partition_columns",
 *    "files": {"a.csv": "text" | {"hex": "…"} | {"sql": "COPY …; $FILE is the path"}},
 *    "types": ["STRUCT(…)" per part], "rows": [[text or null …] …], "error": "CODE", "says": ["part of the message" …]}
 * Rows are compared as sorted texts over all parts: the columns, then the raw corrupt record where the part has one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/json.h"
#include "port/fs.h"
#include "source/format.h"
#include "support/temp_dir.h"

typedef struct fixture {
    pli_env *env;
    json_t *cases;
    int wrong; /* cases go on after one that is */
} fixture;

static void wrong(fixture *f, const json_t *c, const char *is, const char *wanted) {
    print_error("%s: got\n%s\ninstead of\n%s\n", json_string_value(json_object_get(c, "name")), is, wanted);
    f->wrong++;
}

static char *text_of(const char *fmt, const char *a, const char *b) {
    pli__buf t = {0};
    for (const char *p = fmt; *p; p++) {
        if (*p == '%') pli__buf_addz(&t, *++p == '1' ? a : b);
        else pli__buf_addc(&t, *p);
    }
    return pli__buf_take(&t);
}

/* ---- inputs ---- */

static void write_hex(const char *path, const char *hex) {
    pli__buf bytes = {0};
    for (; hex[0] && hex[1]; hex += 2) {
        char two[3] = {hex[0], hex[1], 0};
        pli__buf_addc(&bytes, (char)strtoul(two, NULL, 16));
    }
    assert_int_equal(pli__fs_publish(path, pli__buf_str(&bytes), PLI__PUBLISH_REPLACE | PLI__PUBLISH_RELAXED, NULL),
                     PLI_OK);
    pli__buf_clear(&bytes);
}

static void run_sql(pli_env *env, const char *sql, const char *path, const char *format) {
    pli__engine *e = NULL;
    pli_error err = {0};
    assert_int_equal(pli__env_engine(env, &e, &err), PLI_OK);
    if (strcmp(format, "excel") == 0 || strcmp(format, "avro") == 0)
        assert_int_equal(pli__engine_load_extension(e, format, &err), PLI_OK);
    pli__buf text = {0};
    for (const char *p = sql; *p; p++) {
        if (strncmp(p, "$FILE", 5) == 0) {
            pli__buf_addz(&text, path);
            p += 4;
        } else pli__buf_addc(&text, *p);
    }
    if (pli__engine_exec(e, text.ptr, NULL, &err) != PLI_OK) fail_msg("%s: %s", text.ptr, err.message);
    pli__buf_clear(&text);
}

static pli__input_file *write_files(pli_env *env, const json_t *c, const char *dir, size_t *n) {
    json_t *files = json_object_get(c, "files"), *content;
    const char *name;
    pli__input_file *list = calloc(json_object_size(files) + 1, sizeof *list);
    *n = 0;
    json_object_foreach(files, name, content) {
        char *path = text_of("%1/%2", dir, name), *folder = pli__path_dir(path);
        assert_int_equal(pli__fs_mkdirs(folder, NULL), PLI_OK);
        const char *text = json_string_value(content), *hex = json_string_value(json_object_get(content, "hex")),
                   *sql = json_string_value(json_object_get(content, "sql"));
        const pli__str data = {text, json_string_length(content)};
        if (text)
            assert_int_equal(pli__fs_publish(path, data, PLI__PUBLISH_REPLACE | PLI__PUBLISH_RELAXED, NULL), PLI_OK);
        if (hex) write_hex(path, hex);
        if (sql) run_sql(env, sql, path, json_string_value(json_object_get(c, "format")));
        list[(*n)++].path = path;
        free(folder);
    }
    return list;
}

/* ---- rows ---- */

static void add_row(json_t *rows, const pli__chunk *c, size_t row) {
    pli__buf line = {0};
    for (size_t k = 0; k < c->n_columns; k++) {
        if (k) pli__buf_addc(&line, '|');
        if (pli__chunk_is_null(c, k, row)) pli__buf_addz(&line, "<null>");
        else pli__buf_adds(&line, pli__chunk_str(c, k, row));
    }
    json_array_append_new(rows, json_stringn(line.ptr ? line.ptr : "", line.len));
    pli__buf_clear(&line);
}

static pli_status part_rows(pli_env *env, const pli__part *part, json_t *rows, pli_error *err) {
    pli__engine *e = NULL;
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
    PLI_AUTO(pli__result_auto) pli__result *r = NULL;
    pli__chunk c;
    PLI_TRY(pli__env_engine(env, &e, err));
    pli__buf_addz(&sql, "SELECT CAST(COLUMNS(* EXCLUDE (_pli_path");
    if (part->has_line) pli__buf_addz(&sql, ", _pli_line");
    pli__buf_addf(&sql, ")) AS VARCHAR) FROM (%s)", part->sql);
    PLI_TRY(pli__engine_query(e, sql.ptr, &r, err));
    for (;;) {
        PLI_TRY(pli__result_next(r, &c, err));
        if (!c.rows) return PLI_OK;
        for (size_t i = 0; i < c.rows; i++) add_row(rows, &c, i);
    }
}

static int by_text(const void *a, const void *b) {
    return strcmp(json_string_value(*(json_t *const *)a), json_string_value(*(json_t *const *)b));
}

static char *sorted(const json_t *rows) {
    size_t n = json_array_size(rows);
    const json_t **list = calloc(n + 1, sizeof *list);
    pli__buf text = {0};
    for (size_t i = 0; i < n; i++) list[i] = json_array_get(rows, i);
    qsort(list, n, sizeof *list, by_text);
    for (size_t i = 0; i < n; i++) pli__buf_addf(&text, "%s\n", json_string_value(list[i]));
    free(list);
    char *out = pli__buf_take(&text);
    return out ? out : pli__strz_dup("");
}

static json_t *expected_rows(const json_t *rows) {
    json_t *list = json_array(), *row, *value;
    size_t i, k;
    json_array_foreach(rows, i, row) {
        pli__buf line = {0};
        json_array_foreach(row, k, value) {
            if (k) pli__buf_addc(&line, '|');
            pli__buf_addz(&line, json_is_null(value) ? "<null>" : json_string_value(value));
        }
        json_array_append_new(list, json_stringn(line.ptr ? line.ptr : "", line.len));
        pli__buf_clear(&line);
    }
    return list;
}

/* ---- a case ---- */

static void check_types(fixture *f, const json_t *c, const pli__relation *r) {
    const json_t *types = json_object_get(c, "types");
    if (!types) return;
    if (r->n_parts != json_array_size(types)) wrong(f, c, "another number of parts", "the types given");
    for (size_t i = 0; i < r->n_parts && i < json_array_size(types); i++) {
        pli__buf text = {0};
        const char *type = json_string_value(json_array_get(types, i));
        assert_int_equal(pli__type_to_sql(r->parts[i].schema, &text, NULL), PLI_OK);
        if (strcmp(text.ptr, type) != 0) wrong(f, c, text.ptr, type);
        pli__buf_clear(&text);
    }
}

static void check_error(fixture *f, const json_t *c, pli_status status, const pli_error *err) {
    const char *code = json_string_value(json_object_get(c, "error"));
    size_t i;
    json_t *part;
    if (strcmp(pli_status_name(status), code ? code : "OK") != 0)
        wrong(f, c, status ? err->message : "no error", code ? code : "no error");
    if (!code) return;
    json_array_foreach(json_object_get(c, "says"), i, part) if (!strstr(err->message, json_string_value(part)))
        wrong(f, c, err->message, json_string_value(part));
}

static pli_status read_case(fixture *f, const json_t *c, const char *dir, json_t *rows, pli_error *err) {
    size_t n = 0;
    pli__input_file *files = write_files(f->env, c, dir, &n);
    const char *name = json_string_value(json_object_get(c, "format")),
               *known = json_string_value(json_object_get(c, "known")),
               *corrupt = json_string_value(json_object_get(c, "corrupt"));
    const json_t *partition = json_object_get(c, "partition_columns");
    const char *columns[8] = {0};
    for (size_t i = 0; i < json_array_size(partition) && i < 8; i++)
        columns[i] = json_string_value(json_array_get(partition, i));
    pli__format_options options = {.options = json_object_get(c, "options"),
                                   .all_text = json_is_true(json_object_get(c, "all_text")),
                                   .ntz = json_is_true(json_object_get(c, "ntz"))};
    if (corrupt) options.corrupt = strcmp(corrupt, "column") == 0 ? PLI__CORRUPT_COLUMN : PLI__CORRUPT_SKIP;
    pli__read read = {.env = f->env,
                      .options = &options,
                      .n_partition_columns = json_array_size(partition),
                      .partition_columns = columns,
                      .root = dir};
    if (known) assert_int_equal(pli__type_from_sql(pli__str_of(known), &read.known, NULL), PLI_OK);
    pli__relation *r = NULL;
    const pli__format *format = strcmp(name, "auto") == 0 ? NULL : pli__format_of_name(name);
    pli_status status = pli__format_check_options(format, options.options, err);
    if (status == PLI_OK) status = pli__format_read(&read, format, n, files, &r, err);
    if (status == PLI_OK && !json_object_get(c, "error")) check_types(f, c, r);
    for (size_t i = 0; status == PLI_OK && i < r->n_parts; i++) status = part_rows(f->env, &r->parts[i], rows, err);
    pli__relation_free(r);
    pli__type_unref(read.known);
    for (size_t i = 0; i < n; i++) free(files[i].path);
    free(files);
    return status;
}

static void run_case(fixture *f, const json_t *c) {
    void *temp = NULL;
    assert_int_equal(temp_dir_setup(&temp), 0);
    const char *dir = temp_dir(temp);
    json_t *rows = json_array();
    pli_error err = {0};
    pli_status status = read_case(f, c, dir, rows, &err);
    check_error(f, c, status, &err);
    const json_t *expected = json_object_get(c, "rows");
    if (expected) {
        json_t *want = expected_rows(expected);
        char *a = sorted(rows), *b = sorted(want);
        if (strcmp(a, b) != 0) wrong(f, c, a, b);
        free(a);
        free(b);
        json_decref(want);
    }
    json_decref(rows);
    temp_dir_teardown(&temp);
}

/* One test per file of cases; the case that fails is named. */
static void test_format_cases__files_give_the_rows_written_down(void **state) {
    static const char *const names[] = {"csv", "ndjson", "json", "parquet", "avro", "excel", "text", "binary", "auto"};
    fixture f = {0};
    pli_env_options options = {.size = sizeof options, .threads = 2};
    (void)state;
    assert_int_equal(pli_env_new(&options, &f.env, NULL), PLI_OK);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *path = text_of(PLI_TEST_SOURCE_DIR "/cases/formats/%1.json", names[i], "");
        pli__buf text = {0};
        pli_error err = {0};
        assert_int_equal(pli__fs_read(path, (size_t)1 << 20, &text, NULL), PLI_OK);
        if (pli__json_parse(pli__buf_str(&text), path, &f.cases, &err) != PLI_OK) fail_msg("%s", err.message);
        size_t k;
        json_t *c;
        json_array_foreach(f.cases, k, c) { run_case(&f, c); }
        json_decref(f.cases);
        pli__buf_clear(&text);
        free(path);
    }
    pli_env_free(f.env);
    assert_int_equal(f.wrong, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_format_cases__files_give_the_rows_written_down)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
