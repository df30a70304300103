/*
 * Discovery against a plain set: random histories (files appear, grow, vanish, folders are renamed, links, batches that are
 * not committed, processes that die, index.db lost, clocks) for each option. What a plan gives is exactly what the model
 * says, in its order, with the sizes and times of that moment.
 *
 * PLI_SEED repeats a history, PLI_ROUNDS sets how many are run.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/json.h"
#include "port/fs.h"
#include "source/source_files.h"
#include "support/temp_dir.h"

enum { MAX_FILES = 400, STEPS = 120 };

typedef struct model_file {
    char path[160]; /* below the source, "d1/x.csv" */
    bool there, known;
    int64_t size, mtime_ns;             /* on disk */
    int64_t known_size, known_mtime_ns; /* when it was planned */
} model_file;

typedef struct model {
    void *temp;
    char root[300], cp_dir[300], root_real[300];
    model_file files[MAX_FILES];
    size_t n;
    /* options */
    bool recursive, overwrites, by_time, latest_first, name_only, deletes, full;
    const char *start_offset;
    int64_t start_ns, settle_us, age_us, max_files, max_bytes;
    const char *exclude[2];
    size_t n_exclude;
    /* state */
    bool started;
    int64_t now_us, horizon_ns;
    unsigned long long seed;
    int step;
    /* the real thing */
    pli_env *env;
    pli__checkpoint *cp;
    pli__source *source;
} model;

static uint64_t random_bits(model *m) { /* xorshift64* */
    m->seed ^= m->seed >> 12;
    m->seed ^= m->seed << 25;
    m->seed ^= m->seed >> 27;
    return m->seed * 2685821657736338717ull >> 11;
}
static size_t pick(model *m, size_t n) { return (size_t)(random_bits(m) % n); }
static bool chance(model *m, size_t percent) { return pick(m, 100) < percent; }

#define CHECK(expr)                                                                                                    \
    do {                                                                                                               \
        pli_error err_ = {0};                                                                                          \
        pli_error *err = &err_;                                                                                        \
        if ((expr) != PLI_OK) fail_msg("step %d: %s: %s", m->step, #expr, err_.message);                               \
        (void)err;                                                                                                     \
    } while (0)

/* ---- the disk ---- */

static void full_path(const model *m, const char *rel, char out[600]) { snprintf(out, 600, "%s/%s", m->root, rel); }

static void put(model *m, model_file *f, int64_t size, int64_t mtime_ns) {
    char path[600];
    full_path(m, f->path, path);
    char *slash = strrchr(path, '/');
    *slash = 0;
    assert_int_equal(pli__fs_mkdirs(path, NULL), PLI_OK);
    *slash = '/';
    int fd = open(path, O_CREAT | O_WRONLY, 0644);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, size), 0);
    struct timespec times[2] = {{mtime_ns / 1000000000, mtime_ns % 1000000000},
                                {mtime_ns / 1000000000, mtime_ns % 1000000000}};
    assert_int_equal(futimens(fd, times), 0);
    close(fd);
    f->there = true;
    f->size = size;
    f->mtime_ns = mtime_ns;
}

static model_file *find(model *m, const char *rel) {
    for (size_t i = 0; i < m->n; i++)
        if (strcmp(m->files[i].path, rel) == 0) return &m->files[i];
    assert_true(m->n < MAX_FILES);
    m->files[m->n] = (model_file){0};
    snprintf(m->files[m->n].path, sizeof m->files[0].path, "%s", rel);
    return &m->files[m->n++];
}

static int64_t some_mtime(model *m) {
    return (m->now_us - (int64_t)pick(m, 200) * 1000000) * 1000 + (int64_t)pick(m, 3);
}

static void create(model *m) {
    static const char *const dirs[] = {"", "a/", "a/b/", "a-b/", "a.csv/", "z/", "_x/"};
    char rel[160];
    snprintf(rel, sizeof rel, "%s%c%zu.%s", dirs[pick(m, 7)], (int)('a' + pick(m, 3)), pick(m, 30),
             chance(m, 90) ? "csv" : "txt");
    model_file *f = find(m, rel);
    if (!f->there && m->n < MAX_FILES - 40) put(m, f, (int64_t)pick(m, 50), some_mtime(m));
}

