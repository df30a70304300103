/*
 * Discovery: which files are there that the index does not know? A folder whose mark is unchanged is not listed; of a
 * changed one the names are compared with the index's, a bounded number at a time, and only what is new is written down.
 *
 * A mark is believed only if the folder's ctime was older than the clock's tick when it was taken, and a folder that
 * holds symbolic links has none: what they lead to changes without it.
 */
#include <stdlib.h>
#include <time.h>

#include "port/walk.h"
#include "source/source_files_impl.h"
#include "source/source_files_names.h"

#define ROWS_PER_TRANSACTION 200000
#define TICK_NS 20000000LL              /* a file system's clock moves at least this often … */
#define COARSE_TICK_NS 2000000000LL     /* … or this, where it keeps whole seconds */

typedef struct discovery {
    files_plan *p;
    bool force;     /* list every folder */
    bool stat_new;  /* sizes and times are needed before files are taken */
    bool compare;   /* files that the index has are looked at too: overwritten, the newest, of another time */
    int64_t newest_ns;
    int64_t now_ms;
    /* the folder that is being listed */
    int64_t folder; /* 0: the index does not know it yet */
    pli__index_folder row;
    bool in_index, linked;
    bool old_mark;  /* its mark may be believed */
    files_names names;
    pli__arena subs; /* names of its subfolders, each 0-terminated */
    char **sub;
    size_t n_subs, sub_cap;
} discovery;

static void discovery_clear(discovery *d) {
    pli__names_clear(&d->names);
    free(d->sub);
    pli__arena_clear(&d->subs);
}

/* ---- transactions ---- */

pli_status pli__files_begin(files_plan *p, pli_error *err) {
    return pli__index_in_transaction(p->x) ? PLI_OK : pli__index_begin(p->x, err);
}

pli_status pli__files_end(files_plan *p, pli_error *err) {
    p->rows = 0;
    return p->dry || !pli__index_in_transaction(p->x) ? PLI_OK : pli__index_commit(p->x, err);
}

static pli_status join(pli__buf *b, pli__str dir, pli__str name, pli_error *err) {
    pli__buf_reset(b);
    pli__buf_adds(b, dir);
    if (!(dir.len == 1 && dir.ptr[0] == '/')) pli__buf_addc(b, '/');
    pli__buf_adds(b, name);
    return pli__buf_status(b, err);
}

static pli_status bad_name(pli__str dir, pli__str name, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf shown = {0};
    pli__buf_add_json(&shown, name);
    pli__error_set(err, PLI_E_DATA, "the name of the file %s in '%.*s' is not UTF-8", shown.ptr ? shown.ptr : "",
                   PLI_STR_ARG(dir));
    return pli__error_hint(err, "rename it, or exclude it by a pattern");
}

/* ---- new files ---- */

/* Size and mtime, where they are needed before a file's turn; false if it is no file any more. */
static pli_status look(discovery *d, pli__str dir, pli__index_file *f, bool *there, pli_error *err) {
    *there = true;
    if (!d->stat_new) return PLI_OK;
    PLI_AUTO(pli__buf_clear) pli__buf path = {0};
    PLI_TRY(join(&path, dir, f->name, err));
    pli__file_info info = {0};
    PLI_TRY(pli__fs_stat(path.ptr, &info, err));
    *there = info.kind == PLI__FILE_REGULAR;
    f->size = info.size;
    f->mtime_ns = info.mtime_ns;
    return PLI_OK;
}

static pli_status add_new(discovery *d, pli__str dir, int64_t folder, pli__str name, bool *added, pli_error *err) {
    if (!pli__str_is_utf8(name) || !pli__str_is_utf8(dir)) return bad_name(dir, name, err);
    pli__index_file f = {.folder = folder,
                         .name = name,
                         .size = PLI__INDEX_UNKNOWN,
                         .mtime_ns = PLI__INDEX_UNKNOWN,
                         .batch = PLI__INDEX_WAITING,
                         .found_ms = d->now_ms,
                         .prev = PLI__INDEX_UNKNOWN};
    PLI_TRY(look(d, dir, &f, added, err));
    if (!*added) return PLI_OK;
    d->p->rows++;
    return pli__index_file_put(d->p->x, &f, err);
}

