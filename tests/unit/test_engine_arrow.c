/* Arrow in and out: every type there and back, arrays made by hand in the layouts that other producers use, broken ones. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "pli/arrow.h"
#include "support/engine_kit.h"

static pli__engine *source, *target; /* two databases */

static int open_engines(void **state) {
    (void)state;
    source = kit_open();
    target = kit_open();
    return 0;
}

static int close_engines(void **state) {
    (void)state;
    pli__engine_close(source);
    pli__engine_close(target);
    return 0;
}

static struct ArrowArrayStream stream_of(const char *sql) {
    struct ArrowArrayStream stream = {0};
    pli_error err = {0};
    if (pli__engine_query_arrow(source, sql, &stream, &err) != PLI_OK) fail_msg("%s: %s", sql, err.message);
    return stream;
}

static void register_stream(const char *name, struct ArrowArrayStream *stream) {
    pli_error err = {0};
    if (pli__engine_register_arrow(target, name, stream, &err) != PLI_OK) fail_msg("%s: %s", name, err.message);
    assert_null(stream->release);
}

/* ---- there and back ---- */

/* The rows of a query, through Arrow, are the same text in the other database. */
static void expect_round_trip(const char *query) {
    pli__buf sql = {0};
    struct ArrowArrayStream stream = stream_of(query);
    register_stream("moved", &stream);
    kit_exec(target, "CREATE OR REPLACE TABLE back AS SELECT * FROM moved");
    pli__buf_addf(&sql, "CREATE OR REPLACE TABLE orig AS %s", query);
    kit_exec(target, sql.ptr);
    kit_same_rows(target, "SELECT i, v::VARCHAR FROM back", "SELECT i, v::VARCHAR FROM orig");
    assert_int_equal(pli__engine_unregister(target, "moved", NULL), PLI_OK);
    pli__buf_clear(&sql);
}

static void test_engine_arrow__every_type_survives(void **state) {
    (void)state;
    static const char *const values[] = {
        "i % 2 = 0",
        "(i % 200 - 100)::TINYINT",
        "(i - 20000)::SMALLINT",
        "(-i)::INTEGER",
        "i * 1000000007",
        "(i % 256)::UTINYINT",
        "(i % 65536)::USMALLINT",
        "(i + 4294900000)::UINTEGER",
        "(i + 18446744073709500000::UBIGINT)::UBIGINT",
        "((i - 5000)::HUGEINT * 99999999999999999999)",
        "(i::UHUGEINT * 99999999999999999999)",
        "(i / 3)::FLOAT",
        "(i / 3)::DOUBLE",
        "(CASE i % 4 WHEN 0 THEN 'nan' WHEN 1 THEN '-inf' WHEN 2 THEN 'inf' ELSE '-0.0' END)::DOUBLE",
        "(i / 10 - 500)::DECIMAL(4,1)",
        "(i - 5000)::DECIMAL(9,3)",
        "(-i)::DECIMAL(18,6)",
        "((i - 5000)::DECIMAL(38,2) * 12345678901234567890)",
        "repeat('\xC3\xA9', (i % 9)::INTEGER) || i",
        "repeat('long text ', (i % 30)::INTEGER)",
        "encode(repeat('x', (i % 20)::INTEGER)) || '\\x00\\xFF'::BLOB",
        "DATE '1950-01-01' + i::INTEGER",
        "TIME '00:00:00' + to_microseconds(i * 8639999)",
        "TIMESTAMP '1969-12-31 23:59:59.5' + to_microseconds(i * 1000003)",
        "make_timestamp(i * 1000000)::TIMESTAMP_S",
        "make_timestamp(i * 1000)::TIMESTAMP_MS",
        "make_timestamp_ns(i * 1001)",
        "make_timestamp(i * -77777777)::TIMESTAMPTZ",
        "to_microseconds(i * 12345)",
        "CASE i % 3 WHEN 0 THEN 'a' WHEN 1 THEN 'b c' END::ENUM('a', 'b c')",
        "('{\"a\":' || i || '}')::JSON",
        "range(i % 5)",
        "[[i, NULL], [], NULL]",
        "list_value('t' || i, NULL, repeat('z', 20))",
        "array_value(i, NULL, i + 1)",
        "array_value('s' || i, NULL)",
        "array_value(array_value(i, 1), NULL)",
        "{'a': i, 'b c': 'x' || i, 'n': {'d': [i]}}",
        "CASE WHEN i % 3 = 0 THEN {'a': i, 'l': [i]} END",
        "{'a': i, 'f': array_value(i, NULL)}",
        "MAP {'k' || i: i, 'j': NULL}",
        "MAP {}::MAP(INTEGER, VARCHAR)",
        "MAP {i: {'x': [MAP {1: i}]}}",
        "[{'a': i}, NULL, {'a': NULL}]",
        "NULL::STRUCT(a INTEGER, b VARCHAR[])",
        "NULL::INTEGER"};
    for (size_t k = 0; k < sizeof values / sizeof values[0]; k++) {
        pli__buf sql = {0};
        const bool is_array = strstr(values[k], "array_value") != NULL; /* the engine has no CASE for arrays */
        pli__buf_addf(&sql,
                      is_array ? "SELECT i, %s AS v FROM range(5000) t(i)"
                               : "SELECT i, CASE WHEN i %% 7 <> 3 THEN %s END AS v FROM range(5000) t(i)",
                      values[k]);
        expect_round_trip(sql.ptr);
        pli__buf_clear(&sql);
    }
    expect_round_trip(
        "SELECT i, ('00000000-0000-4000-8000-' || lpad(i::VARCHAR, 12, '0'))::UUID AS v FROM range(3000) t(i)");
    expect_round_trip("SELECT i, 1 AS v FROM range(0) t(i)");
    expect_round_trip("SELECT i, i AS v FROM range(200000) t(i)");
}

