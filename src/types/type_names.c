/*
 * The names of simple types in SQL (DuckDB's spelling), Delta, Polars and Arrow: one table, read in both directions by
 * all mappings, and the further spellings that are accepted.
 */
#include "types/type_names.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

/* Where several rows have the same name, the first one is what the name means when it is read. */
static const pli__type_name names[] = {
    {PLI__TYPE_NULL, PLI__UNIT_US, "\"NULL\"", "void", "Null", "n"},
    {PLI__TYPE_BOOLEAN, PLI__UNIT_US, "BOOLEAN", "boolean", "Boolean", "b"},
    {PLI__TYPE_I8, PLI__UNIT_US, "TINYINT", "byte", "Int8", "c"},
    {PLI__TYPE_I16, PLI__UNIT_US, "SMALLINT", "short", "Int16", "s"},
    {PLI__TYPE_I32, PLI__UNIT_US, "INTEGER", "integer", "Int32", "i"},
    {PLI__TYPE_I64, PLI__UNIT_US, "BIGINT", "long", "Int64", "l"},
    {PLI__TYPE_I128, PLI__UNIT_US, "HUGEINT", NULL, "Int128", NULL},
    {PLI__TYPE_U8, PLI__UNIT_US, "UTINYINT", NULL, "UInt8", "C"},
    {PLI__TYPE_U16, PLI__UNIT_US, "USMALLINT", NULL, "UInt16", "S"},
    {PLI__TYPE_U32, PLI__UNIT_US, "UINTEGER", NULL, "UInt32", "I"},
    {PLI__TYPE_U64, PLI__UNIT_US, "UBIGINT", NULL, "UInt64", "L"},
    {PLI__TYPE_U128, PLI__UNIT_US, "UHUGEINT", NULL, "UInt128", NULL},
    {PLI__TYPE_F32, PLI__UNIT_US, "FLOAT", "float", "Float32", "f"},
    {PLI__TYPE_F64, PLI__UNIT_US, "DOUBLE", "double", "Float64", "g"},
    {PLI__TYPE_STRING, PLI__UNIT_US, "VARCHAR", "string", "String", "u"},
    {PLI__TYPE_BINARY, PLI__UNIT_US, "BLOB", "binary", "Binary", "z"},
    {PLI__TYPE_DATE, PLI__UNIT_US, "DATE", "date", "Date", "tdD"},
    {PLI__TYPE_TIME, PLI__UNIT_US, "TIME", NULL, "Time", "ttu"},
    {PLI__TYPE_TIME, PLI__UNIT_NS, "TIME_NS", NULL, "Time", "ttn"},
    {PLI__TYPE_TIMESTAMP, PLI__UNIT_US, "TIMESTAMP WITH TIME ZONE", "timestamp", NULL, NULL},
    {PLI__TYPE_TIMESTAMP_NTZ, PLI__UNIT_US, "TIMESTAMP", "timestamp_ntz", NULL, "tsu:"},
    {PLI__TYPE_TIMESTAMP_NTZ, PLI__UNIT_NS, "TIMESTAMP_NS", NULL, NULL, "tsn:"},
    {PLI__TYPE_TIMESTAMP_NTZ, PLI__UNIT_MS, "TIMESTAMP_MS", NULL, NULL, "tsm:"},
    {PLI__TYPE_TIMESTAMP_NTZ, PLI__UNIT_S, "TIMESTAMP_S", NULL, NULL, "tss:"},
    {PLI__TYPE_DURATION, PLI__UNIT_US, "INTERVAL", NULL, NULL, "tDu"},
    {PLI__TYPE_DURATION, PLI__UNIT_NS, "INTERVAL", NULL, NULL, "tDn"},
    {PLI__TYPE_DURATION, PLI__UNIT_MS, "INTERVAL", NULL, NULL, "tDm"},
    {PLI__TYPE_DURATION, PLI__UNIT_S, "INTERVAL", NULL, NULL, "tDs"},
    {PLI__TYPE_JSON, PLI__UNIT_US, "JSON", NULL, "String", NULL},
    {PLI__TYPE_VARIANT, PLI__UNIT_US, "VARIANT", "variant", "String", NULL},
    {PLI__TYPE_UUID, PLI__UNIT_US, "UUID", NULL, "String", NULL},
};

