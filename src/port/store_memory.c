/* A store in memory: a map from key to record under one mutex, with faults that tests plant. */
#include "port/store_memory.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/map.h"
#include "base/time.h"

enum { FAULTS_MAX = 32, FAULT_KEY_MAX = 200 };

typedef struct {
    char *data;
    size_t len;
    int64_t mtime_us;
    uint64_t inode; /* a new one for every write, as on disk */
} record;

typedef struct {
    pli__store_fault fault;
    char key_part[FAULT_KEY_MAX];
    unsigned seen;
} planted;

typedef struct {
    pli__store base;
    pthread_mutex_t mutex;
    pli__map *records;
    uint64_t next_inode;
    planted faults[FAULTS_MAX];
    size_t n_faults;
    unsigned calls[PLI__STORE_OPS];
    pli__store_hook *hook;
    void *hook_arg;
    bool in_hook;
} memory_store;

static memory_store *memory_of(pli__store *s) { return (memory_store *)(void *)s; }

static void unlock(pthread_mutex_t **m) { pthread_mutex_unlock(*m); }
/* Held to the end of the scope. */
#define HOLD(m) PLI_AUTO(unlock) pthread_mutex_t *held_here = (pthread_mutex_lock(&(m)->mutex), &(m)->mutex)

static void run_hook(memory_store *m, pli__store_op op, const char *key) {
    pthread_mutex_lock(&m->mutex);
    pli__store_hook *hook = m->in_hook ? NULL : m->hook;
    void *arg = m->hook_arg;
    if (hook) m->in_hook = true;
    pthread_mutex_unlock(&m->mutex);
    if (!hook) return;
    hook(arg, op, key);
    pthread_mutex_lock(&m->mutex);
    m->in_hook = false;
    pthread_mutex_unlock(&m->mutex);
}

static bool fits(planted *p, pli__store_op op, const char *key) {
    if (p->fault.op != PLI__STORE_ANY && p->fault.op != op) return false;
    return strstr(key, p->key_part) != NULL;
}

/* Counts the call and finds the fault that strikes it; status PLI_OK if none does. */
static pli__store_fault strike(memory_store *m, pli__store_op op, const char *key) {
    m->calls[op]++;
    m->calls[PLI__STORE_ANY]++;
    for (size_t i = 0; i < m->n_faults; i++) {
        planted *p = &m->faults[i];
        if (!fits(p, op, key) || ++p->seen < p->fault.nth) continue;
        const pli__store_fault fault = p->fault;
        if (!fault.repeat) memmove(p, p + 1, (--m->n_faults - i) * sizeof *p);
        return fault;
    }
    return (pli__store_fault){.status = PLI_OK};
}

static pli_status planted_error(pli_status status, const char *key, pli_error *err) {
    pli__error_set(err, status, "planted fault at '%s'", key);
    if (status == PLI_E_IO || status == PLI_E_UNKNOWN) pli__error_flag(err, PLI_ERR_RETRIABLE);
    if (status == PLI_E_EXISTS) pli__error_flag(err, PLI_ERR_CONFLICT);
    return status;
}

static record *find_record(memory_store *m, const char *key) { return pli__map_get(m->records, pli__str_of(key)); }

static void free_record(record *r) {
    if (r) free(r->data);
    free(r);
}

static pli_status store_record(memory_store *m, const char *key, pli__str data, pli_error *err) {
    record *r = calloc(1, sizeof *r);
    char *copy = pli__str_dup(data);
    void *old = NULL;
    if (r && copy) *r = (record){copy, data.len, pli__clock_now_us(NULL), ++m->next_inode};
    if (!r || !copy || !pli__map_put(m->records, pli__str_of(key), r, &old)) {
        free(copy);
        free(r);
        return pli__error_memory(err);
    }
    free_record(old);
    return PLI_OK;
}

static pli_status not_found(const char *key, pli_error *err) {
    return pli__error_set(err, PLI_E_NOT_FOUND, "'%s' is not in the store", key);
}

static pli_status get_record(memory_store *m, const char *key, size_t max, pli__buf *out, pli_error *err) {
    const record *r = find_record(m, key);
    if (!r) return not_found(key, err);
    if (r->len > max) return pli__error_set(err, PLI_E_LIMIT, "'%s' is larger than the limit of %zu bytes", key, max);
    pli__buf_add(out, r->data, r->len);
    return pli__buf_status(out, err);
}

