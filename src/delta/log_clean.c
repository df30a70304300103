/*
 * Cleaning of the log by retention (PROTOCOL.md, "Metadata Cleanup").
 *
 *   threshold = midnight (UTC) of the day that lies logRetentionDuration back
 *   newest commit not younger than it ─► newest checkpoint not newer than that commit ─► everything below goes
 *
 * The checkpoint must open, sidecars included, before anything is deleted. Files go oldest first: wherever that stops, what is
 * left is a log that begins later. Sidecars go last, when the checkpoints that named them are gone: those that no checkpoint
 * names and that are older than a day, because younger ones may belong to a checkpoint that is being written.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/map.h"
#include "delta/checkpoint.h"
#include "delta/checkpoint_write.h"
#include "delta/features.h"
#include "delta/history.h"
#include "delta/interval.h"
#include "delta/log_list.h"
#include "delta/log_maintain.h"
#include "delta/table.h"

#define DAY_US (INT64_C(86400) * 1000000)
#define DEFAULT_RETENTION_US (30 * DAY_US)
#define SPARED_US DAY_US /* sidecars and unfinished files that are younger stay */

enum { VERSION_DIGITS = 20 };

typedef struct {
    pli__snapshot *snapshot;
    pli__delta *t;
    int64_t now_us;
    pli__log_clean_result result;
} cleaner;

/* ---- how far ---- */

static int64_t threshold_us(const cleaner *c) {
    int64_t keep = DEFAULT_RETENTION_US;
    const pli__str text = pli__snapshot_property(c->snapshot, "delta.logRetentionDuration");
    if (text.ptr && !pli__interval_parse(text, &keep)) keep = DEFAULT_RETENTION_US;
    const int64_t at = c->now_us - keep;
    return at - ((at % DAY_US) + DAY_US) % DAY_US;
}

/* The feature checkpointProtection: versions below the one that the property names go all at once, or not at all. */
static bool is_protected(const pli__snapshot *s, int64_t before) {
    int64_t needed = 0;
    if (!pli__snapshot_has_feature(s, "checkpointProtection")) return false;
    pli__str_to_i64(pli__snapshot_property(s, "delta.requireCheckpointProtectionBeforeVersion"), &needed);
    return before < needed;
}

/* A look at the oldest commit alone: most of the time nothing has expired, and the others need no look. */
static pli_status oldest_is_young(const cleaner *c, const pli__log_listing *l, bool *young, pli_error *err) {
    char name[32];
    pli__file_info info;
    pli__log_commit_name(l->commits[0], name);
    PLI_TRY(pli__store_stat(pli__delta_log(c->t), name, &info, err));
    *young = info.kind == PLI__FILE_NONE || info.mtime_ns / 1000 > threshold_us(c);
    return PLI_OK;
}

static pli_status ignore_action(void *arg, const pli__action *a, pli_error *err) {
    (void)arg, (void)a, (void)err;
    return PLI_OK;
}

/* Newest checkpoint up to a version that opens; -1 = none. */
static pli_status usable_checkpoint(const cleaner *c, const pli__log_listing *l, int64_t most, int64_t *version,
                                    pli_error *err) {
    *version = -1;
    for (size_t i = l->n_checkpoints; i-- > 0;) {
        PLI_AUTO(pli__log_checkpoint_auto) pli__log_checkpoint *opened = NULL;
        if (l->checkpoints[i].version > most) continue;
        const pli_status s = pli__log_checkpoint_open(c->t, &l->checkpoints[i], ignore_action, NULL, &opened, err);
        if (s == PLI_E_MEMORY || s == PLI_E_CANCELLED) return s;
        pli__error_clear(err);
        if (s != PLI_OK) continue;
        *version = l->checkpoints[i].version;
        return PLI_OK;
    }
    return PLI_OK;
}

/* First version that stays, -1 = nothing is to be done. */
static pli_status find_limit(const cleaner *c, int64_t *before, pli_error *err) {
    PLI_AUTO(pli__log_listing_clear) pli__log_listing l = {0};
    pli__time_rule rule;
    bool young;
    int64_t commit;
    *before = -1;
    PLI_TRY(pli__log_list(pli__delta_log(c->t), 0, &l, err));
    if (!l.n_commits || !l.n_checkpoints) return PLI_OK;
    PLI_TRY(oldest_is_young(c, &l, &young, err));
    if (young) return PLI_OK;
    PLI_TRY(pli__time_rule_open(c->t, &rule, err));
    PLI_TRY(pli__time_rule_find(c->t, &rule, threshold_us(c) / 1000, &commit, err));
    PLI_TRY(usable_checkpoint(c, &l, commit, before, err));
    if (*before >= 0 && is_protected(c->snapshot, *before)) *before = -1;
    return PLI_OK;
}

