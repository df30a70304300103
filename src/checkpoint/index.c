/*
 * Opening the file index, its transactions and its small values. The file is a cache: what cannot be used as it is
 * (absent, damaged, another version) is replaced by an empty one, never repaired.
 */
#include "checkpoint/index.h"

#include <stdlib.h>

#include "checkpoint/index_sql.h"
#include "port/fs.h"

#define INDEX_VERSION 1
#define BUSY_MS 5000
#define CHECKPOINT_PAGES 4000 /* the write-ahead log is folded in about every 16 MB */

static const char *const statement_texts[] = {
#define X(name, sql) sql,
    PLI__INDEX_STATEMENTS(X)
#undef X
};

static const char *const schema_text =
    "PRAGMA page_size=4096; PRAGMA journal_mode=WAL;"
    "BEGIN IMMEDIATE;"
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;"
    "CREATE TABLE folder(id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, parent INTEGER NOT NULL DEFAULT 0, device INTEGER,"
    " inode INTEGER, mtime INTEGER, ctime INTEGER, waiting INTEGER NOT NULL DEFAULT 0, first TEXT NOT NULL DEFAULT '');"
    "CREATE INDEX folder_parent ON folder(parent);"
    "CREATE TABLE file(folder INTEGER NOT NULL, name TEXT NOT NULL, size INTEGER, mtime INTEGER, batch INTEGER NOT NULL,"
    " found INTEGER, prev INTEGER, PRIMARY KEY(folder,name)) WITHOUT ROWID;"
    "CREATE INDEX file_held ON file(mtime) WHERE batch=-3;"
    "PRAGMA user_version=1;"
    "COMMIT;";

pli_status pli__index_error(pli__index *x, const char *what, pli_error *err) {
    int code = sqlite3_errcode(x->db) & 0xff;
    pli_status status = PLI_E_IO;
    if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB) status = PLI_E_CORRUPT;
    else if (code == SQLITE_FULL) status = PLI_E_DISK_FULL;
    else if (code == SQLITE_BUSY || code == SQLITE_LOCKED) status = PLI_E_LOCKED;
    else if (code == SQLITE_NOMEM) return pli__error_memory(err);
    else if (code == SQLITE_READONLY || code == SQLITE_PERM || code == SQLITE_AUTH) status = PLI_E_ACCESS;
    pli__error_set(err, status, "could not %s the file index: %s", what, sqlite3_errmsg(x->db));
    if (err) err->native_code = code;
    if (status == PLI_E_LOCKED || status == PLI_E_DISK_FULL) pli__error_flag(err, PLI_ERR_RETRIABLE);
    return status;
}

pli_status pli__index_statement_of(pli__index *x, pli__index_statement which, sqlite3_stmt **out, pli_error *err) {
    sqlite3_stmt **s = &x->statements[which];
    if (*s) sqlite3_reset(*s);
    else if (sqlite3_prepare_v3(x->db, statement_texts[which], -1, SQLITE_PREPARE_PERSISTENT, s, NULL) != SQLITE_OK)
        return pli__index_error(x, "query", err);
    *out = *s;
    return PLI_OK;
}

pli_status pli__index_step(pli__index *x, sqlite3_stmt *s, bool *row, pli_error *err) {
    int rc = sqlite3_step(s);
    *row = rc == SQLITE_ROW;
    if (rc == SQLITE_ROW) return PLI_OK;
    pli_status status = rc == SQLITE_DONE ? PLI_OK : pli__index_error(x, "read", err);
    sqlite3_reset(s);
    return status;
}

pli_status pli__index_done(pli__index *x, sqlite3_stmt *s, pli_error *err) {
    pli_status status = sqlite3_step(s) == SQLITE_DONE ? PLI_OK : pli__index_error(x, "change", err);
    sqlite3_reset(s);
    return status;
}

pli_status pli__index_exec(pli__index *x, const char *sql, pli_error *err) {
    return sqlite3_exec(x->db, sql, NULL, NULL, NULL) == SQLITE_OK ? PLI_OK : pli__index_error(x, "change", err);
}

