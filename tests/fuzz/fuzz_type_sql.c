/* SQL type texts: any bytes are read or refused; what was read is written, and that text means itself
 * (not always the same type: SQL has no categoricals, and one zone). Columns as CREATE TABLE has them are a struct. */
#include <stdint.h>
#include <stdlib.h>

#include "types/type.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_columns(pli__str columns) {
    const pli__type *t = NULL, *again = NULL;
    pli__buf text = {0};
    if (pli__type_columns_from_sql(columns, &t, NULL) != PLI_OK) return;
    if (pli__type_to_sql(t, &text, NULL) == PLI_OK &&
        pli__type_columns_from_sql(pli__buf_str(&text), &again, NULL) != PLI_OK)
        abort();
    pli__buf_clear(&text);
    pli__type_unref(t);
    pli__type_unref(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    read_columns((pli__str){(const char *)data, size});
    const pli__type *t = NULL, *again = NULL;
    pli_error err = {0};
    pli__buf text = {0}, same = {0};
    if (pli__type_from_sql((pli__str){(const char *)data, size}, &t, &err) != PLI_OK) return 0;
    if (pli__type_to_sql(t, &text, &err) == PLI_OK) {
        if (pli__type_from_sql(pli__buf_str(&text), &again, &err) != PLI_OK) abort();
        if (pli__type_to_sql(again, &same, &err) != PLI_OK) abort();
        if (!pli__str_eq(pli__buf_str(&text), pli__buf_str(&same))) abort();
    }
    pli__buf_clear(&text);
    pli__buf_clear(&same);
    pli__type_unref(t);
    pli__type_unref(again);
    return 0;
}
