/* The sink in a folder, for tests of the run: the commit protocol of a table without the table. */
#include "support/journal_sink.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/json.h"
#include "base/map.h"

typedef struct journal {
    pli__sink base;
    pli__store *store;
    char *dir;
} journal;

struct pli__prepared {
    char *rows, *path;
    int64_t n;
};

typedef struct newest {
    int64_t version;
} newest;

static pli_status take_newest(void *arg, const pli__store_entry *e, pli_error *err) {
    (void)err;
    newest *n = arg;
    int64_t v = strtoll(e->name, NULL, 10);
    if (strstr(e->name, ".json") && v > n->version) n->version = v;
    return PLI_OK;
}

static pli_status newest_version(journal *j, int64_t *out, pli_error *err) {
    newest n = {-1};
    PLI_TRY(pli__store_list(j->store, "", NULL, false, take_newest, &n, err));
    *out = n.version;
    return PLI_OK;
}

static pli_status read_version(journal *j, int64_t v, json_t **out, pli_error *err) {
    char key[64];
    snprintf(key, sizeof key, "%lld.json", (long long)v);
    PLI_AUTO(pli__buf_clear) pli__buf text = {0};
    PLI_TRY(pli__store_get(j->store, key, 1 << 24, &text, err));
    return pli__json_parse(pli__buf_str(&text), key, out, err);
}

static void copy_str(char *to, size_t n, const json_t *obj, const char *key) {
    const char *s = json_string_value(json_object_get(obj, key));
    snprintf(to, n, "%s", s ? s : "");
}

static pli_status journal_state(pli__sink *s, const char *app_id, int64_t hint, pli__sink_state *out, pli_error *err) {
    (void)hint;
    journal *j = (journal *)s;
    *out = (pli__sink_state){.commit_version = -1, .txn_version = -1};
    PLI_TRY(newest_version(j, &out->version, err));
    out->exists = out->version >= 0;
    for (int64_t v = out->version; v >= 0; v--) {
        PLI_AUTO(pli__json_unref) json_t *c = NULL;
        PLI_TRY(read_version(j, v, &c, err));
        if (v == out->version) copy_str(out->id, sizeof out->id, c, "tableId");
        if (out->has_txn || strcmp(json_string_value(json_object_get(c, "appId")), app_id) != 0) continue;
        out->has_txn = true;
        out->txn_version = json_integer_value(json_object_get(c, "batch"));
        out->commit_version = v;
        copy_str(out->attempt, sizeof out->attempt, c, "attempt");
        copy_str(out->offset_sha256, sizeof out->offset_sha256, c, "sha");
        break;
    }
    return PLI_OK;
}

static pli_status journal_prepare(pli__sink *s, const pli__batch_ref *batch, const char *sql, const pli__type *schema,
                                  pli__prepared **out, pli_error *err) {
    (void)schema;
    journal *j = (journal *)s;
    pli__prepared *p = calloc(1, sizeof *p);
    if (!p) return pli__error_memory(err);
    p->rows = pli__strz_dup(sql);
    for (const char *c = sql; *c; c++) p->n += *c == '\n';
    char name[128];
    snprintf(name, sizeof name, "data-%s.txt", batch->attempt);
    p->path = pli__path_join(j->dir, name);
    pli_status status = pli__store_replace(j->store, name, pli__str_of(sql), 0, err);
    if (status == PLI_OK) *out = p;
    else {
        free(p->rows);
        free(p->path);
        free(p);
    }
    return status;
}

static pli_status journal_describe(pli__sink *s, const pli__prepared *p, json_t **out, pli_error *err) {
    *out = json_pack("{s:s, s:[s], s:I}", "path", ((journal *)s)->dir, "addedFiles", p->path, "rows", (json_int_t)p->n);
    return *out ? PLI_OK : pli__error_memory(err);
}

static pli_status already(const pli__sink_state *st, const pli__batch_ref *b, json_t **result, pli_error *err) {
    if (st->txn_version != b->batch_id || strcmp(st->offset_sha256, b->offset_sha256) != 0)
        return pli__error_set(err, PLI_E_SINK_AHEAD, "the journal shows batch %lld", (long long)st->txn_version);
    *result = json_pack("{s:b, s:s, s:I, s:s}", "repeat", 1, "tableId", st->id, "version",
                        (json_int_t)st->commit_version, "txnAppId", b->app_id);
    return *result ? PLI_OK : pli__error_memory(err);
}

