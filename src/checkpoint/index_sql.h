/* Inside the index: the handle, its statements, and the one place where SQLite's errors are translated. */
#ifndef PLI_CHECKPOINT_INDEX_SQL_H
#define PLI_CHECKPOINT_INDEX_SQL_H

#include <sqlite3.h>

#include "checkpoint/index.h"

/* X(name, SQL): prepared on first use. The state codes of index.h stand here as numbers: -1 waiting, -2 seen, -3 held. */
#define PLI__INDEX_STATEMENTS(X)                                                                                         \
    X(META_GET, "SELECT value FROM meta WHERE key=?1")                                                                   \
    X(META_SET, "INSERT OR REPLACE INTO meta VALUES(?1,?2)")                                                             \
    X(FOLDER_ADD, "INSERT INTO folder(path) VALUES(?1)")                                                                 \
    X(FOLDER_GET, "SELECT " PLI__FOLDER_COLUMNS " FROM folder WHERE path=?1")                                            \
    X(FOLDER_PATH, "SELECT path FROM folder WHERE id=?1")                                                                \
    X(FOLDER_CHILDREN, "SELECT " PLI__FOLDER_COLUMNS " FROM folder WHERE parent=?1 ORDER BY path")                       \
    X(FOLDER_WAITING, "SELECT " PLI__FOLDER_COLUMNS " FROM folder WHERE waiting>0")                                      \
    X(FOLDER_MARK, "UPDATE folder SET parent=?2,device=?3,inode=?4,mtime=?5,ctime=?6 WHERE id=?1")                       \
    X(FOLDER_QUEUE, "UPDATE folder SET waiting=?2,first=?3 WHERE id=?1")                                                 \
    X(FOLDER_MORE,                                                                                                       \
      "UPDATE folder SET waiting=waiting+?2,first=CASE WHEN waiting>0 AND first<=?3 THEN first ELSE ?3 END WHERE id=?1") \
    X(FOLDER_FEWER, "UPDATE folder SET waiting=max(0,waiting+?2) WHERE id=?1")                                           \
    X(FILE_GET, "SELECT " PLI__FILE_COLUMNS " FROM file WHERE folder=?1 AND name=?2")                                    \
    X(FILE_PUT, "INSERT OR REPLACE INTO file(folder,name,size,mtime,batch,found,prev) VALUES(?1,?2,?3,?4,?5,?6,?7)")     \
    X(FILE_TAKE_WAITING,                                                                                                 \
      "UPDATE file SET size=?3,mtime=?4,batch=?5,prev=NULL WHERE folder=?1 AND name=?2 AND batch=-1")                    \
    X(FILE_TAKE,                                                                                                         \
      "INSERT INTO file(folder,name,size,mtime,batch,found) VALUES(?1,?2,?3,?4,?5,?6) ON CONFLICT(folder,name)"          \
      " DO UPDATE SET size=?3,mtime=?4,batch=?5,prev=NULL")                                                              \
    X(FILE_REMOVE, "DELETE FROM file WHERE folder=?1 AND name=?2")                                                       \
    X(FILES, "SELECT " PLI__FILE_COLUMNS " FROM file WHERE folder=?1 AND name>=?2 ORDER BY name")                        \
    X(NAMES, "SELECT name FROM file WHERE folder=?1 ORDER BY name")                                                      \
    X(WAITING,                                                                                                           \
      "SELECT " PLI__FILE_COLUMNS " FROM file WHERE folder=?1 AND name>=?2 AND batch=-1 ORDER BY name LIMIT ?3")         \
    X(OLDEST, "SELECT " PLI__FILE_COLUMNS " FROM file WHERE batch=-1 ORDER BY mtime,folder,name")                        \
    X(NEWEST, "SELECT " PLI__FILE_COLUMNS " FROM file WHERE batch=-1 ORDER BY mtime DESC,folder DESC,name DESC")         \
    X(HELD, "SELECT " PLI__FILE_COLUMNS " FROM file WHERE batch=-3 ORDER BY mtime DESC LIMIT ?1")                        \
    X(NAME_KNOWN, "SELECT 1 FROM file WHERE name=?1 AND (batch>=0 OR batch=-2) LIMIT 1")                                 \
    X(OF_BATCH,                                                                                                          \
      "SELECT path,name,folder,size,file.mtime,batch,found,prev FROM file JOIN folder ON id=folder WHERE batch=?1"       \
      " ORDER BY path,name")                                                                                             \
    X(MAX_TIME, "SELECT max(mtime) FROM file")                                                                           \
    X(COUNT, "SELECT count(*) FROM file WHERE batch=?1")                                                                 \
    X(COUNT_TAKEN, "SELECT count(*) FROM file WHERE batch>=0")

#define PLI__FOLDER_COLUMNS "id,path,parent,device,inode,mtime,ctime,waiting,first"
#define PLI__FILE_COLUMNS "name,folder,size,mtime,batch,found,prev"

typedef enum pli__index_statement {
#define X(name, sql) PLI__SQL_##name,
    PLI__INDEX_STATEMENTS(X)
#undef X
        PLI__SQL_COUNT_OF
} pli__index_statement;

struct pli__index {
    sqlite3 *db;
    bool in_transaction;
    bool by_name, by_time; /* the optional indexes are there */
    int64_t folder_id;     /* the folder asked for last, 0 = none */
    pli__buf folder_path;
    sqlite3_stmt *statements[PLI__SQL_COUNT_OF];
};

/** SQLite's present error as ours: damage is CORRUPT_RECORD, a full disk DISK_FULL, busy LOCKED. */
pli_status pli__index_error(pli__index *x, const char *what, pli_error *err);
/** The statement, reset and without bindings. */
pli_status pli__index_statement_of(pli__index *x, pli__index_statement which, sqlite3_stmt **out, pli_error *err);
/** *row = true: a row is there; false: done, and the statement is reset. */
pli_status pli__index_step(pli__index *x, sqlite3_stmt *s, bool *row, pli_error *err);
/** Run a statement that gives no rows. */
pli_status pli__index_done(pli__index *x, sqlite3_stmt *s, pli_error *err);
pli_status pli__index_exec(pli__index *x, const char *sql, pli_error *err);
void pli__index_bind_str(sqlite3_stmt *s, int at, pli__str text); /**< borrowed until the statement is reset */
void pli__index_bind_i64(sqlite3_stmt *s, int at, int64_t value); /**< PLI__INDEX_UNKNOWN is NULL */
pli__str pli__index_str(sqlite3_stmt *s, int column);
int64_t pli__index_i64(sqlite3_stmt *s, int column); /**< NULL is PLI__INDEX_UNKNOWN */
void pli__index_reset(sqlite3_stmt **s);             /**< for PLI_AUTO */

#endif
