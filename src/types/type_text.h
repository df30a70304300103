/*
 * A cursor over the text of a type, shared by the parsers of SQL, Polars and Delta names: blanks, words, quoted names,
 * limits, and errors that say what, where and in which field. Internal to src/types.
 */
#ifndef PLI_TYPES_TYPE_TEXT_H
#define PLI_TYPES_TYPE_TEXT_H

#include "types/type.h"

typedef struct pli__type_text {
    pli__str text;
    size_t pos;
    int depth;        /* of the type being parsed */
    size_t fields;    /* seen so far, in the whole text */
    bool columns;     /* fields may be NOT NULL */
    pli__buf path;    /* dotted path of the field being parsed; empty at the top */
    const char *what; /* names the kind of text in errors */
    pli_status code;  /* of errors in the text */
} pli__type_text;

/** Checks length and UTF-8. Clear with pli__type_text_clear, also on failure. */
pli_status pli__type_text_init(pli__type_text *t, pli__str text, const char *what, pli_status code, pli_error *err);
void pli__type_text_clear(pli__type_text *t);
/** Sets err with the byte position and the field's path. @return t->code */
__attribute__((format(printf, 3, 4))) pli_status pli__type_text_fail(const pli__type_text *t, pli_error *err,
                                                                     const char *fmt, ...);

/** Entering and leaving one level of nesting; LIMIT_EXCEEDED below PLI__TYPE_MAX_DEPTH. */
pli_status pli__type_text_enter(pli__type_text *t, pli_error *err);
void pli__type_text_leave(pli__type_text *t);
/** Counts a field and appends it to the path; *mark gets what pli__type_text_pop needs. */
pli_status pli__type_text_push(pli__type_text *t, pli__str field, size_t *mark, pli_error *err);
void pli__type_text_pop(pli__type_text *t, size_t mark);

/** Skip blanks; then true and one step on if the next byte is c. */
bool pli__type_text_take(pli__type_text *t, char c);
/** Skip blanks; the next byte without consuming it, 0 at the end. */
char pli__type_text_peek(pli__type_text *t);
/** pli__type_text_take or an error that names c. */
pli_status pli__type_text_expect(pli__type_text *t, char c, pli_error *err);
/** Skip blanks; the next identifier (letters, digits, '_', '$', not beginning with a digit; non-ASCII counts as a letter) or an empty slice. */
pli__str pli__type_text_word(pli__type_text *t);
/** True and consumed if the next word is z, ignoring case. */
bool pli__type_text_take_word(pli__type_text *t, const char *z);
/** A number without sign up to max. */
pli_status pli__type_text_number(pli__type_text *t, int64_t max, int64_t *out, pli_error *err);
/** A text in quote characters that are doubled inside ('it''s', "a""b"); the opening quote comes next. Appended to out. */
pli_status pli__type_text_quoted(pli__type_text *t, pli__buf *out, pli_error *err);
/** Error unless only blanks are left. */
pli_status pli__type_text_end(pli__type_text *t, pli_error *err);

/** The two parsers of one type at the cursor; SQL's hands over to Polars' where the text is Polars'. */
pli_status pli__type_parse_polars(pli__type_text *t, const pli__type **out, pli_error *err);
pli_status pli__type_parse_sql(pli__type_text *t, const pli__type **out, pli_error *err);
/** A whole text, by one of them. @param what names the kind of text in errors, which are INVALID_ARGUMENT */
typedef pli_status pli__type_parser(pli__type_text *t, const pli__type **out, pli_error *err);
pli_status pli__type_text_whole(pli__str text, const char *what, pli__type_parser *parse, const pli__type **out,
                                pli_error *err);
/** p if it is a type, else OUT_OF_MEMORY. */
pli_status pli__type_made(const pli__type *p, const pli__type **out, pli_error *err);

#endif
