/*
 * Reports: rows arrive as JSON objects and leave as a table, JSON, NDJSON or CSV. NDJSON and JSON stream; a table holds
 * up to TABLE_ROWS rows to find the widths and streams with those from there on.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/text.h"

#define TABLE_ROWS 2000
#define MAX_CELL 60

struct cli_rows {
    cli_context *ctx;
    FILE *to;
    size_t count;
    json_t *keys;    /* array of texts, from the first row if they were not given */
    json_t **held;   /* rows of a table until widths are known */
    size_t n_held;
    size_t *widths;
    bool failed;
};

cli_rows *cli_rows_begin(cli_context *ctx, FILE *to) {
    cli_rows *r = calloc(1, sizeof *r);
    if (r) r->ctx = ctx, r->to = to;
    return r;
}

/* Stands before the text of a value that was no string. */
#define RAW_MARK '\x01'

/* A cell as text for people and CSV. Caller frees. */
static char *cell_text(const json_t *v) {
    if (!v || json_is_null(v)) return strdup("");
    if (!json_is_string(v)) return json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(17));
    const char *text = json_string_value(v);
    return strdup(text[0] == RAW_MARK ? text + 1 : text);
}

static bool is_number(const json_t *v) {
    if (!v || !json_is_string(v)) return json_is_number(v);
    const char *text = json_string_value(v);
    return text[0] == RAW_MARK && (text[1] == '-' || (text[1] >= '0' && text[1] <= '9'));
}

/* ---- rows whose numbers keep every digit ---- */

/* Where the value ends that begins at *at; the text is valid JSON. */
static size_t value_end(const char *json, size_t at, size_t len) {
    bool quoted = false;
    for (size_t depth = 0; at < len; at++) {
        const char c = json[at];
        if (quoted) {
            if (c == '\\') at++;
            else if (c == '"') quoted = false;
        } else if (c == '"') quoted = true;
        else if (c == '{' || c == '[') depth++;
        else if (depth && (c == '}' || c == ']')) depth--;
        else if (!depth && (c == ',' || c == '}')) break;
    }
    return at;
}

/* `to` is ours alone: no lock for each byte. */
static void put_quoted(FILE *to, const char *text, size_t len) {
    fputs("\"\\u0001", to);
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '"' || text[i] == '\\') putc_unlocked('\\', to);
        putc_unlocked((unsigned char)text[i] < ' ' ? ' ' : text[i], to); /* blanks between the parts of a value */
    }
    fputc('"', to);
}

/* The object with its numbers, objects and arrays as marked texts: a parser would round decimals and refuse big ones. */
static json_t *load_row(const char *json, size_t len) {
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);
    if (!to) return NULL;
    for (size_t at = 0; at < len;) {
        const char c = json[at];
        const size_t end = at && json[at - 1] == ':' ? value_end(json, at, len) : at;
        if (end > at && !strchr("\"tfn", c)) put_quoted(to, json + at, end - at);
        else if (end > at) fwrite(json + at, 1, end - at, to);
        else if (c == '"') { /* a key */ size_t close = at + 1;
            while (close < len && json[close] != '"') close += json[close] == '\\' ? 2 : 1;
            fwrite(json + at, 1, close + 1 - at, to);
            at = close + 1;
            continue;
        } else fputc(c, to);
        at = end > at ? end : at + 1;
    }
    json_t *row = fclose(to) == 0 ? json_loadb(text, size, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL) : NULL;
    free(text);
    return row;
}

static bool take_keys(cli_rows *r, json_t *row) {
    if (r->keys) return true;
    r->keys = json_array();
    const char *key;
    json_t *value;
    json_object_foreach(row, key, value) json_array_append_new(r->keys, json_string(key));
    return r->keys != NULL;
}

bool cli_rows_columns(cli_rows *r, const char *const *names) {
    if (!r || !(r->keys = json_array())) return false;
    for (; *names; names++) json_array_append_new(r->keys, json_string(*names));
    return true;
}

static void put_csv_cell(FILE *to, const char *text) {
    if (!strpbrk(text, ",\"\r\n")) {
        fputs(text, to);
        return;
    }
    fputc('"', to);
    for (const char *quote; (quote = strchr(text, '"')); text = quote + 1) {
        fwrite(text, 1, (size_t)(quote + 1 - text), to);
        fputc('"', to);
    }
    fputs(text, to);
    fputc('"', to);
}

static void put_csv_row(cli_rows *r, const json_t *row) {
    size_t i;
    json_t *key;
    json_array_foreach(r->keys, i, key) {
        if (i) fputc(',', r->to);
        if (row) {
            char *text = cell_text(json_object_get(row, json_string_value(key)));
            put_csv_cell(r->to, text ? text : "");
            free(text);
        } else put_csv_cell(r->to, json_string_value(key));
    }
    fputc('\n', r->to);
}

static void put_padded(cli_rows *r, const char *text, size_t width, bool right, bool last) {
    const size_t has = cli_width(text);
    const int gap = has < width ? (int)(width - has) : 0;
    if (right) fprintf(r->to, "%*s", gap, "");
    cli_put_safe(r->to, text);
    if (!right && !last) fprintf(r->to, "%*s", gap, "");
    if (!last) fputs("  ", r->to);
}

/* Long values are cut, so that a line stays readable; JSON has them whole. */
static void cut_cell(char *text) {
    if (strlen(text) <= MAX_CELL || cli_width(text) <= MAX_CELL) return;
    size_t at = 0, seen = 0;
    while (text[at] && seen < MAX_CELL - 1) {
        at++;
        while (((unsigned char)text[at] & 0xc0) == 0x80) at++;
        seen++;
    }
    memcpy(text + at, "…", sizeof "…");
}

