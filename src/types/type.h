/*
 * The type model: one tree of types; Delta's schema JSON, DuckDB's SQL, Polars' text and Arrow are mappings of it
 * (shared table, see types/type_names.c). A schema is a STRUCT type. Types are immutable once built and are counted
 * references (atomic), so that a snapshot, a plan and a result may share one.
 */
#ifndef PLI_TYPES_TYPE_H
#define PLI_TYPES_TYPE_H

#include "base/str.h"

typedef enum pli__type_id {
    PLI__TYPE_NULL,    /* no type yet; Delta's void */
    PLI__TYPE_BOOLEAN,
    PLI__TYPE_I8,
    PLI__TYPE_I16,
    PLI__TYPE_I32,
    PLI__TYPE_I64,
    PLI__TYPE_I128,
    PLI__TYPE_U8,
    PLI__TYPE_U16,
    PLI__TYPE_U32,
    PLI__TYPE_U64,
    PLI__TYPE_U128,
    PLI__TYPE_F32,
    PLI__TYPE_F64,
    PLI__TYPE_DECIMAL, /* precision, scale */
    PLI__TYPE_STRING,
    PLI__TYPE_BINARY,
    PLI__TYPE_DATE,
    PLI__TYPE_TIME,
    PLI__TYPE_TIMESTAMP,     /* an instant */
    PLI__TYPE_TIMESTAMP_NTZ, /* without zone */
    PLI__TYPE_DURATION,      /* DuckDB INTERVAL, Polars Duration */
    PLI__TYPE_STRUCT,        /* fields */
    PLI__TYPE_LIST,          /* fields[0] = element */
    PLI__TYPE_MAP,           /* fields[0] = key, fields[1] = value */
    PLI__TYPE_JSON,
    PLI__TYPE_VARIANT,
    PLI__TYPE_UUID,
    PLI__TYPE_ENUM,
    PLI__TYPE_OTHER          /* something foreign: name kept in `text`; only reported, never written */
} pli__type_id;

typedef enum { PLI__UNIT_US = 0, PLI__UNIT_NS, PLI__UNIT_MS, PLI__UNIT_S } pli__time_unit;

typedef struct pli__type pli__type;

#define PLI__TYPE_MAX_DEPTH 100             /* nesting that the parsers accept */
#define PLI__TYPE_MAX_FIELDS 100000         /* fields of one type, nested ones included, that the parsers accept */
#define PLI__TYPE_MAX_TEXT ((size_t)1 << 26) /* bytes of a type's text or schema JSON that the parsers accept */

typedef struct pli__field {
    char *name;           /* owned by the type; element/key/value for lists and maps */
    const pli__type *type;
    bool nullable;
    char *metadata;       /* raw JSON object text of Delta's field metadata, NULL means {} */
} pli__field;

struct pli__type {
    pli__type_id id;
    int refs;             /* atomic; negative: static, never freed */
    uint8_t precision, scale;
    pli__time_unit unit;  /* TIMESTAMP*, TIME, DURATION */
    char *text; /* TIMESTAMP: its zone unless UTC. ENUM: JSON array of its categories; NULL for Polars' global
                             Categorical, `Categories(...)` for a named one. OTHER: its name. Else NULL */
    size_t array_size; /* LIST of fixed size (Polars Array, DuckDB ARRAY); 0 = variable */
    size_t n_fields;
    pli__field *fields;
};

/** A simple type (no fields). NULL when memory is out. */
const pli__type *pli__type_new(pli__type_id id);
/** precision 1 to 38, scale 0 to precision; else NULL */
const pli__type *pli__type_new_decimal(int precision, int scale);
/** TIMESTAMP, TIMESTAMP_NTZ, TIME or DURATION with a unit. @param zone of a TIMESTAMP; empty or "UTC" is the same */
const pli__type *pli__type_new_time(pli__type_id id, pli__time_unit unit, pli__str zone);
/** ENUM or OTHER with its text (see pli__type.text); an empty text of an ENUM is NULL. */
const pli__type *pli__type_new_text(pli__type_id id, pli__str text);
/** The take_ references move in, also on failure; NULL is handed through as failure. */
const pli__type *pli__type_new_list(const pli__type *take_element, bool contains_null);
const pli__type *pli__type_new_array(const pli__type *take_element, size_t size); /**< LIST of fixed size > 0 */
const pli__type *pli__type_new_map(const pli__type *take_key, const pli__type *take_value, bool value_contains_null);

/** Builds a STRUCT (also: a schema) field by field. */
typedef struct pli__type_builder {
    pli__field *fields;
    size_t n, cap;
    bool failed;
} pli__type_builder;
/** @param take_type reference moves in, also on failure @param metadata copied, may be NULL */
void pli__type_builder_add(pli__type_builder *b, pli__str name, const pli__type *take_type, bool nullable,
                           const char *metadata);
