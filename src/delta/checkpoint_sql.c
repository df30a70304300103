/* SQL over checkpoint files: what is projected, and rows of the result back into actions. */
#include "delta/checkpoint_sql.h"

void pli__log_checkpoint_sql_source(pli__buf *sql, const char *const *paths, size_t n) {
    pli__buf_addz(sql, "read_parquet([");
    for (size_t i = 0; i < n; i++) {
        if (i) pli__buf_addz(sql, ", ");
        pli__buf_add_sql_str(sql, pli__str_of(paths[i]));
    }
    pli__buf_addz(sql, "], hive_partitioning = false, binary_as_string = true)");
}

/* Type of a member of a struct, NULL if there is none. */
static const pli__type *member(const pli__type *t, const char *name) {
    if (!t || t->id != PLI__TYPE_STRUCT) return NULL;
    const int i = pli__type_find(t, pli__str_of(name), true);
    return i < 0 ? NULL : t->fields[i].type;
}

static const struct {
    const char *action, *key; /* a row holds the action if its key is not null */
} state_kinds[] = {{"protocol", "minReaderVersion"},
                   {"metaData", "id"},
                   {"txn", "appId"},
                   {"domainMetadata", "domain"},
                   {"sidecar", "path"}};

enum { STATE_KINDS = sizeof state_kinds / sizeof state_kinds[0] };

bool pli__log_checkpoint_sql_state_rows(pli__buf *sql, const pli__type *schema, const char *path) {
    bool any = false;
    pli__buf_addz(sql, "SELECT file_row_number FROM ");
    pli__log_checkpoint_sql_source(sql, &path, 1);
    for (size_t i = 0; i < STATE_KINDS; i++) {
        if (!member(member(schema, state_kinds[i].action), state_kinds[i].key)) continue;
        pli__buf_addf(sql, "%s%s.%s IS NOT NULL", any ? " OR " : " WHERE ", state_kinds[i].action, state_kinds[i].key);
        any = true;
    }
    return any;
}

void pli__log_checkpoint_sql_state(pli__buf *sql, const pli__type *schema, const char *path, const int64_t *rows,
                                   size_t n) {
    pli__buf_addz(sql, "SELECT CASE");
    for (size_t i = 0; i < STATE_KINDS; i++)
        if (member(member(schema, state_kinds[i].action), state_kinds[i].key))
            pli__buf_addf(sql, " WHEN %s.%s IS NOT NULL THEN '{\"%s\":' || to_json(%s) || '}'", state_kinds[i].action,
                          state_kinds[i].key, state_kinds[i].action, state_kinds[i].action);
    pli__buf_addz(sql, " END FROM ");
    pli__log_checkpoint_sql_source(sql, &path, 1);
    pli__buf_addz(sql, " WHERE file_row_number IN (");
    for (size_t i = 0; i < n; i++) pli__buf_addf(sql, "%s%lld", i ? ", " : "", (long long)rows[i]);
    pli__buf_addc(sql, ')');
}

/* ---- statistics in columns ---- */

/* A struct of bounds or counts with its leaves as text, so that decimals and times keep every digit in JSON. */
static void add_leaves(pli__buf *sql, const pli__type *t, pli__str prefix) {
    if (t->id != PLI__TYPE_STRUCT) {
        pli__buf_addz(sql, "CAST(");
        pli__buf_adds(sql, prefix);
        pli__buf_addz(sql, pli__type_is_integer(t) || t->id == PLI__TYPE_BOOLEAN ? " AS BIGINT)" : " AS VARCHAR)");
        return;
    }
    pli__buf_addz(sql, "struct_pack(");
    for (size_t i = 0; i < t->n_fields; i++) {
        PLI_AUTO(pli__buf_clear) pli__buf path = {0};
        pli__buf_adds(&path, prefix);
        pli__buf_addc(&path, '.');
        pli__buf_add_sql_name(&path, pli__str_of(t->fields[i].name));
        if (i) pli__buf_addz(sql, ", ");
        pli__buf_add_sql_name(sql, pli__str_of(t->fields[i].name));
        pli__buf_addz(sql, " := ");
        add_leaves(sql, t->fields[i].type, pli__buf_str(&path));
        if (path.failed) sql->failed = true;
    }
    pli__buf_addc(sql, ')');
}

static void add_stats(pli__buf *sql, const pli__type *add) {
    const pli__type *parsed = member(add, "stats_parsed");
    if (!parsed || parsed->id != PLI__TYPE_STRUCT || !parsed->n_fields) {
        pli__buf_addz(sql, member(add, "stats") ? "add.stats" : "CAST(NULL AS VARCHAR)");
        return;
    }
    pli__buf_addz(sql, member(add, "stats") ? "coalesce(add.stats, " : "coalesce(CAST(NULL AS VARCHAR), ");
    pli__buf_addz(sql, "CASE WHEN add.stats_parsed IS NOT NULL THEN CAST(to_json(");
    add_leaves(sql, parsed, PLI_STR("add.stats_parsed"));
    pli__buf_addz(sql, ") AS VARCHAR) END)");
}

/* ---- file actions ---- */

typedef struct {
    pli__buf *sql;
    const char *action;
    const pli__type *type;
    int n;
} projection;

static int next_column(projection *p) {
    if (p->n) pli__buf_addz(p->sql, ", ");
    return p->n++;
}

/* Projects action.field; -1 if the files lack it. */
static int project(projection *p, const char *field) {
    if (!member(p->type, field)) return -1;
    const int column = next_column(p);
    pli__buf_addf(p->sql, "%s.\"%s\"", p->action, field);
    return column;
}

