#include "hooks/git/hook/sha256.h"

#include <string.h>

/* The first 32 bits of the fractional parts of the cube roots of the first 64 primes. */
static const uint32_t k_rounds[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static uint32_t rotate(uint32_t x, int by) {
    return (x >> by) | (x << (32 - by));
}

static void compress(uint32_t state[8], const unsigned char block[64]) {
    uint32_t w[64];
    for (int i = 0; i < 16; ++i)
        w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 |
               (uint32_t)block[4 * i + 2] << 8 | block[4 * i + 3];
    for (int i = 16; i < 64; ++i) {
        uint32_t s0 = rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ (w[i - 15] >> 3);
        uint32_t s1 = rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ (w[i - 2] >> 10);
        w[i] = w[i - 16] + s0 + w[i - 7] + s1;
    }
    uint32_t v[8];
    memcpy(v, state, sizeof v);
    for (int i = 0; i < 64; ++i) {
        uint32_t s1 = rotate(v[4], 6) ^ rotate(v[4], 11) ^ rotate(v[4], 25);
        uint32_t choice = (v[4] & v[5]) ^ (~v[4] & v[6]);
        uint32_t t1 = v[7] + s1 + choice + k_rounds[i] + w[i];
        uint32_t s0 = rotate(v[0], 2) ^ rotate(v[0], 13) ^ rotate(v[0], 22);
        uint32_t majority = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);
        memmove(v + 1, v, 7 * sizeof v[0]);
        v[4] += t1;
        v[0] = t1 + s0 + majority;
    }
    for (int i = 0; i < 8; ++i) state[i] += v[i];
}

void hook_sha256_begin(struct hook_sha256* hash) {
    static const uint32_t start[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    memcpy(hash->state, start, sizeof start);
    hash->bytes = 0;
}

void hook_sha256_add(struct hook_sha256* hash, const void* data, size_t size) {
    const unsigned char* next = data;
    size_t filled = hash->bytes % 64;
    hash->bytes += size;
    while (size > 0) {
        size_t part = 64 - filled < size ? 64 - filled : size;
        memcpy(hash->block + filled, next, part);
        next += part;
        size -= part;
        filled += part;
        if (filled < 64) return;
        compress(hash->state, hash->block);
        filled = 0;
    }
}

void hook_sha256_end(struct hook_sha256* hash, unsigned char digest[32]) {
    static const unsigned char padding[64] = {0x80};
    unsigned char length[8];
    uint64_t bits = hash->bytes * 8;
    for (int i = 0; i < 8; ++i) length[i] = (unsigned char)(bits >> (56 - 8 * i));
    size_t filled = hash->bytes % 64;
    hook_sha256_add(hash, padding, filled < 56 ? 56 - filled : 120 - filled);
    hook_sha256_add(hash, length, sizeof length);
    for (int i = 0; i < 32; ++i)
        digest[i] = (unsigned char)(hash->state[i / 4] >> (24 - 8 * (i % 4)));
}

void hook_hmac_sha256(const void* key, size_t key_size, const void* data, size_t size,
                      unsigned char mac[32]) {
    unsigned char block[64] = {0};
    unsigned char pad[64];
    struct hook_sha256 hash;
    if (key_size > sizeof block) {
        hook_sha256_begin(&hash);
        hook_sha256_add(&hash, key, key_size);
        hook_sha256_end(&hash, block);
    } else if (key_size > 0) {
        memcpy(block, key, key_size);
    }
    for (int i = 0; i < 64; ++i) pad[i] = block[i] ^ 0x36;
    hook_sha256_begin(&hash);
    hook_sha256_add(&hash, pad, sizeof pad);
    hook_sha256_add(&hash, data, size);
    hook_sha256_end(&hash, mac);
    for (int i = 0; i < 64; ++i) pad[i] = block[i] ^ 0x5c;
    hook_sha256_begin(&hash);
    hook_sha256_add(&hash, pad, sizeof pad);
    hook_sha256_add(&hash, mac, 32);
    hook_sha256_end(&hash, mac);
}

void hook_hex(const unsigned char* bytes, size_t size, char* out) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < size; ++i) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * size] = '\0';
}