static void test_engine_arrow__days_arrive_as_their_length(void **state) {
    (void)state;
    struct ArrowArrayStream stream = stream_of("SELECT INTERVAL '3 days 1 second' AS v");
    register_stream("moved", &stream);
    assert_string_equal(kit_text(target, "SELECT v FROM moved"), "72:00:01");
    assert_int_equal(pli__engine_unregister(target, "moved", NULL), PLI_OK);
}

static void test_engine_arrow__arrays_are_large_and_hold_all_rows(void **state) {
    (void)state;
    struct ArrowArrayStream stream = stream_of("SELECT i, 'x' || i AS s FROM range(200000) t(i)");
    int64_t rows = 0, arrays = 0;
    for (;;) {
        struct ArrowArray a;
        assert_int_equal(stream.get_next(&stream, &a), 0);
        if (!a.release) break;
        assert_int_equal(a.n_children, 2);
        assert_int_equal(a.children[0]->length, a.length);
        assert_int_equal(((const int64_t *)a.children[0]->buffers[1])[0], rows);
        rows += a.length;
        arrays++;
        a.release(&a);
    }
    assert_int_equal(rows, 200000);
    assert_true(arrays <= 4);
    stream.release(&stream);
}

static void test_engine_arrow__an_open_stream_keeps_the_engine_busy_until_released(void **state) {
    (void)state;
    struct ArrowArrayStream stream = stream_of("SELECT * FROM range(1000000)");
    pli_error err = {0};
    assert_int_equal(pli__engine_exec(source, "SELECT 1", NULL, &err), PLI_E_STATE);
    stream.release(&stream);
    assert_null(stream.release);
    assert_int_equal(kit_i64(source, "SELECT 1"), 1);
}

static void test_engine_arrow__a_failing_query_fails_the_stream_with_its_message(void **state) {
    (void)state;
    struct ArrowArrayStream stream = stream_of(
        "SELECT CASE WHEN i = 300000 THEN error('boom') ELSE i END FROM range(1000000) t(i)");
    struct ArrowArray a;
    int code;
    while ((code = stream.get_next(&stream, &a)) == 0 && a.release) a.release(&a);
    assert_int_not_equal(code, 0);
    assert_string_equal(stream.get_last_error(&stream), "boom");
    stream.release(&stream);
    assert_int_equal(kit_i64(source, "SELECT 1"), 1);
}

