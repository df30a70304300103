/*
 * Writing the rows of a query as data files of a table.
 *
 *   <table>/.pli-write-<uuid>/    the engine writes here, under names of its own
 *   <table>/[p=v/]part-…parquet   each file is then renamed to its final name; nobody sees it until a commit names it
 *
 * One COPY writes everything. With partitions its rows are sorted by them, so that few files are open at a time. Under a
 * small memory limit there are two passes: a reader of CSV or JSON beside a sort does not fit (the engine's buffers of both
 * are pinned), and a partitioned write without a sort gives many small files. So rows first go into one file for each of a
 * few buckets, by a hash of their partition; then each bucket is sorted and written, or all at once where they are small.
 * A file of a partition that came out larger than the target is cut in the end.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "delta/path.h"
#include "delta/table.h"
#include "delta/written.h"

#define SMALL_MEMORY (INT64_C(4) << 30)
#define LEAST_MEMORY (INT64_C(300) << 20)
#define ONE_THREAD_MEMORY (INT64_C(1) << 30)
#define SMALL_BUCKETS (INT64_C(16) << 20) /* bytes of all of them: written at once */
#define OVERSIZE_FACTOR 1.5

typedef struct {
    pli__arena arena;
    pli__raw_file *files;
} collected;

static void collected_clear(collected *c) { pli__arena_clear(&c->arena); }

static pli_status collect(void *arg, const pli__written_file *file, pli_error *err) {
    collected *c = arg;
    return pli__raw_file_copy(&c->arena, file, &c->files, err);
}

pli_status pli__check_failed(pli_status s, pli_error *err) {
    char name[600];
    const char *mark = err ? strstr(err->message, PLI__CHECK_MARK) : NULL;
    if (!mark) return s;
    snprintf(name, sizeof name, "%s", mark + strlen(PLI__CHECK_MARK));
    name[strcspn(name, "\n")] = '\0';
    return pli__error_set(err, PLI_E_CONSTRAINT, "%s", name);
}

/* ---- engine settings of a partitioned write ---- */

static bool is_short_of_memory(pli_env *env) {
    const int64_t limit = pli__env_engine_options(env)->memory_limit;
    return limit > 0 && limit < SMALL_MEMORY;
}

static pli_status narrow_engine(pli_env *env, pli__engine *e, pli_error *err) {
    char sql[256];
    const int64_t limit = pli__env_engine_options(env)->memory_limit;
    PLI_TRY(pli__engine_exec(
        e, "SET partitioned_write_max_open_files = 2; SET partitioned_write_flush_threshold = 122880", NULL, err));
    if (!is_short_of_memory(env)) return PLI_OK;
    /* what the writer holds beside the sort is not counted by the engine's own limit; the sort itself needs some room */
    int64_t narrow = limit / 10 * 6;
    if (narrow < LEAST_MEMORY) narrow = limit < LEAST_MEMORY ? limit : LEAST_MEMORY;
    snprintf(sql, sizeof sql, "SET memory_limit = '%lld KiB'", (long long)(narrow / 1024));
    PLI_TRY(pli__engine_exec(e, sql, NULL, err));
    return limit < ONE_THREAD_MEMORY ? pli__engine_exec(e, "SET threads = 1", NULL, err) : PLI_OK;
}

static void widen_engine(pli_env *env, pli__engine *e) {
    char sql[256];
    const pli__engine_options *o = pli__env_engine_options(env);
    (void)pli__engine_exec(e, "RESET partitioned_write_max_open_files; RESET partitioned_write_flush_threshold", NULL,
                           NULL);
    if (!is_short_of_memory(env)) return;
    snprintf(sql, sizeof sql, "SET memory_limit = '%lld KiB'", (long long)(o->memory_limit / 1024));
    (void)pli__engine_exec(e, sql, NULL, NULL);
    if (o->threads > 0) snprintf(sql, sizeof sql, "SET threads = %d", o->threads);
    (void)pli__engine_exec(e, o->threads > 0 ? sql : "RESET threads", NULL, NULL);
}

/* ---- passes ---- */

static pli_status run_copy(pli__placer *p, const char *sql, collected *out, pli_error *err) {
    pli_error local = {0};
    if (!err) err = &local;
    const pli_status s = pli__engine_copy(p->engine, sql, collect, out, err);
    return s == PLI_OK ? s : pli__check_failed(s, err);
}

/* ---- two passes over buckets ---- */

