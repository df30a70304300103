/*
 * Classic checkpoints. The rows of all actions go to the engine as one flat stream; SQL folds them into the structs of the
 * checkpoint schema. Every field is nullable whatever the table says, absent structs are NULL (an all-null
 * deletionVector would be read as one with an empty storage type), tombstones past their retention stay out.
 *
 * Order of publication: file under a temporary name, fsync, rename to its name if absent, `_last_checkpoint`.
 */
#include "delta/checkpoint_write.h"

#include <stdio.h>

#include "base/hash.h"
#include "base/json.h"
#include "base/time.h"
#include "delta/features.h"
#include "delta/interval.h"
#include "delta/log_list.h"
#include "delta/row_feed.h"

#define STREAM "pli_checkpoint_rows"
#define DEFAULT_RETENTION_US (INT64_C(7) * 86400 * 1000000)

enum {
    C_KIND,
    C_PATH,
    C_KEYS,
    C_VALUES,
    C_SIZE,
    C_TIME,
    C_FLAG,
    C_EXTENDED,
    C_STATS,
    C_TAGS,
    C_DV_STORAGE,
    C_DV_PATH,
    C_DV_OFFSET,
    C_DV_SIZE,
    C_DV_ROWS,
    C_ROW_ID,
    C_ROW_VERSION,
    C_PROVIDER,
    N_COLUMNS
};

static const pli__feed_column columns[N_COLUMNS] = {
    [C_KIND] = {"kind", PLI__FEED_I64},       [C_PATH] = {"path", PLI__FEED_STR},
    [C_KEYS] = {"pk", PLI__FEED_LIST},        [C_VALUES] = {"pv", PLI__FEED_LIST},
    [C_SIZE] = {"size", PLI__FEED_I64},       [C_TIME] = {"time", PLI__FEED_I64},
    [C_FLAG] = {"flag", PLI__FEED_I64},       [C_EXTENDED] = {"extended", PLI__FEED_I64},
    [C_STATS] = {"stats", PLI__FEED_STR},     [C_TAGS] = {"tags", PLI__FEED_STR},
    [C_DV_STORAGE] = {"dvs", PLI__FEED_STR},  [C_DV_PATH] = {"dvp", PLI__FEED_STR},
    [C_DV_OFFSET] = {"dvo", PLI__FEED_I64},   [C_DV_SIZE] = {"dvn", PLI__FEED_I64},
    [C_DV_ROWS] = {"dvr", PLI__FEED_I64},     [C_ROW_ID] = {"rid", PLI__FEED_I64},
    [C_ROW_VERSION] = {"rcv", PLI__FEED_I64}, [C_PROVIDER] = {"clustering", PLI__FEED_STR},
};

/* Values of "kind"; small actions travel as JSON in "stats". */
enum { K_ADD, K_REMOVE, K_TXN, K_DOMAIN, K_PROTOCOL, K_METADATA };

typedef struct {
    pli__snapshot *snapshot;
    pli__row_feed *feed;
    int64_t oldest_tombstone_ms;
    int64_t actions, adds, add_bytes;
} producer;

/* ---- rows ---- */

static void feed_opt(pli__row_feed *f, size_t column, int64_t value) {
    if (value >= 0) pli__feed_i64(f, column, value);
}

static void feed_partition(pli__row_feed *f, const pli__kv *kv, size_t n) {
    pli__feed_list(f, C_KEYS);
    pli__feed_list(f, C_VALUES);
    for (size_t i = 0; i < n; i++) {
        pli__feed_item(f, C_KEYS, kv[i].key);
        pli__feed_item(f, C_VALUES, kv[i].value);
    }
}

static void feed_dv(pli__row_feed *f, const pli__dv *dv) {
    if (!dv->storage) return;
    pli__feed_str(f, C_DV_STORAGE, (pli__str){&dv->storage, 1});
    pli__feed_str(f, C_DV_PATH, dv->path);
    feed_opt(f, C_DV_OFFSET, dv->offset);
    pli__feed_i64(f, C_DV_SIZE, dv->size);
    pli__feed_i64(f, C_DV_ROWS, dv->cardinality);
}

static pli_status end_row(producer *p, int64_t kind, pli_error *err) {
    pli__feed_i64(p->feed, C_KIND, kind);
    p->actions++;
    return pli__feed_row(p->feed, err);
}