static model_file *any(model *m) { return m->n ? &m->files[pick(m, m->n)] : NULL; }

static void delete_one(model *m) {
    model_file *f = any(m);
    char path[600];
    if (!f || !f->there) return;
    full_path(m, f->path, path);
    assert_int_equal(unlink(path), 0);
    f->there = false;
}

/* In place: the folder does not change. Where the order or the newest file is taken from times that were seen before, only known files change. */
static void overwrite(model *m) {
    model_file *f = any(m);
    if (!f || !f->there || ((m->by_time || m->latest_first || m->age_us) && !(f->known && m->overwrites && !m->age_us)))
        return;
    put(m, f, (int64_t)pick(m, 50), some_mtime(m));
}

static void rename_folder(model *m) {
    char from[600], to[600], name[40];
    static const char *const dirs[] = {"a", "z", "a-b"};
    const char *dir = dirs[pick(m, 3)];
    snprintf(name, sizeof name, "r%d", m->step);
    full_path(m, dir, from);
    full_path(m, name, to);
    if (m->n > MAX_FILES - 100 || rename(from, to) != 0) return;
    size_t len = strlen(dir), n = m->n;
    for (size_t i = 0; i < n; i++) {
        if (!m->files[i].there || strncmp(m->files[i].path, dir, len) != 0 || m->files[i].path[len] != '/') continue;
        char moved[160];
        snprintf(moved, sizeof moved, "%.40s%.110s", name, m->files[i].path + len);
        model_file *f = find(m, moved);
        f->there = true;
        f->size = m->files[i].size;
        f->mtime_ns = m->files[i].mtime_ns;
        m->files[i].there = false;
    }
}

static void make_link(model *m) {
    model_file *f = any(m);
    char target[600], link[600], name[40];
    if (!f || !f->there || m->deletes) return;
    snprintf(name, sizeof name, "link%d.csv", m->step);
    full_path(m, f->path, target);
    full_path(m, name, link);
    assert_int_equal(symlink(target, link), 0);
}

static void rest(void) {
    struct timespec t = {0, 30000000};
    nanosleep(&t, NULL);
}

/* ---- the model ---- */

/* Is there a link at the top to this file? Links are made once and never removed, names are their own. */
static bool is_linked(const model *m, const model_file *f) {
    char path[600], link[600], target[600];
    full_path(m, f->path, path);
    for (int step = 0; step <= m->step; step++) {
        char name[40];
        snprintf(name, sizeof name, "link%d.csv", step);
        full_path(m, name, link);
        ssize_t n = readlink(link, target, sizeof target - 1);
        if (n <= 0) continue;
        target[n] = 0;
        if (strcmp(target, path) == 0) return true;
    }
    return false;
}

static bool is_candidate(const model *m, const model_file *f) {
    if (!f->there) return false;
    if (is_linked(m, f)) return true;
    size_t len = strlen(f->path);
    if (len < 4 || strcmp(f->path + len - 4, ".csv") != 0) return false;
    if (!m->recursive && strchr(f->path, '/')) return false;
    return !(m->n_exclude && strncmp(f->path, "_x/", 3) == 0) &&
           !(m->n_exclude > 1 && (f->path[0] == 'c' || strstr(f->path, "/c")));
}

static bool known(const model *m, const model_file *f) {
    if (!f->known) return false;
    return !(m->overwrites || m->deletes) || (f->size == f->known_size && f->mtime_ns == f->known_mtime_ns);
}

static const model *sorting;
static int by_order(const void *a, const void *b) {
    const model_file *x = *(model_file *const *)a, *y = *(model_file *const *)b;
    if (sorting->latest_first && x->mtime_ns != y->mtime_ns) return x->mtime_ns > y->mtime_ns ? -1 : 1;
    if (sorting->by_time && !sorting->latest_first && x->mtime_ns != y->mtime_ns)
        return x->mtime_ns < y->mtime_ns ? -1 : 1;
    return strcmp(x->path, y->path);
}

static bool eligible(const model *m, const model_file *f) {
    int64_t age = m->now_us - f->mtime_ns / 1000;
    if (f->mtime_ns < m->start_ns || f->mtime_ns < m->horizon_ns) return false;
    return !(age < m->settle_us && age > -m->settle_us);
}

