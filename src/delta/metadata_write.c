/* Metadata of tables that are created or change their schema. */
#include "delta/metadata_write.h"

#include <stdio.h>

#include "base/hash.h"
#include "base/json.h"
#include "base/map.h"
#include "delta/transaction_impl.h"

/* ---- names ---- */

static pli_status lower_key(const char *name, pli__buf *out, pli_error *err) {
    pli__buf_reset(out);
    for (const char *c = name; *c; c++) pli__buf_addc(out, *c >= 'A' && *c <= 'Z' ? (char)(*c + 32) : *c);
    return pli__buf_status(out, err);
}

pli_status pli__schema_check_names(const pli__type *schema, pli_error *err) {
    PLI_AUTO(pli__map_auto) pli__map *seen = pli__map_new();
    PLI_AUTO(pli__buf_clear) pli__buf key = {0};
    if (!seen) return pli__error_memory(err);
    for (size_t i = 0; i < schema->n_fields; i++) {
        PLI_TRY(pli__schema_check_names(schema->fields[i].type, err));
        if (schema->id != PLI__TYPE_STRUCT) continue;
        if (!schema->fields[i].name[0]) return pli__error_set(err, PLI_E_SCHEMA, "a column has an empty name");
        PLI_TRY(lower_key(schema->fields[i].name, &key, err));
        if (pli__map_has(seen, pli__buf_str(&key)))
            return pli__error_set(err, PLI_E_SCHEMA, "column '%s' occurs twice (names may not differ in case alone)",
                                  schema->fields[i].name);
        if (!pli__map_put(seen, pli__buf_str(&key), NULL, NULL)) return pli__error_memory(err);
    }
    return PLI_OK;
}

void pli__field_meta_add(const char *metadata, const char *key, pli__str json, pli__buf *out) {
    pli__str s = pli__str_of(metadata ? metadata : "{}");
    while (s.len && s.ptr[s.len - 1] != '}') s.len--;
    if (s.len) s.len--;
    pli__buf_adds(out, s);
    const char *brace = memchr(s.ptr, '{', s.len);
    bool empty = true;
    for (const char *c = brace ? brace + 1 : s.ptr; c < s.ptr + s.len; c++)
        if (*c != ' ' && *c != '\n' && *c != '\t') empty = false;
    if (!empty) pli__buf_addc(out, ',');
    pli__buf_addf(out, "\"%s\":", key);
    pli__buf_adds(out, json);
    pli__buf_addc(out, '}');
}

pli_status pli__field_meta_append(const char *metadata, const char *key, pli__str array, pli__buf *out,
                                  pli_error *err) {
    PLI_AUTO(pli__json_unref) json_t *object = NULL, *more = NULL;
    PLI_TRY(pli__json_parse(pli__str_of(metadata ? metadata : "{}"), "field metadata", &object, err));
    PLI_TRY(pli__json_parse(array, key, &more, err));
    json_t *have = json_object_get(object, key);
    const int failed = json_is_array(have) ? json_array_extend(have, more) : json_object_set(object, key, more);
    if (failed) return pli__error_memory(err);
    return pli__json_write(object, out, err);
}

/* ---- column mapping ---- */

typedef struct {
    int64_t max_id;
    bool upgrade; /* the table has files already: physical names stay what they are */
} mapper;

static int64_t greatest_id(const pli__type *t) {
    int64_t most = 0, id;
    for (size_t i = 0; i < t->n_fields; i++) {
        if (t->id == PLI__TYPE_STRUCT && pli__field_meta_i64(&t->fields[i], "delta.columnMapping.id", &id) && id > most)
            most = id;
        id = greatest_id(t->fields[i].type);
        if (id > most) most = id;
    }
    return most;
}

static pli_status map_type(mapper *m, const pli__type *t, const pli__type **out, pli_error *err);

static pli_status map_field(mapper *m, const pli__field *f, bool in_struct, pli__type_builder *b, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf with_id = {0}, meta = {0}, name = {0}, value = {0};
    const pli__type *type = NULL;
    int64_t id;
    char uuid[37];
    if (in_struct && !pli__field_meta_i64(f, "delta.columnMapping.id", &id)) {
        pli__buf_addf(&value, "%lld", (long long)++m->max_id);
        pli__field_meta_add(f->metadata, "delta.columnMapping.id", pli__buf_str(&value), &with_id);
    } else {
        pli__buf_addz(&with_id, f->metadata ? f->metadata : "{}");
    }
    if (in_struct && !pli__field_meta_str(f, "delta.columnMapping.physicalName", &name)) {
        pli__uuid_new(uuid);
        pli__buf_reset(&value);
        if (!m->upgrade) pli__buf_addf(&name, "col-%s", uuid);
        else pli__buf_addz(&name, f->name);
        PLI_TRY(pli__buf_status(&name, err));
        pli__buf_add_json(&value, pli__buf_str(&name));
        PLI_TRY(pli__buf_status(&with_id, err));
        pli__field_meta_add(with_id.ptr, "delta.columnMapping.physicalName", pli__buf_str(&value), &meta);
    } else {
        pli__buf_adds(&meta, pli__buf_str(&with_id));
    }
    PLI_TRY(pli__buf_status(&meta, err));
    PLI_TRY(map_type(m, f->type, &type, err));
    pli__type_builder_add(b, pli__str_of(f->name), type, f->nullable, in_struct ? meta.ptr : f->metadata);
    return PLI_OK;
}