static bool is_known(const pli__index_file *f) { return f->batch >= 0 || f->batch == PLI__INDEX_SEEN; }

/* A known file is compared with its signature: adopted if it has none, queued again if it differs. */
static pli_status compare_known(discovery *d, pli__str dir, const pli__index_file *f, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf path = {0};
    PLI_TRY(join(&path, dir, f->name, err));
    pli__file_info info = {0};
    PLI_TRY(pli__fs_stat(path.ptr, &info, err));
    if (info.kind != PLI__FILE_REGULAR) return PLI_OK;
    if (info.mtime_ns > d->newest_ns) d->newest_ns = info.mtime_ns;
    const pli__files_options *o = &d->p->s->o;
    const bool matters = is_known(f) ? o->allow_overwrites || o->clean != PLI__CLEAN_OFF : d->stat_new;
    if (!matters || (info.size == f->size && info.mtime_ns == f->mtime_ns)) return PLI_OK;
    pli__index_file now = *f;
    now.size = info.size;
    now.mtime_ns = info.mtime_ns;
    PLI_TRY(pli__files_begin(d->p, err));
    if (!is_known(f)) return pli__index_file_put(d->p->x, &now, err); /* its place in an order by time */
    if (f->size == PLI__INDEX_UNKNOWN || f->mtime_ns == PLI__INDEX_UNKNOWN)
        return pli__index_file_put(d->p->x, &now, err);
    now.prev = f->batch;
    now.batch = PLI__INDEX_WAITING;
    now.found_ms = d->now_ms;
    PLI_TRY(pli__index_file_put(d->p->x, &now, err));
    d->p->rows++;
    return pli__index_folder_waiting(d->p->x, f->folder, 1, f->name, err);
}

/* A single path, from a link or because the source is one file. */
static pli_status add_path(discovery *d, const char *path, pli_error *err) {
    const char *base = pli__path_base(path);
    pli__str dir = {path, base - path > 1 ? (size_t)(base - path) - 1 : 1}, name = pli__str_of(base);
    pli__index_folder folder = {0};
    pli__index_file f = {0};
    bool found = false;
    PLI_TRY(pli__index_folder_get(d->p->x, dir, &found, &folder, err));
    int64_t id = found ? folder.id : 0;
    if (found) PLI_TRY(pli__index_file_get(d->p->x, id, name, &found, &f, err));
    if (found) {
        f.name = name;
        return d->compare ? compare_known(d, dir, &f, err) : PLI_OK;
    }
    PLI_TRY(pli__files_begin(d->p, err));
    PLI_TRY(pli__index_folder_id(d->p->x, dir, &id, err));
    bool added = false;
    PLI_TRY(add_new(d, dir, id, name, &added, err));
    return added ? pli__index_folder_waiting(d->p->x, id, 1, name, err) : PLI_OK;
}

/* ---- one folder's names against the index ---- */

static pli_status compare_list(discovery *d, pli__str dir, files_rows *l, pli_error *err) {
    for (size_t i = 0; i < l->n; i++) PLI_TRY(compare_known(d, dir, &l->items[i], err));
    return PLI_OK;
}

static pli_status ensure_folder(discovery *d, pli__str dir, pli_error *err) {
    if (d->folder) return PLI_OK;
    PLI_TRY(pli__files_begin(d->p, err));
    return pli__index_folder_id(d->p->x, dir, &d->folder, err);
}

static pli_status insert_names(discovery *d, pli__str dir, pli_error *err) {
    if (!d->names.n) return PLI_OK;
    PLI_TRY(ensure_folder(d, dir, err));
    PLI_TRY(pli__files_begin(d->p, err));
    int64_t added = 0;
    size_t first = 0;
    for (size_t i = 0; i < d->names.n; i++) {
        bool one = false;
        PLI_TRY(add_new(d, dir, d->folder, pli__names_at(&d->names, i), &one, err));
        if (one && !added++) first = i;
    }
    return added ? pli__index_folder_waiting(d->p->x, d->folder, added, pli__names_at(&d->names, first), err) : PLI_OK;
}

