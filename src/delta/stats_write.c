/* add.stats: the plan of a schema, and the JSON of one file. Gaps in the engine's numbers are filled by stats_gaps.c. */
#include "delta/stats_write.h"

#include <stdlib.h>

#include "base/map.h"
#include "delta/stats_plan.h"

#define DEFAULT_INDEXED 32
#define DEFAULT_PREFIX 32

/* ---- the plan ---- */

static pli__str config_value(const pli__metadata *m, const char *key) {
    for (size_t i = 0; i < m->n_configuration; i++)
        if (pli__str_eqz(m->configuration[i].key, key)) return m->configuration[i].value;
    return (pli__str){0};
}

/* Path of the first leaf at or below a type, as the engine names it. */
static void add_engine_key(const pli__type *t, pli__buf *out) {
    if (t->id == PLI__TYPE_VARIANT) pli__buf_addz(out, ".\"metadata\"");
    if (!pli__type_is_nested(t) || !t->n_fields) return;
    pli__buf_addc(out, '.');
    pli__buf_add_sql_name(out, t->id == PLI__TYPE_STRUCT ? pli__str_of(t->fields[0].name)
                               : t->id == PLI__TYPE_MAP  ? PLI_STR("key")
                                                         : PLI_STR("element"));
    add_engine_key(t->fields[0].type, out);
}

static int64_t count_leaves(const pli__type *t) {
    if (t->id == PLI__TYPE_VARIANT) return 2; /* metadata and value */
    if (!pli__type_is_nested(t)) return t->id == PLI__TYPE_NULL ? 0 : 1;
    int64_t n = 0;
    for (size_t i = 0; i < t->n_fields; i++) n += count_leaves(t->fields[i].type);
    return n;
}

/* Does the list of `delta.dataSkippingStatsColumns` name the column? Its names are joined by dots and may stand in
 * backticks; case is ignored. */
static bool list_names(pli__str list, pli__str path) {
    size_t from = 0;
    while (from <= list.len) {
        size_t to = from, n = 0;
        bool quoted = false, same = true;
        for (; to < list.len && (quoted || list.ptr[to] != ','); to++) {
            const char c = list.ptr[to];
            if (c == '`') {
                quoted = !quoted;
                continue;
            }
            if (!quoted && c == ' ' && (n == 0 || to + 1 == list.len || list.ptr[to + 1] == ',')) continue;
            const char p = n < path.len ? path.ptr[n] : '\0';
            same = same && (c == p || ((c | 32) == (p | 32) && (c | 32) >= 'a' && (c | 32) <= 'z'));
            n++;
        }
        if (same && n && n == path.len) return true;
        from = to + 1;
    }
    return false;
}

typedef struct {
    pli__stats_plan *plan;
    const pli__stats_columns *columns;
    pli__str named; /* delta.dataSkippingStatsColumns, ptr NULL = unset */
    int64_t budget; /* leaves still to be indexed, negative = all */
    int64_t column_id; /* next Parquet leaf */
    pli__buf path; /* logical path, its parts joined by '\1' */
} planner;

static bool is_always(const planner *b, pli__str key) {
    for (size_t i = 0; i < b->columns->n_always; i++)
        if (pli__str_eq(b->columns->always[i], key)) return true;
    return false;
}

/* Does a property or the order of the columns give the leaf statistics? */
static bool choose_leaf(planner *b) {
    if (b->named.ptr) {
        PLI_AUTO(pli__buf_clear) pli__buf dotted = {0};
        /* every level above may be the one that is named */
        for (size_t i = 0; i <= b->path.len; i++) {
            if (i < b->path.len && b->path.ptr[i] != '\1') {
                pli__buf_addc(&dotted, b->path.ptr[i]);
                continue;
            }
            if (dotted.ptr && list_names(b->named, pli__buf_str(&dotted))) return true;
            pli__buf_addc(&dotted, '.');
        }
        return false;
    }
    if (b->budget == 0) return false;
    if (b->budget > 0) b->budget--;
    return true;
}

