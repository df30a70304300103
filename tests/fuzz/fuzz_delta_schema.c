/*
 * Schemas: whatever table a schema JSON describes, the SQL that reads it is whole: quotes and brackets are closed, every
 * column is asked for once and comes out once under its logical name. The input is the schemaString; the first byte chooses
 * the mode of column mapping.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "delta/mapping.h"
#include "delta/relation.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool ok, const char *what, const char *sql) {
    if (ok) return;
    fprintf(stderr, "fuzz_delta_schema: %s\n%s\n", what, sql ? sql : "");
    abort();
}

/* Brackets outside of quotes balance, and every quote is closed. Counts "AS" of columns at the top. */
static bool is_whole(const char *sql, size_t len, size_t *columns) {
    long depth = 0;
    char quote = 0;
    *columns = 0;
    for (size_t i = 0; i < len; i++) {
        const char c = sql[i];
        if (!c) return false;
        if (quote) {
            if (c == quote) {
                if (i + 1 < len && sql[i + 1] == quote) i++;
                else quote = 0;
            }
            continue;
        }
        if (c == '\'' || c == '"') quote = c;
        if (c == '(' || c == '[' || c == '{') depth++;
        if (c == ')' || c == ']' || c == '}') depth--;
        if (depth < 0) return false;
        if (depth == 0 && i + 4 < len && memcmp(sql + i, " AS \"", 5) == 0) ++*columns;
    }
    return depth == 0 && !quote;
}

/* Columns of a file that has some of a struct's fields, under other names where ids lead to them, and times without a zone. */
static pli__file_column file_column(pli__arena *a, const pli__field *f, unsigned bits) {
    pli__file_column c = {.name = pli__arena_str(a, pli__str_of(bits & 2 ? "o'ther" : f->name)),
                          .field_id = -1,
                          .is_naive_time = bits & 4};
    const pli__type *t = f->type;
    (void)pli__field_meta_i64(f, "delta.columnMapping.id", &c.field_id);
    c.children = t->n_fields ? pli__arena_calloc(a, t->n_fields, sizeof *c.children) : NULL;
    for (size_t i = 0; c.children && i < t->n_fields; i++)
        if (t->id != PLI__TYPE_STRUCT || !(bits & 1) || i % 2) c.children[c.n++] = file_column(a, &t->fields[i], bits);
    return c;
}

static void check_sql(const pli__mapping *m, const pli__read_shape *shape, const char *extra) {
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
    size_t columns;
    pli__mapping_sql_schema(m, extra, shape, &sql);
    for (size_t i = 0; i < m->n; i++) {
        if (m->columns[i].is_partition || m->columns[i].is_void) continue;
        pli__buf_addz(&sql, ", ");
        pli__mapping_sql_column(m, i, shape, &sql);
    }
    expect(!sql.failed && is_whole(sql.ptr, sql.len, &columns), "the schema to read with is broken", sql.ptr);
}

static void check_shape(const pli__mapping *m, unsigned bits) {
    PLI_AUTO(pli__arena_clear) pli__arena arena = {0};
    PLI_AUTO(pli__read_shape_auto) pli__read_shape *shape = NULL;
    const pli__field all = {.name = (char *)"root", .type = m->schema};
    const pli__file_column root = file_column(&arena, &all, bits);
    const pli__calendar old = {
        .days = true, .int96 = bits & 32, .zone = "it's", .zone_known = bits & 64, .local_mean_time = true};
    if (pli__mapping_shape(m, &root, bits & 8, bits & 16 ? &old : NULL, &shape, NULL) == PLI_OK)
        check_sql(m, shape, bits & 8 ? "x'" : NULL);
}

static void check(pli__snapshot *s, pli__delta *t, unsigned bits) {
    PLI_AUTO(pli__mapping_auto) pli__mapping *m = NULL;
    PLI_AUTO(pli__file_relation_auto) pli__file_relation *r = NULL;
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
    size_t columns;
    if (pli__mapping_open(s, &m, NULL) != PLI_OK || !m->n) return;
    check_sql(m, NULL, NULL);
    check_shape(m, bits);
    if (pli__mapping_needs_look(m, "UTC")) return; /* there are no files to look at */
    const pli__kv values[] = {{PLI_STR("p"), PLI_STR("it's")}};
    if (pli__file_relation_new(t, m, NULL, &r, NULL) != PLI_OK) return;
    const pli__file_relation_file file = {.log_path = PLI_STR("a'b\".parquet"), .n_values = 1, .values = values};
    if (pli__file_relation_add(r, &file, NULL) != PLI_OK) return;
    if (pli__file_relation_sql(r, &sql, NULL) != PLI_OK) return;
    expect(is_whole(sql.ptr, sql.len, &columns), "the SQL is broken", sql.ptr);
    expect(columns == m->n, "not every column comes out once", sql.ptr);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const modes[] = {"none", "name", "id"};
    pli_env *env = NULL;
    pli__store *store = NULL;
    PLI_AUTO(pli__buf_clear) pli__buf commit = {0};
    if (size < 2) return 0;
    if (pli_env_new(NULL, &env, NULL) != PLI_OK || pli__store_memory_new(&store, NULL) != PLI_OK) abort();
    pli__buf_addz(
        &commit,
        "{\"protocol\":{\"minReaderVersion\":2,\"minWriterVersion\":5}}\n{\"metaData\":{\"id\":\"t\",\"schemaString\":");
    pli__buf_add_json(&commit, (pli__str){(const char *)data + 1, size - 1});
    pli__buf_addf(&commit, ",\"partitionColumns\":%s,\"configuration\":{\"delta.columnMapping.mode\":\"%s\"}}}\n",
                  data[0] & 4 ? "[\"p\"]" : "[]", modes[data[0] % 3]);
    pli__store_replace(store, "00000000000000000000.json", pli__buf_str(&commit), 0, NULL);
    pli__delta *t = NULL;
    pli__snapshot *s = NULL;
    if (pli__delta_open_store(env, "/t", store, &t, NULL) != PLI_OK) abort();
    if (pli__snapshot_open(t, PLI__LATEST, NULL, &s, NULL) == PLI_OK) check(s, t, data[0] >> 3);
    pli__snapshot_unref(s);
    pli__delta_free(t);
    pli_env_free(env);
    return 0;
}
