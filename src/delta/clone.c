/* Shallow clones. */
#include "delta/clone.h"

#include <stdio.h>

#include "base/hash.h"
#include "delta/dv.h"
#include "delta/metadata_write.h"
#include "delta/path.h"
#include "delta/path_write.h"

typedef struct {
    pli__delta *from;
    pli__txn_handle *x; /* NULL: only counting */
    pli__clone_result *result;
} cloner;

/* ---- files ---- */

static pli_status absolute_uri(const pli__buf *local, pli__buf *out, pli_error *err) {
    pli__buf_addz(out, "file:"); /* one slash, as Spark spells it: it compares these texts */
    pli__uri_encode(pli__buf_str(local), out);
    return pli__buf_status(out, err);
}

/* A vector in a file of its own is named absolutely (storage 'p'); one inside of the log stays where it is. */
static pli_status move_vector(const cloner *c, pli__dv *dv, pli__buf *uri, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf local = {0};
    if (!dv->storage || dv->storage == 'i') return PLI_OK;
    PLI_TRY(pli__dv_path(pli__delta_root(c->from), dv, &local, err));
    PLI_TRY(absolute_uri(&local, uri, err));
    dv->storage = 'p';
    dv->path = pli__buf_str(uri);
    return PLI_OK;
}

static pli_status clone_file(void *arg, const pli__add *a, pli_error *err) {
    const cloner *c = arg;
    PLI_AUTO(pli__buf_clear) pli__buf local = {0}, uri = {0}, vector = {0};
    pli__add add = *a;
    c->result->files++;
    c->result->bytes += a->size;
    if (!c->x) return PLI_OK;
    PLI_TRY(pli__uri_resolve(pli__delta_root(c->from), a->path, &local, err));
    PLI_TRY(absolute_uri(&local, &uri, err));
    add.path = pli__buf_str(&uri);
    add.data_change = true;
    PLI_TRY(move_vector(c, &add.dv, &vector, err));
    return pli__txn_add(c->x, &add, err);
}

/* ---- metadata ---- */

static pli_status clone_metadata(const cloner *c, const pli__snapshot *s, pli_error *err) {
    static const char *const of_the_source[] = {"delta.inCommitTimestampEnablementVersion",
                                                "delta.inCommitTimestampEnablementTimestamp"};
    PLI_AUTO(pli__arena_clear) pli__arena arena = {0};
    pli__metadata m = *pli__snapshot_metadata(s);
    char uuid[37];
    pli__uuid_new(uuid);
    m.id = pli__str_of(uuid);
    m.created_time = pli__env_now_us(pli__delta_env(c->from)) / 1000;
    for (size_t i = 0; i < sizeof of_the_source / sizeof of_the_source[0]; i++)
        PLI_TRY(pli__metadata_set(&m, pli__str_of(of_the_source[i]), (pli__str){0}, &arena, err));
    PLI_TRY(pli__txn_set_protocol(c->x, pli__snapshot_protocol(s), err));
    PLI_TRY(pli__txn_set_metadata(c->x, &m, err));
    for (size_t i = 0; i < pli__snapshot_n_domains(s); i++) {
        const pli__domain d = pli__snapshot_domain_at(s, i);
        PLI_TRY(pli__txn_set_domain(c->x, &d, err));
    }
    return PLI_OK;
}

static pli_status describe(const cloner *c, pli__buf *out, pli_error *err) {
    pli__buf_addz(out, "{\"source\":");
    pli__buf_add_json(out, pli__str_of(pli__delta_root(c->from)));
    pli__buf_addf(out, ",\"sourceVersion\":\"%lld\",\"isShallow\":\"true\"}", (long long)c->result->source_version);
    return pli__buf_status(out, err);
}

/* ---- ---- */

static pli_status check_places(pli__delta *from, pli__delta *to, pli_error *err) {
    const char *a = pli__delta_root(from), *b = pli__delta_root(to);
    bool exists = false;
    if (pli__path_inside(a, b) || pli__path_inside(b, a))
        return pli__error_set(err, PLI_E_ARGUMENT,
                              "a clone cannot lie inside of its source, nor the source inside of it ('%s', '%s')", a,
                              b);
    PLI_TRY(pli__delta_exists(to, &exists, err));
    return exists ? pli__error_set(err, PLI_E_EXISTS, "there is a table in '%s' already", b) : PLI_OK;
}

static pli_status commit(cloner *c, pli__snapshot *s, pli__delta *to, pli_error *err) {
    PLI_AUTO(pli__txn_auto) pli__txn_handle *x = NULL;
    PLI_AUTO(pli__buf_clear) pli__buf parameters = {0};
    pli__commit_result r;
    PLI_TRY(describe(c, &parameters, err));
    const pli__txn_options options = {.operation = "CLONE",
                                      .operation_params = parameters.ptr,
                                      .reads = PLI__READS_TABLE,
                                      .data_change = true,
                                      .no_file_check = true};
    PLI_TRY(pli__txn_begin(to, NULL, &options, &x, err));
    c->x = x;
    PLI_TRY(clone_metadata(c, s, err));
    PLI_TRY(pli__snapshot_files(s, PLI__FILES_ALL, clone_file, c, err));
    PLI_TRY(pli__txn_metric(x, "sourceNumOfFiles", c->result->files, err));
    PLI_TRY(pli__txn_metric(x, "sourceTableSize", c->result->bytes, err));
    PLI_TRY(pli__txn_metric(x, "numCopiedFiles", 0, err));
    PLI_TRY(pli__fs_mkdirs(pli__delta_root(to), err));
    PLI_TRY(pli__txn_commit(x, &r, err));
    c->result->version = r.version;
    c->result->committed = true;
    return PLI_OK;
}

pli_status pli__clone(pli__delta *from, int64_t version, pli__delta *to, bool dry_run, pli__clone_result *out,
                      pli_error *err) {
    PLI_AUTO(pli__snapshot_auto) pli__snapshot *s = NULL;
    const pli__snapshot_options for_write = {.max_checkpoint = -1, .for_write = true};
    pli__clone_result r = {0};
    cloner c = {.from = from, .result = &r};
    PLI_TRY(check_places(from, to, err));
    PLI_TRY(pli__snapshot_open(from, version, &for_write, &s, err));
    r.source_version = pli__snapshot_version(s);
    if (dry_run) PLI_TRY(pli__snapshot_files(s, PLI__FILES_PATHS, clone_file, &c, err));
    else PLI_TRY(commit(&c, s, to, err));
    *out = r;
    return PLI_OK;
}
