/* The planner: one row of the table below is one batch. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/json.h"
#include "schema/plan.h"

enum { MAX_PARTS = 3 };

typedef struct {
    const char *name;
    const char *policy;           /* mode and switches: rescue package lossy cased */
    const char *stored, *given, *hints; /* columns in SQL; NULL = none */
    const char *parts[MAX_PARTS]; /* columns in SQL; "text:" or "json:" before them */
    const char *schema;           /* columns afterwards */
    const char *decisions;        /* "part:column decision[/reason]" of everything, separated by ", " */
    const char *error;            /* part of the message of pli__evolve_check; NULL = passes */
} batch;

static const batch batches[] = {
    {"first batch takes what it finds",
     "strict",
     NULL,
     NULL,
     NULL,
     {"a BIGINT, b VARCHAR"},
     "a BIGINT, b VARCHAR",
     "0:a add/new_column, 0:b add/new_column",
     NULL},
    {"same columns in another order are kept",
     "strict",
     "a BIGINT, b VARCHAR",
     NULL,
     NULL,
     {"b VARCHAR, a BIGINT"},
     "a BIGINT, b VARCHAR",
     "0:a keep/same_type, 0:b keep/same_type",
     NULL},
    {"strict refuses a new column",
     "strict",
     "a BIGINT",
     NULL,
     NULL,
     {"a BIGINT, b VARCHAR"},
     "a BIGINT",
     "0:a keep, 0:b fail/new_column",
     "column 'b' (VARCHAR) in 'file0' is not in the schema"},
    {"strict with rescue keeps a new column beside the row",
     "strict rescue",
     "a BIGINT",
     NULL,
     NULL,
     {"a BIGINT, b VARCHAR"},
     "a BIGINT",
     "0:a keep, 0:b rescue/new_column",
     NULL},
    {"strict in the package never rescues",
     "strict rescue package",
     "a BIGINT",
     NULL,
     NULL,
     {"a BIGINT, b VARCHAR"},
     "a BIGINT",
     "0:a keep, 0:b fail",
     "not in the schema"},
    {"strict refuses a missing column",
     "strict",
     "a BIGINT, b VARCHAR",
     NULL,
     NULL,
     {"a BIGINT"},
     "a BIGINT, b VARCHAR",
     "0:a keep, 0:b fail/missing",
     "column 'b' (VARCHAR) is missing in 'file0'"},
    {"other modes fill a missing column",
     "add_new_columns",
     "a BIGINT, b VARCHAR",
     NULL,
     NULL,
     {"a BIGINT"},
     "a BIGINT, b VARCHAR",
     "0:a keep, 0:b null/missing",
     NULL},
    {"a new column is appended",
     "add_new_columns",
     "a BIGINT",
     NULL,
     NULL,
     {"b VARCHAR, a BIGINT"},
     "a BIGINT, b VARCHAR",
     "0:a keep, 0:b add/new_column",
     NULL},
    {"another type fails",
     "add_new_columns",
     "a BIGINT",
     NULL,
     NULL,
     {"a INTEGER"},
     "a BIGINT",
     "0:a fail/other_type",
     "column 'a' is INTEGER in 'file0', but BIGINT in the schema"},
    {"another type is rescued",
     "add_new_columns rescue",
     "a BIGINT",
     NULL,
     NULL,
     {"a INTEGER"},
     "a BIGINT",
     "0:a rescue/other_type",
     NULL},
    {"coerce casts", "coerce", "a BIGINT", NULL, NULL, {"a VARCHAR"}, "a BIGINT", "0:a cast/other_type", NULL},
    {"coerce refuses what makes no sense",
     "coerce",
     "a BIGINT",
     NULL,
     NULL,
     {"a BIGINT[]"},
     "a BIGINT",
     "0:a fail/no_cast",
     "no cast between them"},
    {"coerce with rescue keeps what makes no sense",
     "coerce rescue",
     "a BIGINT",
     NULL,
     NULL,
     {"a BIGINT[]"},
     "a BIGINT",
     "0:a rescue/no_cast",
     NULL},
    {"type_widen replaces the type",
     "type_widen",
     "a INTEGER",
     NULL,
     NULL,
     {"a BIGINT"},
     "a BIGINT",
     "0:a widen/wider_type",
     NULL},
    {"type_widen keeps the wider type of the schema",
     "type_widen",
     "a BIGINT",
     NULL,
     NULL,
     {"a INTEGER"},
     "a BIGINT",
     "0:a widen/wider_type",
     NULL},
    {"type_widen finds a third type",
     "type_widen",
     "a INTEGER",
     NULL,
     NULL,
     {"a UINTEGER"},
     "a BIGINT",
     "0:a widen",
     NULL},
    {"type_widen refuses what has no common type",
     "type_widen",
     "a VARCHAR",
     NULL,
     NULL,
     {"a DATE"},
     "a VARCHAR",
     "0:a fail/other_type",
     "column 'a'"},
    {"type_widen rescues what has no common type",
     "type_widen rescue",
     "a VARCHAR",
     NULL,
     NULL,
     {"a DATE"},
     "a VARCHAR",
     "0:a rescue",
     NULL},
    {"64-bit integer and double are other types in jobs",
     "type_widen",
     "a BIGINT",
     NULL,
     NULL,
     {"a DOUBLE"},
     "a BIGINT",
     "0:a fail",
     "DOUBLE"},
    {"64-bit integer and double widen when allowed",
     "type_widen lossy",
     "a BIGINT",
     NULL,
     NULL,
     {"a DOUBLE"},
     "a DOUBLE",
     "0:a widen/lossy_type",
     NULL},
    {"a double column takes 64-bit integers with a remark",
     "type_widen package",
     "a DOUBLE",
     NULL,
     NULL,
     {"a BIGINT"},
     "a DOUBLE",
     "0:a widen/lossy_type",
     NULL},
    {"floats come before integers, whatever the order",
     "type_widen",
     "a INTEGER",
     NULL,
     NULL,
     {"a UINTEGER", "a FLOAT"},
     "a DOUBLE",
     "0:a widen, 1:a widen",
     NULL},
    {"and the other way round",
     "type_widen",
     "a INTEGER",
     NULL,
     NULL,
     {"a FLOAT", "a UINTEGER"},
     "a DOUBLE",
     "0:a widen, 1:a widen",
     NULL},
    {"decimals widen",
     "type_widen",
     "a DECIMAL(10,2)",
     NULL,
     NULL,
     {"a DECIMAL(8,4)"},
     "a DECIMAL(12,4)",
     "0:a widen",
     NULL},
    {"date and timestamp widen", "type_widen", "a DATE", NULL, NULL, {"a TIMESTAMP"}, "a TIMESTAMP", "0:a widen", NULL},
    {"files bring a new column with different types",
     "add_new_columns",
     "a BIGINT",
     NULL,
     NULL,
     {"a BIGINT, b INTEGER", "a BIGINT, b SMALLINT"},
     "a BIGINT, b INTEGER",
     "0:a keep, 0:b add/new_column, 1:a keep, 1:b add/new_common_type",
     NULL},
    {"files bring a new column with types in conflict",
     "add_new_columns",
     "a BIGINT",
     NULL,
     NULL,
     {"a BIGINT, b DATE", "a BIGINT, b SMALLINT"},
     "a BIGINT, b SMALLINT",
     "0:a keep, 0:b fail/conflict, 1:a keep, 1:b add",
     "new column 'b' is DATE in 'file0' but SMALLINT in 'file1'"},
    {"files without the new column get NULL",
     "add_new_columns",
     "a BIGINT",
     NULL,
     NULL,
     {"a BIGINT, b INTEGER", "a BIGINT"},
     "a BIGINT, b INTEGER",
     "0:a keep, 0:b add, 1:a keep, 1:b null/missing",
     NULL},
    {"names match without case",
     "add_new_columns",
     "Id BIGINT",
     NULL,
     NULL,
     {"ID BIGINT"},
     "Id BIGINT",
     "0:Id keep",
     NULL},
    {"names match exactly when told so",
     "add_new_columns cased",
     "Id BIGINT",
     NULL,
     NULL,
     {"ID BIGINT"},
     "Id BIGINT, ID BIGINT",
     "0:Id null, 0:ID add",
     "columns 'Id' and 'ID' differ only by case, and no table can have both"},
    {"names match exactly in the package",
     "add_new_columns package",
     "Id BIGINT",
     NULL,
     NULL,
     {"ID BIGINT"},
     "Id BIGINT, ID BIGINT",
     "0:Id null, 0:ID add",
     NULL},
    {"two columns that differ by case are refused",
     "add_new_columns",
     "id BIGINT",
     NULL,
     NULL,
     {"id BIGINT, ID VARCHAR"},
     "id BIGINT",
     "0:id fail/ambiguous",
     "columns 'id' and 'ID' in 'file0' differ only by case"},
    {"two new columns that differ by case are refused",
     "strict rescue",
     "a BIGINT",
     NULL,
     NULL,
     {"a BIGINT, x BIGINT, X VARCHAR"},
     "a BIGINT",
     "0:a keep, 0:x rescue, 0:X fail/ambiguous",
     "differ only by case"},
    {"nulls fit any type", "strict", "a BIGINT", NULL, NULL, {"a \"NULL\""}, "a BIGINT", "0:a null/no_values", NULL},
    {"a column without a type takes the first real one",
     "strict",
     "a \"NULL\"",
     NULL,
     NULL,
     {"a BIGINT"},
     "a BIGINT",
     "0:a add/first_type",
     NULL},
    {"a column without a type stays so",
     "add_new_columns",
     NULL,
     NULL,
     NULL,
     {"a \"NULL\", b BIGINT"},
     "a \"NULL\", b BIGINT",
     "0:a add/no_values, 0:b add",
     NULL},
    {"a field is added inside a list of structs",
     "add_new_columns",
     "l STRUCT(x BIGINT)[]",
     NULL,
     NULL,
     {"l STRUCT(y VARCHAR, x BIGINT)[]"},
     "l STRUCT(x BIGINT, y VARCHAR)[]",
     "0:l.element.x keep, 0:l.element.y add/new_column",
     NULL},
    {"a nested field is missing",
     "add_new_columns",
     "s STRUCT(x BIGINT, y DATE)",
     NULL,
     NULL,
     {"s STRUCT(x BIGINT)"},
     "s STRUCT(x BIGINT, y DATE)",
     "0:s.x keep, 0:s.y null/missing",
     NULL},
    {"a nested field has another type",
     "coerce",
     "s STRUCT(x BIGINT)",
     NULL,
     NULL,
     {"s STRUCT(x VARCHAR)"},
     "s STRUCT(x BIGINT)",
     "0:s.x cast",
     NULL},
    {"a nested field is rescued in strict",
     "strict rescue",
     "s STRUCT(x BIGINT)",
     NULL,
     NULL,
     {"s STRUCT(x BIGINT, z DATE)"},
     "s STRUCT(x BIGINT)",
     "0:s.x keep, 0:s.z rescue/new_column",
     NULL},
    {"map values widen",
     "type_widen",
     "m MAP(VARCHAR, INTEGER)",
     NULL,
     NULL,
     {"m MAP(VARCHAR, BIGINT)"},
     "m MAP(VARCHAR, BIGINT)",
     "0:m widen/wider_type",
     NULL},
    {"a struct becomes text only by coerce",
     "coerce",
     "s VARCHAR",
     NULL,
     NULL,
     {"s STRUCT(x BIGINT)"},
     "s VARCHAR",
     "0:s cast/other_type",
     NULL},
    {"text does not become a struct",
     "coerce",
     "s STRUCT(x BIGINT)",
     NULL,
     NULL,
     {"s VARCHAR"},
     "s STRUCT(x BIGINT)",
     "0:s fail/no_cast",
     "no cast"},
    {"an explicit schema comes first",
     "add_new_columns",
     "a BIGINT, c DATE",
     "b VARCHAR, a BIGINT",
     NULL,
     {"a BIGINT, b VARCHAR, c DATE"},
     "b VARCHAR, a BIGINT, c DATE",
     "0:b keep, 0:a keep, 0:c keep",
     NULL},
    {"an explicit type that was widened stays wide",
     "type_widen",
     "a BIGINT",
     "a INTEGER",
     NULL,
     {"a INTEGER"},
     "a BIGINT",
     "0:a widen",
     NULL},
    {"an explicit type decides on the first batch",
     "strict",
     NULL,
     "a INTEGER",
     NULL,
     {"a BIGINT"},
     "a INTEGER",
     "0:a fail/other_type",
     "column 'a' is BIGINT"},
    {"a hint corrects inference",
     "add_new_columns",
     NULL,
     NULL,
     "a VARCHAR",
     {"text:a BIGINT"},
     "a VARCHAR",
     "0:a add/hint",
     NULL},
    {"a hint for a typed file must hold its values",
     "add_new_columns",
     NULL,
     NULL,
     "a BIGINT",
     {"a INTEGER"},
     "a BIGINT",
     "0:a add/hint",
     NULL},
    {"a hint that loses values is refused",
     "add_new_columns",
     NULL,
     NULL,
     "a INTEGER",
     {"a BIGINT"},
     "a INTEGER",
     "0:a fail/other_type",
     "column 'a'"},
    {"a hint does not change what is known",
     "add_new_columns",
     "a BIGINT",
     NULL,
     "a VARCHAR",
     {"a BIGINT"},
     "a BIGINT",
     "0:a keep",
     NULL},
    {"text is read as what the schema says",
     "strict",
     "a BIGINT",
     NULL,
     NULL,
     {"text:a VARCHAR"},
     "a BIGINT",
     "0:a keep/read_as",
     NULL},
    {"text that looks narrower is no reason to change",
     "type_widen",
     "a DOUBLE",
     NULL,
     NULL,
     {"text:a BIGINT"},
     "a DOUBLE",
     "0:a keep/read_as",
     NULL},
    {"text widens to text",
     "type_widen",
     "a BIGINT",
     NULL,
     NULL,
     {"text:a VARCHAR"},
     "a VARCHAR",
     "0:a widen/wider_type",
     NULL},
    {"text widens a date to a timestamp",
     "type_widen",
     "a DATE",
     NULL,
     NULL,
     {"text:a TIMESTAMP WITH TIME ZONE"},
     "a TIMESTAMP WITH TIME ZONE",
     "0:a widen",
     NULL},
    {"booleans and numbers in text have text in common",
     "add_new_columns",
     NULL,
     NULL,
     NULL,
     {"text:a BOOLEAN", "text:a BIGINT"},
     "a VARCHAR",
     "0:a add/new_common_type, 1:a add/new_common_type",
     NULL},
    {"whole and other numbers in text have double in common",
     "add_new_columns",
     NULL,
     NULL,
     NULL,
     {"text:a DOUBLE", "text:a BIGINT"},
     "a DOUBLE",
     "0:a add, 1:a add",
     NULL},
    {"JSON is read as what the schema says",
     "add_new_columns",
     "a BIGINT",
     NULL,
     NULL,
     {"json:a STRUCT(x BIGINT)"},
     "a BIGINT",
     "0:a keep/read_as",
     NULL},
    {"JSON gets a nested field",
     "add_new_columns",
     "s STRUCT(x BIGINT)",
     NULL,
     NULL,
     {"json:s STRUCT(x VARCHAR, y BOOLEAN)"},
     "s STRUCT(x BIGINT, y BOOLEAN)",
     "0:s.x keep, 0:s.y add",
     NULL},
    {"objects and numbers in JSON have text in common",
     "add_new_columns",
     NULL,
     NULL,
     NULL,
     {"json:a STRUCT(x BIGINT)", "json:a BIGINT"},
     "a VARCHAR",
     "0:a add, 1:a add",
     NULL},
    {"nanoseconds become microseconds in jobs",
     "add_new_columns",
     NULL,
     NULL,
     NULL,
     {"a TIMESTAMP_NS"},
     "a TIMESTAMP",
     "0:a add",
     NULL},
    {"nanoseconds stay in the package",
     "add_new_columns package",
     NULL,
     NULL,
     NULL,
     {"a TIMESTAMP_NS"},
     "a TIMESTAMP_NS",
     "0:a add",
     NULL},
    {"the rescue column must not be in the data",
     "add_new_columns rescue",
     "a BIGINT",
     NULL,
     NULL,
     {"a BIGINT, _rescued_data VARCHAR"},
     "a BIGINT, _rescued_data VARCHAR",
     "0:a keep, 0:_rescued_data fail/reserved_name",
     "has the name of a column that schema evolution adds"},
    {"further columns are named",
     "strict",
     "a BIGINT",
     NULL,
     NULL,
     {"a DATE, b DATE, c DATE"},
     "a BIGINT",
     "0:a fail, 0:b fail, 0:c fail",
     "also: 'b', 'c'"},
    {"no files change nothing", "strict", "a BIGINT", NULL, NULL, {NULL}, "a BIGINT", "", NULL},
};

