/* A JSON line as actions, over the pull scanner. */
#include "delta/action_read.h"

#include <stdio.h>

#include "base/json_scan.h"

typedef struct {
    pli__json_scan scan;
    pli__action_reader *r;
} parser;

#define LIST_MAX ((size_t)1000000) /* members of one list or map in an action */

void pli__action_reader_clear(pli__action_reader *r) {
    pli__arena_clear(&r->arena);
    pli__buf_clear(&r->scratch);
}

/* ---- values ---- */

static pli_status wrong(parser *p, const pli__json_item *it, const char *expected, pli_error *err) {
    char message[120];
    snprintf(message, sizeof message, "'%.*s' is no %s", (int)(it->key.len > 60 ? 60 : it->key.len), it->key.ptr,
             expected);
    return pli__json_scan_error(&p->scan, err, message);
}

static pli_status unescape(parser *p, pli__str raw, bool escaped, pli__str *out, pli_error *err) {
    if (!escaped) {
        *out = raw;
        return PLI_OK;
    }
    pli__buf_reset(&p->r->scratch);
    pli__json_unescape(raw, &p->r->scratch);
    PLI_TRY(pli__buf_status(&p->r->scratch, err));
    *out = pli__arena_str(&p->r->arena, pli__buf_str(&p->r->scratch));
    return pli__arena_status(&p->r->arena, err);
}

/* null leaves *out as it is */
static pli_status read_text(parser *p, const pli__json_item *it, pli__str *out, pli_error *err) {
    if (it->kind == PLI__JSON_NULL) return PLI_OK;
    if (it->kind != PLI__JSON_STRING) return wrong(p, it, "text", err);
    return unescape(p, it->raw, it->escaped, out, err);
}

static pli_status read_i64(parser *p, const pli__json_item *it, int64_t *out, pli_error *err) {
    if (it->kind == PLI__JSON_NULL || pli__json_item_i64(it, out)) return PLI_OK;
    return wrong(p, it, "integer", err);
}

static pli_status read_i32(parser *p, const pli__json_item *it, int32_t *out, pli_error *err) {
    int64_t wide = *out;
    PLI_TRY(read_i64(p, it, &wide, err));
    if (wide < INT32_MIN || wide > INT32_MAX) return wrong(p, it, "32-bit integer", err);
    *out = (int32_t)wide;
    return PLI_OK;
}

static pli_status read_bool(parser *p, const pli__json_item *it, bool *out, pli_error *err) {
    if (it->kind == PLI__JSON_NULL || pli__json_item_bool(it, out)) return PLI_OK;
    return wrong(p, it, "boolean", err);
}

/* An object or array as its text; null leaves *out as it is. */
static pli_status read_raw(parser *p, const pli__json_item *it, pli__str *out, pli_error *err) {
    if (it->kind == PLI__JSON_NULL) return PLI_OK;
    if (it->kind != PLI__JSON_OBJECT && it->kind != PLI__JSON_ARRAY) return wrong(p, it, "object", err);
    return pli__json_scan_skip(&p->scan, out, err);
}

/* A growing list in the line's arena. */
static pli_status grow(parser *p, void **items, size_t n, size_t *cap, size_t size, pli_error *err) {
    if (n < *cap) return PLI_OK;
    if (n >= LIST_MAX) return pli__json_scan_error(&p->scan, err, "a list has too many members");
    const size_t more = *cap ? *cap * 4 : 8;
    void *moved = pli__arena_alloc(&p->r->arena, more * size);
    if (!moved) return pli__error_memory(err);
    if (n) memcpy(moved, *items, n * size);
    *items = moved;
    *cap = more;
    return PLI_OK;
}

