/*
 * Random histories of a table against a plain model: commits appear while batches are planned, sources are opened anew, read
 * commits are cleaned away, limits differ. The inputs of all batches must be the model's, in its order, each once.
 * A failure names its seed: PLI_SEED=N PLI_ROUNDS=1 repeats that history.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/json.h"
#include "engine/env.h"
#include "source/source_delta.h"
#include "support/temp_dir.h"

enum { HISTORIES = 250, VERSIONS = 24, ACTIONS = 8, PATHS = 60, FILES_MAX = 1000 };

typedef enum { ADD, REMOVE, CDC, KINDS } action_kind;
static const char *const kind_names[KINDS] = {"add", "remove", "cdc"};

typedef struct action {
    action_kind kind;
    int path;
    int size;
    bool change;
} action;

typedef struct history {
    uint64_t seed, random;
    void *dir;
    pli_env *env;
    pli__checkpoint *cp;
    pli__source *source;
    pli__delta_options o;
    action commits[VERSIONS][ACTIONS];
    int n_actions[VERSIONS], n_versions;
    bool active[PATHS];
    /* what was planned */
    char *planned;
    int64_t snapshot; /* version of the initial snapshot, -1 = none */
    int64_t cleaned;
} history;

/* ---- chance ---- */

static int below(history *h, int n) {
    h->random = h->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (int)((h->random >> 33) % (uint64_t)n);
}

static bool chance(history *h, int percent) { return below(h, 100) < percent; }

/* ---- the table ---- */

static bool may_remove(const history *h) {
    return h->o.read_change_feed || h->o.ignore_changes || h->o.skip_change_commits;
}

static action random_action(history *h) {
    action a = {.kind = ADD, .path = below(h, PATHS), .size = 1 + below(h, 50), .change = chance(h, 85)};
    if (chance(h, 30) && h->active[a.path] && (may_remove(h) || !a.change)) a.kind = REMOVE;
    else if (h->o.read_change_feed && chance(h, 10)) a = (action){CDC, a.path, a.size, true};
    return a;
}

static void write_commit(history *h, int v) {
    char name[80];
    PLI_AUTO(pli__buf_clear) pli__buf text = {0};
    if (v == 0)
        pli__buf_addz(&text,
                      "{\"metaData\":{\"id\":\"t\",\"configuration\":{\"delta.enableChangeDataFeed\":\"true\"}}}\n");
    pli__buf_addz(&text, "{\"commitInfo\":{}}\n");
    for (int i = 0; i < h->n_actions[v]; i++) {
        const action *a = &h->commits[v][i];
        pli__buf_addf(&text, "{\"%s\":{\"path\":\"f%03d\",\"size\":%d,\"dataChange\":%s}}\n", kind_names[a->kind],
                      a->path, a->size, a->change ? "true" : "false");
    }
    snprintf(name, sizeof name, "table/_delta_log/%020d.json", v);
    temp_write(h->dir, name, text.ptr);
}

static void new_commit(history *h) {
    const int v = h->n_versions++;
    bool seen[PATHS] = {false};
    const int wanted = chance(h, 15) ? 0 : 1 + below(h, ACTIONS);
    h->n_actions[v] = 0;
    for (int i = 0; i < wanted; i++) {
        const action a = random_action(h);
        if (seen[a.path]) continue; /* one action of a path in a commit */
        seen[a.path] = true;
        h->commits[v][h->n_actions[v]++] = a;
        if (a.kind != CDC) h->active[a.path] = a.kind == ADD;
    }
    write_commit(h, v);
}

/* ---- the model ---- */

static bool changes(const history *h, int v, action_kind kind) {
    for (int i = 0; i < h->n_actions[v]; i++)
        if (h->commits[v][i].kind == kind && (kind == CDC || h->commits[v][i].change)) return true;
    return false;
}

static void expect_kind(const history *h, int v, action_kind kind, const char *type, pli__buf *out) {
    for (int i = 0; i < h->n_actions[v]; i++) {
        const action *a = &h->commits[v][i];
        if (a->kind == kind && (a->change || kind == CDC)) pli__buf_addf(out, "f%03d@%d%s ", a->path, v, type);
    }
}

