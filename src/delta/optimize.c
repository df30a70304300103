/*
 * Bin packing and z-order. The files to rewrite are chosen per partition; their rows go through one write, which sorts by
 * partition and cuts files at the target size, and one commit that changes no data.
 */
#include "base/time.h"
#include "delta/active.h"
#include "delta/clustering.h"
#include "delta/maintain.h"
#include "delta/row_ids.h"
#include "delta/touched.h"
#include "delta/transaction_impl.h"
#include "delta/zorder.h"

#define DEFAULT_TARGET (INT64_C(128) << 20)
#define SMALL_SHARE 0.8 /* files below that part of the target are put together */
#define ATTEMPTS 10

typedef struct {
    pli__str key;    /* partition values as one text */
    size_t n;        /* candidates */
    int64_t bytes;
    bool rewrite;
} group;

typedef struct {
    pli__delta *t;
    const pli__optimize_options *o;
    pli__snapshot *snapshot;
    pli__touched *touched;
    int64_t target;
    pli__arena arena;
    pli__map *groups;  /* key -> group */
    pli__map *allowed; /* paths of the partitions that `where` names; NULL = all */
    size_t n_order;    /* columns that rows are laid out by: those of the z-order, or of a clustered table */
    const char *const *order;
    char *mark;
    pli__optimize_result result;
} optimizer;

static void optimizer_clear(optimizer *z) {
    pli__touched_free(z->touched);
    if (z->snapshot) pli__snapshot_unref(z->snapshot);
    pli__map_free(z->groups);
    pli__map_free(z->allowed);
    pli__active_end(&z->mark);
    pli__arena_clear(&z->arena);
}

/* ---- choosing ---- */

static bool is_candidate(const optimizer *z, const pli__add *a) {
    if (z->allowed && !pli__map_has(z->allowed, a->path)) return false;
    return z->o->n_zorder || a->dv.storage || (double)a->size < (double)z->target * SMALL_SHARE;
}

static void add_key(const pli__add *a, pli__buf *out) {
    for (size_t i = 0; i < a->n_partition_values; i++) {
        pli__buf_addf(out, "%zu:", a->partition_values[i].value.ptr ? a->partition_values[i].value.len + 1 : 0);
        pli__buf_adds(out, a->partition_values[i].value);
    }
}

static pli_status group_of(optimizer *z, const pli__add *a, group **out, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf key = {0};
    add_key(a, &key);
    PLI_TRY(pli__buf_status(&key, err));
    const pli__str k = key.ptr ? pli__buf_str(&key) : PLI_STR("");
    group *g = pli__map_get(z->groups, k);
    if (!g) {
        g = pli__arena_calloc(&z->arena, 1, sizeof *g);
        if (!g || !pli__map_put(z->groups, k, g, NULL)) return pli__error_memory(err);
    }
    *out = g;
    return PLI_OK;
}

static pli_status count_file(void *arg, const pli__add *a, pli_error *err) {
    optimizer *z = arg;
    group *g;
    if (!is_candidate(z, a)) return PLI_OK;
    PLI_TRY(group_of(z, a, &g, err));
    g->n++;
    g->bytes += a->size;
    if (a->dv.storage) g->rewrite = true;
    return PLI_OK;
}

/* Is it worth it: do the group's files become fewer (or is an order, or the purge of deleted rows, asked for)? */
static void decide(optimizer *z) {
    void *value;
    pli__str key;
    for (size_t it = 0; pli__map_next(z->groups, &it, &key, &value);) {
        group *g = value;
        const int64_t least = (g->bytes + z->target - 1) / z->target;
        if (z->o->n_zorder ? g->n > 0 : (int64_t)g->n > (least ? least : 1)) g->rewrite = true;
        if (g->rewrite) z->result.partitions++;
    }
}

static pli_status take_file(void *arg, const pli__add *a, pli_error *err) {
    optimizer *z = arg;
    group *g;
    if (!is_candidate(z, a)) return PLI_OK;
    PLI_TRY(group_of(z, a, &g, err));
    if (!g->rewrite) return PLI_OK;
    z->result.files_removed++;
    z->result.bytes_removed += a->size;
    return pli__touched_add_file(z->touched, a, err);
}

/* Files of the partitions that a condition names. It may use partition columns only, so the files that a scan with it reads
 * are exactly those. */
