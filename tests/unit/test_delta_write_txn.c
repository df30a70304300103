/* Transactions over a memory store: the commit, lost answers, repeats, and the matrix of conflicts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>

#include "delta/features.h"
#include "delta/table.h"
#include "delta/transaction.h"
#include "port/store_memory.h"
#include "support/delta_log.h"

static int setup(void **state) {
    log_fixture *f = calloc(1, sizeof *f);
    log_fixture_open(f);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    log_fixture_close(*state);
    free(*state);
    return 0;
}

/* ---- helpers ---- */

static const pli__metadata plain = {
    .id = {"table-1", 7},
    .format_provider = {"parquet", 7},
    .created_time = 5,
    .schema_string = {
        "{\"type\":\"struct\",\"fields\":[{\"name\":\"id\",\"type\":\"long\",\"nullable\":true,\"metadata\":{}}]}",
        88}};

static pli__metadata plain_metadata(void) {
    pli__metadata m = plain;
    m.schema_string.len = strlen(m.schema_string.ptr);
    return m;
}

static pli__txn_handle *begin(log_fixture *f, pli__snapshot *s, pli__txn_reads reads) {
    pli__txn_handle *x = NULL;
    const pli__txn_options o = {.operation = "TEST", .reads = reads, .data_change = true, .no_file_check = true};
    assert_int_equal(pli__txn_begin(f->table, s, &o, &x, NULL), PLI_OK);
    return x;
}

static pli__snapshot *latest(log_fixture *f) {
    pli__snapshot *s = NULL;
    pli_error err = {0};
    if (pli__snapshot_open(f->table, PLI__LATEST, NULL, &s, &err) != PLI_OK) fail_msg("%s", err.message);
    return s;
}

static void add_part(pli__txn_handle *x, const char *path, const char *part, bool data_change) {
    const pli__kv kv = {PLI_STR("part"), part ? pli__str_of(part) : (pli__str){0}};
    const pli__add a = {.path = pli__str_of(path),
                        .size = 10,
                        .modification_time = 1,
                        .data_change = data_change,
                        .stats = PLI_STR("{\"numRecords\":4}"),
                        .n_partition_values = part ? 1 : 0,
                        .partition_values = &kv,
                        .base_row_id = -1,
                        .default_row_commit_version = -1};
    assert_int_equal(pli__txn_add(x, &a, NULL), PLI_OK);
}

static void add_file(pli__txn_handle *x, const char *path) { add_part(x, path, NULL, true); }

static void remove_file(pli__txn_handle *x, const char *path, bool data_change) {
    const pli__remove r = {.path = pli__str_of(path),
                           .deletion_timestamp = 5,
                           .data_change = data_change,
                           .size = 10,
                           .base_row_id = -1,
                           .default_row_commit_version = -1};
    assert_int_equal(pli__txn_remove(x, &r, NULL), PLI_OK);
}

static pli_status commit(pli__txn_handle *x, pli__commit_result *r, pli_error *err) {
    pli__commit_result ignored;
    pli_error local = {0};
    const pli_status s = pli__txn_commit(x, r ? r : &ignored, err ? err : &local);
    pli__txn_free(x);
    return s;
}

static void create(log_fixture *f) {
    pli__txn_handle *x = begin(f, NULL, PLI__READS_NOTHING);
    const pli__metadata m = plain_metadata();
    assert_int_equal(pli__txn_set_metadata(x, &m, NULL), PLI_OK);
    add_file(x, "a");
    add_file(x, "b");
    assert_int_equal(commit(x, NULL, NULL), PLI_OK);
}

static json_t *commit_line(log_fixture *f, int64_t version, const char *key) {
    char name[40];
    pli__buf text = {0};
    json_t *found = NULL;
    snprintf(name, sizeof name, "%020lld.json", (long long)version);
    assert_int_equal(pli__store_get(f->store, name, 1 << 20, &text, NULL), PLI_OK);
    for (char *line = strtok_r(text.ptr, "\n", &(char *){NULL}); line;) {
        json_t *o = json_loads(line, 0, NULL);
        assert_non_null(o);
        if (!found) found = json_incref(json_object_get(o, key));
        json_decref(o);
        line = line + strlen(line) + 1 < text.ptr + text.len ? line + strlen(line) + 1 : NULL;
        if (line) line[strcspn(line, "\n")] = '\0';
    }
    pli__buf_clear(&text);
    return found;
}

