/* SQL texts as trees: what the engine's parser makes of them, as JSON. Nothing is bound or run. */
#ifndef PLI_DELTA_SQL_TREE_H
#define PLI_DELTA_SQL_TREE_H

#include <jansson.h>

#include "engine/env.h"

#define PLI__SQL_NAMES_MAX 32 /* parts of a column's name that are looked at */

/** Parse a SELECT. INVALID_SQL "<what> cannot be parsed: …". @param out NULL without an error for a text with a number that no
 *  JSON integer of ours holds */
pli_status pli__sql_tree(pli_env *env, const char *select, const char *what, json_t **out, pli_error *err);
/** The (first) SELECT of a tree. */
json_t *pli__sql_tree_select(json_t *tree);
/** The text of a tree again. */
pli_status pli__sql_tree_text(pli_env *env, const json_t *tree, pli__buf *out, pli_error *err);
/** Names of a column reference, outermost first; 0 if the node is none. Slices of the tree. */
size_t pli__sql_tree_names(const json_t *node, pli__str out[PLI__SQL_NAMES_MAX]);
/** Is a member of a node this text? */
bool pli__sql_tree_is(const json_t *node, const char *key, const char *value);

#endif
