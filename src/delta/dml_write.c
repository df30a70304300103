/* What delete, update and merge share. */
#include "delta/dml_write.h"

#include <stdlib.h>

#include "delta/active.h"
#include "delta/dv_write.h"
#include "delta/feed_write.h"
#include "delta/row_ids.h"
#include "delta/transaction_impl.h"

#define ATTEMPTS 20
#define VECTOR_FRAME 100 /* bytes of a vector beside its rows, in its file and in the log */

/* ---- begin and end ---- */

static bool is_on(const pli__dml *d, const char *property) {
    return pli__str_ieqz(pli__snapshot_property(d->snapshot, property), "true");
}

pli_status pli__dml_open(pli__delta *t, bool copy_on_write, bool relaxed, pli__dml *d, pli_error *err) {
    const pli__snapshot_options for_write = {.max_checkpoint = -1, .for_write = true};
    d->table = t;
    d->relaxed = relaxed;
    PLI_TRY(pli__snapshot_open(t, PLI__LATEST, &for_write, &d->snapshot, err));
    d->protocol = pli__snapshot_protocol(d->snapshot);
    d->metadata = pli__snapshot_metadata(d->snapshot);
    d->vectors = !copy_on_write && is_on(d, "delta.enableDeletionVectors") &&
                 pli__snapshot_has_feature(d->snapshot, "deletionVectors");
    d->feed = is_on(d, "delta.enableChangeDataFeed");
    d->result.version = pli__snapshot_version(d->snapshot);
    PLI_TRY(pli__touched_new(t, d->snapshot, &d->touched, err));
    return pli__active_begin(t, &d->mark, err);
}

pli_status pli__dml_begin(pli__delta *t, const char *operation, const char *parameters, bool copy_on_write,
                          bool relaxed, const char *user_metadata, pli__dml *d, pli_error *err) {
    const pli__txn_options options = {.operation = operation,
                                      .operation_params = parameters,
                                      .user_metadata = user_metadata,
                                      .reads = PLI__READS_FILES,
                                      .data_change = true,
                                      .relaxed = relaxed};
    PLI_TRY(pli__dml_open(t, copy_on_write, relaxed, d, err));
    return pli__txn_begin(t, d->snapshot, &options, &d->txn, err);
}

void pli__dml_clear(pli__dml *d) {
    for (size_t i = 0; i < d->n_written; i++) {
        if (!d->result.committed) pli__written_delete(d->written[i], d->table);
        pli__written_free(d->written[i]);
    }
    pli__txn_free(d->txn);
    pli__touched_free(d->touched);
    if (d->snapshot) pli__snapshot_unref(d->snapshot);
    pli__active_end(&d->mark);
    pli__arena_clear(&d->arena);
}

/* ---- rows out of files ---- */

/* Statistics of a file that gets a vector: its bounds are no longer tight. */
static pli_status loosen(pli__dml *d, pli__str stats, int64_t records, pli__str *out, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf text = {0};
    const pli__str tight = PLI_STR("\"tightBounds\":true");
    const char *at = stats.ptr ? memmem(stats.ptr, stats.len, tight.ptr, tight.len) : NULL;
    if (!stats.ptr) pli__buf_addf(&text, "{\"numRecords\":%lld,\"tightBounds\":false}", (long long)records);
    else if (memmem(stats.ptr, stats.len, "\"tightBounds\"", 13) && !at) pli__buf_adds(&text, stats);
    else if (at) {
        pli__buf_add(&text, stats.ptr, (size_t)(at - stats.ptr));
        pli__buf_addz(&text, "\"tightBounds\":false");
        pli__buf_add(&text, at + tight.len, stats.len - (size_t)(at - stats.ptr) - tight.len);
    } else {
        size_t n = stats.len;
        while (n && stats.ptr[n - 1] != '}') n--;
        pli__buf_add(&text, stats.ptr, n ? n - 1 : 0);
        pli__buf_addz(&text, ",\"tightBounds\":false}");
    }
    PLI_TRY(pli__buf_status(&text, err));
    *out = pli__arena_str(&d->arena, pli__buf_str(&text));
    return pli__arena_status(&d->arena, err);
}