/** @return the struct (reference to the caller) or NULL when memory ran out; the builder is empty afterwards */
const pli__type *pli__type_builder_finish(pli__type_builder *b);
void pli__type_builder_clear(pli__type_builder *b);

const pli__type *pli__type_ref(const pli__type *t);
void pli__type_unref(const pli__type *t); /* NULL is allowed */
void pli__type_auto(const pli__type **t); /* for PLI_AUTO */

/** Same type; field metadata and nullability are compared only with `deep`. */
bool pli__type_equal(const pli__type *a, const pli__type *b, bool deep);
bool pli__type_is_nested(const pli__type *t);
bool pli__type_is_integer(const pli__type *t);
bool pli__type_is_float(const pli__type *t);
/** Index of a field; -1 if absent, -2 if case-insensitive and ambiguous. An exact match always wins; case is ASCII's. */
int pli__type_find(const pli__type *strct, pli__str name, bool case_sensitive);
/** The error of a column that `strct`, a table's schema, does not have; the hint says which it may have been.
 *  @return PLI_E_ARGUMENT */
pli_status pli__type_no_column(const pli__type *strct, const char *name, pli_error *err);
/** Levels of nesting: 1 for a simple type. */
int pli__type_depth(const pli__type *t);
/** A string of field metadata's JSON, such as "delta.columnMapping.physicalName"; false if absent. Value is appended to out. */
bool pli__field_meta_str(const pli__field *f, const char *key, pli__buf *out);
bool pli__field_meta_i64(const pli__field *f, const char *key, int64_t *out);

/* ---- names (types/type_names.c, types/type_delta.c, types/type_sql.c, types/type_polars.c) ---- */

/** Delta's schema JSON text ({"type":"struct","fields":[...]} or a bare "long") -> type. Errors name the path of the field. */
pli_status pli__type_from_delta(pli__str json, const pli__type **out, pli_error *err);
/** Type -> Delta schema JSON, field metadata preserved byte for byte. UNSUPPORTED_FEATURE/SCHEMA_MISMATCH for a type Delta lacks
 *  (call pli__type_to_storable first). */
pli_status pli__type_to_delta(const pli__type *t, pli__buf *out, pli_error *err);
/** The type as Delta can store it (types.md: unsigned -> next signed, u64 -> decimal(20,0), time/uuid/enum/json -> string, ...).
 *  SCHEMA_MISMATCH for what cannot be stored, naming the path. New reference. */
pli_status pli__type_to_storable(const pli__type *t, const pli__type **out, pli_error *err);

/** SQL type text as DuckDB prints it or as users write it (BIGINT, DECIMAL(18,2), STRUCT(a INTEGER, "b c" VARCHAR[]), MAP(a, b),
 *  TIMESTAMP WITH TIME ZONE ...); Delta's and Polars' names are accepted as well. */
pli_status pli__type_from_sql(pli__str text, const pli__type **out, pli_error *err);
/** The columns of a table as CREATE TABLE has them, "id BIGINT NOT NULL, name VARCHAR", or the same within STRUCT(...): a struct,
 *  whose fields, nested ones too, may be NOT NULL. */
pli_status pli__type_columns_from_sql(pli__str text, const pli__type **out, pli_error *err);
/** DuckDB's spelling. */
pli_status pli__type_to_sql(const pli__type *t, pli__buf *out, pli_error *err);
/** Polars' own text: str(dtype) of python-api.md 11.4, both directions, for every Polars type. */
pli_status pli__type_from_polars(pli__str text, const pli__type **out, pli_error *err);
pli_status pli__type_to_polars(const pli__type *t, pli__buf *out, pli_error *err);

struct ArrowSchema;
/** Arrow's C schema -> type; a stream's schema is a STRUCT. Dictionaries are their values' type, half floats F32; Polars' 128-bit
 *  integers are known. UNSUPPORTED_FEATURE with the field's path for unions, run-end encoding and the like. */
pli_status pli__type_from_arrow(const struct ArrowSchema *schema, const pli__type **out, pli_error *err);
struct ArrowArrayStream;
/** The type of a stream with columns, or parts of them, that have none (Arrow's null); NULL if there are none. The stream
 *  stays as it was. */
pli_status pli__type_of_stream(struct ArrowArrayStream *stream, const pli__type **out, pli_error *err);
/** What the engine describes, which has INTEGER for them, with those columns as the stream has them.
 *  @param stream of pli__type_of_stream, may be NULL */
pli_status pli__type_with_nulls(const pli__type *described, const pli__type *stream, const pli__type **out,
                                pli_error *err);
/** The schema under which libpli gives values away: text and binary with 64-bit offsets, lists too, enum, uuid and JSON as text, 128-bit
 *  integers as decimal(38,0), durations in µs. *out is the caller's to release. UNSUPPORTED_FEATURE for VARIANT and OTHER. */
pli_status pli__type_to_arrow(const pli__type *t, const char *name, bool nullable, struct ArrowSchema *out,
                              pli_error *err);

#endif
