/* Sets of partitions, by the values and not by their spelling. */
#include "delta/partition_set.h"

#include "base/time.h"
#include "delta/partition.h"

pli_status pli__partition_set_init(pli__partition_set *s, const pli__mapping *mapping, pli_error *err) {
    *s = (pli__partition_set){mapping, pli__map_new()};
    return s->keys ? PLI_OK : pli__error_memory(err);
}

void pli__partition_set_clear(pli__partition_set *s) {
    pli__map_free(s->keys);
    s->keys = NULL;
}

/* "+01.50" and "1.5" are one decimal. */
static void add_decimal(pli__str text, pli__buf *out) {
    bool negative = false;
    if (text.len && (text.ptr[0] == '-' || text.ptr[0] == '+')) {
        negative = text.ptr[0] == '-';
        text = (pli__str){text.ptr + 1, text.len - 1};
    }
    while (text.len && text.ptr[0] == '0') text = (pli__str){text.ptr + 1, text.len - 1};
    if (memchr(text.ptr, '.', text.len)) {
        while (text.ptr[text.len - 1] == '0') text.len--;
        if (text.ptr[text.len - 1] == '.') text.len--;
    }
    if (text.len && negative) pli__buf_addc(out, '-');
    pli__buf_adds(out, text);
}

static void add_value(const pli__type *t, pli__str text, pli__buf *out) {
    int64_t us;
    double number;
    switch (t->id) {
        case PLI__TYPE_TIMESTAMP:
        case PLI__TYPE_TIMESTAMP_NTZ:
            if (pli__time_parse_iso(text, &us)) pli__buf_addf(out, "%lld", (long long)us);
            else pli__buf_adds(out, text);
            break;
        case PLI__TYPE_DECIMAL: add_decimal(text, out); break;
        case PLI__TYPE_F32:
        case PLI__TYPE_F64:
            if (pli__str_to_f64(text, &number)) pli__buf_addf(out, "%.17g", number);
            else pli__buf_adds(out, text);
            break;
        case PLI__TYPE_BOOLEAN: pli__buf_addz(out, pli__str_ieqz(text, "true") ? "true" : "false"); break;
        default: pli__buf_adds(out, text); break;
    }
}

/* "3:abc" for a value, "-" for null, one after the other in the order of the columns. */
static pli_status key_of(const pli__partition_set *s, const pli__add *file, pli__buf *key, pli_error *err) {
    for (size_t i = 0; i < s->mapping->n; i++) {
        const pli__mapped_column *c = &s->mapping->columns[i];
        PLI_AUTO(pli__buf_clear) pli__buf value = {0};
        pli__str text;
        if (!c->is_partition) continue;
        (void)pli__partition_value(file->partition_values, file->n_partition_values, c, &text);
        if (!text.ptr) {
            pli__buf_addc(key, '-');
            continue;
        }
        add_value(c->field->type, text, &value);
        PLI_TRY(pli__buf_status(&value, err));
        pli__buf_addf(key, "%zu:", value.len);
        pli__buf_adds(key, pli__buf_str(&value));
    }
    return pli__buf_status(key, err);
}

pli_status pli__partition_set_add(pli__partition_set *s, const pli__add *file, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf key = {0};
    PLI_TRY(key_of(s, file, &key, err));
    return pli__map_put(s->keys, pli__buf_str(&key), NULL, NULL) ? PLI_OK : pli__error_memory(err);
}

pli_status pli__partition_set_has(const pli__partition_set *s, const pli__add *file, bool *out, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf key = {0};
    PLI_TRY(key_of(s, file, &key, err));
    *out = pli__map_has(s->keys, pli__buf_str(&key));
    return PLI_OK;
}