/* Between transactions everything found so far is consistent: the folder at hand has no new mark yet. */
static pli_status maybe_pause(discovery *d, pli_error *err) {
    if (d->p->dry || d->p->rows < ROWS_PER_TRANSACTION) return PLI_OK;
    return pli__files_end(d->p, err);
}

static pli_status flush_names(discovery *d, pli__str dir, pli_error *err) {
    PLI_AUTO(pli__files_rows_clear) files_rows overwritten = {0};
    if (d->linked && !d->in_index) { /* a link may have led back into this folder */
        PLI_TRY(pli__index_folder_get(d->p->x, dir, &d->in_index, &d->row, err));
        d->folder = d->in_index ? d->row.id : 0;
    }
    PLI_TRY(pli__names_sort(&d->names, err));
    if (d->in_index)
        PLI_TRY(pli__names_drop_known(&d->names, d->p->x, d->folder, d->compare ? &overwritten : NULL, err));
    PLI_TRY(insert_names(d, dir, err));
    pli__names_reset(&d->names);
    PLI_TRY(compare_list(d, dir, &overwritten, err));
    return maybe_pause(d, err);
}

/* ---- overwrites in a folder that is not listed ---- */

typedef struct rel_matcher {
    discovery *d;
    const pli__walk_dir *dir;
    pli__buf rel;
    files_rows *list;
} rel_matcher;

static pli_status rel_path(pli__buf *rel, const pli__walk_dir *dir, pli__str name, pli_error *err) {
    pli__buf_reset(rel);
    if (dir->depth) {
        pli__buf_addz(rel, dir->rel);
        pli__buf_addc(rel, '/');
    }
    pli__buf_adds(rel, name);
    return pli__buf_status(rel, err);
}

static pli_status collect_known(void *arg, const pli__index_file *f, pli_error *err) {
    rel_matcher *m = arg;
    if (!is_known(f)) return PLI_OK;
    PLI_TRY(rel_path(&m->rel, m->dir, f->name, err));
    if (!pli__glob_match(m->d->p->s->glob, m->rel.ptr) || pli__files_is_excluded(m->d->p->s, f->name)) return PLI_OK;
    return pli__files_rows_add(m->list, f, err);
}

static pli_status compare_folder(discovery *d, const pli__walk_dir *dir, pli_error *err) {
    PLI_AUTO(pli__files_rows_clear) files_rows list = {0};
    rel_matcher m = {d, dir, {0}, &list};
    pli_status status = pli__index_files(d->p->x, d->row.id, (pli__str){0}, collect_known, &m, err);
    pli__buf_clear(&m.rel);
    PLI_TRY(status);
    return compare_list(d, pli__str_of(dir->path), &list, err);
}

/* ---- the walk ---- */

static int64_t real_now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static bool mark_is_old(const pli__walk_dir *dir, int64_t now_ns) {
    bool coarse = dir->ctime_ns % 1000000000 == 0 && dir->mtime_ns % 1000000000 == 0;
    return dir->ctime_ns < now_ns - (coarse ? COARSE_TICK_NS : TICK_NS);
}

static bool mark_equals(const pli__index_folder *f, const pli__walk_dir *dir) {
    return f->marked && (uint64_t)f->device == dir->device && (uint64_t)f->inode == dir->inode &&
           f->mtime_ns == dir->mtime_ns && f->ctime_ns == dir->ctime_ns;
}

static pli_status remember_sub(discovery *d, pli__str name, pli_error *err) {
    if (d->n_subs == d->sub_cap) {
        size_t cap = d->sub_cap ? d->sub_cap * 2 : 64;
        char **sub = realloc(d->sub, cap * sizeof *sub);
        if (!sub) return pli__error_memory(err);
        d->sub = sub;
        d->sub_cap = cap;
    }
    d->sub[d->n_subs] = pli__arena_strdup(&d->subs, name);
    return d->sub[d->n_subs++] ? PLI_OK : pli__error_memory(err);
}

