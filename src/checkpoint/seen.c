/* Records of files that are known without an offset: written once, compressed, read as a stream. */
#include "checkpoint/seen.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <zstd.h>

#include "base/json.h"

#define MAX_SEEN_BYTES ((size_t)1 << 32) /* of one compressed record */
#define MAX_LINE ((size_t)1 << 16)

struct pli__seen_writer {
    pli__checkpoint *cp;
    char key[96];
    ZSTD_CStream *stream;
    pli__buf line, out;
};

/* ---- writing ---- */

void pli__seen_writer_free(pli__seen_writer *w) {
    if (!w) return;
    ZSTD_freeCStream(w->stream);
    pli__buf_clear(&w->line);
    pli__buf_clear(&w->out);
    free(w);
}

void pli__seen_writer_auto(pli__seen_writer **w) { pli__seen_writer_free(*w); }

/* Compress the line at hand; with `end` whatever is left as well. */
static pli_status squeeze(pli__seen_writer *w, bool end, pli_error *err) {
    ZSTD_inBuffer in = {w->line.ptr, w->line.len, 0};
    for (size_t left = 1; in.pos < in.size || (end && left);) {
        char *room = pli__buf_room(&w->out, ZSTD_CStreamOutSize());
        if (!room) return pli__buf_status(&w->out, err);
        ZSTD_outBuffer out = {room, ZSTD_CStreamOutSize(), 0};
        left = ZSTD_compressStream2(w->stream, &out, &in, end ? ZSTD_e_end : ZSTD_e_continue);
        if (ZSTD_isError(left))
            return pli__error_set(err, PLI_E_INTERNAL, "could not compress: %s", ZSTD_getErrorName(left));
        pli__buf_used(&w->out, out.pos);
    }
    pli__buf_reset(&w->line);
    return PLI_OK;
}

static pli_status writer_new(pli__checkpoint *cp, pli__seen_writer **out, pli_error *err) {
    PLI_AUTO(pli__seen_writer_auto) pli__seen_writer *w = calloc(1, sizeof *w);
    if (!w || !(w->stream = ZSTD_createCStream())) return pli__error_memory(err);
    ZSTD_CCtx_setParameter(w->stream, ZSTD_c_checksumFlag, 1);
    pli__buf_init(&w->out, MAX_SEEN_BYTES);
    w->cp = cp;
    pli__buf_addf(&w->line, "{\"id\":\"%s\",\"epoch\":%" PRId64, pli__checkpoint_id(cp), pli__checkpoint_epoch(cp));
    *out = PLI_TAKE(w);
    return PLI_OK;
}

pli_status pli__seen_begin_latest(pli__checkpoint *cp, int64_t timestamp_us, pli__seen_writer **out, pli_error *err) {
    PLI_AUTO(pli__seen_writer_auto) pli__seen_writer *w = NULL;
    PLI_TRY(writer_new(cp, &w, err));
    snprintf(w->key, sizeof w->key, "seen/latest-%" PRId64 ".ndjson.zst", timestamp_us);
    pli__buf_addf(&w->line, ",\"kind\":\"latest\",\"timestamp_us\":%" PRId64 "}\n", timestamp_us);
    PLI_TRY(squeeze(w, false, err));
    *out = PLI_TAKE(w);
    return PLI_OK;
}

pli_status pli__seen_begin_cleaned(pli__checkpoint *cp, int64_t from, int64_t through, pli__seen_writer **out,
                                   pli_error *err) {
    PLI_AUTO(pli__seen_writer_auto) pli__seen_writer *w = NULL;
    PLI_TRY(writer_new(cp, &w, err));
    snprintf(w->key, sizeof w->key, "seen/cleaned-%" PRId64 "-%" PRId64 ".ndjson.zst", from, through);
    pli__buf_addf(&w->line, ",\"kind\":\"cleaned\",\"from\":%" PRId64 ",\"through\":%" PRId64 "}\n", from, through);
    PLI_TRY(squeeze(w, false, err));
    *out = PLI_TAKE(w);
    return PLI_OK;
}