static const pli__type *columns(const char *text) {
    pli__buf b = {0};
    const pli__type *t = NULL;
    pli_error err;
    pli__buf_addf(&b, "STRUCT(%s)", text);
    if (pli__type_from_sql(pli__buf_str(&b), &t, &err) != PLI_OK) fail_msg("%s: %s", b.ptr, err.message);
    pli__buf_clear(&b);
    return t;
}

static bool has(const char *policy, const char *word) { return strstr(policy, word) != NULL; }

static pli__schema_policy policy_of(const char *text) {
    pli__schema_policy p = {.rescue = has(text, "rescue"),
                            .package = has(text, "package"),
                            .allow_lossy_widening = has(text, "lossy"),
                            .case_sensitive = has(text, "cased")};
    char mode[40];
    assert_int_equal(sscanf(text, "%39s", mode), 1);
    assert_int_equal(pli__schema_mode_parse(mode, &p.mode, NULL), PLI_OK);
    return p;
}

static size_t fill_parts(const batch *b, pli__evolve_part *parts, bool backwards) {
    static const char *const files[] = {"file0", "file1", "file2"};
    size_t n = 0;
    while (n < MAX_PARTS && b->parts[n]) n++;
    for (size_t i = 0; i < n; i++) {
        const char *text = b->parts[i];
        pli__evolve_part *p = &parts[backwards ? n - 1 - i : i];
        *p = (pli__evolve_part){.file = files[i],
                                .n_files = 1,
                                .text = strncmp(text, "text:", 5) == 0,
                                .json = strncmp(text, "json:", 5) == 0};
        p->schema = columns(p->text || p->json ? text + 5 : text);
    }
    return n;
}

