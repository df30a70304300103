/*
 * What every store promises, run over each implementation, and then what each has of its own: durable files in a folder,
 * planted faults in memory.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
// cmocka wants the ones above
#include <cmocka.h>

#include "base/time.h"
#include "port/store_memory.h"
#include "support/alloc_fault.h"
#include "support/temp_dir.h"

/* A fresh store of each kind for a test. The folder does not exist yet. */
typedef struct {
    const char *name;
    pli_status (*open)(void *folder, pli__store **out);
} kind;

static pli_status open_local(void *folder, pli__store **out) {
    return pli__store_local_open(temp_path(folder, "store"), out, NULL);
}

static pli_status open_memory(void *folder, pli__store **out) {
    (void)folder;
    return pli__store_memory_new(out, NULL);
}

static const kind kinds[] = {{"local", open_local}, {"memory", open_memory}};

#define EACH_STORE(s)                                                                                                  \
    for (size_t k_ = 0; k_ < sizeof kinds / sizeof kinds[0]; k_++)                                                     \
        for (pli__store *s = open_kind(k_, *state); s; s = close_kind(s, *state))

static pli__store *open_kind(size_t k, void *folder) {
    pli__store *s = NULL;
    assert_int_equal(kinds[k].open(folder, &s), PLI_OK);
    assert_string_equal(s->ops->name, kinds[k].name);
    return s;
}

static pli__store *close_kind(pli__store *s, void *folder) {
    pli__store_free(s);
    assert_int_equal(pli__fs_remove_tree(temp_path(folder, "store"), NULL), PLI_OK);
    return NULL;
}

static void put(pli__store *s, const char *key, const char *text) {
    pli_error err;
    if (pli__store_put_if_absent(s, key, pli__str_of(text), 0, &err) != PLI_OK) fail_msg("%s", err.message);
}

static void assert_holds(pli__store *s, const char *key, const char *want) {
    PLI_AUTO(pli__buf_clear) pli__buf b = {0};
    const pli_status status = pli__store_get(s, key, 1000, &b, NULL);
    assert_int_equal(status, want ? PLI_OK : PLI_E_NOT_FOUND);
    if (want) assert_true(pli__str_eqz(pli__buf_str(&b), want));
}

static void test_store__gives_back_what_was_put(void **state) {
    EACH_STORE(s) {
        assert_holds(s, "offsets/7.json", NULL); /* and no folder */
        put(s, "offsets/7.json", "{}");
        put(s, "metadata.json", "");
        put(s, "a/b/c/d", "deep");
        assert_holds(s, "offsets/7.json", "{}");
        assert_holds(s, "metadata.json", "");
        assert_holds(s, "a/b/c/d", "deep");
        assert_holds(s, "offsets/8.json", NULL);
        assert_holds(s, "offsets", NULL); /* a folder is no record */
    }
}

static void test_store__get_appends_and_keeps_to_the_limit(void **state) {
    EACH_STORE(s) {
        PLI_AUTO(pli__buf_clear) pli__buf b = {0};
        pli_error err;
        put(s, "k", "12345");
        pli__buf_addz(&b, "before ");
        assert_int_equal(pli__store_get(s, "k", 4, &b, &err), PLI_E_LIMIT);
        assert_string_equal(b.ptr, "before ");
        assert_int_equal(pli__store_get(s, "k", 5, &b, &err), PLI_OK);
        assert_string_equal(b.ptr, "before 12345");
    }
}

static void test_store__holds_any_bytes(void **state) {
    EACH_STORE(s) {
        PLI_AUTO(pli__buf_clear) pli__buf b = {0};
        assert_int_equal(pli__store_put_if_absent(s, "bin", PLI_STR("a\0b\n\xff"), 0, NULL), PLI_OK);
        assert_int_equal(pli__store_get(s, "bin", 100, &b, NULL), PLI_OK);
        assert_true(pli__str_eq(pli__buf_str(&b), PLI_STR("a\0b\n\xff")));
        assert_int_equal(pli__store_put_if_absent(s, "none", (pli__str){NULL, 0}, 0, NULL), PLI_OK);
        assert_holds(s, "none", "");
    }
}

