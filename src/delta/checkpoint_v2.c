/*
 * v2 checkpoints. File actions live in sidecars; a sidecar of the checkpoint that the snapshot was read from is named again as
 * it is, as long as no commit since has touched a file in it. What is left is written into new sidecars: the rest of the
 * sidecars that were touched, the small ones once there are many, and what the commits added. So appends to a big table cost a
 * checkpoint of their own size.
 *
 * The checkpoint's own file is JSON, which opens without the engine. The first one of a log is Parquet under the classic name
 * instead: readers that know no v2 checkpoints find it there, and with it the protocol that they cannot read.
 *
 * All sidecars of one checkpoint have the same columns (readers take them as one): one with others is written anew.
 * A sidecar that is reused is touched before the checkpoint is published, because cleaning spares young ones (log_clean.c).
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/hash.h"
#include "delta/checkpoint_rows.h"
#include "delta/checkpoint_write.h"
#include "delta/log_list.h"
#include "delta/path.h"
#include "delta/tail.h"

#define SIDECAR_BYTES "16777216"         /* aimed at: about 150,000 files */
#define SMALL_BYTES ((int64_t)4 << 20)   /* sidecars below it are put together … */
#define SMALL_MOST 10                    /* … once there are that many */
#define JSON_TXNS_MAX ((size_t)10000)    /* more transactions make a manifest in Parquet */

/* A sidecar of the checkpoint before, with what a look into it found. */
typedef struct {
    pli__sidecar facts;
    bool kept;
    int64_t rows, adds, add_bytes, touched, expired;
} old_sidecar;

typedef struct {
    pli__snapshot *snapshot;
    pli__delta *t;
    pli__engine *e;
    pli__delta_checkpoint_result *r;
    pli__log_checkpoint *before; /* NULL = none; borrowed */
    const pli__tail *tail;
    pli__checkpoint_rows rows;
    size_t n_old, at; /* at: the one that is being looked into */
    old_sidecar *old;
    size_t n_sidecars, cap_sidecars;
    pli__sidecar *sidecars; /* of the checkpoint being written */
    pli__arena arena;
    pli__buf folder;        /* _delta_log/_sidecars */
    pli__buf temp;          /* folder that the engine writes to */
} v2_writer;

static void v2_clear(v2_writer *w) {
    if (w->temp.len) (void)pli__fs_remove_tree(w->temp.ptr, NULL);
    pli__buf_clear(&w->temp);
    pli__buf_clear(&w->folder);
    pli__arena_clear(&w->arena);
    free(w->sidecars);
    free(w->old);
}

/* ---- which sidecars stay ---- */

static pli_status see_old_add(void *arg, const pli__add *a, pli_error *err) {
    v2_writer *w = arg;
    old_sidecar *o = &w->old[w->at];
    (void)err;
    o->rows++;
    o->adds++;
    o->add_bytes += a->size;
    o->touched += pli__tail_has(w->tail, a->path, &a->dv);
    return PLI_OK;
}

static pli_status see_old_remove(void *arg, const pli__remove *r, pli_error *err) {
    v2_writer *w = arg;
    old_sidecar *o = &w->old[w->at];
    (void)err;
    o->rows++;
    o->touched += pli__tail_has(w->tail, r->path, &r->dv);
    o->expired += r->deletion_timestamp < w->rows.oldest_tombstone_ms;
    return PLI_OK;
}

/* Only plain names in our own folder: what lies elsewhere is not ours to count on. */
static bool is_plain_name(pli__str path) {
    return !memchr(path.ptr, '/', path.len) && !memchr(path.ptr, ':', path.len) && !memchr(path.ptr, '%', path.len);
}

static pli_status has_columns(v2_writer *w, size_t i, const pli__type *wanted, bool *same, pli_error *err) {
    PLI_AUTO(pli__type_auto) const pli__type *schema = NULL;
    PLI_TRY(pli__log_checkpoint_sidecar_schema(w->before, i, &schema, err));
    *same = pli__type_equal(schema, wanted, true);
    return PLI_OK;
}

