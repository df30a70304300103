/* Avro and Excel (by the engine's extensions, file by file), text and binary files. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/hash.h"
#include "port/fs.h"
#include "source/format_avro.h"
#include "source/format_excel.h"
#include "source/format_impl.h"
#include "source/format_input.h"
#include "source/format_xlsx.h"

/* ---- files that are described one by one ---- */

typedef pli_status table_function(pli__parts *parts, const pli__input_file *file, pli__buf *b, pli_error *err);

static void remove_copies(void *folder) {
    (void)pli__fs_remove_tree(folder, NULL);
    free(folder);
}

/* A folder for copies, in the engine's own for what does not fit in memory; it goes with the relation. */
static pli_status copies_folder(pli__parts *parts, const char **out, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf folder = {0};
    pli__engine *e = NULL;
    char id[37];
    if (!parts->relation->owned) {
        PLI_TRY(pli__read_engine(parts->read, NULL, &e, err));
        PLI_TRY(pli__engine_query_str(e, "SELECT current_setting('temp_directory')", &folder, err));
        pli__uuid_new(id);
        pli__buf_addf(&folder, "/avro-%s", id);
        PLI_TRY(pli__buf_status(&folder, err));
        PLI_TRY(pli__fs_mkdirs(folder.ptr, err));
        parts->relation->owned = pli__buf_take(&folder);
        parts->relation->free_owned = remove_copies;
    }
    *out = parts->relation->owned;
    return PLI_OK;
}

static pli_status copy_avro(pli__parts *parts, const pli__avro_header *header, pli__buf *path, pli_error *err) {
    const char *folder = NULL;
    char id[37];
    PLI_TRY(copies_folder(parts, &folder, err));
    pli__uuid_new(id);
    pli__buf_addf(path, "%s/%s.avro", folder, id);
    PLI_TRY(pli__buf_status(path, err));
    return pli__avro_copy(header, path->ptr, err);
}

static pli_status avro_function(pli__parts *parts, const pli__input_file *file, pli__buf *b, pli_error *err) {
    PLI_AUTO(pli__avro_header_clear) pli__avro_header header = {0};
    PLI_AUTO(pli__buf_clear) pli__buf columns = {0}, copy = {0};
    PLI_TRY(pli__avro_header_read(file->path, &header, err));
    PLI_TRY(pli__avro_columns(&header, &columns, err));
    if (pli__avro_needs_copy(&header)) PLI_TRY(copy_avro(parts, &header, &copy, err));
    pli__buf_addf(b, "(SELECT %s FROM read_avro(", columns.ptr);
    pli__buf_add_sql_str(b, copy.len ? pli__buf_str(&copy) : pli__str_of(file->path));
    pli__buf_addz(b, "))");
    return pli__buf_status(b, err);
}

typedef struct single {
    const pli__input_file *file;
    const pli__type *schema; /* NULL: an empty sheet */
    char *from;              /* what a FROM clause reads the file with */
    bool text;               /* all of its columns are, whatever the schema says they hold */
    bool used;
} single;

typedef struct singles {
    size_t n;
    single *all;
} singles;

static void free_singles(singles *s) {
    for (size_t i = 0; i < s->n; i++) {
        pli__type_unref(s->all[i].schema);
        free(s->all[i].from);
    }
    free(s->all);
}

/* What a FROM clause has as columns. */
static pli_status columns_of(pli__engine *e, const char *from, const pli__type **out, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
    pli__buf_addf(&sql, "SELECT * FROM %s", from);
    PLI_TRY(pli__buf_status(&sql, err));
    return pli__engine_describe(e, sql.ptr, out, err);
}

/* A sheet in which not every cell has the type of its column's first is read as text, as a CSV file is. */
static pli_status admit_mixed(pli__parts *parts, pli__engine *e, single *one, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf from = {0};
    PLI_AUTO(pli__type_auto) const pli__type *schema = NULL;
    PLI_TRY(pli__excel_mixed(parts, e, one->file, one->schema, &from, &schema, err));
    if (!from.len) return PLI_OK;
    pli__type_unref(one->schema);
    one->schema = PLI_TAKE(schema);
    free(one->from);
    one->from = pli__buf_take(&from);
    one->text = true;
    return PLI_OK;
}

