/* Snapshots: choose a checkpoint, replay the commits behind it, answer from what that gives. */
#include "delta/snapshot.h"

#include <inttypes.h>
#include <stdlib.h>

#include "delta/features.h"
#include "delta/log_read.h"
#include "delta/snapshot_impl.h"

/* ---- references ---- */

pli__snapshot *pli__snapshot_ref(pli__snapshot *s) {
    s->refs++;
    return s;
}

void pli__snapshot_unref(pli__snapshot *s) {
    if (!s || --s->refs > 0) return;
    pli__tail_unref(s->tail);
    pli__log_checkpoint_unref(s->checkpoint);
    pli__log_plan_clear(&s->plan);
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
    s->totals.files = -1;
    if (options) s->options = *options;
    *out = s;
    return PLI_OK;
}

/* ---- replaying commits ---- */

static pli_status replay_action(void *arg, const pli__action *a, pli_error *err) {
    pli__replay *r = arg;
    switch (a->kind) {
        case PLI__ACTION_ADD: return r->tail ? pli__tail_add(r->tail, &a->add, err) : PLI_OK;
        case PLI__ACTION_REMOVE: return r->tail ? pli__tail_remove(r->tail, &a->remove, err) : PLI_OK;
        case PLI__ACTION_COMMIT_INFO: r->ict_ms = pli__commit_info_ict(a->raw); return PLI_OK;
        default: return r->state ? pli__state_apply(r->state, a, err) : PLI_OK;
    }
}

static pli_status copy_add(void *arg, const pli__add *add, pli_error *err) { return pli__tail_add(arg, add, err); }
static pli_status copy_remove(void *arg, const pli__remove *remove, pli_error *err) {
    return pli__tail_remove(arg, remove, err);
}

/* A compacted file must be reconciled: with two actions of one file in it, nobody can say which came later. */
static pli_status read_compaction(const pli__replay *r, pli__str text, const char *name, pli__read_what what,
                                  pli_error *err) {
    PLI_AUTO(pli__tail_auto) pli__tail *files = r->tail ? pli__tail_new(pli__tail_fields(r->tail), -1) : NULL;
    pli__replay inner = {.state = r->state, .tail = files};
    if (r->tail && !files) return pli__error_memory(err);
    PLI_TRY(pli__actions_read(text, name, what, replay_action, &inner, err));
    if (!files) return PLI_OK;
    if (pli__tail_replaced(files))
        return pli__error_set(err, PLI_E_CORRUPT, "'%s' holds two actions of the same file", name);
    PLI_TRY(pli__tail_each_add(files, copy_add, r->tail, err));
    return pli__tail_each_remove(files, copy_remove, r->tail, err);
}

/* It holds no commitInfo, so the time of its last version stays unknown. */
static pli_status replay_compaction(pli__delta *t, pli__log_compaction c, pli__read_what what, pli__replay *r,
                                    pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf text = {0};
    char name[64];
    pli__log_compaction_name(c, name);
    pli_status st = pli__store_get(t->log, name, PLI__COMMIT_MAX, &text, err);
    if (st == PLI_OK) st = read_compaction(r, pli__buf_str(&text), name, what, err);
    if (st != PLI_OK && !pli__snapshot_gives_up(st)) memcpy(r->broken, name, sizeof name);
    return st;
}

pli_status pli__snapshot_replay(const pli__snapshot *s, int64_t from, pli__replay *r, pli_error *err) {
    const pli__read_what what = {.kinds = (r->state ? PLI__READ_STATE : 0u) | (r->tail ? PLI__READ_FILES : 0u),
                                 .fields = r->tail ? pli__tail_fields(r->tail) : 0};
    for (int64_t v = from; v <= s->version; v++) {
        PLI_TRY(pli__env_check_cancel(s->table->env, err));
        const pli__log_compaction *c = pli__log_plan_at(&s->plan, v, s->version);
        pli__read_what w = what;
        if (v == s->version) w.kinds |= PLI__READ_INFO;
        r->ict_ms = -1;
        PLI_TRY(c ? replay_compaction(s->table, *c, what, r, err)
                  : pli__log_read(s->table, v, w, replay_action, r, err));
        if (c) v = c->to;
    }
    if (r->tail) pli__tail_set_through(r->tail, s->version);
    return PLI_OK;
}