static pli_status feed_add(void *arg, const pli__add *a, pli_error *err) {
    producer *p = arg;
    pli__row_feed *f = p->feed;
    pli__feed_str(f, C_PATH, a->path);
    feed_partition(f, a->partition_values, a->n_partition_values);
    pli__feed_i64(f, C_SIZE, a->size);
    pli__feed_i64(f, C_TIME, a->modification_time);
    pli__feed_str(f, C_STATS, a->stats);
    pli__feed_str(f, C_TAGS, a->tags);
    feed_dv(f, &a->dv);
    feed_opt(f, C_ROW_ID, a->base_row_id);
    feed_opt(f, C_ROW_VERSION, a->default_row_commit_version);
    pli__feed_str(f, C_PROVIDER, a->clustering_provider);
    p->adds++;
    p->add_bytes += a->size;
    return end_row(p, K_ADD, err);
}

static pli_status feed_remove(void *arg, const pli__remove *r, pli_error *err) {
    producer *p = arg;
    pli__row_feed *f = p->feed;
    if (r->deletion_timestamp < p->oldest_tombstone_ms) return PLI_OK;
    pli__feed_str(f, C_PATH, r->path);
    if (r->extended_file_metadata) {
        feed_partition(f, r->partition_values, r->n_partition_values);
        feed_opt(f, C_SIZE, r->size);
    }
    feed_opt(f, C_TIME, r->deletion_timestamp);
    pli__feed_i64(f, C_FLAG, r->data_change);
    pli__feed_i64(f, C_EXTENDED, r->extended_file_metadata);
    feed_dv(f, &r->dv);
    feed_opt(f, C_ROW_ID, r->base_row_id);
    feed_opt(f, C_ROW_VERSION, r->default_row_commit_version);
    return end_row(p, K_REMOVE, err);
}

/* The value of an action's member: {"metaData":{…}}\n without its ends. */
static pli_status feed_json(producer *p, const pli__action *a, int64_t kind, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf line = {0};
    PLI_TRY(pli__action_write(a, &line, err));
    const char *colon = memchr(line.ptr, ':', line.len);
    const pli__str body = {colon + 1, line.len - (size_t)(colon + 1 - line.ptr) - 2};
    pli__feed_str(p->feed, C_STATS, body);
    return end_row(p, kind, err);
}

static pli_status feed_state(producer *p, pli_error *err) {
    const pli__action protocol = {.kind = PLI__ACTION_PROTOCOL, .protocol = *pli__snapshot_protocol(p->snapshot)};
    const pli__action metadata = {.kind = PLI__ACTION_METADATA, .metadata = *pli__snapshot_metadata(p->snapshot)};
    PLI_TRY(feed_json(p, &protocol, K_PROTOCOL, err));
    PLI_TRY(feed_json(p, &metadata, K_METADATA, err));
    for (size_t i = 0; i < pli__snapshot_n_txns(p->snapshot); i++) {
        const pli__txn t = pli__snapshot_txn_at(p->snapshot, i);
        pli__feed_str(p->feed, C_PATH, t.app_id);
        pli__feed_i64(p->feed, C_SIZE, t.version);
        feed_opt(p->feed, C_TIME, t.last_updated);
        PLI_TRY(end_row(p, K_TXN, err));
    }
    for (size_t i = 0; i < pli__snapshot_n_domains(p->snapshot); i++) {
        const pli__domain d = pli__snapshot_domain_at(p->snapshot, i);
        pli__feed_str(p->feed, C_PATH, d.domain);
        pli__feed_str(p->feed, C_STATS, d.configuration.ptr ? d.configuration : PLI_STR(""));
        PLI_TRY(end_row(p, K_DOMAIN, err));
    }
    return PLI_OK;
}

static pli_status produce(void *arg, pli__row_feed *feed, pli_error *err) {
    producer *p = arg;
    p->feed = feed;
    PLI_TRY(feed_state(p, err));
    PLI_TRY(pli__snapshot_files(p->snapshot, PLI__FILES_ALL, feed_add, p, err));
    return pli__snapshot_removes(p->snapshot, feed_remove, p, err);
}

/* ---- SQL ---- */

#define MAP_TYPE "MAP(VARCHAR, VARCHAR)"
#define DV_SQL                                                                                                           \
    "CASE WHEN dvs IS NOT NULL THEN struct_pack(storageType := dvs, pathOrInlineDv := dvp, \"offset\" := dvo::INTEGER, " \
    "sizeInBytes := dvn::INTEGER, cardinality := dvr) END"
#define PARTITION_SQL "CASE WHEN pk IS NOT NULL THEN MAP(pk, pv) END"

