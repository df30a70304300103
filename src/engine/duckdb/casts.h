/*
 * Our own scalar functions in SQL: casts of text by the definition of types.md (types/value_text.h), which the
 * engine's own casts do not follow ('1.5' -> BIGINT is 2 there, ' 1' and '1_000' are numbers). They give NULL where the
 * text does not fit, and are faster than the engine's casts plus a guard in SQL would be.
 *
 *   pli_bigint(text) BIGINT        pli_double(text) DOUBLE            pli_boolean(text) BOOLEAN
 *   pli_date(text) DATE            pli_time(text) TIME                pli_timestamp(text) TIMESTAMPTZ
 *   pli_timestamp_ntz(text) TIMESTAMP (a zone in the text is converted to UTC)
 *   pli_decimal_0(text) DECIMAL(38,0) ... pli_decimal_38(text) DECIMAL(38,38); the engine's own cast takes 25 us a value beyond 18
 *     digits, and loses digits of numbers with an exponent
 *   pli_number_fits(text, precision, scale) BOOLEAN: a number that DECIMAL(precision, scale) holds exactly
 *   pli_interval(text) INTERVAL: ISO 8601, P1DT2H3M4.5S; pli_interval_text(interval) VARCHAR: the reverse
 *   pli_json_bigint ... pli_json_timestamp_ntz(json): the same of raw JSON, a string or another simple value
 *   pli_json_text(json) VARCHAR: a JSON string without quotes and escapes, another JSON value as it is spelled
 *   pli_json_scalar(json) VARCHAR: the same, but NULL for objects and arrays
 *   pli_json_misfits(json, type) VARCHAR: what of the value does not fit the (nested) SQL type, as JSON; NULL if all fits
 *   pli_json_prune(json, type) VARCHAR: the value without it (types/json_fit.h)
 *   pli_json_at(json, path, fold) VARCHAR: the value at a path of an object, NULL if there is none (types/json_path.h)
 *   pli_rescued_without(json, path, fold) VARCHAR: rescued data without it, NULL if nothing else was rescued
 */
#ifndef PLI_ENGINE_DUCKDB_CASTS_H
#define PLI_ENGINE_DUCKDB_CASTS_H

#include <duckdb.h>

#include "base/error.h"

/** Once per database; functions are visible to all of its connections. */
pli_status pli__duckdb_register_casts(duckdb_connection con, pli_error *err);

#endif
