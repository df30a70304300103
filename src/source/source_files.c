/* The files source as the run sees it: plan, relation, recheck, committed, backlog. */
#include "source/source_files.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/json.h"
#include "checkpoint/index_sync.h"
#include "checkpoint/seen.h"
#include "source/source_files_impl.h"

#define MEASURE_MAX 100000 /* waiting files whose sizes a backlog adds up */

static const pli__source_ops files_ops;

static files_source *self_of(pli__source *s) { return (files_source *)(void *)s; }

/* ---- a plan ---- */

static void plan_clear(files_plan *p) {
    if (pli__index_in_transaction(p->x)) pli__index_rollback(p->x);
    if (p->dry) pli__index_close(p->x);
    free(p->root);
}

/* The index stays open between plans of one checkpoint. */
static pli_status use_index(files_source *s, pli__checkpoint *cp, pli__index **out, pli_error *err) {
    if (s->index && s->cp == cp) {
        PLI_TRY(pli__index_sync(s->index, cp, NULL, err));
    } else {
        pli__index_close(PLI_TAKE(s->index));
        PLI_TRY(pli__index_open_for(cp, false, &s->index, err));
        s->cp = cp;
    }
    *out = s->index;
    return PLI_OK;
}

static pli_status plan_begin(files_source *s, pli__checkpoint *cp, bool dry, files_plan *p, pli_error *err) {
    *p = (files_plan){
        .s = s, .cp = cp, .dry = dry, .now_us = pli__clock_now_us(pli__checkpoint_clock(cp)), .newest_ns = INT64_MIN};
    if (dry) PLI_TRY(pli__index_open_for(cp, true, &p->x, err));
    else PLI_TRY(use_index(s, cp, &p->x, err));
    s->settled_us = 0;
    if (!s->since_us) s->since_us = p->now_us;
    return pli__files_resolve_root(p, err);
}

/* Everything up to the queue: what is new is in it, what may be taken by now is back in it. */
static pli_status fill_queue(files_plan *p, pli_error *err) {
    PLI_TRY(pli__files_start(p, err));
    files_source *s = p->s;
    bool again = !s->bounded || !s->discovered;
    if (!again) PLI_TRY(pli__files_must_discover(p, &again, err)); /* the index was made anew meanwhile */
    if (again) PLI_TRY(pli__files_discover(p, err));
    if (!p->dry) s->discovered = true;
    PLI_TRY(pli__files_horizon(p, err));
    return pli__files_recheck_held(p, err);
}

static pli_status plan_into(files_plan *p, json_t **offset, pli_error *err) {
    PLI_TRY(fill_queue(p, err));
    PLI_AUTO(pli__json_unref) json_t *next = NULL;
    PLI_TRY(pli__files_take(p, &next, err));
    PLI_TRY(pli__files_end(p, err));
    *offset = PLI_TAKE(next);
    return PLI_OK;
}

static pli_status plan_once(files_source *s, pli__checkpoint *cp, bool dry, json_t **offset, pli_error *err) {
    PLI_AUTO(plan_clear) files_plan p;
    PLI_TRY(plan_begin(s, cp, dry, &p, err));
    return plan_into(&p, offset, err);
}

static pli_status files_plan_op(pli__source *base, pli__checkpoint *cp, json_t **offset, pli_error *err) {
    files_source *s = self_of(base);
    pli_error why = {0};
    pli_status status = plan_once(s, cp, false, offset, &why);
    if (status == PLI_E_CORRUPT && why.native_code != 0) { /* the index, not a record: it is made anew */
        pli__index_close(PLI_TAKE(s->index));
        PLI_TRY(pli__index_delete(cp, err));
        return plan_once(s, cp, false, offset, err);
    }
    if (err && status != PLI_OK) *err = why;
    return status;
}

pli_status pli__source_files_preview(pli__source *s, pli__checkpoint *cp, json_t **offset, pli_error *err) {
    *offset = NULL;
    return plan_once(self_of(s), cp, true, offset, err);
}

int64_t pli__source_files_settled(const pli__source *s) { return ((const files_source *)(const void *)s)->settled_us; }

static pli_status files_bound(pli__source *base, pli__checkpoint *cp, bool on, pli_error *err) {
    (void)cp;
    (void)err;
    files_source *s = self_of(base);
    s->bounded = on;
    s->discovered = false;
    s->since_us = 0;
    return PLI_OK;
}

static const char *files_watch_path(const pli__source *base) {
    return ((const files_source *)(const void *)base)->fixed;
}

/* ---- backlog ---- */

