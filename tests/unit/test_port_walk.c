/* The folder walk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
// cmocka wants the ones above
#include <cmocka.h>

#include "port/walk.h"
#include "support/alloc_fault.h"
#include "support/temp_dir.h"

enum { LINES_MAX = 400 };

/* What a walk saw, as lines: ">rel" enter, "<rel" leave, "f rel/name" and so on for entries. */
typedef struct {
    char *lines[LINES_MAX];
    size_t n;
    void *folder;
    const char *prune, *known, *shallow; /* folders that are treated so */
    const char *const *names;            /* of the known folder */
    const char *remove;                  /* folder to remove when the root has been listed */
    const char *stop_at;                 /* entry that ends the walk */
} record;

static void note(record *r, const char *what, const char *dir, const char *name) {
    char line[4200];
    snprintf(line, sizeof line, "%s%s%s%s", what, dir, *dir && *name ? "/" : "", name);
    assert_true(r->n < LINES_MAX);
    r->lines[r->n++] = strdup(line);
}

static bool is(const char *a, const char *b) { return a && strcmp(a, b) == 0; }

static pli_status enter(void *arg, pli__walk *w, const pli__walk_dir *dir, pli__walk_verdict *verdict, pli_error *err) {
    record *r = arg;
    note(r, ">", dir->rel, "");
    assert_true(dir->inode != 0 && dir->mtime_ns > 0 && dir->ctime_ns > 0);
    if (is(r->prune, dir->rel)) *verdict = PLI__WALK_PRUNE;
    if (is(r->known, dir->rel)) {
        *verdict = PLI__WALK_KNOWN;
        for (const char *const *name = r->names; *name; name++) PLI_TRY(pli__walk_descend(w, *name, err));
    }
    return PLI_OK;
}

static pli_status see(void *arg, pli__walk *w, const pli__walk_dir *dir, const pli__dir_entry *e, bool *descend,
                      pli_error *err) {
    record *r = arg;
    pli__file_info info;
    PLI_TRY(pli__walk_stat(w, e->name, &info, err));
    const char *kind = e->kind == PLI__FILE_DIR ? "d " : e->kind == PLI__FILE_LINK ? "l " : "f ";
    if (e->kind == PLI__FILE_LINK && info.kind == PLI__FILE_NONE) kind = "? ";
    note(r, kind, dir->rel, e->name);
    if (is(r->stop_at, e->name)) return pli__error_set(err, PLI_E_CANCELLED, "stop");
    if (is(r->shallow, e->name)) *descend = false;
    return PLI_OK;
}

static pli_status leave(void *arg, pli__walk *w, const pli__walk_dir *dir, pli_error *err) {
    record *r = arg;
    (void)w;
    note(r, "<", dir->rel, "");
    if (r->remove && !*dir->rel) return pli__fs_remove_tree(temp_path(r->folder, r->remove), err);
    return PLI_OK;
}

static const pli__walk_ops all_ops = {enter, see, leave};

