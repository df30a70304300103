/* Making a write plan from protocol and metadata. */
#include "delta/write_plan.h"

#include <stdlib.h>

#include "base/time.h"
#include "delta/clustering.h"
#include "delta/features.h"
#include "delta/identity.h"
#include "delta/transaction_impl.h"
#include "delta/variant_write.h"

#define DEFAULT_TARGET (INT64_C(128) << 20)
#define MIN_TARGET (INT64_C(64) << 10)

static const struct {
    const char *property, *codec, *extension;
} codecs[] = {
    {"zstd", "zstd", ".zstd"},    {"snappy", "snappy", ".snappy"},   {"gzip", "gzip", ".gz"},
    {"lz4", "lz4_raw", ".lz4"},   {"lz4_raw", "lz4_raw", ".lz4raw"}, {"uncompressed", "uncompressed", ""},
    {"none", "uncompressed", ""},
};

static pli_status choose_codec(pli__write_plan *p, const char *option, pli_error *err) {
    pli__str name = option ? pli__str_of(option)
                           : pli__metadata_property(p->metadata, "delta.parquet.compression.codec");
    if (!name.len) name = PLI_STR("zstd");
    for (size_t i = 0; i < sizeof codecs / sizeof codecs[0]; i++) {
        if (!pli__str_ieqz(name, codecs[i].property)) continue;
        p->codec = codecs[i].codec;
        p->extension = codecs[i].extension;
        return PLI_OK;
    }
    return pli__error_set(err, PLI_E_UNSUPPORTED, "Parquet files cannot be written with the compression '%.*s'",
                          PLI_STR_ARG(name));
}

static void choose_size(pli__write_plan *p, int64_t option) {
    const pli__str text = pli__metadata_property(p->metadata, "delta.targetFileSize");
    int64_t size = option;
    if (size <= 0 && (!text.ptr || !pli__size_parse(text, &size))) size = DEFAULT_TARGET;
    p->target_size = size < MIN_TARGET ? MIN_TARGET : size;
}

static bool is_partition(const pli__metadata *m, const char *name) {
    for (size_t i = 0; i < m->n_partition_columns; i++)
        if (pli__str_eqz(m->partition_columns[i], name)) return true;
    return false;
}

/* ---- physical columns ---- */

static pli_status physical_type(const pli__write_plan *p, const pli__type *t, const pli__type **out, pli_error *err);

static pli_status physical_name(const pli__write_plan *p, const pli__field *f, pli__buf *out, pli_error *err) {
    if (!p->mapped) pli__buf_addz(out, f->name);
    else if (!pli__field_meta_str(f, "delta.columnMapping.physicalName", out))
        return pli__error_set(err, PLI_E_CORRUPT, "column '%s' has no physical name although the table maps columns",
                              f->name);
    return pli__buf_status(out, err);
}

static pli_status add_physical(const pli__write_plan *p, const pli__field *f, pli__type_builder *b, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf name = {0};
    const pli__type *type = NULL;
    PLI_TRY(physical_name(p, f, &name, err));
    PLI_TRY(physical_type(p, f->type, &type, err));
    pli__type_builder_add(b, pli__buf_str(&name), type, f->nullable, f->metadata);
    return PLI_OK;
}

static pli_status physical_type(const pli__write_plan *p, const pli__type *t, const pli__type **out, pli_error *err) {
    const pli__type *key = NULL, *value = NULL;
    if (t->id == PLI__TYPE_STRUCT) {
        PLI_AUTO(pli__type_builder_clear) pli__type_builder b = {0};
        for (size_t i = 0; i < t->n_fields; i++)
            if (t->fields[i].type->id != PLI__TYPE_NULL) PLI_TRY(add_physical(p, &t->fields[i], &b, err));
        *out = pli__type_builder_finish(&b);
    } else if (t->id == PLI__TYPE_LIST) {
        PLI_TRY(physical_type(p, t->fields[0].type, &value, err));
        *out = pli__type_new_list(value, t->fields[0].nullable);
    } else if (t->id == PLI__TYPE_MAP) {
        PLI_TRY(physical_type(p, t->fields[0].type, &key, err));
        const pli_status s = physical_type(p, t->fields[1].type, &value, err);
        if (s != PLI_OK) return pli__type_unref(key), s;
        *out = pli__type_new_map(key, value, t->fields[1].nullable);
    } else {
        *out = pli__type_ref(t);
    }
    return *out ? PLI_OK : pli__error_memory(err);
}

/* What no file can hold. */
static pli_status check_type(const pli__type *t, const char *column, bool top, pli_error *err) {
    if (t->id == PLI__TYPE_NULL && !top)
        return pli__error_set(err, PLI_E_UNSUPPORTED,
                              "column '%s' holds a void inside of another type, which cannot be written", column);
    for (size_t i = 0; i < t->n_fields; i++)
        PLI_TRY(check_type(t->fields[i].type, column, t->id == PLI__TYPE_STRUCT, err));
    return PLI_OK;
}