static pli_status read_texts(parser *p, const pli__json_item *list, const pli__str **out, size_t *n_out,
                             pli_error *err) {
    pli__str *items = NULL;
    size_t n = 0, cap = 0;
    bool more;
    pli__json_item it;
    if (list->kind == PLI__JSON_NULL) return PLI_OK;
    if (list->kind != PLI__JSON_ARRAY) return wrong(p, list, "list", err);
    PLI_TRY(pli__json_scan_enter(&p->scan, err));
    for (;;) {
        PLI_TRY(pli__json_scan_next(&p->scan, &it, &more, err));
        if (!more) break;
        if (it.kind != PLI__JSON_STRING) return wrong(p, list, "list of texts", err);
        PLI_TRY(grow(p, (void **)&items, n, &cap, sizeof *items, err));
        PLI_TRY(unescape(p, it.raw, it.escaped, &items[n++], err));
    }
    *out = items;
    *n_out = n;
    return PLI_OK;
}

/* A map of texts. Numbers and booleans, which some writers put there, are taken as they are written. */
static pli_status read_map(parser *p, const pli__json_item *map, const pli__kv **out, size_t *n_out, pli_error *err) {
    pli__kv *items = NULL;
    size_t n = 0, cap = 0;
    bool more;
    pli__json_item it;
    if (map->kind == PLI__JSON_NULL) return PLI_OK;
    if (map->kind != PLI__JSON_OBJECT) return wrong(p, map, "map", err);
    PLI_TRY(pli__json_scan_enter(&p->scan, err));
    for (;;) {
        PLI_TRY(pli__json_scan_next(&p->scan, &it, &more, err));
        if (!more) break;
        if (it.kind == PLI__JSON_OBJECT || it.kind == PLI__JSON_ARRAY) return wrong(p, map, "map of texts", err);
        PLI_TRY(grow(p, (void **)&items, n, &cap, sizeof *items, err));
        items[n] = (pli__kv){0};
        PLI_TRY(unescape(p, it.key, it.key_escaped, &items[n].key, err));
        if (it.kind != PLI__JSON_NULL) PLI_TRY(unescape(p, it.raw, it.escaped, &items[n].value, err));
        n++;
    }
    *out = items;
    *n_out = n;
    return PLI_OK;
}

/* ---- actions ---- */

typedef pli_status member_fn(parser *p, const pli__json_item *it, void *target, pli_error *err);

/* Enters an object and gives each member to fn, which may take the value; what it leaves is passed over. */
static pli_status each_member(parser *p, const pli__json_item *object, member_fn *fn, void *target, pli_error *err) {
    bool more;
    pli__json_item it;
    if (object->kind != PLI__JSON_OBJECT) return wrong(p, object, "object", err);
    PLI_TRY(pli__json_scan_enter(&p->scan, err));
    for (;;) {
        PLI_TRY(pli__json_scan_next(&p->scan, &it, &more, err));
        if (!more) return PLI_OK;
        PLI_TRY(fn(p, &it, target, err));
    }
}

static pli_status dv_member(parser *p, const pli__json_item *it, void *target, pli_error *err) {
    pli__dv *dv = target;
    if (pli__json_key_is(it, "storageType")) {
        pli__str storage = {0};
        PLI_TRY(read_text(p, it, &storage, err));
        if (storage.len != 1) return wrong(p, it, "storage type of a deletion vector", err);
        dv->storage = storage.ptr[0];
        return PLI_OK;
    }
    if (pli__json_key_is(it, "pathOrInlineDv")) return read_text(p, it, &dv->path, err);
    if (pli__json_key_is(it, "offset")) return read_i64(p, it, &dv->offset, err);
    if (pli__json_key_is(it, "sizeInBytes")) return read_i64(p, it, &dv->size, err);
    if (pli__json_key_is(it, "cardinality")) return read_i64(p, it, &dv->cardinality, err);
    return PLI_OK;
}

static pli_status read_dv(parser *p, const pli__json_item *it, pli__dv *out, pli_error *err) {
    if (it->kind == PLI__JSON_NULL) return PLI_OK;
    *out = (pli__dv){.offset = -1};
    PLI_TRY(each_member(p, it, dv_member, out, err));
    if (!out->storage || !out->path.ptr)
        return pli__json_scan_error(&p->scan, err, "a deletion vector lacks its storage type or path");
    return PLI_OK;
}

