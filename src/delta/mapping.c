/* Column mapping: physical schema to read, expressions back to logical names. */
#include "delta/mapping.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"

void pli__mapping_free(pli__mapping *m) {
    if (!m) return;
    for (size_t i = 0; i < m->n; i++) {
        free(m->columns[i].physical);
        pli__type_unref(m->columns[i].read_type);
    }
    free(m->columns);
    pli__type_unref(m->schema);
    free(m);
}

void pli__mapping_auto(pli__mapping **m) { pli__mapping_free(*m); }

/* ---- names and types ---- */

static char *physical_name(const pli__field *f, pli__mapping_mode mode) {
    PLI_AUTO(pli__buf_clear) pli__buf name = {0};
    if (mode == PLI__MAPPING_NONE) return pli__strz_dup(f->name);
    if (!pli__field_meta_str(f, "delta.columnMapping.physicalName", &name)) return pli__strz_dup(f->name);
    return pli__buf_take(&name);
}

static const pli__type *physical_type(const pli__type *t, pli__mapping_mode mode, const pli__file_column *file);

/* The column of a file that stands for a field; NULL if there is none. */
static const pli__file_column *find_column(const pli__file_column *in, const pli__field *f, pli__str physical,
                                           pli__mapping_mode mode) {
    int64_t id = -1;
    if (mode == PLI__MAPPING_ID && !pli__field_meta_i64(f, "delta.columnMapping.id", &id)) return NULL;
    for (size_t i = 0; i < in->n; i++) {
        const pli__file_column *c = &in->children[i];
        if (mode == PLI__MAPPING_ID ? c->field_id == id : pli__str_ieq(c->name, physical)) return c;
    }
    return NULL;
}

/* A field of a struct under the name that it has in the file; what the file lacks gets a name that it cannot have. */
static bool add_physical_field(pli__type_builder *b, const pli__field *f, pli__mapping_mode mode,
                               const pli__file_column *file) {
    PLI_AUTO(pli__free_ptr) char *name = physical_name(f, mode);
    PLI_AUTO(pli__buf_clear) pli__buf absent = {0};
    const pli__file_column *c = NULL;
    if (!name) b->failed = true;
    if (file && name) c = find_column(file, f, pli__str_of(name), mode);
    if (file && !c) pli__buf_addf(&absent, "_pli_absent_%zu", b->n);
    pli__type_builder_add(b,
                          c      ? c->name
                          : file ? pli__buf_str(&absent)
                                 : pli__str_of(name),
                          physical_type(f->type, mode, c), true, NULL);
    return c != NULL;
}

static const pli__type *physical_struct(const pli__type *t, pli__mapping_mode mode, const pli__file_column *file) {
    pli__type_builder b = {0};
    bool any = false;
    for (size_t i = 0; i < t->n_fields; i++) any |= add_physical_field(&b, &t->fields[i], mode, file);
    if (!any && file && file->n) /* the engine wants one field in common, or it does not read the struct at all */
        pli__type_builder_add(&b, file->children[0].name, pli__type_new(PLI__TYPE_STRING), true, NULL);
    return pli__type_builder_finish(&b);
}

/* Both halves of a variant as the files have them. */
static const pli__type *variant_struct(void) {
    pli__type_builder b = {0};
    pli__type_builder_add(&b, PLI_STR("metadata"), pli__type_new(PLI__TYPE_BINARY), true, NULL);
    pli__type_builder_add(&b, PLI_STR("value"), pli__type_new(PLI__TYPE_BINARY), true, NULL);
    return pli__type_builder_finish(&b);
}

static const pli__file_column *child_at(const pli__file_column *file, size_t i) {
    return file && i < file->n ? &file->children[i] : NULL;
}

