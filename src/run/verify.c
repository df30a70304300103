/*
 * Proof of a checkpoint: every input that was planned landed exactly once. What the records claim (offsets, commits) is held
 * against what the sink's log says (txn, digest of the offset, attempt, files, rows), commit by commit, and against the
 * files that are there. Findings are rows; only what keeps the proof itself from running is an error.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/map.h"
#include "checkpoint/maintenance.h"
#include "delta/log_read.h"
#include "delta/stats_read.h"
#include "run/checkpoint_sink.h"
#include "run/run_impl.h"

/* What the records say about a batch. */
typedef struct claim {
    int64_t batch;
    char sha256[65];     /* of offsets/N.json, "" if it cannot be read */
    json_t *commit;      /* NULL: pending or unreadable */
    const json_t *sink;  /* its first sink, borrowed from commit; NULL: it wrote nothing */
    int64_t seen_version; /* of the sink's commit that shows it, -1 = none yet */
} claim;

/* A file that a batch has added to the sink. */
typedef struct landed {
    int64_t batch, version;
    int64_t removed; /* version that removed it, -1 = none */
    bool restored;   /* by a RESTORE */
    bool active;
} landed;

typedef struct proof {
    pli_env *env;
    pli__checkpoint *cp;
    pli_row_fn *fn;
    void *arg;
    claim *claims;
    size_t n;
    pli__map *inputs; /* path of an input -> its info (borrowed), to find doubles */
    pli__map *files;  /* log path -> landed */
    pli__arena arena;
    pli__delta *table;
    int64_t earliest, latest; /* versions whose commits were looked at */
    int64_t findings, n_files, n_rows, n_checked;
} proof;

static void proof_clear(proof *p) {
    for (size_t i = 0; i < p->n; i++) json_decref(p->claims[i].commit);
    free(p->claims);
    pli__map_free(p->inputs);
    pli__map_free(p->files);
    pli__arena_clear(&p->arena);
    pli__delta_free(p->table);
    pli__checkpoint_close(p->cp);
}

static pli_status emit(proof *p, json_t *take_row, pli_error *err) {
    PLI_AUTO(pli__json_unref) json_t *row = take_row;
    PLI_AUTO(pli__buf_clear) pli__buf text = {0};
    if (!row) return pli__error_memory(err);
    PLI_TRY(pli__json_write(row, &text, err));
    if (p->fn) p->fn(p->arg, text.ptr, text.len);
    return PLI_OK;
}

__attribute__((format(printf, 6, 7))) static pli_status find(proof *p, const char *kind, int64_t batch, int64_t version,
                                                             pli_error *err, const char *fmt, ...) {
    char message[900];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(message, sizeof message, fmt, ap);
    va_end(ap);
    p->findings++;
    return emit(p,
                json_pack("{s:s, s:o, s:o, s:s}", "kind", kind, "batchId",
                          batch < 0 ? json_null() : json_integer(batch), "version",
                          version < 0 ? json_null() : json_integer(version), "message", message),
                err);
}

static const char *member_str(const json_t *obj, const char *key) {
    const char *s = json_string_value(json_object_get(obj, key));
    return s ? s : "";
}

static int64_t member_i64(const json_t *obj, const char *key) {
    const json_t *v = json_object_get(obj, key);
    return json_is_integer(v) ? json_integer_value(v) : -1;
}

static claim *claim_of(proof *p, int64_t batch) {
    for (size_t lo = 0, hi = p->n; lo < hi;) {
        size_t mid = lo + (hi - lo) / 2;
        if (p->claims[mid].batch == batch) return &p->claims[mid];
        if (p->claims[mid].batch < batch) lo = mid + 1;
        else hi = mid;
    }
    return NULL;
}

/* ---- the records ---- */

