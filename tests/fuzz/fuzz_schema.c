/*
 * Requests to the planner as anybody may write them: no crash, no leak, and a plan that is given out is JSON again.
 * The first line of an input may be a schema to compare with the second (pli_schema_diff); else it is one request.
 */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "pli/schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(pli_status status, char *text) {
    json_t *json = NULL;
    if ((status == PLI_OK) != (text != NULL)) abort();
    if (text && pli__json_parse(pli__str_of(text), "plan", &json, NULL) != PLI_OK) abort();
    json_decref(json);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = malloc(size + 1), *out = NULL;
    if (!text) return 0;
    memcpy(text, data, size);
    text[size] = 0;
    pli_error err;
    pli_status status = pli_schema_plan(text, &out, &err);
    check(status, out);
    char *second = strchr(text, '\n');
    if (second) {
        *second++ = 0;
        out = NULL;
        status = pli_schema_diff(text, second, &out, &err);
        check(status, out);
    }
    free(text);
    return 0;
}