pli_status pli__seen_add(pli__seen_writer *w, const pli__seen_file *file, pli_error *err) {
    pli__buf_addz(&w->line, "{\"path\":");
    pli__buf_add_json(&w->line, file->path);
    if (file->size != INT64_MIN) pli__buf_addf(&w->line, ",\"size\":%" PRId64, file->size);
    if (file->mtime_ns != INT64_MIN) pli__buf_addf(&w->line, ",\"mtime_ns\":%" PRId64, file->mtime_ns);
    if (file->batch >= 0) pli__buf_addf(&w->line, ",\"batch\":%" PRId64, file->batch);
    pli__buf_addz(&w->line, "}\n");
    PLI_TRY(pli__buf_status(&w->line, err));
    return w->line.len < 4096 ? PLI_OK : squeeze(w, false, err);
}

pli_status pli__seen_publish(pli__seen_writer *w, pli_error *err) {
    PLI_TRY(squeeze(w, true, err));
    unsigned flags = pli__checkpoint_relaxed(w->cp) ? PLI__STORE_RELAXED : 0;
    pli_status status = pli__store_put_if_absent(pli__checkpoint_store(w->cp), w->key, pli__buf_str(&w->out), flags,
                                                 err);
    if (status != PLI_E_EXISTS) return status;
    pli__error_clear(err);
    return PLI_OK;
}

static pli_status add_to_writer(void *arg, const pli__seen_file *file, pli_error *err) {
    return pli__seen_add(arg, file, err);
}

typedef struct with_batch {
    int64_t batch;
    pli__seen_fn *fn;
    void *arg;
} with_batch;

static pli_status add_batch(void *arg, const pli__seen_file *file, pli_error *err) {
    const with_batch *to = arg;
    pli__seen_file f = *file;
    f.batch = to->batch;
    return to->fn(to->arg, &f, err);
}

pli_status pli__seen_write_cleaned(pli__checkpoint *cp, int64_t from, int64_t through, pli_error *err) {
    PLI_AUTO(pli__seen_writer_auto) pli__seen_writer *w = NULL;
    PLI_TRY(pli__seen_begin_cleaned(cp, from, through, &w, err));
    for (int64_t n = from; n <= through; n++) {
        PLI_AUTO(pli__json_unref) json_t *offset = NULL;
        PLI_TRY(pli__checkpoint_read_offset(cp, n, &offset, NULL, err));
        with_batch to = {n, add_to_writer, w};
        PLI_TRY(pli__offset_files(offset, add_batch, &to, err));
    }
    return pli__seen_publish(w, err);
}

/* ---- files of an offset ---- */

pli_status pli__offset_files(const json_t *offset, pli__seen_fn *fn, void *arg, pli_error *err) {
    const json_t *files = json_object_get(offset, "files"), *info = json_object_get(offset, "file_info");
    if (files && !json_is_array(files)) return pli__error_set(err, PLI_E_CORRUPT, "`files` of an offset is not a list");
    size_t n = json_array_size(files);
    if (info && json_array_size(info) != n)
        return pli__error_set(err, PLI_E_CORRUPT, "`file_info` of an offset has %zu entries for %zu files",
                              json_array_size(info), n);
    for (size_t i = 0; i < n; i++) {
        const json_t *path = json_array_get(files, i), *pair = json_array_get(info, i);
        if (!json_is_string(path))
            return pli__error_set(err, PLI_E_CORRUPT, "`files` of an offset holds something else than text");
        const json_t *size = json_array_get(pair, 0), *mtime = json_array_get(pair, 1);
        const pli__seen_file f = {.path = {json_string_value(path), json_string_length(path)},
                                  .size = json_is_integer(size) ? json_integer_value(size) : INT64_MIN,
                                  .mtime_ns = json_is_integer(mtime) ? json_integer_value(mtime) : INT64_MIN,
                                  .batch = -1};
        PLI_TRY(fn(arg, &f, err));
    }
    return PLI_OK;
}

