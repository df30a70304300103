/*
 * A library for LD_PRELOAD that counts the calls by which a process changes files below one folder, and makes one of them
 * fail, end the process, or answer wrongly. Fault tests first run a program with a log to learn how many such calls it
 * makes, then once per call and kind of fault.
 *
 *   IOFAULT_ROOT   folder; calls on paths below it count. Without it the library does nothing.
 *   IOFAULT_AT     number of the call that is struck, from 1; 0 or absent: none
 *   IOFAULT_DO     kill        SIGKILL to the process before the call
 *                  kill_after  the same after the call
 *                  eio         the call is not made and answers EIO
 *                  eio_after   the call is made and answers EIO: its success is hidden
 *                  enospc      the call is not made and answers ENOSPC
 *                  short       a write writes half of its bytes and says so; all further writes answer ENOSPC, as on a full
 *                              disk. Other calls answer ENOSPC.
 *                  delay       the call is made IOFAULT_MS milliseconds late (default 200)
 *                  stop        SIGSTOP to the process before the call; the test sends SIGCONT
 *   IOFAULT_STICKY 1: every call from IOFAULT_AT on is struck
 *   IOFAULT_ONLY   only paths that contain this text count
 *   IOFAULT_CALL   only calls of this name count
 *   IOFAULT_LOG    file to which "<number> <call> <path>" is appended for each call that counts ("<from> -> <to>" for two)
 *   IOFAULT_RECORD file to which each call that counts and succeeded is appended with what it wrote (iorecord.h)
 *
 * Calls are made as raw system calls, so nothing of this passes through another interposed function. Not seen: writes
 * through a shared memory map, and system calls that the C library makes inside other functions (fopen, for instance).
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "iorecord.h"

#define SHOWN __attribute__((visibility("default")))

typedef enum {
    DO_NOTHING,
    DO_KILL,
    DO_KILL_AFTER,
    DO_EIO,
    DO_EIO_AFTER,
    DO_ENOSPC,
    DO_SHORT,
    DO_DELAY,
    DO_STOP
} action;

static struct {
    bool active;
    char root[PATH_MAX], real_root[PATH_MAX];
    const char *only, *call;
    uint64_t at;
    action what;
    bool sticky, records;
    long delay_ms;
    int log;
} config = {.log = -1};

static atomic_uint_fast64_t calls;
static atomic_bool disk_is_full;

static action action_of(const char *name) {
    static const char *const names[] = {"",       "kill",  "kill_after", "eio", "eio_after",
                                        "enospc", "short", "delay",      "stop"};
    for (size_t i = 1; name && i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i], name) == 0) return (action)i;
    return DO_NOTHING;
}

__attribute__((constructor)) static void read_config(void) {
    const char *root = getenv("IOFAULT_ROOT"), *at = getenv("IOFAULT_AT"), *ms = getenv("IOFAULT_MS");
    const char *log = getenv("IOFAULT_LOG"), *sticky = getenv("IOFAULT_STICKY");
    if (!root || !*root || strlen(root) >= sizeof config.root) return;
    memcpy(config.root, root, strlen(root) + 1);
    if (!realpath(root, config.real_root)) memcpy(config.real_root, root, strlen(root) + 1);
    config.only = getenv("IOFAULT_ONLY");
    config.call = getenv("IOFAULT_CALL");
    config.at = at ? strtoull(at, NULL, 10) : 0;
    config.what = action_of(getenv("IOFAULT_DO"));
    config.sticky = sticky && strcmp(sticky, "1") == 0;
    config.delay_ms = ms ? strtol(ms, NULL, 10) : 200;
    if (log && *log)
        config.log = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    const char *record = getenv("IOFAULT_RECORD");
    config.records = record && *record;
    if (config.records) iorecord_start(record);
    config.active = true;
}

/* ---- which paths count ---- */

static bool is_below(const char *path, const char *root) {
    const size_t n = strlen(root);
    return strncmp(path, root, n) == 0 && (path[n] == 0 || path[n] == '/');
}

static bool counts(const char *path) {
    if (!is_below(path, config.root) && !is_below(path, config.real_root)) return false;
    return !config.only || strstr(path, config.only);
}

