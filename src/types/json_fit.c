/* Walks a JSON text and a type side by side. Both outputs are written at once and cut back where a value turns out to
 * fit (misfits) or not (pruned). */
#include "types/json_fit.h"

#include <math.h>
#include <stdlib.h>

#include "base/json_scan.h"
#include "types/value_text.h"

typedef struct {
    pli__json_fit *f;
    pli__json_scan scan;
} walk;

static pli_status walk_value(walk *w, const pli__type *t, const pli__json_item *item, bool *fits, pli_error *err);

/* ---- simple values ---- */

static bool fits_integer(pli__str s, const pli__type *t) {
    static const struct {
        pli__type_id id;
        int64_t min, max;
    } ranges[] = {{PLI__TYPE_I8, INT8_MIN, INT8_MAX},    {PLI__TYPE_I16, INT16_MIN, INT16_MAX},
                  {PLI__TYPE_I32, INT32_MIN, INT32_MAX}, {PLI__TYPE_I64, INT64_MIN, INT64_MAX},
                  {PLI__TYPE_U8, 0, UINT8_MAX},          {PLI__TYPE_U16, 0, UINT16_MAX},
                  {PLI__TYPE_U32, 0, UINT32_MAX}};
    int64_t v;
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++)
        if (ranges[i].id == t->id) return pli__text_to_i64(s, &v) && v >= ranges[i].min && v <= ranges[i].max;
    return false;
}

static bool fits_decimal(pli__str s, const pli__type *t) {
    pli__number_shape shape;
    const int whole = t->precision > t->scale ? t->precision - t->scale : 1;
    return pli__text_to_shape(s, &shape) && shape.fraction <= t->scale && shape.whole <= whole;
}

/* The types that JSON is read into; others (they come from explicit schemas only) take no JSON. */
static bool fits_text(pli__str s, const pli__type *t) {
    int64_t i;
    int32_t days;
    double d;
    bool flag;
    switch (t->id) {
        case PLI__TYPE_BOOLEAN: return pli__text_to_bool(s, &flag);
        case PLI__TYPE_F64: return pli__text_to_f64(s, &d);
        case PLI__TYPE_F32: return pli__text_to_f64(s, &d) && isfinite((float)d);
        case PLI__TYPE_DECIMAL: return fits_decimal(s, t);
        case PLI__TYPE_DATE: return pli__text_to_date(s, &days);
        case PLI__TYPE_TIME: return pli__text_to_time(s, &i);
        case PLI__TYPE_TIMESTAMP:
        case PLI__TYPE_TIMESTAMP_NTZ: return pli__text_to_timestamp(s, &i, NULL);
        case PLI__TYPE_DURATION: return pli__text_to_duration(s, &i);
        case PLI__TYPE_BINARY: return true;
        default: return fits_integer(s, t);
    }
}

static const char *const words[] = {"null", "false", "true"};

static void add_scalar(pli__buf *b, const pli__json_item *item) {
    const bool quoted = item->kind == PLI__JSON_STRING;
    if (quoted) pli__buf_addc(b, '"');
    pli__buf_adds(b, item->kind <= PLI__JSON_TRUE ? pli__str_of(words[item->kind]) : item->raw);
    if (quoted) pli__buf_addc(b, '"');
}

static bool is_nested(const pli__json_item *item) {
    return item->kind == PLI__JSON_OBJECT || item->kind == PLI__JSON_ARRAY;
}

/* The whole value as a misfit; in its place stands null. */
static pli_status keep_whole(walk *w, const pli__json_item *item, pli_error *err) {
    pli__str raw;
    if (is_nested(item)) {
        PLI_TRY(pli__json_scan_skip(&w->scan, &raw, err));
        pli__buf_adds(&w->f->misfits, raw);
    } else {
        add_scalar(&w->f->misfits, item);
    }
    pli__buf_addz(&w->f->pruned, "null");
    return PLI_OK;
}

