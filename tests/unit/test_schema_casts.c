/*
 * The casts: docs/reference/casts.md is what the planner says, and tests/cases/cast_rows.ndjson what SQL makes of hard values of
 * every pair of types, for the other renderer (python/test_cast_rows.py); `test_schema_casts --write` writes both. Single values
 * become what tests/cases/casts.tsv says, and for every pair of types row and rescued data hold every value.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "schema/cast.h"
#include "support/schema_kit.h"

/* Every simple type with values that are hard: SQL texts, separated by blanks where commas would not do. */
static const struct {
    const char *type;
    const char *values; /* SQL list */
} types[] = {
    {"BOOLEAN", "true, false"},
    {"TINYINT", "-128, -1, 0, 1, 127"},
    {"SMALLINT", "-32768, 0, 1, 32767"},
    {"INTEGER", "-2147483648, 0, 1, 16777217, 2147483647"},
    {"BIGINT", "-9223372036854775808, -1, 0, 1, 9007199254740993, 9223372036854775807"},
    {"HUGEINT",
     "'-170141183460469231731687303715884105728', '0', '1', '18446744073709551615', '170141183460469231731687303715884105727'"},
    {"UTINYINT", "0, 1, 255"},
    {"USMALLINT", "0, 1, 65535"},
    {"UINTEGER", "0, 1, 4294967295"},
    {"UBIGINT", "0, 1, 18446744073709551615"},
    {"FLOAT", "0, 1, 0.1, -1.5, 16777217, 1e30, 'nan', '-inf'"},
    {"DOUBLE", "0, 1, 0.1, -1.5, 1e300, 'nan', 'inf'"},
    {"DECIMAL(10,2)", "0, 1, -99999999.99, 12.34"},
    {"DECIMAL(38,10)", "0, 1, 9999999999999999999999999999.9999999999, 0.0000000001"},
    {"VARCHAR", "'', 'x', '1', '1.5', 'true', '2024-02-29', '2024-02-29T10:00:00Z', '10:00:00', 'PT1S', 'ä'"},
    {"BLOB", "'', '\\xFF', 'abc'"},
    {"DATE", "'0001-01-01', '1970-01-01', '9999-12-31'"},
    {"TIME", "'00:00:00', '10:00:00.5', '23:59:59.999999'"},
    {"TIMESTAMP", "'0001-01-01', '1970-01-01', '2024-02-29 10:00:00.123456'"},
    {"TIMESTAMP WITH TIME ZONE", "'0001-01-01', '1970-01-01', '2024-02-29 10:00:00.123456'"},
    {"INTERVAL", "'0 seconds', '-90 minutes', '3 days'"},
    {"UUID", "'6f7b1a2c-0000-4000-8000-000000000001'"},
};
enum { N_TYPES = sizeof types / sizeof types[0] };

/* ---- what the planner says ---- */

typedef struct {
    pli__decision decision;
    bool checked;
    char type[80]; /* the column's afterwards */
} cell;

static cell decide(const char *policy, const char *known, const char *found) {
    kit_batch kit;
    cell c;
    char stored[96], columns[96];
    pli_error err;
    PLI_AUTO(pli__buf_clear) pli__buf text = {0};
    snprintf(stored, sizeof stored, "a %s", known);
    snprintf(columns, sizeof columns, "a %s", found);
    PLI_AUTO(pli__type_auto) const pli__type *schema = kit_columns(stored);
    (void)kit_plan(&kit, policy, schema, &(kit_part){columns, "SELECT 1"}, 1, &err);
    const pli__evolve_node *n = &kit.plan->parts[0].children[0];
    assert_int_equal(pli__type_to_sql(n->to, &text, NULL), PLI_OK);
    c.decision = n->decision;
    c.checked = n->checked;
    snprintf(c.type, sizeof c.type, "%s", text.ptr);
    kit_clear(&kit);
    return c;
}

/* ---- the page ---- */

static const char *short_name(const char *type) {
    return strcmp(type, "TIMESTAMP WITH TIME ZONE") == 0 ? "TIMESTAMPTZ" : type;
}

