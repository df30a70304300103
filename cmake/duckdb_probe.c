/* Prints the version of the DuckDB library it is linked to; used by cmake/PliDuckDB.cmake and scripts/setup. */
#include <stdio.h>

#include "duckdb.h"

int main(void) { return fputs(duckdb_library_version(), stdout) < 0; }