static int compare(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

/* The lines, sorted and joined by blanks. */
static void assert_seen(record *r, const char *want) {
    PLI_AUTO(pli__buf_clear) pli__buf got = {0};
    if (r->n) qsort(r->lines, r->n, sizeof r->lines[0], compare);
    for (size_t i = 0; i < r->n; i++) {
        pli__buf_addf(&got, "%s%s", i ? " " : "", r->lines[i]);
        free(r->lines[i]);
    }
    r->n = 0;
    assert_string_equal(got.ptr, want);
}

static void make_tree(void *state) {
    temp_write(state, "top", "");
    temp_write(state, "a/one", "");
    temp_write(state, "a/deep/two", "");
    temp_write(state, "b/three", "");
}

static void test_walk__sees_every_folder_and_file_once(void **state) {
    record r = {.folder = *state};
    make_tree(*state);
    assert_int_equal(pli__walk_tree(temp_dir(*state), &all_ops, &r, NULL), PLI_OK);
    assert_seen(&r, "< <a <a/deep <b > >a >a/deep >b d a d a/deep d b f a/deep/two f a/one f b/three f top");
}

static void test_walk__enters_lists_and_leaves_in_order(void **state) {
    record r = {.folder = *state};
    temp_write(*state, "a/b/file", "");
    assert_int_equal(pli__walk_tree(temp_dir(*state), &all_ops, &r, NULL), PLI_OK);
    static const char *const want[] = {">", "d a", "<", ">a", "d a/b", "<a", ">a/b", "f a/b/file", "<a/b"};
    assert_int_equal(r.n, 9);
    for (size_t i = 0; i < r.n; i++) {
        assert_string_equal(r.lines[i], want[i]);
        free(r.lines[i]);
    }
}

static void test_walk__does_not_follow_links_to_folders(void **state) {
    record r = {.folder = *state};
    temp_write(*state, "real/file", "");
    assert_int_equal(symlink("real", temp_path(*state, "link")), 0);
    assert_int_equal(symlink("..", temp_path(*state, "real/up")), 0);
    assert_int_equal(symlink("nowhere", temp_path(*state, "dangling")), 0);
    assert_int_equal(symlink("self", temp_path(*state, "self")), 0);
    assert_int_equal(pli__walk_tree(temp_dir(*state), &all_ops, &r, NULL), PLI_OK);
    assert_seen(&r, "< <real > >real ? dangling ? self d real f real/file l link l real/up");
    assert_int_equal(pli__walk_tree(temp_path(*state, "link"), &all_ops, &r, NULL),
                     PLI_OK); /* but the root may be one */
    assert_seen(&r, "< > f file l up");
}

static void test_walk__passes_by_what_is_pruned(void **state) {
    record r = {.folder = *state, .prune = "a"};
    make_tree(*state);
    assert_int_equal(pli__walk_tree(temp_dir(*state), &all_ops, &r, NULL), PLI_OK);
    assert_seen(&r, "< <b > >a >b d a d b f b/three f top");
    r = (record){.folder = *state, .shallow = "a"};
    assert_int_equal(pli__walk_tree(temp_dir(*state), &all_ops, &r, NULL), PLI_OK);
    assert_seen(&r, "< <b > >b d a d b f b/three f top");
}

static void test_walk__known_folders_are_not_listed_but_their_subfolders_visited(void **state) {
    static const char *const names[] = {"deep", "vanished", "one", NULL}; /* "one" has become a file */
    record r = {.folder = *state, .known = "a", .names = names};
    make_tree(*state);
    assert_int_equal(pli__walk_tree(temp_dir(*state), &all_ops, &r, NULL), PLI_OK);
    assert_seen(&r, "< <a/deep <b > >a >a/deep >b d a d b f a/deep/two f b/three f top");
}

static void test_walk__a_pruned_folder_takes_its_named_subfolders_along(void **state) {
    static const char *const names[] = {"a", "b", NULL};
    record r = {.folder = *state, .known = "", .names = names, .prune = "a"};
    make_tree(*state);
    assert_int_equal(pli__walk_tree(temp_dir(*state), &all_ops, &r, NULL), PLI_OK);
    assert_seen(&r, "<b > >a >b f b/three");
}

static void test_walk__leaves_out_folders_that_vanish(void **state) {
    record r = {.folder = *state, .remove = "a"};
    make_tree(*state);
    assert_int_equal(pli__walk_tree(temp_dir(*state), &all_ops, &r, NULL), PLI_OK);
    assert_seen(&r, "< <b > >b d a d b f b/three f top");
}

static void test_walk__stops_with_the_status_of_a_callback(void **state) {
    record r = {.folder = *state, .stop_at = "two"};
    pli_error err;
    make_tree(*state);
    assert_int_equal(pli__walk_tree(temp_dir(*state), &all_ops, &r, &err), PLI_E_CANCELLED);
    for (size_t i = 0; i < r.n; i++) free(r.lines[i]);
}

static void test_walk__the_root_must_be_a_folder(void **state) {
    record r = {.folder = *state};
    make_tree(*state);
    assert_int_equal(pli__walk_tree(temp_path(*state, "absent"), &all_ops, &r, NULL), PLI_E_NOT_FOUND);
    assert_int_equal(pli__walk_tree(temp_path(*state, "top"), &all_ops, &r, NULL), PLI_E_NOT_FOUND);
    assert_int_equal(r.n, 0);
}

static pli_status count_entry(void *arg, pli__walk *w, const pli__walk_dir *dir, const pli__dir_entry *e, bool *descend,
                              pli_error *err) {
    (void)w, (void)dir, (void)e, (void)descend, (void)err;
    ++*(size_t *)arg;
    return PLI_OK;
}

static const pli__walk_ops count_ops = {NULL, count_entry, NULL};

/* Runs as nobody, because the superuser may read everything. */
static int walk_as_nobody(const char *root, const char *locked) {
    pli_error err;
    size_t n = 0;
    if (geteuid() == 0 && setresuid(65534, 65534, 65534) < 0) return 2;
    if (pli__walk_tree(root, &count_ops, &n, &err) != PLI_E_ACCESS) return 3;
    return strstr(err.message, locked) ? 0 : 4;
}

static void test_walk__a_folder_that_cannot_be_read_is_an_error(void **state) {
    int ended = -1;
    make_tree(*state);
    const char *root = temp_dir(*state), *locked = temp_path(*state, "a");
    assert_int_equal(chmod(root, 0755), 0);
    assert_int_equal(chmod(locked, 0), 0);
    const pid_t child = fork();
    if (child == 0) _exit(walk_as_nobody(root, locked));
    assert_int_equal(waitpid(child, &ended, 0), child);
    assert_int_equal(chmod(locked, 0700), 0);
    assert_int_equal(ended, 0);
}

static void test_walk__goes_deep_up_to_its_limit(void **state) {
    PLI_AUTO(pli__buf_clear) pli__buf rel = {0};
    pli__buf_addc(&rel, 'd');
    for (int i = 2; i < PLI__WALK_DEPTH_MAX; i++) pli__buf_addz(&rel, "/d");
    temp_mkdir(*state, rel.ptr); /* with the root as many levels as may be */
    size_t n = 0;
    assert_int_equal(pli__walk_tree(temp_dir(*state), &count_ops, &n, NULL), PLI_OK);
    assert_int_equal(n, PLI__WALK_DEPTH_MAX - 1);
    pli__buf_addz(&rel, "/d");
    temp_mkdir(*state, rel.ptr);
    assert_int_equal(pli__walk_tree(temp_dir(*state), &count_ops, &n, NULL), PLI_E_LIMIT);
}

static void test_walk__a_wide_folder(void **state) {
    size_t n = 0;
    temp_mkdir(*state, "w");
    for (int i = 0; i < 3000; i++) {
        char name[32];
        snprintf(name, sizeof name, "w/sub%d", i);
        assert_int_equal(mkdir(temp_path(*state, name), 0777), 0);
    }
    assert_int_equal(pli__walk_tree(temp_dir(*state), &count_ops, &n, NULL), PLI_OK);
    assert_int_equal(n, 3001);
}

static void test_walk__survives_every_allocation_that_fails(void **state) {
    make_tree(*state);
    const char *root = temp_dir(*state);
    ALLOC_FAULT_EACH(i) {
        const long before = alloc_fault_live();
        size_t n = 0;
        alloc_fault_arm(i);
        const pli_status status = pli__walk_tree(root, &count_ops, &n, NULL);
        alloc_fault_disarm();
        assert_int_equal(status, alloc_fault_struck() ? PLI_E_MEMORY : PLI_OK);
        assert_int_equal(alloc_fault_live(), before);
    }
}

#define IN_FOLDER(f) cmocka_unit_test_setup_teardown(f, temp_dir_setup, temp_dir_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_FOLDER(test_walk__sees_every_folder_and_file_once),
        IN_FOLDER(test_walk__enters_lists_and_leaves_in_order),
        IN_FOLDER(test_walk__does_not_follow_links_to_folders),
        IN_FOLDER(test_walk__passes_by_what_is_pruned),
        IN_FOLDER(test_walk__known_folders_are_not_listed_but_their_subfolders_visited),
        IN_FOLDER(test_walk__a_pruned_folder_takes_its_named_subfolders_along),
        IN_FOLDER(test_walk__leaves_out_folders_that_vanish),
        IN_FOLDER(test_walk__stops_with_the_status_of_a_callback),
        IN_FOLDER(test_walk__the_root_must_be_a_folder),
        IN_FOLDER(test_walk__a_folder_that_cannot_be_read_is_an_error),
        IN_FOLDER(test_walk__goes_deep_up_to_its_limit),
        IN_FOLDER(test_walk__a_wide_folder),
        IN_FOLDER(test_walk__survives_every_allocation_that_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
