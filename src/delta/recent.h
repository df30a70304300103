/*
 * Files whose statistics show that no date and no instant in them is so old that calendars differ (calendar.h): nearly
 * all. Only the others need a look at their footers.
 */
#ifndef PLI_DELTA_RECENT_H
#define PLI_DELTA_RECENT_H

#include "delta/mapping.h"

typedef struct pli__recent pli__recent;

/** @param out NULL if statistics can never tell: the table has no such column, or one inside of lists or maps */
pli_status pli__recent_new(const pli__mapping *m, pli__recent **out, pli_error *err);
void pli__recent_free(pli__recent *r);
void pli__recent_auto(pli__recent **r);
/** Do the statistics of a file (add.stats) show it? */
bool pli__recent_file(pli__recent *r, pli__str stats);

#endif
