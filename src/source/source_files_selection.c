/*
 * Which files are candidates: the root, the rules that leave files out, and a text of all of them in the index. When that text
 * changes, the queue is made anew by the new rules.
 */
#include "source/source_files_impl.h"

bool pli__files_is_never(const files_source *s, const char *path) {
    for (size_t i = 0; i < s->o.n_never; i++)
        if (pli__path_inside(path, s->o.never[i])) return true;
    return false;
}

bool pli__files_is_excluded(const files_source *s, pli__str name) {
    if (pli__str_starts(name, PLI_STR(PLI__FILES_PRIVATE_PREFIX))) return true;
    for (size_t i = 0; i < s->o.n_exclude; i++)
        if (pli__glob_match_name(pli__str_of(s->o.exclude[i]), name)) return true;
    return false;
}

pli_status pli__files_resolve_root(files_plan *p, pli_error *err) {
    const files_source *s = p->s;
    pli__error_clear(err);
    pli_status status = pli__fs_real_path(s->fixed, &p->root, err);
    if (status == PLI_E_NOT_FOUND && s->o.allow_missing) {
        pli__error_clear(err);
        return PLI_OK;
    }
    if (status == PLI_E_NOT_FOUND)
        pli__error_hint(err, "check the path; a missing source folder is allowed by `allow_missing: true`");
    if (status != PLI_OK) return pli__error_prefix(err, status, "the source '%s'", s->o.path);
    pli__file_info info = {0};
    PLI_TRY(pli__fs_stat(p->root, &info, err));
    p->root_is_file = info.kind == PLI__FILE_REGULAR;
    if (p->root_is_file || info.kind == PLI__FILE_DIR) return PLI_OK;
    return pli__error_set(err, PLI_E_ARGUMENT, "the source '%s' is neither a folder nor a file", s->o.path);
}

bool pli__files_stat_first(const files_source *s) {
    return s->o.by_modification_time || s->o.latest_first || s->o.max_age_us;
}

/* Everything that decides which files are candidates, and how they wait: another text and the queue is made anew. */
static pli_status fingerprint(const files_plan *p, pli__buf *b, pli_error *err) {
    const files_source *s = p->s;
    pli__buf_addf(b, "%s\n%s%s\n%d%d", p->root, s->by_format ? s->format->name : "", s->pattern, s->o.recursive,
                  pli__files_stat_first(s));
    for (size_t i = 0; i < s->o.n_exclude; i++) pli__buf_addf(b, "\n-%s", s->o.exclude[i]);
    for (size_t i = 0; i < s->o.n_never; i++) pli__buf_addf(b, "\n!%s", s->o.never[i]);
    return pli__buf_status(b, err);
}

pli_status pli__files_must_discover(files_plan *p, bool *out, pli_error *err) {
    *out = false;
    if (!p->root) return PLI_OK;
    PLI_AUTO(pli__buf_clear) pli__buf text = {0};
    PLI_TRY(fingerprint(p, &text, err));
    PLI_TRY(pli__index_text_is(p->x, "selection", pli__buf_str(&text), out, err));
    *out = !*out;
    return PLI_OK;
}

pli_status pli__files_select(files_plan *p, pli_error *err) {
    bool other = false;
    PLI_TRY(pli__files_must_discover(p, &other, err));
    if (!other) return PLI_OK;
    PLI_AUTO(pli__buf_clear) pli__buf text = {0};
    PLI_TRY(fingerprint(p, &text, err));
    PLI_TRY(pli__files_begin(p, err));
    PLI_TRY(pli__index_forget_queue(p->x, err));
    return pli__index_set_text(p->x, "selection", pli__buf_str(&text), err);
}
