/*
 * NDJSON and JSON. Every file's shape is taken first (format_json_shape.h). Files whose values all fit the types known
 * become one part with types, read by the engine without guards; files that hold something else become one part of raw
 * JSON, which the planner casts value by value. Records that cannot be parsed, where they are not an error, are listed
 * by the scan.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <sys/sysinfo.h>

#include "source/format_impl.h"
#include "source/format_input.h"
#include "source/format_json_shape.h"

#define MAX_OBJECT 16777216

/* Files that one reader call can take: same layout, same compression, and either all fit or none. */
typedef struct json_group {
    pli__json_layout layout;
    const char *compression;
    bool fits;
    bool by_line;  /* read as lines of text: some of them are not JSON, or the file has a byte order mark */
    bool bad_bytes; /* some of those lines are not UTF-8 */
    pli__shape shape;
    const pli__input_file **files;
    pli__bad_record *bad; /* of all its files */
    const char **bad_path;
    size_t n, cap, n_bad, bad_cap;
} json_group;

typedef struct json_reader {
    pli__parts *parts;
    bool lines; /* NDJSON */
    pli__corrupt_mode corrupt;
    pli__arena arena;
    json_group *groups;
    size_t n_groups, cap;
} json_reader;

static void reader_clear(json_reader *r) {
    for (size_t i = 0; i < r->n_groups; i++) {
        free(r->groups[i].files);
        free(r->groups[i].bad);
        free(r->groups[i].bad_path);
    }
    free(r->groups);
    pli__arena_clear(&r->arena);
}

static void result_clear(pli__json_scan_result *r) { free(r->bad); }

/* ---- groups ---- */

static pli_status group_of(json_reader *r, const json_group *like, json_group **out, pli_error *err) {
    for (size_t i = 0; i < r->n_groups; i++) {
        json_group *g = &r->groups[i];
        if (g->layout == like->layout && strcmp(g->compression, like->compression) == 0 && g->fits == like->fits &&
            g->by_line == like->by_line) {
            *out = g;
            return PLI_OK;
        }
    }
    if (r->n_groups == r->cap) {
        size_t cap = r->cap ? r->cap * 2 : 4;
        json_group *groups = realloc(r->groups, cap * sizeof *groups);
        if (!groups) return pli__error_memory(err);
        r->groups = groups;
        r->cap = cap;
    }
    r->groups[r->n_groups] = *like;
    *out = &r->groups[r->n_groups++];
    return PLI_OK;
}

static pli_status group_add(json_group *g, const pli__input_file *file, pli_error *err) {
    if (g->n == g->cap) {
        size_t cap = g->cap ? g->cap * 2 : 16;
        const pli__input_file **files = realloc(g->files, cap * sizeof *files);
        if (!files) return pli__error_memory(err);
        g->files = files;
        g->cap = cap;
    }
    g->files[g->n++] = file;
    return PLI_OK;
}

static pli_status add_bad(json_group *g, const char *path, const pli__json_scan_result *result, pli_error *err) {
    size_t need = g->n_bad + result->n_bad;
    if (need > g->bad_cap) {
        pli__bad_record *bad = realloc(g->bad, need * sizeof *bad);
        if (bad) g->bad = bad;
        const char **paths = realloc(g->bad_path, need * sizeof *paths);
        if (paths) g->bad_path = paths;
        if (!bad || !paths) return pli__error_memory(err);
        g->bad_cap = need;
    }
    for (size_t i = 0; i < result->n_bad; i++) {
        g->bad[g->n_bad] = result->bad[i];
        g->bad_path[g->n_bad++] = path;
    }
    return PLI_OK;
}

/* As many as the engine has. */
static size_t threads_of(const pli__read *r) {
    int n = pli__env_engine_options(r->env)->threads;
    return n > 0 ? (size_t)n : (size_t)get_nprocs();
}

/* A key that cannot name a column or a field. */
static bool has_nameless(const pli__shape *s) {
    for (size_t i = 0; i < s->n; i++) {
        const bool nameless = !s->names[i].len || memchr(s->names[i].ptr, 0, s->names[i].len);
        if ((nameless && !s->crowded) || has_nameless(s->fields[i])) return true;
    }
    return s->element && has_nameless(s->element);
}

