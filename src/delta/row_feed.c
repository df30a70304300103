/* Rows as an Arrow stream, filled by another thread: a queue of two batches between producer and engine. */
#include "delta/row_feed.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { QUEUE_BATCHES = 2, BATCH_ROWS = 8192 };
#define BATCH_BYTES ((size_t)8 << 20)

/* One column of a batch in Arrow's layout: bits of validity, 32-bit offsets, data; a list has them once more inside. */
typedef struct {
    pli__buf valid, offsets, data;
    pli__buf item_valid, item_offsets;
    int64_t nulls, items, item_nulls;
    bool set; /* in the row being built */
} column;

typedef struct {
    size_t n_columns, rows, bytes;
    column columns[];
} batch;

struct pli__row_feed {
    const pli__feed_column *columns;
    size_t n_columns;
    pli__produce_fn *fn;
    void *arg;
    batch *building;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    batch *queue[QUEUE_BATCHES];
    size_t queued;
    bool ended, stopped;
    pli_status status;
    pli_error error;
};

/* ---- batches ---- */

static void batch_free(batch *b) {
    if (!b) return;
    for (size_t i = 0; i < b->n_columns; i++) {
        column *c = &b->columns[i];
        pli__buf_clear(&c->valid);
        pli__buf_clear(&c->offsets);
        pli__buf_clear(&c->data);
        pli__buf_clear(&c->item_valid);
        pli__buf_clear(&c->item_offsets);
    }
    free(b);
}

static batch *batch_new(const pli__row_feed *f) {
    batch *b = calloc(1, sizeof *b + f->n_columns * sizeof(column));
    const int32_t zero = 0;
    if (!b) return NULL;
    b->n_columns = f->n_columns;
    for (size_t i = 0; i < f->n_columns; i++) {
        if (f->columns[i].kind != PLI__FEED_I64) pli__buf_add(&b->columns[i].offsets, &zero, sizeof zero);
        if (f->columns[i].kind == PLI__FEED_LIST) pli__buf_add(&b->columns[i].item_offsets, &zero, sizeof zero);
    }
    return b;
}

static bool batch_failed(const batch *b) {
    for (size_t i = 0; i < b->n_columns; i++) {
        const column *c = &b->columns[i];
        if (c->valid.failed || c->offsets.failed || c->data.failed || c->item_valid.failed || c->item_offsets.failed)
            return true;
    }
    return false;
}

static void add_bit(pli__buf *bits, size_t index, bool value) {
    if (index % 8 == 0) pli__buf_addc(bits, 0);
    if (value && !bits->failed) bits->ptr[index / 8] = (char)(bits->ptr[index / 8] | (1 << (index % 8)));
}

static void add_offset(pli__buf *offsets, size_t end) {
    const int32_t o = (int32_t)end;
    pli__buf_add(offsets, &o, sizeof o);
}

void pli__feed_i64(pli__row_feed *f, size_t i, int64_t value) {
    column *c = &f->building->columns[i];
    pli__buf_add(&c->data, &value, sizeof value);
    c->set = true;
}

void pli__feed_str(pli__row_feed *f, size_t i, pli__str value) {
    column *c = &f->building->columns[i];
    if (!value.ptr) return;
    pli__buf_adds(&c->data, value);
    f->building->bytes += value.len;
    c->set = true;
}

void pli__feed_list(pli__row_feed *f, size_t i) { f->building->columns[i].set = true; }

void pli__feed_item(pli__row_feed *f, size_t i, pli__str value) {
    column *c = &f->building->columns[i];
    c->set = true;
    add_bit(&c->item_valid, (size_t)c->items++, value.ptr != NULL);
    if (!value.ptr) c->item_nulls++;
    pli__buf_adds(&c->data, value);
    f->building->bytes += value.len;
    add_offset(&c->item_offsets, c->data.len);
}

static pli_status hand_over(pli__row_feed *f, pli_error *err) {
    pthread_mutex_lock(&f->mutex);
    while (f->queued == QUEUE_BATCHES && !f->stopped) pthread_cond_wait(&f->changed, &f->mutex);
    const bool stopped = f->stopped;
    if (!stopped) f->queue[f->queued++] = PLI_TAKE(f->building);
    pthread_cond_broadcast(&f->changed);
    pthread_mutex_unlock(&f->mutex);
    if (stopped) return pli__error_set(err, PLI_E_CANCELLED, "the reader of the rows has stopped");
    f->building = batch_new(f);
    return f->building ? PLI_OK : pli__error_memory(err);
}