static pli_status find_allowed(optimizer *z, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
    PLI_AUTO(pli__result_auto) pli__result *r = NULL;
    pli__scan *scan = NULL;
    pli__engine *e;
    pli__chunk c;
    const pli__scan_options options = {.where = z->o->where, .with_file_columns = true};
    if (!z->o->where) return PLI_OK;
    z->allowed = pli__map_new();
    if (!z->allowed) return pli__error_memory(err);
    PLI_TRY(pli__env_engine(pli__delta_env(z->t), &e, err));
    PLI_TRY(pli__scan_new(z->snapshot, &options, &scan, err));
    pli__buf_addf(&sql, "SELECT DISTINCT \"_pli_file\" FROM (%s)", pli__scan_sql(scan));
    pli_status s = pli__engine_query(e, sql.ptr ? sql.ptr : "", &r, err);
    while (s == PLI_OK && (s = pli__result_next(r, &c, err)) == PLI_OK && c.rows)
        for (size_t i = 0; i < c.rows && s == PLI_OK; i++)
            if (!pli__map_put(z->allowed, pli__chunk_str(&c, 0, i), NULL, NULL)) s = pli__error_memory(err);
    pli__scan_free(scan);
    return s;
}

/* ---- z-order ---- */

/* The files of a clustered table that are put together get its order; the others stay, and whoever clusters the table in
 * earnest finds no clusteringProvider on ours. */
static pli_status choose_order(optimizer *z, pli_error *err) {
    const char **clustered;
    size_t n;
    PLI_TRY(pli__clustering_columns(z->snapshot, &z->arena, &clustered, &n, err));
    if (n && z->o->n_zorder)
        return pli__error_set(err, PLI_E_ARGUMENT, "the table is clustered (by '%s'): it cannot have a z-order beside",
                              clustered[0]);
    z->n_order = n ? n : z->o->n_zorder;
    z->order = n ? clustered : z->o->zorder;
    return PLI_OK;
}

static pli_status check_zorder(const optimizer *z, pli_error *err) {
    const pli__type *schema = pli__snapshot_schema(z->snapshot);
    const pli__metadata *m = pli__snapshot_metadata(z->snapshot);
    for (size_t i = 0; i < z->o->n_zorder; i++) {
        const int k = pli__type_find(schema, pli__str_of(z->o->zorder[i]), false);
        if (k < 0) return pli__type_no_column(schema, z->o->zorder[i], err);
        for (size_t p = 0; p < m->n_partition_columns; p++)
            if (pli__str_eqz(m->partition_columns[p], schema->fields[k].name))
                return pli__error_set(err, PLI_E_ARGUMENT,
                                      "column '%s' partitions the table: within a partition it orders nothing",
                                      z->o->zorder[i]);
    }
    return PLI_OK;
}

static pli_status add_order(const optimizer *z, pli__buf *rows, pli_error *err) {
    pli__engine *e;
    if (!z->n_order) return PLI_OK;
    PLI_TRY(pli__env_engine(pli__delta_env(z->t), &e, err));
    return pli__zorder_sql(e, pli__snapshot_schema(z->snapshot), z->order, z->n_order, z->touched->hit_rows, rows, err);
}

/* ---- one attempt ---- */

static pli_status describe(const optimizer *z, pli__buf *out, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf predicate = {0}, order = {0};
    pli__buf_addc(&predicate, '[');
    if (z->o->where) pli__buf_add_json(&predicate, pli__str_of(z->o->where));
    pli__buf_addc(&predicate, ']');
    pli__buf_addc(&order, '[');
    for (size_t i = 0; i < z->o->n_zorder; i++) {
        if (i) pli__buf_addc(&order, ',');
        pli__buf_add_json(&order, pli__str_of(z->o->zorder[i]));
    }
    pli__buf_addc(&order, ']');
    pli__buf_addz(out, "{\"predicate\":");
    pli__buf_add_json(out, pli__buf_str(&predicate));
    pli__buf_addz(out, ",\"zOrderBy\":");
    pli__buf_add_json(out, pli__buf_str(&order));
    pli__buf_addz(out, ",\"auto\":\"false\"}");
    return pli__buf_status(out, err);
}

