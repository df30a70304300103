/* Globs against tables. The tables were compared with Python's pathlib when they were written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
// cmocka wants the ones above
#include <cmocka.h>

#include "port/glob.h"

typedef struct {
    const char *pattern, *text;
    bool match;
} row;

static const row name_rows[] = {
    {"*", "", true},
    {"*", "x", true},
    {"*", ".hidden", true},
    {"*.csv", "a.csv", true},
    {"*.csv", ".csv", true},
    {"*.csv", "a.csv.gz", false},
    {"*.CSV", "a.csv", false},
    {"a?c", "abc", true},
    {"a?c", "ac", false},
    {"a?c", "aäc", true},
    {"??", "ä", false},
    {"?", "\xff", true},
    {"??", "\xff\xfe", true},
    {"[abc]x", "bx", true},
    {"[abc]x", "dx", false},
    {"[a-c]", "b", true},
    {"[a-c]", "B", false},
    {"[!a-c]", "d", true},
    {"[!a-c]", "a", false},
    {"[]]", "]", true},
    {"[]a]", "a", true},
    {"[!]]", "x", true},
    {"[!]]", "]", false},
    {"[", "[", true},
    {"[a", "[a", true},
    {"[!]", "[!]", true},
    {"[]", "[]", true},
    {"a[", "a[", true},
    {"[a-]", "-", true},
    {"[-a]", "-", true},
    {"[a-]", "b", false},
    {"[z-a]", "m", false},
    {"[!z-a]", "m", true},
    {"[a-c-e]", "d", false},
    {"[a-c-e]", "-", true},
    {"[^a]", "^", true},
    {"[^a]", "b", false},
    {"[*]", "*", true},
    {"[*]", "x", false},
    {"[?]", "?", true},
    {"[[]", "[", true},
    {"\\*", "*", false},
    {"\\*", "\\x", true},
    {"[\\]", "\\", true},
    {"{a,b}", "a", false},
    {"{a,b}", "{a,b}", true},
    {"a*b*c", "aXbYc", true},
    {"a*b*c", "aXbYcZ", false},
    {"*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false},
    {"**", "x", true},
    {"a**b", "axxb", true},
    {"", "", true},
    {"", "x", false},
    {"x", "", false},
    {"[ä-ö]", "é", true},
    {"[ä-ö]", "z", false},
    {"a\nb*", "a\nbc", true},
    {"?", "\n", true},
    {"*\xff", "a\xff", true},
};

static void test_glob__matches_names_as_pathlib_does(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof name_rows / sizeof name_rows[0]; i++) {
        const row *r = &name_rows[i];
        if (pli__glob_match_name(pli__str_of(r->pattern), pli__str_of(r->text)) != r->match)
            fail_msg("'%s' against '%s' should be %d", r->pattern, r->text, r->match);
    }
}

static const row path_rows[] = {
    {"*.csv", "a.csv", true},
    {"*.csv", "d/a.csv", false},
    {"d/*.csv", "d/a.csv", true},
    {"*/*.csv", "d/a.csv", true},
    {"*/*.csv", "a.csv", false},
    {"**/*.csv", "a.csv", true},
    {"**/*.csv", "d/a.csv", true},
    {"**/*.csv", "d/e/f/a.csv", true},
    {"d/**/*.csv", "d/a.csv", true},
    {"d/**/*.csv", "d/x/y/a.csv", true},
    {"d/**/*.csv", "e/a.csv", false},
    {"d/**/e/*.csv", "d/x/e/y/e/a.csv", true},
    {"d/**/e/*.csv", "d/x/e/y/a.csv", false},
    {"**/e/**/x", "e/x", true},
    {"**/e/**/x", "a/e/b/c/x", true},
    {"**/e/**/x", "a/b/x", false},
    {"**", "a", true},
    {"**", "a/b/c", true},
    {"d/**", "d/a/b", true},
    {"d/**", "d", false},
    {"d/**", "e", false},
    {"**/**/x", "x", true},
    {"./a//b", "a/b", true},
    {"year=*/month=0[1-3]/*.parquet", "year=2024/month=02/x.parquet", true},
    {"year=*/month=0[1-3]/*.parquet", "year=2024/month=04/x.parquet", false},
    {"a*/b", "a/x/b", false},
    {"*", ".hidden", true},
    {"**/*", ".dir/.file", true},
    {"[a/b]", "a", false},
    {"a**/b", "axx/b", true},
    {"a**/b", "ax/y/b", false},
};

static void test_glob__matches_paths_as_pathlib_does(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof path_rows / sizeof path_rows[0]; i++) {
        const row *r = &path_rows[i];
        PLI_AUTO(pli__glob_auto) pli__glob *g = NULL;
        assert_int_equal(pli__glob_compile(r->pattern, false, &g, NULL), PLI_OK);
        if (pli__glob_match(g, r->text) != r->match)
            fail_msg("'%s' against '%s' should be %d", r->pattern, r->text, r->match);
    }
}

