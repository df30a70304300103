/* The grammar of merge clauses. Expressions are not understood here: they are cut out by brackets, quotes and CASE … END. */
#include "delta/merge_clause.h"

#include <ctype.h>
#include <string.h>

/* ---- tokens ---- */

typedef enum { END, WORD, QUOTED, TEXT, SIGN, OPEN /* a quote without its end */ } token_kind;

typedef struct parser {
    const char *text;
    pli__arena *arena;
    pli_error *err;
    const char *at, *behind; /* the token: first byte, byte after it */
    token_kind kind;
} parser;

/* Behind a quoted text, NULL if it has no end; the quote doubled stands for itself. */
static const char *skip_quoted(const char *p, bool escapes) {
    const char quote = *p++;
    for (; *p; p++) {
        if (escapes && *p == '\\' && p[1]) p++;
        else if (*p == quote && p[1] == quote) p++;
        else if (*p == quote) return p + 1;
    }
    return NULL;
}

static const char *skip_blank(const char *p) {
    for (;;) {
        while (isspace((unsigned char)*p)) p++;
        if (p[0] == '-' && p[1] == '-') p += strcspn(p, "\n");
        else if (p[0] == '/' && p[1] == '*') {
            const char *end = strstr(p + 2, "*/");
            p = end ? end + 2 : p + strlen(p);
        } else return p;
    }
}

