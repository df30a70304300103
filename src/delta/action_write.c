/*
 * Actions as lines of a commit: members in Spark's order, null members left out (some readers refuse an optional null).
 * Map values of partitionValues and configuration may be null.
 */
#include "delta/action.h"

static void add_key(pli__buf *out, const char *key) {
    pli__buf_addc(out, ',');
    pli__buf_addc(out, '"');
    pli__buf_addz(out, key);
    pli__buf_addz(out, "\":");
}

static void add_str(pli__buf *out, const char *key, pli__str value) {
    if (!value.ptr) return;
    add_key(out, key);
    pli__buf_add_json(out, value);
}

static void add_raw(pli__buf *out, const char *key, pli__str json) {
    if (!json.ptr) return;
    add_key(out, key);
    pli__buf_adds(out, json);
}

static void add_i64(pli__buf *out, const char *key, int64_t value) {
    add_key(out, key);
    pli__buf_addf(out, "%lld", (long long)value);
}

/* -1 stands for "absent" in every optional number of an action. */
static void add_opt_i64(pli__buf *out, const char *key, int64_t value) {
    if (value >= 0) add_i64(out, key, value);
}

static void add_bool(pli__buf *out, const char *key, bool value) {
    add_key(out, key);
    pli__buf_addz(out, value ? "true" : "false");
}

static void add_map(pli__buf *out, const char *key, const pli__kv *kv, size_t n) {
    add_key(out, key);
    pli__buf_addc(out, '{');
    for (size_t i = 0; i < n; i++) {
        if (i) pli__buf_addc(out, ',');
        pli__buf_add_json(out, kv[i].key);
        pli__buf_addc(out, ':');
        if (kv[i].value.ptr) pli__buf_add_json(out, kv[i].value);
        else pli__buf_addz(out, "null");
    }
    pli__buf_addc(out, '}');
}

static void add_strings(pli__buf *out, const char *key, const pli__str *list, size_t n) {
    add_key(out, key);
    pli__buf_addc(out, '[');
    for (size_t i = 0; i < n; i++) {
        if (i) pli__buf_addc(out, ',');
        pli__buf_add_json(out, list[i]);
    }
    pli__buf_addc(out, ']');
}

static void add_dv(pli__buf *out, const pli__dv *dv) {
    if (!dv->storage) return;
    add_key(out, "deletionVector");
    pli__buf_addf(out, "{\"storageType\":\"%c\"", dv->storage);
    add_str(out, "pathOrInlineDv", dv->path);
    add_opt_i64(out, "offset", dv->offset);
    add_i64(out, "sizeInBytes", dv->size);
    add_i64(out, "cardinality", dv->cardinality);
    pli__buf_addc(out, '}');
}

/* Opens {"name":{"first": … so that every other member may begin with a comma. */
static void open_action(pli__buf *out, const char *name, const char *first) {
    pli__buf_addf(out, "{\"%s\":{\"%s\":", name, first);
}

static void write_add(const pli__add *a, pli__buf *out) {
    open_action(out, "add", "path");
    pli__buf_add_json(out, a->path);
    add_map(out, "partitionValues", a->partition_values, a->n_partition_values);
    add_i64(out, "size", a->size);
    add_i64(out, "modificationTime", a->modification_time);
    add_bool(out, "dataChange", a->data_change);
    add_str(out, "stats", a->stats);
    add_raw(out, "tags", a->tags);
    add_dv(out, &a->dv);
    add_opt_i64(out, "baseRowId", a->base_row_id);
    add_opt_i64(out, "defaultRowCommitVersion", a->default_row_commit_version);
    add_str(out, "clusteringProvider", a->clustering_provider);
}

static void write_remove(const pli__remove *r, pli__buf *out) {
    open_action(out, "remove", "path");
    pli__buf_add_json(out, r->path);
    add_opt_i64(out, "deletionTimestamp", r->deletion_timestamp);
    add_bool(out, "dataChange", r->data_change);
    if (r->extended_file_metadata) {
        add_bool(out, "extendedFileMetadata", true);
        add_map(out, "partitionValues", r->partition_values, r->n_partition_values);
        add_opt_i64(out, "size", r->size);
    }
    add_raw(out, "tags", r->tags);
    add_str(out, "stats", r->stats);
    add_dv(out, &r->dv);
    add_opt_i64(out, "baseRowId", r->base_row_id);
    add_opt_i64(out, "defaultRowCommitVersion", r->default_row_commit_version);
}

