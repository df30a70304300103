/*
 * Parquet folder to table. All files must have the same types for the same columns: readers do not convert (Spark fails on
 * them), so what differs is refused by name. A file may lack columns.
 */
#include "delta/convert.h"

#include "base/arena.h"
#include "delta/calendar.h"
#include "delta/convert_files.h"
#include "delta/file_columns.h"
#include "delta/metadata_write.h"
#include "delta/path_write.h"
#include "delta/stats_scan.h"

typedef struct {
    pli__delta *t;
    const pli__convert_options *o;
    pli__engine *engine;
    pli__arena arena;
    pli__found_files files;
    const pli__type *partitions; /* STRUCT */
    const pli__type *schema;     /* all columns, those of the partitions last */
    pli__metadata metadata;
    pli__convert_result result;
} converter;

static void converter_clear(converter *c) {
    pli__found_clear(&c->files);
    pli__type_unref(c->partitions);
    pli__type_unref(c->schema);
    pli__arena_clear(&c->arena);
}

static pli_status local_path(const converter *c, const pli__found_file *f, pli__buf *out, pli_error *err) {
    pli__buf_reset(out);
    pli__buf_addf(out, "%s/%s", pli__delta_root(c->t), f->path);
    return pli__buf_status(out, err);
}

/* ---- columns ---- */

static pli_status parse_partitions(converter *c, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf text = {0};
    PLI_AUTO(pli__type_auto) const pli__type *raw = NULL;
    PLI_AUTO(pli__type_builder_clear) pli__type_builder none = {0};
    if (!c->o->partition_by || !c->o->partition_by[0]) {
        c->partitions = pli__type_builder_finish(&none);
        return c->partitions ? PLI_OK : pli__error_memory(err);
    }
    pli__buf_addf(&text, "STRUCT(%s)", c->o->partition_by);
    PLI_TRY(pli__buf_status(&text, err));
    PLI_TRY_IN(pli__type_from_sql(pli__buf_str(&text), &raw, err), err, "partition columns");
    return pli__type_to_storable(raw, &c->partitions, err);
}

/* Times in the old encoding INT96 are instants; the engine takes them for times without a zone. */
static const pli__type *with_instants(const pli__type *t) {
    if (t->id == PLI__TYPE_TIMESTAMP_NTZ) return pli__type_new(PLI__TYPE_TIMESTAMP);
    if (t->id == PLI__TYPE_LIST) return pli__type_new_list(with_instants(t->fields[0].type), true);
    if (t->id == PLI__TYPE_MAP)
        return pli__type_new_map(with_instants(t->fields[0].type), with_instants(t->fields[1].type), true);
    if (t->id != PLI__TYPE_STRUCT) return pli__type_ref(t);
    pli__type_builder b = {0};
    for (size_t i = 0; i < t->n_fields; i++)
        pli__type_builder_add(&b, pli__str_of(t->fields[i].name), with_instants(t->fields[i].type), true, NULL);
    return pli__type_builder_finish(&b);
}

static pli_status count_times(converter *c, const char *path, int64_t *old, int64_t *naive, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
    pli__buf_addz(&sql, "SELECT count(*) FILTER (type = 'INT96') * 100000 + count(*) FILTER (logical_type LIKE "
                        "'TimestampType(isAdjustedToUTC=0%') FROM parquet_schema(");
    pli__buf_add_sql_str(&sql, pli__str_of(path));
    pli__buf_addc(&sql, ')');
    int64_t both = 0;
    PLI_TRY(pli__buf_status(&sql, err));
    PLI_TRY(pli__engine_query_i64(c->engine, sql.ptr, &both, err));
    *old = both / 100000;
    *naive = both % 100000;
    return PLI_OK;
}

/* Is a type of the file what a table can hold as it stands? Text with an annotation is text. */
static bool is_storable(const pli__type *file, const pli__type *storable) {
    if (file->id == PLI__TYPE_JSON || file->id == PLI__TYPE_ENUM) return storable->id == PLI__TYPE_STRING;
    if (file->id != storable->id || file->unit != PLI__UNIT_US) return false;
    if (!pli__type_is_nested(file)) return pli__type_equal(file, storable, false);
    for (size_t i = 0; i < file->n_fields; i++)
        if (!is_storable(file->fields[i].type, storable->fields[i].type)) return false;
    return file->n_fields == storable->n_fields;
}