void pli__index_bind_str(sqlite3_stmt *s, int at, pli__str text) {
    sqlite3_bind_text64(s, at, text.ptr ? text.ptr : "", text.len, SQLITE_STATIC, SQLITE_UTF8);
}

void pli__index_bind_i64(sqlite3_stmt *s, int at, int64_t value) {
    if (value == PLI__INDEX_UNKNOWN) sqlite3_bind_null(s, at);
    else sqlite3_bind_int64(s, at, value);
}

pli__str pli__index_str(sqlite3_stmt *s, int column) {
    const char *text = (const char *)sqlite3_column_text(s, column);
    return (pli__str){text ? text : "", (size_t)sqlite3_column_bytes(s, column)};
}

int64_t pli__index_i64(sqlite3_stmt *s, int column) {
    return sqlite3_column_type(s, column) == SQLITE_NULL ? PLI__INDEX_UNKNOWN : sqlite3_column_int64(s, column);
}

void pli__index_reset(sqlite3_stmt **s) {
    if (*s) sqlite3_reset(*s);
}

/* ---- opening ---- */

static pli_status open_database(pli__index *x, const char *path, int flags, pli_error *err) {
    int rc = sqlite3_open_v2(path ? path : ":memory:", &x->db, flags | SQLITE_OPEN_NOMUTEX, NULL);
    if (!x->db) return pli__error_memory(err);
    if (rc != SQLITE_OK) return pli__index_error(x, "open", err);
    sqlite3_busy_timeout(x->db, BUSY_MS);
    sqlite3_wal_autocheckpoint(x->db, CHECKPOINT_PAGES);
    return pli__index_exec(x, "PRAGMA synchronous=NORMAL; PRAGMA cache_size=-8192", err);
}

/* Version of the schema, 0 for an empty file. */
static pli_status read_version(pli__index *x, int64_t *out, pli_error *err) {
    sqlite3_stmt *s = NULL;
    if (sqlite3_prepare_v2(x->db, "PRAGMA user_version", -1, &s, NULL) != SQLITE_OK)
        return pli__index_error(x, "read", err);
    bool row = sqlite3_step(s) == SQLITE_ROW;
    if (row) *out = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    return row ? PLI_OK : pli__index_error(x, "read", err);
}

static pli_status try_open(const char *path, int flags, pli__index **out, pli_error *err) {
    PLI_AUTO(pli__index_auto) pli__index *x = calloc(1, sizeof *x);
    if (!x) return pli__error_memory(err);
    PLI_TRY(open_database(x, path, flags, err));
    int64_t version = 0;
    PLI_TRY(read_version(x, &version, err));
    if (version == 0 && (flags & SQLITE_OPEN_CREATE)) {
        PLI_TRY(pli__index_exec(x, schema_text, err));
    } else if (version != INDEX_VERSION) {
        return pli__error_set(err, PLI_E_CORRUPT, "the file index '%s' has another version", path);
    }
    *out = PLI_TAKE(x);
    return PLI_OK;
}

static pli_status remove_files(const char *path, pli_error *err) {
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        PLI_AUTO(pli__buf_clear) pli__buf name = {0};
        pli__buf_addf(&name, "%s%s", path, suffixes[i]);
        PLI_TRY(pli__buf_status(&name, err));
        PLI_TRY(pli__fs_unlink(name.ptr, true, err));
    }
    return PLI_OK;
}

pli_status pli__index_open(const char *path, bool read_only, pli__index **out, pli_error *err) {
    *out = NULL;
    if (!path) return try_open(NULL, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, out, err);
    if (read_only) {
        pli_status status = try_open(path, SQLITE_OPEN_READWRITE, out, err);
        if (status == PLI_OK || status == PLI_E_MEMORY) return status;
        return pli__error_set(err, PLI_E_NOT_FOUND, "there is no file index '%s' that can be used", path);
    }
    pli_status status = try_open(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, out, err);
    if (status != PLI_E_CORRUPT) return status;
    PLI_TRY(remove_files(path, err));
    pli__error_clear(err);
    return try_open(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, out, err);
}