/* The expected decisions are those of the plan, in any order of the parts. */
static void check_decisions(const batch *b, const pli__evolve_plan *plan) {
    PLI_AUTO(pli__json_unref) json_t *rows = NULL;
    assert_int_equal(pli__evolve_to_json(plan, true, &rows, NULL), PLI_OK);
    size_t expected = 0, i;
    json_t *row;
    for (const char *s = b->decisions; *s; s++) expected += *s == ',';
    expected += *b->decisions != 0;
    json_array_foreach(rows, i, row) {
        char text[200], plain[160];
        const char *file = json_string_value(json_object_get(row, "file")),
                   *column = json_string_value(json_object_get(row, "column"));
        const char *decision = json_string_value(json_object_get(row, "decision")),
                   *reason = json_string_value(json_object_get(row, "reason"));
        snprintf(plain, sizeof plain, "%s:%s %s", file + 4, column, decision);
        snprintf(text, sizeof text, "%s/%s", plain, reason);
        const char *at = strstr(b->decisions, text);
        if (!at) at = strstr(b->decisions, plain);
        if (!at || (at[strlen(plain)] == '/' && strncmp(at, text, strlen(text)) != 0))
            fail_msg("%s: did not expect %s", b->name, text);
    }
    if (json_array_size(rows) != expected)
        fail_msg("%s: %zu decisions instead of %zu", b->name, json_array_size(rows), expected);
}

