/* pli/table.h: rows and changes, as an Arrow stream, as JSON, or into a file. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "delta/changes.h"
#include "delta/history.h"
#include "delta/table_public.h"

/* What is read: one of the two, with its SQL. */
typedef struct {
    pli_table *table;
    pli__scan *scan;
    pli__changes *changes;
    int64_t from, to; /* versions; of a scan, the same */
    pli__buf sql;
} source;

static void source_clear(source *s) {
    pli__buf_clear(&s->sql);
    pli__scan_free(s->scan);
    pli__changes_free(s->changes);
}

static pli_status finish_source(source *s, bool has_limit, int64_t limit, pli_error *err) {
    pli__buf_addz(&s->sql, s->scan ? pli__scan_sql(s->scan) : pli__changes_sql(s->changes));
    if (has_limit && limit < 0) return pli__error_set(err, PLI_E_ARGUMENT, "limit %" PRId64 " is negative", limit);
    if (has_limit) pli__buf_addf(&s->sql, " LIMIT %" PRId64, limit);
    return pli__buf_status(&s->sql, err);
}

/* An error of the engine while it read: which version it was about, and what a file that is not there means. */
static pli_status say_version(const source *s, pli_status st, pli_error *err) {
    const char *root = pli__delta_root(s->table->delta);
    if (st == PLI_OK || st == PLI_E_SQL || st == PLI_E_MEMORY || st == PLI_E_CANCELLED) return st;
    if (s->scan) pli__error_prefix(err, st, "version %" PRId64 " of '%s'", s->to, root);
    else pli__error_prefix(err, st, "changes of versions %" PRId64 " to %" PRId64 " of '%s'", s->from, s->to, root);
    if (st == PLI_E_NOT_FOUND) pli__error_hint(err, "the log names this file: restore it; `pli delta fsck` lists all");
    return st;
}

static pli_status open_scan(pli_table *t, const pli_read_options *options, source *s, pli_error *err) {
    static const pli_read_options defaults = {.size = sizeof(pli_read_options)};
    const pli_read_options *o = options ? options : &defaults;
    PLI_AUTO(pli__snapshot_auto) pli__snapshot *snapshot = NULL;
    int64_t version;
    if (!t) return pli__error_set(err, PLI_E_ARGUMENT, "'t' must not be NULL");
    if (o->size < sizeof *o) return pli__error_set(err, PLI_E_ARGUMENT, "pli_read_options.size is not set");
    s->table = t;
    PLI_TRY(pli__table_resolve(t, o->has_version, o->version, o->timestamp, &version, err));
    const pli__snapshot_options so = {.ignore_checkpoints = o->ignore_checkpoints,
                                      .with_files = true,
                                      .files = PLI__FILES_PARTITIONS | PLI__FILES_STATS};
    PLI_TRY(pli__snapshot_open(t->delta, version, &so, &snapshot, err));
    s->from = s->to = pli__snapshot_version(snapshot);
    const pli__scan_options scan = {.where = o->where, .n_columns = o->n_columns, .columns = o->columns};
    PLI_TRY(pli__scan_new(snapshot, &scan, &s->scan, err));
    return finish_source(s, o->has_limit, o->limit, err);
}

/* ---- ranges of changes ---- */

static pli_status first_version_from(pli_table *t, const char *text, int64_t *out, pli_error *err) {
    pli__time_rule rule;
    int64_t us, before;
    PLI_TRY(pli__table_parse_time(t, text, &us, err));
    PLI_TRY(pli__time_rule_open(t->delta, &rule, err));
    const int64_t ms = us >= 0 ? (us + 999) / 1000 : us / 1000; /* the first whole millisecond that is not before it */
    PLI_TRY(pli__time_rule_find(t->delta, &rule, ms - 1, &before, err));
    if (before >= rule.last) {
        pli__error_set(err, PLI_E_NOT_FOUND, "'%s' has no version from %s on", pli__delta_root(t->delta), text);
        pli__error_hint(err, "`pli delta history` lists the versions with their times");
        return PLI_E_NOT_FOUND;
    }
    *out = before + 1;
    return PLI_OK;
}

