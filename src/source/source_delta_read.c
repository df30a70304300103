/*
 * Rows of an offset: its files are looked up in the log again, for their partition values and deletion vectors, and read with
 * the schema of the version that brought them, so that it does not matter how versions were cut into batches.
 */
#include "source/source_delta_read.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/json.h"

/* ---- groups ---- */

void delta_groups_free(void *groups) {
    delta_groups *g = groups;
    for (size_t i = 0; g && i < g->n; i++) {
        pli__file_relation_free(g->items[i].rows);
        pli__changes_free(g->items[i].changes);
        pli__mapping_free(g->items[i].mapping);
        pli__snapshot_unref(g->items[i].snapshot);
    }
    if (g) free(g->items);
    free(g);
}

static void read_clear(delta_read *r) {
    for (size_t i = 0; i < r->n_sets; i++) pli__rows_free(r->sets[i]);
    free(r->sets);
    free(r->inputs);
    json_decref(r->gaps);
    delta_groups_free(r->groups);
}

static pli_status grow(void **items, size_t n, size_t *cap, size_t size, pli_error *err) {
    if (n < *cap) return PLI_OK;
    const size_t more = *cap ? *cap * 2 : 4;
    void *moved = realloc(*items, more * size);
    if (!moved) return pli__error_memory(err);
    *items = moved;
    *cap = more;
    return PLI_OK;
}

static bool same_partitions(const pli__metadata *a, const pli__metadata *b) {
    bool same = a->n_partition_columns == b->n_partition_columns;
    for (size_t i = 0; same && i < a->n_partition_columns; i++)
        same = pli__str_eq(a->partition_columns[i], b->partition_columns[i]);
    return same;
}

bool pli__delta_same_schema(const pli__snapshot *a, const pli__snapshot *b) {
    static const char mode[] = "delta.columnMapping.mode";
    const pli__metadata *x = pli__snapshot_metadata(a), *y = pli__snapshot_metadata(b);
    return pli__str_eq(x->schema_string, y->schema_string) && same_partitions(x, y) &&
           pli__str_eq(pli__snapshot_property(a, mode), pli__snapshot_property(b, mode));
}

/* The state of a version; of the batch's last version where the log has forgotten the earlier one. */
static pli_status open_snapshot(const delta_read *r, int64_t version, pli__snapshot **out, pli_error *err) {
    const delta_groups *g = r->groups;
    pli_status status = PLI_E_NOT_FOUND;
    if (g->n && pli__snapshot_version(g->items[g->n - 1].snapshot) <= version)
        status = pli__snapshot_advance(g->items[g->n - 1].snapshot, version, out, err);
    else status = pli__snapshot_open(r->s->table, version, NULL, out, err);
    if ((status != PLI_E_NOT_FOUND && status != PLI_E_CORRUPT) || version >= r->version) return status;
    pli__error_clear(err);
    return pli__snapshot_open(r->s->table, r->version, NULL, out, err);
}

pli_status pli__delta_group_at(delta_read *r, int64_t version, bool feed, delta_group **out, pli_error *err) {
    delta_groups *g = r->groups;
    PLI_AUTO(pli__snapshot_auto) pli__snapshot *snapshot = NULL;
    PLI_TRY(open_snapshot(r, version, &snapshot, err));
    *out = g->n ? &g->items[g->n - 1] : NULL;
    if (*out && pli__delta_same_schema((*out)->snapshot, snapshot)) return PLI_OK;
    const pli__file_relation_options options = {.changes = feed, .with_path = true};
    PLI_TRY(grow((void **)&g->items, g->n, &g->cap, sizeof *g->items, err));
    *out = &g->items[g->n++];
    **out = (delta_group){.snapshot = PLI_TAKE(snapshot)};
    PLI_TRY(pli__mapping_open((*out)->snapshot, &(*out)->mapping, err));
    return pli__file_relation_new(r->s->table, (*out)->mapping, &options, &(*out)->rows, err);
}

