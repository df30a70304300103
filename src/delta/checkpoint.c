/* Checkpoints as read: the form is found out by content, state rows are taken at once, files are streamed. */
#include "delta/checkpoint.h"

#include <stdlib.h>

#include "base/arena.h"
#include "delta/action_read.h"
#include "delta/checkpoint_sql.h"
#include "delta/path.h"
#include "delta/table.h"

#define SIDECARS_MAX ((size_t)1000000) /* sidecar files of one checkpoint */

/* Parquet files of one schema: the checkpoint's own (all parts), or the sidecars. */
typedef struct {
    size_t n, cap;
    const char **paths;
    const pli__type *schema; /* NULL = no such files */
} file_group;

struct pli__log_checkpoint {
    int refs;
    pli__delta *table; /* borrowed: the snapshot holds it */
    int64_t version;
    pli__arena arena;
    const char *name;     /* in the log; of several parts, the first */
    const char *manifest; /* the same for a JSON manifest; NULL = Parquet */
    file_group own, sidecars;
    pli__sidecar *sidecar_facts; /* beside sidecars.paths */
    size_t cap_facts;
};

static void clear_group(file_group *g) {
    free((void *)g->paths);
    pli__type_unref(g->schema);
}

void pli__log_checkpoint_unref(pli__log_checkpoint *c) {
    if (!c || --c->refs > 0) return;
    clear_group(&c->own);
    clear_group(&c->sidecars);
    free(c->sidecar_facts);
    pli__arena_clear(&c->arena);
    free(c);
}

void pli__log_checkpoint_auto(pli__log_checkpoint **c) { pli__log_checkpoint_unref(*c); }

pli__log_checkpoint *pli__log_checkpoint_keep(pli__log_checkpoint *c) {
    if (c) c->refs++;
    return c;
}

int64_t pli__log_checkpoint_version(const pli__log_checkpoint *c) { return c->version; }
const char *pli__log_checkpoint_name(const pli__log_checkpoint *c) { return c->name; }

size_t pli__log_checkpoint_n_sidecars(const pli__log_checkpoint *c) { return c->sidecars.n; }
pli__sidecar pli__log_checkpoint_sidecar(const pli__log_checkpoint *c, size_t i) { return c->sidecar_facts[i]; }

static pli_status add_path(pli__log_checkpoint *c, file_group *g, pli__str path, pli_error *err) {
    if (g->n >= SIDECARS_MAX)
        return pli__error_set(err, PLI_E_LIMIT, "a checkpoint has more than %zu files", SIDECARS_MAX);
    if (g->n == g->cap) {
        const size_t cap = g->cap ? g->cap * 2 : 8;
        const char **moved = realloc((void *)g->paths, cap * sizeof *moved);
        if (!moved) return pli__error_memory(err);
        g->paths = moved;
        g->cap = cap;
    }
    g->paths[g->n] = pli__arena_strdup(&c->arena, path);
    if (!g->paths[g->n]) return pli__error_memory(err);
    g->n++;
    return PLI_OK;
}

/* ---- opening ---- */

typedef struct {
    pli__log_checkpoint *c;
    pli__action_fn *fn;
    void *arg;
} opening;

static pli_status note_sidecar(pli__log_checkpoint *c, pli__sidecar s, pli_error *err) {
    const size_t i = c->sidecars.n - 1;
    if (i >= c->cap_facts) {
        const size_t cap = c->cap_facts ? c->cap_facts * 2 : 8;
        pli__sidecar *moved = realloc(c->sidecar_facts, cap * sizeof *moved);
        if (!moved) return pli__error_memory(err);
        c->sidecar_facts = moved;
        c->cap_facts = cap;
    }
    s.path = pli__arena_str(&c->arena, s.path);
    c->sidecar_facts[i] = s;
    return pli__arena_status(&c->arena, err);
}

/* A sidecar is named relative to _sidecars; a full path is accepted. Its size is compared because it costs nothing and
 * shows a file that was cut off. */
static pli_status add_sidecar(pli__log_checkpoint *c, const pli__action *a, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf dir = {0};
    PLI_AUTO(pli__buf_clear) pli__buf path = {0};
    pli__file_info info;
    pli__buf_addz(&dir, c->table->root);
    pli__buf_addz(&dir, "/_delta_log/_sidecars");
    PLI_TRY(pli__buf_status(&dir, err));
    PLI_TRY(pli__uri_resolve(dir.ptr, a->sidecar.path, &path, err));
    PLI_TRY(pli__fs_stat(path.ptr, &info, err));
    if (info.kind == PLI__FILE_NONE) return pli__error_set(err, PLI_E_CORRUPT, "sidecar '%s' is missing", path.ptr);
    if (a->sidecar.size >= 0 && info.size != a->sidecar.size)
        return pli__error_set(err, PLI_E_CORRUPT, "sidecar '%s' has %lld bytes instead of %lld", path.ptr,
                              (long long)info.size, (long long)a->sidecar.size);
    PLI_TRY(add_path(c, &c->sidecars, pli__buf_str(&path), err));
    const pli__sidecar facts = {a->sidecar.path, info.size, a->sidecar.modification_time};
    return note_sidecar(c, facts, err);
}

