/*
 * A Parquet file without rows, for the end of a list of one. DuckDB reads a single file of a given schema with one thread,
 * since it has not looked at how many row groups there are; a list of two it reads with all threads.
 */
#ifndef PLI_ENGINE_EMPTY_PARQUET_H
#define PLI_ENGINE_EMPTY_PARQUET_H

#include "port/memory_file.h"

/** The file's path, written to `path`; good for the life of the process. Thread-safe. NULL where there can be none: then one
 *  thread has to do. */
const char *pli__empty_parquet(char path[PLI__MEMORY_FILE_PATH]);

#endif
