/* Rows of the file index: folders with their marks and queues, files with their states. */
#include "checkpoint/index_sql.h"

static pli__index_folder folder_of(sqlite3_stmt *s) {
    return (pli__index_folder){.id = sqlite3_column_int64(s, 0),
                               .path = pli__index_str(s, 1),
                               .parent = sqlite3_column_int64(s, 2),
                               .marked = sqlite3_column_type(s, 3) != SQLITE_NULL,
                               .device = sqlite3_column_int64(s, 3),
                               .inode = sqlite3_column_int64(s, 4),
                               .mtime_ns = sqlite3_column_int64(s, 5),
                               .ctime_ns = sqlite3_column_int64(s, 6),
                               .waiting = sqlite3_column_int64(s, 7),
                               .first = pli__index_str(s, 8)};
}

static pli__index_file file_of(sqlite3_stmt *s, int at) {
    return (pli__index_file){.name = pli__index_str(s, at),
                             .folder = sqlite3_column_int64(s, at + 1),
                             .size = pli__index_i64(s, at + 2),
                             .mtime_ns = pli__index_i64(s, at + 3),
                             .batch = sqlite3_column_int64(s, at + 4),
                             .found_ms = pli__index_i64(s, at + 5),
                             .prev = pli__index_i64(s, at + 6)};
}

/* ---- folders ---- */

pli_status pli__index_folder_get(pli__index *x, pli__str path, bool *found, pli__index_folder *out, pli_error *err) {
    sqlite3_stmt *s = NULL;
    PLI_TRY(pli__index_statement_of(x, PLI__SQL_FOLDER_GET, &s, err));
    pli__index_bind_str(s, 1, path);
    PLI_TRY(pli__index_step(x, s, found, err));
    if (*found) *out = folder_of(s);
    return PLI_OK;
}

static pli_status add_folder(pli__index *x, pli__str path, int64_t *out, pli_error *err) {
    sqlite3_stmt *s = NULL;
    PLI_TRY(pli__index_statement_of(x, PLI__SQL_FOLDER_ADD, &s, err));
    pli__index_bind_str(s, 1, path);
    PLI_TRY(pli__index_done(x, s, err));
    *out = sqlite3_last_insert_rowid(x->db);
    return PLI_OK;
}

pli_status pli__index_folder_id(pli__index *x, pli__str path, int64_t *out, pli_error *err) {
    if (x->folder_id && pli__str_eq(pli__buf_str(&x->folder_path), path)) {
        *out = x->folder_id;
        return PLI_OK;
    }
    bool found = false;
    pli__index_folder f = {0};
    PLI_TRY(pli__index_folder_get(x, path, &found, &f, err));
    if (!found) PLI_TRY(add_folder(x, path, &f.id, err));
    pli__buf_reset(&x->folder_path);
    pli__buf_adds(&x->folder_path, path);
    PLI_TRY(pli__buf_status(&x->folder_path, err));
    *out = x->folder_id = f.id;
    return PLI_OK;
}

pli_status pli__index_folder_mark(pli__index *x, const pli__index_folder *f, pli_error *err) {
    sqlite3_stmt *s = NULL;
    PLI_TRY(pli__index_statement_of(x, PLI__SQL_FOLDER_MARK, &s, err));
    sqlite3_bind_int64(s, 1, f->id);
    sqlite3_bind_int64(s, 2, f->parent);
    const int64_t mark[] = {f->device, f->inode, f->mtime_ns, f->ctime_ns};
    for (int i = 0; i < 4; i++) {
        if (f->marked) sqlite3_bind_int64(s, 3 + i, mark[i]);
        else sqlite3_bind_null(s, 3 + i);
    }
    return pli__index_done(x, s, err);
}