static pli_status check_types(const pli__type *file, const pli__type *storable, pli_error *err) {
    for (size_t i = 0; i < file->n_fields; i++) {
        PLI_AUTO(pli__buf_clear) pli__buf type = {0};
        if (is_storable(file->fields[i].type, storable->fields[i].type)) continue;
        if (pli__type_to_sql(file->fields[i].type, &type, NULL) != PLI_OK) pli__buf_addc(&type, '?');
        return pli__error_set(err, PLI_E_SCHEMA, "column '%s' is %s, which a Delta table cannot hold as it is",
                              file->fields[i].name, type.ptr ? type.ptr : "?");
    }
    return PLI_OK;
}

/* Columns of a file as the table has them; partition columns that it repeats are left out. */
static pli_status describe(converter *c, const char *path, const pli__type **out, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
    PLI_AUTO(pli__type_auto) const pli__type *raw = NULL, *storable = NULL, *instants = NULL;
    PLI_AUTO(pli__type_builder_clear) pli__type_builder b = {0};
    int64_t old = 0, naive = 0;
    pli__buf_addz(&sql, "SELECT * FROM read_parquet(");
    pli__buf_add_sql_str(&sql, pli__str_of(path));
    pli__buf_addz(&sql, ", hive_partitioning = false)");
    PLI_TRY(pli__buf_status(&sql, err));
    PLI_TRY(pli__engine_describe(c->engine, sql.ptr, &raw, err));
    PLI_TRY(pli__type_to_storable(raw, &storable, err));
    PLI_TRY(check_types(raw, storable, err));
    PLI_TRY(pli__file_check_decimals(c->engine, path, err));
    PLI_TRY(count_times(c, path, &old, &naive, err));
    if (old && naive) return pli__error_set(err, PLI_E_UNSUPPORTED, "it holds times both as INT96 and without a zone");
    instants = old ? with_instants(storable) : pli__type_ref(storable);
    if (!instants) return pli__error_memory(err);
    for (size_t i = 0; i < instants->n_fields; i++) {
        const pli__field *f = &instants->fields[i];
        if (pli__type_find(c->partitions, pli__str_of(f->name), false) >= 0) continue;
        pli__type_builder_add(&b, pli__str_of(f->name), pli__type_ref(f->type), true, NULL);
    }
    *out = pli__type_builder_finish(&b);
    return *out ? PLI_OK : pli__error_memory(err);
}

static pli_status no_match(const pli__field *known, const pli__field *f, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf a = {0}, b = {0};
    if (pli__type_to_sql(f->type, &a, NULL) != PLI_OK) pli__buf_addc(&a, '?');
    if (pli__type_to_sql(known->type, &b, NULL) != PLI_OK) pli__buf_addc(&b, '?');
    return pli__error_set(err, PLI_E_SCHEMA, "column '%s' is %s, but '%s' is %s in a file before it", f->name,
                          a.ptr ? a.ptr : "?", known->name, b.ptr ? b.ptr : "?");
}

/* Columns of one file on top of those of the files before it. */
static pli_status merge_columns(const pli__type **all, const pli__type *file, pli_error *err) {
    PLI_AUTO(pli__type_builder_clear) pli__type_builder b = {0};
    const size_t n = *all ? (*all)->n_fields : 0;
    size_t fresh = 0;
    for (size_t i = 0; i < n; i++) {
        const pli__field *f = &(*all)->fields[i];
        pli__type_builder_add(&b, pli__str_of(f->name), pli__type_ref(f->type), true, NULL);
    }
    for (size_t i = 0; i < file->n_fields; i++) {
        const pli__field *f = &file->fields[i];
        const int k = *all ? pli__type_find(*all, pli__str_of(f->name), false) : -1;
        if (k == -1) {
            pli__type_builder_add(&b, pli__str_of(f->name), pli__type_ref(f->type), true, NULL);
            fresh++;
        } else if (k < 0 || !pli__type_equal((*all)->fields[k].type, f->type, false)) {
            return no_match(&(*all)->fields[k < 0 ? 0 : k], f, err);
        }
    }
    if (!fresh) return PLI_OK;
    const pli__type *merged = pli__type_builder_finish(&b);
    if (!merged) return pli__error_memory(err);
    pli__type_unref(*all);
    *all = merged;
    return PLI_OK;
}

