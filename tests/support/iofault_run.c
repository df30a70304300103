/* Children under fault/iofault.c. */
#include "support/iofault_run.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
// cmocka wants the ones above
#include <cmocka.h>

#include "support/temp_dir.h"

const char *iofault_child(void) { return getenv("PLI_TEST_WORK"); }
const char *iofault_folder(void) { return getenv("IOFAULT_ROOT"); }

bool iofault_available(void) {
    const char *library = getenv("PLI_IOFAULT");
    if (library && access(library, R_OK) == 0) return true;
    print_message("note: $PLI_IOFAULT is not set, so nothing can be struck here\n");
    return false;
}

static void set_number(const char *name, unsigned value) {
    char text[16];
    snprintf(text, sizeof text, "%u", value);
    setenv(name, text, 1);
}

static void set_text(const char *name, const char *value) {
    if (value) setenv(name, value, 1);
    else unsetenv(name);
}

/* The library stands in front of the sanitizer's runtime, which is told to put up with that. */
static void allow_preload(void) {
    char options[1000];
    const char *before = getenv("ASAN_OPTIONS");
    snprintf(options, sizeof options, "%s%sverify_asan_link_order=0", before ? before : "", before ? ":" : "");
    setenv("ASAN_OPTIONS", options, 1);
}

int iofault_start(void *temp, const char *work, const iofault *f) {
    const char *root = temp_mkdir(temp, "root"), *log = temp_path(temp, "log");
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child != 0) return child;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    allow_preload();
    set_text("PLI_TEST_WORK", work);
    set_text("LD_PRELOAD", getenv("PLI_IOFAULT"));
    set_text("IOFAULT_ROOT", root);
    set_text("IOFAULT_DO", f->what);
    set_text("IOFAULT_ONLY", f->only);
    set_text("IOFAULT_CALL", f->call);
    set_text("IOFAULT_LOG", f->log ? log : NULL);
    set_number("IOFAULT_AT", f->at);
    set_number("IOFAULT_STICKY", f->sticky);
    if (f->ms) set_number("IOFAULT_MS", f->ms);
    execl("/proc/self/exe", "child", (char *)NULL);
    _exit(127);
}

int iofault_run(void *temp, const char *work, const iofault *f) {
    int ended = 0;
    const pid_t child = iofault_start(temp, work, f);
    assert_int_equal(waitpid(child, &ended, 0), child);
    if (WIFEXITED(ended)) assert_int_not_equal(WEXITSTATUS(ended), 127);
    return ended;
}

const char *iofault_log(void *temp) {
    const char *log = temp_read(temp, "log");
    return log ? log : "";
}

unsigned iofault_calls(void *temp) {
    unsigned n = 0;
    for (const char *p = iofault_log(temp); *p; p++) n += *p == '\n';
    return n;
}
