/*
 * What is written beside the two record logs: staged results of attempts, versions of the schema, and the end of a
 * truncation that was marked but not finished.
 */
#include <stdio.h>
#include <stdlib.h>

#include "checkpoint/checkpoint_impl.h"

/* Longest attempt id; it stands in file names. */
#define MAX_ATTEMPT 64

static pli_status staged_key(int64_t n, const char *attempt, char key[128], pli_error *err) {
    size_t len = strlen(attempt);
    if (len == 0 || len > MAX_ATTEMPT || strchr(attempt, '/') || strchr(attempt, '.'))
        return pli__error_set(err, PLI_E_ARGUMENT, "'%.64s' is not an attempt id", attempt);
    snprintf(key, 128, "staging/%lld.%s.json", (long long)n, attempt);
    return PLI_OK;
}

pli_status pli__checkpoint_write_staged(pli__checkpoint *cp, int64_t n, const char *attempt, const json_t *body,
                                        pli_error *err) {
    PLI_TRY(pli__checkpoint_may_write(cp, err));
    char key[128];
    PLI_TRY(staged_key(n, attempt, key, err));
    PLI_AUTO(pli__buf_clear) pli__buf text = {0};
    PLI_TRY(pli__json_write(body, &text, err));
    /* The attempt id is ours alone, so that "exists" can only be our own answer that was lost. */
    pli_status status = pli__store_put_if_absent(cp->store, key, pli__buf_str(&text), pli__checkpoint_store_flags(cp),
                                                 err);
    if (status == PLI_E_EXISTS || status == PLI_E_UNKNOWN)
        status = pli__store_replace(cp->store, key, pli__buf_str(&text), pli__checkpoint_store_flags(cp), err);
    return status;
}

pli_status pli__checkpoint_read_staged(pli__checkpoint *cp, int64_t n, const char *attempt, json_t **out,
                                       pli_error *err) {
    *out = NULL;
    char key[128];
    PLI_TRY(staged_key(n, attempt, key, err));
    return pli__checkpoint_read_json(cp, key, out, NULL, err);
}

typedef struct sweep {
    pli__checkpoint *cp;
    int64_t from, to;         /* batches */
    const char *keep, *only;  /* attempts; NULL = none is kept, any is meant */
    bool look;                /* only count */
    bool found;
} sweep;

/* Names are "<batch>.<attempt>.<json or s<k>>". */
static bool is_of_attempt(const char *rest, const char *attempt) {
    size_t len = strlen(attempt);
    return strncmp(rest, attempt, len) == 0 && rest[len] == '.';
}

/* Removing while listing is fine: the store lists first, then calls. */
static pli_status sweep_one(void *arg, const pli__store_entry *entry, pli_error *err) {
    sweep *s = arg;
    char *end = NULL;
    long long n = strtoll(entry->name, &end, 10);
    if (end == entry->name || *end != '.' || n < s->from || n > s->to) return PLI_OK;
    if (s->keep && is_of_attempt(end + 1, s->keep)) return PLI_OK;
    if (s->only && !is_of_attempt(end + 1, s->only)) return PLI_OK;
    s->found = true;
    char key[512];
    if (s->look || (size_t)snprintf(key, sizeof key, "staging/%s", entry->name) >= sizeof key) return PLI_OK;
    return pli__store_remove(s->cp->store, key, err);
}

static pli_status sweep_staging(sweep *s, pli_error *err) {
    return pli__store_list(s->cp->store, "staging", NULL, false, sweep_one, s, err);
}

pli_status pli__checkpoint_clear_staged(pli__checkpoint *cp, int64_t n, const char *keep, pli_error *err) {
    PLI_TRY(pli__checkpoint_may_write(cp, err));
    return sweep_staging(&(sweep){.cp = cp, .to = n, .keep = keep}, err);
}

pli_status pli__checkpoint_drop_staged(pli__checkpoint *cp, int64_t n, const char *attempt, pli_error *err) {
    PLI_TRY(pli__checkpoint_may_write(cp, err));
    return sweep_staging(&(sweep){.cp = cp, .from = n, .to = n, .only = attempt}, err);
}

pli_status pli__checkpoint_has_staged(pli__checkpoint *cp, int64_t n, bool *out, pli_error *err) {
    sweep s = {.cp = cp, .to = n, .look = true};
    *out = false;
    if (!cp->absent) PLI_TRY(sweep_staging(&s, err));
    *out = s.found;
    return PLI_OK;
}

/* ---- schema log ---- */

pli_status pli__checkpoint_write_schema(pli__checkpoint *cp, int64_t version, const json_t *body, pli_error *err) {
    PLI_TRY(pli__checkpoint_may_write(cp, err));
    char key[64];
    snprintf(key, sizeof key, "schemas/%lld.json", (long long)version);
    PLI_AUTO(pli__buf_clear) pli__buf text = {0};
    PLI_TRY(pli__json_write_pretty(body, &text, err));
    return pli__store_replace(cp->store, key, pli__buf_str(&text), pli__checkpoint_store_flags(cp), err);
}