static void test_engine_arrow__what_arrow_cannot_hold_is_an_error(void **state) {
    (void)state;
    struct ArrowArrayStream stream = {0};
    pli_error err = {0};
    assert_int_equal(pli__engine_query_arrow(source, "SELECT NULL::VARIANT AS the_column", &stream, &err),
                     PLI_E_UNSUPPORTED);
    assert_non_null(strstr(err.message, "the_column"));
    assert_int_equal(pli__engine_query_arrow(source, "SELECT '101'::BIT AS b", &stream, &err), PLI_E_UNSUPPORTED);
    assert_null(stream.release);
    static const char *const queries[] = {"SELECT INTERVAL '1 month' AS v",
                                          "SELECT 170141183460469231731687303715884105727::HUGEINT AS v",
                                          "SELECT 340282366920938463463374607431768211455::UHUGEINT AS v",
                                          "SELECT (-170141183460469231731687303715884105727)::HUGEINT AS v"};
    for (size_t i = 0; i < sizeof queries / sizeof queries[0]; i++) {
        struct ArrowArray a;
        stream = stream_of(queries[i]);
        assert_int_equal(stream.get_next(&stream, &a), EIO);
        assert_non_null(strstr(stream.get_last_error(&stream), "column 'v'"));
        stream.release(&stream);
    }
    expect_round_trip("SELECT 1 AS i, 99999999999999999999999999999999999999::HUGEINT AS v");
    expect_round_trip("SELECT 1 AS i, (-99999999999999999999999999999999999999)::HUGEINT AS v");
}

/* ---- arrays made by hand: one column "v" in one array ---- */

typedef struct {
    struct ArrowSchema top, *top_children[1], v, inner[4], *v_children[2], dictionary;
    struct ArrowArray rows, *row_children[1], values, parts[4], *value_children[2], dictionary_values;
    const void *no_validity[1], *buffers[6], *more_buffers[4][4];
    int given, fail_with, released;
    const char *message;
} hand_made;

static void release_schema(struct ArrowSchema *s) { s->release = NULL; }
static void release_rows(struct ArrowArray *a) {
    ((hand_made *)a->private_data)->released++;
    a->release = NULL;
}
static int hand_schema(struct ArrowArrayStream *s, struct ArrowSchema *out) {
    *out = ((hand_made *)s->private_data)->top;
    return 0;
}
static int hand_next(struct ArrowArrayStream *s, struct ArrowArray *out) {
    hand_made *h = s->private_data;
    *out = (struct ArrowArray){0};
    if (h->given++ == 0) *out = h->rows;
    else if (h->fail_with) return h->fail_with;
    return 0;
}
static const char *hand_error(struct ArrowArrayStream *s) { return ((hand_made *)s->private_data)->message; }
static void release_stream(struct ArrowArrayStream *s) {
    ((hand_made *)s->private_data)->released += 100;
    s->release = NULL;
}

/* The caller sets the buffers afterwards. */
static void make(hand_made *h, const char *format, int64_t n, int64_t n_buffers) {
    *h = (hand_made){0};
    h->v = (struct ArrowSchema){.format = format,
                                .name = "v",
                                .flags = ARROW_FLAG_NULLABLE,
                                .children = h->v_children,
                                .release = release_schema};
    h->top_children[0] = &h->v;
    h->top = (struct ArrowSchema){
        .format = "+s", .name = "", .n_children = 1, .children = h->top_children, .release = release_schema};
    h->values = (struct ArrowArray){.length = n,
                                    .null_count = -1,
                                    .n_buffers = n_buffers,
                                    .buffers = h->buffers,
                                    .children = h->value_children,
                                    .release = release_rows,
                                    .private_data = h};
    h->row_children[0] = &h->values;
    h->rows = (struct ArrowArray){.length = n,
                                  .n_buffers = 1,
                                  .buffers = h->no_validity,
                                  .n_children = 1,
                                  .children = h->row_children,
                                  .release = release_rows,
                                  .private_data = h};
}

static void add_child(hand_made *h, int i, const char *format, const char *name, int64_t n, int64_t n_buffers) {
    h->inner[i] = (struct ArrowSchema){
        .format = format, .name = name, .flags = ARROW_FLAG_NULLABLE, .release = release_schema};
    h->v_children[i] = &h->inner[i];
    h->v.n_children = i + 1;
    h->parts[i] = (struct ArrowArray){.length = n,
                                      .null_count = -1,
                                      .n_buffers = n_buffers,
                                      .buffers = h->more_buffers[i],
                                      .release = release_rows,
                                      .private_data = h};
    h->value_children[i] = &h->parts[i];
    h->values.n_children = i + 1;
}