/* ---- reading ---- */

static void free_stream(ZSTD_DStream **s) { ZSTD_freeDStream(*s); }

typedef struct line_reader {
    const char *key;
    pli__checkpoint *cp;
    bool header_done;
    pli__seen_fn *fn;
    void *arg;
} line_reader;

static pli_status read_line(line_reader *r, pli__str line, pli_error *err) {
    PLI_AUTO(pli__json_unref) json_t *v = NULL;
    PLI_TRY(pli__json_parse(line, r->key, &v, err));
    if (!r->header_done) {
        const char *id = json_string_value(json_object_get(v, "id"));
        if (!id || strcmp(id, pli__checkpoint_id(r->cp)) != 0)
            return pli__error_set(err, PLI_E_FOREIGN, "'%s' belongs to another checkpoint", r->key);
        r->header_done = true;
        return PLI_OK;
    }
    const json_t *path = json_object_get(v, "path");
    if (!json_is_string(path)) return pli__error_set(err, PLI_E_CORRUPT, "'%s' has a line without a path", r->key);
    pli__seen_file f = {{json_string_value(path), json_string_length(path)}, INT64_MIN, INT64_MIN, -1};
    PLI_TRY(pli__json_get_i64(v, "size", r->key, false, &f.size, err));
    PLI_TRY(pli__json_get_i64(v, "mtime_ns", r->key, false, &f.mtime_ns, err));
    PLI_TRY(pli__json_get_i64(v, "batch", r->key, false, &f.batch, err));
    return r->fn(r->arg, &f, err);
}

/* Hand out the complete lines of the buffer; what is left moves to its front. */
static pli_status drain_lines(line_reader *r, pli__buf *text, pli_error *err) {
    size_t at = 0;
    for (const char *nl; at < text->len && (nl = memchr(text->ptr + at, '\n', text->len - at));
         at = (size_t)(nl - text->ptr) + 1)
        PLI_TRY(read_line(r, (pli__str){text->ptr + at, (size_t)(nl - text->ptr) - at}, err));
    if (text->len - at > MAX_LINE)
        return pli__error_set(err, PLI_E_LIMIT, "'%s' has a line of more than %zu bytes", r->key, MAX_LINE);
    memmove(text->ptr, text->ptr + at, text->len - at);
    text->len -= at;
    return PLI_OK;
}

static pli_status read_record(line_reader *r, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf data = {0}, text = {0};
    pli__buf_init(&data, MAX_SEEN_BYTES);
    PLI_TRY(pli__store_get(pli__checkpoint_store(r->cp), r->key, MAX_SEEN_BYTES, &data, err));
    PLI_AUTO(free_stream) ZSTD_DStream *stream = ZSTD_createDStream();
    if (!stream) return pli__error_memory(err);
    ZSTD_inBuffer in = {data.ptr, data.len, 0};
    for (size_t left = 1; left;) {
        char *room = pli__buf_room(&text, ZSTD_DStreamOutSize());
        if (!room) return pli__buf_status(&text, err);
        ZSTD_outBuffer out = {room, ZSTD_DStreamOutSize(), 0};
        left = ZSTD_decompressStream(stream, &out, &in);
        if (ZSTD_isError(left) || (left && !out.pos && in.pos == in.size))
            return pli__error_set(err, PLI_E_CORRUPT, "'%s' is damaged", r->key);
        pli__buf_used(&text, out.pos);
        PLI_TRY(drain_lines(r, &text, err));
    }
    if (!r->header_done || text.len) return pli__error_set(err, PLI_E_CORRUPT, "'%s' is cut short", r->key);
    return PLI_OK;
}