static void test_store__put_never_replaces(void **state) {
    EACH_STORE(s) {
        pli_error err;
        put(s, "commits/0.json", "first");
        assert_int_equal(pli__store_put_if_absent(s, "commits/0.json", PLI_STR("second"), 0, &err), PLI_E_EXISTS);
        assert_true(err.flags & PLI_ERR_CONFLICT);
        assert_int_equal(err.code, PLI_E_EXISTS);
        assert_int_equal(pli__store_put_if_absent(s, "commits/0.json", PLI_STR("3"), PLI__STORE_RELAXED, &err),
                         PLI_E_EXISTS);
        assert_holds(s, "commits/0.json", "first");
    }
}

static void test_store__replace_makes_or_replaces(void **state) {
    EACH_STORE(s) {
        assert_int_equal(pli__store_replace(s, "d/metadata.json", PLI_STR("one"), 0, NULL), PLI_OK);
        assert_int_equal(pli__store_replace(s, "d/metadata.json", PLI_STR("2"), 0, NULL), PLI_OK);
        assert_holds(s, "d/metadata.json", "2");
        assert_int_equal(pli__store_replace(s, "d/metadata.json", PLI_STR("three"), PLI__STORE_RELAXED, NULL), PLI_OK);
        assert_holds(s, "d/metadata.json", "three");
    }
}

static void test_store__removes_and_does_not_mind_absence(void **state) {
    EACH_STORE(s) {
        put(s, "d/k", "x");
        assert_int_equal(pli__store_remove(s, "d/k", NULL), PLI_OK);
        assert_int_equal(pli__store_remove(s, "d/k", NULL), PLI_OK);
        assert_int_equal(pli__store_remove(s, "never/was", NULL), PLI_OK);
        assert_holds(s, "d/k", NULL);
        put(s, "d/k", "again");
        assert_holds(s, "d/k", "again");
    }
}

static void test_store__stat_tells_size_and_time(void **state) {
    EACH_STORE(s) {
        pli__file_info info;
        const int64_t before = pli__clock_now_us(NULL);
        put(s, "d/k", "12345");
        assert_int_equal(pli__store_stat(s, "d/k", &info, NULL), PLI_OK);
        assert_int_equal(info.kind, PLI__FILE_REGULAR);
        assert_int_equal(info.size, 5);
        assert_true(info.mtime_ns / 1000 > before - 5000000 && info.mtime_ns / 1000 < before + 60000000);
        const uint64_t inode = info.inode;
        assert_int_equal(pli__store_replace(s, "d/k", PLI_STR("1"), 0, NULL), PLI_OK);
        assert_int_equal(pli__store_stat(s, "d/k", &info, NULL), PLI_OK);
        assert_int_equal(info.size, 1);
        assert_true(info.inode != inode);
        assert_int_equal(pli__store_stat(s, "d/absent", &info, NULL), PLI_OK);
        assert_int_equal(info.kind, PLI__FILE_NONE);
        info.kind = PLI__FILE_OTHER;
        assert_int_equal(pli__store_stat(s, "d", &info, NULL), PLI_OK);
        assert_int_equal(info.kind, PLI__FILE_NONE);
    }
}

typedef struct {
    char text[1000];
    bool with_info;
    unsigned stop_after;
    pli__store *also_put; /* a record is put into it at each call */
} listing;

static pli_status list_one(void *arg, const pli__store_entry *e, pli_error *err) {
    listing *l = arg;
    char line[100];
    const size_t used = strlen(l->text);
    if (l->with_info) {
        assert_true(e->mtime_us > INT64_C(1600000000000000));
        snprintf(l->text + used, sizeof l->text - used, "%s=%lld ", e->name, (long long)e->size);
    } else {
        assert_true(e->size == -1 && e->mtime_us == -1);
        snprintf(l->text + used, sizeof l->text - used, "%s ", e->name);
    }
    if (l->also_put) {
        snprintf(line, sizeof line, "d/added-%s", e->name);
        put(l->also_put, line, "x");
    }
    return l->stop_after && --l->stop_after == 0 ? pli__error_set(err, PLI_E_CANCELLED, "enough") : PLI_OK;
}

static void assert_list(pli__store *s, const char *dir, const char *from, const char *want) {
    listing l = {.text = ""};
    pli_error err;
    if (pli__store_list(s, dir, from, false, list_one, &l, &err) != PLI_OK) fail_msg("%s", err.message);
    assert_string_equal(l.text, want);
}