static pli_status plan_struct(planner *b, const pli__type *columns, const pli__type *logical, pli__str key,
                              pli__str sql, pli__stat_node *parent, pli_error *err);

static pli_status plan_node(planner *b, const pli__field *f, const pli__field *logical, pli__str key, pli__str sql,
                            pli__stat_node *node, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf k = {0}, s = {0};
    pli__arena *a = &b->plan->arena;
    if (key.len) pli__buf_adds(&k, key), pli__buf_addc(&k, '.');
    pli__buf_add_sql_name(&k, pli__str_of(f->name));
    if (sql.len) pli__buf_adds(&s, sql), pli__buf_addc(&s, '.');
    pli__buf_add_sql_name(&s, pli__str_of(f->name));
    PLI_TRY(pli__buf_status(&s, err));
    node->name = pli__str_of(f->name);
    node->type = f->type;
    node->column_id = b->column_id;
    const size_t path_length = b->path.len;
    if (b->path.len) pli__buf_addc(&b->path, '\1');
    pli__buf_addz(&b->path, logical->name);
    if (f->type->id == PLI__TYPE_STRUCT) {
        PLI_TRY(plan_struct(b, f->type, logical->type, pli__buf_str(&k), pli__buf_str(&s), node, err));
    } else {
        b->column_id += count_leaves(f->type);
        node->indexed = choose_leaf(b) || is_always(b, pli__buf_str(&k));
        node->index = b->plan->n_leaves;
        if (node->indexed) b->plan->n_leaves++;
        add_engine_key(f->type, &k);
        node->engine_key = pli__arena_str(a, pli__buf_str(&k));
        node->sql = pli__arena_str(a, pli__buf_str(&s));
    }
    b->path.len = path_length;
    return pli__buf_status(&k, err);
}

static pli_status plan_struct(planner *b, const pli__type *columns, const pli__type *logical, pli__str key,
                              pli__str sql, pli__stat_node *parent, pli_error *err) {
    parent->children = pli__arena_calloc(&b->plan->arena, columns->n_fields, sizeof *parent->children);
    if (!parent->children) return pli__error_memory(err);
    parent->n_children = columns->n_fields;
    for (size_t i = 0; i < columns->n_fields; i++)
        PLI_TRY(plan_node(b, &columns->fields[i], &logical->fields[i], key, sql, &parent->children[i], err));
    return PLI_OK;
}

static pli_status read_properties(planner *b, const pli__metadata *m, pli_error *err) {
    int64_t prefix = DEFAULT_PREFIX;
    const pli__str columns = config_value(m, "delta.dataSkippingNumIndexedCols");
    const pli__str length = config_value(m, "delta.dataSkippingStringPrefixLength");
    b->named = config_value(m, "delta.dataSkippingStatsColumns");
    b->budget = DEFAULT_INDEXED;
    if (columns.ptr && (!pli__str_to_i64(columns, &b->budget) || b->budget < -1))
        return pli__error_set(err, PLI_E_CORRUPT, "table property delta.dataSkippingNumIndexedCols is not a count");
    if (length.ptr && (!pli__str_to_i64(length, &prefix) || prefix < 0 || prefix > 1000000))
        return pli__error_set(err, PLI_E_CORRUPT,
                              "table property delta.dataSkippingStringPrefixLength is not a length");
    b->plan->prefix_length = (size_t)prefix;
    return PLI_OK;
}

pli_status pli__stats_plan_new(const pli__stats_columns *columns, const pli__metadata *metadata, pli__stats_plan **out,
                               pli_error *err) {
    PLI_AUTO(pli__stats_plan_auto) pli__stats_plan *p = calloc(1, sizeof *p);
    if (!p) return pli__error_memory(err);
    planner b = {.plan = p, .columns = columns};
    PLI_TRY(read_properties(&b, metadata, err));
    const pli_status s = plan_struct(&b, columns->physical, columns->logical, (pli__str){0}, (pli__str){0}, &p->root,
                                     err);
    pli__buf_clear(&b.path);
    if (s != PLI_OK) return s;
    PLI_TRY(pli__arena_status(&p->arena, err));
    *out = PLI_TAKE(p);
    return PLI_OK;
}

