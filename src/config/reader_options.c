/* Texts to typed reader options, by the formats' own table. */
#include "config/reader_options.h"

#include <string.h>

#include "pli/config.h"
#include "source/format.h"

static const pli__reader_option *find(const pli__format *format, const char *name) {
    size_t n;
    const pli__reader_option *table = pli__reader_options(&n);
    for (size_t i = 0; i < n; i++)
        if (strcmp(table[i].name, name) == 0 && (!format || table[i].formats & (1u << format->id))) return &table[i];
    return NULL;
}

/* What a text stands for; NULL = it stays text. */
static json_t *typed(const pli__reader_option *option, const char *text) {
    const pli__str s = pli__str_of(text);
    int64_t n;
    if (option->kind == PLI__OPT_BOOL) {
        if (pli__str_ieqz(s, "true") || pli__str_ieqz(s, "yes") || pli__str_ieqz(s, "on")) return json_true();
        if (pli__str_ieqz(s, "false") || pli__str_ieqz(s, "no") || pli__str_ieqz(s, "off")) return json_false();
    }
    const bool number = option->kind == PLI__OPT_INT || option->kind == PLI__OPT_SHEET;
    return number && pli__str_to_i64(s, &n) ? json_integer(n) : NULL;
}

size_t pli_reader_option_count(void) {
    size_t n;
    pli__reader_options(&n);
    return n;
}

bool pli_reader_option_at(size_t i, pli_reader_option_info *out) {
    static const char *const types[] = {[PLI__OPT_BOOL] = "flag",           [PLI__OPT_INT] = "number",
                                        [PLI__OPT_TEXT] = "text",           [PLI__OPT_CHAR] = "character",
                                        [PLI__OPT_TEXTS] = "list",          [PLI__OPT_COLUMNS] = "map",
                                        [PLI__OPT_SHEET] = "text or number"};
    size_t n;
    const pli__reader_option *table = pli__reader_options(&n);
    if (i >= n || !out) return false;
    *out = (pli_reader_option_info){table[i].name, types[table[i].kind], table[i].fallback, table[i].help};
    return true;
}

bool pli_reader_option_is_for(size_t i, const char *format) {
    size_t n;
    const pli__reader_option *table = pli__reader_options(&n);
    const pli__format *f = pli__format_of_name(format);
    return i < n && f && table[i].formats & (1u << f->id);
}

pli_status pli__reader_options_normalise(json_t *options, const char *format, pli_error *err) {
    const pli__format *f = pli__format_of_name(format);
    const char *name;
    json_t *value;
    void *next;
    json_object_foreach_safe(options, next, name, value) {
        const pli__reader_option *option = find(f, name);
        json_t *better = option && json_is_string(value) ? typed(option, json_string_value(value)) : NULL;
        if (better && json_object_set_new(options, name, better) != 0) return pli__error_memory(err);
    }
    const pli_status status = pli__format_check_options(f, options, err);
    if (status == PLI_E_ARGUMENT && err) err->code = PLI_E_CONFIG;
    return status == PLI_E_ARGUMENT ? PLI_E_CONFIG : status;
}
