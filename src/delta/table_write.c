/* The public writing half of tables: arguments are checked, the work is done below, results become rows of a report. */
#include "pli/table_write.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/time.h"
#include "delta/clone.h"
#include "delta/convert.h"
#include "delta/dml.h"
#include "delta/maintain.h"
#include "delta/table_report.h"
#include "delta/write.h"

/* ---- reports ---- */

/* The operation is done by then: a report that is not wanted does not undo it. */
static pli_status simple_report(const char *operation, int64_t version, bool committed, pli_row_fn *fn, void *arg,
                                pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf row = {0};
    pli__report_begin(&row, operation, version, committed);
    return pli__report_end(&row, fn, arg, err);
}

/* ---- create, write ---- */

static pli_status report_write(const char *operation, const pli__write_result *r, pli_row_fn *fn, void *arg,
                               pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf row = {0};
    pli__report_begin(&row, operation, r->version, true);
    pli__report_number(&row, "rows", r->rows);
    pli__report_number(&row, "bytes", r->bytes);
    pli__report_number(&row, "filesAdded", r->files_added);
    pli__report_number(&row, "filesRemoved", r->files_removed);
    return pli__report_end(&row, fn, arg, err);
}

static pli_status read_schema(const char *schema, const pli__type **out, pli_error *err) {
    PLI_AUTO(pli__type_auto) const pli__type *type = NULL;
    pli_status status = schema[0] == '{' ? pli__type_from_delta(pli__str_of(schema), &type, err)
                                         : pli__type_columns_from_sql(pli__str_of(schema), &type, err);
    if (status == PLI_OK && type->id != PLI__TYPE_STRUCT)
        status = pli__error_set(err, PLI_E_ARGUMENT, "the schema must be a struct of columns");
    if (status == PLI_E_ARGUMENT)
        pli__error_hint(
            err, "columns are given as in CREATE TABLE, id BIGINT NOT NULL, name VARCHAR, or as Delta's schema JSON");
    PLI_TRY(status);
    *out = PLI_TAKE(type);
    return PLI_OK;
}

pli_status pli_table_create(pli_table *t, const char *schema, const pli_write_options *options, pli_row_fn *fn,
                            void *arg, pli_error *err) {
    PLI_AUTO(pli__type_auto) const pli__type *type = NULL;
    pli_write_options o = {0};
    pli__write_result r = {0};
    PLI__NOT_NULL(t);
    PLI__NOT_NULL(schema);
    PLI__COPY_OPTIONS(options, o);
    o.mode = PLI_WRITE_ERROR_IF_EXISTS;
    PLI_TRY(read_schema(schema, &type, err));
    PLI_TRY(pli__write_query(t->delta, NULL, type, &o, &r, err));
    return report_write("CREATE TABLE", &r, fn, arg, err);
}

pli_status pli_table_write_sql(pli_table *t, const char *sql, const pli_write_options *options, pli_row_fn *fn,
                               void *arg, pli_error *err) {
    pli_write_options o = {0};
    pli__write_result r = {0};
    PLI__NOT_NULL(t);
    PLI__NOT_NULL(sql);
    PLI__COPY_OPTIONS(options, o);
    PLI_TRY(pli__write_query(t->delta, sql, NULL, &o, &r, err));
    return report_write("WRITE", &r, fn, arg, err);
}

static pli_status write_stream(pli_table *t, const char *name, const pli__type *untyped, const pli_write_options *o,
                               pli__write_result *r, pli_error *err) {
    PLI_AUTO(pli__type_auto) const pli__type *described = NULL, *schema = NULL;
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
    pli__engine *e;
    pli__buf_addf(&sql, "SELECT * FROM %s", name);
    PLI_TRY(pli__buf_status(&sql, err));
    PLI_TRY(pli__env_engine(t->env, &e, err));
    PLI_TRY(pli__engine_describe(e, sql.ptr, &described, err));
    PLI_TRY(pli__type_with_nulls(described, untyped, &schema, err));
    return pli__write_query(t->delta, sql.ptr, schema, o, r, err);
}

