/* Files of a write: their final names and folders, their partition values, statistics and add actions. */
#include "delta/written.h"

#include "base/hash.h"
#include "delta/path_write.h"

#define FOLDER_NAME_MAX 255

static pli__written_column copy_column(pli__arena *a, const pli__written_column *c) {
    pli__written_column out = *c;
    out.path = pli__arena_str(a, c->path);
    if (c->has_min_max) out.min = pli__arena_str(a, c->min), out.max = pli__arena_str(a, c->max);
    return out;
}

pli_status pli__raw_file_copy(pli__arena *arena, const pli__written_file *file, pli__raw_file **list, pli_error *err) {
    pli__raw_file *f = pli__arena_calloc(arena, 1, sizeof *f);
    pli__written_column *columns = pli__arena_calloc(arena, file->n_columns + 1, sizeof *columns);
    pli__written_key *keys = pli__arena_calloc(arena, file->n_keys + 1, sizeof *keys);
    if (!f || !columns || !keys) return pli__error_memory(err);
    for (size_t i = 0; i < file->n_columns; i++) columns[i] = copy_column(arena, &file->columns[i]);
    for (size_t i = 0; i < file->n_keys; i++) {
        keys[i].name = pli__arena_str(arena, file->keys[i].name);
        if (file->keys[i].value.ptr) keys[i].value = pli__arena_str(arena, file->keys[i].value);
    }
    f->file = *file;
    f->file.path = (pli__str){pli__arena_strdup(arena, file->path), file->path.len};
    f->file.columns = columns;
    f->file.keys = keys;
    f->next = *list;
    *list = f;
    return pli__arena_status(arena, err);
}

/* ---- partition values ---- */

static pli__str key_of(const pli__written_key *keys, size_t n, size_t part) {
    char name[32];
    pli__write_part_name(part, name);
    for (size_t i = 0; i < n; i++)
        if (pli__str_eqz(keys[i].name, name)) return keys[i].value;
    return (pli__str){0};
}

/* Append "name=value/", escaped as a folder; the value's text is that of the log. */
static pli_status add_folder(const pli__part_column *c, pli__str text, pli__buf *out, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf dir_text = {0};
    const size_t from = out->len;
    pli__hive_escape(c->physical, out);
    pli__buf_addc(out, '=');
    if (text.ptr) {
        PLI_TRY(pli__partition_dir_text(c->field->type, text, &dir_text, err));
        pli__hive_escape(pli__buf_str(&dir_text), out);
    } else {
        pli__buf_addz(out, PLI__HIVE_NULL);
    }
    if (out->len - from > FOLDER_NAME_MAX)
        return pli__error_set(err, PLI_E_DATA, "a value of partition column '%s' is too long for the name of a folder",
                              c->field->name);
    pli__buf_addc(out, '/');
    return pli__buf_status(out, err);
}

static pli_status partition_values(pli__placer *p, const pli__written_key *keys, size_t n_keys, pli__kv *values,
                                   pli__buf *folder, pli_error *err) {
    for (size_t i = 0; i < p->plan->n_parts; i++) {
        const pli__part_column *c = &p->plan->parts[i];
        PLI_AUTO(pli__buf_clear) pli__buf text = {0};
        bool is_null = false;
        PLI_TRY_IN(pli__partition_text(c->field->type, key_of(keys, n_keys, i), &text, &is_null, err), err,
                   "partition column '%s'", c->field->name);
        if (is_null && !c->field->nullable)
            return pli__error_set(err, PLI_E_CONSTRAINT, "column '%s' must not be null", c->field->name);
        values[i].key = pli__arena_str(&p->out->arena, c->physical);
        if (!is_null) values[i].value = pli__arena_str(&p->out->arena, pli__buf_str(&text));
        PLI_TRY(add_folder(c, values[i].value, folder, err));
    }
    return pli__arena_status(&p->out->arena, err);
}

/* ---- one file ---- */

/* Nulls of a simple top-level column in a file; -1 = not told. */
static pli_status nulls_of(const pli__written_file *file, const char *column, int64_t *out, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf key = {0};
    pli__buf_add_sql_name(&key, pli__str_of(column));
    PLI_TRY(pli__buf_status(&key, err));
    *out = -1;
    for (size_t k = 0; k < file->n_columns && *out < 0; k++)
        if (pli__str_eq(file->columns[k].path, pli__buf_str(&key)) && file->columns[k].has_null_count)
            *out = file->columns[k].null_count;
    return PLI_OK;
}

/* Simple top-level columns must not have nulls where the table forbids them; in the others their values are counted. */
static pli_status take_nulls(const pli__write_plan *p, const pli__written_file *file, pli__value_count *counts,
                             pli_error *err) {
    for (size_t i = 0; i < p->columns->n_fields; i++) {
        const pli__field *f = &p->columns->fields[i];
        int64_t nulls = -1;
        if (pli__type_is_nested(f->type)) continue;
        PLI_TRY(nulls_of(file, f->name, &nulls, err));
        if (!f->nullable && nulls > 0)
            return pli__error_set(err, PLI_E_CONSTRAINT,
                                  "column '%s' must not be null, but %lld rows have no value there",
                                  p->logical->fields[i].name, (long long)nulls);
        counts[i].values = nulls < 0 || counts[i].values < 0 ? -1 : counts[i].values + file->rows - nulls;
    }
    return PLI_OK;
}

