/* Snapshots: choose a checkpoint, replay the commits behind it, answer from what that gives. */
#include "delta/snapshot.h"

#include <inttypes.h>
#include <stdlib.h>

#include "delta/checkpoint.h"
#include "delta/features.h"
#include "delta/log_list.h"
#include "delta/log_read.h"
#include "delta/state.h"
#include "delta/table.h"
#include "delta/tail.h"

struct pli__snapshot {
    int refs;
    pli__delta *table;
    pli__snapshot_options options;
    int64_t version;
    pli__log_checkpoint *checkpoint; /* NULL = none was used */
    pli__state state;
    const pli__type *schema;
    int64_t ict_ms;
    pli__tail *
        tail; /* files of the commits, perhaps of an earlier version only, perhaps shared with its snapshot; NULL = not read yet */
};

/* ---- references ---- */

pli__snapshot *pli__snapshot_ref(pli__snapshot *s) {
    s->refs++;
    return s;
}

void pli__snapshot_unref(pli__snapshot *s) {
    if (!s || --s->refs > 0) return;
    pli__tail_unref(s->tail);
    pli__log_checkpoint_unref(s->checkpoint);
    pli__type_unref(s->schema);
    pli__state_clear(&s->state);
    pli__delta_free(s->table);
    free(s);
}

void pli__snapshot_auto(pli__snapshot **s) { pli__snapshot_unref(*s); }

static pli_status new_snapshot(pli__delta *t, const pli__snapshot_options *options, pli__snapshot **out,
                               pli_error *err) {
    pli__snapshot *s = calloc(1, sizeof *s);
    if (!s) return pli__error_memory(err);
    s->refs = 1;
    s->table = pli__delta_ref(t);
    s->ict_ms = -1;
    if (options) s->options = *options;
    *out = s;
    return PLI_OK;
}

/* ---- replaying commits ---- */

typedef struct {
    pli__state *state; /* NULL: not wanted */
    pli__tail *tail; /* NULL: not wanted */
    int64_t ict_ms; /* of the last commit that had one */
} replay;

static pli_status replay_action(void *arg, const pli__action *a, pli_error *err) {
    replay *r = arg;
    switch (a->kind) {
        case PLI__ACTION_ADD: return r->tail ? pli__tail_add(r->tail, &a->add, err) : PLI_OK;
        case PLI__ACTION_REMOVE: return r->tail ? pli__tail_remove(r->tail, &a->remove, err) : PLI_OK;
        case PLI__ACTION_COMMIT_INFO: r->ict_ms = pli__commit_info_ict(a->raw); return PLI_OK;
        default: return r->state ? pli__state_apply(r->state, a, err) : PLI_OK;
    }
}

static pli_status replay_commits(pli__delta *t, int64_t from, int64_t to, replay *r, pli_error *err) {
    const pli__read_what what = {.kinds = (r->state ? PLI__READ_STATE : 0u) | (r->tail ? PLI__READ_FILES : 0u),
                                 .fields = r->tail ? pli__tail_fields(r->tail) : 0};
    for (int64_t v = from; v <= to; v++) {
        PLI_TRY(pli__env_check_cancel(t->env, err));
        pli__read_what w = what;
        if (v == to) w.kinds |= PLI__READ_INFO;
        r->ict_ms = -1;
        PLI_TRY(pli__log_read(t, v, w, replay_action, r, err));
    }
    if (r->tail) pli__tail_set_through(r->tail, to);
    return PLI_OK;
}

static int64_t checkpoint_version(const pli__snapshot *s) {
    return s->checkpoint ? pli__log_checkpoint_version(s->checkpoint) : -1;
}

