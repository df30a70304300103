/*
 * A log in pieces: the input's lines are actions, one commit each behind a good commit 0. Where the table opens, the same
 * state put into a v2 checkpoint (JSON manifest) must give the same files, transactions and domains, with the commits
 * behind it, and advancing from an older snapshot must too. The files are also those that a plain list gives, searched from
 * its start for every action. The first byte says where the checkpoint stands.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "delta/log_read.h"
#include "delta/snapshot.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { COMMITS_MAX = 24 };

static void expect(bool ok, const char *what) {
    if (ok) return;
    fprintf(stderr, "fuzz_delta_checkpoint: %s\n", what);
    abort();
}

static const char start[] =
    "{\"protocol\":{\"minReaderVersion\":1,\"minWriterVersion\":2}}\n"
    "{\"metaData\":{\"id\":\"t\",\"format\":{\"provider\":\"parquet\",\"options\":{}},\"schemaString\":"
    "\"{\\\"type\\\":\\\"struct\\\",\\\"fields\\\":[]}\",\"partitionColumns\":[],\"configuration\":{}}}\n"
    "{\"add\":{\"path\":\"first\",\"partitionValues\":{},\"size\":1,\"modificationTime\":1,\"dataChange\":true}}\n";

static void put(pli__store *s, int64_t version, pli__str text) {
    char key[64];
    snprintf(key, sizeof key, "%020lld.json", (long long)version);
    pli__store_replace(s, key, text, 0, NULL);
}

/* Order does not matter: a sum of hashes would do, but a sorted text shows what differs. */
typedef struct {
    char *lines[512];
    size_t n;
} line_list;

static void add_line(line_list *l, pli__buf *b) {
    if (l->n < 512) l->lines[l->n++] = pli__buf_take(b);
    pli__buf_clear(b);
}

static pli_status list_file(void *arg, const pli__add *a, pli_error *err) {
    pli__buf b = {0};
    (void)err;
    pli__buf_addf(&b, "file %zu:%.*s %lld %c %lld %zu", a->path.len, PLI_STR_ARG(a->path), (long long)a->size,
                  a->dv.storage ? a->dv.storage : '-', (long long)(a->dv.storage ? a->dv.offset : 0),
                  a->n_partition_values);
    add_line(arg, &b);
    return PLI_OK;
}

