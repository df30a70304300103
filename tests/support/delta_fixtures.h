/* Where the shared fixtures are, and rows compared as multisets by the engine. */
#ifndef TEST_SUPPORT_DELTA_FIXTURES_H
#define TEST_SUPPORT_DELTA_FIXTURES_H

#include "engine/env.h"

/* $PLI_SHARED, else ../shared beside the source tree; NULL if it is not there. Static. */
const char *fixtures_shared(void);
/* An environment whose warnings fail nothing and are kept quiet. */
pli_env *fixtures_env(const char *zone);
/* Fails the test, showing some of the rows, unless both queries give the same multiset of rows, names and types. */
void assert_same_rows(pli_env *env, const char *actual_sql, const char *expected_sql);
/* First value of a query as text. */
void fixtures_text(pli_env *env, const char *sql, pli__buf *out);

#endif
