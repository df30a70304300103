/*
 * The queue: waiting files in order, judged when their turn comes. By path it is a merge over the folders where
 * something waits (the order of whole paths is not that of folders: "a/b.csv" < "a/b/c" < "a/c"); each folder's names are
 * loaded some at a time, when it reaches the top. By modification time it is an ordered scan.
 */
#include <stdlib.h>

#include "base/map.h"
#include "source/source_files_impl.h"
#include "source/source_files_rows.h"

#define LOAD_NAMES 1024
#define HELD_PER_PLAN 10000       /* held files that are looked at again on each plan, youngest first */
#define COMPLETE_WAIT_US 60000000LL /* a Parquet file without a footer is given this long after its last change */

/* ---- judging ---- */

static bool is_parquet(const files_source *s, const char *path) {
    const pli__format *f = s->format ? s->format : pli__format_of_path(pli__str_of(path));
    return f && strcmp(f->name, "parquet") == 0;
}

/* Half-written Parquet files have no footer yet. */
static pli_status is_complete(const files_plan *p, const char *path, const pli__file_info *info, bool *out,
                              pli_error *err) {
    *out = true;
    if (!p->s->o.check_complete || !is_parquet(p->s, path) || info->mtime_ns / 1000 < p->now_us - COMPLETE_WAIT_US)
        return PLI_OK;
    PLI_AUTO(pli__buf_clear) pli__buf tail = {0};
    if (info->size >= 12) PLI_TRY(pli__fs_read_at(path, -4, 4, &tail, err));
    *out = tail.len == 4 && (memcmp(tail.ptr, "PAR1", 4) == 0 || memcmp(tail.ptr, "PARE", 4) == 0);
    return PLI_OK;
}

/* A run waits for what was there at its begin, all of it, and for nothing that was modified later. */
static void note_settling(files_plan *p, int64_t ready_us) {
    files_source *s = p->s;
    if (ready_us <= s->since_us + s->o.settle_us + 1 && ready_us > s->settled_us) s->settled_us = ready_us;
}

pli_status pli__files_judge(files_plan *p, const char *path, pli__file_info *info, files_fate *out, pli_error *err) {
    *out = FILES_GONE;
    PLI_TRY(pli__fs_stat(path, info, err));
    if (info->kind != PLI__FILE_REGULAR) return PLI_OK;
    *out = FILES_HELD;
    if (info->mtime_ns < p->start_ns || info->mtime_ns < p->horizon_ns) return PLI_OK;
    /* A time in the far future is no recent change but a wrong clock: such a file does not wait for it. */
    int64_t age_us = p->now_us - info->mtime_ns / 1000;
    /* a preview shows them: the run will wait until they are old enough */
    if (!p->dry && age_us < p->s->o.settle_us && age_us > -p->s->o.settle_us) {
        note_settling(p, info->mtime_ns / 1000 + p->s->o.settle_us + 1);
        return PLI_OK;
    }
    bool complete = false;
    PLI_TRY(is_complete(p, path, info, &complete, err));
    if (complete) *out = FILES_READY;
    else note_settling(p, info->mtime_ns / 1000 + COMPLETE_WAIT_US + 1);
    return PLI_OK;
}

static pli_status folder_prefix(pli__index *x, int64_t folder, pli__buf *b, pli_error *err) {
    pli__buf_reset(b);
    PLI_TRY(pli__index_folder_path(x, folder, b, err));
    if (!(b->len == 1 && b->ptr[0] == '/')) pli__buf_addc(b, '/');
    return pli__buf_status(b, err);
}

/* ---- held files ---- */

/* A file that is gone is forgotten, unless a batch knew it before its overwrite. */
static pli_status drop_row(files_plan *p, const pli__index_file *f, pli_error *err) {
    if (f->prev == PLI__INDEX_UNKNOWN) return pli__index_file_remove(p->x, f->folder, f->name, err);
    pli__index_file known = *f;
    known.batch = f->prev;
    known.prev = PLI__INDEX_UNKNOWN;
    return pli__index_file_put(p->x, &known, err);
}