static pli_status offer(hand_made *h, pli_error *err) {
    struct ArrowArrayStream s = {.get_schema = hand_schema,
                                 .get_next = hand_next,
                                 .get_last_error = hand_error,
                                 .release = release_stream,
                                 .private_data = h};
    const pli_status status = pli__engine_register_arrow(target, "hand", &s, err);
    assert_null(s.release);
    return status;
}

/* Values as text, ';' between them. */
static void expect_values(hand_made *h, const char *values) {
    pli_error err = {0};
    if (offer(h, &err) != PLI_OK) fail_msg("%s", err.message);
    const char *actual = kit_text(target, "SELECT string_agg(coalesce(v::VARCHAR, 'NULL'), ';') FROM hand");
    if (strcmp(actual, values) != 0) fail_msg("'%s', not '%s'", actual, values);
    assert_int_equal(pli__engine_unregister(target, "hand", &err), PLI_OK);
    assert_int_equal(h->released, 101);
}

static void expect_refused(hand_made *h, pli_status code, const char *part) {
    pli_error err = {0};
    pli_status status = offer(h, &err);
    if (status == PLI_OK)
        status = pli__engine_exec(target, "CREATE OR REPLACE TABLE refused AS SELECT * FROM hand", NULL, &err);
    if (status != code || !strstr(err.message, part)) fail_msg("%s: %s", pli_status_name(status), err.message);
    assert_int_equal(pli__engine_unregister(target, "hand", NULL), PLI_OK);
    assert_true(h->released >= 100);
}

static const uint8_t bits_101[] = {0x05};

static void test_engine_arrow__integers_with_an_offset_and_nulls(void **state) {
    (void)state;
    static const int32_t values[] = {99, 10, 20, 30};
    static const uint8_t bits[] = {0x0a}; /* rows 1 and 3 of the buffer */
    hand_made h;
    make(&h, "i", 3, 2);
    h.values.offset = 1;
    h.buffers[0] = bits;
    h.buffers[1] = values;
    expect_values(&h, "10;NULL;30");
    make(&h, "i", 2, 2);
    h.rows.offset = 1; /* of the rows as a whole */
    h.rows.length = 2;
    h.values.length = 4;
    h.buffers[1] = values;
    expect_values(&h, "10;20");
}

static void test_engine_arrow__booleans_and_halves(void **state) {
    (void)state;
    static const uint16_t halves[] = {0x3c00, 0xc000, 0x7bff, 0x0001, 0x7c00, 0x8000, 0x3555};
    hand_made h;
    make(&h, "b", 3, 2);
    h.buffers[1] = bits_101;
    expect_values(&h, "true;false;true");
    make(&h, "e", 7, 2);
    h.buffers[1] = halves;
    expect_values(&h, "1.0;-2.0;65504.0;5.9604645e-08;inf;-0.0;0.33325195");
}

static void test_engine_arrow__texts_in_each_layout(void **state) {
    (void)state;
    static const int32_t narrow[] = {0, 1, 1, 20};
    static const int64_t wide[] = {0, 1, 1, 20};
    static const char text[] = "abcdefghijklmnopqrst", fixed[] = "abcxyzdef";
    static const struct {
        int32_t len;
        union {
            char inlined[12];
            struct {
                char prefix[4];
                int32_t buffer, offset;
            } far;
        } u;
    } views[] = {{1, {"a"}}, {12, {"123456789012"}}, {19, {.far = {"bcde", 0, 1}}}};
    hand_made h;
    make(&h, "u", 3, 3);
    h.buffers[0] = bits_101, h.buffers[1] = narrow, h.buffers[2] = text;
    expect_values(&h, "a;NULL;bcdefghijklmnopqrst");
    make(&h, "U", 3, 3);
    h.buffers[1] = wide, h.buffers[2] = text;
    expect_values(&h, "a;;bcdefghijklmnopqrst");
    make(&h, "vu", 3, 4);
    h.buffers[1] = views, h.buffers[2] = text;
    expect_values(&h, "a;123456789012;bcdefghijklmnopqrst");
    make(&h, "w:3", 3, 2);
    h.buffers[0] = bits_101, h.buffers[1] = fixed;
    expect_values(&h, "abc;NULL;def");
}