static void remember(model_file *f) {
    f->known = true;
    f->known_size = f->size;
    f->known_mtime_ns = f->mtime_ns;
}

static bool name_known(const model *m, const model_file *f) {
    const char *name = strrchr(f->path, '/') ? strrchr(f->path, '/') + 1 : f->path;
    for (size_t i = 0; i < m->n; i++) {
        const model_file *o = &m->files[i];
        const char *other = strrchr(o->path, '/') ? strrchr(o->path, '/') + 1 : o->path;
        if (o != f && o->known && strcmp(other, name) == 0) return true;
    }
    return false;
}

/* What the next plan must give. */
static size_t expect(model *m, model_file **out) {
    model_file *candidates[MAX_FILES];
    size_t n = 0, taken = 0;
    int64_t newest = INT64_MIN, bytes = 0;
    bool first = !m->started;
    m->started = true;
    for (size_t i = 0; i < m->n; i++) {
        model_file *f = &m->files[i];
        if (!is_candidate(m, f)) continue;
        if (f->mtime_ns > newest) newest = f->mtime_ns;
        if (first && m->start_offset && strcmp(m->start_offset, "latest") == 0) remember(f);
        if (!known(m, f)) candidates[n++] = f;
    }
    if (m->age_us && newest != INT64_MIN && newest - m->age_us * 1000 > m->horizon_ns)
        m->horizon_ns = newest - m->age_us * 1000;
    sorting = m;
    qsort(candidates, n, sizeof *candidates, by_order);
    for (size_t i = 0; i < n; i++) {
        model_file *f = candidates[i];
        if (!eligible(m, f)) continue;
        if (m->name_only && !f->known && name_known(m, f)) {
            remember(f);
            continue;
        }
        if (taken && m->max_files && (int64_t)taken >= m->max_files) break;
        if (taken && m->max_bytes && bytes + f->size > m->max_bytes) break;
        bytes += f->size;
        remember(f);
        out[taken++] = f;
        if (m->max_files && (int64_t)taken >= m->max_files) break;
    }
    return taken;
}

/* ---- the real thing ---- */

static int64_t model_now(void *arg) { return ((model *)arg)->now_us; }

static void close_all(model *m) {
    pli__source_free(m->source);
    pli__checkpoint_close(m->cp);
    m->source = NULL;
    m->cp = NULL;
}

static void open_all(model *m) {
    pli__clock clock = {model_now, m};
    pli__checkpoint_options co = {
        .source_kind = "files", .create = true, .take_lock = true, .relaxed = true, .clock = &clock};
    char start[64];
    snprintf(start, sizeof start, "%lld", (long long)(m->start_ns / 1000000000));
    pli__files_options o = {.path = m->root,
                            .format = "csv",
                            .recursive = m->recursive,
                            .n_exclude = m->n_exclude,
                            .exclude = m->exclude,
                            .max_files = m->max_files,
                            .max_bytes = m->max_bytes,
                            .start_offset = m->start_offset,
                            .start_timestamp = m->start_ns > INT64_MIN ? start : NULL,
                            .by_modification_time = m->by_time,
                            .latest_first = m->latest_first,
                            .allow_overwrites = m->overwrites,
                            .file_name_only = m->name_only,
                            .settle_us = m->settle_us,
                            .max_age_us = m->age_us,
                            .full_discovery = m->full,
                            .clean = m->deletes ? PLI__CLEAN_DELETE : PLI__CLEAN_OFF};
    CHECK(pli__checkpoint_open(m->cp_dir, &co, &m->cp, err));
    CHECK(pli__source_files_new(m->env, &o, &m->source, err));
}

static void compare_offset(model *m, const json_t *offset, model_file *const *want, size_t n) {
    const json_t *files = json_object_get(offset, "files"), *info = json_object_get(offset, "file_info");
    char path[700];
    for (size_t i = 0; i < n || i < json_array_size(files); i++) {
        if (i < n) snprintf(path, sizeof path, "%s/%s", m->root_real, want[i]->path);
        const char *got = i < json_array_size(files) ? json_string_value(json_array_get(files, i)) : "(none)";
        if (i >= n || strcmp(got, path) != 0)
            fail_msg("step %d: file %zu of %zu is %s, should be %s (of %zu)", m->step, i, json_array_size(files), got,
                     i < n ? path : "(none)", n);
        const json_t *pair = json_array_get(info, i);
        assert_int_equal(json_integer_value(json_array_get(pair, 0)), want[i]->size);
        assert_int_equal(json_integer_value(json_array_get(pair, 1)), want[i]->mtime_ns);
    }
}

