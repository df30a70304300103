/* Change data files: rows of the table with one more column, in a folder of their own. */
#include "delta/feed_write.h"

#include "base/arena.h"

#define CHANGE_TYPE "_change_type"

/* The table's metadata with the column that tells the change; it keeps its name under column mapping. */
static pli_status with_change_type(const pli__metadata *m, pli__arena *arena, pli__metadata *out, pli_error *err) {
    PLI_AUTO(pli__type_builder_clear) pli__type_builder b = {0};
    PLI_AUTO(pli__type_auto) const pli__type *schema = NULL, *with = NULL;
    PLI_AUTO(pli__buf_clear) pli__buf text = {0};
    PLI_TRY(pli__type_from_delta(m->schema_string, &schema, err));
    for (size_t i = 0; i < schema->n_fields; i++)
        pli__type_builder_add(&b, pli__str_of(schema->fields[i].name), pli__type_ref(schema->fields[i].type), true,
                              schema->fields[i].metadata);
    pli__type_builder_add(&b, PLI_STR(CHANGE_TYPE), pli__type_new(PLI__TYPE_STRING), true,
                          "{\"delta.columnMapping.physicalName\":\"" CHANGE_TYPE "\"}");
    with = pli__type_builder_finish(&b);
    if (!with) return pli__error_memory(err);
    PLI_TRY(pli__type_to_delta(with, &text, err));
    *out = *m;
    out->schema_string = pli__arena_str(arena, pli__buf_str(&text));
    return pli__arena_status(arena, err);
}

pli_status pli__feed_write(pli__delta *t, const pli__protocol *protocol, const pli__metadata *metadata, const char *sql,
                           bool relaxed, pli__txn_handle *x, pli__written **out, pli_error *err) {
    PLI_AUTO(pli__arena_clear) pli__arena arena = {0};
    const pli__write_options options = {
        .relaxed = relaxed, .trusted = true, .sub_dir = "_change_data", .file_prefix = "cdc"};
    pli__metadata m;
    PLI_TRY(with_change_type(metadata, &arena, &m, err));
    PLI_TRY(pli__write_rows(t, protocol, &m, sql, &options, NULL, out, err));
    for (size_t i = 0; i < pli__written_files(*out); i++) {
        const pli__add *a = pli__written_add_at(*out, i);
        const pli__cdc_file c = {.path = a->path,
                                 .n_partition_values = a->n_partition_values,
                                 .partition_values = a->partition_values,
                                 .size = a->size};
        PLI_TRY(pli__txn_cdc(x, &c, err));
    }
    return PLI_OK;
}
