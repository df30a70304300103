/* The inside of a statistics plan, shared by stats_write.c (rendering) and stats_gaps.c (look-ups). */
#ifndef PLI_DELTA_STATS_PLAN_H
#define PLI_DELTA_STATS_PLAN_H

#include "base/arena.h"
#include "base/map.h"
#include "delta/stats_write.h"

typedef struct pli__stat_node {
    pli__str name;
    const pli__type *type; /**< NULL for the root */
    bool indexed;          /**< leaf that gets statistics; lists and maps are leaves */
    size_t index;          /**< among the indexed leaves */
    int64_t column_id;     /**< first Parquet leaf at or below it */
    pli__str engine_key;   /**< key of that leaf in the engine's report */
    pli__str sql;          /**< the column as a SQL expression */
    size_t n_children;
    struct pli__stat_node *children;
} pli__stat_node;

struct pli__stats_plan {
    pli__arena arena;
    pli__stat_node root;
    size_t n_leaves; /**< indexed ones */
    size_t prefix_length;
};

/** What was looked up for one indexed leaf. */
typedef struct pli__stats_gap {
    int64_t nulls; /**< -1 = not looked up */
    pli__str min, max;
    bool has_nan;
} pli__stats_gap;

typedef struct pli__stats_file {
    const pli__stats_plan *plan;
    const pli__written_file *file;
    pli__map *columns;    /**< engine key -> const pli__written_column * */
    pli__arena *arena;    /**< for texts of gaps */
    pli__stats_gap *gaps; /**< one per indexed leaf */
} pli__stats_file;

/** Allocate and fill f->gaps. */
pli_status pli__stats_fill_gaps(pli__stats_file *f, pli__engine *engine, const char *local_path, pli_error *err);

#endif