pli_status pli_table_write(pli_table *t, struct ArrowArrayStream *take, const pli_write_options *options,
                           pli_row_fn *fn, void *arg, pli_error *err) {
    pli_write_options o = {0};
    pli__write_result r = {0};
    pli__engine *e = NULL;
    char name[64] = "pli_stream_", uuid[37];
    PLI__NOT_NULL(take);
    pli_status s = t ? PLI_OK : pli__error_set(err, PLI_E_ARGUMENT, "'t' must not be NULL");
    if (s == PLI_OK && options && options->size == 0)
        s = pli__error_set(err, PLI_E_ARGUMENT, "'size' of the options is not set");
    if (s == PLI_OK) s = pli__env_engine(t->env, &e, err);
    PLI_AUTO(pli__type_auto) const pli__type *untyped = NULL;
    if (s == PLI_OK) s = pli__type_of_stream(take, &untyped, err);
    if (s != PLI_OK) {
        if (take->release) take->release(take);
        return s;
    }
    PLI__COPY_OPTIONS(options, o);
    pli__uuid_new(uuid);
    for (size_t i = 0, k = strlen(name); uuid[i]; i++)
        if (uuid[i] != '-') name[k++] = uuid[i], name[k] = '\0';
    PLI_TRY(pli__engine_register_arrow(e, name, take, err));
    s = write_stream(t, name, untyped, &o, &r, err);
    (void)pli__engine_unregister(e, name, NULL);
    return s == PLI_OK ? report_write("WRITE", &r, fn, arg, err) : s;
}

/* ---- delete, update ---- */

static pli_status report_dml(const char *operation, const pli__dml_result *r, pli_row_fn *fn, void *arg,
                             pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf row = {0};
    pli__report_begin(&row, operation, r->version, r->committed);
    pli__report_number(&row, "rows", r->rows);
    pli__report_number(&row, "filesScanned", r->files_scanned);
    pli__report_number(&row, "filesRemoved", r->files_removed);
    pli__report_number(&row, "filesAdded", r->files_added);
    pli__report_number(&row, "deletionVectorsAdded", r->vectors_added);
    pli__report_number(&row, "bytesAdded", r->bytes_added);
    pli__report_number(&row, "rowsCopied", r->rows_copied);
    return pli__report_end(&row, fn, arg, err);
}

pli_status pli_table_delete(pli_table *t, const pli_delete_options *options, pli_row_fn *fn, void *arg,
                            pli_error *err) {
    pli_delete_options o = {0};
    pli__dml_result r = {0};
    PLI__NOT_NULL(t);
    PLI__COPY_OPTIONS(options, o);
    const pli__dml_options dml = {.where = o.where,
                                  .copy_on_write = o.copy_on_write,
                                  .relaxed = o.relaxed,
                                  .dry_run = o.dry_run,
                                  .user_metadata = o.user_metadata};
    PLI_TRY(pli__dml_delete(t->delta, &dml, &r, err));
    return report_dml("DELETE", &r, fn, arg, err);
}

pli_status pli_table_update(pli_table *t, const pli_update_options *options, pli_row_fn *fn, void *arg,
                            pli_error *err) {
    pli_update_options o = {0};
    pli__dml_result r = {0};
    PLI__NOT_NULL(t);
    PLI__NOT_NULL(options);
    PLI__COPY_OPTIONS(options, o);
    PLI_AUTO(pli__free_ptr) pli__assignment *set = calloc(o.n_set + 1, sizeof *set);
    if (!set) return pli__error_memory(err);
    for (size_t i = 0; i < o.n_set; i++) {
        if (!o.set[i].key || !o.set[i].value)
            return pli__error_set(err, PLI_E_ARGUMENT, "an assignment needs a column and an expression");
        set[i] = (pli__assignment){o.set[i].key, o.set[i].value};
    }
    const pli__dml_options dml = {.where = o.where,
                                  .n_set = o.n_set,
                                  .set = set,
                                  .copy_on_write = o.copy_on_write,
                                  .relaxed = o.relaxed,
                                  .dry_run = o.dry_run,
                                  .user_metadata = o.user_metadata};
    PLI_TRY(pli__dml_update(t->delta, &dml, &r, err));
    return report_dml("UPDATE", &r, fn, arg, err);
}

/* ---- maintenance ---- */