static void test_store__lists_in_byte_order_from_a_name(void **state) {
    EACH_STORE(s) {
        static const char *const keys[] = {"10.json", "2.json", "1.json", "B", "a", "a.b", "a-b", "\xc3\xa4", "z"};
        char key[64];
        for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
            snprintf(key, sizeof key, "d/%s", keys[i]);
            put(s, key, "x");
        }
        assert_list(s, "d", NULL, "1.json 10.json 2.json B a a-b a.b z \xc3\xa4 ");
        assert_list(s, "d", "", "1.json 10.json 2.json B a a-b a.b z \xc3\xa4 ");
        assert_list(s, "d", "2.json", "2.json B a a-b a.b z \xc3\xa4 ");
        assert_list(s, "d", "a-", "a-b a.b z \xc3\xa4 ");
        assert_list(s, "d", "\xff", "");
    }
}

static void test_store__lists_only_records_of_the_folder_itself(void **state) {
    EACH_STORE(s) {
        put(s, "top", "1");
        put(s, "d/one", "1");
        put(s, "d/.hidden", "1");
        put(s, "d/sub/two", "1");
        put(s, "dd/three", "1");
        assert_list(s, "", NULL, "top ");
        assert_list(s, "d", NULL, "one ");
        assert_list(s, "d/sub", NULL, "two ");
        assert_list(s, "absent", NULL, "");
        assert_list(s, "absent/too", NULL, "");
        assert_list(s, "top", NULL, ""); /* a record is no folder */
        assert_holds(s, "d/.hidden", "1"); /* hidden from lists alone */
    }
}

static void test_store__an_empty_store_lists_nothing(void **state) {
    EACH_STORE(s) {
        assert_list(s, "", NULL, "");
        put(s, "k", "x");
        assert_int_equal(pli__store_remove(s, "k", NULL), PLI_OK);
        assert_list(s, "", NULL, "");
    }
}

static void test_store__lists_with_sizes_and_stops_when_told(void **state) {
    EACH_STORE(s) {
        listing l = {.text = "", .with_info = true};
        put(s, "d/a", "1");
        put(s, "d/b", "22");
        put(s, "d/c", "");
        assert_int_equal(pli__store_list(s, "d", NULL, true, list_one, &l, NULL), PLI_OK);
        assert_string_equal(l.text, "a=1 b=2 c=0 ");
        l = (listing){.text = "", .stop_after = 2};
        pli_error err;
        assert_int_equal(pli__store_list(s, "d", NULL, false, list_one, &l, &err), PLI_E_CANCELLED);
        assert_string_equal(l.text, "a b ");
    }
}

static void test_store__may_be_changed_while_it_is_listed(void **state) {
    EACH_STORE(s) {
        listing l = {.text = "", .also_put = s};
        put(s, "d/b", "x");
        put(s, "d/c", "x");
        assert_int_equal(pli__store_list(s, "d", NULL, false, list_one, &l, NULL), PLI_OK);
        assert_string_equal(l.text, "b c ");
        assert_list(s, "d", NULL, "added-b added-c b c ");
    }
}

static void test_store__refuses_keys_that_lead_elsewhere(void **state) {
    static const char *const bad[] = {"",     "/",      "/abs", "a/",  "a//b", ".", "..",
                                      "../x", "a/../b", "a/.",  "./a", "a/..", NULL};
    char large[1100];
    memset(large, 'x', sizeof large);
    large[sizeof large - 1] = 0;
    EACH_STORE(s) {
        pli__file_info info;
        pli__buf b = {0};
        for (size_t i = 0; i <= sizeof bad / sizeof bad[0]; i++) {
            const char *key = i < sizeof bad / sizeof bad[0] ? bad[i] : large;
            assert_int_equal(pli__store_get(s, key, 10, &b, NULL), PLI_E_ARGUMENT);
            assert_int_equal(pli__store_put_if_absent(s, key, PLI_STR("x"), 0, NULL), PLI_E_ARGUMENT);
            assert_int_equal(pli__store_replace(s, key, PLI_STR("x"), 0, NULL), PLI_E_ARGUMENT);
            assert_int_equal(pli__store_stat(s, key, &info, NULL), PLI_E_ARGUMENT);
            assert_int_equal(pli__store_remove(s, key, NULL), PLI_E_ARGUMENT);
            if (key && *key) assert_int_equal(pli__store_list(s, key, NULL, false, list_one, &b, NULL), PLI_E_ARGUMENT);
        }
        assert_int_equal(pli__store_put_if_absent(s, "k", PLI_STR("x"), 64, NULL), PLI_E_ARGUMENT);
        assert_int_equal(pli__store_list(s, "", NULL, false, NULL, NULL, NULL), PLI_E_ARGUMENT);
        put(s, "a..b/..c/...", "fine");
        assert_holds(s, "a..b/..c/...", "fine");
    }
    assert_int_equal(pli__store_remove(NULL, "k", NULL), PLI_E_ARGUMENT);
    assert_null(pli__store_local_path(NULL));
    pli__store_free(NULL);
}

