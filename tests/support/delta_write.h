/* A table in a temporary folder that is written and read through the engine, for tests of the writing side. */
#ifndef TEST_SUPPORT_DELTA_WRITE_H
#define TEST_SUPPORT_DELTA_WRITE_H

#include "delta/transaction.h"

typedef struct write_fixture {
    void *dir;
    pli_env *env;
    pli__delta *table; /* folder "table" */
} write_fixture;

/* For cmocka's setup and teardown. */
int write_fixture_setup(void **state);
int write_fixture_teardown(void **state);
/* With a memory limit under which partitioned writes take two passes. */
int write_fixture_setup_short_of_memory(void **state);
/* Close the handle and open another table of the folder. */
void write_fixture_open(write_fixture *f, const char *name);

typedef struct write_table {
    const char *partition_by[10]; /* NULL behind the last one */
    const char *properties[8]; /* key, value, …, NULL */
    bool merge_schema;
    int64_t target_file_size;
} write_table;

/* Project, write and commit the rows of a query; creates the table when it is not there. @param how NULL = plain */
pli_status write_append(write_fixture *f, const char *sql, const write_table *how, pli_error *err);
void must_append(write_fixture *f, const char *sql, const write_table *how);
/* Newest version; the caller's reference. */
pli__snapshot *write_latest(write_fixture *f);
/* Our reader gives the rows of a query. */
void expect_rows(write_fixture *f, const char *expected);
/* The same for changes from a version on (with _change_type and _commit_version). */
void expect_changes(write_fixture *f, int64_t from, const char *expected);
int64_t count_files(write_fixture *f);

#endif
