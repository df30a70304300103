/*
 * A folder of Parquet files. It has no transactions, so a batch is made safe by names: whatever is written again replaces
 * itself.
 *
 *   FOLDER/<appId>-<batch>-<part>.parquet      rows
 *   FOLDER/_pli/<appId>.json                   {"id", "batch", "attempt", "offsetSha256"}: the newest complete batch
 *   FOLDER/.pli-write-<attempt>/               files that are being written
 *
 * Commit moves the files to their names, removes parts that an earlier attempt of the batch left beyond ours, and then
 * publishes the record. A crash in between leaves the record at the batch before: the batch is repeated and its files are
 * replaced. Readers that look in between may see part of a batch; they never see it twice.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/json.h"
#include "port/fs.h"
#include "sink/sink.h"

#define TARGET_SIZE (INT64_C(128) << 20)
#define RECORD_MAX ((size_t)1 << 20)

typedef struct {
    pli__sink base;
    pli_env *env;
    char *folder;
    bool relaxed;
} parquet_sink;

typedef struct {
    char *path;
    int64_t rows, bytes;
} part;

typedef struct {
    char *column; /* as the engine prints the path of a leaf */
    int64_t values;
} value_count;

struct pli__prepared {
    pli__arena arena;
    char *dir; /* in the arena, as are the parts */
    part *parts;
    size_t n, cap;
    int64_t rows, bytes;
    size_t n_counts;
    value_count *counts; /* of the leaves of the first file; all files of a batch have the same */
};

/* ---- names ---- */

static pli_status record_path(const parquet_sink *d, const char *app_id, pli__buf *out, pli_error *err) {
    pli__buf_addf(out, "%s/_pli/", d->folder);
    for (const char *c = app_id; *c; c++) pli__buf_addc(out, *c == '/' ? '_' : *c);
    pli__buf_addz(out, ".json");
    return pli__buf_status(out, err);
}

static void add_prefix(const pli__batch_ref *b, pli__buf *out) {
    for (const char *c = b->app_id; *c; c++) pli__buf_addc(out, *c == '/' ? '_' : *c);
    pli__buf_addf(out, "-%lld-", (long long)b->batch_id);
}

static pli_status part_path(const parquet_sink *d, const pli__batch_ref *b, size_t n, pli__buf *out, pli_error *err) {
    pli__buf_addf(out, "%s/", d->folder);
    add_prefix(b, out);
    pli__buf_addf(out, "%05zu.parquet", n);
    return pli__buf_status(out, err);
}

/* ---- state ---- */

static pli_status read_record(const parquet_sink *d, const char *app_id, json_t **out, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf path = {0}, text = {0};
    PLI_TRY(record_path(d, app_id, &path, err));
    const pli_status s = pli__fs_read(path.ptr, RECORD_MAX, &text, err);
    if (s == PLI_E_NOT_FOUND) return pli__error_clear(err), PLI_OK;
    if (s != PLI_OK) return s;
    return pli__json_parse(pli__buf_str(&text), path.ptr, out, err);
}

static pli_status read_id(const parquet_sink *d, char id[64], pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf path = {0}, text = {0};
    pli__buf_addf(&path, "%s/_pli/id", d->folder);
    PLI_TRY(pli__buf_status(&path, err));
    const pli_status s = pli__fs_read(path.ptr, 64, &text, err);
    if (s == PLI_E_NOT_FOUND) return pli__error_clear(err), PLI_OK;
    if (s != PLI_OK) return s;
    snprintf(id, 64, "%.*s", (int)strcspn(text.ptr ? text.ptr : "", "\n"), text.ptr ? text.ptr : "");
    return PLI_OK;
}