static pli_status describe(pli__parts *parts, pli__engine *e, table_function *fn, single *one, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf from = {0};
    pli_error why = {0};
    PLI_TRY(fn(parts, one->file, &from, err));
    const pli_status status = columns_of(e, from.ptr, &one->schema, &why);
    one->from = pli__buf_take(&from);
    if (status == PLI_OK) return fn == pli__excel_from ? admit_mixed(parts, e, one, err) : PLI_OK;
    if (fn == pli__excel_from && pli__excel_is_empty(parts->read, e, one->file)) return PLI_OK;
    /* the query is ours: what is wrong with it is the file */
    return pli__error_set(err, status == PLI_E_SQL ? PLI_E_DATA : status, "'%s': %s", one->file->path, why.message);
}

/* Rows with a value; nothing where all rows count. */
static void only_filled(table_function *fn, const pli__type *schema, pli__buf *out) {
    if (fn != pli__excel_from) return;
    for (size_t i = 0; i < schema->n_fields; i++) {
        pli__buf_addz(out, i ? " AND " : " WHERE NOT (");
        pli__buf_add_sql_name(out, pli__str_of(schema->fields[i].name));
        pli__buf_addz(out, " IS NULL");
    }
    if (schema->n_fields) pli__buf_addc(out, ')');
}

/* Files of the schema of the first that is not used yet: a UNION ALL of their functions. */
static pli_status add_same(pli__parts *parts, table_function *fn, singles *s, size_t first,
                           const pli__input_file **group, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf from = {0};
    const pli__type *schema = s->all[first].schema;
    size_t members = 0;
    for (size_t i = first; i < s->n; i++) {
        single *one = &s->all[i];
        if (one->used || !one->schema || one->text != s->all[first].text ||
            !pli__type_equal(schema, one->schema, false))
            continue;
        one->used = true;
        pli__buf_addz(&from, members ? " UNION ALL SELECT *, " : "(SELECT *, ");
        pli__buf_add_sql_str(&from, pli__str_of(one->file->path));
        pli__buf_addf(&from, " AS _pli_path FROM %s", one->from);
        only_filled(fn, schema, &from);
        group[members++] = one->file;
    }
    pli__buf_addc(&from, ')');
    PLI_TRY(pli__buf_status(&from, err));
    const pli__part_spec spec = {
        .schema = schema, .text = s->all[first].text, .from = pli__buf_str(&from), .n_files = members, .files = group};
    return pli__parts_add(parts, &spec, err);
}

static pli_status read_singly(pli__parts *parts, const char *extension, table_function *fn, size_t n,
                              const pli__input_file *const *files, pli_error *err) {
    pli__engine *e = NULL;
    PLI_TRY(pli__read_engine(parts->read, extension, &e, err));
    PLI_AUTO(free_singles) singles s = {.n = n, .all = calloc(n + 1, sizeof *s.all)};
    PLI_AUTO(pli__free_ptr) const pli__input_file **group = calloc(n + 1, sizeof *group);
    if (!s.all) s.n = 0;
    if (!s.all || !group) return pli__error_memory(err);
    for (size_t i = 0; i < n; i++) {
        s.all[i].file = files[i];
        PLI_TRY(describe(parts, e, fn, &s.all[i], err));
    }
    for (size_t i = 0; i < n; i++)
        if (s.all[i].schema && !s.all[i].used) PLI_TRY(add_same(parts, fn, &s, i, group, err));
    return PLI_OK;
}

pli_status pli__read_avro(pli__parts *parts, size_t n, const pli__input_file *const *files, pli_error *err) {
    return read_singly(parts, "avro", avro_function, n, files, err);
}

pli_status pli__read_excel(pli__parts *parts, size_t n, const pli__input_file *const *files, pli_error *err) {
    for (size_t i = 0; i < n; i++) PLI_TRY(pli__xlsx_check(files[i]->path, err));
    return read_singly(parts, "excel", pli__excel_from, n, files, err);
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