static pli_status range_of(pli_table *t, const pli_changes_options *o, int64_t *from, int64_t *to, pli_error *err) {
    int64_t newest = -1;
    if (o->has_from_version == (o->from_timestamp != NULL))
        return pli__error_set(err, PLI_E_ARGUMENT, "changes need a start: either a version or a timestamp");
    if (o->has_from_version && o->from_version < 0)
        return pli__error_set(err, PLI_E_ARGUMENT, "version %" PRId64 " is negative", o->from_version);
    PLI_TRY(pli__delta_latest_version(t->delta, &newest, err));
    *from = o->from_version;
    if (o->from_timestamp) PLI_TRY(first_version_from(t, o->from_timestamp, from, err));
    PLI_TRY(pli__table_resolve(t, o->has_to_version, o->to_version, o->to_timestamp, to, err));
    if (*to == PLI__LATEST) *to = newest;
    if (*from > newest || *to > newest) {
        pli__error_set(err, PLI_E_NOT_FOUND, "version %" PRId64 " of '%s' does not exist; the newest is %" PRId64,
                       *from > newest ? *from : *to, pli__delta_root(t->delta), newest);
        pli__error_hint(err, "`pli delta history` lists the versions that are there");
        return PLI_E_NOT_FOUND;
    }
    if (*from > *to)
        return pli__error_set(err, PLI_E_ARGUMENT,
                              "the range of changes ends (%" PRId64 ") before it begins (%" PRId64 ")", *to, *from);
    return PLI_OK;
}

static pli_status open_changes(pli_table *t, const pli_changes_options *o, source *s, pli_error *err) {
    if (!t || !o) return pli__error_set(err, PLI_E_ARGUMENT, "'t' and 'options' must not be NULL");
    if (o->size < sizeof *o) return pli__error_set(err, PLI_E_ARGUMENT, "pli_changes_options.size is not set");
    pli__changes_options c = {
        .synthesize = o->synthesize, .n_columns = o->n_columns, .columns = o->columns, .where = o->where};
    s->table = t;
    PLI_TRY(range_of(t, o, &c.from, &c.to, err));
    s->from = c.from;
    s->to = c.to;
    PLI_TRY(pli__changes_new(t->delta, &c, &s->changes, err));
    return finish_source(s, o->has_limit, o->limit, err);
}

/* ---- as an Arrow stream ---- */

/* The engine's stream with the source that its SQL depends on, released together. */
typedef struct {
    struct ArrowArrayStream inner;
    source s;
} owned_stream;

static int owned_schema(struct ArrowArrayStream *s, struct ArrowSchema *out) {
    owned_stream *o = s->private_data;
    return o->inner.get_schema(&o->inner, out);
}

static int owned_next(struct ArrowArrayStream *s, struct ArrowArray *out) {
    owned_stream *o = s->private_data;
    return o->inner.get_next(&o->inner, out);
}

static const char *owned_error(struct ArrowArrayStream *s) {
    owned_stream *o = s->private_data;
    return o->inner.get_last_error(&o->inner);
}

static void owned_release(struct ArrowArrayStream *s) {
    owned_stream *o = s->private_data;
    o->inner.release(&o->inner);
    source_clear(&o->s);
    free(o);
    s->release = NULL;
}

static pli_status stream_source(source *s, struct ArrowArrayStream *out, pli_error *err) {
    pli__engine *e;
    PLI_AUTO(pli__free_ptr) owned_stream *o = calloc(1, sizeof *o);
    if (!o) return pli__error_memory(err);
    PLI_TRY(pli__env_engine(s->table->env, &e, err));
    PLI_TRY(say_version(s, pli__engine_query_arrow(e, s->sql.ptr, &o->inner, err), err));
    o->s = *s;
    *s = (source){0};
    *out = (struct ArrowArrayStream){owned_schema, owned_next, owned_error, owned_release, PLI_TAKE(o)};
    return PLI_OK;
}

