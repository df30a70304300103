/* The newest version, kept between the operations on an open table. */
#include "delta/latest.h"

#include "delta/log_list.h"
#include "delta/table.h"

/* The commit file tells whether the folder still holds the table that was kept: another one may have taken its place. */
static bool same_file(const pli__file_info *a, const pli__file_info *b) {
    return a->kind == b->kind && a->device == b->device && a->inode == b->inode && a->size == b->size &&
           a->mtime_ns == b->mtime_ns;
}

static bool look_at_commit(pli__delta *t, int64_t version, pli__file_info *out) {
    char name[32];
    pli__log_commit_name(version, name);
    return pli__store_stat(t->log, name, out, NULL) == PLI_OK && out->kind != PLI__FILE_NONE;
}

void pli__latest_switch_on(pli__delta *t) { t->keeps_latest = true; }

static void drop(pli__delta *t) {
    pli__snapshot *s = t->latest;
    t->latest = NULL;
    pli__snapshot_unref(s);
}

void pli__latest_forget(pli__delta *t) {
    t->keeps_latest = false;
    drop(t);
}

void pli__latest_keep(pli__delta *t, pli__snapshot *s) {
    pli__file_info info;
    if (!t->keeps_latest || s == t->latest) return;
    drop(t);
    if (!s || !look_at_commit(t, pli__snapshot_version(s), &info)) return;
    t->latest = pli__snapshot_ref(s);
    t->latest_commit = info;
}

static pli_status advance(pli__delta *t, pli__snapshot **out, bool *done, pli_error *err) {
    pli__file_info info;
    if (!look_at_commit(t, pli__snapshot_version(t->latest), &info) || !same_file(&info, &t->latest_commit))
        return PLI_OK;
    const pli_status s = pli__snapshot_advance(t->latest, PLI__LATEST, out, err);
    if (s == PLI_E_MEMORY || s == PLI_E_CANCELLED) return s;
    *done = s == PLI_OK;
    pli__error_clear(err);
    return PLI_OK;
}

pli_status pli__latest_open(pli__delta *t, pli__snapshot **out, pli_error *err) {
    const pli__snapshot_options for_write = {.max_checkpoint = -1, .for_write = true};
    bool done = false;
    if (t->latest) PLI_TRY(advance(t, out, &done, err));
    if (!done) PLI_TRY(pli__snapshot_open(t, PLI__LATEST, &for_write, out, err));
    pli__latest_keep(t, *out);
    return PLI_OK;
}
