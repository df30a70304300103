/*
 * Commits against jansson: a text that is read holds, line by line, the paths, sizes and data change flags that jansson
 * finds, in order; what is passed over by its first bytes is what a full reading would have passed over; and actions written
 * again are read as the same.
 */
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "delta/log_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool ok, const char *what) {
    if (ok) return;
    fprintf(stderr, "fuzz_delta_actions: %s\n", what);
    abort();
}

/* One line for each action. */
static pli_status describe(void *arg, const pli__action *a, pli_error *err) {
    pli__buf *out = arg;
    (void)err;
    pli__buf_addf(out, "%d ", (int)a->kind);
    switch (a->kind) {
        case PLI__ACTION_ADD:
            pli__buf_add_json(out, a->add.path);
            pli__buf_addf(out, " %lld %d %zu", (long long)a->add.size, a->add.data_change, a->add.n_partition_values);
            break;
        case PLI__ACTION_REMOVE:
            pli__buf_add_json(out, a->remove.path);
            /* without extendedFileMetadata a size means nothing and is not written */
            pli__buf_addf(out, " %lld %d", (long long)(a->remove.extended_file_metadata ? a->remove.size : -1),
                          a->remove.data_change);
            break;
        case PLI__ACTION_TXN:
            pli__buf_add_json(out, a->txn.app_id);
            pli__buf_addf(out, " %lld", (long long)a->txn.version);
            break;
        case PLI__ACTION_DOMAIN: pli__buf_add_json(out, a->domain.domain); break;
        case PLI__ACTION_PROTOCOL:
            pli__buf_addf(out, "%d %d %zu", a->protocol.min_reader, a->protocol.min_writer,
                          a->protocol.n_writer_features);
            break;
        case PLI__ACTION_METADATA: pli__buf_add_json(out, a->metadata.schema_string); break;
        case PLI__ACTION_CDC: pli__buf_add_json(out, a->cdc.path); break;
        default: break;
    }
    pli__buf_addc(out, '\n');
    return PLI_OK;
}

static pli_status write_again(void *arg, const pli__action *a, pli_error *err) {
    if (a->kind == PLI__ACTION_UNKNOWN || a->kind == PLI__ACTION_SIDECAR || a->kind == PLI__ACTION_CHECKPOINT_METADATA)
        return PLI_OK;
    return pli__action_write(a, arg, err);
}

static pli_status describe_written(void *arg, const pli__action *a, pli_error *err) {
    if (a->kind == PLI__ACTION_UNKNOWN || a->kind == PLI__ACTION_SIDECAR || a->kind == PLI__ACTION_CHECKPOINT_METADATA)
        return PLI_OK;
    return describe(arg, a, err);
}

static pli_status describe_state(void *arg, const pli__action *a, pli_error *err) {
    const bool state = a->kind == PLI__ACTION_TXN || a->kind == PLI__ACTION_DOMAIN || a->kind == PLI__ACTION_PROTOCOL ||
                       a->kind == PLI__ACTION_METADATA;
    return state ? describe(arg, a, err) : PLI_OK;
}

typedef struct {
    json_t *lines;
    size_t at;
} oracle;

static const json_t *next_member(oracle *o, const char *key) {
    for (; o->at < json_array_size(o->lines); o->at++) {
        const json_t *v = json_object_get(json_array_get(o->lines, o->at), key);
        if (json_is_object(v)) {
            o->at++;
            return v;
        }
    }
    return NULL;
}

static pli_status compare_add(void *arg, const pli__action *a, pli_error *err) {
    (void)err;
    if (a->kind != PLI__ACTION_ADD) return PLI_OK;
    const json_t *v = next_member(arg, "add");
    expect(v != NULL, "an add that jansson does not find");
    const json_t *path = json_object_get(v, "path"), *n = json_object_get(v, "size"),
                 *change = json_object_get(v, "dataChange");
    expect(json_is_string(path) && a->add.path.len == json_string_length(path) &&
               memcmp(a->add.path.ptr, json_string_value(path), a->add.path.len) == 0,
           "the path of an add differs");
    if (json_is_integer(n)) expect(a->add.size == json_integer_value(n), "the size of an add differs");
    if (json_is_boolean(change)) expect(a->add.data_change == json_is_true(change), "dataChange of an add differs");
    return PLI_OK;
}

/* All lines as jansson reads them; NULL where it cannot (its limits are not ours). */
static json_t *parse_lines(pli__str text) {
    json_t *lines = json_array();
    for (size_t at = 0; at < text.len;) {
        const char *end = memchr(text.ptr + at, '\n', text.len - at);
        const size_t len = end ? (size_t)(end - (text.ptr + at)) : text.len - at;
        size_t blank = 0;
        while (blank < len && strchr(" \t\r", text.ptr[at + blank]) && text.ptr[at + blank]) blank++;
        json_t *line = blank < len ? json_loadb(text.ptr + at, len, JSON_ALLOW_NUL, NULL) : NULL;
        if (blank < len && !line) {
            json_decref(lines);
            return NULL;
        }
        if (line) json_array_append_new(lines, line);
        at += len + 1;
    }
    return lines;
}

static void check_oracle(pli__str text) {
    oracle o = {parse_lines(text), 0};
    if (o.lines)
        expect(pli__actions_read(text, "x", (pli__read_what){PLI__READ_FILES, PLI__FILES_ALL}, compare_add, &o, NULL) ==
                   PLI_OK,
               "a second reading fails");
    if (o.lines) expect(next_member(&o, "add") == NULL, "an add was not delivered");
    json_decref(o.lines);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const pli__str text = {(const char *)data, size};
    const pli__read_what all = {PLI__READ_ALL, PLI__FILES_ALL};
    pli__buf first = {0}, second = {0}, written = {0}, state = {0}, skipped = {0};
    if (pli__actions_read(text, "x", all, describe, &first, NULL) == PLI_OK) {
        check_oracle(text);
        expect(pli__actions_read(text, "x", all, describe_state, &state, NULL) == PLI_OK, "a second reading fails");
        expect(pli__actions_read(text, "x", (pli__read_what){PLI__READ_STATE, 0}, describe_state, &skipped, NULL) ==
                   PLI_OK,
               "reading the state alone fails");
        expect(pli__str_eq(pli__buf_str(&state), pli__buf_str(&skipped)),
               "the state differs when files are passed over");
        pli__buf_reset(&first);
        expect(pli__actions_read(text, "x", all, describe_written, &first, NULL) == PLI_OK, "a third reading fails");
        if (pli__actions_read(text, "x", all, write_again, &written, NULL) == PLI_OK && written.len) {
            expect(pli__actions_read(pli__buf_str(&written), "y", all, describe_written, &second, NULL) == PLI_OK,
                   "what was written cannot be read");
            expect(pli__str_eq(pli__buf_str(&first), pli__buf_str(&second)),
                   "what was written is read as something else");
        }
    }
    pli__buf_clear(&first);
    pli__buf_clear(&second);
    pli__buf_clear(&written);
    pli__buf_clear(&state);
    pli__buf_clear(&skipped);
    return 0;
}