static pli_status journal_commit(pli__sink *s, const pli__batch_ref *b, pli__prepared *p, json_t **result,
                                 pli_error *err) {
    journal *j = (journal *)s;
    for (int tries = 0; tries < 1000; tries++) {
        pli__sink_state st;
        PLI_TRY(journal_state(s, b->app_id, -1, &st, err));
        if (st.has_txn && st.txn_version >= b->batch_id) return already(&st, b, result, err);
        char id[37], key[64];
        pli__uuid_new(id);
        snprintf(key, sizeof key, "%lld.json", (long long)st.version + 1);
        PLI_AUTO(pli__json_unref)
        json_t *c = json_pack("{s:s, s:s, s:I, s:s, s:s, s:s}", "tableId", st.exists ? st.id : id, "appId", b->app_id,
                              "batch", (json_int_t)b->batch_id, "attempt", b->attempt, "sha", b->offset_sha256, "rows",
                              p->rows);
        PLI_AUTO(pli__buf_clear) pli__buf text = {0};
        PLI_TRY(pli__json_write(c, &text, err));
        pli_status status = pli__store_put_if_absent(j->store, key, pli__buf_str(&text), 0, err);
        if (status == PLI_E_EXISTS) continue; /* look at the winner, then try behind it */
        PLI_TRY(status);
        *result = json_pack("{s:s, s:I, s:s, s:I}", "tableId", st.exists ? st.id : id, "version",
                            (json_int_t)(st.version + 1), "txnAppId", b->app_id, "rows", (json_int_t)p->n);
        return *result ? PLI_OK : pli__error_memory(err);
    }
    return pli__error_set(err, PLI_E_CONFLICT, "too many tries");
}

static void journal_free_prepared(pli__prepared *p) {
    if (!p) return;
    free(p->rows);
    free(p->path);
    free(p);
}

static void journal_abort(pli__sink *s, pli__prepared *p) {
    (void)s;
    if (p) (void)pli__fs_unlink(p->path, true, NULL);
    journal_free_prepared(p);
}

static void journal_free(pli__sink *s) {
    journal *j = (journal *)s;
    pli__store_free(j->store);
    free(j->dir);
    free(j);
}

static const pli__sink_ops journal_ops = {1,
                                          "journal",
                                          journal_state,
                                          journal_prepare,
                                          journal_describe,
                                          journal_commit,
                                          journal_abort,
                                          journal_free_prepared,
                                          journal_free,
                                          NULL};

pli_status journal_sink_new(const char *dir, pli__sink **out, pli_error *err) {
    journal *j = calloc(1, sizeof *j);
    if (!j) return pli__error_memory(err);
    j->base.ops = &journal_ops;
    j->dir = pli__strz_dup(dir);
    pli_status status = pli__store_local_open(dir, &j->store, err);
    if (status != PLI_OK || !j->dir) journal_free(&j->base);
    else *out = &j->base;
    return status;
}

int64_t journal_sink_versions(const char *dir) {
    pli__sink *s = NULL;
    int64_t version = -1;
    if (journal_sink_new(dir, &s, NULL) == PLI_OK) (void)newest_version((journal *)s, &version, NULL);
    pli__sink_free(s);
    return version + 1;
}

char *journal_sink_rows(const char *dir) {
    pli__buf out = {0};
    pli__sink *s = NULL;
    int64_t n = journal_sink_versions(dir);
    if (journal_sink_new(dir, &s, NULL) != PLI_OK) return NULL;
    for (int64_t v = 0; v < n; v++) {
        json_t *c = NULL;
        if (read_version((journal *)s, v, &c, NULL) != PLI_OK) {
            pli__buf_addf(&out, "version %lld is unreadable\n", (long long)v);
            continue;
        }
        pli__buf_addz(&out, json_string_value(json_object_get(c, "rows")));
        json_decref(c);
    }
    pli__sink_free(s);
    return out.ptr ? pli__buf_take(&out) : calloc(1, 1);
}

pli_status journal_execute(void *self, const pli__work *work, pli__prepared **out, json_t *result, pli_error *err) {
    (void)self, (void)result;
    PLI_AUTO(pli__relation_auto) pli__relation *r = NULL;
    PLI_TRY(pli__source_relation(work->job->source, work->offset, &r, err));
    PLI_AUTO(pli__buf_clear) pli__buf rows = {0};
    for (size_t i = 0; i < r->n_parts; i++)
        for (size_t k = 0; k < r->parts[i].n_files; k++)
            for (int n = 1; n <= 2; n++) pli__buf_addf(&rows, "%s:%d\n", r->parts[i].files[k].path, n);
    pli__buf_addz(&rows, "");
    pli__type_builder b = {0};
    pli__type_builder_add(&b, PLI_STR("row"), pli__type_new(PLI__TYPE_STRING), true, NULL);
    PLI_AUTO(pli__type_auto) const pli__type *schema = pli__type_builder_finish(&b);
    if (!schema) return pli__error_memory(err);
    return pli__sink_prepare(work->job->sink, &work->batch, rows.ptr ? rows.ptr : "", schema, out, err);
}