static pli_status release_held(files_plan *p, const pli__index_file *f, const pli__file_info *info, files_fate fate,
                               pli_error *err) {
    pli__index_file now = *f;
    now.size = info->size;
    now.mtime_ns = info->mtime_ns;
    if (fate == FILES_HELD && now.size == f->size && now.mtime_ns == f->mtime_ns) return PLI_OK;
    PLI_TRY(pli__files_begin(p, err));
    if (fate == FILES_GONE) return drop_row(p, f, err);
    if (fate == FILES_READY) now.batch = PLI__INDEX_WAITING;
    PLI_TRY(pli__index_file_put(p->x, &now, err));
    return fate == FILES_READY ? pli__index_folder_waiting(p->x, f->folder, 1, f->name, err) : PLI_OK;
}

pli_status pli__files_recheck_held(files_plan *p, pli_error *err) {
    PLI_AUTO(pli__files_rows_clear) files_rows held = {0};
    PLI_AUTO(pli__buf_clear) pli__buf path = {0};
    PLI_TRY(pli__index_held(p->x, HELD_PER_PLAN, pli__files_rows_add, &held, err));
    for (size_t i = 0; i < held.n; i++) {
        PLI_TRY(folder_prefix(p->x, held.items[i].folder, &path, err));
        pli__buf_adds(&path, held.items[i].name);
        PLI_TRY(pli__buf_status(&path, err));
        pli__file_info info = {0};
        files_fate fate = FILES_HELD;
        PLI_TRY(pli__files_judge(p, path.ptr, &info, &fate, err));
        PLI_TRY(release_held(p, &held.items[i], &info, fate, err));
    }
    return PLI_OK;
}

/* ---- taking ---- */

typedef struct taking {
    files_plan *p;
    json_t *files, *info, *overwritten;
    int64_t n, bytes;
    bool full;
    pli__map *names;  /* file_name_only: of this batch */
    files_rows
        changes; /* rows that leave the queue without being taken; .batch is what becomes of them, GONE_ROW to drop */
    pli__buf path;
} taking;

#define GONE_ROW INT64_MAX

static void taking_clear(taking *t) {
    json_decref(t->files);
    json_decref(t->info);
    json_decref(t->overwritten);
    pli__map_free(t->names);
    pli__files_rows_clear(&t->changes);
    pli__buf_clear(&t->path);
}

static pli_status taking_begin(taking *t, pli_error *err) {
    t->files = json_array();
    t->info = json_array();
    t->overwritten = json_array();
    t->names = t->p->s->o.file_name_only ? pli__map_new() : NULL;
    if (!t->files || !t->info || !t->overwritten || (t->p->s->o.file_name_only && !t->names))
        return pli__error_memory(err);
    return PLI_OK;
}

static pli_status leave_queue(taking *t, const pli__index_file *f, const pli__file_info *info, int64_t batch,
                              pli_error *err) {
    pli__index_file now = *f;
    now.batch = batch;
    if (info->kind != PLI__FILE_NONE && batch != GONE_ROW) {
        now.size = info->size;
        now.mtime_ns = info->mtime_ns;
    }
    return pli__files_rows_add(&t->changes, &now, err);
}

/* Another file of that name was taken: this one counts as known. */
static pli_status name_is_taken(taking *t, const pli__index_file *f, bool *out, pli_error *err) {
    *out = false;
    if (!t->names) return PLI_OK;
    if (pli__map_has(t->names, f->name)) *out = true;
    else if (f->prev == PLI__INDEX_UNKNOWN) PLI_TRY(pli__index_name_known(t->p->x, f->name, out, err));
    return PLI_OK;
}

static bool fits(const taking *t, int64_t size) {
    const pli__files_options *o = &t->p->s->o;
    if (t->n == 0) return true;
    if (o->max_files && t->n >= o->max_files) return false;
    return !o->max_bytes || (t->bytes <= o->max_bytes && size <= o->max_bytes - t->bytes);
}

