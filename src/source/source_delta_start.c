/* Where a checkpoint begins: decided and stored at the first plan that finds what it needs, for ever. */
#include <inttypes.h>
#include <math.h>

#include "base/json.h"
#include "source/source_delta_impl.h"

/* What the options ask for. */
typedef struct start_wish {
    const char *mode; /* snapshot latest version timestamp */
    int64_t version;
    int64_t timestamp_us;
    bool given;
} start_wish;

static pli_status read_wish(const pli__delta_options *o, start_wish *out, pli_error *err) {
    const char *ts = o->starting_timestamp, *offset = o->start_offset;
    *out = (start_wish){.mode = "snapshot", .given = true};
    if (o->starting_version >= 0) {
        out->mode = "version";
        out->version = o->starting_version;
    } else if (ts) {
        double seconds = 0;
        out->mode = "timestamp";
        if (pli__str_to_f64(pli__str_of(ts), &seconds) && fabs(seconds) < 1e11)
            out->timestamp_us = llround(seconds * 1e6);
        else if (!pli__time_parse_iso(pli__str_of(ts), &out->timestamp_us))
            return pli__error_set(err, PLI_E_ARGUMENT,
                                  "starting_timestamp '%s' is neither ISO 8601 nor a number of seconds", ts);
    } else if (offset && strcmp(offset, "latest") == 0) {
        out->mode = "latest";
    } else if (offset && strcmp(offset, "earliest") == 0) {
        out->mode = "version";
    } else if (offset && strcmp(offset, "snapshot") != 0) {
        return pli__error_set(err, PLI_E_ARGUMENT, "start_offset '%s' is neither snapshot, latest nor earliest",
                              offset);
    } else {
        out->given = offset != NULL;
    }
    return PLI_OK;
}

/* ---- the first commit at or after a time ---- */

static int64_t ceil_ms(int64_t us) { return us > 0 ? (us + 999) / 1000 : us / 1000; }

static pli_status first_commit(delta_source *s, int64_t newest, int64_t *out, pli_error *err) {
    *out = 0;
    int64_t earliest = 0;
    const pli_status status = pli__delta_earliest_version(s->table, &earliest, err);
    if (status == PLI_E_CORRUPT) pli__error_clear(err); /* no state, but commits that can be read */
    else PLI_TRY(status);
    *out = earliest <= newest ? earliest : newest;
    return PLI_OK;
}

/* *out -1: there is none yet. */
static pli_status find_time(delta_plan *p, int64_t timestamp_us, int64_t *out, pli_error *err) {
    delta_source *s = p->s;
    PLI_AUTO(delta_commit_clear) delta_commit c = {0};
    int64_t v = s->timed_through + 1;
    *out = -1;
    if (v <= 0) PLI_TRY(first_commit(s, p->newest, &v, err));
    for (; v <= p->newest; v++) {
        int64_t ms = 0;
        PLI_TRY(pli__env_check_cancel(s->env, err));
        const pli_status status = pli__delta_commit_read(s->table, v, false, &c, err);
        if (status == PLI_E_NOT_FOUND) { /* cleaned away; what stands behind it may be there */
            pli__error_clear(err);
            continue;
        }
        PLI_TRY(status);
        PLI_TRY(pli__delta_commit_time(s->table, &c, &ms, err));
        if (ms >= ceil_ms(timestamp_us)) return *out = v, PLI_OK;
        if (!p->dry) s->timed_through = v;
    }
    return PLI_OK;
}

/* ---- deciding ---- */

static pli_status decide(delta_plan *p, const start_wish *w, json_t **out, pli_error *err) {
    if (strcmp(w->mode, "snapshot") == 0) *out = json_pack("{s:s}", "mode", "snapshot");
    else if (strcmp(w->mode, "latest") == 0)
        *out = json_pack("{s:s, s:I}", "mode", "latest", "version", (json_int_t)p->newest);
    else if (strcmp(w->mode, "version") == 0)
        *out = json_pack("{s:s, s:I}", "mode", "version", "version", (json_int_t)w->version);
    else {
        int64_t version = -1;
        PLI_TRY(find_time(p, w->timestamp_us, &version, err));
        if (version < 0) return PLI_OK;
        *out = json_pack("{s:s, s:I, s:f}", "mode", "version", "version", (json_int_t)version, "timestamp",
                         (double)w->timestamp_us / 1e6);
    }
    return *out ? PLI_OK : pli__error_memory(err);
}

static pli_status store(delta_plan *p, json_t *start, pli_error *err) {
    if (p->dry) return PLI_OK;
    PLI_AUTO(pli__json_unref) json_t *set = json_pack("{s:O}", "start_offset", start);
    if (!set) return pli__error_memory(err);
    return pli__checkpoint_update_metadata(p->cp, set, err);
}

/* ---- what is stored ---- */

static bool is_same(const start_wish *w, const json_t *stored) {
    const char *mode = json_string_value(json_object_get(stored, "mode"));
    const json_t *at = json_object_get(stored, "timestamp"), *version = json_object_get(stored, "version");
    if (!mode) return false;
    if (strcmp(w->mode, "timestamp") == 0)
        return json_is_number(at) && llround(json_number_value(at) * 1e6) == w->timestamp_us;
    if (strcmp(w->mode, mode) != 0) return false;
    return strcmp(mode, "version") != 0 || (!json_is_number(at) && json_integer_value(version) == w->version);
}

static void warn_if_other(const delta_plan *p, const start_wish *w, const json_t *stored) {
    if (!w->given || is_same(w, stored)) return;
    PLI_AUTO(pli__buf_clear) pli__buf text = {0};
    if (pli__json_write(stored, &text, NULL) != PLI_OK) return;
    pli__env_log(
        p->s->env, PLI_LOG_WARNING,
        "start_offset of this checkpoint was fixed by its first plan and stays %s; the start position given now is ignored",
        text.ptr);
}

static pli_status apply(delta_plan *p, const json_t *start, pli_error *err) {
    const char *mode = json_string_value(json_object_get(start, "mode"));
    const json_t *version = json_object_get(start, "version");
    p->from_snapshot = mode && strcmp(mode, "snapshot") == 0;
    if (p->from_snapshot) return PLI_OK;
    if (!mode || !json_is_integer(version) || (strcmp(mode, "latest") != 0 && strcmp(mode, "version") != 0))
        return pli__error_set(err, PLI_E_CORRUPT,
                              "metadata.json of '%s' has a start_offset that is no position of a table",
                              pli__checkpoint_dir(p->cp));
    p->first = json_integer_value(version) + (strcmp(mode, "latest") == 0);
    return PLI_OK;
}

pli_status pli__delta_start(delta_plan *p, bool *ready, pli_error *err) {
    start_wish w = {0};
    *ready = false;
    PLI_TRY(read_wish(&p->s->o, &w, err));
    const json_t *stored = json_object_get(pli__checkpoint_metadata(p->cp), "start_offset");
    if (stored) {
        warn_if_other(p, &w, stored);
        *ready = true;
        return apply(p, stored, err);
    }
    if (p->newest < 0) return PLI_OK;
    PLI_AUTO(pli__json_unref) json_t *start = NULL;
    PLI_TRY(decide(p, &w, &start, err));
    if (!start) return PLI_OK;
    PLI_TRY(store(p, start, err));
    *ready = true;
    return apply(p, start, err);
}
