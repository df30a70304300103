/* Files become parts: grouped by format, read by the format's reader, partition columns added from their paths. */
#include <stdlib.h>

#include "source/format_impl.h"

/* ---- options ---- */

const json_t *pli__option_json(const pli__read *r, const char *name) {
    return json_object_get(r->options->options, name);
}

bool pli__option_bool(const pli__read *r, const char *name, bool absent) {
    const json_t *v = pli__option_json(r, name);
    return v ? json_is_true(v) : absent;
}

int64_t pli__option_int(const pli__read *r, const char *name, int64_t absent) {
    const json_t *v = pli__option_json(r, name);
    return json_is_integer(v) ? json_integer_value(v) : absent;
}

const char *pli__option_text(const pli__read *r, const char *name, const char *absent) {
    const json_t *v = pli__option_json(r, name);
    return json_is_string(v) ? json_string_value(v) : absent;
}

/* ---- partition columns ---- */

typedef struct partition_column {
    pli__str name, type; /* type empty: text */
} partition_column;

static partition_column partition_of(const char *text) {
    const char *colon = strrchr(text, ':');
    if (!colon) return (partition_column){pli__str_of(text), {0}};
    return (partition_column){{text, (size_t)(colon - text)}, pli__str_of(colon + 1)};
}

/* The folder "name=value" of the path, decoded; a regular expression over a constant costs once per file and chunk. */
static void add_partition_value(pli__buf *b, const partition_column *c) {
    pli__buf_addz(b, "nullif(nullif(url_decode(regexp_extract(_pli_path,");
    PLI_AUTO(pli__buf_clear) pli__buf pattern = {0};
    pli__buf_addz(&pattern, "/");
    for (size_t i = 0; i < c->name.len; i++) {
        if (strchr("\\.+*?()|[]{}^$", c->name.ptr[i])) pli__buf_addc(&pattern, '\\');
        pli__buf_addc(&pattern, c->name.ptr[i]);
    }
    pli__buf_addz(&pattern, "=([^/]*)/");
    pli__buf_add_sql_str(b, pli__buf_str(&pattern));
    pli__buf_addz(b, ",1)),'__HIVE_DEFAULT_PARTITION__'),'')");
}

static void add_partition_column(pli__buf *b, const partition_column *c, bool as_text) {
    bool cast = c->type.len && !as_text;
    if (cast) pli__buf_addz(b, "CAST(");
    add_partition_value(b, c);
    if (cast) pli__buf_addf(b, " AS %.*s)", PLI_STR_ARG(c->type));
    pli__buf_addz(b, " AS ");
    pli__buf_add_sql_name(b, c->name);
    pli__buf_addz(b, ", ");
}

/* The file's columns without those that the folders give, then these. */
static pli_status with_partitions(const pli__read *r, const pli__type *schema, const pli__type **out, pli_error *err) {
    pli__type_builder b = {0};
    for (size_t i = 0; i < schema->n_fields; i++) {
        const pli__field *f = &schema->fields[i];
        bool replaced = false;
        for (size_t k = 0; k < r->n_partition_columns; k++) {
            const partition_column c = partition_of(r->partition_columns[k]);
            replaced = replaced || pli__str_eqz(c.name, f->name);
        }
        if (!replaced) pli__type_builder_add(&b, pli__str_of(f->name), pli__type_ref(f->type), f->nullable, NULL);
    }
    for (size_t k = 0; k < r->n_partition_columns; k++) {
        const partition_column c = partition_of(r->partition_columns[k]);
        const pli__type *t = NULL;
        pli_status status = c.type.len ? pli__type_from_sql(c.type, &t, err) : PLI_OK;
        if (status != PLI_OK) {
            pli__type_builder_clear(&b);
            return pli__error_prefix(err, status, "partition column '%.*s'", PLI_STR_ARG(c.name));
        }
        pli__type_builder_add(&b, c.name, t ? t : pli__type_new(PLI__TYPE_STRING), true, NULL);
    }
    *out = pli__type_builder_finish(&b);
    return *out ? PLI_OK : pli__error_memory(err);
}

/* ---- parts ---- */

static void add_columns(pli__buf *b, const pli__part_spec *spec, const pli__type *schema) {
    for (size_t i = 0; i < spec->schema->n_fields; i++) {
        pli__str name = pli__str_of(spec->schema->fields[i].name);
        if (pli__type_find(schema, name, true) < 0) continue;
        if (spec->columns && spec->columns[i]) {
            pli__buf_addf(b, "%s AS ", spec->columns[i]);
        }
        pli__buf_add_sql_name(b, name);
        pli__buf_addz(b, ", ");
    }
}