void pli__stats_plan_free(pli__stats_plan *p) {
    if (!p) return;
    pli__arena_clear(&p->arena);
    free(p);
}

void pli__stats_plan_auto(pli__stats_plan **p) { pli__stats_plan_free(*p); }

/* ---- one file ---- */

static const pli__written_column *column_of(const pli__stats_file *f, const pli__stat_node *n) {
    return pli__map_get(f->columns, n->engine_key);
}

enum { PART_MIN, PART_MAX, PART_NULLS };

/* Write the value of one leaf for one part; false: it has none. */
static bool write_leaf(const pli__stats_file *f, const pli__stat_node *n, int part, pli__buf *out) {
    const pli__written_column *c = column_of(f, n);
    const pli__stats_gap *gap = &f->gaps[n->index];
    if (part == PART_NULLS) {
        int64_t nulls = gap->nulls;
        if (n->type->id == PLI__TYPE_NULL) nulls = f->file->rows;
        else if (nulls < 0 && c && c->has_null_count && (c->null_count == 0 || !pli__type_is_nested(n->type)))
            nulls = c->null_count;
        if (nulls < 0) return false;
        pli__buf_addf(out, "%lld", (long long)nulls);
        return true;
    }
    if (!c || pli__type_is_nested(n->type)) return false;
    pli__str text = part == PART_MIN ? c->min : c->max;
    if (!c->has_min_max) text = part == PART_MIN ? gap->min : gap->max;
    if (!text.ptr) return false;
    if (part == PART_MAX && pli__type_is_float(n->type) && gap->has_nan)
        return false; /* not a number sorts behind all numbers */
    return pli__stats_bound(n->type, text, part == PART_MAX, f->plan->prefix_length, out);
}

static bool write_part(const pli__stats_file *f, const pli__stat_node *n, int part, pli__buf *out) {
    if (n->type && n->type->id != PLI__TYPE_STRUCT) return n->indexed && write_leaf(f, n, part, out);
    bool any = false;
    const size_t start = out->len;
    pli__buf_addc(out, '{');
    for (size_t i = 0; i < n->n_children; i++) {
        const size_t before = out->len;
        if (any) pli__buf_addc(out, ',');
        pli__buf_add_json(out, n->children[i].name);
        pli__buf_addc(out, ':');
        if (write_part(f, &n->children[i], part, out)) any = true;
        else if (!out->failed) out->len = before;
    }
    pli__buf_addc(out, '}');
    if (!any && n->type && !out->failed) out->len = start;
    return any;
}

pli_status pli__stats_write(const pli__stats_plan *p, const pli__written_file *file, pli__engine *engine,
                            const char *local_path, pli__buf *out, pli_error *err) {
    PLI_AUTO(pli__map_auto) pli__map *columns = pli__map_new();
    PLI_AUTO(pli__arena_clear) pli__arena arena = {0};
    if (!columns) return pli__error_memory(err);
    for (size_t i = 0; i < file->n_columns; i++)
        if (!pli__map_put(columns, file->columns[i].path, (void *)&file->columns[i], NULL))
            return pli__error_memory(err);
    pli__stats_file f = {.plan = p, .file = file, .columns = columns, .arena = &arena};
    PLI_TRY(pli__stats_fill_gaps(&f, engine, local_path, err));
    static const char *const parts[] = {"minValues", "maxValues", "nullCount"};
    pli__buf_addf(out, "{\"numRecords\":%lld", (long long)file->rows);
    for (int part = 0; part < 3 && p->n_leaves; part++) {
        pli__buf_addf(out, ",\"%s\":", parts[part]);
        write_part(&f, &p->root, part, out);
    }
    pli__buf_addc(out, '}');
    return pli__buf_status(out, err);
}
