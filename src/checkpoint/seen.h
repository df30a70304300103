/*
 * seen/: files that are known without an offset. Immutable records, Zstandard-compressed, one JSON object a line:
 *
 *   {"id": …, "epoch": …, "kind": "latest", "timestamp_us": …}  or  {…, "kind": "cleaned", "from": a, "through": b}
 *   {"path": …, "size": …, "mtime_ns": …, "batch": …}            one per file, in ascending order of path per batch
 *
 * seen/latest-<timestamp_us>.ndjson.zst counts while metadata.json's start_offset is `latest` with that timestamp;
 * seen/cleaned-<a>-<b>.ndjson.zst counts up to metadata.json's cleaned_through. What does not count is an orphan of a
 * crash and is passed by.
 */
#ifndef PLI_CHECKPOINT_SEEN_H
#define PLI_CHECKPOINT_SEEN_H

#include "checkpoint/checkpoint.h"

typedef struct pli__seen_file {
    pli__str path;
    int64_t size, mtime_ns; /**< INT64_MIN = not recorded */
    int64_t batch;          /**< -1 = none (a latest start) */
} pli__seen_file;

typedef struct pli__seen_writer pli__seen_writer;

/** Begin the record of a latest start. */
pli_status pli__seen_begin_latest(pli__checkpoint *cp, int64_t timestamp_us, pli__seen_writer **out, pli_error *err);
/** Begin the record of the files of batches from..through, whose offsets are about to be removed. */
pli_status pli__seen_begin_cleaned(pli__checkpoint *cp, int64_t from, int64_t through, pli__seen_writer **out,
                                   pli_error *err);
pli_status pli__seen_add(pli__seen_writer *w, const pli__seen_file *file, pli_error *err);
/** Publish it; a record of that name that is there already counts as success (its writer saw the same). */
pli_status pli__seen_publish(pli__seen_writer *w, pli_error *err);
void pli__seen_writer_free(pli__seen_writer *w);
void pli__seen_writer_auto(pli__seen_writer **w);

/** Before a cleanup removes offsets/from … through: publish what they name. (The caller then raises cleaned_through.) */
pli_status pli__seen_write_cleaned(pli__checkpoint *cp, int64_t from, int64_t through, pli_error *err);

typedef pli_status pli__seen_fn(void *arg, const pli__seen_file *file, pli_error *err);
/** Every file of every record that counts. Batches 0 to first offset - 1 must be covered without a hole: CORRUPT_RECORD. */
pli_status pli__seen_read(pli__checkpoint *cp, pli__seen_fn *fn, void *arg, pli_error *err);
/** Is there a record for the latest start that metadata.json holds? */
pli_status pli__seen_has_latest(pli__checkpoint *cp, bool *out, pli_error *err);

/** Path, size and mtime of each file of an offset record, in its order. */
pli_status pli__offset_files(const json_t *offset, pli__seen_fn *fn, void *arg, pli_error *err);

#endif