static void write_head(pli__buf *b) {
    pli__buf_addz(b, "| from \\ to |");
    for (size_t i = 0; i < N_TYPES; i++) pli__buf_addf(b, " %s |", short_name(types[i].type));
    pli__buf_addz(b, "\n|---|");
    for (size_t i = 0; i < N_TYPES; i++) pli__buf_addz(b, "---|");
    pli__buf_addc(b, '\n');
}

static void write_coerce(pli__buf *b) {
    write_head(b);
    for (size_t i = 0; i < N_TYPES; i++) {
        pli__buf_addf(b, "| %s |", short_name(types[i].type));
        for (size_t k = 0; k < N_TYPES; k++) {
            const cell c = decide("coerce package", types[k].type, types[i].type);
            pli__buf_addf(b, " %s |",
                          c.decision == PLI__DECIDE_KEEP   ? "="
                          : c.decision == PLI__DECIDE_FAIL ? ""
                          : c.checked                      ? "some"
                                                           : "all");
        }
        pli__buf_addc(b, '\n');
    }
}

static void write_widen(pli__buf *b, const char *policy) {
    write_head(b);
    for (size_t i = 0; i < N_TYPES; i++) {
        pli__buf_addf(b, "| %s |", short_name(types[i].type));
        for (size_t k = 0; k < N_TYPES; k++) {
            const cell c = decide(policy, types[k].type, types[i].type);
            pli__buf_addf(b, " %s |",
                          c.decision == PLI__DECIDE_FAIL   ? ""
                          : c.decision == PLI__DECIDE_KEEP ? "="
                                                           : short_name(c.type));
        }
        pli__buf_addc(b, '\n');
    }
}

static void write_page(pli__buf *b) {
    pli__buf_addz(
        b,
        "# Casts and common types\n\n"
        "Generated from the planner by `test_schema_casts --write`; do not edit. Rows are the type that a file brings, columns the type that the\n"
        "schema has. Names are SQL's. A pair that is not `=` is \"another type\":\n\n"
        "| mode | another type |\n|---|---|\n"
        "| `strict`, `add_new_columns` | the batch fails; with `rescue_mode: column` the value is NULL and goes to the rescue column |\n"
        "| `coerce` | the first table |\n"
        "| `type_widen` | the second table (jobs), the third (Python package, or `allow_lossy_widening: true`) |\n\n"
        "Nested types follow field by field; a column without values fits any type. CSV and JSON are text: their values are read as the schema's type by\n"
        "the row VARCHAR, in every mode, and only a value that does not fit is \"another type\".\n\n"
        "## coerce\n\n"
        "`=` the same type, `all` every value fits, `some` values that the type cannot hold exactly become NULL (and are rescued), empty: the batch fails.\n\n");
    write_coerce(b);
    pli__buf_addz(
        b,
        "\n## type_widen in jobs\n\nThe type that the column has afterwards; empty: the batch fails, or values are rescued.\n\n");
    write_widen(b, "type_widen");
    pli__buf_addz(
        b,
        "\n## type_widen with lossy widening\n\n64-bit integers beyond 2^53 lose digits in a DOUBLE; nothing else differs.\n\n");
    write_widen(b, "type_widen lossy");
    pli__buf_addz(
        b,
        "\n## Which texts fit\n\n"
        "| type | texts |\n|---|---|\n"
        "| integers | `[+-]?digits[.digits][e[+-]digits]`, no blanks, if nothing but zeros stands behind the point; in the type's range |\n"
        "| FLOAT, DOUBLE | the same grammar, the nearest value; not `nan`, `inf`, nor what would become infinite; a whole number (no point, no exponent) only if it is held exactly |\n"
        "| DECIMAL(p,s) | the same grammar, if p and s hold it exactly |\n"
        "| BOOLEAN | `true`, `false`, any case |\n"
        "| DATE | `2024-02-29` |\n"
        "| TIMESTAMP, TIMESTAMPTZ | `2024-02-29`, or with `T` or a blank and `10:00`, `10:00:00`, `10:00:00.123456`, then `Z`, `+02`, `+0200`, `+02:00` or nothing (UTC); digits below microseconds must be zero |\n"
        "| TIME | `10:00`, `10:00:00`, `10:00:00.123456` |\n"
        "| INTERVAL | `P1W`, `P1DT2H3M4.5S`; no years and months |\n"
        "| VARCHAR | all; as text: numbers in their shortest form, `2024-02-29T10:00:00.500000Z`, `P1DT2H` |\n");
}

