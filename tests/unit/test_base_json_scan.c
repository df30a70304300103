/* The pull scanner: what it delivers, what it refuses and where. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
// cmocka wants the ones above
#include <cmocka.h>

#include "base/json_scan.h"

static pli__json_scan scan_of(const char *text) {
    pli__json_scan s;
    pli__json_scan_init(&s, pli__str_of(text), "doc", 0);
    return s;
}

static pli__json_item next_item(pli__json_scan *s) {
    pli__json_item it;
    pli_error err;
    bool more = false;
    if (pli__json_scan_next(s, &it, &more, &err) != PLI_OK) fail_msg("%s", err.message);
    assert_true(more);
    return it;
}

static void assert_closed(pli__json_scan *s) {
    pli__json_item it;
    bool more = true;
    assert_int_equal(pli__json_scan_next(s, &it, &more, NULL), PLI_OK);
    assert_false(more);
}

static pli__json_item enter_root(pli__json_scan *s) {
    pli__json_item it;
    assert_int_equal(pli__json_scan_root(s, &it, NULL), PLI_OK);
    assert_int_equal(pli__json_scan_enter(s, NULL), PLI_OK);
    return it;
}

/* Reads the text whole, the root skipped. */
static pli_status check(pli__str text, bool utf8, pli_error *err) {
    pli__json_scan s;
    pli__json_item it;
    pli__json_scan_init(&s, text, "doc", 0);
    s.check_utf8 = utf8;
    PLI_TRY(pli__json_scan_root(&s, &it, err));
    return pli__json_scan_end(&s, err);
}

/* Reads the text whole, everything entered. */
static pli_status check_entering(pli__json_scan *s, pli_error *err) {
    pli__json_item it;
    bool more = true;
    PLI_TRY(pli__json_scan_root(s, &it, err));
    if (it.kind < PLI__JSON_OBJECT) return pli__json_scan_end(s, err);
    PLI_TRY(pli__json_scan_enter(s, err));
    while (s->level > 0) {
        PLI_TRY(pli__json_scan_next(s, &it, &more, err));
        if (more && it.kind >= PLI__JSON_OBJECT) PLI_TRY(pli__json_scan_enter(s, err));
    }
    return pli__json_scan_end(s, err);
}

static void test_json_scan__delivers_members_in_order(void **state) {
    (void)state;
    pli__json_scan s = scan_of(" { \"path\" : \"a b\" , \"size\":-12.5e+3,\"t\":true,\"f\":false,\"n\":null } ");
    assert_int_equal(enter_root(&s).kind, PLI__JSON_OBJECT);
    pli__json_item it = next_item(&s);
    assert_true(pli__json_key_is(&it, "path"));
    assert_false(pli__json_key_is(&it, "pat"));
    assert_int_equal(it.kind, PLI__JSON_STRING);
    assert_true(pli__str_eqz(it.raw, "a b"));
    assert_false(it.escaped);
    it = next_item(&s);
    assert_int_equal(it.kind, PLI__JSON_NUMBER);
    assert_true(pli__str_eqz(it.raw, "-12.5e+3"));
    assert_int_equal(next_item(&s).kind, PLI__JSON_TRUE);
    assert_int_equal(next_item(&s).kind, PLI__JSON_FALSE);
    it = next_item(&s);
    assert_int_equal(it.kind, PLI__JSON_NULL);
    assert_true(pli__str_eqz(it.raw, "null"));
    assert_closed(&s);
    assert_int_equal(pli__json_scan_end(&s, NULL), PLI_OK);
}

