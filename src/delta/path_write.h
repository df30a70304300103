/*
 * Partition values and file paths as a writer puts them down (PROTOCOL.md, "Partition Value Serialization"; the three
 * encodings of a value: raw text in partitionValues, Hive escaping in the folder's name, URI escaping once more in
 * add.path).
 */
#ifndef PLI_DELTA_PATH_WRITE_H
#define PLI_DELTA_PATH_WRITE_H

#include "base/str.h"
#include "types/type.h"

/** Folder name of a null. */
#define PLI__HIVE_NULL "__HIVE_DEFAULT_PARTITION__"

/** SQL expression whose text pli__partition_text understands: the value of `expr` without loss and without a zone. */
void pli__partition_sql(const pli__type *type, pli__str expr, pli__buf *out);
/** Text of a partition value for the log, from the engine's text of pli__partition_sql (ptr NULL = null).
 *  *is_null is set for null, "" and empty binary. BAD_DATA for what cannot be a partition value (bytes that are not
 *  UTF-8, a NUL, dates outside of years 1 to 9999). */
pli_status pli__partition_text(const pli__type *type, pli__str engine_text, pli__buf *out, bool *is_null,
                               pli_error *err);
/** What the folder's name says for it: the text, but timestamps as local time in UTC with a blank. */
pli_status pli__partition_dir_text(const pli__type *type, pli__str log_text, pli__buf *out, pli_error *err);
/** Append with Hive's escaping of one name or value of a folder "name=value". */
void pli__hive_escape(pli__str s, pli__buf *out);
/** Append with URI escaping of a relative path ('/' stays). */
void pli__uri_encode(pli__str path, pli__buf *out);

#endif
