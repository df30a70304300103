/*
 * What schema evolution may do: the modes of python-api.md 11.2 and the switches that jobs add
 * (schema-evolution.md). Plain data; filled by the run from a job's `schema` section, or by the Python package.
 */
#ifndef PLI_SCHEMA_POLICY_H
#define PLI_SCHEMA_POLICY_H

#include "base/str.h"

#define PLI__SCHEMA_MODE_MAP(X)                                                                                        \
    X(PLI__SCHEMA_STRICT, "strict", "columns and types must be those of the schema")                                   \
    X(PLI__SCHEMA_ADD, "add_new_columns", "new columns are added; types must fit")                                     \
    X(PLI__SCHEMA_COERCE, "coerce", "new columns are added; other types are cast, what does not fit is NULL")          \
    X(PLI__SCHEMA_WIDEN, "type_widen", "new columns are added; types grow without loss")

typedef enum pli__schema_mode {
#define PLI__SCHEMA_MODE_ENUM_(sym, name, text) sym,
    PLI__SCHEMA_MODE_MAP(PLI__SCHEMA_MODE_ENUM_)
#undef PLI__SCHEMA_MODE_ENUM_
} pli__schema_mode;

typedef struct pli__schema_policy {
    pli__schema_mode mode;
    bool rescue;               /**< rescue_mode: column */
    const char *rescue_column; /**< NULL = "_rescued_data" in jobs, "_rescued" in the package */
    bool case_sensitive;
    bool allow_lossy_widening; /**< 64-bit integer with float gives DOUBLE */
    bool ntz;                  /**< timestamp_type: ntz, for text without a zone */
    bool corrupt_column; /**< corrupt_records: column; otherwise records that the source could not parse are left out */
    /** The rules of the Python package where they differ from those of jobs: names match exactly; lossy widening is
     *  allowed (and marked); strict never rescues; types keep their units and widths. */
    bool package;
} pli__schema_policy;

#define PLI__CORRUPT_RECORD "_corrupt_record"

const char *pli__schema_mode_name(pli__schema_mode mode);
/** Of a policy: rescue_column, or the default name. */
const char *pli__schema_rescue_column(const pli__schema_policy *policy);

/** From the names that job files and the package use; NULL means the default of jobs (add_new_columns, none).
 *  ARGUMENT for an unknown name, with the nearest one. Other members of *out are left alone. */
pli_status pli__schema_mode_parse(const char *name, pli__schema_mode *out, pli_error *err);
pli_status pli__schema_rescue_parse(const char *name, bool *out, pli_error *err);

#endif
