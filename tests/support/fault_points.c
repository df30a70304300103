/* Every mutating call of a program, struck in every way, one at a time. */
#include "support/fault_points.h"

#include <ctype.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define MAX_POINTS 4096

typedef struct points {
    char *names[MAX_POINTS];
    size_t n;
    size_t calls; /* of the program without a fault */
} points;

const char *fault_library(void) {
    const char *path = getenv("PLI_IOFAULT");
    return path && access(path, R_OK) == 0 ? path : NULL;
}

void fault_use_memory(void) {
    if (!getenv("TMPDIR") && access("/dev/shm", W_OK) == 0) setenv("TMPDIR", "/dev/shm", 1);
}

const char *fault_self(void) {
    static char path[4096];
    const ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    if (n <= 0) fail_msg("the test does not know its own path");
    path[n] = '\0';
    return path;
}

pli_env *fault_new_env(void) {
    pli_env *env = NULL;
    const pli_env_options o = {.size = sizeof o, .threads = 1};
    pli_error err = {0};
    if (pli_env_new(&o, &env, &err) != PLI_OK) fprintf(stderr, "%s\n", err.message);
    return env;
}

int fault_exit(pli_status status, const pli_error *err) {
    if (status != PLI_OK && getenv("PLI_FAULT_VERBOSE"))
        fprintf(stderr, "%s: %s\n", pli_status_name(status), err->message);
    return (int)status;
}

void fault_expect_end(const char *what, int status) {
    if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL) fail_msg("%s: ended by signal %d", what, WTERMSIG(status));
    if (WIFEXITED(status) && WEXITSTATUS(status) >= 100) fail_msg("%s: exit code %d", what, WEXITSTATUS(status));
}

void fault_work_folder(const char *folder, char out[1000]) { snprintf(out, 1000, "%s/work", folder); }

void fault_shell(const char *folder, const char *command) {
    char text[2000];
    snprintf(text, sizeof text, "cd '%s' && %s", folder, command);
    if (system(text) != 0) fail_msg("failed: %s", text);
}

static void set_number(const char *name, size_t n) {
    char text[32];
    snprintf(text, sizeof text, "%zu", n);
    setenv(name, text, 1);
}

int fault_run_program(const char *const *argv, const char *root, const char *kind, size_t at, const char *log) {
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        char asan[500];
        const char *old = getenv("ASAN_OPTIONS");
        snprintf(asan, sizeof asan, "%s:verify_asan_link_order=0:detect_leaks=0", old ? old : "");
        setenv("ASAN_OPTIONS", asan, 1);
        if (kind || log) setenv("LD_PRELOAD", fault_library(), 1);
        setenv("IOFAULT_ROOT", root, 1);
        if (kind) setenv("IOFAULT_DO", kind, 1);
        set_number("IOFAULT_AT", at);
        if (log) setenv("IOFAULT_LOG", log, 1);
        execv(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    int status = 0;
    if (pid < 0 || waitpid(pid, &status, 0) != pid) fail_msg("could not run %s", argv[0]);
    return status;
}

/* A path without what differs from run to run: uuids and times; batch numbers stay. */
static void normalise(const char *path, char *out, size_t cap) {
    size_t n = 0;
    for (const char *p = path; *p && n + 2 < cap;) {
        size_t hex = 0;
        while (isxdigit((unsigned char)p[hex]) || (hex && p[hex] == '-')) hex++;
        if (hex >= 8) {
            out[n++] = '*';
            p += hex;
        } else out[n++] = *p++;
    }
    out[n] = 0;
}

static void add_point(points *all, const char *scenario, const char *line, const char *root) {
    char call[64] = "", path[1600] = "", shown[1600], name[1800];
    if (sscanf(line, "%*u %63s %1599[^\n]", call, path) < 1) return;
    all->calls++;
    const char *below = strstr(path, root);
    normalise(below ? below + strlen(root) : path, shown, sizeof shown);
    snprintf(name, sizeof name, "%s: %s %s", scenario, call, shown);
    for (size_t i = 0; i < all->n; i++)
        if (strcmp(all->names[i], name) == 0) return;
    if (all->n < MAX_POINTS) all->names[all->n++] = strdup(name);
}

static void read_log(points *all, const char *scenario, const char *log, const char *root) {
    FILE *f = fopen(log, "r");
    char line[4096];
    while (f && fgets(line, sizeof line, f)) add_point(all, scenario, line, root);
    if (f) fclose(f);
    unlink(log);
}

static void reset_work(const char *folder) { fault_shell(folder, "rm -rf work && cp -a start work"); }

size_t fault_points_run(const fault_scenario *s, const char *folder, const char *const *kinds, size_t *distinct) {
    char root[1000], log[1000], what[200];
    points all = {0};
    size_t trials = 0;
    snprintf(root, sizeof root, "%s/work", folder);
    snprintf(log, sizeof log, "%s/calls.log", folder);
    s->prepare(folder);
    reset_work(folder);
    int clean = fault_run_program(s->argv, root, NULL, 0, log);
    read_log(&all, s->name, log, root);
    snprintf(what, sizeof what, "%s: no fault", s->name);
    s->check(folder, what, clean);
    assert_true(all.calls > 0);
    for (size_t at = 1; at <= all.calls; at++)
        for (size_t k = 0; kinds[k]; k++, trials++) {
            reset_work(folder);
            snprintf(what, sizeof what, "%s: %s at call %zu", s->name, kinds[k], at);
            s->check(folder, what, fault_run_program(s->argv, root, kinds[k], at, NULL));
        }
    if (getenv("PLI_FAULT_VERBOSE"))
        for (size_t i = 0; i < all.n; i++) print_message("  %s\n", all.names[i]);
    print_message("%-28s %4zu calls, %4zu distinct points, %5zu trials\n", s->name, all.calls, all.n, trials);
    for (size_t i = 0; i < all.n; i++) free(all.names[i]);
    *distinct += all.n;
    return trials;
}

void fault_points_skip_or_run(const fault_scenario *s, const char *folder, const char *const *kinds, size_t *distinct) {
    if (!fault_library()) {
        print_message("skipped: PLI_IOFAULT does not name the fault library\n");
        skip();
    }
    fault_points_run(s, folder, kinds, distinct);
}
