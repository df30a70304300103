/* Table features: which ones this library reads and writes, and which ones old protocol versions imply. */
#ifndef PLI_DELTA_FEATURES_H
#define PLI_DELTA_FEATURES_H

#include "delta/action.h"

#define PLI__READER_VERSION 3
#define PLI__WRITER_VERSION 7

/** Is the feature supported by the table: listed, or implied by the versions without lists? */
bool pli__protocol_has_feature(const pli__protocol *p, const char *feature);
/** Must the feature also stand in readerFeatures where it stands in writerFeatures? */
bool pli__feature_is_reader(pli__str name);
/** Refuse a table that cannot be read rightly, naming every feature in the way (UNSUPPORTED_FEATURE). CORRUPT_RECORD for
 *  versions without sense. */
pli_status pli__protocol_check_read(const pli__protocol *p, pli_error *err);
/** The same for writing. */
pli_status pli__protocol_check_write(const pli__protocol *p, pli_error *err);

#endif
