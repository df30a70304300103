/* Spark's rule which calendar a file is in, and the SQL that converts its values. */
#include "delta/calendar.h"

#include <inttypes.h>
#include <stdio.h>

#include "port/fs.h"

enum {
    TAIL_BYTES = 16 << 10,    /* of a file, read at first: most footers fit */
    FOOTER_MAX = 256 << 20,
    ENDING_BYTES = 8,         /* length of the footer, magic number */
    SECONDS_OF_HOUR = 3600
};

#define KEY_VERSION "org.apache.spark.version"
#define KEY_LEGACY "org.apache.spark.legacy" /* begins both of: */
#define KEY_DAYS "org.apache.spark.legacyDateTime"
#define KEY_INT96 "org.apache.spark.legacyINT96"
#define KEY_ZONE "org.apache.spark.timeZone"
/* From these versions on writers use the Gregorian calendar, unless the file says that they were told otherwise. Spark compares
 * them as texts too. */
#define DAYS_SINCE "3.0.0"
#define INT96_SINCE "3.1.0"

bool pli__calendar_concerns(const pli__field *f) {
    const pli__type *t = f->type;
    if (t->id == PLI__TYPE_DATE || t->id == PLI__TYPE_TIMESTAMP) return true;
    if (f->metadata && strstr(f->metadata, "delta.typeChanges") && strstr(f->metadata, "\"date\"")) return true;
    for (size_t i = 0; i < t->n_fields; i++)
        if (pli__calendar_concerns(&t->fields[i])) return true;
    return false;
}

/* ---- a look at the footer, without the engine ---- */

static const char *find(pli__str in, const char *word) {
    return in.len ? memmem(in.ptr, in.len, word, strlen(word)) : NULL;
}

/* Texts stand in the footer as they are. *footer is empty for what is no Parquet file: the engine will say so. */
static pli_status read_footer(const char *path, pli__buf *tail, pli__str *footer, pli_error *err) {
    *footer = (pli__str){0};
    for (size_t len = TAIL_BYTES;;) {
        pli__buf_reset(tail);
        PLI_TRY(pli__fs_read_at(path, -(int64_t)len, len, tail, err));
        if (tail->len < ENDING_BYTES) return PLI_OK;
        const uint8_t *end = (const uint8_t *)tail->ptr + tail->len - ENDING_BYTES;
        const size_t size = end[0] | (size_t)end[1] << 8 | (size_t)end[2] << 16 | (size_t)end[3] << 24;
        if (memcmp(end + 4, "PAR1", 4) != 0 || size > FOOTER_MAX) return PLI_OK;
        if (size + ENDING_BYTES <= tail->len) {
            *footer = (pli__str){(const char *)end - size, size};
            return PLI_OK;
        }
        if (len > TAIL_BYTES) return PLI_OK; /* longer than the file */
        len = size + ENDING_BYTES;
    }
}

/* May the file be one in the old calendar? Its writer's version stands behind the key as type, length and text. */
static bool looks_old(pli__str footer) {
    enum { TYPE_TEXT = 0x18, LENGTH_MAX = 0x7f };
    const char *key = find(footer, KEY_VERSION);
    if (!key) return false;
    if (find(footer, KEY_LEGACY)) return true;
    const char *at = key + strlen(KEY_VERSION), *end = footer.ptr + footer.len;
    if (end - at < 2 || at[0] != TYPE_TEXT || (uint8_t)at[1] > LENGTH_MAX || end - at - 2 < at[1]) return true;
    return pli__str_cmp((pli__str){at + 2, (size_t)at[1]}, pli__str_of(INT96_SINCE)) < 0;
}

/* ---- what it says exactly ---- */

static pli_status take_entry(void *arg, const pli__chunk *c, size_t row, pli_error *err) {
    pli__buf *to = arg;
    const pli__str value = pli__chunk_is_null(c, 1, row) ? (pli__str){"", 0} : pli__chunk_str(c, 1, row);
    static const char *const keys[] = {KEY_VERSION, KEY_DAYS, KEY_INT96, KEY_ZONE};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (!pli__str_eqz(pli__chunk_str(c, 0, row), keys[i])) continue;
        pli__buf_reset(&to[i]);
        pli__buf_adds(&to[i], value);
        pli__buf_addc(&to[i], 0); /* empty, but there */
        PLI_TRY(pli__buf_status(&to[i], err));
    }
    return PLI_OK;
}

enum { VERSION, DAYS, INT96, ZONE, N_ENTRIES };

static void clear_entries(pli__buf (*entries)[N_ENTRIES]) {
    for (int i = 0; i < N_ENTRIES; i++) pli__buf_clear(&(*entries)[i]);
}

static pli_status read_entries(pli__engine *e, const char *path, pli__buf *entries, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
    pli__buf_addz(&sql, "SELECT key, value FROM parquet_kv_metadata([");
    pli__buf_add_sql_str(&sql, pli__str_of(path));
    pli__buf_addz(&sql, "])");
    PLI_TRY(pli__buf_status(&sql, err));
    return pli__engine_query_rows(e, sql.ptr, take_entry, entries, err);
}