/* A count for each column; those of nested and of partition columns are never told. */
static pli_status begin_counts(const pli__write_plan *p, pli__written *w, pli_error *err) {
    if (w->counts) return PLI_OK;
    w->counts = pli__arena_calloc(&w->arena, p->logical->n_fields + p->n_parts + 1, sizeof *w->counts);
    if (!w->counts) return pli__error_memory(err);
    for (size_t i = 0; i < p->logical->n_fields; i++) {
        const pli__field *f = &p->logical->fields[i];
        w->counts[i] = (pli__value_count){pli__arena_strdup(&w->arena, pli__str_of(f->name)),
                                          pli__type_is_nested(f->type) ? -1 : 0};
    }
    w->n_counts = p->logical->n_fields;
    for (size_t i = 0; i < p->n_parts; i++)
        w->counts[w->n_counts++] = (pli__value_count){
            pli__arena_strdup(&w->arena, pli__str_of(p->parts[i].field->name)), -1};
    return pli__arena_status(&w->arena, err);
}

static pli_status make_folder(pli__placer *p, const char *path, pli_error *err) {
    if (pli__map_has(p->folders, pli__str_of(path))) return PLI_OK;
    PLI_TRY(pli__fs_mkdirs(path, err));
    return pli__map_put(p->folders, pli__str_of(path), NULL, NULL) ? PLI_OK : pli__error_memory(err);
}

/* Path of the file relative to the table: folders as the file system has them. */
static void file_name(const pli__placer *p, pli__str folder, pli__buf *out) {
    char uuid[37];
    pli__uuid_new(uuid);
    if (p->sub_dir) pli__buf_addf(out, "%s/", p->sub_dir);
    if (!p->plan->mapped) pli__buf_adds(out, folder);
    pli__buf_addf(out, "%s-%05zu-%s-c000%s.parquet", p->prefix, p->out->n, uuid, p->plan->extension);
}

static pli_status move_file(pli__placer *p, const char *from, const char *relative, int64_t *mtime_ms, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf path = {0};
    pli__file_info info;
    pli__buf_addf(&path, "%s/%s", p->root, relative);
    PLI_TRY(pli__buf_status(&path, err));
    char *base = path.ptr + (pli__path_base(path.ptr) - path.ptr);
    base[-1] = '\0';
    PLI_TRY(make_folder(p, path.ptr, err));
    base[-1] = '/';
    PLI_TRY(pli__fs_rename(from, path.ptr, err));
    PLI_TRY(pli__fs_stat(path.ptr, &info, err));
    *mtime_ms = info.mtime_ns / 1000000;
    return PLI_OK;
}

static pli__add *new_file(pli__written *w) {
    if (w->n == w->cap) {
        const size_t cap = w->cap ? w->cap * 2 : 16;
        pli__add *more = pli__arena_calloc(&w->arena, cap, sizeof *more);
        if (!more) return NULL;
        if (w->n) memcpy(more, w->files, w->n * sizeof *more);
        w->files = more;
        w->cap = cap;
    }
    return &w->files[w->n];
}

pli_status pli__place_file(pli__placer *p, const pli__written_file *file, const pli__written_key *keys, size_t n_keys,
                           pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf folder = {0}, name = {0}, encoded = {0}, stats = {0};
    pli__arena *a = &p->out->arena;
    if (file->rows == 0) return pli__fs_unlink(file->path.ptr, true, err);
    PLI_TRY(begin_counts(p->plan, p->out, err));
    PLI_TRY(take_nulls(p->plan, file, p->out->counts, err));
    pli__kv *values = pli__arena_calloc(a, p->plan->n_parts + 1, sizeof *values);
    pli__add *add = new_file(p->out);
    if (!values || !add) return pli__error_memory(err);
    PLI_TRY(partition_values(p, keys, n_keys, values, &folder, err));
    PLI_TRY(pli__stats_write(p->plan->stats, file, p->engine, file->path.ptr, &stats, err));
    file_name(p, pli__buf_str(&folder), &name);
    PLI_TRY(pli__buf_status(&name, err));
    pli__uri_encode(pli__buf_str(&name), &encoded);
    PLI_TRY(pli__buf_status(&encoded, err));
    *add = (pli__add){.path = pli__arena_str(a, pli__buf_str(&encoded)),
                      .n_partition_values = p->plan->n_parts,
                      .partition_values = values,
                      .size = file->bytes,
                      .data_change = true,
                      .stats = pli__arena_str(a, pli__buf_str(&stats)),
                      .base_row_id = PLI__NO_ID,
                      .default_row_commit_version = PLI__NO_ID};
    PLI_TRY(pli__arena_status(a, err));
    PLI_TRY(move_file(p, file->path.ptr, name.ptr, &add->modification_time, err));
    p->out->n++;
    p->out->rows += file->rows;
    p->out->bytes += file->bytes;
    return PLI_OK;
}