/* Adds the commits behind `from` to the state, and to a fresh tail where the caller said that files will be wanted. */
static pli_status replay_state(pli__snapshot *s, int64_t from, pli_error *err) {
    replay r = {.state = &s->state, .ict_ms = -1};
    if (s->options.with_files && !s->tail) {
        r.tail = s->tail = pli__tail_new(s->options.files, from - 1);
        if (!r.tail) return pli__error_memory(err);
    }
    PLI_TRY(replay_commits(s->table, from, s->version, &r, err));
    s->ict_ms = r.ict_ms;
    return PLI_OK;
}

/* ---- what every snapshot must have ---- */

static bool ict_enabled(const pli__snapshot *s) {
    return pli__str_ieqz(pli__snapshot_property(s, "delta.enableInCommitTimestamps"), "true");
}

/* The commit of the snapshot's own version was perhaps not read (a checkpoint stands for it), or is gone. */
static pli_status find_ict(pli__snapshot *s, pli_error *err) {
    if (!ict_enabled(s)) {
        s->ict_ms = -1;
        return PLI_OK;
    }
    if (s->ict_ms >= 0) return PLI_OK;
    replay r = {.ict_ms = -1};
    const pli_status st = pli__log_read(s->table, s->version, (pli__read_what){.kinds = PLI__READ_INFO}, replay_action,
                                        &r, err);
    if (st == PLI_E_NOT_FOUND) {
        pli__error_clear(err);
        return PLI_OK;
    }
    s->ict_ms = r.ict_ms;
    return st;
}

static pli_status check_snapshot(pli__snapshot *s, pli_error *err) {
    const pli__state *st = &s->state;
    if (!st->has_protocol || !st->has_metadata)
        return pli__error_set(err, PLI_E_CORRUPT, "version %" PRId64 " of '%s' has no %s action", s->version,
                              s->table->root, st->has_protocol ? "metaData" : "protocol");
    PLI_TRY_IN(s->options.for_write ? pli__protocol_check_write(&st->protocol, err)
                                    : pli__protocol_check_read(&st->protocol, err),
               err, "version %" PRId64 " of '%s'", s->version, s->table->root);
    if (!st->metadata.schema_string.ptr)
        return pli__error_set(err, PLI_E_CORRUPT, "version %" PRId64 " of '%s' has a metaData without a schemaString",
                              s->version, s->table->root);
    if (!s->schema) {
        PLI_TRY_IN(pli__type_from_delta(st->metadata.schema_string, &s->schema, err), err,
                   "schema of version %" PRId64 " of '%s'", s->version, s->table->root);
        if (s->schema->id != PLI__TYPE_STRUCT)
            return pli__error_set(err, PLI_E_CORRUPT, "the schema of version %" PRId64 " of '%s' is no struct",
                                  s->version, s->table->root);
    }
    return find_ict(s, err);
}

/* ---- opening ---- */

static bool may_use(const pli__snapshot_options *o, int64_t checkpoint, int64_t version) {
    return !o->ignore_checkpoints && checkpoint <= version &&
           (!o->limit_checkpoints || checkpoint <= o->max_checkpoint);
}

static pli_status apply_checkpoint(void *arg, const pli__action *a, pli_error *err) {
    return pli__state_apply(arg, a, err);
}

/* State as of one checkpoint. On failure the snapshot is as before. */
static pli_status start_from(pli__snapshot *s, const pli__log_checkpoint_ref *ref, pli_error *err) {
    PLI_AUTO(pli__state_clear) pli__state state = {0};
    PLI_AUTO(pli__log_checkpoint_auto) pli__log_checkpoint *c = NULL;
    PLI_TRY(pli__log_checkpoint_open(s->table, ref, apply_checkpoint, &state, &c, err));
    if (!state.has_protocol || !state.has_metadata)
        return pli__error_set(err, PLI_E_CORRUPT, "checkpoint '%s' has no %s", ref->names[0],
                              state.has_protocol ? "metaData" : "protocol");
    s->state = state;
    state = (pli__state){0};
    s->checkpoint = PLI_TAKE(c);
    return PLI_OK;
}

static bool is_final(pli_status st) { return st == PLI_E_MEMORY || st == PLI_E_CANCELLED; }

