/*
 * A temporary folder for each test, as a cmocka fixture:
 *
 *   cmocka_unit_test_setup_teardown(test_x, temp_dir_setup, temp_dir_teardown)
 *   const char *path = temp_path(*state, "sub/file");     // valid until the test ends
 */
#ifndef TEST_SUPPORT_TEMP_DIR_H
#define TEST_SUPPORT_TEMP_DIR_H

#include <stddef.h>
#include <stdint.h>

/** Makes a folder below $TMPDIR or /tmp; *state becomes a handle on it. */
int temp_dir_setup(void **state);
/** Removes it with all that is in it. */
int temp_dir_teardown(void **state);
/** Path of the folder itself. */
const char *temp_dir(void *state);
/** Path of something in it. */
const char *temp_path(void *state, const char *name);
/** Writes a file in it (making folders), without any durability. Fails the test if it cannot. */
const char *temp_write(void *state, const char *name, const char *text);
/** Makes a folder in it, with parents. */
const char *temp_mkdir(void *state, const char *name);
/** Text of a file in it, NULL if there is none; freed with the test. */
const char *temp_read(void *state, const char *name);
/** Number of entries directly in a folder of it ("" is the top), hidden ones too. */
size_t temp_count(void *state, const char *name);

#endif