/* The same input in two batches is a double, unless it was overwritten in between. */
static pli_status note_inputs(proof *p, int64_t batch, const json_t *offset, pli_error *err) {
    const json_t *files = json_object_get(offset, "files"), *infos = json_object_get(offset, "file_info");
    if (json_object_get(offset, "version")) return PLI_OK; /* Delta: a file may be read as an add and as a change */
    for (size_t i = 0; i < json_array_size(files); i++) {
        pli__str path = pli__str_of(json_string_value(json_array_get(files, i)));
        PLI_AUTO(pli__json_unref) json_t *now = json_pack("[I, O?]", (json_int_t)batch, json_array_get(infos, i));
        PLI_AUTO(pli__buf_clear) pli__buf text = {0};
        if (!now) return pli__error_memory(err);
        PLI_TRY(pli__json_write(json_array_get(now, 1) ? json_array_get(now, 1) : now, &text, err));
        char *kept = pli__arena_strdup(&p->arena, pli__buf_str(&text)), *before = pli__map_get(p->inputs, path);
        if (before && kept && strcmp(before, kept) == 0)
            PLI_TRY(find(p, "input_twice", batch, -1, err, "'%.*s' was planned by an earlier batch already",
                         PLI_STR_ARG(path)));
        if (!kept || !pli__map_put(p->inputs, path, kept, NULL)) return pli__error_memory(err);
        p->n_files++;
    }
    return PLI_OK;
}

/* A record that cannot be read is a finding of its own. */
static pli_status unreadable(proof *p, int64_t batch, pli_status status, const pli_error *why, pli_error *err) {
    if (status == PLI_E_MEMORY) return pli__error_memory(err);
    return find(p, status == PLI_E_NOT_FOUND ? "missing_record" : "unreadable_record", batch, -1, err, "%s",
                why->message);
}

static pli_status read_claim(proof *p, claim *c, pli_error *err) {
    PLI_AUTO(pli__json_unref) json_t *offset = NULL;
    pli_error why = {0};
    pli_status status = pli__checkpoint_read_offset(p->cp, c->batch, &offset, c->sha256, &why);
    if (status != PLI_OK) {
        c->sha256[0] = 0;
        PLI_TRY(unreadable(p, c->batch, status, &why, err));
    } else PLI_TRY(note_inputs(p, c->batch, offset, err));
    if (!pli__checkpoint_has_commit(p->cp, c->batch)) {
        if (c->batch < pli__checkpoint_last_commit(p->cp))
            PLI_TRY(find(p, "missing_record", c->batch, -1, err,
                         "commits/%lld.json is missing, and a later batch is committed", (long long)c->batch));
        return PLI_OK;
    }
    status = pli__checkpoint_read_commit(p->cp, c->batch, &c->commit, &why);
    if (status != PLI_OK) return unreadable(p, c->batch, status, &why, err);
    c->sink = json_array_get(json_object_get(c->commit, "sinks"), 0);
    const char *sha = member_str(c->commit, "offset_sha256");
    if (*sha && *c->sha256 && strcmp(sha, c->sha256) != 0)
        PLI_TRY(find(p, "offset_changed", c->batch, -1, err,
                     "offsets/%lld.json is not what the batch was committed with", (long long)c->batch));
    if (member_i64(c->commit, "rows") > 0) p->n_rows += member_i64(c->commit, "rows");
    return PLI_OK;
}

static pli_status read_claims(proof *p, pli_error *err) {
    int64_t first = pli__checkpoint_cleaned_through(p->cp) + 1, last = pli__checkpoint_last_offset(p->cp);
    if (pli__checkpoint_last_commit(p->cp) > last) last = pli__checkpoint_last_commit(p->cp);
    p->n = last >= first ? (size_t)(last - first + 1) : 0;
    p->claims = calloc(p->n ? p->n : 1, sizeof *p->claims);
    p->inputs = pli__map_new();
    p->files = pli__map_new();
    if (!p->claims || !p->inputs || !p->files) return pli__error_memory(err);
    for (size_t i = 0; i < p->n; i++) {
        p->claims[i].batch = first + (int64_t)i;
        p->claims[i].seen_version = -1;
        PLI_TRY(read_claim(p, &p->claims[i], err));
    }
    return PLI_OK;
}

/* ---- one commit of the sink ---- */

#define MAX_OWN_TXNS 16

typedef struct sink_commit {
    proof *p;
    int64_t version;
    char sha256[65], attempt[40], operation[64];
    size_t n_txns;
    struct {
        int64_t batch;
        char app_id[96];
    } txns[MAX_OWN_TXNS];
    int64_t rows; /* -1 = statistics do not say */
    size_t n_adds;
} sink_commit;

static void copy_member(char *to, size_t cap, const json_t *obj, const char *key) {
    snprintf(to, cap, "%s", member_str(obj, key));
}

