/* Finding and loading the engine module. The cases that must not find one run in a copy of this program in an empty folder. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/engine.h"
#include "port/fs.h"
#include "support/temp_dir.h"

/* ---- the program as a probe: prints what pli__engine_version says ---- */

static int probe(void) {
    pli__buf version = {0};
    pli_error err = {0};
    const pli_status status = pli__engine_version(&version, &err);
    printf("%s|%s|%s|%s\n", pli_status_name(status), version.ptr ? version.ptr : "", err.message, err.hint);
    pli__buf_clear(&version);
    return 0;
}

static void run_probe(const char *program, const char *engine_path, char *out, size_t cap) {
    char command[8192];
    snprintf(command, sizeof command, "PLI_ENGINE_PATH='%s' '%s' probe", engine_path, program);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    const size_t n = fread(out, 1, cap - 1, pipe);
    out[n] = 0;
    pclose(pipe);
}

static void copy_program(const char *folder, char *out, size_t cap) {
    char command[8192];
    snprintf(out, cap, "%s/program", folder);
    (void)snprintf(command, sizeof command, "cp /proc/%d/exe '%s'", (int)getpid(), out);
    assert_int_equal(system(command), 0);
}

/* True if an installed module is found without us doing anything, which these tests cannot prevent. */
static bool is_installed(const char *answer) { return strncmp(answer, "OK|", 3) == 0; }

static void test_engine_loader__a_missing_module_is_named_with_the_places_looked_at(void **state) {
    char program[4096], answer[4000];
    copy_program(temp_dir(*state), program, sizeof program);
    run_probe(program, "/nowhere/at/all", answer, sizeof answer);
    if (is_installed(answer)) skip();
    assert_non_null(strstr(answer, "ENGINE_ERROR||the query engine libpli-engine.so was not found"));
    assert_non_null(strstr(answer, "PLI_ENGINE_PATH"));
    assert_non_null(strstr(answer, "/nowhere/at/all"));
}

static void test_engine_loader__a_file_that_is_no_library_is_named_with_the_reason(void **state) {
    char program[4096], answer[4000];
    copy_program(temp_dir(*state), program, sizeof program);
    const char *path = temp_write(*state, "libpli-engine.so", "this is text");
    run_probe(program, temp_dir(*state), answer, sizeof answer);
    if (is_installed(answer)) skip();
    assert_non_null(strstr(answer, "cannot be loaded: "));
    assert_non_null(strstr(answer, path));
}

static void test_engine_loader__the_environment_may_name_the_file_or_its_folder(void **state) {
    char program[4096], answer[4000], file[4096];
    const char *folder = getenv("PLI_ENGINE_PATH");
    if (!folder) skip();
    copy_program(temp_dir(*state), program, sizeof program);
    run_probe(program, folder, answer, sizeof answer);
    assert_non_null(strstr(answer, "OK|v1."));
    snprintf(file, sizeof file, "%s/libpli-engine.so", folder);
    run_probe(program, file, answer, sizeof answer);
    assert_non_null(strstr(answer, "OK|v1."));
}

/* The module and what it needs as links in a folder. */
static void link_engine(const char *folder) {
    pli__buf command = {0};
    pli__buf_addf(&command, "mkdir -p '%s' && ln -s \"$(realpath \"$PLI_ENGINE_PATH\")\"/* '%s/'", folder, folder);
    assert_int_equal(system(command.ptr), 0);
    pli__buf_clear(&command);
}

static void test_engine_loader__the_module_is_found_beside_the_program(void **state) {
    static const char *const places[][2] = {
        {"0/bin", "0/bin/pli"}, {"1/bin", "1/lib/pli"}, {"2/bin", "2/lib"}, {"3/bin", "3/bin"}};
    if (!getenv("PLI_ENGINE_PATH")) skip();
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        char program[4096], answer[4000];
        copy_program(temp_mkdir(*state, places[i][0]), program, sizeof program);
        link_engine(temp_path(*state, places[i][1]));
        run_probe(program, "", answer, sizeof answer);
        if (!strstr(answer, "OK|v1.")) fail_msg("%s: %s", places[i][1], answer);
    }
}

/* ---- in this process ---- */

static void *ask_version(void *arg) {
    pli__buf version = {0};
    *(pli_status *)arg = pli__engine_version(&version, NULL);
    pli__buf_clear(&version);
    return NULL;
}

static void test_engine_loader__threads_may_load_it_at_the_same_time(void **state) {
    (void)state;
    pthread_t threads[8];
    pli_status statuses[8];
    for (int i = 0; i < 8; i++) assert_int_equal(pthread_create(&threads[i], NULL, ask_version, &statuses[i]), 0);
    for (int i = 0; i < 8; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(statuses[i], PLI_OK);
    }
}

static void test_engine_loader__the_location_is_the_folder_of_the_module(void **state) {
    (void)state;
    pli__buf folder = {0};
    pli__file_info info;
    assert_int_equal(pli__engine_location(&folder, NULL), PLI_OK);
    pli__buf_addz(&folder, "/libpli-engine.so");
    assert_int_equal(pli__fs_stat(folder.ptr, &info, NULL), PLI_OK);
    assert_int_equal(info.kind, PLI__FILE_REGULAR);
    pli__buf_clear(&folder);
}

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "probe") == 0) return probe();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_engine_loader__a_missing_module_is_named_with_the_places_looked_at,
                                        temp_dir_setup, temp_dir_teardown),
        cmocka_unit_test_setup_teardown(test_engine_loader__a_file_that_is_no_library_is_named_with_the_reason,
                                        temp_dir_setup, temp_dir_teardown),
        cmocka_unit_test_setup_teardown(test_engine_loader__the_environment_may_name_the_file_or_its_folder,
                                        temp_dir_setup, temp_dir_teardown),
        cmocka_unit_test_setup_teardown(test_engine_loader__the_module_is_found_beside_the_program, temp_dir_setup,
                                        temp_dir_teardown),
        cmocka_unit_test(test_engine_loader__threads_may_load_it_at_the_same_time),
        cmocka_unit_test(test_engine_loader__the_location_is_the_folder_of_the_module),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
