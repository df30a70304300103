/* Values from text: every function takes any bytes, and what one of them accepts is what the others say about it. */
#include <math.h>
#include <stdlib.h>

#include "types/value_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A duration is read back from the text that it is given. */
static void check_duration(pli__str s) {
    int64_t us, again;
    char text[PLI__DURATION_TEXT_MAX];
    if (!pli__text_to_duration(s, &us)) return;
    pli__duration_to_text(us, text);
    if (us != INT64_MIN && (!pli__text_to_duration(pli__str_of(text), &again) || again != us)) abort();
}

/* Whole numbers are decimals without digits after the point; any scale only moves the point. */
static void check_decimal(pli__str s) {
    int64_t i;
    pli__unscaled u;
    if (pli__text_to_i64(s, &i) &&
        (!pli__text_to_decimal(s, 0, &u) || u.low != (uint64_t)i || u.high != (i < 0 ? -1 : 0)))
        abort();
    for (int scale = 0; scale <= 38; scale++)
        if (pli__text_to_decimal(s, scale, &u) && scale < 38 && u.high == 0 && u.low < 1000) {
            pli__unscaled finer;
            if (!pli__text_to_decimal(s, scale + 1, &finer) || finer.high != 0 || finer.low != u.low * 10) abort();
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const pli__str s = {(const char *)data, size};
    int64_t i = 0, us;
    int32_t days;
    double d;
    bool flag, zoned;
    pli__number_shape shape;
    const bool number = pli__text_to_shape(s, &shape);
    if (pli__text_to_i64(s, &i) && (!number || shape.fraction != 0 || shape.whole > 19)) abort();
    if (pli__text_to_f64(s, &d) && !isfinite(d)) abort();
    if (number && pli__text_to_bool(s, &flag)) abort();
    if (number && pli__text_to_timestamp(s, &us, &zoned)) abort();
    if (pli__text_to_date(s, &days) &&
        (!pli__text_to_timestamp(s, &us, &zoned) || zoned || us != days * INT64_C(86400000000)))
        abort();
    (void)pli__text_to_time(s, &us);
    check_duration(s);
    check_decimal(s);
    return 0;
}