static pli_status append(taking *t, const pli__index_file *f, const char *path, const pli__file_info *info,
                         pli_error *err) {
    json_t *pair = json_array();
    bool ok = pair && json_array_append_new(pair, json_integer(info->size)) == 0 &&
              json_array_append_new(pair, json_integer(info->mtime_ns)) == 0;
    if (!ok) {
        json_decref(pair);
        return pli__error_memory(err);
    }
    if (json_array_append_new(t->info, pair) < 0 || json_array_append_new(t->files, json_string_nocheck(path)) < 0)
        return pli__error_memory(err);
    if (f->prev != PLI__INDEX_UNKNOWN && json_array_append_new(t->overwritten, json_integer(t->n)) < 0)
        return pli__error_memory(err);
    if (t->names && !pli__map_put(t->names, f->name, t, NULL)) return pli__error_memory(err);
    t->n++;
    t->bytes += info->size;
    const int64_t max = t->p->s->o.max_files;
    t->full = max && t->n >= max;
    return PLI_OK;
}

/* The turn of one waiting file. */
static pli_status consider(taking *t, const pli__index_file *f, const char *path, pli_error *err) {
    pli__file_info info = {0};
    files_fate fate = FILES_GONE;
    PLI_TRY(pli__files_judge(t->p, path, &info, &fate, err));
    if (fate == FILES_GONE) return leave_queue(t, f, &info, GONE_ROW, err);
    if (fate == FILES_HELD) return leave_queue(t, f, &info, PLI__INDEX_HELD, err);
    bool taken = false;
    PLI_TRY(name_is_taken(t, f, &taken, err));
    if (taken) return leave_queue(t, f, &info, PLI__INDEX_SEEN, err);
    if (!fits(t, info.size)) {
        t->full = true;
        return PLI_OK;
    }
    return append(t, f, path, &info, err);
}

static pli_status apply_changes(taking *t, pli_error *err) {
    if (!t->changes.n) return PLI_OK;
    PLI_TRY(pli__files_begin(t->p, err));
    for (size_t i = 0; i < t->changes.n; i++) {
        pli__index_file *f = &t->changes.items[i];
        if (f->batch == GONE_ROW) PLI_TRY(drop_row(t->p, f, err));
        else PLI_TRY(pli__index_file_put(t->p->x, f, err));
        PLI_TRY(pli__index_folder_waiting(t->p->x, f->folder, -1, (pli__str){0}, err));
    }
    return PLI_OK;
}

/* ---- by path ---- */

typedef struct queue_folder {
    int64_t id, waiting;
    bool loaded;   /* `rows` holds waiting files from `at` on; else the key is only a lower bound */
    bool tightened; /* its `first` was compared with what really waits first */
    files_rows rows;
    size_t at;
    pli__buf key;  /* path of the next file, or a lower bound of it */
    size_t prefix; /* length of "folder/" in the key */
} queue_folder;

typedef struct queue {
    queue_folder **heap;
    size_t n, cap;
} queue;

static void folder_free(queue_folder *q) {
    if (!q) return;
    pli__files_rows_clear(&q->rows);
    pli__buf_clear(&q->key);
    free(q);
}

static void queue_clear(queue *q) {
    for (size_t i = 0; i < q->n; i++) folder_free(q->heap[i]);
    free(q->heap);
}

/* A lower bound comes before the file it may stand for, so that the folder is loaded first. */
static bool before(const queue_folder *a, const queue_folder *b) {
    int c = pli__str_cmp(pli__buf_str(&a->key), pli__buf_str(&b->key));
    return c != 0 ? c < 0 : !a->loaded && b->loaded;
}

static void sift_down(queue *q) {
    for (size_t i = 0;;) {
        size_t least = i, left = 2 * i + 1;
        for (size_t k = left; k < left + 2 && k < q->n; k++)
            if (before(q->heap[k], q->heap[least])) least = k;
        if (least == i) return;
        queue_folder *swap = q->heap[i];
        q->heap[i] = q->heap[least];
        q->heap[least] = swap;
        i = least;
    }
}

static void sift_up(queue *q, size_t i) {
    while (i && before(q->heap[i], q->heap[(i - 1) / 2])) {
        queue_folder *swap = q->heap[i];
        q->heap[i] = q->heap[(i - 1) / 2];
        q->heap[(i - 1) / 2] = swap;
        i = (i - 1) / 2;
    }
}