/* Further spellings and the spelling above that they mean. */
static const struct {
    const char *alias, *sql;
} sql_aliases[] = {
    {"INT", "INTEGER"},
    {"INT4", "INTEGER"},
    {"INT32", "INTEGER"},
    {"SIGNED", "INTEGER"},
    {"INTEGRAL", "INTEGER"},
    {"INT8", "BIGINT"},
    {"INT64", "BIGINT"},
    {"LONG", "BIGINT"},
    {"OID", "BIGINT"},
    {"INT2", "SMALLINT"},
    {"INT16", "SMALLINT"},
    {"SHORT", "SMALLINT"},
    {"INT1", "TINYINT"},
    {"BYTE", "TINYINT"},
    {"INT128", "HUGEINT"},
    {"UINT8", "UTINYINT"},
    {"UINT16", "USMALLINT"},
    {"UINT32", "UINTEGER"},
    {"UINT64", "UBIGINT"},
    {"UINT128", "UHUGEINT"},
    {"FLOAT4", "FLOAT"},
    {"FLOAT32", "FLOAT"},
    {"REAL", "FLOAT"},
    {"FLOAT8", "DOUBLE"},
    {"FLOAT64", "DOUBLE"},
    {"STRING", "VARCHAR"},
    {"TEXT", "VARCHAR"},
    {"CHAR", "VARCHAR"},
    {"BPCHAR", "VARCHAR"},
    {"NVARCHAR", "VARCHAR"},
    {"UTF8", "VARCHAR"},
    {"CATEGORICAL", "VARCHAR"},
    {"BINARY", "BLOB"},
    {"VARBINARY", "BLOB"},
    {"BYTEA", "BLOB"},
    {"BOOL", "BOOLEAN"},
    {"LOGICAL", "BOOLEAN"},
    {"TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE"},
    {"TIMESTAMP_LTZ", "TIMESTAMP WITH TIME ZONE"},
    {"TIMESTAMP_NTZ", "TIMESTAMP"},
    {"TIMESTAMP_US", "TIMESTAMP"},
    {"DATETIME", "TIMESTAMP"},
    {"DURATION", "INTERVAL"},
    {"GUID", "UUID"},
    {"NULL", "\"NULL\""},
    {"VOID", "\"NULL\""},
};

static const char *const foreign[] = {"BIT", "BITSTRING", "BIGNUM", "VARINT", "GEOMETRY", "TIMETZ", "TYPE"};

const pli__type_name *pli__type_name_of(const pli__type *t) {
    const pli__type_name *first = NULL;
    for (size_t i = 0; i < COUNT(names); i++) {
        if (names[i].id != t->id) continue;
        if (names[i].unit == t->unit) return &names[i];
        if (!first) first = &names[i];
    }
    return first;
}

const pli__type_name *pli__type_name_by_delta(pli__str name) {
    for (size_t i = 0; i < COUNT(names); i++)
        if (names[i].delta && pli__str_eqz(name, names[i].delta)) return &names[i];
    return NULL;
}

const pli__type_name *pli__type_name_by_polars(pli__str name) {
    if (pli__str_eqz(name, "Utf8")) name = PLI_STR("String");
    for (size_t i = 0; i < COUNT(names); i++)
        if (names[i].polars && pli__str_eqz(name, names[i].polars)) return &names[i];
    return NULL;
}

const pli__type_name *pli__type_name_by_arrow(const char *format) {
    for (size_t i = 0; i < COUNT(names); i++)
        if (names[i].arrow && strcmp(format, names[i].arrow) == 0) return &names[i];
    return NULL;
}

static const pli__type_name *find_sql(pli__str name) {
    for (size_t i = 0; i < COUNT(names); i++)
        if (pli__str_ieqz(name, names[i].sql)) return &names[i];
    return NULL;
}

const pli__type_name *pli__type_name_by_sql(pli__str name) {
    if (pli__str_eqz(name, "Int8")) return pli__type_name_by_polars(name);
    const pli__type_name *found = find_sql(name);
    for (size_t i = 0; i < COUNT(sql_aliases) && !found; i++)
        if (pli__str_ieqz(name, sql_aliases[i].alias)) found = find_sql(pli__str_of(sql_aliases[i].sql));
    return found;
}

bool pli__type_name_is_foreign(pli__str sql_name) {
    for (size_t i = 0; i < COUNT(foreign); i++)
        if (pli__str_ieqz(sql_name, foreign[i])) return true;
    return false;
}

const char *pli__type_name_nearest(pli__str word) {
    static const char *const parametric[] = {"DECIMAL", "STRUCT", "MAP", "ENUM", "TIMESTAMPTZ"};
    const char *candidates[COUNT(names) + COUNT(parametric)];
    char upper[32];
    if (word.len >= sizeof upper) return NULL;
    for (size_t i = 0; i < word.len; i++)
        upper[i] = (char)(word.ptr[i] >= 'a' && word.ptr[i] <= 'z' ? word.ptr[i] - 32 : word.ptr[i]);
    upper[word.len] = 0;
    size_t n = 0;
    for (size_t i = 0; i < COUNT(names); i++) candidates[n++] = names[i].sql;
    for (size_t i = 0; i < COUNT(parametric); i++) candidates[n++] = parametric[i];
    return pli__str_nearest(upper, candidates, n);
}

static const char *const units[] = {
    [PLI__UNIT_US] = "us", [PLI__UNIT_NS] = "ns", [PLI__UNIT_MS] = "ms", [PLI__UNIT_S] = "ms"};

const char *pli__time_unit_name(pli__time_unit unit) { return units[unit]; }

bool pli__time_unit_parse(pli__str s, pli__time_unit *out) {
    for (size_t i = 0; i < COUNT(units); i++) {
        if (!pli__str_eqz(s, units[i])) continue;
        *out = (pli__time_unit)i;
        return true;
    }
    return false;
}