static void expect_files(log_fixture *f, const char *expected) {
    char files[1000];
    pli__snapshot *s = latest(f);
    log_fixture_files(f, s, files, sizeof files);
    pli__snapshot_unref(s);
    assert_string_equal(files, expected);
}

/* ---- the commit ---- */

static void test_delta_write_txn__the_first_commit_makes_the_table(void **state) {
    log_fixture *f = *state;
    create(f);
    expect_files(f, "a,b");
    json_t *info = commit_line(f, 0, "commitInfo"), *protocol = commit_line(f, 0, "protocol");
    assert_string_equal(json_string_value(json_object_get(info, "operation")), "TEST");
    assert_true(json_is_true(json_object_get(info, "isBlindAppend")));
    assert_null(json_object_get(info, "readVersion"));
    assert_memory_equal(json_string_value(json_object_get(info, "engineInfo")), "polars-incremental/", 19);
    assert_int_equal(json_integer_value(json_object_get(protocol, "minWriterVersion")), 2);
    json_decref(info);
    json_decref(protocol);
}

static void test_delta_write_txn__without_metadata_nothing_is_made(void **state) {
    log_fixture *f = *state;
    pli__txn_handle *x = begin(f, NULL, PLI__READS_NOTHING);
    add_file(x, "a");
    assert_int_equal(commit(x, NULL, NULL), PLI_E_STATE);
    bool exists = true;
    assert_int_equal(pli__delta_exists(f->table, &exists, NULL), PLI_OK);
    assert_false(exists);
}

static void test_delta_write_txn__metrics_are_strings(void **state) {
    log_fixture *f = *state;
    create(f);
    pli__snapshot *s = latest(f);
    pli__txn_handle *x = begin(f, s, PLI__READS_NOTHING);
    add_file(x, "c");
    assert_int_equal(pli__txn_metric(x, "numFiles", 1, NULL), PLI_OK);
    pli__commit_result r;
    assert_int_equal(commit(x, &r, NULL), PLI_OK);
    assert_int_equal(r.version, 1);
    assert_int_equal(r.attempts, 1);
    assert_string_equal(r.table_id, "table-1");
    json_t *info = commit_line(f, 1, "commitInfo");
    assert_string_equal(json_string_value(json_object_get(json_object_get(info, "operationMetrics"), "numFiles")), "1");
    assert_int_equal(json_integer_value(json_object_get(info, "readVersion")), 0);
    assert_string_equal(json_string_value(json_object_get(info, "txnId")), r.txn_id);
    json_decref(info);
    pli__snapshot_unref(s);
}

static void test_delta_write_txn__a_collision_is_tried_again_behind_the_winner(void **state) {
    log_fixture *f = *state;
    create(f);
    pli__snapshot *s = latest(f);
    for (int i = 0; i < 3; i++) {
        char name[16];
        snprintf(name, sizeof name, "w%d", i);
        pli__txn_handle *x = begin(f, s, PLI__READS_NOTHING);
        add_file(x, name);
        pli__commit_result r;
        assert_int_equal(commit(x, &r, NULL), PLI_OK);
        assert_int_equal(r.version, i + 1);
        assert_int_equal(r.attempts, i ? 2 : 1);
    }
    pli__snapshot_unref(s);
    expect_files(f, "a,b,w0,w1,w2");
}

static void plant(log_fixture *f, pli_status status, bool took_effect) {
    const pli__store_fault fault = {
        .op = PLI__STORE_PUT, .key_part = ".json", .nth = 1, .status = status, .took_effect = took_effect};
    assert_int_equal(pli__store_memory_plant(f->store, &fault, NULL), PLI_OK);
}