static void commit(model *m, int64_t n, const json_t *offset) {
    bool won = false;
    json_t *body = json_object();
    CHECK(pli__checkpoint_write_commit(m->cp, n, body, &won, err));
    json_decref(body);
    if (m->deletes || chance(m, 85)) CHECK(pli__source_committed(m->source, m->cp, n, offset, err));
    if (!m->deletes) return;
    for (size_t i = 0; i < m->n; i++) { /* what was read and has not changed since is gone, and forgotten */
        model_file *f = &m->files[i];
        char path[600];
        full_path(m, f->path, path);
        if (!f->known || !f->there || !known(m, f)) continue;
        assert_int_not_equal(access(path, F_OK), 0);
        f->there = f->known = false;
    }
}

static void run_once(model *m) {
    int64_t pending = -1;
    json_t *offset = NULL;
    CHECK(pli__checkpoint_pending(m->cp, &pending, err));
    if (pending >= 0) {
        CHECK(pli__checkpoint_read_offset(m->cp, pending, &offset, NULL, err));
        commit(m, pending, offset);
        json_decref(offset);
        return;
    }
    model_file *want[MAX_FILES];
    if (chance(m, 20)) { /* looking changes nothing */
        CHECK(pli__source_files_preview(m->source, m->cp, &offset, err));
        json_decref(offset);
    }
    CHECK(pli__source_plan(m->source, m->cp, &offset, err));
    size_t n = expect(m, want);
    compare_offset(m, offset, want, n);
    if (!offset) return;
    bool won = false;
    json_t *stored = NULL;
    int64_t next = pli__checkpoint_last_offset(m->cp) + 1;
    CHECK(pli__checkpoint_write_offset(m->cp, next, offset, &won, &stored, NULL, err));
    if (chance(m, 15)) {
        close_all(m); /* dies before the commit */
        open_all(m);
    } else commit(m, next, stored);
    json_decref(stored);
    json_decref(offset);
}

static void lose_index(model *m) {
    static const char *const names[] = {"index.db", "index.db-wal", "index.db-shm"};
    close_all(m);
    bool damage = chance(m, 30);
    for (size_t i = 0; i < 3; i++) {
        char path[600];
        snprintf(path, sizeof path, "%s/%s", m->cp_dir, names[i]);
        if (!damage) unlink(path);
        else if (i == 0) {
            int fd = open(path, O_WRONLY);
            if (fd >= 0) {
                assert_int_equal(pwrite(fd, "rubbish rubbish rubbish", 23, 0), 23);
                close(fd);
            }
        }
    }
    open_all(m);
}

/* ---- histories ---- */

static void step(model *m) {
    size_t what = pick(m, 100);
    m->now_us += (int64_t)pick(m, 5) * 1000000;
    if (what < 40) create(m);
    else if (what < 48) delete_one(m);
    else if (what < 58) overwrite(m);
    else if (what < 61) rename_folder(m);
    else if (what < 64) make_link(m);
    else if (what < 66) rest();
    else if (what < 69) {
        close_all(m);
        open_all(m);
    } else if (what < 72) lose_index(m);
    else if (what < 74) m->now_us -= 100000000; /* the clock goes back */
    else run_once(m);
}