static pli_status look_at_file(json_reader *r, const pli__input_file *file, pli_error *err) {
    const pli__read *read = r->parts->read;
    PLI_AUTO(result_clear) pli__json_scan_result result = {0};
    pli__shape shape = {0};
    size_t max = (size_t)pli__option_int(read, "max_object_size", MAX_OBJECT);
    bool keep_bad = r->corrupt != PLI__CORRUPT_FAIL;
    if (r->lines && !keep_bad && !*pli__input_compression(file->path))
        PLI_TRY(pli__json_scan_threads(file->path, threads_of(read), max, &r->arena, &shape, &result, err));
    else PLI_TRY(pli__json_scan_file(file->path, r->lines, keep_bad, max, &r->arena, &shape, &result, err));
    if (!result.records && !result.n_bad) return PLI_OK; /* an empty file has neither columns nor rows */
    if (shape.n > PLI__MAX_COLUMNS)
        return pli__error_set(err, PLI_E_DATA, "'%s' has more than %d keys", file->path, PLI__MAX_COLUMNS);
    bool fits = true;
    PLI_AUTO(pli__type_auto) const pli__type *type = NULL;
    shape.object = true;
    shape.crowded = false; /* the top is never a map */
    if (has_nameless(&shape))
        return pli__error_set(err, PLI_E_DATA, "'%s' has a key that is empty or holds the character U+0000",
                              file->path);
    if (shape.n) PLI_TRY(pli__shape_type(&shape, read->known, read->options->ntz, &fits, &type, err));
    json_group like = {.layout = result.layout,
                       .compression = pli__input_compression(file->path),
                       .fits = fits,
                       .by_line = result.n_bad || (result.mark && result.layout == PLI__JSON_LINES)};
    if (result.mark && result.layout != PLI__JSON_LINES)
        return pli__error_set(err, PLI_E_DATA, "'%s' begins with a byte order mark, which JSON does not have",
                              file->path);
    json_group *g = NULL;
    PLI_TRY(group_of(r, &like, &g, err));
    PLI_TRY(pli__shape_merge(&r->arena, &g->shape, &shape, err));
    PLI_TRY(add_bad(g, file->path, &result, err));
    g->bad_bytes |= result.bad_bytes;
    return group_add(g, file, err);
}

/* ---- SQL ---- */

static void add_sql_type(pli__buf *b, const pli__type *t, pli_error *err) {
    if (t->id == PLI__TYPE_NULL) pli__buf_addz(b, "JSON");
    else if (pli__type_to_sql(t, b, err) != PLI_OK) pli__buf_addz(b, "JSON");
}

static void add_read_json(const json_group *g, const pli__type *schema, size_t max_object, pli__buf *b,
                          pli_error *err) {
    static const char *const layouts[] = {"newline_delimited", "array", "unstructured"};
    pli__buf_addz(b, "read_json(");
    pli__sql_paths(b, g->n, g->files);
    pli__buf_addf(b, ", format='%s', records='true', auto_detect=false, hive_partitioning=false", layouts[g->layout]);
    if (*g->compression) pli__buf_addf(b, ", compression='%s'", g->compression);
    pli__buf_addf(b, ", maximum_object_size=%zu, columns={", max_object);
    if (!schema->n_fields) pli__buf_addz(b, "'_pli_none':'JSON'");
    for (size_t i = 0; i < schema->n_fields; i++) {
        if (i) pli__buf_addc(b, ',');
        pli__buf_add_sql_str(b, pli__str_of(schema->fields[i].name));
        pli__buf_addc(b, ':');
        PLI_AUTO(pli__buf_clear) pli__buf type = {0};
        if (g->fits) add_sql_type(&type, schema->fields[i].type, err);
        else pli__buf_addz(&type, "JSON");
        pli__buf_add_sql_str(b, pli__buf_str(&type));
    }
    pli__buf_addz(b, "}, filename='_pli_path')");
}

/* The table _pli_bad: what the scan found to be no record, with file and line. */
static void add_bad_records(const json_group *g, pli__buf *b) {
    pli__buf_addz(b, "WITH _pli_bad(_pli_path, _pli_line, _pli_corrupt) AS (VALUES ");
    for (size_t i = 0; i < g->n_bad; i++) {
        pli__buf_addz(b, i ? ",(" : "(");
        pli__buf_add_sql_str(b, pli__str_of(g->bad_path[i]));
        pli__buf_addf(b, ",%" PRId64 "::BIGINT,", g->bad[i].line);
        pli__buf_add_sql_str(b, g->bad[i].text);
        pli__buf_addc(b, ')');
    }
    pli__buf_addz(b, ") ");
}

