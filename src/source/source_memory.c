/* The source in memory: the least that the interface asks for, as a model for the others and a tool for tests. */
#include "source/source_memory.h"

#include <stdlib.h>

#include "base/json.h"
#include "base/map.h"

typedef struct memory_file {
    char *path, *sql;
    const pli__type *schema;
    int64_t mtime_ns;
    bool removed, broken, beyond; /* beyond: arrived after the bound was set */
} memory_file;

typedef struct memory_source {
    pli__source base;
    memory_file *files; /* ascending by path */
    size_t n;
    int64_t limit, commits;
    bool bounded;
} memory_source;

static memory_file *find(memory_source *m, const char *path) {
    for (size_t i = 0; i < m->n; i++)
        if (strcmp(m->files[i].path, path) == 0) return &m->files[i];
    return NULL;
}

static void free_file(memory_file *f) {
    free(f->path);
    free(f->sql);
    pli__type_unref(f->schema);
}

/* ---- plan ---- */

static pli_status note_known(pli__checkpoint *cp, pli__map *known, pli_error *err) {
    size_t n = 0;
    PLI_TRY(pli__checkpoint_check(cp, err));
    const int64_t *ids = pli__checkpoint_offset_ids(cp, &n);
    for (size_t i = 0; i < n; i++) {
        PLI_AUTO(pli__json_unref) json_t *offset = NULL;
        PLI_TRY(pli__checkpoint_read_offset(cp, ids[i], &offset, NULL, err));
        size_t k;
        json_t *path;
        json_array_foreach(json_object_get(offset, "files"), k,
                           path) if (!pli__map_put(known, pli__str_of(json_string_value(path)), known,
                                                   NULL)) return pli__error_memory(err);
    }
    return PLI_OK;
}

static pli_status memory_plan(pli__source *s, pli__checkpoint *cp, json_t **offset, pli_error *err) {
    memory_source *m = (memory_source *)s;
    PLI_AUTO(pli__map_auto) pli__map *known = pli__map_new();
    if (!known) return pli__error_memory(err);
    PLI_TRY(note_known(cp, known, err));
    PLI_AUTO(pli__json_unref) json_t *files = json_array();
    PLI_AUTO(pli__json_unref) json_t *infos = json_array();
    for (size_t i = 0; i < m->n; i++) {
        const memory_file *f = &m->files[i];
        if (f->removed || (f->beyond && m->bounded) || pli__map_has(known, pli__str_of(f->path))) continue;
        if (m->limit > 0 && json_array_size(files) >= (size_t)m->limit) break;
        if (json_array_append_new(files, json_string(f->path)) < 0 ||
            json_array_append_new(infos, json_pack("[I, I]", (json_int_t)strlen(f->sql), (json_int_t)f->mtime_ns)) < 0)
            return pli__error_memory(err);
    }
    if (json_array_size(files) == 0) return PLI_OK;
    *offset = json_pack("{s:O, s:O}", "files", files, "file_info", infos);
    return *offset ? PLI_OK : pli__error_memory(err);
}

/* ---- read ---- */

static pli_status check_file(const memory_file *f, const char *path, const json_t *info, pli_error *err) {
    if (!f || f->removed) return pli__error_set(err, PLI_E_NOT_FOUND, "'%s' is gone", path);
    if (info && json_integer_value(json_array_get(info, 1)) != f->mtime_ns) {
        pli__error_set(err, PLI_E_FILE_CHANGED, "'%s' changed since it was planned", path);
        pli__error_flag(err, PLI_ERR_RETRIABLE);
        return PLI_E_FILE_CHANGED;
    }
    return PLI_OK;
}

static pli_status fill_part(pli__part *part, const memory_file *f, pli_error *err) {
    if (f->broken) return pli__error_set(err, PLI_E_DATA, "'%s' is not what it should be", f->path);
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
    pli__buf_addz(&sql, "SELECT *, ");
    pli__buf_add_sql_str(&sql, pli__str_of(f->path));
    pli__buf_addf(&sql, " AS _pli_path FROM (%s)", f->sql);
    part->files = calloc(1, sizeof *part->files);
    part->sql = pli__buf_take(&sql);
    if (!part->files || !part->sql) return pli__error_memory(err);
    part->n_files = 1;
    part->files[0] = (pli__input_file){pli__strz_dup(f->path), (int64_t)strlen(f->sql), f->mtime_ns, false};
    part->schema = f->schema ? pli__type_ref(f->schema) : NULL;
    return part->files[0].path ? PLI_OK : pli__error_memory(err);
}

