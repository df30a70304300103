/*
 * add.stats as Spark writes it (PROTOCOL.md, "Per-file Statistics"), made from what the engine says about a file it
 * wrote, without reading the file again.
 *
 * A plan is made once per table schema: which leaf columns are indexed (the first 32, `delta.dataSkippingNumIndexedCols`,
 * `delta.dataSkippingStatsColumns`, beside them the columns by which the table is clustered), under which physical names. It then renders any number of files.
 */
#ifndef PLI_DELTA_STATS_WRITE_H
#define PLI_DELTA_STATS_WRITE_H

#include "delta/action.h"
#include "engine/engine.h"

typedef struct pli__stats_plan pli__stats_plan;

/** What the files hold. */
typedef struct pli__stats_columns {
    const pli__type
        *physical; /**< columns of the files, physical names, in their order; borrowed for the life of the plan */
    const pli__type *logical;  /**< the same under logical names (for the property that names columns) */
    size_t n_always;
    const pli__str *always; /**< those that get statistics wherever they stand, as pli__clustering_paths gives them */
} pli__stats_columns;
pli_status pli__stats_plan_new(const pli__stats_columns *columns, const pli__metadata *metadata, pli__stats_plan **out,
                               pli_error *err);
void pli__stats_plan_free(pli__stats_plan *p);
void pli__stats_plan_auto(pli__stats_plan **p);

/** JSON text for one file. What the engine's numbers leave open (not a number in several row groups, how many lists are
 *  null) is looked up in the file's footer or, for small files, in the file, if an engine is given.
 *  @param engine may be NULL @param local_path of the file */
pli_status pli__stats_write(const pli__stats_plan *p, const pli__written_file *file, pli__engine *engine,
                            const char *local_path, pli__buf *out, pli_error *err);

/* ---- single bounds (delta/stats_bounds.c); false: leave the bound out ---- */

/** At most prefix_length UTF-16 units, but no half of a surrogate pair. */
bool pli__stats_string_min(pli__str value, size_t prefix_length, pli__buf *out);
/** A prefix and a tie breaker, so that the bound sorts at or after the value in byte order. */
bool pli__stats_string_max(pli__str value, size_t prefix_length, pli__buf *out);
/** Cut down to milliseconds, "2023-06-15T12:30:00.000" and "Z" if zoned. */
bool pli__stats_time(int64_t us, bool zoned, pli__buf *out);
/** Any bound, from the engine's text to JSON. */
bool pli__stats_bound(const pli__type *type, pli__str text, bool is_max, size_t prefix_length, pli__buf *out);

#endif
