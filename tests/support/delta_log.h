/* Delta logs written by hand in a memory store, for unit tests of the reading side. */
#ifndef TEST_SUPPORT_DELTA_LOG_H
#define TEST_SUPPORT_DELTA_LOG_H

#include "delta/snapshot.h"

#define LOG_PROTOCOL "{\"protocol\":{\"minReaderVersion\":1,\"minWriterVersion\":2}}\n"
#define LOG_METADATA_WITH(members)                                                                                     \
    "{\"metaData\":{\"id\":\"t\",\"format\":{\"provider\":\"parquet\",\"options\":{}},\"schemaString\":"               \
    "\"{\\\"type\\\":\\\"struct\\\",\\\"fields\\\":[{\\\"name\\\":\\\"id\\\",\\\"type\\\":\\\"long\\\","               \
    "\\\"nullable\\\":true,\\\"metadata\\\":{}}]}\",\"partitionColumns\":[]," members "}}\n"
#define LOG_METADATA LOG_METADATA_WITH("\"configuration\":{}")
#define LOG_ADD(path)                                                                                                  \
    "{\"add\":{\"path\":\"" path "\",\"partitionValues\":{},\"size\":10,\"modificationTime\":1,\"dataChange\":true}}\n"
#define LOG_REMOVE(path) "{\"remove\":{\"path\":\"" path "\",\"deletionTimestamp\":5,\"dataChange\":true}}\n"

#define LOG_V2_NAME(version) "0000000000000000000" version ".checkpoint.80a083e8-7026-4e79-81be-64bd76c43a11.json"

typedef struct log_fixture {
    pli_env *env;
    pli__store *store; /* owned by the table */
    pli__delta *table;
    char warnings[4000]; /* lines of the log, joined */
} log_fixture;

/* Fails the test if it cannot. */
void log_fixture_open(log_fixture *f);
void log_fixture_close(log_fixture *f);
void log_fixture_commit(log_fixture *f, int64_t version, const char *lines);
void log_fixture_put(log_fixture *f, const char *key, const char *text);
/* Paths of the active files, sorted and joined by ','. */
void log_fixture_files(log_fixture *f, pli__snapshot *s, char *out, size_t cap);
/* Setup and teardown of a test, whose state is a log_fixture. */
int log_fixture_set_up(void **state);
int log_fixture_tear_down(void **state);
pli__snapshot *log_fixture_open_at(log_fixture *f, int64_t version);
void assert_log_files(log_fixture *f, pli__snapshot *s, const char *expected);
/* Opening fails with the code, and the message holds the text. */
void assert_log_refused(log_fixture *f, int64_t version, pli_status code, const char *text);

#endif
