/*
 * The index follows the records. What it holds is valid for one identity (checkpoint id, epoch, start position) and one
 * history (the newest offset it has taken, recognised by inode, size and mtime of its file); anything else and it is
 * made anew from seen/ and offsets/.
 */
#include "checkpoint/index_sync.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "checkpoint/seen.h"

#define ROWS_PER_TRANSACTION 200000

/* "id epoch start": changes when what the records say about known files changes other than by further offsets. */
static pli_status identity_of(pli__checkpoint *cp, pli__buf *out, pli_error *err) {
    pli__buf_addf(out, "%s %" PRId64 " ", pli__checkpoint_id(cp), pli__checkpoint_epoch(cp));
    const json_t *start = json_object_get(pli__checkpoint_metadata(cp), "start_offset");
    if (start) PLI_TRY(pli__json_write(start, out, err));
    return pli__buf_status(out, err);
}

static pli_status history_of(pli__checkpoint *cp, int64_t n, pli__buf *out, pli_error *err) {
    char key[48];
    snprintf(key, sizeof key, "offsets/%" PRId64 ".json", n);
    pli__file_info info = {0};
    if (n >= 0) PLI_TRY(pli__store_stat(pli__checkpoint_store(cp), key, &info, err));
    pli__buf_addf(out, "%" PRIu64 " %" PRId64 " %" PRId64, info.inode, info.size, info.mtime_ns);
    return pli__buf_status(out, err);
}

static pli_status text_agrees(pli__index *x, const char *key, const pli__buf *text, bool *out, pli_error *err) {
    return pli__index_text_is(x, key, pli__buf_str(text), out, err);
}

pli_status pli__index_note_records(pli__index *x, pli__checkpoint *cp, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf text = {0};
    PLI_TRY(identity_of(cp, &text, err));
    return pli__index_set_text(x, "identity", pli__buf_str(&text), err);
}

static pli_status note_synced(pli__index *x, pli__checkpoint *cp, int64_t n, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf text = {0};
    PLI_TRY(history_of(cp, n, &text, err));
    PLI_TRY(pli__index_set_text(x, "history", pli__buf_str(&text), err));
    return pli__index_set_i64(x, "synced", n, err);
}

/* ---- taking records ---- */

typedef struct taker {
    pli__index *x;
    int64_t batch; /* of the offset; seen records bring their own */
    int64_t found_ms;
    int64_t folder, taken; /* waiting files taken of the folder at hand */
    int64_t rows;
} taker;

static pli_status settle_folder(taker *t, pli_error *err) {
    if (t->taken) PLI_TRY(pli__index_folder_waiting(t->x, t->folder, -t->taken, (pli__str){0}, err));
    t->taken = 0;
    return PLI_OK;
}

static pli_status take_file(void *arg, const pli__seen_file *file, pli_error *err) {
    taker *t = arg;
    const char *slash = memrchr(file->path.ptr, '/', file->path.len);
    if (!slash)
        return pli__error_set(err, PLI_E_CORRUPT, "a record names the relative path '%.*s'", PLI_STR_ARG(file->path));
    size_t dir = slash == file->path.ptr ? 1 : (size_t)(slash - file->path.ptr),
           base = (size_t)(slash - file->path.ptr) + 1;
    int64_t folder = 0;
    PLI_TRY(pli__index_folder_id(t->x, (pli__str){file->path.ptr, dir}, &folder, err));
    if (folder != t->folder) PLI_TRY(settle_folder(t, err));
    t->folder = folder;
    const pli__index_file f = {.folder = folder,
                               .name = {file->path.ptr + base, file->path.len - base},
                               .size = file->size,
                               .mtime_ns = file->mtime_ns,
                               .batch = t->batch >= 0      ? t->batch
                                        : file->batch >= 0 ? file->batch
                                                           : PLI__INDEX_SEEN,
                               .found_ms = t->found_ms,
                               .prev = PLI__INDEX_UNKNOWN};
    bool was_waiting = false;
    PLI_TRY(pli__index_file_take(t->x, &f, &was_waiting, err));
    t->taken += was_waiting;
    t->rows++;
    return PLI_OK;
}

