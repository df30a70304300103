/*
 * Where a checkpoint begins: decided and stored at its first plan, for ever. `latest` writes down every file that is
 * there (seen/), because times alone would lose files that arrive later with an old one.
 */
#include <inttypes.h>
#include <math.h>

#include "base/json.h"
#include "checkpoint/index_sync.h"
#include "checkpoint/seen.h"
#include "source/source_files_impl.h"

typedef struct start_wish {
    const char *mode;     /* earliest latest timestamp */
    int64_t timestamp_us; /* of mode timestamp */
} start_wish;

static pli_status read_wish(const files_source *s, start_wish *out, pli_error *err) {
    const char *ts = s->o.start_timestamp, *offset = s->o.start_offset;
    out->mode = "earliest";
    if (ts) {
        double seconds = 0;
        out->mode = "timestamp";
        if (pli__str_to_f64(pli__str_of(ts), &seconds) && fabs(seconds) < 1e11)
            out->timestamp_us = llround(seconds * 1e6);
        else if (!pli__time_parse_iso(pli__str_of(ts), &out->timestamp_us))
            return pli__error_set(err, PLI_E_ARGUMENT,
                                  "start_timestamp '%s' is neither ISO 8601 nor a number of seconds", ts);
    } else if (offset) {
        if (strcmp(offset, "earliest") != 0 && strcmp(offset, "latest") != 0)
            return pli__error_set(err, PLI_E_ARGUMENT, "start_offset '%s' is neither earliest nor latest", offset);
        out->mode = offset;
    }
    return PLI_OK;
}

static json_t *start_json(const char *mode, int64_t timestamp_us) {
    json_t *at = strcmp(mode, "earliest") == 0 ? json_null() : json_real((double)timestamp_us / 1e6);
    return json_pack("{s:{s:s, s:o}}", "start_offset", "mode", mode, "timestamp", at);
}

/* ---- latest ---- */

typedef struct collector {
    files_plan *p;
    pli__seen_writer *w;
    pli__buf path;
} collector;

static pli_status path_of(pli__buf *b, pli__str folder, pli__str name, pli_error *err) {
    pli__buf_reset(b);
    pli__buf_adds(b, folder);
    if (folder.len > 1) pli__buf_addc(b, '/');
    pli__buf_adds(b, name);
    return pli__buf_status(b, err);
}

/* With its signature, so that a later overwrite can be told. */
static pli_status write_seen(void *arg, pli__str folder, const pli__index_file *f, pli_error *err) {
    collector *c = arg;
    PLI_TRY(path_of(&c->path, folder, f->name, err));
    pli__file_info info = {0};
    PLI_TRY(pli__fs_stat(c->path.ptr, &info, err));
    if (info.kind != PLI__FILE_REGULAR) return PLI_OK;
    const pli__seen_file seen = {pli__buf_str(&c->path), info.size, info.mtime_ns, -1};
    return pli__seen_add(c->w, &seen, err);
}

static void collector_clear(collector *c) {
    pli__seen_writer_free(c->w);
    pli__buf_clear(&c->path);
}

/* All or nothing: the index is made anew from the records if this does not reach its end. */
static pli_status start_latest(files_plan *p, pli_error *err) {
    PLI_TRY(pli__files_begin(p, err));
    PLI_TRY(pli__index_set_text(p->x, "identity", PLI_STR("unfinished"), err));
    PLI_TRY(pli__files_discover(p, err));
    PLI_AUTO(collector_clear) collector c = {.p = p};
    PLI_TRY(pli__seen_begin_latest(p->cp, p->now_us, &c.w, err));
    PLI_TRY(pli__index_files_of(p->x, PLI__INDEX_WAITING, write_seen, &c, err));
    PLI_TRY(pli__index_files_of(p->x, PLI__INDEX_HELD, write_seen, &c, err));
    PLI_TRY(pli__seen_publish(c.w, err));
    PLI_AUTO(pli__json_unref) json_t *set = start_json("latest", p->now_us);
    if (!set) return pli__error_memory(err);
    PLI_TRY(pli__checkpoint_update_metadata(p->cp, set, err));
    PLI_TRY(pli__files_end(p, err));
    return pli__index_sync(p->x, p->cp, NULL, err);
}

