/* Publication: all or nothing, one winner, nothing left behind. What happens under faults is in fault/test_publish.c. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
// cmocka wants the ones above
#include <cmocka.h>

#include "port/fs.h"
#include "support/temp_dir.h"

static void test_publish__new_appears_with_its_content(void **state) {
    const char *path = temp_path(*state, "7.json");
    assert_int_equal(pli__fs_publish(path, PLI_STR("{}"), PLI__PUBLISH_NEW, NULL), PLI_OK);
    assert_string_equal(temp_read(*state, "7.json"), "{}");
    assert_int_equal(temp_count(*state, ""), 1); /* no temporary file */
    assert_int_equal(pli__fs_publish(temp_path(*state, "empty"), (pli__str){NULL, 0}, PLI__PUBLISH_NEW, NULL), PLI_OK);
    assert_string_equal(temp_read(*state, "empty"), "");
}

static void test_publish__new_never_replaces(void **state) {
    pli_error err;
    const char *path = temp_write(*state, "7.json", "first");
    assert_int_equal(pli__fs_publish(path, PLI_STR("second"), PLI__PUBLISH_NEW, &err), PLI_E_EXISTS);
    assert_true(err.flags & PLI_ERR_CONFLICT);
    assert_string_equal(temp_read(*state, "7.json"), "first");
    assert_int_equal(temp_count(*state, ""), 1);
    temp_mkdir(*state, "dir");
    assert_int_equal(pli__fs_publish(temp_path(*state, "dir"), PLI_STR("x"), PLI__PUBLISH_NEW, &err), PLI_E_EXISTS);
    assert_int_equal(symlink("nowhere", temp_path(*state, "dangling")), 0);
    assert_int_equal(pli__fs_publish(temp_path(*state, "dangling"), PLI_STR("x"), PLI__PUBLISH_NEW, &err),
                     PLI_E_EXISTS);
    assert_int_equal(temp_count(*state, ""), 3);
}

static void test_publish__replace_puts_the_new_in_place_of_the_old(void **state) {
    const char *path = temp_path(*state, "metadata.json");
    assert_int_equal(pli__fs_publish(path, PLI_STR("one"), PLI__PUBLISH_REPLACE, NULL), PLI_OK);
    assert_int_equal(pli__fs_publish(path, PLI_STR("two"), PLI__PUBLISH_REPLACE, NULL), PLI_OK);
    assert_int_equal(pli__fs_publish(path, PLI_STR("3"), PLI__PUBLISH_REPLACE | PLI__PUBLISH_RELAXED, NULL), PLI_OK);
    assert_string_equal(temp_read(*state, "metadata.json"), "3");
    assert_int_equal(temp_count(*state, ""), 1);
}

static void test_publish__relaxed_is_new_all_the_same(void **state) {
    const char *path = temp_path(*state, "x");
    assert_int_equal(pli__fs_publish(path, PLI_STR("1"), PLI__PUBLISH_RELAXED, NULL), PLI_OK);
    assert_int_equal(pli__fs_publish(path, PLI_STR("2"), PLI__PUBLISH_RELAXED, NULL), PLI_E_EXISTS);
    assert_string_equal(temp_read(*state, "x"), "1");
}

static void test_publish__a_missing_folder_is_not_found(void **state) {
    pli_error err;
    assert_int_equal(pli__fs_publish(temp_path(*state, "no/7.json"), PLI_STR("x"), PLI__PUBLISH_NEW, &err),
                     PLI_E_NOT_FOUND);
    const char *const bad[] = {"", "dir/", ".", "..", "x/.."};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(pli__fs_publish(bad[i], PLI_STR("x"), PLI__PUBLISH_NEW, &err), PLI_E_ARGUMENT);
    assert_int_equal(temp_count(*state, ""), 0);
}

static void test_publish__names_may_be_as_long_as_the_file_system_allows(void **state) {
    char name[256];
    memset(name, 'n', 255);
    name[255] = 0;
    assert_int_equal(pli__fs_publish(temp_path(*state, name), PLI_STR("x"), PLI__PUBLISH_NEW, NULL), PLI_OK);
    assert_string_equal(temp_read(*state, name), "x");
}

static void test_publish__works_in_the_working_folder(void **state) {
    char *before = getcwd(NULL, 0);
    assert_int_equal(chdir(temp_dir(*state)), 0);
    assert_int_equal(pli__fs_publish("plain", PLI_STR("x"), PLI__PUBLISH_NEW, NULL), PLI_OK);
    assert_int_equal(chdir(before), 0);
    free(before);
    assert_string_equal(temp_read(*state, "plain"), "x");
}

enum { RACERS = 8, RACES = 50 };

typedef struct {
    void *folder;
    char paths[RACES][64];
    const char *dir;
    char name;
    unsigned won;
} racer;

static void *race(void *arg) {
    racer *r = arg;
    for (int i = 0; i < RACES; i++) {
        char path[4096];
        const char text[] = {r->name};
        snprintf(path, sizeof path, "%s/%d", r->dir, i);
        const pli_status status = pli__fs_publish(path, (pli__str){text, 1}, PLI__PUBLISH_RELAXED, NULL);
        if (status == PLI_OK) r->won++;
        else if (status != PLI_E_EXISTS) r->won += 1000000;
    }
    return NULL;
}

static void test_publish__of_many_writers_one_wins(void **state) {
    pthread_t threads[RACERS];
    racer racers[RACERS];
    unsigned won = 0;
    for (int i = 0; i < RACERS; i++) {
        racers[i] = (racer){.dir = temp_dir(*state), .name = (char)('A' + i)};
        assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
    }
    for (int i = 0; i < RACERS; i++) {
        pthread_join(threads[i], NULL);
        won += racers[i].won;
    }
    assert_int_equal(won, RACES);
    assert_int_equal(temp_count(*state, ""), RACES);
    unsigned by_name[RACERS] = {0};
    for (int i = 0; i < RACES; i++) {
        char name[16];
        snprintf(name, sizeof name, "%d", i);
        by_name[temp_read(*state, name)[0] - 'A']++;
    }
    for (int i = 0; i < RACERS; i++) assert_int_equal(by_name[i], racers[i].won);
}

#define IN_FOLDER(f) cmocka_unit_test_setup_teardown(f, temp_dir_setup, temp_dir_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_FOLDER(test_publish__new_appears_with_its_content),
        IN_FOLDER(test_publish__new_never_replaces),
        IN_FOLDER(test_publish__replace_puts_the_new_in_place_of_the_old),
        IN_FOLDER(test_publish__relaxed_is_new_all_the_same),
        IN_FOLDER(test_publish__a_missing_folder_is_not_found),
        IN_FOLDER(test_publish__names_may_be_as_long_as_the_file_system_allows),
        IN_FOLDER(test_publish__works_in_the_working_folder),
        IN_FOLDER(test_publish__of_many_writers_one_wins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
