/* A walk from quote to quote: memchr does the work, so a file without quotes costs little more than reading it. */
#include "source/format_csv_quotes.h"

#include <stdlib.h>

#include "source/format_input.h"

#define BLOCK ((size_t)1 << 20)

typedef struct walk {
    char quote, escape, last_of_delimiter;
    bool quoted;    /* within quotes */
    bool pending;   /* a quote within quotes was the last byte: what follows decides */
    bool escaped;   /* the last byte was an escape within quotes */
    bool unclear;   /* a quote whose meaning is the engine's to tell */
    char before;    /* byte before the block; '\n' at the start */
} walk;

/* A quote outside of quotes opens only at the beginning of a value. */
static void at_opening(walk *w, char before) {
    if (before == '\n' || before == '\r' || before == w->last_of_delimiter) w->quoted = true;
    else if (before == ' ' || before == '\t') w->unclear = true;
}

/* Doubled quotes stay within; any other byte behind a quote means that it closed. @return bytes used */
static size_t pass_doubled(walk *w, const char *p, size_t n) {
    size_t i = 0;
    if (w->pending) {
        w->pending = false;
        if (p[0] == w->quote) i = 1;
        else w->quoted = false;
        return i;
    }
    const char *hit = memchr(p, w->quote, n);
    if (!hit) return n;
    w->pending = true;
    return (size_t)(hit - p) + 1;
}

static size_t pass_escaped(walk *w, const char *p, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (w->escaped) w->escaped = false;
        else if (p[i] == w->escape) w->escaped = true;
        else if (p[i] == w->quote) {
            w->quoted = false;
            return i + 1;
        }
    }
    return n;
}

static void walk_block(walk *w, const char *p, size_t n) {
    for (size_t i = 0; i < n && !w->unclear;) {
        if (w->quoted) {
            i += w->escape == w->quote ? pass_doubled(w, p + i, n - i) : pass_escaped(w, p + i, n - i);
            continue;
        }
        const char *hit = memchr(p + i, w->quote, n - i);
        if (!hit) break;
        const size_t at = (size_t)(hit - p);
        at_opening(w, at ? p[at - 1] : w->before);
        i = at + 1;
    }
    w->before = p[n - 1];
}

static pli_status walk_file(walk *w, const char *path, char *block, bool *any_quote, pli_error *err) {
    PLI_AUTO(pli__input_auto) pli__input *in = NULL;
    PLI_TRY(pli__input_open(path, &in, err));
    bool first = true;
    const bool to_the_end = *pli__input_compression(path);
    for (size_t got = 1; got && (to_the_end || !w->unclear); first = false) {
        PLI_TRY(pli__input_read(in, block, BLOCK, &got, err));
        if (!got) break;
        const size_t mark = first && got >= 3 && memcmp(block, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
        if (!*any_quote) *any_quote = memchr(block, w->quote, got) != NULL;
        if (got > mark) walk_block(w, block + mark, got - mark);
    }
    if (w->pending) w->quoted = false;
    return PLI_OK;
}

pli_status pli__csv_may_end_quoted(const char *path, const pli__csv_dialect *d, pli__str delimiter, bool *out,
                                   pli_error *err) {
    *out = false;
    if (!d->quote || d->encoding == PLI__CSV_UTF16) {
        *out = d->quote;
        return pli__input_check(path, err);
    }
    PLI_AUTO(pli__free_ptr) char *block = malloc(BLOCK);
    if (!block) return pli__error_memory(err);
    walk w = {.quote = d->quote,
              .escape = d->escape ? d->escape : d->quote,
              .before = '\n',
              .last_of_delimiter = delimiter.len ? delimiter.ptr[delimiter.len - 1] : ','};
    bool any_quote = false;
    PLI_TRY(walk_file(&w, path, block, &any_quote, err));
    /* quotes in comments and skipped lines mean nothing, but only the engine knows which those are */
    *out = w.quoted || w.unclear || (any_quote && (d->comment || d->skip_rows));
    return PLI_OK;
}

pli_status pli__csv_check_line_ends(const char *path, pli_error *err) {
    PLI_AUTO(pli__input_auto) pli__input *in = NULL;
    PLI_TRY(pli__input_open(path, &in, err));
    PLI_AUTO(pli__free_ptr) char *block = malloc(BLOCK);
    if (!block) return pli__error_memory(err);
    bool after_cr = false, alone = false;
    for (size_t got = 1; got && !alone;) {
        PLI_TRY(pli__input_read(in, block, BLOCK, &got, err));
        if (got && after_cr) alone = block[0] != '\n';
        for (const char *p = block, *end = block + got; !alone && (p = memchr(p, '\r', (size_t)(end - p))); p++)
            alone = p + 1 < end && p[1] != '\n';
        after_cr = got ? block[got - 1] == '\r' : after_cr;
    }
    if (!alone && !after_cr) return PLI_OK;
    pli__error_set(err, PLI_E_DATA, "'%s' has a CR without LF, which cannot be read with `strict: false`", path);
    return pli__error_hint(err, "give all lines the same end, LF or CRLF");
}