static pli_status memory_relation(pli__source *s, const json_t *offset, pli__relation **out, pli_error *err) {
    memory_source *m = (memory_source *)s;
    const json_t *files = json_object_get(offset, "files"), *infos = json_object_get(offset, "file_info");
    PLI_AUTO(pli__relation_auto) pli__relation *r = calloc(1, sizeof *r);
    size_t n = json_array_size(files);
    if (!r || !(r->parts = calloc(n ? n : 1, sizeof *r->parts))) return pli__error_memory(err);
    for (size_t i = 0; i < n; i++) {
        const char *path = json_string_value(json_array_get(files, i));
        const memory_file *f = find(m, path ? path : "");
        PLI_TRY(check_file(f, path ? path : "", json_array_get(infos, i), err));
        r->n_parts = i + 1;
        PLI_TRY(fill_part(&r->parts[i], f, err));
    }
    *out = PLI_TAKE(r);
    return PLI_OK;
}

static pli_status memory_recheck(pli__source *s, const json_t *offset, pli_error *err) {
    memory_source *m = (memory_source *)s;
    const json_t *files = json_object_get(offset, "files"), *infos = json_object_get(offset, "file_info");
    for (size_t i = 0; i < json_array_size(files); i++) {
        const char *path = json_string_value(json_array_get(files, i));
        PLI_TRY(check_file(find(m, path ? path : ""), path ? path : "", json_array_get(infos, i), err));
    }
    return PLI_OK;
}

static pli_status memory_committed(pli__source *s, pli__checkpoint *cp, int64_t batch_id, const json_t *offset,
                                   pli_error *err) {
    (void)cp, (void)batch_id, (void)offset, (void)err;
    ((memory_source *)s)->commits++;
    return PLI_OK;
}

static pli_status memory_backlog(pli__source *s, pli__checkpoint *cp, json_t *into, pli_error *err) {
    memory_source *m = (memory_source *)s;
    int64_t limit = m->limit;
    PLI_AUTO(pli__json_unref) json_t *offset = NULL;
    m->limit = 0;
    pli_status status = memory_plan(s, cp, &offset, err);
    m->limit = limit;
    PLI_TRY(status);
    size_t waiting = json_array_size(json_object_get(offset, "files"));
    return json_object_set_new(into, "filesWaiting", json_integer((json_int_t)waiting)) == 0 ? PLI_OK
                                                                                             : pli__error_memory(err);
}

static pli_status memory_bound(pli__source *s, pli__checkpoint *cp, bool on, pli_error *err) {
    (void)cp, (void)err;
    memory_source *m = (memory_source *)s;
    m->bounded = on;
    for (size_t i = 0; i < m->n; i++) m->files[i].beyond = false;
    return PLI_OK;
}

static void memory_free(pli__source *s) {
    memory_source *m = (memory_source *)s;
    for (size_t i = 0; i < m->n; i++) free_file(&m->files[i]);
    free(m->files);
    free(m);
}

static const pli__source_ops memory_ops = {
    .version = 1,
    .kind = "memory",
    .plan = memory_plan,
    .relation = memory_relation,
    .recheck = memory_recheck,
    .committed = memory_committed,
    .backlog = memory_backlog,
    .free = memory_free,
    .bound = memory_bound,
};

pli_status pli__source_memory_new(pli__source **out, pli_error *err) {
    memory_source *m = calloc(1, sizeof *m);
    if (!m) return pli__error_memory(err);
    m->base.ops = &memory_ops;
    *out = &m->base;
    return PLI_OK;
}

pli_status pli__source_memory_add(pli__source *s, const char *path, const char *sql, const pli__type *schema,
                                  pli_error *err) {
    memory_source *m = (memory_source *)s;
    memory_file f = {pli__strz_dup(path), pli__strz_dup(sql), schema ? pli__type_ref(schema) : NULL, 1000, false, false,
                     m->bounded};
    memory_file *grown = realloc(m->files, (m->n + 1) * sizeof *grown);
    if (grown) m->files = grown;
    if (!grown || !f.path || !f.sql) {
        free_file(&f);
        return pli__error_memory(err);
    }
    size_t at = m->n++;
    for (; at > 0 && strcmp(grown[at - 1].path, path) > 0; at--) grown[at] = grown[at - 1];
    grown[at] = f;
    return PLI_OK;
}

void pli__source_memory_touch(pli__source *s, const char *path) {
    memory_file *f = find((memory_source *)s, path);
    if (f) f->mtime_ns++;
}

void pli__source_memory_remove(pli__source *s, const char *path) {
    memory_file *f = find((memory_source *)s, path);
    if (f) f->removed = true;
}

void pli__source_memory_break(pli__source *s, const char *path) {
    memory_file *f = find((memory_source *)s, path);
    if (f) f->broken = true;
}

void pli__source_memory_limit(pli__source *s, int64_t max_files) { ((memory_source *)s)->limit = max_files; }
int64_t pli__source_memory_commits(const pli__source *s) { return ((const memory_source *)s)->commits; }