/* @param file the column of a file that is not ordinary; NULL = as the protocol has it today */
static const pli__type *physical_type(const pli__type *t, pli__mapping_mode mode, const pli__file_column *file) {
    switch (t->id) {
        case PLI__TYPE_STRUCT: return physical_struct(t, mode, file);
        case PLI__TYPE_LIST: return pli__type_new_list(physical_type(t->fields[0].type, mode, child_at(file, 0)), true);
        case PLI__TYPE_MAP:
            return pli__type_new_map(physical_type(t->fields[0].type, mode, child_at(file, 0)),
                                     physical_type(t->fields[1].type, mode, child_at(file, 1)), true);
        case PLI__TYPE_VARIANT: return file && !file->is_variant ? variant_struct() : pli__type_ref(t);
        case PLI__TYPE_TIMESTAMP:
            return file && file->is_naive_time ? pli__type_new(PLI__TYPE_TIMESTAMP_NTZ) : pli__type_ref(t);
        case PLI__TYPE_TIMESTAMP_NTZ: return file && file->is_date ? pli__type_new(PLI__TYPE_DATE) : pli__type_ref(t);
        case PLI__TYPE_NULL: return pli__type_new(PLI__TYPE_I32); /* in no file: any type will do */
        default: return pli__type_ref(t);
    }
}

static bool holds(const pli__type *t, pli__type_id id) {
    if (t->id == id) return true;
    for (size_t i = 0; i < t->n_fields; i++)
        if (holds(t->fields[i].type, id)) return true;
    return false;
}

/* Can a struct have lost every field that it began with? Ids are given in the order of fields, so the field that came with
 * its struct has the next id; while one such is left, every file has a field in common with the schema. */
static bool may_lose(const pli__type *strct) {
    for (size_t i = 0; i < strct->n_fields; i++) {
        const pli__field *f = &strct->fields[i];
        const pli__type *t = f->type;
        int64_t id = -1, child = -1;
        bool safe = false;
        while (t->id == PLI__TYPE_LIST || t->id == PLI__TYPE_MAP) {
            if (t->id == PLI__TYPE_MAP && holds(t->fields[0].type, PLI__TYPE_STRUCT)) return true;
            t = t->fields[t->n_fields - 1].type;
        }
        if (t->id != PLI__TYPE_STRUCT) continue;
        (void)pli__field_meta_i64(f, "delta.columnMapping.id", &id);
        for (size_t k = 0; k < t->n_fields; k++)
            safe |= pli__field_meta_i64(&t->fields[k], "delta.columnMapping.id", &child) && child == id + 1;
        if (!safe || may_lose(t)) return true;
    }
    return false;
}

/* A type that the protocol does not name cannot be read, whatever the files hold. */
static pli_status check_type(const pli__type *t, const char *column, pli_error *err) {
    switch (t->id) {
        case PLI__TYPE_NULL:
        case PLI__TYPE_BOOLEAN:
        case PLI__TYPE_I8:
        case PLI__TYPE_I16:
        case PLI__TYPE_I32:
        case PLI__TYPE_I64:
        case PLI__TYPE_F32:
        case PLI__TYPE_F64:
        case PLI__TYPE_DECIMAL:
        case PLI__TYPE_STRING:
        case PLI__TYPE_BINARY:
        case PLI__TYPE_DATE:
        case PLI__TYPE_TIMESTAMP:
        case PLI__TYPE_TIMESTAMP_NTZ:
        case PLI__TYPE_STRUCT:
        case PLI__TYPE_LIST:
        case PLI__TYPE_MAP:
        case PLI__TYPE_VARIANT: break;
        default:
            return pli__error_set(err, PLI_E_UNSUPPORTED, "column '%s' has the type '%s', which is not known", column,
                                  t->text ? t->text : "?");
    }
    for (size_t i = 0; i < t->n_fields; i++) PLI_TRY(check_type(t->fields[i].type, column, err));
    return PLI_OK;
}

/* ---- type changes ---- */

static int integer_rank(pli__str type) {
    static const char *const names[] = {"byte", "short", "integer", "long"};
    for (int i = 0; i < 4; i++)
        if (pli__str_eqz(type, names[i])) return i + 1;
    return 0;
}

