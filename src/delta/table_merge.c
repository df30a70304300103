/* The public door of merges. */
#include <stdio.h>

#include "base/hash.h"
#include "delta/merge.h"
#include "delta/table_public.h"

/* ---- the txn of the caller ---- */

typedef struct own_txn {
    const char *app_id;
    int64_t version;
} own_txn;

static pli_status on_txn(void *arg, const pli__txn *found, int64_t commit_version, pli_error *err) {
    const own_txn *x = arg;
    (void)commit_version;
    if (found->version < x->version) return PLI_OK;
    return pli__error_set(err, PLI_E_EXISTS, "the table has txn %lld of '%s'", (long long)found->version, x->app_id);
}

static pli_status identify(void *arg, pli__snapshot *s, pli__merge_identity *out, pli_error *err) {
    const own_txn *x = arg;
    pli__txn found;
    (void)err;
    *out = (pli__merge_identity){.app_id = x->app_id, .txn_version = x->version, .on_txn = on_txn, .on_txn_arg = arg};
    out->repeat = pli__snapshot_txn(s, pli__str_of(x->app_id), &found) && found.version >= x->version;
    return PLI_OK;
}

/* ---- report ---- */

static pli_status report(const pli__merge_result *r, pli_row_fn *fn, void *arg, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf row = {0};
    const struct {
        const char *key;
        int64_t value;
    } numbers[] = {{"rowsInserted", r->rows_inserted},
                   {"rowsUpdated", r->rows_updated},
                   {"rowsDeleted", r->rows_deleted},
                   {"rowsCopied", r->rows_copied},
                   {"sourceRows", r->source_rows},
                   {"filesTotal", r->files_total},
                   {"filesSkipped", r->files_total - r->files_scanned},
                   {"filesScanned", r->files_scanned},
                   {"filesRemoved", r->files_removed},
                   {"filesAdded", r->files_added},
                   {"filesRewritten", r->files_rewritten},
                   {"deletionVectorsAdded", r->vectors_added},
                   {"bytesAdded", r->bytes_added}};
    if (!fn) return PLI_OK;
    pli__buf_addf(&row, "{\"operation\":\"MERGE\",\"version\":%lld,\"committed\":%s", (long long)r->version,
                  r->committed ? "true" : "false");
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        pli__buf_addf(&row, ",\"%s\":%lld", numbers[i].key, (long long)numbers[i].value);
    pli__buf_addf(&row, ",\"repeat\":%s}", r->repeat ? "true" : "false");
    PLI_TRY(pli__buf_status(&row, err));
    return pli__table_emit(fn, arg, &row, err);
}

/* ---- merge ---- */

static pli_status merge(pli_table *t, const char *source, const pli_merge_options *options, pli_row_fn *fn, void *arg,
                        pli_error *err) {
    pli_merge_options o = {0};
    pli__merge_result r = {0};
    memcpy(&o, options, options->size < sizeof o ? options->size : sizeof o);
    own_txn txn = {o.txn_app_id, o.txn_version};
    const pli__merge_options m = {.on = o.on,
                                  .n_clauses = o.n_clauses,
                                  .clauses = o.clauses,
                                  .write_mode = o.write_mode,
                                  .merge_schema = o.merge_schema,
                                  .dry_run = o.dry_run,
                                  .relaxed = o.relaxed,
                                  .user_metadata = o.user_metadata,
                                  .identify = o.txn_app_id ? identify : NULL,
                                  .identify_arg = &txn};
    PLI_TRY(pli__merge_run(t->delta, source, &m, &r, err));
    return report(&r, fn, arg, err);
}

static pli_status check(const pli_table *t, const void *source, const pli_merge_options *o, pli_error *err) {
    if (!t || !source || !o) return pli__error_set(err, PLI_E_ARGUMENT, "table, source and options must not be NULL");
    if (!o->size) return pli__error_set(err, PLI_E_ARGUMENT, "'size' of the options is not set");
    return PLI_OK;
}

pli_status pli_table_merge_sql(pli_table *t, const char *source, const pli_merge_options *options, pli_row_fn *fn,
                               void *arg, pli_error *err) {
    PLI_TRY(check(t, source, options, err));
    return merge(t, source, options, fn, arg, err);
}

pli_status pli_table_merge_table(pli_table *t, pli_table *source, const pli_at *at, const pli_merge_options *options,
                                 pli_row_fn *fn, void *arg, pli_error *err) {
    PLI_AUTO(pli__snapshot_auto) pli__snapshot *s = NULL;
    PLI_AUTO(pli__scan_auto) pli__scan *scan = NULL;
    int64_t version;
    PLI_TRY(check(t, source, options, err));
    if (t->env != source->env)
        return pli__error_set(err, PLI_E_ARGUMENT, "the tables of a merge must be of one environment");
    PLI_TRY(pli__table_resolve(source, at && at->has_version, at ? at->version : 0, at ? at->timestamp : NULL, &version,
                               err));
    PLI_TRY(pli__snapshot_open(source->delta, version, NULL, &s, err));
    PLI_TRY(pli__scan_new(s, NULL, &scan, err));
    return merge(t, pli__scan_sql(scan), options, fn, arg, err);
}

pli_status pli_table_merge(pli_table *t, struct ArrowArrayStream *take, const pli_merge_options *options,
                           pli_row_fn *fn, void *arg, pli_error *err) {
    char name[64] = "pli_merge_in_", sql[96], uuid[37];
    pli__engine *e = NULL;
    pli_status s = check(t, take, options, err);
    if (s == PLI_OK) s = pli__env_engine(t->env, &e, err);
    if (s != PLI_OK) {
        if (take && take->release) take->release(take);
        return s;
    }
    pli__uuid_new(uuid);
    for (size_t i = 0, k = strlen(name); uuid[i]; i++)
        if (uuid[i] != '-') name[k++] = uuid[i], name[k] = '\0';
    PLI_TRY(pli__engine_register_arrow(e, name, take, err));
    snprintf(sql, sizeof sql, "SELECT * FROM %s", name);
    s = merge(t, sql, options, fn, arg, err);
    (void)pli__engine_unregister(e, name, NULL);
    return s;
}