static void test_glob__recursive_means_below_every_folder(void **state) {
    (void)state;
    PLI_AUTO(pli__glob_auto) pli__glob *g = NULL;
    assert_int_equal(pli__glob_compile("x/*.csv", true, &g, NULL), PLI_OK);
    assert_true(pli__glob_match(g, "x/a.csv"));
    assert_true(pli__glob_match(g, "a/b/x/a.csv"));
    assert_false(pli__glob_match(g, "a.csv"));
    assert_false(pli__glob_match(g, ""));
}

static void test_glob__tells_which_folders_can_hold_matches(void **state) {
    (void)state;
    static const row rows[] = {{"*.csv", "", true},       {"*.csv", "d", false},          {"d/*.csv", "d", true},
                               {"d/*.csv", "e", false},   {"d/*.csv", "", true},          {"d/*.csv", "d/x", false},
                               {"**/*.csv", "a/b", true}, {"a/**/x", "b", false},         {"a/**/x", "a/b/c", true},
                               {"a/*/c", "a/b", true},    {"a/*/c", "a/b/c", false},      {"**", "a", true},
                               {"a/b", "a/b", false},     {"y=*/m=1/*", "y=2/m=2", false}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        PLI_AUTO(pli__glob_auto) pli__glob *g = NULL;
        assert_int_equal(pli__glob_compile(rows[i].pattern, false, &g, NULL), PLI_OK);
        if (pli__glob_may_hold(g, rows[i].text) != rows[i].match)
            fail_msg("'%s' below '%s' should be %d", rows[i].pattern, rows[i].text, rows[i].match);
    }
}

static void test_glob__refuses_patterns_that_can_match_no_file(void **state) {
    (void)state;
    const char *const bad[] = {"", "/abs/*.csv", "../x", "a/../b", "a/", "*/", ".", "./.", NULL};
    pli_error err;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        pli__glob *g = NULL;
        assert_int_equal(pli__glob_compile(bad[i], false, &g, &err), PLI_E_ARGUMENT);
        assert_int_equal(pli__glob_compile(bad[i], true, &g, &err), PLI_E_ARGUMENT);
        assert_null(g);
    }
    pli__glob_free(NULL);
}

static void test_glob__limits_the_pattern(void **state) {
    (void)state;
    char text[2 * PLI__GLOB_LEN_MAX];
    pli__glob *g = NULL;
    memset(text, 'x', sizeof text);
    text[PLI__GLOB_LEN_MAX + 1] = 0;
    assert_int_equal(pli__glob_compile(text, false, &g, NULL), PLI_E_ARGUMENT);
    for (size_t i = 0; i < 2 * PLI__GLOB_PARTS_MAX; i += 2) memcpy(text + i, "x/x", 4);
    assert_int_equal(pli__glob_compile(text, false, &g, NULL), PLI_E_ARGUMENT);
    assert_int_equal(pli__glob_compile(text + 2, false, &g, NULL), PLI_OK); /* as many as may be */
    assert_true(pli__glob_match(g, text + 2));
    pli__glob_free(g);
    memcpy(text + 2 * PLI__GLOB_PARTS_MAX - 1, "/**", 4);
    assert_int_equal(pli__glob_compile(text + 4, true, &g, NULL), PLI_OK);
    assert_true(pli__glob_match(g, text + 4)); /* a file may have the name `**` */
    pli__glob_free(g);
}

static void test_glob__finds_the_fixed_part_of_a_path(void **state) {
    (void)state;
    static const struct {
        const char *path;
        size_t len;
    } rows[] = {{"/data/in/x*.csv", 8},
                {"/data/in/file.csv", 17},
                {"*.csv", 0},
                {"/*.csv", 1},
                {"data/2024-*/x", 4},
                {"data/[ab]/c*", 4},
                {"/x?/y", 1},
                {"a/b/c/**", 5},
                {"", 0},
                {"/", 1}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(pli__glob_fixed_prefix(pli__str_of(rows[i].path)), rows[i].len);
    assert_true(pli__glob_has_magic(PLI_STR("a[b")));
    assert_false(pli__glob_has_magic(PLI_STR("a{b}\\")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_glob__matches_names_as_pathlib_does),
        cmocka_unit_test(test_glob__matches_paths_as_pathlib_does),
        cmocka_unit_test(test_glob__recursive_means_below_every_folder),
        cmocka_unit_test(test_glob__tells_which_folders_can_hold_matches),
        cmocka_unit_test(test_glob__refuses_patterns_that_can_match_no_file),
        cmocka_unit_test(test_glob__limits_the_pattern),
        cmocka_unit_test(test_glob__finds_the_fixed_part_of_a_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
