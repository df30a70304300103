/*
 * SQL's MERGE for callers who run batches themselves (the Python package): clauses as JSON, and with the identity of a batch
 * the commit is exactly-once, as that of pli_delta_write.
 */
#include "config/stream_identity.h"

#define SOURCE "pli_merge_rows"
#define CLAUSES_MAX 1000

typedef struct merger {
    const pli__wishes *w;
    pli__arena arena;
    pli__merge_options options;
    pli__identity id;
} merger;

static void merger_clear(merger *m) {
    pli__identity_clear(&m->id);
    pli__arena_clear(&m->arena);
}

/* ---- clauses ---- */

static const struct {
    const char *name;
    pli_merge_when when;
} kinds[] = {{"matched", PLI_MERGE_MATCHED},
             {"not_matched", PLI_MERGE_NOT_MATCHED},
             {"not_matched_by_source", PLI_MERGE_NOT_MATCHED_BY_SOURCE}};

static const struct {
    const char *name;
    pli_merge_action action;
} actions[] = {{"update", PLI_MERGE_UPDATE}, {"delete", PLI_MERGE_DELETE}, {"insert", PLI_MERGE_INSERT}};

static pli_status read_set(merger *m, json_t *set, pli_merge_clause *c, pli_error *err) {
    const char *key, *text = json_string_value(set);
    const json_t *value;
    c->star = text && strcmp(text, "*") == 0;
    if (c->star || !set) return PLI_OK;
    if (!json_is_object(set))
        return pli__error_set(err, PLI_E_ARGUMENT, "`set` of a merge clause must be \"*\" or an object of columns");
    pli_property *list = pli__arena_calloc(&m->arena, json_object_size(set) + 1, sizeof *list);
    if (!list) return pli__error_memory(err);
    json_object_foreach(set, key, value) {
        if (!json_is_string(value))
            return pli__error_set(err, PLI_E_ARGUMENT, "`set` of column '%s' must be an SQL expression", key);
        list[c->n_set++] = (pli_property){key, json_string_value(value)};
    }
    c->set = list;
    return PLI_OK;
}

static pli_status read_clause(merger *m, const json_t *o, pli_merge_clause *c, pli_error *err) {
    const char *when = json_string_value(json_object_get(o, "when")),
               *action = json_string_value(json_object_get(o, "action"));
    size_t w = 0, a = 0;
    while (when && w < 3 && strcmp(when, kinds[w].name) != 0) w++;
    while (action && a < 3 && strcmp(action, actions[a].name) != 0) a++;
    if (!when || w == 3)
        return pli__error_set(err, PLI_E_ARGUMENT,
                              "`when` of a merge clause must be matched, not_matched or not_matched_by_source");
    if (!action || a == 3)
        return pli__error_set(err, PLI_E_ARGUMENT, "`action` of a merge clause must be update, insert or delete");
    *c = (pli_merge_clause){.when = kinds[w].when,
                            .action = actions[a].action,
                            .condition = json_string_value(json_object_get(o, "condition"))};
    return read_set(m, json_object_get(o, "set"), c, err);
}

static pli_status read_clauses(merger *m, pli_error *err) {
    const json_t *list = json_object_get(m->w->json, "clauses");
    const size_t n = json_array_size(list);
    if (n > CLAUSES_MAX) return pli__error_set(err, PLI_E_LIMIT, "a merge of more than %d clauses", CLAUSES_MAX);
    pli_merge_clause *clauses = pli__arena_calloc(&m->arena, n + 1, sizeof *clauses);
    if (!clauses) return pli__error_memory(err);
    for (size_t i = 0; i < n; i++) PLI_TRY(read_clause(m, json_array_get(list, i), &clauses[i], err));
    m->options.n_clauses = n;
    m->options.clauses = clauses;
    m->options.on = json_string_value(json_object_get(m->w->json, "on"));
    m->options.merge_schema = m->w->sink.merge_schema;
    return m->options.on ? PLI_OK : pli__error_set(err, PLI_E_ARGUMENT, "a merge needs `on`, a condition");
}

/* ---- the merge ---- */

static pli_status result(const merger *m, pli__delta *t, const pli__merge_result *r, json_t **out, pli_error *err) {
    if (r->repeat) return pli__wishes_repeat(m->w, &m->id.state, out, err);
    PLI_AUTO(pli__snapshot_auto) pli__snapshot *s = NULL;
    PLI_TRY(pli__snapshot_open(t, r->version, NULL, &s, err));
    const pli__str id = pli__snapshot_metadata(s)->id;
    const struct {
        const char *key;
        int64_t value;
    } numbers[] = {{"rowsInserted", r->rows_inserted}, {"rowsUpdated", r->rows_updated},
                   {"rowsDeleted", r->rows_deleted},   {"rowsCopied", r->rows_copied},
                   {"sourceRows", r->source_rows},     {"filesTotal", r->files_total},
                   {"filesScanned", r->files_scanned}, {"filesRemoved", r->files_removed},
                   {"filesAdded", r->files_added},     {"deletionVectorsAdded", r->vectors_added},
                   {"bytesAdded", r->bytes_added}};
    PLI_AUTO(pli__json_unref)
    json_t *o = json_pack("{s:s, s:s%, s:I, s:s, s:b}", "path", pli__delta_root(t), "tableId", id.ptr, id.len,
                          "version", (json_int_t)r->version, "txnAppId", r->committed ? m->w->batch.app_id : "",
                          "committed", r->committed);
    for (size_t i = 0; o && i < sizeof numbers / sizeof numbers[0]; i++)
        if (json_object_set_new(o, numbers[i].key, json_integer(numbers[i].value)) != 0) return pli__error_memory(err);
    if (!o) return pli__error_memory(err);
    *out = json_incref(o);
    return PLI_OK;
}

static pli_status run(pli_env *env, merger *m, json_t **out, pli_error *err) {
    PLI_AUTO(pli__delta_auto) pli__delta *t = NULL;
    pli__merge_result r = {0};
    PLI_TRY(read_clauses(m, err));
    PLI_TRY(pli__identity_open(env, m->w, &m->id, err));
    PLI_TRY(pli__delta_open(env, m->w->sink.path, &t, err));
    pli__identity_use(&m->id, &m->options);
    PLI_TRY(pli__merge_run(t, "SELECT * FROM " SOURCE, &m->options, &r, err));
    return result(m, t, &r, out, err);
}

pli_status pli__stream_merge(pli_env *env, const pli__wishes *w, struct ArrowArrayStream *take, json_t **out,
                             pli_error *err) {
    pli__engine *engine = NULL;
    PLI_TRY(pli__env_engine(env, &engine, err));
    PLI_TRY(pli__engine_register_arrow(engine, SOURCE, take, err));
    PLI_AUTO(merger_clear) merger m = {.w = w};
    const pli_status status = run(env, &m, out, err);
    pli__engine_unregister(engine, SOURCE, NULL);
    return status;
}
