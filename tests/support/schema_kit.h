/* For tests of schema evolution: schemas and policies from text, batches whose parts are SQL, rows as JSON lines. */
#ifndef PLI_TESTS_SCHEMA_KIT_H
#define PLI_TESTS_SCHEMA_KIT_H

#include "engine/engine.h"
#include "schema/render.h"

enum { KIT_MAX_PARTS = 8 };

/** "a BIGINT, b VARCHAR" as a struct; the test fails on an error. */
const pli__type *kit_columns(const char *text);
/** Mode, then any of: rescue package lossy cased corrupt. */
pli__schema_policy kit_policy(const char *text);

/** A file: its columns (after "text:" or "json:" for such formats) and a SELECT of its rows. */
typedef struct kit_part {
    const char *columns, *sql;
} kit_part;

typedef struct kit_batch {
    pli__relation relation;
    pli__part parts[KIT_MAX_PARTS];
    pli__input_file files[KIT_MAX_PARTS];
    pli__evolve_plan *plan;
} kit_batch;

/** Files are named file0, file1 ...; "_pli_path" is added to the SQL. @param n parts, or up to the first without columns */
pli_status kit_plan(kit_batch *b, const char *policy, const pli__type *stored, const kit_part *parts, size_t n,
                    pli_error *err);
void kit_clear(kit_batch *b);

/** An engine for the whole test program; NULL (after a printed note) if there is none to load. */
pli__engine *kit_engine(void);
/** Rows of the batch as JSON lines in the order of the files' rows, without _pli_path. */
pli_status kit_rows(pli__engine *e, const kit_batch *b, pli__buf *out, pli_error *err);

#endif