/* The changes that PROTOCOL.md, "Type Widening", lists. How much of a decimal is needed is not checked: the cast is. */
static bool change_is_known(pli__str from, pli__str to) {
    const int rank = integer_rank(from);
    const bool to_decimal = pli__str_starts(to, PLI_STR("decimal"));
    if (rank && (integer_rank(to) > rank || to_decimal)) return true;
    if (rank && rank < 4 && pli__str_eqz(to, "double")) return true;
    if (pli__str_eqz(from, "float")) return pli__str_eqz(to, "double");
    if (pli__str_eqz(from, "date")) return pli__str_eqz(to, "timestamp_ntz");
    return pli__str_starts(from, PLI_STR("decimal")) && to_decimal;
}

static pli_status check_changes(const pli__field *f, pli_error *err) {
    PLI_AUTO(pli__json_unref) json_t *metadata = NULL;
    size_t i;
    json_t *change;
    if (!f->metadata || !strstr(f->metadata, "delta.typeChanges")) return PLI_OK;
    PLI_TRY(pli__json_parse(pli__str_of(f->metadata), f->name, &metadata, err));
    json_array_foreach(json_object_get(metadata, "delta.typeChanges"), i, change) {
        const pli__str from = pli__str_of(json_string_value(json_object_get(change, "fromType")));
        const pli__str to = pli__str_of(json_string_value(json_object_get(change, "toType")));
        if (!change_is_known(from, to))
            return pli__error_set(err, PLI_E_UNSUPPORTED,
                                  "the type of column '%s' changed from '%.*s' to '%.*s', which is not known", f->name,
                                  PLI_STR_ARG(from), PLI_STR_ARG(to));
    }
    return PLI_OK;
}

static pli_status check_all_changes(const pli__type *t, pli_error *err) {
    for (size_t i = 0; i < t->n_fields; i++) {
        PLI_TRY(check_changes(&t->fields[i], err));
        PLI_TRY(check_all_changes(t->fields[i].type, err));
    }
    return PLI_OK;
}

/* ---- opening ---- */

static pli_status read_mode(const pli__snapshot *s, pli__mapping_mode *out, pli_error *err) {
    const pli__str mode = pli__snapshot_property(s, "delta.columnMapping.mode");
    *out = PLI__MAPPING_NONE;
    if (!mode.ptr || pli__str_ieqz(mode, "none") || !pli__snapshot_has_feature(s, "columnMapping")) return PLI_OK;
    if (!pli__str_ieqz(mode, "name") && !pli__str_ieqz(mode, "id"))
        return pli__error_set(err, PLI_E_UNSUPPORTED, "the column mapping mode '%.*s' is not known", PLI_STR_ARG(mode));
    *out = pli__str_ieqz(mode, "id") ? PLI__MAPPING_ID : PLI__MAPPING_NAME;
    return PLI_OK;
}

static bool is_partition(const pli__metadata *m, const char *name) {
    for (size_t i = 0; i < m->n_partition_columns; i++)
        if (pli__str_ieqz(m->partition_columns[i], name)) return true;
    return false;
}

static pli_status map_column(const pli__metadata *md, pli__mapping_mode mode, const pli__field *f, bool may_lack_id,
                             pli__mapped_column *c, pli_error *err) {
    c->field = f;
    c->field_id = -1;
    c->is_partition = is_partition(md, f->name);
    c->is_void = f->type->id == PLI__TYPE_NULL;
    c->physical = physical_name(f, mode);
    c->read_type = physical_type(f->type, mode, NULL);
    if (!c->physical || !c->read_type) return pli__error_memory(err);
    PLI_TRY(check_type(f->type, f->name, err));
    if (mode == PLI__MAPPING_ID && !pli__field_meta_i64(f, "delta.columnMapping.id", &c->field_id) && !may_lack_id)
        return pli__error_set(err, PLI_E_CORRUPT, "column '%s' has no id, which the column mapping demands", f->name);
    return PLI_OK;
}