static void add_extract(const char *name, pli__buf *b) {
    PLI_AUTO(pli__buf_clear) pli__buf path = {0};
    pli__buf_addz(&path, "/"); /* JSON pointer: ~ and / are escaped */
    for (const char *p = name; *p; p++) {
        if (*p == '~' || *p == '/') pli__buf_addz(&path, *p == '~' ? "~0" : "~1");
        else pli__buf_addc(&path, *p);
    }
    pli__buf_addz(b, "nullif(json_extract(CAST(_pli_text AS JSON), ");
    pli__buf_add_sql_str(b, pli__buf_str(&path));
    pli__buf_addz(b, "), 'null'::JSON) AS ");
    pli__buf_add_sql_name(b, pli__str_of(name));
}

/* Lines of text, of which the records are taken apart: columns of raw JSON. What is a record is the scan's word alone, so that
 * each line is either a row or corrupt: the engine takes more, for example NaN and commas at the end. */
static void add_read_lines(const json_group *g, const pli__type *schema, size_t max_object, bool keep, pli__buf *b) {
    static const char blanks[] = "E' \\t\\r\\n'";
    pli__buf_addc(b, '(');
    if (g->n_bad) add_bad_records(g, b);
    pli__buf_addz(b, "SELECT ");
    for (size_t i = 0; i < schema->n_fields; i++) {
        add_extract(schema->fields[i].name, b);
        pli__buf_addz(b, ", ");
    }
    pli__buf_addz(b, "_pli_path, NULL::BIGINT AS _pli_line, NULL::VARCHAR AS _pli_corrupt FROM read_csv(");
    pli__sql_paths(b, g->n, g->files);
    pli__buf_addf(
        b,
        ", auto_detect=false, strict_mode=false, header=false, delim='\x1f\x1e\x1d\x1c', quote='', escape='', max_line_size=%zu,"
        " hive_partitioning=false%s, columns={'_pli_text':'VARCHAR'}, filename='_pli_path') WHERE trim(_pli_text, %s) <> ''",
        max_object, g->bad_bytes ? ", ignore_errors=true" : "", blanks);
    if (g->n_bad) pli__buf_addf(b, " AND rtrim(_pli_text, %s) NOT IN (SELECT _pli_corrupt FROM _pli_bad)", blanks);
    if (g->n_bad && keep) pli__buf_addz(b, " UNION ALL BY NAME SELECT * FROM _pli_bad");
    pli__buf_addc(b, ')');
}

static pli_status add_group(json_reader *r, json_group *g, pli_error *err) {
    const pli__read *read = r->parts->read;
    PLI_AUTO(pli__type_auto) const pli__type *schema = NULL;
    bool fits = true;
    g->shape.object = true;
    g->shape.crowded = false;
    if (g->shape.n) PLI_TRY(pli__shape_type(&g->shape, read->known, read->options->ntz, &fits, &schema, err));
    if (!schema) {
        pli__type_builder none = {0};
        if (!(schema = pli__type_builder_finish(&none))) return pli__error_memory(err);
    }
    g->fits = g->fits && fits && !g->by_line;
    size_t max = (size_t)pli__option_int(read, "max_object_size", MAX_OBJECT);
    PLI_AUTO(pli__buf_clear) pli__buf from = {0};
    if (g->by_line) {
        add_read_lines(g, schema, max, r->corrupt == PLI__CORRUPT_COLUMN, &from);
    } else add_read_json(g, schema, max, &from, err);
    PLI_TRY(pli__buf_status(&from, err));
    const pli__part_spec spec = {.schema = schema,
                                 .json = !g->fits,
                                 .typed_json = g->fits,
                                 .has_line = g->by_line,
                                 .has_corrupt = g->by_line,
                                 .from = pli__buf_str(&from),
                                 .n_files = g->n,
                                 .files = g->files};
    return pli__parts_add(r->parts, &spec, err);
}

static pli_status read_files(pli__parts *parts, bool lines, size_t n, const pli__input_file *const *files,
                             pli_error *err) {
    const pli__read *read = parts->read;
    PLI_AUTO(reader_clear) json_reader r = {.parts = parts, .lines = lines};
    r.corrupt = pli__option_bool(read, "ignore_errors", false) ? PLI__CORRUPT_SKIP : read->options->corrupt;
    for (size_t i = 0; i < n; i++) {
        PLI_TRY(pli__env_check_cancel(read->env, err));
        PLI_TRY(look_at_file(&r, files[i], err));
    }
    for (size_t i = 0; i < r.n_groups; i++) PLI_TRY(add_group(&r, &r.groups[i], err));
    return PLI_OK;
}

pli_status pli__read_ndjson(pli__parts *parts, size_t n, const pli__input_file *const *files, pli_error *err) {
    return read_files(parts, true, n, files, err);
}

pli_status pli__read_json(pli__parts *parts, size_t n, const pli__input_file *const *files, pli_error *err) {
    return read_files(parts, false, n, files, err);
}
