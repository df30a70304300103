/*
 * Writes the rows of a query to a Delta table, by the public header alone, with two threads of the engine.
 *
 *   write_sql TABLE append|overwrite SQL
 */
#include <stdio.h>
#include <string.h>

#include "pli/table_write.h"

int main(int argc, char **argv) {
    if (argc != 4) return fprintf(stderr, "usage: write_sql TABLE append|overwrite SQL\n"), 2;
    pli_error err = {0};
    pli_env *env = NULL;
    pli_table *table = NULL;
    const pli_env_options engine = {.size = sizeof engine, .threads = 2};
    const bool append = strcmp(argv[2], "append") == 0;
    const pli_write_options how = {.size = sizeof how, .mode = append ? PLI_WRITE_APPEND : PLI_WRITE_OVERWRITE};
    pli_status s = pli_env_new(&engine, &env, &err);
    if (s == PLI_OK) s = pli_table_open(env, argv[1], &table, &err);
    if (s == PLI_OK) s = pli_table_write_sql(table, argv[3], &how, NULL, NULL, &err);
    if (s != PLI_OK) fprintf(stderr, "%s: %s\n", pli_status_name(s), err.message);
    pli_table_close(table);
    pli_env_free(env);
    return s == PLI_OK ? 0 : 1;
}