static void write_cdc(const pli__cdc_file *c, pli__buf *out) {
    open_action(out, "cdc", "path");
    pli__buf_add_json(out, c->path);
    add_map(out, "partitionValues", c->partition_values, c->n_partition_values);
    add_i64(out, "size", c->size);
    add_bool(out, "dataChange", false);
    add_raw(out, "tags", c->tags);
}

static void write_txn(const pli__txn *t, pli__buf *out) {
    open_action(out, "txn", "appId");
    pli__buf_add_json(out, t->app_id);
    add_i64(out, "version", t->version);
    add_opt_i64(out, "lastUpdated", t->last_updated);
}

static void write_protocol(const pli__protocol *p, pli__buf *out) {
    open_action(out, "protocol", "minReaderVersion");
    pli__buf_addf(out, "%d", p->min_reader);
    add_i64(out, "minWriterVersion", p->min_writer);
    if (p->has_reader_features) add_strings(out, "readerFeatures", p->reader_features, p->n_reader_features);
    if (p->has_writer_features) add_strings(out, "writerFeatures", p->writer_features, p->n_writer_features);
}

/* Members that we do not know stay with the table: the text between the braces of `extra`. */
static void add_extra(pli__buf *out, pli__str extra) {
    size_t from = 0, to = extra.len;
    while (from < to && extra.ptr[from] != '{') from++;
    while (to > from && extra.ptr[to - 1] != '}') to--;
    if (to < from + 2) return;
    pli__str inner = {extra.ptr + from + 1, to - from - 2};
    while (inner.len && (inner.ptr[0] == ' ' || inner.ptr[0] == '\n')) inner = (pli__str){inner.ptr + 1, inner.len - 1};
    if (!inner.len) return;
    pli__buf_addc(out, ',');
    pli__buf_adds(out, inner);
}

static void write_metadata(const pli__metadata *m, pli__buf *out) {
    open_action(out, "metaData", "id");
    pli__buf_add_json(out, m->id);
    add_str(out, "name", m->name);
    add_str(out, "description", m->description);
    pli__buf_addz(out, ",\"format\":{\"provider\":");
    pli__buf_add_json(out, m->format_provider.ptr ? m->format_provider : PLI_STR("parquet"));
    pli__buf_addz(out, ",\"options\":{}}");
    add_str(out, "schemaString", m->schema_string);
    add_strings(out, "partitionColumns", m->partition_columns, m->n_partition_columns);
    add_map(out, "configuration", m->configuration, m->n_configuration);
    add_opt_i64(out, "createdTime", m->created_time);
    add_extra(out, m->extra);
}

static void write_domain(const pli__domain *d, pli__buf *out) {
    open_action(out, "domainMetadata", "domain");
    pli__buf_add_json(out, d->domain);
    add_str(out, "configuration", d->configuration.ptr ? d->configuration : PLI_STR(""));
    add_bool(out, "removed", d->removed);
}

static void write_raw(const char *name, pli__str raw, pli__buf *out) {
    pli__buf_addf(out, "{\"%s\":", name);
    pli__buf_adds(out, raw);
    pli__buf_addz(out, "}\n");
}

pli_status pli__action_write(const pli__action *a, pli__buf *out, pli_error *err) {
    switch (a->kind) {
        case PLI__ACTION_ADD: write_add(&a->add, out); break;
        case PLI__ACTION_REMOVE: write_remove(&a->remove, out); break;
        case PLI__ACTION_CDC: write_cdc(&a->cdc, out); break;
        case PLI__ACTION_TXN: write_txn(&a->txn, out); break;
        case PLI__ACTION_PROTOCOL: write_protocol(&a->protocol, out); break;
        case PLI__ACTION_METADATA: write_metadata(&a->metadata, out); break;
        case PLI__ACTION_DOMAIN: write_domain(&a->domain, out); break;
        case PLI__ACTION_SIDECAR:
            open_action(out, "sidecar", "path");
            pli__buf_add_json(out, a->sidecar.path);
            add_i64(out, "sizeInBytes", a->sidecar.size);
            add_i64(out, "modificationTime", a->sidecar.modification_time);
            break;
        case PLI__ACTION_COMMIT_INFO: write_raw("commitInfo", a->raw, out); return pli__buf_status(out, err);
        case PLI__ACTION_CHECKPOINT_METADATA:
            write_raw("checkpointMetadata", a->raw, out);
            return pli__buf_status(out, err);
        case PLI__ACTION_UNKNOWN: return pli__error_set(err, PLI_E_STATE, "an unknown action cannot be written");
    }
    pli__buf_addz(out, "}}\n");
    return pli__buf_status(out, err);
}