static void test_delta_write_txn__a_lost_answer_is_looked_up(void **state) {
    log_fixture *f = *state;
    create(f);
    const pli_status answers[] = {PLI_E_UNKNOWN, PLI_E_EXISTS, PLI_E_UNKNOWN};
    const bool effects[] = {true, true, false};
    for (int i = 0; i < 3; i++) {
        char name[16];
        snprintf(name, sizeof name, "l%d", i);
        pli__snapshot *s = latest(f);
        pli__txn_handle *x = begin(f, s, PLI__READS_NOTHING);
        add_file(x, name);
        plant(f, answers[i], effects[i]);
        pli__commit_result r;
        assert_int_equal(commit(x, &r, NULL), PLI_OK);
        assert_int_equal(r.version, i + 1);
        assert_false(r.repeat);
        pli__snapshot_unref(s);
    }
    expect_files(f, "a,b,l0,l1,l2");
}

/* The put took effect, its answer was lost, and the log cannot be read: what the commit may name must not be deleted. */
static void test_delta_write_txn__an_unknown_outcome_is_remembered(void **state) {
    log_fixture *f = *state;
    create(f);
    pli__snapshot *s = latest(f);
    pli__txn_handle *x = begin(f, s, PLI__READS_NOTHING);
    const pli__store_fault unreadable = {.op = PLI__STORE_GET, .key_part = "1.json", .nth = 1, .status = PLI_E_IO};
    add_file(x, "c");
    plant(f, PLI_E_UNKNOWN, true);
    assert_int_equal(pli__store_memory_plant(f->store, &unreadable, NULL), PLI_OK);
    assert_int_equal(commit(x, NULL, NULL), PLI_E_IO);
    assert_true(f->table->commit_unknown);
    pli__snapshot_unref(s);
    expect_files(f, "a,b,c");
    s = latest(f);
    x = begin(f, s, PLI__READS_NOTHING);
    add_file(x, "d");
    assert_int_equal(commit(x, NULL, NULL), PLI_OK);
    assert_false(f->table->commit_unknown);
    pli__snapshot_unref(s);
}

static void test_delta_write_txn__an_io_error_leaves_nothing(void **state) {
    log_fixture *f = *state;
    create(f);
    pli__snapshot *s = latest(f);
    pli__txn_handle *x = begin(f, s, PLI__READS_NOTHING);
    add_file(x, "c");
    plant(f, PLI_E_DISK_FULL, false);
    assert_int_equal(commit(x, NULL, NULL), PLI_E_DISK_FULL);
    pli__snapshot_unref(s);
    expect_files(f, "a,b");
}

static void test_delta_write_txn__a_version_below_a_cleaned_log_is_never_written(void **state) {
    log_fixture *f = *state;
    create(f);
    pli__snapshot *s = latest(f);
    assert_int_equal(pli__store_remove(f->store, "00000000000000000000.json", NULL), PLI_OK);
    pli__txn_handle *x = begin(f, s, PLI__READS_NOTHING);
    add_file(x, "c");
    assert_int_equal(commit(x, NULL, NULL), PLI_E_CONFLICT);
    pli__snapshot_unref(s);
}

static void test_delta_write_txn__checksums_follow_from_one_version_to_the_next(void **state) {
    log_fixture *f = *state;
    create(f);
    pli__snapshot *s = latest(f);
    pli__txn_handle *x = begin(f, s, PLI__READS_TABLE);
    add_file(x, "c");
    remove_file(x, "a", true);
    remove_file(x, "b", true);
    assert_int_equal(commit(x, NULL, NULL), PLI_OK);
    pli__snapshot_unref(s);
    pli__buf text = {0};
    assert_int_equal(pli__store_get(f->store, "00000000000000000001.crc", 1 << 20, &text, NULL), PLI_OK);
    json_t *crc = json_loads(text.ptr, 0, NULL);
    assert_int_equal(json_integer_value(json_object_get(crc, "numFiles")), 1);
    assert_int_equal(json_integer_value(json_object_get(crc, "tableSizeBytes")), 10);
    assert_string_equal(json_string_value(json_object_get(json_object_get(crc, "metadata"), "id")), "table-1");
    assert_non_null(json_object_get(json_object_get(crc, "protocol"), "minReaderVersion"));
    json_decref(crc);
    pli__buf_clear(&text);
}

