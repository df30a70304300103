/* An engine for a test, and its answers as text. Everything fails the test if it cannot. */
#ifndef TEST_SUPPORT_ENGINE_KIT_H
#define TEST_SUPPORT_ENGINE_KIT_H

#include "engine/engine.h"

/** Two threads, rows in order. */
pli__engine *kit_open(void);
pli__engine *kit_open_with(const pli__engine_options *options);
void kit_exec(pli__engine *e, const char *sql);
/** The statement must fail. @return its error; static, until the next call */
const pli_error *kit_error(pli__engine *e, const char *sql);
/** First value of a query as text (NULL: "NULL"); static, until the next call. */
const char *kit_text(pli__engine *e, const char *sql);
int64_t kit_i64(pli__engine *e, const char *sql);
/** Two expressions or queries have the same multiset of rows. */
void kit_same_rows(pli__engine *e, const char *actual, const char *expected);
/** Columns of a query as SQL type text; static, until the next call. */
const char *kit_describe(pli__engine *e, const char *sql);

#endif
