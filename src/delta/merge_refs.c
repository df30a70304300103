/* Which columns of the table a merge's expressions read, so that no others are. */
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "delta/merge_impl.h"
#include "delta/sql_tree.h"

/* Marks everything that may be a column of the table: what is marked without need is only read without need. */
static void mark(const pli__type *table, const json_t *node, bool *columns);

static void mark_all(const pli__type *table, bool *columns) {
    for (size_t i = 0; i < table->n_fields; i++) columns[i] = true;
}

static void mark_name(const pli__type *table, pli__str name, bool *columns) {
    for (size_t i = 0; i < table->n_fields; i++)
        if (pli__str_ieqz(name, table->fields[i].name)) columns[i] = true;
}

static void mark_column(const pli__type *table, const json_t *node, bool *columns) {
    pli__str names[PLI__SQL_NAMES_MAX];
    const size_t n = pli__sql_tree_names(node, names);
    const bool target = n && pli__str_ieqz(names[0], "target"), source = n && pli__str_ieqz(names[0], "source");
    if (!n || (target && n == 1)) mark_all(table, columns);
    else if (target) mark_name(table, names[1], columns);
    else if (!source) mark_name(table, names[0], columns);
}

static void mark(const pli__type *table, const json_t *node, bool *columns) {
    if (json_is_array(node)) {
        size_t i;
        const json_t *child;
        json_array_foreach(node, i, child) mark(table, child, columns);
    }
    if (!json_is_object(node)) return;
    if (pli__sql_tree_is(node, "class", "STAR")) mark_all(table, columns);
    if (pli__sql_tree_is(node, "class", "COLUMN_REF")) mark_column(table, node, columns);
    void *it = json_object_iter((json_t *)(uintptr_t)node);
    for (; it; it = json_object_iter_next((json_t *)(uintptr_t)node, it))
        mark(table, json_object_iter_value(it), columns);
}

static pli_status read_expression(pli__merge *m, const char *sql, const char *what, bool *columns, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf select = {0};
    PLI_AUTO(pli__json_unref) json_t *tree = NULL;
    pli__buf_addf(&select, "SELECT (%s\n)", sql);
    PLI_TRY(pli__buf_status(&select, err));
    PLI_TRY(pli__sql_tree(pli__delta_env(m->table), select.ptr, what, &tree, err));
    const json_t *list = json_object_get(pli__sql_tree_select(tree), "select_list");
    if (!tree) return mark_all(m->now.before, columns), PLI_OK;
    if (json_array_size(list) != 1 || json_array_size(json_object_get(tree, "statements")) != 1 ||
        json_is_object(json_object_get(pli__sql_tree_select(tree), "where_clause")))
        return pli__error_set(err, PLI_E_SQL, "%s is not one expression: %s", what, sql);
    mark(m->now.before, list, columns);
    return PLI_OK;
}

/* ---- clauses ---- */

static bool is_set(const pli__merge *m, const pli_merge_clause *c, const char *column) {
    if (c->star && pli__type_find(m->source, pli__str_of(column), false) >= 0) return true;
    for (size_t i = 0; i < c->n_set; i++)
        if (pli__str_ieqz(pli__str_of(column), c->set[i].key)) return true;
    return false;
}

/* What an update reads of the old row: in its expressions, and the columns that it keeps. */
static pli_status read_update(pli__merge *m, const pli_merge_clause *c, const char *what, bool *columns,
                              pli_error *err) {
    const pli__type *before = m->now.before;
    for (size_t i = 0; i < c->n_set; i++) PLI_TRY(read_expression(m, c->set[i].value, what, columns, err));
    for (size_t i = 0; c->action == PLI_MERGE_UPDATE && i < before->n_fields; i++)
        if (!is_set(m, c, before->fields[i].name)) columns[i] = true;
    return PLI_OK;
}

static bool any(const bool *columns, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (columns[i]) return true;
    return false;
}

static pli_status read_clause(pli__merge *m, size_t k, bool *scratch, pli_error *err) {
    pli__merge_attempt *now = &m->now;
    const pli_merge_clause *c = &m->clauses[k];
    const size_t n = now->before->n_fields;
    bool *conditions = c->when == PLI_MERGE_MATCHED                 ? now->choice_columns
                       : c->when == PLI_MERGE_NOT_MATCHED_BY_SOURCE ? now->other_columns
                                                                    : scratch;
    char what[80];
    snprintf(what, sizeof what, "the condition of merge clause %zu", k + 1);
    if (c->condition) PLI_TRY(read_expression(m, c->condition, what, conditions, err));
    for (size_t i = 0; i < n; i++) scratch[i] = false;
    snprintf(what, sizeof what, "an expression of merge clause %zu", k + 1);
    PLI_TRY(read_update(m, c, what, scratch, err));
    if (c->when == PLI_MERGE_NOT_MATCHED) return PLI_OK;
    const bool id = now->keeps_ids && c->action == PLI_MERGE_UPDATE;
    now->needs_old[k] = now->d.feed || id || any(scratch, n);
    for (size_t i = 0; i < n; i++) now->old_columns[i] = now->old_columns[i] || scratch[i] || now->d.feed;
    return PLI_OK;
}

pli_status pli__merge_refs(pli__merge *m, pli_error *err) {
    pli__merge_attempt *now = &m->now;
    const size_t n = now->before->n_fields + 1;
    bool **sets[] = {&now->on_columns, &now->choice_columns, &now->other_columns, &now->old_columns};
    for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++)
        *sets[i] = pli__arena_calloc(&now->arena, n, sizeof(bool));
    now->needs_old = pli__arena_calloc(&now->arena, m->n_clauses, sizeof(bool));
    bool *scratch = pli__arena_calloc(&now->arena, n, sizeof(bool));
    PLI_TRY(pli__arena_status(&now->arena, err));
    PLI_TRY(read_expression(m, m->o.on, "the condition of the merge", now->on_columns, err));
    for (size_t k = 0; k < m->n_clauses; k++) PLI_TRY(read_clause(m, k, scratch, err));
    now->chooses_by_old = any(now->choice_columns, n - 1);
    for (size_t i = 0; i < n - 1; i++) now->old_columns[i] = now->old_columns[i] || now->choice_columns[i];
    return PLI_OK;
}