/* ---- rows ---- */

/* coerce with rescue: the SQL of the batch over one column, and a check on its rows. */
static int64_t count_rows(pli__engine *e, const char *from, const char *to, const char *values, const char *condition) {
    kit_batch kit;
    char stored[96], columns[96];
    int64_t count = -1;
    pli_error err = {0};
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0}, query = {0}, rows = {0};
    snprintf(stored, sizeof stored, "a %s", to);
    snprintf(columns, sizeof columns, "a %s", from);
    pli__buf_addf(&rows, "SELECT unnest([%s]::%s[]) AS a", values, from);
    PLI_AUTO(pli__type_auto) const pli__type *schema = kit_columns(stored);
    if (kit_plan(&kit, "coerce rescue", schema, &(kit_part){columns, rows.ptr}, 1, &err) != PLI_OK)
        fail_msg("%s to %s: %s", from, to, err.message);
    assert_int_equal(pli__evolve_render(kit.plan, &kit.relation, &sql, &err), PLI_OK);
    pli__buf_addf(&query, "SELECT count(*) FROM (%s) WHERE %s", sql.ptr, condition);
    if (pli__engine_query_i64(e, query.ptr, &count, &err) != PLI_OK)
        fail_msg("%s to %s: %s\n%s", from, to, err.message, query.ptr);
    kit_clear(&kit);
    return count;
}

static void test_schema_casts__every_pair_keeps_every_value(void **state) {
    (void)state;
    pli__engine *e = kit_engine();
    if (!e) skip();
    for (size_t i = 0; i < N_TYPES; i++) {
        for (size_t k = 0; k < N_TYPES; k++) {
            const char *from = types[i].type, *to = types[k].type;
            if (decide("coerce", to, from).decision == PLI__DECIDE_FAIL) {
                if (count_rows(e, from, to, types[i].values, "a IS NOT NULL OR _rescued_data IS NULL") != 0)
                    fail_msg("%s to %s: not rescued", from, to);
                continue;
            }
            if (count_rows(e, from, to, types[i].values, "(a IS NULL) = (_rescued_data IS NULL)") != 0)
                fail_msg("%s to %s: a value is lost or double", from, to);
            const bool checked = decide("coerce", to, from).checked;
            if (!checked && count_rows(e, from, to, types[i].values, "a IS NULL") != 0)
                fail_msg("%s to %s: exact, but a value does not fit", from, to);
            PLI_AUTO(pli__buf_clear) pli__buf is_type = {0};
            pli__buf_addf(&is_type, "typeof(a) <> '%s'", to);
            if (count_rows(e, from, to, types[i].values, is_type.ptr) != 0)
                fail_msg("%s to %s: the result has another type", from, to);
        }
    }
}

/* Widening: the values of both types come through, in both orders. */
static void test_schema_casts__widening_loses_nothing(void **state) {
    (void)state;
    pli__engine *e = kit_engine();
    if (!e) skip();
    for (size_t i = 0; i < N_TYPES; i++) {
        for (size_t k = 0; k < N_TYPES; k++) {
            const cell c = decide("type_widen", types[k].type, types[i].type);
            if (c.decision == PLI__DECIDE_FAIL) continue;
            if (count_rows(e, types[i].type, c.type, types[i].values, "a IS NULL OR _rescued_data IS NOT NULL") != 0)
                fail_msg("%s to %s: lost", types[i].type, c.type);
            if (count_rows(e, types[k].type, c.type, types[k].values, "a IS NULL OR _rescued_data IS NOT NULL") != 0)
                fail_msg("%s to %s: lost", types[k].type, c.type);
        }
    }
}

/* ---- single values ---- */

