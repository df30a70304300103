/*
 * Offsets and commits: written once, never changed. A record that exists already wins over ours; a record that cannot
 * be read, or is another checkpoint's, stops everything and is named.
 */
#include <stdio.h>

#include "base/hash.h"
#include "checkpoint/checkpoint_impl.h"

static pli_status parse_record(const pli__checkpoint *cp, const char *key, pli__str text, json_t **out,
                               pli_error *err) {
    PLI_AUTO(pli__json_unref) json_t *value = NULL;
    pli_error why = {0};
    pli_status status = pli__json_parse(text, key, &value, &why);
    if (status == PLI_E_MEMORY) return pli__error_memory(err);
    if (status != PLI_OK || !json_is_object(value)) {
        pli__error_set(err, PLI_E_CORRUPT, "'%s/%s' cannot be read: %s", cp->dir, key,
                       status == PLI_OK ? "it is not a JSON object" : why.message);
        pli__error_hint(err, "the record is torn or was edited; restore it from a copy, it is never skipped");
        return PLI_E_CORRUPT;
    }
    *out = PLI_TAKE(value);
    return PLI_OK;
}

pli_status pli__checkpoint_read_json(pli__checkpoint *cp, const char *key, json_t **out, char sha256[65],
                                     pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf text = {0};
    pli_status status = cp->absent ? PLI_E_NOT_FOUND
                                   : pli__store_get(cp->store, key, PLI__CHECKPOINT_MAX_RECORD, &text, err);
    if (status == PLI_E_NOT_FOUND) return pli__error_set(err, status, "'%s/%s' does not exist", cp->dir, key);
    PLI_TRY(status);
    PLI_TRY(parse_record(cp, key, pli__buf_str(&text), out, err));
    if (sha256) pli__sha256_hex(pli__buf_str(&text), sha256);
    return PLI_OK;
}

/* Is it ours, of this life, and in its own place? Records from before ids and epochs are accepted. */
static pli_status check_record(const pli__checkpoint *cp, const char *key, int64_t n, const json_t *record,
                               pli_error *err) {
    char what[600];
    snprintf(what, sizeof what, "%.500s/%s", cp->dir, key);
    const char *id = NULL;
    int64_t epoch = 0, batch = n;
    PLI_TRY(pli__json_get_str(record, "id", what, false, &id, err));
    PLI_TRY(pli__json_get_i64(record, "epoch", what, false, &epoch, err));
    PLI_TRY(pli__json_get_i64(record, "batch_id", what, false, &batch, err));
    if (id && strcmp(id, cp->id) != 0)
        return pli__error_set(err, PLI_E_FOREIGN, "'%s' belongs to checkpoint %s, this one is %s", what, id,
                              *cp->id ? cp->id : "without id");
    if (epoch > cp->epoch)
        return pli__error_set(err, PLI_E_FOREIGN, "'%s' has epoch %lld, metadata.json is older (epoch %lld)", what,
                              (long long)epoch, (long long)cp->epoch);
    if (batch != n)
        return pli__error_set(err, PLI_E_CORRUPT, "'%s' says that it is batch %lld; the records were swapped or edited",
                              what, (long long)batch);
    return PLI_OK;
}

static pli_status read_record(pli__checkpoint *cp, const char *folder, int64_t n, json_t **out, char sha256[65],
                              pli_error *err) {
    *out = NULL;
    char key[64];
    snprintf(key, sizeof key, "%s/%lld.json", folder, (long long)n);
    PLI_AUTO(pli__json_unref) json_t *record = NULL;
    char digest[65];
    PLI_TRY(pli__checkpoint_read_json(cp, key, &record, sha256 ? digest : NULL, err));
    PLI_TRY(check_record(cp, key, n, record, err));
    if (sha256) memcpy(sha256, digest, sizeof digest);
    *out = PLI_TAKE(record);
    return PLI_OK;
}

pli_status pli__checkpoint_read_offset(pli__checkpoint *cp, int64_t n, json_t **out, char sha256[65], pli_error *err) {
    return read_record(cp, "offsets", n, out, sha256, err);
}

pli_status pli__checkpoint_read_commit(pli__checkpoint *cp, int64_t n, json_t **out, pli_error *err) {
    return read_record(cp, "commits", n, out, NULL, err);
}

/* When the body says so itself (a plan that was made earlier), or now. */
static json_t *record_time(const pli__checkpoint *cp, const char *key, const json_t *body) {
    json_t *at = json_object_get(body, key);
    return json_is_number(at) ? json_incref(at) : pli__checkpoint_now(cp);
}