/* ---- the rest ---- */

static pli_status decide(files_plan *p, const start_wish *wish, pli_error *err) {
    if (strcmp(wish->mode, "latest") == 0) return p->dry ? PLI_OK : start_latest(p, err);
    if (p->dry) return PLI_OK;
    PLI_AUTO(pli__json_unref) json_t *set = start_json(wish->mode, wish->timestamp_us);
    if (!set) return pli__error_memory(err);
    PLI_TRY(pli__files_begin(p, err));
    PLI_TRY(pli__checkpoint_update_metadata(p->cp, set, err));
    PLI_TRY(pli__index_note_records(p->x, p->cp, err));
    return pli__files_end(p, err);
}

static void warn_if_other(const files_plan *p, const start_wish *wish, const json_t *stored) {
    const files_source *s = p->s;
    if (!s->o.start_offset && !s->o.start_timestamp) return;
    const char *mode = json_string_value(json_object_get(stored, "mode"));
    const json_t *at = json_object_get(stored, "timestamp");
    bool same = mode && strcmp(mode, wish->mode) == 0;
    if (same && strcmp(wish->mode, "timestamp") == 0) same = llround(json_number_value(at) * 1e6) == wish->timestamp_us;
    if (same) return;
    char iso[40] = "";
    if (json_is_number(at)) pli__time_format_iso(llround(json_number_value(at) * 1e6), iso);
    pli__env_log(
        s->env, PLI_LOG_WARNING,
        "start_offset of this checkpoint was fixed by its first plan and stays '%s'%s%s; the start position given now is ignored",
        mode ? mode : "?", *iso ? " at " : "", iso);
}

pli_status pli__files_start(files_plan *p, pli_error *err) {
    start_wish wish = {0};
    PLI_TRY(read_wish(p->s, &wish, err));
    p->start_ns = INT64_MIN;
    const json_t *stored = json_object_get(pli__checkpoint_metadata(p->cp), "start_offset");
    if (!stored) PLI_TRY(decide(p, &wish, err));
    else warn_if_other(p, &wish, stored);
    const json_t *now = json_object_get(pli__checkpoint_metadata(p->cp), "start_offset");
    const char *mode = now ? json_string_value(json_object_get(now, "mode")) : wish.mode;
    if (!mode || strcmp(mode, "earliest") == 0) return PLI_OK;
    int64_t at_us = now ? llround(json_number_value(json_object_get(now, "timestamp")) * 1e6) : wish.timestamp_us;
    bool recorded = false;
    if (strcmp(mode, "latest") == 0) {
        if (!now) at_us = p->now_us; /* a preview of a start that was not made yet */
        else PLI_TRY(pli__seen_has_latest(p->cp, &recorded, err));
    }
    if (!recorded) p->start_ns = at_us * 1000;
    return PLI_OK;
}

/* The newest file there ever was decides what is too old, and that never moves back. */
pli_status pli__files_horizon(files_plan *p, pli_error *err) {
    p->horizon_ns = INT64_MIN;
    const json_t *stored = json_object_get(pli__checkpoint_metadata(p->cp), "max_age_horizon_ns");
    if (json_is_integer(stored)) p->horizon_ns = json_integer_value(stored);
    if (!p->s->o.max_age_us) {
        p->horizon_ns = INT64_MIN;
        return PLI_OK;
    }
    int64_t newest = INT64_MIN;
    PLI_TRY(pli__index_newest(p->x, &newest, err));
    if (p->newest_ns > newest) newest = p->newest_ns;
    if (newest == INT64_MIN || newest - p->s->o.max_age_us * 1000 <= p->horizon_ns) return PLI_OK;
    p->horizon_ns = newest - p->s->o.max_age_us * 1000;
    if (p->dry) return PLI_OK;
    PLI_AUTO(pli__json_unref) json_t *set = json_pack("{s:I}", "max_age_horizon_ns", (json_int_t)p->horizon_ns);
    if (!set) return pli__error_memory(err);
    return pli__checkpoint_update_metadata(p->cp, set, err);
}