static pli_status map_type(mapper *m, const pli__type *t, const pli__type **out, pli_error *err) {
    PLI_AUTO(pli__type_builder_clear) pli__type_builder b = {0};
    if (!pli__type_is_nested(t)) return *out = pli__type_ref(t), PLI_OK;
    for (size_t i = 0; i < t->n_fields; i++) PLI_TRY(map_field(m, &t->fields[i], t->id == PLI__TYPE_STRUCT, &b, err));
    if (b.failed) return pli__error_memory(err);
    if (t->id == PLI__TYPE_STRUCT) *out = pli__type_builder_finish(&b);
    else if (t->id == PLI__TYPE_LIST) *out = pli__type_new_list(pli__type_ref(b.fields[0].type), b.fields[0].nullable);
    else
        *out = pli__type_new_map(pli__type_ref(b.fields[0].type), pli__type_ref(b.fields[1].type),
                                 b.fields[1].nullable);
    return *out ? PLI_OK : pli__error_memory(err);
}

static bool maps_columns(const pli__metadata *m) {
    const pli__str mode = pli__metadata_property(m, "delta.columnMapping.mode");
    return mode.ptr && !pli__str_ieqz(mode, "none");
}

/* ---- properties ---- */

pli_status pli__metadata_set(pli__metadata *m, pli__str key, pli__str value, pli__arena *arena, pli_error *err) {
    pli__kv *all = pli__arena_calloc(arena, m->n_configuration + 1, sizeof *all);
    size_t n = 0;
    if (!all) return pli__error_memory(err);
    for (size_t i = 0; i < m->n_configuration; i++)
        if (!pli__str_eq(m->configuration[i].key, key)) all[n++] = m->configuration[i];
    if (value.ptr) all[n++] = (pli__kv){pli__arena_str(arena, key), pli__arena_str(arena, value)};
    m->configuration = all;
    m->n_configuration = n;
    return pli__arena_status(arena, err);
}

/* Row tracking keeps ids of rewritten rows in two columns whose names the table fixes once. */
static pli_status name_row_id_columns(pli__metadata *m, pli__arena *arena, pli_error *err) {
    static const struct {
        const char *key, *prefix;
    } names[] = {{"delta.rowTracking.materializedRowIdColumnName", "_row-id-col-"},
                 {"delta.rowTracking.materializedRowCommitVersionColumnName", "_row-commit-version-col-"}};
    if (!pli__str_ieqz(pli__metadata_property(m, "delta.enableRowTracking"), "true")) return PLI_OK;
    for (int i = 0; i < 2; i++) {
        char uuid[37], name[80];
        if (pli__metadata_property(m, names[i].key).ptr) continue;
        pli__uuid_new(uuid);
        snprintf(name, sizeof name, "%s%s", names[i].prefix, uuid);
        PLI_TRY(pli__metadata_set(m, pli__str_of(names[i].key), pli__str_of(name), arena, err));
    }
    return PLI_OK;
}

static pli_status set_schema(pli__metadata *m, const pli__type *schema, bool upgrade, pli__arena *arena,
                             pli_error *err) {
    PLI_AUTO(pli__type_auto) const pli__type *mapped = NULL;
    PLI_AUTO(pli__buf_clear) pli__buf text = {0};
    PLI_TRY(pli__schema_check_names(schema, err));
    if (maps_columns(m)) {
        mapper map = {greatest_id(schema), upgrade};
        char most[24];
        int64_t known;
        if (pli__str_to_i64(pli__metadata_property(m, "delta.columnMapping.maxColumnId"), &known) && known > map.max_id)
            map.max_id = known;
        PLI_TRY(map_type(&map, schema, &mapped, err));
        snprintf(most, sizeof most, "%lld", (long long)map.max_id);
        PLI_TRY(pli__metadata_set(m, PLI_STR("delta.columnMapping.maxColumnId"), pli__str_of(most), arena, err));
        schema = mapped;
    }
    PLI_TRY(pli__type_to_delta(schema, &text, err));
    m->schema_string = pli__arena_str(arena, pli__buf_str(&text));
    return pli__arena_status(arena, err);
}

