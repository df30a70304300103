/* Data skipping: statistics of the files into a temp table, the condition evaluated over it by the engine. */
#include "delta/skip.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/json.h"
#include "delta/partition.h"
#include "delta/skip_condition.h"
#include "delta/sql_tree.h"
#include "delta/stats_read.h"

enum { FLUSH_ROWS = 1024 };

struct pli__skip {
    pli_env *env;
    const pli__mapping *m;
    json_t *tree; /* what json_serialize_sql gave */
    pli__skip_condition condition;
    size_t width;  /* text columns of the table: n, then per reference one (partition) or three */
    char table[48];
    bool made;
    size_t n_files, n_pending;
    pli__str *pending; /* rows not in the table yet */
    pli__arena texts;
    pli__stats_leaf leaves[PLI__SKIP_REFS_MAX];
};

void pli__skip_free(pli__skip *s) {
    if (!s) return;
    pli__engine *e = pli__env_engine_if_open(s->env);
    char sql[80];
    snprintf(sql, sizeof sql, "DROP TABLE IF EXISTS %s", s->table);
    if (e && s->made) pli__engine_exec(e, sql, NULL, NULL);
    pli__skip_condition_clear(&s->condition);
    json_decref(s->tree);
    pli__arena_clear(&s->texts);
    free(s->pending);
    free(s);
}

void pli__skip_auto(pli__skip **s) { pli__skip_free(*s); }

/* ---- parsing ---- */

static pli_status parse(pli__skip *s, const char *where, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf select = {0}, what = {0};
    pli__buf_addf(&select, "SELECT _pli_i FROM t WHERE (%s\n)", where);
    pli__buf_addf(&what, "the filter '%s'", where);
    PLI_TRY(pli__buf_status(&select, err));
    PLI_TRY(pli__buf_status(&what, err));
    return pli__sql_tree(s->env, select.ptr, what.ptr, &s->tree, err);
}

static size_t ref_width(const pli__skip_ref *r) { return r->partition >= 0 ? 1 : 3; }

pli_status pli__skip_new(pli_env *env, const pli__mapping *m, const char *where, pli__skip **out, pli_error *err) {
    PLI_AUTO(pli__skip_auto) pli__skip *s = calloc(1, sizeof *s);
    if (!s) return pli__error_memory(err);
    char id[37];
    s->env = env;
    s->m = m;
    pli__uuid_new(id);
    id[8] = 0;
    snprintf(s->table, sizeof s->table, "pli_skip_%s", id);
    PLI_TRY(parse(s, where, err));
    const json_t *tree = json_object_get(pli__sql_tree_select(s->tree), "where_clause");
    if (json_is_object(tree)) PLI_TRY(pli__skip_condition_build(tree, m, &s->condition, err));
    s->width = 1;
    for (size_t i = 0; i < s->condition.n_refs; i++) {
        s->width += ref_width(&s->condition.refs[i]);
        s->leaves[i].path = (pli__str){s->condition.refs[i].path, s->condition.refs[i].path_len};
    }
    *out = s->condition.n_refs ? PLI_TAKE(s) : NULL;
    return PLI_OK;
}

unsigned pli__skip_fields(const pli__skip *s) {
    unsigned fields = PLI__FILES_PARTITIONS;
    for (size_t i = 0; i < s->condition.n_refs; i++)
        if (s->condition.refs[i].partition < 0) fields |= PLI__FILES_STATS;
    return fields;
}

/* ---- the table of bounds ---- */

static pli_status make_table(pli__skip *s, pli__engine *e, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
    pli__buf_addf(&sql, "CREATE TEMP TABLE %s (n VARCHAR", s->table);
    for (size_t i = 0; i < s->condition.n_refs; i++)
        pli__buf_addf(&sql,
                      s->condition.refs[i].partition >= 0 ? ", p%zu VARCHAR"
                                                          : ", lo%zu VARCHAR, hi%zu VARCHAR, nn%zu VARCHAR",
                      i, i, i);
    pli__buf_addc(&sql, ')');
    PLI_TRY(pli__buf_status(&sql, err));
    PLI_TRY(pli__engine_exec(e, sql.ptr, NULL, err));
    s->made = true;
    s->pending = calloc(FLUSH_ROWS * s->width, sizeof *s->pending);
    return s->pending ? PLI_OK : pli__error_memory(err);
}