static int64_t checkpoint_version(const pli__snapshot *s) {
    return s->checkpoint ? pli__log_checkpoint_version(s->checkpoint) : -1;
}

/* Adds the commits behind `from` to the state, and to a fresh tail where the caller said that files will be wanted. */
static pli_status replay_state(pli__snapshot *s, int64_t from, pli_error *err) {
    pli__replay r = {.state = &s->state, .ict_ms = -1};
    if ((s->options.with_files || s->options.with_totals) && !s->tail) {
        r.tail = s->tail = pli__tail_new(s->options.files, from - 1);
        if (!r.tail) return pli__error_memory(err);
    }
    const pli_status st = pli__snapshot_replay(s, from, &r, err);
    if (r.broken[0]) PLI_TRY(pli__delta_pass_over(s->table, r.broken, err ? err->message : "it is broken", err));
    s->ict_ms = r.ict_ms;
    return st;
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
    pli__replay r = {.ict_ms = -1};
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

/* ---- where to start from ---- */

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
    pli__state_clear(&s->state);
    s->state = state;
    state = (pli__state){0};
    s->checkpoint = PLI_TAKE(c);
    return PLI_OK;
}

bool pli__snapshot_gives_up(pli_status st) { return st == PLI_E_MEMORY || st == PLI_E_CANCELLED; }

static pli_status gap_error(const pli__snapshot *s, int64_t missing, pli_error *err) {
    pli__error_set(err, PLI_E_CORRUPT,
                   "the log of '%s' has a gap: version %" PRId64 " needs commit %" PRId64 ", which is missing",
                   s->table->root, s->version, missing);
    pli__error_flag(err, PLI_ERR_FATAL);
    return PLI_E_CORRUPT;
}

/* Is there a way from behind a checkpoint (or from the start of the log, after = -1) to the version? */
static pli_status make_plan(const pli__snapshot *s, const pli__log_listing *l, int64_t after, pli__log_plan *out,
                            bool *found, int64_t *missing, pli_error *err) {
    const pli__log_plan_use use = s->options.ignore_checkpoints ? PLI__COMPACTIONS_GAPS : PLI__COMPACTIONS_ALL;
    return pli__log_plan_make(l, after + 1, s->version, use, out, found, missing, err);
}

static void take_plan(pli__snapshot *s, pli__log_plan *plan) {
    pli__log_plan_clear(&s->plan);
    s->plan = *plan;
    *plan = (pli__log_plan){0};
}

/* Tries the checkpoints, newest first, then commits alone. */
static pli_status start_snapshot(pli__snapshot *s, const pli__log_listing *l, pli_error *err) {
    pli_error failure = {0};
    int64_t missing = -1;
    bool found = false;
    for (size_t i = l->n_checkpoints; i-- > 0;) {
        PLI_AUTO(pli__log_plan_clear) pli__log_plan plan = {0};
        const pli__log_checkpoint_ref *ref = &l->checkpoints[i];
        if (!may_use(&s->options, ref->version, s->version)) continue;
        PLI_TRY(make_plan(s, l, ref->version, &plan, &found, &missing, err));
        if (!found) continue;
        const pli_status st = start_from(s, ref, &failure);
        if (st == PLI_OK) return take_plan(s, &plan), PLI_OK;
        if (pli__snapshot_gives_up(st)) {
            if (err) *err = failure;
            return st;
        }
        pli__env_log(s->table->env, PLI_LOG_WARNING,
                     "checkpoint '%s/_delta_log/%s' cannot be used (%s); falling back to an older state",
                     s->table->root, ref->names[0], failure.message);
    }
    PLI_AUTO(pli__log_plan_clear) pli__log_plan plan = {0};
    PLI_TRY(make_plan(s, l, -1, &plan, &found, &missing, err));
    if (found) return take_plan(s, &plan), PLI_OK;
    if (failure.code != PLI_OK) {
        if (err) *err = failure;
        return failure.code;
    }
    return gap_error(s, missing, err);
}

