/*
 * Rows of checkpoints. Every field is nullable whatever the table says, absent structs are NULL (an all-null
 * deletionVector would be read as one with an empty storage type), tombstones past their retention stay out.
 */
#include "delta/checkpoint_rows.h"

#include <stdio.h>

#include "delta/checkpoint_parsed.h"
#include "delta/interval.h"
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
    C_EXACT, /* stats with long numbers as text, where the parsed form needs it */
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
    [C_EXACT] = {"exact", PLI__FEED_STR},
};

/* Values of "kind"; small actions travel as JSON in "stats". */
enum { K_ADD, K_REMOVE, K_TXN, K_DOMAIN, K_PROTOCOL, K_METADATA, K_SIDECAR, K_CHECKPOINT };

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

static pli_status end_row(pli__checkpoint_rows *p, int64_t kind, pli_error *err) {
    pli__feed_i64(p->feed, C_KIND, kind);
    p->actions++;
    return pli__feed_row(p->feed, err);
}

pli_status pli__checkpoint_rows_add(void *rows, const pli__add *a, pli_error *err) {
    pli__checkpoint_rows *p = rows;
    pli__row_feed *f = p->feed;
    pli__feed_str(f, C_PATH, a->path);
    feed_partition(f, a->partition_values, a->n_partition_values);
    pli__feed_i64(f, C_SIZE, a->size);
    pli__feed_i64(f, C_TIME, a->modification_time);
    pli__feed_str(f, C_STATS, a->stats);
    if (p->parsed && pli__checkpoint_quote_numbers(a->stats, &p->exact)) {
        PLI_TRY(pli__buf_status(&p->exact, err));
        pli__feed_str(f, C_EXACT, pli__buf_str(&p->exact));
    }
    pli__feed_str(f, C_TAGS, a->tags);
    feed_dv(f, &a->dv);
    feed_opt(f, C_ROW_ID, a->base_row_id);
    feed_opt(f, C_ROW_VERSION, a->default_row_commit_version);
    pli__feed_str(f, C_PROVIDER, a->clustering_provider);
    p->adds++;
    p->add_bytes += a->size;
    return end_row(p, K_ADD, err);
}