static pli_status check_partition_columns(const pli__snapshot *s, pli_error *err) {
    const pli__metadata *md = pli__snapshot_metadata(s);
    for (size_t i = 0; i < md->n_partition_columns; i++)
        if (pli__type_find(pli__snapshot_schema(s), md->partition_columns[i], false) < 0)
            return pli__error_set(err, PLI_E_CORRUPT, "partition column '%.*s' is not in the schema",
                                  PLI_STR_ARG(md->partition_columns[i]));
    return PLI_OK;
}

pli_status pli__mapping_open(const pli__snapshot *s, pli__mapping **out, pli_error *err) {
    return pli__mapping_open_as(s, pli__snapshot_schema(s), out, err);
}

pli_status pli__mapping_open_as(const pli__snapshot *s, const pli__type *schema, pli__mapping **out, pli_error *err) {
    PLI_AUTO(pli__mapping_auto) pli__mapping *m = calloc(1, sizeof *m);
    if (!m || !(m->columns = calloc(schema->n_fields ? schema->n_fields : 1, sizeof *m->columns)))
        return pli__error_memory(err);
    m->schema = pli__type_ref(schema);
    m->n = schema->n_fields;
    m->has_variant = holds(schema, PLI__TYPE_VARIANT);
    m->has_timestamp = holds(schema, PLI__TYPE_TIMESTAMP);
    m->may_lose_structs = may_lose(schema);
    m->binary_as_string = !m->has_variant && !holds(schema, PLI__TYPE_BINARY);
    PLI_TRY(read_mode(s, &m->mode, err));
    PLI_TRY(check_partition_columns(s, err));
    PLI_TRY(check_all_changes(schema, err));
    for (size_t i = 0; i < m->n; i++) {
        const bool further = i >= pli__snapshot_schema(s)->n_fields;
        PLI_TRY(map_column(pli__snapshot_metadata(s), m->mode, &schema->fields[i], further, &m->columns[i], err));
        m->names_only |= m->mode == PLI__MAPPING_ID && m->columns[i].field_id < 0;
        m->has_days |= !m->columns[i].is_partition && pli__calendar_concerns(&schema->fields[i]);
    }
    *out = PLI_TAKE(m);
    return PLI_OK;
}

int pli__mapping_find(const pli__mapping *m, pli__str name) { return pli__type_find(m->schema, name, false); }

const pli__field *pli__mapping_path(const pli__mapping *m, const pli__str *names, size_t n, pli__buf *physical) {
    const pli__type *t = m->schema;
    const pli__field *f = NULL;
    for (size_t i = 0; i < n; i++) {
        const int at = t->id == PLI__TYPE_STRUCT ? pli__type_find(t, names[i], false) : -1;
        if (at < 0) return NULL;
        f = &t->fields[at];
        PLI_AUTO(pli__free_ptr) char *name = physical_name(f, m->mode);
        if (!name) return NULL;
        if (i) pli__buf_addc(physical, 0);
        pli__buf_addz(physical, name);
        t = f->type;
    }
    return f;
}

/* ---- SQL ---- */

/* Logical names, and types that rows have. */
static const pli__type *row_type(const pli__type *t) {
    switch (t->id) {
        case PLI__TYPE_STRUCT: {
            pli__type_builder b = {0};
            for (size_t i = 0; i < t->n_fields; i++)
                pli__type_builder_add(&b, pli__str_of(t->fields[i].name), row_type(t->fields[i].type), true, NULL);
            return pli__type_builder_finish(&b);
        }
        case PLI__TYPE_LIST: return pli__type_new_list(row_type(t->fields[0].type), true);
        case PLI__TYPE_MAP: return pli__type_new_map(row_type(t->fields[0].type), row_type(t->fields[1].type), true);
        case PLI__TYPE_VARIANT: return variant_struct();
        case PLI__TYPE_NULL: return pli__type_new(PLI__TYPE_I32);
        default: return pli__type_ref(t);
    }
}

enum { NO_FIELD_ID = 2147483000 /* an id that no column has */ };

