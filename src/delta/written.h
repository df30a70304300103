/* What a write has produced: files under their final names, with their add actions. */
#ifndef PLI_DELTA_WRITTEN_H
#define PLI_DELTA_WRITTEN_H

#include "base/map.h"
#include "delta/write_plan.h"

/** Values of one simple top-level column in all files. */
typedef struct pli__value_count {
    const char *column; /**< logical name; in the arena */
    int64_t values;     /**< -1 = not told */
} pli__value_count;

struct pli__written {
    pli__arena arena;
    size_t n, cap;
    pli__add *files;
    int64_t rows, bytes;
    size_t n_counts;
    pli__value_count *counts; /**< made with the first file */
};

/** Everything that placing a file needs. */
typedef struct pli__placer {
    const pli__write_plan *plan;
    pli__written *out;
    pli__engine *engine;
    const char *root;      /**< of the table */
    const char *sub_dir;   /**< NULL = top */
    const char *prefix;    /**< of file names */
    pli__map *folders;     /**< made already */
} pli__placer;

/** A file as the engine has left it, copied from its report. */
typedef struct pli__raw_file {
    pli__written_file file;
    struct pli__raw_file *next;
} pli__raw_file;

/** Copy the engine's report of a file, which lives only during the copy. */
pli_status pli__raw_file_copy(pli__arena *arena, const pli__written_file *file, pli__raw_file **list, pli_error *err);
/** Name a file, move it to its folder, note its action. Files without rows are deleted. CONSTRAINT_VIOLATED for nulls
 *  where the table has none. @param keys partition texts of the engine (from the file itself, or from the one it was cut from) */
pli_status pli__place_file(pli__placer *p, const pli__written_file *file, const pli__written_key *keys, size_t n_keys,
                           pli_error *err);

#endif