/* ---- rules of any commit ---- */

static void test_delta_write_txn__the_same_file_cannot_be_added_twice(void **state) {
    log_fixture *f = *state;
    create(f);
    pli__snapshot *s = latest(f);
    pli__txn_handle *x = begin(f, s, PLI__READS_NOTHING);
    add_file(x, "c");
    const pli__add again = {.path = PLI_STR("c"), .base_row_id = -1};
    assert_int_equal(pli__txn_add(x, &again, NULL), PLI_E_STATE);
    pli__txn_free(x);
    x = begin(f, s, PLI__READS_TABLE);
    add_file(x, "a");
    remove_file(x, "a", true);
    assert_int_equal(commit(x, NULL, NULL), PLI_E_STATE);
    pli__snapshot_unref(s);
}

static void set_property(log_fixture *f, const char *key, const char *value) {
    pli__snapshot *s = latest(f);
    pli__txn_handle *x = begin(f, s, PLI__READS_NOTHING);
    pli__metadata m = *pli__snapshot_metadata(s);
    const pli__kv kv = {pli__str_of(key), pli__str_of(value)};
    m.configuration = &kv;
    m.n_configuration = 1;
    assert_int_equal(pli__txn_set_metadata(x, &m, NULL), PLI_OK);
    pli_error err = {0};
    if (commit(x, NULL, &err) != PLI_OK) fail_msg("%s", err.message);
    pli__snapshot_unref(s);
}

static void test_delta_write_txn__an_append_only_table_keeps_its_rows(void **state) {
    log_fixture *f = *state;
    create(f);
    set_property(f, "delta.appendOnly", "true");
    pli__snapshot *s = latest(f);
    pli__txn_handle *x = begin(f, s, PLI__READS_TABLE);
    remove_file(x, "a", true);
    assert_int_equal(commit(x, NULL, NULL), PLI_E_CONSTRAINT);
    x = begin(f, s, PLI__READS_TABLE);
    remove_file(x, "a", false);
    add_part(x, "a2", NULL, false);
    assert_int_equal(commit(x, NULL, NULL), PLI_OK);
    pli__snapshot_unref(s);
}

static void test_delta_write_txn__a_commit_cannot_take_rows_and_append_only_away_together(void **state) {
    log_fixture *f = *state;
    create(f);
    pli__snapshot *before = latest(f);
    set_property(f, "delta.appendOnly", "true");
    pli__snapshot *s = latest(f);
    pli__txn_handle *x = begin(f, s, PLI__READS_TABLE);
    assert_int_equal(pli__txn_set_metadata(x, pli__snapshot_metadata(before), NULL), PLI_OK);
    remove_file(x, "a", true);
    assert_int_equal(commit(x, NULL, NULL), PLI_E_CONSTRAINT);
    pli__snapshot_unref(s);
    pli__snapshot_unref(before);
}

/* ---- row ids, in-commit timestamps ---- */

static int64_t member(log_fixture *f, int64_t version, const char *action, const char *key) {
    json_t *o = commit_line(f, version, action);
    assert_non_null(o);
    const json_t *v = json_object_get(o, key);
    const int64_t n = json_is_integer(v) ? json_integer_value(v) : -1;
    json_decref(o);
    return n;
}

static void test_delta_write_txn__row_ids_are_assigned_anew_behind_a_winner(void **state) {
    log_fixture *f = *state;
    create(f);
    set_property(f, "delta.enableRowTracking", "true");
    pli__snapshot *s = latest(f);
    for (int i = 0; i < 2; i++) {
        pli__txn_handle *x = begin(f, s, PLI__READS_NOTHING);
        add_file(x, i ? "y" : "x");
        assert_int_equal(commit(x, NULL, NULL), PLI_OK);
    }
    pli__snapshot_unref(s);
    assert_int_equal(member(f, 2, "add", "baseRowId"), 0);
    assert_int_equal(member(f, 2, "add", "defaultRowCommitVersion"), 2);
    assert_int_equal(member(f, 3, "add", "baseRowId"), 4);
    assert_int_equal(member(f, 3, "add", "defaultRowCommitVersion"), 3);
    json_t *domain = commit_line(f, 3, "domainMetadata");
    assert_string_equal(json_string_value(json_object_get(domain, "configuration")), "{\"rowIdHighWaterMark\":7}");
    json_decref(domain);
}

