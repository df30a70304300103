/* Row sets as an Arrow stream: the quickest way into a table of the engine. */
#include "delta/rows_stream.h"

#include <errno.h>
#include <stdlib.h>

enum { BATCH = 65536 };

typedef struct {
    const pli__file_rows *files;
    size_t n, at;
    uint64_t next; /* row to go on from in files[at] */
} stream_state;

static void release_schema(struct ArrowSchema *s) {
    for (int64_t i = 0; i < s->n_children; i++) {
        if (s->children[i]->release) s->children[i]->release(s->children[i]);
        free(s->children[i]);
    }
    free(s->children);
    s->release = NULL;
}

static void release_array(struct ArrowArray *a) {
    for (int64_t i = 0; i < a->n_children; i++) {
        if (a->children[i]->release) a->children[i]->release(a->children[i]);
        free(a->children[i]);
    }
    free(a->children);
    if (a->n_buffers == 2) free((void *)(uintptr_t)a->buffers[1]);
    free((void *)a->buffers);
    a->release = NULL;
}

static int get_schema(struct ArrowArrayStream *s, struct ArrowSchema *out) {
    (void)s;
    struct ArrowSchema *column = calloc(1, sizeof *column);
    struct ArrowSchema **children = malloc(sizeof *children);
    if (!column || !children) {
        free(column);
        free(children);
        return ENOMEM;
    }
    *column = (struct ArrowSchema){.format = "l", .name = "k", .release = release_schema};
    children[0] = column;
    *out = (struct ArrowSchema){
        .format = "+s", .name = "", .n_children = 1, .children = children, .release = release_schema};
    return 0;
}

/* Keys into `keys`, at most BATCH of them. */
static size_t fill(stream_state *st, int64_t *keys) {
    size_t n = 0;
    while (st->at < st->n && n < BATCH) {
        const pli__file_rows *f = &st->files[st->at];
        const size_t got = pli__rows_take(f->rows, &st->next, (uint64_t *)keys + n, BATCH - n);
        for (size_t i = n; i < n + got; i++) keys[i] |= f->file_index << PLI__ROW_BITS;
        n += got;
        if (n == BATCH) break;
        st->at++;
        st->next = 0;
    }
    return n;
}

static int wrap(struct ArrowArray *out, int64_t *take_keys, size_t n) {
    struct ArrowArray *column = calloc(1, sizeof *column);
    struct ArrowArray **children = malloc(sizeof *children);
    const void **column_buffers = calloc(2, sizeof *column_buffers), **buffers = calloc(1, sizeof *buffers);
    if (!column || !children || !column_buffers || !buffers) {
        free(column);
        free(children);
        free((void *)column_buffers);
        free((void *)buffers);
        free(take_keys);
        return ENOMEM;
    }
    column_buffers[1] = take_keys;
    *column = (struct ArrowArray){
        .length = (int64_t)n, .n_buffers = 2, .buffers = column_buffers, .release = release_array};
    children[0] = column;
    *out = (struct ArrowArray){.length = (int64_t)n,
                               .n_buffers = 1,
                               .n_children = 1,
                               .buffers = buffers,
                               .children = children,
                               .release = release_array};
    return 0;
}

static int get_next(struct ArrowArrayStream *s, struct ArrowArray *out) {
    int64_t *keys = malloc(BATCH * sizeof *keys);
    if (!keys) return ENOMEM;
    const size_t n = fill(s->private_data, keys);
    if (n) return wrap(out, keys, n);
    free(keys);
    *out = (struct ArrowArray){0}; /* released: the end */
    return 0;
}

static const char *last_error(struct ArrowArrayStream *s) {
    (void)s;
    return "out of memory";
}

static void release_stream(struct ArrowArrayStream *s) {
    free(s->private_data);
    s->release = NULL;
}

pli_status pli__rows_stream(const pli__file_rows *files, size_t n, struct ArrowArrayStream *out, pli_error *err) {
    stream_state *st = malloc(sizeof *st);
    if (!st) return pli__error_memory(err);
    *st = (stream_state){.files = files, .n = n};
    *out = (struct ArrowArrayStream){.get_schema = get_schema,
                                     .get_next = get_next,
                                     .get_last_error = last_error,
                                     .release = release_stream,
                                     .private_data = st};
    return PLI_OK;
}