void pli__mapping_sql_type(const pli__type *t, pli__buf *sql) {
    PLI_AUTO(pli__type_auto) const pli__type *plain = row_type(t);
    if (!plain || pli__type_to_sql(plain, sql, NULL) != PLI_OK) sql->failed = true;
}

static const pli__type *read_type(const pli__mapping *m, const pli__read_shape *shape, size_t i) {
    return shape ? shape->types[i] : m->columns[i].read_type;
}

static void add_schema_entry(pli__buf *sql, bool *first, const pli__mapping *m, bool by_id,
                             const pli__read_shape *shape, size_t i) {
    const pli__mapped_column *c = &m->columns[i];
    PLI_AUTO(pli__buf_clear) pli__buf type = {0};
    if (pli__type_to_sql(read_type(m, shape, i), &type, NULL) != PLI_OK) sql->failed = true;
    pli__buf_addz(sql, *first ? "" : ", ");
    *first = false;
    if (by_id) pli__buf_addf(sql, "%lld", (long long)c->field_id);
    else pli__buf_add_sql_str(sql, shape && shape->names[i].ptr ? shape->names[i] : pli__str_of(c->physical));
    pli__buf_addf(sql, ": {name: 'c%zu', type: ", i);
    pli__buf_add_sql_str(sql, pli__buf_str(&type));
    pli__buf_addz(sql, ", default_value: NULL}");
}

void pli__mapping_sql_schema(const pli__mapping *m, const char *extra, const pli__read_shape *shape, pli__buf *sql) {
    const bool by_id = m->mode == PLI__MAPPING_ID && !m->names_only &&
                       !extra; /* what is extra has no id: its files are read by names */
    bool first = true;
    pli__buf_addz(sql, "schema = MAP {");
    for (size_t i = 0; i < m->n; i++)
        if (!m->columns[i].is_partition && !m->columns[i].is_void) add_schema_entry(sql, &first, m, by_id, shape, i);
    if (extra ||
        first) { /* a table of nothing but partition columns still needs a column for its rows to be counted by */
        pli__buf_addz(sql, first ? "" : ", ");
        if (by_id) pli__buf_addf(sql, "%d", NO_FIELD_ID);
        else pli__buf_add_sql_str(sql, extra ? pli__str_of(extra) : PLI_STR("_pli_none"));
        pli__buf_addz(sql, ": {name: 'x', type: 'VARCHAR', default_value: NULL}");
    }
    pli__buf_addc(sql, '}');
}

/* Must values be put together anew: do names inside differ, or is something read as another type? */
static bool is_changed(const pli__calendar *c, const pli__type *t, const pli__type *read) {
    if (pli__calendar_changes(c, t, read)) return true;
    if (t->id == PLI__TYPE_VARIANT) return read->id == PLI__TYPE_VARIANT;
    if (t->id == PLI__TYPE_TIMESTAMP || t->id == PLI__TYPE_TIMESTAMP_NTZ) return read->id != t->id;
    if (t->n_fields != read->n_fields) return true; /* a field too many, for a struct of which nothing is left */
    for (size_t i = 0; i < t->n_fields; i++) {
        if (t->id == PLI__TYPE_STRUCT && strcmp(t->fields[i].name, read->fields[i].name) != 0) return true;
        if (is_changed(c, t->fields[i].type, read->fields[i].type)) return true;
    }
    return false;
}

static void add_value(pli__buf *sql, const pli__calendar *c, const pli__type *t, const pli__type *read, pli__str value,
                      unsigned depth);