static pli_status state(pli__sink *s, const char *app_id, int64_t hint, pli__sink_state *out, pli_error *err) {
    parquet_sink *d = (parquet_sink *)s;
    PLI_AUTO(pli__json_unref) json_t *r = NULL;
    const char *attempt, *sha;
    (void)hint;
    PLI_TRY(read_id(d, out->id, err));
    out->exists = out->id[0] != '\0';
    if (!out->exists) return PLI_OK;
    out->version = 0;
    PLI_TRY(read_record(d, app_id, &r, err));
    if (!r) return PLI_OK;
    PLI_TRY(pli__json_get_i64(r, "batch", "record of the sink", true, &out->txn_version, err));
    PLI_TRY(pli__json_get_str(r, "attempt", "record of the sink", true, &attempt, err));
    PLI_TRY(pli__json_get_str(r, "offsetSha256", "record of the sink", true, &sha, err));
    out->has_txn = true;
    out->version = out->commit_version = out->txn_version;
    snprintf(out->attempt, sizeof out->attempt, "%s", attempt);
    snprintf(out->offset_sha256, sizeof out->offset_sha256, "%s", sha);
    return PLI_OK;
}

/* ---- prepare ---- */

static pli_status count_leaves(pli__prepared *p, const pli__written_file *f, pli_error *err) {
    if (!p->counts) {
        p->counts = pli__arena_calloc(&p->arena, f->n_columns + 1, sizeof *p->counts);
        if (!p->counts) return pli__error_memory(err);
        for (size_t i = 0; i < f->n_columns; i++)
            p->counts[i].column = pli__arena_strdup(&p->arena, f->columns[i].path);
        PLI_TRY(pli__arena_status(&p->arena, err));
        p->n_counts = f->n_columns;
    }
    for (size_t k = 0; k < p->n_counts; k++) {
        int64_t values = -1;
        for (size_t i = 0; i < f->n_columns; i++)
            if (f->columns[i].has_null_count && pli__str_eqz(f->columns[i].path, p->counts[k].column))
                values = f->rows - f->columns[i].null_count;
        p->counts[k].values = values < 0 || p->counts[k].values < 0 ? -1 : p->counts[k].values + values;
    }
    return PLI_OK;
}

static pli_status see_file(void *arg, const pli__written_file *f, pli_error *err) {
    pli__prepared *p = arg;
    if (f->rows == 0) return PLI_OK;
    PLI_TRY(count_leaves(p, f, err));
    if (p->n == p->cap) {
        const size_t cap = p->cap ? p->cap * 2 : 8;
        part *more = pli__arena_calloc(&p->arena, cap, sizeof *more);
        if (!more) return pli__error_memory(err);
        if (p->n) memcpy(more, p->parts, p->n * sizeof *more);
        p->parts = more;
        p->cap = cap;
    }
    p->parts[p->n++] = (part){pli__arena_strdup(&p->arena, f->path), f->rows, f->bytes};
    p->rows += f->rows;
    p->bytes += f->bytes;
    return pli__arena_status(&p->arena, err);
}

static pli_status sync_parts(const parquet_sink *d, const pli__prepared *p, pli_error *err) {
    for (size_t i = 0; !d->relaxed && i < p->n; i++) PLI_TRY(pli__fs_sync_file(p->parts[i].path, err));
    return PLI_OK;
}

static pli_status write_parts(const parquet_sink *d, const pli__batch_ref *batch, const char *sql, pli__prepared *p,
                              pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf dir = {0}, copy = {0};
    pli__engine *e;
    pli__buf_addf(&dir, "%s/.pli-write-%s", d->folder, batch->attempt);
    PLI_TRY(pli__buf_status(&dir, err));
    p->dir = pli__arena_strdup(&p->arena, pli__buf_str(&dir));
    PLI_TRY(pli__arena_status(&p->arena, err));
    PLI_TRY(pli__fs_mkdirs(d->folder, err));
    PLI_TRY(pli__fs_remove_tree(p->dir, err));
    PLI_TRY(pli__env_engine(d->env, &e, err));
    pli__buf_addf(&copy, "COPY (%s\n) TO ", sql);
    pli__buf_add_sql_str(&copy, pli__str_of(p->dir));
    pli__buf_addf(&copy, " (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, FILE_SIZE_BYTES %lld, RETURN_STATS)",
                  (long long)TARGET_SIZE);
    PLI_TRY(pli__buf_status(&copy, err));
    PLI_TRY(pli__engine_copy(e, copy.ptr, see_file, p, err));
    return sync_parts(d, p, err);
}

static void free_prepared(pli__prepared *p) {
    if (p->dir) (void)pli__fs_remove_tree(p->dir, NULL);
    pli__arena_clear(&p->arena);
    free(p);
}

