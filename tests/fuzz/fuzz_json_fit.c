/* JSON against nested types: what is pruned fits, and what fits has no misfits. The first line is the SQL type. */
#include <stdlib.h>

#include "types/json_fit.h"
#include "types/json_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_value(pli__json_fit *fit, pli__str json) {
    bool has, again;
    pli__str out, misfits;
    if (pli__json_fit_run(fit, json, true, &has, &out, NULL) != PLI_OK || !has) return;
    char *pruned = pli__str_dup(out);
    if (!pruned) return;
    if (pli__json_fit_run(fit, pli__str_of(pruned), false, &again, &misfits, NULL) != PLI_OK || again) abort();
    free(pruned);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const pli__str all = {(const char *)data, size};
    const char *end = size ? memchr(data, '\n', size) : NULL;
    PLI_AUTO(pli__buf_clear) pli__buf scratch = {0};
    PLI_AUTO(pli__json_fit_clear) pli__json_fit fit = {0};
    pli__str text;
    (void)pli__json_text(all, true, &scratch, &text);
    if (!end || pli__json_fit_init(&fit, (pli__str){all.ptr, (size_t)(end - all.ptr)}, NULL) != PLI_OK) return 0;
    check_value(&fit, (pli__str){end + 1, size - (size_t)(end + 1 - all.ptr)});
    return 0;
}