static pli_status memory_get(pli__store *s, const char *key, size_t max, pli__buf *out, pli_error *err) {
    memory_store *m = memory_of(s);
    run_hook(m, PLI__STORE_GET, key);
    HOLD(m);
    const pli__store_fault fault = strike(m, PLI__STORE_GET, key);
    if (fault.status != PLI_OK) return planted_error(fault.status, key, err);
    return get_record(m, key, max, out, err);
}

static pli_status write_record(pli__store *s, pli__store_op op, const char *key, pli__str data, pli_error *err) {
    memory_store *m = memory_of(s);
    run_hook(m, op, key);
    HOLD(m);
    const pli__store_fault fault = strike(m, op, key);
    if (fault.status != PLI_OK && !fault.took_effect) return planted_error(fault.status, key, err);
    if (op == PLI__STORE_PUT && pli__map_has(m->records, pli__str_of(key))) {
        pli__error_set(err, PLI_E_EXISTS, "'%s' exists already", key);
        pli__error_flag(err, PLI_ERR_CONFLICT);
        return PLI_E_EXISTS;
    }
    PLI_TRY(store_record(m, key, data, err));
    return fault.status == PLI_OK ? PLI_OK : planted_error(fault.status, key, err);
}

static pli_status memory_put_if_absent(pli__store *s, const char *key, pli__str data, unsigned flags, pli_error *err) {
    (void)flags;
    return write_record(s, PLI__STORE_PUT, key, data, err);
}

static pli_status memory_replace(pli__store *s, const char *key, pli__str data, unsigned flags, pli_error *err) {
    (void)flags;
    return write_record(s, PLI__STORE_REPLACE, key, data, err);
}

static int compare_entries(const void *a, const void *b) {
    return strcmp(((const pli__store_entry *)a)->name, ((const pli__store_entry *)b)->name);
}

/* Name of the record if it lies directly in the folder and is to be listed, else NULL. */
static const char *name_in(const char *key, const char *dir, const char *from) {
    const size_t n = strlen(dir);
    if (n && (strncmp(key, dir, n) != 0 || key[n] != '/')) return NULL;
    const char *name = key + n + (n > 0);
    return name[0] == '.' || strchr(name, '/') || strcmp(name, from) < 0 ? NULL : name;
}

/* Copies of the entries, so that the function may itself change the store while it is called. */
static pli_status snapshot(memory_store *m, const char *dir, const char *from, pli__store_entry **out, size_t *n,
                           pli_error *err) {
    pli__store_entry *entries = calloc(pli__map_size(m->records) + 1, sizeof *entries);
    if (!entries) return pli__error_memory(err);
    *out = entries;
    size_t it = 0;
    pli__str key;
    void *value;
    while (pli__map_next(m->records, &it, &key, &value)) {
        const record *r = value;
        const char *name = name_in(key.ptr, dir, from); /* the map's copies of keys are terminated and outlive this */
        if (name) entries[(*n)++] = (pli__store_entry){name, (int64_t)r->len, r->mtime_us};
    }
    qsort(entries, *n, sizeof *entries, compare_entries);
    return PLI_OK;
}

static pli_status strike_and_snapshot(memory_store *m, const char *dir, const char *from, pli__store_entry **out,
                                      size_t *n, pli_error *err) {
    HOLD(m);
    const pli__store_fault fault = strike(m, PLI__STORE_LIST, dir);
    if (fault.status != PLI_OK) return planted_error(fault.status, dir, err);
    return snapshot(m, dir, from, out, n, err);
}

static pli_status memory_list(pli__store *s, const char *dir, const char *from, bool with_info, pli__store_list_fn *fn,
                              void *arg, pli_error *err) {
    memory_store *m = memory_of(s);
    PLI_AUTO(pli__free_ptr) pli__store_entry *entries = NULL;
    size_t n = 0;
    run_hook(m, PLI__STORE_LIST, dir);
    PLI_TRY(strike_and_snapshot(m, dir, from, &entries, &n, err));
    for (size_t i = 0; i < n; i++) {
        if (!with_info) entries[i].size = entries[i].mtime_us = -1;
        PLI_TRY(fn(arg, &entries[i], err));
    }
    return PLI_OK;
}

