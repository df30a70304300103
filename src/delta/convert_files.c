/* The Parquet files of a folder, and what the names of their folders say. */
#include "delta/convert_files.h"

#include <stdlib.h>

#include "base/time.h"
#include "delta/partition.h"
#include "delta/path.h"
#include "delta/path_write.h"
#include "port/fs.h"

#define DEPTH_MAX 64

/* ---- listing ---- */

typedef struct {
    pli__found_files *out;
    pli__buf path;
    size_t root_length;
    int depth;
} lister;

static bool ends_with(const char *name, const char *ending) {
    const size_t n = strlen(name), k = strlen(ending);
    return n > k && strcmp(name + n - k, ending) == 0;
}

static pli_status add_file(lister *l, const pli__file_info *info, pli_error *err) {
    pli__found_files *all = l->out;
    if (all->n == all->cap) {
        const size_t cap = all->cap ? all->cap * 2 : 64;
        pli__found_file *more = realloc(all->at, cap * sizeof *more);
        if (!more) return pli__error_memory(err);
        all->at = more;
        all->cap = cap;
    }
    const char *path = pli__arena_strdup(&all->arena, pli__str_of(l->path.ptr + l->root_length + 1));
    if (!path) return pli__error_memory(err);
    all->at[all->n++] = (pli__found_file){path, info->size, info->mtime_ns / 1000000, NULL};
    return PLI_OK;
}

static pli_status list(lister *l, pli_error *err);

static pli_status see_path(lister *l, const char *name, pli_error *err) {
    pli__file_info info;
    PLI_TRY(pli__fs_lstat(l->path.ptr, &info, err));
    if (info.kind == PLI__FILE_DIR) return list(l, err);
    if (info.kind == PLI__FILE_REGULAR && ends_with(name, ".parquet")) return add_file(l, &info, err);
    if (info.kind == PLI__FILE_LINK)
        return pli__error_set(err, PLI_E_UNSUPPORTED, "'%s' is a link; a table holds its files itself", l->path.ptr);
    l->out->ignored++;
    return PLI_OK;
}

static pli_status see_entry(void *arg, const pli__dir_entry *e, pli_error *err) {
    lister *l = arg;
    const size_t length = l->path.len;
    const bool hidden = (e->name[0] == '_' || e->name[0] == '.') && !strchr(e->name, '=');
    if (hidden) return PLI_OK;
    pli__buf_addc(&l->path, '/');
    pli__buf_addz(&l->path, e->name);
    PLI_TRY(pli__buf_status(&l->path, err));
    const pli_status s = see_path(l, e->name, err);
    l->path.len = length;
    l->path.ptr[length] = '\0';
    return s;
}

static pli_status list(lister *l, pli_error *err) {
    if (++l->depth > DEPTH_MAX)
        return pli__error_set(err, PLI_E_LIMIT, "folders are nested more than %d deep in '%s'", DEPTH_MAX, l->path.ptr);
    const pli_status s = pli__fs_list(l->path.ptr, see_entry, l, err);
    l->depth--;
    return s;
}

static int by_path(const void *a, const void *b) {
    return strcmp(((const pli__found_file *)a)->path, ((const pli__found_file *)b)->path);
}

pli_status pli__found_list(const char *root, pli__found_files *out, pli_error *err) {
    lister l = {.out = out, .root_length = strlen(root)};
    pli__buf_addz(&l.path, root);
    pli_status s = pli__buf_status(&l.path, err);
    if (s == PLI_OK) s = list(&l, err);
    pli__buf_clear(&l.path);
    if (s == PLI_OK && out->n) qsort(out->at, out->n, sizeof *out->at, by_path);
    return s;
}

void pli__found_clear(pli__found_files *all) {
    free(all->at);
    pli__arena_clear(&all->arena);
    *all = (pli__found_files){0};
}

/* ---- partition values ---- */

static pli_status wrong_folder(const pli__found_file *f, pli__str name, pli_error *err) {
    pli__error_set(err, PLI_E_SCHEMA, "file '%s' lies in a folder of '%.*s', which is not the partition column there",
                   f->path, PLI_STR_ARG(name));
    pli__error_hint(err, "name the partition columns with their types, in the order of the folders");
    return PLI_E_SCHEMA;
}

/* The folder's text as the log has it: times become instants, all others stay. */
static pli_status value_of(pli__found_files *all, const pli__field *column, pli__str text, pli__str *out,
                           pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf engine = {0}, log = {0};
    const pli__mapped_column as_column = {.field = column};
    int64_t us;
    bool is_null = false;
    PLI_TRY(pli__partition_check(&as_column, text, err));
    const bool time = column->type->id == PLI__TYPE_TIMESTAMP || column->type->id == PLI__TYPE_TIMESTAMP_NTZ;
    if (time && pli__time_parse_iso(text, &us)) pli__buf_addf(&engine, "%lld", (long long)us);
    else pli__buf_adds(&engine, text);
    PLI_TRY(pli__buf_status(&engine, err));
    if (column->type->id == PLI__TYPE_BINARY) pli__buf_adds(&log, text);
    else PLI_TRY(pli__partition_text(column->type, pli__buf_str(&engine), &log, &is_null, err));
    *out = is_null || !log.len ? (pli__str){0} : pli__arena_str(&all->arena, pli__buf_str(&log));
    return pli__arena_status(&all->arena, err);
}

static pli_status read_folder(pli__found_files *all, pli__found_file *f, const pli__field *column, pli__str folder,
                              size_t equals, pli__kv *out, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf name = {0}, value = {0};
    pli__uri_decode((pli__str){folder.ptr, equals}, &name);
    pli__uri_decode((pli__str){folder.ptr + equals + 1, folder.len - equals - 1}, &value);
    PLI_TRY(pli__buf_status(&name, err));
    PLI_TRY(pli__buf_status(&value, err));
    if (!column || !pli__str_ieqz(pli__buf_str(&name), column->name))
        return wrong_folder(f, name.len ? pli__buf_str(&name) : PLI_STR(""), err);
    *out = (pli__kv){pli__arena_str(&all->arena, pli__str_of(column->name)), {0}};
    if (!value.len || strcmp(value.ptr, PLI__HIVE_NULL) == 0) return pli__arena_status(&all->arena, err);
    return value_of(all, column, pli__buf_str(&value), &out->value, err);
}

pli_status pli__found_values(pli__found_files *all, pli__found_file *f, const pli__type *columns, pli_error *err) {
    size_t n = 0;
    f->values = pli__arena_calloc(&all->arena, columns->n_fields + 1, sizeof *f->values);
    if (!f->values) return pli__error_memory(err);
    const char *at = f->path;
    for (const char *slash; (slash = strchr(at, '/')); at = slash + 1) {
        const pli__str folder = {at, (size_t)(slash - at)};
        const char *equals = memchr(folder.ptr, '=', folder.len);
        if (!equals) continue;
        const pli__field *column = n < columns->n_fields ? &columns->fields[n] : NULL;
        PLI_TRY_IN(read_folder(all, f, column, folder, (size_t)(equals - at), &f->values[n], err), err, "file '%s'",
                   f->path);
        n++;
    }
    if (n == columns->n_fields) return PLI_OK;
    return pli__error_set(err, PLI_E_SCHEMA, "file '%s' lies in no folder for the partition column '%s'", f->path,
                          columns->fields[n].name);
}
