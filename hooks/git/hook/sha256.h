/* SHA-256 (FIPS 180-4) and HMAC (RFC 2104) without a library: sluice-hook runs in repositories
 * where nothing but the C library can be counted on, and must start in less than a millisecond. */
#ifndef SLUICE_HOOK_SHA256_H
#define SLUICE_HOOK_SHA256_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct hook_sha256 {
    uint32_t state[8];
    uint64_t bytes;
    unsigned char block[64];
};

void hook_sha256_begin(struct hook_sha256* hash);
void hook_sha256_add(struct hook_sha256* hash, const void* data, size_t size);
void hook_sha256_end(struct hook_sha256* hash, unsigned char digest[32]);

void hook_hmac_sha256(const void* key, size_t key_size, const void* data, size_t size,
                      unsigned char mac[32]);
/* Writes 2 * size hex digits and a NUL. */
void hook_hex(const unsigned char* bytes, size_t size, char* out);

#ifdef __cplusplus
}
#endif

#endif