static pli_status look_at_files(converter *c, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf path = {0};
    for (size_t i = 0; i < c->files.n; i++) {
        PLI_AUTO(pli__type_auto) const pli__type *columns = NULL;
        PLI_TRY(pli__env_check_cancel(pli__delta_env(c->t), err));
        PLI_TRY(pli__found_values(&c->files, &c->files.at[i], c->partitions, err));
        PLI_TRY(local_path(c, &c->files.at[i], &path, err));
        PLI_TRY_IN(describe(c, path.ptr, &columns, err), err, "file '%s'", c->files.at[i].path);
        PLI_TRY_IN(merge_columns(&c->schema, columns, err), err, "file '%s'", c->files.at[i].path);
    }
    return merge_columns(&c->schema, c->partitions, err);
}

/* ---- files ---- */

/* The columns of the table that a file has, in the table's order. */
static const pli__type *columns_of(const pli__type *table, const pli__type *file) {
    pli__type_builder b = {0};
    for (size_t i = 0; i < table->n_fields; i++) {
        const int k = pli__type_find(file, pli__str_of(table->fields[i].name), false);
        if (k >= 0)
            pli__type_builder_add(&b, pli__str_of(table->fields[i].name), pli__type_ref(table->fields[i].type), true,
                                  NULL);
    }
    return pli__type_builder_finish(&b);
}

static pli_status write_stats(converter *c, const char *path, pli__buf *out, pli_error *err) {
    PLI_AUTO(pli__type_auto) const pli__type *file = NULL, *columns = NULL;
    PLI_AUTO(pli__stats_plan_auto) pli__stats_plan *plan = NULL;
    PLI_AUTO(pli__arena_clear) pli__arena arena = {0};
    pli__written_file what;
    const pli__calendar *calendar = NULL;
    PLI_TRY(describe(c, path, &file, err));
    columns = columns_of(c->schema, file);
    if (!columns) return pli__error_memory(err);
    pli__metadata m = c->metadata;
    PLI_TRY(pli__calendar_of(pli__delta_env(c->t), path, &arena, &calendar, err));
    if (c->o->no_statistics || calendar) /* the numbers in the file are not the days that rows have */
        PLI_TRY(pli__metadata_set(&m, PLI_STR("delta.dataSkippingNumIndexedCols"), PLI_STR("0"), &arena, err));
    PLI_TRY(pli__stats_plan_new(&(pli__stats_columns){.physical = columns, .logical = columns}, &m, &plan, err));
    PLI_TRY(pli__stats_scan(plan, c->engine, path, &arena, &what, err));
    PLI_TRY(pli__stats_write(plan, &what, c->engine, path, out, err));
    c->result.rows += what.rows;
    return PLI_OK;
}

static pli_status add_file(converter *c, const pli__found_file *f, pli__txn_handle *x, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf path = {0}, encoded = {0}, stats = {0};
    PLI_TRY(local_path(c, f, &path, err));
    PLI_TRY_IN(write_stats(c, path.ptr, &stats, err), err, "file '%s'", f->path);
    pli__uri_encode(pli__str_of(f->path), &encoded);
    PLI_TRY(pli__buf_status(&encoded, err));
    const pli__add a = {.path = pli__buf_str(&encoded),
                        .n_partition_values = c->partitions->n_fields,
                        .partition_values = f->values,
                        .size = f->size,
                        .modification_time = f->mtime_ms,
                        .data_change = true,
                        .stats = pli__buf_str(&stats),
                        .base_row_id = PLI__NO_ID,
                        .default_row_commit_version = PLI__NO_ID};
    return pli__txn_add(x, &a, err);
}

/* ---- ---- */

