/* Times: microseconds since 1970-01-01T00:00:00Z as int64_t, durations in microseconds, ISO 8601 text. */
#ifndef PLI_BASE_TIME_H
#define PLI_BASE_TIME_H

#include "base/str.h"

/** A clock that callers hand in, so that tests can freeze it. */
typedef struct pli__clock {
    int64_t (*now_us)(void *arg); /**< wall clock */
    void *arg;
} pli__clock;

/** The system's clock. */
const pli__clock *pli__clock_system(void);
int64_t pli__clock_now_us(const pli__clock *clock); /**< NULL means the system's */
int64_t pli__monotonic_us(void);

/** "2024-01-31T12:00:00.123456Z" (fraction left out when zero). Years 0001 to 9999. */
void pli__time_format_iso(int64_t us, char out[40]);
/** ISO 8601 date or date-time, 'T' or blank, 0-9 fraction digits, Z or offset; no zone = UTC. Digits below
 *  microseconds are cut. @return false if it is not one */
bool pli__time_parse_iso(pli__str s, int64_t *us);
/** days since the epoch <-> civil date. */
int64_t pli__time_days_from_civil(int64_t y, unsigned m, unsigned d);
void pli__time_civil_from_days(int64_t days, int64_t *y, unsigned *m, unsigned *d);
/** "30s" "5m" "1d" "1h30m" "250ms" "1.5h" "2w" or a bare number of seconds → microseconds. */
bool pli__time_parse_duration(pli__str s, int64_t *us);
/** "128MiB" "1GB" "10k" or bare bytes. */
bool pli__size_parse(pli__str s, int64_t *bytes);

#endif