static void add_struct(pli__buf *sql, const pli__calendar *c, const pli__type *t, const pli__type *read, pli__str value,
                       unsigned depth) {
    pli__buf_addz(sql, "CASE WHEN ");
    pli__buf_adds(sql, value);
    pli__buf_addz(sql, " IS NOT NULL THEN struct_pack(");
    for (size_t i = 0; i < t->n_fields; i++) {
        PLI_AUTO(pli__buf_clear) pli__buf inner = {0};
        pli__buf_adds(&inner, value);
        pli__buf_addc(&inner, '.');
        pli__buf_add_sql_name(&inner, pli__str_of(read->fields[i].name));
        if (i) pli__buf_addz(sql, ", ");
        pli__buf_add_sql_name(sql, pli__str_of(t->fields[i].name));
        pli__buf_addz(sql, " := ");
        add_value(sql, c, t->fields[i].type, read->fields[i].type, pli__buf_str(&inner), depth);
        if (inner.failed) sql->failed = true;
    }
    pli__buf_addz(sql, ") END");
}

/* list_transform(value, lambda v1: ...) */
static void add_list(pli__buf *sql, const pli__calendar *c, const pli__type *t, const pli__type *read, pli__str value,
                     unsigned depth) {
    char variable[16];
    snprintf(variable, sizeof variable, "v%u", depth);
    pli__buf_addz(sql, "list_transform(");
    pli__buf_adds(sql, value);
    pli__buf_addf(sql, ", lambda %s: ", variable);
    add_value(sql, c, t->fields[0].type, read->fields[0].type, pli__str_of(variable), depth + 1);
    pli__buf_addc(sql, ')');
}

static void add_map(pli__buf *sql, const pli__calendar *c, const pli__type *t, const pli__type *read, pli__str value,
                    unsigned depth) {
    char key[24], val[24];
    snprintf(key, sizeof key, "v%u.key", depth);
    snprintf(val, sizeof val, "v%u.value", depth);
    pli__buf_addz(sql, "map_from_entries(list_transform(map_entries(");
    pli__buf_adds(sql, value);
    pli__buf_addf(sql, "), lambda v%u: struct_pack(k := ", depth);
    add_value(sql, c, t->fields[0].type, read->fields[0].type, pli__str_of(key), depth + 1);
    pli__buf_addz(sql, ", v := ");
    add_value(sql, c, t->fields[1].type, read->fields[1].type, pli__str_of(val), depth + 1);
    pli__buf_addz(sql, ")))");
}

static void add_value(pli__buf *sql, const pli__calendar *c, const pli__type *t, const pli__type *read, pli__str value,
                      unsigned depth) {
    if (!is_changed(c, t, read)) {
        pli__buf_adds(sql, value);
    } else if (t->id == PLI__TYPE_STRUCT) {
        add_struct(sql, c, t, read, value, depth);
    } else if (t->id == PLI__TYPE_LIST) {
        add_list(sql, c, t, read, value, depth);
    } else if (t->id == PLI__TYPE_MAP) {
        add_map(sql, c, t, read, value, depth);
    } else if (pli__calendar_changes(c, t, read)) {
        pli__calendar_sql(c, t, read, value, sql);
    } else if (t->id == PLI__TYPE_TIMESTAMP_NTZ) {
        pli__buf_addf(sql, "CAST(%.*s AS TIMESTAMP)", PLI_STR_ARG(value));
    } else if (t->id == PLI__TYPE_TIMESTAMP) {
        pli__buf_addf(sql, "timezone('UTC', %.*s)", PLI_STR_ARG(value));
    } else { /* a variant, whole or shredded in the file */
        pli__buf_addf(
            sql,
            "CASE WHEN %.*s IS NOT NULL THEN CAST(variant_to_parquet_variant(%.*s) AS STRUCT(metadata BLOB, \"value\" BLOB)) END",
            PLI_STR_ARG(value), PLI_STR_ARG(value));
    }
}

void pli__mapping_sql_value(const pli__calendar *calendar, const pli__type *t, const pli__type *read, pli__str value,
                            pli__buf *sql) {
    add_value(sql, calendar, t, read, value, 1);
}

void pli__mapping_sql_column(const pli__mapping *m, size_t i, const pli__read_shape *shape, pli__buf *sql) {
    char name[24];
    snprintf(name, sizeof name, "r.c%zu", i);
    add_value(sql, shape ? shape->calendar : NULL, m->columns[i].field->type, read_type(m, shape, i), pli__str_of(name),
              1);
}

