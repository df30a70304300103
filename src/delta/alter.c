/* Changes of a table's metadata alone: properties and constraints. */
#include <stdio.h>

#include "base/arena.h"
#include "delta/maintain.h"
#include "delta/metadata_write.h"
#include "delta/spark_sql.h"
#include "delta/transaction_impl.h"

#define ATTEMPTS 10
#define CONSTRAINT "delta.constraints."

static pli_status try_set(pli__delta *t, const char *operation, const pli__kv *set, size_t n, pli__snapshot *s,
                          int64_t *version, pli_error *err) {
    PLI_AUTO(pli__arena_clear) pli__arena arena = {0};
    PLI_AUTO(pli__txn_auto) pli__txn_handle *x = NULL;
    PLI_AUTO(pli__buf_clear) pli__buf inner = {0}, parameters = {0};
    pli__commit_result r;
    pli__metadata m = *pli__snapshot_metadata(s);
    pli__buf_addc(&inner, '{');
    for (size_t i = 0; i < n; i++) {
        PLI_TRY(pli__metadata_set(&m, set[i].key, set[i].value, &arena, err));
        if (i) pli__buf_addc(&inner, ',');
        pli__buf_add_json(&inner, set[i].key);
        pli__buf_addc(&inner, ':');
        pli__buf_add_json(&inner, set[i].value.ptr ? set[i].value : PLI_STR(""));
    }
    pli__buf_addc(&inner, '}');
    PLI_TRY(pli__buf_status(&inner, err));
    pli__buf_addz(&parameters, "{\"properties\":");
    pli__buf_add_json(&parameters, pli__buf_str(&inner));
    pli__buf_addc(&parameters, '}');
    PLI_TRY(pli__buf_status(&parameters, err));
    const pli__type *schema = pli__snapshot_schema(s);
    PLI_TRY(pli__metadata_with_schema(&m, schema, &arena, &m, err)); /* column mapping that begins here needs ids */
    const pli__txn_options options = {
        .operation = operation, .operation_params = parameters.ptr, .reads = PLI__READS_NOTHING};
    PLI_TRY(pli__txn_begin(t, s, &options, &x, err));
    PLI_TRY(pli__txn_set_metadata(x, &m, err));
    PLI_TRY(pli__txn_commit(x, &r, err));
    *version = r.version;
    return PLI_OK;
}

typedef pli_status check_fn(pli__delta *t, pli__snapshot *s, const void *arg, pli_error *err);

static pli_status set_all(pli__delta *t, const char *operation, const pli__kv *set, size_t n, check_fn *check,
                          const void *arg, int64_t *version, pli_error *err) {
    const pli__snapshot_options for_write = {.max_checkpoint = -1, .for_write = true};
    pli_status status = PLI_E_CONFLICT;
    for (int i = 0; i < ATTEMPTS && status == PLI_E_CONFLICT; i++) {
        PLI_AUTO(pli__snapshot_auto) pli__snapshot *s = NULL;
        pli__error_clear(err);
        PLI_TRY(pli__snapshot_open(t, PLI__LATEST, &for_write, &s, err));
        if (check) PLI_TRY(check(t, s, arg, err));
        status = try_set(t, operation, set, n, s, version, err);
    }
    return status;
}

/* Renaming the columns of files that are there already would need their old names as physical ones. */
static pli_status check_properties(pli__delta *t, pli__snapshot *s, const void *arg, pli_error *err) {
    const pli__kv *mapping = arg;
    (void)t;
    if (!mapping) return PLI_OK;
    const pli__str now = pli__snapshot_property(s, "delta.columnMapping.mode");
    if (pli__str_eq(now, mapping->value)) return PLI_OK;
    return pli__error_set(err, PLI_E_UNSUPPORTED,
                          "delta.columnMapping.mode of a table cannot be changed after its creation");
}

pli_status pli__set_properties(pli__delta *t, const pli__kv *set, size_t n, int64_t *version, pli_error *err) {
    const pli__kv *mapping = NULL;
    for (size_t i = 0; i < n; i++) {
        if (!set[i].key.len) return pli__error_set(err, PLI_E_ARGUMENT, "a property has no name");
        if (pli__str_eqz(set[i].key, "delta.columnMapping.mode")) mapping = &set[i];
        if (pli__str_starts(set[i].key, PLI_STR(CONSTRAINT)))
            return pli__error_set(err, PLI_E_ARGUMENT,
                                  "constraints are added and dropped by their own commands, not as properties");
    }
    return set_all(t, "SET TBLPROPERTIES", set, n, check_properties, mapping, version, err);
}

/* ---- constraints ---- */

typedef struct {
    const char *name, *expression;
} constraint;

static pli_status test_rows(pli__delta *t, pli__snapshot *s, const constraint *c, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf condition = {0}, sql = {0};
    pli__scan *scan = NULL;
    pli__engine *e;
    int64_t broken = 0;
    PLI_TRY(pli__spark_sql(pli__str_of(c->expression), &condition, err));
    PLI_TRY(pli__env_engine(pli__delta_env(t), &e, err));
    PLI_TRY(pli__scan_new(s, NULL, &scan, err));
    pli__buf_addf(&sql, "SELECT count(*) FROM (%s) AS pli_rows WHERE (%s) IS NOT TRUE", pli__scan_sql(scan),
                  condition.ptr ? condition.ptr : "");
    pli_status status = pli__buf_status(&sql, err);
    if (status == PLI_OK) status = pli__engine_query_i64(e, sql.ptr, &broken, err);
    pli__scan_free(scan);
    if (status == PLI_OK && broken)
        return pli__error_set(err, PLI_E_CONSTRAINT, "%lld rows of the table do not meet '%s' (%s)", (long long)broken,
                              c->name, c->expression);
    return status;
}

static pli_status check_constraint(pli__delta *t, pli__snapshot *s, const void *arg, pli_error *err) {
    const constraint *c = arg;
    char key[400];
    snprintf(key, sizeof key, CONSTRAINT "%s", c->name);
    const bool there = pli__snapshot_property(s, key).ptr != NULL;
    if (!c->expression)
        return there ? PLI_OK : pli__error_set(err, PLI_E_NOT_FOUND, "the table has no constraint '%s'", c->name);
    if (there) return pli__error_set(err, PLI_E_EXISTS, "the table has a constraint '%s' already", c->name);
    return test_rows(t, s, c, err);
}

static pli_status change_constraint(pli__delta *t, const constraint *c, int64_t *version, pli_error *err) {
    char key[400];
    if (!c->name || !c->name[0] || strlen(c->name) > 255)
        return pli__error_set(err, PLI_E_ARGUMENT, "a constraint needs a name of at most 255 bytes");
    snprintf(key, sizeof key, CONSTRAINT "%s", c->name);
    const pli__kv set = {pli__str_of(key), c->expression ? pli__str_of(c->expression) : (pli__str){0}};
    return set_all(t, c->expression ? "ADD CONSTRAINT" : "DROP CONSTRAINT", &set, 1, check_constraint, c, version, err);
}

pli_status pli__add_constraint(pli__delta *t, const char *name, const char *expression, int64_t *version,
                               pli_error *err) {
    const constraint c = {name, expression};
    if (!expression || !expression[0]) return pli__error_set(err, PLI_E_ARGUMENT, "a constraint needs an expression");
    return change_constraint(t, &c, version, err);
}

pli_status pli__drop_constraint(pli__delta *t, const char *name, int64_t *version, pli_error *err) {
    const constraint c = {name, NULL};
    return change_constraint(t, &c, version, err);
}