typedef struct {
    const char *dir;
    pli__buf *files; /* SQL list of paths, left open */
    int64_t bytes;
} bucket_list;

static pli_status add_bucket_file(void *arg, const pli__dir_entry *entry, pli_error *err) {
    bucket_list *l = arg;
    PLI_AUTO(pli__buf_clear) pli__buf path = {0};
    pli__file_info info;
    pli__buf_addf(&path, "%s/%s", l->dir, entry->name);
    PLI_TRY(pli__buf_status(&path, err));
    PLI_TRY(pli__fs_stat(path.ptr, &info, err));
    l->bytes += info.size;
    pli__buf_addz(l->files, l->files->len ? ", " : "[");
    pli__buf_add_sql_str(l->files, pli__buf_str(&path));
    return pli__buf_status(l->files, err);
}

static pli_status write_bucket_files(pli__placer *p, pli__buf *files, const char *dir, collected *out, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
    pli__buf_addc(files, ']');
    PLI_TRY(pli__buf_status(files, err));
    PLI_TRY(pli__write_bucket_copy_sql(p->plan, files->ptr, dir, &sql, err));
    pli__buf_reset(files);
    return run_copy(p, sql.ptr, out, err);
}

/* Sort and write the buckets: neighbours together as long as they are small. */
static pli_status write_buckets(pli__placer *p, const char *staged, const char *dir, collected *out, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf bucket = {0}, files = {0}, target = {0};
    bucket_list list = {.files = &files};
    for (int i = 0; i < PLI__WRITE_BUCKETS; i++) {
        pli__buf_reset(&bucket);
        pli__buf_addf(&bucket, "%s/" PLI__WRITE_BUCKET "=%d", staged, i);
        PLI_TRY(pli__buf_status(&bucket, err));
        list.dir = bucket.ptr;
        const pli_status s = pli__fs_list(bucket.ptr, add_bucket_file, &list, err);
        if (s != PLI_OK && s != PLI_E_NOT_FOUND) return s;
        if (!files.len || (list.bytes < SMALL_BUCKETS && i + 1 < PLI__WRITE_BUCKETS)) continue;
        pli__buf_reset(&target);
        pli__buf_addf(&target, "%s/%d", dir, i);
        PLI_TRY(pli__buf_status(&target, err));
        PLI_TRY(write_bucket_files(p, &files, target.ptr, out, err));
        list.bytes = 0;
    }
    return PLI_OK;
}

static pli_status write_partitions(pli__placer *p, const char *query, const char *dir, collected *out, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf staged = {0}, sql = {0};
    pli__buf_addf(&staged, "%s/buckets", dir);
    PLI_TRY(pli__buf_status(&staged, err));
    PLI_TRY(pli__fs_mkdirs(staged.ptr, err));
    PLI_TRY(pli__write_buckets_sql(p->plan, query, staged.ptr, &sql, err));
    pli_error local = {0};
    if (!err) err = &local;
    const pli_status s = pli__engine_exec(p->engine, sql.ptr, NULL, err);
    return s == PLI_OK ? write_buckets(p, staged.ptr, dir, out, err) : pli__check_failed(s, err);
}

/* ---- files that are too large ---- */

static pli_status split_file(pli__placer *p, const pli__raw_file *f, const char *dir, size_t n, pli_error *err) {
    PLI_AUTO(collected_clear) collected parts = {0};
    PLI_AUTO(pli__buf_clear) pli__buf sub = {0}, sql = {0};
    pli__buf_addf(&sub, "%s/split-%zu", dir, n);
    PLI_TRY(pli__buf_status(&sub, err));
    PLI_TRY(pli__write_split_sql(p->plan, f->file.path.ptr, sub.ptr, &sql, err));
    PLI_TRY(run_copy(p, sql.ptr, &parts, err));
    for (const pli__raw_file *part = parts.files; part; part = part->next)
        PLI_TRY(pli__place_file(p, &part->file, f->file.keys, f->file.n_keys, err));
    return PLI_OK;
}

static pli_status place_files(pli__placer *p, const collected *c, const char *dir, pli_error *err) {
    const int64_t most = (int64_t)((double)p->plan->target_size * OVERSIZE_FACTOR);
    size_t n = 0;
    for (const pli__raw_file *f = c->files; f; f = f->next, n++)
        if (p->plan->n_parts && f->file.bytes > most) PLI_TRY(split_file(p, f, dir, n, err));
        else PLI_TRY(pli__place_file(p, &f->file, f->file.keys, f->file.n_keys, err));
    return PLI_OK;
}

