/* Restore: the files of an older version become the active ones again, in one commit. */
#include <stdio.h>

#include "base/map.h"
#include "delta/dv.h"
#include "delta/maintain.h"
#include "delta/path.h"

typedef struct {
    pli__delta *t;
    pli__txn_handle *x;      /* NULL: only counting */
    pli__map *now, *then;    /* (path, vector) of both versions */
    pli__map *fill;
    pli__restore_result result;
} restorer;

static pli_status key_of(const pli__add *a, pli__buf *key, pli_error *err) {
    pli__buf_reset(key);
    pli__buf_adds(key, a->path);
    pli__buf_addc(key, '\n');
    if (a->dv.storage) pli__dv_id(&a->dv, key);
    return pli__buf_status(key, err);
}

static pli_status note(void *arg, const pli__add *a, pli_error *err) {
    restorer *r = arg;
    PLI_AUTO(pli__buf_clear) pli__buf key = {0};
    PLI_TRY(key_of(a, &key, err));
    return pli__map_put(r->fill, pli__buf_str(&key), NULL, NULL) ? PLI_OK : pli__error_memory(err);
}

static pli_status check_there(restorer *r, const pli__add *a, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf path = {0};
    pli__file_info info;
    PLI_TRY(pli__uri_resolve(pli__delta_root(r->t), a->path, &path, err));
    PLI_TRY(pli__fs_stat(path.ptr, &info, err));
    if (info.kind == PLI__FILE_REGULAR) return PLI_OK;
    return pli__error_set(err, PLI_E_NOT_FOUND, "file '%.*s' of that version is gone (vacuumed?)",
                          PLI_STR_ARG(a->path));
}

static pli_status bring_back(void *arg, const pli__add *a, pli_error *err) {
    restorer *r = arg;
    PLI_AUTO(pli__buf_clear) pli__buf key = {0};
    r->result.bytes_after += a->size;
    PLI_TRY(key_of(a, &key, err));
    if (pli__map_has(r->now, pli__buf_str(&key))) return PLI_OK;
    PLI_TRY(check_there(r, a, err));
    r->result.files_restored++;
    pli__add add = *a;
    add.data_change = true;
    return r->x ? pli__txn_add(r->x, &add, err) : PLI_OK;
}

static pli_status take_away(void *arg, const pli__add *a, pli_error *err) {
    restorer *r = arg;
    PLI_AUTO(pli__buf_clear) pli__buf key = {0};
    PLI_TRY(key_of(a, &key, err));
    if (pli__map_has(r->then, pli__buf_str(&key))) return PLI_OK;
    r->result.files_removed++;
    return r->x ? pli__txn_remove_add(r->x, a, true, err) : PLI_OK;
}

static bool same_metadata(const pli__metadata *a, const pli__metadata *b) {
    bool same = pli__str_eq(a->schema_string, b->schema_string) && a->n_configuration == b->n_configuration &&
                a->n_partition_columns == b->n_partition_columns;
    for (size_t i = 0; same && i < a->n_configuration; i++)
        same = pli__str_eq(a->configuration[i].key, b->configuration[i].key) &&
               pli__str_eq(a->configuration[i].value, b->configuration[i].value);
    return same;
}

static pli_status fill(restorer *r, pli__snapshot *now, pli__snapshot *then, pli_error *err) {
    r->fill = r->now;
    PLI_TRY(pli__snapshot_files(now, PLI__FILES_DV, note, r, err));
    r->fill = r->then;
    PLI_TRY(pli__snapshot_files(then, PLI__FILES_DV, note, r, err));
    PLI_TRY(pli__snapshot_files(then, PLI__FILES_ALL, bring_back, r, err));
    PLI_TRY(pli__snapshot_files(now, PLI__FILES_ALL, take_away, r, err));
    /* the protocol is never lowered; the metadata keeps its id */
    pli__metadata m = *pli__snapshot_metadata(then);
    m.id = pli__snapshot_metadata(now)->id;
    if (r->x && !same_metadata(&m, pli__snapshot_metadata(now))) return pli__txn_set_metadata(r->x, &m, err);
    return PLI_OK;
}

static pli_status run(restorer *r, int64_t version, bool dry_run, pli_error *err) {
    PLI_AUTO(pli__snapshot_auto) pli__snapshot *now = NULL, *then = NULL;
    PLI_AUTO(pli__txn_auto) pli__txn_handle *x = NULL;
    const pli__snapshot_options for_write = {.max_checkpoint = -1, .for_write = true};
    pli__commit_result c;
    char parameters[80];
    PLI_TRY(pli__snapshot_open(r->t, PLI__LATEST, &for_write, &now, err));
    PLI_TRY(pli__snapshot_open(r->t, version, NULL, &then, err));
    snprintf(parameters, sizeof parameters, "{\"version\":\"%lld\",\"timestamp\":\"\"}", (long long)version);
    const pli__txn_options options = {
        .operation = "RESTORE", .operation_params = parameters, .reads = PLI__READS_TABLE, .data_change = true};
    r->result.version = pli__snapshot_version(now);
    if (!dry_run) PLI_TRY(pli__txn_begin(r->t, now, &options, &x, err));
    r->x = x;
    PLI_TRY(fill(r, now, then, err));
    if (dry_run || version == r->result.version) return PLI_OK;
    PLI_TRY(pli__txn_metric(x, "numRestoredFiles", r->result.files_restored, err));
    PLI_TRY(pli__txn_metric(x, "numRemovedFiles", r->result.files_removed, err));
    PLI_TRY(pli__txn_commit(x, &c, err));
    r->result.version = c.version;
    r->result.committed = true;
    return PLI_OK;
}

pli_status pli__restore(pli__delta *t, int64_t version, bool dry_run, pli__restore_result *out, pli_error *err) {
    restorer r = {.t = t, .now = pli__map_new(), .then = pli__map_new()};
    const pli_status s = r.now && r.then ? run(&r, version, dry_run, err) : pli__error_memory(err);
    pli__map_free(r.now);
    pli__map_free(r.then);
    if (s == PLI_OK) *out = r.result;
    return s;
}
