/* Delta logs written by hand in a memory store. */
#include "support/delta_log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
// cmocka wants the four above
#include <cmocka.h>

static void keep_line(void *arg, pli_log_level level, const char *message) {
    log_fixture *f = arg;
    (void)level;
    const size_t used = strlen(f->warnings);
    snprintf(f->warnings + used, sizeof f->warnings - used, "%s\n", message);
}

void log_fixture_open(log_fixture *f) {
    *f = (log_fixture){0};
    const pli_env_options options = {.size = sizeof options, .log = keep_line, .log_arg = f};
    assert_int_equal(pli_env_new(&options, &f->env, NULL), PLI_OK);
    assert_int_equal(pli__store_memory_new(&f->store, NULL), PLI_OK);
    assert_int_equal(pli__delta_open_store(f->env, "/table", f->store, &f->table, NULL), PLI_OK);
}

void log_fixture_close(log_fixture *f) {
    pli__delta_free(f->table);
    pli_env_free(f->env);
}

void log_fixture_put(log_fixture *f, const char *key, const char *text) {
    assert_int_equal(pli__store_replace(f->store, key, pli__str_of(text), 0, NULL), PLI_OK);
}

void log_fixture_commit(log_fixture *f, int64_t version, const char *lines) {
    char key[64];
    snprintf(key, sizeof key, "%020lld.json", (long long)version);
    log_fixture_put(f, key, lines);
}

typedef struct {
    char *paths[1000];
    size_t n;
} path_list;

static pli_status take_path(void *arg, const pli__add *add, pli_error *err) {
    path_list *l = arg;
    (void)err;
    assert_true(l->n < 1000);
    l->paths[l->n++] = pli__str_dup(add->path);
    return PLI_OK;
}

static int compare_paths(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

void log_fixture_files(log_fixture *f, pli__snapshot *s, char *out, size_t cap) {
    path_list l = {.n = 0};
    pli_error err;
    (void)f;
    if (pli__snapshot_files(s, PLI__FILES_PATHS, take_path, &l, &err) != PLI_OK) fail_msg("%s", err.message);
    qsort(l.paths, l.n, sizeof l.paths[0], compare_paths);
    out[0] = 0;
    for (size_t i = 0; i < l.n; i++) {
        const size_t used = strlen(out);
        snprintf(out + used, cap - used, "%s%s", i ? "," : "", l.paths[i]);
        free(l.paths[i]);
    }
}

int log_fixture_set_up(void **state) {
    static log_fixture f;
    log_fixture_open(&f);
    *state = &f;
    return 0;
}

int log_fixture_tear_down(void **state) {
    log_fixture_close(*state);
    return 0;
}

pli__snapshot *log_fixture_open_at(log_fixture *f, int64_t version) {
    pli__snapshot *s = NULL;
    pli_error err;
    if (pli__snapshot_open(f->table, version, NULL, &s, &err) != PLI_OK) fail_msg("%s", err.message);
    return s;
}

void assert_log_files(log_fixture *f, pli__snapshot *s, const char *expected) {
    char files[2000];
    log_fixture_files(f, s, files, sizeof files);
    assert_string_equal(files, expected);
}

void assert_log_refused(log_fixture *f, int64_t version, pli_status code, const char *text) {
    pli__snapshot *s = NULL;
    pli_error err = {0};
    assert_int_equal(pli__snapshot_open(f->table, version, NULL, &s, &err), code);
    if (!strstr(err.message, text)) fail_msg("'%s' lacks '%s'", err.message, text);
    assert_null(s);
}