pli_status pli_table_optimize(pli_table *t, const pli_optimize_options *options, pli_row_fn *fn, void *arg,
                              pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf row = {0};
    pli_optimize_options o = {0};
    pli__optimize_result r = {0};
    PLI__NOT_NULL(t);
    PLI__COPY_OPTIONS(options, o);
    const pli__optimize_options z = {.where = o.where,
                                     .n_zorder = o.n_zorder,
                                     .zorder = o.zorder,
                                     .target_size = o.target_size,
                                     .dry_run = o.dry_run,
                                     .relaxed = o.relaxed};
    PLI_TRY(pli__optimize(t->delta, &z, &r, err));
    pli__report_begin(&row, "OPTIMIZE", r.version, r.committed);
    pli__report_number(&row, "filesRemoved", r.files_removed);
    pli__report_number(&row, "filesAdded", r.files_added);
    pli__report_number(&row, "bytesRemoved", r.bytes_removed);
    pli__report_number(&row, "bytesAdded", r.bytes_added);
    pli__report_number(&row, "partitions", r.partitions);
    return pli__report_end(&row, fn, arg, err);
}

typedef struct {
    pli_row_fn *fn;
    void *arg;
} reporter;

static pli_status report_file(void *arg, const char *path, int64_t size, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf row = {0};
    const reporter *r = arg;
    pli__buf_addz(&row, "{\"path\":");
    pli__buf_add_json(&row, pli__str_of(path));
    pli__report_number(&row, "size", size);
    return pli__report_end(&row, r->fn, r->arg, err);
}

pli_status pli_table_vacuum(pli_table *t, const pli_vacuum_options *options, pli_row_fn *fn, void *arg,
                            pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf row = {0};
    pli_vacuum_options o = {0};
    pli__vacuum_result r = {0};
    reporter report = {fn, arg};
    PLI__NOT_NULL(t);
    PLI__COPY_OPTIONS(options, o);
    pli__vacuum_options v = {.retention_us = -1, .allow_short = o.allow_short, .dry_run = o.dry_run};
    if (o.retention && (!pli__time_parse_duration(pli__str_of(o.retention), &v.retention_us) || v.retention_us < 0))
        return pli__error_set(err, PLI_E_ARGUMENT, "'%s' is no duration", o.retention);
    PLI_TRY(pli__vacuum(t->delta, &v, fn ? report_file : NULL, &report, &r, err));
    pli__buf_addz(&row, "{\"operation\":\"VACUUM\"");
    pli__report_number(&row, "filesDeleted", r.files_deleted);
    pli__report_number(&row, "bytesDeleted", r.bytes_deleted);
    pli__report_number(&row, "foldersDeleted", r.folders_deleted);
    pli__report_number(&row, "filesKept", r.files_kept);
    return pli__report_end(&row, fn, arg, err);
}

pli_status pli_table_restore(pli_table *t, const pli_at *at, bool dry_run, pli_row_fn *fn, void *arg, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf row = {0};
    pli__restore_result r = {0};
    pli_at where = {0};
    int64_t version;
    PLI__NOT_NULL(t);
    PLI__NOT_NULL(at);
    PLI__COPY_OPTIONS(at, where);
    if (!where.has_version && !where.timestamp)
        return pli__error_set(err, PLI_E_ARGUMENT, "a restore needs a version or a time");
    PLI_TRY(pli__table_resolve(t, where.has_version, where.version, where.timestamp, &version, err));
    PLI_TRY(pli__restore(t->delta, version, dry_run, &r, err));
    pli__report_begin(&row, "RESTORE", r.version, r.committed);
    pli__report_number(&row, "filesRestored", r.files_restored);
    pli__report_number(&row, "filesRemoved", r.files_removed);
    return pli__report_end(&row, fn, arg, err);
}

pli_status pli_table_set_properties(pli_table *t, const pli_property *properties, size_t n, pli_row_fn *fn, void *arg,
                                    pli_error *err) {
    int64_t version;
    PLI__NOT_NULL(t);
    PLI_AUTO(pli__free_ptr) pli__kv *set = calloc(n + 1, sizeof *set);
    if (!set) return pli__error_memory(err);
    for (size_t i = 0; i < n; i++) {
        if (!properties[i].key) return pli__error_set(err, PLI_E_ARGUMENT, "a property has no name");
        set[i] = (pli__kv){pli__str_of(properties[i].key),
                           properties[i].value ? pli__str_of(properties[i].value) : (pli__str){0}};
    }
    PLI_TRY(pli__set_properties(t->delta, set, n, &version, err));
    return simple_report("SET TBLPROPERTIES", version, true, fn, arg, err);
}

pli_status pli_table_add_constraint(pli_table *t, const char *name, const char *expression, pli_row_fn *fn, void *arg,
                                    pli_error *err) {
    int64_t version;
    PLI__NOT_NULL(t);
    PLI__NOT_NULL(name);
    PLI_TRY(pli__add_constraint(t->delta, name, expression, &version, err));
    return simple_report("ADD CONSTRAINT", version, true, fn, arg, err);
}