static pli_status prepare(pli__sink *s, const pli__batch_ref *batch, const char *sql, const pli__type *schema,
                          pli__prepared **out, pli_error *err) {
    pli__prepared *p = calloc(1, sizeof *p);
    (void)schema;
    if (!p) return pli__error_memory(err);
    const pli_status status = write_parts((parquet_sink *)s, batch, sql, p, err);
    if (status != PLI_OK) return free_prepared(p), status;
    *out = p;
    return PLI_OK;
}

static pli_status describe(pli__sink *s, const pli__prepared *p, json_t **out, pli_error *err) {
    *out = json_pack("{s:s, s:[], s:I, s:I}", "path", ((parquet_sink *)s)->folder, "addedFiles", "rows",
                     (json_int_t)p->rows, "bytes", (json_int_t)p->bytes);
    return *out ? PLI_OK : pli__error_memory(err);
}

static int64_t count_values(const pli__prepared *p, const char *column) {
    PLI_AUTO(pli__buf_clear) pli__buf leaf = {0};
    pli__buf_add_sql_name(&leaf, pli__str_of(column));
    if (pli__buf_status(&leaf, NULL) != PLI_OK) return -1;
    for (size_t i = 0; i < p->n_counts; i++)
        if (strcmp(p->counts[i].column, leaf.ptr) == 0) return p->counts[i].values;
    return 0;
}

/* ---- commit ---- */

typedef struct {
    const parquet_sink *d;
    pli__str prefix;
    int64_t keep; /* parts of our own attempt */
} sweeper;

/* A part of this batch beyond ours: an earlier attempt had more files. */
static pli_status sweep(void *arg, const pli__dir_entry *e, pli_error *err) {
    sweeper *w = arg;
    const pli__str name = pli__str_of(e->name);
    int64_t n;
    if (!pli__str_starts(name, w->prefix) || !pli__str_ends(name, PLI_STR(".parquet"))) return PLI_OK;
    if (!pli__str_to_i64((pli__str){name.ptr + w->prefix.len, name.len - w->prefix.len - 8}, &n) || n < w->keep)
        return PLI_OK;
    PLI_AUTO(pli__free_ptr) char *path = pli__path_join(w->d->folder, e->name);
    return path ? pli__fs_unlink(path, true, err) : pli__error_memory(err);
}

static pli_status move_parts(const parquet_sink *d, const pli__batch_ref *b, pli__prepared *p, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf path = {0}, prefix = {0};
    add_prefix(b, &prefix);
    PLI_TRY(pli__buf_status(&prefix, err));
    for (size_t i = 0; i < p->n; i++) {
        pli__buf_reset(&path);
        PLI_TRY(part_path(d, b, i, &path, err));
        PLI_TRY(pli__fs_rename(p->parts[i].path, path.ptr, err));
    }
    sweeper w = {d, pli__buf_str(&prefix), (int64_t)p->n};
    PLI_TRY(pli__fs_list(d->folder, sweep, &w, err));
    return d->relaxed ? PLI_OK : pli__fs_sync_dir(d->folder, err);
}

static pli_status ensure_id(const parquet_sink *d, char id[64], pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf path = {0};
    char uuid[37];
    PLI_TRY(read_id(d, id, err));
    if (id[0]) return PLI_OK;
    pli__uuid_new(uuid);
    pli__buf_addf(&path, "%s/_pli", d->folder);
    PLI_TRY(pli__buf_status(&path, err));
    PLI_TRY(pli__fs_mkdirs(path.ptr, err));
    pli__buf_addz(&path, "/id");
    PLI_TRY(pli__buf_status(&path, err));
    const pli_status s = pli__fs_publish(path.ptr, pli__str_of(uuid),
                                         PLI__PUBLISH_NEW | (d->relaxed ? PLI__PUBLISH_RELAXED : 0), err);
    if (s != PLI_OK && s != PLI_E_EXISTS && s != PLI_E_UNKNOWN) return s;
    pli__error_clear(err);
    return read_id(d, id, err);
}

