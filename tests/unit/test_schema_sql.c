/* Plans as SQL, run by the engine: one row of the table is one batch and the rows that come out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "support/schema_kit.h"

typedef struct {
    const char *name, *policy, *stored;
    kit_part parts[3];
    const char *rows;  /* JSON lines */
    const char *error; /* instead of rows: part of the message that the user gets */
} batch;

static const batch batches[] = {
    {"text is cast exactly",
     "add_new_columns rescue",
     "a BIGINT",
     {{"text:a BIGINT",
       "SELECT unnest(['1', '-2', '1.0', '1e3', ' 1', '1.5', '0x1F', '', NULL, '9223372036854775808']) AS a"}},
     "{\"a\":1,\"_rescued_data\":null}\n{\"a\":-2,\"_rescued_data\":null}\n{\"a\":1,\"_rescued_data\":null}\n{\"a\":1000,\"_rescued_data\":null}\n"
     "{\"a\":null,\"_rescued_data\":\"{\\\"a\\\":\\\" 1\\\",\\\"_file_path\\\":\\\"file0\\\"}\"}\n"
     "{\"a\":null,\"_rescued_data\":\"{\\\"a\\\":\\\"1.5\\\",\\\"_file_path\\\":\\\"file0\\\"}\"}\n"
     "{\"a\":null,\"_rescued_data\":\"{\\\"a\\\":\\\"0x1F\\\",\\\"_file_path\\\":\\\"file0\\\"}\"}\n"
     "{\"a\":null,\"_rescued_data\":\"{\\\"a\\\":\\\"\\\",\\\"_file_path\\\":\\\"file0\\\"}\"}\n"
     "{\"a\":null,\"_rescued_data\":null}\n"
     "{\"a\":null,\"_rescued_data\":\"{\\\"a\\\":\\\"9223372036854775808\\\",\\\"_file_path\\\":\\\"file0\\\"}\"}\n",
     NULL},
    {"a misfit stops the batch",
     "add_new_columns",
     "a BIGINT",
     {{"text:a BIGINT", "SELECT unnest(['1', 'one|two', '3']) AS a"}},
     NULL,
     "column 'a' is BIGINT in the schema, but the value \"one|two\" (text) in 'file0' does not fit"},
    {"coerce makes it NULL",
     "coerce",
     "a BIGINT",
     {{"text:a BIGINT", "SELECT unnest(['1', 'x']) AS a"}},
     "{\"a\":1}\n{\"a\":null}\n",
     NULL},
    {"a text column stays text",
     "strict",
     "a VARCHAR",
     {{"text:a BIGINT", "SELECT unnest(['1', ' x']) AS a"}},
     "{\"a\":\"1\"}\n{\"a\":\" x\"}\n",
     NULL},
    {"files are united by name",
     "add_new_columns",
     "a BIGINT, b VARCHAR",
     {{"b VARCHAR, a BIGINT", "SELECT 'x' AS b, 1::BIGINT AS a"},
      {"A BIGINT, c DATE", "SELECT 2::BIGINT AS A, DATE '2024-01-01' AS c"}},
     "{\"a\":1,\"b\":\"x\",\"c\":null}\n{\"a\":2,\"b\":null,\"c\":\"2024-01-01\"}\n",
     NULL},
    {"types widen",
     "type_widen",
     "a INTEGER",
     {{"a INTEGER", "SELECT 1::INTEGER AS a"}, {"a UINTEGER", "SELECT 4294967295::UINTEGER AS a"}},
     "{\"a\":1}\n{\"a\":4294967295}\n",
     NULL},
    {"typed values that do not fit are rescued without losing digits",
     "add_new_columns rescue",
     "a DATE",
     {{"a BIGINT", "SELECT 9007199254740993::BIGINT AS a"},
      {"a DECIMAL(20,4)", "SELECT 12.3400::DECIMAL(20,4) AS a"},
      {"a BLOB", "SELECT '\\xFFab'::BLOB AS a"}},
     "{\"a\":null,\"_rescued_data\":\"{\\\"a\\\":\\\"9007199254740993\\\",\\\"_file_path\\\":\\\"file0\\\"}\"}\n"
     "{\"a\":null,\"_rescued_data\":\"{\\\"a\\\":\\\"12.3400\\\",\\\"_file_path\\\":\\\"file1\\\"}\"}\n"
     "{\"a\":null,\"_rescued_data\":\"{\\\"a\\\":\\\"/2Fi\\\",\\\"_file_path\\\":\\\"file2\\\"}\"}\n",
     NULL},
    {"a new column is rescued in strict",
     "strict rescue",
     "a BIGINT",
     {{"a BIGINT, \"b\"\"c\" STRUCT(x BIGINT, y DOUBLE[])",
       "SELECT 1::BIGINT AS a, {'x': 5::BIGINT, 'y': [1.5, NULL]} AS \"b\"\"c\""}},
     "{\"a\":1,\"_rescued_data\":\"{\\\"b\\\\\\\"c\\\":{\\\"x\\\":\\\"5\\\",\\\"y\\\":[1.5,null]},\\\"_file_path\\\":\\\"file0\\\"}\"}\n",
     NULL},
    {"a nested field that does not fit is rescued alone",
     "coerce rescue",
     "s STRUCT(x BIGINT, y VARCHAR)",
     {{"s STRUCT(x VARCHAR, y VARCHAR)", "SELECT unnest([{'x': '1', 'y': 'a'}, {'x': '1.5', 'y': 'b'}, NULL]) AS s"}},
     "{\"s\":{\"x\":1,\"y\":\"a\"},\"_rescued_data\":null}\n"
     "{\"s\":{\"x\":null,\"y\":\"b\"},\"_rescued_data\":\"{\\\"s\\\":{\\\"x\\\":\\\"1.5\\\"},\\\"_file_path\\\":\\\"file0\\\"}\"}\n"
     "{\"s\":null,\"_rescued_data\":null}\n",
     NULL},
    {"a list with a misfit is rescued whole",
     "coerce rescue",
     "l STRUCT(x BIGINT)[]",
     {{"l STRUCT(x VARCHAR)[]", "SELECT unnest([[{'x': '1'}], [{'x': '1'}, {'x': 'z'}], []]) AS l"}},
     "{\"l\":[{\"x\":1}],\"_rescued_data\":null}\n"
     "{\"l\":[{\"x\":1},{\"x\":null}],\"_rescued_data\":\"{\\\"l\\\":[{\\\"x\\\":\\\"1\\\"},{\\\"x\\\":\\\"z\\\"}],\\\"_file_path\\\":\\\"file0\\\"}\"}\n"
     "{\"l\":[],\"_rescued_data\":null}\n",
     NULL},
    {"a field is added inside a list of structs",
     "add_new_columns",
     "l STRUCT(x BIGINT)[]",
     {{"l STRUCT(y BOOLEAN, x BIGINT)[]", "SELECT [{'y': true, 'x': 1::BIGINT}] AS l"},
      {"l STRUCT(x BIGINT)[]", "SELECT [{'x': 2::BIGINT}] AS l"}},
     "{\"l\":[{\"x\":1,\"y\":true}]}\n{\"l\":[{\"x\":2,\"y\":null}]}\n",
     NULL},
    {"map values are cast",
     "type_widen",
     "m MAP(VARCHAR, INTEGER)",
     {{"m MAP(VARCHAR, INTEGER)", "SELECT MAP {'k': 1::INTEGER} AS m"},
      {"m MAP(VARCHAR, BIGINT)", "SELECT MAP {'l': 2::BIGINT} AS m"}},
     "{\"m\":{\"k\":1}}\n{\"m\":{\"l\":2}}\n",
     NULL},
    {"a struct becomes JSON text",
     "coerce",
     "s VARCHAR",
     {{"s STRUCT(x BIGINT)", "SELECT {'x': 1::BIGINT} AS s"}},
     "{\"s\":\"{\\\"x\\\":1}\"}\n",
     NULL},
    {"JSON values are read as the schema says",
     "add_new_columns rescue",
     "a BIGINT, b VARCHAR, t TIMESTAMP WITH TIME ZONE",
     {{"json:a BIGINT, b VARCHAR, t VARCHAR",
       "SELECT unnest(['1', '\"2\"', '1.5', '{\"k\":1}'])::JSON AS a, unnest(['\"x\\\"y\"', '12', '[1]', NULL])::JSON AS b, "
       "unnest(['\"2024-01-01T10:00:00+02:00\"', '5', NULL, '\"2024-01-01\"'])::JSON AS t"}},
     "{\"a\":1,\"b\":\"x\\\"y\",\"t\":\"2024-01-01 08:00:00+00\",\"_rescued_data\":null}\n"
     "{\"a\":2,\"b\":\"12\",\"t\":null,\"_rescued_data\":\"{\\\"t\\\":5,\\\"_file_path\\\":\\\"file0\\\"}\"}\n"
     "{\"a\":null,\"b\":\"[1]\",\"t\":null,\"_rescued_data\":\"{\\\"a\\\":1.5,\\\"_file_path\\\":\\\"file0\\\"}\"}\n"
     "{\"a\":null,\"b\":null,\"t\":\"2024-01-01 00:00:00+00\",\"_rescued_data\":\"{\\\"a\\\":{\\\"k\\\":1},\\\"_file_path\\\":\\\"file0\\\"}\"}\n",
     NULL},
    {"nested JSON is checked row by row",
     "add_new_columns rescue",
     "s STRUCT(x BIGINT, l VARCHAR[])",
     {{"json:s STRUCT(x BIGINT, l VARCHAR[])",
       "SELECT unnest(['{\"x\":1,\"l\":[\"a\",2]}', '{\"x\":\"z\",\"l\":[]}', '7', '{\"x\":1,\"new\":{\"q\":1}}', '{\"l\":5}', NULL])::JSON AS s"}},
     "{\"s\":{\"x\":1,\"l\":[\"a\",\"2\"]},\"_rescued_data\":null}\n"
     "{\"s\":{\"x\":null,\"l\":[]},\"_rescued_data\":\"{\\\"s\\\":{\\\"x\\\":\\\"z\\\"},\\\"_file_path\\\":\\\"file0\\\"}\"}\n"
     "{\"s\":null,\"_rescued_data\":\"{\\\"s\\\":7,\\\"_file_path\\\":\\\"file0\\\"}\"}\n"
     "{\"s\":{\"x\":1,\"l\":null},\"_rescued_data\":\"{\\\"s\\\":{\\\"new\\\":{\\\"q\\\":1}},\\\"_file_path\\\":\\\"file0\\\"}\"}\n"
     "{\"s\":{\"x\":null,\"l\":null},\"_rescued_data\":\"{\\\"s\\\":{\\\"l\\\":5},\\\"_file_path\\\":\\\"file0\\\"}\"}\n"
     "{\"s\":null,\"_rescued_data\":null}\n",
     NULL},
    {"nested JSON that does not fit stops the batch",
     "add_new_columns",
     "s STRUCT(x BIGINT)",
     {{"json:s STRUCT(x BIGINT)", "SELECT unnest(['{\"x\":1}', '{\"x\":true}'])::JSON AS s"}},
     NULL,
     "column 's' is STRUCT(x BIGINT) in the schema, but the value {\"x\":true} (JSON)"},
    {"a list in JSON gets a field",
     "add_new_columns",
     "l STRUCT(x BIGINT)[]",
     {{"json:l STRUCT(x BIGINT, y BOOLEAN)[]", "SELECT '[{\"x\":1,\"y\":true},null,{\"x\":2}]'::JSON AS l"}},
     "{\"l\":[{\"x\":1,\"y\":true},null,{\"x\":2,\"y\":null}]}\n",
     NULL},
    {"a map in JSON",
     "add_new_columns rescue",
     "m MAP(BIGINT, DATE)",
     {{"json:m STRUCT(\"1\" VARCHAR)",
       "SELECT unnest(['{\"1\":\"2024-01-01\"}', '{\"x\":\"2024-01-01\"}'])::JSON AS m"}},
     "{\"m\":{\"1\":\"2024-01-01\"},\"_rescued_data\":null}\n{\"m\":{},\"_rescued_data\":\"{\\\"m\\\":{\\\"x\\\":\\\"2024-01-01\\\"},\\\"_file_path\\\":\\\"file0\\\"}\"}\n",
     NULL},
    {"a column without values in the sample is watched",
     "add_new_columns",
     NULL,
     {{"text:a \"NULL\", b BIGINT", "SELECT unnest([NULL, 'x']) AS a, unnest(['1', '2']) AS b"}},
     NULL,
     "column 'a' is \"NULL\" in the schema, but the value \"x\""},
    {"a column without values is left out",
     "add_new_columns",
     NULL,
     {{"text:a \"NULL\", b BIGINT", "SELECT NULL::VARCHAR AS a, '1' AS b"}},
     "{\"b\":1}\n",
     NULL},
    {"a nested field without a type is left out",
     "add_new_columns",
     NULL,
     {{"json:s STRUCT(a \"NULL\", b BIGINT), t \"NULL\"[]",
       "SELECT '{\"a\":null,\"b\":1}'::JSON AS s, '[null]'::JSON AS t"}},
     "{\"s\":{\"b\":1}}\n",
     NULL},
    {"corrupt records get a column",
     "add_new_columns rescue corrupt",
     "a BIGINT",
     {{"text:a BIGINT",
       "SELECT unnest(['1', NULL]) AS a, unnest([1, 2])::BIGINT AS _pli_line, unnest([NULL, 'a,b,c']) AS _pli_corrupt"}},
     "{\"a\":1,\"_rescued_data\":null,\"_corrupt_record\":null}\n{\"a\":null,\"_rescued_data\":\"{\\\"_line\\\":2,\\\"_file_path\\\":\\\"file0\\\"}\",\"_corrupt_record\":\"a,b,c\"}\n",
     NULL},
    {"corrupt records are skipped",
     "add_new_columns",
     "a BIGINT",
     {{"text:a BIGINT", "SELECT unnest(['1', NULL]) AS a, unnest([NULL, 'x']) AS _pli_corrupt"}},
     "{\"a\":1}\n",
     NULL},
    {"nanoseconds that a microsecond holds",
     "add_new_columns rescue",
     NULL,
     {{"t TIMESTAMP_NS",
       "SELECT unnest(['2024-01-01 00:00:00.123456', '2024-01-01 00:00:00.123456789'])::TIMESTAMP_NS AS t"}},
     "{\"t\":\"2024-01-01 00:00:00.123456\",\"_rescued_data\":null}\n{\"t\":null,\"_rescued_data\":\"{\\\"t\\\":\\\"2024-01-01 00:00:00.123456789\\\",\\\"_file_path\\\":\\\"file0\\\"}\"}\n",
     NULL},
    {"no files give no rows", "strict", "a BIGINT", {{NULL, NULL}}, "", NULL},
};