static void test_delta_write_txn__in_commit_timestamps_grow_and_name_their_beginning(void **state) {
    log_fixture *f = *state;
    create(f);
    set_property(f, "delta.enableInCommitTimestamps", "true");
    json_t *m = commit_line(f, 1, "metaData");
    const json_t *config = json_object_get(m, "configuration");
    assert_string_equal(json_string_value(json_object_get(config, "delta.inCommitTimestampEnablementVersion")), "1");
    json_decref(m);
    int64_t last = member(f, 1, "commitInfo", "inCommitTimestamp");
    assert_true(last > 0);
    pli__snapshot *s = latest(f);
    for (int i = 0; i < 3; i++) {
        pli__txn_handle *x = begin(f, s, PLI__READS_NOTHING);
        char name[16];
        snprintf(name, sizeof name, "t%d", i);
        add_file(x, name);
        assert_int_equal(commit(x, NULL, NULL), PLI_OK);
        const int64_t now = member(f, 2 + i, "commitInfo", "inCommitTimestamp");
        assert_true(now > last);
        last = now;
    }
    pli__snapshot_unref(s);
}

/* ---- repeats ---- */

typedef struct {
    int64_t mine;
    int calls;
} repeat_state;

static pli_status is_repeat(void *arg, const pli__txn *found, int64_t commit_version, pli_error *err) {
    repeat_state *r = arg;
    (void)commit_version;
    r->calls++;
    return found->version >= r->mine ? pli__error_set(err, PLI_E_EXISTS, "there") : PLI_OK;
}

static pli__txn_handle *begin_batch(log_fixture *f, pli__snapshot *s, repeat_state *r, const char *path) {
    pli__txn_handle *x = NULL;
    const pli__txn_options o = {.operation = "TEST", .no_file_check = true, .repeat = is_repeat, .repeat_arg = r};
    assert_int_equal(pli__txn_begin(f->table, s, &o, &x, NULL), PLI_OK);
    assert_int_equal(pli__txn_set_txn(x, PLI_STR("app"), r->mine, NULL), PLI_OK);
    add_file(x, path);
    return x;
}

static void test_delta_write_txn__a_repeat_is_seen_in_the_snapshot_and_in_a_winner(void **state) {
    log_fixture *f = *state;
    create(f);
    pli__snapshot *before = latest(f);
    repeat_state r = {.mine = 7};
    pli__commit_result result;
    assert_int_equal(commit(begin_batch(f, before, &r, "c"), &result, NULL), PLI_OK);
    assert_false(result.repeat);
    assert_int_equal(commit(begin_batch(f, before, &r, "d"), &result, NULL), PLI_OK);
    assert_true(result.repeat);
    assert_int_equal(result.version, 1);
    pli__snapshot_unref(before);
    pli__snapshot *after = latest(f);
    assert_int_equal(commit(begin_batch(f, after, &r, "e"), &result, NULL), PLI_OK);
    assert_true(result.repeat);
    pli__snapshot_unref(after);
    assert_int_equal(r.calls, 2);
    expect_files(f, "a,b,c");
}

static void test_delta_write_txn__another_batch_of_the_same_application_is_a_conflict(void **state) {
    log_fixture *f = *state;
    create(f);
    pli__snapshot *s = latest(f);
    repeat_state first = {.mine = 7}, second = {.mine = 8};
    assert_int_equal(commit(begin_batch(f, s, &first, "c"), NULL, NULL), PLI_OK);
    pli_error err = {0};
    assert_int_equal(commit(begin_batch(f, s, &second, "d"), NULL, &err), PLI_E_CONFLICT);
    assert_true(err.flags & PLI_ERR_CONFLICT);
    pli__snapshot_unref(s);
}

/* ---- the matrix ---- */