static void check_case(pli__engine *e, const char *from, const char *value, const char *to, const char *expected) {
    PLI_AUTO(pli__buf_clear) pli__buf values = {0}, condition = {0};
    pli__buf_add_sql_str(&values, pli__str_of(value));
    if (strcmp(expected, "-") == 0) {
        pli__buf_addz(&condition, "a IS NULL AND _rescued_data IS NOT NULL");
    } else {
        pli__buf_addz(&condition, "_rescued_data IS NULL AND CAST(a AS VARCHAR) = ");
        pli__buf_add_sql_str(&condition, pli__str_of(expected));
    }
    if (count_rows(e, from, to, values.ptr, condition.ptr) != 1)
        fail_msg("'%s' (%s) to %s is not %s", value, from, to, expected);
}

static void test_schema_casts__single_values_are_as_listed(void **state) {
    (void)state;
    pli__engine *e = kit_engine();
    if (!e) skip();
    char path[1000], line[1000];
    int cases = 0;
    snprintf(path, sizeof path, "%s/cases/casts.tsv", PLI_TEST_SOURCE_DIR);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f)) {
        char *field[4] = {line};
        int n = 1;
        line[strcspn(line, "\n")] = 0;
        if (line[0] == '#' || !line[0]) continue;
        for (char *s = line; *s && n < 4; s++) {
            if (*s != '\t') continue;
            *s = 0;
            field[n++] = s + 1;
        }
        assert_int_equal(n, 4);
        check_case(e, field[0], field[1], field[2], field[3]);
        cases++;
    }
    fclose(f);
    assert_true(cases > 80);
}

/* ---- rows of every pair, for the renderer in Python ---- */

/* Column a as text that Python reads without doubt. */
static const char *plain_text(const char *type) {
    if (strcmp(type, "BLOB") == 0) return "lower(hex(a))";
    if (strcmp(type, "TIMESTAMP") == 0 || strcmp(type, "TIMESTAMP WITH TIME ZONE") == 0) return "epoch_us(a)::VARCHAR";
    return strcmp(type, "INTERVAL") == 0 ? "(epoch(a) * 1000000)::BIGINT::VARCHAR" : "a::VARCHAR";
}

static void add_texts(pli__engine *e, const char *type, const char *rows, pli__buf *out) {
    PLI_AUTO(pli__buf_clear) pli__buf query = {0};
    pli_error err = {0};
    pli__buf_addf(&query, "SELECT to_json(list(%s ORDER BY i)) FROM (%s)", plain_text(type), rows);
    if (pli__engine_query_str(e, query.ptr, out, &err) != PLI_OK) fail_msg("%s\n%s", err.message, query.ptr);
}

/* The rows of a batch of type `from` in a schema of type `to`, as the SQL renderer makes them. */
static void add_results(pli__engine *e, const char *policy, const char *from, const char *to, const char *type,
                        const char *rows, pli__buf *out) {
    kit_batch kit;
    char stored[96], columns[96];
    pli_error err = {0};
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
    snprintf(stored, sizeof stored, "a %s, i INTEGER", to);
    snprintf(columns, sizeof columns, "a %s, i INTEGER", from);
    PLI_AUTO(pli__type_auto) const pli__type *schema = kit_columns(stored);
    if (kit_plan(&kit, policy, schema, &(kit_part){columns, rows}, 1, &err) != PLI_OK) fail_msg("%s", err.message);
    assert_int_equal(pli__evolve_render(kit.plan, &kit.relation, &sql, &err), PLI_OK);
    add_texts(e, type, sql.ptr, out);
    kit_clear(&kit);
}

static void add_polars(const char *sql_type, pli__buf *out) {
    PLI_AUTO(pli__type_auto) const pli__type *type = NULL;
    PLI_AUTO(pli__buf_clear) pli__buf name = {0};
    assert_int_equal(pli__type_from_sql(pli__str_of(sql_type), &type, NULL), PLI_OK);
    assert_int_equal(pli__type_to_polars(type, &name, NULL), PLI_OK);
    pli__buf_add_json(out, pli__buf_str(&name));
}

/* {"from", "to", "in": [...], "coerce": [...] or null, "widen": type or null, "widened": [...]}: types in Polars' names, null for
 * a mode that fails. */