static pli_status count_backlog(files_plan *p, json_t *into, pli_error *err) {
    PLI_TRY(fill_queue(p, err));
    int64_t files = 0, bytes = 0, held = 0;
    bool all = true;
    PLI_TRY(pli__files_measure(p, MEASURE_MAX, &files, &bytes, &all, err));
    PLI_TRY(pli__index_count(p->x, PLI__INDEX_HELD, &held, err));
    bool ok = json_object_set_new(into, "filesWaiting", json_integer(files)) == 0 &&
              json_object_set_new(into, "bytesWaiting", all ? json_integer(bytes) : json_null()) == 0 &&
              json_object_set_new(into, "filesHeld", json_integer(held)) == 0;
    return ok ? PLI_OK : pli__error_memory(err);
}

static pli_status files_backlog(pli__source *base, pli__checkpoint *cp, json_t *into, pli_error *err) {
    files_source *s = self_of(base);
    bool bounded = s->bounded;
    s->bounded = false;
    PLI_AUTO(plan_clear) files_plan p;
    pli_status status = plan_begin(s, cp, true, &p, err);
    if (status == PLI_OK) status = count_backlog(&p, into, err);
    s->bounded = bounded;
    return status;
}

/* ---- a batch ---- */

typedef struct file_list {
    pli__input_file *items;
    size_t n, cap;
} file_list;

static void list_clear(file_list *l) {
    for (size_t i = 0; i < l->n; i++) free(l->items[i].path);
    free(l->items);
}

static pli_status list_add(void *arg, const pli__seen_file *f, pli_error *err) {
    file_list *l = arg;
    if (l->n == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 64;
        pli__input_file *items = realloc(l->items, cap * sizeof *items);
        if (!items) return pli__error_memory(err);
        l->items = items;
        l->cap = cap;
    }
    char *path = pli__str_dup(f->path);
    if (!path) return pli__error_memory(err);
    l->items[l->n++] = (pli__input_file){path, f->size, f->mtime_ns, false};
    return PLI_OK;
}

static pli_status list_of(const json_t *offset, file_list *out, pli_error *err) {
    PLI_TRY(pli__offset_files(offset, list_add, out, err));
    size_t i;
    json_t *at;
    json_array_foreach(json_object_get(offset, "overwritten"), i, at) {
        json_int_t k = json_integer_value(at);
        if (k >= 0 && (size_t)k < out->n) out->items[k].changed = true;
    }
    return PLI_OK;
}

/* Inputs that the checkpoint has promised to read must still be there. */
static pli_status check_present(const file_list *l, pli_error *err) {
    for (size_t i = 0; i < l->n; i++) {
        pli__file_info info = {0};
        PLI_TRY(pli__fs_stat(l->items[i].path, &info, err));
        if (info.kind != PLI__FILE_NONE) continue;
        pli__error_set(err, PLI_E_DATA_LOSS, "the planned input '%s' is gone", l->items[i].path);
        return pli__error_hint(err, "restore the file, or go on without it by `on_missing_file: skip`"),
               PLI_E_DATA_LOSS;
    }
    return PLI_OK;
}

static pli_status files_relation(pli__source *base, const json_t *offset, pli__relation **out, pli_error *err) {
    files_source *s = self_of(base);
    PLI_AUTO(list_clear) file_list l = {0};
    PLI_TRY(list_of(offset, &l, err));
    PLI_TRY(check_present(&l, err));
    pli__format_options options = s->o.read;
    if (s->sample_all) options.sample_rows = options.sample_files = INT64_MAX;
    const pli__read read = {.env = s->env,
                            .options = &options,
                            .known = s->known,
                            .relearn = s->sample_all,
                            .n_partition_columns = s->o.n_partition_columns,
                            .partition_columns = s->o.partition_columns,
                            .root = s->fixed};
    return s->o.ordered ? pli__format_read_ordered(&read, s->format, l.n, l.items, out, err)
                        : pli__format_read(&read, s->format, l.n, l.items, out, err);
}

static pli_status recheck_file(void *arg, const pli__seen_file *f, pli_error *err) {
    (void)arg;
    PLI_AUTO(pli__free_ptr) char *path = pli__str_dup(f->path);
    if (!path) return pli__error_memory(err);
    pli__file_info info = {0};
    PLI_TRY(pli__fs_stat(path, &info, err));
    if (info.kind == PLI__FILE_NONE)
        pli__error_set(err, PLI_E_FILE_CHANGED, "the input '%s' was removed after it was planned", path);
    else if (f->size == INT64_MIN || (info.size == f->size && info.mtime_ns == f->mtime_ns)) return PLI_OK;
    else
        pli__error_set(err, PLI_E_FILE_CHANGED,
                       "the input '%s' changed after it was planned: %" PRId64 " bytes then, %" PRId64 " now", path,
                       f->size, info.size);
    pli__error_flag(err, PLI_ERR_RETRIABLE);
    return PLI_E_FILE_CHANGED;
}

