/*
 * The names of one listed folder, held against the index: what the index has is taken out, what is left is new. Names are
 * collected as one text and compared by eight bytes of them; a million cost a sort and one pass over the index.
 */
#ifndef PLI_SOURCE_SOURCE_FILES_NAMES_H
#define PLI_SOURCE_SOURCE_FILES_NAMES_H

#include "source/source_files_rows.h"

typedef struct listed_name {
    uint64_t key; /* for sorting: the eight bytes behind the common prefix */
    uint32_t at, len;
} listed_name;

/** Zero-initialise. */
typedef struct files_names {
    char *text; /* names, one behind the other */
    size_t text_len, text_cap;
    listed_name *items;
    size_t n, cap;
    size_t common;     /* sorted: bytes that all of them begin with … */
    size_t common_end; /* … and end with, not more than are behind `common` */
} files_names;

void pli__names_clear(files_names *l);
/** Empty, but with its memory. */
void pli__names_reset(files_names *l);
pli_status pli__names_add(files_names *l, pli__str name, pli_error *err);
/** So many that they should be dealt with before more are added. */
bool pli__names_are_many(const files_names *l);
pli__str pli__names_at(const files_names *l, size_t i);
/** Ascending, by bytes. */
pli_status pli__names_sort(files_names *l, pli_error *err);
/** Take out, of sorted names, those that the index has in a folder. @param known gets their rows; NULL = not wanted */
pli_status pli__names_drop_known(files_names *l, pli__index *x, int64_t folder, files_rows *known, pli_error *err);

#endif