pli_status pli__metadata_repartition(pli__metadata *m, const pli__type *schema, const char *const *columns, size_t n,
                                     pli__arena *arena, pli_error *err) {
    pli__str *names = pli__arena_calloc(arena, n + 1, sizeof *names);
    if (!names) return pli__error_memory(err);
    for (size_t i = 0; i < n; i++) {
        const int k = pli__type_find(schema, pli__str_of(columns[i]), false);
        if (k < 0)
            return pli__error_set(err, PLI_E_SCHEMA, "partition column '%s' is not among the columns", columns[i]);
        names[i] = pli__arena_str(arena, pli__str_of(schema->fields[k].name));
        for (size_t j = 0; j < i; j++)
            if (pli__str_eq(names[i], names[j]))
                return pli__error_set(err, PLI_E_ARGUMENT, "partition column '%s' is named twice", columns[i]);
    }
    m->partition_columns = names;
    m->n_partition_columns = n;
    return pli__arena_status(arena, err);
}

pli_status pli__metadata_create(pli_env *env, const pli__type *schema, const pli__create_options *options,
                                pli__arena *arena, pli__metadata *out, pli_error *err) {
    static const pli__create_options none = {0};
    const pli__create_options *o = options ? options : &none;
    char uuid[37];
    pli__uuid_new(uuid);
    pli__metadata m = {.id = pli__arena_str(arena, pli__str_of(uuid)),
                       .format_provider = PLI_STR("parquet"),
                       .created_time = pli__env_now_us(env) / 1000};
    if (o->name) m.name = pli__arena_str(arena, pli__str_of(o->name));
    if (o->description) m.description = pli__arena_str(arena, pli__str_of(o->description));
    for (size_t i = 0; i < o->n_properties; i++)
        PLI_TRY(pli__metadata_set(&m, o->properties[i].key, o->properties[i].value, arena, err));
    PLI_TRY(pli__metadata_repartition(&m, schema, o->partition_by, o->n_partition_by, arena, err));
    PLI_TRY(name_row_id_columns(&m, arena, err));
    PLI_TRY(set_schema(&m, schema, false, arena, err));
    *out = m;
    return pli__arena_status(arena, err);
}

pli_status pli__metadata_with_schema(const pli__metadata *m, const pli__type *schema, pli__arena *arena,
                                     pli__metadata *out, pli_error *err) {
    pli__metadata copy = *m;
    PLI_TRY(set_schema(&copy, schema, false, arena, err));
    *out = copy;
    return PLI_OK;
}

pli_status pli__metadata_upgrade(pli__metadata *m, const pli__type *schema, pli__arena *arena, pli_error *err) {
    PLI_TRY(name_row_id_columns(m, arena, err));
    return set_schema(m, schema, true, arena, err);
}

/* ---- files of one metadata under another ---- */

static bool same_texts(const pli__str *a, size_t n, const pli__str *b, size_t m) {
    if (n != m) return false;
    for (size_t i = 0; i < n; i++)
        if (!pli__str_eq(a[i], b[i])) return false;
    return true;
}

/* Every constraint of `now` was one when the rows were written. */
static bool same_constraints(const pli__metadata *now, const pli__metadata *then) {
    for (size_t i = 0; i < now->n_configuration; i++) {
        const pli__kv *kv = &now->configuration[i];
        if (!pli__str_starts(kv->key, PLI_STR("delta.constraints."))) continue;
        bool found = false;
        for (size_t k = 0; k < then->n_configuration && !found; k++)
            found = pli__str_eq(then->configuration[k].key, kv->key) &&
                    pli__str_eq(then->configuration[k].value, kv->value);
        if (!found) return false;
    }
    return true;
}

static bool columns_fit(const pli__type *now, const pli__type *then) {
    size_t found = 0;
    for (size_t i = 0; i < now->n_fields; i++) {
        const pli__field *f = &now->fields[i];
        const int k = pli__type_find(then, pli__str_of(f->name), true);
        const char *meta = f->metadata ? f->metadata : "{}",
                   *old_meta = k >= 0 && then->fields[k].metadata ? then->fields[k].metadata : "{}";
        if (k < 0 && (!f->nullable || strcmp(meta, "{}") != 0)) return false;
        if (k < 0) continue;
        if (strcmp(meta, old_meta) != 0 || f->nullable != then->fields[k].nullable ||
            !pli__type_equal(f->type, then->fields[k].type, true))
            return false;
        found++;
    }
    return found == then->n_fields;
}

pli_status pli__metadata_takes_files(const pli__metadata *now, const pli__metadata *written_for, bool *fits,
                                     pli_error *err) {
    PLI_AUTO(pli__type_auto) const pli__type *a = NULL, *b = NULL;
    *fits = false;
    if (maps_columns(now) || maps_columns(written_for) || !same_constraints(now, written_for)) return PLI_OK;
    if (!same_texts(now->partition_columns, now->n_partition_columns, written_for->partition_columns,
                    written_for->n_partition_columns))
        return PLI_OK;
    PLI_TRY(pli__type_from_delta(now->schema_string, &a, err));
    PLI_TRY(pli__type_from_delta(written_for->schema_string, &b, err));
    *fits = columns_fit(a, b);
    return PLI_OK;
}