static pli_status files_recheck(pli__source *base, const json_t *offset, pli_error *err) {
    (void)base;
    return pli__offset_files(offset, recheck_file, NULL, err);
}

static pli_status files_committed(pli__source *base, pli__checkpoint *cp, int64_t batch_id, const json_t *offset,
                                  pli_error *err) {
    files_source *s = self_of(base);
    if (s->index && s->cp == cp) PLI_TRY(pli__index_take_offset(s->index, cp, batch_id, offset, err));
    return s->o.clean == PLI__CLEAN_OFF ? PLI_OK : pli__files_clean(s, cp, batch_id, err);
}

static void files_set_known(pli__source *base, const pli__type *known) {
    files_source *s = self_of(base);
    pli__type_unref(s->known);
    s->known = known ? pli__type_ref(known) : NULL;
}

static void files_sample_all(pli__source *base, bool on) { self_of(base)->sample_all = on; }

/* ---- making it ---- */

static void files_free(pli__source *base) {
    files_source *s = self_of(base);
    pli__index_close(s->index);
    pli__glob_free(s->glob);
    pli__type_unref(s->known);
    json_decref((json_t *)(uintptr_t)s->o.read.options);
    pli__arena_clear(&s->arena);
    free(s);
}

static const pli__source_ops files_ops = {.version = 1,
                                          .kind = "files",
                                          .plan = files_plan_op,
                                          .relation = files_relation,
                                          .recheck = files_recheck,
                                          .committed = files_committed,
                                          .backlog = files_backlog,
                                          .free = files_free,
                                          .bound = files_bound,
                                          .watch_path = files_watch_path,
                                          .set_known = files_set_known,
                                          .sample_all = files_sample_all,
                                          .preview = pli__source_files_preview,
                                          .ready_at = pli__source_files_settled};

static void files_auto(files_source **s) {
    if (*s) files_free(&(*s)->base);
}

static const char *copy(files_source *s, const char *z) {
    return z ? pli__arena_strdup(&s->arena, pli__str_of(z)) : NULL;
}

static const char *const *copy_list(files_source *s, const char *const *items, size_t n, size_t extra) {
    const char **out = pli__arena_calloc(&s->arena, n + extra, sizeof *out);
    for (size_t i = 0; out && i < n; i++) out[i] = copy(s, items[i]);
    return out;
}

static pli_status check(const pli__files_options *o, pli_error *err) {
    if (!o->path || !*o->path) return pli__error_set(err, PLI_E_ARGUMENT, "a files source needs a path");
    if (o->max_files < 0 || o->max_bytes < 0)
        return pli__error_set(err, PLI_E_ARGUMENT, "the limits of files and bytes per batch must be at least 1");
    if (o->settle_us < 0 || o->max_age_us < 0 || o->clean_after_us < 0 || o->full_scan_interval_us < 0)
        return pli__error_set(err, PLI_E_ARGUMENT, "a duration must not be negative");
    if (o->read.sample_rows < 0 || o->read.sample_files < 0)
        return pli__error_set(err, PLI_E_ARGUMENT, "the sample of inference must not be negative");
    return PLI_OK;
}

static pli_status resolve_format(files_source *s, pli_error *err) {
    const char *name = s->o.format;
    if (name && !pli__str_ieqz(pli__str_of(name), "auto")) {
        s->format = pli__format_of_name(name);
        if (!s->format) return pli__error_set(err, PLI_E_UNSUPPORTED, "unknown file format '%s'", name);
    }
    return pli__format_check_options(s->format, s->o.read.options, err);
}

/* The user's spelling of a format names its files: "jsonl" means *.jsonl. */
static const char *default_pattern(files_source *s) {
    if (!s->format || s->format->id == PLI__FORMAT_TEXT || s->format->id == PLI__FORMAT_BINARY) return "*";
    bool alias = pli__str_ieqz(pli__str_of(s->o.format), "jsonl") || pli__str_ieqz(pli__str_of(s->o.format), "xls");
    PLI_AUTO(pli__buf_clear) pli__buf b = {0};
    pli__buf_addf(&b, "*.%s", alias ? s->o.format : s->format->extension);
    for (size_t i = 0; i < b.len; i++)
        if (b.ptr[i] >= 'A' && b.ptr[i] <= 'Z') b.ptr[i] = (char)(b.ptr[i] + 32);
    return b.ptr ? pli__arena_strdup(&s->arena, pli__buf_str(&b)) : NULL;
}

