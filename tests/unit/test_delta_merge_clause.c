/* The grammar of merge clauses: what is understood, and what is said of the rest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "delta/merge_clause.h"

static pli_merge_clause must_parse(pli__arena *arena, const char *text) {
    pli_merge_clause c = {0};
    pli_error err = {0};
    if (pli__merge_clause_parse(text, arena, &c, &err) != PLI_OK) fail_msg("%s", err.message);
    return c;
}

static void test_merge_clause__each_form_is_understood(void **state) {
    static const struct {
        const char *text;
        pli_merge_when when;
        pli_merge_action action;
        const char *condition;
        bool star;
        size_t n_set;
    } cases[] = {
        {"MATCHED THEN DELETE", PLI_MERGE_MATCHED, PLI_MERGE_DELETE, NULL, false, 0},
        {"WHEN matched and a > 1 then update set *;", PLI_MERGE_MATCHED, PLI_MERGE_UPDATE, "a > 1", true, 0},
        {"NOT MATCHED THEN INSERT *", PLI_MERGE_NOT_MATCHED, PLI_MERGE_INSERT, NULL, true, 0},
        {"NOT MATCHED BY TARGET THEN INSERT (a) VALUES (1)", PLI_MERGE_NOT_MATCHED, PLI_MERGE_INSERT, NULL, false, 1},
        {"NOT MATCHED BY SOURCE AND b THEN DELETE", PLI_MERGE_NOT_MATCHED_BY_SOURCE, PLI_MERGE_DELETE, "b", false, 0},
        {"MATCHED AND CASE WHEN a THEN b ELSE c END THEN DELETE", PLI_MERGE_MATCHED, PLI_MERGE_DELETE,
         "CASE WHEN a THEN b ELSE c END", false, 0},
        {"MATCHED AND f(CASE WHEN a THEN 1 END) = ' THEN ' /* THEN */ AND \"THEN\" THEN DELETE", PLI_MERGE_MATCHED,
         PLI_MERGE_DELETE, "f(CASE WHEN a THEN 1 END) = ' THEN ' /* THEN */ AND \"THEN\"", false, 0},
        {"MATCHED -- THEN\nTHEN UPDATE SET a = f(1, 2), target.b = [1, 2][1], \"c d\" = CASE WHEN x THEN ',' END",
         PLI_MERGE_MATCHED, PLI_MERGE_UPDATE, NULL, false, 3},
    };
    PLI_AUTO(pli__arena_clear) pli__arena arena = {0};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const pli_merge_clause c = must_parse(&arena, cases[i].text);
        assert_int_equal(c.when, cases[i].when);
        assert_int_equal(c.action, cases[i].action);
        assert_int_equal(c.star, cases[i].star);
        assert_int_equal(c.n_set, cases[i].n_set);
        if (cases[i].condition) assert_string_equal(c.condition, cases[i].condition);
        else assert_null(c.condition);
    }
}

static void test_merge_clause__names_and_expressions_are_cut_where_they_end(void **state) {
    PLI_AUTO(pli__arena_clear) pli__arena arena = {0};
    (void)state;
    pli_merge_clause c = must_parse(
        &arena, "MATCHED THEN UPDATE SET target.a = source.a = 1, `b``c` = E'\\', ' || 'it''s, ', \"d\"\"\"= 3");
    assert_int_equal(c.n_set, 3);
    assert_string_equal(c.set[0].key, "a");
    assert_string_equal(c.set[0].value, "source.a = 1");
    assert_string_equal(c.set[1].key, "b`c");
    assert_string_equal(c.set[1].value, "E'\\', ' || 'it''s, '");
    assert_string_equal(c.set[2].key, "d\"");
    c = must_parse(&arena, "NOT MATCHED THEN INSERT (x, target.y) VALUES (coalesce(source.x, 1), (SELECT max(a, b)))");
    assert_string_equal(c.set[1].key, "y");
    assert_string_equal(c.set[0].value, "coalesce(source.x, 1)");
    assert_string_equal(c.set[1].value, "(SELECT max(a, b))");
}