static pli_status flush(pli__skip *s, pli_error *err) {
    pli__engine *e;
    PLI_TRY(pli__env_engine(s->env, &e, err));
    if (s->n_pending) PLI_TRY(pli__engine_append_text(e, s->table, s->pending, s->n_pending, s->width, err));
    s->n_pending = 0;
    pli__arena_reset(&s->texts);
    return PLI_OK;
}

/* An instant without a zone could be in anybody's zone. */
static pli__str usable(const pli__type *t, pli__str text) {
    if (!text.ptr || t->id != PLI__TYPE_TIMESTAMP) return text;
    const bool zoned = text.len > 10 && (text.ptr[text.len - 1] == 'Z' || memchr(text.ptr + 10, '+', text.len - 10) ||
                                         memchr(text.ptr + 10, '-', text.len - 10));
    return zoned ? text : (pli__str){0};
}

static pli__str kept(pli__skip *s, pli__str text) { return text.ptr ? pli__arena_str(&s->texts, text) : text; }

pli_status pli__skip_add(pli__skip *s, const pli__add *add, pli_error *err) {
    pli__stats_bounds bounds[PLI__SKIP_REFS_MAX];
    pli__engine *e;
    PLI_TRY(pli__env_engine(s->env, &e, err));
    if (!s->made) PLI_TRY(make_table(s, e, err));
    pli__str *row = s->pending + s->n_pending * s->width;
    pli__stats_read(add->stats, s->leaves, s->condition.n_refs, &s->texts, row, bounds);
    *row = kept(s, *row);
    row++;
    for (size_t i = 0; i < s->condition.n_refs; i++) {
        const pli__skip_ref *r = &s->condition.refs[i];
        if (r->partition >= 0) {
            const pli__mapped_column *c = &s->m->columns[r->partition];
            pli__str text;
            pli__partition_value(add->partition_values, add->n_partition_values, c, &text);
            PLI_TRY_IN(pli__partition_check(c, text, err), err, "file '%.*s'", PLI_STR_ARG(add->path));
            *row++ = kept(s, text);
            continue;
        }
        *row++ = kept(s, usable(r->type, bounds[i].min));
        *row++ = kept(s, usable(r->type, bounds[i].max));
        *row++ = kept(s, bounds[i].null_count);
    }
    PLI_TRY(pli__arena_status(&s->texts, err));
    s->n_files++;
    return ++s->n_pending == FLUSH_ROWS ? flush(s, err) : PLI_OK;
}

/* ---- deciding ---- */

/* Who converts Parquet files into a table may have counted old days as no reader does (calendar.h): such bounds are taken wider. */
static void add_old_days(pli__buf *sql, const pli__type *t, bool upper, const char *bound) {
    const bool date = t->id == PLI__TYPE_DATE;
    pli__buf_addf(sql, "CASE WHEN %s < '%s' THEN %s %c %s ELSE %s END", bound, date ? "1583-01-01" : "1901-01-01",
                  bound, upper ? '+' : '-', date ? "40" : "INTERVAL 40 DAY", bound);
}

static void add_bound_column(pli__buf *sql, const pli__type *t, bool upper, size_t i) {
    PLI_AUTO(pli__buf_clear) pli__buf bound = {0};
    const char *name = upper ? "hi" : "lo";
    pli__buf_addf(&bound, "TRY_CAST(%s%zu AS ", name, i);
    pli__mapping_sql_type(t, &bound);
    pli__buf_addc(&bound, ')');
    if (bound.failed) {
        sql->failed = true;
        return;
    }
    pli__buf_addz(sql, ", ");
    if (pli__type_is_float(t))
        pli__buf_addf(sql, "CASE WHEN NOT isnan(TRY_CAST(%s%zu AS DOUBLE)) THEN %s END", name, i, bound.ptr);
    else if (t->id == PLI__TYPE_DATE || t->id == PLI__TYPE_TIMESTAMP) add_old_days(sql, t, upper, bound.ptr);
    else pli__buf_adds(sql, pli__buf_str(&bound));
    pli__buf_addf(sql, " AS %s%zu", name, i);
}

static void add_partition_column(const pli__skip *s, pli__buf *sql, size_t i) {
    char text[48];
    snprintf(text, sizeof text, "[p%zu]", i);
    pli__buf_addz(sql, ", (");
    pli__partition_sql_list(s->condition.refs[i].type, text, sql);
    pli__buf_addf(sql, ")[1] AS p%zu", i);
}

