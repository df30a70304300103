/* inotify on folders. New subfolders are added as they appear; whatever cannot be watched is left to the interval. */
#include "port/watch.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/time.h"
#include "port/fd.h"

enum { POLL_MS = 50, EVENTS_SIZE = 16 << 10 };

static const uint32_t watched_events = IN_CREATE | IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE |
                                       IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;

typedef struct {
    int id; /* of inotify */
    char *path;
} folder;

struct pli__watch {
    int fd; /* -1: nothing can be watched */
    folder folders[PLI__WATCH_FOLDERS_MAX];
    size_t n;
};

void pli__watch_close(pli__watch *w) {
    if (!w) return;
    for (size_t i = 0; i < w->n; i++) free(w->folders[i].path);
    pli__fd_auto(&w->fd);
    free(w);
}

void pli__watch_auto(pli__watch **w) { pli__watch_close(*w); }

bool pli__watch_is_active(const pli__watch *w) { return w->fd >= 0 && w->n > 0; }

static const folder *find_folder(const pli__watch *w, int id) {
    for (size_t i = 0; i < w->n; i++)
        if (w->folders[i].id == id) return &w->folders[i];
    return NULL;
}

/* Adds one folder; a failure (gone, no more watches) is the same as not watching it. */
static pli_status add_folder(pli__watch *w, const char *path, pli_error *err) {
    if (w->n == PLI__WATCH_FOLDERS_MAX) return PLI_OK;
    const int id = inotify_add_watch(w->fd, path, watched_events);
    if (id < 0 || find_folder(w, id)) return PLI_OK; /* the same folder by another path has the same id */
    char *copy = pli__strz_dup(path);
    if (!copy) return pli__error_memory(err);
    w->folders[w->n++] = (folder){id, copy};
    return PLI_OK;
}

typedef struct {
    pli__watch *watch;
    const char *path;
} subfolder_search;

static pli_status add_if_folder(void *arg, const pli__dir_entry *entry, pli_error *err) {
    const subfolder_search *search = arg;
    if (entry->kind != PLI__FILE_DIR) return PLI_OK;
    PLI_AUTO(pli__free_ptr) char *path = pli__path_join(search->path, entry->name);
    return path ? add_folder(search->watch, path, err) : pli__error_memory(err);
}

/* Adds what is below the folders from number `first` on. The list itself is the queue: level by level. */
static pli_status add_below(pli__watch *w, size_t first, pli_error *err) {
    for (size_t i = first; i < w->n && w->n < PLI__WATCH_FOLDERS_MAX; i++) {
        subfolder_search search = {w, w->folders[i].path};
        if (pli__fs_list(search.path, add_if_folder, &search, err) == PLI_E_MEMORY) return PLI_E_MEMORY;
    }
    pli__error_clear(err);
    return PLI_OK;
}

pli_status pli__watch_open(const char *const *folders, size_t n, pli__watch **out, pli_error *err) {
    PLI_AUTO(pli__watch_auto) pli__watch *w = calloc(1, sizeof *w);
    if (!w) return pli__error_memory(err);
    w->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    for (size_t i = 0; w->fd >= 0 && i < n; i++) {
        if (pli__fs_is_network(folders[i])) continue; /* changes made by other machines do not show there */
        PLI_TRY(add_folder(w, folders[i], err));
    }
    PLI_TRY(add_below(w, 0, err));
    *out = PLI_TAKE(w);
    return PLI_OK;
}

/* The kernel drops a watch with its folder; the number may come again for another one. */
static void forget_folder(pli__watch *w, int id) {
    for (size_t i = 0; i < w->n; i++) {
        if (w->folders[i].id != id) continue;
        free(w->folders[i].path);
        w->folders[i] = w->folders[--w->n];
        return;
    }
}

static pli_status note_event(pli__watch *w, const struct inotify_event *e, pli_error *err) {
    if (e->mask & IN_IGNORED) forget_folder(w, e->wd);
    const folder *parent = find_folder(w, e->wd);
    if (!(e->mask & IN_ISDIR) || !(e->mask & (IN_CREATE | IN_MOVED_TO)) || !parent || e->len == 0) return PLI_OK;
    PLI_AUTO(pli__free_ptr) char *path = pli__path_join(parent->path, e->name);
    if (!path) return pli__error_memory(err);
    const size_t before = w->n;
    PLI_TRY(add_folder(w, path, err));
    return add_below(w, before, err);
}

/* Reads what there is; *any tells whether there was something. */
static pli_status drain(pli__watch *w, bool *any, pli_error *err) {
    _Alignas(struct inotify_event) char buffer[EVENTS_SIZE];
    for (;;) {
        const ssize_t n = read(w->fd, buffer, sizeof buffer);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return PLI_OK;
        *any = true;
        for (ssize_t i = 0; i < n;) {
            const struct inotify_event *e = (const void *)(buffer + i); /* the kernel pads names to keep alignment */
            PLI_TRY(note_event(w, e, err));
            i += (ssize_t)(sizeof *e + e->len);
        }
    }
}

pli_status pli__watch_wait(pli__watch *w, int64_t timeout_us, int64_t settle_us, pli__poll_fn *poll_fn, void *arg,
                           bool *changed, pli_error *err) {
    bool any = false;
    int64_t end;
    if (__builtin_add_overflow(pli__monotonic_us(), timeout_us < 0 ? 0 : timeout_us, &end)) end = INT64_MAX;
    for (;;) {
        const int64_t left = end - pli__monotonic_us();
        if (poll_fn) PLI_TRY(poll_fn(arg, err));
        if (w->fd >= 0) PLI_TRY(drain(w, &any, err));
        if (any || left <= 0) break;
        const int64_t ms = left / 1000 + 1;
        struct pollfd p = {.fd = w->fd, .events = POLLIN}; /* poll ignores a negative descriptor and just waits */
        if (poll(&p, 1, ms > POLL_MS ? POLL_MS : (int)ms) < 0 && errno != EINTR)
            return pli__error_errno(err, "could not wait for changes");
    }
    if (any && settle_us > 0) {
        PLI_TRY(pli__sleep(settle_us, poll_fn, arg, err));
        if (w->fd >= 0) PLI_TRY(drain(w, &any, err));
    }
    *changed = any;
    return PLI_OK;
}