static void test_engine_arrow__dictionaries_with_null_indices_and_null_values(void **state) {
    (void)state;
    static const int8_t index[] = {1, 0, 0, 2};
    static const uint8_t index_bits[] = {0x0d}, value_bits[] = {0x03};
    static const int32_t offsets[] = {0, 1, 3, 3};
    hand_made h;
    make(&h, "c", 4, 2);
    h.buffers[0] = index_bits, h.buffers[1] = index;
    h.dictionary = (struct ArrowSchema){.format = "u", .name = "", .release = release_schema};
    h.v.dictionary = &h.dictionary;
    h.dictionary_values = (struct ArrowArray){.length = 3,
                                              .null_count = 1,
                                              .n_buffers = 3,
                                              .buffers = h.more_buffers[0],
                                              .release = release_rows,
                                              .private_data = &h};
    h.values.dictionary = &h.dictionary_values;
    h.more_buffers[0][0] = value_bits, h.more_buffers[0][1] = offsets, h.more_buffers[0][2] = "abc";
    expect_values(&h, "bc;NULL;a;NULL");
    static const int8_t wild[] = {0, 0, 0, 3};
    h.given = h.released = 0;
    h.top.release = release_schema;
    h.buffers[0] = NULL, h.buffers[1] = wild;
    expect_refused(&h, PLI_E_DATA, "behind its dictionary");
}

static void test_engine_arrow__times_and_dates_in_other_units(void **state) {
    (void)state;
    static const int64_t ms[] = {0, -86400000, 86400000}, odd_ms[] = {0, 1, 2}, ns[] = {1000, -1000, 2000},
                         seconds[] = {0, -1, 1};
    static const int32_t time_s[] = {0, 1, 86399};
    hand_made h;
    make(&h, "tdm", 3, 2);
    h.buffers[1] = ms;
    expect_values(&h, "1970-01-01;1969-12-31;1970-01-02");
    make(&h, "tdm", 3, 2);
    h.buffers[1] = odd_ms;
    expect_refused(&h, PLI_E_DATA, "column 'v', row 2");
    make(&h, "tts", 3, 2);
    h.buffers[1] = time_s;
    expect_values(&h, "00:00:00;00:00:01;23:59:59");
    make(&h, "tsn:Asia/Tokyo", 3, 2);
    h.buffers[1] = ns;
    expect_values(&h, "1970-01-01 00:00:00.000001+00;1969-12-31 23:59:59.999999+00;1970-01-01 00:00:00.000002+00");
    make(&h, "tss:UTC", 3, 2);
    h.buffers[1] = seconds;
    expect_values(&h, "1970-01-01 00:00:00+00;1969-12-31 23:59:59+00;1970-01-01 00:00:01+00");
    make(&h, "tsn:", 3, 2);
    h.buffers[1] = odd_ms;
    expect_values(&h, "1970-01-01 00:00:00;1970-01-01 00:00:00.000000001;1970-01-01 00:00:00.000000002");
}

static void test_engine_arrow__digits_that_would_be_lost_are_refused_with_column_and_row(void **state) {
    (void)state;
    static const int64_t ns[] = {1000, 2000, 2001}, far[] = {0, INT64_MAX, 0}, late[] = {0, 0, 86400000001};
    static const struct {
        uint64_t low;
        int64_t high;
    } big[] = {{1, 0}, {1, 0}, {0, INT64_MAX}};
    hand_made h;
    make(&h, "tsn:UTC", 3, 2);
    h.buffers[1] = ns;
    expect_refused(
        &h, PLI_E_DATA,
        "column 'v', row 3: the timestamp 2001 ns (about 1970-01-01T00:00:00.000002Z) has digits below microseconds");
    make(&h, "tDn", 3, 2);
    h.buffers[1] = ns;
    expect_refused(&h, PLI_E_DATA, "column 'v', row 3");
    make(&h, "tss:UTC", 3, 2);
    h.buffers[1] = far;
    expect_refused(&h, PLI_E_DATA, "column 'v', row 2");
    make(&h, "ttu", 3, 2);
    h.buffers[1] = late;
    expect_refused(&h, PLI_E_DATA, "column 'v', row 3");
    make(&h, "d:38,0", 3, 2);
    h.buffers[1] = big;
    expect_refused(&h, PLI_E_DATA, "38 digits");
}