static pli_status add_member(parser *p, const pli__json_item *it, void *target, pli_error *err) {
    pli__add *a = target;
    const unsigned fields = p->r->what.fields;
    if (pli__json_key_is(it, "path")) return read_text(p, it, &a->path, err);
    if (pli__json_key_is(it, "partitionValues"))
        return fields & PLI__FILES_PARTITIONS ? read_map(p, it, &a->partition_values, &a->n_partition_values, err)
                                              : PLI_OK;
    if (pli__json_key_is(it, "size")) return read_i64(p, it, &a->size, err);
    if (pli__json_key_is(it, "modificationTime")) return read_i64(p, it, &a->modification_time, err);
    if (pli__json_key_is(it, "dataChange")) return read_bool(p, it, &a->data_change, err);
    if (pli__json_key_is(it, "stats")) return fields & PLI__FILES_STATS ? read_text(p, it, &a->stats, err) : PLI_OK;
    if (pli__json_key_is(it, "deletionVector")) return read_dv(p, it, &a->dv, err);
    if (!(fields & PLI__FILES_OTHER)) return PLI_OK;
    if (pli__json_key_is(it, "tags")) return read_raw(p, it, &a->tags, err);
    if (pli__json_key_is(it, "baseRowId")) return read_i64(p, it, &a->base_row_id, err);
    if (pli__json_key_is(it, "defaultRowCommitVersion")) return read_i64(p, it, &a->default_row_commit_version, err);
    if (pli__json_key_is(it, "clusteringProvider")) return read_text(p, it, &a->clustering_provider, err);
    return PLI_OK;
}

static pli_status remove_member(parser *p, const pli__json_item *it, void *target, pli_error *err) {
    pli__remove *r = target;
    const unsigned fields = p->r->what.fields;
    if (pli__json_key_is(it, "path")) return read_text(p, it, &r->path, err);
    if (pli__json_key_is(it, "deletionTimestamp")) return read_i64(p, it, &r->deletion_timestamp, err);
    if (pli__json_key_is(it, "dataChange")) return read_bool(p, it, &r->data_change, err);
    if (pli__json_key_is(it, "extendedFileMetadata")) return read_bool(p, it, &r->extended_file_metadata, err);
    if (pli__json_key_is(it, "partitionValues"))
        return fields & PLI__FILES_PARTITIONS ? read_map(p, it, &r->partition_values, &r->n_partition_values, err)
                                              : PLI_OK;
    if (pli__json_key_is(it, "size")) return read_i64(p, it, &r->size, err);
    if (pli__json_key_is(it, "deletionVector")) return read_dv(p, it, &r->dv, err);
    if (pli__json_key_is(it, "stats")) return fields & PLI__FILES_STATS ? read_text(p, it, &r->stats, err) : PLI_OK;
    if (!(fields & PLI__FILES_OTHER)) return PLI_OK;
    if (pli__json_key_is(it, "tags")) return read_raw(p, it, &r->tags, err);
    if (pli__json_key_is(it, "baseRowId")) return read_i64(p, it, &r->base_row_id, err);
    if (pli__json_key_is(it, "defaultRowCommitVersion")) return read_i64(p, it, &r->default_row_commit_version, err);
    return PLI_OK;
}

static pli_status cdc_member(parser *p, const pli__json_item *it, void *target, pli_error *err) {
    pli__cdc_file *c = target;
    if (pli__json_key_is(it, "path")) return read_text(p, it, &c->path, err);
    if (pli__json_key_is(it, "partitionValues"))
        return read_map(p, it, &c->partition_values, &c->n_partition_values, err);
    if (pli__json_key_is(it, "size")) return read_i64(p, it, &c->size, err);
    if (pli__json_key_is(it, "tags")) return read_raw(p, it, &c->tags, err);
    return PLI_OK;
}