enum { RACERS = 6, RACES = 40 };

typedef struct {
    pli__store *store;
    char name;
    atomic_uint *won, *failed;
} racer;

static void *race(void *arg) {
    const racer *r = arg;
    for (int i = 0; i < RACES; i++) {
        char key[32];
        snprintf(key, sizeof key, "commits/%d", i);
        const pli_status status = pli__store_put_if_absent(r->store, key, (pli__str){&r->name, 1}, PLI__STORE_RELAXED,
                                                           NULL);
        if (status == PLI_OK) atomic_fetch_add(r->won, 1);
        else if (status != PLI_E_EXISTS) atomic_fetch_add(r->failed, 1);
    }
    return NULL;
}

static void test_store__one_of_many_puts_wins(void **state) {
    EACH_STORE(s) {
        atomic_uint won = 0, failed = 0;
        pthread_t threads[RACERS];
        racer racers[RACERS];
        for (int i = 0; i < RACERS; i++) {
            racers[i] = (racer){s, (char)('A' + i), &won, &failed};
            assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
        }
        for (int i = 0; i < RACERS; i++) pthread_join(threads[i], NULL);
        assert_int_equal(won, RACES);
        assert_int_equal(failed, 0);
    }
}

static void test_store__survives_every_allocation_that_fails(void **state) {
    EACH_STORE(s) {
        put(s, "d/warm", "x");
        ALLOC_FAULT_EACH(n) {
            listing l = {.text = ""};
            alloc_fault_arm(n);
            pli_status status = pli__store_replace(s, "d/k", PLI_STR("value"), PLI__STORE_RELAXED, NULL);
            if (status == PLI_OK) status = pli__store_list(s, "d", NULL, false, list_one, &l, NULL);
            if (status == PLI_OK) status = pli__store_remove(s, "d/k", NULL);
            alloc_fault_disarm();
            assert_int_equal(status, alloc_fault_struck() ? PLI_E_MEMORY : PLI_OK);
        }
        assert_holds(s, "d/warm", "x");
    }
}

/* ---- the folder ---- */

static void test_store_local__is_a_folder_of_files(void **state) {
    PLI_AUTO(pli__store_auto) pli__store *s = open_kind(0, *state);
    assert_string_equal(pli__store_local_path(s), temp_path(*state, "store"));
    assert_int_equal(temp_count(*state, ""), 0); /* opening makes nothing */
    put(s, "offsets/0.json", "{}");
    assert_string_equal(temp_read(*state, "store/offsets/0.json"), "{}");
    assert_int_equal(temp_count(*state, "store/offsets"), 1);
    assert_int_equal(pli__store_local_open("", &(pli__store *){NULL}, NULL), PLI_E_ARGUMENT);
}

static void test_store_local__ignores_what_is_not_a_record(void **state) {
    PLI_AUTO(pli__store_auto) pli__store *s = open_kind(0, *state);
    put(s, "d/real", "x");
    temp_write(*state, "store/d/.real.1234.tmp", "left by a kill");
    temp_mkdir(*state, "store/d/folder");
    temp_write(*state, "elsewhere/target", "linked");
    assert_int_equal(symlink("../../elsewhere/target", temp_path(*state, "store/d/link")), 0);
    assert_int_equal(symlink("../../elsewhere", temp_path(*state, "store/d/link_to_folder")), 0);
    assert_int_equal(symlink("nowhere", temp_path(*state, "store/d/dangling")), 0);
    assert_int_equal(mkfifo(temp_path(*state, "store/d/fifo"), 0600), 0);
    assert_list(s, "d", NULL, "link real ");
}