/* Takes '.', '..' and double slashes out of an absolute path. */
static void clean_path(char *path) {
    char *out = path;
    for (const char *p = path; *p;) {
        while (*p == '/') p++;
        const size_t n = strcspn(p, "/");
        if (n == 2 && p[0] == '.' && p[1] == '.') {
            while (out > path && *--out != '/') continue;
        } else if (n > 0 && !(n == 1 && p[0] == '.')) {
            *out++ = '/';
            memmove(out, p, n);
            out += n;
        }
        p += n;
    }
    *out = 0;
}

static bool path_of_fd(int fd, char out[PATH_MAX]) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    const ssize_t n = (ssize_t)syscall(SYS_readlinkat, AT_FDCWD, link, out, PATH_MAX - 1);
    if (n <= 0) return false;
    out[n] = 0;
    return out[0] == '/';
}

static bool absolute_path(int dir, const char *path, char out[PATH_MAX]) {
    char base[PATH_MAX] = "";
    if (path[0] != '/' && (dir == AT_FDCWD ? !getcwd(base, sizeof base) : !path_of_fd(dir, base))) return false;
    const int n = snprintf(out, PATH_MAX, "%s/%s", base, path);
    if (n < 0 || n >= PATH_MAX) return false;
    clean_path(out);
    return true;
}

/* ---- what happens to a call ---- */

static void write_log(uint64_t number, const char *call, const char *path, const char *to) {
    char line[2 * PATH_MAX + 100];
    if (config.log < 0) return;
    const int n = snprintf(line, sizeof line, "%llu %s %s%s%s\n", (unsigned long long)number, call, path,
                           to ? " -> " : "", to ? to : "");
    if (n > 0) syscall(SYS_write, config.log, line, (size_t)n);
}

static void send_to_self(int sig) { syscall(SYS_kill, syscall(SYS_getpid), sig); }

static void delay(void) {
    const struct timespec t = {.tv_sec = config.delay_ms / 1000, .tv_nsec = config.delay_ms % 1000 * 1000000};
    syscall(SYS_nanosleep, &t, NULL);
}

/* Counts a call and says what is to be done about it; what ends or holds the process is done here. */
static action strike(const char *call, const char *path, const char *to) {
    if (config.call && strcmp(config.call, call) != 0) return DO_NOTHING;
    const uint64_t number = atomic_fetch_add(&calls, 1) + 1;
    write_log(number, call, path, to);
    if (config.at == 0 || (config.sticky ? number < config.at : number != config.at)) return DO_NOTHING;
    if (config.what == DO_KILL) send_to_self(SIGKILL);
    if (config.what == DO_STOP) send_to_self(SIGSTOP);
    if (config.what == DO_DELAY) delay();
    return config.what;
}

static action strike_path(const char *call, int dir, const char *path, int to_dir, const char *to) {
    char a[PATH_MAX], b[PATH_MAX];
    const int saved = errno;
    action what = DO_NOTHING;
    if (config.active && path && absolute_path(dir, path, a) && (!to || absolute_path(to_dir, to, b)) &&
        (counts(a) || (to && counts(b))))
        what = strike(call, a, to ? b : NULL);
    errno = saved;
    return what;
}

static action strike_fd(const char *call, int fd) {
    char path[PATH_MAX];
    const int saved = errno;
    action what = DO_NOTHING;
    if (config.active && path_of_fd(fd, path) && counts(path)) what = strike(call, path, NULL);
    errno = saved;
    return what;
}

static bool is_refused(action what) {
    if (what == DO_EIO) errno = EIO;
    if (what == DO_ENOSPC || what == DO_SHORT) errno = ENOSPC;
    return what == DO_EIO || what == DO_ENOSPC || what == DO_SHORT;
}

static long answer(action what, long result) {
    if (what == DO_KILL_AFTER) send_to_self(SIGKILL);
    if (what != DO_EIO_AFTER || result < 0) return result;
    errno = EIO;
    return -1;
}

/* ---- what is recorded: calls that succeeded ---- */

static bool records_fd(int fd, char path[PATH_MAX]) { return config.records && path_of_fd(fd, path) && counts(path); }

static int record_open(int fd, int flags) {
    char path[PATH_MAX];
    if (fd >= 0 && (flags & (O_CREAT | O_TRUNC)) && records_fd(fd, path))
        iorecord_fd("open", fd, path, (flags & O_TRUNC) != 0);
    return fd;
}