static pli_status note_sub(void *arg, const pli__index_folder *f, pli_error *err) {
    return remember_sub(arg, pli__str_of(pli__path_base(f->path.ptr)), err);
}

static pli_status descend_known(discovery *d, pli__walk *w, const pli__walk_dir *dir, pli_error *err) {
    PLI_TRY(pli__index_subfolders(d->p->x, d->row.id, note_sub, d, err));
    for (size_t i = 0; i < d->n_subs; i++) PLI_TRY(pli__walk_descend(w, d->sub[i], err));
    const pli__files_options *o = &d->p->s->o;
    return o->allow_overwrites || o->clean != PLI__CLEAN_OFF ? compare_folder(d, dir, err) : PLI_OK;
}

static pli_status on_enter(void *arg, pli__walk *w, const pli__walk_dir *dir, pli__walk_verdict *verdict,
                           pli_error *err) {
    discovery *d = arg;
    if (pli__files_is_never(d->p->s, dir->path)) {
        *verdict = PLI__WALK_PRUNE;
        return PLI_OK;
    }
    PLI_TRY(pli__env_check_cancel(d->p->s->env, err));
    pli__names_reset(&d->names);
    d->n_subs = 0;
    pli__arena_reset(&d->subs);
    d->linked = false;
    d->row = (pli__index_folder){0};
    PLI_TRY(pli__index_folder_get(d->p->x, pli__str_of(dir->path), &d->in_index, &d->row, err));
    d->folder = d->in_index ? d->row.id : 0;
    if (!d->force && d->in_index && mark_equals(&d->row, dir)) {
        *verdict = PLI__WALK_KNOWN;
        return descend_known(d, w, dir, err);
    }
    d->old_mark = mark_is_old(dir, real_now_ns());
    return PLI_OK;
}

static pli_status on_link(discovery *d, pli__walk *w, const pli__walk_dir *dir, pli__str name, pli_error *err) {
    d->linked = true;
    pli__file_info info = {0};
    PLI_TRY(pli__walk_stat(w, name.ptr, &info, err));
    if (info.kind != PLI__FILE_REGULAR) return PLI_OK;
    PLI_AUTO(pli__buf_clear) pli__buf link = {0};
    PLI_TRY(join(&link, pli__str_of(dir->path), name, err));
    PLI_AUTO(pli__free_ptr) char *target = NULL;
    pli_status status = pli__fs_real_path(link.ptr, &target, err);
    if (status == PLI_E_NOT_FOUND) return PLI_OK; /* gone in this moment */
    PLI_TRY(status);
    return pli__files_is_never(d->p->s, target) ? PLI_OK : add_path(d, target, err);
}

/* "*.csv" and the like need no pattern matcher. */
static bool matches(const files_source *s, const pli__walk_dir *dir, pli__str name, const char *rel) {
    if (s->by_format && pli__format_of_path(name) != s->format) return false;
    if (s->suffix) return (s->o.recursive || dir->depth == 0) && pli__str_ends(name, pli__str_of(s->suffix));
    return pli__glob_match(s->glob, rel);
}

static pli_status on_entry(void *arg, pli__walk *w, const pli__walk_dir *dir, const pli__dir_entry *e, bool *descend,
                           pli_error *err) {
    discovery *d = arg;
    const files_source *s = d->p->s;
    pli__str name = pli__str_of(e->name);
    if (pli__files_is_excluded(s, name)) {
        *descend = false;
        return PLI_OK;
    }
    char small[1024];
    PLI_AUTO(pli__buf_clear) pli__buf big = {0};
    const char *rel = e->name;
    size_t dir_len = strlen(dir->rel);
    if (dir->depth && dir_len + name.len + 2 <= sizeof small) {
        memcpy(small, dir->rel, dir_len);
        small[dir_len] = '/';
        memcpy(small + dir_len + 1, name.ptr, name.len + 1);
        rel = small;
    } else if (dir->depth) {
        PLI_TRY(rel_path(&big, dir, name, err));
        rel = big.ptr;
    }
    if (e->kind == PLI__FILE_DIR) {
        *descend = pli__glob_may_hold(s->glob, rel);
        return *descend ? remember_sub(d, name, err) : PLI_OK;
    }
    if ((e->kind != PLI__FILE_REGULAR && e->kind != PLI__FILE_LINK) || !matches(s, dir, name, rel)) return PLI_OK;
    if (e->kind == PLI__FILE_LINK) return on_link(d, w, dir, name, err);
    if (pli__names_are_many(&d->names)) PLI_TRY(flush_names(d, pli__str_of(dir->path), err));
    return pli__names_add(&d->names, name, err);
}