/* What is written for people to read is never cut. */
static bool is_prose(const json_t *key) {
    return !strcmp(json_string_value(key), "message") || !strcmp(json_string_value(key), "hint");
}

static char *table_cell(const json_t *row, const json_t *key) {
    char *text = cell_text(json_object_get(row, json_string_value(key)));
    if (!text || is_prose(key)) return text;
    char *room = realloc(text, strlen(text) + 4);
    if (!room) return text;
    cut_cell(room);
    return room;
}

static void put_table_row(cli_rows *r, const json_t *row) {
    size_t i;
    json_t *key;
    const size_t n = json_array_size(r->keys);
    json_array_foreach(r->keys, i, key) {
        const json_t *v = json_object_get(row, json_string_value(key));
        char *text = table_cell(row, key);
        put_padded(r, text ? text : "", r->widths[i], v && is_number(v), i + 1 == n);
        free(text);
    }
    fputc('\n', r->to);
}

static void put_table_head(cli_rows *r) {
    size_t i;
    json_t *key;
    const size_t n = json_array_size(r->keys);
    if (r->ctx->color) fputs("\033[1m", r->to);
    json_array_foreach(r->keys, i, key) put_padded(r, json_string_value(key), r->widths[i], false, i + 1 == n);
    if (r->ctx->color) fputs("\033[0m", r->to);
    fputc('\n', r->to);
}

static void find_widths(cli_rows *r) {
    const size_t n = json_array_size(r->keys);
    r->widths = calloc(n ? n : 1, sizeof *r->widths);
    for (size_t i = 0; r->widths && i < n; i++) {
        const char *key = json_string_value(json_array_get(r->keys, i));
        r->widths[i] = cli_width(key);
        for (size_t j = 0; j < r->n_held; j++) {
            char *text = table_cell(r->held[j], json_array_get(r->keys, i));
            const size_t w = text ? cli_width(text) : 0;
            if (w > r->widths[i]) r->widths[i] = w;
            free(text);
        }
    }
}

static void flush_table(cli_rows *r) {
    if (!r->keys || r->widths) return;
    find_widths(r);
    if (!r->widths) {
        r->failed = true;
        return;
    }
    put_table_head(r);
    for (size_t i = 0; i < r->n_held; i++) {
        put_table_row(r, r->held[i]);
        json_decref(r->held[i]);
    }
    r->n_held = 0;
}

static void add_table_row(cli_rows *r, json_t *row) {
    if (r->widths) {
        put_table_row(r, row);
        return;
    }
    if (!r->held) r->held = calloc(TABLE_ROWS, sizeof(json_t *));
    if (!r->held) {
        r->failed = true;
        return;
    }
    r->held[r->n_held++] = json_incref(row);
    if (r->n_held == TABLE_ROWS) flush_table(r);
}

static int add_text(cli_rows *r, const char *json, size_t len) {
    if (r->ctx->format == CLI_JSON) fputs(r->count ? ",\n " : "[", r->to);
    fwrite(json, 1, len, r->to);
    if (r->ctx->format == CLI_NDJSON) fputc('\n', r->to);
    r->count++;
    return ferror(r->to) ? 1 : 0;
}

int cli_rows_add(void *rows, const char *json, size_t len) {
    cli_rows *r = rows;
    if (r->ctx->format == CLI_JSON || r->ctx->format == CLI_NDJSON) return add_text(r, json, len);
    json_t *row = load_row(json, len);
    if (!row || !json_is_object(row) || !take_keys(r, row)) {
        json_decref(row);
        r->failed = true;
        return 1;
    }
    if (r->ctx->format == CLI_CSV) {
        if (r->count == 0) put_csv_row(r, NULL);
        put_csv_row(r, row);
    } else add_table_row(r, row);
    json_decref(row);
    r->count++;
    return r->failed || ferror(r->to) ? 1 : 0;
}

bool cli_rows_any(const cli_rows *r) { return r->count > 0; }

bool cli_rows_end(cli_rows *r, bool complete) {
    if (!r) return false;
    /* a failed report leaves stdout to the error object; an array that was begun is closed */
    if (r->ctx->format == CLI_JSON && (complete || r->count)) fputs(r->count ? "]\n" : "[]\n", r->to);
    if (r->ctx->format == CLI_TABLE && complete && r->count) flush_table(r);
    if (r->ctx->format == CLI_CSV && complete && r->keys && !r->count) put_csv_row(r, NULL);
    for (size_t i = 0; i < r->n_held; i++) json_decref(r->held[i]);
    const bool ok = !r->failed && fflush(r->to) == 0 && !ferror(r->to);
    json_decref(r->keys);
    free(r->held);
    free(r->widths);
    free(r);
    return ok;
}

static int print_lines(json_t *object) {
    const char *key;
    json_t *value;
    int width = 0;
    json_object_foreach(object, key, value) if ((int)cli_width(key) > width) width = (int)cli_width(key);
    json_object_foreach(object, key, value) {
        char *text = cell_text(value);
        printf("%-*s  ", width, key);
        cli_put_safe(stdout, text ? text : "");
        putchar('\n');
        free(text);
    }
    return 0;
}

int cli_print_object(cli_context *ctx, const char *json) {
    if (ctx->format == CLI_JSON || ctx->format == CLI_NDJSON) {
        printf("%s\n", json);
        return 0;
    }
    if (ctx->format == CLI_CSV) {
        cli_rows *rows = cli_rows_begin(ctx, stdout);
        if (rows) cli_rows_add(rows, json, strlen(json));
        return cli_rows_end(rows, true) ? 0 : 1;
    }
    json_t *object = json_loads(json, 0, NULL);
    const int code = object ? print_lines(object) : 1;
    json_decref(object);
    return code;
}