static void test_engine_arrow__decimals_of_each_width(void **state) {
    (void)state;
    static const int32_t d32[] = {125, -125};
    static const int64_t d64[] = {125, -125}, d256[] = {125, 0, 0, 0, -125, -1, -1, -1}, wide[] = {0, 0, 1, 0};
    hand_made h;
    make(&h, "d:9,2,32", 2, 2);
    h.buffers[1] = d32;
    expect_values(&h, "1.25;-1.25");
    make(&h, "d:18,2,64", 2, 2);
    h.buffers[1] = d64;
    expect_values(&h, "1.25;-1.25");
    make(&h, "d:4,2,256", 2, 2);
    h.buffers[1] = d256;
    expect_values(&h, "1.25;-1.25");
    make(&h, "d:38,2,256", 1, 2);
    h.buffers[1] = wide;
    expect_refused(&h, PLI_E_DATA, "row 1");
}

static void test_engine_arrow__lists_that_overlap_and_leave_gaps(void **state) {
    (void)state;
    static const int32_t offsets[] = {4, 0, 1}, sizes[] = {2, 3, 0}, elements[] = {0, 1, 2, 3, 4, 5};
    hand_made h;
    make(&h, "+vl", 3, 3);
    h.buffers[1] = offsets, h.buffers[2] = sizes;
    add_child(&h, 0, "i", "item", 6, 2);
    h.more_buffers[0][1] = elements;
    expect_values(&h, "[4, 5];[0, 1, 2];[]");
    static const int32_t gap[] = {0, 2, 4, 6};
    make(&h, "+l", 3, 2);
    h.buffers[0] = bits_101, h.buffers[1] = gap;
    add_child(&h, 0, "i", "item", 6, 2);
    h.more_buffers[0][1] = elements;
    expect_values(&h, "[0, 1];NULL;[4, 5]");
    static const int32_t wrong[] = {0, 2, 4, 7};
    make(&h, "+l", 3, 2);
    h.buffers[1] = wrong;
    add_child(&h, 0, "i", "item", 6, 2);
    h.more_buffers[0][1] = elements;
    expect_refused(&h, PLI_E_DATA, "offsets are wrong");
}

static void test_engine_arrow__structs_hide_their_fields_where_they_are_null(void **state) {
    (void)state;
    static const int32_t a[] = {9, 1, 2, 3};
    static const int64_t b[] = {9, 10, 20, 30};
    hand_made h;
    make(&h, "+s", 3, 1);
    h.values.offset = 1; /* applies to the fields */
    static const uint8_t bits[] = {0x0a};
    h.buffers[0] = bits;
    add_child(&h, 0, "i", "a", 4, 2);
    add_child(&h, 1, "l", "b", 4, 2);
    h.more_buffers[0][1] = a, h.more_buffers[1][1] = b;
    expect_values(&h, "{'a': 1, 'b': 10};NULL;{'a': 3, 'b': 30}");
}

static void test_engine_arrow__fixed_lists_with_an_offset(void **state) {
    (void)state;
    static const int32_t elements[] = {0, 1, 2, 3, 4, 5};
    hand_made h;
    make(&h, "+w:2", 2, 1);
    h.values.offset = 1;
    add_child(&h, 0, "i", "item", 6, 2);
    h.more_buffers[0][1] = elements;
    expect_values(&h, "[2, 3];[4, 5]");
}

static void test_engine_arrow__unknown_layouts_are_refused_with_their_column(void **state) {
    (void)state;
    static const char *const formats[] = {"+r", "+ud:0", "+us:0", "x",    "",     "d:39,0", "d:5,6", "d:x",
                                          "w:", "w:-1",  "ts",    "tsx:", "+w:0", "+l",     "+m",    "tdX"};
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        hand_made h;
        make(&h, formats[i], 0, 2);
        expect_refused(&h, PLI_E_UNSUPPORTED, "'v'");
    }
}