static pli_status take_info(sink_commit *c, pli__str raw, pli_error *err) {
    PLI_AUTO(pli__json_unref) json_t *info = NULL;
    PLI_TRY(pli__json_parse(raw, "commitInfo", &info, err));
    copy_member(c->operation, sizeof c->operation, info, "operation");
    copy_member(c->sha256, sizeof c->sha256, json_object_get(info, "pli"), "offsetSha256");
    copy_member(c->attempt, sizeof c->attempt, json_object_get(info, "pli"), "attempt");
    return PLI_OK;
}

/* Our application ids are "<id>", "<id>-<epoch>", and either with "#2" … behind. */
static void take_txn(sink_commit *c, const pli__txn *txn) {
    pli__str id = pli__str_of(pli__checkpoint_id(c->p->cp));
    if (!pli__str_starts(txn->app_id, id) || c->n_txns == MAX_OWN_TXNS || txn->app_id.len >= sizeof c->txns->app_id)
        return;
    c->txns[c->n_txns].batch = txn->version;
    snprintf(c->txns[c->n_txns++].app_id, sizeof c->txns->app_id, "%.*s", PLI_STR_ARG(txn->app_id));
}

static pli_status take_add(sink_commit *c, const pli__add *add, pli_error *err) {
    if (!add->dv.storage) { /* a file that a merge has only marked rows of is none of its files */
        int64_t rows = pli__stats_num_records(add->stats);
        c->rows = rows < 0 || c->rows < 0 ? -1 : c->rows + rows;
        c->n_adds++;
    }
    landed *l = pli__map_get(c->p->files, add->path);
    if (l && l->version >= 0 && l->removed < 0 && !add->dv.storage)
        return find(c->p, "file_twice", l->batch, c->version, err, "'%.*s' was added in version %lld already",
                    PLI_STR_ARG(add->path), (long long)l->version);
    if (l && l->version < 0) l->version = c->version;
    if (l) l->removed = -1;
    return PLI_OK;
}

static pli_status take_action(void *arg, const pli__action *a, pli_error *err) {
    sink_commit *c = arg;
    landed *l = NULL;
    switch (a->kind) {
        case PLI__ACTION_COMMIT_INFO: return take_info(c, a->raw, err);
        case PLI__ACTION_TXN: take_txn(c, &a->txn); return PLI_OK;
        case PLI__ACTION_ADD: return take_add(c, &a->add, err);
        case PLI__ACTION_REMOVE:
            l = pli__map_get(c->p->files, a->remove.path);
            if (l) l->removed = c->version;
            if (l) l->restored = strcmp(c->operation, "RESTORE") == 0;
            return PLI_OK;
        default: return PLI_OK;
    }
}

/* ---- claims against commits ---- */

static pli_status check_claim(proof *p, claim *c, const sink_commit *s, const char *app_id, pli_error *err) {
    if (c->seen_version >= 0)
        return find(p, "written_twice", c->batch, s->version, err,
                    "the sink shows batch %lld in version %lld and again in version %lld", (long long)c->batch,
                    (long long)c->seen_version, (long long)s->version);
    c->seen_version = s->version;
    if (!c->commit)
        return find(p, "not_committed", c->batch, s->version, err,
                    "the sink shows batch %lld, which the checkpoint has not committed", (long long)c->batch);
    p->n_checked++;
    if (!c->sink)
        return find(p, "unexpected_write", c->batch, s->version, err, "batch %lld says that it wrote nothing",
                    (long long)c->batch);
    if (member_i64(c->sink, "version") != s->version)
        PLI_TRY(find(p, "other_version", c->batch, s->version, err, "batch %lld was committed as version %lld",
                     (long long)c->batch, (long long)member_i64(c->sink, "version")));
    if (*c->sha256 && *s->sha256 && strcmp(c->sha256, s->sha256) != 0)
        PLI_TRY(find(p, "inputs_differ", c->batch, s->version, err,
                     "the sink was written from another offset than offsets/%lld.json", (long long)c->batch));
    if (*s->attempt && strcmp(s->attempt, member_str(c->commit, "attempt")) != 0)
        PLI_TRY(find(p, "attempt_differs", c->batch, s->version, err, "the sink shows attempt %s, the checkpoint %s",
                     s->attempt, member_str(c->commit, "attempt")));
    const json_t *added = json_object_get(c->sink, "addedFiles");
    if (added && json_array_size(added) != s->n_adds)
        PLI_TRY(find(p, "files_differ", c->batch, s->version, err,
                     "the sink's commit adds %zu files, the checkpoint says %zu", s->n_adds, json_array_size(added)));
    /* a merge writes rows again that it does not change, and changes rows that it does not write */
    int64_t rows = member_i64(c->sink, json_object_get(c->sink, "rowsWritten") ? "rowsWritten" : "rows");
    if (rows >= 0 && s->rows >= 0 && rows != s->rows)
        PLI_TRY(find(p, "rows_differ", c->batch, s->version, err,
                     "the sink's commit adds %lld rows, the checkpoint says %lld", (long long)s->rows,
                     (long long)rows));
    (void)app_id;
    return PLI_OK;
}