static pli_status judge_sidecar(v2_writer *w, size_t i, const pli__type *wanted, pli_error *err) {
    old_sidecar *o = &w->old[i];
    bool same = false;
    o->facts = pli__log_checkpoint_sidecar(w->before, i);
    if (!is_plain_name(o->facts.path)) return PLI_OK;
    PLI_TRY(has_columns(w, i, wanted, &same, err));
    if (!same) return PLI_OK;
    w->at = i;
    PLI_TRY(pli__log_checkpoint_part(w->before, i, PLI__FILES_PATHS, NULL, see_old_add, see_old_remove, w, err));
    o->kept = o->rows && !o->touched && o->expired * 2 <= o->rows;
    return PLI_OK;
}

static void merge_small(v2_writer *w) {
    size_t small = 0;
    for (size_t i = 0; i < w->n_old; i++) small += w->old[i].kept && w->old[i].facts.size < SMALL_BYTES;
    if (small < SMALL_MOST) return;
    for (size_t i = 0; i < w->n_old; i++)
        if (w->old[i].facts.size < SMALL_BYTES) w->old[i].kept = false;
}

static pli_status name_sidecar(v2_writer *w, pli__sidecar s, pli_error *err) {
    if (w->n_sidecars == w->cap_sidecars) {
        const size_t cap = w->cap_sidecars ? w->cap_sidecars * 2 : 16;
        pli__sidecar *moved = realloc(w->sidecars, cap * sizeof *moved);
        if (!moved) return pli__error_memory(err);
        w->sidecars = moved;
        w->cap_sidecars = cap;
    }
    s.path = pli__arena_str(&w->arena, s.path);
    w->sidecars[w->n_sidecars++] = s;
    return pli__arena_status(&w->arena, err);
}

/* One that is gone by now is written anew, from the file that the reader perhaps still finds: an error then. */
static pli_status touch_sidecar(const v2_writer *w, const pli__sidecar *s, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf path = {0};
    pli__buf_addf(&path, "%s/%.*s", w->folder.ptr, PLI_STR_ARG(s->path));
    PLI_TRY(pli__buf_status(&path, err));
    return pli__fs_touch(path.ptr, err);
}

static pli_status keep_old(v2_writer *w, pli_error *err) {
    for (size_t i = 0; i < w->n_old; i++) {
        const old_sidecar *o = &w->old[i];
        if (!o->kept) continue;
        PLI_TRY(touch_sidecar(w, &o->facts, err));
        PLI_TRY(name_sidecar(w, o->facts, err));
        w->r->actions += o->rows;
        w->r->add_files += o->adds;
        w->r->table_bytes += o->add_bytes;
        w->r->bytes += o->facts.size;
        w->r->sidecars_reused++;
    }
    return PLI_OK;
}

static pli_status judge_old(v2_writer *w, pli_error *err) {
    PLI_AUTO(pli__type_auto) const pli__type *wanted = NULL;
    w->n_old = w->before ? pli__log_checkpoint_n_sidecars(w->before) : 0;
    if (!w->n_old) return PLI_OK;
    w->old = calloc(w->n_old, sizeof *w->old);
    if (!w->old) return pli__error_memory(err);
    PLI_TRY(pli__checkpoint_rows_schema(&w->rows, w->e, &wanted, err));
    for (size_t i = 0; i < w->n_old; i++) PLI_TRY(judge_sidecar(w, i, wanted, err));
    merge_small(w);
    return keep_old(w, err);
}

/* ---- new sidecars ---- */

static pli_status give_rest(void *arg, pli__checkpoint_rows *to, pli_error *err) {
    v2_writer *w = arg;
    if (w->before)
        PLI_TRY(pli__log_checkpoint_part(w->before, PLI__CHECKPOINT_OWN, PLI__FILES_ALL, w->tail,
                                         pli__checkpoint_rows_add, pli__checkpoint_rows_remove, to, err));
    for (size_t i = 0; i < w->n_old; i++)
        if (!w->old[i].kept)
            PLI_TRY(pli__log_checkpoint_part(w->before, i, PLI__FILES_ALL, w->tail, pli__checkpoint_rows_add,
                                             pli__checkpoint_rows_remove, to, err));
    PLI_TRY(pli__tail_each_add(w->tail, pli__checkpoint_rows_add, to, err));
    return pli__tail_each_remove(w->tail, pli__checkpoint_rows_remove, to, err);
}