static pli_status gap_error(const pli__snapshot *s, int64_t missing, pli_error *err) {
    pli__error_set(err, PLI_E_CORRUPT,
                   "the log of '%s' has a gap: version %" PRId64 " needs commit %" PRId64 ", which is missing",
                   s->table->root, s->version, missing);
    pli__error_flag(err, PLI_ERR_FATAL);
    return PLI_E_CORRUPT;
}

/* Tries the checkpoints, newest first, then commits alone. NOT_FOUND means: nothing that was listed will do. */
static pli_status start_snapshot(pli__snapshot *s, const pli__log_listing *l, pli_error *err) {
    pli_error failure = {0};
    int64_t missing = -1;
    for (size_t i = l->n_checkpoints; i-- > 0;) {
        const pli__log_checkpoint_ref *ref = &l->checkpoints[i];
        if (!may_use(&s->options, ref->version, s->version)) continue;
        if (!pli__log_listing_contiguous(l, ref->version + 1, s->version, &missing)) break;
        const pli_status st = start_from(s, ref, &failure);
        if (st == PLI_OK) return PLI_OK;
        if (is_final(st)) {
            if (err) *err = failure;
            return st;
        }
        pli__env_log(s->table->env, PLI_LOG_WARNING,
                     "checkpoint '%s/_delta_log/%s' cannot be used (%s); falling back to an older state",
                     s->table->root, ref->names[0], failure.message);
    }
    if (pli__log_listing_contiguous(l, 0, s->version, &missing)) return PLI_OK;
    if (failure.code != PLI_OK) {
        if (err) *err = failure;
        return failure.code;
    }
    return gap_error(s, missing, err);
}

static pli_status check_range(const pli__snapshot *s, int64_t last, const pli__log_listing *l, pli_error *err) {
    if (last < 0)
        return pli__error_set(err, PLI_E_NOT_A_TABLE, "'%s' is not a Delta table: its _delta_log holds no commit",
                              s->table->root);
    if (s->version > last)
        return pli__error_set(err, PLI_E_NOT_FOUND,
                              "version %" PRId64 " of '%s' does not exist; the newest is %" PRId64, s->version,
                              s->table->root, last);
    const int64_t first = l->n_commits ? l->commits[0] : 0;
    const bool rebuilt = l->n_checkpoints && l->checkpoints[0].version <= s->version &&
                         may_use(&s->options, l->checkpoints[0].version, s->version);
    if (first > 0 && s->version < first && !rebuilt)
        return pli__error_set(err, PLI_E_NOT_FOUND, "version %" PRId64 " of '%s' is no longer available", s->version,
                              s->table->root);
    return PLI_OK;
}

/* Where to begin listing: the hint saves reading names, and is believed only as far as what is found there. */
static int64_t hint_start(const pli__snapshot *s, int64_t version) {
    if (s->options.ignore_checkpoints) return 0;
    const int64_t hint = pli__log_hint_version(s->table->log);
    if (hint <= 0 || (version != PLI__LATEST && hint > version)) return 0;
    return s->options.limit_checkpoints && hint > s->options.max_checkpoint ? 0 : hint;
}

static pli_status open_from(pli__snapshot *s, int64_t version, int64_t from, pli_error *err) {
    PLI_AUTO(pli__log_listing_clear) pli__log_listing l = {0};
    PLI_TRY(pli__log_list(s->table->log, from, &l, err));
    const int64_t last = pli__log_listing_last(&l);
    s->version = version == PLI__LATEST ? last : version;
    PLI_TRY(check_range(s, last, &l, err));
    if (last > s->table->known_version) s->table->known_version = last;
    return start_snapshot(s, &l, err);
}