static pli_status write_all(pli_env *env, pli__placer *p, const char *query, const char *dir, pli_error *err) {
    PLI_AUTO(collected_clear) collected c = {0};
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
    const bool two_passes = p->plan->n_parts && !p->plan->order_by && is_short_of_memory(env);
    if (!two_passes) PLI_TRY(pli__write_copy_sql(p->plan, query, dir, &sql, err));
    if (p->plan->n_parts) PLI_TRY(narrow_engine(env, p->engine, err));
    if (p->plan->order_by) PLI_TRY(pli__engine_exec(p->engine, "SET preserve_insertion_order = true", NULL, err));
    pli_status s = two_passes ? write_partitions(p, query, dir, &c, err) : run_copy(p, sql.ptr, &c, err);
    if (p->plan->order_by && !pli__env_engine_options(env)->preserve_order)
        (void)pli__engine_exec(p->engine, "SET preserve_insertion_order = false", NULL, NULL);
    if (s == PLI_OK) s = place_files(p, &c, dir, err);
    if (p->plan->n_parts) widen_engine(env, p->engine);
    return s;
}

pli_status pli__write_rows(pli__delta *t, const pli__protocol *protocol, const pli__metadata *metadata, const char *sql,
                           const pli__write_options *options, pli__engine *engine, pli__written **out, pli_error *err) {
    PLI_AUTO(pli__write_plan_auto) pli__write_plan *plan = NULL;
    PLI_AUTO(pli__map_auto) pli__map *folders = pli__map_new();
    PLI_AUTO(pli__buf_clear) pli__buf dir = {0};
    pli__written *w = calloc(1, sizeof *w);
    char uuid[37];
    if (!folders || !w) return free(w), pli__error_memory(err);
    pli_status s = pli__write_plan_new(protocol, metadata, options, &plan, err);
    if (s == PLI_OK && !engine) s = pli__env_engine(pli__delta_env(t), &engine, err);
    pli__uuid_new(uuid);
    pli__buf_addf(&dir, "%s/.pli-write-%s", pli__delta_root(t), uuid);
    if (s == PLI_OK) s = pli__buf_status(&dir, err);
    if (s == PLI_OK) s = pli__fs_mkdirs(pli__delta_root(t), err);
    if (s == PLI_OK) {
        pli__placer p = {plan,
                         w,
                         engine,
                         pli__delta_root(t),
                         options ? options->sub_dir : NULL,
                         options && options->file_prefix ? options->file_prefix : "part",
                         folders};
        s = write_all(pli__delta_env(t), &p, sql, dir.ptr, err);
        (void)pli__fs_remove_tree(dir.ptr, NULL);
    }
    if (s != PLI_OK) {
        pli__written_delete(w, t);
        pli__written_free(w);
        return s;
    }
    *out = w;
    return PLI_OK;
}

int64_t pli__written_rows(const pli__written *w) { return w->rows; }
int64_t pli__written_bytes(const pli__written *w) { return w->bytes; }
size_t pli__written_files(const pli__written *w) { return w->n; }
const pli__add *pli__written_add_at(const pli__written *w, size_t i) { return &w->files[i]; }

int64_t pli__written_values(const pli__written *w, const char *column) {
    for (size_t i = 0; i < w->n_counts; i++)
        if (pli__str_ieqz(pli__str_of(column), w->counts[i].column)) return w->counts[i].values;
    return 0;
}

pli_status pli__written_add_to(const pli__written *w, pli__txn_handle *x, pli_error *err) {
    for (size_t i = 0; i < w->n; i++) PLI_TRY(pli__txn_add(x, &w->files[i], err));
    return PLI_OK;
}

void pli__written_delete(pli__written *w, pli__delta *t) {
    PLI_AUTO(pli__buf_clear) pli__buf path = {0};
    if (t->commit_unknown) return;
    for (size_t i = 0; w && i < w->n; i++) {
        pli__buf_reset(&path);
        if (pli__uri_resolve(pli__delta_root(t), w->files[i].path, &path, NULL) == PLI_OK)
            (void)pli__fs_unlink(path.ptr, true, NULL);
    }
}

void pli__written_free(pli__written *w) {
    if (!w) return;
    pli__arena_clear(&w->arena);
    free(w);
}
