/* Temporary folders of tests. */
#include "support/temp_dir.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
// cmocka wants the ones above
#include <cmocka.h>

#include "port/fs.h"

typedef struct kept {
    struct kept *next;
    char text[];
} kept;

typedef struct {
    char *root;
    kept *texts; /* what was handed out */
} folder;

static const char *keep(folder *f, const char *text, size_t len) {
    kept *k = malloc(sizeof *k + len + 1);
    assert_non_null(k);
    memcpy(k->text, text, len);
    k->text[len] = 0;
    k->next = f->texts;
    f->texts = k;
    return k->text;
}

int temp_dir_setup(void **state) {
    const char *base = getenv("TMPDIR");
    char path[4096];
    snprintf(path, sizeof path, "%s/pli-test-XXXXXX", base && *base ? base : "/tmp");
    if (!mkdtemp(path)) return -1;
    folder *f = calloc(1, sizeof *f);
    /* macros of cmocka and of the library compare real paths, so links in $TMPDIR are resolved once here */
    f->root = realpath(path, NULL);
    *state = f;
    return f->root ? 0 : -1;
}

int temp_dir_teardown(void **state) {
    folder *f = *state;
    const pli_status status = pli__fs_remove_tree(f->root, NULL);
    while (f->texts) {
        kept *next = f->texts->next;
        free(f->texts);
        f->texts = next;
    }
    free(f->root);
    free(f);
    return status == PLI_OK ? 0 : -1;
}

const char *temp_dir(void *state) { return ((folder *)state)->root; }

const char *temp_path(void *state, const char *name) {
    folder *f = state;
    char *path = *name ? pli__path_join(f->root, name) : pli__strz_dup(f->root);
    assert_non_null(path);
    const char *copy = keep(f, path, strlen(path));
    free(path);
    return copy;
}

const char *temp_mkdir(void *state, const char *name) {
    const char *path = temp_path(state, name);
    assert_int_equal(pli__fs_mkdirs(path, NULL), PLI_OK);
    return path;
}

const char *temp_write(void *state, const char *name, const char *text) {
    const char *path = temp_path(state, name);
    char *dir = pli__path_dir(path);
    assert_int_equal(pli__fs_mkdirs(dir, NULL), PLI_OK);
    free(dir);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
    return path;
}

const char *temp_read(void *state, const char *name) {
    pli__buf text = {0};
    const char *copy = NULL;
    if (pli__fs_read(temp_path(state, name), (size_t)1 << 30, &text, NULL) == PLI_OK)
        copy = keep(state, text.ptr ? text.ptr : "", text.len);
    pli__buf_clear(&text);
    return copy;
}

size_t temp_count(void *state, const char *name) {
    DIR *d = opendir(temp_path(state, name));
    size_t n = 0;
    if (!d) return 0;
    for (struct dirent *e; (e = readdir(d));) n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    closedir(d);
    return n;
}