static bool in_word(char c) { return isalnum((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80; }

static void next(parser *p) {
    const char *s = p->at = skip_blank(p->behind);
    const bool escaped = (*s == 'e' || *s == 'E') && s[1] == '\'';
    if (!*s) p->kind = END;
    else if (*s == '\'' || escaped) {
        p->kind = TEXT;
        s = skip_quoted(s + escaped, escaped);
    } else if (*s == '"' || *s == '`') {
        p->kind = QUOTED;
        s = skip_quoted(s, false);
    } else if (in_word(*s)) {
        p->kind = WORD;
        while (in_word(*s)) s++;
    } else {
        p->kind = SIGN;
        s++;
    }
    if (!s) p->kind = OPEN;
    p->behind = s ? s : p->at + strlen(p->at);
}

static pli__str token(const parser *p) { return (pli__str){p->at, (size_t)(p->behind - p->at)}; }
static bool is_word(const parser *p, const char *word) { return p->kind == WORD && pli__str_ieqz(token(p), word); }
static bool is_sign(const parser *p, char c) { return p->kind == SIGN && *p->at == c; }

static pli_status expected(parser *p, const char *what) {
    const pli__str t = token(p);
    const pli_status s =
        p->kind == END ? pli__error_set(p->err, PLI_E_SQL, "merge clause '%s': expected %s at its end", p->text, what)
                       : pli__error_set(p->err, PLI_E_SQL, "merge clause '%s': expected %s at character %d, not '%.*s'",
                                        p->text, what, (int)(p->at - p->text) + 1, PLI_STR_ARG(t));
    (void)pli__error_hint(
        p->err,
        "such as \"MATCHED AND source.op = 'd' THEN DELETE\", \"MATCHED THEN UPDATE SET *\", \"NOT MATCHED THEN INSERT *\"");
    return s;
}

static bool take_word(parser *p, const char *word) {
    if (!is_word(p, word)) return false;
    next(p);
    return true;
}

static pli_status need_word(parser *p, const char *word) { return take_word(p, word) ? PLI_OK : expected(p, word); }

static pli_status need_sign(parser *p, char c) {
    const char what[] = {'\'', c, '\'', '\0'};
    if (!is_sign(p, c)) return expected(p, what);
    next(p);
    return PLI_OK;
}

/* ---- expressions and names ---- */

static bool ends_expression(const parser *p, const char *word, const char *signs) {
    if (p->kind == END || p->kind == OPEN) return true;
    if (word && is_word(p, word)) return true;
    return p->kind == SIGN && strchr(signs, *p->at);
}

/* Cut out an expression: up to a word or sign that is not inside of brackets or CASE … END. */
static pli_status take_expression(parser *p, const char *word, const char *signs, const char **out) {
    const char *from = p->at, *to = p->at;
    size_t brackets = 0, cases = 0;
    while (brackets || cases ? p->kind != END && p->kind != OPEN : !ends_expression(p, word, signs)) {
        if (p->kind == SIGN && strchr("([{", *p->at)) brackets++;
        if (p->kind == SIGN && strchr(")]}", *p->at)) {
            if (!brackets) return expected(p, "an expression");
            brackets--;
        }
        if (!brackets && is_word(p, "CASE")) cases++;
        if (!brackets && cases && is_word(p, "END")) cases--;
        to = p->behind;
        next(p);
    }
    if (p->kind == OPEN) return expected(p, "a closing quote");
    if (brackets) return expected(p, "a closing bracket");
    if (cases) return expected(p, "END of CASE");
    if (to == from) return expected(p, "an expression");
    *out = pli__arena_strdup(p->arena, (pli__str){from, (size_t)(to - from)});
    return pli__arena_status(p->arena, p->err);
}

/* A column's name, with or without `target.`. */
static pli_status take_column(parser *p, const char **out) {
    PLI_AUTO(pli__buf_clear) pli__buf name = {0};
    if (p->kind == OPEN) return expected(p, "a closing quote");
    if (p->kind != WORD && p->kind != QUOTED) return expected(p, "a column");
    const bool target = is_word(p, "target");
    pli__str t = token(p);
    const char quote = p->kind == QUOTED ? *p->at : '\0';
    next(p);
    if (is_sign(p, '.') && target) {
        next(p);
        return take_column(p, out);
    }
    if (is_sign(p, '.')) return expected(p, "a column of the table (members of structs cannot be set alone)");
    if (quote) t = (pli__str){t.ptr + 1, t.len >= 2 ? t.len - 2 : 0};
    for (size_t i = 0; i < t.len; i++) {
        pli__buf_addc(&name, t.ptr[i]);
        if (quote && t.ptr[i] == quote) i++;
    }
    if (!name.len) return expected(p, "a column");
    PLI_TRY(pli__buf_status(&name, p->err));
    *out = pli__arena_strdup(p->arena, pli__buf_str(&name));
    return pli__arena_status(p->arena, p->err);
}

static pli_status add_set(parser *p, pli_merge_clause *c, size_t *cap, const char *column, const char *sql) {
    if (c->n_set == PLI__MERGE_SET_MAX)
        return pli__error_set(p->err, PLI_E_LIMIT, "a merge clause sets more than %d columns", PLI__MERGE_SET_MAX);
    if (c->n_set == *cap) {
        const size_t more = *cap ? *cap * 2 : 8;
        pli_property *set = pli__arena_calloc(p->arena, more, sizeof *set);
        if (!set) return pli__error_memory(p->err);
        if (c->n_set) memcpy(set, c->set, c->n_set * sizeof *set);
        c->set = set;
        *cap = more;
    }
    ((pli_property *)(uintptr_t)c->set)[c->n_set++] = (pli_property){column, sql};
    return PLI_OK;
}

/* ---- actions ---- */

static pli_status take_update(parser *p, pli_merge_clause *c) {
    size_t cap = 0;
    c->action = PLI_MERGE_UPDATE;
    PLI_TRY(need_word(p, "SET"));
    if (is_sign(p, '*')) {
        c->star = true;
        next(p);
        return PLI_OK;
    }
    for (;;) {
        const char *column = NULL, *sql = NULL;
        PLI_TRY(take_column(p, &column));
        PLI_TRY(need_sign(p, '='));
        PLI_TRY(take_expression(p, NULL, ",;", &sql));
        PLI_TRY(add_set(p, c, &cap, column, sql));
        if (!is_sign(p, ',')) return PLI_OK;
        next(p);
    }
}

static pli_status take_columns(parser *p, pli_merge_clause *c) {
    size_t cap = 0;
    PLI_TRY(need_sign(p, '('));
    for (;;) {
        const char *column = NULL;
        PLI_TRY(take_column(p, &column));
        PLI_TRY(add_set(p, c, &cap, column, NULL));
        if (!is_sign(p, ',')) return need_sign(p, ')');
        next(p);
    }
}

static pli_status take_insert(parser *p, pli_merge_clause *c) {
    c->action = PLI_MERGE_INSERT;
    if (is_sign(p, '*')) {
        c->star = true;
        next(p);
        return PLI_OK;
    }
    if (!is_sign(p, '(')) return expected(p, "'*' or a list of columns");
    PLI_TRY(take_columns(p, c));
    PLI_TRY(need_word(p, "VALUES"));
    PLI_TRY(need_sign(p, '('));
    for (size_t i = 0; i < c->n_set; i++) {
        if (i) PLI_TRY(need_sign(p, ','));
        PLI_TRY(take_expression(p, NULL, ",)", &((pli_property *)(uintptr_t)c->set)[i].value));
    }
    return is_sign(p, ',') ? expected(p, "as many values as columns") : need_sign(p, ')');
}

static pli_status take_action(parser *p, pli_merge_clause *c) {
    if (take_word(p, "UPDATE")) return take_update(p, c);
    if (take_word(p, "INSERT")) return take_insert(p, c);
    if (take_word(p, "DELETE")) return c->action = PLI_MERGE_DELETE, PLI_OK;
    return expected(p, "UPDATE, INSERT or DELETE");
}

static pli_status take_when(parser *p, pli_merge_clause *c) {
    (void)take_word(p, "WHEN");
    const bool negated = take_word(p, "NOT");
    if (!take_word(p, "MATCHED")) return expected(p, negated ? "MATCHED" : "MATCHED or NOT MATCHED");
    c->when = negated ? PLI_MERGE_NOT_MATCHED : PLI_MERGE_MATCHED;
    if (!negated || !take_word(p, "BY")) return PLI_OK;
    if (take_word(p, "TARGET")) return PLI_OK;
    c->when = PLI_MERGE_NOT_MATCHED_BY_SOURCE;
    return take_word(p, "SOURCE") ? PLI_OK : expected(p, "SOURCE or TARGET");
}

pli_status pli__merge_clause_parse(const char *text, pli__arena *arena, pli_merge_clause *out, pli_error *err) {
    parser p = {.text = text, .arena = arena, .err = err, .at = text, .behind = text};
    pli_merge_clause c = {0};
    next(&p);
    PLI_TRY(take_when(&p, &c));
    if (take_word(&p, "AND")) PLI_TRY(take_expression(&p, "THEN", ";", &c.condition));
    else if (!is_word(&p, "THEN")) return expected(&p, "AND or THEN");
    PLI_TRY(need_word(&p, "THEN"));
    PLI_TRY(take_action(&p, &c));
    if (is_sign(&p, ';')) next(&p);
    if (p.kind != END) return expected(&p, "nothing more");
    *out = c;
    return PLI_OK;
}

/* ---- clauses together ---- */

static const char *const when_names[] = {"MATCHED", "NOT MATCHED", "NOT MATCHED BY SOURCE"};

static pli_status check_action(const pli_merge_clause *c, pli_error *err) {
    if ((unsigned)c->when > PLI_MERGE_NOT_MATCHED_BY_SOURCE || (unsigned)c->action > PLI_MERGE_INSERT)
        return pli__error_set(err, PLI_E_ARGUMENT, "a merge clause has an unknown kind or action");
    const bool inserts = c->action == PLI_MERGE_INSERT;
    if (inserts != (c->when == PLI_MERGE_NOT_MATCHED))
        return pli__error_set(err, PLI_E_SQL, "a merge clause WHEN %s can %s", when_names[c->when],
                              inserts ? "UPDATE or DELETE, not INSERT" : "only INSERT");
    if (c->star && c->when == PLI_MERGE_NOT_MATCHED_BY_SOURCE)
        return pli__error_set(err, PLI_E_SQL, "a merge clause WHEN NOT MATCHED BY SOURCE has no row for UPDATE SET *");
    if (c->action != PLI_MERGE_DELETE && !c->star && !c->n_set)
        return pli__error_set(err, PLI_E_SQL, "a merge clause WHEN %s %s no columns", when_names[c->when],
                              inserts ? "inserts" : "sets");
    return PLI_OK;
}

static pli_status check_set(const pli_merge_clause *c, pli_error *err) {
    if (c->n_set > PLI__MERGE_SET_MAX)
        return pli__error_set(err, PLI_E_LIMIT, "a merge clause sets more than %d columns", PLI__MERGE_SET_MAX);
    for (size_t i = 0; i < c->n_set; i++) {
        if (!c->set[i].key || !c->set[i].value)
            return pli__error_set(err, PLI_E_ARGUMENT, "a merge clause sets a column without a name or expression");
        for (size_t k = 0; k < i; k++)
            if (pli__str_ieqz(pli__str_of(c->set[k].key), c->set[i].key))
                return pli__error_set(err, PLI_E_SQL, "a merge clause sets column '%s' twice", c->set[i].key);
    }
    return PLI_OK;
}

pli_status pli__merge_clauses_check(const pli_merge_clause *clauses, size_t n, pli_error *err) {
    bool final[3] = {false, false, false};
    if (!n) return pli__error_set(err, PLI_E_ARGUMENT, "a merge needs at least one clause");
    for (size_t i = 0; i < n; i++) {
        const pli_merge_clause *c = &clauses[i];
        PLI_TRY(check_action(c, err));
        PLI_TRY(check_set(c, err));
        if (final[c->when])
            return pli__error_set(err, PLI_E_SQL, "a merge clause WHEN %s stands behind one without a condition",
                                  when_names[c->when]);
        final[c->when] = !c->condition;
    }
    return PLI_OK;
}
