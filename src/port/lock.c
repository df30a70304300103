/*
 * Locks: F_OFD_SETLK on the whole file. Such a lock belongs to the open file, not to the process, so two handles in one
 * process exclude each other, and a forked child that keeps the descriptor would keep the lock alive after its parent
 * has died. Therefore every held lock is in a list, and a fork handler closes the child's descriptors.
 */
#include "port/lock.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/time.h"
#include "port/fd.h"
#include "port/process.h"

enum { POLL_US = 50000, HOLDER_MAX = 300 };

struct pli__lock {
    int fd;
    pli__lock *next;
};

/* The list of held locks: the one piece of process-wide state, because fork is process-wide. */
static pthread_mutex_t held_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t held_once = PTHREAD_ONCE_INIT;
static pli__lock *held;

static void before_fork(void) { pthread_mutex_lock(&held_mutex); }
static void after_fork_in_parent(void) { pthread_mutex_unlock(&held_mutex); }

static void after_fork_in_child(void) {
    for (pli__lock *l = held; l; l = l->next) {
        close(l->fd);
        l->fd = -1;
    }
    pthread_mutex_unlock(&held_mutex);
}

static void install_fork_handlers(void) { pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child); }

static pli__lock *new_lock(void) {
    pli__lock *l = malloc(sizeof *l);
    if (!l) return NULL;
    pthread_mutex_lock(&held_mutex);
    *l = (pli__lock){-1, held};
    held = l;
    pthread_mutex_unlock(&held_mutex);
    return l;
}

/* Opening and closing happen under the mutex, so that a fork never sees a descriptor that is not in the list. */
static int open_lock_file(pli__lock *l, const char *path) {
    pthread_mutex_lock(&held_mutex);
    l->fd = pli__fd_open(AT_FDCWD, path, O_RDWR | O_CREAT, 0666);
    const int fd = l->fd, e = errno;
    pthread_mutex_unlock(&held_mutex);
    errno = e;
    return fd;
}

static void close_lock_file(pli__lock *l) {
    pthread_mutex_lock(&held_mutex);
    pli__fd_auto(&l->fd);
    pthread_mutex_unlock(&held_mutex);
}

/* Closing alone would not do while a child that was forked a moment ago has not got to its fork handler yet. */
static void unlock_file(int fd) {
    struct flock range = {.l_type = F_UNLCK, .l_whence = SEEK_SET};
    if (fd >= 0) fcntl(fd, F_OFD_SETLK, &range);
}

void pli__lock_release(pli__lock *lock) {
    if (!lock) return;
    pthread_mutex_lock(&held_mutex);
    for (pli__lock **at = &held; *at; at = &(*at)->next) {
        if (*at != lock) continue;
        *at = lock->next;
        break;
    }
    unlock_file(lock->fd);
    pli__fd_auto(&lock->fd);
    pthread_mutex_unlock(&held_mutex);
    free(lock);
}

void pli__lock_auto(pli__lock **lock) { pli__lock_release(*lock); }

/* @return 0 taken, else errno; EAGAIN: somebody else holds it */
static int try_lock(int fd) {
    struct flock range = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int rc;
    do rc = fcntl(fd, F_OFD_SETLK, &range);
    while (rc < 0 && errno == EINTR);
    if (rc == 0) return 0;
    return errno == EACCES ? EAGAIN : errno;
}

/* False if the file was deleted or replaced since it was opened: its lock then excludes nobody. */
static bool is_still_at(int fd, const char *path) {
    struct stat a, b;
    return fstat(fd, &a) == 0 && stat(path, &b) == 0 && a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}

/* Who holds it, for people; the lock does not depend on it, so errors are ignored. */
static void write_holder(int fd) {
    char text[HOLDER_MAX], host[PLI__HOST_NAME_MAX];
    pli__host_name(host);
    const int n = snprintf(text, sizeof text, "%ld %s\n", (long)getpid(), host);
    if (n > 0 && pwrite(fd, text, (size_t)n, 0) == n && ftruncate(fd, n) < 0) return;
}

static pli_status held_by_other(int fd, const char *path, pli_error *err) {
    char text[HOLDER_MAX + 1] = "", host[PLI__HOST_NAME_MAX] = "?";
    long pid = 0;
    const ssize_t n = pread(fd, text, HOLDER_MAX, 0);
    if (n > 0 && sscanf(text, "%ld %255s", &pid, host) >= 1 && pid > 0)
        pli__error_set(err, PLI_E_LOCKED, "'%s' is locked by process %ld on '%s'", path, pid, host);
    else pli__error_set(err, PLI_E_LOCKED, "'%s' is locked by another run", path);
    pli__error_flag(err, PLI_ERR_RETRIABLE);
    return PLI_E_LOCKED;
}

typedef struct {
    int64_t deadline_us; /* monotonic; negative: none */
    pli_status (*poll)(void *, pli_error *);
    void *poll_arg;
} patience;

/* What to do about a lock that is not to be had now: an error, or PLI_OK after a pause. */
static pli_status wait_for_holder(pli__lock *l, const char *path, const patience *p, pli_error *err) {
    if (p->deadline_us >= 0 && pli__monotonic_us() >= p->deadline_us) return held_by_other(l->fd, path, err);
    close_lock_file(l);
    return pli__sleep(POLL_US, p->poll, p->poll_arg, err);
}

/* One look at the lock; PLI_OK without *done asks for another one. */
static pli_status attempt(pli__lock *l, const char *path, const patience *p, bool *done, pli_error *err) {
    if (open_lock_file(l, path) < 0) return pli__error_errno(err, "could not open the lock '%s'", path);
    const int e = try_lock(l->fd);
    if (e == EAGAIN) return wait_for_holder(l, path, p, err);
    errno = e;
    if (e != 0) return pli__error_errno(err, "could not lock '%s'", path);
    *done = is_still_at(l->fd, path);
    if (!*done) close_lock_file(l);
    return PLI_OK;
}

pli_status pli__lock_take(const char *path, int64_t timeout_us, pli_status (*poll)(void *, pli_error *), void *poll_arg,
                          pli__lock **out, pli_error *err) {
    int64_t deadline;
    if (timeout_us < 0 || __builtin_add_overflow(pli__monotonic_us(), timeout_us, &deadline)) deadline = -1;
    const patience p = {deadline, poll, poll_arg};
    pthread_once(&held_once, install_fork_handlers);
    PLI_AUTO(pli__lock_auto) pli__lock *lock = new_lock();
    if (!lock) return pli__error_memory(err);
    bool done = false;
    while (!done) PLI_TRY(attempt(lock, path, &p, &done, err));
    write_holder(lock->fd);
    *out = PLI_TAKE(lock);
    return PLI_OK;
}
