/*
 * The shape of JSON files: every key and every kind of value that they hold, from one pass over all of their bytes (about
 * 1 GB/s; the engine's own reading takes some ten times as long). So types are exact, not sampled; keys that the schema
 * lacks are noticed wherever they stand; and reading with types needs no guards, because it is known that all values fit.
 */
#ifndef PLI_SOURCE_FORMAT_JSON_SHAPE_H
#define PLI_SOURCE_FORMAT_JSON_SHAPE_H

#include "base/arena.h"
#include "types/type.h"

enum { PLI__SHAPE_LEAD = 16 };

typedef struct pli__shape pli__shape;
struct pli__shape {
    unsigned kinds;      /**< PLI__SEEN_* of the scalars */
    bool object, array, crowded; /**< crowded: more keys than a STRUCT should have */
    bool plain;          /**< its key has no backslash: the key's text is the key */
    unsigned char lead_len; /**< of `lead`; 0 if it would not fit or the key is not plain */
    char lead[PLI__SHAPE_LEAD]; /**< the key as it mostly stands: quote, key, quote, colon */
    size_t n, cap;       /**< keys of the objects, in order of appearance */
    pli__str *names;
    pli__shape **fields;
    uint32_t *table;     /**< position + 1 by hash, once there are many */
    size_t table_size;
    pli__shape *element; /**< of the arrays; NULL if all were empty */
};

/** What a file is as a whole. */
typedef enum pli__json_layout { PLI__JSON_LINES, PLI__JSON_ARRAY, PLI__JSON_STREAM } pli__json_layout;

/** A record that cannot be parsed. */
typedef struct pli__bad_record {
    int64_t line;
    pli__str text; /**< in the arena */
} pli__bad_record;

typedef struct pli__json_scan_result {
    pli__json_layout layout;
    bool mark;           /**< begins with a byte order mark, which the engine does not take */
    int64_t records;
    size_t n_bad, bad_cap;
    pli__bad_record *bad; /**< malloc'ed */
    bool bad_bytes;       /**< some of them are not UTF-8; their texts have '?' there */
} pli__json_scan_result;

enum { PLI__MAX_BAD_RECORDS = 100000 };

/** Scan a file into a shape (of its records: root->fields are the columns). BAD_DATA with the line for a record that
 *  cannot be parsed, unless keep_bad. @param lines one record a line is expected (NDJSON) @param max_record bytes */
pli_status pli__json_scan_file(const char *path, bool lines, bool keep_bad, size_t max_record, pli__arena *arena,
                               pli__shape *root, pli__json_scan_result *out, pli_error *err);
/** The records of an NDJSON file (plain, without a mark) that begin in from..stop; what stands before the first line end is
 *  left out unless from is 0. */
pli_status pli__json_scan_range(const char *path, int64_t from, int64_t stop, size_t max_record, pli__arena *arena,
                                pli__shape *root, pli__json_scan_result *out, pli_error *err);
/** The same as scan_file for NDJSON without bad records, by several threads where the file is large. */
pli_status pli__json_scan_threads(const char *path, size_t n_threads, size_t max_record, pli__arena *arena,
                                  pli__shape *root, pli__json_scan_result *out, pli_error *err);
/** Everything in `from` is in `into` as well afterwards. */
pli_status pli__shape_merge(pli__arena *arena, pli__shape *into, const pli__shape *from, pli_error *err);
/** Type of a value. `known` (may be NULL) is taken where all values fit it; *fits = false if some do not, somewhere in it. */
pli_status pli__shape_type(const pli__shape *s, const pli__type *known, bool ntz, bool *fits, const pli__type **out,
                           pli_error *err);
/** Will the engine take this line, of which the scanner says that it is an object? */
bool pli__json_line_is_sound(pli__str line);
/** Append text, '?' for each byte that is not UTF-8. */
void pli__add_as_utf8(pli__buf *b, pli__str text);
/** Child of a key; created if absent. NULL when memory is out. */
pli__shape *pli__shape_field(pli__arena *arena, pli__shape *s, pli__str name);

#endif
