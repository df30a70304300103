/* A query over files named on the command line. */
#ifndef PLI_CLI_FILES_QUERY_H
#define PLI_CLI_FILES_QUERY_H

#include <stddef.h>

/** Read files or globs by the ending of the first: csv, ndjson, json, else parquet. malloc'ed; NULL = out of memory. */
char *cli_files_query(const char *const *paths, size_t n);

#endif
