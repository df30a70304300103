/*
 * A transaction against a commit that won its version (our checklist 2.5; the order of the checks is Spark's):
 *   repeat? 1 protocol · 2 metadata · 3 domains · 4 txn · 5 row ids · 7 added files that we should have read ·
 *   8 removed files that we have read · 9 files that both removed · 10 in-commit timestamp
 * The winner is streamed once; what matters is noted, then decided in that order. The repeat test comes first: a twin of
 * ours that also changed the metadata is a repeat, not a conflict.
 */
#include <stdarg.h>
#include <stdio.h>

#include "base/json_scan.h"
#include "delta/log_read.h"
#include "delta/transaction_impl.h"

#define NAME_MAX_SHOWN 200

/* First thing of a kind that stands in the way. */
typedef struct {
    bool hit;
    char name[NAME_MAX_SHOWN];
} obstacle;

typedef struct {
    pli__txn_handle *x;
    int64_t version;
    bool checks_adds;
    bool ours, repeat;
    bool protocol, metadata;
    int64_t ict_ms, row_id_mark;
    obstacle domain, txn, added, removed_read, removed_both;
} winner;

static void note(obstacle *o, pli__str name) {
    if (o->hit) return;
    const size_t n = name.len < NAME_MAX_SHOWN - 1 ? name.len : NAME_MAX_SHOWN - 1;
    o->hit = true;
    memcpy(o->name, name.ptr, n);
    o->name[n] = '\0';
}

/* A text that is a member of a JSON object; false if there is none. */
static bool json_member(pli__str object, const char *key, pli__buf *scratch, pli__str *text) {
    pli__json_scan s;
    pli__json_item it;
    bool more;
    pli__json_scan_init(&s, object, "commitInfo", 0);
    if (pli__json_scan_root(&s, &it, NULL) != PLI_OK || it.kind != PLI__JSON_OBJECT ||
        pli__json_scan_enter(&s, NULL) != PLI_OK)
        return false;
    while (pli__json_scan_next(&s, &it, &more, NULL) == PLI_OK && more) {
        if (!pli__json_key_is(&it, key)) continue;
        if (it.kind != PLI__JSON_STRING) return false;
        *text = pli__json_item_str(&it, scratch);
        return true;
    }
    return false;
}

static void see_commit_info(winner *w, pli__str raw) {
    PLI_AUTO(pli__buf_clear) pli__buf scratch = {0};
    pli__str id = {0};
    w->ict_ms = pli__commit_info_ict(raw);
    if (json_member(raw, "txnId", &scratch, &id)) w->ours = pli__str_eqz(id, w->x->txn_id);
}

static void see_domain(winner *w, const pli__domain *d) {
    if (pli__str_eqz(d->domain, PLI__ROW_TRACKING)) {
        if (!d->removed) w->row_id_mark = pli__row_id_mark(d->configuration);
        return;
    }
    for (size_t i = 0; i < w->x->domains.n; i++)
        if (pli__str_eq(w->x->domains.at[i].domain, d->domain)) note(&w->domain, d->domain);
}

static pli_status see_txn(winner *w, const pli__txn *t, pli_error *err) {
    pli__txn_handle *x = w->x;
    for (size_t i = 0; i < x->txns.n; i++) {
        if (!pli__str_eq(x->txns.at[i].app_id, t->app_id)) continue;
        note(&w->txn, t->app_id);
        if (!x->options.repeat) return PLI_OK;
        const pli_status s = x->options.repeat(x->options.repeat_arg, t, w->version, err);
        if (s != PLI_E_EXISTS) return s;
        pli__error_clear(err);
        w->repeat = true;
    }
    return PLI_OK;
}

static pli_status see_add(winner *w, const pli__add *a, pli_error *err) {
    pli__txn_handle *x = w->x;
    if (!w->checks_adds || w->added.hit) return PLI_OK;
    bool matches = true;
    if (x->options.reads == PLI__READS_FILES && x->match) PLI_TRY(x->match(x->match_arg, a, &matches, err));
    if (matches) note(&w->added, a->path);
    return PLI_OK;
}

static void see_remove(winner *w, const pli__remove *r) {
    if (w->x->options.reads == PLI__READS_TABLE || pli__map_has(w->x->read_paths, r->path))
        note(&w->removed_read, r->path);
    if (pli__map_has(w->x->remove_paths, r->path)) note(&w->removed_both, r->path);
}

static pli_status see_action(void *arg, const pli__action *a, pli_error *err) {
    winner *w = arg;
    switch (a->kind) {
        case PLI__ACTION_COMMIT_INFO: see_commit_info(w, a->raw); break;
        case PLI__ACTION_PROTOCOL: w->protocol = true; break;
        case PLI__ACTION_METADATA: w->metadata = true; break;
        case PLI__ACTION_DOMAIN: see_domain(w, &a->domain); break;
        case PLI__ACTION_TXN: return see_txn(w, &a->txn, err);
        case PLI__ACTION_ADD: return see_add(w, &a->add, err);
        case PLI__ACTION_REMOVE: see_remove(w, &a->remove); break;
        default: break;
    }
    return PLI_OK;
}

__attribute__((format(printf, 3, 4))) static pli_status conflict(const winner *w, pli_error *err, const char *fmt,
                                                                 ...) {
    char what[NAME_MAX_SHOWN + 160];
    va_list args;
    va_start(args, fmt);
    vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    pli__error_set(err, PLI_E_CONFLICT, "another writer committed version %lld first: %s", (long long)w->version, what);
    pli__error_flag(err, PLI_ERR_CONFLICT | PLI_ERR_RETRIABLE);
    return PLI_E_CONFLICT;
}

static pli_status decide(const winner *w, pli_error *err) {
    if (w->protocol) return conflict(w, err, "it changed the protocol of the table");
    if (w->metadata) return conflict(w, err, "it changed the metadata of the table");
    if (w->domain.hit) return conflict(w, err, "it changed the metadata domain '%s'", w->domain.name);
    if (w->txn.hit) return conflict(w, err, "it is of the same application '%s'", w->txn.name);
    if (w->added.hit) return conflict(w, err, "it added '%s', which this operation would have read", w->added.name);
    if (w->removed_read.hit)
        return conflict(w, err, "it removed '%s', which this operation has read", w->removed_read.name);
    if (w->removed_both.hit)
        return conflict(w, err, "it removed '%s', which this operation removes too", w->removed_both.name);
    return PLI_OK;
}

pli_status pli__conflict_check(pli__txn_handle *x, int64_t version, bool *ours, bool *repeat, pli_error *err) {
    winner w = {.x = x, .version = version, .ict_ms = -1, .row_id_mark = -1};
    w.checks_adds = x->options.reads != PLI__READS_NOTHING && !pli__txn_only_rearranges(x);
    const pli__read_what what = {PLI__READ_FILES | PLI__READ_STATE | PLI__READ_INFO, PLI__FILES_PARTITIONS};
    PLI_TRY(pli__log_read(x->t, version, what, see_action, &w, err));
    *ours = w.ours;
    *repeat = w.repeat && !w.ours;
    if (w.ours || w.repeat) return PLI_OK;
    PLI_TRY(decide(&w, err));
    if (w.ict_ms > x->last_ict_ms) x->last_ict_ms = w.ict_ms;
    if (w.row_id_mark > x->row_id_mark) x->row_id_mark = w.row_id_mark;
    return PLI_OK;
}
