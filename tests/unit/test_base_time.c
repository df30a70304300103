/* Times, durations, sizes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
// cmocka wants the ones above
#include <cmocka.h>

#include "base/time.h"

static void test_time__days_and_civil_dates_agree(void **state) {
    (void)state;
    assert_int_equal(pli__time_days_from_civil(1970, 1, 1), 0);
    assert_int_equal(pli__time_days_from_civil(2000, 3, 1), 11017);
    assert_int_equal(pli__time_days_from_civil(1, 1, 1), -719162);
    assert_int_equal(pli__time_days_from_civil(9999, 12, 31), 2932896);
    int64_t y;
    unsigned m, d;
    for (int64_t day = -800000; day < 3000000; day += 97) {
        pli__time_civil_from_days(day, &y, &m, &d);
        assert_true(m >= 1 && m <= 12 && d >= 1 && d <= 31);
        assert_int_equal(pli__time_days_from_civil(y, m, d), day);
    }
}

static void assert_iso(const char *text, const char *want) {
    int64_t us;
    char out[40];
    if (!pli__time_parse_iso(pli__str_of(text), &us)) fail_msg("'%s' was not read", text);
    pli__time_format_iso(us, out);
    assert_string_equal(out, want);
}

static void test_time__reads_iso_texts(void **state) {
    (void)state;
    assert_iso("2024-01-31T12:00:00.123456Z", "2024-01-31T12:00:00.123456Z");
    assert_iso("2024-01-31", "2024-01-31T00:00:00Z");
    assert_iso("2024-01-31 12:00", "2024-01-31T12:00:00Z");
    assert_iso("2024-01-31T12:00:00", "2024-01-31T12:00:00Z");
    assert_iso("2024-01-31T12:00:00.5Z", "2024-01-31T12:00:00.500000Z");
    assert_iso("2024-01-31T12:00:00.123456789Z", "2024-01-31T12:00:00.123456Z");
    assert_iso("2024-01-31T12:00:00+01:30", "2024-01-31T10:30:00Z");
    assert_iso("2024-01-31T12:00:00-0800", "2024-01-31T20:00:00Z");
    assert_iso("2024-01-31t12:00:00+01", "2024-01-31T11:00:00Z");
    assert_iso("2024-02-29", "2024-02-29T00:00:00Z");
    assert_iso("2000-02-29", "2000-02-29T00:00:00Z");
    assert_iso("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z");
    assert_iso("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z");
    assert_iso("1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999Z");
}

static void test_time__refuses_what_is_not_iso(void **state) {
    (void)state;
    const char *const bad[] = {"",
                               "2024",
                               "2024-1-1",
                               "2024-13-01",
                               "2024-02-30",
                               "2023-02-29",
                               "1900-02-29",
                               "0000-01-01",
                               "2024-01-00",
                               "2024-01-31T",
                               "2024-01-31T12",
                               "2024-01-31T24:00:00",
                               "2024-01-31T12:60:00",
                               "2024-01-31T12:00:60",
                               "2024-01-31T12:00:00.",
                               "2024-01-31T12:00:00.1234567890",
                               "2024-01-31T12:00:00X",
                               "2024-01-31T12:00:00+1",
                               "2024-01-31T12:00:00+01:",
                               "2024-01-31T12:00:00+24:00",
                               "2024-01-31T12:00:00Z ",
                               " 2024-01-31",
                               "12024-01-31"};
    int64_t us = 42;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (pli__time_parse_iso(pli__str_of(bad[i]), &us)) fail_msg("'%s' was read", bad[i]);
    assert_int_equal(us, 42);
}

static void test_time__reads_durations(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t us;
    } good[] = {{"30s", 30000000},
                {"5m", 300000000},
                {"5min", 300000000},
                {"1d", INT64_C(86400000000)},
                {"1h30m", 5400000000},
                {"250ms", 250000},
                {"1.5h", 5400000000},
                {"2w", INT64_C(1209600000000)},
                {"90", 90000000},
                {"0", 0},
                {"0.25", 250000},
                {"10us", 10},
                {" 1h ", 3600000000},
                {"1H", 3600000000},
                {"1d12h30m15s250ms7us", INT64_C(131415250007)}};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        int64_t us = -1;
        if (!pli__time_parse_duration(pli__str_of(good[i].text), &us)) fail_msg("'%s' was not read", good[i].text);
        assert_int_equal(us, good[i].us);
    }
    const char *const bad[] = {"",
                               " ",
                               "s",
                               "-1s",
                               "1x",
                               "1s1s",
                               "1m1h",
                               "1h 30m",
                               "1h30",
                               "1.s",
                               ".5s",
                               "1e3s",
                               "300000000000d",
                               "9223372036855",
                               "1.0000000001s",
                               "1ss"};
    int64_t us = 42;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (pli__time_parse_duration(pli__str_of(bad[i]), &us)) fail_msg("'%s' was read", bad[i]);
    assert_int_equal(us, 42);
}

static void test_time__reads_sizes(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t bytes;
    } good[] = {{"0", 0},       {"512", 512},      {"128MiB", 134217728},  {"1GB", 1000000000},
                {"10k", 10000}, {"10 KiB", 10240}, {"1.5gib", 1610612736}, {"2TiB", INT64_C(2199023255552)},
                {"1B", 1},      {"0.5k", 500}};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        int64_t bytes = -1;
        if (!pli__size_parse(pli__str_of(good[i].text), &bytes)) fail_msg("'%s' was not read", good[i].text);
        assert_int_equal(bytes, good[i].bytes);
    }
    const char *const bad[] = {"", "MiB", "-1", "1X", "1KiB2", "1 K B", "99999999TiB", "1..5k", "0x10"};
    int64_t bytes = 42;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (pli__size_parse(pli__str_of(bad[i]), &bytes)) fail_msg("'%s' was read", bad[i]);
    assert_int_equal(bytes, 42);
}

static int64_t frozen(void *arg) { return *(int64_t *)arg; }

static void test_time__a_clock_can_be_handed_in(void **state) {
    (void)state;
    int64_t now = 1234;
    const pli__clock clock = {frozen, &now};
    assert_int_equal(pli__clock_now_us(&clock), 1234);
    assert_true(pli__clock_now_us(NULL) > INT64_C(1600000000000000));
    assert_true(pli__clock_now_us(pli__clock_system()) > INT64_C(1600000000000000));
    const int64_t before = pli__monotonic_us();
    assert_true(pli__monotonic_us() >= before);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_time__days_and_civil_dates_agree),
        cmocka_unit_test(test_time__reads_iso_texts),
        cmocka_unit_test(test_time__refuses_what_is_not_iso),
        cmocka_unit_test(test_time__reads_durations),
        cmocka_unit_test(test_time__reads_sizes),
        cmocka_unit_test(test_time__a_clock_can_be_handed_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
