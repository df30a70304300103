/* Delta's schema JSON: any bytes are read or refused; what was read is written and read again as the same type. */
#include <stdint.h>
#include <stdlib.h>

#include "types/type.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const pli__type *t = NULL, *again = NULL;
    pli_error err = {0};
    pli__buf text = {0};
    if (pli__type_from_delta((pli__str){(const char *)data, size}, &t, &err) != PLI_OK) return 0;
    if (pli__type_to_delta(t, &text, &err) == PLI_OK) {
        if (pli__type_from_delta(pli__buf_str(&text), &again, &err) != PLI_OK) abort();
        if (!pli__type_equal(t, again, true)) abort();
    }
    pli__buf_clear(&text);
    pli__type_unref(t);
    pli__type_unref(again);
    return 0;
}
