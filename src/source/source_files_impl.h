/* Inside the files source: its object, and what discovery, queue, clean-up and reading share. */
#ifndef PLI_SOURCE_SOURCE_FILES_IMPL_H
#define PLI_SOURCE_SOURCE_FILES_IMPL_H

#include "base/arena.h"
#include "checkpoint/index.h"
#include "port/fs.h"
#include "port/glob.h"
#include "source/source_files.h"

/** Names under which clean-up keeps files for a moment; never candidates. */
#define PLI__FILES_PRIVATE_PREFIX ".pli-clean-"

typedef struct files_source {
    pli__source base;
    pli_env *env;
    pli__arena arena;     /* copies of the options */
    pli__files_options o;
    const pli__format *format; /* NULL: each file by its extension */
    char *fixed;          /* path without its glob, as given */
    pli__glob *glob;      /* of files below it */
    char *pattern;
    bool by_format;       /* no pattern: names are known by a suffix of the format */
    const char *suffix;   /* of a pattern like "*.csv"; NULL for others */
    bool bounded;         /* plans see only what was there when the bound was set */
    bool discovered;      /* since then */
    pli__checkpoint *cp;  /* whose index is open */
    pli__index *index;
    int64_t since_us;      /* begin of the run; 0 until its first plan */
    int64_t settled_us;    /* when the last of the files that are too young is old enough; 0 = there are none */
    const pli__type *known; /* columns that need no inference */
    bool sample_all;        /* inference looks at everything, known columns included */
} files_source;

/** What a plan or backlog works on. */
typedef struct files_plan {
    files_source *s;
    pli__checkpoint *cp;
    pli__index *x;
    bool dry;             /* nothing may be stored; the transaction is open and will be dropped */
    int64_t now_us;       /* the environment's clock */
    char *root;           /* resolved; NULL = does not exist */
    bool root_is_file;
    int64_t start_ns;     /* files modified before are not taken; INT64_MIN = no such rule */
    int64_t horizon_ns;   /* the same for max_age; INT64_MIN */
    int64_t newest_ns;    /* of the known files that discovery looked at; INT64_MIN */
    int64_t rows;         /* written since the transaction began */
} files_plan;

/** Open a transaction unless one is open. */
pli_status pli__files_begin(files_plan *p, pli_error *err);
/** Commit what is open, unless dry. */
pli_status pli__files_end(files_plan *p, pli_error *err);

/* ---- source_files_selection.c ---- */
pli_status pli__files_resolve_root(files_plan *p, pli_error *err);
/** Is the folder (absolute, resolved) one that is never looked into? */
bool pli__files_is_never(const files_source *s, const char *path);
bool pli__files_is_excluded(const files_source *s, pli__str name);
/** Must files be looked at before their turn, because times decide on their order? */
bool pli__files_stat_first(const files_source *s);
/** Has the index never been through a discovery with these options? */
pli_status pli__files_must_discover(files_plan *p, bool *out, pli_error *err);
/** Candidates are from now on those of these options: what waits by others is forgotten. */
pli_status pli__files_select(files_plan *p, pli_error *err);

/** Find what is new and put it into the queue (source_files_discover.c). */
pli_status pli__files_discover(files_plan *p, pli_error *err);

/** Start position: decide at the first plan, remember, warn about others (source_files_start.c). */
pli_status pli__files_start(files_plan *p, pli_error *err);
pli_status pli__files_horizon(files_plan *p, pli_error *err);

/** What may become of a file now. */
typedef enum files_fate { FILES_READY, FILES_HELD, FILES_GONE } files_fate;
/** Stat the file and judge it. @param path absolute */
pli_status pli__files_judge(files_plan *p, const char *path, pli__file_info *info, files_fate *out, pli_error *err);
/** Held files that may be taken by now go into the queue. */
pli_status pli__files_recheck_held(files_plan *p, pli_error *err);
/** The next files of the queue as an offset; *out NULL if none is due (source_files_queue.c). */
pli_status pli__files_take(files_plan *p, json_t **out, pli_error *err);
/** Number of files in the queue, and bytes of at most `cap` of them. */
pli_status pli__files_measure(files_plan *p, int64_t cap, int64_t *files, int64_t *bytes, bool *all, pli_error *err);

/** After a commit: delete or archive what is due (source_files_clean.c). */
pli_status pli__files_clean(files_source *s, pli__checkpoint *cp, int64_t batch_id, pli_error *err);

#endif