static bool latest_key(pli__checkpoint *cp, char key[96]) {
    const json_t *start = json_object_get(pli__checkpoint_metadata(cp), "start_offset");
    const char *mode = json_string_value(json_object_get(start, "mode"));
    const json_t *at = json_object_get(start, "timestamp");
    if (!mode || strcmp(mode, "latest") != 0 || !json_is_number(at)) return false;
    snprintf(key, 96, "seen/latest-%lld.ndjson.zst", llround(json_number_value(at) * 1e6));
    return true;
}

pli_status pli__seen_has_latest(pli__checkpoint *cp, bool *out, pli_error *err) {
    *out = false;
    char key[96];
    if (!latest_key(cp, key)) return PLI_OK;
    pli__file_info info = {0};
    PLI_TRY(pli__store_stat(pli__checkpoint_store(cp), key, &info, err));
    *out = info.kind != PLI__FILE_NONE;
    return PLI_OK;
}

typedef struct ranges {
    struct range {
        int64_t from, through;
    } *items;
    size_t n, cap;
} ranges;

static void clear_ranges(ranges *r) { free(r->items); }

static pli_status note_range(void *arg, const pli__store_entry *entry, pli_error *err) {
    ranges *r = arg;
    long long from = 0, through = 0;
    int used = 0;
    if (sscanf(entry->name, "cleaned-%18lld-%18lld.ndjson.zst%n", &from, &through, &used) != 2 || entry->name[used] ||
        from < 0 || through < from)
        return PLI_OK;
    if (r->n == r->cap) {
        size_t cap = r->cap ? r->cap * 2 : 16;
        struct range *items = realloc(r->items, cap * sizeof *items);
        if (!items) return pli__error_memory(err);
        r->items = items;
        r->cap = cap;
    }
    r->items[r->n++] = (struct range){from, through};
    return PLI_OK;
}

static int by_from(const void *a, const void *b) {
    const struct range *x = a, *y = b;
    return x->from != y->from ? (x->from < y->from ? -1 : 1) : (x->through > y->through) - (x->through < y->through);
}

/* The cleaned records up to `through`; together they must leave no batch below `first` out. */
static pli_status read_cleaned(line_reader *r, int64_t through, int64_t first, pli_error *err) {
    PLI_AUTO(clear_ranges) ranges all = {0};
    PLI_TRY(pli__store_list(pli__checkpoint_store(r->cp), "seen", NULL, false, note_range, &all, err));
    if (all.n) qsort(all.items, all.n, sizeof *all.items, by_from);
    int64_t next = 0;
    for (size_t i = 0; i < all.n; i++) {
        if (all.items[i].through > through) continue;
        char key[96];
        snprintf(key, sizeof key, "seen/cleaned-%" PRId64 "-%" PRId64 ".ndjson.zst", all.items[i].from,
                 all.items[i].through);
        line_reader one = *r;
        one.key = key;
        PLI_TRY(read_record(&one, err));
        if (all.items[i].from <= next && all.items[i].through >= next) next = all.items[i].through + 1;
    }
    if (next >= first) return PLI_OK;
    return pli__error_set(err, PLI_E_CORRUPT,
                          "the checkpoint '%s' has lost what batch %" PRId64
                          " read: neither offsets/ nor seen/ knows it",
                          pli__checkpoint_dir(r->cp), next);
}

pli_status pli__seen_read(pli__checkpoint *cp, pli__seen_fn *fn, void *arg, pli_error *err) {
    char key[96];
    bool latest = false;
    PLI_TRY(pli__seen_has_latest(cp, &latest, err));
    line_reader r = {.cp = cp, .fn = fn, .arg = arg};
    if (latest && latest_key(cp, key)) {
        line_reader one = r;
        one.key = key;
        PLI_TRY(read_record(&one, err));
    }
    const json_t *cleaned = json_object_get(pli__checkpoint_metadata(cp), "cleaned_through");
    int64_t through = json_is_integer(cleaned) ? json_integer_value(cleaned) : -1;
    int64_t first = pli__checkpoint_first_offset(cp);
    return read_cleaned(&r, through, first < 0 ? through + 1 : first, err);
}
