/* Avro and Excel (by the engine's extensions, file by file), text and binary files. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/arena.h"
#include "source/format_avro.h"
#include "source/format_impl.h"
#include "source/format_input.h"
#include "source/format_xlsx.h"

/* ---- files that are described one by one ---- */

typedef pli_status table_function(const pli__read *r, const pli__input_file *file, pli__buf *b, pli_error *err);

static pli_status avro_function(const pli__read *r, const pli__input_file *file, pli__buf *b, pli_error *err) {
    (void)r;
    pli__buf_addz(b, "read_avro(");
    pli__buf_add_sql_str(b, pli__str_of(file->path));
    pli__buf_addc(b, ')');
    return pli__buf_status(b, err);
}

static void add_bool(const pli__read *r, const char *option, const char *parameter, pli__buf *b) {
    if (pli__option_json(r, option))
        pli__buf_addf(b, ", %s=%s", parameter, pli__option_bool(r, option, false) ? "true" : "false");
}

/* The file and its sheet. */
static pli_status add_sheet(const pli__read *r, const pli__input_file *file, pli__buf *b, pli_error *err) {
    const json_t *sheet = pli__option_json(r, "sheet");
    PLI_AUTO(pli__buf_clear) pli__buf name = {0};
    pli__buf_add_sql_str(b, pli__str_of(file->path));
    if (!sheet) return PLI_OK;
    if (json_is_string(sheet)) PLI_TRY(pli__xlsx_find_sheet(file->path, json_string_value(sheet), &name, err));
    else PLI_TRY(pli__xlsx_sheet_name(file->path, json_integer_value(sheet), &name, err));
    pli__buf_addz(b, ", sheet=");
    pli__buf_add_sql_str(b, pli__buf_str(&name));
    return pli__buf_status(b, err);
}

static pli_status excel_function(const pli__read *r, const pli__input_file *file, pli__buf *b, pli_error *err) {
    const char *range = pli__option_text(r, "range", NULL);
    pli__buf_addz(b, "read_xlsx(");
    PLI_TRY(add_sheet(r, file, b, err));
    pli__buf_addf(b, ", header=%s", pli__option_bool(r, "header", true) ? "true" : "false");
    if (range) {
        pli__buf_addz(b, ", range=");
        pli__buf_add_sql_str(b, pli__str_of(range));
    }
    add_bool(r, "all_text", "all_varchar", b);
    pli__buf_addf(b, ", stop_at_empty=%s)", pli__option_bool(r, "stop_at_empty", false) ? "true" : "false");
    return pli__buf_status(b, err);
}

/* A sheet without a filled cell is an error to the engine, and no rows to us. Asked when it has failed. */
static bool is_empty_sheet(const pli__read *r, pli__engine *e, const pli__input_file *file) {
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
    int64_t filled = 1;
    pli__buf_addz(&sql, "SELECT count(*) FROM read_xlsx(");
    if (pli__option_text(r, "range", NULL) || add_sheet(r, file, &sql, NULL) != PLI_OK) return false;
    pli__buf_addz(&sql, ", header=false, all_varchar=true, stop_at_empty=false, range='A1:Z1000')"
                        " WHERE length(concat_ws('', *COLUMNS(*))) > 0");
    return sql.ptr && pli__engine_query_i64(e, sql.ptr, &filled, NULL) == PLI_OK && filled == 0;
}

typedef struct single {
    const pli__type *schema;
    bool used;
} single;

static void free_singles(single **s) { free(*s); }

static pli_status describe(pli__parts *parts, pli__engine *e, table_function *fn, const pli__input_file *file,
                           const pli__type **out, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
    pli__buf_addz(&sql, "SELECT * FROM ");
    PLI_TRY(fn(parts->read, file, &sql, err));
    pli_error why = {0};
    const pli_status status = pli__engine_describe(e, sql.ptr, out, &why);
    if (status == PLI_OK || (fn == excel_function && is_empty_sheet(parts->read, e, file))) return PLI_OK;
    /* the query is ours: what is wrong with it is the file */
    return pli__error_set(err, status == PLI_E_SQL ? PLI_E_DATA : status, "'%s': %s", file->path, why.message);
}

