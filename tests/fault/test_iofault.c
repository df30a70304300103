/* The fault library itself: what it counts, and that each fault does what its name says. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
// cmocka wants the ones above
#include <cmocka.h>

#include "support/iofault_run.h"
#include "support/temp_dir.h"

/* ---- the work of the children; the exit code is an errno or a count ---- */

static int code_of(long result) { return result < 0 ? errno : 0; }

/* One call of every kind, in a fixed order. */
static int call_everything(void) {
    char letters[] = "ab";
    const struct iovec parts[] = {{letters, 1}, {letters + 1, 1}};
    const int dir = open(".", O_RDONLY | O_DIRECTORY);
    const int fd = open("file", O_RDWR | O_CREAT, 0666);
    bool ok = dir >= 0 && fd >= 0;
    ok &= write(fd, "x", 1) == 1;
    ok &= pwrite(fd, "x", 1, 5) == 1;
    ok &= writev(fd, parts, 2) == 2;
    ok &= pwritev(fd, parts, 2, 9) == 2;
    ok &= fsync(fd) == 0;
    ok &= fdatasync(fd) == 0;
    ok &= ftruncate(fd, 2) == 0;
    ok &= posix_fallocate(fd, 0, 10) == 0;
    ok &= truncate("file", 3) == 0;
    ok &= link("file", "link") == 0;
    ok &= linkat(dir, "file", dir, "link2", 0) == 0;
    ok &= symlink("file", "symlink") == 0;
    ok &= rename("link", "renamed") == 0;
    ok &= renameat(dir, "renamed", dir, "renamed2") == 0;
    ok &= renameat2(dir, "renamed2", AT_FDCWD, "renamed3", RENAME_NOREPLACE) == 0;
    ok &= mkdir("dir", 0777) == 0;
    ok &= mkdirat(dir, "dir2", 0777) == 0;
    ok &= fsync(dir) == 0;
    ok &= unlink("renamed3") == 0;
    ok &= unlinkat(dir, "link2", 0) == 0;
    ok &= unlinkat(dir, "dir2", AT_REMOVEDIR) == 0;
    ok &= rmdir("dir") == 0;
    ok &= remove("symlink") == 0;
    ok &= openat(dir, "other", O_WRONLY | O_CREAT | O_TRUNC, 0666) >= 0;
    ok &= creat("third", 0666) >= 0;
    return ok ? 0 : 1;
}

/* Calls that change nothing, or something elsewhere. */
static int call_harmless(void) {
    char outside[] = "../outside-XXXXXX";
    char byte;
    const int fd = open("../root/file", O_RDONLY);
    struct stat st;
    if (fd < 0 || read(fd, &byte, 1) != 1 || stat("file", &st) < 0) return 1;
    const int other = mkstemp(outside);
    if (other < 0 || write(other, "x", 1) != 1 || unlink(outside) < 0 || mkdir("../rootless", 0777) < 0) return 1;
    return 0;
}

static int write_ten(void) {
    const int fd = open("file", O_WRONLY | O_CREAT | O_APPEND, 0666);
    for (int i = 0; fd >= 0 && i < 3; i++) {
        const ssize_t n = write(fd, "0123456789", 10);
        if (n < 0) return errno;
        if (n != 10 && write(fd, "rest", 4) < 0) return errno;
    }
    return fd < 0 ? errno : 0;
}

static int link_file(void) { return code_of(link("file", "link")); }
static int make_file(void) { return code_of(open("made", O_WRONLY | O_CREAT | O_EXCL, 0666)); }
static int sync_file(void) {
    const int fd = open("file", O_RDONLY);
    return code_of(fsync(fd));
}

static void *make_folders(void *arg) {
    for (int i = 0; i < 100; i++) {
        char name[32];
        snprintf(name, sizeof name, "%s%d", (const char *)arg, i);
        if (mkdir(name, 0777) < 0) break;
    }
    return NULL;
}

