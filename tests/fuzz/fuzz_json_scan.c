/*
 * The pull scanner against jansson: both must take or refuse the same texts and find the same values. Where jansson has a
 * limit of its own that the scanner does not have (size of numbers, NUL in a key) or the other way round (depth), only
 * the scanner's own promises are checked: skipping and entering agree, and slices stay inside the text.
 */
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool ok, const char *what) {
    if (ok) return;
    fprintf(stderr, "fuzz_json_scan: %s\n", what);
    abort();
}

/* Builds jansson's tree from the scan, so that json_equal can compare. NULL: an error, *status says which. */
static json_t *build(pli__json_scan *s, const pli__json_item *it, pli_status *status);

static json_t *build_string(const pli__json_item *it) {
    pli__buf b = {0};
    const pli__str text = pli__json_item_str(it, &b);
    json_t *v = json_stringn(text.ptr, text.len);
    pli__buf_clear(&b);
    return v;
}

static json_t *build_number(const pli__json_item *it) {
    int64_t i;
    double d;
    if (pli__json_item_i64(it, &i)) return json_integer(i);
    return pli__json_item_f64(it, &d) ? json_real(d) : json_null();
}

static void add_to(json_t *parent, const pli__json_item *it, json_t *child) {
    if (json_is_array(parent)) {
        json_array_append_new(parent, child);
        return;
    }
    pli__buf key = {0};
    pli__json_unescape(it->key, &key);
    expect(key.ptr != NULL, "a key could not be unescaped");
    if (strlen(key.ptr) == key.len) expect(pli__json_key_is(it, key.ptr), "a key is not its own text");
    json_object_set_new(parent, key.ptr, child);
    pli__buf_clear(&key);
}

static json_t *build_container(pli__json_scan *s, bool object, pli_status *status) {
    json_t *v = object ? json_object() : json_array();
    bool more = true;
    *status = pli__json_scan_enter(s, NULL);
    while (*status == PLI_OK) {
        pli__json_item it;
        *status = pli__json_scan_next(s, &it, &more, NULL);
        if (*status != PLI_OK || !more) break;
        json_t *child = build(s, &it, status);
        if (child) add_to(v, &it, child);
    }
    if (*status == PLI_OK) return v;
    json_decref(v);
    return NULL;
}

static json_t *build(pli__json_scan *s, const pli__json_item *it, pli_status *status) {
    expect(it->raw.ptr >= s->text.ptr && it->raw.ptr + it->raw.len <= s->text.ptr + s->text.len,
           "a slice lies outside");
    switch (it->kind) {
        case PLI__JSON_NULL: return json_null();
        case PLI__JSON_FALSE: return json_false();
        case PLI__JSON_TRUE: return json_true();
        case PLI__JSON_NUMBER: return build_number(it);
        case PLI__JSON_STRING: return build_string(it);
        default: return build_container(s, it->kind == PLI__JSON_OBJECT, status);
    }
}

static pli_status scan_skipping(pli__str text, bool utf8, pli_error *err) {
    pli__json_scan s;
    pli__json_item it;
    pli__json_scan_init(&s, text, "fuzz", 0);
    s.check_utf8 = utf8;
    PLI_TRY(pli__json_scan_root(&s, &it, err));
    return pli__json_scan_end(&s, err);
}

static pli_status scan_building(pli__str text, json_t **out) {
    pli__json_scan s;
    pli__json_item it;
    pli__json_scan_init(&s, text, "fuzz", 0);
    s.check_utf8 = true;
    PLI_TRY(pli__json_scan_root(&s, &it, NULL));
    pli_status status = PLI_OK;
    json_t *v = build(&s, &it, &status);
    if (status == PLI_OK) status = pli__json_scan_end(&s, NULL);
    if (status != PLI_OK) json_decref(v);
    else *out = v;
    return status;
}

static bool jansson_has_a_limit_here(const json_error_t *e) {
    switch (json_error_code(e)) {
        case json_error_numeric_overflow:
        case json_error_null_byte_in_key:
        case json_error_stack_overflow: return true;
        default: return false;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const pli__str text = {(const char *)data, size};
    json_error_t je;
    pli_error err = {.position = 0};
    const pli_status skipped = scan_skipping(text, true, &err);
    if (skipped != PLI_OK) expect(err.position >= 1 && (size_t)err.position <= size + 1, "an error has no place");
    if (skipped == PLI_OK) expect(scan_skipping(text, false, NULL) == PLI_OK, "less is checked, but it is refused");
    json_t *ours = NULL;
    const pli_status built = scan_building(text, &ours);
    expect(built == skipped || built == PLI_E_LIMIT || skipped == PLI_E_LIMIT, "skipping and entering disagree");
    json_t *theirs = json_loadb(text.ptr, size, JSON_DECODE_ANY | JSON_ALLOW_NUL, &je);
    const bool has_nul = size && memchr(data, 0, size); /* jansson takes a NUL behind the value for the end */
    if (!has_nul && skipped != PLI_E_LIMIT && (theirs || !jansson_has_a_limit_here(&je)))
        expect((skipped == PLI_OK) == (theirs != NULL), "jansson disagrees about what is JSON");
    if (ours && theirs) expect(json_equal(ours, theirs), "jansson finds other values");
    json_decref(ours);
    json_decref(theirs);
    return 0;
}