static pli_status create_metadata(converter *c, pli_error *err) {
    const char **names = pli__arena_calloc(&c->arena, c->partitions->n_fields + 1, sizeof *names);
    if (!names) return pli__error_memory(err);
    for (size_t i = 0; i < c->partitions->n_fields; i++) names[i] = c->partitions->fields[i].name;
    const pli__create_options o = {.n_partition_by = c->partitions->n_fields,
                                   .partition_by = names,
                                   .n_properties = c->o->n_properties,
                                   .properties = c->o->properties};
    for (size_t i = 0; i < o.n_properties; i++)
        if (pli__str_starts(o.properties[i].key, PLI_STR("delta.columnMapping.")))
            return pli__error_set(err, PLI_E_UNSUPPORTED,
                                  "files that are there have no mapped columns; set '%.*s' afterwards",
                                  PLI_STR_ARG(o.properties[i].key));
    if (c->schema->n_fields == c->partitions->n_fields)
        return pli__error_set(err, PLI_E_SCHEMA, "a table cannot have partition columns alone");
    return pli__metadata_create(pli__delta_env(c->t), c->schema, &o, &c->arena, &c->metadata, err);
}

static pli_status commit(converter *c, pli_error *err) {
    PLI_AUTO(pli__txn_auto) pli__txn_handle *x = NULL;
    PLI_AUTO(pli__buf_clear) pli__buf parameters = {0}, list = {0};
    pli__commit_result r;
    pli__buf_addc(&list, '[');
    for (size_t i = 0; i < c->partitions->n_fields; i++) {
        if (i) pli__buf_addc(&list, ',');
        pli__buf_add_json(&list, pli__str_of(c->partitions->fields[i].name));
    }
    pli__buf_addc(&list, ']');
    PLI_TRY(pli__buf_status(&list, err));
    pli__buf_addf(&parameters, "{\"numFiles\":\"%zu\",\"collectStats\":\"%s\",\"partitionedBy\":", c->files.n,
                  c->o->no_statistics ? "false" : "true");
    pli__buf_add_json(&parameters, pli__buf_str(&list));
    pli__buf_addc(&parameters, '}');
    PLI_TRY(pli__buf_status(&parameters, err));
    const pli__txn_options options = {
        .operation = "CONVERT", .operation_params = parameters.ptr, .reads = PLI__READS_TABLE, .data_change = true};
    PLI_TRY(pli__txn_begin(c->t, NULL, &options, &x, err));
    PLI_TRY(pli__txn_set_metadata(x, &c->metadata, err));
    for (size_t i = 0; i < c->files.n; i++) {
        PLI_TRY(pli__env_check_cancel(pli__delta_env(c->t), err));
        PLI_TRY(add_file(c, &c->files.at[i], x, err));
    }
    PLI_TRY(pli__txn_metric(x, "numConvertedFiles", (int64_t)c->files.n, err));
    PLI_TRY(pli__txn_commit(x, &r, err));
    c->result.version = r.version;
    c->result.committed = true;
    return PLI_OK;
}

static pli_status run(converter *c, pli_error *err) {
    const char *root = pli__delta_root(c->t);
    bool exists = false;
    PLI_TRY(pli__delta_exists(c->t, &exists, err));
    if (exists) return pli__error_set(err, PLI_E_EXISTS, "there is a table in '%s' already", root);
    PLI_TRY(parse_partitions(c, err));
    PLI_TRY(pli__found_list(root, &c->files, err));
    if (!c->files.n) return pli__error_set(err, PLI_E_NOT_FOUND, "there are no Parquet files in '%s'", root);
    PLI_TRY(pli__env_engine(pli__delta_env(c->t), &c->engine, err));
    PLI_TRY(look_at_files(c, err));
    PLI_TRY(create_metadata(c, err));
    c->result.files = (int64_t)c->files.n;
    c->result.files_ignored = c->files.ignored;
    for (size_t i = 0; i < c->files.n; i++) c->result.bytes += c->files.at[i].size;
    return c->o->dry_run ? PLI_OK : commit(c, err);
}

pli_status pli__convert(pli__delta *t, const pli__convert_options *o, pli__convert_result *out, pli_error *err) {
    PLI_AUTO(converter_clear) converter c = {.t = t, .o = o};
    PLI_TRY(run(&c, err));
    *out = c.result;
    return PLI_OK;
}