/* Values of identity columns and the binary parts of variants come with the rows, or nobody makes them. */
static pli_status check_made(const pli__write_plan *p, const pli__write_options *o, pli_error *err) {
    if (o && (o->projected || o->trusted)) return PLI_OK;
    for (size_t i = 0; i < p->table->n_fields; i++) {
        const pli__field *f = &p->table->fields[i];
        if (pli__identity_is(f))
            return pli__error_set(
                err, PLI_E_UNSUPPORTED,
                "column '%s' is an identity column (feature 'identityColumns'), whose values this operation cannot make",
                f->name);
        if (pli__type_has_variant(f->type))
            return pli__error_set(
                err, PLI_E_UNSUPPORTED,
                "column '%s' holds variants (feature 'variantType'), which this operation cannot write", f->name);
    }
    return PLI_OK;
}

static pli_status split_columns(pli__write_plan *p, pli_error *err) {
    PLI_AUTO(pli__type_builder_clear) pli__type_builder physical = {0}, logical = {0};
    for (size_t i = 0; i < p->table->n_fields; i++) {
        const pli__field *f = &p->table->fields[i];
        PLI_TRY(check_type(f->type, f->name, true, err));
        if (f->type->id == PLI__TYPE_NULL || is_partition(p->metadata, f->name)) continue;
        PLI_TRY(add_physical(p, f, &physical, err));
        pli__type_builder_add(&logical, pli__str_of(f->name), pli__type_ref(f->type), f->nullable, f->metadata);
    }
    p->columns = pli__type_builder_finish(&physical);
    p->logical = pli__type_builder_finish(&logical);
    if (!p->columns || !p->logical) return pli__error_memory(err);
    if (p->columns->n_fields) return PLI_OK;
    return pli__error_set(err, PLI_E_SCHEMA,
                          p->n_parts ? "a table cannot have partition columns alone"
                                     : "a table needs at least one column with a type");
}

static pli_status find_partitions(pli__write_plan *p, pli_error *err) {
    const pli__metadata *m = p->metadata;
    p->parts = pli__arena_calloc(&p->arena, m->n_partition_columns + 1, sizeof *p->parts);
    if (!p->parts) return pli__error_memory(err);
    for (size_t i = 0; i < m->n_partition_columns; i++) {
        PLI_AUTO(pli__buf_clear) pli__buf name = {0};
        const int k = pli__type_find(p->table, m->partition_columns[i], true);
        if (k < 0)
            return pli__error_set(err, PLI_E_SCHEMA, "partition column '%.*s' is not in the schema",
                                  PLI_STR_ARG(m->partition_columns[i]));
        const pli__field *f = &p->table->fields[k];
        if (pli__type_is_nested(f->type) || f->type->id == PLI__TYPE_VARIANT)
            return pli__error_set(err, PLI_E_SCHEMA, "column '%s' cannot partition a table: it is of a nested type",
                                  f->name);
        PLI_TRY(physical_name(p, f, &name, err));
        p->parts[p->n_parts++] = (pli__part_column){f, pli__arena_str(&p->arena, pli__buf_str(&name))};
    }
    return pli__arena_status(&p->arena, err);
}

static pli_status plan_statistics(pli__write_plan *p, const pli__write_options *o, pli_error *err) {
    pli__stats_columns columns = {.physical = p->columns, .logical = p->logical};
    if (o && o->table) PLI_TRY(pli__clustering_paths(o->table, &p->arena, &columns.always, &columns.n_always, err));
    return pli__stats_plan_new(&columns, p->metadata, &p->stats, err);
}

pli_status pli__write_plan_new(const pli__protocol *protocol, const pli__metadata *metadata,
                               const pli__write_options *options, pli__write_plan **out, pli_error *err) {
    PLI_AUTO(pli__write_plan_auto) pli__write_plan *p = calloc(1, sizeof *p);
    if (!p) return pli__error_memory(err);
    p->metadata = metadata;
    PLI_TRY(pli__protocol_check_write(protocol, err));
    PLI_TRY(pli__type_from_delta(metadata->schema_string, &p->table, err));
    const pli__str mode = pli__metadata_property(metadata, "delta.columnMapping.mode");
    p->mapped = mode.ptr && !pli__str_ieqz(mode, "none");
    PLI_TRY(check_made(p, options, err));
    PLI_TRY(find_partitions(p, err));
    PLI_TRY(split_columns(p, err));
    PLI_TRY(choose_codec(p, options ? options->compression : NULL, err));
    choose_size(p, options ? options->target_file_size : 0);
    p->order_by = options ? options->order_by : NULL;
    if (!options || !options->trusted) PLI_TRY(pli__write_plan_checks(p, err));
    PLI_TRY(plan_statistics(p, options, err));
    *out = PLI_TAKE(p);
    return PLI_OK;
}

void pli__write_plan_free(pli__write_plan *p) {
    if (!p) return;
    pli__type_unref(p->table);
    pli__type_unref(p->columns);
    pli__type_unref(p->logical);
    pli__stats_plan_free(p->stats);
    pli__arena_clear(&p->arena);
    free(p);
}

void pli__write_plan_auto(pli__write_plan **p) { pli__write_plan_free(*p); }