/* Rows with a value; nothing where all rows count. */
static void only_filled(table_function *fn, const pli__type *schema, pli__buf *out) {
    if (fn != excel_function) return;
    for (size_t i = 0; i < schema->n_fields; i++) {
        pli__buf_addz(out, i ? " AND " : " WHERE NOT (");
        pli__buf_add_sql_name(out, pli__str_of(schema->fields[i].name));
        pli__buf_addz(out, " IS NULL");
    }
    if (schema->n_fields) pli__buf_addc(out, ')');
}

/* Avro's timestamps are instants; the engine gives them without a zone. @param columns an expression for each column */
static pli_status give_zone(const pli__type *schema, pli__arena *arena, const char **columns, const pli__type **out,
                            pli_error *err) {
    pli__type_builder b = {0};
    for (size_t i = 0; i < schema->n_fields; i++) {
        const pli__field *f = &schema->fields[i];
        const bool instant = f->type->id == PLI__TYPE_TIMESTAMP_NTZ;
        PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
        pli__buf_add_sql_name(&sql, pli__str_of(f->name));
        if (instant) pli__buf_addz(&sql, " AT TIME ZONE 'UTC'");
        columns[i] = pli__arena_strdup(arena, pli__buf_str(&sql));
        pli__type_builder_add(&b, pli__str_of(f->name),
                              instant ? pli__type_new(PLI__TYPE_TIMESTAMP) : pli__type_ref(f->type), f->nullable,
                              f->metadata);
    }
    *out = pli__type_builder_finish(&b);
    return *out ? pli__arena_status(arena, err) : pli__error_memory(err);
}

static pli_status add_part(pli__parts *parts, table_function *fn, pli__part_spec *spec, pli_error *err) {
    if (fn != avro_function) return pli__parts_add(parts, spec, err);
    PLI_AUTO(pli__arena_clear) pli__arena arena = {0};
    PLI_AUTO(pli__type_auto) const pli__type *zoned = NULL;
    const char **columns = pli__arena_calloc(&arena, spec->schema->n_fields + 1, sizeof *columns);
    if (!columns) return pli__error_memory(err);
    PLI_TRY(give_zone(spec->schema, &arena, columns, &zoned, err));
    spec->schema = zoned;
    spec->columns = columns;
    return pli__parts_add(parts, spec, err);
}

/* Files of one schema: a UNION ALL of their functions. */
static pli_status add_same(pli__parts *parts, table_function *fn, const pli__type *schema, size_t n,
                           const pli__input_file *const *files, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf from = {0};
    for (size_t i = 0; i < n; i++) {
        pli__buf_addz(&from, i ? " UNION ALL SELECT *, " : "(SELECT *, ");
        pli__buf_add_sql_str(&from, pli__str_of(files[i]->path));
        pli__buf_addz(&from, " AS _pli_path FROM ");
        PLI_TRY(fn(parts->read, files[i], &from, err));
        only_filled(fn, schema, &from);
    }
    pli__buf_addc(&from, ')');
    PLI_TRY(pli__buf_status(&from, err));
    pli__part_spec spec = {.schema = schema, .from = pli__buf_str(&from), .n_files = n, .files = files};
    return add_part(parts, fn, &spec, err);
}

static pli_status group_and_add(pli__parts *parts, table_function *fn, single *all, size_t n,
                                const pli__input_file *const *files, const pli__input_file **group, pli_error *err) {
    for (size_t i = 0; i < n; i++) {
        if (all[i].used || !all[i].schema) continue;
        size_t members = 0;
        for (size_t k = i; k < n; k++) {
            if (all[k].used || !all[k].schema || !pli__type_equal(all[i].schema, all[k].schema, false)) continue;
            all[k].used = true;
            group[members++] = files[k];
        }
        PLI_TRY(add_same(parts, fn, all[i].schema, members, group, err));
    }
    return PLI_OK;
}

