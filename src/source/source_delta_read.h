/* What reading a batch of the Delta source is made of: its files, and groups of them that have one schema. */
#ifndef PLI_SOURCE_SOURCE_DELTA_READ_H
#define PLI_SOURCE_SOURCE_DELTA_READ_H

#include "base/map.h"
#include "delta/changes.h"
#include "delta/relation.h"
#include "source/source_delta_impl.h"

/** A file of the batch. */
typedef struct delta_input {
    const char *path; /**< borrowed from the offset */
    int64_t version;  /**< of the commit that brought it, -1 = unknown */
    int64_t size, mtime_ns; /**< as it is now */
    bool gone;
} delta_input;

/** Files that are read with one schema. */
typedef struct delta_group {
    pli__snapshot *snapshot;
    pli__mapping *mapping;
    pli__file_relation *rows;
    pli__changes *changes; /**< in place of rows: a range of the feed */
    size_t first, n;       /**< inputs */
} delta_group;

/** What the SQL refers to: freed with the relation. */
typedef struct delta_groups {
    delta_group *items;
    size_t n, cap;
} delta_groups;

typedef struct delta_read {
    delta_source *s;
    const json_t *offset;
    int64_t version;
    bool initial;
    delta_input *inputs; /**< in the order of the batch */
    size_t n;
    json_t *gaps;
    delta_groups *groups;
    pli__rows **sets; /**< deletion vectors, until the SQL is written */
    size_t n_sets, cap_sets;
} delta_read;

void delta_groups_free(void *groups);
/** Add a group with the schema of a version, unless the last group has the same schema. @param feed add the columns of the change feed */
pli_status pli__delta_group_at(delta_read *r, int64_t version, bool feed, delta_group **out, pli_error *err);
/** Add a data file to a group. @param change_type NULL unless the feed is read */
pli_status pli__delta_group_add(delta_read *r, delta_group *g, const pli__file_relation_file *f, const pli__dv *dv,
                                pli_error *err);
/** Do two snapshots read their files alike? */
bool pli__delta_same_schema(const pli__snapshot *a, const pli__snapshot *b);

pli_status pli__delta_read_snapshot(delta_read *r, pli_error *err); /**< pages of the initial snapshot */
pli_status pli__delta_read_commits(delta_read *r, pli_error *err);  /**< added files */
pli_status pli__delta_read_feed(delta_read *r, pli_error *err);     /**< change rows */

#endif