static void test_json_scan__enters_skips_and_leaves(void **state) {
    (void)state;
    pli__json_scan s = scan_of(
        "{\"add\":{\"p\":[1,[2],{}],\"q\":2},\"skip\":{\"x\":[{\"y\":\"}\"}]},\"arr\":[10,20],\"z\":0}");
    pli__str raw;
    enter_root(&s);
    assert_int_equal(next_item(&s).kind, PLI__JSON_OBJECT);
    assert_int_equal(pli__json_scan_enter(&s, NULL), PLI_OK);
    pli__json_item it = next_item(&s);
    assert_int_equal(it.kind, PLI__JSON_ARRAY);
    assert_int_equal(pli__json_scan_skip(&s, &raw, NULL), PLI_OK);
    assert_true(pli__str_eqz(raw, "[1,[2],{}]"));
    assert_int_equal(pli__json_scan_leave(&s, NULL), PLI_OK);
    it = next_item(&s);
    assert_true(pli__json_key_is(&it, "skip"));
    it = next_item(&s); /* without having asked for it, "skip" is passed over */
    assert_true(pli__json_key_is(&it, "arr"));
    assert_int_equal(pli__json_scan_enter(&s, NULL), PLI_OK);
    it = next_item(&s);
    assert_int_equal(it.key.len, 0);
    int64_t v = 0;
    assert_true(pli__json_item_i64(&it, &v) && v == 10);
    assert_int_equal(pli__json_scan_end(&s, NULL), PLI_OK); /* passes over the rest */
}

static void test_json_scan__empty_containers(void **state) {
    (void)state;
    pli__json_scan s = scan_of("[ ]");
    enter_root(&s);
    assert_closed(&s);
    assert_int_equal(pli__json_scan_end(&s, NULL), PLI_OK);
    s = scan_of("{ }");
    enter_root(&s);
    assert_int_equal(pli__json_scan_end(&s, NULL), PLI_OK);
    assert_int_equal(check(PLI_STR("[[],{},[{}],{\"a\":[]}]"), false, NULL), PLI_OK);
}

static void test_json_scan__duplicate_keys_come_as_they_are(void **state) {
    (void)state;
    pli__json_scan s = scan_of("{\"a\":1,\"a\":2}");
    int64_t v = 0;
    enter_root(&s);
    pli__json_item it = next_item(&s);
    assert_true(pli__json_item_i64(&it, &v) && v == 1);
    it = next_item(&s);
    assert_true(pli__json_key_is(&it, "a") && pli__json_item_i64(&it, &v) && v == 2);
}

static void test_json_scan__resolves_escapes_when_asked(void **state) {
    (void)state;
    pli__json_scan s = scan_of(
        "[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\",\"\\u0041\\u00e4\\u20AC\\ud83d\\ude00\",\"a\\u0000b\",\"plain\",\"\"]");
    PLI_AUTO(pli__buf_clear) pli__buf b = {0};
    enter_root(&s);
    pli__json_item it = next_item(&s);
    assert_true(it.escaped);
    assert_true(pli__str_eqz(pli__json_item_str(&it, &b), "\"\\/\b\f\n\r\t"));
    it = next_item(&s);
    assert_true(pli__str_eqz(pli__json_item_str(&it, &b), "Aä€\xF0\x9F\x98\x80"));
    it = next_item(&s);
    assert_true(pli__str_eq(pli__json_item_str(&it, &b), PLI_STR("a\0b")));
    it = next_item(&s);
    const pli__str plain = pli__json_item_str(&it, &b);
    assert_ptr_equal(plain.ptr, it.raw.ptr); /* no copy */
    it = next_item(&s);
    assert_int_equal(pli__json_item_str(&it, &b).len, 0);
}

static void test_json_scan__keys_match_through_escapes(void **state) {
    (void)state;
    pli__json_scan s = scan_of("{\"\\u0061dd\":1,\"a\\ud83d\\ude00\":2,\"ad\\u0000\":3}");
    enter_root(&s);
    pli__json_item it = next_item(&s);
    assert_true(it.key_escaped);
    assert_true(pli__json_key_is(&it, "add"));
    assert_false(pli__json_key_is(&it, "ad"));
    assert_false(pli__json_key_is(&it, "addx"));
    it = next_item(&s);
    assert_true(pli__json_key_is(&it, "a\xF0\x9F\x98\x80"));
    it = next_item(&s);
    assert_false(pli__json_key_is(&it, "ad"));
}