static pli_status mark_rows(pli__dml *d, pli__dv_item *items, const size_t *files, size_t n, pli_error *err) {
    PLI_TRY(pli__dv_write(pli__delta_root(d->table), items, n, d->relaxed, &d->arena, err));
    for (size_t i = 0; i < n; i++) {
        const pli__touched_file *f = &d->touched->files[files[i]];
        pli__add add = f->add;
        add.dv = items[i].dv;
        add.data_change = true;
        PLI_TRY(loosen(d, add.stats, f->records, &add.stats, err));
        PLI_TRY(pli__txn_add(d->txn, &add, err));
        d->result.bytes_added += add.dv.size;
    }
    d->result.vectors_added = (int64_t)n;
    return PLI_OK;
}

/* Old and new rows of one file together. */
static pli_status union_rows(const pli__touched_file *f, pli__rows **out, pli_error *err) {
    PLI_AUTO(pli__rows_auto) pli__rows *all = pli__rows_new();
    if (!all || !pli__rows_or(all, f->hit) || (f->gone && !pli__rows_or(all, f->gone))) return pli__error_memory(err);
    *out = PLI_TAKE(all);
    return PLI_OK;
}

/* Does a vector of the file's rows take more than the rows that stay? True of files that are nearly empty. */
static bool rewriting_writes_less(const pli__touched_file *f) {
    const int64_t taken = (int64_t)pli__rows_count(f->hit) + (f->gone ? (int64_t)pli__rows_count(f->gone) : 0);
    const int64_t by_row = taken * 2, by_bit = f->records / 8;
    const double left = (double)f->add.size / (double)f->records * (double)(f->records - taken);
    return left < (double)(VECTOR_FRAME + (by_row < by_bit ? by_row : by_bit));
}

static void choose_vectors(pli__dml *d) {
    for (size_t i = 0; i < d->touched->n; i++) {
        pli__touched_file *f = &d->touched->files[i];
        f->vector = d->vectors && !pli__touched_is_whole(f) && (d->vectors_always || !rewriting_writes_less(f));
    }
}

static pli_status write_vectors(pli__dml *d, pli_error *err) {
    const size_t n_files = d->touched->n;
    pli__dv_item *items = pli__arena_calloc(&d->arena, n_files + 1, sizeof *items);
    size_t *files = pli__arena_calloc(&d->arena, n_files + 1, sizeof *files), n = 0;
    pli_status s = PLI_OK;
    if (!items || !files) return pli__error_memory(err);
    for (size_t i = 0; i < n_files && s == PLI_OK; i++) {
        pli__rows *all = NULL;
        if (!d->touched->files[i].vector) continue;
        s = union_rows(&d->touched->files[i], &all, err);
        items[n].rows = all;
        files[n] = i;
        if (all) n++;
    }
    if (s == PLI_OK && n) s = mark_rows(d, items, files, n, err);
    for (size_t i = 0; i < n; i++) pli__rows_free((pli__rows *)(uintptr_t)items[i].rows);
    return s;
}

pli_status pli__dml_take_rows(pli__dml *d, pli_error *err) {
    pli__touched *x = d->touched;
    PLI_TRY(pli__touched_resolve(x, err));
    choose_vectors(d);
    if (d->vectors) PLI_TRY(write_vectors(d, err));
    for (size_t i = 0; i < x->n; i++) {
        PLI_TRY(pli__txn_read_file(d->txn, x->files[i].add.path, err));
        PLI_TRY(pli__txn_remove_add(d->txn, &x->files[i].add, true, err));
    }
    d->result.files_removed = (int64_t)x->n - d->result.vectors_added;
    d->result.files_scanned = x->files_probed;
    return PLI_OK;
}