/* "data/in/x*.csv" is the folder "data/in" with the pattern "x*.csv". */
static pli_status split_path(files_source *s, pli_error *err) {
    pli__str path = pli__str_of(s->o.path);
    size_t fixed = pli__glob_fixed_prefix(path);
    bool magic = !s->o.literal_path && fixed < path.len && pli__glob_has_magic(path);
    if (!magic) {
        s->fixed = pli__arena_strdup(&s->arena, path);
        s->pattern = pli__arena_strdup(&s->arena, pli__str_of(s->o.pattern ? s->o.pattern : default_pattern(s)));
    } else {
        if (s->o.pattern)
            return pli__error_set(err, PLI_E_ARGUMENT, "the path '%s' is a glob: it cannot have a pattern too",
                                  s->o.path);
        size_t rest = fixed == 0 ? 0 : path.ptr[fixed] == '/' ? fixed + 1 : fixed;
        s->fixed = fixed ? pli__arena_strdup(&s->arena, (pli__str){path.ptr, fixed})
                         : pli__arena_strdup(&s->arena, PLI_STR("."));
        s->pattern = pli__arena_strdup(&s->arena, (pli__str){path.ptr + rest, path.len - rest});
    }
    PLI_TRY(pli__arena_status(&s->arena, err));
    s->by_format = !magic && !s->o.pattern && s->o.any_suffix && s->format && strcmp(s->pattern, "*") != 0;
    if (s->by_format) s->pattern[1] = '\0'; /* "*" */
    if (s->pattern[0] == '*' && !pli__glob_has_magic(pli__str_of(s->pattern + 1)) && !strchr(s->pattern, '/'))
        s->suffix = s->pattern + 1;
    return pli__glob_compile(s->pattern, s->o.recursive, &s->glob, err);
}

/* Folders that are never looked into, absolute; the archive is one of them. */
static pli_status resolve_never(files_source *s, const pli__files_options *o, pli_error *err) {
    bool archive = o->clean == PLI__CLEAN_ARCHIVE;
    const char **never = pli__arena_calloc(&s->arena, o->n_never + 1, sizeof *never);
    if (!never) return pli__error_memory(err);
    s->o.never = never;
    s->o.n_never = 0;
    PLI_AUTO(pli__buf_clear) pli__buf dir = {0};
    if (archive && !o->archive_dir) pli__buf_addf(&dir, "%s/_archive", s->fixed);
    if (archive && o->archive_dir) pli__buf_addz(&dir, o->archive_dir);
    PLI_TRY(pli__buf_status(&dir, err));
    for (size_t i = 0; i < o->n_never + archive; i++) {
        PLI_AUTO(pli__free_ptr) char *abs = NULL;
        PLI_TRY(pli__fs_abs_path(i < o->n_never ? o->never[i] : dir.ptr, &abs, err));
        never[s->o.n_never++] = pli__arena_strdup(&s->arena, pli__str_of(abs));
    }
    if (!archive) return pli__arena_status(&s->arena, err);
    PLI_AUTO(pli__free_ptr) char *source = NULL;
    PLI_TRY(pli__fs_abs_path(s->fixed, &source, err));
    s->o.archive_dir = never[s->o.n_never - 1];
    PLI_TRY(pli__arena_status(&s->arena, err));
    if (strcmp(source, s->o.archive_dir) == 0)
        return pli__error_set(err, PLI_E_ARGUMENT, "the archive folder must not be the source folder '%s'", source);
    return PLI_OK;
}

static pli_status copy_options(files_source *s, const pli__files_options *o, pli_error *err) {
    s->o = *o;
    s->o.path = copy(s, o->path);
    s->o.format = copy(s, o->format);
    s->o.pattern = copy(s, o->pattern);
    s->o.start_offset = copy(s, o->start_offset);
    s->o.start_timestamp = copy(s, o->start_timestamp);
    s->o.exclude = copy_list(s, o->exclude, o->n_exclude, 0);
    s->o.partition_columns = copy_list(s, o->partition_columns, o->n_partition_columns, 0);
    s->o.read.options = o->read.options ? json_deep_copy(o->read.options) : NULL;
    if (o->read.options && !s->o.read.options) return pli__error_memory(err);
    return pli__arena_status(&s->arena, err);
}

pli_status pli__source_files_new(pli_env *env, const pli__files_options *options, pli__source **out, pli_error *err) {
    *out = NULL;
    PLI_TRY(check(options, err));
    PLI_AUTO(files_auto) files_source *s = calloc(1, sizeof *s);
    if (!s) return pli__error_memory(err);
    s->base.ops = &files_ops;
    s->env = env;
    PLI_TRY(copy_options(s, options, err));
    PLI_TRY(resolve_format(s, err));
    PLI_TRY(split_path(s, err));
    PLI_TRY(resolve_never(s, options, err));
    *out = &PLI_TAKE(s)->base;
    return PLI_OK;
}

const char *pli__source_files_format(const pli__source *s) {
    const files_source *f = (const files_source *)(const void *)s;
    return f->format ? f->format->name : NULL;
}