/* ---- zones ---- */

/* Java names a fixed offset GMT+3 or GMT-03:30. */
static bool fixed_offset(const char *zone, int64_t *seconds) {
    int hours = 0, minutes = 0, used = 0;
    if (strncmp(zone, "GMT", 3) != 0 || (zone[3] != '+' && zone[3] != '-')) return false;
    if (sscanf(zone + 4, "%2d%n:%2d%n", &hours, &used, &minutes, &used) < 1 || zone[4 + used]) return false;
    *seconds = (zone[3] == '-' ? -1 : 1) * (hours * (int64_t)SECONDS_OF_HOUR + minutes * 60);
    return true;
}

/* What Java does not know as a zone, such as +01:00 and UTC+1, which Spark allows, it takes for GMT: so do the files. */
static bool is_gmt(const char *zone) {
    return !strcmp(zone, "UTC") || !strcmp(zone, "GMT") || !strcmp(zone, "Z") || !strncmp(zone, "UTC+", 4) ||
           !strncmp(zone, "UTC-", 4) || !strncmp(zone, "UT+", 3) || !strncmp(zone, "UT-", 3) || zone[0] == '+' ||
           zone[0] == '-';
}

/* Zones that are an offset and summer times. Newer zone data makes them links to places, which have a local mean time. */
static bool is_offset_only(const char *zone) {
    static const char *const names[] = {"CET", "EET", "MET", "WET", "CST6CDT", "EST5EDT", "MST7MDT", "PST8PDT"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (!strcmp(zone, names[i])) return true;
    return false;
}

/* Standard time as of 2020: of that year is Spark's own table of the differences. */
static pli_status find_offset(pli__engine *e, pli__calendar *c, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0}, zone = {0};
    int64_t known = 0;
    pli__buf_add_sql_str(&zone, pli__str_of(c->zone));
    PLI_TRY(pli__buf_status(&zone, err));
    pli__buf_addf(&sql, "SELECT count(*) FROM pg_timezone_names() WHERE name = %s", zone.ptr);
    PLI_TRY(pli__buf_status(&sql, err));
    PLI_TRY(pli__engine_query_i64(e, sql.ptr, &known, err));
    c->zone_known = known > 0;
    if (!known) return PLI_OK;
    pli__buf_reset(&sql);
    pli__buf_addf(&sql,
                  "SELECT CAST(min(epoch(timezone(%s, t)) - epoch(t)) AS BIGINT) FROM (SELECT"
                  " unnest(generate_series(TIMESTAMPTZ '2020-01-15 12:00:00+00', TIMESTAMPTZ '2020-12-15 12:00:00+00',"
                  " INTERVAL 1 MONTH)) AS t)",
                  zone.ptr);
    PLI_TRY(pli__buf_status(&sql, err));
    PLI_TRY(pli__engine_query_i64(e, sql.ptr, &c->offset_s, err));
    c->local_mean_time = !is_offset_only(c->zone);
    return PLI_OK;
}

static pli_status choose_zone(pli__engine *e, pli__calendar *c, pli_error *err) {
    c->zone_known = true;
    return is_gmt(c->zone) || fixed_offset(c->zone, &c->offset_s) ? PLI_OK : find_offset(e, c, err);
}

static pli_status decide(pli_env *env, const char *path, pli__arena *arena, const pli__calendar **out, pli_error *err) {
    PLI_AUTO(clear_entries) pli__buf entries[N_ENTRIES] = {0};
    pli__engine *e;
    PLI_TRY(pli__env_engine(env, &e, err));
    PLI_TRY(read_entries(e, path, entries, err));
    if (!entries[VERSION].len) return PLI_OK;
    const pli__str version = pli__str_of(entries[VERSION].ptr);
    pli__calendar c = {.days = entries[DAYS].len || pli__str_cmp(version, pli__str_of(DAYS_SINCE)) < 0,
                       .int96 = entries[INT96].len || pli__str_cmp(version, pli__str_of(INT96_SINCE)) < 0};
    if (!c.days && !c.int96) return PLI_OK;
    const char *zone = entries[ZONE].len > 1 ? entries[ZONE].ptr : pli__env_time_zone(env);
    c.zone = pli__arena_strdup(arena, pli__str_of(zone));
    pli__calendar *kept = pli__arena_alloc(arena, sizeof *kept);
    if (!c.zone || !kept) return pli__error_memory(err);
    PLI_TRY(choose_zone(e, &c, err));
    *kept = c;
    *out = kept;
    return PLI_OK;
}

pli_status pli__calendar_of(pli_env *env, const char *path, pli__arena *arena, const pli__calendar **out,
                            pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf tail = {0};
    pli__str footer;
    pli_error failure = {0};
    *out = NULL;
    const pli_status s = read_footer(path, &tail, &footer, &failure);
    if (s == PLI_E_NOT_FOUND) return PLI_OK; /* whether it is missed shows when rows are read */
    if (s != PLI_OK) {
        if (err) *err = failure;
        return s;
    }
    return looks_old(footer) ? decide(env, path, arena, out, err) : PLI_OK;
}

