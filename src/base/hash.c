/*
 * Hashes and ids over libcrypto, zlib, xxHash and libuuid.
 *
 * SHA-256 and MD5 use libcrypto's plain functions, deprecated since 3.0 but not removed: unlike EVP they neither
 * allocate nor look up a provider and so cannot fail. A digest that decides whether a batch is a repeat must not fail.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "base/hash.h"

#include <openssl/md5.h>
#include <openssl/sha.h>
#include <uuid/uuid.h>
#include <xxhash.h>
#include <zlib.h>

static void format_hex(const unsigned char *bytes, size_t n, char *out) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * n] = 0;
}

void pli__sha256_hex(pli__str data, char out[65]) {
    unsigned char digest[SHA256_DIGEST_LENGTH];
    SHA256_CTX ctx;
    SHA256_Init(&ctx);
    SHA256_Update(&ctx, data.ptr, data.len);
    SHA256_Final(digest, &ctx);
    format_hex(digest, sizeof digest, out);
}

void pli__md5_hex(pli__str data, char out[33]) {
    unsigned char digest[MD5_DIGEST_LENGTH];
    MD5_CTX ctx;
    MD5_Init(&ctx);
    MD5_Update(&ctx, data.ptr, data.len);
    MD5_Final(digest, &ctx);
    format_hex(digest, sizeof digest, out);
}

uint32_t pli__crc32(pli__str data) {
    if (data.len == 0) return 0; /* zlib takes a NULL pointer as a request for the start value */
    return (uint32_t)crc32_z(0, (const unsigned char *)data.ptr, data.len);
}

uint64_t pli__hash64(pli__str data) { return data.len ? XXH64(data.ptr, data.len, 0) : XXH64("", 0, 0); }

void pli__uuid_new(char out[37]) {
    uuid_t id;
    uuid_generate_random(id);
    uuid_unparse_lower(id, out);
}

static int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

bool pli__uuid_parse(pli__str s, uint8_t out[16]) {
    uint8_t id[16];
    size_t n = 0;
    if (s.len != 36) return false;
    for (size_t i = 0; i < 36;) {
        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (s.ptr[i++] != '-') return false;
            continue;
        }
        const int hi = hex_value(s.ptr[i]), lo = hex_value(s.ptr[i + 1]);
        if (hi < 0 || lo < 0) return false;
        id[n++] = (uint8_t)(hi << 4 | lo);
        i += 2;
    }
    memcpy(out, id, sizeof id);
    return true;
}

void pli__uuid_format(const uint8_t in[16], char out[37]) { uuid_unparse_lower(in, out); }

void pli__base64_add(pli__buf *b, pli__str data) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *p = (const unsigned char *)data.ptr;
    for (size_t i = 0; i < data.len; i += 3) {
        const size_t n = data.len - i < 3 ? data.len - i : 3;
        const uint32_t v = (uint32_t)p[i] << 16 | (n > 1 ? (uint32_t)p[i + 1] << 8 : 0) | (n > 2 ? p[i + 2] : 0);
        const char text[4] = {digits[v >> 18], digits[v >> 12 & 63], n > 1 ? digits[v >> 6 & 63] : '=',
                              n > 2 ? digits[v & 63] : '='};
        pli__buf_add(b, text, sizeof text);
    }
}
