/* The module's table of functions, the only thing that libpli-engine.so exports. */
#include "engine/duckdb/duckdb_module.h"

#include "pli/export.h"

static void interrupt_engine(pli__engine *e) {
    __atomic_store_n(&e->interrupted, 1, __ATOMIC_RELAXED);
    duckdb_interrupt(e->con);
}

static double progress_of(pli__engine *e, uint64_t *rows_done, uint64_t *rows_total) {
    const duckdb_query_progress_type p = duckdb_query_progress(e->con);
    if (rows_done) *rows_done = p.rows_processed;
    if (rows_total) *rows_total = p.total_rows_to_process;
    return p.percentage;
}

static const char *library_version(void) { return duckdb_library_version(); }

static const pli__engine_ops ops = {
    .version = PLI__ENGINE_ABI,
    .open = pli__duckdb_open,
    .close = pli__duckdb_close,
    .connect = pli__duckdb_connect,
    .renew = pli__duckdb_renew,
    .exec = pli__duckdb_exec,
    .query = pli__duckdb_query,
    .describe = pli__duckdb_describe,
    .result_schema = pli__duckdb_result_schema,
    .result_next = pli__duckdb_result_next,
    .result_free = pli__duckdb_result_free,
    .chunk_str = pli__duckdb_chunk_str,
    .query_arrow = pli__duckdb_query_arrow,
    .register_arrow = pli__duckdb_register_arrow,
    .unregister = pli__duckdb_unregister,
    .append_text = pli__duckdb_append_text,
    .copy = pli__duckdb_copy,
    .interrupt = interrupt_engine,
    .progress = progress_of,
    .load_extension = pli__duckdb_load_extension,
    .library_version = library_version,
};

PLI_API pli__engine_module_fn pli_engine_module_v1;

const pli__engine_ops *pli_engine_module_v1(void) { return &ops; }