static void test_json_scan__reads_numbers_on_request(void **state) {
    (void)state;
    pli__json_scan s = scan_of(
        "[9223372036854775807,-9223372036854775808,9223372036854775808,1.0,1e3,\"7\",true,0.5,123456789012345678901234567890]");
    int64_t i = 0;
    double d = 0;
    bool b = false;
    enter_root(&s);
    pli__json_item it = next_item(&s);
    assert_true(pli__json_item_i64(&it, &i) && i == INT64_MAX);
    it = next_item(&s);
    assert_true(pli__json_item_i64(&it, &i) && i == INT64_MIN);
    it = next_item(&s);
    assert_false(pli__json_item_i64(&it, &i));
    assert_true(pli__json_item_f64(&it, &d) && d == 9223372036854775808.0);
    it = next_item(&s);
    assert_false(pli__json_item_i64(&it, &i));
    it = next_item(&s);
    assert_true(pli__json_item_f64(&it, &d) && d == 1000.0);
    it = next_item(&s);
    assert_false(pli__json_item_i64(&it, &i) || pli__json_item_f64(&it, &d) || pli__json_item_bool(&it, &b));
    it = next_item(&s);
    assert_true(pli__json_item_bool(&it, &b) && b);
    it = next_item(&s);
    assert_true(pli__json_item_f64(&it, &d) && d == 0.5);
    it = next_item(&s);
    assert_true(pli__str_eqz(it.raw, "123456789012345678901234567890")); /* no digit is lost */
}

static const char *const bad_texts[] = {"",
                                        " ",
                                        "{",
                                        "[",
                                        "}",
                                        "]",
                                        "{]",
                                        "[}",
                                        "[1,]",
                                        "[,1]",
                                        "[1 2]",
                                        "{,}",
                                        "{\"a\"}",
                                        "{\"a\":}",
                                        "{\"a\":1,}",
                                        "{\"a\" 1}",
                                        "{a:1}",
                                        "{1:1}",
                                        "{\"a\":1 \"b\":2}",
                                        "nul",
                                        "nulll",
                                        "tru",
                                        "True",
                                        "falsee",
                                        "01",
                                        "-",
                                        "-a",
                                        "1.",
                                        ".5",
                                        "1.e3",
                                        "1e",
                                        "1e+",
                                        "+1",
                                        "0x1",
                                        "1a",
                                        "\"",
                                        "\"abc",
                                        "\"\\\"",
                                        "\"\\x\"",
                                        "\"\\u12\"",
                                        "\"\\u12g4\"",
                                        "\"\\",
                                        "\"\\ud800\"",
                                        "\"\\udc00\"",
                                        "\"\\ud800\\u0041\"",
                                        "\"\\ud800x\"",
                                        "\"a\nb\"",
                                        "\"\x01\"",
                                        "1 1",
                                        "{} {}",
                                        "[] x",
                                        "\xEF\xBB\xBF{}",
                                        "'a'",
                                        "[1",
                                        "[1,",
                                        "{\"a\"",
                                        "{\"a\":",
                                        "{\"a\":1",
                                        "{\"a\":1,",
                                        "[[[[",
                                        "/* */ 1",
                                        "NaN",
                                        "Infinity",
                                        "[1}",
                                        "{\"a\":[}",
                                        "[{\"a\":1]",
                                        "\"12345678\x1f\"",
                                        "--1"};

static void test_json_scan__refuses_what_is_not_json_skipping_and_entering(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof bad_texts / sizeof bad_texts[0]; i++) {
        pli_error err;
        if (check(pli__str_of(bad_texts[i]), false, &err) != PLI_E_CORRUPT) fail_msg("'%s' was taken", bad_texts[i]);
        assert_true(err.position >= 1 && (size_t)err.position <= strlen(bad_texts[i]) + 1);
        pli__json_scan s = scan_of(bad_texts[i]);
        if (check_entering(&s, &err) != PLI_E_CORRUPT) fail_msg("'%s' was taken when entered", bad_texts[i]);
    }
    assert_int_equal(check(PLI_STR("\"a\0b\""), false, NULL), PLI_E_CORRUPT);
}