pli_status pli__snapshot_open(pli__delta *t, int64_t version, const pli__snapshot_options *options, pli__snapshot **out,
                              pli_error *err) {
    PLI_AUTO(pli__snapshot_auto) pli__snapshot *s = NULL;
    if (version < PLI__LATEST) return pli__error_set(err, PLI_E_ARGUMENT, "version %" PRId64 " is negative", version);
    PLI_TRY(new_snapshot(t, options, &s, err));
    const int64_t from = hint_start(s, version);
    pli_status st = open_from(s, version, from, err);
    if (st != PLI_OK && from > 0 && !is_final(st)) st = open_from(s, version, 0, err);
    PLI_TRY(st);
    PLI_TRY(replay_state(s, checkpoint_version(s) + 1, err));
    PLI_TRY(check_snapshot(s, err));
    *out = PLI_TAKE(s);
    return PLI_OK;
}

/* ---- going on to a later version ---- */

static pli_status advance_to(pli__snapshot *s, int64_t version, pli__snapshot **out, pli_error *err) {
    PLI_AUTO(pli__snapshot_auto) pli__snapshot *n = NULL;
    PLI_TRY(new_snapshot(s->table, &s->options, &n, err));
    n->version = version;
    n->checkpoint = pli__log_checkpoint_keep(s->checkpoint);
    n->tail = pli__tail_ref(s->tail);
    PLI_TRY(pli__state_copy(&s->state, &n->state, err));
    replay r = {.state = &n->state, .ict_ms = -1};
    PLI_TRY(replay_commits(n->table, s->version + 1, version, &r, err));
    n->ict_ms = r.ict_ms;
    if (pli__str_eq(n->state.metadata.schema_string, s->state.metadata.schema_string))
        n->schema = pli__type_ref(s->schema);
    PLI_TRY(check_snapshot(n, err));
    *out = PLI_TAKE(n);
    return PLI_OK;
}

pli_status pli__snapshot_advance(pli__snapshot *s, int64_t version, pli__snapshot **out, pli_error *err) {
    int64_t to = version;
    if (version == PLI__LATEST) PLI_TRY(pli__delta_latest_version(s->table, &to, err));
    if (to == s->version) {
        *out = pli__snapshot_ref(s);
        return PLI_OK;
    }
    if (to < s->version)
        return pli__error_set(err, version == PLI__LATEST ? PLI_E_TABLE_CHANGED : PLI_E_ARGUMENT,
                              "'%s' is at version %" PRId64 ", before the snapshot's %" PRId64, s->table->root, to,
                              s->version);
    const pli_status st = advance_to(s, to, out, err);
    if (st != PLI_E_NOT_FOUND) return st;
    return pli__snapshot_open(s->table, to, &s->options, out,
                              err); /* its commits were cleaned away, or it does not exist */
}

/* ---- facts ---- */

int64_t pli__snapshot_version(const pli__snapshot *s) { return s->version; }
int64_t pli__snapshot_checkpoint_version(const pli__snapshot *s) { return checkpoint_version(s); }
const pli__protocol *pli__snapshot_protocol(const pli__snapshot *s) { return &s->state.protocol; }
const pli__metadata *pli__snapshot_metadata(const pli__snapshot *s) { return &s->state.metadata; }
const pli__type *pli__snapshot_schema(const pli__snapshot *s) { return s->schema; }
pli__delta *pli__snapshot_table(const pli__snapshot *s) { return s->table; }

pli__str pli__snapshot_property(const pli__snapshot *s, const char *key) {
    const pli__metadata *m = &s->state.metadata;
    for (size_t i = 0; i < m->n_configuration; i++)
        if (pli__str_eqz(m->configuration[i].key, key)) return m->configuration[i].value;
    return (pli__str){0};
}

bool pli__snapshot_has_feature(const pli__snapshot *s, const char *feature) {
    return pli__protocol_has_feature(&s->state.protocol, feature);
}