static void test_merge_clause__what_is_wrong_is_named_with_its_place(void **state) {
    static const struct {
        const char *text, *said;
    } cases[] = {
        {"", "expected MATCHED or NOT MATCHED at its end"},
        {"MATCHES THEN DELETE", "expected MATCHED or NOT MATCHED at character 1, not 'MATCHES'"},
        {"NOT FOUND THEN DELETE", "expected MATCHED at character 5, not 'FOUND'"},
        {"MATCHED DELETE", "expected AND or THEN at character 9, not 'DELETE'"},
        {"MATCHED AND THEN DELETE", "expected an expression at character 13"},
        {"MATCHED AND a > 1", "expected THEN at its end"},
        {"MATCHED AND (a > 1 THEN DELETE", "expected a closing bracket at its end"},
        {"MATCHED AND a) THEN DELETE", "expected an expression at character 14, not ')'"},
        {"MATCHED AND CASE WHEN a THEN DELETE", "expected END of CASE at its end"},
        {"MATCHED THEN", "expected UPDATE, INSERT or DELETE at its end"},
        {"MATCHED THEN DROP", "not 'DROP'"},
        {"MATCHED THEN UPDATE", "expected SET at its end"},
        {"MATCHED THEN UPDATE SET", "expected a column at its end"},
        {"MATCHED THEN UPDATE SET a", "expected '=' at its end"},
        {"MATCHED THEN UPDATE SET a = ", "expected an expression at its end"},
        {"MATCHED THEN UPDATE SET a = 1,", "expected a column at its end"},
        {"MATCHED THEN UPDATE SET a.b = 1", "members of structs cannot be set alone"},
        {"MATCHED THEN UPDATE SET *, a = 1", "expected nothing more"},
        {"MATCHED THEN DELETE x", "expected nothing more at character 21"},
        {"NOT MATCHED BY x THEN DELETE", "expected SOURCE or TARGET"},
        {"NOT MATCHED THEN INSERT", "expected '*' or a list of columns at its end"},
        {"NOT MATCHED THEN INSERT (a b)", "expected ')'"},
        {"NOT MATCHED THEN INSERT (a, b) VALUES (1)", "expected ',' at character 41"},
        {"NOT MATCHED THEN INSERT (a) VALUES (1, 2)", "expected as many values as columns"},
        {"MATCHED AND a = 'b THEN DELETE", "expected a closing quote at character 17"},
        {"NOT MATCHED THEN INSERT (a) (1)", "expected VALUES"},
        {"NOT MATCHED THEN INSERT (\"a", "expected a closing quote at character 26"},
    };
    PLI_AUTO(pli__arena_clear) pli__arena arena = {0};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        pli_merge_clause c;
        pli_error err = {0};
        assert_int_equal(pli__merge_clause_parse(cases[i].text, &arena, &c, &err), PLI_E_SQL);
        if (!strstr(err.message, cases[i].said)) fail_msg("'%s': %s", cases[i].text, err.message);
    }
}

static void test_merge_clause__clauses_must_go_together(void **state) {
    static const pli_property twice[] = {{"a", "1"}, {"A", "2"}}, nameless[] = {{NULL, "1"}}, one[] = {{"a", "1"}};
    static const struct {
        pli_merge_clause clauses[2];
        size_t n;
        pli_status status;
    } cases[] = {
        {{{0}}, 0, PLI_E_ARGUMENT},
        {{{.when = PLI_MERGE_MATCHED, .action = PLI_MERGE_INSERT, .star = true}}, 1, PLI_E_SQL},
        {{{.when = PLI_MERGE_NOT_MATCHED, .action = PLI_MERGE_DELETE}}, 1, PLI_E_SQL},
        {{{.when = PLI_MERGE_NOT_MATCHED_BY_SOURCE, .action = PLI_MERGE_UPDATE, .star = true}}, 1, PLI_E_SQL},
        {{{.when = PLI_MERGE_MATCHED, .action = PLI_MERGE_UPDATE}}, 1, PLI_E_SQL},
        {{{.action = PLI_MERGE_UPDATE, .n_set = 2, .set = twice}}, 1, PLI_E_SQL},
        {{{.action = PLI_MERGE_UPDATE, .n_set = 1, .set = nameless}}, 1, PLI_E_ARGUMENT},
        {{{.action = PLI_MERGE_DELETE}, {.action = PLI_MERGE_UPDATE, .n_set = 1, .set = one}}, 2, PLI_E_SQL},
        {{{.when = (pli_merge_when)9}}, 1, PLI_E_ARGUMENT},
        {{{.action = PLI_MERGE_DELETE, .condition = "x"}, {.action = PLI_MERGE_UPDATE, .n_set = 1, .set = one}},
         2,
         PLI_OK},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(pli__merge_clauses_check(cases[i].clauses, cases[i].n, NULL), cases[i].status);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_merge_clause__each_form_is_understood),
        cmocka_unit_test(test_merge_clause__names_and_expressions_are_cut_where_they_end),
        cmocka_unit_test(test_merge_clause__what_is_wrong_is_named_with_its_place),
        cmocka_unit_test(test_merge_clause__clauses_must_go_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
