/*
 * The transform of a job: a SELECT over `input`, the batch after schema evolution. `_metadata` (file_path, file_name, file_size,
 * file_modification_time, batch_id) can be selected, `*` never includes it.
 */
#ifndef PLI_RUN_TRANSFORM_H
#define PLI_RUN_TRANSFORM_H

#include "engine/engine.h"
#include "engine/relation.h"

#define PLI__TRANSFORM_MAX_SQL ((size_t)1 << 20)

/** What `input` is made of. */
typedef struct pli__transform_input {
    const char *sql;               /**< SELECT giving the columns of the effective schema and "_pli_path" */
    const pli__relation *relation; /**< for sizes and times of files; NULL = unknown */
    int64_t batch_id;
} pli__transform_input;

/** The query of a batch. @param user_sql NULL = SELECT * FROM input. INVALID_SQL with the byte position in user_sql */
pli_status pli__transform_render(pli__engine *engine, const char *user_sql, const pli__transform_input *input,
                                 pli__buf *out, pli_error *err);
/** Turn a position in the rendered query into one in user_sql; 0 where it is not in there (a rewritten text). */
void pli__transform_locate(const char *user_sql, const char *rendered, pli_error *err);
/** Does the text use `_metadata`? */
bool pli__transform_uses_metadata(const char *sql);
/** user_sql with EXCLUDE (_metadata) added to every star over `input`. */
pli_status pli__transform_hide_metadata(pli__engine *engine, const char *user_sql, pli__buf *out, pli_error *err);
/** The text without trailing blanks and semicolons. */
pli__str pli__transform_trim(const char *sql);

#endif