typedef enum { NOTHING, ADD, ADD_P1, ADD_P2, DELETE_A, DELETE_B, COMPACT_A, METADATA, PROTOCOL, DOMAIN_X, TXN_T } act;

typedef struct {
    const char *name;
    act winner, mine;
    pli__txn_reads reads;
    const char *read_file; /* with PLI__READS_FILES */
    const char *reads_part; /* only files of this partition would have been read */
    bool conflict;
} matrix_row;

static pli_status in_part(void *arg, const pli__add *add, bool *matches, pli_error *err) {
    (void)err;
    *matches = add->n_partition_values == 1 && pli__str_eqz(add->partition_values[0].value, arg);
    return PLI_OK;
}

static void do_act(pli__txn_handle *x, pli__snapshot *s, act a, const char *name) {
    pli__metadata m = *pli__snapshot_metadata(s);
    const pli__protocol p = {.min_reader = 1, .min_writer = 3};
    const pli__domain d = {PLI_STR("x"), PLI_STR("1"), false};
    switch (a) {
        case NOTHING: break;
        case ADD:
        case ADD_P1: add_part(x, name, "1", true); break;
        case ADD_P2: add_part(x, name, "2", true); break;
        case DELETE_A: remove_file(x, "a", true); break;
        case DELETE_B: remove_file(x, "b", true); break;
        case COMPACT_A:
            remove_file(x, "a", false);
            add_part(x, name, "1", false);
            break;
        case METADATA: assert_int_equal(pli__txn_set_metadata(x, &m, NULL), PLI_OK); break;
        case PROTOCOL: assert_int_equal(pli__txn_set_protocol(x, &p, NULL), PLI_OK); break;
        case DOMAIN_X: assert_int_equal(pli__txn_set_domain(x, &d, NULL), PLI_OK); break;
        case TXN_T: assert_int_equal(pli__txn_set_txn(x, PLI_STR("t"), 1, NULL), PLI_OK); break;
    }
}

/* What each pair of a winner and a transaction of ours must come to (our checklist 2.5). */
static const matrix_row matrix[] = {
    {"append, append", ADD, ADD, PLI__READS_NOTHING, NULL, NULL, false},
    {"append, nothing read", ADD, NOTHING, PLI__READS_NOTHING, NULL, NULL, false},
    {"disjoint delete and read", DELETE_A, ADD, PLI__READS_FILES, "b", "2", false},
    {"disjoint add and read", ADD_P1, ADD_P2, PLI__READS_FILES, "b", "2", false},
    {"disjoint partitions, delete", ADD_P1, DELETE_B, PLI__READS_FILES, "b", "2", false},
    {"add and read", ADD_P2, DELETE_B, PLI__READS_FILES, "b", "2", true},
    {"add and read without a test", ADD, DELETE_B, PLI__READS_FILES, "b", NULL, true},
    {"delete, delete", DELETE_A, DELETE_A, PLI__READS_FILES, "a", "1", true},
    {"delete, delete, blind", DELETE_A, DELETE_A, PLI__READS_NOTHING, NULL, NULL, true},
    {"delete and read", DELETE_A, ADD_P2, PLI__READS_FILES, "a", "2", true},
    {"whole table read, add", ADD, DELETE_B, PLI__READS_TABLE, NULL, NULL, true},
    {"whole table read, remove", DELETE_A, ADD, PLI__READS_TABLE, NULL, NULL, true},
    {"metadata", METADATA, ADD, PLI__READS_NOTHING, NULL, NULL, true},
    {"both change metadata", METADATA, METADATA, PLI__READS_NOTHING, NULL, NULL, true},
    {"append, then metadata", ADD, METADATA, PLI__READS_NOTHING, NULL, NULL, false},
    {"protocol, protocol", PROTOCOL, PROTOCOL, PLI__READS_NOTHING, NULL, NULL, true},
    {"protocol, append", PROTOCOL, ADD, PLI__READS_NOTHING, NULL, NULL, true},
    {"same domain", DOMAIN_X, DOMAIN_X, PLI__READS_NOTHING, NULL, NULL, true},
    {"domain, append", DOMAIN_X, ADD, PLI__READS_NOTHING, NULL, NULL, false},
    {"same application", TXN_T, TXN_T, PLI__READS_NOTHING, NULL, NULL, true},
    {"application, append", TXN_T, ADD, PLI__READS_NOTHING, NULL, NULL, false},
    {"compaction over appends", ADD, COMPACT_A, PLI__READS_FILES, "a", NULL, false},
    {"append over compaction", COMPACT_A, ADD, PLI__READS_NOTHING, NULL, NULL, false},
    {"compaction of what was deleted", DELETE_A, COMPACT_A, PLI__READS_FILES, "a", NULL, true},
    {"two compactions", COMPACT_A, COMPACT_A, PLI__READS_FILES, "a", NULL, true},
    {"delete of what was compacted", COMPACT_A, DELETE_A, PLI__READS_FILES, "a", "9", true},
};

