/*
 * Z-order. A column's rank of a row is the part of the column's sorted values that the row's value falls into, of
 * 256; the bits of the ranks, interleaved from the highest down, make the number that rows are sorted by.
 *
 * The parts' bounds come from a sample that reads only those columns. Ranks by a window over all rows would be exact,
 * but sort and hold the whole table once for each column. Equal values have the same rank; nulls have the highest.
 */
#include "delta/zorder.h"

#include <stdio.h>

#include "base/arena.h"
#include "base/hash.h"

#define RANK_BITS 8
#define ALL_BITS 120 /* of a UHUGEINT */
#define SAMPLE 100000

/* A value and the rank that begins with it. */
typedef struct {
    pli__str value;
    int64_t rank;
} bound;

typedef struct {
    const pli__field *field;
    size_t n;
    bound *bounds; /* ascending */
} ranked;

static void add_name(pli__buf *out, const pli__field *f) { pli__buf_add_sql_name(out, pli__str_of(f->name)); }

/* ---- bounds ---- */

static pli_status sample(pli__engine *e, const ranked *columns, size_t n, int64_t n_rows, const char *rows,
                         const char *table, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
    pli__buf_addf(&sql, "CREATE TEMP TABLE %s AS SELECT ", table);
    for (size_t i = 0; i < n; i++) {
        if (i) pli__buf_addz(&sql, ", ");
        add_name(&sql, columns[i].field);
    }
    pli__buf_addf(&sql, " FROM (%s) AS pli_z", rows);
    if (n_rows > SAMPLE) pli__buf_addf(&sql, " USING SAMPLE %.6f PERCENT (bernoulli)", 100.0 * SAMPLE / (double)n_rows);
    PLI_TRY(pli__buf_status(&sql, err));
    return pli__engine_exec(e, sql.ptr, NULL, err);
}

static pli_status take_bounds(const pli__chunk *c, pli__arena *arena, ranked *column, size_t most, pli_error *err) {
    for (size_t i = 0; i < c->rows && column->n < most; i++)
        column->bounds[column->n++] = (bound){pli__arena_str(arena, pli__chunk_str(c, 0, i)), pli__chunk_i64(c, 1, i)};
    return pli__arena_status(arena, err);
}

/* The least value of each part; where a value fills several parts, the last of them is its rank. */
static pli_status find_bounds(pli__engine *e, const char *table, int parts, pli__arena *arena, ranked *column,
                              pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf name = {0}, sql = {0};
    PLI_AUTO(pli__result_auto) pli__result *r = NULL;
    pli__chunk c;
    column->bounds = pli__arena_calloc(arena, (size_t)parts, sizeof *column->bounds);
    if (!column->bounds) return pli__error_memory(err);
    add_name(&name, column->field);
    PLI_TRY(pli__buf_status(&name, err));
    pli__buf_addf(
        &sql,
        "SELECT v::VARCHAR, max(part)::BIGINT FROM (SELECT min(v) AS v, part FROM (SELECT %s AS v, ntile(%d) OVER "
        "(ORDER BY %s) - 1 AS part FROM %s WHERE %s IS NOT NULL) GROUP BY part) GROUP BY v ORDER BY v",
        name.ptr, parts, name.ptr, table, name.ptr);
    PLI_TRY(pli__buf_status(&sql, err));
    PLI_TRY(pli__engine_query(e, sql.ptr, &r, err));
    for (;;) {
        PLI_TRY(pli__result_next(r, &c, err));
        if (!c.rows) return PLI_OK;
        PLI_TRY(take_bounds(&c, arena, column, (size_t)parts, err));
    }
}

/* ---- ranks as SQL ---- */

/* The rank of a value that is at least bounds[low] and below bounds[high]: half of them are left with each comparison. */
static void add_rank(const ranked *c, pli__str type, size_t low, size_t high, pli__buf *out) {
    if (high - low <= 1) {
        pli__buf_addf(out, "%lld", high > low ? (long long)c->bounds[low].rank : 0LL);
        return;
    }
    const size_t middle = low + (high - low) / 2;
    pli__buf_addz(out, "CASE WHEN ");
    add_name(out, c->field);
    pli__buf_addz(out, " < TRY_CAST(");
    pli__buf_add_sql_str(out, c->bounds[middle].value);
    pli__buf_addz(out, " AS ");
    pli__buf_adds(out, type);
    pli__buf_addz(out, ") THEN ");
    add_rank(c, type, low, middle, out);
    pli__buf_addz(out, " ELSE ");
    add_rank(c, type, middle, high, out);
    pli__buf_addz(out, " END");
}