pli_status pli__feed_row(pli__row_feed *f, pli_error *err) {
    batch *b = f->building;
    for (size_t i = 0; i < b->n_columns; i++) {
        column *c = &b->columns[i];
        const int64_t zero = 0;
        add_bit(&c->valid, b->rows, c->set);
        if (!c->set) c->nulls++;
        if (!c->set && f->columns[i].kind == PLI__FEED_I64) pli__buf_add(&c->data, &zero, sizeof zero);
        if (f->columns[i].kind == PLI__FEED_STR) add_offset(&c->offsets, c->data.len);
        if (f->columns[i].kind == PLI__FEED_LIST) add_offset(&c->offsets, (size_t)c->items);
        c->set = false;
    }
    b->rows++;
    if (b->rows < BATCH_ROWS && b->bytes < BATCH_BYTES) return PLI_OK;
    if (batch_failed(b)) return pli__error_memory(err);
    return hand_over(f, err);
}

/* ---- Arrow ---- */

typedef struct {
    struct ArrowArray array;
    const void *buffers[3];
    struct ArrowArray *children[1];
    struct ArrowArray child;
    const void *child_buffers[3];
} exported_column;

typedef struct {
    batch *batch;
    const void *no_buffer[1];
    struct ArrowArray **children;
    exported_column *columns;
} exported_batch;

static void release_nothing(struct ArrowArray *a) { a->release = NULL; }

static void release_batch(struct ArrowArray *a) {
    exported_batch *e = a->private_data;
    batch_free(e->batch);
    free(e->children);
    free(e->columns);
    free(e);
    a->release = NULL;
}

/* Arrow wants an address even for no bytes. */
static const void *bytes_of(const pli__buf *b) { return b->ptr ? b->ptr : ""; }

static void export_column(exported_column *e, const column *c, pli__feed_kind kind, size_t rows) {
    e->array = (struct ArrowArray){
        .length = (int64_t)rows, .null_count = c->nulls, .buffers = e->buffers, .release = release_nothing};
    e->buffers[0] = bytes_of(&c->valid);
    e->array.n_buffers = kind == PLI__FEED_STR ? 3 : 2;
    e->buffers[1] = kind == PLI__FEED_I64 ? bytes_of(&c->data) : bytes_of(&c->offsets);
    e->buffers[2] = bytes_of(&c->data);
    if (kind != PLI__FEED_LIST) return;
    e->child = (struct ArrowArray){.length = c->items,
                                   .null_count = c->item_nulls,
                                   .n_buffers = 3,
                                   .buffers = e->child_buffers,
                                   .release = release_nothing};
    e->child_buffers[0] = bytes_of(&c->item_valid);
    e->child_buffers[1] = bytes_of(&c->item_offsets);
    e->child_buffers[2] = bytes_of(&c->data);
    e->children[0] = &e->child;
    e->array.n_children = 1;
    e->array.children = e->children;
}

static int export_batch(const pli__row_feed *f, batch *take, struct ArrowArray *out) {
    exported_batch *e = calloc(1, sizeof *e);
    exported_column *columns = calloc(f->n_columns, sizeof *columns);
    struct ArrowArray **children = calloc(f->n_columns, sizeof(struct ArrowArray *));
    if (!e || !columns || !children) {
        batch_free(take);
        free(e);
        free(columns);
        free(children);
        return ENOMEM;
    }
    *e = (exported_batch){take, {NULL}, children, columns};
    for (size_t i = 0; i < f->n_columns; i++) {
        export_column(&columns[i], &take->columns[i], f->columns[i].kind, take->rows);
        children[i] = &columns[i].array;
    }
    *out = (struct ArrowArray){.length = (int64_t)take->rows,
                               .n_buffers = 1,
                               .buffers = e->no_buffer,
                               .n_children = (int64_t)f->n_columns,
                               .children = children,
                               .release = release_batch,
                               .private_data = e};
    return 0;
}

static void release_schema(struct ArrowSchema *s) {
    for (int64_t i = 0; i < s->n_children; i++) {
        if (s->children[i]->n_children) free(s->children[i]->children[0]);
        free(s->children[i]->children);
        free(s->children[i]);
    }
    free(s->children);
    s->release = NULL;
}

static void release_no_schema(struct ArrowSchema *s) { s->release = NULL; }

static struct ArrowSchema *schema_of(const char *name, const char *format, bool with_child) {
    struct ArrowSchema *s = calloc(1, sizeof *s);
    if (!s) return NULL;
    *s = (struct ArrowSchema){
        .format = format, .name = name, .flags = ARROW_FLAG_NULLABLE, .release = release_no_schema};
    if (!with_child) return s;
    s->children = calloc(1, sizeof(struct ArrowSchema *));
    if (s->children) s->children[0] = schema_of("item", "u", false);
    if (!s->children || !s->children[0]) {
        free(s->children);
        free(s);
        return NULL;
    }
    s->n_children = 1;
    return s;
}