/* ---- shapes of files ---- */

void pli__read_shape_free(pli__read_shape *s) {
    if (!s) return;
    for (size_t i = 0; s->types && i < s->n; i++) pli__type_unref(s->types[i]);
    free((void *)s->types);
    pli__buf_clear(&s->key);
    pli__arena_clear(&s->arena);
    free(s);
}

void pli__read_shape_auto(pli__read_shape **s) { pli__read_shape_free(*s); }

bool pli__mapping_needs_look(const pli__mapping *m, const char *zone) {
    return m->has_variant || m->mode == PLI__MAPPING_ID || (m->mode == PLI__MAPPING_NAME && m->may_lose_structs) ||
           (m->has_timestamp && strcmp(zone, "UTC") != 0);
}

static bool has_ids(const pli__file_column *file) {
    for (size_t i = 0; i < file->n; i++)
        if (file->children[i].field_id >= 0) return true;
    return false;
}

/* Type, and where needed the name, of column i in the file. */
static pli_status shape_column(const pli__mapping *m, size_t i, const pli__file_column *file, bool by_name,
                               pli__read_shape *s, pli_error *err) {
    const pli__mapped_column *c = &m->columns[i];
    PLI_AUTO(pli__buf_clear) pli__buf name = {0};
    const pli__mapping_mode mode = c->field_id < 0 ? PLI__MAPPING_NAME : m->mode;
    const pli__file_column *column = find_column(file, c->field, pli__str_of(c->physical), mode);
    s->types[i] = column ? physical_type(c->field->type, m->mode, column) : pli__type_ref(c->read_type);
    if (!s->types[i]) return pli__error_memory(err);
    if (by_name && m->mode == PLI__MAPPING_ID) {
        if (column) pli__buf_adds(&name, column->name);
        else pli__buf_addf(&name, "_pli_absent_%zu", i);
        PLI_TRY(pli__buf_status(&name, err));
        s->names[i] = pli__arena_str(&s->arena, pli__buf_str(&name));
        pli__buf_adds(&s->key, s->names[i]);
    }
    pli__buf_addc(&s->key, 0);
    PLI_TRY(pli__type_to_sql(s->types[i], &s->key, err));
    pli__buf_addc(&s->key, 0);
    return pli__arena_status(&s->arena, err);
}

static bool is_ordinary(const pli__mapping *m, const pli__read_shape *s) {
    if (s->calendar) return false;
    for (size_t i = 0; i < m->n; i++)
        if (s->names[i].ptr || (s->types[i] && !pli__type_equal(s->types[i], m->columns[i].read_type, true)))
            return false;
    return true;
}

pli_status pli__mapping_shape(const pli__mapping *m, const pli__file_column *file, bool by_name,
                              const pli__calendar *calendar, pli__read_shape **out, pli_error *err) {
    PLI_AUTO(pli__read_shape_auto) pli__read_shape *s = calloc(1, sizeof *s);
    if (!s) return pli__error_memory(err);
    s->n = m->n;
    s->types = calloc(m->n ? m->n : 1, sizeof(pli__type *));
    s->names = pli__arena_calloc(&s->arena, m->n ? m->n : 1, sizeof *s->names);
    if (!s->types || !s->names) return pli__error_memory(err);
    if (m->mode == PLI__MAPPING_ID && file->n && !has_ids(file))
        return pli__error_set(err, PLI_E_CORRUPT, "the columns have no field ids, which the column mapping demands");
    for (size_t i = 0; i < m->n; i++)
        if (!m->columns[i].is_partition && !m->columns[i].is_void)
            PLI_TRY(shape_column(m, i, file, by_name || m->names_only, s, err));
    s->calendar = calendar;
    if (calendar) pli__buf_addf(&s->key, "%d%d%s", calendar->days, calendar->int96, calendar->zone);
    PLI_TRY(pli__buf_status(&s->key, err));
    *out = is_ordinary(m, s) ? NULL : PLI_TAKE(s);
    return PLI_OK;
}