pli_status pli__checkpoint_rows_remove(void *rows, const pli__remove *r, pli_error *err) {
    pli__checkpoint_rows *p = rows;
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
static pli_status feed_json(pli__checkpoint_rows *p, const pli__action *a, int64_t kind, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf line = {0};
    PLI_TRY(pli__action_write(a, &line, err));
    const char *colon = memchr(line.ptr, ':', line.len);
    const pli__str body = {colon + 1, line.len - (size_t)(colon + 1 - line.ptr) - 2};
    pli__feed_str(p->feed, C_STATS, body);
    return end_row(p, kind, err);
}

static pli_status feed_txns(pli__checkpoint_rows *p, pli_error *err) {
    for (size_t i = 0; i < pli__snapshot_n_txns(p->snapshot); i++) {
        const pli__txn t = pli__snapshot_txn_at(p->snapshot, i);
        if (!pli__checkpoint_keeps_txn(p, &t)) continue;
        pli__feed_str(p->feed, C_PATH, t.app_id);
        pli__feed_i64(p->feed, C_SIZE, t.version);
        feed_opt(p->feed, C_TIME, t.last_updated);
        PLI_TRY(end_row(p, K_TXN, err));
    }
    return PLI_OK;
}

static pli_status feed_state(pli__checkpoint_rows *p, pli_error *err) {
    const pli__action protocol = {.kind = PLI__ACTION_PROTOCOL, .protocol = *pli__snapshot_protocol(p->snapshot)};
    const pli__action metadata = {.kind = PLI__ACTION_METADATA, .metadata = *pli__snapshot_metadata(p->snapshot)};
    PLI_TRY(feed_json(p, &protocol, K_PROTOCOL, err));
    PLI_TRY(feed_json(p, &metadata, K_METADATA, err));
    PLI_TRY(feed_txns(p, err));
    for (size_t i = 0; i < pli__snapshot_n_domains(p->snapshot); i++) {
        const pli__domain d = pli__snapshot_domain_at(p->snapshot, i);
        pli__feed_str(p->feed, C_PATH, d.domain);
        pli__feed_str(p->feed, C_STATS, d.configuration.ptr ? d.configuration : PLI_STR(""));
        PLI_TRY(end_row(p, K_DOMAIN, err));
    }
    return PLI_OK;
}

static pli_status feed_manifest(pli__checkpoint_rows *p, pli_error *err) {
    pli__feed_i64(p->feed, C_SIZE, pli__snapshot_version(p->snapshot));
    PLI_TRY(end_row(p, K_CHECKPOINT, err));
    for (size_t i = 0; i < p->n_sidecars; i++) {
        pli__feed_str(p->feed, C_PATH, p->sidecars[i].path);
        pli__feed_i64(p->feed, C_SIZE, p->sidecars[i].size);
        pli__feed_i64(p->feed, C_TIME, p->sidecars[i].modification_time);
        PLI_TRY(end_row(p, K_SIDECAR, err));
    }
    return PLI_OK;
}

static pli_status produce(void *arg, pli__row_feed *feed, pli_error *err) {
    pli__checkpoint_rows *p = arg;
    p->feed = feed;
    if (p->form == PLI__ROWS_MANIFEST) PLI_TRY(feed_manifest(p, err));
    if (p->form != PLI__ROWS_SIDECAR) PLI_TRY(feed_state(p, err));
    return p->files ? p->files(p->arg, p, err) : PLI_OK;
}

/* ---- retention ---- */

/* Time before which something has expired by a property. */
static int64_t expiry_ms(const pli__snapshot *s, const char *property, int64_t default_us) {
    int64_t keep = default_us;
    const pli__str text = pli__snapshot_property(s, property);
    if (text.ptr && !pli__interval_parse(text, &keep)) keep = default_us;
    return keep < 0 ? INT64_MIN : (pli__env_now_us(pli__delta_env(pli__snapshot_table(s))) - keep) / 1000;
}

void pli__checkpoint_rows_retention(pli__checkpoint_rows *r) {
    r->oldest_tombstone_ms = expiry_ms(r->snapshot, "delta.deletedFileRetentionDuration", DEFAULT_RETENTION_US);
    r->oldest_txn_ms = expiry_ms(r->snapshot, "delta.setTransactionRetentionDuration", -1);
}

bool pli__checkpoint_keeps_txn(const pli__checkpoint_rows *r, const pli__txn *t) {
    return t->last_updated < 0 || t->last_updated >= r->oldest_txn_ms;
}

/* ---- SQL ---- */

#define MAP_TYPE "MAP(VARCHAR, VARCHAR)"
#define DV_SQL                                                                                                           \
    "CASE WHEN dvs IS NOT NULL THEN struct_pack(storageType := dvs, pathOrInlineDv := dvp, \"offset\" := dvo::INTEGER, " \
    "sizeInBytes := dvn::INTEGER, cardinality := dvr) END"
#define PARTITION_SQL "CASE WHEN pk IS NOT NULL THEN MAP(pk, pv) END"

static pli_status add_files(const pli__snapshot *s, pli__buf *sql, pli_error *err) {
    pli__buf_addf(sql,
                  "CASE WHEN kind = %d THEN struct_pack(path := path, partitionValues := " PARTITION_SQL
                  ", size := size, "
                  "modificationTime := time, dataChange := false, tags := json_transform(tags, '\"" MAP_TYPE "\"'), "
                  "deletionVector := " DV_SQL
                  ", baseRowId := rid, defaultRowCommitVersion := rcv, clusteringProvider := clustering",
                  K_ADD);
    if (!pli__str_ieqz(pli__snapshot_property(s, "delta.checkpoint.writeStatsAsJson"), "false"))
        pli__buf_addz(sql, ", stats := stats");
    if (pli__checkpoint_wants_parsed(s)) PLI_TRY(pli__checkpoint_parsed_sql(s, sql, err));
    pli__buf_addf(
        sql,
        ") END AS add, "
        "CASE WHEN kind = %d THEN struct_pack(path := path, deletionTimestamp := time, dataChange := flag = 1, "
        "extendedFileMetadata := extended = 1, partitionValues := " PARTITION_SQL
        ", size := size, deletionVector := " DV_SQL ", baseRowId := rid, defaultRowCommitVersion := rcv) END AS remove",
        K_REMOVE);
    return PLI_OK;
}

static void add_state(pli__buf *sql) {
    pli__buf_addf(
        sql,
        "CASE WHEN kind = %d THEN struct_pack(appId := path, version := size, lastUpdated := time) END AS txn, "
        "CASE WHEN kind = %d THEN json_transform(stats, '{\"id\":\"VARCHAR\",\"name\":\"VARCHAR\",\"description\":\"VARCHAR\","
        "\"format\":{\"provider\":\"VARCHAR\",\"options\":\"" MAP_TYPE
        "\"},\"schemaString\":\"VARCHAR\",\"partitionColumns\":[\"VARCHAR\"],"
        "\"configuration\":\"" MAP_TYPE "\",\"createdTime\":\"BIGINT\"}') END AS metaData, "
        "CASE WHEN kind = %d THEN json_transform(stats, '{\"minReaderVersion\":\"INTEGER\",\"minWriterVersion\":\"INTEGER\","
        "\"readerFeatures\":[\"VARCHAR\"],\"writerFeatures\":[\"VARCHAR\"]}') END AS protocol, "
        "CASE WHEN kind = %d THEN struct_pack(domain := path, configuration := stats, removed := false) END AS domainMetadata, ",
        K_TXN, K_METADATA, K_PROTOCOL, K_DOMAIN);
}

static void add_manifest(pli__buf *sql) {
    pli__buf_addf(sql,
                  ", CASE WHEN kind = %d THEN struct_pack(\"version\" := size, tags := NULL::" MAP_TYPE
                  ") END AS checkpointMetadata, "
                  "CASE WHEN kind = %d THEN struct_pack(path := path, sizeInBytes := size, modificationTime := time, "
                  "tags := NULL::" MAP_TYPE ") END AS sidecar",
                  K_CHECKPOINT, K_SIDECAR);
}

static pli_status add_select(const pli__checkpoint_rows *r, const char *source, pli__buf *sql, pli_error *err) {
    pli__buf_addz(sql, "SELECT ");
    if (r->form != PLI__ROWS_SIDECAR) add_state(sql);
    PLI_TRY(add_files(r->snapshot, sql, err));
    if (r->form == PLI__ROWS_MANIFEST) add_manifest(sql);
    pli__buf_addf(sql, " FROM %s", source);
    return pli__buf_status(sql, err);
}

pli_status pli__checkpoint_rows_schema(const pli__checkpoint_rows *r, pli__engine *e, const pli__type **out,
                                       pli_error *err) {
    static const char *const types[] = {
        [PLI__FEED_I64] = "BIGINT", [PLI__FEED_STR] = "VARCHAR", [PLI__FEED_LIST] = "VARCHAR[]"};
    PLI_AUTO(pli__buf_clear) pli__buf source = {0}, sql = {0};
    pli__buf_addz(&source, "(SELECT ");
    for (size_t i = 0; i < N_COLUMNS; i++)
        pli__buf_addf(&source, "%sNULL::%s AS \"%s\"", i ? ", " : "", types[columns[i].kind], columns[i].name);
    pli__buf_addz(&source, ")");
    PLI_TRY(pli__buf_status(&source, err));
    PLI_TRY(add_select(r, source.ptr, &sql, err));
    return pli__engine_describe(e, sql.ptr, out, err);
}

/* ---- the copy ---- */

static pli_status copy_rows(pli__checkpoint_rows *r, pli__engine *e, const char *sql, pli__written_fn *fn, void *arg,
                            pli_error *err) {
    PLI_AUTO(pli__row_feed_auto) pli__row_feed *feed = NULL;
    struct ArrowArrayStream stream;
    PLI_TRY(pli__row_feed_start(columns, N_COLUMNS, produce, r, &feed, err));
    pli__row_feed_stream(feed, &stream);
    pli_status s = pli__engine_register_arrow(e, STREAM, &stream, err);
    if (s == PLI_OK) {
        s = pli__engine_copy(e, sql, fn, arg, err);
        const pli_status u = pli__engine_unregister(e, STREAM, s == PLI_OK ? err : NULL);
        if (s == PLI_OK) s = u;
    }
    /* the producer's own error says more than the engine's "stream failed" */
    pli_error cause = {0};
    const pli_status produced = pli__row_feed_finish(&feed, &cause);
    pli__buf_clear(&r->exact);
    if (produced != PLI_OK && err) *err = cause;
    return produced != PLI_OK ? produced : s;
}

/* One thread makes the rows, so one is enough to write them and to read the checkpoint before: each further one holds a row
 * group of its own and waits. */
pli_status pli__checkpoint_rows_copy(pli__checkpoint_rows *r, pli__engine *e, const char *path, const char *options,
                                     pli__written_fn *fn, void *arg, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
    char restore[48];
    int64_t threads;
    pli__buf_addz(&sql, "COPY (");
    PLI_TRY(add_select(r, STREAM, &sql, err));
    pli__buf_addz(&sql, ") TO ");
    pli__buf_add_sql_str(&sql, pli__str_of(path));
    pli__buf_addf(&sql, " (FORMAT parquet, COMPRESSION snappy, ROW_GROUP_SIZE 32768, RETURN_STATS%s)", options);
    PLI_TRY(pli__buf_status(&sql, err));
    r->parsed = pli__checkpoint_wants_parsed(r->snapshot);
    PLI_TRY(pli__engine_query_i64(e, "SELECT current_setting('threads')::BIGINT", &threads, err));
    if (threads == 1) return copy_rows(r, e, sql.ptr, fn, arg, err);
    snprintf(restore, sizeof restore, "SET threads = %lld", (long long)threads);
    PLI_TRY(pli__engine_exec(e, "SET threads = 1", NULL, err));
    const pli_status s = copy_rows(r, e, sql.ptr, fn, arg, err);
    (void)pli__engine_exec(e, restore, NULL, NULL);
    return s;
}
