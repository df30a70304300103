/*
 * Rows handed to the engine as an Arrow stream, while they are produced by a callback in a thread of its own: memory is
 * two batches, however many rows there are. Used for checkpoints, whose rows come from walking a snapshot.
 *
 *   pli__row_feed_start(columns, n, produce, arg, &feed)      the thread begins to call produce
 *   pli__engine_register_arrow(e, name, pli__row_feed_stream(feed), …)
 *   ... run the query ...
 *   pli__engine_unregister(e, name)
 *   pli__row_feed_finish(&feed)                                what produce returned
 */
#ifndef PLI_DELTA_ROW_FEED_H
#define PLI_DELTA_ROW_FEED_H

#include "base/str.h"
#include "pli/arrow.h"

typedef enum pli__feed_kind { PLI__FEED_I64, PLI__FEED_STR, PLI__FEED_LIST } pli__feed_kind;
typedef struct pli__feed_column {
    const char *name;
    pli__feed_kind kind; /**< BIGINT, VARCHAR, VARCHAR[] */
} pli__feed_column;

typedef struct pli__row_feed pli__row_feed;
typedef pli_status pli__produce_fn(void *arg, pli__row_feed *feed, pli_error *err);

/** @param columns borrowed for the life of the feed @param fn called once, in another thread */
pli_status pli__row_feed_start(const pli__feed_column *columns, size_t n, pli__produce_fn *fn, void *arg,
                               pli__row_feed **out, pli_error *err);
/** The stream; may be asked for once. It must be released before the feed is finished. */
void pli__row_feed_stream(pli__row_feed *f, struct ArrowArrayStream *out);
/** End it: waits for the thread; the feed is freed. @return what fn returned, PLI_OK if it was only stopped early */
pli_status pli__row_feed_finish(pli__row_feed **take, pli_error *err);
void pli__row_feed_auto(pli__row_feed **f);

/* In fn: set the columns i of one row (those not set are NULL), then end it. CANCELLED when nobody reads any more. */
void pli__feed_i64(pli__row_feed *f, size_t i, int64_t value);
void pli__feed_str(pli__row_feed *f, size_t i, pli__str value); /**< ptr NULL = NULL */
/** Append an element to the list of this row; the list is empty, not NULL, after pli__feed_list. */
void pli__feed_list(pli__row_feed *f, size_t i);
void pli__feed_item(pli__row_feed *f, size_t i, pli__str value);
pli_status pli__feed_row(pli__row_feed *f, pli_error *err);

#endif
