/* Durations in table properties, as Spark prints calendar intervals: "interval 1 week", "interval 30 days 2 hours", "168 hours". */
#ifndef PLI_DELTA_INTERVAL_H
#define PLI_DELTA_INTERVAL_H

#include "base/str.h"

/** @return false if the text is no such interval of weeks, days, hours, minutes and seconds */
bool pli__interval_parse(pli__str s, int64_t *us);

#endif