pli_status pli__index_folder_queue(pli__index *x, int64_t id, int64_t waiting, pli__str first, pli_error *err) {
    sqlite3_stmt *s = NULL;
    PLI_TRY(pli__index_statement_of(x, PLI__SQL_FOLDER_QUEUE, &s, err));
    sqlite3_bind_int64(s, 1, id);
    sqlite3_bind_int64(s, 2, waiting);
    pli__index_bind_str(s, 3, first);
    return pli__index_done(x, s, err);
}

pli_status pli__index_folder_waiting(pli__index *x, int64_t id, int64_t delta, pli__str name, pli_error *err) {
    sqlite3_stmt *s = NULL;
    PLI_TRY(pli__index_statement_of(x, delta > 0 ? PLI__SQL_FOLDER_MORE : PLI__SQL_FOLDER_FEWER, &s, err));
    sqlite3_bind_int64(s, 1, id);
    sqlite3_bind_int64(s, 2, delta);
    if (delta > 0) pli__index_bind_str(s, 3, name);
    return pli__index_done(x, s, err);
}

static pli_status each_folder(pli__index *x, sqlite3_stmt *s, pli__index_folder_fn *fn, void *arg, pli_error *err) {
    PLI_AUTO(pli__index_reset) sqlite3_stmt *running = s;
    for (bool row = false;;) {
        PLI_TRY(pli__index_step(x, running, &row, err));
        if (!row) return PLI_OK;
        const pli__index_folder f = folder_of(running);
        PLI_TRY(fn(arg, &f, err));
    }
}

pli_status pli__index_subfolders(pli__index *x, int64_t parent, pli__index_folder_fn *fn, void *arg, pli_error *err) {
    sqlite3_stmt *s = NULL;
    PLI_TRY(pli__index_statement_of(x, PLI__SQL_FOLDER_CHILDREN, &s, err));
    sqlite3_bind_int64(s, 1, parent);
    return each_folder(x, s, fn, arg, err);
}

pli_status pli__index_waiting_folders(pli__index *x, pli__index_folder_fn *fn, void *arg, pli_error *err) {
    sqlite3_stmt *s = NULL;
    PLI_TRY(pli__index_statement_of(x, PLI__SQL_FOLDER_WAITING, &s, err));
    return each_folder(x, s, fn, arg, err);
}

pli_status pli__index_folder_path(pli__index *x, int64_t id, pli__buf *out, pli_error *err) {
    PLI_AUTO(pli__index_reset) sqlite3_stmt *s = NULL;
    PLI_TRY(pli__index_statement_of(x, PLI__SQL_FOLDER_PATH, &s, err));
    sqlite3_bind_int64(s, 1, id);
    bool row = false;
    PLI_TRY(pli__index_step(x, s, &row, err));
    if (!row) return pli__error_set(err, PLI_E_CORRUPT, "the file index lacks a folder");
    pli__buf_adds(out, pli__index_str(s, 0));
    return pli__buf_status(out, err);
}

pli_status pli__index_forget_marks(pli__index *x, pli_error *err) {
    return pli__index_exec(x, "UPDATE folder SET parent=0,device=NULL", err);
}

pli_status pli__index_forget_queue(pli__index *x, pli_error *err) {
    /* What waits after an overwrite was known before: back there with a signature that no file has, it is found again. */
    return pli__index_exec(
        x,
        "UPDATE file SET batch=prev,prev=NULL,size=-1,mtime=-1 WHERE batch IN(-1,-3) AND prev IS NOT NULL;"
        "DELETE FROM file WHERE batch IN(-1,-3);"
        "UPDATE folder SET parent=0,device=NULL,waiting=0,first=''",
        err);
}

/* ---- files ---- */

pli_status pli__index_file_get(pli__index *x, int64_t folder, pli__str name, bool *found, pli__index_file *out,
                               pli_error *err) {
    sqlite3_stmt *s = NULL;
    PLI_TRY(pli__index_statement_of(x, PLI__SQL_FILE_GET, &s, err));
    sqlite3_bind_int64(s, 1, folder);
    pli__index_bind_str(s, 2, name);
    PLI_TRY(pli__index_step(x, s, found, err));
    if (*found) *out = file_of(s, 0);
    return PLI_OK;
}