/* ---- files by version ---- */

typedef enum { FILE_COMMIT, FILE_CHECKPOINT, FILE_OTHER, FILE_FOREIGN } file_kind;

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* "<version>.<rest>"; FILE_FOREIGN for names that are not of the log. */
static file_kind kind_of(const char *name, int64_t *version, bool *compacted) {
    size_t n = 0;
    while (n < VERSION_DIGITS && is_digit(name[n])) n++;
    *compacted = false;
    if (n < VERSION_DIGITS || !pli__str_to_i64((pli__str){name, n}, version)) return FILE_FOREIGN;
    const char *rest = name + n;
    if (strcmp(rest, ".json") == 0) return FILE_COMMIT;
    if (strcmp(rest, ".crc") == 0) return FILE_OTHER;
    if (strncmp(rest, ".checkpoint.", strlen(".checkpoint.")) == 0) return FILE_CHECKPOINT;
    for (n = 1; n <= VERSION_DIGITS && rest[0] == '.' && is_digit(rest[n]);) n++;
    *compacted = n == VERSION_DIGITS + 1 && strcmp(rest + n, ".compacted.json") == 0;
    return *compacted ? FILE_OTHER : FILE_FOREIGN;
}

typedef struct {
    cleaner *c;
    pli__arena arena;
    const char **names;
    size_t n, cap;
} name_list;

static void name_list_clear(name_list *l) {
    free((void *)l->names);
    pli__arena_clear(&l->arena);
}

static pli_status note_name(name_list *l, const char *name, pli_error *err) {
    if (l->n == l->cap) {
        const size_t cap = l->cap ? l->cap * 2 : 256;
        const char **moved = realloc((void *)l->names, cap * sizeof *moved);
        if (!moved) return pli__error_memory(err);
        l->names = moved;
        l->cap = cap;
    }
    l->names[l->n] = pli__arena_strdup(&l->arena, pli__str_of(name));
    return l->names[l->n++] ? PLI_OK : pli__error_memory(err);
}

/* A compacted file goes with its first version, and also when it begins with the one that stays: nobody reads it then. */
static pli_status see_name(void *arg, const pli__store_entry *e, pli_error *err) {
    name_list *l = arg;
    int64_t version;
    bool compacted;
    if (kind_of(e->name, &version, &compacted) == FILE_FOREIGN) return PLI_OK;
    return version < l->c->result.before + compacted ? note_name(l, e->name, err) : PLI_OK;
}

static pli_status delete_old(cleaner *c, pli_error *err) {
    PLI_AUTO(name_list_clear) name_list l = {.c = c};
    int64_t version;
    bool compacted;
    PLI_TRY(pli__store_list(pli__delta_log(c->t), "", NULL, false, see_name, &l, err));
    for (size_t i = 0; i < l.n; i++) {
        const file_kind kind = kind_of(l.names[i], &version, &compacted);
        PLI_TRY(pli__env_check_cancel(pli__delta_env(c->t), err));
        PLI_TRY(pli__store_remove(pli__delta_log(c->t), l.names[i], err));
        *(kind == FILE_COMMIT       ? &c->result.commits
          : kind == FILE_CHECKPOINT ? &c->result.checkpoints
                                    : &c->result.others) += 1;
    }
    free(c->t->times.ms); /* times of versions that are gone */
    c->t->times = (pli__commit_times){0};
    return PLI_OK;
}

/* ---- sidecars ---- */

static pli_status note_named(pli__delta *t, pli__map *named, pli_error *err) {
    PLI_AUTO(pli__log_listing_clear) pli__log_listing l = {0};
    PLI_TRY(pli__log_list(pli__delta_log(t), 0, &l, err));
    for (size_t i = 0; i < l.n_checkpoints; i++) {
        PLI_AUTO(pli__log_checkpoint_auto) pli__log_checkpoint *c = NULL;
        PLI_TRY(pli__log_checkpoint_open(t, &l.checkpoints[i], ignore_action, NULL, &c, err));
        for (size_t k = 0; k < pli__log_checkpoint_n_sidecars(c); k++)
            if (!pli__map_put(named, pli__log_checkpoint_sidecar(c, k).path, NULL, NULL)) return pli__error_memory(err);
    }
    return PLI_OK;
}