/* Subfolders name their parent, so that an unchanged folder need not be listed to find them. */
static pli_status store_sub(discovery *d, const pli__walk_dir *dir, const char *name, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf path = {0};
    PLI_TRY(join(&path, pli__str_of(dir->path), pli__str_of(name), err));
    bool found = false;
    pli__index_folder sub = {0};
    PLI_TRY(pli__index_folder_get(d->p->x, pli__buf_str(&path), &found, &sub, err));
    if (found && sub.parent == d->folder) return PLI_OK;
    PLI_TRY(pli__files_begin(d->p, err));
    if (!found) PLI_TRY(pli__index_folder_id(d->p->x, pli__buf_str(&path), &sub.id, err));
    sub.parent = d->folder;
    return pli__index_folder_mark(d->p->x, &sub, err);
}

static pli_status on_leave(void *arg, pli__walk *w, const pli__walk_dir *dir, pli_error *err) {
    (void)w;
    discovery *d = arg;
    pli__str path = pli__str_of(dir->path);
    bool marked = d->old_mark && !d->linked;
    PLI_TRY(flush_names(d, path, err));
    PLI_TRY(ensure_folder(d, path, err));
    for (size_t i = 0; i < d->n_subs; i++) PLI_TRY(store_sub(d, dir, d->sub[i], err));
    pli__index_folder now = {0};
    bool found = false;
    PLI_TRY(pli__index_folder_get(d->p->x, path, &found, &now, err));
    if (!now.marked && !marked) return PLI_OK;
    now.marked = marked;
    now.device = (int64_t)dir->device;
    now.inode = (int64_t)dir->inode;
    now.mtime_ns = dir->mtime_ns;
    now.ctime_ns = dir->ctime_ns;
    PLI_TRY(pli__files_begin(d->p, err));
    return pli__index_folder_mark(d->p->x, &now, err);
}

/* ---- the whole ---- */

static pli_status full_scan_due(discovery *d, pli_error *err) {
    const pli__files_options *o = &d->p->s->o;
    d->force = o->full_discovery || pli__fs_is_network(d->p->root);
    if (d->force || !o->full_scan_interval_us) return PLI_OK;
    int64_t last = 0;
    PLI_TRY(pli__index_get_i64(d->p->x, "full_scan_ms", 0, &last, err));
    int64_t since = (d->now_ms - last) * 1000;
    if (last && since >= 0 && since < o->full_scan_interval_us) return PLI_OK;
    d->force = true;
    PLI_TRY(pli__files_begin(d->p, err));
    return pli__index_set_i64(d->p->x, "full_scan_ms", d->now_ms, err);
}

pli_status pli__files_discover(files_plan *p, pli_error *err) {
    if (!p->root) return PLI_OK;
    const pli__files_options *o = &p->s->o;
    PLI_AUTO(discovery_clear)
    discovery d = {.p = p,
                   .stat_new = pli__files_stat_first(p->s),
                   .compare = o->allow_overwrites || o->clean != PLI__CLEAN_OFF || pli__files_stat_first(p->s),
                   .newest_ns = INT64_MIN,
                   .now_ms = p->now_us / 1000};
    PLI_TRY(pli__files_select(p, err));
    if (p->root_is_file) return add_path(&d, p->root, err);
    PLI_TRY(full_scan_due(&d, err));
    static const pli__walk_ops ops = {on_enter, on_entry, on_leave};
    PLI_TRY(pli__walk_tree(p->root, &ops, &d, err));
    if (d.newest_ns > p->newest_ns) p->newest_ns = d.newest_ns;
    return PLI_OK;
}