static pli_status queue_add(void *arg, const pli__index_folder *f, pli_error *err) {
    queue *q = arg;
    if (q->n == q->cap) {
        size_t cap = q->cap ? q->cap * 2 : 64;
        queue_folder **heap = realloc(q->heap, cap * sizeof *heap);
        if (!heap) return pli__error_memory(err);
        q->heap = heap;
        q->cap = cap;
    }
    queue_folder *one = calloc(1, sizeof *one);
    if (!one) return pli__error_memory(err);
    q->heap[q->n++] = one;
    one->id = f->id;
    one->waiting = f->waiting;
    pli__buf_adds(&one->key, f->path);
    if (f->path.len > 1) pli__buf_addc(&one->key, '/');
    one->prefix = one->key.len;
    pli__buf_adds(&one->key, f->first);
    PLI_TRY(pli__buf_status(&one->key, err));
    sift_up(q, q->n - 1);
    return PLI_OK;
}

static pli_status set_key(queue_folder *q, pli__str name, pli_error *err) {
    q->key.len = q->prefix;
    pli__buf_adds(&q->key, name);
    return pli__buf_status(&q->key, err);
}

/* The lower bound moves up to what really waits first, so that the next plan need not pass over what was taken. */
static pli_status tighten(files_plan *p, queue_folder *q, pli__str from, pli_error *err) {
    if (q->tightened || !q->rows.n || pli__str_eq(q->rows.items[0].name, from)) return PLI_OK;
    q->tightened = true;
    PLI_TRY(pli__files_begin(p, err));
    return pli__index_folder_queue(p->x, q->id, q->waiting, q->rows.items[0].name, err);
}

/* Load the next names from the key on; `skip` leaves out the name of the key itself, which is done. */
static pli_status load(files_plan *p, queue_folder *q, bool skip, pli_error *err) {
    PLI_AUTO(pli__free_ptr)
    char *from = pli__str_dup((pli__str){q->key.ptr + q->prefix, q->key.len - q->prefix + (skip ? 1 : 0)});
    if (!from) return pli__error_memory(err); /* key + NUL byte: the least name behind it */
    const pli__str start = {from, q->key.len - q->prefix + (skip ? 1 : 0)};
    pli__files_rows_reset(&q->rows);
    q->at = 0;
    PLI_TRY(pli__index_waiting(p->x, q->id, start, LOAD_NAMES, pli__files_rows_add, &q->rows, err));
    q->loaded = true;
    if (!skip) PLI_TRY(tighten(p, q, start, err));
    return q->rows.n ? set_key(q, q->rows.items[0].name, err) : PLI_OK;
}

static void queue_pop(queue *q) {
    folder_free(q->heap[0]);
    q->heap[0] = q->heap[--q->n];
    if (q->n) sift_down(q);
}

static pli_status advance(files_plan *p, queue *q, pli_error *err) {
    queue_folder *top = q->heap[0];
    if (++top->at < top->rows.n) PLI_TRY(set_key(top, top->rows.items[top->at].name, err));
    else if (top->rows.n == LOAD_NAMES) PLI_TRY(load(p, top, true, err));
    if (top->at < top->rows.n) sift_down(q);
    else queue_pop(q);
    return PLI_OK;
}

static pli_status take_by_path(taking *t, pli_error *err) {
    PLI_AUTO(queue_clear) queue q = {0};
    PLI_TRY(pli__index_waiting_folders(t->p->x, queue_add, &q, err));
    while (q.n && !t->full) {
        queue_folder *top = q.heap[0];
        if (!top->loaded) {
            PLI_TRY(load(t->p, top, false, err));
            if (top->rows.n) sift_down(&q);
            else queue_pop(&q);
            continue;
        }
        PLI_TRY(consider(t, &top->rows.items[top->at], top->key.ptr, err));
        if (!t->full) PLI_TRY(advance(t->p, &q, err));
    }
    return PLI_OK;
}

/* ---- by time ---- */

typedef struct same_time {
    taking *t;
    files_rows rows; /* of one modification time; names are whole paths */
    int64_t mtime_ns;
} same_time;

static int by_path(const void *a, const void *b) {
    return pli__str_cmp(((const pli__index_file *)a)->name, ((const pli__index_file *)b)->name);
}

