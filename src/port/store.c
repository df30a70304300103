/* The wrappers of the store interface: arguments are checked here once, implementations may rely on them. */
#include "port/store.h"

enum { KEY_MAX = 1000 };

/* No empty, '.' or '..' component: a key cannot lead out of the store. A folder may also be "". */
static bool is_key(const char *key) {
    const size_t len = key ? strlen(key) : 0;
    if (len == 0 || len > KEY_MAX) return false;
    for (const char *part = key; part; part = strchr(part, '/') ? strchr(part, '/') + 1 : NULL) {
        const size_t n = strcspn(part, "/");
        if (n == 0 || (n == 1 && part[0] == '.') || (n == 2 && part[0] == '.' && part[1] == '.')) return false;
    }
    return true;
}

static pli_status check_key(const pli__store *s, const char *key, pli_error *err) {
    if (!s || !s->ops) return pli__error_set(err, PLI_E_ARGUMENT, "there is no store");
    if (!is_key(key)) return pli__error_set(err, PLI_E_ARGUMENT, "'%.200s' is not the key of a record", key ? key : "");
    return PLI_OK;
}

pli_status pli__store_get(pli__store *s, const char *key, size_t max, pli__buf *out, pli_error *err) {
    PLI_TRY(check_key(s, key, err));
    return s->ops->get(s, key, max, out, err);
}

static pli_status check_flags(unsigned flags, pli_error *err) {
    if (flags & ~(unsigned)PLI__STORE_RELAXED)
        return pli__error_set(err, PLI_E_ARGUMENT, "unknown flags of a store: %u", flags);
    return PLI_OK;
}

pli_status pli__store_put_if_absent(pli__store *s, const char *key, pli__str data, unsigned flags, pli_error *err) {
    PLI_TRY(check_key(s, key, err));
    PLI_TRY(check_flags(flags, err));
    return s->ops->put_if_absent(s, key, data, flags, err);
}

pli_status pli__store_replace(pli__store *s, const char *key, pli__str data, unsigned flags, pli_error *err) {
    PLI_TRY(check_key(s, key, err));
    PLI_TRY(check_flags(flags, err));
    return s->ops->replace(s, key, data, flags, err);
}

pli_status pli__store_list(pli__store *s, const char *dir, const char *from, bool with_info, pli__store_list_fn *fn,
                           void *arg, pli_error *err) {
    if (!dir || *dir) PLI_TRY(check_key(s, dir, err));
    if (!s || !s->ops || !fn) return pli__error_set(err, PLI_E_ARGUMENT, "a listing needs a store and a function");
    return s->ops->list(s, dir, from ? from : "", with_info, fn, arg, err);
}

pli_status pli__store_stat(pli__store *s, const char *key, pli__file_info *out, pli_error *err) {
    PLI_TRY(check_key(s, key, err));
    return s->ops->stat(s, key, out, err);
}

pli_status pli__store_remove(pli__store *s, const char *key, pli_error *err) {
    PLI_TRY(check_key(s, key, err));
    return s->ops->remove(s, key, err);
}

const char *pli__store_local_path(pli__store *s) { return s && s->ops ? s->ops->local_path(s) : NULL; }

void pli__store_free(pli__store *s) {
    if (s && s->ops) s->ops->free(s);
}

void pli__store_auto(pli__store **s) { pli__store_free(*s); }