static void expect_commit(const history *h, int v, pli__buf *out) {
    const bool removes = changes(h, v, REMOVE);
    if (!h->o.read_change_feed) {
        if (!removes || h->o.ignore_changes) expect_kind(h, v, ADD, "", out);
    } else if (changes(h, v, CDC)) {
        expect_kind(h, v, CDC, "", out);
    } else {
        expect_kind(h, v, REMOVE, "-", out);
        expect_kind(h, v, ADD, "+", out);
    }
}

static void expect_snapshot(const history *h, int version, pli__buf *out) {
    bool active[PATHS] = {false};
    for (int v = 0; v <= version; v++)
        for (int i = 0; i < h->n_actions[v]; i++)
            if (h->commits[v][i].kind != CDC) active[h->commits[v][i].path] = h->commits[v][i].kind == ADD;
    for (int p = 0; p < PATHS; p++)
        if (active[p]) pli__buf_addf(out, "f%03d@%d%s ", p, version, h->o.read_change_feed ? "+" : "");
}

static void expect_all(const history *h, pli__buf *out) {
    int first = 0;
    if (h->o.starting_version < 0 && strcmp(h->o.start_offset, "snapshot") == 0) {
        if (h->snapshot < 0) return;
        expect_snapshot(h, (int)h->snapshot, out);
        first = (int)h->snapshot + 1;
    }
    if (h->o.starting_version >= 0) first = (int)h->o.starting_version;
    for (int v = first; v < h->n_versions; v++) expect_commit(h, v, out);
}

/* ---- batches ---- */

static void reopen(history *h) {
    pli_error err = {0};
    pli__source_free(h->source);
    h->source = NULL;
    h->o.path = temp_path(h->dir, "table");
    if (pli__source_delta_new(h->env, &h->o, &h->source, &err) != PLI_OK) fail_msg("%s", err.message);
}

static void keep_planned(history *h, const json_t *offset) {
    PLI_AUTO(pli__buf_clear) pli__buf all = {0};
    size_t i;
    json_t *file;
    pli__buf_addz(&all, h->planned ? h->planned : "");
    json_array_foreach(json_object_get(offset, "files"), i, file) {
        const json_t *entry = json_array_get(json_object_get(offset, "file_entries"), i);
        const char *type = json_string_value(json_object_get(entry, "change_type"));
        const json_t *version = entry ? json_object_get(entry, "commit_version")
                                      : json_array_get(json_object_get(offset, "file_versions"), i);
        pli__buf_addf(&all, "%s@%lld%s ", strrchr(json_string_value(file), '/') + 1, json_integer_value(version),
                      !type          ? ""
                      : *type == 'i' ? "+"
                                     : "-");
    }
    free(h->planned);
    h->planned = pli__buf_take(&all);
}

static void check_limits(const history *h, const json_t *offset) {
    const size_t n = json_array_size(json_object_get(offset, "files"));
    int64_t bytes = 0;
    size_t i;
    json_t *info;
    if (h->o.read_change_feed) return; /* whole versions */
    assert_true(h->o.max_files == 0 || n <= (size_t)h->o.max_files);
    json_array_foreach(json_object_get(offset, "file_info"), i, info)
        bytes += json_integer_value(json_array_get(info, 0));
    assert_true(h->o.max_bytes == 0 || bytes <= h->o.max_bytes || n == 1);
}

/* Commits that were read wholly may be cleaned away, but never the snapshot's as long as pages of it are left, and not the newest. */
static void clean_log(history *h, const json_t *offset) {
    const bool initial = json_is_true(json_object_get(offset, "is_initial_snapshot")),
               complete = json_is_true(json_object_get(offset, "complete"));
    int64_t through = json_integer_value(json_object_get(offset, "version")) - !complete;
    if (initial || !chance(h, 20)) return;
    if (through > h->n_versions - 2) through = h->n_versions - 2;
    for (; h->cleaned <= through; h->cleaned++) {
        char name[80];
        snprintf(name, sizeof name, "table/_delta_log/%020lld.json", (long long)h->cleaned);
        unlink(temp_path(h->dir, name));
    }
}

