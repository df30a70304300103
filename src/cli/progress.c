/* A line on the terminal that says how far a run is: redrawn by a thread of its own, ten times a second. */
#include <pthread.h>
#include <time.h>

#include "cli/command.h"
#include "cli/text.h"
#include "pli/job.h"

static struct {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_t thread;
    bool running, stop, drawn;
    pli_run *run;
    const char *job;
} bar = {.lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER};

static void erase(void) {
    if (bar.drawn) fputs("\r\033[K", stderr);
    bar.drawn = false;
}

static void draw(void) {
    pli_progress p = {.size = sizeof p};
    pli_run_progress(bar.run, &p);
    if (p.batch_id < 0) {
        erase();
        return;
    }
    char rows[32], bytes[32], rate[32], eta[32] = "";
    cli_format_count(p.rows < 0 ? 0 : p.rows, rows);
    cli_format_size(p.bytes, bytes);
    cli_format_count(p.rows_per_second < 0 ? 0 : (int64_t)p.rows_per_second, rate);
    if (p.fraction > 0.01 && p.fraction < 1)
        cli_format_duration((double)p.elapsed_us / 1e6 * (1 - p.fraction) / p.fraction, eta);
    const int filled = p.fraction < 0 ? 0 : (int)(p.fraction * 20);
    fprintf(stderr, "\r\033[K%.40s batch %lld [%.*s%.*s] %lld files, %s, %s rows, %s rows/s%s%s", bar.job,
            (long long)p.batch_id, filled, "####################", 20 - filled, "....................",
            (long long)p.files, bytes, rows, rate, eta[0] ? ", ETA " : "", eta);
    fflush(stderr);
    bar.drawn = true;
}

static void *redraw(void *arg) {
    (void)arg;
    pthread_mutex_lock(&bar.lock);
    while (!bar.stop) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += 100000000L;
        if (until.tv_nsec >= 1000000000L) until.tv_nsec -= 1000000000L, until.tv_sec++;
        pthread_cond_timedwait(&bar.wake, &bar.lock, &until);
        if (!bar.stop) draw();
    }
    erase();
    pthread_mutex_unlock(&bar.lock);
    return NULL;
}

void cli_progress_start(cli_context *ctx, struct pli_run *run, const char *job) {
    if (!ctx->progress || bar.running) return;
    bar.run = run;
    bar.job = job;
    bar.stop = false;
    bar.running = pthread_create(&bar.thread, NULL, redraw, NULL) == 0;
}

void cli_progress_stop(cli_context *ctx) {
    (void)ctx;
    if (!bar.running) return;
    pthread_mutex_lock(&bar.lock);
    bar.stop = true;
    pthread_cond_signal(&bar.wake);
    pthread_mutex_unlock(&bar.lock);
    pthread_join(bar.thread, NULL);
    bar.running = false;
}

void cli_progress_hide(cli_context *ctx) {
    (void)ctx;
    if (!bar.running) return;
    pthread_mutex_lock(&bar.lock);
    erase();
    pthread_mutex_unlock(&bar.lock);
}