static pli_status check_commit(proof *p, const sink_commit *s, pli_error *err) {
    for (size_t i = 0; i < s->n_txns; i++) {
        const char *app = s->txns[i].app_id;
        int64_t batch = s->txns[i].batch;
        claim *c = claim_of(p, batch);
        bool ours = c && (c->sink ? strcmp(member_str(c->sink, "txnAppId"), app) == 0
                                  : strcmp(app, pli__checkpoint_app_id(p->cp)) == 0);
        bool present = strcmp(app, pli__checkpoint_app_id(p->cp)) == 0;
        if (ours) PLI_TRY(check_claim(p, c, s, app, err));
        else if (present && batch > pli__checkpoint_cleaned_through(p->cp))
            PLI_TRY(find(p, "unknown_batch", batch, s->version, err,
                         "the sink shows batch %lld, of which the checkpoint has no records", (long long)batch));
    }
    return PLI_OK;
}

static pli_status note_added(proof *p, const claim *c, pli_error *err) {
    size_t i;
    json_t *path;
    json_array_foreach(json_object_get(c->sink, "addedFiles"), i, path) {
        landed *l = pli__arena_calloc(&p->arena, 1, sizeof *l);
        if (!l) return pli__error_memory(err);
        *l = (landed){c->batch, -1, -1, false, false};
        if (!pli__map_put(p->files, pli__str_of(json_string_value(path)), l, NULL)) return pli__error_memory(err);
    }
    return PLI_OK;
}

static pli_status read_log(proof *p, pli_error *err) {
    const pli__read_what what = {PLI__READ_FILES | PLI__READ_STATE | PLI__READ_INFO, PLI__FILES_STATS | PLI__FILES_DV};
    PLI_TRY(pli__delta_latest_version(p->table, &p->latest, err));
    p->earliest = p->latest + 1;
    for (int64_t v = p->latest; v >= 0; v--) { /* the oldest commit that is still there */
        char name[64];
        pli__file_info info;
        snprintf(name, sizeof name, "%020lld.json", (long long)v);
        PLI_TRY(pli__store_stat(pli__delta_log(p->table), name, &info, err));
        if (info.kind == PLI__FILE_NONE) break;
        p->earliest = v;
    }
    for (int64_t v = p->earliest; v <= p->latest; v++) {
        sink_commit c = {.p = p, .version = v};
        PLI_TRY(pli__env_check_cancel(p->env, err));
        PLI_TRY(pli__log_read(p->table, v, what, take_action, &c, err));
        PLI_TRY(check_commit(p, &c, err));
    }
    return PLI_OK;
}

/* ---- what must be there at the end ---- */

static pli_status check_seen(proof *p, pli_error *err) {
    for (size_t i = 0; i < p->n; i++) {
        const claim *c = &p->claims[i];
        int64_t version = member_i64(c->sink, "version");
        if (!c->sink || c->seen_version >= 0 || (version >= 0 && version < p->earliest && version <= p->latest))
            continue;
        PLI_TRY(find(p, "not_in_sink", c->batch, version, err,
                     "batch %lld was committed as version %lld, the sink does not show it", (long long)c->batch,
                     (long long)version));
    }
    return PLI_OK;
}

/* An active file must exist and have its size. */
static pli_status check_active(void *arg, const pli__add *add, pli_error *err) {
    proof *p = arg;
    landed *l = pli__map_get(p->files, add->path);
    if (!l) return PLI_OK;
    l->active = true;
    PLI_AUTO(pli__buf_clear) pli__buf path = {0};
    PLI_TRY(pli__delta_file_path(p->table, add->path, &path, err));
    pli__file_info info;
    PLI_TRY(pli__fs_stat(path.ptr, &info, err));
    if (info.kind != PLI__FILE_REGULAR)
        return find(p, "file_missing", l->batch, l->version, err, "'%s' is gone", path.ptr);
    if (info.size != add->size)
        return find(p, "file_changed", l->batch, l->version, err, "'%s' has %lld bytes, the sink's log says %lld",
                    path.ptr, (long long)info.size, (long long)add->size);
    return PLI_OK;
}

