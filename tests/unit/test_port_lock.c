/* Locks: one holder, within a process and between processes, and none after its holder's death. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
// cmocka wants the ones above
#include <cmocka.h>

#include "base/time.h"
#include "port/lock.h"
#include "support/temp_dir.h"

static pli_status take(const char *path, int64_t timeout_us, pli__lock **out, pli_error *err) {
    return pli__lock_take(path, timeout_us, NULL, NULL, out, err);
}

static void test_lock__has_one_holder_even_in_one_process(void **state) {
    const char *path = temp_path(*state, ".lock");
    pli__lock *a = NULL, *b = NULL;
    pli_error err;
    assert_int_equal(take(path, 0, &a, &err), PLI_OK);
    assert_int_equal(take(path, 0, &b, &err), PLI_E_LOCKED);
    assert_null(b);
    char holder[64];
    snprintf(holder, sizeof holder, "process %ld", (long)getpid());
    assert_non_null(strstr(err.message, holder));
    pli__lock_release(a);
    assert_int_equal(take(path, 0, &b, &err), PLI_OK);
    pli__lock_auto(&b);
    pli__lock_release(NULL);
}

static void test_lock__needs_its_folder(void **state) {
    pli__lock *l = NULL;
    assert_int_equal(take(temp_path(*state, "no/.lock"), 0, &l, NULL), PLI_E_NOT_FOUND);
    assert_null(l);
}

/* A child that takes the lock, says so, and waits to be killed. */
static pid_t start_holder(const char *path) {
    int ends[2];
    char ready = 0;
    assert_int_equal(pipe(ends), 0);
    const pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        pli__lock *l = NULL;
        if (take(path, 0, &l, NULL) != PLI_OK || write(ends[1], "x", 1) != 1) _exit(1);
        for (;;) pause();
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], &ready, 1), 1);
    close(ends[0]);
    return child;
}

static void end_child(pid_t child) {
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

static void test_lock__ends_with_its_process(void **state) {
    const char *path = temp_path(*state, ".lock");
    pli__lock *l = NULL;
    const pid_t child = start_holder(path);
    assert_int_equal(take(path, 0, &l, NULL), PLI_E_LOCKED);
    end_child(child);
    assert_int_equal(take(path, 0, &l, NULL), PLI_OK);
    pli__lock_release(l);
}

static void test_lock__is_not_kept_by_a_forked_child(void **state) {
    const char *path = temp_path(*state, ".lock");
    pli__lock *l = NULL;
    assert_int_equal(take(path, 0, &l, NULL), PLI_OK);
    const pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        pli__lock_release(l); /* does no harm there */
        for (;;) pause();
    }
    assert_int_equal(take(path, 0, &(pli__lock *){NULL}, NULL), PLI_E_LOCKED); /* ours is not lost by the child */
    pli__lock_release(l);
    assert_int_equal(take(path, 0, &l, NULL), PLI_OK); /* the child lives, and holds nothing */
    pli__lock_release(l);
    end_child(child);
}

static void test_lock__waits_no_longer_than_asked(void **state) {
    const char *path = temp_path(*state, ".lock");
    pli__lock *l = NULL;
    const pid_t child = start_holder(path);
    const int64_t start = pli__monotonic_us();
    assert_int_equal(take(path, 120000, &l, NULL), PLI_E_LOCKED);
    const int64_t waited = pli__monotonic_us() - start;
    assert_true(waited >= 120000);
    end_child(child);
}

typedef struct {
    pid_t child;
    unsigned calls;
    unsigned kill_at, stop_at;
} poller;

static pli_status poll_lock(void *arg, pli_error *err) {
    poller *p = arg;
    p->calls++;
    if (p->calls == p->kill_at) end_child(p->child);
    if (p->calls == p->stop_at) return pli__error_set(err, PLI_E_CANCELLED, "stop");
    return PLI_OK;
}

static void test_lock__asks_while_it_waits_and_takes_it_when_free(void **state) {
    const char *path = temp_path(*state, ".lock");
    pli__lock *l = NULL;
    poller p = {.child = start_holder(path), .kill_at = 3};
    assert_int_equal(pli__lock_take(path, -1, poll_lock, &p, &l, NULL), PLI_OK);
    assert_true(p.calls >= 3);
    pli__lock_release(l);
}

static void test_lock__the_wait_can_be_ended(void **state) {
    const char *path = temp_path(*state, ".lock");
    pli__lock *l = NULL;
    pli_error err;
    poller p = {.child = start_holder(path), .stop_at = 2};
    assert_int_equal(pli__lock_take(path, -1, poll_lock, &p, &l, &err), PLI_E_CANCELLED);
    assert_null(l);
    end_child(p.child);
}

static void test_lock__a_deleted_file_excludes_nobody(void **state) {
    const char *path = temp_path(*state, ".lock");
    pli__lock *a = NULL, *b = NULL;
    assert_int_equal(take(path, 0, &a, NULL), PLI_OK);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(take(path, 0, &b, NULL), PLI_OK); /* on the new file at that path */
    assert_int_equal(take(path, 0, &(pli__lock *){NULL}, NULL), PLI_E_LOCKED);
    pli__lock_release(a);
    assert_int_equal(take(path, 0, &(pli__lock *){NULL}, NULL), PLI_E_LOCKED);
    pli__lock_release(b);
}

typedef struct {
    const char *path;
    atomic_int *inside;
    int most;
} worker;

static void *work(void *arg) {
    worker *w = arg;
    for (int i = 0; i < 20; i++) {
        pli__lock *l = NULL;
        if (take(w->path, -1, &l, NULL) != PLI_OK) continue;
        const int now = atomic_fetch_add(w->inside, 1) + 1;
        if (now > w->most) w->most = now;
        atomic_fetch_sub(w->inside, 1);
        pli__lock_release(l);
    }
    return NULL;
}

static void test_lock__threads_take_turns(void **state) {
    atomic_int inside = 0;
    pthread_t threads[4];
    worker workers[4];
    for (int i = 0; i < 4; i++) {
        workers[i] = (worker){temp_path(*state, ".lock"), &inside, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(workers[i].most, 1);
    }
}

#define IN_FOLDER(f) cmocka_unit_test_setup_teardown(f, temp_dir_setup, temp_dir_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_FOLDER(test_lock__has_one_holder_even_in_one_process),
        IN_FOLDER(test_lock__needs_its_folder),
        IN_FOLDER(test_lock__ends_with_its_process),
        IN_FOLDER(test_lock__is_not_kept_by_a_forked_child),
        IN_FOLDER(test_lock__waits_no_longer_than_asked),
        IN_FOLDER(test_lock__asks_while_it_waits_and_takes_it_when_free),
        IN_FOLDER(test_lock__the_wait_can_be_ended),
        IN_FOLDER(test_lock__a_deleted_file_excludes_nobody),
        IN_FOLDER(test_lock__threads_take_turns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
