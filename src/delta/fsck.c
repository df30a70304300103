/* FSCK: active files that are not on disk, or whose deletion vectors are not, leave the table. */
#include "delta/fsck.h"

#include "delta/dv.h"
#include "delta/path.h"
#include "delta/transaction.h"

enum { ATTEMPTS = 10 };

typedef struct {
    pli__delta *t;
    pli__fsck_fn *fn;
    void *arg;
    pli__txn_handle *x; /* NULL: only looking */
    bool data_change;
    pli__fsck_result result;
    pli__buf path, vector, decoded;
} checker;

static void checker_clear(checker *c) {
    pli__buf_clear(&c->path);
    pli__buf_clear(&c->vector);
    pli__buf_clear(&c->decoded);
}

/* Size of the vector as its own file says, at its offset; -1 = the file is too short. */
static pli_status stored_size(const char *path, int64_t offset, int64_t *size, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf head = {0};
    *size = -1;
    PLI_TRY(pli__fs_read_at(path, offset, 4, &head, err));
    if (head.len < 4) return PLI_OK;
    const unsigned char *b = (const unsigned char *)head.ptr;
    *size = (int64_t)b[0] << 24 | (int64_t)b[1] << 16 | (int64_t)b[2] << 8 | b[3];
    return PLI_OK;
}

static pli_status check_vector(checker *c, const pli__dv *dv, pli__fsck_finding *f, pli_error *err) {
    pli__file_info info;
    int64_t size;
    const int64_t offset = dv->offset < 0 ? 0 : dv->offset;
    if (!dv->storage || dv->storage == 'i') return PLI_OK;
    pli__buf_reset(&c->vector);
    PLI_TRY(pli__dv_path(pli__delta_root(c->t), dv, &c->vector, err));
    f->vector = pli__buf_str(&c->vector);
    PLI_TRY(pli__fs_stat(c->vector.ptr, &info, err));
    f->vector_missing = info.kind != PLI__FILE_REGULAR;
    if (f->vector_missing) return PLI_OK;
    PLI_TRY(stored_size(c->vector.ptr, offset, &size, err));
    f->vector_invalid = size != dv->size || info.size < offset + dv->size + 8;
    return PLI_OK;
}

static pli_status look(checker *c, const pli__add *a, pli__fsck_finding *f, pli_error *err) {
    pli__file_info info;
    pli__buf_reset(&c->path);
    pli__buf_reset(&c->decoded);
    PLI_TRY(pli__uri_resolve(pli__delta_root(c->t), a->path, &c->path, err));
    pli__uri_decode(a->path, &c->decoded);
    PLI_TRY(pli__buf_status(&c->decoded, err));
    f->path = pli__buf_str(&c->decoded);
    PLI_TRY(pli__fs_stat(c->path.ptr, &info, err));
    f->file_missing = info.kind != PLI__FILE_REGULAR;
    return check_vector(c, &a->dv, f, err);
}

static pli_status check_file(void *arg, const pli__add *a, pli_error *err) {
    checker *c = arg;
    pli__fsck_finding f = {0};
    c->result.files_checked++;
    PLI_TRY(pli__env_check_cancel(pli__delta_env(c->t), err));
    PLI_TRY(look(c, a, &f, err));
    c->result.files_missing += f.file_missing;
    c->result.vectors_missing += f.vector_missing;
    c->result.vectors_invalid += f.vector_invalid;
    if (!f.file_missing && !f.vector_missing && !f.vector_invalid) return PLI_OK;
    c->result.files_removed++;
    if (c->fn) PLI_TRY(c->fn(c->arg, &f, err));
    return c->x ? pli__txn_remove_add(c->x, a, c->data_change, err) : PLI_OK;
}

static pli_status attempt(checker *c, bool dry_run, pli_error *err) {
    PLI_AUTO(pli__snapshot_auto) pli__snapshot *s = NULL;
    PLI_AUTO(pli__txn_auto) pli__txn_handle *x = NULL;
    const pli__snapshot_options for_write = {.for_write = true};
    pli__commit_result r;
    c->result = (pli__fsck_result){0};
    PLI_TRY(pli__snapshot_open(c->t, PLI__LATEST, &for_write, &s, err));
    c->result.version = pli__snapshot_version(s);
    c->data_change = !pli__str_ieqz(pli__snapshot_property(s, "delta.enableChangeDataFeed"), "true");
    const pli__txn_options options = {.operation = "FSCK",
                                      .operation_params = "{\"dryRun\":\"false\"}",
                                      .reads = PLI__READS_FILES,
                                      .data_change = c->data_change};
    if (!dry_run) PLI_TRY(pli__txn_begin(c->t, s, &options, &x, err));
    c->x = x;
    PLI_TRY(pli__snapshot_files(s, PLI__FILES_ALL, check_file, c, err));
    if (dry_run || !c->result.files_removed) return PLI_OK;
    PLI_TRY(pli__txn_metric(x, "numRemovedFiles", c->result.files_removed, err));
    PLI_TRY(pli__txn_metric(x, "numMissingFiles", c->result.files_missing, err));
    PLI_TRY(pli__txn_commit(x, &r, err));
    c->result.version = r.version;
    c->result.committed = true;
    return PLI_OK;
}

pli_status pli__fsck(pli__delta *t, bool dry_run, pli__fsck_fn *fn, void *arg, pli__fsck_result *out, pli_error *err) {
    PLI_AUTO(checker_clear) checker c = {.t = t, .fn = fn, .arg = arg};
    pli_status s = PLI_E_CONFLICT;
    for (int i = 0; i < ATTEMPTS && s == PLI_E_CONFLICT; i++) {
        pli__error_clear(err);
        if (i) c.fn = NULL; /* what is wrong has been said */
        s = attempt(&c, dry_run, err);
    }
    if (s == PLI_OK) *out = c.result;
    return s;
}