/* ---- the version's checksum ---- */

/* May the state be taken from it, if it is believed? Writers look at the log itself. */
static bool may_trust_checksum(const pli__snapshot *s) {
    const pli__snapshot_options *o = &s->options;
    return !o->ignore_checkpoints && !o->limit_checkpoints && !o->for_write && !o->with_files;
}

static bool is_complete(const pli__snapshot *s, const pli__checksum *c) {
    return c->state.has_protocol && c->state.has_metadata && c->has_txns && c->has_domains &&
           (!s->options.with_totals || c->totals.files >= 0);
}

/* A log with a gap must not look well because of a file beside it. */
static pli_status log_is_complete(const pli__snapshot *s, const pli__log_listing *l, bool *out, pli_error *err) {
    int64_t missing;
    *out = false;
    for (size_t i = l->n_checkpoints + 1; i-- > 0 && !*out;) {
        PLI_AUTO(pli__log_plan_clear) pli__log_plan plan = {0};
        const int64_t after = i ? l->checkpoints[i - 1].version : -1;
        if (after < 0 || may_use(&s->options, after, s->version))
            PLI_TRY(make_plan(s, l, after, &plan, out, &missing, err));
    }
    return PLI_OK;
}

static pli_status take_checksum(pli__snapshot *s, const pli__log_listing *l, bool *taken, pli_error *err) {
    PLI_AUTO(pli__checksum_clear) pli__checksum c = {0};
    bool found = false, complete = false;
    *taken = false;
    if (!may_trust_checksum(s)) return PLI_OK;
    PLI_TRY(log_is_complete(s, l, &complete, err));
    if (complete) PLI_TRY(pli__checksum_read(s->table, s->version, &c, &found, err));
    if (!found || !is_complete(s, &c)) return PLI_OK;
    PLI_TRY(pli__checksum_fits_commit(s->table, s->version, &c, taken, &s->ict_ms, err));
    if (!*taken) return PLI_OK;
    s->state = c.state;
    c.state = (pli__state){0};
    s->totals = c.totals;
    s->unplanned = true;
    return PLI_OK;
}

/* The log was read anyway: it costs one small file to see whether it agrees. */
static pli_status compare_checksum(const pli__snapshot *s, pli_error *err) {
    PLI_AUTO(pli__checksum_clear) pli__checksum c = {0};
    bool found;
    if (!s->options.with_files || s->options.ignore_checkpoints) return PLI_OK;
    PLI_TRY(pli__checksum_read(s->table, s->version, &c, &found, err));
    if (found) (void)pli__checksum_fits_state(s->table, s->version, &c, &s->state);
    return PLI_OK;
}

/* ---- opening ---- */

/* Can a version older than every commit be had? */
static bool can_rebuild(const pli__snapshot *s, const pli__log_listing *l) {
    if (l->n_checkpoints && l->checkpoints[0].version <= s->version &&
        may_use(&s->options, l->checkpoints[0].version, s->version))
        return true;
    return l->n_compactions && l->compactions[0].from == 0 && l->compactions[0].to <= s->version;
}

