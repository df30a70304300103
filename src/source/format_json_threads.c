/*
 * Shapes of large NDJSON files by several threads: each takes a part of the file, from the first line end in it to the
 * record that spans its own end. What one of them cannot parse may only have been cut in the wrong place (records that
 * span lines), so that a failure leads to the plain scan, whose word counts.
 */
#include <pthread.h>
#include <stdlib.h>

#include "port/fs.h"
#include "source/format_json_shape.h"

#define PART_MIN ((int64_t)8 << 20)
#define THREADS_MAX 64

typedef struct part {
    const char *path;
    int64_t from, stop;
    size_t max_record;
    pli__arena arena;
    pli__shape shape;
    pli__json_scan_result result;
    pli_status status;
    pthread_t thread;
    bool started;
} part;

static void *scan_part(void *arg) {
    part *p = arg;
    p->status = pli__json_scan_range(p->path, p->from, p->stop, p->max_record, &p->arena, &p->shape, &p->result, NULL);
    return NULL;
}

/* A part whose thread cannot be started is scanned by this one. */
static void run_parts(part *parts, size_t n) {
    for (size_t i = 1; i < n; i++) parts[i].started = pthread_create(&parts[i].thread, NULL, scan_part, &parts[i]) == 0;
    for (size_t i = 0; i < n; i++)
        if (!parts[i].started) scan_part(&parts[i]);
    for (size_t i = 1; i < n; i++)
        if (parts[i].started) pthread_join(parts[i].thread, NULL);
}

static pli_status merge_parts(const part *parts, size_t n, bool *whole, pli__arena *arena, pli__shape *root,
                              pli__json_scan_result *out, pli_error *err) {
    *whole = true;
    for (size_t i = 0; i < n; i++)
        *whole = *whole && parts[i].status == PLI_OK && parts[i].result.layout == PLI__JSON_LINES;
    for (size_t i = 0; i < n && *whole; i++) {
        PLI_TRY(pli__shape_merge(arena, root, &parts[i].shape, err));
        out->records += parts[i].result.records;
    }
    return PLI_OK;
}

static pli_status starts_with_mark(const char *path, bool *out, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf head = {0};
    PLI_TRY(pli__fs_read_at(path, 0, 3, &head, err));
    *out = head.len == 3 && memcmp(head.ptr, "\xEF\xBB\xBF", 3) == 0;
    return PLI_OK;
}

pli_status pli__json_scan_threads(const char *path, size_t n_threads, size_t max_record, pli__arena *arena,
                                  pli__shape *root, pli__json_scan_result *out, pli_error *err) {
    pli__file_info info = {0};
    PLI_TRY(pli__fs_stat(path, &info, err));
    int64_t n = info.size / PART_MIN;
    if (n > (int64_t)n_threads) n = (int64_t)n_threads;
    if (n > THREADS_MAX) n = THREADS_MAX;
    bool mark = false, whole = false;
    if (n > 1) PLI_TRY(starts_with_mark(path, &mark, err));
    if (n < 2 || mark) return pli__json_scan_file(path, true, false, max_record, arena, root, out, err);
    PLI_AUTO(pli__free_ptr) part *parts = calloc((size_t)n, sizeof *parts);
    if (!parts) return pli__error_memory(err);
    for (int64_t i = 0; i < n; i++)
        parts[i] = (part){.path = path,
                          .from = info.size / n * i,
                          .stop = i == n - 1 ? INT64_MAX : info.size / n * (i + 1),
                          .max_record = max_record};
    run_parts(parts, (size_t)n);
    pli_status status = merge_parts(parts, (size_t)n, &whole, arena, root, out, err);
    for (int64_t i = 0; i < n; i++) pli__arena_clear(&parts[i].arena);
    if (status != PLI_OK || whole) return status;
    *out = (pli__json_scan_result){0};
    return pli__json_scan_file(path, true, false, max_record, arena, root, out, err);
}