pli_status pli_table_drop_constraint(pli_table *t, const char *name, pli_row_fn *fn, void *arg, pli_error *err) {
    int64_t version;
    PLI__NOT_NULL(t);
    PLI__NOT_NULL(name);
    PLI_TRY(pli__drop_constraint(t->delta, name, &version, err));
    return simple_report("DROP CONSTRAINT", version, true, fn, arg, err);
}

pli_status pli_table_rename_column(pli_table *t, const char *path, const char *name, pli_row_fn *fn, void *arg,
                                   pli_error *err) {
    int64_t version;
    PLI__NOT_NULL(t);
    PLI__NOT_NULL(path);
    PLI__NOT_NULL(name);
    PLI_TRY(pli__rename_column(t->delta, path, name, &version, err));
    return simple_report("RENAME COLUMN", version, true, fn, arg, err);
}

pli_status pli_table_drop_column(pli_table *t, const char *path, pli_row_fn *fn, void *arg, pli_error *err) {
    int64_t version;
    PLI__NOT_NULL(t);
    PLI__NOT_NULL(path);
    PLI_TRY(pli__drop_column(t->delta, path, &version, err));
    return simple_report("DROP COLUMNS", version, true, fn, arg, err);
}

pli_status pli_table_add_column(pli_table *t, const char *path, const char *type, pli_row_fn *fn, void *arg,
                                pli_error *err) {
    int64_t version;
    PLI__NOT_NULL(t);
    PLI__NOT_NULL(path);
    PLI__NOT_NULL(type);
    PLI_TRY(pli__add_column(t->delta, path, type, &version, err));
    return simple_report("ADD COLUMNS", version, true, fn, arg, err);
}

/* ---- tables out of files and of other tables ---- */

pli_status pli_table_convert(pli_table *t, const pli_convert_options *options, pli_row_fn *fn, void *arg,
                             pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf row = {0};
    pli_convert_options o = {0};
    pli__convert_result r = {0};
    PLI__NOT_NULL(t);
    PLI__COPY_OPTIONS(options, o);
    PLI_AUTO(pli__free_ptr) pli__kv *properties = calloc(o.n_properties + 1, sizeof *properties);
    if (!properties) return pli__error_memory(err);
    for (size_t i = 0; i < o.n_properties; i++) {
        if (!o.properties[i].key || !o.properties[i].value)
            return pli__error_set(err, PLI_E_ARGUMENT, "a property needs a name and a value");
        properties[i] = (pli__kv){pli__str_of(o.properties[i].key), pli__str_of(o.properties[i].value)};
    }
    const pli__convert_options c = {.partition_by = o.partition_by,
                                    .n_properties = o.n_properties,
                                    .properties = properties,
                                    .no_statistics = o.no_statistics,
                                    .dry_run = o.dry_run};
    PLI_TRY(pli__convert(t->delta, &c, &r, err));
    pli__report_begin(&row, "CONVERT", r.version, r.committed);
    pli__report_number(&row, "files", r.files);
    pli__report_number(&row, "bytes", r.bytes);
    pli__report_number(&row, "rows", r.rows);
    pli__report_number(&row, "filesIgnored", r.files_ignored);
    return pli__report_end(&row, fn, arg, err);
}

pli_status pli_table_clone(pli_table *t, const char *destination, const pli_at *at, bool dry_run, pli_row_fn *fn,
                           void *arg, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf row = {0};
    PLI_AUTO(pli__delta_auto) pli__delta *to = NULL;
    pli__clone_result r = {0};
    pli_at where = {0};
    int64_t version = PLI__LATEST;
    PLI__NOT_NULL(t);
    PLI__NOT_NULL(destination);
    PLI__COPY_OPTIONS(at, where);
    if (where.has_version || where.timestamp)
        PLI_TRY(pli__table_resolve(t, where.has_version, where.version, where.timestamp, &version, err));
    PLI_TRY(pli__delta_open(t->env, destination, &to, err));
    PLI_TRY(pli__clone(t->delta, version, to, dry_run, &r, err));
    pli__report_begin(&row, "CLONE", r.version, r.committed);
    pli__report_number(&row, "sourceVersion", r.source_version);
    pli__report_number(&row, "files", r.files);
    pli__report_number(&row, "bytes", r.bytes);
    return pli__report_end(&row, fn, arg, err);
}
