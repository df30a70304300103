/* The public face of a checkpoint's records. */
#include <stdlib.h>

#include "base/json.h"
#include "checkpoint/maintenance.h"
#include "engine/env.h"

struct pli_checkpoint {
    pli__checkpoint *cp;
};

static pli_status check_record(pli_record kind, pli_error *err) {
    if (kind == PLI_RECORD_OFFSET || kind == PLI_RECORD_COMMIT) return PLI_OK;
    return pli__error_set(err, PLI_E_ARGUMENT, "unknown kind of record");
}

pli_status pli_checkpoint_open(pli_env *env, const char *dir, const pli_checkpoint_options *options,
                               pli_checkpoint **out, pli_error *err) {
    static const pli_checkpoint_options defaults = {.size = sizeof(pli_checkpoint_options)};
    *out = NULL;
    const pli_checkpoint_options *o = options ? options : &defaults;
    if (!dir || !*dir || o->size < sizeof *o)
        return pli__error_set(err, PLI_E_ARGUMENT, "a checkpoint needs a folder, and its options their size");
    pli__checkpoint_options inner = {.source_kind = o->source,
                                     .create = o->create,
                                     .take_lock = o->lock,
                                     .lock_timeout_us = o->lock_timeout_us,
                                     .read_only = o->read_only,
                                     .clock = env ? pli__env_clock(env) : NULL};
    PLI_AUTO(pli__checkpoint_auto) pli__checkpoint *cp = NULL;
    PLI_TRY(pli__checkpoint_open(dir, &inner, &cp, err));
    pli_checkpoint *made = calloc(1, sizeof *made);
    if (!made) return pli__error_memory(err);
    made->cp = PLI_TAKE(cp);
    *out = made;
    return PLI_OK;
}

void pli_checkpoint_close(pli_checkpoint *cp) {
    if (!cp) return;
    pli__checkpoint_close(cp->cp);
    free(cp);
}

const char *pli_checkpoint_id(const pli_checkpoint *cp) { return pli__checkpoint_id(cp->cp); }
const char *pli_checkpoint_app_id(const pli_checkpoint *cp) { return pli__checkpoint_app_id(cp->cp); }
pli_status pli_checkpoint_refresh(pli_checkpoint *cp, pli_error *err) { return pli__checkpoint_refresh(cp->cp, err); }
pli_status pli_checkpoint_pending(pli_checkpoint *cp, int64_t *out, pli_error *err) {
    return pli__checkpoint_pending(cp->cp, out, err);
}

const int64_t *pli_checkpoint_ids(const pli_checkpoint *cp, pli_record kind, size_t *n) {
    return kind == PLI_RECORD_COMMIT ? pli__checkpoint_commit_ids(cp->cp, n) : pli__checkpoint_offset_ids(cp->cp, n);
}

pli_status pli_checkpoint_read(pli_checkpoint *cp, pli_record kind, int64_t n, char **json, pli_error *err) {
    *json = NULL;
    PLI_TRY(check_record(kind, err));
    PLI_AUTO(pli__json_unref) json_t *record = NULL;
    if (kind == PLI_RECORD_OFFSET) PLI_TRY(pli__checkpoint_read_offset(cp->cp, n, &record, NULL, err));
    else PLI_TRY(pli__checkpoint_read_commit(cp->cp, n, &record, err));
    return pli__maintenance_text(record, json, err);
}

pli_status pli_checkpoint_schema_version(pli_checkpoint *cp, int64_t *out, pli_error *err) {
    return pli__checkpoint_schema_version(cp->cp, out, err);
}

static pli_status parse_object(const char *json, json_t **out, pli_error *err) {
    PLI_AUTO(pli__json_unref) json_t *value = NULL;
    PLI_TRY(pli__json_parse(pli__str_of(json), "record", &value, err));
    if (!json_is_object(value)) return pli__error_set(err, PLI_E_ARGUMENT, "a record must be a JSON object");
    *out = PLI_TAKE(value);
    return PLI_OK;
}

pli_status pli_checkpoint_write(pli_checkpoint *cp, pli_record kind, int64_t n, const char *json, bool *won,
                                pli_error *err) {
    PLI_TRY(check_record(kind, err));
    PLI_AUTO(pli__json_unref) json_t *body = NULL, *stored = NULL;
    bool first = false;
    char sha256[65];
    PLI_TRY(parse_object(json, &body, err));
    if (kind == PLI_RECORD_OFFSET && n <= pli__checkpoint_last_offset(cp->cp)) {
        PLI_TRY(pli__checkpoint_read_offset(cp->cp, n, &stored, NULL, err)); /* there already: it stays */
    } else if (kind == PLI_RECORD_OFFSET)
        PLI_TRY(pli__checkpoint_write_offset(cp->cp, n, body, &first, &stored, sha256, err));
    else PLI_TRY(pli__checkpoint_write_commit(cp->cp, n, body, &first, err));
    if (won) *won = first;
    return PLI_OK;
}

pli_status pli_checkpoint_metadata(pli_checkpoint *cp, char **json, pli_error *err) {
    return pli__maintenance_text(pli__checkpoint_metadata(cp->cp), json, err);
}

pli_status pli_checkpoint_set_metadata(pli_checkpoint *cp, const char *json, pli_error *err) {
    PLI_AUTO(pli__json_unref) json_t *set = NULL;
    PLI_TRY(parse_object(json, &set, err));
    return pli__checkpoint_update_metadata(cp->cp, set, err);
}
