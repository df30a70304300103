/*
 * CSV. Each file's header is read here (the engine would spend 60 ms a file on sniffing); files with equal headers and
 * delimiters become one read_csv over columns of VARCHAR, with everything given. Types of columns that the checkpoint
 * does not know are inferred from a bounded sample.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/map.h"
#include "source/format_csv_quotes.h"
#include "source/format_csv_scan.h"
#include "source/format_impl.h"
#include "source/format_infer.h"
#include "source/format_input.h"

#define SAMPLE_ROWS 20480

typedef struct csv_group {
    char delimiter[5];
    const char *compression;
    int64_t skip;     /* lines before the header */
    size_t n_columns;
    pli__str *names;
    unsigned *kinds;  /* of the values that samples have shown */
    bool alone;       /* its one file may end within quotes: see format_csv_quotes.h */
    bool must_sample; /* some column's type is not known */
    size_t n, cap;
    const pli__input_file **files;
} csv_group;

typedef struct csv_reader {
    pli__parts *parts;
    pli__csv_dialect dialect;
    pli__text_rules rules;
    bool header, quoted_nulls, any_delimiter;
    const json_t *columns; /* explicit ones, or NULL */
    pli__arena arena;
    csv_group *groups;
    size_t n_groups, group_cap;
} csv_reader;

static void reader_clear(csv_reader *r) {
    for (size_t i = 0; i < r->n_groups; i++) free(r->groups[i].files);
    free(r->groups);
    pli__arena_clear(&r->arena);
}

static char char_option(const pli__read *r, const char *name, char absent) {
    const char *text = pli__option_text(r, name, NULL);
    return text ? *text : absent;
}

static pli__corrupt_mode corrupt_mode(const pli__read *r) {
    return pli__option_bool(r, "ignore_errors", false) ? PLI__CORRUPT_SKIP : r->options->corrupt;
}

static pli_status reader_init(csv_reader *r, pli__parts *parts, pli_error *err) {
    const pli__read *read = parts->read;
    const char *delimiter = pli__option_text(read, "delimiter", ""),
               *encoding = pli__option_text(read, "encoding", "utf-8");
    *r = (csv_reader){.parts = parts,
                      .header = pli__option_bool(read, "header", true),
                      .quoted_nulls = pli__option_bool(read, "quoted_nulls", true)};
    r->any_delimiter = !*delimiter;
    r->columns = pli__option_json(read, "columns");
    r->dialect.delimiter = pli__str_of(delimiter);
    r->dialect.quote = char_option(read, "quote", '"');
    r->dialect.escape = char_option(read, "escape", r->dialect.quote);
    r->dialect.comment = char_option(read, "comment", 0);
    r->dialect.skip_rows = pli__option_int(read, "skip_rows", 0);
    r->dialect.encoding = pli__str_ieqz(pli__str_of(encoding), "utf-16")    ? PLI__CSV_UTF16
                          : pli__str_ieqz(pli__str_of(encoding), "latin-1") ? PLI__CSV_LATIN1
                                                                            : PLI__CSV_UTF8;
    const int64_t longest = pli__option_int(read, "max_line_size", 0);
    r->dialect.max_row = longest > (int64_t)PLI__MAX_HEADER ? (size_t)longest : PLI__MAX_HEADER;
    r->rules = (pli__text_rules){pli__option_text(read, "date_format", NULL),
                                 pli__option_text(read, "timestamp_format", NULL),
                                 char_option(read, "decimal_separator", '.')};
    return pli__arena_status(&r->arena, err);
}

/* ---- names of columns ---- */

