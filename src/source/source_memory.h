/*
 * A source in memory, for tests: named "files" whose rows are SQL. Plans follow the checkpoint's offsets alone, files
 * in byte order of their names; changes and losses can be planted.
 */
#ifndef PLI_SOURCE_SOURCE_MEMORY_H
#define PLI_SOURCE_SOURCE_MEMORY_H

#include "source/source.h"

pli_status pli__source_memory_new(pli__source **out, pli_error *err);
/** Add a file. @param sql SELECT of its rows @param schema their columns (a new reference is taken), may be NULL */
pli_status pli__source_memory_add(pli__source *s, const char *path, const char *sql, const pli__type *schema,
                                  pli_error *err);
/** The file is overwritten: its mtime changes. */
void pli__source_memory_touch(pli__source *s, const char *path);
/** The file is gone. */
void pli__source_memory_remove(pli__source *s, const char *path);
/** Reading the file fails with BAD_DATA. */
void pli__source_memory_break(pli__source *s, const char *path);
void pli__source_memory_limit(pli__source *s, int64_t max_files);
/** Calls of `committed` so far. */
int64_t pli__source_memory_commits(const pli__source *s);

#endif