static pli_status part_sql(const pli__read *r, const pli__part_spec *spec, const pli__type *schema, char **out,
                           pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf b = {0};
    pli__buf_addz(&b, "SELECT ");
    size_t own = schema->n_fields - r->n_partition_columns;
    PLI_AUTO(pli__type_auto) const pli__type *fields = NULL; /* the first `own` ones: those the file keeps */
    pli__type_builder kept = {0};
    for (size_t i = 0; i < own; i++)
        pli__type_builder_add(&kept, pli__str_of(schema->fields[i].name), pli__type_ref(schema->fields[i].type), true,
                              NULL);
    if (!(fields = pli__type_builder_finish(&kept))) return pli__error_memory(err);
    add_columns(&b, spec, fields);
    for (size_t k = 0; k < r->n_partition_columns; k++) {
        const partition_column c = partition_of(r->partition_columns[k]);
        if (spec->json) pli__buf_addz(&b, "to_json("); /* raw JSON, like the columns beside it */
        if (spec->json) add_partition_value(&b, &c);
        if (spec->json) {
            pli__buf_addz(&b, ") AS ");
            pli__buf_add_sql_name(&b, c.name);
            pli__buf_addz(&b, ", ");
        } else add_partition_column(&b, &c, spec->text);
    }
    pli__buf_addf(&b, "_pli_path%s%s FROM ", spec->has_line ? ", _pli_line" : "",
                  spec->has_corrupt ? ", _pli_corrupt" : "");
    pli__buf_adds(&b, spec->from);
    PLI_TRY(pli__buf_status(&b, err));
    *out = pli__buf_take(&b);
    return PLI_OK;
}

static pli_status copy_files(pli__part *part, const pli__part_spec *spec, pli_error *err) {
    part->files = calloc(spec->n_files ? spec->n_files : 1, sizeof *part->files);
    if (!part->files) return pli__error_memory(err);
    for (; part->n_files < spec->n_files; part->n_files++) {
        pli__input_file *f = &part->files[part->n_files];
        *f = *spec->files[part->n_files];
        f->path = pli__strz_dup(f->path);
        if (!f->path) return pli__error_memory(err);
    }
    return PLI_OK;
}

pli_status pli__parts_add(pli__parts *parts, const pli__part_spec *spec, pli_error *err) {
    pli__relation *r = parts->relation;
    if (r->n_parts == parts->cap) {
        size_t cap = parts->cap ? parts->cap * 2 : 8;
        pli__part *grown = realloc(r->parts, cap * sizeof *grown);
        if (!grown) return pli__error_memory(err);
        r->parts = grown;
        parts->cap = cap;
    }
    pli__part *part = &r->parts[r->n_parts];
    *part = (pli__part){.text = spec->text,
                        .json = spec->json,
                        .typed_json = spec->typed_json,
                        .has_line = spec->has_line,
                        .has_corrupt = spec->has_corrupt};
    r->n_parts++; /* pli__relation_free takes half-built parts */
    PLI_TRY(with_partitions(parts->read, spec->schema, &part->schema, err));
    PLI_TRY(part_sql(parts->read, spec, part->schema, &part->sql, err));
    return copy_files(part, spec, err);
}

void pli__sql_paths(pli__buf *b, size_t n, const pli__input_file *const *files) {
    pli__buf_addc(b, '[');
    for (size_t i = 0; i < n; i++) {
        if (i) pli__buf_addc(b, ',');
        pli__buf_add_sql_str(b, pli__str_of(files[i]->path));
    }
    pli__buf_addc(b, ']');
}

pli_status pli__read_engine(const pli__read *r, const char *extension, pli__engine **out, pli_error *err) {
    PLI_TRY(pli__env_engine(r->env, out, err));
    return extension ? pli__engine_load_extension(*out, extension, err) : PLI_OK;
}

bool pli__is_sampled(const pli__read *r, size_t i, size_t n) {
    size_t want = r->options->sample_files > 0 ? (size_t)r->options->sample_files : 100;
    if (n <= want || i == 0 || i == n - 1) return true;
    if (want <= 2) return false;
    /* i is the first file at or behind k * (n - 1) / (want - 1) for some k */
    size_t k = i * (want - 1) / (n - 1);
    return k * (n - 1) / (want - 1) == i || (k + 1) * (n - 1) / (want - 1) == i;
}

/* ---- by format ---- */

static pli__format_reader *const readers[] = {pli__read_csv,  pli__read_ndjson, pli__read_json, pli__read_parquet,
                                              pli__read_avro, pli__read_excel,  pli__read_text, pli__read_binary};

static pli_status format_of_file(const pli__format *format, const char *path, pli__format_id *out, pli_error *err) {
    const pli__format *f = format ? format : pli__format_of_path(pli__str_of(path));
    if (!f) {
        pli__error_set(err, PLI_E_UNSUPPORTED, "the name of '%s' does not tell its format", path);
        return pli__error_hint(err, "set `format`, or a `pattern` that leaves it out");
    }
    *out = f->id;
    return PLI_OK;
}

pli_status pli__format_read(const pli__read *read, const pli__format *format, size_t n, const pli__input_file *files,
                            pli__relation **out, pli_error *err) {
    *out = NULL;
    PLI_AUTO(pli__relation_auto) pli__relation *relation = calloc(1, sizeof *relation);
    PLI_AUTO(pli__free_ptr) const pli__input_file **group = calloc(n + 1, sizeof *group);
    PLI_AUTO(pli__free_ptr) pli__format_id *ids = calloc(n + 1, sizeof *ids);
    if (!relation || !group || !ids) return pli__error_memory(err);
    for (size_t i = 0; i < n; i++) PLI_TRY(format_of_file(format, files[i].path, &ids[i], err));
    pli__parts parts = {.read = read, .relation = relation};
    for (size_t id = 0; id < sizeof readers / sizeof *readers; id++) {
        size_t members = 0;
        for (size_t i = 0; i < n; i++)
            if (ids[i] == id) group[members++] = &files[i];
        if (members) PLI_TRY(readers[id](&parts, members, group, err));
    }
    *out = PLI_TAKE(relation);
    return PLI_OK;
}
