/* Statistics out of add.stats. */
#include "delta/stats_read.h"

#include "base/json_scan.h"

enum { PATH_MAX_BYTES = 4096 };

typedef struct {
    pli__json_scan scan;
    pli__arena *arena;
    const pli__stats_leaf *leaves;
    size_t n;
    pli__stats_bounds *bounds;
    size_t section; /* offset of the member of pli__stats_bounds that is read */
    char path[PATH_MAX_BYTES];
} reading;

static pli__str unescaped(reading *r, pli__str raw, bool escaped) {
    PLI_AUTO(pli__buf_clear) pli__buf text = {0};
    if (!escaped) return raw;
    pli__json_unescape(raw, &text);
    return text.failed ? (pli__str){0} : pli__arena_str(r->arena, pli__buf_str(&text));
}

static void take_leaf(reading *r, size_t len, const pli__json_item *it) {
    for (size_t i = 0; i < r->n; i++) {
        if (!pli__str_eq(r->leaves[i].path, (pli__str){r->path, len})) continue;
        pli__str *to = (pli__str *)(void *)((char *)&r->bounds[i] + r->section);
        *to = it->kind == PLI__JSON_NULL ? (pli__str){0} : unescaped(r, it->raw, it->escaped);
    }
}

/* Does a leaf lie below the path? */
static bool is_wanted(const reading *r, size_t len) {
    for (size_t i = 0; i < r->n; i++) {
        const pli__str p = r->leaves[i].path;
        if (p.len > len && !p.ptr[len] && memcmp(p.ptr, r->path, len) == 0) return true;
    }
    return false;
}

/* The members of the object that was delivered last; its own path has the length given. */
static pli_status read_members(reading *r, size_t len) {
    pli__json_item it;
    bool more;
    PLI_TRY(pli__json_scan_enter(&r->scan, NULL));
    for (;;) {
        PLI_TRY(pli__json_scan_next(&r->scan, &it, &more, NULL));
        if (!more) return PLI_OK;
        const pli__str key = unescaped(r, it.key, it.key_escaped);
        const size_t start = len ? len + 1 : 0;
        if (!key.ptr || start + key.len > sizeof r->path) continue;
        if (len) r->path[len] = 0;
        memcpy(r->path + start, key.ptr, key.len);
        if (it.kind == PLI__JSON_OBJECT) {
            if (is_wanted(r, start + key.len)) PLI_TRY(read_members(r, start + key.len));
        } else if (it.kind != PLI__JSON_ARRAY) {
            take_leaf(r, start + key.len, &it);
        }
    }
}

static bool choose_section(reading *r, const pli__json_item *it) {
    if (it->kind != PLI__JSON_OBJECT) return false;
    if (pli__json_key_is(it, "minValues")) r->section = offsetof(pli__stats_bounds, min);
    else if (pli__json_key_is(it, "maxValues")) r->section = offsetof(pli__stats_bounds, max);
    else if (pli__json_key_is(it, "nullCount")) r->section = offsetof(pli__stats_bounds, null_count);
    else return false;
    return true;
}

static pli_status read_all(reading *r, pli__str *num_records) {
    pli__json_item it;
    bool more;
    PLI_TRY(pli__json_scan_root(&r->scan, &it, NULL));
    if (it.kind != PLI__JSON_OBJECT) return PLI_E_CORRUPT;
    PLI_TRY(pli__json_scan_enter(&r->scan, NULL));
    for (;;) {
        PLI_TRY(pli__json_scan_next(&r->scan, &it, &more, NULL));
        if (!more) return PLI_OK;
        if (it.kind == PLI__JSON_NUMBER && pli__json_key_is(&it, "numRecords")) *num_records = it.raw;
        if (r->n && choose_section(r, &it)) PLI_TRY(read_members(r, 0));
    }
}

void pli__stats_read(pli__str stats, const pli__stats_leaf *leaves, size_t n, pli__arena *arena, pli__str *num_records,
                     pli__stats_bounds *bounds) {
    reading r = {.arena = arena, .leaves = leaves, .n = n, .bounds = bounds};
    *num_records = (pli__str){0};
    for (size_t i = 0; i < n; i++) bounds[i] = (pli__stats_bounds){0};
    if (!stats.ptr) return;
    pli__json_scan_init(&r.scan, stats, "stats", 0);
    if (read_all(&r, num_records) == PLI_OK) return;
    *num_records = (pli__str){0}; /* half of something broken is not used */
    for (size_t i = 0; i < n; i++) bounds[i] = (pli__stats_bounds){0};
}

int64_t pli__stats_num_records(pli__str stats) {
    pli__json_scan s;
    pli__json_item it;
    bool more;
    int64_t n = -1;
    if (!stats.ptr) return -1;
    pli__json_scan_init(&s, stats, "stats", 0);
    if (pli__json_scan_root(&s, &it, NULL) != PLI_OK || it.kind != PLI__JSON_OBJECT ||
        pli__json_scan_enter(&s, NULL) != PLI_OK)
        return -1;
    while (pli__json_scan_next(&s, &it, &more, NULL) == PLI_OK && more)
        if (pli__json_key_is(&it, "numRecords")) return pli__json_item_i64(&it, &n) && n >= 0 ? n : -1;
    return -1;
}
