/*
 * Times of versions. A commit's time is its in-commit timestamp where the table has them, else the modification time of
 * its file; since those may run backwards (copied tables), they are made strictly increasing from the oldest commit on,
 * as Spark does it (PROTOCOL.md, "In-Commit Timestamps").
 */
#include "delta/history.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/time.h"
#include "delta/log_list.h"
#include "delta/log_read.h"
#include "delta/table.h"

enum { VERSION_DIGITS = 20 };

/* ---- modification times ---- */

static pli_status push_time(pli__commit_times *t, int64_t version, int64_t ms, pli_error *err) {
    if (t->n && version != t->first + (int64_t)t->n) t->n = 0; /* a gap: what was before it does not count */
    if (!t->n) t->first = version;
    if (t->n == t->cap) {
        const size_t cap = t->cap ? t->cap * 2 : 256;
        int64_t *moved = realloc(t->ms, cap * sizeof *moved);
        if (!moved) return pli__error_memory(err);
        t->ms = moved;
        t->cap = cap;
    }
    if (t->n && ms <= t->ms[t->n - 1]) ms = t->ms[t->n - 1] + 1;
    t->ms[t->n++] = ms;
    return PLI_OK;
}

static pli_status visit_time(void *arg, const pli__store_entry *entry, pli_error *err) {
    const pli__str name = pli__str_of(entry->name);
    int64_t version;
    if (name.len != VERSION_DIGITS + 5 || !pli__str_ends(name, PLI_STR(".json"))) return PLI_OK;
    if (!pli__str_to_i64((pli__str){name.ptr, VERSION_DIGITS}, &version)) return PLI_OK;
    return push_time(arg, version, entry->mtime_us / 1000, err);
}

/* Makes the times reach to a version, listing only what is new. */
static pli_status load_times(pli__delta *t, int64_t through, pli_error *err) {
    pli__commit_times *times = &t->times;
    const int64_t next = times->n ? times->first + (int64_t)times->n : 0;
    if (times->n && through < next) return PLI_OK;
    char from[32] = "";
    if (next) snprintf(from, sizeof from, "%020" PRId64, next);
    return pli__store_list(t->log, "", from, true, visit_time, times, err);
}

static pli_status file_time(pli__delta *t, int64_t version, int64_t *ms, pli_error *err) {
    PLI_TRY(load_times(t, version, err));
    const pli__commit_times *times = &t->times;
    if (!times->n || version < times->first || version >= times->first + (int64_t)times->n)
        return pli__error_set(err, PLI_E_NOT_FOUND, "the commit of version %" PRId64 " of '%s' is not in its log",
                              version, t->root);
    *ms = times->ms[version - times->first];
    return PLI_OK;
}

/* ---- in-commit timestamps ---- */

static pli_status take_ict(void *arg, const pli__action *a, pli_error *err) {
    (void)err;
    if (a->kind == PLI__ACTION_COMMIT_INFO) *(int64_t *)arg = pli__commit_info_ict(a->raw);
    return PLI_OK;
}

static pli_status commit_ict(pli__delta *t, int64_t version, int64_t *ms, pli_error *err) {
    int64_t ict = -1;
    PLI_TRY(pli__log_read(t, version, (pli__read_what){.kinds = PLI__READ_INFO}, take_ict, &ict, err));
    if (ict < 0)
        return pli__error_set(err, PLI_E_CORRUPT,
                              "commit %" PRId64 " of '%s' lacks the inCommitTimestamp that the table demands", version,
                              t->root);
    *ms = ict;
    return PLI_OK;
}

static void read_rule(const pli__snapshot *s, pli__time_rule *out) {
    *out = (pli__time_rule){.last = pli__snapshot_version(s), .ict_from = INT64_MAX};
    if (!pli__str_ieqz(pli__snapshot_property(s, "delta.enableInCommitTimestamps"), "true")) return;
    out->ict_from = 0;
    pli__str_to_i64(pli__snapshot_property(s, "delta.inCommitTimestampEnablementVersion"), &out->ict_from);
}

pli_status pli__time_rule_open(pli__delta *t, pli__time_rule *out, pli_error *err) {
    PLI_AUTO(pli__snapshot_auto) pli__snapshot *s = NULL;
    PLI_TRY(pli__snapshot_open(t, PLI__LATEST, NULL, &s, err));
    read_rule(s, out);
    return PLI_OK;
}

pli_status pli__time_rule_ms(pli__delta *t, const pli__time_rule *rule, int64_t version, int64_t *ms, pli_error *err) {
    return version >= rule->ict_from ? commit_ict(t, version, ms, err) : file_time(t, version, ms, err);
}

/* ---- searches ---- */

/* Greatest version of [lo, hi] whose time is at most ms; lo - 1 if there is none. */
static pli_status search(pli__delta *t, const pli__time_rule *rule, int64_t lo, int64_t hi, int64_t ms, int64_t *out,
                         pli_error *err) {
    const int64_t none = lo - 1;
    int64_t found = none;
    while (lo <= hi) {
        const int64_t mid = lo + (hi - lo) / 2;
        int64_t at;
        PLI_TRY(pli__time_rule_ms(t, rule, mid, &at, err));
        if (at <= ms) {
            found = mid;
            lo = mid + 1;
        } else {
            hi = mid - 1;
        }
    }
    *out = found;
    return PLI_OK;
}

static pli_status first_commit(pli__delta *t, int64_t *out, pli_error *err) {
    PLI_TRY(load_times(t, 0, err));
    if (!t->times.n)
        return pli__error_set(err, PLI_E_NOT_FOUND, "the log of '%s' holds no commit whose time is known", t->root);
    *out = t->times.first;
    return PLI_OK;
}

pli_status pli__time_rule_find(pli__delta *t, const pli__time_rule *rule, int64_t ms, int64_t *out, pli_error *err) {
    int64_t first = 0;
    PLI_TRY(first_commit(t, &first, err));
    const int64_t ict = rule->ict_from > first ? rule->ict_from : first;
    if (ict <= rule->last) {
        PLI_TRY(search(t, rule, ict, rule->last, ms, out, err));
        if (*out >= ict || ict == first) return PLI_OK;
    }
    return search(t, rule, first, ict <= rule->last ? ict - 1 : rule->last, ms, out, err);
}

static int64_t floor_ms(int64_t us) { return us >= 0 ? us / 1000 : -((-us + 999) / 1000); }

pli_status pli__delta_version_at(pli__delta *t, int64_t time_us, int64_t *out, pli_error *err) {
    pli__time_rule rule;
    int64_t version, earliest;
    PLI_TRY(pli__time_rule_open(t, &rule, err));
    PLI_TRY(pli__time_rule_find(t, &rule, floor_ms(time_us), &version, err));
    PLI_TRY(pli__delta_earliest_version(t, &earliest, err));
    if (version < earliest) {
        char asked[40];
        pli__time_format_iso(time_us, asked);
        pli__error_set(err, PLI_E_NOT_FOUND, "'%s' has no version as of %s: its oldest one, %" PRId64 ", is newer",
                       t->root, asked, earliest);
        pli__error_hint(err, "`pli delta history` lists the versions with their times");
        return PLI_E_NOT_FOUND;
    }
    *out = version;
    return PLI_OK;
}

pli_status pli__delta_version_time(pli__delta *t, int64_t version, int64_t *out, pli_error *err) {
    pli__time_rule rule;
    int64_t ms;
    PLI_TRY(pli__time_rule_open(t, &rule, err));
    PLI_TRY(pli__time_rule_ms(t, &rule, version, &ms, err));
    *out = ms * 1000;
    return PLI_OK;
}