static pli_status commit(optimizer *z, const pli__written *w, pli_error *err) {
    PLI_AUTO(pli__txn_auto) pli__txn_handle *x = NULL;
    PLI_AUTO(pli__buf_clear) pli__buf parameters = {0};
    pli__commit_result r;
    PLI_TRY(describe(z, &parameters, err));
    const pli__txn_options options = {.operation = "OPTIMIZE",
                                      .operation_params = parameters.ptr,
                                      .reads = PLI__READS_FILES,
                                      .relaxed = z->o->relaxed};
    PLI_TRY(pli__txn_begin(z->t, z->snapshot, &options, &x, err));
    for (size_t i = 0; i < z->touched->n; i++) {
        PLI_TRY(pli__txn_read_file(x, z->touched->files[i].add.path, err));
        PLI_TRY(pli__txn_remove_add(x, &z->touched->files[i].add, false, err));
    }
    for (size_t i = 0; i < pli__written_files(w); i++) {
        pli__add a = *pli__written_add_at(w, i);
        a.data_change = false;
        PLI_TRY(pli__txn_add(x, &a, err));
    }
    PLI_TRY(pli__txn_metric(x, "numRemovedFiles", z->result.files_removed, err));
    PLI_TRY(pli__txn_metric(x, "numRemovedBytes", z->result.bytes_removed, err));
    PLI_TRY(pli__txn_metric(x, "numAddedFiles", z->result.files_added, err));
    PLI_TRY(pli__txn_metric(x, "numAddedBytes", z->result.bytes_added, err));
    PLI_TRY(pli__txn_commit(x, &r, err));
    z->result.version = r.version;
    z->result.committed = true;
    return PLI_OK;
}

/* The rows to rewrite, and the metadata that they are written for: with ids where the table tracks rows. */
static pli_status collect_rows(optimizer *z, pli__file_relation **relation, pli__buf *rows, pli__metadata *m,
                               pli_error *err) {
    bool any = false;
    *m = *pli__snapshot_metadata(z->snapshot);
    if (!pli__row_ids_kept(z->snapshot))
        return pli__touched_sql(z->touched, PLI__TOUCHED_HIT, false, relation, rows, &any, err);
    PLI_TRY(pli__row_ids_metadata(m, &z->arena, m, err));
    return pli__row_ids_sql(z->touched, PLI__TOUCHED_HIT, 0, relation, rows, &any, err);
}

static pli_status rewrite(optimizer *z, pli_error *err) {
    PLI_AUTO(pli__file_relation_auto) pli__file_relation *relation = NULL;
    PLI_AUTO(pli__buf_clear) pli__buf rows = {0};
    pli__written *w = NULL;
    pli__metadata m;
    PLI_TRY(pli__active_begin(z->t, &z->mark, err));
    PLI_TRY(collect_rows(z, &relation, &rows, &m, err));
    PLI_TRY(add_order(z, &rows, err));
    const pli__write_options options = {.target_file_size = z->target,
                                        .relaxed = z->o->relaxed,
                                        .trusted = true,
                                        .table = z->snapshot,
                                        .order_by = z->n_order ? PLI__ZORDER : NULL};
    PLI_TRY(pli__write_rows(z->t, pli__snapshot_protocol(z->snapshot), &m, rows.ptr, &options, NULL, &w, err));
    z->result.files_added = (int64_t)pli__written_files(w);
    z->result.bytes_added = pli__written_bytes(w);
    const pli_status s = commit(z, w, err);
    if (s != PLI_OK) pli__written_delete(w, z->t);
    pli__written_free(w);
    return s;
}

static pli_status try_optimize(pli__delta *t, const pli__optimize_options *o, pli__optimize_result *out,
                               pli_error *err) {
    PLI_AUTO(optimizer_clear) optimizer z = {.t = t, .o = o, .target = o->target_size};
    const pli__snapshot_options for_write = {.max_checkpoint = -1, .for_write = true};
    PLI_TRY(pli__snapshot_open(t, PLI__LATEST, &for_write, &z.snapshot, err));
    if (z.target <= 0 && !pli__size_parse(pli__snapshot_property(z.snapshot, "delta.targetFileSize"), &z.target))
        z.target = DEFAULT_TARGET;
    z.result.version = pli__snapshot_version(z.snapshot);
    z.groups = pli__map_new();
    if (!z.groups) return pli__error_memory(err);
    PLI_TRY(check_zorder(&z, err));
    PLI_TRY(choose_order(&z, err));
    PLI_TRY(find_allowed(&z, err));
    PLI_TRY(pli__touched_new(t, z.snapshot, &z.touched, err));
    PLI_TRY(pli__snapshot_files(z.snapshot, PLI__FILES_PARTITIONS | PLI__FILES_DV, count_file, &z, err));
    decide(&z);
    if (z.result.partitions) PLI_TRY(pli__snapshot_files(z.snapshot, PLI__FILES_ALL, take_file, &z, err));
    if (z.touched->n && !o->dry_run) PLI_TRY(rewrite(&z, err));
    *out = z.result;
    return PLI_OK;
}

pli_status pli__optimize(pli__delta *t, const pli__optimize_options *o, pli__optimize_result *out, pli_error *err) {
    pli_status s = PLI_E_CONFLICT;
    for (int i = 0; i < ATTEMPTS && s == PLI_E_CONFLICT; i++) {
        pli__error_clear(err);
        s = try_optimize(t, o, out, err);
    }
    return s;
}