static pli_status open_action(void *arg, const pli__action *a, pli_error *err) {
    opening *o = arg;
    return a->kind == PLI__ACTION_SIDECAR ? add_sidecar(o->c, a, err) : o->fn(o->arg, a, err);
}

static pli_status describe_group(pli__log_checkpoint *c, file_group *g, pli_error *err) {
    pli__engine *e;
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
    if (!g->n) return PLI_OK;
    PLI_TRY(pli__delta_reader(c->table, &e, err));
    pli__buf_addz(&sql, "SELECT * FROM ");
    pli__log_checkpoint_sql_source(&sql, g->paths, 1);
    PLI_TRY(pli__buf_status(&sql, err));
    return pli__engine_describe(e, sql.ptr, &g->schema, err);
}

enum { STATE_ROWS_AT_ONCE = 1000 };

/* State rows come as JSON from the engine and go through the parser of commits. */
static pli_status read_rows(pli__log_checkpoint *c, opening *o, const char *path, const int64_t *numbers, size_t n,
                            pli_error *err) {
    pli__engine *e;
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
    PLI_AUTO(pli__result_auto) pli__result *rows = NULL;
    PLI_AUTO(pli__action_reader_clear) pli__action_reader reader = {.what = {.kinds = PLI__READ_STATE}};
    pli__chunk chunk;
    if (!n) return PLI_OK;
    pli__log_checkpoint_sql_state(&sql, c->own.schema, path, numbers, n);
    PLI_TRY(pli__buf_status(&sql, err));
    PLI_TRY(pli__delta_reader(c->table, &e, err));
    PLI_TRY(pli__engine_query(e, sql.ptr, &rows, err));
    for (;;) {
        PLI_TRY(pli__result_next(rows, &chunk, err));
        if (!chunk.rows) return PLI_OK;
        for (size_t i = 0; i < chunk.rows; i++)
            PLI_TRY(pli__action_read_line(&reader, pli__chunk_str(&chunk, 0, i), path, 0, open_action, o, err));
    }
}

typedef struct {
    int64_t *numbers;
    size_t n, cap;
} row_numbers;

static void row_numbers_clear(row_numbers *r) { free(r->numbers); }

static pli_status keep_number(row_numbers *r, int64_t number, pli_error *err) {
    if (r->n == r->cap) {
        const size_t cap = r->cap ? r->cap * 2 : 64;
        int64_t *moved = realloc(r->numbers, cap * sizeof *moved);
        if (!moved) return pli__error_memory(err);
        r->numbers = moved;
        r->cap = cap;
    }
    r->numbers[r->n++] = number;
    return PLI_OK;
}

static pli_status find_rows(pli__log_checkpoint *c, const char *path, row_numbers *out, pli_error *err) {
    pli__engine *e;
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
    PLI_AUTO(pli__result_auto) pli__result *rows = NULL;
    pli__chunk chunk;
    if (!pli__log_checkpoint_sql_state_rows(&sql, c->own.schema, path)) return PLI_OK;
    PLI_TRY(pli__buf_status(&sql, err));
    PLI_TRY(pli__delta_reader(c->table, &e, err));
    PLI_TRY(pli__engine_query(e, sql.ptr, &rows, err));
    for (;;) {
        PLI_TRY(pli__result_next(rows, &chunk, err));
        if (!chunk.rows) return PLI_OK;
        for (size_t i = 0; i < chunk.rows; i++) PLI_TRY(keep_number(out, pli__chunk_i64(&chunk, 0, i), err));
    }
}

static pli_status read_state_rows(pli__log_checkpoint *c, opening *o, pli_error *err) {
    for (size_t f = 0; f < c->own.n; f++) {
        PLI_AUTO(row_numbers_clear) row_numbers found = {0};
        PLI_TRY(find_rows(c, c->own.paths[f], &found, err));
        for (size_t i = 0; i < found.n; i += STATE_ROWS_AT_ONCE) {
            const size_t n = found.n - i < STATE_ROWS_AT_ONCE ? found.n - i : STATE_ROWS_AT_ONCE;
            PLI_TRY(read_rows(c, o, c->own.paths[f], found.numbers + i, n, err));
        }
    }
    return PLI_OK;
}