/* Equal names get a number behind them; no name gets "column<position>". */
static pli_status unique_name(csv_reader *r, pli__map *taken, pli__str name, size_t position, pli__str *out,
                              pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf b = {0};
    if (name.len) pli__buf_adds(&b, name);
    else pli__buf_addf(&b, "column%zu", position);
    size_t stem = b.len;
    for (size_t k = 1; pli__map_has(taken, pli__buf_str(&b)); k++) {
        b.len = stem;
        pli__buf_addf(&b, "_%zu", k);
    }
    PLI_TRY(pli__buf_status(&b, err));
    *out = pli__arena_str(&r->arena, pli__buf_str(&b));
    if (!pli__map_put(taken, *out, taken, NULL)) return pli__error_memory(err);
    return pli__arena_status(&r->arena, err);
}

static pli_status names_of_row(csv_reader *r, const char *path, const pli__csv_row *row, pli__str **out,
                               pli_error *err) {
    if (row->n > PLI__MAX_COLUMNS)
        return pli__error_set(err, PLI_E_DATA, "'%s' has more than %d columns", path, PLI__MAX_COLUMNS);
    pli__str *names = pli__arena_calloc(&r->arena, row->n + 1, sizeof *names);
    PLI_AUTO(pli__map_auto) pli__map *taken = pli__map_new();
    if (!names || !taken) return pli__error_memory(err);
    for (size_t i = 0; i < row->n; i++) {
        if (r->header && !pli__str_is_utf8(row->fields[i])) {
            pli__error_set(err, PLI_E_DATA, "the header of '%s' is not UTF-8", path);
            if (err) err->position = r->dialect.skip_rows + 1;
            return pli__error_hint(err, "set the option `encoding`: latin-1 or utf-16");
        }
        PLI_TRY(unique_name(r, taken, r->header ? row->fields[i] : (pli__str){0}, i, &names[i], err));
    }
    *out = names;
    return PLI_OK;
}

static pli_status explicit_names(csv_reader *r, pli__str **out, size_t *n, pli_error *err) {
    const char *name;
    json_t *type;
    size_t i = 0;
    pli__str *names = pli__arena_calloc(&r->arena, json_object_size(r->columns) + 1, sizeof *names);
    if (!names) return pli__error_memory(err);
    json_object_foreach((json_t *)(uintptr_t)r->columns, name, type)
        names[i++] = pli__arena_str(&r->arena, pli__str_of(name));
    *out = names;
    *n = i;
    return pli__arena_status(&r->arena, err);
}

/* ---- groups ---- */

static bool same_group(const csv_group *a, const csv_group *b) {
    if (a->alone || b->alone) return false;
    if (a->n_columns != b->n_columns || strcmp(a->delimiter, b->delimiter) != 0 || a->compression != b->compression ||
        a->skip != b->skip)
        return false;
    for (size_t i = 0; i < a->n_columns; i++)
        if (!pli__str_eq(a->names[i], b->names[i])) return false;
    return true;
}

static const pli__type *known_type(const csv_reader *r, pli__str name) {
    const pli__type *known = r->parts->read->relearn ? NULL : r->parts->read->known;
    if (r->columns && json_object_get(r->columns, name.ptr)) return NULL;
    int at = known ? pli__type_find(known, name, false) : -1;
    const pli__type *t = at >= 0 ? known->fields[at].type : NULL;
    return t && t->id != PLI__TYPE_NULL ? t : NULL;
}

static bool needs_sample(const csv_reader *r, const pli__str *names, size_t n) {
    if (r->parts->read->options->all_text) return false;
    for (size_t i = 0; i < n; i++)
        if (!known_type(r, names[i]) && !(r->columns && json_object_get(r->columns, names[i].ptr))) return true;
    return false;
}

static pli_status group_new(csv_reader *r, const csv_group *like, csv_group **out, pli_error *err) {
    if (r->n_groups == r->group_cap) {
        size_t cap = r->group_cap ? r->group_cap * 2 : 8;
        csv_group *groups = realloc(r->groups, cap * sizeof *groups);
        if (!groups) return pli__error_memory(err);
        r->groups = groups;
        r->group_cap = cap;
    }
    csv_group *g = &r->groups[r->n_groups];
    *g = *like;
    g->must_sample = needs_sample(r, g->names, g->n_columns);
    if (!(g->kinds = pli__arena_calloc(&r->arena, g->n_columns + 1, sizeof *g->kinds))) return pli__error_memory(err);
    r->n_groups++;
    *out = g;
    return PLI_OK;
}