static pli_status add_ranks(const ranked *columns, size_t n, const char *number, pli__buf *out, pli_error *err) {
    for (size_t i = 0; i < n; i++) {
        PLI_AUTO(pli__buf_clear) pli__buf type = {0};
        PLI_TRY(pli__type_to_sql(columns[i].field->type, &type, err));
        pli__buf_addz(out, ", (");
        add_rank(&columns[i], pli__buf_str(&type), 0, columns[i].n, out);
        pli__buf_addf(out, ")::%s AS __pli_r%zu", number, i);
    }
    return pli__buf_status(out, err);
}

static void add_ranks_interleaved(size_t n, int bits, pli__buf *out) {
    pli__buf_addc(out, '(');
    for (int bit = 0; bit < bits; bit++)
        for (size_t i = 0; i < n; i++)
            pli__buf_addf(out, "%s(((__pli_r%zu >> %d) & 1) << %d)", bit || i ? " | " : "", i, bit,
                          bit * (int)n + (int)(n - 1 - i));
    pli__buf_addc(out, ')');
}

static pli_status add_order(const ranked *columns, size_t n, int bits, const char *rows, pli__buf *out,
                            pli_error *err) {
    pli__buf_addz(out, "SELECT * EXCLUDE (");
    for (size_t i = 0; i < n; i++) pli__buf_addf(out, "%s__pli_r%zu", i ? ", " : "", i);
    pli__buf_addz(out, "), ");
    add_ranks_interleaved(n, bits, out);
    pli__buf_addz(out, " AS " PLI__ZORDER " FROM (SELECT *");
    PLI_TRY(add_ranks(columns, n, bits * (int)n <= 64 ? "UBIGINT" : "UHUGEINT", out, err));
    pli__buf_addf(out, " FROM (%s) AS pli_z)", rows);
    return pli__buf_status(out, err);
}

/* ---- ---- */

static pli_status find_columns(const pli__type *schema, const char *const *names, size_t n, ranked *out,
                               pli_error *err) {
    if (n > PLI__ZORDER_COLUMNS_MAX)
        return pli__error_set(err, PLI_E_LIMIT, "rows are laid out by at most %d columns", PLI__ZORDER_COLUMNS_MAX);
    for (size_t i = 0; i < n; i++) {
        const int k = pli__type_find(schema, pli__str_of(names[i]), false);
        if (k < 0) return pli__type_no_column(schema, names[i], err);
        out[i].field = &schema->fields[k];
    }
    return PLI_OK;
}

static pli_status find_all_bounds(pli__engine *e, ranked *columns, size_t n, int64_t n_rows, int bits, const char *rows,
                                  pli__arena *arena, pli_error *err) {
    char uuid[37], table[64], drop[96];
    pli__uuid_new(uuid);
    for (char *at = uuid; *at; at++)
        if (*at == '-') *at = '_';
    snprintf(table, sizeof table, "pli_sample_%s", uuid);
    snprintf(drop, sizeof drop, "DROP TABLE IF EXISTS %s", table);
    pli_status s = sample(e, columns, n, n_rows, rows, table, err);
    for (size_t i = 0; i < n && s == PLI_OK; i++) s = find_bounds(e, table, 1 << bits, arena, &columns[i], err);
    (void)pli__engine_exec(e, drop, NULL, NULL);
    return s;
}

static pli_status add_interleaved(pli__engine *e, ranked *columns, size_t n, int64_t n_rows, const char *rows,
                                  pli__buf *out, pli_error *err) {
    PLI_AUTO(pli__arena_clear) pli__arena arena = {0};
    const int bits = RANK_BITS * (int)n <= ALL_BITS ? RANK_BITS : ALL_BITS / (int)n;
    PLI_TRY(find_all_bounds(e, columns, n, n_rows, bits, rows, &arena, err));
    return add_order(columns, n, bits, rows, out, err);
}

pli_status pli__zorder_sql(pli__engine *e, const pli__type *schema, const char *const *columns, size_t n,
                           int64_t n_rows, pli__buf *rows, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf out = {0};
    ranked found[PLI__ZORDER_COLUMNS_MAX] = {{0}};
    PLI_TRY(find_columns(schema, columns, n, found, err));
    if (n > 1) PLI_TRY(add_interleaved(e, found, n, n_rows, rows->ptr, &out, err));
    else {
        pli__buf_addz(&out, "SELECT *, ");
        add_name(&out, found[0].field);
        pli__buf_addf(&out, " AS " PLI__ZORDER " FROM (%s) AS pli_z", rows->ptr);
    }
    PLI_TRY(pli__buf_status(&out, err));
    pli__buf_clear(rows);
    *rows = out;
    out = (pli__buf){0};
    return PLI_OK;
}