pli_status pli__delta_group_add(delta_read *r, delta_group *g, const pli__file_relation_file *f, const pli__dv *dv,
                                pli_error *err) {
    if (!dv->storage) return pli__file_relation_add(g->rows, f, err);
    PLI_TRY(grow((void **)&r->sets, r->n_sets, &r->cap_sets, sizeof *r->sets, err));
    const pli_status status = pli__dv_read(pli__delta_root(r->s->table), dv, &r->sets[r->n_sets], err);
    if (status == PLI_E_NOT_FOUND)
        return pli__error_set(err, PLI_E_DATA_LOSS,
                              "the deletion vector of '%.*s' in '%s' is gone: was the table vacuumed?",
                              PLI_STR_ARG(f->log_path), pli__delta_root(r->s->table));
    PLI_TRY_IN(status, err, "file '%.*s'", PLI_STR_ARG(f->log_path));
    pli__file_relation_file filtered = *f;
    filtered.filter = PLI__ROWS_WITHOUT;
    filtered.rows = r->sets[r->n_sets++];
    return pli__file_relation_add(g->rows, &filtered, err);
}

/* ---- the inputs of an offset ---- */

static pli_status read_input(const json_t *offset, size_t i, delta_input *in, pli_error *err) {
    const json_t *entry = json_array_get(json_object_get(offset, "file_entries"), i);
    const json_t *path = json_array_get(json_object_get(offset, "files"), i);
    const json_t *version = entry ? json_object_get(entry, "commit_version")
                                  : json_array_get(json_object_get(offset, "file_versions"), i);
    in->path = json_string_value(path ? path : json_object_get(entry, "path"));
    in->version = json_is_integer(version) ? json_integer_value(version) : -1;
    if (!in->path) return pli__error_set(err, PLI_E_CORRUPT, "input %zu of the offset has no path", i + 1);
    return PLI_OK;
}

static pli_status read_inputs(delta_read *r, pli_error *err) {
    const json_t *files = json_object_get(r->offset, "files");
    r->n = json_array_size(files);
    if (r->n == 0) r->n = json_array_size(json_object_get(r->offset, "file_entries"));
    r->inputs = calloc(r->n ? r->n : 1, sizeof *r->inputs);
    if (!r->inputs) return pli__error_memory(err);
    for (size_t i = 0; i < r->n; i++) PLI_TRY(read_input(r->offset, i, &r->inputs[i], err));
    return PLI_OK;
}

/* ---- files that are gone ---- */

static pli_status note_gone(delta_read *r, const delta_input *in, pli_error *err) {
    if (!r->s->o.allow_data_loss) {
        pli__error_set(err, PLI_E_DATA_LOSS,
                       "'%s' is gone, and the batch up to version %" PRId64
                       " of '%s' needs it: was the table vacuumed?",
                       in->path, r->version, pli__delta_root(r->s->table));
        return pli__error_hint(err, "restore the file, or accept the gap with `fail_on_data_loss: false`");
    }
    pli__env_log(r->s->env, PLI_LOG_WARNING, "'%s' is gone and left out", in->path);
    json_t *gap = json_pack("{s:I, s:s, s:s}", "version", (json_int_t)(in->version < 0 ? r->version : in->version),
                            "file", in->path, "reason", "the file is gone");
    return json_array_append_new(r->gaps, gap) == 0 ? PLI_OK : pli__error_memory(err);
}

static pli_status find_gone(delta_read *r, pli_error *err) {
    const json_t *known = json_object_get(r->offset, "gaps");
    r->gaps = known ? json_copy((json_t *)(uintptr_t)known) : json_array();
    if (!r->gaps) return pli__error_memory(err);
    for (size_t i = 0; i < r->n; i++) {
        delta_input *in = &r->inputs[i];
        pli__file_info info;
        PLI_TRY(pli__fs_stat(in->path, &info, err));
        in->size = info.size;
        in->mtime_ns = info.mtime_ns;
        in->gone = info.kind == PLI__FILE_NONE;
        if (in->gone) PLI_TRY(note_gone(r, in, err));
    }
    return PLI_OK;
}

/* ---- parts ---- */