static void bind_file(sqlite3_stmt *s, const pli__index_file *f) {
    sqlite3_bind_int64(s, 1, f->folder);
    pli__index_bind_str(s, 2, f->name);
    pli__index_bind_i64(s, 3, f->size);
    pli__index_bind_i64(s, 4, f->mtime_ns);
    sqlite3_bind_int64(s, 5, f->batch);
}

pli_status pli__index_file_put(pli__index *x, const pli__index_file *f, pli_error *err) {
    sqlite3_stmt *s = NULL;
    PLI_TRY(pli__index_statement_of(x, PLI__SQL_FILE_PUT, &s, err));
    bind_file(s, f);
    pli__index_bind_i64(s, 6, f->found_ms);
    pli__index_bind_i64(s, 7, f->prev);
    return pli__index_done(x, s, err);
}

pli_status pli__index_file_take(pli__index *x, const pli__index_file *f, bool *was_waiting, pli_error *err) {
    sqlite3_stmt *s = NULL;
    PLI_TRY(pli__index_statement_of(x, PLI__SQL_FILE_TAKE_WAITING, &s, err));
    bind_file(s, f);
    PLI_TRY(pli__index_done(x, s, err));
    *was_waiting = sqlite3_changes(x->db) > 0;
    if (*was_waiting) return PLI_OK;
    PLI_TRY(pli__index_statement_of(x, PLI__SQL_FILE_TAKE, &s, err));
    bind_file(s, f);
    pli__index_bind_i64(s, 6, f->found_ms);
    return pli__index_done(x, s, err);
}

pli_status pli__index_file_remove(pli__index *x, int64_t folder, pli__str name, pli_error *err) {
    sqlite3_stmt *s = NULL;
    PLI_TRY(pli__index_statement_of(x, PLI__SQL_FILE_REMOVE, &s, err));
    sqlite3_bind_int64(s, 1, folder);
    pli__index_bind_str(s, 2, name);
    return pli__index_done(x, s, err);
}

static pli_status each_file(pli__index *x, sqlite3_stmt *s, pli__index_file_fn *fn, void *arg, pli_error *err) {
    PLI_AUTO(pli__index_reset) sqlite3_stmt *running = s;
    for (bool row = false;;) {
        PLI_TRY(pli__index_step(x, running, &row, err));
        if (!row) return PLI_OK;
        const pli__index_file f = file_of(running, 0);
        PLI_TRY(fn(arg, &f, err));
    }
}

pli_status pli__index_files(pli__index *x, int64_t folder, pli__str from, pli__index_file_fn *fn, void *arg,
                            pli_error *err) {
    sqlite3_stmt *s = NULL;
    PLI_TRY(pli__index_statement_of(x, PLI__SQL_FILES, &s, err));
    sqlite3_bind_int64(s, 1, folder);
    pli__index_bind_str(s, 2, from);
    return each_file(x, s, fn, arg, err);
}

pli_status pli__index_names(pli__index *x, int64_t folder, pli__index_file_fn *fn, void *arg, pli_error *err) {
    PLI_AUTO(pli__index_reset) sqlite3_stmt *s = NULL;
    PLI_TRY(pli__index_statement_of(x, PLI__SQL_NAMES, &s, err));
    sqlite3_bind_int64(s, 1, folder);
    for (int rc; (rc = sqlite3_step(s)) != SQLITE_DONE;) {
        if (rc != SQLITE_ROW) return pli__index_error(x, "read", err);
        const pli__index_file f = {.folder = folder, .name = pli__index_str(s, 0)};
        PLI_TRY(fn(arg, &f, err));
    }
    return PLI_OK;
}