static void history(model *m, void (*options)(model *)) {
    static const char *const excluded[] = {"_*", "c*"};
    assert_int_equal(temp_dir_setup(&m->temp), 0);
    snprintf(m->root, sizeof m->root, "%s", temp_mkdir(m->temp, "in"));
    snprintf(m->cp_dir, sizeof m->cp_dir, "%s/cp", temp_dir(m->temp));
    char *real = NULL;
    assert_int_equal(pli__fs_real_path(m->root, &real, NULL), PLI_OK);
    snprintf(m->root_real, sizeof m->root_real, "%s", real);
    free(real);
    memcpy(m->exclude, excluded, sizeof excluded);
    m->n = 0;
    m->now_us = 1700000000000000;
    m->start_ns = m->horizon_ns = INT64_MIN;
    m->started = false;
    m->recursive = chance(m, 80);
    m->max_files = chance(m, 60) ? 1 + (int64_t)pick(m, 5) : 0;
    m->max_bytes = chance(m, 30) ? 1 + (int64_t)pick(m, 100) : 0;
    options(m);
    for (size_t i = pick(m, 20); i > 0; i--) create(m);
    open_all(m);
    for (m->step = 0; m->step < STEPS; m->step++) step(m);
    close_all(m);
    temp_dir_teardown(&m->temp);
}

static void run_histories(void (*options)(model *)) {
    const char *seed = getenv("PLI_SEED"), *rounds = getenv("PLI_ROUNDS");
    unsigned long long first = seed ? strtoull(seed, NULL, 10) : (unsigned long long)time(NULL) * 1000;
    for (unsigned long long i = 0; i < (rounds ? strtoull(rounds, NULL, 10) : 5); i++) {
        model m = {.seed = (first + i) * 0x9E3779B97F4A7C15ull + 1};
        pli_env_options eo = {.size = sizeof eo};
        print_message("PLI_SEED=%llu\n", first + i);
        assert_int_equal(pli_env_new(&eo, &m.env, NULL), PLI_OK);
        history(&m, options);
        pli_env_free(m.env);
    }
}

static void plain(model *m) { (void)m; }
static void excluding(model *m) { m->n_exclude = 1 + pick(m, 2); }
static void overwriting(model *m) { m->overwrites = true; }
static void by_time(model *m) { m->by_time = true; }
static void latest_first(model *m) { m->latest_first = true; }
static void from_latest(model *m) { m->start_offset = "latest"; }
static void from_latest_overwriting(model *m) { m->start_offset = "latest", m->overwrites = true; }
static void from_time(model *m) { m->start_ns = (m->now_us - 60000000) * 1000; }
static void settling(model *m) { m->settle_us = 20000000; }
static void ageing(model *m) { m->age_us = 50000000; }
static void by_name(model *m) { m->name_only = true, m->recursive = true; }
static void deleting(model *m) { m->deletes = true; }
static void listing_all(model *m) { m->full = true, m->overwrites = chance(m, 50); }

#define HISTORY(name, options)                                                                                         \
    static void test_source_files_model__##name(void **state) {                                                        \
        (void)state;                                                                                                   \
        run_histories(options);                                                                                        \
    }
HISTORY(every_file_once, plain)
HISTORY(what_is_excluded_never, excluding)
HISTORY(overwritten_files_again, overwriting)
HISTORY(oldest_first, by_time)
HISTORY(newest_first, latest_first)
HISTORY(what_was_there_at_a_latest_start_never, from_latest)
HISTORY(what_was_there_at_a_latest_start_once_overwritten, from_latest_overwriting)
HISTORY(what_is_older_than_the_start_never, from_time)
HISTORY(young_files_later, settling)
HISTORY(old_files_never, ageing)
HISTORY(every_name_once, by_name)
HISTORY(what_is_deleted_is_forgotten, deleting)
HISTORY(the_same_when_everything_is_listed, listing_all)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_source_files_model__every_file_once),
        cmocka_unit_test(test_source_files_model__what_is_excluded_never),
        cmocka_unit_test(test_source_files_model__overwritten_files_again),
        cmocka_unit_test(test_source_files_model__oldest_first),
        cmocka_unit_test(test_source_files_model__newest_first),
        cmocka_unit_test(test_source_files_model__what_was_there_at_a_latest_start_never),
        cmocka_unit_test(test_source_files_model__what_was_there_at_a_latest_start_once_overwritten),
        cmocka_unit_test(test_source_files_model__what_is_older_than_the_start_never),
        cmocka_unit_test(test_source_files_model__young_files_later),
        cmocka_unit_test(test_source_files_model__old_files_never),
        cmocka_unit_test(test_source_files_model__every_name_once),
        cmocka_unit_test(test_source_files_model__what_is_deleted_is_forgotten),
        cmocka_unit_test(test_source_files_model__the_same_when_everything_is_listed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
