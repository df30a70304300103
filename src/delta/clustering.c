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

static pli_status read_columns(const pli__snapshot *s, pli__str configuration, pli__arena *arena, const char ***names,
                               size_t *n, pli_error *err) {
    PLI_AUTO(pli__json_unref) json_t *root = NULL;
    PLI_TRY(pli__json_parse(configuration, "delta.clustering", &root, err));
    const json_t *list = json_object_get(root, "clusteringColumns");
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

pli_status pli__clustering_columns(const pli__snapshot *s, pli__arena *arena, const char ***names, size_t *n,
                                   pli_error *err) {
    *names = NULL;
    *n = 0;
    for (size_t i = 0; i < pli__snapshot_n_domains(s); i++) {
        const pli__domain d = pli__snapshot_domain_at(s, i);
        if (pli__str_eqz(d.domain, "delta.clustering")) return read_columns(s, d.configuration, arena, names, n, err);
    }
    return PLI_OK;
}