static long record_write(long result, int fd, off_t at) {
    char path[PATH_MAX];
    if (result > 0 && records_fd(fd, path)) iorecord_write(fd, path, at, (size_t)result);
    return result;
}

static long record_fd(long result, const char *call, int fd, off_t at) {
    char path[PATH_MAX];
    if (result == 0 && records_fd(fd, path)) iorecord_fd(call, fd, path, at);
    return result;
}

typedef struct {
    int dir;
    const char *path;
} place;

static long record_names(long result, const char *call, place from, place to) {
    char a[PATH_MAX], b[PATH_MAX];
    if (result == 0 && config.records && absolute_path(from.dir, from.path, a) &&
        (!to.path || absolute_path(to.dir, to.path, b)) && (counts(a) || (to.path && counts(b))))
        iorecord_names(call, a, to.path ? b : NULL);
    return result;
}

/* From here on the C library's functions, with names of our own for their parameters. */
/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name) */

/* ---- opening ---- */

static int open_at(const char *call, int dir, const char *path, int flags, mode_t mode) {
    const bool changes = (flags & O_ACCMODE) != O_RDONLY || (flags & (O_CREAT | O_TRUNC));
    const action what = changes ? strike_path(call, dir, path, 0, NULL) : DO_NOTHING;
    if (is_refused(what)) return -1;
    const int fd = record_open((int)syscall(SYS_openat, dir, path, flags, mode), flags);
    const int result = (int)answer(what, fd);
    if (result < 0 && fd >= 0) {
        const int saved = errno;
        syscall(SYS_close, fd);
        errno = saved;
    }
    return result;
}

