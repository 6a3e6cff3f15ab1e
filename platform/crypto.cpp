#include "platform/crypto.hpp"

#include "pipelines/base/text.hpp"

#include <sodium.h>

#include <array>
#include <cstring>
#include <stdexcept>

namespace sluice::crypto {

namespace {

const unsigned char* data(std::string_view bytes) {
    return reinterpret_cast<const unsigned char*>(bytes.data());
}
unsigned char* data(std::string& bytes) {
    return reinterpret_cast<unsigned char*>(bytes.data());
}

constexpr std::array<std::uint32_t, 256> make_crc_table() {
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t i = 0; i < table.size(); ++i) {
        std::uint32_t crc = i;
        for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) ? 0x82f63b78u : 0u);
        table[i] = crc;
    }
    return table;
}

std::uint32_t crc32c_table(std::uint32_t crc, const char* bytes, std::size_t size) {
    static constexpr auto k_table = make_crc_table();
    for (std::size_t i = 0; i < size; ++i)
        crc = (crc >> 8) ^ k_table[(crc ^ static_cast<unsigned char>(bytes[i])) & 0xff];
    return crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) std::uint32_t crc32c_sse(std::uint32_t crc, const char* bytes,
                                                           std::size_t size) {
    std::uint64_t wide = crc;
    for (; size >= 8; bytes += 8, size -= 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, bytes, sizeof word);
        wide = __builtin_ia32_crc32di(wide, word);
    }
    crc = static_cast<std::uint32_t>(wide);
    for (; size > 0; ++bytes, --size)
        crc = __builtin_ia32_crc32qi(crc, static_cast<unsigned char>(*bytes));
    return crc;
}
#endif

}  // namespace

void init() {
    if (sodium_init() < 0) throw std::runtime_error("libsodium cannot start");
}

std::string sha256(std::string_view bytes) {
    std::string digest(crypto_hash_sha256_BYTES, '\0');
    crypto_hash_sha256(data(digest), data(bytes), bytes.size());
    return digest;
}

std::string sha256_hex(std::string_view bytes) {
    std::string digest = sha256(bytes);
    return text::to_hex({data(digest), digest.size()});
}

std::string hmac_sha256(std::string_view key, std::string_view bytes) {
    crypto_auth_hmacsha256_state state;
    crypto_auth_hmacsha256_init(&state, data(key), key.size());
    crypto_auth_hmacsha256_update(&state, data(bytes), bytes.size());
    std::string mac(crypto_auth_hmacsha256_BYTES, '\0');
    crypto_auth_hmacsha256_final(&state, data(mac));
    sodium_memzero(&state, sizeof state);
    return mac;
}

bool ct_equal(std::string_view a, std::string_view b) {
    if (a.size() != b.size()) return false;
    return a.empty() || sodium_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string random_token(std::size_t bytes) {
    std::string raw(bytes, '\0');
    randombytes_buf(raw.data(), raw.size());
    return text::to_base64url(raw);
}

std::uint32_t random_below(std::uint32_t bound) {
    return randombytes_uniform(bound);
}

std::uint32_t crc32c(std::uint32_t crc, std::span<const char> bytes) {
    crc = ~crc;
#if defined(__x86_64__)
    static const bool k_has_sse42 = __builtin_cpu_supports("sse4.2");
    if (k_has_sse42) return ~crc32c_sse(crc, bytes.data(), bytes.size());
#endif
    return ~crc32c_table(crc, bytes.data(), bytes.size());
}

}  // namespace sluice::crypto