static pli_status txn_member(parser *p, const pli__json_item *it, void *target, pli_error *err) {
    pli__txn *t = target;
    if (pli__json_key_is(it, "appId")) return read_text(p, it, &t->app_id, err);
    if (pli__json_key_is(it, "version")) return read_i64(p, it, &t->version, err);
    if (pli__json_key_is(it, "lastUpdated")) return read_i64(p, it, &t->last_updated, err);
    return PLI_OK;
}

static pli_status protocol_member(parser *p, const pli__json_item *it, void *target, pli_error *err) {
    pli__protocol *o = target;
    if (pli__json_key_is(it, "minReaderVersion")) return read_i32(p, it, &o->min_reader, err);
    if (pli__json_key_is(it, "minWriterVersion")) return read_i32(p, it, &o->min_writer, err);
    if (pli__json_key_is(it, "readerFeatures")) {
        o->has_reader_features = it->kind != PLI__JSON_NULL;
        return read_texts(p, it, &o->reader_features, &o->n_reader_features, err);
    }
    if (pli__json_key_is(it, "writerFeatures")) {
        o->has_writer_features = it->kind != PLI__JSON_NULL;
        return read_texts(p, it, &o->writer_features, &o->n_writer_features, err);
    }
    return PLI_OK;
}

static pli_status format_member(parser *p, const pli__json_item *it, void *target, pli_error *err) {
    return pli__json_key_is(it, "provider") ? read_text(p, it, target, err) : PLI_OK;
}

typedef struct {
    pli__metadata *m;
    pli__buf extra; /* unknown members, as the inside of an object */
} metadata_target;

static void target_auto(metadata_target *t) { pli__buf_clear(&t->extra); }

static pli_status keep_unknown(parser *p, const pli__json_item *it, pli__buf *extra, pli_error *err) {
    const bool quoted = it->kind == PLI__JSON_STRING;
    pli__str raw = it->raw;
    if (it->kind == PLI__JSON_OBJECT || it->kind == PLI__JSON_ARRAY) PLI_TRY(pli__json_scan_skip(&p->scan, &raw, err));
    pli__buf_addz(extra, extra->len ? ",\"" : "{\"");
    pli__buf_adds(extra, it->key);
    pli__buf_addz(extra, quoted ? "\":\"" : "\":");
    pli__buf_adds(extra, raw);
    if (quoted) pli__buf_addc(extra, '"');
    return pli__buf_status(extra, err);
}

static pli_status metadata_member(parser *p, const pli__json_item *it, void *target, pli_error *err) {
    metadata_target *t = target;
    pli__metadata *m = t->m;
    if (pli__json_key_is(it, "id")) return read_text(p, it, &m->id, err);
    if (pli__json_key_is(it, "name")) return read_text(p, it, &m->name, err);
    if (pli__json_key_is(it, "description")) return read_text(p, it, &m->description, err);
    if (pli__json_key_is(it, "format"))
        return it->kind == PLI__JSON_NULL ? PLI_OK : each_member(p, it, format_member, &m->format_provider, err);
    if (pli__json_key_is(it, "schemaString")) return read_text(p, it, &m->schema_string, err);
    if (pli__json_key_is(it, "partitionColumns"))
        return read_texts(p, it, &m->partition_columns, &m->n_partition_columns, err);
    if (pli__json_key_is(it, "configuration")) return read_map(p, it, &m->configuration, &m->n_configuration, err);
    if (pli__json_key_is(it, "createdTime")) return read_i64(p, it, &m->created_time, err);
    return keep_unknown(p, it, &t->extra, err);
}

static pli_status read_metadata(parser *p, const pli__json_item *it, pli__metadata *m, pli_error *err) {
    PLI_AUTO(target_auto) metadata_target t = {.m = m};
    PLI_TRY(each_member(p, it, metadata_member, &t, err));
    if (!t.extra.len) return PLI_OK;
    pli__buf_addc(&t.extra, '}');
    PLI_TRY(pli__buf_status(&t.extra, err));
    m->extra = pli__arena_str(&p->r->arena, pli__buf_str(&t.extra));
    return pli__arena_status(&p->r->arena, err);
}

