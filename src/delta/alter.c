/* Changes of a table's metadata alone: properties and constraints. */
#include "delta/alter.h"

#include <stdio.h>

#include "delta/maintain.h"
#include "delta/metadata_write.h"
#include "delta/row_ids.h"
#include "delta/spark_sql.h"
#include "delta/transaction_impl.h"

#define ATTEMPTS 10
#define CONSTRAINT "delta.constraints."
#define MAPPING_MODE "delta.columnMapping.mode"

void pli__alter_parameter(pli__buf *parameters, const char *key, pli__str value) {
    if (parameters->len > 1) pli__buf_addc(parameters, ',');
    pli__buf_add_json(parameters, pli__str_of(key));
    pli__buf_addc(parameters, ':');
    pli__buf_add_json(parameters, value.ptr ? value : PLI_STR(""));
}

/* Row tracking begins: the commit gives ids to the rows of every file. */
static pli_status give_row_ids(void *arg, const pli__add *a, pli_error *err) {
    pli__add again = *a;
    again.data_change = false;
    return a->base_row_id >= 0 ? PLI_OK : pli__txn_add(arg, &again, err);
}

static pli_status try_alter(pli__delta *t, const char *operation, pli__alter_fn *fn, const void *arg,
                            pli__alteration *a, int64_t *version, pli_error *err) {
    const pli__snapshot_options for_write = {.max_checkpoint = -1, .for_write = true};
    PLI_AUTO(pli__txn_auto) pli__txn_handle *x = NULL;
    pli__commit_result r;
    PLI_TRY(pli__snapshot_open(t, PLI__LATEST, &for_write, &a->snapshot, err));
    a->metadata = *pli__snapshot_metadata(a->snapshot);
    PLI_TRY(fn(a, arg, err));
    PLI_TRY(pli__buf_status(&a->parameters, err));
    const pli__txn_options options = {.operation = operation,
                                      .operation_params = a->parameters.len ? a->parameters.ptr : NULL,
                                      .reads = a->give_row_ids ? PLI__READS_TABLE : PLI__READS_NOTHING,
                                      .no_file_check = true};
    PLI_TRY(pli__txn_begin(t, a->snapshot, &options, &x, err));
    PLI_TRY(pli__txn_set_metadata(x, &a->metadata, err));
    if (a->give_row_ids) PLI_TRY(pli__snapshot_files(a->snapshot, PLI__FILES_ALL, give_row_ids, x, err));
    PLI_TRY(pli__txn_commit(x, &r, err));
    *version = r.version;
    return PLI_OK;
}

pli_status pli__alter(pli__delta *t, const char *operation, pli__alter_fn *fn, const void *arg, int64_t *version,
                      pli_error *err) {
    pli_status s = PLI_E_CONFLICT;
    for (int i = 0; i < ATTEMPTS && s == PLI_E_CONFLICT; i++) {
        pli__arena arena = {0};
        pli__alteration a = {.table = t, .arena = &arena};
        pli__error_clear(err);
        s = try_alter(t, operation, fn, arg, &a, version, err);
        if (a.snapshot) pli__snapshot_unref(a.snapshot);
        pli__buf_clear(&a.parameters);
        pli__arena_clear(&arena);
    }
    return s;
}

/* ---- properties ---- */

typedef struct {
    const pli__kv *set;
    size_t n;
} settings;

/* Modes that a table can change between: files that are there keep the names of their columns. */
static pli_status check_mapping(pli__str now, pli__str wanted, pli_error *err) {
    const bool mapped = now.ptr && !pli__str_ieqz(now, "none"), maps = wanted.ptr && !pli__str_ieqz(wanted, "none");
    if ((mapped && pli__str_ieq(now, wanted)) || (!mapped && !maps)) return PLI_OK;
    if (!mapped && pli__str_ieqz(wanted, "name")) return PLI_OK;
    return pli__error_set(err, PLI_E_UNSUPPORTED, MAPPING_MODE " cannot be changed from '%.*s' to '%.*s'",
                          (int)(mapped ? now.len : 4), mapped ? now.ptr : "none", (int)(maps ? wanted.len : 4),
                          maps ? wanted.ptr : "none");
}

