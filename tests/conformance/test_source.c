/*
 * What every source promises, whatever its kind. A kind takes part by a maker: a source over folder with n inputs, and a way to
 * add one. Sources whose implementation needs the engine only to read rows are tested here without it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/json.h"
#include "source/source_delta.h"
#include "source/source_files.h"
#include "source/source_memory.h"
#include "support/delta_job.h"
#include "support/temp_dir.h"

static pli_error err;
static pli_env *env;

typedef struct kind {
    const char *name;
    void (*add)(pli__source *s, void **state, int i);
    pli__source *(*make)(void **state, int64_t limit);
    void (*change)(pli__source *s, void **state, int i);
} kind;

/* ---- memory ---- */

static void memory_add(pli__source *s, void **state, int i) {
    char name[32];
    (void)state;
    snprintf(name, sizeof name, "f%03d", i);
    assert_int_equal(pli__source_memory_add(s, name, "SELECT 1 AS id", NULL, &err), PLI_OK);
}

static pli__source *memory_make(void **state, int64_t limit) {
    pli__source *s = NULL;
    (void)state;
    assert_int_equal(pli__source_memory_new(&s, &err), PLI_OK);
    pli__source_memory_limit(s, limit);
    return s;
}

static void memory_change(pli__source *s, void **state, int i) {
    char name[32];
    (void)state;
    snprintf(name, sizeof name, "f%03d", i);
    pli__source_memory_touch(s, name);
}

/* ---- files ---- */

static void files_add(pli__source *s, void **state, int i) {
    (void)s;
    delta_job_add_file(temp_dir(*state), i);
}

static pli__source *files_make(void **state, int64_t limit) {
    pli__source *s = NULL;
    char path[300];
    snprintf(path, sizeof path, "%s/in", temp_dir(*state));
    pli__files_options o = {.path = path, .format = "csv", .max_files = limit, .allow_missing = true};
    if (pli__source_files_new(env, &o, &s, &err) != PLI_OK) fail_msg("%s", err.message);
    return s;
}

static void files_change(pli__source *s, void **state, int i) {
    char name[64];
    (void)s;
    snprintf(name, sizeof name, "in/f%03d.csv", i);
    temp_write(*state, name, "id,name\n1,changed\n");
}

/* ---- Delta: one commit for each input ---- */

static void delta_add(pli__source *s, void **state, int i) {
    char name[64], lines[200];
    (void)s;
    const size_t version = temp_count(*state, "table/_delta_log");
    snprintf(name, sizeof name, "table/f%03d.parquet", i);
    temp_write(*state, name, "never read");
    snprintf(name, sizeof name, "table/_delta_log/%020zu.json", version);
    snprintf(lines, sizeof lines, "%s{\"add\":{\"path\":\"f%03d.parquet\",\"size\":10}}\n",
             version ? "" : "{\"metaData\":{\"id\":\"t\"}}\n", i);
    temp_write(*state, name, lines);
}

static pli__source *delta_make(void **state, int64_t limit) {
    pli__source *s = NULL;
    temp_mkdir(*state, "table/_delta_log");
    const pli__delta_options o = {.path = temp_path(*state, "table"),
                                  .start_offset = "earliest",
                                  .starting_version = -1,
                                  .ending_version = -1,
                                  .max_files = limit};
    if (pli__source_delta_new(env, &o, &s, &err) != PLI_OK) fail_msg("%s", err.message);
    return s;
}

static void delta_change(pli__source *s, void **state, int i) {
    char name[64];
    (void)s;
    snprintf(name, sizeof name, "table/f%03d.parquet", i);
    assert_int_equal(remove(temp_path(*state, name)), 0);
}

static const kind kinds[] = {{"memory", memory_add, memory_make, memory_change},
                             {"files", files_add, files_make, files_change},
                             {"delta", delta_add, delta_make, delta_change}};

/* ---- what they promise ---- */

static pli__checkpoint *open_checkpoint(void **state, const kind *k) {
    pli__checkpoint_options o = {.source_kind = k->name, .create = true, .take_lock = true};
    pli__checkpoint *cp = NULL;
    if (pli__checkpoint_open(temp_path(*state, "cp"), &o, &cp, &err) != PLI_OK) fail_msg("%s", err.message);
    return cp;
}

static json_t *plan(pli__source *s, pli__checkpoint *cp) {
    json_t *offset = NULL;
    if (pli__source_plan(s, cp, &offset, &err) != PLI_OK) fail_msg("%s", err.message);
    return offset;
}

static size_t count(const json_t *offset) { return json_array_size(json_object_get(offset, "files")); }

static void store(pli__checkpoint *cp, int64_t n, json_t *take_offset, bool commit) {
    json_t *stored = NULL, *body = json_object();
    char sha[65];
    bool won = false;
    assert_int_equal(pli__checkpoint_write_offset(cp, n, take_offset, &won, &stored, sha, &err), PLI_OK);
    if (commit) assert_int_equal(pli__checkpoint_write_commit(cp, n, body, &won, &err), PLI_OK);
    json_decref(take_offset);
    json_decref(stored);
    json_decref(body);
}

