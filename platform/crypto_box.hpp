#pragma once
/// Encryption on libsodium: at rest with a key of ours, on the way with a receiver's public key.
/// crypto::init() once before. Any thread.

#include "pipelines/base/result.hpp"

#include <array>
#include <string>
#include <string_view>

namespace sluice::crypto {

/// A 32-byte key, wiped when it goes.
class SecretKey {
public:
    static constexpr std::size_t k_size = 32;

    static SecretKey random();
    /// Refused unless `bytes` has exactly k_size bytes.
    static Result<SecretKey> from_bytes(std::string_view bytes);
    ~SecretKey();
    SecretKey(const SecretKey&) = default;
    SecretKey& operator=(const SecretKey&) = default;

    std::string_view bytes() const {
        return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()};
    }

private:
    SecretKey() = default;
    std::array<unsigned char, k_size> bytes_{};
};

/// XChaCha20-Poly1305: nonce and ciphertext. `context` is not stored; who opens must name the same,
/// so that a value can't be moved to another place.
std::string seal(const SecretKey& key, std::string_view plain, std::string_view context);
/// Refused (code unauthorized, id `cannot_open`) for another key, another context or changed bytes.
Result<std::string> open(const SecretKey& key, std::string_view sealed, std::string_view context);

/// Anonymous boxes (X25519): anyone who has the public key can seal, only this object can open.
class SealedBox {
public:
    SealedBox();
    /// Raw 32 bytes.
    std::string public_key() const;
    /// Refused with id `cannot_open`.
    Result<std::string> open(std::string_view sealed) const;

private:
    std::array<unsigned char, 32> public_{};
    SecretKey secret_;
};

/// Refused with id `bad_public_key` when that is no public key.
Result<std::string> seal_to(std::string_view public_key, std::string_view plain);

/// Overwrites the bytes; the string is empty afterwards.
void wipe(std::string& secret);

}  // namespace sluice::crypto