static pli_status domain_member(parser *p, const pli__json_item *it, void *target, pli_error *err) {
    pli__domain *d = target;
    if (pli__json_key_is(it, "domain")) return read_text(p, it, &d->domain, err);
    if (pli__json_key_is(it, "configuration")) return read_text(p, it, &d->configuration, err);
    if (pli__json_key_is(it, "removed")) return read_bool(p, it, &d->removed, err);
    return PLI_OK;
}

static pli_status sidecar_member(parser *p, const pli__json_item *it, void *target, pli_error *err) {
    pli__action *a = target;
    if (pli__json_key_is(it, "path")) return read_text(p, it, &a->sidecar.path, err);
    if (pli__json_key_is(it, "sizeInBytes")) return read_i64(p, it, &a->sidecar.size, err);
    if (pli__json_key_is(it, "modificationTime")) return read_i64(p, it, &a->sidecar.modification_time, err);
    return PLI_OK;
}

static const struct kind_info {
    const char *name;
    size_t name_len;
    pli__action_kind kind;
    unsigned read; /* PLI__READ_* */
} kinds[] = {
#define KIND(name, kind, read) {name, sizeof(name) - 1, kind, read}
    KIND("add", PLI__ACTION_ADD, PLI__READ_FILES),
    KIND("remove", PLI__ACTION_REMOVE, PLI__READ_FILES),
    KIND("cdc", PLI__ACTION_CDC, PLI__READ_CDC),
    KIND("commitInfo", PLI__ACTION_COMMIT_INFO, PLI__READ_INFO),
    KIND("txn", PLI__ACTION_TXN, PLI__READ_STATE),
    KIND("protocol", PLI__ACTION_PROTOCOL, PLI__READ_STATE),
    KIND("metaData", PLI__ACTION_METADATA, PLI__READ_STATE),
    KIND("domainMetadata", PLI__ACTION_DOMAIN, PLI__READ_STATE),
    KIND("sidecar", PLI__ACTION_SIDECAR, PLI__READ_STATE),
    KIND("checkpointMetadata", PLI__ACTION_CHECKPOINT_METADATA, PLI__READ_OTHER),
#undef KIND
};
static const struct kind_info unknown_kind = {"", 0, PLI__ACTION_UNKNOWN, PLI__READ_OTHER};

static const struct kind_info *kind_of_key(const pli__json_item *it) {
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (pli__json_key_is(it, kinds[i].name)) return &kinds[i];
    return &unknown_kind;
}

/* The value of one action. Members that the protocol requires and that nothing can be done without are checked. */
static pli_status read_value(parser *p, const pli__json_item *it, pli__action *a, pli_error *err) {
    const char *lacks = NULL;
    switch (a->kind) {
        case PLI__ACTION_ADD:
            a->add = (pli__add){
                .base_row_id = PLI__NO_ID, .default_row_commit_version = PLI__NO_ID, .data_change = true};
            PLI_TRY(each_member(p, it, add_member, &a->add, err));
            if (!a->add.path.len) lacks = "an add without a path";
            break;
        case PLI__ACTION_REMOVE:
            a->remove = (pli__remove){.deletion_timestamp = -1,
                                      .size = -1,
                                      .data_change = true,
                                      .base_row_id = PLI__NO_ID,
                                      .default_row_commit_version = PLI__NO_ID};
            PLI_TRY(each_member(p, it, remove_member, &a->remove, err));
            if (!a->remove.path.len) lacks = "a remove without a path";
            break;
        case PLI__ACTION_CDC:
            a->cdc = (pli__cdc_file){0};
            PLI_TRY(each_member(p, it, cdc_member, &a->cdc, err));
            if (!a->cdc.path.len) lacks = "a cdc without a path";
            break;
        case PLI__ACTION_TXN:
            a->txn = (pli__txn){.version = -1, .last_updated = -1};
            PLI_TRY(each_member(p, it, txn_member, &a->txn, err));
            if (!a->txn.app_id.ptr) lacks = "a txn without an appId";
            break;
        case PLI__ACTION_PROTOCOL:
            a->protocol = (pli__protocol){0};
            PLI_TRY(each_member(p, it, protocol_member, &a->protocol, err));
            break;
        case PLI__ACTION_METADATA:
            a->metadata = (pli__metadata){.created_time = -1};
            PLI_TRY(read_metadata(p, it, &a->metadata, err));
            break;
        case PLI__ACTION_DOMAIN:
            a->domain = (pli__domain){0};
            PLI_TRY(each_member(p, it, domain_member, &a->domain, err));
            if (!a->domain.domain.ptr) lacks = "a domainMetadata without a domain";
            break;
        case PLI__ACTION_SIDECAR:
            a->sidecar.path = (pli__str){0};
            a->sidecar.size = a->sidecar.modification_time = -1;
            PLI_TRY(each_member(p, it, sidecar_member, a, err));
            if (!a->sidecar.path.len) lacks = "a sidecar without a path";
            break;
        default: /* raw */
            a->raw = it->raw;
            if (it->kind == PLI__JSON_OBJECT || it->kind == PLI__JSON_ARRAY)
                PLI_TRY(pli__json_scan_skip(&p->scan, &a->raw, err));
    }
    return lacks ? pli__json_scan_error(&p->scan, err, lacks) : PLI_OK;
}