bool pli__snapshot_txn(pli__snapshot *s, pli__str app_id, pli__txn *out) {
    return pli__state_txn(&s->state, app_id, out);
}
size_t pli__snapshot_n_txns(const pli__snapshot *s) { return s->state.n_txns; }
pli__txn pli__snapshot_txn_at(const pli__snapshot *s, size_t i) { return s->state.txns[i]; }
size_t pli__snapshot_n_domains(const pli__snapshot *s) { return s->state.n_domains; }
pli__domain pli__snapshot_domain_at(const pli__snapshot *s, size_t i) { return s->state.domains[i]; }
int64_t pli__snapshot_ict_us(const pli__snapshot *s) { return s->ict_ms < 0 ? -1 : s->ict_ms * 1000; }

/* ---- files ---- */

/* A tail through the snapshot's version that holds the fields; what an earlier snapshot read is gone on from. */
static pli_status build_tail(const pli__snapshot *s, unsigned fields, pli__tail **out, pli_error *err) {
    PLI_AUTO(pli__tail_auto) pli__tail *t = NULL;
    const pli__tail *old = s->tail;
    const unsigned all = fields | (old ? pli__tail_fields(old) : 0);
    if (old && all == pli__tail_fields(old) && pli__tail_replaced(old) <= pli__tail_size(old) + 1000) {
        PLI_TRY(pli__tail_copy(old, &t, err));
    } else {
        t = pli__tail_new(all, checkpoint_version(s));
        if (!t) return pli__error_memory(err);
    }
    replay r = {.tail = t};
    PLI_TRY(replay_commits(s->table, pli__tail_through(t) + 1, s->version, &r, err));
    *out = PLI_TAKE(t);
    return PLI_OK;
}

static pli_status ensure_tail(pli__snapshot *s, unsigned fields, pli_error *err) {
    const bool enough = s->tail && (pli__tail_fields(s->tail) & fields) == fields;
    if (enough && pli__tail_through(s->tail) == s->version) return PLI_OK;
    if (enough && !pli__tail_is_shared(s->tail) && pli__tail_replaced(s->tail) <= pli__tail_size(s->tail) + 1000) {
        replay r = {.tail = s->tail};
        const pli_status st = replay_commits(s->table, pli__tail_through(s->tail) + 1, s->version, &r, err);
        if (st != PLI_OK) { /* half a commit may be in it */
            pli__tail_unref(s->tail);
            s->tail = NULL;
        }
        return st;
    }
    pli__tail *t = NULL;
    PLI_TRY(build_tail(s, fields, &t, err));
    pli__tail_unref(s->tail);
    s->tail = t;
    return PLI_OK;
}

pli_status pli__snapshot_files(pli__snapshot *s, unsigned what, pli__add_fn *fn, void *arg, pli_error *err) {
    const unsigned fields = what & (PLI__FILES_PARTITIONS | PLI__FILES_STATS | PLI__FILES_DV | PLI__FILES_OTHER);
    PLI_TRY(ensure_tail(s, fields, err));
    if (s->checkpoint) PLI_TRY(pli__log_checkpoint_files(s->checkpoint, fields, s->tail, fn, arg, err));
    return pli__tail_each_add(s->tail, fn, arg, err);
}

pli_status pli__snapshot_removes(pli__snapshot *s, pli__remove_fn *fn, void *arg, pli_error *err) {
    const unsigned fields = PLI__FILES_PARTITIONS | PLI__FILES_DV | PLI__FILES_OTHER;
    PLI_TRY(ensure_tail(s, fields, err));
    if (s->checkpoint) PLI_TRY(pli__log_checkpoint_removes(s->checkpoint, s->tail, fn, arg, err));
    return pli__tail_each_remove(s->tail, fn, arg, err);
}

pli_status pli__snapshot_layers(pli__snapshot *s, unsigned fields, pli__log_checkpoint **checkpoint,
                                const pli__tail **tail, pli_error *err) {
    PLI_TRY(ensure_tail(s, fields, err));
    *checkpoint = s->checkpoint;
    *tail = s->tail;
    return PLI_OK;
}