static pli_status check_files(proof *p, pli_error *err) {
    PLI_AUTO(pli__snapshot_auto) pli__snapshot *s = NULL;
    PLI_TRY(pli__snapshot_open(p->table, PLI__LATEST, NULL, &s, err));
    PLI_TRY(pli__snapshot_files(s, PLI__FILES_PATHS, check_active, p, err));
    pli__str path;
    void *value = NULL;
    for (size_t it = 0; pli__map_next(p->files, &it, &path, &value);) {
        const landed *l = value;
        const claim *c = claim_of(p, l->batch);
        bool old = c && member_i64(c->sink, "version") < p->earliest; /* its removal may be, too */
        if (l->active || (l->removed >= 0 && !l->restored) || old) continue;
        PLI_TRY(find(p, l->restored ? "restored_away" : "file_not_active", l->batch, l->removed, err,
                     "'%.*s' of batch %lld is not in the table any more%s", PLI_STR_ARG(path), (long long)l->batch,
                     l->restored ? ": a RESTORE took it out" : ", and no commit removed it"));
    }
    return PLI_OK;
}

static pli_status check_table(proof *p, const char *path, pli_error *err) {
    const claim *newest = NULL;
    for (size_t i = 0; i < p->n; i++) {
        if (p->claims[i].sink) newest = &p->claims[i];
        PLI_TRY(note_added(p, &p->claims[i], err));
    }
    bool exists = false;
    PLI_TRY(pli__delta_open(p->env, path, &p->table, err));
    PLI_TRY(pli__delta_exists(p->table, &exists, err));
    if (!exists)
        return newest ? find(p, "sink_missing", newest->batch, -1, err, "'%s' is no table any more", path) : PLI_OK;
    PLI_AUTO(pli__snapshot_auto) pli__snapshot *s = NULL;
    PLI_TRY(pli__snapshot_open(p->table, PLI__LATEST, NULL, &s, err));
    const char *id = newest ? member_str(newest->sink, "tableId") : "";
    if (*id && !pli__str_eqz(pli__snapshot_metadata(s)->id, id))
        PLI_TRY(find(p, "sink_replaced", newest->batch, -1, err,
                     "the table has id %.*s, the batches were written to %s",
                     PLI_STR_ARG(pli__snapshot_metadata(s)->id), id));
    PLI_TRY(read_log(p, err));
    PLI_TRY(check_seen(p, err));
    return check_files(p, err);
}

/* Path of the table: given, pinned, or that of the newest commit; NULL if nothing was ever written. */
static const char *table_path(const proof *p, const char *given) {
    const char *path = given ? given
                             : json_string_value(
                                   json_object_get(json_object_get(pli__checkpoint_metadata(p->cp), "sink"), "path"));
    for (size_t i = p->n; i > 0 && !path; i--) path = json_string_value(json_object_get(p->claims[i - 1].sink, "path"));
    return path;
}

pli_status pli_checkpoint_verify(pli_env *env, const char *dir, const char *sink, pli_row_fn *fn, void *arg,
                                 int64_t *findings, pli_error *err) {
    PLI_AUTO(proof_clear) proof p = {.env = env, .fn = fn, .arg = arg, .latest = -1};
    const pli_maintenance_options look = {.size = sizeof look, .dry_run = true};
    *findings = 0;
    PLI_TRY(pli__maintenance_open(dir, &look, &p.cp, err));
    if (!p.cp) return pli__error_set(err, PLI_E_NOT_FOUND, "there is no checkpoint '%s'", dir);
    PLI_TRY(read_claims(&p, err));
    const char *path = table_path(&p, sink);
    if (path) PLI_TRY(check_table(&p, path, err));
    PLI_TRY(emit(&p,
                 json_pack("{s:s, s:I, s:I, s:I, s:I, s:I}", "kind", "summary", "batches", (json_int_t)p.n, "files",
                           (json_int_t)p.n_files, "rows", (json_int_t)p.n_rows, "checkedCommits",
                           (json_int_t)p.n_checked, "findings", (json_int_t)p.findings),
                 err));
    *findings = p.findings;
    return PLI_OK;
}
