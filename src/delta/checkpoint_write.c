/* Checkpoints: which form, the classic one, `_last_checkpoint`. */
#include "delta/checkpoint_write.h"

#include <stdio.h>

#include "base/hash.h"
#include "delta/checkpoint_rows.h"
#include "delta/features.h"
#include "delta/log_list.h"

pli_status pli__checkpoint_publish_file(const char *temp, const char *folder, const char *name, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf path = {0};
    pli__buf_addf(&path, "%s/%s", folder, name);
    pli_status s = pli__buf_status(&path, err);
    if (s == PLI_OK) s = pli__fs_sync_file(temp, err);
    if (s == PLI_OK) s = pli__fs_rename_noreplace(temp, path.ptr, err);
    if (s == PLI_OK) return pli__fs_sync_dir(folder, err);
    (void)pli__fs_unlink(temp, true, NULL);
    return s;
}

/* ---- classic ---- */

static pli_status see_written(void *arg, const pli__written_file *file, pli_error *err) {
    (void)err;
    *(int64_t *)arg += file->bytes;
    return PLI_OK;
}

static pli_status give_all_files(void *arg, pli__checkpoint_rows *to, pli_error *err) {
    pli__snapshot *s = arg;
    PLI_TRY(pli__snapshot_files(s, PLI__FILES_ALL, pli__checkpoint_rows_add, to, err));
    return pli__snapshot_removes(s, pli__checkpoint_rows_remove, to, err);
}

static pli_status write_classic(pli__snapshot *s, pli__delta *t, pli__engine *e, pli__delta_checkpoint_result *r,
                                pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf temp = {0};
    pli__checkpoint_rows rows = {.snapshot = s, .form = PLI__ROWS_CLASSIC, .files = give_all_files, .arg = s};
    const char *folder = pli__store_local_path(pli__delta_log(t));
    char name[64], uuid[37];
    snprintf(name, sizeof name, "%020lld.checkpoint.parquet", (long long)r->version);
    pli__uuid_new(uuid);
    pli__buf_addf(&temp, "%s/.%s.%s.tmp", folder, name, uuid);
    PLI_TRY(pli__buf_status(&temp, err));
    pli__checkpoint_rows_retention(&rows);
    pli_status status = pli__checkpoint_rows_copy(&rows, e, temp.ptr, "", see_written, &r->bytes_written, err);
    if (status != PLI_OK) {
        (void)pli__fs_unlink(temp.ptr, true, NULL);
        return status;
    }
    r->bytes = r->bytes_written;
    r->actions = rows.actions;
    r->add_files = rows.adds;
    r->table_bytes = rows.add_bytes;
    status = pli__checkpoint_publish_file(temp.ptr, folder, name, err);
    if (status != PLI_E_EXISTS) return status;
    pli__error_clear(err); /* somebody else has written the same state */
    return PLI_OK;
}

/* ---- _last_checkpoint ---- */

static pli_status write_hint(pli__delta *t, const pli__delta_checkpoint_result *r, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf canonical = {0}, text = {0};
    char md5[33];
    if (pli__log_hint_version(pli__delta_log(t)) > r->version) return PLI_OK;
    pli__buf_addf(&canonical, "\"numOfAddFiles\"=%lld,\"size\"=%lld,\"sizeInBytes\"=%lld,\"version\"=%lld",
                  (long long)r->add_files, (long long)r->actions, (long long)r->bytes, (long long)r->version);
    PLI_TRY(pli__buf_status(&canonical, err));
    pli__md5_hex(pli__buf_str(&canonical), md5);
    pli__buf_addf(&text,
                  "{\"version\":%lld,\"size\":%lld,\"sizeInBytes\":%lld,\"numOfAddFiles\":%lld,\"checksum\":\"%s\"}",
                  (long long)r->version, (long long)r->actions, (long long)r->bytes, (long long)r->add_files, md5);
    PLI_TRY(pli__buf_status(&text, err));
    return pli__store_replace(pli__delta_log(t), "_last_checkpoint", pli__buf_str(&text), 0, err);
}

/* ---- ---- */

static pli_status is_there(pli__delta *t, int64_t version, bool *there, pli_error *err) {
    PLI_AUTO(pli__log_listing_clear) pli__log_listing l = {0};
    PLI_TRY(pli__log_list(pli__delta_log(t), version, &l, err));
    *there = l.n_checkpoints && l.checkpoints[0].version == version;
    return PLI_OK;
}

bool pli__checkpoint_wants_v2(const pli__snapshot *s) {
    return pli__str_ieqz(pli__snapshot_property(s, "delta.checkpointPolicy"), "v2") &&
           pli__snapshot_has_feature(s, "v2Checkpoint");
}

static pli_status write_form(pli__snapshot *s, pli__delta *t, pli__delta_checkpoint_result *r, pli_error *err) {
    PLI_AUTO(pli__engine_auto) pli__engine *own = NULL;
    pli__engine *e;
    PLI_TRY(pli__env_engine(pli__delta_env(t), &e, err));
    PLI_TRY(pli__engine_connect(e, &own, err));
    return pli__checkpoint_wants_v2(s) ? pli__checkpoint_write_v2(s, t, own, r, err) : write_classic(s, t, own, r, err);
}

pli_status pli__delta_checkpoint_write(pli__snapshot *s, pli__delta *t, pli__delta_checkpoint_result *out,
                                       pli_error *err) {
    bool there = false;
    pli__delta_checkpoint_result r = {.version = pli__snapshot_version(s)};
    if (!pli__store_local_path(pli__delta_log(t)))
        return pli__error_set(err, PLI_E_ARGUMENT, "checkpoints need a local folder");
    PLI_TRY(pli__protocol_check_write(pli__snapshot_protocol(s), err));
    PLI_TRY(is_there(t, r.version, &there, err));
    if (!there) {
        PLI_TRY_IN(write_form(s, t, &r, err), err, "could not write checkpoint %lld", (long long)r.version);
        PLI_TRY(write_hint(t, &r, err));
    }
    if (out) *out = r;
    return PLI_OK;
}