static void write_pair(pli__engine *e, size_t from, size_t to, pli__buf *out) {
    PLI_AUTO(pli__buf_clear) pli__buf rows = {0};
    pli__buf_addf(&rows, "SELECT a, (row_number() OVER ())::INTEGER AS i FROM (SELECT unnest([%s]::%s[]) AS a)",
                  types[from].values, types[from].type);
    pli__buf_addz(out, "{\"from\": ");
    add_polars(types[from].type, out);
    pli__buf_addz(out, ", \"to\": ");
    add_polars(types[to].type, out);
    pli__buf_addz(out, ", \"in\": ");
    add_texts(e, types[from].type, rows.ptr, out);
    pli__buf_addz(out, ", \"coerce\": ");
    if (decide("coerce package", types[to].type, types[from].type).decision == PLI__DECIDE_FAIL)
        pli__buf_addz(out, "null");
    else add_results(e, "coerce rescue", types[from].type, types[to].type, types[to].type, rows.ptr, out);
    const cell c = decide("type_widen package lossy", types[to].type, types[from].type);
    pli__buf_addz(out, ", \"widen\": ");
    if (c.decision == PLI__DECIDE_FAIL) {
        pli__buf_addz(out, "null}\n");
        return;
    }
    add_polars(c.type, out);
    pli__buf_addz(out, ", \"widened\": ");
    add_results(e, "type_widen lossy rescue", types[from].type, types[to].type, c.type, rows.ptr, out);
    pli__buf_addz(out, "}\n");
}

static void write_rows(pli__engine *e, pli__buf *out) {
    for (size_t i = 0; i < N_TYPES; i++)
        for (size_t k = 0; k < N_TYPES; k++)
            if (strcmp(types[i].type, "UUID") != 0 && strcmp(types[k].type, "UUID") != 0) write_pair(e, i, k, out);
}

/* ---- files that are written here and checked in ---- */

typedef struct {
    char path[1000];
    pli__buf text;
} made_file;

static made_file make_page(void) {
    made_file f = {0};
    snprintf(f.path, sizeof f.path, "%s/../docs/reference/casts.md", PLI_TEST_SOURCE_DIR);
    write_page(&f.text);
    return f;
}

static made_file make_rows(pli__engine *e) {
    made_file f = {0};
    snprintf(f.path, sizeof f.path, "%s/cases/cast_rows.ndjson", PLI_TEST_SOURCE_DIR);
    write_rows(e, &f.text);
    return f;
}

static void expect_fresh(made_file made) {
    PLI_AUTO(pli__buf_clear) pli__buf found = {0};
    FILE *f = fopen(made.path, "rb");
    if (!f) fail_msg("%s is missing: run test_schema_casts --write", made.path);
    char chunk[4096];
    size_t n;
    while ((n = fread(chunk, 1, sizeof chunk, f)) > 0) pli__buf_add(&found, chunk, n);
    fclose(f);
    const bool fresh = pli__str_eq(pli__buf_str(&made.text), pli__buf_str(&found));
    pli__buf_clear(&made.text);
    if (!fresh) fail_msg("%s is stale: run test_schema_casts --write", made.path);
}

static bool write_made(made_file made) {
    FILE *f = fopen(made.path, "wb");
    if (!f) return perror(made.path), false;
    const bool good = fwrite(made.text.ptr, 1, made.text.len, f) == made.text.len;
    pli__buf_clear(&made.text);
    return fclose(f) == 0 && good;
}

static void test_schema_casts__page_is_what_the_planner_says(void **state) {
    (void)state;
    expect_fresh(make_page());
}

static void test_schema_casts__rows_for_python_are_what_sql_makes(void **state) {
    (void)state;
    pli__engine *e = kit_engine();
    if (!e) skip();
    expect_fresh(make_rows(e));
}

static int write_files(void) {
    pli__engine *e = kit_engine();
    return e && write_made(make_page()) && write_made(make_rows(e)) ? 0 : 1;
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_schema_casts__page_is_what_the_planner_says),
        cmocka_unit_test(test_schema_casts__rows_for_python_are_what_sql_makes),
        cmocka_unit_test(test_schema_casts__single_values_are_as_listed),
        cmocka_unit_test(test_schema_casts__every_pair_keeps_every_value),
        cmocka_unit_test(test_schema_casts__widening_loses_nothing),
    };
    if (argc > 1 && strcmp(argv[1], "--write") == 0) return write_files();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