pli_status pli_table_read(pli_table *t, const pli_read_options *options, struct ArrowArrayStream *out, pli_error *err) {
    PLI_AUTO(source_clear) source s = {0};
    if (!out) return pli__error_set(err, PLI_E_ARGUMENT, "'out' must not be NULL");
    PLI_TRY(open_scan(t, options, &s, err));
    return stream_source(&s, out, err);
}

pli_status pli_table_changes(pli_table *t, const pli_changes_options *options, struct ArrowArrayStream *out,
                             pli_error *err) {
    PLI_AUTO(source_clear) source s = {0};
    if (!out) return pli__error_set(err, PLI_E_ARGUMENT, "'out' must not be NULL");
    PLI_TRY(open_changes(t, options, &s, err));
    return stream_source(&s, out, err);
}

/* ---- as JSON ---- */

/* Length of a word that the engine writes for a number, but which is none in JSON; 0 = it is not one. */
static size_t odd_number(pli__str s) {
    static const char *const words[] = {"NaN", "Infinity", "-Infinity"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (pli__str_starts(s, pli__str_of(words[i]))) return strlen(words[i]);
    return 0;
}

/* NaN and the infinities become texts, as Spark has them; decimals without whole digits get their zero. */
static void add_json_row(pli__str row, pli__buf *out) {
    size_t from = 0;
    bool quoted = false;
    for (size_t at = 0; at < row.len; at++) {
        const char c = row.ptr[at];
        if (c == '"') quoted = !quoted;
        if (quoted && c == '\\') at++;
        if (!quoted && c == '.' && at && (row.ptr[at - 1] < '0' || row.ptr[at - 1] > '9')) {
            pli__buf_add(out, row.ptr + from, at - from);
            pli__buf_addc(out, '0');
            from = at;
        }
        if (quoted || (c != 'N' && c != 'I' && c != '-')) continue;
        const size_t len = odd_number((pli__str){row.ptr + at, row.len - at});
        if (!len) continue;
        pli__buf_add(out, row.ptr + from, at - from);
        pli__buf_addf(out, "\"%.*s\"", (int)len, row.ptr + at);
        from = at + len;
        at = from - 1;
    }
    pli__buf_add(out, row.ptr + from, row.len - from);
}

static pli_status emit_chunk(const pli__chunk *chunk, pli_row_fn *fn, void *arg, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf row = {0};
    for (size_t i = 0; i < chunk->rows; i++) {
        pli__buf_reset(&row);
        add_json_row(pli__chunk_str(chunk, 0, i), &row);
        PLI_TRY(pli__table_emit(fn, arg, &row, err));
    }
    return PLI_OK;
}

static pli_status emit_rows(source *s, pli_row_fn *fn, void *arg, pli_error *err) {
    pli__engine *e;
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
    PLI_AUTO(pli__result_auto) pli__result *rows = NULL;
    pli__chunk chunk;
    PLI_TRY(pli__env_engine(s->table->env, &e, err));
    char alias[37]; /* a column of the same name would be taken for the row */
    pli__uuid_new(alias);
    pli__buf_addf(&sql, "SELECT CAST(to_json(\"%s\") AS VARCHAR) FROM (%s) AS \"%s\"", alias, s->sql.ptr, alias);
    PLI_TRY(pli__buf_status(&sql, err));
    PLI_TRY(say_version(s, pli__engine_query(e, sql.ptr, &rows, err), err));
    for (;;) {
        PLI_TRY(pli__env_check_cancel(s->table->env, err));
        PLI_TRY(say_version(s, pli__result_next(rows, &chunk, err), err));
        if (!chunk.rows) return PLI_OK;
        PLI_TRY(emit_chunk(&chunk, fn, arg, err));
    }
}

pli_status pli_table_read_rows(pli_table *t, const pli_read_options *options, pli_row_fn *fn, void *arg,
                               pli_error *err) {
    PLI_AUTO(source_clear) source s = {0};
    if (!fn) return pli__error_set(err, PLI_E_ARGUMENT, "'fn' must not be NULL");
    PLI_TRY(open_scan(t, options, &s, err));
    return emit_rows(&s, fn, arg, err);
}

pli_status pli_table_changes_rows(pli_table *t, const pli_changes_options *options, pli_row_fn *fn, void *arg,
                                  pli_error *err) {
    PLI_AUTO(source_clear) source s = {0};
    if (!fn) return pli__error_set(err, PLI_E_ARGUMENT, "'fn' must not be NULL");
    PLI_TRY(open_changes(t, options, &s, err));
    return emit_rows(&s, fn, arg, err);
}

/* ---- into a file ---- */

static const struct {
    const char *ending, *copy;
} file_formats[] = {{".parquet", "FORMAT parquet"},
                    {".csv", "FORMAT csv, HEADER true"},
                    {".ndjson", "FORMAT json, ARRAY false"},
                    {".jsonl", "FORMAT json, ARRAY false"},
                    {".json", "FORMAT json, ARRAY true"}};

static pli_status format_of(const char *path, const char **out, pli_error *err) {
    for (size_t i = 0; i < sizeof file_formats / sizeof file_formats[0]; i++) {
        if (!pli__str_ends(pli__str_of(path), pli__str_of(file_formats[i].ending))) continue;
        *out = file_formats[i].copy;
        return PLI_OK;
    }
    pli__error_set(err, PLI_E_ARGUMENT, "the ending of '%s' names no format", path);
    return pli__error_hint(err, "use .parquet, .csv, .ndjson, .jsonl or .json");
}

/* Written beside the target and moved over it, so that nobody meets half a file. */
static pli_status write_source(source *s, const char *path, int64_t *rows, pli_error *err) {
    const char *format = NULL;
    pli__engine *e;
    pli__file_info folder;
    int64_t n = 0;
    PLI_AUTO(pli__buf_clear) pli__buf temporary = {0};
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
    PLI_TRY(format_of(path, &format, err));
    PLI_TRY(pli__env_engine(s->table->env, &e, err));
    PLI_AUTO(pli__free_ptr) char *dir = pli__path_dir(path);
    if (!dir) return pli__error_memory(err);
    PLI_TRY(pli__fs_stat(dir, &folder, err));
    if (folder.kind != PLI__FILE_DIR)
        return pli__error_set(err, PLI_E_ARGUMENT, "'%s' cannot be written: there is no folder '%s'", path, dir);
    pli__buf_addf(&temporary, "%s/.%s.tmp", dir, pli__path_base(path));
    pli__buf_addf(&sql, "COPY (%s) TO ", s->sql.ptr);
    pli__buf_add_sql_str(&sql, pli__buf_str(&temporary));
    pli__buf_addf(&sql, " (%s)", format);
    PLI_TRY(pli__buf_status(&sql, err));
    PLI_TRY(pli__buf_status(&temporary, err));
    pli_status st = say_version(s, pli__engine_exec(e, sql.ptr, &n, err), err);
    if (st == PLI_OK) st = pli__fs_rename(temporary.ptr, path, err);
    if (st != PLI_OK) pli__fs_unlink(temporary.ptr, true, NULL);
    if (st == PLI_OK && rows) *rows = n;
    return st;
}

pli_status pli_table_read_file(pli_table *t, const pli_read_options *options, const char *path, int64_t *rows,
                               pli_error *err) {
    PLI_AUTO(source_clear) source s = {0};
    if (!path) return pli__error_set(err, PLI_E_ARGUMENT, "'path' must not be NULL");
    PLI_TRY(open_scan(t, options, &s, err));
    return write_source(&s, path, rows, err);
}

pli_status pli_table_changes_file(pli_table *t, const pli_changes_options *options, const char *path, int64_t *rows,
                                  pli_error *err) {
    PLI_AUTO(source_clear) source s = {0};
    if (!path) return pli__error_set(err, PLI_E_ARGUMENT, "'path' must not be NULL");
    PLI_TRY(open_changes(t, options, &s, err));
    return write_source(&s, path, rows, err);
}
