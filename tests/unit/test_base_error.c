/* Errors: the list of codes and the helpers that fill a pli_error. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
// cmocka wants the ones above
#include <cmocka.h>

#include "base/error.h"

static void test_error__every_code_has_a_name_that_leads_back(void **state) {
    (void)state;
    for (int code = 1; code <= PLI_E_CALLBACK; code++) {
        const char *name = pli_status_name((pli_status)code);
        assert_int_equal(pli_status_from_name(name), code);
        assert_true(strlen(pli_status_text((pli_status)code)) > 0);
        assert_true(strlen(pli_status_hint((pli_status)code)) > 0);
        assert_int_not_equal(pli_status_exit_code((pli_status)code), 0);
    }
    assert_string_equal(pli_status_name(PLI_OK), "OK");
    assert_int_equal(pli_status_exit_code(PLI_OK), 0);
    assert_string_equal(pli_status_name((pli_status)9999), "INTERNAL");
    assert_int_equal(pli_status_from_name("disk_full"), PLI_E_DISK_FULL);
    assert_int_equal(pli_status_from_name("nonsense"), PLI_OK);
    assert_int_equal(pli_status_from_name(NULL), PLI_OK);
}

static void test_error__errno_picks_code_and_flags(void **state) {
    (void)state;
    static const struct {
        int number;
        pli_status code;
        unsigned flags;
    } rows[] = {{ENOENT, PLI_E_NOT_FOUND, 0},
                {EEXIST, PLI_E_EXISTS, 0},
                {EACCES, PLI_E_ACCESS, 0},
                {ENOSPC, PLI_E_DISK_FULL, PLI_ERR_RETRIABLE},
                {ENOMEM, PLI_E_MEMORY, 0},
                {EIO, PLI_E_IO, PLI_ERR_RETRIABLE},
                {EDQUOT, PLI_E_DISK_FULL, PLI_ERR_RETRIABLE}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        pli_error err;
        errno = rows[i].number;
        assert_int_equal(pli__error_errno(&err, "could not open '%s'", "x"), rows[i].code);
        assert_int_equal(err.code, rows[i].code);
        assert_int_equal(err.flags, rows[i].flags);
        assert_int_equal(err.native_code, rows[i].number);
        assert_int_equal(strncmp(err.message, "could not open 'x': ", 20), 0);
    }
}

static void test_error__a_prefix_keeps_code_flags_and_hint(void **state) {
    (void)state;
    pli_error err;
    pli__error_set(&err, PLI_E_DATA, "bad row %d", 7);
    pli__error_flag(&err, PLI_ERR_RETRIABLE);
    assert_int_equal(pli__error_hint(&err, "mend it"), PLI_E_DATA);
    assert_int_equal(pli__error_prefix(&err, PLI_E_DATA, "while reading '%s'", "f.csv"), PLI_E_DATA);
    assert_string_equal(err.message, "while reading 'f.csv': bad row 7");
    assert_string_equal(err.hint, "mend it");
    assert_int_equal(err.flags, PLI_ERR_RETRIABLE);
    pli__error_set(&err, PLI_E_IO, "new");
    assert_string_equal(err.hint, "");
    assert_int_equal(err.flags, 0);
    pli__error_clear(&err);
    assert_int_equal(err.code, PLI_OK);
}

static void test_error__long_texts_are_cut_and_terminated(void **state) {
    (void)state;
    static char text[5000];
    pli_error err;
    memset(text, 'x', sizeof text - 1);
    pli__error_set(&err, PLI_E_DATA, "%s", text);
    assert_int_equal(strlen(err.message), sizeof err.message - 1);
    pli__error_prefix(&err, PLI_E_DATA, "%s", text);
    assert_int_equal(strlen(err.message), sizeof err.message - 1);
    errno = EIO;
    pli__error_errno(&err, "%s", text);
    assert_int_equal(strlen(err.message), sizeof err.message - 1);
    pli__error_hint(&err, "%s", text);
    assert_int_equal(strlen(err.hint), sizeof err.hint - 1);
}

static void test_error__may_be_absent(void **state) {
    (void)state;
    errno = ENOENT;
    assert_int_equal(pli__error_errno(NULL, "x"), PLI_E_NOT_FOUND);
    assert_int_equal(pli__error_set(NULL, PLI_E_DATA, "x"), PLI_E_DATA);
    assert_int_equal(pli__error_prefix(NULL, PLI_E_DATA, "x"), PLI_E_DATA);
    assert_int_equal(pli__error_memory(NULL), PLI_E_MEMORY);
    pli__error_flag(NULL, 1);
    pli__error_clear(NULL);
}

static pli_status fails_in(pli_error *err) {
    PLI_TRY_IN(pli__error_set(err, PLI_E_DATA, "inner"), err, "batch %d", 7);
    return PLI_OK;
}

static void test_error__try_in_returns_early_with_a_prefix(void **state) {
    (void)state;
    pli_error err;
    assert_int_equal(fails_in(&err), PLI_E_DATA);
    assert_string_equal(err.message, "batch 7: inner");
    char *p = &err.message[0], *taken = PLI_TAKE(p);
    assert_null(p);
    assert_ptr_equal(taken, &err.message[0]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_error__every_code_has_a_name_that_leads_back),
        cmocka_unit_test(test_error__errno_picks_code_and_flags),
        cmocka_unit_test(test_error__a_prefix_keeps_code_flags_and_hint),
        cmocka_unit_test(test_error__long_texts_are_cut_and_terminated),
        cmocka_unit_test(test_error__may_be_absent),
        cmocka_unit_test(test_error__try_in_returns_early_with_a_prefix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