static pli_status publish_record(const parquet_sink *d, const pli__batch_ref *b, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf path = {0}, text = {0};
    PLI_AUTO(pli__json_unref)
    json_t *r = json_pack("{s:I, s:s, s:s, s:s}", "batch", (json_int_t)b->batch_id, "attempt", b->attempt,
                          "offsetSha256", b->offset_sha256, "job", b->job ? b->job : "");
    if (!r) return pli__error_memory(err);
    PLI_TRY(pli__json_write_pretty(r, &text, err));
    PLI_TRY(record_path(d, b->app_id, &path, err));
    return pli__fs_publish(path.ptr, pli__buf_str(&text),
                           PLI__PUBLISH_REPLACE | (d->relaxed ? PLI__PUBLISH_RELAXED : 0), err);
}

static json_t *part_list(const parquet_sink *d, const pli__batch_ref *b, const pli__prepared *p) {
    json_t *list = json_array();
    for (size_t i = 0; list && i < p->n; i++) {
        PLI_AUTO(pli__buf_clear) pli__buf path = {0};
        if (part_path(d, b, i, &path, NULL) != PLI_OK ||
            json_array_append_new(list, json_string(pli__path_base(path.ptr))) < 0)
            return json_decref(list), NULL;
    }
    return list;
}

static pli_status pack_repeat(const parquet_sink *d, const pli__batch_ref *b, const pli__sink_state *now, json_t **out,
                              pli_error *err) {
    *out = json_pack("{s:s, s:s, s:I, s:s, s:b, s:s}", "path", d->folder, "tableId", now->id, "version",
                     (json_int_t)now->version, "txnAppId", b->app_id, "repeat", 1, "attempt", now->attempt);
    return *out ? PLI_OK : pli__error_memory(err);
}

static pli_status commit(pli__sink *s, const pli__batch_ref *b, pli__prepared *p, json_t **result, pli_error *err) {
    parquet_sink *d = (parquet_sink *)s;
    pli__sink_state now = {.version = -1, .txn_version = -1, .commit_version = -1};
    char id[64] = "";
    PLI_TRY(state(s, b->app_id, -1, &now, err));
    if (now.has_txn && now.txn_version == b->batch_id && strcmp(now.offset_sha256, b->offset_sha256) == 0)
        return pack_repeat(d, b, &now, result, err);
    if (now.has_txn && now.txn_version >= b->batch_id)
        return pli__error_set(err, PLI_E_SINK_AHEAD, "folder '%s' shows batch %lld, where batch %lld is to be written",
                              d->folder, (long long)now.txn_version, (long long)b->batch_id);
    PLI_TRY(ensure_id(d, id, err));
    PLI_TRY(move_parts(d, b, p, err));
    PLI_TRY(publish_record(d, b, err));
    json_t *files = part_list(d, b, p);
    if (!files) return pli__error_memory(err);
    *result = json_pack("{s:s, s:s, s:I, s:s, s:o, s:I}", "path", d->folder, "tableId", id, "version",
                        (json_int_t)b->batch_id, "txnAppId", b->app_id, "addedFiles", files, "rows",
                        (json_int_t)p->rows);
    return *result ? PLI_OK : pli__error_memory(err);
}

static void abort_prepared(pli__sink *s, pli__prepared *take) {
    (void)s;
    free_prepared(take);
}

static void sink_free(pli__sink *s) {
    parquet_sink *d = (parquet_sink *)s;
    free(d->folder);
    free(d);
}

static const pli__sink_ops ops = {1,      "parquet",      state,         prepare,   describe,
                                  commit, abort_prepared, free_prepared, sink_free, count_values};

pli_status pli__sink_parquet_new(pli_env *env, const char *path, bool relaxed, pli__sink **out, pli_error *err) {
    if (!path || !path[0]) return pli__error_set(err, PLI_E_ARGUMENT, "the sink has no path");
    parquet_sink *d = calloc(1, sizeof *d);
    if (!d) return pli__error_memory(err);
    PLI_AUTO(pli__sink_auto) pli__sink *s = &d->base;
    d->base.ops = &ops;
    d->env = env;
    d->relaxed = relaxed;
    PLI_TRY(pli__fs_abs_path(path, &d->folder, err));
    *out = PLI_TAKE(s);
    return PLI_OK;
}