static void test_store_local__a_file_in_place_of_a_folder_is_named(void **state) {
    PLI_AUTO(pli__store_auto) pli__store *s = open_kind(0, *state);
    pli_error err;
    put(s, "d", "a record");
    assert_int_equal(pli__store_put_if_absent(s, "d/k", PLI_STR("x"), 0, &err), PLI_E_EXISTS);
    assert_non_null(strstr(err.message, "store/d'"));
    assert_int_equal(pli__store_remove(s, "d/k", &err), PLI_OK);
    assert_holds(s, "d", "a record");
}

/* ---- memory ---- */

static void test_store_memory__planted_faults_strike_the_nth_call_that_fits(void **state) {
    PLI_AUTO(pli__store_auto) pli__store *s = open_kind(1, *state);
    pli_error err;
    assert_int_equal(
        pli__store_memory_plant(
            s, &(pli__store_fault){.op = PLI__STORE_PUT, .key_part = "commits/", .nth = 2, .status = PLI_E_DISK_FULL},
            NULL),
        PLI_OK);
    put(s, "commits/0", "x");
    put(s, "offsets/1", "x"); /* does not fit */
    assert_int_equal(pli__store_put_if_absent(s, "commits/1", PLI_STR("x"), 0, &err), PLI_E_DISK_FULL);
    assert_holds(s, "commits/1", NULL);
    put(s, "commits/1", "x"); /* struck once */
    assert_int_equal(pli__store_memory_calls(s, PLI__STORE_PUT), 4);
    assert_int_equal(pli__store_memory_calls(s, PLI__STORE_ANY), 5);
    assert_int_equal(pli__store_memory_calls(s, PLI__STORE_LIST), 0);
}

static void test_store_memory__an_answer_can_be_lost(void **state) {
    PLI_AUTO(pli__store_auto) pli__store *s = open_kind(1, *state);
    pli_error err;
    const pli__store_fault lost = {.op = PLI__STORE_ANY, .status = PLI_E_UNKNOWN, .took_effect = true};
    assert_int_equal(pli__store_memory_plant(s, &lost, NULL), PLI_OK);
    assert_int_equal(pli__store_put_if_absent(s, "k", PLI_STR("x"), 0, &err), PLI_E_UNKNOWN);
    assert_true(err.flags & PLI_ERR_RETRIABLE);
    assert_holds(s, "k", "x");
    assert_int_equal(pli__store_memory_plant(s, &lost, NULL), PLI_OK);
    assert_int_equal(pli__store_put_if_absent(s, "k", PLI_STR("y"), 0, &err), PLI_E_EXISTS); /* it lost against x */
    assert_int_equal(pli__store_memory_plant(s, &lost, NULL), PLI_OK);
    assert_int_equal(pli__store_remove(s, "k", &err), PLI_E_UNKNOWN);
    assert_holds(s, "k", NULL);
}

static void test_store_memory__faults_can_stay_and_be_healed(void **state) {
    PLI_AUTO(pli__store_auto) pli__store *s = open_kind(1, *state);
    pli__buf b = {0};
    pli__file_info info;
    listing l = {.text = ""};
    put(s, "k", "x");
    assert_int_equal(
        pli__store_memory_plant(s, &(pli__store_fault){.nth = 2, .status = PLI_E_IO, .repeat = true}, NULL), PLI_OK);
    assert_holds(s, "k", "x");
    assert_int_equal(pli__store_get(s, "k", 10, &b, NULL), PLI_E_IO);
    assert_int_equal(pli__store_stat(s, "k", &info, NULL), PLI_E_IO);
    assert_int_equal(pli__store_list(s, "", NULL, false, list_one, &l, NULL), PLI_E_IO);
    assert_int_equal(pli__store_replace(s, "k", PLI_STR("y"), 0, NULL), PLI_E_IO);
    assert_int_equal(pli__store_remove(s, "k", NULL), PLI_E_IO);
    pli__store_memory_heal(s);
    assert_holds(s, "k", "x");
}