static void test_engine_arrow__streams_that_are_no_rows_are_refused(void **state) {
    (void)state;
    hand_made h;
    make(&h, "i", 0, 2);
    h.top = h.v;
    expect_refused(&h, PLI_E_ARGUMENT, "no rows");
    make(&h, "i", 0, 2);
    h.top.n_children = 0;
    expect_refused(&h, PLI_E_ARGUMENT, "no columns");
    make(&h, "u", 1, 3);
    static const int32_t offsets[] = {0, 2};
    h.buffers[1] = offsets, h.buffers[2] = "\xff\xfe";
    expect_refused(&h, PLI_E_DATA, "UTF-8");
}

/* ---- the stream as a whole ---- */

static void test_engine_arrow__a_stream_that_fails_gives_its_own_error(void **state) {
    (void)state;
    static const int32_t values[] = {1};
    static const struct {
        int code;
        pli_status status;
    } cases[] = {{EIO, PLI_E_IO},
                 {ENOMEM, PLI_E_MEMORY},
                 {ECANCELED, PLI_E_CANCELLED},
                 {ENOSPC, PLI_E_DISK_FULL},
                 {EINVAL, PLI_E_IO}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        hand_made h;
        make(&h, "i", 1, 2);
        h.buffers[1] = values;
        h.fail_with = cases[i].code;
        h.message = i == 0 ? "the producer is gone" : NULL;
        expect_refused(&h, cases[i].status,
                       i == 0 ? "while reading the stream 'hand': the producer is gone"
                              : "while reading the stream 'hand': ");
    }
    assert_int_equal(kit_error(target, "SELEC")->code, PLI_E_SQL);
}

static void test_engine_arrow__a_stream_is_read_once(void **state) {
    (void)state;
    static const int32_t values[] = {1, 2};
    hand_made h;
    make(&h, "i", 2, 2);
    h.buffers[1] = values;
    pli_error err = {0};
    assert_int_equal(offer(&h, &err), PLI_OK);
    assert_string_equal(kit_describe(target, "SELECT * FROM hand"), "STRUCT(v INTEGER)");
    assert_string_equal(kit_describe(target, "SELECT v + 1 AS w FROM hand"), "STRUCT(w INTEGER)");
    assert_int_equal(kit_i64(target, "SELECT count(*) FROM hand"), 2);
    const pli_error *again = kit_error(target, "SELECT * FROM hand");
    assert_int_equal(again->code, PLI_E_SQL);
    assert_non_null(strstr(again->message, "only once"));
    assert_non_null(strstr(again->hint, "MATERIALIZED"));
    assert_int_equal(pli__engine_unregister(target, "hand", &err), PLI_OK);
    assert_int_equal(kit_error(target, "SELECT * FROM hand")->code, PLI_E_SQL);
    assert_int_equal(pli__engine_unregister(target, "hand", &err), PLI_OK);
    assert_int_equal(h.released, 101);
}

static void test_engine_arrow__registering_again_replaces_the_stream(void **state) {
    (void)state;
    static const int32_t one[] = {1}, two[] = {2};
    hand_made first, second;
    pli_error err = {0};
    make(&first, "i", 1, 2);
    first.buffers[1] = one;
    make(&second, "i", 1, 2);
    second.buffers[1] = two;
    assert_int_equal(offer(&first, &err), PLI_OK);
    assert_int_equal(offer(&second, &err), PLI_OK);
    assert_int_equal(first.released, 100);
    assert_int_equal(kit_i64(target, "SELECT v FROM hand"), 2);
    assert_int_equal(pli__engine_unregister(target, "hand", &err), PLI_OK);
}

static void test_engine_arrow__columns_that_nobody_asks_for_are_not_read(void **state) {
    (void)state;
    struct ArrowArrayStream stream = stream_of("SELECT i, 'x' || i AS s, i * 2 AS d FROM range(5000) t(i)");
    register_stream("wide", &stream);
    assert_int_equal(kit_i64(target, "SELECT sum(d)::BIGINT FROM wide WHERE i % 2 = 0"), 12495000);
    stream = stream_of("SELECT i, 'x' || i AS s FROM range(5000) t(i)");
    register_stream("wide", &stream);
    assert_int_equal(kit_i64(target, "SELECT count(*) FROM wide"), 5000);
    assert_int_equal(pli__engine_unregister(target, "wide", NULL), PLI_OK);
}