static pli_status open_parquet(pli__log_checkpoint *c, const pli__log_checkpoint_ref *ref, opening *o, pli_error *err) {
    const char *dir = pli__store_local_path(c->table->log);
    if (!dir)
        return pli__error_set(err, PLI_E_UNSUPPORTED, "a checkpoint in Parquet can be read from a local folder only");
    for (uint32_t i = 0; i < ref->n_files; i++) {
        PLI_AUTO(pli__free_ptr) char *path = pli__path_join(dir, ref->names[i]);
        if (!path) return pli__error_memory(err);
        PLI_TRY(add_path(c, &c->own, pli__str_of(path), err));
    }
    PLI_TRY(describe_group(c, &c->own, err));
    return read_state_rows(c, o, err);
}

static pli_status read_manifest(pli__log_checkpoint *c, pli__read_what what, pli__action_fn *fn, void *arg,
                                pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf text = {0};
    PLI_AUTO(pli__buf_clear) pli__buf name = {0};
    pli__buf_addz(&name, c->table->root);
    pli__buf_addz(&name, "/_delta_log/");
    pli__buf_addz(&name, c->manifest);
    PLI_TRY(pli__buf_status(&name, err));
    PLI_TRY(pli__store_get(c->table->log, c->manifest, PLI__COMMIT_MAX, &text, err));
    return pli__actions_read(pli__buf_str(&text), name.ptr, what, fn, arg, err);
}

static pli_status open_manifest(pli__log_checkpoint *c, opening *o, pli_error *err) {
    c->manifest = c->name;
    return read_manifest(c, (pli__read_what){.kinds = PLI__READ_STATE}, open_action, o, err);
}

pli_status pli__log_checkpoint_open(pli__delta *t, const pli__log_checkpoint_ref *ref, pli__action_fn *fn, void *arg,
                                    pli__log_checkpoint **out, pli_error *err) {
    PLI_AUTO(pli__log_checkpoint_auto) pli__log_checkpoint *c = calloc(1, sizeof *c);
    if (!c) return pli__error_memory(err);
    c->refs = 1;
    c->table = t;
    c->version = ref->version;
    c->name = pli__arena_strdup(&c->arena, pli__str_of(ref->names[0]));
    if (!c->name) return pli__error_memory(err);
    opening o = {c, fn, arg};
    PLI_TRY_IN(ref->kind == PLI__CHECKPOINT_V2_JSON ? open_manifest(c, &o, err) : open_parquet(c, ref, &o, err), err,
               "checkpoint '%s'", ref->names[0]);
    PLI_TRY_IN(describe_group(c, &c->sidecars, err), err, "checkpoint '%s'", ref->names[0]);
    *out = PLI_TAKE(c);
    return PLI_OK;
}

/* ---- files ---- */

typedef struct {
    unsigned fields;
    bool removes;
    const pli__tail *newer;
    pli__add_fn *add;
    pli__remove_fn *remove;
    void *arg;
    bool stopped; /* the caller's function ended it */
    pli__action_reader reader; /* memory for partition values */
} file_pass;

static void pass_clear(file_pass *p) { pli__action_reader_clear(&p->reader); }

static bool is_hidden(const file_pass *p, pli__str path, const pli__dv *dv) {
    return p->newer && pli__tail_has(p->newer, path, dv);
}

static pli_status pass_action(void *arg, const pli__action *a, pli_error *err) {
    file_pass *p = arg;
    pli_status st = PLI_OK;
    if (a->kind == PLI__ACTION_ADD && !p->removes && !is_hidden(p, a->add.path, &a->add.dv))
        st = p->add(p->arg, &a->add, err);
    else if (a->kind == PLI__ACTION_REMOVE && p->removes && !is_hidden(p, a->remove.path, &a->remove.dv))
        st = p->remove(p->arg, &a->remove, err);
    p->stopped = st != PLI_OK;
    return st;
}

/* The rows of some of a group's files. */
static pli_status pass_files(pli__log_checkpoint *c, const file_group *g, const char *const *paths, size_t n,
                             file_pass *p, pli_error *err) {
    pli__engine *e;
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
    PLI_AUTO(pli__result_auto) pli__result *rows = NULL;
    pli__file_columns columns;
    pli__chunk chunk;
    pli__action a;
    if (!n || !pli__log_checkpoint_sql_files(&sql, g->schema, paths, n, p->removes, p->fields, &columns)) return PLI_OK;
    PLI_TRY(pli__buf_status(&sql, err));
    PLI_TRY(pli__delta_reader(c->table, &e, err));
    PLI_TRY(pli__engine_query(e, sql.ptr, &rows, err));
    for (;;) {
        PLI_TRY(pli__env_check_cancel(c->table->env, err));
        PLI_TRY(pli__result_next(rows, &chunk, err));
        if (!chunk.rows) return PLI_OK;
        for (size_t i = 0; i < chunk.rows; i++) {
            PLI_TRY(pli__log_checkpoint_sql_row(&chunk, i, &columns, &p->reader, &a, err));
            PLI_TRY(pass_action(p, &a, err));
        }
    }
}