/* ---- SQL ---- */

bool pli__calendar_changes(const pli__calendar *c, const pli__type *t, const pli__type *read) {
    if (!c) return false;
    if (read->id == PLI__TYPE_DATE) return c->days;
    if (t->id == PLI__TYPE_TIMESTAMP_NTZ) return c->int96_without_zone;
    if (t->id != PLI__TYPE_TIMESTAMP) return false;
    return read->id == PLI__TYPE_TIMESTAMP_NTZ ? c->int96 : c->days;
}

/* Days from the date that a number stands for in the Julian calendar to the same date in the Gregorian one: -10 in 1582. Years
 * are counted from March on, so that a leap day is the last of its year, and from 6,000,000 BC on, so that all are positive. */
static void add_shift(pli__buf *sql, const char *date) {
    enum { YEARS_DAYS = 1461 }; /* of four */
    PLI_AUTO(pli__buf_clear) pli__buf year = {0};
    pli__buf_addf(&year, "((4 * (%s - DATE '1970-01-01' + 2192219470) + 3) // %d)", date, YEARS_DAYS);
    if (year.failed) sql->failed = true;
    else pli__buf_addf(sql, "CAST(45002 - %s // 100 + %s // 400 AS INTEGER)", year.ptr, year.ptr);
}

static void add_date(pli__buf *sql, const char *value) {
    pli__buf_addf(sql, "CASE WHEN %s < DATE '1582-10-15' AND isfinite(%s) THEN %s + ", value, value, value);
    add_shift(sql, value);
    pli__buf_addf(sql, " ELSE %s END", value);
}

/* The clock of the writer, as a time without a zone, on the day that it showed. */
static void add_clock(pli__buf *sql, const pli__calendar *c, const char *utc) {
    PLI_AUTO(pli__buf_clear) pli__buf clock = {0}, day = {0};
    pli__buf_addf(&clock, "(%s + to_seconds(%" PRId64 "))", utc, c->offset_s);
    pli__buf_addf(&day, "CAST(%s AS DATE)", clock.failed ? "" : clock.ptr);
    if (clock.failed || day.failed) {
        sql->failed = true;
        return;
    }
    pli__buf_addf(sql, "(%s + to_days(CASE WHEN %s < DATE '1582-10-15' THEN ", clock.ptr, day.ptr);
    add_shift(sql, day.ptr);
    pli__buf_addz(sql, " ELSE 0 END))");
}

static void add_instant(pli__buf *sql, const pli__calendar *c, const char *utc, const char *value) {
    pli__buf_addf(sql, "CASE WHEN %s < TIMESTAMP '1900-01-01' AND isfinite(%s) THEN ", utc, utc);
    if (!c->zone_known) {
        PLI_AUTO(pli__buf_clear) pli__buf text = {0};
        pli__buf_addf(&text, "a time before 1900 in the old calendar of a Spark whose time zone '%s' is not known here",
                      c->zone);
        pli__buf_addz(sql, "CAST(error(");
        pli__buf_add_sql_str(sql, pli__buf_str(&text));
        pli__buf_addz(sql, ") AS TIMESTAMPTZ)");
        if (text.failed) sql->failed = true;
    } else {
        pli__buf_addz(sql, "timezone(");
        pli__buf_add_sql_str(sql, pli__str_of(c->local_mean_time ? c->zone : "UTC"));
        pli__buf_addz(sql, ", ");
        add_clock(sql, c, utc);
        if (!c->local_mean_time && c->offset_s) pli__buf_addf(sql, " - to_seconds(%" PRId64 ")", c->offset_s);
        pli__buf_addc(sql, ')');
    }
    pli__buf_addf(sql, " ELSE %s END", value);
}

void pli__calendar_sql(const pli__calendar *c, const pli__type *t, const pli__type *read, pli__str value,
                       pli__buf *sql) {
    PLI_AUTO(pli__buf_clear) pli__buf plain = {0}, other = {0};
    const bool no_zone = read->id == PLI__TYPE_TIMESTAMP_NTZ;
    pli__buf_adds(&plain, value);
    pli__buf_addf(&other, "timezone('UTC', %.*s)", PLI_STR_ARG(value)); /* turns each kind of time into the other */
    if (plain.failed || other.failed) {
        sql->failed = true;
    } else if (t->id == PLI__TYPE_DATE) {
        add_date(sql, plain.ptr);
    } else if (read->id == PLI__TYPE_DATE) {
        pli__buf_addz(sql, "CAST(");
        add_date(sql, plain.ptr);
        pli__buf_addz(sql, " AS TIMESTAMP)");
    } else {
        if (t->id == PLI__TYPE_TIMESTAMP_NTZ) pli__buf_addz(sql, "timezone('UTC', ");
        add_instant(sql, c, no_zone ? plain.ptr : other.ptr, no_zone ? other.ptr : plain.ptr);
        if (t->id == PLI__TYPE_TIMESTAMP_NTZ) pli__buf_addc(sql, ')');
    }
}