static bool plan_batch(history *h) {
    pli_error err = {0};
    PLI_AUTO(pli__json_unref) json_t *offset = NULL, *stored = NULL, *body = json_object();
    bool won = false;
    if (pli__source_plan(h->source, h->cp, &offset, &err) != PLI_OK)
        fail_msg("seed %llu: %s: %s", (unsigned long long)h->seed, pli_status_name(err.code), err.message);
    if (!offset) return false;
    const int64_t n = pli__checkpoint_last_offset(h->cp) + 1;
    if (json_is_true(json_object_get(offset, "is_initial_snapshot")))
        h->snapshot = json_integer_value(json_object_get(offset, "version"));
    check_limits(h, offset);
    keep_planned(h, offset);
    assert_int_equal(pli__checkpoint_write_offset(h->cp, n, offset, &won, &stored, NULL, &err), PLI_OK);
    assert_int_equal(pli__checkpoint_write_commit(h->cp, n, body, &won, &err), PLI_OK);
    clean_log(h, offset);
    return true;
}

/* ---- a history ---- */

static void choose_options(history *h) {
    h->o = (pli__delta_options){.starting_version = -1, .ending_version = -1};
    h->o.start_offset = chance(h, 50) ? "snapshot" : "earliest";
    if (chance(h, 20)) h->o.starting_version = below(h, 5);
    h->o.max_files = chance(h, 60) ? 1 + below(h, 5) : 0;
    h->o.max_bytes = chance(h, 40) ? 1 + below(h, 120) : 0;
    switch (below(h, 4)) {
        case 0: h->o.read_change_feed = true; break;
        case 1: h->o.ignore_changes = true; break;
        case 2: h->o.skip_change_commits = true; break;
        default: break;
    }
}

static void run_history(history *h) {
    while (h->n_versions < VERSIONS) {
        for (int n = below(h, 3); n >= 0 && h->n_versions < VERSIONS; n--) new_commit(h);
        if (chance(h, 30)) reopen(h);
        for (int n = below(h, 4); n > 0; n--)
            if (!plan_batch(h)) break;
    }
    while (plan_batch(h)) continue;
}

static void one_history(void *dir, int number, uint64_t seed) {
    char name[32];
    PLI_AUTO(pli__free_ptr) history *h = calloc(1, sizeof *h);
    PLI_AUTO(pli__buf_clear) pli__buf expected = {0};
    pli_error err = {0};
    *h = (history){.seed = seed, .random = seed, .dir = dir, .snapshot = -1};
    assert_int_equal(pli_env_new(NULL, &h->env, &err), PLI_OK);
    choose_options(h);
    snprintf(name, sizeof name, "cp%d", number);
    const pli__checkpoint_options c = {.source_kind = "delta", .create = true, .relaxed = true};
    assert_int_equal(pli__checkpoint_open(temp_path(dir, name), &c, &h->cp, &err), PLI_OK);
    pli__fs_remove_tree(temp_path(dir, "table"), NULL);
    reopen(h);
    run_history(h);
    expect_all(h, &expected);
    if (strcmp(h->planned ? h->planned : "", expected.ptr ? expected.ptr : "") != 0)
        fail_msg("seed %llu:\nplanned  %s\nexpected %s", (unsigned long long)seed, h->planned, expected.ptr);
    assert_null(pli__env_engine_if_open(h->env));
    pli__source_free(h->source);
    pli__checkpoint_close(h->cp);
    pli_env_free(h->env);
    free(h->planned);
}

static void test_source_delta_model__batches_are_the_models(void **state) {
    const char *given = getenv("PLI_SEED"), *rounds = getenv("PLI_ROUNDS");
    uint64_t seed = given ? strtoull(given, NULL, 10) : 20240229;
    const int n = rounds ? (int)strtol(rounds, NULL, 10) : HISTORIES;
    for (int i = 0; i < n; i++, seed += 977) {
        one_history(*state, i, seed);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_source_delta_model__batches_are_the_models, temp_dir_setup,
                                        temp_dir_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