static pli_status group_add(csv_group *g, const pli__input_file *file, pli_error *err) {
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

/* ---- samples ---- */

static bool is_null(const csv_reader *r, pli__str text, bool quoted) {
    if (quoted && !r->quoted_nulls) return false;
    const json_t *nulls = pli__option_json(r->parts->read, "null_strings");
    if (!nulls) return text.len == 0;
    if (json_is_string(nulls)) return pli__str_eqz(text, json_string_value(nulls));
    size_t i;
    json_t *one;
    json_array_foreach(nulls, i, one) if (pli__str_eqz(text, json_string_value(one))) return true;
    return false;
}

static void look_at_row(const csv_reader *r, csv_group *g, const pli__csv_row *row) {
    for (size_t i = 0; i < row->n && i < g->n_columns; i++) {
        if (g->kinds[i] & PLI__SEEN_TEXT) continue;
        g->kinds[i] |= is_null(r, row->fields[i], row->quoted[i]) ? PLI__SEEN_NULL
                                                                  : pli__text_kinds(row->fields[i], &r->rules);
    }
}

/* Rows of another width are the engine's to report: it names file and line. So are damaged ends of a file. But a row that is
 * longer than the engine may read says nothing of the columns, and must not leave them without a type. */
static pli_status sample(const csv_reader *r, csv_group *g, pli__csv_scan *scan, const pli__csv_row *first,
                         pli_error *err) {
    const pli__format_options *o = r->parts->read->options;
    int64_t rows = o->sample_rows > 0 ? o->sample_rows : SAMPLE_ROWS;
    if (first) look_at_row(r, g, first);
    for (pli__csv_row row; rows > 0; rows--) {
        pli_status status = pli__csv_next(scan, &row, err);
        if (status == PLI_E_DATA && !(pli__csv_too_long(scan) && corrupt_mode(r->parts->read) == PLI__CORRUPT_FAIL)) {
            pli__error_clear(err);
            return PLI_OK;
        }
        PLI_TRY(status);
        if (!row.n) return PLI_OK;
        look_at_row(r, g, &row);
    }
    return PLI_OK;
}

static pli_status look_at_file(csv_reader *r, const pli__input_file *file, bool sampled, bool only, pli_error *err) {
    if (only) PLI_TRY(pli__input_check(file->path, err)); /* else the walk over its quotes reads it to the end */
    if (!pli__option_bool(r->parts->read, "strict", true)) PLI_TRY(pli__csv_check_line_ends(file->path, err));
    PLI_AUTO(pli__csv_auto) pli__csv_scan *scan = NULL;
    PLI_TRY(pli__csv_open(file->path, &r->dialect, &scan, err));
    pli__csv_row row;
    PLI_TRY(pli__csv_next(scan, &row, err));
    if (!row.n) return PLI_OK; /* an empty file has neither columns nor rows */
    csv_group like = {
        .n_columns = row.n, .skip = pli__csv_lines_before(scan), .compression = pli__input_compression(file->path)};
    if (r->columns && !r->header) PLI_TRY(explicit_names(r, &like.names, &like.n_columns, err));
    else PLI_TRY(names_of_row(r, file->path, &row, &like.names, err));
    const pli__str delimiter = pli__csv_delimiter(scan);
    memcpy(like.delimiter, delimiter.ptr, delimiter.len);
    if (!only) PLI_TRY(pli__csv_may_end_quoted(file->path, &r->dialect, delimiter, &like.alone, err));
    csv_group *g = NULL;
    for (size_t i = r->n_groups; i-- > 0 && !g;)
        if (same_group(&r->groups[i], &like)) g = &r->groups[i];
    if (!g) PLI_TRY(group_new(r, &like, &g, err));
    PLI_TRY(group_add(g, file, err));
    return g->must_sample && (sampled || g->n == 1) ? sample(r, g, scan, r->header ? NULL : &row, err) : PLI_OK;
}

/* ---- the part ---- */

static void add_char(pli__buf *b, const char *name, char c) {
    pli__buf_addf(b, ", %s=", name);
    pli__buf_add_sql_str(b, (pli__str){&c, c ? 1 : 0});
}

static void add_nulls(pli__buf *b, const json_t *nulls) {
    if (!nulls) return;
    pli__buf_addz(b, ", nullstr=[");
    size_t i;
    json_t *one;
    if (json_is_string(nulls)) pli__buf_add_sql_str(b, pli__str_of(json_string_value(nulls)));
    json_array_foreach(nulls, i, one) {
        if (i) pli__buf_addc(b, ',');
        pli__buf_add_sql_str(b, pli__str_of(json_string_value(one)));
    }
    pli__buf_addc(b, ']');
}

static void add_read_csv(const csv_reader *r, const csv_group *g, bool skip_corrupt, const char *more, pli__buf *b) {
    static const char *const encodings[] = {"utf-8", "utf-16", "latin-1"};
    const pli__read *read = r->parts->read;
    pli__buf_addz(b, "read_csv(");
    pli__sql_paths(b, g->n, g->files);
    pli__buf_addf(b, ", auto_detect=false, header=%s, delim=", r->header ? "true" : "false");
    pli__buf_add_sql_str(b, pli__str_of(g->delimiter));
    add_char(b, "quote", r->dialect.quote);
    add_char(b, "escape", r->dialect.escape);
    if (r->dialect.comment) add_char(b, "comment", r->dialect.comment);
    if (g->skip) pli__buf_addf(b, ", skip=%" PRId64, g->skip);
    pli__buf_addf(b, ", encoding='%s'", encodings[r->dialect.encoding]);
    if (*g->compression) pli__buf_addf(b, ", compression='%s'", g->compression);
    add_nulls(b, pli__option_json(read, "null_strings"));
    if (!r->quoted_nulls) pli__buf_addz(b, ", allow_quoted_nulls=false");
    if (pli__option_bool(read, "null_padding", false)) pli__buf_addz(b, ", null_padding=true");
    if (!pli__option_bool(read, "strict", true)) pli__buf_addz(b, ", strict_mode=false");
    if (skip_corrupt) pli__buf_addz(b, ", ignore_errors=true");
    int64_t line = pli__option_int(read, "max_line_size", 0);
    if (line) pli__buf_addf(b, ", max_line_size=%" PRId64, line);
    pli__buf_addz(b, ", hive_partitioning=false, columns={");
    for (size_t i = 0; i < g->n_columns; i++) {
        if (i) pli__buf_addc(b, ',');
        pli__buf_add_sql_str(b, g->names[i]);
        pli__buf_addz(b, ":'VARCHAR'");
    }
    pli__buf_addf(b, "}, filename='_pli_path'%s)", more);
}

static pli_status column_type(const csv_reader *r, const csv_group *g, size_t i, const pli__type **out,
                              pli_error *err) {
    const char *given = json_string_value(json_object_get(r->columns, g->names[i].ptr));
    const pli__type *known = known_type(r, g->names[i]);
    if (given) return pli__type_from_sql(pli__str_of(given), out, err);
    if (known) *out = pli__type_is_nested(known) ? pli__type_new(PLI__TYPE_STRING) : pli__type_ref(known);
    else if (r->parts->read->options->all_text) *out = pli__type_new(PLI__TYPE_STRING);
    else *out = pli__kinds_type(g->kinds[i], r->parts->read->options->ntz);
    return *out ? PLI_OK : pli__error_memory(err);
}

static pli_status schema_of(const csv_reader *r, const csv_group *g, const pli__type **out, pli_error *err) {
    pli__type_builder b = {0};
    for (size_t i = 0; i < g->n_columns; i++) {
        const pli__type *t = NULL;
        pli_status status = column_type(r, g, i, &t, err);
        if (status != PLI_OK) {
            pli__type_builder_clear(&b);
            return status;
        }
        pli__type_builder_add(&b, g->names[i], t, true, NULL);
    }
    *out = pli__type_builder_finish(&b);
    return *out ? PLI_OK : pli__error_memory(err);
}

/* Texts in a format of their own are given as ISO 8601 and with '.', where they have it; others stay for the cast to see. */
static pli_status expression(const csv_reader *r, const pli__field *f, const char **out, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf b = {0}, name = {0};
    pli__buf_add_sql_name(&name, pli__str_of(f->name));
    PLI_TRY(pli__buf_status(&name, err));
    bool number = pli__type_is_float(f->type) || pli__type_is_integer(f->type) || f->type->id == PLI__TYPE_DECIMAL;
    bool instant = f->type->id == PLI__TYPE_TIMESTAMP || f->type->id == PLI__TYPE_TIMESTAMP_NTZ;
    if (f->type->id == PLI__TYPE_DATE && r->rules.date_format) {
        pli__buf_addf(&b, "coalesce(strftime(try_strptime(%s,", name.ptr);
        pli__buf_add_sql_str(&b, pli__str_of(r->rules.date_format));
        pli__buf_addf(&b, "),'%%Y-%%m-%%d'),%s)", name.ptr);
    } else if (instant && r->rules.timestamp_format) {
        pli__buf_addf(&b, "coalesce(strftime(try_strptime(%s,", name.ptr);
        pli__buf_add_sql_str(&b, pli__str_of(r->rules.timestamp_format));
        pli__buf_addf(&b, "),'%%Y-%%m-%%dT%%H:%%M:%%S.%%f'),%s)", name.ptr);
    } else if (number && r->rules.decimal == ',') {
        pli__buf_addf(&b, "regexp_replace(%s,'^([+-]?[0-9]*),([0-9]+)$','\\1.\\2')", name.ptr);
    } else return PLI_OK;
    PLI_TRY(pli__buf_status(&b, err));
    pli__arena *arena = (pli__arena *)(uintptr_t)&r->arena;
    *out = pli__arena_strdup(arena, pli__buf_str(&b));
    return pli__arena_status(arena, err);
}

static pli_status expressions(csv_reader *r, const pli__type *schema, const char *const **out, pli_error *err) {
    if (!r->rules.date_format && !r->rules.timestamp_format && r->rules.decimal == '.') return PLI_OK;
    const char **list = pli__arena_calloc(&r->arena, schema->n_fields + 1, sizeof *list);
    if (!list) return pli__error_memory(err);
    for (size_t i = 0; i < schema->n_fields; i++) PLI_TRY(expression(r, &schema->fields[i], &list[i], err));
    *out = list;
    return PLI_OK;
}

/* ---- corrupt rows ---- */

/* Parameters of a scan that passes over what cannot be parsed. Without store_rejects the engine would end a file in silence at its
 * first text behind a closing quote; what this scan stores is never looked at. */
static void passing_over(size_t k, char out[static 160]) {
    snprintf(out, 160,
             ", store_rejects=true, rejects_table='_pli_passed_%zu', rejects_scan='_pli_passed_scans_%zu',"
             " rejects_limit=1",
             k, k);
}

static pli_status drop_rejects(pli__engine *e, size_t k, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
    pli__buf_addf(&sql,
                  "DROP TABLE IF EXISTS _pli_rejects_%zu; DROP TABLE IF EXISTS _pli_scans_%zu;"
                  " DROP TABLE IF EXISTS _pli_passed_%zu; DROP TABLE IF EXISTS _pli_passed_scans_%zu",
                  k, k, k, k);
    PLI_TRY(pli__buf_status(&sql, err));
    return pli__engine_exec(e, sql.ptr, NULL, err);
}

/* A pass that only collects what cannot be parsed; *found tells whether there is anything. */
static pli_status collect_rejects(const csv_reader *r, pli__engine *e, const csv_group *g, size_t k, bool *found,
                                  pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
    char more[160];
    snprintf(more, sizeof more,
             ", store_rejects=true, rejects_table='_pli_rejects_%zu', rejects_scan='_pli_scans_%zu', rejects_limit=0",
             k, k);
    pli__buf_addz(&sql, "SELECT sum(hash(COLUMNS(*))) FROM "); /* every value is looked at */
    add_read_csv(r, g, true, more, &sql);
    PLI_TRY(pli__buf_status(&sql, err));
    int64_t n = 0;
    PLI_TRY(pli__engine_exec(e, sql.ptr, NULL, err));
    pli__buf_reset(&sql);
    pli__buf_addf(&sql, "SELECT count(*) FROM _pli_rejects_%zu", k);
    PLI_TRY(pli__engine_query_i64(e, sql.ptr, &n, err));
    *found = n > 0;
    return PLI_OK;
}

static void add_with_rejects(const csv_reader *r, const csv_group *g, size_t k, pli__buf *b) {
    pli__buf_addz(b, "(SELECT *, NULL::BIGINT AS _pli_line, NULL::VARCHAR AS _pli_corrupt FROM ");
    char more[160];
    passing_over(k, more);
    add_read_csv(r, g, true, more, b);
    pli__buf_addf(
        b,
        " UNION ALL BY NAME SELECT any_value(file_path) AS _pli_path, CAST(line AS BIGINT) AS _pli_line,"
        " any_value(csv_line) AS _pli_corrupt FROM _pli_rejects_%zu JOIN _pli_scans_%zu USING (scan_id, file_id)"
        " GROUP BY scan_id, file_id, line)",
        k, k);
}

static pli_status add_group(csv_reader *r, size_t k, pli_error *err) {
    const csv_group *g = &r->groups[k];
    const pli__read *read = r->parts->read;
    pli__corrupt_mode corrupt = corrupt_mode(read);
    bool rejects = false;
    char more[160] = "";
    if (corrupt != PLI__CORRUPT_FAIL) {
        pli__engine *e = NULL;
        PLI_TRY(pli__read_engine(read, NULL, &e, err));
        PLI_TRY(drop_rejects(e, k, err));
        if (corrupt == PLI__CORRUPT_COLUMN) PLI_TRY(collect_rejects(r, e, g, k, &rejects, err));
        else passing_over(k, more);
    }
    PLI_AUTO(pli__buf_clear) pli__buf from = {0};
    PLI_AUTO(pli__type_auto) const pli__type *schema = NULL;
    if (rejects) add_with_rejects(r, g, k, &from);
    else add_read_csv(r, g, corrupt == PLI__CORRUPT_SKIP, more, &from);
    PLI_TRY(pli__buf_status(&from, err));
    PLI_TRY(schema_of(r, g, &schema, err));
    pli__part_spec spec = {.schema = schema,
                           .text = true,
                           .has_line = rejects,
                           .has_corrupt = rejects,
                           .from = pli__buf_str(&from),
                           .n_files = g->n,
                           .files = g->files};
    PLI_TRY(expressions(r, schema, &spec.columns, err));
    return pli__parts_add(r->parts, &spec, err);
}

pli_status pli__read_csv(pli__parts *parts, size_t n, const pli__input_file *const *files, pli_error *err) {
    PLI_AUTO(reader_clear) csv_reader r;
    PLI_TRY(reader_init(&r, parts, err));
    for (size_t i = 0; i < n; i++) PLI_TRY(look_at_file(&r, files[i], pli__is_sampled(parts->read, i, n), n == 1, err));
    for (size_t k = 0; k < r.n_groups; k++) PLI_TRY(add_group(&r, k, err));
    return PLI_OK;
}