static pli_status run(pli__engine *e, const batch *b, pli__buf *rows, pli_error *err) {
    kit_batch kit;
    PLI_AUTO(pli__type_auto) const pli__type *stored = b->stored ? kit_columns(b->stored) : NULL;
    pli_status status = kit_plan(&kit, b->policy, stored, b->parts, 3, err);
    if (status == PLI_OK) status = kit_rows(e, &kit, rows, err);
    pli__misfit misfit;
    if (status != PLI_OK && pli__misfit_find(kit.plan, err, &misfit))
        status = pli__misfit_error(kit.plan, &misfit, err);
    kit_clear(&kit);
    return status;
}

static void test_schema_sql__gives_the_rows_of_the_table(void **state) {
    (void)state;
    pli__engine *e = kit_engine();
    if (!e) skip();
    int failed = 0;
    for (size_t i = 0; i < sizeof batches / sizeof batches[0]; i++) {
        const batch *b = &batches[i];
        PLI_AUTO(pli__buf_clear) pli__buf rows = {0};
        pli_error err = {0};
        const pli_status status = run(e, b, &rows, &err);
        const char *got = rows.ptr ? rows.ptr : "";
        const bool good = b->error ? status == PLI_E_SCHEMA && strstr(err.message, b->error) && err.hint[0]
                                   : status == PLI_OK && strcmp(got, b->rows) == 0;
        if (good) continue;
        failed++;
        print_error("%s: %s %s\n%s\n", b->name, pli_status_name(status), err.message, got);
    }
    assert_int_equal(failed, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_schema_sql__gives_the_rows_of_the_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
