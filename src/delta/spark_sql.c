/*
 * Spark's SQL into the engine's, token by token:
 *   `name` -> "name"      "text" -> 'text'      a == b -> a = b      a <=> b -> a IS NOT DISTINCT FROM b
 *   STRING, LONG, SHORT, BYTE … behind AS -> VARCHAR, BIGINT …
 *   order, at, to … -> "order", "at", "to"      columns in Spark, which reserves no words; the engine does
 */
#include "delta/spark_sql.h"

#include <ctype.h>

static const struct {
    const char *from, *to;
} words[] = {
    {"string", "VARCHAR"},
    {"long", "BIGINT"},
    {"short", "SMALLINT"},
    {"byte", "TINYINT"},
    {"binary", "BLOB"},
    {"timestamp", "TIMESTAMPTZ"},
    {"timestamp_ntz", "TIMESTAMP"},
    {"timestamp_ltz", "TIMESTAMPTZ"},
};

/* Reserved by the engine, and no word of an expression. */
static const char *const reserved[] = {
    "analyse",   "analyze",    "anti",       "asc",       "asof",         "asymmetric",  "at",      "authorization",
    "check",     "collation",  "column",     "columns",   "concurrently", "constraint",  "create",  "cross",
    "default",   "deferrable", "desc",       "describe",  "do",           "fetch",       "foreign", "freeze",
    "full",      "generated",  "glob",       "group",     "having",       "initially",   "inner",   "into",
    "join",      "lambda",     "lateral",    "left",      "limit",        "natural",     "offset",  "only",
    "order",     "outer",      "overlaps",   "pivot",     "pivot_longer", "pivot_wider", "placing", "positional",
    "primary",   "qualify",    "references", "returning", "right",        "semi",        "show",    "summarize",
    "symmetric", "table",      "to",         "unique",    "unpack",       "unpivot",     "using",   "variadic",
    "verbose",   "where",      "window",     "with",
};

typedef struct {
    pli__str text;
    size_t at;
    bool after_as; /* the last word was AS: a type's name follows */
    int depth;
} lexer;

static pli_status refuse(const lexer *l, pli_error *err, const char *why) {
    return pli__error_set(err, PLI_E_SQL, "expression '%.*s': %s", PLI_STR_ARG(l->text), why);
}

/* A quoted run; quotes are doubled, texts may hold backslash escapes in Spark. */
static pli_status take_quoted(lexer *l, char quote, pli__buf *out, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf body = {0};
    size_t i = l->at + 1;
    for (;; i++) {
        if (i >= l->text.len) return refuse(l, err, "a quote is not closed");
        const char c = l->text.ptr[i];
        if (c == '\\' && quote != '`' && i + 1 < l->text.len) {
            const char e = l->text.ptr[++i];
            pli__buf_addc(&body, e == 'n' ? '\n' : e == 't' ? '\t' : e == 'r' ? '\r' : e);
            continue;
        }
        if (c != quote) {
            pli__buf_addc(&body, c);
            continue;
        }
        if (i + 1 >= l->text.len || l->text.ptr[i + 1] != quote) break;
        pli__buf_addc(&body, l->text.ptr[++i]);
    }
    l->at = i + 1;
    PLI_TRY(pli__buf_status(&body, err));
    const pli__str s = body.ptr ? pli__buf_str(&body) : PLI_STR("");
    if (quote == '`') pli__buf_add_sql_name(out, s);
    else pli__buf_add_sql_str(out, s);
    return PLI_OK;
}

static bool is_reserved(pli__str word) {
    for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++)
        if (pli__str_ieqz(word, reserved[i])) return true;
    return false;
}

static bool calls_function(const lexer *l, size_t at) {
    while (at < l->text.len && isspace((unsigned char)l->text.ptr[at])) at++;
    return at < l->text.len && l->text.ptr[at] == '(';
}

static void take_word(lexer *l, pli__buf *out) {
    size_t end = l->at;
    while (end < l->text.len &&
           (isalnum((unsigned char)l->text.ptr[end]) || l->text.ptr[end] == '_' || (l->text.ptr[end] & 0x80)))
        end++;
    const pli__str word = {l->text.ptr + l->at, end - l->at};
    const char *instead = NULL;
    for (size_t i = 0; l->after_as && i < sizeof words / sizeof words[0]; i++)
        if (pli__str_ieqz(word, words[i].from)) instead = words[i].to;
    if (instead) pli__buf_addz(out, instead);
    else if (is_reserved(word) && !calls_function(l, end)) pli__buf_add_sql_name(out, word);
    else pli__buf_adds(out, word);
    l->after_as = pli__str_ieqz(word, "as");
    l->at = end;
}

static bool starts(const lexer *l, const char *z) {
    return pli__str_starts((pli__str){l->text.ptr + l->at, l->text.len - l->at}, pli__str_of(z));
}

static pli_status take_sign(lexer *l, pli__buf *out, pli_error *err) {
    const char c = l->text.ptr[l->at];
    if (starts(l, "--") || starts(l, "/*") || c == ';' || c == '\0')
        return refuse(l, err, "comments and several statements are not allowed");
    if (starts(l, "<=>")) {
        pli__buf_addz(out, " IS NOT DISTINCT FROM ");
        l->at += 3;
        return PLI_OK;
    }
    if (starts(l, "==")) {
        pli__buf_addc(out, '=');
        l->at += 2;
        return PLI_OK;
    }
    if (c == '(') l->depth++;
    if (c == ')' && --l->depth < 0) return refuse(l, err, "brackets are not balanced");
    pli__buf_addc(out, c);
    l->at++;
    return PLI_OK;
}

pli_status pli__spark_sql(pli__str expression, pli__buf *out, pli_error *err) {
    lexer l = {.text = expression};
    while (l.at < l.text.len) {
        const char c = l.text.ptr[l.at];
        if (c == '`' || c == '"' || c == '\'') PLI_TRY(take_quoted(&l, c, out, err));
        else if (isalnum((unsigned char)c) || c == '_' || (c & 0x80)) take_word(&l, out);
        else PLI_TRY(take_sign(&l, out, err));
    }
    if (l.depth) return refuse(&l, err, "brackets are not balanced");
    return pli__buf_status(out, err);
}
