/*
 * Appends to a Delta table that is kept open, by the public header alone, and prints what each took.
 *
 *   append TABLE APPENDS ROWS
 *   {"clock": {…}, "processor": {"first_ms", "median_ms", "mean_ms", "max_ms", "first_tenth_ms", "last_tenth_ms", "upkeep"}, "peak_mb"}
 *
 * Processor time is what other programs on the machine do not lengthen. The first append opens the table; median and mean are
 * those of the others. The tenths are medians of the first and of the last tenth: they show whether a commit's cost grows.
 * Upkeep is the part of the time that appends with a checkpoint (those of more than ten medians) take beyond a median.
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

static void print_times(const char *name, const double *took, int n) {
    const int tenth = n > 20 ? (n - 1) / 10 : 1;
    const double usual = median(took + 1, n - 1);
    double sum = 0, most = 0, beyond = 0;
    for (int i = 1; i < n; i++) {
        sum += took[i];
        if (took[i] > most) most = took[i];
        if (took[i] > 10 * usual) beyond += took[i] - usual;
    }
    printf(
        "\"%s\": {\"first_ms\": %.2f, \"median_ms\": %.2f, \"mean_ms\": %.2f, \"max_ms\": %.2f, \"first_tenth_ms\": %.2f, "
        "\"last_tenth_ms\": %.2f, \"upkeep\": %.3f}, ",
        name, took[0], usual, sum / (n - 1), most, median(took + 1, tenth), median(took + n - tenth, tenth),
        beyond / sum);
}

int main(int argc, char **argv) {
    const int n = argc == 4 ? (int)strtol(argv[2], NULL, 10) : 0, rows = argc == 4 ? (int)strtol(argv[3], NULL, 10) : 0;
    if (n < 2) return fprintf(stderr, "usage: append TABLE APPENDS ROWS\n"), 2;
    pli_error err = {0};
    pli_env *env = NULL;
    pli_table *table = NULL;
    struct rusage usage;
    char sql[300];
    double *clock = malloc((size_t)n * sizeof *clock), *cpu = malloc((size_t)n * sizeof *cpu);
    double at = seconds(CLOCK_MONOTONIC), cpu_at = seconds(CLOCK_PROCESS_CPUTIME_ID);
    must(pli_env_new(NULL, &env, &err), &err);
    must(pli_table_open(env, argv[1], &table, &err), &err);
    for (int i = 0; i < n; i++) {
        snprintf(
            sql, sizeof sql,
            "SELECT range + %d AS id, TIMESTAMPTZ '2024-01-01 00:00:00+00' AS ts, 'name' || range AS name, range / 7 AS x "
            "FROM range(%d)",
            i * rows, rows);
        must(pli_table_write_sql(table, sql, NULL, NULL, NULL, &err), &err);
        const double now = seconds(CLOCK_MONOTONIC), cpu_now = seconds(CLOCK_PROCESS_CPUTIME_ID);
        clock[i] = (now - at) * 1e3;
        cpu[i] = (cpu_now - cpu_at) * 1e3;
        at = now;
        cpu_at = cpu_now;
    }
    pli_table_close(table);
    pli_env_free(env);
    getrusage(RUSAGE_SELF, &usage);
    printf("{");
    print_times("clock", clock, n);
    print_times("processor", cpu, n);
    printf("\"peak_mb\": %.1f}\n", (double)usage.ru_maxrss / 1024);
    free(clock);
    free(cpu);
    return 0;
}