static pli_status write_select(const pli__snapshot *s, pli__buf *sql, pli_error *err) {
    const pli__metadata *m = pli__snapshot_metadata(s);
    pli__str as_json = {0};
    for (size_t i = 0; i < m->n_configuration; i++)
        if (pli__str_eqz(m->configuration[i].key, "delta.checkpoint.writeStatsAsJson"))
            as_json = m->configuration[i].value;
    pli__buf_addf(
        sql,
        "SELECT CASE WHEN kind = %d THEN struct_pack(appId := path, version := size, lastUpdated := time) END AS txn, "
        "CASE WHEN kind = %d THEN struct_pack(path := path, partitionValues := " PARTITION_SQL ", size := size, "
        "modificationTime := time, dataChange := false, tags := json_transform(tags, '\"" MAP_TYPE "\"'), "
        "deletionVector := " DV_SQL
        ", baseRowId := rid, defaultRowCommitVersion := rcv, clusteringProvider := clustering",
        K_TXN, K_ADD);
    if (!pli__str_ieqz(as_json, "false")) pli__buf_addz(sql, ", stats := stats");
    PLI_TRY(pli__delta_checkpoint_parsed_sql(m, pli__snapshot_schema(s), sql, err));
    pli__buf_addf(
        sql,
        ") END AS add, "
        "CASE WHEN kind = %d THEN struct_pack(path := path, deletionTimestamp := time, dataChange := flag = 1, "
        "extendedFileMetadata := extended = 1, partitionValues := " PARTITION_SQL
        ", size := size, deletionVector := " DV_SQL
        ", baseRowId := rid, defaultRowCommitVersion := rcv) END AS remove, ",
        K_REMOVE);
    pli__buf_addf(
        sql,
        "CASE WHEN kind = %d THEN json_transform(stats, '{\"id\":\"VARCHAR\",\"name\":\"VARCHAR\",\"description\":\"VARCHAR\","
        "\"format\":{\"provider\":\"VARCHAR\",\"options\":\"" MAP_TYPE
        "\"},\"schemaString\":\"VARCHAR\",\"partitionColumns\":[\"VARCHAR\"],"
        "\"configuration\":\"" MAP_TYPE "\",\"createdTime\":\"BIGINT\"}') END AS metaData, "
        "CASE WHEN kind = %d THEN json_transform(stats, '{\"minReaderVersion\":\"INTEGER\",\"minWriterVersion\":\"INTEGER\","
        "\"readerFeatures\":[\"VARCHAR\"],\"writerFeatures\":[\"VARCHAR\"]}') END AS protocol, "
        "CASE WHEN kind = %d THEN struct_pack(domain := path, configuration := stats, removed := false) END AS domainMetadata "
        "FROM " STREAM,
        K_METADATA, K_PROTOCOL, K_DOMAIN);
    return pli__buf_status(sql, err);
}

/* ---- the file ---- */

static pli_status see_written(void *arg, const pli__written_file *file, pli_error *err) {
    (void)err;
    *(int64_t *)arg += file->bytes;
    return PLI_OK;
}

static pli_status copy_rows(pli__engine *e, producer *p, const char *path, int64_t *bytes, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
    PLI_AUTO(pli__row_feed_auto) pli__row_feed *feed = NULL;
    struct ArrowArrayStream stream;
    pli__buf_addz(&sql, "COPY (");
    PLI_TRY(write_select(p->snapshot, &sql, err));
    pli__buf_addz(&sql, ") TO ");
    pli__buf_add_sql_str(&sql, pli__str_of(path));
    pli__buf_addz(&sql, " (FORMAT parquet, COMPRESSION snappy, ROW_GROUP_SIZE 32768, RETURN_STATS)");
    PLI_TRY(pli__buf_status(&sql, err));
    PLI_TRY(pli__row_feed_start(columns, N_COLUMNS, produce, p, &feed, err));
    pli__row_feed_stream(feed, &stream);
    pli_status s = pli__engine_register_arrow(e, STREAM, &stream, err);
    if (s == PLI_OK) {
        s = pli__engine_copy(e, sql.ptr, see_written, bytes, err);
        const pli_status u = pli__engine_unregister(e, STREAM, s == PLI_OK ? err : NULL);
        if (s == PLI_OK) s = u;
    }
    /* the producer's own error says more than the engine's "stream failed" */
    pli_error cause = {0};
    const pli_status produced = pli__row_feed_finish(&feed, &cause);
    if (produced != PLI_OK && err) *err = cause;
    return produced != PLI_OK ? produced : s;
}

