/* Identity columns: which values come next, and the mark that remembers them. */
#include "delta/identity.h"

#include <stdint.h>

#include "base/json.h"

#define START "delta.identity.start"
#define STEP "delta.identity.step"
#define MARK "delta.identity.highWaterMark"
#define EXPLICIT "delta.identity.allowExplicitInsert"

bool pli__identity_is(const pli__field *f) {
    int64_t start;
    return f->metadata && pli__field_meta_i64(f, START, &start);
}

bool pli__identity_takes_values(const pli__field *f) {
    PLI_AUTO(pli__json_unref) json_t *root = NULL;
    if (!f->metadata || pli__json_parse(pli__str_of(f->metadata), "field metadata", &root, NULL) != PLI_OK)
        return false;
    return json_is_true(json_object_get(root, EXPLICIT));
}

static pli_status exhausted(const pli__field *f, pli_error *err) {
    return pli__error_set(err, PLI_E_LIMIT, "identity column '%s' has no values left", f->name);
}

/* First value beyond the mark; the mark need not be one of the column's own values. */
static pli_status next_value(const pli__field *f, int64_t *next, int64_t *step, pli_error *err) {
    int64_t start = 0, mark, k;
    *step = 0;
    if (!pli__field_meta_i64(f, START, &start) || !pli__field_meta_i64(f, STEP, step) || *step == 0 ||
        f->type->id != PLI__TYPE_I64)
        return pli__error_set(err, PLI_E_CORRUPT, "identity column '%s' needs type long, a start and a step", f->name);
    *next = start;
    if (!pli__field_meta_i64(f, MARK, &mark) || (*step > 0 ? mark < start : mark > start)) return PLI_OK;
    __extension__ const __int128 gone = ((__int128)mark - start) / *step + 1;
    if (gone > INT64_MAX) return exhausted(f, err);
    k = (int64_t)gone;
    if (__builtin_mul_overflow(k, *step, &k) || __builtin_add_overflow(start, k, next)) return exhausted(f, err);
    return PLI_OK;
}

pli_status pli__identity_sql(const pli__field *f, const char *taken, pli__buf *out, pli_error *err) {
    int64_t next, step;
    PLI_TRY(next_value(f, &next, &step, err));
    pli__buf_addf(out, "(%lld::HUGEINT + (row_number() OVER () - 1%s%s) * (%lld)::HUGEINT)", (long long)next,
                  taken ? " + " : "", taken ? taken : "", (long long)step);
    return pli__buf_status(out, err);
}

/* The field with its mark at the last of `rows` new values. */
static pli_status move_mark(const pli__field *f, int64_t rows, pli__buf *metadata, pli_error *err) {
    PLI_AUTO(pli__json_unref) json_t *root = NULL;
    int64_t next, step, last;
    PLI_TRY(next_value(f, &next, &step, err));
    if (__builtin_mul_overflow(rows - 1, step, &last) || __builtin_add_overflow(next, last, &last))
        return exhausted(f, err);
    PLI_TRY(pli__json_parse(pli__str_of(f->metadata), "field metadata", &root, err));
    if (json_object_set_new(root, MARK, json_integer(last)) != 0) return pli__error_memory(err);
    return pli__json_write(root, metadata, err);
}

static bool mentions_identity(const pli__metadata *m) {
    return memmem(m->schema_string.ptr, m->schema_string.len, START, strlen(START)) != NULL;
}

pli_status pli__identity_advance_each(const pli__metadata *m, const int64_t *made, pli__arena *arena,
                                      pli__metadata *out, bool *changed, pli_error *err) {
    PLI_AUTO(pli__type_auto) const pli__type *schema = NULL, *moved = NULL;
    PLI_AUTO(pli__type_builder_clear) pli__type_builder b = {0};
    PLI_AUTO(pli__buf_clear) pli__buf text = {0};
    *changed = false;
    if (!mentions_identity(m)) return PLI_OK;
    PLI_TRY(pli__type_from_delta(m->schema_string, &schema, err));
    for (size_t i = 0; i < schema->n_fields; i++) {
        const pli__field *f = &schema->fields[i];
        PLI_AUTO(pli__buf_clear) pli__buf metadata = {0};
        const bool moves = pli__identity_is(f) && made[i] > 0;
        if (moves) PLI_TRY(move_mark(f, made[i], &metadata, err));
        *changed = *changed || moves;
        pli__type_builder_add(&b, pli__str_of(f->name), pli__type_ref(f->type), f->nullable,
                              moves ? metadata.ptr : f->metadata);
    }
    if (!*changed) return PLI_OK;
    moved = pli__type_builder_finish(&b);
    if (!moved) return pli__error_memory(err);
    PLI_TRY(pli__type_to_delta(moved, &text, err));
    *out = *m;
    out->schema_string = pli__arena_str(arena, pli__buf_str(&text));
    return pli__arena_status(arena, err);
}

pli_status pli__identity_advance(const pli__metadata *m, const pli__type *input, int64_t rows, pli__arena *arena,
                                 pli__metadata *out, bool *changed, pli_error *err) {
    PLI_AUTO(pli__type_auto) const pli__type *schema = NULL;
    *changed = false;
    if (rows <= 0 || !mentions_identity(m)) return PLI_OK;
    PLI_TRY(pli__type_from_delta(m->schema_string, &schema, err));
    int64_t *made = pli__arena_calloc(arena, schema->n_fields + 1, sizeof *made);
    if (!made) return pli__error_memory(err);
    for (size_t i = 0; i < schema->n_fields; i++)
        made[i] = pli__type_find(input, pli__str_of(schema->fields[i].name), false) < 0 ? rows : 0;
    return pli__identity_advance_each(m, made, arena, out, changed, err);
}