static pli_status take_offset(pli__index *x, int64_t n, const json_t *offset, int64_t *rows, pli_error *err) {
    const json_t *at = json_object_get(offset, "created_at");
    taker t = {.x = x,
               .batch = n,
               .found_ms = json_is_number(at) ? (int64_t)(json_number_value(at) * 1e3) : PLI__INDEX_UNKNOWN};
    PLI_TRY_IN(pli__offset_files(offset, take_file, &t, err), err, "offsets/%" PRId64 ".json", n);
    if (rows) *rows += t.rows;
    return settle_folder(&t, err);
}

/* Run fn in the transaction that is open, or in one of its own. */
static pli_status within(pli__index *x, bool *mine, pli_error *err) {
    *mine = !pli__index_in_transaction(x);
    return *mine ? pli__index_begin(x, err) : PLI_OK;
}

static pli_status finish(pli__index *x, bool mine, pli_status status, pli_error *err) {
    if (!mine) return status;
    if (status == PLI_OK) return pli__index_commit(x, err);
    pli__index_rollback(x);
    return status;
}

static pli_status take_and_note(pli__index *x, pli__checkpoint *cp, int64_t n, const json_t *offset, pli_error *err) {
    PLI_TRY(take_offset(x, n, offset, NULL, err));
    return note_synced(x, cp, n, err);
}

pli_status pli__index_take_offset(pli__index *x, pli__checkpoint *cp, int64_t n, const json_t *offset, pli_error *err) {
    int64_t synced = -1;
    PLI_TRY(pli__index_get_i64(x, "synced", -1, &synced, err));
    if (synced >= n) return PLI_OK;
    if (synced != n - 1) return pli__index_sync(x, cp, NULL, err);
    bool mine = false;
    PLI_TRY(within(x, &mine, err));
    return finish(x, mine, take_and_note(x, cp, n, offset, err), err);
}

static pli_status take_stored(pli__index *x, pli__checkpoint *cp, int64_t n, int64_t *rows, pli_error *err) {
    PLI_AUTO(pli__json_unref) json_t *offset = NULL;
    PLI_TRY(pli__checkpoint_read_offset(cp, n, &offset, NULL, err));
    return take_offset(x, n, offset, rows, err);
}

/* ---- agreeing ---- */

typedef enum agreement { SAME, BEHIND, USELESS } agreement;

static pli_status compare(pli__index *x, pli__checkpoint *cp, agreement *out, int64_t *synced, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf identity = {0}, history = {0};
    PLI_TRY(identity_of(cp, &identity, err));
    bool same = false;
    PLI_TRY(text_agrees(x, "identity", &identity, &same, err));
    PLI_TRY(pli__index_get_i64(x, "synced", -2, synced, err));
    int64_t first = pli__checkpoint_first_offset(cp), last = pli__checkpoint_last_offset(cp);
    *out = USELESS;
    if (!same || *synced < -1 || *synced > last || (first >= 0 && *synced < first - 1)) return PLI_OK;
    PLI_TRY(history_of(cp, *synced, &history, err));
    PLI_TRY(text_agrees(x, "history", &history, &same, err));
    if (same) *out = *synced == last ? SAME : BEHIND;
    return PLI_OK;
}

/* Between transactions the index has no identity, so that a crash in the middle makes it anew. */
static pli_status maybe_pause(pli__index *x, int64_t *rows, pli_error *err) {
    if (*rows < ROWS_PER_TRANSACTION) return PLI_OK;
    *rows = 0;
    PLI_TRY(pli__index_commit(x, err));
    return pli__index_begin(x, err);
}

static pli_status catch_up(pli__index *x, pli__checkpoint *cp, int64_t from, pli_error *err) {
    int64_t rows = 0, last = pli__checkpoint_last_offset(cp);
    PLI_TRY(pli__index_set_text(x, "identity", PLI_STR("unfinished"), err));
    for (int64_t n = from; n <= last; n++) {
        PLI_TRY(take_stored(x, cp, n, &rows, err));
        PLI_TRY(maybe_pause(x, &rows, err));
    }
    PLI_TRY(note_synced(x, cp, last, err));
    return pli__index_note_records(x, cp, err);
}