static pli_status write_file(pli__delta *t, producer *p, const char *folder, const char *name, int64_t *bytes,
                             pli_error *err) {
    PLI_AUTO(pli__engine_auto) pli__engine *own = NULL;
    PLI_AUTO(pli__buf_clear) pli__buf temp = {0}, path = {0};
    pli__engine *e;
    char uuid[37];
    pli__uuid_new(uuid);
    pli__buf_addf(&temp, "%s/.%s.%s.tmp", folder, name, uuid);
    pli__buf_addf(&path, "%s/%s", folder, name);
    PLI_TRY(pli__buf_status(&temp, err));
    PLI_TRY(pli__buf_status(&path, err));
    PLI_TRY(pli__env_engine(pli__delta_env(t), &e, err));
    PLI_TRY(pli__engine_connect(e, &own, err));
    pli_status s = copy_rows(own, p, temp.ptr, bytes, err);
    if (s == PLI_OK) s = pli__fs_sync_file(temp.ptr, err);
    if (s == PLI_OK) s = pli__fs_rename_noreplace(temp.ptr, path.ptr, err);
    if (s != PLI_OK) {
        (void)pli__fs_unlink(temp.ptr, true, NULL);
        if (s != PLI_E_EXISTS) return s;
        pli__error_clear(err); /* somebody else has written the same state */
        return PLI_OK;
    }
    return pli__fs_sync_dir(folder, err);
}

/* ---- _last_checkpoint ---- */

static pli_status write_hint(pli__delta *t, const pli__delta_checkpoint_result *r, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf canonical = {0}, text = {0};
    char md5[33];
    if (pli__log_hint_version(pli__delta_log(t)) > r->version) return PLI_OK;
    pli__buf_addf(&canonical, "\"numOfAddFiles\"=%lld,\"size\"=%lld,\"sizeInBytes\"=%lld,\"version\"=%lld",
                  (long long)r->add_files, (long long)r->actions, (long long)r->bytes, (long long)r->version);
    PLI_TRY(pli__buf_status(&canonical, err));
    pli__md5_hex(pli__buf_str(&canonical), md5);
    pli__buf_addf(&text,
                  "{\"version\":%lld,\"size\":%lld,\"sizeInBytes\":%lld,\"numOfAddFiles\":%lld,\"checksum\":\"%s\"}",
                  (long long)r->version, (long long)r->actions, (long long)r->bytes, (long long)r->add_files, md5);
    PLI_TRY(pli__buf_status(&text, err));
    return pli__store_replace(pli__delta_log(t), "_last_checkpoint", pli__buf_str(&text), 0, err);
}

static int64_t oldest_tombstone(const pli__snapshot *s, pli_env *env) {
    int64_t keep = DEFAULT_RETENTION_US;
    const pli__str text = pli__snapshot_property(s, "delta.deletedFileRetentionDuration");
    if (text.ptr && !pli__interval_parse(text, &keep)) keep = DEFAULT_RETENTION_US;
    return (pli__env_now_us(env) - keep) / 1000;
}

pli_status pli__delta_checkpoint_write(pli__snapshot *s, pli__delta *t, pli__delta_checkpoint_result *out,
                                       pli_error *err) {
    char name[64];
    pli__file_info info;
    producer p = {.snapshot = s};
    pli__delta_checkpoint_result r = {.version = pli__snapshot_version(s)};
    const char *folder = pli__store_local_path(pli__delta_log(t));
    if (!folder) return pli__error_set(err, PLI_E_ARGUMENT, "checkpoints need a local folder");
    PLI_TRY(pli__protocol_check_write(pli__snapshot_protocol(s), err));
    snprintf(name, sizeof name, "%020lld.checkpoint.parquet", (long long)r.version);
    PLI_TRY(pli__store_stat(pli__delta_log(t), name, &info, err));
    if (info.kind == PLI__FILE_NONE) {
        p.oldest_tombstone_ms = oldest_tombstone(s, pli__delta_env(t));
        PLI_TRY_IN(write_file(t, &p, folder, name, &r.bytes, err), err, "could not write checkpoint %lld",
                   (long long)r.version);
        r.actions = p.actions;
        r.add_files = p.adds;
        r.table_bytes = p.add_bytes;
        PLI_TRY(write_hint(t, &r, err));
    }
    if (out) *out = r;
    return PLI_OK;
}