static pli_status place_sidecar(void *arg, const pli__written_file *file, pli_error *err) {
    v2_writer *w = arg;
    char uuid[37], name[64];
    pli__file_info info;
    const char *path = pli__arena_strdup(&w->arena, file->path); /* the engine's text has no end of its own */
    if (!path) return pli__error_memory(err);
    if (!file->rows) return pli__fs_unlink(path, true, err);
    pli__uuid_new(uuid);
    snprintf(name, sizeof name, "%s.parquet", uuid);
    PLI_TRY(pli__fs_stat(path, &info, err));
    PLI_TRY(pli__checkpoint_publish_file(path, w->folder.ptr, name, err));
    w->r->bytes_written += info.size;
    return name_sidecar(w, (pli__sidecar){pli__str_of(name), info.size, info.mtime_ns / 1000000}, err);
}

static pli_status write_rest(v2_writer *w, pli_error *err) {
    char uuid[37];
    pli__uuid_new(uuid);
    pli__buf_addf(&w->temp, "%s/" PLI__CHECKPOINT_TEMP "%s", pli__store_local_path(pli__delta_log(w->t)), uuid);
    PLI_TRY(pli__buf_status(&w->temp, err));
    PLI_TRY(pli__fs_mkdirs(w->folder.ptr, err));
    PLI_TRY(pli__fs_mkdirs(w->temp.ptr, err));
    PLI_TRY(pli__checkpoint_rows_copy(
        &w->rows, w->e, w->temp.ptr,
        ", FILE_SIZE_BYTES " SIDECAR_BYTES ", FILENAME_PATTERN '{uuid}', OVERWRITE_OR_IGNORE", place_sidecar, w, err));
    w->r->actions += w->rows.actions;
    w->r->add_files += w->rows.adds;
    w->r->table_bytes += w->rows.add_bytes;
    return PLI_OK;
}

/* ---- the checkpoint itself ---- */

static void manifest_name(const v2_writer *w, const char *ending, char out[100]) {
    char uuid[37];
    pli__uuid_new(uuid);
    snprintf(out, 100, "%020lld.checkpoint.%s.%s", (long long)w->r->version, uuid, ending);
}

static pli_status add_action(v2_writer *w, const pli__action *a, pli__buf *out, pli_error *err) {
    w->r->actions++;
    return pli__action_write(a, out, err);
}

static pli_status add_state(v2_writer *w, pli__buf *out, pli_error *err) {
    pli__snapshot *s = w->snapshot;
    pli__action a = {.kind = PLI__ACTION_PROTOCOL, .protocol = *pli__snapshot_protocol(s)};
    PLI_TRY(add_action(w, &a, out, err));
    a = (pli__action){.kind = PLI__ACTION_METADATA, .metadata = *pli__snapshot_metadata(s)};
    PLI_TRY(add_action(w, &a, out, err));
    for (size_t i = 0; i < pli__snapshot_n_txns(s); i++) {
        a = (pli__action){.kind = PLI__ACTION_TXN, .txn = pli__snapshot_txn_at(s, i)};
        if (pli__checkpoint_keeps_txn(&w->rows, &a.txn)) PLI_TRY(add_action(w, &a, out, err));
    }
    for (size_t i = 0; i < pli__snapshot_n_domains(s); i++) {
        a = (pli__action){.kind = PLI__ACTION_DOMAIN, .domain = pli__snapshot_domain_at(s, i)};
        PLI_TRY(add_action(w, &a, out, err));
    }
    return PLI_OK;
}

