/* Files by their ending as a query of the engine. */
#include "cli/files_query.h"

#include <stdio.h>
#include <string.h>

static void put_text(const char *text, FILE *f) {
    fputc('\'', f);
    for (; *text; text++) {
        if (*text == '\'') fputc('\'', f);
        fputc(*text, f);
    }
    fputc('\'', f);
}

char *cli_files_query(const char *const *paths, size_t n) {
    static const struct {
        const char *ending, *head, *tail;
    } readers[] = {{".csv", "read_csv(", ", union_by_name = true)"},
                   {".ndjson", "read_json(", ", format = 'newline_delimited', union_by_name = true)"},
                   {".jsonl", "read_json(", ", format = 'newline_delimited', union_by_name = true)"},
                   {".json", "read_json(", ", union_by_name = true)"},
                   {"", "read_parquet(", ", union_by_name = true, hive_partitioning = false)"}};
    const char *slash = strrchr(paths[0], '/'), *name = slash ? slash + 1 : paths[0];
    size_t r = 0, len = 0;
    char *text = NULL;
    while (readers[r].ending[0] && !strstr(name, readers[r].ending)) r++; /* .csv.gz too */
    FILE *f = open_memstream(&text, &len);
    if (!f) return NULL;
    fprintf(f, "SELECT * FROM %s[", readers[r].head);
    for (size_t i = 0; i < n; i++) {
        if (i) fputs(", ", f);
        put_text(paths[i], f);
    }
    fprintf(f, "]%s", readers[r].tail);
    fclose(f);
    return text;
}
