/* An offset in the making: files until a limit is reached, and the position that it ends at. */
#include "base/json.h"
#include "source/source_delta_impl.h"

pli_status pli__delta_offset_init(delta_offset *o, delta_source *s, bool counts_only, pli_error *err) {
    *o = (delta_offset){.s = s, .counts_only = counts_only, .files = json_array()};
    if (s->o.read_change_feed) {
        o->entries = json_array();
    } else {
        o->infos = json_array();
        o->versions = json_array();
    }
    const bool ok = o->files && (s->o.read_change_feed ? o->entries != NULL : o->infos && o->versions);
    return ok ? PLI_OK : pli__error_memory(err);
}

void pli__delta_offset_clear(delta_offset *o) {
    json_decref(o->files);
    json_decref(o->infos);
    json_decref(o->versions);
    json_decref(o->entries);
    json_decref(o->gaps);
    *o = (delta_offset){0};
}

void pli__delta_offset_move(delta_offset *o, int64_t version, int64_t index, bool complete) {
    o->moved = true;
    o->version = version;
    o->index = index;
    o->complete = complete;
}

bool pli__delta_offset_is_full(const delta_offset *o, int64_t files, int64_t bytes) {
    const pli__delta_options *l = &o->s->o;
    if (o->n == 0 || o->counts_only) return false;
    return (l->max_files > 0 && o->n + files > l->max_files) ||
           (l->max_bytes > 0 && bytes > 0 && o->bytes > l->max_bytes - bytes);
}

static pli_status append(json_t *list, json_t *take_item, pli_error *err) {
    return json_array_append_new(list, take_item) == 0 ? PLI_OK : pli__error_memory(err);
}

pli_status pli__delta_local_path(const delta_source *s, pli__str log_path, pli__buf *out, pli_error *err) {
    PLI_TRY(pli__delta_file_path(s->table, log_path, out, err));
    const char *root = pli__delta_root(s->table);
    if (pli__path_inside(out->ptr, root) && !strstr(out->ptr, "/../")) return PLI_OK; /* the root is resolved */
    PLI_AUTO(pli__free_ptr) char *path = NULL;
    PLI_TRY(pli__fs_abs_path(out->ptr, &path, err));
    pli__buf_reset(out);
    pli__buf_addz(out, path);
    return pli__buf_status(out, err);
}

static json_t *entry_of(const char *path, const delta_file *f, int64_t version, const char *change_type,
                        int64_t time_ms) {
    json_t *time = time_ms == PLI__DELTA_NO_TIME ? json_null() : json_integer(time_ms);
    return json_pack("{s:s, s:I, s:o, s:s?, s:I}", "path", path, "commit_version", (json_int_t)version,
                     "commit_timestamp", time, "change_type", change_type, "size", (json_int_t)f->size);
}

pli_status pli__delta_offset_add(delta_offset *o, const delta_file *f, int64_t version, const char *change_type,
                                 int64_t time_ms, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf path = {0};
    o->n++;
    o->bytes += f->size;
    if (o->counts_only) return PLI_OK;
    PLI_TRY(pli__delta_local_path(o->s, f->path, &path, err));
    PLI_TRY(append(o->files, json_stringn(path.ptr, path.len), err));
    if (o->entries) return append(o->entries, entry_of(path.ptr, f, version, change_type, time_ms), err);
    PLI_TRY(append(o->infos, json_pack("[I, I]", (json_int_t)f->size, (json_int_t)f->mtime_ns), err));
    return append(o->versions, json_integer(version), err);
}

pli_status pli__delta_offset_gap(delta_offset *o, int64_t from, int64_t to, const char *reason, pli_error *err) {
    if (o->counts_only) return PLI_OK;
    if (!o->gaps) o->gaps = json_array();
    if (!o->gaps) return pli__error_memory(err);
    pli__env_log(o->s->env, PLI_LOG_WARNING, "versions %lld to %lld of '%s' are passed over: %s", (long long)from,
                 (long long)to, pli__delta_root(o->s->table), reason);
    return append(
        o->gaps,
        json_pack("{s:I, s:I, s:s}", "from_version", (json_int_t)from, "to_version", (json_int_t)to, "reason", reason),
        err);
}

static pli_status set_new(json_t *to, const char *key, json_t *take_value, pli_error *err) {
    return take_value && json_object_set_new(to, key, take_value) == 0 ? PLI_OK : pli__error_memory(err);
}

static pli_status add_lists(const delta_offset *o, json_t *to, pli_error *err) {
    const struct {
        const char *key;
        json_t *list;
    } lists[] = {{"files", o->files},
                 {"file_info", o->infos},
                 {"file_versions", o->versions},
                 {"file_entries", o->entries},
                 {"gaps", o->gaps}};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        if (lists[i].list) PLI_TRY(set_new(to, lists[i].key, json_incref(lists[i].list), err));
    return PLI_OK;
}

pli_status pli__delta_offset_finish(delta_offset *o, json_t **out, pli_error *err) {
    char sha256[65];
    if (!o->moved) return PLI_OK;
    PLI_AUTO(pli__json_unref) json_t *offset = json_object();
    if (!offset) return pli__error_memory(err);
    PLI_TRY(add_lists(o, offset, err));
    PLI_TRY(set_new(offset, "table_id", o->s->id ? json_string(o->s->id) : json_null(), err));
    PLI_TRY(set_new(offset, "version", json_integer(o->version), err));
    PLI_TRY(set_new(offset, "index", json_integer(o->index), err));
    PLI_TRY(set_new(offset, "is_initial_snapshot", json_boolean(o->initial), err));
    PLI_TRY(set_new(offset, "complete", json_boolean(o->complete), err));
    if (o->feed != DELTA_FEED_UNKNOWN)
        PLI_TRY(set_new(offset, "change_feed", json_boolean(o->feed == DELTA_FEED_ON), err));
    PLI_TRY(pli__delta_commit_sha256(o->s->table, o->version, sha256, err));
    if (*sha256) PLI_TRY(set_new(offset, "commit_sha256", json_string(sha256), err));
    *out = PLI_TAKE(offset);
    return PLI_OK;
}