static pli_status drop_add(void *arg, const pli__add *add, pli_error *err) {
    (void)arg, (void)add, (void)err;
    return PLI_OK;
}

static pli_status drop_remove(void *arg, const pli__remove *remove, pli_error *err) {
    (void)arg, (void)remove, (void)err;
    return PLI_OK;
}

/* The engine does not always say which of several files is broken; each read by itself shows it. */
static const char *find_broken(pli__log_checkpoint *c, const file_group *g, const file_pass *failed) {
    PLI_AUTO(pass_clear)
    file_pass p = {.fields = failed->fields,
                   .removes = failed->removes,
                   .add = drop_add,
                   .remove = drop_remove,
                   .reader.what = failed->reader.what};
    if (g->n == 1) return g->paths[0];
    for (size_t i = 0; i < g->n; i++)
        if (pass_files(c, g, &g->paths[i], 1, &p, NULL) != PLI_OK) return g->paths[i];
    return c->name;
}

static pli_status pass_group(pli__log_checkpoint *c, const file_group *g, file_pass *p, pli_error *err) {
    const pli_status st = pass_files(c, g, g->paths, g->n, p, err);
    if (st == PLI_OK || st == PLI_E_MEMORY || st == PLI_E_CANCELLED || p->stopped) return st;
    return pli__error_prefix(err, st, "checkpoint file '%s'", find_broken(c, g, p));
}

static pli_status run_pass(pli__log_checkpoint *c, file_pass *p, pli_error *err) {
    p->reader.what = (pli__read_what){.kinds = PLI__READ_FILES, .fields = p->fields};
    if (c->manifest) PLI_TRY(read_manifest(c, p->reader.what, pass_action, p, err));
    else PLI_TRY(pass_group(c, &c->own, p, err));
    return pass_group(c, &c->sidecars, p, err);
}

pli_status pli__log_checkpoint_files(pli__log_checkpoint *c, unsigned fields, const pli__tail *newer, pli__add_fn *fn,
                                     void *arg, pli_error *err) {
    PLI_AUTO(pass_clear) file_pass p = {.fields = fields, .newer = newer, .add = fn, .arg = arg};
    return run_pass(c, &p, err);
}

pli_status pli__log_checkpoint_removes(pli__log_checkpoint *c, const pli__tail *newer, pli__remove_fn *fn, void *arg,
                                       pli_error *err) {
    PLI_AUTO(pass_clear)
    file_pass p = {
        .fields = PLI__FILES_PARTITIONS | PLI__FILES_OTHER, .removes = true, .newer = newer, .remove = fn, .arg = arg};
    return run_pass(c, &p, err);
}

/* ---- one part alone ---- */

static pli_status part_pass(pli__log_checkpoint *c, size_t part, file_pass *p, pli_error *err) {
    if (part != PLI__CHECKPOINT_OWN) {
        const file_group one = {.n = 1, .paths = &c->sidecars.paths[part], .schema = c->sidecars.schema};
        return pass_group(c, &one, p, err);
    }
    return c->manifest ? read_manifest(c, p->reader.what, pass_action, p, err) : pass_group(c, &c->own, p, err);
}

pli_status pli__log_checkpoint_part(pli__log_checkpoint *c, size_t part, unsigned fields, const pli__tail *newer,
                                    pli__add_fn *add, pli__remove_fn *remove, void *arg, pli_error *err) {
    PLI_AUTO(pass_clear) file_pass p = {.fields = fields, .newer = newer, .add = add, .remove = remove, .arg = arg};
    p.reader.what = (pli__read_what){.kinds = PLI__READ_FILES, .fields = fields};
    PLI_TRY(part_pass(c, part, &p, err));
    p.removes = true;
    return part_pass(c, part, &p, err);
}

pli_status pli__log_checkpoint_sidecar_schema(pli__log_checkpoint *c, size_t i, const pli__type **out, pli_error *err) {
    pli__engine *e;
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
    PLI_TRY(pli__delta_reader(c->table, &e, err));
    pli__buf_addz(&sql, "SELECT * FROM ");
    pli__log_checkpoint_sql_source(&sql, &c->sidecars.paths[i], 1);
    PLI_TRY(pli__buf_status(&sql, err));
    return pli__engine_describe(e, sql.ptr, out, err);
}
