/* Processes, environment, cancellation, sleep. */
#include "port/process.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/time.h"
#include "port/fs.h"

enum { POLL_US = 50000, STAT_MAX = 4096 };

int64_t pli__process_id(void) { return getpid(); }

void pli__host_name(char out[PLI__HOST_NAME_MAX]) {
    char name[PLI__HOST_NAME_MAX] = "";
    if (gethostname(name, sizeof name - 1) < 0 || !name[0]) memcpy(name, "localhost", sizeof "localhost");
    memcpy(out, name, sizeof name);
}

bool pli__process_is_alive(int64_t pid) {
    if (pid <= 0 || pid > INT32_MAX) return false;
    return kill((pid_t)pid, 0) == 0 || errno != ESRCH;
}

/* Field 22 of /proc/<pid>/stat. The name in field 2 may hold blanks and brackets, so the count starts at its end. */
bool pli__process_start(int64_t pid, int64_t *ticks) {
    char path[64];
    PLI_AUTO(pli__buf_clear) pli__buf text = {0};
    snprintf(path, sizeof path, "/proc/%lld/stat", (long long)pid);
    if (pid <= 0 || pli__fs_read(path, STAT_MAX, &text, NULL) != PLI_OK) return false;
    const char *p = strrchr(text.ptr, ')');
    for (int field = 2; p && field < 22; field++) p = strchr(p + 1, ' ');
    if (!p) return false;
    p++;
    return pli__str_to_i64((pli__str){p, strcspn(p, " \n")}, ticks);
}

pli_status pli__env_get(const char *name, const char **out, pli_error *err) {
    const char *value = getenv(name);
    if (value && strlen(value) > PLI__ENV_MAX)
        return pli__error_set(err, PLI_E_LIMIT, "the environment variable '%s' is longer than %d bytes", name,
                              PLI__ENV_MAX);
    *out = value && *value ? value : NULL;
    return PLI_OK;
}

void pli__cancel_request(pli__cancel *c) { c->requested = 1; }

bool pli__cancel_is_requested(const pli__cancel *c) { return c && c->requested; }

pli_status pli__cancel_poll(void *arg, pli_error *err) {
    const pli__cancel *c = arg;
    if (!pli__cancel_is_requested(c)) return PLI_OK;
    return pli__error_set(err, PLI_E_CANCELLED, "stopped from outside");
}

pli_status pli__sleep(int64_t us, pli__poll_fn *poll, void *arg, pli_error *err) {
    int64_t end;
    if (us < 0) us = 0;
    if (__builtin_add_overflow(pli__monotonic_us(), us, &end)) end = INT64_MAX;
    for (;;) {
        if (poll) PLI_TRY(poll(arg, err));
        int64_t left = end - pli__monotonic_us();
        if (left <= 0) return PLI_OK;
        if (poll && left > POLL_US) left = POLL_US;
        if (left > INT64_C(3600000000)) left = INT64_C(3600000000);
        const struct timespec t = {.tv_sec = left / 1000000, .tv_nsec = left % 1000000 * 1000};
        nanosleep(&t, NULL); /* one that a signal ends early is made up for by the loop */
    }
}
