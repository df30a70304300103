/* {"clusteringColumns":[["physical name"],["struct","field"]]} */
#include "delta/clustering.h"

#include "base/json.h"

static const pli__field *by_physical_name(const pli__type *schema, const char *name) {
    for (size_t i = 0; i < schema->n_fields; i++) {
        PLI_AUTO(pli__buf_clear) pli__buf physical = {0};
        if (!pli__field_meta_str(&schema->fields[i], "delta.columnMapping.physicalName", &physical))
            pli__buf_addz(&physical, schema->fields[i].name);
        if (pli__str_eqz(pli__buf_str(&physical), name)) return &schema->fields[i];
    }
    return NULL;
}

static pli_status read_columns(const pli__snapshot *s, const json_t *list, pli__arena *arena, const char ***names,
                               size_t *n, pli_error *err) {
    const char **found = pli__arena_calloc(arena, json_array_size(list) + 1, sizeof *found);
    if (!found) return pli__error_memory(err);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *path = json_array_get(list, i);
        const char *name = json_string_value(json_array_get(path, 0));
        const pli__field *f = name ? by_physical_name(pli__snapshot_schema(s), name) : NULL;
        if (f && json_array_size(path) == 1) found[(*n)++] = pli__arena_strdup(arena, pli__str_of(f->name));
    }
    *names = found;
    return pli__arena_status(arena, err);
}

/* The list of the domain; *root NULL = the table is not clustered. */
static pli_status read_domain(const pli__snapshot *s, json_t **root, const json_t **list, pli_error *err) {
    for (size_t i = 0; i < pli__snapshot_n_domains(s); i++) {
        const pli__domain d = pli__snapshot_domain_at(s, i);
        if (!pli__str_eqz(d.domain, "delta.clustering")) continue;
        PLI_TRY(pli__json_parse(d.configuration, "delta.clustering", root, err));
        *list = json_object_get(*root, "clusteringColumns");
        return PLI_OK;
    }
    return PLI_OK;
}

pli_status pli__clustering_columns(const pli__snapshot *s, pli__arena *arena, const char ***names, size_t *n,
                                   pli_error *err) {
    PLI_AUTO(pli__json_unref) json_t *root = NULL;
    const json_t *list = NULL;
    *names = NULL;
    *n = 0;
    PLI_TRY(read_domain(s, &root, &list, err));
    return root ? read_columns(s, list, arena, names, n, err) : PLI_OK;
}

static pli_status add_path(const json_t *path, pli__arena *arena, pli__str *out, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf text = {0};
    for (size_t i = 0; i < json_array_size(path); i++) {
        const char *name = json_string_value(json_array_get(path, i));
        if (i) pli__buf_addc(&text, '.');
        pli__buf_add_sql_name(&text, pli__str_of(name ? name : ""));
    }
    PLI_TRY(pli__buf_status(&text, err));
    *out = pli__arena_str(arena, pli__buf_str(&text));
    return pli__arena_status(arena, err);
}

pli_status pli__clustering_paths(const pli__snapshot *s, pli__arena *arena, const pli__str **paths, size_t *n,
                                 pli_error *err) {
    PLI_AUTO(pli__json_unref) json_t *root = NULL;
    const json_t *list = NULL;
    PLI_TRY(read_domain(s, &root, &list, err));
    pli__str *found = pli__arena_calloc(arena, json_array_size(list) + 1, sizeof *found);
    if (!found) return pli__error_memory(err);
    for (size_t i = 0; i < json_array_size(list); i++)
        PLI_TRY(add_path(json_array_get(list, i), arena, &found[i], err));
    *n = json_array_size(list);
    *paths = found;
    return PLI_OK;
}
