/* One type, four languages: whatever a mapping writes, it reads back as the same type, for every type there is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "types/type.h"

typedef pli_status write_fn(const pli__type *, pli__buf *, pli_error *);
typedef pli_status read_fn(pli__str, const pli__type **, pli_error *);

static void expect_round_trip(const pli__type *t, write_fn *write, read_fn *read) {
    pli__buf text = {0}, again = {0};
    pli_error err = {0};
    const pli__type *back = NULL;
    if (write(t, &text, &err) != PLI_OK) fail_msg("%s", err.message);
    if (read(pli__buf_str(&text), &back, &err) != PLI_OK) fail_msg("%s: %s", text.ptr, err.message);
    assert_int_equal(write(back, &again, &err), PLI_OK);
    assert_string_equal(text.ptr, again.ptr);
    if (!pli__type_equal(t, back, false)) fail_msg("%s is read as another type", text.ptr);
    pli__type_unref(back);
    pli__buf_clear(&text);
    pli__buf_clear(&again);
}

static void test_type_names__each_type_has_the_names_of_the_table(void **state) {
    (void)state;
    static const struct {
        pli__type_id id;
        const char *sql, *delta, *polars;
    } table[] = {
        {PLI__TYPE_NULL, "\"NULL\"", "\"void\"", "Null"},
        {PLI__TYPE_BOOLEAN, "BOOLEAN", "\"boolean\"", "Boolean"},
        {PLI__TYPE_I8, "TINYINT", "\"byte\"", "Int8"},
        {PLI__TYPE_I16, "SMALLINT", "\"short\"", "Int16"},
        {PLI__TYPE_I32, "INTEGER", "\"integer\"", "Int32"},
        {PLI__TYPE_I64, "BIGINT", "\"long\"", "Int64"},
        {PLI__TYPE_I128, "HUGEINT", NULL, "Int128"},
        {PLI__TYPE_U8, "UTINYINT", NULL, "UInt8"},
        {PLI__TYPE_U16, "USMALLINT", NULL, "UInt16"},
        {PLI__TYPE_U32, "UINTEGER", NULL, "UInt32"},
        {PLI__TYPE_U64, "UBIGINT", NULL, "UInt64"},
        {PLI__TYPE_U128, "UHUGEINT", NULL, "UInt128"},
        {PLI__TYPE_F32, "FLOAT", "\"float\"", "Float32"},
        {PLI__TYPE_F64, "DOUBLE", "\"double\"", "Float64"},
        {PLI__TYPE_STRING, "VARCHAR", "\"string\"", "String"},
        {PLI__TYPE_BINARY, "BLOB", "\"binary\"", "Binary"},
        {PLI__TYPE_DATE, "DATE", "\"date\"", "Date"},
        {PLI__TYPE_TIME, "TIME", NULL, "Time"},
        {PLI__TYPE_TIMESTAMP, "TIMESTAMP WITH TIME ZONE", "\"timestamp\"", "Datetime(time_unit='us', time_zone='UTC')"},
        {PLI__TYPE_TIMESTAMP_NTZ, "TIMESTAMP", "\"timestamp_ntz\"", "Datetime(time_unit='us', time_zone=None)"},
        {PLI__TYPE_DURATION, "INTERVAL", NULL, "Duration(time_unit='us')"}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        const pli__type *t = pli__type_new(table[i].id);
        pli__buf sql = {0}, delta = {0}, polars = {0};
        assert_int_equal(pli__type_to_sql(t, &sql, NULL), PLI_OK);
        assert_int_equal(pli__type_to_polars(t, &polars, NULL), PLI_OK);
        assert_string_equal(sql.ptr, table[i].sql);
        assert_string_equal(polars.ptr, table[i].polars);
        assert_int_equal(pli__type_to_delta(t, &delta, NULL), table[i].delta ? PLI_OK : PLI_E_SCHEMA);
        if (table[i].delta) assert_string_equal(delta.ptr, table[i].delta);
        expect_round_trip(t, pli__type_to_sql, pli__type_from_sql);
        expect_round_trip(t, pli__type_to_polars, pli__type_from_polars);
        if (table[i].delta) expect_round_trip(t, pli__type_to_delta, pli__type_from_delta);
        pli__buf_clear(&sql);
        pli__buf_clear(&delta);
        pli__buf_clear(&polars);
    }
}

static void test_type_names__each_decimal_survives_in_each_language(void **state) {
    (void)state;
    for (int precision = 1; precision <= 38; precision++)
        for (int scale = 0; scale <= precision; scale++) {
            const pli__type *t = pli__type_new_decimal(precision, scale);
            expect_round_trip(t, pli__type_to_sql, pli__type_from_sql);
            expect_round_trip(t, pli__type_to_polars, pli__type_from_polars);
            expect_round_trip(t, pli__type_to_delta, pli__type_from_delta);
            pli__type_unref(t);
        }
}

static void test_type_names__units_survive_where_the_language_has_them(void **state) {
    (void)state;
    for (pli__time_unit unit = PLI__UNIT_US; unit <= PLI__UNIT_S; unit++) {
        const pli__type *ntz = pli__type_new_time(PLI__TYPE_TIMESTAMP_NTZ, unit, PLI_STR(""));
        const pli__type *zone = pli__type_new_time(PLI__TYPE_TIMESTAMP, unit, PLI_STR("Asia/Tokyo"));
        const pli__type *utc = pli__type_new_time(PLI__TYPE_TIMESTAMP, unit, PLI_STR("UTC"));
        const pli__type *duration = pli__type_new_time(PLI__TYPE_DURATION, unit, PLI_STR(""));
        expect_round_trip(ntz, pli__type_to_sql, pli__type_from_sql);
        if (unit != PLI__UNIT_S) { /* Polars has no seconds */
            expect_round_trip(ntz, pli__type_to_polars, pli__type_from_polars);
            expect_round_trip(zone, pli__type_to_polars, pli__type_from_polars);
            expect_round_trip(utc, pli__type_to_polars, pli__type_from_polars);
            expect_round_trip(duration, pli__type_to_polars, pli__type_from_polars);
        }
        pli__type_unref(ntz);
        pli__type_unref(zone);
        pli__type_unref(utc);
        pli__type_unref(duration);
    }
}