/* Deletes a file of a folder unless it is young; the look at its time comes last, because a writer that goes on using an old
 * sidecar touches it first. */
static pli_status delete_unless_young(const cleaner *c, const char *folder, const char *name, int64_t *count,
                                      pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf path = {0};
    pli__file_info info;
    pli__buf_addf(&path, "%s/%s", folder, name);
    PLI_TRY(pli__buf_status(&path, err));
    PLI_TRY(pli__fs_lstat(path.ptr, &info, err));
    if (info.kind == PLI__FILE_NONE || info.mtime_ns / 1000 > c->now_us - SPARED_US) return PLI_OK;
    ++*count;
    return info.kind == PLI__FILE_DIR ? pli__fs_remove_tree(path.ptr, err) : pli__fs_unlink(path.ptr, true, err);
}

static pli_status see_any(void *arg, const pli__dir_entry *e, pli_error *err) { return note_name(arg, e->name, err); }

static pli_status list_folder(const char *folder, name_list *l, pli_error *err) {
    const pli_status s = pli__fs_list(folder, see_any, l, err);
    if (s != PLI_E_NOT_FOUND) return s;
    pli__error_clear(err);
    return PLI_OK;
}

static pli_status delete_sidecars(cleaner *c, const char *log, pli_error *err) {
    PLI_AUTO(name_list_clear) name_list l = {.c = c};
    PLI_AUTO(pli__map_auto) pli__map *named = pli__map_new();
    PLI_AUTO(pli__buf_clear) pli__buf folder = {0};
    if (!named) return pli__error_memory(err);
    pli__buf_addf(&folder, "%s/_sidecars", log);
    PLI_TRY(pli__buf_status(&folder, err));
    PLI_TRY(list_folder(folder.ptr, &l, err));
    if (!l.n) return PLI_OK;
    PLI_TRY(note_named(c->t, named, err));
    for (size_t i = 0; i < l.n; i++)
        if (!pli__map_has(named, pli__str_of(l.names[i])) &&
            pli__str_ends(pli__str_of(l.names[i]), PLI_STR(".parquet")))
            PLI_TRY(delete_unless_young(c, folder.ptr, l.names[i], &c->result.sidecars, err));
    return PLI_OK;
}

/* What writers that died have left: ".….checkpoint.parquet.<uuid>.tmp" and folders of checkpoints being written. */
static bool is_unfinished(const char *name) {
    if (strncmp(name, PLI__CHECKPOINT_TEMP, strlen(PLI__CHECKPOINT_TEMP)) == 0) return true;
    return name[0] == '.' && strstr(name, ".checkpoint.") && pli__str_ends(pli__str_of(name), PLI_STR(".tmp"));
}

static pli_status delete_unfinished(cleaner *c, const char *log, pli_error *err) {
    PLI_AUTO(name_list_clear) name_list l = {.c = c};
    PLI_TRY(list_folder(log, &l, err));
    for (size_t i = 0; i < l.n; i++)
        if (is_unfinished(l.names[i])) PLI_TRY(delete_unless_young(c, log, l.names[i], &c->result.others, err));
    return PLI_OK;
}

/* ---- ---- */

static pli_status clean(cleaner *c, pli_error *err) {
    const char *log = pli__store_local_path(pli__delta_log(c->t));
    if (pli__str_ieqz(pli__snapshot_property(c->snapshot, "delta.enableExpiredLogCleanup"), "false")) return PLI_OK;
    PLI_TRY(pli__protocol_check_write(pli__snapshot_protocol(c->snapshot), err));
    PLI_TRY(find_limit(c, &c->result.before, err));
    if (c->result.before < 0) return PLI_OK;
    PLI_TRY(delete_old(c, err));
    if (!log || !c->result.checkpoints) return PLI_OK;
    PLI_TRY(delete_sidecars(c, log, err));
    return delete_unfinished(c, log, err);
}

pli_status pli__log_clean(pli__snapshot *s, pli__log_clean_result *out, pli_error *err) {
    pli__delta *t = pli__snapshot_table(s);
    cleaner c = {.snapshot = s, .t = t, .now_us = pli__env_now_us(pli__delta_env(t)), .result = {.before = -1}};
    PLI_TRY_IN(clean(&c, err), err, "could not clean the log of '%s'", pli__delta_root(t));
    if (out) *out = c.result;
    return PLI_OK;
}