static int project_json(projection *p, const char *field) {
    if (!member(p->type, field)) return -1;
    const int column = next_column(p);
    pli__buf_addf(p->sql, "CAST(to_json(%s.\"%s\") AS VARCHAR)", p->action, field);
    return column;
}

static int project_dv(projection *p, const char *field) {
    if (!member(member(p->type, "deletionVector"), field)) return -1;
    const int column = next_column(p);
    pli__buf_addf(p->sql, "%s.deletionVector.\"%s\"", p->action, field);
    return column;
}

static int project_stats(projection *p) {
    const int column = next_column(p);
    add_stats(p->sql, p->type);
    return column;
}

static void project_files(projection *p, bool removes, unsigned fields, pli__file_columns *c) {
    c->path = project(p, "path");
    c->size = project(p, "size");
    c->time = project(p, removes ? "deletionTimestamp" : "modificationTime");
    c->data_change = removes ? project(p, "dataChange") : -1;
    c->extended = removes ? project(p, "extendedFileMetadata") : -1;
    c->partition_values = fields & PLI__FILES_PARTITIONS ? project_json(p, "partitionValues") : -1;
    c->stats = fields & PLI__FILES_STATS && !removes ? project_stats(p) : -1;
    c->tags = fields & PLI__FILES_OTHER ? project_json(p, "tags") : -1;
    c->base_row_id = fields & PLI__FILES_OTHER ? project(p, "baseRowId") : -1;
    c->row_commit_version = fields & PLI__FILES_OTHER ? project(p, "defaultRowCommitVersion") : -1;
    c->clustering = fields & PLI__FILES_OTHER ? project(p, "clusteringProvider") : -1;
    c->dv_storage = project_dv(p, "storageType");
    c->dv_path = project_dv(p, "pathOrInlineDv");
    c->dv_offset = project_dv(p, "offset");
    c->dv_size = project_dv(p, "sizeInBytes");
    c->dv_cardinality = project_dv(p, "cardinality");
}

bool pli__log_checkpoint_sql_files(pli__buf *sql, const pli__type *schema, const char *const *paths, size_t n,
                                   bool removes, unsigned fields, pli__file_columns *columns) {
    projection p = {.sql = sql, .action = removes ? "remove" : "add"};
    p.type = member(schema, p.action);
    if (!member(p.type, "path")) return false;
    columns->removes = removes;
    pli__buf_addz(sql, "SELECT ");
    project_files(&p, removes, fields, columns);
    pli__buf_addz(sql, " FROM ");
    pli__log_checkpoint_sql_source(sql, paths, n);
    pli__buf_addf(sql, " WHERE %s.path IS NOT NULL", p.action);
    return true;
}

static pli__str text_at(const pli__chunk *c, size_t row, int column) {
    if (column < 0 || pli__chunk_is_null(c, (size_t)column, row)) return (pli__str){0};
    return pli__chunk_str(c, (size_t)column, row);
}

static int64_t number_at(const pli__chunk *c, size_t row, int column, int64_t absent) {
    return column < 0 || pli__chunk_is_null(c, (size_t)column, row) ? absent : pli__chunk_i64(c, (size_t)column, row);
}

/* The struct of a file without a deletion vector is null, or, from some writers, all of its members are. */
static pli__dv dv_at(const pli__chunk *c, size_t row, const pli__file_columns *k) {
    const pli__str storage = text_at(c, row, k->dv_storage);
    if (!storage.len) return (pli__dv){0};
    return (pli__dv){.storage = storage.ptr[0],
                     .path = text_at(c, row, k->dv_path),
                     .offset = number_at(c, row, k->dv_offset, -1),
                     .size = number_at(c, row, k->dv_size, 0),
                     .cardinality = number_at(c, row, k->dv_cardinality, 0)};
}

pli_status pli__log_checkpoint_sql_row(const pli__chunk *c, size_t row, const pli__file_columns *k,
                                       pli__action_reader *reader, pli__action *out, pli_error *err) {
    size_t n_values = 0;
    const pli__kv *values = NULL;
    if (k->partition_values >= 0)
        PLI_TRY(pli__action_read_map(reader, text_at(c, row, k->partition_values), "partitionValues", &values,
                                     &n_values, err));
    const pli__str path = text_at(c, row, k->path), tags = text_at(c, row, k->tags);
    const int64_t row_id = number_at(c, row, k->base_row_id, PLI__NO_ID);
    const int64_t row_version = number_at(c, row, k->row_commit_version, PLI__NO_ID);
    if (k->removes) {
        out->kind = PLI__ACTION_REMOVE;
        out->remove = (pli__remove){.path = path,
                                    .deletion_timestamp = number_at(c, row, k->time, -1),
                                    .data_change = number_at(c, row, k->data_change, 1) != 0,
                                    .extended_file_metadata = number_at(c, row, k->extended, 0) != 0,
                                    .n_partition_values = n_values,
                                    .partition_values = values,
                                    .size = number_at(c, row, k->size, -1),
                                    .dv = dv_at(c, row, k),
                                    .base_row_id = row_id,
                                    .default_row_commit_version = row_version,
                                    .tags = tags};
        return PLI_OK;
    }
    out->kind = PLI__ACTION_ADD;
    out->add = (pli__add){.path = path,
                          .n_partition_values = n_values,
                          .partition_values = values,
                          .size = number_at(c, row, k->size, 0),
                          .modification_time = number_at(c, row, k->time, 0),
                          .data_change = false,
                          .stats = text_at(c, row, k->stats),
                          .tags = tags,
                          .dv = dv_at(c, row, k),
                          .base_row_id = row_id,
                          .default_row_commit_version = row_version,
                          .clustering_provider = text_at(c, row, k->clustering)};
    return PLI_OK;
}