static pli_status write_json(v2_writer *w, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf text = {0};
    char name[100], version[40];
    const int n = snprintf(version, sizeof version, "{\"version\":%lld}", (long long)w->r->version);
    const pli__action head = {.kind = PLI__ACTION_CHECKPOINT_METADATA, .raw = {version, (size_t)n}};
    PLI_TRY(add_action(w, &head, &text, err));
    for (size_t i = 0; i < w->n_sidecars; i++) {
        pli__action a = {.kind = PLI__ACTION_SIDECAR};
        a.sidecar.path = w->sidecars[i].path;
        a.sidecar.size = w->sidecars[i].size;
        a.sidecar.modification_time = w->sidecars[i].modification_time;
        PLI_TRY(add_action(w, &a, &text, err));
    }
    PLI_TRY(add_state(w, &text, err));
    PLI_TRY(pli__buf_status(&text, err));
    w->r->bytes_written += (int64_t)text.len;
    manifest_name(w, "json", name);
    return pli__store_put_if_absent(pli__delta_log(w->t), name, pli__buf_str(&text), 0, err);
}

static pli_status see_manifest(void *arg, const pli__written_file *file, pli_error *err) {
    (void)err;
    *(int64_t *)arg += file->bytes;
    return PLI_OK;
}

static pli_status write_parquet(v2_writer *w, bool classic_name, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf temp = {0};
    pli__checkpoint_rows rows = {
        .snapshot = w->snapshot, .form = PLI__ROWS_MANIFEST, .n_sidecars = w->n_sidecars, .sidecars = w->sidecars};
    char name[100];
    pli__checkpoint_rows_retention(&rows);
    pli__buf_addf(&temp, "%s/manifest", w->temp.ptr);
    PLI_TRY(pli__buf_status(&temp, err));
    PLI_TRY(pli__checkpoint_rows_copy(&rows, w->e, temp.ptr, "", see_manifest, &w->r->bytes_written, err));
    w->r->actions += rows.actions;
    manifest_name(w, "parquet", name);
    if (classic_name) snprintf(name, sizeof name, "%020lld.checkpoint.parquet", (long long)w->r->version);
    const pli_status s = pli__checkpoint_publish_file(temp.ptr, pli__store_local_path(pli__delta_log(w->t)), name, err);
    if (s != PLI_E_EXISTS) return s;
    pli__error_clear(err); /* somebody else has written the same state */
    return PLI_OK;
}

static pli_status has_classic_name(v2_writer *w, bool *found, pli_error *err) {
    PLI_AUTO(pli__log_listing_clear) pli__log_listing l = {0};
    PLI_TRY(pli__log_list(pli__delta_log(w->t), 0, &l, err));
    *found = false;
    for (size_t i = 0; i < l.n_checkpoints; i++) *found = *found || l.checkpoints[i].kind == PLI__CHECKPOINT_CLASSIC;
    return PLI_OK;
}

static pli_status write_own_file(v2_writer *w, pli_error *err) {
    bool old_readers_served;
    PLI_TRY(has_classic_name(w, &old_readers_served, err));
    if (old_readers_served && pli__snapshot_n_txns(w->snapshot) <= JSON_TXNS_MAX) return write_json(w, err);
    return write_parquet(w, !old_readers_served, err);
}

pli_status pli__checkpoint_write_v2(pli__snapshot *s, pli__delta *t, pli__engine *e, pli__delta_checkpoint_result *r,
                                    pli_error *err) {
    PLI_AUTO(v2_clear) v2_writer w = {.snapshot = s, .t = t, .e = e, .r = r};
    w.rows = (pli__checkpoint_rows){.snapshot = s, .form = PLI__ROWS_SIDECAR, .files = give_rest, .arg = &w};
    pli__checkpoint_rows_retention(&w.rows);
    pli__buf_addf(&w.folder, "%s/_sidecars", pli__store_local_path(pli__delta_log(t)));
    PLI_TRY(pli__buf_status(&w.folder, err));
    PLI_TRY(pli__snapshot_layers(s, PLI__FILES_ALL, &w.before, &w.tail, err));
    PLI_TRY(judge_old(&w, err));
    PLI_TRY(write_rest(&w, err));
    PLI_TRY(write_own_file(&w, err));
    r->sidecars = (int64_t)w.n_sidecars;
    r->bytes += r->bytes_written;
    return PLI_OK;
}