pli_status pli__index_waiting(pli__index *x, int64_t folder, pli__str from, int64_t limit, pli__index_file_fn *fn,
                              void *arg, pli_error *err) {
    sqlite3_stmt *s = NULL;
    PLI_TRY(pli__index_statement_of(x, PLI__SQL_WAITING, &s, err));
    sqlite3_bind_int64(s, 1, folder);
    pli__index_bind_str(s, 2, from);
    sqlite3_bind_int64(s, 3, limit);
    return each_file(x, s, fn, arg, err);
}

/* Indexes that only some options need are made when they are first used. */
static pli_status optional_index(pli__index *x, bool *made, const char *sql, pli_error *err) {
    if (*made) return PLI_OK;
    PLI_TRY(pli__index_exec(x, sql, err));
    *made = true;
    return PLI_OK;
}

pli_status pli__index_waiting_by_time(pli__index *x, bool newest_first, pli__index_file_fn *fn, void *arg,
                                      pli_error *err) {
    PLI_TRY(optional_index(x, &x->by_time,
                           "CREATE INDEX IF NOT EXISTS file_time ON file(mtime,folder,name) WHERE batch=-1", err));
    sqlite3_stmt *s = NULL;
    PLI_TRY(pli__index_statement_of(x, newest_first ? PLI__SQL_NEWEST : PLI__SQL_OLDEST, &s, err));
    return each_file(x, s, fn, arg, err);
}

pli_status pli__index_held(pli__index *x, int64_t limit, pli__index_file_fn *fn, void *arg, pli_error *err) {
    sqlite3_stmt *s = NULL;
    PLI_TRY(pli__index_statement_of(x, PLI__SQL_HELD, &s, err));
    sqlite3_bind_int64(s, 1, limit);
    return each_file(x, s, fn, arg, err);
}

pli_status pli__index_name_known(pli__index *x, pli__str name, bool *out, pli_error *err) {
    PLI_TRY(optional_index(x, &x->by_name, "CREATE INDEX IF NOT EXISTS file_name ON file(name)", err));
    PLI_AUTO(pli__index_reset) sqlite3_stmt *s = NULL;
    PLI_TRY(pli__index_statement_of(x, PLI__SQL_NAME_KNOWN, &s, err));
    pli__index_bind_str(s, 1, name);
    return pli__index_step(x, s, out, err);
}

pli_status pli__index_files_of(pli__index *x, int64_t batch, pli__index_path_fn *fn, void *arg, pli_error *err) {
    PLI_AUTO(pli__index_reset) sqlite3_stmt *s = NULL;
    PLI_TRY(pli__index_statement_of(x, PLI__SQL_OF_BATCH, &s, err));
    sqlite3_bind_int64(s, 1, batch);
    for (bool row = false;;) {
        PLI_TRY(pli__index_step(x, s, &row, err));
        if (!row) return PLI_OK;
        const pli__index_file f = file_of(s, 1);
        PLI_TRY(fn(arg, pli__index_str(s, 0), &f, err));
    }
}

pli_status pli__index_newest(pli__index *x, int64_t *out, pli_error *err) {
    PLI_AUTO(pli__index_reset) sqlite3_stmt *s = NULL;
    PLI_TRY(pli__index_statement_of(x, PLI__SQL_MAX_TIME, &s, err));
    bool row = false;
    PLI_TRY(pli__index_step(x, s, &row, err));
    *out = row ? pli__index_i64(s, 0) : INT64_MIN;
    return PLI_OK;
}

pli_status pli__index_count(pli__index *x, int64_t batch, int64_t *out, pli_error *err) {
    PLI_AUTO(pli__index_reset) sqlite3_stmt *s = NULL;
    PLI_TRY(pli__index_statement_of(x, batch == 0 ? PLI__SQL_COUNT_TAKEN : PLI__SQL_COUNT, &s, err));
    if (batch != 0) sqlite3_bind_int64(s, 1, batch);
    bool row = false;
    PLI_TRY(pli__index_step(x, s, &row, err));
    *out = row ? sqlite3_column_int64(s, 0) : 0;
    return PLI_OK;
}