static int make_folders_in_threads(void) {
    static char names[4][2] = {"a", "b", "c", "d"};
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        if (pthread_create(&threads[i], NULL, make_folders, names[i])) return 1;
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    return 0;
}

static const struct {
    const char *name;
    int (*run)(void);
} works[] = {{"everything", call_everything},
             {"harmless", call_harmless},
             {"ten", write_ten},
             {"link", link_file},
             {"make", make_file},
             {"sync", sync_file},
             {"threads", make_folders_in_threads}};

static int child_main(void) {
    if (chdir(iofault_folder()) < 0) return 126;
    for (size_t i = 0; i < sizeof works / sizeof works[0]; i++)
        if (strcmp(works[i].name, iofault_child()) == 0) return works[i].run();
    return 125;
}

/* ---- the tests ---- */

static int run(void *temp, const char *work, const iofault *f) {
    if (!iofault_available()) skip();
    temp_write(temp, "root/file", "y");
    return iofault_run(temp, work, f);
}

static void assert_exit(int ended, int code) {
    assert_true(WIFEXITED(ended));
    assert_int_equal(WEXITSTATUS(ended), code);
}

static void assert_signal(int ended, int sig) {
    assert_true(WIFSIGNALED(ended));
    assert_int_equal(WTERMSIG(ended), sig);
}

static void test_iofault__logs_every_kind_of_call_in_order(void **state) {
    static const char *const calls[] = {
        "open",     "write",  "pwrite", "writev",  "pwritev", "fsync",  "fdatasync", "ftruncate", "fallocate",
        "truncate", "link",   "link",   "symlink", "rename",  "rename", "rename",    "mkdir",     "mkdir",
        "fsync",    "unlink", "unlink", "rmdir",   "rmdir",   "unlink", "open",      "open"};
    const size_t n = sizeof calls / sizeof calls[0];
    assert_exit(run(*state, "everything", &(iofault){.log = true}), 0);
    const char *line = iofault_log(*state);
    for (size_t i = 0; i < n; i++) {
        char want[64];
        snprintf(want, sizeof want, "%zu %s %s", i + 1, calls[i], temp_path(*state, "root"));
        if (strncmp(line, want, strlen(want)) != 0) fail_msg("'%s' was expected at '%.100s'", want, line);
        line = strchr(line, '\n') + 1;
    }
    assert_string_equal(line, "");
    assert_non_null(strstr(iofault_log(*state), "/root/link -> "));
    assert_non_null(strstr(iofault_log(*state), "rmdir "));
}

static void test_iofault__does_not_count_what_changes_nothing_there(void **state) {
    assert_exit(run(*state, "harmless", &(iofault){.log = true}), 0);
    assert_string_equal(iofault_log(*state), "");
}

static void test_iofault__kills_before_or_after_the_call(void **state) {
    assert_signal(run(*state, "make", &(iofault){.at = 1, .what = "kill"}), SIGKILL);
    assert_null(temp_read(*state, "root/made"));
    assert_signal(run(*state, "make", &(iofault){.at = 1, .what = "kill_after"}), SIGKILL);
    assert_non_null(temp_read(*state, "root/made"));
    assert_exit(run(*state, "make", &(iofault){.at = 2, .what = "kill"}), EEXIST); /* there is no second call */
}

static void test_iofault__refuses_a_call(void **state) {
    assert_exit(run(*state, "make", &(iofault){.at = 1, .what = "eio"}), EIO);
    assert_null(temp_read(*state, "root/made"));
    assert_exit(run(*state, "make", &(iofault){.at = 1, .what = "enospc"}), ENOSPC);
    assert_null(temp_read(*state, "root/made"));
    assert_exit(run(*state, "sync", &(iofault){.at = 1, .what = "eio"}), EIO);
    assert_exit(run(*state, "link", &(iofault){.at = 1, .what = "eio"}), EIO);
    assert_null(temp_read(*state, "root/link"));
}