static void test_store_memory__refuses_wrong_faults(void **state) {
    PLI_AUTO(pli__store_auto) pli__store *s = open_kind(1, *state);
    PLI_AUTO(pli__store_auto) pli__store *local = open_kind(0, *state);
    const pli__store_fault good = {.status = PLI_E_IO}, bad = {.status = PLI_OK};
    assert_int_equal(pli__store_memory_plant(s, &bad, NULL), PLI_E_ARGUMENT);
    assert_int_equal(pli__store_memory_plant(local, &good, NULL), PLI_E_ARGUMENT);
    for (int i = 0; i < 32; i++) assert_int_equal(pli__store_memory_plant(s, &good, NULL), PLI_OK);
    assert_int_equal(pli__store_memory_plant(s, &good, NULL), PLI_E_STATE);
    assert_int_equal(pli__store_memory_calls(local, PLI__STORE_ANY), 0);
    pli__store_memory_heal(local);
    pli__store_memory_hook(local, NULL, NULL);
    assert_null(pli__store_local_path(s));
}

static void put_first(void *arg, pli__store_op op, const char *key) {
    pli__store *s = arg;
    if (op == PLI__STORE_PUT && strcmp(key, "commits/0") == 0) put(s, "commits/0", "the other writer");
}

static void test_store_memory__a_hook_plays_the_other_writer(void **state) {
    PLI_AUTO(pli__store_auto) pli__store *s = open_kind(1, *state);
    pli__store_memory_hook(s, put_first, s);
    put(s, "offsets/0", "x");
    assert_int_equal(pli__store_put_if_absent(s, "commits/0", PLI_STR("ours"), 0, NULL), PLI_E_EXISTS);
    assert_holds(s, "commits/0", "the other writer");
    pli__store_memory_hook(s, NULL, NULL);
    put(s, "commits/1", "ours");
}

static void test_store_memory__times_can_be_set(void **state) {
    PLI_AUTO(pli__store_auto) pli__store *s = open_kind(1, *state);
    pli__file_info info;
    put(s, "k", "x");
    assert_int_equal(pli__store_memory_touch(s, "k", 1234, NULL), PLI_OK);
    assert_int_equal(pli__store_stat(s, "k", &info, NULL), PLI_OK);
    assert_int_equal(info.mtime_ns, 1234000);
    assert_int_equal(pli__store_memory_touch(s, "absent", 1, NULL), PLI_E_NOT_FOUND);
}

#define IN_FOLDER(f) cmocka_unit_test_setup_teardown(f, temp_dir_setup, temp_dir_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_FOLDER(test_store__gives_back_what_was_put),
        IN_FOLDER(test_store__get_appends_and_keeps_to_the_limit),
        IN_FOLDER(test_store__holds_any_bytes),
        IN_FOLDER(test_store__put_never_replaces),
        IN_FOLDER(test_store__replace_makes_or_replaces),
        IN_FOLDER(test_store__removes_and_does_not_mind_absence),
        IN_FOLDER(test_store__stat_tells_size_and_time),
        IN_FOLDER(test_store__lists_in_byte_order_from_a_name),
        IN_FOLDER(test_store__lists_only_records_of_the_folder_itself),
        IN_FOLDER(test_store__an_empty_store_lists_nothing),
        IN_FOLDER(test_store__lists_with_sizes_and_stops_when_told),
        IN_FOLDER(test_store__may_be_changed_while_it_is_listed),
        IN_FOLDER(test_store__refuses_keys_that_lead_elsewhere),
        IN_FOLDER(test_store__one_of_many_puts_wins),
        IN_FOLDER(test_store__survives_every_allocation_that_fails),
        IN_FOLDER(test_store_local__is_a_folder_of_files),
        IN_FOLDER(test_store_local__ignores_what_is_not_a_record),
        IN_FOLDER(test_store_local__a_file_in_place_of_a_folder_is_named),
        IN_FOLDER(test_store_memory__planted_faults_strike_the_nth_call_that_fits),
        IN_FOLDER(test_store_memory__an_answer_can_be_lost),
        IN_FOLDER(test_store_memory__faults_can_stay_and_be_healed),
        IN_FOLDER(test_store_memory__refuses_wrong_faults),
        IN_FOLDER(test_store_memory__a_hook_plays_the_other_writer),
        IN_FOLDER(test_store_memory__times_can_be_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