static pli_status walk_simple(walk *w, const pli__type *t, const pli__json_item *item, bool *fits, pli_error *err) {
    const bool anything = t->id == PLI__TYPE_STRING || t->id == PLI__TYPE_JSON;
    pli__str text = item->raw;
    if (item->kind <= PLI__JSON_TRUE) text = pli__str_of(words[item->kind]);
    if (item->kind == PLI__JSON_STRING) text = pli__json_item_str(item, &w->f->scratch);
    *fits = anything || (!is_nested(item) && fits_text(text, t));
    if (!*fits) return keep_whole(w, item, err);
    pli__str raw;
    if (is_nested(item)) {
        PLI_TRY(pli__json_scan_skip(&w->scan, &raw, err));
        pli__buf_adds(&w->f->pruned, raw);
    } else {
        add_scalar(&w->f->pruned, item);
    }
    return PLI_OK;
}

/* ---- objects, arrays, maps ---- */

static void add_key(pli__buf *b, const pli__json_item *item, bool comma) {
    if (comma) pli__buf_addc(b, ',');
    pli__buf_addc(b, '"');
    pli__buf_adds(b, item->key);
    pli__buf_addz(b, "\":");
}

static int find_field(const pli__type *t, const pli__json_item *item) {
    if (!item->key_escaped) return pli__type_find(t, item->key, true);
    PLI_AUTO(pli__buf_clear) pli__buf key = {0};
    pli__json_unescape(item->key, &key);
    return key.failed ? -1 : pli__type_find(t, pli__buf_str(&key), true);
}

/* Fields of an object that have been seen, as far as there is room: a key that comes twice is a misfit the second time. */
#define SEEN_WORDS 16
typedef struct {
    uint64_t fields[SEEN_WORDS];
    bool misfit, kept; /* is there a member in the misfits, in the pruned value? */
} seen;

static bool is_repeated(seen *s, int field) {
    if (field < 0 || field >= SEEN_WORDS * 64) return false;
    const uint64_t bit = UINT64_C(1) << (field & 63);
    const bool before = s->fields[field >> 6] & bit;
    s->fields[field >> 6] |= bit;
    return before;
}

static pli_status walk_member(walk *w, const pli__type *t, const pli__json_item *item, seen *s, pli_error *err) {
    bool fits = false;
    pli__buf *misfits = &w->f->misfits, *pruned = &w->f->pruned;
    const size_t mark = misfits->len, pruned_mark = pruned->len;
    const int at = find_field(t, item);
    const bool known = at >= 0 && !is_repeated(s, at);
    add_key(misfits, item, s->misfit);
    add_key(pruned, item, s->kept);
    if (known) PLI_TRY(walk_value(w, t->fields[at].type, item, &fits, err));
    else if (item->kind == PLI__JSON_NULL) fits = true; /* an unknown key without a value: nothing to lose */
    else PLI_TRY(keep_whole(w, item, err));
    if (fits) misfits->len = mark;
    if (!known) pruned->len = pruned_mark;
    s->misfit = s->misfit || !fits;
    s->kept = s->kept || known;
    return PLI_OK;
}

static pli_status walk_struct(walk *w, const pli__type *t, const pli__json_item *item, bool *fits, pli_error *err) {
    if (item->kind != PLI__JSON_OBJECT) return keep_whole(w, item, err);
    pli__json_item member;
    seen s = {0};
    bool more;
    PLI_TRY(pli__json_scan_enter(&w->scan, err));
    pli__buf_addc(&w->f->misfits, '{');
    pli__buf_addc(&w->f->pruned, '{');
    for (;;) {
        PLI_TRY(pli__json_scan_next(&w->scan, &member, &more, err));
        if (!more) break;
        PLI_TRY(walk_member(w, t, &member, &s, err));
    }
    pli__buf_addc(&w->f->misfits, '}');
    pli__buf_addc(&w->f->pruned, '}');
    *fits = !s.misfit;
    return PLI_OK;
}

static bool key_fits(walk *w, const pli__type *t, const pli__json_item *item) {
    if (t->id == PLI__TYPE_STRING) return true;
    pli__json_item as_text = {.raw = item->key, .kind = PLI__JSON_STRING, .escaped = item->key_escaped};
    return fits_text(pli__json_item_str(&as_text, &w->f->scratch), t);
}