static void test_iofault__hides_a_success(void **state) {
    assert_exit(run(*state, "link", &(iofault){.at = 1, .what = "eio_after"}), EIO);
    assert_non_null(temp_read(*state, "root/link"));
    assert_exit(run(*state, "make", &(iofault){.at = 1, .what = "eio_after"}), EIO);
    assert_non_null(temp_read(*state, "root/made"));
}

static void test_iofault__writes_short_and_then_the_disk_is_full(void **state) {
    assert_exit(run(*state, "ten", &(iofault){.at = 3, .what = "short"}), ENOSPC);
    assert_string_equal(temp_read(*state, "root/file"), "y012345678901234");
    assert_exit(run(*state, "link", &(iofault){.at = 1, .what = "short"}), ENOSPC);
}

static void test_iofault__strikes_once_or_from_then_on(void **state) {
    assert_exit(run(*state, "ten", &(iofault){.at = 3, .what = "enospc"}), ENOSPC);
    assert_string_equal(temp_read(*state, "root/file"), "y0123456789");
    assert_exit(run(*state, "everything", &(iofault){.at = 8, .what = "eio", .sticky = true, .log = true}), 1);
    assert_int_equal(iofault_calls(*state), 26);
    assert_null(temp_read(*state, "root/third"));
}

static void test_iofault__counts_only_what_is_asked_for(void **state) {
    assert_exit(run(*state, "everything", &(iofault){.only = "/link2", .log = true}), 0);
    assert_int_equal(iofault_calls(*state), 2);
    assert_exit(run(*state, "everything", &(iofault){.call = "fsync", .at = 2, .what = "eio", .log = true}), 1);
    assert_int_equal(iofault_calls(*state), 4);
}

static void test_iofault__counts_across_threads_without_gaps(void **state) {
    assert_exit(run(*state, "threads", &(iofault){.log = true}), 0);
    assert_int_equal(iofault_calls(*state), 400);
    bool seen[401] = {false};
    for (const char *line = iofault_log(*state); *line; line = strchr(line, '\n') + 1) {
        const long n = strtol(line, NULL, 10);
        assert_true(n >= 1 && n <= 400 && !seen[n]);
        seen[n] = true;
    }
}

static void test_iofault__delays_and_stops(void **state) {
    if (!iofault_available()) skip();
    assert_exit(run(*state, "make", &(iofault){.at = 1, .what = "delay", .ms = 30}), 0);
    assert_int_equal(unlink(temp_path(*state, "root/made")), 0);
    int ended = 0;
    const pid_t child = iofault_start(*state, "make", &(iofault){.at = 1, .what = "stop"});
    assert_int_equal(waitpid(child, &ended, WUNTRACED), child);
    assert_true(WIFSTOPPED(ended));
    assert_null(temp_read(*state, "root/made"));
    assert_int_equal(kill(child, SIGCONT), 0);
    assert_int_equal(waitpid(child, &ended, 0), child);
    assert_exit(ended, 0);
    assert_non_null(temp_read(*state, "root/made"));
}

#define IN_FOLDER(f) cmocka_unit_test_setup_teardown(f, temp_dir_setup, temp_dir_teardown)

int main(void) {
    if (iofault_child()) return child_main();
    const struct CMUnitTest tests[] = {
        IN_FOLDER(test_iofault__logs_every_kind_of_call_in_order),
        IN_FOLDER(test_iofault__does_not_count_what_changes_nothing_there),
        IN_FOLDER(test_iofault__kills_before_or_after_the_call),
        IN_FOLDER(test_iofault__refuses_a_call),
        IN_FOLDER(test_iofault__hides_a_success),
        IN_FOLDER(test_iofault__writes_short_and_then_the_disk_is_full),
        IN_FOLDER(test_iofault__strikes_once_or_from_then_on),
        IN_FOLDER(test_iofault__counts_only_what_is_asked_for),
        IN_FOLDER(test_iofault__counts_across_threads_without_gaps),
        IN_FOLDER(test_iofault__delays_and_stops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