static int get_schema(struct ArrowArrayStream *stream, struct ArrowSchema *out) {
    static const char *const formats[] = {[PLI__FEED_I64] = "l", [PLI__FEED_STR] = "u", [PLI__FEED_LIST] = "+l"};
    const pli__row_feed *f = stream->private_data;
    struct ArrowSchema s = {.format = "+s", .name = "", .release = release_schema};
    s.children = calloc(f->n_columns, sizeof(struct ArrowSchema *));
    if (!s.children) return ENOMEM;
    for (size_t i = 0; i < f->n_columns; i++) {
        s.children[i] = schema_of(f->columns[i].name, formats[f->columns[i].kind],
                                  f->columns[i].kind == PLI__FEED_LIST);
        if (!s.children[i]) {
            release_schema(&s);
            return ENOMEM;
        }
        s.n_children++;
    }
    *out = s;
    return 0;
}

static int get_next(struct ArrowArrayStream *stream, struct ArrowArray *out) {
    pli__row_feed *f = stream->private_data;
    batch *b = NULL;
    pthread_mutex_lock(&f->mutex);
    while (!f->queued && !f->ended) pthread_cond_wait(&f->changed, &f->mutex);
    if (f->queued) {
        b = f->queue[0];
        f->queue[0] = f->queue[1];
        f->queued--;
    }
    const pli_status failed = f->status;
    pthread_cond_broadcast(&f->changed);
    pthread_mutex_unlock(&f->mutex);
    memset(out, 0, sizeof *out);
    if (b) return export_batch(f, b, out);
    return failed == PLI_OK ? 0 : EIO;
}

static const char *last_error(struct ArrowArrayStream *stream) {
    const pli__row_feed *f = stream->private_data;
    return f->error.message;
}

static void stop(pli__row_feed *f) {
    pthread_mutex_lock(&f->mutex);
    f->stopped = true;
    pthread_cond_broadcast(&f->changed);
    pthread_mutex_unlock(&f->mutex);
}

static void release_stream(struct ArrowArrayStream *stream) {
    stop(stream->private_data);
    stream->release = NULL;
}

void pli__row_feed_stream(pli__row_feed *f, struct ArrowArrayStream *out) {
    *out = (struct ArrowArrayStream){get_schema, get_next, last_error, release_stream, f};
}

/* ---- the thread ---- */

static void *run(void *arg) {
    pli__row_feed *f = arg;
    pli_error error = {0};
    pli_status s = f->fn(f->arg, f, &error);
    if (s == PLI_OK && batch_failed(f->building)) s = pli__error_memory(&error);
    if (s == PLI_OK && f->building->rows) s = hand_over(f, &error);
    pthread_mutex_lock(&f->mutex);
    f->status = s;
    f->error = error;
    f->ended = true;
    pthread_cond_broadcast(&f->changed);
    pthread_mutex_unlock(&f->mutex);
    return NULL;
}

static void feed_free(pli__row_feed *f) {
    for (size_t i = 0; i < f->queued; i++) batch_free(f->queue[i]);
    batch_free(f->building);
    pthread_cond_destroy(&f->changed);
    pthread_mutex_destroy(&f->mutex);
    free(f);
}

pli_status pli__row_feed_start(const pli__feed_column *columns, size_t n, pli__produce_fn *fn, void *arg,
                               pli__row_feed **out, pli_error *err) {
    pli__row_feed *f = calloc(1, sizeof *f);
    if (!f) return pli__error_memory(err);
    f->columns = columns;
    f->n_columns = n;
    f->fn = fn;
    f->arg = arg;
    pthread_mutex_init(&f->mutex, NULL);
    pthread_cond_init(&f->changed, NULL);
    f->building = batch_new(f);
    errno = f->building ? pthread_create(&f->thread, NULL, run, f) : ENOMEM;
    if (errno) {
        const pli_status s = pli__error_errno(err, "could not start a thread");
        feed_free(f);
        return s;
    }
    *out = f;
    return PLI_OK;
}

pli_status pli__row_feed_finish(pli__row_feed **take, pli_error *err) {
    pli__row_feed *f = PLI_TAKE(*take);
    if (!f) return PLI_OK;
    stop(f);
    pthread_join(f->thread, NULL);
    const pli_status s = f->status == PLI_E_CANCELLED ? PLI_OK : f->status;
    if (s != PLI_OK && err) *err = f->error;
    feed_free(f);
    return s;
}

void pli__row_feed_auto(pli__row_feed **f) { (void)pli__row_feed_finish(f, NULL); }