static mode_t mode_of(int flags, va_list ap) {
    return (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE ? (mode_t)va_arg(ap, unsigned) : 0;
}

#define OPEN(name)                                                                                                     \
    SHOWN int name(const char *path, int flags, ...);                                                                  \
    SHOWN int name(const char *path, int flags, ...) {                                                                 \
        va_list ap;                                                                                                    \
        va_start(ap, flags);                                                                                           \
        const mode_t mode = mode_of(flags, ap);                                                                        \
        va_end(ap);                                                                                                    \
        return open_at("open", AT_FDCWD, path, flags, mode);                                                           \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                                                                   \
    SHOWN int name(int dir, const char *path, int flags, ...);                                                         \
    SHOWN int name(int dir, const char *path, int flags, ...) {                                                        \
        va_list ap;                                                                                                    \
        va_start(ap, flags);                                                                                           \
        const mode_t mode = mode_of(flags, ap);                                                                        \
        va_end(ap);                                                                                                    \
        return open_at("open", dir, path, flags, mode);                                                                \
    }
OPENAT(openat)
OPENAT(openat64)

/* What _FORTIFY_SOURCE makes of an open without a mode. */
SHOWN int __open_2(const char *path, int flags);
SHOWN int __open_2(const char *path, int flags) { return open_at("open", AT_FDCWD, path, flags, 0); }
SHOWN int __open64_2(const char *path, int flags);
SHOWN int __open64_2(const char *path, int flags) { return open_at("open", AT_FDCWD, path, flags, 0); }
SHOWN int __openat_2(int dir, const char *path, int flags);
SHOWN int __openat_2(int dir, const char *path, int flags) { return open_at("open", dir, path, flags, 0); }
SHOWN int __openat64_2(int dir, const char *path, int flags);
SHOWN int __openat64_2(int dir, const char *path, int flags) { return open_at("open", dir, path, flags, 0); }

#define CREAT(name)                                                                                                    \
    SHOWN int name(const char *path, mode_t mode);                                                                     \
    SHOWN int name(const char *path, mode_t mode) {                                                                    \
        return open_at("open", AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);                                    \
    }
CREAT(creat)
CREAT(creat64)

/* ---- writing ---- */

/* A write that may be struck: *len is what is to be written. False: it is refused, errno says why. */
static bool begin_write(const char *call, int fd, size_t *len, action *what) {
    *what = strike_fd(call, fd);
    if (*what == DO_SHORT && !atomic_load(&disk_is_full)) {
        atomic_store(&disk_is_full, true);
        if (*len > 1) {
            *len /= 2;
            *what = DO_NOTHING;
            return true;
        }
    }
    char path[PATH_MAX];
    if (atomic_load(&disk_is_full) && path_of_fd(fd, path) && counts(path)) *what = DO_ENOSPC;
    return !is_refused(*what);
}

SHOWN ssize_t write(int fd, const void *data, size_t len) {
    action what;
    if (!begin_write("write", fd, &len, &what)) return -1;
    return answer(what, record_write(syscall(SYS_write, fd, data, len), fd, -1));
}

#define PWRITE(name)                                                                                                   \
    SHOWN ssize_t name(int fd, const void *data, size_t len, off_t at);                                                \
    SHOWN ssize_t name(int fd, const void *data, size_t len, off_t at) {                                               \
        action what;                                                                                                   \
        if (!begin_write("pwrite", fd, &len, &what)) return -1;                                                        \
        return answer(what, record_write(syscall(SYS_pwrite64, fd, data, len, at), fd, at));                           \
    }
PWRITE(pwrite)
PWRITE(pwrite64)

/* Cutting a vector short would need a copy: a short one of several parts writes its first part only. */
SHOWN ssize_t writev(int fd, const struct iovec *v, int n) {
    action what;
    size_t parts = (size_t)n;
    if (!begin_write("writev", fd, &parts, &what)) return -1;
    return answer(what, record_write(syscall(SYS_writev, fd, v, (int)parts), fd, -1));
}

#define PWRITEV(name)                                                                                                  \
    SHOWN ssize_t name(int fd, const struct iovec *v, int n, off_t at);                                                \
    SHOWN ssize_t name(int fd, const struct iovec *v, int n, off_t at) {                                               \
        action what;                                                                                                   \
        size_t parts = (size_t)n;                                                                                      \
        if (!begin_write("pwritev", fd, &parts, &what)) return -1;                                                     \
        return answer(what, record_write(syscall(SYS_pwritev, fd, v, (int)parts, (unsigned long)at, 0ul), fd, at));    \
    }
PWRITEV(pwritev)
PWRITEV(pwritev64)

#define COPY_RANGE_ARGS int in, off64_t *in_at, int out, off64_t *out_at, size_t len, unsigned flags
SHOWN ssize_t copy_file_range(COPY_RANGE_ARGS) {
    action what;
    if (!begin_write("copy_file_range", out, &len, &what)) return -1;
    const long done = syscall(SYS_copy_file_range, in, in_at, out, out_at, len, flags);
    return answer(what, record_write(done, out, out_at && done > 0 ? *out_at - done : -1));
}

#define SENDFILE(name)                                                                                                 \
    SHOWN ssize_t name(int out, int in, off_t *at, size_t len);                                                        \
    SHOWN ssize_t name(int out, int in, off_t *at, size_t len) {                                                       \
        action what;                                                                                                   \
        if (!begin_write("sendfile", out, &len, &what)) return -1;                                                     \
        return answer(what, record_write(syscall(SYS_sendfile, out, in, at, len), out, -1));                           \
    }
SENDFILE(sendfile)
SENDFILE(sendfile64)

/* ---- descriptors: durability and size ---- */

static long on_fd(const char *call, int fd, long number, long a, long b, long c) {
    const action what = strike_fd(call, fd);
    if (is_refused(what)) return -1;
    return answer(what, record_fd(syscall(number, fd, a, b, c), call, fd, a));
}

SHOWN int fsync(int fd) { return (int)on_fd("fsync", fd, SYS_fsync, 0, 0, 0); }
SHOWN int fdatasync(int fd) { return (int)on_fd("fdatasync", fd, SYS_fdatasync, 0, 0, 0); }

#define ON_SIZE(name, call, number)                                                                                    \
    SHOWN int name(int fd, off_t size);                                                                                \
    SHOWN int name(int fd, off_t size) { return (int)on_fd(call, fd, number, size, 0, 0); }
ON_SIZE(ftruncate, "ftruncate", SYS_ftruncate)
ON_SIZE(ftruncate64, "ftruncate", SYS_ftruncate)

#define FALLOCATE(name)                                                                                                \
    SHOWN int name(int fd, int mode, off_t at, off_t len);                                                             \
    SHOWN int name(int fd, int mode, off_t at, off_t len) {                                                            \
        return (int)on_fd("fallocate", fd, SYS_fallocate, mode, at, len);                                              \
    }
FALLOCATE(fallocate)
FALLOCATE(fallocate64)

#define POSIX_FALLOCATE(name)                                                                                          \
    SHOWN int name(int fd, off_t at, off_t len);                                                                       \
    SHOWN int name(int fd, off_t at, off_t len) {                                                                      \
        const int saved = errno;                                                                                       \
        const int result = on_fd("fallocate", fd, SYS_fallocate, 0, at, len) < 0 ? errno : 0;                          \
        errno = saved;                                                                                                 \
        return result;                                                                                                 \
    }
POSIX_FALLOCATE(posix_fallocate)
POSIX_FALLOCATE(posix_fallocate64)

/* ---- names ---- */

static int on_name(const char *call, int dir, const char *path, long number, long a) {
    const action what = strike_path(call, dir, path, 0, NULL);
    if (is_refused(what)) return -1;
    const long done = record_names(syscall(number, dir, path, a), call, (place){dir, path}, (place){0});
    return (int)answer(what, done);
}

SHOWN int unlink(const char *path) { return on_name("unlink", AT_FDCWD, path, SYS_unlinkat, 0); }
SHOWN int rmdir(const char *path) { return on_name("rmdir", AT_FDCWD, path, SYS_unlinkat, AT_REMOVEDIR); }
SHOWN int unlinkat(int dir, const char *path, int flags) {
    return on_name(flags & AT_REMOVEDIR ? "rmdir" : "unlink", dir, path, SYS_unlinkat, flags);
}
SHOWN int mkdir(const char *path, mode_t mode) { return on_name("mkdir", AT_FDCWD, path, SYS_mkdirat, (long)mode); }
SHOWN int mkdirat(int dir, const char *path, mode_t mode) {
    return on_name("mkdir", dir, path, SYS_mkdirat, (long)mode);
}
SHOWN int remove(const char *path) {
    const action what = strike_path("unlink", AT_FDCWD, path, 0, NULL);
    if (is_refused(what)) return -1;
    long result = syscall(SYS_unlinkat, AT_FDCWD, path, 0);
    if (result < 0 && (errno == EISDIR || errno == EPERM)) result = syscall(SYS_unlinkat, AT_FDCWD, path, AT_REMOVEDIR);
    return (int)answer(what, record_names(result, "unlink", (place){AT_FDCWD, path}, (place){0}));
}

#define TRUNCATE(name)                                                                                                 \
    SHOWN int name(const char *path, off_t size);                                                                      \
    SHOWN int name(const char *path, off_t size) {                                                                     \
        const action what = strike_path("truncate", AT_FDCWD, path, 0, NULL);                                          \
        if (is_refused(what)) return -1;                                                                               \
        return (int)answer(what, syscall(SYS_truncate, path, size));                                                   \
    }
TRUNCATE(truncate)
TRUNCATE(truncate64)

static int on_two(const char *call, place from, place to, long number, long flags) {
    const action what = strike_path(call, from.dir, from.path, to.dir, to.path);
    if (is_refused(what)) return -1;
    const long done = syscall(number, from.dir, from.path, to.dir, to.path, flags);
    return (int)answer(what, record_names(done, call, from, to));
}

static place here(const char *path) { return (place){AT_FDCWD, path}; }

SHOWN int link(const char *from, const char *to) { return on_two("link", here(from), here(to), SYS_linkat, 0); }
SHOWN int linkat(int from_dir, const char *from, int to_dir, const char *to, int flags) {
    return on_two("link", (place){from_dir, from}, (place){to_dir, to}, SYS_linkat, flags);
}
SHOWN int rename(const char *from, const char *to) { return on_two("rename", here(from), here(to), SYS_renameat2, 0); }
SHOWN int renameat(int from_dir, const char *from, int to_dir, const char *to) {
    return on_two("rename", (place){from_dir, from}, (place){to_dir, to}, SYS_renameat2, 0);
}
SHOWN int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags) {
    return on_two("rename", (place){from_dir, from}, (place){to_dir, to}, SYS_renameat2, (long)flags);
}

/* The target of a symbolic link is only text, so the path that counts is the link's own. */
SHOWN int symlink(const char *target, const char *path) {
    const action what = strike_path("symlink", AT_FDCWD, path, 0, NULL);
    if (is_refused(what)) return -1;
    return (int)answer(what, syscall(SYS_symlinkat, target, AT_FDCWD, path));
}

/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */
