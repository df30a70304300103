/* Names of modes and their parsing. */
#include "schema/policy.h"

static const char *const mode_names[] = {
#define MODE_NAME(sym, name, text) name,
    PLI__SCHEMA_MODE_MAP(MODE_NAME)
#undef MODE_NAME
};
static const char *const rescue_names[] = {"none", "column"};

const char *pli__schema_mode_name(pli__schema_mode mode) { return mode_names[mode]; }

const char *pli__schema_rescue_column(const pli__schema_policy *policy) {
    if (policy->rescue_column) return policy->rescue_column;
    return policy->package ? "_rescued" : "_rescued_data";
}

/* Index of name in the list; what it is a name of goes into the error. */
static pli_status find_name(const char *name, const char *const *names, size_t n, const char *what, size_t *out,
                            pli_error *err) {
    for (size_t i = 0; i < n; i++) {
        if (strcmp(names[i], name) != 0) continue;
        *out = i;
        return PLI_OK;
    }
    pli__error_set(err, PLI_E_ARGUMENT, "unknown %s '%s'", what, name);
    const char *nearest = pli__str_nearest(name, names, n);
    return nearest ? pli__error_hint(err, "did you mean '%s'?", nearest) : PLI_E_ARGUMENT;
}

pli_status pli__schema_mode_parse(const char *name, pli__schema_mode *out, pli_error *err) {
    size_t i = PLI__SCHEMA_ADD;
    if (name) PLI_TRY(find_name(name, mode_names, sizeof mode_names / sizeof mode_names[0], "schema mode", &i, err));
    *out = (pli__schema_mode)i;
    return PLI_OK;
}

pli_status pli__schema_rescue_parse(const char *name, bool *out, pli_error *err) {
    size_t i = 0;
    if (name)
        PLI_TRY(find_name(name, rescue_names, sizeof rescue_names / sizeof rescue_names[0], "rescue mode", &i, err));
    *out = i == 1;
    return PLI_OK;
}