static pli_status take_group(same_time *g, pli_error *err) {
    if (g->rows.n > 1) qsort(g->rows.items, g->rows.n, sizeof *g->rows.items, by_path);
    for (size_t i = 0; i < g->rows.n && !g->t->full; i++) {
        pli__index_file f = g->rows.items[i];
        const char *path = f.name.ptr;
        f.name = pli__str_of(pli__path_base(path));
        PLI_TRY(consider(g->t, &f, path, err));
    }
    pli__files_rows_reset(&g->rows);
    return PLI_OK;
}

static pli_status group_add(void *arg, const pli__index_file *f, pli_error *err) {
    same_time *g = arg;
    if (g->rows.n && f->mtime_ns != g->mtime_ns) PLI_TRY(take_group(g, err));
    if (g->t->full) return PLI_E_CANCELLED; /* ends the scan; take_by_time knows */
    pli__index_file row = *f;
    PLI_TRY(folder_prefix(g->t->p->x, f->folder, &g->t->path, err));
    pli__buf_adds(&g->t->path, f->name);
    PLI_TRY(pli__buf_status(&g->t->path, err));
    row.name = pli__buf_str(&g->t->path);
    g->mtime_ns = f->mtime_ns;
    return pli__files_rows_add(&g->rows, &row, err);
}

static pli_status take_by_time(taking *t, pli_error *err) {
    same_time g = {.t = t};
    pli_status status = pli__index_waiting_by_time(t->p->x, t->p->s->o.latest_first, group_add, &g, err);
    if (status == PLI_OK && !t->full) status = take_group(&g, err);
    pli__files_rows_clear(&g.rows);
    return t->full && status == PLI_E_CANCELLED ? PLI_OK : status;
}

/* ---- the offset ---- */

static pli_status make_offset(taking *t, json_t **out, pli_error *err) {
    json_t *o = json_pack("{s:O, s:O}", "files", t->files, "file_info", t->info);
    if (!o) return pli__error_memory(err);
    if (json_array_size(t->overwritten) && json_object_set(o, "overwritten", t->overwritten) < 0) {
        json_decref(o);
        return pli__error_memory(err);
    }
    *out = o;
    return PLI_OK;
}

pli_status pli__files_take(files_plan *p, json_t **out, pli_error *err) {
    *out = NULL;
    PLI_AUTO(taking_clear) taking t = {.p = p};
    PLI_TRY(taking_begin(&t, err));
    const pli__files_options *o = &p->s->o;
    PLI_TRY(o->by_modification_time || o->latest_first ? take_by_time(&t, err) : take_by_path(&t, err));
    PLI_TRY(apply_changes(&t, err));
    return t.n ? make_offset(&t, out, err) : PLI_OK;
}

/* ---- measuring ---- */

typedef struct measure {
    files_plan *p;
    int64_t cap, files, bytes;
    pli__buf path;
} measure;

static pli_status measure_file(void *arg, pli__str folder, const pli__index_file *f, pli_error *err) {
    measure *m = arg;
    pli__buf_reset(&m->path);
    pli__buf_adds(&m->path, folder);
    pli__buf_addc(&m->path, '/');
    pli__buf_adds(&m->path, f->name);
    PLI_TRY(pli__buf_status(&m->path, err));
    pli__file_info info = {0};
    files_fate fate = FILES_GONE;
    PLI_TRY(pli__files_judge(m->p, m->path.ptr, &info, &fate, err));
    if (fate != FILES_READY) return PLI_OK;
    m->files++;
    m->bytes += info.size;
    return PLI_OK;
}

pli_status pli__files_measure(files_plan *p, int64_t cap, int64_t *files, int64_t *bytes, bool *all, pli_error *err) {
    PLI_TRY(pli__index_count(p->x, PLI__INDEX_WAITING, files, err));
    *bytes = 0;
    *all = *files <= cap;
    if (!*files || !*all) return PLI_OK;
    measure m = {.p = p, .cap = cap};
    pli_status status = pli__index_files_of(p->x, PLI__INDEX_WAITING, measure_file, &m, err);
    pli__buf_clear(&m.path);
    *files = m.files;
    *bytes = m.bytes;
    return status;
}
