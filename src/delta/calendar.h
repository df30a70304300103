/*
 * Spark before 3.0, and later ones that are told to (rebaseModeInWrite LEGACY), write dates and instants as the Julian calendar
 * counts them where they lie before 1582-10-15. Such files say so in their footers. Everybody else, DuckDB too, takes the
 * numbers for those of the Gregorian calendar: 1000-01-01 would come out as 1000-01-06.
 *
 * Instants before 1900 depend on the zone of the writer as well: Java then reckoned with the zone's standard time of today,
 * where the answer wanted is that of the zone's local time of those days.
 *
 * A file is looked at only if its statistics do not show that all its days are younger (recent.h), and then by its last
 * kilobytes alone, without the engine.
 */
#ifndef PLI_DELTA_CALENDAR_H
#define PLI_DELTA_CALENDAR_H

#include "base/arena.h"
#include "engine/env.h"

/** What of a file is in the old calendar. */
typedef struct pli__calendar {
    bool days;      /**< dates, and instants that are no INT96 */
    bool int96;     /**< instants that are INT96 */
    const char *zone; /**< of the writer, as the footer names it */
    bool zone_known;
    bool local_mean_time; /**< before 1900 the zone had other offsets than `offset_s` */
    int64_t offset_s;     /**< standard time of the zone: seconds ahead of UTC */
    bool int96_without_zone; /**< the reader has INT96 as times without a zone, in UTC, and keeps them so */
} pli__calendar;

/** Has a column of this type, or a part of it, values that a file may hold in the old calendar? Of a field: also times that
 *  once were dates. */
bool pli__calendar_concerns(const pli__field *f);
/** @param out NULL for a file that holds nothing in the old calendar; else in the arena */
pli_status pli__calendar_of(pli_env *env, const char *path, pli__arena *arena, const pli__calendar **out,
                            pli_error *err);
/** Must values of a column of type t, which the engine reads as `read`, be converted? @param c NULL = no */
bool pli__calendar_changes(const pli__calendar *c, const pli__type *t, const pli__type *read);
/** The expression that converts a value; only where pli__calendar_changes. */
void pli__calendar_sql(const pli__calendar *c, const pli__type *t, const pli__type *read, pli__str value,
                       pli__buf *sql);

#endif
