#pragma once
/// Digests, MACs, random tokens and constant-time comparison, on libsodium. crypto::init() once
/// before any other call (main, and the zygote before it forks). Any thread.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace sluice::crypto {

/// Throws std::runtime_error when libsodium cannot start.
void init();

/// Raw 32 bytes.
std::string sha256(std::string_view bytes);
/// Lower-case hex.
std::string sha256_hex(std::string_view bytes);
/// Raw 32 bytes, HMAC-SHA-256 with a key of any length.
std::string hmac_sha256(std::string_view key, std::string_view bytes);
/// Constant time in the length of both; false when the lengths differ. The only comparison for
/// secrets.
bool ct_equal(std::string_view a, std::string_view b);
/// `bytes` random bytes as base64url, e.g. 32 → 43 characters.
std::string random_token(std::size_t bytes = 32);
/// Uniform below `bound` (> 0), e.g. for jitter.
std::uint32_t random_below(std::uint32_t bound);

/// CRC-32C (Castagnoli, RFC 3720) of `bytes` appended to data whose crc is `crc` (0 at the start).
/// SSE4.2 when present.
std::uint32_t crc32c(std::uint32_t crc, std::span<const char> bytes);

}  // namespace sluice::crypto