static pli_status part_schema(const delta_group *g, bool feed, pli__part *part, pli_error *err) {
    pli__type_builder b = {0};
    const pli__type *from = g->changes ? pli__changes_schema(g->changes) : g->mapping->schema;
    for (size_t i = 0; i < from->n_fields; i++)
        pli__type_builder_add(&b, pli__str_of(from->fields[i].name), pli__type_ref(from->fields[i].type), true, NULL);
    if (feed && !g->changes) {
        pli__type_builder_add(&b, PLI_STR("_change_type"), pli__type_new(PLI__TYPE_STRING), true, NULL);
        pli__type_builder_add(&b, PLI_STR("_commit_version"), pli__type_new(PLI__TYPE_I64), true, NULL);
        pli__type_builder_add(&b, PLI_STR("_commit_timestamp"), pli__type_new(PLI__TYPE_TIMESTAMP), true, NULL);
    }
    part->schema = pli__type_builder_finish(&b);
    return part->schema ? PLI_OK : pli__error_memory(err);
}

static pli_status part_sql(const delta_read *r, delta_group *g, pli__part *part, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
    if (!g->changes) {
        PLI_TRY(pli__file_relation_sql(g->rows, &sql, err));
    } else { /* a change row comes from the table as a whole */
        pli__buf_addz(&sql, "SELECT *, ");
        pli__buf_add_sql_str(&sql, pli__str_of(pli__delta_root(r->s->table)));
        pli__buf_addf(&sql, " AS _pli_path FROM (%s)", pli__changes_sql(g->changes));
    }
    PLI_TRY(pli__buf_status(&sql, err));
    part->sql = pli__buf_take(&sql);
    return PLI_OK;
}

static pli_status part_files(const delta_read *r, const delta_group *g, pli__part *part, pli_error *err) {
    part->files = calloc(g->n ? g->n : 1, sizeof *part->files);
    if (!part->files) return pli__error_memory(err);
    for (size_t i = g->first; i < g->first + g->n; i++) {
        const delta_input *in = &r->inputs[i];
        if (in->gone) continue;
        pli__input_file *f = &part->files[part->n_files++];
        *f = (pli__input_file){pli__strz_dup(in->path), in->size, in->mtime_ns, false};
        if (!f->path) return pli__error_memory(err);
    }
    return PLI_OK;
}

static pli_status make_relation(delta_read *r, bool feed, pli__relation **out, pli_error *err) {
    PLI_AUTO(pli__relation_auto) pli__relation *made = calloc(1, sizeof *made);
    if (!made) return pli__error_memory(err);
    made->parts = calloc(r->groups->n, sizeof *made->parts);
    if (!made->parts) return pli__error_memory(err);
    for (size_t i = 0; i < r->groups->n; i++) {
        pli__part *part = &made->parts[made->n_parts++];
        PLI_TRY(part_schema(&r->groups->items[i], feed, part, err));
        PLI_TRY(part_sql(r, &r->groups->items[i], part, err));
        PLI_TRY(part_files(r, &r->groups->items[i], part, err));
    }
    made->owned = PLI_TAKE(r->groups);
    made->free_owned = delta_groups_free;
    if (json_array_size(r->gaps)) made->gaps = PLI_TAKE(r->gaps);
    *out = PLI_TAKE(made);
    return PLI_OK;
}

static pli_status fill_groups(delta_read *r, bool feed, pli_error *err) {
    if (r->initial) PLI_TRY(pli__delta_read_snapshot(r, err));
    else if (feed) PLI_TRY(pli__delta_read_feed(r, err));
    else PLI_TRY(pli__delta_read_commits(r, err));
    delta_group *empty = NULL; /* nothing is left: no rows, of the right columns */
    return r->groups->n ? PLI_OK : pli__delta_group_at(r, r->version, feed, &empty, err);
}

pli_status pli__delta_relation(delta_source *s, const json_t *offset, pli__relation **out, pli_error *err) {
    PLI_AUTO(read_clear) delta_read r = {.s = s, .offset = offset, .groups = calloc(1, sizeof *r.groups)};
    const bool feed = json_is_array(json_object_get(offset, "file_entries"));
    if (!r.groups) return pli__error_memory(err);
    PLI_TRY(pli__json_get_i64(offset, "version", "the offset", true, &r.version, err));
    PLI_TRY(pli__json_get_bool(offset, "is_initial_snapshot", "the offset", true, &r.initial, err));
    PLI_TRY(read_inputs(&r, err));
    PLI_TRY(find_gone(&r, err));
    PLI_TRY_IN(fill_groups(&r, feed, err), err, "rows of '%s' up to version %" PRId64, pli__delta_root(s->table),
               r.version);
    return make_relation(&r, feed, out, err);
}
