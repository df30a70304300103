/*
 * Appends to a Delta table that is kept open, by the public header alone, and prints what each took.
 *
 *   append TABLE APPENDS ROWS
 *   {"first_ms", "median_ms", "mean_ms", "max_ms", "first_tenth_ms", "last_tenth_ms", "cpu_ms", "peak_mb"}
 *
 * The first append opens the table; median and mean are those of the others. The tenths are medians of the first and of the last
 * tenth: they show whether a commit's cost grows. cpu_ms is processor time per append.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "pli/table_write.h"

static double seconds(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void must(pli_status status, const pli_error *err) {
    if (status == PLI_OK) return;
    fprintf(stderr, "%s: %s\n", pli_status_name(status), err->message);
    exit(1);
}

static int ascending(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(const double *of, int n) {
    double *sorted = malloc((size_t)n * sizeof *sorted);
    for (int i = 0; i < n; i++) sorted[i] = of[i];
    qsort(sorted, (size_t)n, sizeof *sorted, ascending);
    const double m = sorted[n / 2];
    free(sorted);
    return m;
}

int main(int argc, char **argv) {
    if (argc != 4) return fprintf(stderr, "usage: append TABLE APPENDS ROWS\n"), 2;
    const int n = atoi(argv[2]), rows = atoi(argv[3]);
    pli_error err = {0};
    pli_env *env = NULL;
    pli_table *table = NULL;
    struct rusage usage;
    char sql[300];
    double *took = malloc((size_t)(n + 1) * sizeof *took), sum = 0, most = 0;
    const double began = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
    must(pli_env_new(NULL, &env, &err), &err);
    must(pli_table_open(env, argv[1], &table, &err), &err);
    for (int i = 0; i < n; i++) {
        const double start = i ? seconds(CLOCK_MONOTONIC) : began;
        snprintf(
            sql, sizeof sql,
            "SELECT range + %d AS id, TIMESTAMPTZ '2024-01-01 00:00:00+00' AS ts, 'name' || range AS name, range / 7 AS x "
            "FROM range(%d)",
            i * rows, rows);
        must(pli_table_write_sql(table, sql, NULL, NULL, NULL, &err), &err);
        took[i] = (seconds(CLOCK_MONOTONIC) - start) * 1e3;
        if (i) sum += took[i];
        if (i && took[i] > most) most = took[i];
    }
    const double per_append = (seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu) * 1e3 / n;
    pli_table_close(table);
    pli_env_free(env);
    getrusage(RUSAGE_SELF, &usage);
    const int tenth = n > 20 ? (n - 1) / 10 : 1;
    printf("{\"first_ms\": %.2f, \"median_ms\": %.2f, \"mean_ms\": %.2f, \"max_ms\": %.2f, \"first_tenth_ms\": %.2f, "
           "\"last_tenth_ms\": %.2f, \"cpu_ms\": %.2f, \"peak_mb\": %.1f}\n",
           took[0], median(took + 1, n - 1), sum / (n - 1), most, median(took + 1, tenth),
           median(took + n - tenth, tenth), per_append, (double)usage.ru_maxrss / 1024);
    free(took);
    return 0;
}