void pli__index_close(pli__index *x) {
    if (!x) return;
    pli__index_rollback(x);
    for (size_t i = 0; i < PLI__SQL_COUNT_OF; i++) sqlite3_finalize(x->statements[i]);
    sqlite3_close(x->db);
    pli__buf_clear(&x->folder_path);
    free(x);
}

void pli__index_auto(pli__index **x) { pli__index_close(*x); }

pli_status pli__index_clear(pli__index *x, pli_error *err) {
    x->folder_id = 0;
    return pli__index_exec(x, "DELETE FROM file; DELETE FROM folder; DELETE FROM meta", err);
}

/* ---- transactions ---- */

/* A read that was not finished would pin an old view of the file. */
static void reset_statements(pli__index *x) {
    for (size_t i = 0; i < PLI__SQL_COUNT_OF; i++)
        if (x->statements[i]) sqlite3_reset(x->statements[i]);
}

pli_status pli__index_begin(pli__index *x, pli_error *err) {
    reset_statements(x);
    if (x->in_transaction) return pli__error_set(err, PLI_E_STATE, "the file index is in a transaction already");
    PLI_TRY(pli__index_exec(x, "BEGIN IMMEDIATE", err));
    x->in_transaction = true;
    return PLI_OK;
}

pli_status pli__index_commit(pli__index *x, pli_error *err) {
    reset_statements(x);
    pli_status status = pli__index_exec(x, "COMMIT", err);
    if (status != PLI_OK) {
        pli__index_rollback(x);
        return status;
    }
    x->in_transaction = false;
    return PLI_OK;
}

void pli__index_rollback(pli__index *x) {
    if (!x->in_transaction) return;
    reset_statements(x);
    sqlite3_exec(x->db, "ROLLBACK", NULL, NULL, NULL);
    x->in_transaction = false;
    x->folder_id = 0;
    x->by_name = x->by_time = false;
}

bool pli__index_in_transaction(const pli__index *x) { return x && x->in_transaction; }

/* ---- small values ---- */

pli_status pli__index_get_i64(pli__index *x, const char *key, int64_t absent, int64_t *out, pli_error *err) {
    PLI_AUTO(pli__index_reset) sqlite3_stmt *s = NULL;
    PLI_TRY(pli__index_statement_of(x, PLI__SQL_META_GET, &s, err));
    pli__index_bind_str(s, 1, pli__str_of(key));
    bool row = false;
    PLI_TRY(pli__index_step(x, s, &row, err));
    *out = row && sqlite3_column_type(s, 0) == SQLITE_INTEGER ? sqlite3_column_int64(s, 0) : absent;
    return PLI_OK;
}

pli_status pli__index_set_i64(pli__index *x, const char *key, int64_t value, pli_error *err) {
    sqlite3_stmt *s = NULL;
    PLI_TRY(pli__index_statement_of(x, PLI__SQL_META_SET, &s, err));
    pli__index_bind_str(s, 1, pli__str_of(key));
    pli__index_bind_i64(s, 2, value);
    return pli__index_done(x, s, err);
}

pli_status pli__index_text_is(pli__index *x, const char *key, pli__str text, bool *out, pli_error *err) {
    PLI_AUTO(pli__index_reset) sqlite3_stmt *s = NULL;
    PLI_TRY(pli__index_statement_of(x, PLI__SQL_META_GET, &s, err));
    pli__index_bind_str(s, 1, pli__str_of(key));
    bool row = false;
    PLI_TRY(pli__index_step(x, s, &row, err));
    *out = row && sqlite3_column_type(s, 0) == SQLITE_TEXT && pli__str_eq(pli__index_str(s, 0), text);
    return PLI_OK;
}

pli_status pli__index_set_text(pli__index *x, const char *key, pli__str text, pli_error *err) {
    sqlite3_stmt *s = NULL;
    PLI_TRY(pli__index_statement_of(x, PLI__SQL_META_SET, &s, err));
    pli__index_bind_str(s, 1, pli__str_of(key));
    pli__index_bind_str(s, 2, text);
    return pli__index_done(x, s, err);
}