/* body with the members that every record has in front; time_key is "created_at" or "committed_at". */
static pli_status make_record(const pli__checkpoint *cp, int64_t n, const char *time_key, const json_t *body,
                              pli__buf *out, pli_error *err) {
    PLI_AUTO(pli__json_unref) json_t *record = json_object();
    if (!record || json_object_set_new(record, "batch_id", json_integer(n)) < 0 ||
        json_object_set_new(record, time_key, record_time(cp, time_key, body)) < 0 ||
        json_object_set_new(record, "id", json_string(cp->id)) < 0)
        return pli__error_memory(err);
    if (cp->epoch > 0 && json_object_set_new(record, "epoch", json_integer(cp->epoch)) < 0)
        return pli__error_memory(err);
    if (json_object_update_missing(record, (json_t *)(uintptr_t)body) < 0) return pli__error_memory(err);
    return pli__json_write(record, out, err);
}

pli_status pli__checkpoint_sync_folder(pli__checkpoint *cp, const char *folder, pli_error *err) {
    if (cp->relaxed || !pli__store_local_path(cp->store)) return PLI_OK;
    PLI_AUTO(pli__free_ptr) char *path = pli__path_join(cp->dir, folder);
    return path ? pli__fs_sync_dir(path, err) : pli__error_memory(err);
}

/* After an answer that says "exists" or was lost: is what is there ours? Then its publication is finished. */
static pli_status look_at_winner(pli__checkpoint *cp, const char *key, pli__str ours, bool *won, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf there = {0};
    PLI_TRY(pli__store_get(cp->store, key, PLI__CHECKPOINT_MAX_RECORD, &there, err));
    *won = pli__str_eq(pli__buf_str(&there), ours);
    char folder[16];
    snprintf(folder, sizeof folder, "%.*s", (int)(strchr(key, '/') - key), key);
    return pli__checkpoint_sync_folder(cp, folder, err);
}

/* Put if absent; *won = false when another runner's record is there. */
static pli_status publish_record(pli__checkpoint *cp, const char *key, pli__str text, bool *won, pli_error *err) {
    PLI_TRY(pli__checkpoint_may_write(cp, err));
    pli_error first = {0};
    pli_status status = pli__store_put_if_absent(cp->store, key, text, pli__checkpoint_store_flags(cp), &first);
    *won = status == PLI_OK;
    if (status == PLI_E_EXISTS || status == PLI_E_UNKNOWN) {
        pli_status look = look_at_winner(cp, key, text, won, err);
        if (look != PLI_E_NOT_FOUND) return look;
    }
    if (status != PLI_OK && err) *err = first;
    return status;
}

static pli_status publish_numbered(pli__checkpoint *cp, const char *folder, int64_t n, pli__str text, pli__ids *ids,
                                   bool *won, pli_error *err) {
    char key[64];
    snprintf(key, sizeof key, "%s/%lld.json", folder, (long long)n);
    PLI_TRY_IN(publish_record(cp, key, text, won, err), err, "while writing '%s/%s'", cp->dir, key);
    return pli__ids_add(ids, n, err);
}

pli_status pli__checkpoint_write_offset(pli__checkpoint *cp, int64_t n, const json_t *body, bool *won, json_t **stored,
                                        char sha256[65], pli_error *err) {
    *stored = NULL;
    PLI_TRY(pli__checkpoint_check(cp, err));
    if (n != (cp->offsets.n ? cp->offsets.items[cp->offsets.n - 1] : cp->cleaned_through) + 1)
        return pli__error_set(err, PLI_E_STATE, "batch %lld cannot be planned in '%s': it is not the next one",
                              (long long)n, cp->dir);
    PLI_AUTO(pli__buf_clear) pli__buf text = {0};
    PLI_TRY(make_record(cp, n, "created_at", body, &text, err));
    if (text.len > PLI__CHECKPOINT_MAX_RECORD)
        return pli__error_set(err, PLI_E_LIMIT,
                              "the plan of batch %lld takes more than %zu bytes; lower max_files_per_trigger",
                              (long long)n, PLI__CHECKPOINT_MAX_RECORD);
    PLI_TRY(publish_numbered(cp, "offsets", n, pli__buf_str(&text), &cp->offsets, won, err));
    return pli__checkpoint_read_offset(cp, n, stored, sha256, err);
}

pli_status pli__checkpoint_write_commit(pli__checkpoint *cp, int64_t n, const json_t *body, bool *won, pli_error *err) {
    if (!pli__ids_has(&cp->offsets, n))
        return pli__error_set(err, PLI_E_STATE, "batch %lld cannot be committed in '%s': it was not planned",
                              (long long)n, cp->dir);
    PLI_AUTO(pli__buf_clear) pli__buf text = {0};
    PLI_TRY(make_record(cp, n, "committed_at", body, &text, err));
    return publish_numbered(cp, "commits", n, pli__buf_str(&text), &cp->commits, won, err);
}