static void each_kind(void **state, int files, int64_t limit,
                      void (*test)(void **, const kind *, pli__source *, pli__checkpoint *)) {
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        void *sub = NULL;
        temp_dir_setup(&sub);
        temp_mkdir(sub, "in");
        pli__source *s = kinds[i].make(&sub, limit);
        for (int k = 0; k < files; k++) kinds[i].add(s, &sub, k);
        pli__checkpoint *cp = open_checkpoint(&sub, &kinds[i]);
        test(&sub, &kinds[i], s, cp);
        pli__source_free(s);
        pli__checkpoint_close(cp);
        temp_dir_teardown(&sub);
    }
    (void)state;
}

static void plans_once(void **state, const kind *k, pli__source *s, pli__checkpoint *cp) {
    for (int n = 0; n < 3; n++) {
        json_t *offset = plan(s, cp);
        assert_int_equal(count(offset), n < 2 ? 2 : 1);
        store(cp, n, offset, true);
    }
    assert_null(plan(s, cp));
    k->add(s, state, 9);
    json_t *offset = plan(s, cp);
    assert_int_equal(count(offset), 1);
    assert_non_null(strstr(json_string_value(json_array_get(json_object_get(offset, "files"), 0)), "f009"));
    json_decref(offset);
}

static void is_a_function_of_the_checkpoint(void **state, const kind *k, pli__source *s, pli__checkpoint *cp) {
    json_t *a = plan(s, cp), *b = plan(s, cp);
    assert_true(json_equal(a, b)); /* planning alone changes nothing */
    store(cp, 0, a, false);
    json_decref(b);
    json_t *c = plan(s, cp); /* what is planned is taken, committed or not */
    pli__source *fresh = k->make(state, 2);
    if (strcmp(k->name, "memory") == 0)
        for (int i = 0; i < 5; i++) k->add(fresh, state, i);
    json_t *d = plan(fresh, cp);
    assert_true(json_equal(c, d)); /* a new object knows as much */
    pli__source_free(fresh);
    json_decref(c);
    json_decref(d);
}

static void keeps_its_bound(void **state, const kind *k, pli__source *s, pli__checkpoint *cp) {
    assert_int_equal(pli__source_bound(s, cp, true, &err), PLI_OK);
    json_t *offset = plan(s, cp);
    assert_int_equal(count(offset), 2);
    store(cp, 0, offset, true);
    k->add(s, state, 8);
    assert_null(plan(s, cp));
    assert_int_equal(pli__source_bound(s, cp, false, &err), PLI_OK);
    offset = plan(s, cp);
    assert_int_equal(count(offset), 1);
    json_decref(offset);
}

static void rechecks(void **state, const kind *k, pli__source *s, pli__checkpoint *cp) {
    json_t *offset = plan(s, cp);
    assert_int_equal(pli__source_recheck(s, offset, &err), PLI_OK);
    k->change(s, state, 0);
    assert_int_equal(pli__source_recheck(s, offset, &err), PLI_E_FILE_CHANGED);
    assert_true(err.flags & PLI_ERR_RETRIABLE);
    assert_non_null(strstr(err.message, "f000"));
    json_decref(offset);
}

static void counts_what_waits(void **state, const kind *k, pli__source *s, pli__checkpoint *cp) {
    (void)state, (void)k;
    for (int round = 0; round < 2; round++) {
        json_t *into = json_object();
        assert_int_equal(pli__source_backlog(s, cp, into, &err), PLI_OK);
        assert_int_equal(json_integer_value(json_object_get(into, "filesWaiting")), round ? 3 : 5);
        json_decref(into);
        if (!round) store(cp, 0, plan(s, cp), true);
    }
}

static void refuses_damage(void **state, const kind *k, pli__source *s, pli__checkpoint *cp) {
    (void)k;
    store(cp, 0, plan(s, cp), true);
    store(cp, 1, plan(s, cp), true);
    remove(temp_path(*state, "cp/offsets/0.json"));
    assert_int_equal(pli__checkpoint_refresh(cp, &err), PLI_OK);
    int64_t n = 0;
    assert_int_equal(pli__checkpoint_pending(cp, &n, &err), PLI_E_CORRUPT);
}

static void test_source__every_input_is_planned_once(void **state) { each_kind(state, 5, 2, plans_once); }
static void test_source__a_plan_follows_from_the_checkpoint(void **state) {
    each_kind(state, 5, 2, is_a_function_of_the_checkpoint);
}
static void test_source__a_bound_keeps_later_inputs_out(void **state) { each_kind(state, 2, 10, keeps_its_bound); }
static void test_source__changed_inputs_are_named(void **state) { each_kind(state, 2, 10, rechecks); }
static void test_source__the_backlog_is_counted(void **state) { each_kind(state, 5, 2, counts_what_waits); }
static void test_source__damage_stops_planning(void **state) { each_kind(state, 5, 2, refuses_damage); }

static int open_env(void **state) {
    (void)state;
    return pli_env_new(NULL, &env, &err) == PLI_OK ? 0 : -1;
}

static int close_env(void **state) {
    (void)state;
    pli_env_free(env);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_source__every_input_is_planned_once),
        cmocka_unit_test(test_source__a_plan_follows_from_the_checkpoint),
        cmocka_unit_test(test_source__a_bound_keeps_later_inputs_out),
        cmocka_unit_test(test_source__changed_inputs_are_named),
        cmocka_unit_test(test_source__the_backlog_is_counted),
        cmocka_unit_test(test_source__damage_stops_planning),
    };
    return cmocka_run_group_tests(tests, open_env, close_env);
}