static void test_engine_arrow__names_may_be_anything_but_equal(void **state) {
    (void)state;
    struct ArrowArrayStream stream = stream_of(
        "SELECT 1 AS \"a b\", 2 AS \"c\"\"d\", 3 AS \"\xC3\xA9\", 4 AS \"select\"");
    register_stream("my \"odd\" name", &stream);
    assert_int_equal(
        kit_i64(target, "SELECT \"a b\" + \"c\"\"d\" + \"\xC3\xA9\" + \"select\" FROM \"my \"\"odd\"\" name\""), 10);
    assert_int_equal(pli__engine_unregister(target, "my \"odd\" name", NULL), PLI_OK);
    hand_made h;
    make(&h, "+s", 1, 1);
    add_child(&h, 0, "i", "a", 1, 2);
    add_child(&h, 1, "i", "A", 1, 2);
    expect_refused(&h, PLI_E_SCHEMA, "'A'");
}

static void test_engine_arrow__a_stream_that_was_never_read_is_released_with_the_engine(void **state) {
    (void)state;
    static const int32_t one[] = {1};
    hand_made h;
    make(&h, "i", 1, 2);
    h.buffers[1] = one;
    pli__engine *e = kit_open();
    struct ArrowArrayStream s = {.get_schema = hand_schema,
                                 .get_next = hand_next,
                                 .get_last_error = hand_error,
                                 .release = release_stream,
                                 .private_data = &h};
    assert_int_equal(pli__engine_register_arrow(e, "x", &s, NULL), PLI_OK);
    pli__engine_close(e);
    assert_int_equal(h.released, 100);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_engine_arrow__every_type_survives),
        cmocka_unit_test(test_engine_arrow__days_arrive_as_their_length),
        cmocka_unit_test(test_engine_arrow__arrays_are_large_and_hold_all_rows),
        cmocka_unit_test(test_engine_arrow__an_open_stream_keeps_the_engine_busy_until_released),
        cmocka_unit_test(test_engine_arrow__a_failing_query_fails_the_stream_with_its_message),
        cmocka_unit_test(test_engine_arrow__what_arrow_cannot_hold_is_an_error),
        cmocka_unit_test(test_engine_arrow__integers_with_an_offset_and_nulls),
        cmocka_unit_test(test_engine_arrow__booleans_and_halves),
        cmocka_unit_test(test_engine_arrow__texts_in_each_layout),
        cmocka_unit_test(test_engine_arrow__dictionaries_with_null_indices_and_null_values),
        cmocka_unit_test(test_engine_arrow__times_and_dates_in_other_units),
        cmocka_unit_test(test_engine_arrow__digits_that_would_be_lost_are_refused_with_column_and_row),
        cmocka_unit_test(test_engine_arrow__decimals_of_each_width),
        cmocka_unit_test(test_engine_arrow__lists_that_overlap_and_leave_gaps),
        cmocka_unit_test(test_engine_arrow__structs_hide_their_fields_where_they_are_null),
        cmocka_unit_test(test_engine_arrow__fixed_lists_with_an_offset),
        cmocka_unit_test(test_engine_arrow__unknown_layouts_are_refused_with_their_column),
        cmocka_unit_test(test_engine_arrow__streams_that_are_no_rows_are_refused),
        cmocka_unit_test(test_engine_arrow__a_stream_that_fails_gives_its_own_error),
        cmocka_unit_test(test_engine_arrow__a_stream_is_read_once),
        cmocka_unit_test(test_engine_arrow__registering_again_replaces_the_stream),
        cmocka_unit_test(test_engine_arrow__columns_that_nobody_asks_for_are_not_read),
        cmocka_unit_test(test_engine_arrow__names_may_be_anything_but_equal),
        cmocka_unit_test(test_engine_arrow__a_stream_that_was_never_read_is_released_with_the_engine),
    };
    return cmocka_run_group_tests(tests, open_engines, close_engines);
}