static pli_status read_singly(pli__parts *parts, const char *extension, table_function *fn, size_t n,
                              const pli__input_file *const *files, pli_error *err) {
    pli__engine *e = NULL;
    PLI_TRY(pli__read_engine(parts->read, extension, &e, err));
    PLI_AUTO(free_singles) single *all = calloc(n + 1, sizeof *all);
    PLI_AUTO(pli__free_ptr) const pli__input_file **group = calloc(n + 1, sizeof *group);
    if (!all || !group) return pli__error_memory(err);
    pli_status status = PLI_OK;
    for (size_t i = 0; i < n && status == PLI_OK; i++) status = describe(parts, e, fn, files[i], &all[i].schema, err);
    if (status == PLI_OK) status = group_and_add(parts, fn, all, n, files, group, err);
    for (size_t i = 0; i < n; i++) pli__type_unref(all[i].schema);
    return status;
}

pli_status pli__read_avro(pli__parts *parts, size_t n, const pli__input_file *const *files, pli_error *err) {
    for (size_t i = 0; i < n; i++) PLI_TRY(pli__avro_check(files[i]->path, err));
    return read_singly(parts, "avro", avro_function, n, files, err);
}

pli_status pli__read_excel(pli__parts *parts, size_t n, const pli__input_file *const *files, pli_error *err) {
    for (size_t i = 0; i < n; i++) PLI_TRY(pli__xlsx_check(files[i]->path, err));
    return read_singly(parts, "excel", excel_function, n, files, err);
}

/* ---- text and binary ---- */

static pli_status add_fixed(pli__parts *parts, const pli__type *take_schema, const pli__buf *from, size_t n,
                            const pli__input_file *const *files, pli_error *err) {
    PLI_AUTO(pli__type_auto) const pli__type *schema = take_schema;
    if (!schema) return pli__error_memory(err);
    PLI_TRY(pli__buf_status(from, err));
    const pli__part_spec spec = {.schema = schema, .from = pli__buf_str(from), .n_files = n, .files = files};
    return pli__parts_add(parts, &spec, err);
}

/* A delimiter that no text has; one that has it is an error of the engine, which names file and line, and loses nothing. */
pli_status pli__read_text(pli__parts *parts, size_t n, const pli__input_file *const *files, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf from = {0};
    int64_t line = pli__option_int(parts->read, "max_line_size", 0);
    for (size_t i = 0; i < n; i++) PLI_TRY(pli__input_check(files[i]->path, err));
    pli__buf_addz(&from, "(SELECT coalesce(value, '') AS value, _pli_path FROM read_csv(");
    pli__sql_paths(&from, n, files);
    pli__buf_addz(
        &from,
        ", auto_detect=false, strict_mode=false, header=false, delim='\x1f\x1e\x1d\x1c', quote='', escape='', hive_partitioning=false,"
        " columns={'value':'VARCHAR'}, filename='_pli_path'");
    if (line) pli__buf_addf(&from, ", max_line_size=%" PRId64, line);
    pli__buf_addz(&from, "))");
    pli__type_builder b = {0};
    pli__type_builder_add(&b, PLI_STR("value"), pli__type_new(PLI__TYPE_STRING), true, NULL);
    return add_fixed(parts, pli__type_builder_finish(&b), &from, n, files, err);
}

pli_status pli__read_binary(pli__parts *parts, size_t n, const pli__input_file *const *files, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf from = {0};
    pli__buf_addz(&from, "(SELECT filename AS path, size AS length, content, filename AS _pli_path FROM read_blob(");
    pli__sql_paths(&from, n, files);
    pli__buf_addz(&from, "))");
    pli__type_builder b = {0};
    pli__type_builder_add(&b, PLI_STR("path"), pli__type_new(PLI__TYPE_STRING), true, NULL);
    pli__type_builder_add(&b, PLI_STR("length"), pli__type_new(PLI__TYPE_I64), true, NULL);
    pli__type_builder_add(&b, PLI_STR("content"), pli__type_new(PLI__TYPE_BINARY), true, NULL);
    return add_fixed(parts, pli__type_builder_finish(&b), &from, n, files, err);
}
