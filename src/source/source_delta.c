/* The Delta source as the run sees it: plan, relation, backlog, bound. */
#include "source/source_delta.h"

#include <stdlib.h>

#include "base/json.h"
#include "source/source_delta_impl.h"

static delta_source *self_of(pli__source *s) { return (delta_source *)(void *)s; }

/* ---- a plan ---- */

static void plan_clear(delta_plan *p) { json_decref(p->last); }

static pli_status read_position(delta_plan *p, pli_error *err) {
    delta_position *at = &p->at;
    const char *what = "the newest offset";
    at->any = true;
    PLI_TRY(pli__json_get_i64(p->last, "version", what, true, &at->version, err));
    PLI_TRY(pli__json_get_i64(p->last, "index", what, true, &at->index, err));
    PLI_TRY(pli__json_get_bool(p->last, "is_initial_snapshot", what, true, &at->initial, err));
    PLI_TRY(pli__json_get_bool(p->last, "complete", what, false, &at->complete, err));
    PLI_TRY(pli__json_get_str(p->last, "table_id", what, false, &at->table_id, err));
    const json_t *feed = json_object_get(p->last, "change_feed");
    if (json_is_boolean(feed)) p->feed = json_is_true(feed) ? DELTA_FEED_ON : DELTA_FEED_OFF;
    return pli__json_get_str(p->last, "commit_sha256", what, false, &at->sha256, err);
}

static pli_status plan_begin(delta_source *s, pli__checkpoint *cp, bool dry, delta_plan *p, pli_error *err) {
    *p = (delta_plan){.s = s, .cp = cp, .dry = dry};
    PLI_TRY(pli__checkpoint_check(cp, err));
    const int64_t last = pli__checkpoint_last_offset(cp);
    if (last < 0) return PLI_OK;
    PLI_TRY(pli__checkpoint_read_offset(cp, last, &p->last, NULL, err));
    return read_position(p, err);
}

/* Which version counts as the newest: what is there, at most what the run is bound to and the option allows. */
static pli_status find_newest(delta_plan *p, pli_error *err) {
    delta_source *s = p->s;
    int64_t newest = -1;
    PLI_TRY(pli__delta_newest(s, &newest, err));
    if (newest < 0 && !p->at.any && s->o.must_exist)
        return pli__error_set(err, PLI_E_NOT_A_TABLE, "the source '%s' is not a Delta table",
                              pli__delta_root(s->table));
    if (p->at.any || newest >= 0) PLI_TRY(pli__delta_check_identity(p, newest, err));
    if (s->bounded && s->bound < newest) newest = s->bound;
    if (s->o.ending_version >= 0 && s->o.ending_version < newest) newest = s->o.ending_version;
    p->newest = newest;
    return PLI_OK;
}

static pli_status plan_into(delta_plan *p, delta_offset *o, pli_error *err) {
    bool ready = false;
    if (!p->at.any) pli__delta_snapshot_clear(&p->s->snapshot); /* nothing says yet that the table stays the same */
    PLI_TRY(find_newest(p, err));
    PLI_TRY(pli__delta_start(p, &ready, err));
    if (!ready || p->newest < 0) return PLI_OK;
    PLI_TRY(pli__delta_plan_next(p, o, err));
    o->feed = p->feed;
    if (!o->initial && o->moved) pli__delta_snapshot_clear(&p->s->snapshot);
    return PLI_OK;
}

static pli_status plan_once(delta_source *s, pli__checkpoint *cp, bool dry, json_t **offset, pli_error *err) {
    PLI_AUTO(plan_clear) delta_plan p;
    PLI_AUTO(pli__delta_offset_clear) delta_offset o = {0};
    PLI_TRY(plan_begin(s, cp, dry, &p, err));
    PLI_TRY(pli__delta_offset_init(&o, s, false, err));
    PLI_TRY(plan_into(&p, &o, err));
    return pli__delta_offset_finish(&o, offset, err);
}

static pli_status delta_plan_op(pli__source *base, pli__checkpoint *cp, json_t **offset, pli_error *err) {
    return plan_once(self_of(base), cp, false, offset, err);
}

static pli_status delta_preview(pli__source *base, pli__checkpoint *cp, json_t **offset, pli_error *err) {
    return plan_once(self_of(base), cp, true, offset, err);
}

/* ---- backlog ---- */

static pli_status count_backlog(delta_source *s, pli__checkpoint *cp, json_t *into, pli_error *err) {
    PLI_AUTO(plan_clear) delta_plan p;
    PLI_AUTO(pli__delta_offset_clear) delta_offset o = {0};
    PLI_TRY(plan_begin(s, cp, true, &p, err));
    PLI_TRY(pli__delta_offset_init(&o, s, true, err));
    PLI_TRY(plan_into(&p, &o, err));
    const int64_t behind = p.newest - (p.at.any ? p.at.version : p.from_snapshot ? p.newest - 1 : p.first - 1);
    const bool ok = json_object_set_new(into, "filesWaiting", json_integer(o.n)) == 0 &&
                    json_object_set_new(into, "bytesWaiting", json_integer(o.bytes)) == 0 &&
                    json_object_set_new(into, "versionsWaiting", json_integer(o.moved && behind > 0 ? behind : 0)) == 0;
    return ok ? PLI_OK : pli__error_memory(err);
}