bool pli__dml_is_partial(const pli__dml *d) {
    for (size_t i = 0; i < d->touched->n; i++)
        if (!pli__touched_is_whole(&d->touched->files[i])) return true;
    return false;
}

/* ---- writing ---- */

void pli__dml_columns(const pli__dml *d, const char *prefix, pli__buf *out) {
    const pli__type *schema = pli__snapshot_schema(d->snapshot);
    for (size_t i = 0; i < schema->n_fields; i++) {
        if (i) pli__buf_addz(out, ", ");
        pli__buf_addz(out, prefix);
        pli__buf_add_sql_name(out, pli__str_of(schema->fields[i].name));
    }
}

static pli_status write_files(pli__dml *d, const pli__metadata *m, const char *sql, const pli__write_options *options,
                              pli_error *err) {
    pli__written *w = NULL;
    PLI_TRY(pli__write_rows(d->table, d->protocol, m, sql, options, NULL, &w, err));
    d->written[d->n_written++] = w;
    d->result.files_added += (int64_t)pli__written_files(w);
    d->result.bytes_added += pli__written_bytes(w);
    return pli__written_add_to(w, d->txn, err);
}

pli_status pli__dml_rows(pli__dml *d, pli__touched_rows which, bool changed, pli__file_relation **relation,
                         pli__buf *sql, pli_error *err) {
    bool any = false;
    if (pli__row_ids_kept(d->snapshot))
        return pli__row_ids_sql(d->touched, which, changed ? PLI__ROW_IDS_CHANGED : 0, relation, sql, &any, err);
    return pli__touched_sql(d->touched, which, false, relation, sql, &any, err);
}

pli_status pli__dml_write_moved(pli__dml *d, const char *sql, bool trusted, pli_error *err) {
    const pli__write_options options = {
        .relaxed = d->relaxed, .trusted = trusted, .projected = true, .table = d->snapshot};
    pli__metadata m = *d->metadata;
    if (pli__row_ids_kept(d->snapshot)) PLI_TRY(pli__row_ids_metadata(d->metadata, &d->arena, &m, err));
    return write_files(d, &m, sql, &options, err);
}

pli_status pli__dml_write_changes(pli__dml *d, const char *sql, pli_error *err) {
    pli__written *w = NULL;
    PLI_TRY(pli__feed_write(d->table, d->protocol, d->metadata, sql, d->relaxed, d->txn, &w, err));
    d->written[d->n_written++] = w;
    d->result.change_files += (int64_t)pli__written_files(w);
    d->result.bytes_added += pli__written_bytes(w);
    return PLI_OK;
}

pli_status pli__dml_commit(pli__dml *d, pli_error *err) {
    pli__commit_result r;
    PLI_TRY(pli__txn_metric(d->txn, "numRemovedFiles", d->result.files_removed, err));
    PLI_TRY(pli__txn_metric(d->txn, "numAddedFiles", d->result.files_added, err));
    PLI_TRY(pli__txn_metric(d->txn, "numDeletionVectorsAdded", d->result.vectors_added, err));
    PLI_TRY(pli__txn_metric(d->txn, "numCopiedRows", d->result.rows_copied, err));
    PLI_TRY(pli__txn_metric(d->txn, "numAddedBytes", d->result.bytes_added, err));
    PLI_TRY(pli__txn_commit(d->txn, &r, err));
    d->result.version = r.version;
    d->result.committed = true;
    return PLI_OK;
}

pli_status pli__dml_retry(pli__delta *t, pli__dml_attempt_fn *fn, const void *options, pli__dml_result *out,
                          pli_error *err) {
    pli_status s = PLI_E_CONFLICT;
    for (int i = 0; i < ATTEMPTS && s == PLI_E_CONFLICT; i++) {
        pli__dml_result r = {0};
        PLI_TRY(pli__env_check_cancel(pli__delta_env(t), err));
        pli__error_clear(err);
        s = fn(t, options, &r, err);
        if (s == PLI_OK) *out = r;
    }
    return s;
}