/* Typed bounds: SELECT rowid AS _pli_i, ... */
static void add_typed_table(const pli__skip *s, pli__buf *sql) {
    pli__buf_addz(sql, "SELECT rowid AS _pli_i, TRY_CAST(n AS BIGINT) AS n");
    for (size_t i = 0; i < s->condition.n_refs; i++) {
        const pli__type *t = s->condition.refs[i].type;
        if (s->condition.refs[i].partition >= 0) {
            add_partition_column(s, sql, i);
            continue;
        }
        add_bound_column(sql, t, false, i);
        add_bound_column(sql, t, true, i);
        pli__buf_addf(sql, ", TRY_CAST(nn%zu AS BIGINT) AS nn%zu", i, i);
    }
    pli__buf_addf(sql, " FROM %s", s->table);
}

/* Files that the condition does not exclude, with their partition values under logical names. */
static void add_candidates(const pli__skip *s, pli__buf *sql) {
    pli__buf_addz(sql, "SELECT _pli_i");
    for (size_t i = 0; i < s->condition.n_refs; i++) {
        const pli__skip_ref *r = &s->condition.refs[i];
        if (r->partition < 0) continue;
        pli__buf_addf(sql, ", p%zu AS ", i);
        pli__buf_add_sql_name(sql, pli__str_of(s->m->columns[r->partition].field->name));
    }
    pli__buf_addz(sql, " FROM (");
    add_typed_table(s, sql);
    pli__buf_addc(sql, ')');
    if (!s->condition.sql.len) return;
    pli__buf_addz(sql, " WHERE (");
    pli__buf_adds(sql, pli__buf_str(&s->condition.sql));
    pli__buf_addz(sql, ") IS NOT FALSE");
}

/* The user's statement with nothing left of its filter but the conjuncts over partition columns, as SQL again. */
static pli_status exact_statement(pli__skip *s, pli__buf *out, pli_error *err) {
    json_t *where = json_array_size(s->condition.exact) == 1
                        ? json_incref(json_array_get(s->condition.exact, 0))
                        : json_pack("{s:s, s:s, s:s, s:O}", "class", "CONJUNCTION", "type", "CONJUNCTION_AND", "alias",
                                    "", "children", s->condition.exact);
    if (!where || json_object_set_new(pli__sql_tree_select(s->tree), "where_clause", where))
        return pli__error_memory(err);
    return pli__sql_tree_text(s->env, s->tree, out, err);
}

static pli_status write_query(pli__skip *s, pli__buf *sql, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf exact = {0};
    if (!json_array_size(s->condition.exact)) {
        add_candidates(s, sql);
        return pli__buf_status(sql, err);
    }
    PLI_TRY(exact_statement(s, &exact, err));
    pli__buf_addz(sql, "WITH t AS MATERIALIZED (");
    add_candidates(s, sql);
    pli__buf_addz(sql, ") ");
    pli__buf_adds(sql, pli__buf_str(&exact));
    return pli__buf_status(sql, err);
}

static pli_status mark(pli__skip *s, const char *sql, bool *keep, pli_error *err) {
    pli__engine *e;
    PLI_AUTO(pli__result_auto) pli__result *rows = NULL;
    pli__chunk chunk;
    PLI_TRY(pli__env_engine(s->env, &e, err));
    PLI_TRY(pli__engine_query(e, sql, &rows, err));
    for (;;) {
        PLI_TRY(pli__result_next(rows, &chunk, err));
        if (!chunk.rows) return PLI_OK;
        for (size_t i = 0; i < chunk.rows; i++) {
            const int64_t at = pli__chunk_i64(&chunk, 0, i);
            if (at >= 0 && (uint64_t)at < s->n_files) keep[at] = true;
        }
    }
}

pli_status pli__skip_run(pli__skip *s, bool *keep, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
    pli_error failure = {0};
    if (!s->n_files) return PLI_OK;
    PLI_TRY(flush(s, err));
    for (size_t i = 0; i < s->n_files; i++) keep[i] = false;
    pli_status st = write_query(s, &sql, &failure);
    if (st == PLI_OK) st = mark(s, sql.ptr, keep, &failure);
    if (st == PLI_OK) return PLI_OK;
    if (st == PLI_E_MEMORY || st == PLI_E_CANCELLED) {
        if (err) *err = failure;
        return st;
    }
    /* The filter may be wrong (the query over the rows will say how), or bounds do not compare: read everything. */
    pli__env_log(s->env, PLI_LOG_DEBUG, "no files are skipped: %s", failure.message);
    for (size_t i = 0; i < s->n_files; i++) keep[i] = true;
    return PLI_OK;
}