static pli_status rebuild(pli__index *x, pli__checkpoint *cp, pli_error *err) {
    PLI_TRY(pli__index_clear(x, err));
    taker t = {.x = x, .batch = -1, .found_ms = PLI__INDEX_UNKNOWN};
    PLI_TRY(pli__seen_read(cp, take_file, &t, err));
    PLI_TRY(settle_folder(&t, err));
    int64_t first = pli__checkpoint_first_offset(cp);
    return catch_up(x, cp, first < 0 ? 0 : first, err);
}

static pli_status sync_inside(pli__index *x, pli__checkpoint *cp, bool *rebuilt, pli_error *err) {
    agreement state = USELESS;
    int64_t synced = -1;
    PLI_TRY(compare(x, cp, &state, &synced, err));
    if (rebuilt) *rebuilt = state == USELESS;
    if (state == SAME) return PLI_OK;
    return state == BEHIND ? catch_up(x, cp, synced + 1, err) : rebuild(x, cp, err);
}

pli_status pli__index_sync(pli__index *x, pli__checkpoint *cp, bool *rebuilt, pli_error *err) {
    agreement state = USELESS;
    int64_t synced = -1;
    if (rebuilt) *rebuilt = false;
    PLI_TRY(compare(x, cp, &state, &synced, err));
    if (state == SAME) return PLI_OK;
    bool mine = false;
    PLI_TRY(within(x, &mine, err));
    return finish(x, mine, sync_inside(x, cp, rebuilt, err), err);
}

/* ---- the checkpoint's index ---- */

/* Path of index.db; NULL where SQLite's locks cannot be trusted. */
static pli_status path_of(pli__checkpoint *cp, char **out, pli_error *err) {
    const char *root = pli__store_local_path(pli__checkpoint_store(cp));
    if (!root || pli__fs_is_network(root)) return PLI_OK;
    *out = pli__path_join(root, "index.db");
    return *out ? PLI_OK : pli__error_memory(err);
}

static pli_status open_and_sync(pli__checkpoint *cp, const char *path, bool look_only, pli__index **out,
                                pli_error *err) {
    PLI_AUTO(pli__index_auto) pli__index *x = NULL;
    PLI_TRY(pli__index_open(path, look_only && path, &x, err));
    if (look_only) PLI_TRY(pli__index_begin(x, err));
    PLI_TRY(pli__index_sync(x, cp, NULL, err));
    *out = PLI_TAKE(x);
    return PLI_OK;
}

/* The file is only a cache: damage met on the way makes it anew, and where none can be written it is kept in memory. */
pli_status pli__index_open_for(pli__checkpoint *cp, bool look_only, pli__index **out, pli_error *err) {
    *out = NULL;
    PLI_AUTO(pli__free_ptr) char *path = NULL;
    PLI_TRY(path_of(cp, &path, err));
    pli_error why = {0};
    pli_status status = open_and_sync(cp, path, look_only, out, &why);
    if (status == PLI_OK) return PLI_OK;
    bool damaged = status == PLI_E_CORRUPT && why.native_code != 0;
    if (damaged && !look_only) {
        PLI_TRY(pli__index_delete(cp, err));
        return open_and_sync(cp, path, look_only, out, err);
    }
    if (path && (damaged || status == PLI_E_ACCESS || status == PLI_E_NOT_FOUND || status == PLI_E_IO ||
                 (look_only && status == PLI_E_LOCKED)))
        return open_and_sync(cp, NULL, look_only, out, err);
    if (err) *err = why;
    return status;
}

pli_status pli__index_delete(pli__checkpoint *cp, pli_error *err) {
    pli__store *store = pli__checkpoint_store(cp);
    PLI_TRY(pli__store_remove(store, "index.db", err));
    PLI_TRY(pli__store_remove(store, "index.db-wal", err));
    return pli__store_remove(store, "index.db-shm", err);
}