static pli_status delta_backlog(pli__source *base, pli__checkpoint *cp, json_t *into, pli_error *err) {
    delta_source *s = self_of(base);
    const bool bounded = s->bounded;
    s->bounded = false;
    const pli_status status = count_backlog(s, cp, into, err);
    s->bounded = bounded;
    return status;
}

/* ---- the rest ---- */

static pli_status delta_relation_op(pli__source *base, const json_t *offset, pli__relation **out, pli_error *err) {
    return pli__delta_relation(self_of(base), offset, out, err);
}

/* Data files never change, but a vacuum may have taken them while they were read. What was left out on purpose is no matter. */
static pli_status delta_recheck(pli__source *base, const json_t *offset, pli_error *err) {
    const delta_source *s = self_of(base);
    size_t i;
    json_t *path;
    json_array_foreach(json_object_get(offset, "files"), i, path) {
        pli__file_info info;
        PLI_TRY(pli__fs_stat(json_string_value(path), &info, err));
        if (info.kind != PLI__FILE_NONE || s->o.allow_data_loss) continue;
        pli__error_set(err, PLI_E_FILE_CHANGED, "the data file '%s' was removed after it was planned",
                       json_string_value(path));
        pli__error_flag(err, PLI_ERR_RETRIABLE);
        return PLI_E_FILE_CHANGED;
    }
    return PLI_OK;
}

static pli_status delta_bound(pli__source *base, pli__checkpoint *cp, bool on, pli_error *err) {
    delta_source *s = self_of(base);
    (void)cp;
    if (on) PLI_TRY(pli__delta_newest(s, &s->bound, err));
    s->bounded = on;
    return PLI_OK;
}

static const char *delta_watch_path(const pli__source *base) {
    return ((const delta_source *)(const void *)base)->log_dir;
}

static void delta_free(pli__source *base) {
    delta_source *s = self_of(base);
    pli__delta_snapshot_clear(&s->snapshot);
    pli__delta_free(s->table);
    pli__arena_clear(&s->arena);
    free(s->log_dir);
    free(s->id);
    free(s);
}

static const pli__source_ops delta_ops = {.version = 1,
                                          .kind = "delta",
                                          .plan = delta_plan_op,
                                          .relation = delta_relation_op,
                                          .recheck = delta_recheck,
                                          .backlog = delta_backlog,
                                          .free = delta_free,
                                          .bound = delta_bound,
                                          .watch_path = delta_watch_path,
                                          .preview = delta_preview};

/* ---- making it ---- */

static void delta_auto(delta_source **s) {
    if (*s) delta_free(&(*s)->base);
}

static pli_status check(const pli__delta_options *o, pli_error *err) {
    if (!o->path || !*o->path) return pli__error_set(err, PLI_E_ARGUMENT, "a Delta source needs a path");
    if (o->max_files < 0 || o->max_bytes < 0)
        return pli__error_set(err, PLI_E_ARGUMENT, "the limits of files and bytes per batch must be at least 1");
    if (o->starting_version < -1 || o->ending_version < -1)
        return pli__error_set(err, PLI_E_ARGUMENT, "a version must not be negative");
    if (o->ending_version >= 0 && o->starting_version > o->ending_version)
        return pli__error_set(err, PLI_E_ARGUMENT, "starting_version is higher than ending_version");
    return PLI_OK;
}

static const char *copy(delta_source *s, const char *z) {
    return z ? pli__arena_strdup(&s->arena, pli__str_of(z)) : NULL;
}

pli_status pli__source_delta_new(pli_env *env, const pli__delta_options *options, pli__source **out, pli_error *err) {
    *out = NULL;
    PLI_TRY(check(options, err));
    PLI_AUTO(delta_auto) delta_source *s = calloc(1, sizeof *s);
    if (!s) return pli__error_memory(err);
    s->base.ops = &delta_ops;
    s->env = env;
    s->id_version = s->snapshot.version = s->timed_through = s->listed = -1;
    s->log_mtime_ns = INT64_MIN;
    s->o = *options;
    s->o.path = copy(s, options->path);
    s->o.start_offset = copy(s, options->start_offset);
    s->o.starting_timestamp = copy(s, options->starting_timestamp);
    PLI_TRY(pli__arena_status(&s->arena, err));
    PLI_TRY(pli__delta_open(env, options->path, &s->table, err));
    s->log_dir = pli__path_join(pli__delta_root(s->table), "_delta_log");
    if (!s->log_dir) return pli__error_memory(err);
    *out = &PLI_TAKE(s)->base;
    return PLI_OK;
}