static pli_status memory_stat(pli__store *s, const char *key, pli__file_info *out, pli_error *err) {
    memory_store *m = memory_of(s);
    run_hook(m, PLI__STORE_STAT, key);
    HOLD(m);
    const pli__store_fault fault = strike(m, PLI__STORE_STAT, key);
    if (fault.status != PLI_OK) return planted_error(fault.status, key, err);
    const record *r = find_record(m, key);
    *out = (pli__file_info){.kind = PLI__FILE_NONE};
    if (r)
        *out = (pli__file_info){.kind = PLI__FILE_REGULAR,
                                .size = (int64_t)r->len,
                                .mtime_ns = r->mtime_us * 1000,
                                .ctime_ns = r->mtime_us * 1000,
                                .device = 1,
                                .inode = r->inode};
    return PLI_OK;
}

static pli_status memory_remove(pli__store *s, const char *key, pli_error *err) {
    memory_store *m = memory_of(s);
    run_hook(m, PLI__STORE_REMOVE, key);
    HOLD(m);
    const pli__store_fault fault = strike(m, PLI__STORE_REMOVE, key);
    if (fault.status != PLI_OK && !fault.took_effect) return planted_error(fault.status, key, err);
    void *old = NULL;
    if (pli__map_remove(m->records, pli__str_of(key), &old)) free_record(old);
    return fault.status == PLI_OK ? PLI_OK : planted_error(fault.status, key, err);
}

static const char *no_local_path(pli__store *s) {
    (void)s;
    return NULL;
}

static void memory_free(pli__store *s) {
    memory_store *m = memory_of(s);
    size_t it = 0;
    void *value;
    while (pli__map_next(m->records, &it, NULL, &value)) free_record(value);
    pli__map_free(m->records);
    pthread_mutex_destroy(&m->mutex);
    free(m);
}

static const pli__store_ops memory_ops = {
    .version = 1,
    .name = "memory",
    .get = memory_get,
    .put_if_absent = memory_put_if_absent,
    .replace = memory_replace,
    .list = memory_list,
    .stat = memory_stat,
    .remove = memory_remove,
    .local_path = no_local_path,
    .free = memory_free,
};

pli_status pli__store_memory_new(pli__store **out, pli_error *err) {
    memory_store *m = calloc(1, sizeof *m);
    if (!m) return pli__error_memory(err);
    m->records = pli__map_new();
    if (!m->records) {
        free(m);
        return pli__error_memory(err);
    }
    pthread_mutex_init(&m->mutex, NULL);
    m->base.ops = &memory_ops;
    *out = &m->base;
    return PLI_OK;
}

static pli_status check_memory(const pli__store *s, pli_error *err) {
    if (s && s->ops == &memory_ops) return PLI_OK;
    return pli__error_set(err, PLI_E_ARGUMENT, "this is not a store in memory");
}

pli_status pli__store_memory_plant(pli__store *s, const pli__store_fault *fault, pli_error *err) {
    PLI_TRY(check_memory(s, err));
    if (fault->status == PLI_OK || (fault->key_part && strlen(fault->key_part) >= FAULT_KEY_MAX))
        return pli__error_set(err, PLI_E_ARGUMENT, "this is not a fault");
    memory_store *m = memory_of(s);
    HOLD(m);
    if (m->n_faults == FAULTS_MAX)
        return pli__error_set(err, PLI_E_STATE, "at most %d faults can be planted", FAULTS_MAX);
    planted *p = &m->faults[m->n_faults++];
    *p = (planted){.fault = *fault};
    p->fault.key_part = NULL;
    if (fault->key_part) memcpy(p->key_part, fault->key_part, strlen(fault->key_part) + 1);
    return PLI_OK;
}

void pli__store_memory_heal(pli__store *s) {
    if (check_memory(s, NULL) != PLI_OK) return;
    memory_store *m = memory_of(s);
    HOLD(m);
    m->n_faults = 0;
}

unsigned pli__store_memory_calls(pli__store *s, pli__store_op op) {
    if (check_memory(s, NULL) != PLI_OK || op >= PLI__STORE_OPS) return 0;
    memory_store *m = memory_of(s);
    HOLD(m);
    return m->calls[op];
}

void pli__store_memory_hook(pli__store *s, pli__store_hook *hook, void *arg) {
    if (check_memory(s, NULL) != PLI_OK) return;
    memory_store *m = memory_of(s);
    HOLD(m);
    m->hook = hook;
    m->hook_arg = arg;
}

pli_status pli__store_memory_touch(pli__store *s, const char *key, int64_t mtime_us, pli_error *err) {
    PLI_TRY(check_memory(s, err));
    memory_store *m = memory_of(s);
    HOLD(m);
    record *r = find_record(m, key);
    if (!r) return not_found(key, err);
    r->mtime_us = mtime_us;
    return PLI_OK;
}