/* ---- random types ---- */

static uint64_t random_state;

static unsigned pick(unsigned n) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (unsigned)(random_state % n);
}

static void random_name(char *out, size_t cap) {
    static const char *const parts[] = {
        "a", "B", "select", " ", "\"", "'", "`", "\\",  "\n", "\xC3\xA9", "\xF0\x9F\x8E\xB5", "\xE2\x80\x8B",
        ".", "1", "_",      "(", ",",  ":", "$", "\x7f"};
    size_t n = 0;
    for (unsigned k = 1 + pick(5); k; k--) {
        const char *part = parts[pick(sizeof parts / sizeof parts[0])];
        if (n + strlen(part) >= cap) break;
        memcpy(out + n, part, strlen(part));
        n += strlen(part);
    }
    out[n] = 0;
}

static const pli__type *random_type(int depth) {
    static const pli__type_id simple[] = {PLI__TYPE_NULL,          PLI__TYPE_BOOLEAN, PLI__TYPE_I8,
                                          PLI__TYPE_I16,           PLI__TYPE_I32,     PLI__TYPE_I64,
                                          PLI__TYPE_F32,           PLI__TYPE_F64,     PLI__TYPE_STRING,
                                          PLI__TYPE_BINARY,        PLI__TYPE_DATE,    PLI__TYPE_TIMESTAMP,
                                          PLI__TYPE_TIMESTAMP_NTZ, PLI__TYPE_U8,      PLI__TYPE_U16,
                                          PLI__TYPE_U32,           PLI__TYPE_U64,     PLI__TYPE_I128,
                                          PLI__TYPE_U128,          PLI__TYPE_TIME,    PLI__TYPE_DURATION};
    char name[100];
    switch (depth > 0 ? pick(8) : 5 + pick(3)) {
        case 0: {
            pli__type_builder b = {0};
            for (unsigned n = 1 + pick(5); n; n--) {
                random_name(name, sizeof name);
                pli__type_builder_add(&b, pli__str_of(name), random_type(depth - 1), pick(2),
                                      pick(2) ? "{\"comment\":\"\\u00e9 x\"}" : NULL);
            }
            return pli__type_builder_finish(&b);
        }
        case 1: return pli__type_new_list(random_type(depth - 1), pick(2));
        case 2: return pli__type_new_array(random_type(depth - 1), 1 + pick(9));
        case 3: return pli__type_new_map(random_type(0), random_type(depth - 1), pick(2));
        case 4: {
            pli__buf json = {0};
            pli__buf_addc(&json, '[');
            for (unsigned n = 1 + pick(4), i = 0; i < n; i++) {
                random_name(name, sizeof name);
                if (i) pli__buf_addc(&json, ',');
                pli__buf_add_json(&json, pli__str_of(name));
            }
            pli__buf_addc(&json, ']');
            const pli__type *t = pli__type_new_text(PLI__TYPE_ENUM, pli__buf_str(&json));
            pli__buf_clear(&json);
            return t;
        }
        case 5: {
            const int precision = 1 + (int)pick(38);
            return pli__type_new_decimal(precision, (int)pick((unsigned)precision + 1));
        }
        default: return pli__type_new(simple[pick(sizeof simple / sizeof simple[0])]);
    }
}

static void test_type_names__random_types_survive_in_each_language(void **state) {
    (void)state;
    const char *given = getenv("PLI_TEST_SEED");
    random_state = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL) | 1;
    print_message("PLI_TEST_SEED=%llu\n", (unsigned long long)random_state);
    for (int i = 0; i < 2000; i++) {
        const pli__type *t = random_type(6), *stored = NULL, *again = NULL;
        expect_round_trip(t, pli__type_to_sql, pli__type_from_sql);
        expect_round_trip(t, pli__type_to_polars, pli__type_from_polars);
        assert_int_equal(pli__type_to_storable(t, &stored, NULL), PLI_OK);
        expect_round_trip(stored, pli__type_to_delta, pli__type_from_delta);
        assert_int_equal(pli__type_to_storable(stored, &again, NULL), PLI_OK);
        assert_true(pli__type_equal(stored, again, true));
        pli__type_unref(t);
        pli__type_unref(stored);
        pli__type_unref(again);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_type_names__each_type_has_the_names_of_the_table),
        cmocka_unit_test(test_type_names__each_decimal_survives_in_each_language),
        cmocka_unit_test(test_type_names__units_survive_where_the_language_has_them),
        cmocka_unit_test(test_type_names__random_types_survive_in_each_language),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