static int compare(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static pli_status describe(pli__snapshot *s, pli__buf *out) {
    line_list l = {.n = 0};
    const pli_status st = pli__snapshot_files(s, PLI__FILES_ALL, list_file, &l, NULL);
    for (size_t i = 0; i < pli__snapshot_n_txns(s) && l.n < 512; i++) {
        pli__buf b = {0};
        const pli__txn t = pli__snapshot_txn_at(s, i);
        pli__buf_addf(&b, "txn %zu:%.*s %lld", t.app_id.len, PLI_STR_ARG(t.app_id), (long long)t.version);
        add_line(&l, &b);
    }
    for (size_t i = 0; i < pli__snapshot_n_domains(s) && l.n < 512; i++) {
        pli__buf b = {0};
        const pli__domain d = pli__snapshot_domain_at(s, i);
        pli__buf_addf(&b, "domain %zu:%.*s %.*s", d.domain.len, PLI_STR_ARG(d.domain), PLI_STR_ARG(d.configuration));
        add_line(&l, &b);
    }
    if (l.n) qsort(l.lines, l.n, sizeof l.lines[0], compare);
    for (size_t i = 0; i < l.n; i++) {
        pli__buf_addz(out, l.lines[i] ? l.lines[i] : "");
        pli__buf_addc(out, '\n');
        free(l.lines[i]);
    }
    return st;
}

/* ---- the files by a plain list ---- */

typedef struct {
    struct {
        char *key;
        bool active;
    } files[512];
    size_t n;
} plain_list;

static void set_file(plain_list *l, pli__str path, const pli__dv *dv, bool active) {
    pli__buf key = {0};
    pli__buf_addf(&key, "%zu:%.*s|", path.len, PLI_STR_ARG(path));
    if (dv->storage)
        pli__buf_addf(&key, "%c%zu:%.*s@%lld", dv->storage, dv->path.len, PLI_STR_ARG(dv->path), (long long)dv->offset);
    size_t i = 0;
    while (i < l->n && strcmp(l->files[i].key, key.ptr) != 0) i++;
    if (i == l->n && l->n < 512) l->files[l->n++].key = pli__buf_take(&key);
    if (i < l->n) l->files[i].active = active;
    pli__buf_clear(&key);
}

static pli_status take_action(void *arg, const pli__action *a, pli_error *err) {
    (void)err;
    if (a->kind == PLI__ACTION_ADD) set_file(arg, a->add.path, &a->add.dv, true);
    if (a->kind == PLI__ACTION_REMOVE) set_file(arg, a->remove.path, &a->remove.dv, false);
    return PLI_OK;
}

static pli_status count_file(void *arg, const pli__add *a, pli_error *err) {
    (void)a, (void)err;
    ++*(size_t *)arg;
    return PLI_OK;
}

static void check_plain(pli__delta *t, pli__snapshot *s) {
    plain_list l = {.n = 0};
    size_t active = 0, listed = 0;
    for (int64_t v = 0; v <= pli__snapshot_version(s); v++)
        expect(pli__log_read(t, v, (pli__read_what){PLI__READ_FILES, 0}, take_action, &l, NULL) == PLI_OK,
               "a commit cannot be read again");
    for (size_t i = 0; i < l.n; i++) {
        active += l.files[i].active;
        free(l.files[i].key);
    }
    expect(pli__snapshot_files(s, 0, count_file, &listed, NULL) == PLI_OK && listed == active,
           "other files are active than a plain list says");
}

/* ---- the snapshot as a checkpoint ---- */

static pli_status write_add(void *arg, const pli__add *a, pli_error *err) {
    pli__action action = {.kind = PLI__ACTION_ADD};
    action.add = *a;
    return pli__action_write(&action, arg, err);
}

static pli_status write_remove(void *arg, const pli__remove *r, pli_error *err) {
    pli__action action = {.kind = PLI__ACTION_REMOVE};
    action.remove = *r;
    return pli__action_write(&action, arg, err);
}

static pli_status write_checkpoint(pli__snapshot *s, pli__buf *out) {
    pli__action a = {.kind = PLI__ACTION_PROTOCOL};
    a.protocol = *pli__snapshot_protocol(s);
    PLI_TRY(pli__action_write(&a, out, NULL));
    a.kind = PLI__ACTION_METADATA;
    a.metadata = *pli__snapshot_metadata(s);
    PLI_TRY(pli__action_write(&a, out, NULL));
    for (size_t i = 0; i < pli__snapshot_n_txns(s); i++) {
        a.kind = PLI__ACTION_TXN;
        a.txn = pli__snapshot_txn_at(s, i);
        PLI_TRY(pli__action_write(&a, out, NULL));
    }
    for (size_t i = 0; i < pli__snapshot_n_domains(s); i++) {
        a.kind = PLI__ACTION_DOMAIN;
        a.domain = pli__snapshot_domain_at(s, i);
        PLI_TRY(pli__action_write(&a, out, NULL));
    }
    PLI_TRY(pli__snapshot_files(s, PLI__FILES_ALL, write_add, out, NULL));
    return pli__snapshot_removes(s, write_remove, out, NULL);
}

static void check_table(pli_env *env, int64_t last, int64_t at, pli__store *store) {
    PLI_AUTO(pli__delta_auto) pli__delta *t = NULL;
    PLI_AUTO(pli__snapshot_auto) pli__snapshot *whole = NULL;
    PLI_AUTO(pli__snapshot_auto) pli__snapshot *part = NULL;
    PLI_AUTO(pli__snapshot_auto) pli__snapshot *advanced = NULL;
    PLI_AUTO(pli__snapshot_auto) pli__snapshot *resumed = NULL;
    PLI_AUTO(pli__buf_clear) pli__buf expected = {0};
    PLI_AUTO(pli__buf_clear) pli__buf actual = {0};
    PLI_AUTO(pli__buf_clear) pli__buf manifest = {0};
    char key[96];
    if (pli__delta_open_store(env, "/t", store, &t, NULL) != PLI_OK) return;
    if (pli__snapshot_open(t, last, NULL, &whole, NULL) != PLI_OK || describe(whole, &expected) != PLI_OK) return;
    check_plain(t, whole);
    if (pli__snapshot_open(t, at, NULL, &part, NULL) != PLI_OK || describe(part, &actual) != PLI_OK) return;
    expect(pli__snapshot_advance(part, last, &advanced, NULL) == PLI_OK,
           "a snapshot cannot be advanced to a version that opens");
    pli__buf_reset(&actual);
    expect(describe(advanced, &actual) == PLI_OK && pli__str_eq(pli__buf_str(&actual), pli__buf_str(&expected)),
           "advancing gives another state");
    if (write_checkpoint(part, &manifest) != PLI_OK) return;
    snprintf(key, sizeof key, "%020lld.checkpoint.80a083e8-7026-4e79-81be-64bd76c43a11.json", (long long)at);
    pli__store_replace(store, key, pli__buf_str(&manifest), 0, NULL);
    expect(pli__snapshot_open(t, last, NULL, &resumed, NULL) == PLI_OK, "the table does not open with a checkpoint");
    if (pli__snapshot_checkpoint_version(resumed) != at)
        return; /* what it holds is more than a checkpoint may: two of a kind */
    pli__buf_reset(&actual);
    expect(describe(resumed, &actual) == PLI_OK && pli__str_eq(pli__buf_str(&actual), pli__buf_str(&expected)),
           "a checkpoint gives another state");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    pli_env *env = NULL;
    pli__store *store = NULL;
    if (size < 2) return 0;
    if (pli_env_new(NULL, &env, NULL) != PLI_OK || pli__store_memory_new(&store, NULL) != PLI_OK) abort();
    put(store, 0, PLI_STR(start));
    pli__str rest = {(const char *)data + 1, size - 1};
    int64_t last = 0;
    while (rest.len && last < COMMITS_MAX) {
        const char *end = memchr(rest.ptr, '\n', rest.len);
        const size_t len = end ? (size_t)(end - rest.ptr) : rest.len;
        if (len) put(store, ++last, (pli__str){rest.ptr, len});
        rest = (pli__str){rest.ptr + len + (end != NULL), rest.len - len - (end != NULL)};
    }
    check_table(env, last, data[0] % (last + 1), store);
    pli_env_free(env);
    return 0;
}