/* A list or a map: all of it is kept if anything in it does not fit. */
static pli_status walk_elements(walk *w, const pli__type *t, const pli__json_item *item, bool *fits, pli_error *err) {
    const bool is_map = t->id == PLI__TYPE_MAP;
    if (item->kind != (is_map ? PLI__JSON_OBJECT : PLI__JSON_ARRAY)) return keep_whole(w, item, err);
    const pli__type *inner = t->fields[is_map ? 1 : 0].type;
    const size_t mark = w->f->misfits.len, start = w->scan.at;
    pli__json_item element;
    bool more, element_fits, keys_fit = true, all = true, first = true;
    PLI_TRY(pli__json_scan_enter(&w->scan, err));
    pli__buf_addc(&w->f->pruned, is_map ? '{' : '[');
    for (;;) {
        PLI_TRY(pli__json_scan_next(&w->scan, &element, &more, err));
        if (!more) break;
        const size_t pruned_mark = w->f->pruned.len;
        const bool this_key = !is_map || key_fits(w, t->fields[0].type, &element);
        if (is_map) add_key(&w->f->pruned, &element, !first);
        else if (!first) pli__buf_addc(&w->f->pruned, ',');
        PLI_TRY(walk_value(w, inner, &element, &element_fits, err));
        keys_fit = keys_fit && this_key;
        all = all && element_fits;
        if (this_key) first = false;
        else w->f->pruned.len = pruned_mark;
    }
    pli__buf_addc(&w->f->pruned, is_map ? '}' : ']');
    w->f->misfits.len = mark;
    *fits = all && keys_fit;
    if (!*fits) pli__buf_add(&w->f->misfits, w->scan.text.ptr + start, w->scan.at - start);
    return PLI_OK;
}

static pli_status walk_value(walk *w, const pli__type *t, const pli__json_item *item, bool *fits, pli_error *err) {
    *fits = false;
    if (item->kind == PLI__JSON_NULL) {
        *fits = true;
        pli__buf_addz(&w->f->pruned, "null");
        return PLI_OK;
    }
    switch (t->id) {
        case PLI__TYPE_STRUCT: return walk_struct(w, t, item, fits, err);
        case PLI__TYPE_LIST:
        case PLI__TYPE_MAP: return walk_elements(w, t, item, fits, err);
        case PLI__TYPE_NULL: return keep_whole(w, item, err);
        default: return walk_simple(w, t, item, fits, err);
    }
}

/* ---- entry ---- */

pli_status pli__json_fit_init(pli__json_fit *f, pli__str sql_type, pli_error *err) {
    return pli__type_from_sql(sql_type, &f->type, err);
}

void pli__json_fit_clear(pli__json_fit *f) {
    pli__type_unref(f->type);
    f->type = NULL;
    pli__buf_clear(&f->misfits);
    pli__buf_clear(&f->pruned);
    pli__buf_clear(&f->scratch);
}

pli_status pli__json_fit_run(pli__json_fit *f, pli__str json, bool prune, bool *has, pli__str *out, pli_error *err) {
    walk w = {.f = f};
    pli__json_item item;
    bool fits = false;
    pli__buf_reset(&f->misfits);
    pli__buf_reset(&f->pruned);
    pli__json_scan_init(&w.scan, json, "a JSON value", 0);
    PLI_TRY(pli__json_scan_root(&w.scan, &item, err));
    PLI_TRY(walk_value(&w, f->type, &item, &fits, err));
    PLI_TRY(pli__json_scan_end(&w.scan, err));
    PLI_TRY(pli__buf_status(&f->misfits, err));
    PLI_TRY(pli__buf_status(&f->pruned, err));
    *has = prune ? !pli__str_eqz(pli__buf_str(&f->pruned), "null") : !fits;
    *out = pli__buf_str(prune ? &f->pruned : &f->misfits);
    return PLI_OK;
}