static void test_json_scan__every_cut_of_a_text_is_refused(void **state) {
    (void)state;
    const char *text =
        "{\"add\":{\"path\":\"p\\u00e4=1/x\\n.parquet\",\"size\":12.5e-1,\"ok\":[true,false,null,{}],\"stats\":\"{\\\"n\\\":1}\"}}";
    for (size_t n = 0; n < strlen(text); n++) {
        pli_error err;
        char *copy = malloc(n ? n : 1); /* exactly as long, for the address sanitizer */
        memcpy(copy, text, n);
        assert_int_equal(check((pli__str){copy, n}, true, &err), PLI_E_CORRUPT);
        pli__json_scan s;
        pli__json_scan_init(&s, (pli__str){copy, n}, "doc", 0);
        assert_int_equal(check_entering(&s, &err), PLI_E_CORRUPT);
        free(copy);
    }
    assert_int_equal(check(pli__str_of(text), true, NULL), PLI_OK);
}

static void test_json_scan__finds_the_end_of_a_string_at_every_alignment(void **state) {
    (void)state;
    static const char ends[] = {'"', '\\', '\x1f', '\n', '\x80', '!', '#', '[', ']', ' ', '\x7f'};
    for (size_t pad = 0; pad < 40; pad++) {
        for (size_t e = 0; e < sizeof ends; e++) {
            char text[64];
            memset(text, 'x', sizeof text);
            text[0] = '"';
            text[1 + pad] = ends[e];
            text[2 + pad] = '"';
            const bool closes = ends[e] == '"', refused = ends[e] == '\\' || (unsigned char)ends[e] < 0x20;
            const size_t len = closes ? pad + 2 : pad + 3;
            assert_int_equal(check((pli__str){text, len}, false, NULL), refused ? PLI_E_CORRUPT : PLI_OK);
            assert_int_equal(check((pli__str){text, len}, true, NULL),
                             refused || ends[e] == '\x80' ? PLI_E_CORRUPT : PLI_OK);
        }
    }
}

static void test_json_scan__reports_bytes_that_are_not_utf8_if_asked(void **state) {
    (void)state;
    pli_error err;
    assert_int_equal(check(PLI_STR("{\"a\":\"0123456789\xC3\x28\"}"), false, &err), PLI_OK);
    assert_int_equal(check(PLI_STR("{\"a\":\"0123456789\xC3\x28\"}"), true, &err), PLI_E_CORRUPT);
    assert_int_equal(err.position, 17);
    assert_int_equal(check(PLI_STR("{\"\xFF\":1}"), true, &err), PLI_E_CORRUPT);
    assert_int_equal(check(PLI_STR("[\"ä€\xF0\x9F\x98\x80\"]"), true, &err), PLI_OK);
}

static void test_json_scan__counts_bytes_from_the_start_of_the_document(void **state) {
    (void)state;
    pli__json_scan s;
    pli__json_item it;
    pli_error err;
    pli__json_scan_init(&s, PLI_STR("{\"a\" 1}"), "00000000000000000007.json", 1000);
    assert_int_equal(pli__json_scan_root(&s, &it, &err), PLI_OK);
    assert_int_equal(pli__json_scan_end(&s, &err), PLI_E_CORRUPT);
    assert_int_equal(err.position, 1006);
    assert_string_equal(err.message, "'00000000000000000007.json' is not valid: byte 1006: ':' was expected");
    assert_int_equal(pli__json_scan_error(&s, &err, "no"), PLI_E_CORRUPT);
}

static char *nested(size_t depth, char open, char close) {
    char *text = malloc(2 * depth + 1);
    memset(text, open, depth);
    memset(text + depth, close, depth);
    text[2 * depth] = 0;
    return text;
}

static void test_json_scan__limits_the_depth(void **state) {
    (void)state;
    pli_error err;
    char *text = nested(PLI__JSON_DEPTH_MAX, '[', ']');
    assert_int_equal(check(pli__str_of(text), false, &err), PLI_OK);
    free(text);
    text = nested(PLI__JSON_DEPTH_MAX + 1, '[', ']');
    assert_int_equal(check(pli__str_of(text), false, &err), PLI_E_LIMIT);
    free(text);
    text = nested(PLI__JSON_ENTER_MAX + 1, '[', ']');
    pli__json_scan s = scan_of(text);
    assert_int_equal(check_entering(&s, &err), PLI_E_LIMIT);
    free(text);
    text = nested(PLI__JSON_ENTER_MAX, '[', ']');
    s = scan_of(text);
    assert_int_equal(check_entering(&s, &err), PLI_OK);
    free(text);
}

