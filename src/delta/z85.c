/* Z85 (ZeroMQ RFC 32): four bytes as five characters, big-endian. */
#include "delta/dv.h"

static const char alphabet[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";

static int digit_of(char c) {
    const char *at = c ? memchr(alphabet, c, sizeof alphabet - 1) : NULL;
    return at ? (int)(at - alphabet) : -1;
}

pli_status pli__z85_decode(pli__str text, pli__buf *out, pli_error *err) {
    if (text.len % 5)
        return pli__error_set(err, PLI_E_CORRUPT, "Z85 text of %zu characters: the length is no multiple of 5",
                              text.len);
    for (size_t i = 0; i < text.len; i += 5) {
        uint64_t block = 0;
        for (size_t k = 0; k < 5; k++) {
            const int digit = digit_of(text.ptr[i + k]);
            if (digit < 0)
                return pli__error_set(err, PLI_E_CORRUPT, "Z85 text holds a character that is not in its alphabet");
            block = block * 85 + (uint64_t)digit;
        }
        if (block > UINT32_MAX)
            return pli__error_set(err, PLI_E_CORRUPT, "Z85 text holds a block of more than 32 bits");
        for (int shift = 24; shift >= 0; shift -= 8) pli__buf_addc(out, (char)(block >> shift));
    }
    return pli__buf_status(out, err);
}

void pli__z85_encode(pli__str data, pli__buf *out) {
    for (size_t i = 0; i + 4 <= data.len; i += 4) {
        uint32_t block = 0;
        char text[5];
        for (size_t k = 0; k < 4; k++) block = block << 8 | (uint8_t)data.ptr[i + k];
        for (size_t k = 5; k-- > 0; block /= 85) text[k] = alphabet[block % 85];
        pli__buf_add(out, text, sizeof text);
    }
}