pli_status pli__checkpoint_read_schema(pli__checkpoint *cp, int64_t version, json_t **out, pli_error *err) {
    *out = NULL;
    char key[64];
    snprintf(key, sizeof key, "schemas/%lld.json", (long long)version);
    return pli__checkpoint_read_json(cp, key, out, NULL, err);
}

/* Version that the newest commit names. */
static pli_status named_version(pli__checkpoint *cp, int64_t *out, pli_error *err) {
    *out = -1;
    int64_t last = pli__checkpoint_last_commit(cp);
    if (last < 0) return PLI_OK;
    PLI_AUTO(pli__json_unref) json_t *commit = NULL;
    PLI_TRY(pli__checkpoint_read_commit(cp, last, &commit, err));
    return pli__json_get_i64(commit, "schema_version", "commit", false, out, err);
}

/* {"through": N, "version": V}: V is current as long as N is the newest commit. */
static pli_status adopted_version(pli__checkpoint *cp, int64_t *out, pli_error *err) {
    const json_t *adopted = json_object_get(cp->metadata, "schema_adopted");
    int64_t through = -1;
    *out = -1;
    if (!json_is_object(adopted)) return PLI_OK;
    PLI_TRY(pli__json_get_i64(adopted, "through", "metadata.json", true, &through, err));
    if (through != pli__checkpoint_last_commit(cp)) return PLI_OK;
    return pli__json_get_i64(adopted, "version", "metadata.json", true, out, err);
}

static pli_status newest_version(pli__checkpoint *cp, int64_t *out, pli_error *err) {
    PLI_TRY(adopted_version(cp, out, err));
    return *out >= 0 ? PLI_OK : named_version(cp, out, err);
}

pli_status pli__checkpoint_adopt_schema(pli__checkpoint *cp, int64_t version, const json_t *set, pli_error *err) {
    PLI_AUTO(pli__json_unref) json_t *all = set ? json_copy((json_t *)(uintptr_t)set) : json_object();
    json_t *adopted = json_pack("{s:I, s:I}", "through", (json_int_t)pli__checkpoint_last_commit(cp), "version",
                                (json_int_t)version);
    if (!all || !adopted || json_object_set_new(all, "schema_adopted", adopted) < 0) return pli__error_memory(err);
    return pli__checkpoint_update_metadata(cp, all, err);
}

pli_status pli__checkpoint_schema_version(pli__checkpoint *cp, int64_t *out, pli_error *err) {
    int64_t reset = -1;
    *out = -1;
    PLI_TRY(pli__json_get_i64(cp->metadata, "schema_reset_through", "metadata.json", false, &reset, err));
    return pli__checkpoint_last_commit(cp) <= reset ? PLI_OK : newest_version(cp, out, err);
}

pli_status pli__checkpoint_next_schema_version(pli__checkpoint *cp, int64_t *out, pli_error *err) {
    PLI_TRY(newest_version(cp, out, err));
    ++*out;
    return PLI_OK;
}

/* ---- truncation ---- */

/* Descending, so that a kill leaves a prefix: there is never a commit above a hole. Durable before the mark of the truncation
 * goes: a power failure would bring the records back, and with them the batch that the sink no longer has. */
static pli_status remove_above(pli__checkpoint *cp, const char *folder, int64_t through, pli_error *err) {
    PLI_AUTO(pli__ids_clear) pli__ids all = {0};
    PLI_TRY(pli__checkpoint_list_folder(cp, folder, &all, err));
    for (size_t i = all.n; i > 0 && all.items[i - 1] > through; i--) {
        char key[64];
        snprintf(key, sizeof key, "%s/%lld.json", folder, (long long)all.items[i - 1]);
        PLI_TRY(pli__store_remove(cp->store, key, err));
    }
    return pli__checkpoint_sync_folder(cp, folder, err);
}

pli_status pli__checkpoint_finish_truncation(pli__checkpoint *cp, pli_error *err) {
    int64_t through = INT64_MAX;
    PLI_TRY(pli__json_get_i64(cp->metadata, "truncate_through", "metadata.json", false, &through, err));
    if (through == INT64_MAX) return PLI_OK;
    PLI_TRY(remove_above(cp, "commits", through, err));
    PLI_TRY(remove_above(cp, "offsets", through, err));
    PLI_TRY(sweep_staging(&(sweep){.cp = cp, .from = through + 1, .to = INT64_MAX}, err));
    PLI_TRY(pli__checkpoint_drop_metadata(cp, "truncate_through", NULL, err));
    return pli__checkpoint_list(cp, err);
}