static void make_partitioned(log_fixture *f) {
    pli__txn_handle *x = begin(f, NULL, PLI__READS_NOTHING);
    pli__metadata m = plain_metadata();
    const pli__str columns[] = {PLI_STR("part")};
    m.partition_columns = columns;
    m.n_partition_columns = 1;
    m.schema_string = PLI_STR(
        "{\"type\":\"struct\",\"fields\":[{\"name\":\"id\",\"type\":\"long\",\"nullable\":true,\"metadata\":{}},"
        "{\"name\":\"part\",\"type\":\"string\",\"nullable\":true,\"metadata\":{}}]}");
    assert_int_equal(pli__txn_set_metadata(x, &m, NULL), PLI_OK);
    add_part(x, "a", "1", true);
    add_part(x, "b", "2", true);
    assert_int_equal(commit(x, NULL, NULL), PLI_OK);
}

static void test_delta_write_txn__winners_conflict_as_in_spark(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof matrix / sizeof matrix[0]; i++) {
        const matrix_row *row = &matrix[i];
        log_fixture f;
        log_fixture_open(&f);
        make_partitioned(&f);
        pli__snapshot *s = latest(&f);
        pli__txn_handle *winner = begin(&f, s, PLI__READS_NOTHING), *mine = begin(&f, s, row->reads);
        do_act(winner, s, row->winner, "w");
        do_act(mine, s, row->mine, "m");
        if (row->read_file) assert_int_equal(pli__txn_read_file(mine, pli__str_of(row->read_file), NULL), PLI_OK);
        if (row->reads_part) pli__txn_read_match(mine, in_part, (void *)row->reads_part);
        assert_int_equal(commit(winner, NULL, NULL), PLI_OK);
        pli_error err = {0};
        const pli_status got = commit(mine, NULL, &err);
        if (got != (row->conflict ? PLI_E_CONFLICT : PLI_OK))
            fail_msg("%s: got %s (%s)", row->name, pli_status_name(got), err.message);
        if (row->conflict) assert_true(err.flags & PLI_ERR_CONFLICT);
        pli__snapshot_unref(s);
        log_fixture_close(&f);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_delta_write_txn__##name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(the_first_commit_makes_the_table),
        TEST(without_metadata_nothing_is_made),
        TEST(metrics_are_strings),
        TEST(a_collision_is_tried_again_behind_the_winner),
        TEST(a_lost_answer_is_looked_up),
        TEST(an_unknown_outcome_is_remembered),
        TEST(an_io_error_leaves_nothing),
        TEST(a_version_below_a_cleaned_log_is_never_written),
        TEST(checksums_follow_from_one_version_to_the_next),
        TEST(the_same_file_cannot_be_added_twice),
        TEST(an_append_only_table_keeps_its_rows),
        TEST(a_commit_cannot_take_rows_and_append_only_away_together),
        TEST(row_ids_are_assigned_anew_behind_a_winner),
        TEST(in_commit_timestamps_grow_and_name_their_beginning),
        TEST(a_repeat_is_seen_in_the_snapshot_and_in_a_winner),
        TEST(another_batch_of_the_same_application_is_a_conflict),
        cmocka_unit_test(test_delta_write_txn__winners_conflict_as_in_spark),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
