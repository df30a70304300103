/*
 * Clauses of a merge: from text to pli_merge_clause, and what must hold of them together.
 *
 *   [WHEN] MATCHED [AND condition] THEN UPDATE SET * | UPDATE SET column = expression, … | DELETE
 *   [WHEN] NOT MATCHED [BY TARGET] [AND condition] THEN INSERT * | INSERT (column, …) VALUES (expression, …)
 *   [WHEN] NOT MATCHED BY SOURCE [AND condition] THEN UPDATE SET column = expression, … | DELETE
 */
#ifndef PLI_DELTA_MERGE_CLAUSE_H
#define PLI_DELTA_MERGE_CLAUSE_H

#include "base/arena.h"
#include "pli/table_write.h"

#define PLI__MERGE_CLAUSES_MAX 100
#define PLI__MERGE_SET_MAX 10000 /* columns that one clause sets */

/** Parse one clause; texts go to the arena. INVALID_SQL says what was expected where. */
pli_status pli__merge_clause_parse(const char *text, pli__arena *arena, pli_merge_clause *out, pli_error *err);
/** Actions that go with their rows, conditions in all but the last clause of a kind, columns set once. */
pli_status pli__merge_clauses_check(const pli_merge_clause *clauses, size_t n, pli_error *err);

#endif
