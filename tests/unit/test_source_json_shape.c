/* The scanner behind JSON shapes: what its short ways (many bytes at a time) say is what its long ones say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
// cmocka wants the ones above
#include <cmocka.h>

#include "base/bytes.h"
#include "port/fs.h"
#include "source/format_infer.h"
#include "source/format_json_shape.h"
#include "support/temp_dir.h"

enum { MAX_RECORD = 1 << 20 };

static const char *const VALUES[] = {"1",
                                     "0",
                                     "-1",
                                     "-0",
                                     "00",
                                     "01",
                                     "-",
                                     "+1",
                                     "127",
                                     "128",
                                     "-128",
                                     "-129",
                                     "32767",
                                     "32768",
                                     "2147483647",
                                     "2147483648",
                                     "123456789",
                                     "999999999999999",
                                     "9999999999999999",
                                     "9223372036854775807",
                                     "9223372036854775808",
                                     "99999999999999999999999999999999999999",
                                     "123456789012345678901234567890123456789",
                                     "1.5",
                                     "1.",
                                     ".5",
                                     "-1.25",
                                     "1.5e3",
                                     "1e5",
                                     "1E+5",
                                     "1e",
                                     "1.2.3",
                                     "1a",
                                     "123456789012345.123456789012345",
                                     "1234567890123456.5",
                                     "0.1234567890123456",
                                     "0.5",
                                     "00.5",
                                     "true",
                                     "false",
                                     "null",
                                     "tru",
                                     "nul",
                                     "trueish",
                                     "falsehood",
                                     "\"\"",
                                     "\"x\"",
                                     "\"a text of just thirty characters\"",
                                     "\"a text of more than thirty-two characters in all\"",
                                     "\"quote \\\" inside\"",
                                     "\"\\\\\"",
                                     "\"\\u00e9\"",
                                     "\"unfinished",
                                     "\"2026-01-31\"",
                                     "\"2026-02-30\"",
                                     "\"2024-02-29\"",
                                     "\"2026-13-01\"",
                                     "\"2026-00-10\"",
                                     "\"2026-1-01\"",
                                     "\"2026/01/01\"",
                                     "\"2026-01-0x\"",
                                     "\"0000-01-01\"",
                                     "\"20260101xx\"",
                                     "\"2026-01-01T10:00:00Z\"",
                                     "\"2026-01-01 10:00:00.123456\"",
                                     "\"2026-01-01 10:00:00.1234567\"",
                                     "\"2026-01-01T10:00+02:00\"",
                                     "\"2026-01-01T25:00:00\"",
                                     "\"\xB2\xB0\xB2\xB6-01-01\"",
                                     "{}",
                                     "[]",
                                     "{\"x\":1}",
                                     "{\"x\" : {\"y\":[1,2,{\"z\":null}]}}",
                                     "[1,\"two\",3.0]",
                                     "{\"a key that is longer than the lead\":1,\"b\":2}",
                                     "{\"k\":1,\"k\":\"2\"}",
                                     "{,}",
                                     "[1,]",
                                     "{\"x\":}",
                                     "{\"x\"}"};

static void describe(const pli__shape *s, pli__buf *out) {
    pli__buf_addf(out, "(%x%s%s", s->kinds, s->object ? " object" : "", s->array ? " array" : "");
    for (size_t i = 0; i < s->n; i++) {
        pli__buf_addf(out, " %.*s=", PLI_STR_ARG(s->names[i]));
        describe(s->fields[i], out);
    }
    if (s->element) describe(s->element, out);
    pli__buf_addc(out, ')');
}

/* What the scan says of a file with this text: its shape, or that it is bad. */
static void scan(void *dir, pli__str text, pli__buf *out) {
    PLI_AUTO(pli__arena_clear) pli__arena arena = {0};
    pli__shape root = {0};
    pli__json_scan_result result = {0};
    const char *path = temp_path(dir, "f.ndjson");
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(text.ptr, 1, text.len, f), text.len);
    assert_int_equal(fclose(f), 0);
    const pli_status s = pli__json_scan_file(path, true, false, MAX_RECORD, &arena, &root, &result, NULL);
    if (s == PLI_OK) describe(&root, out);
    else pli__buf_addf(out, "%s", pli_status_name(s));
}

/* Alone, at the end of the file, a value is looked at byte by byte; in front of a lot of text the short ways are open. */
static void expect_the_same(void *dir, const char *before, const char *value) {
    PLI_AUTO(pli__buf_clear) pli__buf alone = {0}, followed = {0}, slow = {0}, fast = {0};
    pli__buf_addf(&alone, "{\"v\":%s%s}", before, value);
    pli__buf_addf(&followed, "{\"v\":%s%s}\n{\"v\":%s%s}%200s", before, value, before, value, "\n");
    scan(dir, pli__buf_str(&alone), &slow);
    scan(dir, pli__buf_str(&followed), &fast);
    if (!pli__str_eq(pli__buf_str(&slow), pli__buf_str(&fast)))
        fail_msg("%s%s: %s alone, %s before more text", before, value, slow.ptr, fast.ptr);
}

static void test_source_json_shape__short_and_long_ways_agree(void **state) {
    for (size_t i = 0; i < sizeof VALUES / sizeof *VALUES; i++) {
        expect_the_same(*state, "", VALUES[i]);
        expect_the_same(*state, " \t", VALUES[i]);
    }
}

/* The oracle of a lone number or date is the classifier of texts, which CSV uses. */
static void test_source_json_shape__dates_are_those_of_the_calendar(void **state) {
    (void)state;
    char text[40];
    int good = 0;
    for (int y = 1999; y <= 2001; y++)
        for (int m = 0; m <= 13; m++)
            for (int d = 0; d <= 32; d++) {
                snprintf(text, sizeof text, "%04d-%02d-%02d", y, m, d);
                good += pli__string_kinds(pli__str_of(text)) == PLI__SEEN_DATE;
            }
    assert_int_equal(good, 365 + 366 + 365);
    for (int at = 0; at < 10; at++)
        for (int c = 1; c < 256; c++) {
            memcpy(text, "2026-10-12", 11);
            if (text[at] == (char)c) continue;
            text[at] = (char)c;
            const bool digit = c >= '0' && c <= '9' && at != 4 && at != 7;
            if (!digit) assert_int_equal(pli__string_kinds(pli__str_of(text)), PLI__SEEN_TEXT);
        }
}

static void test_source_json_shape__bytes_are_counted_as_a_loop_counts_them(void **state) {
    (void)state;
    char text[33];
    for (int c = 0; c < 256; c++)
        for (unsigned at = 0; at <= 32; at++) {
            memset(text, '7', sizeof text);
            if (at < 32) text[at] = (char)c;
            const bool digit = c >= '0' && c <= '9', quote = c == '"' || c == '\\';
            assert_int_equal(pli__digits16(text), digit || at >= 16 ? 16 : at);
            assert_int_equal(pli__quote32(text), quote && at < 32 ? at : 32);
        }
    for (unsigned n = 0; n <= 16; n++)
        for (unsigned at = 0; at < 16; at++) {
            char other[16];
            memcpy(other, text, 16);
            other[at] ^= 1;
            assert_int_equal(pli__same16(text, other, n), at >= n);
        }
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_source_json_shape__##name, temp_dir_setup, temp_dir_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(short_and_long_ways_agree),
        TEST(dates_are_those_of_the_calendar),
        TEST(bytes_are_counted_as_a_loop_counts_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