static pli_status set_one(pli__alteration *a, const pli__kv *kv, pli_error *err) {
    if (pli__str_eqz(kv->key, MAPPING_MODE))
        PLI_TRY(check_mapping(pli__snapshot_property(a->snapshot, MAPPING_MODE), kv->value, err));
    if (pli__str_eqz(kv->key, "delta.enableRowTracking") && pli__str_ieqz(kv->value, "true"))
        a->give_row_ids = !pli__row_ids_kept(a->snapshot);
    return pli__metadata_set(&a->metadata, kv->key, kv->value, a->arena, err);
}

static pli_status set_properties(pli__alteration *a, const void *arg, pli_error *err) {
    const settings *s = arg;
    PLI_AUTO(pli__buf_clear) pli__buf inner = {0};
    pli__buf_addc(&inner, '{');
    for (size_t i = 0; i < s->n; i++) {
        PLI_AUTO(pli__buf_clear) pli__buf key = {0};
        PLI_TRY(set_one(a, &s->set[i], err));
        pli__buf_adds(&key, s->set[i].key);
        PLI_TRY(pli__buf_status(&key, err));
        pli__alter_parameter(&inner, key.ptr, s->set[i].value);
    }
    pli__buf_addc(&inner, '}');
    PLI_TRY(pli__buf_status(&inner, err));
    pli__buf_addc(&a->parameters, '{');
    pli__alter_parameter(&a->parameters, "properties", pli__buf_str(&inner));
    pli__buf_addc(&a->parameters, '}');
    return pli__metadata_upgrade(&a->metadata, pli__snapshot_schema(a->snapshot), a->arena, err);
}

pli_status pli__set_properties(pli__delta *t, const pli__kv *set, size_t n, int64_t *version, pli_error *err) {
    const settings all = {set, n};
    for (size_t i = 0; i < n; i++) {
        if (!set[i].key.len) return pli__error_set(err, PLI_E_ARGUMENT, "a property has no name");
        if (pli__str_starts(set[i].key, PLI_STR(CONSTRAINT)))
            return pli__error_set(err, PLI_E_ARGUMENT,
                                  "constraints are added and dropped by their own commands, not as properties");
    }
    return pli__alter(t, "SET TBLPROPERTIES", set_properties, &all, version, err);
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

static pli_status check_constraint(pli__alteration *a, const constraint *c, const char *key, pli_error *err) {
    const bool there = pli__snapshot_property(a->snapshot, key).ptr != NULL;
    if (!c->expression)
        return there ? PLI_OK : pli__error_set(err, PLI_E_NOT_FOUND, "the table has no constraint '%s'", c->name);
    if (there) return pli__error_set(err, PLI_E_EXISTS, "the table has a constraint '%s' already", c->name);
    return test_rows(a->table, a->snapshot, c, err);
}

static pli_status set_constraint(pli__alteration *a, const void *arg, pli_error *err) {
    const constraint *c = arg;
    char key[400];
    snprintf(key, sizeof key, CONSTRAINT "%s", c->name);
    PLI_TRY(check_constraint(a, c, key, err));
    pli__buf_addc(&a->parameters, '{');
    pli__alter_parameter(&a->parameters, "name", pli__str_of(c->name));
    if (c->expression) pli__alter_parameter(&a->parameters, "expr", pli__str_of(c->expression));
    pli__buf_addc(&a->parameters, '}');
    return pli__metadata_set(&a->metadata, pli__str_of(key), c->expression ? pli__str_of(c->expression) : (pli__str){0},
                             a->arena, err);
}

static pli_status change_constraint(pli__delta *t, const constraint *c, int64_t *version, pli_error *err) {
    if (!c->name || !c->name[0] || strlen(c->name) > 255)
        return pli__error_set(err, PLI_E_ARGUMENT, "a constraint needs a name of at most 255 bytes");
    return pli__alter(t, c->expression ? "ADD CONSTRAINT" : "DROP CONSTRAINT", set_constraint, c, version, err);
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