static void run_batch(const batch *b, bool backwards) {
    pli__evolve_part parts[MAX_PARTS];
    const pli__schema_policy policy = policy_of(b->policy);
    PLI_AUTO(pli__type_auto)
    const pli__type *stored = b->stored ? columns(b->stored) : NULL, *given = b->given ? columns(b->given) : NULL;
    PLI_AUTO(pli__type_auto)
    const pli__type *hints = b->hints ? columns(b->hints) : NULL, *expected = columns(b->schema);
    PLI_AUTO(pli__evolve_plan_auto) pli__evolve_plan *plan = NULL;
    const pli__evolve_input in = {stored, given, hints, fill_parts(b, parts, backwards), parts, &policy, NULL};
    pli_error err = {0};
    assert_int_equal(pli__evolve_plan_new(&in, &plan, &err), PLI_OK);
    for (size_t i = 0; i < in.n_parts; i++) pli__type_unref(parts[i].schema);
    PLI_AUTO(pli__buf_clear) pli__buf got = {0};
    assert_int_equal(pli__type_to_sql(plan->schema, &got, &err), PLI_OK);
    if (!pli__type_equal(plan->schema, expected, false)) fail_msg("%s: the schema is %s", b->name, got.ptr);
    if (plan->changed != !(stored && pli__type_equal(stored, expected, false)))
        fail_msg("%s: changed is wrong", b->name);
    check_decisions(b, plan);
    const pli_status status = pli__evolve_check(plan, &err);
    if (!b->error && status != PLI_OK) fail_msg("%s: %s", b->name, err.message);
    if (b->error && (status != PLI_E_SCHEMA || !strstr(err.message, b->error) || !err.hint[0]))
        fail_msg("%s: %s", b->name, err.message);
}