/* Most lines of a commit are of a kind that the caller may not want: told by the first bytes, without parsing. */
static bool skip_by_prefix(pli__str line, unsigned wanted) {
    if (line.len < 3 || line.ptr[0] != '{' || line.ptr[1] != '"') return false;
    for (size_t i = 0; i < 4; i++) { /* add, remove, cdc, commitInfo */
        const size_t n = kinds[i].name_len;
        if (line.len > n + 5 && memcmp(line.ptr + 2, kinds[i].name, n) == 0 && memcmp(line.ptr + n + 2, "\":{", 3) == 0)
            return !(kinds[i].read & wanted) && line.ptr[line.len - 1] == '}';
    }
    return false;
}

pli_status pli__action_read_line(pli__action_reader *r, pli__str line, const char *name, int64_t offset,
                                 pli__action_fn *fn, void *arg, pli_error *err) {
    parser p = {.r = r};
    pli__json_item it;
    bool more;
    if (skip_by_prefix(line, r->what.kinds)) return PLI_OK;
    pli__arena_reset(&r->arena);
    pli__json_scan_init(&p.scan, line, name, offset);
    p.scan.check_utf8 = true;
    PLI_TRY(pli__json_scan_root(&p.scan, &it, err));
    if (it.kind != PLI__JSON_OBJECT) return pli__json_scan_error(&p.scan, err, "an action must be an object");
    PLI_TRY(pli__json_scan_enter(&p.scan, err));
    pli__action a = {.kind = PLI__ACTION_UNKNOWN};
    bool have = false;
    for (;;) {
        PLI_TRY(pli__json_scan_next(&p.scan, &it, &more, err));
        if (!more) break;
        const struct kind_info *kind = kind_of_key(&it);
        if (it.kind == PLI__JSON_NULL || !(kind->read & r->what.kinds)) continue;
        if (have) return pli__json_scan_error(&p.scan, err, "a line holds two actions");
        have = true;
        a.kind = kind->kind;
        PLI_TRY(read_value(&p, &it, &a, err));
    }
    PLI_TRY(pli__json_scan_end(&p.scan, err)); /* nothing of a broken line is used */
    return have ? fn(arg, &a, err) : PLI_OK;
}

pli_status pli__action_read_map(pli__action_reader *r, pli__str json, const char *name, const pli__kv **out, size_t *n,
                                pli_error *err) {
    parser p = {.r = r};
    pli__json_item it;
    *out = NULL;
    *n = 0;
    if (!json.ptr) return PLI_OK;
    pli__arena_reset(&r->arena);
    pli__json_scan_init(&p.scan, json, name, 0);
    PLI_TRY(pli__json_scan_root(&p.scan, &it, err));
    return read_map(&p, &it, out, n, err);
}