static void test_json_scan__closes_mixed_levels_in_order(void **state) {
    (void)state;
    PLI_AUTO(pli__buf_clear) pli__buf b = {0};
    for (int i = 0; i < 300; i++) pli__buf_addz(&b, i % 3 ? "[" : "{\"k\":");
    pli__buf_addz(&b, "1");
    for (int i = 299; i >= 0; i--) pli__buf_addz(&b, i % 3 ? "]" : "}");
    assert_int_equal(check(pli__buf_str(&b), false, NULL), PLI_OK);
    b.ptr[b.len - 2] = '}'; /* level 1 is an array */
    assert_int_equal(check(pli__buf_str(&b), false, NULL), PLI_E_CORRUPT);
}

static void test_json_scan__calls_out_of_order_are_refused(void **state) {
    (void)state;
    pli__json_scan s = scan_of("[1]");
    pli__json_item it;
    bool more;
    assert_int_equal(pli__json_scan_next(&s, &it, &more, NULL), PLI_E_STATE);
    assert_int_equal(pli__json_scan_enter(&s, NULL), PLI_E_STATE);
    assert_int_equal(pli__json_scan_end(&s, NULL), PLI_E_STATE);
    enter_root(&s);
    assert_int_equal(next_item(&s).kind, PLI__JSON_NUMBER);
    assert_int_equal(pli__json_scan_enter(&s, NULL), PLI_E_STATE); /* a number has no inside */
    assert_int_equal(pli__json_scan_skip(&s, NULL, NULL), PLI_E_STATE);
    assert_closed(&s);
    assert_int_equal(pli__json_scan_next(&s, &it, &more, NULL), PLI_E_STATE);
    assert_int_equal(pli__json_scan_leave(&s, NULL), PLI_E_STATE);
    assert_int_equal(pli__json_scan_root(&s, &it, NULL), PLI_E_STATE);
}

static void test_json_scan__a_copy_is_a_place_to_come_back_to(void **state) {
    (void)state;
    pli__json_scan s = scan_of("{\"a\":{\"b\":1},\"c\":2}");
    enter_root(&s);
    next_item(&s);
    pli__json_scan place = s;
    next_item(&s);
    assert_closed(&s);
    assert_int_equal(pli__json_scan_enter(&place, NULL), PLI_OK);
    pli__json_item it = next_item(&place);
    assert_true(pli__json_key_is(&it, "b"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_scan__delivers_members_in_order),
        cmocka_unit_test(test_json_scan__enters_skips_and_leaves),
        cmocka_unit_test(test_json_scan__empty_containers),
        cmocka_unit_test(test_json_scan__duplicate_keys_come_as_they_are),
        cmocka_unit_test(test_json_scan__resolves_escapes_when_asked),
        cmocka_unit_test(test_json_scan__keys_match_through_escapes),
        cmocka_unit_test(test_json_scan__reads_numbers_on_request),
        cmocka_unit_test(test_json_scan__refuses_what_is_not_json_skipping_and_entering),
        cmocka_unit_test(test_json_scan__every_cut_of_a_text_is_refused),
        cmocka_unit_test(test_json_scan__finds_the_end_of_a_string_at_every_alignment),
        cmocka_unit_test(test_json_scan__reports_bytes_that_are_not_utf8_if_asked),
        cmocka_unit_test(test_json_scan__counts_bytes_from_the_start_of_the_document),
        cmocka_unit_test(test_json_scan__limits_the_depth),
        cmocka_unit_test(test_json_scan__closes_mixed_levels_in_order),
        cmocka_unit_test(test_json_scan__calls_out_of_order_are_refused),
        cmocka_unit_test(test_json_scan__a_copy_is_a_place_to_come_back_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