static pli_status check_range(const pli__snapshot *s, int64_t last, const pli__log_listing *l, pli_error *err) {
    if (last < 0)
        return pli__error_set(err, PLI_E_NOT_A_TABLE, "'%s' is not a Delta table: its _delta_log holds no commit",
                              s->table->root);
    if (s->version > last) {
        pli__error_set(err, PLI_E_NOT_FOUND, "version %" PRId64 " of '%s' does not exist; the newest is %" PRId64,
                       s->version, s->table->root, last);
        pli__error_hint(err, "`pli delta history` lists the versions that are there");
        return PLI_E_NOT_FOUND;
    }
    const int64_t first = l->n_commits ? l->commits[0] : 0;
    if (first == 0 || s->version >= first || can_rebuild(s, l)) return PLI_OK;
    pli__error_set(err, PLI_E_NOT_FOUND, "version %" PRId64 " of '%s' is no longer available", s->version,
                   s->table->root);
    pli__error_hint(err, "`pli delta history` lists the versions that are there");
    return PLI_E_NOT_FOUND;
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
    bool taken;
    PLI_TRY(pli__delta_list(s->table, from, &l, err));
    const int64_t last = pli__log_listing_last(&l);
    s->version = version == PLI__LATEST ? last : version;
    PLI_TRY(check_range(s, last, &l, err));
    if (last > s->table->known_version) s->table->known_version = last;
    PLI_TRY(take_checksum(s, &l, &taken, err));
    return taken ? PLI_OK : start_snapshot(s, &l, err);
}

static pli_status open_once(pli__delta *t, int64_t version, const pli__snapshot_options *options, pli__snapshot **out,
                            pli_error *err) {
    PLI_AUTO(pli__snapshot_auto) pli__snapshot *s = NULL;
    PLI_TRY(new_snapshot(t, options, &s, err));
    const int64_t from = hint_start(s, version);
    pli_status st = open_from(s, version, from, err);
    if (st != PLI_OK && from > 0 && !pli__snapshot_gives_up(st)) st = open_from(s, version, 0, err);
    PLI_TRY(st);
    if (!s->unplanned) PLI_TRY(replay_state(s, checkpoint_version(s) + 1, err));
    PLI_TRY(check_snapshot(s, err));
    PLI_TRY(compare_checksum(s, err));
    *out = PLI_TAKE(s);
    return PLI_OK;
}

static size_t n_unusable(const pli__delta *t) { return t->unusable ? pli__map_size(t->unusable) : 0; }

/* Each time that a file of the log breaks and is passed over, there may be another way. The first failure is reported. */
pli_status pli__snapshot_open(pli__delta *t, int64_t version, const pli__snapshot_options *options, pli__snapshot **out,
                              pli_error *err) {
    pli_error first = {0};
    if (version < PLI__LATEST) return pli__error_set(err, PLI_E_ARGUMENT, "version %" PRId64 " is negative", version);
    for (;;) {
        const size_t before = n_unusable(t);
        pli_error failure = {0};
        const pli_status st = open_once(t, version, options, out, &failure);
        if (st == PLI_OK) return PLI_OK;
        if (first.code == PLI_OK) first = failure;
        if (n_unusable(t) > before) continue;
        if (err) *err = first;
        return first.code;
    }
}

pli_status pli__snapshot_plan(pli__snapshot *s, pli_error *err) {
    PLI_AUTO(pli__snapshot_auto) pli__snapshot *other = NULL;
    pli__snapshot_options o = s->options;
    o.with_files = true; /* by the log, not by the checksum */
    PLI_TRY(pli__snapshot_open(s->table, s->version, &o, &other, err));
    pli__log_checkpoint_unref(s->checkpoint);
    s->checkpoint = PLI_TAKE(other->checkpoint);
    take_plan(s, &other->plan);
    pli__tail_unref(s->tail);
    s->tail = PLI_TAKE(other->tail);
    s->unplanned = false;
    return PLI_OK;
}

/* ---- going on to a later version ---- */

static pli_status advance_to(pli__snapshot *s, int64_t version, pli__snapshot **out, pli_error *err) {
    PLI_AUTO(pli__snapshot_auto) pli__snapshot *n = NULL;
    PLI_TRY(new_snapshot(s->table, &s->options, &n, err));
    n->version = version;
    n->unplanned = s->unplanned;
    n->checkpoint = pli__log_checkpoint_keep(s->checkpoint);
    n->tail = pli__tail_ref(s->tail);
    PLI_TRY(pli__log_plan_copy(&s->plan, &n->plan, err));
    PLI_TRY(pli__state_copy(&s->state, &n->state, err));
    pli__replay r = {.state = &n->state, .ict_ms = -1};
    PLI_TRY(pli__snapshot_replay(n, s->version + 1, &r, err));
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