static void test_schema_plan__decides_every_batch_of_the_table(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof batches / sizeof batches[0]; i++) run_batch(&batches[i], false);
}

static void test_schema_plan__does_not_depend_on_the_order_of_files(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof batches / sizeof batches[0]; i++) run_batch(&batches[i], true);
}

static void test_schema_plan__names_of_modes_are_checked(void **state) {
    (void)state;
    pli__schema_mode mode = PLI__SCHEMA_COERCE;
    bool rescue = true;
    pli_error err;
    assert_int_equal(pli__schema_mode_parse("add_new_colums", &mode, &err), PLI_E_ARGUMENT);
    assert_non_null(strstr(err.hint, "add_new_columns"));
    assert_int_equal(mode, PLI__SCHEMA_COERCE);
    assert_int_equal(pli__schema_mode_parse(NULL, &mode, &err), PLI_OK);
    assert_int_equal(mode, PLI__SCHEMA_ADD);
    assert_int_equal(pli__schema_rescue_parse("columns", &rescue, &err), PLI_E_ARGUMENT);
    assert_int_equal(pli__schema_rescue_parse(NULL, &rescue, &err), PLI_OK);
    assert_false(rescue);
}

/* A thousand new columns in reverse: no quadratic work, no order lost. */
static void test_schema_plan__takes_wide_files(void **state) {
    (void)state;
    PLI_AUTO(pli__buf_clear) pli__buf forward = {0}, backward = {0};
    for (int i = 0; i < 5000; i++) {
        pli__buf_addf(&forward, "%sc%d BIGINT", i ? ", " : "", i);
        pli__buf_addf(&backward, "%sC%d BIGINT", i ? ", " : "", 4999 - i);
    }
    const batch b = {
        .name = "wide", .policy = "strict", .stored = forward.ptr, .parts = {backward.ptr}, .schema = forward.ptr};
    pli__evolve_part part;
    const pli__schema_policy policy = policy_of(b.policy);
    PLI_AUTO(pli__type_auto) const pli__type *stored = columns(b.stored);
    PLI_AUTO(pli__evolve_plan_auto) pli__evolve_plan *plan = NULL;
    const pli__evolve_input in = {stored, NULL, NULL, fill_parts(&b, &part, false), &part, &policy, NULL};
    assert_int_equal(pli__evolve_plan_new(&in, &plan, NULL), PLI_OK);
    pli__type_unref(part.schema);
    assert_false(plan->changed);
    assert_int_equal(plan->n_fails, 0);
    assert_string_equal(plan->parts[0].children[0].source_name, "C0");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_schema_plan__decides_every_batch_of_the_table),
        cmocka_unit_test(test_schema_plan__does_not_depend_on_the_order_of_files),
        cmocka_unit_test(test_schema_plan__names_of_modes_are_checked),
        cmocka_unit_test(test_schema_plan__takes_wide_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
