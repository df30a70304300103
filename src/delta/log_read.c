/* Reading commits: a file at a time, a line at a time. */
#include "delta/log_read.h"

#include <stdio.h>

#include "base/json_scan.h"
#include "delta/action_read.h"
#include "delta/log_list.h"
#include "delta/table.h"

/* At most one protocol and one metadata may stand in a commit; anything else is a file put together wrongly. */
typedef struct {
    pli__action_fn *fn;
    void *arg;
    const char *name;
    bool protocol, metadata;
} commit_check;

static pli_status check_action(void *arg, const pli__action *a, pli_error *err) {
    commit_check *c = arg;
    bool *seen = a->kind == PLI__ACTION_PROTOCOL ? &c->protocol : a->kind == PLI__ACTION_METADATA ? &c->metadata : NULL;
    if (seen && *seen)
        return pli__error_set(err, PLI_E_CORRUPT, "'%s' holds two %s actions", c->name,
                              a->kind == PLI__ACTION_PROTOCOL ? "protocol" : "metaData");
    if (seen) *seen = true;
    return c->fn(c->arg, a, err);
}

static pli__str trim(pli__str s) {
    while (s.len && (s.ptr[s.len - 1] == '\r' || s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t')) s.len--;
    while (s.len && (s.ptr[0] == ' ' || s.ptr[0] == '\t')) s = (pli__str){s.ptr + 1, s.len - 1};
    return s;
}

pli_status pli__actions_read(pli__str text, const char *name, pli__read_what what, pli__action_fn *fn, void *arg,
                             pli_error *err) {
    PLI_AUTO(pli__action_reader_clear) pli__action_reader r = {.what = what};
    commit_check check = {.fn = fn, .arg = arg, .name = name};
    int64_t line_number = 0;
    bool any = false;
    for (size_t at = 0; at < text.len;) {
        const char *end = memchr(text.ptr + at, '\n', text.len - at);
        const size_t len = end ? (size_t)(end - (text.ptr + at)) : text.len - at;
        const pli__str line = trim((pli__str){text.ptr + at, len});
        line_number++;
        if (line.len) {
            any = true;
            const pli_status st = pli__action_read_line(&r, line, name, (int64_t)at, check_action, &check, err);
            if (st == PLI_E_CORRUPT && err && !err->position) err->position = line_number;
            PLI_TRY(st);
        }
        at += len + 1;
    }
    if (!any) return pli__error_set(err, PLI_E_CORRUPT, "'%s' is empty: a commit holds at least one action", name);
    return PLI_OK;
}

pli_status pli__log_read(pli__delta *t, int64_t version, pli__read_what what, pli__action_fn *fn, void *arg,
                         pli_error *err) {
    char name[32];
    pli__log_commit_name(version, name);
    PLI_AUTO(pli__buf_clear) pli__buf path = {0};
    pli__buf_addz(&path, t->root);
    pli__buf_addz(&path, "/_delta_log/");
    pli__buf_addz(&path, name);
    PLI_TRY(pli__buf_status(&path, err));
    PLI_AUTO(pli__buf_clear) pli__buf text = t->scratch; /* taken, so that fn may read another commit */
    t->scratch = (pli__buf){0};
    pli__buf_reset(&text);
    PLI_TRY_IN(pli__store_get(t->log, name, PLI__COMMIT_MAX, &text, err), err, "version %lld of '%s'",
               (long long)version, t->root);
    PLI_TRY(pli__actions_read(pli__buf_str(&text), path.ptr, what, fn, arg, err));
    pli__buf_clear(&t->scratch);
    t->scratch = text;
    text = (pli__buf){0};
    return PLI_OK;
}

pli_status pli__log_read_commit(pli__delta *t, int64_t version, pli__action_fn *fn, void *arg, pli_error *err) {
    return pli__log_read(t, version, (pli__read_what){.kinds = PLI__READ_ALL, .fields = PLI__FILES_ALL}, fn, arg, err);
}

int64_t pli__commit_info_ict(pli__str raw) {
    pli__json_scan s;
    pli__json_item it;
    bool more;
    int64_t ict = -1;
    pli__json_scan_init(&s, raw, "commitInfo", 0);
    if (pli__json_scan_root(&s, &it, NULL) != PLI_OK || it.kind != PLI__JSON_OBJECT) return -1;
    if (pli__json_scan_enter(&s, NULL) != PLI_OK) return -1;
    while (pli__json_scan_next(&s, &it, &more, NULL) == PLI_OK && more)
        if (pli__json_key_is(&it, "inCommitTimestamp")) pli__json_item_i64(&it, &ict);
    return ict;
}
