/*
 * Plans and commits batches of a folder until nothing is left, by the public header alone, and prints what planning took.
 *
 *   discovery SOURCE CHECKPOINT MAX_FILES
 *   {"batches", "files", "plan_ms", "first_ms", "last_ms", "idle_ms", "idle_cpu_ms", "plan_cpu_ms", "first_cpu_ms", "peak_mb"}
 *
 * "cpu" is processor time, which other programs on the machine do not lengthen. first_ms is the plan that discovers, idle_ms the one that finds nothing (its own discovery included).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "pli/config.h"
#include "pli/stream.h"

static double now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static double cpu_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void must(pli_status status, const pli_error *err) {
    if (status == PLI_OK) return;
    fprintf(stderr, "%s: %s\n", pli_status_name(status), err->message);
    exit(1);
}

static long count_files(const char *batch) {
    long n = 0;
    const char *list = strstr(batch, "\"files\"");
    for (const char *p = list ? strchr(list, '[') : NULL; p && *p && *p != ']'; p++) n += *p == '"';
    return n / 2;
}

int main(int argc, char **argv) {
    pli_error err = {0};
    pli_env *env = NULL;
    pli_stream *stream = NULL;
    double plan = 0, first = 0, last = 0, idle = 0, idle_cpu = 0, plan_cpu = 0, first_cpu = 0;
    long batches = 0, files = 0;
    if (argc != 4) return 2;
    must(pli_env_new(NULL, &env, &err), &err);
    must(pli_stream_open(env, argv[2], "files", true, &stream, &err), &err);
    must(pli_stream_lock(stream, 0, NULL, NULL, &err), &err);
    const pli_stream_files options = {.size = sizeof options,
                                      .path = argv[1],
                                      .format = "csv",
                                      .recursive = true,
                                      .max_files = strtol(argv[3], NULL, 10)};
    must(pli_stream_set_files(stream, &options, &err), &err);
    for (;;) {
        char *batch = NULL;
        double begin = now_ms(), cpu = cpu_ms();
        must(pli_stream_plan(stream, &batch, &err), &err);
        double took = now_ms() - begin;
        cpu = cpu_ms() - cpu;
        if (!batch) {
            idle = took;
            idle_cpu = cpu;
            break;
        }
        plan += took;
        plan_cpu += cpu;
        last = took;
        if (batches == 0) first = took;
        if (batches == 0) first_cpu = cpu;
        long n = count_files(batch);
        must(pli_stream_write_offset(stream, pli_stream_last_offset(stream) + 1, batch, NULL, &err), &err);
        must(pli_stream_begin(stream, pli_stream_last_offset(stream), &err), &err);
        must(pli_stream_commit(stream, pli_stream_last_offset(stream), "{}", NULL, &err), &err);
        files += n;
        batches++;
        pli_free(batch);
    }
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf(
        "{\"batches\": %ld, \"files\": %ld, \"plan_ms\": %.1f, \"first_ms\": %.1f, \"last_ms\": %.1f, \"idle_ms\": %.1f, \"idle_cpu_ms\": %.1f, \"plan_cpu_ms\": %.1f, \"first_cpu_ms\": %.1f, \"peak_mb\": %.1f}\n",
        batches, files, plan, first, last, idle, idle_cpu, plan_cpu, first_cpu, (double)usage.ru_maxrss / 1024);
    pli_stream_close(stream);
    pli_env_free(env);
    return 0;
}
